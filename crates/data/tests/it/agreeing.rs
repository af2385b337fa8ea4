//! Whether an answer is the one that the oracle gives: the rows in their order, what each shows, what is expanded in
//! it, groups and figures, counts.

use std::fmt::Debug;

use keyholder_dataverse::fold::fold;
use keyholder_dataverse::schema::{Column, ColumnKind, NumberRange, Table};
use keyholder_dataverse::value::write_json;
use keyholder_dataverse::{Schema, Value};
use keyholder_operation::query::{Aggregate, Door, FigureFunction};
use keyholder_operation::{Comparand, Comparison, Filter, Operation, Query, Retrieve, RowKey, oracle};

use crate::known::Known;
use crate::twins::Twins;
use crate::world::Reply;

/// Holds an answer against the oracle; whether it could say anything.
pub(crate) async fn agrees(
    twins: &Twins,
    schema: &Schema,
    known: &mut Known,
    operation: &Operation,
    reply: &Reply,
    about: &str,
) -> Result<bool, String> {
    let (query, is_one) = match operation {
        Operation::Query(query) | Operation::Count(query) => (query.clone(), false),
        Operation::Retrieve(retrieve) if retrieve.property.is_none() => (as_query(retrieve), true),
        _ => return Ok(false),
    };
    if query.references || query.page.is_some() || !known.learn(twins, schema, &query).await {
        return Ok(false);
    }
    if matches!(operation, Operation::Count(_)) {
        let told: usize = reply.text.trim_start_matches('\u{feff}').parse().unwrap();
        same(&told, &oracle::count(&query, &known.world), about)?;
        return Ok(true);
    }
    let rows = if is_one { std::slice::from_ref(&reply.json) } else { reply.rows().as_slice() };
    match &query.aggregate {
        Some(aggregate) => groups(&query, aggregate, known, rows, about)?,
        None if query.expand.is_empty() => plain(&query, known, rows, about)?,
        None => nested(&query, &oracle::evaluate(&query, &known.world), known, rows, about)?,
    }
    if query.count {
        let all = oracle::count(&query, &known.world);
        same(&reply.json["@odata.count"], &all.into(), about)?;
    }
    Ok(true)
}

fn same<T: PartialEq + Debug>(found: &T, expected: &T, about: &str) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{about}:\nthe org {found:?}\noracle  {expected:?}")) }
}

/// One row as a query that finds it.
fn as_query(retrieve: &Retrieve) -> Query {
    let equal = |column, value: &Value| Filter::Compare {
        column,
        comparison: Comparison::Equal,
        with: Comparand::Value(value.clone()),
    };
    let filter = match &retrieve.key {
        RowKey::Id(id) => equal(retrieve.table.primary_id().into(), &Value::Guid(*id)),
        RowKey::Alternate { key, values } => {
            let mut parts: Vec<Filter> =
                key.columns.iter().zip(values).map(|(column, value)| equal(column.into(), value)).collect();
            if parts.len() == 1 { parts.remove(0) } else { Filter::And(parts) }
        }
        _ => unreachable!("a key is an id or values"),
    };
    let (select, expand) = (retrieve.select.clone(), retrieve.expand.clone());
    Query { select, expand, filter: Some(filter), ..Query::all(retrieve.table.clone()) }
}

/// A value as its member's text; with `folded`, texts that are the same but for their writing are one.
fn written(column: &Column, value: &Value, folded: bool) -> String {
    match value {
        Value::Text(text) if folded => fold(text),
        // The reader of the answers is exact to the last digit but one.
        Value::Double(number) => format!("{number:.10}"),
        value => {
            let mut text = String::new();
            write_json(&mut text, column, value);
            text
        }
    }
}

fn member(column: &Column, value: Option<&serde_json::Value>, folded: bool) -> String {
    match value {
        None => "null".to_owned(),
        Some(serde_json::Value::String(text)) if folded && column.kind.is_text() => fold(text),
        Some(serde_json::Value::Number(number)) if matches!(column.kind, ColumnKind::Double { .. }) => {
            format!("{:.10}", number.as_f64().unwrap())
        }
        Some(value) => value.to_string(),
    }
}

fn plain(query: &Query, known: &Known, rows: &[serde_json::Value], about: &str) -> Result<(), String> {
    let own = query.select.columns().iter().map(|column| (column.property_name(), &**column));
    let named = query.shown.iter().map(|shown| (shown.name.to_string(), &*shown.column.column));
    let columns: Vec<(String, &Column)> = own.chain(named).collect();
    let mut expected: Vec<Vec<String>> = oracle::shown(query, &known.world)
        .iter()
        .map(|row| columns.iter().zip(row).map(|((_, column), value)| written(column, value, query.distinct)).collect())
        .collect();
    let mut found: Vec<Vec<String>> = rows
        .iter()
        .map(|row| columns.iter().map(|(name, column)| member(column, row.get(name), query.distinct)).collect())
        .collect();
    let (skipped, taken) = match query.door {
        Door::Fetch { page, rows } => {
            let rows = rows.map_or(usize::MAX, |rows| rows as usize);
            ((page as usize - 1).saturating_mul(rows), rows)
        }
        Door::Linked { skip } => (skip as usize, usize::MAX),
        _ => (0, usize::MAX),
    };
    if query.distinct {
        // How rows tie that come once, no document says.
        if (skipped, taken) == (0, usize::MAX) && query.top.is_none() {
            expected.sort();
            found.sort();
            same(&found, &expected, about)?;
        }
        let among: Vec<_> = found.iter().filter(|row| expected.contains(row)).cloned().collect();
        same(&found, &among, about)
    } else {
        let expected: Vec<Vec<String>> = expected.into_iter().skip(skipped).take(taken).collect();
        same(&found, &expected, about)
    }
}

/// Rows that show others inside them, each held against its own.
fn nested(
    query: &Query,
    expected: &[&oracle::Row],
    known: &Known,
    rows: &[serde_json::Value],
    about: &str,
) -> Result<(), String> {
    same(&rows.len(), &expected.len(), about)?;
    let empty = Vec::new();
    for (row, expected) in rows.iter().zip(expected) {
        for column in query.select.columns() {
            let wanted = expected.get(column.position).unwrap_or(&Value::Null);
            let told = member(column, row.get(column.property_name()), false);
            same(&told, &written(column, wanted, false), &format!("{} {about}", column.name))?;
        }
        for expand in query.expand.iter().filter(|expand| !expand.references) {
            let related = oracle::expanded(expand, (&query.table, expected), &known.world);
            let told = &row[&*expand.navigation];
            let told = match told {
                serde_json::Value::Array(told) => told,
                serde_json::Value::Null => &empty,
                one => &vec![one.clone()],
            };
            nested(&expand.query, &related, known, told, about)?;
        }
    }
    Ok(())
}

fn groups(
    query: &Query,
    aggregate: &Aggregate,
    known: &Known,
    rows: &[serde_json::Value],
    about: &str,
) -> Result<(), String> {
    let whole = Column::clone(&number(&query.table));
    let groups = aggregate.groups.iter().map(|group| {
        let column = if group.part.is_some() { &whole } else { &*group.column.column };
        (&group.name, column)
    });
    let figures = aggregate.figures.iter().map(|figure| {
        let counts = matches!(figure.function, FigureFunction::Rows | FigureFunction::Count);
        (&figure.name, figure.column.as_ref().filter(|_| !counts).map_or(&whole, |column| &*column.column))
    });
    let columns: Vec<(&Box<str>, &Column)> = groups.chain(figures).collect();
    let expected: Vec<Vec<String>> = oracle::groups(query, aggregate, &known.world)
        .iter()
        .map(|(groups, figures)| {
            let values = groups.iter().chain(figures);
            columns.iter().zip(values).map(|((_, column), value)| written(column, value, true)).collect()
        })
        .collect();
    let (skipped, taken) = match query.door {
        Door::Fetch { page, rows: Some(rows) } => ((page as usize - 1) * rows as usize, rows as usize),
        _ => (0, usize::MAX),
    };
    let taken = query.top.map_or(taken, |top| taken.min(top as usize));
    let expected: Vec<Vec<String>> = expected.into_iter().skip(skipped).take(taken).collect();
    let found: Vec<Vec<String>> = rows
        .iter()
        .map(|row| columns.iter().map(|(name, column)| member(column, row.get(&***name), true)).collect())
        .collect();
    same(&found, &expected, about)
}

/// A column of whole numbers, for what is told as such and is no column's own value.
fn number(table: &Table) -> Column {
    let mut column = Column::clone(table.primary_id());
    column.kind = ColumnKind::Integer(NumberRange { min: i32::MIN, max: i32::MAX });
    column
}
