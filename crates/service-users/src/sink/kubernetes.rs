//! A key in the manifest of a Kubernetes Secret, for `kubectl apply -f`.

use std::path::{Path, PathBuf};

use keyholder_client::connection::names;
use keyholder_foundation::ClientId;
use keyholder_platform::{FileError, is_private, read_bounded, regular_file, write_private};

use super::manifest::{self, Manifest, PEM};
use super::place::{PlaceFile, remove_file};
use super::{Answer, Kept, Key, SecretSink, SinkError, answer, check_file, key_of, variables_of};
use crate::declaration::KubernetesSecret;
use crate::kept::KeyKind;
use crate::shell::for_shell;

/// Longest manifest that is read, in bytes; the API server takes no Secret of more than 1 MiB.
const LIMIT: u64 = 1 << 20;

/// A manifest of mode 0600 with the variables of an env file; private key and certificate are its entry
/// `client.pem`.
///
/// Only a manifest that Keyholder wrote for the same Secret and application is replaced. Applying it is the user's: until
/// then, the cluster has the key from before.
#[derive(Debug, Clone)]
pub struct KubernetesSink {
    path: PathBuf,
    place: String,
    secret: KubernetesSecret,
    place_file: PlaceFile,
}

impl KubernetesSink {
    /// The file, and the Secret whose manifest it is.
    ///
    /// # Errors
    /// When the current folder, to which a relative path relates, cannot be told.
    pub fn new(path: &Path, secret: &KubernetesSecret) -> Result<Self, SinkError> {
        let failed = |source| FileError::Io { doing: "find", path: path.to_path_buf(), source };
        let path = std::path::absolute(path).map_err(failed)?;
        let place_file = PlaceFile::beside(&path);
        Ok(Self { place: path.display().to_string(), secret: secret.clone(), place_file, path })
    }

    /// What stands in the file: nothing, a manifest of ours, or why it is none.
    fn read(&self) -> Result<Option<Result<Manifest, String>>, SinkError> {
        let text = match read_bounded(&regular_file(&self.path)?, LIMIT) {
            Ok(text) if text.trim().is_empty() => return Ok(None),
            Ok(text) => text,
            Err(error) if error.is_missing() => return Ok(None),
            Err(error @ FileError::Io { .. }) => return Err(error.into()),
            Err(other) => return Ok(Some(Err(other.to_string()))),
        };
        Ok(Some(match Manifest::parse(&text) {
            None => Err("it holds something else than a manifest as Keyholder writes it".to_owned()),
            Some(manifest) if manifest.secret != self.secret => {
                Err(format!("it is the manifest of another Secret (`{}`)", manifest.secret))
            }
            Some(manifest) if manifest.get(names::CLIENT_ID).is_none() => {
                Err("it holds no key of an application".to_owned())
            }
            Some(manifest) => Ok(manifest),
        }))
    }

    fn refuse_foreign(&self, of: Option<&[ClientId]>) -> Result<(), SinkError> {
        let reason = match self.read()? {
            None => return Ok(()),
            Some(Err(reason)) => reason,
            Some(Ok(manifest)) => {
                let held = manifest.get(names::CLIENT_ID).map(|id| id.expose().to_owned()).unwrap_or_default();
                let is_of = |of: &[ClientId]| of.iter().any(|id| held.eq_ignore_ascii_case(&id.to_string()));
                match of {
                    Some(of) if !is_of(of) => format!("it holds the key of another application ({held})"),
                    _ => return Ok(()),
                }
            }
        };
        Err(SinkError::Foreign { place: self.place.clone(), reason })
    }

    /// What it holds.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn load(&self) -> Result<Kept, SinkError> {
        let manifest = match self.read()? {
            None => return Ok(Kept::Nothing),
            Some(Err(reason)) => return Ok(Kept::Foreign(reason)),
            Some(Ok(manifest)) => manifest,
        };
        let secret = manifest.get(PEM).or_else(|| manifest.get(names::CLIENT_SECRET)).cloned();
        let text = |name: &str| manifest.get(name).map(|value| value.expose().to_owned());
        let key = secret.ok_or_else(|| "neither a client secret nor a certificate is in it".to_owned());
        Ok(match key.and_then(|secret| key_of(text, secret)) {
            Ok(key) => Kept::Key { key: Box::new(key), is_exposed: !is_private(&self.path)? },
            Err(problem) => Kept::Unusable(format!("`{}`: {problem}", self.place)),
        })
    }

    /// Keeps the key, also over one of an application that is `gone`.
    ///
    /// # Errors
    /// When it cannot be written, or what stands there is somebody else's; that then still stands.
    pub fn save_over(&self, key: &Key, gone: Option<ClientId>) -> Result<(), SinkError> {
        let of: Vec<ClientId> = gone.into_iter().chain([key.client_id]).collect();
        self.refuse_foreign(Some(&of))?;
        let text = manifest_of(&self.secret, key);
        Ok(write_private(&regular_file(&self.path)?, text.expose().as_bytes())?)
    }

    /// Removes the manifest; whether there was one.
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

/// The manifest of a Secret that holds a key.
pub(super) fn manifest_of(secret: &KubernetesSecret, key: &Key) -> keyholder_foundation::Secret {
    let name = match key.kind() {
        KeyKind::Secret => names::CLIENT_SECRET,
        KeyKind::Certificate => PEM,
    };
    let variables = variables_of(key, None);
    let entries = variables.iter().map(|(name, value)| (*name, value.as_str()));
    manifest::print(secret, entries.chain([(name, key.secret.expose())]))
}

impl SecretSink for KubernetesSink {
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
        answer(check_file(&self.path))
    }

    fn load(&self) -> Answer<'_, Kept> {
        answer(self.load())
    }

    fn save_over<'a>(&'a self, key: &'a Key, gone: Option<ClientId>) -> Answer<'a, ()> {
        answer(self.save_over(key, gone))
    }

    fn flags(&self) -> Option<String> {
        Some(format!("--save-kubernetes {} --kubernetes-secret {}", for_shell(&self.place), self.secret))
    }

    fn is_carried_on_by_hand(&self) -> bool {
        true
    }

    fn remove(&self) -> Answer<'_, bool> {
        answer(self.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::testing::key;
    use keyholder_foundation::{Secret, Timestamp};

    const PEM_TEXT: &str = "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n";

    fn keys() -> [Key; 2] {
        let whole = Key {
            key_id: Some("0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b002".parse().unwrap()),
            expires: Some(Timestamp::parse("2027-05-21T00:00:00Z").unwrap()),
            secret: Secret::new("abc8Q~\"x\\y: #z"),
            ..key()
        };
        [whole.clone(), Key { secret: Secret::new(PEM_TEXT), ..whole }]
    }

    #[test]
    fn s25_a_manifest_holds_what_an_env_file_does_and_gives_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.yaml");
        for named in ["orders", "prod/orders"] {
            let sink = KubernetesSink::new(&path, &named.parse().unwrap()).unwrap();
            for key in keys() {
                assert!(matches!(sink.load().unwrap(), Kept::Nothing));
                sink.save_over(&key, None).unwrap();
                sink.save_over(&key, None).unwrap();
                let Kept::Key { key: read, is_exposed: false } = sink.load().unwrap() else { panic!() };
                assert!(!read.needs_rewriting(&key));
                assert_eq!(read.secret.expose(), key.secret.expose());
                assert!(is_private(&path).unwrap());
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(text.contains("apiVersion: v1\nkind: Secret\nmetadata:\n  name: \"orders\"\n"), "{text}");
                assert_eq!(text.contains("  namespace: \"prod\"\n"), named.contains('/'));
                assert_eq!(text.contains("\n  client.pem: "), key.kind() == KeyKind::Certificate);
                assert!(sink.remove().unwrap() && !sink.remove().unwrap());
            }
        }
    }

    #[test]
    fn what_somebody_else_wrote_or_changed_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("orders.yaml");
        let sink = KubernetesSink::new(&path, &"prod/orders".parse().unwrap()).unwrap();
        let ours = manifest_of(&"prod/orders".parse().unwrap(), &key());
        let changed = ours.expose().replace("type: Opaque", "immutable: true\ntype: Opaque");
        let elsewhere = manifest_of(&"test/orders".parse().unwrap(), &key());
        let empty = manifest::print(&"prod/orders".parse().unwrap(), []);
        for text in ["apiVersion: v1\nkind: Secret\n", "notes", &changed, elsewhere.expose(), empty.expose()] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(sink.load().unwrap(), Kept::Foreign(_)), "{text}");
            assert!(matches!(sink.save_over(&key(), None), Err(SinkError::Foreign { .. })), "{text}");
            assert!(matches!(sink.remove(), Err(SinkError::Foreign { .. })));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
        std::fs::write(&path, ours.expose()).unwrap();
        let other = Key { client_id: "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b00f".parse().unwrap(), ..key() };
        let error = sink.save_over(&other, None).unwrap_err().to_string();
        assert!(error.contains("another application"), "{error}");
        sink.save_over(&other, Some(key().client_id)).unwrap();
    }
}
