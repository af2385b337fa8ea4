//! The options of a column as a definition of their own.

use keyholder_dataverse::schema::{BooleanLabels, Column, ColumnKind, OptionItem, OptionSetDefinition, Table};
use keyholder_operation::metadata::{Kind, kinds};
use serde_json::{Value, json};

use super::values::{described, id, is_custom, label, managed, no_label};

/// Whether a column has options, and of which type they are.
pub(super) fn kind(column: &Column) -> Option<&'static Kind> {
    match &column.kind {
        ColumnKind::Choice { .. }
        | ColumnKind::MultiSelect { .. }
        | ColumnKind::State { .. }
        | ColumnKind::Status { .. } => Some(&kinds::OPTION_SET),
        ColumnKind::Boolean(_) => Some(&kinds::BOOLEAN_OPTION_SET),
        _ => None,
    }
}

/// `account_industrycode`
pub(super) fn name(table: &Table, column: &Column) -> String {
    format!("{}_{}", table.logical_name(), column.name)
}

pub(super) fn property(table: &Table, column: &Column, property: &str) -> Value {
    let (name, custom) = (name(table, column), is_custom(&column.name));
    match property {
        "MetadataId" => json!(id("optionset", &name)),
        "Name" => name.into(),
        "DisplayName" => label(&column.label, &format!("optionset {name}"), !custom),
        "Description" => no_label(),
        "IsGlobal" => false.into(),
        "IsCustomOptionSet" => custom.into(),
        "IsManaged" => (!custom).into(),
        "IsCustomizable" => managed(&true.into(), true, "iscustomizable"),
        "IntroducedVersion" => "1.0.0.0".into(),
        "OptionSetType" => match &column.kind {
            ColumnKind::State { .. } => "State",
            ColumnKind::Status { .. } => "Status",
            ColumnKind::Boolean(_) => "Boolean",
            _ => "Picklist",
        }
        .into(),
        "Options" => column.kind.options().iter().map(|option| one(column, option, &name, !custom)).collect(),
        "TrueOption" | "FalseOption" => match &column.kind {
            ColumnKind::Boolean(labels) => yes_or_no(labels, property == "TrueOption", &name, !custom),
            _ => Value::Null,
        },
        // `HasChanged`, `ExternalTypeName`, `ParentOptionSetName`
        _ => Value::Null,
    }
}

/// The properties of a list that columns share.
pub(super) fn shared_property(set: &OptionSetDefinition, property: &str) -> Value {
    let (name, custom) = (&set.name, is_custom(&set.name));
    match property {
        "MetadataId" => json!(id("optionset", name)),
        "Name" => name.as_str().into(),
        "DisplayName" => label(&set.display_name, &format!("optionset {name}"), !custom),
        "Description" => described(set.description.as_deref(), &format!("optionset {name}"), !custom),
        "IsGlobal" => true.into(),
        "IsCustomOptionSet" => custom.into(),
        "IsManaged" => (!custom).into(),
        "IsCustomizable" => managed(&true.into(), true, "iscustomizable"),
        "IntroducedVersion" => "1.0.0.0".into(),
        "OptionSetType" => "Picklist".into(),
        "Options" => set.options.iter().map(|option| plain(option.value, &option.label, name, !custom)).collect(),
        // `HasChanged`, `ExternalTypeName`, `ParentOptionSetName`
        _ => Value::Null,
    }
}

fn one(column: &Column, option: &OptionItem, set: &str, is_managed: bool) -> Value {
    let mut shown = plain(option.value, &option.label, set, is_managed);
    let extra = match &column.kind {
        ColumnKind::State { .. } => json!({
            "@odata.type": "#Microsoft.Dynamics.CRM.StateOptionMetadata",
            "DefaultStatus": option.pair, "InvariantName": option.label,
        }),
        ColumnKind::Status { .. } => json!({
            "@odata.type": "#Microsoft.Dynamics.CRM.StatusOptionMetadata",
            "State": option.pair, "TransitionData": null,
        }),
        _ => return shown,
    };
    if let (Value::Object(shown), Value::Object(extra)) = (&mut shown, extra) {
        shown.extend(extra);
    }
    shown
}

fn plain(value: i32, text: &str, set: &str, is_managed: bool) -> Value {
    json!({
        "Value": value, "Color": null, "IsManaged": is_managed, "ExternalValue": "", "ParentValues": [], "Tag": null,
        "IsHidden": false, "MetadataId": null, "HasChanged": null,
        "Label": label(text, &format!("option {set} {value}"), is_managed), "Description": no_label(),
    })
}

fn yes_or_no(labels: &BooleanLabels, yes: bool, set: &str, is_managed: bool) -> Value {
    let text = if yes { &labels.yes } else { &labels.no };
    plain(i32::from(yes), text, set, is_managed)
}
