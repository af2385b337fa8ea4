//! `keyholder usage`: how much users ask for, against what they are entitled to.

mod days;
mod local;
mod outlook;
mod plot;
mod real;
mod report;
mod shown;

use keyholder_org::{DAYS_TOLD, Entitled, Entitlement};

use crate::args::{self, Usage};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;

pub(crate) async fn run(arguments: &Usage, printer: Printer) -> Result<(), Failure> {
    let entitlement = match arguments.entitlement {
        args::Entitlement::Today => Entitlement::Today,
        args::Entitlement::Of2019 => Entitlement::Of2019,
    };
    let days = arguments.days.unwrap_or(DAYS_TOLD);
    let entitled = Entitled { entitlement, add_ons: arguments.add_ons, days };
    let told = match (&arguments.local, &arguments.report) {
        (Some(folder), _) => local::told(folder, entitled).await?,
        (None, Some(file)) => report::told(file, days)?,
        (None, None) if printer.is_csv() => {
            let failure = Failure::new(Exit::Usage, "a real org tells of no day, so there are no rows for CSV");
            return Err(failure.hint("give `--local`, or `--report FILE` with the report of an administrator"));
        }
        (None, None) => return real::run(arguments, entitled, printer).await,
    };
    shown::show(told, arguments, printer)
}
