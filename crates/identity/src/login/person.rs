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
use crate::credentials::verify_password;
use crate::directory::people::{Person, SignInRule};

/// How a person proved to be who they are, as `amr` and sessions have it.
pub(super) const BY_PASSWORD: &str = "pwd";
/// By a second factor as well.
pub(super) const BY_SECOND_FACTOR: &str = "pwd mfa";
/// The id of the one policy that a tenant's rule stands for, where an error names it.
const POLICY: Uuid = Uuid::from_u128(0x6b65_7968_6f6c_4465_8000_0000_0000_0001);

/// The person with this name and password. Nothing is said yet of whether they are let in.
pub(super) async fn with_password(
    identity: &Identity,
    tenant: TenantId,
    name: &str,
    password: &Secret,
) -> Result<Person, Failure> {
    let directory = &identity.directory;
    let person = directory.find_person_by_name(tenant, name.trim()).await?;
    let person = person.ok_or_else(|| aadsts::user_not_found(name.trim(), &tenant.to_string()))?;
    if person.standing.locked_until.is_some_and(|until| identity.clocks.now() < until) {
        return Err(aadsts::account_locked().into());
    }
    if person.password_hash.is_empty() {
        return Err(aadsts::password_missing().into());
    }
    if !is_password(identity, &person.password_hash, password).await? {
        directory.count_failure(tenant, person.id).await?;
        return Err(aadsts::wrong_password().into());
    }
    if person.standing.failures > 0 {
        directory.forget_failures(tenant, person.id).await?;
    }
    Ok(person)
}

/// Whether a password is the one of a hash: tens of milliseconds of work, so away from the threads
/// that answer requests, and not for many at once.
async fn is_password(identity: &Identity, hash: &str, password: &Secret) -> Result<bool, Failure> {
    let unavailable = || Failure::Problem(aadsts::temporarily_unavailable("No password can be checked."));
    let _permit = identity.password_checks.acquire().await.map_err(|_| unavailable())?;
    let (hash, password) = (hash.to_owned(), password.clone());
    tokio::task::spawn_blocking(move || verify_password(&hash, &password)).await.map_err(|_| unavailable())
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
