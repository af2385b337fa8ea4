//! Keys that go to places beyond this machine: GitHub Actions secrets and key vaults, which may refuse, be slow, or
//! hold a stranger's secret.

use std::sync::Arc;
use std::time::Duration;

use keyholder_client::time::SkippingSleep;
use keyholder_client::transport::{Network, NetworkOptions};
use keyholder_client::{Connection, ErrorKind, Http};
use keyholder_foundation::{ManualClock, Secret, SeededRandom, Timestamp};
use keyholder_service_users::credentials::{Added, Wanted, add, list};
use keyholder_service_users::declaration::{Credential, Declaration, Sink};
use keyholder_service_users::non_interactive::{KeptPassword, PasswordFile, PasswordSink, WayIn};
use keyholder_service_users::plan::Leave;
use keyholder_service_users::{Error, Event, GitHubAccess, Means, SecretSink, SinkError, open_sink};
use keyholder_testkit::services::{Fault, GITHUB_TOKEN, GitHub, KeyVault, Told};
use serde_json::{Value, json};

use crate::world::{ADMIN, NAME, World};

const LIFETIME: Duration = Duration::from_secs(30 * 86_400);
const REPOSITORY: &str = "/repos/contoso/orders/actions/secrets/D365";

/// What reaches them: over the real network, with waits that are skipped.
fn means(world: &World, api: &str, vault: Option<&KeyVault>) -> Means {
    let ca_file = vault.map(|vault| {
        let file = world.folder.path().join("vault-ca.pem");
        std::fs::write(&file, vault.authority()).unwrap();
        file
    });
    let network = Network::new(NetworkOptions { ca_file, ..NetworkOptions::default() }).unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix_seconds(1_800_000_000)));
    let http = Http::new(Arc::new(network), clock.clone(), Arc::new(SkippingSleep(clock)));
    let caller = Connection {
        url: "https://localhost:8443".parse().unwrap(),
        tenant: None,
        authority: None,
        client_id: ADMIN.parse().unwrap(),
        credential: Secret::new("admin").into(),
        ca_file: None,
    };
    let github = GitHubAccess::new(api, Secret::new(GITHUB_TOKEN));
    Means { random: Arc::new(SeededRandom::new(5)), ..Means::of(caller, http).with_github(Some(github)) }
}

fn github(address: &str) -> Sink {
    Sink::GitHub(address.parse().unwrap())
}

fn key_vault(vault: &KeyVault, name: &str) -> Sink {
    Sink::KeyVault(vault.secret(name).parse().unwrap())
}

async fn more(world: &World, certificate: bool, sink: &Sink, means: &Means) -> Result<Added, Error> {
    let administrator = world.administrator().await.unwrap();
    let sink = open_sink(sink, Some(means)).unwrap();
    let (lifetime, sink): (_, &dyn SecretSink) = (LIFETIME, sink.as_ref());
    let wanted = if certificate { Wanted::Certificate { lifetime, sink } } else { Wanted::Secret { lifetime, sink } };
    add(&administrator, NAME, wanted, &world.journal(), &|_: &Event| {}).await
}

async fn held(world: &World) -> Vec<uuid::Uuid> {
    let all = list(&world.administrator().await.unwrap(), NAME).await.unwrap();
    all.credentials.iter().map(|one| one.id).collect()
}

/// The text of the secret with that id.
fn text_of(world: &World, added: &Added) -> String {
    world.state().secrets[&added.id.unwrap().to_string()].1.clone()
}

/// Nothing that anybody is told has a secret in it.
fn is_discreet(world: &World, error: &Error) {
    let text = format!("{error} {error:?} {:?}", error.hints());
    assert!(world.state().tried.iter().all(|secret| secret == "admin" || !text.contains(secret)), "{text}");
    assert!(!text.contains(GITHUB_TOKEN), "{text}");
}

#[tokio::test]
async fn s25_a_secret_or_certificate_is_sealed_for_github_wherever_that_keeps_it() {
    let world = World::new();
    world.provision().await.0.unwrap();
    let service = GitHub::start();
    let means = means(&world, &service.url(), None);
    let places = [
        ("contoso/orders#D365", REPOSITORY),
        ("contoso/orders@Prod env/1#D365", "/repos/contoso/orders/environments/Prod%20env%2F1/secrets/D365"),
        ("contoso#D365", "/orgs/contoso/actions/secrets/D365"),
    ];
    for (address, path) in places {
        let first = more(&world, false, &github(address), &means).await.unwrap();
        assert_eq!(service.opened(path).unwrap(), text_of(&world, &first), "{address}");
        assert_eq!(first.place.as_deref(), Some(format!("github {address}").as_str()));
        // The label on the registration says that this one is Keyholder's.
        let next = more(&world, true, &github(address), &means).await.unwrap();
        let pem = service.opened(path).unwrap();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----") && pem.contains("BEGIN CERTIFICATE"), "{address}");
        assert!(held(&world).await.contains(&first.id.unwrap()) && held(&world).await.contains(&next.id.unwrap()));
    }
    assert_eq!(service.reach("/orgs/contoso/actions/secrets/D365").unwrap(), ("private".to_owned(), Vec::new()));
    for asked in service.seen() {
        assert!(!asked.path.contains("text-of-") && !asked.body.contains("text-of-"), "{asked:?}");
    }
}

#[tokio::test]
async fn s25_an_organizations_secret_stays_with_the_repositories_that_it_was_for() {
    let world = World::new();
    world.provision().await.0.unwrap();
    let service = GitHub::start();
    let (means, sink) = (means(&world, &service.url(), None), github("contoso#D365"));
    more(&world, false, &sink, &means).await.unwrap();
    let selected: Vec<u64> = (1..=250).collect();
    service.put("/orgs/contoso/actions/secrets/D365", "old", &selected);
    let added = more(&world, false, &sink, &means).await.unwrap();
    assert_eq!(service.opened("/orgs/contoso/actions/secrets/D365").unwrap(), text_of(&world, &added));
    let reach = service.reach("/orgs/contoso/actions/secrets/D365").unwrap();
    assert_eq!(reach, ("selected".to_owned(), selected));
}

#[tokio::test]
async fn s25_a_vault_keeps_a_key_with_its_end_and_says_whose_it_is() {
    let world = World::new();
    world.provision().await.0.unwrap();
    let vault = KeyVault::start();
    let (means, sink) = (means(&world, GitHubAccess::PUBLIC, Some(&vault)), key_vault(&vault, "orders-sync"));
    let first = more(&world, false, &sink, &means).await.unwrap();
    let kept = vault.held("orders-sync").unwrap();
    assert_eq!(kept["value"], text_of(&world, &first));
    assert_eq!(kept["contentType"], "text/plain");
    assert_eq!(kept["attributes"]["exp"], first.ends.unwrap().unix_seconds());
    assert_eq!(kept["tags"]["KEYHOLDER_CLIENT_SECRET_ID"], first.id.unwrap().to_string());
    assert!(kept["tags"].get("KEYHOLDER_CLIENT_SECRET").is_none(), "{kept:#}");
    // What somebody else wrote beside it stays there.
    let mut tags = kept["tags"].clone();
    tags["team"] = json!("orders");
    vault.put("orders-sync", kept["value"].as_str().unwrap(), &tags);
    let next = more(&world, true, &sink, &means).await.unwrap();
    assert_eq!(next.before.map(|id| id.0), first.id, "the vault says which one it held");
    let kept = vault.held("orders-sync").unwrap();
    assert_eq!((&kept["contentType"], &kept["tags"]["team"]), (&json!("application/x-pem-file"), &json!("orders")));
    assert!(kept["value"].as_str().unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
    let there = open_sink(&sink, Some(&means)).unwrap();
    assert!(there.remove().await.unwrap() && !there.remove().await.unwrap());
    // The caller signs in once, however often the vault is asked by one run.
    for asked in vault.seen() {
        assert!(!asked.path.contains("text-of-"), "{asked:?}");
    }
}

#[tokio::test]
async fn s25_a_strangers_secret_is_not_overwritten() {
    let world = World::new();
    world.provision().await.0.unwrap();
    let (service, vault) = (GitHub::start(), KeyVault::start());
    let means = means(&world, &service.url(), Some(&vault));
    service.put(REPOSITORY, "a stranger's", &[]);
    vault.put("untagged", "a stranger's", &json!({}));
    let mut tags = json!({ "KEYHOLDER_CLIENT_ID": "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b00f" });
    vault.put("torn", "a stranger's", &tags);
    tags["KEYHOLDER_ORG_URL"] = json!("https://fabrikam.crm4.dynamics.com");
    tags["KEYHOLDER_TENANT_ID"] = json!("fabrikam.com");
    vault.put("anothers", "a stranger's", &tags);
    let before = held(&world).await;
    let cases = [
        (github("contoso/orders#D365"), "no key of the application says"),
        (key_vault(&vault, "untagged"), "Keyholder did not write"),
        (key_vault(&vault, "torn"), "do not say whose key"),
        (key_vault(&vault, "anothers"), "another application"),
    ];
    for (sink, why) in &cases {
        let error = more(&world, false, sink, &means).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(held(&world).await, before, "{error}");
        let declaration = declared(sink);
        let (_, seen) = world.observe_by(&declaration, Some(&means)).await;
        let plan = keyholder_service_users::plan::plan(&declaration, &seen, Leave::default());
        assert!(plan.stops().any(|stop| stop.code == "foreignSink"), "{plan:#?}");
    }
    assert_eq!(service.opened(REPOSITORY).unwrap(), "a stranger's");
    for name in ["untagged", "torn", "anothers"] {
        assert_eq!(vault.held(name).unwrap()["value"], "a stranger's");
    }
}

/// An answer without a word of the service's own.
fn status(status: u16) -> Fault {
    Fault::Instead(Told::new(status, Value::Null))
}

fn told(status: u16, inner: &str) -> Fault {
    let error = json!({ "code": "Forbidden", "message": "no", "innererror": { "code": inner } });
    Fault::Instead(Told::new(status, json!({ "error": error })))
}

#[tokio::test]
async fn s25_a_place_that_fails_leaves_no_new_credential_and_the_old_one_as_it_was() {
    let world = World::new();
    world.provision().await.0.unwrap();
    let (service, vault) = (GitHub::start(), KeyVault::start());
    let means = means(&world, &service.url(), Some(&vault));
    let (github, key_vault) = (github("contoso/orders#D365"), key_vault(&vault, "orders"));
    more(&world, false, &github, &means).await.unwrap();
    more(&world, false, &key_vault, &means).await.unwrap();
    let mut before = held(&world).await;
    let (sealed, kept) = (service.opened(REPOSITORY).unwrap(), vault.held("orders").unwrap());
    let spent = || {
        Fault::Instead(
            Told::new(403, json!({ "message": "API rate limit exceeded" })).header("x-ratelimit-remaining", "0"),
        )
    };
    let slow = || Fault::Instead(Told::new(429, Value::Null).header("retry-after", "100000"));
    let cases = [
        (&github, "GET", "public-key", status(401), ErrorKind::NotAllowed, "GH_TOKEN"),
        (&github, "GET", "public-key", status(403), ErrorKind::NotAllowed, "Secrets: read and write"),
        (&github, "GET", "public-key", spent(), ErrorKind::NotAllowed, "rate limit"),
        (&github, "GET", "public-key", status(404), ErrorKind::Configuration, "no such repository"),
        (&github, "GET", "public-key", Fault::Cut, ErrorKind::OutOfReach, ""),
        (&github, "GET", "secrets/D365", status(500), ErrorKind::OutOfReach, "later"),
        (&github, "PUT", "secrets/D365", status(403), ErrorKind::NotAllowed, "Secrets: read and write"),
        (&github, "PUT", "secrets/D365", status(404), ErrorKind::Configuration, "no such repository"),
        (&github, "PUT", "secrets/D365", status(422), ErrorKind::BadData, ""),
        (&github, "PUT", "secrets/D365", slow(), ErrorKind::OutOfReach, "later"),
        (&github, "PUT", "secrets/D365", status(503), ErrorKind::OutOfReach, "later"),
        (&github, "PUT", "secrets/D365", Fault::Cut, ErrorKind::OutOfReach, ""),
        (
            &key_vault,
            "GET",
            "secrets/orders",
            told(403, "ForbiddenByRbac"),
            ErrorKind::NotAllowed,
            "Key Vault Secrets Officer",
        ),
        (&key_vault, "GET", "secrets/orders", told(403, "SecretDisabled"), ErrorKind::NotAllowed, "--enabled true"),
        (&key_vault, "GET", "secrets/orders", told(403, "ForbiddenByFirewall"), ErrorKind::NotAllowed, "network rules"),
        (&key_vault, "GET", "secrets/orders", status(500), ErrorKind::OutOfReach, "later"),
        (&key_vault, "POST", "token", status(400), ErrorKind::Other, ""),
        (&key_vault, "PUT", "secrets/orders", told(403, "ForbiddenByRbac"), ErrorKind::NotAllowed, "Secrets Officer"),
        (
            &key_vault,
            "PUT",
            "secrets/orders",
            told(409, "ObjectIsDeletedButRecoverable"),
            ErrorKind::Configuration,
            "recover",
        ),
        (&key_vault, "PUT", "secrets/orders", slow(), ErrorKind::OutOfReach, "later"),
        (&key_vault, "PUT", "secrets/orders", Fault::Cut, ErrorKind::OutOfReach, ""),
    ];
    for (sink, method, path, fault, kind, mend) in cases {
        match sink {
            Sink::GitHub(_) => service.fault(method, path, fault, usize::MAX),
            _ => vault.fault(method, path, fault, usize::MAX),
        }
        let error = more(&world, false, sink, &means).await.unwrap_err();
        service.mend();
        vault.mend();
        let place = match sink {
            Sink::GitHub(_) => "github contoso/orders#D365",
            _ => "/secrets/orders",
        };
        assert!(error.to_string().contains(place), "{method} {path}: {error}");
        if kind != ErrorKind::Other {
            assert_eq!(error.kind(), kind, "{method} {path}: {error}");
        }
        assert!(error.hints().join(" ").contains(mend), "{method} {path}: {error} {:?}", error.hints());
        is_discreet(&world, &error);
        let now = held(&world).await;
        if matches!(error, Error::Unsure { .. }) {
            // What was sent and not refused may have been taken: nothing is revoked.
            assert!(method == "PUT" && kind == ErrorKind::OutOfReach && mend_is_unsure(&error), "{path}: {error}");
            assert!(now.len() == before.len() + 1 && before.iter().all(|id| now.contains(id)), "{path}: {error}");
            before = now;
        } else {
            assert_eq!(now, before, "{method} {path}: {error}");
        }
        assert_eq!(service.opened(REPOSITORY).unwrap(), sealed, "{method} {path}");
        assert_eq!(vault.held("orders").unwrap(), kept, "{method} {path}");
    }
    // A deleted name, as the vault itself says it.
    vault.delete("orders");
    let error = more(&world, false, &key_vault, &means).await.unwrap_err();
    assert!(error.to_string().contains("ObjectIsDeletedButRecoverable"), "{error}");
    assert!(error.hints()[0].contains("--name orders"), "{:?}", error.hints());
    assert_eq!(held(&world).await, before);
}

fn mend_is_unsure(error: &Error) -> bool {
    error.to_string().contains("so that one works on") && error.hints().join(" ").contains("run the same command again")
}

#[tokio::test]
async fn s25_a_place_that_took_it_and_then_fails_holds_one_that_works() {
    let world = World::new();
    world.provision().await.0.unwrap();
    let (service, vault) = (GitHub::start(), KeyVault::start());
    let means = means(&world, &service.url(), Some(&vault));
    let (github, key_vault) = (github("contoso/orders#D365"), key_vault(&vault, "orders"));
    let works = |text: &str| world.state().secrets.values().any(|(_, secret)| secret == text);
    // The answer is lost each time; or once, and what is sent again is refused.
    let lost = vec![(Fault::CutAfter, usize::MAX)];
    let refused = vec![(Fault::CutAfter, 1), (status(403), usize::MAX)];
    for (sink, faults) in [(&github, &lost), (&github, &refused), (&key_vault, &lost), (&key_vault, &refused)] {
        let first = more(&world, false, sink, &means).await.unwrap();
        let first = text_of(&world, &first);
        for (fault, times) in faults.clone() {
            match sink {
                Sink::GitHub(_) => service.fault("PUT", "secrets/D365", fault, times),
                _ => vault.fault("PUT", "secrets/orders", fault, times),
            }
        }
        let error = more(&world, false, sink, &means).await.unwrap_err();
        service.mend();
        vault.mend();
        assert!(mend_is_unsure(&error), "{error}");
        is_discreet(&world, &error);
        let there = match sink {
            Sink::GitHub(_) => service.opened(REPOSITORY).unwrap(),
            _ => vault.held("orders").unwrap()["value"].as_str().unwrap().to_owned(),
        };
        assert!(there != first && works(&there) && works(&first), "{error}");
        more(&world, false, sink, &means).await.unwrap();
    }
}

#[tokio::test]
async fn s25_what_passes_is_waited_out() {
    let world = World::new();
    world.provision().await.0.unwrap();
    let (service, vault) = (GitHub::start(), KeyVault::start());
    let means = means(&world, &service.url(), Some(&vault));
    let busy = || Fault::Instead(Told::new(429, Value::Null).header("retry-after", "7"));
    for fault in [busy(), status(502), Fault::Cut, Fault::CutAfter] {
        for method in ["GET", "PUT"] {
            service.fault(method, "secrets/D365", fault.clone(), 2);
            let added = more(&world, false, &github("contoso/orders#D365"), &means).await.unwrap();
            assert_eq!(service.opened(REPOSITORY).unwrap(), text_of(&world, &added), "{fault:?}");
            vault.fault(method, "secrets/orders", fault.clone(), 2);
            let added = more(&world, false, &key_vault(&vault, "orders"), &means).await.unwrap();
            assert_eq!(vault.held("orders").unwrap()["value"], text_of(&world, &added), "{fault:?}");
        }
    }
    // A token that the vault rejects is got anew, once.
    let sink = open_sink(&key_vault(&vault, "orders"), Some(&means)).unwrap();
    sink.load().await.unwrap();
    vault.fault("GET", "secrets/orders", status(401), 1);
    sink.load().await.unwrap();
}

/// The declaration of one application whose only secret goes there.
fn declared(sink: &Sink) -> Declaration {
    let mut declaration = Declaration::reading_contacts(NAME, &"https://localhost:8443".parse().unwrap(), sink.clone());
    for user in declaration.application_users.values_mut() {
        user.credentials = vec![Credential::Secret { lifetime: LIFETIME, sink: sink.clone() }];
    }
    declaration
}

#[tokio::test]
async fn whenever_a_run_is_killed_the_place_has_a_key_that_works_after_the_next() {
    for is_vault in [false, true] {
        // A key whose time is over is replaced.
        let expired = async || {
            let world = World::new();
            let (service, vault) = (GitHub::start(), KeyVault::start());
            let means = means(&world, &service.url(), Some(&vault));
            let sink = if is_vault { key_vault(&vault, "orders") } else { github("contoso/orders#D365") };
            let declaration = declared(&sink);
            let (_, applied, _) = world.apply_by(&declaration, Some(&means)).await;
            assert!(applied.failures.is_empty(), "{applied:#?}");
            world.advance_days(31);
            (world, service, vault, means, declaration)
        };
        let (undisturbed, _service, _vault, means, of) = expired().await;
        let before = undisturbed.state().requests.len();
        undisturbed.apply_by(&of, Some(&means)).await;
        let requests = undisturbed.state().requests.len() - before;
        let wanted = undisturbed.state().shape();
        for at in 1..=requests {
            for executed in [false, true] {
                let (world, service, vault, means, declaration) = expired().await;
                let dies = world.state().requests.len() + at;
                world.state().dies_at = Some((dies, executed));
                world.apply_by(&declaration, Some(&means)).await;
                world.state().dies_at = None;
                let died = world.state().requests[dies - 1].clone();
                let (_, applied, _) = world.apply_by(&declaration, Some(&means)).await;
                assert!(applied.failures.is_empty(), "after {died} ({executed}): {applied:#?}");
                assert_eq!(world.state().shape(), wanted, "after {died} ({executed})");
                let secret = match is_vault {
                    true => vault.held("orders").unwrap()["value"].as_str().unwrap().to_owned(),
                    false => service.opened(REPOSITORY).unwrap(),
                };
                assert!(world.state().secrets.values().any(|(_, text)| *text == secret), "after {died} ({executed})");
                let (plan, ..) = world.apply_by(&declaration, Some(&means)).await;
                assert!(!plan.has_changes(), "after {died} ({executed}): {plan:#?}");
            }
        }
    }
}

#[tokio::test]
async fn a_secret_that_somebody_deleted_is_made_again() {
    let world = World::new();
    let service = GitHub::start();
    let (means, declaration) = (means(&world, &service.url(), None), declared(&github("contoso/orders#D365")));
    world.apply_by(&declaration, Some(&means)).await;
    let first = service.opened(REPOSITORY).unwrap();
    service.delete(REPOSITORY);
    world.apply_by(&declaration, Some(&means)).await;
    assert_ne!(service.opened(REPOSITORY).unwrap(), first);
    assert_eq!(held(&world).await.len(), 1, "what was lost with it is removed");
}

#[tokio::test]
async fn s25_a_vault_keeps_a_persons_password_and_gives_it_back_for_that_person_alone() {
    let world = World::new();
    let vault = KeyVault::start();
    let means = means(&world, GitHubAccess::PUBLIC, Some(&vault));
    let place = PasswordFile::new(&key_vault(&vault, "svc"), Some(&means)).unwrap();
    let (user, password) = ("svc-orders@contoso.com", "Pass-word-9");
    assert!(matches!(place.load(user).await.unwrap(), KeptPassword::Nothing));
    let way_in = WayIn {
        urls: vec!["https://contoso.crm4.dynamics.com".parse().unwrap()],
        tenant: "contoso.com".to_owned(),
        authority: None,
        user_name: user.to_owned(),
        password: Secret::new(password),
        ca_file: None,
    };
    place.save(&way_in).await.unwrap();
    let held = place.load("SVC-orders@contoso.com").await.unwrap();
    assert!(matches!(&held, KeptPassword::Held(held) if held.matches(password)), "{held:?}");
    let kept = vault.held("svc").unwrap();
    assert_eq!((&kept["tags"]["KEYHOLDER_USERNAME"], &kept["value"]), (&json!(user), &json!(password)));
    // Neither another person's nor a stranger's is read or replaced.
    assert!(matches!(place.load("other@contoso.com").await, Err(SinkError::Foreign { .. })));
    vault.put("svc", "a stranger's", &json!({}));
    assert!(matches!(place.load(user).await, Err(SinkError::Foreign { .. })));
    let error = place.save(&way_in).await.unwrap_err();
    assert!(matches!(&error, SinkError::Foreign { .. }) && !error.to_string().contains(password), "{error}");
    assert_eq!(vault.held("svc").unwrap()["value"], "a stranger's");
    for sink in [github("contoso/orders#D365"), key_vault(&vault, "svc")] {
        assert!(matches!(PasswordFile::new(&sink, None), Err(SinkError::NoAccess { .. })));
    }
}
