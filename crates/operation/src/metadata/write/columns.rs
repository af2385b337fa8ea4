//! A new column from its published metadata type.

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{
    Access, BooleanLabels, ColumnDefinition, ColumnKind, ContentsLimit, DateBehavior, NumberRange, OptionItem,
    Requirement,
};
use serde_json::Value;

use super::{NewColumn, Object, flag, label, managed_flag, schema_name, text};
use crate::syntax::quoted;

/// The longest text that a column of one line may take.
pub(super) const LONGEST_TEXT: u32 = 4_000;
/// And one of several lines.
pub(super) const LONGEST_MEMO: u32 = 1_048_576;
/// Limits where a body gives none.
const LARGEST: f64 = 100_000_000_000.0;
const LARGEST_AMOUNT: f64 = 922_337_203_685_477.0;
/// The first number of an option that brings none.
const FIRST_OPTION: i32 = 100_000_000;
/// A choice has at most this many options.
pub const MOST_OPTIONS: usize = 2_000;

/// Reads a column that is no lookup: those come with their relationships.
pub(super) fn read(body: &Object) -> Result<NewColumn, DataverseError> {
    let mut column = common(body)?;
    let kind = text(body, "@odata.type").unwrap_or_default();
    let kind = kind.rsplit_once('.').map_or(kind, |(_, kind)| kind);
    let kind = kind.strip_prefix("Complex").unwrap_or(kind);
    refuse_computed(body)?;
    let shared = if kind.ends_with("PicklistAttributeMetadata") { super::options::shared(body)? } else { None };
    column.kind = match kind {
        "StringAttributeMetadata" => ColumnKind::Text { max_length: length(body, 100, LONGEST_TEXT)? },
        "MemoAttributeMetadata" => ColumnKind::Memo { max_length: length(body, 2_000, LONGEST_MEMO)? },
        "IntegerAttributeMetadata" => ColumnKind::Integer(NumberRange {
            min: whole(body, "MinValue")?.unwrap_or(i32::MIN),
            max: whole(body, "MaxValue")?.unwrap_or(i32::MAX),
        }),
        "BigIntAttributeMetadata" => ColumnKind::BigInteger,
        "DecimalAttributeMetadata" => {
            ColumnKind::Decimal { precision: precision(body, 2, 10)?, range: range(body, LARGEST) }
        }
        "DoubleAttributeMetadata" => {
            ColumnKind::Double { precision: precision(body, 2, 5)?, range: range(body, LARGEST) }
        }
        "MoneyAttributeMetadata" => {
            ColumnKind::Money { precision: precision(body, 2, 4)?, range: range(body, LARGEST_AMOUNT), base: false }
        }
        "BooleanAttributeMetadata" => ColumnKind::Boolean(booleans(body)),
        // Those of a shared list are filled in where the list is known.
        "PicklistAttributeMetadata" => {
            let options = if shared.is_some() { Vec::new() } else { own_options(body, &column.name)? };
            let known = |value: &i32| shared.is_some() || options.iter().any(|option| option.value == *value);
            let default = whole(body, "DefaultFormValue")?.filter(|value| *value != -1).filter(known);
            ColumnKind::Choice { options, default }
        }
        "MultiSelectPicklistAttributeMetadata" => ColumnKind::MultiSelect {
            options: if shared.is_some() { Vec::new() } else { own_options(body, &column.name)? },
        },
        "DateTimeAttributeMetadata" => ColumnKind::DateTime { behavior: behavior(body)? },
        "FileAttributeMetadata" => ColumnKind::File,
        "ImageAttributeMetadata" => ColumnKind::Image,
        "LookupAttributeMetadata" => {
            return Err(error::odata(format!(
                "The lookup '{}' is made with its relationship: POST it to RelationshipDefinitions.",
                column.name
            )));
        }
        "" => return Err(error::odata(format!("The column '{}' does not say its @odata.type.", column.name))),
        other => return Err(error::not_supported(&format!("A column of the type {}", quoted(other)))),
    };
    column.contents = contents(body, &column.kind)?;
    Ok(NewColumn { base: base_of(&column), definition: column, shared })
}

/// What columns of every type have. What it holds is still to be said.
pub(super) fn common(body: &Object) -> Result<ColumnDefinition, DataverseError> {
    let schema_name = schema_name(body)?;
    let requirement = requirement(body)?.unwrap_or_default();
    if flag(body, "IsSecured") {
        return Err(error::not_supported("A secured column"));
    }
    let shown = label(body, "DisplayName").unwrap_or_else(|| schema_name.clone());
    Ok(ColumnDefinition {
        requirement,
        schema_name: Some(schema_name.clone()),
        description: label(body, "Description").filter(|text| !text.is_empty()),
        audit: managed_flag(body, "IsAuditEnabled").unwrap_or_default(),
        ..ColumnDefinition::new(schema_name.to_ascii_lowercase(), shown, ColumnKind::Guid)
    })
}

/// Whether a row is to need it, where that is said.
pub(super) fn requirement(body: &Object) -> Result<Option<Requirement>, DataverseError> {
    let level = body.get("RequiredLevel").and_then(Value::as_object).and_then(|level| text(level, "Value"));
    Ok(Some(match level {
        None => return Ok(None),
        Some("None") => Requirement::None,
        Some("Recommended") => Requirement::Recommended,
        Some("ApplicationRequired") => Requirement::Application,
        Some("SystemRequired") => Requirement::System,
        Some(other) => return Err(error::odata(format!("The RequiredLevel '{}' is not one.", quoted(other)))),
    }))
}

/// Refuses what the org would have to compute.
fn refuse_computed(body: &Object) -> Result<(), DataverseError> {
    if text(body, "AutoNumberFormat").is_some_and(|format| !format.is_empty()) {
        return Err(error::not_supported("A column that numbers itself (AutoNumberFormat)"));
    }
    if text(body, "FormulaDefinition").is_some_and(|formula| !formula.is_empty())
        || body.get("SourceType").and_then(Value::as_i64).is_some_and(|kind| kind != 0)
    {
        return Err(error::not_supported("A calculated or rollup column"));
    }
    Ok(())
}

/// The column with an amount in the org's own currency.
fn base_of(column: &ColumnDefinition) -> Option<ColumnDefinition> {
    let ColumnKind::Money { .. } = column.kind else { return None };
    let kind = ColumnKind::Money {
        precision: 4,
        range: NumberRange { min: -LARGEST_AMOUNT, max: LARGEST_AMOUNT },
        base: true,
    };
    Some(ColumnDefinition {
        schema_name: column.schema_name.as_ref().map(|name| format!("{name}_Base")),
        access: Access { create: false, read: true, update: false },
        ..ColumnDefinition::new(format!("{}_base", column.name), format!("{} (Base)", column.label), kind)
    })
}

/// How much a file or image column is to keep.
fn contents(body: &Object, kind: &ColumnKind) -> Result<Option<ContentsLimit>, DataverseError> {
    let Some(usual) = ContentsLimit::usual(kind) else { return Ok(None) };
    let most = match kind {
        ColumnKind::Image => ContentsLimit::LARGEST_IMAGE_KB,
        _ => ContentsLimit::LARGEST_FILE_KB,
    };
    let max_size_kb = match whole(body, "MaxSizeInKB")? {
        None => usual.max_size_kb,
        Some(size) => u32::try_from(size)
            .ok()
            .filter(|size| (1..=most).contains(size))
            .ok_or_else(|| error::odata(format!("The MaxSizeInKB {size} is not between 1 and {most}.")))?,
    };
    let limit = ContentsLimit { max_size_kb, full_image: flag(body, "CanStoreFullImage") };
    Ok((limit != usual).then_some(limit))
}

pub(super) fn length(body: &Object, usual: u32, most: u32) -> Result<u32, DataverseError> {
    match whole(body, "MaxLength")? {
        None => Ok(usual),
        Some(length) => u32::try_from(length)
            .ok()
            .filter(|length| (1..=most).contains(length))
            .ok_or_else(|| error::odata(format!("The MaxLength {length} is not between 1 and {most}."))),
    }
}

pub(super) fn precision(body: &Object, usual: u8, most: u8) -> Result<u8, DataverseError> {
    match whole(body, "Precision")? {
        None => Ok(usual),
        Some(digits) => u8::try_from(digits)
            .ok()
            .filter(|digits| *digits <= most)
            .ok_or_else(|| error::odata(format!("The Precision {digits} is not between 0 and {most}."))),
    }
}

pub(super) fn whole(body: &Object, member: &str) -> Result<Option<i32>, DataverseError> {
    match body.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_i64()
            .and_then(|value| i32::try_from(value).ok())
            .map(Some)
            .ok_or_else(|| error::odata(format!("The {member} is no whole number of 32 bits."))),
    }
}

fn range(body: &Object, largest: f64) -> NumberRange<f64> {
    let limit = |member: &str| body.get(member).and_then(Value::as_f64);
    NumberRange { min: limit("MinValue").unwrap_or(-largest), max: limit("MaxValue").unwrap_or(largest) }
}

fn booleans(body: &Object) -> BooleanLabels {
    let set = body.get("OptionSet").and_then(Value::as_object);
    let word = |member: &str, usual: &str| {
        let option = set.and_then(|set| set.get(member)).and_then(Value::as_object);
        option.and_then(|option| label(option, "Label")).unwrap_or_else(|| usual.to_owned())
    };
    BooleanLabels { no: word("FalseOption", "No"), yes: word("TrueOption", "Yes"), default: flag(body, "DefaultValue") }
}

/// The options of a column that shares them with none.
fn own_options(body: &Object, column: &str) -> Result<Vec<OptionItem>, DataverseError> {
    match body.get("OptionSet").and_then(Value::as_object) {
        Some(set) => options(set, column),
        None => Err(error::odata(format!("The choice '{column}' has no Options."))),
    }
}

/// The options of a list.
pub(super) fn options(set: &Object, of: &str) -> Result<Vec<OptionItem>, DataverseError> {
    let given = set.get("Options").and_then(Value::as_array);
    let given = given.ok_or_else(|| error::odata(format!("The choice '{of}' has no Options.")))?;
    if given.len() > MOST_OPTIONS {
        return Err(error::odata(format!("The choice '{of}' has more than {MOST_OPTIONS} options.")));
    }
    let mut options: Vec<OptionItem> = Vec::with_capacity(given.len());
    for option in given {
        let option = option.as_object().ok_or_else(error::bad_syntax)?;
        let value = whole(option, "Value")?.unwrap_or_else(|| next_value(&options));
        if options.iter().any(|known| known.value == value) {
            return Err(error::odata(format!("The choice '{of}' has the option {value} twice.")));
        }
        let text = label(option, "Label").unwrap_or_else(|| value.to_string());
        options.push(OptionItem { value, label: text, pair: None });
    }
    Ok(options)
}

/// The number of one more option, where none is given.
pub fn next_value(options: &[OptionItem]) -> i32 {
    let own = options.iter().map(|option| option.value).filter(|value| *value >= FIRST_OPTION);
    own.max().map_or(FIRST_OPTION, |highest| highest.saturating_add(1))
}

fn behavior(body: &Object) -> Result<DateBehavior, DataverseError> {
    let behavior = body.get("DateTimeBehavior").and_then(Value::as_object).and_then(|value| text(value, "Value"));
    match behavior {
        None | Some("UserLocal") => Ok(DateBehavior::UserLocal),
        Some("DateOnly") => Ok(DateBehavior::DateOnly),
        Some("TimeZoneIndependent") => Ok(DateBehavior::TimeZoneIndependent),
        Some(other) => Err(error::odata(format!("The DateTimeBehavior '{}' is not one.", quoted(other)))),
    }
}
