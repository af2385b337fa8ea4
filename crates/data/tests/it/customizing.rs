//! Tables, columns, keys and relationships, made and deleted through the metadata API as the Dataverse SDK for Python does it.

use http::Method;
use serde_json::{Value, json};

use crate::world::World;

pub(crate) fn label(text: &str) -> Value {
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.Label",
        "LocalizedLabels": [{
            "@odata.type": "Microsoft.Dynamics.CRM.LocalizedLabel", "Label": text, "LanguageCode": 1033,
        }],
    })
}

pub(crate) fn column(kind: &str, schema_name: &str, more: &Value) -> Value {
    let mut column = json!({
        "@odata.type": format!("Microsoft.Dynamics.CRM.{kind}AttributeMetadata"), "SchemaName": schema_name,
        "DisplayName": label(schema_name), "RequiredLevel": { "Value": "None" },
    });
    column.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    column
}

pub(crate) fn product() -> Value {
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata", "SchemaName": "new_Product",
        "DisplayName": label("Product"), "DisplayCollectionName": label("Products"),
        "Description": label("Custom entity for Product"), "OwnershipType": "UserOwned", "HasActivities": false,
        "HasNotes": true, "IsActivity": false,
        "Attributes": [
            column("String", "new_Name", &json!({ "MaxLength": 200, "FormatName": { "Value": "Text" }, "IsPrimaryName": true })),
            column("Integer", "new_Stock", &json!({ "Format": "None", "MinValue": 0, "MaxValue": 1000 })),
            column("Money", "new_Price", &json!({ "Precision": 2 })),
            column("Boolean", "new_Active", &json!({ "OptionSet": {
                "TrueOption": { "Value": 1, "Label": label("On") }, "FalseOption": { "Value": 0, "Label": label("Off") },
            }})),
            column("Picklist", "new_Size", &json!({ "OptionSet": { "IsGlobal": false, "Options": [
                { "Value": 1, "Label": label("Small") }, { "Value": 2, "Label": label("Large") },
            ]}})),
        ],
    })
}

/// The id in the address of what was made.
pub(crate) fn id_of(address: &str) -> &str {
    address.rsplit_once('(').unwrap().1.trim_end_matches(')')
}

async fn table(world: &World) -> Value {
    let path = "EntityDefinitions?$select=MetadataId,LogicalName,SchemaName,EntitySetName,PrimaryNameAttribute,PrimaryIdAttribute\
                &$filter=LogicalName eq 'new_product'";
    world.get(path).await.ok().rows().first().cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_table_is_made_used_changed_and_deleted() {
    let world = World::new().await;
    let made = world.post("EntityDefinitions", product()).await.ok();
    assert_eq!(made.status.as_u16(), 204);
    let found = table(&world).await;
    assert_eq!(found["EntitySetName"], "new_products");
    assert_eq!(
        (&found["PrimaryIdAttribute"], &found["PrimaryNameAttribute"]),
        (&json!("new_productid"), &json!("new_name"))
    );
    assert_eq!(found["MetadataId"], id_of(made.header("odata-entityid")));

    let row = json!({ "new_name": "Chair", "new_stock": 3, "new_price": 12.5, "new_size": 2 });
    let row = world.post("new_products", row).await.ok().id();
    let shown = world.get(&format!("new_products({row})")).await.ok().json;
    assert_eq!(
        (&shown["new_active"], &shown["statuscode"], &shown["new_price"]),
        (&json!(false), &json!(1), &json!(12.5))
    );
    assert_eq!(shown["new_price_base"], json!(12.5));
    assert_eq!(shown["_ownerid_value"], json!(world.admin_user));
    world.post("new_products", json!({ "new_name": "x", "new_stock": -1 })).await.refused(400, "0x8004432f");
    let note = json!({ "subject": "about it", "objectid_new_product@odata.bind": format!("/new_products({row})") });
    world.post("annotations", note).await.ok();

    let id = found["MetadataId"].as_str().unwrap();
    let more = column("String", "new_Code", &json!({ "MaxLength": 10 }));
    let made = world.post(&format!("EntityDefinitions({id})/Attributes"), more).await.ok();
    let code = made.header("odata-entityid").to_owned();
    world.patch(&format!("new_products({row})"), json!({ "new_code": "A1" })).await.ok();
    let columns =
        format!("EntityDefinitions({id})/Attributes?$select=MetadataId,SchemaName&$filter=SchemaName eq 'new_Code'");
    assert_eq!(world.get(&columns).await.ok().rows()[0]["MetadataId"], id_of(&code));

    let key = json!({ "SchemaName": "new_codekey", "KeyAttributes": ["new_code"], "DisplayName": label("Code") });
    let key = world.post("EntityDefinitions(LogicalName='new_product')/Keys", key).await.ok();
    let keys = world.get("EntityDefinitions(LogicalName='new_product')/Keys").await.ok();
    assert_eq!(keys.rows()[0]["EntityKeyIndexStatus"], "Active");
    let by_key = world.get("new_products(new_code='a1')?$select=new_name").await.ok().json;
    assert_eq!(by_key["new_name"], "Chair");
    world.post("new_products", json!({ "new_name": "x", "new_code": "A1" })).await.refused(412, "0x80060892");
    // The key's id is the first in the address, which is where some clients look.
    assert!(key.header("odata-entityid").contains("EntityDefinitions(LogicalName='new_product')/Keys("));
    let key = id_of(key.header("odata-entityid")).to_owned();
    world.delete(&format!("EntityDefinitions(LogicalName='new_product')/Keys({key})")).await.ok();
    world.delete(&format!("EntityDefinitions({id})/Attributes({})", id_of(&code))).await.ok();
    world.get("new_products?$select=new_code").await.refused(400, "0x80060888");
    world.post("PublishAllXml", json!({})).await.ok();

    world.delete(&format!("EntityDefinitions({id})")).await.ok();
    assert_eq!(table(&world).await, Value::Null);
    assert_eq!(world.get("new_products").await.status.as_u16(), 404);
}

#[tokio::test]
async fn relationships_are_made_and_deleted() {
    let world = World::new().await;
    world.post("EntityDefinitions", product()).await.ok();
    let lookup = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata", "SchemaName": "new_account_product",
        "ReferencedEntity": "account", "ReferencingEntity": "new_product", "ReferencedAttribute": "accountid",
        "CascadeConfiguration": {
            "Assign": "NoCascade", "Delete": "RemoveLink", "Merge": "NoCascade", "Reparent": "NoCascade",
            "Share": "NoCascade", "Unshare": "NoCascade",
        },
        "Lookup": {
            "@odata.type": "Microsoft.Dynamics.CRM.LookupAttributeMetadata", "SchemaName": "new_Maker",
            "AttributeType": "Lookup", "AttributeTypeName": { "Value": "LookupType" }, "DisplayName": label("Maker"),
            "RequiredLevel": { "Value": "None" },
        },
    });
    let made = world.post("RelationshipDefinitions", lookup.clone()).await.ok();
    let relation = world.get("RelationshipDefinitions?$filter=SchemaName eq 'new_account_product'").await.ok();
    assert_eq!(relation.rows()[0]["MetadataId"], id_of(made.header("odata-entityid")));
    assert_eq!(relation.rows()[0]["ReferencingEntityNavigationPropertyName"], "new_Maker");
    let account = world.post("accounts", json!({ "name": "Fourth Coffee" })).await.ok().id();
    let row = json!({ "new_name": "Chair", "new_Maker@odata.bind": format!("/accounts({account})") });
    world.post("new_products", row).await.ok();
    let of_maker = world.get(&format!("accounts({account})/new_account_product?$select=_new_maker_value")).await.ok();
    assert_eq!(of_maker.rows()[0]["_new_maker_value"], json!(account));

    let pairs = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.ManyToManyRelationshipMetadata", "SchemaName": "new_product_contact",
        "Entity1LogicalName": "new_product", "Entity2LogicalName": "contact", "IntersectEntityName": "new_product_contact",
    });
    let pairs = world.post("RelationshipDefinitions", pairs).await.ok();
    let contact = world.post("contacts", json!({ "lastname": "Doe" })).await.ok().id();
    let reference = json!({ "@odata.id": format!("{}/contacts({contact})", crate::world::BASE) });
    let chair = world.get("new_products?$select=new_productid").await.ok();
    let chair = chair.rows()[0]["new_productid"].as_str().unwrap().to_owned();
    world.post(&format!("new_products({chair})/new_product_contact/$ref"), reference).await.ok();
    let seen = world.get(&format!("contacts({contact})/new_product_contact?$select=new_name")).await.ok();
    assert_eq!(seen.rows()[0]["new_name"], "Chair");

    let id = id_of(pairs.header("odata-entityid"));
    world
        .send(&world.admin, Method::DELETE, &format!("RelationshipDefinitions({id})"), &[("If-Match", "*")], None)
        .await
        .ok();
    assert_eq!(world.get(&format!("contacts({contact})/new_product_contact")).await.status.as_u16(), 404);
    let id = id_of(made.header("odata-entityid"));
    world.delete(&format!("RelationshipDefinitions({id})")).await.ok();
    world.get("new_products?$select=_new_maker_value").await.refused(400, "0x80060888");

    // A relationship that takes its rows along, told and done alike.
    let mut parental = lookup;
    parental["CascadeConfiguration"]["Delete"] = json!("Cascade");
    world.post("RelationshipDefinitions", parental.clone()).await.ok();
    let told = world.get("RelationshipDefinitions?$filter=SchemaName eq 'new_account_product'").await.ok();
    assert_eq!(told.rows()[0]["CascadeConfiguration"]["Delete"], "Cascade");
    let maker = json!({ "new_Maker@odata.bind": format!("/accounts({account})") });
    world.patch(&format!("new_products({chair})"), maker).await.ok();
    world.delete(&format!("accounts({account})")).await.ok();
    assert!(world.get("new_products?$select=new_name").await.ok().rows().is_empty());
    parental["CascadeConfiguration"]["Delete"] = json!("Sometimes");
    let refused = world.post("RelationshipDefinitions", parental).await;
    assert!(refused.refused(400, "0x80060888").contains("Sometimes"), "{}", refused.text);
}

#[tokio::test]
async fn what_cannot_be_made_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let with = |change: fn(&mut Value)| {
        let mut body = product();
        change(&mut body);
        body
    };
    for (body, status, word) in [
        (with(|body| body["SchemaName"] = json!("Product")), 400, "prefix"),
        (with(|body| body["SchemaName"] = json!("new_Pro duct")), 400, "prefix"),
        (with(|body| body["IsActivity"] = json!(true)), 501, "activity"),
        (with(|body| body["TableType"] = json!("Elastic")), 501, "Standard"),
        (with(|body| body["Attributes"] = json!([])), 400, "IsPrimaryName"),
        (
            with(|body| body["Attributes"][1]["@odata.type"] = json!("Microsoft.Dynamics.CRM.LookupAttributeMetadata")),
            400,
            "relationship",
        ),
        (
            with(|body| body["Attributes"][1]["@odata.type"] = json!("Microsoft.Dynamics.CRM.NoSuchMetadata")),
            501,
            "NoSuchMetadata",
        ),
        (with(|body| body["Attributes"][0]["MaxLength"] = json!(4001)), 400, "4001"),
        (with(|body| body["Attributes"][0]["AutoNumberFormat"] = json!("{SEQNUM:3}")), 501, "AutoNumberFormat"),
    ] {
        let reply = world.post("EntityDefinitions", body).await;
        assert_eq!(reply.status.as_u16(), status, "{}", reply.text);
        assert!(reply.text.contains(word), "{word}: {}", reply.text);
    }
    assert_eq!(table(&world).await, Value::Null);
    world.post("EntityDefinitions", product()).await.ok();
    let twice = world.post("EntityDefinitions", product()).await;
    assert_eq!(twice.status.as_u16(), 400, "{}", twice.text);
    let shipped = world.delete("EntityDefinitions(LogicalName='contact')").await;
    assert!(shipped.status.is_client_error() && shipped.text.contains("contact"), "{}", shipped.text);
    let column = world.delete("EntityDefinitions(LogicalName='contact')/Attributes(LogicalName='lastname')").await;
    assert!(column.status.is_client_error() && column.text.contains("lastname"), "{}", column.text);
    assert_eq!(world.patch("EntityDefinitions(LogicalName='new_product')", json!({})).await.status.as_u16(), 405);
}

#[tokio::test]
async fn making_tables_takes_the_privileges_for_it() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "maker").await;
    let basic = world.get("roles?$select=roleid&$filter=name eq 'Basic User'").await.ok();
    world.assign(user, basic.rows()[0]["roleid"].as_str().unwrap().parse().unwrap()).await.ok();
    let denied = world.send(&caller, Method::POST, "EntityDefinitions", &[], Some(product())).await;
    assert!(denied.refused(403, "0x80040220").contains("prvCreateEntity"), "{}", denied.text);
    let denied = world.send(&caller, Method::POST, "PublishAllXml", &[], Some(json!({}))).await;
    assert!(denied.refused(403, "0x80040220").contains("prvPublishCustomization"), "{}", denied.text);
    let customizer = world.get("roles?$select=roleid&$filter=name eq 'System Customizer'").await.ok();
    world.assign(user, customizer.rows()[0]["roleid"].as_str().unwrap().parse().unwrap()).await.ok();
    world.send(&caller, Method::POST, "EntityDefinitions", &[], Some(product())).await.ok();
    world.send(&caller, Method::DELETE, "EntityDefinitions(LogicalName='new_product')", &[], None).await.ok();
}
