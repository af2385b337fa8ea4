//! `token`, `whoami` and `query`: the connection, and everything that can be wrong with it.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use keyholder_testkit::World;

use crate::program::{Ended, ended, keyholder, run};

/// The environment of the administering application, as a program would be given it.
pub(crate) fn as_admin(world: &World, folder: &Path, arguments: &[&str]) -> Ended {
    ended(&mut as_admin_command(world, folder, arguments))
}

/// The same, not run yet.
pub(crate) fn as_admin_command(world: &World, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = keyholder(folder);
    command.args(arguments);
    command.env("KEYHOLDER_ORG_URL", world.origin());
    command.env("KEYHOLDER_CLIENT_ID", &world.admin().client_id);
    command.env("KEYHOLDER_CLIENT_SECRET", world.admin().client_secret.expose());
    command.env("KEYHOLDER_CA_FILE", world.file("ca.pem"));
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_s13_s14_the_orgs_url_and_the_credential_are_enough() {
    let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
    let who = as_admin(&world, folder.path(), &["whoami", "--output", "json"]).json();
    assert!(who["userId"].as_str().is_some_and(|id| id.len() == 36), "{who}");
    let table = as_admin(&world, folder.path(), &["query", "contacts?$top=3"]).done();
    assert_eq!(table.lines().count(), 5, "a header, a rule and three rows:\n{table}");
    let rows =
        as_admin(&world, folder.path(), &["query", "contacts?$select=fullname&$top=3", "--output", "json"]).json();
    assert_eq!(rows.as_array().unwrap().len(), 3);
    let one = format!("contacts({})?$select=fullname", rows[0]["contactid"].as_str().unwrap());
    let one = as_admin(&world, folder.path(), &["query", &one, "--output", "json"]).json();
    assert_eq!(one[0]["fullname"], rows[0]["fullname"]);
    let count = as_admin(&world, folder.path(), &["query", "contacts/$count"]).done();
    assert_eq!(count.trim(), "10");
    let none = as_admin(&world, folder.path(), &["query", "contacts?$filter=fullname eq 'nobody'", "--output", "json"]);
    assert_eq!(none.json(), serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_json_lines_or_one_document_and_the_count_is_a_note() {
    let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
    let ask = |form: &str, query: &str| {
        let ended = as_admin(&world, folder.path(), &["query", query, "--output", form]);
        assert_eq!(ended.code(), 0, "{ended:#?}");
        ended
    };
    let query = "contacts?$select=fullname&$top=3&$count=true";
    let lines = ask("jsonl", query);
    let rows: Vec<serde_json::Value> =
        lines.out.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    let document = ask("json", query);
    let whole: serde_json::Value = serde_json::from_str(&document.out).unwrap();
    assert_eq!((rows.len(), &serde_json::Value::from(rows)), (3, &whole));
    for ended in [&lines, &document] {
        assert!(ended.err.contains("note: ") && ended.err.contains("rows in all"), "{ended:#?}");
    }
    assert_eq!(ask("jsonl", "contacts?$filter=fullname eq 'nobody'").out, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn s11_flags_win_over_the_env_file_and_that_over_the_environment() {
    let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
    let secret = world.admin().client_secret.expose();
    fs::write(folder.path().join("secret"), format!("{secret}\n")).unwrap();
    let wrong = format!("KEYHOLDER_CLIENT_ID={}\nKEYHOLDER_CLIENT_SECRET=wrong\n", world.admin().client_id);
    fs::write(folder.path().join("wrong.env"), wrong).unwrap();
    // The environment is right, the file over it is wrong, the flag over that is right again.
    let refused = as_admin(&world, folder.path(), &["whoami", "--env-file", "wrong.env"]).failed(77);
    assert!(refused.contains("AADSTS7000215") && !refused.contains(secret), "{refused}");
    let flags = ["whoami", "--env-file", "wrong.env", "--client-secret-file", "secret"];
    as_admin(&world, folder.path(), &flags).done();

    let mut command = keyholder(folder.path());
    let ca = world.file("ca.pem");
    command.args(["token", "--url", &world.origin(), "--client-id", &world.admin().client_id]);
    command.args(["--tenant", &world.org().address().tenant_domain, "--client-secret-file", "-", "--ca-file"]).arg(ca);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(secret.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let token = String::from_utf8(output.stdout).unwrap();
    assert_eq!(token.trim().split('.').count(), 3, "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_only_where_its_own_place_or_a_flag_vouches() {
    let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
    let path = folder.path();
    // The secret is in the environment; a file over it names another authority for another org.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let challenge = "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer authorization_uri=https://evil.example/t/oauth2/authorize, resource_id=https://evil.example/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
        stream.write_all(challenge.as_bytes()).unwrap();
    });
    fs::write(path.join("evil.env"), format!("KEYHOLDER_ORG_URL={url}\nKEYHOLDER_AUTHORITY=https://evil.example\n"))
        .unwrap();
    let said = as_admin(&world, path, &["whoami", "--env-file", "evil.env"]).failed(78);
    assert!(said.contains("nothing was sent there") && said.contains("--authority"), "{said}");
    server.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_as_a_header_is_what_curl_reads() {
    let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
    let header = as_admin(&world, folder.path(), &["token", "--as-header"]).done();
    let token = header.trim_end().strip_prefix("Authorization: Bearer ").unwrap();
    assert_eq!(world.api(token, "GET", "WhoAmI", None).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_setting_is_one_clear_error() {
    let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
    let path = folder.path();
    let said = run(path, &["whoami"]).failed(78);
    assert!(said.contains("--url") && said.contains("KEYHOLDER_ORG_URL"), "{said}");
    let said = as_admin(&world, path, &["whoami", "--env-file", "nothing.env"]).failed(78);
    assert!(said.contains("nothing.env"), "{said}");
    let said = as_admin(&world, path, &["whoami", "--client-secret-file", "nothing"]).failed(78);
    assert!(said.contains("nothing"), "{said}");
    let said = as_admin(&world, path, &["whoami", "--client-id", "orders-sync"]).failed(78);
    assert!(said.contains("GUID") && said.contains("--client-id"), "{said}");
    let unknown = "11111111-2222-3333-4444-555555555555";
    let said = as_admin(&world, path, &["whoami", "--client-id", unknown]).failed(77);
    assert!(said.contains("AADSTS700016"), "{said}");
    let said = as_admin(&world, path, &["whoami", "--tenant", "elsewhere.example"]).failed(78);
    assert!(said.contains("AADSTS90002") && said.contains("elsewhere.example"), "{said}");
    let said = as_admin(&world, path, &["whoami", "--url", "http://contoso.crm.dynamics.com"]).failed(78);
    assert!(said.contains("https"), "{said}");
    let said = as_admin(&world, path, &["whoami", "--url", "https://127.0.0.1:1"]).failed(69);
    assert!(said.contains("127.0.0.1:1") && said.contains("refused"), "{said}");

    let plain = world.origin().replacen("https", "http", 1);
    let said = as_admin(&world, path, &["whoami", "--url", &plain]).failed(69);
    assert!(said.contains(&format!("give `{}`", world.origin())), "{said}");

    fs::write(path.join("misspelt.env"), "KEYHOLDER_CLIENT_SECRT=x\nKEYHOLDER_TENANT_DOMAIN=y\nOTHER=z\n").unwrap();
    let said = as_admin(&world, path, &["whoami", "--env-file", "misspelt.env"]);
    assert!(said.err.contains("line 1: nothing reads `KEYHOLDER_CLIENT_SECRT`"), "{said:?}");
    assert!(!said.err.contains("TENANT_DOMAIN") && !said.err.contains("OTHER"), "{said:?}");
    said.done();

    let mut command = keyholder(path);
    command.args(["whoami", "--url", &world.origin(), "--client-secret-file", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // The program may end before all of it is written.
    let _ = stdin.write_all(&[b'x'; 5_000]);
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(65) && said.contains("more than 4096 bytes"), "{said}");

    fs::write(path.join("other.pem"), "no certificate at all").unwrap();
    let said = as_admin(&world, path, &["whoami", "--ca-file", "other.pem"]).failed(78);
    assert!(said.contains("other.pem"), "{said}");
    let other = World::start().await;
    let ca = other.file("ca.pem");
    let said = as_admin(&world, path, &["whoami", "--ca-file", &ca.display().to_string()]).failed(78);
    assert!(said.contains("certificate") && said.contains("--ca-file"), "{said}");

    let said = as_admin(&world, path, &["query", "contacts?=3"]).failed(64);
    assert!(said.contains("single quotes"), "{said}");
    let said = as_admin(&world, path, &["query", "kontakte"]).failed(65);
    assert!(said.contains("kontakte"), "{said}");
    let said = as_admin(&world, path, &["query", "contacts?$select=nickname,colour"]).failed(65);
    assert!(said.contains("colour"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_org_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let settings = ["--client-id", "11111111-2222-3333-4444-555555555555", "--client-secret-file", "secret"];
    fs::write(path.join("secret"), "s").unwrap();
    for (answer, found) in [
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", "404"),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 15\r\nconnection: close\r\n\r\n<html>hi</html>",
            "HTML",
        ),
        ("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", "401"),
    ] {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 4096];
            let _ = std::io::Read::read(&mut stream, &mut buffer);
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let mut arguments = vec!["whoami", "--url", &url];
        arguments.extend(settings);
        let said = run(path, &arguments).failed(78);
        assert!(said.contains("not a Dynamics 365 org") && said.contains(found), "{said}");
        server.join().unwrap();
    }
}

#[test]
fn the_command_line_is_taught_and_never_takes_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let help = run(folder.path(), &["--help"]).done();
    for word in ["quickstart", "org", "token", "whoami", "query", "Exit codes", "64", "78"] {
        assert!(help.contains(word), "{word} in {help}");
    }
    let version = run(folder.path(), &["--version"]).done();
    assert_eq!(version.trim(), format!("keyholder {}", env!("CARGO_PKG_VERSION")));
    for wrong in
        [&["--wrong"][..], &["quickstarts"], &["query"], &["org", "sample"], &["org", "sample", "--rows", "0"], &[]]
    {
        assert_eq!(run(folder.path(), wrong).code(), 64, "{wrong:?}");
    }
    let said = run(folder.path(), &["token", "--client-secret", "s3cr3t-value"]);
    assert_eq!(said.code(), 64);
    for command in [
        "quickstart",
        "org start",
        "token",
        "whoami",
        "query",
        "get",
        "create",
        "update",
        "upsert",
        "delete",
        "call",
        "batch",
        "export",
        "profile add",
    ] {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.push("--help");
        let help = run(folder.path(), &arguments).done();
        let takes_values = help.lines().filter(|line| line.trim_start().starts_with("--"));
        assert!(takes_values.clone().count() >= 2, "{help}");
        for line in takes_values {
            assert!(!line.contains("secret") || line.contains("-file <FILE>"), "{line}");
        }
    }
}
