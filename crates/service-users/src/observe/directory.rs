//! A tenant's directory: registrations, service principals, consent, federated credentials.

use std::collections::{BTreeMap, BTreeSet};

use keyholder_client::{Error as ClientError, Graph};
use keyholder_entra::graph::{
    Application, FederatedIdentityCredential, OAuth2PermissionGrant, Organization, ServicePrincipal,
};
use keyholder_entra::well_known::DYNAMICS_CRM;
use keyholder_foundation::{ClientId, ObjectId};

use super::Look;
use crate::declaration::Declaration;
use crate::marks::declaration_tag;

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
    /// Whose tokens each registration accepts.
    pub federations: BTreeMap<ObjectId, Vec<FederatedIdentityCredential>>,
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
    let named = graph.applications_of(&wanted.names, &wanted.clients);
    let (named, tagged, (dynamics, grants), organization) = futures::try_join!(named, tagged, dynamics, organization)?;

    let mut registrations: Vec<Application> = Vec::new();
    for application in named.into_iter().chain(tagged) {
        if !registrations.iter().any(|known| known.id == application.id) {
            registrations.push(application);
        }
    }
    // A client id without a registration here may be another tenant's, with a principal here.
    let mut clients: Vec<ClientId> = registrations.iter().map(|application| application.app_id).collect();
    clients.extend(wanted.clients.iter().filter(|id| !registrations.iter().any(|known| known.app_id == **id)));
    let ids: Vec<ObjectId> = registrations.iter().map(|application| application.id).collect();
    let (principals, federations) =
        futures::try_join!(graph.service_principals_of(&clients), graph.federated_credentials_of(&ids))?;
    Ok(DirectorySeen { organization, registrations, principals, dynamics, grants, federations })
}
