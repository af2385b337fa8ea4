//! The transport over real sockets: reqwest with rustls.
//!
//! - The TLS provider (aws-lc-rs) is handed to rustls as a value, never installed process-wide.
//! - Trusted are the platform's authorities and, beside them, those of one PEM file. Verification
//!   cannot be switched off.
//! - Loopback hosts and link-local addresses have a client of their own that knows no proxy; others
//!   follow `HTTPS_PROXY`, `NO_PROXY` and the platform's settings.
//! - Redirects are answers: a token must not follow one to another origin.
//! - No cookies: the affinity cookies of a load balancer would pin every request to one server.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use http::{Request, Response};
use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::Verifier;
use url::Url;

use super::{Transport, failure, is_beside_proxies, origin_of};
use crate::error::{ConfigurationError, Error};

/// Largest file of certificates that is read, in bytes; the whole platform's list is a fifth.
const CA_FILE_LIMIT: u64 = 1 << 20;

/// How the network is used.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// A PEM file of further certificate authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// How long a connection may take to be made, TLS included.
    pub connect_deadline: Duration,
    /// How long a request may take from its start to the last byte of its answer.
    pub total_deadline: Duration,
    /// The largest answer that is read, in bytes.
    pub largest_answer: usize,
    /// What calls, in front of `keyholder/<version>` in the user agent; for programs built on
    /// this library.
    pub caller: Option<String>,
}

impl Default for NetworkOptions {
    /// Connect within 10 s, answer within 120 s (the Web API's own limit), at most 64 MiB.
    fn default() -> Self {
        Self {
            ca_file: None,
            connect_deadline: Duration::from_secs(10),
            total_deadline: Duration::from_secs(120),
            largest_answer: 64 << 20,
            caller: None,
        }
    }
}

/// The real network. Making one reads the CA file; the platform's authorities are loaded with
/// the first request, since most commands fail earlier or talk to one host only.
#[derive(Debug)]
pub struct Network {
    options: NetworkOptions,
    extra_authorities: Vec<CertificateDer<'static>>,
    /// Made with the first request, because loading the platform's authorities takes longer than
    /// all else that a command does before it.
    tls: OnceLock<Result<ClientConfig, String>>,
    direct: OnceLock<Result<reqwest::Client, String>>,
    proxied: OnceLock<Result<reqwest::Client, String>>,
}

impl Network {
    /// A transport with these options.
    ///
    /// # Errors
    /// [`ConfigurationError::File`] when the CA file cannot be read or holds no certificate.
    pub fn new(options: NetworkOptions) -> Result<Self, ConfigurationError> {
        let extra_authorities = options.ca_file.as_deref().map(read_authorities).transpose()?.unwrap_or_default();
        Ok(Self { options, extra_authorities, tls: OnceLock::new(), direct: OnceLock::new(), proxied: OnceLock::new() })
    }

    fn tls(&self) -> Result<ClientConfig, String> {
        let make = || {
            let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
            let verifier = if self.extra_authorities.is_empty() {
                Verifier::new(provider.clone())
            } else {
                Verifier::new_with_extra_roots(self.extra_authorities.iter().cloned(), provider.clone())
            };
            let verifier = verifier.map_err(|error| error.to_string())?;
            let mut config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?
                // The platform's own verifier, not one that verifies less.
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_no_client_auth();
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            Ok(config)
        };
        self.tls.get_or_init(make).clone()
    }

    fn client(&self, url: &Url) -> Result<&reqwest::Client, Error> {
        let is_direct = is_beside_proxies(url);
        let cell = if is_direct { &self.direct } else { &self.proxied };
        let make = || {
            let version = concat!("keyholder/", env!("CARGO_PKG_VERSION"));
            let agent = self.options.caller.as_ref().map_or_else(|| version.to_owned(), |c| format!("{c} {version}"));
            let builder = reqwest::Client::builder()
                .tls_backend_preconfigured(self.tls()?)
                .user_agent(agent)
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(self.options.connect_deadline)
                .timeout(self.options.total_deadline);
            let builder = if is_direct { builder.no_proxy() } else { builder };
            builder.build().map_err(|error| error.to_string())
        };
        cell.get_or_init(make)
            .as_ref()
            .map_err(|problem| ConfigurationError::File(format!("cannot set up TLS: {problem}")).into())
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
        let url = Url::parse(&request.uri().to_string())
            .map_err(|error| Error::Protocol { origin: "the request".to_owned(), found: error.to_string() })?;
        let client = self.client(&url)?;
        let classify = |error: reqwest::Error| failure::classify(&url, &error);
        let request = reqwest::Request::try_from(request).map_err(classify)?;
        let mut answer = client.execute(request).await.map_err(classify)?;

        let mut head = Response::builder().status(answer.status()).version(answer.version());
        if let Some(headers) = head.headers_mut() {
            *headers = std::mem::take(answer.headers_mut());
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(classify)? {
            if body.len().saturating_add(chunk.len()) > self.options.largest_answer {
                return Err(Error::Protocol {
                    origin: origin_of(&url),
                    found: format!("an answer of more than {} bytes", self.options.largest_answer),
                });
            }
            body.extend_from_slice(&chunk);
        }
        head.body(body.freeze()).map_err(|error| Error::Protocol { origin: origin_of(&url), found: error.to_string() })
    }
}

impl Transport for Network {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, Error>> {
        Box::pin(self.exchange(request))
    }
}

fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, ConfigurationError> {
    let text = keyholder_platform::read_bounded(path, CA_FILE_LIMIT)
        .map_err(|error| ConfigurationError::File(error.to_string()))?;
    let unreadable = |problem: String| {
        ConfigurationError::File(format!("the CA file `{}` is not usable: {problem}", path.display()))
    };
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| unreadable("what stands between its BEGIN and END lines is damaged".to_owned()))?;
    if certificates.is_empty() {
        return Err(unreadable("it holds no PEM certificate (`-----BEGIN CERTIFICATE-----`)".to_owned()));
    }
    // Parsed now, so that a bad file is named as such and not as a failed connection.
    let mut roots = rustls::RootCertStore::empty();
    for certificate in &certificates {
        let damaged = |error| unreadable(format!("a certificate in it: {}", failure::of_authority(&error)));
        roots.add(certificate.clone()).map_err(damaged)?;
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_without_certificates_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let options = NetworkOptions { ca_file: Some(path.clone()), ..NetworkOptions::default() };
        for content in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            std::fs::write(&path, content).unwrap();
            let error = Network::new(options.clone()).unwrap_err();
            let said = error.to_string();
            assert!(said.contains("ca.pem") && !said.contains("Encoding") && !said.contains("Error("), "{said}");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(Network::new(options).unwrap_err().to_string().contains("ca.pem"));
    }

    /// Needs a socket, but no server: nothing listens on a port that was just given back.
    #[tokio::test]
    async fn a_refused_connection_is_said_to_be_one() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let network = Network::new(NetworkOptions::default()).unwrap();
        let request = Request::get(format!("http://127.0.0.1:{port}/")).body(Bytes::new()).unwrap();
        let error = network.send(request).await.unwrap_err();
        assert_eq!(error.to_string(), format!("could not reach http://127.0.0.1:{port}: the connection was refused"));
        assert_eq!(error.hints(), ["start the local org with `keyholder org start`"]);
    }
}
