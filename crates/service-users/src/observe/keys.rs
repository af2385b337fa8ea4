//! What the declared sinks hold, and whether it still opens anything.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt, TryStreamExt};
use keyholder_client::{ClientSecret, Credential as _, Error as ClientError, ErrorKind, OrgUrl};
use keyholder_entra::graph::{Application, PasswordCredential};
use keyholder_foundation::{ClientId, KeyId, Secret, Timestamp};

use super::DirectorySeen;
use crate::Administrator;
use crate::declaration::Declaration;
use crate::error::{Error, While};
use crate::estate::Estate;
use crate::marks::Labels;
use crate::plan::{Found, find_registration};
use crate::sink::{Kept, Key, SecretSink, Sinks};

/// How many held secrets are tried at once.
const AT_ONCE: usize = 8;

/// A declared sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkSeen {
    /// Its name, and by what secrets for it are recognised in the directory.
    pub labels: Labels,
    /// What it holds.
    pub kept: KeySeen,
}

/// What a sink holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySeen {
    /// Nothing.
    Nothing,
    /// Something that is no key: why.
    Unusable(String),
    /// A key.
    Key(HeldKey),
}

/// A key in a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldKey {
    /// Whose it is.
    pub client_id: ClientId,
    /// Its id in the registration, when known.
    pub key_id: Option<KeyId>,
    /// When it stops working, by the directory or else by the sink.
    pub expires: Option<Timestamp>,
    /// Whether others than the owner could read it.
    pub is_exposed: bool,
    /// Whether the address beside it is another than today's.
    pub is_outdated: bool,
    /// Why the token service refused it, when it did; tried only while it should work.
    pub refused: Option<String>,
}

/// Looks into every declared sink; tries what should work.
pub(super) async fn read(
    estate: &Estate,
    declaration: &Declaration,
    sinks: &Sinks,
    directories: &BTreeMap<String, Result<DirectorySeen, ClientError>>,
    tenants: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<BTreeMap<(String, usize), SinkSeen>, Error> {
    let looked = sinks.iter().map(|((name, number), sink)| {
        look(estate, declaration, directories, tenants, now, (name.clone(), *number), sink)
    });
    // Made one by one: a stream that makes them would not cross threads.
    let looked: Vec<_> = looked.collect();
    stream::iter(looked).buffer_unordered(AT_ONCE).try_collect().await
}

/// Looks into one sink; tries what should work.
async fn look(
    estate: &Estate,
    declaration: &Declaration,
    directories: &BTreeMap<String, Result<DirectorySeen, ClientError>>,
    tenants: &BTreeMap<String, String>,
    now: Timestamp,
    whose: (String, usize),
    sink: &dyn SecretSink,
) -> Result<((String, usize), SinkSeen), Error> {
    let name = whose.0.as_str();
    let labels = Labels::of(sink)?;
    let home = declaration.home(name);
    let tenant = home.and_then(|(org, _)| tenants.get(org));
    let directory = tenant.and_then(|tenant| directories.get(tenant)?.as_ref().ok());
    let administrator = tenant.and_then(|tenant| estate.administrator_of(tenant));
    let way = administrator.zip(home).map(|(administrator, (_, org))| (administrator, &org.url));
    // A bare secret does not say whose it is: it is taken for the declared application's.
    let declared = || {
        let user = declaration.application_users.get(name)?;
        match find_registration(name, user, declaration.name.as_deref(), directory?) {
            Ok(Found::Registration(application)) => Some(application),
            _ => None,
        }
    };
    let kept = match sink.load()? {
        Kept::Nothing => KeySeen::Nothing,
        Kept::Unusable(reason) => KeySeen::Unusable(reason),
        Kept::Key { key, is_exposed } => {
            let application = directory.and_then(|directory| {
                directory.registrations.iter().find(|application| application.app_id == key.client_id)
            });
            KeySeen::Key(held(name, way, application, &key, is_exposed, now).await?)
        }
        Kept::Text { text, is_exposed } => match (declared(), way) {
            (Some(application), Some((administrator, url))) => {
                let known = newest(application, &labels, now, Some(&text));
                let address = address(administrator, url, application.app_id)?;
                let key = Key {
                    secret: text,
                    key_id: known.map(|known| known.key_id),
                    expires: known.and_then(|known| known.end_date_time).map(Timestamp::whole_seconds),
                    ..address
                };
                KeySeen::Key(held(name, way, Some(application), &key, is_exposed, now).await?)
            }
            _ => KeySeen::Unusable(format!("there is no application to which what is in `{}` belongs", sink.place())),
        },
        Kept::OutOfSight => {
            let known =
                declared().and_then(|application| Some((application, newest(application, &labels, now, None)?)));
            known.map_or(KeySeen::Nothing, |(application, known)| {
                KeySeen::Key(HeldKey {
                    client_id: application.app_id,
                    key_id: Some(known.key_id),
                    expires: known.end_date_time.map(Timestamp::whole_seconds),
                    is_exposed: false,
                    is_outdated: false,
                    refused: None,
                })
            })
        }
    };
    let seen = SinkSeen { labels, kept };
    Ok((whose, seen))
}

/// The secret that was last made for a sink and still works; of those that begin like `text`, when
/// that is known.
fn newest<'a>(
    application: &'a Application,
    labels: &Labels,
    now: Timestamp,
    text: Option<&Secret>,
) -> Option<&'a PasswordCredential> {
    let begins = |credential: &&PasswordCredential| match (text, &credential.hint) {
        (Some(text), Some(hint)) => text.expose().starts_with(hint.as_str()),
        _ => true,
    };
    application
        .password_credentials
        .iter()
        .filter(|credential| labels.is_own(credential, None))
        .filter(|credential| credential.end_date_time.is_none_or(|end| end > now))
        .filter(begins)
        .max_by_key(|credential| credential.end_date_time)
}

async fn held(
    name: &str,
    way: Option<(&Administrator, &OrgUrl)>,
    application: Option<&Application>,
    key: &Key,
    is_exposed: bool,
    now: Timestamp,
) -> Result<HeldKey, Error> {
    let in_directory = application.and_then(|application| {
        application.password_credentials.iter().find(|credential| Some(credential.key_id) == key.key_id)
    });
    let in_directory = in_directory.and_then(|credential| credential.end_date_time).map(Timestamp::whole_seconds);
    let expires = in_directory.or(key.expires);
    let mut held = HeldKey {
        client_id: key.client_id,
        key_id: key.key_id,
        expires,
        is_exposed,
        is_outdated: false,
        refused: None,
    };
    let (Some((administrator, url)), Some(application)) = (way, application) else { return Ok(held) };
    let address = address(administrator, url, application.app_id)?;
    held.is_outdated = key.needs_rewriting(&Key { key_id: key.key_id, expires, ..address });
    if expires.is_none_or(|expires| expires > now) {
        held.refused = match sign_in(administrator, key).await {
            Ok(()) => None,
            Err(ClientError::TokenRefused(refusal)) if refusal.kind() == ErrorKind::NotAllowed => {
                Some(refusal.code.map_or_else(|| refusal.error.clone(), |code| format!("AADSTS{code}")))
            }
            Err(error) => return Err(error).while_doing(|| format!("sign in as `{name}`")),
        };
    }
    Ok(held)
}

/// Whether the token service of the administrator's tenant takes a key.
pub(crate) async fn sign_in(administrator: &Administrator, key: &Key) -> Result<(), ClientError> {
    let credential = ClientSecret::new(key.client_id, key.secret.clone());
    let tokens = administrator.org.tokens();
    credential.fetch(tokens.authority(), administrator.org.scope(), &administrator.http).await.map(drop)
}

/// The way in for an application to an org of the administrator's tenant, still without a secret.
pub(crate) fn address(administrator: &Administrator, url: &OrgUrl, client_id: ClientId) -> Result<Key, Error> {
    let connection = &administrator.connection;
    let authority = administrator.org.tokens().authority();
    let login = authority.login();
    let is_known =
        keyholder_client::cloud::is_microsoft_login(login) || keyholder_client::transport::is_loopback(login);
    let ca_file = connection.ca_file.as_deref().map(std::path::absolute).transpose();
    let ca_file = ca_file.map_err(|source| {
        let path = connection.ca_file.clone().unwrap_or_default();
        crate::SinkError::File(keyholder_platform::FileError::Io { doing: "find", path, source })
    })?;
    Ok(Key {
        url: url.clone(),
        tenant: authority.tenant().to_owned(),
        authority: (!is_known).then(|| login.clone()),
        client_id,
        secret: Secret::new(""),
        key_id: None,
        expires: None,
        ca_file,
    })
}
