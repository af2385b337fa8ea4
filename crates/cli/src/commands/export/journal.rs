//! How far an export is good: the file that is written, and the journal beside it.
//!
//! Rows go to `FILE.part`. Behind each page the journal is replaced whole: so many bytes are good, and there the result
//! goes on. What stands behind those bytes was written by a run that ended before it could say so, and is cut off. When
//! all is there, the journal says that first; then the part gets its name, and the journal goes.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use keyholder_client::dataverse::Bookmark;
use keyholder_platform::files::UNFINISHED;
use keyholder_platform::{FolderLock, LockError, open_own, read_own_bounded, regular_file, write_private};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::failure::Failure;

/// The shape of the journal that is written and read here.
const VERSION: u64 = 1;
/// Largest journal that is read, in bytes: queries and links are some thousand.
const LIMIT: u64 = 4 << 20;
/// How the journal's name ends. `load` calls its own `FILE.journal`, and the file that it loads may be written by an export.
const ENDING: &str = ".export-journal";

/// What an export is of: a journal serves the same alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Wish {
    pub(super) org: String,
    /// Who asks: others see other rows.
    pub(super) caller: String,
    pub(super) query: String,
    pub(super) format: String,
    pub(super) select: Vec<String>,
    pub(super) annotations: bool,
    /// Pages that are named by their numbers begin elsewhere when they have another size.
    pub(super) page_size: Option<u32>,
}

impl Wish {
    /// What differs, in words; nothing when both are the same.
    fn differs(&self, other: &Self) -> Option<String> {
        let pairs = [
            ("org", &self.org, &other.org),
            ("caller", &self.caller, &other.caller),
            ("query", &self.query, &other.query),
            ("format", &self.format, &other.format),
        ];
        let named = pairs.into_iter().find(|(_, one, other)| one != other);
        let named = named.map(|(what, one, other)| format!("its {what} was `{one}`, not `{other}`"));
        let size = |size: Option<u32>| size.map_or_else(|| "the org's own".to_owned(), |rows| rows.to_string());
        let select = || Some("its `--select` was another".to_owned()).filter(|_| self.select != other.select);
        let annotations =
            || Some("it had `--annotations`, or had not".to_owned()).filter(|_| self.annotations != other.annotations);
        let sizes = || format!("its `--page-size` was {}, not {}", size(self.page_size), size(other.page_size));
        named.or_else(select).or_else(annotations).or_else(|| (self.page_size != other.page_size).then(sizes))
    }
}

/// How far an export is good.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Journal {
    version: u64,
    wish: Wish,
    /// Rows and bytes that are good.
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// Pages that are in them.
    pub(super) pages: u64,
    /// Where the result goes on; nothing before the first page and behind the last.
    pub(super) next: Option<Bookmark>,
    /// What the header says.
    pub(super) columns: Option<Vec<String>>,
    /// Whether nothing is missing, not even the end.
    is_whole: bool,
}

/// What the journals of all versions have.
#[derive(Deserialize)]
struct OfAnyVersion {
    version: u64,
    #[serde(rename = "wish")]
    _wish: IgnoredAny,
    #[serde(rename = "bytes")]
    _bytes: u64,
}

/// The files of one export, held by this process.
#[derive(Debug)]
pub(super) struct Files {
    output: PathBuf,
    part: PathBuf,
    journal: PathBuf,
    overwrite: bool,
    lock: Option<FolderLock>,
}

/// What an earlier run has left.
pub(super) enum Left {
    /// An export to be gone on with, or begun; and the file at its good end.
    Open(Journal, Box<File>),
    /// Nothing but the name was missing.
    Whole(Journal),
}

impl Files {
    /// The files of an export to `output`; nobody else writes them meanwhile.
    pub(super) fn lock(output: &Path, overwrite: bool) -> Result<Self, Failure> {
        let output = regular_file(output)?;
        let name = output.file_name().and_then(|name| name.to_str()).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("`{}` is no name of a file to write", output.display()))
        })?;
        let folder = match output.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        if !folder.is_dir() {
            let message = format!("cannot write `{}`: there is no folder `{}`", output.display(), folder.display());
            return Err(Failure::new(Exit::CannotCreate, message)
                .hint("make the folder first, or give another `--output-file`"));
        }
        let beside = |ending: &str| output.with_file_name(format!("{name}{ending}"));
        let lock = FolderLock::take(folder, &format!(".{name}.lock")).map_err(|error| match error {
            LockError::Held { .. } => {
                let message = format!("another process is exporting to `{}`", output.display());
                Failure::new(Exit::CannotCreate, message)
                    .hint("wait until it has ended, or give another `--output-file`")
            }
            LockError::File(error) => error.into(),
        })?;
        let (part, journal) = (beside(".part"), beside(ENDING));
        Ok(Self { part, journal, output, overwrite, lock: Some(lock) })
    }

    pub(super) fn part(&self) -> &Path {
        &self.part
    }

    /// Throws away what an earlier run has left.
    ///
    /// # Errors
    /// What has the journal's name is no export's, or cannot be removed: then all stays.
    pub(super) fn forget(&self) -> Result<(), Failure> {
        if let Some(text) = self.read()?
            && let Err(error) = serde_json::from_str::<OfAnyVersion>(&text)
        {
            return Err(self.damaged(&error.to_string()));
        }
        // The journal first: a part without one is nobody's.
        for file in [&self.journal, &self.part] {
            remove(file)?;
        }
        Ok(())
    }

    /// Refuses to write over what nobody said may go; `restart` where nothing that was left is gone on with.
    pub(super) fn check_output(&self, restart: bool) -> Result<(), Failure> {
        let is_ours = || {
            let text = self.read().ok().flatten()?;
            let journal = self.journal_in(&text).ok()?;
            Some(self.has_its_name(&journal))
        };
        if !restart && is_ours() == Some(true) { Ok(()) } else { self.check_name() }
    }

    /// Refuses a name that something has, unless that may go.
    fn check_name(&self) -> Result<(), Failure> {
        if self.overwrite || !self.output.exists() {
            return Ok(());
        }
        let message = format!("`{}` is there already", self.output.display());
        Err(Failure::new(Exit::CannotCreate, message)
            .hint("give another name, or put the new one in its place with `--overwrite`"))
    }

    /// Whether an earlier run was killed between the name and the journal's end.
    fn has_its_name(&self, journal: &Journal) -> bool {
        journal.is_whole && !self.part.exists() && has_length(&self.output, journal.bytes)
    }

    /// Finds what an earlier run has left, or begins.
    pub(super) fn open(&self, wish: &Wish) -> Result<Left, Failure> {
        let Some(text) = self.read()? else { return self.begin(wish) };
        let journal = self.journal_in(&text)?;
        if let Some(differs) = journal.wish.differs(wish) {
            if !journal.is_whole && journal.pages == 0 && has_nothing(&self.part) {
                self.forget()?;
                return self.begin(wish);
            }
            let message = format!("`{}` is of another export: {differs}", self.journal.display());
            return Err(restart(Failure::new(Exit::BadConfiguration, message)));
        }
        if journal.is_whole {
            return Ok(Left::Whole(journal));
        }
        let mut file = match open_own(&self.part) {
            // Killed before the first row.
            Err(error) if error.is_missing() && journal.bytes == 0 => self.make_part()?,
            file => file.map_err(|error| self.lost(&error))?,
        };
        let length = file.metadata().map_err(|error| self.lost(&error))?.len();
        if length < journal.bytes {
            let message = format!(
                "`{}` has {length} bytes, and its journal says that {} were good: somebody has changed it",
                self.part.display(),
                journal.bytes
            );
            return Err(restart(Failure::new(Exit::BadData, message)));
        }
        file.set_len(journal.bytes)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(|error| self.unwritable(&error))?;
        Ok(Left::Open(journal, Box::new(file)))
    }

    fn begin(&self, wish: &Wish) -> Result<Left, Failure> {
        if self.part.exists() {
            let message = format!("`{}` is there, and no journal of it", self.part.display());
            return Err(Failure::new(Exit::CannotCreate, message).hint("`--restart` throws it away"));
        }
        let journal = Journal {
            version: VERSION,
            wish: wish.clone(),
            rows: 0,
            bytes: 0,
            pages: 0,
            next: None,
            columns: None,
            is_whole: false,
        };
        self.save(&journal)?;
        Ok(Left::Open(journal, Box::new(self.make_part()?)))
    }

    /// Takes away what an export has begun that has got nothing: it would only be in the way of another.
    pub(super) fn take_back(&self, journal: &Journal) {
        if !journal.is_whole && journal.pages == 0 && has_nothing(&self.part) {
            // Not removed, it is gone on with, or told.
            let _ = self.forget();
        }
    }

    fn make_part(&self) -> Result<File, Failure> {
        File::create_new(&self.part).map_err(|error| self.unwritable(&error))
    }

    /// The journal's text, where there is one.
    fn read(&self) -> Result<Option<String>, Failure> {
        match read_own_bounded(&self.journal, LIMIT) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn journal_in(&self, text: &str) -> Result<Journal, Failure> {
        let any: OfAnyVersion = serde_json::from_str(text).map_err(|error| self.damaged(&error.to_string()))?;
        if any.version != VERSION {
            let message = format!("`{}` is of another version: {}, not {VERSION}", self.journal.display(), any.version);
            return Err(restart(Failure::new(Exit::BadData, message)));
        }
        serde_json::from_str(text).map_err(|error| self.damaged(&error.to_string()))
    }

    /// What is no journal of an export is not thrown away: it may be somebody else's.
    fn damaged(&self, what: &str) -> Failure {
        let message = format!("`{}` is damaged, or no journal of an export: {what}", self.journal.display());
        Failure::new(Exit::BadData, message)
            .hint("delete it by hand, when nothing else needs it; another `--output-file` leaves it alone")
    }

    /// Adds what a page came to, and says so in the journal.
    pub(super) fn add(&self, file: &mut File, text: &str, journal: &mut Journal) -> Result<(), Failure> {
        file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).map_err(|error| self.unwritable(&error))?;
        journal.bytes += text.len() as u64;
        self.save(journal)
    }

    /// Adds what stands behind the last row. The journal counts it when all is there: a run that comes after one that was
    /// killed here writes it again.
    pub(super) fn close(&self, file: &mut File, text: &str, journal: &mut Journal) -> Result<(), Failure> {
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| self.unwritable(&error))?;
        journal.bytes += text.len() as u64;
        Ok(())
    }

    fn save(&self, journal: &Journal) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(journal).unwrap_or_default();
        Ok(write_private(&self.journal, format!("{text}\n").as_bytes())?)
    }

    /// All is there: gives the file its name.
    pub(super) fn end(&self, journal: &mut Journal) -> Result<(), Failure> {
        if !journal.is_whole {
            journal.is_whole = true;
            self.save(journal)?;
        }
        if !self.has_its_name(journal) {
            // Somebody may have made a file of that name meanwhile.
            self.check_name()?;
            open_own(&self.part).map_err(|error| self.lost(&error))?;
            std::fs::rename(&self.part, &self.output).map_err(|error| self.lost(&error))?;
        }
        remove(&self.journal)?;
        self.sweep();
        Ok(())
    }

    /// Removes journals that killed runs were about to write.
    fn sweep(&self) {
        let Some(folder) = self.journal.parent() else { return };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let begin = format!(".{}.", self.journal.file_name().unwrap_or_default().to_string_lossy());
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| name.starts_with(&begin) && name.ends_with(UNFINISHED)) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    fn unwritable(&self, error: &io::Error) -> Failure {
        let failure = Failure::new(Exit::CannotCreate, format!("cannot write `{}`: {error}", self.part.display()));
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                failure.hint("make room for it")
            }
            _ => failure,
        }
    }

    fn lost(&self, error: &dyn std::error::Error) -> Failure {
        let message = format!("cannot go on with `{}`, which its journal is about: {error}", self.part.display());
        restart(Failure::new(Exit::CannotCreate, message))
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if let Some(lock) = self.lock.take() {
            lock.remove();
        }
    }
}

fn has_length(file: &Path, bytes: u64) -> bool {
    std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.len() == bytes)
}

/// Whether there is no such file, or an empty one.
fn has_nothing(file: &Path) -> bool {
    match file.symlink_metadata() {
        Ok(found) => found.is_file() && found.len() == 0,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn restart(failure: Failure) -> Failure {
    failure.hint("`--restart` throws away what an earlier run has got; another `--output-file` leaves it alone")
}

fn remove(file: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::new(Exit::CannotCreate, format!("cannot remove `{}`: {error}", file.display())))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
