//! Loading and reading contacts: this project's client beside dynamics-web-api and Microsoft's Dataverse SDK for
//! Python, against a local org and against an org whose answers cost nothing.
//!
//! All of them send the same rows in the same way with as many requests at once. Each load is into an org of its own,
//! in which the rows are counted afterwards.

mod against;

use std::path::Path;

use crate::arguments::Arguments;
use crate::clients::{Client, Cost};
use crate::free::Free;
use crate::org_process::Org;
use crate::report::Report;
use crate::task::{Mode, Task};
use crate::{Failure, counted};
use against::Form;

/// How many times more rows the large load has.
const LARGE: u32 = 10;
/// Rounds of what takes long.
const FEW: usize = 3;

/// One task, and what is aimed at.
struct Case {
    task: Task,
    /// CPU for each 1,000 rows, in milliseconds.
    cpu: &'static str,
    /// CPU beside the better peer's.
    cpu_ratio: &'static str,
    /// Rows per second beside the better peer's.
    rate_ratio: &'static str,
    /// Rows per second beside what the org itself does.
    saturation: &'static str,
    is_long: bool,
}

impl Case {
    fn new(task: Task) -> Self {
        Self { task, cpu: "", cpu_ratio: "", rate_ratio: "", saturation: "", is_long: false }
    }
}

pub(crate) async fn measure(keyholder: &Path, arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    let (peers, missing) = Client::peers(arguments);
    for (name, why) in missing {
        report.missing(name, &why);
    }
    let clients: Vec<Client> = [Client::own()?, Client::commands(keyholder)].into_iter().chain(peers).collect();
    let (rows, at_once) = (arguments.rows, arguments.at_once);
    let many = |task, cpu| Case { cpu, cpu_ratio: "0.1", saturation: "0.8 or more", ..Case::new(task) };
    let cases = [
        many(Task::create(Mode::Multiple, 100, rows, at_once), ""),
        many(Task::create(Mode::Multiple, 1_000, rows, at_once), "2 to 4 ms at most"),
        many(Task::upsert(100, rows, at_once), ""),
        Case {
            cpu_ratio: "0.2",
            saturation: "0.8 or more",
            ..Case::new(Task::create(Mode::Batch, 100, rows, at_once))
        },
        Case::new(Task::create(Mode::Single, 1, rows / LARGE, at_once)),
        Case { is_long: true, ..many(Task::create(Mode::Multiple, 1_000, rows * LARGE, at_once), "") },
        Case { is_long: true, ..many(Task::upsert(1_000, rows * LARGE, at_once), "") },
    ];
    for case in &cases {
        at_local_org(keyholder, arguments, &clients, case, report).await?;
    }
    reading(keyholder, arguments, &clients, report).await?;
    at_free_org(keyholder, arguments, &clients, report).await
}

/// What each client came to in each round, in the order of the clients.
type Rounds = Vec<Vec<Cost>>;

fn rounds(arguments: &Arguments, is_long: bool) -> usize {
    if is_long { arguments.rounds().min(FEW) } else { arguments.rounds() }
}

/// Loads into local orgs, each new.
async fn at_local_org(
    keyholder: &Path,
    arguments: &Arguments,
    clients: &[Client],
    case: &Case,
    report: &mut Report,
) -> Result<(), Failure> {
    let task = &case.task;
    let mut costs: Rounds = vec![Vec::new(); clients.len()];
    let forms: &[Form] = if task.mode == Mode::Batch { &[Form::ChangeSet, Form::Apart] } else { &[Form::ChangeSet] };
    let mut saturated = vec![Vec::new(); forms.len()];
    for _ in 0..rounds(arguments, case.is_long) {
        for (form, saturated) in forms.iter().zip(&mut saturated) {
            let folder = tempfile::tempdir()?;
            let org = against::ready(keyholder, folder.path(), task, &[]).await?;
            saturated.push(against::saturated(&org, task, *form).await?);
            org.stop().await?;
        }
        for (client, costs) in clients.iter().zip(&mut costs) {
            let folder = tempfile::tempdir()?;
            let org = against::ready(keyholder, folder.path(), task, &[]).await?;
            let mut cost = client.run(&org.client_environment(), folder.path(), task).await;
            (cost.lost, cost.doubled) = counted::check(&org, task.rows).await?;
            costs.push(cost);
            org.stop().await?;
        }
    }
    let takes = |form: Form| match form {
        Form::ChangeSet => "what the org itself takes",
        Form::Apart => "what the org itself takes of creates each by itself",
    };
    for (form, saturated) in forms.iter().zip(&saturated) {
        report.figure(&format!("{task}: {}", takes(*form)), saturated, "rows per s", "");
    }
    tell(clients, &costs, case, "", report);
    for (client, own) in clients.iter().zip(&costs).filter(|(client, _)| client.is_own) {
        for (form, saturated) in forms.iter().zip(&saturated) {
            let name = format!("{task}: {}, rows per second / {}", client.name, takes(*form));
            report.ratio(&name, own.iter().map(Cost::per_second), saturated.iter().copied(), case.saturation);
        }
    }
    Ok(())
}

/// Reads all contacts of one org.
async fn reading(
    keyholder: &Path,
    arguments: &Arguments,
    clients: &[Client],
    report: &mut Report,
) -> Result<(), Failure> {
    let rows = arguments.rows * LARGE;
    let case = Case::new(Task::read(rows));
    let folder = tempfile::tempdir()?;
    let org = against::ready(keyholder, folder.path(), &case.task, &[]).await?;
    against::saturated(&org, &Task::create(Mode::Multiple, 1_000, rows, 2), Form::ChangeSet).await?;
    let mut costs: Rounds = vec![Vec::new(); clients.len()];
    for _ in 0..rounds(arguments, false) {
        for (client, costs) in clients.iter().zip(&mut costs) {
            let mut cost = client.run(&org.client_environment(), folder.path(), &case.task).await;
            cost.lost = rows.saturating_sub(cost.done.rows);
            costs.push(cost);
        }
    }
    tell(clients, &costs, &case, "", report);
    org.stop().await
}

/// The same against an org whose answers are ready.
async fn at_free_org(
    keyholder: &Path,
    arguments: &Arguments,
    clients: &[Client],
    report: &mut Report,
) -> Result<(), Failure> {
    let (folder, rows, at_once) = (tempfile::tempdir()?, arguments.rows * LARGE, arguments.at_once);
    let org = Org::start(keyholder, folder.path()).await?;
    let free = Free::start(&org, folder.path(), rows).await?;
    let many = |size| Case {
        rate_ratio: "8 or more",
        cpu_ratio: "0.1",
        ..Case::new(Task::create(Mode::Multiple, size, rows, at_once))
    };
    let batch = Task::create(Mode::Batch, 100, rows, at_once);
    let cases = [
        many(100),
        many(1_000),
        Case { rate_ratio: "5 or more", cpu_ratio: "0.2", ..Case::new(batch) },
        Case { rate_ratio: "1.4 or more", ..Case::new(Task::read(rows)) },
    ];
    for case in &cases {
        let mut costs: Rounds = vec![Vec::new(); clients.len()];
        for _ in 0..rounds(arguments, false) {
            for (client, costs) in clients.iter().zip(&mut costs) {
                let mut cost = client.run(free.environment(), folder.path(), &case.task).await;
                cost.lost = case.task.rows.saturating_sub(cost.done.rows);
                costs.push(cost);
            }
        }
        tell(clients, &costs, case, "free answers, ", report);
    }
    org.stop().await
}

/// Each client's figures, and those of this project beside the better of the others in each round.
fn tell(clients: &[Client], costs: &Rounds, case: &Case, org: &str, report: &mut Report) {
    let name = format!("{org}{}", case.task);
    let all = || clients.iter().zip(costs);
    for (client, costs) in all() {
        report.client(&format!("{name}: {}", client.name), costs, if client.is_own { case.cpu } else { "" });
    }
    // One that failed is not compared.
    let of_peers = |round: usize| {
        let peers = all().filter(|(client, _)| !client.is_own);
        peers.filter_map(move |(_, peer)| peer.get(round).filter(|cost| cost.done.rows > 0))
    };
    if of_peers(0).next().is_none() {
        return;
    }
    for (client, own) in all().filter(|(client, _)| client.is_own) {
        let name = format!("{name}: {}", client.name);
        let least = |round| of_peers(round).map(|cost| cost.cpu_millis).fold(f64::INFINITY, f64::min);
        let ours = own.iter().map(|cost| cost.cpu_millis);
        report.ratio(&format!("{name}, CPU / the better peer's"), ours, (0..own.len()).map(least), case.cpu_ratio);
        let fastest = |round| of_peers(round).map(Cost::per_second).fold(0.0, f64::max);
        let ours = own.iter().map(Cost::per_second);
        let name = format!("{name}, rows per second / the better peer's");
        report.ratio(&name, ours, (0..own.len()).map(fastest), case.rate_ratio);
    }
}
