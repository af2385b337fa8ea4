//! Client secrets of applications and service principals (password credentials). Only hashes are
//! kept.

use std::collections::HashMap;

use keyholder_entra::graph::{Application, PasswordCredential};
use keyholder_foundation::{KeyId, ObjectId, Secret, TenantId, Timestamp};
use keyholder_store::statement::{Delete, Insert, Select, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Row, Snapshot, Transaction, Value};

use super::holders::{self, Holder};
use super::tenants::Tenant;
use super::{Directory, Refusal, changes, policies, tables};
use crate::credentials::{SecretHash, generate_client_secret};

/// How many secrets an application for personal accounts may have; others have what room all their lists have.
const PERSONAL_LIMIT: usize = 2;

/// What a new secret shall be like.
#[derive(Debug, Clone)]
pub(crate) struct NewPassword {
    pub(crate) display_name: Option<String>,
    pub(crate) starts: Timestamp,
    pub(crate) ends: Timestamp,
}

#[derive(Debug)]
pub(super) struct Statements {
    of_applications: Prepared,
    insert: Prepared,
    delete: Prepared,
    delete_all: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        Ok(Self {
            of_applications: Prepared::new(
                Select::from(tables::PASSWORD_CREDENTIAL)
                    .column("application", Kind::Uuid)
                    .column("key_id", Kind::Uuid)
                    .column("display_name", Kind::Text)
                    .column("hint", Kind::Text)
                    .column("starts", Kind::Time)
                    .column("ends", Kind::Time)
                    .filter(in_tenant().and(column("application").in_list(1)))
                    // Graph shows the newest first; ids grow with time.
                    .order_by(column("key_id").descending()),
            )?,
            insert: Prepared::new(Insert::into(tables::PASSWORD_CREDENTIAL).columns([
                "tenant_id",
                "key_id",
                "application",
                "display_name",
                "hint",
                "starts",
                "ends",
                "salt",
                "hash",
            ]))?,
            delete: Prepared::new(Delete::from(tables::PASSWORD_CREDENTIAL).filter(
                in_tenant().and(column("key_id").equals(parameter(1))).and(column("application").equals(parameter(2))),
            ))?,
            delete_all: Prepared::new(
                Delete::from(tables::PASSWORD_CREDENTIAL)
                    .filter(in_tenant().and(column("application").equals(parameter(1)))),
            )?,
        })
    }
}

fn read(row: &Row<'_>) -> Result<(ObjectId, PasswordCredential), Error> {
    let credential = PasswordCredential {
        custom_key_identifier: None,
        key_id: row.get(1)?,
        display_name: row.get(2)?,
        hint: row.get(3)?,
        start_date_time: row.get(4)?,
        end_date_time: row.get(5)?,
        secret_text: None,
    };
    Ok((row.get(0)?, credential))
}

/// The secrets of these applications, the newest first.
pub(super) fn of_applications(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    applications: impl Iterator<Item = ObjectId>,
) -> Result<HashMap<ObjectId, Vec<PasswordCredential>>, Refusal> {
    let values = [tenant.into(), Value::ids(applications)];
    let mut found: HashMap<ObjectId, Vec<PasswordCredential>> = HashMap::new();
    snapshot.for_each::<Error>(&statements.passwords.of_applications, &values, |row| {
        let (application, credential) = read(row)?;
        found.entry(application).or_default().push(credential);
        Ok(())
    })?;
    Ok(found)
}

/// The secrets of one application, the newest first.
pub(super) fn of_application(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    application: ObjectId,
) -> Result<Vec<PasswordCredential>, Refusal> {
    let found = of_applications(statements, snapshot, tenant, std::iter::once(application))?;
    Ok(found.into_values().next().unwrap_or_default())
}

/// A secret that is made but not stored yet.
#[derive(Debug, Clone)]
pub(super) struct FreshPassword {
    pub(super) text: Secret,
    key_id: KeyId,
    hash: SecretHash,
    new: NewPassword,
}

impl FreshPassword {
    fn hint(&self) -> String {
        self.text.expose().chars().take(3).collect()
    }

    fn into_credential(self) -> PasswordCredential {
        PasswordCredential {
            custom_key_identifier: None,
            hint: Some(self.hint()),
            display_name: self.new.display_name,
            end_date_time: Some(self.new.ends),
            key_id: self.key_id,
            secret_text: Some(self.text),
            start_date_time: Some(self.new.starts),
        }
    }
}

/// Stores a secret.
pub(super) fn insert(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    application: ObjectId,
    fresh: &FreshPassword,
) -> Result<(), Refusal> {
    let row = [
        tenant.into(),
        fresh.key_id.into(),
        application.into(),
        fresh.new.display_name.clone().into(),
        fresh.hint().into(),
        fresh.new.starts.into(),
        fresh.new.ends.into(),
        fresh.hash.salt.as_slice().into(),
        fresh.hash.hash.as_slice().into(),
    ];
    transaction.execute(&statements.passwords.insert, &row)?;
    Ok(())
}

/// Removes every secret of an application.
pub(super) fn delete_all(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    application: ObjectId,
) -> Result<(), Refusal> {
    transaction.execute(&statements.passwords.delete_all, &[tenant.into(), application.into()])?;
    Ok(())
}

impl Directory {
    /// Makes a secret without storing it: random numbers and hashes stay out of transactions.
    pub(super) fn fresh_password(&self, new: NewPassword) -> FreshPassword {
        let text = generate_client_secret(self.random.as_ref());
        let hash = SecretHash::new(&text, self.random.as_ref());
        FreshPassword { text, key_id: KeyId(self.new_id()), hash, new }
    }

    /// Gives an application or service principal one more secret; only this answer has its text.
    pub(crate) async fn add_password(
        &self,
        tenant: &Tenant,
        holder: impl Into<Holder>,
        new: NewPassword,
    ) -> Result<PasswordCredential, Refusal> {
        let holder = holder.into();
        let fresh = self.fresh_password(new);
        let (tenant, stored) = (tenant.clone(), fresh.clone());
        self.change(move |statements, transaction| {
            let held = holders::find(statements, transaction, &tenant, holder)?;
            held.check_lock()?;
            if held.is_personal && held.secrets >= PERSONAL_LIMIT {
                return Err(Refusal::TooMany { what: "passwordCredentials", limit: PERSONAL_LIMIT });
            }
            held.check_room()?;
            let lifetime = stored.new.ends.since(stored.new.starts);
            policies::check_password(statements, transaction, held.candidate(tenant.id), lifetime)?;
            insert(statements, transaction, tenant.id, held.id, &stored)?;
            changes::changed(statements, transaction, tenant.id, held.kind, held.id)
        })
        .await?;
        Ok(fresh.into_credential())
    }

    /// Takes a secret from an application or service principal.
    pub(crate) async fn remove_password(
        &self,
        tenant: &Tenant,
        holder: Holder,
        password: KeyId,
    ) -> Result<(), Refusal> {
        let tenant = tenant.clone();
        self.change(move |statements, transaction| {
            let held = holders::find(statements, transaction, &tenant, holder)?;
            delete(statements, transaction, tenant.id, held.id, password)?;
            changes::changed(statements, transaction, tenant.id, held.kind, held.id)
        })
        .await
    }
}

fn delete(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    holder: ObjectId,
    password: KeyId,
) -> Result<(), Refusal> {
    match transaction.execute(&statements.passwords.delete, &[tenant.into(), password.into(), holder.into()])? {
        0 => Err(Refusal::NoPassword(password)),
        _ => Ok(()),
    }
}

/// Takes every secret from an application but these, which it must have.
pub(super) fn keep_only(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    application: &Application,
    kept: &[KeyId],
) -> Result<(), Refusal> {
    let known = &application.password_credentials;
    if kept.iter().any(|kept| known.iter().all(|known| known.key_id != *kept)) {
        return Err(Refusal::invalid("passwordCredentials", "Application"));
    }
    for gone in known.iter().filter(|known| !kept.contains(&known.key_id)) {
        delete(statements, transaction, tenant, application.id, gone.key_id)?;
    }
    Ok(())
}
