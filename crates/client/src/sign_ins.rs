//! The sign-ins of people that are kept between runs: what `keyholder login` leaves, and every
//! later command uses.
//!
//! They stand in one JSON file in a folder of the user's own, mode 0600 in a folder of mode 0700. It
//! is replaced whole or not at all, by one writer at a time; readers need no lock. A sign-in is found
//! by its authority, tenant, client and person, and its refresh token goes to that authority alone.
//!
//! There is no keyring: the crates for it bring D-Bus or a system library on Linux, and have nothing
//! to talk to on a server. The Azure CLI keeps its own tokens in a file likewise.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use keyholder_foundation::{ClientId, Secret, Timestamp, WallClock};
use keyholder_platform::{FolderLock, LockError, create_private_folder, is_private, read_bounded, write_private};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::authority::Authority;
use crate::credential::{AzureCli, Credential, KeepRefreshToken, RefreshToken};
use crate::error::{Error, SignInError};
use crate::token::AccessToken;
use crate::transport::origin_of;
use crate::wire::Http;

/// The file's name in its folder.
const FILE: &str = "sign-ins.json";
const LOCK: &str = "sign-ins.lock";
/// The shape of the file that is written and read here.
const VERSION: u64 = 1;
/// Most sign-ins that are kept; the oldest goes first.
const MOST: usize = 64;
/// Largest file that is read, in bytes.
const LIMIT: u64 = 1 << 20;
/// How often, and how long each time, another writer is waited for.
const TRIES: u32 = 50;
const WAIT: Duration = Duration::from_millis(100);
/// A refresh token that was kept longer ago is replaced by a newer one: their 90 days begin anew.
const OLD: Duration = Duration::from_secs(86_400);

/// What a sign-in left.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Left {
    /// A refresh token.
    RefreshToken(Secret),
    /// The word that the Azure CLI has it.
    AzureCli,
}

/// A person's sign-in.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeptSignIn {
    /// The token service's origin.
    pub authority: String,
    /// The tenant's id, or its domain where the id was not told.
    pub tenant: String,
    /// The tenant as it was named when signing in.
    pub tenant_as: String,
    /// The public client.
    pub client_id: ClientId,
    /// The person; empty where the Azure CLI knows.
    pub username: String,
    /// When it was kept, in milliseconds since 1970, by the service's clock.
    pub kept_at: i64,
    /// What it left.
    pub left: Left,
}

impl KeptSignIn {
    fn is_at(&self, authority: &Authority) -> bool {
        let tenant = authority.tenant();
        self.authority == origin_of(authority.login())
            && (self.tenant.eq_ignore_ascii_case(tenant) || self.tenant_as.eq_ignore_ascii_case(tenant))
    }

    fn is_of(&self, wanted: &Wanted) -> bool {
        wanted.client_id.is_none_or(|id| id == self.client_id)
            && wanted.username.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(&self.username))
    }

    /// Whether both are the same person's sign-in, so that only the later one is kept.
    fn replaces(&self, other: &Self) -> bool {
        (&self.authority, &self.tenant, self.client_id) == (&other.authority, &other.tenant, other.client_id)
            && self.username.eq_ignore_ascii_case(&other.username)
    }

    fn to_json(&self) -> Value {
        let left = match &self.left {
            Left::RefreshToken(token) => json!({"refreshToken": token.expose()}),
            Left::AzureCli => json!("azureCli"),
        };
        json!({
            "authority": self.authority,
            "tenant": self.tenant,
            "tenantAs": self.tenant_as,
            "clientId": self.client_id,
            "username": self.username,
            "keptAt": self.kept_at,
            "left": left,
        })
    }
}

/// Which of the kept sign-ins is meant, where there are several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The person.
    pub username: Option<String>,
    /// The public client.
    pub client_id: Option<ClientId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Content {
    version: u64,
    sign_ins: Vec<KeptSignIn>,
}

/// The kept sign-ins of one folder.
///
/// ```no_run
/// # fn example() -> Result<(), keyholder_client::SignInError> {
/// use keyholder_client::sign_ins::SignIns;
/// for sign_in in SignIns::in_folder("/home/ada/.local/state/keyholder").list()? {
///     println!("{} at {}", sign_in.username, sign_in.tenant_as);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SignIns {
    folder: PathBuf,
}

impl SignIns {
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

    /// All of them, the latest first.
    ///
    /// # Errors
    /// [`SignInError::Kept`] when the file is damaged, too large, of a newer version, or readable by
    /// others: then whoever read it could sign in, and it is not used as if nothing had happened.
    pub fn list(&self) -> Result<Vec<KeptSignIn>, SignInError> {
        let path = self.file();
        let kept = |text: String| SignInError::Kept(text);
        let text = match read_bounded(&path, LIMIT) {
            Ok(text) => Secret::new(text),
            Err(error) if error.is_missing() => return Ok(Vec::new()),
            Err(error) => return Err(kept(error.to_string())),
        };
        if !is_private(&path).map_err(|error| kept(error.to_string()))? {
            return Err(kept(format!(
                "others can read the kept sign-ins in `{0}`: delete that file and sign in again, or `chmod 600 {0}` if nobody has",
                path.display()
            )));
        }
        // Neither serde's message nor the text is repeated: it has tokens in it.
        let damaged = |what: String| {
            kept(format!(
                "the kept sign-ins in `{}` are damaged ({what}): delete that file and sign in again",
                path.display()
            ))
        };
        let content: Content = serde_json::from_str(text.expose())
            .map_err(|error| damaged(format!("line {} column {}", error.line(), error.column())))?;
        if content.version != VERSION {
            return Err(damaged(format!("its version is {}, not {VERSION}", content.version)));
        }
        let mut all = content.sign_ins;
        all.sort_by_key(|one| std::cmp::Reverse(one.kept_at));
        Ok(all)
    }

    /// The latest sign-in at that authority that is wanted.
    ///
    /// # Errors
    /// As [`SignIns::list`].
    pub fn find(&self, authority: &Authority, wanted: &Wanted) -> Result<Option<KeptSignIn>, SignInError> {
        Ok(self.list()?.into_iter().find(|one| one.is_at(authority) && one.is_of(wanted)))
    }

    /// Keeps a sign-in, in place of an older one of the same person.
    ///
    /// # Errors
    /// [`SignInError::Kept`], when it cannot be written.
    pub async fn keep(&self, sign_in: &KeptSignIn, http: &Http) -> Result<(), SignInError> {
        let _lock = self.lock(http).await?;
        let mut all = self.list()?;
        all.retain(|other| !sign_in.replaces(other));
        all.insert(0, sign_in.clone());
        all.truncate(MOST);
        self.write(&all)
    }

    /// Forgets the sign-ins that `is_meant` says; gives those that are gone.
    ///
    /// # Errors
    /// [`SignInError::Kept`], when they cannot be forgotten.
    pub async fn forget(
        &self,
        is_meant: impl Fn(&KeptSignIn) -> bool,
        http: &Http,
    ) -> Result<Vec<KeptSignIn>, SignInError> {
        if !self.file().exists() {
            return Ok(Vec::new());
        }
        let _lock = self.lock(http).await?;
        let (gone, stay): (Vec<_>, Vec<_>) = self.list()?.into_iter().partition(is_meant);
        if !gone.is_empty() {
            self.write(&stay)?;
        }
        Ok(gone)
    }

    /// Removes the file with everything in it, also one that cannot be read any more.
    ///
    /// # Errors
    /// [`SignInError::Kept`], when the system refuses, or somebody else keeps a sign-in all the while.
    pub async fn forget_all(&self, http: &Http) -> Result<bool, SignInError> {
        if !self.file().exists() {
            return Ok(false);
        }
        // Whoever is keeping a sign-in just now would write the others back.
        let _lock = self.lock(http).await?;
        match std::fs::remove_file(self.file()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(SignInError::Kept(format!("cannot remove `{}`: {error}", self.file().display()))),
        }
    }

    /// A credential that uses the sign-in, and keeps its refresh token fresh.
    #[must_use]
    pub fn credential(&self, sign_in: &KeptSignIn, authority: &Authority, now: Timestamp) -> Arc<dyn Credential> {
        match &sign_in.left {
            Left::AzureCli => Arc::new(AzureCli::new()),
            Left::RefreshToken(token) => {
                let credential = RefreshToken::new(sign_in.client_id, authority, token.clone());
                if now.since(Timestamp::from_millis(sign_in.kept_at)) < OLD {
                    return Arc::new(credential);
                }
                let keeper = Keeper { sign_ins: self.clone(), sign_in: sign_in.clone(), now };
                Arc::new(credential.kept_by(Arc::new(keeper)))
            }
        }
    }

    async fn lock(&self, http: &Http) -> Result<FolderLock, SignInError> {
        create_private_folder(&self.folder).map_err(|error| SignInError::Kept(error.to_string()))?;
        for _ in 1..TRIES {
            match FolderLock::take(&self.folder, LOCK) {
                Err(LockError::Held { .. }) => http.sleep(WAIT).await,
                outcome => return outcome.map_err(|error| SignInError::Kept(error.to_string())),
            }
        }
        FolderLock::take(&self.folder, LOCK).map_err(|error| SignInError::Kept(error.to_string()))
    }

    fn write(&self, all: &[KeptSignIn]) -> Result<(), SignInError> {
        let all: Vec<Value> = all.iter().map(KeptSignIn::to_json).collect();
        let text = Secret::new(format!("{:#}\n", json!({"version": VERSION, "signIns": all})));
        write_private(&self.file(), text.expose().as_bytes()).map_err(|error| SignInError::Kept(error.to_string()))
    }
}

/// Writes a renewed refresh token back, unless somebody else is writing: the old one still works.
#[derive(Debug)]
struct Keeper {
    sign_ins: SignIns,
    sign_in: KeptSignIn,
    now: Timestamp,
}

impl KeepRefreshToken for Keeper {
    fn renewed(&self, token: &Secret) {
        let Ok(_lock) = FolderLock::take(&self.sign_ins.folder, LOCK) else { return };
        let Ok(mut all) = self.sign_ins.list() else { return };
        // Somebody may have signed out meanwhile: then nothing is brought back.
        let Some(mine) = all.iter_mut().find(|other| self.sign_in.replaces(other)) else { return };
        mine.left = Left::RefreshToken(token.clone());
        mine.kept_at = self.now.as_millis();
        let _ = self.sign_ins.write(&all);
    }
}

/// Whoever is signed in at the authority that is asked, as the kept sign-ins say.
///
/// ```
/// use keyholder_client::Credential;
/// use keyholder_client::sign_ins::{KeptCredential, SignIns, Wanted};
///
/// let kept = SignIns::in_folder("/home/ada/.local/state/keyholder");
/// let wanted = Wanted { username: Some("ada@contoso.com".to_owned()), ..Wanted::default() };
/// assert!(KeptCredential::new(Some(kept), wanted).is_person());
/// ```
#[derive(Debug)]
pub struct KeptCredential {
    sign_ins: Option<SignIns>,
    wanted: Wanted,
    found: futures::lock::Mutex<Option<Arc<dyn Credential>>>,
}

impl KeptCredential {
    /// Looks in `sign_ins`, with the first request.
    #[must_use]
    pub fn new(sign_ins: Option<SignIns>, wanted: Wanted) -> Self {
        Self { sign_ins, wanted, found: futures::lock::Mutex::new(None) }
    }

    async fn find(&self, authority: &Authority, http: &Http) -> Result<Arc<dyn Credential>, Error> {
        let mut found = self.found.lock().await;
        if let Some(credential) = found.as_ref() {
            return Ok(credential.clone());
        }
        let sign_in = self.sign_ins.as_ref().map(|kept| kept.find(authority, &self.wanted)).transpose()?.flatten();
        let (Some(kept), Some(sign_in)) = (&self.sign_ins, sign_in) else {
            let client = || self.wanted.client_id.map(|id| format!("anybody through the client {id}"));
            let whom = self.wanted.username.clone().or_else(client);
            return Err(SignInError::Nobody { authority: authority.to_string(), whom }.into());
        };
        let credential = kept.credential(&sign_in, authority, http.clock().now());
        *found = Some(credential.clone());
        Ok(credential)
    }
}

impl Credential for KeptCredential {
    fn client_id(&self) -> ClientId {
        self.wanted.client_id.unwrap_or(crate::credential::AZURE_CLI)
    }

    fn is_person(&self) -> bool {
        true
    }

    fn fetch<'a>(
        &'a self,
        authority: &'a Authority,
        scope: &'a str,
        http: &'a Http,
    ) -> BoxFuture<'a, Result<AccessToken, Error>> {
        Box::pin(async move { self.find(authority, http).await?.fetch(authority, scope, http).await })
    }
}

#[cfg(test)]
mod tests;
