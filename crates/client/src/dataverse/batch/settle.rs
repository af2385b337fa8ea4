//! Batches whose answer was lost.

use super::{Batch, ChangeSet, Done, Outcome, Part, Repeat};
use crate::dataverse::Dataverse;
use crate::error::Error;

impl Dataverse {
    /// Sends a batch, and finds out part by part what became of it when its answer is lost, as [`Dataverse::settle`]
    /// does for one change. A change set is done when a row that it makes is there; without a row with an id of the
    /// caller's choosing in it, it is sent again only when every change in it is the same done twice.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse, ids: Vec<uuid::Uuid>) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::dataverse::{Batch, Change, Outcome};
    ///
    /// let mut batch = Batch::new();
    /// for id in ids {
    ///     batch.change(Change::create_with_id("contacts", "contactid", id, &serde_json::json!({ "lastname": "Ng" })));
    /// }
    /// let all = org.settle_batch(&batch.continue_on_error()).await?;
    /// let unknown = all.iter().filter(|outcome| outcome.error().is_some_and(|error| error.fate_is_unknown())).count();
    /// assert_eq!(unknown, 0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Dataverse::batch`]. An outcome may be [`Outcome::Refused`] with an error whose
    /// [`Error::fate_is_unknown`].
    pub async fn settle_batch(&self, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        let error = match self.batch(batch).await {
            Err(error) if error.fate_is_unknown() => error,
            outcome => return outcome,
        };
        self.api.http.sleep(self.api.http.retries().backoff(1)).await;
        Ok(self.settle_parts(batch, &error).await)
    }

    /// The same for a batch that may have been carried out before: by a process that was killed. Each part is looked
    /// for first.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     org: keyholder_client::Dataverse, batch: keyholder_client::dataverse::Batch,
    /// # ) -> Result<(), keyholder_client::Error> {
    /// let all = org.settle_batch_again(&batch).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Dataverse::settle_batch`].
    pub async fn settle_batch_again(&self, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        let unknown = self.lost("an earlier try ended before its answer".to_owned());
        Ok(self.settle_parts(batch, &unknown).await)
    }

    /// Each part's outcome, whatever becomes of the others: what is settled stays told.
    async fn settle_parts(&self, batch: &Batch, unknown: &Error) -> Vec<Outcome> {
        let mut all = Vec::with_capacity(batch.parts.len());
        for part in &batch.parts {
            let outcome = match part {
                Part::Read(_) => self.alone(part).await.unwrap_or_else(Outcome::Refused),
                Part::Change(change) if change.repeat == Repeat::Never => Outcome::Refused(unknown.clone()),
                Part::Change(change) => {
                    self.settle_after(change, unknown).await.map_or_else(Outcome::Refused, Outcome::Changed)
                }
                Part::ChangeSet(set) => {
                    // What cannot be looked for, or not be sent again, may have been carried out all the same.
                    self.settle_set(part, set).await.ok().flatten().unwrap_or_else(|| Outcome::Refused(unknown.clone()))
                }
            };
            let error = outcome.error().filter(|_| !batch.continue_on_error);
            // Where nobody can tell of a part, nobody can tell whether the batch came past it.
            let rest = error.map(|error| match error.fate_is_unknown() {
                true => Outcome::Refused(unknown.clone()),
                false => Outcome::NotRun,
            });
            all.push(outcome);
            if let Some(rest) = rest {
                all.resize(batch.parts.len(), rest);
                break;
            }
        }
        all
    }

    /// What became of a change set; nothing when nobody can tell.
    async fn settle_set(&self, part: &Part, set: &ChangeSet) -> Result<Option<Outcome>, Error> {
        let lookable = set.changes.iter().find(|change| matches!(change.repeat, Repeat::IfThere(_)));
        let is_same = set.changes.iter().all(|change| change.repeat == Repeat::Same);
        Ok(match lookable {
            Some(change) if self.is_there(change).await? => Some(done_together(set)),
            None if !is_same => None,
            _ => match (self.alone(part).await?, lookable) {
                // The first try was under way still when its row was looked for.
                (Outcome::Refused(error), Some(change)) if error.is_duplicate() && self.is_there(change).await? => {
                    Some(done_together(set))
                }
                (outcome, _) => Some(outcome),
            },
        })
    }

    /// One part as a batch of its own.
    async fn alone(&self, part: &Part) -> Result<Outcome, Error> {
        let requests = if let Part::ChangeSet(set) = part { set.len() } else { 1 };
        let batch = Batch { parts: vec![part.clone()], requests, continue_on_error: true };
        Ok(self.batch(&batch).await?.pop().unwrap_or(Outcome::NotRun))
    }
}

fn done_together(set: &ChangeSet) -> Outcome {
    Outcome::ChangedTogether(set.changes.iter().map(|change| Done::without_answer(change.chosen_id())).collect())
}
