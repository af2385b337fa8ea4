//! Tells of waits for the org's limits, which would look like a command that hangs.

use keyholder_client::{Dataverse, Limit, Wait, WaitReason};

use crate::printer::Printer;

/// From now on, each wait of several seconds is a line as it begins.
pub(crate) fn tell(org: &Dataverse, printer: Printer) {
    let caller = org.tokens().credential().client_id();
    org.http().tell_waits(move |wait| {
        if printer.is_watched() {
            // A line that tells of progress makes room.
            printer.status("");
        }
        printer.note(&in_words(wait, &wait.client_id.unwrap_or(caller).to_string()));
    });
}

fn in_words(wait: &Wait, caller: &str) -> String {
    let seconds = wait.duration.as_secs_f64().ceil();
    let until = wait.until;
    match wait.reason {
        WaitReason::Limit(limit) => {
            let limit = match limit {
                Some(Limit::Requests) => "the limit on the number of requests",
                Some(Limit::Execution) => "the limit on execution time",
                Some(Limit::Concurrency) => "the limit on requests at once",
                _ => "one of the org's limits",
            };
            format!("{caller} waits {seconds} s, until {until}, for room under {limit}")
        }
        WaitReason::OutOfReach => {
            format!(
                "the org is out of reach, or something else answers in its place: tried again for {seconds} s, until {until}"
            )
        }
        _ => format!("waiting {seconds} s, until {until}: the service cannot be asked before"),
    }
}
