//! The turn with a place: no other run on this machine is at its credential meanwhile, and none was since the plan was made.

use keyholder_entra::graph::Application;
use keyholder_foundation::{ClientId, KeyId, Timestamp};

use super::Run;
use crate::certificate;
use crate::credentials::read_again;
use crate::error::Error;
use crate::journal::Notes;
use crate::kept::{self, KeyKind};
use crate::marks::{Labels, is_delivered};
use crate::observe::{KeySeen, SinkSeen, secret_of};
use crate::plan::{Change, Finding, key_change};
use crate::report::Step;
use crate::sink::{Kept, SecretSink};
use crate::turns::{self, Taken};

impl Run<'_> {
    /// Strikes out what a killed run wrote down of a credential about which nothing is to be done: it is whole.
    pub(super) fn clear_turn(&self, change: &Change) -> Result<(), Error> {
        let (Some(borrowing), Step::ClientSecret | Step::Certificate) = (self.estate.to_borrow(), change.step) else {
            return Ok(());
        };
        let name = change.item.as_str();
        let is_it = |number| {
            [KeyKind::Secret, KeyKind::Certificate].iter().any(|kind| key_change(*kind, name, number) == change.id)
        };
        let mut own = self.sinks.iter().filter(|((of, number), _)| of == name && is_it(*number));
        let Some((_, sink)) = own.next() else { return Ok(()) };
        let administrator = self.tenant(change)?.1;
        let client_id = self.registration(name)?.client_id;
        turns::clear(&borrowing.journal, administrator, (name, client_id), sink)
    }

    /// Takes the turn, and looks whether the place and the registration are what the plan was made of. Without a journal
    /// runs are not kept apart.
    pub(super) async fn take_turn(
        &self,
        change: &Change,
        number: usize,
        application: &Application,
        sink: &dyn SecretSink,
    ) -> Result<Option<Taken>, Error> {
        let Some(borrowing) = self.estate.to_borrow() else { return Ok(None) };
        let (tenant, administrator) = self.tenant(change)?;
        let name = change.item.as_str();
        let taken = turns::take(&borrowing.journal, administrator, (name, application.app_id), sink)?;
        let directory = self.seen.directories.get(tenant).and_then(|read| read.as_ref().ok());
        let seen = self.seen.keys.get(&(name.to_owned(), number));
        let planned = directory.and_then(|there| there.registrations.iter().find(|one| one.id == application.id));
        // What this run has registered nobody else was at.
        if let (Some(planned), Some(seen)) = (planned, seen) {
            let there = read_again(administrator, (name, application.id), self.reporter).await?;
            let changed = Changed { planned, there: &there, seen, now: self.seen.now };
            if let Some(what) = changed.of(sink, &taken.notes()?).await? {
                let stopped = Error::Stopped(vec![Finding::changed_meanwhile(name, sink.place(), &what)]);
                return taken.end(Err(stopped), |_: &Option<Taken>, _| false);
            }
        }
        Ok(Some(taken))
    }
}

/// What may have changed about the credentials of a place since it was planned.
struct Changed<'a> {
    planned: &'a Application,
    there: &'a Application,
    seen: &'a SinkSeen,
    now: Timestamp,
}

impl Changed<'_> {
    /// What has; what runs from here have left half done is no change.
    async fn of(&self, sink: &dyn SecretSink, left: &Notes) -> Result<Option<String>, Error> {
        let labels = Labels::of(sink)?;
        let was_there = |id: KeyId| kept::of(self.planned).any(|one| one.key_id == id);
        let own = || kept::of(self.there).filter(|one| labels.is_own(one, None));
        if let Some(new) = left.unknown(own().filter(|one| !was_there(one.key_id))).first() {
            return Ok(Some(format!("there is a new {} {}", new.kind.noun(), new.key_id)));
        }
        let has_arrived = |id: KeyId| is_delivered(self.there, id) && !is_delivered(self.planned, id);
        if let Some(one) = own().find(|one| has_arrived(one.key_id)) {
            return Ok(Some(format!("the {} {} has got there", one.kind.noun(), one.key_id)));
        }
        let before = match &self.seen.kept {
            KeySeen::Key(key) => key.key_id,
            _ => None,
        };
        let held = self.held(&labels, sink).await?.filter(|held| Some(*held) != before);
        Ok(held.map(|held| format!("it holds {held} now")))
    }

    /// The id of the one that the place holds now, where that can be told.
    async fn held(&self, labels: &Labels, sink: &dyn SecretSink) -> Result<Option<KeyId>, Error> {
        let of = |client_id: ClientId| client_id == self.there.app_id;
        let held = match sink.load().await? {
            Kept::Key { key, .. } if of(key.client_id) => {
                kept::registered(self.there, key.key_id, certificate::facts_of(&key.secret).as_ref())
            }
            Kept::Text { text, written: Some(written), .. } if of(written.client_id) => {
                match certificate::facts_of(&text) {
                    Some(facts) => kept::registered(self.there, None, Some(&facts)),
                    None => secret_of(self.there, labels, self.now, &text),
                }
            }
            _ => None,
        };
        Ok(held.map(|held| held.key_id))
    }
}
