//! Certificates of applications (Graph's `keyCredentials`), by which they sign assertions.
//!
//! The whole certificate is kept: it is public, and the token service needs its key. Graph never
//! gives it back in a list.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyholder_entra::graph::KeyCredential;
use keyholder_foundation::{KeyId, ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Delete, Insert, Select, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Row, Snapshot, Transaction, Value};

use super::sign_in_tables::KEY_CREDENTIAL;
use super::{Directory, Refusal};
use crate::x509::CertificateFacts;

/// What kind of key a certificate is, in Graph's words.
pub(crate) const ASYMMETRIC_X509: &str = "AsymmetricX509Cert";
/// What a certificate is for, in Graph's words.
pub(crate) const VERIFY: &str = "Verify";

/// A certificate of an application, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    pub(crate) key_id: KeyId,
    pub(crate) kind: String,
    pub(crate) usage: String,
    pub(crate) starts: Timestamp,
    pub(crate) ends: Timestamp,
    pub(crate) der: Vec<u8>,
    pub(crate) thumbprint_sha1: Vec<u8>,
    pub(crate) thumbprint_sha256: Vec<u8>,
    pub(crate) display_name: Option<String>,
    pub(crate) custom_key_identifier: Option<Vec<u8>>,
    pub(crate) created: Timestamp,
}

impl Certificate {
    /// A certificate (DER) as Graph registers it when nothing more is said: its own dates, its
    /// subject as its name, its SHA-1 thumbprint as its identifier. None when the bytes are no
    /// certificate with an RSA key.
    pub(crate) fn of_der(der: Vec<u8>, key_id: KeyId, created: Timestamp) -> Option<Self> {
        let facts = CertificateFacts::of(&der)?;
        Some(Self {
            key_id,
            kind: ASYMMETRIC_X509.to_owned(),
            usage: VERIFY.to_owned(),
            starts: facts.not_before,
            ends: facts.not_after,
            der,
            custom_key_identifier: Some(facts.sha1.clone()),
            thumbprint_sha1: facts.sha1,
            thumbprint_sha256: facts.sha256,
            display_name: Some(facts.subject),
            created,
        })
    }

    /// As Graph shows it: without the certificate itself.
    pub(crate) fn shown(&self) -> KeyCredential {
        KeyCredential {
            custom_key_identifier: self.custom_key_identifier.as_ref().map(|bytes| STANDARD.encode(bytes)),
            display_name: self.display_name.clone(),
            end_date_time: Some(self.ends),
            key: None,
            key_id: self.key_id,
            start_date_time: Some(self.starts),
            kind: Some(self.kind.clone()),
            usage: Some(self.usage.clone()),
        }
    }
}

const COLUMNS: [(&str, Kind); 11] = [
    ("key_id", Kind::Uuid),
    ("kind", Kind::Text),
    ("usage", Kind::Text),
    ("starts", Kind::Time),
    ("ends", Kind::Time),
    ("der", Kind::Bytes),
    ("thumbprint_sha1", Kind::Bytes),
    ("thumbprint_sha256", Kind::Bytes),
    ("display_name", Kind::Text),
    ("custom_key_identifier", Kind::Bytes),
    ("created", Kind::Time),
];

#[derive(Debug)]
pub(super) struct Statements {
    of_objects: Prepared,
    insert: Prepared,
    delete: Prepared,
    delete_all: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        let this_object = || in_tenant().and(column("object_id").equals(parameter(1)));
        Ok(Self {
            of_objects: Prepared::new(
                Select::from(KEY_CREDENTIAL)
                    .columns(COLUMNS)
                    .column("object_id", Kind::Uuid)
                    .filter(in_tenant().and(column("object_id").in_list(1)))
                    // The newest first, as secrets are shown.
                    .order_by(column("created").descending())
                    .order_by(column("key_id").descending()),
            )?,
            insert: Prepared::new(
                Insert::into(KEY_CREDENTIAL).columns(["tenant_id", "object_id"]).columns(COLUMNS.map(|(name, _)| name)),
            )?,
            delete: Prepared::new(
                Delete::from(KEY_CREDENTIAL).filter(this_object().and(column("key_id").equals(parameter(2)))),
            )?,
            delete_all: Prepared::new(Delete::from(KEY_CREDENTIAL).filter(this_object()))?,
        })
    }
}

fn read(row: &Row<'_>) -> Result<(ObjectId, Certificate), Error> {
    let certificate = Certificate {
        key_id: row.get(0)?,
        kind: row.get(1)?,
        usage: row.get(2)?,
        starts: row.get(3)?,
        ends: row.get(4)?,
        der: row.get(5)?,
        thumbprint_sha1: row.get(6)?,
        thumbprint_sha256: row.get(7)?,
        display_name: row.get(8)?,
        custom_key_identifier: row.get(9)?,
        created: row.get(10)?,
    };
    Ok((row.get(11)?, certificate))
}

/// The certificates of these applications, each's newest first.
pub(super) fn of_objects(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    objects: impl IntoIterator<Item = ObjectId>,
) -> Result<HashMap<ObjectId, Vec<Certificate>>, Refusal> {
    let mut found: HashMap<ObjectId, Vec<Certificate>> = HashMap::new();
    let values = [tenant.into(), Value::ids(objects)];
    snapshot.for_each::<Error>(&statements.certificates.of_objects, &values, |row| {
        let (object, certificate) = read(row)?;
        found.entry(object).or_default().push(certificate);
        Ok(())
    })?;
    Ok(found)
}

/// The certificates of one application, the newest first.
pub(super) fn of_object(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    object: ObjectId,
) -> Result<Vec<Certificate>, Refusal> {
    Ok(of_objects(statements, snapshot, tenant, [object])?.into_values().next().unwrap_or_default())
}

/// Gives an application one more certificate.
pub(super) fn insert(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    object: ObjectId,
    certificate: &Certificate,
) -> Result<(), Refusal> {
    let row = [
        tenant.into(),
        object.into(),
        certificate.key_id.into(),
        certificate.kind.as_str().into(),
        certificate.usage.as_str().into(),
        certificate.starts.into(),
        certificate.ends.into(),
        certificate.der.as_slice().into(),
        certificate.thumbprint_sha1.as_slice().into(),
        certificate.thumbprint_sha256.as_slice().into(),
        certificate.display_name.clone().into(),
        certificate.custom_key_identifier.clone().into(),
        certificate.created.into(),
    ];
    match transaction.execute(&statements.certificates.insert, &row) {
        Ok(_) => Ok(()),
        Err(Error::UniqueViolation { .. }) => Err(Refusal::CertificateExists(certificate.key_id)),
        Err(error) => Err(error.into()),
    }
}

/// Takes a certificate from an application.
pub(super) fn delete(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    object: ObjectId,
    key: KeyId,
) -> Result<(), Refusal> {
    match transaction.execute(&statements.certificates.delete, &[tenant.into(), object.into(), key.into()])? {
        0 => Err(Refusal::NoCertificate(key)),
        _ => Ok(()),
    }
}

/// Takes every certificate from an application.
pub(super) fn delete_all(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    object: ObjectId,
) -> Result<(), Refusal> {
    transaction.execute(&statements.certificates.delete_all, &[tenant.into(), object.into()])?;
    Ok(())
}

impl Directory {
    /// Gives an application one more certificate. That the application exists is the caller's to see.
    #[cfg(test)]
    pub(crate) async fn insert_certificate(
        &self,
        tenant: TenantId,
        object: ObjectId,
        certificate: Certificate,
    ) -> Result<(), Refusal> {
        self.change(move |statements, transaction| insert(statements, transaction, tenant, object, &certificate)).await
    }

    /// Takes a certificate from an application.
    #[cfg(test)]
    pub(crate) async fn delete_certificate(
        &self,
        tenant: TenantId,
        object: ObjectId,
        key: KeyId,
    ) -> Result<(), Refusal> {
        self.change(move |statements, transaction| delete(statements, transaction, tenant, object, key)).await
    }
}
