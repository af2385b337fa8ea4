//! Who may set service users up: told up front, by name, before anything is changed.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{Ended, RunningOrg, free_port, keyholder, run};

/// A folder with a declaration of one application with consent, and a running local org.
fn world() -> (tempfile::TempDir, RunningOrg) {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let file = format!(
        "[orgs.prod]\nurl = \"https://localhost:{}\"\n[roles.orders.privileges]\ncontact = \"read:organization\"\n\
         [application-users.orders-sync]\nroles = [\"orders\"]\nuser-impersonation = true\n\
         credential.secret.env-file = \"orders.env\"\n",
        port.rsplit(':').next().unwrap()
    );
    fs::write(folder.path().join("keyholder.toml"), file).unwrap();
    let org = RunningOrg::start(folder.path(), &["--listen", &port]);
    (folder, org)
}

/// As whoever an env file of the local org's names.
fn by(folder: &Path, env_file: &str, arguments: &[&str]) -> Ended {
    run(folder, &[arguments, &["--env-file", env_file]].concat())
}

fn persona(folder: &Path, who: &str) -> String {
    let made = run(folder, &["org", "persona", who, "--output", "json"]).json();
    made["envFile"].as_str().unwrap().to_owned()
}

/// How many registrations of the declared name there are, as the application that administers sees them.
fn nothing_was_made(folder: &Path) {
    let plan = run(folder, &["plan", "--local", "--output", "json"]);
    let plan: Value = serde_json::from_str(&plan.out).unwrap();
    assert_eq!(plan["summary"]["keep"], 0, "{plan:#}");
    assert!(!folder.join("orders.env").exists());
}

#[test]
fn s18_a_delegated_administrator_is_told_no_before_anything_changes() {
    let (folder, _org) = world();
    let here = folder.path();
    let partner = persona(here, "delegated-administrator");
    for command in [
        &["apply", "--yes"][..],
        &["app-user", "create", "one", "--grant", "contact=read:organization", "--save-env", "one.env", "--yes"],
    ] {
        let said = by(here, &partner, command).failed(77);
        assert!(said.contains("nothing was done") && said.contains("delegated (partner's) administrator"), "{said}");
        assert!(said.contains("Global Administrator of the tenant itself"), "{said}");
    }
    let user = ["create", "svc@keyholder.localhost", "--usage-location", "DE", "--save-env", "svc.env"];
    let said = by(here, &partner, &[&["non-interactive"][..], &user].concat()).failed(77);
    assert!(said.contains("delegated"), "{said}");
    assert!(!here.join("one.env").exists() && !here.join("svc.env").exists());
    nothing_was_made(here);
}

#[test]
fn s18_a_person_without_rights_is_told_what_is_missing() {
    let (folder, _org) = world();
    let here = folder.path();
    let nobody = persona(here, "without-rights");
    let said = by(here, &nobody, &["apply", "--yes"]);
    assert_eq!(said.code(), 77, "{said:#?}");
    assert!(said.err.contains("may not consent for everybody: it needs the directory role"), "{said:#?}");
    assert!(said.err.contains("Cloud Application Administrator") && said.err.contains("activated"), "{said:#?}");
    nothing_was_made(here);
}

#[test]
fn s18_the_tenants_own_administrator_may_all_of_it() {
    let (folder, _org) = world();
    let here = folder.path();
    let env = fs::read_to_string(here.join(".keyholder/org.env")).unwrap();
    let value = |name: &str| env.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap();
    let mut command = keyholder(here);
    command.args(["apply", "--yes"]);
    for name in ["KEYHOLDER_ADMIN_USERNAME", "KEYHOLDER_ADMIN_PASSWORD", "KEYHOLDER_CA_FILE", "KEYHOLDER_TENANT_ID"] {
        command.env(name.replace("ADMIN_", ""), value(name).trim_matches('\''));
    }
    let done = crate::program::ended(&mut command).done();
    assert!(done.contains("created  admin consent") && done.contains("one way in was proved"), "{done}");
}
