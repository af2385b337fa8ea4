//! `keyholder query`: pages are printed as they arrive, so memory holds one.

use http::Method;
use keyholder_client::Error;
use keyholder_client::transport::is_loopback;
use url::Url;

use crate::args::Query;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings::connect;
use crate::table;

pub(crate) async fn run(arguments: &Query, printer: Printer) -> Result<(), Failure> {
    refuse_what_the_shell_ate(&arguments.query)?;
    let org = connect(&arguments.connection, printer).await?;
    if arguments.query.split('?').next().is_some_and(|path| path.ends_with("/$count")) {
        let answer = org.send(Method::GET, &arguments.query, None).await?;
        let text = String::from_utf8_lossy(answer.body());
        printer.data(text.trim_start_matches('\u{feff}').trim());
        return Ok(());
    }
    let mut pages = org.query(&arguments.query);
    let (mut shown, mut hidden) = (0, 0);
    while let Some(page) = pages.next().await.map_err(|error| unknown_table(error, org.scope()))? {
        if printer.is_json() {
            for row in &page.rows {
                let text = serde_json::to_string(row).unwrap_or_default();
                printer.data(&format!("{}{text}", if shown == 0 { "[" } else { "," }));
                shown += 1;
            }
            continue;
        }
        if let Some(count) = page.count {
            printer.note(&match count {
                1 => "1 row in all".to_owned(),
                5_000.. => "5,000 rows in all or more: the Web API counts no further".to_owned(),
                _ => format!("{count} rows in all"),
            });
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

/// A local org has far fewer tables than a real one: whoever asks for another is told.
fn unknown_table(error: Error, org: &str) -> Failure {
    let here = Url::parse(org).is_ok_and(|org| is_loopback(&org));
    let unknown = error.is_missing() && error.to_string().contains("Resource not found for the segment");
    let failure = Failure::from(error);
    if here && unknown {
        return failure.hint(
            "the local org has the tables that docs/local-org.md lists, such as contacts and accounts, and no others",
        );
    }
    failure
}

/// In double quotes, or none, a shell takes `$top` for a variable of its own and leaves `?=3`.
fn refuse_what_the_shell_ate(query: &str) -> Result<(), Failure> {
    let options = query.split_once('?').map(|(_, options)| options).unwrap_or_default();
    if options.split('&').any(|option| option.starts_with('=')) {
        let message = format!("`{query}` has an option without a name: the shell has replaced its `$` word");
        return Err(Failure::new(Exit::Usage, message).hint("put the query in single quotes: 'contacts?$top=3'"));
    }
    Ok(())
}
