//! `keyholder init` and `keyholder schema`, as somebody begins with a declaration.

use std::fs;
use std::path::Path;

use crate::program::{Ended, RunningOrg, as_administrator, ended, free_port, run};

fn plan(folder: &Path) -> Ended {
    run(folder, &["plan", "--local"])
}

#[test]
fn a_first_file_can_be_rehearsed_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let port = free_port();
    let said = run(here, &["init", "--url", "https://fabrikam.crm.dynamics.com"]).done();
    assert!(said.contains("Wrote keyholder.toml") && said.contains("keyholder plan"), "{said}");
    let text = fs::read_to_string(here.join("keyholder.toml")).unwrap();
    assert!(text.contains("url = \"https://fabrikam.crm.dynamics.com\"") && !text.contains("contoso.crm4"), "{text}");

    // It never writes over a file.
    let again = run(here, &["init"]);
    assert_eq!(again.code(), 73, "{again:#?}");
    assert!(again.err.contains("`keyholder.toml` is there already"), "{}", again.err);
    assert_eq!(fs::read_to_string(here.join("keyholder.toml")).unwrap(), text);

    let _org = RunningOrg::start(here, &["--listen", &port]);
    let planned = plan(here);
    assert_eq!(planned.code(), 2, "{planned:#?}");
    run(here, &["apply", "--local", "--yes"]).done();
    assert_eq!(plan(here).code(), 0);
}

#[test]
fn s25_what_is_written_down_of_an_org_plans_to_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let port = free_port();
    let _org = RunningOrg::start(here, &["--listen", &port]);
    let file = "[orgs.prod]\nurl = \"https://contoso.crm4.dynamics.com\"\n\
                [roles.orders.privileges]\ncontact = \"read:organization write:business-unit\"\nsystemuser = \"read:deep\"\n\
                prvActOnBehalfOfAnotherUser = \"organization\"\n\
                [roles.basic]\nexisting = \"Basic User\"\n\
                [application-users.sync]\nroles = [\"orders\", \"basic\"]\ncredential.secret.file = \"sync.secret\"\n";
    fs::write(here.join("keyholder.toml"), file).unwrap();
    run(here, &["apply", "--local", "--yes"]).done();

    let said = run(here, &["init", "taken.toml", "--from-org", "--local"]);
    let text = fs::read_to_string(here.join("taken.toml")).unwrap_or_else(|_| panic!("{said:#?}"));
    for expected in [
        "contact = \"read:organization write:business-unit\"",
        "systemuser = \"read:parent-child-business-units\"",
        "prvActOnBehalfOfAnotherUser = \"organization\"",
        "existing = \"Basic User\"",
        "client-id = ",
        "# It has one client secret",
    ] {
        assert!(text.contains(expected), "no {expected} in {text}");
    }
    let planned = run(here, &["plan", "--local", "--file", "taken.toml"]);
    assert_eq!(planned.code(), 0, "{planned:#?}\n{text}");
    assert!(planned.out.contains("Nothing to do"), "{}", planned.out);
}

#[test]
fn s07_s25_a_secret_in_a_file_or_given_to_a_program_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let port = free_port();
    let org = RunningOrg::start(here, &["--listen", &port]);
    let url = org.ready["orgUrl"].as_str().unwrap();
    let file = "[orgs.prod]\nurl = \"URL\"\n\
                [roles.orders.privileges]\ncontact = \"read:organization\"\n\
                [application-users.one]\nroles = [\"orders\"]\ncredential.secret.file = \"one.secret\"\n\
                [application-users.two]\nroles = [\"orders\"]\ncredential.secret.command = [\"sh\", \"-c\", \"cat > two.secret\"]\n";
    fs::write(here.join("keyholder.toml"), file.replace("URL", url)).unwrap();
    let plan = || ended(as_administrator(here).arg("plan"));
    let apply = || ended(as_administrator(here).args(["apply", "--yes"]));
    // What is going to be run is shown before it is.
    let planned = plan();
    assert!(planned.out.contains("it goes to the program `sh -c \"cat > two.secret\"`"), "{planned:#?}");
    let said = apply().done();
    let planned = plan();
    assert_eq!(planned.code(), 0, "{planned:#?}");
    for name in ["one.secret", "two.secret"] {
        let secret = fs::read_to_string(here.join(name)).unwrap();
        assert!(secret.len() > 16 && !secret.ends_with('\n'), "{name}");
        assert!(!said.contains(&secret) && !planned.out.contains(&secret), "{name} was printed");
    }
    // Lost, it is made anew; what it replaced is removed.
    fs::remove_file(here.join("one.secret")).unwrap();
    assert_eq!(plan().code(), 2);
    apply().done();
    assert_eq!(plan().code(), 0);
}

#[test]
fn s25_a_secret_that_a_failing_program_was_given_is_replaced_by_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let port = free_port();
    let org = RunningOrg::start(here, &["--listen", &port]);
    let url = org.ready["orgUrl"].as_str().unwrap();
    let failing = "cat > got; echo \"no room for $(cat got)\" >&2; exit 4";
    let file = |script: &str| {
        format!(
            "[orgs.prod]\nurl = \"{url}\"\n[roles.orders.privileges]\ncontact = \"read:organization\"\n\
             [application-users.one]\nroles = [\"orders\"]\ncredential.secret.command = [\"sh\", \"-c\", '''{script}''']\n"
        )
    };
    fs::write(here.join("keyholder.toml"), file(failing)).unwrap();
    let failed = ended(as_administrator(here).args(["apply", "--yes"]));
    assert_ne!(failed.code(), 0);
    let secret = fs::read_to_string(here.join("got")).unwrap();
    let said = format!("{}{}", failed.out, failed.err);
    assert!(said.contains("no room for [redacted]") && !said.contains(&secret), "{said}");
    // The program may have kept it before it failed: it is told, and the next plan puts another in its place.
    let planned = ended(as_administrator(here).args(["plan", "--output", "json"]));
    let planned: serde_json::Value = serde_json::from_str(&planned.out).unwrap();
    let actions = planned["changes"].as_array().unwrap().iter().map(|change| &change["action"]);
    let made = actions.filter(|action| action["do"] == "makeSecret").collect::<Vec<_>>();
    let replaced = made[0]["replaces"][0].as_str().unwrap();
    assert!(made.len() == 1 && said.contains(replaced), "{replaced} in {said}");
}

#[test]
fn the_schema_is_the_one_that_is_shipped() {
    let folder = tempfile::tempdir().unwrap();
    let printed = run(folder.path(), &["schema"]).done();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/keyholder.schema.json");
    assert_eq!(printed, fs::read_to_string(shipped).unwrap());
}
