//! What a real org and its tenant tell of the caller's room under the limits, and of what it is entitled to in a day.
//!
//! The org tells by the headers of an answer how much is left of the caller's window ("Service protection API
//! limits"); the tenant's licences say how large its pool is ("Requests limits and allocations"). How much of a day's
//! entitlement is used, Microsoft tells in reports that an administrator downloads ([`report`]), and by no public API.

pub mod report;

use keyholder_client::dataverse::{Query, Row};
use keyholder_client::entitlement::{Allowances, Owned, Plan};
use keyholder_client::{Error, Told, WhoAmI};
use keyholder_entra::graph::SubscribedSku;
use keyholder_foundation::ObjectId;
use serde_json::Value;
use uuid::Uuid;

use crate::Administrator;

/// The access mode of a user who signs in to programs alone.
const NON_INTERACTIVE: i64 = 4;

/// What is known of one caller.
#[derive(Debug, Clone)]
pub struct OwnUsage {
    /// Whom the org takes the caller for.
    pub me: WhoAmI,
    /// The user's name, where they may read their own row.
    pub name: Option<String>,
    /// What kind of user it is; nothing where the row cannot be read and the credential does not tell.
    pub kind: Kind,
    /// What is left of the window.
    pub told: Told,
    /// What the caller is entitled to in a day, or why that is not known.
    pub entitled: Result<EntitledTo, Error>,
}

/// Kinds of users, as far as entitlements tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An application.
    Application,
    /// A person's account for programs.
    NonInteractive,
    /// A person.
    Person,
}

impl Kind {
    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::NonInteractive => "non-interactive",
            Self::Person => "person",
        }
    }
}

/// An allowance of requests in 24 hours, and what it follows from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntitledTo {
    /// How many.
    pub allowance: u64,
    /// Whether all users without a licence share it.
    pub is_pool: bool,
    /// The licences that count, by name: how many the tenant owns for the pool, one of each for a person.
    pub licences: Vec<(String, u64)>,
}

/// Asks the org and the directory about the caller.
///
/// # Errors
/// What asking the org came to. What the directory refuses is in [`OwnUsage::entitled`].
pub async fn own_usage(caller: &Administrator, allowances: &Allowances, add_ons: u64) -> Result<OwnUsage, Error> {
    let me = caller.org.who_am_i().await?;
    let told = caller.org.room().await?;
    let query = Query::row("systemusers", me.user_id).select([
        "fullname",
        "accessmode",
        "applicationid",
        "azureactivedirectoryobjectid",
    ]);
    // Without prvReadUser nobody reads their own row; what the credential is tells the most.
    let row = match caller.org.find(query).await {
        Ok(row) => row,
        Err(Error::Dataverse(refusal)) if refusal.status == 403 => None,
        Err(error) => return Err(error),
    };
    let is_person = caller.org.tokens().credential().is_person();
    let kind = row.as_ref().map_or(if is_person { Kind::Person } else { Kind::Application }, kind_of);
    let name = row.as_ref().and_then(|row| row.get("fullname")?.as_str()).map(str::to_owned);
    let object = row.as_ref().and_then(|row| row.get("azureactivedirectoryobjectid")?.as_str()?.parse::<Uuid>().ok());
    let entitled = entitled_to(caller, kind, object.map(ObjectId), allowances, add_ons).await;
    Ok(OwnUsage { me, name, kind, told, entitled })
}

fn kind_of(row: &Row) -> Kind {
    let mode = row.get("accessmode").and_then(Value::as_i64);
    match row.get("applicationid") {
        Some(Value::String(_)) => Kind::Application,
        _ if mode == Some(NON_INTERACTIVE) => Kind::NonInteractive,
        _ => Kind::Person,
    }
}

pub(crate) async fn entitled_to(
    caller: &Administrator,
    kind: Kind,
    object: Option<ObjectId>,
    allowances: &Allowances,
    add_ons: u64,
) -> Result<EntitledTo, Error> {
    let bought = caller.graph.subscribed_skus().await?;
    if let (Kind::Person, Some(object)) = (kind, object) {
        let found = caller.graph.users_by_id(&[object]).await?;
        let held: Vec<&SubscribedSku> = found
            .iter()
            .flat_map(|person| &person.assigned_licenses)
            .filter_map(|held| bought.iter().find(|sku| sku.sku_id == held.sku_id))
            .filter(|sku| Plan::of(&sku.sku_part_number).is_some())
            .collect();
        // A person whose licence is for something else is no better off than one without.
        if !held.is_empty() {
            let plans: Vec<Plan> = held.iter().filter_map(|sku| Plan::of(&sku.sku_part_number)).collect();
            let licences = held.iter().map(|sku| (sku.sku_part_number.clone(), 1)).collect();
            return Ok(EntitledTo { allowance: allowances.of_user(&plans), is_pool: false, licences });
        }
    }
    Ok(pool_of(&bought, allowances, add_ons))
}

/// What all users without a licence are entitled to together, in a tenant that has bought these.
fn pool_of(bought: &[SubscribedSku], allowances: &Allowances, add_ons: u64) -> EntitledTo {
    let mut owned = Owned::default();
    let mut licences = Vec::new();
    for sku in bought {
        let units = u64::try_from(sku.prepaid_units.enabled.saturating_add(sku.prepaid_units.warning)).unwrap_or(0);
        let place = match Plan::of(&sku.sku_part_number) {
            Some(Plan::Enterprise) => &mut owned.enterprise,
            Some(Plan::Professional) => &mut owned.professional,
            _ => continue,
        };
        *place = place.saturating_add(units);
        licences.push((sku.sku_part_number.clone(), units));
    }
    EntitledTo { allowance: allowances.of_pool(owned, add_ons), is_pool: true, licences }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn skus(all: &[(&str, i64, i64)]) -> Vec<SubscribedSku> {
        let of = |(name, enabled, warning): &(&str, i64, i64)| {
            let sku = json!({
                "id": "x", "skuId": Uuid::nil(), "skuPartNumber": name,
                "prepaidUnits": { "enabled": enabled, "warning": warning, "suspended": 9 },
            });
            serde_json::from_value(sku).unwrap()
        };
        all.iter().map(of).collect()
    }

    #[test]
    fn the_pool_follows_from_the_licences_that_count() {
        let bought =
            skus(&[("DYN365_ENTERPRISE_SALES", 8, 2), ("ENTERPRISEPACK", 500, 0), ("DYN365_TEAM_MEMBERS", 70, 0)]);
        let pool = pool_of(&bought, &Allowances::TODAY, 2);
        assert_eq!((pool.allowance, pool.is_pool), (500_000 + 10 * 5_000 + 2 * 50_000, true));
        assert_eq!(pool.licences, [("DYN365_ENTERPRISE_SALES".to_owned(), 10)]);
        // Bought and taken back again.
        assert_eq!(pool_of(&skus(&[("DYN365_ENTERPRISE_SALES", -3, 0)]), &Allowances::TODAY, 0).licences[0].1, 0);
    }

    #[test]
    fn a_user_is_what_its_row_says() {
        let of = |row: Value| kind_of(row.as_object().unwrap());
        assert_eq!(of(json!({"applicationid": "x", "accessmode": 4})), Kind::Application);
        assert_eq!(of(json!({"applicationid": null, "accessmode": 4})), Kind::NonInteractive);
        assert_eq!(of(json!({"accessmode": 0})), Kind::Person);
    }
}
