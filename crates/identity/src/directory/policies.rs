//! Policies for the credentials of applications and service principals: the tenant's default one, and
//! those that single objects are given in its place.

use std::time::Duration;

use keyholder_foundation::{ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Delete, Insert, Select, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Snapshot};
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::certificates::Certificate;
use super::changes::ObjectKind;
use super::{Directory, Refusal, from_json, merge, tables, to_json};

mod custom;
mod restrictions;
pub(super) use custom::forget_holder;
use restrictions::{Restrictions, Rules};

/// The tenant's default policy in Graph's shape.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AppManagementPolicy {
    pub(crate) id: uuid::Uuid,
    pub(crate) display_name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) is_enabled: bool,
    pub(crate) application_restrictions: Restrictions,
    pub(crate) service_principal_restrictions: Restrictions,
}

impl AppManagementPolicy {
    /// The policy of a tenant that never set one: off.
    fn initial() -> Self {
        Self {
            display_name: Some("Default app management tenant policy".to_owned()),
            description: Some("Restricts the credentials of every application and service principal.".to_owned()),
            ..Self::default()
        }
    }

    fn into_rules(self, kind: ObjectKind) -> Restrictions {
        match (self.is_enabled, kind) {
            (false, _) => Restrictions::default(),
            (true, ObjectKind::Application) => self.application_restrictions,
            (true, _) => self.service_principal_restrictions,
        }
    }
}

#[derive(Debug)]
pub(super) struct Statements {
    find: Prepared,
    insert: Prepared,
    delete: Prepared,
    custom: custom::Statements,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        Ok(Self {
            find: Prepared::new(
                Select::from(tables::APP_MANAGEMENT_POLICY).column("policy", Kind::Text).filter(in_tenant()),
            )?,
            insert: Prepared::new(Insert::into(tables::APP_MANAGEMENT_POLICY).columns(["tenant_id", "policy"]))?,
            delete: Prepared::new(Delete::from(tables::APP_MANAGEMENT_POLICY).filter(in_tenant()))?,
            custom: custom::Statements::prepare()?,
        })
    }
}

fn find(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
) -> Result<AppManagementPolicy, Refusal> {
    let found = snapshot.first(&statements.policies.find, &[tenant.into()], |row| from_json(row.get(0)?))?;
    Ok(found.unwrap_or_else(AppManagementPolicy::initial))
}

/// An application or service principal that shall get another credential.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) tenant: TenantId,
    pub(super) kind: ObjectKind,
    pub(super) id: ObjectId,
    pub(super) created: Option<Timestamp>,
}

/// What holds for one object: the policy that it was given, or else the tenant's.
fn rules(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    candidate: Candidate,
) -> Result<Restrictions, Refusal> {
    match custom::of_object(statements, snapshot, candidate.tenant, candidate.id)? {
        Some(policy) => Ok(policy.into_rules()),
        None => Ok(find(statements, snapshot, candidate.tenant)?.into_rules(candidate.kind)),
    }
}

/// Refuses a secret that the policies forbid.
pub(super) fn check_password(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    candidate: Candidate,
    lifetime: Duration,
) -> Result<(), Refusal> {
    rules(statements, snapshot, candidate)?.check_password(candidate.created, lifetime)
}

/// Refuses a certificate that the policies forbid.
pub(super) fn check_certificate(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    candidate: Candidate,
    certificate: &Certificate,
) -> Result<(), Refusal> {
    let lifetime = certificate.ends.since(certificate.starts);
    rules(statements, snapshot, candidate)?.check_certificate(candidate.created, lifetime)
}

impl Directory {
    pub(crate) async fn app_management_policy(&self, tenant: TenantId) -> Result<AppManagementPolicy, Refusal> {
        self.read(move |statements, snapshot| find(statements, snapshot, tenant)).await
    }

    /// Changes the policy; a list in it is replaced as a whole.
    pub(crate) async fn update_app_management_policy(
        &self,
        tenant: TenantId,
        change: Map<String, serde_json::Value>,
    ) -> Result<(), Refusal> {
        self.change(move |statements, transaction| {
            let policy = find(statements, transaction, tenant)?;
            let policy: AppManagementPolicy = merge(&policy, &change, "TenantAppManagementPolicy")?;
            let lists = [&policy.application_restrictions, &policy.service_principal_restrictions];
            if !lists.into_iter().all(Restrictions::are_sound) {
                return Err(Refusal::invalid("restrictions", "TenantAppManagementPolicy"));
            }
            transaction.execute(&statements.policies.delete, &[tenant.into()])?;
            transaction.execute(&statements.policies.insert, &[tenant.into(), to_json(&policy)?.into()])?;
            Ok(())
        })
        .await
    }
}
