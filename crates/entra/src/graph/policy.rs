//! Application management policies: whether applications may have secrets at all, and how long credentials
//! may last (Microsoft Graph's `tenantAppManagementPolicy` and `appManagementPolicy`).

use std::time::Duration;

use keyholder_foundation::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The tenant's default policy, for every application that has none of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TenantAppManagementPolicy {
    /// Its name.
    pub display_name: Option<String>,
    /// Whether it holds at all.
    pub is_enabled: bool,
    /// What it restricts of app registrations.
    pub application_restrictions: Restrictions,
}

/// A policy that stands in the place of the tenant's for the applications that it is given to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AppManagementPolicy {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub display_name: Option<String>,
    /// Whether it restricts anything.
    pub is_enabled: bool,
    /// What it restricts.
    pub restrictions: Restrictions,
}

/// What is restricted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Restrictions {
    /// Of secrets.
    pub password_credentials: Vec<Restriction>,
    /// Of certificates.
    pub key_credentials: Vec<Restriction>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restriction {
    /// What it is about.
    pub restriction_type: RestrictionType,
    /// Whether it holds.
    #[serde(default)]
    pub state: RestrictionState,
    /// ISO 8601, as `P90D`; only of the kinds that limit a lifetime.
    #[serde(default)]
    pub max_lifetime: Option<Lifetime>,
    /// Objects of before are not restricted.
    #[serde(default)]
    pub restrict_for_apps_created_after_date_time: Option<String>,
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RestrictionType {
    /// No further client secrets.
    PasswordAddition,
    /// How long a client secret may last.
    PasswordLifetime,
    /// No further symmetric keys.
    SymmetricKeyAddition,
    /// How long a symmetric key may last.
    SymmetricKeyLifetime,
    /// No secrets whose text the caller chooses.
    CustomPasswordAddition,
    /// How long a certificate may last.
    AsymmetricKeyLifetime,
    /// Only certificates of certificate authorities that the tenant names.
    TrustedCertificateAuthority,
    /// Something that is newer than this program.
    #[serde(other)]
    Other,
}

/// Whether a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RestrictionState {
    /// It does.
    #[default]
    Enabled,
    /// It does not.
    Disabled,
}

/// A length of time as ISO 8601 prints it. A year has 365 days and a month 30.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Lifetime {
    text: String,
    length: Duration,
}

impl Lifetime {
    /// The length.
    #[must_use]
    pub const fn length(&self) -> Duration {
        self.length
    }
}

impl TryFrom<String> for Lifetime {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let length = parse_duration(&text).ok_or("not a length of time like P90D")?;
        Ok(Self { text, length })
    }
}

impl From<Lifetime> for String {
    fn from(lifetime: Lifetime) -> Self {
        lifetime.text
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('P')?;
    let (mut seconds, mut in_time, mut parts) = (0_u64, false, 0);
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix('T') {
            if in_time || time.is_empty() {
                return None;
            }
            (rest, in_time) = (time, true);
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest.get(..end)?.parse().ok()?;
        let unit = rest.get(end..)?.chars().next()?;
        let day = 24 * 60 * 60;
        let length = match (unit, in_time) {
            ('Y', false) => 365 * day,
            ('M', false) => 30 * day,
            ('W', false) => 7 * day,
            ('D', false) => day,
            ('H', true) => 60 * 60,
            ('M', true) => 60,
            ('S', true) => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(number.checked_mul(length)?)?;
        rest = rest.get(end + 1..)?;
        parts += 1;
    }
    (parts > 0).then(|| Duration::from_secs(seconds))
}

impl Restrictions {
    /// The rules of one kind that hold for an object made then; nothing stands for one that is yet to be made.
    pub fn in_force(&self, wanted: RestrictionType, created: Option<Timestamp>) -> impl Iterator<Item = &Restriction> {
        self.password_credentials.iter().chain(&self.key_credentials).filter(move |rule| {
            let since = rule.restrict_for_apps_created_after_date_time.as_deref();
            let since = since.and_then(|text| Timestamp::parse(text).ok());
            rule.restriction_type == wanted
                && rule.state == RestrictionState::Enabled
                && since.is_none_or(|since| created.is_none_or(|created| created > since))
        })
    }

    /// The longest life that the rules of that kind allow an object made then; nothing when they do not say.
    #[must_use]
    pub fn longest(&self, wanted: RestrictionType, created: Option<Timestamp>) -> Option<Duration> {
        self.in_force(wanted, created).filter_map(|rule| Some(rule.max_lifetime.as_ref()?.length())).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths_of_time_are_iso_8601() {
        let days = |text| parse_duration(text).map(|length| length.as_secs() / 86_400);
        assert_eq!(days("P90D"), Some(90));
        assert_eq!(days("P1Y2M3DT24H"), Some(365 + 60 + 4));
        assert_eq!(days("P4W"), Some(28));
        assert_eq!(parse_duration("PT1M"), Some(Duration::from_secs(60)));
        for wrong in ["", "P", "90D", "P90", "PD", "PT", "P1DT", "P1H", "PT1D", "P99999999999999999999D", "P1é"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_strictest_rule_in_force_counts_and_what_is_newer_than_this_is_read() {
        let rules: Restrictions = serde_json::from_value(serde_json::json!({
            "passwordCredentials": [
                { "restrictionType": "passwordLifetime", "maxLifetime": "P90D", "state": "enabled" },
                { "restrictionType": "passwordLifetime", "maxLifetime": "P30D",
                  "restrictForAppsCreatedAfterDateTime": "2026-01-01T00:00:00Z" },
                { "restrictionType": "passwordAddition", "maxLifetime": null, "state": "disabled" },
            ],
            "keyCredentials": [{ "restrictionType": "somethingNew", "excludeActors": {} }],
        }))
        .unwrap();
        let days =
            |created| rules.longest(RestrictionType::PasswordLifetime, created).map(|length| length.as_secs() / 86_400);
        assert_eq!(days(None), Some(30));
        assert_eq!(days(Timestamp::parse("2025-01-01T00:00:00Z").ok()), Some(90));
        assert_eq!(rules.in_force(RestrictionType::PasswordAddition, None).count(), 0);
        assert_eq!(rules.longest(RestrictionType::AsymmetricKeyLifetime, None), None);
    }

    proptest! {
        #[test]
        fn any_length_is_read_without_panic(text: String, near in "P[0-9YMWDTHS]{0,30}") {
            let _ = (parse_duration(&text), parse_duration(&near));
        }
    }
}
