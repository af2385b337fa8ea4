use std::path::Path;

use keyholder_foundation::Secret;
use keyholder_platform::EnvFile;

use super::*;
use crate::credential::{AZURE_CLI, DYNAMICS_TOOLS};
use crate::error::ConfigurationError;

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
    assert_eq!(
        error.hints(),
        [
            "give it with `--url`, `--env-file`, the environment variable `KEYHOLDER_ORG_URL`, or a profile (`keyholder profile add`)"
        ]
    );
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

const URL: (&str, &str) = ("KEYHOLDER_ORG_URL", "https://contoso.crm4.dynamics.com");
const CLIENT: (&str, &str) = ("KEYHOLDER_CLIENT_ID", ID);

fn connect(flags: &Flags, file: &str, pairs: &[(&str, &str)]) -> Result<Connection, ConfigurationError> {
    let all: Vec<(&str, &str)> = [URL].into_iter().chain(pairs.iter().copied()).collect();
    let environment = |name: &'static str| all.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    Connection::try_from(resolve(flags, Some(&env_file(file)), environment))
}

fn kind(connection: &Connection) -> &'static str {
    match &connection.credential {
        CredentialChoice::Secret(_) => "secret",
        CredentialChoice::Certificate(_) => "certificate",
        CredentialChoice::ProtectedCertificate { .. } => "protected-certificate",
        CredentialChoice::ManagedIdentity(_) => "managed-identity",
        CredentialChoice::Federated(Federation::File(_)) => "file",
        CredentialChoice::Federated(Federation::GitHub(_)) => "github",
        CredentialChoice::Federated(Federation::AzureDevOps(_)) => "azure-devops",
        CredentialChoice::Password { .. } => "password",
        CredentialChoice::Kept { .. } => "kept",
        CredentialChoice::AzureCli => "azure-cli",
        CredentialChoice::Own(_) => "own",
    }
}

#[test]
fn each_credential_has_its_name() {
    let none = Flags::default();
    for (name, value, expected) in [
        ("KEYHOLDER_CLIENT_SECRET", "x", "secret"),
        ("KEYHOLDER_CLIENT_CERTIFICATE_FILE", "app.pem", "certificate"),
        ("KEYHOLDER_FEDERATED_TOKEN_FILE", "token", "file"),
        ("AZURE_CLIENT_SECRET", "x", "secret"),
        ("AZURE_CLIENT_CERTIFICATE_PATH", "app.pem", "certificate"),
        ("AZURE_FEDERATED_TOKEN_FILE", "token", "file"),
    ] {
        let connection = connect(&none, "", &[CLIENT, (name, value)]).unwrap();
        assert_eq!((kind(&connection), connection.client_id.to_string().as_str()), (expected, ID), "{name}");
        let error = connect(&none, "", &[(name, value)]).unwrap_err();
        assert_eq!(error.to_string(), "the client id is not given", "{name}");
    }
    let person = [("KEYHOLDER_USERNAME", "ada@contoso.com"), ("KEYHOLDER_PASSWORD", "hunter2")];
    let connection = connect(&none, "", &person).unwrap();
    assert_eq!((kind(&connection), connection.client_id), ("password", DYNAMICS_TOOLS));
    assert!(!format!("{connection:?}").contains("hunter2"));
    assert_eq!(connect(&none, "", &person[1..]).unwrap_err().to_string(), "the user name is not given");
    let connection = connect(&none, "", &[]).unwrap();
    assert_eq!((kind(&connection), connection.client_id), ("kept", AZURE_CLI));
    let flags = Flags { azure_cli: true, ..Flags::default() };
    assert_eq!(kind(&connect(&flags, "", &[CLIENT]).unwrap()), "azure-cli");
    let flags = Flags { username: Some("ada@contoso.com".to_owned()), ..Flags::default() };
    assert_eq!(kind(&connect(&flags, "", &[CLIENT, ("KEYHOLDER_CLIENT_SECRET", "x")]).unwrap()), "kept");
}

#[test]
fn two_credentials_of_one_place_are_told_by_name() {
    let (secret, certificate) =
        (("KEYHOLDER_CLIENT_SECRET", "hunter2"), ("KEYHOLDER_CLIENT_CERTIFICATE_FILE", "app.pem"));
    let error = connect(&Flags::default(), "", &[CLIENT, secret, certificate]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "both a client secret (environment variable KEYHOLDER_CLIENT_SECRET) and a certificate (environment variable \
         KEYHOLDER_CLIENT_CERTIFICATE_FILE) are given"
    );
    assert!(error.hints()[0].contains("leave one of them out") && !format!("{error:?}").contains("hunter2"));
    let file = "KEYHOLDER_FEDERATED_TOKEN_FILE=token\nKEYHOLDER_USERNAME=ada\n";
    let error = connect(&Flags::default(), file, &[CLIENT]).unwrap_err().to_string();
    assert!(error.contains("(`app.env` line 1)") && error.contains("(`app.env` line 2)"), "{error}");
    let flags = Flags { azure_cli: true, certificate_file: Some("x".to_owned()), ..Flags::default() };
    let error = connect(&flags, "", &[CLIENT]).unwrap_err().to_string();
    assert!(error.contains("--azure-cli") && error.contains("--certificate-file"), "{error}");
}

#[test]
fn the_credential_of_the_stronger_place_counts() {
    let azure = [("AZURE_CLIENT_SECRET", "x"), ("AZURE_CLIENT_ID", ID), ("AZURE_TENANT_ID", "contoso.com")];
    let all = |more: &[(&'static str, &'static str)]| [&azure[..], more].concat();
    let connection = connect(&Flags::default(), "", &azure).unwrap();
    assert_eq!((kind(&connection), connection.tenant.as_deref()), ("secret", Some("contoso.com")));
    let own = all(&[("KEYHOLDER_CLIENT_CERTIFICATE_FILE", "app.pem"), CLIENT]);
    let connection = connect(&Flags::default(), "", &own).unwrap();
    assert_eq!((kind(&connection), connection.tenant.as_deref()), ("certificate", None), "that tenant is another's");
    let connection = connect(&Flags::default(), "AZURE_FEDERATED_TOKEN_FILE=token", &own).unwrap();
    assert_eq!(kind(&connection), "file", "the file comes before the environment");
    let flags = Flags { client_secret: Some(Secret::new("x")), ..Flags::default() };
    assert_eq!(kind(&connect(&flags, "AZURE_FEDERATED_TOKEN_FILE=token", &own).unwrap()), "secret");
    let kept =
        connect(&Flags::default(), "", &[("AZURE_CLIENT_ID", ID), ("AZURE_TENANT_ID", "other.example")]).unwrap();
    assert_eq!((kind(&kept), kept.client_id, kept.tenant), ("kept", AZURE_CLI, None));
}

#[test]
fn a_pipelines_token_needs_what_the_pipeline_tells() {
    let github = [CLIENT, ("KEYHOLDER_FEDERATED", "github")];
    let error = connect(&Flags::default(), "", &github).unwrap_err();
    assert!(error.to_string().contains("id-token: write"), "{error}");
    assert!(error.hints()[0].contains("ACTIONS_ID_TOKEN_REQUEST_URL"), "{:?}", error.hints());
    let told =
        [("ACTIONS_ID_TOKEN_REQUEST_URL", "https://x.example"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner-key")];
    let connection = connect(&Flags::default(), "", &[&github[..], &told].concat()).unwrap();
    assert_eq!(kind(&connection), "github");
    assert!(!format!("{connection:?}").contains("runner-key"));
    let devops = [
        CLIENT,
        ("KEYHOLDER_FEDERATED", "azure-devops"),
        ("SYSTEM_OIDCREQUESTURI", "https://x.example"),
        ("SYSTEM_ACCESSTOKEN", "job-key"),
    ];
    let error = connect(&Flags::default(), "", &devops).unwrap_err();
    assert_eq!(error.to_string(), "the id of the service connection is not given");
    let connected = [&devops[..], &[("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", "1")]].concat();
    assert_eq!(kind(&connect(&Flags::default(), "", &connected).unwrap()), "azure-devops");
    let error = connect(&Flags::default(), "", &[CLIENT, ("KEYHOLDER_FEDERATED", "gitlab")]).unwrap_err();
    assert!(error.to_string().contains("neither `github` nor"), "{error}");
}

#[test]
fn a_stranger_does_not_vouch_for_the_authority_of_a_credential() {
    let secret = ("KEYHOLDER_CLIENT_SECRET", "x");
    let file = "KEYHOLDER_AUTHORITY=https://login.example";
    assert_eq!(connect(&Flags::default(), file, &[CLIENT, secret]).unwrap().authority, None);
    let beside = "KEYHOLDER_AUTHORITY=https://login.example\nKEYHOLDER_CLIENT_CERTIFICATE_FILE=app.pem";
    assert!(connect(&Flags::default(), beside, &[CLIENT, secret]).unwrap().authority.is_some());
}

#[test]
fn s08_a_managed_identity_is_asked_for_by_name() {
    let settings = from_environment(environment(&[
        ("KEYHOLDER_ORG_URL", "https://contoso.crm4.dynamics.com"),
        ("KEYHOLDER_MANAGED_IDENTITY", "true"),
        ("AZURE_CLIENT_ID", ID),
        ("IDENTITY_ENDPOINT", "http://127.0.0.1:41/msi/token"),
        ("IDENTITY_HEADER", "the-key"),
    ]));
    let connection = Connection::try_from(settings).unwrap();
    assert!(matches!(connection.credential, CredentialChoice::ManagedIdentity(_)), "{connection:?}");
    assert!(!format!("{connection:?}").contains("the-key"));
    assert_eq!(connection.credential().unwrap().client_id().to_string(), ID);
    let both = from_environment(environment(&[
        ("KEYHOLDER_ORG_URL", "https://contoso.crm4.dynamics.com"),
        ("KEYHOLDER_CLIENT_ID", ID),
        ("KEYHOLDER_MANAGED_IDENTITY", "true"),
        ("KEYHOLDER_CLIENT_SECRET", "s"),
    ]));
    assert!(matches!(Connection::try_from(both), Err(ConfigurationError::Conflict { .. })));
    let wrong = from_environment(environment(&[
        ("KEYHOLDER_ORG_URL", "https://contoso.crm4.dynamics.com"),
        ("KEYHOLDER_CLIENT_ID", ID),
        ("KEYHOLDER_MANAGED_IDENTITY", "maybe"),
    ]));
    assert!(matches!(Connection::try_from(wrong), Err(ConfigurationError::Invalid { .. })));
}

#[test]
fn s08_a_pfx_file_has_its_password_beside_it() {
    let settings = from_environment(environment(&[
        ("KEYHOLDER_ORG_URL", "https://contoso.crm4.dynamics.com"),
        ("AZURE_CLIENT_ID", ID),
        ("AZURE_CLIENT_CERTIFICATE_PATH", "app.pfx"),
        ("AZURE_CLIENT_CERTIFICATE_PASSWORD", "hunter2"),
    ]));
    let connection = Connection::try_from(settings).unwrap();
    assert!(!format!("{connection:?}").contains("hunter2"));
    let CredentialChoice::ProtectedCertificate { file, password } = &connection.credential else {
        panic!("{connection:?}")
    };
    assert_eq!((file.as_path(), password.expose()), (Path::new("app.pfx"), "hunter2"));
}
