//! Reads that turn out long, on their way from the threads that do short ones to the few that do nothing else.
//!
//! Which reads those are shows only while they run: a reading thread gives up what takes too long for it and hands it
//! over here, where it is run again from its start, as every closure allows. What was done of it by then is lost, which
//! is little beside what is to come. Few run at once and few may wait, so whoever sends many is told to send fewer; a
//! read that is short never waits for one that is long, however many of those there are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Error;
use crate::pool::Read;
use crate::queue::{Queue, Refused};

/// How many threads do long reads.
pub(crate) const THREADS: usize = 2;
/// The most long reads that wait for those threads: more than the service lets one user have under way at once (52), who
/// so waits instead of being refused and asking again, each time at the cost of a short read.
pub(crate) const WAITING: usize = 64;

/// Where reading threads leave what is long.
pub(crate) struct Handover {
    queue: Arc<Queue<Read>>,
    path: PathBuf,
}

impl Handover {
    pub(crate) fn new(queue: &Arc<Queue<Read>>, path: &Path) -> Self {
        Self { queue: Arc::clone(queue), path: path.to_owned() }
    }

    /// Leaves a read that was given up, or answers it when too many wait.
    pub(crate) fn leave(&self, job: Read) {
        let Err((job, refused)) = self.queue.try_push(job) else { return };
        let path = self.path.clone();
        job.finish(Err(match refused {
            Refused::Full(waiting) => Error::Busy { path, waiting },
            Refused::Closed => Error::Closed { path },
        }));
    }
}
