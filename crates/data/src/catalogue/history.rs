//! Which tables changed at which epoch of the schema, and what was deleted, for clients that keep a copy of definitions.
//!
//! What is told is bounded: of the oldest changes nothing is known, and whoever has a copy from before is told so. Nothing is known either
//! where another program made the schema anew.

use std::sync::Arc;

use keyholder_dataverse::Schema;
use keyholder_dataverse::schema::{OptionSetDefinition, TableDefinition};
use keyholder_store::{Snapshot, Transaction};
use serde::{Deserialize, Serialize};

use super::stored;
use crate::error::Failure;

/// The most changes that are remembered.
const MOST_CHANGES: usize = 100;
/// The most of what was deleted that is remembered, in all changes.
const MOST_GONE: usize = 10_000;

/// A sort of definitions that can be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sort {
    /// A table.
    Entity,
    /// A column.
    Attribute,
    /// A relationship.
    Relationship,
    /// A list of options.
    OptionSet,
}

/// One change to the schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Change {
    /// The epoch that began with it.
    epoch: i64,
    /// The tables whose definitions it changed, and new ones.
    tables: Vec<String>,
    /// What it deleted, by the names that ids are made of.
    gone: Vec<(Sort, String)>,
}

/// What has happened between two epochs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Since {
    /// The tables that are new or have changed, by logical name.
    pub(crate) tables: Vec<String>,
    /// What was deleted, by the names that ids are made of.
    pub(crate) gone: Vec<(Sort, String)>,
}

/// What has happened since an epoch, up to the one of now; nothing where that is not known any more.
pub(crate) fn since(snapshot: &mut Snapshot<'_>, epoch: i64, now: i64) -> Result<Option<Since>, Failure> {
    let changes = read(snapshot)?;
    let later: Vec<&Change> = changes.iter().filter(|change| change.epoch > epoch && change.epoch <= now).collect();
    // Every epoch but one begins with a change that is known here.
    if epoch > now || i64::try_from(later.len()).ok() != Some(now - epoch) {
        return Ok(None);
    }
    let mut since = Since::default();
    for change in later {
        for table in &change.tables {
            if !since.tables.contains(table) {
                since.tables.push(table.clone());
            }
        }
        since.gone.extend(change.gone.iter().cloned());
    }
    Ok(Some(since))
}

/// Notes what the change does that an epoch begins with.
pub(super) fn note(
    tx: &mut Transaction<'_>,
    epoch: i64,
    (before, sets_before): (&Schema, &[Arc<OptionSetDefinition>]),
    (after, sets_after): (&Schema, &[OptionSetDefinition]),
) -> Result<(), Failure> {
    let mut change = Change { epoch, tables: Vec::new(), gone: Vec::new() };
    for (was, now) in before.differences(after)? {
        match (&was, &now) {
            (Some(was), None) => change.gone.push((Sort::Entity, was.logical_name.clone())),
            (Some(was), Some(now)) => gone_of(was, now, &mut change.gone),
            (None, _) => {}
        }
        change.tables.extend(now.map(|now| now.logical_name));
    }
    let lost = sets_before.iter().filter(|set| !sets_after.iter().any(|known| known.name == set.name));
    change.gone.extend(lost.map(|set| (Sort::OptionSet, set.name.clone())));
    let mut changes = read(tx)?;
    changes.push(change);
    let gone = |changes: &[Change]| changes.iter().map(|change| change.gone.len()).sum::<usize>();
    while changes.len() > MOST_CHANGES || (gone(&changes) > MOST_GONE && !changes.is_empty()) {
        changes.remove(0);
    }
    // Names always serialise.
    Ok(stored::write(tx, stored::HISTORY, serde_json::to_string(&changes).unwrap_or_default())?)
}

/// What a table has no more.
fn gone_of(before: &TableDefinition, after: &TableDefinition, gone: &mut Vec<(Sort, String)>) {
    let table = &before.logical_name;
    for column in &before.columns {
        let now = after.column(&column.name);
        if now.is_none() {
            gone.push((Sort::Attribute, format!("{table}.{}", column.name)));
            if !column.kind.options().is_empty() && column.option_set.is_none() {
                gone.push((Sort::OptionSet, format!("{table}_{}", column.name)));
            }
        }
        let leads = |collection: &String| {
            now.is_some_and(|now| now.targets().iter().any(|target| target.collection.as_ref() == Some(collection)))
        };
        let lost =
            column.targets().iter().filter_map(|target| target.collection.as_ref()).filter(|known| !leads(known));
        gone.extend(lost.map(|collection| (Sort::Relationship, format!("{table}.{}.{collection}", column.name))));
    }
    for pairs in before.many_to_many.iter().filter(|pairs| pairs.first.table == *table) {
        if !after.many_to_many.iter().any(|known| known.name == pairs.name) {
            gone.push((Sort::Relationship, pairs.name.clone()));
        }
    }
}

fn read(snapshot: &mut Snapshot<'_>) -> Result<Vec<Change>, Failure> {
    let text = stored::read(snapshot, stored::HISTORY)?;
    // What another version of this program wrote otherwise is as good as nothing.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}
