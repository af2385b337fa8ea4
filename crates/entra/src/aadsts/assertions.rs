//! Sentences about client assertions: those that a certificate signs, and those of an outside
//! issuer.

use keyholder_foundation::{ClientId, Timestamp};

use super::{Problem, quoted};

/// How a key fails to prove an assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyFault {
    /// The application has no such certificate.
    NotFound,
    /// The certificate is there, but the signature is another's.
    SignatureWrong {
        /// From when the certificate is good.
        starts: Timestamp,
        /// Until when it is good.
        ends: Timestamp,
    },
    /// The certificate is there, but its time is over.
    Expired {
        /// From when the certificate is good.
        starts: Timestamp,
        /// Until when it is good.
        ends: Timestamp,
    },
    /// The certificate is there, but its time has not come.
    NotYetValid {
        /// From when the certificate is good.
        starts: Timestamp,
        /// Until when it is good.
        ends: Timestamp,
    },
}

impl KeyFault {
    fn reason(&self) -> &'static str {
        match self {
            Self::NotFound => "The key was not found.",
            Self::SignatureWrong { .. } => "Key was found, but use of the key to verify the signature failed.",
            Self::Expired { .. } => "The key used is expired.",
            Self::NotYetValid { .. } => "The key used is not valid yet.",
        }
    }

    fn found(&self) -> Option<(Timestamp, Timestamp)> {
        match self {
            Self::NotFound => None,
            Self::SignatureWrong { starts, ends }
            | Self::Expired { starts, ends }
            | Self::NotYetValid { starts, ends } => Some((*starts, *ends)),
        }
    }
}

/// 700027: the assertion's key does not prove it. `thumbprint` is the one in its header, in
/// hexadecimal, when there is one.
#[must_use]
pub fn assertion_key(application: ClientId, thumbprint: Option<&str>, fault: &KeyFault) -> Problem {
    let opening = match fault {
        KeyFault::NotFound => {
            "The certificate with identifier used to sign the client assertion is not registered on application."
        }
        _ => "Client assertion contains an invalid signature.",
    };
    let thumbprint = thumbprint.map(|hex| format!(", Thumbprint of key used by client: '{}'", quoted(hex)));
    let found = fault.found().map(|(starts, ends)| format!(", Found key 'Start={starts}, End={ends}'"));
    Problem::new(
        700_027,
        &format!(
            "{opening} [Reason - {}{}{}, Please visit the Azure Portal, Graph Explorer or directly use MS Graph to \
             see configured keys for app Id '{application}'.]",
            fault.reason(),
            thumbprint.unwrap_or_default(),
            found.unwrap_or_default(),
        ),
    )
}

/// 700024: the assertion's time is over, or has not come.
#[must_use]
pub fn assertion_time(now: Timestamp, not_before: Timestamp, expires: Timestamp) -> Problem {
    Problem::new(
        700_024,
        &format!(
            "Client assertion is not within its valid time range. Current time: {now}, assertion valid from \
             {not_before}, expiry time of assertion {expires}. Review the documentation at \
             https://learn.microsoft.com/entra/identity-platform/certificate-credentials ."
        ),
    )
}

/// 700023: the assertion was made for somebody else.
#[must_use]
pub fn assertion_audience() -> Problem {
    Problem::new(
        700_023,
        "Client assertion audience claim does not match Realm issuer. Review the documentation at \
         https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
    )
}

/// 700021: the assertion names another application.
#[must_use]
pub fn assertion_application() -> Problem {
    Problem::new(
        700_021,
        "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at \
         https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
    )
}

/// 50027: the assertion cannot be read. `detail` says why, in our own words.
#[must_use]
pub fn assertion_malformed(detail: &str) -> Problem {
    Problem::new(50_027, &format!("JWT token is invalid or malformed. {}", quoted(detail)))
}

/// What of a federated token no credential of the application has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FederatedMismatch {
    /// Its issuer.
    Issuer,
    /// Its subject.
    Subject,
    /// Its audience.
    Audience,
}

/// 700211, 700213, 700212: no federated credential has this issuer, subject or audience.
#[must_use]
pub fn federated_mismatch(mismatch: FederatedMismatch, value: &str) -> Problem {
    let (number, what) = match mismatch {
        FederatedMismatch::Issuer => (700_211, "issuer"),
        FederatedMismatch::Subject => (700_213, "subject"),
        FederatedMismatch::Audience => (700_212, "audience"),
    };
    Problem::new(
        number,
        &format!(
            "No matching federated identity record found for presented assertion {what} '{}'. Check your federated \
             identity credential Subject, Audience and Issuer against the presented assertion. \
             https://learn.microsoft.com/entra/workload-id/workload-identity-federation",
            quoted(value)
        ),
    )
}

/// 7002138: a federated credential fits only when letter case is ignored.
#[must_use]
pub fn federated_letter_case(issuer: &str, subject: &str, audience: &str) -> Problem {
    Problem::new(
        7_002_138,
        &format!(
            "No matching federated identity record found for presented assertion. The comparison is case-sensitive, \
             and a record matches only when letter case is ignored. Assertion Issuer: '{}'. Assertion Subject: '{}'. \
             Assertion Audience: '{}'.",
            quoted(issuer),
            quoted(subject),
            quoted(audience)
        ),
    )
}

/// 700229: a person's token was presented as a federated one.
#[must_use]
pub fn federated_user_token() -> Problem {
    Problem::new(
        700_229,
        "Only app-only tokens can be used as Federated Identity Credentials for Microsoft Entra ID issuer. Use an \
         access token issued to the client app instead of an access token issued for the signed in user.",
    )
}

/// 50166: the outside issuer's documents cannot be had. `detail` says why, in our own words.
#[must_use]
pub fn issuer_unreachable(detail: &str) -> Problem {
    Problem::new(50_166, &format!("Request to External OIDC endpoint failed. {}", quoted(detail)))
}

/// 7000272: the outside issuer does not publish the key.
#[must_use]
pub fn issuer_key_not_found(key: &str, issuer: &str) -> Problem {
    Problem::new(
        7_000_272,
        &format!(
            "The certificate with identifier {} used to sign the federated credential could not be found in the \
             metadata of identity provider {}. Please validate that your Identity Provider's metadata exposes the key \
             used to sign the incoming token.",
            quoted(key),
            quoted(issuer)
        ),
    )
}

/// 700027 in the form for a federated token: the key is the issuer's, the signature is not.
#[must_use]
pub fn federated_signature(key: &str, issuer: &str) -> Problem {
    Problem::new(
        700_027,
        &format!(
            "Client assertion contains an invalid signature. [Reason - Key was found, but use of the key to verify the \
             signature failed., Key of the identity provider '{}': '{}'.]",
            quoted(issuer),
            quoted(key)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::super::explain;
    use super::*;

    #[test]
    fn every_sentence_has_its_number_in_the_table() {
        let id = ClientId(uuid::Uuid::nil());
        let (starts, ends) = (Timestamp::EPOCH, Timestamp::EPOCH);
        for problem in [
            assertion_key(id, Some("AB"), &KeyFault::NotFound),
            assertion_key(id, None, &KeyFault::Expired { starts, ends }),
            assertion_time(starts, starts, ends),
            assertion_audience(),
            assertion_application(),
            assertion_malformed("d"),
            federated_mismatch(FederatedMismatch::Issuer, "i"),
            federated_mismatch(FederatedMismatch::Subject, "s"),
            federated_mismatch(FederatedMismatch::Audience, "a"),
            federated_letter_case("i", "s", "a"),
            federated_user_token(),
            issuer_unreachable("d"),
            issuer_key_not_found("k", "i"),
            federated_signature("k", "i"),
        ] {
            let entry = explain(problem.number()).unwrap_or_else(|| panic!("{} is not in the table", problem.number()));
            assert_eq!((entry.error, entry.status), (problem.error(), problem.status()));
        }
    }

    #[test]
    fn a_key_at_fault_is_told_with_its_dates() {
        let (starts, ends) = (Timestamp::EPOCH, Timestamp::from_unix_seconds(86_400));
        let problem = assertion_key(ClientId(uuid::Uuid::nil()), Some("00FF"), &KeyFault::Expired { starts, ends });
        let text = problem.text();
        assert!(
            text.contains("[Reason - The key used is expired., Thumbprint of key used by client: '00FF'"),
            "{text}"
        );
        assert!(text.contains("Found key 'Start=1970-01-01T00:00:00Z, End=1970-01-02T00:00:00Z'"), "{text}");
    }
}
