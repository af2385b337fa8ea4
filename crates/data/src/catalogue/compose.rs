//! One schema of what ships and what an organization has of its own.
//!
//! Whoever makes an organization's schema does it here: a program that starts, an import, a change while the org runs. So what one of them
//! decided the others decide too.

use std::collections::HashSet;

use keyholder_dataverse::Schema;
use keyholder_dataverse::schema::{ColumnDefinition, SchemaDefinition, SchemaError};

use super::layout::kind_of;

/// What ships and what an organization has of its own, as one; with a line for each difference in which what ships counted.
///
/// A column that the organization had before one of its name shipped stays what it was, where its table has been made: there may be values
/// in it that the new one could not hold.
pub(super) fn compose(
    shipped: SchemaDefinition,
    own: &SchemaDefinition,
    before: Option<&Schema>,
    made: &HashSet<String>,
) -> Result<(SchemaDefinition, Vec<String>), SchemaError> {
    let mut whole = shipped;
    let mut first = Vec::new();
    for table in own.tables.iter().filter(|table| made.contains(&table.logical_name)) {
        let (Some(ships), Some(Some(before))) =
            (whole.table(&table.logical_name), before.map(|before| before.table(&table.logical_name)).transpose()?)
        else {
            continue;
        };
        for column in &table.columns {
            let stood = before.column(&column.name).is_some_and(|known| kind_of(&known.kind) == kind_of(&column.kind));
            if stood && ships.column(&column.name).is_some_and(|ships| holds_other(column, ships)) {
                first.push((table.logical_name.clone(), column.clone()));
            }
        }
    }
    for (table, column) in &first {
        let place =
            whole.table_mut(table).and_then(|table| table.columns.iter_mut().find(|known| known.name == column.name));
        if let Some(place) = place {
            place.clone_from(column);
        }
    }
    let differences = whole.add(own);
    Ok((whole, differences))
}

/// Whether two columns of one name cannot hold the same values.
pub(in crate::catalogue) fn holds_other(one: &ColumnDefinition, other: &ColumnDefinition) -> bool {
    kind_of(&one.kind) != kind_of(&other.kind) || one.kind.is_text() != other.kind.is_text()
}
