//! Who created and changed what lately: counts by user, table by table, in two requests for an org.
//!
//! Rows that are there tell by their Created By and Modified By; what was deleted, or changed by somebody else since, they
//! do not tell. The org's own audit history does, where auditing is on.

use std::collections::{BTreeMap, BTreeSet};

use keyholder_client::dataverse::{Batch, Outcome, encode, quote};
use keyholder_client::{Dataverse, Error as ClientError, Page};
use keyholder_foundation::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::Notes;
use crate::audit::facts::{Activity, OrgFacts, TableActivity};

/// The tables that are looked at when no others are named: an org's business.
pub const TABLES: [&str; 13] = [
    "account",
    "contact",
    "lead",
    "opportunity",
    "incident",
    "quote",
    "salesorder",
    "invoice",
    "task",
    "email",
    "phonecall",
    "appointment",
    "annotation",
];
/// The org's audit history.
const HISTORY: &str = "audit";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    logical_name: String,
    entity_set_name: Option<String>,
    primary_id_attribute: Option<String>,
}

/// One question of the batch.
struct Question {
    table: String,
    column: &'static str,
}

/// Reads it for all service users of an org, which are in `facts`.
pub(super) async fn read(
    org: &Dataverse,
    facts: &mut OrgFacts,
    tables: &[String],
    since: Timestamp,
    notes: &mut Notes,
) {
    let what = "what its service users created and changed lately";
    let Some((questions, answers)) = notes.take(what, &[], ask(org, tables, since).await) else { return };
    let mut told: BTreeMap<Uuid, Vec<TableActivity>> = BTreeMap::new();
    let mut read: BTreeSet<&str> = BTreeSet::new();
    let mut failed: BTreeSet<&str> = BTreeSet::new();
    let mut history: BTreeMap<Uuid, u64> = BTreeMap::new();
    for (question, answer) in questions.iter().zip(&answers) {
        match answer {
            Outcome::Read(page) if page.is_last() => {
                read.insert(&question.table);
                for (user, rows) in counts(page) {
                    match question.table.as_str() {
                        HISTORY => *history.entry(user).or_default() += rows,
                        _ => add(told.entry(user).or_default(), question, rows),
                    }
                }
            }
            other => {
                failed.insert(&question.table);
                let why = other.error().map_or_else(|| "the answer is not whole".to_owned(), ToString::to_string);
                let right = format!("the right to read every row of the table `{}`", question.table);
                let needs = other.error().map_or_else(Vec::new, |error| super::mend::of(error, &[&right]));
                notes.note(&format!("who {} rows of `{}` lately", verb(question), question.table), needs, why);
            }
        }
    }
    // An org whose history is empty may just not keep one.
    let is_kept = !history.is_empty();
    let whole = |name: &&&str| **name != HISTORY;
    facts.activity_of = read.difference(&failed).filter(whole).map(|name| (*name).to_owned()).collect();
    for user in &mut facts.users {
        let tables = told.remove(&user.id).unwrap_or_default();
        let entries = is_kept.then(|| history.get(&user.id).copied().unwrap_or_default());
        user.activity = Some(Activity { tables, history: entries });
    }
}

fn verb(question: &Question) -> &'static str {
    match question.column {
        "createdby" => "created",
        "userid" => "did something, by the audit history, to",
        _ => "changed",
    }
}

fn add(tables: &mut Vec<TableActivity>, question: &Question, rows: u64) {
    let place = match tables.iter().position(|known| known.table == question.table) {
        Some(place) => place,
        None => {
            tables.push(TableActivity { table: question.table.clone(), created: 0, changed: 0 });
            tables.len() - 1
        }
    };
    if let Some(activity) = tables.get_mut(place) {
        match question.column {
            "createdby" => activity.created += rows,
            _ => activity.changed += rows,
        }
    }
}

async fn ask(
    org: &Dataverse,
    tables: &[String],
    since: Timestamp,
) -> Result<(Vec<Question>, Vec<Outcome>), ClientError> {
    let named: Vec<String> = tables
        .iter()
        .map(String::as_str)
        .chain([HISTORY])
        .map(|name| format!("LogicalName eq {}", quote(name)))
        .collect();
    let select = "EntityDefinitions?$select=LogicalName,EntitySetName,PrimaryIdAttribute";
    let definitions: Vec<Definition> =
        org.query(format!("{select}&$filter={}", encode(&named.join(" or ")))).collect_as().await?;
    let (mut batch, mut questions) = (Batch::new().continue_on_error(), Vec::new());
    for Definition { logical_name: table, entity_set_name, primary_id_attribute } in definitions {
        let (Some(set), Some(id)) = (entity_set_name, primary_id_attribute) else { continue };
        let columns: &[(&str, &str)] = match table.as_str() {
            HISTORY => &[("userid", "createdon")],
            _ => &[("createdby", "createdon"), ("modifiedby", "modifiedon")],
        };
        for (column, moment) in columns {
            batch.read(format!("{set}?fetchXml={}", encode(&fetch(&table, &id, column, moment, since))).as_str());
            questions.push(Question { table: table.clone(), column });
        }
    }
    let answers = org.batch(&batch).await?;
    Ok((questions, answers))
}

/// How many rows of a table each user stands in, since then.
fn fetch(table: &str, id: &str, who: &str, moment: &str, since: Timestamp) -> String {
    format!(
        "<fetch aggregate=\"true\"><entity name=\"{table}\"><attribute name=\"{who}\" groupby=\"true\" alias=\"who\"/>\
         <attribute name=\"{id}\" aggregate=\"count\" alias=\"rows\"/><filter><condition attribute=\"{moment}\" \
         operator=\"ge\" value=\"{}\"/></filter></entity></fetch>",
        since.whole_seconds()
    )
}

fn counts(page: &Page) -> impl Iterator<Item = (Uuid, u64)> {
    page.rows.iter().filter_map(|row| {
        let user = Uuid::parse_str(row.get("who")?.as_str()?).ok()?;
        Some((user, row.get("rows").and_then(Value::as_u64)?))
    })
}
