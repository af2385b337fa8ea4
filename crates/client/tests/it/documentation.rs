//! Each credential and each operation has an example in its documentation; that they compile, the documentation tests
//! show.

use std::path::{Path, PathBuf};

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Whether the documentation above that line has an example.
fn has_example(lines: &[&str], at: usize) -> bool {
    let above = lines[..at].iter().rev().map(|line| line.trim_start());
    let mut documentation = above.take_while(|line| line.starts_with("///") || line.starts_with("#["));
    documentation.any(|line| line.starts_with("/// ```"))
}

fn all() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut paths);
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn each_credential_has_an_example() {
    let files = all();
    let mut seen = Vec::new();
    for (_, text) in &files {
        let tests = text.find("#[cfg(test)]").unwrap_or(text.len());
        for kind in ["impl Credential for ", "impl TokenSource for "] {
            let named = text[..tests].lines().filter_map(|line| line.strip_prefix(kind)?.strip_suffix(" {"));
            seen.extend(named.map(str::to_owned));
        }
    }
    assert!(seen.len() >= 12, "{seen:?}");
    for name in seen {
        let is_shown = files.iter().any(|(_, text)| {
            let lines: Vec<&str> = text.lines().collect();
            let at = lines.iter().position(|line| line.starts_with(&format!("pub struct {name} ")));
            at.is_some_and(|at| has_example(&lines, at))
        });
        assert!(is_shown, "{name} has no example");
    }
}

#[test]
fn each_operation_has_an_example() {
    let mut operations = 0;
    for (path, text) in all() {
        let lines: Vec<&str> = text.lines().collect();
        let mut is_inside = false;
        for (at, line) in lines.iter().enumerate() {
            match *line {
                "impl Dataverse {" => is_inside = true,
                "}" => is_inside = false,
                _ => {}
            }
            let is_operation = line.starts_with("    pub fn ") || line.starts_with("    pub async fn ");
            // What only shows a part of the value is none.
            if !is_inside || !is_operation || line.contains("(&self) -> &") {
                continue;
            }
            operations += 1;
            assert!(has_example(&lines, at), "{}: {} has no example", path.display(), line.trim());
        }
    }
    assert!(operations >= 30, "{operations}");
}
