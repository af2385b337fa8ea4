//! A server that answers every connection with the same bytes, over TLS or in the clear.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;

/// Where to reach it, and the file of the certificate to trust.
pub(crate) struct Server {
    pub(crate) port: u16,
    pub(crate) ca_file: PathBuf,
    _folder: tempfile::TempDir,
}

/// Starts one whose certificate is for `names`; without names, it speaks in the clear. It reads a
/// request's head, writes `answer`, and closes.
pub(crate) async fn serve(names: &[&str], answer: impl Into<Vec<u8>>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let acceptor = (!names.is_empty()).then(|| {
        let made = rcgen::generate_simple_self_signed(names).unwrap();
        std::fs::write(&ca_file, made.cert.pem()).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    });
    let answer: Arc<[u8]> = answer.into().into();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            tokio::spawn(async move {
                let Some(acceptor) = acceptor else { return exchange(stream, &answer).await };
                // Without a handshake, the client did not like the certificate.
                if let Ok(stream) = acceptor.accept(stream).await {
                    exchange(stream, &answer).await;
                }
            });
        }
    });
    Server { port, ca_file, _folder: folder }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8]) {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    // A server without TLS answers a TLS greeting (record type 22) at once, since it is no HTTP.
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.first() != Some(&22) {
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => head.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    let _ = stream.write_all(answer).await;
    let _ = stream.shutdown().await;
}
