//! `keyholder query`: pages are printed as they arrive, so memory holds one.

use keyholder_client::dataverse::{self, Row};
use keyholder_client::{Dataverse, Page};

use super::rows;
use crate::args::Query;
use crate::csv::Csv;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Asked;
use crate::printer::{Printer, escaped};
use crate::table;

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
    let mut pages = org.query(query);
    let mut shown = Shown::new(arguments, printer);
    loop {
        match pages.next().await {
            Ok(Some(page)) => shown.page(&page)?,
            Ok(None) => break,
            Err(error) => return Err(rows::refused(error, org).await),
        }
    }
    shown.end();
    Ok(())
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
        if let Some(count) = page.count {
            self.printer.note(&match count {
                1 => "1 row in all".to_owned(),
                5_000.. => "5,000 rows in all or more: the Web API counts no further".to_owned(),
                _ => format!("{count} rows in all"),
            });
        }
        if self.printer.is_csv() {
            for line in self.csv.page(&page.rows)? {
                self.printer.values(&line);
            }
        } else if self.printer.is_json() {
            self.json(&page.rows);
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

    fn json(&self, rows: &[Row]) {
        for (at, row) in rows.iter().enumerate() {
            let text = serde_json::to_string(row).unwrap_or_default();
            let before = match (self.printer.is_jsonl(), self.rows + at) {
                (true, _) => "",
                (false, 0) => "[",
                (false, _) => ",",
            };
            self.printer.data(&format!("{before}{}", escaped(&text)));
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
