//! An audit: which program has which way into which orgs, how much that opens, when it ends, and what is wrong with it.
//!
//! Three stages, as elsewhere: [`gather()`] reads, side by side and changing nothing; [`judge`] holds the rules against
//! what was read, without any I/O; [`Baseline`] marks what somebody has accepted. [`Report`] is all of it, as plain
//! data. An org or tenant that cannot be read is a finding, and so is each single fact: no rule is silent without that
//! being said.

mod baseline;
pub mod facts;
mod finding;
mod gather;
pub mod report;
pub mod rules;

pub use baseline::{Acceptance, Baseline, Outgrown, Unused};
pub use facts::Facts;
pub use finding::{Finding, Point, Severity, Subject, SubjectKind};
pub use gather::{Reading, TABLES, gather};
pub use report::Report;
pub use rules::{Limits, Rule, Switches, judge};
