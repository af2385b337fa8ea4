//! Reading: documents, collections, single rows, annotations.

use http::Method;
use serde_json::{Value, json};

use crate::World;
use crate::world::BASE;

#[tokio::test]
async fn the_service_document_lists_the_sets() {
    let world = World::new().await;
    let reply = world.get("").await.ok();
    assert_eq!(reply.json["@odata.context"], json!(format!("{BASE}/$metadata")));
    assert!(reply.rows().contains(&json!({ "name": "contacts", "kind": "EntitySet", "url": "contacts" })));
    assert!(reply.header("content-type").starts_with("application/json; odata.metadata=minimal"));
}

#[tokio::test]
async fn a_collection_has_its_context_and_rows() {
    let world = World::new().await;
    let reply = world.get("contacts?$select=fullname,_parentcustomerid_value&$top=3&$orderby=fullname desc").await.ok();
    let context = format!("{BASE}/$metadata#contacts(fullname,_parentcustomerid_value)");
    assert_eq!(reply.json["@odata.context"], json!(context));
    assert_eq!(reply.rows().len(), 3);
    assert!(reply.json.get("@odata.nextLink").is_none());
    let row = reply.rows()[0].as_object().unwrap();
    assert_eq!(row.keys().collect::<Vec<_>>(), ["@odata.etag", "fullname", "_parentcustomerid_value", "contactid"]);
    assert!(row["@odata.etag"].as_str().unwrap().starts_with("W/\""));
    let names: Vec<_> = reply.rows().iter().map(|row| row["fullname"].as_str().unwrap().to_lowercase()).collect();
    assert!(names.is_sorted_by(|left, right| left >= right), "{names:?}");
    // Without a choice, everything that can be read.
    let all = world.get("contacts?$top=1").await.ok();
    assert_eq!(all.json["@odata.context"], json!(format!("{BASE}/$metadata#contacts")));
    assert!(all.rows()[0].as_object().unwrap().len() > 100);
    assert_eq!(all.rows()[0]["birthdate"], Value::Null);
}

#[tokio::test]
async fn counts_are_of_all_pages() {
    let world = World::new().await;
    let prefer = [("Prefer", "odata.maxpagesize=3,odata.include-annotations=\"Microsoft.Dynamics.CRM.*\"")];
    let reply =
        world.send(&world.admin, Method::GET, "contacts?$count=true&$select=fullname", &prefer, None).await.ok();
    assert_eq!(reply.json["@odata.count"], json!(10));
    assert_eq!(reply.json["@Microsoft.Dynamics.CRM.totalrecordcount"], json!(10));
    assert_eq!(reply.json["@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"], json!(false));
    assert_eq!(reply.rows().len(), 3);
    assert!(reply.header("preference-applied").contains("odata.maxpagesize=3"));
    assert_eq!(world.get("contacts/$count").await.ok().text, "\u{feff}10");
    assert_eq!(world.get("contacts/$count?$filter=fullname eq null").await.ok().text, "\u{feff}0");
}

#[tokio::test]
async fn one_row_and_one_column() {
    let world = World::new().await;
    let id = world.post("accounts", json!({ "name": "Mossbank \"Ceramics\"" })).await.ok().id();
    let row = world.get(&format!("accounts({id})?$select=name,revenue")).await.ok();
    assert_eq!(row.json["@odata.context"], json!(format!("{BASE}/$metadata#accounts(name,revenue)/$entity")));
    assert_eq!(row.json["name"], json!("Mossbank \"Ceramics\""));
    assert_eq!(row.json["_transactioncurrencyid_value"], Value::Null);
    assert_eq!(row.header("etag"), row.json["@odata.etag"].as_str().unwrap());
    let column = world.get(&format!("accounts({id})/name")).await.ok();
    assert_eq!(column.json["@odata.context"], json!(format!("{BASE}/$metadata#accounts({id})/name")));
    assert_eq!(column.json["value"], json!("Mossbank \"Ceramics\""));
    assert_eq!(world.get(&format!("accounts({id})/name/$value")).await.ok().text, "Mossbank \"Ceramics\"");
    assert_eq!(world.get(&format!("accounts({id})/revenue")).await.status, 204);
    let missing = uuid::Uuid::from_u128(0x404);
    for path in [format!("accounts({missing})"), format!("accounts({missing})/name")] {
        assert_eq!(
            world.get(&path).await.refused(404, "0x80040217"),
            format!("Account With Id = {missing} Does Not Exist")
        );
    }
}

#[tokio::test]
async fn annotations_come_before_their_property() {
    let world = World::new().await;
    let body = json!({ "name": "Larkmoor", "revenue": 1234.5, "statecode": 0 });
    let account = world.post("accounts", body).await.ok().id();
    let body = json!({ "lastname": "Holm", "parentcustomerid_account@odata.bind": format!("/accounts({account})") });
    let contact = world.post("contacts", body).await.ok().id();
    let prefer = [("Prefer", "odata.include-annotations=\"*\"")];
    let select = "$select=revenue,statecode,createdon,donotemail,_ownerid_value";
    let path = format!("accounts({account})?{select}");
    let row = world.send(&world.admin, Method::GET, &path, &prefer, None).await.ok().json;
    let formatted = |name: &str| row[format!("{name}@OData.Community.Display.V1.FormattedValue")].clone();
    assert_eq!(formatted("revenue"), json!("$1,234.50"));
    assert_eq!(formatted("statecode"), json!("Active"));
    assert_eq!(formatted("createdon"), json!("11/22/2026 9:07 AM"));
    assert_eq!(formatted("donotemail"), json!("Allow"));
    assert_eq!(formatted("_ownerid_value"), json!("# keyholder-admin"));
    assert_eq!(formatted("_transactioncurrencyid_value"), json!("US Dollar"));
    assert_eq!(row["_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"], json!("systemuser"));
    assert_eq!(row["_ownerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"], json!("ownerid"));
    let keys: Vec<_> = row.as_object().unwrap().keys().collect();
    let at = |name: &str| keys.iter().position(|key| *key == name).unwrap();
    assert!(at("_ownerid_value@Microsoft.Dynamics.CRM.lookuplogicalname") < at("_ownerid_value"));

    // A lookup with several targets says which it is.
    let path = format!("contacts?$filter=contactid eq {contact}&$select=_parentcustomerid_value");
    let rows = world.send(&world.admin, Method::GET, &path, &prefer, None).await.ok();
    let row = &rows.rows()[0];
    assert_eq!(row["_parentcustomerid_value@OData.Community.Display.V1.FormattedValue"], json!("Larkmoor"));
    assert_eq!(row["_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"], json!("account"));
    let navigation = &row["_parentcustomerid_value@Microsoft.Dynamics.CRM.associatednavigationproperty"];
    assert_eq!(navigation, &json!("parentcustomerid_account"));
}

#[tokio::test]
async fn related_rows_by_either_kind_of_relationship() {
    let world = World::new().await;
    let account = world.get("accounts?$top=1&$select=accountid").await.ok();
    let account = account.rows()[0]["accountid"].as_str().unwrap().to_owned();
    let related = world.get(&format!("accounts({account})/contact_customer_accounts?$select=fullname")).await.ok();
    assert_eq!(related.rows().len(), 1);
    let roles = world.get(&format!("systemusers({})/systemuserroles_association?$select=name", world.admin_user)).await;
    assert_eq!(roles.ok().rows()[0]["name"], json!("System Administrator"));
    let count = world.get(&format!("accounts({account})/contact_customer_accounts/$count")).await.ok();
    assert_eq!(count.text, "\u{feff}1");
    let missing = uuid::Uuid::from_u128(0x404);
    world.get(&format!("accounts({missing})/contact_customer_accounts")).await.refused(404, "0x80040217");
}

#[tokio::test]
async fn what_is_not_known_is_refused_by_name() {
    let world = World::new().await;
    assert!(world.get("contacts?$select=nope").await.refused(400, "0x80060888").contains("'nope'"));
    assert!(world.get("nothings").await.refused(404, "0x80060888").contains("'nothings'"));
    world.get("contacts?$skip=3").await.refused(400, "0x80060888");
    world.get("contacts?$filter=fullname eq").await.refused(400, "0x80060888");
    world.get("contacts?$skiptoken=garbage").await.refused(400, "0x80060888");
    let cookie = "%3Ccookie pagenumber=%222%22 pagingcookie=%22x%22 istracking=%22False%22 /%3E";
    world.get(&format!("contacts?$skiptoken={cookie}")).await.refused(400, "0x80060888");
    let long = format!("contacts?$filter=contains(fullname,'{}')", "*".repeat(20_000));
    world.get(&long).await.refused(400, "0x80060888");
    let deep = format!("contacts?$filter={}fullname eq null{}", "(".repeat(3_000), ")".repeat(3_000));
    world.get(&deep).await.refused(400, "0x80060888");
}

#[tokio::test]
async fn a_not_modified_row_is_not_sent_again() {
    let world = World::new().await;
    let id = world.post("accounts", json!({ "name": "Pinewick" })).await.ok().id();
    let path = format!("accounts({id})?$select=name");
    let first = world.get(&path).await.ok();
    let tag = first.header("etag").to_owned();
    let again = world.send(&world.admin, Method::GET, &path, &[("If-None-Match", &tag)], None).await;
    assert_eq!((again.status.as_u16(), again.text.as_str(), again.header("etag")), (304, "", tag.as_str()));
    // Samples send the word, which is no tag.
    world.send(&world.admin, Method::GET, &path, &[("If-None-Match", "null")], None).await.ok().json["name"]
        .as_str()
        .unwrap();
    world.patch(&format!("accounts({id})"), json!({ "name": "Pinewick II" })).await.ok();
    let changed = world.send(&world.admin, Method::GET, &path, &[("If-None-Match", &tag)], None).await;
    assert_eq!(changed.status, 200);
}

#[tokio::test]
async fn a_part_of_an_address_brings_the_whole() {
    let world = World::new().await;
    let reply = world.get("contacts?$top=1&$select=address1_city").await.ok();
    let row = &reply.rows()[0];
    let city = row["address1_city"].as_str().unwrap();
    assert!(row["address1_composite"].as_str().unwrap().contains(city), "{row}");
    assert!(reply.json["@odata.context"].as_str().unwrap().ends_with("#contacts(address1_city)"));
    assert!(row.get("address2_composite").is_none());
    let reply = world.get("contacts?$top=1&$select=address1_telephone1,emailaddress1").await.ok();
    assert!(reply.rows()[0].get("address1_composite").is_none());
}
