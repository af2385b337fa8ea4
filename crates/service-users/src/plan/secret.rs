//! The client secret: the one thing that exists in two places and can be lost between them.
//!
//! A secret is made in the directory and its text told once; then it has to reach the sink. A run
//! killed in between leaves a secret that nobody knows. So each secret of ours says in its display
//! name where its text was going: the next plan makes a new one, and when that is written and proved,
//! those that bear the same label are removed. Those of other sinks (the same application on
//! another machine) and of other people are never touched.

use std::time::Duration;

use keyholder_entra::graph::{Application, PasswordCredential};
use keyholder_foundation::{ClientId, KeyId};

use super::registration::{id, principal_id};
use super::{Action, Change, Draft, Finding, Mark, Place};
use crate::declaration::{ApplicationUser, Credential, Stance};
use crate::observe::{HeldKey, KeySeen};
use crate::report::Step;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A secret that works for less than this is told of.
const SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Whether a secret on a registration was made for one of a user's sinks, perhaps on another machine.
pub(super) fn explains(draft: &Draft<'_>, name: &str, credential: &PasswordCredential) -> bool {
    let mut own = draft.seen.keys.iter().filter(|((user, _), _)| user == name);
    own.any(|(_, seen)| seen.labels.explain(credential))
}

/// Whether one of a user's sinks holds a key of that application.
pub(super) fn holds_key_of(draft: &Draft<'_>, name: &str, client_id: ClientId) -> bool {
    let mut own = draft.seen.keys.iter().filter(|((user, _), _)| user == name);
    own.any(|(_, seen)| matches!(&seen.kept, KeySeen::Key(key) if key.client_id == client_id))
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
            Credential::Certificate { .. } => {
                draft.findings.push(Finding::not_made_yet(name, "a certificate"));
                continue;
            }
            Credential::Federated(_) => continue,
        };
        if let Some(most) = policies.longest_lifetime.filter(|most| lifetime > *most) {
            let days = |duration: Duration| duration.as_secs() / DAY.as_secs();
            draft.findings.push(Finding::long_lifetime(name, days(lifetime), days(most)));
        }
    }
}

/// Why the key in the sink cannot be used any more; nothing when it can.
fn why_useless(draft: &Draft<'_>, application: &Application, key: &HeldKey) -> Option<String> {
    if key.client_id != application.app_id {
        return Some(format!("the old key was another application's ({})", key.client_id));
    }
    if let Some(expired) = key.expires.filter(|expires| *expires <= draft.seen.now) {
        return Some(format!("the old secret expired on {}", expired.date()));
    }
    key.refused.as_ref().map(|code| format!("the old secret was refused ({code})"))
}

pub(super) fn plan(
    draft: &mut Draft<'_>,
    (name, _): (&str, &ApplicationUser),
    (number, lifetime): (usize, Duration),
    application: Option<&Application>,
    place: &Place,
) {
    let (Some(seen), Place::Tenant(tenant)) = (draft.seen.keys.get(&(name.to_owned(), number)), place) else { return };
    let change = Change::new(
        format!("secret:{name}:{number}"),
        Step::ClientSecret,
        name,
        place.clone(),
        format!("client secret in `{}`", seen.labels.place()),
    )
    .fact("place", &seen.labels.place())
    .after([id("registration", name), principal_id(name, tenant)]);
    // A key that is useless is still the one that the place holds.
    let held = match &seen.kept {
        KeySeen::Key(key) => key.key_id,
        KeySeen::Nothing | KeySeen::Unusable(_) => None,
    };
    let secrets = || application.into_iter().flat_map(|application| &application.password_credentials);
    let ours: Vec<KeyId> =
        secrets().filter(|secret| seen.labels.is_own(secret, held)).map(|secret| secret.key_id).collect();
    let is_elsewhere = |secret: &&PasswordCredential| {
        Some(secret.key_id) != held && seen.labels.explain(secret) && !seen.labels.is_own(secret, held)
    };
    let elsewhere = secrets().filter(is_elsewhere).count();
    let make = |reason: Option<String>| {
        let change = match reason {
            Some(reason) => change.clone().because(reason),
            None => change.clone(),
        };
        let made =
            Action::MakeSecret { credential: number, lifetime_seconds: lifetime.as_secs(), replaces: ours.clone() };
        change.to(Mark::Make, made)
    };
    let change = match (&seen.kept, application) {
        (KeySeen::Nothing, _) => make(None),
        (KeySeen::Unusable(reason), _) => make(Some(format!("the old key could not be read: {reason}"))),
        (KeySeen::Key(key), None) => make(Some(format!("the old key was another application's ({})", key.client_id))),
        (KeySeen::Key(key), Some(application)) => match why_useless(draft, application, key) {
            Some(reason) => make(Some(reason)),
            None => {
                if let Some(soon) = key.expires.filter(|expires| *expires <= draft.seen.now.plus(SOON)) {
                    draft.findings.push(Finding::expires_soon(name, seen.labels.place(), &soon.date()));
                }
                keep(change.clone(), key, number, &ours)
            }
        },
    };
    draft.changes.push(match elsewhere {
        0 => change,
        some => change.because(format!(
            "{some} other secret(s) bear the name of a file at this path; if none of another machine's or container's \
             is in use, remove them in the registration"
        )),
    });
}

/// A key that works: written again only where the address around it is out of date.
fn keep(mut change: Change, key: &HeldKey, number: usize, ours: &[KeyId]) -> Change {
    if key.is_outdated {
        change = change.because("the address beside the secret was brought up to date");
    }
    if key.is_exposed {
        change = change.because("others could read the file; it is private again");
    }
    // When the current secret's id is not known, none can be told to be an orphan.
    let orphans: Vec<KeyId> =
        ours.iter().filter(|id| key.key_id.is_some_and(|current| current != **id)).copied().collect();
    if let Some(id) = key.key_id {
        change = change.fact("secretId", &id);
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
