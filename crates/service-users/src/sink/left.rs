//! Places that no declaration names any more: found again by what secrets and certificates say in the
//! directory, and by the id that stands beside each file.

use std::path::Path;

use keyholder_entra::graph::Application;
use keyholder_foundation::ClientId;

use super::{EnvFileSink, FileSink, Kept, SecretSink, SinkError};
use crate::declaration::Sink;
use crate::kept;
use crate::marks::Labels;

/// A place that a credential in the directory names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftPlace {
    /// Its name, as far as the directory has room for it.
    pub place: String,
    /// The file, when it is here and holds what Keyholder wrote for this application.
    pub file: Option<Sink>,
}

/// The places that the credentials of a registration name, each once.
pub(crate) fn left_places(application: &Application) -> Vec<LeftPlace> {
    let mut places: Vec<LeftPlace> = Vec::new();
    for credential in kept::of(application) {
        let Some((id, place)) = credential.name.and_then(Labels::parse) else { continue };
        if !places.iter().any(|known| known.place == place) {
            // What cannot be looked at is left, as what is on another machine.
            let file = file(Path::new(place), id, application).unwrap_or(None);
            places.push(LeftPlace { place: place.to_owned(), file });
        }
    }
    places
}

/// The file at that path, if the id beside it is this one and a key of the application stands in it.
fn file(path: &Path, id: &str, application: &Application) -> Result<Option<Sink>, SinkError> {
    // A name that had to be cut, or a program's, is no whole path. And whoever may write a label would have another
    // machine asked, with this one's name and password, or a device opened.
    if !path.is_absolute() || is_of_the_network(path) {
        return Ok(None);
    }
    let of_the_application = |kept: &Kept| holds_key_of(kept, application.app_id);
    let env = EnvFileSink::new(path)?;
    if env.place_id()?.as_deref() != Some(id) {
        return Ok(None);
    }
    if of_the_application(&env.load()?) {
        return Ok(Some(Sink::EnvFile(path.to_path_buf())));
    }
    let bare = FileSink::new(path)?.load()?;
    Ok(of_the_application(&bare).then(|| Sink::File(path.to_path_buf())))
}

/// Whether a key of that application stands in a place, as Keyholder wrote it.
pub(crate) fn holds_key_of(kept: &Kept, application: ClientId) -> bool {
    match kept {
        Kept::Key { key, .. } => key.client_id == application,
        // A bare secret says nothing of its own; what was noted on this machine when it was written does.
        Kept::Text { written: Some(of), .. } => of.client_id == application,
        // Not even nothing: something else may stand there in a moment.
        Kept::Text { .. } | Kept::Nothing | Kept::OutOfSight | Kept::Sealed | Kept::Unusable(_) | Kept::Foreign(_) => {
            false
        }
    }
}

/// Whether a path begins as those of shares and devices do.
pub(crate) fn is_of_the_network(path: &Path) -> bool {
    let text = path.to_string_lossy();
    let mut start = text.chars().take(2);
    let mut is_slash = || start.next().is_some_and(|c| c == '/' || c == '\\');
    is_slash() && is_slash()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::testing::key;

    fn application(labels: &[String]) -> Application {
        let secrets: Vec<_> = (1_u8..)
            .zip(labels)
            .map(|(number, label)| {
                let id = format!("00000000-0000-4000-8000-{number:012}");
                serde_json::json!({ "keyId": id, "displayName": label })
            })
            .collect();
        let id = key().client_id;
        let all = serde_json::json!({ "id": id.0, "appId": id.0, "passwordCredentials": secrets });
        serde_json::from_value(all).unwrap()
    }

    #[test]
    fn shares_and_devices_are_not_opened() {
        for path in [r"\\host\share\app.env", r"\\.\pipe\x", r"\\?\UNC\host\share", "//host/share/app.env", r"\/host/x"]
        {
            assert!(is_of_the_network(Path::new(path)), "{path}");
        }
        for path in ["/data/app.env", r"C:\data\app.env", "/"] {
            assert!(!is_of_the_network(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_file_is_known_again_by_the_id_beside_it_and_by_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mut labels = Vec::new();
        let mut label = |sink: &dyn SecretSink| {
            let id = sink.claim_place_id().unwrap();
            labels.push(Labels::print(sink.place(), Some(&id)));
        };
        let env = EnvFileSink::new(&at("app.env")).unwrap();
        env.save(&key()).unwrap();
        label(&env);
        let bare = FileSink::new(&at("secret.txt")).unwrap();
        bare.save(&key()).unwrap();
        label(&bare);
        label(&EnvFileSink::new(&at("gone.env")).unwrap());
        // Labels can be read and written by many: this one leads to another application's bare secret.
        let lured = FileSink::new(&at("lured.txt")).unwrap();
        let others = "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b00f".parse().unwrap();
        lured.save(&crate::sink::Key { client_id: others, ..key() }).unwrap();
        label(&lured);
        // Somebody has put another application's key there since, or notes.
        let other = EnvFileSink::new(&at("other.env")).unwrap();
        other.save(&crate::sink::Key { client_id: others, ..key() }).unwrap();
        label(&other);
        let notes = EnvFileSink::new(&at("notes.env")).unwrap();
        label(&notes);
        std::fs::write(at("notes.env"), "these are my own notes\n").unwrap();
        labels.push(Labels::print(&at("elsewhere.env").display().to_string(), Some("0123456789ab")));
        labels.push("keyholder 0123456789ab vault kv put secret/app value=-".to_owned());
        labels.push("by hand".to_owned());

        let found = left_places(&application(&labels));
        let files: Vec<_> = found.iter().map(|left| left.file.clone()).collect();
        let expected = [
            Some(Sink::EnvFile(at("app.env"))),
            Some(Sink::File(at("secret.txt"))),
            None,
            None,
            None,
            None,
            None,
            None,
        ];
        assert_eq!(files, expected, "{found:?}");
        assert_eq!(found[7].place, "vault kv put secret/app value=-");
    }
}
