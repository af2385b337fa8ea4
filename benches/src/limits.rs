//! The client library under the service protection API limits: how near it comes to what they allow, which
//! concurrency it finds, what faults do to it, and what the limits cost the org.
//!
//! The window is a twentieth of the service's, and so is what it allows, so that several pass in a minute.

mod cost;
mod faults;
mod found;
mod users;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use futures::future::Either;
use keyholder_client::dataverse::Targets;
use keyholder_client::{Dataverse, Limits, Pool};
use keyholder_foundation::{MonotonicClock, SystemClock};

use crate::arguments::Arguments;
use crate::clients::Client;
use crate::org_process::Org;
use crate::own_client::Contact;
use crate::report::Report;
use crate::task::{Mode, Task};
use crate::{Failure, counted, rows};
use users::Users;

/// A twentieth of today's limits, in a twentieth of their window.
const SCALED: Limits =
    Limits { requests: 300, execution: Duration::from_secs(60), concurrent: 52, window: Duration::from_secs(15) };
/// As many windows' worth of requests are sent.
const WINDOWS: u32 = 4;
/// Rows in one request.
const SIZE: u32 = 4;
/// How many service users share a load.
const USERS: [usize; 3] = [1, 2, 4];
/// Rounds of what takes a minute.
const FEW: usize = 3;

/// As `org start --limits` takes them.
pub(crate) fn text(limits: &Limits) -> String {
    let Limits { requests, execution, concurrent, window } = limits;
    format!("{requests},{},{concurrent},{}", execution.as_secs(), window.as_secs())
}

pub(crate) async fn measure(keyholder: &Path, arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    for users in USERS {
        let known = Loads::measure(keyholder, arguments, users, SCALED).await?;
        known.report(&format!("load by {users} service users under limits that it knows"), users, report);
    }
    let unknown = Limits { window: SCALED.window, ..Limits::TODAY };
    let found = Loads::measure(keyholder, arguments, 2, unknown).await?;
    found.report("load by 2 service users under limits that it has to find", 2, report);
    others(keyholder, arguments, report).await?;
    faults::measure(keyholder, report).await?;
    for latency in ["0ms", "20ms"] {
        found::measure(keyholder, arguments, latency, report).await?;
    }
    cost::measure(keyholder, arguments, report).await
}

/// What loads under limits came to.
#[derive(Default)]
struct Loads {
    /// Requests that were carried out, beside the most that the limits allow in the same time.
    share: Vec<f64>,
    per_second: Vec<f64>,
    /// Refused requests for each hundred that were carried out, in the first window and later.
    early: Vec<f64>,
    late: Vec<f64>,
    lost: Vec<f64>,
    doubled: Vec<f64>,
}

impl Loads {
    async fn measure(
        keyholder: &Path,
        arguments: &Arguments,
        users: usize,
        taken_for: Limits,
    ) -> Result<Self, Failure> {
        let mut loads = Self::default();
        for _ in 0..arguments.rounds().min(FEW) {
            let folder = tempfile::tempdir()?;
            let org = Org::start_with(keyholder, folder.path(), &["--limits", &text(&SCALED)], &[]).await?;
            let all = Users::new(keyholder, &org, folder.path(), users).await?;
            // Each proved that it can sign in, which counts for a window.
            tokio::time::sleep(SCALED.window).await;
            loads.load(&org, &all, taken_for).await?;
            org.stop().await?;
        }
        Ok(loads)
    }

    async fn load(&mut self, org: &Org, users: &Users, taken_for: Limits) -> Result<(), Failure> {
        let (client, pool) = users.pooled(taken_for);
        let count = u32::try_from(users.len())? * SCALED.requests;
        let requests = count * WINDOWS;
        let clock = SystemClock::new();
        let load = std::pin::pin!(send(&client, &pool, requests));
        let first = std::pin::pin!(tokio::time::sleep(SCALED.window));
        let (failed, early) = match futures::future::select(load, first).await {
            Either::Left((failed, _)) => (failed, client.http().counted().refused),
            Either::Right(((), load)) => {
                let early = client.http().counted().refused;
                (load.await, early)
            }
        };
        let seconds = clock.elapsed().as_secs_f64();
        if let Some(error) = failed {
            return Err(error);
        }
        let refused = client.http().counted().refused;
        let windows = seconds / SCALED.window.as_secs_f64();
        let hundredths = f64::from(requests) / 100.0;
        self.share.push(f64::from(WINDOWS) / (1.0 + windows));
        self.per_second.push(f64::from(requests * SIZE) / seconds);
        self.early.push(early as f64 / hundredths);
        self.late.push((refused - early) as f64 / hundredths);
        let (lost, doubled) = counted::check(org, requests * SIZE).await?;
        self.lost.push(lost.into());
        self.doubled.push(doubled.into());
        Ok(())
    }

    fn report(&self, name: &str, users: usize, report: &mut Report) {
        let most = users as f64 * f64::from(SCALED.requests * SIZE) / SCALED.window.as_secs_f64();
        report.figure(&format!("{name}: share of the most that they allow"), &scaled(&self.share), "%", "95 % or more");
        report.figure(&format!("{name}: rate ({most:.0} in the long run)"), &self.per_second, "rows per s", "");
        report.figure(&format!("{name}: refused in the first window"), &self.early, "% of the requests", "under 1 %");
        report.figure(&format!("{name}: refused later"), &self.late, "% of the requests", "0");
        report.figure(&format!("{name}: rows lost"), &self.lost, "", "0");
        report.figure(&format!("{name}: rows doubled"), &self.doubled, "", "0");
    }
}

fn scaled(shares: &[f64]) -> Vec<f64> {
    shares.iter().map(|share| share * 100.0).collect()
}

/// The rows of one request, with ids of the caller's choosing.
fn targets(request: u32) -> Targets {
    let mut targets = Targets::of("contact");
    for number in request * SIZE..(request + 1) * SIZE {
        targets.push_with_id("contactid", rows::contact_id(number), &Contact::new(number));
    }
    targets
}

/// Sends as many requests, as the pool lets them go; the first failure, if there is one.
async fn send(client: &Dataverse, pool: &Arc<Pool>, requests: u32) -> Option<Failure> {
    futures::stream::iter(0..requests)
        .map(async |request| client.settle(&targets(request).create("contacts")).await)
        .buffer_unordered(pool.most_at_once())
        .fold(None, async |failed: Option<Failure>, outcome| failed.or(outcome.err().map(Into::into)))
        .await
}

/// The same limits and other clients: what each does when it is refused.
async fn others(keyholder: &Path, arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    let (peers, missing) = Client::peers(arguments);
    for (name, why) in missing {
        report.missing(name, &why);
    }
    let task = Task::create(Mode::Single, 1, SCALED.requests * 2, arguments.at_once).under(&SCALED);
    for client in std::iter::once(Client::own()?).chain(peers) {
        let folder = tempfile::tempdir()?;
        let org = Org::start_with(keyholder, folder.path(), &["--limits", &text(&SCALED)], &[]).await?;
        let mut cost = client.run(&org.client_environment(), folder.path(), &task).await;
        // The rows are counted by the same user.
        tokio::time::sleep(SCALED.window).await;
        (cost.lost, cost.doubled) = counted::check(&org, task.rows).await?;
        report.client(&format!("under limits, {task}: {}", client.name), &[cost], "");
        org.stop().await?;
    }
    Ok(())
}
