//! Which concurrency the client finds by itself, beside the best of several that it is told.

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use keyholder_client::{Dataverse, Limits};
use keyholder_foundation::{MonotonicClock, SystemClock};

use super::text;
use super::users::Users;
use crate::Failure;
use crate::arguments::Arguments;
use crate::org_process::Org;
use crate::own_client::Contact;
use crate::report::{Report, median};

/// What is told.
const FIXED: [usize; 7] = [1, 2, 4, 8, 16, 32, 52];
/// Today's limits, but for the number of requests: more of them are sent than five minutes allow.
const WIDE: Limits = Limits { requests: 1_000_000, ..Limits::TODAY };

pub(super) async fn measure(
    keyholder: &Path,
    arguments: &Arguments,
    latency: &str,
    report: &mut Report,
) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let flags = ["--limits", &text(&WIDE), "--latency", latency];
    let org = Org::start_with(keyholder, folder.path(), &flags, &[]).await?;
    let users = Users::new(keyholder, &org, folder.path(), 1).await?;
    let next = Cell::new(0);
    let (mut fixed, mut found) = (vec![Vec::new(); FIXED.len()], Vec::new());
    // It goes on with what it has found.
    let (client, pool) = users.pooled(WIDE);
    for _ in 0..arguments.rounds() {
        found.push(rate(&client, pool.most_at_once(), &next, arguments.turn()).await?);
        for (at_once, rates) in FIXED.into_iter().zip(&mut fixed) {
            rates.push(rate(users.one(), at_once, &next, arguments.turn()).await?);
        }
    }
    let name = format!("single creates, {latency} away");
    report.figure(&format!("{name}, as many at once as it finds by itself"), &found, "rows per s", "");
    report.figure(&format!("{name}, the first turn of that"), found.get(..1).unwrap_or_default(), "rows per s", "");
    for (at_once, rates) in FIXED.iter().zip(&fixed) {
        report.figure(&format!("{name}, {at_once} at once"), rates, "rows per s", "");
    }
    let best = fixed.iter().max_by(|one, other| median(one).total_cmp(&median(other)));
    let name = format!("{name}: by itself / by the best fixed concurrency");
    report.ratio(&name, found, best.cloned().unwrap_or_default(), "0.9 or more");
    org.stop().await
}

/// Rows per second, each by a request of its own, for so long.
async fn rate(client: &Dataverse, at_once: usize, next: &Cell<u32>, time: Duration) -> Result<f64, Failure> {
    let clock = SystemClock::new();
    let numbers = std::iter::from_fn(|| (clock.elapsed() < time).then(|| next.replace(next.get() + 1)));
    let created = futures::stream::iter(numbers)
        .map(async |number| client.create("contacts", &Contact::new(number)).await)
        .buffer_unordered(at_once)
        .try_fold(0_u32, async |count, _| Ok(count + 1))
        .await?;
    Ok(f64::from(created) / clock.elapsed().as_secs_f64())
}
