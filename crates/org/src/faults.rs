//! Faults on order: what a program that calls the services has to live through, made to happen when it is tested.
//!
//! Orders live in this process and are gone with it. A request meets those that it matches, in the order in which
//! they were given: latencies add up, of the others the first that strikes decides. Chance is seeded: the same
//! requests in the same order meet the same faults.

mod order;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::Method;
use keyholder_foundation::{Random, SeededRandom, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

pub use order::{FaultKind, FaultOrder, InvalidOrder};

/// How many orders there are at once; those that are used up make room.
pub(crate) const MOST_ORDERS: usize = 64;

/// Faults that were ordered.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Whether there are any: without, a request pays for nothing else.
    any: AtomicBool,
    standing: Mutex<Standing>,
}

#[derive(Debug, Default)]
struct Standing {
    last: u32,
    orders: Vec<Order>,
}

#[derive(Debug)]
struct Order {
    id: u32,
    order: FaultOrder,
    until: Option<Timestamp>,
    struck: u64,
    random: SeededRandom,
}

/// What of a request orders look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    /// The application and the object id of a good token.
    pub(crate) who: Option<[Uuid; 2]>,
    /// Whether there is a token, good or not.
    pub(crate) has_token: bool,
}

/// What a request meets.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Met {
    /// How much longer the work on it takes.
    pub(crate) latency: Duration,
    /// What else.
    pub(crate) fault: Option<FaultOrder>,
}

impl Order {
    fn is_used_up(&self, now: Timestamp) -> bool {
        let requests = self.order.requests.is_some_and(|requests| self.struck >= u64::from(requests));
        requests || self.until.is_some_and(|until| now >= until)
    }

    fn strikes(&mut self, now: Timestamp, asked: &Asked<'_>) -> bool {
        if self.is_used_up(now) || !self.order.matches(asked) {
            return false;
        }
        // A draw for each request that matches, so that chance does not depend on what others are sent.
        let is_chosen = self.order.is_chosen(self.random.below(order::CHANCES));
        self.struck += u64::from(is_chosen);
        is_chosen
    }

    fn to_json(&self, now: Timestamp) -> Value {
        let mut told = json!({"id": self.id, "struck": self.struck, "isUsedUp": self.is_used_up(now)});
        if let (Some(told), Ok(Value::Object(order))) = (told.as_object_mut(), serde_json::to_value(&self.order)) {
            told.extend(order);
        }
        told
    }
}

impl Faults {
    fn standing(&self) -> MutexGuard<'_, Standing> {
        // Every state between two statements is a sound one, so a poisoned lock is usable.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an order; nothing when there are too many.
    pub(crate) fn order(&self, order: FaultOrder, now: Timestamp) -> Option<Value> {
        let mut standing = self.standing();
        if standing.orders.len() >= MOST_ORDERS {
            standing.orders.retain(|order| !order.is_used_up(now));
        }
        if standing.orders.len() >= MOST_ORDERS {
            return None;
        }
        standing.last = standing.last.wrapping_add(1);
        let until = order.seconds.map(|seconds| now.plus(Duration::from_secs(seconds.into())));
        let random = SeededRandom::new(order.seed);
        let order = Order { id: standing.last, order, until, struck: 0, random };
        let told = order.to_json(now);
        standing.orders.push(order);
        self.any.store(true, Ordering::SeqCst);
        Some(told)
    }

    /// All orders, those that are used up too.
    pub(crate) fn list(&self, now: Timestamp) -> Value {
        let orders: Vec<_> = self.standing().orders.iter().map(|order| order.to_json(now)).collect();
        json!({"faults": orders})
    }

    /// Takes back one order or all; says how many that were.
    pub(crate) fn clear(&self, id: Option<u32>) -> usize {
        let mut standing = self.standing();
        let before = standing.orders.len();
        standing.orders.retain(|order| id.is_some_and(|id| order.id != id));
        self.any.store(!standing.orders.is_empty(), Ordering::SeqCst);
        before - standing.orders.len()
    }

    /// Whether a request may meet anything.
    pub(crate) fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// What a request meets, which counts for its orders.
    pub(crate) fn meet(&self, now: Timestamp, asked: &Asked<'_>) -> Met {
        let mut met = Met::default();
        for order in &mut self.standing().orders {
            let is_latency = order.order.fault == FaultKind::Latency;
            if (is_latency || met.fault.is_none()) && order.strikes(now, asked) {
                if is_latency {
                    met.latency = met.latency.saturating_add(order.order.time());
                } else {
                    met.fault = Some(order.order.clone());
                }
            }
        }
        met.latency = met.latency.min(order::LONGEST);
        met
    }
}

#[cfg(test)]
mod tests;
