//! An acknowledged write survives the sudden end of the process.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use keyholder_store::{Database, DatabaseOptions, Error};

use crate::{add, migrations, numbers};

/// Names the database of the child; its presence turns the test below into the writer.
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
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::acknowledged_writes_survive_sigkill", "--nocapture"])
        .env(WRITER, &path)
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

    let database = Database::open(&DatabaseOptions::file(&path), &migrations()).unwrap();
    let found = numbers(&database).await;
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
