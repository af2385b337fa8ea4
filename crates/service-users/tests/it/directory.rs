//! The directory of the world.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

use crate::world::{ADMIN, State, answer, filtered, list, refused, url_decoded};

const CRM: &str = "00000007-0000-0000-c000-000000000000";

pub(crate) fn directory(state: &mut State, method: &str, path: &str, body: &Value) -> Response<Bytes> {
    let (collection, rest) = path.split_once(['?', '/']).unwrap_or((path, ""));
    match (method, collection) {
        ("POST", "$batch") => batch(state, body),
        ("GET", "applications") if rest.contains("/federatedIdentityCredentials") => {
            let id = rest.split('/').next().unwrap();
            list(state.federations.get(id).cloned().unwrap_or_default())
        }
        ("GET", "applications") => list(filtered(rest, state.applications.values())),
        ("POST", "applications") if rest.is_empty() => {
            let (id, client) = (state.id(), state.id());
            let mut made = body.clone();
            made["id"] = json!(id);
            made["appId"] = json!(client);
            made["passwordCredentials"] = json!([]);
            state.applications.insert(id, made.clone());
            answer(201, &made)
        }
        (_, "applications") => application(state, method, rest, body),
        ("GET", "servicePrincipals") if rest.ends_with("/memberOf") => {
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
        ("GET", "oauth2PermissionGrants") => list(filtered(rest, state.grants.iter())),
        ("POST", "oauth2PermissionGrants") => {
            let mut made = body.clone();
            made["id"] = json!(state.id());
            state.grants.push(made.clone());
            answer(201, &made)
        }
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
            for (name, value) in body.as_object().unwrap() {
                application[name] = value.clone();
            }
            answer(204, &Value::Null)
        }
        ("DELETE", "") => {
            let client = application["appId"].clone();
            state.applications.remove(id);
            state.federations.remove(id);
            state.principals.retain(|_, principal| principal["appId"] != client);
            answer(204, &Value::Null)
        }
        ("POST", "addPassword") => {
            let mut made = body["passwordCredential"].clone();
            made["keyId"] = json!(key);
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
