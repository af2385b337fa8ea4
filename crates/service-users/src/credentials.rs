//! The credentials of one application, one by one: listed ([`list`]), added ([`add()`]), revoked
//! ([`look`], then [`revoke()`]).
//!
//! An application signs in by a client secret, by a certificate, or by tokens of another issuer. All three
//! stand on its registration; the directory never shows a secret's text or a certificate's key again.

mod add;
mod revoke;

use keyholder_entra::graph::{Application, FederatedIdentityCredential};
use keyholder_foundation::{ClientId, ObjectId, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::Administrator;
use crate::app_users::{self, Found};
use crate::error::{Error, While};
use crate::kept::{self, KeyKind, Registered};
use crate::marks::{is_labelled, is_marked};
use crate::patience::object_not_seen;
use crate::plan::Finding;
use crate::report::Reporter;

pub use add::{Added, Wanted, add};
pub use revoke::{Found as ToRevoke, Revoked, look, revoke};

const DAY: i64 = 24 * 60 * 60;

/// An application with everything that it can sign in with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// The application's name.
    pub name: String,
    /// What it signs in as.
    pub client_id: ClientId,
    /// Its registration's object id.
    pub registration_id: ObjectId,
    /// All credentials: what ends first, first; what never ends, last.
    pub credentials: Vec<Listed>,
}

/// One way to sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// Of which kind.
    pub kind: Kind,
    /// Its id on the registration, by which it is revoked.
    pub id: Uuid,
    /// Its name there: for one that Keyholder made, where it was written to.
    pub label: Option<String>,
    /// Whether it works now.
    pub state: State,
    /// From when on it works.
    #[serde(serialize_with = "crate::report::moment")]
    pub starts: Option<Timestamp>,
    /// Until when it works; a federated credential has no end.
    #[serde(serialize_with = "crate::report::moment")]
    pub ends: Option<Timestamp>,
    /// Whole days until then; less than nothing when it is over.
    pub days_left: Option<i64>,
    /// Whether Keyholder made it.
    pub made_by_keyholder: bool,
    /// What a secret's text begins with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// A certificate's SHA-1 thumbprint, as the directory writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbprint: Option<String>,
    /// Whose tokens are accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trusts: Option<Trusts>,
}

/// Whose tokens a federated credential accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trusts {
    /// `iss`, exactly.
    pub issuer: String,
    /// `sub`, exactly.
    pub subject: String,
    /// `aud`, one of these.
    pub audiences: Vec<String>,
}

/// The kinds of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A client secret.
    Secret,
    /// A certificate.
    Certificate,
    /// Tokens of another issuer.
    Federated,
}

impl Kind {
    /// What it is called.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Secret => "client secret",
            Self::Certificate => "certificate",
            Self::Federated => "federated credential",
        }
    }
}

/// Whether a credential works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// It works, as far as the directory tells.
    Working,
    /// Its time has not come.
    NotYet,
    /// Its time is over.
    Expired,
}

/// Lists what the application of this name or client id can sign in with.
///
/// # Errors
/// [`Error::Stopped`] when there is no such registration in this tenant, or several of the name; and what
/// the services refused.
pub async fn list(administrator: &Administrator, who: &str) -> Result<Credentials, Error> {
    let (found, application) = registration(administrator, who).await?;
    let federated = federated(administrator, &found, &application).await?;
    Ok(of(&found, &application, &federated, administrator.now()))
}

/// The registration of an application; without one in this tenant there is nothing here that could be
/// changed.
pub(crate) async fn registration(administrator: &Administrator, who: &str) -> Result<(Found, Application), Error> {
    let found = app_users::find(administrator, who).await?;
    match found.registration.clone() {
        Some(application) => Ok((found, application)),
        None => Err(Error::Stopped(vec![Finding::not_registered_here(&found.name, found.client_id)])),
    }
}

/// A registration that is known, as it is by now.
pub(crate) async fn read_again(
    administrator: &Administrator,
    (name, id): (&str, ObjectId),
    reporter: &dyn Reporter,
) -> Result<Application, Error> {
    let what = "the directory to show the registration";
    let read = || administrator.graph.application_at(id);
    let there = administrator.patience.wait_for(what, &administrator.http, reporter, object_not_seen, read).await;
    there.while_doing(|| format!("read the registration of `{name}` again"))
}

async fn federated(
    administrator: &Administrator,
    found: &Found,
    application: &Application,
) -> Result<Vec<FederatedIdentityCredential>, Error> {
    let all = administrator.graph.federated_credentials_of(&[application.id]).await;
    let all = all.while_doing(|| format!("read the federated credentials of `{}`", found.name))?;
    Ok(all.into_values().flatten().collect())
}

fn of(
    found: &Found,
    application: &Application,
    federated: &[FederatedIdentityCredential],
    now: Timestamp,
) -> Credentials {
    let keys = kept::of(application).map(|key| listed(&key, now));
    let trusts = federated.iter().map(trust);
    let mut credentials: Vec<Listed> = keys.chain(trusts).collect();
    credentials.sort_by_key(|one| (one.ends.is_none(), one.ends, one.starts, one.id));
    Credentials { name: found.name.clone(), client_id: found.client_id, registration_id: application.id, credentials }
}

fn listed(key: &Registered<'_>, now: Timestamp) -> Listed {
    let is_over = key.ends.is_some_and(|end| end <= now);
    let is_begun = key.starts.is_none_or(|start| start <= now);
    let seconds = |end: Timestamp| end.unix_seconds().saturating_sub(now.unix_seconds());
    Listed {
        kind: match key.kind {
            KeyKind::Secret => Kind::Secret,
            KeyKind::Certificate => Kind::Certificate,
        },
        id: key.key_id.0,
        label: key.name.map(str::to_owned),
        state: match (is_over, is_begun) {
            (true, _) => State::Expired,
            (_, false) => State::NotYet,
            _ => State::Working,
        },
        starts: key.starts,
        ends: key.ends,
        days_left: key.ends.map(|end| seconds(end).div_euclid(DAY)),
        made_by_keyholder: is_labelled(key.name),
        hint: key.hint.map(str::to_owned),
        thumbprint: key.thumbprint.map(str::to_owned),
        trusts: None,
    }
}

fn trust(one: &FederatedIdentityCredential) -> Listed {
    let (issuer, subject) = (one.issuer.clone(), one.subject.clone());
    Listed {
        kind: Kind::Federated,
        id: one.id.0,
        label: Some(one.name.clone()),
        state: State::Working,
        starts: None,
        ends: None,
        days_left: None,
        made_by_keyholder: is_marked(one.description.as_deref()),
        hint: None,
        thumbprint: None,
        trusts: Some(Trusts { issuer, subject, audiences: one.audiences.clone() }),
    }
}
