//! Ctrl-C and SIGTERM: a command that is stopped ends with one code and says what is left undone.

use keyholder_platform::Interruption;
use keyholder_service_users::plan::Plan;

use crate::args::{self, Command, Org};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::progress::Lines;

/// Most things that are named as left undone.
const MOST: usize = 12;

/// Listens for Ctrl-C from here on; the process does not end by itself then.
pub(crate) fn listen() -> Result<Interruption, Failure> {
    Interruption::listen().map_err(|error| Failure::new(Exit::Failed, format!("cannot listen for Ctrl-C: {error}")))
}

/// Does the work unless somebody asks to stop first. What was under way is dropped then: it leaves what a kill
/// would leave, which any later run goes on from.
pub(crate) async fn unless_stopped<T>(
    stop: &mut Interruption,
    leaves: Leaves,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        outcome = work => outcome,
        _ = stop.wait() => Err(Failure::new(Exit::Interrupted, "interrupted before it was done").hint(leaves.in_words())),
    }
}

/// What a command leaves that is stopped in its midst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// Nothing: it only reads.
    Nothing,
    /// A part of it, which the same command goes on from.
    Part,
    /// What was told is done, and what comes behind it may be.
    Told,
    /// A part of a file, which the same command goes on with.
    PartOfFile,
    /// All of it or nothing.
    AllOrNothing,
}

impl Leaves {
    fn in_words(self) -> &'static str {
        match self {
            Self::Nothing => "it only reads: nothing was changed",
            Self::Part => {
                "what was done until then stays; run it again: it goes on from there, and gives back what was borrowed"
            }
            Self::Told => "what was told of is done; look whether what comes behind it was, before you run that again",
            Self::PartOfFile => {
                "what it had got is kept beside its file: run the same command again, and it goes on from there"
            }
            Self::AllOrNothing => "look whether it was done, and run it again if not",
        }
    }

    /// What that command leaves; nothing for one that looks after its own end, because it serves until it is stopped
    /// or has to wait for what is under way.
    pub(crate) fn of(command: &Command) -> Option<Self> {
        Some(match command {
            Command::Org(Org::Start(_)) | Command::Quickstart(_) | Command::Load(_) => return None,
            Command::Doctor(arguments) if arguments.mend => Self::Part,
            Command::Rotate(arguments) if arguments.dry_run => Self::Nothing,
            Command::Plan(_)
            | Command::Doctor(_)
            | Command::Audit(_)
            | Command::Schema
            | Command::Explain(_)
            | Command::Token(_)
            | Command::Whoami(_)
            | Command::Query(_)
            | Command::Get(_)
            | Command::Usage(_)
            | Command::Completions(_)
            | Command::AppUser(args::AppUser::List(_) | args::AppUser::Show(_))
            | Command::Credential(args::Credential::List(_))
            | Command::Role(args::Role::List(_) | args::Role::Show(_) | args::Role::Diff(_) | args::Role::Export(_))
            | Command::Subscriber(args::Subscriber::List(_)) => Self::Nothing,
            Command::Apply(_)
            | Command::AppUser(_)
            | Command::Credential(_)
            | Command::Role(_)
            | Command::Rotate(_)
            | Command::Subscriber(_)
            | Command::NonInteractive(_) => Self::Part,
            Command::Batch(_) => Self::Told,
            Command::Export(_) => Self::PartOfFile,
            Command::Init(_)
            | Command::Org(_)
            | Command::Login(_)
            | Command::Profile(_)
            | Command::Logout(_)
            | Command::Create(_)
            | Command::Update(_)
            | Command::Upsert(_)
            | Command::Delete(_)
            | Command::Call(_)
            | Command::Man(_) => Self::AllOrNothing,
        })
    }
}

/// Names what is left undone of a plan whose carrying out is dropped.
pub(crate) struct Undone<'a> {
    plan: &'a Plan,
    lines: &'a Lines,
    printer: Printer,
    is_over: bool,
}

impl<'a> Undone<'a> {
    pub(crate) fn of(plan: &'a Plan, lines: &'a Lines, printer: Printer) -> Self {
        Self { plan, lines, printer, is_over: false }
    }

    /// It was carried out, or failed: that is told elsewhere.
    pub(crate) fn end(mut self) {
        self.is_over = true;
    }
}

impl Drop for Undone<'_> {
    fn drop(&mut self) {
        let left: Vec<String> = self
            .plan
            .changes
            .iter()
            .filter(|change| change.is_change() && !self.lines.tells_of(&change.subject, change.place.org()))
            .map(|change| change.subject.replace('\n', "\\n"))
            .collect();
        if self.is_over || left.is_empty() {
            return;
        }
        let (named, more) = left.split_at(left.len().min(MOST));
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        self.printer.ask(&format!("not done, or not known to be: {}{more}", named.join(", ")));
    }
}
