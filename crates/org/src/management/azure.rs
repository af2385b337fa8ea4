//! Crumbs of Azure Resource Manager: what `az login` and `az cloud register` ask before they let
//! anybody do anything. There are no subscriptions here.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};

use super::{AZURE, Answered, Refusal, caller, check_query, is, ok};
use crate::world::OpenWorld;

pub(super) async fn answer(world: &OpenWorld, request: &Request<Bytes>, segments: &[&str]) -> Answered {
    let path: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    if path == ["metadata", "endpoints"] {
        if !is(&Method::GET, request) {
            return Err(Refusal::method());
        }
        check_query(request, &[])?;
        return ok(endpoints(&world.address().origin));
    }
    let state = world.state().await;
    let caller = caller(world, &state, request, &AZURE)?;
    check_query(request, &[])?;
    match path.as_slice() {
        ["tenants" | "subscriptions"] if !is(&Method::GET, request) => Err(Refusal::method()),
        ["tenants"] => {
            let tenants = state.record.tenants.iter().filter(|tenant| tenant.id == caller.tenant);
            let listed: Vec<Value> = tenants
                .map(|tenant| {
                    json!({
                        "id": format!("/tenants/{}", tenant.id),
                        "tenantId": tenant.id,
                        "displayName": tenant.domain,
                        "defaultDomain": tenant.domain,
                        "domains": [tenant.domain],
                        "tenantCategory": "Home",
                        "tenantType": "AAD",
                    })
                })
                .collect();
            ok(json!({"value": listed}))
        }
        ["subscriptions"] => ok(json!({"value": [], "count": {"type": "Total", "value": 0}})),
        ["subscriptions", id, ..] => {
            let id: String = id.chars().take(60).filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            let message = format!("The subscription '{id}' could not be found.");
            Err(Refusal::new(http::StatusCode::NOT_FOUND, "SubscriptionNotFound", message))
        }
        _ => Err(Refusal::not_found("The resource")),
    }
}

/// The endpoints of this cloud, which is one origin: enough for `az cloud register
/// --endpoint-resource-manager ORIGIN`.
fn endpoints(origin: &str) -> Value {
    json!({
        "name": "Keyholder",
        "portal": origin,
        "authentication": {
            "loginEndpoint": origin,
            "audiences": [origin, "https://management.core.windows.net/", "https://management.azure.com/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "resourceManager": origin,
        "graph": origin,
        "graphAudience": origin,
        "microsoftGraphResourceId": origin,
        "gallery": origin,
        "batch": origin,
        "media": origin,
        "sqlManagement": origin,
        "suffixes": {},
    })
}
