//! What orgs are told, and when.

use std::time::Duration;

use keyholder_foundation::ObjectId;
use keyholder_identity::{GraphOptions, ObjectKind, OutboxItem};
use serde_json::{Value, json};

use crate::world::World;

async fn due(world: &World) -> Vec<OutboxItem> {
    use keyholder_foundation::WallClock;
    world.identity.take_due(world.clock.now(), 100).await.unwrap()
}

async fn drain(world: &World) {
    for item in due(world).await {
        world.identity.acknowledge(item.seq).await.unwrap();
    }
    assert_eq!(due(world).await, []);
}

#[tokio::test]
async fn s02_changes_of_people_are_due_after_the_delay_and_stay_until_acknowledged() {
    let delay = Duration::from_secs(600);
    let world = World::with(GraphOptions { propagation_delay: delay, ..GraphOptions::default() }).await;
    world.clock.advance(delay);
    drain(&world).await;
    let adele = world.person("adele").await;
    assert_eq!(due(&world).await, []);
    world.clock.advance(Duration::from_secs(599));
    assert_eq!(due(&world).await, []);
    world.clock.advance(Duration::from_secs(1));
    let items = due(&world).await;
    let [item] = items.as_slice() else { panic!("one item: {items:?}") };
    assert_eq!((item.tenant, item.kind, item.object), (world.tenant, ObjectKind::User, adele));
    assert_eq!(due(&world).await, items, "taking is not delivering");
    world.identity.acknowledge(item.seq).await.unwrap();
    world.identity.acknowledge(item.seq).await.unwrap();
    assert_eq!(due(&world).await, []);

    // Numbers are never used twice, whatever was delivered before.
    let path = format!("/v1.0/users/{adele}");
    assert_eq!(world.graph("PATCH", &path, json!({ "accountEnabled": false })).await.status, 204);
    world.clock.advance(delay);
    assert!(due(&world).await[0].seq > item.seq);
}

#[tokio::test]
async fn s02_licence_state_and_roles_are_among_the_facts() {
    let world = World::new().await;
    let adele = world.person("adele").await;
    drain(&world).await;
    let path = format!("/v1.0/users/{adele}");
    let changed = async |method: &str, path: &str, body: Value| {
        let answer = world.graph(method, path, body).await;
        assert!(answer.status < 300, "{}", answer.body);
        let objects: Vec<ObjectId> = due(&world).await.iter().map(|item| item.object).collect();
        drain(&world).await;
        assert_eq!(objects, [adele], "{method} {path}");
        world.identity.user_facts(world.tenant, adele).await.unwrap()
    };
    let sales = json!([{ "skuId": "1e1a282c-9c54-43a2-9310-98ef728faace" }]);
    let licence = json!({ "addLicenses": sales, "removeLicenses": [] });
    let facts = changed("POST", &format!("{path}/assignLicense"), licence).await.unwrap();
    assert!(facts.licensed);
    assert_eq!((facts.user_principal_name.as_str(), facts.display_name.as_str()), ("adele@contoso.example", "adele"));
    let facts = changed("PATCH", &path, json!({ "mail": "a@contoso.example", "accountEnabled": false })).await.unwrap();
    assert_eq!((facts.mail.as_deref(), facts.enabled), (Some("a@contoso.example"), false));
    let role = json!({ "principalId": adele, "roleDefinitionId": "44367163-eba1-44c3-98af-f5787879f96a" });
    let facts = changed("POST", "/v1.0/roleManagement/directory/roleAssignments", role).await.unwrap();
    assert!(facts.administers_organizations);
    let facts = changed("DELETE", &path, Value::Null).await.unwrap();
    assert!(facts.deleted && !facts.administers_organizations);
    let bin = format!("/v1.0/directory/deletedItems/{adele}");
    assert_eq!(changed("DELETE", &bin, Value::Null).await, None);
}

#[tokio::test]
async fn changes_of_service_principals_are_told_too() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    drain(&world).await;
    let principal = format!("/v1.0/servicePrincipals/{}", app.principal);
    assert_eq!(world.graph("PATCH", &principal, json!({ "accountEnabled": false })).await.status, 204);
    let rename = json!({ "displayName": "orders" });
    assert_eq!(world.graph("PATCH", &format!("/v1.0/applications/{}", app.id), rename).await.status, 204);
    let items = due(&world).await;
    assert!(items.iter().all(|item| (item.kind, item.object) == (ObjectKind::ServicePrincipal, app.principal)));
    assert_eq!(items.len(), 2);
    let facts = world.identity.service_principal_facts(world.tenant, app.principal).await.unwrap().unwrap();
    assert_eq!((facts.display_name.as_str(), facts.enabled, facts.deleted), ("orders", false, false));
    assert_eq!(facts.client_id, app.client);
}

#[tokio::test]
async fn a_new_org_is_told_of_everybody() {
    let world = World::new().await;
    let (adele, ben) = (world.person("adele").await, world.person("ben").await);
    assert_eq!(world.graph("DELETE", &format!("/v1.0/users/{ben}"), Value::Null).await.status, 204);
    let all = world.identity.all_user_facts(world.tenant).await.unwrap();
    let mut ids: Vec<_> = all.iter().map(|facts| facts.id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [world.admin.user, adele]);
    assert!(all.iter().any(|facts| facts.administers_organizations && facts.id == world.admin.user));
}

#[tokio::test]
async fn a_refused_change_tells_nobody() {
    let world = World::new().await;
    let adele = world.person("adele").await;
    drain(&world).await;
    let licence = json!({ "addLicenses": [{ "skuId": adele }], "removeLicenses": [] });
    assert_eq!(world.graph("POST", &format!("/v1.0/users/{adele}/assignLicense"), licence).await.status, 400);
    assert_eq!(due(&world).await, []);
}
