//! Whether anybody but this command has signed in with the new credential yet.

use std::time::Duration;

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
    let (graph, http) = (&aim.administrator.graph, &aim.administrator.http);
    let (mut waited, mut pause) = (Duration::ZERO, PAUSES.0);
    loop {
        let doing = || format!("read when the credentials of `{}` were used last", aim.name);
        let all = graph.credential_sign_ins(aim.client_id).await.while_doing(doing)?;
        let used = all.get(&key).copied().filter(|last| *last > made.plus(OWN));
        if used.is_some() || waited >= at_most {
            return Ok(used);
        }
        let this = pause.min(at_most.saturating_sub(waited));
        reporter.waiting("a sign-in of somebody else's with the new credential", this);
        http.sleep(this).await;
        waited = waited.saturating_add(this);
        pause = pause.saturating_mul(2).min(PAUSES.1);
    }
}
