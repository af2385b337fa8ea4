//! `keyholder query`: pages are printed as they arrive, so memory holds one.

use crate::args::Query;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::connect;
use crate::table;

pub(crate) async fn run(arguments: &Query, printer: Printer) -> Result<(), Failure> {
    let org = connect(&arguments.connection, printer).await?;
    let mut pages = org.query(&arguments.query);
    let (mut shown, mut hidden) = (0, 0);
    while let Some(page) = pages.next().await? {
        if printer.is_json() {
            for row in &page.rows {
                let text = serde_json::to_string(row).unwrap_or_default();
                printer.data(&format!("{}{text}", if shown == 0 { "[" } else { "," }));
                shown += 1;
            }
            continue;
        }
        if let Some(count) = page.count {
            printer.note(&format!("{count} rows in all"));
        }
        let table = table::of(&page.rows, arguments.query.contains("$select"), table::width());
        hidden = hidden.max(table.hidden);
        shown += page.rows.len();
        if !page.rows.is_empty() {
            printer.line(&table.text);
        }
    }
    match (printer.is_json(), shown) {
        (true, 0) => printer.data("[]"),
        (true, _) => printer.data("]"),
        (false, 0) => printer.note("no rows"),
        (false, _) => {}
    }
    if hidden > 0 {
        printer.note(&format!(
            "{hidden} more columns have values: name those you want with $select, or use --output json"
        ));
    }
    Ok(())
}
