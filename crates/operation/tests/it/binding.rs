//! What the requests of the main job, and their mistakes, become.

use keyholder_dataverse::schema::{Access, ColumnDefinition, ColumnKind, SchemaDefinition};
use keyholder_dataverse::{Depth, Schema, Value};
use keyholder_operation::query::{Comparand, Within};
use keyholder_operation::{ActingFor, Action, Assigned, Comparison, Filter, Function, Operation, RowKey};
use uuid::Uuid;

use crate::world::{ID, operation, query, refusal, send, send_to};

fn id() -> Uuid {
    ID.parse().unwrap()
}

fn names(columns: &[std::sync::Arc<keyholder_dataverse::Column>]) -> Vec<&str> {
    columns.iter().map(|column| &*column.name).collect()
}

#[test]
fn a_query_with_everything() {
    let query = query(
        "contacts?$select=fullname,creditlimit,_parentcustomerid_value&%24filter=statecode+eq+0%20and%20not%20contains(fullname,%27O%27%27Neil%27)\
         &$orderby=createdon%20desc,fullname&$top=3&$count=true&tag=x",
    );
    assert_eq!(names(query.select.named().unwrap()), ["fullname", "creditlimit", "parentcustomerid"]);
    assert_eq!(
        names(query.select.columns()),
        ["fullname", "creditlimit", "parentcustomerid", "contactid", "transactioncurrencyid"]
    );
    assert_eq!((query.top, query.count, query.order.len()), (Some(3), true, 2));
    assert!(query.order[0].descending && !query.order[1].descending);
    let Some(Filter::And(parts)) = query.filter else { panic!() };
    assert!(
        matches!(&parts[0], Filter::Compare { column, comparison: Comparison::Equal, with: Comparand::Value(Value::Integer(0)) } if &*column.name == "statecode")
    );
    assert!(matches!(&parts[1], Filter::Text { pattern, negated: true, .. } if pattern.literal() == Some("o'neil")));
}

#[test]
fn not_moves_to_the_leaves_as_the_service_does_it() {
    let filter =
        query("contacts?$filter=not (statecode eq 0 or (numberofchildren gt 2 and _ownerid_value ne null))").filter;
    let Some(Filter::And(parts)) = filter else { panic!("{filter:?}") };
    assert!(matches!(&parts[0], Filter::Compare { comparison: Comparison::NotEqual, .. }));
    let Filter::Or(inner) = &parts[1] else { panic!() };
    assert!(matches!(&inner[0], Filter::Compare { comparison: Comparison::LessOrEqual, .. }));
    assert!(matches!(&inner[1], Filter::Null { negated: false, .. }));
}

#[test]
fn a_column_sorts_once_and_ten_columns_are_the_most() {
    let order = query("contacts?$orderby=fullname desc,createdon,fullname,fullname desc").order;
    assert_eq!(
        order.iter().map(|order| (&*order.column.name, order.descending)).collect::<Vec<_>>(),
        [("fullname", true), ("createdon", false)]
    );
    let ten =
        "fullname,firstname,lastname,jobtitle,createdon,modifiedon,emailaddress1,address1_city,statecode,statuscode";
    assert_eq!(query(&format!("contacts?$orderby={ten}")).order.len(), 10);
    // The same column a thousand times is still one.
    assert_eq!(query(&format!("contacts?$orderby={}", ["fullname"; 1_000].join(","))).order.len(), 1);
    let (status, message) = refusal("GET", &format!("contacts?$orderby={ten},creditlimit"), "");
    assert_eq!((status, &*message), (400, "The $orderby names more than 10 columns."));
}

#[test]
fn filters_nest_so_deep_and_no_deeper() {
    let alternating = |levels: usize| {
        (0..levels).fold("statecode eq 0".to_owned(), |inner, level| {
            let operator = if level % 2 == 0 { "and" } else { "or" };
            format!("fullname eq 'x' {operator} ({inner})")
        })
    };
    query(&format!("contacts?$filter={}", alternating(20)));
    for levels in [21, 99] {
        let (status, message) = refusal("GET", &format!("contacts?$filter={}", alternating(levels)), "");
        assert_eq!(status, 400);
        assert!(message.contains("deeper than 20 levels"), "{message}");
    }
    // Brackets that change nothing do not count, as generated filters have them.
    let chained = (0..90).fold("statecode eq 0".to_owned(), |inner, _| format!("({inner}) and fullname eq 'x'"));
    assert!(
        matches!(query(&format!("contacts?$filter={chained}")).filter, Some(Filter::And(parts)) if parts.len() == 91)
    );
}

#[test]
fn a_literal_may_stand_first() {
    for (written, expected) in
        [("2 gt numberofchildren", Comparison::Less), ("2 le numberofchildren", Comparison::GreaterOrEqual)]
    {
        let filter = query(&format!("contacts?$filter={written}")).filter;
        assert!(matches!(filter, Some(Filter::Compare { comparison, .. }) if comparison == expected), "{written}");
    }
}

#[test]
fn the_root_business_unit_is_found_both_ways() {
    for filter in
        ["parentbusinessunitid eq null", "_parentbusinessunitid_value eq null", "null eq parentbusinessunitid"]
    {
        let query = query(&format!("businessunits?$select=businessunitid,name&$filter={filter}"));
        assert!(matches!(query.filter, Some(Filter::Null { negated: false, .. })), "{filter}");
    }
    let (status, message) = refusal("GET", &format!("businessunits?$filter=parentbusinessunitid eq {ID}"), "");
    assert_eq!(status, 400);
    assert!(message.contains("_parentbusinessunitid_value"), "{message}");
}

#[test]
fn aliases_stand_for_literals() {
    let filter = query(&format!("contacts?$filter=contactid eq @p1 and jobtitle eq @p2&@p1={ID}")).filter;
    let Some(Filter::And(parts)) = filter else { panic!() };
    assert!(matches!(&parts[0], Filter::Compare { with: Comparand::Value(Value::Guid(guid)), .. } if *guid == id()));
    assert!(matches!(&parts[1], Filter::Null { negated: false, .. }));
}

#[test]
fn unknown_names_are_refused_in_the_services_words() {
    assert_eq!(
        refusal("GET", "contacts?$select=nosuch", ""),
        (400, "Could not find a property named 'nosuch' on type 'Microsoft.Dynamics.CRM.contact'.".into())
    );
    assert_eq!(
        refusal("GET", "contacts?$select=ownerid", "").1,
        "Could not find a property named 'ownerid' on type 'Microsoft.Dynamics.CRM.contact'."
    );
    assert_eq!(refusal("GET", "nosuch", ""), (404, "Resource not found for the segment 'nosuch'.".into()));
    assert_eq!(refusal("GET", &format!("contacts({ID})/nosuch"), "").0, 404);
    assert_eq!(refusal("GET", "contacts?$skip=3", ""), (400, "The query parameter $skip is not supported".into()));
    assert_eq!(refusal("GET", "contacts?$Select=fullname", "").1, "The query parameter $Select is not supported");
    assert_eq!(refusal("GET", "contacts?filter=x", "").1, "The query parameter filter is not supported");
    assert_eq!(
        refusal("GET", "contacts?$top=1&$top=2", "").1,
        "Query option '$top' was specified more than once, but it must be specified at most once."
    );
    assert_eq!(
        refusal("PATCH", "contacts", "{}"),
        (405, "The requested resource does not support http method 'PATCH'.".into())
    );
}

#[test]
fn what_is_not_built_yet_says_so() {
    for (address, thing) in [
        ("contacts?$apply=topcount(3,creditlimit)", "topcount"),
        ("contacts?$apply=groupby((statecode))/filter(statecode eq 0)", "behind"),
        ("ManagedPropertyDefinitions", "ManagedPropertyDefinitions"),
        ("RetrieveDuplicates()", "RetrieveDuplicates"),
        (&format!("contacts({ID})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges()"), "RetrieveUserPrivileges"),
        (&format!("contacts({ID})/Microsoft.Dynamics.CRM.CalculateRollupField()"), "CalculateRollupField"),
    ] {
        let (status, message) = refusal("GET", address, "");
        assert_eq!(status, 501, "{address}: {message}");
        assert!(message.contains(thing) && message.ends_with("is not supported by the local org yet."), "{message}");
    }
}

#[test]
fn an_operation_that_nobody_knows_is_no_segment_wherever_it_stands() {
    for name in ["AddMembersTaem", "new_Nosuch"] {
        for (method, row) in [("GET", "contacts"), ("POST", "contacts"), ("POST", "teams")] {
            let path = format!("{row}({ID})/Microsoft.Dynamics.CRM.{name}");
            let expected = format!("Resource not found for the segment 'Microsoft.Dynamics.CRM.{name}'.");
            assert_eq!(refusal(method, &path, "{}"), (404, expected));
        }
        assert_eq!(refusal("GET", name, ""), (404, format!("Resource not found for the segment '{name}'.")));
    }
}

#[test]
fn changes_are_not_tracked_and_nobody_is_left_to_believe_it() {
    let get = |address: &str, prefer: &str| send("GET", address, &[("Prefer", prefer)], "");
    for prefer in ["odata.track-changes", "odata.maxpagesize=5, track-changes"] {
        let refused = get("contacts?$select=fullname", prefer).unwrap_err();
        assert_eq!(refused.status, 501);
        assert_eq!(refused.message, "The preference odata.track-changes is not supported by the local org yet.");
    }
    // Elsewhere it means nothing, as any preference that is not known.
    get(&format!("contacts({ID})"), "odata.track-changes").unwrap();
    get("contacts/$count", "odata.track-changes").unwrap();
    send("POST", "contacts", &[("Prefer", "odata.track-changes")], "{}").unwrap();
}

#[test]
fn literals_of_another_type_are_refused() {
    assert_eq!(
        refusal("GET", "contacts?$filter=statecode eq '0'", "").1,
        "A binary operator with incompatible types was detected. Found operand types 'Edm.Int32' and 'Edm.String' for \
         operator kind 'Equal'."
    );
    for filter in [format!("contactid eq '{ID}'"), format!("contactid eq guid'{ID}'")] {
        let (status, message) = refusal("GET", &format!("contacts?$filter={filter}"), "");
        assert_eq!(status, 400);
        assert!(message.starts_with("Unrecognized 'Edm.String' literal"), "{message}");
    }
    assert_eq!(
        refusal("GET", "contacts?$filter=fullname eq 'a", "").1,
        "There is an unterminated string literal at position 14 in 'fullname eq 'a'."
    );
}

#[test]
fn rows_by_id_and_key() {
    for address in [format!("contacts({ID})"), format!("contacts(contactid={ID})"), format!("contacts({ID})/")] {
        let Operation::Retrieve(retrieve) = operation("GET", &address, "") else { panic!() };
        assert_eq!(retrieve.key, RowKey::Id(id()));
    }
    assert_eq!(
        refusal("GET", "contacts(firstname='Joe',emailaddress1='a@b.c')", ""),
        (400, "The specified key attributes are not a defined key for the contact entity".into())
    );
    assert_eq!(refusal("GET", "contacts('Joe')", "").0, 400);
    let Operation::Retrieve(retrieve) = operation("GET", &format!("contacts({ID})/fullname/$value"), "") else {
        panic!()
    };
    assert!(retrieve.property.is_some_and(|property| property.raw && &*property.column.name == "fullname"));
}

#[test]
fn an_application_user_is_created() {
    let body = format!(
        r#"{{"applicationid":"{ID}","accessmode":4,"isdisabled":false,"azureactivedirectoryobjectid":"{ID}",
            "businessunitid@odata.bind":"/businessunits({ID})"}}"#
    );
    let Operation::Create(create) = operation("POST", "systemusers", &body) else { panic!() };
    let given: Vec<_> = create.values.iter().map(|given| &*given.column.name).collect();
    assert_eq!(given, ["applicationid", "accessmode", "isdisabled", "businessunitid"]);
    assert_eq!(names(&create.ignored), ["azureactivedirectoryobjectid"]);
    assert!(
        matches!(&create.values[3].value, Assigned::Row { table, key: RowKey::Id(_) } if table.logical_name() == "businessunit")
    );
    assert_eq!(create.id(), None);
}

#[test]
fn lookups_bind_by_navigation_property_only() {
    let url = format!("https://localhost:8443/api/data/v9.2/accounts({ID})");
    let body = format!(r#"{{"lastname":"Doe","parentcustomerid_account@odata.bind":"{url}","contactid":"{ID}"}}"#);
    let Operation::Create(create) = operation("POST", "contacts", &body) else { panic!() };
    assert_eq!(create.id(), Some(id()));
    assert!(matches!(&create.values[1].value, Assigned::Row { table, .. } if table.logical_name() == "account"));

    let body = format!(r#"{{"createdby@odata.bind":"/systemusers({ID})","fullname":"x","createdon":7}}"#);
    let Operation::Create(create) = operation("POST", "contacts", &body) else { panic!() };
    assert!(create.values.is_empty());
    assert_eq!(names(&create.ignored), ["createdby", "fullname", "createdon"]);

    let (status, message) = refusal("POST", "contacts", r#"{"ParentCustomerId_account@odata.bind":"/accounts(x)"}"#);
    assert_eq!(status, 400);
    assert!(message.contains("An undeclared property 'ParentCustomerId_account' which only has property annotations"));
    let (_, message) = refusal("POST", "contacts", &format!(r#"{{"_ownerid_value":"{ID}"}}"#));
    assert!(message.contains("Use Navigation properties instead"));
    let (_, message) =
        refusal("POST", "contacts", &format!(r#"{{"parentcustomerid_account@odata.bind":"/contacts({ID})"}}"#));
    assert!(message.contains("'contact' cannot stand here"), "{message}");
    for cleared in [r#"{"parentcustomerid_account@odata.bind":null}"#, r#"{"parentcustomerid_account":null}"#] {
        let Operation::Update(update) = operation("PATCH", &format!("contacts({ID})"), cleared) else { panic!() };
        assert_eq!(update.values[0].value, Assigned::Value(Value::Null));
    }
}

#[test]
fn bodies_that_do_not_fit_are_refused_in_the_services_words() {
    let reason = |body: &str| {
        let (status, message) = refusal("POST", "contacts", body);
        assert_eq!(status, 400);
        assert!(
            message.starts_with("Error identified in Payload provided by the user for Entity :'contacts'"),
            "{message}"
        );
        message.split("ODataException: ").nth(1).unwrap().to_owned()
    };
    assert_eq!(
        reason(r#"{"nosuch":1}"#),
        "The property 'nosuch' does not exist on type 'Microsoft.Dynamics.CRM.contact'. Make sure to only use property \
         names that are defined by the type or mark the type as open type."
    );
    assert_eq!(
        reason(r#"{"numberofchildren":"x"}"#),
        "Cannot convert the literal 'x' to the expected type 'Edm.Int32'."
    );
    assert!(reason(r#"{"lastname":"a","lastname":"b"}"#).starts_with("Multiple properties with the name 'lastname'"));
    assert!(reason("[1]").contains("not readable as a JSON object"));
    assert!(reason("").contains("not readable as a JSON object"));
    let (_, message) = refusal("POST", "contacts", &format!(r#"{{"jobtitle":"{}"}}"#, "x".repeat(101)));
    assert_eq!(
        message,
        "A validation error occurred.  The length of the 'jobtitle' attribute of the 'contact' entity exceeded the \
         maximum allowed length of '100'."
    );
}

#[test]
fn conditions_decide_between_update_and_upsert() {
    let update =
        |headers: &[(&str, &str)]| match send("PATCH", &format!("contacts({ID})"), headers, "{}").unwrap().operation {
            Operation::Update(update) => (update.may_create, update.may_update, update.if_version),
            other => panic!("{other:?}"),
        };
    assert_eq!(update(&[]), (true, true, None));
    assert_eq!(update(&[("If-None-Match", "null")]), (true, true, None));
    assert_eq!(update(&[("If-Match", "*")]), (false, true, None));
    assert_eq!(update(&[("If-None-Match", "*")]), (true, false, None));
    assert_eq!(update(&[("If-Match", "W/\"5\"")]), (false, true, Some(5)));
    assert_eq!(send("PATCH", &format!("contacts({ID})"), &[("If-Match", "\"5\"")], "{}").unwrap_err().status, 400);
    let both = [("If-Match", "*"), ("If-None-Match", "*")];
    assert_eq!(send("PATCH", &format!("contacts({ID})"), &both, "{}").unwrap_err().status, 400);
}

#[test]
fn another_users_name_is_part_of_what_is_asked() {
    let acting_for = |header| send("GET", "contacts", &[(header, ID)], "").unwrap().acting_for;
    assert_eq!(acting_for("MSCRMCallerID"), Some(ActingFor::User(ID.parse().unwrap())));
    assert_eq!(acting_for("CallerObjectId"), Some(ActingFor::DirectoryObject(ID.parse().unwrap())));
    assert_eq!(acting_for("Accept"), None);
}

#[test]
fn roles_are_assigned_and_taken_by_reference() {
    let user = format!("systemusers({ID})/systemuserroles_association");
    let Operation::Associate(pair) = operation(
        "POST",
        &format!("{user}/$ref"),
        &format!(r#"{{"@odata.id":"https://localhost/api/data/v9.2/roles({ID})"}}"#),
    ) else {
        panic!()
    };
    assert_eq!((pair.table.logical_name(), pair.other_table.logical_name()), ("systemuser", "role"));
    assert_eq!(pair.relationship.intersect, "systemuserroles");
    for address in
        [format!("{user}({ID})/$ref"), format!("{user}/$ref?$id=https://localhost/api/data/v9.2/roles({ID})")]
    {
        let Operation::Disassociate(again) = operation("DELETE", &address, "") else { panic!() };
        assert_eq!(again, pair, "{address}");
    }
    assert!(matches!(query(&user).within, Some(Within::ManyToMany { .. })));
    let owned = query(&format!("accounts({ID})/contact_customer_accounts?$select=fullname"));
    assert!(matches!(owned.within, Some(Within::OneToMany { lookup, .. }) if &*lookup.name == "parentcustomerid"));
}

#[test]
fn functions_and_actions() {
    for address in ["WhoAmI", "WhoAmI()"] {
        assert_eq!(operation("GET", address, ""), Operation::Function(Function::WhoAmI));
    }
    let role = operation("GET", &format!("RetrieveRolePrivilegesRole(RoleId=@p)?@p={ID}"), "");
    assert!(matches!(role, Operation::Function(Function::RetrieveRolePrivilegesRole { role, .. }) if role == id()));
    assert_eq!(refusal("GET", "RetrieveRolePrivilegesRole()", "").0, 400);

    let add = format!("roles({ID})/Microsoft.Dynamics.CRM.AddPrivilegesRole");
    let Operation::Action(Action::AddPrivilegesRole { privileges, .. }) =
        operation("POST", &add, &format!(r#"{{"Privileges":[{{"PrivilegeId":"{ID}","Depth":"Global"}}]}}"#))
    else {
        panic!()
    };
    assert_eq!((privileges[0].privilege, privileges[0].depth), (id(), Depth::Global));
    let (_, message) = refusal("POST", &add, &format!(r#"{{"Privileges":[{{"PrivilegeId":"{ID}","Depth":3}}]}}"#));
    assert!(message.contains("Cannot read the value '3' as a quoted JSON string value"), "{message}");
    assert_eq!(
        refusal("POST", &format!("roles({ID})/AddPrivilegesRole"), "{}"),
        (400, "Request message has unresolved parameters.".into())
    );
    assert_eq!(refusal("GET", &add, "").0, 405);
}

#[test]
fn rows_between_tables_are_not_written_directly() {
    let (status, message) = refusal("POST", "roleprivilegescollection", "{}");
    assert_eq!(status, 400);
    assert!(
        message.starts_with("The 'Create' method does not support entities of type 'roleprivileges'."),
        "{message}"
    );
}

#[test]
fn versions() {
    let method = http::Method::GET;
    let headers = http::HeaderMap::new();
    for (path, known) in
        [("v9.0/", true), ("v9.1/contacts", true), ("v9.2", true), ("v8.2/contacts", false), ("", false)]
    {
        let request = keyholder_operation::Request {
            method: &method,
            path,
            query: None,
            headers: &headers,
            body: b"",
            references: None,
        };
        assert_eq!(keyholder_operation::bind(&crate::world::SCHEMA, &request).is_ok(), known, "{path}");
    }
    assert_eq!(operation("GET", "", ""), Operation::ServiceDocument);
}

#[test]
fn contents_change_only_where_their_column_does() {
    for update in [true, false] {
        let mut all = SchemaDefinition::core().unwrap();
        let access = Access { create: update, read: true, update };
        let column = ColumnDefinition { access, ..ColumnDefinition::new("new_note", "Note", ColumnKind::File) };
        all.table_mut("account").unwrap().columns.push(column);
        let schema = Schema::new(all).unwrap();
        let target = format!(r#""Target":{{"@odata.type":"Microsoft.Dynamics.CRM.account","accountid":"{ID}"}}"#);
        let target = format!(r#"{target},"FileAttributeName":"new_note""#);
        let upload = format!(r#"{{{target},"FileName":"a.txt"}}"#);
        let named = [("x-ms-file-name", "a.txt")];
        for (method, address, body) in [
            ("POST", "InitializeFileBlocksUpload".to_owned(), upload.as_str()),
            ("PATCH", format!("accounts({ID})/new_note"), "note"),
        ] {
            match send_to(&schema, method, &address, &named, body) {
                Ok(bound) => assert!(update, "{bound:?}"),
                Err(refused) => {
                    assert!(!update, "{refused}");
                    assert!(refused.message.contains("'new_note' cannot be changed"), "{}", refused.message);
                }
            }
        }
        let download = format!("{{{target}}}");
        send_to(&schema, "POST", "InitializeFileBlocksDownload", &[], &download).unwrap();
    }
}
