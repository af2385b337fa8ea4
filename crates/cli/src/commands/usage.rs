//! `keyholder usage`: how much users ask for, against what they are entitled to.

mod local;
mod plot;
mod real;

use keyholder_org::{Entitled, Entitlement};

use crate::args::{self, Usage};
use crate::failure::Failure;
use crate::printer::Printer;

pub(crate) async fn run(arguments: &Usage, printer: Printer) -> Result<(), Failure> {
    let entitlement = match arguments.entitlement {
        args::Entitlement::Today => Entitlement::Today,
        args::Entitlement::Of2019 => Entitlement::Of2019,
    };
    let entitled = Entitled { entitlement, add_ons: arguments.add_ons };
    match &arguments.local {
        Some(folder) => local::run(folder, entitled, arguments.plot, printer).await,
        None => real::run(arguments, entitled, printer).await,
    }
}
