//! Keys that are made for programs: on a new application nothing but the journal tells that they are of a run from here.

use std::sync::PoisonError;

use keyholder_entra::graph::Application;

use super::{Applied, Failure, Run};
use crate::declaration::Declaration;
use crate::error::Error;
use crate::estate::Estate;
use crate::journal::{Loan, Recorded};
use crate::observe::Observation;
use crate::plan::{Change, Found, find_registration};
use crate::sink::SecretSink;

/// What earlier runs recorded of the declared applications, as far as no other run works with it.
pub(super) fn taken_up(estate: &Estate, declaration: &Declaration, seen: &Observation) -> Vec<(String, Recorded)> {
    let Some(borrowing) = estate.to_borrow() else { return Vec::new() };
    let mut taken = Vec::new();
    for recorded in borrowing.journal.left().unwrap_or_default() {
        let Loan::Key { tenant, client_id } = &recorded.loan else { continue };
        let Some(Ok(directory)) = seen.directories.get(tenant) else { continue };
        let user = declaration.application_users.iter().find(|(name, user)| {
            let found = find_registration(name, user, declaration.name.as_deref(), directory);
            matches!(found, Ok(Found::Registration(application)) if application.app_id == *client_id)
        });
        if let Some((name, _)) = user {
            taken.push((name.clone(), recorded));
        }
    }
    taken
}

impl Run<'_> {
    /// Records that a key is about to be made which its place does not give back.
    pub(super) fn record_begun(
        &self,
        change: &Change,
        name: &str,
        application: &Application,
        sink: &dyn SecretSink,
    ) -> Result<(), Error> {
        let Some(borrowing) = self.estate.to_borrow() else { return Ok(()) };
        if sink.gives_back() {
            return Ok(());
        }
        let (tenant, administrator) = self.tenant(change)?;
        let loan = Loan::Key { tenant: tenant.to_owned(), client_id: application.app_id };
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        if begun.iter().all(|(_, recorded)| recorded.loan != loan) {
            begun.push((name.to_owned(), borrowing.journal.record(loan, administrator.now())?));
        }
        Ok(())
    }

    /// Strikes the records of those applications that are in use now: in each of their orgs, with all that is
    /// declared. The others' stay for the next run.
    pub(super) fn strike_begun(&self, applied: &mut Applied) {
        let begun = std::mem::take(&mut *self.begun.lock().unwrap_or_else(PoisonError::into_inner));
        for (name, recorded) in begun {
            let is_seen = |org: &String| self.seen.orgs.get(org).is_some_and(Result::is_ok);
            let all_seen =
                self.declaration.application_users.get(&name).is_some_and(|user| user.orgs.iter().all(is_seen));
            let is_stopped = self.plan.stops().any(|finding| finding.item == name);
            // A role that failed is not on the user either.
            if !all_seen || is_stopped || !applied.failures.is_empty() {
                continue;
            }
            if let Err(error) = recorded.strike() {
                applied.failures.push(Failure {
                    item: name.clone(),
                    org: None,
                    subject: format!("record of the key of `{name}`"),
                    left: Vec::new(),
                    error: error.into(),
                });
            }
        }
    }
}
