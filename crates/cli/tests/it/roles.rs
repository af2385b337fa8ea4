//! `keyholder role`, as an administrator runs it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{Ended, RunningOrg, free_port, run};

const NAME: &str = "Orders integration";

fn world() -> (tempfile::TempDir, RunningOrg) {
    let folder = tempfile::tempdir().unwrap();
    let org = RunningOrg::start(folder.path(), &["--listen", &free_port()]);
    (folder, org)
}

fn role(folder: &Path, arguments: &[&str]) -> Ended {
    run(folder, &[&["role"], arguments, &["--local"]].concat())
}

const CREATE: [&str; 6] = [
    "create",
    NAME,
    "--grant",
    "contact=read:organization write:business-unit",
    "--grant",
    "account=read:organization",
];

#[test]
fn s10_a_role_is_made_shown_and_found_again() {
    let (folder, _org) = world();
    let here = folder.path();
    let said = role(here, &[&CREATE[..], &["--dry-run"]].concat());
    assert_eq!(said.code(), 2, "{said:#?}");
    assert!(said.out.contains("may read every account in the org") && said.out.contains("1 to make"), "{}", said.out);
    assert!(role(here, &CREATE).failed(64).contains("--yes"));
    let done = role(here, &[&CREATE[..], &["--yes"]].concat()).done();
    assert!(done.contains("created  security role `Orders integration`"), "{done}");
    let again = role(here, &[&CREATE[..], &["--yes", "--output", "json"]].concat()).json();
    assert_eq!(again["changed"], false);
    assert_eq!(role(here, &[&CREATE[..], &["--dry-run"]].concat()).code(), 0);

    let save = ["--save-env", "orders.env", "--yes", "--local"];
    run(here, &[&["app-user", "create", "orders-sync", "--role", NAME], &save[..]].concat()).done();
    let shown = role(here, &["show", NAME]).done();
    for expected in [
        "made by   Keyholder",
        "orders-sync (application ",
        "may read every contact in the org",
        "may change the contacts of its business unit",
        "contact = \"read:organization write:business-unit\"",
    ] {
        assert!(shown.contains(expected), "no {expected} in {shown}");
    }
    let shown = role(here, &["show", NAME, "--output", "json"]).json();
    assert_eq!(shown["rights"]["account"], "read:organization");
    assert_eq!(shown["heldBy"]["users"].as_array().unwrap().len(), 1);
    assert_eq!(shown["privileges"]["prvReadContact"], "Global", "{shown:#}");
    let by_id = role(here, &["show", shown["id"].as_str().unwrap(), "--output", "json"]).json();
    assert_eq!(by_id["name"], NAME);

    let listed = role(here, &["list", "--output", "json"]).json();
    let of =
        |name: &str| listed["roles"].as_array().unwrap().iter().find(|role| role["name"] == name).cloned().unwrap();
    assert_eq!(of(NAME)["madeByKeyholder"], true);
    assert_eq!(of("System Administrator")["isSystemAdministrator"], true);
    for role in listed["roles"].as_array().unwrap() {
        assert_eq!(role["comesWithTheOrg"], role["name"] != NAME, "nobody else has made one: {role}");
    }
    assert!(role(here, &["list"]).done().contains("System Customizer"));
    assert!(role(here, &["show", "No such role"]).failed(78).contains("has no role called"));
}

#[test]
fn s10_a_depth_that_a_table_does_not_have_is_said_before_anything_is_made() {
    let (folder, _org) = world();
    let here = folder.path();
    let said = role(here, &["create", NAME, "--grant", "transactioncurrency=read:user", "--yes"]).failed(78);
    assert!(said.contains("prvReadTransactionCurrency for own rows") && said.contains("read:organization"), "{said}");
    assert!(role(here, &["show", NAME]).failed(78).contains("has no role called"), "nothing was made");
    role(here, &["create", NAME, "--grant", "transactioncurrency=read:organization", "--yes"]).done();
}

#[test]
fn s10_roles_of_unpacked_solutions_are_made_without_what_the_org_does_not_have() {
    let shared = std::env::var_os("KEYHOLDER_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let Ok(files) = fs::read_dir(shared.join("data/roles/unpacked")) else {
        println!("skipped: no roles of unpacked solutions are at hand");
        return;
    };
    let (folder, _org) = world();
    let files: Vec<String> = files.map(|file| file.unwrap().path().display().to_string()).collect();
    let mut whole = 0;
    for (number, file) in files.iter().filter(|file| file.ends_with(".xml")).enumerate() {
        let name = format!("Role {number}");
        let create = ["create", &name, "--from-file", file, "--yes"];
        let made = role(folder.path(), &create);
        if made.code() == 0 {
            whole += 1;
            continue;
        }
        // Tables of those solutions alone are unknown here.
        let said = made.failed(78);
        assert!(said.contains("has no privilege called prv") && said.contains("--leave-out-unknown"), "{said}");
        let made = role(folder.path(), &[&create[..], &["--leave-out-unknown"]].concat());
        let left = made.err.split_once("no such privilege: ").unwrap().1.lines().next().unwrap().to_owned();
        assert!(left.split(", ").all(|privilege| privilege.contains('_')), "{file}: {left}");
        made.done();
    }
    assert!(whole > 0, "one of them names the platform's privileges alone");
}

#[test]
fn s10_a_role_with_other_content_is_changed_only_when_that_is_said() {
    let (folder, _org) = world();
    let here = folder.path();
    role(here, &[&CREATE[..], &["--yes"]].concat()).done();
    let other = ["create", NAME, "--grant", "contact=read:organization", "--grant", "systemuser=read:own", "--yes"];
    let said = role(here, &other).failed(78);
    assert!(said.contains("it lacked prvReadUser"), "{said}");
    assert!(said.contains("prvWriteContact") && said.contains("--update"), "{said}");
    assert!(role(here, &["show", NAME]).done().contains("may read every account"), "it is as it was");
    role(here, &[&other[..], &["--update"]].concat()).done();
    let shown = role(here, &["show", NAME]).done();
    assert!(!shown.contains("account") && !shown.contains("change"), "{shown}");
    // One that comes with the org is not taken over by accident.
    let said = role(here, &["create", "System Customizer", "--grant", "contact=read:organization", "--yes"]);
    assert_ne!(said.code(), 0, "{said:#?}");
}

#[test]
fn s10_roles_are_compared_with_roles_files_and_declarations_and_come_back_from_what_is_exported() {
    let (folder, _org) = world();
    let here = folder.path();
    role(here, &[&CREATE[..], &["--yes"]].concat()).done();
    role(here, &["create", "Reader", "--grant", "contact=read:business-unit", "--yes"]).done();
    let differ = role(here, &["diff", NAME, "Reader"]);
    assert_eq!(differ.code(), 2, "{differ:#?}");
    for expected in ["- prvReadAccount (Global)", "- prvWriteContact (Local)", "~ prvReadContact (Global and Local)"] {
        assert!(differ.out.contains(expected), "no {expected} in {}", differ.out);
    }
    assert!(role(here, &["diff", NAME, NAME]).done().contains("grant the same"));

    let xml = role(here, &["export", NAME, "--xml"]).done();
    fs::write(here.join("Orders.xml"), &xml).unwrap();
    assert_eq!(role(here, &["diff", NAME, "--file", "Orders.xml"]).code(), 0);
    assert_eq!(role(here, &["diff", "Reader", "--file", "Orders.xml"]).code(), 2);
    role(here, &["create", "From file", "--from-file", "Orders.xml", "--yes"]).done();
    assert_eq!(role(here, &["diff", NAME, "From file"]).code(), 0);

    let toml = role(here, &["export", NAME]).done();
    fs::write(here.join("keyholder.toml"), &toml).unwrap();
    assert!(toml.contains("contact = \"read:organization write:business-unit\""), "{toml}");
    assert_eq!(role(here, &["diff", NAME, "--declared", NAME]).code(), 0, "{toml}");
    assert!(role(here, &["diff", NAME, "--declared", "other"]).failed(78).contains("declares no role `other`"));
    assert!(role(here, &["diff", NAME]).failed(64).contains("nothing says what to compare"));
    fs::write(here.join("broken.xml"), "<Role>").unwrap();
    assert!(role(here, &["diff", NAME, "--file", "broken.xml"]).failed(65).contains("broken.xml"));
}
