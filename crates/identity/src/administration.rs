//! What whoever has the data folder, and the org itself, ask of the directory beside what Graph does:
//! tenants and their administrators, what is asked of people, personas, and what orgs are told.

use keyholder_entra::well_known::DirectoryRole;
use keyholder_foundation::{ClientId, ObjectId, TenantId, Timestamp};
use uuid::Uuid;

use crate::directory::administrators::{Administrators, TenantPlan};
use crate::directory::changes::OutboxItem;
use crate::directory::clients::ApplicationFacts;
use crate::directory::facts::{ServicePrincipalFacts, UserFacts};
use crate::directory::licences::Licences;
use crate::directory::listing::Listing;
use crate::directory::people::{MultiFactor, SignInRule};
use crate::directory::personas::{MadePersona, Persona};
use crate::directory::users::UserKey;
use crate::directory::{Refusal, groups};
use crate::{Error, Identity};

impl Identity {
    /// Sets what a tenant demands of every sign-in of a person (Conditional Access).
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn set_sign_in_rule(&self, tenant: TenantId, rule: SignInRule) -> Result<(), Error> {
        Ok(self.directory.set_sign_in_rule(tenant, rule).await?)
    }

    /// What a tenant demands of every sign-in of a person.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn sign_in_rule(&self, tenant: TenantId) -> Result<SignInRule, Error> {
        Ok(self.directory.sign_in_rule(tenant).await?)
    }

    /// Sets how far one person is with a second factor.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn set_multi_factor(&self, tenant: TenantId, user: ObjectId, state: MultiFactor) -> Result<(), Error> {
        Ok(self.directory.set_multi_factor(tenant, user, state).await?)
    }

    /// Sets for how many days passwords of a domain are good, counted from when they were set; for
    /// ever when none. False when the tenant has no such domain.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn set_password_validity(
        &self,
        tenant: TenantId,
        domain: &str,
        days: Option<u32>,
    ) -> Result<bool, Error> {
        Ok(self.directory.set_password_validity(tenant, domain.to_ascii_lowercase(), days).await?)
    }

    /// Makes somebody to try things as, or gives whoever is there a new password, which is in the
    /// answer and nowhere else.
    ///
    /// # Errors
    /// [`Error::NoTenant`], [`Error::Store`].
    pub async fn make_persona(&self, tenant: TenantId, persona: Persona) -> Result<MadePersona, Error> {
        self.directory.make_persona(tenant, persona).await
    }

    /// Whether somebody administers a tenant by delegation and may sign in.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn is_delegate(&self, tenant: TenantId, principal: ObjectId) -> Result<bool, Error> {
        Ok(self.directory.standing(tenant, principal).await?.is_some_and(|standing| standing.is_delegate))
    }

    /// The person of this sign-in name or object id.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find_user(&self, tenant: TenantId, name: &str) -> Result<Option<UserFacts>, Error> {
        let found = match self.directory.find_user(tenant, UserKey::parse(name)).await {
            Ok(user) => user.id,
            Err(Refusal::NotFound(_)) => return Ok(None),
            Err(other) => return Err(other.into()),
        };
        self.user_facts(tenant, found).await
    }

    /// The group of this id, or of this name when only one has it; its id and name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find_group(&self, tenant: TenantId, name: &str) -> Result<Option<(ObjectId, String)>, Error> {
        if let Ok(id) = name.parse() {
            return match self.directory.find_group(tenant, id).await {
                Ok(group) => Ok(Some((id, group.display_name.unwrap_or_default()))),
                Err(Refusal::NotFound(_)) => Ok(None),
                Err(other) => Err(other.into()),
            };
        }
        let conditions = groups::condition("displayName", false, name).into_iter().collect();
        let listing = Listing { conditions, size: 2, ..Listing::default() };
        let found = self.directory.list_groups(tenant, listing).await?;
        Ok(match found.entities.as_slice() {
            [group] => Some((group.id, group.display_name.clone().unwrap_or_default())),
            _ => None,
        })
    }

    /// Makes a group of these people under this id, when there is none: what a data folder kept
    /// before the directory had groups.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn adopt_group(
        &self,
        tenant: TenantId,
        id: ObjectId,
        name: String,
        members: Vec<ObjectId>,
    ) -> Result<(), Error> {
        Ok(self.directory.adopt_group(tenant, id, name, members).await?)
    }

    /// Makes a tenant with Microsoft's service principals and its administrators, whose
    /// credentials are in the answer and nowhere else.
    ///
    /// # Errors
    /// [`Error::Domain`], [`Error::DomainTaken`], [`Error::Store`].
    pub async fn bootstrap_tenant(&self, plan: &TenantPlan) -> Result<Administrators, Error> {
        self.directory.bootstrap_tenant(plan).await
    }

    /// Makes new credentials for a tenant's administrators (and anew what was deleted of them);
    /// the old credentials stop working.
    ///
    /// # Errors
    /// [`Error::NoTenant`], [`Error::Store`].
    pub async fn reset_admin_credentials(&self, tenant: TenantId) -> Result<Administrators, Error> {
        self.directory.reset_administrators(tenant).await
    }

    /// Every tenant with its default domain, the oldest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn tenants(&self) -> Result<Vec<(TenantId, String)>, Error> {
        let index = self.directory.tenants().await?;
        let mut tenants: Vec<_> = index.iter().collect();
        tenants.sort_unstable_by_key(|tenant| (tenant.created, tenant.id));
        Ok(tenants.into_iter().map(|tenant| (tenant.id, tenant.default_domain().to_owned())).collect())
    }

    /// What is known of an application in a tenant; none when the tenant does not know it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find_application(
        &self,
        tenant: TenantId,
        client: ClientId,
    ) -> Result<Option<ApplicationFacts>, Error> {
        let found = self.directory.find_client(tenant, client).await?;
        Ok(found.filter(|client| client.is_known_to(tenant)).map(|client| client.facts.clone()))
    }

    /// Gives a service principal or user a directory role; having it already is fine.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn assign_directory_role(
        &self,
        tenant: TenantId,
        principal: ObjectId,
        role: DirectoryRole,
    ) -> Result<(), Error> {
        self.directory.assign_role(tenant, principal, role.template_id).await?;
        Ok(())
    }

    /// Whether an enabled service principal or user has a directory role now.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn has_directory_role(
        &self,
        tenant: TenantId,
        principal: ObjectId,
        role: DirectoryRole,
    ) -> Result<bool, Error> {
        let standing = self.directory.standing(tenant, principal).await?;
        Ok(standing.is_some_and(|standing| standing.roles.contains(&role.template_id)))
    }

    /// What orgs must learn and is due at `now`, the oldest first, at most `limit` items. An item
    /// stays until it is [acknowledged](Self::acknowledge); what there is to deliver is read when it
    /// is delivered ([`Self::user_facts`], [`Self::service_principal_facts`]).
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn take_due(&self, now: Timestamp, limit: u32) -> Result<Vec<OutboxItem>, Error> {
        Ok(self.directory.take_due(now, limit).await?)
    }

    /// Forgets an item that was delivered; doing it twice is fine.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn acknowledge(&self, seq: i64) -> Result<(), Error> {
        Ok(self.directory.acknowledge(seq).await?)
    }

    /// What orgs are told of a person; none when the person is gone for good or never was.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn user_facts(&self, tenant: TenantId, user: ObjectId) -> Result<Option<UserFacts>, Error> {
        Ok(self.directory.user_facts(tenant, user).await?)
    }

    /// What a new org is told at first: everybody who is not deleted.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn all_user_facts(&self, tenant: TenantId) -> Result<Vec<UserFacts>, Error> {
        Ok(self.directory.all_user_facts(tenant).await?)
    }

    /// What orgs are told of a service principal; none when it is gone for good or never was.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn service_principal_facts(
        &self,
        tenant: TenantId,
        principal: ObjectId,
    ) -> Result<Option<ServicePrincipalFacts>, Error> {
        Ok(self.directory.service_principal_facts(tenant, principal).await?)
    }

    /// How many of each licence a tenant has bought, and which each of its people holds.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn licences(&self, tenant: TenantId) -> Result<Licences, Error> {
        Ok(self.directory.licences(tenant).await?)
    }

    /// Sets how many of a licence a tenant has bought; those given away already stay given.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn set_prepaid_units(&self, tenant: TenantId, sku: Uuid, units: u32) -> Result<(), Error> {
        Ok(self.directory.set_prepaid_units(tenant, sku, units).await?)
    }
}
