//! Bringing a table of an earlier import to what a later one says of it.

use std::collections::{BTreeSet, HashMap, HashSet};

use keyholder_dataverse::csdl::{self, ColumnSide, Provenance, TableSide};
use keyholder_dataverse::schema::{Access, ColumnDefinition, ColumnKind, LookupTarget, Ownership, TableDefinition};

use super::Imported;
use super::asked::{key, line};
use crate::catalogue::compose::holds_other;

/// A decimal whose document tells no digits keeps this many.
const MOST_DIGITS: u8 = 10;

/// Who says what of one table.
pub(super) struct Source<'a> {
    /// The columns whose longest text a metadata document tells; nothing where the table comes from none and says everything.
    document: Option<&'a BTreeSet<String>>,
    /// What a side file tells of it.
    pub(super) told: Option<&'a TableSide>,
    /// The columns that it has there, those that ship among them.
    columns: HashSet<String>,
}

impl<'a> Source<'a> {
    pub(super) fn of(provenance: &'a Provenance, table: &TableDefinition) -> Self {
        let name = &table.logical_name;
        Self {
            document: provenance.documents.get(name),
            told: provenance.told.tables.get(name),
            columns: table.columns.iter().map(|column| column.name.clone()).collect(),
        }
    }

    /// Whether the import itself says something that a document cannot say.
    fn says(&self, is_told: impl FnOnce(&TableSide) -> bool) -> bool {
        self.document.is_none() || self.told.is_some_and(is_told)
    }

    fn column(&self, name: &str) -> Option<&ColumnSide> {
        self.told.and_then(|told| told.columns.get(name))
    }
}

/// Brings a table of an earlier import to what a later one says of it. Of a table that ships only columns and keys are the org's
/// own.
pub(super) fn renew(
    known: &mut TableDefinition,
    new: &TableDefinition,
    ships: bool,
    source: &Source<'_>,
    report: &mut Imported,
) {
    if !ships {
        renew_table(known, new, source, report);
    }
    let table = known.logical_name.clone();
    let places: HashMap<String, usize> =
        known.columns.iter().enumerate().map(|(place, column)| (column.name.clone(), place)).collect();
    for column in &new.columns {
        match places.get(&column.name).and_then(|&place| known.columns.get_mut(place)) {
            Some(old) => renew_column(&table, old, column, source, report),
            None => known.columns.push(column.clone()),
        }
    }
    for column in known.columns.iter().filter(|column| !source.columns.contains(&column.name)) {
        report.differences.push(format!("`{table}`.`{}`: it is not there any more, and stays", column.name));
    }
    renew_keys(known, new, source, report);
}

fn renew_table(known: &mut TableDefinition, new: &TableDefinition, source: &Source<'_>, report: &mut Imported) {
    let table = known.logical_name.clone();
    if new.primary_id != known.primary_id {
        let (theirs, ours) = (&new.primary_id, &known.primary_id);
        report.differences.push(format!("`{table}`: its id is `{theirs}` there and was `{ours}`, which it stays"));
    }
    // A document tells of owners only by the columns of theirs.
    let owners_are_new = new.ownership == Ownership::User && known.column("ownerid").is_none();
    let says_owner = source.says(|told| told.ownership.is_some()) || owners_are_new;
    if new.ownership != known.ownership && says_owner {
        let (theirs, ours) = (new.ownership, known.ownership);
        report
            .differences
            .push(format!("`{table}`: its rows' owner is {theirs:?} there and was {ours:?}, which it stays"));
    }
    if source.says(|told| told.display_name.is_some()) {
        known.display_name.clone_from(&new.display_name);
    }
    if source.says(|told| told.schema_name.is_some()) {
        known.schema_name.clone_from(&new.schema_name);
    }
    if source.says(|told| told.privilege_stem.is_some() || told.verbs.is_some()) {
        known.privileges.clone_from(&new.privileges);
    }
    if new.entity_set.is_some() {
        known.entity_set.clone_from(&new.entity_set);
    }
    let says_name = source.says(|told| told.primary_name.is_some()) || known.primary_name.is_none();
    if new.primary_name.is_some() && says_name {
        known.primary_name.clone_from(&new.primary_name);
    }
}

fn renew_keys(known: &mut TableDefinition, new: &TableDefinition, source: &Source<'_>, report: &mut Imported) {
    let place = format!("`{}`", known.logical_name);
    for (name, columns) in known
        .keys
        .iter()
        .filter(|(name, columns)| !new.keys.iter().any(|(other, same)| other == name || same == columns))
    {
        report.differences.push(format!("{place}: its key {} is not there, and stays", key(name, columns)));
    }
    for (name, columns) in &new.keys {
        match known.keys.iter().find(|(old, same)| old == name || same == columns) {
            None => known.keys.push((name.clone(), columns.clone())),
            Some((old, same)) if old == name && same == columns => {}
            // The names of keys are assumed where a document tells of them.
            Some((old, same)) if same != columns || source.says(|told| told.keys.contains_key(name)) => {
                let why = "a key is deleted before another takes its place";
                report.differences.push(line(&place, "keys", &key(name, columns), &key(old, same), why));
            }
            Some(_) => {}
        }
    }
}

fn renew_column(
    table: &str,
    old: &mut ColumnDefinition,
    new: &ColumnDefinition,
    source: &Source<'_>,
    report: &mut Imported,
) {
    let name = &old.name;
    let told = source.column(name);
    let says_kind = told.is_some_and(|told| told.kind.is_some() || told.options.is_some());
    // A document tells a kind by its type in CSDL alone.
    let is_silent = source.document.is_some()
        && !says_kind
        && old.kind.edm_type() == new.kind.edm_type()
        && old.kind.is_lookup() == new.kind.is_lookup();
    if !is_silent && (holds_other(old, new) || old.kind.is_lookup() != new.kind.is_lookup()) {
        let (theirs, ours) = (new.kind.described(), old.kind.described());
        report.differences.push(format!("`{table}`.`{name}`: {theirs} there and was {ours}, which it stays"));
        return;
    }
    let mut next = new.clone();
    if let Some(lengths) = source.document {
        if told.is_none_or(|told| told.label.is_none()) {
            next.label.clone_from(&old.label);
        }
        if told.is_none_or(|told| told.schema_name.is_none()) && old.schema_name.is_some() {
            next.schema_name.clone_from(&old.schema_name);
        }
        next.requirement = old.requirement;
        next.description.clone_from(&old.description);
        next.audit = old.audit;
        next.option_set.clone_from(&old.option_set);
        next.contents = old.contents;
        if !says_access(old, new) {
            next.access = old.access;
        }
        if is_silent {
            let says_length = lengths.contains(name) || told.is_some_and(|told| told.max_length.is_some());
            next.kind = as_known(&old.kind, &new.kind, says_length);
        } else if told.is_some_and(|told| told.kind.is_none())
            && let (ColumnKind::Choice { default, .. }, ColumnKind::Choice { default: was, .. }) =
                (&mut next.kind, &old.kind)
        {
            *default = *was;
        }
    }
    if let (Some(targets), old) = (next.kind.targets_mut(), old.kind.targets()) {
        for target in old {
            if !targets.iter().any(|known| known.navigation == target.navigation) {
                targets.push(target.clone());
            }
        }
    }
    let told = std::mem::replace(&mut next.references, old.references.clone());
    for target in &told {
        take_target(&mut next.references, target, &told);
    }
    if let (
        ColumnKind::Text { max_length } | ColumnKind::Memo { max_length },
        ColumnKind::Text { max_length: was } | ColumnKind::Memo { max_length: was },
    ) = (&mut next.kind, &old.kind)
    {
        if *max_length < *was {
            let place = format!("`{table}`.`{name}`");
            let why = "rows may have longer texts already";
            report.differences.push(line(&place, "max_length", &max_length.to_string(), &was.to_string(), why));
        }
        *max_length = (*max_length).max(*was);
    }
    *old = next;
}

/// Whether a document says who may set a column: by an annotation, or by a lookup that leads somewhere by now.
fn says_access(old: &ColumnDefinition, new: &ColumnDefinition) -> bool {
    let led_nowhere = old.kind.is_lookup() && old.kind.targets().is_empty();
    if new.kind.is_lookup() && new.kind.targets().is_empty() {
        return false;
    }
    led_nowhere || (old.access == Access::default() && new.access != old.access && !csdl::is_filled(&new.name))
}

/// What is known of a column, with what a document of the same type adds to it.
fn as_known(old: &ColumnKind, new: &ColumnKind, says_length: bool) -> ColumnKind {
    let mut kind = match (old, new) {
        (ColumnKind::Lookup { .. }, ColumnKind::Customer { .. } | ColumnKind::Owner { .. }) => new.clone(),
        _ => old.clone(),
    };
    match (&mut kind, new) {
        (
            ColumnKind::Text { max_length } | ColumnKind::Memo { max_length },
            ColumnKind::Text { max_length: told } | ColumnKind::Memo { max_length: told },
        ) if says_length => *max_length = *told,
        (ColumnKind::Decimal { precision, .. }, ColumnKind::Decimal { precision: told, .. }) if *told < MOST_DIGITS => {
            *precision = (*precision).max(*told);
        }
        _ => {}
    }
    if let Some(targets) = kind.targets_mut() {
        *targets = old.targets().to_vec();
        for target in new.targets() {
            take_target(targets, target, new.targets());
        }
    }
    kind
}

/// Takes a target of a lookup into those that are known; what happens to rows on the way is not for a document to say.
fn take_target(known: &mut Vec<LookupTarget>, target: &LookupTarget, all: &[LookupTarget]) {
    let leads_alike = |known: &LookupTarget, table: &str| known.navigation == target.navigation && known.table == table;
    if let Some(same) = known.iter_mut().find(|known| leads_alike(known, &target.table)) {
        if target.collection.is_some() {
            same.collection.clone_from(&target.collection);
        }
        return;
    }
    // A navigation property that has come to lead elsewhere.
    let moved = known.iter_mut().find(|known| {
        known.navigation == target.navigation && !all.iter().any(|other| leads_alike(other, &known.table))
    });
    match moved {
        Some(moved) => *moved = LookupTarget { behavior: moved.behavior, ..target.clone() },
        None => known.push(target.clone()),
    }
}
