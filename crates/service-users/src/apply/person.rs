//! Bringing a declared non-interactive user about, each of its steps told as it is done.

use std::time::Duration;

use super::{Done, Run};
use crate::error::Error;
use crate::non_interactive::{PasswordFile, declared, give_back_left, provision};
use crate::plan::{Change, Mark};
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

pub(super) async fn perform(run: &Run<'_>, change: &Change, index: usize) -> Result<Done, Error> {
    let unplanned = || Error::Unplanned(format!("the {}", change.subject));
    let declaration = run.declaration;
    let user = declaration.non_interactive_users.get(&change.item).ok_or_else(unplanned)?;
    let access = declared::access(run.estate, declaration, user)?.ok_or_else(unplanned)?;
    let telling = Telling { run, item: &change.item, index };
    // What a run that was stopped borrowed for the others of the declaration, their own steps take up.
    let declared_names: Vec<_> =
        declaration.non_interactive_users.values().map(|user| user.user_name.as_str()).collect();
    give_back_left(&access, &declared_names, &telling).await?;
    let definition = declared::definition(declaration, user, run.plan.leave.system_administrator);
    let sink = PasswordFile::new(&user.password)?;
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
