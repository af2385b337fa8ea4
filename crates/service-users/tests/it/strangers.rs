//! Who else gets in as a registration, and what becomes of ways in that are not declared any more.

use keyholder_service_users::credentials::{Wanted, add};
use keyholder_service_users::declaration::{ApplicationUser, Credential, Declaration, Federation, Sink};
use keyholder_service_users::plan::{Finding, Leave, Mark, Plan, Severity};
use serde_json::{Value, json};

use crate::plans::{codes, declaration, marks, nothing_is_left, user};
use crate::world::{ADMIN, NAME, World};

const MALLORY: &str = "c0000000-0000-4000-8000-000000000001";
const KEY: &str = "c0000000-0000-4000-8000-000000000002";

fn of_one_org(world: &World) -> Declaration {
    let mut declared = declaration(world);
    declared.orgs.remove("second");
    own(&mut declared).orgs = vec!["first".to_owned()];
    declared
}

fn own(declared: &mut Declaration) -> &mut ApplicationUser {
    declared.application_users.get_mut(NAME).unwrap()
}

fn github(branch: &str) -> Credential {
    Credential::Federated(Federation {
        name: "github".to_owned(),
        issuer: "https://token.actions.githubusercontent.com".to_owned(),
        subject: format!("repo:contoso/orders:ref:refs/heads/{branch}"),
        audience: "api://AzureADTokenExchange".to_owned(),
    })
}

/// A registration of the declared name with our mark that somebody else made.
fn add_forged(world: &World, more: &Value) {
    let mut forged = json!({
        "id": MALLORY, "appId": MALLORY, "displayName": NAME, "tags": ["keyholder", "keyholder:contoso"],
        "passwordCredentials": [],
    });
    forged.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    world.state().applications.insert(MALLORY.to_owned(), forged);
}

fn found<'a>(plan: &'a Plan, code: &str) -> &'a Finding {
    let found = plan.findings.iter().find(|finding| finding.code == code);
    found.unwrap_or_else(|| panic!("no {code} in {:?}", plan.findings))
}

/// Each way to be let in by a registration that only looks like ours.
#[tokio::test]
async fn a_registration_that_only_looks_like_ours_is_not_adopted() {
    let owner = json!({ "id": MALLORY, "userPrincipalName": "mallory@contoso.example" });
    let path = World::new().env_path();
    let file = path.file_name().unwrap().to_str().unwrap().to_owned();
    for (forged, principal, code) in [
        (json!({ "owners": [owner] }), Value::Null, "otherOwners"),
        (json!({}), json!({ "passwordCredentials": [{ "keyId": KEY }] }), "unexplainedCredentials"),
        (json!({}), json!({ "keyCredentials": [{ "keyId": KEY }] }), "unexplainedCredentials"),
        (json!({}), json!({ "owners": [owner] }), "otherOwners"),
        (json!({ "label": "keyholder 0123456789ab " }), Value::Null, "unexplainedCredentials"),
        (json!({ "label": "keyholder " }), Value::Null, "unexplainedCredentials"),
    ] {
        let world = World::new();
        let declared = of_one_org(&world);
        let mut forged = forged;
        if let Some(start) = forged.as_object_mut().unwrap().remove("label") {
            let path = world.folder.path().join(&file);
            let label = format!("{}{}", start.as_str().unwrap(), path.display());
            forged = json!({ "passwordCredentials": [{ "keyId": KEY, "displayName": label }] });
        }
        add_forged(&world, &forged);
        if let Value::Object(more) = principal {
            let mut made = json!({ "id": KEY, "appId": MALLORY });
            made.as_object_mut().unwrap().extend(more);
            world.state().principals.insert(KEY.to_owned(), made);
        }
        let plan = world.plan(&declared, Leave::default()).await;
        assert_eq!(found(&plan, code).severity, Severity::Stop, "{:?}", plan.findings);
        assert!(plan.changes.iter().all(|change| change.item != NAME), "{plan:#?}");
    }
}

#[tokio::test]
async fn a_programs_label_can_be_made_up_and_proves_nothing() {
    let world = World::new();
    let mut declared = of_one_org(&world);
    let vault = Sink::Command(vec!["vault".to_owned(), "put".to_owned()]);
    own(&mut declared).credentials =
        vec![Credential::Secret { lifetime: std::time::Duration::from_secs(90 * 24 * 60 * 60), sink: vault }];
    add_forged(&world, &json!({}));
    let plan = world.plan(&declared, Leave::default()).await;
    assert_eq!(plan.stops().count(), 0, "without a credential it lets nobody in: {:?}", plan.findings);
    // The label that the secret would bear, as whoever knows the command line can work out.
    let hash = <sha2::Sha256 as sha2::Digest>::digest(b"vault\0put\0");
    let hash: String = hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let label = format!("keyholder {hash} command vault");
    add_forged(&world, &json!({ "passwordCredentials": [{ "keyId": KEY, "displayName": label }] }));
    let plan = world.plan(&declared, Leave::default()).await;
    assert_eq!(found(&plan, "unexplainedCredentials").severity, Severity::Stop);
}

/// A program does not give back what it took, so nothing proves the key but what its label says.
#[cfg(unix)]
#[tokio::test]
async fn a_disabled_users_own_secret_is_no_strangers_and_a_strangers_stops_it() {
    let world = World::new();
    let mut declared = of_one_org(&world);
    let vault = world.folder.path().join("vault.txt");
    let vault = Sink::Command(vec!["tee".to_owned(), vault.display().to_string()]);
    own(&mut declared).credentials =
        vec![Credential::Secret { lifetime: std::time::Duration::from_secs(90 * 24 * 60 * 60), sink: vault }];
    let (_, applied, _) = world.apply(&declared, Leave::default()).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    for user in world.state().org.users.values_mut() {
        user["isdisabled"] = json!(true);
    }
    world.state().applications.values_mut().next().unwrap()["owners"] = json!([{ "id": MALLORY }]);
    let plan = world.plan(&declared, Leave::default()).await;
    assert_eq!(codes(&plan), ["otherOwners"]);
    assert_eq!(plan.stops().count(), 0, "who made it was told while it was in use: {:?}", plan.findings);
    assert!(serde_json::to_string(&plan).unwrap().contains("it was disabled"), "{plan:#?}");
    {
        let mut state = world.state();
        let application = state.applications.values_mut().next().unwrap();
        let credentials = application["passwordCredentials"].as_array_mut().unwrap();
        let own = credentials[0]["displayName"].as_str().unwrap().replace("command", "another");
        credentials.push(json!({ "keyId": KEY, "displayName": own }));
    }
    let plan = world.plan(&declared, Leave::default()).await;
    let finding = found(&plan, "unexplainedCredentials");
    assert_eq!(finding.severity, Severity::Stop, "letting it in lets that one in: {finding:?}");
    assert!(finding.message.contains(KEY) && finding.message.matches("secret ").count() == 1, "{finding:?}");
}

#[tokio::test]
async fn who_else_gets_in_is_said_on_every_plan() {
    let world = World::new();
    let declared = of_one_org(&world);
    world.apply(&declared, Leave::default()).await;
    {
        let mut state = world.state();
        let application = state.applications.values_mut().next().unwrap();
        let mine = json!({ "id": ADMIN, "displayName": "administration" });
        application["owners"] = json!([mine, { "id": MALLORY, "displayName": "Mallory" }]);
        let theirs = json!({ "keyId": KEY, "displayName": "by hand" });
        application["passwordCredentials"].as_array_mut().unwrap().push(theirs);
        state.principals.insert(ADMIN.to_owned(), json!({ "id": ADMIN, "appId": ADMIN }));
    }
    let plan = world.plan(&declared, Leave::default()).await;
    assert_eq!(codes(&plan), ["unexplainedCredentials", "otherOwners"]);
    let finding = found(&plan, "unexplainedCredentials");
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.message.contains(KEY) && finding.message.contains("by hand"), "{}", finding.message);
    let owners = &found(&plan, "otherOwners").message;
    assert!(owners.contains("Mallory") && !owners.contains("administration"), "not the caller's own: {owners}");
    assert!(!plan.has_changes() && plan.stops().count() == 0);
}

#[tokio::test]
async fn the_requests_about_owners_do_not_grow() {
    let world = World::new();
    let mut declared = of_one_org(&world);
    for number in 0..14 {
        let name = format!("app-{number}");
        declared.application_users.insert(name.clone(), user(&world, &name, &["first"], &["reader"]));
    }
    world.apply(&declared, Leave::default()).await;
    let before = world.state().requests.len();
    world.plan(&declared, Leave::default()).await;
    let state = world.state();
    let asked = state.requests[before..].iter().filter(|request| request.contains("$expand=owners"));
    assert_eq!(asked.count(), 2, "registrations and principals: {:?}", &state.requests[before..]);
}

#[tokio::test]
async fn s07_another_branch_is_a_change_and_a_way_in_that_is_not_declared_any_more_goes() {
    let world = World::new();
    let mut declared = of_one_org(&world);
    let second = Federation { name: "second".to_owned(), subject: "second".to_owned(), ..federation("main") };
    own(&mut declared).credentials = vec![github("main"), Credential::Federated(second)];
    let (_, applied, _) = world.apply(&declared, Leave::default()).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    nothing_is_left(&world, &declared, Leave::default()).await;

    // What another declaration, or `keyholder credential add`, made there is not ours to remove.
    let others = [
        json!({ "id": ADMIN, "name": "x", "issuer": "https://x.example", "subject": "s", "audiences": ["a"],
            "description": "Made by Keyholder (keyholder:fabrikam)" }),
        json!({ "id": KEY, "name": "y", "issuer": "https://y.example", "subject": "s", "audiences": ["a"],
            "description": "Made by Keyholder" }),
    ];
    world.state().federations.values_mut().next().unwrap().extend(others);
    own(&mut declared).credentials = vec![github("release")];
    let plan = world.plan(&declared, Leave::default()).await;
    assert_eq!(marks(&plan), "==~-===", "{plan:#?}");
    assert_eq!(codes(&plan), ["unexplainedCredentials"]);
    let said = &plan.findings[0].message;
    assert!(said.contains("`x`") && said.contains("`y`") && !said.contains("`second`"), "{said}");
    let (_, applied, _) = world.apply(&declared, Leave::default()).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    nothing_is_left(&world, &declared, Leave::default()).await;
    let state = world.state();
    let left = state.federations.values().next().unwrap();
    let names: Vec<&str> = left.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["github", "x", "y"]);
    assert_eq!(left[0]["subject"], "repo:contoso/orders:ref:refs/heads/release");
}

fn federation(branch: &str) -> Federation {
    match github(branch) {
        Credential::Federated(federation) => federation,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_secret_of_a_place_that_is_not_declared_any_more_is_listed() {
    let world = World::new();
    let mut declared = of_one_org(&world);
    world.apply(&declared, Leave::default()).await;
    if let Credential::Secret { sink, .. } = &mut own(&mut declared).credentials[0] {
        *sink = Sink::EnvFile(world.folder.path().join("renamed.env"));
    }
    let (plan, applied, _) = world.apply(&declared, Leave::default()).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    let finding = found(&plan, "unexplainedCredentials");
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.message.contains("orders-sync.env`"), "its label tells which place: {}", finding.message);
    assert!(finding.hints[0].contains("keyholder credential revoke"), "{:?}", finding.hints);
    assert_eq!(world.state().secrets.len(), 2, "a program may still live by it");
}

#[tokio::test]
async fn what_other_machines_have_is_a_note_and_said_once() {
    let world = World::new();
    let declared = of_one_org(&world);
    world.apply(&declared, Leave::default()).await;
    {
        let mut state = world.state();
        let application = state.applications.values_mut().next().unwrap();
        let credentials = application["passwordCredentials"].as_array_mut().unwrap();
        let own = credentials[0]["displayName"].as_str().unwrap().to_owned();
        let (_, path) = own.strip_prefix("keyholder ").unwrap().split_once(' ').unwrap();
        let same_path = format!("keyholder 0123456789ab {path}");
        let labels = [(KEY, same_path.as_str()), (MALLORY, "keyholder 0123456789ac /elsewhere/orders.env")];
        credentials.extend(labels.map(|(id, label)| json!({ "keyId": id, "displayName": label })));
    }
    let plan = world.plan(&declared, Leave::default()).await;
    assert_eq!(codes(&plan), ["credentialsOfOtherPlaces"]);
    let finding = &plan.findings[0];
    assert_eq!(finding.severity, Severity::Note);
    for expected in [KEY, MALLORY, "/elsewhere/orders.env"] {
        assert_eq!(finding.message.matches(expected).count(), 1, "{}", finding.message);
    }
    let mut reasons = plan.changes.iter().flat_map(|change| &change.reasons);
    assert!(!reasons.any(|reason| reason.contains("other secret")), "{plan:#?}");
}

#[tokio::test]
async fn somebody_elses_federated_credential_is_not_written_over() {
    let world = World::new();
    let mut declared = of_one_org(&world);
    own(&mut declared).credentials = vec![github("main")];
    own(&mut declared).client_id = Some(MALLORY.parse().unwrap());
    add_forged(&world, &json!({ "tags": [] }));
    let theirs = json!({ "id": KEY, "name": "github", "issuer": "https://token.actions.githubusercontent.com",
        "subject": "repo:fabrikam/other:ref:refs/heads/main", "audiences": ["api://AzureADTokenExchange"] });
    world.state().federations.insert(MALLORY.to_owned(), vec![theirs.clone()]);
    let (plan, _, _) = world.apply(&declared, Leave::default()).await;
    let finding = found(&plan, "foreignFederation");
    assert!(finding.severity == Severity::Stop && finding.message.contains("repo:fabrikam/other"), "{finding:?}");
    assert_eq!(world.state().federations[MALLORY], std::slice::from_ref(&theirs));

    // Nor by one command; whatever else it is like.
    let administrator = world.administrator().await.unwrap();
    let nothing = |_: &keyholder_service_users::Event| {};
    let mut about = federation("main");
    "repo:fabrikam/other:ref:refs/heads/main".clone_into(&mut about.subject);
    for wanted in
        [federation("main"), Federation { name: "new".to_owned(), audience: "api://x".to_owned(), ..about.clone() }]
    {
        let error =
            add(&administrator, MALLORY, Wanted::Federated(wanted), &world.journal(), &nothing).await.unwrap_err();
        assert_eq!(crate::path::stopped_by(&error), "foreignFederation");
        assert_eq!(world.state().federations[MALLORY], std::slice::from_ref(&theirs));
    }
    let added = add(&administrator, MALLORY, Wanted::Federated(about), &world.journal(), &nothing).await.unwrap();
    assert!(!added.changed, "what is as wanted is nobody's business to change: {added:?}");
    assert_eq!(world.state().federations[MALLORY], [theirs]);
}

#[tokio::test]
async fn s18_who_may_manage_only_its_own_is_told_so_of_an_adopted_registration_first() {
    let world = World::new();
    let mut declared = of_one_org(&world);
    own(&mut declared).client_id = Some(MALLORY.parse().unwrap());
    add_forged(&world, &json!({ "tags": [] }));
    world.state().principals.insert(ADMIN.to_owned(), json!({ "id": ADMIN, "appId": ADMIN }));
    // Application Developer: registers applications, and manages those that it owns.
    world.state().caller_roles.push("cf1c38e5-3621-4004-a7cb-879624dced7c".to_owned());
    let missing = async || {
        let (estate, seen) = world.observe(&declared, Leave::default()).await;
        let plan = keyholder_service_users::plan::plan(&declared, &seen, Leave::default());
        keyholder_service_users::rights::missing(&estate, &seen, &plan).await.join("\n")
    };
    let said = missing().await;
    assert!(said.contains("not its own") && said.contains("Application.ReadWrite.All"), "{said}");
    add_forged(&world, &json!({ "tags": [], "owners": [{ "id": ADMIN }] }));
    let said = missing().await;
    assert!(!said.contains("app registrations"), "{said}");
}

#[tokio::test]
async fn two_entries_for_one_registration_are_told_of() {
    let world = World::new();
    let mut declared = of_one_org(&world);
    let mut twin = user(&world, "twin", &["first"], &[]);
    NAME.clone_into(&mut twin.name);
    declared.application_users.insert("twin".to_owned(), twin.clone());
    let plan = world.plan(&declared, Leave::default()).await;
    assert_eq!((codes(&plan), marks(&plan).as_str()), (vec!["sameRegistration"], "+"), "the role alone: {plan:#?}");

    declared.application_users.remove("twin");
    world.apply(&declared, Leave::default()).await;
    let client = world.state().applications.values().next().unwrap()["appId"].as_str().unwrap().parse().unwrap();
    "another name".clone_into(&mut twin.name);
    twin.client_id = Some(client);
    declared.application_users.insert("twin".to_owned(), twin);
    let plan = world.plan(&declared, Leave::default()).await;
    assert_eq!(codes(&plan), ["sameRegistration"]);
    assert!(plan.changes.iter().all(|change| change.mark == Mark::Keep), "{plan:#?}");
}
