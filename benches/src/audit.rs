//! What an audit of many application users in many orgs and tenants costs, and what of it grows with the users.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::Failure;
use crate::arguments::Arguments;
use crate::estate::{Estate, In};
use crate::org_process::{Org, Requests};
use crate::process::{self, Ran};
use crate::report::Report;

const TENANTS: usize = 5;

/// The requests of one kind.
type Count = fn(&Requests) -> f64;

pub(crate) async fn measure(keyholder: &Path, arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    let bench = Bench::start(keyholder, arguments.orgs.into()).await?;
    let most = usize::try_from(arguments.users)?.div_ceil(TENANTS);
    let (few, many) =
        (bench.audits(most.div_ceil(10), arguments, report).await?, bench.audits(most, arguments, report).await?);
    let grown = many.users - few.users;
    let kinds: [(&str, Count); 4] = [
        ("the token service", |requests| requests.login),
        ("Microsoft Graph", |requests| requests.directory),
        ("orgs", |requests| requests.org),
        ("Power Platform", |requests| requests.management),
    ];
    for (name, of) in kinds {
        let more = many.counts.iter().zip(&few.counts).map(|(many, few)| of(many) - of(few)).collect::<Vec<_>>();
        let aim = if name == "Microsoft Graph" { "a few for a thousand users" } else { "none" };
        report.figure(&format!("audit, further requests to {name} for {grown} further users"), &more, "", aim);
    }
    let peaks = |audits: &Audits| audits.of(|ran| ran.peak_megabytes);
    report.ratio(
        &format!("audit, memory with {} users / with {}", many.users, few.users),
        peaks(&many),
        peaks(&few),
        "about 1",
    );
    bench.page(many.users, arguments, report).await?;
    bench.org.stop().await
}

/// Audits of the same orgs with the same users.
struct Audits {
    users: usize,
    rans: Vec<Ran>,
    counts: Vec<Requests>,
}

impl Audits {
    fn of(&self, part: fn(&Ran) -> f64) -> Vec<f64> {
        self.rans.iter().map(part).collect()
    }

    fn report(&self, orgs: usize, report: &mut Report) {
        let name = format!("audit of {} application users in {orgs} orgs of {TENANTS} tenants", self.users);
        let of = |part: Count| self.counts.iter().map(part).collect::<Vec<_>>();
        report.figure(&format!("{name}, wall"), &self.of(|ran| ran.wall_millis), "ms", "2 s");
        report.figure(&format!("{name}, CPU"), &self.of(|ran| ran.cpu_micros / 1e3), "ms", "");
        report.figure(&format!("{name}, memory at the most"), &self.of(|ran| ran.peak_megabytes), "MB", "flat");
        report.figure(&format!("{name}, requests to the token service"), &of(|requests| requests.login), "", "");
        report.figure(&format!("{name}, requests to Microsoft Graph"), &of(|requests| requests.directory), "", "");
        let of_each = of(|requests| requests.org).iter().map(|count| count / orgs as f64).collect::<Vec<_>>();
        report.figure(&format!("{name}, requests to each org"), &of_each, "", "the same for all");
        report.figure(&format!("{name}, requests to Power Platform"), &of(|requests| requests.management), "", "");
    }
}

/// A tenant of the local org, with its orgs and what its administrator signs in with.
struct Tenant {
    orgs: Vec<String>,
    administrator: Vec<(String, String)>,
}

/// A local org of many tenants and a folder to work in.
struct Bench<'a> {
    keyholder: &'a Path,
    folder: tempfile::TempDir,
    org: Org,
    tenants: Vec<Tenant>,
}

impl<'a> Bench<'a> {
    async fn start(keyholder: &'a Path, orgs: usize) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let org = Org::start(keyholder, folder.path()).await?;
        let own = org.administrator().map(|(name, value)| (name.to_owned(), value.to_owned()));
        // The first has an org from the start.
        let mut tenants = vec![Tenant { orgs: vec![org.url().to_owned()], administrator: own.to_vec() }];
        let mut domains = vec![org.administrator_login().2.to_owned()];
        for number in 2..=TENANTS {
            let domain = format!("customer-{number}.localhost");
            org.add_tenant(&domain).await?;
            tenants.push(Tenant { orgs: Vec::new(), administrator: org.administrator_of(&domain)? });
            domains.push(domain);
        }
        for number in 1..orgs {
            let place = number % TENANTS;
            let url = org.add_org_to(&domains[place], &format!("Org {number}")).await?;
            tenants[place].orgs.push(url);
        }
        Ok(Self { keyholder, folder, org, tenants })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.keyholder);
        command.args(arguments).current_dir(self.folder.path()).env("HOME", self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// An audit of all orgs, with further flags.
    fn audit(&self, flags: &[&str]) -> Command {
        let mut command = self.command(&["audit"]);
        command.arg(format!("--local={}", self.org.data().display())).args(flags);
        command
    }

    /// Audits, after so many application users were made in each tenant.
    async fn audits(&self, of_each: usize, arguments: &Arguments, report: &mut Report) -> Result<Audits, Failure> {
        for (number, tenant) in self.tenants.iter().enumerate() {
            let name = format!("audited-{number}");
            let estate = Estate { orgs: tenant.orgs.clone(), users: of_each, each_in: In::One, name };
            let file = format!("{}.toml", estate.name);
            std::fs::write(self.folder.path().join(&file), estate.to_string())?;
            let mut command = self.command(&["apply", "--yes", "--quiet", "--file", &file]);
            process::run(command.envs(tenant.administrator.iter().cloned())).await?;
        }
        let users = of_each * TENANTS;
        self.check(users).await?;
        let mut audits = Audits { users, rans: Vec::new(), counts: Vec::new() };
        for _ in 0..arguments.rounds() {
            let before = self.org.requests().await?;
            audits.rans.push(process::run(&mut self.audit(&[])).await?);
            audits.counts.push(self.org.requests().await?.since(before));
        }
        audits.report(self.tenants.iter().map(|tenant| tenant.orgs.len()).sum(), report);
        Ok(audits)
    }

    /// Whether an audit finds them all: what it does not see costs nothing.
    async fn check(&self, users: usize) -> Result<(), Failure> {
        let file = self.folder.path().join("audit.json");
        process::run(self.audit(&["--output", "json"]).stdout(std::fs::File::create(&file)?)).await?;
        let told: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
        let listed = |value: &Value, member: &str| value[member].as_array().cloned().unwrap_or_default();
        let is_ours = |user: &Value| user["name"].as_str().is_some_and(|name| name.starts_with("audited-"));
        let found: usize = listed(&told, "orgs")
            .iter()
            .map(|org| listed(org, "users").iter().filter(|user| is_ours(user)).count())
            .sum();
        let unread = listed(&told, "unread");
        match (found == users, unread.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => Err(format!("the audit could not read everything: {unread:?}").into()),
            (false, _) => Err(format!("the audit tells of {found} users instead of {users}").into()),
        }
    }

    /// The same with the page for people.
    async fn page(&self, users: usize, arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
        let help = self.command(&["audit", "--help"]).stdout(Stdio::piped()).output().await?;
        if !String::from_utf8_lossy(&help.stdout).contains("--html") {
            report.missing(&format!("page of {users} users"), "this `keyholder audit` has no --html");
            return Ok(());
        }
        let file = self.folder.path().join("audit.html");
        let (mut wall, mut peak, mut size) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..arguments.rounds() {
            let ran = process::run(&mut self.audit(&["--html", "audit.html"])).await?;
            wall.push(ran.wall_millis);
            peak.push(ran.peak_megabytes);
            size.push(std::fs::metadata(&file)?.len() as f64 / 1e3);
        }
        report.figure(&format!("audit with a page, {users} users, wall"), &wall, "ms", "");
        report.figure(&format!("audit with a page, {users} users, memory at the most"), &peak, "MB", "");
        report.figure(&format!("page of {users} users"), &size, "KB", "1,000 KB");
        Ok(())
    }
}
