//! `keyholder org ...` as processes: ready, stopped, taken, damaged, killed.

use std::fs;

use crate::program::{RunningOrg, free_port, run};

#[cfg(unix)]
#[test]
fn an_org_says_when_it_is_ready_and_stops_cleanly_on_ctrl_c() {
    let folder = tempfile::tempdir().unwrap();
    let org = RunningOrg::start(folder.path(), &["--listen", "127.0.0.1:0"]);
    assert_eq!(org.ready["event"], "ready");
    for name in ["origin", "orgUrl", "tenantId", "tenantDomain", "caFile", "envFile", "organizationId"] {
        assert!(org.ready[name].as_str().is_some_and(|value| !value.is_empty()), "{name} in {}", org.ready);
    }
    let env = fs::read_to_string(folder.path().join(".keyholder/org.env")).unwrap();
    for name in [
        "KEYHOLDER_ORIGIN",
        "KEYHOLDER_CA_FILE",
        "KEYHOLDER_TENANT_ID",
        "KEYHOLDER_TENANT_DOMAIN",
        "KEYHOLDER_ORG_URL",
        "KEYHOLDER_ADMIN_CLIENT_ID",
        "KEYHOLDER_ADMIN_CLIENT_SECRET",
        "KEYHOLDER_ADMIN_USERNAME",
        "KEYHOLDER_ADMIN_PASSWORD",
    ] {
        assert!(env.lines().any(|line| line.starts_with(&format!("{name}="))), "{name}");
    }
    assert!(org.interrupt().success());
    assert!(!folder.path().join(".keyholder/running.json").exists());
}

#[test]
fn a_folder_has_one_org_and_a_port_one_program() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let org = RunningOrg::start(folder.path(), &["--listen", &port]);
    let second = run(folder.path(), &["org", "start", "--listen", "127.0.0.1:0"]).failed(73);
    assert!(second.contains("in use") && second.contains(".keyholder"), "{second}");
    let number = port.rsplit(':').next().unwrap();
    let taken = run(folder.path(), &["org", "start", "--data", "other", "--listen", &port]).failed(73);
    assert!(taken.contains(number) && taken.contains("--listen"), "{taken}");
    drop(org);
    // The killed org's note is still there and is not believed.
    assert!(folder.path().join(".keyholder/running.json").exists());
    let again = RunningOrg::start(folder.path(), &["--listen", &port]);
    assert_eq!(again.ready["event"], "ready");
}

#[test]
fn an_org_answers_where_it_did_last_when_nothing_else_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    run(folder.path(), &["quickstart", "--listen", &port]).done();
    let org = RunningOrg::start(folder.path(), &[]);
    let number = port.rsplit(':').next().unwrap();
    assert_eq!(org.ready["origin"], format!("https://localhost:{number}"), "{}", org.ready);
    run(folder.path(), &["whoami", "--env-file", ".keyholder/orders-sync.env"]).done();
}

#[test]
fn a_changed_origin_is_written_down_and_stale_env_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["quickstart", "--listen", &free_port()]).done();
    let port = free_port();
    let mut org = RunningOrg::start(folder.path(), &["--listen", &port]);
    let env = fs::read_to_string(folder.path().join(".keyholder/org.env")).unwrap();
    let number = port.rsplit(':').next().unwrap();
    assert!(env.contains(&format!("KEYHOLDER_ORIGIN=https://localhost:{number}\n")), "{env}");
    org.child.kill().unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(org.child.stderr.as_mut().unwrap(), &mut said).unwrap();
    assert!(said.contains("orders-sync.env") && said.contains("another address"), "{said}");
}

#[test]
fn sample_rows_are_added_whether_the_org_runs_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let missing = run(folder.path(), &["org", "sample", "--rows", "20"]).failed(78);
    assert!(missing.contains("no local org"), "{missing}");
    let org = RunningOrg::start(folder.path(), &["--listen", "127.0.0.1:0"]);
    let first = run(folder.path(), &["org", "sample", "--rows", "20", "--seed", "7", "--output", "json"]).json();
    assert_eq!((&first["accounts"], &first["contacts"]), (&20.into(), &20.into()));
    let again = run(folder.path(), &["org", "sample", "--rows", "20", "--seed", "7", "--output", "json"]).json();
    assert_eq!(again["contacts"], 0, "the same seed makes the same rows");
    drop(org);
    let offline = run(folder.path(), &["org", "sample", "--rows", "25", "--seed", "7", "--output", "json"]).json();
    assert_eq!(offline["contacts"], 5);
}

#[test]
fn lost_administrator_credentials_are_made_anew_also_while_the_org_runs() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let org = RunningOrg::start(folder.path(), &["--listen", &port]);
    let env = folder.path().join(".keyholder/org.env");
    let old = fs::read_to_string(&env).unwrap();
    fs::remove_file(&env).unwrap();
    let lost = run(folder.path(), &["quickstart"]).failed(78);
    assert!(lost.contains("org credentials --reset"), "{lost}");
    run(folder.path(), &["org", "credentials", "--reset"]).done();
    let new = fs::read_to_string(&env).unwrap();
    assert_ne!(old, new);
    run(folder.path(), &["quickstart"]).done();
    drop(org);
    run(folder.path(), &["org", "credentials", "--reset"]).done();
    assert_ne!(fs::read_to_string(&env).unwrap(), new);
}

#[test]
fn a_damaged_folder_is_named_file_by_file() {
    for (file, content) in [
        ("world.json", "{\"format\":1,"),
        ("world.json", "{\"format\":99}"),
        ("signing-1.pem", "no key"),
        (
            "state-1/directory.db",
            "this is no database, whatever its name says, and it is long enough to be read as one",
        ),
        ("ca.pem", "no certificate"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        run(folder.path(), &["quickstart", "--listen", "127.0.0.1:0"]).done();
        for wal in ["state-1/directory.db-wal", "state-1/directory.db-shm"] {
            let _ = fs::remove_file(folder.path().join(".keyholder").join(wal));
        }
        fs::write(folder.path().join(".keyholder").join(file), content).unwrap();
        let said = run(folder.path(), &["org", "start", "--listen", "127.0.0.1:0"]).failed(65);
        assert!(said.contains(file) || said.contains("certificate authority"), "{file}: {said}");
        assert!(said.contains("hint: ") || said.contains("; "), "{file}: {said}");
        assert!(!said.contains("Error(") && !said.contains("Parsing"), "{file}: {said}");
    }
}

#[test]
fn a_folder_of_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "x").unwrap();
    let said = run(folder.path(), &["org", "start", "--data", ".", "--listen", "127.0.0.1:0"]).failed(73);
    assert!(said.contains("not empty"), "{said}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_address_beyond_loopback_needs_a_name_and_plain_http_stays_home() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(folder.path(), &["org", "start", "--listen", "0.0.0.0:0"]).failed(64);
    assert!(said.contains("--host"), "{said}");
    let said = run(folder.path(), &["org", "start", "--http", "0.0.0.0:0", "--listen", "127.0.0.1:0"]).failed(64);
    assert!(said.contains("loopback"), "{said}");
}

#[test]
fn commands_find_a_running_org_whose_name_this_machine_does_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let org = RunningOrg::start(folder.path(), &["--host", "org.keyholder.invalid", "--listen", "127.0.0.1:0"]);
    assert!(org.ready["origin"].as_str().unwrap().contains("org.keyholder.invalid"), "{}", org.ready);
    let said = run(folder.path(), &["org", "sample", "--rows", "2", "--seed", "7"]).done();
    assert!(said.starts_with("added "), "{said}");
    run(folder.path(), &["org", "clock", "+1h"]).done();
    run(folder.path(), &["org", "list"]).done();
}

#[test]
fn an_org_is_put_back_only_when_that_was_agreed_to() {
    let folder = tempfile::tempdir().unwrap();
    let _org = RunningOrg::start(folder.path(), &["--listen", "127.0.0.1:0"]);
    let accounts = || {
        let rows = run(folder.path(), &["query", "accounts?$select=name", "--local", "--output", "json"]).json();
        rows.as_array().unwrap().len()
    };
    let new = accounts();
    run(folder.path(), &["org", "sample", "--rows", "20"]).done();
    let said = run(folder.path(), &["org", "reset"]).failed(64);
    assert!(said.matches("would be deleted").count() == 1 && said.contains("`--yes`"), "{said}");
    assert_eq!(accounts(), 20, "nothing was deleted");
    run(folder.path(), &["org", "reset", "--yes"]).done();
    assert_eq!(accounts(), new);
}

#[test]
fn the_same_mistake_has_the_same_exit_code_whether_the_org_runs_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mistakes: [(&[&str], &str); 9] = [
        (&["org", "snapshot", "a b"], "a b"),
        (&["org", "restore", "never"], "never"),
        (&["org", "snapshots", "--remove", "a/b c"], "a/b c"),
        (&["org", "tenant", "add", "foo bar"], "foo bar"),
        (&["org", "add", "Cellar", "--tenant", "nobody.localhost"], "nobody.localhost"),
        (&["org", "multi-factor", "nobody", "enabled"], "nobody"),
        (&["org", "multi-factor", "nobody", "enabled", "--tenant", "foo bar"], "foo bar"),
        (&["org", "licences", "NO SUCH", "3"], "NO SUCH"),
        (&["org", "security-group", "nowhere", "--group", "x"], "nowhere"),
    ];
    let org = RunningOrg::start(folder.path(), &["--listen", &port]);
    for (arguments, named) in mistakes {
        let said = run(folder.path(), arguments).failed(64);
        assert!(said.contains(named), "{arguments:?}: {said}");
    }
    drop(org);
    for (arguments, named) in mistakes {
        let said = run(folder.path(), arguments).failed(64);
        assert!(said.contains(named), "{arguments:?}: {said}");
    }
}

#[test]
fn a_further_org_whose_port_is_taken_says_where_it_answers_now() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let org = RunningOrg::start(folder.path(), &["--listen", &port]);
    let tenant = org.ready["tenantDomain"].as_str().unwrap().to_owned();
    let made = run(folder.path(), &["org", "add", "Cellar", "--tenant", &tenant, "--output", "json"]).json();
    let url = made["url"].as_str().unwrap().to_owned();
    drop(org);
    let number = url.rsplit(':').next().unwrap();
    let holder = std::net::TcpListener::bind(format!("127.0.0.1:{number}")).unwrap();
    let mut org = RunningOrg::start(folder.path(), &["--listen", &port]);
    let listed = run(folder.path(), &["org", "list"]).done();
    let line = listed.lines().find(|line| line.contains("Cellar")).unwrap();
    assert!(!line.contains(&url), "{listed}");
    org.child.kill().unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(org.child.stderr.as_mut().unwrap(), &mut said).unwrap();
    let moved = line.split_whitespace().next().unwrap();
    assert!(said.contains("note: ") && said.contains(number) && said.contains(moved), "{said}");
    drop(holder);
    let kept = run(folder.path(), &["org", "list"]).done();
    assert!(kept.contains(&url), "the port stays the org's own for the next start: {kept}");
}

#[test]
fn a_taken_port_is_met_with_the_flag_that_asked_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    for flag in ["--http", "--also-listen"] {
        let said = run(folder.path(), &["org", "start", "--listen", "127.0.0.1:0", flag, &taken]).failed(73);
        assert!(said.contains(&format!("asked for by {flag}")), "{said}");
        assert!(said.contains(&format!("`{flag}`")) && !said.contains("`--listen"), "{said}");
    }
}

#[test]
fn an_entity_set_that_the_local_org_lacks_is_told_with_where_the_tables_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let _org = RunningOrg::start(folder.path(), &["--listen", &port]);
    run(folder.path(), &["quickstart"]).done();
    let env = ["--env-file", ".keyholder/orders-sync.env"];
    let said = run(folder.path(), &[&["query", "unicorns?$top=1"][..], &env].concat()).failed(65);
    assert!(said.contains("unicorns") && said.contains("service document"), "{said}");
    assert!(said.contains("keyholder org import-schema") && !said.contains("did you mean"), "{said}");
    let said = run(folder.path(), &["query", "contcts?$top=1", "--local"]).failed(65);
    assert!(said.contains("did you mean `contacts`?"), "{said}");
}

#[test]
fn what_says_nothing_beside_local_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let commands =
        [&["whoami"][..], &["query", "contacts"], &["usage"], &["plan"], &["init", "--from-org"], &["role", "list"]];
    for command in commands {
        let flags = [["--url", "https://a"], ["--client-id", "a"], ["--env-file", "a"], ["--profile", "a"]];
        for flag in flags {
            let said = run(folder.path(), &[command, &["--local"], &flag].concat()).failed(64);
            assert!(said.contains("--local") && said.contains(flag[0]), "{command:?}: {said}");
        }
        let said = run(folder.path(), &[command, &["--local", "--azure-cli"]].concat()).failed(64);
        assert!(said.contains("--azure-cli"), "{command:?}: {said}");
    }
    // What explains the settings says so of them.
    run(folder.path(), &["whoami", "--local", "--explain-config"]).done();
}

#[test]
fn a_local_org_is_asked_as_its_administrator_whether_it_runs_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(folder.path(), &["query", "contacts", "--local"]).failed(78);
    assert!(said.contains("there is no local org"), "{said}");
    let port = free_port();
    let org = RunningOrg::start(folder.path(), &["--listen", &port]);
    // Where org.env alone is given, nobody is meant yet; what helps is said.
    let said = run(folder.path(), &["whoami", "--env-file", ".keyholder/org.env"]).failed(78);
    assert!(said.contains("nobody is signed in") && said.contains("`--local`"), "{said}");
    let who = run(folder.path(), &["whoami", "--local", "--output", "json"]).json();
    let token = run(folder.path(), &["token", "--local"]).done();
    assert_eq!(token.trim().split('.').count(), 3);
    drop(org);
    assert_eq!(run(folder.path(), &["whoami", "--local", "--output", "json"]).json(), who);
    let rows = run(folder.path(), &["query", "contacts?$top=2", "--local=.keyholder", "--output", "json"]).json();
    assert_eq!(rows.as_array().unwrap().len(), 2);
}

#[test]
fn the_group_that_holds_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let _org = RunningOrg::start(folder.path(), &["--listen", "127.0.0.1:0"]);
    let listed = run(folder.path(), &["org", "list", "--output", "json"]).json();
    let org = &listed["tenants"][0]["orgs"][0];
    assert!(org.get("securityGroup").is_none(), "{listed}");
    let shown = run(folder.path(), &["org", "security-group", org["name"].as_str().unwrap()]).done();
    assert!(shown.contains("everybody may come in"), "{shown}");
}

#[test]
fn an_issuer_to_allow_is_an_https_or_loopback_address() {
    let folder = tempfile::tempdir().unwrap();
    for bad in ["gibberish", "http://issuer.example", "ftp://localhost"] {
        let said = run(folder.path(), &["org", "start", "--ephemeral", "--allow-issuer", bad]).failed(64);
        assert!(said.contains("--allow-issuer"), "{said}");
    }
}

#[test]
fn a_command_that_only_reads_makes_no_local_org() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::write(here.join("keyholder.toml"), "[orgs.prod]\nurl = \"https://contoso.crm4.dynamics.com\"\n").unwrap();
    let grant = "contact=read:organization";
    for arguments in [
        &["app-user", "list", "--local=nodir"][..],
        &["app-user", "show", "a", "--local=nodir"],
        &["app-user", "remove", "a", "--local=nodir"],
        &["app-user", "create", "a", "--grant", grant, "--save-env", "a.env", "--dry-run", "--local=nodir"],
        &["role", "list", "--local=nodir"],
        &["role", "create", "a", "--grant", grant, "--dry-run", "--local=nodir"],
        &["credential", "list", "a", "--local=nodir"],
        &["non-interactive", "list", "--local=nodir"],
        &["non-interactive", "create", "a@b.c", "--save-env", "a.env", "--dry-run", "--local=nodir"],
        &["init", "taken.toml", "--from-org", "--local=nodir"],
        &["plan", "--local=nodir"],
    ] {
        let said = run(here, arguments).failed(78);
        assert!(said.contains("there is no local org in `nodir`"), "{arguments:?}: {said}");
        assert!(said.contains("keyholder org start") && said.contains("--local=DIR"), "{arguments:?}: {said}");
        assert!(!here.join("nodir").exists(), "{arguments:?}");
    }
}
