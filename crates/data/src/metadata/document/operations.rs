//! Further functions and actions that the local org has, as the document describes them: sharing, merging, jobs, members, and
//! definitions themselves.
//!
//! Types that only describe definitions or queries stand there with their names and are open: what they have the Web API's reference says.

/// A function or action.
#[derive(Clone, Copy)]
struct Call {
    name: &'static str,
    /// Whether it changes something.
    is_action: bool,
    /// What it is called on: a type, or a collection of one. The first parameter.
    bound_to: Option<&'static str>,
    /// Its further parameters, each with its type; those that may be left out end in `?`.
    parameters: &'static [(&'static str, &'static str)],
    /// The type of its answer.
    answer: Option<&'static str>,
}

const fn function(
    name: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    answer: &'static str,
) -> Call {
    Call { name, is_action: false, bound_to: None, parameters, answer: Some(answer) }
}

const fn action(name: &'static str, parameters: &'static [(&'static str, &'static str)]) -> Call {
    Call { name, is_action: true, bound_to: None, parameters, answer: None }
}

const fn answering(call: Call, answer: &'static str) -> Call {
    Call { answer: Some(answer), ..call }
}

const fn on(bound_to: &'static str, call: Call) -> Call {
    Call { bound_to: Some(bound_to), ..call }
}

/// An option of a list or of a column.
const OF_OPTION: [(&str, &str); 3] =
    [("OptionSetName?", "Edm.String"), ("AttributeLogicalName?", "Edm.String"), ("EntityLogicalName?", "Edm.String")];

const CALLS: &[Call] = &[
    function(
        "InitializeFrom",
        &[
            ("EntityMoniker", "mscrm.crmbaseentity"),
            ("TargetEntityName", "Edm.String"),
            ("TargetFieldType", "mscrm.TargetFieldType"),
            ("SkipParentalRelationshipMapping?", "Edm.Boolean"),
            ("RetrieveConsumableRecord?", "Edm.Boolean"),
        ],
        "mscrm.crmbaseentity",
    ),
    function(
        "RetrieveCurrentOrganization",
        &[("AccessType", "mscrm.EndpointAccessType")],
        "mscrm.RetrieveCurrentOrganizationResponse",
    ),
    function(
        "RetrieveMetadataChanges",
        &[
            ("Query?", "mscrm.EntityQueryExpression"),
            ("DeletedMetadataFilters?", "mscrm.DeletedMetadataFilters"),
            ("ClientVersionStamp?", "Edm.String"),
            ("AppModuleId?", "Edm.Guid"),
            ("RetrieveAllSettings?", "Edm.Boolean"),
        ],
        "mscrm.RetrieveMetadataChangesResponse",
    ),
    on(
        "mscrm.principal",
        function(
            "RetrievePrincipalAccess",
            &[("Target", "mscrm.crmbaseentity")],
            "mscrm.RetrievePrincipalAccessResponse",
        ),
    ),
    function(
        "RetrieveSharedPrincipalsAndAccess",
        &[("Target", "mscrm.crmbaseentity")],
        "mscrm.RetrieveSharedPrincipalsAndAccessResponse",
    ),
    function(
        "RetrieveTotalRecordCount",
        &[("EntityNames", "Collection(Edm.String)")],
        "mscrm.RetrieveTotalRecordCountResponse",
    ),
    on("mscrm.team", action("AddMembersTeam", &[("Members", "Collection(mscrm.systemuser)")])),
    answering(
        action(
            "BulkDelete",
            &[
                ("QuerySet", "Collection(mscrm.QueryExpression)"),
                ("JobName", "Edm.String"),
                ("SendEmailNotification", "Edm.Boolean"),
                ("ToRecipients", "Collection(mscrm.activityparty)"),
                ("CCRecipients", "Collection(mscrm.activityparty)"),
                ("RecurrencePattern", "Edm.String"),
                ("StartDateTime", "Edm.DateTimeOffset"),
                ("SourceImportId?", "Edm.Guid"),
                ("RunNow?", "Edm.Boolean"),
            ],
        ),
        "mscrm.BulkDeleteResponse",
    ),
    answering(
        action("CreateEntities", &[("Entities", "Collection(mscrm.ComplexEntityMetadata)")]),
        "mscrm.CreateEntitiesResponse",
    ),
    on(
        "Collection(mscrm.crmbaseentity)",
        answering(
            action("CreateMultiple", &[("Targets", "Collection(mscrm.crmbaseentity)")]),
            "mscrm.CreateMultipleResponse",
        ),
    ),
    answering(
        action(
            "CommitFileBlocksUpload",
            &[
                ("FileName", "Edm.String"),
                ("MimeType", "Edm.String"),
                ("BlockList", "Collection(Edm.String)"),
                ("FileContinuationToken", "Edm.String"),
            ],
        ),
        "mscrm.CommitFileBlocksUploadResponse",
    ),
    action("DeleteFile", &[("FileId", "Edm.Guid")]),
    answering(
        action(
            "DownloadBlock",
            &[("Offset", "Edm.Int64"), ("BlockLength", "Edm.Int64"), ("FileContinuationToken", "Edm.String")],
        ),
        "mscrm.DownloadBlockResponse",
    ),
    answering(
        action(
            "InitializeFileBlocksDownload",
            &[("Target", "mscrm.crmbaseentity"), ("FileAttributeName", "Edm.String")],
        ),
        "mscrm.InitializeFileBlocksDownloadResponse",
    ),
    answering(
        action(
            "InitializeFileBlocksUpload",
            &[("Target", "mscrm.crmbaseentity"), ("FileName", "Edm.String"), ("FileAttributeName", "Edm.String")],
        ),
        "mscrm.InitializeFileBlocksUploadResponse",
    ),
    action(
        "UploadBlock",
        &[("BlockId", "Edm.String"), ("BlockData", "Edm.Binary"), ("FileContinuationToken", "Edm.String")],
    ),
    action("DeleteOptionValue", &[OF_OPTION[0], OF_OPTION[1], OF_OPTION[2], ("Value", "Edm.Int32")]),
    action("GrantAccess", &[("Target", "mscrm.crmbaseentity"), ("PrincipalAccess", "mscrm.PrincipalAccess")]),
    answering(
        action(
            "InsertOptionValue",
            &[OF_OPTION[0], OF_OPTION[1], OF_OPTION[2], ("Value?", "Edm.Int32"), ("Label", "mscrm.Label")],
        ),
        "mscrm.InsertOptionValueResponse",
    ),
    answering(
        action(
            "InsertStatusValue",
            &[
                OF_OPTION[1],
                OF_OPTION[2],
                ("Value?", "Edm.Int32"),
                ("Label", "mscrm.Label"),
                ("StateCode", "Edm.Int32"),
            ],
        ),
        "mscrm.InsertStatusValueResponse",
    ),
    action(
        "Merge",
        &[
            ("Target", "mscrm.crmbaseentity"),
            ("Subordinate", "mscrm.crmbaseentity"),
            ("UpdateContent?", "mscrm.crmbaseentity"),
            ("PerformParentingChecks", "Edm.Boolean"),
        ],
    ),
    action("ModifyAccess", &[("Target", "mscrm.crmbaseentity"), ("PrincipalAccess", "mscrm.PrincipalAccess")]),
    action("OrderOption", &[OF_OPTION[0], OF_OPTION[1], OF_OPTION[2], ("Values", "Collection(Edm.Int32)")]),
    action("PublishAllXml", &[]),
    action("PublishXml", &[("ParameterXml", "Edm.String")]),
    on("mscrm.team", action("RemoveMembersTeam", &[("Members", "Collection(mscrm.systemuser)")])),
    action("RevokeAccess", &[("Target", "mscrm.crmbaseentity"), ("Revokee", "mscrm.principal")]),
    on(
        "mscrm.systemuser",
        action(
            "SetBusinessSystemUser",
            &[
                ("BusinessUnit", "mscrm.businessunit"),
                ("ReassignPrincipal", "mscrm.principal"),
                ("DoNotMoveAllRecords?", "Edm.Boolean"),
            ],
        ),
    ),
    on("Collection(mscrm.crmbaseentity)", action("UpdateMultiple", &[("Targets", "Collection(mscrm.crmbaseentity)")])),
    action(
        "UpdateOptionValue",
        &[
            OF_OPTION[0],
            OF_OPTION[1],
            OF_OPTION[2],
            ("Value", "Edm.Int32"),
            ("Label?", "mscrm.Label"),
            ("MergeLabels", "Edm.Boolean"),
        ],
    ),
    on(
        "Collection(mscrm.crmbaseentity)",
        answering(
            action("UpsertMultiple", &[("Targets", "Collection(mscrm.crmbaseentity)")]),
            "mscrm.UpsertMultipleResponse",
        ),
    ),
];

/// The types of parameters and answers: their properties, or nothing for those that are open.
const COMPLEX: &[(&str, &[(&str, &str)])] = &[
    ("BulkDeleteResponse", &[("JobId", "Edm.Guid")]),
    ("ComplexEntityMetadata", &[]),
    ("CommitFileBlocksUploadResponse", &[("FileId", "Edm.Guid"), ("FileSizeInBytes", "Edm.Int64")]),
    ("DownloadBlockResponse", &[("Data", "Edm.Binary")]),
    (
        "InitializeFileBlocksDownloadResponse",
        &[("FileSizeInBytes", "Edm.Int64"), ("FileName", "Edm.String"), ("FileContinuationToken", "Edm.String")],
    ),
    ("InitializeFileBlocksUploadResponse", &[("FileContinuationToken", "Edm.String")]),
    ("CreateEntitiesResponse", &[("EntityIds", "Collection(Edm.Guid)")]),
    ("CreateMultipleResponse", &[("Ids", "Collection(Edm.Guid)")]),
    (
        "DeletedMetadataCollection",
        &[
            ("Count", "Edm.Int32"),
            ("IsReadOnly", "Edm.Boolean"),
            ("Keys", "Collection(mscrm.DeletedMetadataFilters)"),
            ("Values", "Collection(mscrm.GuidCollection)"),
        ],
    ),
    (
        "EntityRecordCountCollection",
        &[
            ("Count", "Edm.Int32"),
            ("IsReadOnly", "Edm.Boolean"),
            ("Keys", "Collection(Edm.String)"),
            ("Values", "Collection(Edm.Int64)"),
        ],
    ),
    ("EntityQueryExpression", &[]),
    ("GuidCollection", &[("Items", "Collection(Edm.Guid)")]),
    ("InsertOptionValueResponse", &[("NewOptionValue", "Edm.Int32")]),
    ("InsertStatusValueResponse", &[("NewStatusValue", "Edm.Int32")]),
    (
        "Label",
        &[("LocalizedLabels", "Collection(mscrm.LocalizedLabel)"), ("UserLocalizedLabel", "mscrm.LocalizedLabel")],
    ),
    (
        "LocalizedLabel",
        &[
            ("Label", "Edm.String"),
            ("LanguageCode", "Edm.Int32"),
            ("IsManaged", "Edm.Boolean"),
            ("MetadataId", "Edm.Guid"),
            ("HasChanged", "Edm.Boolean"),
        ],
    ),
    ("OrganizationDetail", &[]),
    ("PrincipalAccess", &[("AccessMask", "mscrm.AccessRights"), ("Principal", "mscrm.principal")]),
    ("QueryExpression", &[]),
    ("RetrieveCurrentOrganizationResponse", &[("Detail", "mscrm.OrganizationDetail")]),
    (
        "RetrieveMetadataChangesResponse",
        &[
            ("ServerVersionStamp", "Edm.String"),
            ("DeletedMetadata", "mscrm.DeletedMetadataCollection"),
            ("EntityMetadata", "Collection(mscrm.ComplexEntityMetadata)"),
        ],
    ),
    ("RetrievePrincipalAccessResponse", &[("AccessRights", "mscrm.AccessRights")]),
    ("RetrieveSharedPrincipalsAndAccessResponse", &[("PrincipalAccesses", "Collection(mscrm.PrincipalAccess)")]),
    ("RetrieveTotalRecordCountResponse", &[("EntityRecordCountCollection", "mscrm.EntityRecordCountCollection")]),
    ("UpsertMultipleResponse", &[("Ids", "Collection(Edm.Guid)")]),
];

/// The name of a type of choices, whether several can be chosen at once, and the choices.
type Choices = (&'static str, bool, &'static [(&'static str, u32)]);

/// The enumerations: whether members can be combined, and the members.
const ENUMS: &[Choices] = &[
    (
        "AccessRights",
        true,
        &[
            ("None", 0),
            ("ReadAccess", 1),
            ("WriteAccess", 2),
            ("AppendAccess", 4),
            ("AppendToAccess", 16),
            ("CreateAccess", 32),
            ("DeleteAccess", 65_536),
            ("ShareAccess", 262_144),
            ("AssignAccess", 524_288),
        ],
    ),
    (
        "DeletedMetadataFilters",
        true,
        &[("Default", 1), ("Attribute", 2), ("Relationship", 4), ("Label", 8), ("OptionSet", 16), ("All", 31)],
    ),
    ("EndpointAccessType", false, &[("Default", 0), ("Internet", 1), ("Intranet", 2)]),
    ("TargetFieldType", false, &[("All", 0), ("ValidForCreate", 1), ("ValidForUpdate", 2), ("ValidForRead", 3)]),
];

/// Writes the types, functions and actions.
pub(super) fn types(out: &mut String) {
    for (name, combined, members) in ENUMS {
        let flags = if *combined { " IsFlags=\"true\"" } else { "" };
        out.push_str(&format!("<EnumType Name=\"{name}\"{flags}>"));
        for (member, value) in *members {
            out.push_str(&format!("<Member Name=\"{member}\" Value=\"{value}\" />"));
        }
        out.push_str("</EnumType>");
    }
    for (name, properties) in COMPLEX {
        let open = if properties.is_empty() { " OpenType=\"true\"" } else { "" };
        out.push_str(&format!("<ComplexType Name=\"{name}\"{open}>"));
        for (property, kind) in *properties {
            super::property(property, kind, unicode(kind), out);
        }
        out.push_str("</ComplexType>");
    }
    for call in CALLS {
        let element = call.element();
        out.push_str(&format!("<{element} Name=\"{}\"", call.name));
        out.push_str(if call.bound_to.is_some() { " IsBound=\"true\">" } else { ">" });
        if let Some(bound_to) = call.bound_to {
            let name = if bound_to.starts_with("Collection") { "entityset" } else { "entity" };
            parameter(name, bound_to, out);
        }
        for (name, kind) in call.parameters {
            parameter(name, kind, out);
        }
        if let Some(answer) = call.answer {
            out.push_str(&format!("<ReturnType Type=\"{answer}\" Nullable=\"false\" />"));
        }
        out.push_str(&format!("</{element}>"));
    }
}

/// Writes those that are called without a row.
pub(super) fn imports(out: &mut String) {
    for call in CALLS.iter().filter(|call| call.bound_to.is_none()) {
        let (element, name) = (call.element(), call.name);
        out.push_str(&format!("<{element}Import Name=\"{name}\" {element}=\"Microsoft.Dynamics.CRM.{name}\" />"));
    }
}

impl Call {
    fn element(&self) -> &'static str {
        if self.is_action { "Action" } else { "Function" }
    }
}

fn parameter(name: &str, kind: &str, out: &mut String) {
    let nullable = if name.ends_with('?') { "" } else { " Nullable=\"false\"" };
    let (name, unicode) = (name.trim_end_matches('?'), unicode(kind));
    out.push_str(&format!("<Parameter Name=\"{name}\" Type=\"{kind}\"{nullable}{unicode} />"));
}

fn unicode(kind: &str) -> &'static str {
    if kind.contains("Edm.String") { " Unicode=\"false\"" } else { "" }
}
