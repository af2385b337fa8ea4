//! The pages "<Message> message privileges" of the archived SDK reference: for each message and table the privileges that
//! it can need. They list the most; the exact set depends on the request.

use std::collections::BTreeSet;
use std::path::PathBuf;

use http::{HeaderMap, HeaderName, Method};
use keyholder_dataverse::{Schema, Table, Verb};
use keyholder_operation::{Request, bind};
use keyholder_security::required;
use serde_json::{Value, json};

const ROW: &str = "11111111-2222-3333-4444-555555555555";

/// The names of what a request needs.
fn needs(schema: &Schema, method: &str, address: &str, body: &Value, if_match: bool) -> BTreeSet<String> {
    let method: Method = method.parse().unwrap();
    let (path, query) = address.split_once('?').map_or((address, None), |(path, query)| (path, Some(query)));
    let path = format!("v9.2/{path}");
    let mut headers = HeaderMap::new();
    if if_match {
        headers.insert(HeaderName::from_static("if-match"), "*".parse().unwrap());
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request =
        Request { method: &method, path: &path, query, headers: &headers, body: body.as_bytes(), references: None };
    let bound = bind(schema, &request).unwrap_or_else(|error| panic!("{method} {address}: {error}"));
    required(&bound).iter().filter_map(|need| need.table.privilege_name(need.verb)).collect()
}

/// The verb that a message is about, and what it needs here.
fn asked(schema: &Schema, message: &str, table: &Table) -> Option<(Verb, BTreeSet<String>)> {
    let set = table.entity_set();
    let row = format!("{set}({ROW})");
    let target = || json!({ "@odata.type": table.qualified_name(), &*table.primary_id().name: ROW });
    let user = || json!({ "@odata.type": "Microsoft.Dynamics.CRM.systemuser", "systemuserid": ROW });
    let access =
        |mask: &str| json!({ "Target": target(), "PrincipalAccess": { "Principal": user(), "AccessMask": mask } });
    let patch = |body: &Value| needs(schema, "PATCH", &row, body, true);
    Some(match message {
        "Create" => (Verb::Create, needs(schema, "POST", set, &json!({}), false)),
        "Update" => (Verb::Write, patch(&json!({}))),
        "SetState" => (Verb::Write, patch(&json!({ "statecode": 1 }))),
        "Delete" => (Verb::Delete, needs(schema, "DELETE", &row, &Value::Null, false)),
        "Assign" => (Verb::Assign, patch(&json!({ "ownerid@odata.bind": format!("/systemusers({ROW})") }))),
        "GrantAccess" | "ModifyAccess" => (Verb::Share, needs(schema, "POST", message, &access("ReadAccess"), false)),
        "RevokeAccess" => {
            (Verb::Share, needs(schema, "POST", message, &json!({ "Target": target(), "Revokee": user() }), false))
        }
        "RetrievePrincipalAccess" | "RetrieveSharedPrincipalsAndAccess" => {
            let of = if message == "RetrievePrincipalAccess" {
                format!("systemusers({ROW})/Microsoft.Dynamics.CRM.")
            } else {
                String::new()
            };
            let address = format!("{of}{message}(Target=@p1)?@p1={{'@odata.id':'{row}'}}");
            (Verb::Read, needs(schema, "GET", &address, &Value::Null, false))
        }
        _ => return None,
    })
}

#[test]
fn operations_need_what_is_published() {
    let file = std::env::var_os("KEYHOLDER_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from)
        .join("data/roles/message-privileges.json");
    let Ok(text) = std::fs::read(&file) else {
        println!("skipped: there is no {}", file.display());
        return;
    };
    let published: Value = serde_json::from_slice(&text).unwrap();
    let schema = Schema::core().unwrap();
    let (mut compared, mut wrong) = (0, Vec::new());
    for row in published["rows"].as_array().unwrap() {
        let (message, entity) = (row["message"].as_str().unwrap(), row["primary_entity"].as_str().unwrap());
        let listed: BTreeSet<String> =
            row["privileges"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect();
        // Addresses were parts of accounts and contacts then; today's environments have privileges of their own for them.
        if entity == "customeraddress" {
            continue;
        }
        let Some(table) = schema.table(entity).unwrap() else { continue };
        let Some((verb, needed)) = asked(&schema, message, &table) else { continue };
        // Pages of which only a part was at hand may lack the privilege that the message is named for.
        let prefix = format!("prv{verb}");
        let own: BTreeSet<&String> =
            listed.iter().filter(|name| name.starts_with(&prefix) && !name.starts_with("prvAppendTo")).collect();
        if own.is_empty() {
            continue;
        }
        compared += 1;
        let name = table.privilege_name(verb);
        if !name.as_ref().is_some_and(|name| listed.contains(name) && needed.contains(name)) {
            wrong.push(format!("{message} {entity}: published {own:?}, needed {needed:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= 50, "only {compared} were compared");
}
