//! The org's time.

use std::sync::Arc;

use keyholder_foundation::{Clocks, OsRandom, Timestamp};
use keyholder_org::world::DEFAULT_ORIGIN;
use keyholder_org::{ClockChange, DataFolder, Durability, Listen, OpenWorld, Place, Settings, WorldOptions};
use keyholder_testkit::World;
use serde_json::json;

use crate::control;

fn shown(answer: &keyholder_testkit::Answer) -> Timestamp {
    Timestamp::parse(answer.body["now"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn s26_time_is_the_orgs_own_and_everything_follows_it() {
    let world = World::start().await;
    let before = shown(&control(&world, "GET", "clock", json!(null)).await).whole_seconds();
    let token = world.admin_token().await;
    assert_eq!(world.api(&token, "GET", "WhoAmI", None).await.status, 200);

    let moved = control(&world, "POST", "clock", json!({"move": "+90d"})).await;
    assert_eq!((moved.status, moved.body["offset"].as_str()), (200, Some("+90d")), "{}", moved.text);
    assert_eq!(shown(&moved).since(before).as_secs() / 86_400, 90);

    let late = world.api(&token, "GET", "WhoAmI", None).await;
    assert_eq!(late.status, 401, "a token of ninety days ago has expired");
    let date = Timestamp::parse_http_date(late.header("date")).unwrap();
    assert_eq!(date.since(before).as_secs() / 86_400, 90, "the Date header follows");

    let fresh = world.admin_token().await;
    let row = world.api(&fresh, "POST", "accounts", Some(&json!({"name": "Later"}))).await;
    assert_eq!(row.status, 204, "{}", row.text);
    let rows = world.api(&fresh, "GET", "accounts?$select=createdon&$filter=name%20eq%20'Later'", None).await;
    let created = Timestamp::parse(rows.body["value"][0]["createdon"].as_str().unwrap()).unwrap();
    assert_eq!(created.since(before).as_secs() / 86_400, 90, "rows follow");

    let back = control(&world, "POST", "clock", json!({"reset": true})).await;
    assert_eq!(back.body["offsetMillis"], 0);
    assert_eq!(world.api(&token, "GET", "WhoAmI", None).await.status, 200, "the first token is good again");
}

#[tokio::test]
async fn s26_a_time_can_be_named() {
    let world = World::start().await;
    let set = control(&world, "PUT", "clock", json!({"set": "2027-01-31T00:00:00Z"})).await;
    assert_eq!(set.body["now"], "2027-01-31T00:00:00Z", "{}", set.text);
    let wrongs = [
        json!({}),
        json!({"set": "soon"}),
        json!({"move": "90d"}),
        json!({"set": "1066-10-14"}),
        json!([1]),
        json!(null),
    ];
    for wrong in wrongs {
        let refused = control(&world, "POST", "clock", wrong.clone()).await;
        assert_eq!(refused.status, 400, "{wrong}: {}", refused.text);
    }
    assert_eq!(control(&world, "GET", "clock", json!(null)).await.body["now"], "2027-01-31T00:00:00Z");
}

#[tokio::test]
async fn the_clock_moves_for_administrators_only() {
    let world = World::start().await;
    let moved =
        world.ask("POST", "/_keyholder/clock", &[("content-type", "application/json")], r#"{"move":"+90d"}"#).await;
    assert_eq!(moved.status, 401);
    assert_eq!(control(&world, "GET", "clock", json!(null)).await.body["offsetMillis"], 0);
}

fn options() -> WorldOptions {
    WorldOptions {
        durability: Durability::Normal,
        clocks: Clocks::system(0),
        random: Arc::new(OsRandom),
        database: None,
        signing_key: None,
        trouble: None,
        settings: Settings::default(),
    }
}

#[tokio::test]
async fn the_orgs_time_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let world = World::with(Place::Folder(path.clone()), Listen::default()).await;
    control(&world, "POST", "clock", json!({"move": "+40d"})).await;
    world.stop().await;

    // A command that finds nobody running sees and moves the same time.
    let opened = OpenWorld::open(DataFolder::new(&path).unwrap(), DEFAULT_ORIGIN, &options()).await.unwrap();
    assert_eq!(opened.clock().offset().to_string(), "+40d");
    opened.change_clock(ClockChange::Move("-10d".parse().unwrap())).await.unwrap();
    drop(opened);

    let world = World::with(Place::Folder(path), Listen::default()).await;
    assert_eq!(control(&world, "GET", "clock", json!(null)).await.body["offset"], "+30d");
}
