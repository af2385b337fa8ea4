//! Sharing rows with users and teams, and telling who may do what to a row.

use std::fmt::Write;

use http::StatusCode;
use keyholder_dataverse::error::{DataverseError, code};
use keyholder_dataverse::value::Reference;
use keyholder_dataverse::{AccessRights, Verb};
use keyholder_operation::{Action, Function, NamedRow, Sharing};
use keyholder_security::{Calling, Subject, consequence};
use keyholder_store::{Snapshot, Transaction};

use super::{Session, call, cascade, missing, no_content};
use crate::answer::Answer;
use crate::caller;
use crate::error::Failure;
use crate::rules;
use crate::shares::{self, Shared, Shares};

/// What becomes of somebody's rights.
pub(super) fn changed(before: AccessRights, change: Sharing) -> AccessRights {
    match change {
        Sharing::Grant(rights) => before.union(rights),
        Sharing::Modify(rights) => rights,
        Sharing::Revoke => AccessRights::NONE,
    }
}

/// `GrantAccess`, `ModifyAccess`, `RevokeAccess`: needs Share on the row, and every right that is given.
pub(super) fn share(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    calling: &Calling<Action>,
    (target, principal): (&NamedRow, &NamedRow),
    change: Sharing,
) -> Result<Answer, Failure> {
    let record = session.subject(tx, calling, Subject::Rows, &target.key)?;
    // Shares of an activity are those of the row of its kind.
    rules::refuse_direct(&record)?;
    let sharee =
        session.find(tx, &principal.table, &principal.key)?.ok_or_else(|| missing(&principal.table, &principal.key))?;
    if record.owner() == Some(sharee.id()) && change != Sharing::Revoke {
        return Err(DataverseError::new(
            code::CANNOT_SHARE_WITH_OWNER,
            "An item cannot be shared with the owning user or team.",
        )
        .into());
    }
    let who = Reference { type_code: principal.table.type_code(), id: sharee.id() };
    shares_of(session).change(tx, &target.table, &[record.id()], who, |before| Shared {
        direct: changed(before.direct, change),
        ..before
    })?;
    cascade::share(session, tx, &record, who, change)?;
    Ok(no_content())
}

/// Changing shares in this request.
pub(super) fn shares_of<'a>(session: &Session<'a>) -> Shares<'a> {
    Shares { core: session.core, catalogue: session.catalogue, now: session.request.now }
}

/// `RetrievePrincipalAccess`: the rights of a user or team to a row, by roles, teams and shares together.
pub(super) fn principal_access(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    calling: &Calling<Function>,
    (principal, target): (&NamedRow, &NamedRow),
) -> Result<Answer, Failure> {
    let record = session.subject(snapshot, calling, Subject::Rows, &target.key)?;
    let who = session
        .find(snapshot, &principal.table, &principal.key)?
        .ok_or_else(|| missing(&principal.table, &principal.key))?;
    let grants = if principal.table.logical_name() == "team" {
        caller::team_grants(snapshot, session.catalogue, &who)?
    } else {
        caller::grants(snapshot, session.catalogue, &who)?
    };
    let mut rights = AccessRights::NONE;
    for verb in Verb::ALL {
        if let Ok(rows) = consequence(&grants, &target.table, verb)
            && session.is_reached(snapshot, &rows, record.id(), (record.owner(), record.business_unit()))?
        {
            rights = rights.with(verb);
        }
    }
    let mut body = call::opened(session, "RetrievePrincipalAccessResponse");
    let _ = write!(body, ",\"AccessRights\":\"{rights}\"}}");
    Ok(Answer::json(StatusCode::OK, body))
}

/// `RetrieveSharedPrincipalsAndAccess`: with whom a row is shared.
pub(super) fn shared_principals(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    calling: &Calling<Function>,
    target: &NamedRow,
) -> Result<Answer, Failure> {
    let record = session.subject(snapshot, calling, Subject::Rows, &target.key)?;
    let mut body = call::opened(session, "RetrieveSharedPrincipalsAndAccessResponse");
    body.push_str(",\"PrincipalAccesses\":[");
    for (index, (id, kind, shared)) in
        shares::of_row(snapshot, target.table.logical_name(), record.id())?.into_iter().enumerate()
    {
        let comma = if index > 0 { "," } else { "" };
        // Names of tables and of rights need no escapes.
        let _ = write!(
            body,
            "{comma}{{\"AccessMask\":\"{}\",\"Principal\":{{\"@odata.type\":\"#Microsoft.Dynamics.CRM.{kind}\",\
             \"ownerid\":\"{id}\"}}}}",
            shared.rights()
        );
    }
    body.push_str("]}");
    Ok(Answer::json(StatusCode::OK, body))
}
