//! What the org says of a table: enough to check rows before they are sent, and to name other rows in them ("Query
//! table definitions using the Web API").

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use serde::Deserialize;

use super::{Dataverse, Filter, Key, Query};
use crate::error::Error;

/// A table's definition.
#[derive(Debug, Clone, PartialEq)]
pub struct TableInfo {
    /// `contact`.
    pub logical_name: String,
    /// What stands in addresses: `contacts`.
    pub entity_set: String,
    /// The column of the id: `contactid`.
    pub primary_id: String,
    /// The column of what a row is called: `fullname`; some tables have none.
    pub primary_name: Option<String>,
    /// The columns, by logical name.
    pub columns: BTreeMap<String, Column>,
    /// What lookups point to: one entry for each table that a lookup may point into.
    pub lookups: Vec<Lookup>,
    /// The alternate keys that are in use.
    pub keys: Vec<AlternateKey>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The logical name: `emailaddress1`.
    pub name: String,
    /// The type as the service calls it: `String`, `Picklist`, `Lookup`, `Money`.
    pub kind: String,
    /// Whether a new row may have it.
    pub for_create: bool,
    /// Whether a change may have it.
    pub for_update: bool,
    /// Whether it can be read.
    pub for_read: bool,
    /// Whether people must fill it in. The service does not ask that of programs, but for columns that it fills itself.
    pub required: bool,
    /// The longest text, in UTF-16 units.
    pub max_length: Option<u32>,
    /// The least number.
    pub min_value: Option<f64>,
    /// The greatest number.
    pub max_value: Option<f64>,
    /// Whether it is a day, without a time.
    pub date_only: bool,
    /// What a choice may be; empty for other columns.
    pub choices: Vec<Choice>,
}

/// One of a choice's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is sent.
    pub value: i64,
    /// What people read, in the caller's language.
    pub label: Option<String>,
}

/// One table that a lookup may point into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The lookup's column: `parentcustomerid`.
    pub column: String,
    /// The table that it points into: `account`.
    pub table: String,
    /// That table's entity set: `accounts`.
    pub entity_set: String,
    /// What stands before `@odata.bind`, its case as it is: `parentcustomerid_account`.
    pub navigation_property: String,
}

/// An alternate key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlternateKey {
    /// Its logical name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    logical_name: String,
    entity_set_name: String,
    primary_id_attribute: String,
    primary_name_attribute: Option<String>,
    #[serde(default)]
    keys: Vec<KeyDefinition>,
    #[serde(default)]
    many_to_one_relationships: Vec<Relationship>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyDefinition {
    logical_name: String,
    key_attributes: Vec<String>,
    entity_key_index_status: Option<String>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Relationship {
    referencing_attribute: String,
    referenced_entity: String,
    referencing_entity_navigation_property_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    logical_name: String,
    attribute_type: Option<String>,
    attribute_type_name: Option<Managed<String>>,
    #[serde(default)]
    is_valid_for_create: bool,
    #[serde(default)]
    is_valid_for_update: bool,
    #[serde(default)]
    is_valid_for_read: bool,
    required_level: Option<Managed<String>>,
    max_length: Option<u32>,
    // Of dates, these are other properties.
    min_value: Option<f64>,
    max_value: Option<f64>,
    date_time_behavior: Option<Managed<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Managed<T> {
    value: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WithOptions {
    logical_name: String,
    option_set: Option<OptionSet>,
    global_option_set: Option<OptionSet>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OptionSet {
    #[serde(default)]
    options: Vec<OptionValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OptionValue {
    value: i64,
    label: Option<Label>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Label {
    user_localized_label: Option<LocalizedLabel>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LocalizedLabel {
    label: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SetName {
    logical_name: String,
    entity_set_name: String,
}

/// The tables whose rows own others.
const OWNERS: [&str; 2] = ["systemuser", "team"];

/// The types of columns that have options, and what each type's columns are asked as.
const CHOICES: [(&str, &str); 4] = [
    ("Picklist", "PicklistAttributeMetadata"),
    ("State", "StateAttributeMetadata"),
    ("Status", "StatusAttributeMetadata"),
    ("MultiSelectPicklist", "MultiSelectPicklistAttributeMetadata"),
];

impl Dataverse {
    /// What the org says of a table, by its logical name. Some five requests: to be kept by whoever asks for
    /// many rows.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// let contact = org.table("contact").await?;
    /// assert_eq!(contact.entity_set, "contacts");
    /// let lookup = contact.lookup("parentcustomerid", Some("account")).map(|lookup| &lookup.navigation_property);
    /// assert_eq!(lookup.map(String::as_str), Some("parentcustomerid_account"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Dataverse`] with 404 when there is no such table, and what the requests came to.
    pub async fn table(&self, logical_name: &str) -> Result<TableInfo, Error> {
        let key = Key::alternate("LogicalName", logical_name);
        let select = ["LogicalName", "EntitySetName", "PrimaryIdAttribute", "PrimaryNameAttribute"];
        let relationship = "ManyToOneRelationships($select=ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName)";
        let query = Query::row("EntityDefinitions", key.clone())
            .select(select)
            .expand("Keys($select=LogicalName,KeyAttributes,EntityKeyIndexStatus)")
            .expand(relationship);
        let definition: Definition = self.get_as(query).await?;

        let attributes = format!("EntityDefinitions{key}/Attributes");
        // Without a choice of properties, since those of a single type cannot be chosen.
        let seen: Vec<Attribute> = self.query(&attributes).collect_as().await?;
        let mut columns: BTreeMap<String, Column> = seen.into_iter().map(column).collect();
        for (kind, cast) in CHOICES {
            if columns.values().any(|column| column.kind == kind) {
                self.read_choices(&format!("{attributes}/Microsoft.Dynamics.CRM.{cast}"), &mut columns).await?;
            }
        }
        let all: Vec<(String, Relationship)> =
            definition.many_to_one_relationships.into_iter().flat_map(tables_behind).collect();
        let sets = self.entity_sets(all.iter().map(|(table, _)| table)).await?;
        let lookups = all.into_iter().filter_map(|(table, relationship)| {
            Some(Lookup {
                column: relationship.referencing_attribute,
                entity_set: sets.get(&table)?.clone(),
                table,
                navigation_property: relationship.referencing_entity_navigation_property_name?,
            })
        });
        let in_use =
            |key: &KeyDefinition| key.entity_key_index_status.as_deref().is_none_or(|status| status == "Active");
        let keys = definition.keys.into_iter().filter(in_use);
        Ok(TableInfo {
            logical_name: definition.logical_name,
            entity_set: definition.entity_set_name,
            primary_id: definition.primary_id_attribute,
            primary_name: definition.primary_name_attribute.filter(|name| !name.is_empty()),
            columns,
            lookups: lookups.collect(),
            keys: keys.map(|key| AlternateKey { name: key.logical_name, columns: key.key_attributes }).collect(),
        })
    }

    /// The logical name of the table whose entity set this is; nothing where there is none.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// assert_eq!(org.table_of_set("contacts").await?.as_deref(), Some("contact"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the request came to.
    pub async fn table_of_set(&self, entity_set: &str) -> Result<Option<String>, Error> {
        let query = Query::rows("EntityDefinitions")
            .select(["LogicalName", "EntitySetName"])
            .filter(Filter::eq("EntitySetName", entity_set));
        let found: Vec<SetName> = self.query(query).collect_as().await?;
        Ok(found.into_iter().next().map(|table| table.logical_name))
    }

    async fn read_choices(&self, path: &str, columns: &mut BTreeMap<String, Column>) -> Result<(), Error> {
        let query = Query::from(path)
            .select(["LogicalName"])
            .expand("OptionSet($select=Options)")
            .expand("GlobalOptionSet($select=Options)");
        let found: Vec<WithOptions> = self.query(query).collect_as().await?;
        for with in found {
            let options = with.option_set.into_iter().chain(with.global_option_set).find(|set| !set.options.is_empty());
            let (Some(column), Some(set)) = (columns.get_mut(&with.logical_name), options) else { continue };
            let choice = |option: OptionValue| Choice {
                value: option.value,
                label: option.label.and_then(|label| label.user_localized_label).map(|label| label.label),
            };
            column.choices = set.options.into_iter().map(choice).collect();
        }
        Ok(())
    }

    /// The entity sets of tables, by their logical names.
    async fn entity_sets<'a>(
        &self,
        tables: impl Iterator<Item = &'a String>,
    ) -> Result<BTreeMap<String, String>, Error> {
        let names: BTreeSet<&String> = tables.collect();
        let Some(filter) = names.into_iter().map(|name| Filter::eq("LogicalName", name)).reduce(Filter::or) else {
            return Ok(BTreeMap::new());
        };
        let query = Query::rows("EntityDefinitions").select(["LogicalName", "EntitySetName"]).filter(filter);
        self.query(query)
            .rows_as::<SetName>()
            .map_ok(|table| (table.logical_name, table.entity_set_name))
            .try_collect()
            .await
    }
}

/// The tables that a relationship points into. An owner is said to be of the table `owner`, which has no rows of its own: a
/// user or a team.
fn tables_behind(relationship: Relationship) -> Vec<(String, Relationship)> {
    if relationship.referenced_entity == "owner" {
        return OWNERS.iter().map(|table| ((*table).to_owned(), relationship.clone())).collect();
    }
    vec![(relationship.referenced_entity.clone(), relationship)]
}

fn column(seen: Attribute) -> (String, Column) {
    // Some types have no name in the older list: `Virtual` stands for them.
    let kind = match (seen.attribute_type.as_deref(), seen.attribute_type_name) {
        (None | Some("Virtual"), Some(name)) => name.value.trim_end_matches("Type").to_owned(),
        (kind, _) => kind.unwrap_or("Virtual").to_owned(),
    };
    let level = seen.required_level.map(|level| level.value);
    let column = Column {
        name: seen.logical_name.clone(),
        kind,
        for_create: seen.is_valid_for_create,
        for_update: seen.is_valid_for_update,
        for_read: seen.is_valid_for_read,
        required: matches!(level.as_deref(), Some("ApplicationRequired" | "SystemRequired")),
        max_length: seen.max_length,
        min_value: seen.min_value,
        max_value: seen.max_value,
        date_only: seen.date_time_behavior.is_some_and(|behavior| behavior.value == "DateOnly"),
        choices: Vec::new(),
    };
    (seen.logical_name, column)
}

impl TableInfo {
    /// How a lookup is set: where it may point into one table only, or into this one.
    #[must_use]
    pub fn lookup(&self, column: &str, table: Option<&str>) -> Option<&Lookup> {
        let mut all = self.lookups.iter().filter(|lookup| lookup.column == column);
        match table {
            Some(table) => all.find(|lookup| lookup.table == table),
            None => all.next().filter(|_| all.next().is_none()),
        }
    }

    /// Whether these columns, in any order, are an alternate key.
    #[must_use]
    pub fn key(&self, columns: &[&str]) -> Option<&AlternateKey> {
        let wanted: BTreeSet<&str> = columns.iter().copied().collect();
        self.keys.iter().find(|key| key.columns.iter().map(String::as_str).collect::<BTreeSet<_>>() == wanted)
    }
}
