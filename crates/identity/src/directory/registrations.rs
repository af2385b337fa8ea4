//! What a registration says about signing in: where people are sent back to, whether it can keep a
//! secret, and, where it is an API, what it offers and which tokens it wants.
//!
//! An application without a row has the defaults.

use std::collections::HashMap;

use keyholder_entra::graph::{AppRole, PermissionScope};
use keyholder_foundation::{ObjectId, TenantId};
use keyholder_store::statement::{Delete, Insert, Select, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Row, Snapshot, Transaction, Value};
use serde::{Deserialize, Serialize};

use super::sign_in_tables::REGISTRATION;
use super::{Directory, Refusal, from_json, to_json};

/// What kind of application a redirect URI belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Platform {
    /// Graph's `web.redirectUris`: a server, which keeps a secret.
    Web,
    /// Graph's `spa.redirectUris`: a page in a browser.
    Spa,
    /// Graph's `publicClient.redirectUris`: a program on somebody's machine.
    PublicClient,
}

/// Where people may be sent back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RedirectUri {
    pub(crate) platform: Platform,
    pub(crate) uri: String,
}

/// What a registration says about signing in.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Registration {
    pub(crate) redirect_uris: Vec<RedirectUri>,
    /// Graph's `isFallbackPublicClient`: flows that cannot keep a secret are let in without one.
    pub(crate) is_fallback_public_client: bool,
    /// Graph's `api.requestedAccessTokenVersion`: 1 or 2; none counts as 1.
    pub(crate) requested_access_token_version: Option<i64>,
    /// Graph's `appRoles`.
    pub(crate) app_roles: Vec<AppRole>,
    /// Graph's `api.oauth2PermissionScopes`.
    pub(crate) permission_scopes: Vec<PermissionScope>,
}

const COLUMNS: [(&str, Kind); 5] = [
    ("redirect_uris", Kind::Text),
    ("is_fallback_public_client", Kind::Bool),
    ("requested_access_token_version", Kind::Integer),
    ("app_roles", Kind::Text),
    ("permission_scopes", Kind::Text),
];

#[derive(Debug)]
pub(super) struct Statements {
    of_applications: Prepared,
    insert: Prepared,
    delete: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        Ok(Self {
            of_applications: Prepared::new(
                Select::from(REGISTRATION)
                    .columns(COLUMNS)
                    .column("object_id", Kind::Uuid)
                    .filter(in_tenant().and(column("object_id").in_list(1))),
            )?,
            insert: Prepared::new(
                Insert::into(REGISTRATION).columns(["tenant_id", "object_id"]).columns(COLUMNS.map(|(name, _)| name)),
            )?,
            delete: Prepared::new(
                Delete::from(REGISTRATION).filter(in_tenant().and(column("object_id").equals(parameter(1)))),
            )?,
        })
    }
}

fn read(row: &Row<'_>) -> Result<(ObjectId, Registration), Error> {
    let registration = Registration {
        redirect_uris: from_json(row.get(0)?)?,
        is_fallback_public_client: row.get(1)?,
        requested_access_token_version: row.get(2)?,
        app_roles: from_json(row.get(3)?)?,
        permission_scopes: from_json(row.get(4)?)?,
    };
    Ok((row.get(5)?, registration))
}

/// What the registrations of these applications say; one without a row is left out.
pub(super) fn of_applications(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    applications: impl IntoIterator<Item = ObjectId>,
) -> Result<HashMap<ObjectId, Registration>, Refusal> {
    let values = [tenant.into(), Value::ids(applications)];
    Ok(snapshot.list(&statements.registrations.of_applications, &values, read)?.into_iter().collect())
}

/// What the registration of an application says.
pub(super) fn of_application(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    application: ObjectId,
) -> Result<Registration, Refusal> {
    let found = of_applications(statements, snapshot, tenant, [application])?;
    Ok(found.into_values().next().unwrap_or_default())
}

/// Sets what the registration of an application says.
pub(super) fn set(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    application: ObjectId,
    registration: &Registration,
) -> Result<(), Refusal> {
    transaction.execute(&statements.registrations.delete, &[tenant.into(), application.into()])?;
    let row = [
        tenant.into(),
        application.into(),
        to_json(&registration.redirect_uris)?.into(),
        registration.is_fallback_public_client.into(),
        registration.requested_access_token_version.into(),
        to_json(&registration.app_roles)?.into(),
        to_json(&registration.permission_scopes)?.into(),
    ];
    transaction.execute(&statements.registrations.insert, &row)?;
    Ok(())
}

impl Directory {
    /// Sets what the registration of an application says. That it exists is the caller's to see.
    #[cfg(test)]
    pub(crate) async fn set_registration(
        &self,
        tenant: TenantId,
        application: ObjectId,
        registration: Registration,
    ) -> Result<(), Refusal> {
        self.change(move |statements, transaction| set(statements, transaction, tenant, application, &registration))
            .await
    }
}
