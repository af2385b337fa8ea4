//! Properties as columns.

use std::collections::HashSet;

use super::super::document::Property;
use super::super::relationships::Lookups;
use super::super::side::{ANY_CHOICE, LONG_TEXTS, TWO_STATES};
use super::{Candidate, Notes, names};
use crate::schema::{
    Access, BooleanLabels, ColumnDefinition, ColumnKind, DateBehavior, NumberRange, OptionItem, Requirement,
};

/// The longest text that Dataverse has a column for, in UTF-16 code units.
const LONGEST_TEXT: u32 = 1_048_576;
/// The longest name of a row.
pub(super) const LONGEST_NAME: u32 = 4_000;
/// The bounds of amounts of money.
const MONEY: NumberRange<f64> = NumberRange { min: -922_337_203_685_477.0, max: 922_337_203_685_477.0 };
/// The bounds of decimals and floating point numbers.
const NUMBERS: NumberRange<f64> = NumberRange { min: -100_000_000_000.0, max: 100_000_000_000.0 };

/// What Dataverse fills by itself.
const FILLED: [&str; 11] = [
    "createdby",
    "createdon",
    "createdonbehalfby",
    "exchangerate",
    "modifiedby",
    "modifiedon",
    "modifiedonbehalfby",
    "owningbusinessunit",
    "owningteam",
    "owninguser",
    "versionnumber",
];
/// Whole numbers whose names look like those of choices.
const NO_CHOICES: [&str; 3] = ["utcconversiontimezonecode", "timezonecode", "languagecode"];

/// Whether Dataverse itself fills a column, which no document has to say.
#[must_use]
pub fn is_filled(column: &str) -> bool {
    FILLED.contains(&column)
}

/// The columns of a table.
pub(super) fn of(candidate: &Candidate<'_>, lookups: &mut Lookups, notes: &mut Notes) -> Vec<ColumnDefinition> {
    let table = &candidate.entity.name;
    let all: HashSet<&str> = candidate.properties().map(|property| property.name.as_str()).collect();
    let has_currency = all.contains("_transactioncurrencyid_value");
    let mut columns: Vec<ColumnDefinition> = Vec::new();
    let mut taken: HashSet<String> = HashSet::new();
    for property in candidate.properties() {
        let lookup = lookup_name(&property.name);
        let name = lookup.unwrap_or(&property.name);
        let kind = match lookup {
            Some(name) => Some(lookups.take(name, notes)),
            // Beside the lookup of that name it tells nothing more.
            None if all.contains(format!("_{name}_value").as_str()) => {
                notes.left_out.push(format!("column `{table}`.`{name}`: the lookup of that name says the same"));
                continue;
            }
            None => kind(table, property, &all, has_currency, notes),
        };
        let Some(kind) = kind else {
            notes
                .left_out
                .push(format!("column `{table}`.`{name}`: columns of the type {} are not kept", property.kind));
            continue;
        };
        // Stores tell names of columns apart by more than their case.
        if !taken.insert(name.to_ascii_lowercase()) {
            notes.left_out.push(format!("column `{table}`.`{name}`: there is another of that name"));
            continue;
        }
        let is_id = name == candidate.key;
        let is_filled = is_filled(name)
            || property.read_only
            || matches!(kind, ColumnKind::Money { base: true, .. })
            || (kind.is_lookup() && kind.targets().is_empty());
        let access = match (is_id, is_filled) {
            (true, _) => Access { create: true, read: true, update: false },
            (false, true) => Access { create: false, read: true, update: false },
            (false, false) => Access::default(),
        };
        let schema_name = kind
            .targets()
            .iter()
            .map(|target| target.navigation.as_str())
            .find(|navigation| navigation.eq_ignore_ascii_case(name) && *navigation != name)
            .map(str::to_owned);
        columns.push(ColumnDefinition {
            schema_name,
            requirement: if is_id || name == "ownerid" { Requirement::System } else { Requirement::None },
            access,
            references: lookups.take_references(name),
            ..ColumnDefinition::new(name, names::label(name), kind)
        });
    }
    columns
}

/// `_ownerid_value` as `ownerid`.
pub(in crate::csdl) fn lookup_name(property: &str) -> Option<&str> {
    property.strip_prefix('_')?.strip_suffix("_value").filter(|name| !name.is_empty())
}

/// What a property holds; nothing for what no column of ours can.
fn kind(
    table: &str,
    property: &Property,
    all: &HashSet<&str>,
    has_currency: bool,
    notes: &mut Notes,
) -> Option<ColumnKind> {
    let name = property.name.as_str();
    let labels = || BooleanLabels { no: "No".to_owned(), yes: "Yes".to_owned(), default: false };
    Some(match property.kind.rsplit_once('.').map_or(property.kind.as_str(), |(_, kind)| kind) {
        "Guid" => ColumnKind::Guid,
        "String" => {
            if property.max_length.is_none() {
                notes.assume(LONG_TEXTS, table, Some(name));
            }
            ColumnKind::Text { max_length: property.max_length.unwrap_or(LONGEST_TEXT) }
        }
        "Int16" => ColumnKind::Integer(NumberRange { min: i16::MIN.into(), max: i16::MAX.into() }),
        "Int32" => whole_number(table, name, notes),
        "Int64" => ColumnKind::BigInteger,
        "Decimal" => {
            let companion = format!("{name}_base");
            let of = name.strip_suffix("_base").filter(|of| all.contains(of));
            if has_currency && (of.is_some() || all.contains(companion.as_str())) {
                notes.assume("decimals with a companion `..._base` that are amounts of money", table, Some(name));
                let base = of.is_some();
                ColumnKind::Money { precision: property.scale.unwrap_or(4).min(4), range: MONEY, base }
            } else {
                ColumnKind::Decimal { precision: property.scale.unwrap_or(10).min(10), range: NUMBERS }
            }
        }
        "Double" => ColumnKind::Double { precision: 5, range: NUMBERS },
        "Boolean" => ColumnKind::Boolean(labels()),
        "BooleanManagedProperty" => ColumnKind::ManagedBoolean(labels()),
        "Date" => ColumnKind::DateTime { behavior: DateBehavior::DateOnly },
        "DateTimeOffset" => {
            notes.assume("dates that people see in their own time zone", table, Some(name));
            ColumnKind::DateTime { behavior: DateBehavior::UserLocal }
        }
        "Binary" if all.contains(format!("{name}_name").as_str()) => ColumnKind::File,
        "Binary" => ColumnKind::Image,
        _ => return None,
    })
}

fn whole_number(table: &str, name: &str, notes: &mut Notes) -> ColumnKind {
    let option = |value, label: &str, pair| OptionItem { value, label: label.to_owned(), pair: Some(pair) };
    match name {
        "statecode" => {
            notes.assume(TWO_STATES, table, Some(name));
            ColumnKind::State { options: vec![option(0, "Active", 1), option(1, "Inactive", 2)] }
        }
        "statuscode" => {
            notes.assume(ANY_CHOICE, table, Some(name));
            ColumnKind::Status { options: Vec::new() }
        }
        _ if name.ends_with("code") && !NO_CHOICES.contains(&name) => {
            notes.assume(ANY_CHOICE, table, Some(name));
            ColumnKind::Choice { options: Vec::new(), default: None }
        }
        _ => ColumnKind::Integer(NumberRange { min: i32::MIN, max: i32::MAX }),
    }
}
