//! An application user for a caller who is no user of the org, through Power Platform's `addAppUser`.
//!
//! That service gives every application System Administrator, which nothing should have for longer than
//! it must. So the elevation is written into the [journal](crate::journal) before it happens; then the
//! application itself, signed in with its own key, makes its role and gives it to itself, and last takes
//! System Administrator off itself; that is read back, and only then the record is struck out. Whatever
//! goes wrong in between, it is taken off all the same; what a killed run left, any later run takes off
//! ([`strip_left`]).

use std::collections::BTreeMap;
use std::time::Duration;

use keyholder_client::{Connection, Dataverse, Error as ClientError, PowerPlatform};
use keyholder_foundation::ClientId;
use serde::Deserialize;
use uuid::Uuid;

use super::find::{Found, users_of};
use crate::Administrator;
use crate::apply::{Applied, Proving, apply};
use crate::declaration::{ApplicationUser, Credential, Declaration, ONE_ORG, RoleSource, Sink};
use crate::error::{Error, While};
use crate::estate::Estate;
use crate::journal::{Journal, KeyFile, Loan, Recorded};
use crate::observe::{Look, Observation, address, held, observe};
use crate::patience::{key_not_seen, rights_not_seen};
use crate::plan::{
    Finding, Found as Registered, Leave, Plan, SYSTEM_ADMINISTRATOR, find_registration, is_system_administrator, plan,
};
use crate::report::{Event, Outcome, Reporter, Step};
use crate::sink::{Kept, Key, Sinks, open};
use crate::wishes::Wishes;

/// The org refuses for want of a privilege, or of any role: nobody with System Administrator is told so.
const NOT_ADMINISTRATORS: [&str; 2] = ["0x80040220", "0x80042f09"];
/// The org does not know the caller.
const NO_MEMBER: &str = "0x80072560";

/// After this long, an application that is no user of the org does not become one any more.
const LATEST: Duration = Duration::from_secs(60 * 60);

/// Whether the org says that the caller is none of its users.
#[must_use]
pub fn is_no_member(error: &ClientError) -> bool {
    error.dataverse().is_some_and(|refusal| refusal.code == NO_MEMBER)
}

/// Whether this way is one for that application.
///
/// # Errors
/// [`Error::Stopped`] when it is not: the application must be able to sign in from here, and must not be
/// meant to keep what is taken off it.
pub fn check(declaration: &Declaration) -> Result<(), Error> {
    for (name, user) in &declaration.application_users {
        let stop = |why: &str, hint: &str| Err(Error::Stopped(vec![Finding::not_via_admin_api(name, why, hint)]));
        if key_file(user).is_none() {
            return stop(
                "it signs in as the application itself, for which its key must be in a file",
                "say `--save-env` or `--save-secret`",
            );
        }
        if user.business_unit.is_some() {
            return stop(
                "moving a user to another business unit takes its roles away, System Administrator too, before it has others",
                "leave `--business-unit` out, or do it as an administrator of the org",
            );
        }
        let is_boss = |role: &String| {
            let role = declaration.roles.get(role);
            role.is_some_and(|role| {
                role.source == RoleSource::Existing && role.name.eq_ignore_ascii_case("System Administrator")
            })
        };
        if user.roles.iter().any(is_boss) {
            return stop(
                "System Administrator is what it takes off at the end",
                "do it as an administrator of the org",
            );
        }
    }
    Ok(())
}

/// The first of an application's keys that stands in a file.
fn key_file(user: &ApplicationUser) -> Option<KeyFile> {
    user.credentials.iter().find_map(|credential| match credential {
        Credential::Secret { sink, .. } | Credential::Certificate { sink, .. } => match sink {
            Sink::EnvFile(path) => Some(KeyFile { path: path.clone(), is_env: true }),
            Sink::File(path) => Some(KeyFile { path: path.clone(), is_env: false }),
            _ => None,
        },
        Credential::Federated(_) => None,
    })
}

impl KeyFile {
    /// The key that stands there, of that application.
    async fn key(&self, administrator: &Administrator, client: ClientId) -> Result<Option<Key>, Error> {
        let sink = if self.is_env { Sink::EnvFile(self.path.clone()) } else { Sink::File(self.path.clone()) };
        Ok(match open(&sink, None)?.load().await? {
            Kept::Key { key, .. } if key.client_id == client => Some(*key),
            Kept::Text { text, .. } => {
                Some(Key { secret: text, ..address(administrator, &administrator.connection.url, client)? })
            }
            _ => None,
        })
    }
}

/// The application itself, in the caller's place in the org; the directory stays the caller's.
async fn as_application(
    caller: &Administrator,
    file: &KeyFile,
    client: ClientId,
) -> Result<Option<Administrator>, Error> {
    let doing = || "sign in as the application itself".to_owned();
    let Some(key) = file.key(caller, client).await? else { return Ok(None) };
    let own = key.connection().map_err(ClientError::from).while_doing(doing)?;
    let connection = Connection { url: caller.connection.url.clone(), client_id: client, ..own };
    let org = Dataverse::connect(&connection, caller.http.clone()).await.while_doing(doing)?;
    Ok(Some(Administrator { connection, org, ..caller.clone() }))
}

/// Does the org's part of a declaration of one application, whose directory part is done: lets the
/// application in with System Administrator, has it bring about the rest itself, takes that off it, and
/// proves the way in. Nothing where it has all of that already.
///
/// # Errors
/// What stands in the way, and the first thing that fails; System Administrator is taken off all the
/// same, and when even that fails, both are said ([`Error::Elevated`]), and the next run does it.
pub async fn by_admin_api(
    caller: &Administrator,
    journal: &Journal,
    declaration: &Declaration,
    sinks: &Sinks,
    leave: Leave,
    reporter: &dyn Reporter,
) -> Result<Option<Applied>, Error> {
    check(declaration)?;
    let Some((name, user)) = declaration.application_users.iter().next() else {
        return Err(Error::Unplanned("an application user".to_owned()));
    };
    let client = client_id(caller, declaration, sinks, name, user).await?;
    let file = key_file(user).ok_or_else(|| Error::Unplanned(format!("a key of `{name}` in a file")))?;
    let application = as_application(caller, &file, client).await?;
    let application = application.ok_or_else(|| Error::Unplanned(format!("the key of `{name}`")))?;
    let url = caller.connection.url.clone();
    let loan = Loan::Elevation { org: url.to_string(), client_id: client, key: Some(file) };
    // What an earlier run lent is its record's to tell; all else is somebody's who wants it to stay.
    let is_left = journal.all()?.iter().any(|(one, _)| one.is_same(&loan));
    if !is_left || take_off_left(&application, name, journal.record(loan.clone(), caller.now())?, reporter).await? {
        if is_administrator(&application, reporter).await? {
            let why = "it has System Administrator already, which Keyholder did not lend it and would take off it";
            let hint = "take that role off it first, or do it as an administrator of the org";
            return Err(Error::Stopped(vec![Finding::not_via_admin_api(name, why, hint)]));
        }
        if has_it_all(&application, declaration, user).await {
            return Ok(None);
        }
    }

    let tokens = caller.org.tokens().clone();
    let platform = PowerPlatform::connect(tokens, url.as_url().host_str(), caller.http.clone());
    let platform = platform.while_doing(|| "ask Power Platform for the environment".to_owned())?;
    let environment = platform.environment_of(&url).await;
    let environment = environment.while_doing(|| "ask Power Platform for the environment".to_owned())?;
    let Some(environment) = environment else {
        let hint = "it must be an org of the tenant that the caller administers";
        return Err(Error::Stopped(vec![Finding::not_via_admin_api(name, "no environment has that org", hint)]));
    };

    let recorded = journal.record(loan, caller.now())?;
    let added = platform.add_app_user(&environment.id, client).await;
    let done = match added.while_doing(|| format!("let `{name}` into the org through Power Platform")) {
        Ok(()) => {
            let event = Event::new(Step::ApplicationUser, Outcome::Created, format!("application user of `{name}`"));
            reporter.done(
                &event.note("Power Platform made it, with System Administrator for a moment").fact("clientId", &client),
            );
            bring_about_itself(&application, declaration, sinks, leave, reporter).await
        }
        Err(error) => Err(error),
    };
    // Whatever came of it, and even if the answer alone was lost.
    let off = strip(&application, client).await;
    let (off, done) = match (off, done) {
        // It may come in yet, or its role: the record stays, and a later run looks again.
        (Ok(Off::NoMember | Off::HadNot), Err(error)) => return Err(error),
        (Ok(off), done) => (off, done),
        (Err(taking_off), Err(first)) => {
            return Err(Error::Elevated { name: name.clone(), first: Box::new(first), taking_off });
        }
        (Err(error), Ok(_)) => {
            return Err(error).while_doing(|| format!("take System Administrator off `{name}` again"));
        }
    };
    if off == Off::Taken {
        recorded.strike()?;
        tell_taken(reporter);
    } else {
        // It was there to do all of this, so that was an old answer: the record stays, and later runs look again.
        drop(recorded);
    }
    let (mut seen, plan) = done?;
    // Only now does a proof prove anything. That it has the other rights, the plan has just seen; the
    // application itself may not ask.
    seen.wishes.keep_reads();
    let estate = estate(declaration, &application);
    let proving = Proving { all: true, ..Proving::default() };
    let mut applied = apply(&estate, declaration, &seen, &plan, sinks, proving, reporter).await;
    applied.changed = true;
    Ok(Some(applied))
}

/// Whether the application says itself that it may do all that is wanted: then nothing has to be lent to
/// it. Only one that may read users can say so; and what a role that the org has grants cannot be told
/// from outside.
async fn has_it_all(application: &Administrator, declaration: &Declaration, user: &ApplicationUser) -> bool {
    let is_known = |role: &String| {
        let role = declaration.roles.get(role);
        role.is_some_and(|role| matches!(role.source, RoleSource::Rights(_)))
    };
    if user.roles.is_empty() || !user.roles.iter().all(is_known) {
        return false;
    }
    let Ok(me) = application.org.who_am_i().await else { return false };
    let Ok(held) = held(&application.org, me.user_id).await else { return false };
    let wishes = Wishes::of(declaration);
    let mut wanted = user.roles.iter().flat_map(|role| wishes.role(role)).filter(|wish| !wish.optional);
    wanted.all(|wish| held.iter().any(|held| held.is_at_least(&wish.name, wish.depth)))
}

fn tell_taken(reporter: &dyn Reporter) {
    let event =
        Event::new(Step::RoleAssignment, Outcome::Removed, "role `System Administrator` on the application user");
    reporter.done(&event.note("it was read back: the application does not have it any more"));
}

/// Takes off what an earlier run left and could not be taken off with the key where it was then; whether
/// that is settled now. Otherwise the record stays.
async fn take_off_left(
    application: &Administrator,
    name: &str,
    recorded: Recorded,
    reporter: &dyn Reporter,
) -> Result<bool, Error> {
    let doing = || format!("take System Administrator off `{name}`, where a stopped run left it");
    let off = strip(application, application.connection.client_id).await.while_doing(doing)?;
    if off != Off::Taken {
        return Ok(false);
    }
    recorded.strike()?;
    tell_taken(reporter);
    Ok(true)
}

/// Whether the application has System Administrator, as it says itself; nobody who has it is kept from
/// asking.
async fn is_administrator(application: &Administrator, reporter: &dyn Reporter) -> Result<bool, Error> {
    let doing = || "ask the application itself whether it has System Administrator already".to_owned();
    let what = "the token service to know the new key";
    let http = &application.http;
    let asked = application.patience.wait_for(what, http, reporter, key_not_seen, || standing(&application.org)).await;
    match asked.while_doing(doing)? {
        Standing::Known { bosses, .. } => Ok(!bosses.is_empty()),
        Standing::NoMember | Standing::NoAdministrator => Ok(false),
    }
}

fn estate(declaration: &Declaration, application: &Administrator) -> Estate {
    Estate::new(declaration, BTreeMap::from([(ONE_ORG.to_owned(), Ok(application.clone()))]))
}

/// Which application is meant, as the directory has it by now.
async fn client_id(
    caller: &Administrator,
    declaration: &Declaration,
    sinks: &Sinks,
    name: &str,
    user: &ApplicationUser,
) -> Result<ClientId, Error> {
    let estate = estate(declaration, caller);
    let seen = observe(&estate, declaration, sinks, Look::default()).await?;
    let directory = seen.directories.values().flatten().next();
    let directory = directory.ok_or_else(|| Error::Unplanned("the directory".to_owned()))?;
    match find_registration(name, user, declaration.name.as_deref(), directory) {
        Ok(Registered::Registration(application)) => Ok(application.app_id),
        Ok(Registered::Abroad(client)) => Ok(client),
        Ok(Registered::Nothing) => Err(Error::Unplanned(format!("the registration of `{name}`"))),
        Err(finding) => Err(Error::Stopped(vec![*finding])),
    }
}

/// Plans and does the org's part as the application, which is System Administrator for now; what there is
/// in the end, with a plan that has nothing left to do.
async fn bring_about_itself(
    application: &Administrator,
    declaration: &Declaration,
    sinks: &Sinks,
    leave: Leave,
    reporter: &dyn Reporter,
) -> Result<(Observation, Plan), Error> {
    let http = &application.http;
    let what = "the org to know the new user";
    let known = application.patience.wait_for(what, http, reporter, rights_not_seen, || application.org.who_am_i());
    known.await.while_doing(|| "sign in to the org as the application itself".to_owned())?;
    let estate = estate(declaration, application);
    let look = async || -> Result<(Observation, Plan), Error> {
        let mut seen = observe(&estate, declaration, sinks, Look::default()).await?;
        forget_elevation(&mut seen);
        let plan = plan(declaration, &seen, leave);
        let stops: Vec<Finding> = plan.stops().cloned().collect();
        if stops.is_empty() { Ok((seen, plan)) } else { Err(Error::Stopped(stops)) }
    };
    let (seen, made) = look().await?;
    // Without keys nothing is proved: with System Administrator that would say nothing.
    let mut unproved = declaration.clone();
    for user in unproved.application_users.values_mut() {
        user.credentials.clear();
    }
    let mut applied = apply(&estate, &unproved, &seen, &made, sinks, Proving::default(), reporter).await;
    if !applied.failures.is_empty() {
        return Err(applied.failures.swap_remove(0).error);
    }
    look().await
}

/// What is taken off at the end is nothing that a plan should tell of.
fn forget_elevation(seen: &mut Observation) {
    for there in seen.orgs.values_mut().flatten() {
        let is_boss =
            |role: &Uuid| there.roles.iter().any(|known| known.id == *role && is_system_administrator(known.template));
        for user in &mut there.users {
            user.roles.retain(|role| !is_boss(role));
        }
    }
}

#[derive(Deserialize)]
struct HeldRole {
    roleid: Uuid,
    #[serde(rename = "_roletemplateid_value", default)]
    template: Option<Uuid>,
}

/// What became of an elevation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Off {
    /// It was taken off.
    Taken,
    /// The application does not have it, or not yet: what it was given takes its time to be known.
    HadNot,
    /// The application is no user of the org.
    NoMember,
}

/// What an application is in its org, as it says itself.
enum Standing {
    /// No user.
    NoMember,
    /// A user who may not look, which System Administrator may.
    NoAdministrator,
    /// A user, and which of its roles are System Administrator.
    Known { me: Uuid, bosses: Vec<Uuid> },
}

async fn standing(org: &Dataverse) -> Result<Standing, ClientError> {
    let known = async {
        let me = org.who_am_i().await?.user_id;
        Ok(Standing::Known { me, bosses: bosses(org, me).await? })
    };
    match known.await {
        Err(error) if is_no_member(&error) => Ok(Standing::NoMember),
        Err(error) if is_no_administrator(&error) => Ok(Standing::NoAdministrator),
        known => known,
    }
}

/// Which of a user's roles are System Administrator.
async fn bosses(org: &Dataverse, user: Uuid) -> Result<Vec<Uuid>, ClientError> {
    let query = format!("systemusers({user})/systemuserroles_association?$select=roleid,_roletemplateid_value");
    let held = org.query(&query).collect_as::<HeldRole>().await?;
    Ok(held.iter().filter(|role| is_system_administrator(role.template)).map(|role| role.roleid).collect())
}

/// Takes System Administrator off the application, as the application. Read back before it is believed.
async fn strip(application: &Administrator, client: ClientId) -> Result<Off, ClientError> {
    let mut off = Off::HadNot;
    // Taken off, then looked at again: twice is once too many.
    for _ in 0..3 {
        let (me, bosses) = match standing(&application.org).await? {
            Standing::Known { me, bosses } if !bosses.is_empty() => (me, bosses),
            Standing::NoMember if off == Off::HadNot => return Ok(Off::NoMember),
            _ => return Ok(off),
        };
        for role in bosses {
            off = Off::Taken;
            application.org.disassociate(("systemusers", me), "systemuserroles_association", role).await?;
        }
    }
    Err(ClientError::Protocol {
        origin: application.connection.url.to_string(),
        found: format!("System Administrator still on {client} after it was taken off"),
    })
}

fn is_no_administrator(error: &ClientError) -> bool {
    error.dataverse().is_some_and(|refusal| NOT_ADMINISTRATORS.contains(&refusal.code.as_str()))
}

/// Takes off what killed runs left: System Administrator on applications that were to have it for a
/// moment. A sentence for each.
///
/// # Errors
/// What the journal says. What a service says is among the sentences, and the next run tries again.
pub async fn strip_left(caller: &Administrator, journal: &Journal) -> Result<Vec<String>, Error> {
    let mut told = Vec::new();
    for recorded in journal.left()? {
        let Loan::Elevation { org, client_id, key } = recorded.loan.clone() else { continue };
        let Ok(url) = org.parse() else { continue };
        let is_early = caller.now() < recorded.since.plus(LATEST);
        let is_here = caller.connection.url == url;
        let there = Administrator { connection: Connection { url, ..caller.connection.clone() }, ..caller.clone() };
        let stripped = async {
            let Some(file) = &key else { return Ok(None) };
            let Some(application) = as_application(&there, file, client_id).await? else { return Ok(None) };
            let doing = || format!("take System Administrator off {client_id} in {org}");
            strip(&application, client_id).await.while_doing(doing).map(Some)
        };
        match stripped.await {
            // Power Platform may bring it in yet, or give it the role.
            Ok(Some(Off::NoMember | Off::HadNot)) if is_early => {}
            Ok(Some(off)) => {
                recorded.strike()?;
                if off == Off::Taken {
                    told.push(format!(
                        "took System Administrator off {client_id} in {org}, where a stopped run had left it"
                    ));
                }
            }
            // Without its key, what the caller can see must do.
            Ok(None) | Err(_) if !is_early && is_here && is_off(caller, client_id).await => recorded.strike()?,
            Ok(None) => told.push(format!(
                "{client_id} may still have System Administrator in {org}: a run was stopped, and its key is not where \
                 it was written to; take the role off it there, or run that command again"
            )),
            Err(error) => told.push(format!("{client_id} may still have System Administrator in {org}: {error}")),
        }
    }
    Ok(told)
}

/// Whether the caller can see that an application does not have System Administrator: the directory knows
/// it no more, nor can it be restored there; or the org shows its user without that role.
async fn is_off(caller: &Administrator, client: ClientId) -> bool {
    let graph = &caller.graph;
    let is_unknown = async {
        let registrations = graph.applications_of(&[], &[client]).await?;
        let principals = graph.service_principals_of(&[client]).await?;
        let buried = graph.deleted_application(client).await?;
        Ok::<_, ClientError>(registrations.is_empty() && principals.is_empty() && buried.is_none())
    };
    if is_unknown.await.unwrap_or_default() {
        return true;
    }
    // Rows that a caller may not see are left out without a word: the user must be seen, and the role.
    let is_seen_without = async {
        let role = format!("roles?$select=roleid&$filter=_roletemplateid_value eq {SYSTEM_ADMINISTRATOR}&$top=1");
        if caller.org.query(&role).collect_as::<HeldRole>().await?.is_empty() {
            return Ok(false);
        }
        let users = users_of(caller, client).await?;
        let mut is_free = !users.is_empty();
        for user in users {
            is_free = is_free && bosses(&caller.org, user.id).await?.is_empty();
        }
        Ok::<_, ClientError>(is_free)
    };
    is_seen_without.await.unwrap_or_default()
}

/// Strikes the records of an application whose user was removed from the org, its roles first: of what was lent to it,
/// and of a key that was made for a program.
///
/// # Errors
/// What the journal says; a later run then looks again.
pub fn strike_removed(removed: &Found, administrator: &Administrator, journal: &Journal) -> Result<(), Error> {
    let client_id = removed.client_id;
    let lent = Loan::Elevation { org: administrator.connection.url.to_string(), client_id, key: None };
    let key = Loan::Key { tenant: administrator.tenant(), client_id };
    for recorded in journal.left()? {
        // A user who was not there may come in yet.
        if recorded.loan.is_same(&key) || (recorded.loan.is_same(&lent) && removed.user.is_some()) {
            recorded.strike()?;
        }
    }
    Ok(())
}
