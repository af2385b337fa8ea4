//! Carries out a plan: each change when those that it needs are done, the rest side by side, the
//! directories beside the orgs and each org beside the others. Then each way in is proved from outside.
//!
//! A change that fails stops only what needs it; everything else is done, and each failure is told.
//! Whatever is done can be done again: what a killed run left is seen by the next one's observing, and
//! an action that may have been carried out already takes "it is there" for an answer.

mod begun;
mod directory;
pub(crate) mod keys;
mod org;
mod person;
mod proof;
mod secret;
mod turn;
mod unproved;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::stream::{FuturesUnordered, StreamExt};
use keyholder_client::Error as ClientError;
use keyholder_entra::graph::Application;
use keyholder_foundation::{ClientId, ObjectId};
use serde::Serialize;
use uuid::Uuid;

use crate::Administrator;
use crate::declaration::{ApplicationUser, Credential, Declaration, Sink};
use crate::error::Error;
use crate::estate::Estate;
use crate::journal::Recorded;
use crate::kept::KeyKind;
use crate::observe::{KeySeen, Observation};
use crate::plan::{Action, Change, Found, Mark, Place, Plan, find_registration, key_change};
use crate::report::{Event, Outcome, Reporter};
use crate::sink::{Key, Sinks};

pub use proof::{ProvedBy, Provisioned};

pub(crate) use secret::{Making, Replacing};

pub(crate) use proof::tries;

/// How many changes are under way at one directory or org.
const AT_ONCE: usize = 6;

/// Which ways in are proved, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proving {
    /// Also those about which nothing was to be done.
    pub all: bool,
    /// How many rows are read to try a right to read.
    pub rows: u32,
}

impl Default for Proving {
    fn default() -> Self {
        Self { all: false, rows: 1 }
    }
}

/// What carrying out a plan came to.
#[derive(Debug, Default)]
pub struct Applied {
    /// Whether anything is different from before.
    pub changed: bool,
    /// The ways in that were proved.
    pub proved: Vec<Provisioned>,
    /// The ways in that were to be proved and cannot be from here, by declared user.
    pub unproved: Vec<Unproved>,
    /// What failed, the first first.
    pub failures: Vec<Failure>,
}

/// A way in that cannot be proved from here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unproved {
    /// The declared service user.
    pub item: String,
    /// Its application, where it is known by now.
    pub client_id: Option<ClientId>,
    /// The first of its orgs.
    pub url: String,
    /// Why not: one sentence.
    pub reason: String,
    /// How it is proved where its credential is.
    pub how: String,
}

/// A change or proof that failed.
#[derive(Debug)]
pub struct Failure {
    /// The declared service user or role.
    pub item: String,
    /// The org, for what happens in one.
    pub org: Option<String>,
    /// What it was about: "app registration `orders-sync`".
    pub subject: String,
    /// What was not even tried because of it.
    pub left: Vec<String>,
    /// What came back.
    pub error: Error,
}

/// Carries out the plan, which was made of this declaration and observation.
///
/// What fails is within the result: one org's failure is not another's.
pub async fn apply(
    estate: &Estate,
    declaration: &Declaration,
    seen: &Observation,
    plan: &Plan,
    sinks: &Sinks,
    proving: Proving,
    reporter: &dyn Reporter,
) -> Applied {
    let known = Mutex::new(Known::of(declaration, seen));
    let certificates = futures::lock::Mutex::default();
    let begun = Mutex::new(begun::taken_up(estate, declaration, seen));
    let run = Run { estate, declaration, seen, plan, sinks, proving, reporter, known, certificates, begun };
    let returned = person::give_back(&run).await;
    let mut work = Work::new(&run);
    work.run(&run).await;
    work.applied.failures.extend(returned.into_iter().map(|error| Failure {
        item: String::new(),
        org: None,
        subject: "licence that an earlier run borrowed".to_owned(),
        left: Vec::new(),
        error,
    }));
    work.tell_unproved(&run);
    run.strike_begun(&mut work.applied);
    work.applied
}

/// What every action needs.
struct Run<'a> {
    estate: &'a Estate,
    declaration: &'a Declaration,
    seen: &'a Observation,
    plan: &'a Plan,
    sinks: &'a Sinks,
    proving: Proving,
    reporter: &'a dyn Reporter,
    known: Mutex<Known>,
    /// Whose turn it is with a registration's list of certificates.
    certificates: futures::lock::Mutex<()>,
    /// What the journal says of keys for programs, by user.
    begun: Mutex<Vec<(String, Recorded)>>,
}

/// Ids that earlier actions made or found.
#[derive(Debug, Default)]
struct Known {
    registrations: BTreeMap<String, Registration>,
    /// Service principals, by user and tenant.
    principals: BTreeMap<(String, String), ObjectId>,
    /// Application users, by org and user.
    users: BTreeMap<(String, String), Uuid>,
    /// Keys that were made or written in this run.
    keys: BTreeMap<(String, usize), Key>,
    /// The users and roles that something was done about.
    touched: BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct Registration {
    /// None for another tenant's.
    application: Option<Application>,
    client_id: ClientId,
}

impl Known {
    fn of(declaration: &Declaration, seen: &Observation) -> Self {
        let mut known = Self::default();
        for (name, user) in &declaration.application_users {
            let home = user.orgs.iter().find_map(|org| seen.tenants.get(org));
            let Some(Some(Ok(directory))) = home.map(|tenant| seen.directories.get(tenant)) else { continue };
            let registration = match find_registration(name, user, declaration.name.as_deref(), directory) {
                Ok(Found::Registration(application)) => {
                    Registration { application: Some(application.clone()), client_id: application.app_id }
                }
                Ok(Found::Abroad(client_id)) => Registration { application: None, client_id },
                Ok(Found::Nothing) | Err(_) => continue,
            };
            for (tenant, directory) in &seen.directories {
                let found = directory.as_ref().ok().and_then(|there| there.principal(registration.client_id));
                if let Some(principal) = found {
                    known.principals.insert((name.clone(), tenant.clone()), principal.id);
                }
            }
            for (org, there) in &seen.orgs {
                if let Some(user) = there.as_ref().ok().and_then(|there| there.user(registration.client_id)) {
                    known.users.insert((org.clone(), name.clone()), user.id);
                }
            }
            known.registrations.insert(name.clone(), registration);
        }
        known
    }
}

impl<'a> Run<'a> {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn user(&self, name: &str) -> Result<&'a ApplicationUser, Error> {
        self.declaration.application_users.get(name).ok_or_else(|| Error::Unplanned(format!("the user `{name}`")))
    }

    fn org(&self, change: &Change) -> Result<&'a Administrator, Error> {
        let org = change.place.org().unwrap_or_default();
        self.estate.org(org).ok_or_else(|| Error::Unplanned(format!("the org `{org}`")))
    }

    fn tenant<'c>(&self, change: &'c Change) -> Result<(&'c str, &'a Administrator), Error> {
        match &change.place {
            Place::Tenant(tenant) => {
                let found = self.estate.administrator_of(tenant);
                Ok((tenant, found.ok_or_else(|| Error::Unplanned(format!("the tenant {tenant}")))?))
            }
            Place::Org(org) => Err(Error::Unplanned(format!("a directory in the org `{org}`"))),
        }
    }

    /// The registration of a declared user, which an earlier change has made if it was not there.
    fn registration(&self, name: &str) -> Result<Registration, Error> {
        let found = self.known().registrations.get(name).cloned();
        found.ok_or_else(|| Error::Unplanned(format!("the registration of `{name}`")))
    }

    fn application(&self, name: &str) -> Result<Application, Error> {
        let found = self.registration(name)?.application;
        found.ok_or_else(|| Error::Unplanned(format!("the registration of `{name}` in this tenant")))
    }

    /// Does what a change says, unless it is in place.
    async fn perform(&self, change: &Change, index: usize) -> Result<Done, Error> {
        let Some(action) = &change.action else {
            self.clear_turn(change)?;
            let outcome = if change.mark == Mark::Make { Outcome::Created } else { Outcome::Found };
            return Ok(Done::new(outcome));
        };
        match action {
            Action::CreateRegistration { .. }
            | Action::UpdateRegistration { .. }
            | Action::DeclarePermission
            | Action::CreatePrincipal { .. }
            | Action::Consent
            | Action::CreateFederation(_)
            | Action::UpdateFederation { .. }
            | Action::DeleteFederation { .. }
            | Action::DeletePrincipal { .. }
            | Action::RemoveFile { .. }
            | Action::DeleteRegistration { .. } => directory::perform(self, change, action).await,
            Action::BringAbout => person::perform(self, change, index).await,
            Action::MakeSecret { .. } | Action::MakeCertificate { .. } | Action::RewriteKey { .. } => {
                secret::perform(self, change, action).await
            }
            Action::CreateRole { .. }
            | Action::AddPrivileges { .. }
            | Action::ReplacePrivileges { .. }
            | Action::DeleteRole { .. }
            | Action::CreateUser { .. }
            | Action::UpdateUser { .. }
            | Action::RemakeUser { .. }
            | Action::AssignRole { .. }
            | Action::UnassignRole { .. }
            | Action::DeleteUser { .. } => org::perform(self, change, action).await,
        }
    }
}

/// What an action came to.
struct Done {
    outcome: Outcome,
    notes: Vec<String>,
    facts: Vec<(&'static str, String)>,
}

impl Done {
    fn new(outcome: Outcome) -> Self {
        Self { outcome, notes: Vec::new(), facts: Vec::new() }
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    fn fact(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.facts.push((name, value.to_string()));
        self
    }

    fn event(self, change: &Change, index: usize) -> Event {
        let mut event = Event::new(change.step, self.outcome, &change.subject);
        event.index = index;
        event.item.clone_from(&change.item);
        event.org = change.place.org().map(str::to_owned);
        // The steps of a non-interactive user were told one by one.
        let reasons = if change.action == Some(Action::BringAbout) { &[] } else { change.reasons.as_slice() };
        event.notes = reasons.iter().cloned().chain(self.notes).collect();
        event.facts = change.facts.clone();
        event.facts.extend(self.facts.into_iter().map(|(name, value)| (name.to_owned(), value)));
        event
    }
}

/// One thing to do: a change, or the proof of a way in.
#[derive(Clone)]
enum Task<'a> {
    Change(&'a Change),
    Proof { user: &'a str, org: &'a str },
}

enum Ended {
    Change(Done),
    Proof(Box<Provisioned>),
}

struct Node<'a> {
    task: Task<'a>,
    needs: Vec<String>,
}

/// The plan's changes and proofs, as they are worked through.
struct Work<'a> {
    nodes: Vec<Node<'a>>,
    /// Nodes that have not begun.
    waiting: Vec<usize>,
    /// Changes that are done.
    done: BTreeSet<String>,
    /// Changes that failed or were left, with the failure's number.
    failed: BTreeMap<String, usize>,
    /// How many are under way at each place.
    busy: BTreeMap<Place, usize>,
    /// The users whose ways in nobody here can prove.
    unproved: BTreeSet<&'a str>,
    applied: Applied,
}

impl<'a> Work<'a> {
    fn new(run: &Run<'a>) -> Self {
        let plan = run.plan;
        let mut nodes: Vec<Node<'a>> = plan
            .changes
            .iter()
            .map(|change| Node { task: Task::Change(change), needs: change.needs.clone() })
            .collect();
        let mut unproved: BTreeSet<&str> = BTreeSet::new();
        for (user, declared) in &run.declaration.application_users {
            // What nobody here can sign in with is not proved here.
            let made_now = |kind: KeyKind, number: usize| {
                let id = key_change(kind, user, number);
                let is_made = |action: &Option<Action>| {
                    matches!(action, Some(Action::MakeSecret { .. } | Action::MakeCertificate { .. }))
                };
                plan.changes.iter().any(|change| change.id == id && is_made(&change.action))
            };
            let mut credentials = declared.credentials.iter().enumerate();
            // Another tenant's application makes no keys here; its publisher may have lent one.
            let is_abroad =
                run.known().registrations.get(user).is_some_and(|registration| registration.application.is_none());
            let is_held = |number: usize| {
                let seen = run.seen.keys.get(&(user.clone(), number));
                seen.is_some_and(|seen| matches!(seen.kept, KeySeen::Key(_)))
            };
            let is_at_hand = credentials.any(|(number, credential)| match credential {
                Credential::Secret { .. } | Credential::Certificate { .. } if is_abroad => is_held(number),
                // What a program was given once, it does not give back.
                Credential::Secret { sink: Sink::Command(_), .. } => made_now(KeyKind::Secret, number),
                Credential::Certificate { sink: Sink::Command(_), .. } => made_now(KeyKind::Certificate, number),
                Credential::Secret { .. } | Credential::Certificate { .. } => true,
                Credential::Federated(accepted) => run.estate.outside_for(std::iter::once(accepted)).is_some(),
            });
            for org in &declared.orgs {
                let own = |change: &&Change| {
                    change.item == *user && (change.place.org().is_none() || change.place.org() == Some(org))
                };
                let own: Vec<&Change> = plan.changes.iter().filter(own).collect();
                let is_planned = own.iter().any(|change| change.id == crate::plan::user_id(org, user));
                let roles: Vec<&Change> = own
                    .iter()
                    .flat_map(|change| &change.needs)
                    .filter_map(|need| plan.changes.iter().find(|change| change.id == *need))
                    .collect();
                let is_touched = own.iter().chain(&roles).any(|change| change.is_change());
                if !(is_planned && (run.proving.all || is_touched)) {
                    continue;
                }
                if !is_at_hand {
                    // What is said of another tenant's application, its plan has said.
                    unproved.extend((!is_abroad).then_some(user.as_str()));
                } else {
                    let needs = own.iter().map(|change| change.id.clone()).collect();
                    nodes.push(Node { task: Task::Proof { user, org }, needs });
                }
            }
        }
        let waiting = (0..nodes.len()).collect();
        Self {
            nodes,
            waiting,
            done: BTreeSet::new(),
            failed: BTreeMap::new(),
            busy: BTreeMap::new(),
            unproved,
            applied: Applied::default(),
        }
    }

    /// Says of each way in that cannot be proved why not, once everything is done that was.
    fn tell_unproved(&mut self, run: &Run<'a>) {
        let unproved = std::mem::take(&mut self.unproved);
        self.applied.unproved = unproved.into_iter().filter_map(|user| unproved::of(run, user)).collect();
    }

    async fn run(&mut self, run: &Run<'a>) {
        let planned: BTreeSet<String> = run.plan.changes.iter().map(|change| change.id.clone()).collect();
        let mut under_way = FuturesUnordered::new();
        loop {
            self.leave_what_needs_a_failure();
            for index in self.ready(&planned) {
                let Some(node) = self.nodes.get(index) else { continue };
                *self.busy.entry(place_of(&node.task)).or_default() += 1;
                let task = node.task.clone();
                under_way.push(async move {
                    let ended = match &task {
                        Task::Change(change) => run.perform(change, index).await.map(Ended::Change),
                        Task::Proof { user, org } => {
                            proof::prove(run, user, org, index).await.map(|proved| Ended::Proof(Box::new(proved)))
                        }
                    };
                    (index, task, ended)
                });
            }
            let Some((index, task, ended)) = under_way.next().await else { return };
            if let Some(busy) = self.busy.get_mut(&place_of(&task)) {
                *busy = busy.saturating_sub(1);
            }
            self.end(run, index, &task, ended);
        }
    }

    /// The nodes whose turn it is, no longer waiting.
    fn ready(&mut self, planned: &BTreeSet<String>) -> Vec<usize> {
        let mut ready = Vec::new();
        let mut busy = self.busy.clone();
        let nodes = &self.nodes;
        let done = &self.done;
        self.waiting.retain(|index| {
            let Some(node) = nodes.get(*index) else { return false };
            // What a change needs and the plan does not have is no change's business.
            let is_free = node.needs.iter().all(|need| done.contains(need) || !planned.contains(need));
            let here = busy.entry(place_of(&node.task)).or_default();
            if is_free && *here < AT_ONCE {
                *here += 1;
                ready.push(*index);
                return false;
            }
            true
        });
        ready
    }

    fn leave_what_needs_a_failure(&mut self) {
        loop {
            let failed = &self.failed;
            let nodes = &self.nodes;
            let blocked = self.waiting.iter().enumerate().find_map(|(position, index)| {
                let node = nodes.get(*index)?;
                let failure = node.needs.iter().find_map(|need| failed.get(need))?;
                Some((position, *index, *failure))
            });
            let Some((position, index, failure)) = blocked else { return };
            self.waiting.remove(position);
            let Some(node) = self.nodes.get(index) else { return };
            let subject = match &node.task {
                Task::Change(change) => {
                    self.failed.insert(change.id.clone(), failure);
                    change.is_change().then(|| change.subject.clone())
                }
                Task::Proof { user, org } => Some(format!("proof of `{user}` in the org `{org}`")),
            };
            if let (Some(failure), Some(subject)) = (self.applied.failures.get_mut(failure), subject) {
                failure.left.push(subject);
            }
        }
    }

    fn end(&mut self, run: &Run<'_>, index: usize, task: &Task<'_>, ended: Result<Ended, Error>) {
        let (item, org, subject) = match task {
            Task::Change(change) => {
                (change.item.clone(), change.place.org().map(str::to_owned), change.subject.clone())
            }
            Task::Proof { user, org } => ((*user).to_owned(), Some((*org).to_owned()), format!("proof of `{user}`")),
        };
        match (ended, task) {
            (Ok(Ended::Change(done)), Task::Change(change)) => {
                self.done.insert(change.id.clone());
                if done.outcome.is_change() {
                    self.applied.changed = true;
                    run.known().touched.insert(change.item.clone());
                }
                run.reporter.done(&done.event(change, index));
            }
            (Ok(Ended::Proof(proved)), _) => self.applied.proved.push(*proved),
            (Ok(_), _) => {}
            (Err(error), task) => {
                if let Task::Change(change) = task {
                    self.failed.insert(change.id.clone(), self.applied.failures.len());
                }
                self.applied.failures.push(Failure { item, org, subject, left: Vec::new(), error });
            }
        }
    }
}

fn place_of(task: &Task<'_>) -> Place {
    match task {
        Task::Change(change) => change.place.clone(),
        Task::Proof { org, .. } => Place::Org((*org).to_owned()),
    }
}

/// A row or object that is gone already is as good as one removed just now.
pub(crate) fn tolerate_missing(done: Result<(), ClientError>) -> Result<(), ClientError> {
    match done {
        Err(error) if error.is_missing() => Ok(()),
        done => done,
    }
}
