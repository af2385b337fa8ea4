//! What `rotate` says.

use std::path::Path;
use std::time::Duration;

use keyholder_foundation::{KeyId, Timestamp};
use keyholder_service_users::declaration::print_lifetime;
use keyholder_service_users::non_interactive::{PasswordSeen, Renewed};
use keyholder_service_users::rotate::{Came, Next, Rotated, Turn};
use serde_json::{Value, json};

use super::Stopped;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress::shown;

/// What would be done, one line and its reasons for each credential; `now` is the org's, and with `is_all` nothing else
/// was meant.
pub(super) fn plan(
    (turns, passwords): (&[Turn], &[PasswordSeen]),
    (now, is_all): (Option<Timestamp>, bool),
    due: Option<Duration>,
    printer: Printer,
) {
    for turn in turns {
        let sign = match turn.next {
            Next::Replace => '+',
            Next::Finish => '-',
            Next::Leave | Next::NotDue | Next::Absent => '=',
        };
        let subject = format!("{} of `{}` in `{}`", turn.kind.noun(), turn.name, shown(Path::new(&turn.place)));
        printer.sentence(&format!("  {sign} "), &subject);
        for reason in reasons(turn, now) {
            printer.sentence("      ", &reason);
        }
    }
    for seen in passwords {
        let place = shown(Path::new(&seen.place));
        printer.sentence("  + ", &format!("password of `{}` ({}) in `{place}`", seen.name, seen.user_name));
        let reason = match (seen.is_begun, seen.set) {
            (true, _) => "a run before this one was stopped in the midst of it".to_owned(),
            (false, Some(set)) => format!("the one there was set on {}", set.date()),
            (false, None) => "when the one there was set is not told".to_owned(),
        };
        printer.sentence("      ", &reason);
        let orgs = seen.proved_in.join(", ");
        printer.sentence(
            "      ",
            &format!(
                "a new one is set, which ends the old one at once; it is proved by WhoAmI in {orgs}, and written there"
            ),
        );
    }
    let none_ends = turns.iter().all(|turn| turn.next == Next::NotDue);
    let changes = turns.iter().filter(|turn| turn.next.is_change()).count() + passwords.len();
    match (turns.is_empty() && passwords.is_empty(), changes, due) {
        // What stands in the way is told as the failure.
        (true, ..) if !is_all => {}
        (true, ..) => printer.line("There is no credential here that could be replaced."),
        (_, 0, Some(due)) if none_ends => {
            printer.line(&format!("\nNothing to do: none ends within {}.", print_lifetime(due)));
        }
        (_, 0, _) => printer.line("\nNothing to do."),
        _ => {}
    }
}

fn reasons(turn: &Turn, now: Option<Timestamp>) -> Vec<String> {
    let old = |ids: &[KeyId]| match ids {
        [id] => format!("the old one ({id})"),
        ids => {
            format!("{} old ones ({})", ids.len(), ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
    };
    let until = turn.ends.map(|end| {
        let has_ended = now.is_some_and(|now| end <= now);
        format!("the one there {} {}", if has_ended { "ended on" } else { "works until" }, end.date())
    });
    let (are, work) = if turn.revokes.len() == 1 { ("is", "works") } else { ("are", "work") };
    let goes = match turn.revoked_at {
        Some(_) if turn.at_once => format!("then {} {are} revoked", old(&turn.revokes)),
        None if turn.by_hand => {
            format!("{} {work} until the manifest is applied and this is run with `--overlap 1h`", old(&turn.revokes))
        }
        None => format!("{} {work} until this is run without `--keep-old`", old(&turn.revokes)),
        Some(at) => format!("{} {work} until this is run after {at}", old(&turn.revokes)),
    };
    let proved = match turn.proved_in.as_slice() {
        [] => String::new(),
        orgs => format!(" and by WhoAmI in {}", orgs.join(", ")),
    };
    match turn.next {
        Next::Replace => {
            let end = turn.new_ends.map(|end| format!("; it works until {}", end.date())).unwrap_or_default();
            let made = format!("a new one is made, proved by signing in{proved}, and written there{end}");
            until.into_iter().chain([made, goes]).collect()
        }
        Next::Finish => {
            let proved =
                format!("a run before this one has put a new one there; it is proved again by signing in{proved}");
            vec![proved, goes]
        }
        Next::Leave => vec!["a run before this one has put a new one there".to_owned(), goes],
        Next::NotDue => until.into_iter().collect(),
        Next::Absent => vec!["there is none yet: `keyholder apply` makes it".to_owned()],
    }
}

/// How much there is to do.
pub(super) fn summary(made: usize, finished: usize, passwords: usize) -> String {
    let made = (made > 0).then(|| format!("{made} to be replaced"));
    let finished = (finished > 0).then(|| format!("of {finished} the old one to be revoked"));
    let passwords = (passwords > 0).then(|| format!("{passwords} password(s) to be replaced"));
    made.into_iter().chain(finished).chain(passwords).collect::<Vec<_>>().join(", ")
}

/// What came of one.
pub(super) fn came(rotated: &Rotated, printer: Printer) {
    let place = shown(Path::new(&rotated.place));
    let end = rotated.ends.map(|end: Timestamp| format!(", which works until {}", end.date())).unwrap_or_default();
    let id = rotated.id.map(|id| id.to_string()).unwrap_or_default();
    let now = format!("`{}`: `{place}` holds the {} {id}{end}", rotated.name, rotated.kind.noun());
    let old = match (rotated.came, rotated.revoked_at) {
        (Came::Nothing, _) => return,
        (Came::Replaced, _) => "; what it replaces is revoked".to_owned(),
        (Came::Unused, _) => "; what it replaces works until somebody has signed in with the new one".to_owned(),
        (Came::Overlaps, Some(at)) => format!("; what it replaces works until this is run after {at}"),
        (Came::Overlaps, None) if rotated.by_hand => {
            "; apply it (`kubectl apply -f`) and restart what uses it, then run this with `--overlap 1h`: until then what it \
             replaces works"
                .to_owned()
        }
        (Came::Overlaps, None) => "; what it replaces works until this is run without `--keep-old`".to_owned(),
    };
    printer.sentence("", &format!("{now}{old}."));
}

/// What came of a password.
pub(super) fn renewed(renewed: &Renewed, printer: Printer) {
    let place = shown(Path::new(&renewed.place));
    printer.sentence("", &format!("`{}`: `{place}` holds the new password of {}.", renewed.name, renewed.user_name));
    for unproved in &renewed.unproved {
        printer.note(&format!("it could not be proved in {unproved}"));
    }
}

/// The failure of those that nobody else was seen to use.
pub(super) fn unused(number: usize, time: Duration) -> Stopped {
    let message = format!(
        "of {number} new credential(s) no sign-in of somebody else's was seen within {} s: the old one works on",
        time.as_secs()
    );
    let hint = "run the same command again later; or without `--wait-for-use`, which revokes the old one at once";
    ("several".to_owned(), Failure::new(Exit::Failed, message).hint(hint))
}

/// Whether there is something to be replaced, but nothing in its place.
pub(super) fn all_absent(turns: &[Turn]) -> bool {
    !turns.is_empty() && turns.iter().all(|turn| turn.next == Next::Absent)
}

/// The failure of one that was named and is not there.
pub(super) fn absent(who: &str) -> Stopped {
    let message = format!("no declared place of `{who}` holds a credential that could be replaced");
    let hint = "`keyholder apply` makes what is declared and missing";
    (who.to_owned(), Failure::new(Exit::BadConfiguration, message).hint(hint))
}

/// What failed, for people.
pub(super) fn tell_failures(stopped: &[Stopped], printer: Printer) {
    // One alone is told as the failure of the command.
    if stopped.len() < 2 {
        return;
    }
    for (name, failure) in stopped {
        printer.sentence("  FAILED   ", &format!("a credential of `{name}`"));
        printer.line(&format!("           {}", failure.message().replace('\n', "\n           ")));
    }
}

/// The same for programs.
pub(super) fn failures(stopped: &[Stopped]) -> Vec<Value> {
    let one = |(name, failure): &Stopped| json!({"name": name, "message": failure.message(), "hints": failure.hints()});
    stopped.iter().map(one).collect()
}
