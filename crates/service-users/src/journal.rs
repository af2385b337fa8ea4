//! The journal: what is somebody else's and merely borrowed, written down before it is taken.
//!
//! Everything that Keyholder makes can be observed and so needs no record. A loan cannot: a licence
//! on a user, or System Administrator on an application, looks the same whoever put it there. So a
//! loan is recorded before it is taken and struck out after it was given back; what a killed run
//! left, any later run finds here and gives back. One thing more cannot be observed: that a key on a
//! new application, meant for a program that gives nothing back, is of a run from here. It is recorded
//! until the application is in use, which then tells. And while a credential is being made, replaced or revoked its record's
//! lock keeps every other run on this machine from doing so too; so it does for as long as a program runs that a killed
//! run has started, which may yet write what that run gave it. Such a record names what the run asked the directory for,
//! before it asks: a later run knows by that what is its own to finish, and what is another machine's.
//!
//! Each loan is one file that only its owner may read, named after what is lent: recording the same
//! loan twice is recording it once. Whoever works with a loan holds a lock of the operating system's
//! on it, which ends with the process: a loan that is locked is in use, one that is not was left
//! behind. Nothing secret stands in it.

mod notes;

use std::path::{Path, PathBuf};

use keyholder_foundation::{ClientId, KeyId, ObjectId, Timestamp};
use keyholder_platform::{FileError, FolderLock, LockError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::sink::is_place_id;

pub(crate) use notes::{Made, Notes};

/// No record is longer, in bytes.
const LONGEST: u64 = 16 * 1024;
/// How the name of a record ends.
const RECORD: &str = "loan";
/// How the name of a record's lock ends.
const LOCK: &str = "lock";

/// Something that is borrowed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Loan {
    /// A licence, for a person who is to become a non-interactive user.
    Licence {
        /// The tenant's id.
        tenant: String,
        /// The person's object id.
        person: ObjectId,
        /// The licence's id.
        sku: Uuid,
        /// The person's user name, for people.
        user_name: String,
        /// The licence's name (SKU part number), for people.
        part_number: String,
    },
    /// System Administrator, which Power Platform's `addAppUser` gives to an application.
    Elevation {
        /// The org's address.
        org: String,
        /// The application.
        client_id: ClientId,
        /// Where its key is, by which it can take the role off itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<KeyFile>,
    },
    /// A key that was made for a program which does not give it back, on an application that is not in use yet.
    Key {
        /// The tenant, by its authority.
        tenant: String,
        /// The application.
        client_id: ClientId,
    },
    /// A credential that is being made, replaced or revoked from here: what its record says was made and is half done is
    /// this machine's to finish.
    Rotation {
        /// The tenant, by its authority.
        tenant: String,
        /// Whose: the application, or the person.
        owner: Uuid,
        /// The place that holds it: its id, where it has one, and its name.
        place: String,
    },
}

/// A file that holds an application's key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyFile {
    /// Its path.
    pub path: PathBuf,
    /// Whether it is an env file; otherwise it holds the secret, or key and certificate, alone.
    pub is_env: bool,
}

impl Loan {
    /// What identifies the loan: names for people may change under it.
    fn key(&self) -> String {
        match self {
            Self::Licence { tenant, person, sku, .. } => format!("licence\0{tenant}\0{person}\0{sku}"),
            Self::Elevation { org, client_id, .. } => format!("elevation\0{org}\0{client_id}"),
            Self::Key { tenant, client_id } => format!("key\0{tenant}\0{client_id}"),
            // A label in the directory tells the id whole, and a long name cut.
            Self::Rotation { tenant, owner, place } => {
                let id = place.split_once(' ').map(|(id, _)| id).filter(|id| is_place_id(id));
                format!("rotation\0{tenant}\0{owner}\0{}", id.unwrap_or(place))
            }
        }
    }

    /// Whether both are one loan, whatever else is said of it.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.key() == other.key()
    }

    fn name(&self) -> String {
        let hash = Sha256::digest(self.key().as_bytes());
        hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Why the journal cannot be kept. Without it nothing may be borrowed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file system said no.
    #[error("the journal of what is borrowed cannot be kept: {0}")]
    File(#[from] FileError),
    /// A record that cannot be read.
    #[error("`{}` is no record of a loan", path.display())]
    Damaged {
        /// The record's file.
        path: PathBuf,
    },
    /// Another run works with this very loan now.
    #[error("another run of keyholder is working with this loan now (`{}` is locked)", path.display())]
    InUse {
        /// The lock's file.
        path: PathBuf,
    },
}

impl JournalError {
    /// What the reader can do about it.
    #[must_use]
    pub fn hints(&self) -> Vec<String> {
        vec![match self {
            Self::File(_) => "the folder must be one that you may write to".to_owned(),
            Self::Damaged { .. } => "look what is in it, give back by hand what it names, and delete it".to_owned(),
            Self::InUse { .. } => "wait until that run has ended, or stop it".to_owned(),
        }]
    }
}

/// A loan that is recorded, and that this run alone works with.
#[derive(Debug)]
pub struct Recorded {
    folder: PathBuf,
    name: String,
    /// What is lent.
    pub loan: Loan,
    /// Since when.
    pub since: Timestamp,
    lock: FolderLock,
}

#[derive(Serialize, Deserialize)]
struct Record {
    loan: Loan,
    since: String,
    #[serde(default, skip_serializing_if = "Notes::is_empty")]
    notes: Notes,
}

/// The loans that were not given back yet, in a folder of their own.
#[derive(Debug, Clone)]
pub struct Journal {
    folder: PathBuf,
}

impl Journal {
    /// The journal in that folder, which is made with the first record.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Records a loan. Take it only after this.
    ///
    /// # Errors
    /// [`JournalError::InUse`] when another run works with this loan, and what the file system says;
    /// then nothing may be taken.
    pub fn record(&self, loan: Loan, now: Timestamp) -> Result<Recorded, JournalError> {
        keyholder_platform::create_private_folder(&self.folder)?;
        let name = loan.name();
        let lock = self.lock(&name)?;
        if matches!(loan, Loan::Key { .. } | Loan::Rotation { .. }) {
            lock.hand_down()?;
        }
        let path = self.path(&name);
        // A record that stands says since when, and what was made.
        let (since, mut notes) = match read(&path) {
            Ok(record) => (Timestamp::parse(&record.since).unwrap_or(now), record.notes),
            Err(_) => (now, Notes::default()),
        };
        notes.drop_old(now);
        write(&path, &Record { loan: loan.clone(), since: since.to_string(), notes })?;
        Ok(Recorded { folder: self.folder.clone(), name, loan, since, lock })
    }

    /// What earlier runs left: every recorded loan that no run works with now.
    ///
    /// # Errors
    /// What the file system says, and [`JournalError::Damaged`] for a record that cannot be read.
    pub fn left(&self) -> Result<Vec<Recorded>, JournalError> {
        let mut left = Vec::new();
        for (name, record) in self.records()? {
            match self.lock(&name) {
                Ok(lock) => {
                    // Whoever held the lock until now may have struck the record out.
                    if !self.path(&name).exists() {
                        continue;
                    }
                    let since = since(&record, &self.path(&name))?;
                    left.push(Recorded { folder: self.folder.clone(), name, loan: record.loan, since, lock });
                }
                Err(JournalError::InUse { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(left)
    }

    /// Every recorded loan with the moment since when, whoever works with it.
    ///
    /// # Errors
    /// As [`Journal::left`].
    pub fn all(&self) -> Result<Vec<(Loan, Timestamp)>, JournalError> {
        let records = self.records()?.into_iter();
        records.map(|(name, record)| Ok((record.loan.clone(), since(&record, &self.path(&name))?))).collect()
    }

    /// Whether there is a record of a loan.
    pub(crate) fn has(&self, loan: &Loan) -> bool {
        self.path(&loan.name()).exists()
    }

    /// What the record of a loan says beside that, whoever works with it; nothing where there is none.
    ///
    /// # Errors
    /// As [`Journal::left`].
    pub(crate) fn notes(&self, loan: &Loan) -> Result<Notes, JournalError> {
        match read(&self.path(&loan.name())) {
            Ok(record) => Ok(record.notes),
            Err(JournalError::File(error)) if error.is_missing() => Ok(Notes::default()),
            Err(error) => Err(error),
        }
    }

    fn records(&self) -> Result<Vec<(String, Record)>, JournalError> {
        let failed = |source| FileError::Io { doing: "read", path: self.folder.clone(), source };
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            read => read.map_err(failed)?,
        };
        let mut records = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if path.extension().is_none_or(|ending| ending != RECORD) || name.starts_with('.') {
                continue;
            }
            match read(&path) {
                Ok(record) => records.push((name, record)),
                // Struck out since the folder was listed.
                Err(JournalError::File(error)) if error.is_missing() => {}
                Err(error) => return Err(error),
            }
        }
        records.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(records)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.{RECORD}"))
    }

    fn lock(&self, name: &str) -> Result<FolderLock, JournalError> {
        match FolderLock::take(&self.folder, &format!("{name}.{LOCK}")) {
            Ok(lock) => Ok(lock),
            Err(LockError::Held { path }) => Err(JournalError::InUse { path }),
            Err(LockError::File(error)) => Err(error.into()),
        }
    }
}

impl Recorded {
    /// Writes down that a credential is about to be asked for. Ask for it only after this.
    ///
    /// # Errors
    /// What the file system says; then nothing may be made.
    pub(crate) fn about_to_make(&self, made: Made) -> Result<(), JournalError> {
        self.change(|notes| notes.add(made))
    }

    /// Writes down which one the directory has made of it.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn answered(&self, asked: Made, id: KeyId) -> Result<(), JournalError> {
        self.change(|notes| notes.answered(asked, id))
    }

    /// Strikes out one that is revoked again.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn forget(&self, id: KeyId) -> Result<(), JournalError> {
        self.change(|notes| notes.forget(id))
    }

    /// Writes down that somebody is about to sign in from here with what the place holds, or has just done so.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn note_sign_in(&self, now: Timestamp) -> Result<(), JournalError> {
        self.change(|notes| notes.note_sign_in(now))
    }

    /// What the record says by now.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn notes(&self) -> Result<Notes, JournalError> {
        Ok(read(&self.path())?.notes)
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.{RECORD}", self.name))
    }

    fn change(&self, change: impl FnOnce(&mut Notes)) -> Result<(), JournalError> {
        let path = self.path();
        let mut record = read(&path)?;
        change(&mut record.notes);
        write(&path, &record)
    }

    /// Strikes the record out: what was borrowed is given back.
    ///
    /// # Errors
    /// What the file system says; the record then stands, and a later run gives back once more.
    pub fn strike(self) -> Result<(), JournalError> {
        let path = self.path();
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(FileError::Io { doing: "remove", path, source: error }.into());
            }
            _ => {}
        }
        self.lock.remove();
        Ok(())
    }
}

fn read(path: &Path) -> Result<Record, JournalError> {
    let text = keyholder_platform::read_bounded(path, LONGEST)?;
    serde_json::from_str(&text).map_err(|_| JournalError::Damaged { path: path.to_path_buf() })
}

fn write(path: &Path, record: &Record) -> Result<(), JournalError> {
    let text = serde_json::to_string(record).map_err(|_| JournalError::Damaged { path: path.to_path_buf() })?;
    Ok(keyholder_platform::write_private(path, text.as_bytes())?)
}

fn since(record: &Record, path: &Path) -> Result<Timestamp, JournalError> {
    Timestamp::parse(&record.since).map_err(|_| JournalError::Damaged { path: path.to_path_buf() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_800_000_000);
    const LATER: Timestamp = Timestamp::from_unix_seconds(1_800_000_060);

    fn licence(user_name: &str) -> Loan {
        Loan::Licence {
            tenant: "9f0c1f3e-7b7a-4a43-8d2a-0a8a6c9c6a01".to_owned(),
            person: ObjectId(Uuid::from_u128(7)),
            sku: Uuid::from_u128(8),
            user_name: user_name.to_owned(),
            part_number: "DYN365_ENTERPRISE_SALES".to_owned(),
        }
    }

    #[test]
    fn a_loan_is_recorded_once_found_by_later_runs_and_struck_out() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path().join("journal"));
        assert!(journal.left().unwrap().is_empty(), "a journal that was never written is empty");
        let recorded = journal.record(licence("a@b.c"), NOW).unwrap();
        assert!(journal.left().unwrap().is_empty(), "a loan in use was not left behind");
        assert_eq!(journal.all().unwrap(), [(licence("a@b.c"), NOW)]);
        assert!(matches!(journal.record(licence("a@b.c"), NOW), Err(JournalError::InUse { .. })));
        drop(recorded);
        // As a run that was killed leaves it.
        let again = journal.record(licence("renamed@b.c"), LATER).unwrap();
        assert_eq!(again.since, NOW, "the same loan");
        drop(again);
        let mut left = journal.left().unwrap();
        assert_eq!(left.len(), 1);
        left.remove(0).strike().unwrap();
        assert!(journal.all().unwrap().is_empty());
        assert_eq!(std::fs::read_dir(journal.folder()).unwrap().count(), 0);
    }

    #[test]
    fn a_record_keeps_what_was_made_until_it_is_struck_out_and_goes_by_the_id_of_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path());
        let of = |place: &str| Loan::Rotation {
            tenant: "contoso".to_owned(),
            owner: Uuid::from_u128(7),
            place: place.to_owned(),
        };
        let whole = of("0123456789ab /data/app.env");
        let recorded = journal.record(whole.clone(), NOW).unwrap();
        let made = Made { starts: NOW, ends: LATER, id: None };
        recorded.about_to_make(made).unwrap();
        drop(recorded);
        // A label has a long name cut.
        let again = journal.record(of("0123456789ab .env"), LATER).unwrap();
        assert!(!again.notes().unwrap().is_empty());
        again.answered(made, KeyId(Uuid::from_u128(1))).unwrap();
        again.forget(KeyId(Uuid::from_u128(1))).unwrap();
        assert!(again.notes().unwrap().is_empty());
        again.note_sign_in(LATER).unwrap();
        assert_eq!(journal.notes(&whole).unwrap().signed_in(), Some(LATER));
        assert_eq!(journal.notes(&of("ba9876543210 /data/app.env")).unwrap(), Notes::default());
        again.strike().unwrap();
        assert_eq!(journal.notes(&whole).unwrap(), Notes::default());
        // One of an earlier version says nothing of it; a person's place has no id.
        let earlier =
            r#"{"loan":{"kind":"key","tenant":"a","clientId":"00000000-0000-0000-0000-000000000007"},"since":""}"#;
        assert!(serde_json::from_str::<Record>(earlier).unwrap().notes.is_empty());
        assert_ne!(of("command vault").name(), of("command other").name());
    }

    #[test]
    fn a_record_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::new(folder.path());
        std::fs::write(folder.path().join("abc.loan"), "{").unwrap();
        std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        let error = journal.left().unwrap_err();
        assert!(error.to_string().contains("abc.loan"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_journal_that_cannot_be_written_lets_nothing_be_borrowed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("journal"), "a file").unwrap();
        let journal = Journal::new(folder.path().join("journal"));
        assert!(matches!(journal.record(licence("a@b.c"), NOW), Err(JournalError::File(_))));
    }
}
