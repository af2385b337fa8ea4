//! Where a new key goes. Its value leaves this process here and nowhere else.
//!
//! The display name of a secret or certificate in the directory says which place it was written to, so that a later
//! run can tell its own orphans from the live secret of another machine or folder.

mod command;
mod env_file;
mod error;
mod file;
mod github;
mod kubernetes;
mod left;
pub(crate) mod manifest;
mod means;
mod place;
mod rest;
mod seal;
mod vault;

use std::collections::BTreeMap;
use std::future::ready;
use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use keyholder_client::connection::names;
use keyholder_client::{ClientCertificate, ClientSecret, ConfigurationError, Connection, CredentialChoice, OrgUrl};
use keyholder_foundation::{ClientId, KeyId, Secret, Timestamp};
use url::Url;

use crate::declaration::{Credential, Declaration, Sink};
use crate::kept::KeyKind;

pub use command::CommandSink;
pub(crate) use command::{NotTaken, PATIENCE, check_program, hand_over, led, without};
pub use env_file::EnvFileSink;
pub use error::SinkError;
pub use file::FileSink;
pub use github::GitHubSink;
pub use kubernetes::KubernetesSink;
pub use left::LeftPlace;
pub(crate) use left::{holds_key_of, is_of_the_network, left_places};
pub use means::{GitHubAccess, Means};
pub(crate) use place::is_id as is_place_id;
pub use vault::KeyVaultSink;

/// Further variables of an application user's env file, beside those of
/// [`keyholder_client::connection::names`].
pub mod variables {
    /// The secret's id in the registration.
    pub const CLIENT_SECRET_ID: &str = "KEYHOLDER_CLIENT_SECRET_ID";
    /// When the secret stops working, in RFC 3339.
    pub const CLIENT_SECRET_EXPIRES: &str = "KEYHOLDER_CLIENT_SECRET_EXPIRES";
    /// The certificate's id in the registration.
    pub const CLIENT_CERTIFICATE_ID: &str = "KEYHOLDER_CLIENT_CERTIFICATE_ID";
    /// When the certificate stops working, in RFC 3339.
    pub const CLIENT_CERTIFICATE_EXPIRES: &str = "KEYHOLDER_CLIENT_CERTIFICATE_EXPIRES";
    /// All of them.
    pub const ALL: &[&str] =
        &[CLIENT_SECRET_ID, CLIENT_SECRET_EXPIRES, CLIENT_CERTIFICATE_ID, CLIENT_CERTIFICATE_EXPIRES];
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
    /// Its secret; or, in PEM, its private key with the certificate.
    pub secret: Secret,
    /// The id of the secret or certificate in the registration, when known.
    pub key_id: Option<KeyId>,
    /// When it stops working, when known.
    pub expires: Option<Timestamp>,
    /// The CA file, absolute.
    pub ca_file: Option<PathBuf>,
}

impl Key {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        if is_pem(self.secret.expose()) { KeyKind::Certificate } else { KeyKind::Secret }
    }

    /// The certificate, when it is one.
    ///
    /// # Errors
    /// [`ConfigurationError::File`] when it cannot be used.
    pub fn certificate(&self) -> Result<Option<ClientCertificate>, ConfigurationError> {
        match self.kind() {
            KeyKind::Secret => Ok(None),
            KeyKind::Certificate => ClientCertificate::from_pem(self.client_id, &self.secret, "in the sink").map(Some),
        }
    }

    /// What the application signs in with.
    ///
    /// # Errors
    /// As [`Key::certificate`].
    pub fn credential(&self) -> Result<Arc<dyn keyholder_client::Credential>, ConfigurationError> {
        Ok(match self.certificate()? {
            Some(certificate) => Arc::new(certificate),
            None => Arc::new(ClientSecret::new(self.client_id, self.secret.clone())),
        })
    }

    /// The sign-in that this key is for.
    ///
    /// # Errors
    /// As [`Key::certificate`].
    pub fn connection(&self) -> Result<Connection, ConfigurationError> {
        Ok(Connection {
            url: self.url.clone(),
            tenant: Some(self.tenant.clone()),
            authority: self.authority.clone(),
            client_id: self.client_id,
            credential: CredentialChoice::Own(self.credential()?),
            ca_file: self.ca_file.clone(),
        })
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

/// Whether a text is PEM; no client secret looks like it.
fn is_pem(text: &str) -> bool {
    text.starts_with("-----BEGIN ")
}

/// How many hexadecimal digits the id of a place has.
pub(crate) const PLACE_ID_LENGTH: usize = 12;

/// Why something that is never shown is left alone.
pub(crate) const SEALED: &str = "something is there already, and no key of the application says that it is this one";

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
    /// A secret, or key and certificate in PEM, alone: without what it opens.
    Text {
        /// The secret or PEM.
        text: Secret,
        /// Whether others than the owner could read it.
        is_exposed: bool,
        /// For whom Keyholder wrote it; nothing when somebody else put it there.
        written: Option<WrittenFor>,
    },
    /// It cannot be looked into: what it was given, the directory alone tells.
    OutOfSight,
    /// Something that is never shown: whether it is ours, the directory alone tells.
    Sealed,
    /// Something that is no key: why, naming the place.
    Unusable(String),
    /// Something that is not Keyholder's and must not be replaced: what.
    Foreign(String),
}

/// For whom something was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFor {
    /// The application.
    pub client_id: ClientId,
    /// Its tenant, as the authority names it.
    pub tenant: String,
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

    /// Makes sure that something can be kept there, before a key is made for it.
    ///
    /// # Errors
    /// [`SinkError::NoFolder`] for a file whose folder is not there: nobody but its owner knows where it belongs.
    fn check_room(&self) -> Answer<'_, ()> {
        answer(Ok(()))
    }

    /// What it holds.
    ///
    /// # Errors
    /// When the place cannot be looked at.
    fn load(&self) -> Answer<'_, Kept>;

    /// Keeps the key, whole or not at all, readable by the owner alone.
    ///
    /// # Errors
    /// When it cannot be written, or what stands there is somebody else's; that then still stands, unless the error
    /// is one of [`SinkError::MayHold`].
    fn save<'a>(&'a self, key: &'a Key) -> Answer<'a, ()> {
        self.save_over(key, None)
    }

    /// As [`SecretSink::save`], also where what stands there is a key of `gone`: an application that is there
    /// no more, so that nobody misses it.
    ///
    /// # Errors
    /// As [`SecretSink::save`].
    fn save_over<'a>(&'a self, key: &'a Key, gone: Option<ClientId>) -> Answer<'a, ()>;

    /// Whether the place is Keyholder's own, whatever stands there.
    fn is_ours(&self) -> bool {
        false
    }

    /// Whether a later run can read there what was saved. Of a place that does not give it back, the directory
    /// alone tells.
    fn gives_back(&self) -> bool {
        true
    }

    /// Whether somebody has to carry on what is written there before the program gets it: `kubectl apply`.
    fn is_carried_on_by_hand(&self) -> bool {
        false
    }

    /// How the command line names it, where it is a file. To any other place other machines may write too.
    fn flags(&self) -> Option<String> {
        None
    }

    /// Removes what [`SecretSink::save`] wrote; whether there was something.
    ///
    /// # Errors
    /// When it cannot be removed, or is not ours.
    fn remove(&self) -> Answer<'_, bool>;
}

/// What a place comes to: it may be far away, or take its time.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, SinkError>>;

/// What a place on this machine knows at once.
pub fn answer<'a, T: Send + 'a>(outcome: Result<T, SinkError>) -> Answer<'a, T> {
    Box::pin(ready(outcome))
}

/// The sinks of a declaration's application users, by user and number of the credential.
#[derive(Default, Clone)]
pub struct Sinks(BTreeMap<(String, usize), Arc<dyn SecretSink>>);

impl Sinks {
    /// The declared sinks, those beyond this machine by these means; without any, such a one is an error.
    ///
    /// # Errors
    /// When a place cannot be told.
    pub fn of(declaration: &Declaration, means: Option<&Means>) -> Result<Self, SinkError> {
        let mut sinks = Self::default();
        for (name, user) in &declaration.application_users {
            for (number, credential) in user.credentials.iter().enumerate() {
                if let Credential::Secret { sink, .. } | Credential::Certificate { sink, .. } = credential {
                    sinks.insert(name, number, open(sink, means)?);
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

/// The place that a declaration names; one that is beyond this machine is reached by `means`.
///
/// # Errors
/// When a relative path relates to a folder that cannot be told; [`SinkError::NoAccess`] for a place beyond this
/// machine without means.
pub fn open(sink: &Sink, means: Option<&Means>) -> Result<Arc<dyn SecretSink>, SinkError> {
    let reached = || {
        means.ok_or_else(|| SinkError::NoAccess {
            place: sink.in_words(),
            reason: "it is not on this machine, and nobody is signed in here".to_owned(),
            mend: "run a command that signs in",
        })
    };
    Ok(match sink {
        Sink::EnvFile(path) => Arc::new(EnvFileSink::new(path)?),
        Sink::File(path) => Arc::new(FileSink::new(path)?),
        Sink::Command(words) => Arc::new(CommandSink::new(words)),
        Sink::Manifest { file, secret } => Arc::new(KubernetesSink::new(file, secret)?),
        Sink::ManifestCommand { words, secret } => Arc::new(CommandSink::new(words).with_manifest_of(secret)),
        Sink::GitHub(secret) => Arc::new(GitHubSink::new(secret, reached()?)),
        Sink::KeyVault(secret) => Arc::new(KeyVaultSink::new(secret, reached()?)),
    })
}

/// The key that variables tell of, whose secret is `secret`; else what is wrong with them.
fn key_of(get: impl Fn(&str) -> Option<String>, secret: Secret) -> Result<Key, String> {
    let needed = |name: &str| get(name).ok_or_else(|| format!("{name} is missing"));
    let wrong = |name: &str| format!("{name} cannot be used");
    let (id, expires) = if is_pem(secret.expose()) {
        (variables::CLIENT_CERTIFICATE_ID, variables::CLIENT_CERTIFICATE_EXPIRES)
    } else {
        (variables::CLIENT_SECRET_ID, variables::CLIENT_SECRET_EXPIRES)
    };
    Ok(Key {
        url: needed(names::ORG_URL)?.parse().map_err(|_| wrong(names::ORG_URL))?,
        tenant: needed(names::TENANT_ID)?,
        authority: get(names::AUTHORITY)
            .map(|url| Url::parse(&url))
            .transpose()
            .map_err(|_| wrong(names::AUTHORITY))?,
        client_id: needed(names::CLIENT_ID)?.parse().map_err(|_| wrong(names::CLIENT_ID))?,
        secret,
        key_id: get(id).and_then(|id| id.parse().ok()),
        expires: get(expires).and_then(|moment| Timestamp::parse(&moment).ok()),
        ca_file: get(names::CA_FILE).map(PathBuf::from),
    })
}

/// What a thread of its own comes to; nothing when it panicked.
pub(crate) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = futures::channel::oneshot::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver.await.ok()
}

/// Refuses a file whose folder is not there, and one that is another user's.
pub(crate) fn check_file(file: &std::path::Path) -> Result<(), SinkError> {
    match file.parent() {
        Some(folder) if !folder.is_dir() => return Err(SinkError::NoFolder { folder: folder.to_path_buf() }),
        _ => {}
    }
    match keyholder_platform::is_anothers(file)? {
        true => Err(SinkError::File(keyholder_platform::FileError::NotOwn { path: file.to_path_buf() })),
        false => Ok(()),
    }
}

/// The variables of a key, in the order in which they are written; `credential` is the one that it is
/// itself behind.
fn variables_of(key: &Key, credential: Option<(&'static str, String)>) -> Vec<(&'static str, String)> {
    let mut all = vec![
        (names::ORG_URL, key.url.to_string()),
        (names::TENANT_ID, key.tenant.clone()),
        (names::CLIENT_ID, key.client_id.to_string()),
    ];
    all.extend(credential);
    let (id, expires) = match key.kind() {
        KeyKind::Secret => (variables::CLIENT_SECRET_ID, variables::CLIENT_SECRET_EXPIRES),
        KeyKind::Certificate => (variables::CLIENT_CERTIFICATE_ID, variables::CLIENT_CERTIFICATE_EXPIRES),
    };
    all.extend(key.key_id.map(|key_id| (id, key_id.to_string())));
    all.extend(key.expires.map(|moment| (expires, moment.to_string())));
    all.extend(key.authority.as_ref().map(|url| (names::AUTHORITY, keyholder_client::transport::origin_of(url))));
    all.extend(key.ca_file.as_ref().map(|path| (names::CA_FILE, path.display().to_string())));
    all
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// Waits for what a place comes to, in a test without a runtime.
    pub(crate) trait Now<T> {
        fn now(self) -> T;
    }

    impl<T, F: Future<Output = T>> Now<T> for F {
        fn now(self) -> T {
            tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(self)
        }
    }

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
