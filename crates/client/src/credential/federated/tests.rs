use super::*;
use crate::testing::{Script, answer};

const ID: &str = "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001";
/// Header, payload and signature are `{"alg":"RS256"}`, `{}` and three bytes.
const OUTSIDE: &str = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln";
const POST: &str = "POST /t/oauth2/v2.0/token";
const TOKEN: &str = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"tok"}"#;

fn authority(login: &str) -> Authority {
    Authority::new(&Url::parse(login).unwrap(), "t").unwrap()
}

async fn fetch(source: impl TokenSource + 'static, http: &Http, login: &str) -> Result<AccessToken, Error> {
    let credential = FederatedToken::new(ID.parse().unwrap(), Arc::new(source));
    credential.fetch(&authority(login), "https://org.example/.default", http).await
}

#[tokio::test]
async fn s08_a_file_is_read_again_for_each_sign_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let (script, http) = Script::http();
    for text in [OUTSIDE.to_owned(), format!("{OUTSIDE}c2ln\n")] {
        std::fs::write(&path, &text).unwrap();
        script.expect(POST, answer(200, &[], TOKEN));
        fetch(TokenFile::new(&path), &http, "https://login.microsoftonline.com").await.unwrap();
        let sent = script.seen();
        let sent = String::from_utf8_lossy(sent.last().unwrap().body()).into_owned();
        assert!(sent.contains(&format!("client_assertion={}&", text.trim())), "{sent}");
        assert!(
            sent.contains("client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer")
        );
    }
}

#[tokio::test]
async fn a_file_that_holds_no_token_is_named_and_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let (script, http) = Script::http();
    for content in ["", "my-secret-value", "a.b.c"] {
        std::fs::write(&path, content).unwrap();
        let error = fetch(TokenFile::new(&path), &http, "https://login.microsoftonline.com").await.unwrap_err();
        assert!(error.to_string().contains("token`") && !error.to_string().contains("my-secret"), "{error}");
        assert!(!error.hints().is_empty());
    }
    std::fs::remove_file(&path).unwrap();
    let error = fetch(TokenFile::new(&path), &http, "https://login.microsoftonline.com").await.unwrap_err();
    assert!(error.to_string().contains("cannot read"), "{error}");
    assert!(script.seen().is_empty());
}

#[tokio::test]
async fn s08_github_is_asked_with_the_audience_of_the_cloud() {
    for (login, audience) in [
        ("https://login.microsoftonline.com", "api%3A%2F%2FAzureADTokenExchange"),
        ("https://login.microsoftonline.us", "api%3A%2F%2FAzureADTokenExchangeUSGov"),
        ("https://login.partner.microsoftonline.cn", "api%3A%2F%2FAzureADTokenExchangeChina"),
        ("https://localhost:8443", "api%3A%2F%2FAzureADTokenExchange"),
    ] {
        let (script, http) = Script::http();
        let given = answer(200, &[], &format!(r#"{{"count":1,"value":"{OUTSIDE}"}}"#));
        script.expect(&format!("GET /token?api-version=2.0&audience={audience}"), given);
        script.expect(POST, answer(200, &[], TOKEN));
        let url = "https://pipelines.example/token?api-version=2.0";
        fetch(GitHubActions::new(url, Secret::new("runner-key")), &http, login).await.unwrap();
        let seen = script.seen();
        assert_eq!(seen[0].headers()["authorization"], "Bearer runner-key");
        assert!(!seen[1].headers().contains_key("authorization"));
    }
}

#[tokio::test]
async fn s08_azure_pipelines_are_asked_for_the_service_connection() {
    let (script, http) = Script::http();
    script.expect(
        "POST /org/oidctoken?api-version=7.1&serviceConnectionId=c%26onnection",
        answer(200, &[], &format!(r#"{{"oidcToken":"{OUTSIDE}"}}"#)),
    );
    script.expect(POST, answer(200, &[], TOKEN));
    let source = AzureDevOps::new("https://vstoken.example/org/oidctoken", Secret::new("job-key"), "c&onnection");
    assert!(!format!("{source:?}").contains("job-key"));
    fetch(source, &http, "https://login.microsoftonline.com").await.unwrap();
    assert_eq!(script.seen()[0].headers()["x-tfs-fedauthredirect"], "Suppress");
}

#[tokio::test]
async fn a_pipeline_that_hands_out_nothing_is_told_apart() {
    let (script, http) = Script::http();
    script.expect("GET /token?audience=api%3A%2F%2FAzureADTokenExchange", answer(403, &[], "no"));
    let source = GitHubActions::new("https://pipelines.example/token", Secret::new("runner-key"));
    let error = fetch(source, &http, "https://login.microsoftonline.com").await.unwrap_err();
    assert!(error.to_string().contains("GitHub Actions") && error.to_string().contains("403"), "{error}");
    assert!(error.hints()[0].contains("id-token: write"));
    let source = GitHubActions::new("http://pipelines.example/token", Secret::new("runner-key"));
    let error = fetch(source, &http, "https://login.microsoftonline.com").await.unwrap_err();
    assert!(error.to_string().contains("https"), "{error}");
    script.expect("GET /token?audience=api%3A%2F%2FAzureADTokenExchange", answer(200, &[], r#"{"value":"not-a-jwt"}"#));
    let source = GitHubActions::new("https://pipelines.example/token", Secret::new("runner-key"));
    let error = fetch(source, &http, "https://login.microsoftonline.com").await.unwrap_err();
    assert!(!format!("{error:?}").contains("not-a-jwt") && !format!("{error:?}").contains("runner-key"), "{error}");
}
