//! What a caller may do now. A token lives for an hour, and whoever was shut out meanwhile must not
//! go on: a right is looked up when it is used, in one read with whether its holder still is anybody.

use keyholder_entra::well_known::GLOBAL_ADMINISTRATOR;
use keyholder_foundation::{ObjectId, TenantId};
use uuid::Uuid;

use super::applications::ObjectKey;
use super::users::{self, UserKey};
use super::{Directory, Refusal, app_roles, personas, service_principals};

/// What an enabled service principal or person has.
#[derive(Debug)]
pub(crate) struct Standing {
    /// Templates of its directory roles.
    pub(crate) roles: Vec<Uuid>,
    /// Values of its application permissions, sorted.
    pub(crate) permissions: Vec<String>,
    /// Whether it is somebody of a partner, and no object of the directory.
    pub(crate) is_delegate: bool,
}

impl Standing {
    /// A partner's administrator may do what a Global Administrator may.
    fn of_delegate() -> Self {
        Self { roles: vec![GLOBAL_ADMINISTRATOR.template_id], permissions: Vec::new(), is_delegate: true }
    }
}

impl Directory {
    /// What this service principal or person has; `None` when it is disabled or gone.
    pub(crate) async fn standing(&self, tenant: TenantId, principal: ObjectId) -> Result<Option<Standing>, Refusal> {
        self.read(move |statements, snapshot| {
            let enabled = match service_principals::find(statements, snapshot, tenant, ObjectKey::Object(principal)) {
                Ok(found) => found.account_enabled,
                Err(Refusal::NotFound(_)) => {
                    match users::find(statements, snapshot, tenant, &UserKey::Object(principal)) {
                        Ok(found) => found.account_enabled == Some(true),
                        Err(Refusal::NotFound(_)) => {
                            let is_delegate = personas::is_delegate(statements, snapshot, tenant, principal)?;
                            return Ok(is_delegate.then(Standing::of_delegate));
                        }
                        Err(other) => return Err(other),
                    }
                }
                Err(other) => return Err(other),
            };
            if !enabled {
                return Ok(None);
            }
            let roles = super::roles::of_principal(statements, snapshot, tenant, principal)?;
            let permissions = app_roles::values_of(statements, snapshot, tenant, principal)?;
            Ok(Some(Standing { roles, permissions, is_delegate: false }))
        })
        .await
    }
}
