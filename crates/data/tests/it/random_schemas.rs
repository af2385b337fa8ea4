//! Random tables, random rows, random changes and questions: both stores answer alike, the rows are those that a naive model has,
//! and queries mean what the oracle says.
//!
//! The cases are always the same ones. A failure prints the smallest that fails; it can be run again by putting the seed that
//! it prints into [`SEED`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use http::{HeaderMap, Method};
use keyholder_dataverse::Schema;
use keyholder_dataverse::schema::SchemaDefinition;
use keyholder_operation::{Request, bind};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::agreeing::agrees;
use crate::known::Known;
use crate::twins::Twins;
use crate::world::{BASE, Reply};

const SEED: [u8; 32] = *b"random tables, rows and requests";
const CASES: u32 = 5;
const TABLES: usize = 3;
const ROWS: usize = 6;

/// What a column holds.
const KINDS: [&str; 8] = ["text", "integer", "big_integer", "decimal", "money", "boolean", "date", "choice"];

/// A lookup of a table: whom it can name, and what becomes of the row when that one is deleted.
#[derive(Debug, Clone)]
struct Lookup {
    targets: Vec<usize>,
    on_delete: &'static str,
}

#[derive(Debug, Clone)]
struct TablePlan {
    kinds: Vec<&'static str>,
    lookups: Vec<Lookup>,
    has_key: bool,
}

#[derive(Debug, Clone)]
enum Change {
    Create { table: usize, row: usize, values: Vec<usize>, names: Vec<usize> },
    Update { table: usize, row: usize, values: Vec<usize>, names: Vec<usize> },
    UpsertByKey { table: usize, key: usize, value: usize },
    Delete { table: usize, row: usize },
    Pair { one: usize, other: usize, apart: bool },
}

#[derive(Debug, Clone)]
struct Asked {
    table: usize,
    text: usize,
    column: usize,
    value: usize,
    other: usize,
    down: bool,
    top: Option<usize>,
}

#[derive(Debug, Clone)]
struct Case {
    tables: Vec<TablePlan>,
    changes: Vec<Change>,
    asked: Vec<Asked>,
}

fn case() -> impl Strategy<Value = Case> {
    let lookup = (prop::collection::btree_set(0..TABLES, 1..3), prop::sample::select(vec!["cascade", "remove_link"]))
        .prop_map(|(targets, on_delete)| Lookup { targets: targets.into_iter().collect(), on_delete });
    let table = (
        prop::collection::vec(prop::sample::select(&KINDS[..]), 2..6),
        prop::collection::vec(lookup, 0..3),
        any::<bool>(),
    )
        .prop_map(|(kinds, lookups, has_key)| TablePlan { kinds, lookups, has_key });
    let (place, row) = (0..TABLES, 0..ROWS);
    let values = prop::collection::vec(0..6usize, 6);
    let names = prop::collection::vec(0..ROWS * 2, 3);
    let change = prop_oneof![
        5 => (place.clone(), row.clone(), values.clone(), names.clone())
            .prop_map(|(table, row, values, names)| Change::Create { table, row, values, names }),
        4 => (place.clone(), row.clone(), values, names)
            .prop_map(|(table, row, values, names)| Change::Update { table, row, values, names }),
        2 => (place.clone(), 0..4usize, 0..6usize)
            .prop_map(|(table, key, value)| Change::UpsertByKey { table, key, value }),
        2 => (place.clone(), row.clone()).prop_map(|(table, row)| Change::Delete { table, row }),
        2 => (row.clone(), row, any::<bool>()).prop_map(|(one, other, apart)| Change::Pair { one, other, apart }),
    ];
    let asked =
        (place, 0..12usize, 0..6usize, 0..6usize, 0..6usize, any::<bool>(), prop::option::of(0..4usize)).prop_map(
            |(table, text, column, value, other, down, top)| Asked { table, text, column, value, other, down, top },
        );
    let tables = prop::collection::vec(table, TABLES);
    (tables, prop::collection::vec(change, 30..45), prop::collection::vec(asked, 25))
        .prop_map(|(tables, changes, asked)| Case { tables, changes, asked })
}

fn name(table: usize) -> String {
    format!("new_t{table}")
}

fn set(table: usize) -> String {
    format!("new_t{table}s")
}

fn column(index: usize) -> String {
    format!("new_c{index}")
}

fn navigation(lookup: usize, target: usize) -> String {
    format!("new_l{lookup}_t{target}")
}

fn id(table: usize, row: usize) -> Uuid {
    Uuid::from_u128(((table as u128 + 1) << 32) | (row as u128 + 1))
}

fn kind(kind: &str) -> Value {
    match kind {
        "text" => json!({ "text": { "max_length": 20 } }),
        "integer" => json!({ "integer": { "min": -5, "max": 5 } }),
        "decimal" => json!({ "decimal": { "precision": 2, "min": -100.0, "max": 100.0 } }),
        "money" => json!({ "money": { "precision": 2, "min": -100.0, "max": 100.0 } }),
        "boolean" => json!({ "boolean": { "false": "No", "true": "Yes" } }),
        "date" => json!({ "date_time": { "behavior": "date_only" } }),
        "choice" => json!({ "choice": { "options": [
            { "value": 1, "label": "Zinc" }, { "value": 2, "label": "Amber" }, { "value": 3, "label": "Lead" } ] } }),
        other => json!(other),
    }
}

/// The values of a kind by number; the first is none. The last of some is refused.
fn value(kind: &str, number: usize) -> Value {
    if number == 0 {
        return Value::Null;
    }
    let turn = number as i64 - 1;
    match kind {
        "text" => json!(["a", "B", "b", "Ä", "a b"][number - 1]),
        "integer" => json!(turn * 2 - 2),
        "big_integer" => json!((turn - 2) * 5_000_000_000),
        "decimal" | "money" => json!([-1.25, 0.0, 0.5, 1.25, 101.0][number - 1]),
        "boolean" => json!(turn != 1 && turn != 3),
        "date" => json!(format!("2026-0{number}-28")),
        _ => json!(turn % 3 + 1),
    }
}

/// Whether the org takes it.
fn is_taken(kind: &str, value: &Value) -> bool {
    match kind {
        "integer" => value.as_i64().is_none_or(|number| number <= 5),
        "decimal" | "money" => value.as_f64().is_none_or(|number| number <= 100.0),
        // A yes or no without a value is refused or its default; none is sent.
        _ => true,
    }
}

fn definition(tables: &[TablePlan]) -> SchemaDefinition {
    let behavior = |on_delete: &str| json!({ "delete": on_delete });
    let written: Vec<Value> = tables
        .iter()
        .enumerate()
        .map(|(index, plan)| {
            let mut columns = vec![
                json!({ "name": format!("{}id", name(index)), "label": "Id", "kind": "guid" }),
                json!({ "name": "new_name", "label": "Name", "kind": { "text": { "max_length": 20 } } }),
            ];
            for (place, of) in plan.kinds.iter().enumerate() {
                columns.push(json!({ "name": column(place), "label": column(place), "kind": kind(of) }));
            }
            for (place, lookup) in plan.lookups.iter().enumerate() {
                let targets: Vec<Value> = lookup
                    .targets
                    .iter()
                    .map(|&target| json!({
                        "table": name(target), "navigation": navigation(place, target),
                        "collection": format!("new_t{index}_l{place}_t{target}"), "behavior": behavior(lookup.on_delete),
                    }))
                    .collect();
                let label = format!("new_l{place}");
                columns.push(json!({ "name": label, "label": label, "kind": { "lookup": { "targets": targets } } }));
            }
            let keys = if plan.has_key { json!([["new_key", ["new_name"]]]) } else { json!([]) };
            json!({
                "logical_name": name(index), "schema_name": name(index), "entity_set": set(index), "keys": keys,
                "display_name": name(index), "ownership": "organization", "primary_id": format!("{}id", name(index)),
                "primary_name": "new_name", "columns": columns,
            })
        })
        .collect();
    let end = |table: usize, navigation: &str| json!({ "table": name(table), "column": format!("{}id", name(table)), "navigation": navigation });
    let pairs = json!({ "name": "new_pairs", "intersect": "new_pairs", "first": end(0, "new_pairs"), "second": end(1, "new_pairs") });
    let mut all: SchemaDefinition =
        serde_json::from_value(json!({ "tables": written, "many_to_many": [pairs] })).unwrap();
    all.tables.push(all.many_to_many[0].table_of_pairs());
    all
}

/// What there is, as a person would keep it on paper.
#[derive(Default)]
struct Model {
    rows: BTreeMap<(usize, Uuid), BTreeMap<String, Value>>,
    pairs: BTreeSet<(Uuid, Uuid)>,
}

impl Model {
    /// Whether another row of the table has this name, without regard to case and accents.
    fn has_name(&self, table: usize, name: &Value, but: Uuid) -> bool {
        let same = |known: &Value| match (known.as_str(), name.as_str()) {
            (Some(known), Some(name)) => {
                keyholder_dataverse::fold::fold(known) == keyholder_dataverse::fold::fold(name)
            }
            _ => false,
        };
        self.rows.iter().any(|((of, id), row)| *of == table && *id != but && same(&row["new_name"]))
    }

    fn delete(&mut self, tables: &[TablePlan], table: usize, row: Uuid) {
        let mut going = vec![(table, row)];
        while let Some((table, gone)) = going.pop() {
            if self.rows.remove(&(table, gone)).is_none() {
                continue;
            }
            self.pairs.retain(|(one, other)| !(table == 0 && *one == gone || table == 1 && *other == gone));
            for ((of, id), row) in &mut self.rows {
                for (place, lookup) in tables[*of].lookups.iter().enumerate() {
                    let named = row.get_mut(&format!("new_l{place}")).unwrap();
                    if *named == json!([table, gone]) {
                        match lookup.on_delete {
                            "cascade" => going.push((*of, *id)),
                            _ => *named = Value::Null,
                        }
                    }
                }
            }
        }
    }
}

struct Run<'a> {
    twins: &'a Twins,
    tables: &'a [TablePlan],
    model: Model,
}

impl Run<'_> {
    /// A body, what the model has of it, and whether the org takes it.
    fn body(
        &self,
        table: usize,
        values: &[usize],
        names: &[usize],
    ) -> (Map<String, Value>, BTreeMap<String, Value>, bool) {
        let (mut body, mut row, mut taken) = (Map::new(), BTreeMap::new(), true);
        let plan = &self.tables[table];
        let named = value("text", values[5]);
        body.insert("new_name".to_owned(), named.clone());
        row.insert("new_name".to_owned(), named);
        for (place, of) in plan.kinds.iter().enumerate() {
            let value = value(of, values[place % 6]);
            if *of == "boolean" && value.is_null() {
                continue;
            }
            taken &= is_taken(of, &value);
            body.insert(column(place), value.clone());
            row.insert(column(place), value);
        }
        for (place, lookup) in plan.lookups.iter().enumerate() {
            let target = lookup.targets[names[place] % lookup.targets.len()];
            let to = id(target, names[place] / 2);
            if self.model.rows.contains_key(&(target, to)) {
                body.insert(
                    format!("{}@odata.bind", navigation(place, target)),
                    json!(format!("/{}({to})", set(target))),
                );
                row.insert(format!("new_l{place}"), json!([target, to]));
            }
        }
        (body, row, taken)
    }

    async fn change(&mut self, change: &Change) -> Result<(), String> {
        match change {
            Change::Create { table, row, values, names } => {
                let id = id(*table, *row);
                let (mut body, given, taken) = self.body(*table, values, names);
                body.insert(format!("{}id", name(*table)), json!(id));
                let there = self.model.rows.contains_key(&(*table, id));
                let known = self.tables[*table].has_key && self.model.has_name(*table, &given["new_name"], id);
                let reply = self.twins.post(&set(*table), json!(body)).await;
                expect(&reply, taken && !there && !known, change)?;
                if reply.status.is_success() {
                    let mut whole = self.blank(*table);
                    whole.extend(given);
                    self.model.rows.insert((*table, id), whole);
                }
            }
            Change::Update { table, row, values, names } => {
                let id = id(*table, *row);
                let (body, given, taken) = self.body(*table, values, names);
                let there = self.model.rows.contains_key(&(*table, id));
                let known = self.tables[*table].has_key && self.model.has_name(*table, &given["new_name"], id);
                let path = format!("{}({id})", set(*table));
                let reply = self.twins.send(Method::PATCH, &path, &[("If-Match", "*")], Some(json!(body))).await;
                expect(&reply, taken && there && !known, change)?;
                if reply.status.is_success() {
                    self.model.rows.get_mut(&(*table, id)).unwrap().extend(given);
                }
            }
            Change::UpsertByKey { table, key, value: number } => self.upsert(*table, *key, *number, change).await?,
            Change::Delete { table, row } => {
                let id = id(*table, *row);
                let there = self.model.rows.contains_key(&(*table, id));
                let reply = self.twins.send(Method::DELETE, &format!("{}({id})", set(*table)), &[], None).await;
                expect(&reply, there, change)?;
                self.model.delete(self.tables, *table, id);
            }
            Change::Pair { one, other, apart } => {
                let (one, other) = (id(0, *one), id(1, *other));
                let there = self.model.rows.contains_key(&(0, one)) && self.model.rows.contains_key(&(1, other));
                let paired = self.model.pairs.contains(&(one, other));
                if *apart {
                    let path = format!("{}({one})/new_pairs({other})/$ref", set(0));
                    let reply = self.twins.send(Method::DELETE, &path, &[], None).await;
                    if there {
                        expect(&reply, true, change)?;
                        self.model.pairs.remove(&(one, other));
                    }
                } else {
                    let to = json!({ "@odata.id": format!("{BASE}/{}({other})", set(1)) });
                    let reply = self.twins.post(&format!("{}({one})/new_pairs/$ref", set(0)), to).await;
                    expect(&reply, there && !paired, change)?;
                    if reply.status.is_success() {
                        self.model.pairs.insert((one, other));
                    }
                }
            }
        }
        Ok(())
    }

    /// By its key a row is changed, or made where there is none; what it is called then the org decides.
    async fn upsert(&mut self, table: usize, key: usize, number: usize, change: &Change) -> Result<(), String> {
        let plan = &self.tables[table];
        let named = value("text", key + 1);
        let Some((place, of)) =
            plan.kinds.iter().enumerate().find(|(_, of)| **of != "boolean").filter(|_| plan.has_key)
        else {
            return Ok(());
        };
        let value = value(of, number);
        let found = self.model.rows.iter().find(|((of, _), row)| {
            let fold = |value: &Value| value.as_str().map(keyholder_dataverse::fold::fold);
            *of == table && fold(&row["new_name"]) == fold(&named)
        });
        let found = found.map(|((_, id), _)| *id);
        if found.is_none() {
            // A new row would get an id that no model knows.
            return Ok(());
        }
        let path = format!("{}(new_name='{}')", set(table), named.as_str().unwrap().replace('Ä', "%C3%84"));
        let reply = self.twins.patch(&path, json!({ column(place): value.clone() })).await;
        expect(&reply, is_taken(of, &value), change)?;
        if let (true, Some(id)) = (reply.status.is_success(), found) {
            self.model.rows.get_mut(&(table, id)).unwrap().insert(column(place), value);
        }
        Ok(())
    }

    fn blank(&self, table: usize) -> BTreeMap<String, Value> {
        let plan = &self.tables[table];
        let lookups = (0..plan.lookups.len()).map(|place| (format!("new_l{place}"), Value::Null));
        let unset = |of: &str| if of == "boolean" { json!(false) } else { Value::Null };
        let columns = plan.kinds.iter().enumerate().map(|(place, of)| (column(place), unset(of)));
        columns.chain(lookups).collect()
    }

    /// Whether the rows that the org tells are those of the model.
    async fn compare(&self) -> Result<(), String> {
        for (table, plan) in self.tables.iter().enumerate() {
            let annotations = [("Prefer", "odata.include-annotations=\"Microsoft.Dynamics.CRM.lookuplogicalname\"")];
            let reply = self.twins.send(Method::GET, &set(table), &annotations, None).await.ok();
            let mut told = BTreeMap::new();
            for row in reply.rows() {
                let id: Uuid = row[format!("{}id", name(table))].as_str().unwrap().parse().unwrap();
                let mut values = BTreeMap::from([("new_name".to_owned(), row["new_name"].clone())]);
                values.extend((0..plan.kinds.len()).map(|place| (column(place), number(&row[column(place)]))));
                for place in 0..plan.lookups.len() {
                    let of = &row[format!("_new_l{place}_value")];
                    let to = row[format!("_new_l{place}_value@Microsoft.Dynamics.CRM.lookuplogicalname")].as_str();
                    let target = to.and_then(|to| (0..TABLES).find(|table| name(*table) == to));
                    let told = target.map_or(Value::Null, |target| json!([target, of]));
                    values.insert(format!("new_l{place}"), told);
                }
                told.insert((table, id), values);
            }
            let kept: BTreeMap<_, BTreeMap<_, _>> = self
                .model
                .rows
                .iter()
                .filter(|((of, _), _)| *of == table)
                .map(|(id, row)| (*id, row.iter().map(|(name, value)| (name.clone(), number(value))).collect()))
                .collect();
            if told != kept {
                return Err(format!("{}: the org has {told:?}, the model {kept:?}", name(table)));
            }
        }
        Ok(())
    }
}

/// Numbers by their value, not their writing.
fn number(value: &Value) -> Value {
    value.as_f64().map_or_else(|| value.clone(), |number| json!(number))
}

fn expect(reply: &Reply, taken: bool, change: &Change) -> Result<(), String> {
    if reply.status.is_success() == taken && (taken || reply.status.is_client_error()) {
        return Ok(());
    }
    Err(format!(
        "{change:?}: {} {}, expected {}",
        reply.status,
        reply.text,
        if taken { "success" } else { "a refusal" }
    ))
}

/// A question as an address.
fn address(tables: &[TablePlan], asked: &Asked) -> String {
    let plan = &tables[asked.table];
    let place = asked.column % plan.kinds.len();
    let (of, named) = (plan.kinds[place], column(place));
    let literal = |of: &str, number: usize| match value(of, number.max(1)) {
        Value::String(text) if of == "text" => format!("'{text}'"),
        Value::String(text) => text,
        other => other.to_string(),
    };
    let (one, other) = (literal(of, asked.value), literal(of, asked.other));
    let ordered = if of == "boolean" { "eq" } else { ["lt", "ge", "ne", "eq"][asked.other % 4] };
    let direction = if asked.down { " desc" } else { "" };
    let top = asked.top.map_or_else(String::new, |top| format!("&$top={top}"));
    let lookup = plan.lookups.first().map(|lookup| navigation(0, lookup.targets[0]));
    let options = match (asked.text, lookup) {
        (0, _) => format!("$filter={named} {ordered} {one}&$orderby={named}{direction}{top}"),
        (1, _) => format!("$filter={named} eq null or {named} ne {one}&$orderby=new_name{direction}{top}&$count=true"),
        (2, _) => format!("$filter={named} in ({one},{other})&$orderby={named}{direction}"),
        (3, _) => format!("$filter=not ({named} {ordered} {one})"),
        (4, Some(way)) => {
            format!("$filter={way}/new_name {} 'a'&$orderby=new_name", ["eq", "ne", "gt"][asked.value % 3])
        }
        (5, Some(way)) => format!("$expand={way}($select=new_name)&$orderby=new_name{direction}{top}"),
        (6, Some(_)) => format!("$orderby=_new_l0_value{direction},{named}&$select=new_name,_new_l0_value"),
        (7, _) if asked.table < 2 => {
            format!("$expand=new_pairs($select=new_name;$orderby=new_name{direction})&$select=new_name")
        }
        (8, _) if asked.table < 2 => "$filter=new_pairs/any(p:p/new_name ne 'b')&$select=new_name".to_owned(),
        (9, _) => format!("$apply=groupby(({named}),aggregate($count as rows))"),
        (10, _) if matches!(of, "integer" | "decimal" | "money") => {
            format!("$apply=groupby((new_name),aggregate({named} with sum as total,{named} with max as most))")
        }
        _ => format!("$filter=contains(new_name,'a') or {named} eq {one}&$select=new_name,{named}{top}"),
    };
    format!("{}?{options}", set(asked.table))
}

async fn hold(case: &Case) -> Result<usize, String> {
    let definition = definition(&case.tables);
    let mut all = SchemaDefinition::core().unwrap();
    all.add(&definition);
    all.number(&HashMap::new());
    let schema = Schema::new(all).unwrap();
    let twins = Twins::new(0).await;
    twins.import(&definition).await;
    let mut run = Run { twins: &twins, tables: &case.tables, model: Model::default() };
    for (number, change) in case.changes.iter().enumerate() {
        run.change(change).await?;
        if number % 10 == 9 {
            run.compare().await?;
        }
    }
    run.compare().await?;
    let (mut known, mut agreed) = (Known::new(&twins).await, 0);
    for asked in &case.asked {
        let address = address(&case.tables, asked);
        let (place, query) = address.split_once('?').unwrap();
        let (place, encoded, headers) =
            (format!("v9.2/{place}"), query.replace(' ', "%20").replace('Ä', "%C3%84"), HeaderMap::new());
        let request = Request {
            method: &Method::GET,
            path: &place,
            query: Some(&encoded),
            headers: &headers,
            body: b"",
            references: None,
        };
        let reply = twins.get(&address.replace('Ä', "%C3%84")).await;
        let bound = match bind(&schema, &request) {
            Ok(bound) => bound,
            Err(refusal) if reply.status.is_client_error() && reply.text.contains(&refusal.message) => continue,
            Err(refusal) => return Err(format!("{address}: {refusal}, and the org {} {}", reply.status, reply.text)),
        };
        if !reply.status.is_success() {
            return Err(format!("{address}: {}", reply.text));
        }
        agreed += usize::from(agrees(&twins, &schema, &mut known, &bound.operation, &reply, &address).await?);
    }
    Ok(agreed)
}

#[test]
fn random_tables_rows_and_requests_mean_the_same_on_both_stores_and_to_the_oracle() {
    // Both stores are there already.
    if keyholder_cluster::is_second_run() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 40, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &SEED));
    let agreed = std::cell::Cell::new(0);
    let run = runner.run(&case(), |case| {
        match runtime.block_on(hold(&case)) {
            Ok(more) => agreed.set(agreed.get() + more),
            Err(difference) => return Err(TestCaseError::fail(difference)),
        }
        Ok(())
    });
    run.unwrap_or_else(|error| panic!("with the seed {:?}: {error}", String::from_utf8_lossy(&SEED)));
    assert!(agreed.get() > 60, "only {} answers could be held against the oracle", agreed.get());
}
