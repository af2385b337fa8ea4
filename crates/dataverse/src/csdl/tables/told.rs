//! Putting what a side file tells in the place of what was assumed.

use super::super::CsdlError;
use super::super::side::{ColumnSide, SideFile, TableSide};
use crate::schema::{ColumnDefinition, ColumnKind, PrivilegeDefinition, SchemaDefinition, TableDefinition};

/// Applies all of a side file.
pub(in crate::csdl) fn apply(document: &str, schema: &mut SchemaDefinition, side: &SideFile) -> Result<(), CsdlError> {
    for (name, told) in &side.tables {
        let refuse = |reason: String| CsdlError {
            document: document.to_owned(),
            line: 0,
            element: format!("table `{name}`"),
            reason,
        };
        let table = schema.table_mut(name);
        let table = table.ok_or_else(|| refuse("there is no such table; names are logical names".to_owned()))?;
        apply_table(table, told);
        for (column, told) in &told.columns {
            let found = table.columns.iter_mut().find(|known| known.name == *column);
            let found = found.ok_or_else(|| refuse(format!("it has no column `{column}`")))?;
            apply_column(found, told).map_err(|reason| refuse(format!("column `{column}`: {reason}")))?;
        }
        let known = |name: &String| table.columns.iter().any(|column| column.name == *name);
        let named = told.keys.values().flatten().chain(&told.primary_name);
        if let Some(missing) = named.into_iter().find(|name| !known(name)) {
            return Err(refuse(format!("it has no column `{missing}`")));
        }
    }
    Ok(())
}

fn apply_table(table: &mut TableDefinition, told: &TableSide) {
    if let Some(name) = &told.display_name {
        table.display_name.clone_from(name);
    }
    if let Some(name) = &told.schema_name {
        table.schema_name.clone_from(name);
    }
    if let Some(ownership) = told.ownership {
        table.ownership = ownership;
    }
    if told.primary_name.is_some() {
        table.primary_name.clone_from(&told.primary_name);
    }
    if told.privilege_stem.is_some() || told.verbs.is_some() {
        table.privileges = Some(PrivilegeDefinition { stem: told.privilege_stem.clone(), verbs: told.verbs.clone() });
    }
    for (name, columns) in &told.keys {
        table.keys.retain(|(_, known)| known != columns);
        table.keys.push((name.clone(), columns.clone()));
    }
}

fn apply_column(column: &mut ColumnDefinition, told: &ColumnSide) -> Result<(), String> {
    if let Some(label) = &told.label {
        column.label.clone_from(label);
    }
    if told.schema_name.is_some() {
        column.schema_name.clone_from(&told.schema_name);
    }
    if let Some(kind) = &told.kind {
        if kind.edm_type() != column.kind.edm_type() || kind.is_lookup() != column.kind.is_lookup() {
            return Err(format!("{} is told and the document has {}", kind.edm_type(), column.kind.edm_type()));
        }
        column.kind = kind.clone();
    }
    if let Some(longest) = told.max_length {
        match &mut column.kind {
            ColumnKind::Text { max_length } | ColumnKind::Memo { max_length } if longest > 0 => *max_length = longest,
            _ => return Err("a longest text is told, and it holds no text or none of that length".to_owned()),
        }
    }
    if let Some(told) = &told.options {
        match &mut column.kind {
            ColumnKind::Choice { options, .. }
            | ColumnKind::MultiSelect { options }
            | ColumnKind::State { options }
            | ColumnKind::Status { options } => options.clone_from(told),
            // A whole number that turns out to be a choice.
            ColumnKind::Integer(_) => column.kind = ColumnKind::Choice { options: told.clone(), default: None },
            // A document tells several choices as a text.
            ColumnKind::Text { .. } | ColumnKind::Memo { .. } => {
                column.kind = ColumnKind::MultiSelect { options: told.clone() };
            }
            _ => return Err("options are told, and it holds neither a number nor a text".to_owned()),
        }
    }
    Ok(())
}
