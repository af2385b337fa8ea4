//! Licence, place, person: given back as asked.

use keyholder_service_users::non_interactive::{NonInteractiveDefinition, Release, give_back_left};
use keyholder_service_users::{Outcome, Step};
use serde_json::json;

use super::world::{House, Listening};

#[tokio::test]
async fn s23_a_licence_that_is_held_for_nothing_is_freed_and_the_user_works_on() {
    let house = House::new().await;
    let definition = house.new_user("svc-orders");
    let name = &definition.user_name;
    house.provision(&definition).await.0.unwrap();
    let id = house.graph("GET", &format!("users/{name}"), None).await.body["id"].as_str().unwrap().to_owned();
    house.license(&id).await;
    let (done, _) = house.release(name, Release::Licence).await;
    assert_eq!(done.unwrap().licences_removed, ["DYN365_ENTERPRISE_PLAN1"]);
    assert_eq!((house.licences(name).await, house.standing(name).await.0), (0, json!(4)));
    assert_eq!(house.sign_in(name, &house.password(name)).await.status, 200);
    assert!(!house.release(name, Release::Licence).await.0.unwrap().changed);
}

#[tokio::test]
async fn s01_a_place_is_given_back_in_each_way_and_once() {
    let house = House::new().await;
    for local in ["svc-1", "svc-2", "svc-3"] {
        house.provision(&house.new_user(local)).await.0.unwrap();
    }
    let (one, two, three) = (house.name("svc-1"), house.name("svc-2"), house.name("svc-3"));
    let done = house.release(&one, Release::Disable).await.0.unwrap();
    assert_eq!(done.slots_freed.len(), 1);
    assert_eq!(house.standing(&one).await.1, json!(true));
    assert_eq!(house.sign_in(&one, &house.password(&one)).await.status, 403);
    assert!(!house.release(&one, Release::Disable).await.0.unwrap().changed);
    // And back: the same definition enables it again.
    let (done, heard) = house.provision(&house.new_user("svc-1")).await;
    assert_eq!(done.unwrap().orgs[0].slots_used, 3);
    assert!(heard.outcomes().contains(&(Step::OrgUser, Outcome::Changed)), "{heard:?}");

    let error = house.release(&two, Release::ReadWrite).await.0.unwrap_err();
    assert!(error.to_string().contains("knows of no licence"), "{error}");
    let id = house.graph("GET", &format!("users/{two}"), None).await.body["id"].as_str().unwrap().to_owned();
    house.license(&id).await;
    assert!(house.release(&two, Release::ReadWrite).await.0.unwrap().changed);
    assert_eq!((house.standing(&two).await.0, house.licences(&two).await), (json!(0), 1));
    assert!(!house.release(&two, Release::ReadWrite).await.0.unwrap().changed);

    let removed = Release::Remove { others_too: false };
    assert!(house.release(&three, removed).await.0.unwrap().changed);
    assert_eq!(house.graph("GET", &format!("users/{three}"), None).await.status, 404);
    assert_eq!(house.standing(&three).await.1, json!(true));
    let (again, heard) = house.release(&three, removed).await;
    assert!(!again.unwrap().changed && heard.outcomes() == [(Step::Person, Outcome::Absent)]);
}

#[tokio::test]
async fn nobody_who_works_by_hand_is_locked_out_and_nobodys_person_deleted() {
    let house = House::new().await;
    let anna = house.person("anna").await;
    house.license(&anna).await;
    for what in [Release::Licence, Release::Disable] {
        let error = house.release(&house.name("anna"), what).await.0.unwrap_err();
        assert!(error.to_string().contains("no non-interactive user but Read-Write"), "{error}");
    }
    house.provision(&NonInteractiveDefinition::existing(house.name("anna"))).await.0.unwrap();
    let error = house.release(&house.name("anna"), Release::Remove { others_too: false }).await.0.unwrap_err();
    assert!(error.to_string().contains("whom Keyholder did not make"), "{error}");
    assert_eq!(house.graph("GET", &format!("users/{anna}"), None).await.status, 200);
    house.release(&house.name("anna"), Release::Remove { others_too: true }).await.0.unwrap();
    assert_eq!(house.graph("GET", &format!("users/{anna}"), None).await.status, 404);
}

#[tokio::test]
async fn what_a_killed_run_borrowed_for_somebody_else_is_given_back_by_the_next_run() {
    let house = House::new().await;
    let consumed = house.consumed().await;
    let definition = house.new_user("svc-killed");
    // The first request that leaves a licence on the user.
    for at in 1.. {
        assert!(at < 40, "no licence was asked for");
        house.dies_at(at, true);
        house.provision(&definition).await.0.unwrap_err();
        if house.mend().ends_with("assignLicense") {
            break;
        }
    }
    assert_eq!((house.licences(&definition.user_name).await, house.consumed().await), (1, consumed + 1));
    let listening = Listening::default();
    give_back_left(&house.access, &[&definition.user_name], &listening).await.unwrap();
    assert_eq!(house.consumed().await, consumed + 1, "its own run takes it up where it is");
    give_back_left(&house.access, &[], &listening).await.unwrap();
    assert_eq!(house.consumed().await, consumed);
    let heard = listening.heard();
    assert!(heard.notes().contains("an earlier run borrowed it"), "{heard:?}");
    house.assert_nothing_lent("given back");
    house.provision(&definition).await.0.unwrap();
}
