use super::*;
use crate::credential::ClientSecret;
use crate::testing::{SECRET, Script, answer};
use keyholder_foundation::{KeyId, ObjectId, Secret};

const LOCAL: &str = "https://localhost:8443";

fn tokens(login: &str, http: &Http) -> Arc<Tokens> {
    let authority = Authority::new(&Url::parse(login).unwrap(), "t").unwrap();
    let id = "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001".parse().unwrap();
    Tokens::new(Arc::new(ClientSecret::new(id, Secret::new(SECRET))), authority, http.clone())
}

fn openid(host: &str) -> Response<Bytes> {
    answer(200, &[], &serde_json::json!({ "msgraph_host": host }).to_string())
}

const OPENID: &str = "GET /t/v2.0/.well-known/openid-configuration";

#[tokio::test]
async fn microsofts_directory_is_known_without_asking() {
    let (script, http) = Script::http();
    let graph = Graph::connect(tokens("https://login.windows.net", &http), None, http).await.unwrap();
    assert_eq!(graph.api.root.as_str(), "https://graph.microsoft.com/v1.0/");
    assert_eq!(graph.api.scope, "https://graph.microsoft.com/.default");
    assert!(script.seen().is_empty());
}

#[tokio::test]
async fn another_directory_must_be_the_authority_itself() {
    let (script, http) = Script::http();
    script.expect(OPENID, openid("localhost:8443"));
    let graph = Graph::connect(tokens(LOCAL, &http), None, http.clone()).await.unwrap();
    assert_eq!(graph.api.root.as_str(), "https://localhost:8443/v1.0/");
    assert_eq!(graph.api.scope, "00000003-0000-0000-c000-000000000000/.default");
    for host in ["evil.example", "localhost", "localhost:8443@evil.example", "graph.microsoft.com"] {
        script.expect(OPENID, openid(host));
        let error = Graph::connect(tokens(LOCAL, &http), None, http.clone()).await.unwrap_err();
        assert!(matches!(error, Error::UntrustedAuthority { .. }), "{host}: {error}");
    }
    script.expect(OPENID, answer(200, &[], "{}"));
    let error = Graph::connect(tokens(LOCAL, &http), None, http.clone()).await.unwrap_err();
    assert!(error.to_string().contains("msgraph_host"), "{error}");
}

#[tokio::test]
async fn a_refusal_of_another_service_is_not_told_as_a_limit_of_the_org() {
    let (script, http) = Script::http();
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let to = told.clone();
    http.tell_waits(move |wait| to.lock().unwrap().push((wait.client_id, wait.reason)));
    let refusal = r#"{"error":{"code":"TooManyRequests","message":"Too many requests"}}"#;
    script.expect(OPENID, answer(429, &[("retry-after", "17")], refusal));
    script.expect(OPENID, openid("localhost:8443"));
    Graph::connect(tokens(LOCAL, &http), None, http).await.unwrap();
    assert_eq!(*told.lock().unwrap(), [(None, crate::WaitReason::Service)]);
}

/// The page of a proxy that wants a sign-in has the status of a success.
#[tokio::test]
async fn nothing_is_told_as_done_that_the_directory_did_not_answer() {
    let (script, http) = Script::http();
    let graph = Graph::connect(tokens("https://login.windows.net", &http), None, http).await.unwrap();
    let token = r#"{"token_type":"Bearer","expires_in":3600,"access_token":"one"}"#;
    script.expect("POST /t/oauth2/v2.0/token", answer(200, &[], token));
    let id = "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001";
    let (application, key) = (ObjectId(id.parse().unwrap()), KeyId(id.parse().unwrap()));
    let (removal, user) = (format!("POST /v1.0/applications/{id}/removePassword"), format!("DELETE /v1.0/users/{id}"));
    for page in ["<!DOCTYPE html><html>Sign in</html>", "Sign in"] {
        for request in [&removal, &user] {
            script.expect(request, answer(200, &[("content-type", "text/html")], page));
        }
        for done in [graph.remove_password(application, key).await, graph.delete_user(application).await] {
            assert!(matches!(done, Err(Error::Protocol { .. })), "{done:?}");
        }
    }
    script.expect(&removal, answer(204, &[], ""));
    graph.remove_password(application, key).await.unwrap();
    script.expect(&user, answer(200, &[], "{}"));
    graph.delete_user(application).await.unwrap();
}

#[tokio::test]
async fn lists_are_filtered_by_quoted_names_and_paged() {
    let (script, http) = Script::http();
    let graph = Graph::connect(tokens("https://login.windows.net", &http), None, http).await.unwrap();
    script.expect(
        "POST /t/oauth2/v2.0/token",
        answer(200, &[], r#"{"token_type":"Bearer","expires_in":3600,"access_token":"one"}"#),
    );
    let application = |id: u8| {
        serde_json::json!({
            "id": format!("0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b0{id:02}"), "appId": "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001",
        })
    };
    let next = "https://graph.microsoft.com/v1.0/applications?$skiptoken=2";
    let first = serde_json::json!({ "value": [application(1)], "@odata.nextLink": next }).to_string();
    let second = serde_json::json!({ "value": [application(2)] }).to_string();
    script.expect(
        "GET /v1.0/applications?$filter=displayName%20eq%20%27O%27%27Brien%20%26%20Co%27",
        answer(200, &[], &first),
    );
    script.expect("GET /v1.0/applications?$skiptoken=2", answer(200, &[], &second));
    assert_eq!(graph.applications_named("O'Brien & Co").await.unwrap().len(), 2);

    // A name is one segment, whatever it says.
    script.expect(
        "GET /v1.0/users/a%2F..%2Fb@contoso.com?$select=id,accountEnabled,displayName,userPrincipalName,mail,usageLocation,assignedLicenses,licenseAssignmentStates,employeeType,passwordPolicies,createdDateTime,lastPasswordChangeDateTime",
        answer(404, &[], r#"{"error":{"code":"Request_ResourceNotFound","message":"none"}}"#),
    );
    assert!(graph.user("a/../b@contoso.com").await.unwrap().is_none());

    let denied = r#"{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges to complete the operation."}}"#;
    script.expect("GET /v1.0/organization", answer(403, &[("request-id", "r1")], denied));
    let error = graph.organization().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the directory refused GET organization: Insufficient privileges to complete the operation. (HTTP 403, Authorization_RequestDenied, request id r1)"
    );
    assert_eq!(error.kind(), crate::ErrorKind::NotAllowed);
}

#[tokio::test]
async fn people_are_found_by_name_licensed_and_nothing_of_a_password_is_left_in_errors() {
    use keyholder_entra::graph::{AssignLicense, PasswordProfile, UserWrite};

    let (script, http) = Script::http();
    let graph = Graph::connect(tokens("https://login.windows.net", &http), None, http).await.unwrap();
    script.expect(
        "POST /t/oauth2/v2.0/token",
        answer(200, &[], r#"{"token_type":"Bearer","expires_in":3600,"access_token":"one"}"#),
    );
    let id = "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b002";
    let selected = "$select=id,accountEnabled,displayName,userPrincipalName,mail,usageLocation,assignedLicenses,\
        licenseAssignmentStates,employeeType,passwordPolicies,createdDateTime,lastPasswordChangeDateTime";
    let person = serde_json::json!({"id": id, "userPrincipalName": "o'brien#1@contoso.com"}).to_string();
    script.expect(&format!("GET /v1.0/users/o'brien%231@contoso.com?{selected}"), answer(200, &[], &person));
    let found = graph.user("o'brien#1@contoso.com").await.unwrap().unwrap();
    script.expect(
        &format!("GET /v1.0/users/nobody@contoso.com?{selected}"),
        answer(404, &[], r#"{"error":{"code":"Request_ResourceNotFound","message":"no"}}"#),
    );
    assert!(graph.user("nobody@contoso.com").await.unwrap().is_none());
    let none = r#"{"error":{"code":"Request_BadRequest","message":"Subscription with SKU x does not have any available licenses."}}"#;
    script.expect(&format!("POST /v1.0/users/{id}/assignLicense"), answer(400, &[], none));
    graph.assign_license(found.id, &AssignLicense::default()).await.unwrap_err();
    let sent = script.seen().last().unwrap().body().clone();
    assert_eq!(sent, r#"{"addLicenses":[],"removeLicenses":[]}"#, "both lists are always sent");
    script.expect(
        &format!("PATCH /v1.0/users/{id}"),
        answer(403, &[], r#"{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges"}}"#),
    );
    let change = UserWrite {
        password_profile: Some(PasswordProfile {
            password: Secret::new("pass-word-9"),
            force_change_password_next_sign_in: false,
        }),
        ..UserWrite::default()
    };
    let error = graph.update_user(found.id, &change).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("pass-word-9"));
    assert!(error.hints()[0].contains("User Administrator"), "{:?}", error.hints());
}
