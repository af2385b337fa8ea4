//! The person who signs in: found by name, with the right password, and let in by the rules.
//!
//! The order of the refusals is the likeliest of the real service's: who is it, is the account
//! locked, is there a password, is it the right one - and only to somebody who knows it: is the
//! account disabled, must the password be changed, does a rule forbid the sign-in or want more.

use keyholder_entra::aadsts::{self, Problem};
use keyholder_foundation::{Secret, TenantId, Timestamp};
use uuid::Uuid;

use super::Failure;
use crate::Identity;
use crate::attempts::{self, Attempt};
use crate::directory::people::{Person, SignInRule};

/// How a person proved to be who they are, as `amr` and sessions have it.
pub(super) const BY_PASSWORD: &str = "pwd";
/// By a second factor as well.
pub(super) const BY_SECOND_FACTOR: &str = "pwd mfa";
/// The id of the one policy that a tenant's rule stands for, where an error names it.
const POLICY: Uuid = Uuid::from_u128(0x6b65_7968_6f6c_4465_8000_0000_0000_0001);

/// The person with this name.
pub(super) async fn named(identity: &Identity, tenant: TenantId, name: &str) -> Result<Person, Failure> {
    let person = identity.directory.find_person_by_name(tenant, name.trim()).await?;
    Ok(person.ok_or_else(|| aadsts::user_not_found(name.trim(), &tenant.to_string()))?)
}

/// Refuses a password that is not the person's. Nothing is said yet of whether they are let in.
pub(super) async fn check_password(identity: &Identity, person: &Person, password: &Secret) -> Result<(), Failure> {
    let refusal = match attempts::attempt(identity, person.tenant, person.id, password).await? {
        Attempt::Right => return Ok(()),
        Attempt::Wrong => aadsts::wrong_password(),
        Attempt::Locked => aadsts::account_locked(),
        Attempt::NoPassword => aadsts::password_missing(),
        Attempt::Gone => aadsts::user_not_found(&person.user_principal_name, &person.tenant.to_string()),
        Attempt::Unavailable => aadsts::temporarily_unavailable("No password can be checked."),
    };
    Err(refusal.into())
}

/// Whether a person whose password is right may go on at all.
pub(super) fn check_standing(person: &Person, now: Timestamp) -> Result<(), Problem> {
    if !person.enabled {
        return Err(aadsts::account_disabled());
    }
    let standing = &person.standing;
    if standing.must_change_password || standing.password_expires.is_some_and(|expires| expires <= now) {
        return Err(aadsts::password_expired());
    }
    Ok(())
}

/// Whether the rules let a person who signed in by `methods` reach `resource`.
pub(super) async fn check_rules(
    identity: &Identity,
    person: &Person,
    methods: &str,
    resource: &str,
) -> Result<(), Failure> {
    let rule = identity.directory.sign_in_rule(person.tenant).await?;
    if rule == SignInRule::Block {
        return Err(aadsts::blocked_by_policy().into());
    }
    let wants_more = rule == SignInRule::MultiFactor || person.standing.requires_multi_factor;
    let has_more = methods.split_ascii_whitespace().any(|method| method == "mfa");
    if wants_more && !has_more {
        return Err(aadsts::multi_factor_required(resource, POLICY).into());
    }
    if person.standing.must_register_factor && !has_more {
        return Err(aadsts::multi_factor_registration_required(resource, POLICY).into());
    }
    Ok(())
}

/// The tenant whose domain a sign-in name has.
pub(super) async fn tenant_of(identity: &Identity, name: &str) -> Result<Option<TenantId>, Failure> {
    let domain = name.trim().rsplit_once('@').map_or("", |(_, domain)| domain);
    Ok(identity.directory.tenants().await?.find_by_domain(domain).map(|tenant| tenant.id))
}
