//! The smallest client that keeps a TLS connection alive, so that what is measured is the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
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

/// How to reach a server.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    tls: Arc<rustls::ClientConfig>,
}

impl Target {
    /// A server at `address` whose certificate the authority in `ca_pem` vouches for.
    pub(crate) fn new(address: SocketAddr, ca_pem: &str) -> Result<Self, Failure> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes())?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { address, tls: Arc::new(tls) })
    }

    /// A connection, ready for requests.
    pub(crate) async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from("localhost")?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Sends `request` over `connections` connections for `time`, one under way on each, and
    /// gives the times to each answer in milliseconds. Any status but 200 is a failure.
    pub(crate) async fn load(
        &self,
        request: &Request<Full<Bytes>>,
        connections: usize,
        time: Duration,
    ) -> Result<Vec<f64>, Failure> {
        let clock = SystemClock::new();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..connections {
            let (target, request) = (self.clone(), request.clone());
            tasks.spawn(async move {
                let mut sender = target.connect().await?;
                let mut times = Vec::new();
                while clock.elapsed() < time {
                    let from = clock.elapsed();
                    send(&mut sender, request.clone()).await?;
                    times.push((clock.elapsed() - from).as_secs_f64() * 1e3);
                }
                Ok::<_, Failure>(times)
            });
        }
        let mut times = Vec::new();
        while let Some(done) = tasks.join_next().await {
            times.extend(done??);
        }
        Ok(times)
    }
}

/// One request; its body, when the answer is 200.
pub(crate) async fn send(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Bytes, Failure> {
    sender.ready().await?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    if status != 200 {
        return Err(format!("answered with {status}: {}", String::from_utf8_lossy(&body)).into());
    }
    Ok(body)
}
