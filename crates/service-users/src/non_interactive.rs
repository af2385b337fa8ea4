//! Non-interactive users: people of the directory whose org user reaches data through the services
//! alone, and who need a licence to come about and none to stay.
//!
//! The guides do it in five steps by hand, with hours between them: give a licence, wait for the org
//! user, set the access mode, take the licence away, look again. [`provision`] does them in the
//! four stages of every service user: what is wanted ([`NonInteractiveDefinition`]), what there is
//! (`observe`), what is to be done (`plan`, a pure function), and
//! doing it. A run that is stopped anywhere is simply run again.
//!
//! # Whose person is it?
//!
//! A person whom Keyholder makes bears [`TAG`](crate::TAG) as their employee type. Any other person
//! of the same name is somebody: creating stops there, and only [`Source::Existing`], which the
//! caller has to ask for, turns them into a non-interactive user. No password of theirs is touched.
//!
//! # The licence is borrowed
//!
//! It is written into the [journal](crate::journal) before it is taken and struck out after it was
//! given back. A run that fails gives it back; what a killed run left, the next one takes up where
//! it is for the same person, and gives back where it is for another.

mod access;
mod apply;
mod arrival;
pub(crate) mod declared;
mod definition;
mod licence;
mod list;
mod migrate;
mod observe;
mod password;
mod plan;
mod predecessor;
mod problem;
mod proof;
mod release;
mod renew;
mod rows;

pub use access::{Access, OrgAccess};
pub(crate) use apply::give_back_in;
pub use apply::{InOrg, NonInteractive, give_back_left};
pub use definition::{NonInteractiveDefinition, Source};
pub use licence::HeldLicence;
pub(crate) use licence::held as held_licences;
pub use list::{ListedOrg, ListedUser, list};
pub use migrate::{Migrated, Successor, migrate};
pub use observe::{Observed, ObservedOrg};
pub use password::{KeptPassword, PasswordFile, PasswordSink, WayIn};
pub(crate) use plan::plan_beside;
pub use plan::{Change, plan};
pub(crate) use predecessor::teams_of;
pub use predecessor::{StillUsed, Team};
pub use problem::Problem;
pub use release::{Release, Released, release};
pub use renew::{PasswordSeen, Renewal, Renewed, begun};
pub(crate) use rows::{ADMINISTRATIVE, ASSIGNED_COLUMNS, DELEGATED_ADMINISTRATOR, NON_INTERACTIVE};
pub use rows::{AssignedRole, OrgUser, Slots};

use crate::error::Error;
use crate::report::Reporter;

/// Brings the non-interactive user about in every org of `access`: observes, plans, applies, and
/// confirms at the end. What is in place is left alone.
///
/// # Errors
/// The first thing that cannot be done. What was done until then stays, a borrowed licence is
/// given back, and a further run goes on from there.
pub async fn provision(
    access: &Access,
    definition: &NonInteractiveDefinition,
    sink: Option<&dyn PasswordSink>,
    reporter: &dyn Reporter,
) -> Result<NonInteractive, Error> {
    let observed = observe::observe(access, definition, sink).await?;
    let changes = plan(definition, &observed)?;
    apply::apply(access, definition, sink, observed, &changes, reporter).await
}

/// What [`provision`] would do, without doing it.
///
/// # Errors
/// As far as [`provision`]'s can be foreseen.
pub async fn preview(
    access: &Access,
    definition: &NonInteractiveDefinition,
    sink: Option<&dyn PasswordSink>,
) -> Result<Vec<Change>, Error> {
    let observed = observe::observe(access, definition, sink).await?;
    Ok(plan(definition, &observed)?)
}
