//! What is done in a tenant's directory.

use std::time::Duration;

use keyholder_client::{Error as ClientError, Graph};
use keyholder_entra::graph::{
    AccessKind, ApplicationWrite, FederatedIdentityCredentialWrite, OAuth2PermissionGrant, RequiredResourceAccess,
    ResourceAccess, ServicePrincipalWrite,
};
use keyholder_entra::well_known::{DYNAMICS_CRM, DYNAMICS_CRM_USER_IMPERSONATION, USER_IMPERSONATION};

use super::{Done, Registration, Run, tolerate_missing};
use crate::Administrator;
use crate::declaration::Sink;
use crate::error::{Error, While};
use crate::marks::federation_description;
use crate::patience::{Patience, object_not_seen, registration_not_seen};
use crate::plan::{Action, Change, FederationWrite};
use crate::report::Outcome;
use crate::sink;

const NEW_REGISTRATION: &str = "the directory to know the new registration everywhere";

pub(super) async fn perform(run: &Run<'_>, change: &Change, action: &Action) -> Result<Done, Error> {
    let (tenant, administrator) = run.tenant(change)?;
    let name = &change.item;
    let graph = &administrator.graph;
    let declaration = run.declaration.name.as_deref();
    match action {
        Action::CreateRegistration { name: named, audience, tags, user_impersonation } => {
            let wanted = ApplicationWrite {
                display_name: Some(named.clone()),
                // Without it, Graph admits personal accounts.
                sign_in_audience: Some(audience.clone()),
                tags: Some(tags.clone()),
                required_resource_access: user_impersonation.then(|| vec![impersonation()]),
                ..ApplicationWrite::default()
            };
            let made = graph.create_application(&wanted).await;
            let made = made.while_doing(|| format!("create the app registration `{named}`"))?;
            let done = Done::new(Outcome::Created).fact("clientId", &made.app_id).fact("registrationId", &made.id);
            let registration = Registration { client_id: made.app_id, application: Some(made) };
            run.known().registrations.insert(name.clone(), registration);
            Ok(done)
        }
        Action::UpdateRegistration { audience, tags } => {
            let changes = ApplicationWrite {
                sign_in_audience: audience.clone(),
                tags: tags.clone(),
                ..ApplicationWrite::default()
            };
            let id = run.application(name)?.id;
            let updated = graph.update_application(id, &changes).await;
            updated.while_doing(|| format!("change the app registration of `{name}`"))?;
            Ok(Done::new(Outcome::Changed))
        }
        Action::DeclarePermission => {
            let application = run.application(name)?;
            let mut declared = application.required_resource_access;
            match declared.iter_mut().find(|api| api.resource_app_id == DYNAMICS_CRM) {
                Some(api) => api.resource_access.extend(impersonation().resource_access),
                None => declared.push(impersonation()),
            }
            let changes = ApplicationWrite { required_resource_access: Some(declared), ..ApplicationWrite::default() };
            let updated = graph.update_application(application.id, &changes).await;
            updated.while_doing(|| format!("declare the API permission of `{name}`"))?;
            Ok(Done::new(Outcome::Created))
        }
        Action::CreatePrincipal { tags } => create_principal(run, administrator, name, tenant, tags).await,
        Action::Consent => consent(run, graph, name, tenant).await,
        Action::CreateFederation(wanted) => {
            let id = run.application(name)?.id;
            let body =
                FederatedIdentityCredentialWrite { name: Some(wanted.name.clone()), ..write(wanted, declaration) };
            let made = administrator
                .patience
                .wait_for(NEW_REGISTRATION, &administrator.http, run.reporter, object_not_seen, || {
                    graph.create_federated_credential(id, &body)
                })
                .await;
            let made = made.while_doing(|| format!("make the federated credential `{}`", wanted.name))?;
            Ok(Done::new(Outcome::Created).fact("federationId", &made.id))
        }
        Action::UpdateFederation { id, to } => {
            let application = run.application(name)?.id;
            let updated = graph.update_federated_credential(application, *id, &write(to, declaration)).await;
            updated.while_doing(|| format!("change the federated credential `{}`", to.name))?;
            Ok(Done::new(Outcome::Changed))
        }
        Action::DeleteFederation { id } => {
            let application = run.application(name)?.id;
            let gone = tolerate_missing(graph.delete_federated_credential(application, *id).await);
            gone.while_doing(|| format!("remove a federated credential of `{name}`"))?;
            Ok(Done::new(Outcome::Removed))
        }
        Action::DeletePrincipal { id } => {
            let gone = tolerate_missing(graph.delete_service_principal(*id).await);
            gone.while_doing(|| format!("remove the service principal of `{name}`"))?;
            Ok(Done::new(Outcome::Removed))
        }
        Action::RemoveFile { client_id, path, is_env } => {
            let sink = if *is_env { Sink::EnvFile(path.clone()) } else { Sink::File(path.clone()) };
            let there = sink::open(&sink, None)?;
            // Since the plan was made, another application's key may have been written there.
            if !sink::holds_key_of(&there.load().await?, *client_id) {
                return Ok(Done::new(Outcome::Kept).note("no key of the application stands there any more"));
            }
            let removed = there.remove().await?;
            Ok(Done::new(if removed { Outcome::Removed } else { Outcome::Absent }))
        }
        Action::DeleteRegistration { id } => {
            let gone = tolerate_missing(graph.delete_application(*id).await);
            gone.while_doing(|| format!("remove the app registration `{name}`"))?;
            Ok(Done::new(Outcome::Removed))
        }
        _ => Err(Error::Unplanned(change.subject.clone())),
    }
}

/// The permission as registrations declare it.
fn impersonation() -> RequiredResourceAccess {
    RequiredResourceAccess {
        resource_app_id: DYNAMICS_CRM,
        resource_access: vec![ResourceAccess { id: DYNAMICS_CRM_USER_IMPERSONATION, kind: AccessKind::Scope }],
    }
}

fn write(wanted: &FederationWrite, declaration: Option<&str>) -> FederatedIdentityCredentialWrite {
    FederatedIdentityCredentialWrite {
        name: None,
        issuer: Some(wanted.issuer.clone()),
        subject: Some(wanted.subject.clone()),
        description: Some(federation_description(declaration)),
        audiences: Some(vec![wanted.audience.clone()]),
    }
}

async fn create_principal(
    run: &Run<'_>,
    administrator: &Administrator,
    name: &str,
    tenant: &str,
    tags: &[String],
) -> Result<Done, Error> {
    let graph = &administrator.graph;
    let Registration { application, client_id: client } = run.registration(name)?;
    // Only one that was just made may not be known yet: another tenant's is known, or cannot be had.
    let deadline = if application.is_some() { administrator.patience.deadline } else { Duration::ZERO };
    let patience = Patience { deadline, ..administrator.patience };
    let wanted =
        ServicePrincipalWrite { app_id: Some(client), tags: Some(tags.to_vec()), ..ServicePrincipalWrite::default() };
    let made = patience
        .wait_for(NEW_REGISTRATION, &administrator.http, run.reporter, registration_not_seen, || {
            graph.create_service_principal(&wanted)
        })
        .await;
    let doing = || format!("create the service principal of `{name}`");
    let (principal, outcome) = match made {
        Ok(made) => (made, Outcome::Created),
        // A create whose answer was lost, or another run's.
        Err(error) if error.graph().is_some_and(|refusal| refusal.status == 409) => {
            let found = graph.service_principal(client).await;
            let found = found.while_doing(|| format!("look for the service principal of `{name}`"))?;
            match found {
                Some(found) => (found, Outcome::Found),
                None => return Err(error).while_doing(doing),
            }
        }
        Err(error) => return Err(error).while_doing(doing),
    };
    run.known().principals.insert((name.to_owned(), tenant.to_owned()), principal.id);
    Ok(Done::new(outcome).fact("servicePrincipalId", &principal.id))
}

async fn consent(run: &Run<'_>, graph: &Graph, name: &str, tenant: &str) -> Result<Done, Error> {
    let missing = || Error::Unplanned(format!("the service principal of `{name}`"));
    let principal = run.known().principals.get(&(name.to_owned(), tenant.to_owned())).copied();
    let principal = principal.ok_or_else(missing)?;
    let directory = run.seen.directories.get(tenant).and_then(|directory| directory.as_ref().ok());
    let (resource, grants) =
        directory.and_then(|there| Some((there.dynamics.as_ref()?.id, &there.grants))).ok_or_else(missing)?;
    let existing = grants.iter().find(|grant| {
        grant.client_id == principal && grant.resource_id == resource && grant.consent_type == "AllPrincipals"
    });
    let done: Result<Outcome, ClientError> = match existing {
        Some(OAuth2PermissionGrant { id: Some(id), scope, .. }) => {
            let scope = format!("{} {USER_IMPERSONATION}", scope.as_deref().unwrap_or_default());
            graph.update_grant(id, scope.trim()).await.map(|()| Outcome::Changed)
        }
        _ => {
            let grant = OAuth2PermissionGrant::for_everyone(principal, resource, USER_IMPERSONATION);
            graph.create_grant(&grant).await.map(|_| Outcome::Created)
        }
    };
    match done {
        // Who may register applications need not be one who may consent for everybody.
        Err(error) if error.graph().is_some_and(|refusal| refusal.status == 403) => {
            Ok(Done::new(Outcome::Skipped).note("the administrator may not consent for the whole tenant"))
        }
        // Another run was faster.
        Err(error) if error.graph().is_some_and(|refusal| refusal.status == 409) => Ok(Done::new(Outcome::Found)),
        done => Ok(Done::new(done.while_doing(|| "give admin consent".to_owned())?)),
    }
}
