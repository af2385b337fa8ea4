//! A bound query back as OData text: `contacts?$select=fullname&$filter=statecode eq 0`.
//!
//! Printing, reading and binding gives the same query again, which a property test holds. The
//! client prints its own queries with it, too.

use std::fmt::Write as _;

use keyholder_dataverse::Value;
use keyholder_dataverse::schema::{Column, ColumnKind, DateBehavior, Navigation};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::query::{Comparand, Filter, Query, RowKey, Within};

/// What must not stand as itself in the value of a query option (RFC 3986), with `+`, which
/// services read as a blank, and `'`, which some proxies touch.
const OPTION: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'&').add(b'+').add(b'<').add(b'>').add(b'\'');

/// The address of a query relative to `…/v9.2/`, percent-encoded.
#[must_use]
pub fn query(query: &Query) -> String {
    let mut address = String::new();
    match &query.within {
        None => address.push_str(query.table.entity_set()),
        Some(within) => {
            let (source, key) = within.source();
            let id = key_text(key);
            let _ = write!(address, "{}({id})/{}", source.entity_set(), navigation(within, query));
        }
    }
    let mut separator = '?';
    for (name, value) in options(query) {
        let _ = write!(address, "{separator}{name}={}", utf8_percent_encode(&value, OPTION));
        separator = '&';
    }
    address
}

fn key_text(key: &RowKey) -> String {
    match key {
        RowKey::Id(id) => id.to_string(),
        RowKey::Alternate { key, values } => {
            let mut text = String::new();
            for (column, value) in key.columns.iter().zip(values) {
                let comma = if text.is_empty() { "" } else { "," };
                let _ = write!(text, "{comma}{}=", column.property_name());
                literal(&mut text, column, value);
            }
            text
        }
    }
}

/// The name of the source table's property that leads to the queried table.
fn navigation(within: &Within, query: &Query) -> String {
    let (source, _) = within.source();
    let leads_here = |navigation: &Navigation| match (navigation, within) {
        (Navigation::OneToMany(relationship), Within::OneToMany { lookup, .. }) => {
            relationship.table == query.table.logical_name() && relationship.column == *lookup.name
        }
        (
            Navigation::ManyToMany { relationship, side },
            Within::ManyToMany { relationship: wanted, side: wanted_side, .. },
        ) => relationship == wanted && side == wanted_side,
        _ => false,
    };
    source
        .navigations()
        .find(|(_, navigation)| leads_here(navigation))
        .map(|(name, _)| name.to_owned())
        .unwrap_or_default()
}

/// The options of a query, not percent-encoded.
#[must_use]
pub fn options(query: &Query) -> Vec<(&'static str, String)> {
    let mut options = Vec::new();
    if let Some(named) = query.select.named() {
        let names: Vec<String> = named.iter().map(|column| column.property_name()).collect();
        options.push(("$select", names.join(",")));
    }
    if let Some(condition) = &query.filter {
        options.push(("$filter", filter(condition)));
    }
    if !query.order.is_empty() {
        let items: Vec<String> = query
            .order
            .iter()
            .map(|by| format!("{}{}", by.column.property_name(), if by.descending { " desc" } else { "" }))
            .collect();
        options.push(("$orderby", items.join(",")));
    }
    if let Some(top) = query.top {
        options.push(("$top", top.to_string()));
    }
    if query.count {
        options.push(("$count", "true".to_owned()));
    }
    if let Some(page) = &query.page {
        options.push(("$skiptoken", page.print()));
    }
    options
}

/// A condition as `$filter` text.
#[must_use]
pub fn filter(condition: &Filter) -> String {
    let mut text = String::new();
    write_filter(&mut text, condition, false);
    text
}

fn write_filter(text: &mut String, condition: &Filter, inside: bool) {
    match condition {
        Filter::And(parts) => write_chain(text, parts, " and ", inside),
        Filter::Or(parts) => write_chain(text, parts, " or ", inside),
        Filter::Null { column, negated } => {
            let _ = write!(text, "{} {} null", column.property_name(), if *negated { "ne" } else { "eq" });
        }
        Filter::Compare { column, comparison, with } => {
            let _ = write!(text, "{} {} ", column.property_name(), comparison.name());
            match with {
                Comparand::Value(value) => literal(text, column, value),
                Comparand::Column(other) => text.push_str(&other.property_name()),
            }
        }
        Filter::Text { column, function, pattern, negated } => {
            let not = if *negated { "not " } else { "" };
            let _ = write!(text, "{not}{}({},", function.name(), column.property_name());
            quote(text, pattern.written());
            text.push(')');
        }
    }
}

fn write_chain(text: &mut String, parts: &[Filter], word: &str, inside: bool) {
    if inside {
        text.push('(');
    }
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            text.push_str(word);
        }
        write_filter(text, part, true);
    }
    if inside {
        text.push(')');
    }
}

fn literal(text: &mut String, column: &Column, value: &Value) {
    let _ = match value {
        Value::Boolean(flag) => write!(text, "{flag}"),
        Value::Integer(whole) => write!(text, "{whole}"),
        Value::Decimal(exact) => write!(text, "{exact}"),
        Value::Money(exact) => write!(text, "{exact}"),
        Value::Double(float) => write!(text, "{float:?}"),
        Value::Guid(id) => write!(text, "{id}"),
        Value::Lookup(reference) => write!(text, "{}", reference.id),
        Value::DateTime(moment) => match column.kind {
            // A moment within the day of a date-only column has to be shown as it is.
            ColumnKind::DateTime { behavior: DateBehavior::DateOnly }
                if moment.as_millis().rem_euclid(86_400_000) == 0 =>
            {
                write!(text, "{}", moment.date())
            }
            _ => write!(text, "{moment}"),
        },
        Value::Text(given) => {
            quote(text, given);
            Ok(())
        }
        _ => write!(text, "null"),
    };
}

fn quote(text: &mut String, given: &str) {
    text.push('\'');
    text.push_str(&given.replace('\'', "''"));
    text.push('\'');
}
