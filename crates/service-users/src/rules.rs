//! What a tenant's administrators allow of credentials: whether there may be secrets at all, and how long
//! secrets and certificates may last (Microsoft Graph's application management policies).
//!
//! The tenant has one policy for all applications; an application may have one of its own, which then
//! stands in its place.

use std::collections::BTreeMap;
use std::time::Duration;

use keyholder_client::{Error as ClientError, Graph};
use keyholder_entra::graph::{
    AppManagementPolicy, Application, RestrictionType, Restrictions, TenantAppManagementPolicy,
};
use keyholder_foundation::ObjectId;

use crate::kept::KeyKind;

/// What the default policy is called where it does not say.
const DEFAULT_NAME: &str = "default app management policy";

/// The rules of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CredentialRules {
    tenant: TenantAppManagementPolicy,
    own: BTreeMap<ObjectId, AppManagementPolicy>,
    /// Why they could not be read.
    pub unreadable: Option<String>,
}

/// What a wanted credential offends against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offence {
    /// The policy's name.
    pub policy: String,
    /// Whether it is this application's own and not the tenant's for all.
    pub is_own: bool,
    /// What it says.
    pub rule: Rule,
}

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// There may be none.
    Forbidden,
    /// It may not last longer.
    Lifetime(Duration),
    /// It has to come from a certificate authority.
    OfAuthority,
}

impl CredentialRules {
    /// Reads them.
    ///
    /// # Errors
    /// What asking came to; a directory that refuses to tell is no error.
    pub(crate) async fn read(graph: &Graph) -> Result<Self, ClientError> {
        let (tenant, own) = futures::join!(graph.default_app_management_policy(), graph.app_management_policies());
        let mut rules = match tenant {
            Ok(tenant) => Self { tenant, ..Self::default() },
            Err(error) => return Self::refused(error),
        };
        match own {
            Ok(all) => {
                for (policy, holders) in all {
                    rules.own.extend(holders.into_iter().map(|holder| (holder, policy.clone())));
                }
            }
            // Without them the tenant's own cannot be held against an application either.
            Err(error) => return Self::refused(error),
        }
        Ok(rules)
    }

    fn refused(error: ClientError) -> Result<Self, ClientError> {
        match error.graph() {
            Some(refusal) if matches!(refusal.status, 400 | 403 | 404 | 501) => {
                Ok(Self { unreadable: Some(error.to_string()), ..Self::default() })
            }
            _ => Err(error),
        }
    }

    /// What a new credential of an application would offend against; an application that is yet to be made
    /// has none of its own.
    pub(crate) fn offence(
        &self,
        application: Option<&Application>,
        kind: KeyKind,
        lifetime: Duration,
    ) -> Option<Offence> {
        let own = application.and_then(|application| self.own.get(&application.id));
        let (name, is_enabled, restrictions): (_, _, &Restrictions) = match own {
            Some(own) => (&own.display_name, own.is_enabled, &own.restrictions),
            None => (&self.tenant.display_name, self.tenant.is_enabled, &self.tenant.application_restrictions),
        };
        if !is_enabled {
            return None;
        }
        let created = application.and_then(|application| application.created_date_time);
        let holds = |rule| restrictions.in_force(rule, created).next().is_some();
        let (stop, longest) = match kind {
            KeyKind::Secret => (
                holds(RestrictionType::PasswordAddition).then_some(Rule::Forbidden),
                restrictions.longest(RestrictionType::PasswordLifetime, created),
            ),
            KeyKind::Certificate => (
                holds(RestrictionType::TrustedCertificateAuthority).then_some(Rule::OfAuthority),
                restrictions.longest(RestrictionType::AsymmetricKeyLifetime, created),
            ),
        };
        let too_long = longest.filter(|longest| lifetime > *longest).map(Rule::Lifetime);
        let policy = name.clone().unwrap_or_else(|| DEFAULT_NAME.to_owned());
        stop.or(too_long).map(|rule| Offence { policy, is_own: own.is_some(), rule })
    }
}
