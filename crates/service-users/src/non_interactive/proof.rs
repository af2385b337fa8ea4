//! Signing in as the new user does, by name and password: the proof, or why it cannot be had.

use std::sync::Arc;

use keyholder_client::credential::UsernamePassword;
use keyholder_client::{Dataverse, Error as ClientError, Tokens, WhoAmI};
use keyholder_foundation::Secret;

use super::access::{Access, OrgAccess};
use crate::report::Reporter;

/// The org's caches do not hold a user whom it has just got, or their roles.
const NO_USER: &str = "0x80072560";
/// The user has no role at all.
const NO_ROLE: &str = "0x80042f09";

/// What came of it.
#[derive(Debug)]
pub(super) enum Proof {
    /// The token service and the org let the user in.
    In(WhoAmI),
    /// The token service lets the user in; the org lets nobody do anything who has no role.
    WithoutRole,
    /// The password has to be changed before anything else.
    MustChange,
    /// The token service wants more than a name and a password, which no program can give.
    WantsMore(u32),
    /// The password is not the user's.
    WrongPassword,
    /// It cannot be tried this way: why.
    Untried(String),
}

/// Signs in. `is_new` says that the password was set just now, so that "unknown" and "wrong" may
/// mean "not yet".
///
/// # Errors
/// When nobody answers.
pub(super) async fn prove(
    access: &Access,
    org: &OrgAccess,
    user_name: &str,
    password: Secret,
    is_new: bool,
    reporter: &dyn Reporter,
) -> Result<Proof, ClientError> {
    let credential = UsernamePassword::new(user_name, password);
    let authority = org.org.tokens().authority().clone();
    let as_user: Dataverse = org.org.with_tokens(Tokens::new(Arc::new(credential), authority, access.http.clone()));
    let not_yet = |error: &ClientError| {
        let unknown = matches!(error.aadsts(), Some(50034 | 50126)) && is_new;
        unknown || error.dataverse().is_some_and(|refusal| refusal.code == NO_USER)
    };
    let what = "the token service and the org to know the user everywhere";
    let outcome = access.patience.wait_for(what, &access.http, reporter, not_yet, || as_user.who_am_i()).await;
    let error = match outcome {
        Ok(who) => return Ok(Proof::In(who)),
        Err(error) => error,
    };
    match (&error, error.aadsts()) {
        (_, Some(50055)) => Ok(Proof::MustChange),
        (_, Some(50126)) => Ok(Proof::WrongPassword),
        // Second factors, their registration, Conditional Access.
        (_, Some(code @ (50072 | 50074 | 50076 | 50079 | 50158 | 53000..=53004))) => Ok(Proof::WantsMore(code)),
        (ClientError::TokenRefused(_), _) => Ok(Proof::Untried(error.to_string())),
        (ClientError::Dataverse(refusal), _) if refusal.code == NO_ROLE => Ok(Proof::WithoutRole),
        (ClientError::Dataverse(_), _) => Ok(Proof::Untried(error.to_string())),
        _ => Err(error),
    }
}
