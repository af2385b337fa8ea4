//! A secret in an Azure key vault.
//!
//! After "Azure Key Vault REST API", version 7.4: `PUT {vault}/secrets/{name}` makes a new version with a value,
//! an end and tags. The tags are the variables of an env file, without the secret: they say whose key it is.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use keyholder_client::connection::names;
use keyholder_client::transport::is_loopback;
use keyholder_client::{Authority, Error as ClientError, Tokens, cloud};
use keyholder_entra::challenge::Challenge;
use keyholder_foundation::{ClientId, Secret, Timestamp};
use serde_json::{Map, Value, json};
use url::Url;

use super::means::Means;
use super::rest::{self, Call};
use super::{Answer, Kept, Key, SecretSink, SinkError, key_of, variables_of};
use crate::declaration::VaultSecret;
use crate::kept::KeyKind;

const VERSION: &str = "api-version=7.4";
/// Most tags of a secret, and the longest value of one, in characters.
const MOST_TAGS: usize = 15;
const LONGEST_TAG: usize = 256;
/// How the names of Keyholder's own tags begin.
const OWN: &str = "KEYHOLDER_";

/// What a secret or password is.
const TEXT: &str = "text/plain";

const LOOK: &str = "show what it holds";
const KEEP: &str = "keep the credential";
const REMOVE: &str = "delete the secret";

/// A secret in an Azure key vault.
#[derive(Debug, Clone)]
pub struct KeyVaultSink {
    secret: VaultSecret,
    place: String,
    id: String,
    means: Means,
    /// What opens the vault, once it has said which tenant it believes.
    tokens: Arc<Mutex<Option<Arc<Tokens>>>>,
}

/// What stands in the vault.
struct Standing {
    value: Secret,
    tags: Map<String, Value>,
    expires: Option<i64>,
}

impl Standing {
    fn of(body: &Value) -> Option<Self> {
        let tags = body.get("tags").and_then(Value::as_object).cloned().unwrap_or_default();
        let expires = body.get("attributes").and_then(|attributes| attributes.get("exp")?.as_i64());
        Some(Self { value: Secret::new(body.get("value")?.as_str()?), tags, expires })
    }

    fn tag(&self, name: &str) -> Option<String> {
        self.tags.get(name)?.as_str().map(str::to_owned)
    }

    /// Why a key of these applications must not take its place; of any, when none is named.
    fn foreign(&self, of: Option<&[ClientId]>) -> Option<String> {
        match (self.tag(names::CLIENT_ID), of) {
            (None, _) => Some("it holds a secret that Keyholder did not write".to_owned()),
            (Some(held), Some(of)) if !of.iter().any(|id| held.eq_ignore_ascii_case(&id.to_string())) => {
                Some(format!("it holds the key of another application ({held})"))
            }
            _ => None,
        }
    }
}

impl KeyVaultSink {
    /// The secret, opened by the caller's own sign-in.
    #[must_use]
    pub fn new(secret: &VaultSecret, means: &Means) -> Self {
        let place = secret.to_string();
        let id = rest::id_of(&["key vault", &place.to_ascii_lowercase()]);
        Self { secret: secret.clone(), place, id, means: means.clone(), tokens: Arc::default() }
    }

    fn url(&self) -> Url {
        let mut url = self.secret.vault().clone();
        url.set_path(&format!("/secrets/{}", self.secret.name()));
        url.set_query(Some(VERSION));
        url
    }

    /// Sends with a token; once more with a new one when the vault rejects it.
    async fn send(
        &self,
        method: Method,
        body: Option<Value>,
        doing: &'static str,
    ) -> Result<Response<Bytes>, SinkError> {
        let tokens = self.tokens(doing).await?;
        let signed_in = |source: ClientError| SinkError::Unanswered {
            place: self.place.clone(),
            doing: "sign in to the vault",
            source: Box::new(source),
        };
        let scope = self.secret.scope();
        let mut call = Call { method, url: self.url(), headers: HeaderMap::new(), body, doing };
        call.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let token = tokens.get(scope).await.map_err(signed_in)?;
        call.headers.insert(AUTHORIZATION, token.header());
        let answer = rest::send(&self.means.http, &self.place, &call).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        tokens.reject(scope, &token);
        let token = tokens.get(scope).await.map_err(signed_in)?;
        call.headers.insert(AUTHORIZATION, token.header());
        rest::send(&self.means.http, &self.place, &call).await
    }

    /// The caller's tokens of the tenant that the vault believes: it names it to whoever comes without one.
    async fn tokens(&self, doing: &'static str) -> Result<Arc<Tokens>, SinkError> {
        if let Some(tokens) = self.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(tokens);
        }
        let no_access = |reason: String, mend| SinkError::NoAccess { place: self.place.clone(), reason, mend };
        let Some(caller) = &self.means.caller else {
            return Err(no_access("nobody is signed in here".to_owned(), "sign in: `keyholder login`"));
        };
        let call = Call { method: Method::GET, url: self.url(), headers: HeaderMap::new(), body: None, doing };
        let answer = rest::send(&self.means.http, &self.place, &call).await?;
        let header = answer.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let challenge = header.and_then(|value| Challenge::parse(value).ok());
        let named = challenge.as_ref().and_then(Challenge::authority).and_then(|text| {
            let url = Url::parse(text).ok()?;
            Authority::new(&url, url.path_segments()?.next_back()?).ok()
        });
        let Some(authority) = named.filter(|_| answer.status() == StatusCode::UNAUTHORIZED) else {
            return Err(self.refused(&answer, doing, None));
        };
        // A vault of Azure's names Microsoft's token service; one on this machine may name one on this machine.
        let is_local = is_loopback(self.secret.vault()) && is_loopback(authority.login());
        if !is_local && !cloud::is_microsoft_login(authority.login()) {
            let reason = format!("it wants sign-in at {authority}, which is none of Microsoft's");
            return Err(no_access(reason, "see that the address of the vault is right"));
        }
        let unusable = |source: ClientError| SinkError::Unanswered {
            place: self.place.clone(),
            doing: "sign in to the vault",
            source: Box::new(source),
        };
        let tokens = Tokens::new(caller.credential().map_err(unusable)?, authority, self.means.http.clone());
        *self.tokens.lock().unwrap_or_else(PoisonError::into_inner) = Some(tokens.clone());
        Ok(tokens)
    }

    fn refused(&self, answer: &Response<Bytes>, doing: &'static str, hidden: Option<&Secret>) -> SinkError {
        let body = rest::json(answer);
        let error = body.get("error");
        let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
        let inner = text(error.and_then(|error| error.get("innererror")?.get("code")));
        let code = if inner.is_empty() { text(error.and_then(|error| error.get("code"))) } else { inner };
        let message = text(error.and_then(|error| error.get("message")));
        let said = if code.is_empty() { message } else { format!("{code}: {message}") };
        let mend = self.mend(answer.status(), &code);
        rest::refusal((&self.place, doing), answer.status(), &said, hidden, mend)
    }

    /// What the reader can do about a refusal.
    fn mend(&self, status: StatusCode, code: &str) -> String {
        let name = self.secret.name();
        let vault = self.secret.vault().host_str().and_then(|host| host.split('.').next()).unwrap_or_default();
        match (status.as_u16(), code) {
            (403, "SecretDisabled") => {
                format!("`az keyvault secret set-attributes --vault-name {vault} --name {name} --enabled true`")
            }
            (403, "ForbiddenByFirewall" | "ForbiddenByConnection") => {
                "the vault's network rules shut this machine out: run this from where they let it in".to_owned()
            }
            (401 | 403, _) => "give the caller the role `Key Vault Secrets Officer` on the vault (or, in an access \
                               policy, get and set of secrets)"
                .to_owned(),
            (409, _) => format!(
                "a secret of that name was deleted and keeps the name: `az keyvault secret recover --vault-name \
                 {vault} --name {name}`, or `purge` instead of `recover`; or choose another name"
            ),
            (429 | 500.., _) => "run this again later".to_owned(),
            _ => String::new(),
        }
    }

    async fn standing(&self) -> Result<Option<Standing>, SinkError> {
        let answer = self.send(Method::GET, None, LOOK).await?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            _ => return Err(self.refused(&answer, LOOK, None)),
        }
        let not_understood = || {
            let found = "a secret without a value".to_owned();
            let source = ClientError::Protocol { origin: self.place.clone(), found };
            SinkError::Unanswered { place: self.place.clone(), doing: LOOK, source: Box::new(source) }
        };
        Standing::of(&rest::json(&answer)).map(Some).ok_or_else(not_understood)
    }

    async fn held(&self) -> Result<Kept, SinkError> {
        let Some(standing) = self.standing().await? else { return Ok(Kept::Nothing) };
        if let Some(reason) = standing.foreign(None) {
            return Ok(Kept::Foreign(reason));
        }
        Ok(match key_of(|name| standing.tag(name), standing.value.clone()) {
            Ok(key) => Kept::Key { key: Box::new(key), is_exposed: false },
            // Tags are written with the value: whoever took some off has made it theirs.
            Err(problem) => Kept::Foreign(format!("its tags do not say whose key it holds: {problem}")),
        })
    }

    async fn keep(&self, key: &Key, gone: Option<ClientId>) -> Result<(), SinkError> {
        let standing = self.standing().await?;
        let of: Vec<ClientId> = gone.into_iter().chain([key.client_id]).collect();
        if let Some(reason) = standing.as_ref().and_then(|standing| standing.foreign(Some(&of))) {
            return Err(SinkError::Foreign { place: self.place.clone(), reason });
        }
        let content_type = match key.kind() {
            KeyKind::Secret => TEXT,
            KeyKind::Certificate => "application/x-pem-file",
        };
        self.put((&key.secret, content_type, key.expires), variables_of(key, None), standing).await
    }

    /// Makes a value the current version, and reads it back. What others wrote beside the one before stays.
    async fn put(
        &self,
        (value, content_type, expires): (&Secret, &str, Option<Timestamp>),
        about: Vec<(&'static str, String)>,
        standing: Option<Standing>,
    ) -> Result<(), SinkError> {
        let own = about.into_iter().filter(|(_, value)| value.chars().count() <= LONGEST_TAG);
        let mut tags: Map<String, Value> = own.map(|(name, value)| (name.to_owned(), Value::String(value))).collect();
        // Each version has its own tags.
        let theirs = standing.map(|standing| standing.tags).unwrap_or_default();
        let theirs = theirs.into_iter().filter(|(name, _)| !name.starts_with(OWN));
        let room = MOST_TAGS.saturating_sub(tags.len());
        tags.extend(theirs.take(room));
        let mut attributes = json!({ "enabled": true });
        if let Some(expires) = expires {
            attributes["exp"] = json!(expires.unix_seconds());
        }
        let text = value.expose();
        let body = json!({ "value": text, "contentType": content_type, "attributes": attributes, "tags": tags });
        let sent = self.send(Method::PUT, Some(body), KEEP).await;
        let answer = sent.map_err(|error| rest::of_write(error, KEEP))?;
        if answer.status() != StatusCode::OK {
            return Err(rest::of_answer(&answer, self.refused(&answer, KEEP, Some(value))));
        }
        self.check(value, expires).await.map_err(SinkError::may_hold)
    }

    /// Looks whether the vault shows what it took.
    async fn check(&self, value: &Secret, expires: Option<Timestamp>) -> Result<(), SinkError> {
        let not_kept = |reason| SinkError::NotKept { place: self.place.clone(), reason };
        let Some(there) = self.standing().await? else {
            return Err(not_kept("the vault took it and does not show it"));
        };
        if !value.matches(there.value.expose()) {
            return Err(not_kept("another value"));
        }
        if there.expires != expires.map(Timestamp::unix_seconds) {
            return Err(not_kept("the right value with another end"));
        }
        Ok(())
    }

    /// The password of that person, if it is kept there.
    ///
    /// # Errors
    /// [`SinkError::Foreign`] when something else is, and what the vault refused.
    pub(crate) async fn password_of(&self, user_name: &str) -> Result<Option<Secret>, SinkError> {
        let standing = self.standing().await?;
        self.refuse_others(standing.as_ref(), user_name)?;
        Ok(standing.map(|standing| standing.value))
    }

    /// Keeps a person's password, with what may be known about it.
    ///
    /// # Errors
    /// As [`Self::password_of`].
    pub(crate) async fn keep_password(
        &self,
        user_name: &str,
        password: &Secret,
        about: Vec<(&'static str, String)>,
    ) -> Result<(), SinkError> {
        let standing = self.standing().await?;
        self.refuse_others(standing.as_ref(), user_name)?;
        self.put((password, TEXT, None), about, standing).await
    }

    /// Refuses what is not that person's password.
    fn refuse_others(&self, standing: Option<&Standing>, user_name: &str) -> Result<(), SinkError> {
        let Some(standing) = standing else { return Ok(()) };
        if standing.tag(names::USERNAME).is_some_and(|held| held.eq_ignore_ascii_case(user_name)) {
            return Ok(());
        }
        let reason = "it holds something else than the password of this person".to_owned();
        Err(SinkError::Foreign { place: self.place.clone(), reason })
    }

    async fn delete(&self) -> Result<bool, SinkError> {
        match self.standing().await? {
            None => return Ok(false),
            Some(standing) => {
                if let Some(reason) = standing.foreign(None) {
                    return Err(SinkError::Foreign { place: self.place.clone(), reason });
                }
            }
        }
        let answer = self.send(Method::DELETE, None, REMOVE).await?;
        match answer.status() {
            StatusCode::OK => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.refused(&answer, REMOVE, None)),
        }
    }
}

impl SecretSink for KeyVaultSink {
    fn place(&self) -> &str {
        &self.place
    }

    fn place_id(&self) -> Result<Option<String>, SinkError> {
        Ok(Some(self.id.clone()))
    }

    fn claim_place_id(&self) -> Result<String, SinkError> {
        Ok(self.id.clone())
    }

    fn load(&self) -> Answer<'_, Kept> {
        Box::pin(self.held())
    }

    fn save_over<'a>(&'a self, key: &'a Key, gone: Option<ClientId>) -> Answer<'a, ()> {
        Box::pin(self.keep(key, gone))
    }

    fn remove(&self) -> Answer<'_, bool> {
        Box::pin(self.delete())
    }
}
