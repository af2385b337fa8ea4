//! `/beta/reports` and `/auditLogs`: who signed in when. Nothing is recorded yet, so every one of
//! them is refused by its name.

use super::answer::Answer;
use super::caller::Action;
use super::path::Segment;
use super::problem::Problem;
use super::{Call, no_key};

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    no_key(first)?;
    call.caller.may(Action::ReadReports)?;
    Err(Problem::unknown_segment(rest.first().map_or(&first.text, |segment| &segment.text)))
}
