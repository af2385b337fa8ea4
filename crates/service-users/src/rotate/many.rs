//! Many credentials, side by side.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt};

use super::carry::{Rotated, rotate};
use super::{Aim, Manner};
use crate::error::Error;
use crate::journal::Journal;
use crate::report::Reporter;

/// How many applications are worked on at once. The directory takes 3,000 writes of an application in 150 s
/// (Microsoft Graph's throttling limits); a rotation has two, and what is refused for its rate is sent again when the
/// directory says.
const AT_ONCE: usize = 8;

/// Replaces all of them; what came of each, in the order of `aims`. Those of one application take turns, and the
/// application that the caller itself is goes last.
pub async fn rotate_all(
    aims: &[Aim<'_>],
    manner: Manner,
    journal: &Journal,
    reporter: &dyn Reporter,
) -> Vec<Result<Rotated, Error>> {
    let mut groups: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    let is_caller = |aim: &Aim<'_>| aim.administrator.connection.client_id == aim.client_id;
    for (number, aim) in aims.iter().enumerate() {
        groups.entry((is_caller(aim), aim.registration.0)).or_default().push(number);
    }
    let (last, first): (Vec<_>, Vec<_>) = groups.into_iter().partition(|((is_caller, _), _)| *is_caller);
    let mut came: Vec<(usize, Result<Rotated, Error>)> = Vec::with_capacity(aims.len());
    for (groups, at_once) in [(first, AT_ONCE), (last, 1)] {
        let work = groups.into_iter().map(|(_, numbers)| async move {
            let mut came = Vec::with_capacity(numbers.len());
            for number in numbers {
                if let Some(aim) = aims.get(number) {
                    came.push((number, rotate(aim, manner, journal, reporter).await));
                }
            }
            came
        });
        // Made one by one: a stream that makes them would not cross threads.
        let work: Vec<_> = work.collect();
        let done: Vec<Vec<_>> = stream::iter(work).buffer_unordered(at_once).collect().await;
        came.extend(done.into_iter().flatten());
    }
    came.sort_by_key(|(number, _)| *number);
    came.into_iter().map(|(_, came)| came).collect()
}
