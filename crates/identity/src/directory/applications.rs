//! Applications (app registrations).

use keyholder_entra::graph::{Application, RequiredResourceAccess};
use keyholder_foundation::{ClientId, ObjectId, TenantId, Timestamp};
use keyholder_store::pattern::Piece;
use keyholder_store::statement::{Insert, Select, Update, column, parameter};
use keyholder_store::{Error, Kind, Pattern, Prepared, Row, Snapshot, Transaction, Value};

use super::listing::{Condition, Listing, folded};
use super::tenants::Tenant;
use super::{Directory, Refusal, from_json, passwords, service_principals, tables, to_json};

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

/// What an application is made of, or what of it changes: `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct ApplicationChange {
    pub(crate) display_name: Option<String>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) sign_in_audience: Option<String>,
    pub(crate) identifier_uris: Option<Vec<String>>,
    pub(crate) required_resource_access: Option<Vec<RequiredResourceAccess>>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) notes: Option<Option<String>>,
}

const COLUMNS: [(&str, Kind); 11] = [
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
];

fn select() -> Select {
    Select::from(tables::APPLICATION).columns(COLUMNS).filter(column("deleted").is_null())
}

#[derive(Debug)]
pub(super) struct Statements {
    find_by_object: Prepared,
    find_by_client: Prepared,
    uri_in_use: Prepared,
    insert: Prepared,
    update: Prepared,
    delete: Prepared,
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
        ];
        let update = settable
            .into_iter()
            .enumerate()
            .fold(Update::of(tables::APPLICATION), |update, (at, name)| update.set(name, parameter(at + 2)));
        Ok(Self {
            find_by_object: Prepared::new(select().filter(this()))?,
            find_by_client: Prepared::new(select().filter(in_tenant().and(column("client_id").equals(parameter(1)))))?,
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
            delete: Prepared::new(Update::of(tables::APPLICATION).set("deleted", parameter(2)).filter(this()))?,
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
        publisher_domain: Some(tenant.default_domain().to_owned()),
        password_credentials: Vec::new(),
        key_credentials: Vec::new(),
    })
}

fn settable(application: &Application) -> Result<[Value; 8], Refusal> {
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
    ])
}

/// The application with its secrets.
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
    let found = snapshot.first(select, &[tenant.id.into(), id], |row| read(row, tenant))?;
    let mut application = found.ok_or_else(|| key.missing())?;
    application.password_credentials = passwords::of_application(statements, snapshot, tenant.id, application.id)?;
    Ok(application)
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
    check_uris(statements, transaction, tenant, application)?;
    let mut row = vec![tenant.into(), application.id.into()];
    row.extend(settable(application)?);
    row.extend([application.app_id.into(), application.created_date_time.into()]);
    transaction.execute(&statements.applications.insert, &row)?;
    Ok(())
}

/// A new application without secrets.
pub(super) fn new(
    tenant: &Tenant,
    id: ObjectId,
    app_id: ClientId,
    now: Timestamp,
    change: &ApplicationChange,
) -> Application {
    let mut application = Application {
        id,
        deleted_date_time: None,
        app_id,
        created_date_time: Some(now),
        display_name: None,
        description: None,
        identifier_uris: Vec::new(),
        notes: None,
        publisher_domain: Some(tenant.default_domain().to_owned()),
        sign_in_audience: None,
        tags: Vec::new(),
        password_credentials: Vec::new(),
        key_credentials: Vec::new(),
        required_resource_access: Vec::new(),
    };
    apply(&mut application, change);
    application
}

fn apply(application: &mut Application, change: &ApplicationChange) {
    let change = change.clone();
    if change.display_name.is_some() {
        application.display_name = change.display_name;
    }
    if change.sign_in_audience.is_some() {
        application.sign_in_audience = change.sign_in_audience;
    }
    if let Some(description) = change.description {
        application.description = description;
    }
    if let Some(uris) = change.identifier_uris {
        application.identifier_uris = uris;
    }
    if let Some(access) = change.required_resource_access {
        application.required_resource_access = access;
    }
    if let Some(tags) = change.tags {
        application.tags = tags;
    }
    if let Some(notes) = change.notes {
        application.notes = notes;
    }
}

impl Directory {
    /// Makes an application; its client id is new.
    pub(crate) async fn create_application(
        &self,
        tenant: &Tenant,
        change: &ApplicationChange,
    ) -> Result<Application, Refusal> {
        let client = ClientId(self.random.uuid());
        let application = new(tenant, self.new_object_id(), client, self.clocks.now().whole_seconds(), change);
        let (id, row) = (tenant.id, application.clone());
        self.change(move |statements, transaction| insert(statements, transaction, id, &row)).await?;
        Ok(application)
    }

    pub(crate) async fn find_application(&self, tenant: &Tenant, key: ObjectKey) -> Result<Application, Refusal> {
        let tenant = tenant.clone();
        self.read(move |statements, snapshot| find(statements, snapshot, &tenant, key)).await
    }

    pub(crate) async fn list_applications(
        &self,
        tenant: &Tenant,
        listing: Listing,
    ) -> Result<Vec<Application>, Refusal> {
        let tenant = tenant.clone();
        self.read(move |statements, snapshot| {
            let mut list = listing.run(snapshot, select(), tenant.id, |row| read(row, &tenant))?;
            let mut secrets =
                passwords::of_applications(statements, snapshot, tenant.id, list.iter().map(|found| found.id))?;
            for application in &mut list {
                application.password_credentials = secrets.remove(&application.id).unwrap_or_default();
            }
            Ok(list)
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
        let tenant = tenant.clone();
        self.change(move |statements, transaction| {
            let mut application = find(statements, transaction, &tenant, key)?;
            apply(&mut application, &change);
            check_uris(statements, transaction, tenant.id, &application)?;
            let mut row = vec![tenant.id.into(), application.id.into()];
            row.extend(settable(&application)?);
            transaction.execute(&statements.applications.update, &row)?;
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
            transaction.execute(&statements.applications.delete, &row)?;
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

/// The properties that a filter may name.
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
