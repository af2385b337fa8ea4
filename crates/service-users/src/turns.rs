//! Whose turn it is with the credential of a place: on one machine one run at a time makes, replaces or revokes it.
//!
//! Each holds the lock of a record of the [journal](crate::journal). What a run is about to make stands in the record
//! before the directory is asked for it, and is taken out once it is whole or revoked again: so whatever a killed run has
//! left half done the next one on this machine knows for its own, and for nobody else's.

use keyholder_entra::graph::Application;
use keyholder_foundation::{ClientId, KeyId, Timestamp};

use crate::Administrator;
use crate::error::Error;
use crate::journal::{Journal, JournalError, Loan, Made, Notes, Recorded};
use crate::kept;
use crate::marks::Labels;
use crate::plan::Finding;
use crate::sink::{SecretSink, SinkError};

/// The turn of this run with the credential of one place.
pub(crate) struct Taken(Recorded);

/// The record of an application's credential in a place that has an id; nothing for one without: nothing was made for it.
pub(crate) fn loan(tenant: &str, owner: ClientId, sink: &dyn SecretSink) -> Result<Option<Loan>, SinkError> {
    Ok(sink.place_id()?.map(|id| of_place(tenant, owner, &id, sink.place())))
}

fn of_place(tenant: &str, owner: ClientId, id: &str, place: &str) -> Loan {
    Loan::Rotation { tenant: tenant.to_owned(), owner: owner.0, place: format!("{id} {place}") }
}

/// What runs from here have left half done of an application's credential in a place.
pub(crate) fn left(journal: &Journal, tenant: &str, owner: ClientId, sink: &dyn SecretSink) -> Result<Notes, Error> {
    match loan(tenant, owner, sink)? {
        Some(loan) => Ok(journal.notes(&loan)?),
        None => Ok(Notes::default()),
    }
}

/// Takes the turn with an application's credential in a place. A place that has no id yet gets one.
///
/// # Errors
/// [`Error::Stopped`] when another run on this machine has it, and what the file system says.
pub(crate) fn take(
    journal: &Journal,
    administrator: &Administrator,
    (name, owner): (&str, ClientId),
    sink: &dyn SecretSink,
) -> Result<Taken, Error> {
    let id = sink.claim_place_id()?;
    let loan = of_place(&administrator.tenant(), owner, &id, sink.place());
    recorded(journal, loan, (name, sink.place()), administrator.now())
}

/// Strikes out what a killed run wrote down of a place in which all is whole by now; what another run works with stays.
///
/// # Errors
/// What the file system says.
pub(crate) fn clear(
    journal: &Journal,
    administrator: &Administrator,
    (name, owner): (&str, ClientId),
    sink: &dyn SecretSink,
) -> Result<(), Error> {
    let Some(loan) = loan(&administrator.tenant(), owner, sink)?.filter(|loan| journal.has(loan)) else {
        return Ok(());
    };
    match recorded(journal, loan, (name, sink.place()), administrator.now()) {
        Ok(taken) => taken.end(Ok(()), |(), notes| notes.signed_in().is_some()),
        Err(Error::Stopped(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes the turns with all places for which credentials were made, as their labels tell.
///
/// # Errors
/// As [`take`].
pub(crate) fn take_of(
    journal: &Journal,
    administrator: &Administrator,
    (name, application): (&str, &Application),
    credentials: &[KeyId],
) -> Result<Vec<Taken>, Error> {
    let named = kept::of(application).filter(|one| credentials.contains(&one.key_id));
    let mut places: Vec<(&str, &str)> = named.filter_map(|one| one.name.and_then(Labels::parse)).collect();
    // In one order for every run; and a place that several were made for is one.
    places.sort_unstable();
    places.dedup_by_key(|(id, _)| *id);
    let take = |(id, place): (&str, &str)| {
        let loan = of_place(&administrator.tenant(), application.app_id, id, place);
        recorded(journal, loan, (name, place), administrator.now())
    };
    places.into_iter().map(take).collect()
}

fn recorded(journal: &Journal, loan: Loan, (name, place): (&str, &str), now: Timestamp) -> Result<Taken, Error> {
    journal.record(loan, now).map(Taken).map_err(|error| match error {
        JournalError::InUse { .. } => {
            Error::Stopped(vec![Finding::rotation_under_way(name, place, "it runs on this machine")])
        }
        error => error.into(),
    })
}

impl Taken {
    /// What runs from here have left half done, this one included.
    pub(crate) fn notes(&self) -> Result<Notes, Error> {
        Ok(self.0.notes()?)
    }

    /// Writes down what is about to be made, before it is.
    pub(crate) fn about_to_make(&self, made: Made) -> Result<(), Error> {
        Ok(self.0.about_to_make(made)?)
    }

    /// Writes down which one the directory has made of it.
    pub(crate) fn answered(&self, asked: Made, id: KeyId) -> Result<(), Error> {
        Ok(self.0.answered(asked, id)?)
    }

    /// Takes out one that is revoked again.
    pub(crate) fn forget(&self, id: KeyId) -> Result<(), Error> {
        Ok(self.0.forget(id)?)
    }

    /// Writes down that this run signs in now with what the place holds.
    pub(crate) fn note_sign_in(&self, now: Timestamp) -> Result<(), Error> {
        Ok(self.0.note_sign_in(now)?)
    }

    /// Ends it. After a failure the record stays while it says something; else as `stays` says.
    ///
    /// # Errors
    /// What came of the work, and what the file system says.
    pub(crate) fn end<T>(self, outcome: Result<T, Error>, stays: impl FnOnce(&T, &Notes) -> bool) -> Result<T, Error> {
        let stays = match (&outcome, self.notes()) {
            (Ok(done), Ok(notes)) => stays(done, &notes),
            (Err(_), Ok(notes)) => !notes.is_empty(),
            // Whatever is wrong with the record, the work's own failure is told.
            (Err(_), Err(_)) => true,
            (Ok(_), Err(error)) => return Err(error),
        };
        if !stays && let (Err(error), Ok(_)) = (self.0.strike(), &outcome) {
            return Err(error.into());
        }
        outcome
    }
}

/// Ends turns in which these were revoked and none was made: what else is half done stays written down.
///
/// # Errors
/// As [`Taken::end`].
pub(crate) fn end_all<T>(turns: Vec<Taken>, revoked: &[KeyId], outcome: Result<T, Error>) -> Result<T, Error> {
    turns.into_iter().fold(outcome, |outcome, turn| {
        let forgotten = if outcome.is_ok() { revoked.iter().try_for_each(|id| turn.forget(*id)) } else { Ok(()) };
        let outcome = outcome.and_then(|done| forgotten.map(|()| done));
        turn.end(outcome, |_, notes| !notes.is_empty())
    })
}
