//! Settings from flags, an environment file, the environment, a profile and a declaration.
//!
//! Each setting is taken from the first place that has it, in that order, and remembers where
//! that was, because "the wrong secret" is usually the right secret of another place. Flags and
//! profiles never carry a secret's value; the command line reads the file that one names and passes
//! what was in it. A declaration (`keyholder.toml`) says where an org is and nothing else.

use std::fmt;
use std::path::PathBuf;

use keyholder_foundation::Secret;
use keyholder_platform::EnvFile;

use crate::credential::ManagedIdentity;
use crate::credential::federated::{AzureDevOps, GitHubActions};

use super::names::{self, azure};

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
        /// The variable.
        name: &'static str,
    },
    /// A variable of the environment.
    Environment(&'static str),
    /// A profile that is kept on this machine.
    Profile {
        /// Its name.
        profile: String,
        /// What it is called there.
        setting: &'static str,
    },
    /// A line of the environment file that a profile names.
    ProfileFile {
        /// The profile's name.
        profile: String,
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The variable.
        name: &'static str,
    },
    /// The only org of a declaration.
    Declaration(PathBuf),
}

impl Origin {
    pub(super) fn is_flag(&self) -> bool {
        matches!(self, Self::Flag(_))
    }

    /// The profile that says it, itself or by the file that it names.
    fn profile(&self) -> Option<&str> {
        match self {
            Self::Profile { profile, .. } | Self::ProfileFile { profile, .. } => Some(profile),
            _ => None,
        }
    }

    /// Whether two settings come from the same file, from the same profile, or both from the environment.
    pub(super) fn is_beside(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::EnvFile { path: one, .. }, Self::EnvFile { path: other, .. }) => one == other,
            (Self::Environment(_), Self::Environment(_)) => true,
            _ => self.profile().is_some() && self.profile() == other.profile(),
        }
    }

    /// Its place among all, the strongest first.
    pub(super) fn rank(&self) -> u8 {
        let azures = |name: &str| u8::from(name.starts_with("AZURE_"));
        match self {
            Self::Flag(_) => 0,
            Self::EnvFile { name, .. } => 1 + azures(name),
            Self::Environment(name) => 3 + azures(name),
            Self::Profile { .. } => 5,
            Self::ProfileFile { name, .. } => 6 + azures(name),
            Self::Declaration(_) => 8,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::EnvFile { path, line, .. } => write!(f, "`{}` line {line}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Profile { profile, setting } => write!(f, "profile `{profile}`, {setting}"),
            Self::ProfileFile { profile, path, line, .. } => {
                write!(f, "`{}` line {line}, which the profile `{profile}` names", path.display())
            }
            Self::Declaration(path) => write!(f, "the only org of `{}`", path.display()),
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
    /// `--certificate-file`.
    pub certificate_file: Option<String>,
    /// `--federated-token-file`.
    pub federated_token_file: Option<String>,
    /// `--federated`: `github` or `azure-devops`.
    pub federated: Option<String>,
    /// `--username`.
    pub username: Option<String>,
    /// What the file of `--password-file` holds.
    pub password: Option<Secret>,
    /// `--managed-identity`.
    pub managed_identity: bool,
    /// `--azure-cli`.
    pub azure_cli: bool,
    /// `--ca-file`.
    pub ca_file: Option<String>,
    /// `--profile`.
    pub profile: Option<String>,
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
    /// The certificate's file.
    pub certificate_file: Option<Given<String>>,
    /// The password of the certificate's file.
    pub certificate_password: Option<Given<Secret>>,
    /// That a managed identity is meant.
    pub managed_identity: Option<Given<String>>,
    /// The federated token's file.
    pub federated_token_file: Option<Given<String>>,
    /// Who else hands out federated tokens.
    pub federated: Option<Given<String>>,
    /// The person's name.
    pub username: Option<Given<String>>,
    /// The person's password.
    pub password: Option<Given<Secret>>,
    /// That the Azure CLI is meant.
    pub azure_cli: Option<Given<()>>,
    /// The CA file.
    pub ca_file: Option<Given<String>>,
    /// `AZURE_CLIENT_ID` and `AZURE_TENANT_ID`.
    pub azure: (Option<Given<String>>, Option<Given<String>>),
    /// What a pipeline tells its jobs.
    pub pipeline: Pipeline,
    /// The folder of kept sign-ins.
    pub state_folder: Option<PathBuf>,
    /// Which profile is named; it is not read here.
    pub profile: Option<Given<String>>,
}

/// What GitHub Actions and Azure Pipelines tell their jobs in the environment.
#[derive(Debug, Clone, Default)]
pub struct Pipeline {
    pub(super) github: (Option<String>, Option<Secret>),
    pub(super) azure_devops: (Option<String>, Option<Secret>),
    /// What Azure tells of managed identities, by variable.
    pub(super) identity: Vec<(&'static str, Secret)>,
    pub(super) service_connection: Option<String>,
}

impl Pipeline {
    fn is_empty(&self) -> bool {
        let pairs = [&self.github, &self.azure_devops];
        pairs.into_iter().all(|(address, token)| address.is_none() && token.is_none())
            && self.identity.is_empty()
            && self.service_connection.is_none()
    }
}

/// Takes each setting from the first place that has it: flags, then the env file, then the
/// environment. Empty values count as not given.
///
/// ```
/// use keyholder_client::connection::{Flags, names, resolve};
/// use keyholder_client::{Connection, CredentialChoice};
///
/// // A cluster has set the last three; the org's address was given by a flag, which comes first.
/// let environment = |name: &'static str| {
///     Some(match name {
///         names::ORG_URL => "https://other.crm4.dynamics.com",
///         names::azure::CLIENT_ID => "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001",
///         names::azure::TENANT_ID => "contoso.com",
///         names::azure::FEDERATED_TOKEN_FILE => "/var/run/secrets/azure/tokens/azure-identity-token",
///         _ => return None,
///     }.to_owned())
/// };
/// let flags = Flags { url: Some("https://contoso.crm4.dynamics.com".to_owned()), ..Flags::default() };
/// let settings = resolve(&flags, None, environment);
/// assert_eq!(settings.url.as_ref().map(|url| url.origin.to_string()).as_deref(), Some("flag --url"));
/// let connection = Connection::try_from(settings)?;
/// assert!(matches!(connection.credential, CredentialChoice::Federated(_)));
/// assert_eq!(connection.tenant.as_deref(), Some("contoso.com"));
/// # Ok::<(), keyholder_client::ConfigurationError>(())
/// ```
pub fn resolve(
    flags: &Flags,
    env_file: Option<&EnvFile>,
    environment: impl Fn(&'static str) -> Option<String>,
) -> Settings {
    let at = |file: &EnvFile, line, name| Origin::EnvFile { path: file.path.clone(), line, name };
    resolve_at(flags, env_file, environment, at)
}

/// The settings of the environment file that a profile names.
pub(crate) fn resolve_profile_file(profile: &str, file: &EnvFile) -> Settings {
    let at = |file: &EnvFile, line, name| Origin::ProfileFile {
        profile: profile.to_owned(),
        path: file.path.clone(),
        line,
        name,
    };
    // Which profile counts has been decided by now.
    Settings { profile: None, ..resolve_at(&Flags::default(), Some(file), |_| None, at) }
}

fn resolve_at(
    flags: &Flags,
    env_file: Option<&EnvFile>,
    environment: impl Fn(&'static str) -> Option<String>,
    origin_in_file: impl Fn(&EnvFile, usize, &'static str) -> Origin,
) -> Settings {
    let set = |name: &'static str| environment(name).filter(|value| !value.is_empty());
    let behind_flags = |names: &[&'static str]| -> Option<Given<Secret>> {
        let in_file = |name: &&'static str| {
            let (file, variable) = env_file.and_then(|file| Some((file, file.get(name)?)))?;
            let origin = origin_in_file(file, variable.line, name);
            Some(Given { value: variable.value.clone(), origin })
        };
        let in_environment =
            |name: &&'static str| Some(Given { value: Secret::new(set(name)?), origin: Origin::Environment(name) });
        names.iter().find_map(in_file).or_else(|| names.iter().find_map(in_environment))
    };
    let pick_secret = |given: &Option<Secret>, flag: &'static str, names: &[&'static str]| match given {
        Some(value) if !value.is_empty() => Some(Given { value: value.clone(), origin: Origin::Flag(flag) }),
        _ => behind_flags(names),
    };
    let pick = |given: &Option<String>, flag: &'static str, names: &[&'static str]| {
        let given = pick_secret(&given.as_ref().map(|text| Secret::new(text.as_str())), flag, names)?;
        Some(Given { value: given.value.expose().to_owned(), origin: given.origin })
    };
    Settings {
        url: pick(&flags.url, "--url", &[names::ORG_URL]),
        tenant: pick(&flags.tenant, "--tenant", &[names::TENANT_ID]),
        authority: pick(&flags.authority, "--authority", &[names::AUTHORITY, names::ORIGIN, azure::AUTHORITY_HOST]),
        client_id: pick(&flags.client_id, "--client-id", &[names::CLIENT_ID]),
        client_secret: pick_secret(
            &flags.client_secret,
            "--client-secret-file",
            &[names::CLIENT_SECRET, azure::CLIENT_SECRET],
        ),
        certificate_file: pick(
            &flags.certificate_file,
            "--certificate-file",
            &[names::CLIENT_CERTIFICATE_FILE, azure::CLIENT_CERTIFICATE_PATH],
        ),
        certificate_password: pick_secret(
            &None,
            "",
            &[names::CLIENT_CERTIFICATE_PASSWORD, azure::CLIENT_CERTIFICATE_PASSWORD],
        ),
        managed_identity: pick(
            &flags.managed_identity.then(|| "true".to_owned()),
            "--managed-identity",
            &[names::MANAGED_IDENTITY],
        ),
        federated_token_file: pick(
            &flags.federated_token_file,
            "--federated-token-file",
            &[names::FEDERATED_TOKEN_FILE, azure::FEDERATED_TOKEN_FILE],
        ),
        federated: pick(&flags.federated, "--federated", &[names::FEDERATED]),
        username: pick(&flags.username, "--username", &[names::USERNAME]),
        password: pick_secret(&flags.password, "--password-file", &[names::PASSWORD]),
        azure_cli: flags.azure_cli.then_some(Given { value: (), origin: Origin::Flag("--azure-cli") }),
        ca_file: pick(&flags.ca_file, "--ca-file", &[names::CA_FILE]),
        azure: (pick(&None, "", &[azure::CLIENT_ID]), pick(&None, "", &[azure::TENANT_ID])),
        pipeline: Pipeline {
            github: (set(GitHubActions::URL), set(GitHubActions::TOKEN).map(Secret::new)),
            azure_devops: (set(AzureDevOps::URI), set(AzureDevOps::TOKEN).map(Secret::new)),
            identity: [ManagedIdentity::ENDPOINT, ManagedIdentity::HEADER, ManagedIdentity::HOST]
                .into_iter()
                .filter_map(|name| Some((name, Secret::new(set(name)?))))
                .collect(),
            service_connection: set(names::SERVICE_CONNECTION_ID).or_else(|| set(AzureDevOps::CONNECTION)),
        },
        state_folder: keyholder_platform::state_folder(&environment),
        profile: pick(&flags.profile, "--profile", &[names::PROFILE]),
    }
}

/// The settings of the environment alone.
pub fn from_environment(environment: impl Fn(&'static str) -> Option<String>) -> Settings {
    resolve(&Flags::default(), None, environment)
}

impl Settings {
    /// These settings over others: each from here, where it is here, else from there.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        Self {
            url: self.url.or(other.url),
            tenant: self.tenant.or(other.tenant),
            authority: self.authority.or(other.authority),
            client_id: self.client_id.or(other.client_id),
            client_secret: self.client_secret.or(other.client_secret),
            certificate_file: self.certificate_file.or(other.certificate_file),
            certificate_password: self.certificate_password.or(other.certificate_password),
            managed_identity: self.managed_identity.or(other.managed_identity),
            federated_token_file: self.federated_token_file.or(other.federated_token_file),
            federated: self.federated.or(other.federated),
            username: self.username.or(other.username),
            password: self.password.or(other.password),
            azure_cli: self.azure_cli.or(other.azure_cli),
            ca_file: self.ca_file.or(other.ca_file),
            azure: (self.azure.0.or(other.azure.0), self.azure.1.or(other.azure.1)),
            pipeline: if self.pipeline.is_empty() { other.pipeline } else { self.pipeline },
            state_folder: self.state_folder.or(other.state_folder),
            profile: self.profile.or(other.profile),
        }
    }

    /// The same place, for a person who signs in now, whatever credential was given beside it.
    #[must_use]
    pub fn for_a_person(self) -> Self {
        Self {
            url: self.url,
            tenant: self.tenant,
            authority: self.authority,
            ca_file: self.ca_file,
            state_folder: self.state_folder,
            profile: self.profile,
            ..Self::default()
        }
    }
}
