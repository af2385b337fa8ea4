//! Tokens: what one costs beside the signature in it, and beside oidc-provider's.

use std::path::Path;

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;

use crate::arguments::Arguments;
use crate::org_process::Org;
use crate::report::{Load, Report};
use crate::{Failure, certified, oidc_provider, process};

/// Connections that are kept alive, each with one request under way.
const CONNECTIONS: usize = 2;
/// And where the time to an answer is asked.
const MANY: usize = 16;

/// The rounds of what is measured.
#[derive(Default)]
struct Rounds {
    signature: Vec<f64>,
    secret: Vec<Load>,
    secret_of_many: Vec<Load>,
    certificate: Vec<Load>,
    beside: Vec<Load>,
    theirs: Vec<Load>,
    theirs_of_many: Vec<Load>,
}

pub(crate) async fn measure(keyholder: &Path, arguments: &Arguments, report: &mut Report) -> Result<(), Failure> {
    let folders = [tempfile::tempdir()?, tempfile::tempdir()?];
    let org = Org::start(keyholder, folders[0].path()).await?;
    let beside = match &arguments.beside {
        Some(program) => Some(Org::start(program, folders[1].path()).await?),
        None => None,
    };
    let theirs = oidc_provider::start(&arguments.oidc_provider).await?;
    let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let by_certificate = certified::token_request(&org).await?;
    let (by_secret, of_theirs, turn) = (org.token_request(), oidc_provider::token_request(), arguments.turn());

    let mut rounds = Rounds::default();
    for _ in 0..arguments.rounds() {
        rounds.signature.push(process::signature_cpu_micros(&key, CONNECTIONS, turn)?);
        rounds.secret.push(org.load(&by_secret, CONNECTIONS, turn).await?);
        if let Some(beside) = &beside {
            rounds.beside.push(beside.load(&beside.token_request(), CONNECTIONS, turn).await?);
        }
        if let Ok(theirs) = &theirs {
            rounds.theirs.push(theirs.load(&of_theirs, CONNECTIONS, turn).await?);
            rounds.theirs_of_many.push(theirs.load(&of_theirs, MANY, turn).await?);
        }
        rounds.secret_of_many.push(org.load(&by_secret, MANY, turn).await?);
        rounds.certificate.push(org.load(&by_certificate, CONNECTIONS, turn).await?);
    }
    org.stop().await?;
    if let Some(beside) = beside {
        beside.stop().await?;
    }
    let missing = match theirs {
        Ok(theirs) => theirs.stop().await.map(|()| None)?,
        Err(why) => Some(why),
    };
    rounds.report(missing.as_deref(), report);
    Ok(())
}

impl Rounds {
    fn report(&self, missing: Option<&str>, report: &mut Report) {
        report.figure("bare RS256 signature, as many at once, CPU", &self.signature, "us", "");
        report.load("tokens by secret", &self.secret);
        report.load(&format!("tokens by secret, {MANY} connections"), &self.secret_of_many);
        report.load("tokens by certificate", &self.certificate);
        let over_signature = |report: &mut Report, name: &str, loads: &[Load], aim: &str| {
            report.ratio(name, loads.iter().map(|load| load.cpu_micros), self.signature.iter().copied(), aim);
        };
        over_signature(report, "CPU per token by secret / bare signature", &self.secret, "1.15");
        let name = format!("the same, {MANY} connections");
        over_signature(report, &name, &self.secret_of_many, "");
        over_signature(report, "CPU per token by certificate / bare signature", &self.certificate, "");
        if !self.beside.is_empty() {
            report.load("tokens by secret, beside", &self.beside);
            over_signature(report, "CPU per token by secret, beside / bare signature", &self.beside, "");
            report.cpu_ratio("CPU per token / beside's", &self.secret, &self.beside, "");
        }
        if let Some(why) = missing {
            report.missing("oidc-provider", why);
            return;
        }
        report.load("oidc-provider's tokens by secret", &self.theirs);
        report.load(&format!("oidc-provider's, {MANY} connections"), &self.theirs_of_many);
        report.cpu_ratio("CPU per token / oidc-provider's", &self.secret, &self.theirs, "0.6");
        report.rate_ratio("tokens per second / oidc-provider's", &self.secret, &self.theirs, "at least 1.7");
        let name = format!("tokens per second / oidc-provider's, {MANY} connections");
        report.rate_ratio(&name, &self.secret_of_many, &self.theirs_of_many, "at least 1.7");
        let p99 = |load: &Load| load.p99_millis;
        report.ratio(
            &format!("p99 / oidc-provider's, {MANY} connections"),
            self.secret_of_many.iter().map(p99),
            self.theirs_of_many.iter().map(p99),
            "0.5",
        );
    }
}
