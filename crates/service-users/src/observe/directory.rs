//! A tenant's directory: registrations, service principals, consent, federated credentials.

use std::collections::{BTreeMap, BTreeSet};

use keyholder_client::graph::{Owned, Owner};
use keyholder_client::{Error as ClientError, Graph};
use keyholder_entra::graph::{
    Application, FederatedIdentityCredential, OAuth2PermissionGrant, Organization, ServicePrincipal,
};
use keyholder_entra::well_known::DYNAMICS_CRM;
use keyholder_foundation::{ClientId, ObjectId};

use futures::future::join_all;

use super::Look;
use crate::declaration::{Credential, Declaration};
use crate::estate::Estate;
use crate::marks::declaration_tag;
use crate::rules::CredentialRules;

/// What a directory holds of a declaration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DirectorySeen {
    /// The tenant itself, where the declaration names it by a domain.
    pub organization: Option<Organization>,
    /// Registrations of declared names and client ids, and those that bear the declaration's tag
    /// where pruning asks for them; each once.
    pub registrations: Vec<Application>,
    /// The service principals of those, and of the declared client ids.
    pub principals: Vec<ServicePrincipal>,
    /// Dynamics CRM's own service principal, where consent to it is declared.
    pub dynamics: Option<ServicePrincipal>,
    /// What was consented to for everybody on Dynamics CRM.
    pub grants: Vec<OAuth2PermissionGrant>,
    /// What the tenant's administrators allow of credentials, where some are declared that would be made.
    pub rules: CredentialRules,
    /// Whose tokens each registration accepts.
    pub federations: BTreeMap<ObjectId, Vec<FederatedIdentityCredential>>,
    /// Who owns the registrations of declared names and client ids, and the service principals, by the
    /// object that they own: each can give it credentials.
    pub owners: BTreeMap<ObjectId, Vec<Owner>>,
    /// Who reads this; told only where something has owners.
    pub caller: Option<ObjectId>,
}

impl DirectorySeen {
    /// The service principal of an application.
    #[must_use]
    pub fn principal(&self, client: ClientId) -> Option<&ServicePrincipal> {
        self.principals.iter().find(|principal| principal.app_id == client)
    }
}

/// What a declaration needs to know of a directory.
pub(super) struct Wanted<'a> {
    names: Vec<&'a str>,
    clients: Vec<ClientId>,
    consent: bool,
    rules: bool,
    organization: bool,
    tag: Option<String>,
}

impl<'a> Wanted<'a> {
    pub(super) fn of(
        declaration: &'a Declaration,
        tenants: &BTreeMap<String, String>,
        tenant: &str,
        look: Look,
    ) -> Self {
        let is_here = |org: &String| tenants.get(org).is_some_and(|of| of == tenant);
        let here = || declaration.application_users.values().filter(|user| user.orgs.iter().any(is_here));
        let names: BTreeSet<&str> =
            here().filter(|user| user.client_id.is_none()).map(|user| user.name.as_str()).collect();
        let clients: BTreeSet<ClientId> = here().filter_map(|user| user.client_id).collect();
        let by_domain = |org: &String| {
            let named = declaration.orgs.get(org).and_then(|org| declaration.tenants.get(org.tenant.as_ref()?));
            named.is_some_and(|tenant| uuid::Uuid::parse_str(&tenant.id).is_err())
        };
        Self {
            names: names.into_iter().collect(),
            clients: clients.into_iter().collect(),
            rules: here().flat_map(|user| &user.credentials).any(|one| !matches!(one, Credential::Federated(_))),
            consent: here().any(|user| user.user_impersonation),
            organization: declaration.orgs.keys().any(|org| is_here(org) && by_domain(org)),
            tag: declaration.name.as_deref().filter(|_| look.prune).map(declaration_tag),
        }
    }
}

pub(super) async fn read(graph: &Graph, wanted: &Wanted<'_>) -> Result<DirectorySeen, ClientError> {
    let tagged = async {
        match &wanted.tag {
            Some(tag) => graph.applications_tagged(tag).await,
            None => Ok(Vec::new()),
        }
    };
    let dynamics = async {
        let found = if wanted.consent { graph.service_principals_of(&[DYNAMICS_CRM]).await? } else { Vec::new() };
        let found = found.into_iter().next();
        let grants = match &found {
            Some(resource) => graph.grants_on(resource.id).await?,
            None => Vec::new(),
        };
        Ok((found, grants))
    };
    let organization = async { Ok(if wanted.organization { Some(graph.organization().await?) } else { None }) };
    let rules =
        async { if wanted.rules { CredentialRules::read(graph).await } else { Ok(CredentialRules::default()) } };
    let named = graph.owned_applications_of(&wanted.names, &wanted.clients);
    let (named, tagged, (dynamics, grants), organization, rules) =
        futures::try_join!(named, tagged, dynamics, organization, rules)?;

    let mut registrations: Vec<Application> = Vec::new();
    let mut owners: BTreeMap<ObjectId, Vec<Owner>> = BTreeMap::new();
    let named = named.into_iter().map(|Owned { object, owners: own }| {
        owners.insert(object.id, own);
        object
    });
    for application in named.chain(tagged) {
        if !registrations.iter().any(|known| known.id == application.id) {
            registrations.push(application);
        }
    }
    // A client id without a registration here may be another tenant's, with a principal here.
    let mut clients: Vec<ClientId> = registrations.iter().map(|application| application.app_id).collect();
    clients.extend(wanted.clients.iter().filter(|id| !registrations.iter().any(|known| known.app_id == **id)));
    let ids: Vec<ObjectId> = registrations.iter().map(|application| application.id).collect();
    let (principals, federations) =
        futures::try_join!(graph.owned_service_principals_of(&clients), graph.federated_credentials_of(&ids))?;
    let mut seen = DirectorySeen {
        organization,
        registrations,
        principals: Vec::new(),
        dynamics,
        grants,
        rules,
        federations,
        owners,
        caller: None,
    };
    seen.add_principals(graph, principals).await?;
    Ok(seen)
}

impl DirectorySeen {
    async fn add_principals(&mut self, graph: &Graph, found: Vec<Owned<ServicePrincipal>>) -> Result<(), ClientError> {
        for Owned { object, owners } in found {
            if self.principals.iter().all(|known| known.id != object.id) {
                self.owners.insert(object.id, owners);
                self.principals.push(object);
            }
        }
        self.owners.retain(|_, own| !own.is_empty());
        if self.caller.is_none() && !self.owners.is_empty() {
            self.caller = graph.caller().await?;
        }
        Ok(())
    }
}

/// Looks for the service principals that multi-tenant applications have in further tenants. Where such an
/// application is declared by its name, its client id is known only once its home directory has been read.
pub(super) async fn look_elsewhere(
    estate: &Estate,
    declaration: &Declaration,
    tenants: &BTreeMap<String, String>,
    directories: &mut BTreeMap<String, Result<DirectorySeen, ClientError>>,
) {
    let mut wanted: BTreeMap<&str, BTreeSet<ClientId>> = BTreeMap::new();
    for user in declaration.application_users.values().filter(|user| user.multi_tenant && user.client_id.is_none()) {
        let Some(home) = user.orgs.first().and_then(|org| tenants.get(org)) else { continue };
        let Some(Ok(directory)) = directories.get(home) else { continue };
        let is_it = |application: &&Application| application.display_name.as_deref() == Some(&user.name);
        let clients = || directory.registrations.iter().filter(is_it).map(|application| application.app_id);
        for tenant in user.orgs.iter().filter_map(|org| tenants.get(org)).filter(|tenant| *tenant != home) {
            wanted.entry(tenant).or_default().extend(clients());
        }
    }
    let graphs = estate.directories();
    let read = wanted.into_iter().filter(|(_, clients)| !clients.is_empty()).filter_map(|(tenant, clients)| {
        let graph = *graphs.get(tenant)?;
        let clients: Vec<ClientId> = clients.into_iter().collect();
        Some(async move { (tenant, graph, graph.owned_service_principals_of(&clients).await) })
    });
    for (tenant, graph, found) in join_all(read).await {
        let Some(directory) = directories.get_mut(tenant) else { continue };
        let added = match (&mut *directory, found) {
            (Ok(seen), Ok(found)) => seen.add_principals(graph, found).await,
            (Ok(_), Err(error)) => Err(error),
            (Err(_), _) => Ok(()),
        };
        if let Err(error) = added {
            *directory = Err(error);
        }
    }
}
