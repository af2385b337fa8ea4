//! Microsoft's own applications, as far as service users meet them: what each offers is the same in
//! every tenant, so only their service principals are rows.

use keyholder_entra::graph::{AppRole, PermissionScope};
use keyholder_entra::well_known::{self, GRAPH_PERMISSIONS};
use keyholder_foundation::ClientId;
use uuid::Uuid;

/// An application of Microsoft's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Published {
    pub(crate) client: ClientId,
    pub(crate) display_name: &'static str,
    /// The addresses under which it is a resource.
    pub(crate) identifier_uris: &'static [&'static str],
}

/// Those that every tenant has from the start.
pub(crate) const PUBLISHED: &[Published] = &[
    Published {
        client: well_known::MICROSOFT_GRAPH,
        display_name: "Microsoft Graph",
        identifier_uris: &[well_known::MICROSOFT_GRAPH_RESOURCE, "https://graph.microsoft.com/"],
    },
    Published {
        client: well_known::DYNAMICS_CRM,
        display_name: "Dataverse",
        identifier_uris: &["00000007-0000-0000-c000-000000000000/*.crm.dynamics.com"],
    },
];

/// The one with this client id.
pub(crate) fn find(client: ClientId) -> Option<&'static Published> {
    PUBLISHED.iter().find(|published| published.client == client)
}

/// The application permissions that it offers.
pub(crate) fn app_roles(client: ClientId) -> Vec<AppRole> {
    if client != well_known::MICROSOFT_GRAPH {
        return Vec::new();
    }
    let role = |permission: &well_known::GraphPermission| AppRole {
        id: permission.id,
        allowed_member_types: vec!["Application".to_owned()],
        description: Some(permission.summary.to_owned()),
        display_name: Some(permission.summary.to_owned()),
        is_enabled: true,
        value: Some(permission.value.to_owned()),
    };
    GRAPH_PERMISSIONS.iter().map(role).collect()
}

/// What an app role of its stands for in a token.
pub(crate) fn app_role_value(client: ClientId, role: Uuid) -> Option<&'static str> {
    let known = GRAPH_PERMISSIONS.iter().find(|permission| permission.id == role)?;
    (client == well_known::MICROSOFT_GRAPH).then_some(known.value)
}

/// The delegated permissions that it offers.
pub(crate) fn permission_scopes(client: ClientId) -> Vec<PermissionScope> {
    let (id, value, summary) = match client {
        well_known::DYNAMICS_CRM => (
            well_known::DYNAMICS_CRM_USER_IMPERSONATION,
            well_known::USER_IMPERSONATION,
            "Access Dataverse as the signed-in user",
        ),
        well_known::MICROSOFT_GRAPH => {
            (well_known::GRAPH_USER_READ, "User.Read", "Sign in and read the signed-in user's profile")
        }
        _ => return Vec::new(),
    };
    vec![PermissionScope {
        id,
        admin_consent_description: Some(summary.to_owned()),
        admin_consent_display_name: Some(summary.to_owned()),
        is_enabled: true,
        kind: Some("User".to_owned()),
        value: Some(value.to_owned()),
    }]
}
