//! One request's way: bound, begun again where the schema moved or a table was missing, and carried out in one
//! transaction with those that belong to it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_operation::{Operation, bind};
use keyholder_store::{Snapshot, Transaction};
use uuid::Uuid;

use super::Core;
use super::sorts::{changes_rows, reads_little};
use crate::answer::Answer;
use crate::caller::{Calling, Entered, TokenFacts};
use crate::catalogue::{self, Catalogue};
use crate::contents::image::Pixels;
use crate::epoch::Epochs;
use crate::error::Failure;
use crate::execute::{PreparedRequest, Session};
use crate::usage::operations;
use crate::{rules, seed};

/// A request whose schema moves under it is bound again this often.
const MOST_REBINDS: usize = 3;
/// A request that meets tables which have not been made is begun again this often: far more than a
/// statement can name.
const MOST_MADE: usize = 256;

impl Core {
    /// Answers one request, by itself or in a batch. `body` is the request's own, as it arrived: an upload keeps it.
    pub(crate) async fn answer_one(
        self: &Arc<Self>,
        token: &TokenFacts,
        asked: &keyholder_operation::Request<'_>,
        body: &Bytes,
        id: Uuid,
    ) -> Result<Answer, Failure> {
        let mut restarts = Restarts::default();
        loop {
            let catalogue = self.catalogue();
            let done = match self.prepare(token, &catalogue, asked, id).await {
                Ok(mut prepared) => {
                    if matches!(prepared.bound.operation, Operation::Upload(_)) {
                        prepared.contents = body.clone();
                    }
                    restarts.count(self, token, operations(&prepared.bound.operation));
                    self.carry_out(token, Arc::clone(&catalogue), prepared).await
                }
                Err(failure) => Err(failure),
            };
            match done {
                Err(failure) => self.mend(&mut restarts, &catalogue, failure).await?,
                done => return done,
            }
        }
    }

    /// Mends what a request failed by, so that it can be begun again: another schema by now, or a table that has not
    /// been made. Gives back every other failure, and this one too when it has been met too often.
    pub(crate) async fn mend(
        self: &Arc<Self>,
        restarts: &mut Restarts,
        catalogue: &Arc<Catalogue>,
        failure: Failure,
    ) -> Result<(), Failure> {
        let missing = match &failure {
            Failure::Store(keyholder_store::Error::NoTable { table, .. }) => Some(table.clone()),
            other if other.can_be_mended() => None,
            _ => return Err(failure),
        };
        let Some(table) = missing else {
            restarts.stale += 1;
            if restarts.stale > MOST_REBINDS {
                return Err(failure);
            }
            return self.reload().await;
        };
        restarts.made += 1;
        if restarts.made > MOST_MADE {
            return Err(failure);
        }
        let (core, catalogue, now) = (Arc::clone(self), Arc::clone(catalogue), self.clocks.now());
        let make = move |tx: &mut Transaction<'_>| {
            let made = catalogue::made::make_missing(tx, &core.epochs, &catalogue, &table)?;
            if let Some(name) = &made {
                seed::furnish(&core, &catalogue, tx, name, now)?;
            }
            Ok(made.is_some())
        };
        match self.database.write(make).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(failure),
            // Bound against the new one, the request may want other tables.
            Err(Failure::Stale) => self.reload().await,
            Err(worse) => Err(worse),
        }
    }

    /// Does everything that comes before the store: binding, and what the directory has to say.
    pub(crate) async fn prepare(
        self: &Arc<Self>,
        token: &TokenFacts,
        catalogue: &Arc<Catalogue>,
        asked: &keyholder_operation::Request<'_>,
        id: Uuid,
    ) -> Result<PreparedRequest, Failure> {
        let bound = match bind(&catalogue.schema, asked) {
            Ok(bound) => bound,
            Err(refusal) => return Err(self.refuse(token, Arc::clone(catalogue), refusal).await),
        };
        let application = match rules::application_of(&bound.operation) {
            Some(client) => {
                self.directory.find_application(client).await.map_err(|error| self.directory_failed(error))?
            }
            None => None,
        };
        Ok(PreparedRequest {
            bound,
            path: asked.path.to_owned(),
            query: asked.query.map(ToOwned::to_owned),
            now: self.clocks.now().whole_seconds(),
            application,
            id,
            contents: Bytes::new(),
        })
    }

    /// Does one request.
    pub(crate) async fn carry_out(
        self: &Arc<Self>,
        token: &TokenFacts,
        catalogue: Arc<Catalogue>,
        prepared: PreparedRequest,
    ) -> Result<Answer, Failure> {
        if !changes_rows(&prepared.bound) {
            return self.read_one(token, catalogue, prepared).await;
        }
        let written = self.write_all(token, &catalogue, vec![prepared]).await;
        written.map_err(|stopped| stopped.failure)?.pop().ok_or_else(|| error::unexpected().into())
    }

    async fn read_one(
        self: &Arc<Self>,
        token: &TokenFacts,
        catalogue: Arc<Catalogue>,
        prepared: PreparedRequest,
    ) -> Result<Answer, Failure> {
        let little = reads_little(&prepared.bound);
        let calling = Calling { token: *token, acting_for: prepared.bound.acting_for };
        let core = Arc::clone(self);
        let work = move |snapshot: &mut Snapshot<'_>| {
            let entered = core.enter(snapshot, &catalogue, &calling)?;
            core.callers.remember(&calling, &entered);
            let caller = &*entered.caller;
            Session { core: &core, catalogue: &catalogue, caller, request: &prepared, pixels: &Pixels::default() }
                .read(snapshot)
        };
        if little { self.database.read_little(work).await } else { self.database.read(work).await }
    }

    /// Does all of several changes or, where one is refused, none.
    pub(crate) async fn write_all(
        self: &Arc<Self>,
        token: &TokenFacts,
        catalogue: &Arc<Catalogue>,
        prepared: Vec<PreparedRequest>,
    ) -> Result<Vec<Answer>, Stopped> {
        let alone = prepared.len() == 1;
        let schema_changes =
            |request: &PreparedRequest| matches!(request.bound.operation, Operation::MetadataChange(_));
        if let Some(at) = prepared.iter().position(schema_changes).filter(|_| !alone) {
            // The others of the set are bound to the tables of before.
            let failure = error::not_supported("A change to tables or columns inside a change set").into();
            return Err(Stopped { at, failure });
        }
        let (core, catalogue, token) = (Arc::clone(self), Arc::clone(catalogue), *token);
        let work = move |tx: &mut Transaction<'_>| {
            let (pixels, mut entered) = (Pixels::default(), HashMap::new());
            let mut answers = Vec::with_capacity(prepared.len());
            for (at, request) in prepared.iter().enumerate() {
                let done = core.change(tx, &catalogue, &token, request, &pixels);
                let (answer, calling, found) = done.map_err(|failure| Stopped { at, failure })?;
                answers.push(answer);
                entered.insert(calling, found);
            }
            Ok::<_, Stopped>((answers, entered))
        };
        let (answers, entered) = self.database.write(work).await?;
        // Only now are the epochs that the callers were found in sure to be committed.
        entered.iter().for_each(|(calling, entered)| self.callers.remember(calling, entered));
        Ok(answers)
    }

    /// Does each of several changes by itself, one after another, whatever becomes of the others; they share a commit. Those
    /// behind one that [can be begun again](Failure::can_be_mended) are not done and can be, too: it comes before them.
    pub(crate) async fn write_each(
        self: &Arc<Self>,
        token: &TokenFacts,
        catalogue: &Arc<Catalogue>,
        prepared: Vec<PreparedRequest>,
    ) -> Vec<Result<Answer, Failure>> {
        // The place of the one that the others wait for.
        let stopped = Arc::new(AtomicUsize::new(usize::MAX));
        let works = prepared.into_iter().enumerate().map(|(at, request)| {
            let (core, catalogue, stopped) = (Arc::clone(self), Arc::clone(catalogue), Arc::clone(&stopped));
            let token = *token;
            move |tx: &mut Transaction<'_>| {
                if stopped.load(Ordering::SeqCst) < at {
                    return Err(Failure::Stale);
                }
                let done = core.change(tx, &catalogue, &token, &request, &Pixels::default());
                let waits = done.as_ref().is_err_and(Failure::can_be_mended);
                stopped.store(if waits { at } else { usize::MAX }, Ordering::SeqCst);
                done
            }
        });
        let done = self.database.write_each(works).await.into_iter();
        let remembered = |(answer, calling, found): (Answer, Calling, Entered)| {
            self.callers.remember(&calling, &found);
            answer
        };
        done.map(|outcome| outcome.map(remembered)).collect()
    }

    /// Does one change in a transaction; gives also who asked, as it was found in it: an earlier change of the transaction
    /// may have changed what the caller may.
    fn change(
        &self,
        tx: &mut Transaction<'_>,
        catalogue: &Catalogue,
        token: &TokenFacts,
        request: &PreparedRequest,
        pixels: &Pixels,
    ) -> Result<(Answer, Calling, Entered), Failure> {
        let calling = Calling { token: *token, acting_for: request.bound.acting_for };
        let found = self.enter(tx, catalogue, &calling)?;
        let session = Session { core: self, catalogue, caller: &found.caller, request, pixels };
        Ok((session.write(tx)?, calling, found))
    }

    /// Reads the epochs of this snapshot, and who is calling in it.
    pub(crate) fn enter(
        &self,
        snapshot: &mut Snapshot<'_>,
        catalogue: &Catalogue,
        calling: &Calling,
    ) -> Result<Entered, Failure> {
        if let Some(entered) = self.callers.last(calling) {
            let expected = Epochs { schema: catalogue.epoch, security: entered.epoch };
            if self.epochs.expect(snapshot, expected)? {
                return Ok(entered);
            }
        }
        let epochs = self.epochs.read(snapshot)?;
        if epochs.schema != catalogue.epoch {
            return Err(Failure::Stale);
        }
        self.callers.find(snapshot, catalogue, epochs.security, self, calling)
    }

    /// The refusal of a request that cannot be bound; but who is no user of the org is told only
    /// that.
    async fn refuse(
        self: &Arc<Self>,
        token: &TokenFacts,
        catalogue: Arc<Catalogue>,
        refusal: DataverseError,
    ) -> Failure {
        let (core, calling) = (Arc::clone(self), Calling { token: *token, acting_for: None });
        let work = move |snapshot: &mut Snapshot<'_>| {
            let entered = core.enter(snapshot, &catalogue, &calling)?;
            core.callers.remember(&calling, &entered);
            Ok(())
        };
        let entered = self.database.read(work).await;
        match entered {
            Err(Failure::Answer(stranger)) => stranger.into(),
            // The schema of now may have what was asked for.
            Err(Failure::Stale) => Failure::Stale,
            _ => refusal.into(),
        }
    }
}

/// How often a request has been begun again, and why.
#[derive(Debug, Default)]
pub(crate) struct Restarts {
    stale: usize,
    made: usize,
    /// Whether the caller's operations have been counted.
    is_counted: bool,
}

impl Restarts {
    /// Counts a request's operations, however often it is begun.
    pub(crate) fn count(&mut self, core: &Core, token: &TokenFacts, operations: u64) {
        if !std::mem::replace(&mut self.is_counted, true) {
            core.count(token, operations);
        }
    }
}

/// Why several changes were not made, and which of them it was.
pub(crate) struct Stopped {
    pub(crate) at: usize,
    pub(crate) failure: Failure,
}

impl<T: Into<Failure>> From<T> for Stopped {
    fn from(failure: T) -> Self {
        Self { at: 0, failure: failure.into() }
    }
}
