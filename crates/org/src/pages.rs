//! The org's web pages: plain HTML without JavaScript, under a content security policy that lets
//! nothing in but their own style.
//!
//! The pages only show something and change nothing, so a request that another site makes a browser
//! send does no harm. Signing in and out is the token service's: its pages, its forms, its cookies.
//!
//! What came from outside gets into a page only through [`Html`], which escapes it.

mod door;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};
use keyholder_foundation::Random;
use keyholder_identity::Html;

pub(crate) use door::{lead_on, respond};

/// Everything that the pages look like.
const STYLE: &str = "\
:root{color-scheme:light dark}\
body{margin:0;font:1.0625rem/1.5 system-ui,sans-serif;background:#f3f4f6;color:#111827}\
main{max-width:34rem;margin:8vh auto;padding:2rem;background:#fff;border:1px solid #d1d5db;border-radius:.5rem;overflow-wrap:anywhere}\
h1{margin:0 0 1rem;font-size:1.375rem;line-height:1.3}\
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:1rem 0}\
dt{color:#4b5563}\
dd{margin:0}\
a{color:#1d4ed8}\
:focus-visible{outline:3px solid #f59e0b;outline-offset:2px}\
.code{color:#4b5563;font-size:.9375rem}\
@media(prefers-color-scheme:dark){body{background:#111827;color:#f3f4f6}main{background:#1f2937;border-color:#4b5563}\
dt,.code{color:#d1d5db}a{color:#93c5fd}}\
@media(max-width:30rem){main{margin:0;min-height:100vh;border:0;border-radius:0;box-sizing:border-box;max-width:none}\
dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}";

/// A page; `title` is its heading too.
fn page(random: &dyn Random, status: StatusCode, title: &str, body: &Html) -> Response<Bytes> {
    page_with(random, status, title, body, &Html::new())
}

/// A page that leads on to an address of this process's by itself. Browsers hold a form to the origins
/// that its page names even where the answer redirects, so a redirect would end here.
fn leading_on(random: &dyn Random, title: &str, address: &str) -> Response<Bytes> {
    let refresh = Html::new().raw("<meta http-equiv=\"refresh\" content=\"0;url=").text(address).raw("\">");
    let body = Html::new().raw("<p>").link(address, "Continue").raw("</p>");
    page_with(random, StatusCode::OK, title, &body, &refresh)
}

/// A page with something of this program's own in its head.
fn page_with(random: &dyn Random, status: StatusCode, title: &str, body: &Html, head: &Html) -> Response<Bytes> {
    let nonce = random.uuid().simple().to_string();
    let html = Html::new()
        .raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")
        .raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>")
        .text(title)
        .raw("</title><style nonce=\"")
        .text(&nonce)
        .raw("\">")
        .raw(STYLE)
        .raw("</style>")
        .with(head)
        .raw("</head><body><main><h1>")
        .text(title)
        .raw("</h1>")
        .with(body)
        .raw("</main></body></html>\n");
    let mut response = Response::new(html.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    );
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    guard(&mut response);
    response
}

/// Sends a browser on to an address of this process's.
fn redirect(address: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::FOUND;
    if let Ok(value) = HeaderValue::from_str(address) {
        response.headers_mut().insert(LOCATION, value);
    }
    guard(&mut response);
    response
}

/// What holds for every page: nobody keeps it, frames it or guesses what it is.
fn guard(response: &mut Response<Bytes>) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

#[cfg(test)]
mod tests {
    use keyholder_foundation::SeededRandom;

    use super::*;

    #[test]
    fn a_page_lets_nothing_in_but_its_own_style() {
        let response = page(&SeededRandom::new(1), StatusCode::OK, "A <b>", &Html::new().text("\"&'"));
        let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; style-src 'nonce-"), "{policy}");
        let nonce = policy.split("nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap();
        let text = String::from_utf8(response.body().to_vec()).unwrap();
        assert!(text.contains(&format!("<style nonce=\"{nonce}\">")));
        assert!(text.contains("A &lt;b&gt;") && text.contains("&quot;&amp;&#39;") && !text.contains("<script"));
    }
}
