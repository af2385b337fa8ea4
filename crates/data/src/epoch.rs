//! Counters that say whether what is kept in memory still holds.
//!
//! Whatever a process remembers of an organization (its schema, what its users may do) belongs to
//! an epoch. A change bumps the epoch in its own transaction; every unit of work reads the epochs
//! in its own snapshot: first, or along with what it asks first and before any of that counts. So the next request
//! anywhere sees a disabled user or a changed role, and nobody has to be told.

use keyholder_store::statement::{Insert, Select, Update, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Row, Snapshot, Transaction};

/// What the tables of security are made of; a change to any of them bumps the security epoch.
pub(crate) const SECURITY_TABLES: [&str; 8] =
    ["systemuser", "role", "team", "businessunit", "systemuserroles", "roleprivileges", "teammembership", "teamroles"];

/// The epochs of one snapshot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Epochs {
    /// Of the schema.
    pub(crate) schema: i64,
    /// Of users, roles and what they hold.
    pub(crate) security: i64,
}

impl Epochs {
    fn note(&mut self, row: &Row<'_>) -> Result<(), Error> {
        match row.get::<&str>(0)? {
            "schema" => self.schema = row.get(1)?,
            "security" => self.security = row.get(1)?,
            _ => {}
        }
        Ok(())
    }
}

/// The statements about epochs, printed once per organization.
#[derive(Debug)]
pub(crate) struct EpochStatements {
    read: Prepared,
    first: Prepared,
    bump: Prepared,
}

impl EpochStatements {
    pub(crate) fn new() -> Result<Self, Error> {
        let read = Select::from("keyholder_epoch").column("name", Kind::Text).column("value", Kind::Integer);
        let bump = Update::of("keyholder_epoch")
            .set("value", column("value").plus(parameter(0)))
            .filter(column("name").equals(parameter(1)));
        Ok(Self {
            read: Prepared::new(read)?,
            first: Prepared::new(Insert::into("keyholder_epoch").columns(["name", "value"]).or_nothing())?,
            bump: Prepared::new(bump)?,
        })
    }

    pub(crate) fn read(&self, snapshot: &mut Snapshot<'_>) -> Result<Epochs, Error> {
        let mut epochs = Epochs::default();
        snapshot.for_each(&self.read, &[], |row| epochs.note(row))?;
        Ok(epochs)
    }

    /// Takes the epochs of this snapshot to be these; `false` when they have to be read.
    pub(crate) fn expect(&self, snapshot: &mut Snapshot<'_>, expected: Epochs) -> Result<bool, Error> {
        snapshot.expect(&self.read, &[], move |rows| {
            let mut epochs = Epochs::default();
            rows.iter().try_for_each(|row| epochs.note(row))?;
            Ok(epochs == expected)
        })
    }

    pub(crate) fn bump_schema(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        self.bump(tx, "schema", 1)
    }

    /// Counts that a table is made, changed or dropped. Done before anything is read, it lets such changes come one
    /// after the other also where writers run side by side.
    pub(crate) fn bump_made(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        self.bump(tx, "made", 1)
    }

    pub(crate) fn bump_security(&self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        self.bump(tx, "security", 1)
    }

    /// Takes `count` row versions; gives the first.
    pub(crate) fn versions(&self, tx: &mut Transaction<'_>, count: u32) -> Result<i64, Error> {
        self.bump(tx, "version", i64::from(count))?;
        let mut last = 0;
        tx.for_each(&self.read, &[], |row| {
            if row.get::<&str>(0)? == "version" {
                last = row.get(1)?;
            }
            Ok::<(), Error>(())
        })?;
        Ok(last - i64::from(count) + 1)
    }

    fn bump(&self, tx: &mut Transaction<'_>, name: &str, by: i64) -> Result<(), Error> {
        if tx.execute(&self.bump, &[by.into(), name.into()])? == 0 {
            tx.execute(&self.first, &[name.into(), by.into()])?;
        }
        Ok(())
    }
}
