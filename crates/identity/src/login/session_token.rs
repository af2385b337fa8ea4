//! What leaves here of a session: refresh tokens and browsers' cookies; and codes, which lead to one.
//!
//! A session's token names the tenant, the session and the moment when it was made, under an HMAC with
//! the session's own secret. A code is a tenant and a random number, of which the store has the hash.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use keyholder_entra::base64url;
use keyholder_foundation::{Random, Secret, TenantId, Timestamp};
use uuid::Uuid;

use crate::directory::sessions::Session;

/// Which of a session's tokens: one cannot stand in for the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A refresh token, held by an application.
    Refresh,
    /// A cookie, held by a browser.
    Browser,
}

impl Purpose {
    const fn byte(self) -> u8 {
        match self {
            Self::Refresh => 1,
            Self::Browser => 2,
        }
    }
}

/// What every token begins with.
const PREFIX: &str = "1.";
/// Purpose, tenant, session and moment.
const NAMED: usize = 1 + 16 + 16 + 8;
/// HMAC with SHA-256.
const TAG: usize = 32;

/// A session's token, read but not believed yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SessionToken {
    pub(super) tenant: TenantId,
    pub(super) session: Uuid,
    pub(super) issued: Timestamp,
    named: Vec<u8>,
    tag: Vec<u8>,
}

impl SessionToken {
    /// Reads a token made for `purpose`.
    pub(super) fn parse(text: &str, purpose: Purpose) -> Option<Self> {
        let bytes = base64url::decode(text.strip_prefix(PREFIX)?).ok()?;
        if bytes.len() != NAMED + TAG {
            return None;
        }
        let (named, tag) = bytes.split_at_checked(NAMED)?;
        let (kind, rest) = named.split_first()?;
        let (tenant, rest) = rest.split_at_checked(16)?;
        let (session, issued) = rest.split_at_checked(16)?;
        Some(Self {
            tenant: TenantId(Uuid::from_slice(tenant).ok()?),
            session: Uuid::from_slice(session).ok()?,
            issued: Timestamp::from_millis(i64::from_be_bytes(issued.try_into().ok()?)),
            named: named.to_vec(),
            tag: tag.to_vec(),
        })
        .filter(|_| *kind == purpose.byte())
    }

    /// Whether `session` made it.
    pub(super) fn is_of(&self, session: &Session) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &session.secret);
        hmac::verify(&key, &self.named, &self.tag).is_ok()
    }
}

/// A new token of a session.
pub(super) fn session_token(tenant: TenantId, session: &Session, purpose: Purpose, now: Timestamp) -> Secret {
    let mut bytes = Vec::with_capacity(NAMED + TAG);
    bytes.push(purpose.byte());
    bytes.extend_from_slice(tenant.0.as_bytes());
    bytes.extend_from_slice(session.id.as_bytes());
    bytes.extend_from_slice(&now.as_millis().to_be_bytes());
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &session.secret), &bytes);
    bytes.extend_from_slice(tag.as_ref());
    Secret::new(format!("{PREFIX}{}", base64url::encode(bytes)))
}

/// A code, as it leaves and as it is kept.
#[derive(Debug, Clone)]
pub(super) struct Code {
    pub(super) text: Secret,
    pub(super) tenant: TenantId,
    pub(super) hash: Vec<u8>,
}

impl Code {
    /// A new code of `tenant`; the nil id when no particular one was asked.
    pub(super) fn new(tenant: TenantId, random: &dyn Random) -> Self {
        let mut bytes = tenant.0.as_bytes().to_vec();
        bytes.resize(16 + 32, 0);
        if let Some(number) = bytes.get_mut(16..) {
            random.fill(number);
        }
        let text = format!("{PREFIX}{}", base64url::encode(&bytes));
        Self { hash: digest(&SHA256, text.as_bytes()).as_ref().to_vec(), text: Secret::new(text), tenant }
    }

    /// Reads a code; none when it is none of ours.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = base64url::decode(text.strip_prefix(PREFIX)?).ok()?;
        let (tenant, number) = bytes.split_at_checked(16)?;
        if number.len() != 32 {
            return None;
        }
        let tenant = TenantId(Uuid::from_slice(tenant).ok()?);
        Some(Self { hash: digest(&SHA256, text.as_bytes()).as_ref().to_vec(), text: Secret::new(text), tenant })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyholder_foundation::SeededRandom;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text: String, bytes: Vec<u8>) {
            for text in [text.clone(), format!("1.{text}"), format!("1.{}", base64url::encode(bytes))] {
                let _ = (SessionToken::parse(&text, Purpose::Refresh), Code::parse(&text));
            }
        }

        #[test]
        fn a_code_reads_as_it_was_made(seed: u64, tenant: u128) {
            let code = Code::new(TenantId(Uuid::from_u128(tenant)), &SeededRandom::new(seed));
            let read = Code::parse(code.text.expose()).unwrap();
            prop_assert_eq!((read.tenant, read.hash), (code.tenant, code.hash));
        }
    }
}
