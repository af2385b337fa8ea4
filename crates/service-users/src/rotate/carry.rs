//! One credential, replaced.

use keyholder_foundation::{ClientId, KeyId, Timestamp};
use serde::Serialize;

use super::standing::{Record, Standing};
use super::turn::{self, Next, Turn};
use super::{Aim, Manner, own, proof, used};
use crate::Administrator;
use crate::apply::keys::{self, Stays};
use crate::apply::{Making, Replacing};
use crate::error::Error;
use crate::journal::Journal;
use crate::kept::{self, KeyKind};
use crate::observe::address;
use crate::report::{Event, Outcome, Reporter, Step};
use crate::sink::Key;
use crate::turns::{self, Taken};

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Came {
    /// The new one stands in its place, and the old one is revoked.
    Replaced,
    /// The new one stands in its place; the old one works until it is revoked by a later run.
    Overlaps,
    /// The new one stands in its place; nobody but this command was seen to use it, so that the old one works on.
    Unused,
    /// Nothing was to be done.
    Nothing,
}

/// What was done about one credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotated {
    /// The application, for people.
    pub name: String,
    /// What it signs in as.
    pub client_id: ClientId,
    /// What it is.
    pub kind: KeyKind,
    /// Where it was written.
    pub place: String,
    /// What came of it.
    pub came: Came,
    /// Whether anything is different from before.
    pub changed: bool,
    /// The id of the one that the place holds now.
    pub id: Option<KeyId>,
    /// Until when it works.
    #[serde(serialize_with = "crate::report::moment")]
    pub ends: Option<Timestamp>,
    /// The orgs that let it in.
    pub proved_in: Vec<String>,
    /// When somebody else signed in with it, where that was waited for.
    #[serde(serialize_with = "crate::report::moment")]
    pub used: Option<Timestamp>,
    /// What was revoked.
    pub revoked: Vec<KeyId>,
    /// What works beside it.
    pub overlapping: Vec<KeyId>,
    /// Whether somebody has to carry on what is written to the place: `kubectl apply`.
    pub by_hand: bool,
    /// When a later run revokes that; nothing when it is left open.
    #[serde(serialize_with = "crate::report::moment")]
    pub revoked_at: Option<Timestamp>,
}

/// Replaces a credential, or finishes what an earlier run began.
///
/// When this fails, the place holds what it held before, and that works; unless the failure came after the new one was
/// written: then the place holds that one, and the next run finishes.
///
/// # Errors
/// [`Error::Stopped`] with what stands in the way, and what the services and the place said.
pub async fn rotate(
    aim: &Aim<'_>,
    manner: Manner,
    journal: &Journal,
    reporter: &dyn Reporter,
) -> Result<Rotated, Error> {
    aim.sink.check_room().await?;
    let taken = turns::take(journal, aim.administrator, (&aim.name, aim.client_id), aim.sink)?;
    let outcome = under_lock(aim, manner, &taken, reporter).await;
    // Once the old ones are revoked nothing is half done, nor does anybody's use of the new one matter.
    taken.end(outcome, |rotated, notes| rotated.came != Came::Replaced && !notes.is_empty())
}

async fn under_lock(aim: &Aim<'_>, manner: Manner, taken: &Taken, reporter: &dyn Reporter) -> Result<Rotated, Error> {
    let now = || aim.administrator.now();
    let standing = Standing::read(aim, Record::Of(taken), reporter).await?;
    let turn = turn::of(aim, manner, &standing, &taken.notes()?)?;
    if standing.held.and_then(|id| standing.find(id)).is_some_and(|held| own::is_own(aim, &held)) {
        // This run itself is signed in with it.
        taken.note_sign_in(now())?;
    }
    let mut rotated = Rotated {
        name: turn.name.clone(),
        client_id: turn.client_id,
        kind: turn.kind,
        place: turn.place.clone(),
        came: Came::Nothing,
        changed: false,
        id: turn.current,
        ends: turn.ends,
        proved_in: Vec::new(),
        used: None,
        revoked: Vec::new(),
        overlapping: Vec::new(),
        by_hand: turn.by_hand,
        revoked_at: turn.revoked_at,
    };
    let key = match turn.next {
        Next::NotDue | Next::Absent => return Ok(rotated),
        Next::Leave => {
            rotated.came = Came::Overlaps;
            rotated.overlapping = turn.revokes;
            return Ok(rotated);
        }
        Next::Finish => match &standing.key {
            // Others' use of it proves it; a sign-in from here would hide theirs in the report.
            Some(key) if manner.wait_for_use.is_some() => Some(key.clone()),
            Some(key) => {
                rotated.proved_in.clone_from(&turn.proved_in);
                taken.note_sign_in(now())?;
                proof::prove(aim.administrator, &aim.name, key, &aim.orgs, reporter).await?;
                Some(key.clone())
            }
            // It was proved before it was handed over, and does not come back.
            None => None,
        },
        Next::Replace => {
            let begun = now();
            let key = make(aim, (&turn, taken), &standing, reporter).await?;
            if begun.plus(used::OWN / 2) < now() {
                // It took so long that what comes next may not be told by its age.
                taken.note_sign_in(now())?;
            }
            rotated.changed = true;
            rotated.proved_in.clone_from(&turn.proved_in);
            rotated.id = key.key_id;
            rotated.ends = key.expires;
            tell_made(aim, &key, reporter);
            Some(key)
        }
    };
    if !turn.at_once {
        rotated.came = Came::Overlaps;
        rotated.overlapping = turn.revokes;
        return Ok(rotated);
    }
    if let (Next::Replace, Some(key)) = (turn.next, &key) {
        // Another run may have taken it away while its place was written to: then nothing may be revoked.
        proof::prove(aim.administrator, &aim.name, key, &[], reporter).await?;
    }
    if let (Some(at_most), Some(id)) = (manner.wait_for_use, rotated.id) {
        // From the end of the proof on, or from when an earlier run may have made it.
        let made = standing.find(id).and_then(|one| one.starts).unwrap_or(now());
        let own = Some(made).max(taken.notes()?.signed_in()).unwrap_or(made);
        rotated.used = used::wait(aim, (id, own), &turn.revokes, at_most, reporter).await?;
        if rotated.used.is_none() {
            rotated.came = Came::Unused;
            rotated.overlapping = turn.revokes;
            rotated.revoked_at = None;
            return Ok(rotated);
        }
    }
    let stays = rotated.id.filter(|_| turn.kind == KeyKind::Certificate);
    let removed = revoke(aim, (&standing, taken), (stays, key.as_ref()), &turn.revokes).await?;
    for id in &turn.revokes {
        let Some(one) = standing.find(*id) else { continue };
        let subject = format!("{} {id} of `{}`", one.kind.noun(), aim.name);
        let mut event = Event::new(step(one.kind), Outcome::Removed, subject);
        event.item.clone_from(&aim.name);
        reporter.done(&event.fact(one.kind.fact(), id));
    }
    rotated.came = Came::Replaced;
    rotated.changed |= removed > 0;
    rotated.revoked = turn.revokes;
    Ok(rotated)
}

/// Makes the new one, proves it everywhere and writes it to its place.
async fn make(
    aim: &Aim<'_>,
    (turn, taken): (&Turn, &Taken),
    standing: &Standing,
    reporter: &dyn Reporter,
) -> Result<Key, Error> {
    let application = &standing.application;
    let address = address(aim.administrator, aim.url, application.app_id)?;
    let known: Vec<KeyId> = kept::of(application).map(|one| one.key_id).collect();
    let making = Making {
        administrator: aim.administrator,
        reporter,
        name: &aim.name,
        application,
        address: &address,
        replacing: Some(Replacing { id: turn.replaces, orgs: &aim.orgs, known: &known }),
        turn: Some(taken),
    };
    match turn.kind {
        KeyKind::Secret => making.secret(turn.lifetime, aim.sink, None).await,
        KeyKind::Certificate => making.certificate(turn.lifetime, aim.sink, None).await.map(|(key, _)| key),
    }
}

/// Takes the old ones from the registration; how many were there. What the place holds stays, a certificate by its id.
async fn revoke(
    aim: &Aim<'_>,
    (standing, taken): (&Standing, &Taken),
    (stays, key): (Option<KeyId>, Option<&Key>),
    ids: &[KeyId],
) -> Result<usize, Error> {
    let mut caller: Administrator = aim.administrator.clone();
    let is_own = ids.iter().filter_map(|id| standing.find(*id)).any(|one| own::is_own(aim, &one));
    if let (true, Some(key)) = (is_own, key) {
        taken.note_sign_in(caller.now())?;
        caller = own::signed_in_anew(&caller, key).await?;
    }
    keys::remove(&caller, &standing.application, stays.map(Stays::Shown), ids).await
}

fn step(kind: KeyKind) -> Step {
    match kind {
        KeyKind::Secret => Step::ClientSecret,
        KeyKind::Certificate => Step::Certificate,
    }
}

fn tell_made(aim: &Aim<'_>, key: &Key, reporter: &dyn Reporter) {
    let kind = key.kind();
    let subject = format!("{} of `{}` in `{}`", kind.noun(), aim.name, aim.sink.place());
    let mut event = Event::new(step(kind), Outcome::Created, subject).fact("place", &aim.sink.place());
    event.item.clone_from(&aim.name);
    if let Some(end) = key.expires {
        event = event.note(format!("expires on {}", end.date())).fact("expires", &end);
    }
    if let Some(id) = key.key_id {
        event = event.fact(kind.fact(), &id);
    }
    reporter.done(&event);
}
