//! The room's one door: everything that the org asks of it.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, request};
use keyholder_entra::well_known;
use keyholder_foundation::{Clocks, Random, Timestamp};
use keyholder_store::{Database, DatabaseOptions};

use crate::attempts::Attempts;
use crate::directory::{Directory, tables};
use crate::graph::throttle::{self, GraphThrottle};
use crate::keys::{Keys, SigningKey};
use crate::login::federation::{IssuerDocuments, Issuers};
use crate::login::guesses::Guesses;
use crate::login::issue::LONGEST_TOKEN;
use crate::resources::Resources;
use crate::verify::{Audience, TokenProblem, VerifiedToken, Verifier};
use crate::{Error, graph, login};

/// What an [`Identity`] is opened with.
#[derive(Debug)]
pub struct IdentityConfig {
    /// Where the directory is kept (`directory.db`).
    pub database: DatabaseOptions,
    /// The keys: the first signs, the others are only published and accepted. At least one.
    pub signing_keys: Vec<SigningKey>,
    /// The org's clocks; tokens and secrets live by the org clock.
    pub clocks: Clocks,
    /// Where ids, secrets and salts come from.
    pub random: Arc<dyn Random>,
    /// Where all of it answers, as `https://localhost:8443`: scheme, host and port, no path.
    pub origin: String,
    /// Which orgs the tenants have.
    pub resources: Arc<dyn Resources>,
    /// What the directory's side can be told.
    pub graph: GraphOptions,
    /// How the keys of outside issuers are had, for federated credentials.
    pub issuer_documents: Arc<dyn IssuerDocuments>,
    /// How long a new application or credential takes to be seen by the token service.
    pub directory_lag: Duration,
}

/// What the directory can be told beside what everything needs; the default is no throttling and
/// no delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GraphOptions {
    /// How often an application may ask, when that is limited at all.
    pub throttle: Option<GraphThrottle>,
    /// How long after a change orgs learn of it, by the org clock.
    pub propagation_delay: Duration,
}

/// The token service and directory of one local org's process.
#[derive(Debug)]
pub struct Identity {
    pub(crate) directory: Directory,
    keys: RwLock<Arc<Keys>>,
    pub(crate) clocks: Clocks,
    pub(crate) random: Arc<dyn Random>,
    /// In lower case, without a trailing slash.
    pub(crate) origin: String,
    pub(crate) resources: Arc<dyn Resources>,
    pub(crate) graph_options: GraphOptions,
    pub(crate) graph_counts: throttle::Counts,
    pub(crate) issuers: Issuers,
    pub(crate) directory_lag: Duration,
    pub(crate) guesses: Guesses,
    pub(crate) attempts: Attempts,
    verifier: Verifier,
    graph_audience: Audience,
}

impl Identity {
    /// Opens the directory, making or migrating its database.
    ///
    /// # Errors
    /// [`Error::Store`] when the database cannot be used, [`Error::NoSigningKey`], [`Error::Origin`].
    pub async fn open(config: IdentityConfig) -> Result<Self, Error> {
        let origin = normal_origin(&config.origin)?;
        let database = Database::open(&config.database, &tables::migrations())?;
        let (clocks, random) = (config.clocks.clone(), Arc::clone(&config.random));
        let directory = Directory::open(database, clocks, random, config.graph.propagation_delay).await?;
        let ids: Vec<String> = config.signing_keys.iter().skip(1).map(|key| key.id().to_owned()).collect();
        let until = directory.keys_published_until(ids, config.clocks.now().plus(LONGEST_TOKEN)).await?;
        let until = |id: &str| until.get(id).copied().unwrap_or(Timestamp::EPOCH);
        let keys = Keys::new(config.signing_keys, until).ok_or(Error::NoSigningKey)?;
        let graph = well_known::MICROSOFT_GRAPH.to_string();
        let graph_audience = Audience::any_of([well_known::MICROSOFT_GRAPH_RESOURCE, &graph, &origin]);
        Ok(Self {
            directory,
            keys: RwLock::new(Arc::new(keys)),
            clocks: config.clocks,
            random: config.random,
            origin,
            resources: config.resources,
            graph_options: config.graph,
            graph_counts: throttle::Counts::default(),
            issuers: Issuers::new(config.issuer_documents),
            directory_lag: config.directory_lag,
            guesses: Guesses::new(),
            attempts: Attempts::new(),
            verifier: Verifier::new(),
            graph_audience,
        })
    }

    /// Where all of it answers: scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Answers a request for the token service: everything below `/{tenant}/` and `/common/`.
    /// The body has been read and bounded by the caller.
    pub async fn respond_login(&self, request: Request<Bytes>) -> Response<Bytes> {
        login::respond(self, &request).await
    }

    /// Answers a request for Microsoft Graph: everything below `/v1.0/`.
    /// The body has been read and bounded by the caller.
    pub async fn respond_graph(&self, request: Request<Bytes>) -> Response<Bytes> {
        graph::respond(self, &request).await
    }

    /// The refusal of a request for the token service whose body is larger than anybody reads.
    #[must_use]
    pub fn refuse_login_body(&self, head: &request::Parts) -> Response<Bytes> {
        login::too_large(self, head)
    }

    /// The same for Microsoft Graph.
    #[must_use]
    pub fn refuse_graph_body(&self, head: &request::Parts) -> Response<Bytes> {
        graph::too_large(self, head)
    }

    /// Checks an access token (see [`bearer`](crate::verify::bearer) for the header): our own
    /// signature, issuer, audience and tenant, and its times by the org clock with five minutes of
    /// skew. A token that was good before costs a hash and a look into memory.
    ///
    /// # Errors
    /// [`TokenProblem`] says what is wrong with it.
    pub fn verify(&self, token: &str, audience: &Audience) -> Result<Arc<VerifiedToken>, TokenProblem> {
        self.verifier.verify(token, self, audience, self.clocks.now())
    }

    /// The keys as they are now.
    pub(crate) fn keys(&self) -> Arc<Keys> {
        // The pointer is replaced whole, so a poisoned lock still holds a sound one.
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Signs with a new key from now on. The old one stays published until the last token that it
    /// signed has ended; keep its file for as long as [`Identity::published_keys`] lists it.
    ///
    /// # Errors
    /// [`Error::Store`] when the old key's end cannot be written down: then nothing changes.
    pub async fn rotate_keys(&self, new: SigningKey) -> Result<(), Error> {
        let old = self.keys();
        if old.current().id() == new.id() {
            return Ok(());
        }
        let until = self.clocks.now().plus(LONGEST_TOKEN);
        self.directory.retire_key(old.current().id(), until).await?;
        let rotated = Arc::new(old.rotated(new, until));
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = rotated;
        Ok(())
    }

    /// The ids of the keys that are published now, the one that signs first; with each of the others
    /// goes when that ends.
    #[must_use]
    pub fn published_keys(&self) -> Vec<(String, Option<Timestamp>)> {
        let now = self.clocks.now();
        self.keys().published(now).map(|(key, until)| (key.id().to_owned(), until)).collect()
    }

    /// Learns of what other processes have changed in the same directory, and says whether there is
    /// anything new. Where a directory is shared, each request begins with this: then it sees what any
    /// process had changed before.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn catch_up(&self) -> Result<bool, Error> {
        Ok(self.directory.catch_up().await?)
    }

    /// Writes down what was observed of sign-ins since the last time. Reading does so by itself; a
    /// process does it as well now and then, and before it ends.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn flush_observations(&self) -> Result<(), Error> {
        Ok(self.directory.flush_observations().await?)
    }

    pub(crate) fn graph_audience(&self) -> &Audience {
        &self.graph_audience
    }
}

/// An origin in lower case; refuses what has a path, user or blank in it.
fn normal_origin(text: &str) -> Result<String, Error> {
    let refused = || Error::Origin(text.to_owned());
    let uri: http::Uri = text.parse().map_err(|_| refused())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(refused());
    };
    let bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !authority.as_str().contains('@');
    if !bare || !matches!(scheme, "https" | "http") {
        return Err(refused());
    }
    Ok(format!("{scheme}://{authority}").to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_no_path() {
        assert_eq!(normal_origin("https://LocalHost:8443/").unwrap(), "https://localhost:8443");
        assert_eq!(normal_origin("http://[::1]:8080").unwrap(), "http://[::1]:8080");
        for refused in ["", "localhost:8443", "https://a@b", "https://h/p", "https://h?q", "ftp://h"] {
            assert!(normal_origin(refused).is_err(), "{refused}");
        }
    }
}
