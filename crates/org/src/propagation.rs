//! From the directory into the orgs: what changed there is delivered here when it is due.
//!
//! The directory writes down in an outbox, with the change itself, that an org has to learn of it,
//! and when. Nothing waits for that moment: whoever asks an org something has the due items delivered
//! first. So a moved clock is enough to see a delay pass, and a killed process has missed nothing.
//! An item says only who changed; what is delivered is what the directory says of them then, so
//! delivering an item twice is as good as once.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use keyholder_data::{DirectoryError, Error, PersonFacts, Presence, Trouble};
use keyholder_foundation::{ObjectId, Timestamp};
use keyholder_identity::{ObjectKind, OutboxItem, UserFacts};
use tokio::sync::Mutex;

use crate::world::{OpenOrg, State};

/// How many items are taken at once.
const AT_ONCE: u32 = 64;
/// After a failure it is tried again this much later by the org clock, in milliseconds.
const TRIED_AGAIN: i64 = 5_000;

/// What is known of the outbox without asking.
#[derive(Debug, Default)]
pub(crate) struct Propagation {
    /// When the next item is due, in milliseconds; nothing is due before. 0 when it is not known.
    next: AtomicI64,
    delivering: Mutex<()>,
}

impl Propagation {
    /// The directory may have changed.
    pub(crate) fn wake(&self) {
        self.next.store(0, Ordering::SeqCst);
    }

    fn is_due(&self, now: Timestamp) -> bool {
        now.as_millis() >= self.next.load(Ordering::SeqCst)
    }
}

impl State {
    /// Delivers what is due. What fails is told to `trouble` and tried again later: whoever asks the
    /// org something is answered all the same.
    pub(crate) async fn deliver(&self, now: Timestamp, trouble: Option<&Trouble>) {
        if !self.propagation.is_due(now) {
            return;
        }
        let _one_at_a_time = self.propagation.delivering.lock().await;
        if !self.propagation.is_due(now) {
            return;
        }
        // Whoever changes the directory from here on sets this back, and is not overlooked.
        self.propagation.next.store(i64::MAX, Ordering::SeqCst);
        let next = match self.deliver_all(now).await {
            Ok(next) => next,
            Err(error) => {
                if let Some(trouble) = trouble {
                    trouble(&error);
                }
                now.as_millis().saturating_add(TRIED_AGAIN)
            }
        };
        self.propagation.next.fetch_min(next, Ordering::SeqCst);
    }

    /// Delivers what is due; gives when the next item is, in milliseconds.
    async fn deliver_all(&self, now: Timestamp) -> Result<i64, Error> {
        loop {
            let due = self.identity.take_due(now, AT_ONCE).await.map_err(of_directory)?;
            if due.is_empty() {
                let end = Timestamp::from_millis(i64::MAX);
                let next = self.identity.take_due(end, 1).await.map_err(of_directory)?;
                return Ok(next.first().map_or(i64::MAX, |item| item.due.as_millis()));
            }
            for item in due {
                self.deliver_one(&item, now).await?;
                self.identity.acknowledge(item.seq).await.map_err(of_directory)?;
            }
        }
    }

    async fn deliver_one(&self, item: &OutboxItem, now: Timestamp) -> Result<(), Error> {
        let orgs: Vec<&Arc<OpenOrg>> = self.orgs.iter().filter(|org| org.tenant == item.tenant).collect();
        match item.kind {
            ObjectKind::User => {
                let found = self.identity.user_facts(item.tenant, item.object).await.map_err(of_directory)?;
                for org in orgs {
                    let facts = match &found {
                        Some(found) => person(org, found, now),
                        None => gone(item.object),
                    };
                    org.organization.follow_person(facts).await?;
                }
            }
            ObjectKind::ServicePrincipal => {
                let found =
                    self.identity.service_principal_facts(item.tenant, item.object).await.map_err(of_directory)?;
                let presence = match found {
                    Some(found) => presence(found.deleted, now),
                    None => Presence::Gone,
                };
                for org in orgs {
                    org.organization.follow_service_principal(item.object, presence).await?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Tells an org of everybody in its tenant: when it is new, or when it is decided anew who comes.
    pub(crate) async fn tell_of_everybody(&self, org: &OpenOrg, now: Timestamp) -> Result<(), Error> {
        let everybody = self.identity.all_user_facts(org.tenant).await.map_err(of_directory)?;
        for facts in &everybody {
            org.organization.follow_person(person(org, facts, now)).await?;
        }
        Ok(())
    }
}

/// What an org is told of a person.
pub(crate) fn person(org: &OpenOrg, facts: &UserFacts, now: Timestamp) -> PersonFacts {
    PersonFacts {
        object_id: facts.id,
        user_principal_name: facts.user_principal_name.clone(),
        display_name: facts.display_name.clone(),
        first_name: facts.given_name.clone(),
        last_name: facts.surname.clone(),
        mail: facts.mail.clone(),
        is_enabled: facts.enabled,
        is_licensed: facts.licensed,
        is_administrator: facts.administers_organizations,
        // Administrators of the tenant come in whatever the group says: they could let themselves in.
        may_enter: org.lets_in(facts) || facts.administers_organizations,
        presence: presence(facts.deleted, now),
    }
}

fn presence(deleted: bool, now: Timestamp) -> Presence {
    if deleted { Presence::SoftDeleted(now) } else { Presence::Exists }
}

/// A person of whom the directory knows nothing any more.
fn gone(person: ObjectId) -> PersonFacts {
    PersonFacts {
        object_id: person,
        user_principal_name: String::new(),
        display_name: String::new(),
        first_name: None,
        last_name: None,
        mail: None,
        is_enabled: false,
        is_licensed: false,
        is_administrator: false,
        may_enter: false,
        presence: Presence::Gone,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in for a conversion")]
fn of_directory(error: keyholder_identity::Error) -> Error {
    DirectoryError { reason: error.to_string() }.into()
}
