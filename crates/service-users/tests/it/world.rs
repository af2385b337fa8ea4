//! A tenant and orgs in memory, behind the client's transport seam.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use keyholder_client::error::Unreachable;
use keyholder_client::time::SkippingSleep;
use keyholder_client::{Connection, Error as ClientError, Http, RetryPolicy, Transport};
use keyholder_foundation::{ManualClock, Secret, Timestamp, WallClock};
use keyholder_service_users::app_users::{Place, Reach, find_to_remove, remove};
use keyholder_service_users::apply::{Applied, Proving, apply};
use keyholder_service_users::declaration::{Credential, Declaration, ONE_ORG, Sink};
use keyholder_service_users::observe::{Look, Observation, observe};
use keyholder_service_users::plan::{Leave, Plan, plan};
use keyholder_service_users::{
    Administrator, Borrowing, EnvFileSink, Error, Estate, Event, InOrder, Journal, Means, Outcome, Provisioned, Sinks,
    Step, bring_about,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::directory::directory;
use crate::org::{OrgState, org};

pub(crate) const TENANT: &str = "9f0c1f3e-7b7a-4a43-8d2a-0a8a6c9c6a01";
pub(crate) const ORG: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c01";
pub(crate) const UNIT: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c02";
pub(crate) const PRIVILEGE: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c03";
pub(crate) const ADMIN: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c04";
pub(crate) const NAME: &str = "orders-sync";

/// What the services know.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) applications: BTreeMap<String, Value>,
    /// Registrations in the recycle bin.
    pub(crate) buried: BTreeMap<String, Value>,
    pub(crate) principals: BTreeMap<String, Value>,
    pub(crate) grants: Vec<Value>,
    pub(crate) federations: BTreeMap<String, Vec<Value>>,
    /// The tenant's policy for credentials; null where it may not be read.
    pub(crate) policy: Value,
    /// Policies that registrations have of their own.
    pub(crate) own_policies: BTreeMap<String, Value>,
    /// The directory roles of whoever calls, by their templates.
    pub(crate) caller_roles: Vec<String>,
    /// Whether the directory answers nobody.
    pub(crate) directory_is_down: bool,
    /// Secret texts by key id, with their client id.
    pub(crate) secrets: BTreeMap<String, (String, String)>,
    /// Certificates (base64 of DER) by key id, those that were taken away too.
    pub(crate) certificates: BTreeMap<String, String>,
    /// How many writes of a list of certificates meet another's.
    pub(crate) conflicts: u32,
    /// Whether a list of certificates is taken and never changes.
    pub(crate) keeps_certificates: bool,
    /// The org at `localhost`.
    pub(crate) org: OrgState,
    /// Further orgs, by their host.
    pub(crate) others: BTreeMap<String, OrgState>,
    /// Requests so far.
    pub(crate) requests: Vec<String>,
    /// The request after which nothing works any more, and whether that one is still carried out.
    pub(crate) dies_at: Option<(usize, bool)>,
    /// How often a thing is "not yet" known.
    pub(crate) lag: u32,
    /// Every secret that was tried.
    pub(crate) tried: Vec<String>,
    /// Why no application but the administrator's gets a token, whatever its key.
    pub(crate) barred: Option<&'static str>,
    next: u128,
}

impl Default for State {
    fn default() -> Self {
        Self {
            applications: BTreeMap::new(),
            buried: BTreeMap::new(),
            principals: BTreeMap::new(),
            grants: Vec::new(),
            federations: BTreeMap::new(),
            policy: json!({ "displayName": "Default", "isEnabled": false }),
            own_policies: BTreeMap::new(),
            caller_roles: Vec::new(),
            directory_is_down: false,
            secrets: BTreeMap::new(),
            certificates: BTreeMap::new(),
            conflicts: 0,
            keeps_certificates: false,
            org: OrgState::new(ORG),
            others: BTreeMap::new(),
            requests: Vec::new(),
            dies_at: None,
            lag: 0,
            tried: Vec::new(),
            barred: None,
            next: 0,
        }
    }
}

impl State {
    pub(crate) fn id(&mut self) -> String {
        self.next += 1;
        uuid::Uuid::from_u128(0xa000_0000_0000_4000_8000_0000_0000_0000 + self.next).to_string()
    }

    pub(crate) fn lags(&mut self) -> bool {
        let lags = self.lag > 0;
        self.lag = self.lag.saturating_sub(1);
        lags
    }

    /// Everything but the counters: what a killed and repeated run must agree on.
    pub(crate) fn shape(&self) -> Value {
        let secrets: Vec<_> =
            self.applications.values().map(|a| a["passwordCredentials"].as_array().unwrap().len()).collect();
        let orgs: Vec<_> = std::iter::once(&self.org).chain(self.others.values()).map(OrgState::shape).collect();
        json!({
            "applications": self.applications.len(), "principals": self.principals.len(),
            "grants": self.grants.len(), "secrets": secrets, "orgs": orgs,
            "certificates":
                self.applications.values().map(|a| a["keyCredentials"].as_array().unwrap().len()).collect::<Vec<_>>(),
            "federations": self.federations.values().map(Vec::len).collect::<Vec<_>>(),
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

pub(crate) fn answer(status: u16, body: &Value) -> Response<Bytes> {
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    Response::builder().status(status).body(body).unwrap()
}

pub(crate) fn refused(status: u16, code: &str, message: &str) -> Response<Bytes> {
    answer(status, &json!({ "error": { "code": code, "message": message } }))
}

pub(crate) fn list(rows: Vec<Value>) -> Response<Bytes> {
    answer(200, &json!({ "value": Value::Array(rows) }))
}

/// The text between `start` and `end`.
pub(crate) fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(inside, _)| inside)
}

/// The rows that a query's `$filter` lets through; all of them when there is none.
pub(crate) fn filtered<'a>(query: &str, rows: impl Iterator<Item = &'a Value>) -> Vec<Value> {
    let filter = query.split_once("$filter=").map(|(_, rest)| rest.split("&$").next().unwrap().trim());
    rows.filter(|row| filter.is_none_or(|filter| matches(filter, row))).cloned().collect()
}

/// `or` over `and` over comparisons, as far as Keyholder asks.
fn matches(filter: &str, row: &Value) -> bool {
    filter.split(" or ").any(|some| some.split(" and ").all(|one| compares(one.trim(), row)))
}

fn compares(condition: &str, row: &Value) -> bool {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    let literal = |text: &str| text.trim_matches('\'').to_lowercase();
    if let Some(tag) = between(condition, "tags/any(t:t eq '", "')") {
        return row["tags"].as_array().is_some_and(|tags| tags.iter().any(|known| known == tag));
    }
    if let Some(inside) = between(condition, "endswith(", "')") {
        let (column, end) = inside.split_once(",'").unwrap();
        return text(&row[column]).ends_with(&end.to_lowercase());
    }
    if let Some((property, values)) = condition.split_once(" in (") {
        let mut values = values.trim_end_matches(')').split(',').map(literal);
        return values.any(|value| value == text(&row[property]));
    }
    match condition.split_once(" eq ") {
        Some((property, "null")) => row.get(property).is_none_or(Value::is_null),
        Some((property, value)) => text(&row[property]) == literal(value),
        None => match condition.split_once(" ne ") {
            Some((property, "null")) => !row[property].is_null(),
            Some((property, value)) => text(&row[property]) != literal(value),
            None => panic!("{condition}"),
        },
    }
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
            _ => handle(&mut state, request, &url),
        }
    }
}

pub(crate) fn url_decoded(text: &str) -> String {
    let pairs = form_urlencoded::parse(text.as_bytes());
    // One "pair" per `&`; values with `=` in them come back whole.
    pairs.map(|(k, v)| if v.is_empty() { k.into_owned() } else { format!("{k}={v}") }).collect::<Vec<_>>().join("&")
}

fn handle(state: &mut State, request: &Request<Bytes>, url: &str) -> Option<Response<Bytes>> {
    let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let caller = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let method = request.method().as_str();
    if let Some(graph) = url.strip_prefix("/v1.0/") {
        return if state.directory_is_down { None } else { Some(directory(state, method, graph, &body)) };
    }
    if let Some(api) = url.strip_prefix("/api/data/v9.2/") {
        let host = request.uri().host().unwrap();
        let is_down = if host == "localhost" { state.org.is_down } else { state.others.get(host)?.is_down };
        if is_down {
            return None;
        }
        let Some(caller) = caller else {
            let challenge = format!(
                "Bearer authorization_uri=https://localhost:8443/{TENANT}/oauth2/authorize, resource_id=https://{host}:8443/"
            );
            return Response::builder().status(401).header("www-authenticate", challenge).body(Bytes::new()).ok();
        };
        return Some(org(state, host, method, api, &body, caller.strip_prefix("Bearer ").unwrap()));
    }
    if url.ends_with("openid-configuration") {
        return Some(answer(200, &json!({ "msgraph_host": "localhost:8443" })));
    }
    assert!(url.ends_with("/oauth2/v2.0/token"), "{url}");
    Some(token(state, request.body()))
}

fn token(state: &mut State, body: &[u8]) -> Response<Bytes> {
    let form: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    let client = &form["client_id"];
    if let Some(assertion) = form.get("client_assertion") {
        return with_certificate(state, client, assertion);
    }
    let secret = &form["client_secret"];
    state.tried.push(secret.clone());
    if let Some(description) = state.barred.filter(|_| client != ADMIN) {
        return answer(401, &json!({ "error": "unauthorized_client", "error_description": description }));
    }
    let known = client == ADMIN || state.secrets.values().any(|(c, s)| c == client && s == secret);
    if !known || (client != ADMIN && state.lags()) {
        let description = "AADSTS7000215: Invalid client secret provided.";
        return answer(401, &json!({ "error": "invalid_client", "error_description": description }));
    }
    answer(200, &json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": client }))
}

/// Whether the certificate that an assertion names is registered; the local org checks signatures.
fn with_certificate(state: &mut State, client: &str, assertion: &str) -> Response<Bytes> {
    use keyholder_entra::base64url;
    let header = base64url::decode(assertion.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    let application = state.applications.values().find(|application| application["appId"] == *client);
    let keys = application.into_iter().flat_map(|application| application["keyCredentials"].as_array().unwrap());
    let is_named = |key: &Value| {
        let der = STANDARD.decode(&state.certificates[key["keyId"].as_str().unwrap()]).unwrap();
        base64url::encode(Sha256::digest(der)) == header["x5t#S256"]
    };
    let is_known = keys.into_iter().any(is_named);
    if !is_known || state.lags() {
        let description = "AADSTS700027: The certificate with identifier used to sign the client assertion is not registered on application.";
        return answer(401, &json!({ "error": "invalid_client", "error_description": description }));
    }
    answer(200, &json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": client }))
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

    /// The quickstart's declaration.
    pub(crate) fn declaration(&self) -> Declaration {
        Declaration::reading_contacts(NAME, &"https://localhost:8443".parse().unwrap(), Sink::EnvFile(self.env_path()))
    }

    pub(crate) async fn administrator_at(&self, url: &str) -> Result<Administrator, ClientError> {
        let sleep = Arc::new(SkippingSleep(self.clock.clone()));
        // A killed run does not retry.
        let http = Http::new(self.services.clone(), self.clock.clone(), sleep).with_retries(RetryPolicy::never());
        let connection = Connection {
            url: url.parse().unwrap(),
            tenant: None,
            authority: None,
            client_id: ADMIN.parse().unwrap(),
            credential: Secret::new("admin").into(),
            ca_file: None,
        };
        Administrator::connect(connection, http).await
    }

    pub(crate) async fn administrator(&self) -> Result<Administrator, ClientError> {
        self.administrator_at("https://localhost:8443").await
    }

    /// All orgs of a declaration, signed in to.
    pub(crate) async fn estate(&self, declaration: &Declaration) -> Estate {
        let mut orgs = BTreeMap::new();
        for (name, org) in &declaration.orgs {
            orgs.insert(name.clone(), self.administrator_at(&org.url.to_string()).await);
        }
        let random = Arc::new(keyholder_foundation::SeededRandom::new(1));
        Estate::new(declaration, orgs).borrowing(Borrowing { journal: self.journal(), random })
    }

    /// What is borrowed, and begun.
    pub(crate) fn journal(&self) -> Journal {
        Journal::new(self.folder.path().join("journal"))
    }

    /// Quickstart's sinks: its env file is its own, and may be replaced whatever it holds.
    fn own_sinks(&self, declaration: &Declaration) -> Sinks {
        let mut sinks = Sinks::of(declaration, None).unwrap();
        for (name, user) in &declaration.application_users {
            for (number, credential) in user.credentials.iter().enumerate() {
                if let Credential::Secret { sink: Sink::EnvFile(path), .. } = credential
                    && *path == self.env_path()
                {
                    sinks.insert(name, number, Arc::new(self.sink()));
                }
            }
        }
        sinks
    }

    pub(crate) async fn observe(&self, declaration: &Declaration, leave: Leave) -> (Estate, Observation) {
        let estate = self.estate(declaration).await;
        let look = Look { prune: leave.prune };
        let seen = observe(&estate, declaration, &Sinks::of(declaration, None).unwrap(), look).await.unwrap();
        (estate, seen)
    }

    /// The same with sinks beyond this machine.
    pub(crate) async fn observe_by(&self, declaration: &Declaration, means: Option<&Means>) -> (Estate, Observation) {
        let estate = self.estate(declaration).await;
        let sinks = Sinks::of(declaration, means).unwrap();
        let seen = observe(&estate, declaration, &sinks, Look::default()).await.unwrap();
        (estate, seen)
    }

    /// The plan of a declaration now.
    pub(crate) async fn plan(&self, declaration: &Declaration, leave: Leave) -> Plan {
        plan(declaration, &self.observe(declaration, leave).await.1, leave)
    }

    /// Plans and applies as far as the plan goes.
    pub(crate) async fn apply(&self, declaration: &Declaration, leave: Leave) -> (Plan, Applied, Vec<Event>) {
        let (estate, seen) = self.observe(declaration, leave).await;
        self.carry_out(declaration, (estate, seen), leave, None).await
    }

    /// The same with sinks beyond this machine.
    pub(crate) async fn apply_by(
        &self,
        declaration: &Declaration,
        means: Option<&Means>,
    ) -> (Plan, Applied, Vec<Event>) {
        let seen = self.observe_by(declaration, means).await;
        self.carry_out(declaration, seen, Leave::default(), means).await
    }

    async fn carry_out(
        &self,
        declaration: &Declaration,
        (estate, seen): (Estate, Observation),
        leave: Leave,
        means: Option<&Means>,
    ) -> (Plan, Applied, Vec<Event>) {
        let made = plan(declaration, &seen, leave);
        let heard = Mutex::new(Vec::new());
        let listen = |event: &Event| heard.lock().unwrap().push(event.clone());
        let sinks = Sinks::of(declaration, means).unwrap();
        let applied = apply(&estate, declaration, &seen, &made, &sinks, Proving::default(), &listen).await;
        (made, applied, heard.into_inner().unwrap())
    }

    pub(crate) async fn provision(&self) -> (Result<Provisioned, Error>, Vec<Event>) {
        self.provision_as(&self.declaration()).await
    }

    /// What quickstart does with a declaration of one user.
    pub(crate) async fn provision_as(&self, declaration: &Declaration) -> (Result<Provisioned, Error>, Vec<Event>) {
        let administrator = match self.administrator().await {
            Ok(administrator) => administrator,
            Err(source) => return (Err(Error::Service { doing: "connect".to_owned(), source }), Vec::new()),
        };
        let estate = Estate::new(declaration, BTreeMap::from([(ONE_ORG.to_owned(), Ok(administrator))]));
        let heard = Mutex::new(Vec::new());
        let listen = |event: &Event| heard.lock().unwrap().push(event.clone());
        let in_order = InOrder::new(&listen);
        let sinks = self.own_sinks(declaration);
        let proving = Proving { all: true, rows: 3 };
        let outcome = bring_about(&estate, declaration, &sinks, proving, &in_order).await;
        in_order.flush();
        drop(in_order);
        (outcome.map(|(_, mut applied)| applied.proved.remove(0)), heard.into_inner().unwrap())
    }

    pub(crate) async fn remove(&self) -> (Result<(), Error>, Vec<Event>) {
        let declaration = self.declaration();
        let heard = Mutex::new(Vec::new());
        let listen = |event: &Event| heard.lock().unwrap().push(event.clone());
        let administrator = match self.administrator().await {
            Ok(administrator) => administrator,
            Err(source) => return (Err(Error::Service { doing: "connect".to_owned(), source }), Vec::new()),
        };
        let (user, role) = (&declaration.application_users[NAME], &declaration.roles[NAME]);
        let sink = self.sink();
        let places = [Place { sink: &sink, is_ours: true }];
        let reach = Reach { leaves_users_of_others: true, ..Reach::default() };
        let outcome = async {
            let found = find_to_remove(&administrator, &user.name, &places).await?;
            remove(&administrator, &user.name, found.as_ref(), &role.name, &places, reach, &listen).await
        };
        let outcome = outcome.await;
        (outcome, heard.into_inner().unwrap())
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
