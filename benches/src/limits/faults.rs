//! A load with one request in a hundred struck by each kind of fault.

use std::path::Path;

use futures::StreamExt;
use serde_json::json;

use super::users::Users;
use super::{SCALED, SIZE, targets, text};
use crate::org_process::Org;
use crate::report::Report;
use crate::{Failure, counted};

/// Requests in all.
const REQUESTS: u32 = 3_000;
/// How often a request is settled again whose fate nobody knows.
const AGAIN: usize = 3;

pub(super) async fn measure(keyholder: &Path, report: &mut Report) -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let org = Org::start_with(keyholder, folder.path(), &["--limits", &text(&SCALED)], &[]).await?;
    let users = Users::new(keyholder, &org, folder.path(), 4).await?;
    let faults = [
        json!({"fault": "latency", "milliseconds": 300}),
        json!({"fault": "throttle", "retryAfter": 1}),
        json!({"fault": "unavailable", "retryAfter": 1}),
        json!({"fault": "drop-before"}),
        json!({"fault": "drop-after"}),
        json!({"fault": "slow-body", "milliseconds": 300}),
        json!({"fault": "truncated-body"}),
        json!({"fault": "html"}),
        json!({"fault": "expired-token"}),
    ];
    for (seed, mut fault) in (1..).zip(faults) {
        fault["seed"] = seed.into();
        fault["probability"] = 0.01.into();
        fault["path"] = "*CreateMultiple".into();
        org.order_fault(&fault).await?;
    }
    tokio::time::sleep(SCALED.window).await;
    let (client, pool) = users.pooled(SCALED);
    let outcomes = futures::stream::iter(0..REQUESTS)
        .map(async |request| {
            let change = targets(request).create("contacts");
            let mut outcome = client.settle(&change).await;
            let mut again = 0;
            while outcome.is_err() && again < AGAIN {
                again += 1;
                outcome = client.settle_again(&change).await;
            }
            (outcome.err(), again)
        })
        .buffer_unordered(pool.most_at_once())
        .collect::<Vec<_>>()
        .await;
    let failed = outcomes.iter().filter(|(error, _)| error.is_some()).count();
    let again: usize = outcomes.iter().map(|(_, again)| again).sum();
    let ordered = org.faults().await?;
    let struck = |kind: Option<&str>| {
        let all = ordered["faults"].as_array().into_iter().flatten();
        let met = all.filter(|fault| kind.is_none_or(|kind| fault["fault"] == kind));
        met.filter_map(|fault| fault["struck"].as_f64()).sum::<f64>()
    };
    let beyond = client.http().counted().refused as f64 - struck(Some("throttle"));
    org.clear_faults().await?;
    let (lost, doubled) = counted::check(&org, REQUESTS * SIZE).await?;
    let name = format!("{REQUESTS} requests of {SIZE} rows with 1 % of each of nine faults");
    let figures = [
        ("faults met", struck(None), ""),
        ("of them refusals", struck(Some("throttle")), ""),
        ("refusals beyond those", beyond, "0"),
        ("settled again by the caller", again as f64, ""),
        ("requests that failed in the end", failed as f64, "0"),
        ("rows lost", f64::from(lost), "0"),
        ("rows doubled", f64::from(doubled), "0"),
    ];
    for (what, number, aim) in figures {
        report.figure(&format!("{name}: {what}"), &[number], "", aim);
    }
    org.stop().await
}
