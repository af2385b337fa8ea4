//! Rows as CSV (RFC 4180): the first page's columns make the header.

use keyholder_client::dataverse::Row;
use serde_json::Value;

use crate::exit::Exit;
use crate::failure::Failure;

/// What people read of a value, and of a lookup the table that it leads to. Other annotations have no column of their own.
const LABEL: &str = "OData.Community.Display.V1.FormattedValue";
const TABLE: &str = "Microsoft.Dynamics.CRM.lookuplogicalname";

/// What the header has, once there is one.
#[derive(Debug, Default)]
pub(crate) struct Csv {
    columns: Option<Vec<String>>,
    /// Columns that the rows may have, whatever the first page has.
    expected: Vec<String>,
    /// Whether what is noted beside the values is wanted too.
    annotations: bool,
    rows: usize,
}

impl Csv {
    pub(crate) fn new(annotations: bool) -> Self {
        Self { annotations, ..Self::default() }
    }

    /// The same with these columns first, whatever the first page has.
    pub(crate) fn expecting(self, expected: Vec<String>) -> Self {
        Self { expected, ..self }
    }

    /// The lines of a page, the header before those of the first.
    ///
    /// # Errors
    /// A row has a column that none of the first page's rows had.
    pub(crate) fn page(&mut self, rows: &[Row]) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::with_capacity(rows.len() + 1);
        let is_wanted = |name: &&String| !name.contains('@');
        if self.columns.is_none() && !rows.is_empty() {
            let columns = joined(&self.expected, rows.iter().flat_map(Row::keys).filter(is_wanted).map(String::as_str));
            let columns = if self.annotations { with_notes(columns) } else { columns };
            lines.push(header(&columns));
            self.columns = Some(columns);
        }
        let Some(columns) = &self.columns else { return Ok(lines) };
        for row in rows {
            self.rows += 1;
            if let Some(name) = row.keys().filter(is_wanted).find(|name| !columns.contains(name)) {
                return Err(stray(self.rows as u64, name).hint(
                    "name the columns in the query, with $select or <attribute>, or take lines of JSON (jsonl)",
                ));
            }
            let cells = columns.iter().map(|name| row.get(name).map(cell).unwrap_or_default());
            lines.push(cells.collect::<Vec<_>>().join(","));
        }
        Ok(lines)
    }
}

/// Columns that are expected, and behind them those that are found beside them, each once.
pub(crate) fn joined<'a>(expected: &'a [String], found: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut known = std::collections::HashSet::new();
    let all = expected.iter().map(String::as_str).chain(found);
    all.filter(|name| known.insert(*name)).map(str::to_owned).collect()
}

/// These columns, each with those of its annotations. They are the same whatever the rows have: what is nothing has no
/// annotation, so the first page does not tell which come later.
pub(crate) fn with_notes(columns: Vec<String>) -> Vec<String> {
    let mut all = Vec::with_capacity(columns.len() * 2);
    for column in columns {
        let label = format!("{column}@{LABEL}");
        let is_lookup = column.starts_with('_') && column.ends_with("_value");
        let table = is_lookup.then(|| format!("{column}@{TABLE}"));
        all.extend([column, label]);
        all.extend(table);
    }
    all
}

/// The line above all rows.
pub(crate) fn header(columns: &[String]) -> String {
    columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(",")
}

/// A row has a column for which the header has no place.
pub(crate) fn stray(row: u64, name: &str) -> Failure {
    let message = format!("row {row} has the column `{name}`, which the header does not have");
    Failure::new(Exit::BadData, message)
}

/// Nothing is an empty cell, an empty text `""`; rows inside the row stand as JSON.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => self::text(text),
        other => quoted(&other.to_string()),
    }
}

/// A text that is a value: an empty one is not nothing.
pub(crate) fn text(text: &str) -> String {
    if text.is_empty() { "\"\"".to_owned() } else { quoted(text) }
}

pub(crate) fn quoted(text: &str) -> String {
    let is_plain = !text.contains([',', '"', '\n', '\r']) && text.trim() == text;
    if is_plain { text.to_owned() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(values: Value) -> Vec<Row> {
        serde_json::from_value(values).unwrap()
    }

    #[test]
    fn what_stands_in_a_cell_stays_in_it() {
        let mut csv = Csv::new(false);
        let page = rows(json!([
            {"@odata.etag": "W/1", "name": "a,\"b\"\nc", "n": 1.5, "x@y": "no", "none": null, "empty": "", "is": true},
            {"name": " d ", "n": null, "none": null, "empty": "ä", "is": false},
        ]));
        let lines = csv.page(&page).unwrap();
        let expected = ["name,n,none,empty,is", "\"a,\"\"b\"\"\nc\",1.5,,\"\",true", "\" d \",,,ä,false"];
        assert_eq!(lines, expected);
        assert_eq!(csv.page(&rows(json!([{"is": false}]))).unwrap(), [",,,,false"], "one header for all pages");
        assert!(csv.page(&rows(json!([{"more": 1}]))).unwrap_err().message().contains("row 4 has the column `more`"));
    }

    #[test]
    fn columns_that_are_expected_have_their_place_whatever_the_first_page_has() {
        let mut csv = Csv::new(false).expecting(vec!["b".to_owned(), "c".to_owned()]);
        let lines = csv.page(&rows(json!([{"a": 1, "b": 2}]))).unwrap();
        assert_eq!(lines, ["b,c,a", "2,,1"]);
        assert_eq!(csv.page(&rows(json!([{"c": 3}]))).unwrap(), [",3,"]);
    }

    #[test]
    fn annotations_are_columns_where_they_are_wanted() {
        let (label, table) = (format!("@{LABEL}"), format!("@{TABLE}"));
        let first = rows(json!([{"@odata.etag": "W/1", "s": null, "_l_value": null}]));
        let second = rows(json!([{
            "s": 0, (format!("s{label}")): "Active", "s@other": "x",
            "_l_value": "1", (format!("_l_value{label}")): "Contoso", (format!("_l_value{table}")): "account",
        }]));
        let mut csv = Csv::new(true);
        let header = format!("s,s{label},_l_value,_l_value{label},_l_value{table}");
        let lines = csv.page(&first).unwrap();
        // A row's members come in their order or in that of their names.
        let names: Vec<&str> = lines[0].split(',').collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        let mut expected: Vec<&str> = header.split(',').collect();
        expected.sort_unstable();
        assert_eq!((sorted, lines[1].as_str()), (expected, ",,,,"));
        let line = csv.page(&second).unwrap().remove(0);
        let cells: std::collections::BTreeMap<_, _> = names.into_iter().zip(line.split(',')).collect();
        assert_eq!(cells[format!("s{label}").as_str()], "Active");
        assert_eq!(cells[format!("_l_value{label}").as_str()], "Contoso");
        assert_eq!(cells[format!("_l_value{table}").as_str()], "account");
        assert!(Csv::new(true).page(&[]).unwrap().is_empty());
    }
}
