//! The properties of a column's definition.

use keyholder_dataverse::schema::{Column, ColumnKind, DateBehavior, Requirement, Table};
use keyholder_operation::metadata::{Kind, kinds};
use serde_json::{Number, Value, json};
use uuid::Uuid;

use super::values::{described, id, is_custom, label, managed};

/// Limits of a whole number of 64 bits.
const BIG: (i64, i64) = (i64::MIN, i64::MAX);
/// A text in the database takes two bytes for each unit.
const UNIT: u32 = 2;

pub(super) fn id_of(table: &Table, column: &Column) -> Uuid {
    id("attribute", &format!("{}.{}", table.logical_name(), column.name))
}

pub(super) fn kind(column: &Column) -> &'static Kind {
    match &column.kind {
        ColumnKind::Guid => &kinds::UNIQUE_IDENTIFIER,
        ColumnKind::Text { .. } => &kinds::STRING,
        ColumnKind::Memo { .. } => &kinds::MEMO,
        ColumnKind::Integer(_) => &kinds::INTEGER,
        ColumnKind::BigInteger => &kinds::BIG_INT,
        ColumnKind::Decimal { .. } => &kinds::DECIMAL,
        ColumnKind::Double { .. } => &kinds::DOUBLE,
        ColumnKind::Money { .. } => &kinds::MONEY,
        ColumnKind::Boolean(_) => &kinds::BOOLEAN,
        ColumnKind::ManagedBoolean(_) => &kinds::MANAGED_PROPERTY,
        ColumnKind::Choice { .. } => &kinds::PICKLIST,
        ColumnKind::MultiSelect { .. } => &kinds::MULTI_SELECT,
        ColumnKind::State { .. } => &kinds::STATE,
        ColumnKind::Status { .. } => &kinds::STATUS,
        ColumnKind::DateTime { .. } => &kinds::DATE_TIME,
        ColumnKind::Lookup { .. } | ColumnKind::Customer { .. } | ColumnKind::Owner { .. } => &kinds::LOOKUP,
        ColumnKind::Image => &kinds::IMAGE,
        ColumnKind::File => &kinds::FILE,
        _ => &kinds::ATTRIBUTE,
    }
}

/// The two names of a column's type: `AttributeType` and what stands in `AttributeTypeName`.
fn type_names(column: &Column) -> (&'static str, &'static str) {
    match &column.kind {
        ColumnKind::Guid => ("Uniqueidentifier", "UniqueidentifierType"),
        ColumnKind::Text { .. } => ("String", "StringType"),
        ColumnKind::Memo { .. } => ("Memo", "MemoType"),
        ColumnKind::Integer(_) => ("Integer", "IntegerType"),
        ColumnKind::BigInteger => ("BigInt", "BigIntType"),
        ColumnKind::Decimal { .. } => ("Decimal", "DecimalType"),
        ColumnKind::Double { .. } => ("Double", "DoubleType"),
        ColumnKind::Money { .. } => ("Money", "MoneyType"),
        ColumnKind::Boolean(_) => ("Boolean", "BooleanType"),
        ColumnKind::ManagedBoolean(_) => ("ManagedProperty", "ManagedPropertyType"),
        ColumnKind::Choice { .. } => ("Picklist", "PicklistType"),
        ColumnKind::MultiSelect { .. } => ("Virtual", "MultiSelectPicklistType"),
        ColumnKind::State { .. } => ("State", "StateType"),
        ColumnKind::Status { .. } => ("Status", "StatusType"),
        ColumnKind::DateTime { .. } => ("DateTime", "DateTimeType"),
        ColumnKind::Lookup { .. } => ("Lookup", "LookupType"),
        ColumnKind::Customer { .. } => ("Customer", "CustomerType"),
        ColumnKind::Owner { .. } => ("Owner", "OwnerType"),
        ColumnKind::Image => ("Virtual", "ImageType"),
        ColumnKind::File => ("Virtual", "FileType"),
        _ => ("Virtual", "VirtualType"),
    }
}

pub(super) fn property(table: &Table, column: &Column, property: &str) -> Value {
    let custom = is_custom(&column.name);
    let is_id = table.primary_id().name == column.name;
    let shown = column.access.read;
    match property {
        "MetadataId" => json!(id_of(table, column)),
        "LogicalName" => (*column.name).into(),
        "SchemaName" => (*column.schema_name).into(),
        "EntityLogicalName" => table.logical_name().into(),
        "DisplayName" => label(&column.label, &format!("attribute {}.{}", table.logical_name(), column.name), !custom),
        "Description" => {
            let of = format!("attribute {}.{}", table.logical_name(), column.name);
            described(column.description.as_deref(), &of, !custom)
        }
        "AttributeType" => type_names(column).0.into(),
        "AttributeTypeName" => json!({ "Value": type_names(column).1 }),
        "ColumnNumber" => (column.position + 1).into(),
        "IsCustomAttribute" => custom.into(),
        "IsManaged" => (!custom).into(),
        "IsPrimaryId" => is_id.into(),
        "IsPrimaryName" => table.primary_name().is_some_and(|name| name.name == column.name).into(),
        "IsValidForCreate" => column.access.create.into(),
        "IsValidForUpdate" => (column.access.update && !is_id).into(),
        "IsValidForRead" | "IsValidODataAttribute" | "IsRetrievable" => shown.into(),
        "IsValidForForm" | "IsValidForGrid" => (shown && !is_id).into(),
        "IsFilterable" => shown.into(),
        "IsSearchable" | "IsSecured" | "IsLogical" | "IsDataSourceSecret" => false.into(),
        "CanBeSecuredForCreate" | "CanBeSecuredForRead" | "CanBeSecuredForUpdate" => false.into(),
        "IsPrimaryImage" if column.kind == ColumnKind::Image => {
            table.primary_image().is_some_and(|image| image.name == column.name).into()
        }
        "IsRequiredForForm" => (column.requirement == Requirement::Application).into(),
        "RequiredLevel" => {
            let level = match column.requirement {
                Requirement::None => "None",
                Requirement::Recommended => "Recommended",
                Requirement::Application => "ApplicationRequired",
                Requirement::System => "SystemRequired",
            };
            managed(&level.into(), custom, "canmodifyrequirementlevelsettings")
        }
        "IsAuditEnabled" => managed(&column.audit.into(), true, "canmodifyauditsettings"),
        "IsGlobalFilterEnabled" => managed(&false.into(), true, "canmodifyglobalfiltersettings"),
        "IsSortableEnabled" => managed(&false.into(), true, "canmodifyissortablesettings"),
        "IsCustomizable" => managed(&true.into(), custom, "iscustomizable"),
        "IsRenameable" => managed(&true.into(), custom, "isrenameable"),
        "IsValidForAdvancedFind" => managed(&shown.into(), true, "canmodifysearchsettings"),
        "CanModifyAdditionalSettings" => managed(&true.into(), custom, "canmodifyadditionalsettings"),
        "IntroducedVersion" => if custom { "1.0.0.0" } else { "5.0.0.0" }.into(),
        "CreatedOn" | "ModifiedOn" => "1900-01-01T00:00:00Z".into(),
        "SourceType" => match column.kind {
            ColumnKind::Lookup { .. } | ColumnKind::Customer { .. } | ColumnKind::Owner { .. } => Value::Null,
            _ => 0.into(),
        },
        "SourceTypeMask" => 0.into(),
        other => of_kind(column, other),
    }
}

/// What only columns of some types have; null where nothing is set.
fn of_kind(column: &Column, property: &str) -> Value {
    match (&column.kind, property) {
        (ColumnKind::Text { max_length } | ColumnKind::Memo { max_length }, "MaxLength") => (*max_length).into(),
        (ColumnKind::Text { max_length }, "DatabaseLength") => max_length.saturating_mul(UNIT).into(),
        (ColumnKind::Text { .. }, "Format") => "Text".into(),
        (ColumnKind::Text { .. }, "FormatName") => json!({ "Value": "Text" }),
        (ColumnKind::Memo { .. }, "Format") => "TextArea".into(),
        (ColumnKind::Text { .. } | ColumnKind::Memo { .. }, "IsLocalizable") => false.into(),
        (
            ColumnKind::Text { .. }
            | ColumnKind::Memo { .. }
            | ColumnKind::Decimal { .. }
            | ColumnKind::Double { .. }
            | ColumnKind::Money { .. }
            | ColumnKind::DateTime { .. },
            "ImeMode",
        ) => "Auto".into(),
        (ColumnKind::Integer(range), "MinValue") => range.min.into(),
        (ColumnKind::Integer(range), "MaxValue") => range.max.into(),
        (ColumnKind::Integer(_), "Format") => "None".into(),
        (ColumnKind::BigInteger, "MinValue") => BIG.0.into(),
        (ColumnKind::BigInteger, "MaxValue") => BIG.1.into(),
        (
            ColumnKind::Decimal { range, .. } | ColumnKind::Double { range, .. } | ColumnKind::Money { range, .. },
            "MinValue",
        ) => number(range.min),
        (
            ColumnKind::Decimal { range, .. } | ColumnKind::Double { range, .. } | ColumnKind::Money { range, .. },
            "MaxValue",
        ) => number(range.max),
        (
            ColumnKind::Decimal { precision, .. }
            | ColumnKind::Double { precision, .. }
            | ColumnKind::Money { precision, .. },
            "Precision",
        ) => (*precision).into(),
        // The currency's own precision decides.
        (ColumnKind::Money { .. }, "PrecisionSource") => 2.into(),
        (ColumnKind::Money { base, .. }, "IsBaseCurrency") => (*base).into(),
        (ColumnKind::Money { base, .. }, "CalculationOf") => column.name.strip_suffix("_base").filter(|_| *base).into(),
        (ColumnKind::Boolean(labels), "DefaultValue") => labels.default.into(),
        (ColumnKind::Choice { default, .. }, "DefaultFormValue") => default.unwrap_or(-1).into(),
        (ColumnKind::State { .. } | ColumnKind::Status { .. }, "DefaultFormValue") => Value::Null,
        (ColumnKind::MultiSelect { .. }, "DefaultFormValue") => (-1).into(),
        (ColumnKind::Choice { .. } | ColumnKind::MultiSelect { .. }, "ChildPicklistLogicalNames") => {
            Value::Array(Vec::new())
        }
        (ColumnKind::DateTime { behavior }, "Format") => match behavior {
            DateBehavior::DateOnly => "DateOnly",
            DateBehavior::UserLocal | DateBehavior::TimeZoneIndependent => "DateAndTime",
        }
        .into(),
        (ColumnKind::DateTime { behavior }, "DateTimeBehavior") => {
            let name = match behavior {
                DateBehavior::DateOnly => "DateOnly",
                DateBehavior::UserLocal => "UserLocal",
                DateBehavior::TimeZoneIndependent => "TimeZoneIndependent",
            };
            json!({ "Value": name })
        }
        (ColumnKind::DateTime { .. }, "CanChangeDateTimeBehavior") => {
            managed(&false.into(), false, "canchangedatetimebehavior")
        }
        (ColumnKind::DateTime { .. }, "MinSupportedValue") => "1753-01-01T00:00:00Z".into(),
        (ColumnKind::DateTime { .. }, "MaxSupportedValue") => "9999-12-31T23:59:59Z".into(),
        (ColumnKind::Lookup { .. } | ColumnKind::Customer { .. } | ColumnKind::Owner { .. }, "Targets") => {
            let mut names: Vec<&str> = Vec::new();
            for target in column.targets() {
                if !names.contains(&target.table.as_str()) {
                    names.push(&target.table);
                }
            }
            names.into()
        }
        (ColumnKind::Lookup { .. } | ColumnKind::Customer { .. } | ColumnKind::Owner { .. }, "Format") => "None".into(),
        (ColumnKind::ManagedBoolean(_), "ManagedPropertyLogicalName") => (*column.name).into(),
        (ColumnKind::ManagedBoolean(_), "ValueAttributeTypeCode") => "Boolean".into(),
        (ColumnKind::ManagedBoolean(_), "ParentComponentType") => 0.into(),
        (ColumnKind::Image, "CanStoreFullImage") => column.contents().is_some_and(|limit| limit.full_image).into(),
        (ColumnKind::Image, "MaxHeight" | "MaxWidth") => 144.into(),
        (ColumnKind::Image | ColumnKind::File, "MaxSizeInKB") => {
            column.contents().map(|limit| limit.max_size_kb).into()
        }
        _ => Value::Null,
    }
}

/// A whole number without a point.
fn number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        // In this range every whole number is exact.
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
        return (value as i64).into();
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}
