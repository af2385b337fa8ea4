//! `BulkDelete`: a job that deletes the rows of queries, each a `QueryExpression` or a `FetchExpression`.
//!
//! A `QueryExpression` says what FetchXML says in other words, so it becomes a FetchXML document and is bound as one.

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_foundation::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::entities::member;
use super::others::only;
use crate::bind::body::NamedValues;
use crate::bind::{Binder, broken, fetch as documents};
use crate::call::{Action, BulkDelete};
use crate::fetch::operator::Arity;
use crate::fetch::{Body, Condition, Entity, Fetch, Filter, Operator, Part, With};
use crate::query::Query;
use crate::syntax::quoted;

/// One job has at most this many queries.
const MOST_QUERIES: usize = 25;
/// Filters lie in each other at most this deep.
const MOST_LEVELS: usize = 20;
/// A query has at most this many conditions, as in FetchXML.
const MOST_CONDITIONS: usize = 500;
/// A condition has at most this many values; programs name the rows to delete by their ids.
const MOST_VALUES: usize = 10_000;

const PARAMETERS: [&str; 9] = [
    "QuerySet",
    "JobName",
    "SendEmailNotification",
    "ToRecipients",
    "CCRecipients",
    "RecurrencePattern",
    "StartDateTime",
    "SourceImportId",
    "RunNow",
];

#[derive(Deserialize)]
struct WireQuery {
    #[serde(rename = "@odata.type", default)]
    kind: String,
    #[serde(rename = "EntityName")]
    entity: Option<String>,
    #[serde(rename = "Criteria")]
    criteria: Option<WireFilter>,
    #[serde(rename = "LinkEntities", default)]
    links: Vec<Value>,
    #[serde(rename = "TopCount")]
    top: Option<u32>,
    #[serde(rename = "Query")]
    fetch: Option<String>,
}

#[derive(Deserialize)]
struct WireFilter {
    #[serde(rename = "FilterOperator")]
    operator: Option<String>,
    #[serde(rename = "Conditions", default)]
    conditions: Vec<WireCondition>,
    #[serde(rename = "Filters", default)]
    filters: Vec<WireFilter>,
}

#[derive(Deserialize)]
struct WireCondition {
    #[serde(rename = "EntityName")]
    entity: Option<String>,
    #[serde(rename = "AttributeName")]
    attribute: String,
    #[serde(rename = "Operator")]
    operator: String,
    #[serde(rename = "Values", default)]
    values: Vec<Value>,
}

impl Binder<'_> {
    pub(super) fn bulk_delete(self, members: &NamedValues<'_>) -> Result<Action, DataverseError> {
        only(members, &PARAMETERS, "BulkDelete")?;
        let text = |name: &str| -> Result<Option<String>, DataverseError> {
            let found = members.iter().find(|(given, json)| given == name && json.get() != "null");
            found
                .map(|(_, json)| serde_json::from_str(json.get()))
                .transpose()
                .map_err(|_| error::payload("BulkDelete", &format!("The value of '{name}' is no text.")))
        };
        if text("RecurrencePattern")?.is_some_and(|pattern| !pattern.is_empty()) {
            return Err(error::not_supported("A BulkDelete that recurs (RecurrencePattern)"));
        }
        let sends = |name: &str| members.iter().any(|(given, json)| given == name && json.get() == "true");
        if sends("SendEmailNotification") {
            return Err(error::not_supported("A BulkDelete that sends mail when it is done (SendEmailNotification)"));
        }
        if members.iter().any(|(name, json)| name == "SourceImportId" && json.get() != "null") {
            return Err(error::not_supported("A BulkDelete of what an import made (SourceImportId)"));
        }
        let start = text("StartDateTime")?.filter(|text| !text.is_empty());
        let start = start.map(|text| {
            Timestamp::parse(&text)
                .map_err(|_| error::cannot_convert("BulkDelete", &quoted(&text), "Edm.DateTimeOffset"))
        });
        let given: Vec<&RawValue> = serde_json::from_str(member(members, "QuerySet")?.get())
            .map_err(|_| error::payload("BulkDelete", "The value of 'QuerySet' is no array."))?;
        if given.is_empty() || given.len() > MOST_QUERIES {
            let reason = format!("'QuerySet' has between 1 and {MOST_QUERIES} queries.");
            return Err(error::payload("BulkDelete", &reason));
        }
        let queries = given.into_iter().map(|json| self.query_expression(json)).collect::<Result<_, _>>()?;
        let name = text("JobName")?.unwrap_or_default();
        Ok(Action::BulkDelete(Box::new(BulkDelete { name, queries, start: start.transpose()? })))
    }

    /// The rows that one item of `QuerySet` names.
    fn query_expression(self, json: &RawValue) -> Result<Query, DataverseError> {
        let wire: WireQuery = serde_json::from_str(json.get()).map_err(|reason| {
            error::payload("BulkDelete", &format!("A query of 'QuerySet' is not readable: {reason}."))
        })?;
        let document = match (&wire.fetch, &wire.entity) {
            (Some(text), _) if wire.kind.ends_with("FetchExpression") => Fetch::parse(text)?,
            (_, Some(entity)) => {
                if !wire.links.is_empty() {
                    return Err(error::not_supported("LinkEntities of a query to delete by (send a FetchExpression)"));
                }
                let mut left = MOST_CONDITIONS;
                let filters = wire.criteria.map(|criteria| filter(criteria, MOST_LEVELS, &mut left)).transpose()?;
                let body = Body { filters: filters.into_iter().collect(), ..Body::default() };
                Fetch {
                    aggregate: false,
                    distinct: false,
                    top: wire.top,
                    count: None,
                    page: None,
                    paging_cookie: None,
                    total_count: false,
                    raw_order: false,
                    entity: Entity { name: entity.clone(), body },
                }
            }
            _ => return Err(error::payload("BulkDelete", "A query of 'QuerySet' names no table in 'EntityName'.")),
        };
        if document.aggregate {
            return Err(error::payload("BulkDelete", "A query to delete by names rows; it cannot aggregate."));
        }
        let table =
            self.schema.table(&document.entity.name).map_err(broken)?.ok_or_else(|| {
                DataverseError::new(error::code::QUERY_NO_ENTITY, "The specified entity was not found.")
            })?;
        self.supports(&table, keyholder_dataverse::Verb::Delete)?;
        documents::bind(self.schema, &table, None, &document, None)
    }
}

/// A filter as FetchXML has it. `left` is how many conditions there may still be.
fn filter(wire: WireFilter, levels: usize, left: &mut usize) -> Result<Filter, DataverseError> {
    if levels == 0 {
        return Err(error::odata(format!("The filters of a query lie in each other more than {MOST_LEVELS} deep.")));
    }
    let any = match wire.operator.as_deref() {
        None | Some("And") => false,
        Some("Or") => true,
        Some(other) => {
            return Err(error::cannot_convert("BulkDelete", &quoted(other), "Microsoft.Dynamics.CRM.LogicalOperator"));
        }
    };
    let mut parts = Vec::with_capacity(wire.conditions.len().min(MOST_CONDITIONS));
    for condition in wire.conditions {
        *left = left.checked_sub(1).ok_or_else(|| {
            error::odata(format!("Number of conditions in query exceeded maximum limit of {MOST_CONDITIONS}."))
        })?;
        parts.push(Part::Condition(self::condition(condition)?));
    }
    for inner in wire.filters {
        parts.push(Part::Filter(filter(inner, levels - 1, left)?));
    }
    Ok(Filter { any, quick_find: false, parts })
}

fn condition(wire: WireCondition) -> Result<Condition, DataverseError> {
    let operator = operator(&wire.operator).ok_or_else(|| {
        error::not_supported(&format!("The operator '{}' of a condition to delete by", quoted(&wire.operator)))
    })?;
    if wire.values.len() > MOST_VALUES {
        return Err(error::odata(format!(
            "Number of parameters in a condition exceeded maximum limit of {MOST_VALUES}."
        )));
    }
    let values = wire.values.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let fits = match operator.arity() {
        Arity::None => values.is_empty(),
        Arity::One => values.len() == 1,
        Arity::Two => values.len() == 2,
        Arity::Many => !values.is_empty(),
    };
    if !fits {
        return Err(error::payload(
            "BulkDelete",
            &format!("The operator '{}' does not take {} values.", quoted(&wire.operator), values.len()),
        ));
    }
    let entity_name = wire.entity.filter(|name| !name.is_empty());
    Ok(Condition { attribute: wire.attribute, entity_name, operator, with: With::Values(values) })
}

/// A value, by itself or as `{"Value":…,"Type":"System.Guid"}`.
fn text(value: &Value) -> Result<String, DataverseError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        // As FetchXML writes yes and no.
        Value::Bool(flag) => Ok(if *flag { "1" } else { "0" }.to_owned()),
        Value::Object(object) => match object.get("Value") {
            Some(inner @ (Value::String(_) | Value::Number(_) | Value::Bool(_))) => text(inner),
            _ => Err(error::payload("BulkDelete", "A value of a condition is no text, number or yes/no.")),
        },
        _ => Err(error::payload("BulkDelete", "A value of a condition is no text, number or yes/no.")),
    }
}

/// The operator with this name in the `ConditionOperator` enumeration. Most are the words of FetchXML, written together.
fn operator(name: &str) -> Option<Operator> {
    Some(match name {
        "Equal" => Operator::Equal,
        "NotEqual" => Operator::NotEqual,
        "GreaterThan" => Operator::Greater,
        "GreaterEqual" => Operator::GreaterOrEqual,
        "LessThan" => Operator::Less,
        "LessEqual" => Operator::LessOrEqual,
        "DoesNotBeginWith" => Operator::NotBeginWith,
        "DoesNotEndWith" => Operator::NotEndWith,
        "EqualUserId" => Operator::EqualUserId,
        "NotEqualUserId" => Operator::NotEqualUserId,
        "EqualUserTeams" => Operator::EqualUserTeams,
        "EqualBusinessId" => Operator::EqualBusinessId,
        other => {
            let wanted = other.to_ascii_lowercase();
            return Operator::ALL.iter().copied().find(|operator| operator.name().replace('-', "") == wanted);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_have_two_names() {
        for (name, operator) in [
            ("In", Operator::In),
            ("NotNull", Operator::NotNull),
            ("BeginsWith", Operator::BeginsWith),
            ("GreaterEqual", Operator::GreaterOrEqual),
        ] {
            assert_eq!(super::operator(name), Some(operator));
        }
        assert_eq!(super::operator("Contains"), None);
        assert_eq!(super::operator(""), None);
    }
}
