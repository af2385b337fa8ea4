//! Plans: what they say, that they are carried out, that there is nothing to do afterwards.

mod pruning;

use keyholder_security::{Depth, Verb};
use keyholder_service_users::declaration::{
    ApplicationUser, Credential, Declaration, Federation, Org, Right, Role, RoleSource, Sink, Stance,
};
use keyholder_service_users::plan::{Leave, Mark, Plan, Severity};
use keyholder_service_users::{Outcome, Sinks};
use serde_json::json;
use std::time::Duration;

use crate::org::{BELOW, OrgState, READ_ACCOUNT};
use crate::world::{ADMIN, NAME, World};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) fn right(table: &str, verb: Verb) -> Right {
    Right::Table { table: table.to_owned(), verb, depth: Depth::Global }
}

pub(crate) fn user(world: &World, name: &str, orgs: &[&str], roles: &[&str]) -> ApplicationUser {
    ApplicationUser {
        name: name.to_owned(),
        client_id: None,
        orgs: orgs.iter().map(|org| (*org).to_owned()).collect(),
        business_unit: None,
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        credentials: vec![Credential::Secret {
            lifetime: 90 * DAY,
            sink: Sink::EnvFile(world.folder.path().join(format!("{name}.env"))),
        }],
        user_impersonation: false,
        multi_tenant: false,
    }
}

/// Two orgs, `first` and `second`, and a role `reader` that reads contacts.
pub(crate) fn declaration(world: &World) -> Declaration {
    let other = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c21";
    world.state().others.entry("second.localhost".to_owned()).or_insert_with(|| OrgState::new(other));
    let org = |url: &str| Org { url: url.parse().unwrap(), tenant: None, environment: None };
    let reader = Role {
        name: "Contact Reader".to_owned(),
        source: RoleSource::Rights(vec![right("contact", Verb::Read)]),
        adopt: false,
    };
    Declaration {
        name: Some("contoso".to_owned()),
        orgs: [
            ("first".to_owned(), org("https://localhost:8443")),
            ("second".to_owned(), org("https://second.localhost:8443")),
        ]
        .into(),
        roles: [("reader".to_owned(), reader)].into(),
        application_users: [(NAME.to_owned(), user(world, NAME, &["first", "second"], &["reader"]))].into(),
        ..Declaration::default()
    }
}

pub(crate) fn marks(plan: &Plan) -> String {
    plan.changes.iter().map(|change| change.mark.sign()).collect()
}

pub(crate) fn codes(plan: &Plan) -> Vec<&str> {
    plan.findings.iter().map(|finding| finding.code.as_str()).collect()
}

pub(crate) async fn nothing_is_left(world: &World, declaration: &Declaration, leave: Leave) {
    let again = world.plan(declaration, leave).await;
    assert!(!again.has_changes(), "{again:#?}");
}

#[tokio::test]
async fn s22_a_plan_for_two_orgs_is_carried_out_and_nothing_is_left_to_do() {
    let world = World::new();
    let declaration = declaration(&world);
    let plan = world.plan(&declaration, Leave::default()).await;
    // Registration, principal, secret; role, user, assignment in each org.
    assert_eq!(marks(&plan), "+++++++++", "{plan:#?}");
    assert!(plan.changes.iter().any(|change| change.grants == ["may read every contact in the org"]), "{plan:#?}");
    assert!(world.state().applications.is_empty(), "planning changes nothing");
    let (_, applied, events) = world.apply(&declaration, Leave::default()).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    assert_eq!(applied.proved.len(), 2);
    assert!(events.iter().any(|event| event.org.as_deref() == Some("second") && event.outcome == Outcome::Proved));
    assert_eq!(world.state().applications.values().next().unwrap()["tags"], json!(["keyholder", "keyholder:contoso"]));
    nothing_is_left(&world, &declaration, Leave::default()).await;
    let again = world.plan(&declaration, Leave::default()).await;
    assert_eq!(marks(&again), "=========");
}

#[tokio::test]
async fn s22_an_org_out_of_reach_stops_only_itself() {
    let world = World::new();
    let declaration = declaration(&world);
    world.state().others.get_mut("second.localhost").unwrap().is_down = true;
    let (plan, applied, _) = world.apply(&declaration, Leave::default()).await;
    assert_eq!(codes(&plan), ["orgOutOfReach"]);
    assert!(applied.failures.is_empty());
    assert_eq!(applied.proved.len(), 1);
    world.state().others.get_mut("second.localhost").unwrap().is_down = false;
    let (plan, applied, _) = world.apply(&declaration, Leave::default()).await;
    assert_eq!(marks(&plan), "======+++");
    assert!(applied.failures.is_empty());
    nothing_is_left(&world, &declaration, Leave::default()).await;
}

#[tokio::test]
async fn an_org_that_fails_under_way_stops_only_itself() {
    let world = World::new();
    let declaration = declaration(&world);
    let (estate, seen) = world.observe(&declaration, Leave::default()).await;
    let plan = keyholder_service_users::plan::plan(&declaration, &seen, Leave::default());
    world.state().others.get_mut("second.localhost").unwrap().is_down = true;
    let applied = keyholder_service_users::apply::apply(
        &estate,
        &declaration,
        &seen,
        &plan,
        &Sinks::of(&declaration, None).unwrap(),
        keyholder_service_users::apply::Proving::default(),
        &|_: &keyholder_service_users::Event| {},
    )
    .await;
    assert_eq!(applied.proved.len(), 1);
    // The role and the user fail; the assignment and the proof are not even tried.
    assert_eq!(applied.failures.len(), 2, "{:?}", applied.failures);
    assert!(applied.failures.iter().all(|failure| failure.org.as_deref() == Some("second")));
    assert!(applied.failures.iter().any(|failure| failure.left.iter().any(|left| left.contains("proof"))));
}

#[tokio::test]
async fn s22_the_requests_to_an_org_do_not_grow_with_its_users() {
    let world = World::new();
    let mut declaration = declaration(&world);
    for number in 0..40 {
        let name = format!("app-{number}");
        declaration.application_users.insert(name.clone(), user(&world, &name, &["first", "second"], &["reader"]));
    }
    let (_, applied, _) = world.apply(&declaration, Leave::default()).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures.first());
    let count = async |declaration: &Declaration| {
        let before = world.state().requests.len();
        nothing_is_left(&world, declaration, Leave::default()).await;
        let state = world.state();
        let these = &state.requests[before..];
        let org = these.iter().filter(|request| request.contains("/api/data/")).count();
        (org, these.iter().filter(|request| request.contains("/v1.0/")).count())
    };
    let (org, directory) = count(&declaration).await;
    declaration.application_users.retain(|name, _| name == NAME);
    let (org_of_one, directory_of_one) = count(&declaration).await;
    assert_eq!(org, org_of_one);
    assert!(org <= 2 * 9, "{org} requests to two orgs");
    assert!(directory <= directory_of_one + 3, "{directory} requests to the directory instead of {directory_of_one}");
}

#[tokio::test]
async fn s10_drift_is_seen_and_put_right() {
    let world = World::new();
    let mut declaration = declaration(&world);
    declaration.orgs.remove("second");
    declaration.application_users.get_mut(NAME).unwrap().orgs = vec!["first".to_owned()];
    world.apply(&declaration, Leave::default()).await;
    let root = {
        let mut state = world.state();
        let root = state.org.role_privileges.keys().next().unwrap().clone();
        state.org.role_privileges.get_mut(&root).unwrap().insert(READ_ACCOUNT.to_owned(), "Local".to_owned());
        for user in state.org.users.values_mut() {
            user["isdisabled"] = json!(true);
        }
        root
    };
    let rights = RoleSource::Rights(vec![right("contact", Verb::Read), right("contact", Verb::Write)]);
    declaration.roles.get_mut("reader").unwrap().source = rights;
    let plan = world.plan(&declaration, Leave::default()).await;
    assert_eq!(marks(&plan), "===~~=");
    let said = serde_json::to_string(&plan).unwrap();
    for expected in ["it lacked prvWriteContact", "it granted prvReadAccount", "it was disabled"] {
        assert!(said.contains(expected), "no {expected} in {said}");
    }
    let (_, applied, _) = world.apply(&declaration, Leave::default()).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    assert_eq!(world.state().org.own_privileges(&root).len(), 2);
    nothing_is_left(&world, &declaration, Leave::default()).await;
}

#[tokio::test]
async fn a_business_unit_below_gets_the_roles_copy_and_a_move_assigns_anew() {
    let world = World::new();
    let mut declaration = declaration(&world);
    world.apply(&declaration, Leave::default()).await;
    declaration.application_users.get_mut(NAME).unwrap().business_unit = Some("sales".to_owned());
    let plan = world.plan(&declaration, Leave::default()).await;
    assert_eq!(marks(&plan), "====~+=~+", "{plan:#?}");
    let (_, applied, _) = world.apply(&declaration, Leave::default()).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    assert!(world.state().org.users.values().all(|user| user["_businessunitid_value"] == BELOW));
    nothing_is_left(&world, &declaration, Leave::default()).await;
    declaration.application_users.get_mut(NAME).unwrap().business_unit = Some("nowhere".to_owned());
    assert_eq!(codes(&world.plan(&declaration, Leave::default()).await), ["noBusinessUnit", "noBusinessUnit"]);
}

#[tokio::test]
async fn roles_of_others_are_listed_and_left_and_our_own_are_taken_back() {
    let world = World::new();
    let mut declaration = declaration(&world);
    let writer = Role {
        name: "Contact Writer".to_owned(),
        source: RoleSource::Rights(vec![right("contact", Verb::Write)]),
        adopt: false,
    };
    declaration.roles.insert("writer".to_owned(), writer);
    declaration.application_users.get_mut(NAME).unwrap().roles.push("writer".to_owned());
    let (_, applied, _) = world.apply(&declaration, Leave::default()).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    let theirs = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7cfe";
    {
        let mut state = world.state();
        state.org.add_role(json!({ "roleid": theirs, "name": "By hand" }));
        let user = state.org.users.keys().next().unwrap().clone();
        state.org.assigned.push((user, theirs.to_owned()));
    }
    declaration.roles.remove("writer");
    declaration.application_users.get_mut(NAME).unwrap().roles.pop();
    let plan = world.plan(&declaration, Leave::default()).await;
    let removed: Vec<_> = plan.changes.iter().filter(|change| change.mark == Mark::Remove).collect();
    assert_eq!(removed.len(), 2, "one in each org: {removed:#?}");
    assert!(removed.iter().all(|change| change.subject.contains("Contact Writer")));
    assert_eq!(plan.beyond(NAME, "first"), ["the user also holds `By hand`"]);
    let (_, applied, _) = world.apply(&declaration, Leave::default()).await;
    assert!(applied.failures.is_empty());
    assert!(world.state().org.assigned.iter().any(|(_, role)| role == theirs));
    nothing_is_left(&world, &declaration, Leave::default()).await;
}

/// As `app-user create` does it: what the user has beside what is named stays, and what a role loses is counted.
#[tokio::test]
async fn s10_who_only_adds_takes_no_role_off_and_moves_nobody() {
    let world = World::new();
    let mut declaration = declaration(&world);
    let writer = Role {
        name: "Contact Writer".to_owned(),
        source: RoleSource::Rights(vec![right("contact", Verb::Write), right("account", Verb::Read)]),
        adopt: false,
    };
    declaration.roles.insert("writer".to_owned(), writer);
    let user = declaration.application_users.get_mut(NAME).unwrap();
    user.roles.push("writer".to_owned());
    user.business_unit = Some("sales".to_owned());
    let (_, applied, _) = world.apply(&declaration, Leave::default()).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    let user = declaration.application_users.get_mut(NAME).unwrap();
    user.business_unit = None;
    user.roles.pop();
    let adds = Leave { adds: true, ..Leave::default() };
    let plan = world.plan(&declaration, adds).await;
    assert!(!plan.has_changes(), "{plan:#?}");
    assert_eq!(plan.beyond(NAME, "first"), ["the user also holds `Contact Writer`"]);
    let moved = world.plan(&declaration, Leave::default()).await;
    let taken: Vec<_> = moved.changes.iter().flat_map(|change| &change.takes).collect();
    assert_eq!(taken.len(), 4, "two roles in each of two orgs: {taken:?}");

    declaration.application_users.get_mut(NAME).unwrap().roles.push("writer".to_owned());
    declaration.roles.get_mut("writer").unwrap().source = RoleSource::Rights(vec![right("contact", Verb::Write)]);
    let plan = world.plan(&declaration, adds).await;
    let taken: Vec<_> = plan.changes.iter().flat_map(|change| &change.takes).collect();
    assert_eq!(taken, ["prvReadAccount", "prvReadAccount"]);
}

#[tokio::test]
async fn s10_what_comes_with_the_org_is_warned_of_and_system_administrator_needs_a_word() {
    let world = World::new();
    let mut declaration = declaration(&world);
    declaration.orgs.remove("second");
    declaration.application_users.get_mut(NAME).unwrap().orgs = vec!["first".to_owned()];
    let template = "627090ff-40a3-4053-8790-584edc5be201";
    {
        let mut state = world.state();
        let id = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7cf1";
        let row = json!({ "roleid": id, "name": "System Administrator", "_roletemplateid_value": template });
        state.org.add_role(row);
        let id = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7cf2";
        state.org.add_role(json!({ "roleid": id, "name": "Basic User", "_roletemplateid_value": ADMIN }));
    }
    let role = declaration.roles.get_mut("reader").unwrap();
    (role.source, role.name) = (RoleSource::Existing, "System Administrator".to_owned());
    let plan = world.plan(&declaration, Leave::default()).await;
    assert_eq!(codes(&plan), ["systemAdministrator"]);
    assert_eq!(marks(&plan), "", "no key is made that would open nothing: {plan:#?}");
    let known = Leave { system_administrator: true, ..Leave::default() };
    let plan = world.plan(&declaration, known).await;
    assert!(plan.stops().count() == 0 && codes(&plan) == ["outOfTheBoxRole"], "{:?}", plan.findings);

    declaration.roles.get_mut("reader").unwrap().name = "Basic User".to_owned();
    let plan = world.plan(&declaration, Leave::default()).await;
    assert_eq!(plan.findings[0].severity, Severity::Warning);
    declaration.policies.out_of_the_box_roles = Stance::Refuse;
    assert_eq!(world.plan(&declaration, Leave::default()).await.stops().count(), 1);
    declaration.roles.get_mut("reader").unwrap().name = "No such role".to_owned();
    assert_eq!(codes(&world.plan(&declaration, Leave::default()).await), ["noSuchRole"]);
}

#[tokio::test]
async fn a_table_that_an_org_lacks_is_named_with_the_org() {
    let world = World::new();
    let mut declaration = declaration(&world);
    let rights = RoleSource::Rights(vec![right("contact", Verb::Read), right("new_shipment", Verb::Read)]);
    declaration.roles.get_mut("reader").unwrap().source = rights;
    let privilege = ("5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c99".to_owned(), "prvReadnew_Shipment".to_owned());
    world.state().org.privileges.push(privilege);
    let plan = world.plan(&declaration, Leave::default()).await;
    assert_eq!(codes(&plan), ["noSuchPrivilege"]);
    assert!(plan.findings[0].message.contains("`new_shipment`") && plan.findings[0].org.as_deref() == Some("second"));
    let (_, applied, _) = world.apply(&declaration, Leave::default()).await;
    assert!(applied.failures.is_empty() && applied.proved.len() == 1, "{:?}", applied.failures);
}

#[tokio::test]
async fn s07_a_federated_credential_needs_no_secret_and_drifts_no_more() {
    let world = World::new();
    let mut declaration = declaration(&world);
    let federation = Federation {
        name: "github".to_owned(),
        issuer: "https://token.actions.githubusercontent.com".to_owned(),
        subject: "repo:contoso/orders:ref:refs/heads/main".to_owned(),
        audience: "api://AzureADTokenExchange".to_owned(),
    };
    declaration.application_users.get_mut(NAME).unwrap().credentials = vec![Credential::Federated(federation)];
    let (_, applied, _) = world.apply(&declaration, Leave::default()).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    assert!(world.state().secrets.is_empty());
    nothing_is_left(&world, &declaration, Leave::default()).await;
    {
        let mut state = world.state();
        let all = state.federations.values_mut().next().unwrap();
        all[0]["audiences"] = json!(["somebody"]);
    }
    let plan = world.plan(&declaration, Leave::default()).await;
    assert_eq!(marks(&plan), "==~======", "{plan:#?}");
    world.apply(&declaration, Leave::default()).await;
    nothing_is_left(&world, &declaration, Leave::default()).await;

    // Somebody adds an issuer of their own: they could sign in as the application.
    let theirs =
        json!({ "id": ADMIN, "name": "x", "issuer": "https://evil.example", "subject": "s", "audiences": ["a"] });
    world.state().federations.values_mut().next().unwrap().push(theirs);
    let plan = world.plan(&declaration, Leave::default()).await;
    assert_eq!((codes(&plan), plan.findings[0].severity), (vec!["unexplainedCredentials"], Severity::Warning));
    world.state().org.users.clear();
    let plan = world.plan(&declaration, Leave::default()).await;
    assert_eq!((codes(&plan), plan.findings[0].severity), (vec!["unexplainedCredentials"], Severity::Stop));
}

#[tokio::test]
async fn s07_what_the_tenant_forbids_stops_what_would_be_made_and_warns_of_what_is_there() {
    let world = World::new();
    let declaration = declaration(&world);
    let rules = |kind: &str| json!({ "passwordCredentials": [{ "restrictionType": kind }] });
    world.state().policy =
        json!({ "displayName": "Strict", "isEnabled": true, "applicationRestrictions": rules("passwordAddition") });
    let plan = world.plan(&declaration, Leave::default()).await;
    assert_eq!(codes(&plan), ["tenantPolicy"]);
    assert_eq!(plan.findings[0].severity, Severity::Stop);
    assert!(plan.findings[0].message.contains("the tenant's policy `Strict` forbids new client secrets"));
    assert!(
        !plan.changes.iter().any(|change| change.item == NAME && change.is_change()),
        "nothing without a credential"
    );

    // Who may not read it is told so, and goes on.
    let strict = std::mem::take(&mut world.state().policy);
    let (plan, applied, _) = world.apply(&declaration, Leave::default()).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    assert_eq!(codes(&plan), ["policiesNotRead"]);
    assert_eq!(plan.findings[0].severity, Severity::Note);
    nothing_is_left(&world, &declaration, Leave::default()).await;

    world.state().policy = strict;
    let plan = world.plan(&declaration, Leave::default()).await;
    assert_eq!(codes(&plan), ["tenantPolicy"]);
    assert_eq!(plan.findings[0].severity, Severity::Warning, "it works until it ends");
    assert!(!plan.has_changes());
    // A policy of its own stands in the tenant's place, even one that is off.
    let id = world.state().applications.keys().next().unwrap().clone();
    world.state().own_policies.insert(id, json!({ "displayName": "Its own", "isEnabled": false }));
    assert!(codes(&world.plan(&declaration, Leave::default()).await).is_empty());
}

#[tokio::test]
async fn a_saved_plan_says_when_the_world_has_moved() {
    let world = World::new();
    let declaration = declaration(&world);
    let saved = serde_json::to_string(&world.plan(&declaration, Leave::default()).await).unwrap();
    let saved = Plan::parse(&saved).unwrap();
    assert_eq!(saved.difference(&world.plan(&declaration, Leave::default()).await), None);
    let id = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7cfe";
    let theirs =
        json!({ "id": id, "appId": id, "displayName": NAME, "passwordCredentials": [], "tags": ["keyholder"] });
    world.state().applications.insert(id.to_owned(), theirs);
    let moved = saved.difference(&world.plan(&declaration, Leave::default()).await).unwrap();
    assert!(moved.contains("app registration"), "{moved}");
    assert!(Plan::parse("{}").is_err());
}

#[tokio::test]
async fn a_saved_plan_binds_where_secrets_go() {
    let world = World::new();
    let mut declaration = declaration(&world);
    let mut to = |words: &[&str]| {
        let sink = Sink::Command(words.iter().map(|word| (*word).to_owned()).collect());
        declaration.application_users.get_mut(NAME).unwrap().credentials =
            vec![Credential::Secret { lifetime: 90 * DAY, sink }];
        declaration.clone()
    };
    let saved = world.plan(&to(&["vault", "put", "orders team/secret"]), Leave::default()).await;
    let secret = saved.changes.iter().find(|change| change.id.starts_with("secret:")).unwrap();
    assert_eq!(secret.reasons, ["it goes to the program `vault put \"orders team/secret\"`"]);
    let other = world.plan(&to(&["vault", "put", "elsewhere"]), Leave::default()).await;
    assert!(saved.difference(&other).unwrap().contains("client secret"), "{other:#?}");
}

#[tokio::test]
async fn s18_what_the_caller_may_not_do_is_named_before_anything_is_changed() {
    let world = World::new();
    let mut declaration = declaration(&world);
    declaration.application_users.get_mut(NAME).unwrap().user_impersonation = true;
    let (estate, seen) = world.observe(&declaration, Leave::default()).await;
    let plan = keyholder_service_users::plan::plan(&declaration, &seen, Leave::default());
    let missing = async || keyholder_service_users::rights::missing(&estate, &seen, &plan).await.join("\n");
    let said = missing().await;
    for expected in ["prvCreateRole", "prvReadContact", "prvCreateUser", "prvAssignRole", "`first`", "`second`"] {
        assert!(said.contains(expected), "no {expected} in {said}");
    }
    assert!(!said.contains("app registrations"), "what cannot be told is not guessed: {said}");
    world.state().principals.insert(ADMIN.to_owned(), json!({ "id": ADMIN, "appId": ADMIN }));
    let said = missing().await;
    assert!(said.contains("may not make app registrations") && said.contains("may not consent"), "{said}");
    // Application Developer registers applications and does not consent for others.
    world.state().caller_roles.push("cf1c38e5-3621-4004-a7cb-879624dced7c".to_owned());
    let said = missing().await;
    assert!(!said.contains("may not make app registrations") && said.contains("may not consent"), "{said}");
    assert!(world.state().applications.is_empty());
}

#[tokio::test]
async fn s25_no_secret_is_in_a_plan_an_event_or_an_error() {
    let world = World::new();
    let declaration = declaration(&world);
    let (plan, applied, events) = world.apply(&declaration, Leave::default()).await;
    let again = world.plan(&declaration, Leave::default()).await;
    let said = format!(
        "{} {plan:?} {} {applied:?} {events:?} {}",
        serde_json::to_string(&plan).unwrap(),
        serde_json::to_string(&again).unwrap(),
        serde_json::to_string(&events).unwrap()
    );
    assert!(world.state().secrets.values().all(|(_, text)| !said.contains(text)));
    assert_eq!(world.state().secrets.len(), 1);
}

/// Killed at every request of observing and applying, before or after the service carried it out, then
/// planned and applied again.
#[tokio::test]
async fn applying_can_be_killed_at_every_request() {
    let undisturbed = World::new();
    let (_, applied, _) = undisturbed.apply(&declaration(&undisturbed), Leave::default()).await;
    assert!(applied.failures.is_empty());
    let requests = undisturbed.state().requests.len();
    let wanted = undisturbed.state().shape();
    let mut kills = 0;
    for at in 1..=requests {
        for executed in [false, true] {
            let world = World::new();
            let declaration = declaration(&world);
            world.state().dies_at = Some((at, executed));
            let estate = world.estate(&declaration).await;
            let sinks = Sinks::of(&declaration, None).unwrap();
            let seen = keyholder_service_users::observe(&estate, &declaration, &sinks, Default::default()).await;
            if let Ok(seen) = seen {
                let plan = keyholder_service_users::plan::plan(&declaration, &seen, Leave::default());
                let quiet = |_: &keyholder_service_users::Event| {};
                let proving = keyholder_service_users::apply::Proving::default();
                keyholder_service_users::apply::apply(&estate, &declaration, &seen, &plan, &sinks, proving, &quiet)
                    .await;
            }
            world.state().dies_at = None;
            let died = world.state().requests[at - 1].clone();
            let (_, applied, _) = world.apply(&declaration, Leave::default()).await;
            assert!(applied.failures.is_empty(), "after {died} ({executed}): {:?}", applied.failures);
            assert_eq!(world.state().shape(), wanted, "after {died} (executed: {executed})");
            nothing_is_left(&world, &declaration, Leave::default()).await;
            kills += 1;
        }
    }
    assert!(kills > 60, "{kills}");
}

#[tokio::test]
async fn s22_another_tenants_application_gets_its_user_and_no_key_of_its_own() {
    const CLIENT: &str = "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001";
    let world = World::new();
    let mut declaration = declaration(&world);
    declaration.orgs.remove("second");
    let mut vendor = user(&world, NAME, &["first"], &["reader"]);
    vendor.client_id = Some(CLIENT.parse().unwrap());
    let with = |declaration: &Declaration, vendor: &ApplicationUser| Declaration {
        application_users: [(NAME.to_owned(), vendor.clone())].into(),
        ..declaration.clone()
    };
    // An id that nobody here knows may be a mistyped one.
    let unknown = world.plan(&with(&declaration, &vendor), Leave::default()).await;
    assert_eq!(codes(&unknown), ["noSuchRegistration"]);
    assert!(unknown.findings[0].hints.iter().any(|hint| hint.contains("multi-tenant = true")), "{unknown:#?}");

    vendor.multi_tenant = true;
    let declared = with(&declaration, &vendor);
    let plan = world.plan(&declared, Leave::default()).await;
    // Principal, role, user, assignment; no registration, and no secret on it.
    assert_eq!((marks(&plan).as_str(), codes(&plan)), ("++++", vec!["abroad"]), "{plan:#?}");
    let (_, applied, _) = world.apply(&declared, Leave::default()).await;
    assert!(applied.failures.is_empty() && applied.proved.is_empty(), "{applied:#?}");
    assert_eq!(world.state().applications.len(), 0);
    assert_eq!(world.state().secrets.len(), 0);
    nothing_is_left(&world, &declared, Leave::default()).await;

    // What was consented to is known, whatever the declaration says of it.
    vendor.multi_tenant = false;
    nothing_is_left(&world, &with(&declaration, &vendor), Leave::default()).await;

    // With a key that the publisher lent, the way in is proved here too.
    let lent = format!(
        "KEYHOLDER_ORG_URL=https://vendor.crm4.dynamics.com\nKEYHOLDER_TENANT_ID=9f0c1f3e-7b7a-4a43-8d2a-0a8a6c9c6a09\n\
         KEYHOLDER_CLIENT_ID={CLIENT}\nKEYHOLDER_CLIENT_SECRET=lent-by-the-publisher\n"
    );
    std::fs::write(world.env_path(), &lent).unwrap();
    world.state().secrets.insert("key".to_owned(), (CLIENT.to_owned(), "lent-by-the-publisher".to_owned()));
    for held in world.state().org.users.values_mut() {
        held["isdisabled"] = json!(true);
    }
    let (plan, applied, _) = world.apply(&declared, Leave::default()).await;
    assert!(codes(&plan).is_empty() && applied.failures.is_empty(), "{plan:#?} {applied:#?}");
    assert_eq!(applied.proved.len(), 1);
    assert_eq!(std::fs::read_to_string(world.env_path()).unwrap(), lent, "the publisher's key stays as it is");
}
