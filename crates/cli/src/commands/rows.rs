//! What the commands for rows share: the columns that were given, and the answers that are told.

use std::io::Read;
use std::path::Path;

use keyholder_client::dataverse::{Done, Row, RowRef, etag};
use keyholder_client::transport::is_loopback;
use keyholder_client::{Dataverse, Error};
use keyholder_service_users::declaration::nearest;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use url::Url;

use crate::args::{BodyFlags, Member, OrgPlace};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::printer::{Printer, visible};
use crate::table;

/// The longest body that is sent, in bytes: what the service takes in one request.
const LONGEST_BODY: u64 = 128 << 20;

/// A JSON object whose values stay as they were written: no number loses a digit.
pub(crate) type Body = std::collections::BTreeMap<String, Box<RawValue>>;

/// The columns that rows of a FetchXML document can have; none where the caller may not read, or the org does not have, the
/// table's definition: the first page's are taken then.
pub(crate) async fn columns_of_fetch(org: &Dataverse, document: &str) -> Result<Vec<String>, Failure> {
    match org.fetch_columns(document).await {
        Ok(columns) => Ok(columns),
        Err(Error::Dataverse(refusal)) if matches!(refusal.status, 400 | 403 | 404) => Ok(Vec::new()),
        Err(error) => Err(refused(error, org).await),
    }
}

/// The columns that `--data` and `--set` give.
pub(crate) async fn body(flags: &BodyFlags, place: &OrgPlace) -> Result<Body, Failure> {
    object(flags.data.as_deref(), &flags.set, place).await
}

/// The JSON object that a flag gives, with members of its own.
pub(crate) async fn object(data: Option<&str>, members: &[Member], place: &OrgPlace) -> Result<Body, Failure> {
    let mut body = match data {
        None => Body::new(),
        Some(data) => {
            let (source, text) = match data.strip_prefix('@') {
                Some(path) => (format!("`{path}`"), input(Path::new(path), place).await?),
                None if data == "-" => ("standard input".to_owned(), input(Path::new("-"), place).await?),
                None => ("`--data`".to_owned(), data.to_owned()),
            };
            serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
                let message = format!("{source} is no JSON object: {error}");
                Failure::new(Exit::BadData, message).hint("give the columns as `{\"name\": value, ...}`")
            })?
        }
    };
    for Member { name, value } in members {
        let value = RawValue::from_string(value.clone()).map_err(|_| {
            Failure::new(Exit::Usage, format!("`{name}={value}` has no JSON behind `=`"))
                .hint(format!("a text stands in double quotes: '{name}=\"{value}\"'"))
        })?;
        body.insert(name.clone(), value);
    }
    Ok(body)
}

/// What a file holds or, for `-`, what comes from standard input.
pub(crate) async fn input(path: &Path, place: &OrgPlace) -> Result<String, Failure> {
    if path != Path::new("-") {
        return Ok(keyholder_platform::read_bounded(path, LONGEST_BODY)?);
    }
    let caller = &place.connection.caller;
    if [&caller.client_secret_file, &caller.password_file].into_iter().flatten().any(|file| file == path) {
        let message = "standard input cannot be both a secret and what is sent";
        return Err(Failure::new(Exit::Usage, message).hint("give one of them in a file"));
    }
    // Aside, so that Ctrl-C is heard meanwhile; one more than fits, so that what is too long shows.
    let read = tokio::task::spawn_blocking(|| {
        let mut text = String::new();
        std::io::stdin().take(LONGEST_BODY + 1).read_to_string(&mut text).map(|_| text)
    });
    let text = read.await.map_err(std::io::Error::other).flatten();
    let text = text.map_err(|error| {
        Failure::new(Exit::BadData, format!("cannot read what is sent from standard input: {error}"))
    })?;
    if u64::try_from(text.len()).is_ok_and(|length| length > LONGEST_BODY) {
        let message = format!("standard input has more than {LONGEST_BODY} bytes: no request may be so long");
        return Err(Failure::new(Exit::BadData, message));
    }
    Ok(text)
}

/// Tells of a change: what was done, to which row, and the row where it was asked for.
pub(crate) fn tell(done: &Done, verb: &str, row: &str, printer: Printer) {
    printer.sentence(&format!("{verb} "), row);
    if let Some(row) = &done.row {
        printer.line(&columns(row));
    }
    let mut told = json!({ "done": verb, "row": row });
    if let Some(told) = told.as_object_mut() {
        told.extend(done.id.map(|id| ("id".to_owned(), json!(id))));
        told.extend(done.etag.as_ref().map(|etag| ("etag".to_owned(), json!(etag))));
        told.extend(done.row.as_ref().map(|row| ("value".to_owned(), json!(row))));
    }
    printer.json(&told);
}

/// The address of a row that was made, or of the one that was named.
pub(crate) fn address(set: &str, done: &Done) -> String {
    done.id.map_or_else(|| set.to_owned(), |id| RowRef::from((set, id)).to_string())
}

/// Prints one row, or an operation's result, each column in a line; rows inside it as a table.
pub(crate) fn show(row: &Row, printer: Printer) {
    match rows_in(row) {
        Some(rows) if !rows.is_empty() => printer.line(&table::of(&rows, false, table::width()).text),
        Some(_) => printer.note("no rows"),
        None => printer.line(&columns(row)),
    }
    printer.json(&Value::Object(row.clone()));
}

/// The rows of an answer that is a collection.
fn rows_in(answer: &Row) -> Option<Vec<Row>> {
    let rows = answer.get("value")?.as_array()?;
    rows.iter().map(|row| row.as_object().cloned()).collect()
}

/// A row with what people read behind each value that has such a text.
pub(crate) fn with_labels(row: &Row) -> Row {
    let labelled = |name: &String, value: &Value| match label(row, name, value) {
        Some(label) => Value::String(format!("{} ({label})", table::words(value))),
        None => value.clone(),
    };
    row.iter().map(|(name, value)| (name.clone(), labelled(name, value))).collect()
}

/// What people read instead of a value, where the org has told it and it is another text.
fn label<'r>(row: &'r Row, name: &str, value: &Value) -> Option<&'r str> {
    keyholder_client::dataverse::formatted_value(row, name).filter(|label| value.as_str() != Some(label))
}

/// The columns that hold something, one below the other, with what people read instead of their values where the org
/// has told it.
fn columns(row: &Row) -> String {
    let told: Vec<(&str, String)> = row
        .iter()
        .filter(|(name, value)| !name.contains('@') && !value.is_null())
        .map(|(name, value)| {
            let label = label(row, name, value);
            (
                name.as_str(),
                format!("{}{}", table::words(value), label.map(|it| format!("  ({it})")).unwrap_or_default()),
            )
        })
        .collect();
    let widest = told.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let version = etag(row).map(|etag| format!("{:<widest$}  {etag}", "etag"));
    // A value of several lines stays one value: its further lines stand below the first.
    let indent = format!("\n{}", " ".repeat(widest + 2));
    let lines =
        told.iter().map(|(name, value)| format!("{name:<widest$}  {}", value.trim_end().replace('\n', &indent)));
    lines.chain(version).collect::<Vec<_>>().join("\n")
}

/// A refused request as a failure. A local org has fewer tables than a real one may: whoever asks for another is told
/// how it gets there, and of the one that may have been meant.
pub(crate) async fn refused(error: Error, org: &Dataverse) -> Failure {
    let here = Url::parse(org.scope()).is_ok_and(|org| is_loopback(&org));
    let said = error.to_string();
    let unknown = said.split_once("Resource not found for the segment '").filter(|_| error.is_missing());
    let failure = Failure::from(error);
    let Some((_, rest)) = unknown.filter(|_| here) else { return failure };
    // What it has is a help, and no more: without it the refusal is told all the same.
    let document = org.get("").await.unwrap_or_default();
    let sets = document.get("value").and_then(Value::as_array).into_iter().flatten();
    let sets: Vec<&str> = sets.filter_map(|set| set.get("name")?.as_str()).collect();
    let meant = nearest(rest.split('\'').next().unwrap_or_default(), sets);
    let failure = match meant {
        Some(meant) => failure.hint(format!("did you mean `{meant}`?")),
        None => failure,
    };
    failure.hint(
        "its service document (GET /api/data/v9.2/) lists what this local org has; the tables of a real org come with \
         `keyholder org import-schema` from its metadata document",
    )
}

/// The same for a change, which may have been carried out although no answer came.
pub(crate) async fn refused_change(error: Error, org: &Dataverse) -> Failure {
    let is_unsure = error.fate_is_unknown();
    let failure = refused(error, org).await;
    if is_unsure { failure.hint("it may have been done all the same: look before you run it again") } else { failure }
}

/// In double quotes, or none, a shell takes `$top` for a variable of its own and leaves `?=3`.
pub(crate) fn refuse_what_the_shell_ate(query: &str) -> Result<(), Failure> {
    let options = query.split_once('?').map(|(_, options)| options).unwrap_or_default();
    if options.split('&').any(|option| option.starts_with('=')) {
        let message = format!("`{query}` has an option without a name: the shell has replaced its `$` word");
        return Err(Failure::new(Exit::Usage, message).hint("put the query in single quotes: 'contacts?$top=3'"));
    }
    Ok(())
}

/// An answer that is a bare value and no JSON, such as a count's: a text, or what a file holds, byte for byte.
pub(crate) async fn bare_at(org: &Dataverse, path: &str, printer: Printer) -> Result<(), Failure> {
    let answer = match org.send(http::Method::GET, path, None).await {
        Ok(answer) => answer,
        Err(error) => return Err(refused(error, org).await),
    };
    let kind = answer.headers().get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("text/") && !kind.contains("json") {
        return printer.contents(answer.body()).map_err(|_| {
            let message = format!("`{path}` holds a file ({kind}), which a terminal cannot show");
            Failure::new(Exit::Usage, message).hint("send it to a file: add `> FILE`")
        });
    }
    let text = String::from_utf8_lossy(answer.body());
    printer.data(&visible(text.trim_start_matches('\u{feff}').trim()));
    Ok(())
}

/// Whether the path asks for a bare value instead of JSON.
pub(crate) fn is_bare(query: &str) -> bool {
    query.split('?').next().is_some_and(|path| path.ends_with("/$count") || path.ends_with("/$value"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_behind_their_values() {
        let row: Row = serde_json::from_value(json!({
            "statecode": 0, "statecode@OData.Community.Display.V1.FormattedValue": "Active",
            "name": "Contoso", "name@OData.Community.Display.V1.FormattedValue": "Contoso",
        }))
        .unwrap();
        let told = with_labels(&row);
        assert_eq!((&told["statecode"], &told["name"]), (&json!("0 (Active)"), &json!("Contoso")));
    }

    #[test]
    fn a_row_is_told_column_by_column() {
        let row: Row = serde_json::from_value(json!({
            "@odata.etag": "W/\"17\"", "name": "Contoso", "fax": null, "description": "one\ntwo",
            "statecode": 0, "statecode@OData.Community.Display.V1.FormattedValue": "Active",
        }))
        .unwrap();
        let expected = "name         Contoso\ndescription  one\n             two\nstatecode    0  (Active)\n\
                        etag         W/\"17\"";
        assert_eq!(columns(&row), expected);
    }
}
