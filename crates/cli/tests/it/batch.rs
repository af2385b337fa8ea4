//! `batch`: the operations of a file, many in a request, through the command line on a local org.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::connection::as_admin;
use crate::program::{Ended, keyholder};

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

    /// Runs operations; gives the outcomes and how it ended.
    fn batch(&self, operations: &[Value], more: &[&str]) -> (Vec<Value>, Ended) {
        let lines: Vec<String> = operations.iter().map(ToString::to_string).collect();
        fs::write(self.path().join("operations.jsonl"), lines.join("\n")).unwrap();
        let ended = self.run(&[&["batch", "operations.jsonl", "--output", "jsonl"], more].concat());
        let told = ended.out.lines().map(|line| serde_json::from_str(line).unwrap());
        (told.filter(|told: &Value| told.get("outcome").is_some()).collect(), ended)
    }

    fn count(&self) -> String {
        self.run(&["query", "contacts/$count"]).done().trim().to_owned()
    }
}

fn outcomes(told: &[Value]) -> Vec<&str> {
    told.iter().map(|one| one["outcome"].as_str().unwrap()).collect()
}

fn contact(name: &str) -> Value {
    json!({"method": "POST", "path": "contacts", "body": {"lastname": name}})
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_done_in_order_and_change_sets_know_what_they_make() {
    let case = Case::new().await;
    let in_set = |id: &str, path: &str, body: Value| json!({"changeset": "firm", "id": id, "method": "POST", "path": path, "body": body});
    let bound = json!({"lastname": "Ng", "parentcustomerid_account@odata.bind": "$a"});
    let operations = [
        contact("Before"),
        in_set("a", "accounts", json!({"name": "Contoso"})),
        in_set("b", "contacts", bound),
        json!({"method": "PATCH", "path": format!("contacts({ID})"), "body": {"lastname": "Upserted"}}),
        json!({"method": "GET", "path": format!("contacts({ID})?$select=lastname"), "id": "read"}),
        json!({"method": "GET", "path": "contacts?$select=lastname&$filter=lastname eq 'Ng'&$expand=parentcustomerid_account($select=name)"}),
        json!({"method": "DELETE", "path": format!("contacts({ID})")}),
    ];
    let (told, ended) = case.batch(&operations, &[]);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    assert_eq!(outcomes(&told), ["done"; 7], "{told:#?}");
    let lines: Vec<_> = told.iter().map(|one| one["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!((&told[1]["id"], &told[1]["changeset"]), (&json!("a"), &json!("firm")));
    assert_eq!(told[0]["rowId"].as_str().unwrap().len(), 36);
    assert_eq!((&told[4]["rows"][0]["lastname"], &told[4]["id"]), (&json!("Upserted"), &json!("read")));
    assert_eq!(told[5]["rows"][0]["parentcustomerid_account"]["name"], "Contoso", "{}", told[5]);
    assert_eq!(case.count(), "12");

    // The same for people, and as one document.
    let table = case.run(&["batch", "operations.jsonl"]);
    assert!(table.err.contains("7 of 7 operations done"), "{table:#?}");
    let shown = table.done();
    assert!(shown.lines().count() == 9 && shown.contains("GET contacts(") && shown.contains("1 row"), "{shown}");
    let document = case.run(&["batch", "operations.jsonl", "--output", "json"]).json();
    assert_eq!((&document["done"], document["operations"].as_array().unwrap().len()), (&json!(7), 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_refusal_ends_it_unless_all_are_to_be_tried() {
    let case = Case::new().await;
    let wrong = json!({"method": "POST", "path": "contacts", "body": {"colour": "red"}});
    let in_set = |operation: &Value| {
        let mut operation = operation.clone();
        operation["changeset"] = json!("s");
        operation
    };
    let operations = [contact("One"), in_set(&contact("Two")), in_set(&wrong), contact("Three"), wrong.clone()];
    let (told, ended) = case.batch(&operations, &[]);
    assert_eq!(outcomes(&told), ["done", "refused", "refused", "notRun", "notRun"], "{told:#?}");
    assert!(told[1]["error"]["message"].as_str().unwrap().contains("colour"), "{}", told[1]);
    assert_eq!(told[1]["error"]["status"], 400);
    let said = ended.failed(1);
    assert!(
        said.contains("1 of 5 operations done, 2 refused, 2 not run") && said.contains("--continue-on-error"),
        "{said}"
    );
    assert_eq!(case.count(), "11", "of a change set nothing is done");

    let (told, ended) = case.batch(&operations, &["--continue-on-error"]);
    assert_eq!(outcomes(&told), ["done", "refused", "refused", "done", "refused"], "{told:#?}");
    assert!(ended.failed(1).contains("2 of 5 operations done, 3 refused"));
    assert_eq!(case.count(), "13");

    let ended = case.run(&["batch", "operations.jsonl", "--output", "json"]);
    assert_eq!(ended.code(), 1);
    let document: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&document["refused"], &document["error"]["exitCode"]), (&json!(2), &json!(1)), "{document}");
    let people = case.run(&["batch", "operations.jsonl"]);
    assert!(
        people.err.contains("note: lines 2-3, a change set: refused: ") && people.out.contains("notRun"),
        "{people:#?}"
    );

    // A change set has one reason, and it is of the operation that the org refused.
    let firm = json!({"method": "POST", "path": "accounts", "body": {"name": "Firm"}});
    let lines = [contact("One"), in_set(&firm), in_set(&wrong), in_set(&contact("Two"))].map(|line| line.to_string());
    fs::write(case.path().join("set.jsonl"), lines.join("\n")).unwrap();
    let people = case.run(&["batch", "set.jsonl"]);
    assert_eq!(people.err.matches("refused: ").count(), 1, "{}", people.err);
    assert!(
        people.err.contains("lines 2-4, a change set: refused: ") && people.err.contains("POST contacts"),
        "{}",
        people.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_batch_takes_are_sent_in_several() {
    let case = Case::new().await;
    let operations = vec![json!({"method": "GET", "path": "WhoAmI"}); 1_001];
    let (told, ended) = case.batch(&operations, &[]);
    assert_eq!((ended.code(), told.len(), told.last().unwrap()["line"].as_u64()), (0, 1_001, Some(1_001)));
    assert!(told.iter().all(|one| one["outcome"] == "done" && one["rows"][0]["UserId"].is_string()));
    // A refusal in the first ends those behind it.
    let mut operations = operations;
    operations[0] = json!({"method": "GET", "path": "nothings"});
    let (told, ended) = case.batch(&operations, &[]);
    assert_eq!((ended.code(), outcomes(&told)[0], outcomes(&told)[1_000]), (1, "refused", "notRun"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_line_is_named_before_anything_is_sent() {
    let case = Case::new().await;
    let text = format!(
        "{}\n{{\"method\": \"POST\"}}\n\nnonsense\n{{\"method\": \"GET\", \"path\": \"../x\"}}\n",
        contact("One")
    );
    fs::write(case.path().join("operations.jsonl"), text).unwrap();
    let said = case.run(&["batch", "operations.jsonl"]).failed(65);
    for part in ["nothing was sent", "line 2 is no operation: missing field `path`", "line 4 is no operation"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("line 1 ") && !said.contains("line 3 "), "{said}");
    assert_eq!(case.count(), "10");
    fs::write(case.path().join("operations.jsonl"), "\n\n").unwrap();
    assert!(case.run(&["batch", "operations.jsonl"]).failed(65).contains("has no operation"));
    assert!(case.run(&["batch", "none.jsonl"]).failed(73).contains("none.jsonl"));
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_is_read_and_another_user_is_asked_for() {
    let case = Case::new().await;
    let grant = ["app-user", "create", "reader", "--grant", "contact=read:organization", "--save-env", "reader.env"];
    case.run(&[&grant[..], &["--yes"]].concat()).done();
    let mut command = keyholder(case.path());
    command.args(["call", "WhoAmI", "--env-file", "reader.env", "--output", "json"]);
    let reader = crate::program::ended(&mut command).json()["UserId"].as_str().unwrap().to_owned();

    let mut command = keyholder(case.path());
    command.args(["batch", "-", "--impersonate", &reader, "--output", "jsonl", "--continue-on-error"]);
    command.env("KEYHOLDER_ORG_URL", case.0.origin()).env("KEYHOLDER_CLIENT_ID", &case.0.admin().client_id);
    command.env("KEYHOLDER_CLIENT_SECRET", case.0.admin().client_secret.expose());
    command.env("KEYHOLDER_CA_FILE", case.0.file("ca.pem"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let text = format!("{}\n{}\n", contact("Ng"), json!({"method": "GET", "path": "contacts?$top=1"}));
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let told: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(outcomes(&told[..2]), ["refused", "done"], "{out}");
    assert!(told[0]["error"]["message"].as_str().unwrap().contains("prvCreateContact"), "{out}");
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_done_is_said_and_what_is_the_same_twice_is_settled() {
    let case = Case::new().await;
    let bearer = format!("Bearer {}", case.0.admin_token().await);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let order = json!({"fault": "drop-after", "requests": 1, "path": "*/$batch"});
    let ordered = case.0.ask("POST", "/_keyholder/faults", &headers, &order.to_string()).await;
    assert_eq!(ordered.status, 200, "{}", ordered.text);
    let upsert = json!({"method": "PATCH", "path": format!("contacts({ID})"), "body": {"lastname": "Upserted"}});
    let (told, ended) = case.batch(&[upsert, contact("Perhaps")], &["--continue-on-error"]);
    assert_eq!(outcomes(&told), ["done", "unknown"], "{told:#?}");
    let said = ended.failed(1);
    assert!(said.contains("1 of unknown fate") && said.contains("look before you run it again"), "{said}");
    assert_eq!(case.count(), "12", "both were done once");
}
