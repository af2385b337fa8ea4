//! The token service's private keys, as files of the data folder: `signing-N.pem`, the newest signs. In a
//! shared world they are rows of its database, sealed.
//! Beside the key stands its certificate; a key that an earlier version made without one gets it
//! when it is read.

use keyholder_foundation::Secret;
use keyholder_identity::SigningKey;
use keyholder_identity::keys::{self, KeyError};

use super::shared::{Known, Shared};
use super::{OpenWorld, State, WorldOptions};
use crate::error::{Refused, StartError};
use crate::folder::{DataFolder, World};

/// The keys, the one that signs first. A new world gets its first one; a completed world that has
/// none is damaged: tokens that are out would suddenly be worthless, and nobody would know why.
pub(super) async fn read_or_make(
    folder: &DataFolder,
    world: &World,
    options: &WorldOptions,
) -> Result<Vec<SigningKey>, StartError> {
    let mut numbers = numbers(folder);
    if numbers.is_empty() {
        if world.complete {
            return Err(folder.damaged(&name(1), "it is missing".to_owned()).into());
        }
        let pem = match &options.signing_key {
            Some(pem) => keys::certified(pem)?.unwrap_or_else(|| pem.clone()),
            None => generate().await?,
        };
        folder.write(&name(1), pem.expose().as_bytes())?;
        numbers.push(1);
    }
    numbers.into_iter().map(|number| read(folder, number)).collect()
}

/// The keys of a shared world, the one that signs first, and the epoch that they are of. A new world
/// gets its first one.
pub(super) async fn shared(
    shared: &Shared,
    mut known: Known,
    options: &WorldOptions,
) -> Result<(Vec<SigningKey>, i64), StartError> {
    let mut pems = shared.keys(&known)?;
    if pems.is_empty() {
        if known.record.complete {
            return Err(shared.trouble(&"its signing keys are missing"));
        }
        let pem = match &options.signing_key {
            Some(pem) => keys::certified(pem)?.unwrap_or_else(|| pem.clone()),
            None => generate().await?,
        };
        known.epoch = shared.add_key(&known.record, known.epoch, 1, &pem, options.random.as_ref()).await?;
        pems.push((1, pem));
    }
    let key = |(number, pem): &(i64, Secret)| {
        SigningKey::from_pem(pem, None).map_err(|why| shared.trouble(&format!("signing key {number}: {why}")))
    };
    Ok((pems.iter().map(key).collect::<Result<_, _>>()?, known.epoch))
}

impl OpenWorld {
    /// Makes a new signing key, which signs from now on; tokens that the old one signed stay good
    /// until they expire. Gives the new key's id.
    ///
    /// # Errors
    /// [`StartError`] when the key cannot be made or kept.
    pub async fn rotate_keys(&self) -> Result<String, StartError> {
        // The file first: a key that has signed and is lost would make its tokens worthless.
        let pem = generate().await?;
        let mut state = self.state.write().await;
        if let Some(shared) = &self.shared {
            return self.rotate_shared(shared, &mut state, &pem).await;
        }
        let number = numbers(&self.folder).first().map_or(1, |newest| newest + 1);
        self.folder.write(&name(number), pem.expose().as_bytes())?;
        let key = read(&self.folder, number)?;
        let id = key.id().to_owned();
        if let Err(error) = state.identity.rotate_keys(key).await {
            let _ = std::fs::remove_file(self.folder.file(&name(number)));
            return Err(error.into());
        }
        // Files of keys that are not published any more say nothing to anybody.
        let published = state.identity.published_keys();
        for number in numbers(&self.folder) {
            let known = read(&self.folder, number).is_ok_and(|key| published.iter().any(|(id, _)| id == key.id()));
            if !known {
                let _ = std::fs::remove_file(self.folder.file(&name(number)));
            }
        }
        Ok(id)
    }
}

impl OpenWorld {
    /// The same where the keys are in a database: the other nodes learn of the new one before it has
    /// signed anything.
    async fn rotate_shared(&self, shared: &Shared, state: &mut State, pem: &Secret) -> Result<String, StartError> {
        let damaged = |error: KeyError| shared.trouble(&error);
        let known = shared.read().await?;
        if known.epoch != state.epoch {
            return Err(Refused::ChangedElsewhere.into());
        }
        let kept = shared.keys(&known)?;
        let number = kept.first().map_or(1, |(newest, _)| newest + 1);
        let key = SigningKey::from_pem(pem, None).map_err(damaged)?;
        let id = key.id().to_owned();
        let random = self.options.random.as_ref();
        state.epoch = shared.add_key(&state.record, state.epoch, number, pem, random).await?;
        state.identity.rotate_keys(key).await?;
        // Keys that are not published any more say nothing to anybody.
        let published = state.identity.published_keys();
        let is_known = |pem: &Secret| {
            SigningKey::from_pem(pem, None).is_ok_and(|key| published.iter().any(|(id, _)| id == key.id()))
        };
        let over = kept.into_iter().filter(|(_, pem)| !is_known(pem)).map(|(number, _)| number).collect();
        shared.remove_keys(over).await?;
        Ok(id)
    }
}

async fn generate() -> Result<Secret, StartError> {
    Ok(tokio::task::spawn_blocking(keys::generate_key_pem).await.map_err(|_| StartError::Interrupted)??)
}

fn read(folder: &DataFolder, number: u32) -> Result<SigningKey, StartError> {
    let name = name(number);
    let mut pem = Secret::new(folder.read(&name)?);
    let damaged = |error: KeyError| folder.damaged(&name, error.to_string());
    if let Some(certified) = keys::certified(&pem).map_err(damaged)? {
        folder.write(&name, certified.expose().as_bytes())?;
        pem = certified;
    }
    Ok(SigningKey::from_pem(&pem, None).map_err(damaged)?)
}

fn name(number: u32) -> String {
    format!("signing-{number}.pem")
}

/// The numbers of the key files, the newest first.
fn numbers(folder: &DataFolder) -> Vec<u32> {
    let files = std::fs::read_dir(folder.path()).into_iter().flatten().flatten();
    let mut numbers: Vec<u32> = files
        .filter_map(|file| file.file_name().to_str()?.strip_prefix("signing-")?.strip_suffix(".pem")?.parse().ok())
        .collect();
    numbers.sort_unstable_by(|one, other| other.cmp(one));
    numbers
}
