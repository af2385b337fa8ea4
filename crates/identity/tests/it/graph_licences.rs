//! Licences in Graph.

use keyholder_entra::well_known::LICENSE_ADMINISTRATOR;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::World;

const SALES: &str = "1e1a282c-9c54-43a2-9310-98ef728faace";
const SALES_PLAN: &str = "2da8e897-7791-486b-b08f-cc63c8129df7";

async fn assign(world: &World, who: &str, add: Value, remove: Value) -> crate::world::Answer {
    let body = json!({ "addLicenses": add, "removeLicenses": remove });
    world.graph("POST", &format!("/v1.0/users/{who}/assignLicense"), body).await
}

async fn units(world: &World) -> (i64, i64) {
    let all = world.graph("GET", "/v1.0/subscribedSkus", Value::Null).await;
    let sales = all.body["value"].as_array().unwrap().iter().find(|sku| sku["skuId"] == SALES).unwrap();
    (sales["consumedUnits"].as_i64().unwrap(), sales["prepaidUnits"]["enabled"].as_i64().unwrap())
}

#[tokio::test]
async fn s02_a_licence_is_given_and_taken() {
    let world = World::new().await;
    let adele = world.person("adele").await;
    assert_eq!(units(&world).await, (0, 25));
    let given = assign(&world, "adele@contoso.example", json!([{ "skuId": SALES }]), json!([])).await;
    assert_eq!((given.status, given.text("/id")), (200, adele.to_string().as_str()));
    assert_eq!(units(&world).await, (1, 25));

    let details = world.graph("GET", &format!("/v1.0/users/{adele}/licenseDetails"), Value::Null).await;
    assert_eq!(details.text("/value/0/skuPartNumber"), "DYN365_ENTERPRISE_SALES");
    assert_eq!(details.text("/value/0/servicePlans/0/servicePlanName"), "DYN365_ENTERPRISE_SALES");
    let select = format!("/v1.0/users/{adele}?$select=assignedLicenses,licenseAssignmentStates");
    let shown = world.graph("GET", &select, Value::Null).await;
    assert_eq!(shown.body["assignedLicenses"], json!([{ "disabledPlans": [], "skuId": SALES }]));
    assert_eq!(shown.text("/licenseAssignmentStates/0/state"), "Active");
    let facts = world.identity.user_facts(world.tenant, adele).await.unwrap().unwrap();
    assert!(facts.licensed && facts.enabled && !facts.deleted && !facts.administers_organizations);

    // Again, with a plan off: the same seat, and no way into an org.
    let without = json!([{ "skuId": SALES, "disabledPlans": [SALES_PLAN] }]);
    assert_eq!(assign(&world, &adele.to_string(), without, json!([])).await.status, 200);
    assert_eq!(units(&world).await, (1, 25));
    assert!(!world.identity.user_facts(world.tenant, adele).await.unwrap().unwrap().licensed);

    assert_eq!(assign(&world, &adele.to_string(), json!([]), json!([SALES])).await.status, 200);
    assert_eq!(units(&world).await, (0, 25));
    let twice = assign(&world, &adele.to_string(), json!([]), json!([SALES])).await;
    let message = "User does not have a corresponding license.";
    assert_eq!(twice.graph_error(), (400, "Request_BadRequest", message));
}

#[tokio::test]
async fn s02_a_licence_that_cannot_be_given_says_why() {
    let world = World::new().await;
    let (adele, ben) = (world.person("adele").await, world.person("ben").await);
    let ben_path = format!("/v1.0/users/{ben}");
    assert_eq!(world.graph("PATCH", &ben_path, json!({ "usageLocation": null })).await.status, 204);
    let nowhere = assign(&world, &ben.to_string(), json!([{ "skuId": SALES }]), json!([])).await;
    let message = "License assignment cannot be done for user with invalid usage location.";
    assert_eq!(nowhere.graph_error(), (400, "Request_BadRequest", message));

    let unknown = Uuid::from_u128(7).to_string();
    let answer = assign(&world, &adele.to_string(), json!([{ "skuId": unknown }]), json!([])).await;
    let message = format!("License {unknown} does not correspond to a valid company License.");
    assert_eq!(answer.graph_error(), (400, "Request_BadRequest", message.as_str()));

    world.identity.set_prepaid_units(world.tenant, SALES.parse().unwrap(), 1).await.unwrap();
    assert_eq!(assign(&world, &adele.to_string(), json!([{ "skuId": SALES }]), json!([])).await.status, 200);
    assert_eq!(world.graph("PATCH", &ben_path, json!({ "usageLocation": "DE" })).await.status, 204);
    let spent = assign(&world, &ben.to_string(), json!([{ "skuId": SALES }]), json!([])).await;
    let message = format!("Subscription with SKU {SALES} does not have any available licenses.");
    assert_eq!(spent.graph_error(), (400, "Request_BadRequest", message.as_str()));

    for (body, named) in [
        (json!({ "addLicenses": [] }), "removeLicenses"),
        (json!({ "removeLicenses": [] }), "addLicenses"),
        (json!({ "addLicenses": [{ "skuId": "no-guid" }], "removeLicenses": [] }), "Edm.Guid"),
        (json!({ "addLicenses": [], "removeLicenses": [7] }), "Edm.Guid"),
        (json!({ "addLicenses": [{ "skuId": SALES }], "removeLicenses": [SALES] }), "addLicenses"),
        (json!({ "addLicenses": [{}], "removeLicenses": [] }), "skuId"),
        (json!({ "addLicenses": {}, "removeLicenses": [] }), "addLicenses"),
    ] {
        let refused = world.graph("POST", &format!("{ben_path}/assignLicense"), body.clone()).await;
        let (status, _, message) = refused.graph_error();
        assert!(status == 400 && message.contains(named), "{body}: {message}");
    }
    // All or nothing.
    let other = "7ac9fe77-66b7-4e5e-9e46-10eed1cff547";
    let mixed = assign(&world, &ben.to_string(), json!([{ "skuId": other }, { "skuId": SALES }]), json!([])).await;
    assert_eq!(mixed.status, 400);
    let details = world.graph("GET", &format!("{ben_path}/licenseDetails"), Value::Null).await;
    assert_eq!(details.body["value"], json!([]));
}

#[tokio::test]
async fn s23_a_deleted_holder_frees_the_licence_and_gets_it_back_if_it_is_still_free() {
    let world = World::new().await;
    let (adele, ben) = (world.person("adele").await, world.person("ben").await);
    world.identity.set_prepaid_units(world.tenant, SALES.parse().unwrap(), 1).await.unwrap();
    assert_eq!(assign(&world, &adele.to_string(), json!([{ "skuId": SALES }]), json!([])).await.status, 200);
    let path = format!("/v1.0/users/{adele}");
    let restore = format!("/v1.0/directory/deletedItems/{adele}/restore");
    assert_eq!(world.graph("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(units(&world).await, (0, 1));
    assert_eq!(world.graph("POST", &restore, Value::Null).await.status, 200);
    assert_eq!(units(&world).await, (1, 1));

    assert_eq!(world.graph("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(assign(&world, &ben.to_string(), json!([{ "skuId": SALES }]), json!([])).await.status, 200);
    assert_eq!(world.graph("POST", &restore, Value::Null).await.status, 200);
    let details = world.graph("GET", &format!("{path}/licenseDetails"), Value::Null).await;
    assert_eq!((details.body["value"].clone(), units(&world).await), (json!([]), (1, 1)));
}

#[tokio::test]
async fn s23_every_dynamics_licence_has_a_stock() {
    let world = World::new().await;
    let all = world.graph("GET", "/v1.0/subscribedSkus", Value::Null).await;
    let skus = all.body["value"].as_array().unwrap();
    assert_eq!(skus.len(), keyholder_entra::licences::SKUS.len());
    for sku in skus {
        assert_eq!(sku["id"], json!(format!("{}_{}", world.tenant, sku["skuId"].as_str().unwrap())));
        assert_eq!((&sku["capabilityStatus"], &sku["prepaidUnits"]["enabled"]), (&json!("Enabled"), &json!(25)));
        let one =
            world.graph("GET", &format!("/v1.0/subscribedSkus/{}", sku["id"].as_str().unwrap()), Value::Null).await;
        assert_eq!(one.body["skuPartNumber"], sku["skuPartNumber"]);
    }
    let filtered = world.graph("GET", "/v1.0/subscribedSkus?$top=1", Value::Null).await;
    assert_eq!(filtered.graph_error().1, "Request_UnsupportedQuery");
}

#[tokio::test]
async fn s18_licences_are_given_by_licence_administrators() {
    let world = World::new().await;
    let (adele, helper) = (world.person("adele").await, world.person("helper").await);
    let token = world.person_token(helper);
    let path = format!("/v1.0/users/{adele}/assignLicense");
    let body = json!({ "addLicenses": [{ "skuId": SALES }], "removeLicenses": [] });
    let denied = world.graph_as(&token, "POST", &path, body.clone()).await;
    let message = "Insufficient privileges to complete the operation.";
    assert_eq!(denied.graph_error(), (403, "Authorization_RequestDenied", message));
    world.identity.assign_directory_role(world.tenant, helper, LICENSE_ADMINISTRATOR).await.unwrap();
    assert_eq!(world.graph_as(&token, "POST", &path, body).await.status, 200);
    let rename = json!({ "displayName": "x" });
    assert_eq!(world.graph_as(&token, "PATCH", &format!("/v1.0/users/{adele}"), rename).await.status, 403);
}
