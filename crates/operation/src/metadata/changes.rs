//! `RetrieveMetadataChanges`: many definitions at once, as clients that keep a copy ask for them.
//!
//! The question is a JSON object in a parameter alias: conditions and property names for tables, and further ones
//! for what belongs to them. It becomes the [`View`] that `EntityDefinitions` with `$expand` would have.

use keyholder_dataverse::error::{self, DataverseError};
use serde_json::{Map, Value};

use super::{Constant, Kind, MetadataFilter, Root, View, kinds};
use crate::query::Comparison;
use crate::request::NameAndValue;
use crate::syntax::path::Arguments;
use crate::syntax::{Literal, quoted};

type Object = Map<String, Value>;

/// Conditions nest at most this deep, and there are at most this many on a level.
const DEEPEST: usize = 8;
const MOST: usize = 500;

/// What `RetrieveMetadataChanges` asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangesQuery {
    /// Which tables, and what is shown of them and inside them.
    pub view: View,
    /// The stamp of the answer that the caller has.
    pub since: Option<String>,
    /// Which sorts of deleted definitions are told.
    pub deleted: Deleted,
}

/// Sorts of definitions whose deletion is told: `DeletedMetadataFilters`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own in the published type")]
pub struct Deleted {
    /// Tables.
    pub entities: bool,
    /// Columns.
    pub attributes: bool,
    /// Relationships.
    pub relationships: bool,
    /// Lists of options.
    pub option_sets: bool,
}

impl Deleted {
    /// What is told where nobody says which.
    const USUAL: Self = Self { entities: true, attributes: false, relationships: false, option_sets: false };
    const NONE: Self = Self { entities: false, ..Self::USUAL };

    /// Reads `Microsoft.Dynamics.CRM.DeletedMetadataFilters'Entity,Attribute'` or its number.
    fn read(text: &str) -> Result<Self, DataverseError> {
        let mut found = Self::NONE;
        for name in text.split(',').map(str::trim) {
            match name {
                "Default" | "Entity" => found.entities = true,
                "Attribute" => found.attributes = true,
                "Relationship" => found.relationships = true,
                "OptionSet" => found.option_sets = true,
                // The local org has one language, whose labels are told with what they belong to.
                "Label" => {}
                "All" => found = Self { entities: true, attributes: true, relationships: true, option_sets: true },
                other => {
                    let flags: u8 = other.parse().ok().filter(|flags| *flags <= 31).ok_or_else(|| {
                        error::odata(format!("There is no DeletedMetadataFilters '{}'.", quoted(other)))
                    })?;
                    found.entities |= flags & 1 != 0;
                    found.attributes |= flags & 2 != 0;
                    found.relationships |= flags & 4 != 0;
                    found.option_sets |= flags & 16 != 0;
                }
            }
        }
        Ok(found)
    }
}

impl ChangesQuery {
    /// Every kind of thing that is shown.
    #[must_use]
    pub fn kinds(&self) -> Vec<&'static Kind> {
        let mut found = vec![Root::Entities.kind()];
        self.view.kinds(&mut found);
        found
    }
}

/// Reads the function's arguments.
pub(crate) fn read(
    arguments: Option<&Arguments<'_>>,
    options: &[NameAndValue<'_>],
) -> Result<ChangesQuery, DataverseError> {
    let Some(Arguments::Named(named)) = arguments else { return Err(missing()) };
    let alias = |literal: &Literal<'_>| match literal {
        Literal::Alias(name) => {
            let found = options.iter().find(|(known, _)| known.strip_prefix('@') == Some(name));
            found.map(|(_, value)| value.to_string()).ok_or_else(missing)
        }
        Literal::Text(text) | Literal::Typed { text, .. } => Ok(text.to_string()),
        Literal::Number(number) => Ok((*number).to_owned()),
        _ => Err(error::bad_syntax()),
    };
    let (mut query, mut since, mut deleted) = (None, None, Deleted::USUAL);
    for (name, value) in named {
        match *name {
            "Query" => query = Some(alias(value)?),
            "ClientVersionStamp" => since = Some(alias(value)?).filter(|stamp| stamp != "null"),
            "DeletedMetadataFilters" => {
                let text = alias(value)?;
                let text = text.rsplit_once("DeletedMetadataFilters").map_or(&*text, |(_, named)| named);
                deleted = Deleted::read(text.trim_matches(['\'', '"']))?;
            }
            // Those of no app, which is what there are here.
            "AppModuleId" | "RetrieveAllSettings" if matches!(value, Literal::Null | Literal::Boolean(_)) => {}
            other => {
                return Err(error::not_supported(&format!(
                    "The parameter {} of RetrieveMetadataChanges",
                    quoted(other)
                )));
            }
        }
    }
    let text = query.ok_or_else(missing)?;
    let query: Object = serde_json::from_str(&text)
        .map_err(|reason| error::odata(format!("The Query is no JSON object: {reason}.")))?;
    let since = since.map(|stamp| stamp.trim_matches(['\'', '"']).to_owned()).filter(|stamp| !stamp.is_empty());
    Ok(ChangesQuery { view: tables(&query)?, since, deleted })
}

fn missing() -> DataverseError {
    error::odata("RetrieveMetadataChanges needs its Query as a parameter alias: (Query=@p1)?@p1={...}.")
}

fn tables(query: &Object) -> Result<View, DataverseError> {
    let (mut view, inside) = expression(query, &kinds::ENTITY)?;
    if let Some(Value::Object(labels)) = query.get("LabelQuery") {
        let languages = labels.get("FilterLanguages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if !languages.is_empty() && !languages.iter().any(|language| language.as_u64() == Some(1033)) {
            return Err(error::not_supported("A LabelQuery without English (1033)"));
        }
    }
    for name in inside {
        let Some(member) = kinds::ENTITY.member(name) else { continue };
        let own = match name {
            "Attributes" => "AttributeQuery",
            "Keys" => "KeyQuery",
            _ => "RelationshipQuery",
        };
        let nested = match query.get(own) {
            Some(Value::Object(nested)) => {
                let (mut view, options) = expression(nested, member.kind)?;
                // What only columns with options have is shown where there is one.
                view.expand = options
                    .into_iter()
                    .filter_map(|name| kinds::ENUM.member(name).map(|member| (member, View::default())))
                    .collect();
                view
            }
            _ => View { expand: everything_inside(member.kind), ..View::default() },
        };
        view.expand.push((member, nested));
    }
    Ok(view)
}

/// What is shown inside a definition of which everything is shown: the options of columns.
fn everything_inside(kind: &'static Kind) -> Vec<(&'static super::Member, View)> {
    let options = if kind.is(&kinds::ATTRIBUTE) { kinds::ENUM.member("OptionSet") } else { None };
    options.into_iter().map(|member| (member, View::default())).collect()
}

/// Conditions and property names; gives the names of navigation properties apart.
fn expression(query: &Object, kind: &'static Kind) -> Result<(View, Vec<&'static str>), DataverseError> {
    let mut view = View::default();
    if let Some(Value::Object(criteria)) = query.get("Criteria") {
        view.filter = Some(filter(criteria, kind, DEEPEST)?);
    }
    let properties = query.get("Properties").and_then(Value::as_object);
    let all = properties.is_some_and(|properties| properties.get("AllProperties") == Some(&Value::Bool(true)));
    let is_column = kind.is(&kinds::ATTRIBUTE);
    let members = |name: &str| {
        let member = kind.member(name).or_else(|| if is_column { kinds::ENUM.member(name) } else { None });
        member.map(|member| member.name)
    };
    if all {
        let inside = [
            "Attributes",
            "Keys",
            "ManyToManyRelationships",
            "ManyToOneRelationships",
            "OneToManyRelationships",
            "OptionSet",
        ];
        return Ok((view, inside.into_iter().filter_map(members).collect()));
    }
    let names = properties.and_then(|properties| properties.get("PropertyNames")).and_then(Value::as_array);
    let names = names.map(Vec::as_slice).unwrap_or_default();
    if names.len() > MOST {
        return Err(error::odata(format!("The Query names more than {MOST} properties.")));
    }
    // What names a thing is always shown.
    let mut select: Vec<&'static str> =
        ["LogicalName", "SchemaName"].into_iter().filter_map(|name| kind.property(name)).take(1).collect();
    let mut inside = Vec::new();
    for name in names {
        let name = name.as_str().ok_or_else(error::bad_syntax)?;
        if let Some(member) = members(name) {
            inside.push(member);
        } else {
            // What only some types have is shown of those that have it.
            let property = kinds::property_of_any(kind, name)
                .ok_or_else(|| error::unknown_property(&quoted(name), &kind.qualified_name()))?;
            if !select.contains(&property) {
                select.push(property);
            }
        }
    }
    view.select = Some(select);
    Ok((view, inside))
}

fn filter(criteria: &Object, kind: &'static Kind, depth: usize) -> Result<MetadataFilter, DataverseError> {
    if depth == 0 {
        return Err(error::odata(format!("The Criteria nest deeper than {DEEPEST} levels.")));
    }
    let list = |name: &str| criteria.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (conditions, filters) = (list("Conditions"), list("Filters"));
    if conditions.len() + filters.len() > MOST {
        return Err(error::odata(format!("The Criteria have more than {MOST} conditions.")));
    }
    let mut parts = Vec::with_capacity(conditions.len() + filters.len());
    for one in conditions {
        parts.push(condition(one.as_object().ok_or_else(error::bad_syntax)?, kind)?);
    }
    for one in filters {
        parts.push(filter(one.as_object().ok_or_else(error::bad_syntax)?, kind, depth - 1)?);
    }
    match criteria.get("FilterOperator").and_then(Value::as_str) {
        None | Some("And") => Ok(MetadataFilter::And(parts)),
        Some("Or") => Ok(MetadataFilter::Or(parts)),
        Some(other) => Err(error::odata(format!("There is no FilterOperator '{}'.", quoted(other)))),
    }
}

fn condition(condition: &Object, kind: &'static Kind) -> Result<MetadataFilter, DataverseError> {
    let name = condition.get("PropertyName").and_then(Value::as_str).unwrap_or_default();
    let property = kinds::property_of_any(kind, name)
        .ok_or_else(|| error::unknown_property(&quoted(name), &kind.qualified_name()))?;
    let values = values(condition.get("Value"))?;
    let one = |comparison, with| MetadataFilter::Compare { path: vec![property.to_owned()], comparison, with };
    let any = |values: Vec<Constant>| {
        MetadataFilter::Or(values.into_iter().map(|value| one(Comparison::Equal, value)).collect())
    };
    let single = || values.first().cloned().unwrap_or(Constant::Null);
    Ok(match condition.get("ConditionOperator").and_then(Value::as_str) {
        Some("Equals") => one(Comparison::Equal, single()),
        Some("NotEquals") => one(Comparison::NotEqual, single()),
        Some("GreaterThan") => one(Comparison::Greater, single()),
        Some("LessThan") => one(Comparison::Less, single()),
        Some("In") => any(values),
        Some("NotIn") => MetadataFilter::Not(Box::new(any(values))),
        other => {
            let other = quoted(other.unwrap_or_default());
            return Err(error::odata(format!("There is no ConditionOperator '{other}'.")));
        }
    })
}

/// The value of a condition: the name of its .NET type and its text.
fn values(given: Option<&Value>) -> Result<Vec<Constant>, DataverseError> {
    let Some(Value::Object(given)) = given else { return Ok(vec![Constant::Null]) };
    let kind = given.get("Type").and_then(Value::as_str).unwrap_or("System.String");
    let texts: Vec<String> = match given.get("Value") {
        None | Some(Value::Null) => return Ok(vec![Constant::Null]),
        Some(Value::String(text)) if kind.ends_with("[]") => serde_json::from_str(&text.replace('\'', "\""))
            .map_err(|_| error::odata("The Value of a condition for several is no JSON array of texts."))?,
        Some(Value::Array(list)) => {
            list.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect()
        }
        Some(Value::String(text)) => vec![text.clone()],
        Some(other) => vec![other.to_string()],
    };
    let constant = |text: String| match kind.trim_end_matches("[]") {
        "System.Boolean" => text.to_ascii_lowercase().parse().map(Constant::Boolean).map_err(|_| error::bad_syntax()),
        "System.Int32" | "System.Int64" | "System.Double" | "System.Decimal" => {
            text.parse().map(Constant::Number).map_err(|_| error::bad_syntax())
        }
        "System.Guid" => Ok(Constant::Text(text.trim_matches(['{', '}']).to_ascii_lowercase())),
        _ => Ok(Constant::Text(text)),
    };
    texts.into_iter().map(constant).collect()
}
