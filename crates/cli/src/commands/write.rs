//! `keyholder create`, `update`, `upsert` and `delete`: one row made, changed or removed.

use keyholder_client::dataverse::Change;

use super::apply::confirm_untold;
use super::rows::{self, Body};
use crate::args::{Create, Delete, Write};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Asked;
use crate::printer::Printer;

pub(crate) async fn create(arguments: &Create, printer: Printer) -> Result<(), Failure> {
    let set = &arguments.set_name;
    if set.contains(['(', '/', '?']) {
        let message = format!("`{set}` is no entity set: the org chooses where a new row is");
        return Err(Failure::new(Exit::Usage, message)
            .hint("name the set alone, `contacts`; `keyholder upsert` makes a row with an id or key of your own"));
    }
    let body = rows::body(&arguments.body, &arguments.place).await?;
    let change = returning(Change::create(set, &body), arguments.returning);
    let asked = Asked::find_as(&arguments.place, arguments.name.impersonate, printer).await?;
    let outcome = match asked.org.execute(&change).await {
        Ok(done) => {
            rows::tell(&done, "created", &rows::address(set, &done), printer);
            Ok(())
        }
        Err(error) => Err(rows::refused_change(error, &asked.org).await),
    };
    asked.end().await;
    outcome
}

pub(crate) async fn update(arguments: &Write, printer: Printer) -> Result<(), Failure> {
    write(arguments, |body| Change::update(&arguments.row, body), "updated", printer).await
}

pub(crate) async fn upsert(arguments: &Write, printer: Printer) -> Result<(), Failure> {
    write(arguments, |body| Change::upsert(&arguments.row, body), "upserted", printer).await
}

async fn write(
    arguments: &Write,
    change: impl FnOnce(&Body) -> Change,
    verb: &str,
    printer: Printer,
) -> Result<(), Failure> {
    let body = rows::body(&arguments.body, &arguments.place).await?;
    let change = returning(change(&body), arguments.returning);
    let change = if_match(change, arguments.if_match.as_deref());
    let asked = Asked::find_as(&arguments.place, arguments.name.impersonate, printer).await?;
    let outcome = match asked.org.settle(&change).await {
        Ok(done) => {
            rows::tell(&done, verb, &arguments.row.to_string(), printer);
            Ok(())
        }
        Err(error) => Err(rows::refused_change(error, &asked.org).await),
    };
    asked.end().await;
    outcome
}

pub(crate) async fn delete(arguments: &Delete, printer: Printer) -> Result<(), Failure> {
    let row = arguments.row.to_string();
    confirm_untold(arguments.yes, &format!("`{row}` would be deleted"), printer).await?;
    let change = if_match(Change::delete(&arguments.row), arguments.if_match.as_deref());
    let asked = Asked::find_as(&arguments.place, arguments.name.impersonate, printer).await?;
    let outcome = match asked.org.settle(&change).await {
        Ok(done) => {
            rows::tell(&done, "deleted", &row, printer);
            Ok(())
        }
        Err(error) => Err(rows::refused_change(error, &asked.org).await),
    };
    asked.end().await;
    outcome
}

fn returning(change: Change, wanted: bool) -> Change {
    if wanted { change.returning_row() } else { change }
}

fn if_match(change: Change, etag: Option<&str>) -> Change {
    match etag {
        Some(etag) => change.if_unchanged(etag),
        None => change,
    }
}
