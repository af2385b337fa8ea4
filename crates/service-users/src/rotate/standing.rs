//! What a place holds, and what else was made for it: from the directory and the place alone.

use keyholder_entra::graph::Application;
use keyholder_foundation::{KeyId, Timestamp};

use super::Aim;
use crate::certificate;
use crate::credentials::read_again;
use crate::error::Error;
use crate::journal::Journal;
use crate::kept::{self, KeyKind, Registered};
use crate::marks::{Labels, is_delivered};
use crate::observe::{address, sign_in};
use crate::report::Reporter;
use crate::sink::{Kept, Key, SEALED, SinkError};
use crate::turns::{self, Taken};

/// The waits before each further look at a directory that does not show yet what the place holds, in seconds.
const WAITS: [u64; 5] = [1, 2, 4, 8, 15];

/// A registration, and the place of one of its credentials.
pub(super) struct Standing {
    pub(super) application: Application,
    /// The one that the place holds.
    pub(super) held: Option<KeyId>,
    /// The same with its text, where the place gives it back.
    pub(super) key: Option<Key>,
    /// What was made for the place before that: programs may still have it.
    pub(super) older: Vec<KeyId>,
    /// What was made for the place and is not known to have got there.
    pub(super) newer: Vec<KeyId>,
    /// What was made for the place says so by these.
    pub(super) labels: Labels,
    /// What works and was handed to a program, where nobody said which of them it is about: the same words may be
    /// another place on another machine.
    pub(super) handed: Vec<KeyId>,
    /// When it was looked, by the server's clock.
    pub(super) now: Timestamp,
}

/// Where it is written down that this machine signs in with what a place holds: in the report on sign-ins it would look
/// like somebody else.
#[derive(Clone, Copy)]
pub(super) enum Record<'a> {
    /// In the record of this run.
    Of(&'a Taken),
    /// In one of its own, for who only looks.
    In(&'a Journal),
}

impl Record<'_> {
    fn note_sign_in(self, aim: &Aim<'_>) -> Result<(), Error> {
        let now = aim.administrator.now();
        match self {
            Self::Of(turn) => turn.note_sign_in(now),
            // What was made for it has an id to go by; what was not replaces nothing.
            Self::In(_) if aim.sink.place_id()?.is_none() => Ok(()),
            // It is left as it is: only a run that finishes strikes it out.
            Self::In(journal) => {
                turns::take(journal, aim.administrator, (&aim.name, aim.client_id), aim.sink)?.note_sign_in(now)
            }
        }
    }
}

impl Standing {
    /// Looks. A directory that does not show yet what the place holds, and what still lets somebody in, is waited for.
    pub(super) async fn read(aim: &Aim<'_>, record: Record<'_>, reporter: &dyn Reporter) -> Result<Self, Error> {
        let administrator = aim.administrator;
        let mut waits = WAITS.iter();
        loop {
            let standing =
                Self::of(aim, read_again(administrator, (&aim.name, aim.registration), reporter).await?).await?;
            let unlisted = standing.key.as_ref().filter(|_| standing.held.is_none());
            let Some((key, wait)) = unlisted.zip(waits.next()) else { return Ok(standing) };
            record.note_sign_in(aim)?;
            if sign_in(administrator, key).await.is_err() {
                return Ok(standing);
            }
            let wait = std::time::Duration::from_secs(*wait);
            reporter.waiting("the directory to show the credential that the place holds", wait);
            administrator.http.sleep(wait).await;
        }
    }

    async fn of(aim: &Aim<'_>, application: Application) -> Result<Self, Error> {
        let sink = aim.sink;
        sink.check_room().await?;
        let labels = Labels::of(sink)?;
        let foreign = |reason: String| SinkError::Foreign { place: sink.place().to_owned(), reason };
        let anothers = || foreign("it holds the key of another application".to_owned());
        let mut handed = Vec::new();
        let mut is_program = false;
        let own = |held| {
            let labels = &labels;
            kept::of(&application).filter(move |one| labels.is_own(one, held))
        };
        let (held, key) = match sink.load().await? {
            Kept::Nothing | Kept::Unusable(_) => (None, None),
            Kept::Foreign(reason) => return Err(foreign(reason).into()),
            Kept::Key { key, .. } if key.client_id != application.app_id => return Err(anothers().into()),
            Kept::Key { key, .. } => {
                let facts = certificate::facts_of(&key.secret);
                (kept::registered(&application, key.key_id, facts.as_ref()), Some(*key))
            }
            Kept::Text { written: Some(of), .. } if of.client_id != application.app_id => {
                return Err(anothers().into());
            }
            Kept::Text { text, .. } => {
                let held = match certificate::facts_of(&text) {
                    Some(facts) => kept::registered(&application, None, Some(&facts)),
                    // By what it begins with: the directory shows no more of a secret.
                    None => {
                        let is_secret = |one: &Registered<'_>| one.kind == KeyKind::Secret;
                        let begins = |hint: &str| text.expose().starts_with(hint);
                        let own = own(None).filter(|one| is_secret(one) && one.hint.is_none_or(begins));
                        // In a copied file it is another place's.
                        let others = || kept::of(&application).filter(|one| labels.other_place(one).is_some());
                        let others = || others().filter(|one| is_secret(one) && one.hint.is_some_and(begins));
                        newest(own).or_else(|| newest(others()))
                    }
                };
                let address = address(aim.administrator, aim.url, application.app_id)?;
                (held, Some(Key { secret: text, key_id: held.map(|held| held.key_id), ..address }))
            }
            Kept::Sealed if own(None).next().is_none() => return Err(foreign(SEALED.to_owned()).into()),
            Kept::OutOfSight => {
                is_program = true;
                let all: Vec<_> = own(None).filter(|one| is_delivered(&application, one.key_id)).collect();
                let successor = |id| all.iter().copied().filter(move |one| Labels::replaces(one.name, id));
                match aim.replaces {
                    Some(id) => {
                        let itself = all.iter().copied().find(|one| one.key_id == id);
                        (newest(successor(id)).or(itself), None)
                    }
                    None => {
                        let works = |one: &Registered<'_>| one.ends.is_none_or(|end| end > aim.administrator.now());
                        let last = all.iter().filter(|one| works(one) && successor(one.key_id).next().is_none());
                        handed.extend(last.map(|one| one.key_id));
                        (newest(all.iter().copied()), None)
                    }
                }
            }
            Kept::Sealed => (newest(own(None).filter(|one| is_delivered(&application, one.key_id))), None),
        };
        let id = held.map(|held| held.key_id);
        let others = own(id).filter(|one| Some(one.key_id) != id);
        // What a program was handed it may have kept where nobody looks from here.
        let others = others.filter(|one| !is_program || !is_delivered(&application, one.key_id));
        let is_newer = |one: &Registered<'_>| held.is_none_or(|held| one.starts > held.starts);
        let (newer, older): (Vec<_>, Vec<_>) = others.partition(is_newer);
        let ids = |all: Vec<Registered<'_>>| all.iter().map(|one| one.key_id).collect();
        let (newer, older) = (ids(newer), ids(older));
        let now = aim.administrator.now();
        Ok(Self { held: id, key, older, newer, labels, handed, now, application })
    }

    /// A credential of the registration.
    pub(super) fn find(&self, id: KeyId) -> Option<Registered<'_>> {
        kept::of(&self.application).find(|one| one.key_id == id)
    }

    /// One that still works, and that was made for a place of this name, here or on another machine.
    pub(super) fn elsewhere(&self) -> Option<Registered<'_>> {
        let lives = |one: &Registered<'_>| one.ends.is_none_or(|end| end > self.now);
        newest(kept::of(&self.application).filter(|one| lives(one) && self.labels.explain(one)))
    }

    /// The one that the held one replaces by its label, while it is still there.
    pub(super) fn replaced(&self) -> Option<Registered<'_>> {
        let held = self.find(self.held?)?;
        kept::of(&self.application).find(|one| one.key_id != held.key_id && Labels::replaces(held.name, one.key_id))
    }
}

pub(super) fn newest<'a>(all: impl Iterator<Item = Registered<'a>>) -> Option<Registered<'a>> {
    all.max_by_key(|one| (one.starts, one.ends))
}
