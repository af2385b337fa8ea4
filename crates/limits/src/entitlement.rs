//! Entitlement limits: how many requests in a day a user, or a pool of users, is entitled to.
//!
//! Each operation counts, alone, in a batch or in a bulk message. A day is one of UTC, as in Microsoft's
//! reports. Nothing is refused for it: usage beyond the entitlement is told to administrators.

use keyholder_foundation::Timestamp;

/// A day in milliseconds.
const DAY: i64 = 86_400_000;
/// A day is too young to forecast from what happened in less than this.
const LEAST: i64 = 300_000;

/// A day of UTC, numbered from 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i64);

impl Day {
    /// The day that a moment lies in.
    #[must_use]
    pub const fn of(moment: Timestamp) -> Self {
        Self(moment.as_millis().div_euclid(DAY))
    }

    /// Its first moment.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(DAY))
    }
}

/// A licence that entitles to requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Dynamics 365 Enterprise.
    Enterprise,
    /// Dynamics 365 Professional.
    Professional,
    /// Dynamics 365 Team Members.
    TeamMember,
    /// Power Apps per user.
    PowerApps,
}

impl Plan {
    /// What the licence with this SKU part number entitles to; nothing where it is for something else, or is not
    /// known here.
    ///
    /// ```
    /// use keyholder_limits::entitlement::Plan;
    /// assert_eq!(Plan::of("DYN365_ENTERPRISE_SALES"), Some(Plan::Enterprise));
    /// assert_eq!(Plan::of("ENTERPRISEPACK"), None);
    /// ```
    #[must_use]
    pub fn of(part_number: &str) -> Option<Self> {
        match part_number {
            name if name.contains("TEAM_MEMBERS") => Some(Self::TeamMember),
            "POWERAPPS_PER_USER" => Some(Self::PowerApps),
            name if name.starts_with("DYN365_ENTERPRISE") => Some(Self::Enterprise),
            name if name.starts_with("DYN365_") && name.ends_with("_PRO") => Some(Self::Professional),
            _ => None,
        }
    }
}

/// How many licences of a kind a tenant owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Owned {
    /// Dynamics 365 Enterprise.
    pub enterprise: u64,
    /// Dynamics 365 Professional.
    pub professional: u64,
}

/// The allowances of one time, in requests a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowances {
    /// Of a user with an Enterprise licence.
    pub enterprise: u64,
    /// Of a user with a Professional licence.
    pub professional: u64,
    /// Of a user with a Team Members licence.
    pub team_member: u64,
    /// Of a user with Power Apps.
    pub power_apps: u64,
    /// Of all users without a licence together (application, non-interactive and administrative ones), in a tenant
    /// that owns an Enterprise licence,
    pub pool_enterprise: u64,
    /// in one that owns a Professional licence and no better,
    pub pool_professional: u64,
    /// and in one that owns neither.
    pub pool_other: u64,
    /// By how much each Enterprise and Professional licence that the tenant owns enlarges the pool.
    pub pool_per_licence: u64,
    /// How large the pool grows by them at most.
    pub pool_most: u64,
    /// What one capacity add-on adds to the pool.
    pub add_on: u64,
}

impl Allowances {
    /// Those that Microsoft documents today.
    pub const TODAY: Self = Self {
        enterprise: 40_000,
        professional: 40_000,
        team_member: 6_000,
        power_apps: 40_000,
        pool_enterprise: 500_000,
        pool_professional: 500_000,
        pool_other: 25_000,
        pool_per_licence: 5_000,
        pool_most: 10_000_000,
        add_on: 50_000,
    };

    /// Those of October 2019.
    pub const OF_2019: Self = Self {
        enterprise: 20_000,
        professional: 10_000,
        team_member: 5_000,
        power_apps: 5_000,
        pool_enterprise: 100_000,
        pool_professional: 50_000,
        pool_other: 25_000,
        pool_per_licence: 0,
        pool_most: 100_000,
        add_on: 10_000,
    };

    /// The allowance of a user with these licences, which add up.
    #[must_use]
    pub fn of_user(&self, plans: &[Plan]) -> u64 {
        let of = |plan: &Plan| match plan {
            Plan::Enterprise => self.enterprise,
            Plan::Professional => self.professional,
            Plan::TeamMember => self.team_member,
            Plan::PowerApps => self.power_apps,
        };
        plans.iter().map(of).fold(0, u64::saturating_add)
    }

    /// The allowance of all users without a licence, in a tenant that owns so many licences and add-ons.
    #[must_use]
    pub fn of_pool(&self, owned: Owned, add_ons: u64) -> u64 {
        let base = match owned {
            Owned { enterprise: 1.., .. } => self.pool_enterprise,
            Owned { professional: 1.., .. } => self.pool_professional,
            Owned { .. } => self.pool_other,
        };
        let licences = owned.enterprise.saturating_add(owned.professional);
        let pool = base.saturating_add(self.pool_per_licence.saturating_mul(licences)).min(self.pool_most.max(base));
        pool.saturating_add(self.add_on.saturating_mul(add_ons))
    }
}

/// How many requests a day will have seen at its end, when `so_far` were counted until `now` and it goes on as it
/// did. In a day's first five minutes those count as its first five minutes.
#[must_use]
pub fn forecast(now: Timestamp, so_far: u64) -> u64 {
    let passed = passed(now);
    let whole = u128::from(so_far) * u128::from(DAY.unsigned_abs()) / u128::from(passed.unsigned_abs());
    u64::try_from(whole).unwrap_or(u64::MAX)
}

/// When today's allowance is used up, when `so_far` were counted until `now` and it goes on as it did; nothing when it
/// lasts. What is used up already was so before `now`.
#[must_use]
pub fn used_up(now: Timestamp, so_far: u64, allowance: u64) -> Option<Timestamp> {
    if forecast(now, so_far) <= allowance {
        return None;
    }
    let needed = u128::from(allowance) * u128::from(passed(now).unsigned_abs()) / u128::from(so_far.max(1));
    let start = Day::of(now).start().as_millis();
    Some(Timestamp::from_millis(start.saturating_add(i64::try_from(needed).unwrap_or(DAY).min(DAY))))
}

/// How much of its day has passed, in milliseconds.
fn passed(now: Timestamp) -> i64 {
    now.as_millis().saturating_sub(Day::of(now).start().as_millis()).clamp(LEAST, DAY)
}

/// How much of a whole a part is, to a millionth; of nothing, nothing.
#[must_use]
pub fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 / whole as f64 * 1_000_000.0).round() / 1_000_000.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn s20_the_allowances_are_the_published_ones() {
        let (today, then) = (Allowances::TODAY, Allowances::OF_2019);
        let user = |allowances: &Allowances| {
            [Plan::Enterprise, Plan::Professional, Plan::TeamMember, Plan::PowerApps]
                .map(|plan| allowances.of_user(&[plan]))
        };
        assert_eq!(user(&today), [40_000, 40_000, 6_000, 40_000]);
        assert_eq!(user(&then), [20_000, 10_000, 5_000, 5_000]);
        assert_eq!((today.of_user(&[]), today.of_user(&[Plan::Enterprise, Plan::TeamMember])), (0, 46_000));
        let owned = |enterprise, professional| Owned { enterprise, professional };
        let pool = |allowances: &Allowances, add_ons| {
            [owned(1, 0), owned(20, 5), owned(0, 5), owned(0, 0)].map(|owned| allowances.of_pool(owned, add_ons))
        };
        assert_eq!(pool(&today, 0), [505_000, 625_000, 525_000, 25_000]);
        assert_eq!(pool(&today, 2), [605_000, 725_000, 625_000, 125_000]);
        assert_eq!(pool(&then, 0), [100_000, 100_000, 50_000, 25_000]);
        assert_eq!(pool(&then, 3), [130_000, 130_000, 80_000, 55_000]);
        assert_eq!(today.of_pool(owned(1_000_000, 1), 1), 10_050_000, "the pool ends, add-ons come on top");
        assert_eq!(today.of_pool(owned(u64::MAX, u64::MAX), u64::MAX), u64::MAX);
    }

    #[test]
    fn s20_a_day_goes_on_as_it_began() {
        let day = Timestamp::parse("2026-11-28").unwrap();
        let after = |hours: i64| Timestamp::from_millis(day.as_millis() + hours * 3_600_000);
        assert_eq!(forecast(after(6), 1_000), 4_000);
        assert_eq!(forecast(day, 10), 2_880, "as many in each five minutes");
        assert_eq!(used_up(after(6), 1_000, 4_000), None, "it may be used up, not more");
        assert_eq!(used_up(after(6), 1_000, 2_000), Some(after(12)));
        assert_eq!(used_up(after(6), 1_000, 500), Some(after(3)), "it is used up already");
        assert_eq!((share(1, 3), share(3, 2), share(7, 0)), (0.333333, 1.5, 0.0));
        assert_eq!((Day::of(after(23)), Day::of(after(24))), (Day::of(day), Day(Day::of(day).0 + 1)));
    }

    proptest! {
        #[test]
        fn a_forecast_is_never_below_what_was_counted(millis: i64, so_far: u64) {
            let now = Timestamp::from_millis(millis);
            prop_assert!(forecast(now, so_far) >= so_far);
            for allowance in [0, so_far / 2, so_far, so_far.saturating_mul(3)] {
                let when = used_up(now, so_far, allowance);
                prop_assert_eq!(when.is_some(), forecast(now, so_far) > allowance);
                prop_assert!(when.is_none_or(|when| when >= Day::of(now).start()));
            }
            prop_assert!(Day::of(now).start() <= now || now.as_millis() < -62_135_510_400_000);
        }
    }
}
