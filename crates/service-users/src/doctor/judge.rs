//! From what was seen to what is wrong. No I/O.

use super::org;
use super::reach;
use super::seen::Seen;
use super::sign_in;
use super::step::{Chart, Step};

/// Judges everything that was seen, step by step, in the order of the way in.
#[must_use]
pub fn judge(seen: &Seen) -> Vec<Step> {
    let mut chart = Chart::default();
    let reached = reach::judge(seen, &mut chart);
    sign_in::dates(seen, &mut chart);
    let signed_in = sign_in::judge(seen, reached, &mut chart);
    org::judge(seen, signed_in, &mut chart);
    chart.finish()
}
