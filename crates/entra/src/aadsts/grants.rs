//! Sentences about codes, refresh tokens and where people are sent back to.

use keyholder_foundation::{ClientId, Timestamp};

use super::{OAuthError, Problem, quoted};

/// 9002313 in the form for a code or refresh token that cannot be read at all.
#[must_use]
pub fn grant_malformed() -> Problem {
    super::request_malformed("").with_error(OAuthError::InvalidGrant)
}

/// 70000: a code or refresh token that reads well, but is not one of ours, or not this client's.
#[must_use]
pub fn grant_invalid(parameter: &str) -> Problem {
    Problem::new(
        70_000,
        &format!(
            "The provided value for the input parameter '{}' is not valid. The grant was not issued here, or to \
             another client.",
            quoted(parameter)
        ),
    )
}

/// 70008: a code whose time is over.
#[must_use]
pub fn code_expired() -> Problem {
    Problem::new(
        70_008,
        "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive \
         authorization request for this user and resource.",
    )
}

/// 54005: a code that was redeemed before.
#[must_use]
pub fn code_redeemed() -> Problem {
    Problem::new(
        54_005,
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing \
         refresh token.",
    )
}

/// 501481: the verifier is not the challenge's.
#[must_use]
pub fn verifier_wrong() -> Problem {
    Problem::new(501_481, "The Code_Verifier does not match the code_challenge supplied in the authorization request.")
}

/// 500112: the redirect URI is not the one that the code was asked with.
#[must_use]
pub fn redirect_uri_differs(given: &str, asked: &str) -> Problem {
    Problem::new(
        500_112,
        &format!(
            "The reply address '{}' does not match the reply address '{}' provided when requesting Authorization code.",
            quoted(given),
            quoted(asked)
        ),
    )
}

/// 50011: a redirect URI that is not registered.
#[must_use]
pub fn redirect_uri_unregistered(uri: &str, application: ClientId) -> Problem {
    Problem::new(
        50_011,
        &format!(
            "The redirect URI '{}' specified in the request does not match the redirect URIs configured for the \
             application '{application}'. Make sure the redirect URI sent in the request matches one added to your \
             application in the Azure portal.",
            quoted(uri)
        ),
    )
}

/// 900971: no redirect URI at all.
#[must_use]
pub fn redirect_uri_missing() -> Problem {
    Problem::new(900_971, "No reply address provided.")
}

/// 700054: tokens straight from the sign-in page.
#[must_use]
pub fn response_type_disabled(response_type: &str) -> Problem {
    Problem::new(700_054, &format!("response_type '{}' is not enabled for the application.", quoted(response_type)))
}

/// 9002325: a page in a browser without PKCE.
#[must_use]
pub fn proof_key_required() -> Problem {
    Problem::new(9_002_325, "Proof Key for Code Exchange is required for cross-origin authorization code redemption.")
}

/// 700005: a code or refresh token of another tenant.
#[must_use]
pub fn grant_of_another_tenant() -> Problem {
    Problem::new(
        700_005,
        "Provided Authorization Code is intended to use against other tenant, thus rejected. OAuth2 Authorization \
         Code must be redeemed against same tenant it was acquired for.",
    )
}

/// 700082: a refresh token that nobody used for too long.
#[must_use]
pub fn refresh_token_inactive(issued: Timestamp) -> Problem {
    Problem::new(
        700_082,
        &format!(
            "The refresh token has expired due to inactivity. The token was issued on {issued} and was inactive for \
             90.00:00:00."
        ),
    )
    .with_suberror("bad_token")
}

/// 50173: the sign-in is older than what its person's tokens are good from.
#[must_use]
pub fn grant_revoked(issued: Timestamp, valid_from: Timestamp) -> Problem {
    Problem::new(
        50_173,
        &format!(
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have \
             changed or reset their password. The grant was issued on '{issued}' and the TokensValidFrom date (before \
             which tokens are not valid) for this user is '{valid_from}'."
        ),
    )
    .with_suberror("bad_token")
}

/// 70016: the person has not finished signing in on the other device.
#[must_use]
pub fn device_pending() -> Problem {
    Problem::new(70_016, "OAuth 2.0 device flow error. Authorization is pending. Continue polling.")
}

/// 70016 in the form for a client that asks too often (RFC 8628 section 3.5).
#[must_use]
pub fn device_slow_down() -> Problem {
    Problem::new(
        70_016,
        "OAuth 2.0 device flow error. Authorization is pending, and polled for too often. Continue polling, with five \
         seconds more between two requests.",
    )
    .with_error(OAuthError::SlowDown)
}

/// 65004 in the form for a device: the person declined.
#[must_use]
pub fn device_declined(application: ClientId, name: &str) -> Problem {
    super::consent_declined(application, name).with_error(OAuthError::AuthorizationDeclined)
}

/// 70018: no such device code.
#[must_use]
pub fn device_code_unknown() -> Problem {
    Problem::new(70_018, "Invalid verification code due to user typing in a wrong user code for device code flow.")
}

/// 70019: the codes' time is over.
#[must_use]
pub fn device_code_expired() -> Problem {
    Problem::new(70_019, "Verification code expired. Send a new device code request.")
}

#[cfg(test)]
mod tests {
    use super::super::explain;
    use super::*;

    #[test]
    fn every_sentence_has_its_number_in_the_table() {
        let id = ClientId(uuid::Uuid::nil());
        for problem in [
            grant_malformed(),
            grant_invalid("code"),
            code_expired(),
            code_redeemed(),
            verifier_wrong(),
            redirect_uri_differs("a", "b"),
            redirect_uri_unregistered("u", id),
            redirect_uri_missing(),
            response_type_disabled("token"),
            proof_key_required(),
            grant_of_another_tenant(),
            refresh_token_inactive(Timestamp::EPOCH),
            grant_revoked(Timestamp::EPOCH, Timestamp::EPOCH),
            device_pending(),
            device_slow_down(),
            device_declined(id, "n"),
            device_code_unknown(),
            device_code_expired(),
        ] {
            let entry = explain(problem.number()).unwrap_or_else(|| panic!("{} is not in the table", problem.number()));
            assert_eq!(entry.status, problem.status());
        }
        assert_eq!(device_slow_down().error().as_str(), "slow_down");
        assert_eq!(device_declined(id, "n").error().as_str(), "authorization_declined");
        assert_eq!(grant_malformed().error().as_str(), "invalid_grant");
    }
}
