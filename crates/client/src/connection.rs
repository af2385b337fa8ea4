//! Where the org is and who calls: settings from flags, an environment file and the environment.
//!
//! Each setting is taken from the first place that has it, in that order, and remembers where
//! that was, because "the wrong secret" is usually the right secret of another place. Flags never
//! carry a secret's value; the command line reads the file that a flag names and passes what was
//! in it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use keyholder_foundation::{ClientId, Secret};
use keyholder_platform::EnvFile;
use url::Url;

use crate::error::ConfigurationError;
use crate::transport::{is_loopback, origin_of};

/// The environment's names for the settings: a contract with everything that writes env files.
pub mod names {
    /// The org's URL.
    pub const ORG_URL: &str = "KEYHOLDER_ORG_URL";
    /// The tenant's id or domain; the org's own when not given.
    pub const TENANT_ID: &str = "KEYHOLDER_TENANT_ID";
    /// The application's client id.
    pub const CLIENT_ID: &str = "KEYHOLDER_CLIENT_ID";
    /// The application's client secret.
    pub const CLIENT_SECRET: &str = "KEYHOLDER_CLIENT_SECRET";
    /// A PEM file of certificate authorities to trust beside the platform's.
    pub const CA_FILE: &str = "KEYHOLDER_CA_FILE";
    /// The token service that may be given the secret, when it is not Microsoft's.
    pub const AUTHORITY: &str = "KEYHOLDER_AUTHORITY";
    /// The origin of a local org, which is its token service too; read where
    /// [`AUTHORITY`] is not set.
    pub const ORIGIN: &str = "KEYHOLDER_ORIGIN";
}

/// The address of an org: `https`, or `http` on loopback only; its origin and no path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrgUrl(Url);

impl OrgUrl {
    /// The org's root.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The URL of something below the Web API, `contacts`; empty for the service document.
    #[must_use]
    pub fn web_api(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("/api/data/v9.2/{path}"));
        url
    }
}

impl fmt::Display for OrgUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&origin_of(&self.0))
    }
}

/// Why a text is no org's address; continues "the org's URL ...".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidOrgUrl(String);

impl FromStr for OrgUrl {
    type Err = InvalidOrgUrl;

    /// Takes what a person copies: the address alone, with a trailing slash, or with the path of
    /// the web client or the Web API behind it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |problem: &str| Err(InvalidOrgUrl(problem.to_owned()));
        let text = text.trim();
        // A host alone, as address bars show it.
        let bare = !text.contains("://") && text.contains('.') && !text.contains(['@', ' ']);
        let whole = if bare { format!("https://{text}") } else { text.to_owned() };
        let Ok(mut url) = Url::parse(&whole) else {
            return invalid("is not an address like `https://contoso.crm4.dynamics.com`");
        };
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return invalid("is plain http, which would send tokens in the clear: use https"),
            _ => return invalid("is not an https address"),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return invalid("has a user name or password in it");
        }
        let path = url.path().to_ascii_lowercase();
        if !(path == "/" || path == "/main.aspx" || path.starts_with("/apps/") || path.starts_with("/api/data")) {
            return invalid("has a path behind the host: on-premises orgs are not supported, other orgs have none");
        }
        url.set_path("/");
        url.set_query(None);
        url.set_fragment(None);
        Ok(Self(url))
    }
}

/// Everything that a sign-in needs.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The org.
    pub url: OrgUrl,
    /// The tenant to sign in to: an id or a domain; the org's own when not given.
    pub tenant: Option<String>,
    /// The token service whose origin is vouched for ([`crate::authority`]).
    pub authority: Option<Url>,
    /// The application.
    pub client_id: ClientId,
    /// Its secret.
    pub client_secret: Secret,
    /// A PEM file of certificate authorities to trust beside the platform's.
    pub ca_file: Option<PathBuf>,
}

/// Where a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line.
    Flag(&'static str),
    /// A line of an environment file.
    EnvFile {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// A variable of the environment.
    Environment(&'static str),
}

impl Origin {
    fn is_flag(&self) -> bool {
        matches!(self, Self::Flag(_))
    }

    /// Whether two settings come from the same file, or both from the environment.
    fn is_beside(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::EnvFile { path: one, .. }, Self::EnvFile { path: other, .. }) => one == other,
            (Self::Environment(_), Self::Environment(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::EnvFile { path, line } => write!(f, "`{}` line {line}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// A value and where it came from.
#[derive(Debug, Clone)]
pub struct Given<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub origin: Origin,
}

/// What the flags say; nothing where a flag was not given.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--url`.
    pub url: Option<String>,
    /// `--tenant`.
    pub tenant: Option<String>,
    /// `--authority`.
    pub authority: Option<String>,
    /// `--client-id`.
    pub client_id: Option<String>,
    /// What the file of `--client-secret-file` holds.
    pub client_secret: Option<Secret>,
    /// `--ca-file`.
    pub ca_file: Option<String>,
}

/// The settings as they were given, each with its origin, not yet checked.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The org's URL.
    pub url: Option<Given<String>>,
    /// The tenant.
    pub tenant: Option<Given<String>>,
    /// The vouched-for authority.
    pub authority: Option<Given<String>>,
    /// The client id.
    pub client_id: Option<Given<String>>,
    /// The client secret.
    pub client_secret: Option<Given<Secret>>,
    /// The CA file.
    pub ca_file: Option<Given<String>>,
}

/// Takes each setting from the first place that has it: flags, then the env file, then the
/// environment. Empty values count as not given.
pub fn resolve(
    flags: &Flags,
    env_file: Option<&EnvFile>,
    environment: impl Fn(&'static str) -> Option<String>,
) -> Settings {
    let behind_flags = |names: &[&'static str]| -> Option<Given<Secret>> {
        let in_file = |name: &&'static str| {
            let (file, variable) = env_file.and_then(|file| Some((file, file.get(name)?)))?;
            let origin = Origin::EnvFile { path: file.path.clone(), line: variable.line };
            Some(Given { value: variable.value.clone(), origin })
        };
        let in_environment = |name: &&'static str| {
            let value = environment(name).filter(|value| !value.is_empty())?;
            Some(Given { value: Secret::new(value), origin: Origin::Environment(name) })
        };
        names.iter().find_map(in_file).or_else(|| names.iter().find_map(in_environment))
    };
    let pick = |given: &Option<String>, flag: &'static str, names: &[&'static str]| -> Option<Given<String>> {
        match given {
            Some(value) if !value.is_empty() => Some(Given { value: value.clone(), origin: Origin::Flag(flag) }),
            _ => {
                behind_flags(names).map(|given| Given { value: given.value.expose().to_owned(), origin: given.origin })
            }
        }
    };
    let client_secret = match &flags.client_secret {
        Some(secret) if !secret.is_empty() => {
            Some(Given { value: secret.clone(), origin: Origin::Flag("--client-secret-file") })
        }
        _ => behind_flags(&[names::CLIENT_SECRET]),
    };
    Settings {
        url: pick(&flags.url, "--url", &[names::ORG_URL]),
        tenant: pick(&flags.tenant, "--tenant", &[names::TENANT_ID]),
        authority: pick(&flags.authority, "--authority", &[names::AUTHORITY, names::ORIGIN]),
        client_id: pick(&flags.client_id, "--client-id", &[names::CLIENT_ID]),
        client_secret,
        ca_file: pick(&flags.ca_file, "--ca-file", &[names::CA_FILE]),
    }
}

/// The settings of the environment alone.
pub fn from_environment(environment: impl Fn(&'static str) -> Option<String>) -> Settings {
    resolve(&Flags::default(), None, environment)
}

impl TryFrom<Settings> for Connection {
    type Error = ConfigurationError;

    fn try_from(settings: Settings) -> Result<Self, ConfigurationError> {
        let url = needed(settings.url, "the org's URL", "--url", names::ORG_URL)?;
        let client_id = needed(settings.client_id, "the client id", "--client-id", names::CLIENT_ID)?;
        let client_secret =
            needed(settings.client_secret, "the client secret", "--client-secret-file", names::CLIENT_SECRET)?;
        // Whoever stored the secret vouches for the authority beside it, and so does whoever types
        // a flag. A file or variable of another origin does not: it may be anybody's.
        let vouched = |given: &Given<String>| given.origin.is_flag() || given.origin.is_beside(&client_secret.origin);
        let authority = settings.authority.filter(vouched).map(|given| {
            let url = Url::parse(&given.value).ok().filter(|url| url.scheme() == "https" && url.has_host());
            url.ok_or_else(|| invalid("the authority", "is not an https address", &given.origin))
        });
        Ok(Self {
            url: url.value.parse().map_err(|error: InvalidOrgUrl| invalid("the org's URL", &error.0, &url.origin))?,
            tenant: settings.tenant.map(|given| given.value),
            authority: authority.transpose()?,
            // The value is not repeated: swapped with the secret, it would be one.
            client_id: client_id
                .value
                .trim()
                .parse()
                .map_err(|_| invalid("the client id", "is not a GUID", &client_id.origin))?,
            client_secret: client_secret.value,
            ca_file: settings.ca_file.map(|given| PathBuf::from(given.value)),
        })
    }
}

fn needed<T>(
    given: Option<Given<T>>,
    what: &'static str,
    flag: &str,
    name: &str,
) -> Result<Given<T>, ConfigurationError> {
    let places =
        || vec![format!("`{flag}`"), "`--env-file`".to_owned(), format!("or the environment variable `{name}`")];
    given.ok_or_else(|| ConfigurationError::Missing { what, places: places() })
}

fn invalid(what: &'static str, problem: &str, origin: &Origin) -> ConfigurationError {
    ConfigurationError::Invalid { what, problem: problem.to_owned(), origin: origin.to_string() }
}

#[cfg(test)]
mod tests;
