//! The application user: the org's row for the application, and the role on it.

use keyholder_client::Dataverse;
use keyholder_client::dataverse::{encode, quote};
use keyholder_foundation::{ClientId, ObjectId};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::Run;
use super::role::Role;
use crate::error::{Error, While};
use crate::patience::application_not_seen;
use crate::report::{Event, Outcome, Step};

/// An application user.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct User {
    #[serde(rename = "systemuserid")]
    pub(crate) id: Uuid,
    #[serde(rename = "isdisabled", default)]
    pub(crate) is_disabled: bool,
    #[serde(rename = "_businessunitid_value")]
    pub(crate) unit: Uuid,
    /// The service principal that the org takes for the application's.
    #[serde(rename = "azureactivedirectoryobjectid", default)]
    pub(crate) principal: Option<ObjectId>,
    /// 0 for a row that lives; absent in old versions.
    #[serde(rename = "deletedstate", default)]
    deleted_state: Option<i64>,
}

/// The org's rows for an application: at most one that lives, and what a first delete left over.
pub(crate) struct Found {
    pub(crate) user: Option<User>,
    pub(crate) deleted: Vec<User>,
}

/// The org's rows for the application.
pub(crate) async fn find(org: &Dataverse, client: ClientId) -> Result<Found, keyholder_client::Error> {
    let select = "systemuserid,isdisabled,_businessunitid_value,azureactivedirectoryobjectid,deletedstate";
    let query = format!("systemusers?$select={select}&$filter=applicationid eq {client}");
    let rows = org.query(&query).collect_as::<User>().await?;
    let (deleted, living): (Vec<_>, Vec<_>) = rows.into_iter().partition(|user| user.deleted_state.unwrap_or(0) != 0);
    Ok(Found { user: living.into_iter().next(), deleted })
}

/// The application user of the application whose service principal is `principal`, in `unit` when
/// it has to be made.
pub(super) async fn ensure(
    run: &mut Run<'_>,
    client: ClientId,
    principal: ObjectId,
    unit: Uuid,
) -> Result<User, Error> {
    let administrator = run.administrator;
    let org = &administrator.org;
    let name = &run.definition.name;
    let found = find(org, client).await.while_doing(|| format!("look for the application user of `{name}`"))?;
    let mut notes = Vec::new();
    let (user, outcome) = match found.user {
        // The org fills the object id once and lets nobody change it: such a user cannot sign in
        // any more, and only a new one can.
        Some(user) if user.principal.is_some_and(|known| known != principal) => {
            notes.push(
                "the old one was of a service principal that was deleted, so it could not sign in any more; it was \
                 removed and made anew"
                    .to_owned(),
            );
            let roles = roles_of(run, &user).await?;
            delete(run, client, &user).await?;
            let lost: Vec<_> = roles
                .iter()
                .filter(|role| role.name != run.definition.role.name)
                .map(|role| format!("`{}`", role.name))
                .collect();
            if !lost.is_empty() {
                notes.push(format!("its other roles went with it: {}", lost.join(", ")));
            }
            (create(run, client, user.unit).await?, Outcome::Changed)
        }
        Some(user) if !user.is_disabled => (user, Outcome::Found),
        Some(user) => {
            // The application id goes along: without it, real orgs refuse changes to such users.
            let changes = json!({ "isdisabled": false, "applicationid": client });
            let enabled = org.update("systemusers", user.id, &changes).await;
            enabled.while_doing(|| format!("enable the application user of `{name}`"))?;
            notes.push("it was disabled".to_owned());
            (User { is_disabled: false, ..user }, Outcome::Changed)
        }
        None => {
            // A row that was deleted only once would block the new one.
            for row in &found.deleted {
                let cleared = org.delete("systemusers", row.id).await;
                tolerate_missing(cleared).while_doing(|| "clear a deleted application user away".to_owned())?;
                notes.push("a deleted one of the same application was cleared away".to_owned());
            }
            (create(run, client, unit).await?, Outcome::Created)
        }
    };
    let event = Event::new(Step::ApplicationUser, outcome, format!("application user of `{}`", run.definition.name));
    run.report(&event.notes(notes).fact("userId", &user.id).fact("businessUnitId", &user.unit));
    Ok(user)
}

async fn create(run: &mut Run<'_>, client: ClientId, unit: Uuid) -> Result<User, Error> {
    let administrator = run.administrator;
    let row = json!({
        "applicationid": client,
        "accessmode": 4,
        "isdisabled": false,
        "businessunitid@odata.bind": format!("/businessunits({unit})"),
    });
    let what = "the org to find the application in the directory";
    let id = administrator
        .patience
        .wait_for(what, &administrator.http, run.reporter, application_not_seen, || {
            administrator.org.create("systemusers", &row)
        })
        .await
        .while_doing(|| format!("create the application user of `{}`", run.definition.name))?;
    Ok(User { id, is_disabled: false, unit, principal: None, deleted_state: None })
}

/// Disables a user and deletes it twice, softly and for good.
async fn delete(run: &Run<'_>, client: ClientId, user: &User) -> Result<(), Error> {
    let org = &run.administrator.org;
    let doing = || format!("remove the application user of `{}`'s deleted service principal", run.definition.name);
    if !user.is_disabled {
        let changes = json!({ "isdisabled": true, "applicationid": client });
        org.update("systemusers", user.id, &changes).await.while_doing(doing)?;
    }
    for _ in 0..2 {
        tolerate_missing(org.delete("systemusers", user.id).await).while_doing(doing)?;
    }
    Ok(())
}

#[derive(Deserialize)]
struct AssignedRole {
    roleid: Uuid,
    name: String,
}

pub(super) async fn assign(run: &mut Run<'_>, user: &User, role: &Role) -> Result<(), Error> {
    let org = &run.administrator.org;
    let role_in_unit = copy_in_unit(run, role, user.unit).await?;
    let assigned = roles_of(run, user).await?;
    let outcome = if assigned.iter().any(|assigned| assigned.roleid == role_in_unit) {
        Outcome::Found
    } else {
        let user = ("systemusers", user.id);
        let done = org.associate(user, "systemuserroles_association", ("roles", role_in_unit)).await;
        done.while_doing(|| format!("assign the role `{}`", role.name))?;
        Outcome::Created
    };
    let others: Vec<_> =
        assigned.iter().filter(|other| other.roleid != role_in_unit).map(|other| format!("`{}`", other.name)).collect();
    let mut event = Event::new(Step::RoleAssignment, outcome, format!("role `{}` on the application user", role.name));
    if !others.is_empty() {
        event = event.note(format!("it holds other roles too: {}", others.join(", ")));
        run.beyond.push(format!("the user also holds {}", others.join(", ")));
    }
    run.report(&event);
    Ok(())
}

async fn roles_of(run: &Run<'_>, user: &User) -> Result<Vec<AssignedRole>, Error> {
    let query = format!("systemusers({})/systemuserroles_association?$select=roleid,name", user.id);
    let roles = run.administrator.org.query(&query).collect_as::<AssignedRole>().await;
    roles.while_doing(|| "read the application user's roles".to_owned())
}

/// A role of the root business unit has a copy in every other unit, with an id of its own, and a
/// user gets the copy of theirs.
async fn copy_in_unit(run: &Run<'_>, role: &Role, unit: Uuid) -> Result<Uuid, Error> {
    let filter = format!(
        "(roleid eq {0} or _parentrootroleid_value eq {0}) and name eq {1} and _businessunitid_value eq {unit}",
        role.id,
        quote(&role.name)
    );
    let query = format!("roles?$select=roleid,name&$filter={}", encode(&filter));
    let copies = run.administrator.org.query(&query).collect_as::<AssignedRole>().await;
    let copies = copies.while_doing(|| format!("look for the role `{}` in the user's business unit", role.name))?;
    let none = || Error::NoRoleInUnit { role: role.name.clone(), business_unit: unit };
    copies.first().map(|copy| copy.roleid).ok_or_else(none)
}

/// A row that is gone already is as good as one removed just now.
pub(crate) fn tolerate_missing(done: Result<(), keyholder_client::Error>) -> Result<(), keyholder_client::Error> {
    match done {
        Err(error) if error.is_missing() => Ok(()),
        done => done,
    }
}
