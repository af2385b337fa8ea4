//! What every organization starts with: itself, its root business unit and default team, the
//! SYSTEM user, a currency, the platform's privileges and its three roles; and administrators.
//!
//! Every row has an id that follows from the organization's, so that seeding again finds what is
//! there: after a kill, and when a newer program's schema brings further tables.

use std::sync::Arc;

use keyholder_dataverse::schema::{Ownership, Table};
use keyholder_dataverse::value::{Decimal, Reference};
use keyholder_dataverse::{Depth, Value, Verb};
use keyholder_foundation::{ObjectId, Timestamp};
use keyholder_security::{Privilege, default_role_privileges, privilege_id, privileges_of, standalone_privileges};
use keyholder_store::Transaction;
use uuid::Uuid;

use crate::catalogue::{Catalogue, Record};
use crate::directory::ApplicationFacts;
use crate::error::Failure;
use crate::organization::Core;
use crate::platform::Platform;
use crate::rules::{self, access_mode};
use crate::units::Units;

/// The role template of System Administrator, the same in every org.
pub(crate) const SYSTEM_ADMINISTRATOR: Uuid = Uuid::from_u128(0x627090ff_40a3_4053_8790_584edc5be201);
/// The role template of System Customizer, the same in every org.
pub(crate) const SYSTEM_CUSTOMIZER: Uuid = Uuid::from_u128(0x119f245c_3cc8_4b62_b31c_d1a046ced15d);

/// The name of the row that stands for a partner's administrators, by which its id is made.
pub(crate) const DELEGATED_ADMIN: &str = "Delegated Admin";

/// Somebody who is to administer an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Administrator {
    /// An application.
    Application(ApplicationFacts),
    /// A person.
    Person {
        /// The object id in the directory.
        object_id: ObjectId,
        /// The name that they sign in with.
        user_principal_name: String,
        /// The first name.
        first_name: String,
        /// The last name.
        last_name: String,
    },
}

/// A row that is being seeded.
pub(crate) struct Seed<'a> {
    pub(crate) core: &'a Core,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) now: Timestamp,
}

/// Makes what is missing of an organization's first rows.
pub(crate) fn seed(
    core: &Core,
    catalogue: &Catalogue,
    tx: &mut Transaction<'_>,
    now: Timestamp,
) -> Result<(), Failure> {
    let seed = Seed { core, catalogue, now: now.whole_seconds() };
    seed.organization(tx)?;
    seed.people(tx)?;
    let privileges = seed.privileges(tx)?;
    for (template, name) in [(SYSTEM_ADMINISTRATOR, "System Administrator"), (SYSTEM_CUSTOMIZER, "System Customizer")] {
        let mut row = seed.row("roletemplate")?;
        row.set_id(template);
        row.set_text("name", name);
        row.insert_if_missing(tx)?;
    }
    let everything = |privilege: &Privilege, _: Option<(&Table, Verb)>| privilege.depths.last().copied();
    seed.role(tx, "System Administrator", Some(SYSTEM_ADMINISTRATOR), &privileges, everything)?;
    seed.role(tx, "System Customizer", Some(SYSTEM_CUSTOMIZER), &privileges, customizer)?;
    seed.role(tx, "Basic User", None, &privileges, basic_user)?;
    seed.delegated_admin(tx)?;
    // A newer program may bring further roles to an org that has further business units.
    seed.units().inherit(tx, core.seed_id("businessunit"))
}

/// What makes a team the default one of the business unit of this name.
pub(crate) fn fill_default_team(team: &mut Record, unit: &str) {
    team.set_text("name", unit);
    team.set_text(
        "description",
        "Default team for the parent business unit. The name and membership for default team are inherited from their \
         parent business unit.",
    );
    for column in ["isdefault", "systemmanaged"] {
        team.set(column, Value::Boolean(true));
    }
    team.set("teamtype", Value::Integer(0));
}

/// As exported from a real environment, for the tables that there are.
fn customizer(_: &Privilege, about: Option<(&Table, Verb)>) -> Option<Depth> {
    let (table, verb) = about?;
    match (table.logical_name(), verb) {
        ("systemuser", Verb::Append | Verb::AppendTo | Verb::Write) => Some(Depth::Local),
        ("organization", Verb::Write) | ("transactioncurrency", Verb::Append | Verb::AppendTo) => Some(Depth::Global),
        (_, _) if table.ownership() == Ownership::User => Some(Depth::Basic),
        (_, Verb::Read) => Some(Depth::Global),
        _ => None,
    }
}

/// Own rows, and reading what everybody works with: a reading, its export is not at hand.
fn basic_user(_: &Privilege, about: Option<(&Table, Verb)>) -> Option<Depth> {
    let (table, verb) = about?;
    match verb {
        _ if table.ownership() == Ownership::User => Some(Depth::Basic),
        Verb::Read => Some(Depth::Global),
        Verb::Append | Verb::AppendTo if table.logical_name() == "systemuser" => Some(Depth::Basic),
        Verb::AppendTo if table.logical_name() == "transactioncurrency" => Some(Depth::Global),
        _ => None,
    }
}

impl Seed<'_> {
    pub(crate) fn platform(&self) -> Platform<'_> {
        Platform { catalogue: self.catalogue }
    }

    /// The SYSTEM user, who does what nobody asked for.
    pub(crate) fn system(&self) -> Value {
        Value::Lookup(self.system_reference())
    }

    fn system_reference(&self) -> Reference {
        let type_code = self.catalogue.type_code("systemuser").unwrap_or_default();
        Reference { type_code, id: self.core.seed_id("SYSTEM") }
    }

    fn units(&self) -> Units<'_> {
        Units { core: self.core, catalogue: self.catalogue, now: self.now, by: self.system_reference() }
    }

    /// Makes a user a member of their business unit's default team, and a System Administrator
    /// when they are to be one; says whether they were less before.
    pub(crate) fn enrol(
        &self,
        tx: &mut Transaction<'_>,
        user: &Record,
        is_administrator: bool,
    ) -> Result<bool, Failure> {
        let (platform, unit) = (self.platform(), user.business_unit().unwrap_or_default());
        let mut changed = false;
        if let Some(team) = platform.default_team(tx, unit)? {
            changed |= self.join(tx, "teammembership", "teammembershipid", ("teamid", team), user.id())?;
        }
        let role = self.core.seed_id("System Administrator");
        if let (true, Some(role)) = (is_administrator, platform.copy_in_unit(tx, role, unit)?) {
            changed |= self.join(tx, "systemuserroles", "systemuserroleid", ("roleid", role), user.id())?;
        }
        Ok(changed)
    }

    /// Pairs a user with a team or role; says whether they were apart.
    pub(crate) fn join(
        &self,
        tx: &mut Transaction<'_>,
        table: &str,
        own: &str,
        other: (&str, Uuid),
        user: Uuid,
    ) -> Result<bool, Failure> {
        let platform = self.platform();
        if platform.has_pair(tx, table, other, ("systemuserid", user))? {
            return Ok(false);
        }
        let row = (own, self.core.row_ids.next(self.now, &*self.core.random));
        platform.pair(tx, table, row, other, ("systemuserid", user))?;
        Ok(true)
    }

    fn reference(&self, table: &str, id: Uuid) -> Value {
        let type_code = self.catalogue.type_code(table).unwrap_or_default();
        Value::Lookup(Reference { type_code, id })
    }

    /// A row made by the platform itself.
    pub(crate) fn row(&self, table: &str) -> Result<Record, Failure> {
        let mut row = Record::empty(&self.catalogue.layout_of(table)?);
        rules::defaults::complete(&mut row)?;
        let system = self.system();
        for column in ["createdby", "modifiedby"] {
            row.set(column, system.clone());
        }
        for column in ["createdon", "modifiedon"] {
            row.set_time(column, self.now);
        }
        if table != "organization" {
            let organization = self.core.organization.0;
            let is_lookup = row.layout().table.column("organizationid").is_some_and(|column| column.kind.is_lookup());
            let value =
                if is_lookup { self.reference("organization", organization) } else { Value::Guid(organization) };
            row.set("organizationid", value);
        }
        row.set("businessunitid", self.reference("businessunit", self.core.seed_id("businessunit")));
        Ok(row)
    }

    pub(crate) fn insert(&self, tx: &mut Transaction<'_>, mut row: Record) -> Result<(), Failure> {
        row.set("versionnumber", Value::Integer(self.core.epochs.versions(tx, 1)?));
        row.insert_if_missing(tx).map(drop)
    }

    fn organization(&self, tx: &mut Transaction<'_>) -> Result<(), Failure> {
        let currency = self.core.seed_id("transactioncurrency");
        let mut row = self.row("organization")?;
        row.set_id(self.core.organization.0);
        row.set_text("name", self.core.name.as_str());
        row.set("basecurrencyid", self.reference("transactioncurrency", currency));
        row.set_text("basecurrencysymbol", "$");
        for (column, number) in
            [("basecurrencyprecision", 2), ("currencydecimalprecision", 2), ("languagecode", 1033), ("localeid", 1033)]
        {
            row.set(column, Value::Integer(number));
        }
        self.insert(tx, row)?;

        let mut row = self.row("transactioncurrency")?;
        row.set_id(currency);
        row.set_text("currencyname", "US Dollar");
        row.set_text("isocurrencycode", "USD");
        row.set_text("currencysymbol", "$");
        row.set("currencyprecision", Value::Integer(2));
        row.set("exchangerate", Value::Decimal(Decimal(Decimal::ONE)));
        self.insert(tx, row)?;

        let mut row = self.row("businessunit")?;
        row.set_id(self.core.seed_id("businessunit"));
        row.set_text("name", self.core.name.as_str());
        self.insert(tx, row)
    }

    /// The SYSTEM user, and the root business unit's default team.
    fn people(&self, tx: &mut Transaction<'_>) -> Result<(), Failure> {
        let mut row = self.row("systemuser")?;
        row.set_id(self.core.seed_id("SYSTEM"));
        row.set_text("fullname", "SYSTEM");
        row.set_text("lastname", "SYSTEM");
        row.set_text("domainname", "");
        // Nobody signs in as SYSTEM: a reading of how its row looks.
        row.set("accessmode", Value::Integer(3));
        row.set("isdisabled", Value::Boolean(true));
        self.insert(tx, row)?;

        let mut row = self.row("team")?;
        row.set_id(self.core.seed_id("team"));
        row.set("administratorid", self.system());
        fill_default_team(&mut row, &self.core.name);
        self.insert(tx, row)
    }

    /// The one row as which every partner's administrator acts.
    fn delegated_admin(&self, tx: &mut Transaction<'_>) -> Result<(), Failure> {
        let mut row = self.row("systemuser")?;
        row.set_id(self.core.seed_id(DELEGATED_ADMIN));
        row.set_text("fullname", DELEGATED_ADMIN);
        row.set_text("lastname", DELEGATED_ADMIN);
        row.set_text("domainname", "crmoln2@microsoft.com");
        row.set("accessmode", Value::Integer(access_mode::DELEGATED_ADMIN));
        row.set("isdisabled", Value::Boolean(false));
        self.insert(tx, row)?;
        let role = ("roleid", self.core.seed_id("System Administrator"));
        self.join(tx, "systemuserroles", "systemuserroleid", role, self.core.seed_id(DELEGATED_ADMIN)).map(drop)
    }

    /// All privileges, each with the table and verb that it is about.
    fn privileges(&self, tx: &mut Transaction<'_>) -> Result<Vec<Known>, Failure> {
        let mut known = Vec::new();
        for name in self.catalogue.schema.names() {
            let table = self.catalogue.table(&name.logical_name)?;
            for privilege in privileges_of(&table) {
                let named =
                    |verb: &&Verb| table.privilege_name(**verb).is_some_and(|name| privilege_id(&name) == privilege.id);
                let verb = table.verbs().iter().find(named).copied();
                known.push(Known { about: verb.map(|verb| (Arc::clone(&table), verb)), privilege });
            }
        }
        known.extend(standalone_privileges().map(|privilege| Known { about: None, privilege }));
        for Known { privilege, .. } in &known {
            let mut row = self.row("privilege")?;
            row.set_id(privilege.id);
            row.set_text("name", privilege.name.as_str());
            row.set("accessright", Value::Integer(privilege.access_right.into()));
            for (column, depth) in [
                ("canbebasic", Depth::Basic),
                ("canbelocal", Depth::Local),
                ("canbedeep", Depth::Deep),
                ("canbeglobal", Depth::Global),
            ] {
                row.set(column, Value::Boolean(privilege.depths.contains(&depth)));
            }
            self.insert(tx, row)?;
        }
        Ok(known)
    }

    /// A role of the platform, with those privileges that `depth` gives it. What an administrator
    /// has taken from or given to an existing one is left; only new privileges are added.
    fn role(
        &self,
        tx: &mut Transaction<'_>,
        name: &str,
        template: Option<Uuid>,
        privileges: &[Known],
        depth: impl Fn(&Privilege, Option<(&Table, Verb)>) -> Option<Depth>,
    ) -> Result<(), Failure> {
        let id = self.core.seed_id(name);
        let mut row = self.row("role")?;
        row.set_id(id);
        row.set_text("name", name);
        row.set("parentrootroleid", self.reference("role", id));
        row.set("roletemplateid", template.map_or(Value::Null, |template| self.reference("roletemplate", template)));
        row.set_guid("roleidunique", self.core.seed_id(&format!("unique {name}")));
        row.set("canbedeleted", Value::Boolean(false));
        row.set("componentstate", Value::Integer(0));
        self.insert(tx, row)?;

        let defaults: Vec<(Uuid, Depth)> =
            default_role_privileges().map(|(privilege, depth)| (privilege.id, depth)).collect();
        let held = self.platform().privileges(tx, id)?;
        for Known { privilege, about } in privileges {
            let wanted = depth(privilege, about.as_ref().map(|(table, verb)| (&**table, *verb)));
            let basic = defaults.iter().find(|(id, _)| *id == privilege.id).map(|(_, depth)| *depth);
            if let Some(depth) = wanted.or(basic)
                && !held.iter().any(|(known, _)| *known == privilege.id)
            {
                self.platform().grant(
                    tx,
                    self.core.seed_id(&format!("{name} {}", privilege.name)),
                    id,
                    privilege.id,
                    depth,
                )?;
            }
        }
        Ok(())
    }
}

/// A privilege, and the table and verb that it is about.
struct Known {
    privilege: Privilege,
    about: Option<(Arc<Table>, Verb)>,
}

/// Makes sure that somebody is an enabled System Administrator; gives their user's id.
pub(crate) fn ensure(
    core: &Core,
    catalogue: &Catalogue,
    tx: &mut Transaction<'_>,
    administrator: &Administrator,
    now: Timestamp,
) -> Result<Uuid, Failure> {
    let seed = Seed { core, catalogue, now: now.whole_seconds() };
    let platform = seed.platform();
    let found = match administrator {
        Administrator::Application(facts) => platform.application_user(tx, facts.client_id.0)?.map(|(user, _)| user),
        Administrator::Person { object_id, .. } => platform.person(tx, object_id.0)?,
    };
    let before = match found {
        Some(user) => Record::load(tx, catalogue, &catalogue.layout_of("systemuser")?, user)?,
        None => None,
    };
    let mut row = match &before {
        Some(before) => before.clone(),
        None => {
            let mut row = seed.row("systemuser")?;
            row.set_id(core.row_ids.next(now, &*core.random));
            row
        }
    };
    match administrator {
        Administrator::Application(facts) => rules::fill_application(&mut row, facts, &core.tenant.to_string()),
        Administrator::Person { object_id, user_principal_name, first_name, last_name } => {
            row.set_guid("azureactivedirectoryobjectid", object_id.0);
            for column in ["domainname", "internalemailaddress", "windowsliveid"] {
                row.set_text(column, user_principal_name.as_str());
            }
            row.set_text("firstname", first_name.as_str());
            row.set_text("lastname", last_name.as_str());
        }
    }
    rules::computed::full_name(&mut row);
    row.set("isdisabled", Value::Boolean(false));
    row.set("deletedstate", Value::Integer(0));
    match &before {
        Some(before) => row.update(tx, catalogue, before)?,
        None => seed.insert(tx, row.clone())?,
    }
    seed.enrol(tx, &row, true)?;
    core.epochs.bump_security(tx)?;
    Ok(row.id())
}
