//! Taking an application's way in away again, all of what Keyholder made and nothing else.

use keyholder_entra::graph::Application;
use keyholder_foundation::ClientId;
use serde::Deserialize;
use uuid::Uuid;

use crate::Administrator;
use crate::apply::{delete_users, tolerate_missing};
use crate::declaration::{ApplicationUser, Role};
use crate::error::{Error, While};
use crate::marks::{Labels, is_ours, role_id};
use crate::plan::Finding;
use crate::report::{Event, Outcome, Reporter, Step};
use crate::sink::{Kept, SecretSink};

/// Removes the application user, its role, the service principal, the registration and the key,
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
    user: &ApplicationUser,
    role: &Role,
    sink: &dyn SecretSink,
    reporter: &dyn Reporter,
) -> Result<(), Error> {
    let run = Run { administrator, name: &user.name, reporter };
    let application = find(administrator, user).await?;
    let is_ours = application.as_ref().is_none_or(is_ours);
    // With the registration gone, the key still tells whose user to look for.
    let held = match sink.load()? {
        Kept::Key { key, .. } => Some(key.client_id),
        _ => None,
    };
    let client = application.as_ref().map(|application| application.app_id).or(held);

    if is_ours {
        run.user(client).await?;
    } else {
        let kept = Event::new(Step::ApplicationUser, Outcome::Kept, format!("application user of `{}`", user.name));
        reporter.done(&kept.note("Keyholder did not make the registration that it belongs to"));
    }
    run.role(&role.name).await?;
    if is_ours {
        run.principal(client).await?;
    }
    run.registration(application.as_ref(), is_ours, sink).await?;
    let removed = sink.remove()?;
    let outcome = if removed { Outcome::Removed } else { Outcome::Absent };
    reporter.done(&Event::new(Step::ClientSecret, outcome, format!("client secret in `{}`", sink.place())));
    Ok(())
}

/// The registration that is meant, whoever made it; a client id that the tenant does not know is none.
async fn find(administrator: &Administrator, user: &ApplicationUser) -> Result<Option<Application>, Error> {
    let (names, clients) = match user.client_id {
        Some(client) => (Vec::new(), vec![client]),
        None => (vec![user.name.as_str()], Vec::new()),
    };
    let found = administrator.graph.applications_of(&names, &clients).await;
    let mut found = found.while_doing(|| format!("look for the app registration `{}`", user.name))?;
    // The directory compares without case; another spelling is another name.
    found.retain(|application| user.client_id.is_some() || application.display_name.as_ref() == Some(&user.name));
    if found.len() > 1 {
        let ids: Vec<ClientId> = found.iter().map(|application| application.app_id).collect();
        return Err(Error::Stopped(vec![Finding::several_registrations(&user.name, &user.name, &ids)]));
    }
    Ok(found.pop())
}

/// What every step needs.
struct Run<'a> {
    administrator: &'a Administrator,
    name: &'a str,
    reporter: &'a dyn Reporter,
}

#[derive(Deserialize)]
struct UserRow {
    systemuserid: Uuid,
    #[serde(default)]
    deletedstate: Option<i64>,
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

impl Run<'_> {
    async fn user(&self, client: Option<ClientId>) -> Result<(), Error> {
        let org = &self.administrator.org;
        let mut rows: Vec<UserRow> = Vec::new();
        if let Some(client) = client {
            let query = format!("systemusers?$select=systemuserid,deletedstate&$filter=applicationid eq {client}");
            let found = org.query(&query).collect_as().await;
            rows = found.while_doing(|| format!("remove the application user of `{}`", self.name))?;
            let is_deleted = |row: &&UserRow| row.deletedstate.unwrap_or(0) != 0;
            let (deleted, living): (Vec<_>, Vec<_>) = rows.iter().partition(is_deleted);
            let ids = |rows: Vec<&UserRow>| rows.iter().map(|row| row.systemuserid).collect::<Vec<_>>();
            delete_users(org, self.name, client, &ids(living), &ids(deleted)).await?;
        }
        let outcome = if rows.is_empty() { Outcome::Absent } else { Outcome::Removed };
        let event = Event::new(Step::ApplicationUser, outcome, format!("application user of `{}`", self.name));
        self.reporter.done(&event);
        Ok(())
    }

    async fn role(&self, name: &str) -> Result<(), Error> {
        let org = &self.administrator.org;
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
                    tolerate_missing(org.delete("roles", id).await).while_doing(doing)?;
                    Event::new(Step::Role, Outcome::Removed, format!("security role `{}`", row.name))
                } else {
                    Event::new(Step::Role, Outcome::Kept, format!("security role `{}`", row.name))
                        .note("other users hold it")
                }
            }
        };
        self.reporter.done(&event.fact("roleId", &id));
        Ok(())
    }

    async fn principal(&self, client: Option<ClientId>) -> Result<(), Error> {
        let graph = &self.administrator.graph;
        let doing = || format!("remove the service principal of `{}`", self.name);
        let principal = match client {
            Some(client) => graph.service_principal(client).await.while_doing(doing)?,
            None => None,
        };
        let outcome = match principal {
            None => Outcome::Absent,
            Some(principal) => {
                tolerate_missing(graph.delete_service_principal(principal.id).await).while_doing(doing)?;
                Outcome::Removed
            }
        };
        let subject = format!("service principal of `{}`", self.name);
        self.reporter.done(&Event::new(Step::ServicePrincipal, outcome, subject));
        Ok(())
    }

    async fn registration(
        &self,
        application: Option<&Application>,
        is_ours: bool,
        sink: &dyn SecretSink,
    ) -> Result<(), Error> {
        let graph = &self.administrator.graph;
        let name = self.name;
        let doing = || format!("remove the app registration `{name}`");
        let event = Event::new(Step::Registration, Outcome::Absent, format!("app registration `{name}`"));
        let event = match application {
            None => event,
            Some(application) if is_ours => {
                tolerate_missing(graph.delete_application(application.id).await).while_doing(doing)?;
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
                Event { outcome: Outcome::Kept, ..event }.note(format!(
                    "Keyholder did not make it; {removed} of its secrets, which it did make, are removed"
                ))
            }
        };
        self.reporter.done(&event);
        Ok(())
    }
}
