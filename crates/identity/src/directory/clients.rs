//! What the token endpoint must know of a client, kept in memory while the directory stands still.
//!
//! This is the one place that looks across tenants: an application has one home, where its
//! credentials are, and may have service principals in other tenants, where it signs in.

use std::sync::Arc;
use std::time::Duration;

use keyholder_entra::assertion::Thumbprint;
use keyholder_entra::graph::{ApplicationDetails, RequiredResourceAccess};
use keyholder_entra::well_known::{PUBLIC_CLIENTS, PublicClient};
use keyholder_foundation::{ClientId, KeyId, ObjectId, TenantId, Timestamp};
use keyholder_store::statement::{Select, column, parameter};
use keyholder_store::{Error, Kind, Prepared, Row, Snapshot};
use uuid::Uuid;

use super::applications::ObjectKey;
use super::certificates::{self, Certificate};
use super::federated::{self, FederatedCredential};
use super::registrations::{self, Platform, RedirectUri, Registration};
use super::{Directory, Refusal, app_roles, from_json, service_principals, tables};
use crate::cache::Cache;
use crate::credentials::SecretHash;
use crate::x509::PublicRsaKey;

pub(super) type ClientCache = Cache<(TenantId, ClientId), Arc<Client>>;

/// A client as one tenant sees it.
#[derive(Debug)]
pub(crate) struct Client {
    epoch: i64,
    pub(crate) facts: ApplicationFacts,
    /// Whether only assigned people may use it, in the tenant that sees it.
    pub(crate) assignment_required: bool,
    /// Whose it is.
    pub(crate) origin: Origin,
    pub(crate) passwords: Vec<Password>,
    pub(crate) certificates: Vec<ClientCertificate>,
    pub(crate) federated: Vec<FederatedCredential>,
    pub(crate) registration: Registration,
    /// The API permissions that it declares.
    pub(crate) required: Vec<RequiredResourceAccess>,
    /// The application permissions of Graph's that it has, as a token's `roles`.
    pub(crate) graph_roles: Vec<String>,
    /// Every application permission that it has: the resource's service principal, and the role.
    pub(crate) assigned: Vec<(ObjectId, Uuid)>,
}

/// Whose application a client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Microsoft's own, which every tenant trusts.
    Microsoft(&'static PublicClient),
    /// Registered in a tenant of this directory.
    Registered(Home),
}

/// Where a client was registered, and since when it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) tenant: TenantId,
    pub(crate) application: ObjectId,
    /// Whether other tenants may let it in.
    pub(crate) multi_tenant: bool,
    /// When the later one of application and service principal was made; the owner of the data
    /// folder is not made to wait, so the administrators' application was always there.
    pub(crate) since: Timestamp,
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
    pub(crate) key_id: KeyId,
    pub(crate) starts: Timestamp,
    pub(crate) ends: Timestamp,
    pub(crate) hash: SecretHash,
}

/// A certificate whose key is ready to check with.
#[derive(Debug)]
pub(crate) struct ClientCertificate {
    pub(crate) key_id: KeyId,
    pub(crate) starts: Timestamp,
    pub(crate) ends: Timestamp,
    pub(crate) created: Timestamp,
    pub(crate) key: PublicRsaKey,
    sha1: Vec<u8>,
    sha256: Vec<u8>,
}

impl ClientCertificate {
    /// None when its key cannot be used: such a certificate proves nothing.
    fn new(certificate: Certificate) -> Option<Self> {
        Some(Self {
            key: PublicRsaKey::of_certificate(&certificate.der)?,
            key_id: certificate.key_id,
            starts: certificate.starts,
            ends: certificate.ends,
            created: certificate.created,
            sha1: certificate.thumbprint_sha1,
            sha256: certificate.thumbprint_sha256,
        })
    }

    /// Whether it is the one that an assertion's header names.
    pub(crate) fn has(&self, thumbprint: &Thumbprint) -> bool {
        match thumbprint {
            Thumbprint::Sha1(bytes) => &self.sha1 == bytes,
            Thumbprint::Sha256(bytes) => &self.sha256 == bytes,
            Thumbprint::Other(_) => false,
        }
    }
}

impl Client {
    /// Whether `tenant` has let it in, or is its home.
    pub(crate) fn is_known_to(&self, tenant: TenantId) -> bool {
        match self.origin {
            Origin::Microsoft(_) => true,
            Origin::Registered(home) => home.tenant == tenant || self.facts.service_principal.is_some(),
        }
    }

    /// Microsoft's own client, when it is one.
    pub(crate) fn published(&self) -> Option<&'static PublicClient> {
        match self.origin {
            Origin::Microsoft(published) => Some(published),
            Origin::Registered(_) => None,
        }
    }

    /// Whether flows that cannot keep a secret are let in without one.
    pub(crate) fn is_public(&self) -> bool {
        self.registration.is_fallback_public_client
    }

    /// Whether what was made at `created` can be seen by now, when news take `lag` to get round.
    pub(crate) fn sees(&self, created: Timestamp, now: Timestamp, lag: Duration) -> bool {
        let exempt = matches!(self.origin, Origin::Registered(home) if home.since == Timestamp::EPOCH);
        // What is dated in the future was made before the clock was moved back.
        lag.is_zero() || exempt || created > now || now >= created.plus(lag)
    }

    /// One of Microsoft's own clients, as every tenant has it.
    fn published_as(epoch: i64, published: &'static PublicClient) -> Self {
        let uri = |uri: &&str| RedirectUri { platform: Platform::PublicClient, uri: (*uri).to_owned() };
        let redirect_uris = PUBLIC_CLIENT_REDIRECTS.iter().map(uri).collect();
        Self {
            epoch,
            facts: ApplicationFacts {
                client_id: published.client,
                display_name: published.display_name.to_owned(),
                identifier_uri: None,
                service_principal: None,
                enabled: true,
            },
            assignment_required: false,
            origin: Origin::Microsoft(published),
            passwords: Vec::new(),
            certificates: Vec::new(),
            federated: Vec::new(),
            registration: Registration { redirect_uris, is_fallback_public_client: true, ..Registration::default() },
            required: Vec::new(),
            graph_roles: Vec::new(),
            assigned: Vec::new(),
        }
    }
}

/// Where Microsoft's own clients send people back to: a port of the machine that they run on, or
/// pages and schemes that they watch for in a browser of their own.
const PUBLIC_CLIENT_REDIRECTS: [&str; 5] = [
    "http://localhost",
    "http://127.0.0.1",
    "https://login.microsoftonline.com/common/oauth2/nativeclient",
    "app://58145B91-0C36-4500-8554-080854F2AC97",
    "ms-appx-web://microsoft.aad.brokerplugin/04b07795-8ddb-461a-bbee-02f9e1bf7b46",
];

#[derive(Debug)]
pub(super) struct Statements {
    application: Prepared,
    passwords: Prepared,
    assigned: Prepared,
    administrator: Prepared,
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
                    .column("sign_in_audience", Kind::Text)
                    .column("required_resource_access", Kind::Text)
                    .column("created", Kind::Time)
                    .column("details", Kind::Text)
                    .filter(column("deleted").is_null())
                    .filter(column("client_id").equals(parameter(0))),
            )?,
            passwords: Prepared::new(
                Select::from(tables::PASSWORD_CREDENTIAL)
                    .column("key_id", Kind::Uuid)
                    .column("starts", Kind::Time)
                    .column("ends", Kind::Time)
                    .column("salt", Kind::Bytes)
                    .column("hash", Kind::Bytes)
                    .filter(column("tenant_id").equals(parameter(0)))
                    .filter(column("application").equals(parameter(1))),
            )?,
            assigned: Prepared::new(
                Select::from(tables::APP_ROLE_ASSIGNMENT)
                    .column("resource", Kind::Uuid)
                    .column("app_role", Kind::Uuid)
                    .filter(column("tenant_id").equals(parameter(0)))
                    .filter(column("principal").equals(parameter(1))),
            )?,
            administrator: Prepared::new(
                Select::from(tables::TENANT)
                    .column("created", Kind::Time)
                    .filter(column("tenant_id").equals(parameter(0)))
                    .filter(column("administrator_application").equals(parameter(1))),
            )?,
        })
    }
}

/// An application where it is registered.
struct Source {
    home: Home,
    display_name: String,
    identifier_uris: Vec<String>,
    required: Vec<RequiredResourceAccess>,
    /// Whether its owner has deactivated it, for all tenants.
    is_disabled: bool,
}

fn read_source(row: &Row<'_>) -> Result<Source, Error> {
    let audience: &str = row.get(4)?;
    Ok(Source {
        home: Home {
            tenant: row.get(0)?,
            application: row.get(1)?,
            multi_tenant: matches!(audience, "AzureADMultipleOrgs" | "AzureADandPersonalMicrosoftAccount"),
            since: row.get(6)?,
        },
        display_name: row.get(2)?,
        identifier_uris: from_json(row.get(3)?)?,
        required: from_json(row.get(5)?)?,
        is_disabled: from_json::<ApplicationDetails>(row.get(7)?)?.is_disabled == Some(true),
    })
}

/// The client as `tenant` sees it: by its service principal there, because it lives there, or
/// because it is offered to every tenant.
fn load(
    statements: &super::Statements,
    snapshot: &mut Snapshot<'_>,
    tenant: TenantId,
    client: ClientId,
) -> Result<Option<Client>, Refusal> {
    let epoch = statements.epoch(snapshot)?;
    // Without its registration nothing signs in, whatever service principals are left of it.
    let Some(source) = snapshot.first(&statements.clients.application, &[client.into()], read_source)? else {
        return Ok(None);
    };
    let principal = match service_principals::find(statements, snapshot, tenant, ObjectKey::Client(client)) {
        Ok(principal) => Some(principal),
        Err(Refusal::NotFound(_)) => None,
        Err(other) => return Err(other),
    };
    let mut home = source.home;
    if home.tenant != tenant && !home.multi_tenant {
        return Ok(None);
    }
    let values = [home.tenant.into(), home.application.into()];
    if snapshot.exists(&statements.clients.administrator, &values)? {
        home.since = Timestamp::EPOCH;
    } else if let Some(made) = principal.as_ref().and_then(|principal| principal.created_date_time) {
        home.since = home.since.max(made);
    }
    // A principal may have credentials of its own beside its application's.
    let own = principal.as_ref().map(|principal| (tenant, principal.id));
    let (mut passwords, mut certificates) = (Vec::new(), Vec::new());
    for (tenant, holder) in std::iter::once((home.tenant, home.application)).chain(own) {
        let found = snapshot.list(&statements.clients.passwords, &[tenant.into(), holder.into()], |row| {
            let hash = SecretHash { salt: row.get(3)?, hash: row.get(4)? };
            Ok(Password { key_id: row.get(0)?, starts: row.get(1)?, ends: row.get(2)?, hash })
        })?;
        passwords.extend(found);
        certificates.extend(certificates::of_object(statements, snapshot, tenant, holder)?);
    }
    let (mut graph_roles, mut assigned) = (Vec::new(), Vec::new());
    if let Some(principal) = &principal {
        graph_roles = app_roles::values_of(statements, snapshot, tenant, principal.id)?;
        let values = [tenant.into(), principal.id.into()];
        assigned = snapshot.list(&statements.clients.assigned, &values, |row| Ok((row.get(0)?, row.get(1)?)))?;
    }
    let facts = ApplicationFacts {
        client_id: client,
        display_name: source.display_name,
        identifier_uri: source.identifier_uris.into_iter().next(),
        service_principal: principal.as_ref().map(|principal| principal.id),
        enabled: !source.is_disabled && principal.as_ref().is_none_or(|principal| principal.account_enabled),
    };
    Ok(Some(Client {
        epoch,
        facts,
        assignment_required: principal.is_some_and(|principal| principal.app_role_assignment_required),
        origin: Origin::Registered(home),
        passwords,
        certificates: certificates.into_iter().filter_map(ClientCertificate::new).collect(),
        federated: federated::of_application(statements, snapshot, home.tenant, home.application)?,
        registration: registrations::of_application(statements, snapshot, home.tenant, home.application)?,
        required: source.required,
        graph_roles,
        assigned,
    }))
}

impl Directory {
    /// The client as `tenant` sees it, from memory while nothing changes; also one of Microsoft's
    /// own, and one that is offered to every tenant but that this one has not let in
    /// ([`Client::is_known_to`]).
    pub(crate) async fn find_client(&self, tenant: TenantId, client: ClientId) -> Result<Option<Arc<Client>>, Refusal> {
        let epoch = self.epoch();
        if let Some(kept) = self.clients.find(&(tenant, client)).filter(|kept| kept.epoch == epoch) {
            return Ok(Some(kept));
        }
        let published = PUBLIC_CLIENTS.iter().find(|published| published.client == client);
        let loaded = match published {
            Some(published) => Some(Client::published_as(epoch, published)),
            None => self.read(move |statements, snapshot| load(statements, snapshot, tenant, client)).await?,
        };
        let loaded = loaded.map(Arc::new);
        if let Some(client_facts) = &loaded {
            self.clients.insert((tenant, client), Arc::clone(client_facts));
        }
        Ok(loaded)
    }

    /// Where the application was registered.
    pub(crate) async fn home_of(&self, client: ClientId) -> Result<Option<Home>, Refusal> {
        self.read(move |statements, snapshot| {
            let source = snapshot.first(&statements.clients.application, &[client.into()], read_source)?;
            Ok(source.map(|source| source.home))
        })
        .await
    }
}
