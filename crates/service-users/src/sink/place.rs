//! The id of a file's place, in a file beside it: `.app.env.place` beside `app.env`. It is no secret.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyholder_foundation::{OsRandom, Random};
use keyholder_platform::{FileError, read_bounded, write_private};

use super::{PLACE_ID_LENGTH, SinkError};

/// The longest such file that is read, in bytes.
const LONGEST: u64 = 64;

/// Where the id of a place is kept.
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

    pub(super) fn id(&self) -> Result<Option<String>, SinkError> {
        match read_bounded(&self.path, LONGEST) {
            Ok(text) => Ok(Some(text.trim().to_owned()).filter(|id| is_id(id))),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error.into()),
        }
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

    pub(super) fn remove(&self) -> Result<bool, SinkError> {
        remove_file(&self.path)
    }
}

pub(super) fn is_id(text: &str) -> bool {
    text.len() == PLACE_ID_LENGTH && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Removes a file; whether there was one.
pub(super) fn remove_file(path: &Path) -> Result<bool, SinkError> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(FileError::Io { doing: "remove", path: path.to_path_buf(), source }.into()),
    }
}
