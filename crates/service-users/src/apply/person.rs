//! Bringing a declared non-interactive user about, each of its steps told as it is done.

use std::time::Duration;

use super::{Done, Run};
use crate::error::Error;
use crate::non_interactive::{PasswordFile, declared, give_back_in, provision};
use crate::plan::{Action, Change, Mark};
use crate::report::{Event, Outcome, Reporter};

/// Tells of the steps as parts of the one change.
struct Telling<'a, 'r> {
    run: &'a Run<'r>,
    item: &'a str,
    index: usize,
}

impl Reporter for Telling<'_, '_> {
    fn done(&self, event: &Event) {
        let event = Event { index: self.index, is_last: false, item: self.item.to_owned(), ..event.clone() };
        self.run.reporter.done(&event);
    }

    fn waiting(&self, what: &str, wait: Duration) {
        self.run.reporter.waiting(what, wait);
    }
}

/// Tells of what is done before the first change, in its place.
struct Before<'a>(&'a dyn Reporter, bool);

impl Reporter for Before<'_> {
    fn done(&self, event: &Event) {
        self.0.done(&Event { index: 0, is_last: self.1, ..event.clone() });
    }

    fn waiting(&self, what: &str, wait: Duration) {
        self.0.waiting(what, wait);
    }
}

/// Gives back what earlier runs borrowed for whoever this plan does nothing about: their users may be stopped, or
/// declared no more. What was borrowed for the others, their own steps take up.
pub(super) async fn give_back(run: &Run<'_>) -> Vec<Error> {
    let Some(borrowing) = run.estate.to_borrow() else { return Vec::new() };
    let works_on = |change: &&Change| change.action == Some(Action::BringAbout);
    let except: Vec<&str> = run
        .plan
        .changes
        .iter()
        .filter(works_on)
        .filter_map(|change| run.declaration.non_interactive_users.get(&change.item))
        .map(|user| user.user_name.as_str())
        .collect();
    let telling = Before(run.reporter, run.plan.changes.is_empty());
    let mut failed = Vec::new();
    for graph in run.estate.directories().into_values() {
        failed.extend(give_back_in(&borrowing.journal, graph, &except, &telling).await.err());
    }
    failed
}

pub(super) async fn perform(run: &Run<'_>, change: &Change, index: usize) -> Result<Done, Error> {
    let unplanned = || Error::Unplanned(format!("the {}", change.subject));
    let declaration = run.declaration;
    let user = declaration.non_interactive_users.get(&change.item).ok_or_else(unplanned)?;
    let access = declared::access(run.estate, declaration, user)?.ok_or_else(unplanned)?;
    let telling = Telling { run, item: &change.item, index };
    let definition = declared::definition(declaration, user, run.plan.leave.system_administrator);
    let sink = PasswordFile::new(&user.password, Some(&access.means))?;
    let made = provision(&access, &definition, Some(&sink), &telling).await?;
    let outcome = match (made.changed, change.mark) {
        (false, _) => Outcome::Found,
        (true, Mark::Make) => Outcome::Created,
        (true, _) => Outcome::Changed,
    };
    let mut done = Done::new(outcome).fact("objectId", &made.object_id);
    for org in &made.orgs {
        done = done.note(format!(
            "{} of at most {} places for non-interactive users are taken in {}",
            org.slots_used, org.slots_limit, org.org
        ));
    }
    Ok(done)
}
