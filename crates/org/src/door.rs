//! The door between the org's rows and its directory: `data` asks, `identity` answers, and
//! neither knows the other.

use std::sync::Arc;

use keyholder_data::{ApplicationFacts, BoxFuture, Directory, DirectoryError, TokenFacts};
use keyholder_foundation::{ClientId, TenantId};
use keyholder_identity::{Identity, VerifiedToken};

/// What the org's rows need to know of a verified token.
pub(crate) fn token_facts(token: &VerifiedToken) -> TokenFacts {
    TokenFacts {
        tenant: token.tenant,
        client: token.client,
        object_id: token.object_id,
        app_only: token.app_only,
        delegated: token.delegated,
    }
}

/// One tenant's directory, as its orgs see it.
#[derive(Debug)]
pub(crate) struct DirectoryDoor {
    identity: Arc<Identity>,
    tenant: TenantId,
}

impl DirectoryDoor {
    pub(crate) fn new(identity: Arc<Identity>, tenant: TenantId) -> Self {
        Self { identity, tenant }
    }
}

impl Directory for DirectoryDoor {
    fn find_application(&self, client: ClientId) -> BoxFuture<'_, Result<Option<ApplicationFacts>, DirectoryError>> {
        Box::pin(async move {
            let found = self.identity.find_application(self.tenant, client).await;
            let found = found.map_err(|error| DirectoryError { reason: error.to_string() })?;
            // Without a service principal the tenant does not know the application.
            Ok(found.and_then(|facts| {
                Some(ApplicationFacts {
                    client_id: facts.client_id,
                    display_name: facts.display_name,
                    identifier_uri: facts.identifier_uri,
                    service_principal: facts.service_principal?,
                })
            }))
        })
    }
}
