//! Relationships as definitions.

use std::sync::Arc;

use keyholder_dataverse::schema::{Behavior, Cascading, ManyToMany, OnDelete, Table};
use serde_json::{Value, json};
use uuid::Uuid;

use super::values::{id, is_custom, managed};

/// A lookup to one of its tables, seen as a relationship.
#[derive(Debug, Clone)]
pub(super) struct LookupRelation {
    /// The table with the lookup.
    pub(super) referencing: Arc<Table>,
    /// The lookup.
    pub(super) column: Box<str>,
    /// The navigation property there.
    pub(super) navigation: Box<str>,
    /// The table it points at; `owner` for what leads to users and teams alike.
    pub(super) referenced: Box<str>,
    /// That table's id.
    pub(super) referenced_id: Box<str>,
    /// The navigation property back, which is the relationship's name too.
    pub(super) collection: Box<str>,
    /// What happens to the rows with the lookup.
    pub(super) behavior: Behavior,
}

impl LookupRelation {
    pub(super) fn id(&self) -> Uuid {
        lookup_id(self.referencing.logical_name(), &self.column, &self.collection)
    }

    pub(super) fn property(&self, property: &str) -> Value {
        let custom = is_custom(&self.collection) && is_custom(&self.column);
        match property {
            "RelationshipType" => "OneToManyRelationship".into(),
            "ReferencedAttribute" => (*self.referenced_id).into(),
            "ReferencedEntity" => (*self.referenced).into(),
            "ReferencingAttribute" => (*self.column).into(),
            "ReferencingEntity" => self.referencing.logical_name().into(),
            "ReferencedEntityNavigationPropertyName" => (*self.collection).into(),
            "ReferencingEntityNavigationPropertyName" => (*self.navigation).into(),
            "IsHierarchical" | "IsRelationshipAttributeDenormalized" => false.into(),
            "RelationshipBehavior" => 1.into(),
            "AssociatedMenuConfiguration" => menu(),
            "CascadeConfiguration" => cascades(self.behavior),
            "RelationshipAttributes" => Value::Array(Vec::new()),
            other => common(other, &self.collection, self.id(), custom, "Append"),
        }
    }
}

/// What goes along, in the service's words.
fn cascades(behavior: Behavior) -> Value {
    let along = |cascading| match cascading {
        Cascading::None => "NoCascade",
        Cascading::All => "Cascade",
        Cascading::Active => "Active",
        Cascading::UserOwned => "UserOwned",
    };
    let delete = match behavior.delete {
        OnDelete::RemoveLink => "RemoveLink",
        OnDelete::Cascade => "Cascade",
        OnDelete::Restrict => "Restrict",
        OnDelete::None => "NoCascade",
    };
    json!({
        "Assign": along(behavior.assign), "Delete": delete, "Archive": "NoCascade",
        "Merge": if behavior.merge { "Cascade" } else { "NoCascade" }, "Reparent": along(behavior.reparent),
        "Share": along(behavior.share), "Unshare": along(behavior.unshare), "RollupView": "NoCascade",
    })
}

/// The id of a lookup seen as a relationship. Two relationships may have one name for the way back.
pub(super) fn lookup_id(table: &str, column: &str, collection: &str) -> Uuid {
    id("relationship", &format!("{table}.{column}.{collection}"))
}

pub(super) fn pair_id(relation: &ManyToMany) -> Uuid {
    id("relationship", &relation.name)
}

pub(super) fn pair_property(relation: &ManyToMany, property: &str) -> Value {
    match property {
        "RelationshipType" => "ManyToManyRelationship".into(),
        "Entity1LogicalName" => relation.first.table.as_str().into(),
        "Entity2LogicalName" => relation.second.table.as_str().into(),
        "IntersectEntityName" => relation.intersect.as_str().into(),
        "Entity1IntersectAttribute" => relation.first.column.as_str().into(),
        "Entity2IntersectAttribute" => relation.second.column.as_str().into(),
        "Entity1NavigationPropertyName" => relation.first.navigation.as_str().into(),
        "Entity2NavigationPropertyName" => relation.second.navigation.as_str().into(),
        "Entity1AssociatedMenuConfiguration" | "Entity2AssociatedMenuConfiguration" => menu(),
        other => common(other, &relation.name, pair_id(relation), is_custom(&relation.name), "None"),
    }
}

/// What relationships of both kinds have.
fn common(property: &str, name: &str, id: Uuid, custom: bool, security: &str) -> Value {
    match property {
        "MetadataId" => json!(id),
        "SchemaName" => name.into(),
        "SecurityTypes" => security.into(),
        "IsCustomRelationship" => custom.into(),
        "IsManaged" => (!custom).into(),
        "IsValidForAdvancedFind" => true.into(),
        "IntroducedVersion" => "1.0.0.0".into(),
        "IsCustomizable" => managed(&true.into(), custom, "iscustomizable"),
        // `HasChanged`, `EntityKey`, `IsDenormalizedLookup`, `DenormalizedAttributeName`
        _ => Value::Null,
    }
}

/// How a form shows the related rows: not at all.
fn menu() -> Value {
    json!({
        "Behavior": "DoNotDisplay", "Group": "Details", "Order": null, "IsCustomizable": false, "Icon": null,
        "ViewId": "00000000-0000-0000-0000-000000000000", "AvailableOffline": true, "MenuId": null, "QueryApi": null,
        "Label": { "LocalizedLabels": [], "UserLocalizedLabel": null },
    })
}
