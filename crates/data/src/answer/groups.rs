//! Groups and figures as JSON.

use std::collections::{HashMap, HashSet};

use keyholder_dataverse::Value;
use keyholder_dataverse::schema::{Column, ColumnKind};
use keyholder_dataverse::value::{Reference, write_json, write_json_text};
use keyholder_operation::query::{Aggregate, Figure, FigureFunction};
use keyholder_store::{Snapshot, ValueRef};
use std::fmt::Write;
use uuid::Uuid;

use super::formatted::formatted;
use super::rows::{ATTRIBUTE_NAME, FORMATTED, LOGICAL_NAME, Names, names_of};
use crate::error::Failure;
use crate::execute::Session;
use crate::execute::groups::Found;

/// Writes groups, one as an object each. What has no value is left out, with its annotations.
pub(crate) struct GroupWriter<'a> {
    session: &'a Session<'a>,
    aggregate: &'a Aggregate,
    attribute_names: bool,
    formatted: bool,
    logical_names: bool,
    names: Names,
}

impl<'a> GroupWriter<'a> {
    /// A writer of these groups; finds the names of the rows that they are grouped by.
    pub(crate) fn new(
        snapshot: &mut Snapshot<'_>,
        session: &'a Session<'a>,
        aggregate: &'a Aggregate,
        rows: &[Found],
    ) -> Result<Self, Failure> {
        let annotations = session.request.bound.preferences.annotations.as_ref();
        let wants = |name| annotations.is_some_and(|annotations| annotations.include(name));
        let (attribute_names, logical_names) = (wants(ATTRIBUTE_NAME), wants(LOGICAL_NAME));
        let formatted = wants(FORMATTED);
        let mut wanted: HashMap<i32, HashSet<Uuid>> = HashMap::new();
        for value in rows.iter().flat_map(|row| &row.groups) {
            if let Value::Lookup(Reference { type_code, id }) = value {
                wanted.entry(*type_code).or_default().insert(*id);
            }
        }
        let names = match formatted {
            true => names_of(snapshot, session.catalogue, wanted, &session.caller.grants)?,
            false => Names::new(),
        };
        Ok(Self { session, aggregate, attribute_names, formatted, logical_names, names })
    }

    /// Appends a group's members, without the braces around them.
    pub(crate) fn members(&self, out: &mut String, row: &Found) {
        let mut first = true;
        for (group, value) in self.aggregate.groups.iter().zip(&row.groups) {
            let kind = if group.part.is_some() { &ColumnKind::BigInteger } else { &group.column.kind };
            self.member(out, &mut first, &group.name, Some(&group.column.column), kind, value);
        }
        for (figure, value) in self.aggregate.figures.iter().zip(&row.figures) {
            let column = figure.column.as_ref().map(|column| &*column.column);
            self.member(out, &mut first, &figure.name, column, kind_of(figure), value);
        }
    }

    fn member(
        &self,
        out: &mut String,
        first: &mut bool,
        name: &str,
        column: Option<&Column>,
        kind: &ColumnKind,
        value: &Value,
    ) {
        if value.is_null() {
            return;
        }
        let mut key = |out: &mut String, annotation: Option<&str>| {
            if !std::mem::take(first) {
                out.push(',');
            }
            match annotation {
                Some(annotation) => write_json_text(out, &format!("{name}@{annotation}")),
                None => write_json_text(out, name),
            }
            out.push(':');
        };
        if let Some(column) = column.filter(|_| self.attribute_names) {
            key(out, Some(ATTRIBUTE_NAME));
            write_json_text(out, &column.name);
        }
        if let Some(text) = self.formatted.then(|| self.text_of(kind, value)).flatten() {
            key(out, Some(FORMATTED));
            write_json_text(out, &text);
        }
        if let (Value::Lookup(reference), true) = (value, self.logical_names) {
            let target = column.into_iter().flat_map(Column::targets);
            let is_it = |table: &str| self.session.catalogue.type_code(table) == Some(reference.type_code);
            if let Some(target) = target.into_iter().find(|target| is_it(&target.table)) {
                key(out, Some(LOGICAL_NAME));
                write_json_text(out, &target.table);
            }
        }
        key(out, None);
        match (value, column) {
            // A number of something, or a part of a date: it is no value of the column.
            (Value::Integer(number), _) => {
                let _ = write!(out, "{number}");
            }
            (value, Some(column)) => write_json(out, column, value),
            (_, None) => out.push_str("null"),
        }
    }

    fn text_of(&self, kind: &ColumnKind, value: &Value) -> Option<String> {
        let stored = match value {
            Value::Lookup(reference) => return self.names.get(&(reference.type_code, reference.id)).cloned(),
            Value::Boolean(flag) => ValueRef::Bool(*flag),
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Money(amount) => ValueRef::Money(amount.0),
            Value::Decimal(number) => ValueRef::Decimal(number.0),
            Value::Double(number) => ValueRef::Double(*number),
            Value::DateTime(moment) => ValueRef::Time(*moment),
            _ => return None,
        };
        formatted(kind, stored)
    }
}

/// As what a figure is formatted.
fn kind_of(figure: &Figure) -> &ColumnKind {
    match (figure.function, &figure.column) {
        (FigureFunction::Rows | FigureFunction::Count, _) | (_, None) => &ColumnKind::BigInteger,
        (_, Some(column)) => &column.kind,
    }
}
