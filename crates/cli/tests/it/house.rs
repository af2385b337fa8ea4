//! The house itself: which room may lean on which, and what must not stand in the repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The rooms from the ground up, with what each may lean on directly. A room that leans on
/// anything else, or that is missing here, fails the test: change ARCHITECTURE.md with it.
const ROOMS: &[(&str, &[&str])] = &[
    ("foundation", &[]),
    ("platform", &["foundation"]),
    ("entra", &["foundation"]),
    ("limits", &["foundation"]),
    ("dataverse", &["foundation"]),
    ("operation", &["foundation", "dataverse"]),
    ("security", &["foundation", "dataverse", "operation"]),
    ("store", &["foundation"]),
    ("identity", &["foundation", "entra", "operation", "store"]),
    ("data", &["foundation", "limits", "dataverse", "operation", "security", "store"]),
    ("org", &["foundation", "platform", "entra", "limits", "dataverse", "store", "identity", "data"]),
    ("client", &["foundation", "platform", "entra", "limits", "dataverse", "operation"]),
    ("service-users", &["foundation", "platform", "entra", "dataverse", "operation", "security", "client"]),
    ("cli", &["foundation", "platform", "entra", "limits", "dataverse", "org", "client", "service-users"]),
    ("cluster", &["foundation", "platform", "store"]),
    ("testkit", &["foundation", "platform", "limits", "org", "client"]),
    ("interop", &[]),
    ("benches", &["foundation", "platform", "entra", "store", "identity", "org", "client", "cluster"]),
];

/// Rooms that do no I/O, so that both sides of the wire can share them.
const WITHOUT_IO: &[&str] = &["foundation", "entra", "limits", "dataverse", "operation", "security"];
/// Crates that would bring I/O or an executor into them.
const IO_CRATES: &[&str] = &["tokio", "reqwest", "hyper", "rusqlite", "rustls", "futures"];

fn dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let name = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let all = package["dependencies"].as_array().unwrap();
            let normal = all.iter().filter(|d| d["kind"].is_null()).map(|d| name(&d["name"])).collect();
            (name(&package["name"]), normal)
        })
        .collect()
}

#[test]
fn arrows_only_point_down() {
    let dependencies = dependencies();
    assert_eq!(dependencies.len(), ROOMS.len(), "every room stands in ROOMS: {:?}", dependencies.keys());
    for (room, may_lean_on) in ROOMS {
        let actual = &dependencies[&format!("keyholder-{room}")];
        for other in actual.iter().filter_map(|d| d.strip_prefix("keyholder-")) {
            assert!(may_lean_on.contains(&other), "`{room}` must not lean on `{other}`");
        }
        if WITHOUT_IO.contains(room) {
            for io in IO_CRATES {
                assert!(!actual.iter().any(|d| d == io), "`{room}` does no I/O, yet it uses `{io}`");
            }
        }
    }
}

#[test]
fn every_room_stands_in_the_map() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for (room, _) in ROOMS {
        assert!(
            map.contains(&format!("`{room}`")) || map.contains(&format!("`{room}/`")),
            "ARCHITECTURE.md does not name `{room}`"
        );
    }
}

#[test]
fn files_answer_one_question_each() {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let mut files = Vec::new();
    walk(&root().join("crates"), &mut files);
    assert!(files.len() > 50, "only {} files found", files.len());
    for file in files {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 700, "{} has {lines} lines: look for the seam", file.display());
    }
}
