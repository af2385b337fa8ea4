//! Functions and actions.

use std::fmt::Write;
use std::sync::Arc;

use http::StatusCode;
use keyholder_dataverse::Depth;
use keyholder_dataverse::error;
use keyholder_dataverse::value::write_json_text;
use keyholder_operation::{Action, AskedPrivileges, Function, PrivilegeHolder, Query, RolePrivilege, RowKey};
use keyholder_security::{Calling, Subject, privileges_of, standalone_privileges};
use keyholder_store::{Snapshot, Transaction};
use uuid::Uuid;

use super::{Session, blocks, initialize, members, missing, no_content, share};
use crate::answer::Answer;
use crate::caller;
use crate::catalogue::Record;
use crate::error::Failure;
use crate::lower::{self, Asked};
use crate::rules;

/// The version that `RetrieveVersion` tells: one that the facts at hand were observed on.
pub const VERSION: &str = "9.2.25093.00168";

/// Answers a function.
pub(crate) fn function(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    calling: &Calling<Function>,
) -> Result<Answer, Failure> {
    match calling.part() {
        Function::WhoAmI => {
            let mut body = opened(session, "WhoAmIResponse");
            let (unit, user) = (session.caller.business_unit, session.caller.user);
            let organization = session.core.organization;
            let _ = write!(
                body,
                ",\"BusinessUnitId\":\"{unit}\",\"UserId\":\"{user}\",\"OrganizationId\":\"{organization}\"}}"
            );
            Ok(Answer::json(StatusCode::OK, body))
        }
        Function::RetrieveVersion => {
            let mut body = opened(session, "RetrieveVersionResponse");
            let _ = write!(body, ",\"Version\":\"{}\"}}", session.core.version);
            Ok(Answer::json(StatusCode::OK, body))
        }
        Function::RetrieveRolePrivilegesRole { role, .. } => {
            let record = session.subject(snapshot, calling, Subject::Rows, &RowKey::Id(*role))?;
            let privileges = session.platform().privileges(snapshot, root(&record))?;
            let unit = record.business_unit().unwrap_or_default();
            let response = "RetrieveRolePrivilegesRoleResponse";
            privileges_answer(session, snapshot, response, &privileges, unit, &AskedPrivileges::All)
        }
        Function::RetrievePrivileges { message, holder, asked, .. } => {
            let (privileges, unit) = held_by(session, snapshot, calling, *holder)?;
            privileges_answer(session, snapshot, &format!("{message}Response"), &privileges, unit, asked)
        }
        Function::RetrievePrincipalAccess { principal, target } => {
            share::principal_access(session, snapshot, calling, (principal, target))
        }
        Function::RetrieveSharedPrincipalsAndAccess { target } => {
            share::shared_principals(session, snapshot, calling, target)
        }
        Function::InitializeFrom { source, target, fields } => {
            initialize::row_begun(session, snapshot, calling, source, (target, *fields))
        }
        Function::RetrieveCurrentOrganization => Ok(current_organization(session)),
        Function::RetrieveTotalRecordCount { .. } => total_counts(session, snapshot, calling),
        _ => Err(error::not_supported("This function").into()),
    }
}

/// Does an action.
pub(crate) fn action(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    calling: &Calling<Action>,
) -> Result<Answer, Failure> {
    let role = match calling.part() {
        Action::Share { target, principal, change } => {
            return share::share(session, tx, calling, (target, principal), *change);
        }
        Action::ChangeMembers { team, members, add } => {
            return members::change(session, tx, calling, (team, members), *add);
        }
        Action::Blocks(step) => return blocks::write(session, tx, calling, step),
        Action::SetBusinessSystemUser { user, unit, reassign_to } => {
            return members::move_user(session, tx, calling, user, (unit, reassign_to));
        }
        Action::AddPrivilegesRole { role, .. }
        | Action::ReplacePrivilegesRole { role, .. }
        | Action::RemovePrivilegeRole { role, .. } => {
            session.subject(tx, calling, Subject::Rows, &RowKey::Id(*role))?
        }
        _ => return Err(error::not_supported("This action").into()),
    };
    rules::cannot_be_changed(&role)?;
    let root = root(&role);
    match calling.part() {
        Action::AddPrivilegesRole { privileges, .. } => {
            // Adding never takes depth away.
            let held = session.platform().privileges(tx, root)?;
            let held = |privilege| held.iter().find(|(known, _)| *known == privilege).map(|(_, depth)| *depth);
            let deeper: Vec<RolePrivilege> = privileges
                .iter()
                .filter(|given| held(given.privilege).is_none_or(|depth| depth < given.depth))
                .copied()
                .collect();
            check_known(session, privileges)?;
            give(session, tx, root, &deeper)?;
        }
        Action::ReplacePrivilegesRole { privileges, .. } => {
            check_known(session, privileges)?;
            session.platform().remove(tx, "roleprivileges", "roleid", root)?;
            give(session, tx, root, privileges)?;
        }
        Action::RemovePrivilegeRole { privilege, .. } => {
            session.platform().unpair(tx, "roleprivileges", ("roleid", root), ("privilegeid", *privilege))?;
        }
        _ => {}
    }
    session.bump_security(tx)?;
    Ok(no_content())
}

fn give(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    root: Uuid,
    privileges: &[RolePrivilege],
) -> Result<(), Failure> {
    let wanted: Vec<(Uuid, Depth)> = privileges.iter().map(|given| (given.privilege, given.depth)).collect();
    rules::check_held(session, tx, &wanted)?;
    for (privilege, depth) in wanted {
        session.platform().grant(tx, session.new_id(), root, privilege, depth)?;
    }
    Ok(())
}

/// Every privilege must be there, and able to have its depth.
fn check_known(session: &Session<'_>, privileges: &[RolePrivilege]) -> Result<(), Failure> {
    let mut depths: std::collections::HashMap<Uuid, &'static [Depth]> =
        standalone_privileges().map(|privilege| (privilege.id, privilege.depths)).collect();
    for name in session.catalogue.schema.names() {
        let table = session.catalogue.table(&name.logical_name)?;
        depths.extend(privileges_of(&table).into_iter().map(|privilege| (privilege.id, privilege.depths)));
    }
    for given in privileges {
        match depths.get(&given.privilege) {
            Some(depths) if depths.contains(&given.depth) => {}
            Some(_) => return Err(rules::privilege_depth(given.privilege, given.depth.name()).into()),
            None => {
                let privileges = session.catalogue.table("privilege")?;
                return Err(missing(&privileges, &RowKey::Id(given.privilege)));
            }
        }
    }
    Ok(())
}

fn root(role: &Record) -> Uuid {
    role.get("parentrootroleid").guid().unwrap_or_else(|| role.id())
}

/// What a user's roles and teams, or a team's roles, give, and the business unit they are in.
fn held_by(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    calling: &Calling<Function>,
    holder: PrivilegeHolder,
) -> Result<(Vec<(Uuid, Depth)>, Uuid), Failure> {
    let id = match holder {
        PrivilegeHolder::Row(id) => Some(id),
        PrivilegeHolder::DirectoryObject(object) => match session.platform().person(snapshot, object)? {
            Some(user) => Some(user),
            None => session.platform().application_of(snapshot, object)?,
        },
    };
    // Whom the org does not know has nothing in it.
    let Some(id) = id else { return Ok((Vec::new(), Uuid::nil())) };
    let record = session.subject(snapshot, calling, Subject::Rows, &RowKey::Id(id))?;
    let is_team = record.layout().table.logical_name() == "team";
    let of = if is_team { caller::team_grants } else { caller::grants };
    let grants = of(snapshot, session.catalogue, &record)?;
    Ok((grants.privileges().collect(), grants.caller().business_unit))
}

/// `{"@odata.context":"…#Microsoft.Dynamics.CRM.<response>"`, not closed.
pub(super) fn opened(session: &Session<'_>, response: &str) -> String {
    let mut body = String::from("{\"@odata.context\":");
    write_json_text(&mut body, &format!("{}/$metadata#Microsoft.Dynamics.CRM.{response}", session.base()));
    body
}

/// Which org this is: the same that the discovery service tells of it.
fn current_organization(session: &Session<'_>) -> Answer {
    let core = session.core;
    let short = core.short_name();
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.RetrieveCurrentOrganizationResponse", session.base());
    let url = &core.org_url;
    let services = format!("{url}/XRMServices/2011");
    let body = serde_json::json!({
        "@odata.context": context,
        "Detail": {
            "OrganizationId": core.organization,
            "FriendlyName": core.name,
            "OrganizationVersion": core.version,
            "EnvironmentId": core.organization,
            "DatacenterId": "local",
            "Geo": "NA",
            "TenantId": core.tenant,
            "UrlName": short,
            "UniqueName": short,
            "State": "Enabled",
            "Endpoints": {
                "Count": 3,
                "IsReadOnly": false,
                "Keys": ["WebApplication", "OrganizationService", "OrganizationDataService"],
                "Values": [
                    format!("{url}/"),
                    format!("{services}/Organization.svc"),
                    format!("{services}/OrganizationData.svc"),
                ],
            },
        },
    });
    Answer::json(StatusCode::OK, body.to_string())
}

/// How many rows of some tables the caller reaches. The service tells of all rows as of some time of the last day.
fn total_counts(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    calling: &Calling<Function>,
) -> Result<Answer, Failure> {
    let Function::RetrieveTotalRecordCount { tables } = calling.part() else {
        return Err(error::not_supported("This function").into());
    };
    let mut counts = Vec::with_capacity(tables.len());
    for index in 0..tables.len() {
        let rows = calling.of(Subject::Target(index)).next().ok_or_else(|| error::not_supported("This function"))?;
        let query = Query::all(Arc::clone(rows.table()));
        let circumstances = session.circumstances(snapshot, &query)?;
        let asked = Asked { query: &query, rows, further: &[], source: None, circumstances: &circumstances };
        let (statement, values) = lower::count(session.catalogue, &asked)?;
        counts.push(snapshot.first(&statement, &values, |row| row.get::<i64>(0))?.unwrap_or(0));
    }
    let names: Vec<&str> = tables.iter().map(|table| table.logical_name()).collect();
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.RetrieveTotalRecordCountResponse", session.base());
    let body = serde_json::json!({
        "@odata.context": context,
        "EntityRecordCountCollection": {
            "Count": names.len(),
            "IsReadOnly": false,
            "Keys": names,
            "Values": counts,
        },
    });
    Ok(Answer::json(StatusCode::OK, body.to_string()))
}

fn privileges_answer(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    response: &str,
    privileges: &[(Uuid, Depth)],
    unit: Uuid,
    asked: &AskedPrivileges,
) -> Result<Answer, Failure> {
    let mut body = opened(session, response);
    body.push_str(",\"RolePrivileges\":[");
    let mut comma = "";
    // In the order of the names, so that two answers can be compared.
    for (id, name) in session.platform().privilege_names(snapshot)? {
        let Some((_, depth)) = privileges.iter().find(|(held, _)| *held == id) else { continue };
        if !asked.include(id, &name) {
            continue;
        }
        let _ = write!(
            body,
            "{comma}{{\"Depth\":\"{depth}\",\"PrivilegeId\":\"{id}\",\"BusinessUnitId\":\"{unit}\",\
             \"PrivilegeName\":\"{name}\",\"RecordFilterId\":\"{}\",\"RecordFilterUniqueName\":\"\"}}",
            Uuid::nil()
        );
        comma = ",";
    }
    body.push_str("]}");
    Ok(Answer::json(StatusCode::OK, body))
}
