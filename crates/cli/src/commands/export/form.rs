//! Rows as a file has them.

use keyholder_client::dataverse::Row;

use crate::args::Format;
use crate::csv::Csv;
use crate::failure::Failure;

/// Writes rows, page by page.
#[derive(Debug)]
pub(super) struct Form {
    format: Format,
    /// The columns that were asked for, in their order.
    select: Vec<String>,
    annotations: bool,
    csv: Csv,
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
        let csv = if select.is_empty() { Csv::new(annotations) } else { Csv::with_columns(select.to_vec()) };
        Self { format, select: select.to_vec(), annotations, csv: csv.going_on(columns, rows), rows }
    }

    /// The text of a page's rows.
    ///
    /// # Errors
    /// A row has a column that the header does not have.
    pub(super) fn page(&mut self, rows: &[Row]) -> Result<String, Failure> {
        let mut text = String::new();
        match self.format {
            Format::Csv => {
                for line in self.csv.page(rows)? {
                    text.push_str(&line);
                    text.push('\n');
                }
            }
            Format::Jsonl => {
                for row in rows {
                    text.push_str(&self.json(row));
                    text.push('\n');
                }
            }
            Format::Json => {
                for (at, row) in rows.iter().enumerate() {
                    text.push_str(if self.rows == 0 && at == 0 { "[\n" } else { ",\n" });
                    text.push_str(&self.json(row));
                }
            }
        }
        self.rows += rows.len() as u64;
        Ok(text)
    }

    /// What stands behind the last row.
    pub(super) fn end(&mut self) -> String {
        match (self.format, self.rows) {
            (Format::Csv, _) => self.csv.header().map(|header| format!("{header}\n")).unwrap_or_default(),
            (Format::Jsonl, _) => String::new(),
            (Format::Json, 0) => "[]\n".to_owned(),
            (Format::Json, _) => "\n]\n".to_owned(),
        }
    }

    /// What the header has.
    pub(super) fn columns(&self) -> Option<Vec<String>> {
        self.csv.columns().map(<[String]>::to_vec)
    }

    fn json(&self, row: &Row) -> String {
        let is_wanted = |name: &str| name != "@odata.etag" && (self.annotations || !name.contains('@'));
        let kept: Row = if self.select.is_empty() {
            row.iter().filter(|(name, _)| is_wanted(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
        } else {
            let value = |name: &String| (name.clone(), row.get(name).cloned().unwrap_or_default());
            self.select.iter().map(value).collect()
        };
        serde_json::to_string(&kept).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rows(value: serde_json::Value) -> Vec<Row> {
        serde_json::from_value(value).unwrap()
    }

    fn whole(form: &mut Form, pages: &[Vec<Row>]) -> String {
        let mut text: String = pages.iter().map(|page| form.page(page).unwrap()).collect();
        text.push_str(&form.end());
        text
    }

    #[test]
    fn a_file_is_the_same_however_often_its_writing_was_taken_up() {
        let first = rows(json!([{"@odata.etag": "W/1", "b": 1, "a": "x,y", "a@F": "label"}]));
        let second = rows(json!([{"b": null, "a": "z"}, {"b": 3, "a": ""}]));
        for (format, select, expected) in [
            (Format::Csv, vec![], "b,a\n1,\"x,y\"\n,z\n3,\"\"\n"),
            (Format::Csv, vec!["a".to_owned()], "a\n\"x,y\"\nz\n\"\"\n"),
            (Format::Jsonl, vec![], "{\"b\":1,\"a\":\"x,y\"}\n{\"b\":null,\"a\":\"z\"}\n{\"b\":3,\"a\":\"\"}\n"),
            (
                Format::Json,
                vec!["a".to_owned(), "c".to_owned()],
                "[\n{\"a\":\"x,y\",\"c\":null},\n{\"a\":\"z\",\"c\":null},\n{\"a\":\"\",\"c\":null}\n]\n",
            ),
        ] {
            let mut at_once = Form::new(format, &select, false, 0, None);
            assert_eq!(whole(&mut at_once, &[first.clone(), second.clone()]), expected);
            let mut one = Form::new(format, &select, false, 0, None);
            let begun = one.page(&first).unwrap();
            let mut other = Form::new(format, &select, false, 1, one.columns());
            assert_eq!(format!("{begun}{}", whole(&mut other, std::slice::from_ref(&second))), expected);
        }
    }

    #[test]
    fn no_rows_are_a_file_too() {
        let select = ["a".to_owned(), "b".to_owned()];
        assert_eq!(Form::new(Format::Json, &[], false, 0, None).end(), "[]\n");
        assert_eq!(Form::new(Format::Jsonl, &[], false, 0, None).end(), "");
        assert_eq!(Form::new(Format::Csv, &select, false, 0, None).end(), "a,b\n");
        assert_eq!(Form::new(Format::Csv, &[], false, 0, None).end(), "");
    }
}
