//! Ids that are the same in every tenant: first-party applications, their permissions, and the
//! templates of directory roles.

use keyholder_foundation::ClientId;
use uuid::Uuid;

const fn client(id: u128) -> ClientId {
    ClientId(Uuid::from_u128(id))
}

/// Microsoft Graph.
pub const MICROSOFT_GRAPH: ClientId = client(0x0000_0003_0000_0000_c000_0000_0000_0000);
/// Microsoft Graph's address as a resource.
pub const MICROSOFT_GRAPH_RESOURCE: &str = "https://graph.microsoft.com";
/// Dynamics CRM, as which every Dataverse org is a resource.
pub const DYNAMICS_CRM: ClientId = client(0x0000_0007_0000_0000_c000_0000_0000_0000);
/// Dynamics CRM's one delegated permission, "Access Common Data Service as organization users".
pub const DYNAMICS_CRM_USER_IMPERSONATION: Uuid = Uuid::from_u128(0x78ce_3f0f_a1ce_49c2_8cde_64b5_c089_6db4);
/// The name of [`DYNAMICS_CRM_USER_IMPERSONATION`] in scopes and grants.
pub const USER_IMPERSONATION: &str = "user_impersonation";
/// Azure Resource Manager, as which the Azure CLI's management address is a resource.
pub const AZURE_RESOURCE_MANAGER: ClientId = client(0x797f_4846_ba00_4fd7_ba43_dac1_f8f6_3013);
/// The PowerApps service, which Power Platform's tools ask for.
pub const POWERAPPS_SERVICE: ClientId = client(0x4752_26c6_020e_4fb2_8a90_7a97_2cbf_c1d4);
/// The Power Platform API.
pub const POWER_PLATFORM_API: ClientId = client(0x8578_e004_a5c6_46e7_913e_12f5_8912_df43);
/// Addresses that management tools ask tokens for: Azure's, and Power Platform's.
pub const MANAGEMENT_RESOURCES: &[(&str, ClientId)] = &[
    ("https://management.core.windows.net", AZURE_RESOURCE_MANAGER),
    ("https://management.azure.com", AZURE_RESOURCE_MANAGER),
    ("https://service.powerapps.com", POWERAPPS_SERVICE),
    ("https://api.bap.microsoft.com", POWERAPPS_SERVICE),
    ("https://api.powerplatform.com", POWER_PLATFORM_API),
];
/// The address of the service that lists a person's orgs, as a resource; it is Dataverse's own.
pub const DISCOVERY_SERVICE_RESOURCE: &str = "https://globaldisco.crm.dynamics.com";

/// A client application of Microsoft's that people sign in with, and that every tenant trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicClient {
    /// Its client id.
    pub client: ClientId,
    /// Its name in sign-in logs.
    pub display_name: &'static str,
    /// Whether it shares refresh tokens with the others of its family.
    pub family: bool,
}

/// The public clients that the guides and today's tools sign people in with.
pub const PUBLIC_CLIENTS: &[PublicClient] = &[
    PublicClient {
        client: client(0x51f8_1489_12ee_4a9e_aaae_a259_1f45_987d),
        display_name: "Dynamics 365 Development Tools",
        family: false,
    },
    PublicClient {
        client: client(0x04b0_7795_8ddb_461a_bbee_02f9_e1bf_7b46),
        display_name: "Microsoft Azure CLI",
        family: true,
    },
    PublicClient {
        client: client(0x1950_a258_227b_4e31_a9cf_7174_9594_5fc2),
        display_name: "Microsoft Azure PowerShell",
        family: true,
    },
    PublicClient {
        client: client(0x9cee_029c_6210_4654_90bb_17e6_e9d3_6617),
        display_name: "Power Platform CLI",
        family: false,
    },
];

/// The tenant id under which personal Microsoft accounts live.
pub const CONSUMERS_TENANT: Uuid = Uuid::from_u128(0x9188_040d_6c67_4c5b_b112_36a3_04b6_6dad);
/// The tenant that owns Microsoft's own applications.
pub const MICROSOFT_SERVICES_TENANT: Uuid = Uuid::from_u128(0xf8cd_ef31_a31e_4b4a_93e4_5f57_1e91_255a);
/// Graph's delegated `User.Read`, which the portal gives to every new registration.
pub const GRAPH_USER_READ: Uuid = Uuid::from_u128(0xe1fe_6dd8_ba31_4d61_89e7_8863_9da4_683d);

/// One application permission (app role) of Microsoft Graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraphPermission {
    /// The app role's id.
    pub id: Uuid,
    /// What stands in a token's `roles`.
    pub value: &'static str,
    /// What it lets an application do.
    pub summary: &'static str,
}

const fn permission(id: u128, value: &'static str, summary: &'static str) -> GraphPermission {
    GraphPermission { id: Uuid::from_u128(id), value, summary }
}

/// The application permissions of Microsoft Graph that have to do with service users.
pub const GRAPH_PERMISSIONS: &[GraphPermission] = &[
    permission(
        0x1bfe_fb4e_e0b5_418b_a88f_73c4_6d2c_c8e9,
        "Application.ReadWrite.All",
        "Read and write all applications",
    ),
    permission(
        0x18a4_783c_866b_4cc7_a460_3d5e_5662_c884,
        "Application.ReadWrite.OwnedBy",
        "Manage applications that this application created or owns",
    ),
    permission(0x9a5d_68dd_52b0_4cc2_bd40_abcf_44ac_3a30, "Application.Read.All", "Read all applications"),
    permission(0x741f_803b_c850_494e_b5df_cde7_c675_a1ca, "User.ReadWrite.All", "Read and write all users"),
    permission(0x7ab1_d382_f21e_4acd_a863_ba3e_13f7_da61, "Directory.Read.All", "Read directory data"),
    permission(0x19db_c75e_c2e2_444c_a770_ec69_d855_9fc7, "Directory.ReadWrite.All", "Read and write directory data"),
    permission(0xb0af_ded3_3588_46d8_8b3d_9842_eff7_78da, "AuditLog.Read.All", "Read all audit log data"),
    permission(
        0x06b7_08a9_e830_4db3_a914_8e69_da51_d44f,
        "AppRoleAssignment.ReadWrite.All",
        "Manage app permission grants and app role assignments",
    ),
    permission(
        0x8e8e_4742_1d95_4f68_9d56_6ee7_5648_c72a,
        "DelegatedPermissionGrant.ReadWrite.All",
        "Manage all delegated permission grants",
    ),
    permission(
        0x5fac_f0c1_8979_4e95_abcf_ff3d_0797_71c0,
        "LicenseAssignment.ReadWrite.All",
        "Manage all license assignments",
    ),
    permission(0x4984_76ce_e0fe_48b0_b801_37ba_7e26_85c6, "Organization.Read.All", "Read organization information"),
    permission(0xdf02_1288_bdef_4463_88db_98f2_2de8_9214, "User.Read.All", "Read all users' full profiles"),
    permission(
        0xcc11_7bb9_00cf_4eb8_b580_ea2a_878f_e8f7,
        "User-PasswordProfile.ReadWrite.All",
        "Read and write all password profiles and reset user passwords",
    ),
    permission(0xdbb9_058a_0e50_45d7_ae91_6690_9b5d_4664, "Domain.Read.All", "Read domains"),
    permission(0x246d_d0d5_5bd0_4def_940b_0421_030a_5b68, "Policy.Read.All", "Read your organization's policies"),
    permission(
        0xbe74_164b_cff1_491c_8741_e671_cb53_6e13,
        "Policy.ReadWrite.ApplicationConfiguration",
        "Read and write your organization's application configuration policies",
    ),
    permission(
        0x483b_ed4a_2ad3_4361_a73b_c83c_cdbd_c53c,
        "RoleManagement.Read.Directory",
        "Read all directory RBAC settings",
    ),
    permission(
        0x9e3f_62cf_ca93_4989_b6ce_bf83_c28f_9fe8,
        "RoleManagement.ReadWrite.Directory",
        "Read and write all directory RBAC settings",
    ),
    permission(0x5b56_7255_7703_4780_807c_7be8_301a_e99b, "Group.Read.All", "Read all groups"),
    permission(0x62a8_2d76_70ea_41e2_9197_3705_8180_4d09, "Group.ReadWrite.All", "Read and write all groups"),
    permission(0xbf7b_1a76_6e77_406b_b258_bf5c_7720_e98f, "Group.Create", "Create groups"),
    permission(0x9883_0695_27a2_44f7_8c18_0c3e_bc96_98f6, "GroupMember.Read.All", "Read all group memberships"),
    permission(
        0xdbaa_e8cf_10b5_4b86_a4a1_f871_c94c_6695,
        "GroupMember.ReadWrite.All",
        "Read and write all group memberships",
    ),
    permission(
        0x29c1_8626_4985_4dcd_85c0_193e_ef32_7366,
        "Policy.ReadWrite.AuthenticationMethod",
        "Read and write all authentication method policies",
    ),
    permission(0x7e05_723c_0bb0_42da_be95_ae9f_08a6_e53c, "Domain.ReadWrite.All", "Read and write domains"),
];

/// One built-in directory role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryRole {
    /// The template id: the same in every tenant, and what a token's `wids` hold.
    pub template_id: Uuid,
    /// Its name in the portals.
    pub display_name: &'static str,
}

const fn role(template_id: u128, display_name: &'static str) -> DirectoryRole {
    DirectoryRole { template_id: Uuid::from_u128(template_id), display_name }
}

/// Everything in the directory.
pub const GLOBAL_ADMINISTRATOR: DirectoryRole = role(0x62e9_0394_69f5_4237_9190_0121_7714_5e10, "Global Administrator");
/// Applications, their credentials and consent.
pub const APPLICATION_ADMINISTRATOR: DirectoryRole =
    role(0x9b89_5d92_2cd3_44c7_9d02_a6ac_2d5e_a5c3, "Application Administrator");
/// As [`APPLICATION_ADMINISTRATOR`], without the application proxy.
pub const CLOUD_APPLICATION_ADMINISTRATOR: DirectoryRole =
    role(0x158c_047a_c907_4556_b7ef_4465_51a6_b5f7, "Cloud Application Administrator");
/// Users and their passwords.
pub const USER_ADMINISTRATOR: DirectoryRole = role(0xfe93_0be7_5e62_47db_91af_98c3_a49a_38b1, "User Administrator");
/// Groups and who is in them.
pub const GROUPS_ADMINISTRATOR: DirectoryRole = role(0xfdd7_a751_b60b_444a_984c_0265_2fe8_fa1c, "Groups Administrator");
/// Licences.
pub const LICENSE_ADMINISTRATOR: DirectoryRole =
    role(0x4d6a_c14f_3453_41d0_bef9_a3e0_c569_773a, "License Administrator");
/// Who has which role.
pub const PRIVILEGED_ROLE_ADMINISTRATOR: DirectoryRole =
    role(0xe861_1ab8_c189_46e8_94e1_6021_3ab1_f814, "Privileged Role Administrator");
/// New registrations of their own.
pub const APPLICATION_DEVELOPER: DirectoryRole =
    role(0xcf1c_38e5_3621_4004_a7cb_8796_24dc_ed7c, "Application Developer");
/// Dynamics 365, in every environment.
pub const DYNAMICS_365_ADMINISTRATOR: DirectoryRole =
    role(0x4436_7163_eba1_44c3_98af_f578_7879_f96a, "Dynamics 365 Administrator");
/// Power Platform, in every environment.
pub const POWER_PLATFORM_ADMINISTRATOR: DirectoryRole =
    role(0x1164_8597_926c_4cf3_9c36_bceb_b0ba_8dcc, "Power Platform Administrator");

/// The built-in directory roles known here.
pub const DIRECTORY_ROLES: &[DirectoryRole] = &[
    GLOBAL_ADMINISTRATOR,
    APPLICATION_ADMINISTRATOR,
    CLOUD_APPLICATION_ADMINISTRATOR,
    USER_ADMINISTRATOR,
    GROUPS_ADMINISTRATOR,
    LICENSE_ADMINISTRATOR,
    PRIVILEGED_ROLE_ADMINISTRATOR,
    APPLICATION_DEVELOPER,
    DYNAMICS_365_ADMINISTRATOR,
    POWER_PLATFORM_ADMINISTRATOR,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_as_the_documents_have_them() {
        assert_eq!(MICROSOFT_GRAPH.to_string(), "00000003-0000-0000-c000-000000000000");
        assert_eq!(DYNAMICS_CRM.to_string(), "00000007-0000-0000-c000-000000000000");
        assert_eq!(DYNAMICS_CRM_USER_IMPERSONATION.to_string(), "78ce3f0f-a1ce-49c2-8cde-64b5c0896db4");
        assert_eq!(GLOBAL_ADMINISTRATOR.template_id.to_string(), "62e90394-69f5-4237-9190-012177145e10");
        assert_eq!(CLOUD_APPLICATION_ADMINISTRATOR.template_id.to_string(), "158c047a-c907-4556-b7ef-446551a6b5f7");
        let printed: Vec<_> = GRAPH_PERMISSIONS.iter().map(|p| format!("{} {}", p.id, p.value)).collect();
        assert!(printed.contains(&"1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9 Application.ReadWrite.All".to_owned()));
        assert!(
            printed.contains(&"8e8e4742-1d95-4f68-9d56-6ee75648c72a DelegatedPermissionGrant.ReadWrite.All".to_owned())
        );
    }
}
