//! Waiting for what was just made to be known everywhere.

use std::time::Duration;

use keyholder_client::{Error, Http};

use crate::report::Reporter;

/// How long "not yet" is waited out.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// All waits for one thing together.
    pub deadline: Duration,
    /// The first wait; each further one is twice as long.
    pub first_wait: Duration,
    /// The longest single wait.
    pub longest_wait: Duration,
}

impl Default for Patience {
    /// Three minutes in all, from half a second up to fifteen: replication in the directory takes
    /// seconds as a rule and minutes at worst.
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(180),
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(15),
        }
    }
}

impl Patience {
    /// Tries until it works, it fails for another reason than `not_yet`, or the deadline has passed.
    /// `what` is being waited for: "the token service to know the new secret".
    pub(crate) async fn wait_for<T, F: Future<Output = Result<T, Error>>>(
        self,
        what: &str,
        http: &Http,
        reporter: &dyn Reporter,
        not_yet: impl Fn(&Error) -> bool,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, Error> {
        let mut wait = self.first_wait;
        let mut waited = Duration::ZERO;
        loop {
            match attempt().await {
                Err(error) if not_yet(&error) && waited < self.deadline => {
                    let this = wait.min(self.deadline.saturating_sub(waited));
                    reporter.waiting(what, this);
                    http.sleep(this).await;
                    waited = waited.saturating_add(this);
                    wait = wait.saturating_mul(2).min(self.longest_wait);
                }
                outcome => return outcome,
            }
        }
    }
}

/// A service principal for a registration that is not known everywhere yet: 400 with the detail
/// code `NoBackingApplicationObject`, or 403 that claims the application to be another tenant's.
pub(crate) fn registration_not_seen(error: &Error) -> bool {
    error.graph().is_some_and(|refusal| match refusal.status {
        400 => refusal.message.contains("does not reference a valid application object"),
        403 => refusal.message.contains("backing application of the service principal"),
        _ => false,
    })
}

/// Something that was just made and is not there yet.
pub(crate) fn object_not_seen(error: &Error) -> bool {
    error.graph().is_some_and(|refusal| refusal.status == 404)
}

/// The token service does not know a new application (700016), a new secret (7000215) or a new
/// certificate (700027) yet.
pub(crate) fn key_not_seen(error: &Error) -> bool {
    matches!(error.aadsts(), Some(700_016 | 700_027 | 7_000_215))
}

/// The same, and no federated credential of the application fits the token yet (700211 to 700213, 70021).
pub(crate) fn credential_not_seen(error: &Error) -> bool {
    key_not_seen(error) || matches!(error.aadsts(), Some(70_021 | 700_211..=700_213))
}

/// The org does not find the application in the directory yet (`AzureApplicationIdNotFound`).
pub(crate) fn application_not_seen(error: &Error) -> bool {
    error.dataverse().is_some_and(|refusal| refusal.code == "0x8004f510")
}

/// The org's caches do not hold the new user, its roles, or their privileges yet.
pub(crate) fn rights_not_seen(error: &Error) -> bool {
    const CODES: [&str; 3] = ["0x80072560", "0x80042f09", "0x80040220"];
    key_not_seen(error) || error.dataverse().is_some_and(|refusal| CODES.contains(&refusal.code.as_str()))
}
