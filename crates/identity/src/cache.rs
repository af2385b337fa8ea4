//! A bounded cache without a clock: two generations.
//!
//! New and used entries live in the young generation. When it is full it becomes the old one, and
//! what nobody used since falls out. That keeps between one and two times `capacity` entries of
//! the recently used, at the cost of one short lock per look.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    capacity: usize,
    generations: Mutex<Generations<K, V>>,
}

#[derive(Debug)]
struct Generations<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
}

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    /// A cache that holds at least the `capacity` last used entries and at most twice as many.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, generations: Mutex::new(Generations { young: HashMap::new(), old: HashMap::new() }) }
    }

    pub(crate) fn find(&self, key: &K) -> Option<V> {
        let mut generations = self.lock();
        if let Some(value) = generations.young.get(key) {
            return Some(value.clone());
        }
        let (key, value) = generations.old.remove_entry(key)?;
        generations.insert(self.capacity, key, value.clone());
        Some(value)
    }

    pub(crate) fn insert(&self, key: K, value: V) {
        self.lock().insert(self.capacity, key, value);
    }

    fn lock(&self) -> MutexGuard<'_, Generations<K, V>> {
        // Every state between two statements is a sound one, so a poisoned lock is usable.
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, V> Generations<K, V> {
    fn insert(&mut self, capacity: usize, key: K, value: V) {
        if self.young.len() >= capacity {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_stays_and_the_rest_falls_out() {
        let cache = Cache::new(4);
        cache.insert(0, "kept");
        for other in 1..100 {
            cache.insert(other, "passing");
            assert_eq!(cache.find(&0), Some("kept"));
        }
        assert_eq!(cache.find(&50), None);
        assert!((0..100).filter(|key| cache.find(key).is_some()).count() <= 8);
    }
}
