//! Columns that follow from others: full names, whole addresses, amounts in the org's currency.

use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::error;
use keyholder_dataverse::schema::ColumnKind;
use keyholder_dataverse::value::{Decimal, Money, Reference};
use keyholder_store::Transaction;

use crate::catalogue::Record;
use crate::error::Failure;
use crate::execute::Session;

/// Brings the computed columns up to date. Without `before` the row is new.
pub(crate) fn compute(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &mut Record,
    before: Option<&Record>,
) -> Result<(), Failure> {
    full_name(record);
    addresses(record);
    if before.is_none_or(|before| amounts_differ(before, record)) {
        amounts(session, tx, record)?;
    }
    Ok(())
}

/// First name, then last name: the form that an org in English (United States) starts with.
pub(crate) fn full_name(record: &mut Record) {
    for (whole, first, last) in
        [("fullname", "firstname", "lastname"), ("yomifullname", "yomifirstname", "yomilastname")]
    {
        let table = &record.layout().table;
        if table.column(whole).is_none() || table.column(first).is_none() {
            continue;
        }
        let parts: Vec<&str> = [first, last].iter().filter_map(|name| record.get(name).text()).map(str::trim).collect();
        let name = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        // Users made by the platform have a full name and no parts.
        if !name.is_empty() {
            record.set_text(whole, name);
        } else if record.layout().table.logical_name() == "contact" {
            record.set(whole, Value::Null);
        }
    }
}

/// `1 Main Street\r\nSpringfield, OR 97475\r\nUSA`.
pub(crate) fn addresses(record: &mut Record) {
    for prefix in ["address1", "address2", "address3"] {
        let whole = format!("{prefix}_composite");
        if record.layout().table.column(&whole).is_none() {
            continue;
        }
        let part = |name: &str| record.get(&format!("{prefix}_{name}")).text().unwrap_or_default().trim().to_owned();
        let joined = |parts: &[String], by: &str| {
            parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(by)
        };
        let region = joined(&[part("stateorprovince"), part("postalcode")], " ");
        let place = joined(&[part("city"), region], ", ");
        let lines = [part("line1"), part("line2"), part("line3"), place, part("country")];
        let text = joined(&lines, "\r\n");
        record.set(&whole, if text.is_empty() { Value::Null } else { Value::Text(text) });
    }
}

/// Whether an amount or the currency is not the same in two states of a row.
fn amounts_differ(before: &Record, after: &Record) -> bool {
    let table = &after.layout().table;
    let money = |kind: &ColumnKind| matches!(kind, ColumnKind::Money { .. });
    before.get("transactioncurrencyid") != after.get("transactioncurrencyid")
        || table.columns().iter().any(|column| money(&column.kind) && before.at(column) != after.at(column))
}

/// Gives a row with amounts its currency, that currency's rate, and the amounts in the org's own.
fn amounts(session: &Session<'_>, tx: &mut Transaction<'_>, record: &mut Record) -> Result<(), Failure> {
    let table = Arc::clone(&record.layout().table);
    // The table of currencies has a column of this name too, which is its id.
    let currency = table.column("transactioncurrencyid").filter(|column| column.kind.is_lookup());
    let Some(currency) = currency else { return Ok(()) };
    let given: Vec<(String, Value)> = table
        .columns()
        .iter()
        .filter(|column| matches!(column.kind, ColumnKind::Money { base: false, .. }))
        .map(|column| (format!("{}_base", column.name), record.at(column).clone()))
        .collect();
    if record.at(currency).is_null() {
        if given.iter().all(|(_, amount)| amount.is_null()) {
            return Ok(());
        }
        let type_code = session.catalogue.type_code("transactioncurrency").unwrap_or_default();
        let own = Reference { type_code, id: session.core.seed_id("transactioncurrency") };
        record.set_at(currency.position, Value::Lookup(own));
    }
    let id = record.at(currency).guid().unwrap_or_default();
    let layout = session.catalogue.layout_of("transactioncurrency")?;
    let row = Record::load(tx, session.catalogue, &layout, id)?
        .ok_or_else(|| error::row_not_found(layout.table.schema_name(), id))?;
    let rate = match row.get("exchangerate") {
        Value::Decimal(rate) if rate.0 > 0 => *rate,
        _ => Decimal(Decimal::ONE),
    };
    record.set("exchangerate", Value::Decimal(rate));
    for (base, amount) in given {
        let value = match amount {
            Value::Money(amount) => Value::Money(in_base(amount, rate)),
            _ => Value::Null,
        };
        record.set(&base, value);
    }
    Ok(())
}

/// An amount in the org's currency, of which `rate` units of the row's currency make one; rounded
/// half away from zero.
fn in_base(amount: Money, rate: Decimal) -> Money {
    let scaled = i128::from(amount.0) * Decimal::ONE;
    let half = if scaled < 0 { -rate.0 / 2 } else { rate.0 / 2 };
    let units = (scaled + half).checked_div(rate.0).unwrap_or(scaled);
    Money(i64::try_from(units).unwrap_or(if units < 0 { i64::MIN } else { i64::MAX }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_convert_exactly() {
        assert_eq!(in_base(Money(12_345), Decimal(Decimal::ONE)), Money(12_345));
        assert_eq!(in_base(Money(30_000), Decimal(2 * Decimal::ONE)), Money(15_000));
        assert_eq!(in_base(Money(10_000), Decimal(3 * Decimal::ONE)), Money(3_333));
        assert_eq!(in_base(Money(-20_000), Decimal(3 * Decimal::ONE)), Money(-6_667));
        assert_eq!(in_base(Money(i64::MAX), Decimal(1)), Money(i64::MAX));
    }
}
