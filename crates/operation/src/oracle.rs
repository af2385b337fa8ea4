//! What a query means, said a second time.
//!
//! A naive evaluator of a bound query over rows in memory. It shares no code with the lowering to
//! SQL, so that random rows and queries can be held against both: where they differ, one of them
//! is wrong. It is written to be read, not to be fast.

mod groups;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::fold::fold;
use keyholder_dataverse::schema::{Column, ColumnKind, DateBehavior, Side, Table};
use uuid::Uuid;

use crate::query::{
    Circumstances, ColumnOf, Comparand, Comparison, Direction, Expand, Filter, JoinOn, Link, LinkKind, Pattern,
    PatternPart, Query, RowKey, TextFunction, Within,
};

pub use groups::{groups, shown};

/// A row: the values of its columns, by their position in the table. Missing ones are null.
pub type Row = Vec<Value>;

/// Everything that there is.
#[derive(Debug)]
pub struct World<'a> {
    /// The rows that the caller reaches, by their table's type code.
    pub rows: HashMap<i32, Vec<Row>>,
    /// The pairs of each many-to-many relationship, by the name of its table of pairs: the row on
    /// the first side, and the one on the second.
    pub pairs: HashMap<String, Vec<(Uuid, Uuid)>>,
    /// Who asks, and when.
    pub circumstances: Circumstances<'a>,
}

impl World<'_> {
    fn rows(&self, table: &Table) -> &[Row] {
        self.rows.get(&table.type_code()).map_or(&[], Vec::as_slice)
    }
}

/// A row of each source of a scope; none where an outer link found none.
type Joined<'w> = Vec<Option<&'w Row>>;

/// The rows of its own table that the query asks for, in its order. One to which links join
/// several rows comes several times.
///
/// What [`Query::page`] leaves out must not be in the world.
#[must_use]
pub fn evaluate<'w>(query: &'w Query, world: &'w World<'w>) -> Vec<&'w Row> {
    sorted(query, found(query, world))
}

/// The related rows that a row of `near` shows, in their order.
#[must_use]
pub fn expanded<'w>(expand: &'w Expand, near: (&Table, &Row), world: &'w World<'w>) -> Vec<&'w Row> {
    let mut found = found(&expand.query, world);
    found.retain(|rows| {
        let far = rows.first().copied().flatten();
        far.is_some_and(|far| belongs(world, &expand.on, near, (&expand.query.table, far)))
    });
    sorted(&expand.query, found)
}

/// How many rows the query asks for, whatever it shows of them.
#[must_use]
pub fn count(query: &Query, world: &World<'_>) -> usize {
    found(query, world).len()
}

fn sorted<'w>(query: &Query, mut found: Vec<Joined<'w>>) -> Vec<&'w Row> {
    let tables = tables_of(&query.table, &query.links);
    found.sort_by(|left, right| order(query, &tables, left, right));
    found.truncate(query.top.map_or(usize::MAX, |top| top as usize));
    found.into_iter().filter_map(|rows| rows.first().copied().flatten()).collect()
}

/// The rows of a query with everything that is joined to them, in no order.
fn found<'w>(query: &'w Query, world: &'w World<'w>) -> Vec<Joined<'w>> {
    let tables = tables_of(&query.table, &query.links);
    let rows = world.rows(&query.table).iter();
    rows.filter(|row| query.within.as_ref().is_none_or(|within| is_within(world, within, (&query.table, row))))
        .flat_map(|row| joined(world, &tables, row, &query.links))
        .filter(|rows| query.filter.as_ref().is_none_or(|filter| holds_for(filter, world, &tables, rows)))
        .collect()
}

/// Whether a row is one of those that are related to the row which the query starts from.
fn is_within(world: &World<'_>, within: &Within, far: (&Table, &Row)) -> bool {
    let (table, key) = within.source();
    let is_named = |row: &&Row| match key {
        RowKey::Id(id) => id_of(table, row) == Some(*id),
        RowKey::Alternate { key, values } => {
            let same =
                |(column, wanted): (&Arc<Column>, &Value)| value(row, column).compare(wanted) == Some(Ordering::Equal);
            key.columns.iter().zip(values).all(same)
        }
    };
    let on = match within {
        Within::OneToMany { lookup, .. } => JoinOn::Referencing { lookup: Arc::clone(lookup) },
        Within::ManyToMany { relationship, side, .. } => {
            JoinOn::Pairs { relationship: Arc::clone(relationship), side: *side }
        }
    };
    world.rows(table).iter().find(is_named).is_some_and(|source| belongs(world, &on, (table, source), far))
}

/// Whether a row of a table meets a condition.
#[must_use]
pub fn holds<'w>(filter: &'w Filter, table: &'w Table, row: &'w Row, world: &'w World<'w>) -> bool {
    holds_for(filter, world, &[table], &[Some(row)])
}

fn tables_of<'q>(root: &'q Table, links: &'q [Link]) -> Vec<&'q Table> {
    std::iter::once(root).chain(links.iter().map(|link| &*link.table)).collect()
}

/// The row with everything that the links join to it.
fn joined<'w>(world: &'w World<'w>, tables: &[&'w Table], row: &'w Row, links: &'w [Link]) -> Vec<Joined<'w>> {
    let mut all: Vec<Joined<'w>> = vec![vec![Some(row)]];
    for link in links {
        let mut next = Vec::new();
        for rows in all {
            let near = rows.get(link.from.0).copied().flatten();
            let near_table = tables.get(link.from.0).copied().unwrap_or(&link.table);
            let mut partners: Vec<Joined<'w>> = Vec::new();
            for far in world.rows(&link.table) {
                let candidate: Joined<'w> = rows.iter().copied().chain([Some(far)]).collect();
                let belongs = near.is_some_and(|near| belongs(world, &link.on, (near_table, near), (&link.table, far)));
                if belongs && link.filter.as_ref().is_none_or(|filter| holds_for(filter, world, tables, &candidate)) {
                    partners.push(candidate);
                }
            }
            if link.kind == LinkKind::First {
                let id = |rows: &Joined<'_>| rows.last().copied().flatten().and_then(|row| id_of(&link.table, row));
                partners.sort_by_key(id);
                partners.truncate(1);
            }
            if partners.is_empty() && link.kind == LinkKind::Outer {
                partners.push(rows.into_iter().chain([None]).collect());
            }
            next.extend(partners);
        }
        all = next;
    }
    all
}

/// Whether the far row is one of those that are joined to the near one.
fn belongs(world: &World<'_>, on: &JoinOn, near: (&Table, &Row), far: (&Table, &Row)) -> bool {
    let names = |value: &Value, (table, row): (&Table, &Row)| match value {
        Value::Lookup(reference) => reference.type_code == table.type_code() && Some(reference.id) == id_of(table, row),
        other => other.guid().is_some() && other.guid() == id_of(table, row),
    };
    match on {
        JoinOn::Lookup { lookup } => names(value(near.1, lookup), far),
        JoinOn::Referencing { lookup } => names(value(far.1, lookup), near),
        JoinOn::Pairs { relationship, side } => {
            let (near, far) = (id_of(near.0, near.1), id_of(far.0, far.1));
            let pairs = world.pairs.get(&relationship.intersect).map_or(&[][..], Vec::as_slice);
            pairs.iter().any(|(first, second)| match side {
                Side::First => (Some(*first), Some(*second)) == (near, far),
                Side::Second => (Some(*second), Some(*first)) == (near, far),
            })
        }
        JoinOn::Columns { near: one, far: other } => {
            value(near.1, one).compare(value(far.1, other)) == Some(Ordering::Equal)
        }
    }
}

fn id_of(table: &Table, row: &Row) -> Option<Uuid> {
    value(row, table.primary_id()).guid()
}

/// Whether the rows of a scope's sources meet a condition.
fn holds_for<'w>(filter: &'w Filter, world: &'w World<'w>, tables: &[&'w Table], rows: &[Option<&'w Row>]) -> bool {
    let of = |column: &ColumnOf| {
        rows.get(column.source.0).copied().flatten().map_or(&Value::Null, |row| value(row, &column.column))
    };
    match filter {
        Filter::And(parts) => parts.iter().all(|part| holds_for(part, world, tables, rows)),
        Filter::Or(parts) => parts.iter().any(|part| holds_for(part, world, tables, rows)),
        Filter::Null { column, negated } => of(column).is_null() != *negated,
        Filter::Compare { column, comparison, with } => {
            let other = match with {
                Comparand::Value(value) => value,
                Comparand::Column(column) => of(column),
            };
            compares(*comparison, of(column).compare(other))
        }
        Filter::Text { column, function, pattern, negated } => {
            let found = of(column).text().is_some_and(|text| matches(*function, pattern, text));
            found != *negated
        }
        Filter::In { column, values, negated } => {
            let found = values.iter().any(|value| of(column).compare(value) == Some(Ordering::Equal));
            found != *negated
        }
        Filter::Caller { column, who, negated } => {
            let found = of(column).guid().is_some_and(|id| world.circumstances.ids(*who).contains(&id));
            found != *negated
        }
        Filter::When { column, span } => {
            let local = matches!(column.kind, ColumnKind::DateTime { behavior: DateBehavior::UserLocal });
            let range = span.range(world.circumstances.now, world.circumstances.zone, local);
            matches!(of(column), Value::DateTime(moment) if range.contains(*moment))
        }
        Filter::Hierarchy { column, hierarchy, negated } => {
            let parent = |id: Uuid| {
                let rows = world.rows(&hierarchy.table);
                let row = rows.iter().find(|row| id_of(&hierarchy.table, row) == Some(id))?;
                value(row, &hierarchy.parent).guid()
            };
            // From a row upwards, as long as nobody comes twice.
            let above = |id: Uuid| {
                let mut seen = vec![id];
                while let Some(next) = seen.last().and_then(|last| parent(*last)).filter(|next| !seen.contains(next)) {
                    seen.push(next);
                }
                seen
            };
            let stands = |id: Uuid| match hierarchy.direction {
                _ if id == hierarchy.of => hierarchy.inclusive,
                Direction::Above => above(hierarchy.of).contains(&id),
                Direction::Under => above(id).contains(&hierarchy.of),
            };
            of(column).guid().is_some_and(stands) != *negated
        }
        Filter::Exists(exists) => {
            let Some(near) = rows.get(exists.from.0).copied().flatten() else { return exists.negated };
            let Some(near_table) = tables.get(exists.from.0) else { return exists.negated };
            let inner = tables_of(&exists.table, &exists.links);
            let found = world
                .rows(&exists.table)
                .iter()
                .filter(|far| belongs(world, &exists.on, (near_table, near), (&exists.table, far)))
                .flat_map(|far| joined(world, &inner, far, &exists.links))
                .any(|rows| exists.filter.as_ref().is_none_or(|filter| holds_for(filter, world, &inner, &rows)));
            found != exists.negated
        }
    }
}

/// Whether an outcome, none for a missing value, is what the comparison asks for.
fn compares(comparison: Comparison, outcome: Option<Ordering>) -> bool {
    match comparison {
        Comparison::Equal => outcome == Some(Ordering::Equal),
        Comparison::NotEqual => outcome != Some(Ordering::Equal),
        Comparison::Greater => outcome == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => outcome.is_some_and(Ordering::is_ge),
        Comparison::Less => outcome == Some(Ordering::Less),
        Comparison::LessOrEqual => outcome.is_some_and(Ordering::is_le),
    }
}

fn value<'a>(row: &'a Row, column: &Column) -> &'a Value {
    row.get(column.position).unwrap_or(&Value::Null)
}

/// The order of two rows: by each column in turn, nulls first (last when descending), then by id,
/// and by the ids of what is joined.
fn order(query: &Query, tables: &[&Table], left: &Joined<'_>, right: &Joined<'_>) -> Ordering {
    let of = |rows: &Joined<'_>, column: &ColumnOf| {
        let row = rows.get(column.source.0).copied().flatten();
        row.map_or(Value::Null, |row| value(row, &column.column).clone())
    };
    let label = |column: &ColumnOf, of: Value| match of {
        Value::Integer(number) => {
            let options = column.kind.options().iter();
            let mut labels = options.filter(|option| i64::from(option.value) == number).map(|option| &option.label);
            // An option that is gone has no label, and sorts behind all that have one.
            Value::Text(labels.next().map_or_else(|| char::MAX.to_string(), Clone::clone))
        }
        other => other,
    };
    for by in &query.order {
        let first = |rows: &Joined<'_>| {
            let mut columns = std::iter::once(&by.column).chain(&by.otherwise);
            let value = columns.find_map(|column| Some(of(rows, column)).filter(|value| !value.is_null()));
            let value = value.unwrap_or(Value::Null);
            if by.labels { label(&by.column, value) } else { value }
        };
        let ascending = nulls_first(&first(left), &first(right));
        let directed = if by.descending { ascending.reverse() } else { ascending };
        if directed != Ordering::Equal {
            return directed;
        }
    }
    let ids = |rows: &Joined<'_>, index: usize| {
        let (row, table) = (rows.get(index).copied().flatten(), tables.get(index));
        row.zip(table).map_or(Value::Null, |(row, table)| value(row, table.primary_id()).clone())
    };
    let ties = (0..tables.len()).map(|index| nulls_first(&ids(left, index), &ids(right, index)));
    ties.fold(Ordering::Equal, Ordering::then)
}

fn nulls_first(left: &Value, right: &Value) -> Ordering {
    left.compare(right).unwrap_or_else(|| right.is_null().cmp(&left.is_null()))
}

/// Whether a pattern is found in a text, where the function looks.
fn matches(function: TextFunction, pattern: &Pattern, text: &str) -> bool {
    let folded: Vec<char> = fold(text).chars().collect();
    let starts: Vec<usize> = match function {
        TextFunction::StartsWith | TextFunction::Whole => vec![0],
        TextFunction::Contains | TextFunction::EndsWith => (0..=folded.len()).collect(),
    };
    let to_the_end = matches!(function, TextFunction::EndsWith | TextFunction::Whole);
    starts.into_iter().any(|start| fits(pattern.parts(), folded.get(start..).unwrap_or_default(), to_the_end))
}

/// Whether the parts fit the beginning of the text, or the whole of it. Every set of places
/// reached so far is kept, so that many wildcards do not take forever.
fn fits(parts: &[PatternPart], text: &[char], to_the_end: bool) -> bool {
    let mut places = vec![0];
    for part in parts {
        let mut next: Vec<usize> = Vec::new();
        for place in places {
            let rest = text.get(place..).unwrap_or_default();
            match part {
                PatternPart::Literal(literal) => {
                    let letters: Vec<char> = literal.chars().collect();
                    if rest.starts_with(&letters) {
                        next.push(place + letters.len());
                    }
                }
                PatternPart::AnyText => next.extend(place..=text.len()),
                PatternPart::AnyCharacter => next.extend(rest.first().map(|_| place + 1)),
                PatternPart::OneOf { ranges, negated } => {
                    let inside = |letter: &char| ranges.iter().any(|(first, last)| (first..=last).contains(&letter));
                    next.extend(rest.first().filter(|letter| inside(letter) != *negated).map(|_| place + 1));
                }
            }
        }
        next.sort_unstable();
        next.dedup();
        places = next;
    }
    if to_the_end { places.contains(&text.len()) } else { !places.is_empty() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_are_those_of_the_services_store() {
        for (function, pattern, text, expected) in [
            (TextFunction::Contains, "éric", "American", true),
            (TextFunction::StartsWith, "a_c", "ABCD", true),
            (TextFunction::StartsWith, "b", "abc", false),
            (TextFunction::EndsWith, "[a-c]d", "xbd", true),
            (TextFunction::EndsWith, "[^a-c]d", "xbd", false),
            (TextFunction::Contains, "a%d", "xabcdx", true),
            (TextFunction::Contains, "[", "a[b", true),
            (TextFunction::EndsWith, "%", "", true),
            (TextFunction::Contains, "", "x", true),
            (TextFunction::Whole, "a%c", "abc", true),
            (TextFunction::Whole, "a%c", "abcd", false),
            (TextFunction::Whole, "b", "ab", false),
        ] {
            assert_eq!(matches(function, &Pattern::new(pattern), text), expected, "{function:?} {pattern} {text}");
        }
    }
}
