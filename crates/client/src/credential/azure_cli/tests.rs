use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use keyholder_foundation::{ManualClock, Timestamp};
use url::Url;

use super::*;
use crate::testing::Script;
use crate::time::RuntimeSleep;

/// A program of our own in place of `az`, by the machine's own waiting.
async fn fetch(script: &str) -> (Result<AccessToken, Error>, String) {
    fetch_at("https://login.microsoftonline.com", script).await
}

async fn fetch_at(login: &str, script: &str) -> (Result<AccessToken, Error>, String) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("az");
    let seen = folder.path().join("seen");
    std::fs::write(&program, format!("#!/bin/sh\necho \"$@\" > {}\n{script}\n", seen.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix_seconds(1_800_000_000)));
    let http = Http::new(Arc::new(Script::default()), clock, Arc::new(RuntimeSleep));
    let authority = Authority::new(&Url::parse(login).unwrap(), "contoso.com").unwrap();
    let token = AzureCli::at(&program).fetch(&authority, "https://org.example/.default", &http).await;
    (token, std::fs::read_to_string(seen).unwrap_or_default())
}

#[tokio::test]
async fn it_is_asked_for_the_resource_in_the_orgs_tenant() {
    let json = r#"{"accessToken":"tok","expiresOn":"2027-01-15 09:00:00.000000","expires_on":1800003600,"tenant":"t"}"#;
    let (token, seen) = fetch(&format!("echo warning >&2; echo '{json}'")).await;
    let token = token.unwrap();
    assert_eq!(token.secret().expose(), "tok");
    assert_eq!(token.expires_at(), Timestamp::from_unix_seconds(1_800_003_600));
    assert_eq!(
        seen.trim(),
        "account get-access-token --resource https://org.example --tenant contoso.com --output json"
    );
}

#[tokio::test]
async fn what_it_says_when_it_fails_is_told_in_one_line() {
    let (error, _) = fetch("echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1").await;
    let error = error.unwrap_err();
    assert!(matches!(&error, Error::SignIn(SignInError::AzureCliSignedOut(_))), "{error:?}");
    assert!(error.hints()[0].contains("az login"));
    let (error, _) = fetch("echo trace >&2; echo 'ERROR: AADSTS500011: not found' >&2; exit 1").await;
    assert_eq!(error.unwrap_err().to_string(), "the Azure CLI gave no token: AADSTS500011: not found");
    for script in ["echo '<html>secret-token'", "echo '{\"accessToken\": {\"x\": \"secret-token\"}}'", "exit 0"] {
        let error = fetch(script).await.0.unwrap_err();
        assert!(!format!("{error:?}").contains("secret-token"), "{error:?}");
        assert!(error.to_string().contains("not the JSON"), "{error}");
    }
}

#[tokio::test]
async fn it_may_be_missing_or_talk_without_end() {
    let http = Script::http().1;
    let authority = Authority::new(&Url::parse("https://login.microsoftonline.com").unwrap(), "t").unwrap();
    let error = AzureCli::at("/nonexistent/az").fetch(&authority, "s", &http).await.unwrap_err();
    assert!(matches!(error, Error::SignIn(SignInError::NoAzureCli)), "{error:?}");
    let (error, _) = fetch("exec yes").await;
    assert!(error.unwrap_err().to_string().contains("more than"), "it is cut off and killed");
}

#[tokio::test]
async fn microsofts_tokens_are_not_fetched_for_a_token_service_of_somebody_elses() {
    let script = r#"echo '{"accessToken":"tok"}'"#;
    let (error, seen) = fetch_at("https://login.example", script).await;
    let error = error.unwrap_err();
    assert!(matches!(&error, Error::SignIn(SignInError::OtherAuthority { .. })), "{error:?}");
    assert!(error.to_string().contains("https://login.example") && seen.is_empty(), "{error} {seen}");
    let (token, _) = fetch_at("https://localhost:8443", script).await;
    assert_eq!(token.unwrap().secret().expose(), "tok");
}
