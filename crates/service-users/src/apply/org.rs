//! What is done in an org.

use keyholder_client::Dataverse;
use keyholder_client::Error as ClientError;
use keyholder_client::dataverse::encode;
use keyholder_foundation::ClientId;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Done, Run, tolerate_missing};
use crate::Administrator;
use crate::error::{Error, While};
use crate::patience::application_not_seen;
use crate::plan::{Action, Change, Granted};
use crate::report::Outcome;

pub(super) async fn perform(run: &Run<'_>, change: &Change, action: &Action) -> Result<Done, Error> {
    let administrator = run.org(change)?;
    let org = &administrator.org;
    let name = &change.item;
    match action {
        Action::CreateRole { id, name, description, privileges } => {
            let root = root_unit(run, change)?;
            let row = json!({
                "roleid": id,
                "name": name,
                "description": description,
                "businessunitid@odata.bind": format!("/businessunits({root})"),
            });
            let doing = || format!("create the role `{name}`");
            match org.create("roles", &row).await {
                // The id is derived: a create whose answer was lost, or another run's.
                Err(error) if is_duplicate(&error) => {}
                made => drop(made.while_doing(doing)?),
            }
            grant(org, *id, "ReplacePrivilegesRole", privileges).await.while_doing(doing)?;
            Ok(Done::new(Outcome::Created))
        }
        Action::AddPrivileges { role, privileges } => {
            let added = grant(org, *role, "AddPrivilegesRole", privileges).await;
            added.while_doing(|| format!("add privileges to the role `{name}`"))?;
            Ok(Done::new(Outcome::Changed))
        }
        Action::ReplacePrivileges { role, privileges } => {
            let replaced = grant(org, *role, "ReplacePrivilegesRole", privileges).await;
            replaced.while_doing(|| format!("replace the privileges of the role `{name}`"))?;
            Ok(Done::new(Outcome::Changed))
        }
        Action::DeleteRole { role } => {
            let gone = tolerate_missing(org.delete("roles", *role).await);
            gone.while_doing(|| format!("remove the role `{name}`"))?;
            Ok(Done::new(Outcome::Removed))
        }
        Action::CreateUser { unit, clear } => create_user(run, administrator, change, *unit, clear).await,
        Action::RemakeUser { user, unit } => {
            let client = run.registration(name)?.client_id;
            // What the directory did not show once it may show a moment later; what is deleted stays deleted.
            let now = administrator.graph.service_principal(client).await;
            let now = now.while_doing(|| format!("look for the service principal of `{name}` once more"))?;
            let seen = change.place.org().and_then(|org| run.seen.orgs.get(org)?.as_ref().ok()?.user(client));
            if now.is_some_and(|now| seen.is_some_and(|seen| seen.principal == Some(now.id.0))) {
                let note = "its service principal is there after all, so it stays as it is";
                return Ok(Done::new(Outcome::Kept).note(note).fact("userId", user));
            }
            delete_users(org, name, client, &[*user], &[]).await?;
            let made = create_user(run, administrator, change, *unit, &[]).await?;
            Ok(Done { outcome: Outcome::Changed, ..made })
        }
        Action::UpdateUser { user, enable, unit } => {
            let client = run.registration(name)?.client_id;
            // The application id goes along: without it, real orgs refuse changes to such users.
            let mut changes = json!({ "applicationid": client });
            if *enable {
                set(&mut changes, "isdisabled", json!(false));
            }
            if let Some(unit) = unit {
                set(&mut changes, "businessunitid@odata.bind", json!(format!("/businessunits({unit})")));
            }
            let updated = org.update("systemusers", *user, &changes).await;
            updated.while_doing(|| format!("change the application user of `{name}`"))?;
            Ok(Done::new(Outcome::Changed))
        }
        Action::AssignRole { name: role, root, copy, unit } => {
            let user =
                run.known().users.get(&(change.place.org().unwrap_or_default().to_owned(), name.clone())).copied();
            let user = user.ok_or_else(|| Error::Unplanned(format!("the application user of `{name}`")))?;
            let copy = match copy {
                Some(copy) => *copy,
                None => copy_in_unit(org, *root, *unit, role).await?,
            };
            let row = ("systemusers", user);
            match org.associate(row, "systemuserroles_association", ("roles", copy)).await {
                Err(error) if is_duplicate(&error) => {}
                done => done.while_doing(|| format!("assign the role `{role}`"))?,
            }
            Ok(Done::new(Outcome::Created))
        }
        Action::UnassignRole { user, role } => {
            let row = ("systemusers", *user);
            let gone = tolerate_missing(org.disassociate(row, "systemuserroles_association", *role).await);
            gone.while_doing(|| format!("take a role from the application user of `{name}`"))?;
            Ok(Done::new(Outcome::Removed))
        }
        Action::DeleteUser { application, living, deleted } => {
            delete_users(org, name, *application, living, deleted).await?;
            Ok(Done::new(Outcome::Removed))
        }
        _ => Err(Error::Unplanned(change.subject.clone())),
    }
}

fn set(row: &mut Value, name: &str, value: Value) {
    if let Some(row) = row.as_object_mut() {
        row.insert(name.to_owned(), value);
    }
}

fn root_unit(run: &Run<'_>, change: &Change) -> Result<Uuid, Error> {
    let there = change.place.org().and_then(|org| run.seen.orgs.get(org)?.as_ref().ok());
    let root = there.and_then(|there| there.root_unit()).map(|unit| unit.id);
    root.ok_or_else(|| Error::Unplanned("the root business unit".to_owned()))
}

async fn grant(org: &Dataverse, role: Uuid, action: &str, privileges: &[Granted]) -> Result<(), ClientError> {
    let privileges: Vec<_> =
        privileges.iter().map(|granted| json!({ "PrivilegeId": granted.id, "Depth": granted.depth.name() })).collect();
    let path = format!("roles({role})/Microsoft.Dynamics.CRM.{action}");
    org.action(&path, &json!({ "Privileges": privileges })).await.map(drop)
}

async fn create_user(
    run: &Run<'_>,
    administrator: &Administrator,
    change: &Change,
    unit: Uuid,
    clear: &[Uuid],
) -> Result<Done, Error> {
    let name = &change.item;
    let org = &administrator.org;
    let client = run.registration(name)?.client_id;
    for row in clear {
        let cleared = tolerate_missing(org.delete("systemusers", *row).await);
        cleared.while_doing(|| "clear a deleted application user away".to_owned())?;
    }
    let row = json!({
        "applicationid": client,
        "accessmode": 4,
        "isdisabled": false,
        "businessunitid@odata.bind": format!("/businessunits({unit})"),
    });
    let what = "the org to find the application in the directory";
    let made = administrator
        .patience
        .wait_for(what, &administrator.http, run.reporter, application_not_seen, || org.create("systemusers", &row))
        .await;
    let doing = || format!("create the application user of `{name}`");
    let (id, outcome) = match made {
        Ok(id) => (id, Outcome::Created),
        // A create whose answer was lost, or another run's.
        Err(error) if is_duplicate(&error) => match living(org, client).await.while_doing(doing)? {
            Some(id) => (id, Outcome::Found),
            None => return Err(error).while_doing(doing),
        },
        Err(error) => return Err(error).while_doing(doing),
    };
    run.known().users.insert((change.place.org().unwrap_or_default().to_owned(), name.clone()), id);
    Ok(Done::new(outcome).fact("userId", &id))
}

#[derive(Deserialize)]
struct UserRow {
    systemuserid: Uuid,
    #[serde(default)]
    deletedstate: Option<i64>,
}

/// The living user of an application.
async fn living(org: &Dataverse, client: ClientId) -> Result<Option<Uuid>, ClientError> {
    let query = format!("systemusers?$select=systemuserid,deletedstate&$filter=applicationid eq {client}");
    let rows: Vec<UserRow> = org.query(&query).collect_as().await?;
    Ok(rows.into_iter().find(|row| row.deletedstate.unwrap_or(0) == 0).map(|row| row.systemuserid))
}

#[derive(Deserialize)]
struct RoleRow {
    roleid: Uuid,
}

/// A role of the root business unit has a copy in every other unit, with an id of its own, and a
/// user gets the copy of theirs.
async fn copy_in_unit(org: &Dataverse, root: Uuid, unit: Uuid, role: &str) -> Result<Uuid, Error> {
    let filter = format!("_parentrootroleid_value eq {root} and _businessunitid_value eq {unit}");
    let copies = org.query(format!("roles?$select=roleid&$filter={}", encode(&filter))).collect_as::<RoleRow>().await;
    let copies = copies.while_doing(|| format!("look for the role `{role}` in the user's business unit"))?;
    let none = || Error::NoRoleInUnit { role: role.to_owned(), business_unit: unit };
    copies.first().map(|copy| copy.roleid).ok_or_else(none)
}

/// Disabled, deleted, and deleted once more: the first delete leaves a row behind that blocks a
/// new user of the same application.
async fn delete_users(
    org: &Dataverse,
    name: &str,
    application: ClientId,
    living: &[Uuid],
    deleted: &[Uuid],
) -> Result<(), Error> {
    let doing = || format!("remove the application user of `{name}`");
    for user in living {
        let changes = json!({ "isdisabled": true, "applicationid": application });
        tolerate_missing(org.update("systemusers", *user, &changes).await).while_doing(doing)?;
        tolerate_missing(org.delete("systemusers", *user).await).while_doing(doing)?;
    }
    for user in living.iter().chain(deleted) {
        tolerate_missing(org.delete("systemusers", *user).await).while_doing(doing)?;
    }
    Ok(())
}

/// What is to be made, or tied, is there already.
fn is_duplicate(error: &ClientError) -> bool {
    const CODES: [&str; 2] = ["0x80040237", "0x8004f511"];
    error.dataverse().is_some_and(|refusal| CODES.contains(&refusal.code.as_str()))
}
