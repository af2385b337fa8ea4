//! `keyholder non-interactive`, as people and pipelines run it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{Ended, RunningOrg, free_port, run};

const USER: &str = "svc-orders@keyholder.localhost";
const ENV: &str = "svc-orders.env";

fn non_interactive(folder: &Path, arguments: &[&str]) -> Ended {
    run(folder, &[&["non-interactive"], arguments, &["--local"]].concat())
}

fn create(folder: &Path, more: &[&str]) -> Ended {
    let fixed = ["create", USER, "--usage-location", "de", "--save-env", ENV];
    non_interactive(folder, &[&fixed, more].concat())
}

fn outcomes(facts: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    facts["steps"].as_array().unwrap().iter().map(|step| word(&step["step"]) + " " + &word(&step["outcome"])).collect()
}

fn password(folder: &Path) -> String {
    let text = fs::read_to_string(folder.join(ENV)).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("KEYHOLDER_PASSWORD=")).unwrap().to_owned();
    line.trim_matches('\'').to_owned()
}

#[test]
fn s01_s02_s03_s26_made_listed_converted_and_removed_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let org = RunningOrg::start(folder, &["--listen", &free_port()]);
    let planned = create(folder, &["--dry-run"]).done();
    assert!(planned.contains("+ directory user") && planned.contains("borrowed") && !folder.join(ENV).exists());

    let made = create(folder, &["--output", "json"]).json();
    assert_eq!(
        outcomes(&made),
        [
            "person created",
            "password created",
            "licence created",
            "orgUser created",
            "roleAssignment created",
            "accessMode changed",
            "licenceReturn removed",
            "confirmation proved",
            "signIn proved",
        ]
    );
    let result = &made["result"];
    assert_eq!(
        (&result["changed"], &result["orgs"][0]["slotsUsed"], &result["orgs"][0]["slotsLimit"]),
        (&true.into(), &1.into(), &7.into())
    );
    assert_eq!(result["orgs"][0]["roles"][0]["name"], "Basic User");
    let again = create(folder, &[]);
    let again = again.done();
    assert!(again.contains("Nothing had to be changed") && again.contains("1 of at most 7 places"), "{again}");
    assert!(create(folder, &["--dry-run"]).done().contains("Nothing is left to do"));

    // The env file is a whole way in for other commands.
    let who = run(folder, &["whoami", "--env-file", ENV, "--output", "json"]).json();
    let id = |who: &Value| who["UserId"].as_str().or(who["userId"].as_str()).unwrap().to_owned();
    assert_eq!(id(&who), result["orgs"][0]["userId"].as_str().unwrap());

    let listed = non_interactive(folder, &["list"]).done();
    assert!(listed.contains("1 of at most 7") && listed.contains(USER) && listed.contains("no licence"), "{listed}");
    let listed = non_interactive(folder, &["list", "--limit", "5", "--output", "json"]).json();
    assert_eq!(listed["orgs"][0]["slotsLimit"], 5);
    assert_eq!(listed["orgs"][0]["nonInteractive"][0]["userName"], USER);

    let converted = non_interactive(folder, &["convert", USER, "--output", "json"]).json();
    assert_eq!(converted["result"]["changed"], false, "{converted}");
    // The way out: an application with the same rights, and who still has to be moved.
    let moved = non_interactive(folder, &["migrate", USER, "--save-env", "app.env", "--output", "json"]).json();
    let result = &moved["result"];
    assert_eq!((&result["roles"], &result["missing"]), (&serde_json::json!(["Basic User"]), &serde_json::json!([])));
    assert_eq!(result["stillUsed"][0]["application"], "Dynamics 365 Development Tools", "{moved}");
    let again = non_interactive(folder, &["migrate", USER, "--save-env", "app.env"]).done();
    assert!(again.contains("Still signing in") && again.contains("roles: Basic User"), "{again}");
    let who = run(folder, &["whoami", "--env-file", "app.env", "--output", "json"]).json();
    assert_eq!(id(&who), result["successor"]["userId"].as_str().unwrap());

    let removed = non_interactive(folder, &["release", USER, "--slot", "remove", "--output", "json"]).json();
    assert_eq!(removed["result"]["slotsFreed"].as_array().unwrap().len(), 1, "{removed}");
    assert!(non_interactive(folder, &["list"]).done().contains("0 of at most 7"));
    drop(org);
}

#[test]
fn s25_the_password_may_go_to_a_program() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _org = RunningOrg::start(folder, &["--listen", &free_port()]);
    fs::write(folder.join("vault.sh"), "cat > got\n").unwrap();
    let saved = ["create", USER, "--usage-location", "DE", "--save-with", "sh vault.sh"];
    let said = run(folder, &[&["non-interactive"][..], &saved, &["--local"]].concat());
    let got = fs::read_to_string(folder.join("got")).unwrap();
    assert!(got.trim().len() >= 24 && !said.out.contains(got.trim()) && !said.err.contains(got.trim()), "{said:#?}");
    said.done();
}

#[test]
fn s25_no_output_holds_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _org = RunningOrg::start(folder, &["--listen", &free_port()]);
    let text = create(folder, &[]);
    let json = create(folder, &["--output", "json"]);
    let list = non_interactive(folder, &["list", "--output", "json"]);
    let password = password(folder);
    assert!(password.len() >= 24);
    for ended in [&text, &json, &list] {
        assert_eq!(ended.code(), 0, "{ended:#?}");
        assert!(!ended.out.contains(&password) && !ended.err.contains(&password));
    }
}

#[test]
fn what_cannot_be_had_is_told_with_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _org = RunningOrg::start(folder, &["--listen", &free_port()]);
    let said = create(folder, &["--role", "Nope"]).failed(78);
    assert!(said.contains("no security role `Nope`"), "{said}");
    let said = create(folder, &["--licence", "NOPE"]).failed(78);
    assert!(said.contains("no licence `NOPE`") && said.contains("DYN365_ENTERPRISE_PLAN1: "), "{said}");
    let said = create(folder, &["--role", "System Administrator"]).failed(78);
    assert!(said.contains("--i-know"), "{said}");
    let said = non_interactive(folder, &["create", "svc@keyholder.localhost", "--save-env", "a.env"]).failed(78);
    assert!(said.contains("--usage-location"), "{said}");
    let said = non_interactive(folder, &["convert", "nobody@keyholder.localhost"]).failed(78);
    assert!(said.contains("no person"), "{said}");
    assert_eq!(non_interactive(folder, &["create", USER]).code(), 64, "a place for the password is needed");
    assert_eq!(create(folder, &["--usage-location", "Germany"]).code(), 64);
    assert!(!folder.join(ENV).exists());
}

#[test]
fn s03_declared_rehearsed_applied_and_nothing_is_left_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(
        folder.join("keyholder.toml"),
        r#"
[orgs.prod]
url = "https://contoso.crm4.dynamics.com"

[roles.reader]
privileges = { contact = "read:organization" }

[non-interactive-users.legacy]
user-name = "svc-legacy@contoso.com"
roles = ["reader"]
usage-location = "DE"
password = { env-file = "svc-orders.env" }
"#,
    )
    .unwrap();
    let _org = RunningOrg::start(folder, &["--listen", &free_port()]);
    let planned = run(folder, &["plan", "--local"]);
    assert_eq!(planned.code(), 2, "{planned:#?}");
    assert!(planned.out.contains("+ non-interactive user `svc-legacy@keyholder.localhost`"), "{planned:#?}");
    assert!(planned.out.contains("borrowed") && planned.err.contains("for the rehearsal"), "{planned:#?}");
    let applied = run(folder, &["apply", "--local", "--yes"]);
    assert_eq!(applied.code(), 0, "{applied:#?}");
    let password = password(folder);
    assert!(password.len() >= 24 && !applied.out.contains(&password) && !applied.err.contains(&password));
    let nothing = run(folder, &["plan", "--local"]);
    assert_eq!(nothing.code(), 0, "{nothing:#?}");
}
