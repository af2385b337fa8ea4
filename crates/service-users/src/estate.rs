//! Everything that a declaration is about, signed in to: its orgs, and the directories of their
//! tenants.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use keyholder_client::{Error as ClientError, Graph};

use keyholder_foundation::{ClientId, Random};

use crate::Administrator;
use crate::declaration::{Declaration, Federation};
use crate::journal::{Journal, Loan};
use crate::outside::OutsideToken;

/// The orgs of a declaration by their names there, each with the sign-in that administers it, or
/// why there is none: one org out of reach is no reason to leave the others alone.
#[derive(Debug, Clone)]
pub struct Estate {
    orgs: BTreeMap<String, Result<Administrator, ClientError>>,
    /// The tenant of each org that could be told: the authority that the org itself names.
    tenants: BTreeMap<String, String>,
    borrowing: Option<Borrowing>,
    outside: Vec<OutsideToken>,
}

/// What it takes to make non-interactive users: a place to write down what is borrowed for them, and
/// where their passwords come from.
#[derive(Debug, Clone)]
pub struct Borrowing {
    /// Where loans are recorded.
    pub journal: Journal,
    /// Where passwords come from.
    pub random: Arc<dyn Random>,
}

impl Estate {
    /// The orgs of `declaration`, signed in to.
    ///
    /// The tenant of an org out of reach is the one that other orgs of the same declared tenant have.
    #[must_use]
    pub fn new(declaration: &Declaration, orgs: BTreeMap<String, Result<Administrator, ClientError>>) -> Self {
        let mut tenants: BTreeMap<String, String> =
            orgs.iter().filter_map(|(name, org)| Some((name.clone(), org.as_ref().ok()?.tenant()))).collect();
        let declared = |name: &str| declaration.orgs.get(name).and_then(|org| org.tenant.as_ref());
        for name in orgs.keys().filter(|name| !tenants.contains_key(*name)).cloned().collect::<Vec<_>>() {
            let same = |other: &&String| declared(other).is_some() && declared(other) == declared(&name);
            if let Some(tenant) = tenants.keys().find(same).and_then(|other| tenants.get(other)).cloned() {
                tenants.insert(name, tenant);
            }
        }
        Self { orgs, tenants, borrowing: None, outside: Vec::new() }
    }

    /// The same, where licences may be borrowed for non-interactive users.
    #[must_use]
    pub fn borrowing(mut self, borrowing: Borrowing) -> Self {
        self.borrowing = Some(borrowing);
        self
    }

    /// The same, with tokens of outside issuers at hand.
    #[must_use]
    pub fn with_outside(mut self, outside: Vec<OutsideToken>) -> Self {
        self.outside = outside;
        self
    }

    /// The first token at hand with which an application signs in that accepts one of these.
    pub(crate) fn outside_for<'a>(&self, mut accepted: impl Iterator<Item = &'a Federation>) -> Option<&OutsideToken> {
        accepted.find_map(|wanted| self.outside.iter().find(|token| token.fits(wanted)))
    }

    /// What it takes to make non-interactive users, where that was given.
    #[must_use]
    pub fn to_borrow(&self) -> Option<&Borrowing> {
        self.borrowing.as_ref()
    }

    /// The applications of a tenant on which runs from here made keys for programs, and that are not in use yet.
    pub(crate) fn begun_in(&self, tenant: &str) -> BTreeSet<ClientId> {
        // Without a journal that can be read, what it would explain is told as not explained.
        let all = self.borrowing.as_ref().and_then(|borrowing| borrowing.journal.all().ok()).unwrap_or_default();
        let begun = all.into_iter().filter_map(|(loan, _)| match loan {
            Loan::Key { tenant: of, client_id } if of == tenant => Some(client_id),
            _ => None,
        });
        begun.collect()
    }

    /// The administrator of an org; nothing when it is out of reach or not of the declaration.
    #[must_use]
    pub fn org(&self, name: &str) -> Option<&Administrator> {
        self.orgs.get(name)?.as_ref().ok()
    }

    /// All orgs, those out of reach too.
    pub fn orgs(&self) -> impl Iterator<Item = (&str, Result<&Administrator, &ClientError>)> {
        self.orgs.iter().map(|(name, org)| (name.as_str(), org.as_ref()))
    }

    /// An org's tenant, by its authority; nothing when it cannot be told.
    #[must_use]
    pub fn tenant_of(&self, org: &str) -> Option<&str> {
        self.tenants.get(org).map(String::as_str)
    }

    /// Somebody signed in to that tenant, with one of its orgs.
    #[must_use]
    pub fn administrator_of(&self, tenant: &str) -> Option<&Administrator> {
        let mut reached = self.orgs.iter().filter_map(|(name, org)| Some((name, org.as_ref().ok()?)));
        reached.find(|(name, _)| self.tenant_of(name) == Some(tenant)).map(|(_, administrator)| administrator)
    }

    /// The tenants' directories, each once.
    pub fn directories(&self) -> BTreeMap<String, &Graph> {
        let mut all = BTreeMap::new();
        for (name, org) in &self.orgs {
            if let (Ok(administrator), Some(tenant)) = (org, self.tenant_of(name)) {
                all.entry(tenant.to_owned()).or_insert(&administrator.graph);
            }
        }
        all
    }
}
