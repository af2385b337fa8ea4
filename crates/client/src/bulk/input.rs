//! The rows of a file, checked and written into blocks as they are read.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest;
use keyholder_platform::{FileCursor, FileLock, LockError};

use super::block::{Block, Place};
use super::columns::{Bound, Columns};
use super::csv::{self, Cell, Flaw, Found};
use super::row::{RowWriter, Unbound};
use super::target::RowIds;
use super::value::Given;
use super::window::{LONGEST_ROW, Window};
use super::{LoadError, MARKS, json_lines};

/// Most things that are told of a file's columns.
const MOST_MISFITS: usize = 200;

/// How the rows of a file are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// CSV (RFC 4180) with this character between cells; the first line names the columns.
    Csv(char),
    /// A JSON object a line.
    JsonLines,
}

impl Form {
    pub(super) fn is_csv(self) -> bool {
        matches!(self, Self::Csv(_))
    }

    pub(super) fn delimiter(self) -> char {
        match self {
            Self::Csv(delimiter) => delimiter,
            Self::JsonLines => ',',
        }
    }
}

/// A file whose first line was read.
#[derive(Debug)]
pub(super) struct Opened {
    path: PathBuf,
    /// Its name may be another file's by now: it is opened once, and what is read is what was hashed.
    file: Arc<File>,
    form: Form,
    window: Window<FileCursor>,
    pub(super) size: u64,
    modified: Option<std::time::SystemTime>,
    pub(super) sha256: String,
    /// The first line of CSV, without its end.
    pub(super) header: Vec<u8>,
    /// The names in it, or in the first row of JSON lines.
    pub(super) names: Vec<String>,
}

impl Opened {
    /// Opens the file, reads all of it once for its hash, and its first line.
    pub(super) fn open(path: &Path, form: Form) -> Result<Self, LoadError> {
        let shown = path.display();
        if !form.delimiter().is_ascii() || matches!(form.delimiter(), '"' | '\n' | '\r') {
            return Err(LoadError::input(format!(
                "`{}` cannot stand between cells",
                form.delimiter().escape_default()
            )));
        }
        let regular = keyholder_platform::regular_file(path).map_err(|error| {
            LoadError::input(error.to_string()).hint("a load is continued by its file: what comes by a pipe has none")
        })?;
        let file = File::open(&regular).map_err(LoadError::file("read", path))?;
        let found = file.metadata().map_err(LoadError::file("look at", path))?;
        let file = Arc::new(file);
        let (sha256, size) = hash(FileCursor::new(file.clone(), 0))?;
        if size == 0 {
            let problem = match form {
                Form::Csv(_) => format!("`{shown}` is empty: its first line has to name the columns"),
                Form::JsonLines => format!("`{shown}` is empty"),
            };
            return Err(LoadError::input(problem));
        }
        let mut window = Window::new(FileCursor::new(file.clone(), 0), 0);
        window.widen()?;
        match window.seen() {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                return Err(LoadError::input(format!("`{shown}` is UTF-16")).hint("save it as UTF-8"));
            }
            [0xef, 0xbb, 0xbf, ..] => window.consume(3),
            _ => {}
        }
        let modified = found.modified().ok();
        let mut opened = Self {
            path: path.to_path_buf(),
            file,
            form,
            window,
            size,
            modified,
            sha256,
            header: Vec::new(),
            names: Vec::new(),
        };
        match form {
            Form::Csv(delimiter) => opened.read_header(delimiter)?,
            Form::JsonLines => opened.read_first_row()?,
        }
        Ok(opened)
    }

    /// The names of the members of the first row of JSON lines that is an object, and no line that an earlier load could not
    /// read; none where there is no such row in what may be seen at once.
    fn read_first_row(&mut self) -> Result<(), LoadError> {
        let mut from = 0;
        loop {
            let rest = self.window.seen().get(from..).unwrap_or_default();
            from += rest.len() - rest.trim_ascii_start().len();
            let row = rest.trim_ascii_start();
            if row.is_empty() && self.window.is_over() {
                return Ok(());
            }
            match json_lines::scan(row, self.window.is_over()) {
                Found::Record { length, with_end, .. } => {
                    let text = row.get(..length).and_then(|row| std::str::from_utf8(row).ok()).unwrap_or_default();
                    let members = json_lines::members(text).unwrap_or_default();
                    if !members.is_empty() && members.iter().all(|(name, _)| name != MARKS[2]) {
                        self.names = members.into_iter().map(|(name, _)| name.into_owned()).collect();
                        return Ok(());
                    }
                    from += with_end;
                }
                // What was seen of it stays where it was: nothing is consumed.
                Found::More if self.window.widen()? => {}
                Found::More => return Ok(()),
            }
        }
    }

    fn read_header(&mut self, delimiter: char) -> Result<(), LoadError> {
        let shown = self.path.display().to_string();
        let mut cells = Vec::new();
        let (length, with_end) = loop {
            match csv::scan(self.window.seen(), self.window.is_over(), delimiter as u8, &mut cells) {
                Found::Record { length, with_end, flaw: None } => break (length, with_end),
                Found::Record { .. } => {
                    return Err(LoadError::input(format!(
                        "the first line of `{shown}` is no CSV: its quotes do not match"
                    )));
                }
                Found::More if self.window.widen()? => {}
                Found::More => return Err(LoadError::input(format!("the first line of `{shown}` does not end"))),
            }
        };
        let line = self.window.seen().get(..length).unwrap_or_default().to_vec();
        let text = std::str::from_utf8(&line).map_err(|_| {
            LoadError::input(format!("the first line of `{shown}` is not UTF-8")).hint("save it as UTF-8")
        })?;
        if text.trim().is_empty() {
            return Err(LoadError::input(format!(
                "`{shown}` has nothing in its first line, which has to name the columns"
            )));
        }
        for (at, cell) in cells.iter().enumerate() {
            let name = unquoted(text, *cell).trim().to_owned();
            if name.is_empty() {
                let problem = format!("column {} of `{shown}` has no name in the first line", at + 1);
                return Err(LoadError::input(problem));
            }
            if self.names.contains(&name) {
                return Err(LoadError::input(format!("`{shown}` has the column `{name}` twice")));
            }
            self.names.push(name);
        }
        if let [only] = self.names.as_slice()
            && let Some(other) =
                [';', '\t', ',', '|'].into_iter().find(|other| *other != delimiter && only.contains(*other))
        {
            let other = other.escape_default();
            let problem = format!("the first line of `{shown}` has one column with `{other}` in it");
            return Err(LoadError::input(problem)
                .hint(format!("if that stands between the columns, say so: `--delimiter '{other}'`")));
        }
        self.header = line;
        self.window.consume(with_end);
        Ok(())
    }

    /// The file from there on.
    pub(super) fn from(&self, offset: u64) -> FileCursor {
        FileCursor::new(self.file.clone(), offset)
    }

    /// Tells places in the file by their lines.
    pub(super) fn lines(&self) -> Lines {
        Lines { file: BufReader::new(self.from(0)), at: 0, line: 1 }
    }

    /// Keeps other loads from the file, until it is dropped: one with another journal would load its rows a second time.
    /// Nothing where the file system has no lock for a file that is only read; the journal's has to do there.
    pub(super) fn lock(&self) -> Result<Option<FileLock>, LoadError> {
        match FileLock::of(&self.file, &self.path) {
            Ok(lock) => Ok(Some(lock)),
            Err(LockError::File(_)) => Ok(None),
            Err(held) => Err(LoadError::lock(held)),
        }
    }

    /// The rows, once it is known what is done with each column.
    pub(super) fn rows(self, columns: Columns, writer: RowWriter) -> Result<Rows, LoadError> {
        let mut rows = Rows {
            bound: Vec::with_capacity(self.names.len()),
            by_name: HashMap::new(),
            columns,
            writer,
            done: BTreeMap::new(),
            number: 1,
            cells: Vec::new(),
            opened: self,
        };
        rows.bind_header()?;
        Ok(rows)
    }
}

/// Counts the lines of a file.
#[derive(Debug)]
pub(super) struct Lines {
    file: BufReader<FileCursor>,
    at: u64,
    line: u64,
}

impl Lines {
    /// On which line this place is, from 1; places come in their order.
    pub(super) fn at(&mut self, place: u64) -> Result<u64, LoadError> {
        let mut before = self.file.by_ref().take(place.saturating_sub(self.at));
        loop {
            let bytes = before.fill_buf().map_err(LoadError::unreadable)?;
            if bytes.is_empty() {
                break;
            }
            self.line += memchr::memchr_iter(b'\n', bytes).count() as u64;
            let length = bytes.len();
            before.consume(length);
        }
        self.at = self.at.max(place);
        Ok(self.line)
    }
}

/// The rows of a file that are to be loaded.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) opened: Opened,
    columns: Columns,
    writer: RowWriter,
    /// What is done with each column of CSV.
    bound: Vec<Bound>,
    /// And with each name in JSON lines.
    by_name: HashMap<String, Result<Bound, String>>,
    done: BTreeMap<u64, (u64, u64)>,
    /// The next row's.
    number: u64,
    cells: Vec<Cell>,
}

/// What is wrong with the columns of a file: all of it is told at once.
#[derive(Default)]
struct Misfits {
    problems: Vec<LoadError>,
    columns: Vec<String>,
    more: usize,
}

impl Misfits {
    /// Takes what is wrong, and the file's column that it is about, which could be left out.
    fn add(&mut self, column: Option<&str>, problem: LoadError) {
        if self.problems.len() >= MOST_MISFITS {
            self.more += 1;
            return;
        }
        self.problems.push(problem);
        self.columns.extend(column.map(str::to_owned));
    }

    fn end(mut self) -> Result<(), LoadError> {
        match self.problems.len() {
            0 => Ok(()),
            1 => Err(self.problems.remove(0)),
            _ => Err(LoadError::Columns { problems: self.problems, more: self.more, columns: self.columns }),
        }
    }
}

/// A row that was found in the window.
enum Next {
    Row { length: usize, with_end: usize, flaw: Option<Flaw> },
    Blank { with_end: usize },
    Over,
}

impl Rows {
    fn bind_header(&mut self) -> Result<(), LoadError> {
        let shown = self.opened.path.display().to_string();
        if self.opened.form.is_csv() {
            let names = self.opened.names.clone();
            let (mut misfits, mut named) = (Misfits::default(), Vec::new());
            for map in self.columns.unknown_maps(&names) {
                let problem = format!("`{map}` is mapped, and the first line of `{shown}` does not name it");
                misfits.add(None, LoadError::input(problem));
            }
            for name in &names {
                let bound = match self.columns.bind(name) {
                    Ok(bound) => bound,
                    Err(error @ (LoadError::Input { .. } | LoadError::UnknownColumn { .. })) => {
                        misfits.add(Some(name), error);
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                if let Some((other, _)) = named.iter().zip(&self.bound).find(|(_, other)| other.is_same(&bound)) {
                    let problem = format!("`{shown}` has `{}` twice: as `{other}` and as `{name}`", bound.name);
                    misfits.add(Some(name), LoadError::input(problem));
                }
                named.push(name);
                self.bound.push(bound);
            }
            if let Some(missing) = self.writer.missing_key(&self.bound) {
                let problem = format!("`{shown}` has no column `{missing}`, by which its rows are known");
                let error = LoadError::input(problem).hint(format!("map one to it: `--map FILE-COLUMN={missing}`"));
                misfits.add(None, error);
            }
            misfits.end()?;
        } else {
            self.columns.bind_first(&self.opened.names.clone());
        }
        self.columns.bind_maps()
    }

    /// Rows that are made get these ids; the stretches that were done are left out.
    pub(super) fn begin(&mut self, ids: RowIds, done: BTreeMap<u64, (u64, u64)>) {
        self.writer.ids = ids;
        self.done = done;
    }

    /// Which verbs on which tables the rows need that were read so far.
    pub(super) fn needs(&self) -> Vec<(String, keyholder_dataverse::Verb)> {
        self.columns.needs()
    }

    /// The lookups that have to be looked for, now that all columns are known.
    pub(super) fn lookups(&self) -> Vec<super::columns::LookupRule> {
        self.columns.lookups.clone()
    }

    /// Writes the next rows into the block until it is full; false when there are no more.
    pub(super) fn fill(&mut self, block: &mut Block) -> Result<bool, LoadError> {
        let more = self.fill_unchecked(block)?;
        let found = self.opened.file.metadata().map_err(LoadError::unreadable)?;
        if found.len() != self.opened.size || found.modified().ok() != self.opened.modified {
            return Err(LoadError::Changed { path: self.opened.path.clone() });
        }
        Ok(more)
    }

    fn fill_unchecked(&mut self, block: &mut Block) -> Result<bool, LoadError> {
        loop {
            if block.is_full() {
                return Ok(true);
            }
            let offset = self.opened.window.offset();
            if let Some((end, rows)) = self.done.get(&offset).copied() {
                if block.count() > 0 {
                    return Ok(true);
                }
                self.done.remove(&offset);
                self.number += rows;
                self.opened.window = Window::new(self.opened.from(end), end);
                continue;
            }
            match self.next()? {
                Next::Over => return Ok(false),
                Next::Blank { with_end } => self.opened.window.consume(with_end),
                Next::Row { length, with_end, flaw } => {
                    let place = offset..offset + with_end as u64;
                    self.write(block, length, flaw, place);
                    self.number += 1;
                    self.opened.window.consume(with_end);
                }
            }
        }
    }

    /// Finds the next row in the window.
    fn next(&mut self) -> Result<Next, LoadError> {
        loop {
            let seen = self.opened.window.seen();
            let is_over = self.opened.window.is_over();
            if seen.is_empty() && is_over {
                return Ok(Next::Over);
            }
            let found = match self.opened.form {
                Form::Csv(delimiter) => csv::scan(seen, is_over, delimiter as u8, &mut self.cells),
                Form::JsonLines => json_lines::scan(seen, is_over),
            };
            match found {
                Found::Record { length, with_end, flaw } => {
                    let line = seen.get(..length).unwrap_or_default();
                    // Spreadsheets write rows without anything as delimiters alone.
                    let is_blank = if self.opened.form.is_csv() {
                        flaw.is_none() && self.cells.iter().all(|cell| cell.start == cell.end && !cell.is_quoted)
                    } else {
                        line.trim_ascii().is_empty()
                    };
                    return Ok(if is_blank { Next::Blank { with_end } } else { Next::Row { length, with_end, flaw } });
                }
                Found::More if self.opened.window.widen()? => {}
                Found::More => {
                    let problem = format!("row {} has more than {LONGEST_ROW} bytes", self.number);
                    return Err(LoadError::input(problem).hint(match self.opened.form {
                        Form::Csv(_) => "a quote that is opened in it is perhaps never closed",
                        Form::JsonLines => "each row stands in a line of its own",
                    }));
                }
            }
        }
    }

    /// Writes the row at the start of the window into the block, or why it cannot go.
    fn write(&mut self, block: &mut Block, length: usize, flaw: Option<Flaw>, place: Place) {
        let number = self.number;
        let bytes = self.opened.window.seen().get(..length).unwrap_or_default();
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let reason = format!("is not UTF-8 (byte {} of the row)", error.valid_up_to() + 1);
                return block.reject(number, place, reason);
            }
        };
        if self.opened.form.is_csv() {
            let columns = self.bound.len();
            let reason = match flaw {
                Some(Flaw::Unclosed) => Some("has a quote that is opened and never closed".to_owned()),
                Some(Flaw::BehindQuote) => {
                    Some("has something between a closing quote and the end of its cell".to_owned())
                }
                None if self.cells.len() != columns => {
                    Some(format!("has {} cells, and the first line has {columns}", self.cells.len()))
                }
                None if bytes == self.opened.header.as_slice() => Some("is the first line again".to_owned()),
                None => None,
            };
            if let Some(reason) = reason {
                return block.reject(number, place, reason);
            }
            let items = self.bound.iter().zip(&self.cells).map(|(bound, cell)| (bound, given(text, *cell)));
            return self.writer.write(block, number, place, &items);
        }
        let members = match json_lines::members(text) {
            Ok(members) => members,
            Err(reason) => return block.reject(number, place, reason),
        };
        for (name, value) in &members {
            if name == MARKS[2] && !matches!(value, json_lines::Held::Null) {
                let reason = format!("has `{name}`: mend what stands there into members of the row, and take it out");
                return block.reject(number, place, reason);
            }
            if !self.by_name.contains_key(name.as_ref()) {
                // A file may name no end of columns that no table has.
                if self.by_name.len() >= json_lines::MOST_NAMES {
                    self.by_name.retain(|_, bound| bound.is_ok());
                }
                let bound = self.columns.bind(name).map_err(|error| Unbound(error).to_string());
                self.by_name.insert(name.clone().into_owned(), bound);
            }
        }
        let mut items = Vec::with_capacity(members.len());
        for (name, value) in &members {
            match self.by_name.get(name.as_ref()) {
                Some(Ok(bound)) => items.push((bound, value.given())),
                Some(Err(reason)) => return block.reject(number, place, reason.clone()),
                None => {}
            }
        }
        self.writer.write(block, number, place, &items.iter().copied());
    }
}

/// A cell as it is given; nothing is an empty cell without quotes.
fn given(text: &str, cell: Cell) -> Given<'_> {
    match text.get(cell.start..cell.end) {
        Some("") | None if !cell.is_quoted => Given::Nothing,
        found => Given::Text { text: found.unwrap_or_default(), has_quotes: cell.has_quotes },
    }
}

fn unquoted(text: &str, cell: Cell) -> Cow<'_, str> {
    let text = text.get(cell.start..cell.end).unwrap_or_default();
    if cell.has_quotes { text.replace("\"\"", "\"").into() } else { text.into() }
}

/// The hash of a whole file, and how long it is.
fn hash(mut file: FileCursor) -> Result<(String, u64), LoadError> {
    let mut context = digest::Context::new(&digest::SHA256);
    let (mut buffer, mut size) = (vec![0; 64 << 10], 0);
    loop {
        let read = file.read(&mut buffer).map_err(LoadError::unreadable)?;
        if read == 0 {
            break;
        }
        size += read as u64;
        context.update(buffer.get(..read).unwrap_or_default());
    }
    let hash = context.finish();
    Ok((hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(), size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_was_hashed_whatever_has_its_name_by_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        std::fs::write(&path, "name\nOne\nTwo\n").unwrap();
        let mut opened = Opened::open(&path, Form::Csv(',')).unwrap();
        // As editors save.
        std::fs::write(folder.path().join("new"), "name\nSix\nTen\n").unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        let mut rest = String::new();
        opened.from(9).read_to_string(&mut rest).unwrap();
        assert_eq!((rest.as_str(), opened.window.seen()), ("Two\n", &b"One\nTwo\n"[..]));
        assert!(opened.window.widen().unwrap() && opened.window.is_over());
    }

    #[test]
    fn places_are_told_by_their_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let text = format!("name\n{}\n\n\"x\ny\"\nz\n", "x".repeat(100_000));
        std::fs::write(&path, &text).unwrap();
        let opened = Opened::open(&path, Form::Csv(',')).unwrap();
        let places = [0, 5, text.find('"').unwrap() as u64, text.find('z').unwrap() as u64];
        let mut lines = opened.lines();
        assert_eq!(places.map(|place| lines.at(place).unwrap()), [1, 2, 4, 6]);
    }

    #[test]
    fn a_file_is_loaded_by_one_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        std::fs::write(&path, "name\nOne\n").unwrap();
        let mut rights = std::fs::metadata(&path).unwrap().permissions();
        rights.set_readonly(true);
        std::fs::set_permissions(&path, rights).unwrap();
        let (one, other) = (Opened::open(&path, Form::Csv(',')).unwrap(), Opened::open(&path, Form::Csv(',')).unwrap());
        let held = one.lock().unwrap().unwrap();
        let error = other.lock().unwrap_err();
        assert!(matches!(&error, LoadError::InUse { path: named } if *named == path), "{error}");
        drop(held);
        other.lock().unwrap().unwrap();
    }
}
