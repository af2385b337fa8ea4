//! From a user name and a password to an application: a successor with the same rights, and what
//! still uses the old way.

use std::collections::BTreeMap;
use std::time::Duration;

use keyholder_client::Error as ClientError;
use serde::Serialize;

use super::access::Access;
use super::predecessor::{self, Predecessor, StillUsed, Team};
use super::problem::Problem;
use crate::Administrator;
use crate::apply::{Proving, Provisioned};
use crate::declaration::{ApplicationUser, Credential, Declaration, Org, Role, RoleSource, Sink};
use crate::error::{Error, While};
use crate::report::{Event, Outcome, Reporter, Step};
use crate::{Estate, Sinks, bring_about};

/// The org's name in the declaration that is made here.
const ORG: &str = "org";

/// What the successor shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Successor {
    /// The registration's name.
    pub name: String,
    /// How long its client secret works.
    pub lifetime: Duration,
    /// Where its client secret goes.
    pub sink: Sink,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Migrated {
    /// The user name of the old one.
    pub user_name: String,
    /// The successor, proved.
    pub successor: Option<Provisioned>,
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
    let estate = Estate::new(&declaration, BTreeMap::from([(ORG.to_owned(), Ok(administrator.clone()))]));
    let sinks = Sinks::of(&declaration)?;
    let (plan, applied) = bring_about(&estate, &declaration, &sinks, Proving { all: true, rows: 1 }, reporter).await?;
    let made = applied.proved.into_iter().next();
    let mut changed = plan.has_changes();
    let mut teams = Vec::new();
    if let Some(made) = &made {
        for team in old.teams.iter().filter(|team| team.takes_members) {
            changed |= join(access, made, team, reporter).await?;
            teams.push(team.name.clone());
        }
    }
    let roles = declaration.roles.values().map(|role| role.name.clone()).collect();
    Ok(Migrated {
        user_name: user_name.to_owned(),
        successor: made,
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
    let own = old.user.roles.iter().map(|role| role.name.clone());
    let mut names: Vec<String> = own.collect();
    for team in old.teams.iter().filter(|team| !team.takes_members) {
        missing.push(format!(
            "it is not in the team `{}`, whose members come from a group of the directory; the team's roles are its own",
            team.name
        ));
        names.extend(team.roles.iter().map(|role| role.name.clone()));
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
        credentials: vec![Credential::Secret { lifetime: successor.lifetime, sink: successor.sink.clone() }],
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

/// Puts the successor into a team; whether it was not there before.
async fn join(access: &Access, made: &Provisioned, team: &Team, reporter: &dyn Reporter) -> Result<bool, Error> {
    let Some(org) = access.orgs.first() else { return Ok(false) };
    let doing = || format!("put `{}` into the team `{}`", made.name, team.name);
    let query = format!("systemusers({})/teammembership_association?$select=teamid", made.user_id);
    let teams = org.org.query(&query).collect().await.while_doing(doing)?;
    let id = team.id.to_string();
    let is_in = teams.iter().any(|row| row.get("teamid").and_then(serde_json::Value::as_str) == Some(id.as_str()));
    let outcome = if is_in {
        Outcome::Found
    } else {
        let pair = (("teams", team.id), ("systemusers", made.user_id));
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
