//! The published types of definitions: their names, properties and navigation properties.
//!
//! From the Web API's reference of metadata entity types. A property stands in the order in which the
//! service shows it.

/// A type of definitions.
#[derive(Debug, PartialEq)]
pub struct Kind {
    /// Its name, without the namespace.
    pub name: &'static str,
    /// What it is besides.
    pub base: Option<&'static Self>,
    own: &'static [&'static str],
    members: &'static [Member],
}

/// A navigation property of a type.
#[derive(Debug, PartialEq)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What it leads to.
    pub kind: &'static Kind,
    /// Whether it leads to several.
    pub many: bool,
}

impl Kind {
    /// The type of this name that can stand where this one does: itself or one that is more than it.
    #[must_use]
    pub fn derived(&'static self, name: &str) -> Option<&'static Self> {
        ALL.iter().find(|kind| kind.name == name && kind.is(self)).copied()
    }

    /// Whether every definition of this type is one of that type.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.name == other.name || self.base.is_some_and(|base| base.is(other))
    }

    /// Its properties, those of what it is besides first.
    #[must_use]
    pub fn properties(&self) -> Vec<&'static str> {
        let mut all = self.base.map(Self::properties).unwrap_or_default();
        all.extend(self.own);
        all
    }

    /// The property with this name, which is case-sensitive.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&'static str> {
        self.own.iter().find(|own| **own == name).copied().or_else(|| self.base?.property(name))
    }

    /// The navigation property with this name, which is case-sensitive.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&'static Member> {
        self.members.iter().find(|member| member.name == name).or_else(|| self.base?.member(name))
    }

    /// `Microsoft.Dynamics.CRM.EntityMetadata`
    #[must_use]
    pub fn qualified_name(&self) -> String {
        format!("Microsoft.Dynamics.CRM.{}", self.name)
    }
}

/// The property of this name that some type has which can stand where this one does.
pub(super) fn property_of_any(kind: &Kind, name: &str) -> Option<&'static str> {
    ALL.iter().filter(|other| other.is(kind)).find_map(|other| other.property(name))
}

static ALL: [&Kind; 30] = [
    &BASE,
    &ENTITY,
    &ATTRIBUTE,
    &ENUM,
    &BIG_INT,
    &DATE_TIME,
    &DECIMAL,
    &DOUBLE,
    &FILE,
    &IMAGE,
    &INTEGER,
    &LOOKUP,
    &MANAGED_PROPERTY,
    &MEMO,
    &MONEY,
    &STRING,
    &UNIQUE_IDENTIFIER,
    &BOOLEAN,
    &PICKLIST,
    &MULTI_SELECT,
    &STATE,
    &STATUS,
    &ENTITY_NAME,
    &KEY,
    &RELATIONSHIP,
    &ONE_TO_MANY,
    &MANY_TO_MANY,
    &OPTION_SET_BASE,
    &OPTION_SET,
    &BOOLEAN_OPTION_SET,
];

/// What every definition is.
pub static BASE: Kind = Kind { name: "MetadataBase", base: None, own: &["MetadataId", "HasChanged"], members: &[] };

/// A table.
pub static ENTITY: Kind = Kind {
    name: "EntityMetadata",
    base: Some(&BASE),
    own: &[
        "ActivityTypeMask",
        "AutoRouteToOwnerQueue",
        "CanTriggerWorkflow",
        "EntityHelpUrlEnabled",
        "EntityHelpUrl",
        "IsDocumentManagementEnabled",
        "IsOneNoteIntegrationEnabled",
        "IsInteractionCentricEnabled",
        "IsKnowledgeManagementEnabled",
        "IsSLAEnabled",
        "IsBPFEntity",
        "IsDocumentRecommendationsEnabled",
        "IsMSTeamsIntegrationEnabled",
        "SettingOf",
        "DataProviderId",
        "DataSourceId",
        "AutoCreateAccessTeams",
        "IsActivity",
        "IsActivityParty",
        "IsRetrieveAuditEnabled",
        "IsRetrieveMultipleAuditEnabled",
        "IsArchivalEnabled",
        "IsRetentionEnabled",
        "IsAvailableOffline",
        "IsChildEntity",
        "IsAIRUpdated",
        "IconLargeName",
        "IconMediumName",
        "IconSmallName",
        "IconVectorName",
        "IsCustomEntity",
        "IsBusinessProcessEnabled",
        "SyncToExternalSearchIndex",
        "IsOptimisticConcurrencyEnabled",
        "ChangeTrackingEnabled",
        "IsImportable",
        "IsIntersect",
        "IsManaged",
        "IsEnabledForCharts",
        "IsEnabledForTrace",
        "IsValidForAdvancedFind",
        "DaysSinceRecordLastModified",
        "MobileOfflineFilters",
        "IsReadingPaneEnabled",
        "IsQuickCreateEnabled",
        "LogicalName",
        "ObjectTypeCode",
        "OwnershipType",
        "PrimaryNameAttribute",
        "PrimaryImageAttribute",
        "PrimaryIdAttribute",
        "RecurrenceBaseEntityLogicalName",
        "ReportViewName",
        "SchemaName",
        "IntroducedVersion",
        "IsStateModelAware",
        "EnforceStateTransitions",
        "ExternalName",
        "EntityColor",
        "LogicalCollectionName",
        "ExternalCollectionName",
        "CollectionSchemaName",
        "EntitySetName",
        "IsEnabledForExternalChannels",
        "IsPrivate",
        "UsesBusinessDataLabelTable",
        "IsLogicalEntity",
        "HasNotes",
        "HasActivities",
        "HasFeedback",
        "IsSolutionAware",
        "CreatedOn",
        "ModifiedOn",
        "HasEmailAddresses",
        "OwnerId",
        "OwnerIdType",
        "OwningBusinessUnit",
        "TableType",
        "Description",
        "DisplayCollectionName",
        "DisplayName",
        "IsAuditEnabled",
        "IsValidForQueue",
        "IsConnectionsEnabled",
        "IsCustomizable",
        "IsRenameable",
        "IsMappable",
        "IsDuplicateDetectionEnabled",
        "CanCreateAttributes",
        "CanCreateForms",
        "CanCreateViews",
        "CanCreateCharts",
        "CanBeRelatedEntityInRelationship",
        "CanBePrimaryEntityInRelationship",
        "CanBeInManyToMany",
        "CanBeInCustomEntityAssociation",
        "CanEnableSyncToExternalSearchIndex",
        "CanModifyAdditionalSettings",
        "CanChangeHierarchicalRelationship",
        "CanChangeTrackingBeEnabled",
        "IsMailMergeEnabled",
        "IsVisibleInMobile",
        "IsVisibleInMobileClient",
        "IsReadOnlyInMobileClient",
        "IsOfflineInMobileClient",
        "Privileges",
        "Settings",
    ],
    members: &[
        Member { name: "Attributes", kind: &ATTRIBUTE, many: true },
        Member { name: "Keys", kind: &KEY, many: true },
        Member { name: "ManyToManyRelationships", kind: &MANY_TO_MANY, many: true },
        Member { name: "ManyToOneRelationships", kind: &ONE_TO_MANY, many: true },
        Member { name: "OneToManyRelationships", kind: &ONE_TO_MANY, many: true },
    ],
};

/// A column of any kind.
pub static ATTRIBUTE: Kind = Kind {
    name: "AttributeMetadata",
    base: Some(&BASE),
    own: &[
        "AttributeOf",
        "AttributeType",
        "AttributeTypeName",
        "AutoNumberFormat",
        "CanBeSecuredForCreate",
        "CanBeSecuredForRead",
        "CanBeSecuredForUpdate",
        "CanModifyAdditionalSettings",
        "ColumnNumber",
        "CreatedOn",
        "DeprecatedVersion",
        "Description",
        "DisplayName",
        "EntityLogicalName",
        "ExternalName",
        "InheritsFrom",
        "IntroducedVersion",
        "IsAuditEnabled",
        "IsCustomAttribute",
        "IsCustomizable",
        "IsDataSourceSecret",
        "IsFilterable",
        "IsGlobalFilterEnabled",
        "IsLogical",
        "IsManaged",
        "IsPrimaryId",
        "IsPrimaryName",
        "IsRenameable",
        "IsRequiredForForm",
        "IsRetrievable",
        "IsSearchable",
        "IsSecured",
        "IsSortableEnabled",
        "IsValidForAdvancedFind",
        "IsValidForCreate",
        "IsValidForForm",
        "IsValidForGrid",
        "IsValidForRead",
        "IsValidForUpdate",
        "IsValidODataAttribute",
        "LinkedAttributeId",
        "LogicalName",
        "ModifiedOn",
        "RequiredLevel",
        "SchemaName",
        "SourceType",
    ],
    members: &[],
};

/// A column with options.
pub static ENUM: Kind = Kind {
    name: "EnumAttributeMetadata",
    base: Some(&ATTRIBUTE),
    own: &["DefaultFormValue"],
    members: &[
        Member { name: "OptionSet", kind: &OPTION_SET, many: false },
        Member { name: "GlobalOptionSet", kind: &OPTION_SET, many: false },
    ],
};

/// A whole number of 64 bits.
pub static BIG_INT: Kind =
    Kind { name: "BigIntAttributeMetadata", base: Some(&ATTRIBUTE), own: &["MaxValue", "MinValue"], members: &[] };

/// A date.
pub static DATE_TIME: Kind = Kind {
    name: "DateTimeAttributeMetadata",
    base: Some(&ATTRIBUTE),
    own: &[
        "CanChangeDateTimeBehavior",
        "DateTimeBehavior",
        "Format",
        "FormulaDefinition",
        "ImeMode",
        "MaxSupportedValue",
        "MinSupportedValue",
        "SourceTypeMask",
    ],
    members: &[],
};

/// A decimal number.
pub static DECIMAL: Kind = Kind {
    name: "DecimalAttributeMetadata",
    base: Some(&ATTRIBUTE),
    own: &["FormulaDefinition", "ImeMode", "MaxValue", "MinValue", "Precision", "SourceTypeMask"],
    members: &[],
};

/// A floating point number.
pub static DOUBLE: Kind = Kind {
    name: "DoubleAttributeMetadata",
    base: Some(&ATTRIBUTE),
    own: &["ImeMode", "MaxValue", "MinValue", "Precision"],
    members: &[],
};

/// A file.
pub static FILE: Kind =
    Kind { name: "FileAttributeMetadata", base: Some(&ATTRIBUTE), own: &["MaxSizeInKB"], members: &[] };

/// An image.
pub static IMAGE: Kind = Kind {
    name: "ImageAttributeMetadata",
    base: Some(&ATTRIBUTE),
    own: &["CanStoreFullImage", "IsPrimaryImage", "MaxHeight", "MaxSizeInKB", "MaxWidth"],
    members: &[],
};

/// A whole number.
pub static INTEGER: Kind = Kind {
    name: "IntegerAttributeMetadata",
    base: Some(&ATTRIBUTE),
    own: &["Format", "FormulaDefinition", "MaxValue", "MinValue", "SourceTypeMask"],
    members: &[],
};

/// A lookup.
pub static LOOKUP: Kind =
    Kind { name: "LookupAttributeMetadata", base: Some(&ATTRIBUTE), own: &["Format", "Targets"], members: &[] };

/// A yes or no of a solution component.
pub static MANAGED_PROPERTY: Kind = Kind {
    name: "ManagedPropertyAttributeMetadata",
    base: Some(&ATTRIBUTE),
    own: &["ManagedPropertyLogicalName", "ParentAttributeName", "ParentComponentType", "ValueAttributeTypeCode"],
    members: &[],
};

/// A text of several lines.
pub static MEMO: Kind = Kind {
    name: "MemoAttributeMetadata",
    base: Some(&ATTRIBUTE),
    own: &["Format", "ImeMode", "IsLocalizable", "MaxLength"],
    members: &[],
};

/// An amount.
pub static MONEY: Kind = Kind {
    name: "MoneyAttributeMetadata",
    base: Some(&ATTRIBUTE),
    own: &[
        "CalculationOf",
        "FormulaDefinition",
        "ImeMode",
        "IsBaseCurrency",
        "MaxValue",
        "MinValue",
        "Precision",
        "PrecisionSource",
        "SourceTypeMask",
    ],
    members: &[],
};

/// A line of text.
pub static STRING: Kind = Kind {
    name: "StringAttributeMetadata",
    base: Some(&ATTRIBUTE),
    own: &[
        "DatabaseLength",
        "Format",
        "FormatName",
        "FormulaDefinition",
        "ImeMode",
        "IsLocalizable",
        "MaxLength",
        "SourceTypeMask",
        "YomiOf",
    ],
    members: &[],
};

/// A GUID.
pub static UNIQUE_IDENTIFIER: Kind =
    Kind { name: "UniqueIdentifierAttributeMetadata", base: Some(&ATTRIBUTE), own: &[], members: &[] };

/// Yes or no.
pub static BOOLEAN: Kind = Kind {
    name: "BooleanAttributeMetadata",
    base: Some(&ATTRIBUTE),
    own: &["DefaultValue", "FormulaDefinition", "SourceTypeMask"],
    members: &[
        Member { name: "OptionSet", kind: &BOOLEAN_OPTION_SET, many: false },
        Member { name: "GlobalOptionSet", kind: &BOOLEAN_OPTION_SET, many: false },
    ],
};

/// A choice.
pub static PICKLIST: Kind = Kind {
    name: "PicklistAttributeMetadata",
    base: Some(&ENUM),
    own: &["ChildPicklistLogicalNames", "FormulaDefinition", "ParentPicklistLogicalName", "SourceTypeMask"],
    members: &[],
};

/// Several choices at once.
pub static MULTI_SELECT: Kind = Kind {
    name: "MultiSelectPicklistAttributeMetadata",
    base: Some(&ENUM),
    own: &["ChildPicklistLogicalNames", "FormulaDefinition", "ParentPicklistLogicalName", "SourceTypeMask"],
    members: &[],
};

/// Whether a row is active.
pub static STATE: Kind = Kind { name: "StateAttributeMetadata", base: Some(&ENUM), own: &[], members: &[] };

/// Why.
pub static STATUS: Kind = Kind { name: "StatusAttributeMetadata", base: Some(&ENUM), own: &[], members: &[] };

/// The name of a table, which no column of the local org is.
pub static ENTITY_NAME: Kind =
    Kind { name: "EntityNameAttributeMetadata", base: Some(&ENUM), own: &["IsEntityReferenceStored"], members: &[] };

/// An alternate key.
pub static KEY: Kind = Kind {
    name: "EntityKeyMetadata",
    base: Some(&BASE),
    own: &[
        "DisplayName",
        "EntityKeyIndexStatus",
        "EntityLogicalName",
        "IntroducedVersion",
        "IsCustomizable",
        "IsExportKey",
        "IsManaged",
        "IsSecondaryKey",
        "IsSynchronous",
        "KeyAttributes",
        "LogicalName",
        "SchemaName",
    ],
    members: &[],
};

/// A relationship of any kind.
pub static RELATIONSHIP: Kind = Kind {
    name: "RelationshipMetadataBase",
    base: Some(&BASE),
    own: &[
        "IsCustomRelationship",
        "IsValidForAdvancedFind",
        "SchemaName",
        "SecurityTypes",
        "IsManaged",
        "RelationshipType",
        "IntroducedVersion",
        "IsCustomizable",
    ],
    members: &[],
};

/// A lookup, seen as a relationship.
pub static ONE_TO_MANY: Kind = Kind {
    name: "OneToManyRelationshipMetadata",
    base: Some(&RELATIONSHIP),
    own: &[
        "ReferencedAttribute",
        "ReferencedEntity",
        "ReferencingAttribute",
        "ReferencingEntity",
        "IsHierarchical",
        "EntityKey",
        "IsRelationshipAttributeDenormalized",
        "ReferencedEntityNavigationPropertyName",
        "ReferencingEntityNavigationPropertyName",
        "RelationshipBehavior",
        "IsDenormalizedLookup",
        "DenormalizedAttributeName",
        "AssociatedMenuConfiguration",
        "CascadeConfiguration",
        "RelationshipAttributes",
    ],
    members: &[],
};

/// A relationship with a table of its own.
pub static MANY_TO_MANY: Kind = Kind {
    name: "ManyToManyRelationshipMetadata",
    base: Some(&RELATIONSHIP),
    own: &[
        "Entity1LogicalName",
        "Entity2LogicalName",
        "IntersectEntityName",
        "Entity1IntersectAttribute",
        "Entity2IntersectAttribute",
        "Entity1NavigationPropertyName",
        "Entity2NavigationPropertyName",
        "Entity1AssociatedMenuConfiguration",
        "Entity2AssociatedMenuConfiguration",
    ],
    members: &[],
};

/// A list of options of any kind.
pub static OPTION_SET_BASE: Kind = Kind {
    name: "OptionSetMetadataBase",
    base: Some(&BASE),
    own: &[
        "Description",
        "DisplayName",
        "ExternalTypeName",
        "IntroducedVersion",
        "IsCustomizable",
        "IsCustomOptionSet",
        "IsGlobal",
        "IsManaged",
        "Name",
        "OptionSetType",
    ],
    members: &[],
};

/// A list of options.
pub static OPTION_SET: Kind = Kind {
    name: "OptionSetMetadata",
    base: Some(&OPTION_SET_BASE),
    own: &["Options", "ParentOptionSetName"],
    members: &[],
};

/// The words for yes and no.
pub static BOOLEAN_OPTION_SET: Kind = Kind {
    name: "BooleanOptionSetMetadata",
    base: Some(&OPTION_SET_BASE),
    own: &["TrueOption", "FalseOption"],
    members: &[],
};
