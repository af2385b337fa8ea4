//! Usage of a real org: what it and its tenant tell of the caller.

use keyholder_client::entitlement::Allowances;
use keyholder_client::{Error, Told};
use keyholder_dataverse::error::grouped;
use keyholder_org::Entitled;
use keyholder_service_users::usage::{EntitledTo, OwnUsage, own_usage};
use serde_json::{Value, json};

use crate::args::Usage;
use crate::failure::Failure;
use crate::printer::Printer;
use crate::settings;

/// What no public API tells.
const NOT_TOLD: &str = "how much of a day's entitlement is used, and by whom, no public API tells: an administrator \
                        downloads the report \"Microsoft Power Platform requests\" from the Power Platform admin center, and \
                        `keyholder usage --report FILE` tells what it says";

pub(super) async fn run(arguments: &Usage, entitled: Entitled, printer: Printer) -> Result<(), Failure> {
    let caller = settings::administrator(&arguments.connection, printer).await?;
    let allowances: Allowances = entitled.entitlement.allowances();
    let usage = own_usage(&caller, &allowances, entitled.add_ons.into()).await?;
    let name = usage.name.clone().unwrap_or_else(|| usage.me.user_id.to_string());
    printer.line(&format!("{name}, {}, at {}\n", usage.kind.name(), caller.connection.url));
    printer.line(&format!("left of the last five minutes  {}", window(&usage.told)));
    match &usage.entitled {
        Ok(to) => printer.line(&format!("entitled to in 24 hours        {}", words(to))),
        Err(error) => {
            printer.note(&format!("what the tenant's licences entitle to is not known: {error}"));
            error.hints().iter().for_each(|hint| printer.note(hint));
        }
    }
    printer.note(NOT_TOLD);
    printer.json(&document(&usage, &caller.connection.url.to_string(), entitled));
    Ok(())
}

fn window(told: &Told) -> String {
    let mut parts = Vec::new();
    parts.extend(told.requests.map(|left| format!("{} requests", grouped(left.into()))));
    parts.extend(told.execution.map(|left| format!("{} s of execution", grouped(left.as_secs().into()))));
    let left = if parts.is_empty() { "the org does not tell".to_owned() } else { parts.join(", ") };
    match told.parallelism {
        Some(at_once) => format!("{left}; {at_once} at once do best"),
        None => left,
    }
}

fn words(to: &EntitledTo) -> String {
    let licences: Vec<String> = to.licences.iter().map(|(name, number)| format!("{name} {number}")).collect();
    let from = if licences.is_empty() { "no licence that counts".to_owned() } else { licences.join(", ") };
    let allowance = grouped(to.allowance.into());
    match to.is_pool {
        true => format!("{allowance} requests, shared by all users without a licence (the tenant has {from})"),
        false => format!("{allowance} requests (by {from})"),
    }
}

fn document(usage: &OwnUsage, url: &str, entitled: Entitled) -> Value {
    let licences = |to: &EntitledTo| -> Value {
        to.licences.iter().map(|(name, number)| json!({ "name": name, "number": number })).collect()
    };
    json!({
        "url": url,
        "entitlement": entitled.entitlement.name(),
        "addOns": entitled.add_ons,
        "user": {
            "user": usage.me.user_id,
            "name": usage.name,
            "kind": usage.kind.name(),
            "windowLeft": {
                "requests": usage.told.requests,
                "executionSeconds": usage.told.execution.map(|left| left.as_secs_f64()),
                "recommendedAtOnce": usage.told.parallelism,
            },
            "entitledTo": usage.entitled.as_ref().ok().map(|to| json!({
                "allowance": to.allowance,
                "isPool": to.is_pool,
                "licences": licences(to),
            })),
            "entitledToUnknown": usage.entitled.as_ref().err().map(Error::to_string),
        },
        "notTold": NOT_TOLD,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_left_is_told_as_far_as_the_org_does() {
        let told = Told {
            requests: Some(5_988),
            execution: Some(Duration::from_millis(1_199_600)),
            parallelism: Some(4),
            ..Told::default()
        };
        assert_eq!(window(&told), "5,988 requests, 1,199 s of execution; 4 at once do best");
        assert_eq!(window(&Told::default()), "the org does not tell");
    }
}
