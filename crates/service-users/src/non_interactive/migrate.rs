//! From a user name and a password to an application: a successor with the same rights, and what
//! still uses the old way.

use std::collections::BTreeMap;

use keyholder_client::Error as ClientError;
use keyholder_foundation::ClientId;
use serde::Serialize;
use uuid::Uuid;

use super::access::{Access, OrgAccess};
use super::predecessor::{self, Predecessor, StillUsed, Team};
use super::problem::Problem;
use super::rows::AssignedRole;
use crate::apply::{Proving, Provisioned, Unproved};
use crate::declaration::{ApplicationUser, Credential, Declaration, Org, Role, RoleSource};
use crate::error::{Error, While};
use crate::report::{Event, Outcome, Reporter, Step};
use crate::{Administrator, Borrowing};
use crate::{Estate, Sinks, bring_about};

/// The org's name in the declaration that is made here.
const ORG: &str = "org";

/// What the successor shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// The registration's name.
    pub name: String,
    /// How it signs in.
    pub credentials: Vec<Credential>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Migrated {
    /// The user name of the old one.
    pub user_name: String,
    /// The successor, where its way in was proved.
    pub successor: Option<Provisioned>,
    /// Why it was not, and how it is.
    pub unproved: Option<Unproved>,
    /// The successor's user in the org.
    pub user_id: Option<Uuid>,
    /// The business unit of both.
    pub business_unit: String,
    /// The roles that the successor has of its own, by name.
    pub roles: Vec<String>,
    /// The teams that it is in, by name.
    pub teams: Vec<String>,
    /// What it does not have, one sentence each.
    pub missing: Vec<String>,
    /// What still signs in as the old one.
    pub still_used: Vec<StillUsed>,
    /// Whether anything was changed.
    pub changed: bool,
}

/// Makes an application user with the rights of a person's user in the org of `access`: in the same
/// business unit, with the same roles, in the same teams. The old one stays as it is: what still uses
/// it has to be moved first.
///
/// # Errors
/// The first step's that fails; a further run goes on from there.
pub async fn migrate(
    access: &Access,
    administrator: &Administrator,
    user_name: &str,
    successor: &Successor,
    notes: &mut Vec<String>,
    reporter: &dyn Reporter,
) -> Result<Migrated, Error> {
    let org = access.orgs.first().ok_or_else(|| Problem::NoSuchPerson { user_name: user_name.to_owned() })?;
    let old = predecessor::read(access, org, user_name).await?;
    let mut missing = Vec::new();
    let declaration = declare(&old, successor, org.url.clone(), &mut missing);
    let borrowing = Borrowing { journal: access.journal.clone(), random: access.random.clone() };
    let orgs = BTreeMap::from([(ORG.to_owned(), Ok(administrator.clone()))]);
    let estate = Estate::new(&declaration, orgs).borrowing(borrowing);
    let sinks = Sinks::of(&declaration, Some(&administrator.means()))?;
    let (plan, applied) = bring_about(&estate, &declaration, &sinks, Proving { all: true, rows: 1 }, reporter).await?;
    let (proved, unproved) = (applied.proved.into_iter().next(), applied.unproved.into_iter().next());
    let user_id = match (&proved, unproved.as_ref().and_then(|unproved| unproved.client_id)) {
        (Some(proved), _) => Some(proved.user_id),
        (None, Some(client_id)) => user_of(org, client_id).await?,
        (None, None) => None,
    };
    let mut changed = plan.has_changes();
    let mut teams = Vec::new();
    if let Some(user) = user_id {
        for team in old.teams.iter().filter(|team| team.takes_members && !rules_the_org(team)) {
            changed |= join(org, (&successor.name, user), team, reporter).await?;
            teams.push(team.name.clone());
        }
    }
    let roles = declaration.roles.values().map(|role| role.name.clone()).collect();
    Ok(Migrated {
        user_name: user_name.to_owned(),
        successor: proved,
        unproved,
        user_id,
        business_unit: old.unit.name.clone(),
        roles,
        teams,
        missing,
        still_used: predecessor::still_used(access, old.person, notes).await,
        changed,
    })
}

/// The successor as a declaration. A group of the directory takes no application as a member, so its
/// roles become the successor's own, where it can have them.
fn declare(
    old: &Predecessor,
    successor: &Successor,
    url: keyholder_client::OrgUrl,
    missing: &mut Vec<String>,
) -> Declaration {
    // Who may do everything is made by saying so, not along with the rest.
    let (all, own): (Vec<_>, Vec<_>) = old.user.roles.iter().partition(|role| role.is_system_administrator());
    missing.extend(
        all.iter().map(|role| format!("it does not have the role `{}`: it could do everything with it", role.name)),
    );
    let mut names: Vec<String> = own.iter().map(|role| role.name.clone()).collect();
    for team in old.teams.iter().filter(|team| team.takes_members && rules_the_org(team)) {
        missing.push(format!(
            "it is not in the team `{}`, which gives System Administrator: it could do everything",
            team.name
        ));
    }
    for team in old.teams.iter().filter(|team| !team.takes_members) {
        missing.push(format!(
            "it is not in the team `{}`, whose members come from a group of the directory; the team's roles are its own",
            team.name
        ));
        names.extend(team.roles.iter().filter(|role| !role.is_system_administrator()).map(|role| role.name.clone()));
    }
    names.sort_unstable();
    names.dedup();
    let roles: BTreeMap<_, _> = names
        .into_iter()
        .map(|name| (name.clone(), Role { name, source: RoleSource::Existing, adopt: false }))
        .collect();
    let user = ApplicationUser {
        name: successor.name.clone(),
        client_id: None,
        orgs: vec![ORG.to_owned()],
        business_unit: Some(old.unit.name.clone()),
        roles: roles.keys().cloned().collect(),
        credentials: successor.credentials.clone(),
        user_impersonation: false,
        multi_tenant: false,
    };
    Declaration {
        orgs: BTreeMap::from([(ORG.to_owned(), Org { url, tenant: None, environment: None })]),
        roles,
        application_users: BTreeMap::from([(successor.name.clone(), user)]),
        ..Declaration::default()
    }
}

/// Whether a team gives its members System Administrator.
fn rules_the_org(team: &Team) -> bool {
    team.roles.iter().any(AssignedRole::is_system_administrator)
}

/// The application user of an application, which was made just now.
async fn user_of(org: &OrgAccess, client_id: ClientId) -> Result<Option<Uuid>, Error> {
    let query = format!("systemusers?$select=systemuserid&$filter=applicationid eq {client_id}");
    let rows = org.org.query(&query).collect().await;
    let rows = rows.while_doing(|| format!("look for the application user of {client_id}"))?;
    Ok(rows.first().and_then(|row| row.get("systemuserid")?.as_str()?.parse().ok()))
}

/// Puts the successor into a team; whether it was not there before.
async fn join(
    org: &OrgAccess,
    (name, user): (&str, Uuid),
    team: &Team,
    reporter: &dyn Reporter,
) -> Result<bool, Error> {
    let doing = || format!("put `{name}` into the team `{}`", team.name);
    let query = format!("systemusers({user})/teammembership_association?$select=teamid");
    let teams = org.org.query(&query).collect().await.while_doing(doing)?;
    let id = team.id.to_string();
    let is_in = teams.iter().any(|row| row.get("teamid").and_then(serde_json::Value::as_str) == Some(id.as_str()));
    let outcome = if is_in {
        Outcome::Found
    } else {
        let pair = (("teams", team.id), ("systemusers", user));
        let done: Result<(), ClientError> = org.org.associate(pair.0, "teammembership_association", pair.1).await;
        done.while_doing(doing)?;
        Outcome::Created
    };
    let names: Vec<_> = team.roles.iter().map(|role| format!("`{}`", role.name)).collect();
    let event = Event::new(Step::Team, outcome, format!("team `{}`", team.name)).fact("teamId", &team.id);
    let roles =
        if names.is_empty() { "it gives no roles".to_owned() } else { format!("it gives {}", names.join(", ")) };
    reporter.done(&event.note(roles));
    Ok(outcome == Outcome::Created)
}
