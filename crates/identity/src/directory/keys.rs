//! Certificates as Graph changes them: an application's whole list at once, or one at a time with
//! proof. The rows are [`super::certificates`]'s.

use std::collections::HashMap;

use keyholder_entra::graph::{Application, KeyCredential};
use keyholder_foundation::{KeyId, ObjectId, TenantId, Timestamp};
use keyholder_store::{Snapshot, Transaction};

use super::applications::ObjectKey;
use super::certificates::{self, Certificate};
use super::changes::{self, ObjectKind};
use super::holders::{self, Holder};
use super::tenants::Tenant;
use super::{Directory, Refusal, policies};

/// One entry of a list of certificates that a caller sends.
#[derive(Debug, Clone, Default)]
pub(crate) struct WantedKey {
    /// The one that stays, or the id of the new one.
    pub(crate) key_id: Option<KeyId>,
    /// The certificate (DER); none for one that stays.
    pub(crate) der: Option<Vec<u8>>,
    pub(crate) display_name: Option<String>,
    pub(crate) starts: Option<Timestamp>,
    pub(crate) ends: Option<Timestamp>,
    pub(crate) custom_key_identifier: Option<Vec<u8>>,
}

/// An entry whose certificate was read.
#[derive(Debug, Clone)]
pub(crate) enum FreshKey {
    Stays(KeyId),
    New(Certificate),
}

/// The certificates of an object, as they are shown.
pub(super) fn of_object(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    object: ObjectId,
) -> Result<Vec<KeyCredential>, Refusal> {
    let found = certificates::of_object(statements, snapshot, tenant, object)?;
    Ok(found.iter().map(Certificate::shown).collect())
}

/// The certificates of these objects, as they are shown.
pub(super) fn of_objects(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    objects: impl Iterator<Item = ObjectId>,
) -> Result<HashMap<ObjectId, Vec<KeyCredential>>, Refusal> {
    let found = certificates::of_objects(statements, snapshot, tenant, objects)?;
    Ok(found.into_iter().map(|(object, list)| (object, list.iter().map(Certificate::shown).collect())).collect())
}

/// Makes an application's certificates those of a complete list.
pub(super) fn replace(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    application: &Application,
    wanted: &[FreshKey],
    now: Timestamp,
) -> Result<(), Refusal> {
    let known = certificates::of_object(statements, transaction, tenant, application.id)?;
    let mut kept = Vec::new();
    let mut new = Vec::new();
    for key in wanted {
        match key {
            FreshKey::Stays(id) if known.iter().any(|one| one.key_id == *id) => kept.push(*id),
            FreshKey::Stays(_) => return Err(Refusal::invalid("keyCredentials", "Application")),
            FreshKey::New(certificate) => match known.iter().find(|one| one.key_id == certificate.key_id) {
                Some(same) if same.der == certificate.der => kept.push(same.key_id),
                Some(other) => return Err(Refusal::KeyUpdate(other.key_id)),
                None => new.push(certificate),
            },
        }
    }
    for gone in known.iter().filter(|one| !kept.contains(&one.key_id)) {
        certificates::delete(statements, transaction, tenant, application.id, gone.key_id)?;
    }
    for certificate in new {
        let created = application.created_date_time;
        policies::check_certificate(statements, transaction, (tenant, ObjectKind::Application), created, certificate)?;
        check_dates(certificate, now)?;
        certificates::insert(statements, transaction, tenant, application.id, certificate)?;
    }
    Ok(())
}

/// A certificate is registered for as long as it lasts, or for less, and not when it is over.
fn check_dates(certificate: &Certificate, now: Timestamp) -> Result<(), Refusal> {
    let own = crate::x509::CertificateFacts::of(&certificate.der);
    let outlives = own.is_none_or(|own| certificate.ends > own.not_after);
    if certificate.ends <= now || certificate.ends <= certificate.starts || outlives {
        return Err(Refusal::KeyEnd);
    }
    Ok(())
}

impl Directory {
    /// Reads the certificates of a list; refuses what is none with an RSA key.
    pub(super) fn fresh_keys(&self, wanted: &[WantedKey]) -> Result<Vec<FreshKey>, Refusal> {
        wanted.iter().map(|key| self.fresh_key(key)).collect()
    }

    fn fresh_key(&self, wanted: &WantedKey) -> Result<FreshKey, Refusal> {
        let invalid = || Refusal::invalid("keyCredentials", "Application");
        let Some(der) = wanted.der.clone() else {
            return wanted.key_id.map(FreshKey::Stays).ok_or_else(invalid);
        };
        let id = wanted.key_id.unwrap_or_else(|| KeyId(self.new_id()));
        let mut certificate = Certificate::of_der(der, id, self.clocks.now()).ok_or_else(invalid)?;
        certificate.starts = wanted.starts.unwrap_or(certificate.starts);
        certificate.ends = wanted.ends.unwrap_or(certificate.ends);
        if wanted.display_name.is_some() {
            certificate.display_name.clone_from(&wanted.display_name);
        }
        if wanted.custom_key_identifier.is_some() {
            certificate.custom_key_identifier.clone_from(&wanted.custom_key_identifier);
        }
        Ok(FreshKey::New(certificate))
    }

    /// Gives an application or service principal one more certificate.
    pub(crate) async fn add_key(
        &self,
        tenant: &Tenant,
        holder: Holder,
        wanted: WantedKey,
    ) -> Result<KeyCredential, Refusal> {
        let FreshKey::New(certificate) = self.fresh_key(&wanted)? else {
            return Err(Refusal::invalid("keyCredential", "KeyCredential"));
        };
        let (tenant, now) = (tenant.clone(), self.clocks.now().whole_seconds());
        self.change(move |statements, transaction| {
            let held = holders::find(statements, transaction, &tenant, holder)?;
            held.check_lock()?;
            policies::check_certificate(statements, transaction, (tenant.id, held.kind), held.created, &certificate)?;
            check_dates(&certificate, now)?;
            certificates::insert(statements, transaction, tenant.id, held.id, &certificate)?;
            changes::changed(statements, transaction, tenant.id, held.kind, held.id)?;
            Ok(certificate.shown())
        })
        .await
    }

    /// Takes a certificate from an application or service principal.
    pub(crate) async fn remove_key(&self, tenant: &Tenant, holder: Holder, key: KeyId) -> Result<(), Refusal> {
        let tenant = tenant.clone();
        self.change(move |statements, transaction| {
            let held = holders::find(statements, transaction, &tenant, holder)?;
            certificates::delete(statements, transaction, tenant.id, held.id, key)?;
            changes::changed(statements, transaction, tenant.id, held.kind, held.id)
        })
        .await
    }

    /// The certificates of an application or service principal, whole.
    pub(crate) async fn certificates_of(
        &self,
        tenant: &Tenant,
        holder: Holder,
    ) -> Result<(ObjectId, Vec<Certificate>), Refusal> {
        let tenant = tenant.clone();
        self.read(move |statements, snapshot| {
            let held = holders::find(statements, snapshot, &tenant, holder)?;
            Ok((held.id, certificates::of_object(statements, snapshot, tenant.id, held.id)?))
        })
        .await
    }
}

impl From<ObjectKey> for Holder {
    fn from(key: ObjectKey) -> Self {
        Self::Application(key)
    }
}
