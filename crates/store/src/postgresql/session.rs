//! One connection: what is sent over it, and what state its transaction is in.
//!
//! Commands that give nothing back (`BEGIN`, savepoints) are not waited for: they are kept until the
//! next statement and travel with it, so that they cost no journey of their own. So does what a closure
//! expects to be as it was ([`Session::expect`]).

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::TryStreamExt;
use futures::future::join;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls, Statement};

use super::Server;
use super::failure::{Failure, explain};
use super::value::{Parameter, Row, type_of};
use crate::{Error, Prepared, Value};

/// Plans kept on the server for this connection. When there are more, all are forgotten.
const MOST_STATEMENTS: usize = 256;
/// The plan of a statement whose text is longer than this, in bytes, is not kept.
const LONGEST_KEPT: usize = 16 << 10;
/// How many statements are under way at once when one is repeated for many sets of values.
const SIDE_BY_SIDE: usize = 32;
/// How long a connection is given to say good-bye.
const FAREWELL: Duration = Duration::from_secs(1);

/// The columns of a unique index of this schema, in their order.
const INDEX_COLUMNS: &str = "SELECT t.relname::text, a.attname::text FROM pg_catalog.pg_index i \
     JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_class t ON t.oid = i.indrelid \
     CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place) \
     JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number \
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = $1 ORDER BY k.place";

/// The shorter of the times that a statement may wait for a lock and take in all where a session sets nothing else, in
/// milliseconds; nothing where both have no end.
const LONGEST_WAIT: &str = "SELECT min(nullif(reset_val::bigint, 0)) FROM pg_catalog.pg_settings \
     WHERE name IN ('lock_timeout', 'statement_timeout')";

/// A connection that knows its schema.
pub(crate) struct Session {
    runtime: Arc<Runtime>,
    client: Client,
    /// Carries what the client sends and gets while the runtime runs.
    carrier: JoinHandle<()>,
    pub(super) place: PathBuf,
    statements: RefCell<HashMap<Arc<str>, Statement>>,
    /// What is sent before the next statement.
    pending: RefCell<String>,
    /// Whether anything of the transaction has reached the server.
    begun: Cell<bool>,
    /// Whether each change gets a savepoint, so that the transaction outlives a unique violation.
    careful: Cell<bool>,
    /// Whether the closure under way may expect something.
    expects: Cell<bool>,
    /// Whether it has.
    has_expected: Cell<bool>,
    /// What it expects, and nobody has looked at yet.
    expected: RefCell<Option<Expected>>,
    failure: RefCell<Option<Failure>>,
    /// The unique index that refused a row.
    violated: RefCell<String>,
}

/// What rows are asked for, and whether they are as they were expected.
struct Expected {
    select: Prepared,
    values: Vec<Value>,
    is_so: IsSo,
}

/// Whether rows are as they were expected.
pub(crate) type IsSo = Box<dyn Fn(&[crate::Row<'_>]) -> Result<bool, Error> + Send>;

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn connect(runtime: &Arc<Runtime>, server: &Server, schema: &str) -> Result<Self, Error> {
        let place = server.schema(schema);
        let connected = runtime.block_on(server.config().connect(NoTls));
        let (client, connection) = connected.map_err(|error| explain(&error, &place, "").error())?;
        let carrier = runtime.spawn(async move {
            // How it ended is told to whoever uses the client next.
            drop(connection.await);
        });
        let session = Self {
            runtime: Arc::clone(runtime),
            client,
            carrier,
            place,
            statements: RefCell::default(),
            pending: RefCell::default(),
            begun: Cell::new(false),
            careful: Cell::new(false),
            expects: Cell::new(false),
            has_expected: Cell::new(false),
            expected: RefCell::default(),
            failure: RefCell::default(),
            violated: RefCell::default(),
        };
        session.now(&format!("SET search_path TO \"{schema}\""))?;
        Ok(session)
    }

    /// Whether the connection can be used no more.
    pub(super) fn is_over(&self) -> bool {
        self.client.is_closed()
    }

    /// Ends the connection, as far as the server takes part in that.
    pub(super) fn close(self) {
        let Self { runtime, client, carrier, statements, .. } = self;
        drop(statements);
        drop(client);
        let farewell = runtime.block_on(async { tokio::time::timeout(FAREWELL, carrier).await });
        // Nothing depends on it any more.
        drop(farewell);
    }

    /// Begins a transaction with this command. Nothing is sent before the first statement.
    pub(super) fn begin(&self, command: &str) {
        self.pending.replace(command.to_owned());
        self.failure.replace(None);
        self.begun.set(false);
        self.careful.set(false);
        self.expects.set(false);
        self.has_expected.set(false);
        self.expected.replace(None);
    }

    /// Lets the closure that is run next expect something.
    pub(super) fn may_expect(&self) {
        self.expects.set(true);
    }

    /// Takes rows to be as expected until the next journey, which asks for them; `false` when that is not the time for it.
    pub(crate) fn expect(&self, select: &Prepared, values: &[Value], is_so: IsSo) -> Result<bool, Error> {
        if !self.expects.get() || self.expected.borrow().is_some() {
            return Ok(false);
        }
        // Planned now, where it was not, so that nothing comes between what is asked then.
        self.statement(select, values)?;
        self.has_expected.set(true);
        self.expected.replace(Some(Expected { select: select.clone(), values: values.to_vec(), is_so }));
        Ok(true)
    }

    /// Whether the closure that was run last expected something.
    pub(super) fn has_expected(&self) -> bool {
        self.has_expected.get()
    }

    /// Asks for what is still only expected by a closure that has ended well.
    pub(super) fn settle(&self) {
        if self.expected.borrow().is_some() && self.failure.borrow().is_none() {
            let settled: Result<(), Stop<Error>> = self.runtime.block_on(self.after_pending(async { Ok(()) }));
            // What went wrong is noted; the closure has ended and is told nothing.
            drop(settled.map_err(|stop| stop.told(self, "")));
        }
    }

    /// Notes a command for the next journey.
    pub(super) fn later(&self, command: &str) {
        let mut pending = self.pending.borrow_mut();
        if !pending.is_empty() {
            pending.push(';');
        }
        pending.push_str(command);
    }

    /// Sends what waits, and this.
    pub(super) fn now(&self, command: &str) -> Result<(), Error> {
        self.later(command);
        let commands = self.pending.take();
        self.begun.set(true);
        self.runtime.block_on(self.client.batch_execute(&commands)).map_err(|error| self.failed(&error, &commands))
    }

    /// Ends a transaction that is to leave nothing behind.
    pub(super) fn roll_back(&self) {
        self.pending.take();
        if self.begun.take() && !self.is_over() {
            // When this fails the connection is gone, which rolls back too.
            drop(self.runtime.block_on(self.client.batch_execute("ROLLBACK")));
        }
        self.failure.replace(None);
    }

    /// Ends a transaction that has changed nothing, and does not wait for that: what is asked next comes behind it.
    pub(super) fn leave(&self) {
        self.pending.take();
        if self.begun.take() && !self.is_over() {
            self.runtime.block_on(async {
                let mut sent = pin!(self.client.batch_execute("ROLLBACK"));
                // The carrier sends it when it has its turn.
                drop(futures::poll!(sent.as_mut()));
                tokio::task::yield_now().await;
            });
        }
        self.failure.replace(None);
    }

    /// Commits. Nothing happens when nothing was asked of the server.
    pub(super) fn commit(&self) -> Result<(), Failure> {
        if !self.begun.get() {
            self.pending.take();
            return Ok(());
        }
        let commands = self.pending.take();
        if !commands.is_empty() {
            let sent = self.runtime.block_on(self.client.batch_execute(&commands));
            sent.map_err(|error| explain(&error, &self.place, &commands))?;
        }
        let committed = self.runtime.block_on(self.client.batch_execute("COMMIT"));
        self.begun.set(false);
        committed.map_err(|error| match explain(&error, &self.place, "") {
            // The server may have had it or not.
            Failure::Lost(_) => Failure::Broken(Error::Undecided { path: self.place.clone() }),
            failure => failure,
        })
    }

    /// How long a statement may wait for a lock by what the server's address or [`Server`] gives it; nothing where that is
    /// for ever. Asked outside of a transaction.
    pub(super) fn longest_wait(&self) -> Result<Option<Duration>, Error> {
        let asked = self.runtime.block_on(async {
            let row = self.client.query_one(LONGEST_WAIT, &[]).await?;
            row.try_get::<_, Option<i64>>(0)
        });
        let milliseconds = asked.map_err(|error| self.failed(&error, LONGEST_WAIT))?;
        Ok(milliseconds.map(|wait| Duration::from_millis(u64::try_from(wait).unwrap_or_default())))
    }

    /// From here on each change gets a savepoint, or no more.
    pub(super) fn be_careful(&self, careful: bool) {
        self.careful.set(careful);
    }

    /// What has become of the transaction since the last time; nothing when it is sound.
    pub(super) fn take_failure(&self) -> Option<Failure> {
        self.failure.take()
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Forgets all plans.
    pub(super) fn forget_statements(&self) {
        self.statements.take();
    }

    pub(crate) fn for_each<E: From<Error>>(
        &self,
        select: &Prepared,
        values: &[Value],
        mut each: impl FnMut(&crate::Row<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.walk(select, values, |row| each(row).map(|()| true))
    }

    pub(crate) fn first<T>(
        &self,
        select: &Prepared,
        values: &[Value],
        mut read: impl FnMut(&crate::Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let mut found = None;
        self.walk(select, values, |row| {
            found = Some(read(row)?);
            Ok::<_, Error>(false)
        })?;
        Ok(found)
    }

    /// Gives rows to `each` until it says `false` or there are no more.
    fn walk<E: From<Error>>(
        &self,
        select: &Prepared,
        values: &[Value],
        mut each: impl FnMut(&crate::Row<'_>) -> Result<bool, E>,
    ) -> Result<(), E> {
        if select.kinds().is_empty() {
            return Err(Error::Statement { reason: format!("this gives no rows to read: {select:?}") }.into());
        }
        let statement = self.statement(select, values)?;
        let walked = self.runtime.block_on(async {
            let rows = self.after_pending(self.client.query_raw(&statement, parameters(values))).await?;
            let mut rows = pin!(rows);
            while let Some(row) = rows.try_next().await.map_err(Stop::Engine)? {
                if !each(&crate::Row::postgresql(Row(&row), select.kinds())).map_err(Stop::Caller)? {
                    break;
                }
            }
            Ok(())
        });
        match walked {
            Ok(()) => Ok(()),
            Err(Stop::Caller(error)) => Err(error),
            Err(Stop::Engine(error)) => Err(self.failed(&error, select.postgresql()).into()),
            Err(Stop::Unexpected) => Err(self.unexpected().into()),
        }
    }

    pub(crate) fn execute(&self, prepared: &Prepared, values: &[Value]) -> Result<u64, Error> {
        if !prepared.kinds().is_empty() {
            return Err(Error::Statement { reason: format!("a select must be read, not executed: {prepared:?}") });
        }
        self.is_sound()?;
        if self.careful.get() {
            self.later("SAVEPOINT change");
        }
        let rows = if prepared.changes_the_schema() {
            // Done once: not worth a plan.
            self.now(prepared.postgresql()).map(|()| 0)
        } else {
            self.statement(prepared, values).and_then(|statement| {
                let execute = self.client.execute_raw(&statement, parameters(values));
                let rows: Result<u64, Stop<Error>> = self.runtime.block_on(self.after_pending(execute));
                rows.map_err(|stop| stop.told(self, prepared.postgresql()))
            })
        };
        if self.careful.get() {
            return self.after_careful(rows);
        }
        rows
    }

    /// Executes a statement once for each of these sets of values; many are under way at once.
    pub(crate) fn execute_each<V: AsRef<[Value]>>(
        &self,
        prepared: &Prepared,
        mut sets: impl Iterator<Item = V>,
        check: impl Fn(&[Value]) -> Result<(), Error>,
    ) -> Result<u64, Error> {
        let mut rows = 0;
        loop {
            let some: Vec<V> = sets.by_ref().take(SIDE_BY_SIDE).collect();
            some.iter().try_for_each(|values| check(values.as_ref()))?;
            let Some(first) = some.first() else { return Ok(rows) };
            if some.len() == 1 || self.careful.get() || !prepared.kinds().is_empty() {
                for values in &some {
                    rows += self.execute(prepared, values.as_ref())?;
                }
                continue;
            }
            let statement = self.statement(prepared, first.as_ref())?;
            let each = some.iter().map(|values| self.client.execute_raw(&statement, parameters(values.as_ref())));
            let done = self.runtime.block_on(self.after_pending(async {
                // Every one is let end: an answer that nobody takes would be in the way of the next.
                in_order(each.collect()).await.into_iter().sum::<Result<u64, _>>()
            }));
            rows += done.map_err(|stop: Stop<Error>| stop.told(self, prepared.postgresql()))?;
        }
    }

    /// After a change under a savepoint of its own: only what violates a unique index is undone alone.
    fn after_careful(&self, rows: Result<u64, Error>) -> Result<u64, Error> {
        let failed = self.failure.borrow().clone();
        match (&rows, failed) {
            (Err(_), Some(Failure::Violated)) => {
                self.failure.replace(None);
                let name = self.violated.take();
                self.now("ROLLBACK TO change; RELEASE change")?;
                Err(self.unique_violation(&name))
            }
            (Err(_), Some(_)) => rows,
            // Sound: also when nothing was sent.
            _ => {
                self.later("RELEASE change");
                rows
            }
        }
    }

    /// Which table and columns a unique index is about.
    fn unique_violation(&self, index: &str) -> Error {
        let found = self.runtime.block_on(async {
            let rows = self.client.query(INDEX_COLUMNS, &[&index]).await?;
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<Vec<(String, String)>, _>>()
        });
        match found {
            Ok(columns) => {
                let table = columns.first().map_or_else(|| index.to_owned(), |(table, _)| table.clone());
                Error::UniqueViolation { table, columns: columns.into_iter().map(|(_, column)| column).collect() }
            }
            Err(error) => self.failed(&error, INDEX_COLUMNS),
        }
    }

    /// The plan of a statement, made now or kept from an earlier time.
    fn statement(&self, prepared: &Prepared, values: &[Value]) -> Result<Statement, Error> {
        self.is_sound()?;
        let sql = prepared.postgresql();
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        // Planning looks at the tables, so the transaction must have begun.
        let waiting = self.pending.take();
        if !waiting.is_empty() {
            self.now(&waiting)?;
        }
        self.begun.set(true);
        // The values say of what type they are; of a NULL the statement does.
        let types: Vec<Type> = values.iter().map(type_of).collect();
        let planned = self.runtime.block_on(self.client.prepare_typed(sql, &types));
        let statement = planned.map_err(|error| self.failed(&error, sql))?;
        if sql.len() <= LONGEST_KEPT {
            let mut statements = self.statements.borrow_mut();
            if statements.len() >= MOST_STATEMENTS {
                statements.clear();
            }
            statements.insert(Arc::clone(sql), statement.clone());
        }
        Ok(statement)
    }

    /// Does this behind what waits, in one journey.
    async fn after_pending<T, E>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Stop<E>> {
        let (waiting, expected) = (self.pending.take(), self.expected.take());
        self.begun.set(true);
        if waiting.is_empty() && expected.is_none() {
            return work.await.map_err(Stop::Engine);
        }
        let commands = async { if waiting.is_empty() { Ok(()) } else { self.client.batch_execute(&waiting).await } };
        let is_so = async {
            match &expected {
                Some(expected) => self.is_so(expected).await,
                None => Ok(true),
            }
        };
        // All are sent before any is answered, in this order.
        let (before, (is_so, done)) = join(commands, join(is_so, work)).await;
        if !before.and(is_so).map_err(Stop::Engine)? {
            // What else was asked may have failed for the same reason.
            return Err(Stop::Unexpected);
        }
        done.map_err(Stop::Engine)
    }

    /// Whether rows are as they were expected.
    async fn is_so(&self, expected: &Expected) -> Result<bool, tokio_postgres::Error> {
        let Some(statement) = self.statements.borrow().get(expected.select.postgresql()).cloned() else {
            return Ok(false);
        };
        let rows = self.client.query_raw(&statement, parameters(&expected.values)).await?;
        let rows: Vec<tokio_postgres::Row> = rows.try_collect().await?;
        let kinds = expected.select.kinds();
        let rows: Vec<_> = rows.iter().map(|row| crate::Row::postgresql(Row(row), kinds)).collect();
        // What cannot be read is not as expected: whoever asks for it is told why.
        Ok((expected.is_so)(&rows).unwrap_or(false))
    }

    /// Notes that something is not as it was expected; gives what the closure is told.
    fn unexpected(&self) -> Error {
        self.failure.borrow_mut().get_or_insert(Failure::Unexpected).error()
    }

    /// After what was given up nothing is sent any more.
    fn is_sound(&self) -> Result<(), Error> {
        self.failure.borrow().as_ref().map_or(Ok(()), |failure| Err(failure.error()))
    }

    /// Notes what an error does to the transaction; gives what the closure is told.
    fn failed(&self, error: &tokio_postgres::Error, sql: &str) -> Error {
        let failure = explain(error, &self.place, sql);
        let told = failure.error();
        match failure {
            Failure::Unsent(_) => {}
            failure => {
                if let Some(index) = error.as_db_error().and_then(|said| said.constraint()) {
                    self.violated.replace(index.to_owned());
                }
                // The first is the one that counts.
                self.failure.borrow_mut().get_or_insert(failure);
            }
        }
        told
    }
}

/// Why rows were not read to the end.
enum Stop<E> {
    Engine(tokio_postgres::Error),
    Caller(E),
    Unexpected,
}

impl Stop<Error> {
    fn told(self, session: &Session, sql: &str) -> Error {
        match self {
            Self::Engine(error) => session.failed(&error, sql),
            Self::Caller(error) => error,
            Self::Unexpected => session.unexpected(),
        }
    }
}

fn parameters(values: &[Value]) -> impl ExactSizeIterator<Item = Parameter<'_>> {
    values.iter().map(Parameter)
}

/// Begins all of these in their order, and waits for all.
async fn in_order<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        let mut all_done = true;
        for (future, output) in &mut running {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(done) => *output = Some(done),
                    Poll::Pending => all_done = false,
                }
            }
        }
        if all_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}
