//! What a caller may do now. A token lives for an hour, and whoever was shut out meanwhile must not
//! go on: a right is looked up when it is used, in one read with whether its holder still is anybody.

use keyholder_foundation::{ObjectId, TenantId};
use keyholder_store::statement::{Select, column, parameter};
use keyholder_store::{Error, Kind, Prepared};
use uuid::Uuid;

use super::applications::ObjectKey;
use super::{Directory, Refusal, app_roles, service_principals, tables};

/// What an enabled service principal or person has.
#[derive(Debug)]
pub(crate) struct Standing {
    /// Templates of its directory roles.
    pub(crate) roles: Vec<Uuid>,
    /// Values of its application permissions, sorted.
    pub(crate) permissions: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Statements {
    user_enabled: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        Ok(Self {
            user_enabled: Prepared::new(
                Select::from(tables::USER)
                    .column("account_enabled", Kind::Bool)
                    .filter(column("tenant_id").equals(parameter(0)))
                    .filter(column("object_id").equals(parameter(1))),
            )?,
        })
    }
}

impl Directory {
    /// What this service principal or person has; `None` when it is disabled or gone.
    pub(crate) async fn standing(&self, tenant: TenantId, principal: ObjectId) -> Result<Option<Standing>, Refusal> {
        self.read(move |statements, snapshot| {
            let enabled = match service_principals::find(statements, snapshot, tenant, ObjectKey::Object(principal)) {
                Ok(found) => found.account_enabled,
                Err(Refusal::NotFound(_)) => {
                    let key = [tenant.into(), principal.into()];
                    let user = snapshot.first(&statements.standing.user_enabled, &key, |row| row.get(0))?;
                    user.unwrap_or(false)
                }
                Err(other) => return Err(other),
            };
            if !enabled {
                return Ok(None);
            }
            let roles = super::roles::of_principal(statements, snapshot, tenant, principal)?;
            let permissions = app_roles::values_of(statements, snapshot, tenant, principal)?;
            Ok(Some(Standing { roles, permissions }))
        })
        .await
    }
}
