//! One application user with all that can be told of it, and what its roles really grant.

use std::collections::BTreeSet;

use serde::Serialize;
use uuid::Uuid;

use super::find::Found;
use super::survey::{Directory, Held, Listed, held, listed};
use crate::Administrator;
use crate::declaration::in_words;
use crate::error::{Error, While};
use crate::granted::Privileges;
use crate::non_interactive::{Team, teams_of};
use crate::observe::{everyone, read_rights, read_roles};

/// An application user with what it may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// What a list says of it.
    #[serde(flatten)]
    pub listed: Listed,
    /// The teams that it is a member of, but the business unit's own.
    pub teams: Vec<Team>,
    /// What each role grants, its own first, then those of its teams.
    pub grants: Vec<RoleShown>,
    /// What could not be told, a sentence each.
    pub notes: Vec<String>,
}

/// What a role grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleShown {
    /// The role.
    #[serde(flatten)]
    pub role: Held,
    /// The team that has it; nothing for the user's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// What it grants, a sentence each; nothing when its privileges cannot be read.
    pub grants: Option<Vec<String>>,
}

/// Reads what there is about an application's user in the org.
///
/// # Errors
/// [`Error::Stopped`] when it has none there, and what the services refused.
pub async fn show(administrator: &Administrator, found: &Found) -> Result<Detail, Error> {
    let user = found.user(administrator)?;
    let doing = || format!("read what `{}` may do", found.name);
    let (org, clients) = (&administrator.org, [found.client_id]);
    let read = futures::future::join4(
        everyone(org),
        teams_of(org, user.id),
        Directory::read(administrator, &clients),
        administrator.graph.last_sign_ins(),
    );
    let (there, teams, directory, sign_ins) = read.await;
    let (mut there, teams, directory) = (there.while_doing(doing)?, teams.while_doing(doing)?, directory?);
    let mut notes = Vec::new();
    let last = match sign_ins {
        Ok(sign_ins) => sign_ins.get(&found.client_id).copied(),
        Err(error) => {
            notes.push(format!("when it signed in last cannot be told: {error}"));
            None
        }
    };
    // The roles of this one user are what is read in depth.
    there.users.retain(|row| row.id == user.id);
    let own: Vec<Uuid> = there.users.iter().flat_map(|row| row.roles.clone()).collect();
    let theirs: Vec<(String, Uuid)> =
        teams.iter().flat_map(|team| team.roles.iter().map(|role| (team.name.clone(), role.id))).collect();
    let of_teams: BTreeSet<Uuid> = theirs.iter().map(|(_, id)| *id).collect();
    there.roles.retain(|role| own.contains(&role.id));
    there.roles.extend(read_roles(org, &of_teams).await.while_doing(doing)?);
    read_rights(org, &mut there).await.while_doing(doing)?;

    let privileges = Privileges::known();
    let shown = |id: Uuid, team: Option<String>| {
        let role = there.role(id)?;
        let held = held(&there, id)?;
        let grants = match (held.is_system_administrator, privileges.rights(&there, role)) {
            (true, _) => Some(vec!["may do everything in the org".to_owned()]),
            (false, rights) => rights.map(|rights| in_words(&rights)),
        };
        Some(RoleShown { role: held, team, grants })
    };
    let grants = own.iter().map(|id| (*id, None)).chain(theirs.into_iter().map(|(team, id)| (id, Some(team))));
    let grants = grants.filter_map(|(id, team)| shown(id, team)).collect();
    let row =
        there.users.first().ok_or_else(|| Error::Unplanned(format!("the application user of `{}`", found.name)))?;
    let listed = listed(&there, row, &directory, last.as_ref(), administrator.now());
    Ok(Detail { listed, teams, grants, notes })
}
