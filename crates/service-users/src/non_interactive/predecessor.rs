//! What somebody who signs in with a name and a password may do in an org, and what still does so:
//! all that its successor has to know.

use std::collections::BTreeMap;

use futures::future::{join, try_join_all};
use keyholder_client::graph::users::SignIn;
use keyholder_client::{Dataverse, Error as ClientError};
use keyholder_foundation::{ClientId, ObjectId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::access::{Access, OrgAccess};
use super::problem::Problem;
use super::rows::{self, ASSIGNED_COLUMNS, AssignedRole, OrgUser, Unit};
use crate::error::{Error, While};

/// How many entries of the sign-in log are read.
const MOST_SIGN_INS: usize = 500;

/// A team that somebody is a member of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Team {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Whether members are put into it in the org; a group of the directory has its members from there.
    pub takes_members: bool,
    /// Its roles, which its members have.
    pub roles: Vec<AssignedRole>,
}

/// What somebody may do in an org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Predecessor {
    /// The person in the directory.
    pub(super) person: ObjectId,
    /// Their user.
    pub(super) user: OrgUser,
    /// Its business unit.
    pub(super) unit: Unit,
    /// Its teams but the business unit's own, which everybody there is in.
    pub(super) teams: Vec<Team>,
}

/// What still signs in as somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StillUsed {
    /// The program, as the log names it.
    pub application: String,
    /// Its client id.
    pub client_id: Option<ClientId>,
    /// From which addresses.
    pub addresses: Vec<String>,
    /// How often, within what the log still has.
    pub times: usize,
    /// When last.
    #[serde(serialize_with = "moment")]
    pub last: Timestamp,
    /// Whether the last time went well.
    pub went_well: bool,
}

fn moment<S: serde::Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(moment)
}

#[derive(Deserialize)]
struct TeamRow {
    teamid: Uuid,
    name: String,
    #[serde(default)]
    isdefault: Option<bool>,
    #[serde(default)]
    teamtype: Option<i64>,
}

/// Reads what somebody may do in an org.
pub(super) async fn read(access: &Access, org: &OrgAccess, user_name: &str) -> Result<Predecessor, Error> {
    let person =
        access.graph.user(user_name).await.while_doing(|| format!("look for `{user_name}` in the directory"))?;
    let person = person.ok_or_else(|| Problem::NoSuchPerson { user_name: user_name.to_owned() })?;
    let doing = || format!("read what `{user_name}` may do in {}", org.name);
    let user = rows::user_of(&org.org, person.id).await.while_doing(doing)?;
    let not = |found: &str| Problem::NotNonInteractive {
        org: org.name.clone(),
        user_name: user_name.to_owned(),
        found: found.to_owned(),
    };
    let user = user.ok_or_else(|| not("not there"))?;
    let unit = match user.unit {
        Some(unit) => rows::unit_by_id(&org.org, unit).await.while_doing(doing)?,
        None => None,
    };
    let unit = unit.ok_or_else(|| not("without a business unit"))?;
    let teams = teams_of(&org.org, user.id).await.while_doing(doing)?;
    Ok(Predecessor { person: person.id, user, unit, teams })
}

/// The teams that a user is a member of, but the business unit's own, which everybody there is in.
pub(crate) async fn teams_of(org: &Dataverse, user: Uuid) -> Result<Vec<Team>, ClientError> {
    let query = format!("systemusers({user})/teammembership_association?$select=teamid,name,isdefault,teamtype");
    let teams = org.query(&query).collect_as::<TeamRow>().await?;
    let teams = teams.into_iter().filter(|team| team.isdefault != Some(true)).map(|team| async move {
        let query = format!("teams({})/teamroles_association?$select={ASSIGNED_COLUMNS}", team.teamid);
        let roles = org.query(&query).collect_as::<AssignedRole>().await?;
        // 0 is an owner team, 1 an access team; 2 and 3 are groups of the directory.
        let takes_members = matches!(team.teamtype, None | Some(0));
        Ok::<_, ClientError>(Team { id: team.teamid, name: team.name, takes_members, roles })
    });
    try_join_all(teams).await
}

/// What still signs in as somebody, the most recent first. `notes` takes what could not be told.
pub(super) async fn still_used(access: &Access, person: ObjectId, notes: &mut Vec<String>) -> Vec<StillUsed> {
    let graph = &access.graph;
    let (by_hand, by_programs) =
        join(graph.sign_ins(person, false, MOST_SIGN_INS), graph.sign_ins(person, true, MOST_SIGN_INS)).await;
    let mut all: Vec<SignIn> = Vec::new();
    for found in [by_hand, by_programs] {
        match found {
            Ok(found) => all.extend(found),
            Err(error) => notes.push(format!("what still signs in cannot be told from the sign-in log: {error}")),
        }
    }
    if all.is_empty()
        && let Ok(Some(activity)) = graph.sign_in_activity(person).await
    {
        let moments = [activity.last_sign_in_date_time, activity.last_non_interactive_sign_in_date_time];
        if let Some(last) = moments.into_iter().flatten().max() {
            notes.push(format!("somebody signed in last on {last}; with what is not told"));
        }
    }
    grouped(all)
}

/// One entry for each program.
fn grouped(all: Vec<SignIn>) -> Vec<StillUsed> {
    let mut by_program: BTreeMap<(Option<ClientId>, String), Vec<SignIn>> = BTreeMap::new();
    for sign_in in all {
        let name = sign_in.app_display_name.clone().unwrap_or_else(|| "an unnamed program".to_owned());
        by_program.entry((sign_in.app_id, name)).or_default().push(sign_in);
    }
    let mut used: Vec<_> = by_program
        .into_iter()
        .filter_map(|((client_id, application), sign_ins)| {
            let last = sign_ins.iter().max_by_key(|sign_in| sign_in.created_date_time)?;
            let mut addresses: Vec<_> = sign_ins.iter().filter_map(|sign_in| sign_in.ip_address.clone()).collect();
            addresses.sort_unstable();
            addresses.dedup();
            Some(StillUsed {
                application,
                client_id,
                addresses,
                times: sign_ins.len(),
                last: last.created_date_time,
                went_well: last.status.error_code == 0,
            })
        })
        .collect();
    used.sort_by_key(|used| std::cmp::Reverse(used.last));
    used
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sign_ins_are_told_by_program_the_most_recent_first() {
        let sign_in = |at: &str, app: &str, address: &str, error: i64| -> SignIn {
            serde_json::from_value(json!({
                "createdDateTime": at, "appId": "51f81489-12ee-4a9e-aaae-a2591f45987d", "appDisplayName": app,
                "ipAddress": address, "status": {"errorCode": error, "failureReason": null},
            }))
            .unwrap()
        };
        let used = grouped(vec![
            sign_in("2026-11-01T00:00:00Z", "XrmToolBox", "10.0.0.1", 0),
            sign_in("2026-11-03T00:00:00Z", "Portal", "10.0.0.2", 0),
            sign_in("2026-11-05T00:00:00Z", "XrmToolBox", "10.0.0.1", 50126),
        ]);
        let told: Vec<_> = used.iter().map(|one| (one.application.as_str(), one.times, one.went_well)).collect();
        assert_eq!(told, [("XrmToolBox", 2, false), ("Portal", 1, true)]);
        assert_eq!(used[0].addresses, ["10.0.0.1"]);
    }
}
