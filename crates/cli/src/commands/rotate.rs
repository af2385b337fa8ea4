//! `keyholder rotate`: credentials that work are replaced.

mod federated;
mod passwords;
mod words;

use futures::future::join_all;
use keyholder_foundation::{ClientId, WallClock as _};
use keyholder_service_users::declaration::ApplicationUser;
use keyholder_service_users::non_interactive::Renewal;
use keyholder_service_users::rotate::{self, Aim, Came, Manner, Next, Overlap, Turn};
use keyholder_service_users::{Journal, KeyKind, open_sink};
use serde_json::{Value, json};

use crate::args::{OrgPlace, Rotate, To};
use crate::commands::apply::confirm;
use crate::commands::declared::Declared;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Here;
use crate::local::Absent;
use crate::printer::Printer;
use crate::progress::Lines;

/// One that cannot be replaced: the application, and why.
type Stopped = (String, Failure);

pub(crate) async fn run(arguments: &Rotate, printer: Printer) -> Result<Exit, Failure> {
    check(arguments)?;
    match &arguments.who {
        Some(who) if arguments.to.is_some() => one(arguments, who, printer).await,
        Some(who) if arguments.sink.sink().is_some() => one(arguments, who, printer).await,
        _ => declared(arguments, printer).await,
    }
}

/// What is wrong before anything is asked.
fn check(arguments: &Rotate) -> Result<(), Failure> {
    if arguments.sink.sink().is_some() && (arguments.who.is_none() || arguments.due.is_some()) {
        return Err(Failure::new(Exit::Usage, "`--save-...` is about one application, by its name or client id")
            .hint("leave it out: what is declared goes to its declared place"));
    }
    let needs_more = |flag: &str, other: &str| Failure::new(Exit::Usage, format!("`{flag}` needs {other}"));
    if arguments.to.is_none() && arguments.trust.trust.is_some() {
        return Err(needs_more("--trust", "`--to federated`"));
    }
    if arguments.replaces.is_some() && arguments.to.is_none() && arguments.sink.sink().is_none() {
        return Err(needs_more("--replaces", "the place of the new one (`--save-...`), or `--to federated`"));
    }
    Ok(())
}

impl Rotate {
    fn manner(&self) -> Manner {
        let overlap = match self.overlap {
            Some(time) => Overlap::For(time),
            None if self.keep_old => Overlap::Open,
            None => Overlap::None,
        };
        Manner { due: self.due, overlap, wait_for_use: self.wait_for_use, even_my_own: self.even_my_own }
    }
}

/// The credential that a place holds.
async fn one(arguments: &Rotate, who: &str, printer: Printer) -> Result<Exit, Failure> {
    let place = OrgPlace { local: arguments.declared.local.clone(), connection: arguments.declared.connection.clone() };
    let here = Here::find(&place, Absent::Refuse, printer).await?;
    let outcome = match arguments.to {
        Some(To::Federated) => federated::run(&here, arguments, who, printer).await,
        None => in_place(&here, arguments, who, printer).await,
    };
    here.end().await;
    outcome
}

async fn in_place(here: &Here, arguments: &Rotate, who: &str, printer: Printer) -> Result<Exit, Failure> {
    let found = rotate::find(&here.administrator, who).await?;
    let Some(sink) = arguments.sink.sink() else { return Ok(Exit::Done) };
    let sink = open_sink(&sink, Some(&here.administrator.means())).map_err(keyholder_service_users::Error::from)?;
    if !found.is_let_in {
        let url = &here.administrator.connection.url;
        printer.note(&format!("`{who}` has no user in {url} that it lets in, so that only signing in is proved"));
    }
    let aim = Aim {
        kind: arguments.sink.certificate.then_some(KeyKind::Certificate),
        lifetime: arguments.lifetime,
        ..found.aim(&here.administrator, sink.as_ref(), arguments.replaces)
    };
    carry_out(&[aim], &[], Vec::new(), arguments, &here.journal, printer).await
}

/// What keyholder.toml declares.
async fn declared(arguments: &Rotate, printer: Printer) -> Result<Exit, Failure> {
    let declared = Declared::read(&arguments.declared, Absent::Refuse, printer).await?;
    let outcome = of_declared(&declared, arguments, printer).await;
    declared.end().await;
    outcome
}

async fn of_declared(declared: &Declared, arguments: &Rotate, printer: Printer) -> Result<Exit, Failure> {
    let (estate, declaration) = (declared.estate(), declared.declaration());
    let wanted = |name: &str, user: &ApplicationUser| match &arguments.who {
        None => true,
        Some(who) => name == who || user.name == *who || user.client_id.is_some_and(|id| is_id(who, id)),
    };
    let unnamed = arguments.who.as_ref().filter(|who| {
        !declaration.application_users.iter().any(|(name, user)| wanted(name, user))
            && !declaration.non_interactive_users.iter().any(|(name, user)| name == *who || user.user_name == **who)
    });
    let unknown = |who: &str| {
        let message = format!("`{}` declares no service user `{who}`", arguments.declared.file.display());
        Failure::new(Exit::BadConfiguration, message)
            .hint("name one that it declares, or say where the credential is: `--save-env FILE` and its like")
    };
    // Whose client id it is the directory tells.
    let by_id: Option<(&str, ClientId)> = match unnamed {
        Some(who) => Some((who, who.trim().parse().map_err(|_| unknown(who))?)),
        None => None,
    };
    let Some(borrowing) = estate.to_borrow() else { return Ok(Exit::Done) };
    let directories = rotate::directories(estate, declaration).await;
    let of_id = match by_id {
        Some((who, id)) => Some(rotate::declared_as(declaration, &directories, id).ok_or_else(|| unknown(who))?),
        None => None,
    };
    let wanted = |name: &str, user: &ApplicationUser| of_id.map_or_else(|| wanted(name, user), |found| found == name);
    let (mut aims, mut stopped) = (Vec::new(), Vec::new());
    for aim in rotate::declared(estate, declaration, declared.sinks(), &directories, wanted) {
        match aim {
            Ok(aim) => aims.push(Aim { lifetime: arguments.lifetime.or(aim.lifetime), ..aim }),
            Err((name, error)) => stopped.push((name, error.into())),
        }
    }
    let passwords = passwords::of_declared(declared, arguments, &mut stopped).await;
    carry_out(&aims, &passwords, stopped, arguments, &borrowing.journal, printer).await
}

fn is_id(who: &str, id: ClientId) -> bool {
    who.trim().eq_ignore_ascii_case(&id.to_string())
}

/// How many credentials are looked at in one go.
const AT_ONCE: usize = 16;

/// Looks, tells, asks, does it and tells how it went.
async fn carry_out(
    aims: &[Aim<'_>],
    renewals: &[(Renewal, bool)],
    mut stopped: Vec<Stopped>,
    arguments: &Rotate,
    journal: &Journal,
    printer: Printer,
) -> Result<Exit, Failure> {
    let manner = arguments.manner();
    let lines = Lines::of_changes(printer, false);
    let (mut turns, mut next): (Vec<Turn>, Vec<&Aim<'_>>) = (Vec::new(), Vec::new());
    for some in aims.chunks(AT_ONCE) {
        let looked = join_all(some.iter().map(|aim| rotate::look(aim, manner, journal, &lines))).await;
        for (aim, looked) in some.iter().zip(looked) {
            match looked {
                Ok(turn) => {
                    if turn.next.is_change() {
                        next.push(aim);
                    }
                    turns.push(turn);
                }
                Err(error) => stopped.push((aim.name.clone(), error.into())),
            }
        }
    }
    let (due, seen) = passwords::due(renewals, &mut stopped).await;
    let now = aims.first().map(|aim| aim.administrator.http.clock().now());
    words::plan((&turns, &seen), (now, stopped.is_empty()), arguments.due, printer);
    if let (Some(who), true, true) = (&arguments.who, stopped.is_empty() && seen.is_empty(), words::all_absent(&turns))
    {
        stopped.push(words::absent(who));
    }
    if arguments.dry_run {
        let mut document = json!({"plan": turns, "passwords": seen, "failures": words::failures(&stopped)});
        words::tell_failures(&stopped, printer);
        let failed = failed(&stopped, 0).map(|failed| failed.within(&mut document));
        printer.json(&document);
        return match failed {
            Some(failed) => Err(failed),
            None if next.is_empty() && due.is_empty() => Ok(Exit::Done),
            None => Ok(Exit::Changes),
        };
    }
    let mut came: Vec<Value> = Vec::new();
    let mut done = 0;
    let (mut renewed, mut unused) = (Vec::new(), 0);
    if !next.is_empty() || !due.is_empty() {
        let finished = turns.iter().filter(|turn| turn.next == Next::Finish).count();
        confirm(arguments.yes, &words::summary(next.len() - finished, finished, due.len()), printer).await?;
        printer.line("");
        let next: Vec<Aim<'_>> = next.into_iter().map(again).collect();
        for (aim, rotated) in next.iter().zip(rotate::rotate_all(&next, manner, journal, &lines).await) {
            match rotated {
                Ok(rotated) => {
                    done += usize::from(rotated.changed);
                    unused += usize::from(rotated.came == Came::Unused);
                    words::came(&rotated, printer);
                    came.push(serde_json::to_value(&rotated).unwrap_or_default());
                }
                Err(error) => stopped.push((aim.name.clone(), error.into())),
            }
        }
        renewed = passwords::renew(&due, &lines, &mut stopped, printer).await;
        done += renewed.len();
    }
    if let (1.., Some(time)) = (unused, arguments.wait_for_use) {
        stopped.push(words::unused(unused, time));
    }
    words::tell_failures(&stopped, printer);
    let mut document = json!({
        "changed": done > 0,
        "plan": turns,
        "passwords": seen,
        "rotated": came,
        "renewed": renewed,
        "failures": words::failures(&stopped),
        "steps": lines.events(),
    });
    let failed = failed(&stopped, done).map(|failed| failed.within(&mut document));
    printer.json(&document);
    match failed {
        Some(failed) => Err(failed),
        None => Ok(Exit::Done),
    }
}

fn again<'a>(aim: &Aim<'a>) -> Aim<'a> {
    Aim { name: aim.name.clone(), orgs: aim.orgs.clone(), ..*aim }
}

/// The failure that those of single credentials amount to.
fn failed(stopped: &[Stopped], done: usize) -> Option<Failure> {
    let (name, first) = stopped.first()?;
    let message = match (stopped.len(), done) {
        (1, 0) => first.message().to_owned(),
        (1, done) => format!("a credential of `{name}` was not replaced, {done} were: {}", first.message()),
        (many, done) => {
            format!("{many} credentials were not replaced, {done} were; the first, of `{name}`: {}", first.message())
        }
    };
    let failure = Failure::new(first.exit(), message);
    Some(first.hints().iter().fold(failure, |failure, hint| failure.hint(hint.clone())))
}
