//! Secrets and certificates of a registration, as the directory changes them.
//!
//! Certificates are one list, which Microsoft Graph replaces as a whole, without a way to say "if
//! nobody has changed it since". So it is read, changed and written, then read again, and all of it once
//! more where the directory refused the list or somebody else's write has undone ours meanwhile. (`addKey`
//! adds one alone, but only to who can sign with an earlier one.)

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use keyholder_client::{CertificateFacts, Error as ClientError};
use keyholder_entra::graph::{Application, ApplicationWrite, KeyCredential};
use keyholder_foundation::{KeyId, ObjectId};

use crate::Administrator;
use crate::certificate::{Fresh, is_of};
use crate::error::{Error, While};
use crate::kept::Registered;
use crate::marks::{is_delivered, tags_after_delivery};
use crate::patience::object_not_seen;

/// The waits before each try, in seconds: the second looks at what the first has written.
const WAITS: [u64; 6] = [0, 0, 1, 2, 4, 8];

/// A certificate that a list has to have when others are taken from it, for a directory may not show it yet.
#[derive(Clone, Copy)]
pub(crate) enum Stays<'a> {
    /// One that was just made here: it is written once more.
    Fresh(&'a Fresh),
    /// One that stands in its place: a list that does not show it is not written.
    Shown(KeyId),
}

/// Gives a registration one more certificate; its id there.
pub(crate) async fn add_certificate(
    administrator: &Administrator,
    application: ObjectId,
    fresh: &Fresh,
) -> Result<KeyId, ClientError> {
    let edited = edit(administrator, application, Some(Stays::Fresh(fresh)), &[]).await?;
    Ok(edited.added.unwrap_or(fresh.entry.key_id))
}

/// Takes secrets and certificates from a registration; how many of them there were. `stays` is one
/// that the directory may not show yet.
pub(crate) async fn remove(
    administrator: &Administrator,
    application: &Application,
    stays: Option<Stays<'_>>,
    ids: &[KeyId],
) -> Result<usize, Error> {
    let is_certificate = |id: &&KeyId| application.key_credentials.iter().any(|one| one.key_id == **id);
    let (certificates, secrets): (Vec<&KeyId>, Vec<&KeyId>) = ids.iter().partition(is_certificate);
    let mut removed = 0;
    for id in secrets {
        match administrator.graph.remove_password(application.id, *id).await {
            Ok(()) => removed += 1,
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error).while_doing(|| format!("remove the client secret {id}")),
        }
    }
    if !certificates.is_empty() {
        let certificates: Vec<KeyId> = certificates.into_iter().copied().collect();
        let edited = edit(administrator, application.id, stays, &certificates).await;
        let edited = edited.while_doing(|| "remove a certificate".to_owned())?;
        if !edited.left.is_empty() {
            return Err(Error::StillThere { certificates: edited.left });
        }
        removed += edited.seen.len();
    }
    Ok(removed)
}

/// Writes down on a registration that a key has arrived at a place which does not give it back. Tags are one
/// list too, so that it is looked whether somebody else's write has undone this one.
pub(crate) async fn note_delivery(
    administrator: &Administrator,
    application: &Application,
    key: KeyId,
) -> Result<(), ClientError> {
    for wait in WAITS {
        if wait > 0 {
            administrator.http.sleep(Duration::from_secs(wait)).await;
        }
        let there = match administrator.graph.application_at(application.id).await {
            Err(error) if object_not_seen(&error) => continue,
            there => there?,
        };
        if is_delivered(&there, key) {
            return Ok(());
        }
        let tags = Some(tags_after_delivery(&there, application, key));
        let changes = ApplicationWrite { tags, ..ApplicationWrite::default() };
        match administrator.graph.update_application(application.id, &changes).await {
            Err(error) if !object_not_seen(&error) => return Err(error),
            _ => {}
        }
    }
    // Written and never seen: a directory that lags. At worst the next run makes another key.
    Ok(())
}

/// What a run has written to lists of certificates, by registration.
#[derive(Debug, Clone, Default)]
pub(crate) struct Written(Arc<Mutex<BTreeMap<ObjectId, OfList>>>);

#[derive(Debug, Clone, Default)]
struct OfList {
    added: Vec<(KeyCredential, CertificateFacts)>,
    removed: BTreeSet<KeyId>,
}

impl Written {
    fn of(&self, application: ObjectId) -> OfList {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&application).cloned().unwrap_or_default()
    }

    fn note(&self, application: ObjectId, added: Option<(KeyCredential, CertificateFacts)>, removed: &[KeyId]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let list = all.entry(application).or_default();
        if let Some((entry, facts)) = added {
            list.added.retain(|(known, _)| known.key_id != entry.key_id);
            list.added.push((entry, facts));
        }
        list.added.retain(|(known, _)| !removed.contains(&known.key_id));
        list.removed.extend(removed);
    }
}

/// What has become of a list of certificates.
#[derive(Default)]
struct Edited {
    /// The id of the added one, once it is seen.
    added: Option<KeyId>,
    /// Which of those to remove were there.
    seen: BTreeSet<KeyId>,
    /// Which of them were there still when it was looked last.
    left: Vec<KeyId>,
}

/// What is to be done about a list of certificates, as it was read.
enum Next {
    /// It is as it should be; the id of what was added.
    Right(Option<KeyId>),
    /// This list is to be written.
    Write(Vec<KeyCredential>),
    /// It was read from a directory that lags: written now, it would lose one that is needed.
    Lags,
}

fn next(
    there: &[KeyCredential],
    stays: Option<Stays<'_>>,
    remove: &[KeyId],
    (written, is_first): (&OfList, bool),
) -> Next {
    let goes = |id: &KeyId| remove.contains(id) || written.removed.contains(id);
    let mut wanted: Vec<KeyCredential> = there.iter().filter(|one| !goes(&one.key_id)).cloned().collect();
    for one in &mut wanted {
        one.key = None;
    }
    let is_shown = |facts: &CertificateFacts| there.iter().find(|one| is_of(facts, &Registered::from(*one)));
    let unseen = written.added.iter().filter(|(entry, facts)| !goes(&entry.key_id) && is_shown(facts).is_none());
    let unseen: Vec<KeyCredential> = unseen.map(|(entry, _)| entry.clone()).collect();
    // What was added a moment ago may be there without being shown: only a list without it removes it for sure.
    let is_hidden = |(entry, facts): &(KeyCredential, CertificateFacts)| {
        remove.contains(&entry.key_id) && is_shown(facts).is_none()
    };
    let is_whole =
        wanted.len() == there.len() && unseen.is_empty() && !(is_first && written.added.iter().any(is_hidden));
    wanted.extend(unseen);
    match stays {
        Some(Stays::Fresh(fresh)) => match is_shown(&fresh.facts) {
            None if wanted.iter().any(|one| one.key.is_some() && one.key == fresh.entry.key) => {}
            None => wanted.push(fresh.entry.clone()),
            Some(found) if is_whole => return Next::Right(Some(found.key_id)),
            Some(_) => {}
        },
        _ if is_whole => return Next::Right(None),
        Some(Stays::Shown(id)) if !wanted.iter().any(|one| one.key_id == id) => return Next::Lags,
        _ => {}
    }
    Next::Write(wanted)
}

/// Adds one certificate and removes others.
async fn edit(
    administrator: &Administrator,
    application: ObjectId,
    stays: Option<Stays<'_>>,
    remove: &[KeyId],
) -> Result<Edited, ClientError> {
    let graph = &administrator.graph;
    let written = administrator.certificates.of(application);
    let (mut refused, mut edited, mut is_first) = (None, Edited::default(), true);
    for wait in WAITS {
        if wait > 0 {
            administrator.http.sleep(Duration::from_secs(wait)).await;
        }
        let there = graph.key_credentials(application).await?;
        edited.left = there.iter().map(|one| one.key_id).filter(|id| remove.contains(id)).collect();
        edited.seen.extend(edited.left.iter().copied());
        let wanted = match next(&there, stays, remove, (&written, is_first)) {
            Next::Right(added) => {
                edited.added = added;
                refused = None;
                break;
            }
            Next::Lags => continue,
            Next::Write(wanted) => wanted,
        };
        let changes = ApplicationWrite { key_credentials: Some(wanted), ..ApplicationWrite::default() };
        match graph.update_application(application, &changes).await {
            Ok(()) => {
                refused = None;
                is_first = false;
            }
            Err(error) if is_conflict(&error) => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    // Else written each time and never seen: a directory that lags. Of one that was added the sign-in will tell.
    if let Some(refused) = refused {
        return Err(refused);
    }
    let added = match stays {
        Some(Stays::Fresh(fresh)) => {
            let key_id = edited.added.unwrap_or(fresh.entry.key_id);
            Some((KeyCredential { key_id, ..fresh.entry.clone() }, fresh.facts.clone()))
        }
        _ => None,
    };
    administrator.certificates.note(application, added, if is_first { &[] } else { remove });
    Ok(edited)
}

/// Somebody else has changed the list between reading and writing.
fn is_conflict(error: &ClientError) -> bool {
    error.graph().is_some_and(|refusal| {
        matches!(refusal.status, 409 | 412) || (refusal.status == 400 && refusal.message.contains("keyCredentials"))
    })
}

/// Graph answers an unknown key id with 400 and this text.
fn is_gone(error: &ClientError) -> bool {
    error.graph().is_some_and(|refusal| {
        refusal.status == 404
            || (refusal.status == 400 && refusal.message.starts_with("No password credential found with keyId"))
    })
}

#[cfg(test)]
mod tests {
    use keyholder_foundation::Timestamp;

    use super::*;
    use crate::certificate::make;

    #[test]
    fn a_list_that_does_not_show_what_stays_is_not_written() {
        let now = Timestamp::parse("2026-05-25T10:00:00Z").unwrap();
        let fresh = || make("a", "a label".to_owned(), now, Duration::from_secs(3600)).unwrap();
        let (old, new, anothers) = (fresh(), fresh(), fresh());
        let (old_id, new_id) = (old.entry.key_id, new.entry.key_id);
        let ids = |all: &[KeyCredential]| all.iter().map(|one| one.key_id).collect::<Vec<_>>();
        let nothing = OfList::default();
        let next = |there: &[KeyCredential], stays, remove: &[KeyId]| next(there, stays, remove, (&nothing, true));
        let lagging = [old.entry.clone(), anothers.entry.clone()];
        let held = Some(Stays::Shown(new_id));
        assert!(matches!(next(&lagging, held, &[old_id]), Next::Lags));
        assert!(matches!(next(&lagging, held, &[]), Next::Right(None)), "nothing is to be written");
        let whole = [old.entry, anothers.entry.clone(), new.entry.clone()];
        for stays in [held, Some(Stays::Fresh(&new))] {
            let Next::Write(wanted) = next(&whole, stays, &[old_id]) else { panic!("one goes") };
            assert_eq!(ids(&wanted), [anothers.entry.key_id, new_id]);
            assert!(wanted.iter().all(|one| one.key.is_none()), "the directory knows them");
        }
        let Next::Write(wanted) = next(&lagging, Some(Stays::Fresh(&new)), &[old_id]) else { panic!("one goes") };
        assert_eq!(ids(&wanted), [anothers.entry.key_id, new_id]);
        assert!(wanted.iter().any(|one| one.key_id == new_id && one.key.is_some()), "it is written once more");
    }
}
