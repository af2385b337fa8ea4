//! Users: how an application gets its user in the org, what of it can be changed, how it goes.
//!
//! An application user is made with little more than an application id; name, addresses and the
//! service principal come from the directory, which was asked before (see
//! [`Directory`](crate::Directory)), and stay as they are. People come from the directory by
//! themselves and are not made through the Web API.

use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_dataverse::error;
use keyholder_dataverse::schema::{Column, Ownership};
use keyholder_foundation::ClientId;
use keyholder_operation::{Assigned, Assignment, Operation};
use keyholder_store::statement::{Select, column, literal, parameter};
use keyholder_store::{Kind, Prepared, Transaction};
use uuid::Uuid;

use super::role::check_privilege;
use super::{Deletion, access_mode, refusals, unit};
use crate::catalogue::{Record, made};
use crate::directory::ApplicationFacts;
use crate::error::Failure;
use crate::execute::Session;
use crate::people::decide::NON_INTERACTIVE;
use crate::seed::{SYSTEM_ADMINISTRATOR, Seed};

/// The longest `internalemailaddress`.
const LONGEST_EMAIL: usize = 100;

/// The application that an operation wants to have as a user: the directory has to be asked for it
/// beforehand.
pub(crate) fn application_of(operation: &Operation) -> Option<ClientId> {
    let (table, values): (_, &[Assignment]) = match operation {
        Operation::Create(create) => (&create.table, &create.values),
        Operation::Update(update) if update.may_create => (&update.table, &update.values),
        _ => return None,
    };
    let given = values.iter().find(|given| &*given.column.name == "applicationid")?;
    match &given.value {
        Assigned::Value(Value::Guid(id)) if table.logical_name() == "systemuser" => Some(ClientId(*id)),
        _ => None,
    }
}

pub(super) fn before_create(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &mut Record,
    ignored: &[Arc<Column>],
) -> Result<(), Failure> {
    refuse_locked(ignored)?;
    access_mode::check_delegate(session)?;
    let Some(application) = record.get("applicationid").guid() else {
        return Err(error::not_supported("Making a user who is no application").into());
    };
    if *record.get("islicensed") == Value::Boolean(true) {
        return Err(refusals::licensed().into());
    }
    if *record.get("issyncwithdirectory") == Value::Boolean(true) {
        return Err(refusals::synced().into());
    }
    match session.platform().application_user(tx, application)? {
        // A soft-deleted user still holds the key; the service then says only this.
        Some((_, true)) => return Err(error::duplicate_record().into()),
        Some((_, false)) => return Err(error::duplicate_application_user(application).into()),
        None => {}
    }
    let facts = session
        .request
        .application
        .as_ref()
        .filter(|facts| facts.client_id.0 == application)
        .ok_or_else(|| error::application_not_in_directory(application, session.request.id))?;
    fill(record, facts, &session.core.tenant.to_string());
    unit::check_assignable(session, tx, record)
}

/// Fills what the directory says of an application.
pub(crate) fn fill(record: &mut Record, facts: &ApplicationFacts, tenant: &str) {
    let name = format!("{}{}@{tenant}.com", facts.display_name, facts.client_id);
    record.set("accessmode", Value::Integer(NON_INTERACTIVE));
    record.set_guid("applicationid", facts.client_id.0);
    record.set_guid("azureactivedirectoryobjectid", facts.service_principal.0);
    record.set(
        "applicationiduri",
        facts.identifier_uri.as_deref().map_or(Value::Null, |uri| Value::Text(uri.to_owned())),
    );
    record.set_text("firstname", "#");
    record.set_text("lastname", cut(&facts.display_name, 256));
    record.set("middlename", Value::Null);
    // The one column of these that the caller may choose.
    if record.get("internalemailaddress").is_null() {
        record.set_text("internalemailaddress", cut(&name, LONGEST_EMAIL));
    }
    record.set_text("domainname", cut(&name, 1024));
    for column in ["deletedstate", "azurestate"] {
        record.set(column, Value::Integer(0));
    }
}

/// The first characters of a text, as many as a column of this length takes.
pub(crate) fn cut(text: &str, longest: usize) -> String {
    let mut units = 0;
    text.chars()
        .take_while(|c| {
            units += c.len_utf16();
            units <= longest
        })
        .collect()
}

/// Every user is a member of the default team of their business unit.
pub(super) fn join_default_team(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &Record,
) -> Result<(), Failure> {
    let platform = session.platform();
    if let Some(team) = platform.default_team(tx, record.business_unit().unwrap_or_default())? {
        let row = ("teammembershipid", session.new_id());
        platform.pair(tx, "teammembership", row, ("teamid", team), ("systemuserid", record.id()))?;
    }
    let seed = Seed { core: session.core, catalogue: session.catalogue, now: session.request.now };
    seed.settings_follow(tx, record)
}

pub(super) fn before_update(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    before: &Record,
    record: &mut Record,
    ignored: &[Arc<Column>],
) -> Result<(), Failure> {
    refuse_locked(ignored)?;
    if before.id() == session.core.seed_id("SYSTEM") {
        return Err(refusals::special_user().into());
    }
    let changed = |name: &str| record.get(name) != before.get(name);
    if changed("islicensed") {
        return Err(refusals::licensed().into());
    }
    if changed("issyncwithdirectory") {
        return Err(refusals::synced().into());
    }
    let fixed = ["applicationid", "firstname", "middlename", "lastname", "domainname", "accessmode"];
    let is_application = !before.get("applicationid").is_null();
    let is_deleted = *before.get("deletedstate") == Value::Integer(1);
    if is_application && (is_deleted || fixed.into_iter().any(changed)) {
        return Err(error::application_user_cannot_be_updated().into());
    }
    if !is_application && changed("applicationid") {
        return Err(error::not_supported("Turning a person into an application user").into());
    }
    if changed("isdisabled") {
        check_privilege(session, tx, "prvDisableUser", before)?;
        let disabled = *record.get("isdisabled") == Value::Boolean(true);
        if !disabled && *before.get("accessmode") == Value::Integer(NON_INTERACTIVE) {
            access_mode::check_delegate(session)?;
        }
        if disabled && is_last_administrator(session, tx, record.id())? {
            return Err(refusals::last_administrator_disabled().into());
        }
    }
    if before.business_unit() != record.business_unit() {
        check_privilege(session, tx, "prvReparentUser", before)?;
        unit::check_assignable(session, tx, record)?;
        // Whoever moves loses all roles.
        if is_last_administrator(session, tx, record.id())? {
            return Err(refusals::last_administrator().into());
        }
    }
    if !is_application {
        access_mode::check(session, tx, before, record)?;
    }
    Ok(())
}

/// Whether this user has the System Administrator role and no other enabled user has.
pub(crate) fn is_last_administrator(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    user: Uuid,
) -> Result<bool, Failure> {
    let platform = session.platform();
    for role in platform.roles_of_template(tx, SYSTEM_ADMINISTRATOR)? {
        if platform.has_pair(tx, "systemuserroles", ("systemuserid", user), ("roleid", role))? {
            let holders = platform.active_holders(tx, SYSTEM_ADMINISTRATOR)?;
            return Ok(holders.iter().all(|(holder, _)| *holder == user));
        }
    }
    Ok(false)
}

/// A user who moves to another business unit leaves the old one's default team and all roles, and
/// takes the rows along.
pub(super) fn after_update(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    before: &Record,
    record: &Record,
) -> Result<(), Failure> {
    if before.business_unit() == record.business_unit() {
        return Ok(());
    }
    let platform = session.platform();
    platform.remove(tx, "systemuserroles", "systemuserid", record.id())?;
    if let Some(team) = platform.default_team(tx, before.business_unit().unwrap_or_default())? {
        platform.unpair(tx, "teammembership", ("teamid", team), ("systemuserid", record.id()))?;
    }
    session.units().move_rows(tx, record.id(), record.business_unit().unwrap_or_default())?;
    join_default_team(session, tx, record)
}

/// Only a disabled application user can be deleted: first softly, then for good.
pub(super) fn before_delete(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &Record,
) -> Result<Deletion, Failure> {
    let id = record.id();
    if id == session.core.seed_id("SYSTEM") {
        return Err(refusals::special_user().into());
    }
    if record.get("applicationid").is_null() {
        return Err(error::not_supported("Deleting a person's user").into());
    }
    if *record.get("isdisabled") != Value::Boolean(true) {
        return Err(refusals::not_disabled(id).into());
    }
    if *record.get("deletedstate") == Value::Integer(1) {
        if owns_rows(session, tx, id)? {
            return Err(refusals::is_in_use().into());
        }
        if made::list(tx)?.contains("usersettings") {
            session.platform().remove(tx, "usersettings", "systemuserid", id)?;
        }
        return Ok(Deletion::Remove);
    }
    let platform = session.platform();
    platform.remove(tx, "systemuserroles", "systemuserid", id)?;
    platform.remove(tx, "teammembership", "systemuserid", id)?;
    let mut kept = record.clone();
    kept.set("deletedstate", Value::Integer(1));
    Ok(Deletion::Keep(Box::new(kept)))
}

/// Whether a user or team owns any row.
pub(super) fn owns_rows(session: &Session<'_>, tx: &mut Transaction<'_>, owner: Uuid) -> Result<bool, Failure> {
    // Nobody owns a row of a table that has never been used.
    for name in made::list(tx)? {
        let Some(table) = session.catalogue.schema.table(&name)? else { continue };
        let layout = session.catalogue.layout(&table);
        let place = table.owner_column().filter(|_| table.ownership() == Ownership::User);
        let Some((name, _)) = place.and_then(|column| layout.place(column)?.value.clone()) else { continue };
        let owned = Select::from(layout.name.clone()).column(layout.id(), Kind::Uuid);
        let owned = owned.filter(column(name).equals(parameter(0))).limit(literal(1));
        if tx.exists(&Prepared::new(owned)?, &[owner.into()])? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The directory object id is the one column that the service refuses instead of ignoring.
fn refuse_locked(ignored: &[Arc<Column>]) -> Result<(), Failure> {
    match ignored.iter().any(|column| &*column.name == "azureactivedirectoryobjectid") {
        true => Err(refusals::directory_object().into()),
        false => Ok(()),
    }
}
