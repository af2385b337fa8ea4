//! A secret or certificate replaced for good: by tokens of another issuer, of which nothing is kept.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use keyholder_client::Error as ClientError;
use keyholder_client::graph::ApplicationSignIn;
use keyholder_foundation::{ClientId, KeyId, ObjectId, Timestamp};
use serde::Serialize;

use super::{Manner, own, used};
use crate::Administrator;
use crate::apply::keys;
use crate::credentials::{Wanted, add, registration};
use crate::declaration::Federation;
use crate::error::{Error, While};
use crate::journal::Journal;
use crate::kept;
use crate::plan::Finding;
use crate::report::{Event, Outcome, Reporter, Step};
use crate::turns;

/// How far back the log is asked for a sign-in.
const BACK: Duration = Duration::from_secs(24 * 60 * 60);

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Federated {
    /// The application's name.
    pub name: String,
    /// What it signs in as.
    pub client_id: ClientId,
    /// The federated credential's id.
    pub id: Option<ObjectId>,
    /// Whether anything is different from before.
    pub changed: bool,
    /// When it was seen to let the application in.
    #[serde(serialize_with = "crate::report::moment")]
    pub used: Option<Timestamp>,
    /// What was revoked.
    pub revoked: Vec<KeyId>,
    /// What works on, because no sign-in with a token was seen, or one with it that is as new.
    pub left: Vec<KeyId>,
    /// When that was used last, where that is why it works on.
    #[serde(serialize_with = "crate::report::moment")]
    pub still_used: Option<Timestamp>,
    /// What else the application can sign in with.
    pub others: Vec<KeyId>,
}

/// The secret or certificate that goes: the one of that id, or the only one.
///
/// # Errors
/// [`Error::Stopped`] when there is no such application or credential, several of them, or it is the caller's own; and
/// what the services said.
pub async fn to_be_federated(
    administrator: &Administrator,
    who: &str,
    replaces: Option<KeyId>,
    manner: Manner,
) -> Result<Vec<KeyId>, Error> {
    let (found, application) = registration(administrator, who).await?;
    let stopped = |finding| Err(Error::Stopped(vec![finding]));
    let all: Vec<_> = kept::of(&application).collect();
    let goes: Vec<_> = match replaces {
        // One that is gone was revoked by a run before this one.
        Some(id) => all.iter().filter(|one| one.key_id == id).collect(),
        None if all.len() > 1 => {
            let shown = all.iter().map(|one| format!("the {} {}", one.kind.noun(), one.key_id)).collect::<Vec<_>>();
            return stopped(Finding::which_to_replace(&found.name, &shown));
        }
        None => all.iter().collect(),
    };
    let is_own = |one: &&&kept::Registered<'_>| own::is_callers(administrator, application.app_id, one);
    match goes.iter().find(is_own) {
        Some(one) if !manner.even_my_own => stopped(Finding::own_credential(&found.name, one.kind.noun(), one.key_id)),
        _ => Ok(goes.iter().map(|one| one.key_id).collect()),
    }
}

/// Lets an application in by tokens of another issuer, and revokes what these replace: once a sign-in with one is seen
/// in the directory's log and none with what goes for a while before it, or at once where `without_proof`.
///
/// # Errors
/// As [`to_be_federated`]'s and [`add`]'s.
pub async fn federate(
    administrator: &Administrator,
    who: &str,
    (federation, goes): (Federation, &[KeyId]),
    (manner, without_proof): (Manner, bool),
    journal: &Journal,
    reporter: &dyn Reporter,
) -> Result<Federated, Error> {
    let added = add(administrator, who, Wanted::Federated(federation), journal, reporter).await?;
    let (found, application) = registration(administrator, who).await?;
    let id = added.id.map(ObjectId);
    let mut federated = Federated {
        name: found.name.clone(),
        client_id: application.app_id,
        id,
        changed: added.changed,
        used: None,
        revoked: Vec::new(),
        left: Vec::new(),
        still_used: None,
        others: kept::of(&application).map(|one| one.key_id).filter(|id| !goes.contains(id)).collect(),
    };
    if goes.is_empty() {
        return Ok(federated);
    }
    if !without_proof {
        // Nobody has signed in by what was made a moment ago.
        let since = if added.changed { administrator.now() } else { administrator.now().minus(BACK) };
        let still_used = Mutex::new(None);
        let ask = || async {
            let Some(id) = id else { return Ok::<_, ClientError>(None) };
            let back = administrator.now().minus(BACK);
            let log = administrator.graph.application_sign_ins(application.app_id, back).await?;
            // Where the log does not tell which credential accepted the token, any may have.
            let is_it = |one: &&ApplicationSignIn| one.is_federated && one.credential.is_none_or(|of| of == id.0);
            let used = log.iter().filter(is_it).map(|one| one.at).filter(|at| *at >= since).max();
            let Some(used) = used else { return Ok(None) };
            // The report may be hours behind the log, and goes back further.
            let report = administrator.graph.credential_sign_ins(application.app_id).await?;
            let reported = goes.iter().filter_map(|id| report.get(id).copied());
            let logged = log.iter().filter(|one| one.credential.is_some_and(|of| goes.contains(&KeyId(of))));
            let last = reported.chain(logged.map(|one| one.at)).max();
            let is_left = used::are_left(used, last.into_iter());
            *still_used.lock().unwrap_or_else(PoisonError::into_inner) = last.filter(|_| !is_left);
            Ok(Some(used).filter(|_| is_left))
        };
        let at_most = manner.wait_for_use.unwrap_or_default();
        let what = "a sign-in with a token of that issuer";
        let seen = used::until_seen(&administrator.http, (what, at_most), reporter, ask).await;
        federated.used = seen.while_doing(|| format!("read the log of the sign-ins of `{}`", found.name))?;
        if federated.used.is_none() {
            federated.still_used = still_used.into_inner().unwrap_or_else(PoisonError::into_inner);
            federated.left = goes.to_vec();
            return Ok(federated);
        }
    }
    let taken = turns::take_of(journal, administrator, (&found.name, &application), goes)?;
    let removed = keys::remove(administrator, &application, None, goes).await;
    let removed = turns::end_all(taken, goes, removed)?;
    federated.changed |= removed > 0;
    for id in goes {
        let subject = format!("secret or certificate {id} of `{}`", found.name);
        reporter.done(&Event::new(Step::ClientSecret, Outcome::Removed, subject).fact("credentialId", id));
    }
    federated.revoked = goes.to_vec();
    Ok(federated)
}
