//! A token in a file, as Kubernetes and others mount it; read again for each sign-in, because
//! whoever writes it renews it there.

use std::path::{Path, PathBuf};

use futures::future::BoxFuture;
use keyholder_foundation::Secret;

use super::{TokenSource, checked, failed};
use crate::error::Error;
use crate::wire::Http;

/// Largest file that is read, in bytes.
const LIMIT: u64 = keyholder_entra::jws::MAX_LENGTH as u64;

/// A file with a token and nothing else.
///
/// In Kubernetes with workload identity, the cluster says where the file is and who the application is:
///
/// ```no_run
/// # fn example() -> Option<keyholder_client::FederatedToken> {
/// use std::sync::Arc;
/// use keyholder_client::FederatedToken;
/// use keyholder_client::connection::names::azure;
/// use keyholder_client::credential::federated::TokenFile;
///
/// let variable = |name: &str| std::env::var(name).ok();
/// let client_id = variable(azure::CLIENT_ID)?.parse().ok()?;
/// Some(FederatedToken::new(client_id, Arc::new(TokenFile::new(variable(azure::FEDERATED_TOKEN_FILE)?))))
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct TokenFile {
    path: PathBuf,
}

impl TokenFile {
    /// The file at `path`.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().to_path_buf() }
    }
}

impl TokenSource for TokenFile {
    fn token<'a>(&'a self, _audience: &'a str, _http: &'a Http) -> BoxFuture<'a, Result<Secret, Error>> {
        Box::pin(async move {
            let from = format!("the file `{}`", self.path.display());
            let text = keyholder_platform::read_bounded(&self.path, LIMIT);
            let text = text.map_err(|error| failed(from.clone(), error.to_string()))?;
            checked(&from, Secret::new(text.trim()))
        })
    }
}
