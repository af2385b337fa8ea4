//! One credential less.

use keyholder_foundation::{KeyId, ObjectId};
use serde::Serialize;
use uuid::Uuid;

use super::{Kind, Listed, State, federated, of, registration};
use crate::Administrator;
use crate::apply::{keys, tolerate_missing};
use crate::error::{Error, While};
use crate::journal::Journal;
use crate::plan::Finding;
use crate::report::{Event, Outcome, Reporter, Step};
use crate::turns;

/// What was revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Revoked {
    /// Whether there was something to revoke.
    pub changed: bool,
    /// What it was; nothing when there was none of that id.
    pub revoked: Option<Listed>,
    /// How many credentials work from now on.
    pub left_working: usize,
}

/// What would be revoked, looked up and not touched.
#[derive(Debug, Clone)]
pub struct Found {
    who: String,
    id: String,
    even_the_last: bool,
    name: String,
    application: keyholder_entra::graph::Application,
    /// The credential; nothing when there is none of that id.
    pub credential: Option<Listed>,
    left_working: usize,
}

/// Looks up the credential of this id, or federated credential of this name.
///
/// # Errors
/// [`Error::Stopped`] when there is no such application, or it would be the last credential that works and
/// `even_the_last` is not said; and what the services refused.
pub async fn look(administrator: &Administrator, who: &str, id: &str, even_the_last: bool) -> Result<Found, Error> {
    let (found, application) = registration(administrator, who).await?;
    let federated = federated(administrator, &found, &application).await?;
    let all = of(&found, &application, &federated, administrator.now());
    let by_id = Uuid::parse_str(id.trim()).ok();
    let is_meant = |one: &&Listed| {
        Some(one.id) == by_id || (one.kind == Kind::Federated && one.label.as_deref() == Some(id.trim()))
    };
    let credential = all.credentials.iter().find(is_meant).cloned();
    // An id that is gone was revoked before, perhaps by a run that was stopped; a word that is no id never was one.
    if credential.is_none() && by_id.is_none() {
        return Err(Error::Stopped(vec![Finding::no_such_credential(&found.name, id)]));
    }
    let working = |one: &&Listed| one.state == State::Working && Some(one.id) != credential.as_ref().map(|one| one.id);
    let left_working = all.credentials.iter().filter(working).count();
    let is_last = credential.as_ref().is_some_and(|one| one.state == State::Working) && left_working == 0;
    if is_last && !even_the_last {
        return Err(Error::Stopped(vec![Finding::last_credential(&found.name)]));
    }
    let (who, id) = (who.to_owned(), id.to_owned());
    Ok(Found { who, id, even_the_last, name: found.name, application, credential, left_working })
}

/// Revokes a credential that was looked up. Tokens that were got with it are good until they expire, an hour
/// at most as a rule.
///
/// # Errors
/// [`Error::Stopped`] when another run on this machine is at the place that it was made for, or the others that worked when it
/// was looked up are gone; and what the services refused.
pub async fn revoke(
    administrator: &Administrator,
    found: Found,
    journal: &Journal,
    reporter: &dyn Reporter,
) -> Result<Revoked, Error> {
    let ids: Vec<KeyId> = found.credential.iter().map(|one| KeyId(one.id)).collect();
    let taken = turns::take_of(journal, administrator, (&found.name, &found.application), &ids)?;
    let revoked = if taken.is_empty() {
        in_turn(administrator, found, reporter).await
    } else {
        // Since it was looked up another run may have ended.
        match look(administrator, &found.who, &found.id, found.even_the_last).await {
            Ok(found) => in_turn(administrator, found, reporter).await,
            Err(error) => Err(error),
        }
    };
    turns::end_all(taken, &ids, revoked)
}

async fn in_turn(administrator: &Administrator, found: Found, reporter: &dyn Reporter) -> Result<Revoked, Error> {
    let Found { name, application, credential, left_working, .. } = found;
    let Some(credential) = credential else {
        let event = Event::new(Step::ClientSecret, Outcome::Absent, format!("such a credential of `{name}`"));
        reporter.done(&event);
        return Ok(Revoked { changed: false, revoked: None, left_working });
    };
    let id = credential.id;
    let step = match credential.kind {
        Kind::Secret | Kind::Certificate => {
            keys::remove(administrator, &application, None, &[KeyId(id)]).await?;
            if credential.kind == Kind::Secret { Step::ClientSecret } else { Step::Certificate }
        }
        Kind::Federated => {
            let id = ObjectId(id);
            let gone = tolerate_missing(administrator.graph.delete_federated_credential(application.id, id).await);
            gone.while_doing(|| format!("remove the federated credential {}", id.0))?;
            Step::Federation
        }
    };
    let label = credential.label.as_deref().map(|label| format!(" ({label})")).unwrap_or_default();
    let subject = format!("{} {id}{label} of `{name}`", credential.kind.noun());
    reporter.done(&Event::new(step, Outcome::Removed, subject).fact("credentialId", &id));
    Ok(Revoked { changed: true, revoked: Some(credential), left_working })
}
