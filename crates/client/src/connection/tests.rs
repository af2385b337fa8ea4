use super::*;
use std::path::Path;

const ID: &str = "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001";

fn environment(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&'static str) -> Option<String> {
    |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
}

fn env_file(text: &str) -> EnvFile {
    EnvFile::parse(Path::new("app.env"), text).unwrap()
}

#[test]
fn flags_win_over_the_file_and_the_file_over_the_environment() {
    let file = env_file("KEYHOLDER_ORG_URL=https://file.example\nKEYHOLDER_CLIENT_ID=file\nKEYHOLDER_TENANT_ID=\n");
    let flags = Flags { url: Some("https://flag.example".to_owned()), ..Flags::default() };
    let settings = resolve(
        &flags,
        Some(&file),
        environment(&[
            ("KEYHOLDER_ORG_URL", "https://environment.example"),
            ("KEYHOLDER_CLIENT_ID", "environment"),
            ("KEYHOLDER_TENANT_ID", "environment"),
            ("KEYHOLDER_CLIENT_SECRET", "environment"),
        ]),
    );
    let url = settings.url.unwrap();
    assert_eq!((url.value.as_str(), url.origin), ("https://flag.example", Origin::Flag("--url")));
    let id = settings.client_id.unwrap();
    assert_eq!((id.value.as_str(), id.origin.to_string().as_str()), ("file", "`app.env` line 2"));
    let tenant = settings.tenant.unwrap();
    assert_eq!(tenant.origin, Origin::Environment("KEYHOLDER_TENANT_ID"), "an empty value is not given");
    assert_eq!(settings.client_secret.unwrap().origin, Origin::Environment("KEYHOLDER_CLIENT_SECRET"));
    assert!(settings.ca_file.is_none());
}

#[test]
fn a_local_orgs_own_file_vouches_for_its_origin() {
    let file = env_file("KEYHOLDER_ORIGIN=https://crm.example:8443");
    let settings = resolve(&Flags::default(), Some(&file), |_| None);
    assert_eq!(settings.authority.unwrap().value, "https://crm.example:8443");
}

#[test]
fn what_is_missing_is_named_with_the_places_where_it_can_be_given() {
    let error = Connection::try_from(Settings::default()).unwrap_err();
    assert_eq!(error.to_string(), "the org's URL is not given");
    assert_eq!(error.hints(), ["give it with `--url`, `--env-file`, or the environment variable `KEYHOLDER_ORG_URL`"]);
}

#[test]
fn a_secret_behind_the_wrong_name_is_not_shown() {
    let settings = resolve(
        &Flags::default(),
        None,
        environment(&[
            ("KEYHOLDER_ORG_URL", "https://contoso.crm4.dynamics.com"),
            ("KEYHOLDER_CLIENT_ID", "hunter2"),
            ("KEYHOLDER_CLIENT_SECRET", ID),
        ]),
    );
    let error = Connection::try_from(settings).unwrap_err();
    assert_eq!(error.to_string(), "the client id is not a GUID (from environment variable KEYHOLDER_CLIENT_ID)");
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[test]
fn formatting_a_connection_shows_no_secret() {
    let connection = crate::testing::connection("https://contoso.crm4.dynamics.com");
    assert!(!format!("{connection:?}").contains(crate::testing::SECRET));
    let flags = Flags { client_secret: Some(Secret::new("hunter2")), ..Flags::default() };
    let settings = resolve(&flags, None, |_| None);
    assert!(!format!("{flags:?} {settings:?}").contains("hunter2"));
}

#[test]
fn an_orgs_address_is_taken_as_people_copy_it() {
    for text in [
        "https://contoso.crm4.dynamics.com",
        " https://Contoso.crm4.dynamics.com/ ",
        "https://contoso.crm4.dynamics.com/main.aspx?appid=1#x",
        "https://contoso.crm4.dynamics.com/api/data/v9.1/",
    ] {
        assert_eq!(text.parse::<OrgUrl>().unwrap().to_string(), "https://contoso.crm4.dynamics.com");
    }
    assert_eq!(
        "http://localhost:8080".parse::<OrgUrl>().unwrap().web_api("WhoAmI").as_str(),
        "http://localhost:8080/api/data/v9.2/WhoAmI"
    );
}

#[test]
fn a_host_alone_is_an_https_address() {
    assert_eq!(
        " contoso.crm4.dynamics.com ".parse::<OrgUrl>().unwrap().to_string(),
        "https://contoso.crm4.dynamics.com"
    );
}

#[test]
fn what_is_no_orgs_address_is_refused() {
    for (text, says) in [
        ("contoso", "is not an address like"),
        ("http://contoso.crm4.dynamics.com", "plain http"),
        ("ftp://contoso.example", "is not an https address"),
        ("https://user:hunter2@contoso.example", "has a user name"),
        ("https://crm.example/Contoso/", "on-premises"),
        ("", "is not an address like"),
    ] {
        let error = text.parse::<OrgUrl>().unwrap_err();
        assert!(error.to_string().contains(says), "{text}: {error}");
        assert!(!error.to_string().contains("hunter2"));
    }
}
