//! Taking an application's way in away again, all of what Keyholder made and nothing else.

use keyholder_client::Error as ClientError;
use keyholder_entra::graph::Application;
use keyholder_foundation::ClientId;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::definition::{ApplicationUserDefinition, role_id};
use crate::error::{Error, While};
use crate::provision::{FoundUsers, Labels, Run, find_registration, find_users};
use crate::report::{Event, Outcome, Reporter, Step};
use crate::sink::{Kept, SecretSink};
use crate::{Administrator, TAG};

/// Removes the application user, the role, the service principal, the registration and the key,
/// in the order that leaves nothing unreachable when the run is killed: each is found through
/// something that is removed after it. What is not there is said to be absent.
///
/// A registration that Keyholder did not make stays, and so does its application user; only the
/// secrets that were made for this sink are taken off it.
///
/// # Errors
/// The first step's that fails; a further run goes on from there.
pub async fn remove(
    administrator: &Administrator,
    definition: &ApplicationUserDefinition,
    sink: &dyn SecretSink,
    reporter: &mut dyn Reporter,
) -> Result<(), Error> {
    let mut run = Run { administrator, definition, reporter, changed: false, beyond: Vec::new() };
    let application = match find_registration(&administrator.graph, definition).await {
        Err(Error::NoSuchRegistration { .. }) => None,
        found => found?,
    };
    let is_ours = application.as_ref().is_none_or(|application| application.tags.iter().any(|tag| tag == TAG));
    // With the registration gone, the key still tells whose user to look for.
    let held = match sink.load()? {
        Kept::Key { key, .. } => Some(key.client_id),
        _ => None,
    };
    let client = application.as_ref().map(|application| application.app_id).or(held);

    if is_ours {
        remove_user(&mut run, client).await?;
    } else {
        let kept =
            Event::new(Step::ApplicationUser, Outcome::Kept, format!("application user of `{}`", definition.name));
        run.report(&kept.note("Keyholder did not make the registration that it belongs to"));
    }
    remove_role(&mut run).await?;
    if is_ours {
        remove_principal(&mut run, client).await?;
    }
    remove_registration(&mut run, application.as_ref(), is_ours, sink).await?;
    let removed = sink.remove()?;
    let outcome = if removed { Outcome::Removed } else { Outcome::Absent };
    run.report(&Event::new(Step::ClientSecret, outcome, format!("client secret in `{}`", sink.place())));
    Ok(())
}

/// Disabled, deleted, and deleted once more: the first delete leaves a row behind that blocks a
/// new user of the same application.
async fn remove_user(run: &mut Run<'_>, client: Option<ClientId>) -> Result<(), Error> {
    let org = &run.administrator.org;
    let name = &run.definition.name;
    let doing = || format!("remove the application user of `{name}`");
    let found = match client {
        Some(client) => find_users(org, client).await.while_doing(doing)?,
        None => FoundUsers { user: None, deleted: Vec::new() },
    };
    let mut outcome = Outcome::Absent;
    if let Some(user) = &found.user {
        if !user.is_disabled {
            let changes = json!({ "isdisabled": true, "applicationid": client });
            is_gone(org.update("systemusers", user.id, &changes).await).while_doing(doing)?;
        }
        is_gone(org.delete("systemusers", user.id).await).while_doing(doing)?;
        outcome = Outcome::Removed;
    }
    for user in found.user.iter().chain(&found.deleted) {
        is_gone(org.delete("systemusers", user.id).await).while_doing(doing)?;
        outcome = Outcome::Removed;
    }
    run.report(&Event::new(Step::ApplicationUser, outcome, format!("application user of `{name}`")));
    Ok(())
}

#[derive(Deserialize)]
struct Holder {
    #[serde(rename = "systemuserid")]
    _id: Uuid,
}

#[derive(Deserialize)]
struct RoleCopy {
    roleid: Uuid,
}

#[derive(Deserialize)]
struct RoleRow {
    name: String,
}

async fn remove_role(run: &mut Run<'_>) -> Result<(), Error> {
    let org = &run.administrator.org;
    let name = &run.definition.role.name;
    let doing = || format!("remove the role `{name}`");
    let me = org.who_am_i().await.while_doing(|| "ask the org who the administrator is".to_owned())?;
    let id = role_id(me.organization_id, name);
    let rows = org.query(&format!("roles?$select=name&$filter=roleid eq {id}")).collect_as::<RoleRow>().await;
    let event = match rows.while_doing(doing)?.first() {
        None => Event::new(Step::Role, Outcome::Absent, format!("security role `{name}`")),
        Some(row) => {
            // The copies that other business units have of it go with it.
            let copies = format!("roles?$select=roleid&$filter=_parentrootroleid_value eq {id} and roleid ne {id}");
            let copies = org.query(&copies).collect_as::<RoleCopy>().await.while_doing(doing)?;
            let mut is_held = false;
            for role in std::iter::once(id).chain(copies.into_iter().map(|copy| copy.roleid)) {
                let holders = format!("roles({role})/systemuserroles_association?$select=systemuserid&$top=1");
                is_held |= !org.query(&holders).collect_as::<Holder>().await.while_doing(doing)?.is_empty();
            }
            if !is_held {
                is_gone(org.delete("roles", id).await).while_doing(doing)?;
                Event::new(Step::Role, Outcome::Removed, format!("security role `{}`", row.name))
            } else {
                Event::new(Step::Role, Outcome::Kept, format!("security role `{}`", row.name))
                    .note("other users hold it")
            }
        }
    };
    run.report(&event.fact("roleId", &id));
    Ok(())
}

async fn remove_principal(run: &mut Run<'_>, client: Option<ClientId>) -> Result<(), Error> {
    let graph = &run.administrator.graph;
    let name = &run.definition.name;
    let doing = || format!("remove the service principal of `{name}`");
    let principal = match client {
        Some(client) => graph.service_principal(client).await.while_doing(doing)?,
        None => None,
    };
    let outcome = match principal {
        None => Outcome::Absent,
        Some(principal) => {
            is_gone(graph.delete_service_principal(principal.id).await).while_doing(doing)?;
            Outcome::Removed
        }
    };
    run.report(&Event::new(Step::ServicePrincipal, outcome, format!("service principal of `{name}`")));
    Ok(())
}

async fn remove_registration(
    run: &mut Run<'_>,
    application: Option<&Application>,
    is_ours: bool,
    sink: &dyn SecretSink,
) -> Result<(), Error> {
    let graph = &run.administrator.graph;
    let name = &run.definition.name;
    let doing = || format!("remove the app registration `{name}`");
    let event = Event::new(Step::Registration, Outcome::Absent, format!("app registration `{name}`"));
    let event = match application {
        None => event,
        Some(application) if is_ours => {
            is_gone(graph.delete_application(application.id).await).while_doing(doing)?;
            Event { outcome: Outcome::Removed, ..event }.note("the directory keeps it restorable for 30 days")
        }
        Some(application) => {
            let labels = Labels::of(sink)?;
            let held = match sink.load()? {
                Kept::Key { key, .. } => key.key_id,
                _ => None,
            };
            let mut removed = 0;
            for credential in &application.password_credentials {
                if labels.is_own(credential, held) {
                    graph.remove_password(application.id, credential.key_id).await.while_doing(doing)?;
                    removed += 1;
                }
            }
            Event { outcome: Outcome::Kept, ..event }
                .note(format!("Keyholder did not make it; {removed} of its secrets, which it did make, are removed"))
        }
    };
    run.report(&event);
    Ok(())
}

/// What is gone already is as good as removed just now.
fn is_gone(done: Result<(), ClientError>) -> Result<(), ClientError> {
    crate::provision::tolerate_missing(done)
}
