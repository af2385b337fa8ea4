//! The `keyholder` command: arguments in, words out.
//!
//! [`args`] is what was typed, [`settings`] what is meant, [`commands`] does it through the
//! libraries. Whatever a failure is, it ends as one message, hints and an exit code.

mod args;
mod commands;
mod exit;
mod failure;
mod issuers;
mod local;
mod printer;
mod progress;
mod settings;
mod table;

use std::process::ExitCode;

use args::{Arguments, Command};
use clap::Parser;
use clap::error::ErrorKind;
use exit::Exit;
use failure::Failure;
use printer::{Printer, Unread};

fn main() -> ExitCode {
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
        Command::Query(_) => Unread::Ends,
        _ => Unread::GoesOn,
    };
    let printer = Printer::new(arguments.output, arguments.quiet, unread);
    let outcome = runtime(&arguments.command).and_then(|runtime| {
        let outcome = runtime.block_on(run(&arguments.command, printer));
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
        Command::NonInteractive(arguments) => arguments.place().local.is_some(),
        Command::Init(arguments) => arguments.local.is_some(),
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

async fn run(command: &Command, printer: Printer) -> Result<Exit, Failure> {
    match command {
        Command::Plan(arguments) => return Box::pin(commands::plan::run(arguments, printer)).await,
        Command::Apply(arguments) => return Box::pin(commands::apply::run(arguments, printer)).await,
        Command::Quickstart(arguments) => Box::pin(commands::quickstart::run(arguments, printer)).await,
        Command::Init(arguments) => Box::pin(commands::init::run(arguments, printer)).await,
        Command::Schema => {
            commands::schema::run(printer);
            Ok(())
        }
        Command::Org(arguments) => commands::org::run(arguments, printer).await,
        Command::Login(arguments) => commands::login::run(arguments, printer).await,
        Command::Logout(arguments) => commands::logout::run(arguments, printer).await,
        Command::NonInteractive(arguments) => Box::pin(commands::non_interactive::run(arguments, printer)).await,
        Command::Token(arguments) => commands::token::run(arguments, printer).await,
        Command::Whoami(arguments) => commands::whoami::run(arguments, printer).await,
        Command::Query(arguments) => commands::query::run(arguments, printer).await,
        Command::Completions(arguments) => {
            commands::manual::completions(arguments, printer);
            Ok(())
        }
        Command::Man(arguments) => commands::manual::pages(arguments, printer),
    }
    .map(|()| Exit::Done)
}
