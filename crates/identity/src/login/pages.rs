//! The pages that people see: plain HTML without JavaScript, readable on a phone and by a screen
//! reader, under a content security policy that lets nothing in but their own style.
//!
//! All HTML of the token service is in this folder. What came from outside gets into a page only
//! through [`Html::text`] or [`Html::attribute`], which escape it.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, PRAGMA, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};

mod consent;
mod device;
mod form;
mod message;
mod sign_in;

pub(super) use crate::html::Html;
pub(super) use consent::{Consenting, Whom, consent};
pub(super) use device::{confirm_device, device_code};
pub(super) use form::Form;
pub(super) use message::{form_post, message, refusal};
pub(super) use sign_in::{Notice, SignIn, change_password, second_factor, sign_in};

/// Everything that the pages look like.
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;font:1.0625rem/1.5 system-ui,sans-serif;background:#f3f4f6;color:#111827}\
main{max-width:26rem;margin:8vh auto;padding:2rem;background:#fff;border:1px solid #d1d5db;border-radius:.5rem;overflow-wrap:anywhere}\
h1{margin:0 0 1rem;font-size:1.375rem;line-height:1.3}\
label{display:block;margin:1rem 0 .25rem;font-weight:600}\
label.choice{font-weight:400}\
input[type=text],input[type=email],input[type=password]{box-sizing:border-box;width:100%;padding:.6rem;font:inherit;\
border:1px solid #6b7280;border-radius:.25rem;background:#fff;color:#111827}\
button{margin:1.25rem .5rem 0 0;padding:.6rem 1.25rem;font:inherit;font-weight:600;border:1px solid #1d4ed8;\
border-radius:.25rem;background:#1d4ed8;color:#fff;cursor:pointer}\
button.second{background:transparent;color:#1d4ed8}\
:focus-visible{outline:3px solid #f59e0b;outline-offset:2px}\
.notice{padding:.75rem;border-left:4px solid #b91c1c;background:#fef2f2;color:#7f1d1d}\
.code,.quiet{color:#4b5563;font-size:.9375rem}\
@media(prefers-color-scheme:dark){body{background:#111827;color:#f3f4f6}main{background:#1f2937;border-color:#4b5563}\
input[type=text],input[type=email],input[type=password]{background:#111827;color:#f3f4f6}\
button{background:#1d4ed8}button.second{color:#93c5fd;border-color:#93c5fd}\
.notice{background:#450a0a;color:#fee2e2}.code,.quiet{color:#d1d5db}}\
@media(max-width:30rem){main{margin:0;min-height:100vh;border:0;border-radius:0;box-sizing:border-box;max-width:none}}";

/// A page: `title` is its heading too. Its forms may send to this service, and a redirect from there
/// may lead on to `leads_to`.
pub(super) fn page(status: StatusCode, title: &str, body: &Html, leads_to: Option<&str>) -> Response<Bytes> {
    let html = Html::new()
        .raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")
        .raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>")
        .text(title)
        .raw("</title><style>")
        .raw(STYLE)
        .raw("</style></head><body><main><h1>")
        .text(title)
        .raw("</h1>")
        .with(body)
        .raw("</main></body></html>\n");
    let mut response = Response::new(html.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let policy = HeaderValue::from_str(&policy(leads_to)).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// What a page may do: show itself, and send its form. Browsers hold a form to this even where the
/// answer to it redirects, so the address that it leads to is named.
fn policy(leads_to: Option<&str>) -> String {
    let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let target = leads_to.and_then(source).map(|source| format!(" {source}")).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'{target}; frame-ancestors 'none'; \
         base-uri 'none'"
    )
}

/// An address as a source of a policy: scheme, host and port, or the scheme alone where it has no
/// host. None when it cannot be one, and then the browser stops there.
fn source(uri: &str) -> Option<String> {
    let (scheme, rest) = uri.split_once(':')?;
    let word = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.:[]_".contains(&byte))
    };
    if !word(scheme) || scheme.contains(':') {
        return None;
    }
    match rest.strip_prefix("//").filter(|_| matches!(scheme, "http" | "https")) {
        None => Some(format!("{scheme}:")),
        Some(rest) => {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            word(authority).then(|| format!("{scheme}://{authority}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_policy_names_where_a_form_leads() {
        assert_eq!(source("http://localhost:54321/cb?x=1").as_deref(), Some("http://localhost:54321"));
        assert_eq!(source("https://app.example").as_deref(), Some("https://app.example"));
        assert_eq!(source("app://58145B91/x").as_deref(), Some("app:"));
        assert_eq!(source("urn:ietf:wg:oauth:2.0:oob").as_deref(), Some("urn:"));
        for none in ["", "relative", "https://a b", "https://a;script-src *", "https://"] {
            assert_eq!(source(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_out(text: String) {
            if let Some(source) = source(&text) {
                prop_assert!(!source.contains([' ', ';', ',', '\'']));
            }
        }
    }
}
