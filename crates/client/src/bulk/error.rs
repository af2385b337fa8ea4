//! Why a load ended before its end, or never began.

use std::io;
use std::path::{Path, PathBuf};

use keyholder_platform::{FileError, LockError};

use crate::error::{Error, ErrorKind};

/// What is done about a column that cannot be loaded.
pub(super) const LEAVE_OUT: &str = "leave the column out";

/// Why a load ended before its end, or never began. What was done until then is in the journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The org, or the way there.
    #[error(transparent)]
    Org(#[from] Error),
    /// The rows cannot be read.
    #[error("cannot read the rows: {0}")]
    Unreadable(#[source] io::Error),
    /// A file cannot be read or written.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    File {
        /// What was tried: "write", "read".
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was given to be loaded cannot be: nothing of it was sent.
    #[error("{problem}")]
    Input {
        /// What is wrong, in a sentence.
        problem: String,
        /// What to do about it.
        hints: Vec<String>,
    },
    /// A column that the table does not have.
    #[error("{place} names the column `{column}`, which the table `{table}` does not have")]
    UnknownColumn {
        /// Where it stands.
        place: String,
        /// As it stands there.
        column: String,
        /// The table's logical name.
        table: String,
        /// What the table has.
        known: Vec<String>,
    },
    /// Several columns that the file names, or should name, do not fit the table.
    #[error("the columns of the file do not fit the table:{}", listed(problems, *more))]
    Columns {
        /// What is wrong, column by column.
        problems: Vec<LoadError>,
        /// How many more problems there are that are not told.
        more: usize,
        /// Those columns of the file, as it calls them.
        columns: Vec<String>,
    },
    /// The journal is another load's.
    #[error("`{}` is the journal of another load: {difference}", path.display())]
    OtherLoad {
        /// The journal.
        path: PathBuf,
        /// What is different, as "its file was ... and is ... now".
        difference: String,
    },
    /// The journal was removed, moved or replaced while the load ran: what is done from then on would be known to nobody.
    #[error("the journal `{}` was removed, moved or replaced while the load ran", path.display())]
    JournalGone {
        /// Where it was.
        path: PathBuf,
    },
    /// Another process works with this journal, or loads this file.
    #[error("another run works with `{}` now", path.display())]
    InUse {
        /// The journal, or the file with the rows.
        path: PathBuf,
    },
    /// The org refused every row of several requests in a row for one and the same reason. They are not written down as
    /// rejected: a load that goes on tries them again.
    #[error("the org refused each of {rows} rows in a row, all for the same reason: {reason}")]
    AllRefused {
        /// How many rows they were.
        rows: u64,
        /// The org's code: `0x80040265`.
        code: String,
        /// What it said of the first.
        reason: String,
    },
    /// The file changed under the load.
    #[error("`{}` changed while it was loaded", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// Somebody asked to stop.
    #[error("stopped before all rows were loaded")]
    Stopped,
}

fn listed(problems: &[LoadError], more: usize) -> String {
    let lines: Vec<String> = problems.iter().map(|problem| format!("\n  {problem}")).collect();
    let more = if more == 0 { String::new() } else { format!("\n  and {more} more") };
    lines.concat() + &more
}

impl From<FileError> for LoadError {
    fn from(error: FileError) -> Self {
        Self::input(error.to_string())
    }
}

impl LoadError {
    pub(super) fn unreadable(source: io::Error) -> Self {
        Self::Unreadable(source)
    }

    pub(super) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::File { doing, path, source }
    }

    pub(super) fn lock(error: LockError) -> Self {
        match error {
            LockError::Held { path } => Self::InUse { path },
            LockError::File(error) => error.into(),
        }
    }

    pub(super) fn input(problem: impl Into<String>) -> Self {
        Self::Input { problem: problem.into(), hints: Vec::new() }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        match self {
            Self::Input { problem, mut hints } => {
                hints.push(hint.into());
                Self::Input { problem, hints }
            }
            other => other,
        }
    }

    /// The exit code's kind.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Org(error) => error.kind(),
            Self::Unreadable(_) | Self::File { .. } | Self::InUse { .. } | Self::JournalGone { .. } | Self::Stopped => {
                ErrorKind::Other
            }
            Self::Input { .. }
            | Self::UnknownColumn { .. }
            | Self::Columns { .. }
            | Self::AllRefused { .. }
            | Self::Changed { .. } => ErrorKind::BadData,
            Self::OtherLoad { .. } => ErrorKind::Configuration,
        }
    }

    /// What the reader can do about it, most likely first; may be empty.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Org(error) => error.hints(),
            Self::Input { hints, .. } => hints.clone(),
            Self::Columns { problems, columns, .. } => {
                let mut hints: Vec<String> = Vec::new();
                for hint in problems.iter().flat_map(Self::hints) {
                    // That is said of all together.
                    if hint != LEAVE_OUT && !hints.contains(&hint) {
                        hints.push(hint);
                    }
                }
                if !columns.is_empty() {
                    let maps: Vec<String> = columns.iter().map(|column| format!("--map '{column}='")).collect();
                    hints.push(format!("those columns are left out with `{}`", maps.join(" ")));
                }
                hints
            }
            Self::OtherLoad { .. } => {
                vec![
                    "give this load a journal of its own, or delete that one if its load is not to be continued"
                        .to_owned(),
                ]
            }
            Self::InUse { .. } => vec!["wait until that run has ended, or stop it".to_owned()],
            Self::AllRefused { .. } => vec![
                "none of them was rejected for it: once the reason is mended, they are tried again".to_owned(),
                "where the rows are bad indeed, `--mode single` rejects them, however many they are".to_owned(),
            ],
            Self::Changed { .. } => {
                vec!["put the file back as it was and continue, or load the changed one with a new journal".to_owned()]
            }
            Self::JournalGone { path } => {
                let path = path.display();
                vec![
                    format!("where it was moved, put it back as `{path}` and run the same command again"),
                    "where it is lost, the same command would load all rows anew: take those that are in the org out of \
                     the file, or load by a key"
                        .to_owned(),
                ]
            }
            Self::File { doing, source, .. } => vec![
                match (source.kind(), doing.starts_with("write")) {
                    (io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, true) => {
                        "its folder has to be there before the load begins: make it, or name another file"
                    }
                    (io::ErrorKind::NotFound | io::ErrorKind::NotADirectory, false) => {
                        "see that its name is right, and that it is given from the folder where you are"
                    }
                    (_, true) => "see that there is room on the disk and that you may write there",
                    (_, false) => "see that you may read it",
                }
                .to_owned(),
            ],
            Self::Unreadable(_) | Self::UnknownColumn { .. } | Self::Stopped => Vec::new(),
        }
    }
}
