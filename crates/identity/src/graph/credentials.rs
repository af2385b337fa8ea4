//! Secrets and certificates of applications and service principals: `addPassword`,
//! `removePassword`, `addKey`, `removeKey`, and the list of certificates in a PATCH.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use keyholder_entra::graph::KeyCredential;
use keyholder_foundation::{KeyId, ObjectId, Timestamp};
use serde_json::{Map, Value};

use super::answer::Answer;
use super::body::Body;
use super::problem::Problem;
use super::{Call, proof};
use crate::directory::holders::Holder;
use crate::directory::keys::WantedKey;
use crate::directory::passwords::NewPassword;

/// How long a secret lives when nothing is said: two years.
const DEFAULT_LIFETIME_DAYS: u64 = 730;

/// The action of this name; none when there is no such one.
pub(super) async fn handle(call: &Call<'_>, holder: Holder, name: &str) -> Option<Result<Answer, Problem>> {
    Some(match (name, call.method) {
        ("addpassword", &Method::POST) => add_password(call, holder).await,
        ("removepassword", &Method::POST) => remove_password(call, holder).await,
        ("addkey", &Method::POST) => add_key(call, holder).await,
        ("removekey", &Method::POST) => remove_key(call, holder).await,
        ("addpassword" | "removepassword" | "addkey" | "removekey", _) => call.no_method(),
        _ => return None,
    })
}

/// The object that holds the credentials, to which the caller must have rights.
async fn managed(call: &Call<'_>, holder: Holder) -> Result<ObjectId, Problem> {
    call.may_manage_any()?;
    let (directory, tenant) = (&call.identity.directory, &call.caller.tenant);
    let id = match holder {
        Holder::Application(key) => directory.find_application(tenant, key).await?.id,
        Holder::ServicePrincipal(key) => directory.find_service_principal(tenant.id, key).await?.id,
    };
    call.may_manage(id).await?;
    Ok(id)
}

async fn add_password(call: &Call<'_>, holder: Holder) -> Result<Answer, Problem> {
    call.may_manage_any()?;
    call.query.of_action()?;
    let mut body = Body::parse_optional("passwordCredential", call.body)?;
    let mut wanted = body.take_object("passwordCredential", "passwordCredential")?;
    body.finish()?;
    let display_name = wanted.take_nullable_text("displayName", 120)?.flatten();
    let starts = moment(&mut wanted, "startDateTime")?.unwrap_or_else(|| call.identity.clocks.now().whole_seconds());
    let ends = moment(&mut wanted, "endDateTime")?;
    let two_years = std::time::Duration::from_secs(DEFAULT_LIFETIME_DAYS * 24 * 60 * 60);
    let ends = ends.unwrap_or_else(|| starts.plus(two_years));
    if ends <= starts {
        return Err(wanted.invalid("endDateTime"));
    }
    for name in ["customKeyIdentifier", "keyId", "hint", "secretText"] {
        // Sent as null by clients that print every property.
        wanted.take_nothing(name)?;
    }
    // The service makes the secret: `secretText` is among what is refused here.
    wanted.finish()?;
    managed(call, holder).await?;
    let new = NewPassword { display_name, starts, ends };
    let made = call.identity.directory.add_password(&call.caller.tenant, holder, new).await?;
    Ok(Answer::Found(with_context(call, "passwordCredential", &made)))
}

/// What an action gives, with its type.
fn with_context(call: &Call<'_>, kind: &str, made: &impl serde::Serialize) -> Map<String, Value> {
    let mut shown = Map::new();
    let context = format!("{}/v1.0/$metadata#microsoft.graph.{kind}", call.identity.origin);
    shown.insert("@odata.context".to_owned(), context.into());
    if let Ok(Value::Object(properties)) = serde_json::to_value(made) {
        shown.extend(properties);
    }
    shown
}

fn moment(body: &mut Body, name: &str) -> Result<Option<Timestamp>, Problem> {
    let text = body.take_nullable_text(name, 64)?.flatten();
    text.map(|text| Timestamp::parse(&text).map_err(|_| body.invalid(name))).transpose()
}

async fn remove_password(call: &Call<'_>, holder: Holder) -> Result<Answer, Problem> {
    call.may_manage_any()?;
    call.query.of_action()?;
    let mut body = Body::parse("passwordCredential", call.body)?;
    let password: KeyId = body.require("keyId")?;
    body.finish()?;
    managed(call, holder).await?;
    call.identity.directory.remove_password(&call.caller.tenant, holder, password).await?;
    Ok(Answer::Done)
}

/// The certificates that a body lists, if it does.
pub(super) fn wanted_keys(body: &mut Body) -> Result<Option<Vec<WantedKey>>, Problem> {
    let Some(list) = body.take_objects("keyCredentials", "keyCredential")? else {
        return Ok(None);
    };
    list.into_iter().map(wanted_key).collect::<Result<_, _>>().map(Some)
}

/// One certificate that a body has.
fn wanted_key(mut body: Body) -> Result<WantedKey, Problem> {
    let kind = body.take_nullable_text("type", 64)?.flatten();
    let usage = body.take_nullable_text("usage", 64)?.flatten();
    let key = body.take_nullable_text("key", 64 * 1024)?.flatten();
    let identifier = body.take_nullable_text("customKeyIdentifier", 256)?.flatten();
    let wanted = WantedKey {
        key_id: body.take::<Option<KeyId>>("keyId")?.flatten(),
        der: key.map(|text| binary(&text).ok_or_else(|| body.invalid("key"))).transpose()?,
        display_name: body.take_nullable_text("displayName", 120)?.flatten(),
        starts: moment(&mut body, "startDateTime")?,
        ends: moment(&mut body, "endDateTime")?,
        custom_key_identifier: identifier.and_then(|text| binary(&text)),
    };
    // Only certificates to sign in with: nothing here signs or encrypts with an application's key.
    if kind.is_some_and(|kind| kind != "AsymmetricX509Cert") {
        return Err(body.invalid("type"));
    }
    if usage.is_some_and(|usage| usage != "Verify") {
        return Err(body.invalid("usage"));
    }
    body.finish()?;
    Ok(wanted)
}

/// Base64, with line breaks or without, with or without the lines around a PEM certificate.
fn binary(text: &str) -> Option<Vec<u8>> {
    let inner = text.lines().filter(|line| !line.starts_with("-----"));
    let text: String = inner.flat_map(|line| line.chars().filter(|c| !c.is_whitespace())).collect();
    STANDARD.decode(text).ok()
}

/// Adds the certificates themselves to how they are shown.
pub(super) async fn show_keys(call: &Call<'_>, holder: Holder, shown: &mut [KeyCredential]) -> Result<(), Problem> {
    let (_, certificates) = call.identity.directory.certificates_of(&call.caller.tenant, holder).await?;
    for credential in shown {
        let certificate = certificates.iter().find(|certificate| certificate.key_id == credential.key_id);
        credential.key = certificate.map(|certificate| STANDARD.encode(&certificate.der));
    }
    Ok(())
}

async fn add_key(call: &Call<'_>, holder: Holder) -> Result<Answer, Problem> {
    call.query.of_action()?;
    let mut body = Body::parse("keyCredential", call.body)?;
    let proof: String = body.require("proof")?;
    let wanted = wanted_key(body.take_object("keyCredential", "keyCredential")?)?;
    body.take_nothing("passwordCredential")?;
    body.finish()?;
    if wanted.der.is_none() {
        return Err(Problem::invalid_value("key", "keyCredential"));
    }
    proof::check(call, holder, &proof).await?;
    let made = call.identity.directory.add_key(&call.caller.tenant, holder, wanted).await?;
    Ok(Answer::Found(with_context(call, "keyCredential", &made)))
}

async fn remove_key(call: &Call<'_>, holder: Holder) -> Result<Answer, Problem> {
    call.query.of_action()?;
    let mut body = Body::parse("keyCredential", call.body)?;
    let proof: String = body.require("proof")?;
    let key: KeyId = body.require("keyId")?;
    body.finish()?;
    proof::check(call, holder, &proof).await?;
    call.identity.directory.remove_key(&call.caller.tenant, holder, key).await?;
    Ok(Answer::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn base64_reads_with_line_breaks_and_pem_lines(bytes: Vec<u8>, width in 1_usize..80) {
            let text: Vec<char> = STANDARD.encode(&bytes).chars().collect();
            let lines: Vec<String> = text.chunks(width).map(|line| line.iter().collect()).collect();
            for text in [lines.join("\r\n"), format!("-----BEGIN X-----\n{}\n-----END X-----\n", lines.join("\n"))] {
                prop_assert_eq!(binary(&text), Some(bytes.clone()));
            }
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let _ = binary(&text);
        }
    }
}
