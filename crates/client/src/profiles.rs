//! Profiles: orgs and callers under names of one's own, kept between runs.
//!
//! They stand in one JSON file in the folder that the kept sign-ins are in, mode 0600 in a folder of mode 0700. It is
//! replaced whole or not at all, by one writer at a time; readers need no lock. A profile holds no secret: it names the
//! file that does. There is no keyring, for the reasons that [`crate::sign_ins`] gives.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use keyholder_foundation::{Secret, Sleep};
use keyholder_platform::{EnvFile, FolderLock, LockError, create_private_folder, read_bounded, write_private};
use serde::{Deserialize, Serialize};

use crate::connection::{Given, Origin, Settings, resolve_profile_file};
use crate::error::ConfigurationError;

/// The file's name in its folder.
const FILE: &str = "profiles.json";
const LOCK: &str = "profiles.lock";
/// The shape of the file that is written and read here.
const VERSION: u64 = 1;
/// Most profiles that are kept.
const MOST: usize = 1_000;
/// The longest name, in characters.
const LONGEST_NAME: usize = 40;
/// Largest file that is read, in bytes.
const LIMIT: u64 = 1 << 20;
/// How often, and how long each time, another writer is waited for.
const TRIES: u32 = 50;
const WAIT: Duration = Duration::from_millis(100);

/// An org and a caller. Paths are absolute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Profile {
    /// The org's URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The tenant's id or domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The token service that may be given the credential beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// A PEM file of certificate authorities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// An environment file, for what does not stand in the profile itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub env_file: Option<String>,
    /// The client id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The file that holds the client secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret_file: Option<String>,
    /// The file with a certificate and its key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_file: Option<String>,
    /// The file with an outside issuer's token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub federated_token_file: Option<String>,
    /// The pipeline that hands out such tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub federated: Option<String>,
    /// That a managed identity is meant.
    #[serde(skip_serializing_if = "is_false")]
    pub managed_identity: bool,
    /// A person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The file that holds that person's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<String>,
    /// That the Azure CLI is meant.
    #[serde(skip_serializing_if = "is_false")]
    pub azure_cli: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What stands in the files that a profile names; nothing where it names none, or where nobody needs it.
#[derive(Debug, Clone, Default)]
pub struct ProfileFiles {
    /// What [`Profile::client_secret_file`] holds.
    pub client_secret: Option<Secret>,
    /// What [`Profile::password_file`] holds.
    pub password: Option<Secret>,
    /// What [`Profile::env_file`] holds.
    pub env_file: Option<EnvFile>,
}

impl Profile {
    /// The profile as settings, to be put below those of other places ([`Settings::over`]).
    #[must_use]
    pub fn settings(&self, name: &str, files: &ProfileFiles) -> Settings {
        let origin = |setting: &'static str| Origin::Profile { profile: name.to_owned(), setting };
        let text = |value: &Option<String>, setting: &'static str| {
            value.as_ref().map(|value| Given { value: value.clone(), origin: origin(setting) })
        };
        let secret = |value: &Option<Secret>, setting: &'static str| {
            value.as_ref().map(|value| Given { value: value.clone(), origin: origin(setting) })
        };
        let identity = self.managed_identity.then(|| "true".to_owned());
        let own = Settings {
            url: text(&self.url, "url"),
            tenant: text(&self.tenant, "tenant"),
            authority: text(&self.authority, "authority"),
            ca_file: text(&self.ca_file, "caFile"),
            client_id: text(&self.client_id, "clientId"),
            client_secret: secret(&files.client_secret, "clientSecretFile"),
            certificate_file: text(&self.certificate_file, "certificateFile"),
            federated_token_file: text(&self.federated_token_file, "federatedTokenFile"),
            federated: text(&self.federated, "federated"),
            managed_identity: text(&identity, "managedIdentity"),
            username: text(&self.username, "username"),
            password: secret(&files.password, "passwordFile"),
            azure_cli: self.azure_cli.then(|| Given { value: (), origin: origin("azureCli") }),
            ..Settings::default()
        };
        match &files.env_file {
            Some(file) => own.over(resolve_profile_file(name, file)),
            None => own,
        }
    }
}

/// Whether a profile may be called so: at most 40 letters, digits, `-`, `_` and `.`, a letter or digit first.
#[must_use]
pub fn is_profile_name(name: &str) -> bool {
    name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character))
}

/// All profiles, by name, and the one in use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kept {
    version: u64,
    /// The one that counts where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_use: Option<String>,
    /// All of them.
    pub profiles: BTreeMap<String, Profile>,
}

/// The profiles of one folder.
#[derive(Debug, Clone)]
pub struct Profiles {
    folder: PathBuf,
}

impl Profiles {
    /// Those in `folder`, which need not exist yet ([`keyholder_platform::state_folder`]).
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// All of them; none where there is no file.
    ///
    /// # Errors
    /// [`ConfigurationError::File`] when the file is damaged, too large or of a newer version.
    pub fn read(&self) -> Result<Kept, ConfigurationError> {
        let path = self.file();
        let text = match read_bounded(&path, LIMIT) {
            Ok(text) => text,
            Err(error) if error.is_missing() => return Ok(Kept { version: VERSION, ..Kept::default() }),
            Err(error) => return Err(ConfigurationError::File(error.to_string())),
        };
        let damaged = |what: String| {
            ConfigurationError::File(format!(
                "the profiles in `{}` are damaged ({what}): mend that file, or delete it and add them again",
                path.display()
            ))
        };
        // serde's message may repeat what stands there, which somebody may have taken for the place of a secret.
        let kept: Kept = serde_json::from_str(&text)
            .map_err(|error| damaged(format!("line {} column {}", error.line(), error.column())))?;
        if kept.version != VERSION {
            return Err(damaged(format!("their version is {}, not {VERSION}", kept.version)));
        }
        if let Some(name) = kept.profiles.keys().find(|name| !is_profile_name(name)) {
            return Err(damaged(format!("`{}` is no name of a profile", name.escape_debug())));
        }
        Ok(kept)
    }

    /// The profile of that name.
    ///
    /// # Errors
    /// As [`Profiles::read`]; [`ConfigurationError::Invalid`] where there is none, from `origin`.
    pub fn find(&self, name: &str, origin: &str) -> Result<Profile, ConfigurationError> {
        let mut kept = self.read()?;
        kept.profiles.remove(name).ok_or_else(|| ConfigurationError::Invalid {
            what: "the profile",
            problem: format!("`{}` is not among those in `{}`", name.escape_debug(), self.file().display()),
            origin: origin.to_owned(),
        })
    }

    /// Changes them: reads, and writes what `change` makes of it unless it fails. One writer at a time; another one is
    /// waited for.
    ///
    /// # Errors
    /// What `change` came to; [`ConfigurationError::File`] when the profiles cannot be read, written or locked, and for
    /// more than 1,000 of them.
    pub async fn change<T, E: From<ConfigurationError>>(
        &self,
        sleep: &dyn Sleep,
        change: impl FnOnce(&mut Kept) -> Result<T, E>,
    ) -> Result<T, E> {
        let file = |error: &dyn std::fmt::Display| ConfigurationError::File(error.to_string());
        create_private_folder(&self.folder).map_err(|error| file(&error))?;
        let mut tries = 1;
        let _lock = loop {
            match FolderLock::take(&self.folder, LOCK) {
                Err(LockError::Held { .. }) if tries < TRIES => sleep.sleep(WAIT).await,
                outcome => break outcome.map_err(|error| file(&error))?,
            }
            tries += 1;
        };
        let mut kept = self.read()?;
        let given = change(&mut kept)?;
        if kept.profiles.len() > MOST {
            return Err(file(&format!("more than {MOST} profiles are not kept: remove some")).into());
        }
        let text = serde_json::to_string_pretty(&kept).map_err(|error| file(&error))?;
        write_private(&self.file(), format!("{text}\n").as_bytes()).map_err(|error| file(&error))?;
        Ok(given)
    }
}

#[cfg(test)]
mod tests;
