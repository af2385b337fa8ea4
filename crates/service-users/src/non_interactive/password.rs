//! A password that nobody chose, and where it goes.

use std::path::{Path, PathBuf};

use keyholder_client::OrgUrl;
use keyholder_client::connection::names;
use keyholder_foundation::{Random, Secret};
use keyholder_platform::{EnvFile, EnvFileError, FileError, Leash, env_file};
use url::Url;

use crate::declaration::{KubernetesSecret, Sink};
use crate::sink::manifest::{self, Manifest};
use crate::sink::{
    Answer, KeyVaultSink, Means, NotTaken, PATIENCE, SinkError, answer, check_file, check_program, hand_over, led,
};

/// How many characters: 28 of 59 are more than 160 bits.
const LENGTH: usize = 28;
/// Letters and digits that no font confuses, and signs that no shell, URL or connection string
/// takes for its own.
const ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_.";
/// The largest file that a password is looked for in, in bytes.
const LARGEST: u64 = 64 * 1024;

/// Makes a password that directories accept: all four kinds of characters, and nothing of the name.
pub(super) fn generate(random: &dyn Random, nickname: &str) -> Secret {
    let limit = u8::try_from(256 - 256 % ALPHABET.len()).unwrap_or(u8::MAX);
    loop {
        // Filled without ever growing: no copy of it stays behind.
        let mut text = String::with_capacity(LENGTH);
        while text.len() < LENGTH {
            let mut byte = [0];
            random.fill(&mut byte);
            // Each character is as likely as any other.
            if byte[0] < limit
                && let Some(character) = ALPHABET.get(usize::from(byte[0]) % ALPHABET.len())
            {
                text.push(char::from(*character));
            }
        }
        let has = |kind: fn(&u8) -> bool| text.as_bytes().iter().any(&kind);
        let kinds = [
            has(u8::is_ascii_uppercase),
            has(u8::is_ascii_lowercase),
            has(u8::is_ascii_digit),
            has(u8::is_ascii_punctuation),
        ];
        let holds_name = nickname.len() >= 3 && text.to_ascii_lowercase().contains(&nickname.to_ascii_lowercase());
        if kinds == [true; 4] && !holds_name {
            return Secret::new(text);
        }
    }
}

/// A person's way into an org.
#[derive(Debug, Clone)]
pub struct WayIn {
    /// The orgs, the main one first.
    pub urls: Vec<OrgUrl>,
    /// The tenant.
    pub tenant: String,
    /// The token service, when it has to be vouched for.
    pub authority: Option<Url>,
    /// The user name.
    pub user_name: String,
    /// The password.
    pub password: Secret,
    /// The CA file, absolute.
    pub ca_file: Option<PathBuf>,
}

impl WayIn {
    /// The variables of an env file, without the password.
    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines: Vec<(&str, String)> = Vec::new();
        if let Some(url) = self.urls.first() {
            lines.push((names::ORG_URL, url.to_string()));
        }
        lines.push((names::TENANT_ID, self.tenant.clone()));
        lines.extend(self.authority.as_ref().map(|url| (names::AUTHORITY, url.to_string())));
        lines.extend(self.ca_file.as_ref().map(|file| (names::CA_FILE, file.display().to_string())));
        lines.push((names::USERNAME, self.user_name.clone()));
        lines
    }

    /// The manifest of a Kubernetes Secret that holds it.
    fn manifest(&self, secret: &KubernetesSecret) -> Secret {
        let lines = self.lines();
        let entries = lines.iter().map(|(name, value)| (*name, value.as_str()));
        manifest::print(secret, entries.chain([(names::PASSWORD, self.password.expose())]))
    }
}

/// What a place holds.
#[derive(Debug, Clone)]
pub enum KeptPassword {
    /// No password of this person.
    Nothing,
    /// A password of this person.
    Held(Secret),
    /// Nobody can tell: what was handed over there does not come back.
    Unknown,
}

/// A place that keeps one person's password.
pub trait PasswordSink: Send + Sync {
    /// The place's name for people.
    fn place(&self) -> &str;

    /// What it holds for that person.
    ///
    /// # Errors
    /// When the place cannot be looked at, or holds something else that must not be lost.
    fn load<'a>(&'a self, user_name: &'a str) -> Answer<'a, KeptPassword>;

    /// Keeps the password, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be kept.
    fn save<'a>(&'a self, way_in: &'a WayIn) -> Answer<'a, ()>;
}

/// A password's place as declarations and command lines name it: an env file, a file of its own, a Kubernetes manifest,
/// a program's standard input, or a key vault.
#[derive(Debug, Clone)]
pub struct PasswordFile {
    sink: Sink,
    place: String,
    /// The vault, where it is one.
    vault: Option<KeyVaultSink>,
}

impl PasswordFile {
    /// The place that was named; a vault is reached by `means`.
    ///
    /// # Errors
    /// When the current folder, to which a relative path relates, cannot be told; [`SinkError::NoAccess`] for a vault
    /// without means, and for GitHub, where nothing could say whose password it is.
    pub fn new(sink: &Sink, means: Option<&Means>) -> Result<Self, SinkError> {
        let absolute = |path: &PathBuf| {
            let failed = |source| FileError::Io { doing: "find", path: path.clone(), source };
            std::path::absolute(path).map_err(failed)
        };
        let sink = match sink {
            Sink::EnvFile(path) => Sink::EnvFile(absolute(path)?),
            Sink::File(path) => Sink::File(absolute(path)?),
            Sink::Manifest { file, secret } => Sink::Manifest { file: absolute(file)?, secret: secret.clone() },
            Sink::Command(_) | Sink::ManifestCommand { .. } => sink.clone(),
            Sink::KeyVault(_) if means.is_some() => sink.clone(),
            Sink::GitHub(_) | Sink::KeyVault(_) => {
                let reason = "it keeps no passwords of people here".to_owned();
                let mend = "choose an env file, a file, a program, a Kubernetes manifest or, signed in, a key vault";
                return Err(SinkError::NoAccess { place: sink.in_words(), reason, mend });
            }
        };
        let vault = match (&sink, means) {
            (Sink::KeyVault(secret), Some(means)) => Some(KeyVaultSink::new(secret, means)),
            _ => None,
        };
        let place = match &sink {
            Sink::Command(words) | Sink::ManifestCommand { words, .. } => {
                format!("the program {}", words.first().map_or("", String::as_str))
            }
            Sink::KeyVault(secret) => secret.to_string(),
            _ => sink.file().map(|path| path.display().to_string()).unwrap_or_default(),
        };
        Ok(Self { sink, place, vault })
    }

    /// Refuses a place that is not there, before a password is set for it.
    ///
    /// # Errors
    /// [`SinkError::NoFolder`], [`SinkError::File`] for another user's file, and [`SinkError::NoAccess`] for a program that
    /// is missing.
    pub fn check_room(&self) -> Result<(), SinkError> {
        match &self.sink {
            Sink::Command(words) | Sink::ManifestCommand { words, .. } => check_program(words, &self.place),
            sink => sink.file().map_or(Ok(()), |path| check_file(path)),
        }
    }

    fn foreign(&self, reason: &str) -> SinkError {
        SinkError::Foreign { place: self.place.clone(), reason: reason.to_owned() }
    }
}

impl PasswordFile {
    fn held(&self, user_name: &str) -> Result<KeptPassword, SinkError> {
        // What others could have put there is nobody's password; and reading a pipe might never end.
        if let Some(path) = self.sink.file() {
            let path = keyholder_platform::regular_file(path)?;
            if keyholder_platform::is_anothers(&path)? {
                return Err(FileError::NotOwn { path }.into());
            }
            if path.exists() && !keyholder_platform::is_private(&path)? {
                return Err(
                    self.foreign("others can read it; delete it, or `chmod 600` it if the password in it is yours")
                );
            }
        }
        match &self.sink {
            Sink::EnvFile(path) => {
                let file = match EnvFile::read(path) {
                    Ok(file) => file,
                    Err(EnvFileError::File(error)) if error.is_missing() => return Ok(KeptPassword::Nothing),
                    Err(EnvFileError::File(error @ FileError::Io { .. })) => return Err(error.into()),
                    Err(unusable) => return Err(self.foreign(&unusable.to_string())),
                };
                let value = |name| file.get(name).map(|variable| variable.value.clone());
                match (value(names::USERNAME), value(names::PASSWORD)) {
                    (Some(held), _) if !held.expose().eq_ignore_ascii_case(user_name) => {
                        Err(self.foreign("it holds the password of another person"))
                    }
                    (_, Some(password)) if !password.is_empty() => Ok(KeptPassword::Held(password)),
                    _ if value(names::CLIENT_SECRET).is_some() => {
                        Err(self.foreign("it holds the key of an application"))
                    }
                    _ => Ok(KeptPassword::Nothing),
                }
            }
            Sink::File(path) => match keyholder_platform::read_bounded(path, LARGEST) {
                // It does not say whose it is, so one that exists is believed to be this person's.
                Ok(text) => match text.lines().collect::<Vec<_>>().as_slice() {
                    [] | [""] => Ok(KeptPassword::Nothing),
                    [line] => Ok(KeptPassword::Held(Secret::new(*line))),
                    _ => Err(self.foreign("it has more than one line, which no password has")),
                },
                Err(error) if error.is_missing() => Ok(KeptPassword::Nothing),
                Err(error) => Err(error.into()),
            },
            Sink::Manifest { file, secret } => {
                let text = match keyholder_platform::read_bounded(file, LARGEST) {
                    Ok(text) => text,
                    Err(error) if error.is_missing() => return Ok(KeptPassword::Nothing),
                    Err(error) => return Err(error.into()),
                };
                let manifest = Manifest::parse(&text).filter(|manifest| manifest.secret == *secret);
                let Some(manifest) = manifest else {
                    return Err(self.foreign("it is not the manifest of that Secret as Keyholder writes it"));
                };
                let is_of = |held: &Secret| held.expose().eq_ignore_ascii_case(user_name);
                match (manifest.get(names::USERNAME).filter(|held| is_of(held)), manifest.get(names::PASSWORD)) {
                    (Some(_), Some(password)) => Ok(KeptPassword::Held(password.clone())),
                    _ => Err(self.foreign("it holds something else than the password of this person")),
                }
            }
            _ => Ok(KeptPassword::Unknown),
        }
    }

    fn keep(&self, way_in: &WayIn, leash: &Leash) -> Result<(), SinkError> {
        match &self.sink {
            Sink::EnvFile(path) => {
                let old = EnvFile::read(path).ok();
                let lines = way_in.lines();
                // All that says where the way leads is written anew, or is no longer so.
                const ADDRESS: [&str; 7] = [
                    names::ORG_URL,
                    names::TENANT_ID,
                    names::AUTHORITY,
                    names::ORIGIN,
                    names::CA_FILE,
                    names::USERNAME,
                    names::PASSWORD,
                ];
                let kept =
                    old.iter().flat_map(|file| file.variables()).filter(|old| !ADDRESS.contains(&old.name.as_str()));
                let all = lines.iter().map(|(name, value)| (*name, value.as_str()));
                let all = all.chain([(names::PASSWORD, way_in.password.expose())]);
                let all = all.chain(kept.map(|old| (old.name.as_str(), old.value.expose())));
                let comment = "Written by Keyholder: the way into an org for one non-interactive user.\n\
                     It holds a password: keep it private.";
                let text = env_file::print(comment, all);
                write(path, &text)
            }
            Sink::File(path) => {
                let line = Secret::new(format!("{}\n", way_in.password.expose()));
                write(path, &line)
            }
            Sink::Manifest { file, secret } => write(file, &way_in.manifest(secret)),
            Sink::GitHub(_) | Sink::KeyVault(_) => Err(self.foreign("it is not on this machine")),
            Sink::Command(words) | Sink::ManifestCommand { words, .. } => {
                let line = Secret::new(format!("{}\n", way_in.password.expose()));
                let about = [(names::USERNAME, way_in.user_name.clone()), (names::TENANT_ID, way_in.tenant.clone())];
                let input = match &self.sink {
                    Sink::ManifestCommand { secret, .. } => way_in.manifest(secret),
                    _ => line,
                };
                hand_over(words, &input, &way_in.password, &about, PATIENCE, leash)
                    .map_err(|error| error.by(self.place.clone()))
            }
        }
    }
}

/// Writes a file anew; where a link leads to it, that stays.
fn write(path: &Path, text: &Secret) -> Result<(), SinkError> {
    let path = keyholder_platform::regular_file(path)?;
    Ok(keyholder_platform::write_private(&path, text.expose().as_bytes())?)
}

impl PasswordSink for PasswordFile {
    fn place(&self) -> &str {
        &self.place
    }

    fn load<'a>(&'a self, user_name: &'a str) -> Answer<'a, KeptPassword> {
        match &self.vault {
            Some(vault) => Box::pin(async move {
                Ok(vault.password_of(user_name).await?.map_or(KeptPassword::Nothing, KeptPassword::Held))
            }),
            None => answer(self.held(user_name)),
        }
    }

    /// A program may think about it for a while, which keeps the caller's thread from no other work.
    fn save<'a>(&'a self, way_in: &'a WayIn) -> Answer<'a, ()> {
        if let Some(vault) = &self.vault {
            let about = || way_in.lines();
            return Box::pin(async move { vault.keep_password(&way_in.user_name, &way_in.password, about()).await });
        }
        if !matches!(self.sink, Sink::Command(_) | Sink::ManifestCommand { .. }) {
            return answer(self.keep(way_in, &Leash::default()));
        }
        let (place, way_in) = (self.clone(), way_in.clone());
        let refused = || NotTaken::lost().by(self.place.clone());
        let kept = led(move |leash| place.keep(&way_in, leash));
        Box::pin(async move { kept.await.unwrap_or_else(|| Err(refused())) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyholder_foundation::SeededRandom;

    fn way_in(password: &str) -> WayIn {
        WayIn {
            urls: vec!["https://contoso.crm4.dynamics.com".parse().unwrap()],
            tenant: "t".to_owned(),
            authority: None,
            user_name: "svc-orders@contoso.com".to_owned(),
            password: Secret::new(password),
            ca_file: None,
        }
    }

    #[test]
    fn passwords_are_long_varied_unlike_each_other_and_fit_everywhere() {
        let random = SeededRandom::new(7);
        let all: Vec<_> = (0..200).map(|_| generate(&random, "svc-orders").expose().to_owned()).collect();
        for (at, one) in all.iter().enumerate() {
            assert_eq!(one.len(), LENGTH);
            assert!(!all[..at].contains(one));
            assert!(one.bytes().all(|byte| ALPHABET.contains(&byte)));
        }
        let bits = LENGTH as f64 * (ALPHABET.len() as f64).log2();
        assert!(bits > 160.0, "{bits}");
        let counts = ALPHABET.iter().map(|c| all.iter().flat_map(|one| one.bytes()).filter(|b| b == c).count());
        let (least, most) = (counts.clone().min().unwrap(), counts.max().unwrap());
        assert!(least > 50 && most < 150, "{least} to {most} of about 93 each");
    }

    /// What others could read they may have put there.
    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_holds_nobodys_password() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "Somebody-Knows-This-1\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        for sink in [Sink::File(path.clone()), Sink::EnvFile(path)] {
            let refused = PasswordFile::new(&sink, None).unwrap().held("svc-orders@contoso.com").unwrap_err();
            assert!(refused.to_string().contains("others can read it"), "{refused}");
        }
        let refused = PasswordFile::new(&Sink::File(folder.path().to_owned()), None).unwrap().held("x").unwrap_err();
        assert!(refused.to_string().contains("no regular file"), "{refused}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_the_file_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = Sink::Manifest { file: folder.path().join("link"), secret: "prod/svc".parse().unwrap() };
        for sink in [Sink::EnvFile(folder.path().join("link")), Sink::File(folder.path().join("link")), manifest] {
            let (file, link) = (folder.path().join("file"), folder.path().join("link"));
            std::os::unix::fs::symlink(&file, &link).unwrap();
            std::fs::write(&file, "").unwrap();
            PasswordFile::new(&sink, None).unwrap().keep(&way_in("Pass-word-9"), &Leash::default()).unwrap();
            assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink(), "{sink:?}");
            assert!(std::fs::read_to_string(&file).unwrap().contains("Pass-word-9"), "{sink:?}");
            std::fs::remove_file(link).unwrap();
        }
    }

    #[test]
    fn a_file_keeps_a_password_for_its_owner_and_gives_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = Sink::Manifest { file: folder.path().join("a.yaml"), secret: "prod/svc".parse().unwrap() };
        for sink in [Sink::EnvFile(folder.path().join("a.env")), Sink::File(folder.path().join("password")), manifest] {
            let place = PasswordFile::new(&sink, None).unwrap();
            assert!(matches!(place.held("svc-orders@contoso.com").unwrap(), KeptPassword::Nothing));
            place.keep(&way_in("Pass-word-9"), &Leash::default()).unwrap();
            let held = place.held("SVC-orders@contoso.com").unwrap();
            assert!(matches!(&held, KeptPassword::Held(held) if held.matches("Pass-word-9")), "{held:?}");
            assert!(!format!("{held:?}").contains("Pass-word-9"));
        }
        let place = PasswordFile::new(&Sink::EnvFile(folder.path().join("a.env")), None).unwrap();
        let of = |name: &str| Sink::Manifest { file: folder.path().join("a.yaml"), secret: name.parse().unwrap() };
        for (sink, user) in [(of("prod/svc"), "other@contoso.com"), (of("prod/other"), "svc-orders@contoso.com")] {
            assert!(
                matches!(PasswordFile::new(&sink, None).unwrap().held(user), Err(SinkError::Foreign { .. })),
                "{user}"
            );
        }
        let error = place.held("other@contoso.com").unwrap_err().to_string();
        assert!(error.contains("another person") && error.contains("a.env"), "{error}");
        assert!(keyholder_platform::is_private(&folder.path().join("password")).unwrap());
    }

    #[test]
    fn an_env_file_that_is_written_again_leads_where_the_new_way_does_and_keeps_what_is_somebody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.env");
        let place = PasswordFile::new(&Sink::EnvFile(path.clone()), None).unwrap();
        let local = WayIn {
            authority: Some("https://localhost:8443/".parse().unwrap()),
            ca_file: Some(folder.path().join("ca.pem")),
            ..way_in("Pass-word-9")
        };
        place.keep(&local, &Leash::default()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("KEYHOLDER_AUTHORITY=") && text.contains("KEYHOLDER_CA_FILE="), "{text}");
        std::fs::write(&path, format!("{text}KEYHOLDER_ORIGIN=https://localhost:8443\nOTHER=mine\n")).unwrap();
        place.keep(&way_in("Pass-word-8"), &Leash::default()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for gone in ["KEYHOLDER_AUTHORITY", "KEYHOLDER_CA_FILE", "KEYHOLDER_ORIGIN", "Pass-word-9"] {
            assert!(!text.contains(gone), "{text}");
        }
        assert!(text.contains("OTHER=mine") && text.contains("Pass-word-8"), "{text}");
    }

    /// The program ends only once the task beside it has gone on.
    #[cfg(unix)]
    #[tokio::test]
    async fn a_program_that_takes_its_time_keeps_nothing_else_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let script = format!("cat > /dev/null; read word < '{}'", pipe.display());
        let words = vec!["sh".to_owned(), "-c".to_owned(), script];
        let place = PasswordFile::new(&Sink::Command(words), None).unwrap();
        let beside = async { std::fs::write(&pipe, "go on\n").unwrap() };
        let way = way_in("Pass-word-9");
        let (saved, ()) = futures::join!(place.save(&way), beside);
        saved.unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_program_gets_the_password_on_its_standard_input_and_may_refuse_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("got").display().to_string();
        let shell = |script: String| {
            PasswordFile::new(&Sink::Command(vec!["sh".to_owned(), "-c".to_owned(), script]), None).unwrap()
        };
        shell(format!("cat > {file}")).keep(&way_in("Pass-word-9"), &Leash::default()).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "Pass-word-9\n");
        let words = vec!["sh".to_owned(), "-c".to_owned(), format!("cat > {file}")];
        let manifest = Sink::ManifestCommand { words, secret: "prod/svc".parse().unwrap() };
        PasswordFile::new(&manifest, None).unwrap().keep(&way_in("Pass-word-8"), &Leash::default()).unwrap();
        let manifest = Manifest::parse(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert!(manifest.get(names::PASSWORD).unwrap().matches("Pass-word-8"));
        let error = shell("cat > /dev/null; exit 3".to_owned())
            .keep(&way_in("Pass-word-9"), &Leash::default())
            .unwrap_err()
            .to_string();
        assert!(error.contains("sh") && error.contains('3') && !error.contains("Pass-word-9"), "{error}");
    }
}
