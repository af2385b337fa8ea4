//! Which row a key names.

use std::borrow::Cow;
use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::Table;

use super::{Binder, broken, literal};
use crate::query::RowKey;
use crate::syntax::path::{self, Arguments};
use crate::syntax::{Literal, quoted};

/// The row that the brackets after an entity set name: by id, or by the columns of an alternate
/// key that the table has.
pub(super) fn key(binder: Binder<'_>, table: &Table, arguments: &Arguments<'_>) -> Result<RowKey, DataverseError> {
    let named = match arguments {
        Arguments::Single(given) => {
            return match literal::resolved(binder, given)? {
                Value::Guid(id) => Ok(RowKey::Id(id)),
                _ => Err(error::bad_syntax()),
            };
        }
        Arguments::Named(named) => named,
    };
    if let [(name, Literal::Guid(id))] = named.as_slice()
        && *name == &*table.primary_id().name
    {
        return Ok(RowKey::Id(*id));
    }
    for (name, _) in named {
        if table.property(name).is_none() {
            return Err(error::unknown_property(&quoted(name), &table.qualified_name()));
        }
    }
    let given = |column: &str| named.iter().find(|(name, _)| *name == column).map(|(_, value)| value);
    let is_key = |key: &&Arc<keyholder_dataverse::schema::AlternateKey>| {
        key.columns.len() == named.len() && key.columns.iter().all(|column| given(&column.property_name()).is_some())
    };
    let Some(key) = table.keys().iter().find(is_key) else {
        return Err(error::key_not_defined(table.logical_name()));
    };
    let mut values = Vec::with_capacity(key.columns.len());
    for column in &key.columns {
        let value = given(&column.property_name()).ok_or_else(|| error::key_not_defined(table.logical_name()))?;
        values.push(literal::of_column(binder, column, value, "")?);
    }
    Ok(RowKey::Alternate { key: Arc::clone(key), values })
}

/// The row of one of `tables` that a reference in a body or in `$id` names; of any table when there are none.
pub(super) fn reference(
    binder: Binder<'_>,
    tables: &[&str],
    text: &str,
) -> Result<(Arc<Table>, RowKey), DataverseError> {
    let text = text.trim();
    let resolved = match binder.request.references {
        Some(references) => references.resolve(text)?,
        None => Cow::Borrowed(text),
    };
    let row = path::reference(&resolved)?;
    let decoded = crate::request::decode(row)?;
    let named = path::named(&decoded)?;
    let table = binder
        .schema
        .table_of_set(named.name)
        .map_err(broken)?
        .ok_or_else(|| error::unknown_segment(&quoted(named.name)))?;
    if !tables.is_empty() && !tables.contains(&table.logical_name()) {
        return Err(error::odata(format!(
            "A row of type '{}' cannot stand here; expected is one of: {}.",
            table.logical_name(),
            tables.join(", ")
        )));
    }
    let arguments = named.arguments.ok_or_else(error::bad_syntax)?;
    let key = key(binder, &table, &arguments)?;
    Ok((table, key))
}
