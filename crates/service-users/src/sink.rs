//! Where a new key goes. Its value leaves this process here and nowhere else.
//!
//! A secret's display name in the directory says which place it was written to, so that a later
//! run can tell its own orphans from the live secret of another machine or folder.

mod command;
mod env_file;
mod file;
mod place;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use keyholder_client::connection::names;
use keyholder_client::{Connection, OrgUrl};
use keyholder_foundation::{ClientId, KeyId, Secret, Timestamp};
use url::Url;

use crate::declaration::{Credential, Declaration, Sink};

pub use command::CommandSink;
pub(crate) use command::{PATIENCE, hand_over};
pub use env_file::EnvFileSink;
pub use file::FileSink;

/// Further variables of an application user's env file, beside those of
/// [`keyholder_client::connection::names`].
pub mod variables {
    /// The secret's id in the registration.
    pub const CLIENT_SECRET_ID: &str = "KEYHOLDER_CLIENT_SECRET_ID";
    /// When the secret stops working, in RFC 3339.
    pub const CLIENT_SECRET_EXPIRES: &str = "KEYHOLDER_CLIENT_SECRET_EXPIRES";
}

/// Everything that a program needs to sign in as the application.
#[derive(Debug, Clone)]
pub struct Key {
    /// The org.
    pub url: OrgUrl,
    /// The tenant, as the authority names it.
    pub tenant: String,
    /// The token service, when it has to be vouched for.
    pub authority: Option<Url>,
    /// The application.
    pub client_id: ClientId,
    /// Its secret.
    pub secret: Secret,
    /// The secret's id in the registration, when known.
    pub key_id: Option<KeyId>,
    /// When the secret stops working, when known.
    pub expires: Option<Timestamp>,
    /// The CA file, absolute.
    pub ca_file: Option<PathBuf>,
}

impl Key {
    /// The sign-in that this key is for.
    #[must_use]
    pub fn connection(&self) -> Connection {
        Connection {
            url: self.url.clone(),
            tenant: Some(self.tenant.clone()),
            authority: self.authority.clone(),
            client_id: self.client_id,
            credential: self.secret.clone().into(),
            ca_file: self.ca_file.clone(),
        }
    }

    /// Whether this is the same way in, apart from the secret itself.
    fn leads_where(&self, other: &Self) -> bool {
        (&self.url, &self.tenant, &self.authority, self.client_id, &self.ca_file)
            == (&other.url, &other.tenant, &other.authority, other.client_id, &other.ca_file)
    }

    pub(crate) fn needs_rewriting(&self, wanted: &Self) -> bool {
        !self.leads_where(wanted) || self.key_id != wanted.key_id || self.expires != wanted.expires
    }
}

/// How many hexadecimal digits the id of a place has.
pub(crate) const PLACE_ID_LENGTH: usize = 12;

/// What a sink holds.
#[derive(Debug, Clone)]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// A key.
    Key {
        /// The key.
        key: Box<Key>,
        /// Whether others than the owner could read it.
        is_exposed: bool,
    },
    /// A secret alone, without what it opens.
    Text {
        /// The secret.
        text: Secret,
        /// Whether others than the owner could read it.
        is_exposed: bool,
    },
    /// It cannot be looked into: what it was given, the directory alone tells.
    OutOfSight,
    /// Something that is no key: why, naming the place.
    Unusable(String),
}

/// A place that keeps one key.
pub trait SecretSink: Send + Sync {
    /// The place's name, the same on every run: an absolute path, or a program.
    fn place(&self) -> &str;

    /// The place's own id, which tells it from a place of the same name on another machine; nothing
    /// before [`SecretSink::claim_place_id`].
    ///
    /// # Errors
    /// When the place cannot be looked at.
    fn place_id(&self) -> Result<Option<String>, SinkError>;

    /// The place's own id, made and kept there if it has none: 12 hexadecimal digits. It outlives the
    /// key, and goes with [`SecretSink::remove`].
    ///
    /// # Errors
    /// When it cannot be kept.
    fn claim_place_id(&self) -> Result<String, SinkError>;

    /// What it holds.
    ///
    /// # Errors
    /// When the place cannot be looked at.
    fn load(&self) -> Result<Kept, SinkError>;

    /// Keeps the key, whole or not at all, readable by the owner alone.
    ///
    /// # Errors
    /// When it cannot be written, or what stands there is somebody else's; that then still stands.
    fn save(&self, key: &Key) -> Result<(), SinkError>;

    /// Removes what [`SecretSink::save`] wrote; whether there was something.
    ///
    /// # Errors
    /// When it cannot be removed, or is not ours.
    fn remove(&self) -> Result<bool, SinkError>;
}

/// The sinks of a declaration's application users, by user and number of the credential.
#[derive(Default, Clone)]
pub struct Sinks(BTreeMap<(String, usize), Arc<dyn SecretSink>>);

impl Sinks {
    /// The declared sinks.
    ///
    /// # Errors
    /// When a place cannot be told.
    pub fn of(declaration: &Declaration) -> Result<Self, SinkError> {
        let mut sinks = Self::default();
        for (name, user) in &declaration.application_users {
            for (number, credential) in user.credentials.iter().enumerate() {
                if let Credential::Secret { sink, .. } = credential {
                    sinks.insert(name, number, open(sink)?);
                }
            }
        }
        Ok(sinks)
    }

    /// Uses this sink for a credential instead of the declared one.
    pub fn insert(&mut self, user: &str, credential: usize, sink: Arc<dyn SecretSink>) {
        self.0.insert((user.to_owned(), credential), sink);
    }

    /// The sink of a credential.
    #[must_use]
    pub fn get(&self, user: &str, credential: usize) -> Option<&dyn SecretSink> {
        self.0.get(&(user.to_owned(), credential)).map(AsRef::as_ref)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&(String, usize), &dyn SecretSink)> {
        self.0.iter().map(|(whose, sink)| (whose, sink.as_ref()))
    }
}

/// The place that a declaration names.
///
/// # Errors
/// When a relative path relates to a folder that cannot be told.
pub fn open(sink: &Sink) -> Result<Arc<dyn SecretSink>, SinkError> {
    Ok(match sink {
        Sink::EnvFile(path) => Arc::new(EnvFileSink::new(path)?),
        Sink::File(path) => Arc::new(FileSink::new(path)?),
        Sink::Command(words) => Arc::new(CommandSink::new(words)),
    })
}

/// Why a key could not be kept, read or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// The file system said no.
    #[error(transparent)]
    File(#[from] keyholder_platform::FileError),
    /// What stands there is not this application's.
    #[error("`{place}` is not overwritten: {reason}")]
    Foreign {
        /// The place.
        place: String,
        /// What stands there instead.
        reason: String,
    },
    /// What it was handed to did not take it.
    #[error("{place} did not take the secret: {reason}")]
    Refused {
        /// The place.
        place: String,
        /// What it said.
        reason: String,
    },
}

impl SinkError {
    /// What the reader can do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::File(error) if error.is_denied() => {
                vec!["run as the user whom that file belongs to, or move it away".to_owned()]
            }
            Self::File(_) => Vec::new(),
            Self::Foreign { .. } => vec!["move that file away, or choose another one".to_owned()],
            Self::Refused { .. } => vec!["it must read its standard input to the end and exit with 0".to_owned()],
        }
    }
}

/// The variables of a key, in the order in which they are written.
fn variables_of(key: &Key) -> Vec<(&'static str, String)> {
    let mut all = vec![
        (names::ORG_URL, key.url.to_string()),
        (names::TENANT_ID, key.tenant.clone()),
        (names::CLIENT_ID, key.client_id.to_string()),
        (names::CLIENT_SECRET, key.secret.expose().to_owned()),
    ];
    all.extend(key.key_id.map(|id| (variables::CLIENT_SECRET_ID, id.to_string())));
    all.extend(key.expires.map(|moment| (variables::CLIENT_SECRET_EXPIRES, moment.to_string())));
    all.extend(key.authority.as_ref().map(|url| (names::AUTHORITY, keyholder_client::transport::origin_of(url))));
    all.extend(key.ca_file.as_ref().map(|path| (names::CA_FILE, path.display().to_string())));
    all
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A key to a local org.
    pub(crate) fn key() -> Key {
        Key {
            url: "https://localhost:8443".parse().unwrap(),
            tenant: "9f0c1f3e-7b7a-4a43-8d2a-0a8a6c9c6a01".to_owned(),
            authority: None,
            client_id: "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001".parse().unwrap(),
            secret: Secret::new("abc8Q~x-y.z_hunter2"),
            key_id: None,
            expires: None,
            ca_file: None,
        }
    }
}
