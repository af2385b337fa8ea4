//! `keyholder plan` and `keyholder apply` on the local org, as an administrator runs them.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{Ended, RunningOrg, free_port, run};

const FILE: &str = r#"
name = "integrations"

[orgs.prod]
url = "https://contoso.crm4.dynamics.com"

[roles.orders]
name = "Orders integration"

[roles.orders.privileges]
contact = "read:organization write:business-unit"
account = "read:organization"

[application-users.orders-sync]
orgs = ["prod"]
roles = ["orders"]
credential.secret = { lifetime = "90d", env-file = "orders.env" }
"#;

/// A folder with that declaration and a running local org.
fn world(file: &str, flags: &[&str]) -> (tempfile::TempDir, RunningOrg) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("keyholder.toml"), file).unwrap();
    let port = free_port();
    let mut arguments = vec!["--listen", port.as_str()];
    arguments.extend(flags);
    let org = RunningOrg::start(folder.path(), &arguments);
    (folder, org)
}

fn plan(folder: &Path, more: &[&str]) -> Ended {
    run(folder, &[&["plan", "--local"], more].concat())
}

fn apply(folder: &Path, more: &[&str]) -> Ended {
    run(folder, &[&["apply", "--local", "--yes"], more].concat())
}

fn summary(ended: &Ended, code: i32) -> Value {
    assert_eq!(ended.code(), code, "{ended:#?}");
    serde_json::from_str::<Value>(&ended.out).unwrap()["summary"].clone()
}

#[test]
fn s05_s07_s10_s13_declared_planned_applied_and_nothing_is_left_to_do() {
    let (folder, _org) = world(FILE, &[]);
    let here = folder.path();
    let said = plan(here, &[]);
    assert_eq!(said.code(), 2, "{said:#?}");
    for expected in [
        "+ app registration `orders-sync`",
        "+ security role `Orders integration`",
        "may read every account in the org",
        "may change the contacts of its business unit",
        "6 to make, 0 to change, 0 to remove",
    ] {
        assert!(said.out.contains(expected), "no {expected} in {}", said.out);
    }
    // Planning changes nothing.
    assert_eq!(summary(&plan(here, &["--output", "json"]), 2)["make"], 6);
    assert!(!here.join("orders.env").exists());

    let done = apply(here, &[]).done();
    assert!(done.contains("created  security role `Orders integration` in prod"), "{done}");
    assert!(done.contains("one way in was proved"), "{done}");
    let rows = run(here, &["query", "contacts?$top=2", "--env-file", "orders.env", "--output", "json"]).json();
    assert_eq!(rows.as_array().unwrap().len(), 2);

    let nothing = plan(here, &[]);
    assert_eq!(nothing.code(), 0, "{nothing:#?}");
    assert!(nothing.out.contains("Nothing to do"), "{}", nothing.out);
    assert_eq!(summary(&plan(here, &["--output", "json"]), 0)["keep"], 6);
    assert!(apply(here, &[]).done().contains("Nothing to do"));
}

#[test]
fn nothing_is_done_unless_it_is_agreed_to() {
    let (folder, _org) = world(FILE, &[]);
    let said = run(folder.path(), &["apply", "--local"]).failed(64);
    assert!(said.contains("nothing was done") && said.contains("--yes"), "{said}");
    assert_eq!(plan(folder.path(), &[]).code(), 2);
}

#[test]
fn a_saved_plan_is_done_or_refused_when_the_world_has_moved() {
    let (folder, _org) = world(FILE, &[]);
    let here = folder.path();
    assert_eq!(plan(here, &["--out", "saved.json"]).code(), 2);
    apply(here, &["--plan", "saved.json"]).done();
    assert_eq!(plan(here, &[]).code(), 0);
    let said = apply(here, &["--plan", "saved.json"]).failed(65);
    assert!(said.contains("not what has to be done any more"), "{said}");
    fs::write(here.join("saved.json"), "{}").unwrap();
    assert!(apply(here, &["--plan", "saved.json"]).failed(65).contains("is no saved plan"));
}

#[test]
fn s22_several_orgs_are_rehearsed_side_by_side() {
    let two = FILE
        .replace("[roles.orders]", "[orgs.test]\nurl = \"https://contoso-test.crm4.dynamics.com\"\n\n[roles.orders]")
        .replace(r#"orgs = ["prod"]"#, r#"orgs = ["prod", "test"]"#);
    let (folder, _org) = world(&two, &[]);
    let done = apply(folder.path(), &["--output", "json"]).json();
    assert_eq!(done["proved"].as_array().unwrap().len(), 2, "{done:#}");
    assert_eq!(done["failures"].as_array().unwrap().len(), 0, "{done:#}");
    assert_eq!(plan(folder.path(), &[]).code(), 0);
}

#[test]
fn what_is_no_longer_declared_goes_only_when_it_is_asked_for() {
    let (folder, _org) = world(FILE, &[]);
    let here = folder.path();
    apply(here, &[]).done();
    let start = FILE.find("[roles.orders]").unwrap();
    fs::write(here.join("keyholder.toml"), &FILE[..start]).unwrap();
    assert_eq!(plan(here, &[]).code(), 0);
    let said = plan(here, &["--prune"]);
    assert_eq!(said.code(), 2, "{said:#?}");
    assert!(said.out.contains("- application user of `orders-sync`"), "{}", said.out);
    apply(here, &["--prune"]).done();
    assert_eq!(plan(here, &["--prune"]).code(), 0);
    assert_eq!(run(here, &["whoami", "--env-file", "orders.env"]).code(), 77);
}

#[test]
fn s25_the_secret_is_nowhere_but_in_its_file() {
    let (folder, _org) = world(FILE, &[]);
    let here = folder.path();
    let mut said = String::new();
    for more in [&["--output", "jsonl"][..], &["--output", "json"], &[]] {
        for ended in [plan(here, &[more, &["--out", "saved.json"]].concat()), apply(here, more)] {
            said.push_str(&ended.out);
            said.push_str(&ended.err);
        }
        said.push_str(&fs::read_to_string(here.join("saved.json")).unwrap());
    }
    let env = fs::read_to_string(here.join("orders.env")).unwrap();
    let secret = env.lines().find_map(|line| line.strip_prefix("KEYHOLDER_CLIENT_SECRET=")).unwrap();
    let secret = secret.trim_matches('\'');
    assert!(secret.len() >= 32 && !said.contains(secret));
}
