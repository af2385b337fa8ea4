//! Two schemas as one: the tables that ship, and what an org has of its own.
//!
//! A table of the same name in both is one table. Where they disagree the first wins, because the code relies on what it says
//! (who owns rows, which columns decide that); the second adds columns, targets of lookups, keys and relationships. Each
//! difference is said.

use std::collections::{HashMap, HashSet};
use std::mem::discriminant;

use super::{
    ChangedTable, ColumnDefinition, ColumnKind, ManyToManyDefinition, Schema, SchemaDefinition, SchemaError,
    TableDefinition,
};

/// Tables that do not ship get type codes from here on, as custom tables do.
pub const FIRST_OWN_TYPE_CODE: i32 = 10_000;

impl SchemaDefinition {
    /// The tables that ship with the project, as a definition that more can be added to.
    ///
    /// # Errors
    /// Only when the shipped text is broken, which a test rules out.
    pub fn core() -> Result<Self, SchemaError> {
        let tables = Schema::core()?.definitions()?;
        let mut many_to_many: Vec<ManyToManyDefinition> = Vec::new();
        for pairs in tables.iter().flat_map(|table| &table.many_to_many) {
            if !many_to_many.contains(pairs) {
                many_to_many.push(pairs.clone());
            }
        }
        Ok(Self { tables, many_to_many, ..Self::empty() })
    }

    /// A schema in its written form: what an import brings, what an org has of its own.
    ///
    /// # Errors
    /// [`SchemaError::Unreadable`] with the place where the text is something else.
    pub fn from_json(text: &str) -> Result<Self, SchemaError> {
        serde_json::from_str(text).map_err(|error| SchemaError::Unreadable { reason: error.to_string() })
    }

    /// The table with this logical name.
    #[must_use]
    pub fn table(&self, logical_name: &str) -> Option<&TableDefinition> {
        self.tables.iter().find(|table| table.logical_name == logical_name)
    }

    /// The same, to be changed.
    pub fn table_mut(&mut self, logical_name: &str) -> Option<&mut TableDefinition> {
        self.tables.iter_mut().find(|table| table.logical_name == logical_name)
    }

    /// Adds what an org has of its own; gives a line for each difference in which it did not get its way.
    pub fn add(&mut self, own: &SchemaDefinition) -> Vec<String> {
        let mut differences = Vec::new();
        let mut places: HashMap<String, usize> =
            self.tables.iter().enumerate().map(|(place, table)| (table.logical_name.clone(), place)).collect();
        let mut sets: HashSet<String> = self.tables.iter().filter_map(|table| table.entity_set.clone()).collect();
        for table in &own.tables {
            if let Some(known) = places.get(&table.logical_name).and_then(|&place| self.tables.get_mut(place)) {
                known.add(table, &mut differences);
                continue;
            }
            let mut table = table.clone();
            if table.entity_set.as_ref().is_some_and(|set| !sets.insert(set.clone())) {
                let set = table.entity_set.take().unwrap_or_default();
                differences
                    .push(format!("`{}`: another table has the entity set `{set}`; it has none", table.logical_name));
            }
            places.insert(table.logical_name.clone(), self.tables.len());
            self.tables.push(table);
        }
        let known: HashSet<(String, String)> = self
            .many_to_many
            .iter()
            .flat_map(|pairs| [(pairs.name.to_lowercase(), String::new()), (String::new(), pairs.intersect.clone())])
            .collect();
        for pairs in &own.many_to_many {
            let is_known = known.contains(&(pairs.name.to_lowercase(), String::new()))
                || known.contains(&(String::new(), pairs.intersect.clone()));
            if !is_known {
                self.many_to_many.push(pairs.clone());
            }
        }
        for changed in &own.changed {
            if let Some(known) = places.get(&changed.table).and_then(|&place| self.tables.get_mut(place)) {
                known.take(changed);
            }
        }
        for set in &own.option_sets {
            if !self.option_sets.iter().any(|known| known.name.eq_ignore_ascii_case(&set.name)) {
                self.option_sets.push(set.clone());
            }
        }
        differences
    }

    /// Gives every table without a type code one that no other table has: its own of before, or the next.
    pub fn number(&mut self, before: &HashMap<String, i32>) {
        for table in self.tables.iter_mut().filter(|table| table.type_code == 0) {
            table.type_code = before.get(&table.logical_name).copied().unwrap_or_default();
        }
        let highest = self.tables.iter().map(|table| table.type_code).chain(before.values().copied()).max();
        let mut next = highest.unwrap_or_default().saturating_add(1).max(FIRST_OWN_TYPE_CODE);
        for table in self.tables.iter_mut().filter(|table| table.type_code == 0) {
            table.type_code = next;
            next = next.saturating_add(1);
        }
    }
}

impl TableDefinition {
    /// The column with this logical name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnDefinition> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Adds what another definition of this table has beside it.
    fn add(&mut self, own: &TableDefinition, differences: &mut Vec<String>) {
        // Rows that were kept before the table shipped bear its own number.
        if own.type_code >= FIRST_OWN_TYPE_CODE {
            self.type_code = own.type_code;
        }
        // Who owns rows is no more than a guess where a table comes from a metadata document.
        if own.primary_id != self.primary_id {
            let (table, theirs, ours) = (&self.logical_name, &own.primary_id, &self.primary_id);
            differences.push(format!("`{table}`: its id is `{theirs}` there, `{ours}` in what ships, which counts"));
        }
        let places: HashMap<String, usize> =
            self.columns.iter().enumerate().map(|(place, column)| (column.name.clone(), place)).collect();
        let mut navigations: HashSet<String> = self
            .columns
            .iter()
            .flat_map(|column| column.targets().iter().map(|target| target.navigation.clone()))
            .collect();
        for column in &own.columns {
            match places.get(&column.name).and_then(|&place| self.columns.get_mut(place)) {
                Some(known) => add_targets(&self.logical_name, known, column, &mut navigations, differences),
                None => {
                    let mut column = column.clone();
                    let targets = match column.kind.targets_mut() {
                        Some(targets) => targets,
                        None => &mut column.references,
                    };
                    targets.retain(|target| !navigations.contains(&target.navigation));
                    navigations.extend(targets.iter().map(|target| target.navigation.clone()));
                    self.columns.push(column);
                }
            }
        }
        for (name, columns) in &own.keys {
            if !self.keys.iter().any(|(known, same)| known == name || same == columns) {
                self.keys.push((name.clone(), columns.clone()));
            }
        }
    }
}

impl TableDefinition {
    /// Takes what an org has changed of a table that ships: what people see and the limits, never what columns hold.
    fn take(&mut self, changed: &ChangedTable) {
        if let Some(look) = &changed.look {
            self.display_name.clone_from(&look.display_name);
            self.display_collection_name.clone_from(&look.display_collection_name);
            self.description.clone_from(&look.description);
            self.audit = look.audit;
        }
        for column in &changed.columns {
            if let Some(known) = self.columns.iter_mut().find(|known| known.name == column.name) {
                known.label.clone_from(&column.label);
                known.description.clone_from(&column.description);
                known.requirement = column.requirement;
                known.audit = column.audit;
                if known.kind.targets_mut().is_none() && discriminant(&known.kind) == discriminant(&column.kind) {
                    known.kind.clone_from(&column.kind);
                }
            }
        }
    }
}

/// Adds the targets that a lookup has in another definition.
fn add_targets(
    table: &str,
    known: &mut ColumnDefinition,
    own: &ColumnDefinition,
    navigations: &mut HashSet<String>,
    differences: &mut Vec<String>,
) {
    if discriminant(&known.kind) != discriminant(&own.kind) && differs(&known.kind, &own.kind) {
        differences.push(format!(
            "`{table}`.`{}`: {} there, {} in what ships, which counts",
            known.name,
            own.kind.described(),
            known.kind.described()
        ));
    }
    let targets = match &mut known.kind {
        ColumnKind::Lookup { targets } => targets,
        ColumnKind::Guid => &mut known.references,
        _ => return,
    };
    for target in own.targets() {
        if let Some(same) = targets.iter_mut().find(|known| known.navigation == target.navigation) {
            if same.collection.is_none() {
                same.collection.clone_from(&target.collection);
            }
        } else if navigations.insert(target.navigation.clone()) {
            targets.push(target.clone());
        }
    }
}

/// Whether two kinds are seen as different by clients: the other definition may only know less.
fn differs(one: &ColumnKind, other: &ColumnKind) -> bool {
    one.edm_type() != other.edm_type() || one.is_lookup() != other.is_lookup()
}
