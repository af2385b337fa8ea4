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
    /// Those that are named by both: of a caller who acts in the name of another.
    Both(Rows, Rows),
}

/// Rows by who owns them: a row is reached if its owner is one of `owners` **or** its business
/// unit is one of `business_units` **or** it is shared, for the verb in question, with one of `shared_with`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rows {
    /// Users and teams.
    pub owners: Vec<Uuid>,
    /// Business units.
    pub business_units: Vec<Uuid>,
    /// Users and teams; empty when nothing of the kind is shared with any of them.
    pub shared_with: Vec<Uuid>,
}

impl Rows {
    pub(crate) fn add_owner(&mut self, owner: Uuid) {
        if !self.owners.contains(&owner) {
            self.owners.push(owner);
        }
    }

    fn cover(&self, owner: Option<Uuid>, business_unit: Option<Uuid>) -> bool {
        owner.is_some_and(|owner| self.owners.contains(&owner))
            || business_unit.is_some_and(|unit| self.business_units.contains(&unit))
    }

    pub(crate) fn add_shared_with(&mut self, principal: Uuid) {
        if !self.shared_with.contains(&principal) {
            self.shared_with.push(principal);
        }
    }

    pub(crate) fn add_unit(&mut self, unit: Uuid) {
        if !self.business_units.contains(&unit) {
            self.business_units.push(unit);
        }
    }
}

impl Reach {
    /// Whether a row of this owner and business unit is reached without having been shared. A row without the one
    /// or the other is not reached by it.
    #[must_use]
    pub fn covers(&self, owner: Option<Uuid>, business_unit: Option<Uuid>) -> bool {
        match self {
            Self::Everything => true,
            Self::Rows(rows) => rows.cover(owner, business_unit),
            Self::Both(one, other) => one.cover(owner, business_unit) && other.cover(owner, business_unit),
        }
    }

    /// Whether a row of this owner and business unit is reached, where `is_shared` finds out whether the row is shared,
    /// for the verb in question, with one of some users and teams. It is asked only where that decides.
    ///
    /// # Errors
    /// What `is_shared` says.
    pub fn covers_or<E>(
        &self,
        owner: Option<Uuid>,
        business_unit: Option<Uuid>,
        mut is_shared: impl FnMut(&[Uuid]) -> Result<bool, E>,
    ) -> Result<bool, E> {
        let mut one = |rows: &Rows| {
            let covered = rows.cover(owner, business_unit);
            if covered || rows.shared_with.is_empty() { Ok(covered) } else { is_shared(&rows.shared_with) }
        };
        match self {
            Self::Everything => Ok(true),
            Self::Rows(rows) => one(rows),
            Self::Both(first, second) => Ok(one(first)? && one(second)?),
        }
    }

    /// How many users, teams and business units it names.
    pub(crate) fn weight(&self) -> usize {
        let one = |rows: &Rows| rows.owners.len() + rows.business_units.len() + rows.shared_with.len();
        match self {
            Self::Everything => 0,
            Self::Rows(rows) => one(rows),
            Self::Both(first, second) => one(first) + one(second),
        }
    }

    /// Adds what is shared with some users and teams.
    pub(crate) fn add_shared_with(&mut self, principals: impl Iterator<Item = Uuid>) {
        // Whoever acts in another's name got the shares of both before.
        if let Self::Rows(rows) = self {
            principals.for_each(|principal| rows.add_shared_with(principal));
        }
    }

    /// What is reached by both, of which neither is such a reach itself.
    pub(crate) fn intersection(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Everything, reach) | (reach, Self::Everything) => reach.clone(),
            (Self::Rows(one), Self::Rows(other)) => Self::Both(one.clone(), other.clone()),
            // Nobody acts in the name of somebody who acts in another's: nothing is reached.
            _ => Self::Rows(Rows::default()),
        }
    }

    /// What is reached by either: of the roles of one user.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        match (self, other) {
            (Self::Rows(mut rows), Self::Rows(more)) => {
                more.owners.into_iter().for_each(|owner| rows.add_owner(owner));
                more.business_units.into_iter().for_each(|unit| rows.add_unit(unit));
                more.shared_with.into_iter().for_each(|principal| rows.add_shared_with(principal));
                Self::Rows(rows)
            }
            (Self::Everything, _) | (_, Self::Everything) => Self::Everything,
            // Never more than is reached: roles are united before anybody acts in another's name.
            (Self::Both(..), reach) | (reach, Self::Both(..)) => reach,
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
