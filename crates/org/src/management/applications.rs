//! Management applications: an application that a person registers here may from then on do what a
//! Power Platform administrator may, in every environment of the tenant.
//!
//! No application can register itself or another: it takes a person who administers.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use keyholder_foundation::ClientId;
use serde_json::{Value, json};

use super::{Answered, POWER_PLATFORM, Refusal, administers, caller, check_administers, check_query, is, ok};
use crate::world::OpenWorld;

pub(super) async fn answer(world: &OpenWorld, request: &Request<Bytes>, segments: &[&str]) -> Answered {
    let state = world.state().await;
    let caller = caller(world, &state, request, &POWER_PLATFORM)?;
    check_query(request, &[])?;
    check_administers(administers(&state, &caller).await?)?;
    let tenant = caller.tenant;
    let registered =
        state.record.tenants.iter().find(|entry| entry.id == tenant).map(|entry| entry.management_applications.clone());
    let registered = registered.unwrap_or_default();
    let shown = |application: &ClientId| json!({"applicationId": application});
    let application = match segments {
        [] if is(&Method::GET, request) => {
            return ok(json!({"value": registered.iter().map(shown).collect::<Vec<_>>()}));
        }
        [] => return Err(Refusal::method()),
        [id] => id
            .parse::<ClientId>()
            .map_err(|_| Refusal::bad_request("InvalidApplicationId", "The application id is not a GUID."))?,
        _ => return Err(Refusal::not_found("The resource")),
    };
    let is_registered = registered.contains(&application);
    if is(&Method::GET, request) {
        return if is_registered { ok(shown(&application)) } else { Err(Refusal::not_found("The application")) };
    }
    let register = match *request.method() {
        Method::PUT => true,
        Method::DELETE => false,
        _ => return Err(Refusal::method()),
    };
    if caller.delegated {
        return Err(Refusal::delegated());
    }
    if caller.app_only {
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "Management applications are registered by a person; a service principal cannot do it.",
        ));
    }
    if register && state.identity.find_application(tenant, application).await?.is_none() {
        return Err(Refusal::not_found("The application"));
    }
    drop(state);
    if register != is_registered {
        world.set_management_application(tenant, application, register).await?;
    }
    if register { ok(shown(&application)) } else { Ok((StatusCode::NO_CONTENT, Value::Null)) }
}
