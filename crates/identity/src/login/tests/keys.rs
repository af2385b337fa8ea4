//! Rotation of the keys, the lag of the directory, and guessing.

use std::time::Duration;

use keyholder_foundation::Timestamp;
use serde_json::Value;

use super::world::{ORG, START, World, certified};
use crate::{Audience, SigningKey, TokenProblem};

#[tokio::test]
async fn an_old_key_stays_published_until_its_last_token_has_ended() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let (scope, org) = (format!("{ORG}/.default"), Audience::any_of([ORG]));
    let published = async || world.get("/common/discovery/keys").await.json()["keys"].as_array().unwrap().len();
    let old = world.by_secret(&app, &scope).await.text("access_token");
    let new = SigningKey::from_pkcs8(&certified().pkcs8, Some(&certified().der)).unwrap();
    let new_id = new.id().to_owned();
    world.identity.rotate_keys(new).await.unwrap();
    assert_eq!(published().await, 2);
    let fresh = world.by_secret(&app, &scope).await.text("access_token");
    let kid = |token: &str| keyholder_entra::jws::Compact::parse(token).unwrap().header.kid.unwrap();
    assert_eq!(kid(&fresh), new_id);
    assert_ne!(kid(&old), new_id);
    assert!(world.identity.verify(&old, &org).is_ok(), "tokens of the old key stay good");

    let listed = world.identity.published_keys();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0], (new_id.clone(), None));
    assert_eq!(listed[1].1, Some(Timestamp::from_unix_seconds(START + 5700)));
    world.advance(5699);
    assert_eq!(published().await, 2);
    world.advance(1);
    assert_eq!(published().await, 1);
    assert_eq!(world.identity.published_keys(), [(new_id, None)]);
    assert_eq!(world.identity.verify(&old, &org), Err(TokenProblem::Expired));
}

#[tokio::test]
async fn new_applications_and_credentials_can_take_their_time() {
    let world = World::with_lag(Duration::from_secs(60)).await;
    let scope = format!("{ORG}/.default");
    // The administrator is there at once.
    let admin = [
        ("grant_type", "client_credentials"),
        ("client_id", &world.admin.client_id.to_string()),
        ("client_secret", world.admin.client_secret.expose()),
        ("scope", &scope),
    ];
    assert_eq!(world.token(&admin).await.status, 200);
    let app = world.application("orders-sync").await;
    assert_eq!(world.by_secret(&app, &scope).await.number(), 700_016);
    world.advance(59);
    assert_eq!(world.by_secret(&app, &scope).await.number(), 700_016);
    world.advance(1);
    assert_eq!(world.by_secret(&app, &scope).await.status, 200);
    let key = crate::directory::applications::ObjectKey::Object(app.id);
    let now = world.identity.clocks.now();
    let new = crate::directory::passwords::NewPassword {
        display_name: None,
        starts: now,
        ends: now.plus(Duration::from_secs(86_400)),
    };
    let tenant = world.tenant().await;
    let second = world.identity.directory.add_password(&tenant, key, new).await.unwrap().secret_text.unwrap();
    let second = super::world::Registered { secret: second, ..app.clone() };
    assert_eq!(world.by_secret(&second, &scope).await.number(), 7_000_215);
    assert_eq!(world.by_secret(&app, &scope).await.status, 200, "the old one is there all the while");
    world.advance(60);
    assert_eq!(world.by_secret(&second, &scope).await.status, 200);
}

#[tokio::test]
async fn guessing_is_answered_later_and_later_but_never_locks_out() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let wrong = super::world::Registered { secret: "wrong".to_owned().into(), ..app.clone() };
    let scope = format!("{ORG}/.default");
    for attempt in 0..10 {
        let refused = world.by_secret(&wrong, &scope).await;
        assert_eq!(refused.number(), 7_000_215);
        assert_eq!(refused.wait.is_some(), attempt >= 5, "attempt {attempt}");
    }
    let answer = world.by_secret(&app, &scope).await;
    assert_eq!((answer.status, answer.wait), (200, None));
    assert_eq!(world.by_secret(&wrong, &scope).await.wait, None, "a right one forgives");
}

#[tokio::test]
async fn s08_sign_ins_are_observed_by_credential() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let scope = format!("{ORG}/.default");
    for _ in 0..3 {
        world.by_secret(&app, &scope).await;
    }
    let wrong = super::world::Registered { secret: "wrong".to_owned().into(), ..app.clone() };
    world.by_secret(&wrong, &scope).await;
    let directory = &world.identity.directory;
    let log = directory.sign_ins(world.tenant, None, 10).await.unwrap();
    assert_eq!(log.len(), 2, "{log:?}");
    let (first, failed, good) = (log[0].0, &log[0].1, &log[1].1);
    assert_eq!((failed.error, failed.count), (7_000_215, 1));
    assert!(failed.failure.as_deref().unwrap().starts_with("Invalid client secret"));
    assert_eq!((good.error, good.count, good.client), (0, 3, app.client));
    assert_eq!(good.resource.as_deref(), Some(ORG));
    assert_eq!(directory.sign_ins(world.tenant, Some(first), 10).await.unwrap().len(), 1);
    assert!(directory.sign_ins(world.other.tenant, None, 10).await.unwrap().is_empty());

    let seen = directory.sign_in_activities(world.tenant).await.unwrap();
    let of_app: Vec<_> = seen.iter().filter(|activity| activity.principal == app.principal).collect();
    assert_eq!(of_app.len(), 1);
    assert_eq!(of_app[0].last, Timestamp::from_unix_seconds(START));
    assert!(of_app[0].key.is_some());
    world.advance(60);
    world.by_secret(&app, &scope).await;
    let seen = directory.sign_in_activities(world.tenant).await.unwrap();
    let of_app: Vec<_> = seen.iter().filter(|activity| activity.principal == app.principal).collect();
    assert_eq!(of_app.len(), 1, "the same line, with a later moment");
    assert_eq!(of_app[0].last, Timestamp::from_unix_seconds(START + 60));
    assert_ne!(world.get("/common/discovery/keys").await.json(), Value::Null);
}

#[tokio::test]
async fn s08_two_who_read_at_once_both_find_what_was_observed() {
    let world = World::new().await;
    let scope = format!("{ORG}/.default");
    let directory = &world.identity.directory;
    for round in 1..=30 {
        // Of different applications, as those of one are one entry until they are written down.
        let app = world.application(&format!("orders-{round}")).await;
        world.by_secret(&app, &scope).await;
        let (one, other) =
            tokio::join!(directory.sign_ins(world.tenant, None, 100), directory.sign_ins(world.tenant, None, 100));
        assert_eq!((one.unwrap().len(), other.unwrap().len()), (round, round));
    }
}
