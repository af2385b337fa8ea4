//! The client secret or certificate: the one thing that exists in two places and can be lost between them.
//!
//! A secret is made in the directory and its text told once; then it has to reach the sink. The key of a
//! certificate is made here, the directory gets the certificate, the sink both. A run
//! killed in between leaves a secret that nobody knows. So each credential of ours says in its display
//! name where it was going: the next plan makes a new one, and when that is written and proved,
//! those that bear the same label are removed. Those of other sinks (the same application on
//! another machine) and of other people are never touched.

use std::time::Duration;

use keyholder_entra::graph::Application;
use keyholder_foundation::{ClientId, KeyId};

use super::registration::{id, principal_id};
use super::{Action, Change, Draft, Finding, Mark, Place};
use crate::declaration::{ApplicationUser, Credential, Sink, Stance};
use crate::kept::{self, KeyKind, Registered};
use crate::marks::Labels;
use crate::observe::{DirectorySeen, HeldKey, KeySeen};
use crate::report::Step;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A credential that works for less than this is told of.
const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Whether what stands on a registration was made for one of a user's own sinks.
///
/// A label of a file has an id that only the place knows and the directory. That of another place can be made up
/// by whoever knows its address or the command line, so it says nothing of a registration that is not known otherwise.
pub(super) fn explains(
    draft: &Draft<'_>,
    (name, user): (&str, &ApplicationUser),
    credential: &Registered<'_>,
    is_known: bool,
) -> bool {
    let mut own = draft.seen.keys.iter().filter(|((of, _), _)| of == name);
    own.any(|((_, number), seen)| {
        (is_known || sink(user, *number).is_some_and(|sink| sink.file().is_some()))
            && seen.labels.is_own(credential, held_id(&seen.kept))
    })
}

/// Where a credential goes.
fn sink(user: &ApplicationUser, number: usize) -> Option<&Sink> {
    match user.credentials.get(number) {
        Some(Credential::Secret { sink, .. } | Credential::Certificate { sink, .. }) => Some(sink),
        Some(Credential::Federated(_)) | None => None,
    }
}

/// Whether what a sink was given can be read there again.
fn is_read(user: &ApplicationUser, number: usize) -> bool {
    sink(user, number).is_some_and(Sink::gives_back)
}

/// The id of the key that a sink holds; a key that is useless is still the one that the place holds.
fn held_id(kept: &KeySeen) -> Option<KeyId> {
    match kept {
        KeySeen::Key(key) => key.key_id,
        _ => None,
    }
}

/// The id of the change that makes or keeps a credential.
pub(crate) fn key_change(kind: KeyKind, user: &str, number: usize) -> String {
    match kind {
        KeyKind::Secret => format!("secret:{user}:{number}"),
        KeyKind::Certificate => format!("certificate:{user}:{number}"),
    }
}

/// Whether one of a user's sinks holds a key of that application that works, as far as was tried.
pub(super) fn holds_key_of(draft: &Draft<'_>, (name, user): (&str, &ApplicationUser), client_id: ClientId) -> bool {
    let mut own = draft.seen.keys.iter().filter(|((of, number), _)| of == name && is_read(user, *number));
    own.any(|(_, seen)| matches!(&seen.kept, KeySeen::Key(key) if key.client_id == client_id && key.refused.is_none()))
}

/// What stands in a user's sinks in the way of its keys.
pub(super) fn check_sinks(draft: &mut Draft<'_>, name: &str) {
    let own = draft.seen.keys.iter().filter(|((user, _), _)| user == name);
    for (_, seen) in own {
        match &seen.kept {
            KeySeen::Stopped(finding) => draft.findings.push((**finding).clone()),
            KeySeen::Key(HeldKey { barred: Some(finding), .. }) => draft.findings.push((**finding).clone()),
            _ => {}
        }
    }
}

/// What other machines' runs are about to bring to the places for which something has to be made.
pub(super) fn check_rivals(draft: &mut Draft<'_>, name: &str, user: &ApplicationUser) {
    for (number, credential) in user.credentials.iter().enumerate() {
        let kind = match credential {
            Credential::Secret { .. } => KeyKind::Secret,
            Credential::Certificate { .. } => KeyKind::Certificate,
            Credential::Federated(_) => continue,
        };
        let Some(seen) = draft.seen.keys.get(&(name.to_owned(), number)) else { continue };
        let is_made = why_made(draft, kind, &seen.kept).is_some();
        // Where nothing is there yet both may come: what is left is not revoked.
        let is_empty = seen.kept == KeySeen::Nothing;
        if let Some(rival) = seen.rivals.first().filter(|_| is_made && !is_empty) {
            let about = (rival.kind, rival.key_id, rival.starts);
            draft.findings.push(Finding::on_its_way(name, seen.labels.place(), about));
        }
    }
}

/// What the declaration's policies say about a user's credentials.
pub(super) fn check_policies(draft: &mut Draft<'_>, name: &str, user: &ApplicationUser) {
    let policies = &draft.declaration.policies;
    for credential in &user.credentials {
        let lifetime = match credential {
            Credential::Secret { lifetime, .. } => {
                match policies.secrets {
                    Stance::Allow => {}
                    Stance::Warn => draft.findings.push(Finding::discouraged_secret(name)),
                    Stance::Refuse => draft.findings.push(Finding::forbidden_secret(name)),
                }
                *lifetime
            }
            Credential::Certificate { lifetime, .. } => *lifetime,
            Credential::Federated(_) => continue,
        };
        if let Some(most) = policies.longest_lifetime.filter(|most| lifetime > *most) {
            let days = |duration: Duration| duration.as_secs() / DAY.as_secs();
            draft.findings.push(Finding::long_lifetime(name, days(lifetime), days(most)));
        }
    }
}

/// What the tenant's administrators say about a user's credentials: what would be made now stops, what would
/// be refused when it has to be renewed is warned of.
pub(super) fn check_rules(
    draft: &mut Draft<'_>,
    name: &str,
    user: &ApplicationUser,
    application: Option<&Application>,
    directory: &DirectorySeen,
) {
    for (number, credential) in user.credentials.iter().enumerate() {
        let (kind, lifetime) = match credential {
            Credential::Secret { lifetime, .. } => (KeyKind::Secret, *lifetime),
            Credential::Certificate { lifetime, .. } => (KeyKind::Certificate, *lifetime),
            Credential::Federated(_) => continue,
        };
        let Some(seen) = draft.seen.keys.get(&(name.to_owned(), number)) else { continue };
        let is_made = why_made(draft, kind, &seen.kept).is_some();
        if let Some(offence) = directory.rules.offence(application, kind, lifetime) {
            draft.findings.push(Finding::against_rules(name, kind, lifetime, &offence, is_made));
        } else if let (true, Some(reason)) = (is_made, &directory.rules.unreadable)
            && !draft.findings.iter().any(|finding| finding.code == "policiesNotRead")
        {
            draft.findings.push(Finding::rules_unreadable(reason));
        }
    }
}

/// Whether a new credential has to be made, and why, where there is a reason to give.
fn why_made(draft: &Draft<'_>, kind: KeyKind, kept: &KeySeen) -> Option<Option<String>> {
    match kept {
        KeySeen::Nothing => Some(None),
        KeySeen::Unusable(reason) => Some(Some(format!("the old key could not be read: {reason}"))),
        KeySeen::Anothers(client_id) => Some(Some(format!("the old key was another application's ({client_id})"))),
        KeySeen::Undelivered => {
            let reason = "an earlier run ended before it was known whether the last one had been taken";
            Some(Some(reason.to_owned()))
        }
        KeySeen::Key(key) => why_useless(draft, kind, key).map(Some),
        // It was said.
        KeySeen::Stopped(_) => None,
    }
}

/// Why the key in the sink cannot be used any more; nothing when it can.
fn why_useless(draft: &Draft<'_>, kind: KeyKind, key: &HeldKey) -> Option<String> {
    let noun = if key.kind == KeyKind::Secret { "secret" } else { "certificate" };
    if key.kind != kind {
        return Some(format!("there was a {} where a {} is declared", key.kind.noun(), kind.noun()));
    }
    if let Some(expired) = key.expires.filter(|expires| *expires <= draft.seen.now) {
        return Some(format!("the old {noun} expired on {}", expired.date()));
    }
    key.refused.as_ref().map(|code| format!("the old {noun} was refused ({code})"))
}

pub(super) fn plan(
    draft: &mut Draft<'_>,
    (name, user): (&str, &ApplicationUser),
    (number, kind, lifetime): (usize, KeyKind, Duration),
    application: Option<&Application>,
    place: &Place,
) {
    let (Some(seen), Place::Tenant(tenant)) = (draft.seen.keys.get(&(name.to_owned(), number)), place) else { return };
    let sink = sink(user, number);
    let step = match kind {
        KeyKind::Secret => Step::ClientSecret,
        KeyKind::Certificate => Step::Certificate,
    };
    let subject = format!("{} in `{}`", kind.noun(), seen.labels.place());
    let change = Change::new(key_change(kind, name, number), step, name, place.clone(), subject)
        .fact("place", &seen.labels.place())
        // A saved plan binds where it goes: of a program, the place is the name alone.
        .fact("sink", &sink.map(Sink::in_words).unwrap_or_default())
        .after([id("registration", name), principal_id(name, tenant)]);
    let held = held_id(&seen.kept);
    let all = || application.into_iter().flat_map(kept::of);
    let ours: Vec<KeyId> =
        all().filter(|credential| seen.labels.is_own(credential, held)).map(|credential| credential.key_id).collect();
    let is_elsewhere = |credential: &Registered<'_>| {
        Some(credential.key_id) != held && seen.labels.explain(credential) && !seen.labels.is_own(credential, held)
    };
    let elsewhere = all().filter(is_elsewhere).count();
    let is_coming = |id: &KeyId| seen.rivals.iter().any(|rival| rival.key_id == *id);
    let leaving = |change: Change, coming: &[KeyId]| {
        coming.iter().fold(change, |change, id| {
            change.because(format!("{id} is new: another run may be about to bring it there, so that it is left"))
        })
    };
    let make = |reason: Option<String>| {
        let change = match reason {
            Some(reason) => change.clone().because(reason),
            None => change.clone(),
        };
        let (coming, ours): (Vec<KeyId>, Vec<KeyId>) = ours.iter().copied().partition(is_coming);
        let change = leaving(change, &coming);
        let change = match sink {
            Some(sink @ (Sink::Command(_) | Sink::ManifestCommand { .. })) => {
                change.because(format!("it goes to {}", sink.in_words()))
            }
            _ => change,
        };
        let (credential, lifetime_seconds, replaces) = (number, lifetime.as_secs(), ours);
        let over = match &seen.kept {
            KeySeen::Anothers(client_id) => Some(*client_id),
            _ => None,
        };
        let made = match kind {
            KeyKind::Secret => Action::MakeSecret { credential, lifetime_seconds, replaces, over },
            KeyKind::Certificate => Action::MakeCertificate { credential, lifetime_seconds, replaces, over },
        };
        change.to(Mark::Make, made)
    };
    let change = match (why_made(draft, kind, &seen.kept), &seen.kept) {
        (Some(reason), _) => make(reason),
        (None, KeySeen::Key(key)) => {
            if let Some(soon) = key.expires.filter(|expires| *expires <= draft.seen.now.plus(SOON)) {
                let finding = Finding::expires_soon(name, kind.noun(), seen.labels.place(), &soon.date());
                draft.findings.push(finding);
            }
            // What an overlapping rotation has left working is not an orphan: `rotate` ends it.
            let in_directory = all().find(|one| Some(one.key_id) == held);
            let label = in_directory.and_then(|one| one.name);
            let (overlapping, orphans): (Vec<KeyId>, Vec<KeyId>) =
                ours.iter().partition(|id| Labels::replaces(label, **id));
            // What the held one replaces is not known while the directory does not show that.
            let orphans = if in_directory.is_some() { orphans } else { Vec::new() };
            let (coming, orphans): (Vec<KeyId>, Vec<KeyId>) = orphans.into_iter().partition(is_coming);
            let change = leaving(change.clone(), &coming);
            let change = overlapping.iter().filter(|id| Some(**id) != held).fold(change, |change, id| {
                change.because(format!("{id}, which it replaces, still works: `keyholder rotate` revokes it"))
            });
            keep(change, key, number, &orphans)
        }
        (None, _) => return,
    };
    draft.changes.push(match elsewhere {
        0 => change,
        // It was said of the registration; here it tells that they are not among those that are replaced.
        _ if !change.is_change() => change,
        some => change.because(format!(
            "{some} other {} bear the name of a file at this path; if none of another machine's or container's \
             is in use, remove them in the registration",
            match kind {
                KeyKind::Secret => "secret(s)",
                KeyKind::Certificate => "secret(s) or certificate(s)",
            }
        )),
    });
}

/// A key that works: written again only where the address around it is out of date.
fn keep(mut change: Change, key: &HeldKey, number: usize, ours: &[KeyId]) -> Change {
    if key.is_outdated {
        change = change.because("the address beside it was brought up to date");
    }
    if key.is_exposed {
        change = change.because("others could read the file; it is private again");
    }
    // When the current one's id is not known, none can be told to be an orphan.
    let orphans: Vec<KeyId> =
        ours.iter().filter(|id| key.key_id.is_some_and(|current| current != **id)).copied().collect();
    if let Some(id) = key.key_id {
        change = change.fact(key.kind.fact(), &id);
    }
    if let Some(expires) = key.expires {
        change = change.fact("expires", &expires);
    }
    let rewrite = key.is_outdated || key.is_exposed;
    if rewrite || !orphans.is_empty() {
        change.to(Mark::Change, Action::RewriteKey { credential: number, rewrite, removes: orphans })
    } else {
        match key.expires {
            Some(expires) => change.because(format!("expires on {}", expires.date())),
            None => change,
        }
    }
}
