//! Rows as a file has them. Values stand as the org wrote them: no number loses a digit.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::members::{self, Members};
use crate::args::Format;
use crate::csv;
use crate::exit::Exit;
use crate::failure::Failure;

/// Writes rows, page by page.
#[derive(Debug)]
pub(super) struct Form {
    format: Format,
    /// The columns that were asked for, in their order.
    select: Vec<String>,
    annotations: bool,
    /// Columns that rows may have, whatever the first page has.
    expected: Vec<String>,
    /// What the header of a CSV file has, once it is written.
    columns: Option<Vec<String>>,
    rows: u64,
}

impl Form {
    /// The form of a file with `rows` rows already, under a header with `columns`.
    pub(super) fn new(
        format: Format,
        select: &[String],
        annotations: bool,
        rows: u64,
        columns: Option<Vec<String>>,
    ) -> Self {
        Self { format, select: select.to_vec(), annotations, expected: Vec::new(), columns, rows }
    }

    /// The same with these columns first, whatever the first page has.
    pub(super) fn expecting(self, expected: Vec<String>) -> Self {
        Self { expected, ..self }
    }

    /// The text of a page's rows, each of which is the text of a JSON object.
    ///
    /// # Errors
    /// A row has a column that the header does not have, or is no object.
    pub(super) fn page<'a>(&mut self, rows: impl Iterator<Item = &'a str> + Clone) -> Result<String, Failure> {
        let mut text = String::new();
        if self.format == Format::Csv && self.columns.is_none() && rows.clone().next().is_some() {
            let columns = if self.select.is_empty() { self.columns_of(rows.clone())? } else { self.select.clone() };
            let columns = if self.annotations { csv::with_notes(columns) } else { columns };
            text.push_str(&csv::header(&columns));
            text.push('\n');
            self.columns = Some(columns);
        }
        for row in rows {
            let row = self.members(row)?;
            self.rows += 1;
            match self.format {
                Format::Csv => {
                    self.push_cells(&mut text, &row)?;
                    text.push('\n');
                }
                Format::Jsonl => {
                    self.push_json(&mut text, &row);
                    text.push('\n');
                }
                Format::Json => {
                    text.push_str(if self.rows == 1 { "[\n" } else { ",\n" });
                    self.push_json(&mut text, &row);
                }
            }
        }
        Ok(text)
    }

    /// What stands behind the last row.
    pub(super) fn end(&mut self) -> String {
        match (self.format, self.rows) {
            // No row is a header all the same, where it is known.
            (Format::Csv, 0) if self.columns.is_none() && !(self.select.is_empty() && self.expected.is_empty()) => {
                let columns = if self.select.is_empty() { self.expected.clone() } else { self.select.clone() };
                let columns = if self.annotations { csv::with_notes(columns) } else { columns };
                format!("{}\n", csv::header(&columns))
            }
            (Format::Csv | Format::Jsonl, _) => String::new(),
            (Format::Json, 0) => "[]\n".to_owned(),
            (Format::Json, _) => "\n]\n".to_owned(),
        }
    }

    /// What the header has.
    pub(super) fn columns(&self) -> Option<Vec<String>> {
        self.columns.clone()
    }

    fn members<'a>(&self, row: &'a str) -> Result<Members<'a>, Failure> {
        let number = self.rows + 1;
        Members::of(row)
            .ok_or_else(|| Failure::new(Exit::BadData, format!("row {number} of the answer is no JSON object")))
    }

    /// The columns of a page's rows, in the order in which they come.
    fn columns_of<'a>(&self, rows: impl Iterator<Item = &'a str>) -> Result<Vec<String>, Failure> {
        let mut found = Vec::new();
        for row in rows {
            found.extend(self.members(row)?.wanted(false).map(|(name, _)| name.to_owned()));
        }
        Ok(csv::joined(&self.expected, found.iter().map(String::as_str)))
    }

    fn push_cells(&self, text: &mut String, row: &Members<'_>) -> Result<(), Failure> {
        let columns = self.columns.as_deref().unwrap_or_default();
        if self.select.is_empty()
            && let Some((name, _)) = row.wanted(false).find(|(name, _)| !columns.iter().any(|one| one == name))
        {
            return Err(csv::stray(self.rows, name)
                .hint("name the columns with `--select`, or take lines of JSON (`--format jsonl`)"));
        }
        for (at, column) in columns.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            text.push_str(&row.get(column).map(|value| cell(value, self.annotations)).unwrap_or_default());
        }
        Ok(())
    }

    fn push_json(&self, text: &mut String, row: &Members<'_>) {
        text.push('{');
        let from = text.len();
        let mut push = |name: &str, value: &str| {
            if text.len() > from {
                text.push(',');
            }
            text.push_str(&Value::from(name).to_string());
            text.push(':');
            text.push_str(&on_one_line(&members::inner(value, self.annotations)));
        };
        if self.select.is_empty() {
            row.wanted(self.annotations).for_each(|(name, value)| push(name, value.get()));
        } else {
            for name in &self.select {
                push(name, row.get(name).map_or("null", RawValue::get));
                if self.annotations {
                    row.notes(name).for_each(|(name, value)| push(name, value.get()));
                }
            }
        }
        text.push('}');
    }
}

/// A line end between the parts of a value means nothing; within its texts it is escaped.
fn on_one_line(value: &str) -> Cow<'_, str> {
    if value.contains(['\n', '\r']) { Cow::Owned(value.replace(['\n', '\r'], " ")) } else { Cow::Borrowed(value) }
}

/// Nothing is an empty cell, an empty text `""`; rows inside the row stand as JSON.
fn cell(value: &RawValue, annotations: bool) -> String {
    let value = value.get();
    match value.as_bytes().first() {
        Some(b'"') => serde_json::from_str(value).map(|text: String| csv::text(&text)).unwrap_or_default(),
        _ if value == "null" => String::new(),
        _ => csv::quoted(&on_one_line(&members::inner(value, annotations))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(form: &mut Form, rows: &[&str]) -> Result<String, String> {
        form.page(rows.iter().copied()).map_err(|failure| failure.message().to_owned())
    }

    fn whole(form: &mut Form, pages: &[&[&str]]) -> String {
        let mut text: String = pages.iter().map(|rows| page(form, rows).unwrap()).collect();
        text.push_str(&form.end());
        text
    }

    #[test]
    fn a_file_is_the_same_however_often_its_writing_was_taken_up() {
        let first: &[&str] = &[r#"{"@odata.etag": "W/1", "b": 922337203685477.5800, "a": "x,y", "a@F": "label"}"#];
        let second: &[&str] = &[r#"{"b": null, "a": "z"}"#, r#"{"b": 3, "a": ""}"#];
        for (format, select, expected) in [
            (Format::Csv, &[][..], "b,a\n922337203685477.5800,\"x,y\"\n,z\n3,\"\"\n"),
            (Format::Csv, &["a"], "a\n\"x,y\"\nz\n\"\"\n"),
            (
                Format::Jsonl,
                &[],
                "{\"b\":922337203685477.5800,\"a\":\"x,y\"}\n{\"b\":null,\"a\":\"z\"}\n{\"b\":3,\"a\":\"\"}\n",
            ),
            (
                Format::Json,
                &["a", "c"],
                "[\n{\"a\":\"x,y\",\"c\":null},\n{\"a\":\"z\",\"c\":null},\n{\"a\":\"\",\"c\":null}\n]\n",
            ),
        ] {
            let select: Vec<String> = select.iter().map(|name| (*name).to_owned()).collect();
            let mut at_once = Form::new(format, &select, false, 0, None);
            assert_eq!(whole(&mut at_once, &[first, second]), expected);
            let mut one = Form::new(format, &select, false, 0, None);
            let begun = page(&mut one, first).unwrap();
            let mut other = Form::new(format, &select, false, 1, one.columns());
            assert_eq!(format!("{begun}{}", whole(&mut other, &[second])), expected);
        }
    }

    #[test]
    fn annotations_are_columns_where_they_are_wanted() {
        const LABEL: &str = "OData.Community.Display.V1.FormattedValue";
        const TABLE: &str = "Microsoft.Dynamics.CRM.lookuplogicalname";
        let none = r#"{"@odata.context": "c", "s": null, "_l_value": null}"#;
        let row = format!(
            r#"{{"s@{LABEL}": "Active", "s@o": "x", "s": 0, "_l_value@{LABEL}": "A", "_l_value@{TABLE}": "account", "_l_value": "1"}}"#
        );
        // A column that is first filled on the second page has its annotations too.
        let header = format!("s,s@{LABEL},_l_value,_l_value@{LABEL},_l_value@{TABLE}");
        let written = whole(&mut Form::new(Format::Csv, &[], true, 0, None), &[&[none], &[&row]]);
        assert_eq!(written, format!("{header}\n,,,,\n0,Active,1,A,account\n"));
        let select = ["s".to_owned()];
        let written = whole(&mut Form::new(Format::Csv, &select, true, 0, None), &[&[none], &[&row]]);
        assert_eq!(written, format!("s,s@{LABEL}\n,\n0,Active\n"));
        assert_eq!(whole(&mut Form::new(Format::Csv, &select, true, 0, None), &[]), format!("s,s@{LABEL}\n"));
        let line = format!("{{\"s\":0,\"s@{LABEL}\":\"Active\",\"s@o\":\"x\"}}\n");
        assert_eq!(whole(&mut Form::new(Format::Jsonl, &select, true, 0, None), &[&[&row]]), line);
        let row = r#"{"s":0,"s@F":"Active"}"#;
        assert_eq!(whole(&mut Form::new(Format::Jsonl, &[], true, 0, None), &[&[row]]), format!("{row}\n"));
    }

    #[test]
    fn each_row_is_one_line_and_has_its_place() {
        let mut form = Form::new(Format::Jsonl, &[], false, 0, None);
        let said = page(&mut form, &["{\"a\":\n[1,\r\n2],\"t\":\"x\\ny\"}"]).unwrap();
        assert_eq!(said, "{\"a\":[1,  2],\"t\":\"x\\ny\"}\n");
        let mut form = Form::new(Format::Csv, &[], false, 0, None);
        page(&mut form, &[r#"{"a":{"b":"c"}}"#]).unwrap();
        assert!(page(&mut form, &[r#"{"z":1}"#]).unwrap_err().contains("row 2 has the column `z`"));
        assert!(page(&mut form, &["17"]).unwrap_err().contains("row 3 of the answer is no JSON object"));
    }

    #[test]
    fn no_rows_are_a_file_too() {
        let select = ["a".to_owned(), "b".to_owned()];
        assert_eq!(whole(&mut Form::new(Format::Json, &[], false, 0, None), &[&[]]), "[]\n");
        assert_eq!(whole(&mut Form::new(Format::Jsonl, &[], false, 0, None), &[&[]]), "");
        assert_eq!(whole(&mut Form::new(Format::Csv, &select, false, 0, None), &[&[]]), "a,b\n");
        assert_eq!(whole(&mut Form::new(Format::Csv, &[], false, 0, None), &[]), "");
    }
}
