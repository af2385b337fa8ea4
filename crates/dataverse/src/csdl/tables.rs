//! Entity types as tables: which are, their columns, and what is assumed of them.
//!
//! What a metadata document does not say, and what is assumed in its place:
//!
//! - A type is a table when its key is one `Edm.Guid` and it is not abstract, or has an entity set all the same
//!   (`activitypointer`). Types that describe metadata itself are none.
//! - A text without `MaxLength` takes as much as the longest column of Dataverse, 1,048,576 characters: refusing less would
//!   refuse what the real org takes. The column that names rows takes 4,000.
//! - `statecode` has the states Active (0) and Inactive (1); a `statuscode` and every other whole number whose name ends in `code` is a
//!   choice whose options nobody knows: it takes any number and shows no label. Whole numbers beside are whole numbers.
//! - A decimal with a companion `..._base` is an amount of money, and so is the companion. Others keep 10 digits behind the point.
//! - Rows have owners where there are `ownerid` and `owningbusinessunit`; else they belong to the organization; those of tables of
//!   pairs to nobody.
//! - What Dataverse itself fills (who and when, versions, owners' units, amounts in the org's own currency) is read-only, and what an
//!   annotation says is computed or only read.
//! - The column that names rows: `PREFIX_name`, `name`, `subject`, `title`, `fullname`, the table's name with `name`; else the only text
//!   whose name ends in `name`.
//! - Activities have the privileges of all activities (`prvReadActivity`); other tables those of their schema name, which for a
//!   custom table is taken to be the logical name and for others that with a capital.
//! - Labels are made of the names.

mod columns;
mod names;
mod told;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

pub use columns::is_filled;
pub(super) use columns::lookup_name;
pub(super) use told::apply as tell;

use super::document::{Document, EntityType, Property};
use super::relationships::{Lookups, pairs_of};
use super::side::{OWNED_BY_THE_ORGANIZATION, WITHOUT_NAMES};
use super::{CsdlError, Reading};
use crate::schema::{ColumnDefinition, ColumnKind, Ownership, PrivilegeDefinition, SchemaDefinition, TableDefinition};

/// The type that every table is of, directly or not.
const METADATA_BASE: &str = "crmmodelbaseentity";
/// The type whose tables are activities.
const ACTIVITY: &str = "activitypointer";

/// What was assumed and left out so far.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) assumed: HashMap<&'static str, Vec<String>>,
    pub(super) left_out: Vec<String>,
}

impl Notes {
    /// Notes what is assumed of a table, or of what a table has.
    pub(super) fn assume(&mut self, what: &'static str, table: &str, part: Option<&str>) {
        let place = part.map_or_else(|| format!("`{table}`"), |part| format!("`{table}`.`{part}`"));
        self.assumed.entry(what).or_default().push(place);
    }
}

/// A type that is a table, with what it takes over.
pub(super) struct Candidate<'a> {
    pub(super) entity: &'a EntityType,
    /// The type itself and its bases, the nearest first.
    pub(super) lineage: Vec<&'a EntityType>,
    /// The property of its key.
    pub(super) key: &'a str,
}

impl Candidate<'_> {
    pub(super) fn is_activity(&self) -> bool {
        self.lineage.iter().any(|entity| entity.name == ACTIVITY)
    }

    /// Its properties and those that it takes over, its own first.
    pub(super) fn properties(&self) -> impl Iterator<Item = &Property> {
        let mut seen = HashSet::new();
        let all = self.lineage.iter().flat_map(|entity| &entity.properties);
        all.filter(move |property| seen.insert(property.name.as_str()))
    }
}

/// Makes tables of a document.
pub(super) fn build(document: &Document) -> Result<Reading, CsdlError> {
    let mut notes = Notes::default();
    let candidates = candidates(document, &mut notes)?;
    let known: HashSet<&str> = candidates.iter().map(|candidate| candidate.entity.name.as_str()).collect();
    let many_to_many = pairs_of(&candidates, &mut notes);
    let made_up = many_to_many.made_up;
    let intersects: HashSet<&str> = many_to_many.found.iter().map(|pairs| pairs.intersect.as_str()).collect();
    let mut tables = Vec::with_capacity(candidates.len());
    for candidate in &candidates {
        let lookups = Lookups::of(document, candidate, &known, &mut notes)?;
        tables.push(table(document, candidate, lookups, &intersects, &mut notes));
    }
    let mut lengths: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for candidate in &candidates {
        // Of a type that another is made of, a length is told there.
        let told = candidate.entity.properties.iter().filter(|property| property.max_length.is_some());
        lengths.insert(candidate.entity.name.clone(), told.map(|property| property.name.clone()).collect());
    }
    lengths.extend(made_up.iter().map(|table| (table.logical_name.clone(), BTreeSet::new())));
    tables.extend(made_up);
    let definition = SchemaDefinition { tables, many_to_many: many_to_many.found, ..SchemaDefinition::empty() };
    let mut assumed: Vec<(&'static str, Vec<String>)> = notes.assumed.into_iter().collect();
    assumed.sort_unstable();
    Ok(Reading { definition, assumed, lengths, left_out: notes.left_out })
}

fn candidates<'a>(document: &'a Document, notes: &mut Notes) -> Result<Vec<Candidate<'a>>, CsdlError> {
    let mut candidates = Vec::new();
    let mut describing = 0;
    for entity in &document.types {
        let lineage = document.lineage(entity)?;
        if lineage.iter().any(|base| base.name == METADATA_BASE || base.name == "MetadataBase") {
            describing += 1;
            continue;
        }
        if entity.is_abstract && !document.sets.contains_key(&entity.name) {
            continue;
        }
        let own = format!("{}id", entity.name);
        let key = match lineage.iter().map(|base| base.key.as_slice()).find(|key| !key.is_empty()) {
            // Users and teams are known by an id of their own, not by what they share as owners.
            Some(_) if entity.base.as_deref() == Some(super::relationships::PRINCIPAL) => {
                match entity.properties.iter().find(|property| property.name == own) {
                    Some(property) => property.name.as_str(),
                    None => continue,
                }
            }
            Some([key]) => key.as_str(),
            Some(_) => {
                notes.left_out.push(format!("table `{}`: its key has several columns", entity.name));
                continue;
            }
            None => {
                notes.left_out.push(format!("table `{}`: it has no key", entity.name));
                continue;
            }
        };
        let kind = lineage.iter().flat_map(|base| &base.properties).find(|property| property.name == key);
        match kind {
            Some(property) if property.kind == "Edm.Guid" => candidates.push(Candidate { entity, lineage, key }),
            Some(property) => {
                let kind = &property.kind;
                notes.left_out.push(format!("table `{}`: its key `{key}` is {kind} and no Edm.Guid", entity.name));
            }
            None => {
                return Err(CsdlError {
                    document: document.name.clone(),
                    line: entity.line,
                    element: format!("EntityType `{}`", entity.name),
                    reason: format!("its key names a property `{key}` that it does not have"),
                });
            }
        }
    }
    if describing > 0 {
        notes.left_out.push(format!("{describing} types that describe tables and columns, and are none"));
    }
    Ok(candidates)
}

fn table(
    document: &Document,
    candidate: &Candidate<'_>,
    mut lookups: Lookups,
    intersects: &HashSet<&str>,
    notes: &mut Notes,
) -> TableDefinition {
    let name = &candidate.entity.name;
    let columns = columns::of(candidate, &mut lookups, notes);
    let has = |column: &str| columns.iter().any(|known| known.name == column);
    let ownership = if intersects.contains(name.as_str()) {
        Ownership::None
    } else if has("ownerid") && has("owningbusinessunit") {
        Ownership::User
    } else {
        notes.assume(OWNED_BY_THE_ORGANIZATION, name, None);
        Ownership::Organization
    };
    let primary_name = primary_name(name, candidate.is_activity(), &columns);
    if primary_name.is_none() && ownership != Ownership::None {
        notes.assume(WITHOUT_NAMES, name, None);
    }
    let mut definition = TableDefinition {
        schema_name: names::schema_name(name),
        entity_set: document.sets.get(name).cloned(),
        primary_name,
        privileges: candidate
            .is_activity()
            .then(|| PrivilegeDefinition { stem: Some("Activity".to_owned()), verbs: None }),
        columns,
        ..TableDefinition::new(name, names::label(name), ownership, candidate.key)
    };
    keys(candidate, &mut definition, notes);
    if let Some(primary) = definition.primary_name.clone()
        && let Some(column) = definition.columns.iter_mut().find(|column| column.name == primary)
        && let ColumnKind::Text { max_length } = &mut column.kind
    {
        *max_length = (*max_length).min(columns::LONGEST_NAME);
    }
    definition
}

/// The alternate keys that an annotation tells of.
fn keys(candidate: &Candidate<'_>, table: &mut TableDefinition, notes: &mut Notes) {
    for paths in &candidate.entity.alternate_keys {
        let name = |path: &String| {
            path.strip_prefix('_').and_then(|rest| rest.strip_suffix("_value")).unwrap_or(path).to_owned()
        };
        let columns: Vec<String> = paths.iter().map(name).collect();
        let known = |name: &String| table.columns.iter().any(|column| column.name == *name);
        if columns.is_empty() || !columns.iter().all(known) {
            notes.left_out.push(format!(
                "key of `{}` over {}: it has no such columns",
                table.logical_name,
                columns.join(", ")
            ));
            continue;
        }
        let name = format!("key_{}", columns.join("_"));
        notes.assume("alternate keys called after their columns", &table.logical_name, Some(&name));
        table.keys.push((name, columns));
    }
}

/// The column that names a row to people.
fn primary_name(table: &str, is_activity: bool, columns: &[ColumnDefinition]) -> Option<String> {
    let is_text = |name: &str| columns.iter().any(|column| column.name == name && column.kind.is_text());
    let prefixed = table.split_once('_').map(|(prefix, _)| format!("{prefix}_name"));
    let usual = ["name", "subject", "title", "fullname"].map(str::to_owned);
    let own = if is_activity { None } else { prefixed };
    let named = own.into_iter().chain(usual).chain([format!("{table}name")]).find(|name| is_text(name));
    named.or_else(|| {
        let mut ending = columns.iter().filter(|column| column.kind.is_text() && column.name.ends_with("name"));
        match (ending.next(), ending.next()) {
            (Some(only), None) => Some(only.name.clone()),
            _ => None,
        }
    })
}
