//! Definitions that are there changed through the metadata API: looks, limits, relationships, lists of options and their options.

use http::Method;
use serde_json::{Value, json};

use crate::customizing::{column, id_of, label, product};
use crate::world::{Reply, World};

async fn put(world: &World, path: &str, body: &Value, merge: bool) -> Reply {
    let headers: &[(&str, &str)] = if merge { &[("MSCRM.MergeLabels", "true")] } else { &[] };
    world.send(&world.admin, Method::PUT, path, headers, Some(body.clone())).await
}

/// A definition, as a client changes it: read whole, and sent whole.
async fn read(world: &World, path: &str) -> Value {
    world.get(path).await.ok().json
}

fn shown(definition: &Value, member: &str) -> Value {
    definition[member]["UserLocalizedLabel"]["Label"].clone()
}

const PRODUCT: &str = "EntityDefinitions(LogicalName='new_product')";

#[tokio::test]
async fn a_table_is_read_changed_and_sent_back() {
    let world = World::new().await;
    world.post("EntityDefinitions", product()).await.ok();
    let row = world.post("new_products", json!({ "new_name": "Chair" })).await.ok().id();
    let mut definition = read(&world, PRODUCT).await;
    assert_eq!(shown(&definition, "DisplayCollectionName"), "Products");
    assert_eq!(shown(&definition, "Description"), "Custom entity for Product");
    definition["DisplayName"] = label("Article");
    definition["DisplayCollectionName"] = label("All articles");
    definition["Description"] = label("What is sold");
    definition["IsAuditEnabled"]["Value"] = json!(true);
    definition["HasActivities"] = json!(true);
    assert_eq!(put(&world, PRODUCT, &definition, true).await.ok().status.as_u16(), 204);
    let now = read(&world, PRODUCT).await;
    assert_eq!(
        [shown(&now, "DisplayName"), shown(&now, "DisplayCollectionName"), shown(&now, "Description")],
        [json!("Article"), json!("All articles"), json!("What is sold")]
    );
    assert_eq!((&now["IsAuditEnabled"]["Value"], &now["HasActivities"]), (&json!(true), &json!(true)));
    let task =
        json!({ "subject": "count", "regardingobjectid_new_product_task@odata.bind": format!("/new_products({row})") });
    world.post("tasks", task).await.ok();

    // A label in another language changes none where labels are merged; without that it takes the place of all.
    let mut german = label("Ware");
    german["LocalizedLabels"][0]["LanguageCode"] = json!(1031);
    put(&world, PRODUCT, &json!({ "DisplayName": german }), true).await.ok();
    assert_eq!(shown(&read(&world, PRODUCT).await, "DisplayName"), "Article");
    put(&world, PRODUCT, &json!({ "DisplayName": german, "Description": { "LocalizedLabels": [] } }), false).await.ok();
    let now = read(&world, PRODUCT).await;
    assert_eq!((shown(&now, "DisplayName"), shown(&now, "Description")), (json!("Ware"), Value::Null));

    for (member, value) in [
        ("SchemaName", json!("new_Other")),
        ("OwnershipType", json!("OrganizationOwned")),
        ("PrimaryNameAttribute", json!("new_code")),
        ("IsActivity", json!(true)),
        ("HasActivities", json!(false)),
    ] {
        let refused = put(&world, PRODUCT, &json!({ member: value }), false).await;
        assert!(refused.refused(400, "0x80060888").contains(member), "{}", refused.text);
    }
    put(&world, "EntityDefinitions(LogicalName='nosuch')", &json!({}), false).await.refused(404, "0x80060888");
    world.get(&format!("new_products({row})")).await.ok();
}

#[tokio::test]
async fn a_table_that_ships_is_called_otherwise_and_stays_what_it_is() {
    let world = World::new().await;
    let account = "EntityDefinitions(LogicalName='account')";
    let mut definition = read(&world, account).await;
    definition["DisplayName"] = label("Client");
    put(&world, account, &definition, false).await.ok();
    assert_eq!(shown(&read(&world, account).await, "DisplayName"), "Client");
    let name = format!("{account}/Attributes(LogicalName='name')");
    let mut column = read(&world, &name).await;
    column["DisplayName"] = label("Client name");
    column["MaxLength"] = json!(4);
    put(&world, &name, &column, false).await.ok();
    world.post("accounts", json!({ "name": "Yarrow" })).await.refused(400, "0x80044331");
    world.post("accounts", json!({ "name": "Yarr" })).await.ok();
    let refused = put(&world, account, &json!({ "EntitySetName": "clients" }), false).await;
    assert!(refused.refused(400, "0x80060888").contains("entity set"), "{}", refused.text);
    // What else is changed leaves it so.
    world.post("EntityDefinitions", product()).await.ok();
    assert_eq!(shown(&read(&world, &name).await, "DisplayName"), "Client name");
}

#[tokio::test]
async fn a_column_gets_other_limits_and_its_values_stay() {
    let world = World::new().await;
    world.post("EntityDefinitions", product()).await.ok();
    let row = json!({ "new_name": "Chair", "new_stock": 900, "new_price": 12.5 });
    let row = world.post("new_products", row).await.ok().id();
    let path = |name: &str| format!("{PRODUCT}/Attributes(LogicalName='{name}')");
    let mut name = read(&world, &path("new_name")).await;
    name["MaxLength"] = json!(5);
    name["RequiredLevel"]["Value"] = json!("ApplicationRequired");
    name["Description"] = label("How it is called");
    name["IsAuditEnabled"]["Value"] = json!(true);
    put(&world, &format!("{}/Microsoft.Dynamics.CRM.StringAttributeMetadata", path("new_name")), &name, true)
        .await
        .ok();
    let now = read(&world, &path("new_name")).await;
    assert_eq!((&now["MaxLength"], &now["RequiredLevel"]["Value"]), (&json!(5), &json!("ApplicationRequired")));
    assert_eq!(
        (shown(&now, "Description"), &now["IsAuditEnabled"]["Value"]),
        (json!("How it is called"), &json!(true))
    );
    world.post("new_products", json!({ "new_name": "Chairs" })).await.refused(400, "0x80044331");

    put(&world, &path("new_stock"), &json!({ "MinValue": 10, "MaxValue": 500 }), false).await.ok();
    world.post("new_products", json!({ "new_name": "x", "new_stock": 501 })).await.refused(400, "0x8004432f");
    put(&world, &path("new_price"), &json!({ "Precision": 0 }), false).await.ok();
    put(&world, &path("new_active"), &json!({ "DefaultValue": true }), false).await.ok();
    put(&world, &path("new_size"), &json!({ "DefaultFormValue": 2 }), false).await.ok();
    let fresh = world.post("new_products", json!({ "new_name": "x", "new_price": 2.6 })).await.ok().id();
    let fresh = world.get(&format!("new_products({fresh})")).await.ok().json;
    assert_eq!([&fresh["new_price"], &fresh["new_active"], &fresh["new_size"]], [&json!(3), &json!(true), &json!(2)]);
    let kept = world.get(&format!("new_products({row})")).await.ok().json;
    assert_eq!((&kept["new_stock"], &kept["new_price"]), (&json!(900), &json!(12.5)));

    for (name, body, word) in [
        ("new_name", json!({ "@odata.type": "Microsoft.Dynamics.CRM.IntegerAttributeMetadata" }), "@odata.type"),
        ("new_name", json!({ "SchemaName": "new_Title" }), "SchemaName"),
        ("new_name", json!({ "MaxLength": 4001 }), "4001"),
        ("new_name", json!({ "RequiredLevel": { "Value": "SystemRequired" } }), "system requires"),
        ("new_name", json!({ "DisplayName": { "LocalizedLabels": [] } }), "DisplayName"),
        ("new_stock", json!({ "MinValue": 501 }), "above its MaxValue"),
        ("new_size", json!({ "DefaultFormValue": 9 }), "no option"),
        ("createdon", json!({ "DateTimeBehavior": { "Value": "DateOnly" } }), "DateTimeBehavior"),
    ] {
        let refused = put(&world, &path(name), &body, false).await;
        assert!(refused.refused(400, "0x80060888").contains(word), "{word}: {}", refused.text);
    }
    assert_eq!(read(&world, &path("new_name")).await, now);
}

#[tokio::test]
async fn a_relationship_takes_its_rows_along_once_it_is_told_to() {
    let world = World::new().await;
    world.post("EntityDefinitions", product()).await.ok();
    let lookup = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata", "SchemaName": "new_account_product",
        "ReferencedEntity": "account", "ReferencingEntity": "new_product",
        "Lookup": { "SchemaName": "new_Maker", "DisplayName": label("Maker") },
    });
    let made = world.post("RelationshipDefinitions", lookup).await.ok();
    let path = format!("RelationshipDefinitions({})", id_of(made.header("odata-entityid")));
    let account = world.post("accounts", json!({ "name": "Fourth Coffee" })).await.ok().id();
    let row = json!({ "new_name": "Chair", "new_Maker@odata.bind": format!("/accounts({account})") });
    world.post("new_products", row).await.ok();
    let mut definition = read(&world, &format!("{path}/Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata")).await;
    definition["CascadeConfiguration"]["Delete"] = json!("Cascade");
    put(&world, &path, &definition, true).await.ok();
    assert_eq!(read(&world, &path).await["CascadeConfiguration"]["Delete"], "Cascade");
    definition["ReferencedEntity"] = json!("contact");
    let refused = put(&world, &path, &definition, true).await;
    assert!(refused.refused(400, "0x80060888").contains("ReferencedEntity"), "{}", refused.text);
    world.delete(&format!("accounts({account})")).await.ok();
    assert!(world.get("new_products").await.ok().rows().is_empty());

    let shipped = "RelationshipDefinitions(SchemaName='contact_customer_accounts')";
    let mut shipped_now = read(&world, shipped).await;
    shipped_now["CascadeConfiguration"]["Delete"] = json!("Restrict");
    let refused = put(&world, shipped, &shipped_now, true).await;
    assert!(refused.refused(400, "0x80060888").contains("parentcustomerid"), "{}", refused.text);
}

#[tokio::test]
async fn changing_a_definition_takes_the_privilege_for_it() {
    let world = World::new().await;
    world.post("EntityDefinitions", product()).await.ok();
    let (caller, user) = world.application_user(3, "looker").await;
    let basic = world.get("roles?$select=roleid&$filter=name eq 'Basic User'").await.ok();
    world.assign(user, basic.rows()[0]["roleid"].as_str().unwrap().parse().unwrap()).await.ok();
    for (method, path, body, privilege) in [
        (Method::PUT, PRODUCT, json!({ "DisplayName": label("x") }), "prvWriteEntity"),
        (
            Method::POST,
            "GlobalOptionSetDefinitions",
            json!({ "Name": "new_colours", "Options": [] }),
            "prvCreateOptionSet",
        ),
        (
            Method::POST,
            "DeleteOptionValue",
            json!({ "EntityLogicalName": "new_product", "AttributeLogicalName": "new_size", "Value": 1 }),
            "prvWriteAttribute",
        ),
    ] {
        let denied = world.send(&caller, method, path, &[], Some(body)).await;
        assert!(denied.refused(403, "0x80040220").contains(privilege), "{}", denied.text);
    }
}

/// A row with what people see of its values.
async fn formatted(world: &World, path: &str) -> Value {
    let prefer = [("Prefer", "odata.include-annotations=\"OData.Community.Display.V1.FormattedValue\"")];
    world.send(&world.admin, Method::GET, path, &prefer, None).await.ok().json
}

fn colours() -> Value {
    json!({
        "@odata.type": "Microsoft.Dynamics.CRM.OptionSetMetadata", "Name": "new_colours", "IsGlobal": true,
        "OptionSetType": "Picklist", "DisplayName": label("Colours"), "Description": label("Of all things"),
        "Options": [{ "Value": 1, "Label": label("Red") }, { "Label": label("Green") }],
    })
}

#[tokio::test]
async fn columns_share_a_list_of_options_and_follow_it() {
    let world = World::new().await;
    let made = world.post("GlobalOptionSetDefinitions", colours()).await.ok();
    let id = id_of(made.header("odata-entityid")).to_owned();
    let set = "GlobalOptionSetDefinitions(Name='new_colours')";
    let known = read(&world, &format!("{set}/Microsoft.Dynamics.CRM.OptionSetMetadata")).await;
    assert_eq!((&known["MetadataId"], &known["Options"][1]["Value"]), (&json!(id), &json!(100_000_000)));
    let twice = world.post("GlobalOptionSetDefinitions", colours()).await;
    assert!(twice.refused(400, "0x80060888").contains("already"), "{}", twice.text);

    let mut table = product();
    let by_id = json!({ "GlobalOptionSet@odata.bind": format!("/GlobalOptionSetDefinitions({id})") });
    table["Attributes"].as_array_mut().unwrap().push(column("Picklist", "new_Colour", &by_id));
    world.post("EntityDefinitions", table).await.ok();
    let by_name = json!({ "GlobalOptionSet@odata.bind": format!("/{set}") });
    world.post(&format!("{PRODUCT}/Attributes"), column("MultiSelectPicklist", "new_Shades", &by_name)).await.ok();
    let unknown = json!({ "GlobalOptionSet@odata.bind": "/GlobalOptionSetDefinitions(Name='new_nosuch')" });
    let refused = world.post(&format!("{PRODUCT}/Attributes"), column("Picklist", "new_Other", &unknown)).await;
    assert!(refused.refused(404, "0x80060888").contains("new_nosuch"), "{}", refused.text);
    let expanded = format!(
        "{PRODUCT}/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?$select=LogicalName\
         &$filter=LogicalName eq 'new_colour' or LogicalName eq 'new_size'&$expand=OptionSet,GlobalOptionSet($select=Name)"
    );
    let rows = world.get(&expanded).await.ok();
    let of = |name: &str| rows.rows().iter().find(|row| row["LogicalName"] == name).unwrap().clone();
    assert_eq!(
        (&of("new_size")["GlobalOptionSet"], &of("new_size")["OptionSet"]["IsGlobal"]),
        (&Value::Null, &json!(false))
    );
    assert_eq!(of("new_colour")["GlobalOptionSet"]["Name"], "new_colours");
    assert_eq!(of("new_colour")["OptionSet"]["IsGlobal"], true);

    world.post("new_products", json!({ "new_name": "x", "new_colour": 3 })).await.refused(400, "0x8004431a");
    let new = json!({ "OptionSetName": "new_colours", "Value": 3, "Label": label("Blue") });
    let new = world.post("InsertOptionValue", new).await.ok();
    assert_eq!(new.json["NewOptionValue"], 3);
    let next =
        world.post("InsertOptionValue", json!({ "OptionSetName": "new_colours", "Label": label("Grey") })).await.ok();
    assert_eq!(next.json["NewOptionValue"], 100_000_001);
    let row =
        world.post("new_products", json!({ "new_name": "x", "new_colour": 3, "new_shades": "3,1" })).await.ok().id();
    let path = format!("new_products({row})?$select=new_colour,new_shades");
    let shown = formatted(&world, &path).await;
    assert_eq!(shown["new_shades"], "1,3");
    assert_eq!(shown["new_shades@OData.Community.Display.V1.FormattedValue"], "Red; Blue");
    let renamed = json!({ "OptionSetName": "new_colours", "Value": 3, "Label": label("Azure"), "MergeLabels": false });
    world.post("UpdateOptionValue", renamed).await.ok();
    let shown = formatted(&world, &path).await;
    assert_eq!(shown["new_colour@OData.Community.Display.V1.FormattedValue"], "Azure");
    let order = json!({ "OptionSetName": "new_colours", "Values": [3, 1, 100_000_000, 100_000_001] });
    world.post("OrderOption", order).await.ok();
    let known = read(&world, &format!("{set}/Microsoft.Dynamics.CRM.OptionSetMetadata")).await;
    assert_eq!(
        (&known["Options"][0]["Value"], &known["Options"][0]["Label"]["UserLocalizedLabel"]["Label"]),
        (&json!(3), &json!("Azure"))
    );
    world.post("DeleteOptionValue", json!({ "OptionSetName": "new_colours", "Value": 1 })).await.ok();
    world.post("new_products", json!({ "new_name": "x", "new_colour": 1 })).await.refused(400, "0x8004431a");

    put(&world, set, &json!({ "Name": "new_colours", "DisplayName": label("Paints") }), true).await.ok();
    assert_eq!(read(&world, set).await["DisplayName"]["UserLocalizedLabel"]["Label"], "Paints");
    let refused = world.delete(set).await;
    assert!(refused.refused(400, "0x80060888").contains("'new_colour' of 'new_product'"), "{}", refused.text);
    for name in ["new_colour", "new_shades"] {
        world.delete(&format!("{PRODUCT}/Attributes(LogicalName='{name}')")).await.ok();
    }
    world.delete(set).await.ok();
    assert_eq!(world.get(set).await.status.as_u16(), 404);
    assert!(world.get("GlobalOptionSetDefinitions").await.ok().rows().is_empty());
}

#[tokio::test]
async fn single_options_of_a_column_come_change_and_go() {
    let world = World::new().await;
    world.post("EntityDefinitions", product()).await.ok();
    let of = |name: &str, more: Value| {
        let mut body = json!({ "EntityLogicalName": "new_product", "AttributeLogicalName": name });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let status = of("statuscode", json!({ "Value": 5, "Label": label("Sold out"), "StateCode": 1 }));
    assert_eq!(world.post("InsertStatusValue", status).await.ok().json["NewStatusValue"], 5);
    let row = world.post("new_products", json!({ "new_name": "x" })).await.ok().id();
    world.patch(&format!("new_products({row})"), json!({ "statecode": 1, "statuscode": 5 })).await.ok();
    let yes = of("new_active", json!({ "Value": 1, "Label": label("Yes!"), "MergeLabels": true }));
    world.post("UpdateOptionValue", yes).await.ok();
    let words = read(
        &world,
        &format!("{PRODUCT}/Attributes(LogicalName='new_active')/Microsoft.Dynamics.CRM.BooleanAttributeMetadata?$expand=OptionSet"),
    )
    .await;
    assert_eq!(words["OptionSet"]["TrueOption"]["Label"]["UserLocalizedLabel"]["Label"], "Yes!");
    // A choice that ships takes options too.
    let industry = json!({ "EntityLogicalName": "account", "AttributeLogicalName": "industrycode", "Value": 777, "Label": label("Bees") });
    world.post("InsertOptionValue", industry).await.ok();
    world.post("accounts", json!({ "name": "Apiary", "industrycode": 777 })).await.ok();

    for (action, body, word) in [
        ("InsertOptionValue", of("new_size", json!({ "Value": 1, "Label": label("x") })), "already"),
        ("InsertOptionValue", of("new_name", json!({ "Value": 1, "Label": label("x") })), "no options"),
        ("InsertOptionValue", of("statuscode", json!({ "Value": 9, "Label": label("x") })), "InsertStatusValue"),
        (
            "InsertStatusValue",
            of("statuscode", json!({ "Value": 9, "Label": label("x"), "StateCode": 4 })),
            "no state 4",
        ),
        ("InsertStatusValue", of("new_size", json!({ "Value": 9, "Label": label("x"), "StateCode": 0 })), "no status"),
        ("DeleteOptionValue", of("new_size", json!({ "Value": 9 })), "no option 9"),
        ("DeleteOptionValue", of("statuscode", json!({ "Value": 1 })), "on entering"),
        ("UpdateOptionValue", of("new_size", json!({ "Value": 1, "Label": label("x") })), "MergeLabels"),
        ("OrderOption", of("new_size", json!({ "Values": [1] })), "each once"),
        ("OrderOption", json!({ "Values": [1] }), "OptionSetName"),
    ] {
        let refused = world.post(action, body).await;
        assert!(refused.refused(400, "0x80060888").contains(word), "{action} {word}: {}", refused.text);
    }
}

#[tokio::test]
async fn several_choices_are_kept_found_and_shown() {
    let world = World::new().await;
    let mut table = product();
    let options = json!({ "OptionSet": { "IsGlobal": false, "OptionSetType": "Picklist", "Options": [
        { "Value": 1, "Label": label("Swimming") }, { "Value": 2, "Label": label("Hiking") }, { "Value": 11, "Label": label("Fishing") },
    ]}});
    table["Attributes"].as_array_mut().unwrap().push(column("MultiSelectPicklist", "new_Uses", &options));
    world.post("EntityDefinitions", table).await.ok();
    let kind = read(&world, &format!("{PRODUCT}/Attributes(LogicalName='new_uses')")).await;
    assert_eq!(
        (&kind["@odata.type"], &kind["AttributeTypeName"]["Value"]),
        (&json!("#Microsoft.Dynamics.CRM.MultiSelectPicklistAttributeMetadata"), &json!("MultiSelectPicklistType"))
    );
    for (name, uses) in [
        ("a", json!("1,2")),
        ("b", json!(" 2, 1 ,1")),
        ("c", json!("11")),
        ("d", json!("1,2,11")),
        ("e", Value::Null),
        ("f", json!("")),
    ] {
        world.post("new_products", json!({ "new_name": name, "new_uses": uses })).await.ok();
    }
    world.post("new_products", json!({ "new_uses": "1,3" })).await.refused(400, "0x8004431a");
    world.post("new_products", json!({ "new_uses": "1;2" })).await.refused(400, "0x80048d19");
    world.post("new_products", json!({ "new_uses": 1 })).await.refused(400, "0x80048d19");

    let named =
        |reply: &Reply| -> String { reply.rows().iter().map(|row| row["new_name"].as_str().unwrap()).collect() };
    let function = |name: &str, values: &str| {
        format!("Microsoft.Dynamics.CRM.{name}(PropertyName='new_uses',PropertyValues={values})")
    };
    for (filter, expected) in [
        (function("ContainValues", "['1']"), "abd"),
        (function("ContainValues", "['2','11']"), "abcd"),
        (function("ContainValues", "['111']"), ""),
        (function("DoesNotContainValues", "['1']"), "cef"),
        (function("DoesNotContainValues", "['1','11']"), "ef"),
        ("new_uses eq '2,1'".to_owned(), "ab"),
        ("new_uses ne '1,2'".to_owned(), "cdef"),
        ("new_uses eq null".to_owned(), "ef"),
    ] {
        let found = world.get(&format!("new_products?$select=new_name&$orderby=new_name&$filter={filter}")).await.ok();
        assert_eq!(named(&found), expected, "{filter}");
    }
    let fetch = |operator: &str, values: &[&str]| {
        let values: String = values.iter().map(|value| format!("<value>{value}</value>")).collect();
        let xml = format!(
            "<fetch><entity name='new_product'><attribute name='new_name'/><order attribute='new_name'/><filter>\
             <condition attribute='new_uses' operator='{operator}'>{values}</condition></filter></entity></fetch>"
        );
        format!(
            "new_products?fetchXml={}",
            percent_encoding::utf8_percent_encode(&xml, percent_encoding::NON_ALPHANUMERIC)
        )
    };
    for (operator, values, expected) in [
        ("contain-values", &["1"][..], "abd"),
        ("contain-values", &["2", "11"], "abcd"),
        ("not-contain-values", &["1", "11"], "ef"),
        ("in", &["11", "1,2"], "abc"),
        ("not-null", &[], "abcd"),
    ] {
        let found = world.get(&fetch(operator, values)).await.ok();
        assert_eq!(named(&found), expected, "{operator} {values:?}");
    }
    let refused = world.get(&fetch("contain-values", &["one"])).await;
    assert!(refused.status.is_client_error(), "{}", refused.text);
    let refused = world
        .get(&format!("new_products?$filter={}", function("ContainValues", "['1']").replace("new_uses", "new_size")))
        .await;
    assert_eq!(refused.status.as_u16(), 400, "{}", refused.text);
    assert_eq!(world.get("new_products?$filter=new_uses gt '1'").await.status.as_u16(), 501);
}
