//! Responses of the token service and their headers.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use keyholder_entra::aadsts::Problem;
use keyholder_entra::token::TokenError;
use keyholder_foundation::Timestamp;
use serde::Serialize;

use crate::correlation::{CLIENT_REQUEST_ID, Correlation, header_value};

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const X_MS_REQUEST_ID: HeaderName = HeaderName::from_static("x-ms-request-id");
const X_CONTENT_TYPE_OPTIONS: HeaderName = HeaderName::from_static("x-content-type-options");

/// How long an answer shall wait before it is sent: an extension of the response, since this room has
/// no timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerAfter(pub Duration);

/// Where a request came from: an extension of the request, put there by whoever listens. Without it a
/// token does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallerAddress(pub IpAddr);

/// A body that nobody may keep: tokens and errors.
pub(super) fn secret_json(status: StatusCode, body: &impl Serialize) -> Response<Bytes> {
    let mut response = json(status, body);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}

/// A document that browsers of any origin may read and keep for a day.
pub(super) fn document(body: &impl Serialize) -> Response<Bytes> {
    let mut response = json(StatusCode::OK, body);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=86400, private"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, OPTIONS"));
    response
}

/// The answer to a browser that asks beforehand whether a page may post (the Fetch standard's
/// preflight).
pub(super) fn preflight() -> Response<Bytes> {
    let mut response = document(&serde_json::json!({}));
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, OPTIONS"));
    response
}

/// A text for people.
pub(super) fn text(status: StatusCode, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// One of Entra's errors.
pub(super) fn problem(
    problem: &Problem,
    status: StatusCode,
    correlation: Correlation,
    now: Timestamp,
    origin: &str,
) -> Response<Bytes> {
    let error = TokenError::new(problem, correlation.trace, correlation.client_or_trace(), now, origin);
    secret_json(status, &error)
}

fn json(status: StatusCode, body: &impl Serialize) -> Response<Bytes> {
    // Every body here is a struct of texts and numbers: printing it cannot fail.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// Puts the request's ids on its answer.
pub(super) fn correlate(response: &mut Response<Bytes>, correlation: Correlation) {
    let headers = response.headers_mut();
    headers.insert(X_MS_REQUEST_ID, header_value(correlation.trace));
    if let Some(client) = correlation.client {
        headers.insert(CLIENT_REQUEST_ID, header_value(client));
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
