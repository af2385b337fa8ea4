//! `keyholder load`: the rows of a file into a table.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use keyholder_client::bulk::{self, Checked, Ended, Form, LoadError, Mode, Options, Progress, Rejected, Stop};
use keyholder_client::dataverse::TableInfo;
use keyholder_client::{Dataverse, Limits, Pool};
use keyholder_dataverse::Verb;
use keyholder_dataverse::error::grouped;
use keyholder_foundation::{MonotonicClock, OsRandom, Sleep, SystemClock};
use keyholder_platform::RuntimeSleep;
use keyholder_service_users::declaration::nearest;
use keyholder_service_users::doctor::{Lacking, lacking};
use serde_json::{Value, json};

use crate::args::{Load, LoadMode, RowForm};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Asked;
use crate::interruption;
use crate::printer::Printer;
use crate::progress::shown;
use crate::settings;

/// How often the line that tells of the progress changes.
const TOLD_EVERY: Duration = Duration::from_millis(200);
/// How many reasons a check of the rows tells, with how many rows there are of each.
const MOST_REASONS: usize = 20;
/// The longest wait for an org that is out of reach before the load begins.
const LONGEST_WAIT: Duration = Duration::from_secs(16);

pub(crate) async fn run(arguments: &Load, printer: Printer) -> Result<Exit, Failure> {
    let mut interruption = interruption::listen()?;
    let stop = Stop::default();
    let mut work = std::pin::pin!(perform(arguments, &stop, printer));
    tokio::select! {
        outcome = &mut work => return outcome,
        _ = interruption.wait() => {}
    }
    stop.ask();
    printer.note("waiting for what is under way; Ctrl-C again ends at once, and harms nothing");
    tokio::select! {
        outcome = work => outcome,
        _ = interruption.wait() => Err(continued(Failure::new(Exit::Interrupted, "interrupted before it was done"), arguments)),
    }
}

async fn perform(arguments: &Load, stop: &Stop, printer: Printer) -> Result<Exit, Failure> {
    if arguments.file == Path::new("-") {
        let message = "rows cannot come from standard input: a load is continued by its file";
        return Err(Failure::new(Exit::Usage, message)
            .hint("write them to a file first; one that is called `-` is named `./-`"));
    }
    // An org that was never reached is more often a typing mistake than an outage.
    let is_expected = arguments.wait.is_some() || options(arguments).journal.exists();
    let mut left = if is_expected { patience(arguments) } else { Duration::ZERO };
    let mut wait = Duration::from_secs(1);
    let mut is_told = false;
    loop {
        let failure = match begin(arguments, stop, printer).await {
            Ok(ended) => return ended,
            Err(failure) => failure,
        };
        // What a proxy answers in the org's place passes as it does once the load is under way.
        if !(failure.exit() == Exit::OutOfReach || failure.may_pass()) || left.is_zero() {
            return Err(failure);
        }
        if !is_told {
            is_told = true;
            printer.note(&format!("{}; tried again for {} s", failure.message(), left.as_secs()));
        }
        let this = wait.min(left);
        tokio::select! {
            () = RuntimeSleep.sleep(this) => {}
            () = stop.asked() => return Err(Failure::from(LoadError::Stopped)),
        }
        left -= this;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// How long an org that is out of reach is tried again.
fn patience(arguments: &Load) -> Duration {
    arguments.wait.unwrap_or(Options::new("").patience)
}

/// Begins the load, and gives how it ended; fails where it did not begin.
async fn begin(arguments: &Load, stop: &Stop, printer: Printer) -> Result<Result<Exit, Failure>, Failure> {
    let asked = tokio::select! {
        asked = Asked::find(&arguments.place, printer) => asked?,
        () = stop.asked() => return Err(Failure::from(LoadError::Stopped)),
    };
    let outcome = on(&asked.org, arguments, stop, printer).await;
    asked.end().await;
    outcome
}

async fn on(
    org: &Dataverse,
    arguments: &Load,
    stop: &Stop,
    printer: Printer,
) -> Result<Result<Exit, Failure>, Failure> {
    let options = options(arguments);
    // What takes requests is given up at once: nothing was begun.
    let (table, others) = tokio::select! {
        ready = async { Ok::<_, Failure>((table(org, &arguments.table).await?, others(org, arguments, printer).await?)) } => ready?,
        () = stop.asked() => return Err(Failure::from(LoadError::Stopped)),
    };
    let users: Vec<&Dataverse> = std::iter::once(org).chain(&others).collect();
    let pool = Pool::new(users.iter().map(|user| user.tokens().clone()).collect::<Vec<_>>(), Limits::TODAY);
    if arguments.dry_run {
        let mut told = |row: &Rejected, line| printer.progress(&of_row(row, line));
        let checked = bulk::check(org, &pool, table, &options, stop, &mut told).await?;
        let rights = tokio::select! {
            rights = Rights::of(&users, &checked.needs) => rights,
            () = stop.asked() => return Err(Failure::from(LoadError::Stopped)),
        };
        return Ok(tell_checked(arguments, &checked, &rights, printer));
    }
    let clock = SystemClock::new();
    let mut line =
        Line { printer, pool: pool.clone(), org, clock: &clock, told: None, is_watched: printer.is_watched() };
    let ended = bulk::load(org, &pool, table, &options, &OsRandom, stop, &mut |progress| line.tell(progress)).await;
    line.end();
    let ended = ended?;
    let took = clock.elapsed();
    // One privilege is told of at a time, and the next load would meet the next.
    let is_refused = matches!(&ended.failed, Some(LoadError::Org(error)) if error.dataverse().is_some_and(|refusal| refusal.missing_privilege.is_some()));
    let rights = match is_refused {
        true => tokio::select! {
            rights = Rights::of(&users, &ended.needs) => Some(rights),
            () = stop.asked() => None,
        },
        false => None,
    };
    Ok(tell(arguments, &options, ended, (org, rights.as_ref(), took), printer))
}

fn options(arguments: &Load) -> Options {
    let defaults = Options::new(&arguments.file);
    let verb = match (arguments.key.is_empty(), arguments.update) {
        (true, _) => bulk::Verb::Create,
        (false, true) => bulk::Verb::Update(arguments.key.clone()),
        (false, false) => bulk::Verb::Upsert(arguments.key.clone()),
    };
    let form = match (arguments.format, defaults.form) {
        (Some(RowForm::Jsonl), _) | (None, Form::JsonLines) => Form::JsonLines,
        _ => Form::Csv(arguments.delimiter),
    };
    let rejects = match form {
        Form::JsonLines => "rejects.jsonl",
        _ => "rejects.csv",
    };
    let mut beside = arguments.file.clone().into_os_string();
    beside.push(format!(".{rejects}"));
    Options {
        form,
        verb,
        maps: arguments.map.clone(),
        empties: arguments.empty_as_null,
        mode: match arguments.mode {
            LoadMode::Multiple => Mode::Multiple,
            LoadMode::Batch => Mode::Batch,
            LoadMode::Single => Mode::Single,
        },
        rows_a_request: arguments.chunk.map(usize::from),
        at_once: arguments.at_once.map(usize::from),
        patience: patience(arguments),
        journal: arguments.journal.clone().unwrap_or(defaults.journal.clone()),
        rejects: arguments.rejects.clone().unwrap_or_else(|| beside.into()),
        ..defaults
    }
}

/// The table of that entity set, or of that logical name.
async fn table(org: &Dataverse, name: &str) -> Result<TableInfo, Failure> {
    let logical = org.table_of_set(name).await?;
    match org.table(logical.as_deref().unwrap_or(name)).await {
        Err(error) if error.is_missing() && logical.is_none() => {
            let failure = Failure::new(Exit::BadData, format!("the org has no table `{name}`"));
            let document = org.get("").await.unwrap_or_default();
            let sets = document.get("value").and_then(serde_json::Value::as_array).into_iter().flatten();
            let sets: Vec<&str> = sets.filter_map(|set| set.get("name")?.as_str()).collect();
            Err(match nearest(name, sets) {
                Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
                None => failure.hint("give its entity set, as it stands in addresses of the Web API: `contacts`"),
            })
        }
        outcome => Ok(outcome?),
    }
}

/// The service users that share the load with the caller.
async fn others(org: &Dataverse, arguments: &Load, printer: Printer) -> Result<Vec<Dataverse>, Failure> {
    let mut others: Vec<Dataverse> = Vec::new();
    for file in &arguments.also_env_file {
        let other = settings::connect_by_file(file, printer).await?;
        if other.scope() != org.scope() {
            let message = format!("`{}` is for another org than the load", file.display());
            return Err(Failure::new(Exit::BadConfiguration, message));
        }
        let id = other.tokens().credential().client_id();
        if std::iter::once(org).chain(&others).any(|user| user.tokens().credential().client_id() == id) {
            let message = format!("`{}` is of a service user that shares the load already ({id})", file.display());
            return Err(Failure::new(Exit::BadConfiguration, message)
                .hint("the org limits each user by itself: the same one twice has no more room"));
        }
        others.push(other);
    }
    Ok(others)
}

/// What the users of a load lack for its rows.
struct Rights {
    /// Of whom nobody may read it is not known, and nothing is said.
    is_known: bool,
    /// Who lacks what, a sentence each.
    lacking: Vec<String>,
    /// The names of what anybody lacks.
    privileges: Vec<String>,
    commands: Vec<String>,
}

impl Rights {
    async fn of(users: &[&Dataverse], needs: &[(String, Verb)]) -> Self {
        let mut rights = Self { is_known: true, lacking: Vec::new(), privileges: Vec::new(), commands: Vec::new() };
        for user in users {
            let Ok(Lacking { privileges, command }) = lacking(user, needs).await else {
                rights.is_known = false;
                continue;
            };
            if privileges.is_empty() {
                continue;
            }
            let id = user.tokens().credential().client_id();
            let who = if user.tokens().credential().is_person() { "the caller".to_owned() } else { id.to_string() };
            rights.lacking.push(format!("{who} lacks {} for the table and its lookups", privileges.join(", ")));
            rights.commands.extend(command);
            rights.privileges.extend(privileges);
        }
        rights.privileges.sort_unstable();
        rights.privileges.dedup();
        rights
    }

    /// Tells it with a failure.
    fn tell(&self, failure: Failure) -> Failure {
        let lacking = self.lacking.iter().fold(failure, |failure, sentence| failure.hint(sentence));
        self.commands.iter().fold(lacking, |failure, command| failure.hint(format!("`{command}` gives it to that one")))
    }
}

/// The line that tells how far it is.
struct Line<'a> {
    printer: Printer,
    pool: Arc<Pool>,
    org: &'a Dataverse,
    clock: &'a SystemClock,
    told: Option<Duration>,
    is_watched: bool,
}

impl Line<'_> {
    fn tell(&mut self, progress: &Progress) {
        let now = self.clock.elapsed();
        if !self.is_watched || self.told.is_some_and(|told| now.saturating_sub(told) < TOLD_EVERY) {
            return;
        }
        self.told = Some(now);
        let users = self.pool.users(self.org.http());
        let (room, limit) = users.iter().fold((0, 0), |(room, limit), user| (room + user.room, limit + user.limit));
        self.printer.status(&status(progress, now, room, limit));
    }

    fn end(&self) {
        if self.told.is_some() {
            self.printer.status("");
        }
    }
}

fn thousands(number: u64) -> String {
    grouped(number.into())
}

/// `[=====>     ] 41%  12,000 rows  3,400/s  limit 7%  0:42 left`
fn status(progress: &Progress, elapsed: Duration, room: u32, limit: u32) -> String {
    const WIDTH: u64 = 20;
    let of = progress.of_bytes.max(1);
    let done = (progress.bytes.min(of) * WIDTH / of) as usize;
    let bar: String = (0..WIDTH as usize).map(|at| if at < done { '=' } else { ' ' }).collect();
    let seconds = elapsed.as_secs_f64().max(0.001);
    let rate = progress.rows_now as f64 / seconds;
    let used = u64::from(limit.saturating_sub(room)) * 100 / u64::from(limit.max(1));
    let left = match progress.bytes_now {
        0 => "?".to_owned(),
        bytes => {
            let left = (of - progress.bytes.min(of)) as f64 / (bytes as f64 / seconds);
            let left = left as u64;
            format!("{}:{:02}", left / 60, left % 60)
        }
    };
    let rejected = match progress.rejected {
        0 => String::new(),
        rejected => format!("  {} rejected", thousands(rejected)),
    };
    let percent = progress.bytes.min(of) * 100 / of;
    let (rows, rate) = (thousands(progress.rows), thousands(rate as u64));
    format!("[{bar}] {percent}%  {rows} rows{rejected}  {rate}/s  limit {used}%  {left} left")
}

/// A row that cannot be loaded, for programs.
fn of_row(row: &Rejected, line: u64) -> Value {
    json!({ "row": row.number, "line": line, "reason": row.reason })
}

fn tell_checked(arguments: &Load, checked: &Checked, rights: &Rights, printer: Printer) -> Result<Exit, Failure> {
    let file = shown(&arguments.file);
    for (row, line) in checked.told.iter().zip(&checked.lines) {
        printer.line(&format!("row {} (line {line}): {}", row.number, row.reason));
    }
    let more = checked.rejected.saturating_sub(checked.told.len() as u64);
    if more > 0 {
        printer.line(&format!("and {} more (`--output jsonl` has all); of each reason:", thousands(more)));
        for (reason, rows) in checked.reasons.iter().take(MOST_REASONS) {
            printer.line(&format!("{:>9}  {reason}", thousands(*rows)));
        }
        if let Some(more) = checked.reasons.len().checked_sub(MOST_REASONS).filter(|more| *more > 0) {
            printer.line(&format!("           and {} more reasons", thousands(more as u64)));
        }
    }
    let rows = thousands(checked.rows);
    printer.line(&match checked.rejected {
        0 => {
            let untried = if rights.is_known { "keys" } else { "keys, rights" };
            format!("checked {rows} rows of {file}: none is wrong by itself; nothing was written, and {untried} and rules of the org were not tried")
        }
        bad => format!("checked {rows} rows of {file}: {} cannot be loaded; nothing was written", thousands(bad)),
    });
    let told = checked.told.iter().zip(&checked.lines);
    let told: Vec<_> = told.map(|(row, line)| of_row(row, *line)).collect();
    let reasons = checked.reasons.iter().map(|(reason, rows)| json!({ "reason": reason, "rows": rows }));
    let reasons: Vec<_> = reasons.collect();
    let missing = rights.is_known.then_some(&rights.privileges);
    let mut document = json!({
        "checked": checked.rows, "rejected": checked.rejected, "first": told, "reasons": reasons,
        "missingPrivileges": missing,
    });
    if rights.lacking.is_empty() {
        printer.json(&document);
        return Ok(if checked.rejected == 0 { Exit::Done } else { Exit::BadData });
    }
    let message = format!("the load would be refused: {} missing", rights.privileges.join(", "));
    let failure = rights.tell(Failure::new(Exit::NotAllowed, message)).within(&mut document);
    printer.json(&document);
    Err(failure)
}

fn tell(
    arguments: &Load,
    options: &Options,
    ended: Ended,
    (org, rights, took): (&Dataverse, Option<&Rights>, Duration),
    printer: Printer,
) -> Result<Exit, Failure> {
    let Ended { progress, was_over, failed, .. } = ended;
    let (counted, loaded) = (org.http().counted(), progress.rows - progress.rejected);
    let mut document = json!({
        "table": arguments.table,
        "rows": progress.rows,
        "loaded": loaded,
        "rejected": progress.rejected,
        "rowsNow": progress.rows_now,
        "journal": options.journal.display().to_string(),
        "rejects": (progress.rejected > 0).then(|| options.rejects.display().to_string()),
        "isOver": failed.is_none(),
        "requests": counted.sent,
        "refused": counted.refused,
        "seconds": took.as_secs_f64(),
    });
    if was_over {
        printer.note(&format!(
            "this load came to its end before: nothing was done; delete `{}` to load the file again",
            shown(&options.journal)
        ));
    }
    let (rows, table) = (thousands(loaded), &arguments.table);
    let rejects = shown(&options.rejects);
    let rejected = match progress.rejected {
        0 => String::new(),
        bad => format!(", {} rejected: see {rejects}", thousands(bad)),
    };
    if let Some(error) = failed {
        let is_known = !matches!(error, LoadError::JournalGone { .. });
        let failure = rights.into_iter().fold(Failure::from(error), |failure, rights| rights.tell(failure));
        printer.line(&format!("loaded {rows} rows into {table} so far{rejected}"));
        let failure = if is_known { continued(failure, arguments) } else { failure }.within(&mut document);
        printer.json(&document);
        return Err(failure);
    }
    printer.line(&if was_over {
        format!("nothing was left to do: {rows} rows were loaded into {table} before{rejected}")
    } else {
        format!("loaded {rows} rows into {table}{rejected}")
    });
    printer.json(&document);
    Ok(if progress.rejected == 0 { Exit::Done } else { Exit::BadData })
}

/// How a load that ended before its end is continued.
fn continued(failure: Failure, arguments: &Load) -> Failure {
    let journal = options(arguments).journal;
    failure
        .hint(format!("run the same command again: it goes on where it was, as `{}` says", shown(Path::new(&journal))))
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let exit = match &error {
            LoadError::Org(error) => return error.clone().into(),
            LoadError::Stopped => Exit::Interrupted,
            LoadError::File { .. } | LoadError::InUse { .. } | LoadError::JournalGone { .. } => Exit::CannotCreate,
            LoadError::OtherLoad { .. } => Exit::BadConfiguration,
            _ => Exit::BadData,
        };
        let mut failure = Self::new(exit, error.to_string());
        if let LoadError::Columns { problems, .. } = &error {
            for problem in problems {
                let LoadError::UnknownColumn { column, known, .. } = problem else { continue };
                if let Some(meant) = nearest(column, known.iter().map(String::as_str).collect::<Vec<_>>()) {
                    failure = failure.hint(format!(
                        "by `{column}`, did you mean `{meant}`? `--map 'COLUMN OF THE FILE={meant}'` says so"
                    ));
                }
            }
        }
        if let LoadError::UnknownColumn { column, known, .. } = &error {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            failure = match nearest(column, known) {
                Some(meant) => {
                    failure.hint(format!("did you mean `{meant}`? `--map 'COLUMN OF THE FILE={meant}'` says so"))
                }
                None => failure.hint(format!(
                    "map it to a column of the table, `--map '{column}=COLUMN'`, or leave it out: `--map '{column}='`"
                )),
            };
        }
        error.hints().into_iter().fold(failure, Self::hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_rows_rate_limit_and_time_left() {
        let mut progress = Progress::default();
        (progress.rows, progress.rows_now, progress.bytes, progress.bytes_now) = (12_000, 10_000, 600, 500);
        progress.of_bytes = 1_600;
        assert_eq!(
            status(&progress, Duration::from_secs(5), 4_500, 6_000),
            "[=======             ] 37%  12,000 rows  2,000/s  limit 25%  0:10 left"
        );
        progress.rejected = 3;
        assert!(status(&Progress::default(), Duration::ZERO, 0, 0).contains("? left"));
        assert!(status(&progress, Duration::from_secs(5), 0, 6_000).contains("3 rejected  2,000/s  limit 100%"));
    }
}
