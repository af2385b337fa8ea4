//! What business units, their teams and their roles answer for the org itself.

use std::collections::HashMap;

use keyholder_store::statement::{Select, column, literal, parameter, qualified};
use keyholder_store::{Kind, Snapshot, Transaction};
use uuid::Uuid;

use super::{Platform, table, value};
use crate::catalogue::layout::physical;
use crate::error::Failure;
use crate::rules::access_mode::DELEGATED_ADMIN;

/// A role as one business unit has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnitRole {
    pub(crate) id: Uuid,
    /// The role itself; the same as `id` in the unit that it was made in.
    pub(crate) root: Uuid,
    /// The copy one unit up.
    pub(crate) parent: Option<Uuid>,
}

impl Platform<'_> {
    /// The business unit with this folded name.
    pub(crate) fn unit_named(&self, snapshot: &mut Snapshot<'_>, folded: &str) -> Result<Option<Uuid>, Failure> {
        let find = self.prepared("business unit by name", || {
            Select::from(table("businessunit"))
                .column(value("businessunitid"), Kind::Uuid)
                .filter(column(physical("f_", "name")).equals(parameter(0)))
        })?;
        Ok(snapshot.first(&find, &[folded.into()], |row| row.get(0))?)
    }

    /// Whether a business unit is disabled.
    pub(crate) fn unit_is_disabled(&self, snapshot: &mut Snapshot<'_>, unit: Uuid) -> Result<bool, Failure> {
        let find = self.prepared("whether a business unit is disabled", || {
            Select::from(table("businessunit"))
                .column(value("isdisabled"), Kind::Bool)
                .filter(column(value("businessunitid")).equals(parameter(0)))
        })?;
        Ok(snapshot.first(&find, &[unit.into()], |row| row.get::<Option<bool>>(0))?.flatten() == Some(true))
    }

    /// The parent of every business unit that has one.
    pub(crate) fn parents(&self, snapshot: &mut Snapshot<'_>) -> Result<HashMap<Uuid, Uuid>, Failure> {
        let find = self.prepared("parents of business units", || {
            Select::from(table("businessunit"))
                .column(value("businessunitid"), Kind::Uuid)
                .column(value("parentbusinessunitid"), Kind::Uuid)
                .filter(column(value("parentbusinessunitid")).is_not_null())
        })?;
        Ok(snapshot.list(&find, &[], |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
    }

    /// The roles of a business unit, its own and its copies.
    pub(crate) fn roles_of_unit(&self, snapshot: &mut Snapshot<'_>, unit: Uuid) -> Result<Vec<UnitRole>, Failure> {
        let find = self.prepared("roles of a business unit", || {
            Select::from(table("role"))
                .column(value("roleid"), Kind::Uuid)
                .column(value("parentrootroleid"), Kind::Uuid)
                .column(value("parentroleid"), Kind::Uuid)
                .filter(column(value("businessunitid")).equals(parameter(0)))
        })?;
        let read = |row: &keyholder_store::Row<'_>| {
            let id = row.get(0)?;
            Ok(UnitRole { id, root: row.get::<Option<Uuid>>(1)?.unwrap_or(id), parent: row.get(2)? })
        };
        Ok(snapshot.list(&find, &[unit.into()], read)?)
    }

    /// The copies of a role in the business units below its own.
    pub(crate) fn copies(&self, snapshot: &mut Snapshot<'_>, root: Uuid) -> Result<Vec<Uuid>, Failure> {
        let find = self.prepared("copies of a role", || {
            Select::from(table("role"))
                .column(value("roleid"), Kind::Uuid)
                .filter(column(value("parentrootroleid")).equals(parameter(0)))
                .filter(column(value("roleid")).differs_from(parameter(0)))
        })?;
        Ok(snapshot.list(&find, &[root.into()], |row| row.get(0))?)
    }

    /// What a role of the root business unit is in another: itself in its own.
    pub(crate) fn copy_in_unit(
        &self,
        snapshot: &mut Snapshot<'_>,
        root: Uuid,
        unit: Uuid,
    ) -> Result<Option<Uuid>, Failure> {
        Ok(self.roles_of_unit(snapshot, unit)?.into_iter().find(|role| role.root == root).map(|role| role.id))
    }

    /// Everybody who holds a role of a template and can sign in, with their business unit.
    pub(crate) fn active_holders(
        &self,
        snapshot: &mut Snapshot<'_>,
        template: Uuid,
    ) -> Result<Vec<(Uuid, Uuid)>, Failure> {
        let find = self.prepared("active holders of a template's roles", || {
            Select::from(table("systemuserroles"))
                .alias("p")
                .project(qualified("u", value("systemuserid")), Kind::Uuid)
                .project(qualified("u", value("businessunitid")), Kind::Uuid)
                .join(table("role"), "r", qualified("r", value("roleid")).equals(qualified("p", value("roleid"))))
                .join(
                    table("systemuser"),
                    "u",
                    qualified("u", value("systemuserid")).equals(qualified("p", value("systemuserid"))),
                )
                .join(
                    table("businessunit"),
                    "b",
                    qualified("b", value("businessunitid")).equals(qualified("u", value("businessunitid"))),
                )
                .filter(qualified("r", value("roletemplateid")).equals(parameter(0)))
                .filter(qualified("u", value("isdisabled")).equals(literal(false)))
                // Partners come and go: an org's own administrator stays.
                .filter(qualified("u", value("accessmode")).differs_from(literal(DELEGATED_ADMIN)))
                .filter(qualified("b", value("isdisabled")).equals(literal(false)))
        })?;
        Ok(snapshot.list(&find, &[template.into()], |row| Ok((row.get(0)?, row.get(1)?)))?)
    }

    /// Whether a business unit has users, or teams beside its default one.
    pub(crate) fn has_members(&self, snapshot: &mut Snapshot<'_>, unit: Uuid) -> Result<bool, Failure> {
        let users = self.prepared("users of a business unit", || {
            Select::from(table("systemuser"))
                .column(value("systemuserid"), Kind::Uuid)
                .filter(column(value("businessunitid")).equals(parameter(0)))
                .limit(literal(1))
        })?;
        let teams = self.prepared("teams of a business unit", || {
            Select::from(table("team"))
                .column(value("teamid"), Kind::Uuid)
                .filter(column(value("businessunitid")).equals(parameter(0)))
                .filter(column(value("isdefault")).equals(literal(false)))
                .limit(literal(1))
        })?;
        Ok(snapshot.exists(&users, &[unit.into()])? || snapshot.exists(&teams, &[unit.into()])?)
    }

    /// Removes a role of one business unit, from whoever holds it too.
    pub(crate) fn remove_role(&self, tx: &mut Transaction<'_>, role: Uuid) -> Result<(), Failure> {
        for rows in ["systemuserroles", "teamroles", "roleprivileges", "role"] {
            self.remove(tx, rows, "roleid", role)?;
        }
        Ok(())
    }

    /// Removes a team and what it is paired with.
    pub(crate) fn remove_team(&self, tx: &mut Transaction<'_>, team: Uuid) -> Result<(), Failure> {
        for rows in ["teammembership", "teamroles", "team"] {
            self.remove(tx, rows, "teamid", team)?;
        }
        Ok(())
    }
}
