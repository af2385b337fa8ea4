//! Requests to the Web API, beside a constant body from the same listener.

use std::path::Path;

use crate::arguments::Arguments;
use crate::org_process::Org;
use crate::report::{Load, Report};
use crate::{Failure, constant};

/// Connections that are kept alive, each with one request under way.
const CONNECTIONS: usize = 2;
const CONTACTS: &str = "/api/data/v9.2/contacts?$top=3";
const WHO_AM_I: &str = "/api/data/v9.2/WhoAmI";

/// The rounds of one build.
#[derive(Default)]
struct Rounds {
    contacts: Vec<Load>,
    who_am_i: Vec<Load>,
}

pub(crate) async fn measure(keyholder: &Path, arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    let programs = std::iter::once(keyholder).chain(arguments.beside.as_deref());
    let mut builds = Vec::new();
    for program in programs {
        let folder = tempfile::tempdir()?;
        let org = Org::start(program, folder.path()).await?;
        let (contacts, who_am_i) = (org.request(CONTACTS).await?, org.request(WHO_AM_I).await?);
        builds.push((org, contacts, who_am_i, Rounds::default(), folder));
    }
    let free = constant::start().await?;
    let (of_constant, turn) = (constant::request()?, arguments.turn());
    let mut constant = Vec::new();
    for _ in 0..arguments.rounds() {
        constant.push(free.load(&of_constant, CONNECTIONS, turn).await?);
        for (org, contacts, who_am_i, rounds, _) in &mut builds {
            rounds.contacts.push(org.load(contacts, CONNECTIONS, turn).await?);
            rounds.who_am_i.push(org.load(who_am_i, CONNECTIONS, turn).await?);
        }
    }
    free.stop().await?;
    report.load("constant 1 KB body, same listener, no token", &constant);
    let mut resident = Vec::new();
    for ((org, _, _, rounds, _), of) in builds.iter().zip(["", ", beside"]) {
        report.load(&format!("contacts?$top=3 with token and role check{of}"), &rounds.contacts);
        let name = format!("contacts?$top=3 rate / constant body's rate{of}");
        report.rate_ratio(&name, &rounds.contacts, &constant, "at least 0.3");
        report.load(&format!("WhoAmI{of}"), &rounds.who_am_i);
        resident.push(org.resident_megabytes()?);
    }
    if let [(_, _, _, own, _), (_, _, _, other, _)] = builds.as_slice() {
        report.cpu_ratio("contacts?$top=3, CPU / beside's", &own.contacts, &other.contacts, "");
        report.cpu_ratio("WhoAmI, CPU / beside's", &own.who_am_i, &other.who_am_i, "");
    }
    report.figure("resident after the load", &resident, "MB", "");
    for (org, ..) in builds {
        org.stop().await?;
    }
    Ok(())
}
