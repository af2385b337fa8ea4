//! `InitializeFrom`: rows that are begun in the context of others.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::World;
use crate::world::BASE;

fn call(source: &str, target: &str, fields: &str) -> String {
    format!(
        "InitializeFrom(EntityMoniker=@p1,TargetEntityName=@p2,TargetFieldType=@p3)?@p1={{'@odata.id':'{source}'}}\
         &@p2='{target}'&@p3=Microsoft.Dynamics.CRM.TargetFieldType'{fields}'"
    )
}

/// What a row of `target` begins with, without the annotations.
async fn begun(world: &World, source: &str, target: &str) -> Value {
    let mut told = world.get(&call(source, target, "ValidForCreate")).await.ok().json;
    let members = told.as_object_mut().unwrap();
    members.retain(|name, _| !name.starts_with('@'));
    told
}

async fn account(world: &World) -> Uuid {
    let row = json!({
        "name": "Contoso", "telephone1": "555-0100", "address1_line1": "123 Maple St.", "address1_city": "Seattle",
        "address1_country": "United States of America", "address1_addresstypecode": 1, "paymenttermscode": 1,
        "description": "not mapped",
    });
    world.post("accounts", row).await.ok().id()
}

#[tokio::test]
async fn a_contact_begins_with_its_accounts_address() {
    let world = World::new().await;
    let account = account(&world).await;
    let source = format!("accounts({account})");
    let before = world.get("contacts?$select=contactid").await.ok().rows().len();
    let mut told = world.get(&call(&source, "contact", "ValidForCreate")).await.ok().json;
    assert_eq!(
        told,
        json!({
            "@odata.context": format!("{BASE}/$metadata#contacts/$entity"),
            "@odata.type": "#Microsoft.Dynamics.CRM.contact",
            "parentcustomerid_account@odata.bind": format!("accounts({account})"),
            "telephone1": "555-0100", "paymenttermscode": 1, "address1_addresstypecode": 1,
            "address1_city": "Seattle", "address1_country": "United States of America",
            "address1_line1": "123 Maple St.",
        })
    );
    // Nothing was saved; the answer is the body that saves it.
    assert_eq!(world.get("contacts?$select=contactid").await.ok().rows().len(), before);
    told["lastname"] = json!("Quill");
    let contact = world.post("contacts", told).await.ok().id();
    let row = world.get(&format!("contacts({contact})")).await.ok().json;
    assert_eq!((&row["_parentcustomerid_value"], &row["address1_city"]), (&json!(account), &json!("Seattle")));
}

#[tokio::test]
async fn an_account_begins_below_another_in_its_currency() {
    let world = World::new().await;
    let account = account(&world).await;
    let source = format!("accounts({account})");
    let currency = world.get("transactioncurrencies?$select=transactioncurrencyid").await.ok().rows()[0].clone();
    let currency = format!("transactioncurrencies({})", currency["transactioncurrencyid"].as_str().unwrap());
    world.patch(&source, json!({ "transactioncurrencyid@odata.bind": format!("/{currency}") })).await.ok();
    // The example of the reference's page.
    let told = begun(&world, &source, "account").await;
    assert_eq!(
        told,
        json!({
            "parentaccountid@odata.bind": format!("accounts({account})"), "transactioncurrencyid@odata.bind": currency,
            "address1_line1": "123 Maple St.", "address1_city": "Seattle",
            "address1_country": "United States of America",
        })
    );
    for fields in ["All", "ValidForUpdate", "ValidForRead"] {
        let mut other = world.get(&call(&source, "account", fields)).await.ok().json;
        other.as_object_mut().unwrap().retain(|name, _| !name.starts_with('@'));
        assert_eq!(other, told, "{fields}");
    }
}

#[tokio::test]
async fn without_a_map_there_is_the_lookup_back() {
    let world = World::new().await;
    let account = account(&world).await;
    let source = format!("accounts({account})");
    for (target, lookup) in [
        ("opportunity", "customerid_account"),
        ("quote", "customerid_account"),
        ("salesorder", "customerid_account"),
        ("invoice", "customerid_account"),
        ("contract", "customerid_account"),
        ("incident", "customerid_account"),
        ("entitlement", "customerid_account"),
        ("task", "regardingobjectid_account_task"),
        ("annotation", "objectid_account"),
    ] {
        let told = begun(&world, &source, target).await;
        assert_eq!(told, json!({ format!("{lookup}@odata.bind"): source }), "{target}");
    }
    let opportunity = world.post("opportunities", json!({ "name": "Deal" })).await.ok().id();
    let opportunity = format!("opportunities({opportunity})");
    for target in ["quote", "opportunityclose"] {
        let told = begun(&world, &opportunity, target).await;
        assert_eq!(told, json!({ "opportunityid@odata.bind": opportunity }), "{target}");
    }
    // Nothing says which of two is meant: both relationships give their lookup.
    let address =
        json!({ "name": "Dock", "objecttypecode": "account", "parentid_account@odata.bind": format!("/{source}") });
    let address = world.post("customeraddresses", address).await.ok().id();
    let told = begun(&world, &format!("customeraddresses({address})"), "contract").await;
    let address = format!("customeraddresses({address})");
    assert_eq!(told, json!({ "billtoaddress@odata.bind": address, "serviceaddress@odata.bind": address }));
}

#[tokio::test]
async fn beginning_a_row_needs_reading_the_one_and_creating_the_other() {
    let world = World::new().await;
    let account = account(&world).await;
    let path = call(&format!("accounts({account})"), "contact", "ValidForCreate");
    let (caller, user) = world.application_user(2, "beginner").await;
    let ask = async || world.get_as(&caller, &path).await;
    world.assign(user, world.role("makes", &[("prvCreateContact", "Basic")]).await).await.ok();
    assert!(ask().await.refused(403, "0x80040220").contains("prvReadAccount"));
    world.assign(user, world.role("reads its own", &[("prvReadAccount", "Basic")]).await).await.ok();
    assert!(ask().await.refused(403, "0x80048306").contains("ReadAccess"));
    world.assign(user, world.role("reads all", &[("prvReadAccount", "Global")]).await).await.ok();
    assert_eq!(ask().await.ok().json["address1_city"], json!("Seattle"));
    let (reader, user) = world.application_user(3, "reader").await;
    world.assign(user, world.role("only reads", &[("prvReadAccount", "Global")]).await).await.ok();
    assert!(world.get_as(&reader, &path).await.refused(403, "0x80040220").contains("prvCreateContact"));
}

#[tokio::test]
async fn rows_that_cannot_be_begun_are_refused() {
    let world = World::new().await;
    let account = account(&world).await;
    let source = format!("accounts({account})");
    let ask = async |path: String| world.get(&path).await;
    let missing = call(&format!("accounts({})", Uuid::nil()), "contact", "All");
    ask(missing).await.refused(404, "0x80040217");
    ask(call(&source, "nonsense", "All")).await.refused(400, "0x80041102");
    ask(call(&source, "uom", "All")).await.refused(400, "0x80040e01");
    ask(call(&source, "privilege", "All")).await.refused(400, "0x80040800");
    ask(call(&source, "contact", "Nonsense")).await.refused(400, "0x80060888");
    ask(call("nonsense(1)", "contact", "All")).await.refused(404, "0x80060888");
    let without = |parameter: &str| call(&source, "contact", "All").replace(parameter, "");
    for parameter in ["&@p2='contact'", ",TargetFieldType=@p3"] {
        ask(without(parameter)).await.refused(400, "0x8004031f");
    }
    let with = |flag: &str| call(&source, "contact", "All").replace("=@p3)", &format!("=@p3,{flag})"));
    ask(with("SkipParentalRelationshipMapping=false")).await.ok();
    let refused = ask(with("SkipParentalRelationshipMapping=true")).await;
    assert!(refused.refused(501, "0x80040315").contains("SkipParentalRelationshipMapping"));
    ask(with("RetrieveConsumableRecord=true")).await.refused(501, "0x80040315");
    ask(with("Nonsense=true")).await.refused(400, "0x80060888");
    assert_eq!(world.post("InitializeFrom", json!({})).await.status, 405);
}
