//! Changes to the schema: tables, columns, keys and relationships, made and deleted as clients do it.
//!
//! The bodies are the published metadata types. What a body says about looks (icons, help, forms) changes
//! nothing here and passes; what would change how rows behave and is not done is refused by its name.

mod columns;
mod options;
mod update;

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{
    Behavior, Cascading, ColumnDefinition, ColumnKind, LookupTarget, ManyToManyDefinition, ManyToManyEnd, OnDelete,
    OptionSetDefinition,
};
use serde_json::{Map, Value};

use super::read::{NAMESPACE, key_of};
use super::{Kind, MetadataKey, Root, kinds};
use crate::request::{NameAndValue, Request};
use crate::syntax::path::{Arguments, Segment};
use crate::syntax::quoted;

pub use columns::{MOST_OPTIONS, next_value};
pub use options::{OptionChange, OptionSetUpdate, OptionsOf};
pub use update::{ColumnUpdate, LabelChange, RelationshipUpdate, TableUpdate};

pub(super) type Object = Map<String, Value>;

/// The longest name of a table or column.
const LONGEST_NAME: usize = 100;
/// One request makes at most this many tables, and a table has at most this many columns.
const MOST: usize = 1_000;

/// The functions and actions that are about definitions, beside their own sets.
pub(crate) const OPERATIONS: [&str; 9] = [
    "CreateEntities",
    "DeleteOptionValue",
    "InsertOptionValue",
    "InsertStatusValue",
    "OrderOption",
    "PublishAllXml",
    "PublishXml",
    "RetrieveMetadataChanges",
    "UpdateOptionValue",
];

/// A change to the schema.
#[derive(Debug, Clone, PartialEq)]
pub enum MetadataWrite {
    /// New tables.
    CreateTables(Vec<NewTable>),
    /// A new column.
    CreateColumn(MetadataKey, Box<NewColumn>),
    /// A new alternate key: the table, the key's name, its columns.
    CreateKey(MetadataKey, String, Vec<String>),
    /// A new lookup, in the table with this logical name. It has one target.
    CreateLookup(String, Box<ColumnDefinition>),
    /// A new many-to-many relationship. Its columns have no names yet.
    CreateManyToMany(Box<ManyToManyDefinition>),
    /// A new list of options that columns share.
    CreateOptionSet(Box<OptionSetDefinition>),
    /// Another look of a table.
    UpdateTable(MetadataKey, Box<TableUpdate>),
    /// Another look or other limits of a column: the table, the column.
    UpdateColumn(MetadataKey, MetadataKey, Box<ColumnUpdate>),
    /// What else a relationship does to related rows.
    UpdateRelationship(MetadataKey, Box<RelationshipUpdate>),
    /// Another look of a list that columns share.
    UpdateOptionSet(MetadataKey, OptionSetUpdate),
    /// Single options of a list.
    ChangeOptions(OptionsOf, OptionChange),
    /// A list less.
    DeleteOptionSet(MetadataKey),
    /// A table less.
    DeleteTable(MetadataKey),
    /// A column less.
    DeleteColumn(MetadataKey, MetadataKey),
    /// An alternate key less.
    DeleteKey(MetadataKey, MetadataKey),
    /// A relationship less.
    DeleteRelationship(MetadataKey),
    /// Nothing: what is changed is there at once, so there is nothing to publish.
    Publish,
}

/// A new table, as far as its body says.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTable {
    /// `new_Thing`
    pub schema_name: String,
    /// What the address calls its rows; by rule where it is not said.
    pub entity_set: Option<String>,
    /// What people see.
    pub display_name: String,
    /// What people see of several rows; by rule where it is not said.
    pub display_collection_name: Option<String>,
    /// What is said of it beside its name.
    pub description: Option<String>,
    /// Whether changes of its rows are to be audited.
    pub audit: bool,
    /// Whether each row has an owner; else all belong to the organization.
    pub owned: bool,
    /// Whether notes can be attached to its rows.
    pub notes: bool,
    /// Whether activities can be about its rows.
    pub activities: bool,
    /// The column that names a row to people.
    pub primary_name: String,
    /// The columns beside those that every table has.
    pub columns: Vec<NewColumn>,
}

/// A new column.
#[derive(Debug, Clone, PartialEq)]
pub struct NewColumn {
    /// The column.
    pub definition: ColumnDefinition,
    /// For an amount: the column that holds it in the org's own currency.
    pub base: Option<ColumnDefinition>,
    /// The list of options that it shares with others; those of its own are empty then.
    pub shared: Option<MetadataKey>,
}

impl MetadataWrite {
    /// What is done, and to which kind of definition.
    #[must_use]
    pub const fn about(&self) -> (&'static str, &'static Kind) {
        match self {
            Self::CreateTables(_) => ("Create", &kinds::ENTITY),
            Self::CreateColumn(..) => ("Create", &kinds::ATTRIBUTE),
            Self::CreateKey(..) => ("Create", &kinds::KEY),
            Self::CreateLookup(..) | Self::CreateManyToMany(_) => ("Create", &kinds::RELATIONSHIP),
            Self::CreateOptionSet(_) => ("Create", &kinds::OPTION_SET),
            Self::UpdateTable(..) => ("Write", &kinds::ENTITY),
            Self::UpdateColumn(..) | Self::ChangeOptions(OptionsOf::Column(..), _) => ("Write", &kinds::ATTRIBUTE),
            Self::UpdateRelationship(..) => ("Write", &kinds::RELATIONSHIP),
            Self::UpdateOptionSet(..) | Self::ChangeOptions(OptionsOf::Shared(_), _) => ("Write", &kinds::OPTION_SET),
            Self::DeleteOptionSet(_) => ("Delete", &kinds::OPTION_SET),
            Self::DeleteTable(_) => ("Delete", &kinds::ENTITY),
            Self::DeleteColumn(..) => ("Delete", &kinds::ATTRIBUTE),
            Self::DeleteKey(..) => ("Delete", &kinds::KEY),
            Self::DeleteRelationship(_) => ("Delete", &kinds::RELATIONSHIP),
            Self::Publish => ("Publish", &kinds::ENTITY),
        }
    }
}

/// Reads a change to one of the sets of definitions.
pub(crate) fn read(
    root: Root,
    first: Option<&Arguments<'_>>,
    rest: &[Segment<'_>],
    options: &[NameAndValue<'_>],
    request: &Request<'_>,
) -> Result<MetadataWrite, DataverseError> {
    let (method, body) = (request.method, request.body);
    // The solution that something new belongs to: there are none here, so it changes nothing.
    if let Some((name, _)) = options.iter().find(|(name, _)| &**name != "SolutionUniqueName") {
        return Err(error::unsupported_option(&quoted(name)));
    }
    let key = first.map(|arguments| key_of(root.kind(), arguments)).transpose()?;
    // Of which type it is, the definition itself says.
    let rest = match rest {
        [before @ .., last] if last.text().starts_with(NAMESPACE) => before,
        rest => rest,
    };
    let inner = match rest {
        [] => None,
        [segment] => {
            let named = segment.named()?;
            let member = root.kind().member(named.name).ok_or_else(|| error::unknown_segment(&quoted(named.name)))?;
            let inner = named.arguments.as_ref().map(|arguments| key_of(member.kind, arguments)).transpose()?;
            Some((member, inner))
        }
        [_, other, ..] => return Err(error::unknown_segment(&quoted(other.text()))),
    };
    let name = inner.as_ref().map(|(member, _)| member.name);
    let inner_key = inner.as_ref().and_then(|(_, key)| key.clone());
    match (method.as_str(), root, key, name, inner_key) {
        ("POST", Root::Entities, None, None, None) => Ok(MetadataWrite::CreateTables(vec![table(&object(body)?)?])),
        ("POST", Root::Entities, Some(key), Some("Attributes"), None) => {
            Ok(MetadataWrite::CreateColumn(key, Box::new(columns::read(&object(body)?)?)))
        }
        ("POST", Root::Entities, Some(key), Some("Keys"), None) => {
            let body = object(body)?;
            Ok(MetadataWrite::CreateKey(key, schema_name(&body)?, texts(&body, "KeyAttributes")?))
        }
        ("POST", Root::Relationships, None, None, None) => relationship(&object(body)?),
        ("DELETE", Root::Entities, Some(key), None, None) => Ok(MetadataWrite::DeleteTable(key)),
        ("DELETE", Root::Entities, Some(key), Some("Attributes"), Some(column)) => {
            Ok(MetadataWrite::DeleteColumn(key, column))
        }
        ("DELETE", Root::Entities, Some(key), Some("Keys"), Some(inner)) => Ok(MetadataWrite::DeleteKey(key, inner)),
        ("DELETE", Root::Relationships, Some(key), None, None) => Ok(MetadataWrite::DeleteRelationship(key)),
        ("PATCH", Root::Entities, ..) => {
            Err(error::odata("Operation not supported on EntityMetadata").with_status(405))
        }
        ("PUT", Root::Entities, Some(key), None, None) => {
            Ok(MetadataWrite::UpdateTable(key, Box::new(update::table(&object(body)?, merges_labels(request))?)))
        }
        ("PUT", Root::Entities, Some(key), Some("Attributes"), Some(column)) => {
            let change = update::column(object(body)?, merges_labels(request))?;
            Ok(MetadataWrite::UpdateColumn(key, column, Box::new(change)))
        }
        ("PUT", Root::Relationships, Some(key), None, None) => {
            Ok(MetadataWrite::UpdateRelationship(key, Box::new(update::relationship(object(body)?))))
        }
        ("POST", Root::OptionSets, None, None, None) => {
            Ok(MetadataWrite::CreateOptionSet(Box::new(options::create(&object(body)?)?)))
        }
        ("PUT", Root::OptionSets, Some(key), None, None) => {
            Ok(MetadataWrite::UpdateOptionSet(key, options::update(&object(body)?, merges_labels(request))))
        }
        ("DELETE", Root::OptionSets, Some(key), None, None) => Ok(MetadataWrite::DeleteOptionSet(key)),
        (method, ..) => Err(error::method_not_allowed(&quoted(method))),
    }
}

/// Whether labels that a body does not have are to stay.
fn merges_labels(request: &Request<'_>) -> bool {
    request.headers.get("MSCRM.MergeLabels").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"))
}

/// Reads the body of one of the actions on single options; nothing where the name is of no such action.
pub(crate) fn option_action(name: &str, body: &[u8]) -> Result<Option<MetadataWrite>, DataverseError> {
    Ok(options::action(name, body)?.map(|(of, change)| MetadataWrite::ChangeOptions(of, change)))
}

/// Reads the body of `CreateEntities`: several tables at once.
pub(crate) fn create_entities(body: &[u8]) -> Result<MetadataWrite, DataverseError> {
    let body = object(body)?;
    let Some(Value::Array(tables)) = body.get("Entities") else {
        return Err(error::odata("The request has no list of Entities."));
    };
    if tables.len() > MOST {
        return Err(error::odata(format!("The request makes more than {MOST} tables.")));
    }
    let one = |value: &Value| value.as_object().ok_or_else(error::bad_syntax).and_then(table);
    Ok(MetadataWrite::CreateTables(tables.iter().map(one).collect::<Result<_, _>>()?))
}

fn object(body: &[u8]) -> Result<Object, DataverseError> {
    serde_json::from_slice(body).map_err(|reason| error::odata(format!("The body is no JSON object: {reason}.")))
}

fn table(body: &Object) -> Result<NewTable, DataverseError> {
    let schema_name = schema_name(body)?;
    for (name, what) in [("IsActivity", "An activity table"), ("DataProviderId", "A virtual table")] {
        if body.get(name).is_some_and(|value| !matches!(value, Value::Null | Value::Bool(false))) {
            return Err(error::not_supported(what));
        }
    }
    if text(body, "TableType").is_some_and(|kind| kind != "Standard") {
        return Err(error::not_supported("A table that is not of the type Standard"));
    }
    let owned = match text(body, "OwnershipType") {
        None | Some("UserOwned") => true,
        Some("OrganizationOwned") => false,
        Some(_) => return Err(error::not_supported("An ownership other than UserOwned and OrganizationOwned")),
    };
    let given = match body.get("Attributes") {
        Some(Value::Array(given)) => given.as_slice(),
        None | Some(Value::Null) => &[],
        Some(_) => return Err(error::bad_syntax()),
    };
    if given.len() > MOST {
        return Err(error::odata(format!("The table has more than {MOST} columns.")));
    }
    let (mut columns, mut primary_name) = (Vec::with_capacity(given.len()), None);
    for column in given {
        let column = column.as_object().ok_or_else(error::bad_syntax)?;
        let new = columns::read(column)?;
        if column.get("IsPrimaryName") == Some(&Value::Bool(true)) {
            primary_name = Some(new.definition.name.clone());
        }
        columns.push(new);
    }
    let primary_name = primary_name.ok_or_else(|| {
        error::odata(format!(
            "The table '{schema_name}' needs a text column with IsPrimaryName true among its Attributes."
        ))
    })?;
    let is_text = |new: &NewColumn| new.definition.name == primary_name && new.definition.kind.is_text();
    if !columns.iter().any(is_text) {
        return Err(error::odata(format!("The primary name '{primary_name}' of '{schema_name}' holds no text.")));
    }
    Ok(NewTable {
        entity_set: text(body, "EntitySetName").map(str::to_owned),
        display_name: label(body, "DisplayName").unwrap_or_else(|| schema_name.clone()),
        display_collection_name: label(body, "DisplayCollectionName"),
        description: label(body, "Description").filter(|text| !text.is_empty()),
        audit: managed_flag(body, "IsAuditEnabled").unwrap_or_default(),
        owned,
        notes: flag(body, "HasNotes"),
        activities: flag(body, "HasActivities"),
        primary_name,
        columns,
        schema_name,
    })
}

fn relationship(body: &Object) -> Result<MetadataWrite, DataverseError> {
    let kind = text(body, "@odata.type").unwrap_or_default();
    let name = schema_name(body)?;
    let required = |member: &str| {
        text(body, member)
            .map(str::to_owned)
            .ok_or_else(|| error::odata(format!("The relationship '{name}' does not say its {member}.")))
    };
    match kind.rsplit_once('.').map_or(kind, |(_, kind)| kind) {
        "OneToManyRelationshipMetadata" | "ComplexOneToManyRelationshipMetadata" => {
            let lookup = body.get("Lookup").and_then(Value::as_object);
            let lookup = lookup.ok_or_else(|| error::odata(format!("The relationship '{name}' has no Lookup.")))?;
            let mut column = columns::common(lookup)?;
            let navigation = text(body, "ReferencingEntityNavigationPropertyName").map(str::to_owned);
            column.kind = ColumnKind::Lookup {
                targets: vec![LookupTarget {
                    table: required("ReferencedEntity")?,
                    navigation: match navigation {
                        Some(navigation) => navigation,
                        None => schema_name(lookup)?,
                    },
                    collection: Some(text(body, "ReferencedEntityNavigationPropertyName").unwrap_or(&name).to_owned()),
                    behavior: Some(behavior_from(body, Behavior::REFERENTIAL)?),
                }],
            };
            Ok(MetadataWrite::CreateLookup(required("ReferencingEntity")?, Box::new(column)))
        }
        "ManyToManyRelationshipMetadata" | "ComplexManyToManyRelationshipMetadata" => {
            let end = |number: u8| -> Result<ManyToManyEnd, DataverseError> {
                Ok(ManyToManyEnd {
                    table: required(&format!("Entity{number}LogicalName"))?,
                    column: String::new(),
                    navigation: text(body, &format!("Entity{number}NavigationPropertyName"))
                        .unwrap_or(&name)
                        .to_owned(),
                })
            };
            let intersect = text(body, "IntersectEntityName").unwrap_or(&name).to_ascii_lowercase();
            let pairs = ManyToManyDefinition { intersect, first: end(1)?, second: end(2)?, name: name.clone() };
            Ok(MetadataWrite::CreateManyToMany(Box::new(pairs)))
        }
        other => Err(error::odata(format!("'{}' is no type of a relationship that can be made.", quoted(other)))),
    }
}

/// What the relationship does to related rows: what `behavior` is, where the body does not say.
fn behavior_from(body: &Object, mut behavior: Behavior) -> Result<Behavior, DataverseError> {
    let Some(Value::Object(configured)) = body.get("CascadeConfiguration") else { return Ok(behavior) };
    for (event, what) in configured {
        let Some(what) = what.as_str() else { continue };
        let refused =
            || error::odata(format!("The CascadeConfiguration has no '{}' for {}.", quoted(what), quoted(event)));
        let along = match what {
            "NoCascade" => Some(Cascading::None),
            "Cascade" => Some(Cascading::All),
            "Active" => Some(Cascading::Active),
            "UserOwned" => Some(Cascading::UserOwned),
            _ => None,
        };
        match event.as_str() {
            "Assign" => behavior.assign = along.ok_or_else(refused)?,
            "Share" => behavior.share = along.ok_or_else(refused)?,
            "Unshare" => behavior.unshare = along.ok_or_else(refused)?,
            "Reparent" => behavior.reparent = along.ok_or_else(refused)?,
            "Merge" => behavior.merge = what == "Cascade",
            "Delete" => {
                behavior.delete = match what {
                    "RemoveLink" => OnDelete::RemoveLink,
                    "Cascade" => OnDelete::Cascade,
                    "Restrict" => OnDelete::Restrict,
                    "NoCascade" => OnDelete::None,
                    _ => return Err(refused()),
                }
            }
            // Roll-ups and archives are not there; the rest are annotations.
            _ => {}
        }
    }
    Ok(behavior)
}

/// A name with the prefix of a publisher, as everything that is added has one.
fn schema_name(body: &Object) -> Result<String, DataverseError> {
    publishers_name(body, "SchemaName")
}

/// The same in another member.
pub(super) fn publishers_name(body: &Object, member: &str) -> Result<String, DataverseError> {
    let name = text(body, member).ok_or_else(|| error::odata(format!("The definition has no {member}.")))?;
    let fits = name.len() <= LONGEST_NAME
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.split_once('_').is_some_and(|(prefix, rest)| prefix.len() >= 2 && !rest.is_empty());
    if fits {
        return Ok(name.to_owned());
    }
    Err(error::odata(format!(
        "The {member} '{}' is not one that can be given: at most {LONGEST_NAME} letters, digits and '_', beginning with a \
         publisher's prefix, as in new_Thing.",
        quoted(name)
    )))
}

pub(super) fn text<'a>(body: &'a Object, member: &str) -> Option<&'a str> {
    body.get(member).and_then(Value::as_str)
}

pub(super) fn flag(body: &Object, member: &str) -> bool {
    body.get(member) == Some(&Value::Bool(true))
}

/// Yes or no, where it also says whether it may be changed.
pub(super) fn managed_flag(body: &Object, member: &str) -> Option<bool> {
    body.get(member)?.get("Value")?.as_bool()
}

fn texts(body: &Object, member: &str) -> Result<Vec<String>, DataverseError> {
    let list = body.get(member).and_then(Value::as_array).filter(|list| !list.is_empty() && list.len() <= 16);
    let list = list.ok_or_else(|| error::odata(format!("The definition needs 1 to 16 {member}.")))?;
    list.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(error::bad_syntax)).collect()
}

/// What a label says in English, or else in the first language that it has.
pub(super) fn label(body: &Object, member: &str) -> Option<String> {
    let label = body.get(member)?.as_object()?;
    let labels = label.get("LocalizedLabels").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let english = labels.iter().find(|one| one.get("LanguageCode").and_then(Value::as_u64) == Some(1033));
    let one = english.or(labels.first()).or(label.get("UserLocalizedLabel"))?;
    one.get("Label").and_then(Value::as_str).map(str::to_owned)
}
