//! What the caller and the moment decide.

use std::borrow::Cow;

use keyholder_foundation::Timestamp;
use uuid::Uuid;

use super::{CallerSet, Zone};

/// Who asks, and when: what a query leaves open until it is answered.
#[derive(Debug, Clone)]
pub struct Circumstances<'a> {
    /// The caller's user row.
    pub user: Uuid,
    /// The caller's business unit.
    pub business_unit: Uuid,
    /// The teams that the caller is a member of.
    pub teams: Cow<'a, [Uuid]>,
    /// All who report to the caller, directly or through others.
    pub reports: Cow<'a, [Uuid]>,
    /// The teams of those.
    pub report_teams: Cow<'a, [Uuid]>,
    /// The rows of each of [`super::Query::hierarchies`], in that order, without the row itself.
    pub hierarchies: Vec<Vec<Uuid>>,
    /// The moment.
    pub now: Timestamp,
    /// The time zone in which the caller's days begin.
    pub zone: Zone,
}

impl Circumstances<'_> {
    /// The ids that a condition about the caller means.
    #[must_use]
    pub fn ids(&self, who: CallerSet) -> Vec<Uuid> {
        let mut ids = match who {
            CallerSet::BusinessUnit => vec![self.business_unit],
            CallerSet::Teams => Vec::new(),
            _ => vec![self.user],
        };
        if matches!(who, CallerSet::UserAndReports | CallerSet::UserAndReportsAndTeams) {
            ids.extend_from_slice(&self.reports);
        }
        if matches!(who, CallerSet::Teams | CallerSet::UserOrTeams | CallerSet::UserAndReportsAndTeams) {
            ids.extend_from_slice(&self.teams);
        }
        if who == CallerSet::UserAndReportsAndTeams {
            ids.extend_from_slice(&self.report_teams);
        }
        ids
    }
}
