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
