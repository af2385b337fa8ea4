//! Whether anybody but this command has signed in with the new credential yet.

use std::time::Duration;

use keyholder_client::{Error as ClientError, Http};
use keyholder_foundation::{KeyId, Timestamp};

use super::Aim;
use crate::error::{Error, While};
use crate::report::Reporter;

/// How long after a credential was made, or after this machine was about to sign in with it, sign-ins with it may be this
/// command's own: longer than it waits for the token service to know it, once for itself and once for all.
pub(super) const OWN: Duration = Duration::from_secs(15 * 60);
/// How much later than the old one the new one has to be used. A token is good for 90 minutes at most, so that who is at
/// work with the old one signs in again within that; others who look at the new one, such as `plan`, do not hide it.
const QUIET: Duration = Duration::from_secs(90 * 60);
/// The first pause between two looks at the report, and the longest. It is hours behind at times, and takes five
/// requests in ten seconds (Microsoft Graph's throttling limits).
const PAUSES: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(5 * 60));

/// Waits until the report on credentials shows a sign-in that is not this command's own, and none with the old ones for a
/// while before it; nothing when the time is over.
pub(super) async fn wait(
    aim: &Aim<'_>,
    (key, own): (KeyId, Timestamp),
    old: &[KeyId],
    at_most: Duration,
    reporter: &dyn Reporter,
) -> Result<Option<Timestamp>, Error> {
    let administrator = aim.administrator;
    let ask = || async {
        let all = administrator.graph.credential_sign_ins(aim.client_id).await?;
        Ok(taken_up(all.get(&key).copied(), own, old.iter().filter_map(|id| all.get(id).copied())))
    };
    let what = "a sign-in of somebody else's with the new credential";
    let seen = until_seen(&administrator.http, (what, at_most), reporter, ask).await;
    seen.while_doing(|| format!("read when the credentials of `{}` were used last", aim.name))
}

/// When the new one was used, if that says that nobody needs the old ones; given when it was this command's own last.
fn taken_up(used: Option<Timestamp>, own: Timestamp, old: impl Iterator<Item = Timestamp>) -> Option<Timestamp> {
    used.filter(|used| *used > own.plus(OWN) && are_left(*used, old))
}

/// Whether nobody who signed in with the old ones can still be at work with them when the new one was `used`.
pub(super) fn are_left(used: Timestamp, mut old: impl Iterator<Item = Timestamp>) -> bool {
    old.all(|last| last.plus(QUIET) <= used)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_at_the_new_one_does_not_hide_that_somebody_is_at_work_with_the_old_one() {
        let at = |minutes: u64| Timestamp::from_unix_seconds(1_800_000_000).plus(Duration::from_secs(minutes * 60));
        let judged = |used, old: &[u64]| taken_up(used, at(0), old.iter().map(|minutes| at(*minutes)));
        assert_eq!(judged(None, &[]), None);
        assert_eq!(judged(Some(at(15)), &[]), None, "it may be the proof");
        assert_eq!(judged(Some(at(16)), &[]), Some(at(16)), "nobody used the old one");
        assert_eq!(judged(Some(at(300)), &[310]), None);
        assert_eq!(judged(Some(at(300)), &[0, 240]), None, "its token is good still");
        assert_eq!(judged(Some(at(300)), &[0, 210]), Some(at(300)));
    }
}
