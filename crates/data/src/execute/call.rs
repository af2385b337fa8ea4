//! Functions and actions.

use std::fmt::Write;

use http::StatusCode;
use keyholder_dataverse::Depth;
use keyholder_dataverse::error;
use keyholder_dataverse::value::write_json_text;
use keyholder_operation::{Action, Function, RolePrivilege, RowKey};
use keyholder_security::{Calling, privileges_of, standalone_privileges};
use keyholder_store::{Snapshot, Transaction};
use uuid::Uuid;

use super::{Session, missing, no_content};
use crate::answer::Answer;
use crate::caller;
use crate::catalogue::Record;
use crate::error::Failure;
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
            let _ = write!(body, ",\"Version\":\"{VERSION}\"}}");
            Ok(Answer::json(StatusCode::OK, body))
        }
        Function::RetrieveRolePrivilegesRole { role, .. } => {
            let record = subject(session, snapshot, calling, *role)?;
            let privileges = session.platform().privileges(snapshot, root(&record))?;
            let unit = record.business_unit().unwrap_or_default();
            privileges_answer(session, snapshot, "RetrieveRolePrivilegesRoleResponse", &privileges, unit, None)
        }
        Function::RetrieveUserPrivileges { user, .. } => {
            let (privileges, unit) = of_user(session, snapshot, calling, *user)?;
            privileges_answer(session, snapshot, "RetrieveUserPrivilegesResponse", &privileges, unit, None)
        }
        Function::RetrieveUserPrivilegeByPrivilegeName { user, name, .. } => {
            let (privileges, unit) = of_user(session, snapshot, calling, *user)?;
            let response = "RetrieveUserPrivilegeByPrivilegeNameResponse";
            privileges_answer(session, snapshot, response, &privileges, unit, Some(name))
        }
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
        Action::AddPrivilegesRole { role, .. }
        | Action::ReplacePrivilegesRole { role, .. }
        | Action::RemovePrivilegeRole { role, .. } => subject(session, tx, calling, *role)?,
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

/// The row that a call is about, if the caller reaches it.
fn subject<T>(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    calling: &Calling<T>,
    id: Uuid,
) -> Result<Record, Failure> {
    let rows = calling.rows().ok_or_else(|| error::not_supported("This call"))?;
    session.reached(snapshot, rows, &RowKey::Id(id))
}

fn root(role: &Record) -> Uuid {
    role.get("parentrootroleid").guid().unwrap_or_else(|| role.id())
}

fn of_user(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    calling: &Calling<Function>,
    user: Uuid,
) -> Result<(Vec<(Uuid, Depth)>, Uuid), Failure> {
    let record = subject(session, snapshot, calling, user)?;
    let grants = caller::grants(snapshot, session.catalogue, &record)?;
    Ok((grants.privileges().collect(), grants.caller().business_unit))
}

/// `{"@odata.context":"…#Microsoft.Dynamics.CRM.<response>"`, not closed.
fn opened(session: &Session<'_>, response: &str) -> String {
    let mut body = String::from("{\"@odata.context\":");
    write_json_text(&mut body, &format!("{}/$metadata#Microsoft.Dynamics.CRM.{response}", session.base()));
    body
}

fn privileges_answer(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    response: &str,
    privileges: &[(Uuid, Depth)],
    unit: Uuid,
    only: Option<&str>,
) -> Result<Answer, Failure> {
    let mut body = opened(session, response);
    body.push_str(",\"RolePrivileges\":[");
    let mut comma = "";
    // In the order of the names, so that two answers can be compared.
    for (id, name) in session.platform().privilege_names(snapshot)? {
        let Some((_, depth)) = privileges.iter().find(|(held, _)| *held == id) else { continue };
        if only.is_some_and(|only| !only.eq_ignore_ascii_case(&name)) {
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
