//! What a plan must not do, whatever is declared: each with the way somebody would go about it.

use keyholder_security::Verb;
use keyholder_service_users::Outcome;
use keyholder_service_users::declaration::{Declaration, RoleSource, Stance, Tenant};
use keyholder_service_users::plan::{Leave, Mark, Severity};
use serde_json::json;

use crate::plans::{codes, declaration, marks, nothing_is_left, right, user};
use crate::world::{ADMIN, NAME, World};

const SYSTEM_ADMINISTRATOR: &str = "627090ff-40a3-4053-8790-584edc5be201";

/// The declaration of plans in its first org alone.
fn of_one_org(world: &World) -> Declaration {
    let mut declared = declaration(world);
    declared.orgs.remove("second");
    declared.application_users.get_mut(NAME).unwrap().orgs = vec!["first".to_owned()];
    declared
}

/// A role of the org itself, made from a template.
fn add_shipped(world: &World, name: &str, template: &str) {
    let id = uuid::Uuid::from_u128(0xb000_0000_0000_4000_8000_0000_0000_0000 + name.len() as u128);
    world.state().org.add_role(json!({ "roleid": id, "name": name, "_roletemplateid_value": template }));
}

/// How many registrations and service principals there are.
fn registered(world: &World) -> (usize, usize) {
    let state = world.state();
    (state.applications.len(), state.principals.len())
}

#[tokio::test]
async fn privileges_declared_under_an_out_of_the_box_roles_name_do_not_give_that_role() {
    let world = World::new();
    let mut declared = of_one_org(&world);
    add_shipped(&world, "System Administrator", SYSTEM_ADMINISTRATOR);
    add_shipped(&world, "Basic User", ADMIN);
    for (name, code) in [("system administrator", "systemAdministrator"), ("Basic User", "outOfTheBoxRole")] {
        declared.policies.out_of_the_box_roles = Stance::Refuse;
        let role = declared.roles.get_mut("reader").unwrap();
        name.clone_into(&mut role.name);
        // Every new role has these, so the role of that name lacks nothing that is declared.
        role.source = RoleSource::Rights(Vec::new());
        for adopt in [false, true] {
            declared.roles.get_mut("reader").unwrap().adopt = adopt;
            let plan = world.plan(&declared, Leave::default()).await;
            assert_eq!(codes(&plan), [code], "{name}, adopt: {adopt}");
            assert!(plan.changes.iter().all(|change| change.place.org().is_none()), "{plan:#?}");
        }
    }
    declared.roles.get_mut("reader").unwrap().name = "System Administrator".to_owned();
    let known = Leave { system_administrator: true, ..Leave::default() };
    assert_eq!(codes(&world.plan(&declared, known).await), ["outOfTheBoxRole"], "the policy holds all the same");
}

#[tokio::test]
async fn two_declarations_do_not_fight_over_one_role() {
    let world = World::new();
    let declared = of_one_org(&world);
    let (_, applied, _) = world.apply(&declared, Leave::default()).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    let mut other = declared.clone();
    other.name = Some("fabrikam".to_owned());
    other.application_users = [("loader".to_owned(), user(&world, "loader", &["first"], &["reader"]))].into();
    let rights = RoleSource::Rights(vec![right("contact", Verb::Write)]);
    other.roles.get_mut("reader").unwrap().source = rights;
    let plan = world.plan(&other, Leave::default()).await;
    assert_eq!(codes(&plan), ["otherDeclaration"]);
    assert!(plan.findings[0].message.contains("`Contact Reader`") && plan.findings[0].message.contains("`contoso`"));
    assert_eq!(marks(&plan), "", "the role is left as it is, and so is who would get it: {plan:#?}");
    // A role of no declared name is taken up.
    for role in world.state().org.roles.values_mut() {
        role["description"] = json!("Made by Keyholder, which undoes other changes to it (keyholder)");
    }
    let plan = world.plan(&other, Leave::default()).await;
    assert_eq!((plan.stops().count(), marks(&plan).as_str()), (0, "+++~++"), "{plan:#?}");
}

#[tokio::test]
async fn a_directory_that_cannot_be_read_is_no_reason_to_remake_a_user() {
    let world = World::new();
    let declared = of_one_org(&world);
    world.apply(&declared, Leave::default()).await;
    let (_, mut seen) = world.observe(&declared, Leave::default()).await;
    // A principal that a lagging directory does not show.
    let directory = seen.directories.values_mut().next().unwrap().as_mut().unwrap();
    directory.principals.clear();
    let plan = keyholder_service_users::plan::plan(&declared, &seen, Leave::default());
    assert_eq!(marks(&plan), "=+==~+", "{plan:#?}");
    let estate = world.estate(&declared).await;
    let heard = std::sync::Mutex::new(Vec::new());
    let listen = |event: &keyholder_service_users::Event| heard.lock().unwrap().push(event.clone());
    let proving = keyholder_service_users::apply::Proving::default();
    let sinks = keyholder_service_users::Sinks::of(&declared, None).unwrap();
    let applied =
        keyholder_service_users::apply::apply(&estate, &declared, &seen, &plan, &sinks, proving, &listen).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    let heard = heard.into_inner().unwrap();
    assert!(heard.iter().any(|event| event.outcome == Outcome::Kept && event.subject.contains("application user")));
    let removed = world.state().requests.iter().any(|request| request.starts_with("DELETE"));
    assert!(!removed, "{:?}", world.state().requests);
    nothing_is_left(&world, &declared, Leave::default()).await;
}

#[tokio::test]
async fn an_org_of_another_tenant_gets_nothing() {
    let world = World::new();
    let mut declared = of_one_org(&world);
    let tenant = |id: &str| [("contoso".to_owned(), Tenant { id: id.to_owned() })].into();
    declared.orgs.get_mut("first").unwrap().tenant = Some("contoso".to_owned());
    declared.tenants = tenant(crate::world::TENANT);
    world.apply(&declared, Leave::default()).await;
    nothing_is_left(&world, &declared, Leave::default()).await;
    let rights = RoleSource::Rights(vec![right("contact", Verb::Read), right("contact", Verb::Write)]);
    declared.roles.get_mut("reader").unwrap().source = rights;
    declared.application_users.insert("other".to_owned(), user(&world, "other", &["first"], &["reader"]));
    // The id of the tenant tells enough: what cannot be read of its directory stops what is about that.
    world.state().directory_is_down = true;
    let plan = world.plan(&declared, Leave::default()).await;
    assert_eq!(codes(&plan), ["directoryOutOfReach", "directoryOutOfReach"]);
    assert_eq!(marks(&plan), "~", "{plan:#?}");

    for id in [ADMIN, "fabrikam.example"] {
        declared.tenants = tenant(id);
        for (is_down, code) in [(true, "tenantUnknown"), (false, "wrongTenant")] {
            world.state().directory_is_down = is_down;
            let prune = Leave { prune: true, ..Leave::default() };
            let plan = world.plan(&declared, prune).await;
            assert_eq!(codes(&plan), [code], "{id}");
            assert_eq!(plan.findings[0].severity, Severity::Stop);
            assert!(plan.changes.is_empty(), "neither roles nor users nor what could be pruned: {plan:#?}");
        }
    }
}

#[tokio::test]
async fn pruning_waits_for_every_org_of_the_tenant() {
    let world = World::new();
    let mut declared = declaration(&world);
    world.apply(&declared, Leave::default()).await;
    declared.application_users.clear();
    let prune = Leave { prune: true, ..Leave::default() };
    world.state().others.get_mut("second.localhost").unwrap().is_down = true;
    let (plan, applied, _) = world.apply(&declared, prune).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    let removed: Vec<_> = plan.changes.iter().filter(|change| change.mark == Mark::Remove).collect();
    assert!(removed.iter().all(|change| change.place.org() == Some("first")), "{removed:#?}");
    let left = plan.findings.iter().find(|finding| finding.code == "left").unwrap();
    assert!(left.message.contains("stays for now") && left.message.contains("`second`"), "{}", left.message);
    assert_eq!(registered(&world), (1, 1));

    world.state().others.get_mut("second.localhost").unwrap().is_down = false;
    let (_, applied, _) = world.apply(&declared, prune).await;
    assert!(applied.failures.is_empty(), "{:?}", applied.failures);
    assert_eq!(registered(&world), (0, 0));
    assert!(world.state().others["second.localhost"].users.is_empty());
}
