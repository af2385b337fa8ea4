//! What there is to do about one credential: a pure function of what was looked at.

use std::time::Duration;

use keyholder_foundation::{ClientId, KeyId, Timestamp};
use serde::Serialize;

use super::standing::{Record, Standing, newest};
use super::{Aim, Manner, Overlap, own};
use crate::error::Error;
use crate::journal::{Journal, Notes};
use crate::kept::{self, KeyKind, Registered};
use crate::marks::is_delivered;
use crate::plan::Finding;
use crate::report::Reporter;
use crate::shell::for_shell;
use crate::turns;

/// How long a new one works when neither the caller nor the old one says.
const USUAL: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How many may be on their way to a place that does not show what it holds: it fails, and one more would not mend that.
const MOST_UNSURE: usize = 3;

/// What is next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Next {
    /// A new one is made, and the old one revoked.
    Replace,
    /// The place holds the new one: the old one is revoked.
    Finish,
    /// The place holds the new one: the old one is left for a while.
    Leave,
    /// It works long enough.
    NotDue,
    /// There is none: `apply` makes it.
    Absent,
}

impl Next {
    /// Whether anything is to be done.
    #[must_use]
    pub const fn is_change(self) -> bool {
        matches!(self, Self::Replace | Self::Finish)
    }
}

/// What there is to do about one credential.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Turn {
    /// The application, for people.
    pub name: String,
    /// What it signs in as.
    pub client_id: ClientId,
    /// What the new one is, or the held one.
    pub kind: KeyKind,
    /// Where it is kept.
    pub place: String,
    /// What is next.
    pub next: Next,
    /// The one that the place holds.
    pub current: Option<KeyId>,
    /// Until when that works.
    #[serde(serialize_with = "crate::report::moment")]
    pub ends: Option<Timestamp>,
    /// Until when the new one would work, were it made now.
    #[serde(serialize_with = "crate::report::moment")]
    pub new_ends: Option<Timestamp>,
    /// What is revoked in the end: the old one, and what was made for the same place and is not in it.
    pub revokes: Vec<KeyId>,
    /// When that is; nothing when it is left until somebody says otherwise.
    #[serde(serialize_with = "crate::report::moment")]
    pub revoked_at: Option<Timestamp>,
    /// Whether that is as soon as the new one stands in its place.
    pub at_once: bool,
    /// Whether somebody has to carry on what is written to the place: `kubectl apply`.
    pub by_hand: bool,
    /// The orgs in which the new one is proved.
    pub proved_in: Vec<String>,
    #[serde(skip)]
    pub(super) replaces: Option<KeyId>,
    #[serde(skip)]
    pub(super) lifetime: Duration,
}

impl Turn {
    /// Until somebody has carried the new one on, the programs have the old one: it is left until it is said how long. A run
    /// of every week would end it otherwise, whether that has been done or not.
    fn wait_until_carried_on(&mut self, manner: Manner) {
        if self.by_hand && manner.overlap == Overlap::None && manner.wait_for_use.is_none() {
            self.revoked_at = None;
        }
    }
}

/// What [`rotate`](super::rotate()) would do about a credential.
///
/// # Errors
/// [`Error::Stopped`] with what stands in the way, and what the services and the place said.
pub async fn look(aim: &Aim<'_>, manner: Manner, journal: &Journal, reporter: &dyn Reporter) -> Result<Turn, Error> {
    // A run that ends meanwhile takes its record with it.
    let left = turns::left(journal, &aim.administrator.tenant(), aim.client_id, aim.sink)?;
    let standing = Standing::read(aim, Record::In(journal), reporter).await?;
    of(aim, manner, &standing, &left)
}

/// What there is to do, given what earlier runs from here have `left` half done.
pub(super) fn of(aim: &Aim<'_>, manner: Manner, standing: &Standing, left: &Notes) -> Result<Turn, Error> {
    let stopped = |finding| Err(Error::Stopped(vec![finding]));
    let is_absent = standing.held.is_none() && aim.is_declared;
    let undelivered = standing.newer.iter().filter_map(|id| standing.find(*id));
    let rival = newest(left.strangers(undelivered, standing.now).into_iter()).filter(|_| !is_absent);
    if let Some(rival) = rival {
        return stopped(Finding::on_its_way(&aim.name, aim.sink.place(), (rival.kind, rival.key_id, rival.starts)));
    }
    if is_absent && let Some(lost) = standing.elsewhere() {
        return stopped(Finding::place_is_empty(&aim.name, aim.sink.place(), &shown(&lost)));
    }
    let held = standing.held.and_then(|id| standing.find(id));
    // What it was made for may be there still, with programs that sign in with it.
    let elsewhere = held.and_then(|held| Some((held, standing.labels.other_place(&held)?)));
    if let Some((held, label)) = elsewhere
        && aim.replaces != Some(held.key_id)
    {
        let client_id = aim.client_id.to_string();
        // The name that is declared need not be the application's.
        let who = if aim.is_declared { client_id } else { for_shell(&aim.name) };
        let flags = aim.sink.flags().unwrap_or_else(|| "--save-...".to_owned());
        let about = (held.kind, held.key_id, label);
        return stopped(Finding::of_another_place((&aim.name, &who), (aim.sink.place(), &flags), about));
    }
    let replaced = standing.replaced().map(|one| one.key_id);
    // However long the old one is left, the one there is replaced in its turn.
    let in_overlap = elsewhere.is_none() && held.is_none_or(|held| !is_due_again(&held, manner.due, standing.now));
    let mut turn = Turn {
        name: aim.name.clone(),
        client_id: aim.client_id,
        kind: aim.kind.or(held.map(|held| held.kind)).unwrap_or(KeyKind::Secret),
        place: aim.sink.place().to_owned(),
        next: Next::Replace,
        current: standing.held,
        ends: held.and_then(|held| held.ends),
        new_ends: None,
        revokes: Vec::new(),
        revoked_at: None,
        at_once: false,
        by_hand: aim.sink.is_carried_on_by_hand(),
        proved_in: aim.orgs.iter().map(|(name, _)| name.clone()).collect(),
        replaces: None,
        lifetime: Duration::ZERO,
    };
    let others = || standing.older.iter().chain(&standing.newer).copied();
    if let (Some(held), Some(replaced), true) = (held, replaced, in_overlap) {
        refuse_several(aim, standing)?;
        turn.kind = held.kind;
        turn.revokes = unique(std::iter::once(replaced).chain(others()));
        turn.revoked_at = at(manner.overlap, held.starts.unwrap_or(standing.now), standing.now);
        turn.wait_until_carried_on(manner);
        turn.at_once = turn.revoked_at == Some(standing.now);
        turn.next = if turn.at_once { Next::Finish } else { Next::Leave };
    } else {
        let ends = |id: &KeyId| standing.find(*id).and_then(|one| one.ends);
        let soonest = standing.held.iter().chain(&standing.handed).filter_map(ends).min();
        let is_due = |due| soonest.is_some_and(|end| end <= standing.now.plus(due));
        let before: Vec<KeyId> = unique(standing.held.into_iter().chain(aim.replaces).chain(replaced).chain(others()));
        if is_absent {
            turn.next = Next::Absent;
            return Ok(turn);
        }
        // A place that does not show what it holds may hold one that a run made which then failed.
        let is_unsure = standing.key.is_none() && !standing.newer.is_empty();
        if let (Some(due), Some(_), None) = (manner.due, held, replaced)
            && !is_unsure
            && !is_due(due)
        {
            turn.next = Next::NotDue;
            return Ok(turn);
        }
        refuse_several(aim, standing)?;
        refuse_more(aim, standing)?;
        let missing = aim.replaces.filter(|id| standing.find(*id).is_none());
        if let Some(id) = missing {
            return stopped(Finding::no_such_credential(&aim.name, &id.to_string()));
        }
        let last = before.iter().filter_map(|id| standing.find(*id)).max_by_key(|one| one.starts);
        let Some(old) = held.or(last) else {
            let all: Vec<String> = kept::of(&standing.application).map(|one| shown(&one)).collect();
            return stopped(Finding::nothing_to_replace(&aim.name, aim.sink.place(), &all));
        };
        let lasted = old.starts.zip(old.ends).map(|(start, end)| end.since(start)).filter(|time| !time.is_zero());
        turn.kind = aim.kind.unwrap_or(old.kind);
        turn.lifetime = aim.lifetime.or(lasted).unwrap_or(USUAL);
        turn.new_ends = Some(standing.now.plus(turn.lifetime));
        turn.replaces = Some(aim.replaces.unwrap_or(old.key_id));
        turn.revokes = before;
        turn.revoked_at = at(manner.overlap, standing.now, standing.now);
        turn.wait_until_carried_on(manner);
        turn.at_once = turn.revoked_at == Some(standing.now);
        if let Some(offence) = aim.rules.offence(Some(&standing.application), turn.kind, turn.lifetime) {
            return stopped(Finding::against_rules(&aim.name, turn.kind, turn.lifetime, &offence, true));
        }
    }
    if !manner.even_my_own
        && let Some(own) = turn.revokes.iter().filter_map(|id| standing.find(*id)).find(|one| own::is_own(aim, one))
    {
        return stopped(Finding::own_credential(&aim.name, own.kind.noun(), own.key_id));
    }
    Ok(turn)
}

/// Whether one that has replaced another has to be replaced itself: it ends within `due` and half its life is over, so
/// that one which never works longer than that is not replaced by every run. When nothing is said, in the last quarter
/// of its life.
fn is_due_again(held: &Registered<'_>, due: Option<Duration>, now: Timestamp) -> bool {
    let Some(end) = held.ends else { return false };
    let lasted = held.starts.map(|start| end.since(start)).unwrap_or_default();
    end <= now.plus(due.map_or(lasted / 4, |due| due.min(lasted / 2)))
}

/// Of several that a program was handed nobody here knows which one this place has.
fn refuse_several(aim: &Aim<'_>, standing: &Standing) -> Result<(), Error> {
    if standing.handed.len() < 2 {
        return Ok(());
    }
    let all: Vec<String> = standing.handed.iter().filter_map(|id| standing.find(*id)).map(|one| shown(&one)).collect();
    Err(Error::Stopped(vec![Finding::several_handed(&aim.name, aim.sink.place(), &all)]))
}

/// A place that took one after the other and failed each time may hold any of them, and each works.
fn refuse_more(aim: &Aim<'_>, standing: &Standing) -> Result<(), Error> {
    let all = standing.older.iter().chain(&standing.newer).filter(|id| !is_delivered(&standing.application, **id));
    let all: Vec<String> = all.filter_map(|id| standing.find(*id)).map(|one| shown(&one)).collect();
    if aim.sink.gives_back() || all.len() < MOST_UNSURE {
        return Ok(());
    }
    Err(Error::Stopped(vec![Finding::place_keeps_failing(&aim.name, aim.sink.place(), &all)]))
}

/// When the old one goes, given since when the new one is there; nothing for open.
fn at(overlap: Overlap, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
    match overlap {
        Overlap::None => Some(now),
        Overlap::For(time) => Some(since.plus(time).max(now)),
        Overlap::Open => None,
    }
}

fn shown(one: &Registered<'_>) -> String {
    let label = one.name.map(|label| format!(" (`{label}`)")).unwrap_or_default();
    format!("the {} {}{label}", one.kind.noun(), one.key_id)
}

fn unique(all: impl Iterator<Item = KeyId>) -> Vec<KeyId> {
    let mut each = Vec::new();
    for id in all {
        if !each.contains(&id) {
            each.push(id);
        }
    }
    each
}
