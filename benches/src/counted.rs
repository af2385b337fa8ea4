//! Which of the rows that were to be written are there, and how often.

use std::collections::HashMap;

use futures::TryStreamExt;
use keyholder_client::dataverse::Query;
use serde_json::Value;

use crate::Failure;
use crate::org_process::Org;
use crate::own_client::connect;

/// How many of the contacts with the numbers below `rows` are not there, and how many are there again.
pub(crate) async fn check(org: &Org, rows: u32) -> Result<(u32, u32), Failure> {
    let environment = org.client_environment();
    let find = |name: &str| environment.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
    let client = connect(find).await?;
    let mut found: HashMap<u32, u32> = HashMap::new();
    let mut contacts = std::pin::pin!(client.query(Query::rows("contacts").select(["emailaddress1"])).rows());
    while let Some(contact) = contacts.try_next().await? {
        // The org has contacts of its own.
        let mail = contact.get("emailaddress1").and_then(Value::as_str).unwrap_or_default();
        let number = mail.strip_prefix("contact").and_then(|rest| rest.strip_suffix("@contoso.example"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            *found.entry(number).or_default() += 1;
        }
    }
    let there = (0..rows).filter(|number| found.contains_key(number)).count();
    let doubled = found.values().map(|times| times - 1).sum();
    Ok((rows - u32::try_from(there).unwrap_or(rows), doubled))
}
