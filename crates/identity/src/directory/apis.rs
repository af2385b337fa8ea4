//! What the token endpoint must know of a resource: the service principal that stands for it, and
//! what it offers. Kept in memory while the directory stands still, as clients are.

use std::sync::Arc;

use keyholder_entra::graph::{AppRole, PermissionScope};
use keyholder_foundation::{ClientId, ObjectId, TenantId};
use keyholder_store::pattern::Piece;
use keyholder_store::statement::{Select, column, parameter};
use keyholder_store::{Error, Kind, Pattern, Prepared, Snapshot};
use uuid::Uuid;

use super::applications::ObjectKey;
use super::{Directory, Refusal, registrations, service_principals, tables, to_json};
use crate::cache::Cache;

pub(super) type ApiCache = Cache<(TenantId, ApiKey), Found>;

/// What was found at an epoch; that there is nothing is worth remembering too.
#[derive(Debug, Clone)]
pub(super) struct Found {
    epoch: i64,
    api: Option<Arc<Api>>,
}

/// How a resource is named.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ApiKey {
    /// By its client id.
    Client(ClientId),
    /// By one of its addresses, as it was asked for.
    Address(String),
}

/// A resource as one tenant sees it.
#[derive(Debug, PartialEq)]
pub(crate) struct Api {
    pub(crate) principal: ObjectId,
    pub(crate) client: ClientId,
    pub(crate) display_name: String,
    pub(crate) enabled: bool,
    /// Whether only assigned applications get tokens for it.
    pub(crate) assignment_required: bool,
    /// Whether it wants v2 tokens.
    pub(crate) wants_v2: bool,
    pub(crate) app_roles: Vec<AppRole>,
    pub(crate) permission_scopes: Vec<PermissionScope>,
}

impl Api {
    /// What an app role of its stands for in a token.
    pub(crate) fn role_value(&self, role: Uuid) -> Option<&str> {
        self.app_roles.iter().find(|known| known.id == role && known.is_enabled)?.value.as_deref()
    }

    /// Whether it offers this delegated permission.
    pub(crate) fn offers(&self, scope: &str) -> bool {
        self.permission_scopes.iter().any(|known| known.is_enabled && known.value.as_deref() == Some(scope))
    }
}

#[derive(Debug)]
pub(super) struct Statements {
    by_address: Prepared,
    application: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        Ok(Self {
            by_address: Prepared::new(
                Select::from(tables::SERVICE_PRINCIPAL)
                    .column("client_id", Kind::Uuid)
                    .filter(column("tenant_id").equals(parameter(0)))
                    .filter(column("deleted").is_null())
                    .filter(column("identifier_uris").matches(1)),
            )?,
            application: Prepared::new(
                Select::from(tables::APPLICATION)
                    .column("object_id", Kind::Uuid)
                    .filter(column("deleted").is_null())
                    .filter(column("tenant_id").equals(parameter(0)))
                    .filter(column("client_id").equals(parameter(1))),
            )?,
        })
    }
}

/// The client id of the resource with this address, or with it and no slash at its end.
fn by_address(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    address: &str,
) -> Result<Option<ClientId>, Refusal> {
    let without = address.strip_suffix('/').filter(|rest| !rest.is_empty());
    for candidate in std::iter::once(address).chain(without) {
        if candidate.contains('\0') {
            return Ok(None);
        }
        // The column holds a JSON array of strings: the quotes make the match one of whole elements.
        let element = Pattern::new([Piece::Many, Piece::Text(to_json(&candidate)?), Piece::Many]);
        let values = [tenant.into(), element.into()];
        if let Some(found) = snapshot.first(&statements.apis.by_address, &values, |row| row.get(0))? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn load(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    key: &ApiKey,
) -> Result<Found, Refusal> {
    let epoch = statements.epoch(snapshot)?;
    let client = match key {
        ApiKey::Client(client) => Some(*client),
        ApiKey::Address(address) => by_address(statements, snapshot, tenant, address)?,
    };
    let Some(client) = client else { return Ok(Found { epoch, api: None }) };
    let principal = match service_principals::find(statements, snapshot, tenant, ObjectKey::Client(client)) {
        Ok(principal) => principal,
        Err(Refusal::NotFound(_)) => return Ok(Found { epoch, api: None }),
        Err(other) => return Err(other),
    };
    let mut api = Api {
        principal: principal.id,
        client,
        display_name: principal.display_name.unwrap_or_default(),
        enabled: principal.account_enabled,
        assignment_required: principal.app_role_assignment_required,
        wants_v2: false,
        app_roles: principal.app_roles,
        permission_scopes: principal.oauth2_permission_scopes,
    };
    if let Some(owner) = principal.app_owner_organization_id {
        let values = [owner.into(), client.into()];
        let application = snapshot.first(&statements.apis.application, &values, |row| row.get(0))?;
        if let Some(application) = application {
            let registration = registrations::of_application(statements, snapshot, owner, application)?;
            api.wants_v2 = registration.requested_access_token_version == Some(2);
            api.app_roles = registration.app_roles;
            api.permission_scopes = registration.permission_scopes;
        }
    }
    Ok(Found { epoch, api: Some(Arc::new(api)) })
}

impl Directory {
    /// The resource as `tenant` sees it, from memory while nothing changes; none when the tenant
    /// has no service principal of it.
    pub(crate) async fn find_api(&self, tenant: TenantId, key: ApiKey) -> Result<Option<Arc<Api>>, Refusal> {
        let slot = (tenant, key);
        if let Some(kept) = self.apis.find(&slot).filter(|kept| kept.epoch == self.epoch()) {
            return Ok(kept.api);
        }
        let key = slot.1.clone();
        let found = self.read(move |statements, snapshot| load(statements, snapshot, tenant, &key)).await?;
        let api = found.api.clone();
        self.apis.insert(slot, found);
        Ok(api)
    }
}
