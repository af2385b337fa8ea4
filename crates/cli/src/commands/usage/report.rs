//! Usage of a real tenant, as an administrator's downloaded report tells it: in the form in which a local org tells its own.

use std::path::Path;

use keyholder_client::entitlement::share;
use keyholder_org::Account;
use keyholder_platform::read_bounded;
use keyholder_service_users::usage::report::{Caller, Report};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::failure::Failure;

/// The longest report that is read, in bytes: some 300,000 lines.
const LONGEST: u64 = 64 << 20;

pub(super) fn told(file: &Path, days: u16) -> Result<Value, Failure> {
    let text = read_bounded(file, LONGEST)?;
    let wrong = |error| Failure::new(Exit::BadData, format!("`{}`: {error}", file.display()));
    let report = Report::read(&text).map_err(wrong)?;
    Ok(document(&report, days))
}

fn document(report: &Report, days: u16) -> Value {
    let (pooled, last) = (report.pooled(), report.last);
    let of_pool = pooled.total(last, days);
    let user = |caller: &Caller| {
        let is_shared = caller.environment.is_some();
        let allowance = if is_shared { report.pool } else { caller.entitled };
        let share_of_pool = is_shared.then(|| share(caller.history.total(last, days), of_pool));
        let who = json!({
            "org": caller.environment,
            "user": Some(&caller.id).filter(|id| !id.is_empty()),
            "name": if caller.id.is_empty() { caller.kind.clone() } else { caller.id.clone() },
            "kind": caller.kind,
            "allowance": caller.entitled,
            "shareOfPool": share_of_pool,
        });
        Account { history: &caller.history, allowance, is_shared, days, last, now: None }.told(who)
    };
    let account = Account { history: &pooled, allowance: report.pool, is_shared: false, days, last, now: None };
    let has_pool = report.callers.iter().any(|caller| caller.environment.is_some());
    json!({
        "day": last.start().date(),
        "daysTold": days,
        "isReport": true,
        "tenants": [{
            "pool": has_pool.then(|| account.told(json!({ "allowance": report.pool }))),
            "users": report.callers.iter().map(user).collect::<Vec<_>>(),
        }],
    })
}
