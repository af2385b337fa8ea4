//! What a new row gets where nothing is given, and how state and status follow each other.

use keyholder_dataverse::error;
use keyholder_dataverse::schema::{ColumnKind, OptionItem, Ownership, Requirement};
use keyholder_dataverse::value::Reference;
use keyholder_dataverse::{Table, Value};
use keyholder_store::Transaction;

use crate::catalogue::Record;
use crate::error::Failure;
use crate::execute::Session;

/// Fills yes/no columns, choices, state and status.
pub(crate) fn complete(record: &mut Record) -> Result<(), Failure> {
    let table = std::sync::Arc::clone(&record.layout().table);
    for column in table.columns() {
        if !record.at(column).is_null() {
            continue;
        }
        let value = match &column.kind {
            ColumnKind::Boolean(labels) | ColumnKind::ManagedBoolean(labels) => Value::Boolean(labels.default),
            ColumnKind::Choice { default: Some(default), .. } => Value::Integer((*default).into()),
            ColumnKind::State { options } => match status_of(&table, record).and_then(|status| status.pair) {
                // A status says which state is meant.
                Some(state) => Value::Integer(state.into()),
                None => first(options),
            },
            _ => continue,
        };
        record.set_at(column.position, value);
    }
    let (Some(state), Some(status)) = (table.column("statecode"), table.column("statuscode")) else { return Ok(()) };
    if record.at(status).is_null() {
        let entered = pair_of(state.kind.options(), record.at(state));
        record.set_at(status.position, entered);
    }
    check_state(&table, record)
}

/// Lets the status follow a changed state, and refuses a status of another state. One that the
/// request gives does not follow, even if it is the one that the row has.
pub(crate) fn change_state(before: &Record, record: &mut Record, status_is_given: bool) -> Result<(), Failure> {
    let table = std::sync::Arc::clone(&record.layout().table);
    let (Some(state), Some(status)) = (table.column("statecode"), table.column("statuscode")) else { return Ok(()) };
    let follows = record.at(state) != before.at(state) && !status_is_given;
    if follows || record.at(status).is_null() {
        let entered = pair_of(state.kind.options(), record.at(state));
        record.set_at(status.position, entered);
    }
    check_state(&table, record)
}

fn check_state(table: &Table, record: &Record) -> Result<(), Failure> {
    let status = status_of(table, record).and_then(|status| Some((status.value, status.pair?)));
    match (record.get("statecode"), status) {
        (Value::Integer(state), Some((status, of))) if i64::from(of) != *state => {
            Err(error::invalid_status(status.into(), *state, table.logical_name()).into())
        }
        _ => Ok(()),
    }
}

/// The option that the row's status is.
fn status_of<'a>(table: &'a Table, record: &Record) -> Option<&'a OptionItem> {
    let column = table.column("statuscode")?;
    option(column.kind.options(), record.at(column))
}

fn option<'a>(options: &'a [OptionItem], value: &Value) -> Option<&'a OptionItem> {
    options.iter().find(|option| Value::Integer(option.value.into()) == *value)
}

fn pair_of(options: &[OptionItem], value: &Value) -> Value {
    option(options, value).and_then(|option| option.pair).map_or(Value::Null, |pair| Value::Integer(pair.into()))
}

fn first(options: &[OptionItem]) -> Value {
    options.first().map_or(Value::Null, |option| Value::Integer(option.value.into()))
}

/// The columns in which the platform numbers new rows, each with what stands before the number.
const NUMBERED: [(&str, &str, &str); 5] = [
    ("contract", "contractnumber", "CNR"),
    ("incident", "ticketnumber", "CAS"),
    ("invoice", "invoicenumber", "INV"),
    ("quote", "quotenumber", "QUO"),
    ("salesorder", "ordernumber", "ORD"),
];

/// Begins the counts that the platform itself keeps of a new row: attachments, revisions.
pub(super) fn begin_counts(record: &mut Record) {
    let table = std::sync::Arc::clone(&record.layout().table);
    for column in table.columns() {
        let is_own = column.requirement == Requirement::System && !column.access.create && !column.access.update;
        if is_own && matches!(column.kind, ColumnKind::Integer(_)) && record.at(column).is_null() {
            record.set_at(column.position, Value::Integer(0));
        }
    }
}

/// Numbers a new row that is given no number: `QUO-01000-A1B2C3`, a rising number and six letters that keep it from
/// being guessed.
pub(super) fn number(session: &Session<'_>, tx: &mut Transaction<'_>, record: &mut Record) -> Result<(), Failure> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let table = record.layout().table.logical_name();
    let Some((_, column, prefix)) = NUMBERED.iter().find(|(numbered, ..)| *numbered == table) else { return Ok(()) };
    if !record.get(column).is_null() {
        return Ok(());
    }
    let number = session.core.epochs.versions(tx, 1)?;
    let random = session.core.random.uuid();
    let letters: String = random
        .as_bytes()
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(byte % 32)))
        .take(6)
        .map(|byte| char::from(*byte))
        .collect();
    record.set_text(column, format!("{prefix}-{number:05}-{letters}"));
    Ok(())
}

/// Puts a new row into its organization, and into the caller's business unit where it is given
/// none.
pub(super) fn place(session: &Session<'_>, record: &mut Record) {
    let table = std::sync::Arc::clone(&record.layout().table);
    let reference =
        |table: &str, id| Reference { type_code: session.catalogue.type_code(table).unwrap_or_default(), id };
    if let Some(column) = table.column("organizationid")
        && column.position != table.primary_id().position
    {
        let organization = session.core.organization.0;
        let value = if column.kind.is_lookup() {
            Value::Lookup(reference("organization", organization))
        } else {
            Value::Guid(organization)
        };
        record.set_at(column.position, value);
    }
    if table.ownership() == Ownership::BusinessUnit && record.get("businessunitid").is_null() {
        record.set("businessunitid", Value::Lookup(reference("businessunit", session.caller.business_unit)));
    }
}
