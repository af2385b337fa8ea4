//! Pairing rows of a many-to-many relationship: roles of users and teams, members of teams.

use keyholder_dataverse::schema::ManyToMany;
use keyholder_dataverse::{Value, error};
use keyholder_security::Linking;
use keyholder_store::Transaction;

use super::{Session, make, no_content};
use crate::answer::Answer;
use crate::catalogue::Record;
use crate::error::Failure;
use crate::people::decide::NON_INTERACTIVE;
use crate::rules::{self, access_mode};

/// The two rows of a pair, each with the column that names it in the table of pairs.
pub(super) struct Pair<'a> {
    /// The logical name of the table of pairs.
    pub(super) pairs: &'a str,
    pub(super) row: Record,
    pub(super) other: Record,
    pub(super) near: &'a str,
    pub(super) far: &'a str,
}

impl Pair<'_> {
    /// The row of this table, whichever side it stands on.
    fn of(&self, logical_name: &str) -> Option<&Record> {
        [&self.row, &self.other].into_iter().find(|record| record.layout().table.logical_name() == logical_name)
    }
}

/// Adds a pair.
pub(crate) fn associate(session: &Session<'_>, tx: &mut Transaction<'_>, linking: &Linking) -> Result<Answer, Failure> {
    let pair = reached(session, tx, linking)?;
    join(session, tx, &pair)?;
    Ok(no_content())
}

/// Adds a pair of rows that the caller may pair: that has been checked.
pub(super) fn join(session: &Session<'_>, tx: &mut Transaction<'_>, pair: &Pair<'_>) -> Result<(), Failure> {
    let (near, far) = ((pair.near, pair.row.id()), (pair.far, pair.other.id()));
    let platform = session.platform();
    if let Some(role) = pair.of("role") {
        check_user(session, pair)?;
        let unit = |record: &Record| record.business_unit().unwrap_or_default();
        if let Some(user) = pair.of("systemuser") {
            if *user.get("isdisabled") == Value::Boolean(true) {
                return Err(rules::role_for_disabled_user(user.id()).into());
            }
            rules::check_role_policy(session, user, role)?;
            if unit(user) != unit(role) {
                return Err(error::user_in_wrong_business(user.id(), unit(user), role.id(), unit(role)).into());
            }
        }
        if let Some(team) = pair.of("team").filter(|team| rules::is_access_team(team)) {
            return Err(rules::access_team_holds_no_role(team.id()).into());
        }
        if pair.of("team").is_some_and(|team| unit(team) != unit(role)) {
            return Err(rules::team_in_wrong_business().into());
        }
        let root = role.get("parentrootroleid").guid().unwrap_or_else(|| role.id());
        let privileges = platform.privileges(tx, root)?;
        rules::check_held(session, tx, &privileges)?;
    }
    // A member gets what the team's roles give: adding one hands out all of them.
    if let (Some(team), Some(_)) = (pair.of("team"), pair.of("systemuser")) {
        if rules::is_default_team(team) {
            return Err(rules::default_team_takes_no_member(team.id()).into());
        }
        let roles = platform.roles(tx, team.id(), true)?;
        if !roles.is_empty() {
            check_user(session, pair)?;
        }
        for role in roles {
            let privileges = platform.privileges(tx, role.root)?;
            rules::check_held(session, tx, &privileges)?;
        }
    }
    if platform.has_pair(tx, pair.pairs, near, far)? {
        return Err(error::duplicate_record().into());
    }
    let own_id = session.catalogue.table(pair.pairs)?;
    platform.pair(tx, pair.pairs, (&own_id.primary_id().name, session.new_id()), near, far)?;
    make::settle(session, tx, &own_id)
}

/// Removes a pair; one that is not there is as good as removed.
pub(crate) fn disassociate(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    linking: &Linking,
) -> Result<Answer, Failure> {
    let pair = reached(session, tx, linking)?;
    part(session, tx, &pair)?;
    Ok(no_content())
}

/// Removes a pair of rows that the caller may pair: that has been checked.
pub(super) fn part(session: &Session<'_>, tx: &mut Transaction<'_>, pair: &Pair<'_>) -> Result<(), Failure> {
    let (near, far) = ((pair.near, pair.row.id()), (pair.far, pair.other.id()));
    if pair.of("role").is_some() {
        check_user(session, pair)?;
    }
    if let (Some(role), Some(user)) = (pair.of("role"), pair.of("systemuser"))
        && role.get("roletemplateid").guid() == Some(crate::seed::SYSTEM_ADMINISTRATOR)
        && rules::is_last_administrator(session, tx, user.id())?
    {
        return Err(rules::last_administrator().into());
    }
    if let (Some(team), Some(_)) = (pair.of("team"), pair.of("systemuser"))
        && rules::is_default_team(team)
    {
        return Err(rules::default_team_loses_no_member(team.id()).into());
    }
    session.platform().unpair(tx, pair.pairs, near, far)?;
    let pairs = session.catalogue.table(pair.pairs)?;
    make::settle(session, tx, &pairs)
}

/// The row that stands for partners keeps its role, and a partner gives none to users for programs,
/// neither by themselves nor through a team.
fn check_user(session: &Session<'_>, pair: &Pair<'_>) -> Result<(), Failure> {
    let Some(user) = pair.of("systemuser") else { return Ok(()) };
    match user.get("accessmode") {
        Value::Integer(access_mode::DELEGATED_ADMIN) => Err(rules::delegated_administrator().into()),
        Value::Integer(NON_INTERACTIVE) => access_mode::check_delegate(session),
        _ => Ok(()),
    }
}

/// Both rows, if the caller may pair them.
fn reached<'a>(session: &Session<'_>, tx: &mut Transaction<'_>, linking: &'a Linking) -> Result<Pair<'a>, Failure> {
    let part = linking.part();
    check_relationship(&part.relationship)?;
    let row = session.reached(tx, linking.rows(), &part.key)?;
    let other = session.reached(tx, linking.other(), &part.other_key)?;
    if let Some((_, roles)) = linking.assign() {
        for record in [&row, &other] {
            if record.layout().table.logical_name() == roles.table().logical_name() {
                session.check_reach(tx, roles, record)?;
            }
        }
    }
    let (near, far) = part.relationship.ends(part.side);
    Ok(Pair { pairs: &part.relationship.intersect, row, other, near: &near.column, far: &far.column })
}

/// Pairs of some relationships have a depth too, which a reference cannot say.
pub(super) fn check_relationship(relationship: &ManyToMany) -> Result<(), Failure> {
    if relationship.intersect == "roleprivileges" {
        return Err(
            error::not_supported("Pairing roles and privileges by reference (AddPrivilegesRole is the way)").into()
        );
    }
    Ok(())
}
