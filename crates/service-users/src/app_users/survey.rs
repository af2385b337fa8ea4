//! All application users of an org, with what the directory says of them. The number of requests grows
//! with pages, not with users.

use std::collections::BTreeMap;

use futures::future::join;
use keyholder_entra::graph::{Application, FederatedIdentityCredential, ServicePrincipal};
use keyholder_foundation::{ClientId, ObjectId, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::Administrator;
use crate::error::{Error, While};
use crate::marks::{declaration_of, is_ours, role_id};
use crate::observe::{OrgSeen, UserSeen, everyone};
use crate::plan::is_system_administrator;

/// The application users of an org.
#[derive(Debug, Clone)]
pub struct Survey {
    /// Them, in the order of their names.
    pub users: Vec<Listed>,
    /// What could not be told, a sentence each.
    pub notes: Vec<String>,
    /// When it was read, by the servers' clock.
    pub now: Timestamp,
}

/// An application user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The application's name: its registration's, or else its service principal's, or else the org's.
    pub name: String,
    /// What it signs in as.
    pub client_id: ClientId,
    /// Its user's id in the org.
    pub user_id: Uuid,
    /// Whether it may get in.
    pub enabled: bool,
    /// The name of its business unit.
    pub business_unit: String,
    /// Its own security roles.
    pub roles: Vec<Held>,
    /// Where the application comes from.
    pub origin: Origin,
    /// The declaration that made it, where one with a name did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declaration: Option<String>,
    /// The registration's object id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_id: Option<ObjectId>,
    /// Whether its service principal may sign in; nothing when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_enabled: Option<bool>,
    /// How it signs in; empty where the registration is another tenant's.
    pub keys: Vec<Key>,
    /// When the next of its keys stops working, of those that work.
    #[serde(serialize_with = "crate::report::moment", skip_serializing_if = "Option::is_none")]
    pub next_expiry: Option<Timestamp>,
    /// When it signed in last, as far as the directory tells.
    #[serde(serialize_with = "crate::report::moment", skip_serializing_if = "Option::is_none")]
    pub last_sign_in: Option<Timestamp>,
}

/// A role on a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// The id of the copy that has the privileges.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Whether Keyholder made it.
    pub made_by_keyholder: bool,
    /// Whether it is System Administrator, which may do everything.
    pub is_system_administrator: bool,
}

/// Where an application comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// Keyholder registered it in this tenant.
    Keyholder,
    /// Somebody else registered it in this tenant.
    Tenant,
    /// It is another tenant's, Microsoft's own as a rule.
    Abroad,
    /// The directory does not know it any more.
    Gone,
}

/// A way for an application to sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Key {
    /// Of which kind.
    pub kind: KeyKind,
    /// Its id on the registration.
    pub id: Uuid,
    /// Its name there.
    pub name: Option<String>,
    /// Whose tokens are accepted, for a federated credential: issuer and subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusts: Option<(String, String)>,
    /// When it stops working; a federated credential never does.
    #[serde(serialize_with = "crate::report::moment", skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Whether it has stopped working.
    pub is_expired: bool,
}

/// The kinds of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyKind {
    /// A client secret.
    Secret,
    /// A certificate.
    Certificate,
    /// Another issuer's tokens.
    Federated,
}

/// Reads an org's application users and what the directory says of their applications.
///
/// # Errors
/// When org or directory cannot be read. That nobody may read when an application signed in last is a
/// note.
pub async fn survey(administrator: &Administrator) -> Result<Survey, Error> {
    let (there, sign_ins) = join(everyone(&administrator.org), administrator.graph.last_sign_ins()).await;
    let there = there.while_doing(|| "read the org's application users".to_owned())?;
    let mut notes = Vec::new();
    let sign_ins = sign_ins.unwrap_or_else(|error| {
        notes.push(format!("when they signed in last cannot be told: {error}"));
        BTreeMap::new()
    });
    let living = || there.users.iter().filter(|user| !user.is_deleted());
    let clients: Vec<ClientId> = living().map(|user| user.application).collect();
    let directory = Directory::read(administrator, &clients).await?;
    let now = administrator.now();
    let mut users: Vec<Listed> =
        living().map(|user| listed(&there, user, &directory, sign_ins.get(&user.application), now)).collect();
    users.sort_by(|one, other| {
        (one.name.to_lowercase(), one.client_id).cmp(&(other.name.to_lowercase(), other.client_id))
    });
    Ok(Survey { users, notes, now })
}

/// What the directory says of some applications.
pub(super) struct Directory {
    registrations: Vec<Application>,
    principals: Vec<ServicePrincipal>,
    federations: BTreeMap<ObjectId, Vec<FederatedIdentityCredential>>,
}

impl Directory {
    pub(super) async fn read(administrator: &Administrator, clients: &[ClientId]) -> Result<Self, Error> {
        let doing = || "look for the applications in the directory".to_owned();
        let graph = &administrator.graph;
        let (registrations, principals) =
            futures::try_join!(graph.applications_of(&[], clients), graph.service_principals_of(clients))
                .while_doing(doing)?;
        let ids: Vec<ObjectId> = registrations.iter().map(|application| application.id).collect();
        let federations = graph.federated_credentials_of(&ids).await.while_doing(doing)?;
        Ok(Self { registrations, principals, federations })
    }

    /// How an application signs in.
    pub(super) fn keys(&self, application: &Application, now: Timestamp) -> Vec<Key> {
        let dated = |kind, id, name: &Option<String>, expires: Option<Timestamp>| Key {
            kind,
            id,
            name: name.clone(),
            trusts: None,
            expires: expires.map(Timestamp::whole_seconds),
            is_expired: expires.is_some_and(|expires| expires <= now),
        };
        let secrets = application.password_credentials.iter();
        let secrets = secrets.map(|one| dated(KeyKind::Secret, one.key_id.0, &one.display_name, one.end_date_time));
        let certificates = application.key_credentials.iter();
        let certificates =
            certificates.map(|one| dated(KeyKind::Certificate, one.key_id.0, &one.display_name, one.end_date_time));
        let federated = self.federations.get(&application.id).into_iter().flatten().map(|one| Key {
            kind: KeyKind::Federated,
            id: one.id.0,
            name: Some(one.name.clone()),
            trusts: Some((one.issuer.clone(), one.subject.clone())),
            expires: None,
            is_expired: false,
        });
        secrets.chain(certificates).chain(federated).collect()
    }
}

pub(super) fn listed(
    there: &OrgSeen,
    user: &UserSeen,
    directory: &Directory,
    last_sign_in: Option<&Timestamp>,
    now: Timestamp,
) -> Listed {
    let registration = directory.registrations.iter().find(|one| one.app_id == user.application);
    let principal = directory.principals.iter().find(|one| one.app_id == user.application);
    let name = registration.and_then(|one| one.display_name.clone());
    let name = name.or_else(|| principal.and_then(|one| one.display_name.clone()));
    // The org puts a `#` for the first name before it.
    let own = || user.full_name.as_ref().map(|name| name.trim_start_matches("# ").to_owned());
    let keys = registration.map(|one| directory.keys(one, now)).unwrap_or_default();
    let unit = there.units.iter().find(|unit| unit.id == user.unit);
    Listed {
        name: name.or_else(own).unwrap_or_else(|| user.application.to_string()),
        client_id: user.application,
        user_id: user.id,
        enabled: !user.is_disabled,
        business_unit: unit.map_or_else(|| user.unit.to_string(), |unit| unit.name.clone()),
        roles: user.roles.iter().filter_map(|role| held(there, *role)).collect(),
        origin: match (registration, principal) {
            (Some(application), _) if is_ours(application) => Origin::Keyholder,
            (Some(_), _) => Origin::Tenant,
            (None, Some(_)) => Origin::Abroad,
            (None, None) => Origin::Gone,
        },
        declaration: registration.and_then(declaration_of).map(str::to_owned),
        registration_id: registration.map(|one| one.id),
        principal_enabled: principal.map(|one| one.account_enabled),
        next_expiry: keys.iter().filter(|key| !key.is_expired).filter_map(|key| key.expires).min(),
        keys,
        last_sign_in: last_sign_in.copied(),
    }
}

pub(super) fn held(there: &OrgSeen, role: Uuid) -> Option<Held> {
    let seen = there.role(role)?;
    Some(Held {
        id: seen.root(),
        name: seen.name.clone(),
        made_by_keyholder: role_id(there.who.organization_id, &seen.name) == seen.root(),
        is_system_administrator: is_system_administrator(seen.template),
    })
}
