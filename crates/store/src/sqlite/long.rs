//! The threads that do nothing but long reads, as reading threads hand them over.
//!
//! A reading thread gives up what takes more than [`SHORT`](super::work::SHORT); each read here keeps a processor busy for
//! up to [`LONGEST`](super::work::LONGEST).
//!
//! A connection is opened for each and closed behind it. That costs a fraction of what the read does, and a database on
//! which nobody asks for long reads keeps no memory for them.

use std::path::Path;

use super::open::{self, Purpose};
use super::readers::{Ended, Reader};
use crate::Error;
use crate::pool::Read;
use crate::queue::Queue;

/// Does long reads, each on a connection of its own and of so many periods at most, until the queue is closed and empty.
pub(super) fn run(queue: &Queue<Read>, path: &Path, longest: u32) {
    let mut next = Vec::with_capacity(1);
    loop {
        queue.take(1, &mut next);
        let Some(job) = next.pop() else { return };
        if !job.is_wanted() {
            continue;
        }
        match open::connect(path, Purpose::Read).and_then(|connection| Reader::new(connection, longest)) {
            Ok(reader) => {
                if let Ended::TooMuch(job) = reader.run(job) {
                    job.finish(Err(Error::TooLong { path: path.to_owned() }));
                }
            }
            Err(error) => job.finish(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Job;
    use crate::statement::{Expr, Select, all};
    use crate::{Kind, Prepared, Snapshot};

    #[test]
    fn a_read_without_end_is_ended_and_the_next_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        let connection = open::connect(&path, Purpose::Write { durability: None }).unwrap();
        connection
            .run("CREATE TABLE n (i INTEGER); INSERT INTO n VALUES (1), (2), (3), (4), (5), (6), (7), (8);")
            .unwrap();
        let queue: Queue<Read> = Queue::new(3);
        let push = |tables: usize, hides: bool| {
            let names = ["a", "b", "c", "d", "e", "f", "g"];
            let select = names
                .into_iter()
                .take(tables)
                .fold(Select::from("n").project(Expr::Count, Kind::Integer), |select, name| {
                    select.join("n", name, all([]))
                });
            let select = Prepared::new(select).unwrap();
            let work = move |snapshot: &mut Snapshot<'_>| {
                let count = snapshot.first(&select, &[], |row| row.get::<i64>(0));
                if hides { Ok(count.unwrap_or_default()) } else { count }
            };
            let (job, answer) = Job::<Option<i64>, Error, _>::new(work);
            assert!(queue.push(Box::new(job)).is_ok());
            answer
        };
        let mut answers = [push(7, false), push(7, true), push(1, false)];
        queue.close();
        run(&queue, &path, 20);
        let [first, second, third] = answers.each_mut().map(|answer| answer.try_recv().unwrap().unwrap());
        assert!(matches!(first, Err(Error::TooLong { .. })), "{first:?}");
        assert!(matches!(second, Err(Error::TooLong { .. })), "{second:?}");
        assert_eq!(third, Ok(Some(64)));
    }
}
