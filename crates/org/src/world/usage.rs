//! How much of their entitlement the users of a world's orgs have used, and where the day is heading.
//!
//! Told, and never held against anybody. A tenant's users without a licence share one pool over all its orgs, as
//! Microsoft's page on request limits has it; a licensed user has an allowance of their own.

mod account;

use keyholder_data::UserUsage;
use keyholder_entra::licences;
use keyholder_foundation::{ObjectId, TenantId, Timestamp};
use keyholder_identity::Licences;
use keyholder_limits::entitlement::{Allowances, Day, Owned, Plan, share};
use keyholder_limits::history::History;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{OpenWorld, State};
use crate::error::StartError;
use crate::protection::{Protection, User};

pub use account::Account;

/// How many days are told of where nothing else is asked for.
pub const DAYS_TOLD: u16 = 30;
/// How many can be told of: counts are kept no longer.
pub const MOST_DAYS_TOLD: u16 = keyholder_data::USAGE_DAYS_KEPT;

/// Allowances by the name that they are asked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Entitlement {
    /// What Microsoft documents today.
    #[default]
    #[serde(rename = "today")]
    Today,
    /// What it documented in October 2019.
    #[serde(rename = "2019")]
    Of2019,
}

impl Entitlement {
    /// The numbers.
    #[must_use]
    pub const fn allowances(self) -> Allowances {
        match self {
            Self::Today => Allowances::TODAY,
            Self::Of2019 => Allowances::OF_2019,
        }
    }

    /// `today` or `2019`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Today => "today",
            Self::Of2019 => "2019",
        }
    }
}

/// What usage is held against, and how much of it is told: the query of `GET /_keyholder/usage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entitled {
    /// Whose allowances.
    pub entitlement: Entitlement,
    /// How many capacity add-ons the tenant has bought.
    pub add_ons: u32,
    /// How many days are told of, today the last of them.
    pub days: u16,
}

impl Default for Entitled {
    fn default() -> Self {
        Self { entitlement: Entitlement::Today, add_ons: 0, days: DAYS_TOLD }
    }
}

impl Entitled {
    /// Reads `entitlement=today|2019&add-ons=N&days=N`, each of which may be left out.
    ///
    /// # Errors
    /// What is wrong with it, for its writer.
    pub fn from_query(query: &str) -> Result<Self, String> {
        let mut read = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match (&*name, &*value) {
                ("entitlement", "today") => read.entitlement = Entitlement::Today,
                ("entitlement", "2019") => read.entitlement = Entitlement::Of2019,
                ("entitlement", _) => return Err("entitlement is `today` or `2019`".to_owned()),
                ("add-ons", number) => {
                    read.add_ons = number.parse().map_err(|_| "add-ons is a whole number".to_owned())?;
                }
                ("days", number) => {
                    let days = number.parse().ok().filter(|days| (1..=MOST_DAYS_TOLD).contains(days));
                    read.days = days.ok_or_else(|| format!("days is 1 to {MOST_DAYS_TOLD}"))?;
                }
                _ => return Err("there are: entitlement, add-ons, days".to_owned()),
            }
        }
        Ok(read)
    }

    /// The query that [`Entitled::from_query`] reads.
    #[must_use]
    pub fn to_query(self) -> String {
        format!("entitlement={}&add-ons={}&days={}", self.entitlement.name(), self.add_ons, self.days)
    }
}

fn owned(licences: &Licences) -> Owned {
    let of = |wanted: Plan| {
        let counts = licences::SKUS.iter().filter(|sku| Plan::of(sku.part_number) == Some(wanted));
        counts.filter_map(|sku| licences.bought.get(&sku.id)).sum()
    };
    Owned { enterprise: of(Plan::Enterprise), professional: of(Plan::Professional) }
}

fn plans_of(licences: &Licences, person: ObjectId) -> Vec<Plan> {
    let held = licences.held.get(&person).into_iter().flatten();
    held.filter_map(|sku| licences::find(*sku).and_then(|sku| Plan::of(sku.part_number))).collect()
}

impl OpenWorld {
    /// How much each user of each org has asked for today, against what they are entitled to.
    ///
    /// # Errors
    /// [`StartError`] when a database cannot be read.
    pub async fn usage(&self, entitled: Entitled) -> Result<Value, StartError> {
        self.usage_with(entitled, None).await
    }

    /// The same with what each asked for in the window of the service protection API limits.
    pub(crate) async fn usage_with(
        &self,
        entitled: Entitled,
        protection: Option<&Protection>,
    ) -> Result<Value, StartError> {
        let (state, now) = (self.state().await, self.clocks.now());
        let mut tenants = Vec::new();
        for tenant in &state.record.tenants {
            let mut told = self.tenant_usage(&state, tenant.id, entitled, protection, now).await?;
            told["domain"] = json!(tenant.domain);
            tenants.push(told);
        }
        Ok(json!({
            "now": now.to_string(),
            "day": now.date(),
            "entitlement": entitled.entitlement.name(),
            "addOns": entitled.add_ons,
            "daysTold": entitled.days,
            "windowSeconds": protection.and_then(Protection::limits).map(|limits| limits.window.as_secs()),
            "tenants": tenants,
        }))
    }

    async fn tenant_usage(
        &self,
        state: &State,
        tenant: TenantId,
        entitled: Entitled,
        protection: Option<&Protection>,
        now: Timestamp,
    ) -> Result<Value, StartError> {
        let (licences, today) = (state.identity.licences(tenant).await?, Day::of(now));
        let allowances = entitled.entitlement.allowances();
        let pool = allowances.of_pool(owned(&licences), entitled.add_ons.into());
        let (mut pooled, mut counted) = (History::default(), Vec::new());
        for org in state.orgs.iter().filter(|org| org.tenant == tenant) {
            // All that is kept: where days lead is told by all of them, however many are shown.
            for user in org.organization.usage(Day(today.0 - i64::from(MOST_DAYS_TOLD))).await? {
                let plans = plans_of(&licences, ObjectId(user.principal));
                // A person whose licence is for something else is no better off than one without.
                let allowance = (user.is_licensed && !plans.is_empty()).then(|| allowances.of_user(&plans));
                let history = History::from(user.days.clone());
                if allowance.is_none() {
                    pooled.merge(&history);
                }
                counted.push((org, user, history, allowance));
            }
        }
        let (days, last, now) = (entitled.days, today, Some(now));
        let of_pool = pooled.total(today, days);
        let mut users = Vec::with_capacity(counted.len());
        for (org, user, history, allowance) in counted {
            let used = protection.and_then(|protection| protection.used(User::known(org.id, user.principal)));
            let (of_own, is_shared) = (allowance.or(Some(pool)), allowance.is_none());
            let account = Account { history: &history, allowance: of_own, is_shared, days, last, now };
            users.push(account.told(json!({
                "org": org.name,
                "url": org.url,
                "user": user.user,
                "name": user.full_name,
                "kind": kind(&user),
                "accessMode": user.access_mode.to_string(),
                "window": used.map(|used| json!({
                    "requests": used.requests,
                    "executionSeconds": used.execution.as_secs_f64(),
                    "underWay": used.active,
                })),
                "allowance": allowance,
                "shareOfPool": is_shared.then(|| share(history.total(today, days), of_pool)),
            })));
        }
        let account = Account { history: &pooled, allowance: Some(pool), is_shared: false, days, last, now };
        let pool = account.told(json!({ "allowance": pool }));
        Ok(json!({ "tenantId": tenant, "pool": pool, "users": users }))
    }

    /// Writes down what was counted of the users' operations.
    pub(crate) async fn keep_usage(&self) {
        for org in &self.state().await.orgs {
            if let (Err(error), Some(trouble)) = (org.organization.flush_usage().await, &self.options.trouble) {
                trouble(&error);
            }
        }
    }
}

fn kind(user: &UserUsage) -> &'static str {
    match (user.is_application, user.is_licensed) {
        (true, _) => "application",
        (false, true) => "licensed",
        (false, false) => "unlicensed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_licence_that_lets_people_in_entitles_to_requests() {
        for sku in licences::SKUS {
            assert_eq!(Plan::of(sku.part_number).is_some(), sku.reaches_dataverse(&[]), "{}", sku.part_number);
        }
    }

    #[test]
    fn what_usage_is_held_against_is_read_as_it_is_written() {
        for entitlement in [Entitlement::Today, Entitlement::Of2019] {
            let entitled = Entitled { entitlement, add_ons: 3, days: 7 };
            assert_eq!(Entitled::from_query(&entitled.to_query()), Ok(entitled));
        }
        assert_eq!(Entitled::from_query(""), Ok(Entitled::default()));
        for bad in ["entitlement=2018", "add-ons=-1", "add-ons=many", "colour=red", "days=0", "days=91", "days=x"] {
            assert!(Entitled::from_query(bad).is_err(), "{bad}");
        }
    }
}
