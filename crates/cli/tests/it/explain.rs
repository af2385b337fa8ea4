//! `keyholder explain`: a code that a service answered with, in words.

use std::io::Write;
use std::process::Stdio;

use crate::program::{Ended, keyholder, run};

fn explain(arguments: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &[&["explain"], arguments].concat())
}

fn explain_input(text: &[u8], arguments: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let mut command = keyholder(folder.path());
    command.arg("explain").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { status: output.status, out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn a_code_is_known_in_every_way_that_it_is_written() {
    for form in ["AADSTS7000222", "aadsts7000222", "7000222"] {
        let said = explain(&[form]).done();
        for words in ["AADSTS7000222", "has expired", "Make a new secret", "keyholder credential add", "an owner of"] {
            assert!(said.contains(words), "{form}: no {words} in {said}");
        }
    }
    for form in ["0x80040220", "80040220", "-2147220960", "2147746336"] {
        let said = explain(&[form]).done();
        for words in ["0x80040220", "PrivilegeDenied", "HTTP 403", "keyholder role create", "System Administrator"] {
            assert!(said.contains(words), "{form}: no {words} in {said}");
        }
    }
}

#[test]
fn a_message_is_searched_and_what_it_names_is_told() {
    let body = r#"{"error":{"code":"0x80040220","message":"Principal user (Id=5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11, type=8,
        roleCount=1), is missing prvReadContact privilege (Id=d26fe964-230b-42dd-ad93-5cc879de411e) on OTC=2 for entity
        'contact'. See also AADSTS65001"}}"#;
    let told = explain_input(body.as_bytes(), &["--output", "json"]).json();
    let codes: Vec<&str> = told["codes"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["0x80040220", "AADSTS65001"]);
    assert!(told["details"].as_str().unwrap().contains("prvReadContact on the table contact"), "{told}");
    assert!(told["codes"][1]["who"].as_str().unwrap().contains("Cloud Application Administrator"));
    // A log is no text of any encoding.
    let said = explain_input(b"\xff\xfe 07:00 \x1b[31mHTTP 403 0x80072560\n", &[]).done();
    assert!(said.contains("UserNotMemberOfOrg") && said.contains("keyholder app-user create"), "{said}");
    assert!(explain(&[body]).done().contains("prvReadContact"));
}

#[test]
fn what_is_not_known_is_said_with_its_neighbours_and_what_has_no_code_is_refused() {
    let unknown = explain(&["AADSTS53999"]);
    assert_eq!(unknown.code(), 1);
    for words in ["does not know", "Conditional Access", "https://login.microsoftonline.com/error?code=53999"] {
        assert!(unknown.out.contains(words), "{unknown:#?}");
    }
    assert_eq!(explain(&["AADSTS53999", "AADSTS53003"]).code(), 0);
    assert!(explain(&["Forbidden"]).failed(65).contains("no code"));
    assert!(explain_input(b"", &[]).failed(65).contains("no code"));
    explain(&["--list", "AADSTS1"]).failed(64);
}

#[test]
fn all_codes_are_listed_with_their_mends() {
    let said = explain(&["--list"]).done();
    assert!(said.lines().count() > 250 && said.contains("0x80072322"), "{said}");
    let told = explain(&["--list", "--output", "json"]).json();
    let mut commands = std::collections::BTreeSet::new();
    for one in told["codes"].as_array().unwrap() {
        for field in ["meaning", "mend", "who", "documented"] {
            assert!(one[field].as_str().is_some_and(|text| !text.is_empty()), "{one}");
        }
        if let Some(command) = one["command"].as_str() {
            commands.insert(command.to_owned());
        }
    }
    assert!(commands.len() > 15, "{commands:?}");
    commands.iter().for_each(|command| crate::doctor::is_a_command(command));
}
