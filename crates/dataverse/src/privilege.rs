//! What can be done with a row, and how the privilege for it is named.
//!
//! A privilege of a table is `prv`, the verb, and the table's name in its own writing:
//! `prvReadContact`. A few tables of the platform keep an older name there (`prvReadUser` for
//! `systemuser`); the schema says which, see [`crate::schema::Table::privilege_name`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a privilege of a table allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Verb {
    /// Make a row.
    Create,
    /// See a row.
    Read,
    /// Change a row.
    Write,
    /// Remove a row.
    Delete,
    /// Let a row of this table point at another row.
    Append,
    /// Let another row point at a row of this table.
    AppendTo,
    /// Give a row to another owner.
    Assign,
    /// Give others access to a row.
    Share,
}

impl Verb {
    /// Every verb, in the order in which the role editor shows them.
    pub const ALL: [Self; 8] =
        [Self::Create, Self::Read, Self::Write, Self::Delete, Self::Append, Self::AppendTo, Self::Assign, Self::Share];

    /// The word inside the privilege's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Read => "Read",
            Self::Write => "Write",
            Self::Delete => "Delete",
            Self::Append => "Append",
            Self::AppendTo => "AppendTo",
            Self::Assign => "Assign",
            Self::Share => "Share",
        }
    }

    /// The flag of this verb in the platform's `AccessRights` enumeration, which is also the
    /// `accessright` column of the `privilege` table.
    #[must_use]
    pub const fn access_right(self) -> i32 {
        match self {
            Self::Read => 1,
            Self::Write => 2,
            Self::Append => 4,
            Self::AppendTo => 16,
            Self::Create => 32,
            Self::Delete => 65_536,
            Self::Share => 262_144,
            Self::Assign => 524_288,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What somebody may do to one row: some of the verbs, as the platform's `AccessRights` enumeration has them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct AccessRights(i32);

impl AccessRights {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// All verbs in the order of their flags, in which the service lists them.
    const ORDER: [Verb; 8] =
        [Verb::Read, Verb::Write, Verb::Append, Verb::AppendTo, Verb::Create, Verb::Delete, Verb::Share, Verb::Assign];

    /// The rights of a stored mask; flags that are no verb's are dropped.
    #[must_use]
    pub fn from_mask(mask: i64) -> Self {
        Self::ORDER.into_iter().filter(|verb| mask & i64::from(verb.access_right()) != 0).collect()
    }

    /// The rights with these names on the wire: `ReadAccess, WriteAccess`; `None` is none. Nothing for other names.
    #[must_use]
    pub fn from_names(names: &str) -> Option<Self> {
        let mut rights = Self::NONE;
        for name in names.split(',').map(str::trim) {
            if name == "None" {
                continue;
            }
            let verb = Self::ORDER.into_iter().find(|verb| name.strip_suffix("Access") == Some(verb.name()))?;
            rights = rights.with(verb);
        }
        Some(rights)
    }

    /// These and one more.
    #[must_use]
    pub const fn with(self, verb: Verb) -> Self {
        Self(self.0 | verb.access_right())
    }

    /// These and those.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether this verb is among them.
    #[must_use]
    pub const fn contains(self, verb: Verb) -> bool {
        self.0 & verb.access_right() != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The verbs, in the order of their flags.
    pub fn verbs(self) -> impl Iterator<Item = Verb> {
        Self::ORDER.into_iter().filter(move |verb| self.contains(*verb))
    }

    /// The flags.
    #[must_use]
    pub const fn mask(self) -> i32 {
        self.0
    }
}

impl FromIterator<Verb> for AccessRights {
    fn from_iter<T: IntoIterator<Item = Verb>>(verbs: T) -> Self {
        verbs.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for AccessRights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("None");
        }
        for (index, verb) in self.verbs().enumerate() {
            write!(f, "{}{verb}Access", if index > 0 { ", " } else { "" })?;
        }
        Ok(())
    }
}

/// How far a privilege reaches. A deeper one includes the shallower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Depth {
    /// Own rows, and those of own teams. "User" in the role editor.
    Basic,
    /// The rows of the own business unit.
    Local,
    /// The rows of the own business unit and of all below it. "Parent: Child Business Units".
    Deep,
    /// All rows. "Organization".
    Global,
}

impl Depth {
    /// Every depth, shallowest first.
    pub const ALL: [Self; 4] = [Self::Basic, Self::Local, Self::Deep, Self::Global];

    /// The word on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Basic => "Basic",
            Self::Local => "Local",
            Self::Deep => "Deep",
            Self::Global => "Global",
        }
    }

    /// The depth with this word on the wire.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|depth| depth.name() == name)
    }

    /// The number in `roleprivileges.privilegedepthmask`: 1, 2, 4 or 8.
    #[must_use]
    pub const fn mask(self) -> u8 {
        match self {
            Self::Basic => 1,
            Self::Local => 2,
            Self::Deep => 4,
            Self::Global => 8,
        }
    }

    /// The deepest depth in a mask.
    #[must_use]
    pub fn from_mask(mask: i64) -> Option<Self> {
        Self::ALL.into_iter().rev().find(|depth| mask & i64::from(depth.mask()) != 0)
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_print_and_read_back() {
        let all: AccessRights = Verb::ALL.into_iter().collect();
        assert_eq!(all.mask(), 852_023);
        for mask in 0..=255_u32 {
            let rights: AccessRights = Verb::ALL
                .into_iter()
                .enumerate()
                .filter(|(bit, _)| mask & (1 << bit) != 0)
                .map(|(_, verb)| verb)
                .collect();
            assert_eq!(AccessRights::from_names(&rights.to_string()), Some(rights));
            assert_eq!(AccessRights::from_mask(rights.mask().into()), rights);
        }
        assert_eq!(AccessRights::from_names("ReadAccess,WriteAccess").map(AccessRights::mask), Some(3));
        assert_eq!(AccessRights::from_names("None"), Some(AccessRights::NONE));
        assert_eq!(AccessRights::from_names("Read"), None);
        assert_eq!(AccessRights::from_names(""), None);
    }

    #[test]
    fn depths_order_and_read_back() {
        assert!(Depth::ALL.is_sorted());
        for depth in Depth::ALL {
            assert_eq!(Depth::from_name(depth.name()), Some(depth));
            assert_eq!(Depth::from_mask(depth.mask().into()), Some(depth));
        }
        assert_eq!(Depth::from_mask(0), None);
        assert_eq!(Depth::from_mask(3), Some(Depth::Local));
    }
}
