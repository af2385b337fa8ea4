//! The examples for pipelines, as they stand: the declaration applied, and each step run with tokens as
//! GitHub's and Azure DevOps' token services give them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::SigningKey;
use serde_json::{Value, json};

use crate::program::{RunningOrg, ended, keyholder, run};
use crate::sign_in::pipeline;

/// The tenant of the example's Azure DevOps organization.
const TENANT: &str = "11111111-1111-4111-8111-111111111111";
/// What Entra writes for the example's service connection: the GUIDs of tenant and Azure DevOps as .NET's bytes, in
/// base64url, then those of organization and connection.
const AZURE_DEVOPS_SUBJECT: &str = "/eid1/c/pub/t/EREREREREUGBEREREREREQ/a/rISbSSETf0KqFyZ8ppdXmA\
    /sc/22222222-2222-4222-8222-222222222222/33333333-3333-4333-8333-333333333333";

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name)
}

/// An issuer outside: its key, and how it publishes it.
pub(crate) struct Issuer(rcgen::KeyPair);

impl Issuer {
    pub(crate) fn new() -> Self {
        Self(rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap())
    }

    /// A JWK set with the one key. The modulus of an RSA key of 2048 bits stands from the tenth byte on in
    /// its DER form (RFC 8017, appendix A.1.1), and the exponent is 65537.
    pub(crate) fn keys(&self) -> Value {
        let modulus = URL_SAFE_NO_PAD.encode(&self.0.public_key_raw()[9..265]);
        json!({"keys": [{"kty": "RSA", "use": "sig", "kid": "one", "n": modulus, "e": "AQAB"}]})
    }

    pub(crate) fn token(&self, issuer: &str, subject: &str) -> String {
        let claims = json!({
            "iss": issuer, "sub": subject, "aud": "api://AzureADTokenExchange",
            "iat": 1_700_000_000, "nbf": 1_700_000_000, "exp": 4_000_000_000_i64,
        });
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(json!({"alg": "RS256", "typ": "JWT", "kid": "one"})), part(claims));
        let signature = self.0.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The steps' commands and all settings of an example, which keeps to one line for each.
fn steps(file: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let text = fs::read_to_string(example(file)).unwrap();
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let (mut steps, mut settings) = (Vec::new(), BTreeMap::new());
    for line in lines {
        match line.split_once(": ") {
            Some(("- run" | "- script", command)) => steps.push(command.to_owned()),
            Some((name, value)) if name.starts_with("KEYHOLDER_") || name.starts_with("SYSTEM_") => {
                settings.insert(name.to_owned(), value.to_owned());
            }
            _ => {}
        }
    }
    assert_eq!(steps.len(), 2, "{steps:?}");
    assert!(steps.iter().all(|step| step.starts_with("keyholder ")), "{steps:?}");
    (steps, settings)
}

#[test]
fn s08_the_examples_for_pipelines_work_as_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = Issuer::new();
    fs::write(folder.path().join("keys.json"), issuer.keys().to_string()).unwrap();
    let github = "https://token.actions.githubusercontent.com";
    let entra = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let org = RunningOrg::start(
        folder.path(),
        &[
            "--listen",
            "127.0.0.1:0",
            "--issuer-keys",
            &format!("{github}=keys.json"),
            "--issuer-keys",
            &format!("{entra}=keys.json"),
        ],
    );
    let declaration = example("keyholder.toml");
    let declaration = declaration.to_str().unwrap();
    run(folder.path(), &["apply", "--file", declaration, "--local", "--yes"]).done();
    run(folder.path(), &["plan", "--file", declaration, "--local"]).done();
    let listed = run(folder.path(), &["app-user", "list", "--local", "--output", "json"]).json();
    let users = listed["applicationUsers"].as_array().unwrap();
    let user = users.iter().find(|user| user["name"].as_str().unwrap().contains("nightly-export")).unwrap();
    let client = user["clientId"].as_str().unwrap();

    let pipelines = [
        ("github-actions.yml", github, "repo:contoso/orders:ref:refs/heads/main", "value"),
        ("azure-pipelines.yml", &entra, AZURE_DEVOPS_SUBJECT, "oidcToken"),
    ];
    for (file, issued_by, subject, answer) in pipelines {
        let (commands, settings) = steps(file);
        for command in commands {
            let token = issuer.token(issued_by, subject);
            let (address, asked) = pipeline(json!({answer: token}).to_string());
            let mut program = keyholder(folder.path());
            let words = command.split(" > ").next().unwrap().replace('\'', "");
            program.args(words.split(' ').skip(1)).envs(&settings);
            program.env("KEYHOLDER_CLIENT_ID", client).env("KEYHOLDER_ORG_URL", org.ready["orgUrl"].as_str().unwrap());
            program.env("KEYHOLDER_CA_FILE", org.ready["caFile"].as_str().unwrap());
            program.env("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{address}/token?api-version=2.0"));
            program.env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner-key").env("SYSTEM_OIDCREQUESTURI", &address);
            let said = ended(&mut program).done();
            assert!(!said.contains(&token) && !said.is_empty(), "{file}: {command}");
            asked.join().unwrap();
        }
    }
}
