//! What the org says about its own tables: definitions and the metadata document.

use http::Method;
use serde_json::{Value, json};

use crate::world::World;

fn names<'a>(rows: &'a [Value], property: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row[property].as_str().unwrap()).collect()
}

#[tokio::test]
async fn tables_are_found_as_the_python_sdk_looks_them_up() {
    let world = World::new().await;
    let found = world
        .get("EntityDefinitions?$filter=LogicalName eq 'contact'&$select=LogicalName,EntitySetName,PrimaryIdAttribute")
        .await
        .ok();
    let [table] = found.rows().as_slice() else { panic!("{}", found.text) };
    assert_eq!(
        (&table["LogicalName"], &table["EntitySetName"], &table["PrimaryIdAttribute"]),
        (&json!("contact"), &json!("contacts"), &json!("contactid"))
    );
    assert!(table["MetadataId"].is_string() && table.get("SchemaName").is_none());
    let none = world.get("EntityDefinitions?$filter=LogicalName eq 'nosuch'&$select=LogicalName").await.ok();
    assert!(none.rows().is_empty());

    let choices = world
        .get(
            "EntityDefinitions(LogicalName='contact')/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata?\
             $select=LogicalName&$expand=OptionSet($select=Options)",
        )
        .await
        .ok();
    let gender = choices.rows().iter().find(|row| row["LogicalName"] == "gendercode").unwrap();
    let options = gender["OptionSet"]["Options"].as_array().unwrap();
    let labels: Vec<_> = options
        .iter()
        .map(|option| {
            (option["Value"].as_i64().unwrap(), option["Label"]["UserLocalizedLabel"]["Label"].as_str().unwrap())
        })
        .collect();
    assert_eq!(labels, [(1, "Male"), (2, "Female")]);
    assert_eq!(options[0]["Label"]["LocalizedLabels"][0]["LanguageCode"], 1033);
}

#[tokio::test]
async fn one_table_by_name_by_id_and_with_everything() {
    let world = World::new().await;
    let account = world.get("EntityDefinitions(LogicalName='account')").await.ok().json;
    assert!(account["@odata.context"].as_str().unwrap().ends_with("$metadata#EntityDefinitions/$entity"));
    assert_eq!((&account["ObjectTypeCode"], &account["OwnershipType"]), (&json!(1), &json!("UserOwned")));
    assert_eq!(account["DisplayName"]["UserLocalizedLabel"]["Label"], "Account");
    assert_eq!(account["DisplayCollectionName"]["UserLocalizedLabel"]["Label"], "Accounts");
    assert_eq!(account["IsCustomizable"]["Value"], true);
    assert_eq!(
        (&account["HasNotes"], &account["HasActivities"], &account["IsCustomEntity"]),
        (&json!(true), &json!(true), &json!(false))
    );
    let read = account["Privileges"].as_array().unwrap().iter().find(|one| one["Name"] == "prvReadAccount").unwrap();
    assert_eq!((&read["PrivilegeType"], &read["CanBeBasic"]), (&json!("Read"), &json!(true)));
    let privilege = world.privilege("prvReadAccount").await;
    assert_eq!(read["PrivilegeId"], json!(privilege));

    let id = account["MetadataId"].as_str().unwrap();
    let again = world.get(&format!("EntityDefinitions({id})?$select=SchemaName")).await.ok().json;
    assert_eq!(again["SchemaName"], "Account");
    let set = world.get("EntityDefinitions(LogicalName='account')/EntitySetName").await.ok().json;
    assert_eq!(set["value"], "accounts");

    let full = world
        .get(
            "EntityDefinitions(LogicalName='contact')?$select=LogicalName&$expand=Attributes($select=LogicalName;$filter=\
             AttributeType eq Microsoft.Dynamics.CRM.AttributeTypeCode'Customer'),Keys,ManyToOneRelationships,\
             OneToManyRelationships,ManyToManyRelationships",
        )
        .await
        .ok()
        .json;
    assert_eq!(full["Attributes"].as_array().unwrap().len(), 1);
    assert_eq!(full["Attributes"][0]["@odata.type"], "#Microsoft.Dynamics.CRM.LookupAttributeMetadata");
    assert_eq!(full["Keys"], json!([]));
    let parents = full["ManyToOneRelationships"].as_array().unwrap();
    let company = parents.iter().find(|one| one["SchemaName"] == "contact_customer_accounts").unwrap();
    assert_eq!(company["ReferencedEntity"], "account");
    assert_eq!(company["ReferencingAttribute"], "parentcustomerid");
    assert_eq!(company["ReferencingEntityNavigationPropertyName"], "parentcustomerid_account");
    assert_eq!(company["CascadeConfiguration"]["Delete"], "Cascade");
    let children = full["OneToManyRelationships"].as_array().unwrap();
    assert!(children.iter().any(|one| one["SchemaName"] == "account_primary_contact"));
    assert!(
        names(full["ManyToManyRelationships"].as_array().unwrap(), "SchemaName").contains(&"listcontact_association")
    );
}

#[tokio::test]
async fn columns_have_their_types_lengths_and_levels() {
    let world = World::new().await;
    let column = async |name: &str| {
        world.get(&format!("EntityDefinitions(LogicalName='contact')/Attributes(LogicalName='{name}')")).await.ok().json
    };
    let name = column("lastname").await;
    assert_eq!(name["@odata.type"], "#Microsoft.Dynamics.CRM.StringAttributeMetadata");
    assert_eq!((&name["MaxLength"], &name["RequiredLevel"]["Value"]), (&json!(50), &json!("ApplicationRequired")));
    assert_eq!((&name["AttributeType"], &name["AttributeTypeName"]["Value"]), (&json!("String"), &json!("StringType")));
    assert_eq!((&name["SchemaName"], &name["IsCustomAttribute"]), (&json!("LastName"), &json!(false)));
    let company = column("parentcustomerid").await;
    assert_eq!((&company["AttributeType"], &company["Targets"]), (&json!("Customer"), &json!(["account", "contact"])));
    let limit = column("creditlimit").await;
    assert_eq!((&limit["MinValue"], &limit["Precision"]), (&json!(0), &json!(2)));

    let required = world
        .get(
            "EntityDefinitions(LogicalName='account')/Attributes?$select=SchemaName&$filter=RequiredLevel/Value eq \
             Microsoft.Dynamics.CRM.AttributeRequiredLevel'ApplicationRequired'",
        )
        .await
        .ok();
    assert_eq!(names(required.rows(), "SchemaName"), ["Name"]);
    let plain =
        "EntityDefinitions(LogicalName='task')/Attributes?$select=LogicalName&$count=true&$filter=AttributeType ne";
    let all = world.get(&format!("{plain} 'Virtual' and IsPrimaryId eq false")).await.ok();
    assert_eq!(all.json["@odata.count"], json!(all.rows().len()));
    assert!(all.rows().iter().all(|row| row["@odata.type"].is_string()));
    let state = world
        .get("EntityDefinitions(LogicalName='task')/Attributes/Microsoft.Dynamics.CRM.StatusAttributeMetadata?$expand=OptionSet")
        .await
        .ok();
    let done =
        state.rows()[0]["OptionSet"]["Options"].as_array().unwrap().iter().find(|one| one["Value"] == 5).unwrap();
    assert_eq!((&done["State"], &done["Label"]["UserLocalizedLabel"]["Label"]), (&json!(1), &json!("Completed")));
    let options = "EntityDefinitions(LogicalName='task')/Attributes(LogicalName='statecode')\
                   /Microsoft.Dynamics.CRM.StateAttributeMetadata/OptionSet?$select=Options";
    let options = world.get(options).await.ok().json;
    assert_eq!(options["Options"][0]["DefaultStatus"], 2);
    let boolean = "EntityDefinitions(LogicalName='contact')/Attributes(LogicalName='donotphone')\
                   /Microsoft.Dynamics.CRM.BooleanAttributeMetadata?$select=LogicalName&$expand=OptionSet($select=TrueOption,FalseOption)";
    let boolean = world.get(boolean).await.ok().json;
    assert_eq!(boolean["OptionSet"]["TrueOption"]["Label"]["UserLocalizedLabel"]["Label"], "Do Not Allow");
}

#[tokio::test]
async fn relationships_are_found_by_kind_name_and_id() {
    let world = World::new().await;
    let one_to_many = "RelationshipDefinitions/Microsoft.Dynamics.CRM.OneToManyRelationshipMetadata";
    let of_account =
        world.get(&format!("{one_to_many}?$select=SchemaName&$filter=ReferencedEntity eq 'account'")).await.ok();
    assert!(names(of_account.rows(), "SchemaName").contains(&"Account_Tasks"));
    let by_name = world.get("RelationshipDefinitions?$filter=SchemaName eq 'teamroles_association'").await.ok();
    let [roles] = by_name.rows().as_slice() else { panic!("{}", by_name.text) };
    assert_eq!(roles["@odata.type"], "#Microsoft.Dynamics.CRM.ManyToManyRelationshipMetadata");
    assert_eq!((&roles["IntersectEntityName"], &roles["Entity1LogicalName"]), (&json!("teamroles"), &json!("team")));
    let id = roles["MetadataId"].as_str().unwrap();
    let again = world.get(&format!("RelationshipDefinitions({id})")).await.ok().json;
    assert_eq!(again["SchemaName"], "teamroles_association");
    let all = world.get("RelationshipDefinitions?$select=SchemaName").await.ok();
    let mut every = names(all.rows(), "MetadataId");
    let count = every.len();
    every.sort_unstable();
    every.dedup();
    assert_eq!(every.len(), count, "each relationship is told once");
    assert!(world.get("GlobalOptionSetDefinitions").await.ok().rows().is_empty());
}

#[tokio::test]
async fn what_definitions_do_not_have_is_refused_by_name() {
    let world = World::new().await;
    for (path, status, word) in [
        ("EntityDefinitions?$select=Nosuch", 400, "Nosuch"),
        ("EntityDefinitions?$filter=Nosuch eq 1", 400, "Nosuch"),
        ("EntityDefinitions?$expand=Nosuch", 400, "Nosuch"),
        ("EntityDefinitions?$orderby=LogicalName", 400, "$orderby"),
        ("EntityDefinitions?$top=3", 400, "$top"),
        ("EntityDefinitions?$filter=LogicalName eq 3", 400, "another type"),
        ("EntityDefinitions(LogicalName='nosuch')", 404, "nosuch"),
        ("EntityDefinitions(LogicalName='account')/Attributes(LogicalName='nosuch')", 404, "nosuch"),
        ("EntityDefinitions(LogicalName='account')/Nosuch", 404, "Nosuch"),
        ("EntityDefinitions(LogicalName='account')/Attributes/Microsoft.Dynamics.CRM.NosuchMetadata", 404, "Nosuch"),
        ("EntityDefinitions/Attributes", 404, "Attributes"),
        ("EntityDefinitions(DisplayName='x')", 400, "EntityDefinitions(LogicalName"),
        ("GlobalOptionSetDefinitions(Name='nosuch')", 404, "nosuch"),
        ("ManagedPropertyDefinitions", 501, "ManagedPropertyDefinitions"),
    ] {
        let reply = world.get(path).await;
        assert_eq!(reply.status.as_u16(), status, "{path}: {}", reply.text);
        assert!(reply.json["error"]["message"].as_str().unwrap().contains(word), "{path}: {}", reply.text);
    }
}

#[tokio::test]
async fn reading_definitions_takes_the_privileges_for_it() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "reader").await;
    let role = world.role("tables only", &[("prvReadEntity", "Global")]).await;
    world.assign(user, role).await.ok();
    world.get_as(&caller, "EntityDefinitions?$select=LogicalName").await.ok();
    let attributes = "EntityDefinitions(LogicalName='account')/Attributes?$select=LogicalName";
    let denied = world.get_as(&caller, attributes).await;
    assert!(denied.refused(403, "0x80040220").contains("prvReadAttribute"), "{}", denied.text);
    let denied = world.get_as(&caller, "EntityDefinitions?$select=LogicalName&$expand=Keys").await;
    assert!(denied.refused(403, "0x80040220").contains("prvReadEntityKey"), "{}", denied.text);
    let basic = world.get("roles?$select=roleid&$filter=name eq 'Basic User'").await.ok();
    world.assign(user, basic.rows()[0]["roleid"].as_str().unwrap().parse().unwrap()).await.ok();
    world.get_as(&caller, attributes).await.ok();
    world.get_as(&caller, "RelationshipDefinitions?$select=SchemaName").await.ok();
}

#[tokio::test]
async fn the_metadata_document_describes_every_table() {
    let world = World::new().await;
    let reply = world.get("$metadata").await.ok();
    assert_eq!(reply.header("content-type"), "application/xml");
    let document = roxmltree::Document::parse(&reply.text).unwrap();
    let types: std::collections::HashMap<_, _> = document
        .descendants()
        .filter(|node| node.has_tag_name(("http://docs.oasis-open.org/odata/ns/edm", "EntityType")))
        .map(|node| (node.attribute("Name").unwrap(), node))
        .collect();
    let child = |of: &str, kind: &str, name: &str| {
        let mut all = types[of].children().filter(|node| node.tag_name().name() == kind);
        all.find(|node| node.attribute("Name") == Some(name))
    };
    let name = child("contact", "Property", "lastname").unwrap();
    assert_eq!((name.attribute("Type"), name.attribute("MaxLength")), (Some("Edm.String"), Some("50")));
    let company = child("contact", "NavigationProperty", "parentcustomerid_account").unwrap();
    assert_eq!(company.attribute("Partner"), Some("contact_customer_accounts"));
    let constraint = company.first_element_child().unwrap();
    assert_eq!(constraint.attribute("Property"), Some("_parentcustomerid_value"));
    assert_eq!(constraint.attribute("ReferencedProperty"), Some("accountid"));
    let contacts = child("account", "NavigationProperty", "contact_customer_accounts").unwrap();
    assert_eq!(contacts.attribute("Type"), Some("Collection(mscrm.contact)"));
    assert_eq!(contacts.attribute("Partner"), Some("parentcustomerid_account"));
    assert_eq!(types["task"].attribute("BaseType"), Some("mscrm.activitypointer"));
    assert!(
        child("task", "Property", "subject").is_none() && child("activitypointer", "Property", "subject").is_some()
    );
    assert!(child("task", "NavigationProperty", "regardingobjectid_account_task").is_some());
    assert_eq!(types["systemuser"].attribute("BaseType"), Some("mscrm.principal"));
    assert!(child("principal", "NavigationProperty", "owner_accounts").is_some());

    // Whatever a property or binding leads to is there, and nothing is said twice.
    let sets: std::collections::HashSet<_> = document
        .descendants()
        .filter(|node| node.tag_name().name() == "EntitySet")
        .map(|node| node.attribute("Name").unwrap())
        .collect();
    assert!(sets.contains("contacts") && sets.contains("activitypointers"));
    for node in document.descendants() {
        match node.tag_name().name() {
            "NavigationProperty" => {
                let to = node.attribute("Type").unwrap();
                let to = to.strip_prefix("Collection(").and_then(|to| to.strip_suffix(')')).unwrap_or(to);
                assert!(types.contains_key(to.strip_prefix("mscrm.").unwrap()), "{to}");
            }
            "NavigationPropertyBinding" => assert!(sets.contains(node.attribute("Target").unwrap())),
            "EntityType" => {
                let mut said = std::collections::HashSet::new();
                for child in node.children().filter_map(|child| child.attribute("Name")) {
                    assert!(said.insert(child), "{:?} has {child} twice", node.attribute("Name"));
                }
            }
            _ => {}
        }
    }
    let refused = world.send(&world.admin, Method::POST, "$metadata", &[], None).await;
    assert_eq!(refused.status.as_u16(), 405);
}

#[tokio::test]
async fn the_document_describes_every_operation_that_the_org_answers() {
    let world = World::new().await;
    let text = world.get("$metadata").await.ok().text;
    let document = roxmltree::Document::parse(&text).unwrap();
    let named = |elements: &[&str]| -> Vec<&str> {
        let all = document.descendants().filter(|node| elements.contains(&node.tag_name().name()));
        all.filter_map(|node| node.attribute("Name")).collect()
    };
    let (described, answered) = (named(&["Action", "Function"]), keyholder_operation::operations());
    let sorted = |mut names: Vec<&str>| -> Vec<String> {
        names.sort_unstable();
        names.into_iter().map(str::to_owned).collect()
    };
    assert_eq!(sorted(described.clone()), sorted(answered.collect()));
    // Those that are called without a row, and no others, are imported.
    let unbound = document.descendants().filter(|node| {
        ["Action", "Function"].contains(&node.tag_name().name()) && node.attribute("IsBound") != Some("true")
    });
    let unbound: Vec<&str> = unbound.filter_map(|node| node.attribute("Name")).collect();
    assert_eq!(sorted(named(&["ActionImport", "FunctionImport"])), sorted(unbound));
    // Every type that is named is there, once.
    let types = named(&["EntityType", "ComplexType", "EnumType"]);
    let mut once = types.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), types.len());
    let used = document.descendants().filter_map(|node| node.attribute("Type").map(|kind| (node, kind)));
    for (node, kind) in used {
        let kind = kind.trim_start_matches("Collection(").trim_end_matches(')');
        let known = kind.strip_prefix("mscrm.").is_none_or(|name| types.contains(&name));
        assert!(known, "{kind} of {:?}", node.attribute("Name"));
    }
}

#[tokio::test]
async fn many_definitions_at_once_and_then_only_what_changed() {
    let world = World::new().await;
    let ask = async |query: &Value, more: &str| {
        let query: String = query.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
        world.get(&format!("RetrieveMetadataChanges(Query=@p1{more})?@p1={query}")).await
    };
    let query = json!({
        "Criteria": { "FilterOperator": "And", "Conditions": [
            { "PropertyName": "LogicalName", "ConditionOperator": "In",
              "Value": { "Type": "System.String[]", "Value": "[\"account\",\"contact\"]" } },
            { "PropertyName": "IsCustomizable", "ConditionOperator": "Equals",
              "Value": { "Type": "System.Boolean", "Value": "true" } },
        ]},
        "Properties": { "AllProperties": false, "PropertyNames": ["DisplayName", "EntitySetName", "Attributes"] },
        "AttributeQuery": {
            "Criteria": { "Conditions": [{ "PropertyName": "AttributeType", "ConditionOperator": "Equals",
                "Value": { "Type": "Microsoft.Xrm.Sdk.Metadata.AttributeTypeCode", "Value": "State" } }] },
            "Properties": { "PropertyNames": ["LogicalName", "OptionSet"] },
        },
    });
    let all = ask(&query, "").await.ok().json;
    let tables = all["EntityMetadata"].as_array().unwrap();
    assert_eq!(names(tables, "EntitySetName"), ["accounts", "contacts"]);
    assert!(tables[0].get("ObjectTypeCode").is_none() && tables[0]["MetadataId"].is_string());
    let [state] = tables[0]["Attributes"].as_array().unwrap().as_slice() else { panic!("{all}") };
    assert_eq!(state["@odata.type"], "#Microsoft.Dynamics.CRM.ComplexStateAttributeMetadata");
    assert_eq!(state["OptionSet"]["Options"][1]["Label"]["UserLocalizedLabel"]["Label"], "Inactive");
    let stamp = all["ServerVersionStamp"].as_str().unwrap();

    let since = |stamp: &str| format!(",ClientVersionStamp='{stamp}'");
    let unchanged = ask(&query, &since(stamp)).await.ok().json;
    assert_eq!((&unchanged["EntityMetadata"], &unchanged["ServerVersionStamp"]), (&json!([]), &json!(stamp)));
    let body = json!({
        "SchemaName": "new_Thing", "Attributes": [{
            "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata", "SchemaName": "new_Name", "IsPrimaryName": true,
        }],
    });
    world.post("EntityDefinitions", body).await.ok();
    // Neither accounts nor contacts changed.
    let unchanged = ask(&query, &since(stamp)).await.ok().json;
    assert_eq!((&unchanged["EntityMetadata"], &unchanged["DeletedMetadata"]["Count"]), (&json!([]), &json!(0)));
    assert_ne!(unchanged["ServerVersionStamp"], json!(stamp));
    for unknown in ["1000000!x", "what", &stamp.replacen(|_: char| true, "9999", 1)] {
        ask(&query, &since(unknown)).await.refused(400, "0x80044352");
    }

    let everything = json!({ "Properties": { "AllProperties": true }, "Criteria": { "Conditions": [
        { "PropertyName": "LogicalName", "ConditionOperator": "Equals", "Value": { "Value": "new_thing" } },
    ]}});
    let thing = ask(&everything, "").await.ok().json;
    let thing = &thing["EntityMetadata"][0];
    assert_eq!((&thing["SchemaName"], &thing["IsCustomEntity"]), (&json!("new_Thing"), &json!(true)));
    assert!(thing["Attributes"].as_array().unwrap().iter().any(|one| one["OptionSet"]["Options"].is_array()));
    assert!(
        thing["ManyToOneRelationships"].as_array().unwrap().iter().any(|one| one["SchemaName"] == "owner_new_thing")
    );

    // Of columns, what only some of them have.
    let lengths = json!({
        "Criteria": { "Conditions": [{ "PropertyName": "LogicalName", "ConditionOperator": "Equals", "Value": { "Value": "new_thing" } }] },
        "Properties": { "PropertyNames": ["Attributes"] },
        "AttributeQuery": {
            "Criteria": { "Conditions": [{ "PropertyName": "MaxLength", "ConditionOperator": "GreaterThan",
                "Value": { "Type": "System.Int32", "Value": "50" } }] },
            "Properties": { "PropertyNames": ["LogicalName", "MaxLength", "Targets"] },
        },
    });
    let found = ask(&lengths, "").await.ok().json;
    let columns = found["EntityMetadata"][0]["Attributes"].as_array().unwrap();
    assert_eq!(names(columns, "LogicalName"), ["new_name"]);
    assert_eq!((&columns[0]["MaxLength"], columns[0].get("Targets")), (&json!(100), None));

    // What a client with a copy is told of changes.
    let everything_of_any = json!({ "Properties": { "PropertyNames": ["DisplayName"] } });
    let copy = ask(&everything_of_any, "").await.ok().json["ServerVersionStamp"].as_str().unwrap().to_owned();
    let column = json!({ "@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata", "SchemaName": "new_Code" });
    let code = world.post("EntityDefinitions(LogicalName='new_thing')/Attributes", column).await.ok();
    let code = code.header("odata-entityid").rsplit_once('(').unwrap().1.trim_end_matches(')').to_owned();
    let changed = ask(&everything_of_any, &since(&copy)).await.ok().json;
    assert_eq!(names(changed["EntityMetadata"].as_array().unwrap(), "LogicalName"), ["new_thing"]);
    world.delete(&format!("EntityDefinitions(LogicalName='new_thing')/Attributes({code})")).await.ok();
    let filters = format!(
        "{},DeletedMetadataFilters=Microsoft.Dynamics.CRM.DeletedMetadataFilters'Entity,Attribute'",
        since(&copy)
    );
    let changed = ask(&everything_of_any, &filters).await.ok().json;
    assert_eq!(changed["DeletedMetadata"]["Keys"], json!(["Attribute"]));
    assert_eq!(changed["DeletedMetadata"]["Values"], json!([{ "Items": [code] }]));
    let thing_id = thing["MetadataId"].clone();
    world.delete("EntityDefinitions(LogicalName='new_thing')").await.ok();
    let changed = ask(&everything_of_any, &since(&copy)).await.ok().json;
    assert_eq!(changed["DeletedMetadata"]["Values"], json!([{ "Items": [thing_id] }]));
    let refused = ask(&query, ",DeletedMetadataFilters='Nosuch'").await;
    assert!(refused.refused(400, "0x80060888").contains("Nosuch"), "{}", refused.text);

    for (query, word) in [
        (json!({ "Properties": { "PropertyNames": ["Nosuch"] } }), "Nosuch"),
        (json!({ "Criteria": { "Conditions": [{ "PropertyName": "Nosuch" }] } }), "Nosuch"),
        (json!({ "Criteria": { "FilterOperator": "Xor" } }), "Xor"),
        (json!([]), "JSON"),
    ] {
        let refused = ask(&query, "").await;
        assert!(refused.refused(400, "0x80060888").contains(word), "{}", refused.text);
    }
}

/// What a column's type is in the document: what CSDL can say of it.
fn told(kind: &keyholder_dataverse::ColumnKind) -> &'static str {
    match kind {
        keyholder_dataverse::ColumnKind::ManagedBoolean(_) => "Microsoft.Dynamics.CRM.BooleanManagedProperty",
        other => other.edm_type(),
    }
}

#[tokio::test]
async fn the_metadata_document_brings_the_same_tables_where_it_is_imported() {
    let world = World::new().await;
    let document = world.get("$metadata").await.ok().text;
    let read = keyholder_dataverse::csdl::read("ours", document.as_bytes()).unwrap();
    let schema = keyholder_dataverse::Schema::core().unwrap();
    let mut compared = 0;
    for table in schema.each().map(Result::unwrap) {
        let name = table.logical_name();
        let found = read.definition.table(name).unwrap_or_else(|| panic!("{name} is lost"));
        assert_eq!(found.entity_set.as_deref(), table.shown_set(), "{name}");
        assert_eq!(found.primary_id, *table.primary_id().name, "{name}");
        for column in table.columns().iter().filter(|column| column.access.read) {
            let other = found.column(&column.name).unwrap_or_else(|| panic!("{name}.{} is lost", column.name));
            assert_eq!(told(&other.kind), told(&column.kind), "{name}.{}", column.name);
            for target in column.targets() {
                let same = other
                    .kind
                    .targets()
                    .iter()
                    .any(|known| (&known.table, &known.navigation) == (&target.table, &target.navigation));
                assert!(same, "{name}.{}: {} to {} is lost", column.name, target.navigation, target.table);
            }
            compared += 1;
        }
    }
    assert!(compared > 5_000, "{compared}");
}
