//! `keyholder audit`, as people and pipelines run it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{Ended, RunningOrg, as_administrator, ended, free_port, run};

fn audit(folder: &Path, arguments: &[&str]) -> Ended {
    run(folder, &[&["audit", "--local"], arguments].concat())
}

fn rules(report: &Value) -> Vec<&str> {
    report["findings"].as_array().unwrap().iter().map(|one| one["rule"].as_str().unwrap()).collect()
}

#[test]
fn s07_s10_what_quickstart_makes_is_sound_and_what_is_wrong_fails_a_pipeline() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let port = free_port();
    run(folder, &["quickstart", "--listen", &port]).done();
    let said = audit(folder, &["--fail-on", "warning"]).done();
    assert!(said.contains("1 org of 1 tenant: 2 application users") && said.contains("0 errors, 0 warnings"), "{said}");
    let said = audit(folder, &["--who"]).done();
    assert!(said.contains("may read every contact in the org") && said.contains("client secret until"), "{said}");

    let _org = RunningOrg::start(folder, &["--listen", &port]);
    run(folder, &["org", "clock", "+170d"]).done();
    let failed = audit(folder, &["--fail-on", "warning", "--output", "json"]);
    assert_eq!(failed.code(), 3, "{failed:#?}");
    let report: Value = serde_json::from_str(&failed.out).unwrap();
    let found = report["findings"].as_array().unwrap().iter().find(|one| one["rule"] == "KH102").unwrap();
    assert_eq!((&found["severity"], &found["programs"][0]), (&"warning".into(), &"orders-sync".into()), "{found:#}");
    assert!(report["summary"]["warning"].as_u64().unwrap() >= 1 && !failed.err.contains("error"), "{failed:#?}");
    // Whoever says so has it otherwise.
    let softer = ["--rule", "KH102=note", "--rule", "unused=off", "--rule", "KH103=off", "--fail-on", "warning"];
    assert_eq!(audit(folder, &softer).code(), 0);
    assert_eq!(audit(folder, &["--expiring", "5d", "--rule", "unused=off", "--fail-on", "warning"]).code(), 0);
    // Accepted with a reason, it is shown and does not count.
    audit(folder, &["--write-baseline", "b.toml"]).done();
    assert!(audit(folder, &["--baseline", "b.toml"]).failed(78).contains("has a reason"));
    assert!(audit(folder, &["--write-baseline", "b.toml"]).failed(73).contains("not written over"));
    let text = fs::read_to_string(folder.join("b.toml")).unwrap();
    fs::write(folder.join("b.toml"), text.replace("TODO: why is this accepted?", "seen")).unwrap();
    let said = audit(folder, &["--baseline", "b.toml", "--fail-on", "note"]).done();
    assert!(
        said.contains("Accepted, and not counted")
            && said.contains("    accepted until 2027-")
            && said.contains("Nothing is wrong."),
        "{said}"
    );
    // What weighs more than what was accepted counts again, and that is told.
    let graver = audit(folder, &["--baseline", "b.toml", "--rule", "KH104=error", "--fail-on", "note"]);
    assert!(graver.code() == 3 && graver.out.contains("for note and in https://localhost:"), "{graver:#?}");
    assert!(graver.out.contains("; new since: error"), "{graver:#?}");
}

#[test]
fn a_new_local_org_gives_no_finding() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _org = RunningOrg::start(folder, &["--listen", &free_port()]);
    run(folder, &["org", "tenant", "add", "fabrikam.localhost"]).done();
    run(folder, &["org", "add", "Theirs", "--tenant", "fabrikam.localhost"]).done();
    let said = audit(folder, &["--fail-on", "note"]).done();
    assert!(said.contains("2 orgs of 2 tenants: 2 application users") && said.contains("Nothing is wrong."), "{said}");
}

#[test]
fn orgs_of_a_declaration_are_held_against_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let org = RunningOrg::start(folder, &["--listen", &free_port()]);
    let origin = org.ready["origin"].as_str().unwrap().to_owned();
    let declaration = format!(
        "[orgs.prod]\nurl = \"{origin}\"\n[orgs.nowhere]\nurl = \"https://localhost:1\"\n[roles.reader.privileges]\ncontact = \
         \"read:organization\"\n[application-users.declared]\norgs = [\"prod\"]\nroles = [\"reader\"]\n\
         credential.secret.env-file = \"declared.env\"\n"
    );
    fs::write(folder.join("keyholder.toml"), declaration).unwrap();
    let run_as = |arguments: &[&str]| ended(as_administrator(folder).args(arguments).env_remove("KEYHOLDER_ORG_URL"));
    let applied = run_as(&["apply", "--yes"]);
    assert_ne!(applied.code(), 0, "one org is nowhere: {applied:#?}");
    run(
        folder,
        &["app-user", "create", "stranger", "--grant", "account=read:own", "--save-env", "s.env", "--yes", "--local"],
    )
    .done();
    let report = run_as(&["audit", "--output", "json"]).json();
    let of = |rule: &str| -> Vec<&str> {
        let found = report["findings"].as_array().unwrap().iter().filter(|one| one["rule"] == rule);
        found.map(|one| one["subject"]["name"].as_str().unwrap()).collect()
    };
    assert_eq!(of("KH001"), ["nowhere"], "{report:#}");
    assert_eq!(of("KH403"), ["stranger"], "{report:#}");
    // One org by its address has no declaration to be held against.
    let one = run_as(&["audit", "--url", &origin, "--output", "json"]).json();
    assert!(!rules(&one).contains(&"KH403") && !rules(&one).contains(&"KH001"), "{one:#}");
    // An env file says how to sign in; one of another org means that org, and that is said.
    fs::write(folder.join("in.env"), format!("KEYHOLDER_ORG_URL={origin}\n")).unwrap();
    let all = run_as(&["audit", "--env-file", "in.env", "--output", "json"]).json();
    assert!(rules(&all).contains(&"KH403") && rules(&all).contains(&"KH001"), "{all:#}");
    fs::write(folder.join("out.env"), "KEYHOLDER_ORG_URL=https://localhost:2\n").unwrap();
    let one = run_as(&["audit", "--env-file", "out.env"]);
    assert!(one.err.contains("does not declare https://localhost:2") && !one.out.contains("KH403"), "{one:#?}");
    // Whose client id it is that is declared by its name, the directory tells.
    let client = report["applications"].as_array().unwrap().iter().find(|one| one["name"] == "declared").unwrap();
    let client = client["clientId"].as_str().unwrap();
    let by_id = run_as(&["rotate", client, "--dry-run", "--output", "json"]);
    assert!(!by_id.err.contains("declares no service user"), "{by_id:#?}");
    let stranger = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c99";
    assert!(run_as(&["rotate", stranger, "--dry-run"]).failed(78).contains("declares no service user"));
    assert_eq!(run_as(&["audit", "--rule", "KH999=off"]).code(), 64);
    let listed = run_as(&["audit", "--rules", "--output", "json"]).json();
    assert!(listed["rules"].as_array().unwrap().iter().any(|rule| rule["id"] == "KH403"), "{listed:#}");
    // Nobody is at this address: that is what there is to tell.
    let nowhere = run_as(&["audit", "--url", "https://localhost:1", "--fail-on", "error"]);
    assert!(nowhere.code() == 3 && nowhere.out.contains("KH001"), "{nowhere:#?}");

    // What the declaration says of rules holds, and flags win.
    let text = fs::read_to_string(folder.join("keyholder.toml")).unwrap();
    fs::write(folder.join("keyholder.toml"), text + "[audit]\nrules = [\"KH403=off\", \"KH104=warning\"]\n").unwrap();
    let report = run_as(&["audit", "--output", "json"]).json();
    assert!(!rules(&report).contains(&"KH403"), "{report:#}");
    let report = run_as(&["audit", "--rule", "KH403=error", "--output", "json"]).json();
    assert!(rules(&report).contains(&"KH403"), "{report:#}");
}

/// Whoever is told to run a command can run it: each is one that this program takes.
#[test]
fn what_mends_a_finding_is_a_real_command() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _org = RunningOrg::start(folder, &["--listen", &free_port()]);
    let create = |name: &str, grant: &str| {
        let fixed =
            ["app-user", "create", name, "--grant", grant, "--save-env", &format!("{name}.env"), "--yes", "--local"];
        run(folder, &fixed).done();
    };
    create("it's orders", "account=delete:organization");
    create("impersonator", "prvActOnBehalfOfAnotherUser=organization");
    let user = "svc-orders@keyholder.localhost";
    run(folder, &["non-interactive", "create", user, "--usage-location", "DE", "--save-env", "svc.env", "--local"])
        .done();
    let audited =
        || audit(folder, &["--limit", "2", "--output", "json"]).json()["findings"].as_array().unwrap().clone();
    let mut findings = audited();
    run(folder, &["org", "clock", "+400d"]).done();
    findings.extend(audited());
    let mut tried = std::collections::BTreeSet::new();
    for found in &findings {
        for mend in found["mend"].as_array().unwrap().iter().map(|mend| mend.as_str().unwrap()) {
            for command in mend.split('`').skip(1).step_by(2).filter_map(|quoted| quoted.strip_prefix("keyholder ")) {
                // It is read whole, and then nothing is done.
                let shell = format!("{} {command} --explain-config", env!("CARGO_BIN_EXE_keyholder"));
                let ended = ended(std::process::Command::new("sh").args(["-c", &shell]).current_dir(folder));
                assert_ne!(ended.code(), 64, "{found:#}: {ended:#?}");
                tried.insert(found["rule"].as_str().unwrap().to_owned());
            }
        }
    }
    for rule in ["KH101", "KH104", "KH303", "KH304", "KH401", "KH501", "KH503", "KH504", "KH507"] {
        assert!(tried.contains(rule), "{rule}: {tried:?}");
    }
}

#[test]
fn s22_all_orgs_of_all_tenants_of_the_local_org_are_audited() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _org = RunningOrg::start(folder, &["--listen", &free_port()]);
    run(folder, &["org", "tenant", "add", "fabrikam.localhost"]).done();
    run(folder, &["org", "add", "Theirs", "--tenant", "fabrikam.localhost"]).done();
    // One without an org keeps nobody from the others.
    run(folder, &["org", "tenant", "add", "empty.localhost"]).done();
    let report = audit(folder, &["--output", "json"]).json();
    assert_eq!(
        (report["orgs"].as_array().unwrap().len(), report["tenants"].as_array().unwrap().len()),
        (2, 2),
        "{report:#}"
    );
    assert!(report["orgs"].as_array().unwrap().iter().all(|org| org.get("trouble").is_none()), "{report:#}");
}

#[test]
fn the_report_goes_to_files_in_every_form_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let port = free_port();
    run(folder, &["quickstart", "--listen", &port]).done();
    let _org = RunningOrg::start(folder, &["--listen", &port]);
    let flags =
        ["--sarif", "a.sarif", "--junit", "a.xml", "--ics", "a.ics", "--prometheus", "a.prom", "--html", "a.html"];
    let said = audit(folder, &[&flags[..], &["--output", "json"]].concat());
    assert_eq!(said.code(), 0, "{said:#?}");
    let report: Value = serde_json::from_str(&said.out).unwrap();
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let log: Value = serde_json::from_str(&read("a.sarif")).unwrap();
    let found = report["findings"].as_array().unwrap().len();
    assert_eq!((&log["version"], log["runs"][0]["results"].as_array().unwrap().len()), (&"2.1.0".into(), found));
    assert!(read("a.xml").contains("failures=\"0\""), "{}", read("a.xml"));
    assert!(read("a.ics").contains("SUMMARY:The client secret of orders-sync expires"), "{}", read("a.ics"));
    // What the local org counts is held against what the tenant may.
    let (metrics, page) = (read("a.prom"), read("a.html"));
    let allowance = metrics.split("keyholder_pool_requests_allowance{tenant=\"keyholder.localhost\"} ").nth(1);
    let allowance = allowance.and_then(|rest| rest.lines().next()?.parse::<u64>().ok());
    assert!(allowance.is_some_and(|allowance| allowance >= 500_000), "{metrics}");
    assert!(page.contains("The pool of keyholder.localhost") && page.contains("orders-sync"), "{page}");
    // Nothing secret is in any of them.
    let env = fs::read_to_string(folder.join(".keyholder/orders-sync.env")).unwrap();
    let secret = env.lines().find_map(|line| line.strip_prefix("KEYHOLDER_CLIENT_SECRET=")).unwrap().trim_matches('"');
    assert!(secret.len() > 20);
    for name in flags.into_iter().filter(|flag| !flag.starts_with("--")) {
        assert!(!read(name).contains(secret), "{name}");
    }
    // A file that is there is replaced; nothing is left beside it.
    fs::write(folder.join("a.html"), "old").unwrap();
    assert_eq!(audit(folder, &["--html", "a.html", "--fail-on", "note"]).code(), 3);
    assert_eq!(read("a.html").lines().next(), Some("<!DOCTYPE html>"));
    let left = fs::read_dir(folder)
        .unwrap()
        .filter(|one| one.as_ref().unwrap().file_name().to_string_lossy().ends_with(".new"));
    assert_eq!(left.count(), 0);
    // What cannot be written is told before anything is read.
    assert!(audit(folder, &["--html", "gone/a.html"]).failed(73).contains("there is no folder `gone`"));
    assert!(audit(folder, &["--ics", "."]).failed(73).contains("--ics"));
    assert!(audit(folder, &["--sarif", "one", "--junit", "one"]).failed(64).contains("by another flag"));
    assert!(audit(folder, &["--prometheus", "-"]).failed(64).contains("is none"));
}

#[test]
fn the_example_for_a_weekly_audit_works_as_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let org = RunningOrg::start(folder, &["--listen", &free_port()]);
    let origin = org.ready["origin"].as_str().unwrap();
    let declaration = format!(
        "# one\n[orgs.prod]\nurl = \"{origin}\"\n[roles.reader.privileges]\ncontact = \"read:organization\"\n\
         [application-users.declared]\norgs = [\"prod\"]\nroles = [\"reader\"]\ncredential.secret.env-file = \"declared.env\"\n"
    );
    fs::write(folder.join("keyholder.toml"), declaration).unwrap();
    fs::write(folder.join("audit-baseline.toml"), "").unwrap();
    let run_as = |arguments: &[&str]| ended(as_administrator(folder).args(arguments).env_remove("KEYHOLDER_ORG_URL"));
    run_as(&["apply", "--yes"]).done();
    let workflow = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/audit.yml");
    let workflow = fs::read_to_string(workflow).unwrap();
    let mut steps = workflow.lines().filter_map(|line| line.trim().strip_prefix("- run: keyholder "));
    let arguments: Vec<&str> = steps.next().unwrap().split(' ').collect();
    assert_eq!(steps.next(), None);
    let ended = run_as(&arguments);
    assert!([0, 3].contains(&ended.code()), "{ended:#?}");
    for file in ["audit.sarif", "audit.html", "expiries.ics"] {
        assert!(folder.join(file).is_file() && workflow.matches(file).count() > 1, "{file}: {ended:#?}");
    }
    let log: Value = serde_json::from_str(&fs::read_to_string(folder.join("audit.sarif")).unwrap()).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let of_declared =
        results.iter().find(|one| one["message"]["text"].as_str().unwrap().contains("`declared`")).unwrap();
    let place = &of_declared["locations"][0]["physicalLocation"];
    assert_eq!(
        (&place["artifactLocation"]["uri"], &place["region"]["startLine"]),
        (&"keyholder.toml".into(), &6.into())
    );
}
