//! Whether a request to the control endpoint can come from a program that means it, and not from a
//! web page in a browser of the same machine.
//!
//! A page can send requests to loopback with what the browser remembers of the administrator
//! (HTTP Basic), or after turning its own name to a loopback address (DNS rebinding). Browsers say
//! where a request comes from, send JSON across origins only after asking, and name the
//! page's host: each is enough to refuse.

use std::net::IpAddr;

use bytes::Bytes;
use http::uri::Authority;
use http::{Request, Response, StatusCode, header};

use crate::serve::plain;

/// Lets a request in that calls the org at `origin` by one of its own names, or gives its refusal.
#[expect(clippy::result_large_err, reason = "made once, and handed to the caller as it is")]
pub(super) fn check(origin: &str, request: &Request<Bytes>) -> Result<(), Response<Bytes>> {
    let headers = request.headers();
    let is_foreign_site = headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    if headers.contains_key(header::ORIGIN) || is_foreign_site {
        let message = "The control endpoint does not answer web pages.";
        return Err(plain(StatusCode::FORBIDDEN, "FromBrowser", message));
    }
    if !is_called_by_own_name(origin, request) {
        let message = "The control endpoint is asked by the org's own host name or a loopback address.";
        return Err(plain(StatusCode::MISDIRECTED_REQUEST, "WrongHost", message));
    }
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json"));
    if !request.body().is_empty() && !is_json {
        let message = "The body must be JSON, with Content-Type: application/json.";
        return Err(plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message));
    }
    Ok(())
}

/// HTTP/2 has the name in the URI, HTTP/1 in `Host`; whatever names a host must name an own one.
fn is_called_by_own_name(origin: &str, request: &Request<Bytes>) -> bool {
    let own = origin.parse::<http::Uri>().ok().and_then(|uri| uri.authority().cloned());
    let is_own = |authority: &Authority| {
        let host = authority.host();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost")
            || own.as_ref().is_some_and(|own| own.host().eq_ignore_ascii_case(host))
            || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    };
    let by_header = request.headers().get_all(header::HOST).iter();
    let by_header = by_header.map(|host| Authority::try_from(host.as_bytes()).is_ok_and(|host| is_own(&host)));
    let mut names = request.uri().authority().map(is_own).into_iter().chain(by_header).peekable();
    names.peek().is_some() && names.all(|is_own| is_own)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: &str = "https://build-box:8443";
    const HERE: (&str, &str) = ("host", "localhost");

    fn answer(uri: &str, headers: &[(&str, &str)], body: &'static str) -> u16 {
        let mut request = Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::from_static(body.as_bytes())).unwrap();
        check(ORIGIN, &request).map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
    }

    #[test]
    fn only_own_names_are_answered() {
        for own in ["localhost:8443", "LOCALHOST", "127.0.0.1:8443", "127.1.2.3", "[::1]:8443", "build-box:8443"] {
            assert_eq!(answer("/_keyholder/status", &[("host", own)], ""), 200, "{own}");
            assert_eq!(answer(&format!("https://{own}/_keyholder/status"), &[], ""), 200, "{own}");
        }
        for other in ["evil.example", "localhost.evil.example", "10.0.0.1", "", "build-box@evil.example"] {
            assert_eq!(answer("/_keyholder/status", &[("host", other)], ""), 421, "{other}");
        }
        assert_eq!(answer("/x", &[], ""), 421, "no name at all");
        assert_eq!(answer("https://evil.example/x", &[HERE], ""), 421);
        assert_eq!(answer("/x", &[HERE, ("host", "evil.example")], ""), 421);
    }

    #[test]
    fn web_pages_are_refused() {
        for page in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert_eq!(answer("/x", &[HERE, page], ""), 403, "{page:?}");
        }
        for fine in ["none", "same-origin"] {
            assert_eq!(answer("/x", &[HERE, ("sec-fetch-site", fine)], ""), 200);
        }
    }

    #[test]
    fn bodies_are_json() {
        assert_eq!(answer("/x", &[HERE], "{}"), 415);
        assert_eq!(answer("/x", &[HERE, ("content-type", "text/plain")], "{}"), 415);
        assert_eq!(answer("/x", &[HERE, ("content-type", "application/json; charset=utf-8")], "{}"), 200);
    }
}
