//! `query` as CSV, with annotations and in others' names; `token --decode`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use keyholder_testkit::World;
use serde_json::Value;

use crate::connection::as_admin;
use crate::program::{as_administrator, run};

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_written_as_csv_with_one_header_for_all_pages() {
    let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
    let ask = |arguments: &[&str]| as_admin(&world, folder.path(), arguments);
    for name in ["lastname=O'Brien, \"Bo\"", "lastname=two\nlines"] {
        ask(&["create", "contacts", "--set", name]).done();
    }
    let query = "contacts?$select=lastname,emailaddress1,statecode&$orderby=createdon desc,lastname&$top=2";
    let told = ask(&["query", query, "--output", "csv"]);
    let text = told.out.as_str();
    assert!(text.starts_with("lastname,emailaddress1,statecode,contactid\n"), "{told:#?}");
    assert!(text.contains("\n\"O'Brien, \"\"Bo\"\"\",,0,") && text.contains("\n\"two\nlines\",,0,"), "{text}");
    assert_eq!(told.err, "");

    let query = "contacts?$select=statecode&$top=1";
    let plain = ask(&["query", query, "--output", "csv"]).done();
    let annotated = ask(&["query", query, "--output", "csv", "--annotations"]).done();
    assert!(plain.starts_with("statecode,contactid\n0,"), "{plain}");
    assert!(annotated.contains("statecode@OData.Community.Display.V1.FormattedValue") && annotated.contains("Active"));
    assert!(!annotated.contains("etag"), "{annotated}");
    let rows: Value = ask(&["query", query, "--annotations", "--output", "json"]).json();
    assert_eq!(rows[0]["statecode@OData.Community.Display.V1.FormattedValue"], "Active");

    let none = ask(&["query", "contacts?$filter=lastname eq 'nobody'", "--output", "csv"]);
    assert!(none.out.is_empty() && none.err.contains("no rows") && none.code() == 0, "{none:#?}");
    let said = ask(&["whoami", "--output", "csv"]).failed(64);
    assert!(said.contains("only rows are written as CSV"), "{said}");
    let me = ask(&["whoami", "--output", "json"]).json()["userId"].as_str().unwrap().to_owned();
    ask(&["query", "contacts?$top=1", "--impersonate", &me]).done();
    let nobody = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11";
    assert_ne!(ask(&["query", "contacts?$top=1", "--impersonate", nobody]).code(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn fetch_xml_is_read_page_by_page_to_its_end() {
    let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
    let ask = |arguments: &[&str]| as_admin(&world, folder.path(), arguments);
    let write = |text: &str| std::fs::write(folder.path().join("f.xml"), text).unwrap();
    let names = |arguments: &[&str]| -> Vec<String> {
        let rows = ask(&[arguments, &["--output", "json"]].concat()).json();
        rows.as_array().unwrap().iter().map(|row| row["lastname"].as_str().unwrap().to_owned()).collect()
    };
    let entity = "<entity name='contact'><attribute name='lastname'/><order attribute='lastname'/></entity>";
    let all = names(&["query", "contacts?$select=lastname&$orderby=lastname"]);
    assert_eq!(all.len(), 10);
    write(&format!("<!-- ours --><fetch count='3'>{entity}</fetch>"));
    assert_eq!(names(&["query", "--fetch", "f.xml"]), all, "four pages");
    assert_eq!(names(&["query", "contacts", "--fetch", "f.xml"]), all);
    let csv = ask(&["query", "--fetch", "f.xml", "--output", "csv"]).done();
    assert_eq!((csv.lines().count(), csv.matches("lastname").count()), (11, 1), "{csv}");
    let lines = ask(&["query", "--fetch", "f.xml", "--output", "jsonl", "--annotations"]).done();
    assert!(lines.lines().count() == 10 && !lines.contains("pagingcookie"), "{lines}");
    write(&format!("<fetch count='3' page='2'>{entity}</fetch>"));
    assert_eq!(names(&["query", "--fetch", "f.xml"]), all[3..6], "a page that is named is that page alone");
    write(&format!("<fetch top='2'>{entity}</fetch>"));
    assert_eq!(names(&["query", "--fetch", "f.xml"]), all[..2]);

    write("select * from contacts");
    assert!(ask(&["query", "--fetch", "f.xml"]).failed(78).contains("is no FetchXML"));
    write("<fetch><entity name='kontakt'/></fetch>");
    let said = ask(&["query", "--fetch", "f.xml"]).failed(65);
    assert!(said.contains("`kontakt`: it has no table of that name") && !said.contains("EntityDefinitions"), "{said}");
    assert!(ask(&["query", "contacts?$top=1", "--fetch", "f.xml"]).failed(64).contains("is no entity set"));
    ask(&["query", "--fetch", "none.xml"]).failed(73);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_csv_that_stops_early_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let _org = crate::program::RunningOrg::start(folder.path(), &["--listen", "127.0.0.1:0"]);
    run(folder.path(), &["org", "sample", "--rows", "6000", "--seed", "1"]).done();
    let all = ["query", "contacts?$select=fullname", "--output", "csv"];
    let mut child =
        as_administrator(folder.path()).args(all).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "fullname,contactid\n");
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success() && ended.stderr.is_empty(), "{ended:?}");
    let whole = crate::program::ended(as_administrator(folder.path()).args(all)).done();
    let headers = whole.lines().filter(|line| line.starts_with("fullname,")).count();
    assert!(headers == 1 && whole.lines().count() > 6000, "two pages under one header: {}", whole.lines().count());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_explained_and_never_shown() {
    let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
    let ask = |arguments: &[&str]| as_admin(&world, folder.path(), arguments);
    let token = ask(&["token"]).done();
    let words = ask(&["token", "--decode"]).done();
    for expected in [
        "the resource that it opens, and no other",
        "the application proved itself by a client secret",
        &world.admin().client_id,
        &world.tenant(),
    ] {
        assert!(words.contains(expected), "no {expected} in {words}");
    }
    let json = ask(&["token", "--decode", "--output", "json"]).done();
    let told: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(told["claims"]["tid"]["value"], world.tenant().as_str());
    assert!(told["header"]["alg"]["meaning"].is_string());
    for (claim, explained) in told["claims"].as_object().unwrap() {
        assert!(explained["meaning"].is_string(), "nothing is said of {claim}");
    }
    for part in token.trim().split('.') {
        assert!(!words.contains(part) && !json.contains(part), "a part of a token is shown");
    }
    ask(&["token", "--decode", "--as-header"]).failed(64);
}
