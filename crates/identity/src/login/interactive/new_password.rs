//! A new password, chosen on the page.

use keyholder_entra::aadsts;
use keyholder_foundation::Secret;

use super::parameters::Parameters;
use crate::Identity;
use crate::credentials::{hash_password, is_strong};
use crate::directory::people::{PasswordState, Person};
use crate::login::Failure;

/// Gives a person, who knows the old password, the new one that they chose.
pub(super) async fn change(
    identity: &Identity,
    person: Person,
    old: &Secret,
    fields: &Parameters,
) -> Result<Person, Failure> {
    let (new, again) = (fields.typed("new_password"), fields.typed("confirmation"));
    let refuse = |detail: &str| Failure::Problem(aadsts::password_unacceptable(detail));
    if new != again {
        return Err(refuse("The new passwords are not the same."));
    }
    let new = Secret::new(new);
    if old.matches(new.expose()) {
        return Err(refuse("The new password is the old one."));
    }
    if !is_strong(&new) {
        return Err(refuse("It needs at least 8 characters of three kinds."));
    }
    let random = std::sync::Arc::clone(&identity.random);
    let hashed = tokio::task::spawn_blocking(move || hash_password(&new, random.as_ref())).await;
    let hash = hashed.ok().and_then(Result::ok);
    let hash = hash.ok_or_else(|| aadsts::temporarily_unavailable("The password cannot be kept."))?;
    let state = PasswordState { must_change: false, expires: None, changed: identity.clocks.now() };
    identity.directory.set_password(person.tenant, person.id, hash, state).await?;
    let changed = identity.directory.find_person(person.tenant, person.id).await?;
    Ok(changed.unwrap_or(person))
}
