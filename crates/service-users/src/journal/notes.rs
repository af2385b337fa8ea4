//! What stands in the record of a credential that is being made: which ones this machine asked for, and when it signed
//! in with one.

use std::time::Duration;

use keyholder_foundation::{KeyId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::kept::Registered;

/// A credential that its place does not hold, and that is younger than this, may be on its way there: longer than the
/// directory's replication is waited for and a program may take.
const YOUNG: Duration = Duration::from_secs(15 * 60);
/// No record has more: runs that were killed within the time in which one is young.
const MOST: usize = 32;

/// What a record says beside what is lent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notes {
    /// The credentials that runs from here asked the directory for, and that may be half done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    made: Vec<Made>,
    /// When a run from here signed in last with the one that the place holds, long after it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signed_in: Option<Timestamp>,
}

/// A credential that a run from here asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Made {
    /// From when on it works, as it was asked for.
    pub(crate) starts: Timestamp,
    /// Until when, too.
    pub(crate) ends: Timestamp,
    /// Its id: that of a secret the directory's answer tells, that of a certificate follows from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<KeyId>,
}

impl Made {
    fn spans(&self, one: &Registered<'_>) -> bool {
        (Some(self.starts), Some(self.ends)) == (one.starts, one.ends)
    }
}

impl Notes {
    pub(crate) fn is_empty(&self) -> bool {
        self.made.is_empty() && self.signed_in.is_none()
    }

    /// When a run from here signed in last with what the place holds.
    pub(crate) fn signed_in(&self) -> Option<Timestamp> {
        self.signed_in
    }

    pub(super) fn add(&mut self, made: Made) {
        self.made.push(made);
        let surplus = self.made.len().saturating_sub(MOST);
        self.made.drain(..surplus);
    }

    /// The directory's answer to what was asked for last.
    pub(super) fn answered(&mut self, asked: Made, id: KeyId) {
        if let Some(made) = self.made.iter_mut().rev().find(|made| **made == asked) {
            made.id = Some(id);
        }
    }

    pub(super) fn forget(&mut self, id: KeyId) {
        self.made.retain(|made| made.id != Some(id));
    }

    pub(super) fn note_sign_in(&mut self, now: Timestamp) {
        self.signed_in = self.signed_in.max(Some(now));
    }

    /// Drops what is too old to be taken for another run's.
    pub(super) fn drop_old(&mut self, now: Timestamp) {
        self.made.retain(|made| made.starts.plus(YOUNG) > now);
    }

    /// Those that are young and that nobody here asked for: another machine's run may be about to bring them to their
    /// place.
    ///
    /// A run knows no secret's id before the directory has made it, and may be killed before it hears of it. So it writes
    /// down first, to the second, from when until when the secret is to work: what has just that span is its own, as many
    /// as were asked for and no more; where there are more, nobody can tell them apart. Once the answer is there the id
    /// alone counts. How old the record is says nothing: whatever another machine makes while it stands is not excused.
    pub(crate) fn strangers<'a>(
        &self,
        undelivered: impl Iterator<Item = Registered<'a>>,
        now: Timestamp,
    ) -> Vec<Registered<'a>> {
        let is_young = |one: &Registered<'_>| one.starts.is_some_and(|start| start.plus(YOUNG) > now);
        self.unknown(undelivered.filter(is_young))
    }

    /// Those that nobody here asked for, however old they are.
    pub(crate) fn unknown<'a>(&self, all: impl Iterator<Item = Registered<'a>>) -> Vec<Registered<'a>> {
        let is_known = |one: &Registered<'_>| self.made.iter().any(|made| made.id == Some(one.key_id));
        let unknown: Vec<Registered<'a>> = all.filter(|one| !is_known(one)).collect();
        let is_strange = |one: &&Registered<'a>| {
            let asked: Vec<&Made> = self.made.iter().filter(|made| made.id.is_none() && made.spans(one)).collect();
            let there = unknown.iter().filter(|other| (other.starts, other.ends) == (one.starts, one.ends));
            there.count() > asked.len()
        };
        unknown.iter().filter(is_strange).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::kept::KeyKind;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);

    fn at(seconds: u64) -> Timestamp {
        NOW.plus(Duration::from_secs(seconds))
    }

    fn asked(seconds: u64) -> Made {
        Made { starts: at(seconds), ends: at(seconds + 3600), id: None }
    }

    fn there(id: u128, seconds: u64) -> Registered<'static> {
        Registered {
            kind: KeyKind::Secret,
            key_id: KeyId(Uuid::from_u128(id)),
            name: None,
            starts: Some(at(seconds)),
            ends: Some(at(seconds + 3600)),
            hint: None,
            thumbprint: None,
        }
    }

    fn strangers(notes: &Notes, there: &[Registered<'static>], now: Timestamp) -> Vec<u128> {
        notes.strangers(there.iter().copied(), now).iter().map(|one| one.key_id.0.as_u128()).collect()
    }

    #[test]
    fn only_what_was_asked_for_is_excused_however_old_the_record_is() {
        let mut notes = Notes::default();
        assert_eq!(strangers(&notes, &[there(1, 0)], at(60)), [1]);
        assert!(strangers(&notes, &[there(1, 0)], at(15 * 60)).is_empty(), "it is not young any more");
        notes.add(asked(0));
        // A killed run's, and another machine's of ten minutes later.
        assert_eq!(strangers(&notes, &[there(1, 0), there(2, 600)], at(700)), [2]);
        // Of two that could be it, neither is.
        assert_eq!(strangers(&notes, &[there(1, 0), there(2, 0)], at(60)), [1, 2]);
        // Two runs that were killed within one second.
        notes.add(asked(0));
        assert!(strangers(&notes, &[there(1, 0), there(2, 0)], at(60)).is_empty());
        // An answer says which one it is, and excuses no other.
        notes.answered(asked(0), KeyId(Uuid::from_u128(1)));
        notes.answered(asked(0), KeyId(Uuid::from_u128(2)));
        assert_eq!(strangers(&notes, &[there(1, 0), there(2, 0), there(3, 0)], at(60)), [3]);
        notes.forget(KeyId(Uuid::from_u128(1)));
        assert_eq!(strangers(&notes, &[there(1, 0), there(2, 0)], at(60)), [1]);
        notes.drop_old(at(15 * 60));
        assert!(notes.is_empty());
    }

    #[test]
    fn a_record_does_not_grow_without_end() {
        let mut notes = Notes::default();
        (0..100).for_each(|second| notes.add(asked(second)));
        assert_eq!((notes.made.len(), notes.made[0]), (MOST, asked(100 - MOST as u64)));
    }
}
