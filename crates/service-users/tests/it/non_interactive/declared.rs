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
