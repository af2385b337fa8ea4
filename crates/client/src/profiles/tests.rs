use std::path::Path;
use std::sync::Arc;

use keyholder_foundation::ManualClock;
use keyholder_platform::is_private;

use super::*;
use crate::connection::{Connection, CredentialChoice, Flags, explain, resolve};
use crate::time::SkippingSleep;

const URL: &str = "https://contoso.crm4.dynamics.com";
const ID: &str = "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001";

fn never() -> SkippingSleep {
    SkippingSleep(Arc::new(ManualClock::at(keyholder_foundation::Timestamp::from_millis(0))))
}

fn profile() -> Profile {
    Profile {
        url: Some(URL.to_owned()),
        client_id: Some(ID.to_owned()),
        client_secret_file: Some("/secrets/orders".to_owned()),
        ..Profile::default()
    }
}

fn with_secret() -> ProfileFiles {
    ProfileFiles { client_secret: Some(Secret::new("hunter2")), ..ProfileFiles::default() }
}

async fn add(profiles: &Profiles, name: &str, profile: Profile) -> Result<(), ConfigurationError> {
    profiles
        .change(&never(), |kept| {
            kept.profiles.insert(name.to_owned(), profile);
            Ok(())
        })
        .await
}

#[tokio::test]
async fn s25_profiles_are_kept_privately_and_replaced_whole() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = Profiles::in_folder(folder.path().join("state"));
    assert!(profiles.read().unwrap().profiles.is_empty(), "no file is no profile");
    add(&profiles, "orders", profile()).await.unwrap();
    assert!(is_private(&profiles.file()).unwrap());
    assert_eq!(profiles.find("orders", "flag --profile").unwrap(), profile());
    let said = profiles.find("others", "flag --profile").unwrap_err().to_string();
    assert!(said.contains("`others`") && said.contains("profiles.json") && said.contains("flag --profile"), "{said}");
    // A change that fails leaves them as they were.
    let failed: Result<(), _> = profiles
        .change(&never(), |kept| {
            kept.profiles.clear();
            Err(ConfigurationError::File("no".to_owned()))
        })
        .await;
    failed.unwrap_err();
    assert_eq!(profiles.read().unwrap().profiles.len(), 1);
    let text = std::fs::read_to_string(profiles.file()).unwrap();
    assert!(text.contains("/secrets/orders") && !text.contains("tenant"), "{text}");
}

#[tokio::test]
async fn a_writer_is_waited_for_and_not_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = Profiles::in_folder(folder.path());
    let held = FolderLock::take(folder.path(), LOCK).unwrap();
    let said = add(&profiles, "orders", profile()).await.unwrap_err().to_string();
    assert!(said.contains("profiles.lock") && said.contains("in use by another process"), "{said}");
    drop(held);
    // Another test may be starting a program just now, which has all open files until it begins.
    let change = |kept: &mut Kept| Ok::<_, ConfigurationError>(kept.profiles.insert("orders".to_owned(), profile()));
    profiles.change(&crate::time::RuntimeSleep, change).await.unwrap();
}

#[test]
fn a_damaged_file_is_named_and_nothing_in_it_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = Profiles::in_folder(folder.path());
    for (text, said) in [
        ("{\"version\": 1, \"profiles\": {\"a\": {\"clientSecret\": \"hunter2\"}}}", "line 1 column"),
        ("{\"version\": 1, \"profiles\": {", "line 1 column"),
        ("{\"version\": 2, \"profiles\": {}}", "version is 2"),
        ("{\"version\": 1, \"profiles\": {\"a b\": {}}}", "`a b`"),
        ("", "line 1 column"),
    ] {
        std::fs::write(profiles.file(), text).unwrap();
        let told = profiles.read().unwrap_err().to_string();
        assert!(told.contains("profiles.json") && told.contains(said) && !told.contains("hunter2"), "{told}");
    }
    std::fs::write(profiles.file(), vec![b' '; usize::try_from(LIMIT).unwrap() + 1]).unwrap();
    assert!(profiles.read().unwrap_err().to_string().contains("larger than"));
}

#[test]
fn names_are_short_words() {
    for name in ["prod", "contoso-eu.test_2", "7"] {
        assert!(is_profile_name(name), "{name}");
    }
    for name in ["", "-x", "a b", "../x", "ä", "a\n", &"x".repeat(41)] {
        assert!(!is_profile_name(name), "{name}");
    }
}

fn environment(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&'static str) -> Option<String> {
    |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
}

#[test]
fn s25_the_environment_wins_over_a_profile_and_that_over_a_declaration() {
    let declared = Settings {
        url: Some(Given { value: "https://declared.example".to_owned(), origin: Origin::Declaration("k.toml".into()) }),
        tenant: Some(Given { value: "declared.example".to_owned(), origin: Origin::Declaration("k.toml".into()) }),
        ..Settings::default()
    };
    let file = EnvFile::parse(
        Path::new("/orders.env"),
        "KEYHOLDER_ORG_URL=https://file.example\nKEYHOLDER_CA_FILE=/ca.pem\nKEYHOLDER_PROFILE=other\n",
    );
    let files = ProfileFiles { env_file: Some(file.unwrap()), ..with_secret() };
    let own = profile().settings("orders", &files);
    assert_eq!(own.url.as_ref().unwrap().value, URL, "what stands in the profile itself comes first");
    let ca = own.ca_file.as_ref().unwrap().origin.to_string();
    assert_eq!(ca, "`/orders.env` line 2, which the profile `orders` names");
    assert!(own.profile.is_none());

    let above = resolve(
        &Flags::default(),
        None,
        environment(&[("KEYHOLDER_CLIENT_ID", ID), ("KEYHOLDER_ORG_URL", "https://e.example")]),
    );
    let all = above.over(own.clone()).over(declared.clone());
    assert_eq!(all.url.as_ref().unwrap().value, "https://e.example");
    assert_eq!(all.tenant.as_ref().unwrap().value, "declared.example");
    let connection = Connection::try_from(all).unwrap();
    assert!(matches!(&connection.credential, CredentialChoice::Secret(secret) if secret.expose() == "hunter2"));
    let alone = Settings::default().over(declared);
    assert!(!alone.has_credential() && own.has_credential());
    assert_eq!(alone.url.unwrap().origin.to_string(), "the only org of `k.toml`");
}

#[test]
fn s25_a_profiles_secret_goes_to_no_authority_of_another_place() {
    let strange = "https://login.example";
    let from = |pairs| resolve(&Flags::default(), None, environment(pairs));
    let authority = |all: Settings| Connection::try_from(all).unwrap().authority.map(|url| url.to_string());
    let own = profile().settings("orders", &with_secret());
    let of_environment = from(&[("KEYHOLDER_AUTHORITY", "https://login.example")]);
    assert_eq!(authority(of_environment.clone().over(own.clone())), None);
    // Beside one another, or typed, they belong together.
    let both = Profile { authority: Some(strange.to_owned()), ..profile() }.settings("orders", &with_secret());
    assert_eq!(authority(both.clone()).as_deref(), Some("https://login.example/"));
    let flags = Flags { authority: Some(strange.to_owned()), ..Flags::default() };
    assert!(authority(resolve(&flags, None, |_| None).over(own.clone())).is_some());
    // Another profile's authority does not come with the environment's secret, nor the other way round.
    let secret = from(&[("KEYHOLDER_CLIENT_SECRET", "x")]);
    assert_eq!(authority(secret.over(both)), None);
    // The name of the environment does not make its authority that of the profile's password.
    let person = Profile { url: Some(URL.to_owned()), ..Profile::default() };
    let files = ProfileFiles { password: Some(Secret::new("hunter2")), ..ProfileFiles::default() };
    let named = from(&[("KEYHOLDER_AUTHORITY", "https://login.example"), ("KEYHOLDER_USERNAME", "ada@contoso.com")]);
    assert_eq!(authority(named.over(person.settings("ada", &files))), None);

    let explained = explain(&[of_environment, own]).unwrap();
    let told = explained.iter().find(|one| one.setting == "authority").unwrap();
    assert!(told.unused.unwrap().contains("nobody vouches"), "{told:?}");
}

#[test]
fn s25_explaining_names_each_value_and_its_place_and_no_secret() {
    let above = resolve(
        &Flags { url: Some("https://flag.example".to_owned()), ..Flags::default() },
        None,
        environment(&[("AZURE_CLIENT_ID", ID), ("AZURE_CLIENT_SECRET", "s3cret"), ("AZURE_TENANT_ID", "contoso.com")]),
    );
    let own = Profile { username: Some("ada".to_owned()), ..profile() }.settings("orders", &with_secret());
    let all = explain(&[above, own]).unwrap();
    let told: Vec<String> = all
        .iter()
        .map(|one| format!("{} {:?} {} {}", one.setting, one.value, one.origin, one.unused.is_some()))
        .collect();
    assert_eq!(
        told,
        [
            "org Some(\"https://flag.example\") flag --url false".to_owned(),
            format!("org Some({URL:?}) profile `orders`, url true"),
            "tenant Some(\"contoso.com\") environment variable AZURE_TENANT_ID false".to_owned(),
            format!("client id Some({ID:?}) environment variable AZURE_CLIENT_ID false"),
            format!("client id Some({ID:?}) profile `orders`, clientId true"),
            "client secret None environment variable AZURE_CLIENT_SECRET false".to_owned(),
            "client secret None profile `orders`, clientSecretFile true".to_owned(),
            "user name Some(\"ada\") profile `orders`, username true".to_owned(),
        ]
    );
    assert!(!format!("{all:?}").contains("s3cret") && !format!("{all:?}").contains("hunter2"));
}
