//! The directory of the world.

use bytes::Bytes;
use http::Response;
use keyholder_foundation::Timestamp;
use serde_json::{Value, json};

use crate::world::{ADMIN, State, TENANT, answer, filtered, list, refused, url_decoded};

const CRM: &str = "00000007-0000-0000-c000-000000000000";

pub(crate) fn directory(state: &mut State, method: &str, path: &str, body: &Value) -> Response<Bytes> {
    let (collection, rest) = path.split_once(['?', '/']).unwrap_or((path, ""));
    match (method, collection) {
        ("POST", "$batch") => batch(state, body),
        ("GET", "applications") if rest.contains("/federatedIdentityCredentials") => {
            let id = rest.split('/').next().unwrap();
            list(state.federations.get(id).cloned().unwrap_or_default())
        }
        ("GET", "policies") if rest == "appManagementPolicies" => {
            list(
                state
                    .own_policies
                    .iter()
                    .map(|(id, policy)| {
                        let mut policy = policy.clone();
                        // One policy for each application, of the same id.
                        policy["id"] = json!(id);
                        policy
                    })
                    .collect(),
            )
        }
        ("GET", "policies") if rest.ends_with("/appliesTo") => {
            list(vec![json!({ "id": rest.split('/').nth(1).unwrap() })])
        }
        ("GET", "policies") if rest == "defaultAppManagementPolicy" => match &state.policy {
            Value::Null => {
                refused(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
            }
            policy => answer(200, policy),
        },
        ("GET", "applications") if rest.ends_with("/owners") => {
            let application = &state.applications[rest.trim_end_matches("/owners")];
            list(application["owners"].as_array().cloned().unwrap_or_default())
        }
        ("GET", "applications") if !rest.contains('$') => match state.applications.get(rest) {
            Some(application) => answer(200, application),
            None => refused(404, "Request_ResourceNotFound", "gone"),
        },
        ("GET", "applications") => list(filtered(rest, state.applications.values())),
        ("POST", "applications") if rest.is_empty() => {
            let (id, client) = (state.id(), state.id());
            let mut made = body.clone();
            made["id"] = json!(id);
            made["appId"] = json!(client);
            made["passwordCredentials"] = json!([]);
            made["keyCredentials"] = json!([]);
            state.applications.insert(id, made.clone());
            answer(201, &made)
        }
        (_, "applications") => application(state, method, rest, body),
        ("GET", "servicePrincipals") if rest.ends_with("/transitiveMemberOf") => {
            list(state.caller_roles.iter().map(|role| json!({ "id": ADMIN, "roleTemplateId": role })).collect())
        }
        ("GET", "servicePrincipals") if rest.ends_with("/appRoleAssignments") => list(Vec::new()),
        ("GET", "servicePrincipals") => {
            let crm = json!({ "id": ADMIN, "appId": CRM });
            list(filtered(rest, state.principals.values().chain([&crm])))
        }
        ("POST", "servicePrincipals") => {
            let client = &body["appId"];
            if state.lags() {
                let text = format!(
                    "The appId '{client}' of the service principal does not reference a valid application object."
                );
                return refused(400, "Request_BadRequest", &text);
            }
            if state.principals.values().any(|p| p["appId"] == *client) {
                return refused(409, "Request_MultipleObjectsWithSameKeyValue", "already in use");
            }
            let id = state.id();
            let made = json!({ "id": id, "appId": client, "tags": body["tags"] });
            state.principals.insert(id, made.clone());
            answer(201, &made)
        }
        ("DELETE", "servicePrincipals") => match state.principals.remove(rest) {
            Some(_) => answer(204, &Value::Null),
            None => refused(404, "Request_ResourceNotFound", "gone"),
        },
        ("GET", "organization") => {
            let domains = json!([{ "name": "contoso.example", "isDefault": true, "isInitial": true }]);
            list(vec![json!({ "id": TENANT, "displayName": "Contoso", "verifiedDomains": domains })])
        }
        ("GET", "oauth2PermissionGrants") => list(filtered(rest, state.grants.iter())),
        ("POST", "oauth2PermissionGrants") => {
            let mut made = body.clone();
            made["id"] = json!(state.id());
            state.grants.push(made.clone());
            answer(201, &made)
        }
        ("GET", "directory") => list(filtered(rest, state.buried.values())),
        other => panic!("{other:?} {path}"),
    }
}

/// Each request of a batch as if it had come alone.
fn batch(state: &mut State, body: &Value) -> Response<Bytes> {
    let requests = body["requests"].as_array().unwrap();
    assert!(requests.len() <= 20);
    let mut responses: Vec<Value> = requests
        .iter()
        .map(|request| {
            let url = url_decoded(request["url"].as_str().unwrap().trim_start_matches('/'));
            let alone = directory(state, request["method"].as_str().unwrap(), &url, &request["body"]);
            let body: Value = serde_json::from_slice(alone.body()).unwrap_or_default();
            json!({ "id": request["id"], "status": alone.status().as_u16(), "body": body })
        })
        .collect();
    // They come in any order.
    responses.reverse();
    answer(200, &json!({ "responses": responses }))
}

fn application(state: &mut State, method: &str, rest: &str, body: &Value) -> Response<Bytes> {
    let (id, action) = rest.split_once('/').unwrap_or((rest, ""));
    let key = state.id();
    let Some(application) = state.applications.get_mut(id) else {
        return refused(404, "Request_ResourceNotFound", "gone");
    };
    match (method, action) {
        ("PATCH", "") => {
            if let Some(wanted) = body["keyCredentials"].as_array() {
                if state.conflicts > 0 {
                    state.conflicts -= 1;
                    return refused(409, "Directory_ConcurrencyViolation", "Try again.");
                }
                if state.keeps_certificates {
                    return answer(204, &Value::Null);
                }
                let known = application["keyCredentials"].as_array().unwrap();
                let same = |one: &Value| known.iter().find(|known| known["keyId"] == one["keyId"]);
                // Those that stay are named by their ids; the certificate itself is never shown.
                let all: Option<Vec<Value>> = wanted
                    .iter()
                    .map(|one| same(one).or_else(|| one["key"].is_string().then_some(one)).cloned())
                    .collect();
                let Some(mut all) = all else {
                    return refused(
                        400,
                        "Request_BadRequest",
                        "Invalid value specified for property 'keyCredentials'.",
                    );
                };
                for one in &mut all {
                    if let Some(key) = one["key"].as_str() {
                        state.certificates.insert(one["keyId"].as_str().unwrap().to_owned(), key.to_owned());
                        one["key"] = Value::Null;
                    }
                }
                application["keyCredentials"] = Value::Array(all);
                return answer(204, &Value::Null);
            }
            for (name, value) in body.as_object().unwrap() {
                application[name] = value.clone();
            }
            answer(204, &Value::Null)
        }
        ("DELETE", "") => {
            let client = application["appId"].clone();
            let deleted = state.applications.remove(id).unwrap();
            state.buried.insert(id.to_owned(), deleted);
            state.federations.remove(id);
            state.principals.retain(|_, principal| principal["appId"] != client);
            answer(204, &Value::Null)
        }
        ("POST", "addPassword") => {
            let mut made = body["passwordCredential"].clone();
            made["keyId"] = json!(key);
            let number = u128::from_str_radix(&key.replace('-', ""), 16).unwrap() & 0xffff_ffff;
            made["startDateTime"] = json!(Timestamp::from_unix_seconds(1_700_000_000 + number as i64).to_string());
            application["passwordCredentials"].as_array_mut().unwrap().push(made.clone());
            let text = format!("text-of-{key}");
            let client = application["appId"].as_str().unwrap().to_owned();
            state.secrets.insert(key, (client, text.clone()));
            made["secretText"] = json!(text);
            answer(200, &made)
        }
        ("POST", "removePassword") => {
            let key = body["keyId"].as_str().unwrap();
            application["passwordCredentials"].as_array_mut().unwrap().retain(|c| c["keyId"] != key);
            match state.secrets.remove(key) {
                Some(_) => answer(204, &Value::Null),
                None => refused(400, "Request_BadRequest", "No password credential found with keyId."),
            }
        }
        ("POST", "federatedIdentityCredentials") => {
            let mut made = body.clone();
            made["id"] = json!(key);
            state.federations.entry(id.to_owned()).or_default().push(made.clone());
            answer(201, &made)
        }
        ("DELETE", action) if action.starts_with("federatedIdentityCredentials/") => {
            let credential = action.rsplit('/').next().unwrap();
            state.federations.get_mut(id).unwrap().retain(|one| one["id"] != credential);
            answer(204, &Value::Null)
        }
        ("PATCH", action) if action.starts_with("federatedIdentityCredentials/") => {
            let credential = action.rsplit('/').next().unwrap();
            let all = state.federations.get_mut(id).unwrap();
            let one = all.iter_mut().find(|one| one["id"] == credential).unwrap();
            for (name, value) in body.as_object().unwrap() {
                one[name] = value.clone();
            }
            answer(204, &Value::Null)
        }
        other => panic!("{other:?} {rest}"),
    }
}
