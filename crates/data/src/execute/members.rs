//! Members of teams, and users who change their business unit.

use keyholder_dataverse::Value;
use keyholder_dataverse::error;
use keyholder_dataverse::schema::Navigation;
use keyholder_dataverse::value::Reference;
use keyholder_operation::{Action, NamedRow};
use keyholder_security::{Calling, Subject};
use keyholder_store::Transaction;

use super::pair::{self, Pair};
use super::{Session, cascade, make, missing, no_content};
use crate::answer::Answer;
use crate::error::Failure;
use crate::rules;

/// `AddMembersTeam` and `RemoveMembersTeam`: the same as the references of the team's members, several at once. Who is
/// a member already, or none, stays so.
pub(super) fn change(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    calling: &Calling<Action>,
    (team, members): (&NamedRow, &[NamedRow]),
    add: bool,
) -> Result<Answer, Failure> {
    let navigation = team.table.navigation("teammembership_association");
    let Some(Navigation::ManyToMany { relationship, side }) = navigation else {
        return Err(error::not_supported("Members of this table's rows").into());
    };
    let (near, far) = relationship.ends(*side);
    let row = session.subject(tx, calling, Subject::Rows, &team.key)?;
    for member in members {
        let other = session.subject(tx, calling, Subject::Other, &member.key)?;
        let (one, two) = ((&*near.column, row.id()), (&*far.column, other.id()));
        let is_member = session.platform().has_pair(tx, &relationship.intersect, one, two)?;
        if is_member == add {
            continue;
        }
        let pair =
            Pair { pairs: &relationship.intersect, row: row.clone(), other, near: &near.column, far: &far.column };
        if add { pair::join(session, tx, &pair)? } else { pair::part(session, tx, &pair)? }
    }
    Ok(no_content())
}

/// `SetBusinessSystemUser`: moves a user, whose rows go to somebody else before where that is asked.
pub(super) fn move_user(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    calling: &Calling<Action>,
    user: &NamedRow,
    (unit, reassign_to): (&NamedRow, &NamedRow),
) -> Result<Answer, Failure> {
    let before = session.subject(tx, calling, Subject::Rows, &user.key)?;
    let unit = session.subject(tx, calling, Subject::Other, &unit.key)?;
    let heir = session
        .find(tx, &reassign_to.table, &reassign_to.key)?
        .ok_or_else(|| missing(&reassign_to.table, &reassign_to.key))?;
    if heir.id() != before.id() {
        cascade::give_all(session, tx, &before, &heir)?;
    }
    let mut record = before.clone();
    let type_code = unit.layout().table.type_code();
    record.set("businessunitid", Value::Lookup(Reference { type_code, id: unit.id() }));
    rules::before_update(session, tx, &before, &mut record, &[])?;
    make::touch(session, tx, &mut record)?;
    record.update(tx, session.catalogue, &before)?;
    rules::after_update(session, tx, &before, &record)?;
    make::settle(session, tx, &user.table)?;
    Ok(no_content())
}
