//! Rows for whatever tables queries are about, with the values that the queries look for.
//!
//! What is made follows from the queries and the schema alone. What an org refuses to make is not made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::Method;
use keyholder_dataverse::schema::{Column, ColumnKind, DateBehavior, ManyToMany, Table};
use keyholder_dataverse::value::write_json;
use keyholder_dataverse::{Schema, Value};
use keyholder_operation::query::PatternPart;
use keyholder_operation::{ColumnOf, Comparand, Filter, JoinOn, Link, Operation, Query, RowKey, Within};
use serde_json::{Map, json};
use uuid::Uuid;

use crate::real_queries::SAMPLE_ID;
use crate::twins::Twins;

/// Rows of each table.
const ROWS: usize = 5;
/// Moments around the one that the organization's clock shows.
const MOMENTS: [&str; 6] = [
    "2026-11-22T05:00:00Z",
    "2026-11-20T11:30:00Z",
    "2026-11-23T08:00:00Z",
    "2026-10-30T23:59:59Z",
    "2025-11-01T00:00:00Z",
    "2027-02-03T04:05:06Z",
];

/// What queries are about.
#[derive(Default)]
pub(crate) struct Wanted {
    tables: BTreeMap<i32, Arc<Table>>,
    /// Their columns, by table and position, each with the values that it is held against.
    columns: BTreeMap<(i32, usize), Vec<serde_json::Value>>,
    /// The relationships of pairs that they go through, by their table of pairs.
    pairs: BTreeMap<String, Arc<ManyToMany>>,
}

impl Wanted {
    pub(crate) fn note(&mut self, operation: &Operation) {
        match operation {
            Operation::Query(query) | Operation::Count(query) => self.note_query(query),
            Operation::Retrieve(retrieve) => {
                self.note_key(&retrieve.table, &retrieve.key);
                for column in retrieve.select.named().unwrap_or_default() {
                    self.touch(&retrieve.table, column);
                }
                for expand in &retrieve.expand {
                    self.note_join(&expand.on, &retrieve.table, &expand.query.table);
                    self.note_query(&expand.query);
                }
            }
            Operation::Follow(follow) => {
                self.note_key(&follow.source, &follow.key);
                self.touch(&follow.source, &follow.lookup);
                self.table(&follow.table);
            }
            _ => {}
        }
    }

    fn table(&mut self, table: &Arc<Table>) {
        self.tables.entry(table.type_code()).or_insert_with(|| Arc::clone(table));
    }

    fn touch(&mut self, table: &Arc<Table>, column: &Column) -> &mut Vec<serde_json::Value> {
        self.table(table);
        self.columns.entry((table.type_code(), column.position)).or_default()
    }

    fn hint(&mut self, table: &Arc<Table>, column: &Column, value: &Value) {
        let mut text = String::new();
        write_json(&mut text, column, value);
        let told = serde_json::from_str(&text).unwrap_or_default();
        let hints = self.touch(table, column);
        if hints.len() < 12 && !hints.contains(&told) {
            hints.push(told);
        }
    }

    fn note_key(&mut self, table: &Arc<Table>, key: &RowKey) {
        match key {
            RowKey::Id(id) => self.hint(table, table.primary_id(), &Value::Guid(*id)),
            RowKey::Alternate { key, values } => {
                for (column, value) in key.columns.iter().zip(values) {
                    self.hint(table, column, value);
                }
            }
            _ => {}
        }
    }

    fn note_query(&mut self, query: &Query) {
        self.table(&query.table);
        for column in query.select.named().unwrap_or_default() {
            self.touch(&query.table, column);
        }
        if let Some(within) = &query.within {
            let (source, key) = within.source();
            self.note_key(source, key);
            match within {
                Within::OneToMany { lookup, .. } => {
                    self.touch(&query.table, lookup);
                }
                Within::ManyToMany { relationship, .. } => {
                    self.pairs.insert(relationship.intersect.clone(), Arc::clone(relationship));
                }
                _ => {}
            }
        }
        let tables = self.note_scope(&query.table, &query.links, query.filter.as_ref());
        let ordered = query.order.iter().flat_map(|order| std::iter::once(&order.column).chain(&order.otherwise));
        let shown = query.shown.iter().map(|shown| &shown.column);
        let grouped = query.aggregate.iter().flat_map(|aggregate| {
            let figures = aggregate.figures.iter().filter_map(|figure| figure.column.as_ref());
            aggregate.groups.iter().map(|group| &group.column).chain(figures)
        });
        for of in ordered.chain(shown).chain(grouped) {
            self.touch(&tables[of.source.0], &of.column);
        }
        for expand in &query.expand {
            self.note_join(&expand.on, &query.table, &expand.query.table);
            self.note_query(&expand.query);
        }
    }

    /// Notes a scope; gives the tables of its sources.
    fn note_scope(&mut self, root: &Arc<Table>, links: &[Link], filter: Option<&Filter>) -> Vec<Arc<Table>> {
        let tables: Vec<Arc<Table>> =
            std::iter::once(root).chain(links.iter().map(|link| &link.table)).cloned().collect();
        for link in links {
            self.table(&link.table);
            self.note_join(&link.on, &tables[link.from.0], &link.table);
            link.filter.iter().for_each(|filter| self.note_filter(filter, &tables));
        }
        self.table(root);
        filter.iter().for_each(|filter| self.note_filter(filter, &tables));
        tables
    }

    fn note_join(&mut self, on: &JoinOn, near: &Arc<Table>, far: &Arc<Table>) {
        match on {
            JoinOn::Lookup { lookup } => {
                self.touch(near, lookup);
            }
            JoinOn::Referencing { lookup } => {
                self.touch(far, lookup);
            }
            JoinOn::Columns { near: one, far: other } => {
                self.touch(near, one);
                self.touch(far, other);
            }
            JoinOn::Pairs { relationship, .. } => {
                self.pairs.insert(relationship.intersect.clone(), Arc::clone(relationship));
            }
            _ => {}
        }
    }

    fn note_filter(&mut self, filter: &Filter, tables: &[Arc<Table>]) {
        let of = |column: &ColumnOf| Arc::clone(&tables[column.source.0]);
        match filter {
            Filter::And(parts) | Filter::Or(parts) => parts.iter().for_each(|part| self.note_filter(part, tables)),
            Filter::Compare { column, with: Comparand::Value(value), .. } => self.hint(&of(column), column, value),
            Filter::Compare { column, with: Comparand::Column(other), .. } => {
                self.touch(&of(column), column);
                self.touch(&of(other), other);
            }
            Filter::In { column, values, .. } => {
                values.iter().take(4).for_each(|value| self.hint(&of(column), column, value));
            }
            Filter::Text { column, pattern, .. } => {
                let fitting: String = pattern.parts().iter().map(text_of).collect();
                self.hint(&of(column), column, &Value::Text(fitting));
            }
            Filter::Null { column, .. }
            | Filter::Caller { column, .. }
            | Filter::When { column, .. }
            | Filter::Hierarchy { column, .. } => {
                self.touch(&of(column), column);
                if let Filter::Hierarchy { hierarchy, .. } = filter {
                    self.touch(&hierarchy.table, &hierarchy.parent);
                }
            }
            Filter::Exists(exists) => {
                let near = Arc::clone(&tables[exists.from.0]);
                self.note_join(&exists.on, &near, &exists.table);
                self.note_scope(&exists.table, &exists.links, exists.filter.as_ref());
            }
            _ => {}
        }
    }
}

/// Some text that a part of a pattern fits.
fn text_of(part: &PatternPart) -> String {
    match part {
        PatternPart::Literal(literal) => literal.clone(),
        PatternPart::OneOf { ranges, negated: false } => ranges.iter().take(1).map(|(first, _)| *first).collect(),
        _ => "x".to_owned(),
    }
}

/// Makes rows of all tables that are wanted, then lets them name each other, then pairs them.
pub(crate) async fn seed(twins: &Twins, schema: &Schema, wanted: &Wanted) {
    let mut made: BTreeMap<i32, Vec<Uuid>> = BTreeMap::new();
    for (code, table) in &wanted.tables {
        let Some(set) = table.shown_set() else { continue };
        let mut ids = Vec::new();
        for index in 0..ROWS {
            if let Some(id) = make(twins, wanted, table, set, index).await {
                ids.push(id);
            }
        }
        if ids.is_empty() {
            ids = known_ids(twins, table, set).await;
        }
        made.insert(*code, ids);
    }
    // Tables that are only named by lookups have rows already, or none.
    let mut targets = BTreeSet::new();
    for (code, table) in &wanted.tables {
        for column in table.columns().iter().filter(|column| wanted.columns.contains_key(&(*code, column.position))) {
            targets.extend(column.targets().iter().map(|target| target.table.clone()));
        }
    }
    for target in targets {
        let Some(table) = schema.table(&target).unwrap() else { continue };
        if let (Some(set), false) = (table.shown_set(), made.contains_key(&table.type_code())) {
            made.insert(table.type_code(), known_ids(twins, &table, set).await);
        }
    }
    for table in wanted.tables.values() {
        link(twins, schema, wanted, table, &made).await;
    }
    for pairs in wanted.pairs.values() {
        pair(twins, schema, pairs, &made).await;
    }
}

async fn known_ids(twins: &Twins, table: &Table, set: &str) -> Vec<Uuid> {
    let id = &table.primary_id().name;
    let known = twins.get(&format!("{set}?$select={id}&$top={ROWS}")).await;
    if !known.status.is_success() {
        return Vec::new();
    }
    known.rows().iter().filter_map(|row| row[&**id].as_str()?.parse().ok()).collect()
}

async fn make(twins: &Twins, wanted: &Wanted, table: &Table, set: &str, index: usize) -> Option<Uuid> {
    let code = table.type_code();
    // Of those who may come in there are some already.
    if matches!(table.logical_name(), "systemuser" | "team" | "businessunit" | "role") {
        return None;
    }
    let mut body = Map::new();
    for column in table.columns().iter().filter(|column| column.access.create) {
        let hints = wanted.columns.get(&(code, column.position));
        let is_name = table.primary_name().is_some_and(|name| name.position == column.position);
        if (hints.is_some() || is_name)
            && column.position != table.primary_id().position
            && let Some(value) = value(column, hints.map_or(&[], Vec::as_slice), index)
        {
            body.insert(column.name.to_string(), value);
        }
    }
    let ids = wanted.columns.get(&(code, table.primary_id().position)).into_iter().flatten();
    let looked_for: Vec<serde_json::Value> = std::iter::once(json!(SAMPLE_ID)).chain(ids.cloned()).collect();
    // Every row has an id of its own choice: how many the org itself has given by now is no two stores' same.
    let own = json!(Uuid::from_u128((code.unsigned_abs() as u128) << 64 | 0x5eed_0000 | index as u128));
    let id = &table.primary_id().name;
    let name = table.primary_name().map_or(id, |name| &name.name);
    let with = |body: &Map<String, serde_json::Value>, chosen: &serde_json::Value| {
        let mut body = body.clone();
        body.insert(id.to_string(), chosen.clone());
        json!(body)
    };
    let full = with(&body, looked_for.get(index).unwrap_or(&own));
    let least = json!({ &**name: format!("{} {index}", table.display_name()), &**id: own });
    for body in [full, with(&body, &own), least] {
        let reply = twins.post(set, body).await;
        if reply.status.is_success() {
            return Some(reply.id());
        }
    }
    None
}

/// A value for a column in a table's row of this number; none for nothing.
fn value(column: &Column, hints: &[serde_json::Value], index: usize) -> Option<serde_json::Value> {
    let turn = index + column.position;
    if turn % 5 == 4 {
        return None;
    }
    let usual = || match &column.kind {
        ColumnKind::Text { max_length } | ColumnKind::Memo { max_length } => {
            let words = ["Alma", "berg", "ÁLMA", "Berg ", "Zoo"];
            let word: String = words[turn % 5].chars().take(*max_length as usize).collect();
            Some(json!(word))
        }
        ColumnKind::Integer(range) => Some(json!(range.min.max(0).saturating_add(turn as i32 % 4).min(range.max))),
        ColumnKind::BigInteger => Some(json!(turn % 4)),
        ColumnKind::Decimal { range, .. } | ColumnKind::Double { range, .. } | ColumnKind::Money { range, .. } => {
            Some(json!(((turn % 4) as f64 + 0.5).clamp(range.min, range.max)))
        }
        ColumnKind::Boolean(_) => Some(json!(turn.is_multiple_of(2))),
        ColumnKind::Choice { options, .. } => {
            options.get(turn % options.len().max(1)).map(|option| json!(option.value))
        }
        ColumnKind::DateTime { behavior } => {
            let moment = MOMENTS[turn % MOMENTS.len()];
            Some(json!(if *behavior == DateBehavior::DateOnly { &moment[..10] } else { moment }))
        }
        ColumnKind::Guid => Some(json!(Uuid::from_u128(0xabc0 + turn as u128 % 3))),
        _ => None,
    };
    if column.kind.is_lookup() {
        return None;
    }
    // The values that are looked for, and others.
    match hints.get(turn % (hints.len() + 1)) {
        Some(hint) if !hint.is_null() => Some(hint.clone()),
        _ => usual(),
    }
}

/// Lets the rows of a table name others.
async fn link(twins: &Twins, schema: &Schema, wanted: &Wanted, table: &Table, made: &BTreeMap<i32, Vec<Uuid>>) {
    let code = table.type_code();
    let lookups: Vec<_> = table
        .columns()
        .iter()
        .filter(|column| matches!(column.kind, ColumnKind::Lookup { .. } | ColumnKind::Customer { .. }))
        .filter(|column| column.access.update && wanted.columns.contains_key(&(code, column.position)))
        .collect();
    let (Some(set), Some(ids)) = (table.shown_set(), made.get(&code)) else { return };
    // Who asks stays where they are.
    if matches!(table.logical_name(), "systemuser" | "team" | "businessunit" | "organization") {
        return;
    }
    for (index, id) in ids.iter().enumerate() {
        let mut body = Map::new();
        for column in &lookups {
            let turn = index + column.position;
            let targets: Vec<_> = column
                .targets()
                .iter()
                .filter_map(|target| Some((target, schema.table(&target.table).unwrap()?)))
                .filter_map(|(target, table)| Some((target, made.get(&table.type_code())?, table)))
                .filter(|(_, ids, table)| !ids.is_empty() && table.shown_set().is_some())
                .collect();
            if turn % 5 == 4 || targets.is_empty() {
                continue;
            }
            let (target, others, other) = &targets[turn % targets.len()];
            let hints = wanted.columns.get(&(code, column.position)).into_iter().flatten();
            let hinted = hints.filter_map(|hint| hint.as_str()?.parse().ok()).find(|id| others.contains(id));
            let other_id = if index == 0 { hinted } else { None }.unwrap_or(others[turn % others.len()]);
            let address = format!("/{}({other_id})", other.entity_set());
            body.insert(format!("{}@odata.bind", target.navigation), json!(address));
        }
        if body.is_empty() {
            continue;
        }
        let path = format!("{set}({id})");
        if !twins.patch(&path, json!(body)).await.status.is_success() {
            for (member, address) in body {
                twins.patch(&path, json!({ member: address })).await;
            }
        }
    }
}

async fn pair(twins: &Twins, schema: &Schema, pairs: &ManyToMany, made: &BTreeMap<i32, Vec<Uuid>>) {
    let end = |name: &str| {
        let table = schema.table(name).unwrap()?;
        Some((table.shown_set()?.to_owned(), made.get(&table.type_code())?))
    };
    let (Some((first, ids)), Some((second, others))) = (end(&pairs.first.table), end(&pairs.second.table)) else {
        return;
    };
    for (index, id) in ids.iter().enumerate() {
        for other in others.iter().cycle().skip(index).take(2.min(others.len())) {
            let path = format!("{first}({id})/{}/$ref", pairs.first.navigation);
            let to = json!({ "@odata.id": format!("{}/{second}({other})", crate::world::BASE) });
            twins.send(Method::POST, &path, &[], Some(to)).await;
        }
    }
}
