//! The Azure CLI: whoever is signed in there, through `az account get-access-token`.
//!
//! No secret passes through an argument: `az` is told the resource and the tenant, and answers with
//! a token on its standard output.
//!
//! `az` gives tokens of the cloud that it is set to, whoever asks, Microsoft's own as a rule. An org of
//! somebody else's, with a token service and a directory of its own, must not be handed those: it is
//! asked only for Microsoft's token services and for a local org on this machine.

use std::ffi::OsString;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures::future::BoxFuture;
use keyholder_foundation::{ClientId, Secret, Timestamp, WallClock};
use serde::Deserialize;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Credential;
use super::grant::bearer;
use crate::authority::Authority;
use crate::cloud;
use crate::error::refusal::cut;
use crate::error::{Error, SignInError};
use crate::token::AccessToken;
use crate::transport::{is_loopback, origin_of};
use crate::wire::Http;

/// The Azure CLI's own public client, which every tenant trusts with Microsoft Graph, Dataverse and
/// Azure.
pub const AZURE_CLI: ClientId = ClientId(Uuid::from_u128(0x04b0_7795_8ddb_461a_bbee_02f9_e1bf_7b46));

/// How long `az` may take; its first start on a machine takes half a minute.
const DEADLINE: Duration = Duration::from_secs(120);
/// Most that is read of what it says, in bytes.
const LONGEST: u64 = 256 * 1024;
/// What a token lives when `az` does not say, being older than its version 2.54.
const SHORT: Duration = Duration::from_secs(300);

/// Whoever the Azure CLI has signed in.
///
/// ```
/// use keyholder_client::credential::{AZURE_CLI, AzureCli, Credential};
///
/// assert_eq!(AzureCli::new().client_id(), AZURE_CLI);
/// ```
#[derive(Debug, Clone, Default)]
pub struct AzureCli {
    program: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "accessToken")]
    access_token: Secret,
    /// Seconds since 1970; the older `expiresOn` is a local time without its zone.
    expires_on: Option<i64>,
}

impl AzureCli {
    /// The `az` on the `PATH`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The `az` at that place.
    #[must_use]
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self { program: Some(program.into()) }
    }

    async fn ask(&self, authority: &Authority, scope: &str, http: &Http) -> Result<AccessToken, Error> {
        let login = authority.login();
        if !cloud::is_microsoft_login(login) && !is_loopback(login) {
            let made_at = "one of Microsoft's token services".to_owned();
            return Err(SignInError::OtherAuthority { made_at, asked_by: origin_of(login) }.into());
        }
        let program = match &self.program {
            Some(program) => program.clone(),
            None => keyholder_platform::find_program("az").ok_or(SignInError::NoAzureCli)?,
        };
        let resource = scope.strip_suffix("/.default").unwrap_or(scope);
        let arguments =
            ["account", "get-access-token", "--resource", resource, "--tenant", authority.tenant(), "--output", "json"];
        let (out, err, succeeded) = run(program, arguments.map(OsString::from).to_vec(), http).await?;
        if !succeeded {
            return Err(refused(&String::from_utf8_lossy(&err)).into());
        }
        let unread = || Error::from(SignInError::AzureCli("its answer is not the JSON expected".to_owned()));
        let answer: Answer = serde_json::from_slice(&out).map_err(|_| unread())?;
        let now = http.clock().now();
        let life = answer.expires_on.map_or(SHORT, |end| Timestamp::from_unix_seconds(end).since(now));
        bearer(authority, answer.access_token, now, life)
    }
}

/// What `az` complains about, in one line.
fn refused(said: &str) -> SignInError {
    let line = said.lines().rev().map(str::trim).find(|line| line.starts_with("ERROR:"));
    let line = line.or_else(|| said.lines().map(str::trim).rfind(|line| !line.is_empty())).unwrap_or("it said nothing");
    let text = cut(line.trim_start_matches("ERROR:").trim());
    let signed_out = ["az login", "AADSTS50173", "AADSTS700082", "AADSTS70043"];
    if signed_out.iter().any(|word| said.contains(word)) {
        SignInError::AzureCliSignedOut(text)
    } else {
        SignInError::AzureCli(text)
    }
}

/// Kills the program when nobody waits for it any more.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

type Output = (Zeroizing<Vec<u8>>, Vec<u8>, bool);

/// Runs a program to its end, reading no more than [`LONGEST`] bytes of either of its outputs.
async fn run(program: PathBuf, arguments: Vec<OsString>, http: &Http) -> Result<Output, SignInError> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => SignInError::NoAzureCli,
        _ => SignInError::AzureCli(error.to_string()),
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let mut running = Running(child);
    let read = tokio::task::spawn_blocking(|| {
        // One thread for each: a program that fills one pipe while the other is read would wait forever.
        let err = std::thread::spawn(move || bounded(err));
        (bounded(out), err.join().unwrap_or_default())
    });
    let (out, err) = tokio::select! {
        read = read => read.map_err(|error| SignInError::AzureCli(error.to_string()))?,
        () = http.sleep(DEADLINE) => {
            return Err(SignInError::AzureCli(format!("it did not end within {} seconds", DEADLINE.as_secs())));
        }
    };
    if out.len() as u64 > LONGEST || err.len() as u64 > LONGEST {
        return Err(SignInError::AzureCli(format!("it said more than {LONGEST} bytes")));
    }
    let status = running.0.wait().map_err(failed)?;
    Ok((out, err.to_vec(), status.success()))
}

fn bounded(pipe: Option<impl Read>) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::new());
    if let Some(pipe) = pipe {
        // A pipe that breaks has said what it had to say.
        let _ = pipe.take(LONGEST + 1).read_to_end(&mut bytes);
    }
    bytes
}

impl Credential for AzureCli {
    fn client_id(&self) -> ClientId {
        AZURE_CLI
    }

    /// It may have an application signed in as well; a person is the usual case.
    fn is_person(&self) -> bool {
        true
    }

    fn fetch<'a>(
        &'a self,
        authority: &'a Authority,
        scope: &'a str,
        http: &'a Http,
    ) -> BoxFuture<'a, Result<AccessToken, Error>> {
        Box::pin(self.ask(authority, scope, http))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
