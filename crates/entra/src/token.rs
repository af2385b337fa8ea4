//! What the token endpoint answers: a token, or an error.
//!
//! The v1 endpoint prints every number as a string, the v2 endpoint as a number; both are read by
//! both structs.

use keyholder_foundation::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::aadsts::Problem;
use crate::lenient;

/// A token, as the v2 endpoint prints it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenSuccess {
    /// "Bearer".
    #[serde(default = "bearer")]
    pub token_type: String,
    /// Seconds from now.
    #[serde(deserialize_with = "lenient::number")]
    pub expires_in: i64,
    /// Seconds from now that the token may be used longer when the service is down.
    #[serde(default, deserialize_with = "lenient::optional_number", skip_serializing_if = "Option::is_none")]
    pub ext_expires_in: Option<i64>,
    /// Seconds from now after which a new token should be fetched; only with long-lived ones.
    #[serde(default, deserialize_with = "lenient::optional_number", skip_serializing_if = "Option::is_none")]
    pub refresh_in: Option<i64>,
    /// Permissions granted, separated by blanks; only where a person signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The token itself.
    #[serde(serialize_with = "lenient::secret::serialize")]
    pub access_token: Secret,
    /// Only where a person signed in and `offline_access` was asked.
    #[serde(default, serialize_with = "lenient::secret::serialize_optional", skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
    /// Only where a person signed in and `openid` was asked.
    #[serde(default, serialize_with = "lenient::secret::serialize_optional", skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Secret>,
    /// base64url of `{"uid":..,"utid":..}`; only where a person signed in and the client asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_info: Option<String>,
    /// "1" where the refresh token is good for the whole family of Microsoft's own clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foci: Option<String>,
}

/// A token, as the v1 endpoint prints it: every number is a string.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenSuccessV1 {
    /// "Bearer".
    #[serde(default = "bearer")]
    pub token_type: String,
    /// Seconds from now.
    #[serde(serialize_with = "as_text", deserialize_with = "lenient::number")]
    pub expires_in: i64,
    /// As [`TokenSuccess::ext_expires_in`].
    #[serde(default, serialize_with = "as_text", deserialize_with = "lenient::number")]
    pub ext_expires_in: i64,
    /// Seconds since 1970.
    #[serde(default, serialize_with = "as_text", deserialize_with = "lenient::number")]
    pub expires_on: i64,
    /// Seconds since 1970.
    #[serde(default, serialize_with = "as_text", deserialize_with = "lenient::number")]
    pub not_before: i64,
    /// The resource as it was asked for.
    #[serde(default)]
    pub resource: String,
    /// The token itself.
    #[serde(serialize_with = "lenient::secret::serialize")]
    pub access_token: Secret,
    /// As [`TokenSuccess::scope`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Wherever a person signed in.
    #[serde(default, serialize_with = "lenient::secret::serialize_optional", skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<Secret>,
    /// Wherever a person signed in.
    #[serde(default, serialize_with = "lenient::secret::serialize_optional", skip_serializing_if = "Option::is_none")]
    pub id_token: Option<Secret>,
    /// As [`TokenSuccess::client_info`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_info: Option<String>,
    /// As [`TokenSuccess::foci`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foci: Option<String>,
}

/// The start of a device sign-in (RFC 8628 section 3.2), as the v2 endpoint prints it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeviceAuthorization {
    /// What the person types in.
    pub user_code: String,
    /// What the client asks with.
    #[serde(serialize_with = "lenient::secret::serialize")]
    pub device_code: Secret,
    /// Where the person types it in; v1 calls it `verification_url`.
    #[serde(alias = "verification_url")]
    pub verification_uri: String,
    /// Seconds until both codes end.
    #[serde(deserialize_with = "lenient::number")]
    pub expires_in: i64,
    /// Seconds to wait between two questions.
    #[serde(default = "five", deserialize_with = "lenient::number")]
    pub interval: i64,
    /// All of it in a sentence for the person.
    #[serde(default)]
    pub message: String,
}

/// The start of a device sign-in, as the v1 endpoint prints it: every number is a string.
#[derive(Debug, Clone, Serialize)]
pub struct DeviceAuthorizationV1 {
    /// As [`DeviceAuthorization::user_code`].
    pub user_code: String,
    /// As [`DeviceAuthorization::device_code`].
    #[serde(serialize_with = "lenient::secret::serialize")]
    pub device_code: Secret,
    /// As [`DeviceAuthorization::verification_uri`].
    pub verification_url: String,
    /// As [`DeviceAuthorization::expires_in`].
    #[serde(serialize_with = "as_text")]
    pub expires_in: i64,
    /// As [`DeviceAuthorization::interval`].
    #[serde(serialize_with = "as_text")]
    pub interval: i64,
    /// As [`DeviceAuthorization::message`].
    pub message: String,
}

const fn five() -> i64 {
    5
}

fn bearer() -> String {
    "Bearer".to_owned()
}

fn as_text<S: serde::Serializer>(number: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

/// An error of the token service.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenError {
    /// OAuth's word for it, as `invalid_client`.
    pub error: String,
    /// `AADSTS<number>: <text> Trace ID: .. Correlation ID: .. Timestamp: ..`.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub error_description: String,
    /// The AADSTS numbers, the most telling first.
    #[serde(default, deserialize_with = "numbers")]
    pub error_codes: Vec<u32>,
    /// When, as `2026-11-22 09:07:46Z`.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub timestamp: String,
    /// The service's id of the request.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub trace_id: String,
    /// The caller's id of the request, when it sent one.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub correlation_id: String,
    /// A page that explains the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_uri: Option<String>,
    /// A finer word, as `consent_required`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suberror: Option<String>,
    /// A JSON document as text, to be sent back when asking again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<String>,
}

impl TokenError {
    /// The body for `problem`, met at `now` by the service at `origin` (scheme, host and port).
    #[must_use]
    pub fn new(problem: &Problem, trace: Uuid, correlation: Uuid, now: Timestamp, origin: &str) -> Self {
        let number = problem.number();
        let timestamp = now.with_blank();
        Self {
            error: problem.error().as_str().to_owned(),
            error_description: format!(
                "AADSTS{number}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
                problem.text()
            ),
            error_codes: vec![number],
            timestamp,
            trace_id: trace.to_string(),
            correlation_id: correlation.to_string(),
            error_uri: Some(format!("{origin}/error?code={number}")),
            suberror: problem.suberror().map(str::to_owned),
            claims: problem.claims().map(str::to_owned),
        }
    }

    /// The AADSTS number: the first of `error_codes`, else the one at the start of the description.
    #[must_use]
    pub fn number(&self) -> Option<u32> {
        self.error_codes.first().copied().or_else(|| {
            let (_, rest) = self.error_description.split_once("AADSTS")?;
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest.get(..end)?.parse().ok()
        })
    }

    /// The sentence alone, without number, ids and time.
    #[must_use]
    pub fn sentence(&self) -> &str {
        let text = self.error_description.as_str();
        let text = match text.split_once(": ") {
            Some((number, rest)) if number.starts_with("AADSTS") => rest,
            _ => text,
        };
        text.split("Trace ID:").next().unwrap_or(text).trim()
    }
}

/// Numbers in an array; anything else (some mocks print a text) reads as none.
fn numbers<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    let numbers = value.as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(numbers.iter().filter_map(|number| u32::try_from(number.as_u64()?).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aadsts;
    use proptest::prelude::*;

    #[test]
    fn v1_prints_strings_and_v2_numbers() {
        let v2: TokenSuccess =
            serde_json::from_str(r#"{"token_type":"Bearer","expires_in":"3599","access_token":"t"}"#).unwrap();
        assert_eq!(
            serde_json::to_string(&v2).unwrap(),
            r#"{"token_type":"Bearer","expires_in":3599,"access_token":"t"}"#
        );
        let v1: TokenSuccessV1 =
            serde_json::from_str(r#"{"expires_in":3599,"access_token":"t","resource":"r"}"#).unwrap();
        assert_eq!(
            serde_json::to_string(&v1).unwrap(),
            r#"{"token_type":"Bearer","expires_in":"3599","ext_expires_in":"0","expires_on":"0","not_before":"0","resource":"r","access_token":"t"}"#
        );
        assert!(!format!("{v1:?}{v2:?}").contains("\"t\""), "a token must not be seen in a debug print");
    }

    #[test]
    fn an_error_tells_its_number_and_sentence() {
        let id = Uuid::nil();
        let problem = aadsts::invalid_client_secret(keyholder_foundation::ClientId(id));
        let error = TokenError::new(&problem, id, id, Timestamp::EPOCH, "https://localhost:8443");
        assert_eq!(error.number(), Some(7_000_215));
        assert!(error.sentence().starts_with("Invalid client secret provided."), "{}", error.sentence());
        assert!(error.sentence().ends_with('.'), "{}", error.sentence());
        assert!(error.error_description.ends_with("Timestamp: 1970-01-01 00:00:00Z"));
        let text = serde_json::to_string(&error).unwrap();
        assert_eq!(serde_json::from_str::<TokenError>(&text).unwrap(), error);
    }

    #[test]
    fn older_and_mocked_errors_read() {
        let error: TokenError = serde_json::from_str(
            r#"{"error":"invalid_resource","error_description":"AADSTS500011: The resource.\r\nTrace ID: x","error_codes":"[500011]","trace_id":null}"#,
        )
        .unwrap();
        assert_eq!(error.number(), Some(500_011));
        assert_eq!(error.sentence(), "The resource.");
    }

    proptest! {
        #[test]
        fn no_description_needs_an_escape(text: String) {
            let problem = aadsts::unsupported_grant_type(&text);
            let error = TokenError::new(&problem, Uuid::nil(), Uuid::nil(), Timestamp::EPOCH, "https://h");
            let printed = serde_json::to_string(&error.error_description).unwrap();
            prop_assert!(!printed.contains('\\'), "{}", printed);
        }

        #[test]
        fn any_description_is_read_without_panic(description: String) {
            let error = TokenError { error_description: description, ..TokenError::default() };
            let _ = (error.number(), error.sentence());
        }
    }
}
