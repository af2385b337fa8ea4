//! A non-interactive user from nothing.

use keyholder_foundation::WallClock;
use keyholder_service_users::non_interactive::{NonInteractiveDefinition, Problem};
use keyholder_service_users::{Error, Outcome, Step};
use serde_json::json;

use super::world::{DAY, HOUR, House};

#[tokio::test]
async fn s03_s16_a_user_from_nothing_waits_for_the_org_and_signs_in_with_its_password() {
    let mut house = House::delayed(HOUR).await;
    // Without Power Platform there is nothing to do but wait.
    house.access.orgs[0].power_platform = None;
    let (before, consumed) = (house.world.clock().now(), house.consumed().await);
    let definition = house.new_user("svc-orders");
    let (done, heard) = house.provision(&definition).await;
    let done = done.unwrap();
    assert_eq!(
        heard.outcomes(),
        [
            (Step::Person, Outcome::Created),
            (Step::Password, Outcome::Created),
            (Step::Licence, Outcome::Created),
            (Step::OrgUser, Outcome::Created),
            (Step::RoleAssignment, Outcome::Created),
            (Step::AccessMode, Outcome::Changed),
            (Step::LicenceReturn, Outcome::Removed),
            (Step::Confirmation, Outcome::Proved),
            (Step::SignIn, Outcome::Proved),
        ]
    );
    let waited = house.elapsed_since(before);
    assert!(waited >= HOUR, "{waited:?}");
    assert!(heard.waits.len() > 20 && heard.waits[0].contains("for at most 2 h"), "{:?}", heard.waits);
    assert!(heard.waits.iter().any(|wait| wait.contains("of at most 2 h")), "progress is told: {:?}", heard.waits);
    let name = &definition.user_name;
    assert_eq!(house.standing(name).await, (json!(4), json!(false), vec!["Orders".to_owned()]));
    assert_eq!((house.licences(name).await, house.consumed().await), (0, consumed));
    assert_eq!((done.orgs[0].slots_before, done.orgs[0].slots_used, done.orgs[0].slots_limit), (0, 1, 7));
    house.assert_nothing_lent("after a whole run");

    let who = house.sign_in(name, &house.password(name)).await;
    assert_eq!(who.status, 200, "{}", who.text);
    assert_eq!(who.body["UserId"], json!(done.orgs[0].user_id));

    house.advance(DAY);
    let (again, heard) = house.provision(&definition).await;
    let again = again.unwrap();
    assert!(!again.changed && again.orgs[0].confirmed, "{heard:?}");
    assert_eq!(house.standing(name).await, (json!(4), json!(false), vec!["Orders".to_owned()]));
}

#[tokio::test]
async fn s03_power_platform_brings_the_user_over_at_once() {
    let house = House::delayed(DAY).await;
    let before = house.world.clock().now();
    let definition = house.new_user("svc-orders");
    let (done, heard) = house.provision(&definition).await;
    assert!(heard.notes().contains("Power Platform brought it over at once"), "{heard:?}");
    // The org learns of the licence's end only tomorrow, and the run says so.
    assert!(!done.unwrap().orgs[0].confirmed);
    assert!(heard.notes().contains("has not noticed yet"), "{heard:?}");
    assert!(house.elapsed_since(before) < HOUR);
    house.advance(DAY + HOUR);
    let (again, _) = house.provision(&definition).await;
    let again = again.unwrap();
    assert!(again.orgs[0].confirmed && !again.changed);
}

#[tokio::test]
async fn s03_a_deadline_ends_the_wait_and_the_licence_goes_back() {
    let mut house = House::delayed(DAY).await;
    house.access.orgs[0].power_platform = None;
    let (before, consumed) = (house.world.clock().now(), house.consumed().await);
    let definition = house.new_user("svc-orders");
    let (done, heard) = house.provision(&definition).await;
    let error = done.unwrap_err();
    assert!(error.to_string().contains("did not appear") && error.to_string().contains("2 h"), "{error}");
    assert_eq!(heard.outcomes().last(), Some(&(Step::LicenceReturn, Outcome::Removed)));
    assert_eq!((house.licences(&definition.user_name).await, house.consumed().await), (0, consumed));
    house.assert_nothing_lent("after a run that has failed");
    let waited = house.elapsed_since(before);
    // The clock counts whole milliseconds, the waits do not.
    assert!(waited > 2 * HOUR - HOUR / 60 && waited < 2 * HOUR + HOUR / 60, "{waited:?}");
}

#[tokio::test]
async fn s03_a_first_password_that_must_change_is_changed_at_once() {
    let house = House::new().await;
    let definition = NonInteractiveDefinition { changes_first_password: true, ..house.new_user("svc-orders") };
    house.provision(&definition).await.0.unwrap();
    let name = &definition.user_name;
    let who = house.sign_in(name, &house.password(name)).await;
    assert_eq!(who.status, 200, "{}", who.text);
}

#[tokio::test]
async fn a_lost_password_is_replaced_and_a_kept_one_is_not() {
    let house = House::new().await;
    let definition = house.new_user("svc-orders");
    let name = &definition.user_name;
    house.provision(&definition).await.0.unwrap();
    let first = house.password(name);
    house.provision(&definition).await.0.unwrap();
    assert_eq!(house.password(name), first);
    std::fs::remove_file(house.env_file(name)).unwrap();
    let (done, heard) = house.provision(&definition).await;
    assert!(done.unwrap().changed && heard.outcomes().contains(&(Step::Password, Outcome::Changed)), "{heard:?}");
    assert_ne!(house.password(name), first);
    assert_eq!(house.sign_in(name, &house.password(name)).await.status, 200);
    assert_eq!(house.sign_in(name, &first).await.aadsts(), 50126);
}

#[tokio::test]
async fn s25_the_password_stands_in_its_place_and_nowhere_else() {
    let house = House::delayed(HOUR).await;
    let definition = house.new_user("svc-orders");
    let (done, heard) = house.provision(&definition).await;
    let password = house.password(&definition.user_name);
    assert!(password.len() >= 24);
    let done = done.unwrap();
    let said = format!("{done:?} {heard:?} {}", serde_json::to_string(&done).unwrap());
    assert!(!said.contains(&password), "{said}");
    // A run that dies with the password in hand says nothing of it either, and the journal neither.
    for at in 1..=12 {
        let definition = house.new_user(&format!("svc-{at}"));
        house.dies_at(at, true);
        let (done, heard) = house.provision(&definition).await;
        house.mend();
        let error = done.unwrap_err();
        let mut said = format!("{error} {error:?} {:?} {heard:?}", error.hints());
        for record in std::fs::read_dir(house.access.journal.folder()).into_iter().flatten().flatten() {
            said.push_str(&std::fs::read_to_string(record.path()).unwrap());
        }
        if house.env_file(&definition.user_name).exists() {
            let password = house.password(&definition.user_name);
            assert!(password.len() >= 24 && !said.contains(&password), "{said}");
        }
    }
}

#[tokio::test]
async fn a_password_that_cannot_be_kept_makes_nobody() {
    let house = House::new().await;
    let definition = house.new_user("svc-orders");
    std::fs::create_dir(house.env_file(&definition.user_name)).unwrap();
    let error = house.provision(&definition).await.0.unwrap_err();
    assert!(error.to_string().contains("svc-orders.env"), "{error}");
    let found = house.graph("GET", &format!("users/{}", definition.user_name), None).await;
    assert_eq!(found.status, 404, "{}", found.text);
}

#[tokio::test]
async fn somebody_elses_person_is_not_taken_over() {
    let house = House::new().await;
    house.person("anna").await;
    let (done, _) = house.provision(&house.new_user("anna")).await;
    let error = done.unwrap_err();
    assert!(
        matches!(&error, Error::NonInteractive(problem) if matches!(**problem, Problem::ForeignPerson { .. })),
        "{error}"
    );
    assert!(error.hints().iter().any(|hint| hint.contains("non-interactive convert anna@")), "{:?}", error.hints());
    assert_eq!(
        house.sign_in(&house.name("anna"), "Correct-horse-9").await.code(),
        "0x80072560",
        "the password still works"
    );
    assert!(!house.env_file("anna").exists());
}

#[tokio::test]
async fn what_contradicts_the_tenant_or_the_org_is_told_before_anything_is_made() {
    let house = House::new().await;
    let base = house.new_user("svc-orders");
    let with = |change: fn(&mut NonInteractiveDefinition)| {
        let mut definition = base.clone();
        change(&mut definition);
        definition
    };
    for (definition, words) in [
        (with(|d| d.user_name = "svc-orders".to_owned()), "it has no `@`"),
        (with(|d| d.user_name = "svc-orders@contoso.com".to_owned()), "`contoso.com` is not a domain of the tenant"),
        (with(|d| d.user_name = "svc orders@keyholder.localhost".to_owned()), "letters, digits"),
        (with(|d| d.roles = vec!["Nope".to_owned()]), "no security role `Nope`"),
        (with(|d| d.business_unit = Some("Nope".to_owned())), "no business unit `Nope`"),
        (with(|d| d.roles = vec!["System Administrator".to_owned()]), "is System Administrator"),
        (with(|d| d.usage_location = None), "has no usage location"),
        (with(|d| d.licence = Some("NOPE".to_owned())), "no licence `NOPE`; it has DYN365"),
    ] {
        let error = house.provision(&definition).await.0.unwrap_err();
        assert!(error.to_string().contains(words), "{words}: {error}");
        assert!(!error.hints().is_empty(), "{error}");
    }
    assert_eq!(house.graph("GET", &format!("users/{}", base.user_name), None).await.status, 404);
    assert!(!house.env_file("svc-orders").exists());
}

#[tokio::test]
async fn s03_a_password_that_must_be_changed_is_changed_at_once_and_a_wrong_one_told() {
    let house = House::new().await;
    let definition = house.new_user("svc-orders");
    let name = &definition.user_name;
    house.provision(&definition).await.0.unwrap();
    let first = house.password(name);
    // Somebody makes it expire, as an administrator does in the portal.
    let forced = json!({"passwordProfile": {"password": first, "forceChangePasswordNextSignIn": true}});
    assert_eq!(house.graph("PATCH", &format!("users/{name}"), Some(&forced)).await.status, 204);
    assert_eq!(house.sign_in(name, &first).await.aadsts(), 50055);
    let (done, heard) = house.provision(&definition).await;
    assert!(done.unwrap().changed, "{heard:?}");
    assert_ne!(house.password(name), first);
    assert_eq!(house.sign_in(name, &house.password(name)).await.status, 200);
    // Somebody gives it another.
    let other = json!({"passwordProfile": {"password": "Correct-horse-9", "forceChangePasswordNextSignIn": false}});
    assert_eq!(house.graph("PATCH", &format!("users/{name}"), Some(&other)).await.status, 204);
    let (done, heard) = house.provision(&definition).await;
    done.unwrap();
    assert!(heard.notes().contains("is not the user's"), "{heard:?}");
}
