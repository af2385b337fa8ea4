//! Where the sign-in page sends people back to: only to addresses that the application registered,
//! to the letter. For programs on somebody's own machine the port may be any (RFC 8252 section 7.3).

use bytes::Bytes;
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderValue, Response, StatusCode};
use keyholder_entra::aadsts::{self, Problem};

use super::pages;
use crate::Identity;
use crate::directory::clients::Client;
use crate::directory::registrations::Platform;

/// How the answer travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

impl ResponseMode {
    /// The mode of a `response_mode`; the usual one when there is none.
    pub(super) fn find(text: Option<&str>) -> Option<Self> {
        match text {
            None | Some("" | "query") => Some(Self::Query),
            Some("fragment") => Some(Self::Fragment),
            Some("form_post") => Some(Self::FormPost),
            Some(_) => None,
        }
    }
}

/// A registered address that somebody is sent back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Redirect {
    pub(super) uri: String,
    pub(super) mode: ResponseMode,
}

impl Redirect {
    /// The address of the request, or the first that is registered.
    pub(super) fn find(
        identity: &Identity,
        client: &Client,
        asked: Option<&str>,
        mode: ResponseMode,
    ) -> Result<Self, Problem> {
        let Some(asked) = asked.filter(|asked| !asked.is_empty()) else {
            let first = client.registration.redirect_uris.first().ok_or_else(aadsts::redirect_uri_missing)?;
            return Ok(Self { uri: first.uri.clone(), mode });
        };
        match platform(identity, client, asked) {
            Some(_) => Ok(Self { uri: asked.to_owned(), mode }),
            None => Err(aadsts::redirect_uri_unregistered(asked, client.facts.client_id)),
        }
    }

    /// The response that sends the browser there with these parameters.
    pub(super) fn respond(&self, parameters: &[(&str, &str)]) -> Response<Bytes> {
        let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let target = match self.mode {
            ResponseMode::FormPost => return pages::form_post(&self.uri, parameters),
            ResponseMode::Fragment => format!("{}#{text}", self.uri),
            ResponseMode::Query if self.uri.contains('?') => format!("{}&{text}", self.uri),
            ResponseMode::Query => format!("{}?{text}", self.uri),
        };
        found(&target)
    }
}

/// Sends the browser elsewhere.
pub(super) fn found(target: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::FOUND;
    let headers = response.headers_mut();
    // Registered addresses are printed in ASCII; anything else would not be an address.
    headers.insert(LOCATION, HeaderValue::from_str(target).unwrap_or(HeaderValue::from_static("/")));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache"));
    response
}

/// Of which platform of the application's `uri` is a registered address; none when it is not.
pub(super) fn platform(identity: &Identity, client: &Client, uri: &str) -> Option<Platform> {
    let sound = uri.len() <= 2048 && uri.bytes().all(|byte| byte.is_ascii_graphic()) && !uri.contains('#');
    if !sound {
        return None;
    }
    if client.published().is_some() && uri == format!("{}/common/oauth2/nativeclient", identity.origin) {
        return Some(Platform::PublicClient);
    }
    let fits = |registered: &str, platform| {
        registered == uri || (platform == Platform::PublicClient && same_but_port(registered, uri))
    };
    let registered = client.registration.redirect_uris.iter();
    registered.clone().find(|known| fits(&known.uri, known.platform)).map(|known| known.platform)
}

/// Whether both are http addresses of this machine that differ in nothing but the port.
fn same_but_port(registered: &str, uri: &str) -> bool {
    match (loopback(registered), loopback(uri)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

/// Host and path of an http address of this machine.
fn loopback(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let host = ["localhost", "127.0.0.1", "[::1]"].into_iter().find(|host| {
        let port = authority.strip_prefix(host);
        port.is_some_and(|port| port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
    })?;
    Some((host, if path.is_empty() { "/" } else { path }))
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_port_of_this_machine_may_be_any() {
        assert!(same_but_port("http://localhost", "http://localhost:54321"));
        assert!(same_but_port("http://localhost", "http://localhost:54321/"));
        assert!(same_but_port("http://localhost:1/a", "http://localhost/a"));
        assert!(same_but_port("http://[::1]/a?b", "http://[::1]:9/a?b"));
        for other in [
            "http://localhost:54321/path",
            "https://localhost:54321",
            "http://127.0.0.1:54321",
            "http://localhost.evil.example",
            "http://localhost:80@evil.example",
            "http://localhost:evil",
            "http://localhost:+80",
            "http://localhost:99999",
            "http://localhostevil",
            "http://localhost?x",
        ] {
            assert!(!same_but_port("http://localhost", other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_address_is_read_without_panic(one: String, other: String) {
            let _ = same_but_port(&one, &other);
            let _ = same_but_port(&format!("http://localhost{one}"), &format!("http://localhost:{other}"));
        }
    }
}
