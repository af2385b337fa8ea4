//! oidc-provider, a token service for Node that many run, as a process of its own.

use std::path::Path;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::Failure;
use crate::http_client::Target;
use crate::org_process::form;
use crate::server::{Server, Started};

/// Starts it from the folder in which it is installed; or says what it takes to have it there.
pub(crate) async fn start(folder: &Path) -> Result<Result<Server, String>, Failure> {
    if !folder.join("node_modules/oidc-provider").is_dir() {
        let folder = folder.display();
        return Ok(Err(format!("oidc-provider is not installed: `npm --prefix {folder} install`")));
    }
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let certificate = rcgen::CertificateParams::new(["localhost".to_owned()])?.self_signed(&key)?;
    let files = tempfile::tempdir()?;
    let (certificate_file, key_file) = (files.path().join("certificate.pem"), files.path().join("key.pem"));
    std::fs::write(&certificate_file, certificate.pem())?;
    std::fs::write(&key_file, key.serialize_pem())?;
    // It has read the files by the time that it says it serves.
    let arguments = [folder.join("server.js"), certificate_file, key_file];
    let started = Started::new(Path::new("node"), &arguments, &[]).await?;
    let target = Target::new(started.port()?, &certificate.pem())?;
    Ok(Ok(Server::new(started, target)))
}

/// A token request by secret, for a JWT.
pub(crate) fn token_request() -> Request<Full<Bytes>> {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", "orders-sync"),
        ("client_secret", "a-secret-of-forty-characters-as-entra-has"),
        ("resource", "https://localhost/api"),
        ("scope", "all"),
    ];
    form("/token", fields.into_iter())
}
