//! The reads that take long, and the threads that do nothing else.
//!
//! Which reads those are shows only while they run: a reading thread gives up what takes more than
//! [`SHORT`](super::work::SHORT) and hands it over here, where it is run again from its start. What was done of it by
//! then is lost, which is little beside what is to come. Few run at once and few may wait: each of them keeps a
//! processor busy for up to [`LONGEST`](super::work::LONGEST), so whoever sends many is told to send fewer.
//!
//! A connection is opened for each and closed behind it. That costs a fraction of what the read does, and a database on
//! which nobody asks for long reads keeps no memory for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::open::{self, Purpose};
use super::readers::{Ended, Reader};
use crate::Error;
use crate::pool::Read;
use crate::queue::{Queue, Refused};

/// How many threads do long reads.
pub(super) const THREADS: usize = 2;
/// The most long reads that wait for those threads: more than the service lets one user have under way at once (52), who
/// so waits instead of being refused and asking again, each time at the cost of a short read.
pub(super) const WAITING: usize = 64;

/// Where reading threads leave what is long.
pub(super) struct Handover {
    queue: Arc<Queue<Read>>,
    path: PathBuf,
}

impl Handover {
    pub(super) fn new(queue: &Arc<Queue<Read>>, path: &Path) -> Self {
        Self { queue: Arc::clone(queue), path: path.to_owned() }
    }

    /// Leaves a read that was given up, or answers it when too many wait.
    pub(super) fn leave(&self, job: Read) {
        let Err((job, refused)) = self.queue.try_push(job) else { return };
        let path = self.path.clone();
        job.finish(Err(match refused {
            Refused::Full(waiting) => Error::Busy { path, waiting },
            Refused::Closed => Error::Closed { path },
        }));
    }
}

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
