//! Snapshots: earlier states of the world, kept by name, and the fresh one that every world has.
//!
//! A state is a folder of databases, and `world.json` says which one is in use. To restore is to
//! copy a snapshot's databases into a new state folder, to open them, and then to write `world.json`:
//! that one write is the moment at which the other state becomes true. A process that is killed
//! before it has the old state, and one that is killed after it the new; what it left lying about
//! is swept up at the next opening.
//!
//! Clients' own things are not in a snapshot: the certificate authority and the token service's
//! keys stay, so tokens that were issued meanwhile keep their signatures.

use std::collections::BTreeMap;
use std::path::Path;

use keyholder_foundation::Timestamp;
use keyholder_platform::{create_private_folder, make_private_file};
use keyholder_store::Database;
use serde::{Deserialize, Serialize};

use super::{ORGANIZATION_NAME, OpenWorld, State};
use crate::error::{Refused, StartError};
use crate::folder::{DataFolder, FolderError, StateFolder, TenantEntry, World};

const INDEX: &str = "snapshots/index.json";
const INDEX_FORMAT: u32 = 1;
/// Where env files wait in a state's folder until the state is in use.
const WAITING: &str = "env";

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its name.
    pub name: String,
    /// When it was taken, by the org's clock.
    pub taken: Timestamp,
}

impl Taken {
    /// `{"name":"before","taken":"2026-11-22T09:07:46Z"}`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({"name": self.name, "taken": self.taken.to_string()})
    }
}

/// `snapshots/index.json`: which folders hold which snapshots. Names stand here and not in the file
/// system, which may not tell `A` from `a`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    format: u32,
    /// The number of the last folder that was used.
    last: u32,
    /// The folder with the world as it was when it was new.
    fresh: Option<u32>,
    named: BTreeMap<String, Kept>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    folder: u32,
    taken: Timestamp,
}

impl Index {
    fn read(folder: &DataFolder) -> Result<Self, FolderError> {
        let index: Self = match folder.read(INDEX) {
            Ok(text) => folder.parse(INDEX, &text)?,
            Err(FolderError::File(file)) if file.is_missing() => {
                Self { format: INDEX_FORMAT, last: 0, fresh: None, named: BTreeMap::new() }
            }
            Err(error) => return Err(error),
        };
        if index.format > INDEX_FORMAT {
            return Err(FolderError::Newer { path: folder.file(INDEX), found: index.format, known: INDEX_FORMAT });
        }
        Ok(index)
    }

    fn write(&self, folder: &DataFolder) -> Result<(), FolderError> {
        folder.write(INDEX, serde_json::to_string_pretty(self).unwrap_or_default().as_bytes())
    }

    fn holds(&self, number: u32) -> bool {
        self.fresh == Some(number) || self.named.values().any(|kept| kept.folder == number)
    }
}

impl OpenWorld {
    /// Keeps the world as it is under a name; an earlier snapshot of that name is replaced.
    ///
    /// # Errors
    /// [`Refused::SnapshotName`]; [`StartError`] when it cannot be written.
    pub async fn snapshot(&self, name: &str) -> Result<Taken, StartError> {
        self.only_in_files("a snapshot")?;
        check(name)?;
        let state = self.state.write().await;
        state.identity.flush_observations().await?;
        let mut index = Index::read(&self.folder)?;
        let folder = self.keep(&mut index, &state.record).await?;
        let taken = self.clocks.now();
        let replaced = index.named.insert(name.to_owned(), Kept { folder, taken });
        index.write(&self.folder)?;
        if let Some(replaced) = replaced {
            remove(self.folder.snapshot(replaced.folder).path());
        }
        Ok(Taken { name: name.to_owned(), taken })
    }

    /// Every snapshot, by name.
    ///
    /// # Errors
    /// [`StartError`] when their index cannot be read.
    pub async fn snapshots(&self) -> Result<Vec<Taken>, StartError> {
        self.only_in_files("a list of snapshots")?;
        let _state = self.state().await;
        let index = Index::read(&self.folder)?;
        Ok(index.named.into_iter().map(|(name, kept)| Taken { name, taken: kept.taken }).collect())
    }

    /// Forgets a snapshot.
    ///
    /// # Errors
    /// [`Refused::NoSnapshot`]; [`StartError`] when the index cannot be written.
    pub async fn forget_snapshot(&self, name: &str) -> Result<(), StartError> {
        self.only_in_files("forgetting a snapshot")?;
        let _state = self.state.write().await;
        let mut index = Index::read(&self.folder)?;
        let Some(kept) = index.named.remove(name) else { return Err(no_snapshot(name, &index)) };
        index.write(&self.folder)?;
        remove(self.folder.snapshot(kept.folder).path());
        Ok(())
    }

    /// Makes the world what it was when the snapshot was taken: rows, directory, tenants, orgs and
    /// the clock. Administrators whose credentials have been renewed since get new ones, written to
    /// their env file.
    ///
    /// # Errors
    /// [`Refused::NoSnapshot`]; [`StartError`] when it cannot be restored: the world stays as it is.
    pub async fn restore(&self, name: &str) -> Result<(), StartError> {
        self.only_in_files("putting back a snapshot")?;
        let mut state = self.state.write().await;
        let index = Index::read(&self.folder)?;
        let Some(kept) = index.named.get(name) else { return Err(no_snapshot(name, &index)) };
        let number = kept.folder;
        self.restore_folder(&mut state, number).await
    }

    /// Makes the world what it was when it was new: the first tenant and its org with their ids and
    /// administrators, the org's first sample rows, and the machine's time. Snapshots stay.
    ///
    /// # Errors
    /// [`StartError`] when it cannot be done: the world stays as it is.
    pub async fn reset(&self) -> Result<(), StartError> {
        self.only_in_files("putting the org back to what it was when it was new")?;
        let mut state = self.state.write().await;
        match Index::read(&self.folder)?.fresh {
            Some(number) => self.restore_folder(&mut state, number).await,
            // Made by a Keyholder that kept none.
            None => self.start_over(&mut state).await,
        }
    }

    /// Keeps the world of this record as the fresh one.
    pub(super) async fn keep_fresh(&self, record: &World) -> Result<(), StartError> {
        let mut index = Index::read(&self.folder)?;
        let kept = self.keep(&mut index, record).await?;
        let replaced = index.fresh.replace(kept);
        index.write(&self.folder)?;
        if let Some(replaced) = replaced {
            remove(self.folder.snapshot(replaced).path());
        }
        Ok(())
    }

    /// Copies the databases in use into a new snapshot folder; gives its number.
    async fn keep(&self, index: &mut Index, record: &World) -> Result<u32, StartError> {
        index.last += 1;
        create_private_folder(&self.folder.file("snapshots")).map_err(FolderError::from)?;
        let (from, to) = (self.folder.state(record.state), self.folder.snapshot(index.last));
        remove(to.path());
        to.create()?;
        for (from, to) in databases(record, &from, &to) {
            Database::copy(&from, &to).await?;
            make_private_file(&to).map_err(FolderError::from)?;
        }
        let text = serde_json::to_string_pretty(record).unwrap_or_default();
        self.folder.write(&format!("snapshots/{}/world.json", index.last), text.as_bytes())?;
        Ok(index.last)
    }

    async fn restore_folder(&self, state: &mut State, number: u32) -> Result<(), StartError> {
        let name = format!("snapshots/{number}/world.json");
        let mut record: World = self.folder.parse(&name, &self.folder.read(&name)?)?;
        record.state = state.record.state + 1;
        keep_ports(&state.record, &mut record);
        let (from, to) = (self.folder.snapshot(number), self.folder.state(record.state));
        remove(to.path());
        to.create()?;
        let copies: Vec<_> = databases(&record, &from, &to).collect();
        let copied = tokio::task::spawn_blocking(move || copies.iter().try_for_each(|(from, to)| copy(from, to))).await;
        copied.map_err(|_| StartError::Interrupted)??;
        self.open_and_change(state, record).await
    }

    /// The first tenant and its org anew, under their ids.
    async fn start_over(&self, state: &mut State) -> Result<(), StartError> {
        let mut record = state.record.clone();
        record.state += 1;
        record.clock_offset_millis = 0;
        record.tenants.truncate(1);
        for tenant in &mut record.tenants {
            tenant.orgs.truncate(1);
            tenant.management_applications.clear();
            tenant.personas.clear();
            // So that it gets new ones.
            tenant.credentials = 0;
        }
        remove(self.folder.state(record.state).path());
        self.open_and_change(state, record).await?;
        self.keep_fresh(&state.record).await
    }

    async fn open_and_change(&self, state: &mut State, record: World) -> Result<(), StartError> {
        let changed = match self.opening().open(record, None).await {
            Ok(opened) => self.change_to(state, opened).await,
            Err(error) => Err(error),
        };
        // Ports of orgs that are gone, or of those that did not come after all.
        self.listeners.keep_only(|org| state.org(org).is_some());
        changed
    }

    /// Puts an opened state in the place of the one in use.
    async fn change_to(&self, state: &mut State, mut opened: State) -> Result<(), StartError> {
        let waiting = format!("state-{}/{WAITING}", opened.record.state);
        create_private_folder(&self.folder.file(&waiting)).map_err(FolderError::from)?;
        for tenant in opened.record.tenants.clone() {
            if !self.credentials_hold(&state.record, &tenant) {
                let had = state.record.tenant(&tenant.domain).map_or(0, |tenant| tenant.credentials);
                if let Some(tenant) = opened.record.tenant_mut(tenant.id) {
                    tenant.credentials = had.max(tenant.credentials);
                }
                let name = if tenant.id == self.tenant { ORGANIZATION_NAME } else { &tenant.domain };
                let env = self.administrators(&mut opened, tenant.id, name).await?;
                self.folder.write(&format!("{waiting}/{}", env.name), env.text.expose().as_bytes())?;
            }
        }
        // From here on it is true, whatever happens to this process.
        opened.record = self.folder.write_world(&opened.record)?;
        self.clocks.org.set_offset_millis(opened.record.clock_offset_millis);
        let old = std::mem::replace(state, opened);
        self.remove_stale_personas(&old.record, &state.record);
        for tenant in &old.record.tenants {
            if state.record.tenants.iter().all(|kept| kept.id != tenant.id) {
                let _ = std::fs::remove_file(self.folder.file(&self.env_name(tenant)));
            }
        }
        old.close();
        finish(&self.folder, &state.record)?;
        Ok(())
    }

    /// Whether what stands in a tenant's env file is what a state of `tenant` knows.
    fn credentials_hold(&self, now: &World, tenant: &TenantEntry) -> bool {
        let same = now.tenants.iter().any(|now| now.id == tenant.id && now.credentials == tenant.credentials);
        same && self.folder.file(&self.env_name(tenant)).exists()
    }
}

/// Does what a killed process may have left undone: env files of the state in use are put in their
/// place, and folders that nothing names are removed.
pub(super) fn finish(folder: &DataFolder, record: &World) -> Result<(), FolderError> {
    let waiting = folder.state(record.state).path().join(WAITING);
    if record.state != 0 {
        for entry in std::fs::read_dir(&waiting).into_iter().flatten().flatten() {
            if let Some(name) = entry.file_name().to_str() {
                let text = folder.read(&format!("state-{}/{WAITING}/{name}", record.state))?;
                folder.write(name, text.as_bytes())?;
            }
        }
        remove(&waiting);
        // Where the first version of Keyholder kept them.
        for name in ["directory.db", "directory.db-wal", "directory.db-shm"] {
            let _ = std::fs::remove_file(folder.file(name));
        }
        remove(&folder.file("orgs"));
    }
    let index = Index::read(folder)?;
    let numbered = |within: &Path, prefix: &'static str| {
        std::fs::read_dir(within).into_iter().flatten().flatten().filter_map(move |entry| {
            let number: u32 = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((number, entry.path()))
        })
    };
    for (number, path) in numbered(folder.path(), "state-") {
        if number != record.state {
            remove(&path);
        }
    }
    for (number, path) in numbered(&folder.file("snapshots"), "") {
        if !index.holds(number) {
            remove(&path);
        }
    }
    Ok(())
}

/// Every database of a record, in two folders.
fn databases<'a>(
    record: &'a World,
    from: &'a StateFolder,
    to: &'a StateFolder,
) -> impl Iterator<Item = (std::path::PathBuf, std::path::PathBuf)> + 'a {
    let orgs = record.orgs().map(|(_, org)| (from.org_file(org.id), to.org_file(org.id)));
    std::iter::once((from.directory_file(), to.directory_file())).chain(orgs)
}

/// Copies a database that nobody has open.
fn copy(from: &Path, to: &Path) -> Result<(), FolderError> {
    let failed = |source| keyholder_platform::FileError::Io { doing: "copy", path: from.to_owned(), source };
    std::fs::copy(from, to).map_err(failed)?;
    std::fs::File::open(to).and_then(|file| file.sync_all()).map_err(failed)?;
    Ok(())
}

/// An org that is in both keeps the port it has now: clients are using it.
fn keep_ports(now: &World, restored: &mut World) {
    for (_, org) in now.orgs() {
        if let Some(restored) = restored.org_mut(org.id) {
            restored.port = org.port;
        }
    }
}

/// Removes a folder that nothing names any more. What cannot be removed now is swept up later.
fn remove(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
}

fn no_snapshot(name: &str, index: &Index) -> StartError {
    Refused::NoSnapshot { name: name.chars().take(80).collect(), known: index.named.keys().cloned().collect() }.into()
}

/// Whether a text can be a snapshot's name.
fn check(name: &str) -> Result<(), Refused> {
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let rest = name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if starts && rest && name.len() <= 64 {
        Ok(())
    } else {
        Err(Refused::SnapshotName { name: name.chars().take(80).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["before", "2026-11-22", "A.b_c-1", &"x".repeat(64)] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", "..", ".hidden", "-x", "a/b", "a b", "a\\b", "é", &"x".repeat(65)] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
