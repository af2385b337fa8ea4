//! A file's place: its id, and for what was written into the file, in a file beside it:
//! `.app.env.place` beside `app.env`. Nothing in it is secret.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyholder_foundation::{OsRandom, Random, Secret};
use keyholder_platform::{FileError, read_bounded, regular_file, write_private};
use sha2::{Digest, Sha256};

use super::{Key, PLACE_ID_LENGTH, SinkError, WrittenFor};

/// The longest such file that is read, in bytes.
const LONGEST: u64 = 2048;
/// Where the id of a place is kept.
///
/// Its first line is the id. A file that says nothing about itself has one more line for what stands in it, and one for
/// what was about to replace that: a fingerprint of the text, the application, the tenant. So what somebody else put
/// there is told from what Keyholder wrote.
#[derive(Debug, Clone)]
pub(super) struct PlaceFile {
    path: PathBuf,
    pub(super) random: Arc<dyn Random>,
}

impl PlaceFile {
    /// Beside `file`.
    pub(super) fn beside(file: &Path) -> Self {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        Self { path: file.with_file_name(format!(".{name}.place")), random: Arc::new(OsRandom) }
    }

    #[cfg(test)]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn read(&self) -> Result<Option<(String, Vec<String>)>, SinkError> {
        let text = match read_bounded(&regular_file(&self.path)?, LONGEST) {
            Ok(text) => text,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut lines = text.lines().map(|line| line.trim().to_owned());
        let id = lines.next().filter(|id| is_id(id));
        Ok(id.map(|id| (id, lines.collect())))
    }

    pub(super) fn id(&self) -> Result<Option<String>, SinkError> {
        Ok(self.read()?.map(|(id, _)| id))
    }

    pub(super) fn claim(&self) -> Result<String, SinkError> {
        if let Some(id) = self.id()? {
            return Ok(id);
        }
        let mut id = self.random.uuid().simple().to_string();
        id.truncate(PLACE_ID_LENGTH);
        write_private(&self.path, format!("{id}\n").as_bytes())?;
        Ok(id)
    }

    /// For whom Keyholder wrote that text into the file; nothing when it did not.
    pub(super) fn written(&self, text: &Secret) -> Result<Option<WrittenFor>, SinkError> {
        let Some((id, writings)) = self.read()? else { return Ok(None) };
        let fingerprint = fingerprint(&id, text);
        Ok(writings.iter().find_map(|line| {
            let (_, rest) = line.split_once(' ').filter(|(start, _)| *start == fingerprint)?;
            let (client, tenant) = rest.split_once(' ')?;
            Some(WrittenFor { client_id: client.parse().ok()?, tenant: tenant.to_owned() })
        }))
    }

    /// Remembers what is about to be written. What is `there` now stays known, however many writings fail or are killed.
    pub(super) fn note(&self, key: &Key, there: Option<&Secret>) -> Result<(), SinkError> {
        let id = self.claim()?;
        let line = format!("{} {} {}", fingerprint(&id, &key.secret), key.client_id, key.tenant);
        let earlier = self.read()?.map(|(_, writings)| writings).unwrap_or_default();
        let standing = there.map(|text| fingerprint(&id, text));
        let is_there = |known: &String| *known != line && standing.as_ref().is_some_and(|of| known.starts_with(of));
        let kept = earlier.into_iter().find(is_there);
        let all: Vec<String> = [id, line.clone()].into_iter().chain(kept).collect();
        Ok(write_private(&self.path, format!("{}\n", all.join("\n")).as_bytes())?)
    }

    pub(super) fn remove(&self) -> Result<bool, SinkError> {
        remove_file(&self.path)
    }
}

/// What tells a text and gives nothing of it away: secrets and keys are too random to be guessed.
fn fingerprint(id: &str, text: &Secret) -> String {
    let mut hash = Sha256::new();
    for part in ["keyholder file", id, text.expose().trim_end()] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn is_id(text: &str) -> bool {
    text.len() == PLACE_ID_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Removes a file, also where a link leads to it; whether there was one.
pub(super) fn remove_file(path: &Path) -> Result<bool, SinkError> {
    let mut removed = false;
    let file = regular_file(path)?;
    for path in [file.as_path(), path] {
        match std::fs::remove_file(path) {
            Ok(()) => removed = true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(FileError::Io { doing: "remove", path: path.to_path_buf(), source }.into()),
        }
    }
    Ok(removed)
}
