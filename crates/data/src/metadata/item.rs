//! What there is a definition of, and the way from one definition to another.

use std::sync::Arc;

use keyholder_dataverse::Schema;
use keyholder_dataverse::schema::{
    AlternateKey, Column, ColumnKind, ManyToMany, Navigation, OptionSetDefinition, Side, Table,
};
use keyholder_operation::metadata::{Kind, MetadataKey, Root, kinds};
use serde_json::{Value, json};
use uuid::Uuid;

use super::relationship::{self, LookupRelation};
use super::values::{id, is_custom, label, managed};
use super::{column, options, table};
use crate::catalogue::Catalogue;
use crate::error::Failure;

/// Where the definitions come from.
pub(super) struct Schemas<'a> {
    schema: &'a Schema,
    option_sets: &'a [Arc<OptionSetDefinition>],
    /// The tables in the schema's order, decoded for this answer where nobody had named them before.
    tables: std::cell::OnceCell<Vec<Arc<Table>>>,
}

/// One definition.
#[derive(Debug, Clone)]
pub(super) enum Item {
    Table(Arc<Table>),
    Column(Arc<Table>, Arc<Column>),
    Key(Arc<Table>, Arc<AlternateKey>),
    Lookup(LookupRelation),
    Pair(Arc<ManyToMany>),
    Options(Arc<Table>, Arc<Column>),
    Shared(Arc<OptionSetDefinition>),
}

impl<'a> Schemas<'a> {
    pub(super) fn of(catalogue: &'a Catalogue) -> Self {
        let option_sets = &catalogue.option_sets;
        Self { schema: &catalogue.schema, option_sets, tables: std::cell::OnceCell::new() }
    }

    /// The list of options that columns share which a key names.
    pub(super) fn option_set(&self, key: &MetadataKey) -> Result<Arc<OptionSetDefinition>, Failure> {
        let found = self.option_sets.iter().find(|set| Item::Shared(Arc::clone(set)).is_named(key));
        found.cloned().ok_or_else(|| super::not_found(Root::OptionSets.name(), key).into())
    }

    /// The list that a column shares with others.
    fn shared_by(&self, column: &Column) -> Option<Arc<OptionSetDefinition>> {
        let name = column.option_set.as_deref()?;
        self.option_sets.iter().find(|set| set.name == name).cloned()
    }

    /// The table with this name. One that has not been named before is decoded for this answer only.
    pub(super) fn table(&self, logical_name: &str) -> Result<Option<Arc<Table>>, Failure> {
        if let Some(tables) = self.tables.get() {
            return Ok(tables.iter().find(|table| table.logical_name() == logical_name).cloned());
        }
        Ok(self.schema.table(logical_name)?)
    }

    /// Every table of the schema.
    pub(super) fn tables(&self) -> Result<&[Arc<Table>], Failure> {
        if let Some(tables) = self.tables.get() {
            return Ok(tables);
        }
        let tables = self.schema.each().collect::<Result<Vec<_>, _>>()?;
        Ok(self.tables.get_or_init(|| tables))
    }

    /// Visits everything that stands in a set.
    pub(super) fn all(&self, root: Root, visit: &mut dyn FnMut(Item) -> Result<(), Failure>) -> Result<(), Failure> {
        match root {
            Root::Entities => {
                for table in self.tables()? {
                    visit(Item::Table(Arc::clone(table)))?;
                }
            }
            Root::Relationships => {
                for table in self.tables()? {
                    for relation in many_to_one(self, table)? {
                        visit(relation)?;
                    }
                    // Each pair is met from both sides; the first one tells it.
                    for (_, navigation) in sorted(table) {
                        if let Navigation::ManyToMany { relationship, side: Side::First } = navigation {
                            visit(Item::Pair(Arc::clone(relationship)))?;
                        }
                    }
                }
            }
            Root::OptionSets => {
                for set in self.option_sets {
                    visit(Item::Shared(Arc::clone(set)))?;
                }
            }
        }
        Ok(())
    }

    /// The definition that a key names in a set, where there is a shorter way than to look at all.
    pub(super) fn named(&self, root: Root, key: &MetadataKey) -> Result<Option<Item>, Failure> {
        if let (Root::Entities, MetadataKey::Name("LogicalName", name)) = (root, key) {
            return Ok(self.table(name)?.map(Item::Table));
        }
        let mut found = None;
        self.all(root, &mut |item| {
            if found.is_none() && item.is_named(key) {
                found = Some(item);
            }
            Ok(())
        })?;
        Ok(found)
    }
}

impl Item {
    pub(super) fn kind(&self) -> &'static Kind {
        match self {
            Self::Table(_) => &kinds::ENTITY,
            Self::Column(_, column) => column::kind(column),
            Self::Key(..) => &kinds::KEY,
            Self::Lookup(_) => &kinds::ONE_TO_MANY,
            Self::Pair(_) => &kinds::MANY_TO_MANY,
            Self::Options(_, column) => options::kind(column).unwrap_or(&kinds::OPTION_SET_BASE),
            Self::Shared(_) => &kinds::OPTION_SET,
        }
    }

    fn id(&self) -> Uuid {
        match self {
            Self::Table(table) => table::id_of(table),
            Self::Column(table, column) => column::id_of(table, column),
            Self::Key(table, key) => key_id(table, key),
            Self::Lookup(relation) => relation.id(),
            Self::Pair(relation) => relationship::pair_id(relation),
            Self::Options(table, column) => id("optionset", &options::name(table, column)),
            Self::Shared(set) => id("optionset", &set.name),
        }
    }

    pub(super) fn is_named(&self, key: &MetadataKey) -> bool {
        match (key, self) {
            (MetadataKey::Id(wanted), _) => self.id() == *wanted,
            (MetadataKey::Name("LogicalName", name), Self::Table(table)) => table.logical_name() == name,
            (MetadataKey::Name("SchemaName", name), Self::Table(table)) => table.schema_name() == name,
            (MetadataKey::Name("LogicalName", name), Self::Column(_, column)) => *column.name == **name,
            (MetadataKey::Name("SchemaName", name), Self::Column(_, column)) => *column.schema_name == **name,
            (MetadataKey::Name("LogicalName", name), Self::Key(_, key)) => key.name.eq_ignore_ascii_case(name),
            (MetadataKey::Name("SchemaName", name), Self::Key(_, key)) => *key.name == **name,
            (MetadataKey::Name("SchemaName", name), Self::Lookup(relation)) => *relation.collection == **name,
            (MetadataKey::Name("SchemaName", name), Self::Pair(relation)) => relation.name == *name,
            (MetadataKey::Name("Name", name), Self::Options(table, column)) => options::name(table, column) == *name,
            (MetadataKey::Name("Name", name), Self::Shared(set)) => set.name.eq_ignore_ascii_case(name),
            _ => false,
        }
    }

    /// The value of a property that the definition's type has.
    pub(super) fn property(&self, schemas: &Schemas<'_>, property: &str) -> Result<Value, Failure> {
        Ok(match self {
            Self::Table(table) => table::property(schemas, table, property)?,
            Self::Column(table, column) => column::property(table, column, property),
            Self::Key(table, key) => key_property(table, key, property),
            Self::Lookup(relation) => relation.property(property),
            Self::Pair(relation) => relationship::pair_property(relation, property),
            Self::Options(table, column) => options::property(table, column, property),
            Self::Shared(set) => options::shared_property(set, property),
        })
    }

    /// What is behind a navigation property.
    pub(super) fn member(&self, schemas: &Schemas<'_>, member: &str) -> Result<Vec<Self>, Failure> {
        Ok(match (self, member) {
            (Self::Table(table), "Attributes") => {
                table.columns().iter().map(|column| Self::Column(Arc::clone(table), Arc::clone(column))).collect()
            }
            (Self::Table(table), "Keys") => {
                table.keys().iter().map(|key| Self::Key(Arc::clone(table), Arc::clone(key))).collect()
            }
            (Self::Table(table), "ManyToOneRelationships") => many_to_one(schemas, table)?,
            (Self::Table(table), "OneToManyRelationships") => one_to_many(schemas, table)?,
            (Self::Table(table), "ManyToManyRelationships") => {
                let mut pairs: Vec<Self> = Vec::new();
                for (_, navigation) in sorted(table) {
                    if let Navigation::ManyToMany { relationship, .. } = navigation
                        && !pairs
                            .iter()
                            .any(|known| matches!(known, Self::Pair(pair) if pair.name == relationship.name))
                    {
                        pairs.push(Self::Pair(Arc::clone(relationship)));
                    }
                }
                pairs
            }
            (Self::Column(table, column), "OptionSet") if options::kind(column).is_some() => {
                vec![match schemas.shared_by(column) {
                    Some(set) => Self::Shared(set),
                    None => Self::Options(Arc::clone(table), Arc::clone(column)),
                }]
            }
            (Self::Column(_, column), "GlobalOptionSet") => {
                schemas.shared_by(column).map(Self::Shared).into_iter().collect()
            }
            _ => Vec::new(),
        })
    }
}

/// A table's navigation properties in the order of their names.
fn sorted(table: &Table) -> Vec<(&str, &Navigation)> {
    let mut all: Vec<_> = table.navigations().collect();
    all.sort_unstable_by_key(|(name, _)| *name);
    all
}

/// The lookups of a table, each once for every table that it points at.
fn many_to_one(schemas: &Schemas<'_>, table: &Arc<Table>) -> Result<Vec<Item>, Failure> {
    let mut found: Vec<Item> = Vec::new();
    for column in table.columns() {
        for target in column.targets() {
            let Some(collection) = &target.collection else { continue };
            let known = |item: &Item| matches!(item, Item::Lookup(relation) if *relation.collection == **collection);
            if found.iter().any(known) {
                continue;
            }
            if let Some(relation) = relation(schemas, table, column, collection)? {
                found.push(Item::Lookup(relation));
            }
        }
    }
    Ok(found)
}

/// The lookups of other tables that point at a table.
fn one_to_many(schemas: &Schemas<'_>, table: &Arc<Table>) -> Result<Vec<Item>, Failure> {
    let mut found = Vec::new();
    for (_, navigation) in sorted(table) {
        let Navigation::OneToMany(back) = navigation else { continue };
        let Some(other) = schemas.table(&back.table)? else { continue };
        let Some(column) = other.column(&back.column) else { continue };
        // Who owns a row is told once, of users and teams together.
        if matches!(column.kind, ColumnKind::Owner { .. }) {
            continue;
        }
        found.extend(relation(schemas, &other, column, &back.navigation)?.map(Item::Lookup));
    }
    Ok(found)
}

/// A lookup to the table that has this collection of it.
fn relation(
    schemas: &Schemas<'_>,
    referencing: &Arc<Table>,
    column: &Column,
    collection: &str,
) -> Result<Option<LookupRelation>, Failure> {
    let to = |target: &&keyholder_dataverse::schema::LookupTarget| target.collection.as_deref() == Some(collection);
    let Some(target) = column.targets().iter().find(to) else { return Ok(None) };
    let (referenced, referenced_id) = match column.kind {
        ColumnKind::Owner { .. } => ("owner".into(), "ownerid".into()),
        _ => match schemas.table(&target.table)? {
            Some(table) => (table.logical_name().into(), table.primary_id().name.clone()),
            None => return Ok(None),
        },
    };
    Ok(Some(LookupRelation {
        referencing: Arc::clone(referencing),
        column: column.name.clone(),
        navigation: target.navigation.as_str().into(),
        referenced,
        referenced_id,
        collection: collection.into(),
        behavior: column.behavior(target),
    }))
}

fn key_id(table: &Table, key: &AlternateKey) -> Uuid {
    id("key", &format!("{}.{}", table.logical_name(), key.name))
}

fn key_property(table: &Table, key: &AlternateKey, property: &str) -> Value {
    let custom = is_custom(&key.name);
    match property {
        "MetadataId" => json!(key_id(table, key)),
        "LogicalName" => key.name.to_ascii_lowercase().into(),
        "SchemaName" => (*key.name).into(),
        "DisplayName" => label(&key.name, &format!("key {}", key.name), !custom),
        "EntityLogicalName" => table.logical_name().into(),
        "KeyAttributes" => key.columns.iter().map(|column| Value::from(&*column.name)).collect(),
        // Every key has its index from the moment that its table is made.
        "EntityKeyIndexStatus" => "Active".into(),
        "IsCustomizable" => managed(&true.into(), custom, "iscustomizable"),
        "IsManaged" => (!custom).into(),
        "IntroducedVersion" => "1.0.0.0".into(),
        "IsSynchronous" => true.into(),
        "IsExportKey" | "IsSecondaryKey" => false.into(),
        // `HasChanged`
        _ => Value::Null,
    }
}
