//! The client secret: the one thing that exists in two places and can be lost between them.
//!
//! A secret is made in the directory and its text told once; then it has to reach the sink. A run
//! killed in between leaves a secret that nobody knows. So each secret of ours says in its display
//! name where its text was going ([`Labels`]): the next run makes a new one, writes and proves it,
//! and only then removes the orphans that bear this sink's own label. Those of other sinks (the same
//! application on another machine, in another container) and of other people are never touched.

use keyholder_client::{ClientSecret, Credential, Error as ClientError, ErrorKind};
use keyholder_entra::graph::{Application, NewPasswordCredential, PasswordCredential};
use keyholder_foundation::{KeyId, Secret};

use super::Run;
use crate::Administrator;
use crate::definition::ApplicationUserDefinition;
use crate::error::{Error, While};
use crate::patience::{key_not_seen, object_not_seen};
use crate::report::{Event, Outcome, Step};
use crate::sink::{Kept, Key, PLACE_ID_LENGTH, SecretSink, SinkError};

/// Longest label, in characters; a path is cut at its start, where paths are most alike.
const LABEL_LIMIT: usize = 100;
/// What every label starts with.
const PREFIX: &str = "keyholder ";

/// How the secrets of one sink are told from others': `keyholder 6f0c1a2b3d4e /data/app.env`.
///
/// A path alone names no place: two containers have the same. So a label has the place's own id,
/// which the place keeps beside the secret. Earlier labels were without it: a secret that bears
/// such a one is ours for certain only if the sink holds that very secret.
pub(crate) struct Labels {
    id: Option<String>,
    place: String,
}

impl Labels {
    /// The labels of a sink; one without an id has made no secret yet.
    pub(crate) fn of(sink: &dyn SecretSink) -> Result<Self, SinkError> {
        Ok(Self { id: sink.place_id()?, place: sink.place().to_owned() })
    }

    fn print(place: &str, id: Option<&str>) -> String {
        let start = id.map_or_else(|| PREFIX.to_owned(), |id| format!("{PREFIX}{id} "));
        let cut = place.chars().count().saturating_sub(LABEL_LIMIT - start.len());
        start + &place.chars().skip(cut).collect::<String>()
    }

    /// Whether a secret was made for this very place, given the id of the one that the place holds.
    pub(crate) fn is_own(&self, credential: &PasswordCredential, held: Option<KeyId>) -> bool {
        let Some(name) = credential.display_name.as_deref() else { return false };
        let is_labelled = self.id.as_deref().is_some_and(|id| name == Self::print(&self.place, Some(id)));
        let is_held = Some(credential.key_id) == held;
        is_labelled || (is_held && name == Self::print(&self.place, None))
    }

    /// Whether a secret was made for a place of this path, perhaps on another machine.
    fn explain(&self, credential: &PasswordCredential) -> bool {
        let Some(name) = credential.display_name.as_deref() else { return false };
        let id = name.strip_prefix(PREFIX).and_then(|rest| rest.get(..PLACE_ID_LENGTH));
        let id = id.filter(|id| id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        name == Self::print(&self.place, None) || id.is_some_and(|id| name == Self::print(&self.place, Some(id)))
    }
}

/// Refuses a registration that was found by its mark alone and that somebody else can sign in as.
///
/// Anybody who may register applications can make one of our name with our mark and a secret of
/// their own, and wait for an administrator to give it a user and a role. So unless this sink holds a
/// key of it, every credential on it must bear a label of this sink's path; who knows better names
/// the registration by its id.
pub(super) fn refuse_unexplained(
    definition: &ApplicationUserDefinition,
    application: &Application,
    sink: &dyn SecretSink,
) -> Result<(), Error> {
    if definition.client_id.is_some() {
        return Ok(());
    }
    if matches!(sink.load()?, Kept::Key { key, .. } if key.client_id == application.app_id) {
        return Ok(());
    }
    let labels = Labels::of(sink)?;
    let secrets = application.password_credentials.iter();
    let unexplained = secrets
        .filter(|credential| !labels.explain(credential))
        .map(|credential| format!("secret {}", credential.key_id))
        .chain(application.key_credentials.iter().map(|credential| format!("certificate {}", credential.key_id)));
    let credentials: Vec<_> = unexplained.collect();
    if credentials.is_empty() {
        return Ok(());
    }
    Err(Error::UnexplainedCredentials { name: definition.name.clone(), client_id: application.app_id, credentials })
}

pub(super) async fn ensure(run: &mut Run<'_>, application: &Application, sink: &dyn SecretSink) -> Result<Key, Error> {
    let address = address(run.administrator, application)?;
    let mut notes = Vec::new();
    let mut former = None;
    let held = match sink.load()? {
        Kept::Nothing => None,
        Kept::Unusable(reason) => {
            notes.push(format!("the old key could not be read: {reason}"));
            None
        }
        Kept::Key { key, is_exposed } => {
            former = key.key_id;
            match why_useless(run, application, &key).await? {
                None => Some((*key, is_exposed)),
                Some(reason) => {
                    notes.push(reason);
                    None
                }
            }
        }
    };
    let (key, mut outcome) = match held {
        Some((held, is_exposed)) => keep(application, address, &held, is_exposed, sink, &mut notes)?,
        None => (make(run, application, address, sink).await?, Outcome::Created),
    };
    let labels = Labels::of(sink)?;
    let removed = remove_orphans(run, application, &labels, former, key.key_id).await?;
    let is_elsewhere = |credential: &&PasswordCredential| {
        Some(credential.key_id) != key.key_id && labels.explain(credential) && !labels.is_own(credential, former)
    };
    let elsewhere = application.password_credentials.iter().filter(is_elsewhere).count();
    if elsewhere > 0 {
        notes.push(format!(
            "{elsewhere} other secret(s) bear the name of a file at this path; if none of another machine's or \
             container's is in use, remove them in the registration"
        ));
    }
    if removed > 0 {
        notes.push(format!("removed {removed} of its own earlier secrets, whose text was lost or refused"));
        outcome = if outcome == Outcome::Found { Outcome::Changed } else { outcome };
    }
    if let Some(expires) = key.expires {
        notes.push(format!("expires on {}", expires.date()));
    }
    let mut event = Event::new(Step::ClientSecret, outcome, format!("client secret in `{}`", sink.place()))
        .notes(notes)
        .fact("place", &sink.place());
    if let Some(id) = key.key_id {
        event = event.fact("secretId", &id);
    }
    if let Some(expires) = key.expires {
        event = event.fact("expires", &expires);
    }
    run.report(&event);
    Ok(key)
}

/// The way in, still without a secret.
fn address(administrator: &Administrator, application: &Application) -> Result<Key, Error> {
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
        url: connection.url.clone(),
        tenant: authority.tenant().to_owned(),
        authority: (!is_known).then(|| login.clone()),
        client_id: application.app_id,
        secret: Secret::new(""),
        key_id: None,
        expires: None,
        ca_file,
    })
}

fn credential_of(application: &Application, id: Option<KeyId>) -> Option<&PasswordCredential> {
    application.password_credentials.iter().find(|credential| Some(credential.key_id) == id)
}

/// Why the key in the sink cannot be used any more; nothing when it can.
async fn why_useless(run: &Run<'_>, application: &Application, key: &Key) -> Result<Option<String>, Error> {
    if key.client_id != application.app_id {
        return Ok(Some(format!("the old key was another application's ({})", key.client_id)));
    }
    let in_directory = credential_of(application, key.key_id).and_then(|credential| credential.end_date_time);
    if let Some(expired) = in_directory.or(key.expires).filter(|expires| *expires <= run.administrator.now()) {
        return Ok(Some(format!("the old secret expired on {}", expired.date())));
    }
    match sign_in(run.administrator, key).await {
        Ok(()) => Ok(None),
        Err(ClientError::TokenRefused(refusal)) if refusal.kind() == ErrorKind::NotAllowed => {
            let code = refusal.code.map_or_else(|| refusal.error.clone(), |code| format!("AADSTS{code}"));
            Ok(Some(format!("the old secret was refused ({code})")))
        }
        Err(error) => Err(error).while_doing(|| format!("sign in as `{}`", run.definition.name)),
    }
}

async fn sign_in(administrator: &Administrator, key: &Key) -> Result<(), ClientError> {
    let credential = ClientSecret::new(key.client_id, key.secret.clone());
    let tokens = administrator.org.tokens();
    credential.fetch(tokens.authority(), administrator.org.scope(), &administrator.http).await.map(drop)
}

/// A key that works: written again only where the address around it is out of date.
fn keep(
    application: &Application,
    address: Key,
    held: &Key,
    is_exposed: bool,
    sink: &dyn SecretSink,
    notes: &mut Vec<String>,
) -> Result<(Key, Outcome), Error> {
    let in_directory = credential_of(application, held.key_id).and_then(|credential| credential.end_date_time);
    let current = Key {
        secret: held.secret.clone(),
        key_id: held.key_id,
        expires: in_directory.map(keyholder_foundation::Timestamp::whole_seconds).or(held.expires),
        ..address
    };
    let is_outdated = held.needs_rewriting(&current);
    if is_outdated {
        notes.push("the address beside the secret was brought up to date".to_owned());
    }
    if is_exposed {
        notes.push("others could read the file; it is private again".to_owned());
    }
    if !(is_outdated || is_exposed) {
        return Ok((current, Outcome::Found));
    }
    sink.save(&current)?;
    Ok((current, Outcome::Changed))
}

/// A new secret: made, kept, proved.
async fn make(run: &mut Run<'_>, application: &Application, address: Key, sink: &dyn SecretSink) -> Result<Key, Error> {
    let administrator = run.administrator;
    let graph = &administrator.graph;
    let doing = || format!("make a client secret for `{}`", run.definition.name);
    // Before there is a secret: its label must be recognised whatever happens next.
    let id = sink.claim_place_id()?;
    let wanted = NewPasswordCredential {
        display_name: Some(Labels::print(sink.place(), Some(&id))),
        start_date_time: None,
        end_date_time: Some(administrator.now().plus(run.definition.secret_lifetime).whole_seconds()),
    };
    let what = "the directory to know the new registration everywhere";
    let made = administrator
        .patience
        .wait_for(what, &administrator.http, run.reporter, object_not_seen, || {
            graph.add_password(application.id, wanted.clone())
        })
        .await
        .while_doing(doing)?;
    let Some(secret) = made.secret_text else {
        let found = "a new client secret without its text".to_owned();
        return Err(ClientError::Protocol { origin: "the directory".to_owned(), found }).while_doing(doing);
    };
    let expires = made.end_date_time.or(wanted.end_date_time);
    let key = Key {
        secret,
        key_id: Some(made.key_id),
        expires: expires.map(keyholder_foundation::Timestamp::whole_seconds),
        ..address
    };
    if let Err(error) = sink.save(&key) {
        // Nobody will ever know its text. If this fails too, the next run removes it.
        let _ = graph.remove_password(application.id, made.key_id).await;
        return Err(error.into());
    }
    let what = "the token service to know the new secret";
    administrator
        .patience
        .wait_for(what, &administrator.http, run.reporter, key_not_seen, || sign_in(administrator, &key))
        .await
        .while_doing(|| format!("sign in as `{}` with its new secret", run.definition.name))?;
    Ok(key)
}

/// Removes what earlier runs made for the same sink; how many that were. When the current secret's
/// id is not known, none can be told to be an orphan.
async fn remove_orphans(
    run: &Run<'_>,
    application: &Application,
    labels: &Labels,
    former: Option<KeyId>,
    current: Option<KeyId>,
) -> Result<usize, Error> {
    let Some(current) = current else { return Ok(0) };
    let mut removed = 0;
    for credential in &application.password_credentials {
        if credential.key_id == current || !labels.is_own(credential, former) {
            continue;
        }
        match run.administrator.graph.remove_password(application.id, credential.key_id).await {
            Ok(()) => removed += 1,
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error).while_doing(|| "remove a client secret that nobody knows".to_owned()),
        }
    }
    Ok(removed)
}

/// Graph answers an unknown key id with 400 and this text.
fn is_gone(error: &ClientError) -> bool {
    error.graph().is_some_and(|refusal| {
        refusal.status == 404
            || (refusal.status == 400 && refusal.message.starts_with("No password credential found with keyId"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(name: &str, id: KeyId) -> PasswordCredential {
        let shown = serde_json::json!({ "keyId": id, "displayName": name });
        serde_json::from_value(shown).unwrap()
    }

    #[test]
    fn labels_keep_the_end_of_long_paths() {
        assert_eq!(Labels::print("/a/b.env", None), "keyholder /a/b.env");
        assert_eq!(Labels::print("/a/b.env", Some("0123456789ab")), "keyholder 0123456789ab /a/b.env");
        let long = format!("/{}/orders-sync.env", "ä".repeat(200));
        for id in [None, Some("0123456789ab")] {
            let label = Labels::print(&long, id);
            assert_eq!(label.chars().count(), LABEL_LIMIT);
            assert!(label.ends_with("ä/orders-sync.env"));
        }
    }

    #[test]
    fn a_path_alone_makes_a_secret_nobodys_own() {
        let labels = Labels { id: Some("0123456789ab".to_owned()), place: "/data/app.env".to_owned() };
        let (one, other) = (KeyId(uuid::Uuid::from_u128(1)), KeyId(uuid::Uuid::from_u128(2)));
        let cases = [
            ("keyholder 0123456789ab /data/app.env", None, true, true),
            ("keyholder ba9876543210 /data/app.env", Some(one), false, true),
            ("keyholder /data/app.env", None, false, true),
            ("keyholder /data/app.env", Some(other), false, true),
            ("keyholder /data/app.env", Some(one), true, true),
            ("keyholder 0123456789ab /other/app.env", Some(one), false, false),
            ("keyholder not an id! /data/app.env", Some(one), false, false),
            ("by hand", Some(one), false, false),
        ];
        for (name, held, own, explained) in cases {
            let credential = credential(name, one);
            assert_eq!((labels.is_own(&credential, held), labels.explain(&credential)), (own, explained), "{name}");
        }
        let unnamed = Labels { id: None, place: "/data/app.env".to_owned() };
        assert!(!unnamed.is_own(&credential("keyholder 0123456789ab /data/app.env", one), None));
    }
}
