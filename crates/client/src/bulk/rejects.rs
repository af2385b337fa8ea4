//! The file of the rows that were not loaded, each with its number and the reason before it. Mended there, it can be
//! loaded itself: both are left out then.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::block::Rejected;
use super::csv::{self, Found};
use super::input::Form;
use super::value::push_text;
use super::{LoadError, MARKS};

/// The rejected rows of a load, in a file that is made with the first of them.
#[derive(Debug)]
pub(super) struct Rejects {
    path: PathBuf,
    /// What the rows are read from again.
    rows: File,
    form: Form,
    /// The first line of the file, for CSV.
    header: Vec<u8>,
    out: Option<File>,
    /// How long the file is with what was written down.
    pub(super) length: u64,
}

impl Rejects {
    /// Opens what an earlier run left, which had so many bytes when it was last written down.
    pub(super) fn open(
        path: &Path,
        rows: File,
        form: Form,
        header: &[u8],
        length: u64,
        is_continued: bool,
    ) -> Result<Self, LoadError> {
        let mut rejects = Self { path: path.to_path_buf(), rows, form, header: header.to_vec(), out: None, length: 0 };
        let is_there = path.try_exists().map_err(LoadError::file("look at", path))?;
        if is_there && !is_continued {
            let problem = format!("`{}` is there already: the rejected rows of another load", path.display());
            return Err(LoadError::input(problem).hint("move it away, or give the rejected rows another file"));
        }
        if is_there {
            let mut file = rejects.file()?;
            let found = file.metadata().map_err(LoadError::file("look at", path))?.len();
            // What a killed run wrote and did not write down is of rows that are done again.
            let whole = found.min(length);
            file.set_len(whole).and_then(|()| file.seek(SeekFrom::Start(whole))).map_err(rejects.unwritable())?;
            rejects.length = whole;
            rejects.out = Some(file);
        }
        Ok(rejects)
    }

    fn file(&self) -> Result<File, LoadError> {
        let of_system = |error: keyholder_platform::FileError| LoadError::input(error.to_string());
        keyholder_platform::regular_file(&self.path).map_err(of_system)?;
        keyholder_platform::make_private_file(&self.path).map_err(of_system)?;
        File::options().read(true).write(true).open(&self.path).map_err(self.unwritable())
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
            None => self.file()?,
        };
        let mut text = BufWriter::new(out);
        let mut length = self.length;
        if length == 0 && self.form.is_csv() {
            let mut line = format!("{}{}{}", MARKS[0], self.form.delimiter(), MARKS[1]).into_bytes();
            line.push(self.form.delimiter() as u8);
            line.extend_from_slice(&self.header);
            line.push(b'\n');
            length += write(&mut text, &line).map_err(self.unwritable())?;
        }
        for row in rejected {
            let line = self.line(row)?;
            length += write(&mut text, &line).map_err(self.unwritable())?;
        }
        let out = text.into_inner().map_err(|error| self.unwritable()(error.into_error()))?;
        self.length = length;
        self.out = Some(out);
        Ok(())
    }

    fn line(&mut self, row: &Rejected) -> Result<Vec<u8>, LoadError> {
        let mut bytes = Vec::new();
        self.rows
            .seek(SeekFrom::Start(row.place.start))
            .and_then(|_| (&self.rows).take(row.place.end - row.place.start).read_to_end(&mut bytes))
            .map_err(LoadError::unreadable)?;
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
        let mut cells = Vec::new();
        match csv::scan(&bytes, true, delimiter, &mut cells) {
            Found::Record { flaw: None, length, .. } if length == bytes.len() => line.extend_from_slice(&bytes),
            // As one cell, or it would take the lines behind it with it.
            _ => push_cell(&mut line, &bytes),
        }
        line.push(b'\n');
        Ok(line)
    }

    fn json_line(&self, row: &Rejected, bytes: &[u8], line: &mut Vec<u8>) {
        let _ = write!(line, "{{\"{}\":{},\"{}\":{}", MARKS[0], row.number, MARKS[1], Value::from(row.reason.as_str()));
        let trimmed = bytes.trim_ascii();
        let object: Result<&serde_json::value::RawValue, _> = serde_json::from_slice(trimmed);
        match object.ok().and_then(|object| object.get().strip_prefix('{')) {
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

fn write(out: &mut impl Write, line: &[u8]) -> std::io::Result<u64> {
    out.write_all(line)?;
    Ok(line.len() as u64)
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
