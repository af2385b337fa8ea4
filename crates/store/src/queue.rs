//! A bounded queue between async callers, who never wait for room, and threads, who wait for work.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
    capacity: usize,
}

struct State<T> {
    items: VecDeque<T>,
    open: bool,
}

/// Why an item was not taken.
pub(crate) enum Refused {
    /// This many wait already.
    Full(usize),
    /// The queue was closed.
    Closed,
}

impl<T> Queue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        let state = Mutex::new(State { items: VecDeque::new(), open: true });
        Self { state, filled: Condvar::new(), capacity }
    }

    pub(crate) fn push(&self, item: T) -> Result<(), Refused> {
        self.try_push(item).map_err(|(_, refused)| refused)
    }

    /// The same, which gives an item back that is not taken.
    pub(crate) fn try_push(&self, item: T) -> Result<(), (T, Refused)> {
        let mut state = self.lock();
        if !state.open {
            return Err((item, Refused::Closed));
        }
        if state.items.len() >= self.capacity {
            return Err((item, Refused::Full(state.items.len())));
        }
        state.items.push_back(item);
        drop(state);
        self.filled.notify_one();
        Ok(())
    }

    /// Waits for work and takes up to `most` items. Takes none only when the queue is closed and empty.
    pub(crate) fn take(&self, most: usize, into: &mut Vec<T>) {
        self.take_weighed(most, |_| 1, into);
    }

    /// The same where each item weighs as much as `weight` says: further ones are taken until they weigh `most` together.
    pub(crate) fn take_weighed(&self, most: usize, weight: impl Fn(&T) -> usize, into: &mut Vec<T>) {
        let mut state = self.lock();
        while state.items.is_empty() && state.open {
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let mut taken = 0;
        while taken < most
            && let Some(item) = state.items.pop_front()
        {
            taken += weight(&item);
            into.push(item);
        }
    }

    /// Takes no further items; what waits is still handed out.
    pub(crate) fn close(&self) {
        self.lock().open = false;
        self.filled.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing that holds the lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
