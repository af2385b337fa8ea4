//! A world for tests: one organization in a temporary store, a directory in memory, clocks that
//! stand still, and an administrator.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

pub(crate) use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use keyholder_data::{
    Administrator, ApplicationFacts, BoxFuture, Directory, DirectoryError, Organization, OrganizationConfig, TokenFacts,
};
use keyholder_foundation::{
    ClientId, Clocks, ManualClock, ObjectId, OrgClock, OrgId, SeededRandom, TenantId, Timestamp,
};
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const ORGANIZATION: Uuid = Uuid::from_u128(0x0a);
pub(crate) const TENANT: Uuid = Uuid::from_u128(0x0b);
pub(crate) const URL: &str = "https://localhost:8443";
pub(crate) const BASE: &str = "https://localhost:8443/api/data/v9.2";

/// Applications by their client ids.
#[derive(Debug, Default)]
pub(crate) struct MemoryDirectory(Mutex<HashMap<ClientId, ApplicationFacts>>);

impl Directory for MemoryDirectory {
    fn find_application(&self, client: ClientId) -> BoxFuture<'_, Result<Option<ApplicationFacts>, DirectoryError>> {
        let found = self.0.lock().unwrap().get(&client).cloned();
        Box::pin(async move { Ok(found) })
    }
}

pub(crate) struct World {
    pub(crate) organization: Organization,
    directory: Arc<MemoryDirectory>,
    clock: Arc<ManualClock>,
    pub(crate) admin: TokenFacts,
    pub(crate) admin_user: Uuid,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) json: Value,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The id in `OData-EntityId`.
    pub(crate) fn id(&self) -> Uuid {
        let address = self.header("odata-entityid");
        let id = address.strip_suffix(')').and_then(|rest| rest.rsplit_once('(')).map(|(_, id)| id);
        id.unwrap_or_else(|| panic!("no row in {self:?}")).parse().unwrap()
    }

    /// Expects an error of this status and code; gives its message.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> &str {
        let found = self.json["error"]["code"].as_str().unwrap_or_default();
        assert_eq!((self.status.as_u16(), found), (status, code), "{}", self.text);
        self.json["error"]["message"].as_str().unwrap()
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert!(self.status.is_success(), "{} {}", self.status, self.text);
        self
    }

    /// The rows of a collection.
    pub(crate) fn rows(&self) -> &Vec<Value> {
        self.json["value"].as_array().unwrap_or_else(|| panic!("no rows: {}", self.text))
    }
}

/// An answer that need not be text.
#[derive(Debug)]
pub(crate) struct RawReply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl RawReply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap()
    }

    /// Expects an error of this status and code; gives its message.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) -> String {
        let text = String::from_utf8_lossy(&self.bytes);
        let error: Value = serde_json::from_slice(&self.bytes).unwrap_or_default();
        let found = error["error"]["code"].as_str().unwrap_or_default();
        assert_eq!((self.status.as_u16(), found), (status, code), "{text}");
        error["error"]["message"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn config(directory: Arc<MemoryDirectory>, clock: Arc<ManualClock>) -> OrganizationConfig {
    OrganizationConfig {
        database: keyholder_cluster::database(),
        organization: OrgId(ORGANIZATION),
        tenant: TenantId(TENANT),
        name: "Contrast".to_owned(),
        url: URL.to_owned(),
        login: URL.to_owned(),
        clocks: Clocks { org: Arc::new(OrgClock::new(clock.clone(), 0)), monotonic: clock.clone(), system: clock },
        random: Arc::new(SeededRandom::new(7)),
        directory,
        non_interactive_limit: 7,
        role_policy: keyholder_data::RolePolicy::AnyRole,
        version: keyholder_data::VERSION,
        sample_rows: 10,
        // Nothing may go wrong inside while tests ask only what callers ask.
        trouble: Some(Arc::new(|error| panic!("inside the org: {error}"))),
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut OrganizationConfig)) -> Self {
        let directory = Arc::new(MemoryDirectory::default());
        let clock = Arc::new(ManualClock::at(Timestamp::parse("2026-11-22T09:07:46Z").unwrap()));
        let mut config = config(directory.clone(), clock.clone());
        change(&mut config);
        let organization = Organization::open(config).await.unwrap();
        let facts = facts(1, "keyholder-admin");
        directory.0.lock().unwrap().insert(facts.client_id, facts.clone());
        let admin_user = organization.ensure_administrator(Administrator::Application(facts.clone())).await.unwrap();
        Self { organization, directory, clock, admin: token(&facts), admin_user }
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(std::time::Duration::from_secs(seconds));
    }

    /// Registers an application in the directory.
    pub(crate) fn register(&self, number: u128, name: &str) -> ApplicationFacts {
        let facts = facts(number, name);
        self.directory.0.lock().unwrap().insert(facts.client_id, facts.clone());
        facts
    }

    pub(crate) async fn send(
        &self,
        caller: &TokenFacts,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(format!("{BASE}/{path}").replace(' ', "%20"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string()));
        let response = self.organization.respond(caller, request.body(body).unwrap()).await;
        let (parts, body) = response.into_parts();
        assert_ne!(parts.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        let text = String::from_utf8(body.to_vec()).unwrap();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Reply { status: parts.status, headers: parts.headers, text, json }
    }

    /// Sends bytes as they are.
    pub(crate) async fn send_bytes(
        &self,
        caller: &TokenFacts,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> RawReply {
        let mut request = Request::builder().method(method).uri(format!("{BASE}/{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.organization.respond(caller, request.body(body).unwrap()).await;
        let (parts, bytes) = response.into_parts();
        assert_ne!(parts.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        RawReply { status: parts.status, headers: parts.headers, bytes }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.get_as(&self.admin, path).await
    }

    pub(crate) async fn get_as(&self, caller: &TokenFacts, path: &str) -> Reply {
        self.send(caller, Method::GET, path, &[], None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send(&self.admin, Method::POST, path, &[], Some(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Reply {
        self.send(&self.admin, Method::PATCH, path, &[], Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(&self.admin, Method::DELETE, path, &[], None).await
    }

    /// Makes the application user of a newly registered application.
    pub(crate) async fn application_user(&self, number: u128, name: &str) -> (TokenFacts, Uuid) {
        let facts = self.register(number, name);
        let made = self.post("systemusers", json!({ "applicationid": facts.client_id.0, "accessmode": 4 })).await.ok();
        (token(&facts), made.id())
    }

    /// Makes a role with these privileges.
    pub(crate) async fn role(&self, name: &str, privileges: &[(&str, &str)]) -> Uuid {
        let role =
            self.post("roles", json!({ "name": name, "businessunitid@odata.bind": self.root_unit().await })).await;
        let role = role.ok().id();
        let mut given = Vec::new();
        for (name, depth) in privileges {
            given.push(json!({ "PrivilegeId": self.privilege(name).await, "Depth": depth }));
        }
        let path = format!("roles({role})/Microsoft.Dynamics.CRM.AddPrivilegesRole");
        self.post(&path, json!({ "Privileges": given })).await.ok();
        role
    }

    pub(crate) async fn privilege(&self, name: &str) -> Uuid {
        let found = self.get(&format!("privileges?$select=privilegeid&$filter=name eq '{name}'")).await.ok();
        found.rows()[0]["privilegeid"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) async fn assign(&self, user: Uuid, role: Uuid) -> Reply {
        let path = format!("systemusers({user})/systemuserroles_association/$ref");
        self.post(&path, json!({ "@odata.id": format!("{BASE}/roles({role})") })).await
    }

    /// `/businessunits(…)` of the root business unit.
    pub(crate) async fn root_unit(&self) -> String {
        let found = self.get("businessunits?$select=businessunitid&$filter=parentbusinessunitid eq null").await.ok();
        assert_eq!(found.rows().len(), 1);
        format!("/businessunits({})", found.rows()[0]["businessunitid"].as_str().unwrap())
    }
}

pub(crate) fn facts(number: u128, name: &str) -> ApplicationFacts {
    ApplicationFacts {
        client_id: ClientId(Uuid::from_u128(0xc000 + number)),
        display_name: name.to_owned(),
        identifier_uri: Some(format!("api://{name}")),
        service_principal: ObjectId(Uuid::from_u128(0xd000 + number)),
    }
}

pub(crate) fn token(facts: &ApplicationFacts) -> TokenFacts {
    TokenFacts {
        tenant: TenantId(TENANT),
        client: facts.client_id,
        object_id: facts.service_principal,
        app_only: true,
        delegated: false,
    }
}
