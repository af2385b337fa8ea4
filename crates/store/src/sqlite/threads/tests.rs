//! How a group ends when its commit, or the disk, fails: made to happen on a connection of our own.

use std::sync::{Arc, Mutex};

use super::*;
use crate::Prepared;
use crate::statement::Insert;

/// How each write ended.
type Ends = Vec<(i64, Result<(), Error>)>;

/// A write that inserts one number and notes how it ended.
struct Note {
    number: i64,
    insert: Prepared,
    ends: Arc<Mutex<Ends>>,
    own: Result<(), Error>,
}

impl WriteJob for Note {
    fn is_wanted(&self) -> bool {
        true
    }

    fn run(&mut self, transaction: &mut Transaction<'_>) -> bool {
        self.own = transaction.execute(&self.insert, &[self.number.into()]).map(drop);
        self.own.is_ok()
    }

    fn finish(self: Box<Self>, committed: Result<(), Error>) {
        let end = self.own.clone().and(committed);
        self.ends.lock().unwrap().push((self.number, end));
    }
}

fn run(connection: &Connection, numbers: impl IntoIterator<Item = i64>) -> Ends {
    let insert = Prepared::new(Insert::into("child").columns(["parent"])).unwrap();
    let ends = Arc::new(Mutex::new(Vec::new()));
    let mut group = Vec::new();
    for number in numbers {
        let (insert, ends) = (insert.clone(), Arc::clone(&ends));
        group.push(Box::new(Note { number, insert, ends, own: Ok(()) }) as Write);
    }
    run_group(connection, &mut group);
    ends.lock().unwrap().clone()
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

fn rows(connection: &Connection) -> i64 {
    connection.raw.query_row("SELECT count(*) FROM child", [], |row| row.get(0)).unwrap()
}

#[test]
fn when_the_commit_fails_everyone_is_told_and_nothing_stays() {
    let folder = tempfile::tempdir().unwrap();
    let connection = connection(&folder);
    // 7 has no parent, which SQLite notices only at the commit.
    let ends = run(&connection, [1, 7, 2]);
    assert_eq!(ends.len(), 3);
    assert!(ends.iter().all(|(_, end)| matches!(end, Err(Error::Engine { .. }))), "{ends:?}");
    assert_eq!(rows(&connection), 0);
    assert!(run(&connection, [1, 2]).iter().all(|(_, end)| end.is_ok()));
    assert_eq!(rows(&connection), 2);
}

#[test]
fn a_failing_write_keeps_its_own_error_when_the_commit_fails_too() {
    let folder = tempfile::tempdir().unwrap();
    let connection = connection(&folder);
    let ends = run(&connection, [1, 1, 7]);
    assert!(matches!(ends[0], (1, Err(Error::Engine { .. }))));
    assert!(matches!(ends[1], (1, Err(Error::UniqueViolation { .. }))));
}

#[test]
fn a_full_disk_fails_every_waiter() {
    let folder = tempfile::tempdir().unwrap();
    let connection = connection(&folder);
    connection.run("CREATE TABLE filler (x BLOB); PRAGMA foreign_keys = OFF; PRAGMA cache_size = 1;").unwrap();
    let pages: i64 = connection.raw.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    connection.raw.query_row(&format!("PRAGMA max_page_count = {}", pages + 2), [], |_| Ok(())).unwrap();
    let ends = run(&connection, 0..60_000);
    assert_eq!(ends.len(), 60_000);
    let full = ends.iter().filter(|(_, end)| matches!(end, Err(Error::NoRoom { .. }))).count();
    assert!(full > 0);
    // What was said to be kept is what was kept, whichever way SQLite chose.
    let kept = ends.iter().filter(|(_, end)| end.is_ok()).count();
    assert_eq!(rows(&connection), i64::try_from(kept).unwrap());
}
