//! When what ends, in the order of time.

use std::collections::{BTreeMap, BTreeSet};

use keyholder_foundation::{ClientId, Timestamp};

use crate::audit::facts::{ApplicationFacts, Facts, HeldCredential, Successor};

/// What ends later has no end: the year 9000.
const ENDLESS: Timestamp = Timestamp::from_unix_seconds(221_845_392_000);

/// A credential that ends.
pub(super) struct Expiry<'a> {
    pub(super) application: &'a ApplicationFacts,
    pub(super) held: &'a HeldCredential,
    pub(super) ends: Timestamp,
    /// The tenant, by the name that people know.
    pub(super) tenant: String,
    /// The orgs that the application gets into.
    pub(super) orgs: Vec<String>,
    /// Whether nothing is known to take its place: no later one of the same place, and no other issuer's tokens.
    pub(super) is_last: bool,
}

/// All credentials with an end, the first one first; those that are over too. Of Microsoft's own applications nobody here looks
/// after credentials.
pub(super) fn expiries(facts: &Facts) -> Vec<Expiry<'_>> {
    let orgs = orgs_of(facts);
    let mut all = Vec::new();
    let mut told = BTreeSet::new();
    for application in facts.applications.iter().filter(|application| !application.is_microsofts) {
        let goes_on = !application.federations.is_empty();
        for held in &application.credentials {
            let Some(ends) = end(held) else { continue };
            // An application of several tenants brings its credentials into each.
            if !told.insert((application.client_id, held.id)) {
                continue;
            }
            all.push(Expiry {
                application,
                held,
                ends,
                tenant: facts.tenant(&application.tenant).map_or(&application.tenant, |tenant| &tenant.name).clone(),
                orgs: orgs.get(&application.client_id).cloned().unwrap_or_default(),
                is_last: !goes_on && application.successor(held, facts.now) == Successor::Nobody,
            });
        }
    }
    all.sort_by(|one, other| {
        (one.ends, &one.application.name, one.held.id.0).cmp(&(other.ends, &other.application.name, other.held.id.0))
    });
    all
}

fn end(held: &HeldCredential) -> Option<Timestamp> {
    held.ends.filter(|ends| *ends < ENDLESS)
}

/// The orgs that each application gets into, by their names.
pub(super) fn orgs_of(facts: &Facts) -> BTreeMap<ClientId, Vec<String>> {
    let mut orgs: BTreeMap<ClientId, Vec<String>> = BTreeMap::new();
    for (org, user) in facts.users().filter(|(_, user)| !user.is_disabled) {
        let Some(client) = user.application else { continue };
        let known = orgs.entry(client).or_default();
        if known.last() != Some(&org.name) {
            known.push(org.name.clone());
        }
    }
    orgs
}
