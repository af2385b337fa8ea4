//! Closures on their way to the threads that run them, and their answers on the way back.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::{Error, Snapshot, Transaction};

/// What a closure gave, or the panic that it ended in.
pub(crate) type Outcome<T, E> = Result<Result<T, E>, Box<dyn Any + Send>>;

/// Says, while a job runs, whether somebody still waits for its answer.
pub(crate) type Watch = Box<dyn Fn() -> bool + Send>;

/// A read that waits, as a thread sees it.
pub(crate) trait ReadJob: Send {
    /// Whether somebody still waits for the answer.
    fn is_wanted(&self) -> bool;
    /// The same, for whoever has to know it while [`Self::run`] has the job.
    fn watch(&self) -> Watch;
    /// Does the work. What an earlier run gave is forgotten.
    fn run(&mut self, snapshot: &mut Snapshot<'_>);
    /// Forgets what an earlier run gave: it does not count.
    fn forget(&mut self);
    /// Gives the answer, or that there was nothing to read from.
    fn finish(self: Box<Self>, read: Result<(), Error>);
}

/// A write that waits, as a thread sees it.
pub(crate) trait WriteJob: Send {
    /// Whether somebody still waits for the answer.
    fn is_wanted(&self) -> bool;
    /// Does the work; `false` when nothing of it shall remain. What an earlier run gave is forgotten.
    fn run(&mut self, transaction: &mut Transaction<'_>) -> bool;
    /// Forgets what an earlier run gave: it does not count.
    fn forget(&mut self);
    /// Gives the answer, once it is known whether the group was committed.
    fn finish(self: Box<Self>, committed: Result<(), Error>);
}

/// A closure, what it gave, and who waits for that.
pub(crate) struct Job<T, E, F> {
    work: F,
    result: Option<Outcome<T, E>>,
    /// Shared with nobody but the watches, which hold on to it only for as long as they look.
    reply: Arc<oneshot::Sender<Outcome<T, E>>>,
}

impl<T, E, F> Job<T, E, F> {
    pub(crate) fn new(work: F) -> (Self, oneshot::Receiver<Outcome<T, E>>) {
        let (reply, answer) = oneshot::channel();
        (Self { work, result: None, reply: Arc::new(reply) }, answer)
    }

    fn answer(self, done: Result<(), Error>)
    where
        E: From<Error>,
    {
        let result = match (self.result, done) {
            // Its own failure says more than the group's.
            (Some(own @ (Ok(Err(_)) | Err(_))), _) | (Some(own), Ok(())) => own,
            (_, Err(error)) => Ok(Err(error.into())),
            (None, Ok(())) => return,
        };
        // Nobody waits any more: then nobody needs the answer.
        drop(Arc::into_inner(self.reply).map(|reply| reply.send(result)));
    }
}

impl<T, E, F> ReadJob for Job<T, E, F>
where
    F: Fn(&mut Snapshot<'_>) -> Result<T, E> + Send,
    E: From<Error> + Send + 'static,
    T: Send + 'static,
{
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn watch(&self) -> Watch {
        let reply = Arc::downgrade(&self.reply);
        Box::new(move || reply.upgrade().is_some_and(|reply| !reply.is_closed()))
    }

    fn run(&mut self, snapshot: &mut Snapshot<'_>) {
        self.result = Some(catch_unwind(AssertUnwindSafe(|| (self.work)(snapshot))));
    }

    fn forget(&mut self) {
        self.result = None;
    }

    fn finish(self: Box<Self>, read: Result<(), Error>) {
        self.answer(read);
    }
}

impl<T, E, F> WriteJob for Job<T, E, F>
where
    F: Fn(&mut Transaction<'_>) -> Result<T, E> + Send,
    E: From<Error> + Send,
    T: Send,
{
    fn is_wanted(&self) -> bool {
        !self.reply.is_closed()
    }

    fn run(&mut self, transaction: &mut Transaction<'_>) -> bool {
        let result = catch_unwind(AssertUnwindSafe(|| (self.work)(transaction)));
        let keep = matches!(result, Ok(Ok(_)));
        self.result = Some(result);
        keep
    }

    fn forget(&mut self) {
        self.result = None;
    }

    fn finish(self: Box<Self>, committed: Result<(), Error>) {
        self.answer(committed);
    }
}
