//! How an application proves itself: by a secret, a certificate, a federated token, or not at all.

use keyholder_entra::aadsts::{self, Problem};
use keyholder_entra::assertion;
use keyholder_foundation::{KeyId, Secret, Timestamp};

use super::assertion::check_assertion;
use super::client::Found;
use super::form::Form;
use super::tenant::Segment;
use super::{Failure, federation};
use crate::Identity;
use crate::directory::activity::CredentialKind;
use crate::directory::clients::{Client, Password};

/// By what an application proved itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proof {
    pub(super) kind: CredentialKind,
    /// Which of its credentials it was.
    pub(super) key: Option<KeyId>,
}

impl Proof {
    /// None was needed.
    pub(super) const NONE: Self = Self { kind: CredentialKind::None, key: None };

    /// The claim `appidacr` or `azpacr`.
    pub(super) fn claim(self) -> &'static str {
        match self.kind {
            CredentialKind::None => "0",
            CredentialKind::Secret => "1",
            CredentialKind::Certificate | CredentialKind::Federated => "2",
        }
    }
}

/// Who the application speaks for decides what it has to prove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// For itself: a credential, always.
    Credential,
    /// For a person, and it is one that can keep a secret unless `public`.
    CredentialUnless {
        /// Whether it cannot keep a secret.
        public: bool,
    },
}

/// Whether the application proved itself.
pub(super) async fn authenticate(
    identity: &Identity,
    segment: &Segment,
    found: &Found,
    form: &Form,
    need: Need,
) -> Result<Proof, Failure> {
    let client = &found.client;
    let given = form.client_secret.is_some() || form.client_assertion.is_some();
    let is_there = |credential: &Option<Secret>| credential.as_ref().is_some_and(|text| !text.is_empty());
    if is_there(&form.client_secret) && is_there(&form.client_assertion) {
        // RFC 6749 section 2.3: no more than one way of proving itself in a request.
        let detail = "Send either 'client_secret' or 'client_assertion', not both.";
        return Err(aadsts::request_malformed(detail).into());
    }
    if client.published().is_some() {
        return match (given, need) {
            (true, _) | (false, Need::Credential) => Err(aadsts::public_client_credential().into()),
            (false, Need::CredentialUnless { .. }) => Ok(Proof::NONE),
        };
    }
    if let Some(secret) = &form.client_secret
        && !is_there(&form.client_assertion)
    {
        return Ok(check_secret(identity, client, secret)?);
    }
    if let Some(text) = &form.client_assertion {
        match form.client_assertion_type.as_deref() {
            Some(assertion::JWT_BEARER) => {}
            None | Some("") => return Err(aadsts::parameter_missing("client_assertion_type").into()),
            Some(_) => {
                let detail = format!("The 'client_assertion_type' must be '{}'.", assertion::JWT_BEARER);
                return Err(aadsts::request_malformed(&detail).into());
            }
        }
        let read = super::assertion::read(client.facts.client_id, text.expose())?;
        return match read {
            super::assertion::Read::OwnCertificate(own) => Ok(check_assertion(identity, segment, found, &own)?),
            super::assertion::Read::Federated(foreign) => federation::check(identity, found, &foreign).await,
        };
    }
    match need {
        Need::Credential => Err(aadsts::credential_required().into()),
        Need::CredentialUnless { public: true } => Ok(Proof::NONE),
        Need::CredentialUnless { public: false } => Err(aadsts::credential_missing().into()),
    }
}

/// When a secret was made: the ids of secrets begin with the moment (RFC 9562, version 7).
fn made_at(password: &Password) -> Timestamp {
    let bytes = password.key_id.0.as_bytes();
    let millis = bytes.iter().take(6).fold(0_i64, |millis, byte| millis << 8 | i64::from(*byte));
    Timestamp::from_millis(millis)
}

fn check_secret(identity: &Identity, client: &Client, secret: &Secret) -> Result<Proof, Problem> {
    if secret.is_empty() {
        return Err(aadsts::credential_missing());
    }
    let id = client.facts.client_id;
    let now = identity.clocks.now();
    let lag = identity.directory_lag;
    let seen = |password: &&Password| lag.is_zero() || client.sees(made_at(password), now, lag);
    let matching: Vec<_> =
        client.passwords.iter().filter(|password| password.hash.matches(secret)).filter(seen).collect();
    if let Some(good) = matching.iter().find(|password| password.starts <= now && now < password.ends) {
        return Ok(Proof { kind: CredentialKind::Secret, key: Some(good.key_id) });
    }
    let is_over = |password: &Password| password.ends <= now;
    let expired = match matching.as_slice() {
        // Nothing that is still good could have been meant.
        [] => !client.passwords.is_empty() && client.passwords.iter().all(is_over),
        meant => meant.iter().any(|password| is_over(password)),
    };
    Err(if expired { aadsts::expired_client_secret(id) } else { aadsts::invalid_client_secret(id) })
}
