//! The token service's private keys, as files of the data folder.

use keyholder_foundation::Secret;
use keyholder_identity::{SigningKey, keys};

use super::WorldOptions;
use crate::error::StartError;
use crate::folder::{DataFolder, FolderError, World};

const FIRST_KEY: &str = "signing-1.pem";

/// The token service's key: read, or made for a new world. A completed world whose key is gone is
/// damaged: tokens that are out would suddenly be worthless, and nobody would know why.
pub(super) async fn signing_key(
    folder: &DataFolder,
    world: &World,
    options: &WorldOptions,
) -> Result<SigningKey, StartError> {
    let pem = match folder.read(FIRST_KEY) {
        Ok(text) => Secret::new(text),
        Err(FolderError::File(file)) if file.is_missing() && !world.complete => {
            let pem = match &options.signing_key {
                Some(pem) => pem.clone(),
                None => {
                    tokio::task::spawn_blocking(keys::generate_key_pem).await.map_err(|_| StartError::Interrupted)??
                }
            };
            folder.write(FIRST_KEY, pem.expose().as_bytes())?;
            pem
        }
        Err(error) => return Err(error.into()),
    };
    SigningKey::from_pem(&pem, None)
        .map_err(|_| folder.damaged(FIRST_KEY, "it is no RSA private key in PEM form".to_owned()).into())
}
