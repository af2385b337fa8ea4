//! Sample rows, and opening an organization again.

use std::sync::Arc;

use keyholder_data::{Error, Organization};
use keyholder_foundation::{ManualClock, OrgId, Timestamp};
use keyholder_store::DatabaseOptions;
use serde_json::Value;
use uuid::Uuid;

use crate::World;
use crate::world::{MemoryDirectory, config};

async fn everything(world: &World, set: &str) -> Vec<Value> {
    let mut rows = world.get(set).await.ok().rows().clone();
    for row in &mut rows {
        // Versions count the org's own changes.
        let row = row.as_object_mut().unwrap();
        row.remove("@odata.etag");
        row.remove("versionnumber");
    }
    rows
}

#[tokio::test]
async fn the_same_seed_makes_the_same_rows() {
    let (one, two) = (World::new().await, World::new().await);
    for set in ["accounts", "contacts"] {
        let rows = everything(&one, set).await;
        assert_eq!(rows.len(), 10);
        assert_eq!(rows, everything(&two, set).await);
    }
    let sampled = one.organization.sample(700, 42).await.unwrap();
    assert_eq!((sampled.accounts, sampled.contacts), (700, 700));
    // A longer sample begins with the shorter one, and what is there is left alone.
    assert_eq!(two.organization.sample(3, 42).await.unwrap().contacts, 3);
    assert_eq!(two.organization.sample(700, 42).await.unwrap().contacts, 697);
    assert_eq!(two.organization.sample(700, 42).await.unwrap().contacts, 0);
    assert_eq!(everything(&one, "contacts").await, everything(&two, "contacts").await);
    assert_eq!(one.get("contacts/$count").await.ok().text, "\u{feff}710");
    two.organization.sample(5, 43).await.unwrap();
    assert_eq!(two.get("accounts/$count").await.ok().text, "\u{feff}715");
}

#[tokio::test]
async fn sample_people_and_companies_are_nobody() {
    let world = World::new().await;
    for row in everything(&world, "contacts").await {
        let mail = row["emailaddress1"].as_str().unwrap();
        assert!(mail.ends_with(".example.com") && mail.is_ascii(), "{mail}");
        assert!(row["telephone1"].as_str().unwrap().contains("-555-01"));
        assert!(!row["fullname"].as_str().unwrap().is_empty());
        assert!(row["_parentcustomerid_value"].is_string());
        assert!(row["address1_composite"].as_str().unwrap().contains("\r\n"));
    }
}

#[tokio::test]
async fn an_organization_is_found_again_and_is_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let file = DatabaseOptions::file(folder.path().join("org.db"));
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix_seconds(1_800_000_000)));
    let open = |organization: u128| {
        let mut config = config(Arc::new(MemoryDirectory::default()), clock.clone());
        config.database = file.clone();
        config.organization = OrgId(Uuid::from_u128(organization));
        Organization::open(config)
    };
    open(1).await.unwrap().close();
    open(1).await.unwrap().close();
    let error = open(2).await.unwrap_err();
    assert!(matches!(error, Error::AnotherOrganization { .. }), "{error}");

    let database = file.clone();
    let world = World::with(|config| {
        config.database = database;
        config.organization = OrgId(Uuid::from_u128(1));
    })
    .await;
    assert_eq!(world.get("contacts/$count").await.ok().text, "\u{feff}10");
    assert_eq!(world.get("roles/$count").await.ok().text, "\u{feff}19");
}
