//! `keyholder get`: one row.

use keyholder_client::Dataverse;
use keyholder_client::dataverse::Query;

use super::rows;
use crate::args::Get;
use crate::failure::Failure;
use crate::here::Asked;
use crate::printer::Printer;

pub(crate) async fn run(arguments: &Get, printer: Printer) -> Result<(), Failure> {
    rows::refuse_what_the_shell_ate(&arguments.path)?;
    let asked = Asked::find_as(&arguments.place, arguments.name.impersonate, printer).await?;
    let outcome = show(&asked.org, arguments, printer).await;
    asked.end().await;
    outcome
}

async fn show(org: &Dataverse, arguments: &Get, printer: Printer) -> Result<(), Failure> {
    if rows::is_bare(&arguments.path) {
        return rows::bare_at(org, &arguments.path, printer).await;
    }
    let query = Query::from(&arguments.path);
    let query = if arguments.annotations { query.annotated() } else { query };
    match org.get(query).await {
        Ok(row) => {
            if row.contains_key("@odata.nextLink") {
                printer.note("there are further pages: `keyholder query` reads all of them");
            }
            rows::show(&row, printer);
            Ok(())
        }
        Err(error) => Err(rows::refused(error, org).await),
    }
}
