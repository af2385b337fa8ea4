//! Small reads, done by whoever asks, and how they fall back on the reading threads; long ones, which fall to threads of
//! their own.

use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;

use keyholder_store::statement::{AddColumn, ColumnDefinition, Expr, Select, all as every, column};
use keyholder_store::{Database, DatabaseOptions, Error, Kind, Prepared, Snapshot};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::{add, ephemeral, migrations, server, server_with};

/// More rows than a read may go through on the thread that asks.
const MANY: i64 = 20_000;

fn all() -> Prepared {
    let select = Select::from("note").column("number", Kind::Integer).order_by(column("number").ascending());
    Prepared::new(select).unwrap()
}

/// How many notes there are, and on which thread they were counted.
fn count(snapshot: &mut Snapshot<'_>) -> Result<(usize, Option<String>), Error> {
    let numbers: Vec<i64> = snapshot.list(&all(), &[], |row| row.get(0))?;
    Ok((numbers.len(), thread::current().name().map(str::to_owned)))
}

async fn fill(database: &Database, rows: i64) {
    let add = add();
    let fill = move |tx: &mut keyholder_store::Transaction<'_>| {
        tx.execute_each(&add, (0..rows).map(|number| [number.into(), format!("note {number}").into()]))
    };
    database.write::<_, Error, _>(fill).await.unwrap();
}

#[tokio::test]
async fn a_small_read_is_done_by_whoever_asks() {
    let database = ephemeral();
    fill(&database, 3).await;
    let asking = thread::current().name().map(str::to_owned);
    assert_eq!(database.read_little(count).await, Ok((3, asking)));
}

#[tokio::test]
async fn a_read_that_turns_out_long_is_done_by_a_reading_thread() {
    let database = ephemeral();
    fill(&database, MANY).await;
    let reading = Some("store-reader".to_owned());
    assert_eq!(database.read_little(count).await, Ok((MANY as usize, reading)));
    // What was given up leaves nothing behind: the connection is as good as before.
    let few = |snapshot: &mut Snapshot<'_>| snapshot.first(&all(), &[], |row| row.get::<i64>(0));
    assert_eq!(database.read_little::<_, Error, _>(few).await, Ok(Some(0)));
    fill_more(&database).await;
    assert_eq!(database.read_little(count).await.map(|(count, _)| count), Ok(MANY as usize + 1));
}

async fn fill_more(database: &Database) {
    let add = add();
    database.write::<_, Error, _>(move |tx| tx.execute(&add, &[MANY.into(), "one more".into()])).await.unwrap();
}

#[tokio::test]
async fn a_closure_that_hides_that_it_was_given_up_is_run_again_all_the_same() {
    let database = ephemeral();
    fill(&database, MANY).await;
    let hiding = |snapshot: &mut Snapshot<'_>| Ok::<_, Error>(count(snapshot).map_or(0, |(count, _)| count));
    assert_eq!(database.read_little(hiding).await, Ok(MANY as usize));
}

#[tokio::test]
async fn small_reads_see_what_was_written_before_them() {
    let database = ephemeral();
    for rows in 1..20_i64 {
        let add = add();
        let write = move |tx: &mut keyholder_store::Transaction<'_>| {
            tx.execute(&add, &[rows.into(), format!("note {rows}").into()])
        };
        database.write::<_, Error, _>(write).await.unwrap();
        assert_eq!(database.read_little(count).await.map(|(count, _)| count), Ok(rows as usize));
    }
}

#[tokio::test]
async fn a_panic_in_a_small_read_reaches_its_caller_and_nobody_else() {
    let database = Database::open(&DatabaseOptions::ephemeral().readers(1), &migrations()).unwrap();
    for _ in 0..3 {
        let shaky = database.clone();
        let panicked =
            tokio::spawn(async move { shaky.read_little::<(), Error, _>(|_| panic!("a bug in a closure")).await });
        assert!(panicked.await.unwrap_err().is_panic());
    }
    assert_eq!(database.read_little(count).await.map(|(count, _)| count), Ok(0));
}

#[tokio::test]
async fn while_every_connection_is_in_use_small_reads_wait_their_turn() {
    let database = Database::open(&DatabaseOptions::ephemeral().readers(1), &migrations()).unwrap();
    let (begun, go) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let long = {
        let (database, begun, go) = (database.clone(), Arc::clone(&begun), Arc::clone(&go));
        tokio::spawn(async move {
            let work = move |_: &mut Snapshot<'_>| {
                begun.wait();
                go.wait();
                Ok::<_, Error>(())
            };
            database.read(work).await
        })
    };
    tokio::task::yield_now().await;
    begun.wait();
    let (waited, _) = tokio::join!(database.read_little(count), async { go.wait() });
    assert_eq!(waited, Ok((0, Some("store-reader".to_owned()))));
    long.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_closed_database_takes_no_small_reads() {
    let database = ephemeral();
    let other = database.clone();
    database.close();
    assert!(matches!(other.read_little(count).await, Err(Error::Closed { .. })));
}

/// So many notes make a long read of [`LongReads::ask`].
const SOME: i64 = 200;
/// What such a read counts: the notes three times over.
const COUNTED: i64 = SOME * SOME * SOME;

/// Reads that go through more than a short one may, for minutes if they are let. On the thread where long ones are done they
/// wait to be let go, and then go through less.
struct LongReads {
    database: Database,
    tell: UnboundedSender<Option<String>>,
    begun: UnboundedReceiver<Option<String>>,
    gate: Arc<Mutex<mpsc::Receiver<()>>>,
    hold: mpsc::Sender<()>,
}

impl LongReads {
    async fn on(options: DatabaseOptions) -> Self {
        let database = Database::open(&options, &migrations()).unwrap();
        fill(&database, SOME).await;
        let (tell, begun) = unbounded_channel();
        let (hold, gate) = mpsc::channel();
        Self { database, tell, begun, gate: Arc::new(Mutex::new(gate)), hold }
    }

    fn ask(&self) -> JoinHandle<Result<Option<i64>, Error>> {
        let select = Select::from("note").project(Expr::Count, Kind::Integer);
        let select = select.join("note", "second", every([])).join("note", "third", every([]));
        let endless = select.clone().join("note", "fourth", every([])).join("note", "fifth", every([]));
        let (select, endless) = (Prepared::new(select).unwrap(), Prepared::new(endless).unwrap());
        let (tell, gate, database) = (self.tell.clone(), Arc::clone(&self.gate), self.database.clone());
        let work = move |snapshot: &mut Snapshot<'_>| {
            let thread = thread::current().name().map(str::to_owned);
            let is_held = thread.as_deref() == Some(LONG);
            tell.send(thread).unwrap();
            if is_held {
                // Nothing is ever sent: it goes on when the other end is dropped.
                gate.lock().unwrap().recv().unwrap_err();
            }
            snapshot.first(if is_held { &select } else { &endless }, &[], |row| row.get(0))
        };
        tokio::spawn(async move { database.read(work).await })
    }

    /// Waits until a read begins on a thread of this name.
    async fn begins_on(&mut self, name: &str) {
        while self.begun.recv().await.unwrap().as_deref() != Some(name) {}
    }
}

const SHORT: &str = "store-reader";
const LONG: &str = "store-long-read";

/// A schema of its own on a server, where there is one.
fn on_postgresql() -> Option<DatabaseOptions> {
    let cluster = keyholder_cluster::server()?;
    Some(DatabaseOptions::postgresql(&server(cluster), cluster.fresh_schema()))
}

#[tokio::test]
async fn short_reads_go_on_beside_more_long_ones_than_are_done_at_once() {
    short_reads_go_on_beside_long_ones(DatabaseOptions::ephemeral()).await;
}

#[tokio::test]
async fn so_they_do_on_postgresql() {
    let Some(options) = on_postgresql() else { return };
    short_reads_go_on_beside_long_ones(options).await;
}

async fn short_reads_go_on_beside_long_ones(options: DatabaseOptions) {
    let mut long = LongReads::on(options).await;
    let asked: Vec<_> = (0..12).map(|_| long.ask()).collect();
    long.begins_on(LONG).await;
    long.begins_on(LONG).await;
    let short = Some(SHORT.to_owned());
    for _ in 0..3 {
        assert_eq!(long.database.read(count).await, Ok((SOME as usize, short.clone())));
        assert_eq!(long.database.read_little(count).await.map(|(count, _)| count), Ok(SOME as usize));
    }
    assert!(asked.iter().all(|read| !read.is_finished()));
    drop(long.hold);
    for read in asked {
        assert_eq!(read.await.unwrap(), Ok(Some(COUNTED)));
    }
}

#[tokio::test]
async fn more_long_reads_than_may_wait_are_refused_and_short_ones_are_not() {
    for options in [Some(DatabaseOptions::ephemeral()), on_postgresql()].into_iter().flatten() {
        long_reads_that_may_not_wait_are_refused(options.readers(1).queue(1)).await;
    }
}

async fn long_reads_that_may_not_wait_are_refused(options: DatabaseOptions) {
    let mut long = LongReads::on(options).await;
    let mut asked = Vec::new();
    for _ in 0..2 {
        asked.push(long.ask());
        long.begins_on(LONG).await;
    }
    // One waits for a thread. When the next one is taken, the only reader has left it there.
    for _ in 0..2 {
        asked.push(long.ask());
        long.begins_on(SHORT).await;
    }
    let refused = asked.pop().unwrap().await.unwrap();
    assert!(matches!(refused, Err(Error::Busy { waiting: 1, .. })), "{refused:?}");
    assert_eq!(long.database.read(count).await.map(|(count, _)| count), Ok(SOME as usize));
    drop(long.hold);
    for read in asked {
        assert_eq!(read.await.unwrap(), Ok(Some(COUNTED)));
    }
}

#[tokio::test]
async fn a_long_read_that_is_under_way_is_done_before_the_database_is_closed() {
    for options in [Some(DatabaseOptions::ephemeral()), on_postgresql()].into_iter().flatten() {
        let mut long = LongReads::on(options).await;
        let read = long.ask();
        long.begins_on(SHORT).await;
        drop(long.hold);
        long.database.close();
        assert_eq!(read.await.unwrap(), Ok(Some(COUNTED)));
    }
}

/// Changes a table, and keeps it locked until what holds it is dropped.
async fn lock_notes(database: &Database) -> (mpsc::Sender<()>, JoinHandle<Result<(), Error>>) {
    let (changed, is_changed) = tokio::sync::oneshot::channel();
    let (hold, gate) = mpsc::channel::<()>();
    let (changed, gate) = (Mutex::new(Some(changed)), Mutex::new(gate));
    let add = AddColumn { table: "note".into(), column: ColumnDefinition::optional("more", Kind::Integer) };
    let add = Prepared::new(add).unwrap();
    let writes = database.clone();
    let change = tokio::spawn(async move {
        let work = move |tx: &mut keyholder_store::Transaction<'_>| {
            tx.execute(&add, &[])?;
            changed.lock().unwrap().take().unwrap().send(()).unwrap();
            gate.lock().unwrap().recv().unwrap_err();
            Ok::<_, Error>(())
        };
        writes.write(work).await
    });
    is_changed.await.unwrap();
    (hold, change)
}

#[tokio::test]
async fn on_postgresql_a_read_that_waits_for_a_lock_is_no_long_one() {
    let Some(options) = on_postgresql() else { return };
    let database = Database::open(&options.readers(1), &migrations()).unwrap();
    fill(&database, 3).await;
    let (hold, change) = lock_notes(&database).await;
    let (tell, mut begun) = unbounded_channel();
    let reads = database.clone();
    let read = tokio::spawn(async move {
        let work = move |snapshot: &mut Snapshot<'_>| {
            tell.send(thread::current().name().map(str::to_owned)).unwrap();
            count(snapshot)
        };
        reads.read(work).await
    });
    // It waits on the same thread, however often it begins.
    for _ in 0..3 {
        assert_eq!(begun.recv().await.unwrap().as_deref(), Some(SHORT));
    }
    drop(hold);
    change.await.unwrap().unwrap();
    assert_eq!(read.await.unwrap(), Ok((3, Some(SHORT.to_owned()))));
}

#[tokio::test]
async fn on_postgresql_a_long_read_that_has_waited_for_a_lock_keeps_no_short_one_waiting() {
    let Some(cluster) = keyholder_cluster::server() else { return };
    // What is not given up on the only reading thread would be there for ever.
    let server = server_with(cluster, "?options=-c%20statement_timeout%3D0");
    let options = DatabaseOptions::postgresql(&server, cluster.fresh_schema());
    let mut long = LongReads::on(options.readers(1)).await;
    let (hold, change) = lock_notes(&long.database).await;
    let asked = long.ask();
    for _ in 0..2 {
        long.begins_on(SHORT).await;
    }
    drop(hold);
    change.await.unwrap().unwrap();
    long.begins_on(LONG).await;
    assert_eq!(long.database.read(count).await, Ok((SOME as usize, Some(SHORT.to_owned()))));
    assert!(!asked.is_finished());
    drop(long.hold);
    assert_eq!(asked.await.unwrap(), Ok(Some(COUNTED)));
}

#[tokio::test]
async fn on_postgresql_a_read_waits_for_a_lock_as_long_as_the_address_says() {
    let Some(cluster) = keyholder_cluster::server() else { return };
    let server = server_with(cluster, "?options=-c%20lock_timeout%3D900ms");
    let options = DatabaseOptions::postgresql(&server, cluster.fresh_schema());
    let database = Database::open(&options.readers(1), &migrations()).unwrap();
    let (hold, change) = lock_notes(&database).await;
    let refused = database.read(count).await;
    assert!(matches!(refused, Err(Error::Contended { .. })), "{refused:?}");
    drop(hold);
    change.await.unwrap().unwrap();
    assert_eq!(database.read(count).await, Ok((0, Some(SHORT.to_owned()))));
}
