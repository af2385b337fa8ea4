//! How a group ends when its commit, or the disk, fails: made to happen on a connection of our own.

use std::sync::{Arc, Mutex};

use super::*;
use crate::Kind;
use crate::Prepared;
use crate::statement::{Delete, Expr, Insert, Select, all, column};

/// How each write ended.
type Ends = Vec<(i64, Result<(), Error>)>;

/// A write that inserts one number and notes how it ended.
struct Note {
    number: i64,
    insert: Prepared,
    ends: Arc<Mutex<Ends>>,
    own: Result<(), Error>,
    /// What it does besides, and whether it minds how that ends.
    more: Option<More>,
}

#[derive(Clone)]
struct More {
    statement: Prepared,
    minds: bool,
}

impl WriteJob for Note {
    fn is_wanted(&self) -> bool {
        true
    }

    fn run(&mut self, transaction: &mut Transaction<'_>) -> bool {
        self.own = transaction.execute(&self.insert, &[self.number.into()]).map(drop);
        if let Some(More { statement, minds }) = &self.more {
            let ended = match statement.kinds() {
                [] => transaction.execute(statement, &[]).map(drop),
                _ => transaction.exists(statement, &[]).map(drop),
            };
            // Who does not mind goes on writing.
            self.own = if *minds { ended } else { transaction.execute(&self.insert, &[0.into()]).map(drop).or(Ok(())) };
        }
        self.own.is_ok()
    }

    fn forget(&mut self) {}

    fn finish(self: Box<Self>, committed: Result<(), Error>) {
        let end = self.own.clone().and(committed);
        self.ends.lock().unwrap().push((self.number, end));
    }
}

fn run(writer: &Writer, numbers: impl IntoIterator<Item = i64>) -> Ends {
    run_with(writer, numbers, |_| None)
}

fn run_with(writer: &Writer, numbers: impl IntoIterator<Item = i64>, more: impl Fn(i64) -> Option<More>) -> Ends {
    let insert = Prepared::new(Insert::into("child").columns(["parent"])).unwrap();
    let ends = Arc::new(Mutex::new(Vec::new()));
    let mut group = Vec::new();
    for number in numbers {
        let (insert, ends) = (insert.clone(), Arc::clone(&ends));
        group.push(Box::new(Note { number, insert, ends, own: Ok(()), more: more(number) }) as Write);
    }
    writer.run(&mut group);
    ends.lock().unwrap().clone()
}

fn writer(folder: &tempfile::TempDir) -> Writer {
    Writer::new(connection(folder), LONGEST).unwrap()
}

fn connection(folder: &tempfile::TempDir) -> Connection {
    let connection = open::connect(&folder.path().join("t.db"), Purpose::Write { durability: None }).unwrap();
    connection
        .run(
            "PRAGMA foreign_keys = ON;
             CREATE TABLE parent (id INTEGER PRIMARY KEY);
             CREATE TABLE child (parent INTEGER UNIQUE REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
             INSERT INTO parent VALUES (1), (2);",
        )
        .unwrap();
    connection
}

fn rows(writer: &Writer) -> i64 {
    writer.connection.raw.query_row("SELECT count(*) FROM child", [], |row| row.get(0)).unwrap()
}

#[test]
fn when_the_commit_fails_everyone_is_told_and_nothing_stays() {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder);
    // 7 has no parent, which SQLite notices only at the commit.
    let ends = run(&writer, [1, 7, 2]);
    assert_eq!(ends.len(), 3);
    assert!(ends.iter().all(|(_, end)| matches!(end, Err(Error::Engine { .. }))), "{ends:?}");
    assert_eq!(rows(&writer), 0);
    assert!(run(&writer, [1, 2]).iter().all(|(_, end)| end.is_ok()));
    assert_eq!(rows(&writer), 2);
}

#[test]
fn a_failing_write_keeps_its_own_error_when_the_commit_fails_too() {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder);
    let ends = run(&writer, [1, 1, 7]);
    assert!(matches!(ends[0], (1, Err(Error::Engine { .. }))));
    assert!(matches!(ends[1], (1, Err(Error::UniqueViolation { .. }))));
}

#[test]
fn a_full_disk_fails_every_waiter() {
    let folder = tempfile::tempdir().unwrap();
    let writer = writer(&folder);
    let connection = &writer.connection;
    connection.run("CREATE TABLE filler (x BLOB); PRAGMA foreign_keys = OFF; PRAGMA cache_size = 1;").unwrap();
    let pages: i64 = connection.raw.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    connection.raw.query_row(&format!("PRAGMA max_page_count = {}", pages + 2), [], |_| Ok(())).unwrap();
    let ends = run(&writer, 0..60_000);
    assert_eq!(ends.len(), 60_000);
    let full = ends.iter().filter(|(_, end)| matches!(end, Err(Error::NoRoom { .. }))).count();
    assert!(full > 0);
    // What was said to be kept is what was kept, whichever way SQLite chose.
    let kept = ends.iter().filter(|(_, end)| end.is_ok()).count();
    assert_eq!(rows(&writer), i64::try_from(kept).unwrap());
}

/// Who takes too much is told so and leaves nothing; the others are kept, each once.
fn only_the_greedy_are_ended(more: &More) {
    let folder = tempfile::tempdir().unwrap();
    let connection = connection(&folder);
    connection.run("PRAGMA foreign_keys = OFF; CREATE TABLE log (i INTEGER);").unwrap();
    connection.run("INSERT INTO log VALUES (1), (2), (3), (4), (5), (6), (7), (8);").unwrap();
    let writer = Writer::new(connection, 20).unwrap();
    let mut ends = run_with(&writer, 1..=6, |number| [2, 5].contains(&number).then(|| more.clone()));
    ends.sort_by_key(|(number, _)| *number);
    for (number, end) in &ends {
        assert_eq!(matches!(end, Err(Error::TooLong { .. })), [2, 5].contains(number), "{ends:?}");
        assert_eq!(end.is_ok(), ![2, 5].contains(number), "{ends:?}");
    }
    let kept = "SELECT group_concat(parent, ' ') FROM (SELECT parent FROM child ORDER BY parent)";
    let kept: String = writer.connection.raw.query_row(kept, [], |row| row.get(0)).unwrap();
    assert_eq!(kept, "1 3 4 6");
    let logged: i64 = writer.connection.raw.query_row("SELECT count(*) FROM log", [], |row| row.get(0)).unwrap();
    assert_eq!(logged, 8);
    // The bound is each write's own: many that are small are not ended.
    assert!(run(&writer, 100..3_000).iter().all(|(_, end)| end.is_ok()));
}

/// Counts a table joined to itself until it is far too much.
fn endless_select() -> Select {
    let select = Select::from("log").project(Expr::Count, Kind::Integer);
    ["a", "b", "c", "d", "e", "f", "g"].into_iter().fold(select, |to, name| to.join("log", name, all([])))
}

/// The same in the middle of a change.
fn endless_change() -> Prepared {
    let select = Box::new(endless_select());
    Prepared::new(Delete::from("log").filter(Expr::InSelect(Box::new(column("i")), select))).unwrap()
}

#[test]
fn a_write_that_reads_without_end_is_ended_alone() {
    let statement = Prepared::new(endless_select()).unwrap();
    only_the_greedy_are_ended(&More { statement: statement.clone(), minds: true });
    only_the_greedy_are_ended(&More { statement, minds: false });
}

#[test]
fn a_write_that_changes_without_end_is_ended_alone() {
    only_the_greedy_are_ended(&More { statement: endless_change(), minds: true });
    only_the_greedy_are_ended(&More { statement: endless_change(), minds: false });
}
