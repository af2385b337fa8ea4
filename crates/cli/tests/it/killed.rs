//! A run that is killed after any request and repeated ends as an undisturbed one does.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use keyholder_client::error::Unreachable;
use keyholder_client::time::{RuntimeSleep, Sleep};
use keyholder_client::transport::Network;
use keyholder_client::{Error, Http, NetworkOptions, OrgUrl, RetryPolicy, Transport};
use keyholder_foundation::SystemClock;
use keyholder_org::Settings;
use keyholder_service_users::app_users::{Place, Reach, find_to_remove, remove};
use keyholder_service_users::apply::Proving;
use keyholder_service_users::declaration::{Declaration, ONE_ORG, Sink};
use keyholder_service_users::{Administrator, EnvFileSink, Estate, Event, Sinks, bring_about};
use keyholder_testkit::World;

/// A network that carries out a number of requests and is then gone: the last one reaches the
/// server, its answer nobody. That is what a kill looks like from the server's side.
#[derive(Debug)]
pub(crate) struct Mortal {
    network: Network,
    left: AtomicUsize,
}

impl Transport for Mortal {
    fn send(
        &self,
        request: Request<Bytes>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Response<Bytes>, Error>> + Send + '_>> {
        Box::pin(async move {
            let gone = || Error::Unreachable {
                origin: "killed".to_owned(),
                cause: Unreachable::Lost("killed by the test".to_owned()),
            };
            match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
                Err(_) => Err(gone()),
                Ok(1) => self.network.send(request).await.and(Err(gone())),
                Ok(_) => self.network.send(request).await,
            }
        })
    }
}

pub(crate) fn mortal(world: &World, requests: usize) -> Http {
    Mortal::new(world, requests).1
}

impl Mortal {
    /// A network that is gone after so many requests, and what sends over it.
    pub(crate) fn new(world: &World, requests: usize) -> (Arc<Self>, Http) {
        let ca_file = Some(world.file("ca.pem"));
        let network = Network::new(NetworkOptions { ca_file, ..NetworkOptions::default() }).unwrap();
        let transport = Arc::new(Self { network, left: AtomicUsize::new(requests) });
        let clock = Arc::new(SystemClock::new());
        let http = Http::new(transport.clone(), clock, Arc::new(RuntimeSleep)).with_retries(RetryPolicy::never());
        (transport, http)
    }

    /// How many requests are left to it.
    pub(crate) fn left(&self) -> usize {
        self.left.load(Ordering::SeqCst)
    }
}

/// Waits by moving the org's clock: a minute of waiting takes none.
struct Moving(Arc<World>);

impl std::fmt::Debug for Moving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Moving")
    }
}

impl Sleep for Moving {
    fn sleep(&self, duration: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        self.0.advance(duration);
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_directory_and_org_do_not_know_yet_is_waited_for() {
    let lags = Settings {
        directory_lag: Duration::from_secs(40),
        propagation_delay: Duration::from_secs(30),
        ..Settings::default()
    };
    let world = Arc::new(World::behaving(lags).await);
    let folder = tempfile::tempdir().unwrap();
    let env = folder.path().join("app.env");
    let ca_file = Some(world.file("ca.pem"));
    let network = Network::new(NetworkOptions { ca_file, ..NetworkOptions::default() }).unwrap();
    let network: Arc<dyn Transport> = Arc::new(network);
    let http = || Http::new(network.clone(), Arc::new(SystemClock::new()), Arc::new(Moving(world.clone())));
    let administrator = || async { Administrator::connect(world.connection(), http()).await.unwrap() };
    assert!(bring_about_once(administrator().await, &env).await);
    let there = census(&world).await;
    assert!(bring_about_once(administrator().await, &env).await);
    assert_eq!(census(&world).await, there);
}

/// What there is of `orders-sync`, counted as an administrator sees it.
pub(crate) async fn census(world: &World) -> String {
    let token = world.admin_token().await;
    let count = |value: &serde_json::Value| value.as_array().map_or(0, Vec::len);
    let applications = world.graph(&token, "GET", "applications?$filter=displayName eq 'orders-sync'", None).await;
    let secrets: usize =
        applications.body["value"].as_array().unwrap().iter().map(|a| count(&a["passwordCredentials"])).sum();
    let principals = world.graph(&token, "GET", "servicePrincipals?$filter=displayName eq 'orders-sync'", None).await;
    let mut grants = 0;
    for principal in principals.body["value"].as_array().unwrap() {
        let filter = format!("oauth2PermissionGrants?$filter=clientId eq '{}'", principal["id"].as_str().unwrap());
        grants += count(&world.graph(&token, "GET", &filter, None).await.body["value"]);
    }
    let roles = world.api(&token, "GET", "roles?$select=roleid&$filter=name eq 'orders-sync'", None).await;
    let mut privileges = 0;
    for role in roles.body["value"].as_array().unwrap() {
        let path = format!("RetrieveRolePrivilegesRole(RoleId={})", role["roleid"].as_str().unwrap());
        privileges += count(&world.api(&token, "GET", &path, None).await.body["RolePrivileges"]);
    }
    let users = "systemusers?$select=systemuserid&$filter=contains(fullname,'orders-sync')";
    let users = world.api(&token, "GET", users, None).await;
    let mut held = 0;
    for user in users.body["value"].as_array().unwrap() {
        let path = format!("systemusers({})/systemuserroles_association", user["systemuserid"].as_str().unwrap());
        held += count(&world.api(&token, "GET", &path, None).await.body["value"]);
    }
    format!(
        "{} registrations, {secrets} secrets, {} principals, {grants} grants, {} roles with {privileges} privileges, {} users with {held} roles",
        count(&applications.body["value"]),
        count(&principals.body["value"]),
        count(&roles.body["value"]),
        count(&users.body["value"]),
    )
}

/// What quickstart does; whether it came to its end.
pub(crate) async fn bring_about_once(administrator: Administrator, env: &Path) -> bool {
    let declaration = declaration(&administrator.connection.url, env);
    let estate = Estate::new(&declaration, BTreeMap::from([(ONE_ORG.to_owned(), Ok(administrator))]));
    let mut sinks = Sinks::default();
    sinks.insert("orders-sync", 0, Arc::new(EnvFileSink::new(env).unwrap().ours()));
    let proving = Proving { all: true, rows: 1 };
    bring_about(&estate, &declaration, &sinks, proving, &|_: &Event| {}).await.is_ok()
}

async fn remove_once(administrator: &Administrator, env: &Path) -> bool {
    let sink = EnvFileSink::new(env).unwrap().ours();
    let places = [Place { sink: &sink, is_ours: true }];
    let removed = async {
        let found = find_to_remove(administrator, "orders-sync", &places).await?;
        let reach = Reach { leaves_users_of_others: true, ..Reach::default() };
        remove(administrator, "orders-sync", found.as_ref(), "orders-sync", &places, reach, &|_: &Event| {}).await
    };
    removed.await.is_ok()
}

fn declaration(url: &OrgUrl, env: &Path) -> Declaration {
    Declaration::reading_contacts("orders-sync", url, Sink::EnvFile(env.to_path_buf()))
}

#[tokio::test(flavor = "multi_thread")]
async fn provisioning_and_removal_can_be_killed_after_any_request() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let env = folder.path().join("app.env");
    let whole = || async { Administrator::connect(world.connection(), world.http().clone()).await.unwrap() };
    let nothing = census(&world).await;
    assert!(bring_about_once(whole().await, &env).await);
    let everything = census(&world).await;
    assert!(
        everything.starts_with("1 registrations, 1 secrets, 1 principals, 1 grants, 1 roles with 10"),
        "{everything}"
    );
    assert!(remove_once(&whole().await, &env).await);
    assert_eq!(census(&world).await, nothing);

    let mut kills = 0;
    for requests in 1.. {
        let killed = match Administrator::connect(world.connection(), mortal(&world, requests)).await {
            Ok(administrator) => !bring_about_once(administrator, &env).await,
            Err(_) => true,
        };
        assert!(bring_about_once(whole().await, &env).await, "after a kill at request {requests}");
        assert_eq!(census(&world).await, everything, "after a kill at request {requests}");

        let removal_killed = match Administrator::connect(world.connection(), mortal(&world, requests)).await {
            Ok(administrator) => !remove_once(&administrator, &env).await,
            Err(_) => true,
        };
        assert!(remove_once(&whole().await, &env).await, "after a removal killed at request {requests}");
        assert_eq!(census(&world).await, nothing, "after a removal killed at request {requests}");
        if !killed && !removal_killed {
            break;
        }
        kills += 1;
    }
    assert!(kills > 20, "only {kills} requests were made");
}
