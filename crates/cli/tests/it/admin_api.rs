//! `app-user create --via-admin-api`: a caller who administers Power Platform and is no user of the org; and no
//! elevation that outlives the run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use keyholder_client::error::Unreachable;
use keyholder_client::time::RuntimeSleep;
use keyholder_client::transport::Network;
use keyholder_client::{Connection, Error, Http, NetworkOptions, PowerPlatform, RetryPolicy, Transport};
use keyholder_foundation::{ClientId, Secret, SystemClock, Timestamp};
use keyholder_service_users::app_users::{Wanted, by_admin_api, strip_left};
use keyholder_service_users::apply::{Proving, apply};
use keyholder_service_users::declaration::{Credential, Declaration, ONE_ORG, Sink, parse_grant};
use keyholder_service_users::journal::KeyFile;
use keyholder_service_users::observe::Look;
use keyholder_service_users::plan::{Leave, plan};
use keyholder_service_users::{Administrator, Estate, Event, Journal, Loan, Sinks, observe};
use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::killed::mortal;
use crate::program::{Ended, ended, keyholder, run};

const APPLICATION_ADMINISTRATOR: &str = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3";
const POWER_PLATFORM_ADMINISTRATOR: &str = "11648597-926c-4cf3-9c36-bcebb0ba8dcc";
const SYSTEM_ADMINISTRATOR: &str = "627090ff-40a3-4053-8790-584edc5be201";

/// A world, and an application that may register applications and administers Power Platform.
struct Case {
    world: World,
    folder: tempfile::TempDir,
    client: String,
    secret: Secret,
}

impl Case {
    async fn new() -> Self {
        let world = World::start().await;
        let token = world.admin_token().await;
        let new = json!({"displayName": "platform", "signInAudience": "AzureADMyOrg"});
        let made = world.graph(&token, "POST", "applications", Some(&new)).await;
        let (id, client) = (made.body["id"].as_str().unwrap(), made.body["appId"].as_str().unwrap().to_owned());
        let principal = world.graph(&token, "POST", "servicePrincipals", Some(&json!({ "appId": client }))).await;
        for role in [APPLICATION_ADMINISTRATOR, POWER_PLATFORM_ADMINISTRATOR] {
            let given = json!({
                "principalId": principal.body["id"], "roleDefinitionId": role, "directoryScopeId": "/",
            });
            let given = world.graph(&token, "POST", "roleManagement/directory/roleAssignments", Some(&given)).await;
            assert_eq!(given.status, 201, "{}", given.text);
        }
        let secret = world.graph(&token, "POST", &format!("applications/{id}/addPassword"), Some(&json!({}))).await;
        let secret = Secret::new(secret.body["secretText"].as_str().unwrap());
        Self { world, folder: tempfile::tempdir().unwrap(), client, secret }
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        self.run_as(&self.client, &self.secret, arguments)
    }

    /// As the org's own administrator.
    fn run_as_administrator(&self, arguments: &[&str]) -> Ended {
        let admin = self.world.admin();
        self.run_as(&admin.client_id, &admin.client_secret, arguments)
    }

    fn run_as(&self, client: &str, secret: &Secret, arguments: &[&str]) -> Ended {
        let mut command = keyholder(self.folder.path());
        command.args(arguments);
        command.env("KEYHOLDER_ORG_URL", self.world.origin());
        command.env("KEYHOLDER_CLIENT_ID", client);
        command.env("KEYHOLDER_CLIENT_SECRET", secret.expose());
        command.env("KEYHOLDER_CA_FILE", self.world.file("ca.pem"));
        ended(&mut command)
    }

    /// Where the program keeps what is borrowed.
    fn journal(&self) -> Journal {
        Journal::new(self.folder.path().join("state/keyholder/journal"))
    }

    async fn caller(&self) -> Administrator {
        Administrator::connect(self.connection(), self.world.http().clone()).await.unwrap()
    }

    /// The client id that the program wrote to `orders.env`.
    fn made(&self) -> ClientId {
        let text = std::fs::read_to_string(self.folder.path().join("orders.env")).unwrap();
        text.lines().find_map(|line| line.strip_prefix("KEYHOLDER_CLIENT_ID=")).unwrap().parse().unwrap()
    }

    /// Records an elevation of that application as a run did that was killed long ago.
    fn record(&self, key: &str) {
        let key = Some(KeyFile { path: self.folder.path().join(key), is_env: true });
        let loan = Loan::Elevation { org: self.world.origin(), client_id: self.made(), key };
        drop(self.journal().record(loan, Timestamp::EPOCH).unwrap());
    }

    /// Gives it System Administrator, as `addAppUser` does.
    async fn elevate(&self) {
        let caller = self.caller().await;
        let platform = PowerPlatform::connect(caller.org.tokens().clone(), None, self.world.http().clone()).unwrap();
        let environment = platform.environment_of(&caller.connection.url).await.unwrap().unwrap();
        platform.add_app_user(&environment.id, self.made()).await.unwrap();
    }

    fn connection(&self) -> Connection {
        self.world.connection_as(&self.client, self.secret.clone())
    }

    /// What `orders-sync` holds in the org, as the org's own administrator sees it.
    async fn roles(&self) -> Vec<String> {
        let token = self.world.admin_token().await;
        let users = "systemusers?$select=systemuserid&$filter=contains(fullname,'orders-sync')";
        let users = self.world.api(&token, "GET", users, None).await;
        let mut all = Vec::new();
        for user in users.body["value"].as_array().unwrap() {
            let path = format!(
                "systemusers({})/systemuserroles_association?$select=name,_roletemplateid_value",
                user["systemuserid"].as_str().unwrap()
            );
            for role in self.world.api(&token, "GET", &path, None).await.body["value"].as_array().unwrap() {
                assert_ne!(role["_roletemplateid_value"], SYSTEM_ADMINISTRATOR, "an elevation is left standing");
                all.push(role["name"].as_str().unwrap().to_owned());
            }
        }
        all
    }
}

const CREATE: [&str; 6] =
    ["app-user", "create", "orders-sync", "--grant", "contact=read:organization write:user", "--via-admin-api"];

#[tokio::test(flavor = "multi_thread")]
async fn s09_s18_an_administrator_without_an_org_user_lets_an_application_in() {
    let case = Case::new().await;
    let create = |more: &[&str]| case.run(&[&CREATE, more].concat());
    let refused = case.run(&[&CREATE[..5], &["--save-env", "o.env", "--yes"]].concat());
    assert_eq!(refused.code(), 77, "{refused:#?}");
    assert!(!case.folder.path().join("o.env").exists(), "what stops a part of it stops all of it");
    let planned = create(&["--save-env", "orders.env", "--dry-run"]);
    assert_eq!(planned.code(), 2, "{planned:#?}");
    for expected in ["with System Administrator", "may read every contact in the org", "takes off itself last"] {
        assert!(planned.out.contains(expected), "no {expected} in {}", planned.out);
    }
    let done = create(&["--save-env", "orders.env", "--yes"]).done();
    for expected in ["removed  role `System Administrator`", "it was read back", "proved   GET contacts", "was proved"]
    {
        assert!(done.contains(expected), "no {expected} in {done}");
    }
    assert_eq!(case.roles().await, ["orders-sync"]);
    let env = ["--env-file", "orders.env"];
    run(case.folder.path(), &[&["query", "contacts?$top=1"], &env[..]].concat()).done();
    run(case.folder.path(), &[&["query", "accounts?$top=1"], &env[..]].concat()).failed(77);
    // Again: whether all is in place, only an application that may read users can tell.
    let again = create(&["--save-env", "orders.env", "--yes"]).done();
    assert!(again.contains("removed  role `System Administrator`"), "{again}");
    let knows = ["app-user", "create", "knows-itself", "--grant", "systemuser=read:organization", "--via-admin-api"];
    let knows = [&knows[..], &["--save-env", "knows.env", "--yes"]].concat();
    case.run(&knows).done();
    let again = case.run(&knows).done();
    assert!(again.contains("nothing was lent to it"), "{again}");
    assert_eq!(case.roles().await, ["orders-sync"]);

    for (more, expected) in [
        (&["--save-with", "cat"][..], "its key must be in a file"),
        (&["--trust", "issuer", "--issuer", "https://i.example", "--subject", "s"], "its key must be in a file"),
        (&["--save-env", "x.env", "--business-unit", "Sales"], "takes its roles away"),
        (&["--save-env", "x.env", "--role", "System Administrator"], "is what it takes off at the end"),
    ] {
        let said = create(&[more, &["--yes"]].concat()).failed(78);
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s09_any_later_command_takes_off_what_a_killed_run_left() {
    let case = Case::new().await;
    case.run(&[&CREATE[..], &["--save-env", "orders.env", "--yes"]].concat()).done();
    // As after a kill right behind `addAppUser`.
    case.record("orders.env");
    case.elevate().await;

    let other = case.run(&["credential", "list", "orders-sync"]);
    assert!(other.err.contains("took System Administrator off"), "{other:#?}");
    assert_eq!(case.roles().await, ["orders-sync"]);
    assert_eq!(case.journal().all().unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn s09_what_was_left_is_taken_off_with_the_key_at_hand_though_the_record_names_another_place() {
    let case = Case::new().await;
    let knows = ["app-user", "create", "orders-sync", "--grant", "systemuser=read:organization", "--via-admin-api"];
    let knows = [&knows[..], &["--save-env", "orders.env", "--yes"]].concat();
    case.run(&knows).done();
    case.record("moved.env");
    case.elevate().await;
    let again = case.run(&knows);
    assert!(again.err.contains("may still have System Administrator"), "{again:#?}");
    assert!(again.done().contains("removed  role `System Administrator`"));
    assert_eq!(case.roles().await, ["orders-sync"]);
    assert_eq!(case.journal().all().unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn s09_system_administrator_that_somebody_else_gave_is_not_taken_off() {
    let case = Case::new().await;
    let create = [&CREATE[..], &["--save-env", "orders.env", "--yes"]].concat();
    case.run(&create).done();
    case.elevate().await;
    let said = case.run(&create).failed(78);
    assert!(said.contains("it has System Administrator already"), "{said}");
    assert_eq!(case.journal().all().unwrap(), []);
    let detail = case.run_as_administrator(&["app-user", "show", "orders-sync"]).done();
    assert!(detail.contains("System Administrator"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s09_a_record_goes_when_the_org_shows_its_application_without_the_role_or_it_is_removed() {
    let case = Case::new().await;
    case.run(&[&CREATE[..], &["--save-env", "orders.env", "--yes"]].concat()).done();
    case.record("moved.env");
    let list = ["credential", "list", "orders-sync"];
    let blind = case.run(&list);
    assert!(blind.err.contains("may still have System Administrator"), "who sees nothing of the org: {blind:#?}");
    let seeing = case.run_as_administrator(&list);
    assert!(!seeing.err.contains("may still have"), "{seeing:#?}");
    assert_eq!(case.journal().all().unwrap(), []);

    case.record("moved.env");
    case.elevate().await;
    let seeing = case.run_as_administrator(&list);
    assert!(seeing.err.contains("may still have System Administrator"), "{seeing:#?}");
    assert_eq!(case.journal().all().unwrap().len(), 1, "it does have it");
    case.run_as_administrator(&["app-user", "remove", "orders-sync", "--yes"]).done();
    assert_eq!(case.journal().all().unwrap(), []);

    // The directory can restore it, and with it the way in; after that nobody can.
    case.record("moved.env");
    let list = ["credential", "list", "platform"];
    assert!(case.run(&list).err.contains("may still have System Administrator"));
    case.run_as_administrator(&["app-user", "remove", "orders-sync", "--purge", "--yes"]).done();
    assert!(!case.run(&list).err.contains("may still have System Administrator"));
    assert_eq!(case.journal().all().unwrap(), []);
}

/// A network on which `addAppUser` is not answered.
#[derive(Debug)]
struct Unanswered {
    network: Network,
    /// Whether all is gone from then on.
    ends: bool,
    is_asked: AtomicBool,
}

impl Unanswered {
    fn http(world: &World, ends: bool) -> Http {
        let ca_file = Some(world.file("ca.pem"));
        let network = Network::new(NetworkOptions { ca_file, ..NetworkOptions::default() }).unwrap();
        let transport = Arc::new(Self { network, ends, is_asked: AtomicBool::new(false) });
        Http::new(transport, Arc::new(SystemClock::new()), Arc::new(RuntimeSleep)).with_retries(RetryPolicy::never())
    }
}

impl Transport for Unanswered {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, Error>> + Send + '_>> {
        Box::pin(async move {
            let is_adding = request.uri().path().ends_with("addAppUser");
            if is_adding || (self.ends && self.is_asked.load(Ordering::SeqCst)) {
                self.is_asked.store(true, Ordering::SeqCst);
                let cause = Unreachable::Lost("lost by the test".to_owned());
                return Err(Error::Unreachable { origin: "lost".to_owned(), cause });
            }
            self.network.send(request).await
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s09_an_elevation_that_comes_in_after_its_answer_was_lost_is_taken_off_later() {
    let case = Case::new().await;
    case.run(&[&CREATE[..], &["--save-env", "orders.env", "--yes"]].concat()).done();
    let declaration = declaration(&case.connection(), case.folder.path().join("orders.env"));
    let sinks = Sinks::of(&declaration, None).unwrap();
    let journal = case.journal();
    for ends in [false, true] {
        let caller = Administrator::connect(case.connection(), Unanswered::http(&case.world, ends)).await.unwrap();
        let quiet = |_: &Event| {};
        let failed = by_admin_api(&caller, &journal, &declaration, &sinks, Leave::default(), &quiet).await.unwrap_err();
        let said = failed.to_string();
        assert!(said.contains("let `orders-sync` into the org through Power Platform"), "{said}");
        assert_eq!(said.contains("System Administrator could not be taken off `orders-sync` again"), ends, "{said}");
        assert_eq!(journal.all().unwrap().len(), 1, "it may come in yet");
        assert_eq!(strip_left(&caller, &journal).await.unwrap().len(), usize::from(ends));
        assert_eq!(journal.all().unwrap().len(), 1, "still");
        case.elevate().await;
        let told = strip_left(&case.caller().await, &journal).await.unwrap();
        assert!(told[0].starts_with("took System Administrator off"), "{told:?}");
        assert_eq!(case.roles().await, ["orders-sync"]);
        assert_eq!(journal.all().unwrap(), []);
    }
    // After an hour, what did not come in does not come any more.
    case.record("orders.env");
    assert_eq!(strip_left(&case.caller().await, &journal).await.unwrap(), [""; 0]);
    assert_eq!(journal.all().unwrap(), []);
}

/// A network whose answers do not show System Administrator on anybody, as those of a cache that lags.
#[derive(Debug)]
struct Stale(Network);

impl Transport for Stale {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, Error>> + Send + '_>> {
        Box::pin(async move {
            let is_asked = request.uri().to_string().contains("_roletemplateid_value");
            let answer = self.0.send(request).await?;
            let Some(mut body) = serde_json::from_slice::<Value>(answer.body()).ok().filter(|_| is_asked) else {
                return Ok(answer);
            };
            if let Some(rows) = body["value"].as_array_mut() {
                rows.retain(|role| role["_roletemplateid_value"] != SYSTEM_ADMINISTRATOR);
            }
            Ok(answer.map(|_| body.to_string().into()))
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s09_an_elevation_that_an_old_answer_does_not_show_stays_recorded_and_is_taken_off_later() {
    let case = Case::new().await;
    case.run(&[&CREATE[..], &["--save-env", "orders.env", "--yes"]].concat()).done();
    let declaration = declaration(&case.connection(), case.folder.path().join("orders.env"));
    let (sinks, journal) = (Sinks::of(&declaration, None).unwrap(), case.journal());
    let ca_file = Some(case.world.file("ca.pem"));
    let network = Network::new(NetworkOptions { ca_file, ..NetworkOptions::default() }).unwrap();
    let stale = Http::new(Arc::new(Stale(network)), Arc::new(SystemClock::new()), Arc::new(RuntimeSleep));
    let caller = Administrator::connect(case.connection(), stale).await.unwrap();
    let quiet = |_: &Event| {};
    by_admin_api(&caller, &journal, &declaration, &sinks, Leave::default(), &quiet).await.unwrap().unwrap();
    assert_eq!(journal.all().unwrap().len(), 1, "it had it, whatever was shown");
    let told = strip_left(&case.caller().await, &journal).await.unwrap();
    assert!(told[0].starts_with("took System Administrator off"), "{told:?}");
    assert_eq!(case.roles().await, ["orders-sync"]);
    assert_eq!(journal.all().unwrap(), []);
}

fn declaration(connection: &Connection, env: PathBuf) -> Declaration {
    let secret = Credential::Secret { lifetime: std::time::Duration::from_secs(86_400), sink: Sink::EnvFile(env) };
    let wanted = Wanted {
        name: "orders-sync".to_owned(),
        rights: parse_grant("contact=read:organization").unwrap(),
        credentials: vec![secret],
        ..Wanted::default()
    };
    wanted.declaration(&connection.url).unwrap()
}

/// What the command does; whether it came to its end.
async fn create_once(case: &Case, http: Http, folder: &Path) -> bool {
    let connection = case.connection();
    let Ok(caller) = Administrator::connect(connection.clone(), http).await else { return false };
    let journal = Journal::new(folder.join("journal"));
    let declaration = declaration(&connection, folder.join("orders.env"));
    let done = async {
        strip_left(&caller, &journal).await?;
        let sinks = Sinks::of(&declaration, None)?;
        let estate = Estate::new(&declaration, BTreeMap::from([(ONE_ORG.to_owned(), Ok(caller.clone()))]));
        let seen = observe(&estate, &declaration, &sinks, Look::default()).await?;
        let made = plan(&declaration, &seen, Leave::default());
        let quiet = |_: &Event| {};
        let mut applied = apply(&estate, &declaration, &seen, &made, &sinks, Proving::default(), &quiet).await;
        if let Some(failure) = applied.failures.pop() {
            return Err(failure.error);
        }
        by_admin_api(&caller, &journal, &declaration, &sinks, Leave::default(), &quiet).await
    };
    match done.await {
        Ok(applied) => applied.is_none_or(|applied| applied.failures.is_empty()),
        Err(_) => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s09_no_elevation_outlives_a_killed_run() {
    let case = Case::new().await;
    let mut kills = 0;
    for requests in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let killed = !create_once(&case, mortal(&case.world, requests), folder.path()).await;
        // Any later run takes it off first, before it does anything of its own.
        let caller = Administrator::connect(case.connection(), case.world.http().clone()).await.unwrap();
        let told = strip_left(&caller, &Journal::new(folder.path().join("journal"))).await.unwrap();
        assert!(told.iter().all(|sentence| sentence.starts_with("took ")), "{told:?}");
        case.roles().await;
        assert!(
            create_once(&case, case.world.http().clone(), folder.path()).await,
            "after a kill at request {requests}"
        );
        assert_eq!(case.roles().await, ["orders-sync"], "after a kill at request {requests}");
        let left = Journal::new(folder.path().join("journal")).all().unwrap();
        assert_eq!(left, [], "after a kill at request {requests}");
        // Away with it, so that the next round begins from nothing.
        let token = case.world.admin_token().await;
        let own = Administrator::connect(case.world.connection(), case.world.http().clone()).await.unwrap();
        let found = keyholder_service_users::app_users::find(&own, "orders-sync").await.unwrap();
        let reach = keyholder_service_users::app_users::Reach { purges: true, ..Default::default() };
        let gone = keyholder_service_users::app_users::remove(
            &own,
            "orders-sync",
            Some(&found),
            "orders-sync",
            &[],
            reach,
            &|_: &Event| {},
        );
        gone.await.unwrap();
        let left = case.world.graph(&token, "GET", "applications?$filter=displayName eq 'orders-sync'", None).await;
        assert_eq!(left.body["value"], json!([]));
        if !killed {
            break;
        }
        kills += 1;
    }
    assert!(kills > 25, "only {kills} requests were made");
}
