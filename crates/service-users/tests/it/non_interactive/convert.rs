//! An existing person becomes a non-interactive user, in the guides' five steps.

use keyholder_foundation::WallClock;
use keyholder_service_users::non_interactive::{NonInteractiveDefinition, list};
use keyholder_service_users::{Outcome, Step};
use serde_json::json;

use super::world::{DAY, HOUR, House};

#[tokio::test]
async fn s02_a_person_is_converted_in_five_steps_and_a_second_run_finds_them_done() {
    let house = House::delayed(HOUR / 4).await;
    let anna = house.person("anna").await;
    house.license(&anna).await;
    house.advance(HOUR);
    let consumed = house.consumed().await;
    let definition = NonInteractiveDefinition::existing(house.name("anna"));
    let before = house.world.clock().now();
    let (done, heard) = house.provision(&definition).await;
    let done = done.unwrap();
    assert_eq!(
        heard.outcomes(),
        [
            (Step::Person, Outcome::Found),
            (Step::OrgUser, Outcome::Found),
            (Step::AccessMode, Outcome::Changed),
            (Step::LicenceReturn, Outcome::Removed),
            (Step::Confirmation, Outcome::Proved),
        ]
    );
    assert!(done.orgs[0].confirmed && done.licences_removed == ["DYN365_ENTERPRISE_PLAN1"]);
    assert!(house.elapsed_since(before) >= HOUR / 4, "it is confirmed once the org has noticed");
    assert_eq!(house.standing(&definition.user_name).await.0, json!(4));
    assert_eq!(house.standing(&definition.user_name).await.1, json!(false));
    assert_eq!(house.consumed().await, consumed - 1);
    let (again, heard) = house.provision(&definition).await;
    assert!(!again.unwrap().changed);
    assert_eq!(
        heard.outcomes()[..3],
        [(Step::Person, Outcome::Found), (Step::OrgUser, Outcome::Found), (Step::AccessMode, Outcome::Found),]
    );
    // The password stays; without any role the org lets them do nothing.
    assert_eq!(house.sign_in(&definition.user_name, "Correct-horse-9").await.code(), "0x80042f09");
}

#[tokio::test]
async fn s02_a_person_without_a_licence_borrows_one() {
    let house = House::new().await;
    house.person("anna").await;
    let consumed = house.consumed().await;
    let (done, heard) = house.provision(&NonInteractiveDefinition::existing(house.name("anna"))).await;
    done.unwrap();
    assert!(heard.outcomes().contains(&(Step::Licence, Outcome::Created)), "{heard:?}");
    assert_eq!((house.licences(&house.name("anna")).await, house.consumed().await), (0, consumed));
    let nobody = house.provision(&NonInteractiveDefinition::existing(house.name("nobody"))).await.0.unwrap_err();
    assert!(nobody.to_string().contains("no person `nobody@"), "{nobody}");
}

#[tokio::test]
async fn s26_administrators_of_the_tenant_are_shown_apart_and_never_taken_for_service_users() {
    let house = House::new().await;
    let boss = house.person("boss").await;
    let role = json!({
        "principalId": boss, "directoryScopeId": "/", "roleDefinitionId": "11648597-926c-4cf3-9c36-bcebb0ba8dcc",
    });
    assert_eq!(house.graph("POST", "roleManagement/directory/roleAssignments", Some(&role)).await.status, 201);
    assert_eq!(house.standing(&house.name("boss")).await.0, json!(1), "as the real service has it");
    let error = house.provision(&NonInteractiveDefinition::existing(house.name("boss"))).await.0.unwrap_err();
    assert!(error.to_string().contains("`Power Platform Administrator`"), "{error}");
    assert!(error.hints()[0].contains("administrative"), "{:?}", error.hints());

    house.provision(&house.new_user("svc-orders")).await.0.unwrap();
    let anna = house.person("anna").await;
    house.license(&anna).await;
    house.provision(&NonInteractiveDefinition::existing(house.name("anna"))).await.0.unwrap();
    house.license(&anna).await;
    house.advance(DAY);
    let mut notes = Vec::new();
    let listed = list(&house.access, 7, &mut notes).await.unwrap();
    assert!(notes.is_empty(), "{notes:?}");
    let org = &listed[0];
    assert_eq!((org.slots_used, org.slots_limit), (2, 7));
    let names: Vec<_> = org.non_interactive.iter().map(|user| user.user_name.as_str()).collect();
    assert_eq!(names, ["anna@keyholder.localhost", "svc-orders@keyholder.localhost"]);
    let held = |at: usize| org.non_interactive[at].licences.as_ref().unwrap().len();
    assert_eq!((held(0), held(1)), (1, 0), "a licence that is held for nothing is shown");
    assert_eq!((org.non_interactive[0].is_ours, org.non_interactive[1].is_ours), (Some(false), Some(true)));
    let apart: Vec<_> = org.administrative.iter().map(|user| (user.user_name.as_str(), user.is_setup_user)).collect();
    assert_eq!(apart, [("boss@keyholder.localhost", true)]);
}
