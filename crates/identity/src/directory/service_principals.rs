//! Service principals: what an application is in a tenant.

use keyholder_entra::graph::{Application, ServicePrincipal, ServicePrincipalDetails, ServicePrincipalLock};
use keyholder_foundation::{ClientId, ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Insert, Select, Update, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Row, Snapshot, Transaction, Value};

use super::applications::{ObjectKey, check_items, id_condition};
use super::changes::{self, ObjectKind, Removal};
use super::keys::WantedKey;
use super::listing::{Condition, Listed, Listing, Page, folded};
use super::policies::Candidate;
use super::published;
use super::tenants::Tenant;
use super::{Directory, Refusal, app_roles, from_json, grants, keys, merge, owners, passwords, roles, tables, to_json};

mod source;
use source::{Offered, Source};

impl Listed for ServicePrincipal {
    fn id(&self) -> uuid::Uuid {
        self.id.0
    }

    fn name(&self) -> &str {
        self.display_name.as_deref().unwrap_or_default()
    }
}

/// What of a service principal is given or changes: `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServicePrincipalChange {
    pub(crate) account_enabled: Option<bool>,
    pub(crate) app_role_assignment_required: Option<bool>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) notes: Option<Option<String>>,
    /// Properties of the details that change, by their names in Graph.
    pub(crate) details: serde_json::Map<String, serde_json::Value>,
    /// Who owns it, when it is made.
    pub(crate) owner: Option<ObjectId>,
    /// Through which application it is made.
    pub(crate) created_by: Option<ClientId>,
    /// All the certificates of its own that there shall be.
    pub(crate) keys: Option<Vec<WantedKey>>,
}

const COLUMNS: [(&str, Kind); 14] = [
    ("object_id", Kind::Uuid),
    ("client_id", Kind::Uuid),
    ("owner_tenant", Kind::Uuid),
    ("display_name", Kind::Text),
    ("account_enabled", Kind::Bool),
    ("assignment_required", Kind::Bool),
    ("sign_in_audience", Kind::Text),
    ("identifier_uris", Kind::Text),
    ("tags", Kind::Text),
    ("notes", Kind::Text),
    ("created", Kind::Time),
    ("deleted", Kind::Time),
    ("offered", Kind::Text),
    ("details", Kind::Text),
];

fn all() -> Select {
    Select::from(tables::SERVICE_PRINCIPAL).columns(COLUMNS)
}

fn select() -> Select {
    all().filter(column("deleted").is_null())
}

#[derive(Debug)]
pub(super) struct Statements {
    find_by_object: Prepared,
    find_by_client: Prepared,
    insert: Prepared,
    update: Prepared,
    find_any: Prepared,
    find_deleted_with: Prepared,
    follow: Prepared,
    followers: Prepared,
    set_deleted: Prepared,
    find_source: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        let this = || in_tenant().and(column("object_id").equals(parameter(1)));
        let changed = ["account_enabled", "assignment_required", "tags", "notes", "details"];
        let followed = ["display_name", "display_name_folded", "sign_in_audience", "identifier_uris", "offered"];
        let set = |names: &[&'static str], from: usize| {
            names.iter().enumerate().fold(Update::of(tables::SERVICE_PRINCIPAL), |update, (at, name)| {
                update.set(*name, parameter(at + from))
            })
        };
        Ok(Self {
            find_by_object: Prepared::new(select().filter(this()))?,
            find_by_client: Prepared::new(select().filter(in_tenant().and(column("client_id").equals(parameter(1)))))?,
            insert: Prepared::new(
                Insert::into(tables::SERVICE_PRINCIPAL)
                    .columns(["tenant_id", "object_id"])
                    .columns(changed)
                    .columns(followed)
                    .columns(["client_id", "owner_tenant", "created"]),
            )?,
            update: Prepared::new(set(&changed, 2).filter(this()))?,
            find_any: Prepared::new(all().filter(this()))?,
            find_deleted_with: Prepared::new(
                all()
                    .filter(in_tenant().and(column("client_id").equals(parameter(1))))
                    .filter(column("deleted").equals(parameter(2))),
            )?,
            // In every tenant: the application's own properties are the same everywhere.
            follow: Prepared::new(set(&followed, 1).filter(column("client_id").equals(parameter(0))))?,
            followers: Prepared::new(
                Select::from(tables::SERVICE_PRINCIPAL)
                    .column("tenant_id", Kind::Uuid)
                    .column("object_id", Kind::Uuid)
                    .filter(column("client_id").equals(parameter(0)))
                    .filter(column("deleted").is_null()),
            )?,
            set_deleted: Prepared::new(
                Update::of(tables::SERVICE_PRINCIPAL).set("deleted", parameter(2)).filter(this()),
            )?,
            // An application of any tenant, to make its principal in another.
            find_source: Prepared::new(
                Select::from(tables::APPLICATION)
                    .column("tenant_id", Kind::Uuid)
                    .column("object_id", Kind::Uuid)
                    .filter(column("deleted").is_null())
                    .filter(column("client_id").equals(parameter(0))),
            )?,
        })
    }
}

/// A service principal with what Microsoft publishes for it.
fn read(row: &Row<'_>) -> Result<ServicePrincipal, Error> {
    let client: ClientId = row.get(1)?;
    let offered: Offered = from_json(row.get(12)?)?;
    let is_published = published::find(client).is_some();
    let display_name: String = row.get(3)?;
    let uris: Vec<String> = from_json(row.get(7)?)?;
    Ok(ServicePrincipal {
        id: row.get(0)?,
        app_id: client,
        app_owner_organization_id: row.get(2)?,
        app_display_name: Some(display_name.clone()),
        display_name: Some(display_name),
        account_enabled: row.get(4)?,
        is_disabled: offered.is_disabled,
        app_role_assignment_required: row.get(5)?,
        sign_in_audience: row.get(6)?,
        service_principal_names: std::iter::once(client.to_string()).chain(uris).collect(),
        service_principal_type: Some("Application".to_owned()),
        tags: from_json(row.get(8)?)?,
        notes: row.get(9)?,
        created_date_time: row.get(10)?,
        deleted_date_time: row.get(11)?,
        app_roles: if is_published { published::app_roles(client) } else { offered.app_roles },
        oauth2_permission_scopes: match is_published {
            true => published::permission_scopes(client),
            false => offered.permission_scopes,
        },
        add_ins: offered.add_ins,
        details: from_json(row.get(13)?)?,
        app_description: offered.description,
        homepage: offered.homepage,
        info: offered.info,
        logout_url: offered.logout_url,
        reply_urls: offered.reply_urls,
        password_credentials: Vec::new(),
        key_credentials: Vec::new(),
    })
}

fn changed(change: &ServicePrincipalChange, now: Option<&ServicePrincipal>) -> Result<[Value; 5], Refusal> {
    let enabled = change.account_enabled.unwrap_or_else(|| now.is_none_or(|now| now.account_enabled));
    let required = change.app_role_assignment_required;
    let required = required.unwrap_or_else(|| now.is_some_and(|now| now.app_role_assignment_required));
    let tags = change.tags.clone().or_else(|| now.map(|now| now.tags.clone())).unwrap_or_default();
    let notes = change.notes.clone().unwrap_or_else(|| now.and_then(|now| now.notes.clone()));
    let details = now.map_or_else(
        || ServicePrincipalDetails { created_by_app_id: change.created_by, ..ServicePrincipalDetails::default() },
        |now| now.details.clone(),
    );
    let details: ServicePrincipalDetails = merge(&details, &change.details, "ServicePrincipal")?;
    Ok([enabled.into(), required.into(), to_json(&tags)?.into(), notes.into(), to_json(&details)?.into()])
}

/// The service principal that `key` names.
pub(super) fn find(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    key: ObjectKey,
) -> Result<ServicePrincipal, Refusal> {
    let (select, id) = match key {
        ObjectKey::Object(id) => (&statements.service_principals.find_by_object, Value::from(id)),
        ObjectKey::Client(id) => (&statements.service_principals.find_by_client, Value::from(id)),
    };
    let found = snapshot.first(select, &[tenant.into(), id], read)?;
    with_credentials(statements, snapshot, tenant, found)?.ok_or_else(|| key.missing())
}

/// The service principal, and whether its application forbids it credentials of its own.
pub(super) fn find_with_lock(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    key: ObjectKey,
) -> Result<(ServicePrincipal, bool), Refusal> {
    let found = find(statements, snapshot, tenant, key)?;
    let values = [tenant.into(), found.id.into()];
    let offered = snapshot
        .first(&statements.service_principals.find_by_object, &values, |row| from_json::<Offered>(row.get(12)?))?;
    let lock = offered.and_then(|offered| offered.lock);
    Ok((found, lock.is_some_and(ServicePrincipalLock::forbids_sign_in_credentials)))
}

/// The service principal, in the recycle bin or not.
pub(super) fn find_any(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    id: ObjectId,
) -> Result<Option<ServicePrincipal>, Refusal> {
    Ok(snapshot.first(&statements.service_principals.find_any, &[tenant.into(), id.into()], read)?)
}

/// The principal of an application that went to the recycle bin at this moment.
pub(super) fn find_deleted_with(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    (client, deleted): (ClientId, Option<Timestamp>),
) -> Result<Option<ServicePrincipal>, Refusal> {
    let values = [tenant.into(), client.into(), deleted.into()];
    Ok(snapshot.first(&statements.service_principals.find_deleted_with, &values, read)?)
}

/// Those in the recycle bin.
pub(super) fn list_deleted(
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    listing: &Listing,
) -> Result<Page<ServicePrincipal>, Refusal> {
    Ok(listing.run(snapshot, all(), tenant, read)?)
}

/// Adds the secrets and certificates that it has of its own.
fn with_credentials(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    found: Option<ServicePrincipal>,
) -> Result<Option<ServicePrincipal>, Refusal> {
    let Some(mut principal) = found else {
        return Ok(None);
    };
    principal.password_credentials = passwords::of_application(statements, snapshot, tenant, principal.id)?;
    principal.key_credentials = keys::of_object(statements, snapshot, tenant, principal.id)?;
    Ok(Some(principal))
}

/// Makes the service principal of an application.
pub(super) fn insert(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    (id, client): (ObjectId, ClientId),
    now: Timestamp,
    change: &ServicePrincipalChange,
) -> Result<(), Refusal> {
    let source = Source::find(statements, transaction, tenant, client)?;
    let mut row = vec![tenant.into(), id.into()];
    row.extend(changed(change, None)?);
    row.extend(source.followed()?);
    row.extend([client.into(), source.owner.into(), now.into()]);
    match transaction.execute(&statements.service_principals.insert, &row) {
        Ok(_) => changes::changed(statements, transaction, tenant, ObjectKind::ServicePrincipal, id),
        Err(Error::UniqueViolation { .. }) => Err(Refusal::ServicePrincipalExists(client)),
        Err(error) => Err(error.into()),
    }
}

/// Repeats an application's new properties in all its service principals.
pub(super) fn follow_application(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    application: &Application,
) -> Result<(), Refusal> {
    let source = Source::of_application(TenantId(uuid::Uuid::nil()), application);
    let mut row = vec![application.app_id.into()];
    row.extend(source.followed()?);
    transaction.execute(&statements.service_principals.follow, &row)?;
    let followers =
        transaction.list(&statements.service_principals.followers, &[application.app_id.into()], |row| {
            Ok((row.get::<TenantId>(0)?, row.get::<ObjectId>(1)?))
        })?;
    for (tenant, principal) in followers {
        changes::changed(statements, transaction, tenant, ObjectKind::ServicePrincipal, principal)?;
    }
    Ok(())
}

/// Takes a service principal out of the recycle bin.
pub(super) fn restore(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    principal: &ServicePrincipal,
) -> Result<(), Refusal> {
    let none: Option<Timestamp> = None;
    let row = [tenant.into(), principal.id.into(), none.into()];
    match transaction.execute(&statements.service_principals.set_deleted, &row) {
        Ok(_) => changes::changed(statements, transaction, tenant, ObjectKind::ServicePrincipal, principal.id),
        Err(Error::UniqueViolation { .. }) => Err(Refusal::ServicePrincipalExists(principal.app_id)),
        Err(error) => Err(error.into()),
    }
}

/// Lets a service principal sign in again, whatever else it is like.
pub(super) fn enable(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    principal: &ServicePrincipal,
) -> Result<(), Refusal> {
    let change = ServicePrincipalChange { account_enabled: Some(true), ..ServicePrincipalChange::default() };
    let mut row = vec![tenant.into(), principal.id.into()];
    row.extend(changed(&change, Some(principal))?);
    transaction.execute(&statements.service_principals.update, &row)?;
    changes::changed(statements, transaction, tenant, ObjectKind::ServicePrincipal, principal.id)
}

/// Moves a service principal to the recycle bin; its grants, roles and assignments are gone.
pub(super) fn delete(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    key: ObjectKey,
    now: Timestamp,
) -> Result<(), Refusal> {
    let principal = find(statements, transaction, tenant, key)?;
    let row = [tenant.into(), principal.id.into(), now.into()];
    transaction.execute(&statements.service_principals.set_deleted, &row)?;
    let (kind, removal) = (ObjectKind::ServicePrincipal, Removal::Recycled);
    changes::removed(statements, transaction, tenant, kind, principal.id, removal)?;
    grants::delete_of(statements, transaction, tenant, principal.id)?;
    app_roles::delete_of(statements, transaction, tenant, principal.id)?;
    roles::delete_of(statements, transaction, tenant, principal.id)
}

impl Directory {
    pub(crate) async fn create_service_principal(
        &self,
        tenant: &Tenant,
        client: ClientId,
        change: ServicePrincipalChange,
    ) -> Result<ServicePrincipal, Refusal> {
        let (tenant, id, now) = (tenant.id, self.new_object_id(), self.clocks.now().whole_seconds());
        self.change(move |statements, transaction| {
            insert(statements, transaction, tenant, (id, client), now, &change)?;
            if let Some(owner) = change.owner {
                owners::insert(statements, transaction, tenant, id, owner)?;
            }
            find(statements, transaction, tenant, ObjectKey::Object(id))
        })
        .await
    }

    pub(crate) async fn find_service_principal(
        &self,
        tenant: TenantId,
        key: ObjectKey,
    ) -> Result<ServicePrincipal, Refusal> {
        self.read(move |statements, snapshot| find(statements, snapshot, tenant, key)).await
    }

    pub(crate) async fn list_service_principals(
        &self,
        tenant: TenantId,
        listing: Listing,
    ) -> Result<Page<ServicePrincipal>, Refusal> {
        self.read(move |statements, snapshot| {
            let mut page = listing.run(snapshot, select(), tenant, read)?;
            let ids = || page.entities.iter().map(|found| found.id);
            let mut secrets = passwords::of_applications(statements, snapshot, tenant, ids())?;
            let mut certificates = keys::of_objects(statements, snapshot, tenant, ids())?;
            for principal in &mut page.entities {
                principal.password_credentials = secrets.remove(&principal.id).unwrap_or_default();
                principal.key_credentials = certificates.remove(&principal.id).unwrap_or_default();
            }
            Ok(page)
        })
        .await
    }

    pub(crate) async fn update_service_principal(
        &self,
        tenant: TenantId,
        key: ObjectKey,
        change: ServicePrincipalChange,
    ) -> Result<(), Refusal> {
        let now = self.clocks.now().whole_seconds();
        let kind = ObjectKind::ServicePrincipal;
        let fresh = change.keys.as_deref().map(|wanted| self.fresh_keys(wanted, kind)).transpose()?;
        self.change(move |statements, transaction| {
            let (principal, is_locked) = find_with_lock(statements, transaction, tenant, key)?;
            let mut row = vec![tenant.into(), principal.id.into()];
            row.extend(changed(&change, Some(&principal))?);
            transaction.execute(&statements.service_principals.update, &row)?;
            if let Some(fresh) = &fresh {
                if is_locked && fresh.iter().any(keys::FreshKey::is_new) {
                    return Err(Refusal::Locked);
                }
                check_items(principal.tags.len() + principal.password_credentials.len() + fresh.len())?;
                let created = principal.created_date_time;
                let candidate = Candidate { tenant, kind, id: principal.id, created };
                keys::replace(statements, transaction, candidate, fresh, now)?;
            }
            changes::changed(statements, transaction, tenant, ObjectKind::ServicePrincipal, principal.id)
        })
        .await
    }

    pub(crate) async fn delete_service_principal(&self, tenant: TenantId, key: ObjectKey) -> Result<(), Refusal> {
        let now = self.clocks.now().whole_seconds();
        self.change(move |statements, transaction| delete(statements, transaction, tenant, key, now)).await
    }
}

/// The properties by which a filter narrows the rows that are read.
pub(crate) fn condition(property: &str, starts_with: bool, text: &str) -> Option<Condition> {
    Some(match (property, starts_with) {
        ("displayName" | "appDisplayName", false) => Condition::Equals("display_name_folded", folded(text).into()),
        ("displayName" | "appDisplayName", true) => Condition::StartsWith("display_name_folded", folded(text)),
        ("appId", false) => id_condition("client_id", text),
        ("id", false) => id_condition("object_id", text),
        ("appOwnerOrganizationId", false) => id_condition("owner_tenant", text),
        _ => return None,
    })
}
