//! The data folder: what a local org keeps between runs, and who may use it.
//!
//! ```text
//! .keyholder/             0700, with a .gitignore of `*`
//!   lock            0600  held by the process that serves or opens the folder
//!   running.json    0600  while an org runs: where it is and the key of its control endpoint
//!   world.json      0600  which tenants and orgs there are, and where their databases
//!   database.json   0600  instead of that, and of keys, states and snapshots: in which database of PostgreSQL
//!   ca.pem, ca.key  0600  the certificate authority
//!   signing-N.pem   0600  the token service's private keys, the newest signs
//!   state-N/              the databases:
//!     directory.db  0600  tenants, applications, principals, users
//!     orgs/ID.db    0600  one org's rows
//!   snapshots/            earlier states, by name
//!   org.env         0600  what a client needs, and the administrators' secrets
//!   DOMAIN.env      0600  the same for a further tenant
//!   PERSONA.env     0600  somebody to try things as; PERSONA@DOMAIN.env in a further tenant
//! ```
//!
//! An ephemeral world is the same in a temporary folder.

mod record;

use std::path::{Path, PathBuf};

use keyholder_foundation::{OrgId, Secret};
use keyholder_platform::{
    FileError, FolderLock, LockError, create_private_folder, make_private_file, read_bounded, write_private,
    write_private_passing,
};
use serde::{Deserialize, Serialize};

use record::WORLD_FORMAT;
pub use record::{AdministratorsEntry, OrgEntry, PersonaEntry, Pretence, SecurityGroup, TenantEntry, World};

/// What can be wrong with a data folder.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Another process has it: an org that runs or is starting, or a command for a moment.
    #[error("the data folder `{}` is in use by a running org or another command; try again in a moment", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A file in it does not say what it should.
    #[error("`{}` is damaged: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It was written by a later version of Keyholder.
    #[error("`{}` was written by a later version of Keyholder (format {found}, this one reads up to {known})", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that this version reads.
        known: u32,
    },
    /// The folder has other things in it.
    #[error("`{}` is not empty and holds no local org", path.display())]
    NotOurs {
        /// The folder.
        path: PathBuf,
    },
    /// The folder's world is in a database.
    #[error(
        "the local org of `{}` is in the database {place}: set KEYHOLDER_DATABASE_URL or give --database-url-file, and set \
         KEYHOLDER_MASTER_KEY_FILE", path.display()
    )]
    InDatabase {
        /// The folder.
        path: PathBuf,
        /// The database's address, without user and password.
        place: String,
    },
    /// The folder's world is in another database than the one that was given.
    #[error(
        "the local org of `{}` is in the database {known}, and the URL given names {given}: give the URL that was given \
         before, or another folder with --data", path.display()
    )]
    InOtherDatabase {
        /// The folder.
        path: PathBuf,
        /// The database's address, without user and password.
        known: String,
        /// The other one's.
        given: String,
    },
    /// The folder's world is not in a database.
    #[error(
        "`{}` holds a local org of its own, which is not in the database {place}: give another folder with --data, or \
         start without a database's address", path.display()
    )]
    NotInDatabase {
        /// The folder.
        path: PathBuf,
        /// The database's address, without user and password.
        place: String,
    },
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Where the world is of a folder that has none of its own: `database.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InDatabase {
    format: u32,
    place: String,
}

const DATABASE: &str = "database.json";
const DATABASE_FORMAT: u32 = 1;

/// What a running org tells other commands on the same machine.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunningNote {
    /// Its process.
    pub pid: u32,
    /// Where it answers.
    pub origin: String,
    /// The loopback address of its control endpoint: this machine need not know the origin's name.
    pub control: String,
    /// Whether it ends with a command that has something else to do: others wait for that end.
    #[serde(default)]
    pub is_passing: bool,
    /// The key of its control endpoint, new at each start.
    key: String,
}

impl RunningNote {
    pub(crate) fn new(pid: u32, origin: String, control: String, key: &Secret) -> Self {
        Self { pid, origin, control, is_passing: false, key: key.expose().to_owned() }
    }

    pub(crate) fn passing(mut self, is_passing: bool) -> Self {
        self.is_passing = is_passing;
        self
    }

    /// The key of the control endpoint.
    #[must_use]
    pub fn key(&self) -> Secret {
        Secret::new(self.key.clone())
    }
}

const LARGEST_FILE: u64 = 1024 * 1024;

/// The databases of one state of the world.
#[derive(Debug, Clone)]
pub(crate) struct StateFolder(PathBuf);

impl StateFolder {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn directory_file(&self) -> PathBuf {
        self.0.join("directory.db")
    }

    pub(crate) fn org_file(&self, org: OrgId) -> PathBuf {
        self.0.join("orgs").join(format!("{org}.db"))
    }

    /// Makes the folder where it is missing.
    pub(crate) fn create(&self) -> Result<(), FolderError> {
        create_private_folder(&self.0)?;
        Ok(create_private_folder(&self.0.join("orgs"))?)
    }
}

/// A data folder's path and the names in it. Nothing is touched until a method is called.
#[derive(Debug, Clone)]
pub struct DataFolder {
    path: PathBuf,
}

impl DataFolder {
    /// The folder at `path`, made absolute so that a change of directory cannot move it.
    ///
    /// # Errors
    /// [`FolderError::File`] when the current directory is gone.
    pub fn new(path: &Path) -> Result<Self, FolderError> {
        let absolute = std::path::absolute(path).map_err(|source| FileError::Io {
            doing: "find",
            path: path.to_path_buf(),
            source,
        })?;
        // The path stands in env files and messages: one folder has one, however it was typed.
        let real = absolute.ancestors().find_map(|known| {
            let made = absolute.strip_prefix(known).ok()?;
            known.canonicalize().ok().map(|real| if made.as_os_str().is_empty() { real } else { real.join(made) })
        });
        Ok(Self { path: real.unwrap_or(absolute) })
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in the folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The file that clients are told to trust.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// The file with what a client needs.
    #[must_use]
    pub fn env_file(&self) -> PathBuf {
        self.file("org.env")
    }

    /// The folder of the state with this number.
    pub(crate) fn state(&self, number: u32) -> StateFolder {
        StateFolder(if number == 0 { self.path.clone() } else { self.file(&format!("state-{number}")) })
    }

    /// The folder of the snapshot with this number.
    pub(crate) fn snapshot(&self, number: u32) -> StateFolder {
        StateFolder(self.file("snapshots").join(number.to_string()))
    }

    /// Makes a database's file before SQLite does, for this user alone; its log takes its rights.
    pub(crate) fn private_database(&self, path: PathBuf) -> Result<PathBuf, FolderError> {
        make_private_file(&path)?;
        Ok(path)
    }

    /// Whether a local org has ever been made here.
    ///
    /// # Errors
    /// [`FolderError::File`] when that cannot be told: the folder is not ours to look into, or is
    /// none.
    pub fn exists(&self) -> Result<bool, FolderError> {
        Ok(self.has("world.json")? || self.has(DATABASE)?)
    }

    fn has(&self, name: &str) -> Result<bool, FolderError> {
        let path = self.file(name);
        match std::fs::symlink_metadata(&path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(FileError::Io { doing: "look for", path, source }.into()),
        }
    }

    /// Refuses a folder whose world is elsewhere than in this database.
    pub(crate) fn may_be_in_database(&self, place: &str) -> Result<(), FolderError> {
        let (path, place) = (self.path.clone(), place.to_owned());
        match self.in_database()? {
            Some(known) if known == place => Ok(()),
            Some(known) => Err(FolderError::InOtherDatabase { path, known, given: place }),
            None if self.has("world.json")? => Err(FolderError::NotInDatabase { path, place }),
            None => Ok(()),
        }
    }

    /// Notes that the folder's world is in this database, which it may be. Only once the world was
    /// met there: a folder is not tied to a URL with a slip in it.
    pub(crate) fn be_in_database(&self, place: &str) -> Result<(), FolderError> {
        if self.in_database()?.is_some() {
            return Ok(());
        }
        let note = InDatabase { format: DATABASE_FORMAT, place: place.to_owned() };
        self.write(DATABASE, serde_json::to_string_pretty(&note).unwrap_or_default().as_bytes())
    }

    /// Refuses a folder whose world is in a database.
    pub(crate) fn be_by_itself(&self) -> Result<(), FolderError> {
        match self.in_database()? {
            Some(place) => Err(FolderError::InDatabase { path: self.path.clone(), place }),
            None => Ok(()),
        }
    }

    fn in_database(&self) -> Result<Option<String>, FolderError> {
        if !self.has(DATABASE)? {
            return Ok(None);
        }
        let note: InDatabase = self.parse(DATABASE, &self.read(DATABASE)?)?;
        if note.format > DATABASE_FORMAT {
            return Err(FolderError::Newer { path: self.file(DATABASE), found: note.format, known: DATABASE_FORMAT });
        }
        Ok(Some(note.place))
    }

    /// Makes the folder where it is missing and locks it for this process.
    ///
    /// # Errors
    /// [`FolderError::InUse`] when an org runs on it, [`FolderError::NotOurs`] when it is a
    /// folder of something else.
    pub fn open(&self) -> Result<FolderLock, FolderError> {
        // Nothing is narrowed or written in a folder that may be somebody else's.
        let has_world = self.exists()? && (self.world()?.is_some() || self.in_database()?.is_some());
        if !has_world && self.is_foreign() {
            return Err(FolderError::NotOurs { path: self.path.clone() });
        }
        create_private_folder(&self.path)?;
        let lock = FolderLock::take(&self.path, "lock").map_err(|error| match error {
            LockError::Held { .. } => FolderError::InUse { path: self.path.clone() },
            LockError::File(file) => file.into(),
        })?;
        // Whoever held the folder before is gone: from here on a note means that the holder serves.
        self.remove_note();
        self.remove_strays();
        if !self.file(".gitignore").exists() {
            write_private(&self.file(".gitignore"), b"*\n")?;
        }
        Ok(lock)
    }

    /// Removes what a process left that was killed while it wrote: half files beside the real ones.
    /// Only the folder's holder may: nobody else writes then.
    fn remove_strays(&self) {
        let Ok(entries) = std::fs::read_dir(&self.path) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if is_unfinished(&name) {
                // One that stays does no harm but to the eye.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    /// Whether a folder without a world has anything in it that is not made before the world is.
    fn is_foreign(&self) -> bool {
        let Ok(entries) = std::fs::read_dir(&self.path) else { return false };
        let (mut any, mut is_locked) = (false, false);
        for entry in entries.flatten() {
            any = true;
            let name = entry.file_name();
            let is_ours = match name.to_str().unwrap_or_default() {
                "lock" => {
                    is_locked = entry.metadata().is_ok_and(|lock| lock.is_file() && lock.len() == 0);
                    is_locked
                }
                ".gitignore" | "orgs" | "ca.pem" | "ca.key" => true,
                // Being written when the process was killed.
                name => is_unfinished(name),
            };
            if !is_ours {
                return true;
            }
        }
        any && !is_locked
    }

    /// The org that runs on this folder, if one does. Only the lock decides that: a note left by
    /// a killed process is not believed.
    ///
    /// # Errors
    /// [`FolderError`] when the lock or the note cannot be read.
    pub fn running(&self) -> Result<Option<RunningNote>, FolderError> {
        if !self.file("lock").exists() {
            return Ok(None);
        }
        match FolderLock::take(&self.path, "lock") {
            Ok(_) => Ok(None),
            Err(LockError::File(file)) => Err(file.into()),
            Err(LockError::Held { .. }) => match self.read("running.json") {
                Ok(text) => self.parse("running.json", &text).map(Some),
                // Another command has the folder open for a moment, or the org is starting.
                Err(FolderError::File(file)) if file.is_missing() => {
                    Err(FolderError::InUse { path: self.path.clone() })
                }
                Err(error) => Err(error),
            },
        }
    }

    /// The origin that the org of this folder had last, as its `org.env` says; none where there is no
    /// such file, or it cannot be read.
    #[must_use]
    pub fn last_origin(&self) -> Option<String> {
        let file = crate::env_file::read(&self.env_file()).ok().flatten()?;
        file.get(crate::env_file::names::ORIGIN).map(|variable| variable.value.expose().to_owned())
    }

    pub(crate) fn write_note(&self, note: &RunningNote) -> Result<(), FolderError> {
        let text = serde_json::to_string(note).unwrap_or_default();
        Ok(write_private_passing(&self.file("running.json"), text.as_bytes())?)
    }

    pub(crate) fn remove_note(&self) {
        // Left behind it is not believed; taken away it does not puzzle anyone.
        let _ = std::fs::remove_file(self.file("running.json"));
    }

    /// The folder's tenants and orgs; `None` when it is new.
    ///
    /// # Errors
    /// [`FolderError::Damaged`] or [`FolderError::Newer`].
    pub fn world(&self) -> Result<Option<World>, FolderError> {
        const NAME: &str = "world.json";
        let text = match self.read(NAME) {
            Ok(text) => text,
            Err(FolderError::File(file)) if file.is_missing() => return Ok(None),
            Err(error) => return Err(error),
        };
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } = self.parse(NAME, &text)?;
        if format > WORLD_FORMAT {
            return Err(FolderError::Newer { path: self.file(NAME), found: format, known: WORLD_FORMAT });
        }
        let world: World = self.parse(NAME, &text)?;
        if world.first().is_none() {
            return Err(self.damaged(NAME, "it names no org".to_owned()));
        }
        Ok(Some(world))
    }

    pub(crate) fn write_world(&self, world: &World) -> Result<World, FolderError> {
        let world = World { format: WORLD_FORMAT, ..world.clone() };
        let text = serde_json::to_string_pretty(&world).unwrap_or_default();
        self.write("world.json", text.as_bytes())?;
        Ok(world)
    }

    pub(crate) fn read(&self, name: &str) -> Result<String, FolderError> {
        Ok(read_bounded(&self.file(name), LARGEST_FILE)?)
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<(), FolderError> {
        Ok(write_private(&self.file(name), content)?)
    }

    pub(crate) fn damaged(&self, name: &str, why: String) -> FolderError {
        FolderError::Damaged { path: self.file(name), why }
    }

    pub(crate) fn parse<T: for<'de> Deserialize<'de>>(&self, name: &str, text: &str) -> Result<T, FolderError> {
        // The parser's own message may quote what it met, and these files hold secrets.
        serde_json::from_str(text).map_err(|e| {
            self.damaged(name, format!("not the JSON it should be, at line {} column {}", e.line(), e.column()))
        })
    }
}

/// Whether a file of this name was being written when its process was killed.
fn is_unfinished(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(keyholder_platform::files::UNFINISHED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, DataFolder) {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::new(&parent.path().join("data")).unwrap();
        (parent, folder)
    }

    #[test]
    fn one_process_has_the_folder_and_it_stays_out_of_git() {
        let (_parent, folder) = folder();
        assert!(folder.running().unwrap().is_none());
        let lock = folder.open().unwrap();
        assert!(matches!(folder.open(), Err(FolderError::InUse { .. })));
        assert_eq!(folder.read(".gitignore").unwrap(), "*\n");
        folder
            .write_note(&RunningNote::new(
                1,
                "https://localhost:1".into(),
                "https://127.0.0.1:1".into(),
                &Secret::new("k"),
            ))
            .unwrap();
        assert_eq!(folder.running().unwrap().unwrap().origin, "https://localhost:1");
        drop(lock);
        assert!(folder.running().unwrap().is_none(), "a note without the lock is not believed");
    }

    #[test]
    fn another_folder_is_left_alone() {
        for (name, content) in [("thesis.tex", ""), ("lock", "pid 7"), ("ca.pem", ""), ("world.json", "[]")] {
            let (_parent, folder) = folder();
            std::fs::create_dir_all(folder.path()).unwrap();
            std::fs::write(folder.file(name), content).unwrap();
            let error = folder.open().unwrap_err();
            assert!(matches!(error, FolderError::NotOurs { .. } | FolderError::Damaged { .. }), "{name}: {error}");
            let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().map(|e| e.file_name()).collect();
            assert_eq!(left, [name], "nothing is written");
        }
    }

    #[test]
    fn a_start_that_was_killed_early_can_be_made_again() {
        let (_parent, folder) = folder();
        drop(folder.open().unwrap());
        folder.write("ca.key", b"k").unwrap();
        std::fs::write(folder.file(".world.json.7.new"), "{").unwrap();
        folder.open().unwrap();
    }

    #[test]
    fn the_note_of_a_killed_org_is_not_believed_while_a_command_has_the_folder() {
        let (_parent, folder) = folder();
        let killed = folder.open().unwrap();
        let id = "11111111-2222-3333-4444-555555555555";
        let org = format!(r#"{{"id":"{id}","name":"x"}}"#);
        let tenant = format!(r#"{{"id":"{id}","domain":"x.example","orgs":[{org}]}}"#);
        folder
            .write("world.json", format!(r#"{{"format":1,"complete":true,"tenants":[{tenant}]}}"#).as_bytes())
            .unwrap();
        folder
            .write_note(&RunningNote::new(
                1,
                "https://localhost:1".into(),
                "https://127.0.0.1:1".into(),
                &Secret::new("k"),
            ))
            .unwrap();
        drop(killed);
        let _command = folder.open().unwrap();
        let error = folder.running().err().unwrap();
        assert!(matches!(error, FolderError::InUse { .. }) && error.to_string().contains("try again"), "{error}");
    }

    #[test]
    fn the_lock_and_databases_are_private() {
        let (_parent, folder) = folder();
        let _lock = folder.open().unwrap();
        assert!(keyholder_platform::is_private(&folder.file("lock")).unwrap());
        let database = folder.private_database(folder.file("directory.db")).unwrap();
        assert!(keyholder_platform::is_private(&database).unwrap());
    }

    #[test]
    fn a_folder_in_another_database_than_the_one_given_says_both() {
        let (_parent, folder) = folder();
        let _lock = folder.open().unwrap();
        let (known, given) = ("postgres://db:5432/world", "postgres://db:5432/wolrd");
        folder.may_be_in_database(given).unwrap();
        folder.may_be_in_database(known).unwrap();
        folder.be_in_database(known).unwrap();
        folder.may_be_in_database(known).unwrap();
        let said = folder.may_be_in_database(given).unwrap_err().to_string();
        assert!(said.contains(&format!("{known},")) && said.contains(&format!("{given}:")), "{said}");
        assert!(said.contains("give the URL that was given before") && said.contains("--data"), "{said}");
    }

    #[test]
    fn a_damaged_or_newer_world_is_named() {
        let (_parent, folder) = folder();
        let _lock = folder.open().unwrap();
        assert!(folder.world().unwrap().is_none());
        for (text, newer) in
            [("{", false), (r#"{"format":1,"complete":true,"tenants":[]}"#, false), (r#"{"format":9}"#, true)]
        {
            folder.write("world.json", text.as_bytes()).unwrap();
            match folder.world().unwrap_err() {
                FolderError::Newer { .. } => assert!(newer, "{text}"),
                FolderError::Damaged { path, .. } => assert!(!newer && path.ends_with("world.json"), "{text}"),
                other => panic!("{other}"),
            }
        }
    }
}
