//! Taking tables from elsewhere into what an organization has of its own, the first time and again.
//!
//! Nothing that there is goes: a column or table that an import does not have stays and is said; a column that holds something else
//! there stays what it is and is said. Of two lengths the longer counts. What ships is not kept a second time.
//! A metadata document is silent about labels, options and more: what was assumed there never counts against what is known.

use std::collections::{HashMap, HashSet};

use keyholder_dataverse::csdl::Provenance;
use keyholder_dataverse::schema::{
    ColumnDefinition, ColumnKind, LookupTarget, ManyToManyDefinition, Ownership, SchemaDefinition, TableDefinition,
};
use keyholder_foundation::Timestamp;
use keyholder_store::Transaction;
use serde::{Deserialize, Serialize};

use super::change::{Changed, replace};
use super::{Catalogue, stored};
use crate::error::Failure;
use crate::organization::Core;

mod asked;
mod renew;

use renew::{Source, renew};

/// The table whose columns activities of every kind have, and what they are all called by.
const ACTIVITIES: &str = "activitypointer";
const ACTIVITY_ID: &str = "activityid";

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Imported {
    /// Tables that there were not.
    pub new: Vec<String>,
    /// Tables, also of those that ship, that have more or other columns, keys or names than before.
    pub changed: Vec<String>,
    /// How many tables of the import were there as they are.
    pub unchanged: usize,
    /// How many tables of earlier imports are not in this one, and stay.
    pub kept: usize,
    /// Columns that are new.
    pub columns: usize,
    /// Lookups among them.
    pub lookups: usize,
    /// Many-to-many relationships that are new.
    pub many_to_many: usize,
    /// Where the import did not get its way, each with the reason.
    pub differences: Vec<String>,
}

/// Takes tables into what an organization has of its own; the catalogue of then, unless nothing is new.
pub(crate) fn import(
    core: &Core,
    tx: &mut Transaction<'_>,
    imported: &SchemaDefinition,
    provenance: &Provenance,
    now: Timestamp,
) -> Result<(Imported, Option<Catalogue>), Failure> {
    // First of all: see there.
    core.epochs.bump_made(tx)?;
    let before = stored::own(tx)?;
    let shipped = SchemaDefinition::core()?;
    let mut report = Imported::default();
    let mut own = before.clone();
    let made_up = made_up(&before, &shipped, imported);
    take_tables(&mut own, &shipped, imported, &made_up, provenance, &mut report);
    spread(&mut own, &shipped, &mut report);
    take_pairs(&mut own, &shipped, imported, &made_up, &mut report);
    if own == before {
        return Ok((report, None));
    }
    let Changed { catalogue, differences } = replace(core, tx, &before, own, now)?;
    report.differences.extend(differences);
    Ok((report, Some(catalogue)))
}

fn take_tables(
    own: &mut SchemaDefinition,
    shipped: &SchemaDefinition,
    imported: &SchemaDefinition,
    made_up: &HashSet<&str>,
    provenance: &Provenance,
    report: &mut Imported,
) {
    let ships: HashMap<&str, &TableDefinition> =
        shipped.tables.iter().map(|table| (table.logical_name.as_str(), table)).collect();
    let places: HashMap<String, usize> =
        own.tables.iter().enumerate().map(|(place, table)| (table.logical_name.clone(), place)).collect();
    let names: HashSet<&str> = imported.tables.iter().map(|table| table.logical_name.as_str()).collect();
    report.kept = own.tables.iter().filter(|table| !names.contains(table.logical_name.as_str())).count();
    for table in imported.tables.iter().filter(|table| !made_up.contains(table.logical_name.as_str())) {
        let mut table = table.clone();
        let name = table.logical_name.clone();
        // Numbers are given here, so that those of two documents cannot collide.
        table.type_code = 0;
        let base = ships.get(name.as_str()).copied();
        let source = Source::of(provenance, &table);
        if let Some(base) = base {
            asked::of_what_ships(&table, base, source.told, report);
            trim(&mut table, base, report);
        }
        match places.get(&name).and_then(|&place| own.tables.get_mut(place)) {
            Some(known) => {
                let was = known.clone();
                renew(known, &table, base.is_some(), &source, report);
                if *known == was {
                    report.unchanged += 1;
                } else {
                    count(known, Some(&was), report);
                    report.changed.push(name);
                }
            }
            // It ships, and has nothing beside that.
            None if base.is_some() && table.columns.is_empty() && table.keys.is_empty() => report.unchanged += 1,
            None => {
                count(&table, None, report);
                if base.is_some() {
                    report.changed.push(name);
                } else {
                    report.new.push(name);
                }
                own.tables.push(table);
            }
        }
    }
    report.new.sort();
    report.changed.sort();
}

/// Gives every activity what all activities have: one that is not in the document that told more of them, too.
fn spread(own: &mut SchemaDefinition, shipped: &SchemaDefinition, report: &mut Imported) {
    let all = [shipped.table(ACTIVITIES), own.table(ACTIVITIES)];
    let mut base: Vec<ColumnDefinition> = all.into_iter().flatten().flat_map(|table| table.columns.clone()).collect();
    base.retain(|column| column.name != ACTIVITY_ID);
    for column in &mut base {
        // Rows of one sort of activities are no rows of all of them on the other side.
        let targets = column.kind.targets_mut();
        targets.into_iter().flatten().for_each(|target| target.collection = None);
        column.references.clear();
    }
    let is_activity = |table: &&TableDefinition| table.primary_id == ACTIVITY_ID && table.logical_name != ACTIVITIES;
    let mut names: Vec<String> =
        shipped.tables.iter().chain(&own.tables).filter(is_activity).map(|table| table.logical_name.clone()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let ships = shipped.table(&name);
        let known: HashSet<&str> = [ships, own.table(&name)]
            .into_iter()
            .flatten()
            .flat_map(|table| table.columns.iter().map(|column| column.name.as_str()))
            .collect();
        let mut missing: Vec<_> = base.iter().filter(|column| !known.contains(column.name.as_str())).cloned().collect();
        missing.extend(base.iter().filter_map(|column| further(column, &[ships, own.table(&name)])));
        if missing.is_empty() {
            continue;
        }
        let new = missing.iter().filter(|column| !known.contains(column.name.as_str()));
        report.columns += new.clone().count();
        report.lookups += new.filter(|column| column.kind.is_lookup()).count();
        if !report.new.contains(&name) && !report.changed.contains(&name) {
            report.changed.push(name.clone());
        }
        if own.table(&name).is_none() {
            own.tables.extend(ships.map(TableDefinition::part));
        }
        let Some(table) = own.table_mut(&name) else { continue };
        for column in missing {
            match table.columns.iter_mut().find(|known| known.name == column.name) {
                Some(known) => {
                    if let Some(all) = known.kind.targets_mut() {
                        all.extend(column.targets().to_vec());
                    }
                }
                None => table.columns.push(column),
            }
        }
    }
    report.changed.sort();
}

/// What a lookup of all activities has beside that of one sort of them, which may be told in two parts; nothing where there is none.
fn further(column: &ColumnDefinition, parts: &[Option<&TableDefinition>]) -> Option<ColumnDefinition> {
    let ColumnKind::Lookup { targets } = &column.kind else { return None };
    let known: Vec<&ColumnDefinition> = parts.iter().flatten().filter_map(|table| table.column(&column.name)).collect();
    let leads = |target: &&LookupTarget| {
        !known.iter().any(|known| known.targets().iter().any(|own| own.navigation == target.navigation))
    };
    let more: Vec<LookupTarget> = targets.iter().filter(leads).cloned().collect();
    let is_lookup = !known.is_empty() && known.iter().all(|known| matches!(known.kind, ColumnKind::Lookup { .. }));
    (is_lookup && !more.is_empty())
        .then(|| ColumnDefinition { kind: ColumnKind::Lookup { targets: more }, ..column.clone() })
}

/// Leaves of a table that ships only what it has beside that.
fn trim(table: &mut TableDefinition, base: &TableDefinition, report: &mut Imported) {
    if table.primary_id != base.primary_id {
        let (name, theirs, ours) = (&table.logical_name, &table.primary_id, &base.primary_id);
        report.differences.push(format!("`{name}`: its id is `{theirs}` there, `{ours}` in what ships, which counts"));
    }
    let known: HashMap<&str, &ColumnDefinition> =
        base.columns.iter().map(|column| (column.name.as_str(), column)).collect();
    let name = table.logical_name.clone();
    table.columns.retain_mut(|column| {
        let Some(base) = known.get(column.name.as_str()) else { return true };
        if column.kind.edm_type() != base.kind.edm_type() || column.kind.is_lookup() != base.kind.is_lookup() {
            let (theirs, ours) = (column.kind.described(), base.kind.described());
            report
                .differences
                .push(format!("`{name}`.`{}`: {theirs} there, {ours} in what ships, which counts", column.name));
            return false;
        }
        let is_known = |target: &LookupTarget| base.targets().iter().any(|known| known.navigation == target.navigation);
        let more: Vec<_> = column.targets().iter().filter(|target| !is_known(target)).cloned().collect();
        match (&column.kind, &base.kind) {
            (kind, ColumnKind::Lookup { .. }) if kind.is_lookup() => column.kind = ColumnKind::Lookup { targets: more },
            (ColumnKind::Guid, ColumnKind::Guid) => column.references = more,
            _ => return false,
        }
        !column.targets().is_empty()
    });
    table.keys.retain(|(_, columns)| !base.keys.iter().any(|(_, known)| known == columns));
}

/// The tables of pairs of relationships that have another one already: a document that does not tell the table makes one up.
fn made_up<'a>(own: &SchemaDefinition, shipped: &SchemaDefinition, imported: &'a SchemaDefinition) -> HashSet<&'a str> {
    let known: HashMap<String, &str> = own
        .many_to_many
        .iter()
        .chain(&shipped.many_to_many)
        .map(|pairs| (pairs.name.to_lowercase(), pairs.intersect.as_str()))
        .collect();
    let is_other = |pairs: &&ManyToManyDefinition| {
        known.get(&pairs.name.to_lowercase()).is_some_and(|intersect| *intersect != pairs.intersect)
    };
    let others = imported.many_to_many.iter().filter(is_other).map(|pairs| pairs.intersect.as_str());
    let others: HashSet<&str> = others.collect();
    let is_made_up = |table: &&TableDefinition| {
        let name = table.logical_name.as_str();
        let is_known = own.table(name).is_some() || shipped.table(name).is_some();
        table.entity_set.is_none() && table.ownership == Ownership::None && !is_known && others.contains(name)
    };
    imported.tables.iter().filter(is_made_up).map(|table| table.logical_name.as_str()).collect()
}

fn take_pairs(
    own: &mut SchemaDefinition,
    shipped: &SchemaDefinition,
    imported: &SchemaDefinition,
    made_up: &HashSet<&str>,
    report: &mut Imported,
) {
    let all: Vec<ManyToManyDefinition> = own.many_to_many.iter().chain(&shipped.many_to_many).cloned().collect();
    let by_name: HashMap<String, &ManyToManyDefinition> =
        all.iter().map(|pairs| (pairs.name.to_lowercase(), pairs)).collect();
    let by_table: HashMap<&str, &ManyToManyDefinition> =
        all.iter().map(|pairs| (pairs.intersect.as_str(), pairs)).collect();
    for pairs in &imported.many_to_many {
        let name = &pairs.name;
        if let Some(known) = by_name.get(&name.to_lowercase()) {
            let (theirs, ours) = (ends(pairs), ends(known));
            if theirs != ours {
                let [theirs, ours] = [theirs, ours].map(|ends| ends.join(" and "));
                report
                    .differences
                    .push(format!("relationship `{name}`: it is of {theirs} there and was of {ours}, which it stays"));
            } else if known.intersect != pairs.intersect && !made_up.contains(pairs.intersect.as_str()) {
                let (theirs, ours) = (&pairs.intersect, &known.intersect);
                report.differences.push(format!(
                    "relationship `{name}`: its pairs are in `{theirs}` there and were in `{ours}`, where they stay"
                ));
            }
        } else if let Some(known) = by_table.get(pairs.intersect.as_str()) {
            if ends(pairs) != ends(known) {
                let (table, known) = (&pairs.intersect, &known.name);
                report.differences.push(format!(
                    "relationship `{name}`: its table of pairs `{table}` is that of `{known}`, which stays; it is not taken"
                ));
            }
        } else {
            own.many_to_many.push(pairs.clone());
            report.many_to_many += 1;
        }
    }
}

/// The two sides of a relationship, each with the navigation property that leads from it, in the order of their names.
fn ends(pairs: &ManyToManyDefinition) -> [String; 2] {
    let mut ends = [&pairs.first, &pairs.second].map(|end| format!("`{}`.`{}`", end.table, end.navigation));
    ends.sort();
    ends
}

/// Counts the columns that are new.
fn count(table: &TableDefinition, was: Option<&TableDefinition>, report: &mut Imported) {
    let known: HashSet<&str> =
        was.into_iter().flat_map(|was| &was.columns).map(|column| column.name.as_str()).collect();
    for column in table.columns.iter().filter(|column| !known.contains(column.name.as_str())) {
        report.columns += 1;
        report.lookups += usize::from(column.kind.is_lookup());
    }
}
