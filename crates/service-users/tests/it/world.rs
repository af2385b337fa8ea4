//! A tenant and an org in memory, behind the client's transport seam.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use keyholder_client::error::Unreachable;
use keyholder_client::time::SkippingSleep;
use keyholder_client::{Connection, Error as ClientError, Http, RetryPolicy, Transport};
use keyholder_foundation::{ManualClock, Secret, Timestamp, WallClock};
use keyholder_service_users::{
    Administrator, ApplicationUserDefinition, EnvFileSink, Error, Event, Outcome, Provisioned, Step, provision, remove,
};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const TENANT: &str = "9f0c1f3e-7b7a-4a43-8d2a-0a8a6c9c6a01";
pub(crate) const ORG: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c01";
pub(crate) const UNIT: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c02";
pub(crate) const PRIVILEGE: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c03";
const ADMIN: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c04";
const CRM: &str = "00000007-0000-0000-c000-000000000000";
pub(crate) const NAME: &str = "orders-sync";

/// What the services know.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) applications: BTreeMap<String, Value>,
    pub(crate) principals: BTreeMap<String, Value>,
    pub(crate) grants: Vec<Value>,
    /// Secret texts by key id, with their client id.
    pub(crate) secrets: BTreeMap<String, (String, String)>,
    pub(crate) users: BTreeMap<String, Value>,
    pub(crate) roles: BTreeMap<String, Value>,
    pub(crate) role_privileges: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) assigned: Vec<(String, String)>,
    /// Requests so far.
    pub(crate) requests: Vec<String>,
    /// The request after which nothing works any more, and whether that one is still carried out.
    pub(crate) dies_at: Option<(usize, bool)>,
    /// How often a thing is "not yet" known.
    pub(crate) lag: u32,
    next: u128,
}

impl State {
    fn id(&mut self) -> String {
        self.next += 1;
        Uuid::from_u128(0xa000_0000_0000_4000_8000_0000_0000_0000 + self.next).to_string()
    }

    fn lags(&mut self) -> bool {
        let lags = self.lag > 0;
        self.lag = self.lag.saturating_sub(1);
        lags
    }

    /// Everything but the counters: what a killed and repeated run must agree on.
    pub(crate) fn shape(&self) -> Value {
        let secrets: Vec<_> =
            self.applications.values().map(|a| a["passwordCredentials"].as_array().unwrap().len()).collect();
        json!({
            "applications": self.applications.len(), "principals": self.principals.len(),
            "grants": self.grants.len(), "secrets": secrets, "users": self.users.values().map(|u| &u["isdisabled"]).collect::<Vec<_>>(),
            "roles": self.roles, "privileges": self.role_privileges, "assigned": self.assigned.len(),
        })
    }
}

#[derive(Debug)]
pub(crate) struct Services {
    state: Mutex<State>,
}

impl Transport for Services {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ClientError>> {
        let outcome = self.exchange(&request);
        Box::pin(async move {
            outcome.ok_or_else(|| ClientError::Unreachable {
                origin: "https://localhost:8443".to_owned(),
                cause: Unreachable::Lost("killed".to_owned()),
            })
        })
    }
}

fn answer(status: u16, body: &Value) -> Response<Bytes> {
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    Response::builder().status(status).body(body).unwrap()
}

fn refused(status: u16, code: &str, message: &str) -> Response<Bytes> {
    answer(status, &json!({ "error": { "code": code, "message": message } }))
}

fn list(rows: Vec<Value>) -> Response<Bytes> {
    answer(200, &json!({ "value": Value::Array(rows) }))
}

/// The text between `start` and `end`.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(inside, _)| inside)
}

impl Services {
    fn exchange(&self, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        let mut state = self.state.lock().unwrap();
        let path = request.uri().path_and_query().unwrap().as_str();
        let url = url_decoded(path);
        state.requests.push(format!("{} {url}", request.method()));
        let number = state.requests.len();
        match state.dies_at {
            Some((at, _)) if number > at => None,
            Some((at, executed)) if number == at => {
                if executed {
                    handle(&mut state, request, &url);
                }
                None
            }
            _ => Some(handle(&mut state, request, &url)),
        }
    }
}

fn url_decoded(text: &str) -> String {
    let pairs = form_urlencoded::parse(text.as_bytes());
    // One "pair" per `&`; values with `=` in them come back whole.
    pairs.map(|(k, v)| if v.is_empty() { k.into_owned() } else { format!("{k}={v}") }).collect::<Vec<_>>().join("&")
}

fn handle(state: &mut State, request: &Request<Bytes>, url: &str) -> Response<Bytes> {
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let caller = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let method = request.method().as_str();
    if let Some(graph) = url.strip_prefix("/v1.0/") {
        return directory(state, method, graph, &body);
    }
    if let Some(api) = url.strip_prefix("/api/data/v9.2/") {
        let Some(caller) = caller else {
            let challenge = format!(
                "Bearer authorization_uri=https://localhost:8443/{TENANT}/oauth2/authorize, resource_id=https://localhost:8443/"
            );
            return Response::builder().status(401).header("www-authenticate", challenge).body(Bytes::new()).unwrap();
        };
        return org(state, method, api, &body, caller.strip_prefix("Bearer ").unwrap());
    }
    if url.ends_with("openid-configuration") {
        return answer(200, &json!({ "msgraph_host": "localhost:8443" }));
    }
    assert!(url.ends_with("/oauth2/v2.0/token"), "{url}");
    token(state, request.body())
}

fn token(state: &mut State, body: &[u8]) -> Response<Bytes> {
    let form: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    let (client, secret) = (&form["client_id"], &form["client_secret"]);
    let known = client == ADMIN || state.secrets.values().any(|(c, s)| c == client && s == secret);
    if !known || (client != ADMIN && state.lags()) {
        let description = "AADSTS7000215: Invalid client secret provided.";
        return answer(401, &json!({ "error": "invalid_client", "error_description": description }));
    }
    answer(200, &json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": client }))
}

fn directory(state: &mut State, method: &str, path: &str, body: &Value) -> Response<Bytes> {
    let (collection, rest) = path.split_once(['?', '/']).unwrap_or((path, ""));
    match (method, collection) {
        ("GET", "applications") => {
            let name = between(rest, "displayName eq '", "'");
            let client = between(rest, "appId eq '", "'");
            let hit =
                |a: &&Value| name.is_some_and(|n| a["displayName"] == n) || client.is_some_and(|c| a["appId"] == c);
            list(state.applications.values().filter(hit).cloned().collect())
        }
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
        ("GET", "servicePrincipals") => {
            let client = between(rest, "appId eq '", "'").unwrap();
            if client == CRM {
                return list(vec![json!({ "id": ADMIN, "appId": CRM })]);
            }
            list(state.principals.values().filter(|p| p["appId"] == client).cloned().collect())
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
        ("GET", "oauth2PermissionGrants") => list(state.grants.clone()),
        ("POST", "oauth2PermissionGrants") => {
            let mut made = body.clone();
            made["id"] = json!(state.id());
            state.grants.push(made.clone());
            answer(201, &made)
        }
        other => panic!("{other:?} {path}"),
    }
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
        other => panic!("{other:?} {rest}"),
    }
}

fn org(state: &mut State, method: &str, path: &str, body: &Value, caller: &str) -> Response<Bytes> {
    let created = |set: &str, id: &str| {
        let entity = format!("https://localhost:8443/api/data/v9.2/{set}({id})");
        Response::builder().status(204).header("OData-EntityId", entity).body(Bytes::new()).unwrap()
    };
    let none = || answer(204, &Value::Null);
    let missing = || refused(404, "0x80040217", "Does Not Exist");
    let (set, rest) = path.split_once(['?', '(']).unwrap_or((path, ""));
    let id = rest.split_once(')').map_or("", |(id, _)| id).to_owned();
    match (method, set) {
        ("GET", "WhoAmI") => {
            let user = if caller == ADMIN {
                ADMIN.to_owned()
            } else {
                // The token names the principal that there is now.
                let principal = |user: &Value| {
                    let known = &user["azureactivedirectoryobjectid"];
                    state.principals.values().any(|principal| principal["id"] == *known)
                };
                let found = state.users.iter().find(|(_, user)| {
                    user["applicationid"] == caller && user["isdisabled"] == false && principal(user)
                });
                let Some((id, _)) = found else {
                    return refused(403, "0x80072560", "The user is not a member of the organization.");
                };
                let id = id.clone();
                if !state.assigned.iter().any(|(user, _)| *user == id) {
                    return refused(403, "0x80042F09", "no roles");
                }
                id
            };
            answer(200, &json!({ "UserId": user, "BusinessUnitId": UNIT, "OrganizationId": ORG }))
        }
        ("GET", "contacts") => list(vec![json!({ "fullname": "A" }), json!({ "fullname": "B" })]),
        ("GET", "businessunits") => list(vec![json!({ "businessunitid": UNIT })]),
        ("GET", "privileges") => list(vec![json!({ "privilegeid": PRIVILEGE, "name": "prvReadContact" })]),
        ("GET", "RetrieveRolePrivilegesRole") => {
            let role = rest.rsplit_once('=').unwrap().1;
            let held = state.role_privileges.get(role).cloned().unwrap_or_default();
            let held: Vec<_> = held.iter().map(|(id, depth)| json!({ "PrivilegeId": id, "Depth": depth })).collect();
            answer(200, &json!({ "RolePrivileges": held }))
        }
        ("GET", "roles") if rest.contains("/systemuserroles_association") => list(
            state
                .assigned
                .iter()
                .filter(|(_, role)| *role == id)
                .map(|(user, _)| json!({ "systemuserid": user }))
                .collect(),
        ),
        // Only one business unit here, so no copies.
        ("GET", "roles") if rest.contains("roleid ne ") => list(Vec::new()),
        ("GET", "roles") => {
            let by_id = between(rest, "roleid eq ", " ").or_else(|| rest.rsplit_once("roleid eq ").map(|(_, id)| id));
            let by_name = between(rest, "name eq '", "'").filter(|_| rest.contains(" or (name"));
            let hit = |(id, role): &(&String, &Value)| {
                Some(id.as_str()) == by_id || by_name.is_some_and(|n| role["name"] == n)
            };
            list(state.roles.iter().filter(hit).map(|(_, role)| role.clone()).collect())
        }
        ("POST", "roles") if rest.contains("AddPrivilegesRole") => {
            let held = state.role_privileges.entry(id).or_default();
            for added in body["Privileges"].as_array().unwrap() {
                held.insert(
                    added["PrivilegeId"].as_str().unwrap().to_owned(),
                    added["Depth"].as_str().unwrap().to_owned(),
                );
            }
            none()
        }
        ("POST", "roles") => {
            let id = body["roleid"].as_str().unwrap().to_owned();
            if state.roles.contains_key(&id) {
                return refused(412, "0x80040237", "Cannot insert duplicate key.");
            }
            state.roles.insert(id.clone(), body.clone());
            created("roles", &id)
        }
        ("DELETE", "roles") => {
            state.role_privileges.remove(&id);
            state.roles.remove(&id).map_or_else(missing, |_| none())
        }
        ("GET", "systemusers") if rest.contains("/systemuserroles_association") => {
            let roles = state.assigned.iter().filter(|(user, _)| *user == id);
            list(roles.map(|(_, role)| state.roles[role].clone()).collect())
        }
        ("GET", "systemusers") => {
            let client = rest.rsplit_once("applicationid eq ").unwrap().1;
            list(state.users.values().filter(|user| user["applicationid"] == client).cloned().collect())
        }
        ("POST", "systemusers") if rest.contains("/$ref") => {
            let role = body["@odata.id"].as_str().and_then(|uri| between(uri, "roles(", ")")).unwrap().to_owned();
            state.assigned.push((id, role));
            none()
        }
        ("POST", "systemusers") => {
            if state.lags() {
                return refused(400, "0x8004F510", "We didn't find that application ID");
            }
            if state.users.values().any(|user| user["applicationid"] == body["applicationid"]) {
                return refused(412, "0x80040237", "A record with matching key values already exists.");
            }
            let id = state.id();
            let of_application = |principal: &&Value| principal["appId"] == body["applicationid"];
            let principal = state.principals.values().find(of_application).map(|principal| principal["id"].clone());
            let user = json!({
                "systemuserid": id, "applicationid": body["applicationid"], "isdisabled": false,
                "_businessunitid_value": UNIT, "azureactivedirectoryobjectid": principal, "deletedstate": 0,
            });
            state.users.insert(id.clone(), user);
            created("systemusers", &id)
        }
        ("PATCH", "systemusers") => match state.users.get_mut(&id) {
            Some(user) => {
                user["isdisabled"] = body["isdisabled"].clone();
                none()
            }
            None => missing(),
        },
        ("DELETE", "systemusers") => {
            let Some(user) = state.users.get_mut(&id) else { return missing() };
            if user["deletedstate"] == 0 {
                assert_eq!(user["isdisabled"], true, "an enabled user cannot be deleted");
                user["deletedstate"] = json!(1);
                state.assigned.retain(|(user, _)| *user != id);
            } else {
                state.users.remove(&id);
            }
            none()
        }
        other => panic!("{other:?} {path}"),
    }
}

/// One test's services, clock and folder.
pub(crate) struct World {
    services: Arc<Services>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            services: Arc::new(Services { state: Mutex::default() }),
            clock: Arc::new(ManualClock::at(Timestamp::from_unix_seconds(1_800_000_000))),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.services.state.lock().unwrap()
    }

    pub(crate) fn env_path(&self) -> PathBuf {
        self.folder.path().join("orders-sync.env")
    }

    pub(crate) fn sink(&self) -> EnvFileSink {
        EnvFileSink::new(&self.env_path()).unwrap().ours()
    }

    pub(crate) async fn administrator(&self) -> Result<Administrator, ClientError> {
        let sleep = Arc::new(SkippingSleep(self.clock.clone()));
        // A killed run does not retry.
        let http = Http::new(self.services.clone(), self.clock.clone(), sleep).with_retries(RetryPolicy::never());
        let connection = Connection {
            url: "https://localhost:8443".parse().unwrap(),
            tenant: None,
            authority: None,
            client_id: ADMIN.parse().unwrap(),
            credential: Secret::new("admin").into(),
            ca_file: None,
        };
        Administrator::connect(connection, http).await
    }

    pub(crate) async fn provision(&self) -> (Result<Provisioned, Error>, Vec<Event>) {
        self.provision_as(&ApplicationUserDefinition::reading_contacts(NAME)).await
    }

    pub(crate) async fn provision_as(
        &self,
        definition: &ApplicationUserDefinition,
    ) -> (Result<Provisioned, Error>, Vec<Event>) {
        let mut events = Vec::new();
        let administrator = match self.administrator().await {
            Ok(administrator) => administrator,
            Err(source) => return (Err(Error::Service { doing: "connect".to_owned(), source }), events),
        };
        let outcome =
            provision(&administrator, definition, &self.sink(), &mut |event: &Event| events.push(event.clone())).await;
        (outcome, events)
    }

    pub(crate) async fn remove(&self) -> (Result<(), Error>, Vec<Event>) {
        let definition = ApplicationUserDefinition::reading_contacts(NAME);
        let mut events = Vec::new();
        let administrator = match self.administrator().await {
            Ok(administrator) => administrator,
            Err(source) => return (Err(Error::Service { doing: "connect".to_owned(), source }), events),
        };
        let outcome =
            remove(&administrator, &definition, &self.sink(), &mut |event: &Event| events.push(event.clone())).await;
        (outcome, events)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance_days(&self, days: u64) {
        self.clock.advance(Duration::from_secs(days * 24 * 60 * 60));
    }
}

pub(crate) fn outcomes(events: &[Event]) -> Vec<(Step, Outcome)> {
    events.iter().map(|event| (event.step, event.outcome)).collect()
}

pub(crate) fn event(events: &[Event], step: Step) -> &Event {
    events.iter().find(|event| event.step == step).unwrap()
}
