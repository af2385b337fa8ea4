//! A schema as it is written down: the file that ships, what an import makes, and what the
//! catalogue keeps.
//!
//! In the written form a relationship stands once, at the lookup or in the list of many-to-many
//! relationships. [`SchemaDefinition::resolved`] copies it to the other side, so that afterwards a
//! table's definition says everything about that table without any other being read.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Access, ColumnKind, ContentsLimit, LookupTarget, OptionItem, Requirement, SchemaError};
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
    /// The lists of options that columns share.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub option_sets: Vec<OptionSetDefinition>,
    /// What an org has changed of tables that ship.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<ChangedTable>,
}

/// What an org has changed of a table that ships: what people see, and the limits of columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedTable {
    /// The table's logical name.
    pub table: String,
    /// What people see of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub look: Option<TableLook>,
    /// Columns as they are now; what they hold is what ships.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnDefinition>,
}

/// What people see of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableLook {
    /// Of a row.
    pub display_name: String,
    /// Of several rows, where it is not the name of one with an ending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_collection_name: Option<String>,
    /// What is said of it beside its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether changes of its rows are to be audited.
    #[serde(default, skip_serializing_if = "is_default")]
    pub audit: bool,
}

/// A list of options that several columns may share. The columns have a copy of its options, which follows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OptionSetDefinition {
    /// `new_colours`, in its own writing.
    pub name: String,
    /// What people see.
    pub display_name: String,
    /// What is said of it beside its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The options, in the order in which people see them.
    pub options: Vec<OptionItem>,
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
    /// The object type code; 0 where none is given yet (see [`SchemaDefinition::number`]).
    #[serde(default)]
    pub type_code: i32,
    /// Who owns its rows.
    pub ownership: Ownership,
    /// The column that names a row to machines.
    pub primary_id: String,
    /// The column that names a row to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_name: Option<String>,
    /// What people see of several rows, where it is not the name of one with an ending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_collection_name: Option<String>,
    /// What is said of it beside its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether changes of its rows are to be audited.
    #[serde(default, skip_serializing_if = "is_default")]
    pub audit: bool,
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
    /// The relationships that the table stands at either end of, or holds the pairs of. Filled in when a
    /// [`super::Schema`] is made.
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
    /// What is said of it beside its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether changes of it are to be audited.
    #[serde(default, skip_serializing_if = "is_default")]
    pub audit: bool,
    /// The list of options that it shares with other columns, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub option_set: Option<String>,
    /// Of an id that is no lookup: the tables whose rows it names, with the navigation properties towards them. They are followed, and
    /// never set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<LookupTarget>,
    /// How much a file or image column keeps, where that is not what is usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contents: Option<ContentsLimit>,
}

impl ColumnDefinition {
    /// A column of which nothing more is said.
    #[must_use]
    pub fn new(name: impl Into<String>, label: impl Into<String>, kind: ColumnKind) -> Self {
        Self {
            name: name.into(),
            label: label.into(),
            schema_name: None,
            kind,
            requirement: Requirement::default(),
            access: Access::default(),
            description: None,
            audit: false,
            option_set: None,
            references: Vec::new(),
            contents: None,
        }
    }

    /// Where it leads: the targets of a lookup, or what an id names that is none.
    #[must_use]
    pub fn targets(&self) -> &[LookupTarget] {
        if self.kind.is_lookup() { self.kind.targets() } else { &self.references }
    }

    /// The columns that the platform gives a file or image column beside it: a file's name; an image's id, when it was
    /// set, and where it is downloaded from. None for every other column.
    #[must_use]
    pub fn companions(&self) -> Vec<Self> {
        let schema_name = self.schema_name.as_deref().unwrap_or(&self.name);
        let companion = |ending: &str, kind: ColumnKind| Self {
            schema_name: Some(format!("{schema_name}{ending}")),
            access: Access { create: false, read: true, update: false },
            ..Self::new(format!("{}{}", self.name, ending.to_ascii_lowercase()), format!("{schema_name}{ending}"), kind)
        };
        match self.kind {
            ColumnKind::File => vec![companion("_Name", ColumnKind::Text { max_length: LONGEST_FILE_NAME })],
            ColumnKind::Image => vec![
                companion("Id", ColumnKind::Guid),
                companion("_Timestamp", ColumnKind::BigInteger),
                companion("_URL", ColumnKind::Text { max_length: 200 }),
            ],
            _ => Vec::new(),
        }
    }
}

/// The longest name of a file, in UTF-16 code units.
pub const LONGEST_FILE_NAME: u32 = 255;

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

impl ManyToManyDefinition {
    /// The table that holds the pairs, where nobody says more of it than that: an id of its own, and those of both
    /// sides. It is shown under no entity set, and its type code has to be given.
    #[must_use]
    pub fn table_of_pairs(&self) -> TableDefinition {
        let id = format!("{}id", self.intersect);
        let guid = |name: &str| ColumnDefinition {
            requirement: Requirement::System,
            access: Access { create: false, read: true, update: false },
            ..ColumnDefinition::new(name, name, ColumnKind::Guid)
        };
        TableDefinition {
            schema_name: self.name.clone(),
            columns: vec![guid(&id), guid(&self.first.column), guid(&self.second.column)],
            ..TableDefinition::new(&self.intersect, &self.name, Ownership::None, id)
        }
    }
}

impl TableDefinition {
    /// A table without columns of which nothing more is said; it is called by its logical name.
    #[must_use]
    pub fn new(
        logical_name: impl Into<String>,
        display_name: impl Into<String>,
        ownership: Ownership,
        primary_id: impl Into<String>,
    ) -> Self {
        let logical_name = logical_name.into();
        Self {
            schema_name: logical_name.clone(),
            logical_name,
            entity_set: None,
            display_name: display_name.into(),
            type_code: 0,
            ownership,
            primary_id: primary_id.into(),
            primary_name: None,
            display_collection_name: None,
            description: None,
            audit: false,
            privileges: None,
            columns: Vec::new(),
            keys: Vec::new(),
            one_to_many: Vec::new(),
            many_to_many: Vec::new(),
            guards: Vec::new(),
        }
    }

    /// The same without columns and keys: what an org can add its own to.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { type_code: 0, columns: Vec::new(), keys: Vec::new(), ..self.clone() }
    }

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
    /// Nothing.
    #[must_use]
    pub fn empty() -> Self {
        Self { tables: Vec::new(), many_to_many: Vec::new(), option_sets: Vec::new(), changed: Vec::new() }
    }

    /// Copies every relationship to the tables of both its sides. Lookups to tables that the
    /// schema does not have stay, and lead nowhere.
    pub(super) fn resolved(self) -> Result<Vec<TableDefinition>, SchemaError> {
        let mut tables = self.tables;
        let positions: HashMap<String, usize> =
            tables.iter().enumerate().map(|(position, table)| (table.logical_name.clone(), position)).collect();
        let mut collections = Vec::new();
        for table in &tables {
            for column in &table.columns {
                for target in column.targets() {
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
                if !pairs.many_to_many.contains(&relationship) {
                    pairs.many_to_many.push(relationship.clone());
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
