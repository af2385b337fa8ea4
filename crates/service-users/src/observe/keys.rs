//! What the declared sinks hold, and whether it still opens anything.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt};
use keyholder_client::error::TokenRefusal;
use keyholder_client::{Error as ClientError, ErrorKind, OrgUrl};
use keyholder_entra::graph::Application;
use keyholder_foundation::{ClientId, KeyId, Secret, Timestamp};

use super::DirectorySeen;
use crate::Administrator;
use crate::declaration::Declaration;
use crate::error::{Error, While};
use crate::estate::Estate;
use crate::journal::Journal;
use crate::kept::{self, KeyKind, Registered};
use crate::marks::{Labels, is_delivered};
use crate::plan::{Finding, Found, find_registration};
use crate::sink::{Kept, Key, SEALED, SecretSink, Sinks, WrittenFor};
use crate::turns;

/// How many held secrets are tried at once.
const AT_ONCE: usize = 8;

/// A declared sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkSeen {
    /// Its name, and by what secrets for it are recognised in the directory.
    pub labels: Labels,
    /// What it holds.
    pub kept: KeySeen,
    /// New ones that were made for it and are not known to be there: another machine's run may be about to bring them.
    pub rivals: Vec<Rival>,
}

/// A credential that another machine's run may be about to bring to a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rival {
    /// What it is.
    pub kind: KeyKind,
    /// Its id in the registration.
    pub key_id: KeyId,
    /// From when on it works.
    pub starts: Option<Timestamp>,
}

impl From<Registered<'_>> for Rival {
    fn from(one: Registered<'_>) -> Self {
        Self { kind: one.kind, key_id: one.key_id, starts: one.starts }
    }
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
    /// The key of another application, which nobody misses: that application is gone, or the place is
    /// Keyholder's own.
    Anothers(ClientId),
    /// Perhaps a key: an earlier run ended before it was known whether the place had taken it.
    Undelivered,
    /// What it holds must not be touched, or cannot be looked at.
    Stopped(Box<Finding>),
}

/// A key in a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldKey {
    /// What it is.
    pub kind: KeyKind,
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
    /// Why the sign-in was refused for another reason than the key.
    pub barred: Option<Box<Finding>>,
}

/// Looks into every declared sink; tries what should work. What cannot be looked at is a finding about its
/// user.
pub(super) async fn read(
    estate: &Estate,
    declaration: &Declaration,
    sinks: &Sinks,
    directories: &BTreeMap<String, Result<DirectorySeen, ClientError>>,
    tenants: &BTreeMap<String, String>,
    now: Timestamp,
) -> BTreeMap<(String, usize), SinkSeen> {
    let looked = sinks.iter().map(|((name, number), sink)| async move {
        let looking = Looking::at(estate, declaration, directories, tenants, now, name, sink);
        let seen = looking.look().await.unwrap_or_else(|error| SinkSeen {
            labels: Labels::unknown(sink),
            kept: KeySeen::Stopped(Box::new(Finding::sink(name, sink.place(), &error))),
            rivals: Vec::new(),
        });
        ((name.clone(), *number), seen)
    });
    // Made one by one: a stream that makes them would not cross threads.
    let looked: Vec<_> = looked.collect();
    stream::iter(looked).buffer_unordered(AT_ONCE).collect().await
}

/// A sink, and what is known of its user.
struct Looking<'a> {
    name: &'a str,
    sink: &'a dyn SecretSink,
    /// Who may administer the user's tenant, and where its key leads.
    way: Option<(&'a Administrator, &'a OrgUrl)>,
    /// Its registration.
    declared: Option<&'a Application>,
    /// Its client id, when its registration is another tenant's.
    abroad: Option<ClientId>,
    now: Timestamp,
    /// What runs from here have left half done.
    journal: Option<&'a Journal>,
}

impl<'a> Looking<'a> {
    fn at(
        estate: &'a Estate,
        declaration: &'a Declaration,
        directories: &'a BTreeMap<String, Result<DirectorySeen, ClientError>>,
        tenants: &BTreeMap<String, String>,
        now: Timestamp,
        name: &'a str,
        sink: &'a dyn SecretSink,
    ) -> Self {
        let home = declaration.home(name);
        let tenant = home.and_then(|(org, _)| tenants.get(org));
        let directory = tenant.and_then(|tenant| directories.get(tenant)?.as_ref().ok());
        let administrator = tenant.and_then(|tenant| estate.administrator_of(tenant));
        let way = administrator.zip(home).map(|(administrator, (_, org))| (administrator, &org.url));
        let found = declaration
            .application_users
            .get(name)
            .zip(directory)
            .map(|(user, directory)| find_registration(name, user, declaration.name.as_deref(), directory));
        let (declared, abroad) = match found {
            Some(Ok(Found::Registration(application))) => (Some(application), None),
            Some(Ok(Found::Abroad(client_id))) => (None, Some(client_id)),
            _ => (None, None),
        };
        let journal = estate.to_borrow().map(|borrowing| &borrowing.journal);
        Self { name, sink, way, declared, abroad, now, journal }
    }

    /// Looks into the sink; tries what should work.
    async fn look(&self) -> Result<SinkSeen, Error> {
        self.sink.check_room().await?;
        let labels = Labels::of(self.sink)?;
        let kept = match self.sink.load().await? {
            Kept::Nothing => KeySeen::Nothing,
            Kept::Unusable(reason) => KeySeen::Unusable(reason),
            Kept::Foreign(reason) => self.foreign(&reason),
            Kept::Key { key, is_exposed } => match (self.declared, self.way) {
                (Some(application), Some(way)) if application.app_id == key.client_id => {
                    self.held(way, application, &key, is_exposed).await?
                }
                // Its publisher looks after it; nothing is planned about it here.
                _ if self.abroad == Some(key.client_id) => KeySeen::Key(HeldKey {
                    kind: key.kind(),
                    client_id: key.client_id,
                    key_id: key.key_id,
                    expires: key.expires,
                    is_exposed,
                    is_outdated: false,
                    refused: None,
                    barred: None,
                }),
                _ => self.anothers(&WrittenFor { client_id: key.client_id, tenant: key.tenant }).await?,
            },
            Kept::Text { written: None, .. } => self.foreign("Keyholder did not write it"),
            Kept::Text { text, is_exposed, written: Some(written) } => match (self.declared, self.way) {
                (Some(application), Some(way)) if application.app_id == written.client_id => {
                    let key = self.named(Key { secret: text, ..address(way.0, way.1, application.app_id)? }, &labels);
                    self.held(way, application, &key, is_exposed).await?
                }
                _ => self.anothers(&written).await?,
            },
            Kept::OutOfSight => self.given(&labels),
            // Somebody else's, unless a key on the registration was made for it.
            Kept::Sealed => match self.given(&labels) {
                KeySeen::Nothing => self.foreign(SEALED),
                given => given,
            },
        };
        let rivals = self.rivals(&labels, &kept)?;
        Ok(SinkSeen { labels, kept, rivals })
    }

    /// What was made for the place after what it holds, is young, and is not of a run from here. Without a journal nothing
    /// tells what is of runs from here.
    fn rivals(&self, labels: &Labels, kept: &KeySeen) -> Result<Vec<Rival>, Error> {
        let (Some(journal), Some(application), Some((administrator, _))) = (self.journal, self.declared, self.way)
        else {
            return Ok(Vec::new());
        };
        let held = match kept {
            KeySeen::Key(held) => kept::of(application).find(|one| Some(one.key_id) == held.key_id),
            _ => None,
        };
        // What a file held was lost: no run elsewhere is about to write to it, for the old one stays until it has.
        if held.is_none() && self.sink.flags().is_some() {
            return Ok(Vec::new());
        }
        let id = held.map(|held| held.key_id);
        let undelivered = kept::of(application).filter(|one| labels.is_own(one, id) && Some(one.key_id) != id);
        let undelivered = undelivered.filter(|one| match self.sink.gives_back() {
            true => held.is_none_or(|held| one.starts > held.starts),
            false => !is_delivered(application, one.key_id),
        });
        let left = turns::left(journal, &administrator.tenant(), application.app_id, self.sink)?;
        Ok(left.strangers(undelivered, self.now).into_iter().map(Rival::from).collect())
    }

    fn foreign(&self, reason: &str) -> KeySeen {
        KeySeen::Stopped(Box::new(Finding::foreign_sink(self.name, self.sink.place(), reason)))
    }

    /// The key of another application than the declared one: to be replaced only where nobody misses it.
    async fn anothers(&self, written: &WrittenFor) -> Result<KeySeen, Error> {
        let WrittenFor { client_id, tenant } = written;
        // Without a way nothing will be planned.
        let Some((administrator, _)) = self.way else { return Ok(KeySeen::Anothers(*client_id)) };
        // Whether an application of another tenant is still there, this one's directory does not know.
        let is_here = administrator.org.tokens().authority().tenant().eq_ignore_ascii_case(tenant);
        let doing = || format!("look for the application {client_id}, whose key is in `{}`", self.sink.place());
        let is_gone = is_here && administrator.graph.application(*client_id).await.while_doing(doing)?.is_none();
        Ok(if is_gone || self.sink.is_ours() {
            KeySeen::Anothers(*client_id)
        } else {
            self.foreign(&format!("it holds the key of another application ({client_id})"))
        })
    }

    /// A bare secret with its id and end, by what it begins with; a certificate tells which one it is.
    fn named(&self, mut key: Key, labels: &Labels) -> Key {
        let known = match key.certificate() {
            Ok(Some(certificate)) => {
                self.declared.and_then(|application| kept::registered(application, None, Some(certificate.facts())))
            }
            _ => self.declared.and_then(|application| secret_of(application, labels, self.now, &key.secret)),
        };
        key.key_id = known.map(|known| known.key_id);
        key.expires = known.and_then(|known| known.ends).map(Timestamp::whole_seconds);
        key
    }

    /// What a place was given that does not give it back.
    fn given(&self, labels: &Labels) -> KeySeen {
        let Some(application) = self.declared else { return KeySeen::Nothing };
        let works = |one: &Registered<'_>| one.ends.is_none_or(|end| end > self.now);
        let mut own = kept::of(application).filter(|one| labels.is_own(one, None)).filter(works);
        if own.any(|one| !is_delivered(application, one.key_id)) {
            return KeySeen::Undelivered;
        }
        match newest(application, labels, self.now, |_| true) {
            None => KeySeen::Nothing,
            Some(known) => KeySeen::Key(HeldKey {
                kind: known.kind,
                client_id: application.app_id,
                key_id: Some(known.key_id),
                expires: known.ends.map(Timestamp::whole_seconds),
                is_exposed: false,
                is_outdated: false,
                refused: None,
                barred: None,
            }),
        }
    }

    /// A key of the declared application: tried while it should work.
    async fn held(
        &self,
        (administrator, url): (&Administrator, &OrgUrl),
        application: &Application,
        key: &Key,
        is_exposed: bool,
    ) -> Result<KeySeen, Error> {
        let facts = match key.certificate() {
            Ok(certificate) => certificate.map(|certificate| certificate.facts().clone()),
            Err(error) => return Ok(KeySeen::Unusable(error.to_string())),
        };
        let in_directory = kept::registered(application, key.key_id, facts.as_ref());
        let own_end = facts.as_ref().map(|facts| facts.not_after);
        let ends = in_directory.and_then(|credential| credential.ends).map(Timestamp::whole_seconds);
        let expires = ends.or(key.expires).or(own_end);
        // A certificate tells which one it is, whatever stands beside it.
        let key_id = match (&facts, in_directory) {
            (Some(_), Some(credential)) => Some(credential.key_id),
            _ => key.key_id,
        };
        let address = address(administrator, url, application.app_id)?;
        let mut held = HeldKey {
            kind: key.kind(),
            client_id: key.client_id,
            key_id,
            expires,
            is_exposed,
            is_outdated: key.needs_rewriting(&Key { key_id, expires, ..address }),
            refused: None,
            barred: None,
        };
        if expires.is_none_or(|expires| expires > self.now) {
            match sign_in(administrator, key).await {
                Ok(()) => {}
                Err(ClientError::TokenRefused(refusal)) if is_of_the_key(&refusal) => {
                    held.refused =
                        Some(refusal.code.map_or_else(|| refusal.error.clone(), |code| format!("AADSTS{code}")));
                }
                Err(ClientError::TokenRefused(refusal)) if is_of_the_principal(&refusal) => {}
                Err(error @ ClientError::TokenRefused(_)) if error.kind() == ErrorKind::NotAllowed => {
                    held.barred = Some(Box::new(Finding::barred(self.name, self.sink.place(), &error)));
                }
                Err(error) => return Err(error).while_doing(|| format!("sign in as `{}`", self.name)),
            }
        }
        Ok(KeySeen::Key(held))
    }
}

/// Whether a refusal says that the key itself is useless: a wrong secret (7000215), one whose time is over
/// (7000222), a certificate that is not registered (700027).
fn is_of_the_key(refusal: &TokenRefusal) -> bool {
    matches!(refusal.code, Some(7_000_215 | 7_000_222 | 700_027))
}

/// Whether a refusal is about the service principal: one that is missing (700016) is made, one that is disabled
/// (7000112) is a finding of its own.
fn is_of_the_principal(refusal: &TokenRefusal) -> bool {
    matches!(refusal.code, Some(700_016 | 7_000_112))
}

/// The credential that was last made for a sink and still works; of those that `fits`.
fn newest<'a>(
    application: &'a Application,
    labels: &Labels,
    now: Timestamp,
    fits: impl Fn(&Registered<'_>) -> bool,
) -> Option<Registered<'a>> {
    kept::of(application)
        .filter(|credential| labels.is_own(credential, None))
        .filter(|credential| credential.ends.is_none_or(|end| end > now))
        .filter(fits)
        .max_by_key(|credential| credential.ends)
}

/// Which one of a place's a bare secret is: by what it begins with, for the directory shows no more of it.
pub(crate) fn secret_of<'a>(
    application: &'a Application,
    labels: &Labels,
    now: Timestamp,
    text: &Secret,
) -> Option<Registered<'a>> {
    newest(application, labels, now, |one| {
        one.kind == KeyKind::Secret && one.hint.is_none_or(|hint| text.expose().starts_with(hint))
    })
}

/// Whether the token service of the administrator's tenant takes a key.
pub(crate) async fn sign_in(administrator: &Administrator, key: &Key) -> Result<(), ClientError> {
    let credential = key.credential()?;
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
