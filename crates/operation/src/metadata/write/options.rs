//! Lists of options that columns share, and single options of any list.

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::OptionSetDefinition;
use serde_json::Value;

use super::update::{LabelChange, relabel};
use super::{Object, columns, label, object, publishers_name, text};
use crate::metadata::MetadataKey;
use crate::syntax::quoted;

/// Whose options they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionsOf {
    /// A list that columns share, by its name.
    Shared(String),
    /// A column: its table and itself, by logical names.
    Column(String, String),
}

/// A change to one option, or to their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OptionChange {
    /// One more; its number is given where there is none.
    Insert {
        /// Its number.
        value: Option<i32>,
        /// What people see.
        label: String,
        /// Of a status, the state that it belongs to.
        state: Option<i32>,
    },
    /// Another label.
    Update {
        /// Its number.
        value: i32,
        /// What people see from now on.
        label: Option<String>,
    },
    /// One less, by its number.
    Delete(i32),
    /// All numbers, in another order.
    Order(Vec<i32>),
}

/// A change to a list that columns share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionSetUpdate {
    /// What people see.
    pub display_name: Option<String>,
    /// What is said of it beside its name.
    pub description: LabelChange,
    /// What it is called, where that is said; it cannot change.
    pub name: Option<String>,
}

/// Reads a new list.
pub(super) fn create(body: &Object) -> Result<OptionSetDefinition, DataverseError> {
    if text(body, "OptionSetType").is_some_and(|kind| kind != "Picklist") {
        return Err(error::not_supported("A global option set that is not of the type Picklist"));
    }
    let name = publishers_name(body, "Name")?;
    Ok(OptionSetDefinition {
        display_name: label(body, "DisplayName").unwrap_or_else(|| name.clone()),
        description: label(body, "Description").filter(|text| !text.is_empty()),
        options: columns::options(body, &name)?,
        name,
    })
}

/// Reads what is to become of a list; its options have actions of their own.
pub(super) fn update(body: &Object, merge: bool) -> OptionSetUpdate {
    OptionSetUpdate {
        display_name: relabel(body, "DisplayName", merge).flatten(),
        description: relabel(body, "Description", merge),
        name: text(body, "Name").map(str::to_owned),
    }
}

/// The list that a new column is bound to: by its address, or by its name inside the column.
pub(super) fn shared(body: &Object) -> Result<Option<MetadataKey>, DataverseError> {
    if let Some(bound) = text(body, "GlobalOptionSet@odata.bind") {
        let unknown = || error::odata(format!("'{}' is no address of a global option set.", quoted(bound)));
        let key = bound.rsplit_once("GlobalOptionSetDefinitions(").and_then(|(_, key)| key.strip_suffix(')'));
        let key = key.ok_or_else(unknown)?;
        if let Ok(id) = key.parse() {
            return Ok(Some(MetadataKey::Id(id)));
        }
        let name = key.strip_prefix("Name='").and_then(|name| name.strip_suffix('\'')).ok_or_else(unknown)?;
        return Ok(Some(MetadataKey::Name("Name", name.replace("''", "'"))));
    }
    for member in ["GlobalOptionSet", "OptionSet"] {
        if let Some(Value::Object(set)) = body.get(member)
            && (member == "GlobalOptionSet" || set.get("IsGlobal") == Some(&Value::Bool(true)))
        {
            let name = text(set, "Name").ok_or_else(|| error::odata("A global option set is named by its Name."))?;
            return Ok(Some(MetadataKey::Name("Name", name.to_owned())));
        }
    }
    Ok(None)
}

/// Reads the body of one of the actions on options; nothing where it is none.
pub(super) fn action(name: &str, body: &[u8]) -> Result<Option<(OptionsOf, OptionChange)>, DataverseError> {
    if !["InsertOptionValue", "InsertStatusValue", "UpdateOptionValue", "DeleteOptionValue", "OrderOption"]
        .contains(&name)
    {
        return Ok(None);
    }
    let body = object(body)?;
    let missing = |member: &str| error::odata(format!("The action {name} needs the parameter {member}."));
    let of = match (text(&body, "OptionSetName"), text(&body, "EntityLogicalName"), text(&body, "AttributeLogicalName"))
    {
        (Some(set), None, None) if name != "InsertStatusValue" => OptionsOf::Shared(set.to_owned()),
        (None, Some(table), Some(column)) => OptionsOf::Column(table.to_owned(), column.to_owned()),
        _ => {
            return Err(error::odata(format!(
                "The action {name} needs an OptionSetName, or an EntityLogicalName and an AttributeLogicalName."
            )));
        }
    };
    let value = columns::whole(&body, "Value")?;
    let needed = || value.ok_or_else(|| missing("Value"));
    let change = match name {
        "InsertOptionValue" | "InsertStatusValue" => OptionChange::Insert {
            value,
            label: label(&body, "Label").ok_or_else(|| missing("Label"))?,
            state: match name {
                "InsertStatusValue" => Some(columns::whole(&body, "StateCode")?.ok_or_else(|| missing("StateCode"))?),
                _ => None,
            },
        },
        "UpdateOptionValue" => {
            let merge = body.get("MergeLabels").and_then(Value::as_bool).ok_or_else(|| missing("MergeLabels"))?;
            OptionChange::Update { value: needed()?, label: relabel(&body, "Label", merge).flatten() }
        }
        "DeleteOptionValue" => OptionChange::Delete(needed()?),
        _ => {
            let values = body.get("Values").and_then(Value::as_array).ok_or_else(|| missing("Values"))?;
            let one = |value: &Value| value.as_i64().and_then(|value| i32::try_from(value).ok());
            let values = values.iter().take(columns::MOST_OPTIONS + 1).map(one).collect::<Option<Vec<_>>>();
            OptionChange::Order(values.ok_or_else(|| error::odata("The Values are no whole numbers of 32 bits."))?)
        }
    };
    Ok(Some((of, change)))
}
