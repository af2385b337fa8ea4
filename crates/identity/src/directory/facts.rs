//! What orgs are told of people and service principals: the facts as they are now, read when an
//! item of the outbox is delivered.

use keyholder_entra::graph::User;
use keyholder_entra::well_known::{DYNAMICS_365_ADMINISTRATOR, GLOBAL_ADMINISTRATOR, POWER_PLATFORM_ADMINISTRATOR};
use keyholder_foundation::{ClientId, ObjectId, TenantId};
use keyholder_store::Snapshot;

use super::listing::Listing;
use super::{Directory, Refusal, groups, licences, roles, service_principals, users};

/// What an org is told of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFacts {
    /// The object's id: a token's `oid`.
    pub id: ObjectId,
    /// The sign-in name; in the recycle bin, with the object's id in front.
    pub user_principal_name: String,
    /// The full name.
    pub display_name: String,
    /// The first name.
    pub given_name: Option<String>,
    /// The last name.
    pub surname: Option<String>,
    /// The mail address.
    pub mail: Option<String>,
    /// Whether the person may sign in.
    pub enabled: bool,
    /// Whether the person holds a licence with a service plan that reaches Dataverse.
    pub licensed: bool,
    /// Whether the person is in the recycle bin.
    pub deleted: bool,
    /// Whether the person has a directory role that administers every org of the tenant: Global,
    /// Dynamics 365 or Power Platform Administrator.
    pub administers_organizations: bool,
    /// The groups that the person is in, those of groups included.
    pub groups: Vec<ObjectId>,
}

/// What an org is told of a service principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePrincipalFacts {
    /// The object's id: a token's `oid`.
    pub id: ObjectId,
    /// The application's client id.
    pub client_id: ClientId,
    /// The application's name.
    pub display_name: String,
    /// Whether it may sign in.
    pub enabled: bool,
    /// Whether it is in the recycle bin.
    pub deleted: bool,
}

fn of_user(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    user: User,
) -> Result<UserFacts, Refusal> {
    let roles = roles::of_principal(statements, snapshot, tenant, user.id)?;
    let administers = [GLOBAL_ADMINISTRATOR, DYNAMICS_365_ADMINISTRATOR, POWER_PLATFORM_ADMINISTRATOR];
    Ok(UserFacts {
        id: user.id,
        groups: groups::all_of_member(statements, snapshot, tenant, user.id)?,
        licensed: licences::reach_dataverse(&user.assigned_licenses),
        user_principal_name: user.user_principal_name.unwrap_or_default(),
        display_name: user.display_name.unwrap_or_default(),
        given_name: user.profile.given_name,
        surname: user.profile.surname,
        mail: user.mail,
        enabled: user.account_enabled.unwrap_or(false),
        deleted: user.deleted_date_time.is_some(),
        administers_organizations: administers.iter().any(|role| roles.contains(&role.template_id)),
    })
}

impl Directory {
    /// What orgs are told of a person; none when the person is gone for good or never was.
    pub(crate) async fn user_facts(&self, tenant: TenantId, id: ObjectId) -> Result<Option<UserFacts>, Refusal> {
        self.read(move |statements, snapshot| {
            let found = users::find_any(statements, snapshot, tenant, id)?;
            found.map(|user| of_user(statements, snapshot, tenant, user)).transpose()
        })
        .await
    }

    /// What a new org is told at first: everybody who is not deleted.
    pub(crate) async fn all_user_facts(&self, tenant: TenantId) -> Result<Vec<UserFacts>, Refusal> {
        let mut listing = Listing { size: 500, ..Listing::default() };
        let mut all = Vec::new();
        loop {
            let page = self.list_users(tenant, listing.clone()).await?;
            let facts = self.read(move |statements, snapshot| {
                let each = page.entities.iter().map(|user| of_user(statements, snapshot, tenant, user.clone()));
                Ok((each.collect::<Result<Vec<_>, _>>()?, page.next.clone()))
            });
            let (facts, next) = facts.await?;
            all.extend(facts);
            if next.is_none() {
                return Ok(all);
            }
            listing.after = next;
        }
    }

    /// What orgs are told of a service principal; none when it is gone for good or never was.
    pub(crate) async fn service_principal_facts(
        &self,
        tenant: TenantId,
        id: ObjectId,
    ) -> Result<Option<ServicePrincipalFacts>, Refusal> {
        self.read(move |statements, snapshot| {
            let found = service_principals::find_any(statements, snapshot, tenant, id)?;
            Ok(found.map(|principal| ServicePrincipalFacts {
                id: principal.id,
                client_id: principal.app_id,
                display_name: principal.display_name.unwrap_or_default(),
                enabled: principal.account_enabled,
                deleted: principal.deleted_date_time.is_some(),
            }))
        })
        .await
    }
}
