//! Rows as CSV (RFC 4180): the first page's columns make the header.

use keyholder_client::dataverse::Row;
use serde_json::Value;

use crate::exit::Exit;
use crate::failure::Failure;

/// What the header has, once there is one.
#[derive(Debug, Default)]
pub(crate) struct Csv {
    columns: Option<Vec<String>>,
    /// Whether what is noted beside the values is wanted too.
    annotations: bool,
    rows: usize,
}

impl Csv {
    pub(crate) fn new(annotations: bool) -> Self {
        Self { annotations, ..Self::default() }
    }

    /// The lines of a page, the header before those of the first.
    ///
    /// # Errors
    /// A row has a column that none of the first page's rows had.
    pub(crate) fn page(&mut self, rows: &[Row]) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::with_capacity(rows.len() + 1);
        let annotations = self.annotations;
        let is_wanted = |name: &&String| *name != "@odata.etag" && (annotations || !name.contains('@'));
        if self.columns.is_none() && !rows.is_empty() {
            let mut columns: Vec<String> = Vec::new();
            let mut known = std::collections::HashSet::new();
            for name in rows.iter().flat_map(Row::keys).filter(is_wanted) {
                if known.insert(name) {
                    columns.push(name.clone());
                }
            }
            lines.push(header(&columns));
            self.columns = Some(columns);
        }
        let Some(columns) = &self.columns else { return Ok(lines) };
        for row in rows {
            self.rows += 1;
            if let Some(name) = row.keys().filter(is_wanted).find(|name| !columns.contains(name)) {
                return Err(stray(self.rows as u64, name));
            }
            let cells = columns.iter().map(|name| row.get(name).map(cell).unwrap_or_default());
            lines.push(cells.collect::<Vec<_>>().join(","));
        }
        Ok(lines)
    }
}

/// The line above all rows.
pub(crate) fn header(columns: &[String]) -> String {
    columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(",")
}

/// A row has a column for which the header has no place.
pub(crate) fn stray(row: u64, name: &str) -> Failure {
    let message = format!("row {row} has the column `{name}`, which the header does not have");
    Failure::new(Exit::BadData, message)
        .hint("name the columns in the query, with $select or <attribute>, or take lines of JSON (jsonl)")
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
    fn annotations_are_columns_where_they_are_wanted() {
        let page = rows(json!([{"@odata.etag": "W/1", "s": 0, "s@F": "Active"}]));
        assert_eq!(Csv::new(true).page(&page).unwrap(), ["s,s@F", "0,Active"]);
        assert!(Csv::new(true).page(&[]).unwrap().is_empty());
    }
}
