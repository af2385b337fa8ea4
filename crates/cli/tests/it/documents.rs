//! Every command that the documents show is run here, as shown but for its address.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::person::Person;
use crate::program::{RunningOrg, ended, free_port, keyholder, run};
use crate::sign_in::Case;

/// The documents whose commands are run.
const DOCUMENTS: &[&str] = &[
    "README.md",
    "docs/guide-403.md",
    "docs/profiles.md",
    "docs/local-org.md",
    "docs/limits.md",
    "docs/guide-data.md",
    "docs/guide-load.md",
    "docs/application-users.md",
    "docs/credentials.md",
    "docs/guide-rotate.md",
    "docs/roles.md",
    "docs/non-interactive-users.md",
    "docs/pipelines.md",
    "docs/audit.md",
    "docs/guide-audit.md",
];

/// The commands in a document's indented blocks, with continued lines joined and comments cut.
pub(crate) fn commands(document: &str) -> Vec<String> {
    let mut commands: Vec<String> = Vec::new();
    let mut open = false;
    // Fences hold output; commands stand in indented blocks.
    let unfenced = document.split("```").step_by(2);
    for line in unfenced.flat_map(str::lines).filter_map(|line| line.strip_prefix("    ")) {
        let line = line.split(" # ").next().unwrap_or(line).trim();
        let (text, continued) = line.strip_suffix('\\').map_or((line, false), |text| (text.trim_end(), true));
        match commands.last_mut() {
            Some(last) if open => {
                last.push(' ');
                last.push_str(text);
            }
            _ => commands.push(text.to_owned()),
        }
        open = continued;
    }
    commands
}

/// The lines of a document's fences: output, and commands that take what this test has not.
pub(crate) fn fenced(document: &str) -> Vec<&str> {
    document.split("```").skip(1).step_by(2).flat_map(|fence| fence.lines().skip(1)).collect()
}

#[test]
fn every_command_in_the_documents_works_as_shown() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    run(folder.path(), &["quickstart", "--listen", &port]).done();
    let env = fs::read_to_string(folder.path().join(".keyholder/org.env")).unwrap();
    let setting = |name: &str| env.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap().to_owned();
    let secret = setting("KEYHOLDER_ADMIN_CLIENT_SECRET");
    keyholder_platform::write_private(&folder.path().join("secret.txt"), secret.trim_matches('\'').as_bytes()).unwrap();
    let org = RunningOrg::start(folder.path(), &["--listen", &port]);

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::create_dir(folder.path().join("examples")).unwrap();
    for example in [
        "keyholder.toml",
        "rotate.toml",
        "visits.xml",
        "visits.toml",
        "contacts.xml",
        "operations.jsonl",
        "contacts.csv",
    ] {
        let example = Path::new("examples").join(example);
        fs::copy(root.join(&example), folder.path().join(&example)).unwrap();
    }
    let mut tried = 0;
    for document in DOCUMENTS {
        let text = fs::read_to_string(root.join(document)).unwrap();
        for shown in commands(&text) {
            let program = shown.split_whitespace().next().unwrap_or_default();
            match program {
                // What runs this very test, and the main command that CI runs from a fresh folder.
                "cargo" => continue,
                "keyholder" | "./target/release/keyholder" => {}
                other => panic!("{document} shows `{other}`, which this test does not know: {shown}"),
            }
            let number = port.rsplit(':').next().unwrap();
            let mut command = shown
                .replacen(program, env!("CARGO_BIN_EXE_keyholder"), 1)
                .replace("localhost:8443", &format!("localhost:{number}"))
                .replace("https://contoso.crm4.dynamics.com", &format!("https://localhost:{number}"))
                .replace("--client-id ID", &format!("--client-id {}", setting("KEYHOLDER_ADMIN_CLIENT_ID")));
            if command.contains("credential revoke") {
                // What the line before has told: the earlier one of the same file.
                let list = ["credential", "list", "orders-sync", "--local", "--output", "json"];
                let listed = run(folder.path(), &list).json();
                // Both may have been made within one second: the one that the file does not hold is the earlier.
                let held = fs::read_to_string(folder.path().join("by-secret.env")).unwrap();
                let is_earlier = |one: &&serde_json::Value| {
                    one["label"].as_str().unwrap().ends_with("/by-secret.env")
                        && !held.contains(one["id"].as_str().unwrap())
                };
                let earlier = listed["credentials"].as_array().unwrap().iter().find(is_earlier).unwrap();
                command = command.replace(" ID ", &format!(" {} ", earlier["id"].as_str().unwrap()));
            }
            if command.ends_with("org start") {
                // One runs already; another folder and port show that the line itself works.
                command.push_str(" --data another --listen 127.0.0.1:0 --output json");
                let mut child = Command::new("sh")
                    .args(["-c", &format!("exec {command}")])
                    .current_dir(folder.path())
                    .stdout(Stdio::piped())
                    .spawn()
                    .unwrap();
                let mut line = String::new();
                let out = child.stdout.take().unwrap();
                std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
                assert!(line.contains("\"ready\""), "{document}: {shown}: {line}");
                child.kill().unwrap();
                child.wait().unwrap();
                tried += 1;
                continue;
            }
            let ended = ended(
                Command::new("sh")
                    .args(["-c", &command])
                    .current_dir(folder.path())
                    .env("XDG_STATE_HOME", folder.path().join("state"))
                    .env("KEYHOLDER_CA_FILE", folder.path().join(".keyholder/ca.pem")),
            );
            assert!(
                (!ended.out.is_empty() || shown.contains(" > "))
                    && (ended.code() == 0 || (shown.contains("--dry-run") && ended.code() == 2)),
                "{document}: {shown}: {ended:#?}"
            );
            tried += 1;
        }
    }
    assert!(tried >= 7, "only {tried} commands were found");
    drop(org);
}

/// The guide to signing in needs a person, who reads the code that `login` shows.
#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_guide_to_signing_in_works_as_shown() {
    let case = Case::new().await;
    let admin = case.world.admin();
    fs::write(case.path("secret.txt"), admin.client_secret.expose()).unwrap();
    fs::write(case.path("password.txt"), admin.password.expose()).unwrap();
    fs::write(case.path("token"), case.outside_token(None).await).unwrap();
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sign-in.md");
    let all = commands(&fs::read_to_string(guide).unwrap());
    for shown in &all {
        let words = shown.split(' ').skip(1).map(|word| match word {
            "https://contoso.crm4.dynamics.com" => case.world.origin(),
            "ID" => admin.client_id.clone(),
            "NAME" => admin.username.clone(),
            other => other.to_owned(),
        });
        let mut command = keyholder(case.path("").as_path());
        command.args(words).env("KEYHOLDER_CA_FILE", case.world.file("ca.pem"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if shown.contains("--device-code") {
            let mut line = String::new();
            BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut line).unwrap();
            let words: Vec<&str> = line.split_whitespace().collect();
            Person::default().enter_code(&case.world, words[2], words[words.len() - 1], "accept").await;
        }
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{shown}: {output:?}");
    }
    assert!(all.len() >= 8, "{all:?}");
}

#[test]
fn the_readmes_run_is_a_real_one() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(folder.path(), &["quickstart", "--listen", &free_port()]).done();
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md")).unwrap();
    let shown = readme.split("```text\n").nth(1).unwrap().split("\n```").next().unwrap();
    // Ids, dates and the port differ from run to run; words do not.
    let words = |text: &str| -> Vec<String> {
        let line = |line: &str| {
            let kept = line.split_whitespace().filter(|word| !word.chars().any(|c| c.is_ascii_digit()));
            kept.collect::<Vec<_>>().join(" ")
        };
        text.lines().map(line).collect()
    };
    let (said, shown) = (words(&said), words(shown));
    for (line, (said, shown)) in said.iter().zip(&shown).enumerate() {
        assert_eq!(said, shown, "line {} of the run in README.md", line + 1);
    }
    assert!(shown.len() >= 18 && said.len() >= shown.len());
}
