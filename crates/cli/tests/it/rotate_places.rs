//! `keyholder rotate` into places that fail when they may have taken it, that another machine uses too, or that somebody has
//! to carry on by hand.

use std::fs;
use std::path::Path;

use keyholder_testkit::services::{Fault, KeyVault, Told};
use serde_json::Value;

use crate::program::{RunningOrg, ended, free_port, run};
use crate::rotate::{APP, held_id, ids, lets_in, pending, rotate, with_person, world};
use crate::sinks::with_vault;

#[test]
fn what_the_same_program_keeps_elsewhere_is_not_revoked() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    fs::write(here.join("vault.sh"), "cat > \"$(cat place)\"\n").unwrap();
    let with = ["--save-with", "sh vault.sh"];
    let mut held = Vec::new();
    for place in ["a", "b"] {
        fs::write(here.join("place"), place).unwrap();
        credential_add(here, &with);
        held.push(ids(here).into_iter().find(|id| !held.contains(id) && *id != held_id(here)).unwrap());
    }
    let before = ids(here);
    let again = [&[APP, "--yes"][..], &with].concat();
    let said = rotate(here, &again).failed(78);
    assert!(said.contains("--replaces ID") && held.iter().all(|id| said.contains(id)), "{said}");
    assert_eq!(ids(here), before);
    let mine = [&again[..], &["--replaces", &held[1]]].concat();
    rotate(here, &[&mine[..], &["--keep-old"]].concat()).done();
    assert_eq!(ids(here).len(), 4);
    rotate(here, &mine).done();
    let after = ids(here);
    assert!(after.len() == 3 && after.contains(&held[0]) && !after.contains(&held[1]), "{after:?}");
}

pub(crate) fn credential_add(folder: &Path, with: &[&str]) {
    run(folder, &[&["credential", "add", APP, "--secret", "--local"], with].concat()).done();
}

#[test]
fn a_manifest_is_applied_by_hand_before_the_old_one_goes() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    let place = ["--save-kubernetes", "orders.yaml", "--kubernetes-secret", "prod/orders"];
    credential_add(here, &place);
    let of = [&[APP, "--yes"][..], &place].concat();
    let before = ids(here);
    let said = rotate(here, &of).done();
    assert!(said.contains("apply it (`kubectl apply -f`)") && said.contains("run this with `--overlap 1h`"), "{said}");
    // Whether it was applied nobody here knows, however often this is run.
    let said = rotate(here, &of).done();
    assert!(said.contains("until the manifest is applied"), "{said}");
    let over = [&of[..], &["--overlap", "1h"]].concat();
    rotate(here, &over).done();
    assert!(before.iter().all(|id| ids(here).contains(id)) && ids(here).len() == 3);
    run(here, &["org", "clock", "+2h"]).done();
    rotate(here, &over).done();
    assert!(ids(here).len() == 2 && ids(here) != before);
}

/// Each of them may be what the program has, and works.
#[test]
fn a_place_that_keeps_failing_gets_no_more_than_a_few() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    fs::write(here.join("take.sh"), "cat > taken\ntest ! -e sealed\n").unwrap();
    let place = ["--save-with", "sh take.sh"];
    credential_add(here, &place);
    let there = ids(here).len();
    fs::write(here.join("sealed"), "").unwrap();
    let of = [&[APP, "--yes"][..], &place].concat();
    for made in 1..=3 {
        rotate(here, &of).failed(1);
        assert_eq!(ids(here).len(), there + made);
    }
    let said = rotate(here, &of).failed(78);
    assert!(said.contains("has failed with 3 new credentials") && said.contains("credential revoke"), "{said}");
    assert_eq!(ids(here).len(), there + 3);
    // One of them is enough to be removed.
    fs::remove_file(here.join("sealed")).unwrap();
    let list = run(here, &["credential", "list", APP, "--local", "--output", "json"]).json();
    let taken = fs::read_to_string(here.join("taken")).unwrap();
    let all = list["credentials"].as_array().unwrap().iter();
    let hint = |one: &serde_json::Value| one["hint"].as_str().unwrap_or("-").to_owned();
    let is_left = |one: &&serde_json::Value| {
        one["label"].as_str().is_some_and(|label| label.contains("command sh")) && !taken.starts_with(&hint(one))
    };
    let other = all.rev().find(is_left).unwrap()["id"].as_str().unwrap().to_owned();
    run(here, &["credential", "revoke", APP, &other, "--local", "--yes"]).done();
    rotate(here, &of).done();
    assert_eq!(ids(here).len(), there);
}

#[test]
fn a_password_that_a_vault_may_have_taken_is_not_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let org = RunningOrg::start(here, &["--listen", &free_port()]);
    let vault = KeyVault::start();
    let url = org.ready["orgUrl"].as_str().unwrap();
    let place = format!("{{ key-vault = \"{}\" }}", vault.secret("legacy"));
    fs::write(here.join("keyholder.toml"), with_person(url, "svc-legacy@keyholder.localhost", &place)).unwrap();
    ended(with_vault(here, &vault).args(["apply", "--yes"])).done();
    let first = vault.held("legacy").unwrap()["value"].clone();
    // No answer that says that nothing was done, and none that is waited for.
    vault.fault("PUT", "secrets/legacy", Fault::Instead(Told::new(501, Value::Null)), usize::MAX);
    let said = ended(with_vault(here, &vault).args(["rotate", "--all", "--yes"]));
    assert!(said.code() != 0 && said.err.contains(".password.env` holds it"), "{said:#?}");
    let journal = here.join("state/keyholder/journal");
    let [kept] = pending(&journal).try_into().unwrap();
    lets_in(here, &journal.join(&kept).display().to_string());
    vault.mend();
    ended(with_vault(here, &vault).args(["rotate", "--all", "--yes"])).done();
    assert!(pending(&journal).is_empty());
    assert_ne!(vault.held("legacy").unwrap()["value"], first);
}
