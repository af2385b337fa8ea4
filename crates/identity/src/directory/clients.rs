//! What the token endpoint must know of a client, kept in memory while the directory stands still.
//!
//! This is the one place that looks across tenants: an application has one home, where its secrets
//! are, and may have service principals in other tenants, where it signs in.

use std::sync::Arc;

use keyholder_foundation::{ClientId, ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Select, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Row, Snapshot};

use super::applications::ObjectKey;
use super::{Directory, Refusal, app_roles, from_json, service_principals, tables};
use crate::cache::Cache;
use crate::credentials::SecretHash;

pub(super) type ClientCache = Cache<(TenantId, ClientId), Arc<Client>>;

/// A client as one tenant sees it.
#[derive(Debug)]
pub(crate) struct Client {
    epoch: i64,
    pub(crate) facts: ApplicationFacts,
    pub(crate) passwords: Vec<Password>,
    /// The application permissions of Graph's that it has, as a token's `roles`.
    pub(crate) graph_roles: Vec<String>,
}

/// An application as the rest of the house asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationFacts {
    /// The client id.
    pub client_id: ClientId,
    /// Its name.
    pub display_name: String,
    /// The first address under which it is a resource itself.
    pub identifier_uri: Option<String>,
    /// Its service principal in the tenant; none when the tenant is its home and has none.
    pub service_principal: Option<ObjectId>,
    /// Whether it may sign in to the tenant.
    pub enabled: bool,
}

/// What is kept of a client secret.
#[derive(Debug)]
pub(crate) struct Password {
    pub(crate) starts: Timestamp,
    pub(crate) ends: Timestamp,
    pub(crate) hash: SecretHash,
}

#[derive(Debug)]
pub(super) struct Statements {
    application: Prepared,
    passwords: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        Ok(Self {
            application: Prepared::new(
                Select::from(tables::APPLICATION)
                    .column("tenant_id", Kind::Uuid)
                    .column("object_id", Kind::Uuid)
                    .column("display_name", Kind::Text)
                    .column("identifier_uris", Kind::Text)
                    .filter(column("deleted").is_null())
                    .filter(column("client_id").equals(parameter(0))),
            )?,
            passwords: Prepared::new(
                Select::from(tables::PASSWORD_CREDENTIAL)
                    .column("starts", Kind::Time)
                    .column("ends", Kind::Time)
                    .column("salt", Kind::Bytes)
                    .column("hash", Kind::Bytes)
                    .filter(column("tenant_id").equals(parameter(0)))
                    .filter(column("application").equals(parameter(1))),
            )?,
        })
    }
}

struct Home {
    tenant: TenantId,
    application: ObjectId,
    display_name: String,
    identifier_uris: Vec<String>,
}

fn read_home(row: &Row<'_>) -> Result<Home, Error> {
    Ok(Home {
        tenant: row.get(0)?,
        application: row.get(1)?,
        display_name: row.get(2)?,
        identifier_uris: from_json(row.get(3)?)?,
    })
}

/// The client as `tenant` sees it: by its service principal there, or because it lives there.
fn load(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    client: ClientId,
) -> Result<Option<Client>, Refusal> {
    let epoch = statements.epoch(snapshot)?;
    let principal = match service_principals::find(statements, snapshot, tenant, ObjectKey::Client(client)) {
        Ok(principal) => Some(principal),
        Err(Refusal::NotFound(_)) => None,
        Err(other) => return Err(other),
    };
    // Without its registration nothing signs in, whatever service principals are left of it.
    let Some(home) = snapshot.first(&statements.clients.application, &[client.into()], read_home)? else {
        return Ok(None);
    };
    if principal.is_none() && home.tenant != tenant {
        return Ok(None);
    }
    let values = [home.tenant.into(), home.application.into()];
    let passwords = snapshot.list(&statements.clients.passwords, &values, |row| {
        let hash = SecretHash { salt: row.get(2)?, hash: row.get(3)? };
        Ok(Password { starts: row.get(0)?, ends: row.get(1)?, hash })
    })?;
    let graph_roles = match &principal {
        Some(principal) => app_roles::values_of(statements, snapshot, tenant, principal.id)?,
        None => Vec::new(),
    };
    let facts = ApplicationFacts {
        client_id: client,
        display_name: home.display_name,
        identifier_uri: home.identifier_uris.into_iter().next(),
        service_principal: principal.as_ref().map(|principal| principal.id),
        enabled: principal.is_none_or(|principal| principal.account_enabled),
    };
    Ok(Some(Client { epoch, facts, passwords, graph_roles }))
}

impl Directory {
    /// The client as `tenant` sees it, from memory while nothing changes.
    pub(crate) async fn find_client(&self, tenant: TenantId, client: ClientId) -> Result<Option<Arc<Client>>, Refusal> {
        if let Some(kept) = self.clients.find(&(tenant, client)).filter(|kept| kept.epoch == self.epoch()) {
            return Ok(Some(kept));
        }
        let loaded = self.read(move |statements, snapshot| load(statements, snapshot, tenant, client)).await?;
        let loaded = loaded.map(Arc::new);
        if let Some(client_facts) = &loaded {
            self.clients.insert((tenant, client), Arc::clone(client_facts));
        }
        Ok(loaded)
    }

    /// The tenant in which the application was registered.
    pub(crate) async fn home_of(&self, client: ClientId) -> Result<Option<TenantId>, Refusal> {
        self.read(move |statements, snapshot| {
            let home = snapshot.first(&statements.clients.application, &[client.into()], read_home)?;
            Ok(home.map(|home| home.tenant))
        })
        .await
    }
}
