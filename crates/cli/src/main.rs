//! The `keyholder` command: arguments in, words out.
//!
//! [`args`] is what was typed, [`settings`] what is meant, [`commands`] does it through the
//! libraries. Whatever a failure is, it ends as one message, hints and an exit code.

mod args;
mod commands;
mod csv;
mod exit;
mod failure;
mod here;
mod interruption;
mod issuers;
mod local;
mod outside;
mod printer;
mod profiles;
mod progress;
mod settings;
mod table;
mod waits;
mod wanted;
mod wrap;

use std::pin::Pin;
use std::process::ExitCode;

use args::{Arguments, Command, Output};
use clap::Parser;
use clap::error::ErrorKind;
use commands::explain_config::Asked;
use exit::Exit;
use failure::Failure;
use interruption::Leaves;
use printer::{Printer, Unread};

fn main() -> ExitCode {
    keyholder_platform::keep_few_heaps();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help goes to standard output, a complaint to standard error; nobody is left to
            // tell when neither can be written.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
                _ => Exit::Usage,
            }
            .into();
        }
    };
    let unread = match arguments.command {
        Command::Query(_) | Command::Get(_) | Command::Explain(_) => Unread::Ends,
        _ => Unread::GoesOn,
    };
    let printer = Printer::new(arguments.output, arguments.quiet, unread);
    if arguments.output == Output::Csv && !matches!(arguments.command, Command::Query(_) | Command::Usage(_)) {
        let message = "only rows are written as CSV: `--output csv` is for `keyholder query` and `keyholder usage`";
        let failure = Failure::new(Exit::Usage, message);
        printer.failure(&failure);
        return failure.exit().into();
    }
    let outcome = runtime(&arguments.command).and_then(|runtime| {
        // Erased, or every kind of runtime would be compiled with a copy of all commands.
        let work: Pin<Box<dyn Future<Output = Result<Exit, Failure>>>> = Box::pin(run(&arguments.command, printer));
        let outcome = runtime.block_on(work);
        // A thread that still reads standard input or a name server's answer must not hold us up.
        runtime.shutdown_background();
        outcome
    });
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            printer.failure(&failure);
            failure.exit().into()
        }
    }
}

/// A command that serves gets a thread for each processor, one that only asks makes do with its
/// own.
fn runtime(command: &Command) -> Result<tokio::runtime::Runtime, Failure> {
    let rehearses = match command {
        Command::Plan(arguments) => arguments.declared.local.is_some(),
        Command::Apply(arguments) => arguments.declared.local.is_some(),
        Command::Audit(arguments) => arguments.local.is_some(),
        Command::NonInteractive(arguments) => arguments.place().local.is_some(),
        Command::AppUser(arguments) => arguments.place().local.is_some(),
        Command::Credential(arguments) => arguments.place().local.is_some(),
        Command::Role(arguments) => arguments.place().local.is_some(),
        Command::Rotate(arguments) => arguments.declared.local.is_some(),
        Command::Subscriber(args::Subscriber::Add(arguments)) => arguments.place.local.is_some(),
        Command::Subscriber(args::Subscriber::List(arguments)) => arguments.local.is_some(),
        Command::Init(arguments) => arguments.local.is_some(),
        Command::Load(arguments) => arguments.place.local.is_some(),
        Command::Doctor(arguments) => arguments.mend,
        _ => false,
    };
    let serves = rehearses || matches!(command, Command::Quickstart(_) | Command::Org(args::Org::Start(_)));
    let mut builder = if serves {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    builder.enable_all().build().map_err(|error| {
        Failure::new(Exit::Failed, format!("the operating system does not let threads be made: {error}"))
    })
}

/// Runs a command to its end, or until somebody stops it.
async fn run(command: &Command, printer: Printer) -> Result<Exit, Failure> {
    if let Some(asked) = Asked::of(command) {
        return commands::explain_config::run(&asked, printer).await.map(|()| Exit::Done);
    }
    match Leaves::of(command) {
        None => perform(command, printer).await,
        Some(leaves) => {
            let mut stop = interruption::listen()?;
            interruption::unless_stopped(&mut stop, leaves, perform(command, printer)).await
        }
    }
}

async fn perform(command: &Command, printer: Printer) -> Result<Exit, Failure> {
    match command {
        Command::Plan(arguments) => return Box::pin(commands::plan::run(arguments, printer)).await,
        Command::Apply(arguments) => return Box::pin(commands::apply::run(arguments, printer)).await,
        Command::Audit(arguments) => return Box::pin(commands::audit::run(arguments, printer)).await,
        Command::Subscriber(arguments) => return Box::pin(commands::subscriber::run(arguments, printer)).await,
        Command::NonInteractive(arguments) => {
            return Box::pin(commands::non_interactive::run(arguments, printer)).await;
        }
        Command::Role(arguments) => return Box::pin(commands::role::run(arguments, printer)).await,
        Command::AppUser(arguments) => return Box::pin(commands::app_user::run(arguments, printer)).await,
        Command::Doctor(arguments) => return Box::pin(commands::doctor::run(arguments, printer)).await,
        Command::Explain(arguments) => return commands::explain::run(arguments, printer).await,
        Command::Rotate(arguments) => return Box::pin(commands::rotate::run(arguments, printer)).await,
        Command::Load(arguments) => return Box::pin(commands::load::run(arguments, printer)).await,
        Command::Credential(arguments) => Box::pin(commands::credential::run(arguments, printer)).await,
        Command::Quickstart(arguments) => Box::pin(commands::quickstart::run(arguments, printer)).await,
        Command::Init(arguments) => Box::pin(commands::init::run(arguments, printer)).await,
        Command::Schema => {
            commands::schema::run(printer);
            Ok(())
        }
        Command::Org(arguments) => commands::org::run(arguments, printer).await,
        Command::Login(arguments) => commands::login::run(arguments, printer).await,
        Command::Logout(arguments) => commands::logout::run(arguments, printer).await,
        Command::Profile(arguments) => commands::profile::run(arguments, printer).await,
        Command::Token(arguments) => commands::token::run(arguments, printer).await,
        Command::Whoami(arguments) => commands::whoami::run(arguments, printer).await,
        Command::Query(arguments) => commands::query::run(arguments, printer).await,
        Command::Get(arguments) => commands::get::run(arguments, printer).await,
        Command::Create(arguments) => commands::write::create(arguments, printer).await,
        Command::Update(arguments) => commands::write::update(arguments, printer).await,
        Command::Upsert(arguments) => commands::write::upsert(arguments, printer).await,
        Command::Delete(arguments) => commands::write::delete(arguments, printer).await,
        Command::Call(arguments) => commands::call::run(arguments, printer).await,
        Command::Batch(arguments) => commands::batch::run(arguments, printer).await,
        Command::Export(arguments) => commands::export::run(arguments, printer).await,
        Command::Usage(arguments) => commands::usage::run(arguments, printer).await,
        Command::Completions(arguments) => {
            commands::manual::completions(arguments, printer);
            Ok(())
        }
        Command::Man(arguments) => commands::manual::pages(arguments, printer),
    }
    .map(|()| Exit::Done)
}
