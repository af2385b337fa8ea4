//! `get`, `create`, `update`, `upsert`, `delete` and `call`, through the command line on a local org.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use keyholder_client::Dataverse;
use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::connection::{as_admin, as_admin_command};
use crate::program::{Ended, ended, keyholder};

const ID: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11";

/// A world and a folder to run commands in as its administering application.
struct Case(World, tempfile::TempDir);

impl Case {
    async fn new() -> Self {
        Self(World::start().await, tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.1.path()
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        as_admin(&self.0, self.path(), arguments)
    }

    fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--output", "json"]].concat()).json()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_holds_is_printed_byte_for_byte() {
    let case = Case::new().await;
    // The smallest picture there is: one pixel, GIF.
    let pixel = "R0lGODdhAQABAIAAAP///wAAACwAAAAAAQABAAACAkQBADs=";
    let made = case.json(&["create", "accounts", "--set", "name=A", "--set", &format!("entityimage={pixel}")]);
    let path = format!("accounts({})/entityimage/$value", made["id"].as_str().unwrap());
    let org = Dataverse::connect(&case.0.connection(), case.0.http().clone()).await.unwrap();
    let expected = org.send(http::Method::GET, &path, None).await.unwrap();
    let printed = as_admin_command(&case.0, case.path(), &["get", &path]).output().unwrap();
    assert!(printed.status.success() && !expected.body().is_empty());
    assert_eq!(printed.stdout, *expected.body());
    assert!(String::from_utf8(printed.stdout).is_err(), "it is no text");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_has_labels_behind_values_when_they_are_asked_for() {
    let case = Case::new().await;
    let told = case.run(&["query", "contacts?$select=lastname,statecode&$top=1", "--annotations"]).done();
    assert!(told.contains("0 (Active)"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_made_read_changed_and_deleted() {
    let case = Case::new().await;
    let made = case.json(&["create", "contacts", "--set", "lastname=O'Brien", "--set", "numberofchildren:=3"]);
    assert_eq!(made["done"], "created");
    let id = made["id"].as_str().unwrap().to_owned();
    let row = format!("contacts({id})");
    assert_eq!(made["row"], row.as_str());

    let path = format!("{row}?$select=lastname,numberofchildren,statecode");
    let read = case.json(&["get", &path]);
    assert_eq!((&read["lastname"], &read["numberofchildren"]), (&json!("O'Brien"), &json!(3)));
    let told = case.run(&["get", &path, "--annotations"]).done();
    assert!(told.contains("lastname          O'Brien\n") && told.contains("statecode         0  (Active)\n"), "{told}");
    assert!(told.contains("etag              W/\""), "{told}");

    let etag = read["@odata.etag"].as_str().unwrap();
    let update = ["update", &row, "--set", "lastname=Ng", "--set", "numberofchildren:=null", "--if-match", etag];
    let changed = case.json(&[&update[..], &["--return"]].concat());
    assert_eq!((&changed["value"]["lastname"], &changed["value"]["numberofchildren"]), (&json!("Ng"), &Value::Null));
    let said = case.run(&update).failed(65);
    assert!(said.contains("HTTP 412"), "{said}");

    let said = case.run(&["delete", &row]).failed(64);
    assert!(said.contains(&format!("`{row}` would be deleted")) && said.contains("--yes"), "{said}");
    assert!(case.run(&["delete", &row, "--yes", "--if-match", etag]).failed(65).contains("HTTP 412"));
    assert_eq!(case.run(&["delete", &row, "--yes"]).done(), format!("deleted {row}\n"));
    let said = case.run(&["get", &row]).failed(65);
    assert!(said.contains("HTTP 404") && said.contains("0x80040217"), "{said}");
    assert!(
        case.run(&["update", &row, "--set", "lastname=x"]).failed(65).contains("HTTP 404"),
        "an update makes no row"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_comes_from_the_command_line_a_file_or_standard_input() {
    let case = Case::new().await;
    let row = format!("accounts({ID})");
    let data = r#"{"name": "Contoso", "revenue": 10.50}"#;
    assert_eq!(case.run(&["upsert", &row, "--data", data]).done(), format!("upserted {row}\n"));
    fs::write(case.path().join("row.json"), "\u{feff}{\"name\": \"Fabrikam\", \"fax\": \"1\"}").unwrap();
    case.run(&["upsert", &row, "--data", "@row.json", "--set", "fax=2"]).done();
    let read = || case.json(&["get", &format!("{row}?$select=name,fax,revenue")]);
    assert_eq!((&read()["name"], &read()["fax"], &read()["revenue"]), (&json!("Fabrikam"), &json!("2"), &json!(10.5)));

    let world = &case.0;
    let mut command = keyholder(case.path());
    command.args(["update", &row, "--data", "-", "--url", &world.origin(), "--client-id", &world.admin().client_id]);
    fs::write(case.path().join("secret"), world.admin().client_secret.expose()).unwrap();
    command.args(["--client-secret-file", "secret", "--ca-file"]).arg(world.file("ca.pem"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"{\"name\": \"Northwind\"}\n").unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    assert_eq!(read()["name"], "Northwind");

    for (arguments, code, said) in [
        (&["update", &row, "--data", "[1]"][..], 65, "`--data` is no JSON object"),
        (&["update", &row, "--data", "@none.json"], 73, "none.json"),
        (&["update", &row, "--data", "-", "--client-secret-file", "-"], 64, "standard input cannot be both"),
        (&["update", &row, "--set", "name"], 64, "name=value"),
        (&["update", &row, "--set", "a:={"], 64, "is no JSON"),
        (&["update", &row], 64, "--data"),
        (&["update", "accounts", "--set", "name=x"], 64, "contacts(ID)"),
        (&["update", "accounts(17)", "--set", "name=x"], 64, "no id, and no alternate key"),
        (&["create", &row, "--set", "name=x"], 64, "is no entity set"),
        (&["create", "acounts", "--set", "name=x"], 65, "did you mean `accounts`?"),
        (&["create", "accounts", "--set", "nmae=x"], 65, "nmae"),
        (&["get", "accounts?=3"], 64, "the shell has replaced"),
        (&["get", "accounts", "--impersonate", "anna"], 64, "--impersonate"),
    ] {
        let ended = case.run(arguments);
        assert_eq!(ended.code(), code, "{arguments:?}: {ended:#?}");
        assert!(ended.err.contains(said), "{arguments:?}: {ended:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_named_by_alternate_keys() {
    let case = Case::new().await;
    let key = json!({
        "SchemaName": "keyholder_Number", "KeyAttributes": ["accountnumber"],
        "DisplayName": {"LocalizedLabels": [{"Label": "Number", "LanguageCode": 1033}]},
    });
    let org = Dataverse::connect(&case.0.connection(), case.0.http().clone()).await.unwrap();
    org.action("EntityDefinitions(LogicalName='account')/Keys", &key).await.unwrap();
    let row = "accounts(accountnumber='A/1 O''B')";
    case.run(&["upsert", row, "--set", "name=Contoso"]).done();
    case.run(&["upsert", row, "--set", "name=Fabrikam"]).done();
    let all = case.json(&["query", "accounts?$select=name,accountnumber&$filter=accountnumber eq 'A/1 O''B'"]);
    assert_eq!((all.as_array().unwrap().len(), &all[0]["name"]), (1, &json!("Fabrikam")));
    case.run(&["delete", row, "--yes"]).done();
    assert!(case.run(&["delete", row, "--yes"]).failed(65).contains("HTTP 404"));
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_and_actions_are_called() {
    let case = Case::new().await;
    let me = case.json(&["call", "WhoAmI"]);
    let user = me["UserId"].as_str().unwrap();
    let names = ["call", "RetrieveTotalRecordCount", "--param", r#"EntityNames=["contact"]"#];
    let counted = case.json(&names);
    assert_eq!(counted["EntityRecordCountCollection"]["Values"], json!([10]), "{counted}");
    let bound = format!("systemusers({user})/Microsoft.Dynamics.CRM.RetrieveUserPrivileges");
    let held = case.json(&["call", &bound]);
    assert!(held["RolePrivileges"].as_array().is_some_and(|all| all.len() > 100), "{held}");

    case.run(&["upsert", &format!("accounts({ID})"), "--set", "name=Contoso"]).done();
    let kept = case.json(&["create", "accounts", "--set", "name=Fabrikam"])["id"].as_str().unwrap().to_owned();
    let row = |id: &str| json!({"@odata.type": "Microsoft.Dynamics.CRM.account", "accountid": id}).to_string();
    let (target, subordinate) = (format!("Target={}", row(&kept)), format!("Subordinate={}", row(ID)));
    let merge = ["call", "Merge", "--action", "--param", &target, "--param", &subordinate];
    let merge = [&merge[..], &["--param", "PerformParentingChecks=false"]].concat();
    assert_eq!(case.run(&merge).done(), "called Merge\n");
    assert_eq!(case.json(&["get", &format!("accounts({ID})?$select=statecode")])["statecode"], 1, "merged away");

    let said = case.run(&["call", "Merge"]).failed(65);
    assert!(said.contains("say `--action`"), "{said}");
    let said = case.run(&["call", "Merge", "--action", "--param", "Target=x"]).failed(64);
    assert!(said.contains("no JSON behind `=`") && said.contains("double quotes"), "{said}");
    case.run(&["call", "../x"]).failed(64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_privilege_is_named_whoever_lacks_it() {
    let case = Case::new().await;
    let grant = ["app-user", "create", "reader", "--grant", "contact=read:organization", "--save-env", "reader.env"];
    case.run(&[&grant[..], &["--yes"]].concat()).done();
    let as_reader =
        |arguments: &[&str]| ended(keyholder(case.path()).args(arguments).args(["--env-file", "reader.env"]));
    let who = as_reader(&["call", "WhoAmI", "--output", "json"]).json();
    let (reader, me) = (who["UserId"].as_str().unwrap(), case.json(&["whoami"])["userId"].as_str().unwrap().to_owned());

    let create = ["create", "contacts", "--set", "lastname=Ng"];
    let in_the_readers_name = ["--impersonate", reader];
    // As the reader, and as the administrator who acts for it: what both may is allowed.
    for said in [as_reader(&create), case.run(&[&create[..], &in_the_readers_name].concat())] {
        let said = said.failed(77);
        assert!(
            said.contains("HTTP 403") && said.contains("0x80040220") && said.contains("prvCreateContact"),
            "{said}"
        );
        let hint = said.lines().find(|line| line.starts_with("hint: ")).unwrap_or_default();
        assert!(hint.contains("prvCreateContact") && hint.contains("security roles"), "{said}");
    }
    case.run(&[&["get", "contacts?$top=1"][..], &in_the_readers_name].concat()).done();
    let seen = case.json(&[&["call", "WhoAmI"][..], &in_the_readers_name].concat());
    assert_eq!(seen["UserId"], reader);
    let said = as_reader(&["get", "contacts?$top=1", "--impersonate", &me]).failed(77);
    assert!(said.contains("prvActOnBehalfOfAnotherUser"), "{said}");
}
