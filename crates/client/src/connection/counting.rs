//! Which of the settings that were given count, and the connection that they make.
//!
//! Of several credentials the one from the first place counts. Two from the same place are a
//! contradiction that is told by name. The names that programs for Azure read (`AZURE_CLIENT_ID` and
//! so on) come after Keyholder's own of the same place. With no credential at all, the sign-in that
//! `keyholder login` left is used.

use std::path::PathBuf;

use keyholder_foundation::ClientId;
use url::Url;

use crate::credential::federated::{AzureDevOps, GitHubActions};
use crate::credential::{AZURE_CLI, DYNAMICS_TOOLS, ManagedIdentity};
use crate::error::ConfigurationError;
use crate::sign_ins::Wanted;

use super::names;
use super::settings::{Given, Origin, Settings};
use super::{Connection, CredentialChoice, Federation, InvalidOrgUrl};

/// A credential that was given, in words, with its origin.
pub(super) type Candidate<'a> = (&'static str, &'a Origin, Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Secret,
    Certificate,
    TokenFile,
    Pipeline,
    ManagedIdentity,
    Person,
    AzureCli,
}

impl Kind {
    fn is_application(self) -> bool {
        !matches!(self, Self::Person | Self::AzureCli)
    }
}

impl Settings {
    /// Whether a credential is among them, and so none of a weaker place is needed.
    #[must_use]
    pub fn has_credential(&self) -> bool {
        !matches!(self.chosen(), Ok(None))
    }

    /// The credential that counts; nothing when none was given.
    pub(super) fn chosen(&self) -> Result<Option<Candidate<'_>>, ConfigurationError> {
        fn origin<T>(given: Option<&Given<T>>) -> Option<&Origin> {
            given.map(|given| &given.origin)
        }
        // Whoever gives a name or a password means that person.
        let person = [origin(self.username.as_ref()), origin(self.password.as_ref())];
        let person = person.into_iter().flatten().min_by_key(|origin| origin.rank());
        let all = [
            ("a client secret", origin(self.client_secret.as_ref()), Kind::Secret),
            ("a certificate", origin(self.certificate_file.as_ref()), Kind::Certificate),
            ("a federated token's file", origin(self.federated_token_file.as_ref()), Kind::TokenFile),
            ("a pipeline's federated token", origin(self.federated.as_ref()), Kind::Pipeline),
            ("a managed identity", origin(self.managed_identity.as_ref()), Kind::ManagedIdentity),
            ("a user name or password", person, Kind::Person),
            ("the Azure CLI", origin(self.azure_cli.as_ref()), Kind::AzureCli),
        ];
        let given: Vec<Candidate<'_>> =
            all.into_iter().filter_map(|(what, origin, kind)| Some((what, origin?, kind))).collect();
        let Some(first) = given.iter().min_by_key(|(_, origin, _)| origin.rank()).copied() else { return Ok(None) };
        let other = given.iter().find(|(_, origin, kind)| *kind != first.2 && origin.rank() == first.1.rank());
        match other {
            None => Ok(Some(first)),
            Some((other, other_origin, _)) => Err(ConfigurationError::Conflict {
                one: first.0,
                one_origin: first.1.to_string(),
                other,
                other_origin: other_origin.to_string(),
            }),
        }
    }

    fn federation(&self, kind: &Given<String>) -> Result<Federation, ConfigurationError> {
        let lacks = |what: &'static str, names: &[&str]| {
            let places = names.iter().map(|name| format!("the environment variable `{name}`")).collect();
            ConfigurationError::Missing { what, places }
        };
        match kind.value.as_str() {
            "github" => match &self.pipeline.github {
                (Some(url), Some(token)) => Ok(Federation::GitHub(GitHubActions::new(url, token.clone()))),
                _ => Err(lacks(
                    "the way to a token of GitHub Actions (the job needs `permissions: id-token: write`)",
                    &[GitHubActions::URL, GitHubActions::TOKEN],
                )),
            },
            "azure-devops" => {
                let (Some(uri), Some(token)) = &self.pipeline.azure_devops else {
                    return Err(lacks(
                        "the way to a token of Azure Pipelines (the step needs `env: SYSTEM_ACCESSTOKEN: $(System.AccessToken)`)",
                        &[AzureDevOps::URI, AzureDevOps::TOKEN],
                    ));
                };
                let connection = self.pipeline.service_connection.as_ref().ok_or_else(|| {
                    lacks("the id of the service connection", &[names::SERVICE_CONNECTION_ID, AzureDevOps::CONNECTION])
                })?;
                Ok(Federation::AzureDevOps(AzureDevOps::new(uri, token.clone(), connection)))
            }
            _ => Err(invalid("the source of federated tokens", "is neither `github` nor `azure-devops`", &kind.origin)),
        }
    }

    fn identity(&self, kind: Option<Kind>) -> Result<ManagedIdentity, ConfigurationError> {
        let (Some(given), client_id) = (&self.managed_identity, self.client_id(kind)?) else {
            return Err(missing("the managed identity", "--managed-identity", names::MANAGED_IDENTITY));
        };
        if !given.value.eq_ignore_ascii_case("true") {
            return Err(invalid("the wish for a managed identity", "is not `true`", &given.origin));
        }
        let told = |name| {
            let (_, value) = self.pipeline.identity.iter().find(|(other, _)| *other == name)?;
            Some(value.expose().to_owned())
        };
        ManagedIdentity::from_environment(client_id, told)
            .map_err(|_| invalid("the address of the managed identity's service", "is none", &given.origin))
    }

    /// The client id that counts: `AZURE_CLIENT_ID` is read for applications only.
    pub(super) fn named_client(&self, kind: Option<Kind>) -> Option<&Given<String>> {
        let azures = self.azure.0.as_ref().filter(|_| kind.is_some_and(Kind::is_application));
        [self.client_id.as_ref(), azures].into_iter().flatten().min_by_key(|given| given.origin.rank())
    }

    /// The tenant that counts: `AZURE_TENANT_ID` is read beside `AZURE_CLIENT_ID` only.
    pub(super) fn named_tenant(&self, kind: Option<Kind>) -> Option<&Given<String>> {
        let is_azures = match (self.named_client(kind), &self.azure.0) {
            (Some(named), Some(azures)) => named.origin == azures.origin,
            _ => false,
        };
        let azures = self.azure.1.as_ref().filter(|_| is_azures);
        [self.tenant.as_ref(), azures].into_iter().flatten().min_by_key(|given| given.origin.rank())
    }

    /// The authority that counts, and whether somebody vouches for it.
    ///
    /// Whoever stored the credential vouches for the authority beside it, and so does whoever types a flag. A file or
    /// variable of another origin does not: it may be anybody's. A kept sign-in needs nobody's word, because it goes
    /// only to the authority that gave it, and the Azure CLI's go to Microsoft's and this machine's only.
    pub(super) fn named_authority(&self) -> Result<Option<(&Given<String>, bool)>, ConfigurationError> {
        let chosen = self.chosen()?;
        let is_kept = match chosen {
            None | Some((_, _, Kind::AzureCli)) => true,
            Some((_, _, Kind::Person)) => self.password.is_none(),
            Some(_) => false,
        };
        // A name may stand elsewhere than the password that goes there.
        let stored = match (chosen, &self.password) {
            (Some((_, _, Kind::Person)), Some(password)) => Some(&password.origin),
            (chosen, _) => chosen.map(|(_, origin, _)| origin),
        };
        let is_vouched = |given: &Given<String>| {
            is_kept || given.origin.is_flag() || stored.is_some_and(|origin| given.origin.is_beside(origin))
        };
        Ok(self.authority.as_ref().map(|given| (given, is_vouched(given))))
    }

    /// The client id; an application has one of its own, a person signs in through a public client.
    fn client_id(&self, kind: Option<Kind>) -> Result<ClientId, ConfigurationError> {
        match (self.named_client(kind), kind) {
            (_, Some(Kind::AzureCli)) => Ok(AZURE_CLI),
            // The value is not repeated: swapped with the secret, it would be one.
            (Some(given), _) => {
                given.value.trim().parse().map_err(|_| invalid("the client id", "is not a GUID", &given.origin))
            }
            (None, Some(Kind::Person)) => Ok(DYNAMICS_TOOLS),
            (None, None) => Ok(AZURE_CLI),
            (None, Some(_)) => Err(missing("the client id", "--client-id", names::CLIENT_ID)),
        }
    }

    fn credential(&self, kind: Option<Kind>) -> Result<CredentialChoice, ConfigurationError> {
        let kept = || -> Result<CredentialChoice, ConfigurationError> {
            let client_id = self.client_id.as_ref().map(|_| self.client_id(kind)).transpose()?;
            let username = self.username.as_ref().map(|given| given.value.clone());
            Ok(CredentialChoice::Kept { folder: self.state_folder.clone(), wanted: Wanted { username, client_id } })
        };
        let path = |given: &Option<Given<String>>| given.as_ref().map(|given| PathBuf::from(&given.value));
        let choice = match kind {
            Some(Kind::Secret) => {
                self.client_secret.as_ref().map(|given| CredentialChoice::Secret(given.value.clone()))
            }
            Some(Kind::Certificate) => {
                let password = self.certificate_password.as_ref().map(|given| given.value.clone());
                path(&self.certificate_file).map(|file| match password {
                    Some(password) => CredentialChoice::ProtectedCertificate { file, password },
                    None => CredentialChoice::Certificate(file),
                })
            }
            Some(Kind::ManagedIdentity) => Some(CredentialChoice::ManagedIdentity(self.identity(kind)?)),
            Some(Kind::TokenFile) => {
                path(&self.federated_token_file).map(|path| CredentialChoice::Federated(Federation::File(path)))
            }
            Some(Kind::Pipeline) => {
                let source = self.federated.as_ref().map(|kind| self.federation(kind)).transpose()?;
                source.map(CredentialChoice::Federated)
            }
            Some(Kind::AzureCli) => Some(CredentialChoice::AzureCli),
            Some(Kind::Person) => match (&self.username, &self.password) {
                (None, _) => return Err(missing("the user name", "--username", names::USERNAME)),
                (Some(name), Some(password)) => {
                    Some(CredentialChoice::Password { username: name.value.clone(), password: password.value.clone() })
                }
                (Some(_), None) => None,
            },
            None => None,
        };
        choice.map_or_else(kept, Ok)
    }
}

impl TryFrom<Settings> for Connection {
    type Error = ConfigurationError;

    fn try_from(settings: Settings) -> Result<Self, ConfigurationError> {
        let url = settings.url.as_ref().ok_or_else(|| missing("the org's URL", "--url", names::ORG_URL))?;
        let chosen = settings.chosen()?;
        let kind = chosen.map(|(_, _, kind)| kind);
        let client_id = settings.client_id(kind)?;
        let credential = settings.credential(kind)?;
        let authority = settings.named_authority()?.filter(|(_, is_vouched)| *is_vouched).map(|(given, _)| {
            let url = Url::parse(&given.value).ok().filter(|url| url.scheme() == "https" && url.has_host());
            url.ok_or_else(|| invalid("the authority", "is not an https address", &given.origin))
        });
        let tenant = settings.named_tenant(kind);
        Ok(Self {
            url: url.value.parse().map_err(|error: InvalidOrgUrl| invalid("the org's URL", &error.0, &url.origin))?,
            tenant: tenant.map(|given| given.value.clone()),
            authority: authority.transpose()?,
            client_id,
            credential,
            ca_file: settings.ca_file.map(|given| PathBuf::from(given.value)),
        })
    }
}

fn missing(what: &'static str, flag: &str, name: &str) -> ConfigurationError {
    let places = vec![
        format!("`{flag}`"),
        "`--env-file`".to_owned(),
        format!("the environment variable `{name}`"),
        "or a profile (`keyholder profile add`)".to_owned(),
    ];
    ConfigurationError::Missing { what, places }
}

fn invalid(what: &'static str, problem: &str, origin: &Origin) -> ConfigurationError {
    ConfigurationError::Invalid { what, problem: problem.to_owned(), origin: origin.to_string() }
}
