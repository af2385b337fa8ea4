//! How many requests came, for whoever asks what a program costs: the same work on the real services
//! is as many requests there.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use super::Door;

/// Requests since this process serves the world, those of the control endpoint aside.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    login: AtomicU64,
    directory: AtomicU64,
    org: AtomicU64,
    management: AtomicU64,
}

impl Counts {
    pub(super) fn count(&self, door: Door) {
        let count = match door {
            Door::Control => return,
            Door::Login => &self.login,
            Door::Graph => &self.directory,
            Door::Org | Door::Orgs => &self.org,
            Door::Management | Door::Discovery => &self.management,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// As the control endpoint tells it: the token service and its pages, Microsoft Graph, the orgs' Web API and
    /// pages, Power Platform with Azure Resource Manager and the discovery service.
    pub(crate) fn to_json(&self) -> Value {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        json!({
            "login": count(&self.login),
            "directory": count(&self.directory),
            "org": count(&self.org),
            "management": count(&self.management),
        })
    }
}
