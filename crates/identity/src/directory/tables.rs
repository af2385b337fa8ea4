//! The directory's tables. Each carries the tenant; what is a list and never searched by its
//! elements (tags, declared permissions) is JSON in one column.

use keyholder_store::statement::{CreateIndex, Insert, Statement, TableDefinition, column, literal};
use keyholder_store::{Kind, Migration};

use super::sign_in_tables;

mod fifth;
mod fourth;
mod sixth;
mod third;
pub(crate) use fourth::{GROUP, GROUP_MEMBER};
pub(crate) use sixth::{CUSTOM_POLICY, POLICY_HOLDER};
pub(crate) use third::{
    ACTIVATED_ROLE, APP_MANAGEMENT_POLICY, OBJECT_CHANGE, OBJECT_OWNER, OUTBOX, PREPAID_UNITS, USER_LICENCE,
};

pub(crate) const EPOCH: &str = "epoch";
pub(crate) const TENANT: &str = "tenant";
pub(crate) const TENANT_DOMAIN: &str = "tenant_domain";
pub(crate) const APPLICATION: &str = "application";
pub(crate) const PASSWORD_CREDENTIAL: &str = "password_credential";
pub(crate) const SERVICE_PRINCIPAL: &str = "service_principal";
pub(crate) const PERMISSION_GRANT: &str = "oauth2_permission_grant";
pub(crate) const APP_ROLE_ASSIGNMENT: &str = "app_role_assignment";
pub(crate) const DIRECTORY_ROLE_ASSIGNMENT: &str = "directory_role_assignment";
pub(crate) const USER: &str = "directory_user";

/// The name of the number that the outbox's items get.
pub(crate) const OUTBOX_EPOCH: &str = "outbox";
/// The name of the directory's own epoch.
pub(crate) const DIRECTORY_EPOCH: &str = "directory";

/// From an empty database to today's tables.
pub(crate) fn migrations() -> Vec<Migration> {
    vec![
        Migration::new(1, "create the directory", create()),
        Migration::new(2, "let people and certificates sign in", sign_in_tables::create()),
        Migration::new(3, "show all of it in Graph, and tell the orgs", third::widen()),
        Migration::new(4, "keep groups, second factors and delegates", fourth::create()),
        Migration::new(5, "keep what service principals say of themselves", fifth::widen()),
        Migration::new(6, "keep policies for single applications", sixth::create()),
    ]
}

fn create() -> Vec<Statement> {
    vec![
        TableDefinition::new(EPOCH)
            .required("name", Kind::Text)
            .required("value", Kind::Integer)
            .primary_key(["name"])
            .into(),
        Insert::into(EPOCH).value("name", literal(DIRECTORY_EPOCH)).value("value", literal(1)).into(),
        TableDefinition::new(TENANT)
            .required("tenant_id", Kind::Uuid)
            .required("display_name", Kind::Text)
            .required("created", Kind::Time)
            // The objects whose credentials the data folder's owner holds.
            .optional("administrator_application", Kind::Uuid)
            .optional("administrator_user", Kind::Uuid)
            .primary_key(["tenant_id"])
            .into(),
        TableDefinition::new(TENANT_DOMAIN)
            .required("tenant_id", Kind::Uuid)
            // In lower case.
            .required("name", Kind::Text)
            .required("is_default", Kind::Bool)
            .required("is_initial", Kind::Bool)
            .primary_key(["name"])
            .into(),
        application().into(),
        CreateIndex::new("application_by_client", APPLICATION, ["client_id"]).unique().into(),
        TableDefinition::new(PASSWORD_CREDENTIAL)
            .required("tenant_id", Kind::Uuid)
            .required("key_id", Kind::Uuid)
            .required("application", Kind::Uuid)
            .optional("display_name", Kind::Text)
            .required("hint", Kind::Text)
            .required("starts", Kind::Time)
            .required("ends", Kind::Time)
            .required("salt", Kind::Bytes)
            .required("hash", Kind::Bytes)
            .primary_key(["tenant_id", "key_id"])
            .into(),
        CreateIndex::new("password_by_application", PASSWORD_CREDENTIAL, ["tenant_id", "application"]).into(),
        service_principal().into(),
        CreateIndex::new("service_principal_by_client", SERVICE_PRINCIPAL, ["tenant_id", "client_id"])
            .unique()
            .filter(column("deleted").is_null())
            .into(),
        TableDefinition::new(PERMISSION_GRANT)
            .required("tenant_id", Kind::Uuid)
            .required("object_id", Kind::Uuid)
            .required("client", Kind::Uuid)
            .required("resource", Kind::Uuid)
            .required("consent_type", Kind::Text)
            // The nil id for everyone: NULLs would never collide in the unique index.
            .required("principal", Kind::Uuid)
            .required("scope", Kind::Text)
            .primary_key(["tenant_id", "object_id"])
            .into(),
        CreateIndex::new("grant_of_client", PERMISSION_GRANT, ["tenant_id", "client", "resource", "principal"])
            .unique()
            .into(),
        TableDefinition::new(APP_ROLE_ASSIGNMENT)
            .required("tenant_id", Kind::Uuid)
            .required("object_id", Kind::Uuid)
            .required("principal", Kind::Uuid)
            .required("resource", Kind::Uuid)
            .required("app_role", Kind::Uuid)
            .required("created", Kind::Time)
            .primary_key(["tenant_id", "object_id"])
            .into(),
        CreateIndex::new(
            "app_role_of_principal",
            APP_ROLE_ASSIGNMENT,
            ["tenant_id", "principal", "resource", "app_role"],
        )
        .unique()
        .into(),
        TableDefinition::new(DIRECTORY_ROLE_ASSIGNMENT)
            .required("tenant_id", Kind::Uuid)
            .required("principal", Kind::Uuid)
            .required("role_template", Kind::Uuid)
            .primary_key(["tenant_id", "principal", "role_template"])
            .into(),
        TableDefinition::new(USER)
            .required("tenant_id", Kind::Uuid)
            .required("object_id", Kind::Uuid)
            // As written, and as compared.
            .required("user_principal_name", Kind::Text)
            .required("user_principal_name_folded", Kind::Text)
            .required("display_name", Kind::Text)
            .required("account_enabled", Kind::Bool)
            // Argon2id, PHC string form.
            .required("password_hash", Kind::Text)
            .required("created", Kind::Time)
            .primary_key(["tenant_id", "object_id"])
            .into(),
        CreateIndex::new("user_by_name", USER, ["tenant_id", "user_principal_name_folded"]).unique().into(),
    ]
}

fn application() -> TableDefinition {
    TableDefinition::new(APPLICATION)
        .required("tenant_id", Kind::Uuid)
        .required("object_id", Kind::Uuid)
        .required("client_id", Kind::Uuid)
        // As written, and as compared by filters.
        .required("display_name", Kind::Text)
        .required("display_name_folded", Kind::Text)
        .optional("description", Kind::Text)
        .required("sign_in_audience", Kind::Text)
        .required("identifier_uris", Kind::Text)
        .required("required_resource_access", Kind::Text)
        .required("tags", Kind::Text)
        .optional("notes", Kind::Text)
        .required("created", Kind::Time)
        // When it went to the recycle bin.
        .optional("deleted", Kind::Time)
        .primary_key(["tenant_id", "object_id"])
}

fn service_principal() -> TableDefinition {
    TableDefinition::new(SERVICE_PRINCIPAL)
        .required("tenant_id", Kind::Uuid)
        .required("object_id", Kind::Uuid)
        .required("client_id", Kind::Uuid)
        .required("owner_tenant", Kind::Uuid)
        .required("display_name", Kind::Text)
        .required("display_name_folded", Kind::Text)
        .required("account_enabled", Kind::Bool)
        .required("assignment_required", Kind::Bool)
        .required("sign_in_audience", Kind::Text)
        .required("identifier_uris", Kind::Text)
        .required("tags", Kind::Text)
        .optional("notes", Kind::Text)
        .required("created", Kind::Time)
        .optional("deleted", Kind::Time)
        .primary_key(["tenant_id", "object_id"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_carries_the_tenant() {
        for migration in migrations() {
            for statement in migration.statements {
                if let Statement::CreateTable(table) = statement
                    && ![EPOCH, sign_in_tables::SIGNING_KEY].contains(&table.name.as_ref())
                {
                    assert_eq!(table.columns.first().map(|c| c.name.as_ref()), Some("tenant_id"), "{}", table.name);
                }
            }
        }
    }
}
