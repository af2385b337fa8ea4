//! Why an application does not get into an org, or may not do there what it tries.
//!
//! ```text
//! look (asks, and changes nothing) -> Seen -> judge (no I/O) -> steps, each with its cause and its mend
//! ```
//!
//! The way in has an order: name, connection, certificate, org, authority, tenant, application, credential, consent, token,
//! user, roles. A step that fails ends those that need it, and these are told as not checked; what needs it not goes on.
//! What the caller may not see is no finding: it is told as not checked, with the right that it would take. Somebody who
//! administers the org can be asked beside the caller, and sees more.

mod judge;
mod lacking;
mod look;
mod needs;
mod org;
mod proxy;
mod reach;
mod registration;
mod request;
mod seen;
mod sign_in;
mod step;
#[cfg(test)]
mod tests;

use keyholder_client::{Connection, Http};

use crate::Administrator;

pub use judge::judge;
pub use lacking::{Lacking, lacking};
pub use look::look;
pub use needs::{Asked, CanSeen, Needed, Needs};
pub use proxy::Proxy;
pub use seen::{
    AnswerSeen, CredentialSeen, KeyDates, RegistrationSeen, RoleHeld, Seen, TokenSeen, TrustSeen, UserSeen, UserSource,
};
pub use step::{Check, State, Step, Trouble};

/// What is looked at, and by whom.
#[derive(Debug, Clone, Copy)]
pub struct Patient<'a> {
    /// The org and the credential.
    pub connection: &'a Connection,
    /// How it is reached. What a service refuses for now should be told, not waited out for minutes.
    pub http: &'a Http,
    /// The proxy between here and there.
    pub proxy: &'a Proxy,
    /// What the caller wants to do: privileges, or requests to the Web API.
    pub asked: &'a [Asked],
    /// Somebody who sees more, where there is one.
    pub witness: Option<&'a Administrator>,
}

/// Looks, and judges what was seen.
pub async fn examine(patient: &Patient<'_>) -> (Seen, Vec<Step>) {
    let seen = look(patient).await;
    let steps = judge(&seen);
    (seen, steps)
}
