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

/// Where the secret goes, this being a rehearsal.
const ENV: &str = ".keyholder/rehearsal/orders-sync/orders.env";

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
    assert!(!here.join(ENV).exists());

    let done = apply(here, &[]).done();
    assert!(done.contains("created  security role `Orders integration` in prod"), "{done}");
    assert!(done.contains("one way in was proved"), "{done}");
    let rows = run(here, &["query", "contacts?$top=2", "--env-file", ENV, "--output", "json"]).json();
    assert_eq!(rows.as_array().unwrap().len(), 2);

    let nothing = plan(here, &[]);
    assert_eq!(nothing.code(), 0, "{nothing:#?}");
    assert!(nothing.out.contains("Nothing to do"), "{}", nothing.out);
    assert_eq!(summary(&plan(here, &["--output", "json"]), 0)["keep"], 6);
    assert!(apply(here, &[]).done().contains("Nothing to do"));
}

#[cfg(unix)]
#[test]
fn a_rehearsal_leaves_the_declared_places_alone() {
    let places = r#"
credential.secret = { lifetime = "90d", file = "production-secret" }

[application-users.billing]
orgs = ["prod"]
roles = ["orders"]
credential.secret = { lifetime = "90d", command = ["./vault", "put", "billing"] }

[application-users.ledger]
orgs = ["prod"]
roles = ["orders"]
credential.secret = { lifetime = "90d", env-file = "elsewhere/production-secret" }

[non-interactive-users."../legacy"]
user-name = "svc-legacy@contoso.com"
roles = ["orders"]
usage-location = "DE"
password = { file = "production-secret-of-legacy" }
"#;
    let declared = FILE.find("credential.secret").unwrap();
    let (folder, _org) = world(&format!("{}{}", &FILE[..declared], places.trim_start()), &[]);
    let here = folder.path();
    fs::write(here.join("production-secret"), "the-secret-of-production").unwrap();
    fs::write(here.join("production-secret-of-legacy"), "the-password-of-production").unwrap();
    fs::write(here.join("vault"), "#!/bin/sh\ncat >was-run\n").unwrap();
    fs::set_permissions(here.join("vault"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let planned = plan(here, &[]);
    assert!(planned.err.contains("`./vault` is not run"), "{planned:#?}");
    let applied = apply(here, &[]);
    assert_eq!(applied.code(), 0, "{applied:#?}");
    assert!(applied.err.contains("production-secret` is not touched"), "{applied:#?}");
    assert_eq!(fs::read_to_string(here.join("production-secret")).unwrap(), "the-secret-of-production");
    assert_eq!(fs::read_to_string(here.join("production-secret-of-legacy")).unwrap(), "the-password-of-production");
    assert!(!here.join("was-run").exists() && !here.join("elsewhere").exists());
    let apart = |file: &str| fs::read_to_string(here.join(".keyholder/rehearsal").join(file)).unwrap();
    let all = ["orders-sync/production-secret", "billing/vault", "ledger/production-secret"];
    for file in all.iter().chain(&["-legacy/production-secret-of-legacy"]) {
        assert!(apart(file).len() >= 24, "{file}");
    }
    assert_eq!(plan(here, &[]).code(), 0);
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
    let orgs = || run(folder.path(), &["org", "list", "--output", "json"]).json();
    let before = orgs();
    let said = plan(folder.path(), &[]).failed(78);
    assert!(said.contains("there is no local org prod in") && said.contains("`keyholder apply`"), "{said}");
    assert_eq!(orgs(), before, "a plan makes none");
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
    assert!(said.out.contains("- key of `orders-sync` in `") && here.join(ENV).exists(), "{}", said.out);
    let kept = fs::read_to_string(here.join(ENV)).unwrap();
    apply(here, &["--prune"]).done();
    assert_eq!(plan(here, &["--prune"]).code(), 0);
    assert!(!here.join(ENV).exists(), "its key went with it");
    fs::write(here.join("kept.env"), kept).unwrap();
    assert_eq!(run(here, &["whoami", "--env-file", "kept.env"]).code(), 77);
}

#[test]
fn a_key_that_is_not_known_again_is_named_and_left() {
    let (folder, _org) = world(FILE, &[]);
    let here = folder.path();
    apply(here, &[]).done();
    let start = FILE.find("[roles.orders]").unwrap();
    fs::write(here.join("keyholder.toml"), &FILE[..start]).unwrap();
    // As on another machine, or where somebody has put another file there.
    let env = here.join(ENV);
    let place = env.with_file_name(format!(".{}.place", env.file_name().unwrap().to_str().unwrap()));
    fs::remove_file(place).unwrap();
    let said = apply(here, &["--prune"]).done();
    assert!(said.contains("note: a key of `orders-sync` was written to `") && env.exists(), "{said}");
    assert!(said.contains("removed  app registration `orders-sync`"), "{said}");
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
    let env = fs::read_to_string(here.join(ENV)).unwrap();
    let secret = env.lines().find_map(|line| line.strip_prefix("KEYHOLDER_CLIENT_SECRET=")).unwrap();
    let secret = secret.trim_matches('\'');
    assert!(secret.len() >= 32 && !said.contains(secret));
}

#[test]
fn s07_s08_a_declared_certificate_signs_in_and_its_key_is_nowhere_but_in_its_file() {
    let certificate = FILE.replace("credential.secret", "credential.certificate");
    let (folder, _org) = world(&certificate, &["--directory-lag", "2s"]);
    let here = folder.path();
    let mut said = String::new();
    for more in [&["--output", "jsonl"][..], &["--output", "json"], &[]] {
        for ended in [plan(here, &[more, &["--out", "saved.json"]].concat()), apply(here, more)] {
            assert!([0, 2].contains(&ended.code()), "{ended:#?}");
            said.push_str(&ended.out);
            said.push_str(&ended.err);
        }
        said.push_str(&fs::read_to_string(here.join("saved.json")).unwrap());
    }
    assert!(said.contains("certificateId"), "{said}");
    said.push_str(&fs::read_to_string(here.join(ENV)).unwrap());
    let pem = fs::read_to_string(here.join(format!("{ENV}.pem"))).unwrap();
    let private = pem.split("-----END PRIVATE KEY-----").next().unwrap();
    let lines: Vec<&str> = private.lines().filter(|line| !line.starts_with('-')).collect();
    assert!(lines.len() > 20 && lines.iter().all(|line| !said.contains(line)));
    run(here, &["whoami", "--env-file", ENV]).done();
    assert_eq!(plan(here, &[]).code(), 0);

    // Lost, it is made anew; the old one goes.
    fs::remove_file(here.join(format!("{ENV}.pem"))).unwrap();
    let again = plan(here, &[]);
    assert!(again.code() == 2 && again.out.contains("is missing"), "{again:#?}");
    assert!(apply(here, &[]).done().contains("removed 1 of its own earlier"));
    run(here, &["whoami", "--env-file", ENV]).done();
    assert_eq!(plan(here, &[]).code(), 0);
}

/// A user whose role no org has, beside one that can be had.
const STOPPED: &str = r#"
[roles.nowhere]
existing = "No such role"

[application-users.billing]
orgs = ["prod"]
roles = ["nowhere"]
credential.secret = { lifetime = "90d", env-file = "billing.env" }
"#;

#[test]
fn what_is_stopped_is_in_the_one_document_and_named_for_people() {
    let (folder, _org) = world(&format!("{FILE}{STOPPED}"), &[]);
    let here = folder.path();
    for command in ["plan", "apply"] {
        let yes: &[&str] = if command == "apply" { &["--yes"] } else { &[] };
        let said = run(here, &[&[command, "--local", "--output", "json"], yes].concat());
        assert_eq!(said.code(), 78, "{said:#?}");
        let document: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:#?}"));
        assert_eq!(document["error"]["exitCode"], 78, "{document:#}");
        assert!(document["error"]["message"].as_str().unwrap().contains("No such role"), "{document:#}");
        assert!(document["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == "noSuchRole"));
        assert!(said.err.contains("No such role"), "people are told beside it: {said:#?}");
    }
    // The rest is done by now.
    let said = plan(here, &[]);
    assert_eq!(said.code(), 78, "{said:#?}");
    assert!(said.out.contains("Nothing can be done now; stopped: `nowhere` in prod."), "{}", said.out);
    assert!(!said.out.contains("everything that is declared is in place"), "{}", said.out);
}

#[test]
fn a_saved_plan_is_told_with_the_flags_that_it_needs() {
    let (folder, _org) = world(FILE, &[]);
    let here = folder.path();
    fs::rename(here.join("keyholder.toml"), here.join("my orgs.toml")).unwrap();
    let said = plan(here, &["--file", "my orgs.toml", "--out", "saved.json"]);
    assert!(said.out.contains("`keyholder apply --plan saved.json --file 'my orgs.toml' --local`"), "{}", said.out);
    let missing = plan(here, &[]);
    assert!(missing.err.contains("keyholder init"), "{missing:#?}");
}
