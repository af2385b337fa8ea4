//! A hundred thousand contacts, read and written over the Web API, beside SAP CAP with the same rows
//! and beside raw SQL; the same on PostgreSQL, and with a schema of 700 further tables.
//!
//! The local org encrypts, checks a token, and checks a role: a caller whose role reaches everything,
//! and one whose role reaches what he owns (which is every contact here, so that the answers are the
//! same). CAP does none of that.

mod asked;
mod filled;
mod wide;

use std::path::Path;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use keyholder_foundation::{MonotonicClock, SystemClock};
use serde_json::Value;

use crate::arguments::Arguments;
use crate::http_client::send;
use crate::org_process::Org;
use crate::raw_sql::RawSql;
use crate::report::{Load, Report};
use crate::{Failure, cap, constant};
pub(crate) use asked::{posts, typed};
use filled::{ACCOUNTS, Filled};
pub(crate) use wide::document as wide_document;

/// Connections that are kept alive, each with one request under way.
const CONNECTIONS: usize = 2;
/// Turns of a raw statement in one round.
const RAW_TURNS: u32 = 20;
const SHOWN: &str = "$select=fullname,emailaddress1,telephone1,statecode";

/// One thing that is asked of both, and what it may cost of CAP's CPU.
struct Compared {
    name: &'static str,
    own: Request<Full<Bytes>>,
    basic: Request<Full<Bytes>>,
    cap: Request<Full<Bytes>>,
    /// Rows in one request.
    rows: f64,
    aim: &'static str,
    found: Found,
}

#[derive(Default)]
struct Found {
    own: Vec<Load>,
    basic: Vec<Load>,
    cap: Vec<Load>,
}

/// Another local org that is asked the same.
struct Other {
    name: &'static str,
    org: Org,
    /// What each of the compared things is there.
    requests: Vec<Request<Full<Bytes>>>,
    found: Vec<Vec<Load>>,
    folder: tempfile::TempDir,
}

impl Other {
    async fn new(
        keyholder: &Path,
        contacts: u32,
        name: &'static str,
        flags: &[&str],
        folder: tempfile::TempDir,
        environment: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        let org = Org::start_with(keyholder, folder.path(), flags, environment).await?;
        let filled = Filled::new(keyholder, org, folder.path(), contacts).await?;
        let requests: Vec<_> = asked::compared(&filled.admin, &filled.basic, contacts)?;
        let requests: Vec<_> = requests.into_iter().map(|one| one.own).collect();
        let found = requests.iter().map(|_| Vec::new()).collect();
        Ok(Self { name, org: filled.org, requests, found, folder })
    }

    fn report(&self, compared: &[Compared], report: &mut Report) {
        for (one, found) in compared.iter().zip(&self.found) {
            let name = format!("{}, {}", one.name, self.name);
            report.load(&name, found);
            report.cpu_ratio(&format!("{name}, CPU / that of the first org"), found, &one.found.own, "");
            report.rate_ratio(&format!("{name}, rate / that of the first org"), found, &one.found.own, "");
        }
    }
}

/// The org whose rows are in PostgreSQL; or why there is none.
async fn on_postgresql(keyholder: &Path, contacts: u32) -> Result<Result<Other, &'static str>, Failure> {
    let Some(server) = keyholder_cluster::server() else { return Ok(Err("PostgreSQL is not installed")) };
    let folder = tempfile::tempdir()?;
    let [url, key] = ["database-url.txt", "master.key"].map(|name| folder.path().join(name));
    let address = server.fresh_database();
    keyholder_platform::write_private(&url, address.as_bytes())?;
    keyholder_platform::write_private(&key, "00112233445566778899aabbccddeeff".repeat(2).as_bytes())?;
    let (url, key) = (url.to_string_lossy().into_owned(), key.to_string_lossy().into_owned());
    let flags = ["--database-url-file", &url];
    let environment = [("KEYHOLDER_MASTER_KEY_FILE", key.as_str())];
    let name = "on PostgreSQL (its own CPU not counted)";
    let other = Other::new(keyholder, contacts, name, &flags, folder, &environment).await?;
    // What every server does by itself a minute after such a load, and a test's does not.
    server.run(address.rsplit('/').next().unwrap_or_default(), "ANALYZE")?;
    Ok(Ok(other))
}

/// The org that knows 700 tables more.
async fn with_many_tables(keyholder: &Path, contacts: u32) -> Result<Other, Failure> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("wide.xml");
    std::fs::write(&file, wide::document())?;
    let file = file.to_string_lossy().into_owned();
    Other::new(keyholder, contacts, "700 further tables", &["--schema", &file], folder, &[]).await
}

pub(crate) async fn measure(keyholder: &Path, arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    let contacts = arguments.contacts;
    let folder = tempfile::tempdir()?;
    let org = Org::start(keyholder, folder.path()).await?;
    let Filled { org, admin, basic } = Filled::new(keyholder, org, folder.path(), contacts).await?;
    report.figure("resident, 100,000 contacts written", &[org.resident_megabytes()?], "MB", "60 MB at most");
    let cap = cap::start(&arguments.cap, folder.path(), contacts, ACCOUNTS).await?;
    let mut others = vec![with_many_tables(keyholder, contacts).await?];
    match on_postgresql(keyholder, contacts).await? {
        Ok(other) => others.push(other),
        Err(why) => report.missing("PostgreSQL", why),
    }
    let mut compared = asked::compared(&admin, &basic, contacts)?;
    let free = constant::start().await?;
    let (of_constant, turn) = (constant::request()?, arguments.turn());
    let raw = RawSql::open(&org_file(folder.path())?)?;
    let (mut constant, mut filtered, mut page) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..arguments.rounds() {
        constant.push(free.load(&of_constant, CONNECTIONS, turn).await?);
        filtered.push(raw.filtered(RAW_TURNS)?);
        page.push(raw.page(2)?);
        for (at, one) in compared.iter_mut().enumerate() {
            one.found.own.push(org.load(&one.own, CONNECTIONS, turn).await?);
            one.found.basic.push(org.load(&one.basic, CONNECTIONS, turn).await?);
            if let Ok(cap) = &cap {
                one.found.cap.push(cap.load(&one.cap, CONNECTIONS, turn).await?);
            }
            for other in &mut others {
                if let (Some(request), Some(found)) = (other.requests.get(at), other.found.get_mut(at)) {
                    found.push(other.org.load(request, CONNECTIONS, turn).await?);
                }
            }
        }
    }
    free.stop().await?;
    if let Err(why) = &cap {
        report.missing("SAP CAP", why);
    }
    for one in &compared {
        one.report(&constant, report);
    }
    for (name, own, raw, aim) in
        [("filter, order and page of 50", 2, &filtered, "1.3"), ("page of 5,000", 4, &page, "1.8")]
    {
        if let Some(one) = compared.get(own) {
            let cpu = one.found.own.iter().map(|load| load.cpu_micros);
            report.figure(&format!("{name}, raw SQL, CPU"), raw, "us", "");
            report.ratio(&format!("{name}, CPU / raw SQL's"), cpu, raw.iter().copied(), aim);
        }
    }
    report.figure("resident after the load", &[org.resident_megabytes()?], "MB", "60 MB at most");
    pages(&org, &admin, report).await?;
    for other in others {
        other.report(&compared, report);
        other.org.stop().await?;
        drop(other.folder);
    }
    if let Ok(cap) = cap {
        cap.stop().await?;
    }
    org.stop().await
}

impl Compared {
    fn report(&self, constant: &[Load], report: &mut Report) {
        let (name, Found { own, basic, cap }) = (self.name, &self.found);
        report.load(name, own);
        report.load(&format!("{name}, role of depth Basic"), basic);
        report.cpu_ratio(&format!("{name}, CPU of depth Basic / Global"), basic, own, "");
        report.rate_ratio(&format!("{name}, rate / constant body's rate"), own, constant, "");
        if !cap.is_empty() {
            report.load(&format!("{name}, SAP CAP"), cap);
            report.cpu_ratio(&format!("{name}, CPU / SAP CAP's"), own, cap, self.aim);
        }
        if self.rows > 1.0 {
            let each: Vec<f64> = own.iter().map(|load| load.cpu_micros / self.rows).collect();
            report.figure(&format!("{name}, CPU per row"), &each, "us", "");
        }
    }
}

/// All contacts in pages: whether memory stays flat and later pages cost what earlier ones cost.
async fn pages(org: &Org, admin: &str, report: &mut Report) -> Result<(), Failure> {
    let mut sender = org.target().connect().await?;
    let mut path = format!("/api/data/v9.2/contacts?{SHOWN}");
    let before = org.resident_megabytes()?;
    let (mut times, mut peak, clock) = (Vec::new(), before, SystemClock::new());
    loop {
        let from = clock.elapsed();
        let body = send(&mut sender, Org::with_token(&path, admin)?).await?;
        times.push((clock.elapsed() - from).as_secs_f64() * 1e3);
        peak = peak.max(org.resident_megabytes()?);
        let answer: Value = serde_json::from_slice(&body)?;
        match answer["@odata.nextLink"].as_str().and_then(|link| link.find("/api/").and_then(|at| link.get(at..))) {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    let (first, last) = times.split_at(times.len() / 2);
    report.figure("all contacts in pages of 5,000, time of a page", &times, "ms", "");
    report.ratio("time of a page, second half / first half", last.iter().copied(), first.iter().copied(), "about 1");
    report.figure("resident before and at the most while pages are read", &[before, peak], "MB", "60 MB at most");
    Ok(())
}

/// The file of the only org in a data folder.
fn org_file(folder: &Path) -> Result<std::path::PathBuf, Failure> {
    for state in std::fs::read_dir(folder.join("data"))? {
        let orgs = state?.path().join("orgs");
        for file in orgs.is_dir().then(|| std::fs::read_dir(&orgs)).transpose()?.into_iter().flatten() {
            let path = file?.path();
            if path.extension().is_some_and(|kind| kind == "db") {
                return Ok(path);
            }
        }
    }
    Err("the org has no file".into())
}
