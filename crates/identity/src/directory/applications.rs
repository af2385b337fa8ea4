//! Applications (app registrations).

use keyholder_entra::graph::Application;
use keyholder_foundation::{ClientId, ObjectId, TenantId, Timestamp};
use keyholder_store::pattern::Piece;
use keyholder_store::statement::{Insert, Select, Update, column, parameter};
use keyholder_store::{Error, Kind, Pattern, Prepared, Row, Snapshot, Transaction, Value};

use super::changes::{self, ObjectKind, Removal};
use super::keys;
use super::listing::{Condition, Listed, Listing, Page, folded};
use super::policies::Candidate;
use super::registrations;
use super::tenants::Tenant;
use super::{Directory, Refusal, from_json, owners, passwords, service_principals, tables, to_json};

mod change;
pub(crate) use change::ApplicationChange;
use change::{apply, check_size, registration};
pub(super) use change::{check_items, items, new};

/// How an application or service principal is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ObjectKey {
    Object(ObjectId),
    Client(ClientId),
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Object(id) => id.fmt(f),
            Self::Client(id) => id.fmt(f),
        }
    }
}

impl ObjectKey {
    pub(super) fn missing(self) -> Refusal {
        Refusal::NotFound(self.to_string())
    }
}

impl Listed for Application {
    fn id(&self) -> uuid::Uuid {
        self.id.0
    }

    fn name(&self) -> &str {
        self.display_name.as_deref().unwrap_or_default()
    }
}

const COLUMNS: [(&str, Kind); 13] = [
    ("object_id", Kind::Uuid),
    ("client_id", Kind::Uuid),
    ("display_name", Kind::Text),
    ("description", Kind::Text),
    ("sign_in_audience", Kind::Text),
    ("identifier_uris", Kind::Text),
    ("required_resource_access", Kind::Text),
    ("tags", Kind::Text),
    ("notes", Kind::Text),
    ("created", Kind::Time),
    ("deleted", Kind::Time),
    ("unique_name", Kind::Text),
    ("details", Kind::Text),
];

fn all() -> Select {
    Select::from(tables::APPLICATION).columns(COLUMNS)
}

fn select() -> Select {
    all().filter(column("deleted").is_null())
}

#[derive(Debug)]
pub(super) struct Statements {
    find_by_object: Prepared,
    find_by_client: Prepared,
    find_by_name: Prepared,
    find_any: Prepared,
    uri_in_use: Prepared,
    insert: Prepared,
    update: Prepared,
    set_deleted: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        let this = || in_tenant().and(column("object_id").equals(parameter(1)));
        let settable = [
            "display_name",
            "display_name_folded",
            "description",
            "sign_in_audience",
            "identifier_uris",
            "required_resource_access",
            "tags",
            "notes",
            "unique_name",
            "details",
        ];
        let update = settable
            .into_iter()
            .enumerate()
            .fold(Update::of(tables::APPLICATION), |update, (at, name)| update.set(name, parameter(at + 2)));
        Ok(Self {
            find_by_object: Prepared::new(select().filter(this()))?,
            find_by_client: Prepared::new(select().filter(in_tenant().and(column("client_id").equals(parameter(1)))))?,
            find_by_name: Prepared::new(select().filter(in_tenant().and(column("unique_name").equals(parameter(1)))))?,
            find_any: Prepared::new(all().filter(this()))?,
            uri_in_use: Prepared::new(
                select()
                    .filter(in_tenant())
                    .filter(column("object_id").differs_from(parameter(1)))
                    .filter(column("identifier_uris").matches(2)),
            )?,
            insert: Prepared::new(
                Insert::into(tables::APPLICATION)
                    .columns(["tenant_id", "object_id"])
                    .columns(settable)
                    .columns(["client_id", "created"]),
            )?,
            update: Prepared::new(update.filter(this()))?,
            set_deleted: Prepared::new(Update::of(tables::APPLICATION).set("deleted", parameter(2)).filter(this()))?,
        })
    }
}

/// An application without its secrets; the tenant gives the publisher's domain.
fn read(row: &Row<'_>, tenant: &Tenant) -> Result<Application, Error> {
    Ok(Application {
        id: row.get(0)?,
        app_id: row.get(1)?,
        display_name: row.get(2)?,
        description: row.get(3)?,
        sign_in_audience: row.get(4)?,
        identifier_uris: from_json(row.get(5)?)?,
        required_resource_access: from_json(row.get(6)?)?,
        tags: from_json(row.get(7)?)?,
        notes: row.get(8)?,
        created_date_time: row.get(9)?,
        deleted_date_time: row.get(10)?,
        unique_name: row.get(11)?,
        details: from_json(row.get(12)?)?,
        publisher_domain: Some(tenant.default_domain().to_owned()),
        password_credentials: Vec::new(),
        key_credentials: Vec::new(),
    })
}

fn settable(application: &Application) -> Result<[Value; 10], Refusal> {
    let name = application.display_name.clone().unwrap_or_default();
    Ok([
        name.as_str().into(),
        folded(&name).into(),
        application.description.clone().into(),
        application.sign_in_audience.clone().unwrap_or_default().into(),
        to_json(&application.identifier_uris)?.into(),
        to_json(&application.required_resource_access)?.into(),
        to_json(&application.tags)?.into(),
        application.notes.clone().into(),
        application.unique_name.clone().into(),
        to_json(&application.details)?.into(),
    ])
}

/// The application with its secrets and certificates.
pub(super) fn find(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: &Tenant,
    key: ObjectKey,
) -> Result<Application, Refusal> {
    let (select, id) = match key {
        ObjectKey::Object(id) => (&statements.applications.find_by_object, Value::from(id)),
        ObjectKey::Client(id) => (&statements.applications.find_by_client, Value::from(id)),
    };
    find_with(statements, snapshot, tenant, select, id)?.ok_or_else(|| key.missing())
}

/// The application, in the recycle bin or not.
pub(super) fn find_any(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: &Tenant,
    id: ObjectId,
) -> Result<Option<Application>, Refusal> {
    find_with(statements, snapshot, tenant, &statements.applications.find_any, id.into())
}

fn find_with(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: &Tenant,
    select: &Prepared,
    id: Value,
) -> Result<Option<Application>, Refusal> {
    let Some(mut application) = snapshot.first(select, &[tenant.id.into(), id], |row| read(row, tenant))? else {
        return Ok(None);
    };
    application.password_credentials = passwords::of_application(statements, snapshot, tenant.id, application.id)?;
    application.key_credentials = keys::of_object(statements, snapshot, tenant.id, application.id)?;
    Ok(Some(application))
}

/// An application of any tenant without its credentials, for its principals elsewhere.
pub(super) fn find_details(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    id: ObjectId,
) -> Result<Application, Refusal> {
    let home = Tenant { id: tenant, display_name: String::new(), created: Timestamp::EPOCH, domains: Vec::new() };
    let select = &statements.applications.find_by_object;
    let found = snapshot.first(select, &[tenant.into(), id.into()], |row| read(row, &home))?;
    found.ok_or_else(|| ObjectKey::Object(id).missing())
}

/// Those in the recycle bin.
pub(super) fn list_deleted(
    snapshot: &mut Snapshot<'_>,
    tenant: &Tenant,
    listing: &Listing,
) -> Result<Page<Application>, Refusal> {
    Ok(listing.run(snapshot, all(), tenant.id, |row| read(row, tenant))?)
}

/// Refuses addresses that another application of the tenant has.
fn check_uris(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    application: &Application,
) -> Result<(), Refusal> {
    for uri in &application.identifier_uris {
        // The column holds a JSON array of strings: the quotes make the match one of whole elements.
        let element = Pattern::new([Piece::Many, Piece::Text(to_json(uri)?), Piece::Many]);
        let values = [tenant.into(), application.id.into(), element.into()];
        if snapshot.exists(&statements.applications.uri_in_use, &values)? {
            return Err(Refusal::IdentifierUriTaken(uri.clone()));
        }
    }
    Ok(())
}

/// Adds an application.
pub(super) fn insert(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    application: &Application,
) -> Result<(), Refusal> {
    check_size(application, 0)?;
    check_uris(statements, transaction, tenant, application)?;
    let mut row = vec![tenant.into(), application.id.into()];
    row.extend(settable(application)?);
    row.extend([application.app_id.into(), application.created_date_time.into()]);
    written(transaction.execute(&statements.applications.insert, &row), application)?;
    registrations::set(statements, transaction, tenant, application.id, &registration(&application.details))?;
    changes::changed(statements, transaction, tenant, ObjectKind::Application, application.id)
}

fn written(result: Result<u64, Error>, application: &Application) -> Result<(), Refusal> {
    match result {
        Ok(_) => Ok(()),
        Err(Error::UniqueViolation { columns, .. }) if columns.iter().any(|column| column == "unique_name") => {
            Err(Refusal::UniqueNameTaken(application.unique_name.clone().unwrap_or_default()))
        }
        Err(error) => Err(error.into()),
    }
}

/// As policies look at an application.
fn candidate(tenant: TenantId, application: &Application) -> Candidate {
    Candidate { tenant, kind: ObjectKind::Application, id: application.id, created: application.created_date_time }
}

impl Directory {
    /// Makes an application; its client id is new.
    pub(crate) async fn create_application(
        &self,
        tenant: &Tenant,
        change: &ApplicationChange,
    ) -> Result<Application, Refusal> {
        let (client, now) = (ClientId(self.random.uuid()), self.clocks.now().whole_seconds());
        let application = new(tenant, self.new_object_id(), client, now, change)?;
        let fresh =
            change.keys.as_deref().map(|wanted| self.fresh_keys(wanted, ObjectKind::Application)).transpose()?;
        let (tenant, owners) = (tenant.clone(), change.owners.clone());
        self.change(move |statements, transaction| {
            check_size(&application, fresh.as_ref().map_or(0, Vec::len))?;
            insert(statements, transaction, tenant.id, &application)?;
            for owner in &owners {
                owners::insert_known(statements, transaction, tenant.id, application.id, *owner)?;
            }
            if let Some(fresh) = &fresh {
                keys::replace(statements, transaction, candidate(tenant.id, &application), fresh, now)?;
            }
            find(statements, transaction, &tenant, ObjectKey::Object(application.id))
        })
        .await
    }

    /// The application with this name of the caller's choosing.
    pub(crate) async fn find_application_by_name(
        &self,
        tenant: &Tenant,
        name: String,
    ) -> Result<Option<Application>, Refusal> {
        let tenant = tenant.clone();
        self.read(move |statements, snapshot| {
            let select = &statements.applications.find_by_name;
            find_with(statements, snapshot, &tenant, select, name.as_str().into())
        })
        .await
    }

    pub(crate) async fn find_application(&self, tenant: &Tenant, key: ObjectKey) -> Result<Application, Refusal> {
        let tenant = tenant.clone();
        self.read(move |statements, snapshot| find(statements, snapshot, &tenant, key)).await
    }

    pub(crate) async fn list_applications(
        &self,
        tenant: &Tenant,
        listing: Listing,
    ) -> Result<Page<Application>, Refusal> {
        let tenant = tenant.clone();
        self.read(move |statements, snapshot| {
            let mut page = listing.run(snapshot, select(), tenant.id, |row| read(row, &tenant))?;
            let ids = || page.entities.iter().map(|found| found.id);
            let mut secrets = passwords::of_applications(statements, snapshot, tenant.id, ids())?;
            let mut certificates = keys::of_objects(statements, snapshot, tenant.id, ids())?;
            for application in &mut page.entities {
                application.password_credentials = secrets.remove(&application.id).unwrap_or_default();
                application.key_credentials = certificates.remove(&application.id).unwrap_or_default();
            }
            Ok(page)
        })
        .await
    }

    /// Changes an application, and what its service principal at home repeats of it.
    pub(crate) async fn update_application(
        &self,
        tenant: &Tenant,
        key: ObjectKey,
        change: ApplicationChange,
    ) -> Result<(), Refusal> {
        let (tenant, now) = (tenant.clone(), self.clocks.now().whole_seconds());
        let fresh =
            change.keys.as_deref().map(|wanted| self.fresh_keys(wanted, ObjectKind::Application)).transpose()?;
        self.change(move |statements, transaction| {
            let mut application = find(statements, transaction, &tenant, key)?;
            apply(&mut application, &change)?;
            check_size(&application, fresh.as_ref().map_or(application.key_credentials.len(), Vec::len))?;
            check_uris(statements, transaction, tenant.id, &application)?;
            let mut row = vec![tenant.id.into(), application.id.into()];
            row.extend(settable(&application)?);
            written(transaction.execute(&statements.applications.update, &row), &application)?;
            registrations::set(
                statements,
                transaction,
                tenant.id,
                application.id,
                &registration(&application.details),
            )?;
            if let Some(fresh) = &fresh {
                keys::replace(statements, transaction, candidate(tenant.id, &application), fresh, now)?;
            }
            if let Some(kept) = &change.passwords {
                passwords::keep_only(statements, transaction, tenant.id, &application, kept)?;
            }
            changes::changed(statements, transaction, tenant.id, ObjectKind::Application, application.id)?;
            service_principals::follow_application(statements, transaction, &application)
        })
        .await
    }

    /// Moves an application and its service principal at home to the recycle bin.
    pub(crate) async fn delete_application(&self, tenant: &Tenant, key: ObjectKey) -> Result<(), Refusal> {
        let (tenant, now) = (tenant.clone(), self.clocks.now().whole_seconds());
        self.change(move |statements, transaction| {
            let application = find(statements, transaction, &tenant, key)?;
            let row = [tenant.id.into(), application.id.into(), now.into()];
            transaction.execute(&statements.applications.set_deleted, &row)?;
            let (kind, removal) = (ObjectKind::Application, Removal::Recycled);
            changes::removed(statements, transaction, tenant.id, kind, application.id, removal)?;
            match service_principals::delete(
                statements,
                transaction,
                tenant.id,
                ObjectKey::Client(application.app_id),
                now,
            ) {
                Ok(()) | Err(Refusal::NotFound(_)) => Ok(()),
                Err(other) => Err(other),
            }
        })
        .await
    }
}

/// Takes an application out of the recycle bin.
pub(super) fn restore(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    application: &Application,
) -> Result<(), Refusal> {
    check_uris(statements, transaction, tenant, application)?;
    let none: Option<Timestamp> = None;
    let row = [tenant.into(), application.id.into(), none.into()];
    written(transaction.execute(&statements.applications.set_deleted, &row), application)?;
    changes::changed(statements, transaction, tenant, ObjectKind::Application, application.id)
}

/// The properties by which a filter narrows the rows that are read.
pub(crate) fn condition(property: &str, starts_with: bool, text: &str) -> Option<Condition> {
    Some(match (property, starts_with) {
        ("displayName", false) => Condition::Equals("display_name_folded", folded(text).into()),
        ("displayName", true) => Condition::StartsWith("display_name_folded", folded(text)),
        ("appId", false) => id_condition("client_id", text),
        ("id", false) => id_condition("object_id", text),
        _ => return None,
    })
}

/// A column of ids compared with a text: no id is like a text that is none.
pub(crate) fn id_condition(column: &'static str, text: &str) -> Condition {
    uuid::Uuid::parse_str(text).map_or(Condition::Never, |id| Condition::Equals(column, id.into()))
}
