//! What an org or a tenant does not allow: too many, none free, left out.

use bytes::Bytes;
use http::{Request, Response};
use keyholder_org::Settings;
use keyholder_service_users::non_interactive::NonInteractiveDefinition;
use keyholder_service_users::{Outcome, Step};
use serde_json::{Value, json};

use super::world::House;

#[tokio::test]
async fn s04_the_limit_is_counted_told_and_not_hit() {
    for limit in [5, 7] {
        let house = House::behaving(Settings { non_interactive_limit: limit, ..Settings::default() }).await;
        for number in 1..=limit {
            let definition = NonInteractiveDefinition { limit, ..house.new_user(&format!("svc-{number}")) };
            let (done, heard) = house.provision(&definition).await;
            let done = done.unwrap();
            assert_eq!(u32::try_from(done.orgs[0].slots_used).unwrap(), number);
            assert_eq!(heard.notes().contains("that was the last place"), number == limit, "{heard:?}");
        }
        let definition = NonInteractiveDefinition { limit, ..house.new_user("svc-more") };
        let (done, heard) = house.provision(&definition).await;
        let error = done.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&format!("{limit} of at most {limit} non-interactive users")), "{text}");
        assert!(text.contains("svc-1@keyholder.localhost"), "{text}");
        assert!(
            error.hints().iter().any(|hint| hint.contains("application users do not count")),
            "{:?}",
            error.hints()
        );
        assert!(error.hints()[0].contains("`--limit`"), "{:?}", error.hints());
        assert!(heard.events.is_empty(), "nothing was done: {heard:?}");
        assert_eq!(house.graph("GET", "users/svc-more@keyholder.localhost", None).await.status, 404);
    }
}

#[tokio::test]
async fn s04_an_org_with_a_lower_limit_than_said_refuses_itself_and_the_licence_goes_back() {
    let house = House::behaving(Settings { non_interactive_limit: 1, ..Settings::default() }).await;
    let consumed = house.consumed().await;
    house.provision(&house.new_user("svc-1")).await.0.unwrap();
    let error = house.provision(&house.new_user("svc-2")).await.0.unwrap_err();
    assert!(error.to_string().contains("has 1 of at most 1 non-interactive users"), "{error}");
    // Saying another limit would change nothing.
    let hints = error.hints();
    assert!(hints[0].contains("release") && !hints.iter().any(|hint| hint.contains("--limit")), "{hints:?}");
    assert_eq!((house.licences(&house.name("svc-2")).await, house.consumed().await), (0, consumed));
    house.assert_nothing_lent("refused by the org");
}

/// All that was bought is given away.
fn sold_out(asked: &Request<Bytes>, answer: Response<Bytes>) -> Response<Bytes> {
    if !asked.uri().path().ends_with("subscribedSkus") {
        return answer;
    }
    let mut body: Value = serde_json::from_slice(answer.body()).unwrap();
    for sku in body["value"].as_array_mut().unwrap() {
        sku["consumedUnits"] = sku["prepaidUnits"]["enabled"].clone();
    }
    Response::new(Bytes::from(body.to_string()))
}

#[tokio::test]
async fn no_free_licence_is_told_with_the_counts_before_anybody_is_made() {
    let house = House::new().await;
    house.tamper(sold_out);
    let error = house.provision(&house.new_user("svc-orders")).await.0.unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("no licence is free to borrow: ") && text.contains("DYN365_ENTERPRISE_PLAN1: "), "{text}");
    assert!(text.contains(" in use"), "{text}");
    assert_eq!(house.graph("GET", "users/svc-orders@keyholder.localhost", None).await.status, 404);
}

#[tokio::test]
async fn a_directory_that_has_run_out_in_between_borrows_nothing() {
    fn refuses(asked: &Request<Bytes>, answer: Response<Bytes>) -> Response<Bytes> {
        if !asked.uri().path().ends_with("assignLicense") {
            return answer;
        }
        let body = json!({"error": {"code": "Request_BadRequest", "message": "Subscription with SKU x does not have any available licenses."}});
        Response::builder().status(400).body(Bytes::from(body.to_string())).unwrap()
    }
    let house = House::new().await;
    house.tamper(refuses);
    let error = house.provision(&house.new_user("svc-orders")).await.0.unwrap_err();
    assert!(error.to_string().contains("borrow a licence"), "{error}");
}

#[tokio::test]
async fn an_environments_security_group_that_leaves_the_user_out_is_told_and_nothing_borrowed() {
    let house = House::new().await;
    let group = house.security_group().await;
    let consumed = house.consumed().await;
    let definition = house.new_user("svc-orders");
    let (done, heard) = house.provision(&definition).await;
    let error = done.unwrap_err();
    assert!(error.to_string().contains(&format!("only members of its security group ({group})")), "{error}");
    assert!(error.hints()[0].contains("add the user to that group"), "{:?}", error.hints());
    assert!(!heard.outcomes().iter().any(|(step, _)| *step == Step::Licence), "{heard:?}");
    assert_eq!((house.licences(&definition.user_name).await, house.consumed().await), (0, consumed));
    house.assert_nothing_lent("left out");
    // The person is there, so that somebody can add them.
    house.join(&group, &definition.user_name).await;
    let (done, heard) = house.provision(&definition).await;
    done.unwrap_or_else(|error| panic!("{error}: {heard:?}"));
    assert_eq!(house.standing(&definition.user_name).await.0, json!(4));
}

#[tokio::test]
async fn a_group_that_the_directory_does_not_tell_of_is_told_by_the_org() {
    fn hides(asked: &Request<Bytes>, answer: Response<Bytes>) -> Response<Bytes> {
        if !asked.uri().path().ends_with("checkMemberGroups") {
            return answer;
        }
        let body = json!({"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges"}});
        Response::builder().status(403).body(Bytes::from(body.to_string())).unwrap()
    }
    let house = House::new().await;
    house.security_group().await;
    house.person("anna").await;
    house.tamper(hides);
    let consumed = house.consumed().await;
    let error = house.provision(&NonInteractiveDefinition::existing(house.name("anna"))).await.0.unwrap_err();
    assert!(error.to_string().contains("only members of its security group"), "{error}");
    assert_eq!(house.consumed().await, consumed);
    house.assert_nothing_lent("left out");
}

#[tokio::test]
async fn s16_a_second_factor_is_told_and_leads_to_an_application_user() {
    let house = House::new().await;
    let set =
        house.control("PUT", "tenants/keyholder.localhost/conditional-access", json!({"rule": "multi-factor"})).await;
    assert_eq!(set.status, 200, "{}", set.text);
    let (done, heard) = house.provision(&house.new_user("svc-orders")).await;
    done.unwrap();
    assert_eq!(heard.outcomes().last(), Some(&(Step::SignIn, Outcome::Skipped)));
    assert!(heard.notes().contains("AADSTS50076") && heard.notes().contains("application user"), "{heard:?}");
}
