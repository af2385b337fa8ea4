//! A run that is killed at any request, before or after the service carried it out, and repeated
//! ends in the state of an undisturbed one, with no licence left borrowed.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use keyholder_org::Settings;
use keyholder_service_users::non_interactive::{NonInteractiveDefinition, Release};
use serde_json::{Value, json};

use super::world::House;

/// An org that learns late and has room for everybody whom a test makes.
async fn house() -> House {
    House::behaving(Settings {
        propagation_delay: Duration::from_secs(60),
        non_interactive_limit: 10_000,
        ..Settings::default()
    })
    .await
}

fn roomy(definition: NonInteractiveDefinition) -> NonInteractiveDefinition {
    NonInteractiveDefinition { limit: 10_000, ..definition }
}

#[tokio::test]
async fn s03_creating_can_be_killed_at_every_request() {
    let house = house().await;
    let consumed = house.consumed().await;
    let mut writes = 0;
    for executed in [false, true] {
        for at in 1..200 {
            let definition = roomy(house.new_user(&format!("svc-{at}-{executed}")));
            house.dies_at(at, executed);
            let (done, _) = house.provision(&definition).await;
            let where_it_died = house.mend();
            let context = format!("after {where_it_died} (executed: {executed})");
            if done.is_ok() {
                assert!(at > 15, "only {at} requests");
                break;
            }
            writes += usize::from(!where_it_died.starts_with("GET"));
            let (done, heard) = house.provision(&definition).await;
            done.unwrap_or_else(|error| panic!("{context}: {error:?} {heard:?}"));
            let name = &definition.user_name;
            assert_eq!(house.standing(name).await, (json!(4), json!(false), vec!["Orders".to_owned()]), "{context}");
            assert_eq!((house.licences(name).await, house.consumed().await), (0, consumed), "{context}");
            house.assert_nothing_lent(&context);
            let who = house.sign_in(name, &house.password(name)).await;
            assert_eq!(who.status, 200, "{context}: {}", who.text);
            assert!(!house.provision(&definition).await.0.unwrap().changed, "{context}");
        }
    }
    assert!(writes >= 10, "only {writes} of the requests at which it died change anything");
}

#[tokio::test]
async fn s02_converting_can_be_killed_at_every_request() {
    let house = house().await;
    for executed in [false, true] {
        for at in 1..200 {
            let consumed = house.consumed().await;
            let local = format!("anna-{at}-{executed}");
            let person = house.person(&local).await;
            house.license(&person).await;
            house.advance(Duration::from_secs(120));
            let definition = roomy(NonInteractiveDefinition::existing(house.name(&local)));
            house.dies_at(at, executed);
            let (done, _) = house.provision(&definition).await;
            let context = format!("after {} (executed: {executed})", house.mend());
            if done.is_ok() {
                assert!(at > 10, "only {at} requests");
                break;
            }
            let (done, heard) = house.provision(&definition).await;
            done.unwrap_or_else(|error| panic!("{context}: {error:?} {heard:?}"));
            let standing = house.standing(&definition.user_name).await;
            assert_eq!((standing.0, standing.1), (json!(4), json!(false)), "{context}");
            assert_eq!(
                (house.licences(&definition.user_name).await, house.consumed().await),
                (0, consumed),
                "{context}"
            );
            house.assert_nothing_lent(&context);
        }
    }
}

#[tokio::test]
async fn s01_removing_can_be_killed_at_every_request() {
    let house = house().await;
    let removed = Release::Remove { others_too: false };
    for executed in [false, true] {
        for at in 1..200 {
            let definition = roomy(house.new_user(&format!("svc-{at}-{executed}")));
            let name = &definition.user_name;
            house.provision(&definition).await.0.unwrap();
            house.dies_at(at, executed);
            let (done, _) = house.release(name, removed).await;
            let context = format!("after {} (executed: {executed})", house.mend());
            if done.is_ok() {
                assert!(at > 6, "only {at} requests");
                break;
            }
            house.release(name, removed).await.0.unwrap_or_else(|error| panic!("{context}: {error:?}"));
            assert_eq!(house.graph("GET", &format!("users/{name}"), None).await.status, 404, "{context}");
            assert_eq!(house.standing(name).await.1, json!(true), "{context}");
        }
    }
}

/// Reads of a person that do not show what the last request gave them.
fn stale(asked: &Request<Bytes>, answer: Response<Bytes>) -> Response<Bytes> {
    let Ok(mut body) = serde_json::from_slice::<Value>(answer.body()) else { return answer };
    if asked.method() != Method::GET || body.get("assignedLicenses").is_none() {
        return answer;
    }
    body["assignedLicenses"] = json!([]);
    let (parts, _) = answer.into_parts();
    Response::from_parts(parts, Bytes::from(body.to_string()))
}

#[tokio::test]
async fn a_loan_that_an_old_answer_does_not_show_is_given_back_all_the_same() {
    let house = house().await;
    let consumed = house.consumed().await;
    for at in 1..200 {
        let definition = roomy(house.new_user(&format!("svc-{at}")));
        let name = &definition.user_name;
        house.dies_at(at, false);
        let ended = house.provision(&definition).await.0;
        let where_it_died = house.mend();
        assert!(ended.is_err(), "it never died while it gave the licence back");
        // The person is non-interactive by now, so that nothing but the loan tells of the licence.
        if where_it_died.contains("assignLicense") && house.licences(name).await == 1 {
            assert_eq!(house.standing(name).await.0, json!(4));
            house.tamper(stale);
            house.provision(&definition).await.0.unwrap();
            assert_eq!((house.licences(name).await, house.consumed().await), (0, consumed));
            house.assert_nothing_lent("given back without having been seen");
            return;
        }
        house.provision(&definition).await.0.unwrap();
    }
    panic!("no run came to where the licence is given back");
}
