//! The administrators that each local tenant is born with: an application and a person, both
//! Global Administrators, whose credentials the owner of the data folder holds.
//!
//! Their plain text leaves here once; the store has only hashes. When it is lost, new ones are made
//! and the old ones stop working.

use std::sync::Arc;

use keyholder_entra::licences::SKUS;
use keyholder_entra::well_known::GLOBAL_ADMINISTRATOR;
use keyholder_foundation::{ClientId, ObjectId, Secret, TenantId, Timestamp};
use keyholder_store::statement::{Select, Update, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Snapshot, Transaction};

use super::accounts::{self, Account};
use super::applications::{ApplicationChange, ObjectKey};
use super::changes::{self, ObjectKind};
use super::passwords::{FreshPassword, NewPassword};
use super::published::PUBLISHED;
use super::service_principals::ServicePrincipalChange;
use super::tenants::{Domain, Tenant};
use super::{Directory, Refusal, applications, licences, passwords, roles, service_principals, tables, tenants};
use crate::credentials::{generate_password, hash_password};

/// The name of the administrators' application.
pub const APPLICATION_NAME: &str = "Keyholder local administrator";

/// What a new tenant shall be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantPlan {
    /// Its id; a random one when none.
    pub id: Option<TenantId>,
    /// Its domain, as `contoso.example`.
    pub domain: String,
    /// Its name.
    pub display_name: String,
}

/// The administrators of a tenant, with their credentials in plain text.
#[derive(Debug, Clone)]
pub struct Administrators {
    /// The tenant.
    pub tenant: TenantId,
    /// The client id of the application.
    pub client_id: ClientId,
    /// The application's service principal.
    pub service_principal: ObjectId,
    /// The application's secret.
    pub client_secret: Secret,
    /// The person.
    pub user: ObjectId,
    /// The person's sign-in name.
    pub user_principal_name: String,
    /// The person's password.
    pub password: Secret,
}

#[derive(Debug)]
pub(super) struct Statements {
    find: Prepared,
    set: Prepared,
    find_user: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        let this_user = || in_tenant().and(column("object_id").equals(parameter(1)));
        Ok(Self {
            find: Prepared::new(
                Select::from(tables::TENANT)
                    .column("administrator_application", Kind::Uuid)
                    .column("administrator_user", Kind::Uuid)
                    .filter(in_tenant()),
            )?,
            set: Prepared::new(
                Update::of(tables::TENANT)
                    .set("administrator_application", parameter(1))
                    .set("administrator_user", parameter(2))
                    .filter(in_tenant()),
            )?,
            find_user: Prepared::new(
                Select::from(tables::USER)
                    .column("user_principal_name", Kind::Text)
                    .filter(this_user())
                    .filter(column("deleted").is_null()),
            )?,
        })
    }
}

/// Everything random that new administrators need, made outside the transaction.
#[derive(Clone)]
struct Fresh {
    application: ObjectId,
    client: ClientId,
    service_principal: ObjectId,
    user: ObjectId,
    secret: FreshPassword,
    password: Secret,
    password_hash: String,
    now: Timestamp,
}

impl Directory {
    /// Makes a tenant with Microsoft's service principals and its administrators.
    pub(crate) async fn bootstrap_tenant(&self, plan: &TenantPlan) -> Result<Administrators, crate::Error> {
        let domain = plan.domain.to_ascii_lowercase();
        if !is_domain(&domain) {
            return Err(crate::Error::Domain(plan.domain.clone()));
        }
        let tenant = Tenant {
            id: plan.id.unwrap_or_else(|| TenantId(self.random.uuid())),
            display_name: plan.display_name.clone(),
            created: self.clocks.now().whole_seconds(),
            domains: vec![Domain { name: domain.clone(), is_default: true, is_initial: true, password_validity: None }],
        };
        let fresh = self.fresh_administrators().await?;
        let published: Vec<_> = PUBLISHED.iter().map(|known| (self.new_object_id(), known.client)).collect();
        let made = self.change(move |statements, transaction| {
            tenants::insert(statements, transaction, &tenant)?;
            for principal in &published {
                let change = ServicePrincipalChange::default();
                service_principals::insert(statements, transaction, tenant.id, *principal, fresh.now, &change)?;
            }
            administrators(statements, transaction, &tenant, &fresh)
        });
        made.await.map_err(|refusal| match refusal {
            Refusal::Store(Error::UniqueViolation { .. }) => crate::Error::DomainTaken(domain),
            other => other.into(),
        })
    }

    /// Makes new credentials for a tenant's administrators; the old ones stop working. Makes the
    /// administrators themselves anew where they were deleted.
    pub(crate) async fn reset_administrators(&self, tenant: TenantId) -> Result<Administrators, crate::Error> {
        let index = self.tenants().await?;
        let tenant = Arc::clone(index.find(tenant).ok_or(crate::Error::NoTenant(tenant))?);
        let fresh = self.fresh_administrators().await?;
        Ok(self.change(move |statements, transaction| administrators(statements, transaction, &tenant, &fresh)).await?)
    }

    async fn fresh_administrators(&self) -> Result<Fresh, crate::Error> {
        let password = generate_password(self.random.as_ref());
        // Tens of milliseconds of work, so away from the threads that answer requests.
        let (text, random) = (password.clone(), Arc::clone(&self.random));
        let hashed = tokio::task::spawn_blocking(move || hash_password(&text, random.as_ref())).await;
        let password_hash = hashed.map_err(|error| error.to_string()).flatten().map_err(crate::Error::Password)?;
        // However the org clock is moved, the owner of the folder is not locked out.
        let secret = NewPassword {
            display_name: Some("org.env".to_owned()),
            starts: Timestamp::EPOCH,
            ends: Timestamp::from_millis(i64::MAX),
        };
        Ok(Fresh {
            application: self.new_object_id(),
            client: ClientId(self.random.uuid()),
            service_principal: self.new_object_id(),
            user: self.new_object_id(),
            secret: self.fresh_password(secret),
            password,
            password_hash,
            now: self.clocks.now().whole_seconds(),
        })
    }
}

/// Makes or mends the administrators of `tenant` and gives them fresh credentials.
fn administrators(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: &Tenant,
    fresh: &Fresh,
) -> Result<Administrators, Refusal> {
    let known = transaction.first(&statements.administrators.find, &[tenant.id.into()], |row| {
        Ok((row.get::<Option<ObjectId>>(0)?, row.get::<Option<ObjectId>>(1)?))
    })?;
    let (known_application, known_user) = known.ok_or_else(|| Refusal::NotFound(tenant.id.to_string()))?;

    let (application, client) = application(statements, transaction, tenant, fresh, known_application)?;
    let service_principal = service_principal(statements, transaction, tenant, fresh, client)?;
    let (user, user_principal_name) = user(statements, transaction, tenant, fresh, known_user)?;

    passwords::delete_all(statements, transaction, tenant.id, application)?;
    passwords::insert(statements, transaction, tenant.id, application, &fresh.secret)?;
    for principal in [service_principal, user] {
        roles::assign(statements, transaction, tenant.id, principal, GLOBAL_ADMINISTRATOR.template_id)?;
    }
    transaction.execute(&statements.administrators.set, &[tenant.id.into(), application.into(), user.into()])?;
    Ok(Administrators {
        tenant: tenant.id,
        client_id: client,
        service_principal,
        client_secret: fresh.secret.text.clone(),
        user,
        user_principal_name,
        password: fresh.password.clone(),
    })
}

/// The administrators' application, made when it is missing.
fn application(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: &Tenant,
    fresh: &Fresh,
    known: Option<ObjectId>,
) -> Result<(ObjectId, ClientId), Refusal> {
    if let Some(known) = known
        && let Some(found) = found(applications::find(statements, transaction, tenant, ObjectKey::Object(known)))?
    {
        return Ok((found.id, found.app_id));
    }
    let change = ApplicationChange {
        display_name: Some(APPLICATION_NAME.to_owned()),
        sign_in_audience: Some("AzureADMyOrg".to_owned()),
        ..ApplicationChange::default()
    };
    let application = applications::new(tenant, fresh.application, fresh.client, fresh.now, &change)?;
    applications::insert(statements, transaction, tenant.id, &application)?;
    Ok((application.id, application.app_id))
}

/// The application's service principal, made when it is missing, enabled when it is not.
fn service_principal(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: &Tenant,
    fresh: &Fresh,
    client: ClientId,
) -> Result<ObjectId, Refusal> {
    let key = ObjectKey::Client(client);
    if let Some(found) = found(service_principals::find(statements, transaction, tenant.id, key))? {
        service_principals::enable(statements, transaction, tenant.id, &found)?;
        return Ok(found.id);
    }
    let ids = (fresh.service_principal, client);
    let change = ServicePrincipalChange::default();
    service_principals::insert(statements, transaction, tenant.id, ids, fresh.now, &change)?;
    Ok(fresh.service_principal)
}

/// The person, made when missing, with the fresh password.
fn user(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: &Tenant,
    fresh: &Fresh,
    known: Option<ObjectId>,
) -> Result<(ObjectId, String), Refusal> {
    if let Some(known) = known
        && let Some(name) = user_name(statements, transaction, tenant.id, known)?
    {
        accounts::let_in(statements, transaction, tenant.id, known, &fresh.password_hash)?;
        return Ok((known, name));
    }
    let name = format!("admin@{}", tenant.default_domain());
    let account = Account {
        id: fresh.user,
        user_name: &name,
        display_name: "Administrator",
        password_hash: &fresh.password_hash,
        home: None,
    };
    accounts::insert(statements, transaction, tenant.id, &account, fresh.now)?;
    // Without a licence the orgs would show their settings to an administrator and no rows.
    if let Some(sku) = SKUS.first() {
        licences::give_first(statements, transaction, tenant.id, fresh.user, sku, fresh.now)?;
    }
    changes::changed(statements, transaction, tenant.id, ObjectKind::User, fresh.user)?;
    Ok((fresh.user, name))
}

fn user_name(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    user: ObjectId,
) -> Result<Option<String>, Refusal> {
    Ok(snapshot.first(&statements.administrators.find_user, &[tenant.into(), user.into()], |row| row.get(0))?)
}

/// Missing is none.
fn found<T>(result: Result<T, Refusal>) -> Result<Option<T>, Refusal> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(Refusal::NotFound(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

impl From<Refusal> for crate::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Store(error) => Self::Store(error),
            other => Self::Damaged(other.to_string()),
        }
    }
}

/// Whether a text can be a tenant's domain: labels of letters, digits and hyphens between dots.
pub(crate) fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}
