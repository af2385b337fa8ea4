//! One table, decoded and ready to be asked.

use std::collections::HashMap;
use std::sync::Arc;

use super::{
    Column, ColumnKind, Guard, LookupTarget, ManyToManyDefinition, ManyToManyEnd, OneToMany, Ownership, SchemaError,
    TableDefinition, TableName,
};
use crate::Verb;

/// A table.
#[derive(Debug, PartialEq)]
pub struct Table {
    logical_name: Box<str>,
    schema_name: Box<str>,
    entity_set: Option<Box<str>>,
    display_name: Box<str>,
    display_collection_name: Option<Box<str>>,
    description: Option<Box<str>>,
    audit: bool,
    type_code: i32,
    ownership: Ownership,
    privilege_stem: Box<str>,
    verbs: Vec<Verb>,
    guards: Vec<Guard>,
    columns: Vec<Arc<Column>>,
    shown: Arc<[Arc<Column>]>,
    /// Columns by their names in the Web API and by their logical names.
    by_property: HashMap<Box<str>, Arc<Column>>,
    by_name: HashMap<Box<str>, Arc<Column>>,
    navigations: HashMap<Box<str>, Navigation>,
    primary_id: Arc<Column>,
    primary_name: Option<Arc<Column>>,
    keys: Vec<Arc<AlternateKey>>,
    pairs: Vec<Arc<ManyToMany>>,
}

/// Columns whose values together name one row.
#[derive(Debug, PartialEq)]
#[non_exhaustive]
pub struct AlternateKey {
    /// The key's name.
    pub name: Box<str>,
    /// Its columns.
    pub columns: Vec<Arc<Column>>,
}

/// A relationship with a table of its own, decoded.
pub type ManyToMany = ManyToManyDefinition;

/// Which side of a many-to-many relationship a table stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The first.
    First,
    /// The second.
    Second,
}

/// Where a navigation property leads.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Navigation {
    /// From a row to the row that its lookup names.
    Lookup {
        /// The lookup column.
        column: Arc<Column>,
        /// The tables this property can lead to: one, but both owners' for `ownerid`.
        targets: Vec<LookupTarget>,
    },
    /// From a row to the rows of another table whose lookup names it.
    OneToMany(Arc<OneToMany>),
    /// From a row to the rows it is paired with.
    ManyToMany {
        /// The relationship.
        relationship: Arc<ManyToMany>,
        /// The side of the table that the property belongs to.
        side: Side,
    },
}

impl ManyToMany {
    /// The end on `side`, and the other one.
    #[must_use]
    pub fn ends(&self, side: Side) -> (&ManyToManyEnd, &ManyToManyEnd) {
        match side {
            Side::First => (&self.first, &self.second),
            Side::Second => (&self.second, &self.first),
        }
    }
}

impl Table {
    pub(super) fn decode(name: &TableName, packed: &str) -> Result<Self, SchemaError> {
        let broken = |reason: String| SchemaError::Table { table: name.logical_name.to_string(), reason };
        let definition: TableDefinition = serde_json::from_str(packed).map_err(|error| broken(error.to_string()))?;
        Self::from_definition(definition).map_err(broken)
    }

    fn from_definition(definition: TableDefinition) -> Result<Self, String> {
        let (stem, verbs) = definition.privilege_names();
        let privilege_stem = stem.into();
        let mut columns = Vec::with_capacity(definition.columns.len());
        let mut by_name: HashMap<Box<str>, Arc<Column>> = HashMap::with_capacity(definition.columns.len());
        let mut by_property = HashMap::with_capacity(definition.columns.len());
        let mut navigations: HashMap<Box<str>, Navigation> = HashMap::new();
        for (position, column) in definition.columns.into_iter().enumerate() {
            let column = Arc::new(Column {
                schema_name: column.schema_name.unwrap_or_else(|| column.name.clone()).into(),
                name: column.name.into(),
                label: column.label.into(),
                kind: column.kind,
                requirement: column.requirement,
                access: column.access,
                description: column.description.map(Into::into),
                audit: column.audit,
                option_set: column.option_set.map(Into::into),
                references: column.references,
                contents: column.contents,
                position,
            });
            for target in column.targets() {
                let navigation = navigations
                    .entry(target.navigation.as_str().into())
                    .or_insert_with(|| Navigation::Lookup { column: Arc::clone(&column), targets: Vec::new() });
                match navigation {
                    Navigation::Lookup { column: known, targets } if known.name == column.name => {
                        targets.push(target.clone());
                    }
                    _ => return Err(format!("two columns share the navigation property `{}`", target.navigation)),
                }
            }
            if by_name.insert(column.name.clone(), Arc::clone(&column)).is_some() {
                return Err(format!("it has two columns `{}`", column.name));
            }
            by_property.insert(column.property_name().into_boxed_str(), Arc::clone(&column));
            columns.push(column);
        }
        let find = |name: &str| by_name.get(name).cloned().ok_or_else(|| format!("it has no column `{name}`"));
        let primary_id = find(&definition.primary_id)?;
        if primary_id.kind != ColumnKind::Guid {
            return Err(format!("its primary id `{}` is no GUID column", primary_id.name));
        }
        for relationship in definition.one_to_many {
            navigations
                .entry(relationship.navigation.as_str().into())
                .or_insert_with(|| Navigation::OneToMany(Arc::new(relationship)));
        }
        let mut pairs = Vec::new();
        for relationship in definition.many_to_many {
            let relationship = Arc::new(relationship);
            if relationship.intersect == definition.logical_name {
                pairs.push(Arc::clone(&relationship));
            }
            for (side, end) in [(Side::First, &relationship.first), (Side::Second, &relationship.second)] {
                if end.table == definition.logical_name {
                    navigations
                        .entry(end.navigation.as_str().into())
                        .or_insert_with(|| Navigation::ManyToMany { relationship: Arc::clone(&relationship), side });
                }
            }
        }
        let keys = definition
            .keys
            .into_iter()
            .map(|(name, columns)| {
                let columns = columns.iter().map(|column| find(column)).collect::<Result<_, _>>()?;
                Ok(Arc::new(AlternateKey { name: name.into(), columns }))
            })
            .collect::<Result<_, String>>()?;
        Ok(Self {
            primary_name: definition.primary_name.as_deref().map(find).transpose()?,
            privilege_stem,
            verbs,
            guards: definition.guards,
            logical_name: definition.logical_name.into(),
            schema_name: definition.schema_name.into(),
            entity_set: definition.entity_set.map(Into::into),
            display_name: definition.display_name.into(),
            display_collection_name: definition.display_collection_name.map(Into::into),
            description: definition.description.map(Into::into),
            audit: definition.audit,
            type_code: definition.type_code,
            ownership: definition.ownership,
            shown: columns.iter().filter(|column| is_shown(column)).cloned().collect(),
            columns,
            by_property,
            by_name,
            navigations,
            primary_id,
            keys,
            pairs,
        })
    }

    /// `contact`
    #[must_use]
    pub fn logical_name(&self) -> &str {
        &self.logical_name
    }

    /// `Contact`
    #[must_use]
    pub fn schema_name(&self) -> &str {
        &self.schema_name
    }

    /// `contacts`; the logical name for a table that the Web API does not show.
    #[must_use]
    pub fn entity_set(&self) -> &str {
        self.entity_set.as_deref().unwrap_or(&self.logical_name)
    }

    /// The entity set, for a table that the Web API shows. It can be called as the table is.
    #[must_use]
    pub fn shown_set(&self) -> Option<&str> {
        self.entity_set.as_deref()
    }

    /// What people call a row of it.
    #[must_use]
    pub fn display_name(&self) -> &str {
        &self.display_name
    }

    /// What people see of several rows, where somebody has said it.
    #[must_use]
    pub fn display_collection_name(&self) -> Option<&str> {
        self.display_collection_name.as_deref()
    }

    /// What is said of it beside its name.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Whether changes of its rows are to be audited. The local org keeps no audit.
    #[must_use]
    pub fn is_audited(&self) -> bool {
        self.audit
    }

    /// The object type code.
    #[must_use]
    pub fn type_code(&self) -> i32 {
        self.type_code
    }

    /// `Microsoft.Dynamics.CRM.contact`, as the service's errors name the type.
    #[must_use]
    pub fn qualified_name(&self) -> String {
        format!("Microsoft.Dynamics.CRM.{}", self.logical_name)
    }

    /// Who owns its rows.
    #[must_use]
    pub fn ownership(&self) -> Ownership {
        self.ownership
    }

    /// Its columns, in order; a column's `position` is its index here.
    #[must_use]
    pub fn columns(&self) -> &[Arc<Column>] {
        &self.columns
    }

    /// The columns that an answer shows when nobody says which: those that may be read, but no
    /// images, which have to be asked for by name.
    #[must_use]
    pub fn shown(&self) -> &Arc<[Arc<Column>]> {
        &self.shown
    }

    /// The column with this logical name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Arc<Column>> {
        self.by_name.get(name)
    }

    /// The column that the Web API shows under this name, which for a lookup is
    /// `_<logical name>_value`. Names are case-sensitive.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&Arc<Column>> {
        self.by_property.get(name)
    }

    /// Where the navigation property with this name leads. Names are case-sensitive.
    #[must_use]
    pub fn navigation(&self, name: &str) -> Option<&Navigation> {
        self.navigations.get(name)
    }

    /// All navigation properties, in no particular order.
    pub fn navigations(&self) -> impl Iterator<Item = (&str, &Navigation)> {
        self.navigations.iter().map(|(name, navigation)| (&**name, navigation))
    }

    /// The column that names a row to machines.
    #[must_use]
    pub fn primary_id(&self) -> &Arc<Column> {
        &self.primary_id
    }

    /// The column that names a row to people.
    #[must_use]
    pub fn primary_name(&self) -> Option<&Arc<Column>> {
        self.primary_name.as_ref()
    }

    /// The image that stands for the row where one is shown: the first image column.
    #[must_use]
    pub fn primary_image(&self) -> Option<&Arc<Column>> {
        self.columns.iter().find(|column| column.kind == ColumnKind::Image)
    }

    /// The alternate keys.
    #[must_use]
    pub fn keys(&self) -> &[Arc<AlternateKey>] {
        &self.keys
    }

    /// The many-to-many relationships whose pairs this table holds.
    #[must_use]
    pub fn pairs(&self) -> &[Arc<ManyToMany>] {
        &self.pairs
    }

    /// The column that says who owns a row: the owner column, or for users and teams their own
    /// id, because a principal owns itself. None where only a business unit or the organization
    /// owns.
    #[must_use]
    pub fn owner_column(&self) -> Option<&Arc<Column>> {
        match self.ownership {
            Ownership::User => self.by_name.get("ownerid"),
            Ownership::BusinessUnit => self.is_principal().then_some(&self.primary_id),
            Ownership::Organization | Ownership::None => None,
        }
    }

    /// The column that says which business unit a row belongs to.
    #[must_use]
    pub fn business_unit_column(&self) -> Option<&Arc<Column>> {
        match self.ownership {
            Ownership::User => self.by_name.get("owningbusinessunit"),
            Ownership::BusinessUnit => self.by_name.get("businessunitid"),
            Ownership::Organization | Ownership::None => None,
        }
    }

    /// Whether a row of this table can own others: users and teams.
    #[must_use]
    pub fn is_principal(&self) -> bool {
        matches!(&*self.logical_name, "systemuser" | "team")
    }

    /// Whether its rows are activities of one kind, which `activitypointer` shows among all others:
    /// their ids are called alike.
    #[must_use]
    pub fn is_activity(&self) -> bool {
        &*self.primary_id.name == "activityid" && &*self.logical_name != "activitypointer"
    }

    /// The verbs that there is a privilege for.
    #[must_use]
    pub fn verbs(&self) -> &[Verb] {
        &self.verbs
    }

    /// Of a table of pairs: what whoever reads it must be allowed to read.
    #[must_use]
    pub fn guards(&self) -> &[Guard] {
        &self.guards
    }

    /// `prvReadContact`. None when the table has no privilege for this verb: then nothing guards
    /// it but [`Table::guards`] and having any role at all.
    #[must_use]
    pub fn privilege_name(&self, verb: Verb) -> Option<String> {
        self.verbs.contains(&verb).then(|| format!("prv{verb}{}", self.privilege_stem))
    }
}

fn is_shown(column: &Column) -> bool {
    column.access.read && column.kind != ColumnKind::Image
}
