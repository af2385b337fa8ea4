//! Sends a block of rows, and finds out what became of each.
//!
//! A request for many rows is done whole or not at all. Where it is refused for a row of it, its rows go again one by one,
//! in batches, so that each has an answer of its own. What got no answer is sent again: updates and upserts are the same
//! done twice, and a row that is made has an id of the load's choosing. Refused as a duplicate, it is looked for, and when it
//! is there it was made before, by a try whose answer was lost. Each row is looked for by itself: on an elastic table a
//! request for many may have been done in part.
//!
//! What is refused for no row of its own would meet all rows, and ends the load. Where that cannot be told from the refusal
//! (a disabled user may be the caller, or the owner that a row names), it is told from the other rows of the same batch.

use std::collections::HashSet;
use std::time::Duration;

use futures::FutureExt;
use http::Method;
use keyholder_dataverse::error::{Code, code};
use uuid::Uuid;

use super::MOST_IN_BATCH;
use super::block::{Rejected, Sealed, Span};
use super::stop::Stop;
use super::target::{Mode, RowIds, Target, Verb};
use crate::dataverse::{Batch, Change, Dataverse, Filter, Outcome, Query, Repeat, Row, segment};
use crate::error::Error;
use crate::{Patience, RetryPolicy};

/// How many rows are looked for with one request.
pub(super) const MOST_SOUGHT: usize = 50;
/// What is told of a refusal, in characters.
const LONGEST_REASON: usize = 500;

/// Who sends the blocks of a load.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) org: Dataverse,
    pub(super) target: Target,
    pub(super) mode: Mode,
    pub(super) ids: RowIds,
    /// How long in all an org that is out of reach is tried again.
    pub(super) patience: Duration,
    pub(super) stop: Stop,
}

/// What became of the rows of a block.
#[derive(Debug)]
pub(super) struct Sent {
    /// Those that were refused.
    pub(super) rejected: Vec<Rejected>,
    /// What ended it before its end, and the first row of which it is not known what became of it: those before are done.
    pub(super) ended: Option<Ended>,
}

/// Where the sending of a block ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// The first row, among the block's, that is not done for certain.
    pub(super) at: usize,
    /// Why.
    pub(super) error: Error,
}

impl Sender {
    /// Sends the rows of a block.
    pub(super) async fn send(&self, block: &Sealed) -> Sent {
        let mut rejected = Vec::new();
        let all: Vec<usize> = (0..block.rows.len()).collect();
        let sent = match self.mode {
            Mode::Multiple => self.together(block, all, &mut rejected).await,
            Mode::Batch => self.in_batches(block, &all, &mut rejected).await,
            Mode::Single => self.one_by_one(block, &all, &mut rejected).await,
        };
        Sent { rejected, ended: sent.err() }
    }

    async fn one_by_one(&self, block: &Sealed, rows: &[usize], rejected: &mut Vec<Rejected>) -> Result<(), Ended> {
        for at in rows {
            self.alone(block, *at, rejected).await.map_err(|error| Ended { at: *at, error })?;
        }
        Ok(())
    }

    /// All rows with one request, as far as the org takes them so.
    async fn together(&self, block: &Sealed, mut rows: Vec<usize>, rejected: &mut Vec<Rejected>) -> Result<(), Ended> {
        while !rows.is_empty() {
            let change = self.multiple(block, &rows);
            // Where it fails for many rows, fewer may do.
            let try_once = || async {
                match self.org.execute(&change).await {
                    Err(error) if error.is_failure() => Ok(Some(error)),
                    outcome => outcome.map(|_| None),
                }
            };
            let error = match self.patiently(try_once).await {
                Ok(None) => return Ok(()),
                Ok(Some(error)) | Err(error) => error,
            };
            // Those before were made by an earlier try.
            let at = rows.first().copied().unwrap_or_default();
            if about(&error) == About::All {
                return Err(Ended { at, error });
            }
            if error.is_duplicate() && self.target.verb == Verb::Create {
                let there = self.there(block, &rows).await.map_err(|error| Ended { at, error })?;
                if !there.is_empty() {
                    rows.retain(|row| !self.id(block, *row).is_some_and(|id| there.contains(&id)));
                    continue;
                }
            }
            if let [row] = rows.as_slice()
                && about(&error) == About::Row
            {
                rejected.extend(block.rows.get(*row).map(|span| refused(span, &error)));
                return Ok(());
            }
            return self.in_batches(block, &rows, rejected).await;
        }
        Ok(())
    }

    /// Each row by itself, many in a request.
    async fn in_batches(&self, block: &Sealed, rows: &[usize], rejected: &mut Vec<Rejected>) -> Result<(), Ended> {
        for some in rows.chunks(MOST_IN_BATCH) {
            let at = some.first().copied().unwrap_or_default();
            self.in_batch(block, some, rejected).await.map_err(|error| Ended { at, error })?;
        }
        Ok(())
    }

    async fn in_batch(&self, block: &Sealed, rows: &[usize], rejected: &mut Vec<Rejected>) -> Result<(), Error> {
        let mut batch = Batch::new().continue_on_error();
        for row in rows {
            batch.change(self.change(block, *row));
        }
        let outcomes = self.batch(&batch).await?;
        let mut refusals = Vec::new();
        for (row, outcome) in rows.iter().zip(outcomes) {
            let error = match outcome {
                Outcome::Refused(error) => error,
                Outcome::NotRun => return Err(self.org.lost("a part of a batch was not run".to_owned())),
                _ => continue,
            };
            if about(&error) == About::All {
                return Err(error);
            }
            refusals.push((*row, error));
        }
        self.judge(block, refusals, rejected).await
    }

    /// What became of each row of a batch. A refusal that may be about all rows ends it with an error, unless the org does
    /// other rows of the batch beside it, and does so again.
    async fn batch(&self, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        // Done again it is the same: what was made before is found by its id.
        let try_once = || async {
            let outcomes = self.org.batch(batch).await?;
            let unsettled = outcomes.iter().find_map(|outcome| outcome.error().filter(|error| error.may_pass()));
            if let Some(error) = unsettled { Err(error.clone()) } else { Ok(outcomes) }
        };
        let mut tries = 0;
        loop {
            let outcomes = self.patiently(try_once).await?;
            let errors = || outcomes.iter().filter_map(Outcome::error);
            let doubtful = || errors().filter(|error| about(error) == About::Perhaps);
            let Some(error) = doubtful().next() else { return Ok(outcomes) };
            let is_alive = outcomes.iter().any(|outcome| match outcome {
                Outcome::Refused(error) => about(error) == About::Row,
                Outcome::NotRun => false,
                _ => true,
            });
            tries += 1;
            let policy = RetryPolicy::default();
            let most = if doubtful().any(Error::is_failure) { policy.attempts } else { 2 };
            match is_alive {
                true if tries >= most => return Ok(outcomes),
                false if tries >= most || !error.is_failure() => return Err(error.clone()),
                _ => {}
            }
            if self.waited(policy.backoff(tries)).await {
                return Err(error.clone());
            }
        }
    }

    async fn alone(&self, block: &Sealed, row: usize, rejected: &mut Vec<Rejected>) -> Result<(), Error> {
        let change = self.change(block, row);
        match self.patiently(|| self.org.execute(&change)).await {
            Ok(_) => Ok(()),
            Err(error) if about(&error) == About::Row => self.judge(block, vec![(row, error)], rejected).await,
            Err(error) => Err(error),
        }
    }

    /// Rejects the rows that were refused, but for those that were made before.
    async fn judge(
        &self,
        block: &Sealed,
        refusals: Vec<(usize, Error)>,
        rejected: &mut Vec<Rejected>,
    ) -> Result<(), Error> {
        let is_new = self.target.verb == Verb::Create;
        let doubtful = refusals.iter().filter(|(_, error)| is_new && error.is_duplicate());
        let doubtful: Vec<usize> = doubtful.map(|(row, _)| *row).collect();
        let there = self.there(block, &doubtful).await?;
        for (row, error) in refusals {
            let is_there = error.is_duplicate() && self.id(block, row).is_some_and(|id| there.contains(&id));
            if !is_there {
                rejected.extend(block.rows.get(row).map(|span| refused(span, &error)));
            }
        }
        Ok(())
    }

    /// Which of the rows that are to be made are there.
    async fn there(&self, block: &Sealed, rows: &[usize]) -> Result<HashSet<Uuid>, Error> {
        let mut there = HashSet::new();
        let column = self.target.id_column.as_str();
        for some in rows.chunks(MOST_SOUGHT) {
            let ids = some.iter().filter_map(|row| self.id(block, *row));
            let Some(filter) = ids.map(|id| Filter::eq(column, id)).reduce(Filter::or) else { continue };
            let query = Query::rows(&self.target.set).select([column]).filter(filter);
            let found: Vec<Row> = self.patiently(|| self.org.query(query.clone()).collect()).await?;
            let id = |row: &Row| row.get(column)?.as_str()?.parse::<Uuid>().ok();
            there.extend(found.iter().filter_map(id));
        }
        Ok(there)
    }

    fn id(&self, block: &Sealed, row: usize) -> Option<Uuid> {
        let is_new = self.target.verb == Verb::Create;
        block.rows.get(row).filter(|_| is_new).map(|span| self.ids.id(span.number))
    }

    fn multiple(&self, block: &Sealed, rows: &[usize]) -> Change {
        let message = match self.target.verb {
            Verb::Create => "CreateMultiple",
            Verb::Update(_) => "UpdateMultiple",
            Verb::Upsert(_) => "UpsertMultiple",
        };
        let path = format!("{}/Microsoft.Dynamics.CRM.{message}", segment(&self.target.set));
        Change::multiple(path, block.together(rows), Repeat::Never, rows.len(), None)
    }

    fn change(&self, block: &Sealed, row: usize) -> Change {
        let set = segment(&self.target.set);
        let Some(span) = block.rows.get(row) else { return Change::create(&set, &()) };
        let body = block.alone(span, &self.target, self.id(block, row));
        match self.target.verb {
            Verb::Create => Change::written(Method::POST, set, Some(body), Repeat::Never),
            Verb::Upsert(_) => {
                Change::written(Method::PATCH, format!("{set}{}", block.key(span)), Some(body), Repeat::Never)
            }
            Verb::Update(_) => {
                Change::written(Method::PATCH, format!("{set}{}", block.key(span)), Some(body), Repeat::Never)
                    .if_present()
            }
        }
    }

    /// Waits, unless somebody asks to stop; gives whether somebody did.
    async fn waited(&self, time: Duration) -> bool {
        let slept = self.org.http().sleep(time).boxed();
        futures::future::select(slept, self.stop.asked().boxed()).await;
        self.stop.is_asked()
    }

    /// Tries again as long as there is patience and nobody asks to stop.
    pub(super) async fn patiently<T, F: Future<Output = Result<T, Error>>>(
        &self,
        mut work: impl FnMut() -> F,
    ) -> Result<T, Error> {
        let mut patience = Patience::new(self.patience);
        loop {
            let error = match work().await {
                Err(error) => error,
                done => return done,
            };
            match patience.wait(self.org.http(), &error) {
                Some(wait) if !self.waited(wait).await => {}
                _ => return Err(error),
            }
        }
    }
}

/// What a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// The row that was sent.
    Row,
    /// It may be about the row, or would meet all rows.
    Perhaps,
    /// It would meet all rows.
    All,
}

fn about(error: &Error) -> About {
    let Some(refusal) = error.dataverse() else { return About::All };
    let code = refusal.code.as_str();
    match refusal.status {
        401 | 407 | 408 | 429 | 502..=504 => About::All,
        403 if refusal.missing_privilege.is_some() => About::All,
        403 if refusal.missing_access.is_some() => About::Row,
        404 if is_of_row(code) => About::Row,
        403..=405 | 500.. => About::Perhaps,
        _ if is_any(code, &OF_CALLERS) => About::Perhaps,
        _ => About::Row,
    }
}

/// Codes of a user that is disabled, has no roles or does not belong to the org, whatever the status that they come with.
const OF_CALLERS: [u32; 5] = [
    code::USER_NOT_ENABLED,
    code::SYSTEM_USER_DISABLED,
    code::USER_NOT_ASSIGNED_ROLES,
    code::USER_NOT_MEMBER_OF_ORG,
    code::INSUFFICIENT_ACCESS_MODE,
];

/// Whether a code tells of a row alone, however many rows in a row it meets: it is there already, or is not there, or is
/// beyond the caller's reach.
pub(super) fn is_of_row(code: &str) -> bool {
    is_any(
        code,
        &[
            code::DUPLICATE_RECORD,
            code::DUPLICATE_RECORD_ENTITY_KEY,
            code::OBJECT_DOES_NOT_EXIST,
            code::RECORD_NOT_FOUND_BY_ENTITY_KEY,
            code::ACCESS_DENIED_TO_ROW,
        ],
    )
}

fn is_any(code: &str, codes: &[u32]) -> bool {
    codes.iter().any(|known| Code(*known).to_string() == code)
}

fn refused(span: &Span, error: &Error) -> Rejected {
    let said = match error.dataverse() {
        Some(refusal) if refusal.code.is_empty() => format!("{} (HTTP {})", refusal.message, refusal.status),
        Some(refusal) => format!("{} ({})", refusal.message, refusal.code),
        None => error.to_string(),
    };
    let reason = match said.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}...", said.get(..end).unwrap_or_default()),
        None => said,
    };
    let code = error.dataverse().map(|refusal| match refusal.code.as_str() {
        "" => format!("HTTP {}", refusal.status),
        code => code.to_owned(),
    });
    Rejected { number: span.number, place: span.place.clone(), reason, code }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::DataverseRefusal;
    use crate::testing::{answer, org};

    #[test]
    fn what_a_refusal_is_about_is_told_from_its_fields() {
        let beyond = "Principal with id 5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11 does not have WriteAccess right(s) for record \
            with id 7a1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c12 of entity contact.";
        let missing =
            "Principal user (Id=5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11, type=8) is missing prvReadContact privilege";
        for (status, code, message, wanted) in [
            (400, "0x80044331", "too long", About::Row),
            (412, "0x80040237", "there already", About::Row),
            (403, "0x80048306", beyond, About::Row),
            (404, "0x80040217", "contact With Id = x Does Not Exist", About::Row),
            (404, "0x80060888", "Resource not found for the segment 'contacts'.", About::Perhaps),
            (403, "0x80040225", "is disabled", About::Perhaps),
            (403, "0x80042F09", "no roles", About::Perhaps),
            (400, "0x80072560", "no member", About::Perhaps),
            (500, "0x80040216", "An unexpected error occurred.", About::Perhaps),
            (501, "0x80040800", "not supported", About::Perhaps),
            (403, "0x80040220", missing, About::All),
            (401, "", "", About::All),
            (429, "0x80072322", "too many", About::All),
            (503, "", "", About::All),
        ] {
            let body = serde_json::json!({ "error": { "code": code, "message": message } }).to_string();
            let refusal = DataverseRefusal::read("POST contacts", &answer(status, &[], &body)).unwrap();
            let error = Error::Dataverse(Box::new(refusal));
            assert_eq!((about(&error), error.is_failure()), (wanted, status == 500), "{status} {code}");
        }
        assert_eq!(about(&Error::Closed), About::All);
    }

    /// The answer to a batch whose parts came to these codes, with the status before each.
    fn parts(all: [&str; 2]) -> http::Response<bytes::Bytes> {
        let part = |told: &str| {
            let (status, code) = told.split_once(' ').unwrap_or((told, ""));
            let body = if code.is_empty() {
                String::new()
            } else {
                format!(r#"{{"error":{{"code":"{code}","message":"no"}}}}"#)
            };
            format!("--b_1\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 {status} X\r\n\r\n{body}\r\n")
        };
        let text = format!("{}--b_1--\r\n", all.map(part).concat());
        answer(200, &[("content-type", "multipart/mixed; boundary=b_1")], &text)
    }

    #[tokio::test]
    async fn a_refusal_that_may_be_about_all_rows_is_told_from_the_others_of_its_batch() {
        let (disabled, failed) = ("403 0x80040225", "500 0x80040216");
        for (answers, is_rows_own) in [
            (vec![[disabled, disabled]], false),
            // Disabled while the batch was done.
            (vec![["204", disabled], [disabled, disabled]], false),
            (vec![["204", disabled]; 2], true),
            // Made by the try before.
            (vec![["204", disabled], ["412 0x80040237", disabled]], true),
            (vec![["204", failed]; 5], true),
            (vec![[failed, failed]; 5], false),
        ] {
            let (script, org) = org().await;
            let sender = Sender {
                org,
                target: Target {
                    table: "contact".to_owned(),
                    set: "contacts".to_owned(),
                    id_column: "contactid".to_owned(),
                    verb: Verb::Create,
                    start: Vec::new(),
                    id_member: Vec::new(),
                    address_member: Vec::new(),
                },
                mode: Mode::Batch,
                ids: RowIds::of(Uuid::nil()),
                patience: Duration::from_secs(120),
                stop: Stop::default(),
            };
            for both in &answers {
                script.expect("POST /api/data/v9.2/$batch", parts(*both));
            }
            let mut batch = Batch::new().continue_on_error();
            for _ in 0..2 {
                batch.change(Change::create("contacts", &serde_json::json!({ "lastname": "Ng" })));
            }
            let outcome = sender.batch(&batch).await;
            assert_eq!(outcome.is_ok(), is_rows_own, "{answers:?}: {outcome:?}");
            assert!(script.is_done(), "{answers:?}");
        }
    }
}
