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

/// Whether the URL's host is this machine or its own link: a proxy elsewhere would reach another one's. The metadata
/// service of a virtual machine, which hands out tokens, is at such an address (169.254.169.254).
pub(crate) fn is_beside_proxies(url: &Url) -> bool {
    let is_link_local = match url.host() {
        Some(Host::Ipv4(address)) => address.is_link_local(),
        Some(Host::Ipv6(address)) => match address.to_ipv4_mapped() {
            Some(address) => address.is_link_local(),
            None => address.is_unicast_link_local(),
        },
        _ => false,
    };
    is_link_local || is_loopback(url)
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

    #[test]
    fn this_machine_and_its_own_link_are_beside_proxies() {
        for yes in [
            "http://169.254.169.254/metadata",
            "http://169.254.0.1:8081/",
            "http://[fe80::1]/",
            "http://[febf::1]/",
            "http://[::ffff:169.254.169.254]/",
            "https://localhost:8443/",
        ] {
            let url = Url::parse(yes).unwrap();
            assert!(is_beside_proxies(&url), "{yes}");
            assert_eq!(is_loopback(&url), yes.contains("localhost"), "plain http with a secret is for loopback: {yes}");
        }
        for no in ["http://169.253.1.1/", "http://[fec0::1]/", "http://10.0.0.1/", "http://169.254.169.254.example/"] {
            assert!(!is_beside_proxies(&Url::parse(no).unwrap()), "{no}");
        }
    }
}
