//! What an audit comes to: the facts, and what the rules found in them; and its forms for other programs and for people,
//! each a pure function of the report to a text.

mod calendar;
mod expiries;
mod html;
mod junit;
mod metrics;
mod places;
mod requests;
mod sarif;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;

use serde::Serialize;

pub use calendar::calendar;
pub use html::html;
pub use junit::junit;
pub use metrics::prometheus;
pub use places::Declared;
pub use requests::{Asked, Requests, TenantRequests};
pub use sarif::sarif;

use super::baseline::Unused;
use super::facts::Facts;
use super::finding::{Finding, Severity};

/// An audit's result. Its JSON form is what `keyholder audit --output json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What was read.
    #[serde(flatten)]
    pub facts: Facts,
    /// What was found, the gravest first; what the baseline accepts is among it.
    pub findings: Vec<Finding>,
    /// Entries of the baseline that accept nothing any more.
    pub unused_acceptances: Vec<Unused>,
}

impl Report {
    /// What counts: the findings that nobody has accepted.
    pub fn counted(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.counts())
    }

    /// Whether something that counts weighs at least so much.
    #[must_use]
    pub fn has(&self, least: Severity) -> bool {
        self.counted().any(|finding| finding.severity >= least)
    }

    /// How many findings that count there are of each weight.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let all = [Severity::Error, Severity::Warning, Severity::Note];
        all.into_iter().map(|of| (of.name(), self.counted().filter(|one| one.severity == of).count())).collect()
    }
}
