//! Where the org is and who calls.
//!
//! A [`Connection`] is what a sign-in needs; [`resolve`] and `Connection::try_from` make one of
//! flags, an environment file and the environment, [`Settings::over`] puts them over those of a profile,
//! and [`explain`] says which value came from where.

mod counting;
mod credentials;
mod explained;
mod settings;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use keyholder_foundation::ClientId;
use url::Url;

use crate::transport::{is_loopback, origin_of};

pub use credentials::{CredentialChoice, Federation};
pub use explained::{Explained, explain};
pub(crate) use settings::resolve_profile_file;
pub use settings::{Flags, Given, Origin, Settings, from_environment, resolve};

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
    /// A PEM or PFX file with the application's certificate and its private key.
    pub const CLIENT_CERTIFICATE_FILE: &str = "KEYHOLDER_CLIENT_CERTIFICATE_FILE";
    /// The password of a PFX file.
    pub const CLIENT_CERTIFICATE_PASSWORD: &str = "KEYHOLDER_CLIENT_CERTIFICATE_PASSWORD";
    /// That the application is a managed identity of Azure's: `true`.
    pub const MANAGED_IDENTITY: &str = "KEYHOLDER_MANAGED_IDENTITY";
    /// A file with an outside issuer's token for the application.
    pub const FEDERATED_TOKEN_FILE: &str = "KEYHOLDER_FEDERATED_TOKEN_FILE";
    /// Who else hands out such tokens: `github` or `azure-devops`.
    pub const FEDERATED: &str = "KEYHOLDER_FEDERATED";
    /// The id of the service connection, for `azure-devops`.
    pub const SERVICE_CONNECTION_ID: &str = "KEYHOLDER_SERVICE_CONNECTION_ID";
    /// A person's sign-in name.
    pub const USERNAME: &str = "KEYHOLDER_USERNAME";
    /// That person's password.
    pub const PASSWORD: &str = "KEYHOLDER_PASSWORD";
    /// A PEM file of certificate authorities to trust beside the platform's.
    pub const CA_FILE: &str = "KEYHOLDER_CA_FILE";
    /// The token service that may be given the secret, when it is not Microsoft's.
    pub const AUTHORITY: &str = "KEYHOLDER_AUTHORITY";
    /// The origin of a local org, which is its token service too; read where
    /// [`AUTHORITY`] is not set.
    pub const ORIGIN: &str = "KEYHOLDER_ORIGIN";
    /// The profile that is meant, of those that are kept on this machine.
    pub const PROFILE: &str = "KEYHOLDER_PROFILE";
    /// All of them.
    pub const ALL: &[&str] = &[
        ORG_URL,
        TENANT_ID,
        CLIENT_ID,
        CLIENT_SECRET,
        CLIENT_CERTIFICATE_FILE,
        CLIENT_CERTIFICATE_PASSWORD,
        MANAGED_IDENTITY,
        FEDERATED_TOKEN_FILE,
        FEDERATED,
        SERVICE_CONNECTION_ID,
        USERNAME,
        PASSWORD,
        CA_FILE,
        AUTHORITY,
        ORIGIN,
        PROFILE,
    ];

    /// The names that programs for Azure read, and clusters set. Each is read where its
    /// counterpart above is not set; tenant and client id only beside an application's credential.
    pub mod azure {
        /// The application's client id.
        pub const CLIENT_ID: &str = "AZURE_CLIENT_ID";
        /// The tenant; read with [`CLIENT_ID`] only.
        pub const TENANT_ID: &str = "AZURE_TENANT_ID";
        /// The application's client secret.
        pub const CLIENT_SECRET: &str = "AZURE_CLIENT_SECRET";
        /// A PEM or PFX file with the application's certificate and its private key.
        pub const CLIENT_CERTIFICATE_PATH: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
        /// The password of a PFX file.
        pub const CLIENT_CERTIFICATE_PASSWORD: &str = "AZURE_CLIENT_CERTIFICATE_PASSWORD";
        /// A file with an outside issuer's token, as Kubernetes mounts it.
        pub const FEDERATED_TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
        /// The token service.
        pub const AUTHORITY_HOST: &str = "AZURE_AUTHORITY_HOST";
    }
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
    /// The application, or the public client through which a person signs in.
    pub client_id: ClientId,
    /// What the caller proves itself with.
    pub credential: CredentialChoice,
    /// A PEM file of certificate authorities to trust beside the platform's.
    pub ca_file: Option<PathBuf>,
}

#[cfg(test)]
mod tests;
