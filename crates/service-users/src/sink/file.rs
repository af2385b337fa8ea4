//! A file that holds a credential and nothing else.

use std::path::{Path, PathBuf};

use keyholder_foundation::{ClientId, Secret};
use keyholder_platform::{FileError, is_private, read_bounded, regular_file, write_private};

use super::place::{PlaceFile, remove_file};
use super::{Answer, Kept, Key, SecretSink, SinkError, answer, check_file};
use crate::shell::for_shell;

/// Longest file, in bytes: a key of 4096 bits with a chain of certificates fits.
const LIMIT: u64 = 64 * 1024;

/// A file of mode 0600 with the text of a secret, or key and certificate in PEM; no line end is added.
///
/// Only what Keyholder wrote is replaced: `.NAME.place` beside the file tells. Neither somebody's notes nor
/// somebody's token is overwritten, or tried, because of a mistyped path.
#[derive(Debug, Clone)]
pub struct FileSink {
    path: PathBuf,
    place: String,
    place_file: PlaceFile,
}

/// A credential, or why what stands there is none.
type Standing = Result<Secret, String>;

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
    fn read(&self) -> Result<Option<Standing>, SinkError> {
        match read_bounded(&regular_file(&self.path)?, LIMIT) {
            Ok(text) if is_credential(&text) => Ok(Some(Ok(Secret::new(text.trim_end())))),
            Ok(text) if text.is_empty() => Ok(None),
            Ok(_) => Ok(Some(Err(format!("`{}` holds something that is no credential", self.place)))),
            Err(error) if error.is_missing() => Ok(None),
            Err(error @ FileError::Io { .. }) => Err(error.into()),
            Err(other) => Ok(Some(Err(other.to_string()))),
        }
    }

    /// The credential that stands there, whoever put it there, or why it is none; and whether others than the
    /// owner could read it.
    pub(super) fn text(&self) -> Result<Option<(Standing, bool)>, SinkError> {
        Ok(match self.read()? {
            None => None,
            Some(text) => Some((text, !is_private(&self.path)?)),
        })
    }

    /// Refuses to touch what is not Keyholder's, or not for one of these applications.
    fn refuse_foreign(&self, of: Option<&[ClientId]>) -> Result<(), SinkError> {
        let reason = match self.read()? {
            None => return Ok(()),
            Some(Err(reason)) => reason,
            Some(Ok(text)) => match (self.place_file.written(&text)?, of) {
                (None, _) => NOT_OURS.to_owned(),
                (Some(written), Some(of)) if !of.contains(&written.client_id) => {
                    format!("it holds the key of another application ({})", written.client_id)
                }
                (Some(_), _) => return Ok(()),
            },
        };
        Err(SinkError::Foreign { place: self.place.clone(), reason })
    }
}

/// What is in a file that Keyholder leaves alone.
const NOT_OURS: &str = "it holds a credential that Keyholder did not write";

/// One word without blanks, or PEM.
fn is_credential(text: &str) -> bool {
    let text = text.trim_end();
    super::is_pem(text) || ((8..=512).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic()))
}

impl FileSink {
    /// Refuses a file whose folder is not there, and one that is another user's.
    ///
    /// # Errors
    /// [`SinkError::NoFolder`], and [`SinkError::File`] for another user's file.
    pub fn check_room(&self) -> Result<(), SinkError> {
        check_file(&self.path)
    }

    /// What it holds.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn load(&self) -> Result<Kept, SinkError> {
        Ok(match self.text()? {
            None => Kept::Nothing,
            Some((Err(reason), _)) => Kept::Foreign(reason),
            Some((Ok(text), is_exposed)) => match self.place_file.written(&text)? {
                None => Kept::Foreign(NOT_OURS.to_owned()),
                written => Kept::Text { text, is_exposed, written },
            },
        })
    }

    /// Keeps the key.
    ///
    /// # Errors
    /// When it cannot be written, or what stands there is somebody else's; that then still stands.
    pub fn save(&self, key: &Key) -> Result<(), SinkError> {
        self.save_over(key, None)
    }

    /// The same, also over a key of an application that is `gone`.
    ///
    /// # Errors
    /// As [`Self::save`].
    pub fn save_over(&self, key: &Key, gone: Option<ClientId>) -> Result<(), SinkError> {
        let of: Vec<ClientId> = gone.into_iter().chain([key.client_id]).collect();
        self.refuse_foreign(Some(&of))?;
        let there = self.text()?.and_then(|(there, _)| there.ok());
        self.place_file.note(key, there.as_ref())?;
        Ok(write_private(&regular_file(&self.path)?, key.secret.expose().as_bytes())?)
    }

    /// Removes what was written; whether there was something.
    ///
    /// # Errors
    /// When it cannot be removed, or is not ours.
    pub fn remove(&self) -> Result<bool, SinkError> {
        self.refuse_foreign(None)?;
        let removed = remove_file(&self.path)?;
        self.place_file.remove()?;
        Ok(removed)
    }
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

    fn check_room(&self) -> Answer<'_, ()> {
        answer(self.check_room())
    }

    fn load(&self) -> Answer<'_, Kept> {
        answer(self.load())
    }

    fn save_over<'a>(&'a self, key: &'a Key, gone: Option<ClientId>) -> Answer<'a, ()> {
        answer(self.save_over(key, gone))
    }

    fn flags(&self) -> Option<String> {
        Some(format!("--save-secret {}", for_shell(&self.place)))
    }

    fn remove(&self) -> Answer<'_, bool> {
        answer(self.remove())
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
            matches!(sink.load().unwrap(), Kept::Text { text, is_exposed: false, .. } if text.expose() == key().secret.expose())
        );
        // Editors add a line end.
        std::fs::write(&path, format!("{}\n", key().secret.expose())).unwrap();
        let Kept::Text { text, written: Some(written), .. } = sink.load().unwrap() else { panic!() };
        assert_eq!((text.expose(), written.client_id), (key().secret.expose(), key().client_id));
        sink.save(&key()).unwrap();
        assert!(sink.remove().unwrap() && !sink.remove().unwrap());
    }

    #[test]
    fn what_is_no_credential_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        let sink = FileSink::new(&path).unwrap();
        for notes in [
            "somebodys-token-0123456789",
            "two words",
            "short",
            "line one\nline two\n",
            "n\u{f6}tes-notes",
            &"x".repeat(70_000),
        ] {
            std::fs::write(&path, notes).unwrap();
            assert!(matches!(sink.load().unwrap(), Kept::Foreign(_)), "{notes}");
            assert!(matches!(sink.save(&key()), Err(SinkError::Foreign { .. })));
            assert!(matches!(sink.remove(), Err(SinkError::Foreign { .. })));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), notes);
        }
    }

    #[test]
    fn another_applications_secret_is_overwritten_only_when_that_one_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let sink = FileSink::new(&folder.path().join("secret")).unwrap();
        sink.save(&key()).unwrap();
        let next = Key { secret: Secret::new("next8Q~x-y.z"), ..key() };
        // As runs that were killed between noting the next secret and writing it leave it.
        for secret in ["next7Q~x-y.z", "next8Q~x-y.z"] {
            let next = Key { secret: Secret::new(secret), ..key() };
            sink.place_file.note(&next, Some(&key().secret)).unwrap();
        }
        assert!(matches!(sink.load().unwrap(), Kept::Text { .. }), "what stands there is still known");
        let other = Key { client_id: "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b00f".parse().unwrap(), ..next };
        let error = sink.save(&other).unwrap_err().to_string();
        assert!(error.contains(&format!("another application ({})", key().client_id)), "{error}");
        sink.save_over(&other, Some(key().client_id)).unwrap();
        sink.save(&other).unwrap();
        let beside = std::fs::read_to_string(folder.path().join(".secret.place")).unwrap();
        assert!(!beside.contains(other.secret.expose()), "{beside}");
        assert!(sink.remove().unwrap());
    }

    /// Written by the caller it would be the caller's, and whoever reads it now could not any more.
    #[cfg(unix)]
    #[test]
    fn another_users_file_is_refused_before_anything_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let sink = FileSink::new(&path).unwrap();
        sink.save(&key()).unwrap();
        sink.check_room().unwrap();
        if std::os::unix::fs::chown(&path, Some(65_534), None).is_err() {
            println!("skipped: it takes root to give a file away");
            return;
        }
        let error = sink.check_room().unwrap_err();
        assert!(error.to_string().contains("belongs to somebody else"), "{error}");
        assert!(error.hints()[0].contains("run this as the user"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_one_and_a_pipe_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let sink = FileSink::new(&link).unwrap();
        sink.save(&key()).unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), key().secret.expose());
        assert!(sink.remove().unwrap() && !file.exists() && !link.is_symlink());
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let error = FileSink::new(&pipe).unwrap().load().unwrap_err().to_string();
        assert!(error.contains("pipe` is no regular file"), "{error}");
    }
}
