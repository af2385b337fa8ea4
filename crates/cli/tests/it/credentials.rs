//! `keyholder credential`, as an administrator runs it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{Ended, RunningOrg, free_port, run};

const APP: &str = "orders-sync";

/// A folder with a running local org, and an application that reads contacts in it.
fn world(flags: &[&str]) -> (tempfile::TempDir, RunningOrg) {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let org = RunningOrg::start(folder.path(), &[&["--listen", &port], flags].concat());
    let create = ["app-user", "create", APP, "--grant", "contact=read:organization", "--save-env", "orders.env"];
    run(folder.path(), &[&create[..], &["--lifetime", "20d", "--yes", "--local"]].concat()).done();
    (folder, org)
}

fn credential(folder: &Path, arguments: &[&str]) -> Ended {
    run(folder, &[&["credential"], arguments, &["--local"]].concat())
}

fn list(folder: &Path) -> Vec<Value> {
    credential(folder, &["list", APP, "--output", "json"]).json()["credentials"].as_array().unwrap().clone()
}

fn kinds(folder: &Path) -> Vec<String> {
    list(folder).iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn s07_s08_credentials_are_listed_with_their_ends_the_next_first() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    credential(here, &["add", APP, "--certificate", "--lifetime", "90d", "--save-key", "orders.pem"]).done();
    let github = ["--trust", "github", "--repository", "contoso/orders", "--environment", "production"];
    credential(here, &[&["add", APP], &github[..]].concat()).done();
    run(here, &["org", "clock", "+1h"]).done();
    let all = list(here);
    assert_eq!(kinds(here), ["secret", "certificate", "federated"]);
    assert_eq!(all[0]["daysLeft"], 19);
    assert_eq!(all[0]["state"], "working");
    assert!(all[0]["label"].as_str().unwrap().contains("orders.env"));
    assert!(all.iter().all(|one| one["madeByKeyholder"] == true), "{all:#?}");
    assert_eq!(all[1]["daysLeft"], 89);
    assert_eq!(all[2]["trusts"]["subject"], "repo:contoso/orders:environment:production");
    assert_eq!(all[2]["daysLeft"], Value::Null);

    let said = credential(here, &["list", APP]);
    assert!(said.err.contains("works for 19 more day(s)"), "{said:#?}");
    let text = said.done();
    for expected in ["client secret", "certificate", "federated credential", "no end", "days left", "Keyholder"] {
        assert!(text.contains(expected), "no {expected} in {text}");
    }
    run(here, &["org", "clock", "+30d"]).done();
    assert_eq!(list(here)[0]["state"], "expired");
    assert!(credential(here, &["list", APP]).done().contains("EXPIRED"));
    // By its client id as well; one that nobody knows is said.
    let id = credential(here, &["list", APP, "--output", "json"]).json()["clientId"].as_str().unwrap().to_owned();
    assert_eq!(credential(here, &["list", &id, "--output", "json"]).json()["name"], APP);
    assert!(credential(here, &["list", "nobody"]).failed(78).contains("nobody"));
}

#[test]
fn s07_s08_a_new_secret_overlaps_with_the_one_before_until_that_is_revoked() {
    let (folder, _org) = world(&["--propagation-delay", "1s"]);
    let here = folder.path();
    let old = fs::read_to_string(here.join("orders.env")).unwrap();
    fs::write(here.join("old.env"), &old).unwrap();
    let add = ["add", APP, "--secret", "--lifetime", "60d", "--save-env", "orders.env"];
    let added = credential(here, &[&add[..], &["--output", "json"]].concat()).json();
    assert_eq!((&added["result"]["proved"], &added["result"]["kind"]), (&true.into(), &"secret".into()), "{added:#}");
    let before = added["result"]["before"].as_str().unwrap().to_owned();
    assert!(old.contains(&before));
    for env in ["old.env", "orders.env"] {
        run(here, &["whoami", "--env-file", env]).done();
    }
    // Nobody is asked here, so it has to be said.
    assert!(credential(here, &["revoke", APP, &before]).failed(64).contains("--yes"));
    let revoked = credential(here, &["revoke", APP, &before, "--yes"]).done();
    assert!(revoked.contains("removed  client secret"), "{revoked}");
    assert_eq!(kinds(here).len(), 1);
    run(here, &["whoami", "--env-file", "orders.env"]).done();
    assert!(credential(here, &["revoke", APP, "a-slip", "--yes"]).failed(78).contains("`a-slip` is neither the id"));
    let again = credential(here, &["revoke", APP, &before, "--yes", "--output", "json"]).json();
    assert_eq!(again["result"]["changed"], false);

    // However many there are of the same file, each goes on until it is revoked.
    credential(here, &add).done();
    credential(here, &add).done();
    assert_eq!(kinds(here), ["secret", "secret", "secret"]);
}

#[test]
fn s07_the_last_credential_that_works_is_kept_unless_that_is_said() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    let id = list(here)[0]["id"].as_str().unwrap().to_owned();
    let said = credential(here, &["revoke", APP, &id, "--yes"]).failed(78);
    assert!(said.contains("the last credential") && said.contains("--even-the-last"), "{said}");
    credential(here, &["revoke", APP, &id, "--yes", "--even-the-last"]).done();
    assert!(credential(here, &["list", APP]).done().contains("no credential"));
    run(here, &["whoami", "--env-file", "orders.env"]).failed(77);
}

#[test]
fn s07_a_certificate_signs_in_and_federated_credentials_are_told_by_name() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    let said = credential(here, &["add", APP, "--certificate", "--save-env", "by-certificate.env"]).done();
    assert!(said.contains("proved   sign-in as `orders-sync`"), "{said}");
    run(here, &["query", "contacts?$top=1", "--env-file", "by-certificate.env"]).done();
    assert!(here.join("by-certificate.env.pem").exists());

    let cluster = ["--trust", "kubernetes", "--issuer", "https://oidc.example.com/", "--namespace", "sync"];
    let add = [&["add", APP], &cluster[..], &["--service-account", "orders", "--output", "json"]].concat();
    let first = credential(here, &add).json();
    assert_eq!((&first["result"]["changed"], &first["result"]["proved"]), (&true.into(), &false.into()));
    assert_eq!(credential(here, &add).json()["result"]["changed"], false, "the same again is no second one");
    let audience = credential(here, &[&add[..], &["--audience", "api://other"]].concat()).json();
    assert_eq!(audience["steps"][0]["outcome"], "changed", "{audience:#}");
    let federated = list(here).into_iter().find(|one| one["kind"] == "federated").unwrap();
    assert_eq!(federated["trusts"]["audiences"][0], "api://other");
    credential(here, &["revoke", APP, federated["label"].as_str().unwrap(), "--yes"]).done();
    assert_eq!(kinds(here), ["secret", "certificate"]);
    let certificate = list(here)[1]["id"].as_str().unwrap().to_owned();
    credential(here, &["revoke", APP, &certificate, "--yes"]).done();
    run(here, &["whoami", "--env-file", "by-certificate.env"]).failed(77);
}

#[test]
fn a_sink_that_does_not_take_it_leaves_no_credential_behind_unless_it_may_have_kept_it() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    fs::write(here.join("refuse.sh"), "cat > /dev/null\necho the vault is sealed >&2\nexit 3\n").unwrap();
    fs::write(here.join("notes.env"), "HELLO=1\n").unwrap();
    for what in ["--secret", "--certificate"] {
        let said = credential(here, &["add", APP, what, "--save-with", "./no-such-program"]).failed(1);
        assert!(said.contains("cannot run"), "{said}");
        assert!(credential(here, &["add", APP, what, "--save-env", "notes.env"]).failed(1).contains("not overwritten"));
    }
    assert_eq!(kinds(here), ["secret"]);
    assert_eq!(fs::read_to_string(here.join("notes.env")).unwrap(), "HELLO=1\n");
    for what in ["--secret", "--certificate"] {
        let said = credential(here, &["add", APP, what, "--save-with", "sh refuse.sh"]).failed(1);
        assert!(said.contains("the vault is sealed") && said.contains("so that one works on"), "{said}");
    }
    assert_eq!(kinds(here).len(), 3);
    fs::write(here.join("refuse.sh"), "cat > /dev/null\n").unwrap();
    credential(here, &["add", APP, "--secret", "--save-with", "sh refuse.sh"]).done();
    assert_eq!(kinds(here).len(), 4, "what a program was handed, it may have kept");
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for (arguments, expected) in [
        (&["add", APP][..], "required"),
        (&["add", APP, "--secret"], "nothing says where"),
        (&["add", APP, "--secret", "--certificate", "--save-env", "x"], "cannot be used with"),
        (&["add", APP, "--trust", "github", "--save-env", "x"], "nothing to save"),
        (&["add", APP, "--secret", "--save-env", "x", "--save-secret", "y"], "cannot be used with"),
        (&["add", APP, "--secret", "--show-secret"], "on a terminal only"),
        (&["add", APP, "--secret", "--show-secret", "--output", "json"], "on a terminal only"),
        (&["add", APP, "--secret", "--save-env", "x", "--lifetime", "3 months"], "no fixed length"),
    ] {
        let said = credential(here, arguments).failed(64);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    assert_eq!(fs::read_dir(here).unwrap().count(), 0, "nothing was started or written");
}

#[test]
fn s25_no_secret_and_no_key_is_in_any_output_or_argument_list() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    let mut said = String::new();
    // The program that gets them also tells what it sees of the process list and of its surroundings.
    let script = "cat >> taken; ps -eo args > processes 2> /dev/null || true; env >> surroundings; echo kept >&2\n";
    fs::write(here.join("take.sh"), script).unwrap();
    for what in ["--secret", "--certificate"] {
        for form in ["text", "json", "jsonl"] {
            let sinks = [["--save-with", "sh take.sh"], ["--save-env", "new.env"]];
            for sink in sinks {
                let ended = credential(here, &[&["add", APP, what, "--output", form], &sink[..]].concat());
                assert_eq!(ended.code(), 0, "{ended:#?}");
                said.push_str(&(ended.out + &ended.err));
                for seen in ["processes", "surroundings"] {
                    said.push_str(&fs::read_to_string(here.join(seen)).unwrap_or_default());
                }
            }
        }
    }
    let ended = credential(here, &["list", APP, "--output", "json"]);
    said.push_str(&(ended.out + &ended.err));
    let taken = fs::read_to_string(here.join("taken")).unwrap();
    let keys: Vec<&str> = taken.lines().filter(|line| line.len() >= 30 && !line.contains("-----")).collect();
    assert!(keys.len() > 60, "three keys of some thirty lines and their certificates");
    // A certificate itself is public, but nothing tells it either.
    assert!(keys.iter().all(|line| !said.contains(line)));
    let pem = fs::read_to_string(here.join("new.env.pem")).unwrap();
    assert!(pem.lines().filter(|line| line.len() >= 30 && !line.contains("-----")).all(|line| !said.contains(line)));
}
