//! Changes to definitions that are there: the whole definition is sent again, and what may change of it is taken.
//!
//! What may not change has to be what it is. What a body does not say stays, which is a reading: the service's own documentation asks for
//! whole definitions. A label is English here; with `MSCRM.MergeLabels` a body without an English one takes none away.

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{Behavior, Column, ColumnDefinition, ColumnKind, NumberRange, Requirement};
use serde_json::Value;

use super::{Object, behavior_from, columns, label, managed_flag, text};
use crate::syntax::quoted;

/// What a table stays.
const OF_TABLES: [&str; 8] = [
    "LogicalName",
    "SchemaName",
    "OwnershipType",
    "ObjectTypeCode",
    "PrimaryIdAttribute",
    "PrimaryNameAttribute",
    "IsActivity",
    "TableType",
];
/// What a column stays.
const OF_COLUMNS: [&str; 12] = [
    "LogicalName",
    "SchemaName",
    "EntityLogicalName",
    "AttributeType",
    "AttributeTypeName",
    "IsPrimaryId",
    "IsPrimaryName",
    "IsSecured",
    "SourceType",
    "DateTimeBehavior",
    "AutoNumberFormat",
    "FormulaDefinition",
];
/// What a relationship stays.
const OF_RELATIONSHIPS: [&str; 13] = [
    "SchemaName",
    "RelationshipType",
    "ReferencedEntity",
    "ReferencedAttribute",
    "ReferencingEntity",
    "ReferencingAttribute",
    "ReferencedEntityNavigationPropertyName",
    "ReferencingEntityNavigationPropertyName",
    "IsHierarchical",
    "Entity1LogicalName",
    "Entity2LogicalName",
    "IntersectEntityName",
    "Entity1NavigationPropertyName",
];

/// A change to a label: none, to this text, or away.
pub type LabelChange = Option<Option<String>>;

/// A change to a table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableUpdate {
    /// What is said of properties that cannot change.
    pub stays: Vec<(&'static str, Value)>,
    /// What people see.
    pub display_name: Option<String>,
    /// What people see of several rows.
    pub display_collection_name: LabelChange,
    /// What is said of it beside its name.
    pub description: LabelChange,
    /// Whether changes of its rows are to be audited.
    pub audit: Option<bool>,
    /// What the address calls its rows.
    pub entity_set: Option<String>,
    /// Whether notes can be attached to its rows.
    pub notes: Option<bool>,
    /// Whether activities can be about its rows.
    pub activities: Option<bool>,
}

/// A change to a column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnUpdate {
    /// What is said of properties that cannot change.
    pub stays: Vec<(&'static str, Value)>,
    /// The name of its metadata type, where it is said.
    pub kind: Option<String>,
    label: Option<String>,
    description: LabelChange,
    audit: Option<bool>,
    requirement: Option<Requirement>,
    body: Object,
}

/// A change to a relationship.
#[derive(Debug, Clone, PartialEq)]
pub struct RelationshipUpdate {
    /// What is said of properties that cannot change.
    pub stays: Vec<(&'static str, Value)>,
    body: Object,
}

/// Reads a table's definition; with `merge`, labels that it does not have stay.
pub(super) fn table(body: &Object, merge: bool) -> Result<TableUpdate, DataverseError> {
    Ok(TableUpdate {
        stays: stays(body, &OF_TABLES),
        display_name: name_of(body, merge)?,
        display_collection_name: relabel(body, "DisplayCollectionName", merge),
        description: relabel(body, "Description", merge),
        audit: managed_flag(body, "IsAuditEnabled"),
        entity_set: text(body, "EntitySetName").map(str::to_owned),
        notes: body.get("HasNotes").and_then(Value::as_bool),
        activities: body.get("HasActivities").and_then(Value::as_bool),
    })
}

/// Reads a column's definition.
pub(super) fn column(body: Object, merge: bool) -> Result<ColumnUpdate, DataverseError> {
    let kind = text(&body, "@odata.type").map(|kind| kind.rsplit_once('.').map_or(kind, |(_, kind)| kind));
    Ok(ColumnUpdate {
        stays: stays(&body, &OF_COLUMNS),
        kind: kind.map(|kind| kind.strip_prefix("Complex").unwrap_or(kind).to_owned()),
        label: name_of(&body, merge)?,
        description: relabel(&body, "Description", merge),
        audit: managed_flag(&body, "IsAuditEnabled"),
        requirement: columns::requirement(&body)?,
        body,
    })
}

/// Reads a relationship's definition.
pub(super) fn relationship(body: Object) -> RelationshipUpdate {
    RelationshipUpdate { stays: stays(&body, &OF_RELATIONSHIPS), body }
}

impl RelationshipUpdate {
    /// What happens to related rows from now on.
    ///
    /// # Errors
    /// Names what there is not.
    pub fn behavior(&self, now: Behavior) -> Result<Behavior, DataverseError> {
        behavior_from(&self.body, now)
    }
}

impl ColumnUpdate {
    /// The column as it is to be.
    ///
    /// # Errors
    /// Names the limit that is none, or the level that cannot be given or taken.
    pub fn apply(&self, column: &Column) -> Result<ColumnDefinition, DataverseError> {
        let mut next = column.definition();
        if let Some(label) = &self.label {
            next.label.clone_from(label);
        }
        if let Some(description) = &self.description {
            next.description.clone_from(description);
        }
        if let Some(audit) = self.audit {
            next.audit = audit;
        }
        if let Some(requirement) = self.requirement.filter(|level| *level != column.requirement) {
            if requirement == Requirement::System || column.requirement == Requirement::System {
                return Err(error::odata(format!(
                    "The column '{}' cannot become, or cease to be, one that the system requires.",
                    column.name
                )));
            }
            next.requirement = requirement;
        }
        self.limits(&mut next)?;
        Ok(next)
    }

    fn limits(&self, column: &mut ColumnDefinition) -> Result<(), DataverseError> {
        let body = &self.body;
        match &mut column.kind {
            ColumnKind::Text { max_length } => {
                *max_length = columns::length(body, *max_length, columns::LONGEST_TEXT.max(*max_length))?;
            }
            ColumnKind::Memo { max_length } => {
                *max_length = columns::length(body, *max_length, columns::LONGEST_MEMO.max(*max_length))?;
            }
            ColumnKind::Integer(range) => {
                range.min = columns::whole(body, "MinValue")?.unwrap_or(range.min);
                range.max = columns::whole(body, "MaxValue")?.unwrap_or(range.max);
                ordered(&column.name, f64::from(range.min), f64::from(range.max))?;
            }
            ColumnKind::Decimal { precision, range } => {
                *precision = columns::precision(body, *precision, 10)?;
                self.range(&column.name, range)?;
            }
            ColumnKind::Double { precision, range } => {
                *precision = columns::precision(body, *precision, 5)?;
                self.range(&column.name, range)?;
            }
            ColumnKind::Money { precision, range, .. } => {
                *precision = columns::precision(body, *precision, 4)?;
                self.range(&column.name, range)?;
            }
            ColumnKind::Boolean(labels) => {
                labels.default = body.get("DefaultValue").and_then(Value::as_bool).unwrap_or(labels.default);
            }
            ColumnKind::Choice { options, default } => match columns::whole(body, "DefaultFormValue")? {
                None => {}
                // What the service shows where there is none.
                Some(-1) => *default = None,
                Some(value) if options.iter().any(|option| option.value == value) => *default = Some(value),
                Some(value) => {
                    return Err(error::odata(format!(
                        "The DefaultFormValue {value} is no option of the column '{}'.",
                        column.name
                    )));
                }
            },
            _ => {}
        }
        Ok(())
    }

    fn range(&self, column: &str, range: &mut NumberRange<f64>) -> Result<(), DataverseError> {
        let limit = |member: &str| self.body.get(member).and_then(Value::as_f64);
        range.min = limit("MinValue").unwrap_or(range.min);
        range.max = limit("MaxValue").unwrap_or(range.max);
        ordered(column, range.min, range.max)
    }
}

fn ordered(column: &str, min: f64, max: f64) -> Result<(), DataverseError> {
    if min <= max {
        return Ok(());
    }
    Err(error::odata(format!("The MinValue {min} of the column '{}' is above its MaxValue {max}.", quoted(column))))
}

/// The properties of these that a body says something of.
fn stays(body: &Object, names: &[&'static str]) -> Vec<(&'static str, Value)> {
    let said = |name: &&'static str| Some((*name, body.get(*name).filter(|value| !value.is_null())?.clone()));
    names.iter().filter_map(said).collect()
}

/// What people are to see; it cannot go.
fn name_of(body: &Object, merge: bool) -> Result<Option<String>, DataverseError> {
    match relabel(body, "DisplayName", merge) {
        None => Ok(None),
        Some(Some(name)) if !name.trim().is_empty() => Ok(Some(name)),
        Some(_) => Err(error::odata("The DisplayName has no label; to keep the one that is there, leave it out.")),
    }
}

pub(super) fn relabel(body: &Object, member: &str, merge: bool) -> LabelChange {
    let given = body.get(member).and_then(Value::as_object)?;
    let labels = given.get("LocalizedLabels").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_english = |one: &Value| one.get("LanguageCode").and_then(Value::as_u64) == Some(1033);
    if merge && !labels.iter().any(is_english) {
        return None;
    }
    Some(label(body, member).filter(|text| !text.is_empty()))
}
