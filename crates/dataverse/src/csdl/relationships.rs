//! Navigation properties as lookups and many-to-many relationships.
//!
//! - A single-valued navigation property belongs to the lookup whose property its constraint names. Those of activities have no
//!   constraint, because the property stands in the type that all activities are of: they belong to the lookup whose name they
//!   begin with, the longest. Several of one lookup are the tables that it can lead to.
//! - A navigation property over a plain id (`stageid_processstage`, `activityid_activitypointer`) belongs to the column with that id, which
//!   it leads on from; nothing is set through it.
//! - `principal` stands for users and teams.
//! - What an activity takes over from the type of all activities leads the same way, but its partner is another table's.
//! - Two collections that are each other's partners are a many-to-many relationship. Its table of pairs is the type called like the
//!   navigation property (with or without `_association`), else the only one that has nothing but an id and the ids of both sides.
//!   Where the document has none, one is made up that the Web API does not show.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::CsdlError;
use super::document::{Document, NavigationProperty};
use super::tables::{Candidate, Notes};
use crate::schema::{ColumnKind, LookupTarget, ManyToManyDefinition, ManyToManyEnd, TableDefinition};

/// What users and teams are both of.
pub(super) const PRINCIPAL: &str = "principal";
/// The tables of those who can own rows.
const PRINCIPALS: [&str; 2] = ["systemuser", "team"];
/// A table of pairs has at most this many columns beside the three ids.
const MOST_BESIDE: usize = 6;

/// Where the lookups of one table lead.
pub(super) struct Lookups {
    table: String,
    /// By the names of columns; those of plain ids among them.
    targets: HashMap<String, Vec<LookupTarget>>,
}

impl Lookups {
    pub(super) fn of(
        document: &Document,
        candidate: &Candidate<'_>,
        known: &HashSet<&str>,
        notes: &mut Notes,
    ) -> Result<Self, CsdlError> {
        let columns: HashSet<&str> =
            candidate.properties().filter_map(|property| lookup_name(&property.name)).collect();
        let plain = candidate.properties().filter(|property| property.kind == "Edm.Guid");
        let ids: HashSet<&str> = plain
            .map(|property| property.name.as_str())
            .filter(|name| lookup_name(name).is_none() && !columns.contains(name))
            .collect();
        let mut targets: HashMap<String, Vec<LookupTarget>> = HashMap::new();
        let mut seen = HashSet::new();
        let table = &candidate.entity.name;
        for (depth, entity) in candidate.lineage.iter().enumerate() {
            for navigation in entity.navigations.iter().filter(|navigation| !navigation.is_collection) {
                let Some(column) = column_of(navigation, &columns, &ids) else {
                    // Relationships over columns that the document does not show: solutions, mostly.
                    notes.assume(
                        "navigation properties that belong to no lookup, left out",
                        table,
                        Some(&navigation.name),
                    );
                    continue;
                };
                if navigation.target == PRINCIPAL && ids.contains(column) {
                    notes.assume(
                        "navigation properties from plain ids to owners, left out",
                        table,
                        Some(&navigation.name),
                    );
                    continue;
                }
                if document.find(&navigation.target).is_none() {
                    return Err(CsdlError {
                        document: document.name.clone(),
                        line: navigation.line,
                        element: format!("NavigationProperty `{}` of `{table}`", navigation.name),
                        reason: format!("its type `{}` is not in the document", navigation.target),
                    });
                }
                if !seen.insert(navigation.name.as_str()) {
                    continue;
                }
                let leads_to: Vec<&str> = match navigation.target.as_str() {
                    PRINCIPAL => PRINCIPALS.into_iter().filter(|name| known.contains(name)).collect(),
                    other => vec![other],
                };
                for target in leads_to {
                    if !known.contains(target) {
                        notes.left_out.push(format!("lookup `{table}`.`{column}` to `{target}`: that is no table"));
                        continue;
                    }
                    targets.entry(column.to_owned()).or_default().push(LookupTarget {
                        table: target.to_owned(),
                        navigation: navigation.name.clone(),
                        collection: navigation.partner.clone().filter(|_| depth == 0),
                        behavior: None,
                    });
                }
            }
        }
        Ok(Self { table: table.clone(), targets })
    }

    /// Where the id with this logical name leads, which is no lookup.
    pub(super) fn take_references(&mut self, column: &str) -> Vec<LookupTarget> {
        self.targets.remove(column).unwrap_or_default()
    }

    /// The kind of the lookup with this logical name.
    pub(super) fn take(&mut self, column: &str, notes: &mut Notes) -> ColumnKind {
        let targets = self.targets.remove(column).unwrap_or_default();
        let tables: HashSet<&str> = targets.iter().map(|target| target.table.as_str()).collect();
        if targets.is_empty() {
            let assumed = match column {
                "ownerid" => "owners without a navigation property, so that their rows cannot be assigned",
                _ => "lookups that lead nowhere, read-only",
            };
            notes.assume(assumed, &self.table, Some(column));
        }
        if column == "ownerid" && tables.iter().all(|table| PRINCIPALS.contains(table)) && !targets.is_empty() {
            return ColumnKind::Owner { targets };
        }
        if tables == HashSet::from(["account", "contact"]) {
            return ColumnKind::Customer { targets };
        }
        ColumnKind::Lookup { targets }
    }
}

/// The lookup that a navigation property belongs to, or else the plain id.
fn column_of<'a>(
    navigation: &NavigationProperty,
    columns: &HashSet<&'a str>,
    ids: &HashSet<&'a str>,
) -> Option<&'a str> {
    let name = navigation.name.to_ascii_lowercase();
    if let Some(property) = &navigation.property {
        // The constraint of one names the key of its table, and there is a lookup that is called as it.
        let called = columns.get(name.as_str()).filter(|_| lookup_name(property).is_none());
        if let Some(lookup) = called {
            return Some(*lookup);
        }
        return match lookup_name(property) {
            Some(lookup) => columns.get(lookup).copied(),
            None => ids.get(property.as_str()).copied(),
        };
    }
    let begins =
        |column: &&&str| name.strip_prefix(**column).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    let longest = |names: &HashSet<&'a str>| names.iter().filter(begins).max_by_key(|column| column.len()).copied();
    longest(columns).or_else(|| longest(ids))
}

/// `_ownerid_value` as `ownerid`.
fn lookup_name(property: &str) -> Option<&str> {
    super::tables::lookup_name(property)
}

/// The many-to-many relationships, and the tables of pairs that the document does not have.
pub(super) struct Pairs {
    pub(super) found: Vec<ManyToManyDefinition>,
    pub(super) made_up: Vec<TableDefinition>,
}

/// One side by name: the table and its navigation property.
type Named<'a> = (&'a str, &'a str);

/// One side: the table and its navigation property.
type End<'a> = (&'a Candidate<'a>, &'a NavigationProperty);

/// Finds the many-to-many relationships of a document.
pub(super) fn pairs_of<'a>(candidates: &'a [Candidate<'a>], notes: &mut Notes) -> Pairs {
    let by_name: HashMap<&str, &Candidate<'_>> =
        candidates.iter().map(|candidate| (candidate.entity.name.as_str(), candidate)).collect();
    let collections: HashMap<(&str, &str), &NavigationProperty> = candidates
        .iter()
        .flat_map(|candidate| {
            let navigations = candidate.entity.navigations.iter().filter(|navigation| navigation.is_collection);
            navigations.map(|navigation| ((candidate.entity.name.as_str(), navigation.name.as_str()), navigation))
        })
        .collect();
    let mut ends: BTreeMap<(Named<'_>, Named<'_>), (End<'_>, End<'_>)> = BTreeMap::new();
    for ((table, name), navigation) in &collections {
        let (Some(partner), Some(other)) = (&navigation.partner, by_name.get(navigation.target.as_str())) else {
            continue;
        };
        let Some(back) = collections.get(&(navigation.target.as_str(), partner.as_str())) else { continue };
        let Some(own) = by_name.get(table) else { continue };
        let (here, there) = ((*table, *name), (navigation.target.as_str(), partner.as_str()));
        if here <= there {
            ends.insert((here, there), ((own, navigation), (other, back)));
        }
    }
    let by_ids = by_ids(candidates);
    let mut used: HashSet<String> = HashSet::new();
    let mut pairs = Pairs { found: Vec::new(), made_up: Vec::new() };
    let mut unnamed = Vec::new();
    // Those that are called so first, lest another relationship of the same two tables takes them.
    for (first, second) in ends.into_values() {
        match called_alike(first, second, &by_name, &by_ids, &used) {
            Some((intersect, (one, other))) => {
                used.insert(intersect.clone());
                pairs.found.push(definition(first, second, intersect, one, other));
            }
            None => unnamed.push((first, second)),
        }
    }
    for (first, second) in unnamed {
        let relationship = match only_one(first, second, &by_ids, &used) {
            Some((intersect, (one, other))) => definition(first, second, intersect, one, other),
            None => {
                let name = first.1.name.to_ascii_lowercase();
                if by_name.contains_key(name.as_str()) || used.contains(&name) {
                    let (table, other) = (&first.0.entity.name, &second.0.entity.name);
                    notes.left_out.push(format!("relationship `{name}` of `{table}` and `{other}`: no table of pairs"));
                    continue;
                }
                notes.assume("tables of pairs that the document does not have", &name, None);
                let own = first.0.key.to_owned();
                let other = if own == second.0.key { format!("{own}two") } else { second.0.key.to_owned() };
                let relationship = definition(first, second, name, own, other);
                pairs.made_up.push(relationship.table_of_pairs());
                relationship
            }
        };
        used.insert(relationship.intersect.clone());
        pairs.found.push(relationship);
    }
    pairs
}

fn definition(first: End<'_>, second: End<'_>, intersect: String, one: String, other: String) -> ManyToManyDefinition {
    let end = |(candidate, navigation): End<'_>, column: String| ManyToManyEnd {
        table: candidate.entity.name.clone(),
        column,
        navigation: navigation.name.clone(),
    };
    ManyToManyDefinition { name: first.1.name.clone(), intersect, first: end(first, one), second: end(second, other) }
}

/// Tables that have nothing but ids, by those ids.
fn by_ids<'a>(candidates: &'a [Candidate<'a>]) -> HashMap<&'a str, Vec<&'a Candidate<'a>>> {
    let mut found: HashMap<&str, Vec<&Candidate<'_>>> = HashMap::new();
    for candidate in candidates {
        let (ids, beside): (Vec<_>, Vec<_>) =
            candidate.properties().partition(|property| property.kind == "Edm.Guid" && property.name != candidate.key);
        if ids.len() >= 2 && ids.len() + beside.len() <= 3 + MOST_BESIDE && candidate.entity.navigations.is_empty() {
            for id in ids {
                found.entry(id.name.as_str()).or_default().push(candidate);
            }
        }
    }
    found
}

/// A table of pairs and its columns of both sides.
type Found = (String, (String, String));

/// The table of pairs that is called like the relationship.
fn called_alike(
    first: End<'_>,
    second: End<'_>,
    by_name: &HashMap<&str, &Candidate<'_>>,
    by_ids: &HashMap<&str, Vec<&Candidate<'_>>>,
    used: &HashSet<String>,
) -> Option<Found> {
    let names = [first.1.name.to_ascii_lowercase(), second.1.name.to_ascii_lowercase()];
    let called = names.iter().flat_map(|name| [name.as_str(), name.trim_end_matches("_association")]);
    let by_name = called.filter_map(|name| by_name.get(name).copied());
    // Names are cut at different lengths: that of the table begins that of the relationship.
    let alike = by_ids.get(first.0.key).into_iter().flatten().copied();
    let beginning = alike.filter(|found| names.iter().any(|name| name.starts_with(&found.entity.name)));
    by_name
        .chain(beginning)
        .filter(|found| !used.contains(&found.entity.name))
        .find_map(|found| Some((found.entity.name.clone(), columns_of(found, first.0, second.0)?)))
}

/// The one table that holds nothing but pairs of these two.
fn only_one(
    first: End<'_>,
    second: End<'_>,
    by_ids: &HashMap<&str, Vec<&Candidate<'_>>>,
    used: &HashSet<String>,
) -> Option<Found> {
    let alike = by_ids.get(first.0.key).into_iter().flatten().filter(|found| !used.contains(&found.entity.name));
    let mut matching =
        alike.filter_map(|found| Some((found.entity.name.clone(), columns_of(found, first.0, second.0)?)));
    let only = matching.next()?;
    matching.next().is_none().then_some(only)
}

/// The columns of a table of pairs that hold the ids of its two sides.
fn columns_of(pairs: &Candidate<'_>, first: &Candidate<'_>, second: &Candidate<'_>) -> Option<(String, String)> {
    let ids: Vec<&str> = pairs
        .properties()
        .filter(|property| property.kind == "Edm.Guid" && property.name != pairs.key)
        .map(|property| lookup_name(&property.name).unwrap_or(&property.name))
        .collect();
    let has = |name: &str| ids.contains(&name);
    if first.key != second.key {
        return (has(first.key) && has(second.key)).then(|| (first.key.to_owned(), second.key.to_owned()));
    }
    // Of a table with itself: `...idone` and `...idtwo`, or the id and one that ends in it.
    let (one, two) = (format!("{}one", first.key), format!("{}two", first.key));
    if has(&one) && has(&two) {
        return Some((one, two));
    }
    let other = ids.iter().find(|id| **id != first.key && id.ends_with(first.key));
    other.filter(|_| has(first.key)).map(|other| (first.key.to_owned(), (*other).to_owned()))
}
