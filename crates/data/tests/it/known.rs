//! What the Web API tells of an organization's rows, as the oracle's world.

use std::collections::HashMap;
use std::sync::Arc;

use http::Method;
use keyholder_dataverse::schema::{ColumnKind, Table};
use keyholder_dataverse::value::{Reference, read_json};
use keyholder_dataverse::{Column, Schema, Value};
use keyholder_foundation::Timestamp;
use keyholder_operation::query::Zone;
use keyholder_operation::{Circumstances, Exists, Filter, JoinOn, Link, Query, Within, oracle};
use serde_json::value::RawValue;

use crate::fetching::address;
use crate::twins::Twins;

const TARGETS: [(&str, &str); 1] =
    [("Prefer", "odata.include-annotations=\"Microsoft.Dynamics.CRM.lookuplogicalname\"")];

/// The rows of the tables that were asked about so far.
pub(crate) struct Known {
    pub(crate) world: oracle::World<'static>,
    told: HashMap<i32, bool>,
}

impl Known {
    pub(crate) async fn new(twins: &Twins) -> Self {
        let user = twins.admin_user();
        let unit = twins.get(&format!("systemusers({user})?$select=_businessunitid_value")).await.ok();
        let teams = twins.get(&format!("systemusers({user})/teammembership_association?$select=teamid")).await.ok();
        let teams = teams.rows().iter().map(|row| row["teamid"].as_str().unwrap().parse().unwrap()).collect::<Vec<_>>();
        let circumstances = Circumstances {
            user,
            business_unit: unit.json["_businessunitid_value"].as_str().unwrap().parse().unwrap(),
            teams: teams.into(),
            reports: Vec::new().into(),
            report_teams: Vec::new().into(),
            hierarchies: Vec::new(),
            now: Timestamp::parse("2026-11-22T09:07:46Z").unwrap(),
            zone: Zone::default(),
        };
        let world = oracle::World { rows: HashMap::new(), pairs: HashMap::new(), circumstances };
        Self { world, told: HashMap::new() }
    }

    /// Learns the rows of every table of a query; whether all could be told.
    pub(crate) async fn learn(&mut self, twins: &Twins, schema: &Schema, query: &Query) -> bool {
        let mut all = true;
        for table in query.further_tables().into_iter().chain([&query.table]) {
            all &= self.learn_table(twins, schema, table).await;
        }
        let mut intersects = Vec::new();
        pairs_of(query, &mut intersects);
        for intersect in intersects {
            let Some(table) = schema.table(&intersect.0).unwrap() else { return false };
            all &= self.learn_table(twins, schema, &table).await;
            let end = |name: &str| table.column(name).map(|column| column.position);
            let (Some(first), Some(second)) = (end(&intersect.1), end(&intersect.2)) else { return false };
            let rows = self.world.rows.get(&table.type_code()).into_iter().flatten();
            let pairs = rows.filter_map(|row| Some((row.get(first)?.guid()?, row.get(second)?.guid()?))).collect();
            self.world.pairs.insert(intersect.0, pairs);
        }
        all
    }

    async fn learn_table(&mut self, twins: &Twins, schema: &Schema, table: &Arc<Table>) -> bool {
        let code = table.type_code();
        if let Some(told) = self.told.get(&code) {
            return *told;
        }
        let rows = told(twins, schema, table).await;
        self.told.insert(code, rows.is_some());
        self.world.rows.insert(code, rows.iter().flatten().cloned().collect());
        rows.is_some()
    }
}

/// The rows of a table, read back by the columns' own rules; none where it has no rows to tell.
async fn told(twins: &Twins, schema: &Schema, table: &Table) -> Option<Vec<oracle::Row>> {
    let path = match table.shown_set() {
        Some(set) => set.to_owned(),
        None => {
            let name = table.logical_name();
            address("accounts", &format!("<fetch><entity name='{name}'><all-attributes/></entity></fetch>"))
        }
    };
    let reply = twins.send(Method::GET, &path, &TARGETS, None).await;
    if !reply.status.is_success() || reply.json.get("@odata.nextLink").is_some() {
        return None;
    }
    reply
        .rows()
        .iter()
        .map(|row| table.columns().iter().map(|column| value(schema, table, row, column)).collect())
        .collect()
}

fn value(schema: &Schema, table: &Table, row: &serde_json::Value, column: &Column) -> Option<Value> {
    let name = column.property_name();
    let told = &row[&name];
    if told.is_null() {
        return Some(Value::Null);
    }
    if column.kind.is_lookup() {
        let target = row[format!("{name}@Microsoft.Dynamics.CRM.lookuplogicalname")].as_str()?;
        let type_code = schema.table(target).unwrap()?.type_code();
        return Some(Value::Lookup(Reference { type_code, id: told.as_str()?.parse().ok()? }));
    }
    if matches!(column.kind, ColumnKind::ManagedBoolean(_)) {
        return told["Value"].as_bool().map(Value::Boolean);
    }
    read_json(table, column, &RawValue::from_string(told.to_string()).unwrap()).ok()
}

/// A table of pairs, and its columns with the ids of both sides.
type Intersect = (String, String, String);

/// The tables of pairs that a query goes through.
fn pairs_of(query: &Query, found: &mut Vec<Intersect>) {
    if let Some(Within::ManyToMany { relationship, .. }) = &query.within {
        let (first, second) = (&relationship.first, &relationship.second);
        found.push((relationship.intersect.clone(), first.column.clone(), second.column.clone()));
    }
    of_links(&query.links, found);
    query.filter.iter().for_each(|filter| of_filter(filter, found));
    for expand in &query.expand {
        of_join(&expand.on, found);
        pairs_of(&expand.query, found);
    }
}

fn of_links(links: &[Link], found: &mut Vec<Intersect>) {
    for link in links {
        of_join(&link.on, found);
        link.filter.iter().for_each(|filter| of_filter(filter, found));
    }
}

fn of_join(on: &JoinOn, found: &mut Vec<Intersect>) {
    if let JoinOn::Pairs { relationship, .. } = on {
        let (first, second) = (&relationship.first, &relationship.second);
        found.push((relationship.intersect.clone(), first.column.clone(), second.column.clone()));
    }
}

fn of_filter(filter: &Filter, found: &mut Vec<Intersect>) {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().for_each(|part| of_filter(part, found)),
        Filter::Exists(exists) => {
            let Exists { on, links, filter, .. } = &**exists;
            of_join(on, found);
            of_links(links, found);
            filter.iter().for_each(|filter| of_filter(filter, found));
        }
        _ => {}
    }
}
