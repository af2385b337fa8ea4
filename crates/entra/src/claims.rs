//! The claims of an access token.
//!
//! One struct covers v1 and v2, app-only and delegated tokens: which of its fields a token carries
//! is decided by the resource (its token version) and by the grant. A field that is none is not
//! printed.

use keyholder_foundation::{ClientId, ObjectId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::lenient;

/// What an access token of Entra's says. Field names are the claims' own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the claims are Entra's own and documented in its access token claims reference")]
pub struct AccessTokenClaims {
    pub aud: String,
    pub iss: String,
    /// Seconds since 1970, as are `nbf` and `exp`.
    #[serde(deserialize_with = "lenient::number")]
    pub iat: i64,
    #[serde(deserialize_with = "lenient::number")]
    pub nbf: i64,
    #[serde(deserialize_with = "lenient::number")]
    pub exp: i64,
    /// "1" when the person proved to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aio: Option<String>,
    /// How the person signed in: `pwd`, `mfa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amr: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_displayname: Option<String>,
    /// The client, in v1 tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appid: Option<ClientId>,
    /// How the client proved itself: "0" not at all, "1" by secret, "2" by certificate or assertion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appidacr: Option<String>,
    /// The client, in v2 tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azp: Option<ClientId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azpacr: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idp: Option<String>,
    /// "app" or "user".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idtyp: Option<String>,
    /// Where the person asked for the token from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipaddr: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The service principal (app-only) or user (delegated).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oid: Option<ObjectId>,
    /// The person's sign-in name, in v2 tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rh: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// Delegated permissions, separated by blanks; its presence makes a token delegated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scp: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    pub tid: TenantId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upn: Option<String>,
    /// This token's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uti: Option<String>,
    /// "1.0" or "2.0".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ver: Option<String>,
    /// Templates of the directory roles that the caller has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wids: Option<Vec<Uuid>>,
}

impl AccessTokenClaims {
    /// The application that asked for the token.
    #[must_use]
    pub fn client(&self) -> Option<ClientId> {
        self.appid.or(self.azp)
    }

    /// Whether an application speaks for itself, not for a person.
    #[must_use]
    pub fn is_app_only(&self) -> bool {
        self.scp.is_none()
    }

    /// When the token ends.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        Timestamp::from_unix_seconds(self.exp)
    }

    /// The end of `uti`, by which a token may be named in a log.
    #[must_use]
    pub fn short_id(&self) -> &str {
        let uti = self.uti.as_deref().unwrap_or("");
        uti.char_indices().rev().nth(5).and_then(|(index, _)| uti.get(index..)).unwrap_or(uti)
    }
}

/// What an id token of Entra's says: who signed in, to the application itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the claims are Entra's own and documented in its ID token claims reference")]
pub struct IdTokenClaims {
    /// The application.
    pub aud: String,
    pub iss: String,
    /// Seconds since 1970, as are `nbf` and `exp`.
    #[serde(deserialize_with = "lenient::number")]
    pub iat: i64,
    #[serde(deserialize_with = "lenient::number")]
    pub nbf: i64,
    #[serde(deserialize_with = "lenient::number")]
    pub exp: i64,
    /// In v1 tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amr: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the client sent with its request, so that it knows the answer to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    pub oid: ObjectId,
    /// In v2 tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rh: Option<String>,
    /// The person, as only this application knows it.
    pub sub: String,
    pub tid: TenantId,
    /// In v1 tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_name: Option<String>,
    /// In v1 tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uti: Option<String>,
    /// "1.0" or "2.0".
    pub ver: String,
}

/// The issuer of v1 tokens of `tenant`.
#[must_use]
pub fn issuer_v1(tenant: TenantId) -> String {
    format!("https://sts.windows.net/{tenant}/")
}

/// The issuer of v2 tokens of `tenant` at the token service of `origin`.
#[must_use]
pub fn issuer_v2(origin: &str, tenant: TenantId) -> String {
    format!("{origin}/{tenant}/v2.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_with_unknown_and_missing_claims() {
        let claims: AccessTokenClaims = serde_json::from_str(
            r#"{"aud":"https://org.example","iss":"https://sts.windows.net/9188040d-6c67-4c5b-b112-36a304b66dad/",
                "iat":1700000000.5,"nbf":1700000000,"exp":"1700003900","appid":"51F81489-12EE-4A9E-AAAE-A2591F45987D",
                "tid":"9188040d-6c67-4c5b-b112-36a304b66dad","uti":"abcdefghij","xms_new":{"a":1}}"#,
        )
        .unwrap();
        assert_eq!((claims.iat, claims.exp), (1_700_000_000, 1_700_003_900));
        assert!(claims.is_app_only());
        assert_eq!(claims.short_id(), "efghij");
        assert_eq!(claims.client().unwrap().to_string(), "51f81489-12ee-4a9e-aaae-a2591f45987d");
        assert_eq!(claims.iss, issuer_v1(claims.tid));
        assert!(!serde_json::to_string(&claims).unwrap().contains("null"));
    }
}
