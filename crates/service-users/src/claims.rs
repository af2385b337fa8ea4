//! The claims of Entra's access tokens, in words ("Access token claims reference", RFC 7519 section 4.1).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyholder_foundation::Timestamp;
use serde_json::{Map, Value};

/// Header and claims of a compact JWT (RFC 7515 section 3.1); nothing when it is none. The signature is for the
/// resource to check.
#[must_use]
pub fn read(token: &str) -> Option<(Map<String, Value>, Map<String, Value>)> {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let mut next = || serde_json::from_slice(&parts.next()??).ok();
    Some((next()?, next()?))
}

/// The value as people read it: times as dates.
#[must_use]
pub fn shown(claim: &str, value: &Value) -> String {
    match (claim, value) {
        ("iat" | "nbf" | "exp" | "xms_tcdt" | "auth_time", Value::Number(seconds)) => match seconds.as_i64() {
            Some(whole) => format!("{} ({seconds})", Timestamp::from_unix_seconds(whole)),
            None => seconds.to_string(),
        },
        (_, Value::String(text)) => text.clone(),
        (_, Value::Array(values)) => values
            .iter()
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(", "),
        (_, other) => other.to_string(),
    }
}

/// What the claim means; nothing for one that is not documented.
#[must_use]
pub fn explain(claim: &str, value: &Value) -> Option<String> {
    let text = value.as_str().unwrap_or_default();
    let words = match claim {
        "typ" => "what kind of thing this is: a JSON web token",
        "alg" => "how it is signed",
        "kid" | "x5t" => "which of the token service's published keys it is signed with",
        "aud" => "the resource that it opens, and no other: an org takes only tokens made for it",
        "iss" => "the token service that made it, with the tenant",
        "iat" => "when it was made",
        "nbf" => "from when on it is good",
        "exp" => {
            "until when it is good; what the caller loses meanwhile it has until then, unless the org looks itself"
        }
        "tid" => "the tenant whose directory the caller is in",
        "oid" => {
            "the caller in the directory: an application's service principal, or a person; by it the org finds its user"
        }
        "sub" => "the caller once more; for a person, as only this application knows them",
        "appid" | "azp" => "the application (client id) that asked for the token",
        "appidacr" | "azpacr" => match text {
            "0" => "the application did not prove itself: a public client",
            "1" => "the application proved itself by a client secret",
            "2" => "the application proved itself by a certificate, or by another issuer's token",
            _ => "how the application proved itself",
        },
        "app_displayname" => "what the application is called",
        "idtyp" => match text {
            "app" => "an application that speaks for itself",
            "user" => "a person, through an application",
            _ => "what kind of caller it is",
        },
        "scp" => {
            "what the application may do for the person, never more than the person may; user_impersonation for an org"
        }
        "roles" => "what the directory lets the application do by itself, with nobody signed in",
        "wids" => {
            "directory roles of the caller, by their templates' ids; they say nothing about security roles in an org"
        }
        "groups" => "groups of the caller",
        "acr" => match text {
            "1" => "the person proved to be there",
            "0" => "the proof of the person falls short of ISO/IEC 29115",
            _ => "how well the person proved to be there",
        },
        "amr" => {
            "how the person signed in: pwd by password, mfa with more than one proof, rsa by certificate or passkey"
        }
        "idp" => "who signed the caller in",
        "ipaddr" => "where the token was asked for from",
        "name" | "given_name" | "family_name" => "the person's name; anybody may change it, so no right may hang on it",
        "upn" | "unique_name" | "preferred_username" | "email" => {
            "the person's sign-in name; it may pass to somebody else, so no right may hang on it"
        }
        "ver" => match text {
            "1.0" => "the token's version, which the resource chooses: names such as appid and upn",
            "2.0" => "the token's version, which the resource chooses: names such as azp and preferred_username",
            _ => "the token's version",
        },
        "uti" => "this token's own id, as sign-in logs name it",
        "rh" | "aio" => "for the token service's own use",
        "tenant_region_scope" => "where the tenant is",
        "puid" | "onprem_sid" | "sid" => "an older id of the caller, or of the session",
        "xms_tcdt" => "when the tenant was made",
        "auth_time" => "when the person signed in",
        "cnf" => "the key that the caller must hold for the token to be good",
        "xms_cc" => "what the client can deal with: cp1 for tokens that are taken back before they end",
        _ => return None,
    };
    Some(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_is_read_and_whatever_is_none_is_not() {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let token = format!("{}.{}.c2ln", part(json!({"alg": "RS256"})), part(json!({"aud": "x", "n": 1})));
        let (header, claims) = read(&token).unwrap();
        assert_eq!((header["alg"].as_str(), claims.len()), (Some("RS256"), 2));
        for wrong in ["", "opaque", "a.b.c", ".", "e30", "MQ.MQ.MQ"] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn values_are_told_as_people_read_them() {
        assert_eq!(shown("exp", &json!(1_700_000_000)), "2023-11-14T22:13:20Z (1700000000)");
        assert_eq!(shown("wids", &json!(["a", 1])), "a, 1");
        assert!(explain("appidacr", &json!("1")).unwrap().contains("by a client secret"));
        assert!(explain("appidacr", &json!("2")).unwrap().contains("certificate"));
        assert_eq!(explain("something", &json!("x")), None);
    }
}
