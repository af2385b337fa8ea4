//! Who holds a role.

use std::collections::BTreeSet;

use keyholder_client::{Dataverse, Error as ClientError};
use keyholder_foundation::ClientId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::org::{UserRole, of_ids};

/// Who holds a role, in whichever of its copies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Holders {
    /// The users, application users among them.
    pub users: Vec<HolderSeen>,
    /// The teams, whose members have it too.
    pub teams: Vec<HolderSeen>,
}

/// A user or team that holds a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HolderSeen {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
    /// The application, for an application user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
}

#[derive(Deserialize)]
struct UserName {
    systemuserid: Uuid,
    #[serde(default)]
    fullname: Option<String>,
    #[serde(default)]
    applicationid: Option<ClientId>,
}

#[derive(Deserialize)]
struct TeamPair {
    teamid: Uuid,
}

#[derive(Deserialize)]
struct TeamName {
    teamid: Uuid,
    #[serde(default)]
    name: Option<String>,
}

/// Reads who holds these copies of a role: four requests, but for pages.
pub(crate) async fn holders_of(org: &Dataverse, copies: &BTreeSet<Uuid>) -> Result<Holders, ClientError> {
    let users = async {
        let pairs = "systemuserrolescollection?$select=systemuserid,roleid";
        let pairs: Vec<UserRole> = of_ids(org, pairs, "roleid", copies).await?;
        let ids: BTreeSet<Uuid> = pairs.into_iter().map(|pair| pair.systemuserid).collect();
        let query = "systemusers?$select=systemuserid,fullname,applicationid";
        of_ids::<UserName>(org, query, "systemuserid", &ids).await
    };
    let teams = async {
        let pairs = "teamrolescollection?$select=teamid,roleid";
        let pairs: Vec<TeamPair> = of_ids(org, pairs, "roleid", copies).await?;
        let ids: BTreeSet<Uuid> = pairs.into_iter().map(|pair| pair.teamid).collect();
        of_ids::<TeamName>(org, "teams?$select=teamid,name", "teamid", &ids).await
    };
    let (users, teams) = futures::try_join!(users, teams)?;
    let user = |user: UserName| {
        let (id, client_id) = (user.systemuserid, user.applicationid);
        HolderSeen { name: user.fullname.unwrap_or_else(|| id.to_string()), id, client_id }
    };
    let team = |team: TeamName| {
        let id = team.teamid;
        HolderSeen { name: team.name.unwrap_or_else(|| id.to_string()), id, client_id: None }
    };
    let mut holders =
        Holders { users: users.into_iter().map(user).collect(), teams: teams.into_iter().map(team).collect() };
    holders.users.sort();
    holders.teams.sort();
    Ok(holders)
}
