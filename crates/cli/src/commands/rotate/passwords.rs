//! The passwords of declared non-interactive users.

use keyholder_client::CredentialChoice;
use keyholder_foundation::WallClock;
use keyholder_service_users::non_interactive::{PasswordSeen, Renewal, Renewed, begun};

use super::{Stopped, words};
use crate::args::Rotate;
use crate::commands::declared::Declared;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress::Lines;

/// The declared users whose passwords are meant.
pub(super) async fn of_declared(
    declared: &Declared,
    arguments: &Rotate,
    stopped: &mut Vec<Stopped>,
) -> Vec<(Renewal, bool)> {
    let (estate, declaration) = (declared.estate(), declared.declaration());
    let mut all = Vec::new();
    // A password has no end. What was begun is finished all the same: its place may hold one that lets nobody in.
    let only_begun = arguments.due.is_some() && arguments.passwords_older_than.is_none();
    let journal = estate.to_borrow().map(|borrowing| &borrowing.journal).filter(|_| only_begun);
    let begun = match journal.map_or(Ok(Vec::new()), begun) {
        Ok(begun) => begun,
        Err(error) => {
            stopped.push(("a non-interactive user".to_owned(), error.into()));
            return all;
        }
    };
    let is_begun = |user_name: &str| begun.iter().any(|name| name.eq_ignore_ascii_case(user_name));
    let callers = || estate.orgs().filter_map(|(_, org)| org.ok());
    let now = callers().next().map(|caller| caller.http.clock().now());
    for (name, user) in &declaration.non_interactive_users {
        if arguments.who.as_ref().is_some_and(|who| name != who && user.user_name != *who) {
            continue;
        }
        if only_begun && !is_begun(&user.user_name) {
            continue;
        }
        let is_caller = callers().any(|caller| match &caller.connection.credential {
            CredentialChoice::Password { username, .. } => username.eq_ignore_ascii_case(&user.user_name),
            _ => false,
        });
        if is_caller && !arguments.even_my_own {
            let message =
                format!("the password of `{}` is the one that this very command is signed in with", user.user_name);
            let hint = "do it as another administrator, or say `--even-my-own`: later commands need the new one";
            stopped.push((name.clone(), Failure::new(Exit::BadConfiguration, message).hint(hint)));
            continue;
        }
        match Renewal::of(estate, declaration, (name, user)).await {
            Ok(renewal) => {
                let is_old = !only_begun
                    && arguments.passwords_older_than.is_none_or(|age| match (renewal.set(), now) {
                        (Some(set), Some(now)) => set.plus(age) <= now,
                        // Where nobody tells, it is taken for old.
                        _ => true,
                    });
                all.push((renewal, is_old));
            }
            Err(error) => stopped.push((name.clone(), error.into())),
        }
    }
    all
}

/// Those that are replaced, and what is known of each.
pub(super) async fn due<'a>(
    all: &'a [(Renewal, bool)],
    stopped: &mut Vec<Stopped>,
) -> (Vec<&'a Renewal>, Vec<PasswordSeen>) {
    let (mut due, mut seen) = (Vec::new(), Vec::new());
    for (renewal, is_old) in all {
        match renewal.look().await {
            Ok(one) => {
                if *is_old || one.is_begun {
                    due.push(renewal);
                    seen.push(one);
                }
            }
            Err(error) => stopped.push((renewal.name.clone(), error.into())),
        }
    }
    (due, seen)
}

/// Replaces them, one after the other: while one is replaced, its user is let in by neither for a moment.
pub(super) async fn renew(
    due: &[&Renewal],
    lines: &Lines,
    stopped: &mut Vec<Stopped>,
    printer: Printer,
) -> Vec<Renewed> {
    let mut all = Vec::new();
    for renewal in due {
        match renewal.renew(lines).await {
            Ok(renewed) => {
                words::renewed(&renewed, printer);
                all.push(renewed);
            }
            Err(error) => stopped.push((renewal.name.clone(), error.into())),
        }
    }
    all
}
