//! What describes the command line to shells and to `man`.

use crate::program::run;

#[test]
fn each_shells_script_knows_the_commands_and_flags() {
    let folder = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(folder.path(), &["completions", shell]).done();
        for word in ["quickstart", "rotate-keys", "client-secret-file"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    run(folder.path(), &["completions", "cmd"]).failed(64);
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let told = run(folder.path(), &["man", "share/man1", "--output", "json"]).json();
    let pages: Vec<String> = std::fs::read_dir(folder.path().join("share/man1"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(told["folder"], "share/man1");
    assert!(pages.len() > 20 && !pages.iter().any(|name| name.contains("-help")), "{pages:?}");
    for page in ["keyholder.1", "keyholder-query.1", "keyholder-org-start.1"] {
        assert!(pages.iter().any(|name| name == page), "{page} is not among {pages:?}");
    }
    let text = std::fs::read_to_string(folder.path().join("share/man1/keyholder-query.1")).unwrap();
    assert!(text.contains(".TH keyholder-query 1") && text.contains("client\\-secret\\-file"), "{text}");

    std::fs::write(folder.path().join("file"), "").unwrap();
    let refused = run(folder.path(), &["man", "file/man1"]).failed(73);
    assert!(refused.contains("cannot write manual pages to `file/man1`"), "{refused}");
}

#[test]
fn quiet_leaves_the_result_and_the_errors() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.env"), "KEYHOLDER_CLIENT_SECRET=one\n").unwrap();
    let arguments = ["whoami", "--env-file", "app.env", "--url", "https://localhost:1", "--client-id", "nobody"];
    let loud = run(folder.path(), &arguments).failed(78);
    let quiet = run(folder.path(), &[&arguments[..], &["--quiet"]].concat()).failed(78);
    let errors = |text: &str| text.lines().filter(|line| !line.starts_with("note: ")).collect::<Vec<_>>().join("\n");
    assert_eq!(errors(&loud).trim(), quiet.trim());
    assert!(loud.starts_with("note: ") && !quiet.contains("note: "), "{loud}");
}
