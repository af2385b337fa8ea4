//! Environment files: `NAME=value` lines that a shell, a container runtime and Keyholder's own
//! commands read alike.
//!
//! Values are written so that a POSIX shell's `.`, Docker's `--env-file` and `systemd` agree on
//! them: bare where they can be, single-quoted where a path holds a blank.

use keyholder_foundation::Secret;

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

/// Prints `org.env`.
#[must_use]
pub fn print(address: &Address, admin: &AdminCredentials) -> Secret {
    let lines = [
        (names::ORIGIN, address.origin.as_str()),
        (names::CA_FILE, &address.ca_file),
        (names::TENANT_ID, &address.tenant_id),
        (names::TENANT_DOMAIN, &address.tenant_domain),
        (names::ORG_URL, &address.org_url),
        (names::ADMIN_CLIENT_ID, &admin.client_id),
        (names::ADMIN_CLIENT_SECRET, admin.client_secret.expose()),
        (names::ADMIN_USERNAME, &admin.username),
        (names::ADMIN_PASSWORD, admin.password.expose()),
    ];
    let mut text =
        String::from("# Written by `keyholder org start`. It holds the administrators' secrets: keep it private.\n");
    // A tenant without an org has no URL to name.
    for (name, value) in lines.into_iter().filter(|(_, value)| !value.is_empty()) {
        text.push_str(name);
        text.push('=');
        text.push_str(&quoted(value));
        text.push('\n');
    }
    Secret::new(text)
}

fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:/@%+=,\\".contains(c);
    if !value.is_empty() && value.chars().all(plain) && !value.contains('\\') {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}

/// Reads the value of `name` from an environment file's text; `None` when no line sets it.
/// The last line wins, as in a shell.
#[must_use]
pub fn value(text: &str, name: &str) -> Option<String> {
    text.lines().rev().find_map(|line| {
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (found, value) = line.split_once('=')?;
        (found.trim() == name).then(|| unquoted(value.trim()))
    })
}

fn unquoted(value: &str) -> String {
    let inner = |quote: char| value.strip_prefix(quote).and_then(|v| v.strip_suffix(quote));
    match (inner('\''), inner('"')) {
        (Some(single), _) => single.replace(r"'\''", "'"),
        (None, Some(double)) => double.to_owned(),
        (None, None) => value.to_owned(),
    }
}

/// The administrators' credentials of an `org.env`; `None` when any of the four is missing.
#[must_use]
pub fn admin(text: &str) -> Option<AdminCredentials> {
    let get = |name| value(text, name).filter(|v| !v.is_empty());
    Some(AdminCredentials {
        client_id: get(names::ADMIN_CLIENT_ID)?,
        client_secret: get(names::ADMIN_CLIENT_SECRET)?.into(),
        username: get(names::ADMIN_USERNAME)?,
        password: get(names::ADMIN_PASSWORD)?.into(),
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
        assert_eq!(value(text.expose(), names::CA_FILE).as_deref(), Some("/home/with blank/it's/ca.pem"));
        let read = admin(text.expose()).unwrap();
        assert_eq!(read.client_secret.expose(), "a~b.c_d-e");
        assert_eq!(read.password.expose(), "p$w'd");
        assert!(!format!("{admin_credentials:?}").contains("a~b"));
    }

    #[test]
    fn an_incomplete_file_has_no_administrator() {
        assert!(admin("KEYHOLDER_ADMIN_CLIENT_ID=1\n").is_none());
        assert!(admin("").is_none());
    }
}
