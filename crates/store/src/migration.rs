//! How a store's own tables come to be: numbered steps, each applied once, in one transaction.

use sha2::{Digest, Sha256};

use crate::statement::Statement;
use crate::{Error, dialect};

/// One step from an empty store to today's. Once released, never changed: add another.
#[derive(Debug, Clone)]
pub struct Migration {
    /// 1 for the first, one more for each that follows.
    pub number: u32,
    /// A few words that an error can name, for example `create the directory`.
    pub name: &'static str,
    /// What it does, in order.
    pub statements: Vec<Statement>,
}

impl Migration {
    /// A migration of these statements.
    #[must_use]
    pub fn new(number: u32, name: &'static str, statements: impl IntoIterator<Item = Statement>) -> Self {
        Self { number, name, statements: statements.into_iter().collect() }
    }

    /// SHA-256 over the printed statements, in hexadecimal.
    pub(crate) fn checksum(&self) -> Result<String, Error> {
        let mut hash = Sha256::new();
        for statement in &self.statements {
            hash.update(dialect::sqlite::print(statement)?.as_bytes());
            hash.update(b";\n");
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Numbers must be 1, 2, 3, ...: a gap would be a migration that was forgotten or lost in a merge.
pub(crate) fn check_numbers(migrations: &[Migration]) -> Result<(), Error> {
    for (expected, migration) in (1u32..).zip(migrations) {
        if migration.number != expected {
            let (number, name) = (migration.number, migration.name);
            return Err(Error::Statement {
                reason: format!("migration `{name}` has number {number} where {expected} is next"),
            });
        }
    }
    Ok(())
}
