//! What every organization starts with: itself, its root business unit and default team, the
//! SYSTEM user, a currency, the platform's privileges and its roles; and administrators.
//!
//! Every row has an id that follows from the organization's, so that seeding again finds what is
//! there: after a kill, and when a newer program's schema brings further tables.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use keyholder_dataverse::fold::fold;
use keyholder_dataverse::schema::Table;
use keyholder_dataverse::value::{Decimal, Reference};
use keyholder_dataverse::{Depth, Value, Verb};
use keyholder_foundation::{ObjectId, Timestamp};
use keyholder_security::{Privilege, default_role_privileges, privileges_of, standalone_privileges};
use keyholder_store::Transaction;
use uuid::Uuid;

use crate::catalogue::{Catalogue, Record, made};
use crate::directory::ApplicationFacts;
use crate::error::Failure;
use crate::organization::Core;
use crate::platform::Platform;
use crate::rules::{self, access_mode};
use crate::units::Units;

mod messages;
mod roles;
mod settings;
use roles::PredefinedRole;
pub(crate) use roles::{SYSTEM_ADMINISTRATOR, SYSTEM_CUSTOMIZER, is_predefined};

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
    for role in &roles::ROLES {
        if let Some(template) = role.template {
            let mut row = seed.row("roletemplate")?;
            row.set_id(template);
            row.set_text("name", role.name);
            row.insert_if_missing(tx)?;
        }
        seed.role(tx, role, &privileges)?;
    }
    seed.delegated_admin(tx)?;
    let made = made::list(tx)?;
    for table in FURNISHED.into_iter().filter(|table| made.contains(*table)) {
        furnish(core, catalogue, tx, table, now)?;
    }
    // A newer program may bring further roles to an org that has further business units.
    seed.units().inherit(tx, core.seed_id("businessunit"))
}

/// The tables that come with rows of the platform's own when they are made.
const FURNISHED: [&str; 3] = ["sdkmessage", "sdkmessagefilter", "usersettings"];

/// Puts the platform's own rows into a table that has just been made; those that are there stay.
pub(crate) fn furnish(
    core: &Core,
    catalogue: &Catalogue,
    tx: &mut Transaction<'_>,
    table: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    let seed = Seed { core, catalogue, now: now.whole_seconds() };
    match table {
        "sdkmessage" => seed.messages(tx),
        "usersettings" => seed.all_settings(tx),
        "sdkmessagefilter" => {
            let names: Vec<String> = catalogue.schema.names().map(|name| name.logical_name.to_string()).collect();
            names.iter().try_for_each(|name| seed.message_filters(tx, name))
        }
        _ => Ok(()),
    }
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
        self.settings_follow(tx, user)?;
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
        let mut named_before = HashSet::new();
        for name in self.catalogue.schema.names() {
            let fresh = |known: &Known| named_before.insert(known.privilege.id);
            // Tables can share one: all activities do.
            known.extend(known_of(&self.catalogue.table(&name.logical_name)?).into_iter().filter(fresh));
        }
        let alone = standalone_privileges().filter(|privilege| named_before.insert(privilege.id));
        known.extend(alone.map(|privilege| Known { about: None, privilege }));
        self.insert_privileges(tx, &known)?;
        Ok(known)
    }

    fn insert_privileges(&self, tx: &mut Transaction<'_>, known: &[Known]) -> Result<(), Failure> {
        let blank = self.row("privilege")?;
        for Known { privilege, .. } in known {
            let mut row = blank.clone();
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
        Ok(())
    }

    /// Whether somebody made a role of this name before the platform had one.
    fn is_role_of_others(&self, tx: &mut Transaction<'_>, id: Uuid, name: &str) -> Result<bool, Failure> {
        let (platform, folded) = (self.platform(), fold(name));
        let own = platform.copies(tx, id)?;
        for unit in platform.subtree(tx, self.core.seed_id("businessunit"))?.iter() {
            let found = platform.role_named(tx, *unit, &folded)?;
            if found.is_some_and(|other| other != id && !own.contains(&other)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A role of the platform, with its privileges. What an administrator has taken from or given to an
    /// existing one is left; only new privileges are added. Where a role of that name was made before,
    /// that one stays the only one.
    fn role(
        &self,
        tx: &mut Transaction<'_>,
        &PredefinedRole { name, template, depth }: &PredefinedRole,
        privileges: &[Known],
    ) -> Result<(), Failure> {
        let id = self.core.seed_id(name);
        if self.is_role_of_others(tx, id, name)? {
            return Ok(());
        }
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
        let held: HashSet<Uuid> = self.platform().privileges(tx, id)?.into_iter().map(|(held, _)| held).collect();
        let mut fresh: Vec<(Uuid, Uuid, Depth)> = Vec::new();
        for Known { privilege, about } in privileges {
            let wanted = depth(privilege, about.as_ref().map(|(table, verb)| (&**table, *verb)));
            let wanted = wanted.filter(|depth| privilege.depths.contains(depth));
            let basic = defaults.iter().find(|(id, _)| *id == privilege.id).map(|(_, depth)| *depth);
            if let Some(depth) = wanted.or(basic)
                && !held.contains(&privilege.id)
            {
                fresh.push((self.core.seed_id(&format!("{name} {}", privilege.name)), privilege.id, depth));
            }
        }
        self.platform().grant_all(tx, id, fresh)
    }
}

/// A privilege, and the table and verb that it is about.
struct Known {
    privilege: Privilege,
    about: Option<(Arc<Table>, Verb)>,
}

/// The privileges of a table, each with the verb that it is about.
fn known_of(table: &Arc<Table>) -> Vec<Known> {
    let known = |privilege: Privilege| {
        let named = |verb: &&Verb| table.privilege_name(**verb).is_some_and(|name| name == privilege.name);
        let verb = table.verbs().iter().find(named).copied();
        Known { about: verb.map(|verb| (Arc::clone(table), verb)), privilege }
    };
    privileges_of(table).into_iter().map(known).collect()
}

/// Lets the privileges, and the platform's roles, follow tables that came, changed or went. What an administrator has taken
/// from a role stays taken: only privileges that are new are given.
pub(crate) fn privileges_follow(
    core: &Core,
    before: &Catalogue,
    after: &Catalogue,
    tx: &mut Transaction<'_>,
    now: Timestamp,
    touched: &BTreeSet<String>,
) -> Result<(), Failure> {
    let seed = Seed { core, catalogue: after, now: now.whole_seconds() };
    let platform = seed.platform();
    let there: HashSet<Uuid> = platform.privilege_names(tx)?.into_iter().map(|(id, _)| id).collect();
    let (mut new, mut kept) = (Vec::new(), HashSet::new());
    for name in touched {
        for known in after.schema.table(name)?.iter().flat_map(known_of) {
            if kept.insert(known.privilege.id) && !there.contains(&known.privilege.id) {
                new.push(known);
            }
        }
    }
    seed.insert_privileges(tx, &new)?;
    if made::list(tx)?.contains("sdkmessagefilter") {
        touched.iter().try_for_each(|name| seed.message_filters_follow(tx, name))?;
    }
    for PredefinedRole { name, depth, .. } in &roles::ROLES {
        let id = core.seed_id(name);
        if Record::load(tx, after, &after.layout_of("role")?, id)?.is_none() {
            continue;
        }
        for Known { privilege, about } in &new {
            if let Some(depth) = depth(privilege, about.as_ref().map(|(table, verb)| (&**table, *verb))) {
                let row = core.seed_id(&format!("{name} {}", privilege.name));
                platform.grant(tx, row, id, privilege.id, depth)?;
            }
        }
    }
    let mut lost = Vec::new();
    for name in touched {
        let table = before.schema.table(name)?;
        let gone = table.iter().flat_map(known_of).map(|known| known.privilege.id);
        lost.extend(gone.filter(|id| !kept.contains(id)));
    }
    if lost.is_empty() {
        return Ok(());
    }
    // Activities share theirs: a privilege goes with its last table.
    for name in after.schema.names().filter(|name| !touched.contains(&*name.logical_name)) {
        for known in after.schema.table(&name.logical_name)?.iter().flat_map(known_of) {
            kept.insert(known.privilege.id);
        }
    }
    for id in lost.into_iter().filter(|id| !kept.contains(id)) {
        platform.remove(tx, "roleprivileges", "privilegeid", id)?;
        platform.remove(tx, "privilege", "privilegeid", id)?;
    }
    Ok(())
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
