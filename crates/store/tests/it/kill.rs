//! An acknowledged write survives the sudden end of the process, on both stores.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;

use keyholder_foundation::{OsRandom, Secret};
use keyholder_platform::RuntimeSleep;
use keyholder_store::{Database, DatabaseOptions, Error, Server};

use crate::{add, migrations, numbers, server};

/// Names the database of the child, a file or a server's address and a schema; its presence turns the
/// tests below into the writer.
const WRITER: &str = "KEYHOLDER_STORE_TEST_WRITER";
/// After this many acknowledged rows the writer is killed.
const ROWS: usize = 400;

#[tokio::test]
async fn acknowledged_writes_survive_sigkill() {
    if let Some(path) = std::env::var_os(WRITER) {
        return write_until_killed(&Database::open(&DatabaseOptions::file(path), &migrations()).unwrap()).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let acknowledged = kill_a_writer("kill::acknowledged_writes_survive_sigkill", path.as_os_str());
    assert_kept(&Database::open(&DatabaseOptions::file(&path), &migrations()).unwrap(), &acknowledged).await;
}

#[tokio::test]
async fn acknowledged_writes_survive_sigkill_on_postgresql() {
    if let Some(place) = std::env::var_os(WRITER) {
        let place = place.into_string().unwrap();
        let (url, schema) = place.split_once(' ').unwrap();
        let server = Server::parse(&Secret::new(url), Arc::new(OsRandom), Arc::new(RuntimeSleep)).unwrap();
        let options = DatabaseOptions::postgresql(&server, schema);
        return write_until_killed(&Database::open(&options, &migrations()).unwrap()).await;
    }
    let Some(cluster) = keyholder_cluster::server() else { return };
    let schema = cluster.fresh_schema();
    // This node is there before and while the other is killed.
    let options = DatabaseOptions::postgresql(&server(cluster), &schema);
    let database = Database::open(&options, &migrations()).unwrap();
    let place = format!("{} {schema}", cluster.url("postgres"));
    let acknowledged = kill_a_writer("kill::acknowledged_writes_survive_sigkill_on_postgresql", OsStr::new(&place));
    assert_kept(&database, &acknowledged).await;
    let add = add();
    let goes_on = database.write::<_, Error, _>(move |tx| tx.execute(&add, &[(-1).into(), "goes on".into()]));
    assert_eq!(goes_on.await, Ok(1));
}

/// Starts this test as the writer, and kills it in the middle; gives what it had acknowledged.
fn kill_a_writer(test: &str, database: &OsStr) -> Vec<i64> {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(WRITER, database)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines().map_while(Result::ok);
    let number = |line: String| line.strip_prefix("kept ").map(|number| number.parse::<i64>().unwrap());
    let mut acknowledged: Vec<i64> = lines.by_ref().filter_map(number).take(ROWS).collect();
    writer.kill().unwrap();
    // What was acknowledged between the last look and the kill still lies in the pipe. Only whole
    // lines end in a newline; the last may be cut, and a cut number could be another one.
    let mut rest: Vec<String> = lines.collect();
    rest.pop();
    acknowledged.extend(rest.into_iter().filter_map(number));
    writer.wait().unwrap();
    assert!(acknowledged.len() >= ROWS, "the writer ended by itself after {} rows", acknowledged.len());
    acknowledged
}

async fn assert_kept(database: &Database, acknowledged: &[i64]) {
    let found = numbers(database).await;
    let lost: Vec<_> = acknowledged.iter().filter(|number| found.binary_search(number).is_err()).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

async fn write_until_killed(database: &Database) {
    let write = async |number: i64| {
        let add = add();
        let wrote: Result<u64, Error> =
            database.write(move |tx| tx.execute(&add, &[number.into(), format!("note {number}").into()])).await;
        wrote.unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "kept {number}").and_then(|()| out.flush()).unwrap();
    };
    // Three at a time, so that the kill falls into groups too.
    for number in (0..).step_by(3) {
        tokio::join!(write(number), write(number + 1), write(number + 2));
    }
}
