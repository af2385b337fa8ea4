//! A key in an environment file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyholder_client::connection::{Flags, names, resolve};
use keyholder_client::{Connection, CredentialChoice, EnvFile};
use keyholder_foundation::{ClientId, Random, Timestamp};
use keyholder_platform::{EnvFileError, FileError, env_file, regular_file};

use super::place::{PlaceFile, remove_file};
use super::{Answer, FileSink, Kept, Key, SecretSink, SinkError, answer, check_file, variables, variables_of};
use crate::kept::KeyKind;
use crate::shell::for_shell;

/// An environment file of mode 0600.
///
/// A file that the caller owns (quickstart's own name in its own data folder) may be replaced
/// whatever it holds. Any other is replaced only while it holds a key of the same application, or of one
/// that is gone.
/// Variables that are none of Keyholder's are kept.
///
/// Beside `app.env` stands `.app.env.place` with the id of the place, no secret; and, when the key is a
/// certificate, `app.env.pem` with private key and certificate, also of mode 0600, which `app.env` names.
#[derive(Debug, Clone)]
pub struct EnvFileSink {
    path: PathBuf,
    place: String,
    is_ours: bool,
    place_file: PlaceFile,
}

impl EnvFileSink {
    /// The file that a user named.
    ///
    /// # Errors
    /// When the current folder, to which a relative path relates, cannot be told.
    pub fn new(path: &Path) -> Result<Self, SinkError> {
        let absolute = std::path::absolute(path).map_err(|source| keyholder_platform::FileError::Io {
            doing: "find",
            path: path.to_path_buf(),
            source,
        })?;
        Ok(Self {
            place: absolute.display().to_string(),
            place_file: PlaceFile::beside(&absolute),
            path: absolute,
            is_ours: false,
        })
    }

    /// The same file, known to be Keyholder's own.
    #[must_use]
    pub fn ours(mut self) -> Self {
        self.is_ours = true;
        self
    }

    /// The same file, its place's id drawn from `random`.
    #[must_use]
    pub fn with_random(mut self, random: Arc<dyn Random>) -> Self {
        self.place_file.random = random;
        self
    }

    /// The file, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Nothing when there is no file; what is wrong with it when its text is no environment file.
    /// A file that cannot be read is an error and not "useless": what stands in it may be in use.
    fn read(&self) -> Result<Option<Result<EnvFile, String>>, SinkError> {
        match EnvFile::read(&regular_file(&self.path)?) {
            Ok(file) => Ok(Some(Ok(file))),
            Err(EnvFileError::File(error)) if error.is_missing() => Ok(None),
            Err(EnvFileError::File(error @ FileError::Io { .. })) => Err(error.into()),
            Err(unusable) => Ok(Some(Err(unusable.to_string()))),
        }
    }

    /// What stands in the file that may not be replaced by a key of these applications; of any, when none is
    /// named.
    fn foreign(&self, of: Option<&[ClientId]>) -> Result<Option<String>, SinkError> {
        if self.is_ours {
            return Ok(None);
        }
        let file = match self.read()? {
            None => return Ok(None),
            Some(Err(problem)) => return Ok(Some(problem)),
            // Nothing is lost with it.
            Some(Ok(file)) if file.variables().is_empty() => return Ok(None),
            Some(Ok(file)) => file,
        };
        let held = file.get(names::CLIENT_ID).map(|variable| variable.value.expose());
        Ok(match (held, of) {
            (None, _) => Some("it holds no key of an application".to_owned()),
            (Some(held), Some(of)) if !of.iter().any(|id| held.eq_ignore_ascii_case(&id.to_string())) => {
                Some("it holds the key of another application".to_owned())
            }
            _ => None,
        })
    }

    fn refuse_foreign(&self, of: Option<&[ClientId]>) -> Result<(), SinkError> {
        match self.foreign(of)? {
            None => Ok(()),
            Some(reason) => Err(SinkError::Foreign { place: self.place.clone(), reason }),
        }
    }

    /// Where private key and certificate stand.
    fn pem(&self) -> Result<FileSink, SinkError> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        FileSink::new(&self.path.with_file_name(format!("{name}.pem")))
    }

    /// That file, where an env file names it.
    fn pem_of(&self, file: Option<&EnvFile>) -> Result<Option<FileSink>, SinkError> {
        let named = file.and_then(|file| file.get(names::CLIENT_CERTIFICATE_FILE));
        let pem = self.pem()?;
        Ok(named.is_some_and(|named| named.value.expose() == pem.place()).then_some(pem))
    }
}

impl EnvFileSink {
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
        if let Some(reason) = self.foreign(None)? {
            return Ok(Kept::Foreign(reason));
        }
        let file = match self.read()? {
            None => return Ok(Kept::Nothing),
            Some(Err(problem)) => return Ok(Kept::Unusable(problem)),
            Some(Ok(file)) => file,
        };
        Ok(match key_of(&file) {
            Ok((key, is_exposed)) => Kept::Key { key: Box::new(key), is_exposed: is_exposed || file.is_exposed },
            Err(problem) => Kept::Unusable(format!("`{}`: {problem}", self.place)),
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
        let old = self.read()?.and_then(Result::ok).unwrap_or_default();
        let mut overwritten = None;
        let credential = match key.kind() {
            KeyKind::Secret => (names::CLIENT_SECRET, key.secret.expose().to_owned()),
            // First the file, then what names it.
            KeyKind::Certificate => {
                let pem = self.pem()?;
                let before = pem.text()?.and_then(|(text, _)| text.ok());
                pem.save_over(key, gone)?;
                overwritten = before.map(|before| (pem.clone(), before));
                (names::CLIENT_CERTIFICATE_FILE, pem.place().to_owned())
            }
        };
        let all = variables_of(key, Some(credential));
        let kept: Vec<_> = old.variables().iter().filter(|variable| !is_known(&variable.name)).collect();
        let comment =
            "Written by Keyholder: the way into an org for one application.\nIt holds a secret: keep it private.";
        let text = env_file::print(
            comment,
            all.iter()
                .map(|(name, value)| (*name, value.as_str()))
                .chain(kept.iter().map(|variable| (variable.name.as_str(), variable.value.expose()))),
        );
        let written = regular_file(&self.path)
            .and_then(|path| keyholder_platform::write_private(&path, text.expose().as_bytes()));
        if let Err(error) = written {
            let error = SinkError::from(error);
            if error.is_unsure() {
                return Err(error);
            }
            // The env file may name that file, which then must not lose the key that works.
            let is_back =
                overwritten.is_none_or(|(pem, before)| pem.save(&Key { secret: before, ..key.clone() }).is_ok());
            return Err(if is_back { error } else { error.may_hold() });
        }
        // Nothing needs the key of a certificate that a secret has replaced.
        if let (KeyKind::Secret, Some(pem)) = (key.kind(), self.pem_of(Some(&old))?) {
            remove_own(&pem).map_err(SinkError::may_hold)?;
        }
        Ok(())
    }

    /// Removes what was written; whether there was something.
    ///
    /// # Errors
    /// When it cannot be removed, or is not ours.
    pub fn remove(&self) -> Result<bool, SinkError> {
        self.refuse_foreign(None)?;
        let there = self.read()?;
        let is_there = there.is_some();
        let file = there.and_then(Result::ok).unwrap_or_default();
        if let Some(pem) = self.pem_of(Some(&file))? {
            remove_own(&pem)?;
        }
        let (ours, theirs): (Vec<_>, Vec<_>) = file.variables().iter().partition(|variable| is_known(&variable.name));
        let removed = if theirs.is_empty() {
            remove_file(&self.path)?
        } else {
            let theirs = theirs.iter().map(|variable| (variable.name.as_str(), variable.value.expose()));
            let text = env_file::print("What Keyholder wrote here is removed.", theirs);
            keyholder_platform::write_private(&regular_file(&self.path)?, text.expose().as_bytes())?;
            is_there && !ours.is_empty()
        };
        self.place_file.remove()?;
        Ok(removed)
    }
}

impl SecretSink for EnvFileSink {
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

    fn is_ours(&self) -> bool {
        self.is_ours
    }

    fn save_over<'a>(&'a self, key: &'a Key, gone: Option<ClientId>) -> Answer<'a, ()> {
        answer(self.save_over(key, gone))
    }

    fn flags(&self) -> Option<String> {
        Some(format!("--save-env {}", for_shell(&self.place)))
    }

    fn remove(&self) -> Answer<'_, bool> {
        answer(self.remove())
    }
}

/// Removes key and certificate, unless somebody else put them there.
fn remove_own(pem: &FileSink) -> Result<(), SinkError> {
    match pem.remove() {
        Ok(_) | Err(SinkError::Foreign { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_known(name: &str) -> bool {
    [
        names::ORG_URL,
        names::TENANT_ID,
        names::CLIENT_ID,
        names::CLIENT_SECRET,
        names::CLIENT_CERTIFICATE_FILE,
        names::AUTHORITY,
        names::CA_FILE,
        variables::CLIENT_SECRET_ID,
        variables::CLIENT_SECRET_EXPIRES,
        variables::CLIENT_CERTIFICATE_ID,
        variables::CLIENT_CERTIFICATE_EXPIRES,
    ]
    .contains(&name)
}

/// The key of an env file, and whether others could read the file that it names.
fn key_of(file: &EnvFile) -> Result<(Key, bool), String> {
    let connection = Connection::try_from(resolve(&Flags::default(), Some(file), |_| None));
    let connection = connection.map_err(|error| error.to_string())?;
    let text = |name: &str| file.get(name).map(|variable| variable.value.expose());
    let (secret, is_exposed, id, expires) = match &connection.credential {
        CredentialChoice::Secret(secret) => {
            (secret.clone(), false, variables::CLIENT_SECRET_ID, variables::CLIENT_SECRET_EXPIRES)
        }
        CredentialChoice::Certificate(path) => {
            // The env file vouches for it, whoever wrote it.
            let pem = FileSink::new(path).and_then(|pem| pem.text()).map_err(|error| error.to_string())?;
            let Some((secret, is_exposed)) = pem else {
                return Err(format!("`{}`, which holds the certificate, is missing", path.display()));
            };
            let secret = secret?;
            (secret, is_exposed, variables::CLIENT_CERTIFICATE_ID, variables::CLIENT_CERTIFICATE_EXPIRES)
        }
        _ => return Err("neither a client secret nor a certificate is given".to_owned()),
    };
    let key = Key {
        url: connection.url,
        tenant: connection.tenant.unwrap_or_default(),
        authority: connection.authority,
        client_id: connection.client_id,
        secret,
        key_id: text(id).and_then(|id| id.parse().ok()),
        expires: text(expires).and_then(|moment| Timestamp::parse(moment).ok()),
        ca_file: connection.ca_file,
    };
    Ok((key, is_exposed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyholder_foundation::Secret;

    fn key() -> Key {
        Key {
            url: "https://localhost:8443".parse().unwrap(),
            tenant: "9f0c1f3e-7b7a-4a43-8d2a-0a8a6c9c6a01".to_owned(),
            authority: None,
            client_id: "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001".parse().unwrap(),
            secret: Secret::new("abc8Q~x y'z"),
            key_id: Some("0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b002".parse().unwrap()),
            expires: Some(Timestamp::parse("2027-05-21T00:00:00Z").unwrap()),
            ca_file: Some(PathBuf::from("/a folder/ca.pem")),
        }
    }

    fn loaded(sink: &EnvFileSink) -> (Key, bool) {
        match sink.load().unwrap() {
            Kept::Key { key, is_exposed } => (*key, is_exposed),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_key_comes_back_as_it_was_saved() {
        let folder = tempfile::tempdir().unwrap();
        let sink = EnvFileSink::new(&folder.path().join("app.env")).unwrap();
        assert!(matches!(sink.load().unwrap(), Kept::Nothing));
        sink.save(&key()).unwrap();
        let (read, is_exposed) = loaded(&sink);
        assert!(!is_exposed);
        assert!(!read.needs_rewriting(&key()));
        assert_eq!(read.secret.expose(), key().secret.expose());
        assert!(sink.remove().unwrap());
        assert!(!sink.remove().unwrap());
    }

    /// Of the two files of a certificate, the one that can be written must not change alone.
    #[cfg(unix)]
    #[test]
    fn an_env_file_that_cannot_be_written_leaves_the_certificate_as_it_was() {
        const OLD: &str = "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n";
        let folder = tempfile::tempdir().unwrap();
        let (path, there) = (folder.path().join("app.env"), folder.path().join("there"));
        std::fs::create_dir(&there).unwrap();
        std::fs::write(there.join("app.env"), "").unwrap();
        std::os::unix::fs::symlink(there.join("app.env"), &path).unwrap();
        let sink = EnvFileSink::new(&path).unwrap();
        sink.save(&Key { secret: Secret::new(OLD), ..key() }).unwrap();
        let pem = || std::fs::read_to_string(folder.path().join("app.env.pem")).unwrap();
        assert_eq!(pem(), OLD);
        std::fs::remove_dir_all(&there).unwrap();
        let error = sink.save(&Key { secret: Secret::new(OLD.replace("MII", "MIJ")), ..key() }).unwrap_err();
        assert!(!error.is_unsure(), "{error}");
        assert_eq!(pem().trim_end(), OLD.trim_end());
    }

    #[test]
    fn a_place_has_an_id_of_its_own_that_outlives_the_key() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let of = |folder: &tempfile::TempDir, seed| {
            let sink = EnvFileSink::new(&folder.path().join("app.env")).unwrap();
            sink.with_random(Arc::new(keyholder_foundation::SeededRandom::new(seed)))
        };
        let sink = of(&here, 1);
        assert_eq!(sink.place_id().unwrap(), None);
        let id = sink.claim_place_id().unwrap();
        assert!(super::super::place::is_id(&id), "{id}");
        assert_ne!(of(&there, 2).claim_place_id().unwrap(), id);
        sink.save(&key()).unwrap();
        std::fs::remove_file(sink.path()).unwrap();
        assert_eq!(of(&here, 3).claim_place_id().unwrap(), id);
        sink.save(&key()).unwrap();
        sink.remove().unwrap();
        assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 0);
        std::fs::write(sink.place_file.path(), "no id").unwrap();
        assert_eq!(sink.place_id().unwrap(), None);
        assert!(super::super::place::is_id(&sink.claim_place_id().unwrap()));
    }

    #[test]
    fn s07_a_certificate_stands_in_a_file_beside_it_and_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let sink = EnvFileSink::new(&folder.path().join("app.env")).unwrap();
        sink.save(&key()).unwrap();
        let pem = Secret::new("-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----");
        let certificate = Key { secret: pem, ..key() };
        sink.save(&certificate).unwrap();
        let text = std::fs::read_to_string(sink.path()).unwrap();
        assert!(!text.contains("PRIVATE KEY") && !text.contains("CLIENT_SECRET"), "{text}");
        let beside = folder.path().join("app.env.pem");
        assert!(keyholder_platform::is_private(&beside).unwrap());
        let (read, is_exposed) = loaded(&sink);
        assert!(!is_exposed && !read.needs_rewriting(&certificate));
        assert_eq!(read.secret.expose(), certificate.secret.expose());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o644)).unwrap();
            assert!(loaded(&sink).1);
        }
        std::fs::remove_file(&beside).unwrap();
        assert!(matches!(sink.load().unwrap(), Kept::Unusable(reason) if reason.contains("is missing")));
        sink.save(&certificate).unwrap();
        sink.save(&key()).unwrap();
        assert!(!beside.exists(), "a secret has taken its place");
        sink.save(&certificate).unwrap();
        assert!(sink.remove().unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        // What is no key is not overwritten.
        std::fs::write(&beside, "my notes").unwrap();
        assert!(matches!(sink.save(&certificate), Err(SinkError::Foreign { .. })));
        assert!(!sink.path().exists());
    }

    #[test]
    fn what_the_user_added_stays() {
        let folder = tempfile::tempdir().unwrap();
        let sink = EnvFileSink::new(&folder.path().join("app.env")).unwrap();
        sink.save(&key()).unwrap();
        let text = std::fs::read_to_string(sink.path()).unwrap();
        std::fs::write(sink.path(), format!("MY_OWN='kept too'\n{text}")).unwrap();
        sink.save(&key()).unwrap();
        let file = EnvFile::read(sink.path()).unwrap();
        assert_eq!(file.get("MY_OWN").unwrap().value.expose(), "kept too");
        assert_eq!(file.variables().len(), 8);
        assert!(sink.clone().ours().remove().unwrap());
        let left = EnvFile::read(sink.path()).unwrap();
        assert_eq!(left.variables().len(), 1, "what is not Keyholder's outlives the key");
        assert!(!sink.ours().remove().unwrap());
    }

    #[test]
    fn somebody_elses_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.env");
        let sink = EnvFileSink::new(&path).unwrap();
        let other = "KEYHOLDER_CLIENT_ID=0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b00f\n";
        for content in ["HELLO=1\n", "not an env file", other] {
            std::fs::write(&path, content).unwrap();
            let error = sink.save(&key()).unwrap_err();
            assert!(matches!(error, SinkError::Foreign { .. }), "{content}: {error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        sink.save_over(&key(), Some("0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b00f".parse().unwrap())).unwrap();
        std::fs::write(&path, "HELLO=1\n").unwrap();
        assert!(matches!(sink.load().unwrap(), Kept::Foreign(_)));
        sink.clone().ours().save(&key()).unwrap();
        assert_eq!(loaded(&sink).0.client_id, key().client_id);
    }

    #[test]
    fn formatting_shows_no_secret() {
        let kept = Kept::Key { key: Box::new(key()), is_exposed: true };
        assert!(!format!("{kept:?}").contains("8Q~"));
    }
}
