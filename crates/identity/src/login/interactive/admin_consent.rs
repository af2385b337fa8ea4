//! `/{tenant}/adminconsent`: an administrator lets an application into the tenant, for everyone
//! (Microsoft's "Admin consent on the Microsoft identity platform").
//!
//! For an application of another tenant this is how its service principal comes here. What it gets is
//! what its registration declares; at the v2 endpoint, the delegated permissions that are named.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use keyholder_entra::aadsts::{self, Problem};
use keyholder_entra::graph::AccessKind;
use keyholder_entra::well_known::{
    APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR, GLOBAL_ADMINISTRATOR, MICROSOFT_GRAPH,
    PRIVILEGED_ROLE_ADMINISTRATOR,
};
use keyholder_foundation::{ClientId, TenantId};
use uuid::Uuid;

use super::parameters::Parameters;
use crate::Identity;
use crate::correlation::Correlation;
use crate::directory::apis::ApiKey;
use crate::directory::clients::{Client, Origin};
use crate::directory::consents::Consent;
use crate::directory::people::Person;
use crate::login::Failure;
use crate::login::redirect::{Redirect, ResponseMode};
use crate::login::tenant::Segment;
use crate::login::{client, scope};

/// A request for an administrator's consent, as far as it is sound by itself.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) client: Arc<Client>,
    pub(super) redirect: Option<Redirect>,
    state: Option<String>,
    /// What v2 names; everything that the registration declares, when none.
    named: Option<String>,
}

impl Request {
    /// Reads a request.
    pub(super) async fn read(identity: &Identity, segment: &str, v2: bool, query: &str) -> Result<Self, Failure> {
        let parameters = Parameters::parse(query.as_bytes())?;
        let client_id = parameters.require("client_id")?;
        let segment = Segment::find(&identity.directory, segment).await?;
        let not_found = |tenant: &str| Failure::from(aadsts::application_not_found(client_id, tenant));
        let client = match &segment {
            Segment::Tenant(tenant) => client::offered_in(identity, Arc::clone(tenant), client_id).await?.client,
            Segment::Consumers => return Err(aadsts::consumers_not_supported(client_id).into()),
            Segment::Any(word) => {
                let id: ClientId = client_id.trim().parse().map_err(|_| not_found(word))?;
                let home = identity.directory.home_of(id).await?.ok_or_else(|| not_found(word))?;
                identity.directory.find_client(home.tenant, id).await?.ok_or_else(|| not_found(word))?
            }
        };
        if client.published().is_some() {
            return Err(not_found(""));
        }
        let uri = parameters.get("redirect_uri");
        let redirect = match uri {
            None => None,
            Some(_) => Some(Redirect::find(identity, &client, uri, ResponseMode::Query)?),
        };
        let state = parameters.get("state").map(str::to_owned);
        let named = parameters.get("scope").filter(|_| v2).map(str::to_owned);
        Ok(Self { client, redirect, state, named })
    }

    /// What the consent would give.
    pub(super) async fn consent(&self, identity: &Identity, tenant: TenantId) -> Result<Consent, Failure> {
        match &self.named {
            Some(scope) if !is_default_only(scope) => Ok(named(identity, tenant, scope).await?),
            _ => declared(identity, tenant, &self.client).await,
        }
    }

    /// Sends the administrator back: done.
    pub(super) fn succeed(&self, tenant: TenantId) -> Option<Response<Bytes>> {
        let tenant = tenant.to_string();
        let mut parameters = vec![("admin_consent", "True"), ("tenant", tenant.as_str())];
        parameters.extend(self.state.as_deref().map(|state| ("state", state)));
        parameters.extend(self.named.as_deref().map(|scope| ("scope", scope)));
        Some(self.redirect.as_ref()?.respond(&parameters))
    }

    /// Sends the administrator back: not done.
    pub(super) fn fail(
        &self,
        identity: &Identity,
        problem: &Problem,
        correlation: Correlation,
    ) -> Option<Response<Bytes>> {
        let redirect = self.redirect.as_ref()?;
        Some(super::authorize::send_back(identity, redirect, self.state.as_deref(), problem, correlation))
    }
}

fn is_default_only(scope: &str) -> bool {
    scope.split_whitespace().all(|word| word.ends_with("/.default") || word == ".default")
}

/// The delegated permissions that a scope names, by resource.
async fn named(identity: &Identity, tenant: TenantId, text: &str) -> Result<Consent, Failure> {
    let mut scopes: BTreeMap<ClientId, Vec<String>> = BTreeMap::new();
    for word in text.split_whitespace() {
        let asked = scope::Asked::parse(word, scope::Several::Refused)?;
        let scope::Permissions::Named(names) = asked.permissions else { continue };
        let resource = crate::resources::Resource::find(identity, tenant, &asked.resource).await;
        let tenants = identity.directory.tenants().await?;
        let unknown = || aadsts::tenant_not_found(&tenant.to_string());
        let shown = tenants.find(tenant).ok_or_else(unknown)?;
        let resource = resource.map_err(|fault| Failure::of_resource(fault, &asked.resource, shown))?;
        if let Some(api) = resource.api {
            scopes.entry(api.client).or_default().extend(names);
        }
    }
    Ok(Consent { scopes: scopes.into_iter().collect(), roles: Vec::new() })
}

/// Everything that a registration declares and its resources offer.
pub(super) async fn declared(identity: &Identity, tenant: TenantId, client: &Client) -> Result<Consent, Failure> {
    let mut consent = Consent::default();
    for access in &client.required {
        let Some(api) = identity.directory.find_api(tenant, ApiKey::Client(access.resource_app_id)).await? else {
            continue;
        };
        let mut scopes = Vec::new();
        for wanted in &access.resource_access {
            match wanted.kind {
                AccessKind::Scope => {
                    let offered = api.permission_scopes.iter().find(|offered| offered.id == wanted.id);
                    scopes.extend(offered.and_then(|offered| offered.value.clone()));
                }
                AccessKind::Role if api.role_value(wanted.id).is_some() => {
                    consent.roles.push((access.resource_app_id, wanted.id));
                }
                AccessKind::Role => {}
            }
        }
        if !scopes.is_empty() {
            consent.scopes.push((access.resource_app_id, scopes));
        }
    }
    Ok(consent)
}

/// Whether a person may consent for everyone to this; who hands out Graph's application permissions
/// must be more than an administrator of applications.
pub(super) async fn is_entitled(identity: &Identity, person: &Person, consent: &Consent) -> Result<bool, Failure> {
    let mut enough = vec![GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR];
    if consent.roles.iter().all(|(resource, _)| *resource != MICROSOFT_GRAPH) {
        enough.extend([APPLICATION_ADMINISTRATOR, CLOUD_APPLICATION_ADMINISTRATOR]);
    }
    let roles: Vec<Uuid> = identity.directory.roles_of(person.tenant, person.id).await?;
    Ok(enough.iter().any(|role| roles.contains(&role.template_id)))
}

/// What a consent gives, each as a sentence, and the publisher's domain.
pub(super) async fn described(
    identity: &Identity,
    tenant: TenantId,
    consent: &Consent,
) -> Result<Vec<String>, Failure> {
    let mut sentences = Vec::new();
    for (client, scopes) in &consent.scopes {
        let api = identity.directory.find_api(tenant, ApiKey::Client(*client)).await?;
        for scope in scopes {
            let offered = api.as_ref().and_then(|api| {
                let offered = api.permission_scopes.iter().find(|offered| offered.value.as_ref() == Some(scope))?;
                offered.admin_consent_display_name.clone()
            });
            let resource = api.as_ref().map_or("", |api| &api.display_name);
            sentences.push(format!("{} ({resource}: {scope})", offered.as_deref().unwrap_or(scope)));
        }
    }
    for (client, role) in &consent.roles {
        let api = identity.directory.find_api(tenant, ApiKey::Client(*client)).await?;
        let offered = api.as_ref().and_then(|api| api.app_roles.iter().find(|offered| offered.id == *role));
        let name = offered.and_then(|offered| offered.display_name.as_deref().or(offered.value.as_deref()));
        let resource = api.as_ref().map_or("", |api| &api.display_name);
        sentences.push(format!("{} ({resource}, without a signed-in user)", name.unwrap_or_default()));
    }
    if sentences.is_empty() {
        sentences.push("Sign in here with its own credentials".to_owned());
    }
    Ok(sentences)
}

/// The domain of the tenant in which an application is registered.
pub(super) async fn publisher(identity: &Identity, client: &Client) -> Result<String, Failure> {
    let Origin::Registered(home) = client.origin else { return Ok("Microsoft".to_owned()) };
    let tenants = identity.directory.tenants().await?;
    Ok(tenants.find(home.tenant).map_or_else(String::new, |tenant| tenant.default_domain().to_owned()))
}
