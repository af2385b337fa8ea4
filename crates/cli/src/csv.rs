//! Rows as CSV (RFC 4180): the first page's columns make the header.

use keyholder_client::dataverse::Row;
use serde_json::Value;

use crate::exit::Exit;
use crate::failure::Failure;

/// What the header has, once there is one.
#[derive(Debug, Default)]
pub(crate) struct Csv {
    columns: Option<Vec<String>>,
    /// Whether the header has been given.
    is_headed: bool,
    /// Whether the columns were chosen, and others are left out.
    are_chosen: bool,
    /// Whether what is noted beside the values is wanted too.
    annotations: bool,
    rows: u64,
}

impl Csv {
    pub(crate) fn new(annotations: bool) -> Self {
        Self { annotations, ..Self::default() }
    }

    /// With these columns alone, whatever else the rows have.
    pub(crate) fn with_columns(columns: Vec<String>) -> Self {
        Self { columns: Some(columns), are_chosen: true, ..Self::default() }
    }

    /// Behind so many rows, under this header where there is one already.
    pub(crate) fn going_on(self, columns: Option<Vec<String>>, rows: u64) -> Self {
        Self { is_headed: columns.is_some(), columns: columns.or(self.columns), rows, ..self }
    }

    /// What the header has; nothing before there is one.
    pub(crate) fn columns(&self) -> Option<&[String]> {
        self.columns.as_deref().filter(|_| self.is_headed)
    }

    /// The header, where it is known and has not been given.
    pub(crate) fn header(&mut self) -> Option<String> {
        let columns = self.columns.as_ref().filter(|_| !self.is_headed)?;
        self.is_headed = true;
        Some(columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(","))
    }

    /// The lines of a page, the header before those of the first.
    ///
    /// # Errors
    /// A row has a column that none of the first page's rows had.
    pub(crate) fn page(&mut self, rows: &[Row]) -> Result<Vec<String>, Failure> {
        let mut lines = Vec::with_capacity(rows.len() + 1);
        let annotations = self.annotations;
        let is_wanted = |name: &&String| *name != "@odata.etag" && (annotations || !name.contains('@'));
        if rows.is_empty() {
            return Ok(lines);
        }
        if self.columns.is_none() {
            let mut columns: Vec<String> = Vec::new();
            let mut known = std::collections::HashSet::new();
            for name in rows.iter().flat_map(Row::keys).filter(is_wanted) {
                if known.insert(name) {
                    columns.push(name.clone());
                }
            }
            self.columns = Some(columns);
        }
        lines.extend(self.header());
        let Some(columns) = &self.columns else { return Ok(lines) };
        for row in rows {
            self.rows += 1;
            let mut others = row.keys().filter(is_wanted).filter(|name| !columns.contains(name));
            if let Some(name) = others.next().filter(|_| !self.are_chosen) {
                let message = format!("row {} has the column `{name}`, which the header does not have", self.rows);
                return Err(Failure::new(Exit::BadData, message).hint(
                    "name the columns in the query, with $select or <attribute>, or take lines of JSON (jsonl)",
                ));
            }
            let cells = columns.iter().map(|name| row.get(name).map(cell).unwrap_or_default());
            lines.push(cells.collect::<Vec<_>>().join(","));
        }
        Ok(lines)
    }
}

/// Nothing is an empty cell, an empty text `""`; rows inside the row stand as JSON.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => quoted(text),
        other => quoted(&other.to_string()),
    }
}

fn quoted(text: &str) -> String {
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

    #[test]
    fn chosen_columns_are_the_header_whatever_the_rows_have() {
        let mut csv = Csv::with_columns(vec!["b".to_owned(), "a".to_owned()]);
        assert!(csv.page(&[]).unwrap().is_empty() && csv.columns().is_none());
        assert_eq!(csv.page(&rows(json!([{"a": 1, "c": 2}]))).unwrap(), ["b,a", ",1"]);
        assert_eq!((csv.header(), csv.columns().map(<[String]>::len)), (None, Some(2)));
    }
}
