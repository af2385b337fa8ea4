//! The app registration: found by name, never duplicated, never guessed.

use keyholder_client::Graph;
use keyholder_entra::graph::{Application, ApplicationWrite};

use super::{Run, permission};
use crate::TAG;
use crate::definition::ApplicationUserDefinition;
use crate::error::{Error, While};
use crate::report::{Event, Outcome, Step};

/// The registration that the definition means, if there is one.
pub(crate) async fn find(graph: &Graph, definition: &ApplicationUserDefinition) -> Result<Option<Application>, Error> {
    let name = &definition.name;
    if let Some(client_id) = definition.client_id {
        let found =
            graph.application(client_id).await.while_doing(|| format!("look for the registration {client_id}"))?;
        return found.map(Some).ok_or(Error::NoSuchRegistration { client_id });
    }
    let mut named =
        graph.applications_named(name).await.while_doing(|| format!("look for the app registration `{name}`"))?;
    // The directory compares without case; another spelling is another name.
    named.retain(|application| application.display_name.as_ref() == Some(name));
    if named.len() > 1 {
        let ids = named.iter().map(|application| application.app_id).collect();
        return Err(Error::SeveralRegistrations { name: name.clone(), ids });
    }
    Ok(named.pop())
}

/// Whether Keyholder made it.
pub(crate) fn is_ours(application: &Application) -> bool {
    application.tags.iter().any(|tag| tag == TAG)
}

pub(super) async fn ensure(run: &mut Run<'_>) -> Result<(Application, Outcome), Error> {
    let graph = &run.administrator.graph;
    let definition = run.definition;
    let name = &definition.name;
    let (application, outcome) = match find(graph, definition).await? {
        Some(found) if is_ours(&found) || definition.client_id.is_some() => (found, Outcome::Found),
        Some(found) => {
            return Err(Error::ForeignRegistration { name: name.clone(), client_id: found.app_id });
        }
        None => {
            let wanted = ApplicationWrite {
                display_name: Some(name.clone()),
                // Without it, Graph admits personal accounts.
                sign_in_audience: Some("AzureADMyOrg".to_owned()),
                tags: Some(vec![TAG.to_owned()]),
                required_resource_access: Some(vec![permission::user_impersonation()]),
                ..ApplicationWrite::default()
            };
            let made = graph
                .create_application(&wanted)
                .await
                .while_doing(|| format!("create the app registration `{name}`"))?;
            (made, Outcome::Created)
        }
    };
    let mut event = Event::new(Step::Registration, outcome, format!("app registration `{name}`"))
        .fact("clientId", &application.app_id)
        .fact("registrationId", &application.id);
    if !is_ours(&application) {
        event = event.note("Keyholder did not make it and will not remove it");
    }
    run.report(&event);
    Ok((application, outcome))
}
