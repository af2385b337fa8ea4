//! Whether anybody but this command has signed in with the new credential yet.

use std::time::Duration;

use keyholder_client::{Error as ClientError, Http};
use keyholder_foundation::{KeyId, Timestamp};

use super::Aim;
use crate::error::{Error, While};
use crate::report::Reporter;

/// How long after a credential was made sign-ins with it may be this command's own: longer than it waits for the
/// token service to know it.
const OWN: Duration = Duration::from_secs(5 * 60);
/// The first pause between two looks at the report, and the longest. It is hours behind at times, and takes five
/// requests in ten seconds (Microsoft Graph's throttling limits).
const PAUSES: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5 * 60));

/// Waits until the report on credentials shows a sign-in that is not this command's own; nothing when the time is over.
pub(super) async fn wait(
    aim: &Aim<'_>,
    (key, made): (KeyId, Timestamp),
    at_most: Duration,
    reporter: &dyn Reporter,
) -> Result<Option<Timestamp>, Error> {
    let administrator = aim.administrator;
    let ask = || async {
        let all = administrator.graph.credential_sign_ins(aim.client_id).await?;
        Ok(all.get(&key).copied().filter(|last| *last > made.plus(OWN)))
    };
    let what = "a sign-in of somebody else's with the new credential";
    let seen = until_seen(&administrator.http, (what, at_most), reporter, ask).await;
    seen.while_doing(|| format!("read when the credentials of `{}` were used last", aim.name))
}

/// Asks again and again until something is seen, for so long at most.
pub(super) async fn until_seen<F: Future<Output = Result<Option<Timestamp>, ClientError>>>(
    http: &Http,
    (what, at_most): (&str, Duration),
    reporter: &dyn Reporter,
    ask: impl Fn() -> F,
) -> Result<Option<Timestamp>, ClientError> {
    let (mut waited, mut pause) = (Duration::ZERO, PAUSES.0);
    loop {
        let seen = ask().await?;
        if seen.is_some() || waited >= at_most {
            return Ok(seen);
        }
        let this = pause.min(at_most.saturating_sub(waited));
        reporter.waiting(what, this);
        http.sleep(this).await;
        waited = waited.saturating_add(this);
        pause = pause.saturating_mul(2).min(PAUSES.1);
    }
}
