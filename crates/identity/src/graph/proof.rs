//! The proof by which an application rolls its own certificate: a token that it signs with one
//! that it has.
//!
//! Microsoft's `application: addKey`: issuer is the object's id, audience the old directory API,
//! good for ten minutes.

use std::time::Duration;

use keyholder_entra::jws::Compact;
use keyholder_foundation::Timestamp;
use serde::Deserialize;

use super::Call;
use super::problem::Problem;
use crate::directory::holders::Holder;
use crate::x509::{PublicRsaKey, RsaAlgorithm};

/// Azure AD Graph, as whose tokens proofs are addressed.
const AUDIENCE: &str = "00000002-0000-0000-c000-000000000000";
/// For how long a proof may be good, in seconds.
const LONGEST: i64 = 600;
/// How far clocks may differ.
const SKEW: Duration = Duration::from_secs(300);

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    nbf: i64,
    exp: i64,
}

/// Refuses a proof that no good certificate of the holder's has signed.
pub(super) async fn check(call: &Call<'_>, holder: Holder, proof: &str) -> Result<(), Problem> {
    let refused =
        || Problem::unauthenticated("Authentication_MissingOrMalformed", "Access Token missing or malformed.");
    let parsed = Compact::parse(proof).map_err(|_| refused())?;
    let claims: Claims = parsed.claims().map_err(|_| refused())?;
    let algorithm = RsaAlgorithm::find(&parsed.header.alg).ok_or_else(refused)?;
    let (id, certificates) = call.identity.directory.certificates_of(&call.caller.tenant, holder).await?;
    let now = call.identity.clocks.now();
    let starts = Timestamp::from_unix_seconds(claims.nbf).minus(SKEW);
    let ends = Timestamp::from_unix_seconds(claims.exp).plus(SKEW);
    let lasts = claims.exp.checked_sub(claims.nbf);
    let in_time = starts <= now && now < ends && lasts.is_some_and(|seconds| (0..=LONGEST).contains(&seconds));
    let addressed = claims.aud.trim_end_matches('/') == AUDIENCE && claims.iss.eq_ignore_ascii_case(&id.to_string());
    let signed = certificates.iter().filter(|one| one.starts <= now && now < one.ends).any(|one| {
        let key = PublicRsaKey::of_certificate(&one.der);
        key.is_some_and(|key| key.verifies(algorithm, parsed.signing_input.as_bytes(), &parsed.signature))
    });
    if in_time && addressed && signed { Ok(()) } else { Err(refused()) }
}
