//! The directory's side of an application user: registration, API permission, service principals,
//! consent, federated credentials.

use keyholder_client::ErrorKind;
use keyholder_entra::graph::{AccessKind, Application, FederatedIdentityCredential, ResourceAccess};
use keyholder_entra::well_known::{DYNAMICS_CRM, DYNAMICS_CRM_USER_IMPERSONATION, USER_IMPERSONATION};
use keyholder_foundation::ClientId;

use super::{Action, Change, Draft, FederationWrite, Finding, Known, Mark, Place, Severity, secret, strangers};
use crate::declaration::{ApplicationUser, Credential, Federation};
use crate::kept::KeyKind;
use crate::marks::{self, declaration_of, declaration_tag, is_marked, is_ours};
use crate::observe::{DirectorySeen, KeySeen};
use crate::report::Step;

/// The tag by which the portals list a principal under "Enterprise applications".
pub(crate) const LISTED: &str = "WindowsAzureActiveDirectoryIntegratedApp";

const UNNEEDED: &str = "server-to-server does not need it: the application user's roles decide";
const KEPT: &str = "Keyholder did not make it and will not remove it";

/// The registration that a declared user means.
pub(crate) enum Found<'a> {
    /// There is none yet.
    Nothing,
    /// This one.
    Registration(&'a Application),
    /// Another tenant's: here is only, or shall be, a service principal.
    Abroad(ClientId),
}

/// Finds it by client id, or else by name and mark; never guesses.
pub(crate) fn find<'a>(
    name: &str,
    user: &ApplicationUser,
    declaration: Option<&str>,
    directory: &'a DirectorySeen,
) -> Result<Found<'a>, Box<Finding>> {
    if let Some(client_id) = user.client_id {
        let found = directory.registrations.iter().find(|application| application.app_id == client_id);
        return match found {
            Some(application) => Ok(Found::Registration(application)),
            // Consent has made a service principal here already, or the declaration knows that it is somebody
            // else's; a mistyped id is neither.
            None if user.multi_tenant || directory.principal(client_id).is_some() => Ok(Found::Abroad(client_id)),
            None => Err(Box::new(Finding::no_such_registration(name, client_id))),
        };
    }
    // The directory compares without case; another spelling is another name.
    let named = |application: &&Application| application.display_name.as_deref() == Some(&user.name);
    let named: Vec<&Application> = directory.registrations.iter().filter(named).collect();
    match named.as_slice() {
        [] => Ok(Found::Nothing),
        [one] if !is_ours(one) => Err(Box::new(Finding::foreign_registration(name, &user.name, one.app_id))),
        [one] => match declaration_of(one) {
            Some(other) if declaration.map(declaration_tag) != Some(format!("{}:{other}", marks::TAG)) => {
                Err(Box::new(Finding::other_declarations_registration(name, &user.name, one.app_id, other)))
            }
            _ => Ok(Found::Registration(one)),
        },
        several => {
            let ids: Vec<ClientId> = several.iter().map(|application| application.app_id).collect();
            Err(Box::new(Finding::several_registrations(name, &user.name, &ids)))
        }
    }
}

/// The change of a user's registration.
pub(crate) fn registration_id(user: &str) -> String {
    id("registration", user)
}

/// The ids of changes in the directory.
pub(super) fn id(what: &str, user: &str) -> String {
    format!("{what}:{user}")
}

/// A service principal's change; one for each tenant.
pub(crate) fn principal_id(user: &str, tenant: &str) -> String {
    format!("principal:{user}:{tenant}")
}

/// What the directory needs; nothing when this user must be left alone.
pub(super) fn plan(draft: &mut Draft<'_>, name: &str, user: &ApplicationUser) -> Option<Known> {
    let tenants = draft.tenants_of(user);
    let stop = |draft: &mut Draft<'_>, finding: Finding| {
        draft.findings.push(finding);
        None
    };
    let Some(home) = tenants.first().copied() else { return stop(draft, Finding::no_tenant(name)) };
    if tenants.len() > 1 && !user.multi_tenant {
        return stop(draft, Finding::several_tenants(name, &tenants));
    }
    let directory = match draft.seen.directories.get(home) {
        Some(Ok(directory)) => directory,
        Some(Err(error)) => return stop(draft, Finding::directory_out_of_reach(name, error)),
        None => return stop(draft, Finding::no_tenant(name)),
    };
    let found = match find(name, user, draft.declaration.name.as_deref(), directory) {
        Ok(found) => found,
        Err(finding) => return stop(draft, *finding),
    };
    if let Found::Registration(application) = found
        && !strangers::check(draft, (name, user), application, directory, &tenants)
    {
        return None;
    }
    let before = draft.findings.len();
    secret::check_policies(draft, name, user);
    let application = match found {
        Found::Registration(application) => Some(application),
        Found::Nothing | Found::Abroad(_) => None,
    };
    if !matches!(found, Found::Abroad(_)) {
        secret::check_sinks(draft, name);
        secret::check_rivals(draft, name, user);
        secret::check_rules(draft, name, user, application, directory);
    }
    if draft.findings.iter().skip(before).any(|finding| finding.severity == Severity::Stop) {
        return None;
    }

    let place = Place::Tenant(home.to_owned());
    if !matches!(found, Found::Abroad(_)) {
        register(draft, (name, user), application, &place);
        permission(draft, (name, user), application, &place);
    }
    let client_id = match found {
        Found::Registration(application) => Some(application.app_id),
        Found::Abroad(client_id) => Some(client_id),
        Found::Nothing => None,
    };
    for tenant in &tenants {
        let Some(Ok(directory)) = draft.seen.directories.get(*tenant) else {
            let message =
                format!("the directory {tenant} could not be read, so `{name}` gets no service principal there");
            let mut finding = Finding::left(name, None, message);
            (finding.severity, finding.kind) = (Severity::Stop, ErrorKind::OutOfReach);
            draft.findings.push(finding);
            continue;
        };
        principal(draft, name, client_id, directory, tenant);
    }
    if user.user_impersonation {
        consent(draft, name, client_id, directory, &place);
    }
    if matches!(found, Found::Abroad(_)) {
        abroad(draft, name, user);
    } else {
        for (number, credential) in user.credentials.iter().enumerate() {
            match credential {
                Credential::Secret { lifetime, .. } => {
                    secret::plan(draft, (name, user), (number, KeyKind::Secret, *lifetime), application, &place);
                }
                Credential::Certificate { lifetime, .. } => {
                    secret::plan(draft, (name, user), (number, KeyKind::Certificate, *lifetime), application, &place);
                }
                Credential::Federated(wanted) => federation(draft, name, wanted, application, directory, &place),
            }
        }
        if let Some(application) = application {
            no_longer_declared(draft, name, application, directory, &place);
        }
    }
    Some(Known { client_id })
}

/// What is told of another tenant's registration: its publisher looks after its credentials.
fn abroad(draft: &mut Draft<'_>, name: &str, user: &ApplicationUser) {
    let has_key = (0..user.credentials.len()).any(|number| {
        let seen = draft.seen.keys.get(&(name.to_owned(), number));
        seen.is_some_and(|seen| matches!(&seen.kept, KeySeen::Key(key) if Some(key.client_id) == user.client_id))
    });
    if has_key {
        return;
    }
    draft.findings.push(Finding::abroad(name, !user.credentials.is_empty()));
}

fn register(
    draft: &mut Draft<'_>,
    (name, user): (&str, &ApplicationUser),
    application: Option<&Application>,
    place: &Place,
) {
    let subject = format!("app registration `{}`", user.name);
    let change = Change::new(id("registration", name), Step::Registration, name, place.clone(), subject);
    let audience = if user.multi_tenant { "AzureADMultipleOrgs" } else { "AzureADMyOrg" };
    let declaration = draft.declaration.name.as_deref();
    let change = match application {
        None => change.to(
            Mark::Make,
            Action::CreateRegistration {
                name: user.name.clone(),
                audience: audience.to_owned(),
                tags: marks::tags(declaration),
                user_impersonation: user.user_impersonation,
            },
        ),
        Some(found) => {
            let change = change.fact("clientId", &found.app_id).fact("registrationId", &found.id);
            let ours = is_ours(found);
            let change = if ours { change } else { change.because(KEPT) };
            // Whose accounts a foreign registration admits is its owner's business.
            let narrow = found.sign_in_audience.as_deref() == Some("AzureADMyOrg");
            let open = matches!(
                found.sign_in_audience.as_deref(),
                Some("AzureADMultipleOrgs" | "AzureADandPersonalMicrosoftAccount")
            );
            let other_audience =
                (ours && ((user.multi_tenant && narrow) || (!user.multi_tenant && open))).then(|| audience.to_owned());
            let tag = declaration.map(declaration_tag).filter(|tag| ours && !found.tags.contains(tag));
            let tags = tag.map(|tag| found.tags.iter().cloned().chain([tag]).collect());
            if other_audience.is_none() && tags.is_none() {
                change
            } else {
                let mut change = change;
                if other_audience.is_some() {
                    let whom = if user.multi_tenant { "other tenants too" } else { "this tenant alone" };
                    change = change.because(format!("it is to be used by {whom}"));
                }
                if tags.is_some() {
                    change = change.because("it does not say yet of which declaration it is");
                }
                change.to(Mark::Change, Action::UpdateRegistration { audience: other_audience, tags })
            }
        }
    };
    draft.changes.push(change);
}

/// Whether a registration declares Dynamics CRM `user_impersonation`.
pub(crate) fn declares_impersonation(application: &Application) -> bool {
    let wanted = ResourceAccess { id: DYNAMICS_CRM_USER_IMPERSONATION, kind: AccessKind::Scope };
    let mut apis = application.required_resource_access.iter();
    apis.any(|api| api.resource_app_id == DYNAMICS_CRM && api.resource_access.contains(&wanted))
}

fn permission(
    draft: &mut Draft<'_>,
    (name, user): (&str, &ApplicationUser),
    application: Option<&Application>,
    place: &Place,
) {
    if !user.user_impersonation {
        return;
    }
    let subject = format!("API permission Dynamics CRM `{USER_IMPERSONATION}`");
    let mut change = Change::new(id("permission", name), Step::Permission, name, place.clone(), subject)
        .after([id("registration", name)]);
    match application {
        // It is declared with the registration itself.
        None => change.mark = Mark::Make,
        Some(found) if declares_impersonation(found) => {}
        Some(_) => change = change.to(Mark::Make, Action::DeclarePermission),
    }
    draft.changes.push(change);
}

fn principal(draft: &mut Draft<'_>, name: &str, client_id: Option<ClientId>, directory: &DirectorySeen, tenant: &str) {
    let place = Place::Tenant(tenant.to_owned());
    let subject = format!("service principal of `{name}`");
    let change = Change::new(principal_id(name, tenant), Step::ServicePrincipal, name, place, subject)
        .after([id("registration", name)]);
    let change = match client_id.and_then(|client_id| directory.principal(client_id)) {
        Some(found) => {
            let change = change.fact("servicePrincipalId", &found.id);
            if found.account_enabled {
                change
            } else {
                draft.findings.push(Finding::disabled_principal(name, found.app_id));
                change.because("it is disabled, so the sign-in will be refused: enable it in the directory")
            }
        }
        None => {
            let declaration = draft.declaration.name.as_deref();
            let tags = std::iter::once(LISTED.to_owned()).chain(marks::tags(declaration)).collect();
            change.to(Mark::Make, Action::CreatePrincipal { tags })
        }
    };
    draft.changes.push(change);
}

fn consent(draft: &mut Draft<'_>, name: &str, client_id: Option<ClientId>, directory: &DirectorySeen, place: &Place) {
    let Place::Tenant(tenant) = place else { return };
    let subject = format!("admin consent to Dynamics CRM `{USER_IMPERSONATION}`");
    let change = Change::new(id("consent", name), Step::Consent, name, place.clone(), subject)
        .because(UNNEEDED)
        .after([principal_id(name, tenant)]);
    let principal = client_id.and_then(|client_id| directory.principal(client_id));
    let Some(resource) = &directory.dynamics else {
        draft.findings.push(Finding::nothing_to_consent_to(name));
        return;
    };
    let change = match principal {
        Some(principal)
            if directory.grants.iter().any(|grant| {
                grant.client_id == principal.id && grant.resource_id == resource.id && grant.grants(USER_IMPERSONATION)
            }) =>
        {
            change
        }
        _ => {
            let mut change = change.to(Mark::Make, Action::Consent);
            change.grants.push("may act in every org of the tenant for every person who signs in to it".to_owned());
            change
        }
    };
    draft.changes.push(change);
}

/// How far a registration trusts a wanted issuer.
pub(crate) enum Trusted<'a> {
    /// By this federated credential, just as it is wanted.
    AsWanted(&'a FederatedIdentityCredential),
    /// By this one, which may be changed to what is wanted.
    Otherwise(&'a FederatedIdentityCredential),
    /// Not yet.
    NotYet,
}

/// Finds the federated credential that is wanted: by its name, which never changes, or by whom it is about,
/// which is unique. `user` is whom a finding names.
///
/// # Errors
/// The finding when that one would have to be changed and is somebody else's, on somebody else's registration.
pub(crate) fn trusted<'a>(
    user: &str,
    wanted: &Federation,
    application: Option<&Application>,
    there: &'a [FederatedIdentityCredential],
) -> Result<Trusted<'a>, Box<Finding>> {
    let is_about = |one: &&FederatedIdentityCredential| one.issuer == wanted.issuer && one.subject == wanted.subject;
    let found = there.iter().find(|one| one.name == wanted.name).or_else(|| there.iter().find(is_about));
    let may_change =
        |one: &FederatedIdentityCredential| application.is_some_and(is_ours) || is_marked(one.description.as_deref());
    match found {
        None => Ok(Trusted::NotYet),
        Some(one) if is_about(&one) && one.audiences == [wanted.audience.clone()] => Ok(Trusted::AsWanted(one)),
        Some(one) if may_change(one) => Ok(Trusted::Otherwise(one)),
        Some(one) => Err(Box::new(Finding::foreign_federation(user, wanted, one))),
    }
}

fn federation(
    draft: &mut Draft<'_>,
    name: &str,
    wanted: &Federation,
    application: Option<&Application>,
    directory: &DirectorySeen,
    place: &Place,
) {
    let subject = format!("federated credential `{}` of `{name}`", wanted.name);
    let change =
        Change::new(format!("federation:{name}:{}", wanted.name), Step::Federation, name, place.clone(), subject)
            .after([id("registration", name)]);
    let write = FederationWrite {
        name: wanted.name.clone(),
        issuer: wanted.issuer.clone(),
        subject: wanted.subject.clone(),
        audience: wanted.audience.clone(),
    };
    let there = application.and_then(|application| directory.federations.get(&application.id));
    let found = match trusted(name, wanted, application, there.map(Vec::as_slice).unwrap_or_default()) {
        Ok(found) => found,
        Err(finding) => {
            draft.findings.push(*finding);
            return;
        }
    };
    let mut change = match found {
        Trusted::AsWanted(one) => change.fact("federationId", &one.id),
        Trusted::Otherwise(one) => change
            .fact("federationId", &one.id)
            .because(format!("it accepts {} from {}", one.subject, one.issuer))
            .to(Mark::Change, Action::UpdateFederation { id: one.id, to: write }),
        Trusted::NotYet => change.to(Mark::Make, Action::CreateFederation(write)),
    };
    if change.is_change() {
        change.grants.push(format!("may sign in with a token of {} about {}", wanted.issuer, wanted.subject));
    }
    draft.changes.push(change);
}

/// Federated credentials that this declaration made, by what their descriptions say, and does not name any
/// more. Those of others, other declarations' too, are listed by [`strangers`] and left.
fn no_longer_declared(
    draft: &mut Draft<'_>,
    name: &str,
    application: &Application,
    directory: &DirectorySeen,
    place: &Place,
) {
    let declared: Vec<&Federation> = strangers::declared_federations(draft, application).collect();
    let is_declared = |one: &FederatedIdentityCredential| {
        let is_this = |wanted: &&Federation| {
            wanted.name == one.name || (wanted.issuer == one.issuer && wanted.subject == one.subject)
        };
        declared.iter().any(is_this)
    };
    for one in directory.federations.get(&application.id).into_iter().flatten() {
        if is_declared(one) || !strangers::is_own(draft, one) {
            continue;
        }
        let subject = format!("federated credential `{}` of `{name}`", one.name);
        let change =
            Change::new(format!("federation:{name}:{}", one.name), Step::Federation, name, place.clone(), subject)
                .after([id("registration", name)])
                .fact("federationId", &one.id)
                .because(format!("it accepts {} from {}", one.subject, one.issuer))
                .because("it is not declared any more")
                .to(Mark::Remove, Action::DeleteFederation { id: one.id });
        draft.changes.push(change);
    }
}
