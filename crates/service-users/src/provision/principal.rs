//! The service principal: what the registration is within its tenant, and what signs in.

use keyholder_entra::graph::{ServicePrincipal, ServicePrincipalWrite};
use keyholder_foundation::ClientId;

use super::Run;
use crate::TAG;
use crate::error::{Error, While};
use crate::patience::registration_not_seen;
use crate::report::{Event, Outcome, Step};

/// The tag by which the portals list a principal under "Enterprise applications".
const LISTED: &str = "WindowsAzureActiveDirectoryIntegratedApp";

pub(super) async fn ensure(run: &mut Run<'_>, client: ClientId) -> Result<ServicePrincipal, Error> {
    let administrator = run.administrator;
    let graph = &administrator.graph;
    let name = &run.definition.name;
    let looking = || format!("look for the service principal of `{name}`");
    let (principal, outcome) = match graph.service_principal(client).await.while_doing(looking)? {
        Some(found) => (found, Outcome::Found),
        None => {
            let wanted = ServicePrincipalWrite {
                app_id: Some(client),
                tags: Some(vec![LISTED.to_owned(), TAG.to_owned()]),
                ..ServicePrincipalWrite::default()
            };
            let what = "the directory to know the new registration everywhere";
            let made = administrator
                .patience
                .wait_for(what, &administrator.http, run.reporter, registration_not_seen, || {
                    graph.create_service_principal(&wanted)
                })
                .await;
            match made {
                Ok(made) => (made, Outcome::Created),
                // A create whose answer was lost, or another run's.
                Err(error) if error.graph().is_some_and(|refusal| refusal.status == 409) => {
                    match graph.service_principal(client).await.while_doing(looking)? {
                        Some(found) => (found, Outcome::Found),
                        None => return Err(error).while_doing(|| format!("create the service principal of `{name}`")),
                    }
                }
                Err(error) => return Err(error).while_doing(|| format!("create the service principal of `{name}`")),
            }
        }
    };
    let mut event = Event::new(Step::ServicePrincipal, outcome, format!("service principal of `{name}`"))
        .fact("servicePrincipalId", &principal.id);
    if !principal.account_enabled {
        event = event.note("it is disabled, so the sign-in will be refused: enable it in the directory");
    }
    run.report(&event);
    Ok(principal)
}
