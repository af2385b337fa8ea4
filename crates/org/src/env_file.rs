//! `org.env`: what a client needs, and the only place where the administrators' secrets stand in
//! plain text.

use std::path::Path;

use keyholder_foundation::Secret;
use keyholder_platform::{EnvFile, EnvFileError, env_file};

use crate::folder::FolderError;

/// The names in `org.env`. They are a contract: other programs read them.
pub mod names {
    /// The origin of everything the local org serves, without a trailing slash.
    pub const ORIGIN: &str = "KEYHOLDER_ORIGIN";
    /// The CA certificate to trust, an absolute path.
    pub const CA_FILE: &str = "KEYHOLDER_CA_FILE";
    /// The tenant's id.
    pub const TENANT_ID: &str = "KEYHOLDER_TENANT_ID";
    /// The tenant's domain.
    pub const TENANT_DOMAIN: &str = "KEYHOLDER_TENANT_DOMAIN";
    /// The org's URL.
    pub const ORG_URL: &str = "KEYHOLDER_ORG_URL";
    /// The administering application's client id.
    pub const ADMIN_CLIENT_ID: &str = "KEYHOLDER_ADMIN_CLIENT_ID";
    /// Its client secret.
    pub const ADMIN_CLIENT_SECRET: &str = "KEYHOLDER_ADMIN_CLIENT_SECRET";
    /// The administering person's user name.
    pub const ADMIN_USERNAME: &str = "KEYHOLDER_ADMIN_USERNAME";
    /// Their password.
    pub const ADMIN_PASSWORD: &str = "KEYHOLDER_ADMIN_PASSWORD";
    /// In the file of a persona: its user name.
    pub const USERNAME: &str = "KEYHOLDER_USERNAME";
    /// Its password.
    pub const PASSWORD: &str = "KEYHOLDER_PASSWORD";
    /// All of them.
    pub const ALL: &[&str] = &[
        ORIGIN,
        CA_FILE,
        TENANT_ID,
        TENANT_DOMAIN,
        ORG_URL,
        ADMIN_CLIENT_ID,
        ADMIN_CLIENT_SECRET,
        ADMIN_USERNAME,
        ADMIN_PASSWORD,
        USERNAME,
        PASSWORD,
    ];
}

/// What the administrators of a local org sign in with: the plain text that stands only in
/// `org.env`.
#[derive(Debug, Clone)]
pub struct AdminCredentials {
    /// The administering application's client id.
    pub client_id: String,
    /// Its client secret.
    pub client_secret: Secret,
    /// The administering person's user name.
    pub username: String,
    /// Their password.
    pub password: Secret,
}

/// Everything a client needs to find the org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The origin, `https://host:port`.
    pub origin: String,
    /// The absolute path of the CA certificate.
    pub ca_file: String,
    /// The tenant's id.
    pub tenant_id: String,
    /// The tenant's domain.
    pub tenant_domain: String,
    /// The org's URL.
    pub org_url: String,
}

/// What every env file says of where the org is.
pub(crate) fn variables(address: &Address) -> [(&'static str, &str); 5] {
    [
        (names::ORIGIN, &address.origin),
        (names::CA_FILE, &address.ca_file),
        (names::TENANT_ID, &address.tenant_id),
        (names::TENANT_DOMAIN, &address.tenant_domain),
        (names::ORG_URL, &address.org_url),
    ]
}

/// Prints `org.env`.
#[must_use]
pub fn print(address: &Address, admin: &AdminCredentials) -> Secret {
    let comment = "Written by `keyholder org start`. It holds the administrators' secrets: keep it private.";
    let mut variables = variables(address).to_vec();
    variables.extend([
        (names::ADMIN_CLIENT_ID, admin.client_id.as_str()),
        (names::ADMIN_CLIENT_SECRET, admin.client_secret.expose()),
        (names::ADMIN_USERNAME, &admin.username),
        (names::ADMIN_PASSWORD, admin.password.expose()),
    ]);
    // A tenant without an org has no URL to name.
    env_file::print(comment, variables.into_iter().filter(|(_, value)| !value.is_empty()))
}

/// Reads the env file at `path`; `None` when there is none.
///
/// # Errors
/// [`FolderError`] when it cannot be read, or a line of it is none.
pub fn read(path: &Path) -> Result<Option<EnvFile>, FolderError> {
    match EnvFile::read(path) {
        Ok(file) => Ok(Some(file)),
        Err(EnvFileError::File(error)) if error.is_missing() => Ok(None),
        Err(EnvFileError::File(error)) => Err(error.into()),
        Err(EnvFileError::Line { line, problem, .. }) => {
            Err(FolderError::Damaged { path: path.to_owned(), why: format!("line {line}: {problem}") })
        }
    }
}

/// The administrators' credentials of an `org.env`; `None` when any of the four is missing.
#[must_use]
pub fn admin(file: &EnvFile) -> Option<AdminCredentials> {
    let get = |name| file.get(name).map(|variable| variable.value.clone());
    Some(AdminCredentials {
        client_id: get(names::ADMIN_CLIENT_ID)?.expose().to_owned(),
        client_secret: get(names::ADMIN_CLIENT_SECRET)?,
        username: get(names::ADMIN_USERNAME)?.expose().to_owned(),
        password: get(names::ADMIN_PASSWORD)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        let address = Address {
            origin: "https://localhost:8443".into(),
            ca_file: "/home/with blank/it's/ca.pem".into(),
            tenant_id: "1".into(),
            tenant_domain: "keyholder.test".into(),
            org_url: "https://localhost:8443".into(),
        };
        let admin_credentials = AdminCredentials {
            client_id: "2".into(),
            client_secret: "a~b.c_d-e".to_owned().into(),
            username: "admin@keyholder.test".into(),
            password: "p$w'd".to_owned().into(),
        };
        let text = print(&address, &admin_credentials);
        let file = EnvFile::parse(Path::new("org.env"), text.expose()).unwrap();
        assert_eq!(file.get(names::CA_FILE).unwrap().value.expose(), "/home/with blank/it's/ca.pem");
        let read = admin(&file).unwrap();
        assert_eq!(read.client_secret.expose(), "a~b.c_d-e");
        assert_eq!(read.password.expose(), "p$w'd");
        assert!(!format!("{admin_credentials:?}").contains("a~b"));
    }

    #[test]
    fn an_incomplete_file_has_no_administrator() {
        let file = |text| EnvFile::parse(Path::new("org.env"), text).unwrap();
        assert!(admin(&file("KEYHOLDER_ADMIN_CLIENT_ID=1\n")).is_none());
        assert!(admin(&file("")).is_none());
    }
}
