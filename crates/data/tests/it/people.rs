//! People from the directory, their access modes, and how many may be non-interactive.

use http::Method;
use keyholder_data::{PersonFacts, Presence, TokenFacts};
use keyholder_foundation::{ClientId, ObjectId, TenantId, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{TENANT, World};

fn person(number: u128) -> PersonFacts {
    PersonFacts {
        object_id: ObjectId(Uuid::from_u128(0xaaaa_0000 + number)),
        user_principal_name: format!("person{number}@contoso.localhost"),
        display_name: format!("Person {number}"),
        first_name: None,
        last_name: None,
        mail: None,
        is_enabled: true,
        is_licensed: true,
        is_administrator: false,
        may_enter: true,
        presence: Presence::Exists,
    }
}

/// What the token of a person says.
fn token(person: &PersonFacts) -> TokenFacts {
    TokenFacts {
        tenant: TenantId(TENANT),
        client: ClientId(Uuid::from_u128(0xc11e)),
        object_id: person.object_id,
        app_only: false,
        delegated: false,
    }
}

/// The user of a person, and its id.
async fn user(world: &World, person: &PersonFacts) -> (String, Value) {
    let columns =
        "systemuserid,fullname,domainname,accessmode,isdisabled,islicensed,setupuser,azurestate,issyncwithdirectory";
    let filter = format!("azureactivedirectoryobjectid eq {}", person.object_id);
    let found = world.get(&format!("systemusers?$select={columns}&$filter={filter}")).await.ok();
    assert_eq!(found.rows().len(), 1, "{}", found.text);
    let row = found.rows()[0].clone();
    (row["systemuserid"].as_str().unwrap().to_owned(), row)
}

async fn change(world: &World, id: &str, body: Value) -> crate::world::Reply {
    world.send(&world.admin, Method::PATCH, &format!("systemusers({id})"), &[], Some(body)).await
}

#[tokio::test]
async fn s03_a_licensed_person_becomes_a_user_without_a_role() {
    let world = World::new().await;
    let anna = person(1);
    assert!(world.organization.follow_person(anna.clone()).await.unwrap());
    assert!(!world.organization.follow_person(anna.clone()).await.unwrap(), "told twice, done once");
    let (_, row) = user(&world, &anna).await;
    assert_eq!(
        (&row["fullname"], &row["domainname"], &row["accessmode"], &row["islicensed"], &row["issyncwithdirectory"]),
        (&json!("Person 1"), &json!("person1@contoso.localhost"), &json!(0), &json!(true), &json!(true))
    );
    let reply = world.send(&token(&anna), Method::GET, "accounts", &[], None).await;
    reply.refused(403, "0x80042f09");
    let stranger = PersonFacts { is_licensed: false, ..person(2) };
    assert!(!world.organization.follow_person(stranger.clone()).await.unwrap());
    world.send(&token(&stranger), Method::GET, "WhoAmI", &[], None).await.refused(403, "0x80072560");
}

#[tokio::test]
async fn s02_a_person_becomes_non_interactive_and_outlives_the_licence() {
    let world = World::new().await;
    let anna = person(1);
    world.organization.follow_person(anna.clone()).await.unwrap();
    let (id, _) = user(&world, &anna).await;
    change(&world, &id, json!({"accessmode": 4})).await.ok();
    let unlicensed = PersonFacts { is_licensed: false, ..anna.clone() };
    world.organization.follow_person(unlicensed.clone()).await.unwrap();
    let (_, row) = user(&world, &anna).await;
    assert_eq!((&row["accessmode"], &row["isdisabled"], &row["islicensed"]), (&json!(4), &json!(false), &json!(false)));

    // Back to read-write needs a licence first.
    change(&world, &id, json!({"accessmode": 0})).await.refused(400, "0x80041d66");
    world.organization.follow_person(anna.clone()).await.unwrap();
    change(&world, &id, json!({"accessmode": 0})).await.ok();
    world.organization.follow_person(unlicensed).await.unwrap();
    let (_, row) = user(&world, &anna).await;
    assert_eq!((&row["accessmode"], &row["isdisabled"]), (&json!(0), &json!(true)), "without a licence it is disabled");
    change(&world, &id, json!({"isdisabled": false})).await.refused(403, "0x8004d24c");
    world.send(&token(&anna), Method::GET, "WhoAmI", &[], None).await.refused(403, "0x80040225");
    world.organization.follow_person(anna.clone()).await.unwrap();
    assert_eq!(user(&world, &anna).await.1["isdisabled"], false);
}

#[tokio::test]
async fn access_modes_that_nobody_gives_out_are_refused() {
    let world = World::new().await;
    let anna = person(1);
    world.organization.follow_person(anna.clone()).await.unwrap();
    let (id, _) = user(&world, &anna).await;
    for (mode, status, code) in [(2, 400, "0x80041d40"), (3, 403, "0x80041d67"), (5, 403, "0x80041d67")] {
        change(&world, &id, json!({"accessmode": mode})).await.refused(status, code);
    }
    change(&world, &id, json!({"islicensed": false})).await.refused(400, "0x80041d4c");
    assert_eq!(user(&world, &anna).await.1["accessmode"], 0);
}

#[tokio::test]
async fn s04_non_interactive_users_are_capped_and_applications_are_not_counted() {
    let world = World::with(|config| config.non_interactive_limit = 2).await;
    let mut ids = Vec::new();
    for number in 1..=3 {
        world.organization.follow_person(person(number)).await.unwrap();
        ids.push(user(&world, &person(number)).await.0);
    }
    let [first, second, third] = ids.as_slice() else { panic!("three") };
    change(&world, first, json!({"accessmode": 4})).await.ok();
    change(&world, first, json!({"accessmode": 4, "title": "again"})).await.ok();
    change(&world, second, json!({"accessmode": 4})).await.ok();
    let refused = change(&world, third, json!({"accessmode": 4})).await;
    assert_eq!(refused.refused(400, "0x8004b050"), "You have reached the maximum number of non-interactive users/");
    // A disabled one makes room, and then finds it taken.
    change(&world, second, json!({"isdisabled": true})).await.ok();
    change(&world, third, json!({"accessmode": 4})).await.ok();
    change(&world, second, json!({"isdisabled": false})).await.refused(400, "0x8004b050");
    for number in 10..14 {
        let application = world.register(number, "worker");
        let body = json!({"applicationid": application.client_id.to_string()});
        world.send(&world.admin, Method::POST, "systemusers", &[], Some(body)).await.ok();
    }
}

#[tokio::test]
async fn s26_unlicensed_administrators_see_settings_and_no_data() {
    let world = World::new().await;
    let boss = PersonFacts { is_licensed: false, is_administrator: true, ..person(1) };
    world.organization.follow_person(boss.clone()).await.unwrap();
    let (id, row) = user(&world, &boss).await;
    assert_eq!((&row["accessmode"], &row["setupuser"], &row["isdisabled"]), (&json!(1), &json!(true), &json!(false)));
    let ask = async |method, path: &str, body| world.send(&token(&boss), method, path, &[], body).await;
    ask(Method::GET, "WhoAmI", None).await.ok();
    ask(Method::GET, "systemusers?$select=fullname", None).await.ok();
    ask(Method::GET, "roles?$select=name", None).await.ok();
    let text = "User does not have read-write access to the Dynamics 365 organization.";
    assert_eq!(ask(Method::GET, "accounts", None).await.refused(403, "0x80044502"), text);
    ask(Method::GET, "contacts/$count", None).await.refused(403, "0x80044502");
    ask(Method::POST, "accounts", Some(json!({"name": "x"}))).await.refused(403, "0x80044502");
    change(&world, &id, json!({"isdisabled": true})).await.refused(403, "0x80041d65");

    let licensed = PersonFacts { is_licensed: true, ..boss.clone() };
    world.organization.follow_person(licensed.clone()).await.unwrap();
    ask(Method::GET, "accounts?$top=1", None).await.ok();
    let (_, row) = user(&world, &boss).await;
    assert_eq!((&row["accessmode"], &row["setupuser"]), (&json!(0), &json!(false)));
    let ordinary = PersonFacts { is_licensed: false, is_administrator: false, ..boss.clone() };
    world.organization.follow_person(ordinary).await.unwrap();
    ask(Method::GET, "WhoAmI", None).await.refused(403, "0x80040225");
}

#[tokio::test]
async fn the_deleted_are_disabled_and_marked() {
    let world = World::new().await;
    let anna = person(1);
    world.organization.follow_person(anna.clone()).await.unwrap();
    let gone =
        PersonFacts { presence: Presence::SoftDeleted(Timestamp::from_unix_seconds(1_800_000_000)), ..anna.clone() };
    world.organization.follow_person(gone).await.unwrap();
    let (_, row) = user(&world, &anna).await;
    assert_eq!((&row["azurestate"], &row["isdisabled"]), (&json!(1), &json!(true)));
    world.organization.follow_person(PersonFacts { presence: Presence::Gone, ..anna.clone() }).await.unwrap();
    assert_eq!(user(&world, &anna).await.1["azurestate"], 2);
    world.organization.follow_person(anna.clone()).await.unwrap();
    assert_eq!(user(&world, &anna).await.1["isdisabled"], false);

    let application = world.register(5, "worker");
    let body = json!({"applicationid": application.client_id.to_string()});
    world.send(&world.admin, Method::POST, "systemusers", &[], Some(body)).await.ok();
    assert!(world.organization.follow_service_principal(application.service_principal, Presence::Gone).await.unwrap());
    let filter = format!("applicationid eq {}", application.client_id);
    let found = world.get(&format!("systemusers?$select=azurestate&$filter={filter}")).await.ok();
    assert_eq!(found.rows()[0]["azurestate"], 2);
    assert!(!world.organization.follow_service_principal(ObjectId(Uuid::from_u128(1)), Presence::Gone).await.unwrap());
}

#[tokio::test]
async fn membership_tells_who_somebody_is() {
    let world = World::new().await;
    let anna = person(1);
    assert_eq!(world.organization.membership(&token(&anna)).await.unwrap(), None);
    world.organization.follow_person(anna.clone()).await.unwrap();
    let found = world.organization.membership(&token(&anna)).await.unwrap().unwrap();
    assert_eq!((found.full_name.as_str(), found.is_licensed, found.is_application), ("Person 1", true, false));
    assert!(found.roles.is_empty() && !found.is_administrator && !found.is_disabled);
    let admin = world.organization.membership(&world.admin).await.unwrap().unwrap();
    assert_eq!((admin.is_administrator, admin.is_application, admin.user), (true, true, world.admin_user));
    assert_eq!(admin.roles, ["System Administrator"]);
}
