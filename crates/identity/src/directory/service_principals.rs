//! Service principals: what an application is in a tenant.

use keyholder_entra::graph::{Application, ServicePrincipal};
use keyholder_foundation::{ClientId, ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Insert, Select, Update, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Row, Snapshot, Transaction, Value};

use super::applications::{ObjectKey, id_condition};
use super::listing::{Condition, Listing, folded};
use super::published::{self, Published};
use super::tenants::Tenant;
use super::{Directory, Refusal, app_roles, from_json, grants, roles, tables, to_json};

/// What of a service principal is given or changes: `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServicePrincipalChange {
    pub(crate) account_enabled: Option<bool>,
    pub(crate) app_role_assignment_required: Option<bool>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) notes: Option<Option<String>>,
}

const COLUMNS: [(&str, Kind); 12] = [
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
];

fn select() -> Select {
    Select::from(tables::SERVICE_PRINCIPAL).columns(COLUMNS).filter(column("deleted").is_null())
}

#[derive(Debug)]
pub(super) struct Statements {
    find_by_object: Prepared,
    find_by_client: Prepared,
    insert: Prepared,
    update: Prepared,
    follow: Prepared,
    delete: Prepared,
    find_source: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        let this = || in_tenant().and(column("object_id").equals(parameter(1)));
        let changed = ["account_enabled", "assignment_required", "tags", "notes"];
        let followed = ["display_name", "display_name_folded", "sign_in_audience", "identifier_uris"];
        let set = |names: [&'static str; 4], from: usize| {
            names.into_iter().enumerate().fold(Update::of(tables::SERVICE_PRINCIPAL), |update, (at, name)| {
                update.set(name, parameter(at + from))
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
            update: Prepared::new(set(changed, 2).filter(this()))?,
            // In every tenant: the application's own properties are the same everywhere.
            follow: Prepared::new(set(followed, 1).filter(column("client_id").equals(parameter(0))))?,
            delete: Prepared::new(Update::of(tables::SERVICE_PRINCIPAL).set("deleted", parameter(2)).filter(this()))?,
            // An application of any tenant, to make its principal in another.
            find_source: Prepared::new(
                Select::from(tables::APPLICATION)
                    .column("tenant_id", Kind::Uuid)
                    .column("display_name", Kind::Text)
                    .column("sign_in_audience", Kind::Text)
                    .column("identifier_uris", Kind::Text)
                    .filter(column("deleted").is_null())
                    .filter(column("client_id").equals(parameter(0))),
            )?,
        })
    }
}

/// A service principal with what Microsoft publishes for it.
fn read(row: &Row<'_>) -> Result<ServicePrincipal, Error> {
    let client: ClientId = row.get(1)?;
    let display_name: String = row.get(3)?;
    let uris: Vec<String> = from_json(row.get(7)?)?;
    Ok(ServicePrincipal {
        id: row.get(0)?,
        app_id: client,
        app_owner_organization_id: row.get(2)?,
        app_display_name: Some(display_name.clone()),
        display_name: Some(display_name),
        account_enabled: row.get(4)?,
        app_role_assignment_required: row.get(5)?,
        sign_in_audience: row.get(6)?,
        service_principal_names: std::iter::once(client.to_string()).chain(uris).collect(),
        service_principal_type: Some("Application".to_owned()),
        tags: from_json(row.get(8)?)?,
        notes: row.get(9)?,
        created_date_time: row.get(10)?,
        deleted_date_time: row.get(11)?,
        app_roles: published::app_roles(client),
        oauth2_permission_scopes: published::permission_scopes(client),
        password_credentials: Vec::new(),
        key_credentials: Vec::new(),
    })
}

/// The properties that a principal repeats of its application.
#[derive(Debug, Clone)]
struct Source {
    owner: TenantId,
    display_name: String,
    sign_in_audience: String,
    identifier_uris: Vec<String>,
}

impl Source {
    fn of_published(published: &Published) -> Self {
        Self {
            owner: TenantId(keyholder_entra::well_known::MICROSOFT_SERVICES_TENANT),
            display_name: published.display_name.to_owned(),
            sign_in_audience: "AzureADMultipleOrgs".to_owned(),
            identifier_uris: published.identifier_uris.iter().map(|uri| (*uri).to_owned()).collect(),
        }
    }

    fn followed(&self) -> Result<[Value; 4], Refusal> {
        Ok([
            self.display_name.as_str().into(),
            folded(&self.display_name).into(),
            self.sign_in_audience.as_str().into(),
            to_json(&self.identifier_uris)?.into(),
        ])
    }

    /// Where `tenant` gets the application's properties from.
    fn find(
        statements: &super::Statements,
        snapshot: &mut Snapshot<'_>,
        tenant: TenantId,
        client: ClientId,
    ) -> Result<Self, Refusal> {
        if let Some(published) = published::find(client) {
            return Ok(Self::of_published(published));
        }
        let found = snapshot.first(&statements.service_principals.find_source, &[client.into()], |row| {
            Ok(Self {
                owner: row.get(0)?,
                display_name: row.get(1)?,
                sign_in_audience: row.get(2)?,
                identifier_uris: from_json(row.get(3)?)?,
            })
        })?;
        let source = found.ok_or(Refusal::NoApplication(client))?;
        if source.owner != tenant && source.sign_in_audience == "AzureADMyOrg" {
            return Err(Refusal::ForeignApplication(client));
        }
        Ok(source)
    }
}

fn changed(change: &ServicePrincipalChange, now: Option<&ServicePrincipal>) -> Result<[Value; 4], Refusal> {
    let enabled = change.account_enabled.unwrap_or_else(|| now.is_none_or(|now| now.account_enabled));
    let required = change.app_role_assignment_required;
    let required = required.unwrap_or_else(|| now.is_some_and(|now| now.app_role_assignment_required));
    let tags = change.tags.clone().or_else(|| now.map(|now| now.tags.clone())).unwrap_or_default();
    let notes = change.notes.clone().unwrap_or_else(|| now.and_then(|now| now.notes.clone()));
    Ok([enabled.into(), required.into(), to_json(&tags)?.into(), notes.into()])
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
    snapshot.first(select, &[tenant.into(), id], read)?.ok_or_else(|| key.missing())
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
        Ok(_) => Ok(()),
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
    let source = Source {
        owner: TenantId(uuid::Uuid::nil()),
        display_name: application.display_name.clone().unwrap_or_default(),
        sign_in_audience: application.sign_in_audience.clone().unwrap_or_default(),
        identifier_uris: application.identifier_uris.clone(),
    };
    let mut row = vec![application.app_id.into()];
    row.extend(source.followed()?);
    transaction.execute(&statements.service_principals.follow, &row)?;
    Ok(())
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
    Ok(())
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
    transaction.execute(&statements.service_principals.delete, &row)?;
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
    ) -> Result<Vec<ServicePrincipal>, Refusal> {
        self.read(move |_, snapshot| Ok(listing.run(snapshot, select(), tenant, read)?)).await
    }

    pub(crate) async fn update_service_principal(
        &self,
        tenant: TenantId,
        key: ObjectKey,
        change: ServicePrincipalChange,
    ) -> Result<(), Refusal> {
        self.change(move |statements, transaction| {
            let principal = find(statements, transaction, tenant, key)?;
            let mut row = vec![tenant.into(), principal.id.into()];
            row.extend(changed(&change, Some(&principal))?);
            transaction.execute(&statements.service_principals.update, &row)?;
            Ok(())
        })
        .await
    }

    pub(crate) async fn delete_service_principal(&self, tenant: TenantId, key: ObjectKey) -> Result<(), Refusal> {
        let now = self.clocks.now().whole_seconds();
        self.change(move |statements, transaction| delete(statements, transaction, tenant, key, now)).await
    }
}

/// The properties that a filter may name.
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
