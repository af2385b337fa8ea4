//! Which setting has which value, where that came from, and what else was given and does not count.
//!
//! No secret's value is told.

use keyholder_foundation::{ClientId, Secret};

use super::counting::Kind;
use super::settings::{Given, Settings};
use crate::error::ConfigurationError;

/// One setting, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What the setting is, in words: "org", "client secret".
    pub setting: &'static str,
    /// Its value; nothing of a secret.
    pub value: Option<String>,
    /// Where it came from.
    pub origin: String,
    /// Why it does not count, where it does not.
    pub unused: Option<&'static str>,
}

/// Explains settings that were given in several places, the strongest first: of each setting the value that counts, and
/// behind it those that do not.
///
/// # Errors
/// [`ConfigurationError::Conflict`] for two credentials of the same place.
pub fn explain(places: &[Settings]) -> Result<Vec<Explained>, ConfigurationError> {
    let merged = places.iter().cloned().fold(Settings::default(), Settings::over);
    let chosen = merged.chosen()?.map(|(_, _, kind)| kind);
    let is_vouched = merged.named_authority()?.is_none_or(|(_, is_vouched)| is_vouched);
    let client_id = merged.named_client(chosen).map(|given| given.origin.clone());
    let tenant = merged.named_tenant(chosen).map(|given| given.origin.clone());
    let mut all = Vec::new();
    for setting in SETTINGS {
        let mut has_one = false;
        for place in places {
            for (value, origin) in (setting.read)(place) {
                let mut unused = has_one.then_some("a stronger place has one");
                has_one = true;
                match setting.role {
                    Role::Plain => {}
                    Role::Authority => unused = unused.or((!is_vouched).then_some(UNVOUCHED)),
                    Role::ClientId if client_id.as_ref() == Some(&origin) => unused = None,
                    Role::Tenant if tenant.as_ref() == Some(&origin) => unused = None,
                    Role::ClientId => unused = unused.or(Some(NOT_AN_APPLICATION)),
                    Role::Tenant => unused = unused.or(Some("it is read beside AZURE_CLIENT_ID")),
                    Role::Of(kinds) => {
                        let counts = chosen.is_some_and(|chosen| kinds.contains(&chosen));
                        unused = unused.or((!counts).then_some("another credential stands in a stronger place"));
                    }
                }
                all.push(Explained { setting: setting.name, value, origin: origin.to_string(), unused });
            }
        }
    }
    Ok(all)
}

impl Settings {
    /// What the caller proves itself with, in words: "a client secret".
    ///
    /// # Errors
    /// [`ConfigurationError::Conflict`] for two credentials of the same place.
    pub fn caller_in_words(&self) -> Result<String, ConfigurationError> {
        let person = self.username.as_ref().map(|given| format!(" of {}", given.value)).unwrap_or_default();
        Ok(match self.chosen()? {
            None => "the sign-in that `keyholder login` kept".to_owned(),
            Some((_, _, Kind::Person)) if self.password.is_none() => {
                format!("the sign-in{person} that `keyholder login` kept")
            }
            Some((_, _, Kind::Person)) => format!("the password{person}"),
            Some((what, ..)) => what.to_owned(),
        })
    }
}

const UNVOUCHED: &str = "it stands elsewhere than the credential, so nobody vouches for it";
const NOT_AN_APPLICATION: &str = "it is read for applications only";

/// A value, unless it is secret, and its origin.
type Read = (Option<String>, super::Origin);

struct Setting {
    name: &'static str,
    role: Role,
    /// The values that a place has of it, the strongest first.
    read: fn(&Settings) -> Vec<Read>,
}

/// What decides whether a value counts, but for a stronger one.
enum Role {
    Plain,
    Authority,
    ClientId,
    Tenant,
    /// It belongs to these credentials.
    Of(&'static [Kind]),
}

fn plain(given: &Option<Given<String>>) -> Option<Read> {
    given.as_ref().map(|given| (Some(given.value.clone()), given.origin.clone()))
}

fn secret(given: &Option<Given<Secret>>) -> Option<Read> {
    given.as_ref().map(|given| (None, given.origin.clone()))
}

/// A value with nothing in it that an address or an id does not have: swapped with the secret, it would be one.
fn innocent(value: &str, is_one: impl FnOnce(&str) -> bool) -> Option<String> {
    is_one(value.trim()).then(|| value.to_owned())
}

fn without_user(url: &str) -> bool {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    !after_scheme.split(['/', '?', '#']).next().unwrap_or_default().contains('@')
}

/// An id or a domain.
fn is_tenant(value: &str) -> bool {
    value.chars().all(|character| character.is_ascii_alphanumeric() || ".-".contains(character))
}

fn address(given: &Option<Given<String>>) -> Option<Read> {
    given.as_ref().map(|given| (innocent(&given.value, without_user), given.origin.clone()))
}

fn by_strength(one: &Option<Given<String>>, other: &Option<Given<String>>, is_one: impl Fn(&str) -> bool) -> Vec<Read> {
    let mut both: Vec<&Given<String>> = [one, other].into_iter().flatten().collect();
    both.sort_by_key(|given| given.origin.rank());
    both.into_iter().map(|given| (innocent(&given.value, &is_one), given.origin.clone())).collect()
}

const SETTINGS: &[Setting] = &[
    Setting { name: "profile", role: Role::Plain, read: |of| plain(&of.profile).into_iter().collect() },
    Setting { name: "org", role: Role::Plain, read: |of| address(&of.url).into_iter().collect() },
    Setting { name: "tenant", role: Role::Tenant, read: |of| by_strength(&of.tenant, &of.azure.1, is_tenant) },
    Setting { name: "authority", role: Role::Authority, read: |of| address(&of.authority).into_iter().collect() },
    Setting { name: "CA file", role: Role::Plain, read: |of| plain(&of.ca_file).into_iter().collect() },
    Setting {
        name: "client id",
        role: Role::ClientId,
        read: |of| by_strength(&of.client_id, &of.azure.0, |value| value.parse::<ClientId>().is_ok()),
    },
    Setting {
        name: "client secret",
        role: Role::Of(&[Kind::Secret]),
        read: |of| secret(&of.client_secret).into_iter().collect(),
    },
    Setting {
        name: "certificate file",
        role: Role::Of(&[Kind::Certificate]),
        read: |of| plain(&of.certificate_file).into_iter().collect(),
    },
    Setting {
        name: "certificate password",
        role: Role::Of(&[Kind::Certificate]),
        read: |of| secret(&of.certificate_password).into_iter().collect(),
    },
    Setting {
        name: "federated token file",
        role: Role::Of(&[Kind::TokenFile]),
        read: |of| plain(&of.federated_token_file).into_iter().collect(),
    },
    Setting {
        name: "federated",
        role: Role::Of(&[Kind::Pipeline]),
        read: |of| plain(&of.federated).into_iter().collect(),
    },
    Setting {
        name: "managed identity",
        role: Role::Of(&[Kind::ManagedIdentity]),
        read: |of| plain(&of.managed_identity).into_iter().collect(),
    },
    Setting {
        name: "user name",
        role: Role::Of(&[Kind::Person]),
        read: |of| plain(&of.username).into_iter().collect(),
    },
    Setting {
        name: "password",
        role: Role::Of(&[Kind::Person]),
        read: |of| secret(&of.password).into_iter().collect(),
    },
    Setting {
        name: "Azure CLI",
        role: Role::Of(&[Kind::AzureCli]),
        read: |of| of.azure_cli.iter().map(|given| (Some("true".to_owned()), given.origin.clone())).collect(),
    },
];
