//! What a running org promises to those who talk to it: listeners, certificates, durable writes.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::program::{RunningOrg, ended, free_port, keyholder, run};

fn admin(folder: &Path, arguments: &[&str], more: &[(&str, &str)]) -> crate::program::Ended {
    let env = fs::read_to_string(folder.join(".keyholder/org.env")).unwrap();
    let setting = |name: &str| {
        env.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap().trim_matches('\'').to_owned()
    };
    let mut command = keyholder(folder);
    command.args(arguments);
    command.env("KEYHOLDER_ORG_URL", setting("KEYHOLDER_ORG_URL"));
    command.env("KEYHOLDER_CLIENT_ID", setting("KEYHOLDER_ADMIN_CLIENT_ID"));
    command.env("KEYHOLDER_CLIENT_SECRET", setting("KEYHOLDER_ADMIN_CLIENT_SECRET"));
    command.env("KEYHOLDER_CA_FILE", setting("KEYHOLDER_CA_FILE"));
    command.envs(more.iter().copied());
    ended(&mut command)
}

#[test]
fn loopback_never_goes_through_a_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let _org = RunningOrg::start(folder.path(), &["--listen", "127.0.0.1:0"]);
    let nowhere = "http://127.0.0.1:1";
    let proxies = [("HTTPS_PROXY", nowhere), ("https_proxy", nowhere), ("ALL_PROXY", nowhere)];
    admin(folder.path(), &["whoami"], &proxies).done();
}

#[test]
fn every_listener_serves_the_one_origin() {
    let folder = tempfile::tempdir().unwrap();
    let (also, http) = (free_port(), free_port());
    let arguments = ["--listen", "127.0.0.1:0", "--also-listen", &also, "--http", &http];
    let org = RunningOrg::start(folder.path(), &arguments);
    let origin = org.ready["origin"].as_str().unwrap();
    let ca = folder.path().join(".keyholder/ca.pem");
    let port = origin.rsplit(':').next().unwrap();
    // curl is somebody else's client, and its TLS library somebody else's too.
    for url in
        [origin.to_owned(), format!("https://127.0.0.1:{port}"), format!("https://{also}"), format!("http://{http}")]
    {
        let document = format!("{url}/common/.well-known/openid-configuration");
        let Ok(output) =
            Command::new("curl").args(["-sS", "--noproxy", "*", "--cacert"]).arg(&ca).arg(&document).output()
        else {
            println!("skipped: curl is missing");
            return;
        };
        let body: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{url}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
        let endpoint = body["token_endpoint"].as_str().unwrap();
        assert!(endpoint.starts_with(&format!("{origin}/")), "{url} names {endpoint}");
    }
}

#[test]
fn the_certificate_authority_is_good_for_loopback_alone() {
    let folder = tempfile::tempdir().unwrap();
    let _org = RunningOrg::start(folder.path(), &["--listen", "127.0.0.1:0"]);
    let ca = folder.path().join(".keyholder/ca.pem");
    let Ok(output) = Command::new("openssl").args(["x509", "-noout", "-text", "-in"]).arg(&ca).output() else {
        println!("skipped: openssl is missing");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    for wanted in ["CA:TRUE", "Certificate Sign", "Name Constraints", "DNS:localhost", "IP:127.0.0.0/255.0.0.0"] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
}

#[test]
fn an_acknowledged_write_survives_sigkill() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &["quickstart", "--listen", "127.0.0.1:0"]).done();
    let org = RunningOrg::start(folder.path(), &["--listen", "127.0.0.1:0"]);
    let sampled = run(folder.path(), &["org", "sample", "--rows", "500", "--seed", "3", "--output", "json"]).json();
    assert_eq!(sampled["contacts"], 500);
    // Dropping kills with SIGKILL, at once after the answer.
    drop(org);
    let _again = RunningOrg::start(folder.path(), &["--listen", "127.0.0.1:0"]);
    let count = admin(folder.path(), &["query", "contacts?$select=fullname", "--output", "json"], &[]).json();
    assert_eq!(count.as_array().unwrap().len(), 510);
}

#[test]
fn two_orgs_in_one_folder_tree_know_nothing_of_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let one = RunningOrg::start(folder.path(), &["--listen", "127.0.0.1:0"]);
    let two = RunningOrg::start(folder.path(), &["--listen", "127.0.0.1:0", "--data", "two"]);
    assert_ne!(one.ready["tenantId"], two.ready["tenantId"]);
    assert_ne!(one.ready["origin"], two.ready["origin"]);
    // The first org's administrator is nobody in the second.
    let ca = folder.path().join("two/ca.pem").display().to_string();
    let url = two.ready["origin"].as_str().unwrap();
    let said = admin(folder.path(), &["whoami", "--url", url, "--ca-file", &ca], &[]).failed(77);
    assert!(said.contains("AADSTS700016"), "{said}");
}
