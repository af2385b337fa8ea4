//! The members of a JSON body as assignments.
//!
//! Members are read as raw JSON, so that a column's own reader sees the digits that the client
//! wrote. A member that occurs twice is refused: of two values one would be lost.
//!
//! What the service ignores is ignored here too, but not lost: columns that clients cannot set are
//! listed, because for a few of them the service has a refusal of its own.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyholder_dataverse::Value;
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{Column, ColumnKind, Navigation, Table};
use keyholder_dataverse::value::read_json;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::nested::Nest;
use super::{Binder, missing_parameter, rows};
use crate::syntax::quoted;
use crate::write::{Assigned, Assignment, Related};

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
    /// Rows of collections.
    pub(super) related: Vec<Related>,
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

/// The members of a JSON object, by name.
pub(super) type NamedValues<'a> = Vec<(String, &'a RawValue)>;

/// The members of the request's body.
pub(super) fn members<'a>(binder: Binder<'a>, entity_set: &str) -> Result<NamedValues<'a>, DataverseError> {
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
    unique(serde_json::from_slice(body), entity_set)
}

/// The members of an object inside a body.
pub(super) fn members_of<'a>(object: &'a RawValue, entity_set: &str) -> Result<NamedValues<'a>, DataverseError> {
    unique(serde_json::from_str(object.get()), entity_set)
}

fn unique<'a>(read: serde_json::Result<Members<'a>>, entity_set: &str) -> Result<NamedValues<'a>, DataverseError> {
    let Members(members) = read.map_err(|reason| {
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

/// Reads a body for a change to a row of `table`.
pub(super) fn assignments(binder: Binder<'_>, table: &Arc<Table>) -> Result<Given, DataverseError> {
    assignments_of(binder, members(binder, table.entity_set())?, table, Purpose::Upsert, None)
}

/// Reads the members of an object for a row of `table`. Rows inside it are made where there is a `nest`.
pub(super) fn assignments_of(
    binder: Binder<'_>,
    members: NamedValues<'_>,
    table: &Arc<Table>,
    purpose: Purpose,
    nest: Option<&Nest<'_>>,
) -> Result<Given, DataverseError> {
    let mut given = Given { values: Vec::new(), ignored: Vec::new(), related: Vec::new() };
    add_members(binder, members, table, purpose, nest, &mut given)?;
    Ok(given)
}

/// Reads the members of an object for a row of `table`, to what is already given.
pub(super) fn add_members(
    binder: Binder<'_>,
    members: NamedValues<'_>,
    table: &Arc<Table>,
    purpose: Purpose,
    nest: Option<&Nest<'_>>,
    given: &mut Given,
) -> Result<(), DataverseError> {
    let set = table.entity_set();
    for (name, json) in members {
        if let Some((property, annotation)) = name.split_once('@') {
            match (property, annotation) {
                ("", "odata.type") => check_type(table, json)?,
                // Clients send back what they got: tags, formatted values, lookup names.
                (property, "odata.bind") if !property.is_empty() => {
                    let navigation =
                        table.navigation(property).ok_or_else(|| error::undeclared_property(set, &quoted(property)))?;
                    match (navigation, nest) {
                        (Navigation::Lookup { column, targets }, _) => {
                            let value = if json.get() == "null" {
                                Assigned::Value(Value::Null)
                            } else {
                                let tables: Vec<&str> = targets.iter().map(|target| target.table.as_str()).collect();
                                let (table, key) = rows::reference(binder, &tables, &text_of(set, &name, json)?)?;
                                Assigned::Row { table, key }
                            };
                            given.take(table, column, value, purpose)?;
                        }
                        (collection, Some(nest)) => {
                            let texts: Vec<&RawValue> = serde_json::from_str(json.get()).map_err(|_| {
                                error::payload(set, &format!("The value of '{}' is no array.", quoted(&name)))
                            })?;
                            for (index, text) in texts.into_iter().enumerate() {
                                let text = text_of(set, &name, text)?;
                                let related = nest.bound(binder, table, (property, collection, index), &text)?;
                                given.related.push(related);
                            }
                        }
                        (_, None) => {
                            let what = format!("Binding the collection '{}' in this request", quoted(property));
                            return Err(error::not_supported(&format!("{what} (POST it to its $ref)")));
                        }
                    }
                }
                _ => {}
            }
        } else if let Some(column) = table.property(&name) {
            if column.kind.is_lookup() {
                return Err(error::odata(
                    "CRM do not support direct update of Entity Reference properties, Use Navigation properties instead.",
                ));
            }
            if column.kind == ColumnKind::Image && settable(column, purpose) {
                given.take(table, column, image(table, column, json)?, purpose)?;
            } else if settable(column, purpose) {
                let value = read_json(table, column, json)?;
                given.take(table, column, Assigned::Value(value), purpose)?;
            } else {
                given.ignored.push(Arc::clone(column));
            }
        } else {
            let navigation = table
                .navigation(&name)
                .ok_or_else(|| error::unknown_body_property(set, &quoted(&name), &table.qualified_name()))?;
            match (navigation, nest) {
                (Navigation::Lookup { column, .. }, _) if json.get() == "null" => {
                    given.take(table, column, Assigned::Value(Value::Null), purpose)?;
                }
                (Navigation::Lookup { column, targets }, Some(nest)) => {
                    let value = nest.single(binder, table, (&name, targets), json)?;
                    given.take(table, column, value, purpose)?;
                }
                (collection, Some(nest)) => {
                    given.related.extend(nest.collection(binder, table, (&name, collection), json)?);
                }
                (_, None) => {
                    let what = format!("Making the related rows of '{}' in this request", quoted(&name));
                    return Err(error::not_supported(&format!("{what} (POST them with a new row, or by themselves)")));
                }
            }
        }
    }
    Ok(())
}

/// An image, in base64; null for none.
fn image(table: &Table, column: &Column, json: &RawValue) -> Result<Assigned, DataverseError> {
    if json.get() == "null" {
        return Ok(Assigned::Value(Value::Null));
    }
    let given: Option<Cow<'_, str>> = serde_json::from_str(json.get()).ok();
    let bytes = given.and_then(|text| STANDARD.decode(text.as_bytes()).ok());
    let bytes = bytes
        .ok_or_else(|| error::payload(table.entity_set(), &format!("The value of '{}' is no base64.", column.name)))?;
    Ok(Assigned::Image(bytes.into()))
}

/// A member that must be a text.
fn text_of(entity_set: &str, name: &str, json: &RawValue) -> Result<String, DataverseError> {
    serde_json::from_str(json.get())
        .map_err(|_| error::payload(entity_set, &format!("The value of '{}' is no text.", quoted(name))))
}

fn settable(column: &Column, purpose: Purpose) -> bool {
    match purpose {
        Purpose::Create => column.access.create,
        Purpose::Upsert => column.access.create || column.access.update,
    }
}

impl Given {
    /// Adds the value of one column.
    pub(super) fn take(
        &mut self,
        table: &Table,
        column: &Arc<Column>,
        value: Assigned,
        purpose: Purpose,
    ) -> Result<(), DataverseError> {
        if !matches!(value, Assigned::Value(_) | Assigned::Image(_)) {
            can_name_rows(column)?;
        }
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

/// Refuses to set a plain id by the row that it names: that is followed only.
pub(super) fn can_name_rows(column: &Column) -> Result<(), DataverseError> {
    match column.kind.is_lookup() {
        true => Ok(()),
        false => Err(error::not_supported(&format!("Setting the id '{}' by a navigation property", column.name))),
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
pub(super) fn single_value(binder: Binder<'_>, table: &Table, column: &Column) -> Result<Assigned, DataverseError> {
    let members = members(binder, table.entity_set())?;
    match members.iter().find(|(name, _)| name == "value") {
        Some((_, json)) if column.kind == ColumnKind::Image => image(table, column, json),
        Some((_, json)) => read_json(table, column, json).map(Assigned::Value),
        None => Err(missing_parameter("value")),
    }
}

/// The members of an action's body, each by name; annotations left out.
pub(super) fn parameters<'a>(binder: Binder<'a>, entity_set: &str) -> Result<NamedValues<'a>, DataverseError> {
    let mut members = members(binder, entity_set)?;
    members.retain(|(name, _)| !name.contains('@'));
    Ok(members)
}
