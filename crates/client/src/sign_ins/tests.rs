use super::*;
use crate::credential::AZURE_CLI;
use crate::testing::{Script, answer};
use url::Url;

const POST: &str = "POST /9f0c1f3e-7b7a-4a43-8d2a-0a8a6c9c6a01/oauth2/v2.0/token";
const TENANT: &str = "9f0c1f3e-7b7a-4a43-8d2a-0a8a6c9c6a01";
const LOGIN: &str = "https://login.microsoftonline.com";

fn authority(login: &str, tenant: &str) -> Authority {
    Authority::new(&Url::parse(login).unwrap(), tenant).unwrap()
}

fn sign_in(username: &str, token: &str, kept_at: Timestamp) -> KeptSignIn {
    KeptSignIn {
        authority: LOGIN.to_owned(),
        tenant: TENANT.to_owned(),
        tenant_as: "contoso.com".to_owned(),
        client_id: AZURE_CLI,
        username: username.to_owned(),
        kept_at: kept_at.as_millis(),
        left: Left::RefreshToken(Secret::new(token)),
    }
}

fn token_of(sign_in: &KeptSignIn) -> &str {
    match &sign_in.left {
        Left::RefreshToken(token) => token.expose(),
        Left::AzureCli => "az",
    }
}

struct Case {
    folder: tempfile::TempDir,
    script: Arc<Script>,
    http: Http,
    kept: SignIns,
}

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (script, http) = Script::http();
        let kept = SignIns::in_folder(folder.path().join("state/keyholder"));
        Self { folder, script, http, kept }
    }

    fn find(&self, login: &str, tenant: &str, username: Option<&str>) -> Option<String> {
        let wanted = Wanted { username: username.map(str::to_owned), client_id: None };
        self.kept.find(&authority(login, tenant), &wanted).unwrap().map(|found| token_of(&found).to_owned())
    }
}

#[tokio::test]
async fn a_sign_in_is_found_by_authority_tenant_and_person() {
    let case = Case::new();
    assert!(case.kept.list().unwrap().is_empty(), "nothing is made by looking");
    let now = case.http.clock().now();
    case.kept.keep(&sign_in("ada@contoso.com", "one", now), &case.http).await.unwrap();
    case.kept.keep(&sign_in("bob@contoso.com", "two", now.plus(WAIT)), &case.http).await.unwrap();
    case.kept.keep(&sign_in("Ada@contoso.com", "three", now.plus(2 * WAIT)), &case.http).await.unwrap();
    assert_eq!(case.kept.list().unwrap().len(), 2, "a person has one sign-in");
    assert_eq!(case.find(LOGIN, TENANT, None).as_deref(), Some("three"));
    assert_eq!(case.find(LOGIN, "Contoso.com", Some("bob@contoso.com")).as_deref(), Some("two"));
    assert_eq!(case.find(LOGIN, "fabrikam.com", None), None);
    assert_eq!(case.find("https://login.microsoftonline.us", TENANT, None), None);
    assert!(is_private(&case.kept.file()).unwrap());
    assert!(is_private(&case.folder.path().join("state/keyholder")).unwrap());
    assert!(!format!("{:?}", case.kept.list()).contains("three"));

    let gone = case.kept.forget(|one| one.username.starts_with("bob"), &case.http).await.unwrap();
    assert_eq!((gone.len(), case.kept.list().unwrap().len()), (1, 1));
    let text = std::fs::read_to_string(case.kept.file()).unwrap();
    assert!(!text.contains("two"), "a forgotten token is gone from the disk");
    assert!(case.kept.forget_all(&case.http).await.unwrap() && !case.kept.forget_all(&case.http).await.unwrap());
}

#[tokio::test]
async fn what_is_kept_is_bounded_and_has_one_writer() {
    let case = Case::new();
    let now = case.http.clock().now();
    for number in 0..MOST + 3 {
        let at = now.plus(WAIT * u32::try_from(number).unwrap());
        case.kept.keep(&sign_in(&format!("user-{number}"), "t", at), &case.http).await.unwrap();
    }
    let all = case.kept.list().unwrap();
    assert_eq!((all.len(), all[MOST - 1].username.as_str()), (MOST, "user-3"));
    let held = FolderLock::take(&case.folder.path().join("state/keyholder"), LOCK).unwrap();
    let error = case.kept.keep(&sign_in("late", "t", now), &case.http).await.unwrap_err();
    assert!(error.to_string().contains("in use by another process"), "{error}");
    let error = case.kept.forget_all(&case.http).await.unwrap_err();
    assert!(error.to_string().contains("in use by another process"), "{error}");
    drop(held);
    case.kept.keep(&sign_in("late", "t", now), &case.http).await.unwrap();
}

#[tokio::test]
async fn a_damaged_or_exposed_file_is_said_to_be_one() {
    let case = Case::new();
    case.kept.keep(&sign_in("ada", "token-value", Timestamp::EPOCH), &case.http).await.unwrap();
    let good = std::fs::read_to_string(case.kept.file()).unwrap();
    for bad in [
        good.replace("\"version\": 1", "\"version\": 2"),
        good.replace("\"token-value\"", "{\"token-value\": 1}"),
        good[..good.len() / 2].to_owned(),
        "[]".to_owned(),
    ] {
        write_private(&case.kept.file(), bad.as_bytes()).unwrap();
        let error = case.kept.list().unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains("sign-ins.json") && text.contains("sign in again"), "{text}");
        assert!(!text.contains("token-value"), "{text}");
    }
    write_private(&case.kept.file(), good.as_bytes()).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(case.kept.file(), std::fs::Permissions::from_mode(0o644)).unwrap();
        let error = case.kept.list().unwrap_err().to_string();
        assert!(error.contains("others can read") && error.contains("chmod 600"), "{error}");
    }
}

#[tokio::test]
async fn an_old_sign_in_is_renewed_on_disk_and_one_signed_out_of_is_not() {
    let case = Case::new();
    let at = authority(LOGIN, TENANT);
    let now = case.http.clock().now();
    let old = sign_in("ada", "old", now.minus(OLD));
    case.kept.keep(&old, &case.http).await.unwrap();
    let fetch = async || {
        let body = r#"{"expires_in":3599,"access_token":"tok","refresh_token":"new"}"#;
        case.script.expect(POST, answer(200, &[], body));
        let credential = KeptCredential::new(Some(case.kept.clone()), Wanted::default());
        credential.fetch(&at, "https://org.example/.default", &case.http).await.unwrap();
    };
    fetch().await;
    let kept = case.kept.list().unwrap();
    assert_eq!((token_of(&kept[0]), kept[0].kept_at), ("new", now.as_millis()));
    let credential = case.kept.credential(&old, &at, now);
    case.kept.forget(|_| true, &case.http).await.unwrap();
    let body = r#"{"expires_in":3599,"access_token":"tok","refresh_token":"newer"}"#;
    case.script.expect(POST, answer(200, &[], body));
    credential.fetch(&at, "s", &case.http).await.unwrap();
    assert!(case.kept.list().unwrap().is_empty());
}

#[tokio::test]
async fn nobody_signed_in_is_an_error_that_says_how_to() {
    let case = Case::new();
    for kept in [None, Some(case.kept.clone())] {
        let wanted = Wanted { username: Some("ada@contoso.com".to_owned()), client_id: None };
        let credential = KeptCredential::new(kept, wanted);
        let error = credential.fetch(&authority(LOGIN, "t"), "s", &case.http).await.unwrap_err();
        assert_eq!(error.to_string(), format!("nobody is signed in at {LOGIN}/t as ada@contoso.com"));
        assert!(error.hints()[0].contains("keyholder login"), "{:?}", error.hints());
    }
    assert!(case.script.seen().is_empty());
}
