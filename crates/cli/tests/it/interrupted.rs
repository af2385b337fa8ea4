//! Ctrl-C and SIGTERM in the midst of a command: one exit code, and what is left undone.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::program::{self, Ended, RunningOrg, as_administrator, ended, keyholder, run};

/// Runs a command to where it waits for `service`, which never answers, and stops it there.
fn stopped(command: &mut Command, service: &TcpListener, signal: &str) -> Ended {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let held = service.accept().unwrap();
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    drop(held);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { status: output.status, out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn whatever_is_interrupted_ends_with_one_code_and_says_what_it_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let service = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", service.local_addr().unwrap());
    fs::write(here.join("secret"), "x").unwrap();
    fs::set_permissions(here.join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    let client = ["--client-id", "11111111-2222-3333-4444-555555555555", "--client-secret-file", "secret"];
    let grant = "contact=read:organization";
    let goes_on = "run it again: it goes on from there";
    for (arguments, signal, expected) in [
        (&["whoami"][..], "-INT", "it only reads: nothing was changed"),
        (&["query", "contacts"], "-TERM", "it only reads"),
        (&["get", "contacts"], "-INT", "it only reads"),
        (&["create", "contacts", "--set", "lastname=Ng"], "-TERM", "look whether it was done"),
        (&["app-user", "list"], "-INT", "it only reads"),
        (&["app-user", "create", "a", "--grant", grant, "--save-env", "a.env", "--yes"], "-INT", goes_on),
        (&["non-interactive", "create", "a@b.c", "--save-env", "a.env"], "-TERM", goes_on),
        (&["credential", "revoke", "a", "b", "--yes"], "-INT", goes_on),
        (&["init", "taken.toml", "--from-org"], "-INT", "look whether it was done"),
    ] {
        let mut command = keyholder(here);
        let said = stopped(command.args(arguments).args(["--url", &url]).args(client), &service, signal).failed(130);
        assert!(said.contains("interrupted before it was done") && said.contains(expected), "{arguments:?}: {said}");
    }
    let mut command = keyholder(here);
    let ended = stopped(command.args(["whoami", "--output", "json", "--url", &url]).args(client), &service, "-INT");
    let told: Value = serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:#?}"));
    assert_eq!(told["error"]["exitCode"], 130);
    let help = run(here, &["--help"]).done();
    assert!(help.contains("130  interrupted"), "{help}");
}

/// A declaration of one application whose secret goes to the program `vault` of this folder.
fn declare(here: &Path, url: &str) {
    let file = format!(
        "name = \"integrations\"\n[orgs.prod]\nurl = \"{url}\"\n\
         [roles.orders]\nname = \"Orders integration\"\nprivileges = {{ contact = \"read:organization\" }}\n\
         [application-users.orders-sync]\norgs = [\"prod\"]\nroles = [\"orders\"]\n\
         credential.secret = {{ lifetime = \"90d\", command = [\"./vault\"] }}\n"
    );
    fs::write(here.join("keyholder.toml"), file).unwrap();
}

fn vault(here: &Path, script: &str) {
    fs::write(here.join("vault"), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(here.join("vault"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_apply_that_is_interrupted_names_what_it_left() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let org = RunningOrg::start(here, &["--listen", "127.0.0.1:0"]);
    declare(here, org.ready["orgUrl"].as_str().unwrap());
    vault(here, "cat >/dev/null; kill -INT $PPID");
    let said = ended(as_administrator(here).args(["apply", "--yes"])).failed(130);
    assert!(said.contains("not done, or not known to be: client secret in `command vault"), "{said}");
    assert!(!said.contains("app registration `orders-sync`,"), "that was done: {said}");
    // Nothing in the directory tells whose the secret is that the program was given; what was written down here does.
    vault(here, "cat >/dev/null");
    ended(as_administrator(here).args(["apply", "--yes"])).done();
    let nothing = ended(as_administrator(here).arg("plan"));
    assert_eq!(nothing.code(), 0, "{nothing:#?}");
    let journal = fs::read_dir(here.join("state/keyholder/journal")).unwrap();
    assert_eq!(journal.count(), 0, "struck out once it is in use");
}

/// Starts a rotation to where its program waits for a word; and what tells that, which ends with the last that holds it.
fn rotating(here: &Path) -> (Child, BufReader<fs::File>) {
    running(here, &["rotate", "orders-sync", "--yes"])
}

/// The same of any command.
fn running(here: &Path, arguments: &[&str]) -> (Child, BufReader<fs::File>) {
    let mut command = as_administrator(here);
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = command.spawn().unwrap();
    let mut told = BufReader::new(fs::File::open(here.join("told")).unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert_eq!(line, "here\n");
    (run, told)
}

/// Lets the program go on, and waits until it has ended and holds no lock.
fn go_on(here: &Path, mut told: BufReader<fs::File>) {
    fs::write(here.join("word"), "go on\n").unwrap();
    told.read_to_string(&mut String::new()).unwrap();
    // A program that ends closes one file after the other: the lock may come after what was read.
    for entry in fs::read_dir(here.join("state/keyholder/journal")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "lock") {
            fs::File::open(path).unwrap().lock().unwrap();
        }
    }
}

/// An application whose secret the program `vault` took, which from now on waits for a word before it takes another.
fn slow_vault(here: &Path) -> RunningOrg {
    let org = RunningOrg::start(here, &["--listen", "127.0.0.1:0"]);
    declare(here, org.ready["orgUrl"].as_str().unwrap());
    vault(here, "cat >held");
    ended(as_administrator(here).args(["apply", "--yes"])).done();
    for fifo in ["told", "word"] {
        assert!(Command::new("mkfifo").arg(here.join(fifo)).status().unwrap().success());
    }
    vault(here, "cat >next; exec 3>told; echo here >&3; read word <word; mv next held");
    org
}

/// The application's credentials.
fn ids(here: &Path) -> Vec<String> {
    let listed = ended(as_administrator(here).args(["credential", "list", "orders-sync", "--output", "json"])).json();
    let all = listed["credentials"].as_array().unwrap();
    all.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn nothing_else_makes_or_revokes_what_a_rotation_is_at() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let _org = slow_vault(here);
    let [old] = ids(here).try_into().unwrap();
    let (run, told) = rotating(here);
    let during = ids(here);
    assert_eq!(during.len(), 2);
    let new = during.iter().find(|id| **id != old).unwrap();
    let add = ["credential", "add", "orders-sync", "--secret", "--save-with", "./vault"];
    let revoke = |id| ["credential", "revoke", "orders-sync", id, "--yes"];
    let trust = ["--trust", "github", "--repository", "contoso/orders", "--branch", "main", "--without-proof", "--yes"];
    let federate = [&["rotate", "orders-sync", "--to", "federated", "--replaces", new][..], &trust].concat();
    for arguments in [&["apply", "--yes"][..], &add, &revoke(new), &revoke(&old), &federate] {
        let refused = ended(as_administrator(here).args(arguments)).failed(78);
        assert!(
            refused.contains("`orders-sync` in `command vault`") && refused.contains("runs on this machine"),
            "{refused}"
        );
        let secrets = ids(here).into_iter().filter(|id| during.contains(id)).count();
        assert_eq!(secrets, 2, "{arguments:?}");
    }
    go_on(here, told);
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(0));
    assert!(ids(here).contains(new) && !ids(here).contains(&old));
}

#[test]
fn the_program_of_a_killed_credential_add_or_apply_keeps_the_next_run_away() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let _org = slow_vault(here);
    let add = ["credential", "add", "orders-sync", "--secret", "--save-with", "./vault"];
    for arguments in [&add[..], &["apply", "--yes"]] {
        let [old] = ids(here).try_into().unwrap();
        if arguments[0] == "apply" {
            // Something has to be made.
            program::run(here, &["org", "clock", "+100d"]).done();
        }
        let (mut run, told) = running(here, arguments);
        run.kill().unwrap();
        run.wait().unwrap();
        let before = ids(here);
        for next in [&["rotate", "orders-sync", "--yes"][..], &["apply", "--yes"], &add] {
            let refused = ended(as_administrator(here).args(next)).failed(78);
            assert!(refused.contains("it runs on this machine"), "{arguments:?}, {next:?}: {refused}");
        }
        assert_eq!(ids(here), before, "{arguments:?}");
        go_on(here, told);
        // The record says whose the new one is: it is no other machine's.
        vault(here, "cat >held");
        ended(as_administrator(here).args(["apply", "--yes"])).done();
        assert!(ids(here).len() == 1 && ids(here) != [old], "{arguments:?}");
        vault(here, "cat >next; exec 3>told; echo here >&3; read word <word; mv next held");
    }
}

/// A program that goes on when its run has gone would write a secret that the next run has revoked.
#[test]
fn the_program_of_an_interrupted_rotation_ends_with_it_and_that_of_a_killed_one_keeps_the_next_away() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let _org = slow_vault(here);
    let first = fs::read(here.join("held")).unwrap();

    let (run, mut told) = rotating(here);
    assert!(Command::new("kill").args(["-TERM", &run.id().to_string()]).status().unwrap().success());
    assert_eq!(run.wait_with_output().unwrap().status.code(), Some(130));
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert_eq!(fs::read(here.join("held")).unwrap(), first, "the program has ended before it wrote");

    let (mut run, told) = rotating(here);
    run.kill().unwrap();
    run.wait().unwrap();
    let refused = ended(as_administrator(here).args(["rotate", "orders-sync", "--yes"])).failed(78);
    assert!(refused.contains("by another run: it runs on this machine"), "{refused}");
    assert_eq!(fs::read(here.join("held")).unwrap(), first);
    go_on(here, told);
    assert_ne!(fs::read(here.join("held")).unwrap(), first, "it went on");

    vault(here, "cat >held");
    ended(as_administrator(here).args(["rotate", "orders-sync", "--yes"])).done();
    let nothing = ended(as_administrator(here).arg("plan"));
    assert_eq!(nothing.code(), 0, "{nothing:#?}");
}
