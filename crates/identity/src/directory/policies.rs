//! The tenant's default policy for credentials of applications: whether there may be secrets at
//! all, and how long credentials may last.

use std::time::Duration;

use keyholder_foundation::{TenantId, Timestamp};
use keyholder_store::statement::{Delete, Insert, Select, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Snapshot};
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::certificates::Certificate;
use super::changes::ObjectKind;
use super::{Directory, Refusal, from_json, merge, tables, to_json};

/// The policy in Graph's shape.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AppManagementPolicy {
    pub(crate) id: uuid::Uuid,
    pub(crate) display_name: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) is_enabled: bool,
    pub(crate) application_restrictions: Restrictions,
    pub(crate) service_principal_restrictions: Restrictions,
}

/// What is restricted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Restrictions {
    pub(crate) password_credentials: Vec<Restriction>,
    pub(crate) key_credentials: Vec<Restriction>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Restriction {
    pub(crate) restriction_type: RestrictionType,
    #[serde(default)]
    pub(crate) state: RestrictionState,
    /// ISO 8601, as `P90D`; only of the kinds that limit a lifetime.
    #[serde(default)]
    pub(crate) max_lifetime: Option<Lifetime>,
    /// Objects of before are not restricted.
    #[serde(default)]
    pub(crate) restrict_for_apps_created_after_date_time: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum RestrictionType {
    PasswordAddition,
    PasswordLifetime,
    SymmetricKeyAddition,
    SymmetricKeyLifetime,
    CustomPasswordAddition,
    AsymmetricKeyLifetime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum RestrictionState {
    #[default]
    Enabled,
    Disabled,
}

/// A length of time as ISO 8601 prints it. A year has 365 days and a month 30.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Lifetime {
    text: String,
    length: Duration,
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

impl AppManagementPolicy {
    /// The policy of a tenant that never set one: off.
    fn initial() -> Self {
        Self {
            display_name: Some("Default app management tenant policy".to_owned()),
            description: Some("Restricts the credentials of every application and service principal.".to_owned()),
            ..Self::default()
        }
    }

    /// Whether every rule makes sense: its kind where it stands, a lifetime where one is limited.
    fn is_sound(&self) -> bool {
        [&self.application_restrictions, &self.service_principal_restrictions].into_iter().all(|restrictions| {
            let passwords = restrictions.password_credentials.iter();
            let keys = restrictions.key_credentials.iter();
            let rules = passwords.map(|rule| (rule, false)).chain(keys.map(|rule| (rule, true)));
            rules.into_iter().all(|(rule, of_key)| {
                use RestrictionType::{AsymmetricKeyLifetime, PasswordLifetime, SymmetricKeyLifetime};
                let limits =
                    matches!(rule.restriction_type, AsymmetricKeyLifetime | PasswordLifetime | SymmetricKeyLifetime);
                let since = rule.restrict_for_apps_created_after_date_time.as_deref();
                (rule.restriction_type == AsymmetricKeyLifetime) == of_key
                    && limits == rule.max_lifetime.is_some()
                    && since.is_none_or(|text| Timestamp::parse(text).is_ok())
            })
        })
    }

    fn rules(&self, kind: ObjectKind) -> &Restrictions {
        match kind {
            ObjectKind::Application => &self.application_restrictions,
            _ => &self.service_principal_restrictions,
        }
    }

    /// The rules of one kind that hold for an object made then.
    fn in_force(
        &self,
        kind: ObjectKind,
        wanted: RestrictionType,
        created: Option<Timestamp>,
    ) -> impl Iterator<Item = &Restriction> {
        let Restrictions { password_credentials, key_credentials } = self.rules(kind);
        let all = self.is_enabled.then(|| password_credentials.iter().chain(key_credentials)).into_iter().flatten();
        all.filter(move |rule| {
            let since = rule.restrict_for_apps_created_after_date_time.as_deref();
            let since = since.and_then(|text| Timestamp::parse(text).ok());
            rule.restriction_type == wanted
                && rule.state == RestrictionState::Enabled
                && since.is_none_or(|since| created.is_none_or(|created| created > since))
        })
    }

    fn check_lifetime(
        &self,
        kind: ObjectKind,
        wanted: RestrictionType,
        created: Option<Timestamp>,
        lifetime: Duration,
    ) -> Result<(), Refusal> {
        let mut limits = self.in_force(kind, wanted, created).filter_map(|rule| rule.max_lifetime.as_ref());
        if limits.any(|limit| lifetime > limit.length) { Err(Refusal::PolicyLifetime) } else { Ok(()) }
    }
}

#[derive(Debug)]
pub(super) struct Statements {
    find: Prepared,
    insert: Prepared,
    delete: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let in_tenant = || column("tenant_id").equals(parameter(0));
        Ok(Self {
            find: Prepared::new(
                Select::from(tables::APP_MANAGEMENT_POLICY).column("policy", Kind::Text).filter(in_tenant()),
            )?,
            insert: Prepared::new(Insert::into(tables::APP_MANAGEMENT_POLICY).columns(["tenant_id", "policy"]))?,
            delete: Prepared::new(Delete::from(tables::APP_MANAGEMENT_POLICY).filter(in_tenant()))?,
        })
    }
}

fn find(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
) -> Result<AppManagementPolicy, Refusal> {
    let found = snapshot.first(&statements.policies.find, &[tenant.into()], |row| from_json(row.get(0)?))?;
    Ok(found.unwrap_or_else(AppManagementPolicy::initial))
}

/// Refuses a secret that the tenant's policy forbids.
pub(super) fn check_password(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    (tenant, kind): (TenantId, ObjectKind),
    created: Option<Timestamp>,
    lifetime: Duration,
) -> Result<(), Refusal> {
    let policy = find(statements, snapshot, tenant)?;
    if policy.in_force(kind, RestrictionType::PasswordAddition, created).next().is_some() {
        return Err(Refusal::PolicyType);
    }
    policy.check_lifetime(kind, RestrictionType::PasswordLifetime, created, lifetime)
}

/// Refuses a certificate that the tenant's policy forbids.
pub(super) fn check_certificate(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    (tenant, kind): (TenantId, ObjectKind),
    created: Option<Timestamp>,
    certificate: &Certificate,
) -> Result<(), Refusal> {
    let lifetime = certificate.ends.since(certificate.starts);
    let policy = find(statements, snapshot, tenant)?;
    policy.check_lifetime(kind, RestrictionType::AsymmetricKeyLifetime, created, lifetime)
}

impl Directory {
    pub(crate) async fn app_management_policy(&self, tenant: TenantId) -> Result<AppManagementPolicy, Refusal> {
        self.read(move |statements, snapshot| find(statements, snapshot, tenant)).await
    }

    /// Changes the policy; a list in it is replaced as a whole.
    pub(crate) async fn update_app_management_policy(
        &self,
        tenant: TenantId,
        change: Map<String, serde_json::Value>,
    ) -> Result<(), Refusal> {
        self.change(move |statements, transaction| {
            let policy = find(statements, transaction, tenant)?;
            let policy: AppManagementPolicy = merge(&policy, &change, "TenantAppManagementPolicy")?;
            if !policy.is_sound() {
                return Err(Refusal::invalid("restrictions", "TenantAppManagementPolicy"));
            }
            transaction.execute(&statements.policies.delete, &[tenant.into()])?;
            transaction.execute(&statements.policies.insert, &[tenant.into(), to_json(&policy)?.into()])?;
            Ok(())
        })
        .await
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

    proptest! {
        #[test]
        fn any_length_is_read_without_panic(text: String, near in "P[0-9YMWDTHS]{0,30}") {
            let _ = (parse_duration(&text), parse_duration(&near));
        }
    }
}
