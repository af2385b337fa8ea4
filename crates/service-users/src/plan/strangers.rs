//! Who else gets in as a registration: by credentials that do not come from here, or as an owner, who can
//! give it credentials at any time.
//!
//! Anybody who may register applications can make one of our name with our mark and a secret of their own,
//! and wait for an administrator to give it a user and a role. Tags, labels and descriptions can be copied,
//! so they prove nothing of a registration that is met for the first time: what it has must be what is
//! declared, or be named by a sink that keeps an id of its own place. Who knows better names the
//! registration by its id.

use keyholder_client::graph::Owner;
use keyholder_entra::graph::{Application, FederatedIdentityCredential};
use keyholder_foundation::ClientId;

use super::{Draft, Finding, Severity, secret};
use crate::declaration::{ApplicationUser, Credential, Federation};
use crate::kept::{self, KeyKind, Registered};
use crate::marks::{Labels, federation_description};
use crate::observe::DirectorySeen;

/// How a declared user comes to its registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// By name and mark alone; using it would give it what it has not.
    New,
    /// By name and mark, and it has its users with all roles, which a registration that only looks like ours has not; but
    /// somebody has disabled one, and letting it in again lets in whoever has a credential.
    Disabled,
    /// By name and mark, and it is used already: a sink holds a key of it, or its users have all roles.
    InUse,
    /// The declaration names it by its id.
    Named,
}

/// Says who else gets in as this registration; whether it may be used all the same.
pub(super) fn check(
    draft: &mut Draft<'_>,
    (name, user): (&str, &ApplicationUser),
    application: &Application,
    directory: &DirectorySeen,
    tenants: &[&str],
) -> bool {
    let standing = standing(draft, name, user, application.app_id);
    let severity = match standing {
        Standing::New | Standing::Disabled => Severity::Stop,
        Standing::InUse => Severity::Warning,
        Standing::Named => Severity::Note,
    };
    let named = application.display_name.as_deref().unwrap_or(&user.name);
    let (credentials, elsewhere) = credentials(draft, (name, user), application, directory, (tenants, standing));
    let mut is_free = true;
    if !elsewhere.is_empty() {
        draft.findings.push(Finding::of_other_places(name, (named, application.app_id), &elsewhere));
    }
    if !credentials.is_empty() {
        let finding = Finding::unexplained_credentials(severity, name, (named, application.app_id), &credentials);
        draft.findings.push(finding);
        is_free = severity != Severity::Stop;
    }
    // Whose registration it is was known to who named it.
    let owners = if standing == Standing::Named { Vec::new() } else { owners(application, directory) };
    if !owners.is_empty() {
        let severity = if standing == Standing::New { Severity::Stop } else { Severity::Note };
        draft.findings.push(Finding::other_owners(severity, name, (named, application.app_id), &owners));
        is_free = is_free && severity != Severity::Stop;
    }
    is_free
}

fn standing(draft: &Draft<'_>, name: &str, user: &ApplicationUser, client_id: ClientId) -> Standing {
    if user.client_id.is_some() {
        Standing::Named
    } else if secret::holds_key_of(draft, (name, user), client_id) {
        Standing::InUse
    } else {
        by_its_users(draft, user, client_id)
    }
}

/// Whether roles would be given, or a user let in again: in each org that could be read the application may have its user,
/// with all declared roles.
fn by_its_users(draft: &Draft<'_>, user: &ApplicationUser, client_id: ClientId) -> Standing {
    let orgs = user.orgs.iter().filter_map(|org| draft.seen.orgs.get(org)?.as_ref().ok());
    let roles = || user.roles.iter().filter_map(|role| draft.declaration.roles.get(role));
    let mut standing = Standing::New;
    for there in orgs {
        let Some(found) = there.user(client_id) else { return Standing::New };
        let held = found.roles.iter().filter_map(|held| there.role(*held));
        let held: Vec<String> = held.map(|role| role.name.to_lowercase()).collect();
        if !roles().all(|role| held.contains(&role.name.to_lowercase())) {
            return Standing::New;
        }
        standing = match (found.is_disabled, standing) {
            (true, _) | (_, Standing::Disabled) => Standing::Disabled,
            _ => Standing::InUse,
        };
    }
    standing
}

/// The federated credentials that all entries of one registration declare.
pub(super) fn declared_federations<'a>(
    draft: &Draft<'a>,
    application: &Application,
) -> impl Iterator<Item = &'a Federation> {
    let (id, named) = (application.app_id, application.display_name.clone());
    let is_of = move |user: &&ApplicationUser| match user.client_id {
        Some(client_id) => client_id == id,
        None => Some(&user.name) == named.as_ref(),
    };
    let users = draft.declaration.application_users.values().filter(is_of);
    users.flat_map(|user| &user.credentials).filter_map(|credential| match credential {
        Credential::Federated(wanted) => Some(wanted),
        Credential::Secret { .. } | Credential::Certificate { .. } => None,
    })
}

/// Whether this declaration made a federated credential, by what its description says.
pub(super) fn is_own(draft: &Draft<'_>, one: &FederatedIdentityCredential) -> bool {
    let declaration = draft.declaration.name.as_deref();
    declaration.is_some() && one.description.as_deref() == Some(&federation_description(declaration))
}

/// Whether a run from here was stopped that had begun to give this application a key for a program.
fn is_begun(draft: &Draft<'_>, client_id: ClientId, tenants: &[&str]) -> bool {
    tenants.iter().any(|tenant| draft.seen.begun.get(*tenant).is_some_and(|begun| begun.contains(&client_id)))
}

/// Whether the label of a key names a declared place of another machine: that of this one has another id beside it.
fn is_of_declared_path(draft: &Draft<'_>, key: &Registered<'_>) -> bool {
    key.name.and_then(Labels::parse).is_some() && draft.seen.keys.values().any(|seen| seen.labels.explain(key))
}

/// Whether the label of a key names a place of another machine or container, or one that is gone: nothing on this
/// machine is the place that it names.
fn is_of_another_place(draft: &Draft<'_>, application: &Application, key: &Registered<'_>) -> bool {
    let Some((_, place)) = key.name.and_then(Labels::parse) else { return false };
    if is_of_declared_path(draft, key) {
        return true;
    }
    let left = draft.seen.left.get(&application.id).into_iter().flatten();
    !left.filter(|left| left.place == place).any(|left| left.file.is_some())
}

/// The credentials that nothing here explains; and, of an application in use, those that other places have.
fn credentials(
    draft: &Draft<'_>,
    (name, user): (&str, &ApplicationUser),
    application: &Application,
    directory: &DirectorySeen,
    (tenants, standing): (&[&str], Standing),
) -> (Vec<String>, Vec<String>) {
    let is_known = standing != Standing::New;
    let is_own_key = is_known || is_begun(draft, application.app_id, tenants);
    let shown = |credential: Registered<'_>| {
        let kind = match credential.kind {
            KeyKind::Secret => "secret",
            KeyKind::Certificate => "certificate",
        };
        let label = credential.name.map(|label| format!(" (`{label}`)")).unwrap_or_default();
        format!("{kind} {}{label}", credential.key_id)
    };
    let strange = kept::of(application).filter(|key| !secret::explains(draft, (name, user), key, is_own_key));
    let (elsewhere, keys): (Vec<_>, Vec<_>) = strange.partition(|key| match standing {
        Standing::New => false,
        // Who is let in again is told of, but for what is made for the declared place.
        Standing::Disabled => is_of_declared_path(draft, key),
        Standing::InUse | Standing::Named => is_of_another_place(draft, application, key),
    });
    let keys = keys.into_iter().map(shown);
    // What is its own comes from nowhere here: only registrations are given credentials.
    let here = tenants.iter().filter_map(|tenant| draft.seen.directories.get(*tenant)?.as_ref().ok());
    let principals = here.filter_map(|directory| directory.principal(application.app_id));
    let keys_of_principals = principals.flat_map(|principal| {
        let secrets = principal.password_credentials.iter().map(Registered::from);
        secrets.chain(principal.key_credentials.iter().map(Registered::from))
    });
    let keys_of_principals = keys_of_principals.map(|key| format!("{} of the service principal", shown(key)));
    let is_declared = |one: &FederatedIdentityCredential| {
        let same = |wanted: &Federation| wanted.issuer == one.issuer && wanted.subject == one.subject;
        // One of a declared name is changed to what is declared, and one's own that is not is removed.
        let is_ours = |wanted: &Federation| same(wanted) || (is_known && wanted.name == one.name);
        declared_federations(draft, application).any(is_ours) || (is_known && is_own(draft, one))
    };
    let federated = directory.federations.get(&application.id).into_iter().flatten();
    let federated = federated
        .filter(|one| !is_declared(one))
        .map(|one| format!("federated credential `{}` ({} of {})", one.name, one.subject, one.issuer));
    (keys.chain(keys_of_principals).chain(federated).collect(), elsewhere.into_iter().map(shown).collect())
}

/// Those who own the registration or its service principal, but for whoever asks.
fn owners(application: &Application, directory: &DirectorySeen) -> Vec<String> {
    let of = |id| directory.owners.get(&id).into_iter().flatten();
    let principal = directory.principal(application.app_id).map(|principal| principal.id);
    let mut strange: Vec<&Owner> = Vec::new();
    for owner in of(application.id).chain(principal.into_iter().flat_map(of)) {
        if Some(owner.id) != directory.caller && !strange.iter().any(|known| known.id == owner.id) {
            strange.push(owner);
        }
    }
    let shown = |owner: &&Owner| match owner.user_principal_name.as_ref().or(owner.display_name.as_ref()) {
        Some(name) => format!("`{name}` ({})", owner.id),
        None => owner.id.to_string(),
    };
    strange.iter().map(shown).collect()
}
