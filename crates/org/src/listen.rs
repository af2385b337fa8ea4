//! Where the local org can be reached: addresses, ports, and the origin that follows from them.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;

/// The port when none is asked for.
pub const DEFAULT_PORT: u16 = 8443;

/// Where to listen.
#[derive(Debug, Clone, Default)]
pub struct Listen {
    /// The https address of the origin; both loopback addresses on port 8443, or on `last`, when absent. Port
    /// 0 takes a free one.
    pub address: Option<SocketAddr>,
    /// Further https addresses, for clients that drop the port and ask 443.
    pub also: Vec<SocketAddr>,
    /// A plain http address beside it; loopback only.
    pub http: Option<SocketAddr>,
    /// The port on both loopback addresses when there is no `address`: where the org answered last.
    pub last: Option<u16>,
    /// The host name of the origin; `localhost` when absent. Required when an address is not
    /// loopback.
    pub host: Option<String>,
}

/// What wants an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Nothing said otherwise.
    Default,
    /// Nothing said otherwise, and the org of this folder answered there before.
    LastTime,
    /// A flag.
    Flag(&'static str),
    /// An org beyond the first.
    FurtherOrg,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("taken when `--listen` names no other"),
            Self::LastTime => f.write_str("where the org of this folder answered last"),
            Self::Flag(flag) => write!(f, "asked for by {flag}"),
            Self::FurtherOrg => f.write_str("asked for by a further org"),
        }
    }
}

/// Why the org cannot listen as asked.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another program has the port.
    #[error("port {port} on {address} is in use by another program ({wanted})")]
    Taken {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
        /// What wants it.
        wanted: Wanted,
    },
    /// The system does not let this address be bound.
    #[error("cannot listen on {address} ({wanted}): {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What wants it.
        wanted: Wanted,
        /// What the system said.
        source: io::Error,
    },
    /// An address that others can reach needs a name for the certificate and the URLs.
    #[error("{address} can be reached from other machines, so the org needs the name they call it by: add --host NAME")]
    HostMissing {
        /// The address.
        address: SocketAddr,
    },
    /// Plain http would show tokens to the network.
    #[error("{address} can be reached from other machines; plain http is for loopback only, such as 127.0.0.1:8080")]
    PlainHttpBeyondLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// A host name that cannot stand in a URL or a certificate.
    #[error("`{host}` is not a host name: use letters, digits, dots and hyphens, without a scheme or port")]
    BadHost {
        /// What was given.
        host: String,
    },
}

/// Bound sockets and what they make up.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) https: Vec<TcpListener>,
    pub(crate) http: Vec<TcpListener>,
    pub(crate) origin: String,
    /// Where the origin listens; further orgs do so too, on ports of their own.
    pub(crate) address: IpAddr,
    /// Where other commands on this machine reach the org, whatever name it goes by.
    pub(crate) control: String,
    /// The host beyond `localhost` that the certificate must name.
    pub(crate) host: Option<String>,
    /// Loopback addresses that this machine does not have, which is no fault.
    pub(crate) absent: Vec<IpAddr>,
}

const LISTEN: Wanted = Wanted::Flag("--listen");
const ALSO: Wanted = Wanted::Flag("--also-listen");
const HTTP: Wanted = Wanted::Flag("--http");
/// How often another free port is looked for when the chosen one is taken on the other loopback
/// address.
const FREE_PORT_TRIES: u32 = 16;

impl Listen {
    /// Checks what can be checked before anything is bound.
    ///
    /// # Errors
    /// [`ListenError`] of the kinds that name a bad wish.
    pub fn check(&self) -> Result<(), ListenError> {
        if let Some(host) = &self.host {
            let labels_fit = host.len() <= 253
                && host.split('.').all(|label| {
                    !label.is_empty()
                        && label.len() <= 63
                        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                        && !label.starts_with('-')
                        && !label.ends_with('-')
                });
            if !labels_fit && host.parse::<Ipv6Addr>().is_err() {
                return Err(ListenError::BadHost { host: host.chars().take(80).collect() });
            }
        }
        if self.host.is_none() {
            let beyond = self.address.iter().chain(&self.also).find(|address| !address.ip().is_loopback());
            if let Some(address) = beyond {
                return Err(ListenError::HostMissing { address: *address });
            }
        }
        match self.http {
            Some(address) if !address.ip().is_loopback() => Err(ListenError::PlainHttpBeyondLoopback { address }),
            _ => Ok(()),
        }
    }

    pub(crate) async fn bind(&self) -> Result<Bound, ListenError> {
        self.check()?;
        let mut absent = Vec::new();
        let mut https = match self.address {
            Some(address) if address.port() != 0 || !address.ip().is_loopback() => vec![bind(address, LISTEN).await?],
            Some(address) => both_loopbacks(address.ip(), 0, LISTEN, &mut absent).await?,
            None => {
                let (port, wanted) = self.last.map_or((DEFAULT_PORT, Wanted::Default), |port| (port, Wanted::LastTime));
                both_loopbacks(IpAddr::V4(Ipv4Addr::LOCALHOST), port, wanted, &mut absent).await?
            }
        };
        let address =
            https.first().and_then(|l| l.local_addr().ok()).map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |a| a.ip());
        let port = https.first().and_then(|l| l.local_addr().ok()).map_or(DEFAULT_PORT, |a| a.port());
        for address in &self.also {
            https.push(bind(*address, ALSO).await?);
        }
        let control = match loopback_of(&https) {
            Some(control) => control,
            // An address that only others reach: the org's own commands still come by loopback.
            None => {
                let further = match both_loopbacks(Ipv4Addr::LOCALHOST.into(), port, LISTEN, &mut Vec::new()).await {
                    Err(ListenError::Taken { .. }) => {
                        both_loopbacks(Ipv4Addr::LOCALHOST.into(), 0, LISTEN, &mut Vec::new()).await?
                    }
                    other => other?,
                };
                https.extend(further);
                loopback_of(&https).unwrap_or(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port))
            }
        };
        let mut http = Vec::new();
        if let Some(address) = self.http {
            http.push(bind(address, HTTP).await?);
        }
        let host = self.host.clone().filter(|host| !host.eq_ignore_ascii_case("localhost")).map(|h| h.to_lowercase());
        let shown = match host.as_deref() {
            None => "localhost".to_owned(),
            Some(host) if host.parse::<Ipv6Addr>().is_ok() => format!("[{host}]"),
            Some(host) => host.to_owned(),
        };
        let origin = if port == 443 { format!("https://{shown}") } else { format!("https://{shown}:{port}") };
        let control = format!("https://{control}");
        Ok(Bound { https, http, origin, address, control, host, absent })
    }
}

/// A loopback address that one of the sockets answers on.
fn loopback_of(sockets: &[TcpListener]) -> Option<SocketAddr> {
    let loopback = |address: SocketAddr| match address.ip() {
        ip if ip.is_loopback() => Some(address),
        IpAddr::V4(ip) if ip.is_unspecified() => Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port())),
        IpAddr::V6(ip) if ip.is_unspecified() => Some(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port())),
        _ => None,
    };
    sockets.iter().filter_map(|socket| socket.local_addr().ok()).find_map(loopback)
}

/// Binds a port for a further org on the origin's addresses: the one it had where that is free.
pub(crate) async fn bind_further(address: IpAddr, port: Option<u16>) -> Result<(u16, Vec<TcpListener>), ListenError> {
    let try_port = async |port| {
        if address.is_loopback() {
            both_loopbacks(address, port, Wanted::FurtherOrg, &mut Vec::new()).await
        } else {
            Ok(vec![bind(SocketAddr::new(address, port), Wanted::FurtherOrg).await?])
        }
    };
    let sockets = match port {
        Some(port) => match try_port(port).await {
            Err(ListenError::Taken { .. }) => try_port(0).await?,
            other => other?,
        },
        None => try_port(0).await?,
    };
    let port = sockets.first().and_then(|socket| socket.local_addr().ok()).map_or(0, |address| address.port());
    Ok((port, sockets))
}

/// `localhost` means either loopback address, so both are bound on one port; a machine without
/// IPv6 (or without IPv4) serves the one that it has.
async fn both_loopbacks(
    first: IpAddr,
    port: u16,
    wanted: Wanted,
    absent: &mut Vec<IpAddr>,
) -> Result<Vec<TcpListener>, ListenError> {
    let other = match first {
        IpAddr::V4(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    let mut tries = 0;
    loop {
        let one = bind(SocketAddr::new(first, port), wanted).await?;
        let chosen = one.local_addr().map_or(port, |address| address.port());
        match bind(SocketAddr::new(other, chosen), wanted).await {
            Ok(two) => return Ok(vec![one, two]),
            Err(ListenError::Taken { .. }) if port == 0 && tries < FREE_PORT_TRIES => tries += 1,
            Err(taken @ ListenError::Taken { .. }) => return Err(taken),
            Err(_) => {
                absent.push(other);
                return Ok(vec![one]);
            }
        }
    }
}

async fn bind(address: SocketAddr, wanted: Wanted) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::Taken { address: address.ip(), port: address.port(), wanted },
        _ => ListenError::Bind { address, wanted, source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_beyond_loopback_needs_a_name() {
        let listen = Listen { address: Some(at("0.0.0.0:8443")), ..Listen::default() };
        assert!(matches!(listen.check(), Err(ListenError::HostMissing { .. })));
        let named = Listen { host: Some("build-box".into()), ..listen };
        named.check().unwrap();
        let plain = Listen { http: Some(at("0.0.0.0:8080")), ..named };
        assert!(matches!(plain.check(), Err(ListenError::PlainHttpBeyondLoopback { .. })));
    }

    #[test]
    fn hosts_are_names_not_urls() {
        for bad in ["https://box", "box:8443", "", "-box", "a b", "box/../x"] {
            let listen = Listen { host: Some(bad.into()), ..Listen::default() };
            assert!(matches!(listen.check(), Err(ListenError::BadHost { .. })), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_taken_port_names_the_port_and_the_flag() {
        let holder = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = holder.local_addr().unwrap();
        let error = Listen { address: Some(address), ..Listen::default() }.bind().await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&address.port().to_string()) && text.contains("--listen"), "{text}");
    }

    #[tokio::test]
    async fn the_last_port_is_taken_again_and_named_when_somebody_else_has_it() {
        let first = Listen { address: Some(at("127.0.0.1:0")), ..Listen::default() }.bind().await.unwrap();
        let port = first.https[0].local_addr().unwrap().port();
        let again = Listen { last: Some(port), ..Listen::default() };
        let error = again.bind().await.unwrap_err().to_string();
        assert!(error.contains(&port.to_string()) && error.contains("answered last"), "{error}");
        drop(first);
        assert_eq!(again.bind().await.unwrap().origin, format!("https://localhost:{port}"));
    }

    #[tokio::test]
    async fn port_zero_takes_one_free_port_for_both_addresses() {
        let bound = Listen { address: Some(at("127.0.0.1:0")), ..Listen::default() }.bind().await.unwrap();
        let ports: Vec<u16> = bound.https.iter().map(|l| l.local_addr().unwrap().port()).collect();
        assert!(ports.iter().all(|port| *port == ports[0] && *port != 0));
        assert_eq!(bound.origin, format!("https://localhost:{}", ports[0]));
        assert_eq!(bound.control, format!("https://127.0.0.1:{}", ports[0]));
    }
}
