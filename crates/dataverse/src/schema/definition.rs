//! A schema as it is written down: the file that ships, what an import makes, and what the
//! catalogue keeps.
//!
//! In the written form a relationship stands once, at the lookup or in the list of many-to-many
//! relationships. [`SchemaDefinition::resolved`] copies it to the other side, so that afterwards a
//! table's definition says everything about that table without any other being read.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Access, ColumnKind, Requirement, SchemaError};
use crate::Verb;

/// All tables, as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaDefinition {
    /// The tables.
    pub tables: Vec<TableDefinition>,
    /// The relationships that have a table of their own.
    #[serde(default)]
    pub many_to_many: Vec<ManyToManyDefinition>,
}

/// One table, as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableDefinition {
    /// `contact`
    pub logical_name: String,
    /// `Contact`
    pub schema_name: String,
    /// `contacts`; none when the Web API does not show the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity_set: Option<String>,
    /// What people see.
    pub display_name: String,
    /// The object type code.
    pub type_code: i32,
    /// Who owns its rows.
    pub ownership: Ownership,
    /// The column that names a row to machines.
    pub primary_id: String,
    /// The column that names a row to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_name: Option<String>,
    /// Its privileges, where they are not the usual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privileges: Option<PrivilegeDefinition>,
    /// The columns.
    pub columns: Vec<ColumnDefinition>,
    /// The alternate keys: name, then columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<(String, Vec<String>)>,
    /// Other tables' lookups that point here. Filled in when a [`super::Schema`] is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_to_many: Vec<OneToMany>,
    /// Filled in when a [`super::Schema`] is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub many_to_many: Vec<ManyToManyDefinition>,
    /// Of a table of pairs: the privileges for reading the tables of its two sides. Filled in when
    /// a [`super::Schema`] is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<Guard>,
}

/// The privilege for reading another table, which a table without privileges of its own is
/// guarded by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// The privilege's name: `prvReadUser`.
    pub privilege: String,
    /// The other table's logical name.
    pub table: String,
    /// The other table's object type code.
    pub type_code: i32,
    /// What people see.
    pub display_name: String,
}

/// One column, as written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnDefinition {
    /// The logical name.
    pub name: String,
    /// What people see.
    pub label: String,
    /// The name in its own writing, where it is not the logical name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_name: Option<String>,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether a row needs it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub requirement: Requirement,
    /// Who may set it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub access: Access,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Who owns the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ownership {
    /// Each row has an owner, a user or a team, and the business unit of that owner.
    User,
    /// Each row belongs to a business unit.
    BusinessUnit,
    /// All rows belong to the organization.
    Organization,
    /// The platform's own rows, and the rows between two tables.
    None,
}

/// The privileges of a table where they are not `prv<Verb><SchemaName>` for all verbs that its
/// ownership allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivilegeDefinition {
    /// What stands in the place of the schema name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stem: Option<String>,
    /// The verbs that there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verbs: Option<Vec<Verb>>,
}

/// A lookup of another table, seen from the table it points at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneToMany {
    /// The navigation property here: `contact_customer_accounts`.
    pub navigation: String,
    /// The other table's logical name.
    pub table: String,
    /// The lookup column there.
    pub column: String,
}

/// A relationship with a table of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManyToManyDefinition {
    /// The relationship's name.
    pub name: String,
    /// The logical name of the table that holds the pairs.
    pub intersect: String,
    /// One side.
    pub first: ManyToManyEnd,
    /// The other side.
    pub second: ManyToManyEnd,
}

/// One side of a many-to-many relationship.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManyToManyEnd {
    /// The table's logical name.
    pub table: String,
    /// The column of the intersect table with this side's id.
    pub column: String,
    /// The navigation property of this table towards the other.
    pub navigation: String,
}

impl TableDefinition {
    /// What stands behind `prv<Verb>`, and the verbs that there are.
    pub(super) fn privilege_names(&self) -> (&str, Vec<Verb>) {
        let own = self.privileges.as_ref();
        (
            own.and_then(|own| own.stem.as_deref()).unwrap_or(&self.schema_name),
            own.and_then(|own| own.verbs.clone()).unwrap_or_else(|| usual_verbs(self.ownership)),
        )
    }

    /// The privilege for reading it; none where there is no such privilege.
    fn read_guard(&self) -> Option<Guard> {
        let (stem, verbs) = self.privilege_names();
        verbs.contains(&Verb::Read).then(|| Guard {
            privilege: format!("prv{}{stem}", Verb::Read),
            table: self.logical_name.clone(),
            type_code: self.type_code,
            display_name: self.display_name.clone(),
        })
    }
}

/// Only rows with an owner can change hands or be shared.
fn usual_verbs(ownership: Ownership) -> Vec<Verb> {
    match ownership {
        Ownership::User => Verb::ALL.to_vec(),
        Ownership::BusinessUnit | Ownership::Organization => {
            Verb::ALL.into_iter().filter(|verb| !matches!(verb, Verb::Assign | Verb::Share)).collect()
        }
        Ownership::None => Vec::new(),
    }
}

impl SchemaDefinition {
    /// Copies every relationship to the tables of both its sides. Lookups to tables that the
    /// schema does not have stay, and lead nowhere.
    pub(super) fn resolved(self) -> Result<Vec<TableDefinition>, SchemaError> {
        let mut tables = self.tables;
        let positions: HashMap<String, usize> =
            tables.iter().enumerate().map(|(position, table)| (table.logical_name.clone(), position)).collect();
        let mut collections = Vec::new();
        for table in &tables {
            for column in &table.columns {
                let targets = match &column.kind {
                    ColumnKind::Lookup { targets }
                    | ColumnKind::Customer { targets }
                    | ColumnKind::Owner { targets } => targets,
                    _ => continue,
                };
                for target in targets {
                    if let (Some(&position), Some(navigation)) = (positions.get(&target.table), &target.collection) {
                        collections.push((
                            position,
                            OneToMany {
                                navigation: navigation.clone(),
                                table: table.logical_name.clone(),
                                column: column.name.clone(),
                            },
                        ));
                    }
                }
            }
        }
        for (position, relationship) in collections {
            if let Some(table) = tables.get_mut(position)
                && !table.one_to_many.contains(&relationship)
            {
                table.one_to_many.push(relationship);
            }
        }
        for relationship in self.many_to_many {
            let ends = [&relationship.first.table, &relationship.second.table];
            let guards: Vec<Guard> = ends
                .into_iter()
                .filter_map(|end| positions.get(end).and_then(|&position| tables.get(position)))
                .filter_map(TableDefinition::read_guard)
                .collect();
            if let Some(&position) = positions.get(&relationship.intersect)
                && let Some(pairs) = tables.get_mut(position)
            {
                for guard in guards {
                    if !pairs.guards.contains(&guard) {
                        pairs.guards.push(guard);
                    }
                }
            }
            for end in [&relationship.first, &relationship.second] {
                let table =
                    positions.get(&end.table).and_then(|&position| tables.get_mut(position)).ok_or_else(|| {
                        SchemaError::Table {
                            table: relationship.intersect.clone(),
                            reason: format!(
                                "its relationship `{}` leads to no table `{}`",
                                relationship.name, end.table
                            ),
                        }
                    })?;
                if !table.many_to_many.contains(&relationship) {
                    table.many_to_many.push(relationship.clone());
                }
            }
        }
        Ok(tables)
    }
}
