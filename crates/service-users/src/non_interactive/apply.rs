//! Doing what was planned, and confirming it.

mod confirm;
mod person;

use keyholder_client::{Error as ClientError, Graph};
use keyholder_entra::graph::{AssignLicense, AssignedLicense, User, UserWrite};
use keyholder_foundation::ObjectId;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::access::{Access, OrgAccess};
use super::arrival;
use super::definition::NonInteractiveDefinition;
use super::licence::HeldLicence;
use super::observe::{Observed, ObservedOrg};
use super::password::PasswordSink;
use super::plan::Change;
use super::problem::Problem;
use super::rows::{self, AssignedRole, NON_INTERACTIVE, OrgUser, access_mode_name};
use crate::error::{Error, While};
use crate::journal::{Journal, Loan, Recorded};
use crate::patience::object_not_seen;
use crate::report::{Event, Outcome, Reporter, Step};

/// The org has as many non-interactive users as it may have.
const QUOTA: &str = "0x8004b050";

/// A non-interactive user as it stands now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NonInteractive {
    /// The user name.
    pub user_name: String,
    /// The person's object id in the directory.
    pub object_id: ObjectId,
    /// Where the password is kept, when this run looked after it.
    pub password_place: Option<String>,
    /// Licences that were taken off the person, by SKU part number; a borrowed one among them.
    pub licences_removed: Vec<String>,
    /// Licences that stay because a group gives them, by SKU part number.
    pub licences_of_groups: Vec<String>,
    /// The orgs.
    pub orgs: Vec<InOrg>,
    /// Whether this run changed anything.
    pub changed: bool,
}

/// Its user in one org.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InOrg {
    /// The org.
    pub org: String,
    /// The user's id.
    pub user_id: Uuid,
    /// Its business unit.
    pub business_unit_id: Option<Uuid>,
    /// Its roles.
    pub roles: Vec<AssignedRole>,
    /// How many non-interactive users the org had before.
    pub slots_before: usize,
    /// How many it has now.
    pub slots_used: usize,
    /// How many it may have.
    pub slots_limit: u32,
    /// Whether the org has noticed that the licence is gone: before that, the confirmation is
    /// worth little.
    pub confirmed: bool,
}

/// Gives back what earlier runs borrowed in this tenant for anybody but those in `except`, as far as no other
/// run works with it.
///
/// # Errors
/// What the journal and the directory say; what could not be given back stays recorded.
pub async fn give_back_left(access: &Access, except: &[&str], reporter: &dyn Reporter) -> Result<(), Error> {
    give_back_in(&access.journal, &access.graph, except, reporter).await
}

/// The same, in the tenant of this directory.
pub(crate) async fn give_back_in(
    journal: &Journal,
    graph: &Graph,
    except: &[&str],
    reporter: &dyn Reporter,
) -> Result<(), Error> {
    let left = journal.left()?;
    if left.is_empty() {
        return Ok(());
    }
    let tenant = graph.organization().await.while_doing(|| "read the tenant".to_owned())?.id.to_string();
    for recorded in left {
        let Loan::Licence { tenant: of, person, sku, user_name, part_number } = recorded.loan.clone() else { continue };
        if of != tenant || except.iter().any(|name| name.eq_ignore_ascii_case(&user_name)) {
            continue;
        }
        let doing = || format!("give back the licence {part_number} that an earlier run borrowed for `{user_name}`");
        take_off(graph, person, &[sku]).await.while_doing(doing)?;
        let event =
            Event::new(Step::LicenceReturn, Outcome::Removed, format!("licence {part_number} of `{user_name}`"))
                .note(format!("an earlier run borrowed it on {} and was stopped", recorded.since.date()));
        recorded.strike()?;
        reporter.done(&event);
    }
    Ok(())
}

/// Takes licences off a person. What they do not hold is as good as taken off.
pub(super) async fn take_off(graph: &Graph, person: ObjectId, skus: &[Uuid]) -> Result<(), ClientError> {
    let change = AssignLicense { add_licenses: Vec::new(), remove_licenses: skus.to_vec() };
    match graph.assign_license(person, &change).await {
        Err(error) if error.is_missing() => Ok(()),
        Err(ClientError::Graph(refusal)) if refusal.message.contains("does not have a corresponding license") => {
            // One of several may be what is missing: the others are taken off singly.
            if skus.len() > 1 {
                for sku in skus {
                    Box::pin(take_off(graph, person, &[*sku])).await?;
                }
            }
            Ok(())
        }
        done => done,
    }
}

struct Run<'a> {
    access: &'a Access,
    definition: &'a NonInteractiveDefinition,
    sink: Option<&'a dyn PasswordSink>,
    observed: Observed,
    reporter: &'a dyn Reporter,
    loans: Vec<Recorded>,
    /// The users in the orgs, as far as they are there by now.
    users: Vec<Option<OrgUser>>,
    removed: Vec<HeldLicence>,
    of_groups: Vec<HeldLicence>,
    changed: bool,
}

pub(super) async fn apply(
    access: &Access,
    definition: &NonInteractiveDefinition,
    sink: Option<&dyn PasswordSink>,
    observed: Observed,
    changes: &[Change],
    reporter: &dyn Reporter,
) -> Result<NonInteractive, Error> {
    let users = observed.orgs.iter().map(|org| org.user.clone()).collect();
    let mut run = Run {
        access,
        definition,
        sink,
        observed,
        reporter,
        loans: Vec::new(),
        users,
        removed: Vec::new(),
        of_groups: Vec::new(),
        changed: false,
    };
    match run.carry_out(changes).await {
        Ok(done) => Ok(done),
        Err(error) => Err(run.give_up(error).await),
    }
}

impl Run<'_> {
    async fn carry_out(&mut self, changes: &[Change]) -> Result<NonInteractive, Error> {
        // From here on no other run touches what an earlier one left for this person.
        for loan in std::mem::take(&mut self.observed.loans) {
            self.loans.push(self.access.journal.record(loan, self.access.now())?);
        }
        self.report_found(changes);
        for change in changes {
            self.carry_out_one(change).await?;
        }
        // Recorded, and not seen on the person. What was read may be older than the last request of a run that was
        // stopped: the directory is asked to take it off, which says when there is nothing.
        for recorded in std::mem::take(&mut self.loans) {
            if let Loan::Licence { person, sku, part_number, .. } = recorded.loan.clone() {
                let doing = || format!("give back the licence {part_number}, should it have been borrowed");
                take_off(&self.access.graph, person, &[sku]).await.while_doing(doing)?;
            }
            recorded.strike()?;
        }
        let mut done = self.confirm().await?;
        self.prove().await?;
        done.changed = self.changed;
        Ok(done)
    }

    async fn carry_out_one(&mut self, change: &Change) -> Result<(), Error> {
        match change {
            Change::CreatePerson { usage_location } => self.create_person(usage_location.clone()).await,
            Change::EnablePerson => self.enable_person().await,
            Change::SetUsageLocation { location } => {
                let write = UserWrite { usage_location: Some(location.clone()), ..UserWrite::default() };
                self.change_person(&write, "set the usage location", &format!("usage location {location}")).await
            }
            Change::SetPassword => self.set_password("there was none").await,
            Change::BorrowLicence { sku, part_number } => self.borrow(*sku, part_number).await,
            Change::AwaitUser { org } => self.await_user(*org).await,
            Change::MoveToUnit { org, unit, name } => self.move_to_unit(*org, *unit, name).await,
            Change::AssignRole { org, role, name } => self.assign_role(*org, *role, name).await,
            Change::SetAccessMode { org } => self.set_access_mode(*org).await,
            Change::EnableUser { org } => self.enable_user(*org).await,
            Change::ReturnLicences { held } => self.return_licences(held).await,
        }
    }

    fn report(&mut self, event: &Event) {
        self.changed |= event.outcome.is_change();
        self.reporter.done(event);
    }

    /// Says what is in place already, in the order of the steps.
    fn report_found(&mut self, changes: &[Change]) {
        let name = &self.definition.user_name;
        let mut found = Vec::new();
        if let Some(person) = &self.observed.person {
            let event = Event::new(Step::Person, Outcome::Found, format!("directory user `{name}`"));
            found.push(event.fact("objectId", &person.id));
        }
        for (at, org) in self.observed.orgs.iter().enumerate() {
            let Some(user) = &org.user else { continue };
            if !changes.contains(&Change::AwaitUser { org: at }) {
                let event = Event::new(Step::OrgUser, Outcome::Found, format!("user `{name}` in {}", org.name));
                found.push(event.fact("userId", &user.id));
            }
            if user.access_mode == NON_INTERACTIVE {
                let subject = format!("access mode Non-interactive in {}", org.name);
                found.push(Event::new(Step::AccessMode, Outcome::Found, subject));
            }
        }
        for event in &found {
            self.report(event);
        }
    }

    fn person(&self) -> Result<&User, Error> {
        let missing = || Problem::NoSuchPerson { user_name: self.definition.user_name.clone() };
        self.observed.person.as_ref().ok_or_else(|| missing().into())
    }

    fn org(&self, at: usize) -> Result<(&OrgAccess, &ObservedOrg), Error> {
        // The plan was made from this observation, so there is one.
        let both = self.access.orgs.get(at).zip(self.observed.orgs.get(at));
        both.ok_or_else(|| self.unplanned(at))
    }

    fn unplanned(&self, at: usize) -> Error {
        let (org, user_name) = (format!("the org number {}", at.saturating_add(1)), self.definition.user_name.clone());
        Problem::NotConfirmed { org, user_name, found: "not observed".to_owned() }.into()
    }

    fn user(&self, at: usize) -> Result<OrgUser, Error> {
        let user = self.users.get(at).and_then(Clone::clone);
        let (_, found) = self.org(at)?;
        user.ok_or_else(|| {
            let (org, user_name) = (found.name.clone(), self.definition.user_name.clone());
            Problem::NotConfirmed { org, user_name, found: "not there".to_owned() }.into()
        })
    }

    async fn borrow(&mut self, sku: Uuid, part_number: &str) -> Result<(), Error> {
        let (id, name) = (self.person()?.id, self.definition.user_name.clone());
        // Nothing is borrowed for somebody whom an org leaves out anyway.
        if let Some(org) = self.observed.orgs.iter().find(|org| org.leaves_out()) {
            return Err(Problem::left_out(org, &name).into());
        }
        let loan = Loan::Licence {
            tenant: self.observed.tenant.id.to_string(),
            person: id,
            sku,
            user_name: name.clone(),
            part_number: part_number.to_owned(),
        };
        // What an earlier run recorded for the same licence is this very loan.
        let is_recorded = |recorded: &Recorded| matches!(&recorded.loan, Loan::Licence { sku: lent, person, .. } if *lent == sku && *person == id);
        if !self.loans.iter().any(is_recorded) {
            self.loans.push(self.access.journal.record(loan, self.access.now())?);
        }
        let change = AssignLicense {
            add_licenses: vec![AssignedLicense { disabled_plans: Vec::new(), sku_id: sku }],
            remove_licenses: Vec::new(),
        };
        let graph = &self.access.graph;
        self.access
            .patience
            .wait_for(NEW_PERSON, &self.access.http, self.reporter, object_not_seen, || {
                graph.assign_license(id, &change)
            })
            .await
            .while_doing(|| format!("borrow a licence {part_number} for `{name}`"))?;
        let event = Event::new(Step::Licence, Outcome::Created, format!("licence {part_number} for `{name}`"))
            .note("borrowed: it is given back at the end")
            .fact("skuId", &sku);
        self.report(&event);
        Ok(())
    }

    async fn await_user(&mut self, at: usize) -> Result<(), Error> {
        let (id, name) = (self.person()?.id, self.definition.user_name.clone());
        let (Some(org), Some(found)) = (self.access.orgs.get(at), self.observed.orgs.get(at)) else {
            return Err(self.unplanned(at));
        };
        let mut notes = Vec::new();
        let user = arrival::arrival(self.access, org, found, &name, id, &mut notes, self.reporter).await?;
        let event = Event::new(Step::OrgUser, Outcome::Created, format!("user `{name}` in {}", found.name));
        let event = notes.into_iter().fold(event, Event::note).fact("userId", &user.id);
        if let Some(place) = self.users.get_mut(at) {
            *place = Some(user);
        }
        self.report(&event);
        Ok(())
    }

    async fn move_to_unit(&mut self, at: usize, unit: Uuid, unit_name: &str) -> Result<(), Error> {
        let (user, name) = (self.user(at)?, self.definition.user_name.clone());
        if user.unit == Some(unit) {
            return Ok(());
        }
        let (org, found) = self.org(at)?;
        let org_name = found.name.clone();
        let changes = json!({ "businessunitid@odata.bind": format!("/businessunits({unit})") });
        let moved = org.org.update("systemusers", user.id, &changes).await;
        moved.while_doing(|| format!("move `{name}` to the business unit `{unit_name}` of {org_name}"))?;
        if let Some(Some(user)) = self.users.get_mut(at) {
            user.unit = Some(unit);
            user.roles.clear();
        }
        let event =
            Event::new(Step::BusinessUnit, Outcome::Changed, format!("business unit `{unit_name}` in {org_name}"));
        self.report(&event.fact("businessUnitId", &unit));
        Ok(())
    }

    async fn assign_role(&mut self, at: usize, role: Uuid, role_name: &str) -> Result<(), Error> {
        let (user, name) = (self.user(at)?, self.definition.user_name.clone());
        let (org, found) = self.org(at)?;
        let subject = format!("role `{role_name}` in {}", found.name);
        let outcome = if user.roles.iter().any(|held| held.id == role) {
            Outcome::Found
        } else {
            let (row, other) = (("systemusers", user.id), ("roles", role));
            let done = org.org.associate(row, "systemuserroles_association", other).await;
            done.while_doing(|| format!("give `{name}` the role `{role_name}`"))?;
            Outcome::Created
        };
        if let Some(Some(user)) = self.users.get_mut(at)
            && outcome == Outcome::Created
        {
            user.roles.push(AssignedRole { id: role, name: role_name.to_owned(), template: None });
        }
        self.report(&Event::new(Step::RoleAssignment, outcome, subject).fact("roleId", &role));
        Ok(())
    }

    async fn set_access_mode(&mut self, at: usize) -> Result<(), Error> {
        let (user, name) = (self.user(at)?, self.definition.user_name.clone());
        let (org, found) = self.org(at)?;
        let subject = format!("access mode Non-interactive in {}", found.name);
        if user.access_mode == NON_INTERACTIVE {
            self.report(&Event::new(Step::AccessMode, Outcome::Found, subject));
            return Ok(());
        }
        let mut changes = json!({ "accessmode": NON_INTERACTIVE });
        if user.is_disabled {
            changes = json!({ "accessmode": NON_INTERACTIVE, "isdisabled": false });
        }
        match org.org.update("systemusers", user.id, &changes).await {
            // Others took the last place while it was waited.
            Err(ClientError::Dataverse(refusal)) if refusal.code == QUOTA => return Err(self.no_slot(at).await),
            done => done.while_doing(|| format!("make `{name}` non-interactive in {}", found.name))?,
        }
        if let Some(Some(user)) = self.users.get_mut(at) {
            (user.access_mode, user.is_disabled) = (NON_INTERACTIVE, false);
        }
        let event = Event::new(Step::AccessMode, Outcome::Changed, subject);
        self.report(&event.note(format!("it was {}", access_mode_name(user.access_mode))));
        Ok(())
    }

    async fn no_slot(&self, at: usize) -> Error {
        let (org, found) = match self.org(at) {
            Ok(both) => both,
            Err(error) => return error,
        };
        let holders = match rows::users(&org.org, None, None).await {
            Ok(users) => users.into_iter().filter(OrgUser::takes_a_slot).collect(),
            Err(_) => found.slots.holders.clone(),
        };
        Problem::NoSlot {
            org: found.name.clone(),
            used: holders.len(),
            // The org has just told its own limit.
            limit: u32::try_from(holders.len()).unwrap_or(found.slots.limit),
            holders: holders.iter().map(OrgUser::name).collect(),
            told_by_org: true,
        }
        .into()
    }

    async fn enable_user(&mut self, at: usize) -> Result<(), Error> {
        let (user, name) = (self.user(at)?, self.definition.user_name.clone());
        let (org, found) = self.org(at)?;
        let subject = format!("user `{name}` in {}", found.name);
        match org.org.update("systemusers", user.id, &json!({ "isdisabled": false })).await {
            Err(ClientError::Dataverse(refusal)) if refusal.code == QUOTA => return Err(self.no_slot(at).await),
            done => done.while_doing(|| format!("enable {subject}"))?,
        }
        self.report(&Event::new(Step::OrgUser, Outcome::Changed, subject).note("it was disabled"));
        Ok(())
    }

    async fn return_licences(&mut self, held: &[HeldLicence]) -> Result<(), Error> {
        let (id, name) = (self.person()?.id, self.definition.user_name.clone());
        let (of_groups, own): (Vec<_>, Vec<_>) = held.iter().cloned().partition(|held| held.group.is_some());
        if !own.is_empty() {
            let skus: Vec<_> = own.iter().map(|held| held.sku).collect();
            take_off(&self.access.graph, id, &skus).await.while_doing(|| format!("take the licences off `{name}`"))?;
        }
        let lent: Vec<_> = self.loans.iter().filter_map(|recorded| sku_of(&recorded.loan)).collect();
        for recorded in self.loans.drain(..) {
            recorded.strike()?;
        }
        for licence in &own {
            let subject = format!("licence {} of `{name}`", licence.part_number);
            let note = if lent.contains(&licence.sku) { "given back" } else { "free for somebody else now" };
            self.report(
                &Event::new(Step::LicenceReturn, Outcome::Removed, subject).note(note).fact("skuId", &licence.sku),
            );
        }
        for licence in &of_groups {
            let group = licence.group.map(|group| group.to_string()).unwrap_or_default();
            let subject = format!("licence {} of `{name}`", licence.part_number);
            let note = format!("the group {group} gives it: take the user out of that group to free it");
            self.report(&Event::new(Step::LicenceReturn, Outcome::Kept, subject).note(note).fact("groupId", &group));
        }
        (self.removed, self.of_groups) = (own, of_groups);
        Ok(())
    }

    /// Gives back what was borrowed, because the run has failed for `cause`.
    async fn give_up(&mut self, cause: Error) -> Error {
        let user_name = self.definition.user_name.clone();
        for recorded in std::mem::take(&mut self.loans) {
            let Loan::Licence { person, sku, part_number, .. } = recorded.loan.clone() else { continue };
            let given = take_off(&self.access.graph, person, &[sku]).await.map_err(|error| error.to_string());
            match given.and_then(|()| recorded.strike().map_err(|error| error.to_string())) {
                Ok(()) => {
                    let subject = format!("licence {part_number} of `{user_name}`");
                    let event = Event::new(Step::LicenceReturn, Outcome::Removed, subject);
                    self.reporter.done(&event.note("given back, because the run has failed"));
                }
                Err(reason) => {
                    return Problem::StillLent { cause: Box::new(cause), part_number, user_name, reason }.into();
                }
            }
        }
        cause
    }
}

/// What is waited for after a person was made.
const NEW_PERSON: &str = "the directory to know the new person everywhere";

fn sku_of(loan: &Loan) -> Option<Uuid> {
    match loan {
        Loan::Licence { sku, .. } => Some(*sku),
        Loan::Elevation { .. } | Loan::Key { .. } | Loan::Rotation { .. } => None,
    }
}
