//! One more credential: made, proved, handed to its sink.

use std::time::Duration;

use keyholder_entra::graph::{Application, FederatedIdentityCredentialWrite};
use keyholder_foundation::{KeyId, ObjectId, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use super::{Kind, federated, read_again, registration};
use crate::Administrator;
use crate::app_users::Found;
use crate::apply::Making;
use crate::apply::keys::{self, Stays};
use crate::certificate;
use crate::declaration::Federation;
use crate::error::{Error, While};
use crate::journal::Journal;
use crate::kept::{self, KeyKind};
use crate::marks::{FEDERATION_MARK, Labels};
use crate::observe::address;
use crate::plan::{Finding, Trusted, trusted};
use crate::report::{Event, Outcome, Reporter, Step};
use crate::rules::CredentialRules;
use crate::sink::{Kept, SEALED, SecretSink, SinkError};
use crate::turns::{self, Taken};

/// What is to be added.
pub enum Wanted<'a> {
    /// A client secret.
    Secret {
        /// How long it works.
        lifetime: Duration,
        /// Where its text goes.
        sink: &'a dyn SecretSink,
    },
    /// A certificate, whose key is made here.
    Certificate {
        /// How long it works.
        lifetime: Duration,
        /// Where key and certificate go.
        sink: &'a dyn SecretSink,
    },
    /// Tokens of another issuer.
    Federated(Federation),
}

/// What was added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Added {
    /// Of which kind.
    pub kind: Kind,
    /// Its id on the registration.
    pub id: Option<Uuid>,
    /// Where it went; nothing for a federated credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Until when it works.
    #[serde(serialize_with = "crate::report::moment")]
    pub ends: Option<Timestamp>,
    /// Whether a sign-in with it was seen to work. Nobody here has another issuer's token.
    pub proved: bool,
    /// Whether anything is different from before.
    pub changed: bool,
    /// What the same place held before and goes on working until it is revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<KeyId>,
    /// What else there is to know, a sentence each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Gives an application one more credential. A secret or certificate is proved by a sign-in, and revoked
/// again when it does not work or its sink does not take it.
///
/// What the sink held before goes on working. What a run that was killed made for the same file is removed:
/// nobody has its text.
///
/// # Errors
/// [`Error::Stopped`] when there is no such registration or service principal in this tenant, or a federated
/// credential of somebody else's is in the way, another run is at the same place, and what the services or the sink refused.
pub async fn add(
    administrator: &Administrator,
    who: &str,
    wanted: Wanted<'_>,
    journal: &Journal,
    reporter: &dyn Reporter,
) -> Result<Added, Error> {
    let (found, application) = registration(administrator, who).await?;
    match wanted {
        Wanted::Federated(federation) => trust(administrator, &found, &application, &federation, reporter).await,
        Wanted::Secret { lifetime, sink } => {
            in_turn(administrator, (&found, application.id), (KeyKind::Secret, lifetime), sink, journal, reporter).await
        }
        Wanted::Certificate { lifetime, sink } => {
            in_turn(administrator, (&found, application.id), (KeyKind::Certificate, lifetime), sink, journal, reporter)
                .await
        }
    }
}

/// Makes one while no other run on this machine is at the place's.
async fn in_turn(
    administrator: &Administrator,
    (found, registration): (&Found, ObjectId),
    wanted: (KeyKind, Duration),
    sink: &dyn SecretSink,
    journal: &Journal,
    reporter: &dyn Reporter,
) -> Result<Added, Error> {
    if found.principal.is_none() {
        return Err(Error::Stopped(vec![Finding::no_principal(&found.name)]));
    }
    sink.check_room().await?;
    let taken = turns::take(journal, administrator, (&found.name, found.client_id), sink)?;
    let made = make(administrator, (found, registration), wanted, (sink, &taken), reporter).await;
    taken.end(made, |_, _| false)
}

async fn make(
    administrator: &Administrator,
    (found, registration): (&Found, ObjectId),
    (kind, lifetime): (KeyKind, Duration),
    (sink, taken): (&dyn SecretSink, &Taken),
    reporter: &dyn Reporter,
) -> Result<Added, Error> {
    // Since it was looked up another run may have ended.
    let application = &read_again(administrator, (&found.name, registration), reporter).await?;
    let doing = || format!("read what the tenant allows of the credentials of `{}`", found.name);
    let rules = CredentialRules::read(&administrator.graph).await.while_doing(doing)?;
    if let Some(offence) = rules.offence(Some(application), kind, lifetime) {
        return Err(Error::Stopped(vec![Finding::against_rules(&found.name, kind, lifetime, &offence, true)]));
    }
    let notes = rules.unreadable.iter().map(|reason| Finding::rules_unreadable(reason).message).collect();
    let address = address(administrator, &administrator.connection.url, application.app_id)?;
    let name = &found.name;
    let turn = Some(taken);
    let making = Making { administrator, reporter, name, application, address: &address, replacing: None, turn };
    let (before, mut lost) = earlier(application, sink).await?;
    // What a file held was lost: no run elsewhere is about to write to it.
    if before.is_some() || sink.flags().is_none() {
        let new = kept::of(application).filter(|one| lost.contains(&one.key_id));
        let coming = taken.notes()?.strangers(new, administrator.now());
        if let (Some(_), Some(rival)) = (before, coming.first()) {
            let about = (rival.kind, rival.key_id, rival.starts);
            return Err(Error::Stopped(vec![Finding::on_its_way(name, sink.place(), about)]));
        }
        // Where nothing is there yet both may come.
        lost.retain(|id| !coming.iter().any(|one| one.key_id == *id));
    }
    let (key, fresh) = match kind {
        KeyKind::Secret => (making.secret(lifetime, sink, None).await?, None),
        KeyKind::Certificate => {
            let (key, fresh) = making.certificate(lifetime, sink, None).await?;
            (key, Some(fresh))
        }
    };
    let removed = keys::remove(administrator, application, fresh.as_ref().map(Stays::Fresh), &lost).await?;
    let step = match kind {
        KeyKind::Secret => Step::ClientSecret,
        KeyKind::Certificate => Step::Certificate,
    };
    let mut event = Event::new(step, Outcome::Created, format!("{} in `{}`", kind.noun(), sink.place()));
    if let Some(end) = key.expires {
        event = event.note(format!("expires on {}", end.date())).fact("expires", &end);
    }
    if let Some(id) = key.key_id {
        event = event.fact(kind.fact(), &id);
    }
    if removed > 0 {
        event = event.note(format!("removed {removed} that an earlier run made and nobody has"));
    }
    if let Some(before) = before {
        event = event.note(format!("what stood there before still works: {before}"));
    }
    reporter.done(&event);
    let authority = administrator.org.tokens().authority().to_string();
    reporter.done(&Event::new(
        Step::SignIn,
        Outcome::Proved,
        format!("sign-in as `{}` at {authority} with it", found.name),
    ));
    Ok(Added {
        kind: match kind {
            KeyKind::Secret => Kind::Secret,
            KeyKind::Certificate => Kind::Certificate,
        },
        id: key.key_id.map(|id| id.0),
        place: Some(sink.place().to_owned()),
        ends: key.expires,
        proved: true,
        changed: true,
        before,
        notes,
    })
}

/// What the sink holds of this application, and what a killed run made for it and nobody has: what is newer
/// than the one that it holds, or everything of its own when it holds none. What is older was in the file
/// once, so that somebody may use it.
async fn earlier(application: &Application, sink: &dyn SecretSink) -> Result<(Option<KeyId>, Vec<KeyId>), Error> {
    let labels = Labels::of(sink)?;
    let held = match sink.load().await? {
        // What a program was given, it may have kept; and which secret a bare text is, nobody can tell.
        Kept::OutOfSight => return Ok((None, Vec::new())),
        Kept::Sealed if kept::of(application).any(|one| labels.is_own(&one, None)) => return Ok((None, Vec::new())),
        Kept::Sealed => {
            return Err(SinkError::Foreign { place: sink.place().to_owned(), reason: SEALED.to_owned() }.into());
        }
        // What it replaces is not known while the directory does not show it: then nothing is lost.
        Kept::Text { text, .. } => {
            let facts = certificate::facts_of(&text);
            match facts.and_then(|facts| kept::registered(application, None, Some(&facts))) {
                None => return Ok((None, Vec::new())),
                held => held,
            }
        }
        Kept::Key { key, .. } if key.client_id == application.app_id => {
            let facts = certificate::facts_of(&key.secret);
            match kept::registered(application, key.key_id, facts.as_ref()) {
                None => return Ok((key.key_id, Vec::new())),
                held => held,
            }
        }
        Kept::Foreign(reason) => {
            return Err(SinkError::Foreign { place: sink.place().to_owned(), reason }.into());
        }
        Kept::Nothing | Kept::Unusable(_) | Kept::Key { .. } => None,
    };
    let id = held.map(|held| held.key_id);
    let is_lost = |one: &kept::Registered<'_>| match held {
        Some(held) => Some(one.key_id) != id && one.starts > held.starts,
        None => true,
    };
    let lost = kept::of(application).filter(|one| labels.is_own(one, id)).filter(is_lost);
    Ok((id, lost.map(|one| one.key_id).collect()))
}

async fn trust(
    administrator: &Administrator,
    found: &Found,
    application: &Application,
    wanted: &Federation,
    reporter: &dyn Reporter,
) -> Result<Added, Error> {
    let graph = &administrator.graph;
    let there = federated(administrator, found, application).await?;
    let known = trusted(&found.name, wanted, Some(application), &there);
    let known = known.map_err(|finding| Error::Stopped(vec![*finding]))?;
    let body = FederatedIdentityCredentialWrite {
        name: Some(wanted.name.clone()).filter(|_| matches!(known, Trusted::NotYet)),
        issuer: Some(wanted.issuer.clone()),
        subject: Some(wanted.subject.clone()),
        description: Some(FEDERATION_MARK.to_owned()),
        audiences: Some(vec![wanted.audience.clone()]),
    };
    let doing = || format!("make the federated credential `{}`", wanted.name);
    let (id, name, outcome) = match known {
        Trusted::AsWanted(one) => (one.id, &one.name, Outcome::Found),
        Trusted::Otherwise(one) => {
            graph.update_federated_credential(application.id, one.id, &body).await.while_doing(doing)?;
            (one.id, &one.name, Outcome::Changed)
        }
        Trusted::NotYet => {
            let made = graph.create_federated_credential(application.id, &body).await.while_doing(doing)?;
            (made.id, &wanted.name, Outcome::Created)
        }
    };
    let event = Event::new(Step::Federation, outcome, format!("federated credential `{name}` of `{}`", found.name))
        .note(format!("it may sign in with a token of {} about {}", wanted.issuer, wanted.subject))
        .fact("federationId", &id);
    reporter.done(&event);
    let changed = outcome.is_change();
    Ok(Added {
        kind: Kind::Federated,
        id: Some(id.0),
        place: None,
        ends: None,
        proved: false,
        changed,
        before: None,
        notes: Vec::new(),
    })
}
