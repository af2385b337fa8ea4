//! The seam to the network: one request in, one whole, bounded answer out.
//!
//! Everything above this trait (sign-in, paging, retries, provisioning) is tested without a
//! socket by giving it another [`Transport`]; the one that ships is [`Network`].

mod failure;
mod network;

use std::fmt::Debug;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use url::{Host, Url};

use crate::Error;

pub use network::{Network, NetworkOptions};

/// Sends one request and reads its whole answer.
pub trait Transport: Send + Sync + Debug {
    /// Answers of every status are answers; only what is no answer at all is an error.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::UntrustedCertificate`], or [`Error::Protocol`] when the
    /// answer is no HTTP or larger than the transport's bound.
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, Error>>;
}

/// Whether the URL's host is this machine by its very name: such traffic never leaves it, so it
/// may be plain http and must not be handed to a proxy elsewhere.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Scheme, host and port, as error messages name them.
#[must_use]
pub fn origin_of(url: &Url) -> String {
    url.origin().ascii_serialization()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_decided_by_the_name_alone() {
        for yes in [
            "https://localhost:8443/x",
            "http://127.0.0.1",
            "https://[::1]:1/",
            "https://org.localhost/",
            "https://127.9.9.9/",
        ] {
            assert!(is_loopback(&Url::parse(yes).unwrap()), "{yes}");
        }
        for no in
            ["https://localhost.evil.example/", "https://10.0.0.1/", "https://contoso.crm.dynamics.com/", "data:x"]
        {
            assert!(!is_loopback(&Url::parse(no).unwrap()), "{no}");
        }
    }
}
