//! Tables that nobody at hand has, made up from what documents ask of them.
//!
//! A table has the columns that documents name, of the types that operators, values, aggregates and links imply (text where nothing
//! does), beside those that every table has. So it cannot be told whether a document names a column that its author's
//! table lacks; everything else about it is as with any other.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use keyholder_dataverse::Schema;
use keyholder_dataverse::schema::{
    BooleanLabels, ColumnDefinition, ColumnKind, DateBehavior, LookupTarget, ManyToManyDefinition, ManyToManyEnd,
    NumberRange, OptionItem, Ownership, SchemaDefinition, TableDefinition,
};
use roxmltree::{Document, Node};
use serde_json::json;
use uuid::Uuid;

use crate::documents::is_hole;

/// What every table has, taken over from the table of accounts.
const USUAL: [&str; 19] = [
    "createdon",
    "modifiedon",
    "createdby",
    "modifiedby",
    "createdonbehalfby",
    "modifiedonbehalfby",
    "ownerid",
    "owningbusinessunit",
    "owningteam",
    "owninguser",
    "statecode",
    "statuscode",
    "versionnumber",
    "overriddencreatedon",
    "importsequencenumber",
    "timezoneruleversionnumber",
    "utcconversiontimezonecode",
    "transactioncurrencyid",
    "exchangerate",
];

/// What documents imply of a column.
#[derive(Default)]
struct Implied {
    targets: BTreeSet<String>,
    is_date: bool,
    is_text: bool,
    is_number: bool,
    values: BTreeSet<String>,
}

#[derive(Default)]
struct MadeUp {
    /// Their columns.
    tables: BTreeMap<String, BTreeMap<String, Implied>>,
    pairs: BTreeMap<String, ManyToManyDefinition>,
    /// Columns that are joined on and are neither table's id.
    alike: Vec<[(String, String); 2]>,
}

/// The tables and columns that these documents name and the schema lacks.
pub(crate) fn tables(schema: &Schema, documents: &[&str]) -> SchemaDefinition {
    let mut made = MadeUp::default();
    for document in documents {
        let Ok(document) = Document::parse(document) else { continue };
        let Some(entity) = document.descendants().find(|node| node.has_tag_name("entity")) else { continue };
        let mut aliases = HashMap::new();
        named(entity, &mut aliases);
        made.read(entity, &aliases);
    }
    made.unify();
    made.definition(schema)
}

/// The tables by the names that a document gives them.
fn named(entity: Node<'_, '_>, aliases: &mut HashMap<String, String>) {
    for node in entity.descendants().filter(|node| node.has_tag_name("link-entity")) {
        let name = node.attribute("name").unwrap_or_default();
        let alias = node.attribute("alias").unwrap_or(name);
        aliases.insert(alias.to_owned(), name.to_owned());
    }
}

/// The column with a table's ids.
fn id_of(schema: Option<&Schema>, table: &str) -> String {
    let known = schema.and_then(|schema| schema.table(table).unwrap());
    known.map_or_else(|| format!("{table}id"), |table| table.primary_id().name.to_string())
}

impl MadeUp {
    fn column(&mut self, table: &str, column: &str) -> &mut Implied {
        self.tables.entry(table.to_owned()).or_default().entry(column.to_owned()).or_default()
    }

    /// Reads an `entity` or `link-entity`, and what is in it.
    fn read(&mut self, node: Node<'_, '_>, aliases: &HashMap<String, String>) {
        let Some(table) = node.attribute("name") else { return };
        self.tables.entry(table.to_owned()).or_default();
        self.read_parts(node, table, aliases);
    }

    fn read_parts(&mut self, node: Node<'_, '_>, table: &str, aliases: &HashMap<String, String>) {
        for part in node.children().filter(Node::is_element) {
            match part.tag_name().name() {
                "attribute" => self.read_attribute(part, table),
                "order" => {
                    let of = part.attribute("entityname").and_then(|alias| aliases.get(alias));
                    if let Some(column) = part.attribute("attribute") {
                        self.column(of.map_or(table, String::as_str), column);
                    }
                }
                "filter" => self.read_parts(part, table, aliases),
                "condition" => {
                    let of = part.attribute("entityname").and_then(|alias| aliases.get(alias));
                    self.read_condition(part, of.map_or(table, String::as_str));
                }
                "link-entity" => {
                    self.read_link(part, table);
                    self.read(part, aliases);
                }
                _ => {}
            }
        }
    }

    fn read_attribute(&mut self, part: Node<'_, '_>, table: &str) {
        let Some(name) = part.attribute("name") else { return };
        let column = self.column(table, name);
        column.is_date |= part.attribute("dategrouping").is_some();
        column.is_number |= matches!(part.attribute("aggregate"), Some("sum" | "avg"));
    }

    fn read_condition(&mut self, part: Node<'_, '_>, table: &str) {
        let Some(name) = part.attribute("attribute") else { return };
        let operator = part.attribute("operator").unwrap_or("eq");
        let inner = part.children().filter(|node| node.has_tag_name("value"));
        let types: Vec<&str> = inner.clone().chain([part]).filter_map(|node| node.attribute("uitype")).collect();
        let values = inner.filter_map(|node| node.text()).chain(part.attribute("value"));
        let values: Vec<String> = values.filter(|value| !is_hole(value)).map(str::to_owned).collect();
        let column = self.column(table, name);
        column.targets.extend(types.into_iter().map(str::to_owned));
        match operator {
            "like" | "not-like" | "begins-with" | "not-begin-with" | "ends-with" | "not-end-with" => {
                column.is_text = true;
            }
            "eq-userid" | "ne-userid" | "eq-useroruserteams" | "eq-useroruserhierarchy" => {
                column.targets.insert("systemuser".to_owned());
            }
            "eq-businessid" | "ne-businessid" => {
                column.targets.insert("businessunit".to_owned());
            }
            "on" | "on-or-before" | "on-or-after" | "today" | "tomorrow" | "yesterday" => column.is_date = true,
            _ if ["last-", "next-", "this-", "olderthan-", "in-fiscal", "in-or-"]
                .iter()
                .any(|start| operator.starts_with(start)) =>
            {
                column.is_date = true;
            }
            "eq" | "ne" | "neq" | "in" | "not-in" | "gt" | "ge" | "lt" | "le" | "between" | "not-between" => {
                column.values.extend(values);
            }
            _ => {}
        }
    }

    /// Reads what a link is joined on.
    fn read_link(&mut self, link: Node<'_, '_>, near: &str) {
        let of = |name: &str| link.attribute(name).map(str::to_owned);
        let (Some(far), Some(from), Some(to)) = (of("name"), of("from"), of("to")) else { return };
        let (far_id, near_id) = (id_of(None, &far), id_of(None, near));
        let beyond = link.children().find(|node| node.has_tag_name("link-entity"));
        let beyond =
            beyond.and_then(|node| Some((node.attribute("name")?.to_owned(), node.attribute("to")?.to_owned())));
        match (link.attribute("intersect"), beyond) {
            (Some("true"), Some((other, column))) if !self.pairs.contains_key(&far) => {
                let end = |table: &str, column: &str, turn: &str| ManyToManyEnd {
                    table: table.to_owned(),
                    column: column.to_owned(),
                    navigation: format!("{far}{turn}"),
                };
                let turn = if other == near { "_other" } else { "" };
                let pairs = ManyToManyDefinition {
                    name: far.clone(),
                    intersect: far.clone(),
                    first: end(near, &from, ""),
                    second: end(&other, &column, turn),
                };
                self.pairs.insert(far, pairs);
            }
            _ if from == far_id && to != near_id => {
                self.column(near, &to).targets.insert(far);
            }
            _ if to == near_id && from != far_id => {
                self.column(&far, &from).targets.insert(near.to_owned());
            }
            _ => {
                self.column(near, &to);
                self.column(&far, &from);
                self.alike.push([(near.to_owned(), to), (far, from)]);
            }
        }
    }

    /// Columns that are joined hold the same.
    fn unify(&mut self) {
        for [one, other] in std::mem::take(&mut self.alike) {
            for (from, to) in [(&one, &other), (&other, &one)] {
                let known = self.column(&from.0, &from.1);
                let (targets, is_date, is_number) = (known.targets.clone(), known.is_date, known.is_number);
                let values = known.values.clone();
                let alike = self.column(&to.0, &to.1);
                alike.targets.extend(targets);
                alike.values.extend(values);
                alike.is_date |= is_date;
                alike.is_number |= is_number;
            }
        }
    }

    fn definition(&self, schema: &Schema) -> SchemaDefinition {
        let known = SchemaDefinition { tables: schema.definitions().unwrap(), ..SchemaDefinition::empty() };
        let usual = known.table("account").unwrap();
        let mut tables = Vec::new();
        let exists = |name: &str| self.tables.contains_key(name) || schema.table(name).unwrap().is_some();
        for (name, columns) in &self.tables {
            if self.pairs.contains_key(name)
                || !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
            {
                continue;
            }
            let there = known.table(name);
            let own = columns.iter().filter(|(column, _)| match there {
                // A column without a publisher's prefix is Microsoft's, and then it is there.
                Some(table) => table.column(column).is_none() && column.contains('_'),
                None => !USUAL.contains(&column.as_str()) && **column != id_of(Some(schema), name),
            });
            let own: Vec<ColumnDefinition> = own
                .map(|(column, implied)| ColumnDefinition { kind: implied.kind(column, &exists), ..plain(column) })
                .collect();
            match there {
                Some(_) if own.is_empty() => {}
                Some(table) => tables.push(TableDefinition { columns: own, ..bare(table) }),
                None => tables.push(self.table(name, own, columns, usual)),
            }
        }
        let pairs: Vec<ManyToManyDefinition> = self
            .pairs
            .values()
            .filter(|pairs| known.table(&pairs.intersect).is_none())
            .filter(|pairs| exists(&pairs.first.table) && exists(&pairs.second.table))
            .cloned()
            .collect();
        tables.extend(pairs.iter().map(ManyToManyDefinition::table_of_pairs));
        SchemaDefinition { tables, many_to_many: pairs, ..SchemaDefinition::empty() }
    }

    fn table(
        &self,
        name: &str,
        own: Vec<ColumnDefinition>,
        named: &BTreeMap<String, Implied>,
        usual: &TableDefinition,
    ) -> TableDefinition {
        let id = id_of(None, name);
        let mut columns = vec![ColumnDefinition { kind: ColumnKind::Guid, ..plain(&id) }];
        for column in usual.columns.iter().filter(|column| USUAL.contains(&column.name.as_str())) {
            let mut column = column.clone();
            column.kind.targets_mut().into_iter().flatten().for_each(|target| target.collection = None);
            let asked = named.get(&column.name).into_iter().flat_map(|implied| &implied.values);
            let asked = asked.filter_map(|value| value.parse().ok());
            match &mut column.kind {
                ColumnKind::State { options } => add_options(options, asked, 1),
                ColumnKind::Status { options } => add_options(options, asked, 0),
                _ => {}
            }
            columns.push(column);
        }
        columns.extend(own);
        let is_name = |column: &&ColumnDefinition| column.name.ends_with("name") && column.kind.is_text();
        let primary_name = columns.iter().find(is_name).map(|column| column.name.clone());
        TableDefinition {
            logical_name: name.to_owned(),
            schema_name: name.to_owned(),
            entity_set: Some(format!("{name}_set")),
            display_name: name.to_owned(),
            primary_id: id,
            primary_name,
            ownership: Ownership::User,
            columns,
            ..bare(usual)
        }
    }
}

fn add_options(options: &mut Vec<OptionItem>, asked: impl Iterator<Item = i32>, pair: i32) {
    for value in asked {
        if !options.iter().any(|known| known.value == value) {
            options.push(OptionItem { value, label: format!("Option {value}"), pair: Some(pair) });
        }
    }
}

/// A table's names without anything in it.
fn bare(table: &TableDefinition) -> TableDefinition {
    TableDefinition {
        columns: Vec::new(),
        keys: Vec::new(),
        one_to_many: Vec::new(),
        many_to_many: Vec::new(),
        guards: Vec::new(),
        privileges: None,
        type_code: 0,
        ..table.clone()
    }
}

fn plain(name: &str) -> ColumnDefinition {
    let text = json!({ "name": name, "label": name, "kind": { "text": { "max_length": 400 } } });
    serde_json::from_value(text).unwrap()
}

impl Implied {
    fn kind(&self, column: &str, exists: &dyn Fn(&str) -> bool) -> ColumnKind {
        let all = |fits: &dyn Fn(&str) -> bool| !self.values.is_empty() && self.values.iter().all(|value| fits(value));
        let guids = all(&|value| Uuid::try_parse(value.trim()).is_ok());
        let mut targets: Vec<&str> = self.targets.iter().map(String::as_str).filter(|table| exists(table)).collect();
        if let Some(table) = column.strip_suffix("id").filter(|table| targets.is_empty() && exists(table)) {
            targets.push(table);
        }
        if !targets.is_empty() && !self.is_date {
            let one = targets.len() == 1;
            let target = |table: &&str| LookupTarget {
                table: (*table).to_owned(),
                navigation: if one { column.to_owned() } else { format!("{column}_{table}") },
                collection: None,
                behavior: None,
            };
            return ColumnKind::Lookup { targets: targets.iter().map(target).collect() };
        }
        let any = NumberRange { min: -1e9, max: 1e9 };
        if self.is_date || all(&is_date) {
            return ColumnKind::DateTime { behavior: DateBehavior::UserLocal };
        }
        if self.is_text {
            return ColumnKind::Text { max_length: 400 };
        }
        if guids {
            return ColumnKind::Guid;
        }
        if all(&|value| matches!(value, "0" | "1" | "true" | "false")) && !self.is_number {
            return ColumnKind::Boolean(BooleanLabels { no: "No".into(), yes: "Yes".into(), default: false });
        }
        if all(&|value| value.parse::<i32>().is_ok_and(|value| value >= 100_000)) {
            let mut options = Vec::new();
            add_options(&mut options, self.values.iter().filter_map(|value| value.parse().ok()), 0);
            options.iter_mut().for_each(|option| option.pair = None);
            return ColumnKind::Choice { options, default: None };
        }
        if all(&|value| value.parse::<i32>().is_ok()) && !self.is_number {
            return ColumnKind::Integer(NumberRange { min: i32::MIN, max: i32::MAX });
        }
        if self.is_number || all(&|value| value.parse::<f64>().is_ok()) {
            return ColumnKind::Decimal { precision: 2, range: any };
        }
        ColumnKind::Text { max_length: 400 }
    }
}

fn is_date(value: &str) -> bool {
    let digits = value.chars().filter(char::is_ascii_digit).count();
    digits >= 8 && value.len() >= 10 && value.get(4..5) == Some("-") && value.get(7..8) == Some("-")
}
