//! The smallest client that keeps a TLS connection alive, so that what is measured is the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::try_join_all;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use keyholder_foundation::{MonotonicClock, SystemClock};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::Failure;

/// A kept-alive connection.
pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// How to reach a server.
#[derive(Clone)]
pub(crate) struct Target {
    address: SocketAddr,
    /// None for a server without encryption.
    tls: Option<Arc<rustls::ClientConfig>>,
}

impl Target {
    /// A server at `port` of this machine whose certificate the authority in `ca_pem` vouches for.
    pub(crate) fn new(port: u16, ca_pem: &str) -> Result<Self, Failure> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes())?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: Some(Arc::new(tls)), ..Self::plain(port) })
    }

    /// A server at `port` of this machine that does not encrypt.
    pub(crate) fn plain(port: u16) -> Self {
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), tls: None }
    }

    /// A connection, ready for requests.
    pub(crate) async fn connect(&self) -> Result<Sender, Failure> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            return Ok(sender);
        };
        let name = ServerName::try_from("localhost")?;
        let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Several connections.
    pub(crate) async fn connect_all(&self, connections: usize) -> Result<Vec<Sender>, Failure> {
        try_join_all((0..connections).map(|_| self.connect())).await
    }

    /// Sends `request` over each connection for `time`, one under way on each, and gives the times
    /// to each answer in milliseconds. Any status but 200 is a failure.
    pub(crate) async fn load(
        &self,
        senders: &mut [Sender],
        request: &Request<Full<Bytes>>,
        time: Duration,
    ) -> Result<Vec<f64>, Failure> {
        let clock = SystemClock::new();
        let each = senders.iter_mut().map(async |sender| {
            let mut times = Vec::new();
            while clock.elapsed() < time {
                let from = clock.elapsed();
                send(sender, request.clone()).await?;
                times.push((clock.elapsed() - from).as_secs_f64() * 1e3);
            }
            Ok::<_, Failure>(times)
        });
        Ok(try_join_all(each).await?.concat())
    }
}

/// One request; its body, when the answer is a success.
pub(crate) async fn send(sender: &mut Sender, request: Request<Full<Bytes>>) -> Result<Bytes, Failure> {
    sender.ready().await?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if !status.is_success() {
        return Err(format!("answered with {status}: {}", String::from_utf8_lossy(&body)).into());
    }
    Ok(body)
}
