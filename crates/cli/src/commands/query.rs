//! `keyholder query`: pages are printed as they arrive, so memory holds two: while one is printed, the next comes.

use std::borrow::Cow;

use futures::future::join;
use keyholder_client::dataverse::{self, TextPage};
use keyholder_client::{Dataverse, Error, Page};

use super::rows;
use crate::args::Query;
use crate::csv::Csv;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Asked;
use crate::printer::{Printer, escaped};
use crate::table;

/// How many bytes of rows are printed with one write.
const WRITTEN_AT_ONCE: usize = 64 << 10;

pub(crate) async fn run(arguments: &Query, printer: Printer) -> Result<(), Failure> {
    let query = arguments.query.as_deref().unwrap_or_default();
    rows::refuse_what_the_shell_ate(query)?;
    let document = match &arguments.fetch {
        Some(_) if query.contains(['?', '(', '/']) => {
            return Err(Failure::new(Exit::Usage, format!("`{query}` is no entity set, and FetchXML is asked of one"))
                .hint("leave it out: the org knows the set of the document's table"));
        }
        Some(file) => Some(rows::input(file, &arguments.place).await?),
        None => None,
    };
    let asked = Asked::find_as(&arguments.place, arguments.name.impersonate, printer).await?;
    let outcome = show(&asked.org, arguments, document.as_deref(), printer).await;
    asked.end().await;
    outcome
}

async fn show(org: &Dataverse, arguments: &Query, document: Option<&str>, printer: Printer) -> Result<(), Failure> {
    let query = match (arguments.query.as_deref(), document) {
        (Some(set), Some(document)) => dataverse::Query::fetch_xml(set, document),
        (None, Some(document)) => match org.fetch(document).await {
            Ok(query) => query,
            Err(error) => return Err(rows::refused(error, org).await),
        },
        (query, None) => {
            let query = query.unwrap_or_default();
            if rows::is_bare(query) {
                return rows::bare_at(org, query, printer).await;
            }
            dataverse::Query::from(query)
        }
    };
    let query = if arguments.annotations { query.annotated() } else { query };
    let mut shown = Shown::new(arguments, printer);
    if let Some(document) = document.filter(|_| printer.is_csv()) {
        let expected = rows::columns_of_fetch(org, document).await?;
        shown.csv = shown.csv.expecting(expected);
    }
    let mut pages = org.query(query);
    // Nothing is read in rows that are printed as JSON: they stand as the org wrote them.
    if printer.is_json() {
        let print = |page: TextPage| {
            shown.count(page.count);
            shown.json(page.rows());
            Ok(())
        };
        all(org, async || pages.next_text().await, print).await?;
    } else {
        all(org, async || pages.next().await, |page| shown.page(&page)).await?;
    }
    shown.end();
    Ok(())
}

/// Prints every page, each after the next one has been asked for.
async fn all<P>(
    org: &Dataverse,
    mut next: impl AsyncFnMut() -> Result<Option<P>, Error>,
    mut print: impl FnMut(P) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut page = next().await;
    loop {
        let this = match page {
            Ok(Some(this)) => this,
            Ok(None) => return Ok(()),
            Err(error) => return Err(rows::refused(error, org).await),
        };
        let printed = async {
            // On one thread the request goes out meanwhile.
            tokio::task::yield_now().await;
            print(this)
        };
        let (following, printed) = join(next(), printed).await;
        printed?;
        page = following;
    }
}

/// The same JSON without the ends of lines, which stand between its texts alone.
fn on_one_line(json: &str) -> Cow<'_, str> {
    let is_between = |character: char| matches!(character, '\n' | '\r' | '\t');
    if json.contains(is_between) { json.replace(is_between, " ").into() } else { json.into() }
}

/// What has been shown of a result.
struct Shown {
    printer: Printer,
    csv: Csv,
    /// Whether what people read is told beside the values.
    annotations: bool,
    /// Whether the query names the columns that it wants.
    selects: bool,
    rows: usize,
    /// How many columns had no room.
    hidden: usize,
}

impl Shown {
    fn new(arguments: &Query, printer: Printer) -> Self {
        let (csv, selects) = (
            Csv::new(arguments.annotations),
            arguments.query.as_deref().is_some_and(|query| query.contains("$select")),
        );
        Self { printer, csv, annotations: arguments.annotations, selects, rows: 0, hidden: 0 }
    }

    fn page(&mut self, page: &Page) -> Result<(), Failure> {
        self.count(page.count);
        if self.printer.is_csv() {
            let lines = self.csv.page(&page.rows)?;
            if !lines.is_empty() {
                self.printer.values(&lines.join("\n"));
            }
        } else {
            let rows =
                if self.annotations { page.rows.iter().map(rows::with_labels).collect() } else { page.rows.clone() };
            let table = table::of(&rows, self.selects, table::width());
            self.hidden = self.hidden.max(table.hidden);
            if !page.rows.is_empty() {
                self.printer.line(&table.text);
            }
        }
        self.rows += page.rows.len();
        Ok(())
    }

    fn count(&self, count: Option<u64>) {
        let Some(count) = count else { return };
        self.printer.note(&match count {
            1 => "1 row in all".to_owned(),
            5_000.. => "5,000 rows in all or more: the Web API counts no further".to_owned(),
            _ => format!("{count} rows in all"),
        });
    }

    /// Rows that are the texts of JSON objects, each on a line.
    fn json<'a>(&mut self, rows: impl Iterator<Item = &'a str>) {
        let mut lines = String::new();
        for row in rows {
            if lines.len() >= WRITTEN_AT_ONCE {
                self.printer.data(&lines);
                lines.clear();
            } else if !lines.is_empty() {
                lines.push('\n');
            }
            lines.push_str(match (self.printer.is_jsonl(), self.rows) {
                (true, _) => "",
                (false, 0) => "[",
                (false, _) => ",",
            });
            lines.push_str(&escaped(&on_one_line(row)));
            self.rows += 1;
        }
        if !lines.is_empty() {
            self.printer.data(&lines);
        }
    }

    fn end(&self) {
        // Each line of JSON lines is a row by itself.
        let is_document = self.printer.is_json() && !self.printer.is_jsonl();
        match (is_document, self.rows) {
            (true, 0) => self.printer.data("[]"),
            (true, _) => self.printer.data("]"),
            (false, 0) if !self.printer.is_json() => self.printer.note("no rows"),
            _ => {}
        }
        if self.hidden > 0 {
            self.printer.note(&format!(
                "{} more columns have values: name those you want with $select, or use --output json",
                self.hidden
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_the_org_wrote_on_several_lines_is_one_line() {
        let row = "{\r\n\t\"a\": \"x\\ny\",\n \"b\": 1.10}";
        assert_eq!(on_one_line(row), "{   \"a\": \"x\\ny\",  \"b\": 1.10}");
        assert!(matches!(on_one_line("{\"a\":\"ä\"}"), Cow::Borrowed(_)));
    }
}
