//! The platform's own statements: the few questions that users, roles and business units answer
//! for the org itself, whoever asks.

mod units;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use keyholder_dataverse::Depth;
use keyholder_operation::query::{Direction, Hierarchy};
use keyholder_store::statement::{Delete, Expr, Insert, Name, Select, column, literal, parameter, qualified};
use keyholder_store::{Error, Kind, Prepared, Snapshot, Transaction, Value};
use uuid::Uuid;

use crate::catalogue::layout::physical;
use crate::catalogue::{Catalogue, Shape};
use crate::error::Failure;

/// The physical name of a table.
pub(crate) fn table(logical: &str) -> Name {
    physical("d_", logical)
}

/// The physical name of a column.
pub(crate) fn value(logical: &str) -> Name {
    physical("v_", logical)
}

/// The most rows above or under one in a hierarchy.
const LARGEST_HIERARCHY: usize = 20_000;
/// The most levels of them.
const DEEPEST_HIERARCHY: usize = 500;

/// A role that somebody holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeldRole {
    /// The copy of the root role, which has the privileges.
    pub(crate) root: Uuid,
    /// Whether `isinherited` is 1.
    pub(crate) inherited: bool,
}

/// The platform's questions to one snapshot.
pub(crate) struct Platform<'a> {
    pub(crate) catalogue: &'a Catalogue,
}

/// Everything that a statement finds from an id, from what it found, and so on: once for each level.
fn levels(snapshot: &mut Snapshot<'_>, find: &Prepared, from: Uuid) -> Result<Vec<Uuid>, Failure> {
    let (mut all, mut level, mut depth) = (HashSet::from([from]), vec![from], 0);
    while !level.is_empty() {
        depth += 1;
        if all.len() > LARGEST_HIERARCHY || depth > DEEPEST_HIERARCHY {
            let what = format!(
                "A hierarchy of more than {LARGEST_HIERARCHY} rows or {DEEPEST_HIERARCHY} levels in a condition"
            );
            return Err(keyholder_dataverse::error::not_supported(&what).into());
        }
        let found: Vec<Uuid> = snapshot.list(find, &[Value::ids(level)], |row| row.get(0))?;
        // Rows in a circle are each found once.
        level = found.into_iter().filter(|found| all.insert(*found)).collect();
    }
    all.remove(&from);
    Ok(all.into_iter().collect())
}

impl Platform<'_> {
    fn prepared(&self, name: &'static str, statement: impl FnOnce() -> Select) -> Result<Prepared, Failure> {
        self.catalogue.shape(Shape::Named(name), || Ok(Prepared::new(statement())?))
    }

    /// The id of the user with this application id, not permanently deleted, and whether it is
    /// only soft-deleted.
    pub(crate) fn application_user(
        &self,
        snapshot: &mut Snapshot<'_>,
        application: Uuid,
    ) -> Result<Option<(Uuid, bool)>, Failure> {
        let find = self.prepared("application user", || {
            Select::from(table("systemuser"))
                .column(value("systemuserid"), Kind::Uuid)
                .column(value("deletedstate"), Kind::Integer)
                .filter(column(value("applicationid")).equals(parameter(0)))
        })?;
        let read = |row: &keyholder_store::Row<'_>| Ok((row.get(0)?, row.get::<Option<i64>>(1)?.unwrap_or(0) != 0));
        Ok(snapshot.first(&find, &[application.into()], read)?)
    }

    /// The id of the user with this object id in the directory who is no application.
    pub(crate) fn person(&self, snapshot: &mut Snapshot<'_>, object: Uuid) -> Result<Option<Uuid>, Failure> {
        let find = self.prepared("person", || {
            Select::from(table("systemuser"))
                .column(value("systemuserid"), Kind::Uuid)
                .filter(column(value("azureactivedirectoryobjectid")).equals(parameter(0)))
                .filter(column(value("applicationid")).is_null())
        })?;
        Ok(snapshot.first(&find, &[object.into()], |row| row.get(0))?)
    }

    /// The id of the user of the application with this service principal.
    pub(crate) fn application_of(&self, snapshot: &mut Snapshot<'_>, object: Uuid) -> Result<Option<Uuid>, Failure> {
        let find = self.prepared("application of a service principal", || {
            Select::from(table("systemuser"))
                .column(value("systemuserid"), Kind::Uuid)
                .filter(column(value("azureactivedirectoryobjectid")).equals(parameter(0)))
                .filter(column(value("applicationid")).is_not_null())
        })?;
        Ok(snapshot.first(&find, &[object.into()], |row| row.get(0))?)
    }

    /// The teams that a user is a member of, each with its business unit.
    pub(crate) fn teams(&self, snapshot: &mut Snapshot<'_>, user: Uuid) -> Result<Vec<(Uuid, Uuid)>, Failure> {
        let find = self.prepared("teams of a user", || {
            Select::from(table("teammembership"))
                .alias("m")
                .project(qualified("t", value("teamid")), Kind::Uuid)
                .project(qualified("t", value("businessunitid")), Kind::Uuid)
                .join(table("team"), "t", qualified("t", value("teamid")).equals(qualified("m", value("teamid"))))
                .filter(qualified("m", value("systemuserid")).equals(parameter(0)))
        })?;
        Ok(snapshot.list(&find, &[user.into()], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// The teams that any of these users is a member of.
    pub(crate) fn teams_of_all(&self, snapshot: &mut Snapshot<'_>, users: &[Uuid]) -> Result<Vec<Uuid>, Failure> {
        let find = self.prepared("teams of users", || {
            let members = column(value("systemuserid")).in_list(0);
            Select::from(table("teammembership")).column(value("teamid"), Kind::Uuid).filter(members).distinct()
        })?;
        Ok(snapshot.list(&find, &[Value::ids(users.iter().copied())], |row| row.get(0))?)
    }

    /// All who report to a user, directly or through others.
    pub(crate) fn reports(&self, snapshot: &mut Snapshot<'_>, user: Uuid) -> Result<Vec<Uuid>, Failure> {
        let find = self.prepared("reports of users", || {
            let managed = column(value("parentsystemuserid")).in_list(0);
            Select::from(table("systemuser")).column(value("systemuserid"), Kind::Uuid).filter(managed)
        })?;
        levels(snapshot, &find, user)
    }

    /// The rows above or under a row, without that row.
    pub(crate) fn hierarchy(&self, snapshot: &mut Snapshot<'_>, of: &Hierarchy) -> Result<Vec<Uuid>, Failure> {
        let layout = self.catalogue.layout(&of.table);
        let parent = layout.place(&of.parent).and_then(|place| place.value.clone());
        let (parent, _) = parent.ok_or_else(keyholder_dataverse::error::unexpected)?;
        let (given, wanted) = match of.direction {
            Direction::Above => (layout.id(), parent),
            Direction::Under => (parent, layout.id()),
        };
        let find = Select::from(layout.name.clone())
            .column(wanted.clone(), Kind::Uuid)
            .filter(column(given).in_list(0))
            .filter(column(wanted).is_not_null());
        levels(snapshot, &Prepared::new(find)?, of.of)
    }

    /// The roles of a user or team.
    pub(crate) fn roles(
        &self,
        snapshot: &mut Snapshot<'_>,
        holder: Uuid,
        is_team: bool,
    ) -> Result<Vec<HeldRole>, Failure> {
        let (name, pairs, key) = if is_team {
            ("roles of a team", "teamroles", "teamid")
        } else {
            ("roles of a user", "systemuserroles", "systemuserid")
        };
        let find = self.prepared(name, || {
            Select::from(table(pairs))
                .alias("p")
                .project(qualified("r", value("parentrootroleid")), Kind::Uuid)
                .project(qualified("r", value("isinherited")), Kind::Integer)
                .join(table("role"), "r", qualified("r", value("roleid")).equals(qualified("p", value("roleid"))))
                .filter(qualified("p", value(key)).equals(parameter(0)))
        })?;
        Ok(snapshot.list(&find, &[holder.into()], |row| {
            Ok(HeldRole { root: row.get(0)?, inherited: row.get::<Option<i64>>(1)? == Some(1) })
        })?)
    }

    /// The privileges of a root role.
    pub(crate) fn privileges(&self, snapshot: &mut Snapshot<'_>, root: Uuid) -> Result<Vec<(Uuid, Depth)>, Failure> {
        let find = self.prepared("privileges of a role", || {
            Select::from(table("roleprivileges"))
                .column(value("privilegeid"), Kind::Uuid)
                .column(value("privilegedepthmask"), Kind::Integer)
                .filter(column(value("roleid")).equals(parameter(0)))
        })?;
        let mut privileges = Vec::new();
        snapshot.for_each(&find, &[root.into()], |row| {
            if let Some(depth) = Depth::from_mask(row.get(1)?) {
                privileges.push((row.get(0)?, depth));
            }
            Ok::<(), Error>(())
        })?;
        Ok(privileges)
    }

    /// The names of privileges by their ids, in their names' order.
    pub(crate) fn privilege_names(&self, snapshot: &mut Snapshot<'_>) -> Result<Vec<(Uuid, String)>, Failure> {
        let find = self.prepared("names of privileges", || {
            Select::from(table("privilege"))
                .column(value("privilegeid"), Kind::Uuid)
                .column(value("name"), Kind::Text)
                .order_by(column(value("name")).ascending())
        })?;
        Ok(snapshot.list(&find, &[], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// How many privileges there are.
    pub(crate) fn privilege_count(&self, snapshot: &mut Snapshot<'_>) -> Result<usize, Failure> {
        let count = self.prepared("number of privileges", || {
            Select::from(table("privilege")).project(Expr::Count, Kind::Integer)
        })?;
        let count: Option<i64> = snapshot.first(&count, &[], |row| row.get(0))?;
        Ok(count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0))
    }

    /// A business unit and every one below it.
    pub(crate) fn subtree(&self, snapshot: &mut Snapshot<'_>, unit: Uuid) -> Result<Arc<[Uuid]>, Failure> {
        let all = self.prepared("business units", || {
            Select::from(table("businessunit"))
                .column(value("businessunitid"), Kind::Uuid)
                .column(value("parentbusinessunitid"), Kind::Uuid)
        })?;
        let mut children: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
        snapshot.for_each(&all, &[], |row| {
            if let Some(parent) = row.get::<Option<Uuid>>(1)? {
                children.entry(parent).or_default().push(row.get(0)?);
            }
            Ok::<(), Error>(())
        })?;
        let mut subtree = vec![unit];
        let mut next = 0;
        while let Some(unit) = subtree.get(next).copied() {
            // Taken out, so that a loop in the data cannot hold this up.
            subtree.extend(children.remove(&unit).unwrap_or_default());
            next += 1;
        }
        Ok(subtree.into())
    }

    /// The default team of a business unit, which every user of the unit is a member of.
    pub(crate) fn default_team(&self, snapshot: &mut Snapshot<'_>, unit: Uuid) -> Result<Option<Uuid>, Failure> {
        let find = self.prepared("default team", || {
            Select::from(table("team"))
                .column(value("teamid"), Kind::Uuid)
                .filter(column(value("businessunitid")).equals(parameter(0)))
                .filter(column(value("isdefault")).equals(literal(true)))
        })?;
        Ok(snapshot.first(&find, &[unit.into()], |row| row.get(0))?)
    }

    /// The role of a business unit with this folded name.
    pub(crate) fn role_named(
        &self,
        snapshot: &mut Snapshot<'_>,
        unit: Uuid,
        folded: &str,
    ) -> Result<Option<Uuid>, Failure> {
        let find = self.prepared("role by name", || {
            Select::from(table("role"))
                .column(value("roleid"), Kind::Uuid)
                .filter(column(value("businessunitid")).equals(parameter(0)))
                .filter(column(physical("f_", "name")).equals(parameter(1)))
        })?;
        Ok(snapshot.first(&find, &[unit.into(), folded.into()], |row| row.get(0))?)
    }

    /// The roles that were made from a template: one in each business unit.
    pub(crate) fn roles_of_template(&self, snapshot: &mut Snapshot<'_>, template: Uuid) -> Result<Vec<Uuid>, Failure> {
        let find = self.prepared("roles of a template", || {
            Select::from(table("role"))
                .column(value("roleid"), Kind::Uuid)
                .filter(column(value("roletemplateid")).equals(parameter(0)))
        })?;
        Ok(snapshot.list(&find, &[template.into()], |row| row.get(0))?)
    }

    /// Whether a pair of a many-to-many relationship is there.
    pub(crate) fn has_pair(
        &self,
        snapshot: &mut Snapshot<'_>,
        pairs: &str,
        first: (&str, Uuid),
        second: (&str, Uuid),
    ) -> Result<bool, Failure> {
        let find = Prepared::new(
            Select::from(table(pairs))
                .column(value(first.0), Kind::Uuid)
                .filter(column(value(first.0)).equals(parameter(0)))
                .filter(column(value(second.0)).equals(parameter(1))),
        )?;
        Ok(snapshot.exists(&find, &[first.1.into(), second.1.into()])?)
    }

    /// Removes rows of a table by the value of one column; gives their number.
    pub(crate) fn remove(&self, tx: &mut Transaction<'_>, from: &str, by: &str, id: Uuid) -> Result<u64, Failure> {
        let delete = Prepared::new(Delete::from(table(from)).filter(column(value(by)).equals(parameter(0))))?;
        Ok(tx.execute(&delete, &[id.into()])?)
    }

    /// Removes one pair of a many-to-many relationship, if it is there.
    pub(crate) fn unpair(
        &self,
        tx: &mut Transaction<'_>,
        pairs: &str,
        first: (&str, Uuid),
        second: (&str, Uuid),
    ) -> Result<u64, Failure> {
        let delete = Delete::from(table(pairs))
            .filter(column(value(first.0)).equals(parameter(0)))
            .filter(column(value(second.0)).equals(parameter(1)));
        Ok(tx.execute(&Prepared::new(delete)?, &[first.1.into(), second.1.into()])?)
    }

    /// Adds a pair of a many-to-many relationship, if it is not there.
    pub(crate) fn pair(
        &self,
        tx: &mut Transaction<'_>,
        pairs: &str,
        row: (&str, Uuid),
        first: (&str, Uuid),
        second: (&str, Uuid),
    ) -> Result<(), Failure> {
        let insert = Insert::into(table(pairs)).columns([value(row.0), value(first.0), value(second.0)]).or_nothing();
        tx.execute(&Prepared::new(insert)?, &[row.1.into(), first.1.into(), second.1.into()])?;
        Ok(())
    }

    /// Gives a root role privileges that it does not have: the row's id, the privilege and the depth. Rows that are
    /// there are left.
    pub(crate) fn grant_all(
        &self,
        tx: &mut Transaction<'_>,
        root: Uuid,
        privileges: Vec<(Uuid, Uuid, Depth)>,
    ) -> Result<(), Failure> {
        let insert = self.catalogue.shape(Shape::Named("grant several"), || {
            let columns = ["roleprivilegeid", "roleid", "privilegeid", "privilegedepthmask"].map(value);
            Ok(Prepared::new(Insert::into(table("roleprivileges")).columns(columns).or_nothing())?)
        })?;
        let rows = privileges.into_iter().map(|(row, privilege, depth)| {
            [row.into(), root.into(), privilege.into(), Value::Integer(depth.mask().into())]
        });
        tx.execute_each(&insert, rows)?;
        Ok(())
    }

    /// Gives a root role a privilege at a depth, instead of the depth that it may have there.
    pub(crate) fn grant(
        &self,
        tx: &mut Transaction<'_>,
        row: Uuid,
        root: Uuid,
        privilege: Uuid,
        depth: Depth,
    ) -> Result<(), Failure> {
        self.unpair(tx, "roleprivileges", ("roleid", root), ("privilegeid", privilege))?;
        let insert = self.catalogue.shape(Shape::Named("grant"), || {
            let columns = ["roleprivilegeid", "roleid", "privilegeid", "privilegedepthmask"].map(value);
            Ok(Prepared::new(Insert::into(table("roleprivileges")).columns(columns))?)
        })?;
        let mask = Value::Integer(depth.mask().into());
        tx.execute(&insert, &[row.into(), root.into(), privilege.into(), mask])?;
        Ok(())
    }
}
