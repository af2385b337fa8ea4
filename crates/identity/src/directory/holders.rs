//! Who holds secrets and certificates: an application, or a service principal on its own.

use keyholder_foundation::{ObjectId, TenantId, Timestamp};
use keyholder_store::Snapshot;

use super::applications::{self, ObjectKey};
use super::changes::ObjectKind;
use super::policies::Candidate;
use super::tenants::Tenant;
use super::{Refusal, service_principals};

/// Something that holds credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    Application(ObjectKey),
    ServicePrincipal(ObjectKey),
}

/// What is asked of a holder before it gets another credential.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) id: ObjectId,
    pub(super) kind: ObjectKind,
    pub(super) created: Option<Timestamp>,
    pub(super) secrets: usize,
    /// How many items all of its lists have.
    items: usize,
    /// Whether personal accounts may use it.
    pub(super) is_personal: bool,
    /// Whether its application forbids its principals credentials of their own.
    is_locked: bool,
}

impl Held {
    /// As policies look at it.
    pub(super) fn candidate(&self, tenant: TenantId) -> Candidate {
        Candidate { tenant, kind: self.kind, id: self.id, created: self.created }
    }

    /// Refuses another item where all lists together are full.
    pub(super) fn check_room(&self) -> Result<(), Refusal> {
        applications::check_items(self.items + 1)
    }

    /// Refuses what the application's instance lock forbids.
    pub(super) fn check_lock(&self) -> Result<(), Refusal> {
        if self.is_locked { Err(Refusal::Locked) } else { Ok(()) }
    }
}

pub(super) fn find(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: &Tenant,
    holder: Holder,
) -> Result<Held, Refusal> {
    match holder {
        Holder::Application(key) => {
            let found = applications::find(statements, snapshot, tenant, key)?;
            Ok(Held {
                id: found.id,
                kind: ObjectKind::Application,
                created: found.created_date_time,
                secrets: found.password_credentials.len(),
                items: applications::items(&found),
                is_personal: found.sign_in_audience.as_deref().is_some_and(|it| it.contains("PersonalMicrosoft")),
                is_locked: false,
            })
        }
        Holder::ServicePrincipal(key) => {
            let (found, is_locked) = service_principals::find_with_lock(statements, snapshot, tenant.id, key)?;
            Ok(Held {
                id: found.id,
                kind: ObjectKind::ServicePrincipal,
                created: found.created_date_time,
                secrets: found.password_credentials.len(),
                items: found.tags.len() + found.password_credentials.len() + found.key_credentials.len(),
                is_personal: false,
                is_locked,
            })
        }
    }
}
