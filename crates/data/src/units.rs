//! Business units: what each brings along, and what has to follow when one is made or moved.
//!
//! Every unit has a default team of its own name, whose members are the unit's users. A role
//! belongs to the unit that it was made in, and every unit below that one has a copy of it, with
//! an id of its own: `parentroleid` names the copy one unit up, `parentrootroleid` the role itself,
//! which alone has the privileges.

use keyholder_dataverse::Value;
use keyholder_dataverse::error;
use keyholder_dataverse::fold::fold;
use keyholder_dataverse::schema::Ownership;
use keyholder_dataverse::value::Reference;
use keyholder_foundation::Timestamp;
use keyholder_store::statement::{Update, column, parameter};
use keyholder_store::{Prepared, Transaction};
use uuid::Uuid;

use crate::catalogue::{Catalogue, Record, made};
use crate::error::Failure;
use crate::organization::Core;
use crate::platform::Platform;
use crate::seed::{self, Seed};

/// What a copy of a role has from the role itself, beside its privileges.
const COPIED: [&str; 6] = ["name", "description", "appliesto", "isinherited", "canbedeleted", "iscustomizable"];

/// Changes to business units in one transaction.
pub(crate) struct Units<'a> {
    pub(crate) core: &'a Core,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) now: Timestamp,
    /// Who makes the change.
    pub(crate) by: Reference,
}

impl Units<'_> {
    fn platform(&self) -> Platform<'_> {
        Platform { catalogue: self.catalogue }
    }

    fn seed(&self) -> Seed<'_> {
        Seed { core: self.core, catalogue: self.catalogue, now: self.now }
    }

    fn reference(&self, table: &str, id: Uuid) -> Value {
        Value::Lookup(Reference { type_code: self.catalogue.type_code(table).unwrap_or_default(), id })
    }

    /// Makes the default team of a new unit.
    pub(crate) fn make_default_team(&self, tx: &mut Transaction<'_>, unit: &Record) -> Result<(), Failure> {
        let mut team = self.seed().row("team")?;
        team.set_id(self.core.row_ids.next(self.now, &*self.core.random));
        team.set("businessunitid", self.reference("businessunit", unit.id()));
        for column in ["createdby", "modifiedby", "administratorid"] {
            team.set(column, Value::Lookup(self.by));
        }
        seed::fill_default_team(&mut team, unit.get("name").text().unwrap_or_default());
        self.seed().insert(tx, team)
    }

    /// Gives a unit's default team the unit's name.
    pub(crate) fn rename_default_team(&self, tx: &mut Transaction<'_>, unit: &Record) -> Result<(), Failure> {
        match self.platform().default_team(tx, unit.id())? {
            Some(team) => self.change(tx, "team", team, |row| row.set("name", unit.get("name").clone())),
            None => Ok(()),
        }
    }

    /// Disables or enables every unit below one that has been disabled or enabled.
    pub(crate) fn disable_below(&self, tx: &mut Transaction<'_>, unit: &Record) -> Result<(), Failure> {
        for below in self.platform().subtree(tx, unit.id())?.iter().skip(1) {
            self.change(tx, "businessunit", *below, |row| row.set("isdisabled", unit.get("isdisabled").clone()))?;
        }
        Ok(())
    }

    /// Brings the copies of roles in a unit and all below it in line with the roles above: the
    /// missing are made, those of roles that are above no more go, from their holders too.
    pub(crate) fn inherit(&self, tx: &mut Transaction<'_>, unit: Uuid) -> Result<(), Failure> {
        let platform = self.platform();
        let parents = platform.parents(tx)?;
        // A parent comes before its children.
        for unit in platform.subtree(tx, unit)?.iter() {
            let Some(parent) = parents.get(unit) else { continue };
            let (above, here) = (platform.roles_of_unit(tx, *parent)?, platform.roles_of_unit(tx, *unit)?);
            for role in &here {
                if role.root != role.id && !above.iter().any(|other| other.root == role.root) {
                    platform.remove_role(tx, role.id)?;
                }
            }
            for role in above {
                match here.iter().find(|copy| copy.root == role.root) {
                    Some(copy) if copy.parent == Some(role.id) => {}
                    Some(copy) => {
                        let parent = self.reference("role", role.id);
                        self.change(tx, "role", copy.id, |row| row.set("parentroleid", parent))?;
                    }
                    None => self.copy_role(tx, role.id, *unit)?,
                }
            }
        }
        Ok(())
    }

    fn copy_role(&self, tx: &mut Transaction<'_>, above: Uuid, unit: Uuid) -> Result<(), Failure> {
        let layout = self.catalogue.layout_of("role")?;
        let Some(mut copy) = Record::load(tx, self.catalogue, &layout, above)? else { return Ok(()) };
        let name = copy.get("name").text().unwrap_or_default().to_owned();
        if self.platform().role_named(tx, unit, &fold(&name))?.is_some() {
            return Err(error::role_already_exists(&name, unit).into());
        }
        let fresh = || self.core.row_ids.next(self.now, &*self.core.random);
        copy.set_id(fresh());
        copy.set_guid("roleidunique", fresh());
        copy.set("businessunitid", self.reference("businessunit", unit));
        copy.set("parentroleid", self.reference("role", above));
        for column in ["createdby", "modifiedby"] {
            copy.set(column, Value::Lookup(self.by));
        }
        for column in ["createdon", "modifiedon"] {
            copy.set_time(column, self.now);
        }
        self.seed().insert(tx, copy)
    }

    /// Lets the copies of a role follow it.
    pub(crate) fn follow_role(&self, tx: &mut Transaction<'_>, role: &Record) -> Result<(), Failure> {
        for copy in self.platform().copies(tx, role.id())? {
            self.change(tx, "role", copy, |row| {
                for column in COPIED {
                    row.set(column, role.get(column).clone());
                }
            })?;
        }
        Ok(())
    }

    /// Puts the rows of a user or team into the business unit that their owner is in now, of all tables that have been
    /// used.
    pub(crate) fn move_rows(&self, tx: &mut Transaction<'_>, owner: Uuid, unit: Uuid) -> Result<(), Failure> {
        let version = self.core.epochs.versions(tx, 1)?;
        for name in made::list(tx)? {
            let Some(table) = self.catalogue.schema.table(&name)? else { continue };
            if table.ownership() != Ownership::User {
                continue;
            }
            let layout = self.catalogue.layout(&table);
            let place = |name: &str| layout.named(name).and_then(|place| place.value.clone()).map(|(name, _)| name);
            let (Some(of), Some(into)) = (place("ownerid"), place("owningbusinessunit")) else { continue };
            let mut update = Update::of(layout.name.clone()).set(into, parameter(1));
            let mut values = vec![owner.into(), unit.into()];
            if let Some(versions) = place("versionnumber") {
                update = update.set(versions, parameter(2));
                values.push(version.into());
            }
            tx.execute(&Prepared::new(update.filter(column(of).equals(parameter(0))))?, &values)?;
        }
        Ok(())
    }

    /// Changes a row of the platform's own; one that stays as it is gets no new version.
    fn change(
        &self,
        tx: &mut Transaction<'_>,
        table: &str,
        id: Uuid,
        change: impl FnOnce(&mut Record),
    ) -> Result<(), Failure> {
        let layout = self.catalogue.layout_of(table)?;
        let Some(before) = Record::load(tx, self.catalogue, &layout, id)? else { return Ok(()) };
        let mut row = before.clone();
        change(&mut row);
        if !row.differs_from(&before) {
            return Ok(());
        }
        row.set_time("modifiedon", self.now);
        row.set("modifiedby", Value::Lookup(self.by));
        row.set("versionnumber", Value::Integer(self.core.epochs.versions(tx, 1)?));
        row.update(tx, self.catalogue, &before)
    }
}
