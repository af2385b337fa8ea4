//! Certificates as Graph changes them: an application's whole list at once, or one at a time with
//! proof. The rows are [`super::certificates`]'s.

use std::collections::HashMap;

use keyholder_entra::graph::KeyCredential;
use keyholder_foundation::{KeyId, ObjectId, TenantId, Timestamp};
use keyholder_store::{Snapshot, Transaction};

use super::applications::ObjectKey;
use super::certificates::{self, Certificate};
use super::changes::{self, ObjectKind};
use super::holders::{self, Holder};
use super::policies::Candidate;
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

impl FreshKey {
    /// Whether it was not there before.
    pub(super) fn is_new(&self) -> bool {
        matches!(self, Self::New(_))
    }
}

/// What Graph calls such an object.
fn entity(kind: ObjectKind) -> &'static str {
    if kind == ObjectKind::ServicePrincipal { "ServicePrincipal" } else { "Application" }
}

/// Makes the certificates of an application or service principal those of a complete list.
pub(super) fn replace(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    holder: Candidate,
    wanted: &[FreshKey],
    now: Timestamp,
) -> Result<(), Refusal> {
    let (tenant, object) = (holder.tenant, holder.id);
    let known = certificates::of_object(statements, transaction, tenant, object)?;
    let mut kept = Vec::new();
    let mut new = Vec::new();
    for key in wanted {
        match key {
            FreshKey::Stays(id) if known.iter().any(|one| one.key_id == *id) => kept.push(*id),
            FreshKey::Stays(_) => return Err(Refusal::invalid("keyCredentials", entity(holder.kind))),
            FreshKey::New(certificate) => match known.iter().find(|one| one.key_id == certificate.key_id) {
                Some(same) if same.der == certificate.der => kept.push(same.key_id),
                Some(other) => return Err(Refusal::KeyUpdate(other.key_id)),
                None => new.push(certificate),
            },
        }
    }
    for gone in known.iter().filter(|one| !kept.contains(&one.key_id)) {
        certificates::delete(statements, transaction, tenant, object, gone.key_id)?;
    }
    for certificate in new {
        policies::check_certificate(statements, transaction, holder, certificate)?;
        check_dates(certificate, now)?;
        certificates::insert(statements, transaction, tenant, object, certificate)?;
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
    pub(super) fn fresh_keys(&self, wanted: &[WantedKey], of: ObjectKind) -> Result<Vec<FreshKey>, Refusal> {
        wanted.iter().map(|key| self.fresh_key(key, of)).collect()
    }

    fn fresh_key(&self, wanted: &WantedKey, of: ObjectKind) -> Result<FreshKey, Refusal> {
        let invalid = || Refusal::invalid("keyCredentials", entity(of));
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
        let of = match holder {
            Holder::Application(_) => ObjectKind::Application,
            Holder::ServicePrincipal(_) => ObjectKind::ServicePrincipal,
        };
        let FreshKey::New(certificate) = self.fresh_key(&wanted, of)? else {
            return Err(Refusal::invalid("keyCredential", "KeyCredential"));
        };
        let (tenant, now) = (tenant.clone(), self.clocks.now().whole_seconds());
        self.change(move |statements, transaction| {
            let held = holders::find(statements, transaction, &tenant, holder)?;
            held.check_lock()?;
            held.check_room()?;
            policies::check_certificate(statements, transaction, held.candidate(tenant.id), &certificate)?;
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
