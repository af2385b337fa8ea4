//! `/_keyholder/tenants/DOMAIN/...`: what a tenant asks of its people, and personas.

use bytes::Bytes;
use http::{Method, Response, StatusCode};
use keyholder_identity::{MultiFactor, Persona, SignInRule};
use serde::Deserialize;
use serde_json::json;

use super::done;
use crate::error::StartError;
use crate::serve::plain;
use crate::world::OpenWorld;

/// The body of `PUT /_keyholder/tenants/DOMAIN/conditional-access`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionalAccessRequest {
    /// `none`, `multi-factor` or `block`.
    rule: String,
}

/// The body of `PUT /_keyholder/tenants/DOMAIN/people/NAME/multi-factor`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MultiFactorRequest {
    /// `disabled`, `enabled` or `enforced`.
    state: String,
}

/// The body of `PUT /_keyholder/tenants/DOMAIN/password-expiry`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PasswordExpiryRequest {
    /// For how many days a password is good; null for ever.
    days: Option<u32>,
}

/// The body of `PUT /_keyholder/tenants/DOMAIN/licences/SKU`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LicencesRequest {
    /// How many there are.
    units: u32,
}

pub(super) async fn answer(
    world: &OpenWorld,
    method: &Method,
    tenant: &str,
    rest: &[&str],
    body: &Bytes,
) -> Result<Response<Bytes>, StartError> {
    let read = |form: &str| plain(StatusCode::BAD_REQUEST, "BadRequest", &format!("The body must be {form}."));
    let tenant = Some(tenant);
    let rules = r#"{"rule":"none"}, {"rule":"multi-factor"} or {"rule":"block"}"#;
    let states = r#"{"state":"disabled"}, {"state":"enabled"} or {"state":"enforced"}"#;
    Ok(match (method.as_str(), rest) {
        ("GET", ["conditional-access"]) => done(&json!({"rule": world.conditional_access(tenant).await?.name()})),
        ("PUT", ["conditional-access"]) => {
            let wanted = serde_json::from_slice::<ConditionalAccessRequest>(body).ok();
            let Some(rule) = wanted.and_then(|wanted| SignInRule::of_name(&wanted.rule)) else {
                return Ok(read(rules));
            };
            world.set_conditional_access(tenant, rule).await?;
            done(&json!({"rule": rule.name()}))
        }
        ("PUT", ["people", person, "multi-factor"]) => {
            let wanted = serde_json::from_slice::<MultiFactorRequest>(body).ok();
            let Some(state) = wanted.and_then(|wanted| MultiFactor::find(&wanted.state)) else {
                return Ok(read(states));
            };
            world.set_multi_factor(tenant, person, state).await?;
            done(&json!({"person": person, "state": state.word()}))
        }
        ("PUT", ["password-expiry"]) => match serde_json::from_slice::<PasswordExpiryRequest>(body) {
            Ok(wanted) => {
                world.set_password_validity(tenant, wanted.days).await?;
                done(&json!({"days": wanted.days}))
            }
            Err(why) => read(&format!(r#"{{"days":N}} or {{"days":null}}: {why}"#)),
        },
        ("PUT", ["licences", sku]) => match serde_json::from_slice::<LicencesRequest>(body) {
            Ok(wanted) => {
                world.set_licences(tenant, sku, wanted.units).await?;
                done(&json!({"licence": sku, "units": wanted.units}))
            }
            Err(why) => read(&format!(r#"{{"units":N}}: {why}"#)),
        },
        ("POST", ["personas", persona]) => match Persona::find(persona) {
            Some(persona) => {
                done(&serde_json::to_value(world.make_persona(tenant, persona).await?).unwrap_or_default())
            }
            None => {
                let known = Persona::ALL.map(Persona::name).join(", ");
                plain(StatusCode::NOT_FOUND, "NotFound", &format!("There is no such persona; there are: {known}."))
            }
        },
        (
            _,
            ["conditional-access" | "password-expiry"] | ["people", _, "multi-factor"] | ["licences" | "personas", _],
        ) => plain(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "That control command has another method."),
        _ => plain(StatusCode::NOT_FOUND, "NotFound", super::COMMANDS),
    })
}
