//! People: how somebody of the tenant's directory becomes a user of the org, and what of the
//! directory their user follows.
//!
//! Nobody is made by hand: whoever has a licence comes by themselves, and so do the tenant's
//! administrators. The org is told what the directory says of one person at a time
//! ([`Organization::follow_person`]); what follows from that is decided by [`decide`] alone.
//!
//! Microsoft's page "Create users" says who comes and who is disabled; what it leaves open is a
//! reading, kept in `docs/fidelity.md`.

pub(crate) mod decide;

use std::sync::Arc;

use keyholder_dataverse::Value;
use keyholder_foundation::{ObjectId, Timestamp};
use keyholder_store::Transaction;

use crate::Organization;
use crate::catalogue::{Catalogue, Record};
use crate::error::{Error, Failure};
use crate::organization::Core;
use crate::people::decide::{Reason, Standing};
use crate::rules;
use crate::seed::Seed;

/// Whether the directory still has somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It has.
    Exists,
    /// Deleted at this moment, and can be restored.
    SoftDeleted(Timestamp),
    /// Gone for good.
    Gone,
}

/// What the directory says of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonFacts {
    /// Their object id.
    pub object_id: ObjectId,
    /// The name that they sign in with.
    pub user_principal_name: String,
    /// The whole name.
    pub display_name: String,
    /// The first name; taken from the whole one when absent.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// The mail address; the sign-in name stands in for it.
    pub mail: Option<String>,
    /// Whether they may sign in.
    pub is_enabled: bool,
    /// Whether they have a licence for the org.
    pub is_licensed: bool,
    /// Whether they administer the tenant, Power Platform or Dynamics 365.
    pub is_administrator: bool,
    /// Whether the org's security group, if it has one, lets them in.
    pub may_enter: bool,
    /// Whether they are there at all.
    pub presence: Presence,
}

impl Organization {
    /// Lets a person's user follow what the directory says; makes the user when the person is
    /// entitled to one. Gives whether anything changed.
    ///
    /// # Errors
    /// What the store says.
    pub async fn follow_person(&self, facts: PersonFacts) -> Result<bool, Error> {
        let core = Arc::clone(self.core());
        let (catalogue, now, facts) = (core.catalogue(), core.clocks.now().whole_seconds(), Arc::new(facts));
        let work = move |tx: &mut Transaction<'_>| Ok::<_, Error>(follow(&core, &catalogue, tx, &facts, now)?);
        self.core().database.write(work).await
    }

    /// Lets an application's user follow whether the tenant still has its service principal, named
    /// by its object id. Gives whether anything changed.
    ///
    /// # Errors
    /// What the store says.
    pub async fn follow_service_principal(&self, principal: ObjectId, presence: Presence) -> Result<bool, Error> {
        let core = Arc::clone(self.core());
        let (catalogue, now) = (core.catalogue(), core.clocks.now().whole_seconds());
        let work = move |tx: &mut Transaction<'_>| {
            let seed = Seed { core: &core, catalogue: &catalogue, now };
            let Some(user) = seed.platform().application_of(tx, principal.0)? else { return Ok(false) };
            let Some(before) = Record::load(tx, &catalogue, &catalogue.layout_of("systemuser")?, user)? else {
                return Ok(false);
            };
            let mut row = before.clone();
            set_presence(&mut row, presence);
            Ok::<_, Error>(save(&seed, tx, &before, row)?)
        };
        self.core().database.write(work).await
    }
}

fn follow(
    core: &Core,
    catalogue: &Catalogue,
    tx: &mut Transaction<'_>,
    facts: &PersonFacts,
    now: Timestamp,
) -> Result<bool, Failure> {
    let seed = Seed { core, catalogue, now };
    let layout = catalogue.layout_of("systemuser")?;
    let before = match seed.platform().person(tx, facts.object_id.0)? {
        Some(user) => Record::load(tx, catalogue, &layout, user)?,
        None => None,
    };
    let Some(standing) = decide::decide(before.as_ref().map(standing_of), facts) else { return Ok(false) };
    let mut row = match &before {
        Some(before) => before.clone(),
        None => {
            let mut row = seed.row("systemuser")?;
            row.set_id(core.row_ids.next(now, &*core.random));
            row.set_guid("azureactivedirectoryobjectid", facts.object_id.0);
            row.set("issyncwithdirectory", Value::Boolean(true));
            row.set("deletedstate", Value::Integer(0));
            row
        }
    };
    if facts.presence == Presence::Exists {
        set_names(&mut row, facts);
    }
    set_presence(&mut row, facts.presence);
    row.set("accessmode", Value::Integer(standing.access_mode));
    row.set("islicensed", Value::Boolean(standing.is_licensed));
    row.set("setupuser", Value::Boolean(standing.is_setup_user));
    match standing.disabled {
        // Without a reason it was done by hand, and stays as it is.
        Some(None) => {}
        Some(Some(reason)) => {
            row.set("isdisabled", Value::Boolean(true));
            row.set_text("disabledreason", reason.text());
        }
        None => {
            row.set("isdisabled", Value::Boolean(false));
            row.set("disabledreason", Value::Null);
        }
    }
    let user = row.clone();
    let changed = match &before {
        Some(before) => save(&seed, tx, before, row)?,
        None => {
            seed.insert(tx, row)?;
            seed.enrol(tx, &user, false)?;
            core.epochs.bump_security(tx)?;
            true
        }
    };
    let became_administrator =
        facts.is_administrator && standing.disabled.is_none() && before.as_ref().is_none_or(|_| standing.is_setup_user);
    if became_administrator && seed.enrol(tx, &user, true)? {
        core.epochs.bump_security(tx)?;
        return Ok(true);
    }
    Ok(changed)
}

/// Writes a user that may differ; everybody's next request sees it.
fn save(seed: &Seed<'_>, tx: &mut Transaction<'_>, before: &Record, mut row: Record) -> Result<bool, Failure> {
    if !row.differs_from(before) {
        return Ok(false);
    }
    row.set_time("modifiedon", seed.now);
    row.set("modifiedby", seed.system());
    row.set("versionnumber", Value::Integer(seed.core.epochs.versions(tx, 1)?));
    row.update(tx, seed.catalogue, before)?;
    seed.core.epochs.bump_security(tx)?;
    Ok(true)
}

/// How a user stands now.
fn standing_of(row: &Record) -> Standing {
    let integer = |name: &str| match row.get(name) {
        Value::Integer(number) => *number,
        _ => 0,
    };
    let yes = |name: &str| *row.get(name) == Value::Boolean(true);
    Standing {
        access_mode: integer("accessmode"),
        disabled: yes("isdisabled").then(|| row.get("disabledreason").text().and_then(Reason::from_text)),
        is_licensed: yes("islicensed"),
        is_setup_user: yes("setupuser"),
    }
}

fn set_presence(row: &mut Record, presence: Presence) {
    let (state, deleted) = match presence {
        Presence::Exists => (0, None),
        Presence::SoftDeleted(moment) => (1, Some(moment)),
        Presence::Gone => (2, None),
    };
    row.set("azurestate", Value::Integer(state));
    match (presence, deleted) {
        (_, Some(moment)) => row.set_time("azuredeletedon", moment.whole_seconds()),
        (Presence::Exists, None) => row.set("azuredeletedon", Value::Null),
        // When it was deleted stays to be seen.
        _ => {}
    }
}

fn set_names(row: &mut Record, facts: &PersonFacts) {
    let (first, last) = match (&facts.first_name, &facts.last_name) {
        (None, None) => match facts.display_name.trim().rsplit_once(' ') {
            Some((first, last)) => (first, last),
            None => ("", facts.display_name.trim()),
        },
        (first, last) => (first.as_deref().unwrap_or_default(), last.as_deref().unwrap_or_default()),
    };
    for (column, text) in [("firstname", first), ("lastname", last)] {
        let text = rules::cut(text.trim(), 256);
        row.set(column, if text.is_empty() { Value::Null } else { Value::Text(text) });
    }
    rules::computed::full_name(row);
    row.set_text("domainname", rules::cut(&facts.user_principal_name, 1024));
    let mail = facts.mail.as_deref().unwrap_or(&facts.user_principal_name);
    row.set_text("internalemailaddress", rules::cut(mail, 100));
    row.set_text("windowsliveid", rules::cut(&facts.user_principal_name, 256));
}
