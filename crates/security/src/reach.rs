//! How far a privilege reaches: which rows of a table.

use std::sync::Arc;

use keyholder_dataverse::schema::{Column, Ownership, Table};
use keyholder_dataverse::{Depth, Verb};
use uuid::Uuid;

/// Which rows of a table a caller reaches with some verb.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reach {
    /// All of them.
    Everything,
    /// Those that one of the lists of [`Rows`] names.
    Rows(Rows),
}

/// Rows by who owns them: a row is reached if its owner is one of `owners` **or** its business
/// unit is one of `business_units`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rows {
    /// Users and teams.
    pub owners: Vec<Uuid>,
    /// Business units.
    pub business_units: Vec<Uuid>,
}

impl Rows {
    pub(crate) fn add_owner(&mut self, owner: Uuid) {
        if !self.owners.contains(&owner) {
            self.owners.push(owner);
        }
    }

    pub(crate) fn add_unit(&mut self, unit: Uuid) {
        if !self.business_units.contains(&unit) {
            self.business_units.push(unit);
        }
    }
}

impl Reach {
    /// Whether a row of this owner and business unit is reached. A row without the one or the
    /// other is not reached by it.
    #[must_use]
    pub fn covers(&self, owner: Option<Uuid>, business_unit: Option<Uuid>) -> bool {
        match self {
            Self::Everything => true,
            Self::Rows(rows) => {
                owner.is_some_and(|owner| rows.owners.contains(&owner))
                    || business_unit.is_some_and(|unit| rows.business_units.contains(&unit))
            }
        }
    }

    /// What is reached by either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        match (self, other) {
            (Self::Everything, _) | (_, Self::Everything) => Self::Everything,
            (Self::Rows(mut rows), Self::Rows(more)) => {
                more.owners.into_iter().for_each(|owner| rows.add_owner(owner));
                more.business_units.into_iter().for_each(|unit| rows.add_unit(unit));
                Self::Rows(rows)
            }
        }
    }
}

/// A table and the rows of it that one verb may touch. The only form in which
/// the store's side lowers a table that a request names; only [`crate::authorise`] makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct ReachedTable {
    table: Arc<Table>,
    verb: Verb,
    depth: Option<Depth>,
    reach: Reach,
}

impl ReachedTable {
    /// A table whose rows nobody owns is reached whole by whoever has the privilege.
    pub(crate) fn new(table: Arc<Table>, verb: Verb, depth: Option<Depth>, reach: Reach) -> Self {
        let owned = matches!(table.ownership(), Ownership::User | Ownership::BusinessUnit);
        let reach = if owned { reach } else { Reach::Everything };
        Self { table, verb, depth, reach }
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// What may be done to the rows.
    #[must_use]
    pub fn verb(&self) -> Verb {
        self.verb
    }

    /// The deepest depth at which the caller holds the privilege.
    #[must_use]
    pub fn depth(&self) -> Option<Depth> {
        self.depth
    }

    /// Which rows.
    #[must_use]
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// The column that [`Rows::owners`] is about, where the table has one.
    #[must_use]
    pub fn owner_column(&self) -> Option<&Arc<Column>> {
        self.table.owner_column()
    }

    /// The column that [`Rows::business_units`] is about, where the table has one.
    #[must_use]
    pub fn business_unit_column(&self) -> Option<&Arc<Column>> {
        self.table.business_unit_column()
    }
}
