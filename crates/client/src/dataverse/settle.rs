//! Changes that are carried out once, whatever happens to their answers.
//!
//! A connection that is lost after a request was sent leaves open whether it was carried out. What is the same done
//! twice is sent again; a row with an id of the caller's choosing is looked for first. So no row is lost, and none
//! is there twice.

use super::change::{Change, Done, Repeat};
use super::{Dataverse, Query};
use crate::error::{Error, Unreachable};
use crate::transport::origin_of;

impl Dataverse {
    /// Carries the change out, and finds out what became of it when its answer is lost.
    ///
    /// Sent again is what is the same done twice: updates, upserts, deletions, ties. A creation is sent again when its
    /// row has an id of the caller's choosing ([`Change::create_with_id`], `Targets::push_with_id`) and is not there;
    /// when it is there, the change is done, and the answer that is given here tells no more than that. What
    /// cannot be settled (a creation without such an id, an action, a change on condition) is sent once.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse, id: uuid::Uuid) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::dataverse::Change;
    /// let row = serde_json::json!({ "lastname": "Ng" });
    /// org.settle(&Change::create_with_id("contacts", "contactid", id, &row)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the change came to; [`Error::fate_is_unknown`] when not even that could be found out, because the row may not
    /// be read, for example.
    pub async fn settle(&self, change: &Change) -> Result<Done, Error> {
        self.settled(change, None).await
    }

    /// The same for a change that may have been carried out before: by a process that was killed, or by a call whose
    /// error was [`Error::fate_is_unknown`]. A row that is to be made is looked for first.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     org: keyholder_client::Dataverse, unfinished: Vec<(uuid::Uuid, serde_json::Value)>,
    /// # ) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::dataverse::Change;
    ///
    /// // The ids come from the file that is loaded, so that the next run has the same.
    /// for (id, row) in unfinished {
    ///     org.settle_again(&Change::create_with_id("contacts", "contactid", id, &row)).await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Dataverse::settle`]; what kept the request that looks for the row from being sent: the sign-in's refusal, a
    /// closed pool.
    pub async fn settle_again(&self, change: &Change) -> Result<Done, Error> {
        let told = match self.look_for(change).await {
            Ok(Some(done)) => return Ok(done),
            Ok(None) => "an earlier try ended before its answer".to_owned(),
            // The org refused to tell, which is no refusal of the change.
            Err(Error::Dataverse(refusal)) => {
                return Err(self.lost(format!("of an earlier try, and its row cannot be looked for: {refusal}")));
            }
            Err(error) => return Err(error),
        };
        self.settled(change, Some(self.lost(told))).await
    }

    /// The same after a try that came to `earlier`, whose fate is unknown: that is what comes of it when the row cannot
    /// be looked for.
    pub(super) async fn settle_after(&self, change: &Change, earlier: &Error) -> Result<Done, Error> {
        match self.look_for(change).await {
            Ok(Some(done)) => Ok(done),
            Ok(None) => self.settled(change, Some(earlier.clone())).await,
            Err(_) => Err(earlier.clone()),
        }
    }

    /// The error of a try whose answer nobody has.
    pub(crate) fn lost(&self, told: String) -> Error {
        Error::Unreachable { origin: origin_of(&self.api.root), cause: Unreachable::Lost(told) }
    }

    /// `earlier` is what an earlier try came to whose fate is unknown.
    async fn settled(&self, change: &Change, mut earlier: Option<Error>) -> Result<Done, Error> {
        let policy = self.api.http.retries().clone();
        let mut attempt = 1;
        loop {
            let error = match self.execute(change).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            if error.fate_is_unknown() && change.repeat != Repeat::Never && attempt < policy.attempts {
                self.api.http.sleep(policy.backoff(attempt)).await;
                match self.look_for(change).await {
                    Ok(Some(done)) => return Ok(done),
                    Ok(None) => earlier = Some(error),
                    // That it cannot be looked for does not mean that it is not there.
                    Err(_) => return Err(error),
                }
                attempt += 1;
                continue;
            }
            let Some(earlier) = earlier else { return Err(error) };
            return match self.done_before(change, &error).await {
                Ok(Some(done)) => Ok(done),
                Ok(None) => Err(error),
                Err(_) => Err(earlier),
            };
        }
    }

    /// Whether a refusal means that an earlier try was carried out after all: it may have been under way still when
    /// the row was looked for.
    async fn done_before(&self, change: &Change, error: &Error) -> Result<Option<Done>, Error> {
        let is_duplicate = error.is_duplicate();
        match &change.repeat {
            Repeat::Gone if error.is_missing() => Ok(Some(Done::without_answer(None))),
            Repeat::Tied if is_duplicate => Ok(Some(Done::without_answer(None))),
            Repeat::IfThere(_) if is_duplicate => self.look_for(change).await,
            _ => Ok(None),
        }
    }

    async fn look_for(&self, change: &Change) -> Result<Option<Done>, Error> {
        Ok(self.is_there(change).await?.then(|| Done::without_answer(change.chosen_id())))
    }

    /// Whether the row that the change makes is there.
    pub(super) async fn is_there(&self, change: &Change) -> Result<bool, Error> {
        let Repeat::IfThere(path) = &change.repeat else { return Ok(false) };
        Ok(self.find(Query::from(path)).await?.is_some())
    }
}
