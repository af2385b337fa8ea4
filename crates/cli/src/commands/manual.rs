//! `keyholder completions` and `keyholder man`: the command line described to shells and to `man`,
//! from the same definition that reads it.

use clap::CommandFactory;

use crate::args::{Arguments, Completions, Man};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

const NAME: &str = "keyholder";

/// Prints the script for a shell.
pub(crate) fn completions(arguments: &Completions, printer: Printer) {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), NAME, &mut script);
    printer.data(String::from_utf8_lossy(&script).trim_end());
}

/// Writes a page for the program and one for each of its commands.
pub(crate) fn pages(arguments: &Man, printer: Printer) -> Result<(), Failure> {
    let folder = &arguments.folder;
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Arguments::command().disable_help_subcommand(true), folder))
        .map_err(|error| {
            Failure::new(Exit::CannotCreate, format!("cannot write manual pages to `{}`: {error}", folder.display()))
        })?;
    printer.line(&format!("wrote the manual pages to {}", folder.display()));
    printer.json(&serde_json::json!({ "folder": folder }));
    Ok(())
}
