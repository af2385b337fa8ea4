//! The room's one door: everything that the org asks of it.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use keyholder_entra::well_known::{self, DirectoryRole};
use keyholder_foundation::{ClientId, Clocks, ObjectId, Random, TenantId};
use keyholder_store::{Database, DatabaseOptions};

use crate::directory::Directory;
use crate::directory::administrators::{Administrators, TenantPlan};
use crate::directory::clients::ApplicationFacts;
use crate::directory::tables;
use crate::keys::{Keys, SigningKey};
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
}

/// The token service and directory of one local org's process.
#[derive(Debug)]
pub struct Identity {
    pub(crate) directory: Directory,
    pub(crate) keys: Keys,
    pub(crate) clocks: Clocks,
    pub(crate) random: Arc<dyn Random>,
    /// In lower case, without a trailing slash.
    pub(crate) origin: String,
    pub(crate) resources: Arc<dyn Resources>,
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
        let keys = Keys::new(config.signing_keys).ok_or(Error::NoSigningKey)?;
        let database = Database::open(&config.database, &tables::migrations())?;
        let directory = Directory::open(database, config.clocks.clone(), Arc::clone(&config.random)).await?;
        let graph = well_known::MICROSOFT_GRAPH.to_string();
        let graph_audience = Audience::any_of([well_known::MICROSOFT_GRAPH_RESOURCE, &graph, &origin]);
        Ok(Self {
            directory,
            keys,
            clocks: config.clocks,
            random: config.random,
            origin,
            resources: config.resources,
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

    /// Checks an access token (see [`bearer`](crate::verify::bearer) for the header): our own
    /// signature, issuer, audience and tenant, and its times by the org clock with five minutes of
    /// skew. A token that was good before costs a hash and a look into memory.
    ///
    /// # Errors
    /// [`TokenProblem`] says what is wrong with it.
    pub fn verify(&self, token: &str, audience: &Audience) -> Result<Arc<VerifiedToken>, TokenProblem> {
        self.verifier.verify(token, &self.keys, audience, self.clocks.now())
    }

    pub(crate) fn graph_audience(&self) -> &Audience {
        &self.graph_audience
    }

    /// Makes a tenant with Microsoft's service principals and its administrators, whose
    /// credentials are in the answer and nowhere else.
    ///
    /// # Errors
    /// [`Error::Domain`], [`Error::DomainTaken`], [`Error::Store`].
    pub async fn bootstrap_tenant(&self, plan: &TenantPlan) -> Result<Administrators, Error> {
        self.directory.bootstrap_tenant(plan).await
    }

    /// Makes new credentials for a tenant's administrators (and anew what was deleted of them);
    /// the old credentials stop working.
    ///
    /// # Errors
    /// [`Error::NoTenant`], [`Error::Store`].
    pub async fn reset_admin_credentials(&self, tenant: TenantId) -> Result<Administrators, Error> {
        self.directory.reset_administrators(tenant).await
    }

    /// Every tenant with its default domain, the oldest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn tenants(&self) -> Result<Vec<(TenantId, String)>, Error> {
        let index = self.directory.tenants().await?;
        let mut tenants: Vec<_> = index.iter().collect();
        tenants.sort_unstable_by_key(|tenant| (tenant.created, tenant.id));
        Ok(tenants.into_iter().map(|tenant| (tenant.id, tenant.default_domain().to_owned())).collect())
    }

    /// What is known of an application in a tenant; none when the tenant does not know it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn find_application(
        &self,
        tenant: TenantId,
        client: ClientId,
    ) -> Result<Option<ApplicationFacts>, Error> {
        Ok(self.directory.find_client(tenant, client).await?.map(|client| client.facts.clone()))
    }

    /// Gives a service principal or user a directory role; having it already is fine.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn assign_directory_role(
        &self,
        tenant: TenantId,
        principal: ObjectId,
        role: DirectoryRole,
    ) -> Result<(), Error> {
        Ok(self.directory.assign_role(tenant, principal, role.template_id).await?)
    }

    /// Whether an enabled service principal or user has a directory role now.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn has_directory_role(
        &self,
        tenant: TenantId,
        principal: ObjectId,
        role: DirectoryRole,
    ) -> Result<bool, Error> {
        let standing = self.directory.standing(tenant, principal).await?;
        Ok(standing.is_some_and(|standing| standing.roles.contains(&role.template_id)))
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
