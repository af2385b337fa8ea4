//! The documents of outside issuers on this machine, by plain HTTP.

use keyholder_identity::{DocumentFuture, IssuerDocuments};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Asks the issuers on loopback.
#[derive(Debug)]
pub(crate) struct Loopback;

impl IssuerDocuments for Loopback {
    fn fetch<'a>(&'a self, url: &'a str) -> DocumentFuture<'a> {
        Box::pin(async move { get(url).await.map_err(|error| format!("{url}: {error}")) })
    }

    fn allows(&self, _issuer: &str) -> bool {
        false
    }

    fn keys(&self, _issuer: &str) -> Option<Vec<u8>> {
        None
    }
}

async fn get(url: &str) -> std::io::Result<Vec<u8>> {
    let (host, path) = url.trim_start_matches("http://").split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(format!("GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    Ok(answer.split_off(end + 4))
}
