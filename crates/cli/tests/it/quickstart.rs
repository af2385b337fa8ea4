//! `keyholder quickstart`, as a newcomer runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use keyholder_client::OrgUrl;
use keyholder_foundation::Timestamp;
use keyholder_service_users::{Journal, Loan};
use serde_json::Value;

use crate::program::{Ended, free_port, keyholder, run, setting};

const ENV: &str = ".keyholder/orders-sync.env";

fn quickstart(folder: &Path, port: &str, more: &[&str]) -> Ended {
    let mut arguments = vec!["quickstart", "--listen", port];
    arguments.extend(more);
    run(folder, &arguments)
}

fn outcomes(facts: &Value) -> Vec<String> {
    let steps = facts["steps"].as_array().unwrap();
    steps.iter().map(|step| step["outcome"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn s01_s05_s06_s07_s10_an_application_gets_in_and_a_second_run_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let first = quickstart(folder.path(), &port, &[]).done();
    for step in ["registration", "permission", "service principal", "secret", "role", "application user", "WhoAmI"] {
        assert!(first.contains(step), "no {step} in {first}");
    }
    assert!(first.contains("created") && first.contains("@") && first.contains("Try next"), "{first}");
    let before = fs::read(folder.path().join(ENV)).unwrap();

    let second = quickstart(folder.path(), &port, &[]).done();
    assert!(!second.contains("created") && !second.contains("changed ") && second.contains("proved"), "{second}");
    assert_eq!(fs::read(folder.path().join(ENV)).unwrap(), before, "the env file is not touched");

    let facts = quickstart(folder.path(), &port, &["--output", "json"]).json();
    assert!(outcomes(&facts).iter().all(|outcome| ["found", "proved"].contains(&outcome.as_str())), "{facts}");
    assert_eq!(facts["result"]["changed"], false);
    assert_eq!(facts["result"]["rows"].as_array().unwrap().len(), 3);
}

#[test]
fn a_reader_that_closes_the_pipe_does_not_stop_the_work_half_way() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut command = keyholder(folder.path());
    command.args(["quickstart", "--listen", &port]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // As `head -0` does: not one line is read.
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let again = quickstart(folder.path(), &port, &["--output", "json"]).json();
    assert_eq!(again["result"]["changed"], false, "the first run did all of it: {again}");
}

#[test]
fn two_at_once_in_one_folder_both_come_to_a_good_end() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let start = || {
        let mut command = keyholder(folder.path());
        command.args(["quickstart", "--listen", &port, "--output", "json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children = [start(), start()];
    let made: Vec<bool> = children
        .into_iter()
        .map(|child| {
            let ended = child.wait_with_output().unwrap();
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
            serde_json::from_slice::<Value>(&ended.stdout).unwrap()["result"]["changed"].as_bool().unwrap()
        })
        .collect();
    assert_eq!(made.iter().filter(|made| **made).count(), 1, "one makes it, the other finds it: {made:?}");
}

#[test]
fn an_org_of_one_command_answers_where_it_was_last() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    quickstart(folder.path(), &port, &[]).done();
    let origin = setting(&folder.path().join(".keyholder/org.env"), "KEYHOLDER_ORIGIN");
    run(folder.path(), &["quickstart"]).done();
    assert_eq!(setting(&folder.path().join(".keyholder/org.env"), "KEYHOLDER_ORIGIN"), origin);
    // A command that only opens the folder writes no other address either.
    run(folder.path(), &["org", "persona", "without-rights"]).done();
    assert_eq!(setting(&folder.path().join(".keyholder/without-rights.env"), "KEYHOLDER_ORIGIN"), origin);
    let _taken = std::net::TcpListener::bind(&port).unwrap();
    let said = run(folder.path(), &["quickstart"]).failed(73);
    assert!(said.contains("answered last") && said.contains("keyholder org start --listen"), "{said}");
}

#[test]
fn s25_the_secret_is_in_its_file_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let text = quickstart(folder.path(), &port, &[]);
    let json = quickstart(folder.path(), &port, &["--output", "json"]);
    let mut printed = text.out + &text.err + &json.out + &json.err;
    for (file, names) in [
        (ENV, vec!["KEYHOLDER_CLIENT_SECRET"]),
        (".keyholder/org.env", vec!["KEYHOLDER_ADMIN_CLIENT_SECRET", "KEYHOLDER_ADMIN_PASSWORD"]),
    ] {
        for name in names {
            let secret = setting(&folder.path().join(file), name);
            assert!(secret.len() >= 16, "{name} is {} long", secret.len());
            assert!(!printed.contains(&secret), "{name} was printed");
            let stored = files(&folder.path().join(".keyholder"));
            assert!(stored.iter().any(|path| path.ends_with("directory.db")), "{stored:?}");
            for other in stored.iter().filter(|path| path.extension().is_none_or(|ending| ending != "env")) {
                let content = fs::read(other).unwrap();
                let found = content.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{name} stands in {}", other.display());
            }
        }
    }
    printed.clear();
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()) {
        if entry.is_dir() { found.extend(files(&entry)) } else { found.push(entry) }
    }
    found
}

#[cfg(unix)]
#[test]
fn s25_what_is_secret_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    quickstart(folder.path(), &free_port(), &[]).done();
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(".keyholder"), 0o700);
    for file in [ENV, ".keyholder/org.env", ".keyholder/ca.key", ".keyholder/signing-1.pem"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
    assert_eq!(fs::read_to_string(folder.path().join(".keyholder/.gitignore")).unwrap(), "*\n");
}

#[test]
fn s07_a_lost_or_useless_env_file_gets_a_new_secret_and_leaves_no_orphan() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    quickstart(folder.path(), &port, &[]).done();
    let env = folder.path().join(ENV);
    let old = setting(&folder.path().join(ENV), "KEYHOLDER_CLIENT_SECRET");
    let useless = fs::read_to_string(&env).unwrap().replace(&old, &format!("{}x", &old[1..]));
    for lost in [None, Some(useless)] {
        match &lost {
            None => fs::remove_file(&env).unwrap(),
            Some(text) => fs::write(&env, text).unwrap(),
        }
        let said = quickstart(folder.path(), &port, &[]).done();
        let new = setting(&folder.path().join(ENV), "KEYHOLDER_CLIENT_SECRET");
        assert!(new != old && new.len() >= 32, "a new secret: {said}");
        assert!(said.contains("secret"), "{said}");
        let again = quickstart(folder.path(), &port, &["--output", "json"]).json();
        assert_eq!(again["result"]["changed"], false, "nothing is left to do: {again}");
    }
}

#[test]
fn removal_takes_everything_away_and_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let nothing = quickstart(folder.path(), &port, &["--remove"]).done();
    assert!(nothing.contains("nothing to remove"), "{nothing}");
    assert!(!folder.path().join(".keyholder").exists(), "removing makes nothing");
    quickstart(folder.path(), &port, &[]).done();
    let removed = quickstart(folder.path(), &port, &["--remove", "--output", "json"]).json();
    assert!(outcomes(&removed).iter().all(|outcome| outcome == "removed"), "{removed}");
    assert!(!folder.path().join(ENV).exists());
    let absent = quickstart(folder.path(), &port, &["--remove", "--output", "json"]).json();
    assert!(outcomes(&absent).iter().all(|outcome| outcome == "absent"), "{absent}");
    let anew = quickstart(folder.path(), &port, &["--output", "json"]).json();
    assert_eq!(anew["result"]["changed"], true);
}

#[test]
fn an_ephemeral_org_leaves_nothing_and_promises_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(folder.path(), &["quickstart", "--ephemeral", "--listen", "127.0.0.1:0"]).done();
    assert!(said.contains("--ephemeral") && !said.contains("Try next"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn output_that_cannot_be_written_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full");
    let Ok(full) = full else {
        println!("skipped: there is no /dev/full");
        return;
    };
    let mut command = crate::program::keyholder(folder.path());
    command.args(["quickstart", "--ephemeral", "--listen", "127.0.0.1:0"]).stdout(full);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(73));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write the output"));
}

#[test]
fn s10_rights_beyond_the_definition_are_said_where_people_read() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    quickstart(folder.path(), &port, &[]).done();
    let org = crate::program::RunningOrg::start(folder.path(), &["--listen", &port]);
    let env = ".keyholder/org.env";
    let setting = |name: &str| setting(&folder.path().join(env), name);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        use keyholder_client::{Connection, Dataverse, Http, NetworkOptions};
        let ca_file = Some(folder.path().join(".keyholder/ca.pem"));
        let connection = Connection {
            url: setting("KEYHOLDER_ORG_URL").parse().unwrap(),
            tenant: None,
            authority: None,
            client_id: setting("KEYHOLDER_ADMIN_CLIENT_ID").parse().unwrap(),
            credential: keyholder_foundation::Secret::new(setting("KEYHOLDER_ADMIN_CLIENT_SECRET")).into(),
            ca_file: ca_file.clone(),
        };
        let http = Http::over_network(NetworkOptions { ca_file, ..NetworkOptions::default() }).unwrap();
        let admin = Dataverse::connect(&connection, http).await.unwrap();
        let find = |query: &'static str, id: &'static str| {
            let admin = admin.clone();
            async move { admin.query(query).collect().await.unwrap()[0][id].as_str().unwrap().to_owned() }
        };
        let role = find("roles?$select=roleid&$filter=name eq 'orders-sync'", "roleid").await;
        let privilege = find("privileges?$select=privilegeid&$filter=name eq 'prvDeleteAccount'", "privilegeid").await;
        let body = serde_json::json!({"Privileges": [{"PrivilegeId": privilege, "Depth": "Global"}]});
        let add = |role: &str| format!("roles({role})/Microsoft.Dynamics.CRM.AddPrivilegesRole");
        admin.action(&add(&role), &body).await.unwrap();
        // Another role, given to the user by hand.
        let other = admin.create("roles", &serde_json::json!({"name": "By hand"})).await.unwrap();
        admin.action(&add(&other.to_string()), &body).await.unwrap();
        let user = find(
            "systemusers?$select=systemuserid&$filter=applicationid ne null and contains(fullname,'orders-sync')",
            "systemuserid",
        );
        let user = ("systemusers", user.await.parse::<uuid::Uuid>().unwrap());
        admin.associate(user, "systemuserroles_association", ("roles", other)).await.unwrap();
    });
    drop(org);
    let said = quickstart(folder.path(), &port, &[]).done();
    assert!(said.contains("it granted prvDeleteAccount beyond the declaration: taken away"), "{said}");
    assert!(said.contains("BUT ALSO MORE") && said.contains("`By hand`"), "{said}");
    assert!(!said.contains("and nothing else\n"), "{said}");
    let facts = quickstart(folder.path(), &port, &["--output", "json"]).json();
    assert_eq!(facts["result"]["beyond"].as_array().unwrap().len(), 1, "{facts}");
}

#[test]
fn flags_that_would_do_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let _org = crate::program::RunningOrg::start(folder.path(), &["--listen", &port]);
    for flags in [&["--listen", "127.0.0.1:1"][..], &["--serve"], &["--http", "127.0.0.1:0"], &["--durability", "full"]]
    {
        let mut arguments = vec!["quickstart"];
        arguments.extend(flags);
        let said = run(folder.path(), &arguments).failed(64);
        assert!(said.contains(flags[0]) && said.contains("runs on that folder already"), "{said}");
    }
    run(folder.path(), &["quickstart", "--listen", &port]).done();
    assert_eq!(run(folder.path(), &["quickstart", "--remove", "--ephemeral"]).code(), 64);
}

#[test]
fn removing_it_strikes_out_what_was_lent_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let port = free_port();
    run(here, &["quickstart", "--listen", &port]).done();
    let org: OrgUrl = setting(&here.join(".keyholder/org.env"), "KEYHOLDER_ORG_URL").parse().unwrap();
    let client_id = setting(&here.join(ENV), "KEYHOLDER_CLIENT_ID").parse().unwrap();
    let journal = Journal::new(here.join(".keyholder/journal"));
    let now = Timestamp::from_unix_seconds(1_800_000_000);
    drop(journal.record(Loan::Elevation { org: org.to_string(), client_id, key: None }, now).unwrap());
    run(here, &["quickstart", "--listen", &port, "--remove"]).done();
    assert!(journal.all().unwrap().is_empty(), "its user is gone, and its roles with it");
}
