//! The delegated permission Dynamics CRM `user_impersonation`, with admin consent.
//!
//! The guides have every integration ask for it. Today's documents say that server-to-server does
//! not need it: what the application may do is decided by its user's roles in the org. So it is
//! done, said to be unneeded, and nothing fails when it cannot be.

use keyholder_entra::graph::{
    AccessKind, Application, ApplicationWrite, OAuth2PermissionGrant, RequiredResourceAccess, ResourceAccess,
    ServicePrincipal,
};
use keyholder_entra::well_known::{DYNAMICS_CRM, DYNAMICS_CRM_USER_IMPERSONATION, USER_IMPERSONATION};

use super::Run;
use crate::error::{Error, While};
use crate::report::{Event, Outcome, Step};

const UNNEEDED: &str = "server-to-server does not need it: the application user's roles decide";

/// The permission as registrations declare it.
pub(super) fn user_impersonation() -> RequiredResourceAccess {
    RequiredResourceAccess {
        resource_app_id: DYNAMICS_CRM,
        resource_access: vec![ResourceAccess { id: DYNAMICS_CRM_USER_IMPERSONATION, kind: AccessKind::Scope }],
    }
}

pub(super) async fn declare(run: &mut Run<'_>, application: &Application, made: Outcome) -> Result<(), Error> {
    let mut declared = application.required_resource_access.clone();
    let wanted = ResourceAccess { id: DYNAMICS_CRM_USER_IMPERSONATION, kind: AccessKind::Scope };
    let outcome =
        if declared.iter().any(|api| api.resource_app_id == DYNAMICS_CRM && api.resource_access.contains(&wanted)) {
            // Declared with the registration itself.
            made
        } else {
            match declared.iter_mut().find(|api| api.resource_app_id == DYNAMICS_CRM) {
                Some(api) => api.resource_access.push(wanted),
                None => declared.push(user_impersonation()),
            }
            let changes = ApplicationWrite { required_resource_access: Some(declared), ..ApplicationWrite::default() };
            let updated = run.administrator.graph.update_application(application.id, &changes).await;
            updated.while_doing(|| format!("declare the API permission of `{}`", run.definition.name))?;
            Outcome::Created
        };
    run.report(&Event::new(Step::Permission, outcome, format!("API permission Dynamics CRM `{USER_IMPERSONATION}`")));
    Ok(())
}

pub(super) async fn consent(run: &mut Run<'_>, principal: &ServicePrincipal) -> Result<(), Error> {
    let graph = &run.administrator.graph;
    let event = |outcome| {
        Event::new(Step::Consent, outcome, format!("admin consent to Dynamics CRM `{USER_IMPERSONATION}`"))
            .note(UNNEEDED)
    };
    let look = graph.service_principal(DYNAMICS_CRM).await;
    let Some(resource) = look.while_doing(|| "look for Dynamics CRM in the tenant".to_owned())? else {
        run.report(&event(Outcome::Skipped).note("the tenant has no service principal of Dynamics CRM"));
        return Ok(());
    };
    let granted = graph.grants_of(principal.id).await.while_doing(|| "read the consent given so far".to_owned())?;
    let existing = granted.into_iter().find(|grant| {
        grant.client_id == principal.id && grant.resource_id == resource.id && grant.consent_type == "AllPrincipals"
    });
    let done = match existing {
        Some(grant) if grant.grants(USER_IMPERSONATION) => Ok(Outcome::Found),
        Some(OAuth2PermissionGrant { id: Some(id), scope, .. }) => {
            let scope = format!("{} {USER_IMPERSONATION}", scope.unwrap_or_default());
            graph.update_grant(&id, scope.trim()).await.map(|()| Outcome::Changed)
        }
        _ => {
            let grant = OAuth2PermissionGrant::for_everyone(principal.id, resource.id, USER_IMPERSONATION);
            graph.create_grant(&grant).await.map(|_| Outcome::Created)
        }
    };
    let event = match done {
        // Who may register applications need not be one who may consent for everybody.
        Err(error) if error.graph().is_some_and(|refusal| refusal.status == 403) => {
            event(Outcome::Skipped).note("the administrator may not consent for the whole tenant")
        }
        // Another run was faster.
        Err(error) if error.graph().is_some_and(|refusal| refusal.status == 409) => event(Outcome::Found),
        done => event(done.while_doing(|| "give admin consent".to_owned())?),
    };
    run.report(&event);
    Ok(())
}
