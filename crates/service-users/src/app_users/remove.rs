//! Taking an application's way in away again, all of what Keyholder made and nothing else.

use keyholder_client::{Dataverse, Error as ClientError};
use keyholder_entra::graph::{Application, ServicePrincipal};
use keyholder_foundation::{ClientId, KeyId, ObjectId};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::belongings::Elsewhere;
use super::beside::{RoleBeside, roles_beside};
use super::find::{Found, find};
use super::switch::refuse_the_caller;
use crate::Administrator;
use crate::apply::{keys, tolerate_missing};
use crate::error::{Error, While};
use crate::kept;
use crate::marks::{Labels, TAG, declaration_in, declaration_of, is_ours, other_declaration, role_id};
use crate::report::{Event, Outcome, Reporter, Step};
use crate::sink::{Kept, SecretSink};

/// The org refuses to delete what other rows refer to.
const ASSOCIATED: &str = "0x80040227";
/// Why what other orgs may need stays.
const UNKNOWN: &str = "whether other orgs need it could not be told";

/// How far a removal goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reach {
    /// Service principal and registration go though Keyholder did not make the registration.
    pub others_too: bool,
    /// The user in the org stays where Keyholder did not make the registration.
    pub leaves_users_of_others: bool,
    /// Whether other orgs need service principal, registration and keys, or may: they stay unless it is certain that
    /// none does.
    pub elsewhere: Elsewhere,
    /// The user's row may stay in the org, deleted, where rows belong to it.
    pub leaves_rows: bool,
    /// What was deleted in the directory is deleted there for good, with the namesakes that [`to_purge`] finds.
    pub purges: bool,
}

/// Where a key of the application was written.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The place.
    pub sink: &'a dyn SecretSink,
    /// Whether what stands there is Keyholder's own whatever it is; otherwise only a key of the
    /// application is removed.
    pub is_ours: bool,
}

/// Looks for what there is to be removed; nothing where it is gone without a trace. What a killed run
/// left is found by the key in a place, and in the directory's recycle bin.
///
/// # Errors
/// As [`find`], but for an application that is not known any more.
pub async fn find_to_remove(
    administrator: &Administrator,
    who: &str,
    places: &[Place<'_>],
) -> Result<Option<Found>, Error> {
    match find(administrator, who).await {
        Err(Error::Stopped(findings)) if findings.iter().all(|finding| finding.code == "noSuchApplication") => {}
        found => return found.map(Some),
    }
    for place in places {
        let Kept::Key { key, .. } = place.sink.load().await? else { continue };
        match find(administrator, &key.client_id.to_string()).await {
            // Another application's key, unless it is this one's that has lost its registration.
            Ok(found) if found.registration.is_none() => return Ok(Some(Found { name: who.to_owned(), ..found })),
            Ok(_) => {}
            Err(Error::Stopped(_)) => {
                return Ok(Some(Found::gone(who, key.client_id)));
            }
            Err(error) => return Err(error),
        }
    }
    let buried = buried(administrator, who).await.while_doing(|| "look into the directory's recycle bin".to_owned())?;
    let Some(last) = buried.first() else { return Ok(None) };
    let name = last.display_name.as_deref().unwrap_or(who);
    match find(administrator, &last.app_id.to_string()).await {
        Ok(found) => Ok(Some(Found { name: name.to_owned(), ..found })),
        Err(Error::Stopped(_)) => Ok(Some(Found::gone(name, last.app_id))),
        Err(error) => Err(error),
    }
}

/// Registrations of that name or client id that Keyholder made, in the directory's recycle bin, the
/// last that was deleted first; none for a caller who may not look there.
///
/// # Errors
/// What the directory refused for another reason.
pub async fn buried(administrator: &Administrator, who: &str) -> Result<Vec<Application>, ClientError> {
    let graph = &administrator.graph;
    let found = match who.trim().parse::<ClientId>() {
        Ok(client) => graph.deleted_application(client).await.map(|one| one.into_iter().collect()),
        Err(_) => graph.deleted_applications_named(who).await,
    };
    let mut found: Vec<Application> = match found {
        Err(error) if error.graph().is_some_and(|refusal| refusal.status == 403) => return Ok(Vec::new()),
        found => found?,
    };
    let is_meant = |one: &Application| one.display_name.as_deref() == Some(who) || who.trim().parse() == Ok(one.app_id);
    found.retain(|one| is_ours(one) && is_meant(one));
    found.sort_by_key(|one| std::cmp::Reverse(one.deleted_date_time));
    Ok(found)
}

/// Removes the application user, the role that was made for it (called `role`), the service principal,
/// the registration and the keys, in the order that leaves nothing unreachable when the run is killed:
/// each is found through something that is removed after it. What is not there is said to be absent.
///
/// A registration that Keyholder did not make stays, unless `reach` says otherwise; only the secrets that were made
/// for these places are taken off it. Roles that Keyholder made under other names stay, and are told of.
///
/// # Errors
/// The first step's that fails; a further run goes on from there.
pub async fn remove(
    administrator: &Administrator,
    name: &str,
    found: Option<&Found>,
    role: &str,
    places: &[Place<'_>],
    reach: Reach,
    reporter: &dyn Reporter,
) -> Result<(), Error> {
    let run = Run { administrator, name, reporter, reach };
    let is_ours = found.is_none_or(Found::is_ours);
    if let Some(found) = found {
        refuse_the_caller(administrator, found).await?;
    }
    let mut beside = Vec::new();
    if !is_ours && reach.leaves_users_of_others {
        let kept = Event::new(Step::ApplicationUser, Outcome::Kept, format!("application user of `{name}`"));
        reporter.done(&kept.note("Keyholder did not make the registration that it belongs to"));
    } else {
        beside = run.user(found).await?;
    }
    run.role(role, found, is_ours).await?;
    for one in beside.iter().filter(|one| one.name != role) {
        let kept = Event::new(Step::Role, Outcome::Kept, format!("security role `{}`", one.name));
        reporter.done(&kept.note(one.why_it_stays()).fact("roleId", &one.id));
    }
    run.principal(found, is_ours).await?;
    run.registration(found, is_ours, places).await?;
    if reach.purges {
        run.purge(found).await?;
    }
    for place in places {
        run.key(found, *place).await?;
    }
    Ok(())
}

impl Reach {
    fn leaves_registration(self) -> bool {
        self.elsewhere != Elsewhere::No
    }
}

/// What in the directory's recycle bin a removal that purges deletes for good: what [`buried`] finds, but for what
/// says that another declaration made it. Nothing where the living registration stays: then those that are
/// buried are not known to be its own forerunners.
///
/// # Errors
/// As [`buried`].
pub async fn to_purge(
    administrator: &Administrator,
    name: &str,
    found: Option<&Found>,
    reach: Reach,
) -> Result<Vec<Application>, Error> {
    if reach.leaves_registration() || !(reach.others_too || found.is_none_or(Found::is_ours)) {
        return Ok(Vec::new());
    }
    let looked = buried(administrator, name).await;
    let mut all = looked.while_doing(|| "look into the directory's recycle bin".to_owned())?;
    let client = found.map(|found| found.client_id);
    let last = all.iter().find(|one| Some(one.app_id) == client).and_then(declaration_of).map(str::to_owned);
    let own = found.and_then(Found::declaration).map(str::to_owned).or(last);
    all.retain(|one| declaration_of(one).is_none_or(|of| Some(of) == own.as_deref()));
    Ok(all)
}

impl Found {
    /// The declaration that the application says it is of.
    fn declaration(&self) -> Option<&str> {
        match (&self.registration, &self.principal) {
            (Some(registration), _) => declaration_of(registration),
            (None, Some(principal)) => declaration_in(&principal.tags),
            (None, None) => None,
        }
    }

    /// Whether neither directory nor org have anything of it.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.registration.is_none() && self.principal.is_none() && self.user.is_none() && self.deleted.is_empty()
    }

    /// An application that neither directory nor org know any more.
    fn gone(name: &str, client_id: ClientId) -> Self {
        Self { name: name.to_owned(), client_id, registration: None, principal: None, user: None, deleted: Vec::new() }
    }

    /// Whether Keyholder made the application, or nobody is left who could say.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        match (&self.registration, &self.principal) {
            (Some(registration), _) => is_ours(registration),
            (None, Some(principal)) => principal_is_ours(principal),
            (None, None) => true,
        }
    }
}

fn principal_is_ours(principal: &ServicePrincipal) -> bool {
    principal.tags.iter().any(|tag| tag == TAG)
}

/// What every step needs.
struct Run<'a> {
    administrator: &'a Administrator,
    name: &'a str,
    reporter: &'a dyn Reporter,
    reach: Reach,
}

#[derive(Deserialize)]
struct Holder {
    #[serde(rename = "systemuserid")]
    _id: Uuid,
}

#[derive(Deserialize)]
struct TeamHolder {
    #[serde(rename = "teamid")]
    _id: Uuid,
}

#[derive(Deserialize)]
struct RoleCopy {
    roleid: Uuid,
}

#[derive(Deserialize)]
struct RoleRow {
    name: String,
    description: Option<String>,
}

impl Run<'_> {
    /// Removes the user; which roles that Keyholder made it held beside its own.
    async fn user(&self, found: Option<&Found>) -> Result<Vec<RoleBeside>, Error> {
        let org = &self.administrator.org;
        let doing = || format!("remove the application user of `{}`", self.name);
        let event = Event::new(Step::ApplicationUser, Outcome::Absent, format!("application user of `{}`", self.name));
        let Some(found) = found else {
            self.reporter.done(&event);
            return Ok(Vec::new());
        };
        let beside = roles_beside(self.administrator, found).await.while_doing(doing)?;
        let mut deleted = found.deleted.clone();
        if let Some(user) = &found.user {
            self.take_roles(org, user.id).await.while_doing(doing)?;
            if !user.is_disabled {
                // The application id goes along: without it, real orgs refuse changes to such users.
                let changes = json!({ "isdisabled": true, "applicationid": found.client_id });
                tolerate_missing(org.update("systemusers", user.id, &changes).await).while_doing(doing)?;
            }
            tolerate_missing(org.delete("systemusers", user.id).await).while_doing(doing)?;
            deleted.push(user.id);
        }
        let mut event = match deleted.is_empty() {
            true => event,
            false => Event { outcome: Outcome::Removed, ..event }.fact("clientId", &found.client_id),
        };
        // The first delete leaves a row behind that blocks a new user of the same application.
        for row in deleted {
            match tolerate_missing(org.delete("systemusers", row).await) {
                Err(error) if self.reach.leaves_rows && is_associated(&error) => {
                    event = event.note("its row stays in the org, deleted, because rows there belong to it");
                }
                done => done.while_doing(doing)?,
            }
        }
        self.reporter.done(&event);
        Ok(beside)
    }

    async fn take_roles(&self, org: &Dataverse, user: Uuid) -> Result<(), ClientError> {
        let query = format!("systemusers({user})/systemuserroles_association?$select=roleid");
        for role in org.query(&query).collect_as::<RoleCopy>().await? {
            let row = ("systemusers", user);
            tolerate_missing(org.disassociate(row, "systemuserroles_association", role.roleid).await)?;
        }
        Ok(())
    }

    async fn role(&self, name: &str, found: Option<&Found>, is_ours: bool) -> Result<(), Error> {
        let org = &self.administrator.org;
        let doing = || format!("remove the role `{name}`");
        let me = org.who_am_i().await.while_doing(|| "ask the org who the administrator is".to_owned())?;
        let id = role_id(me.organization_id, name);
        let rows =
            org.query(format!("roles?$select=name,description&$filter=roleid eq {id}")).collect_as::<RoleRow>().await;
        let event = match rows.while_doing(doing)?.first() {
            None => Event::new(Step::Role, Outcome::Absent, format!("security role `{name}`")),
            Some(row) => {
                let event = Event::new(Step::Role, Outcome::Kept, format!("security role `{}`", row.name));
                let own = found.and_then(Found::declaration);
                // The name is the registration's, which others may have chosen: it alone deletes nothing.
                if !is_ours && !self.reach.others_too {
                    event.note("Keyholder did not make the application")
                } else if let Some(other) = other_declaration(row.description.as_deref(), own) {
                    event.note(format!("it says that the declaration `{other}` made it"))
                } else if self.is_held(id).await.while_doing(doing)? {
                    event.note("other users or teams hold it")
                } else {
                    tolerate_missing(org.delete("roles", id).await).while_doing(doing)?;
                    Event { outcome: Outcome::Removed, ..event }
                }
            }
        };
        self.reporter.done(&event.fact("roleId", &id));
        Ok(())
    }

    /// Whether anybody holds a role, or one of the copies that other business units have of it and that
    /// go with it.
    async fn is_held(&self, id: Uuid) -> Result<bool, ClientError> {
        let org = &self.administrator.org;
        let copies = format!("roles?$select=roleid&$filter=_parentrootroleid_value eq {id} and roleid ne {id}");
        let copies = org.query(&copies).collect_as::<RoleCopy>().await?;
        for role in std::iter::once(id).chain(copies.into_iter().map(|copy| copy.roleid)) {
            let users = format!("roles({role})/systemuserroles_association?$select=systemuserid&$top=1");
            let teams = format!("roles({role})/teamroles_association?$select=teamid&$top=1");
            let users = org.query(&users).collect_as::<Holder>();
            let teams = org.query(&teams).collect_as::<TeamHolder>();
            let (users, teams) = futures::try_join!(users, teams)?;
            if !users.is_empty() || !teams.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn principal(&self, found: Option<&Found>, is_ours: bool) -> Result<(), Error> {
        let event =
            Event::new(Step::ServicePrincipal, Outcome::Absent, format!("service principal of `{}`", self.name));
        let event = match found.and_then(|found| found.principal.as_ref()) {
            None => event,
            Some(_) if self.reach.leaves_registration() => {
                let why = if self.reach.elsewhere == Elsewhere::Yes { "other orgs need it" } else { UNKNOWN };
                Event { outcome: Outcome::Kept, ..event }.note(why)
            }
            Some(_) if !is_ours && !self.reach.others_too => {
                Event { outcome: Outcome::Kept, ..event }.note("Keyholder did not make the application")
            }
            Some(principal) => {
                let gone = tolerate_missing(self.administrator.graph.delete_service_principal(principal.id).await);
                gone.while_doing(|| format!("remove the service principal of `{}`", self.name))?;
                Event { outcome: Outcome::Removed, ..event }
            }
        };
        self.reporter.done(&event);
        Ok(())
    }

    async fn registration(&self, found: Option<&Found>, is_ours: bool, places: &[Place<'_>]) -> Result<(), Error> {
        let name = self.name;
        let doing = || format!("remove the app registration `{name}`");
        let event = Event::new(Step::Registration, Outcome::Absent, format!("app registration `{name}`"));
        let kept = |note: &str| Event { outcome: Outcome::Kept, ..event.clone() }.note(note);
        let event = match found.and_then(|found| found.registration.as_ref()) {
            None => event,
            Some(_) if self.reach.elsewhere == Elsewhere::Yes => kept("other orgs need it, and its keys"),
            Some(_) if self.reach.leaves_registration() => kept(UNKNOWN),
            Some(application) if is_ours || self.reach.others_too => {
                let gone = tolerate_missing(self.administrator.graph.delete_application(application.id).await);
                gone.while_doing(doing)?;
                let event = Event { outcome: Outcome::Removed, ..event };
                if self.reach.purges { event } else { event.note("the directory keeps it restorable for 30 days") }
            }
            Some(application) => {
                let removed = self.take_keys(application, places).await?;
                kept(&format!(
                    "Keyholder did not make it; {removed} of its secrets and certificates, which it did make, are removed"
                ))
            }
        };
        self.reporter.done(&event);
        Ok(())
    }

    /// Takes the secrets and certificates that were made for these places off somebody else's registration; how many.
    async fn take_keys(&self, application: &Application, places: &[Place<'_>]) -> Result<usize, Error> {
        let mut removed = 0;
        for place in places {
            let labels = Labels::of(place.sink)?;
            let held = match place.sink.load().await? {
                Kept::Key { key, .. } => key.key_id,
                _ => None,
            };
            let own = kept::of(application).filter(|credential| labels.is_own(credential, held));
            let own: Vec<KeyId> = own.map(|credential| credential.key_id).collect();
            removed += keys::remove(self.administrator, application, None, &own).await?;
        }
        Ok(removed)
    }

    /// Deletes for good what this and earlier removals left in the recycle bin.
    async fn purge(&self, found: Option<&Found>) -> Result<(), Error> {
        let graph = &self.administrator.graph;
        let doing = || format!("delete the app registration `{}` for good", self.name);
        let namesakes = to_purge(self.administrator, self.name, found, self.reach).await?;
        let mut applications: Vec<(ObjectId, ClientId)> = namesakes.iter().map(|one| (one.id, one.app_id)).collect();
        if let Some(application) = found.and_then(|found| found.registration.as_ref())
            && (self.reach.others_too || is_ours(application))
            && !self.reach.leaves_registration()
            && !applications.iter().any(|(id, _)| *id == application.id)
        {
            applications.push((application.id, application.app_id));
        }
        for (id, client) in &applications {
            // Its service principals first: they are found through it.
            for principal in graph.deleted_service_principals(*client).await.while_doing(doing)? {
                tolerate_missing(graph.purge(principal).await).while_doing(doing)?;
            }
            tolerate_missing(graph.purge(*id).await).while_doing(doing)?;
        }
        if !applications.is_empty() {
            let subject = format!("app registration `{}` in the directory's recycle bin", self.name);
            let event = Event::new(Step::Registration, Outcome::Removed, subject);
            self.reporter.done(&event.note("it cannot be restored any more"));
        }
        Ok(())
    }

    async fn key(&self, found: Option<&Found>, place: Place<'_>) -> Result<(), Error> {
        let event =
            |outcome| Event::new(Step::ClientSecret, outcome, format!("client secret in `{}`", place.sink.place()));
        let foreign = if place.is_ours { None } else { self.why_foreign(found, place.sink).await? };
        let event = match foreign {
            Some(reason) => event(Outcome::Kept).note(reason),
            None if self.reach.elsewhere == Elsewhere::Yes => event(Outcome::Kept).note("it still opens other orgs"),
            // Without a registration it opens nothing.
            None if self.reach.leaves_registration() && found.is_some_and(|found| found.registration.is_some()) => {
                event(Outcome::Kept).note(UNKNOWN)
            }
            None => {
                let removed = place.sink.remove().await?;
                event(if removed { Outcome::Removed } else { Outcome::Absent })
            }
        };
        self.reporter.done(&event);
        Ok(())
    }

    /// Why what stands in a place is not removed with the application.
    async fn why_foreign(&self, found: Option<&Found>, sink: &dyn SecretSink) -> Result<Option<&'static str>, Error> {
        Ok(match sink.load().await? {
            Kept::Nothing => None,
            Kept::Key { key, .. } if found.is_some_and(|found| found.client_id == key.client_id) => None,
            Kept::Key { .. } => Some("it is another application's"),
            // A bare secret says nothing of its own; what stands beside it does.
            Kept::Text { written: Some(of), .. } if found.is_some_and(|found| found.client_id == of.client_id) => None,
            Kept::Text { .. } | Kept::Foreign(_) => {
                Some("nothing says that it is this application's: remove it by hand")
            }
            Kept::OutOfSight => Some("it was handed to a program: remove it there"),
            Kept::Sealed => Some("it is never shown whose it is: remove it there"),
            Kept::Unusable(_) => Some("it is no key of this application"),
        })
    }
}

fn is_associated(error: &ClientError) -> bool {
    error.dataverse().is_some_and(|refusal| refusal.code == ASSOCIATED)
}
