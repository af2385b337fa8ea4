//! The file of the rows that were not loaded, each with its number and the reason before it. Mended there, it can be
//! loaded itself: both are left out then, and replaced where a row of it is rejected again.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use keyholder_platform::{FileCursor, create_private_file, narrow, open_own};
use serde_json::Value;

use super::block::Rejected;
use super::csv::{self, Cell, Found};
use super::input::Form;
use super::journal::{NO_SUM, Past, checksum, sync_name};
use super::value::push_text;
use super::{LoadError, MARKS, json_lines};

/// What to do about a file that is not as the load left it.
const PUT_BACK: &str = "put it back as it was; its rows can be mended when the load is done";

/// The rejected rows of a load, in a file that is made with the first of them.
#[derive(Debug)]
pub(super) struct Rejects {
    path: PathBuf,
    /// What the rows are read from again.
    rows: FileCursor,
    form: Form,
    /// The first line of the file, for CSV, without the marks.
    header: Vec<u8>,
    /// Where the marks of an earlier load stand among the columns of CSV.
    marks: Vec<usize>,
    out: Option<File>,
    /// How long the file is with what was written down.
    pub(super) length: u64,
    /// The checksum of that.
    pub(super) sum: u32,
}

impl Rejects {
    /// Opens what an earlier run left, if one did: the file as the journal tells of it. Any other stays as it is.
    pub(super) fn open(
        path: &Path,
        rows: FileCursor,
        form: Form,
        header: &[u8],
        past: &Past,
    ) -> Result<Self, LoadError> {
        let is_there = match path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            found => found.map(|_| true).map_err(LoadError::file("look at", path))?,
        };
        let marks = if form.is_csv() { marks_in(header, form.delimiter() as u8) } else { Vec::new() };
        let header = without_marks(header, form.delimiter() as u8, &marks).0;
        let mut rejects =
            Self { path: path.to_path_buf(), rows, form, header, marks, out: None, length: 0, sum: NO_SUM };
        if is_there && !past.has_rejects {
            let problem = format!("`{}` is there already, and this load wrote nothing to it", rejects.path.display());
            return Err(LoadError::input(problem)
                .hint("move it away; a load that begins can have another file for its rejected rows: `--rejects`"));
        }
        if is_there {
            rejects.go_on(past)?;
        } else if past.rejects > 0 {
            return Err(rejects.shortened(0, past.rejects));
        }
        Ok(rejects)
    }

    /// Takes the file of an earlier run as it was when it was last written down.
    fn go_on(&mut self, past: &Past) -> Result<(), LoadError> {
        let mut file = open_own(&self.path)?;
        let read = || LoadError::file("read", &self.path);
        let found = file.metadata().map_err(read())?.len();
        if found < past.rejects {
            return Err(self.shortened(found, past.rejects));
        }
        let (mut sum, mut written) = (NO_SUM, BufReader::new((&file).take(past.rejects)));
        loop {
            let bytes = written.fill_buf().map_err(read())?;
            if bytes.is_empty() {
                break;
            }
            sum = checksum(sum, bytes);
            let length = bytes.len();
            written.consume(length);
        }
        if past.rejects > 0 && sum != past.sum {
            let problem =
                format!("`{}` was changed since this load wrote its rejected rows there", self.path.display());
            return Err(LoadError::input(problem).hint(PUT_BACK));
        }
        narrow(&file, &self.path)?;
        // What a killed run wrote and did not write down is of rows that are done again.
        file.set_len(past.rejects)
            .and_then(|()| file.seek(SeekFrom::Start(past.rejects)))
            .map_err(self.unwritable())?;
        (self.length, self.sum, self.out) = (past.rejects, sum, Some(file));
        Ok(())
    }

    fn shortened(&self, found: u64, length: u64) -> LoadError {
        let path = self.path.display();
        LoadError::input(format!(
            "`{path}` has {found} bytes of the {length} that this load wrote: rows are missing there"
        ))
        .hint(PUT_BACK)
    }

    /// Whether the file is made with the next row.
    pub(super) fn is_to_be_made(&self) -> bool {
        self.out.is_none()
    }

    fn unwritable(&self) -> impl FnOnce(std::io::Error) -> LoadError {
        LoadError::file("write the rejected rows to", &self.path)
    }

    /// Writes the rows down, in their order.
    pub(super) fn add(&mut self, rejected: &[Rejected]) -> Result<(), LoadError> {
        if rejected.is_empty() {
            return Ok(());
        }
        let out = match self.out.take() {
            Some(out) => out,
            None => {
                let made = create_private_file(&self.path)?;
                // The journal is not to know of rows in a file whose name a power cut takes away.
                let _ = sync_name(&self.path);
                made
            }
        };
        let mut text = BufWriter::new(out);
        let (mut length, mut sum) = (self.length, self.sum);
        if length == 0 && self.form.is_csv() {
            let mut line = format!("{}{}{}", MARKS[0], self.form.delimiter(), MARKS[1]).into_bytes();
            line.push(self.form.delimiter() as u8);
            line.extend_from_slice(&self.header);
            line.push(b'\n');
            text.write_all(&line).map_err(self.unwritable())?;
            (length, sum) = (length + line.len() as u64, checksum(sum, &line));
        }
        for row in rejected {
            let line = self.line(row)?;
            text.write_all(&line).map_err(self.unwritable())?;
            (length, sum) = (length + line.len() as u64, checksum(sum, &line));
        }
        let out = text.into_inner().map_err(|error| self.unwritable()(error.into_error()))?;
        (self.length, self.sum) = (length, sum);
        self.out = Some(out);
        Ok(())
    }

    fn line(&self, row: &Rejected) -> Result<Vec<u8>, LoadError> {
        let mut bytes = Vec::new();
        let rows = self.rows.at(row.place.start);
        rows.take(row.place.end - row.place.start).read_to_end(&mut bytes).map_err(LoadError::unreadable)?;
        while bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
            bytes.pop();
        }
        let mut line = Vec::with_capacity(bytes.len() + row.reason.len() + 32);
        if !self.form.is_csv() {
            self.json_line(row, &bytes, &mut line);
            return Ok(line);
        }
        let delimiter = self.form.delimiter() as u8;
        line.extend_from_slice(row.number.to_string().as_bytes());
        line.push(delimiter);
        push_cell(&mut line, row.reason.as_bytes());
        line.push(delimiter);
        match without_marks(&bytes, delimiter, &self.marks) {
            (cells, true) => line.extend_from_slice(&cells),
            // As one cell, or it would take the lines behind it with it.
            (text, false) => push_cell(&mut line, &text),
        }
        line.push(b'\n');
        Ok(line)
    }

    fn json_line(&self, row: &Rejected, bytes: &[u8], line: &mut Vec<u8>) {
        let _ = write!(line, "{{\"{}\":{},\"{}\":{}", MARKS[0], row.number, MARKS[1], Value::from(row.reason.as_str()));
        let trimmed = bytes.trim_ascii();
        let object: Result<&serde_json::value::RawValue, _> = serde_json::from_slice(trimmed);
        let again = std::str::from_utf8(trimmed).ok().and_then(|text| json_lines::without(text, &MARKS[..2]));
        match object.ok().and_then(|object| object.get().strip_prefix('{')) {
            Some(_) if again.is_some() => {
                for (name, value) in again.into_iter().flatten() {
                    let _ = write!(line, ",{}:{}", Value::from(name), value.get());
                }
                line.push(b'}');
            }
            Some(members) => {
                if members.trim_start() != "}" {
                    line.push(b',');
                }
                line.extend_from_slice(members.as_bytes());
            }
            None => {
                let _ = write!(line, ",\"{}\":", MARKS[2]);
                push_text(line, &String::from_utf8_lossy(trimmed), false);
                line.push(b'}');
            }
        }
        line.push(b'\n');
    }

    /// Waits until what was written is on the disk.
    pub(super) fn sync(&self) -> Result<(), LoadError> {
        match &self.out {
            Some(out) => out.sync_data().map_err(self.unwritable()),
            None => Ok(()),
        }
    }
}

/// Where the columns stand in a first line that an earlier load put before those of its file.
fn marks_in(header: &[u8], delimiter: u8) -> Vec<usize> {
    let mut cells = Vec::new();
    csv::scan(header, true, delimiter, &mut cells);
    let is_mark = |cell: &Cell| {
        let name = header.get(cell.start..cell.end).and_then(|name| std::str::from_utf8(name).ok());
        name.is_some_and(|name| MARKS[..2].contains(&name.trim()))
    };
    cells.iter().enumerate().filter(|(_, cell)| is_mark(cell)).map(|(at, _)| at).collect()
}

/// A line without the cells that stand there, and whether it is a record; of one that is none, what is behind those cells
/// where they stand before all that is wrong with it.
fn without_marks(line: &[u8], delimiter: u8, marks: &[usize]) -> (Vec<u8>, bool) {
    let mut cells = Vec::new();
    let found = csv::scan(line, true, delimiter, &mut cells);
    let is_record = matches!(found, Found::Record { flaw: None, length, .. } if length == line.len());
    if marks.is_empty() {
        return (line.to_vec(), is_record);
    }
    let quotes = |cell: &Cell| usize::from(cell.is_quoted);
    if !is_record {
        let are_first = marks.iter().enumerate().all(|(at, mark)| at == *mark);
        let last = cells.get(marks.len() - 1).map(|cell| cell.end + quotes(cell));
        let rest =
            last.filter(|end| are_first && line.get(*end) == Some(&delimiter)).and_then(|end| line.get(end + 1..));
        return (rest.unwrap_or(line).to_vec(), false);
    }
    let kept = cells.iter().enumerate().filter(|(at, _)| !marks.contains(at));
    let kept = kept.map(|(_, cell)| line.get(cell.start - quotes(cell)..cell.end + quotes(cell)).unwrap_or_default());
    (kept.collect::<Vec<_>>().join(&delimiter), true)
}

/// In quotes, those inside twice.
fn push_cell(line: &mut Vec<u8>, content: &[u8]) {
    line.push(b'"');
    for byte in content {
        if *byte == b'"' {
            line.push(b'"');
        }
        line.push(*byte);
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    struct Case {
        folder: tempfile::TempDir,
    }

    impl Case {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("rows.csv"), "name\nOne\nTwo\n").unwrap();
            Self { folder }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("rejects.csv")
        }

        fn open(&self, past: &Past) -> Result<Rejects, LoadError> {
            let rows = FileCursor::new(Arc::new(File::open(self.folder.path().join("rows.csv")).unwrap()), 0);
            Rejects::open(&self.path(), rows, Form::Csv(','), b"name", past)
        }

        fn refused(&self, past: &Past, said: &str) {
            let before = std::fs::read(self.path()).ok();
            let error = self.open(past).unwrap_err().to_string();
            assert!(error.contains(said) && error.contains("rejects.csv"), "{error}");
            assert_eq!(std::fs::read(self.path()).ok(), before);
        }
    }

    fn rejected(number: u64, start: u64) -> Rejected {
        Rejected { number, reason: "is bad".to_owned(), place: start..start + 4, code: None }
    }

    #[test]
    fn only_what_the_load_wrote_itself_is_gone_on_with() {
        let case = Case::new();
        let begun = Past { has_rejects: true, ..Past::default() };
        std::fs::write(case.path(), "mine\n").unwrap();
        case.refused(&Past::default(), "is there already");
        std::fs::remove_file(case.path()).unwrap();

        let mut rejects = case.open(&begun).unwrap();
        assert!(rejects.is_to_be_made());
        rejects.add(&[rejected(1, 5)]).unwrap();
        let past = Past { rejects: rejects.length, sum: rejects.sum, ..begun };
        rejects.add(&[rejected(2, 9)]).unwrap();
        drop(rejects);
        // What was not written down is cut off and done again.
        let text = "keyholder_row,keyholder_reason,name\n1,\"is bad\",One\n";
        let mut rejects = case.open(&past).unwrap();
        assert_eq!(std::fs::read_to_string(case.path()).unwrap(), text);
        rejects.add(&[rejected(2, 9)]).unwrap();
        drop(rejects);
        let whole = std::fs::read_to_string(case.path()).unwrap();
        assert_eq!(whole, format!("{text}2,\"is bad\",Two\n"));

        std::fs::write(case.path(), whole.replace("One", "Won")).unwrap();
        case.refused(&past, "was changed");
        std::fs::write(case.path(), &text[..text.len() - 1]).unwrap();
        case.refused(&past, &format!("{} bytes of the {}", text.len() - 1, text.len()));
        std::fs::remove_file(case.path()).unwrap();
        case.refused(&past, &format!("0 bytes of the {}", text.len()));
    }

    #[test]
    fn what_an_earlier_load_put_before_a_row_is_replaced() {
        for (header, row, said) in [
            ("keyholder_row,keyholder_reason,name,x", "7,\"was, bad\",One,\"a,b\"", "One,\"a,b\""),
            ("name,keyholder_reason,\"x\", keyholder_row", "One,,\"a\"\"b\",7", "One,\"a\"\"b\""),
            // Ragged, or one cell of what was no record.
            ("keyholder_row,keyholder_reason,name,x", "7,why,One", "One"),
            ("keyholder_row,keyholder_reason,name,x", "7,\"why\",\"One,\"\"\"", "\"One,\"\"\""),
            // Still no record.
            ("keyholder_row,keyholder_reason,name,x", "7,\"why\",One,\"a", "\"One,\"\"a\""),
            ("keyholder_row,keyholder_reason,name,x", "7,\"why\"x,One,a", "\"7,\"\"why\"\"x,One,a\""),
            ("name,x", "One,\"a", "\"One,\"\"a\""),
        ] {
            let case = Case::new();
            std::fs::write(case.folder.path().join("rows.csv"), row).unwrap();
            let rows = FileCursor::new(Arc::new(File::open(case.folder.path().join("rows.csv")).unwrap()), 0);
            let past = Past::default();
            let mut rejects = Rejects::open(&case.path(), rows, Form::Csv(','), header.as_bytes(), &past).unwrap();
            let place = 0..row.len() as u64;
            rejects.add(&[Rejected { number: 1, reason: "is bad".to_owned(), place, code: None }]).unwrap();
            let text = std::fs::read_to_string(case.path()).unwrap();
            let (first, second) = text.split_once('\n').unwrap();
            assert_eq!(first.matches("keyholder_").count(), 2, "{first}");
            assert!(first.starts_with("keyholder_row,keyholder_reason,name,"), "{first}");
            assert_eq!(second, format!("1,\"is bad\",{said}\n"));
        }
    }

    #[test]
    fn members_of_an_earlier_load_are_replaced_in_json_lines() {
        for (row, said) in [
            (r#"{"keyholder_row":7,"keyholder_reason":"was","a":1.50}"#, r#","a":1.50}"#),
            (r#"{"a":"x","keyholder_row":7}"#, r#","a":"x"}"#),
            (r#"{"keyholder_reason":""}"#, "}"),
            (r#"{"keyholder_row":7,"keyholder_line":"no"}"#, r#","keyholder_line":"no"}"#),
            (r#"{"a":  {"keyholder_row": 1}}"#, r#","a":{"keyholder_row": 1}}"#),
            ("{}", "}"),
            ("no", r#","keyholder_line":"no"}"#),
        ] {
            let case = Case::new();
            std::fs::write(case.folder.path().join("rows.csv"), row).unwrap();
            let rows = FileCursor::new(Arc::new(File::open(case.folder.path().join("rows.csv")).unwrap()), 0);
            let mut rejects = Rejects::open(&case.path(), rows, Form::JsonLines, b"", &Past::default()).unwrap();
            let place = 0..row.len() as u64;
            rejects.add(&[Rejected { number: 1, reason: "is bad".to_owned(), place, code: None }]).unwrap();
            let text = std::fs::read_to_string(case.path()).unwrap();
            assert_eq!(text, format!("{{\"keyholder_row\":1,\"keyholder_reason\":\"is bad\"{said}\n"));
        }
    }

    #[test]
    fn a_file_that_appears_before_the_first_rejected_row_is_not_written_over() {
        let case = Case::new();
        let mut rejects = case.open(&Past::default()).unwrap();
        std::fs::write(case.path(), "mine\n").unwrap();
        assert!(rejects.add(&[rejected(1, 5)]).is_err());
        assert_eq!(std::fs::read_to_string(case.path()).unwrap(), "mine\n");
    }
}
