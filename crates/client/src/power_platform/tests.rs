use super::*;
use crate::authority::Authority;
use crate::credential::ClientSecret;
use crate::testing::{SECRET, Script, answer};
use keyholder_foundation::Secret;
use serde_json::Value;

fn administration() -> (Arc<Script>, PowerPlatform) {
    let (script, http) = Script::http();
    let authority = Authority::new(&Url::parse("https://login.windows.net").unwrap(), "t").unwrap();
    let id = "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001".parse().unwrap();
    let tokens = Tokens::new(Arc::new(ClientSecret::new(id, Secret::new(SECRET))), authority, http.clone());
    script.expect(
        "POST /t/oauth2/v2.0/token",
        answer(200, &[], r#"{"token_type":"Bearer","expires_in":3600,"access_token":"one"}"#),
    );
    (script, PowerPlatform::connect(tokens, Some("contoso.crm4.dynamics.com"), http).unwrap())
}

#[tokio::test]
async fn environments_are_read_over_pages_and_found_by_their_orgs_address() {
    let (script, administration) = administration();
    let path = format!("/{ENVIRONMENTS}?{VERSION}");
    let first = json!({
        "value": [{"name": "Default-9f0c", "properties": {"displayName": "None yet"}}],
        "nextLink": format!("https://api.bap.microsoft.com{path}&$skiptoken=2"),
    });
    let group = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11";
    let second = json!({"value": [
        {"name": "e1", "properties": {"displayName": "A", "linkedEnvironmentMetadata": {
            "instanceUrl": "https://fabrikam.crm4.dynamics.com/", "securityGroupId": "00000000-0000-0000-0000-000000000000"}}},
        {"name": "e2", "properties": {"displayName": "B", "linkedEnvironmentMetadata": {
            "instanceUrl": "https://contoso.crm4.dynamics.com/", "securityGroupId": group}}},
    ]});
    script.expect(&format!("GET {path}"), answer(200, &[], &first.to_string()));
    script.expect(&format!("GET {path}&$skiptoken=2"), answer(200, &[], &second.to_string()));
    let found = administration.environment_of(&"https://contoso.crm4.dynamics.com".parse().unwrap()).await.unwrap();
    let found = found.unwrap();
    assert_eq!((found.id.as_str(), found.security_group), ("e2", Some(group.parse().unwrap())));
    assert!(script.is_done());
}

#[tokio::test]
async fn a_person_is_brought_over_and_a_refusal_is_read() {
    let (script, administration) = administration();
    let person: ObjectId = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11".parse().unwrap();
    let add = format!("POST /{ENVIRONMENTS}/e1/addUser?{VERSION}");
    script.expect(&add, answer(200, &[], ""));
    administration.add_user("e1", person).await.unwrap();
    let sent: Value = serde_json::from_slice(script.seen().last().unwrap().body()).unwrap();
    assert_eq!(sent, json!({"objectId": person}));
    let wrapped = r#"{"error":{"code":"InvalidRequest","message":"The request failed: 'userNotLicensed'."}}"#;
    script.expect(&add, answer(400, &[("x-ms-correlation-request-id", "c-1")], wrapped));
    let error = administration.add_user("e1", person).await.unwrap_err();
    assert!(error.power_platform().unwrap().says("usernotlicensed"));
    let text = error.to_string();
    assert!(text.contains("POST environments/e1/addUser") && text.contains("c-1"), "{text}");
    script.expect(&add, answer(403, &[], r#"{"error":{"code":"Forbidden","message":"no"}}"#));
    let hints = administration.add_user("e1", person).await.unwrap_err().hints();
    assert!(hints[0].contains("Power Platform"), "{hints:?}");
}
