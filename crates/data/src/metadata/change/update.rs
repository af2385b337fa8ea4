//! Changes to definitions that are there: what people see, limits, options, and what relationships do.

use std::sync::Arc;

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{ColumnDefinition, ColumnKind, OptionItem, OptionSetDefinition, Table, TableLook};
use keyholder_operation::metadata::{
    ColumnUpdate, MOST_OPTIONS, MetadataKey, OptionChange, OptionSetUpdate, OptionsOf, RelationshipUpdate, Root,
    TableUpdate, next_value,
};
use serde_json::Value;

use super::{activities, column_named, find_table, lost, notes};
use crate::catalogue::change::SchemaChange;
use crate::error::Failure;
use crate::metadata::item::{Item, Schemas};
use crate::metadata::{column, not_found, table};

/// Adds what changes a table.
pub(super) fn of_table(
    schemas: &Schemas<'_>,
    key: &MetadataKey,
    asked: &TableUpdate,
    changes: &mut Vec<SchemaChange>,
) -> Result<(), Failure> {
    let known = find_table(schemas, key)?;
    must_stay(schemas, &Item::Table(Arc::clone(&known)), &asked.stays)?;
    let name = known.logical_name().to_owned();
    let given = |change: &Option<Option<String>>, now: Option<&str>| match change {
        Some(label) => label.clone(),
        None => now.map(str::to_owned),
    };
    let look = TableLook {
        display_name: asked.display_name.clone().unwrap_or_else(|| known.display_name().to_owned()),
        display_collection_name: given(&asked.display_collection_name, known.display_collection_name()),
        description: given(&asked.description, known.description()),
        audit: asked.audit.unwrap_or(known.is_audited()),
    };
    let entity_set = asked.entity_set.clone().filter(|set| set != known.entity_set());
    changes.push(SchemaChange::ChangeTable(name.clone(), Box::new(look), entity_set));
    for (what, wanted, lead) in [
        ("HasNotes", asked.notes, notes as fn(&Schemas<'_>, &str, &mut Vec<SchemaChange>)),
        ("HasActivities", asked.activities, activities),
    ] {
        let has = table::property(schemas, &known, what)? == Value::Bool(true);
        match (wanted, has) {
            (Some(true), false) => lead(schemas, &name, changes),
            (Some(false), true) => return Err(cannot_change(what, &format!("the table '{name}'")).into()),
            _ => {}
        }
    }
    Ok(())
}

/// Adds what changes a column.
pub(super) fn of_column(
    schemas: &Schemas<'_>,
    table: &MetadataKey,
    key: &MetadataKey,
    asked: &ColumnUpdate,
    changes: &mut Vec<SchemaChange>,
) -> Result<(), Failure> {
    let table = find_table(schemas, table)?;
    let known = column_named(schemas, &table, key)?;
    let is = column::kind(&known).name;
    if asked.kind.as_ref().is_some_and(|kind| kind != is && kind != "AttributeMetadata") {
        return Err(
            cannot_change("@odata.type", &format!("the column '{}', which is of the type {is}", known.name)).into()
        );
    }
    must_stay(schemas, &Item::Column(Arc::clone(&table), Arc::clone(&known)), &asked.stays)?;
    let changed = asked.apply(&known)?;
    changes.push(SchemaChange::ChangeColumn(table.logical_name().to_owned(), Box::new(changed)));
    Ok(())
}

/// Adds what changes a relationship.
pub(super) fn of_relationship(
    schemas: &Schemas<'_>,
    key: &MetadataKey,
    asked: &RelationshipUpdate,
    changes: &mut Vec<SchemaChange>,
) -> Result<(), Failure> {
    let found = schemas.named(Root::Relationships, key)?;
    let found = found.ok_or_else(|| not_found(Root::Relationships.name(), key))?;
    must_stay(schemas, &found, &asked.stays)?;
    // Pairs have nothing that changes but where forms show them.
    let Item::Lookup(relation) = found else { return Ok(()) };
    let behavior = asked.behavior(relation.behavior)?;
    if behavior == relation.behavior {
        return Ok(());
    }
    let column = relation.referencing.column(&relation.column).ok_or_else(lost)?;
    let target = column.targets().iter().find(|target| target.collection.as_deref() == Some(&*relation.collection));
    let mut target = target.cloned().ok_or_else(lost)?;
    target.behavior = Some(behavior);
    let (table, column) = (relation.referencing.logical_name().to_owned(), relation.column.to_string());
    changes.push(SchemaChange::ChangeTarget(table, column, Box::new(target)));
    Ok(())
}

/// Adds what changes the look of a list that columns share.
pub(super) fn of_option_set(
    schemas: &Schemas<'_>,
    key: &MetadataKey,
    asked: &OptionSetUpdate,
    changes: &mut Vec<SchemaChange>,
) -> Result<(), Failure> {
    let mut set = (*schemas.option_set(key)?).clone();
    if asked.name.as_ref().is_some_and(|name| *name != set.name) {
        return Err(cannot_change("Name", &format!("the option set '{}'", set.name)).into());
    }
    if let Some(name) = &asked.display_name {
        set.display_name.clone_from(name);
    }
    if let Some(description) = &asked.description {
        set.description.clone_from(description);
    }
    changes.push(SchemaChange::ChangeOptionSet(Box::new(set)));
    Ok(())
}

/// Adds what changes single options of a list; gives the number of an option that is new.
pub(super) fn of_options(
    schemas: &Schemas<'_>,
    of: &OptionsOf,
    change: &OptionChange,
    changes: &mut Vec<SchemaChange>,
) -> Result<Option<i32>, Failure> {
    let (table, name) = match of {
        OptionsOf::Shared(name) => {
            let set = schemas.option_set(&MetadataKey::Name("Name", name.clone()))?;
            return of_shared(&set, change, changes);
        }
        OptionsOf::Column(table, column) => (table, column),
    };
    let table = find_table(schemas, &MetadataKey::Name("LogicalName", table.clone()))?;
    let column = column_named(schemas, &table, &MetadataKey::Name("LogicalName", name.clone()))?;
    if let Some(set) = &column.option_set {
        let set = schemas.option_set(&MetadataKey::Name("Name", set.to_string()))?;
        return of_shared(&set, change, changes);
    }
    let mut next = column.definition();
    let new = in_column(&table, &mut next, change)?;
    changes.push(SchemaChange::ChangeColumn(table.logical_name().to_owned(), Box::new(next)));
    Ok(new)
}

fn of_shared(
    set: &OptionSetDefinition,
    change: &OptionChange,
    changes: &mut Vec<SchemaChange>,
) -> Result<Option<i32>, Failure> {
    let mut set = set.clone();
    let new = in_list(&set.name, &mut set.options, change)?;
    changes.push(SchemaChange::ChangeOptionSet(Box::new(set)));
    Ok(new)
}

fn in_column(table: &Table, column: &mut ColumnDefinition, change: &OptionChange) -> Result<Option<i32>, Failure> {
    let name = column.name.clone();
    let place = format!("{}.{name}", table.logical_name());
    let belongs = match change {
        OptionChange::Insert { state, .. } => *state,
        _ => None,
    };
    match (&mut column.kind, change) {
        (ColumnKind::Boolean(labels), OptionChange::Update { value, label }) => {
            let word = match value {
                0 => &mut labels.no,
                1 => &mut labels.yes,
                _ => return Err(no_option(&place, *value)),
            };
            if let Some(label) = label {
                word.clone_from(label);
            }
            Ok(None)
        }
        (ColumnKind::Status { options }, _) => {
            if matches!(change, OptionChange::Insert { state: None, .. }) {
                return Err(
                    error::odata(format!("A status of '{place}' belongs to a state: use InsertStatusValue.")).into()
                );
            }
            let states = table.columns().iter().find_map(|column| match &column.kind {
                ColumnKind::State { options } => Some(options.as_slice()),
                _ => None,
            });
            let states = states.unwrap_or_default();
            if let Some(state) = belongs.filter(|state| !states.iter().any(|known| known.value == *state)) {
                return Err(error::odata(format!("The table '{}' has no state {state}.", table.logical_name())).into());
            }
            let entered = |value: i32| states.iter().any(|state| state.pair == Some(value));
            if let OptionChange::Delete(value) = change
                && entered(*value)
            {
                let reason = format!("The status {value} of '{place}' is the one that rows get on entering its state.");
                return Err(error::odata(reason).into());
            }
            in_list(&place, options, change)
        }
        (ColumnKind::State { options }, OptionChange::Update { .. }) => in_list(&place, options, change),
        (ColumnKind::Choice { .. } | ColumnKind::MultiSelect { .. }, OptionChange::Insert { state: Some(_), .. }) => {
            Err(error::odata(format!("The column '{place}' is no status.")).into())
        }
        (ColumnKind::Choice { options, default }, _) => {
            let new = in_list(&place, options, change)?;
            *default = default.filter(|value| options.iter().any(|option| option.value == *value));
            Ok(new)
        }
        (ColumnKind::MultiSelect { options }, _) => in_list(&place, options, change),
        _ => Err(error::odata(format!("The column '{place}' has no options that can be changed so.")).into()),
    }
}

/// Makes a change to one option in a list.
fn in_list(place: &str, options: &mut Vec<OptionItem>, change: &OptionChange) -> Result<Option<i32>, Failure> {
    let at = |options: &[OptionItem], value: i32| {
        options.iter().position(|option| option.value == value).ok_or_else(|| no_option(place, value))
    };
    match change {
        OptionChange::Insert { value, label, state } => {
            let value = value.unwrap_or_else(|| next_value(options));
            if options.iter().any(|option| option.value == value) {
                return Err(error::odata(format!("There is an option {value} of '{place}' already.")).into());
            }
            if options.len() >= MOST_OPTIONS {
                return Err(error::odata(format!("'{place}' has {MOST_OPTIONS} options, which is the most.")).into());
            }
            options.push(OptionItem { value, label: label.clone(), pair: *state });
            return Ok(Some(value));
        }
        OptionChange::Update { value, label } => {
            let at = at(options, *value)?;
            if let (Some(option), Some(label)) = (options.get_mut(at), label) {
                option.label.clone_from(label);
            }
        }
        OptionChange::Delete(value) => {
            let at = at(options, *value)?;
            options.remove(at);
        }
        OptionChange::Order(values) => {
            let mut known: Vec<i32> = options.iter().map(|option| option.value).collect();
            let mut given = values.clone();
            known.sort_unstable();
            given.sort_unstable();
            if known != given {
                return Err(
                    error::odata(format!("The Values are not those of the options of '{place}', each once.")).into()
                );
            }
            options.sort_by_key(|option| values.iter().position(|value| *value == option.value));
        }
    }
    Ok(None)
}

fn no_option(place: &str, value: i32) -> Failure {
    error::odata(format!("There is no option {value} of '{place}'.")).into()
}

/// Refuses a body that says anything else of what cannot change than what it is.
fn must_stay(schemas: &Schemas<'_>, item: &Item, said: &[(&'static str, Value)]) -> Result<(), Failure> {
    for (property, said) in said {
        let now = item.property(schemas, property)?;
        // What nobody has set may be said to be empty.
        let is_empty = now.is_null() && matches!(said, Value::String(text) if text.is_empty());
        let part = |value: &Value| value.get("Value").cloned().unwrap_or_else(|| value.clone());
        if part(&now) != part(said) && !is_empty {
            return Err(cannot_change(property, "this definition").into());
        }
    }
    Ok(())
}

fn cannot_change(property: &str, of: &str) -> DataverseError {
    error::odata(format!("The property '{property}' of {of} cannot be changed."))
}
