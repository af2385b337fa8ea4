//! The program in `examples/`, run against a local org.

use keyholder_client::connection::names;
use keyholder_client::{Dataverse, Discovery, cloud};
use keyholder_testkit::World;

#[path = "../../examples/three_contacts.rs"]
#[expect(dead_code, reason = "the example's own main is not run here")]
mod three_contacts;

#[tokio::test]
async fn s11_twenty_lines_read_three_contacts_as_the_guides_program_does() {
    let world = World::start().await;
    let mut environment = world.environment();
    environment.push((names::CLIENT_ID.to_owned(), world.admin().client_id.clone()));
    environment.push((names::CLIENT_SECRET.to_owned(), world.admin().client_secret.expose().to_owned()));
    let variable =
        |name: &'static str| environment.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
    let rows = three_contacts::three_contacts(variable).await.unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row["fullname"].as_str().is_some_and(|name| !name.is_empty())), "{rows:?}");
    world.stop().await;
}

#[tokio::test]
async fn the_discovery_service_lists_the_orgs_of_the_caller() {
    let world = World::start().await;
    let org = Dataverse::connect(&world.connection(), world.http().clone()).await.unwrap();
    let me = org.who_am_i().await.unwrap();
    // The local org's authority is none of Microsoft's: its own origin is asked.
    let discovery = Discovery::connect(org.tokens().clone(), cloud::Cloud::Public, world.http().clone()).unwrap();
    let all = discovery.instances().await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    let found = &all[0];
    assert_eq!((found.id.as_str(), found.is_enabled), (me.organization_id.to_string().as_str(), true), "{found:?}");
    assert_eq!(found.url.as_ref().map(ToString::to_string), Some(world.origin()));
    world.stop().await;
}
