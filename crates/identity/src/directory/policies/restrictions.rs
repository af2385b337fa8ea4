//! What a policy restricts, held against what somebody wants.

use std::time::Duration;

use keyholder_entra::graph::RestrictionType;
pub(crate) use keyholder_entra::graph::Restrictions;
use keyholder_foundation::Timestamp;

use super::super::Refusal;

/// What the directory asks of restrictions.
pub(super) trait Rules {
    /// Whether every rule makes sense: its kind where it stands, a lifetime where one is limited.
    fn are_sound(&self) -> bool;

    /// Refuses another secret of this length of life to an object made then.
    fn check_password(&self, created: Option<Timestamp>, lifetime: Duration) -> Result<(), Refusal>;

    /// Refuses another certificate of this length of life to an object made then.
    fn check_certificate(&self, created: Option<Timestamp>, lifetime: Duration) -> Result<(), Refusal>;
}

impl Rules for Restrictions {
    fn are_sound(&self) -> bool {
        let passwords = self.password_credentials.iter().map(|rule| (rule, false));
        let keys = self.key_credentials.iter().map(|rule| (rule, true));
        passwords.chain(keys).all(|(rule, of_key)| {
            use RestrictionType::{
                AsymmetricKeyLifetime, Other, PasswordLifetime, SymmetricKeyLifetime, TrustedCertificateAuthority,
            };
            let is_known = !matches!(rule.restriction_type, Other | TrustedCertificateAuthority);
            let limits =
                matches!(rule.restriction_type, AsymmetricKeyLifetime | PasswordLifetime | SymmetricKeyLifetime);
            let since = rule.restrict_for_apps_created_after_date_time.as_deref();
            is_known
                && (rule.restriction_type == AsymmetricKeyLifetime) == of_key
                && limits == rule.max_lifetime.is_some()
                && since.is_none_or(|text| Timestamp::parse(text).is_ok())
        })
    }

    fn check_password(&self, created: Option<Timestamp>, lifetime: Duration) -> Result<(), Refusal> {
        if self.in_force(RestrictionType::PasswordAddition, created).next().is_some() {
            return Err(Refusal::PolicyType);
        }
        check_lifetime(self.longest(RestrictionType::PasswordLifetime, created), lifetime)
    }

    fn check_certificate(&self, created: Option<Timestamp>, lifetime: Duration) -> Result<(), Refusal> {
        check_lifetime(self.longest(RestrictionType::AsymmetricKeyLifetime, created), lifetime)
    }
}

fn check_lifetime(longest: Option<Duration>, lifetime: Duration) -> Result<(), Refusal> {
    if longest.is_some_and(|longest| lifetime > longest) { Err(Refusal::PolicyLifetime) } else { Ok(()) }
}
