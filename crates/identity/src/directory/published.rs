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
    let scope = |id: Uuid, value: &str, summary: &str, kind: &str| PermissionScope {
        id,
        admin_consent_description: Some(summary.to_owned()),
        admin_consent_display_name: Some(summary.to_owned()),
        is_enabled: true,
        kind: Some(kind.to_owned()),
        user_consent_description: Some(summary.to_owned()),
        user_consent_display_name: Some(summary.to_owned()),
        value: Some(value.to_owned()),
    };
    match client {
        well_known::DYNAMICS_CRM => vec![scope(
            well_known::DYNAMICS_CRM_USER_IMPERSONATION,
            well_known::USER_IMPERSONATION,
            "Access Dataverse as the signed-in user",
            "User",
        )],
        well_known::MICROSOFT_GRAPH => GRAPH_SCOPES
            .iter()
            .map(|(id, value, summary, kind)| scope(Uuid::from_u128(*id), value, summary, kind))
            .collect(),
        _ => Vec::new(),
    }
}

/// Delegated permissions of Microsoft Graph that sign-ins and administrators' tools ask for: id,
/// value, what it lets one do, who may consent.
const GRAPH_SCOPES: &[(u128, &str, &str, &str)] = &[
    (well_known::GRAPH_USER_READ.as_u128(), "User.Read", "Sign in and read the signed-in user's profile", "User"),
    (0x37f7_f235_527c_4136_accd_4a02_d197_296e, "openid", "Sign users in", "User"),
    (0x14da_d69e_099b_42c9_810b_d002_981f_eec1, "profile", "View users' basic profile", "User"),
    (0x64a6_cdd6_aab1_4aaf_94b8_3cc8_405e_90d0, "email", "View users' email address", "User"),
    (
        0x7427_e0e9_2fba_42fe_b0c0_848c_9e6a_8182,
        "offline_access",
        "Maintain access to data that the user has given it access to",
        "User",
    ),
    (
        0x0e26_3e50_5827_48a4_b97c_d940_2886_53c7,
        "Directory.AccessAsUser.All",
        "Access the directory as the signed-in user",
        "Admin",
    ),
    (0x06da_0dbc_49e2_44d2_8312_53f1_66ab_848a, "Directory.Read.All", "Read directory data", "Admin"),
    (
        0xbdfb_f15f_ee85_4955_8675_146e_8e52_96b5,
        "Application.ReadWrite.All",
        "Read and write all applications",
        "Admin",
    ),
    (0x204e_0828_b5ca_4ad8_b9f3_f32a_958e_7cc4, "User.ReadWrite.All", "Read and write all users' profiles", "Admin"),
    (0xc79f_8feb_a9db_4090_85f9_90d8_20ca_a0eb, "Application.Read.All", "Read applications", "Admin"),
    (
        0x84bc_cea3_f856_4a8a_967b_dbe0_a3d5_3a64,
        "AppRoleAssignment.ReadWrite.All",
        "Manage app permission grants and app role assignments",
        "Admin",
    ),
    (0xe4c9_e354_4dc5_45b8_9e7c_e139_3b0b_1a20, "AuditLog.Read.All", "Read audit log data", "Admin"),
    (
        0x41ce_6ca6_6826_4807_84f1_1c82_854f_7ee5,
        "DelegatedPermissionGrant.ReadWrite.All",
        "Manage all delegated permission grants",
        "Admin",
    ),
    (0xc536_6453_9fb0_48a5_a156_24f0_c49a_4b84, "Directory.ReadWrite.All", "Read and write directory data", "Admin"),
    (0x2f9e_e017_59c1_4f1d_9472_bd55_29a7_b311, "Domain.Read.All", "Read domains", "Admin"),
    (0x0b5d_694c_a244_4bde_86e6_eb5c_d077_30fe, "Domain.ReadWrite.All", "Read and write domains", "Admin"),
    (0x5f8c_59db_677d_491f_a6b8_5f17_4b11_ec1d, "Group.Read.All", "Read all groups", "Admin"),
    (0x4e46_008b_f24c_477d_8fff_7bb4_ec7a_afe0, "Group.ReadWrite.All", "Read and write all groups", "Admin"),
    (0xbc02_4368_1153_4739_b217_4326_f2e9_66d0, "GroupMember.Read.All", "Read group memberships", "Admin"),
    (
        0xf811_25ac_d3b7_4573_a3b2_7099_cc39_df9e,
        "GroupMember.ReadWrite.All",
        "Read and write group memberships",
        "Admin",
    ),
    (
        0xf550_16cc_149c_447e_8f21_7cf3_ec1d_6350,
        "LicenseAssignment.ReadWrite.All",
        "Manage all license assignments",
        "Admin",
    ),
    (0x4908_d5b9_3fb2_4b1e_9336_1888_b793_7185, "Organization.Read.All", "Read organization information", "Admin"),
    (0x572f_ea84_0151_49b2_9301_11cb_1697_4376, "Policy.Read.All", "Read your organization's policies", "Admin"),
    (
        0xb27a_dd92_efb2_4f16_84f5_8108_ba77_985c,
        "Policy.ReadWrite.ApplicationConfiguration",
        "Read and write your organization's application configuration policies",
        "Admin",
    ),
    (
        0x7e82_3077_d88e_468f_a337_e18f_1f0e_6c7c,
        "Policy.ReadWrite.AuthenticationMethod",
        "Read and write authentication method policies",
        "Admin",
    ),
    (
        0x741c_54c3_0c1e_44a1_818b_3f97_ab4e_8c83,
        "RoleManagement.Read.Directory",
        "Read directory RBAC settings",
        "Admin",
    ),
    (
        0xd01b_97e9_cbc0_49fe_810a_750a_fd55_27a3,
        "RoleManagement.ReadWrite.Directory",
        "Read and write directory RBAC settings",
        "Admin",
    ),
    (0xa154_be20_db9c_4678_8ab7_66f6_cc09_9a59, "User.Read.All", "Read all users' full profiles", "Admin"),
    (
        0x5676_0768_b641_451f_8906_e1b8_ab31_bca7,
        "User-PasswordProfile.ReadWrite.All",
        "Read and write password profiles and reset user passwords",
        "Admin",
    ),
];
