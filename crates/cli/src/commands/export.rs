//! `keyholder export`: rows to a file, page by page; a run that was stopped is gone on with.

mod form;
mod journal;
mod members;

use std::fs::File;
use std::path::Path;

use keyholder_client::dataverse;
use keyholder_client::{Dataverse, Patience};
use serde_json::json;

use self::form::Form;
use self::journal::{Files, Journal, Left, Wish};
use super::rows;
use crate::args::{Export, Format};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::here::Asked;
use crate::printer::Printer;

/// What is done about an export that ended before its end.
const GOES_ON: &str = "run the same command again, and it goes on behind them";

pub(crate) async fn run(arguments: &Export, printer: Printer) -> Result<(), Failure> {
    if arguments.output_file == Path::new("-") {
        let message = "an export cannot go to standard output: it is gone on with by its file";
        return Err(Failure::new(Exit::Usage, message)
            .hint("`keyholder query` prints rows as they arrive, with `--output csv` or `--output jsonl`")
            .hint("a file that is called `-` is named `./-`"));
    }
    let format = format_of(arguments)?;
    let query = query_of(arguments)?;
    let document = match &arguments.fetch {
        Some(file) => Some(rows::input(file, &arguments.place).await?),
        None => None,
    };
    let files = Files::lock(&arguments.output_file, arguments.overwrite)?;
    files.check_output(arguments.restart)?;
    if arguments.restart {
        files.forget()?;
    }
    let asked = Asked::find_as(&arguments.place, arguments.name.impersonate, printer).await?;
    let outcome = export(&asked.org, Job { arguments, format, query, document, files, printer }).await;
    asked.end().await;
    outcome
}

fn format_of(arguments: &Export) -> Result<Format, Failure> {
    let ending = arguments.output_file.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    let by_name = match ending.as_deref() {
        Some("csv") => Some(Format::Csv),
        Some("jsonl" | "ndjson") => Some(Format::Jsonl),
        Some("json") => Some(Format::Json),
        _ => None,
    };
    arguments.format.or(by_name).ok_or_else(|| {
        let message = format!("the name `{}` does not say which form the file has", arguments.output_file.display());
        Failure::new(Exit::Usage, message).hint("let it end in .csv, .jsonl or .json, or say it with `--format`")
    })
}

/// The query as it was typed, with the columns that `--select` names.
fn query_of(arguments: &Export) -> Result<Option<String>, Failure> {
    let Some(query) = &arguments.query else { return Ok(None) };
    let usage = |message: String| Failure::new(Exit::Usage, message);
    rows::refuse_what_the_shell_ate(query)?;
    if rows::is_bare(query) {
        return Err(usage(format!("`{query}` has no rows to export")).hint("`keyholder query` prints a single value"));
    }
    let select = &arguments.select;
    if let Some(odd) = select.iter().find(|name| name.is_empty() || !name.chars().all(is_of_a_name)) {
        return Err(usage(format!("`--select` has `{odd}` where the name of a column belongs")));
    }
    if arguments.fetch.is_some() {
        if query.contains(['?', '(', '/']) {
            return Err(usage(format!("`{query}` is no entity set, and FetchXML is asked of one"))
                .hint("leave it out: the org knows the set of the document's table"));
        }
        return Ok(Some(query.clone()));
    }
    if select.is_empty() {
        return Ok(Some(query.clone()));
    }
    let options = query.split_once('?').map(|(_, options)| options).unwrap_or_default();
    if options.split('&').any(|option| option.trim_start().starts_with("$select=")) {
        return Err(
            usage("the query has a `$select`, and `--select` is given too".to_owned()).hint("leave one of them out")
        );
    }
    let sign = if query.contains('?') { '&' } else { '?' };
    Ok(Some(format!("{query}{sign}$select={}", select.join(","))))
}

fn is_of_a_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// What is to be done.
struct Job<'a> {
    arguments: &'a Export,
    format: Format,
    query: Option<String>,
    document: Option<String>,
    files: Files,
    printer: Printer,
}

async fn export(org: &Dataverse, job: Job<'_>) -> Result<(), Failure> {
    let arguments = job.arguments;
    let query = match (&job.query, &job.document) {
        (Some(set), Some(document)) => dataverse::Query::fetch_xml(set, document),
        (None, Some(document)) => match org.fetch(document).await {
            Ok(query) => query,
            Err(error) => return Err(rows::refused(error, org).await),
        },
        (query, None) => dataverse::Query::from(query.as_deref().unwrap_or_default()),
    };
    let caller = org.who_am_i().await?.user_id.to_string();
    let wish = Wish {
        org: org.scope().trim_end_matches("/.default").to_owned(),
        caller,
        query: query.to_string(),
        format: job.format.as_str().to_owned(),
        select: arguments.select.clone(),
        annotations: arguments.annotations,
        page_size: arguments.page_size,
    };
    let query = if arguments.annotations { query.annotated() } else { query };
    let query = arguments.page_size.map_or(query.clone(), |rows| query.page_size(rows));
    let (mut journal, file) = match job.files.open(&wish)? {
        Left::Whole(journal) => (journal, None),
        Left::Open(journal, file) => (journal, Some(*file)),
    };
    let before = journal.rows;
    if before > 0 {
        job.printer.note(&format!("going on behind {before} rows that an earlier run has got"));
    }
    if let Some(file) = file
        && let Err(failure) = write(org, &job, query, file, &mut journal).await
    {
        job.files.take_back(&journal);
        return Err(to_be_gone_on_with(failure, &journal, job.files.part()));
    }
    let printer = job.printer;
    job.files.end(&mut journal)?;
    let shown = arguments.output_file.display().to_string();
    printer.sentence("exported    ", &format!("{} rows to {shown} ({} bytes)", journal.rows, journal.bytes));
    printer.json(&json!({
        "exported": shown,
        "format": job.format.as_str(),
        "rows": journal.rows,
        "bytes": journal.bytes,
        "rowsOfEarlierRuns": before,
    }));
    Ok(())
}

/// Writes the rows that are missing, and the end.
async fn write(
    org: &Dataverse,
    job: &Job<'_>,
    query: dataverse::Query,
    mut file: File,
    journal: &mut Journal,
) -> Result<(), Failure> {
    let (select, annotations) = (&job.arguments.select, job.arguments.annotations);
    let mut form = Form::new(job.format, select, annotations, journal.rows, journal.columns.clone());
    if let Some(document) = &job.document
        && job.format == Format::Csv
        && select.is_empty()
        && journal.columns.is_none()
    {
        form = form.expecting(rows::columns_of_fetch(org, document).await?);
    }
    let rest = |journal: &Journal| match &journal.next {
        Some(bookmark) => Some(org.query_from(query.clone(), bookmark)),
        // The last page is in the file already, and its end is missing.
        None if journal.pages > 0 => None,
        None => Some(org.query(query.clone())),
    };
    let patience = Patience::new(job.arguments.wait);
    let (mut left, mut asked) = (patience.clone(), rest(journal));
    while let Some(pages) = &mut asked {
        let page = match pages.next_text().await {
            Ok(Some(page)) => page,
            Ok(None) => break,
            Err(error) => match left.wait(org.http(), &error) {
                Some(wait) => {
                    org.http().sleep(wait).await;
                    asked = rest(journal);
                    continue;
                }
                None if error.may_pass() => {
                    let failure = rows::refused(error, org).await;
                    return Err(behind_what_is_there(failure, journal, job.files.part()));
                }
                None => return Err(rows::refused(error, org).await),
            },
        };
        left = patience.clone();
        let next = pages.bookmark();
        if next.is_none() && !pages.is_over() {
            // What follows cannot be asked for: the page is not taken for the last one.
            let error = pages.next_text().await.err();
            let unknown = || Failure::new(Exit::Failed, "the org does not say where the result goes on");
            return Err(error.map_or_else(unknown, Failure::from));
        }
        let text = form.page(page.rows())?;
        // What the journal cannot say yet is not counted.
        let mut ahead = journal.clone();
        ahead.rows += page.len() as u64;
        ahead.pages += 1;
        (ahead.next, ahead.columns) = (next, form.columns());
        job.files.add(&mut file, &text, &mut ahead)?;
        *journal = ahead;
        job.printer.progress(&json!({"rows": journal.rows, "bytes": journal.bytes, "pages": journal.pages}));
    }
    job.files.close(&mut file, &form.end(), journal)
}

fn to_be_gone_on_with(failure: Failure, journal: &Journal, part: &Path) -> Failure {
    // Bad data stays as it is.
    if failure.exit() == Exit::BadData { failure } else { behind_what_is_there(failure, journal, part) }
}

fn behind_what_is_there(failure: Failure, journal: &Journal, part: &Path) -> Failure {
    if journal.rows == 0 || failure.hints().iter().any(|hint| hint.ends_with(GOES_ON)) {
        return failure;
    }
    failure.hint(format!("{} rows are in `{}`: {GOES_ON}", journal.rows, part.display()))
}
