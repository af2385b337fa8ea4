//! Non-interactive users in a declaration, beside the roles that are declared with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use keyholder_foundation::OsRandom;
use keyholder_security::{Depth, Verb};
use keyholder_service_users::apply::Proving;
use keyholder_service_users::declaration::{Declaration, NonInteractiveUser, Org, Right, Role, RoleSource, Sink};
use keyholder_service_users::observe::Look;
use keyholder_service_users::plan::{Leave, Mark, Plan, Severity, plan};
use keyholder_service_users::{Administrator, Borrowing, Estate, Sinks, bring_about, observe};
use serde_json::json;

use super::world::{House, Listening};

fn declaration(house: &House) -> Declaration {
    let right = Right::Table { table: "contact".to_owned(), verb: Verb::Read, depth: Depth::Global };
    let reader = Role { name: "contact-reader".to_owned(), source: RoleSource::Rights(vec![right]), adopt: false };
    let legacy = NonInteractiveUser {
        user_name: house.name("svc-legacy"),
        display_name: "Legacy".to_owned(),
        orgs: vec!["main".to_owned()],
        business_unit: None,
        roles: vec!["reader".to_owned()],
        licence: None,
        usage_location: Some("DE".to_owned()),
        password: Sink::EnvFile(house.env_file("svc-legacy")),
        change_first_password: false,
    };
    let url = house.world.connection().url;
    Declaration {
        orgs: BTreeMap::from([("main".to_owned(), Org { url, tenant: None, environment: None })]),
        roles: BTreeMap::from([("reader".to_owned(), reader)]),
        non_interactive_users: BTreeMap::from([("legacy".to_owned(), legacy)]),
        ..Declaration::default()
    }
}

async fn estate(house: &House, declaration: &Declaration) -> Estate {
    let administrator = Administrator::connect(house.world.connection(), house.access.http.clone()).await.unwrap();
    let borrowing = Borrowing { journal: house.access.journal.clone(), random: Arc::new(OsRandom) };
    Estate::new(declaration, BTreeMap::from([("main".to_owned(), Ok(administrator))])).borrowing(borrowing)
}

async fn planned(house: &House, declaration: &Declaration) -> Plan {
    let estate = estate(house, declaration).await;
    let seen = observe(&estate, declaration, &Sinks::default(), Look::default()).await.unwrap();
    plan(declaration, &seen, Leave::default())
}

#[tokio::test]
async fn s03_a_declared_user_is_planned_applied_and_nothing_is_left_to_do() {
    let house = House::new().await;
    let declaration = declaration(&house);
    let consumed = house.consumed().await;
    let first = planned(&house, &declaration).await;
    assert_eq!(first.findings, []);
    let change = first.changes.iter().find(|change| change.item == "legacy").unwrap();
    assert_eq!(change.mark, Mark::Make);
    assert!(change.reasons.iter().any(|step| step.contains("+ role `contact-reader`")), "{change:?}");
    assert!(change.needs.iter().any(|need| need.starts_with("role:")), "the role comes first: {change:?}");
    let saved = serde_json::to_string(&first).unwrap();
    assert_eq!(first.difference(&Plan::parse(&saved).unwrap()), None);

    assert!(
        change.reasons.iter().any(|reason| reason.starts_with("its password goes to the env file `")),
        "{change:?}"
    );
    let mut elsewhere = declaration.clone();
    elsewhere.non_interactive_users.get_mut("legacy").unwrap().password =
        Sink::Command(vec!["vault".to_owned(), "put".to_owned()]);
    let moved = first.difference(&planned(&house, &elsewhere).await).unwrap();
    assert!(moved.contains("svc-legacy"), "a saved plan binds where the password goes: {moved}");

    let estate = estate(&house, &declaration).await;
    let listening = Listening::default();
    let done = bring_about(&estate, &declaration, &Sinks::default(), Proving::default(), &listening).await;
    let heard = listening.heard();
    let (_, applied) = done.unwrap_or_else(|error| panic!("{error:?} {heard:?}"));
    assert!(applied.changed, "{heard:?}");
    let name = house.name("svc-legacy");
    assert_eq!(house.standing(&name).await, (json!(4), json!(false), vec!["contact-reader".to_owned()]));
    assert_eq!(house.consumed().await, consumed);
    house.assert_nothing_lent("applied");
    assert_eq!(house.sign_in(&name, &house.password(&name)).await.status, 200);

    let second = planned(&house, &declaration).await;
    assert!(!second.has_changes() && second.findings.is_empty(), "{second:?}");
}

#[tokio::test]
async fn what_stands_in_a_declared_users_way_stops_it_and_nothing_else() {
    let house = House::new().await;
    house.person("svc-legacy").await;
    let declaration = declaration(&house);
    let stopped = planned(&house, &declaration).await;
    assert_eq!(stopped.findings.len(), 1, "{stopped:?}");
    let finding = &stopped.findings[0];
    assert_eq!((finding.severity, finding.item.as_str()), (Severity::Stop, "legacy"));
    assert!(finding.message.contains("whom Keyholder did not make"), "{finding:?}");
    assert!(stopped.changes.iter().any(|change| change.is_change()), "the role is made all the same: {stopped:?}");
}

#[tokio::test]
async fn s03_a_declared_first_password_that_must_change_is_changed_at_once() {
    let house = House::new().await;
    let mut declaration = declaration(&house);
    let steps = |plan: &Plan| plan.changes.iter().find(|change| change.item == "legacy").unwrap().reasons.len();
    let without = steps(&planned(&house, &declaration).await);
    for user in declaration.non_interactive_users.values_mut() {
        user.change_first_password = true;
    }
    assert_eq!(steps(&planned(&house, &declaration).await), without + 1);
    let estate = estate(&house, &declaration).await;
    let listening = Listening::default();
    bring_about(&estate, &declaration, &Sinks::default(), Proving::default(), &listening).await.unwrap();
    let told = format!("{:?}", listening.heard().events);
    assert!(told.contains("the first password changed"), "{told}");
    let name = house.name("svc-legacy");
    assert_eq!(house.sign_in(&name, &house.password(&name)).await.status, 200);
    assert!(!planned(&house, &declaration).await.has_changes());
}

/// Whoever is declared no more, or is stopped, has no step of their own that would take the loan up.
#[tokio::test]
async fn s23_apply_gives_back_what_a_killed_run_borrowed_for_somebody_it_does_nothing_about() {
    let house = House::new().await;
    let consumed = house.consumed().await;
    let definition = house.new_user("svc-killed");
    for at in 1.. {
        assert!(at < 40, "no licence was asked for");
        house.dies_at(at, true);
        house.provision(&definition).await.0.unwrap_err();
        if house.mend().ends_with("assignLicense") {
            break;
        }
    }
    assert_eq!(house.consumed().await, consumed + 1);
    let mut declaration = declaration(&house);
    declaration.non_interactive_users.clear();
    let estate = estate(&house, &declaration).await;
    let listening = Listening::default();
    bring_about(&estate, &declaration, &Sinks::default(), Proving::default(), &listening).await.unwrap();
    let heard = listening.heard();
    assert!(heard.notes().contains("an earlier run borrowed it"), "{heard:?}");
    assert_eq!(house.consumed().await, consumed);
    house.assert_nothing_lent("given back");
}
