//! Federated identity credentials: which tokens of an outside issuer an application may sign in
//! with, instead of a secret of its own.

use keyholder_foundation::{ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Delete, Insert, Select, Update, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Row, Snapshot, Transaction};
use uuid::Uuid;

use super::sign_in_tables::FEDERATED_CREDENTIAL;
use super::{Directory, Refusal};

/// How many an application may have.
pub(crate) const LIMIT: usize = 20;

/// A federated credential, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FederatedCredential {
    pub(crate) id: Uuid,
    /// Unique in the application; another way to name it.
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: String,
    pub(crate) description: Option<String>,
    pub(crate) created: Timestamp,
}

const COLUMNS: [(&str, Kind); 7] = [
    ("credential_id", Kind::Uuid),
    ("name", Kind::Text),
    ("issuer", Kind::Text),
    ("subject", Kind::Text),
    ("audience", Kind::Text),
    ("description", Kind::Text),
    ("created", Kind::Time),
];

#[derive(Debug)]
pub(super) struct Statements {
    of_application: Prepared,
    insert: Prepared,
    update: Prepared,
    delete: Prepared,
    delete_all: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let of_application = || column("tenant_id").equals(parameter(0)).and(column("object_id").equals(parameter(1)));
        let this = || of_application().and(column("credential_id").equals(parameter(2)));
        let update = ["name", "issuer", "subject", "audience", "description"]
            .into_iter()
            .enumerate()
            .fold(Update::of(FEDERATED_CREDENTIAL), |update, (at, name)| update.set(name, parameter(at + 3)));
        Ok(Self {
            of_application: Prepared::new(
                Select::from(FEDERATED_CREDENTIAL)
                    .columns(COLUMNS)
                    .filter(of_application())
                    .order_by(column("credential_id").ascending()),
            )?,
            insert: Prepared::new(
                Insert::into(FEDERATED_CREDENTIAL)
                    .columns(["tenant_id", "object_id"])
                    .columns(COLUMNS.map(|(name, _)| name)),
            )?,
            update: Prepared::new(update.filter(this()))?,
            delete: Prepared::new(Delete::from(FEDERATED_CREDENTIAL).filter(this()))?,
            delete_all: Prepared::new(Delete::from(FEDERATED_CREDENTIAL).filter(of_application()))?,
        })
    }
}

fn read(row: &Row<'_>) -> Result<FederatedCredential, Error> {
    Ok(FederatedCredential {
        id: row.get(0)?,
        name: row.get(1)?,
        issuer: row.get(2)?,
        subject: row.get(3)?,
        audience: row.get(4)?,
        description: row.get(5)?,
        created: row.get(6)?,
    })
}

/// The federated credentials of an application, the oldest first.
pub(super) fn of_application(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    application: ObjectId,
) -> Result<Vec<FederatedCredential>, Refusal> {
    Ok(snapshot.list(&statements.federated.of_application, &[tenant.into(), application.into()], read)?)
}

/// Gives an application one more federated credential. How many it may have is the caller's to see.
pub(super) fn insert(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    application: ObjectId,
    credential: &FederatedCredential,
) -> Result<(), Refusal> {
    let row = [
        tenant.into(),
        application.into(),
        credential.id.into(),
        credential.name.as_str().into(),
        credential.issuer.as_str().into(),
        credential.subject.as_str().into(),
        credential.audience.as_str().into(),
        credential.description.clone().into(),
        credential.created.into(),
    ];
    written(transaction.execute(&statements.federated.insert, &row)).map(drop)
}

/// Changes everything of a federated credential but its id and when it was made.
pub(super) fn update(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    application: ObjectId,
    credential: &FederatedCredential,
) -> Result<(), Refusal> {
    let row = [
        tenant.into(),
        application.into(),
        credential.id.into(),
        credential.name.as_str().into(),
        credential.issuer.as_str().into(),
        credential.subject.as_str().into(),
        credential.audience.as_str().into(),
        credential.description.clone().into(),
    ];
    match written(transaction.execute(&statements.federated.update, &row))? {
        0 => Err(Refusal::NotFound(credential.id.to_string())),
        _ => Ok(()),
    }
}

/// A write that may meet another credential's name, or its issuer and subject.
fn written(result: Result<u64, Error>) -> Result<u64, Refusal> {
    match result {
        Ok(rows) => Ok(rows),
        Err(Error::UniqueViolation { columns, .. }) => {
            let by_name = columns.iter().any(|column| column == "name");
            Err(Refusal::FederatedCredentialExists(if by_name { "name" } else { "issuer and subject" }))
        }
        Err(error) => Err(error.into()),
    }
}

/// Takes a federated credential from an application.
pub(super) fn delete(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    application: ObjectId,
    credential: Uuid,
) -> Result<(), Refusal> {
    let row = [tenant.into(), application.into(), credential.into()];
    match transaction.execute(&statements.federated.delete, &row)? {
        0 => Err(Refusal::NotFound(credential.to_string())),
        _ => Ok(()),
    }
}

/// Takes every federated credential from an application.
pub(super) fn delete_all(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    application: ObjectId,
) -> Result<(), Refusal> {
    transaction.execute(&statements.federated.delete_all, &[tenant.into(), application.into()])?;
    Ok(())
}

impl Directory {
    /// The federated credentials of an application, the oldest first.
    pub(crate) async fn list_federated(
        &self,
        tenant: TenantId,
        application: ObjectId,
    ) -> Result<Vec<FederatedCredential>, Refusal> {
        self.read(move |statements, snapshot| of_application(statements, snapshot, tenant, application)).await
    }

    /// Gives an application one more federated credential. That the application exists, and that
    /// it has fewer than [`LIMIT`], is the caller's to see.
    #[cfg(test)]
    pub(crate) async fn insert_federated(
        &self,
        tenant: TenantId,
        application: ObjectId,
        credential: FederatedCredential,
    ) -> Result<(), Refusal> {
        self.change(move |statements, transaction| insert(statements, transaction, tenant, application, &credential))
            .await
    }
}
