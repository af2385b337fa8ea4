//! The members of a JSON body as assignments.
//!
//! Members are read as raw JSON, so that a column's own reader sees the digits that the client
//! wrote. A member that occurs twice is refused: of two values one would be lost.
//!
//! What the service ignores is ignored here too, but not lost: columns that clients cannot set are
//! listed, because for a few of them the service has a refusal of its own.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{Column, Navigation, Table};
use keyholder_dataverse::value::read_json;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{Binder, missing_parameter, rows};
use crate::syntax::quoted;
use crate::write::{Assigned, Assignment};

/// What a body is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A new row.
    Create,
    /// A change, or a new row under a given id.
    Upsert,
}

/// What a body gives.
#[derive(Debug)]
pub(super) struct Given {
    /// Columns and their new values.
    pub(super) values: Vec<Assignment>,
    /// Columns that clients cannot set.
    pub(super) ignored: Vec<Arc<Column>>,
}

/// The members of a JSON object in their order.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

fn members<'a>(binder: Binder<'a>, entity_set: &str) -> Result<Vec<(String, &'a RawValue)>, DataverseError> {
    if let Some(media_type) = binder.request.header("Content-Type") {
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(error::odata(format!(
                "The Content-Type '{}' is not supported; send application/json.",
                quoted(media_type)
            ))
            .with_status(415));
        }
    }
    // Some clients begin their JSON with a byte order mark.
    let body = binder.request.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(binder.request.body);
    let Members(members) = serde_json::from_slice(body).map_err(|reason| {
        error::payload(entity_set, &format!("The body is not readable as a JSON object: {reason}."))
    })?;
    let mut names = HashSet::with_capacity(members.len());
    if let Some((twice, _)) = members.iter().find(|(name, _)| !names.insert(name.as_str())) {
        return Err(error::payload(
            entity_set,
            &format!("Multiple properties with the name '{}' were detected in a resource.", quoted(twice)),
        ));
    }
    Ok(members)
}

/// Reads a body for a row of `table`.
pub(super) fn assignments(binder: Binder<'_>, table: &Table, purpose: Purpose) -> Result<Given, DataverseError> {
    let mut given = Given { values: Vec::new(), ignored: Vec::new() };
    let set = table.entity_set();
    for (name, json) in members(binder, set)? {
        if let Some((property, annotation)) = name.split_once('@') {
            match (property, annotation) {
                ("", "odata.type") => check_type(table, json)?,
                // Clients send back what they got: tags, formatted values, lookup names.
                (property, "odata.bind") if !property.is_empty() => {
                    let Some(Navigation::Lookup { column, targets }) = table.navigation(property) else {
                        return Err(match table.navigation(property) {
                            Some(_) => error::not_supported(&format!("Binding the collection {}", quoted(property))),
                            None => error::undeclared_property(set, &quoted(property)),
                        });
                    };
                    let value = if json.get() == "null" {
                        Assigned::Value(Value::Null)
                    } else {
                        let text: String = serde_json::from_str(json.get()).map_err(|_| {
                            error::payload(set, &format!("The value of '{}' is no text.", quoted(&name)))
                        })?;
                        let tables: Vec<&str> = targets.iter().map(|target| target.table.as_str()).collect();
                        let (table, key) = rows::reference(binder, &tables, &text)?;
                        Assigned::Row { table, key }
                    };
                    given.take(table, column, value, purpose)?;
                }
                _ => {}
            }
        } else if let Some(column) = table.property(&name) {
            if column.kind.is_lookup() {
                return Err(error::odata(
                    "CRM do not support direct update of Entity Reference properties, Use Navigation properties instead.",
                ));
            }
            if settable(column, purpose) {
                let value = read_json(table, column, json)?;
                given.take(table, column, Assigned::Value(value), purpose)?;
            } else {
                given.ignored.push(Arc::clone(column));
            }
        } else {
            match table.navigation(&name) {
                Some(Navigation::Lookup { column, .. }) if json.get() == "null" => {
                    given.take(table, column, Assigned::Value(Value::Null), purpose)?;
                }
                Some(_) => {
                    return Err(error::not_supported(&format!("Creating related rows in one request ('{name}')")));
                }
                None => return Err(error::unknown_body_property(set, &quoted(&name), &table.qualified_name())),
            }
        }
    }
    Ok(given)
}

fn settable(column: &Column, purpose: Purpose) -> bool {
    match purpose {
        Purpose::Create => column.access.create,
        Purpose::Upsert => column.access.create || column.access.update,
    }
}

impl Given {
    fn take(
        &mut self,
        table: &Table,
        column: &Arc<Column>,
        value: Assigned,
        purpose: Purpose,
    ) -> Result<(), DataverseError> {
        // The address names the row that is changed; the service ignores an id in the body.
        let own_id = column.position == table.primary_id().position && purpose == Purpose::Upsert;
        if own_id || !settable(column, purpose) {
            self.ignored.push(Arc::clone(column));
            return Ok(());
        }
        if self.values.iter().any(|known| known.column.position == column.position) {
            return Err(error::payload(
                table.entity_set(),
                &format!("The column '{}' is given more than one value.", column.name),
            ));
        }
        self.values.push(Assignment { column: Arc::clone(column), value });
        Ok(())
    }
}

/// A body may say of which type it is, but only the truth.
fn check_type(table: &Table, json: &RawValue) -> Result<(), DataverseError> {
    let given: String = serde_json::from_str(json.get()).unwrap_or_default();
    if given.trim_start_matches('#') == table.qualified_name() {
        return Ok(());
    }
    Err(error::payload(
        table.entity_set(),
        &format!(
            "A type named '{}' could not be resolved by the model or is not '{}'.",
            quoted(&given),
            table.qualified_name()
        ),
    ))
}

/// The `@odata.id` of a body that names one row.
pub(super) fn reference(binder: Binder<'_>, table: &Table) -> Result<String, DataverseError> {
    binder.options.only(&[])?;
    let members = members(binder, table.entity_set())?;
    let id = members.iter().find(|(name, _)| name == "@odata.id").map(|(_, json)| json.get());
    let id = id.ok_or_else(|| missing_parameter("@odata.id"))?;
    serde_json::from_str(id).map_err(|_| error::payload(table.entity_set(), "The value of '@odata.id' is no text."))
}

/// The `value` of a body that gives one column.
pub(super) fn single_value(binder: Binder<'_>, table: &Table, column: &Column) -> Result<Value, DataverseError> {
    let members = members(binder, table.entity_set())?;
    match members.iter().find(|(name, _)| name == "value") {
        Some((_, json)) => read_json(table, column, json),
        None => Err(missing_parameter("value")),
    }
}

/// The members of an action's body, each by name; annotations left out.
pub(super) fn parameters<'a>(binder: Binder<'a>, table: &Table) -> Result<Vec<(String, &'a RawValue)>, DataverseError> {
    let mut members = members(binder, table.entity_set())?;
    members.retain(|(name, _)| !name.contains('@'));
    Ok(members)
}
