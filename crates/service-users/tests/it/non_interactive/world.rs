//! A local org, a way to it that can be cut or tampered with, and a look at it from outside.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use keyholder_client::error::Unreachable;
use keyholder_client::time::SkippingSleep;
use keyholder_client::transport::Network;
use keyholder_client::{Error as ClientError, Http, NetworkOptions, RetryPolicy, Transport};
use keyholder_foundation::{OsRandom, WallClock};
use keyholder_org::Settings;
use keyholder_service_users::declaration::Sink;
use keyholder_service_users::non_interactive::{
    Access, NonInteractive, NonInteractiveDefinition, PasswordFile, PasswordSink, Release, Released, provision, release,
};
use keyholder_service_users::{Administrator, Error, Event, Journal, Outcome, Reporter, Step};
use keyholder_testkit::{Answer, World};
use serde_json::{Value, json};

/// Dynamics 365 Plan 1.
pub(crate) const PLAN: &str = "ea126fc5-a19e-42e2-a731-da9d437bffcf";
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const HOUR: Duration = Duration::from_secs(60 * 60);

/// What may happen to an answer on its way.
type Tamper = fn(&Request<Bytes>, Response<Bytes>) -> Response<Bytes>;

/// The network, which dies at a chosen request.
#[derive(Debug)]
pub(crate) struct Cut {
    network: Network,
    state: Mutex<CutState>,
}

#[derive(Debug, Default)]
struct CutState {
    seen: Vec<String>,
    /// The request that gets no answer, counted from 1, and whether it is still carried out; none
    /// after it is even sent.
    dies_at: Option<(usize, bool)>,
    tamper: Option<Tamper>,
}

impl Transport for Cut {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ClientError>> {
        Box::pin(async move {
            let lost = || ClientError::Unreachable {
                origin: "https://localhost".to_owned(),
                cause: Unreachable::Lost("killed".to_owned()),
            };
            let (sends, answers, tamper) = {
                let mut state = self.state.lock().unwrap();
                state.seen.push(format!("{} {}", request.method(), request.uri()));
                let number = state.seen.len();
                let (sends, answers) = match state.dies_at {
                    Some((at, executed)) => (number < at || (number == at && executed), number < at),
                    None => (true, true),
                };
                (sends, answers, state.tamper)
            };
            if !sends {
                return Err(lost());
            }
            let asked = Request::from_parts(request.clone().into_parts().0, Bytes::new());
            let answer = self.network.send(request).await?;
            let answer = tamper.map_or_else(|| answer.clone(), |tamper| tamper(&asked, answer.clone()));
            if answers { Ok(answer) } else { Err(lost()) }
        })
    }
}

/// Everything that a run reported.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) events: Vec<Event>,
    pub(crate) waits: Vec<String>,
}

/// Hears, and is asked afterwards.
#[derive(Debug, Default)]
pub(crate) struct Listening(Mutex<Heard>);

impl Listening {
    pub(crate) fn heard(self) -> Heard {
        self.0.into_inner().unwrap()
    }
}

impl Reporter for Listening {
    fn done(&self, event: &Event) {
        self.0.lock().unwrap().events.push(event.clone());
    }

    fn waiting(&self, what: &str, wait: Duration) {
        self.0.lock().unwrap().waits.push(format!("{what}, {wait:?}"));
    }
}

impl Heard {
    pub(crate) fn outcomes(&self) -> Vec<(Step, Outcome)> {
        self.events.iter().map(|event| (event.step, event.outcome)).collect()
    }

    pub(crate) fn notes(&self) -> String {
        self.events.iter().flat_map(|event| &event.notes).cloned().collect::<Vec<_>>().join("; ")
    }
}

pub(crate) struct House {
    pub(crate) world: World,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) access: Access,
    cut: Arc<Cut>,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::behaving(Settings::default()).await
    }

    pub(crate) async fn delayed(delay: Duration) -> Self {
        Self::behaving(Settings { propagation_delay: delay, ..Settings::default() }).await
    }

    pub(crate) async fn behaving(settings: Settings) -> Self {
        let world = World::behaving(settings).await;
        let folder = tempfile::tempdir().unwrap();
        let options = NetworkOptions { ca_file: world.connection().ca_file, ..NetworkOptions::default() };
        let cut = Arc::new(Cut { network: Network::new(options).unwrap(), state: Mutex::default() });
        let clock = world.clock();
        let sleep = Arc::new(SkippingSleep(clock.clone()));
        // A killed run does not retry.
        let http = Http::new(cut.clone(), clock, sleep).with_retries(RetryPolicy::never());
        let administrator = Administrator::connect(world.connection(), http).await.unwrap();
        let journal = Journal::new(folder.path().join("journal"));
        let access = Access::new(&administrator, journal, Arc::new(OsRandom)).unwrap();
        let house = Self { world, folder, access, cut };
        house.own_role().await;
        house
    }

    /// A role of the org's own that may do next to nothing.
    async fn own_role(&self) {
        let unit = &self.rows("businessunits?$filter=parentbusinessunitid eq null").await[0]["businessunitid"];
        let role = json!({"name": "Orders", "businessunitid@odata.bind": format!("/businessunits({})", unit.as_str().unwrap())});
        let token = self.world.admin_token().await;
        let made = self.world.api(&token, "POST", "roles", Some(&role)).await;
        assert_eq!(made.status, 204, "{}", made.text);
    }

    pub(crate) fn name(&self, local: &str) -> String {
        format!("{local}@keyholder.localhost")
    }

    /// A new user with a role of its own.
    pub(crate) fn new_user(&self, local: &str) -> NonInteractiveDefinition {
        NonInteractiveDefinition {
            roles: vec!["Orders".to_owned()],
            usage_location: Some("DE".to_owned()),
            ..NonInteractiveDefinition::new(self.name(local))
        }
    }

    pub(crate) fn env_file(&self, user_name: &str) -> PathBuf {
        self.folder.path().join(format!("{}.env", user_name.split('@').next().unwrap()))
    }

    pub(crate) fn sink(&self, user_name: &str) -> PasswordFile {
        PasswordFile::new(&Sink::EnvFile(self.env_file(user_name)), None).unwrap()
    }

    /// The password in the env file of a user.
    pub(crate) fn password(&self, user_name: &str) -> String {
        let text = std::fs::read_to_string(self.env_file(user_name)).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("KEYHOLDER_PASSWORD=")).unwrap();
        line.trim_matches('\'').to_owned()
    }

    pub(crate) async fn provision(
        &self,
        definition: &NonInteractiveDefinition,
    ) -> (Result<NonInteractive, Error>, Heard) {
        let listening = Listening::default();
        let sink = self.sink(&definition.user_name);
        let sink = match definition.source {
            keyholder_service_users::non_interactive::Source::New => Some(&sink as &dyn PasswordSink),
            keyholder_service_users::non_interactive::Source::Existing => None,
        };
        let done = provision(&self.access, definition, sink, &listening).await;
        (done, listening.heard())
    }

    pub(crate) async fn release(&self, user_name: &str, what: Release) -> (Result<Released, Error>, Heard) {
        let listening = Listening::default();
        let done = release(&self.access, user_name, what, &listening).await;
        (done, listening.heard())
    }

    /// From now on the `at`th request gets no answer, and those after it nowhere.
    pub(crate) fn dies_at(&self, at: usize, executed: bool) {
        *self.cut.state.lock().unwrap() = CutState { dies_at: Some((at, executed)), ..CutState::default() };
    }

    /// The network is whole again; the request at which it had died.
    pub(crate) fn mend(&self) -> String {
        let state = std::mem::take(&mut *self.cut.state.lock().unwrap());
        let at = state.dies_at.map_or(0, |(at, _)| at);
        state.seen.get(at.saturating_sub(1)).cloned().unwrap_or_default()
    }

    pub(crate) fn tamper(&self, tamper: Tamper) {
        *self.cut.state.lock().unwrap() = CutState { tamper: Some(tamper), ..CutState::default() };
    }

    /// Moves the org's time.
    pub(crate) fn advance(&self, by: Duration) {
        self.world.advance(by);
    }

    pub(crate) fn elapsed_since(&self, then: keyholder_foundation::Timestamp) -> Duration {
        self.world.clock().now().since(then)
    }

    pub(crate) async fn graph(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.world.graph(&self.world.admin_token().await, method, path, body).await
    }

    pub(crate) async fn rows(&self, query: &str) -> Vec<Value> {
        let found = self.world.api(&self.world.admin_token().await, "GET", query, None).await;
        assert_eq!(found.status, 200, "{}", found.text);
        found.body["value"].as_array().unwrap().clone()
    }

    /// Makes a person by hand; gives the object id.
    pub(crate) async fn person(&self, local: &str) -> String {
        let body = json!({
            "displayName": format!("Person {local}"), "mailNickname": local, "accountEnabled": true,
            "usageLocation": "US", "userPrincipalName": self.name(local),
            "passwordProfile": {"password": "Correct-horse-9", "forceChangePasswordNextSignIn": false},
        });
        let made = self.graph("POST", "users", Some(&body)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.body["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn license(&self, person: &str) {
        let body = json!({"addLicenses": [{"skuId": PLAN}], "removeLicenses": []});
        let done = self.graph("POST", &format!("users/{person}/assignLicense"), Some(&body)).await;
        assert_eq!(done.status, 200, "{}", done.text);
    }

    /// What a person of that name holds.
    pub(crate) async fn licences(&self, user_name: &str) -> usize {
        let found = self.graph("GET", &format!("users/{user_name}?$select=assignedLicenses"), None).await;
        found.body["assignedLicenses"].as_array().map_or(0, Vec::len)
    }

    /// How many licences are given away in the whole tenant.
    pub(crate) async fn consumed(&self) -> i64 {
        let skus = self.graph("GET", "subscribedSkus", None).await;
        skus.body["value"].as_array().unwrap().iter().map(|sku| sku["consumedUnits"].as_i64().unwrap()).sum()
    }

    /// The org's user of that name; null when there is none.
    pub(crate) async fn user(&self, user_name: &str) -> Value {
        let query = format!(
            "systemusers?$select=systemuserid,accessmode,isdisabled,islicensed&$filter=domainname eq '{user_name}'"
        );
        self.rows(&query).await.first().cloned().unwrap_or_default()
    }

    /// How the user stands: access mode, disabled, the names of the roles.
    pub(crate) async fn standing(&self, user_name: &str) -> (Value, Value, Vec<String>) {
        let user = self.user(user_name).await;
        let id = user["systemuserid"].as_str().unwrap();
        let roles = self.rows(&format!("systemusers({id})/systemuserroles_association?$select=name")).await;
        let names = roles.iter().map(|role| role["name"].as_str().unwrap().to_owned()).collect();
        (user["accessmode"].clone(), user["isdisabled"].clone(), names)
    }

    /// Nothing is borrowed any more.
    pub(crate) fn assert_nothing_lent(&self, context: &str) {
        assert!(self.access.journal.all().unwrap().is_empty(), "{context}");
    }

    /// Signs in with name and password, as old tools do, and asks the org who that is.
    pub(crate) async fn sign_in(&self, user_name: &str, password: &str) -> Answer {
        let fields = [
            ("grant_type", "password"),
            ("client_id", "51f81489-12ee-4a9e-aaae-a2591f45987d"),
            ("username", user_name),
            ("password", password),
            ("scope", &format!("{}/.default", self.world.origin())),
        ];
        let answer = self.world.token_request(&self.world.tenant(), "v2.0/", &fields).await;
        if answer.status != 200 {
            return answer;
        }
        let token = answer.body["access_token"].as_str().unwrap().to_owned();
        self.world.api(&token, "GET", "WhoAmI", None).await
    }

    pub(crate) async fn control(&self, method: &str, command: &str, body: Value) -> Answer {
        let authorization = format!("Bearer {}", self.world.admin_token().await);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        self.world.ask(method, &format!("/_keyholder/{command}"), &headers, &body).await
    }

    /// From now on only members of a new group may come in; gives its id.
    pub(crate) async fn security_group(&self) -> String {
        let group = json!({
            "displayName": "Insiders", "mailNickname": "insiders", "mailEnabled": false, "securityEnabled": true,
        });
        let made = self.graph("POST", "groups", Some(&group)).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let group = made.body["id"].as_str().unwrap().to_owned();
        let org = self.world.org().status()["organizationId"].as_str().unwrap().to_owned();
        let set = self.control("PUT", &format!("orgs/{org}/security-group"), json!({"group": group})).await;
        assert_eq!(set.status, 200, "{}", set.text);
        group
    }

    pub(crate) async fn join(&self, group: &str, user_name: &str) {
        let found = self.graph("GET", &format!("users/{user_name}"), None).await;
        let id = found.body["id"].as_str().unwrap();
        let member = json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}")});
        let joined = self.graph("POST", &format!("groups/{group}/members/$ref"), Some(&member)).await;
        assert_eq!(joined.status, 204, "{}", joined.text);
    }
}
