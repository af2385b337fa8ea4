//! A key in an environment file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyholder_client::connection::{Flags, names, resolve};
use keyholder_client::{Connection, EnvFile};
use keyholder_foundation::{Random, Timestamp};
use keyholder_platform::{EnvFileError, FileError, env_file};

use super::place::{PlaceFile, remove_file};
use super::{Kept, Key, SecretSink, SinkError, variables, variables_of};

/// An environment file of mode 0600.
///
/// A file that the caller owns (quickstart's own name in its own data folder) may be replaced
/// whatever it holds. Any other is replaced only while it holds a key of the same application.
/// Variables that are none of Keyholder's are kept.
///
/// Beside `app.env` stands `.app.env.place` with the id of the place, no secret.
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
        match EnvFile::read(&self.path) {
            Ok(file) => Ok(Some(Ok(file))),
            Err(EnvFileError::File(error)) if error.is_missing() => Ok(None),
            Err(EnvFileError::File(error @ FileError::Io { .. })) => Err(error.into()),
            Err(unusable) => Ok(Some(Err(unusable.to_string()))),
        }
    }

    /// What stands in the file that may not be replaced by a key of this application.
    fn foreign(&self, key: Option<&Key>) -> Result<Option<String>, SinkError> {
        if self.is_ours {
            return Ok(None);
        }
        Ok(match (self.read()?, key) {
            (None, _) => None,
            (Some(Err(problem)), _) => Some(problem),
            (Some(Ok(file)), key) => {
                let held = file.get(names::CLIENT_ID).map(|variable| variable.value.expose().to_ascii_lowercase());
                match (held, key) {
                    (None, _) => Some("it holds no key of an application".to_owned()),
                    (Some(held), Some(key)) if held != key.client_id.to_string() => {
                        Some("it holds the key of another application".to_owned())
                    }
                    _ => None,
                }
            }
        })
    }

    fn refuse_foreign(&self, key: Option<&Key>) -> Result<(), SinkError> {
        match self.foreign(key)? {
            None => Ok(()),
            Some(reason) => Err(SinkError::Foreign { place: self.place.clone(), reason }),
        }
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

    fn load(&self) -> Result<Kept, SinkError> {
        let file = match self.read()? {
            None => return Ok(Kept::Nothing),
            Some(Err(problem)) => return Ok(Kept::Unusable(problem)),
            Some(Ok(file)) => file,
        };
        Ok(match key_of(&file) {
            Ok(key) => Kept::Key { key: Box::new(key), is_exposed: file.is_exposed },
            Err(problem) => Kept::Unusable(format!("`{}`: {problem}", self.place)),
        })
    }

    fn save(&self, key: &Key) -> Result<(), SinkError> {
        self.refuse_foreign(Some(key))?;
        let all = variables_of(key);
        let old = self.read()?.and_then(Result::ok).unwrap_or_default();
        let kept: Vec<_> = old.variables().iter().filter(|variable| !is_known(&variable.name)).collect();
        let comment =
            "Written by Keyholder: the way into an org for one application.\nIt holds a secret: keep it private.";
        let text = env_file::print(
            comment,
            all.iter()
                .map(|(name, value)| (*name, value.as_str()))
                .chain(kept.iter().map(|variable| (variable.name.as_str(), variable.value.expose()))),
        );
        Ok(keyholder_platform::write_private(&self.path, text.expose().as_bytes())?)
    }

    fn remove(&self) -> Result<bool, SinkError> {
        self.refuse_foreign(None)?;
        let removed = remove_file(&self.path)?;
        self.place_file.remove()?;
        Ok(removed)
    }
}

fn is_known(name: &str) -> bool {
    [
        names::ORG_URL,
        names::TENANT_ID,
        names::CLIENT_ID,
        names::CLIENT_SECRET,
        names::AUTHORITY,
        names::CA_FILE,
        variables::CLIENT_SECRET_ID,
        variables::CLIENT_SECRET_EXPIRES,
    ]
    .contains(&name)
}

fn key_of(file: &EnvFile) -> Result<Key, String> {
    let connection = Connection::try_from(resolve(&Flags::default(), Some(file), |_| None));
    let connection = connection.map_err(|error| error.to_string())?;
    let text = |name: &str| file.get(name).map(|variable| variable.value.expose());
    let secret = connection.credential.secret().ok_or("the client secret is not given")?.clone();
    Ok(Key {
        url: connection.url,
        tenant: connection.tenant.unwrap_or_default(),
        authority: connection.authority,
        client_id: connection.client_id,
        secret,
        key_id: text(variables::CLIENT_SECRET_ID).and_then(|id| id.parse().ok()),
        expires: text(variables::CLIENT_SECRET_EXPIRES).and_then(|moment| Timestamp::parse(moment).ok()),
        ca_file: connection.ca_file,
    })
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
        assert!(matches!(sink.load().unwrap(), Kept::Unusable(_)));
        sink.clone().ours().save(&key()).unwrap();
        assert_eq!(loaded(&sink).0.client_id, key().client_id);
    }

    #[test]
    fn formatting_shows_no_secret() {
        let kept = Kept::Key { key: Box::new(key()), is_exposed: true };
        assert!(!format!("{kept:?}").contains("8Q~"));
    }
}
