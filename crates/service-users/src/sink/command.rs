//! A program that takes a credential to wherever it belongs: a vault, a pipeline's variables.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use keyholder_foundation::{ClientId, Secret};
use keyholder_platform::{CommandError, Leash, is_program, run_with_input};

use super::kubernetes::manifest_of;
use super::rest::id_of;
use super::{Answer, Kept, Key, SecretSink, SinkError, answer, aside, variables_of};
use crate::declaration::KubernetesSecret;

/// How long a program may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How much of what a program says is shown, in characters; much less than is kept of it.
const SHOWN: usize = 1500;

/// Variables of this prefix are Keyholder's own settings, secrets among them.
const OWN: &str = "KEYHOLDER_";

/// A program that reads the credential, and nothing else, from its standard input.
///
/// It learns from its environment which one that is: the variables of an env file, without the
/// secret. Keyholder's own variables are not passed on.
#[derive(Debug, Clone)]
pub struct CommandSink {
    words: Vec<String>,
    /// The Kubernetes Secret whose manifest the program reads instead of the credential alone.
    manifest: Option<KubernetesSecret>,
    place: String,
    /// Made of the words: on whichever machine it runs, the same program takes it to the same place.
    id: String,
    patience: Duration,
}

impl CommandSink {
    /// The program and its arguments.
    #[must_use]
    pub fn new(words: &[String]) -> Self {
        let program = words.first().map(Path::new).and_then(Path::file_name).unwrap_or_default().to_string_lossy();
        // The place is shown in the directory: the arguments are nobody's business there.
        let words_of: Vec<&str> = words.iter().map(String::as_str).collect();
        Self {
            words: words.to_vec(),
            manifest: None,
            place: format!("command {program}"),
            id: id_of(&words_of),
            patience: PATIENCE,
        }
    }

    /// The same program, which reads the manifest of a Kubernetes Secret that holds the credential: `kubectl apply -f -`.
    #[must_use]
    pub fn with_manifest_of(mut self, secret: &KubernetesSecret) -> Self {
        self.place = format!("{} {secret}", self.place);
        self.id = id_of(&[&self.id, &secret.to_string()]);
        self.manifest = Some(secret.clone());
        self
    }

    /// Waits for the program this long instead of a minute.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

impl SecretSink for CommandSink {
    fn place(&self) -> &str {
        &self.place
    }

    fn place_id(&self) -> Result<Option<String>, SinkError> {
        Ok(Some(self.id.clone()))
    }

    fn claim_place_id(&self) -> Result<String, SinkError> {
        Ok(self.id.clone())
    }

    fn load(&self) -> Answer<'_, Kept> {
        answer(Ok(Kept::OutOfSight))
    }

    fn gives_back(&self) -> bool {
        false
    }

    /// The program may think about it for a while, which keeps the caller's thread from no other work.
    fn save_over<'a>(&'a self, key: &'a Key, _: Option<ClientId>) -> Answer<'a, ()> {
        let place = self.place.clone();
        let (words, key, patience) = (self.words.clone(), key.clone(), self.patience);
        let input = match &self.manifest {
            Some(secret) => manifest_of(secret, &key),
            None => key.secret.clone(),
        };
        let handed =
            led(move |leash| hand_over(&words, &input, &key.secret, &variables_of(&key, None), patience, leash));
        Box::pin(async move { handed.await.unwrap_or_else(|| Err(NotTaken::lost())).map_err(|error| error.by(place)) })
    }

    fn remove(&self) -> Answer<'_, bool> {
        answer(Ok(false))
    }
}

/// Refuses a program that is not there, before something ends for it. (What is planned here may be applied elsewhere.)
pub(crate) fn check_program(words: &[String], place: &str) -> Result<(), SinkError> {
    let program = words.first().map(String::as_str).unwrap_or_default();
    if is_program(program) {
        return Ok(());
    }
    let reason = format!("there is no program `{program}` to be run");
    Err(SinkError::NoAccess { place: place.to_owned(), reason, mend: "install it, or give its whole path" })
}

/// Stops a program with whoever waits for it.
struct Led(Leash);

impl Drop for Led {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// What a thread of its own comes to that runs a program; nothing when it panicked. Whoever drops this, as an interrupted
/// command does, has ended the program: it would write a credential that a later run has revoked.
pub(crate) async fn led<T: Send + 'static>(work: impl FnOnce(&Leash) -> T + Send + 'static) -> Option<T> {
    let led = Led(Leash::default());
    let leash = led.0.clone();
    aside(move || work(&leash)).await
}

/// Why a program did not take a secret.
#[derive(Debug)]
pub(crate) struct NotTaken {
    reason: String,
    /// It ran and read, so it may have kept the secret before it failed.
    has_run: bool,
}

impl NotTaken {
    /// Nobody knows what became of it.
    pub(crate) fn lost() -> Self {
        Self { reason: "its thread ended".to_owned(), has_run: true }
    }

    /// The error of the place that the program is.
    pub(crate) fn by(self, place: String) -> SinkError {
        let error = SinkError::Refused { place, reason: self.reason };
        if self.has_run { error.may_hold() } else { error }
    }
}

/// Gives a program `input` on its standard input, with what may be known about the secret in it in its environment.
///
/// # Errors
/// Why it did not take the secret, which the reason does not repeat.
pub(crate) fn hand_over(
    words: &[String],
    input: &Secret,
    secret: &Secret,
    about: &[(&str, String)],
    patience: Duration,
    leash: &Leash,
) -> Result<(), NotTaken> {
    let ended = run_with_input(words, input, about, |name| name.starts_with(OWN), patience, leash);
    let ended = ended.map_err(|error| NotTaken {
        reason: without(&error.to_string(), secret),
        // Of what it has not even read it has kept nothing.
        has_run: !matches!(error, CommandError::Start { .. } | CommandError::Unread { nothing: true, .. }),
    })?;
    if ended.status.success() {
        return Ok(());
    }
    let complaint = without(&ended.complaint, secret);
    let complaint = if complaint.is_empty() { String::new() } else { format!(": {complaint}") };
    Err(NotTaken { reason: format!("it ended with {}{complaint}", ended.status), has_run: true })
}

/// A line of a secret, and how it looks in a URL, in JSON, and in Base64 wherever it begins there.
fn forms(line: &str) -> Vec<String> {
    let mut forms = vec![line.to_owned(), url::form_urlencoded::byte_serialize(line.as_bytes()).collect()];
    forms.push(serde_json::Value::from(line).to_string().trim_matches('"').to_owned());
    for before in 0..3 {
        let shifted = [&[0; 2][..before], line.as_bytes()].concat();
        // The first and last characters also depend on what stands beside it.
        let (first, end) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
        for engine in [&STANDARD, &URL_SAFE] {
            forms.push(engine.encode(&shifted).chars().take(end).skip(first).collect());
        }
    }
    forms
}

/// What a program said, without the secret that it was given, should it have repeated it.
pub(crate) fn without(text: &str, secret: &Secret) -> String {
    let lines = secret.expose().lines().filter(|line| line.len() >= 8 && !line.starts_with("-----"));
    let clean = lines.fold(text.to_owned(), |text, line| {
        forms(line).iter().fold(text, |text, form| text.replace(form.as_str(), "[redacted]"))
    });
    // The beginning may be the end of a secret that was cut in two: only what is well behind it is shown.
    let cut = clean.chars().count().saturating_sub(SHOWN);
    clean.chars().skip(cut).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::sink::testing::{Now, key};

    fn sink(script: &str) -> CommandSink {
        CommandSink::new(&["sh".to_owned(), "-c".to_owned(), script.to_owned()])
    }

    #[test]
    fn s25_a_program_gets_the_secret_on_its_standard_input_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let (input, environment) = (folder.path().join("input"), folder.path().join("environment"));
        sink(&format!("cat >'{}'; env >'{}'", input.display(), environment.display())).save(&key()).now().unwrap();
        assert_eq!(std::fs::read_to_string(input).unwrap(), key().secret.expose());
        let environment = std::fs::read_to_string(environment).unwrap();
        assert!(!environment.contains(key().secret.expose()));
        assert!(environment.contains(&format!("KEYHOLDER_CLIENT_ID={}", key().client_id)), "{environment}");
    }

    #[test]
    fn s25_what_a_failing_program_says_is_shown_without_the_secret() {
        let error = sink("echo \"cannot store $(cat)\" >&2; exit 3").save(&key()).now().unwrap_err().to_string();
        assert!(error.contains("exit status: 3: cannot store [redacted]"), "{error}");
        assert!(!error.contains(key().secret.expose()));
        let long = "cat >secret; for i in $(seq 300); do echo \"no room for $(cat secret)\" >&2; done; exit 1";
        let folder = tempfile::tempdir().unwrap();
        let long =
            sink(&format!("cd '{}'; {long}", folder.path().display())).save(&key()).now().unwrap_err().to_string();
        let secret = key().secret;
        let end = &secret.expose()[12..];
        assert!(long.contains("[redacted]") && !long.contains(end) && long.len() < 3000, "{long}");
        let slow = sink("sleep 600").with_patience(Duration::from_millis(50)).save(&key()).now().unwrap_err();
        assert!(slow.to_string().contains("did not end within"), "{slow}");
        let missing = CommandSink::new(&["/no/such/vault".to_owned()]).save(&key()).now().unwrap_err();
        assert!(missing.to_string().contains("cannot run `/no/such/vault`"), "{missing}");
        let missing = check_program(&["/no/such/vault".to_owned()], "the vault").unwrap_err();
        assert!(missing.to_string().contains("there is no program `/no/such/vault`"), "{missing}");
    }

    /// `vault kv put secret/orders value` without `=-` ends well and has stored nothing.
    #[test]
    fn s25_a_program_that_does_not_read_the_secret_has_not_taken_it() {
        for (script, may_hold) in
            [("true", false), ("head -c 0", false), ("dd bs=1 count=4 of=/dev/null 2>/dev/null", true)]
        {
            let error = sink(script).save(&key()).now().unwrap_err();
            assert!(error.to_string().contains("did not read its standard input"), "{script}: {error}");
            assert_eq!(error.is_unsure(), may_hold, "{script}: {error}");
        }
    }

    #[test]
    fn s25_a_secret_is_not_shown_in_another_writing_either() {
        let secret = Secret::new("abc8Q~x-y.z_hunter2+/\"");
        let written = [
            "abc8Q%7Ex-y.z_hunter2%2B%2F%22".to_owned(),
            "abc8Q~x-y.z_hunter2+/\\\"".to_owned(),
            STANDARD.encode(secret.expose()),
            STANDARD.encode(format!("a{}b", secret.expose())),
            URL_SAFE.encode(format!("ab{}", secret.expose())),
        ];
        for text in written {
            let said = without(&format!("cannot store {text}"), &secret);
            assert!(said.contains("[redacted]") && said.len() < 35, "{text}: {said}");
        }
    }

    #[test]
    fn its_name_in_the_directory_shows_no_argument() {
        let one = CommandSink::new(&["/usr/bin/vault".to_owned(), "token=abc".to_owned()]);
        assert!(one.place().starts_with("command vault") && !one.place().contains("abc"), "{}", one.place());
        let other = CommandSink::new(&["vault".to_owned(), "token=abd".to_owned()]);
        assert_ne!(one.place_id().unwrap(), other.place_id().unwrap());
        assert!(crate::sink::place::is_id(&one.claim_place_id().unwrap()));
        assert!(matches!(one.load().now().unwrap(), Kept::OutOfSight) && !one.remove().now().unwrap());
    }
}
