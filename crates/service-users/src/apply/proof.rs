//! The proof: everything is done once more from the outside, with nothing but the key.
//!
//! A right to read is tried by reading. The others cannot be tried without changing data: the org is
//! asked which privileges the user holds.

use std::time::Duration;

use keyholder_client::{Connection, Dataverse, Error as ClientError, Row};
use keyholder_foundation::{ClientId, KeyId, ObjectId, Timestamp};
use keyholder_security::Verb;
use serde::Serialize;
use uuid::Uuid;

use super::Run;
use crate::Administrator;
use crate::declaration::Credential;
use crate::error::{Error, While};
use crate::kept::KeyKind;
use crate::observe::{address, held};
use crate::patience::{Patience, credential_not_seen, rights_not_seen};
use crate::plan::reach;
use crate::report::{Event, Outcome, Step};
use crate::sink::{Kept, Key};
use crate::wishes::Wish;

/// An org caches users and their rights for about half a minute.
const ORG_CACHES: Duration = Duration::from_secs(60);
/// How many rights to read are tried by reading; more are asked for.
const MOST_TRIES: usize = 12;

/// What an application signed in with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ProvedBy {
    /// A client secret.
    Secret,
    /// A certificate.
    Certificate,
    /// A token of an outside issuer.
    Federated,
}

impl From<KeyKind> for ProvedBy {
    fn from(kind: KeyKind) -> Self {
        match kind {
            KeyKind::Secret => Self::Secret,
            KeyKind::Certificate => Self::Certificate,
        }
    }
}

/// A way in that was proved.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Provisioned {
    /// The service user's name in the declaration.
    pub name: String,
    /// The org's name in the declaration.
    pub org: String,
    /// The org.
    pub url: String,
    /// Where tokens come from, tenant included.
    pub authority: String,
    /// The application's id: what it signs in as.
    pub client_id: ClientId,
    /// The registration's object id.
    pub registration_id: Option<ObjectId>,
    /// The service principal's object id.
    pub service_principal_id: Option<ObjectId>,
    /// What it signs in with.
    pub credential: ProvedBy,
    /// Where the client secret is kept, the certificate with its key, or the outside token.
    pub secret_place: String,
    /// The id of the secret or certificate.
    pub secret_id: Option<KeyId>,
    /// When it stops working.
    #[serde(serialize_with = "crate::report::moment")]
    pub secret_expires: Option<Timestamp>,
    /// The names of its security roles in the org.
    pub roles: Vec<String>,
    /// What the application user may do beyond the declaration, one sentence each; empty when it is
    /// exactly what was wanted.
    pub beyond: Vec<String>,
    /// The application user's id in the org.
    pub user_id: Uuid,
    /// Its business unit.
    pub business_unit_id: Uuid,
    /// The org's id.
    pub organization_id: Uuid,
    /// Whether this run changed anything about it.
    pub changed: bool,
    /// What the application read to prove that it may.
    pub rows: Vec<Row>,
}

/// Tells of the proof's events; all but the last have more to come.
struct Telling<'a> {
    run: &'a Run<'a>,
    name: &'a str,
    org: &'a str,
    index: usize,
}

impl Telling<'_> {
    fn tell(&self, event: Event, is_last: bool) {
        let (item, org) = (self.name.to_owned(), Some(self.org.to_owned()));
        self.run.reporter.done(&Event { index: self.index, is_last, item, org, ..event });
    }
}

pub(super) async fn prove(run: &Run<'_>, name: &str, org: &str, index: usize) -> Result<Provisioned, Error> {
    let telling = Telling { run, name, org, index };
    let administrator = run.estate.org(org).ok_or_else(|| Error::Unplanned(format!("the org `{org}`")))?;
    let registration = run.registration(name)?;
    let http = &administrator.http;
    let doing = || format!("sign in as `{name}`");
    let way_in = way_in(run, administrator, name, registration.client_id).await?;
    let connection = &way_in.connection;
    let there = Dataverse::connect(connection, http.clone()).await.while_doing(doing)?;
    let what = "the token service to know the new credential";
    let token = administrator
        .patience
        .wait_for(what, http, run.reporter, credential_not_seen, || there.tokens().get(there.scope()))
        .await
        .while_doing(doing)?;
    let authority = there.tokens().authority().to_string();
    let signed_in = Event::new(Step::SignIn, Outcome::Proved, format!("sign-in as `{name}` at {authority}"))
        .note("the authority comes from the org's own 401 challenge")
        .fact("authority", &authority)
        .fact("tokenExpires", &token.expires_at());
    telling.tell(signed_in, false);

    // Where nothing was changed, a refusal is the truth and not a cache.
    let user = run.user(name)?;
    let changed = {
        let known = run.known();
        known.touched.contains(name) || user.roles.iter().any(|role| known.touched.contains(role))
    };
    let deadline = if changed { ORG_CACHES.min(administrator.patience.deadline) } else { Duration::ZERO };
    let patience = Patience { deadline, ..administrator.patience };
    let what = "the org to know the new user and its role";
    let who = patience
        .wait_for(what, http, run.reporter, rights_not_seen, || there.who_am_i())
        .await
        .while_doing(|| format!("ask the org who `{name}` is"))?;
    let wishes: Vec<&Wish> = user.roles.iter().flat_map(|role| run.seen.wishes.role(role)).collect();
    let (reads, others) = tries(&wishes);
    let known = Event::new(Step::WhoAmI, Outcome::Proved, format!("WhoAmI as `{name}`"))
        .fact("userId", &who.user_id)
        .fact("businessUnitId", &who.business_unit_id)
        .fact("organizationId", &who.organization_id);
    telling.tell(known, reads.is_empty() && others.is_empty());

    let mut rows = Vec::new();
    for (number, set) in reads.iter().enumerate() {
        let query = format!("{set}?$top={}", run.proving.rows);
        let read = patience
            .wait_for(what, http, run.reporter, rights_not_seen, || there.query(&query).collect())
            .await
            .while_doing(|| format!("read `{query}` as `{name}`"))?;
        let event = Event::new(Step::Query, Outcome::Proved, format!("GET {query}")).fact("rows", &read.len());
        telling.tell(event, number + 1 == reads.len() && others.is_empty());
        if number == 0 {
            rows = read;
        }
    }
    if !others.is_empty() {
        let held = held(&administrator.org, who.user_id).await;
        let held = held.while_doing(|| format!("read the privileges of `{name}`"))?;
        let missing: Vec<String> = others
            .iter()
            .filter(|wish| !held.iter().any(|held| held.is_at_least(&wish.name, wish.depth)))
            .map(|wish| format!("{} {}", wish.name, reach(wish.depth)))
            .collect();
        if !missing.is_empty() {
            return Err(Error::RightsMissing { name: name.to_owned(), missing });
        }
        let names: Vec<&str> = others.iter().map(|wish| wish.name.as_str()).collect();
        let event = Event::new(Step::Rights, Outcome::Proved, format!("declared rights of `{name}`"))
            .note(format!("the org says that it holds {}", names.join(", ")))
            .fact("privileges", &names.len());
        telling.tell(event, true);
    }
    let tenant = run.estate.tenant_of(org).unwrap_or_default();
    let principal = run.known().principals.get(&(name.to_owned(), tenant.to_owned())).copied();
    Ok(Provisioned {
        name: name.to_owned(),
        org: org.to_owned(),
        url: connection.url.to_string(),
        authority,
        client_id: registration.client_id,
        registration_id: registration.application.map(|application| application.id),
        service_principal_id: principal,
        credential: way_in.by,
        secret_place: way_in.place.clone(),
        secret_id: way_in.key_id,
        secret_expires: way_in.expires,
        roles: user
            .roles
            .iter()
            .filter_map(|role| run.declaration.roles.get(role))
            .map(|role| role.name.clone())
            .collect(),
        beyond: run.plan.beyond(name, org),
        user_id: who.user_id,
        business_unit_id: who.business_unit_id,
        organization_id: who.organization_id,
        changed,
        rows,
    })
}

/// What a user signs in with, and where that is kept.
struct WayIn {
    connection: Connection,
    by: ProvedBy,
    place: String,
    key_id: Option<KeyId>,
    expires: Option<Timestamp>,
}

/// The user's first key, or else a token at hand that it accepts. A key's own address leads to one org;
/// each of the others has its own.
async fn way_in(run: &Run<'_>, administrator: &Administrator, name: &str, client_id: ClientId) -> Result<WayIn, Error> {
    let address = address(administrator, &administrator.connection.url, client_id)?;
    if let Some((key, place)) = key(run, name, &address).await? {
        let way_in = Key { secret: key.secret.clone(), ..address };
        let connection = way_in.connection().map_err(ClientError::from);
        let connection = connection.while_doing(|| format!("sign in as `{name}`"))?;
        return Ok(WayIn { connection, by: key.kind().into(), place, key_id: key.key_id, expires: key.expires });
    }
    let accepted = run.user(name)?.credentials.iter().filter_map(|credential| match credential {
        Credential::Federated(accepted) => Some(accepted),
        _ => None,
    });
    let token =
        run.estate.outside_for(accepted).ok_or_else(|| Error::Unplanned(format!("a credential of `{name}`")))?;
    let connection = Connection {
        url: address.url,
        tenant: Some(address.tenant),
        authority: address.authority,
        client_id,
        credential: token.credential(client_id),
        ca_file: address.ca_file,
    };
    Ok(WayIn { connection, by: ProvedBy::Federated, place: token.place().to_owned(), key_id: None, expires: None })
}

/// The user's first key: the one that this run made, or the one that its sink holds.
async fn key(run: &Run<'_>, name: &str, address: &Key) -> Result<Option<(Key, String)>, Error> {
    let keys = run.user(name)?.credentials.iter().enumerate();
    let keys = keys.filter(|(_, credential)| !matches!(credential, Credential::Federated(_)));
    for (number, _) in keys {
        let Some(sink) = run.sinks.get(name, number) else { continue };
        let made = run.known().keys.get(&(name.to_owned(), number)).cloned();
        if let Some(key) = made {
            return Ok(Some((key, sink.place().to_owned())));
        }
        match sink.load().await? {
            Kept::Key { key, .. } => return Ok(Some((*key, sink.place().to_owned()))),
            Kept::Text { text, .. } => {
                return Ok(Some((Key { secret: text, ..address.clone() }, sink.place().to_owned())));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// The entity sets that are read, and the rights that are asked for.
pub(crate) fn tries<'a>(wishes: &[&'a Wish]) -> (Vec<&'a str>, Vec<&'a Wish>) {
    let (mut sets, mut others) = (Vec::new(), Vec::new());
    for wish in wishes.iter().filter(|wish| !wish.optional) {
        let set = wish.table.as_ref().filter(|of| of.verb == Verb::Read).and_then(|of| of.entity_set.as_deref());
        match set {
            Some(set) if sets.contains(&set) => {}
            Some(set) if sets.len() < MOST_TRIES => sets.push(set),
            _ => others.push(*wish),
        }
    }
    (sets, others)
}
