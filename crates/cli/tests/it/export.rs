//! `export`: rows to a file, whatever stops it on the way.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use keyholder_client::Dataverse;
use keyholder_client::dataverse::Query;
use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::connection::as_admin;
use crate::program::{Ended, ended, keyholder};

/// A world with ten contacts and more, and a folder to run commands in as its administering application.
struct Case(World, tempfile::TempDir);

impl Case {
    async fn new() -> Self {
        Self(World::start().await, tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.1.path()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        as_admin(&self.0, self.path(), arguments)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = keyholder(self.path());
        command.args(arguments).env("KEYHOLDER_ORG_URL", self.0.origin());
        command.env("KEYHOLDER_CLIENT_ID", &self.0.admin().client_id);
        command.env("KEYHOLDER_CLIENT_SECRET", self.0.admin().client_secret.expose());
        command.env("KEYHOLDER_CA_FILE", self.0.file("ca.pem"));
        command
    }

    async fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let bearer = format!("Bearer {}", self.0.admin_token().await);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.0.ask(method, &format!("/_keyholder/{path}"), &headers, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    }

    /// What the folder has but the output.
    fn left_beside(&self, output: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.contains(output) && name != output)
            .collect();
        names.sort();
        names
    }
}

const QUERY: &str = "contacts?$select=fullname,emailaddress1,numberofchildren&$orderby=fullname";

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_written_in_each_form_and_nothing_else_is_left() {
    let case = Case::new().await;
    let org = Dataverse::connect(&case.0.connection(), case.0.http().clone()).await.unwrap();
    let rows = org.query(Query::from(QUERY)).collect().await.unwrap();
    let fullname = |row: &keyholder_client::Row| row["fullname"].as_str().unwrap().to_owned();
    let expected: Vec<String> = rows.iter().map(fullname).collect();

    let told =
        case.run(&["export", QUERY, "--output-file", "all.jsonl", "--page-size", "3", "--output", "json"]).json();
    assert_eq!((&told["rows"], &told["format"]), (&json!(10), &json!("jsonl")));
    let text = case.text("all.jsonl");
    assert_eq!(told["bytes"].as_u64(), u64::try_from(text.len()).ok());
    let lines: Vec<keyholder_client::Row> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(fullname).collect::<Vec<_>>(), expected);
    assert!(lines.iter().all(|row| row.keys().all(|name| !name.contains('@'))), "{text}");

    case.run(&["export", QUERY, "--output-file", "all.json", "--page-size", "4"]).done();
    let document: Vec<keyholder_client::Row> = serde_json::from_str(&case.text("all.json")).unwrap();
    assert_eq!(document, lines);

    let select = ["--select", "emailaddress1,fullname", "--page-size", "3"];
    case.run(&[&["export", "contacts?$orderby=fullname", "--output-file", "all.csv"][..], &select].concat()).done();
    let csv = case.text("all.csv");
    assert!(csv.starts_with("emailaddress1,fullname\n") && csv.lines().count() == 11, "{csv}");
    let labels = ["export", "contacts?$select=statecode&$top=2", "--annotations", "--output-file", "labels.csv"];
    case.run(&labels).done();
    assert!(case.text("labels.csv").lines().nth(1).unwrap().contains("Active"), "{}", case.text("labels.csv"));

    let fetch = "<fetch count='3'><entity name='contact'><attribute name='fullname'/><order attribute='fullname'/></entity></fetch>";
    fs::write(case.at("contacts.xml"), fetch).unwrap();
    let shape = ["--format", "csv", "--select", "fullname"];
    case.run(&[&["export", "--fetch", "contacts.xml", "--output-file", "fetched"][..], &shape].concat()).done();
    let fetched = case.text("fetched");
    assert_eq!(fetched.lines().skip(1).map(|line| line.trim_matches('"')).collect::<Vec<_>>(), expected);

    let none = ["export", "contacts?$filter=fullname eq 'nobody'", "--select", "fullname", "--output-file", "none.csv"];
    assert!(case.run(&none).done().contains("0 rows"));
    assert_eq!(case.text("none.csv"), "fullname\n");
    for name in ["all.jsonl", "all.json", "all.csv", "fetched", "none.csv"] {
        assert!(
            case.left_beside(name).iter().all(|other| !other.contains("journal") && !other.contains("part")),
            "{name}"
        );
        assert!(!case.at(&format!(".{name}.lock")).exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_got_nothing_leaves_nothing() {
    let case = Case::new().await;
    case.run(&["export", "contacts?$select=nmae", "--output-file", "a.csv"]).failed(65);
    assert_eq!(case.left_beside("a.csv"), Vec::<String>::new());
    case.run(&["export", QUERY, "--output-file", "a.csv"]).done();
    let said = case.run(&["export", QUERY, "--output-file", "none/a.csv"]).failed(73);
    assert!(said.contains("there is no folder `none`"), "{said}");
    for more in [&[][..], &["--format", "csv"]] {
        let said = case.run(&[&["export", QUERY, "--output-file", "-"][..], more].concat()).failed(64);
        assert!(said.contains("cannot go to standard output") && said.contains("keyholder query"), "{said}");
    }
    assert!(case.left_beside("part").is_empty() && case.left_beside("journal").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_of_fetch_xml_that_are_first_filled_on_a_later_page_have_their_place() {
    let case = Case::new().await;
    let org = Dataverse::connect(&case.0.connection(), case.0.http().clone()).await.unwrap();
    for name in ["Zz one", "Zz three", "Zz two"] {
        org.create("contacts", &json!({"lastname": name})).await.unwrap();
    }
    let account = org.create("accounts", &json!({"name": "Zz firm"})).await.unwrap();
    let bind = format!("/accounts({account})");
    org.create("contacts", &json!({"lastname": "Zz zz", "fax": "7", "parentcustomerid_account@odata.bind": bind}))
        .await
        .unwrap();
    let behind =
        "<filter><condition attribute='lastname' operator='like' value='Zz%'/></filter><order attribute='lastname'/>";
    let link = "<link-entity name='account' from='accountid' to='parentcustomerid' link-type='outer' alias='firm'>\
                <attribute name='name'/></link-entity>";
    let named = "<attribute name='lastname'/><attribute name='parentcustomerid'/><attribute name='fax' alias='f'/>";
    let header = "lastname,_parentcustomerid_value,f,firm.name,contactid";
    for (columns, name) in [(format!("{named}{link}"), "named"), ("<all-attributes/>".to_owned(), "all")] {
        let document = format!("<fetch count='2'><entity name='contact'>{columns}{behind}</entity></fetch>");
        fs::write(case.at("fetch.xml"), document).unwrap();
        let output = format!("{name}.csv");
        // Definitions that cannot be had now are no reason to do with the first page's columns.
        let definitions = "/api/data/*EntityDefinitions*/Attributes*";
        let order = json!({"fault": "unavailable", "path": definitions, "retryAfter": 0, "requests": 50});
        case.control("POST", "faults", &order).await;
        case.run(&["export", "--fetch", "fetch.xml", "--output-file", &output]).failed(69);
        assert!(!case.at(&output).exists());
        case.control("DELETE", "faults", &Value::Null).await;
        case.run(&["export", "--fetch", "fetch.xml", "--output-file", &output]).done();
        let written = case.text(&output);
        assert_eq!(case.run(&["query", "--fetch", "fetch.xml", "--output", "csv"]).done(), written, "{name}");
        assert!(written.lines().count() == 5 && written.contains("Zz zz"), "{written}");
        if name == "named" {
            assert_eq!(written.lines().next(), Some(header));
            assert!(written.lines().last().unwrap().starts_with(&format!("Zz zz,{account},7,Zz firm,")), "{written}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_are_first_filled_on_a_later_page_have_their_annotations() {
    let case = Case::new().await;
    let org = Dataverse::connect(&case.0.connection(), case.0.http().clone()).await.unwrap();
    // The first page leads to no firm.
    for name in ["Zz one", "Zz three", "Zz two"] {
        org.create("contacts", &json!({"lastname": name})).await.unwrap();
    }
    let account = org.create("accounts", &json!({"name": "Zz firm"})).await.unwrap();
    let filled = json!({"lastname": "Zz zz", "parentcustomerid_account@odata.bind": format!("/accounts({account})")});
    org.create("contacts", &filled).await.unwrap();
    let query = "contacts?$filter=startswith(lastname,'Zz')&$orderby=lastname&$select=lastname,_parentcustomerid_value";
    for (more, name) in [(&[][..], "filled.csv"), (&["--format", "json"], "filled.json")] {
        let export = ["export", query, "--annotations", "--page-size", "2", "--output-file", name];
        case.run(&[&export[..], more].concat()).done();
        let text = case.text(name);
        assert!(text.contains("_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname"), "{text}");
        assert!(text.lines().rev().any(|line| line.contains("Zz firm") && line.contains("account")), "{text}");
    }
    let query = "contacts?$filter=startswith(lastname,'Zz')&$orderby=lastname";
    let select = ["--annotations", "--select", "lastname,_parentcustomerid_value", "--page-size", "2"];
    case.run(&[&["export", query, "--output-file", "selected.csv"][..], &select].concat()).done();
    assert!(case.text("selected.csv").contains("Zz firm,account"), "{}", case.text("selected.csv"));
}

/// Lets one of the next pages take so long that its reader can be killed in its midst; which one, the seed decides.
async fn stall(case: &Case, seed: u64) {
    case.control("DELETE", "faults", &Value::Null).await;
    let order = json!({
        "fault": "latency", "milliseconds": 300_000, "method": "GET", "path": "*/contacts", "requests": 1,
        "probability": 0.4, "seed": seed,
    });
    case.control("POST", "faults", &order).await;
}

/// Runs it until a page stalls, and kills it there; nothing when it ended before.
async fn killed_or_ended(case: &Case, arguments: &[&str]) -> Option<Ended> {
    let mut child = case.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    loop {
        if child.try_wait().unwrap().is_some() {
            let output = child.wait_with_output().unwrap();
            let text = |bytes| String::from_utf8(bytes).unwrap();
            return Some(Ended { status: output.status, out: text(output.stdout), err: text(output.stderr) });
        }
        let faults = case.control("GET", "faults", &Value::Null).await;
        if faults["faults"][0]["struck"] == 1 {
            // SIGKILL, where there are signals.
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_is_killed_again_and_again_has_each_row_once() {
    let case = Case::new().await;
    let org = Dataverse::connect(&case.0.connection(), case.0.http().clone()).await.unwrap();
    for number in 0..6 {
        org.create("contacts", &json!({"lastname": format!("Further {number}")})).await.unwrap();
    }
    fs::write(
        case.at("contacts.xml"),
        "<fetch count='1'><entity name='contact'><attribute name='fullname'/></entity></fetch>",
    )
    .unwrap();
    let columns = ["--select", "fullname"];
    for (name, arguments) in [
        ("killed.csv", [&["export", "contacts", "--page-size", "1"][..], &columns].concat()),
        ("killed.json", vec!["export", QUERY, "--page-size", "1"]),
        ("fetched.csv", [&["export", "--fetch", "contacts.xml"][..], &columns].concat()),
    ] {
        let whole = format!("whole-{name}");
        case.control("DELETE", "faults", &Value::Null).await;
        case.run(&[&arguments[..], &["--output-file", &whole]].concat()).done();
        let killed = [&arguments[..], &["--output-file", name]].concat();
        let mut kills = 0;
        let ended = loop {
            stall(&case, kills).await;
            match killed_or_ended(&case, &killed).await {
                Some(ended) => break ended,
                None => kills += 1,
            }
            assert!(!case.at(name).exists(), "a part is never taken for the whole");
            assert!(case.at(&format!("{name}.part")).exists() && case.at(&format!("{name}.export-journal")).exists());
            assert!(kills < 40, "it never comes to an end");
        };
        assert!(ended.err.contains("going on behind ") && ended.status.success(), "{ended:#?}");
        assert!(kills >= 3, "{name}: killed {kills} times");
        assert_eq!(case.text(name), case.text(&whole), "{name} after {kills} kills");
        assert!(case.left_beside(name).iter().all(|other| other == &whole), "{:?}", case.left_beside(name));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_something_else_answers_are_asked_for_again() {
    let case = Case::new().await;
    case.run(&["export", QUERY, "--output-file", "whole.csv"]).done();
    let export = ["export", QUERY, "--page-size", "1", "--output-file", "a.csv"];
    let order = json!({
        "fault": "html", "method": "GET", "path": "*/contacts", "requests": 1, "probability": 0.4, "seed": 0,
    });
    case.control("POST", "faults", &order).await;
    let said = case.run(&[&export[..], &["--wait", "0"]].concat()).failed(65);
    assert!(said.contains("an HTML page"), "{said}");
    assert_eq!(said.matches("run the same command again").count(), 1, "{said}");
    case.control("DELETE", "faults", &Value::Null).await;
    case.control("POST", "faults", &order).await;
    case.run(&[&export[..], &["--restart"]].concat()).done();
    assert_eq!(case.control("GET", "faults", &Value::Null).await["faults"][0]["struck"], 1);
    assert_eq!(case.text("a.csv"), case.text("whole.csv"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_goes_on_with_its_own_export_alone() {
    let case = Case::new().await;
    // Some pages are there by then.
    let seed = 0;
    let arguments = ["export", "contacts", "--select", "fullname", "--page-size", "1", "--output-file", "a.csv"];
    stall(&case, seed).await;
    assert!(killed_or_ended(&case, &arguments).await.is_none());
    case.control("DELETE", "faults", &Value::Null).await;

    let with = |more: &[&str]| case.run(&[&arguments[..], more].concat());
    let others = ["export", "accounts", "--select", "name", "--output-file", "a.csv"];
    let said = case.run(&others).failed(78);
    assert!(
        said.contains("a.csv.export-journal")
            && said.contains("is of another export: its query was")
            && said.contains("--restart"),
        "{said}"
    );
    assert!(with(&["--format", "jsonl"]).failed(78).contains("its format was `csv`"));

    let sized = ["export", "contacts", "--select", "fullname", "--page-size", "2", "--output-file", "a.csv"];
    assert!(case.run(&sized).failed(78).contains("its `--page-size` was 1, not 2"));
    fs::write(case.at("a.csv"), "mine").unwrap();
    let said = with(&[]).failed(73);
    assert!(said.contains("`a.csv` is there already") && said.contains("--overwrite"), "{said}");
    assert_eq!(case.text("a.csv"), "mine");
    fs::remove_file(case.at("a.csv")).unwrap();

    // Bytes that the journal does not know of were half a page; fewer are somebody else's doing.
    let journal: Value = serde_json::from_str(&case.text("a.csv.export-journal")).unwrap();
    let good = usize::try_from(journal["bytes"].as_u64().unwrap()).unwrap();
    let part = case.text("a.csv.part");
    assert!(part.len() >= good);
    fs::write(case.at("a.csv.part"), format!("{}half a ro", &part[..good])).unwrap();
    with(&[]).done();
    case.run(&["export", "contacts", "--select", "fullname", "--output-file", "b.csv"]).done();
    assert_eq!(case.text("a.csv"), case.text("b.csv"));

    let said = with(&[]).failed(73);
    assert!(said.contains("is there already") && said.contains("--overwrite"), "{said}");
    assert!(!case.at(".a.csv.lock").exists());
    with(&["--overwrite"]).done();

    stall(&case, seed).await;
    let again = ["export", "contacts", "--select", "fullname", "--page-size", "1", "--output-file", "c.csv"];
    assert!(killed_or_ended(&case, &again).await.is_none());
    case.control("DELETE", "faults", &Value::Null).await;
    let bytes = |value: u64| {
        let mut journal: Value = serde_json::from_str(&case.text("c.csv.export-journal")).unwrap();
        journal["bytes"] = json!(value);
        fs::write(case.at("c.csv.export-journal"), journal.to_string()).unwrap();
    };
    bytes(1_000_000);
    let said = case.run(&again).failed(65);
    assert!(said.contains("c.csv.part") && said.contains("somebody has changed it"), "{said}");
    fs::write(case.at("c.csv.export-journal"), "{").unwrap();
    assert!(case.run(&again).failed(65).contains("`c.csv.export-journal` is damaged, or no journal of an export"));
    fs::remove_file(case.at("c.csv.export-journal")).unwrap();
    assert!(case.run(&again).failed(73).contains("no journal of it"));
    case.run(&[&again[..], &["--restart"]].concat()).done();
    assert_eq!(case.text("c.csv"), case.text("b.csv"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_of_a_load_of_the_same_file_stays() {
    let case = Case::new().await;
    fs::write(case.at("c.csv"), "lastname\nOne\nTwo\n").unwrap();
    let load = ["load", "c.csv", "--table", "contacts", "--output", "json"];
    assert_eq!(case.run(&load).json()["rowsNow"], 2);
    let journal = case.text("c.csv.journal");
    let export = ["export", "contacts", "--select", "lastname", "--output-file", "c.csv"];
    for more in [&[][..], &["--restart"]] {
        let said = case.run(&[&export[..], more].concat()).failed(73);
        assert!(said.contains("`c.csv` is there already"), "{said}");
        assert_eq!(case.text("c.csv.journal"), journal);
    }
    assert_eq!(case.run(&load).json()["rowsNow"], 0, "no row is made a second time");
    case.run(&[&export[..], &["--restart", "--overwrite"]].concat()).done();
    assert_eq!(case.text("c.csv").lines().count(), 13);
    assert_eq!(case.text("c.csv.journal"), journal);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_exports_to_one_file_are_kept_apart() {
    let case = Case::new().await;
    let held = keyholder_platform::FolderLock::take(case.path(), ".a.csv.lock").unwrap();
    let said = case.run(&["export", "contacts", "--output-file", "a.csv"]).failed(73);
    assert!(said.contains("another process is exporting to `a.csv`"), "{said}");
    drop(held);
    case.run(&["export", "contacts", "--output-file", "a.csv"]).done();
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_named_and_the_export_goes_on_when_there_is_room() {
    let case = Case::new().await;
    let arguments = ["export", "contacts", "--page-size", "1", "--output-file", "a.jsonl"];
    let program = env!("CARGO_BIN_EXE_keyholder");
    // A file may have some rows and no more; a signal would end the process, so it is not heard.
    let line = format!("ulimit -f 24; trap '' XFSZ; exec {program} {}", arguments.join(" "));
    let mut command = case.command(&[]);
    let mut limited = Command::new("sh");
    limited.args(["-c", &line]).current_dir(case.path());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    let said = ended(&mut limited).failed(73);
    assert!(said.contains("cannot write `a.jsonl.part`") && said.contains("make room for it"), "{said}");
    assert!(said.contains("run the same command again, and it goes on behind them"), "{said}");
    assert!(!case.at("a.jsonl").exists());
    let goes_on = ended(command.args(arguments));
    assert!(goes_on.err.contains("going on behind"), "{goes_on:#?}");
    goes_on.done();
    case.run(&["export", "contacts", "--output-file", "b.jsonl"]).done();
    assert_eq!(case.text("a.jsonl"), case.text("b.jsonl"));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn an_export_that_is_interrupted_says_how_it_goes_on() {
    let case = Case::new().await;
    stall(&case, 0).await;
    let arguments = ["export", "contacts", "--page-size", "1", "--output-file", "a.jsonl"];
    let child = case.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while case.control("GET", "faults", &Value::Null).await["faults"][0]["struck"] == 0 {
        tokio::task::yield_now().await;
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("run the same command again, and it goes on from there"), "{said}");
    assert!(!case.at(".a.jsonl.lock").exists());
    case.control("DELETE", "faults", &Value::Null).await;
    case.run(&arguments).done();
    assert_eq!(case.text("a.jsonl").lines().count(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_exported_is_refused_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let to = |name: &'static str| ["--output-file", name];
    for (arguments, code, said) in [
        ([&["export", "contacts"][..], &to("contacts")].concat(), 64, "--format"),
        ([&["export", "contacts/$count"][..], &to("a.csv")].concat(), 64, "no rows to export"),
        ([&["export", "contacts?=3"][..], &to("a.csv")].concat(), 64, "the shell has replaced"),
        ([&["export", "contacts?$select=a", "--select", "b"][..], &to("a.csv")].concat(), 64, "leave one of them out"),
        ([&["export", "contacts", "--select", "a b"][..], &to("a.csv")].concat(), 64, "name of a column"),
        ([&["export", "contacts", "--page-size", "0"][..], &to("a.csv")].concat(), 64, "--page-size"),
        ([&["export"][..], &to("a.csv")].concat(), 64, "TABLE|QUERY"),
        (vec!["export", "contacts"], 64, "--output-file"),
        ([&["export", "contacts", "--format", "csv"][..], &to(".")].concat(), 65, "no regular file"),
        ([&["export", "contacts"][..], &to("none/a.csv")].concat(), 73, "none"),
    ] {
        let ended = ended(keyholder(folder.path()).args(&arguments));
        assert_eq!(ended.code(), code, "{arguments:?}: {ended:#?}");
        assert!(ended.err.contains(said), "{arguments:?}: {ended:#?}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
}
