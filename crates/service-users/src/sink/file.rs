//! A file that holds a credential and nothing else.

use std::path::{Path, PathBuf};

use keyholder_foundation::Secret;
use keyholder_platform::{FileError, is_private, read_bounded, write_private};

use super::place::{PlaceFile, remove_file};
use super::{Kept, Key, SecretSink, SinkError};

/// Longest file, in bytes: a key of 4096 bits with a chain of certificates fits.
const LIMIT: u64 = 64 * 1024;

/// A file of mode 0600 with the text of a secret, or key and certificate in PEM; no line end is added.
///
/// What stands there is replaced only where it looks like a credential: somebody's notes are not
/// overwritten because of a mistyped path.
#[derive(Debug, Clone)]
pub struct FileSink {
    path: PathBuf,
    place: String,
    place_file: PlaceFile,
}

impl FileSink {
    /// The file.
    ///
    /// # Errors
    /// When the current folder, to which a relative path relates, cannot be told.
    pub fn new(path: &Path) -> Result<Self, SinkError> {
        let absolute = std::path::absolute(path).map_err(|source| FileError::Io {
            doing: "find",
            path: path.to_path_buf(),
            source,
        })?;
        Ok(Self { place: absolute.display().to_string(), place_file: PlaceFile::beside(&absolute), path: absolute })
    }

    /// What stands there: nothing, a credential, or why it is none.
    fn read(&self) -> Result<Option<Result<Secret, String>>, SinkError> {
        match read_bounded(&self.path, LIMIT) {
            Ok(text) if is_credential(&text) => Ok(Some(Ok(Secret::new(text.trim_end())))),
            Ok(text) if text.is_empty() => Ok(None),
            Ok(_) => Ok(Some(Err(format!("`{}` holds something that is no credential", self.place)))),
            Err(error) if error.is_missing() => Ok(None),
            Err(error @ FileError::Io { .. }) => Err(error.into()),
            Err(other) => Ok(Some(Err(other.to_string()))),
        }
    }

    fn refuse_foreign(&self) -> Result<(), SinkError> {
        match self.read()? {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(reason)) => Err(SinkError::Foreign { place: self.place.clone(), reason }),
        }
    }
}

/// One word without blanks, or PEM.
fn is_credential(text: &str) -> bool {
    let text = text.trim_end();
    text.starts_with("-----BEGIN ") || ((8..=512).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic()))
}

impl SecretSink for FileSink {
    fn place(&self) -> &str {
        &self.place
    }

    fn place_id(&self) -> Result<Option<String>, SinkError> {
        self.place_file.id()
    }

    fn claim_place_id(&self) -> Result<String, SinkError> {
        self.place_file.claim()
    }

    fn load(&self) -> Result<Kept, SinkError> {
        Ok(match self.read()? {
            None => Kept::Nothing,
            Some(Err(reason)) => Kept::Unusable(reason),
            Some(Ok(text)) => Kept::Text { text, is_exposed: !is_private(&self.path)? },
        })
    }

    fn save(&self, key: &Key) -> Result<(), SinkError> {
        self.refuse_foreign()?;
        Ok(write_private(&self.path, key.secret.expose().as_bytes())?)
    }

    fn remove(&self) -> Result<bool, SinkError> {
        self.refuse_foreign()?;
        let removed = remove_file(&self.path)?;
        self.place_file.remove()?;
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::testing::key;

    #[test]
    fn s07_a_secret_comes_back_as_it_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let sink = FileSink::new(&path).unwrap();
        assert!(matches!(sink.load().unwrap(), Kept::Nothing));
        sink.save(&key()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), key().secret.expose(), "and no line end");
        assert!(is_private(&path).unwrap());
        assert!(
            matches!(sink.load().unwrap(), Kept::Text { text, is_exposed: false } if text.expose() == key().secret.expose())
        );
        // Editors add a line end.
        std::fs::write(&path, "another-secret\n").unwrap();
        assert!(matches!(sink.load().unwrap(), Kept::Text { text, .. } if text.expose() == "another-secret"));
        sink.save(&key()).unwrap();
        assert!(sink.remove().unwrap() && !sink.remove().unwrap());
    }

    #[test]
    fn what_is_no_credential_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        let sink = FileSink::new(&path).unwrap();
        for notes in ["two words", "short", "line one\nline two\n", "n\u{f6}tes-notes", &"x".repeat(70_000)] {
            std::fs::write(&path, notes).unwrap();
            assert!(matches!(sink.load().unwrap(), Kept::Unusable(_)));
            assert!(matches!(sink.save(&key()), Err(SinkError::Foreign { .. })));
            assert!(matches!(sink.remove(), Err(SinkError::Foreign { .. })));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), notes);
        }
    }
}
