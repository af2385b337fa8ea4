//! A new client secret: made, handed to its sink, proved; then those that it replaces are removed.

use std::time::Duration;

use keyholder_client::Error as ClientError;
use keyholder_entra::graph::NewPasswordCredential;
use keyholder_foundation::{KeyId, ObjectId, Timestamp};

use super::{Done, Run};
use crate::Administrator;
use crate::error::{Error, While};
use crate::marks::Labels;
use crate::observe::{address, sign_in};
use crate::patience::{key_not_seen, object_not_seen};
use crate::plan::{Action, Change};
use crate::report::Outcome;
use crate::sink::{Kept, Key, SecretSink};

pub(super) async fn perform(run: &Run<'_>, change: &Change, action: &Action) -> Result<Done, Error> {
    let name = &change.item;
    let application = run.application(name)?;
    let administrator = run.tenant(change)?.1;
    let home = run.declaration.home(name).ok_or_else(|| Error::Unplanned(format!("an org of `{name}`")))?;
    let address = address(administrator, &home.1.url, application.app_id)?;
    match action {
        Action::MakeSecret { credential, lifetime_seconds, replaces } => {
            let sink = sink(run, name, *credential)?;
            let lifetime = Duration::from_secs(*lifetime_seconds);
            let made = make(run, administrator, (name, application.id), lifetime, &address, sink).await?;
            run.known().keys.insert((name.clone(), *credential), made.clone());
            let removed = remove(administrator, application.id, replaces).await?;
            Ok(told(Done::new(Outcome::Created), &made, removed))
        }
        Action::RewriteKey { credential, rewrite, removes } => {
            let sink = sink(run, name, *credential)?;
            let held = match sink.load()? {
                Kept::Key { key, .. } => *key,
                Kept::Text { text, .. } => Key { secret: text, ..address.clone() },
                // Nothing is written to it, only what it replaced is removed.
                Kept::OutOfSight if !rewrite => address.clone(),
                _ => return Err(Error::Unplanned(format!("the key in `{}`", sink.place()))),
            };
            let in_directory = application.password_credentials.iter();
            let in_directory = in_directory.filter(|credential| Some(credential.key_id) == held.key_id);
            let in_directory = in_directory.filter_map(|credential| credential.end_date_time).next();
            let key = Key {
                secret: held.secret.clone(),
                key_id: held.key_id,
                expires: in_directory.map(Timestamp::whole_seconds).or(held.expires),
                ..address
            };
            if *rewrite {
                sink.save(&key)?;
            }
            let removed = remove(administrator, application.id, removes).await?;
            Ok(told(Done::new(Outcome::Changed), &key, removed))
        }
        _ => Err(Error::Unplanned(change.subject.clone())),
    }
}

fn sink<'a>(run: &Run<'a>, name: &str, credential: usize) -> Result<&'a dyn SecretSink, Error> {
    run.sinks.get(name, credential).ok_or_else(|| Error::Unplanned(format!("a sink for `{name}`")))
}

fn told(mut done: Done, key: &Key, removed: usize) -> Done {
    if removed > 0 {
        done = done.note(format!("removed {removed} of its own earlier secrets, whose text was lost or refused"));
    }
    if let Some(expires) = key.expires {
        done = done.note(format!("expires on {}", expires.date())).fact("expires", &expires);
    }
    match key.key_id {
        Some(id) => done.fact("secretId", &id),
        None => done,
    }
}

async fn make(
    run: &Run<'_>,
    administrator: &Administrator,
    (name, id): (&str, ObjectId),
    lifetime: Duration,
    address: &Key,
    sink: &dyn SecretSink,
) -> Result<Key, Error> {
    let graph = &administrator.graph;
    let doing = || format!("make a client secret for `{name}`");
    // Before there is a secret: its label must be recognised whatever happens next.
    let place = sink.claim_place_id()?;
    let wanted = NewPasswordCredential {
        display_name: Some(Labels::print(sink.place(), Some(&place))),
        start_date_time: None,
        end_date_time: Some(administrator.now().plus(lifetime).whole_seconds()),
    };
    let what = "the directory to know the new registration everywhere";
    let made = administrator
        .patience
        .wait_for(what, &administrator.http, run.reporter, object_not_seen, || graph.add_password(id, wanted.clone()))
        .await
        .while_doing(doing)?;
    let Some(secret) = made.secret_text else {
        let found = "a new client secret without its text".to_owned();
        return Err(ClientError::Protocol { origin: "the directory".to_owned(), found }).while_doing(doing);
    };
    let expires = made.end_date_time.or(wanted.end_date_time);
    let key =
        Key { secret, key_id: Some(made.key_id), expires: expires.map(Timestamp::whole_seconds), ..address.clone() };
    if let Err(error) = sink.save(&key) {
        // Nobody will ever know its text. If this fails too, the next run removes it.
        let _ = graph.remove_password(id, made.key_id).await;
        return Err(error.into());
    }
    let what = "the token service to know the new secret";
    administrator
        .patience
        .wait_for(what, &administrator.http, run.reporter, key_not_seen, || sign_in(administrator, &key))
        .await
        .while_doing(|| format!("sign in as `{name}` with its new secret"))?;
    Ok(key)
}

/// Removes what earlier runs made for the same sink; how many that were.
async fn remove(administrator: &Administrator, id: ObjectId, keys: &[KeyId]) -> Result<usize, Error> {
    let mut removed = 0;
    for key in keys {
        match administrator.graph.remove_password(id, *key).await {
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
