//! The journal of a load: what was done, so that a load that was killed goes on where it was.
//!
//! A text, one record a line, each with a checksum at its end. The first line says which load it is of: the file with its
//! size and hash, the org, the table, the mapping. It has also the load's random id, from which the ids of the rows that it
//! makes are derived. It is on the disk before the first row is sent, so that whoever goes on names the same rows by the same
//! ids. Each further line tells of some rows one after another that were done. What follows the first line that is not
//! whole (a kill may end one anywhere) does not count: it is done again, which does no harm. So those lines reach the disk
//! little by little: what a power cut takes is done again too.
//!
//! It names the file of the rejected rows too, and tells how long that was and what stood in it: nothing else is cut.
//!
//! The operating system's lock on the file keeps two runs from working with it at once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use keyholder_platform::{FileLock, narrow, regular_file};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::LoadError;

/// What a journal begins with.
const MAGIC: &str = "keyholder-load 1 ";
/// No journal is longer, in bytes: two hundred million rows in blocks of twenty.
const LONGEST: u64 = 1 << 30;
/// No line of it is longer, in bytes.
const LONGEST_LINE: usize = 64 << 10;

/// Which load a journal is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Identity {
    /// The load's own id.
    pub(super) load: Uuid,
    pub(super) size: u64,
    pub(super) sha256: String,
    pub(super) org: String,
    pub(super) table: String,
    pub(super) verb: String,
    pub(super) key: Vec<String>,
    /// What else decides what a row becomes, as it was given.
    pub(super) reading: String,
    /// Where its rejected rows go, as [`rejects_from`] names it.
    pub(super) rejects: String,
}

/// How a journal names the file of the rejected rows: from its own folder on where it is in there, so that both can be
/// moved together, and whole otherwise.
pub(super) fn rejects_from(journal: &Path, rejects: &Path) -> Result<String, LoadError> {
    let (journal, rejects) = (keyholder_platform::whole_path(journal)?, keyholder_platform::whole_path(rejects)?);
    let beside = journal.parent().and_then(|folder| rejects.strip_prefix(folder).ok());
    Ok(beside.unwrap_or(&rejects).to_string_lossy().into_owned())
}

impl Identity {
    /// What is different in the other, which is meant now; nothing when both are one load.
    fn difference(&self, now: &Self) -> Option<String> {
        let different = |what: &str, was: &str, is: &str| Some(format!("its {what} was {was} and is {is} now"));
        if (self.size, &self.sha256) != (now.size, &now.sha256) {
            let of =
                |one: &Self| format!("{} bytes with the hash {}", one.size, one.sha256.get(..12).unwrap_or_default());
            return different("file", &of(self), &of(now));
        }
        for (what, was, is) in [
            ("org", &self.org, &now.org),
            ("table", &self.table, &now.table),
            ("way of writing", &self.verb, &now.verb),
            ("key", &self.key.join(","), &now.key.join(",")),
            ("reading (mapping and the like)", &self.reading, &now.reading),
        ] {
            if was != is {
                return different(what, &format!("`{was}`"), &format!("`{is}`"));
            }
        }
        None
    }
}

/// Some rows one after another that were done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Done {
    pub(super) rows: u64,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) rejected: u64,
    /// How long the file of the rejected rows was then.
    pub(super) rejects: u64,
    /// The checksum of what stood in it.
    pub(super) sum: u32,
}

/// What a line of a journal tells behind the first.
enum Record {
    Done(Done),
    /// The file of the rejected rows is made.
    Rejects,
    /// All rows were done.
    Over,
}

/// What a journal says of what was done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Past {
    /// Where each stretch that was done begins, and where it ends, with how many rows.
    pub(super) done: BTreeMap<u64, (u64, u64)>,
    pub(super) rows: u64,
    pub(super) rejected: u64,
    /// How long the file of the rejected rows was.
    pub(super) rejects: u64,
    /// The checksum of what stood in it.
    pub(super) sum: u32,
    /// Whether the load has made that file.
    pub(super) has_rejects: bool,
    /// Whether the load came to its end.
    pub(super) is_over: bool,
}

impl Past {
    fn add(&mut self, done: Done) {
        self.rows += done.rows;
        self.rejected += done.rejected;
        (self.rejects, self.sum) = (done.rejects, done.sum);
        let (mut start, mut end, mut rows) = (done.start, done.end, done.rows);
        // Stretches that touch become one, so that memory does not grow with the rows.
        if let Some((before, (until, count))) = self.done.range(..start).next_back().map(|(at, it)| (*at, *it))
            && until == start
        {
            self.done.remove(&before);
            (start, rows) = (before, rows + count);
        }
        if let Some((until, count)) = self.done.remove(&end) {
            (end, rows) = (until, rows + count);
        }
        self.done.insert(start, (end, rows));
    }
}

/// The journal of a load, which this run alone works with.
#[derive(Debug)]
pub(super) struct Journal {
    lock: FileLock,
    path: PathBuf,
    pub(super) identity: Identity,
    pub(super) past: Past,
    /// Whether there was one of an earlier run.
    pub(super) is_continued: bool,
}

/// The folder that a file is in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Waits until the name of a new file is on the disk: that is its folder's.
pub(super) fn sync_name(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

impl Journal {
    /// Opens the journal of the load `now`; one that there is keeps its load's id, another has to be begun.
    pub(super) fn open(path: &Path, now: Identity) -> Result<Self, LoadError> {
        let path = regular_file(path)?;
        let lock = FileLock::open(&path).map_err(LoadError::lock)?;
        let read = LoadError::file("read the journal", &path);
        let length = lock.file().metadata().map_err(read)?.len();
        if length > LONGEST {
            return Err(LoadError::input(format!("`{}` is larger than any journal", path.display())));
        }
        let (earlier, past, whole) = parse(lock.file(), &path)?;
        let mut journal = Self { lock, path, identity: now, past, is_continued: earlier.is_some() };
        if let Some(earlier) = earlier {
            if let Some(difference) = earlier.difference(&journal.identity) {
                return Err(LoadError::OtherLoad { path: journal.path, difference });
            }
            if earlier.rejects != journal.identity.rejects {
                return Err(journal.other_rejects(&earlier.rejects));
            }
            journal.identity = earlier;
        }
        // It is this load's: not before that anything of it is changed, its rights neither.
        narrow(journal.lock.file(), &journal.path)?;
        journal.cut(whole)?;
        Ok(journal)
    }

    /// What the load rejected before is in another file than the one that is given now.
    fn other_rejects(&self, was: &str) -> LoadError {
        let shown = |name: &str| self.folder().join(name).display().to_string();
        let (was, is) = (shown(was), shown(&self.identity.rejects));
        let journal = self.path.display();
        LoadError::input(format!("the rejected rows of the load go to `{was}`, as `{journal}` says, and not to `{is}`"))
            .hint(format!("continue the load with `--rejects '{was}'`"))
    }

    fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    /// Writes down which load it is of, on the disk; nothing where an earlier run did.
    pub(super) fn begin(&mut self) -> Result<(), LoadError> {
        if self.is_continued {
            return Ok(());
        }
        let identity = serde_json::to_string(&self.identity).unwrap_or_default();
        self.append(&format!("{MAGIC}{identity}"))?;
        self.sync()?;
        // Some file systems sync no folders: the load goes on there.
        let _ = sync_name(&self.path);
        Ok(())
    }

    /// Takes what is behind so many bytes away.
    fn cut(&mut self, length: u64) -> Result<(), LoadError> {
        let mut file = self.lock.file();
        file.set_len(length)
            .and_then(|()| file.seek(SeekFrom::Start(length)))
            .map(drop)
            .map_err(LoadError::file("write the journal", &self.path))
    }

    /// Writes down that some rows were done.
    pub(super) fn done(&mut self, done: Done) -> Result<(), LoadError> {
        let Done { rows, start, end, rejected, rejects, sum } = done;
        self.append(&format!("done {rows} {start} {end} {rejected} {rejects} {sum}"))?;
        self.past.rows += rows;
        self.past.rejected += rejected;
        Ok(())
    }

    /// Writes down, on the disk, that the file of the rejected rows is made now: what is there from then on is the load's.
    pub(super) fn makes_rejects(&mut self) -> Result<(), LoadError> {
        self.append("rejects")?;
        self.sync()
    }

    /// Writes down that all were.
    pub(super) fn over(&mut self) -> Result<(), LoadError> {
        self.append("over")?;
        self.past.is_over = true;
        self.sync()
    }

    fn append(&mut self, text: &str) -> Result<(), LoadError> {
        // What is written to a file without a name is lost to whoever goes on.
        if !self.lock.stands().map_err(LoadError::file("look at the journal", &self.path))? {
            return Err(LoadError::JournalGone { path: self.path.clone() });
        }
        let line = format!("{text} {:08x}\n", checksum(NO_SUM, text.as_bytes()));
        self.lock.file().write_all(line.as_bytes()).map_err(LoadError::file("write the journal", &self.path))
    }

    /// Waits until it is on the disk.
    pub(super) fn sync(&self) -> Result<(), LoadError> {
        self.lock.file().sync_data().map_err(LoadError::file("write the journal", &self.path))
    }
}

/// The checksum of nothing.
pub(super) const NO_SUM: u32 = 0x811c_9dc5;

/// FNV-1a, going on from what is before the bytes: tells what was torn or changed, not what was forged.
pub(super) fn checksum(before: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(before, |sum: u32, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// What a line says, if it is whole.
fn whole(line: &[u8]) -> Option<&str> {
    let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let (text, sum) = line.rsplit_once(' ')?;
    (u32::from_str_radix(sum, 16) == Ok(checksum(NO_SUM, text.as_bytes()))).then_some(text)
}

/// Reads what is whole of a journal; gives how many bytes that are.
fn parse(file: &File, path: &Path) -> Result<(Option<Identity>, Past, u64), LoadError> {
    let mut input = std::io::BufReader::new(file);
    let (mut past, mut length, mut identity) = (Past::default(), 0, None);
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = u64::try_from(LONGEST_LINE).unwrap_or(u64::MAX);
        std::io::BufRead::read_until(&mut input.by_ref().take(limit), b'\n', &mut line)
            .map_err(LoadError::file("read the journal", path))?;
        let text = whole(&line);
        if identity.is_none() {
            let start = line.get(..MAGIC.len().min(line.len())).unwrap_or_default();
            if !MAGIC.as_bytes().starts_with(start) {
                let problem = format!("`{}` is no journal of a load: something else stands in it", path.display());
                return Err(LoadError::input(problem).hint("give the journal another name"));
            }
            // Torn in its first line, it is of a load that had not begun.
            let Some(json) = text.and_then(|text| text.strip_prefix(MAGIC)) else { return Ok((None, past, 0)) };
            identity = serde_json::from_str(json).ok();
            if identity.is_none() {
                return Err(LoadError::input(format!("`{}` is the journal of another version", path.display())));
            }
        } else {
            match text.map(record) {
                Some(Some(Record::Done(done))) => past.add(done),
                Some(Some(Record::Rejects)) => past.has_rejects = true,
                Some(Some(Record::Over)) => past.is_over = true,
                _ => return Ok((identity, past, length)),
            }
        }
        length += line.len() as u64;
    }
}

/// What a line tells.
fn record(text: &str) -> Option<Record> {
    match text {
        "over" => return Some(Record::Over),
        "rejects" => return Some(Record::Rejects),
        _ => {}
    }
    let mut numbers = text.strip_prefix("done ")?.split(' ').map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    let (rows, start, end, rejected, rejects) = (next()?, next()?, next()?, next()?, next()?);
    let sum = u32::try_from(next()?).ok()?;
    (numbers.next().is_none() && start < end).then_some(Record::Done(Done { rows, start, end, rejected, rejects, sum }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_name_is_on_the_disk_when_its_folder_is() {
        let folder = tempfile::tempdir().unwrap();
        sync_name(&folder.path().join("rejects.csv")).unwrap();
        // The folder where one is.
        sync_name(Path::new("rejects.csv")).unwrap();
        let missing = sync_name(&folder.path().join("none").join("rejects.csv")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    fn identity(load: u128) -> Identity {
        Identity {
            load: Uuid::from_u128(load),
            size: 1_000,
            sha256: "00112233445566778899".to_owned(),
            org: "https://contoso.example".to_owned(),
            table: "contact".to_owned(),
            verb: "create".to_owned(),
            key: Vec::new(),
            reading: String::new(),
            rejects: "rejects.csv".to_owned(),
        }
    }

    fn done(start: u64, end: u64) -> Done {
        Done { rows: (end - start) / 10, start, end, rejected: 1, rejects: end, sum: 7 }
    }

    #[cfg(unix)]
    #[test]
    fn a_journal_that_is_taken_away_ends_the_load() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("journal"), folder.path().join("moved"));
        let mut journal = Journal::open(&path, identity(1)).unwrap();
        journal.begin().unwrap();
        std::fs::rename(&path, &moved).unwrap();
        let error = journal.done(done(10, 30)).unwrap_err();
        assert!(matches!(&error, LoadError::JournalGone { path: named } if *named == path), "{error}");
        // Another in its place is not it.
        std::fs::copy(&moved, &path).unwrap();
        assert!(matches!(journal.over(), Err(LoadError::JournalGone { .. })));
        std::fs::rename(&moved, &path).unwrap();
        journal.done(done(10, 30)).unwrap();
    }

    #[test]
    fn whatever_a_kill_leaves_of_it_is_read_up_to_the_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, identity(1)).unwrap();
        assert!(!journal.is_continued);
        journal.begin().unwrap();
        for (start, end) in [(30, 50), (10, 30), (70, 90)] {
            journal.done(done(start, end)).unwrap();
        }
        drop(journal);
        let bytes = std::fs::read(&path).unwrap();
        let lines: Vec<usize> = memchr::memchr_iter(b'\n', &bytes).map(|at| at + 1).collect();
        for cut in 0..=bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let mut journal = Journal::open(&path, identity(2)).unwrap();
            journal.begin().unwrap();
            let is_same = cut >= lines[0];
            assert_eq!(journal.identity.load, Uuid::from_u128(if is_same { 1 } else { 2 }), "cut at {cut}");
            let records = lines.iter().filter(|end| **end <= cut).count().saturating_sub(1) as u64;
            assert_eq!(journal.past.rejected, records, "cut at {cut}");
            drop(journal);
            // What was torn is gone: what is added stands behind whole lines.
            let again = Journal::open(&path, identity(3)).unwrap();
            assert_eq!(again.past.rejected, records);
        }
        std::fs::write(&path, &bytes).unwrap();
        let past = Journal::open(&path, identity(2)).unwrap().past;
        assert_eq!(past.done, BTreeMap::from([(10, (50, 4)), (70, (90, 2))]));
        assert_eq!((past.rows, past.rejects, past.sum), (6, 90, 7));
        assert!(!past.is_over && !past.has_rejects);
    }

    #[test]
    fn its_rejected_rows_stay_in_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, identity(1)).unwrap();
        journal.begin().unwrap();
        journal.makes_rejects().unwrap();
        drop(journal);
        assert!(Journal::open(&path, identity(1)).unwrap().past.has_rejects);
        let other = Identity { rejects: "/elsewhere/mine.csv".to_owned(), ..identity(1) };
        let error = Journal::open(&path, other).unwrap_err().to_string();
        let was = folder.path().join("rejects.csv").display().to_string();
        assert!(error.contains(&format!("go to `{was}`")) && error.contains("not to `/elsewhere/mine.csv`"), "{error}");
        // By whichever way it is named, and moved together with the journal.
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let named = |journal: &Path, rejects: PathBuf| rejects_from(journal, &rejects).unwrap();
        assert_eq!(named(&path, inner.join("../rejects.csv")), "rejects.csv");
        assert_eq!(named(&inner.join("journal"), inner.join("rejects.csv")), "rejects.csv");
        let whole = folder.path().canonicalize().unwrap().join("rejects.csv").display().to_string();
        assert_eq!(named(&inner.join("journal"), folder.path().join("rejects.csv")), whole);
    }

    #[test]
    fn a_file_that_is_no_journal_keeps_its_rights_and_a_journal_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shared.txt");
        std::fs::write(&path, "ours\n").unwrap();
        let before = std::fs::metadata(&path).unwrap().permissions();
        assert!(Journal::open(&path, identity(1)).unwrap_err().to_string().contains("is no journal"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions(), before);
        std::fs::write(&path, "").unwrap();
        Journal::open(&path, identity(1)).unwrap().begin().unwrap();
        assert!(keyholder_platform::is_private(&path).unwrap());
    }

    #[test]
    fn another_load_and_another_run_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, identity(1)).unwrap();
        journal.begin().unwrap();
        let error = Journal::open(&path, identity(1)).unwrap_err();
        assert!(matches!(error, LoadError::InUse { .. }), "{error}");
        journal.over().unwrap();
        drop(journal);
        assert!(Journal::open(&path, identity(1)).unwrap().past.is_over);
        let other = Identity { sha256: "ff".to_owned(), ..identity(1) };
        let error = Journal::open(&path, other).unwrap_err().to_string();
        assert!(error.contains("journal") && error.contains("its file was 1000 bytes"), "{error}");
        let other = Identity { org: "https://other.example".to_owned(), ..identity(1) };
        let error = Journal::open(&path, other).unwrap_err().to_string();
        assert!(error.contains("its org was `https://contoso.example`"), "{error}");
        std::fs::write(&path, "name,price\n").unwrap();
        let error = Journal::open(&path, identity(1)).unwrap_err().to_string();
        assert!(error.contains("is no journal"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "name,price\n");
    }
}
