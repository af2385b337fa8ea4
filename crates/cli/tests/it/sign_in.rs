//! Every credential of an application, and a password, on a real local org through the command line.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::program::{Ended, ended, keyholder};

/// A world whose administering application has a certificate and a federated credential as well.
pub(crate) struct Case {
    pub(crate) world: World,
    folder: tempfile::TempDir,
}

impl Case {
    pub(crate) async fn new() -> Self {
        let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["keyholder".to_owned()]).unwrap().self_signed(&key).unwrap();
        let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
        keyholder_platform::write_private(&folder.path().join("app.pem"), pem.as_bytes()).unwrap();
        let base64: String = certificate.pem().lines().filter(|line| !line.starts_with("-----")).collect();
        let case = Self { world, folder };
        let keys = json!({"keyCredentials": [{"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64}]});
        case.graph("PATCH", &case.application(), &keys).await;
        case
    }

    fn application(&self) -> String {
        format!("applications(appId='{}')", self.world.admin().client_id)
    }

    async fn graph(&self, method: &str, path: &str, body: &Value) -> Value {
        let token = self.world.admin_token().await;
        let answer = self.world.graph(&token, method, path, Some(body)).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        answer.body
    }

    /// A token that an issuer outside would give, from the one issuer that a test has: the local org's
    /// token service itself, for another audience. Gives the token and registers its issuer.
    pub(crate) async fn outside_token(&self, subject: Option<&str>) -> String {
        let admin = self.world.admin();
        let audience = "https://graph.microsoft.com";
        let token = self.world.token(&admin.client_id, &admin.client_secret, audience).await;
        let claims = claims(&token);
        let credential = json!({
            "name": "pipeline", "issuer": claims["iss"], "subject": subject.unwrap_or(claims["sub"].as_str().unwrap()),
            "audiences": [audience],
        });
        self.graph("POST", &format!("{}/federatedIdentityCredentials", self.application()), &credential).await;
        token
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = keyholder(self.folder.path());
        command.args(arguments).args(["--url", &self.world.origin()]);
        command.env("KEYHOLDER_CA_FILE", self.world.file("ca.pem"));
        command
    }

    fn as_application(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.args(["--client-id", &self.world.admin().client_id]);
        command
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }
}

/// What a token says, as anybody can read it.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    let bits = payload.bytes().map(|byte| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'-' => 62,
        _ => 63,
    });
    let (mut bytes, mut held, mut count) = (Vec::new(), 0_u32, 0);
    for six in bits {
        (held, count) = ((held << 6 | u32::from(six)) & 0xffff, count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(held >> count & 0xff).unwrap());
        }
    }
    serde_json::from_slice(&bytes).unwrap()
}

fn appidacr(ended: Ended) -> Value {
    claims(ended.done().trim())["appidacr"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn s07_a_certificate_signs_in() {
    let case = Case::new().await;
    let token = ended(&mut case.as_application(&["token", "--certificate-file", "app.pem"]));
    assert_eq!(appidacr(token), "2");
    let mut command = case.command(&["whoami"]);
    command.env("AZURE_CLIENT_ID", &case.world.admin().client_id).env("AZURE_TENANT_ID", case.world.tenant());
    ended(command.env("AZURE_CLIENT_CERTIFICATE_PATH", "app.pem")).done();

    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&other).unwrap();
    fs::write(case.path("other.pem"), format!("{}{}", other.serialize_pem(), certificate.pem())).unwrap();
    let said = ended(&mut case.as_application(&["whoami", "--certificate-file", "other.pem"])).failed(77);
    assert!(said.contains("AADSTS700027"), "{said}");
    assert!(said.contains("others can read `other.pem`"), "{said}");
    let said = ended(&mut case.as_application(&["whoami", "--certificate-file", "none.pem"])).failed(78);
    assert!(said.contains("none.pem"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s07_an_assertion_follows_an_org_whose_clock_was_moved() {
    let case = Case::new().await;
    case.world.advance(std::time::Duration::from_secs(40 * 86_400));
    ended(&mut case.as_application(&["whoami", "--certificate-file", "app.pem"])).done();
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_a_federated_token_in_a_file_signs_in() {
    let case = Case::new().await;
    let outside = case.outside_token(None).await;
    fs::write(case.path("token"), format!("{outside}\n")).unwrap();
    ended(&mut case.as_application(&["whoami", "--federated-token-file", "token"])).done();
    let mut command = case.as_application(&["whoami"]);
    ended(command.env("AZURE_FEDERATED_TOKEN_FILE", "token")).done();
    fs::write(case.path("token"), "not a token").unwrap();
    let said = ended(&mut case.as_application(&["whoami", "--federated-token-file", "token"])).failed(77);
    assert!(said.contains("`token`") && said.contains("no signed token"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_a_federated_token_of_another_subject_is_refused() {
    let case = Case::new().await;
    let outside = case.outside_token(Some("repo:contoso/orders:ref:refs/heads/main")).await;
    fs::write(case.path("token"), &outside).unwrap();
    let said = ended(&mut case.as_application(&["whoami", "--federated-token-file", "token"])).failed(77);
    assert!(said.contains("AADSTS700213") && !said.contains(&outside), "{said}");
}

/// A pipeline's token service: answers once, and gives what it was asked.
pub(crate) fn pipeline(body: String) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = [0; 16384];
        let read = stream.read(&mut head).unwrap();
        let length = body.len();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}").unwrap();
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    (address, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn s08_both_pipelines_tokens_sign_in() {
    let case = Case::new().await;
    let outside = case.outside_token(None).await;
    let (address, asked) = pipeline(json!({"value": outside, "count": 1}).to_string());
    let mut command = case.as_application(&["whoami", "--federated", "github"]);
    command.env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{address}/token?api-version=2.0"));
    ended(command.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner-key")).done();
    let asked = asked.join().unwrap().to_lowercase();
    assert!(asked.starts_with("get /token?api-version=2.0&audience=api%3a%2f%2fazureadtokenexchange "), "{asked}");
    assert!(asked.contains("authorization: bearer runner-key"), "{asked}");

    let (address, asked) = pipeline(json!({"oidcToken": outside}).to_string());
    let mut command = case.as_application(&["whoami"]);
    command.env("KEYHOLDER_FEDERATED", "azure-devops").env("SYSTEM_OIDCREQUESTURI", format!("{address}/oidctoken"));
    command.env("SYSTEM_ACCESSTOKEN", "job-key").env("KEYHOLDER_SERVICE_CONNECTION_ID", "connection-1");
    ended(&mut command).done();
    let asked = asked.join().unwrap().to_lowercase();
    assert!(asked.starts_with("post /oidctoken?api-version=7.1&serviceconnectionid=connection-1 "), "{asked}");
    let said = ended(&mut case.as_application(&["whoami", "--federated", "github"])).failed(78);
    assert!(said.contains("id-token: write"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_a_password_signs_a_person_in() {
    let case = Case::new().await;
    let admin = case.world.admin();
    fs::write(case.path("password"), format!("{}\n", admin.password.expose())).unwrap();
    let person = ["--username", admin.username.as_str(), "--password-file", "password"];
    let token = ended(case.command(&["token"]).args(person)).done();
    let claims = claims(token.trim());
    assert_eq!(
        (&claims["upn"], &claims["appid"]),
        (&json!(admin.username), &json!("51f81489-12ee-4a9e-aaae-a2591f45987d"))
    );
    let mut command = case.command(&["whoami"]);
    command.env("KEYHOLDER_USERNAME", &admin.username).env("KEYHOLDER_PASSWORD", admin.password.expose());
    ended(&mut command).done();
    let said = ended(command.env("KEYHOLDER_PASSWORD", "wrong-password-1")).failed(77);
    assert!(said.contains("AADSTS50126") && !said.contains("wrong-password-1"), "{said}");
    let said = ended(command.env("KEYHOLDER_USERNAME", "nobody@keyholder.localhost")).failed(77);
    assert!(said.contains("AADSTS50034"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_credentials_of_one_place_are_refused_by_name() {
    let case = Case::new().await;
    let mut command = case.as_application(&["whoami"]);
    command.env("KEYHOLDER_CLIENT_SECRET", "hunter2").env("KEYHOLDER_CLIENT_CERTIFICATE_FILE", "app.pem");
    let said = ended(&mut command).failed(78);
    assert!(said.contains("both a client secret") && said.contains("and a certificate"), "{said}");
    assert!(said.contains("KEYHOLDER_CLIENT_CERTIFICATE_FILE") && !said.contains("hunter2"), "{said}");
    ended(command.args(["--certificate-file", "app.pem"])).done();
}

/// What `/proc` shows of a process to every user of the machine.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn s25_no_secret_stands_in_an_argument_list() {
    let case = Case::new().await;
    let az = case.path("az");
    let seen = case.path("seen");
    let lists = format!("#!/bin/sh\ncat /proc/$PPID/cmdline /proc/$$/cmdline > {}\nexit 1\n", seen.display());
    fs::write(&az, lists).unwrap();
    fs::set_permissions(&az, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let admin = case.world.admin();
    let mut command = case.command(&["whoami", "--azure-cli"]);
    command.env("PATH", path_with(case.folder.path()));
    command.env("KEYHOLDER_CLIENT_SECRET", admin.client_secret.expose());
    command.env("KEYHOLDER_PASSWORD", admin.password.expose());
    ended(&mut command).failed(77);
    let seen = String::from_utf8_lossy(&fs::read(seen).unwrap()).into_owned();
    assert!(seen.contains("whoami") && seen.contains("get-access-token"), "{seen}");
    for secret in [admin.client_secret.expose(), admin.password.expose()] {
        assert!(!seen.contains(secret), "{seen}");
    }
}

#[cfg(unix)]
pub(crate) fn path_with(folder: &Path) -> String {
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

/// An application without a secret, which accepts the tokens of the one issuer that a test has: the local
/// org's token service itself, for another audience.
#[tokio::test(flavor = "multi_thread")]
async fn s07_a_way_in_without_a_secret_is_proved_where_a_token_is_at_hand_and_else_said_once() {
    let case = Case::new().await;
    let admin = case.world.admin();
    let audience = "https://graph.microsoft.com";
    let token = case.world.token(&admin.client_id, &admin.client_secret, audience).await;
    let says = claims(&token);
    keyholder_platform::write_private(&case.path("token"), token.as_bytes()).unwrap();
    keyholder_platform::write_private(&case.path("admin"), admin.client_secret.expose().as_bytes()).unwrap();
    let file = format!(
        "[orgs.prod]\nurl = \"{}\"\n[roles.orders.privileges]\ncontact = \"read:organization\"\n\
         [application-users.pipeline]\norgs = [\"prod\"]\nroles = [\"orders\"]\n\
         credential.federated.issuer = {{ issuer = {}, subject = {}, audience = \"{audience}\" }}\n",
        case.world.origin(),
        says["iss"],
        says["sub"],
    );
    fs::write(case.path("keyholder.toml"), file).unwrap();
    let apply = |more: &[&str]| {
        let mut command = keyholder(case.folder.path());
        command.args(["apply", "--yes", "--client-id", &admin.client_id, "--client-secret-file", "admin"]).args(more);
        ended(command.env("KEYHOLDER_CA_FILE", case.world.file("ca.pem")))
    };
    let said = apply(&[]).done();
    assert_eq!(said.matches("cannot be proved from here").count(), 1, "{said}");
    assert!(said.contains("`keyholder whoami --federated-token-file FILE --client-id "), "{said}");

    // Something is to be done again, and this time the token is at hand.
    let rename = fs::read_to_string(case.path("keyholder.toml")).unwrap();
    fs::write(case.path("keyholder.toml"), rename.replace("read:organization", "read:organization write:user"))
        .unwrap();
    let done = apply(&["--issuer-token-file", "token", "--output", "json"]).json();
    assert_eq!(done["unproved"], json!([]), "{done:#}");
    let proved = &done["proved"][0];
    assert_eq!((&proved["credential"], &proved["secretPlace"]), (&json!("federated"), &json!("token")), "{done:#}");
    assert!(!done.to_string().contains(&token));
    // A token of somebody else proves nothing, and one that is none is told.
    fs::write(case.path("keyholder.toml"), rename.replace("read:organization", "read:organization create:user"))
        .unwrap();
    let other = case.world.token(&admin.client_id, &admin.client_secret, &case.world.origin()).await;
    keyholder_platform::write_private(&case.path("other"), other.as_bytes()).unwrap();
    assert!(apply(&["--issuer-token-file", "other"]).done().contains("cannot be proved from here"));
    fs::write(case.path("other"), "not a token").unwrap();
    assert!(apply(&["--issuer-token-file", "other"]).err.contains("no signed token"));
}
