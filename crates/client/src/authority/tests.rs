use super::*;
use crate::testing::{Script, answer, connection};

const TENANT: &str = "9f0c1f3e-7b7a-4a43-8d2a-0a8a6c9c6a01";
const OTHER: &str = "9f0c1f3e-7b7a-4a43-8d2a-0a8a6c9c6a02";

fn uri(login: &str) -> String {
    format!("{login}/{TENANT}/oauth2/authorize")
}

#[test]
fn microsofts_login_hosts_need_nobody_to_vouch() {
    let found = judge(
        &connection("https://contoso.crm4.dynamics.com"),
        &uri("https://login.microsoftonline.com"),
        "https://contoso.crm4.dynamics.com/",
    )
    .unwrap();
    assert_eq!(found.authority.to_string(), format!("https://login.microsoftonline.com/{TENANT}"));
    assert_eq!(found.scope(), "https://contoso.crm4.dynamics.com/.default");
    assert_eq!(
        found.authority.endpoint("oauth2/v2.0/token").as_str(),
        format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token")
    );
}

#[test]
fn a_hostile_org_gets_no_secret() {
    let org = connection("https://contoso.crm4.dynamlcs.com");
    for login in [
        "https://login.evil.example",
        "https://contoso.crm4.dynamlcs.com",
        "https://login.microsoftonline.com.evil.example",
        "https://login.microsoftonline.com@evil.example",
        "https://login.microsoftonline.com:8443",
        "https://localhost",
        "http://login.microsoftonline.com",
    ] {
        let error = judge(&org, &uri(login), "https://contoso.crm4.dynamlcs.com/").unwrap_err();
        assert!(matches!(error, Error::UntrustedAuthority { .. }), "{login}: {error}");
        assert!(!error.hints().is_empty());
    }
}

#[test]
fn a_hostile_org_gets_no_token_for_another_org() {
    let org = connection("https://evil.example");
    for resource in
        ["https://contoso.crm4.dynamics.com/", "https://evil.example:444/", "http://evil.example/", "nothing"]
    {
        let error = judge(&org, &uri("https://login.microsoftonline.com"), resource).unwrap_err();
        assert!(matches!(error, Error::UntrustedAuthority { .. }), "{resource}: {error}");
    }
}

#[test]
fn the_api_host_and_the_plain_host_are_one_org() {
    let org = connection("https://contoso.api.crm4.dynamics.com");
    let found = judge(&org, &uri("https://login.windows.net"), "https://contoso.crm4.dynamics.com/").unwrap();
    assert_eq!(found.resource, "https://contoso.crm4.dynamics.com");
}

#[test]
fn a_local_org_may_be_its_own_authority_under_any_loopback_name() {
    for org in ["https://localhost:8443", "https://127.0.0.1:8443"] {
        let found = judge(&connection(org), &uri("https://localhost:8443"), "https://localhost:8443/").unwrap();
        assert_eq!(found.resource, "https://localhost:8443");
    }
    // A plain http port can be anybody's: what answers there must not send the secret elsewhere.
    let mut plain = connection("http://[::1]:8080");
    judge(&plain, &uri("https://localhost:8443"), "https://localhost:8443/").unwrap_err();
    plain.authority = Some("https://localhost:8443".parse().unwrap());
    judge(&plain, &uri("https://localhost:8443"), "https://localhost:8443/").unwrap();
}

#[test]
fn a_named_authority_is_accepted() {
    let mut org = connection("https://crm.intranet.example");
    let judged = |org: &Connection| judge(org, &uri("https://crm.intranet.example"), "https://crm.intranet.example/");
    judged(&org).unwrap_err();
    org.authority = Some(Url::parse("https://crm.intranet.example:8443/").unwrap());
    judged(&org).unwrap_err();
    org.authority = Some(Url::parse("https://crm.intranet.example/any/path").unwrap());
    judged(&org).unwrap();
}

#[test]
fn another_tenants_id_is_told_before_anything_is_sent() {
    let mut org = connection("https://localhost:8443");
    org.tenant = Some(OTHER.to_owned());
    let error = judge(&org, &uri("https://localhost:8443"), "https://localhost:8443/").unwrap_err();
    assert!(matches!(&error, Error::Configuration(ConfigurationError::WrongTenant { .. })), "{error}");
    org.tenant = Some(TENANT.to_uppercase());
    judge(&org, &uri("https://localhost:8443"), "https://localhost:8443/").unwrap();
    org.tenant = Some("contoso.example".to_owned());
    let found = judge(&org, &uri("https://localhost:8443"), "https://localhost:8443/").unwrap();
    assert_eq!(found.authority.tenant(), "contoso.example");
}

#[test]
fn tenants_cannot_smuggle_a_path() {
    let login = Url::parse("https://login.microsoftonline.com").unwrap();
    for bad in ["", "..", "a/b", "a%2fb", "a?b", "a b", "ü"] {
        assert!(Authority::new(&login, bad).is_err(), "{bad}");
    }
    assert!(Authority::from_authorization_uri("https://login.microsoftonline.com/x/y/z").is_none());
    assert!(Authority::from_authorization_uri("https://login.microsoftonline.com/").is_none());
}

#[tokio::test]
async fn what_is_no_org_is_said_to_be_none() {
    let page = "<!DOCTYPE html><html></html>";
    for (status, headers, body, says) in [
        (404, vec![("content-type", "text/html")], page, "an HTML page with HTTP status 404"),
        (200, vec![], page, "an HTML page with HTTP status 200"),
        (302, vec![("location", "https://evil.example/")], "", "redirects elsewhere"),
        (401, vec![], "", "names no authority"),
        (401, vec![("www-authenticate", "Basic realm=x")], "", "names no authority"),
    ] {
        let (script, http) = Script::http();
        script.expect("GET /api/data/v9.2/", answer(status, &headers, body));
        let error = discover(&connection("https://contoso.example"), &http).await.unwrap_err();
        assert!(matches!(error, Error::NotAnOrg { .. }), "{error}");
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[tokio::test]
async fn s24_an_org_behind_windows_authentication_is_said_to_be_on_premises() {
    for headers in [
        vec![("www-authenticate", "Negotiate"), ("www-authenticate", "NTLM")],
        vec![("www-authenticate", "NTLM")],
        vec![("www-authenticate", "ntlm, negotiate")],
    ] {
        let (script, http) = Script::http();
        script.expect("GET /api/data/v9.2/", answer(401, &headers, "<html></html>"));
        let error = discover(&connection("https://crm.contoso.example"), &http).await.unwrap_err();
        assert!(matches!(error, Error::OnPremises { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("on-premises") && text.contains("NTLM") && text.contains("no token"), "{text}");
        assert!(!error.hints().is_empty());
    }
}

#[tokio::test]
async fn the_challenge_is_read_from_a_401() {
    let (script, http) = Script::http();
    let challenge =
        format!("Bearer authorization_uri={}, resource_id=https://localhost:8443/", uri("https://localhost:8443"));
    script.expect("GET /api/data/v9.2/", answer(401, &[("www-authenticate", &challenge)], ""));
    let found = discover(&connection("https://localhost:8443"), &http).await.unwrap();
    assert_eq!(found.authority.tenant(), TENANT);
}
