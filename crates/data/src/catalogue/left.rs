//! What stays in the store of tables and columns that the schema has no more.
//!
//! A newer program's schema may have columns that an older one lacks. Where both serve one organization, in turn or side by side,
//! the older one's schema takes them back: they stay in the store and are not shown, and when the newer schema comes again they
//! come back with what stands in them. So that nothing is read as something else then, what they held is written down here; of
//! what a program left that wrote nothing down, the store's own types have to tell.

use std::collections::BTreeMap;

use keyholder_dataverse::schema::ColumnKind;
use keyholder_store::statement::{ListColumns, StoredColumn};
use keyholder_store::{Prepared, Snapshot, Transaction};

use super::stored;
use crate::Error;

/// The columns that stay, with what they held: by the logical names of tables, then of columns.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Left {
    tables: BTreeMap<String, BTreeMap<String, ColumnKind>>,
    changed: bool,
}

impl Left {
    /// Reads what was written down. What another version of this program wrote in words that this one does not know is as good as
    /// nothing: then the store's types tell.
    pub(super) fn read(snapshot: &mut Snapshot<'_>) -> Result<Self, keyholder_store::Error> {
        let text = stored::read(snapshot, stored::LEFT)?;
        let tables = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        Ok(Self { tables, changed: false })
    }

    /// Notes that a column stays.
    pub(super) fn keep(&mut self, table: &str, column: &str, kind: &ColumnKind) {
        let columns = self.tables.entry(table.to_owned()).or_default();
        columns.insert(column.to_owned(), kind.clone());
        self.changed = true;
    }

    /// What a column held that is not there any more as something that stays, or comes back.
    pub(super) fn take(&mut self, table: &str, column: &str) -> Option<ColumnKind> {
        let columns = self.tables.get_mut(table)?;
        let kind = columns.remove(column)?;
        if columns.is_empty() {
            self.tables.remove(table);
        }
        self.changed = true;
        Some(kind)
    }

    /// Forgets all of a table, which is dropped.
    pub(super) fn forget(&mut self, table: &str) {
        self.changed |= self.tables.remove(table).is_some();
    }

    /// Writes down what has changed.
    pub(super) fn write(self, tx: &mut Transaction<'_>) -> Result<(), Error> {
        if self.changed {
            // Strings and kinds always serialise.
            stored::write(tx, stored::LEFT, serde_json::to_string(&self.tables).unwrap_or_default())?;
        }
        Ok(())
    }
}

/// The columns that a physical table has; none when there is no such table.
pub(super) fn columns_of(
    snapshot: &mut Snapshot<'_>,
    physical_table: &str,
) -> Result<Vec<StoredColumn>, keyholder_store::Error> {
    snapshot.list(&Prepared::new(ListColumns)?, &[physical_table.into()], StoredColumn::read)
}
