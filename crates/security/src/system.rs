//! The org's own work: seeding, columns that fill themselves, checks that no caller asked for.

use std::sync::Arc;

use keyholder_dataverse::Verb;
use keyholder_dataverse::schema::Table;
use keyholder_operation::Bound;

use crate::authorised::{Authorised, Holds, Permission, authorise_with};
use crate::reach::{Reach, ReachedTable};
use crate::required::Requirement;

/// The right to touch any row, for work that the org does in its own name.
///
/// There is one door to it, with a name that is hard to write by accident and easy to search for.
/// Only the code that owns an organization goes through it; nothing that answers a caller's
/// request may lower a table that it got here, except to look whether something is there.
#[derive(Debug, Clone, Copy)]
pub struct System(());

impl System {
    /// The door.
    #[must_use]
    pub const fn for_the_organizations_own_work() -> Self {
        Self(())
    }

    /// All rows of a table.
    #[must_use]
    pub fn table(&self, table: &Arc<Table>, verb: Verb) -> ReachedTable {
        ReachedTable::new(Arc::clone(table), verb, None, Reach::Everything)
    }

    /// An operation that nothing holds back.
    #[must_use]
    pub fn authorise(&self, bound: Bound) -> Authorised {
        // Nothing is ever denied here; the empty answer keeps that out of callers' hands.
        authorise_with(self, bound).unwrap_or(Authorised::ServiceDocument)
    }
}

impl Holds for System {
    fn permit(&self, requirement: &Requirement) -> Permission {
        Ok(self.table(&requirement.table, requirement.verb))
    }
}
