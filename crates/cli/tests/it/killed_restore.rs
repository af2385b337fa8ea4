//! A restore that is killed anywhere leaves the old state or the new one, whole.
#![cfg(unix)]

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::program::{RunningOrg, as_administrator, ended, keyholder, run};

/// One thing of each part of a world: its record (the clock), its directory (a rule), an org's rows.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    offset: String,
    rule: String,
    accounts: usize,
}

const ROWS: [&str; 6] = ["org", "sample", "--rows", "40", "--seed", "3"];

/// How the world is while nobody serves it. Every part is asked for by a process of its own.
fn seen(folder: &Path) -> Seen {
    let text = |arguments: &[&str], name: &str| {
        let answer = run(folder, &[arguments, &["--output", "json"]].concat()).json();
        answer[name].as_str().unwrap().to_owned()
    };
    let (offset, rule) = (text(&["org", "clock"], "offset"), text(&["org", "conditional-access"], "rule"));
    let _org = RunningOrg::start(folder, &["--listen", "127.0.0.1:0"]);
    let mut query = as_administrator(folder);
    query.args(["query", "accounts?$select=name&$top=100", "--output", "json"]);
    Seen { offset, rule, accounts: ended(&mut query).json().as_array().unwrap().len() }
}

/// The number of the state in use.
fn state(folder: &Path) -> u64 {
    let record = fs::read_to_string(folder.join(".keyholder/world.json")).unwrap();
    serde_json::from_str::<Value>(&record).unwrap()["state"].as_u64().unwrap()
}

#[test]
fn a_restore_that_is_killed_leaves_one_state_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    drop(RunningOrg::start(folder, &["--listen", "127.0.0.1:0"]));
    run(folder, &["org", "snapshot", "one"]).done();
    let kept = seen(folder);
    assert_eq!((kept.offset.as_str(), kept.rule.as_str(), kept.accounts), ("+0s", "none", 10));
    let change = || {
        run(folder, &["org", "clock", "--set", "2031-01-01T00:00:00Z"]).done();
        run(folder, &["org", "conditional-access", "multi-factor"]).done();
        run(folder, &ROWS).done();
    };
    change();
    let changed = seen(folder);
    assert_ne!(changed.accounts, kept.accounts);

    let has = |path: &Path| path.exists();
    let has_rows = |path: &Path| fs::read_dir(path.join("orgs")).is_ok_and(|files| files.flatten().next().is_some());
    // When the restoring process is killed: as soon as this is so of the new state's folder.
    type Moment<'a> = (&'a str, &'a dyn Fn(&Path, u64) -> bool);
    let moments: [Moment<'_>; 6] = [
        ("the folder is there", &|path, _| has(path)),
        ("the directory is being copied", &|path, _| has(&path.join("directory.db"))),
        ("the rows are being copied", &|path, _| has_rows(path)),
        ("it is open", &|path, _| has(&path.join("directory.db-wal")) || has(&path.join("env"))),
        ("it is in use", &|_, number| state(folder) == number),
        ("never", &|_, _| false),
    ];
    let (mut old, mut new) = (0, 0);
    for (what, is_now) in moments {
        let next = state(folder) + 1;
        let path = folder.join(format!(".keyholder/state-{next}"));
        let mut restoring = keyholder(folder).args(["org", "restore", "one"]).spawn().unwrap();
        // No clock here: it is looked at again and again until the moment has come or the process ended.
        while restoring.try_wait().unwrap().is_none() {
            if is_now(&path, next) {
                restoring.kill().unwrap();
                break;
            }
        }
        restoring.wait().unwrap();
        let found = seen(folder);
        // The clock runs on, so only how far it was moved is kept; a set time is so many days away.
        let is_old = found.rule == changed.rule;
        if is_old {
            assert_eq!((found.accounts, found.offset == kept.offset), (changed.accounts, false), "{what}: {found:?}");
            old += 1;
        } else {
            assert_eq!(found, kept, "{what}");
            new += 1;
            change();
        }
        let states = fs::read_dir(folder.join(".keyholder")).unwrap().flatten();
        let states = states.filter(|entry| entry.file_name().to_string_lossy().starts_with("state-")).count();
        assert_eq!(states, 1, "{what}: what the killed process left is swept up");
    }
    assert!(new > 0 && old > 0, "{old} old and {new} new: nothing was killed on the way, or nothing was restored");
}
