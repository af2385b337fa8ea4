//! `keyholder non-interactive`, as people and pipelines run it.

use std::fs;
use std::path::Path;

use keyholder_foundation::{ObjectId, Timestamp};
use keyholder_service_users::{Journal, Loan};
use keyholder_testkit::World;
use serde_json::Value;

use crate::program::{Ended, RunningOrg, ended, free_port, keyholder, run};

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

fn password(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("KEYHOLDER_PASSWORD=")).unwrap().to_owned();
    line.trim_matches('\'').to_owned()
}

#[test]
fn s01_s02_s03_s26_made_listed_converted_and_removed_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let org = RunningOrg::start(folder, &["--listen", &free_port()]);
    let planned = create(folder, &["--dry-run"]);
    assert_eq!(planned.code(), 2, "{planned:#?}");
    let planned = planned.out;
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
    let password = password(&folder.join(ENV));
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
    let password = password(&folder.join(".keyholder/rehearsal/legacy").join(ENV));
    assert!(password.len() >= 24 && !applied.out.contains(&password) && !applied.err.contains(&password));
    let nothing = run(folder, &["plan", "--local"]);
    assert_eq!(nothing.code(), 0, "{nothing:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s23_a_licence_that_is_held_for_nothing_is_shown_and_freed() {
    const PLAN: &str = "ea126fc5-a19e-42e2-a731-da9d437bffcf";
    let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
    let here = folder.path();
    keyholder_platform::write_private(&here.join("admin"), world.admin().client_secret.expose().as_bytes()).unwrap();
    let origin = world.origin();
    let run = |arguments: &[&str]| {
        let mut command = keyholder(here);
        command.arg("non-interactive").args(arguments).args(["--url", &origin]);
        command.args(["--client-id", &world.admin().client_id, "--client-secret-file", "admin"]);
        ended(command.env("KEYHOLDER_CA_FILE", world.file("ca.pem")))
    };
    run(&["create", USER, "--usage-location", "DE", "--save-env", ENV]).done();
    let consumed = async || {
        let skus = world.graph(&world.admin_token().await, "GET", "subscribedSkus", None).await.body["value"].clone();
        skus.as_array().unwrap().iter().find(|sku| sku["skuId"] == PLAN).unwrap()["consumedUnits"].as_u64().unwrap()
    };
    let before = consumed().await;
    let body = serde_json::json!({"addLicenses": [{"skuId": PLAN, "disabledPlans": []}], "removeLicenses": []});
    let path = format!("users/{USER}/assignLicense");
    let given = world.graph(&world.admin_token().await, "POST", &path, Some(&body)).await;
    assert_eq!((given.status, consumed().await), (200, before + 1), "{}", given.text);

    let listed = run(&["list"]).done();
    assert!(listed.contains("HOLDS FOR NOTHING: DYN365_ENTERPRISE_PLAN1"), "{listed}");
    let released = run(&["release", USER]).done();
    assert!(released.contains("licence DYN365_ENTERPRISE_PLAN1"), "{released}");
    assert_eq!(consumed().await, before);
    assert!(run(&["list"]).done().contains("no licence"));
}

#[test]
fn s04_the_places_are_counted_and_one_too_many_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _org = RunningOrg::start(folder, &["--listen", &free_port(), "--non-interactive-limit", "1"]);
    let made = create(folder, &["--limit", "1"]).done();
    assert!(made.contains("1 of at most 1"), "{made}");
    let second = ["create", "svc-second@keyholder.localhost", "--usage-location", "de", "--save-env", "second.env"];
    let refused = non_interactive(folder, &[&second[..], &["--limit", "1"]].concat()).failed(78);
    assert!(refused.contains("1 of"), "{refused}");
    assert!(!folder.join("second.env").exists());
    // Applications take no place.
    let application =
        ["app-user", "create", "reader", "--grant", "contact=read:organization", "--save-env", "reader.env"];
    run(folder, &[&application[..], &["--local", "--yes"]].concat()).done();
}

#[test]
fn every_command_but_a_dry_run_gives_back_what_was_left_borrowed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _org = RunningOrg::start(folder, &["--listen", &free_port()]);
    create(folder, &["--output", "json"]).json();
    let env = fs::read_to_string(folder.join(".keyholder/org.env")).unwrap();
    let tenant = env.lines().find_map(|line| line.strip_prefix("KEYHOLDER_TENANT_ID=")).unwrap().to_owned();
    let journal = Journal::new(folder.join(".keyholder/journal"));
    // Of somebody who is gone by now: there is nothing left to take off but the record.
    let lend = || {
        let (id, sku) = (uuid::Uuid::from_u128(7), uuid::Uuid::from_u128(8));
        let (user_name, part_number) = ("gone@keyholder.localhost".to_owned(), "PLAN".to_owned());
        let tenant = tenant.trim_matches('\'').to_owned();
        let loan = Loan::Licence { tenant, person: ObjectId(id), sku, user_name, part_number };
        drop(journal.record(loan, Timestamp::from_unix_seconds(1_800_000_000)).unwrap());
    };
    lend();
    assert_eq!(create(folder, &["--dry-run"]).code(), 0);
    assert_eq!(journal.all().unwrap().len(), 1, "a dry run changes nothing");
    for arguments in [
        &["list"][..],
        &["migrate", USER, "--save-env", "app.env"],
        &["convert", USER],
        &["release", USER],
        &["create", USER, "--usage-location", "de", "--save-env", ENV],
    ] {
        lend();
        non_interactive(folder, arguments).done();
        assert!(journal.all().unwrap().is_empty(), "{arguments:?}");
    }
}

#[test]
fn nobody_is_called_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        &["create", "", "--save-env", ENV][..],
        &["convert", " "],
        &["migrate", "", "--save-env", ENV],
        &["release", ""],
    ] {
        let said = non_interactive(folder.path(), arguments).failed(64);
        assert!(said.contains("a user name is NAME@DOMAIN"), "{arguments:?}: {said}");
    }
}
