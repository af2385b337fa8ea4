//! The properties of a table's definition.

use keyholder_dataverse::schema::{Navigation, Ownership, Table};
use keyholder_dataverse::{Depth, Verb};
use keyholder_security::privileges_of;
use serde_json::{Value, json};
use uuid::Uuid;

use super::item::Schemas;
use super::values::{described, id, is_custom, label, managed, plural};
use crate::error::Failure;

/// What every table of the local org can do.
const YES: [&str; 9] = [
    "CanTriggerWorkflow",
    "ChangeTrackingEnabled",
    "IsEnabledForCharts",
    "IsImportable",
    "IsOptimisticConcurrencyEnabled",
    "IsQuickCreateEnabled",
    "IsReadingPaneEnabled",
    "IsValidForAdvancedFind",
    "IsAvailableOffline",
];

/// What none can, or nobody has switched on.
const NO: [&str; 27] = [
    "AutoCreateAccessTeams",
    "AutoRouteToOwnerQueue",
    "EnforceStateTransitions",
    "EntityHelpUrlEnabled",
    "HasFeedback",
    "IsAIRUpdated",
    "IsArchivalEnabled",
    "IsBPFEntity",
    "IsBusinessProcessEnabled",
    "IsChildEntity",
    "IsDocumentManagementEnabled",
    "IsDocumentRecommendationsEnabled",
    "IsEnabledForExternalChannels",
    "IsEnabledForTrace",
    "IsInteractionCentricEnabled",
    "IsKnowledgeManagementEnabled",
    "IsLogicalEntity",
    "IsMSTeamsIntegrationEnabled",
    "IsOneNoteIntegrationEnabled",
    "IsPrivate",
    "IsRetentionEnabled",
    "IsRetrieveAuditEnabled",
    "IsRetrieveMultipleAuditEnabled",
    "IsSLAEnabled",
    "IsSolutionAware",
    "SyncToExternalSearchIndex",
    "UsesBusinessDataLabelTable",
];

/// Properties that also say whether they may be changed: the name of what governs that, and the value.
const MANAGED: [(&str, &str, bool); 24] = [
    ("CanBeInCustomEntityAssociation", "canbeincustomentityassociation", true),
    ("CanBeInManyToMany", "canbeinmanytomany", true),
    ("CanBePrimaryEntityInRelationship", "canbeprimaryentityinrelationship", true),
    ("CanBeRelatedEntityInRelationship", "canberelatedentityinrelationship", true),
    ("CanChangeHierarchicalRelationship", "canchangehierarchicalrelationship", true),
    ("CanChangeTrackingBeEnabled", "canchangetrackingbeenabled", true),
    ("CanCreateAttributes", "cancreateattributes", true),
    ("CanCreateCharts", "cancreatecharts", true),
    ("CanCreateForms", "cancreateforms", true),
    ("CanCreateViews", "cancreateviews", true),
    ("CanEnableSyncToExternalSearchIndex", "canenablesynctoexternalsearchindex", true),
    ("CanModifyAdditionalSettings", "canmodifyadditionalsettings", true),
    ("IsConnectionsEnabled", "canmodifyconnectionsettings", false),
    ("IsCustomizable", "iscustomizable", true),
    ("IsDuplicateDetectionEnabled", "canmodifyduplicatedetectionsettings", false),
    ("IsMailMergeEnabled", "canmodifymailmergesettings", false),
    ("IsMappable", "ismappable", true),
    ("IsOfflineInMobileClient", "canmodifymobileclientoffline", false),
    ("IsReadOnlyInMobileClient", "canmodifymobileclientreadonly", false),
    ("IsRenameable", "isrenameable", true),
    ("IsValidForQueue", "canmodifyqueuesettings", false),
    ("IsVisibleInMobile", "canmodifymobilevisibility", false),
    ("IsVisibleInMobileClient", "canmodifymobileclientvisibility", false),
    ("IsValidForAdvancedFind", "canmodifyadvancedfindsettings", true),
];

pub(super) fn id_of(table: &Table) -> Uuid {
    id("entity", table.logical_name())
}

pub(super) fn property(schemas: &Schemas<'_>, table: &Table, property: &str) -> Result<Value, Failure> {
    let custom = is_custom(table.logical_name());
    let text = |text: &str, what: &str| label(text, &format!("{what} {}", table.logical_name()), !custom);
    Ok(match property {
        "MetadataId" => json!(id_of(table)),
        "LogicalName" => table.logical_name().into(),
        "SchemaName" => table.schema_name().into(),
        "EntitySetName" | "LogicalCollectionName" => table.entity_set().into(),
        "CollectionSchemaName" => plural(table.schema_name()).into(),
        "DisplayName" => text(table.display_name(), "entity"),
        "DisplayCollectionName" => match table.display_collection_name() {
            Some(several) => text(several, "entities"),
            None => text(&plural(table.display_name()), "entities"),
        },
        "Description" => described(table.description(), &format!("entity {}", table.logical_name()), !custom),
        "IsAuditEnabled" => managed(&table.is_audited().into(), true, "canmodifyauditsettings"),
        "ObjectTypeCode" => table.type_code().into(),
        "OwnershipType" => match table.ownership() {
            Ownership::User => "UserOwned",
            Ownership::BusinessUnit => "BusinessOwned",
            Ownership::Organization => "OrganizationOwned",
            Ownership::None => "None",
        }
        .into(),
        "PrimaryIdAttribute" => (*table.primary_id().name).into(),
        "PrimaryNameAttribute" => table.primary_name().map(|column| &*column.name).into(),
        "PrimaryImageAttribute" => table.primary_image().map(|column| &*column.name).into(),
        "ReportViewName" => format!("Filtered{}", table.schema_name()).into(),
        "TableType" => "Standard".into(),
        "ClusterMode" => "Local".into(),
        "IntroducedVersion" => if custom { "1.0.0.0" } else { "5.0.0.0" }.into(),
        "IsCustomEntity" => custom.into(),
        "IsManaged" => (!custom).into(),
        "IsActivity" => table.is_activity().into(),
        "IsIntersect" => is_intersect(schemas, table)?.into(),
        "IsStateModelAware" => table.column("statecode").is_some().into(),
        "HasEmailAddresses" => table.columns().iter().any(|column| column.name.contains("emailaddress")).into(),
        "HasNotes" => is_pointed_at_by(table, "annotation", "objectid").into(),
        "HasActivities" => is_pointed_at_by(table, "activitypointer", "regardingobjectid").into(),
        "IsActivityParty" => is_pointed_at_by(table, "activityparty", "partyid").into(),
        "ActivityTypeMask" | "DaysSinceRecordLastModified" => 0.into(),
        "CreatedOn" | "ModifiedOn" => "1900-01-01T00:00:00Z".into(),
        "OwnerIdType" => 8.into(),
        "MobileOfflineFilters" => "".into(),
        "Privileges" => privileges(table),
        "Settings" => Value::Array(Vec::new()),
        name if YES.contains(&name) => true.into(),
        name if NO.contains(&name) => false.into(),
        name => match MANAGED.iter().find(|(known, ..)| *known == name) {
            Some((_, governed, value)) => managed(&(*value).into(), custom, governed),
            // `HasChanged`, and what nobody has set: icons, colours, help, data providers.
            None => Value::Null,
        },
    })
}

/// Whether another table's lookup points here.
fn is_pointed_at_by(table: &Table, other: &str, lookup: &str) -> bool {
    table.navigations().any(|(_, navigation)| {
        matches!(navigation, Navigation::OneToMany(back) if back.table == other && back.column == lookup)
    })
}

/// Whether the table holds the pairs of a relationship. Such a table is owned by nobody, which spares most
/// tables a look at the relationships.
fn is_intersect(schemas: &Schemas<'_>, table: &Table) -> Result<bool, Failure> {
    if table.ownership() != Ownership::None {
        return Ok(false);
    }
    let holds = |navigation: &Navigation| matches!(navigation, Navigation::ManyToMany { relationship, .. } if relationship.intersect == table.logical_name());
    Ok(schemas.tables()?.iter().any(|other| other.navigations().any(|(_, navigation)| holds(navigation))))
}

fn privileges(table: &Table) -> Value {
    let verb = |name: &str| {
        let verb = Verb::ALL.into_iter().find(|verb| table.privilege_name(*verb).as_deref() == Some(name));
        verb.map_or("None", Verb::name)
    };
    privileges_of(table)
        .into_iter()
        .map(|privilege| {
            let can = |depth| privilege.depths.contains(&depth);
            json!({
                "CanBeBasic": can(Depth::Basic), "CanBeDeep": can(Depth::Deep), "CanBeGlobal": can(Depth::Global),
                "CanBeLocal": can(Depth::Local), "CanBeEntityReference": false, "CanBeParentEntityReference": false,
                "CanBeRecordFilter": false, "Name": privilege.name, "PrivilegeId": privilege.id,
                "PrivilegeType": verb(&privilege.name),
            })
        })
        .collect()
}
