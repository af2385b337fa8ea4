//! Consent: which delegated permissions an application was granted, and what granting makes - the
//! grants, the application permissions, and, where the application comes from another tenant, its
//! service principal.

use keyholder_foundation::{ClientId, ObjectId, TenantId};
use keyholder_store::statement::{Insert, Select, Update, column, literal, parameter};
use keyholder_store::{Error, Kind, Prepared, Transaction};
use uuid::Uuid;

use super::applications::ObjectKey;
use super::changes::{self, ObjectKind};
use super::service_principals::{self, ServicePrincipalChange};
use super::{Directory, Refusal, grants, tables};

/// What is consented to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Consent {
    /// Delegated permissions, by the client id of their resource.
    pub(crate) scopes: Vec<(ClientId, Vec<String>)>,
    /// Application permissions, by the client id of their resource; only an administrator gives them.
    pub(crate) roles: Vec<(ClientId, Uuid)>,
}

#[derive(Debug)]
pub(super) struct Statements {
    of_client: Prepared,
    of_client_and_resource: Prepared,
    insert: Prepared,
    update: Prepared,
    insert_role: Prepared,
}

impl Statements {
    pub(super) fn prepare() -> Result<Self, Error> {
        let of_client = || column("tenant_id").equals(parameter(0)).and(column("client").equals(parameter(1)));
        let nobody = || literal("AllPrincipals");
        Ok(Self {
            of_client: Prepared::new(
                Select::from(tables::PERMISSION_GRANT)
                    .column("resource", Kind::Uuid)
                    .column("scope", Kind::Text)
                    .filter(of_client())
                    .filter(column("consent_type").equals(nobody()).or(column("principal").equals(parameter(2)))),
            )?,
            of_client_and_resource: Prepared::new(
                Select::from(tables::PERMISSION_GRANT)
                    .column("object_id", Kind::Uuid)
                    .column("scope", Kind::Text)
                    .filter(of_client())
                    .filter(column("resource").equals(parameter(2)))
                    .filter(column("principal").equals(parameter(3))),
            )?,
            insert: Prepared::new(Insert::into(tables::PERMISSION_GRANT).columns([
                "tenant_id",
                "object_id",
                "client",
                "resource",
                "consent_type",
                "principal",
                "scope",
            ]))?,
            update: Prepared::new(
                Update::of(tables::PERMISSION_GRANT)
                    .set("scope", parameter(2))
                    .filter(column("tenant_id").equals(parameter(0)))
                    .filter(column("object_id").equals(parameter(1))),
            )?,
            insert_role: Prepared::new(
                Insert::into(tables::APP_ROLE_ASSIGNMENT)
                    .columns(["tenant_id", "object_id", "principal", "resource", "app_role", "created"])
                    .or_nothing(),
            )?,
        })
    }
}

/// Adds permissions to a grant, making it when it is missing.
fn grant(
    statements: &super::Statements,
    transaction: &mut Transaction<'_>,
    tenant: TenantId,
    (client, resource, principal): (ObjectId, ObjectId, Option<ObjectId>),
    id: Uuid,
    scopes: &[String],
) -> Result<(), Refusal> {
    let consents = &statements.consents;
    let holder = principal.unwrap_or(ObjectId(Uuid::nil()));
    let values = [tenant.into(), client.into(), resource.into(), holder.into()];
    let known = transaction
        .first(&consents.of_client_and_resource, &values, |row| Ok((row.get::<Uuid>(0)?, row.get::<String>(1)?)))?;
    let mut words: Vec<String> =
        known.as_ref().map(|(_, text)| text.split_ascii_whitespace().map(str::to_owned).collect()).unwrap_or_default();
    words.extend(scopes.iter().cloned());
    let mut seen = std::collections::BTreeSet::new();
    words.retain(|word| seen.insert(word.clone()));
    let text = words.join(" ");
    match known {
        Some((known, _)) => {
            transaction.execute(&consents.update, &[tenant.into(), known.into(), text.as_str().into()])?;
            grants::changed(statements, transaction, tenant, known)
        }
        None => {
            let kind = if principal.is_some() { "Principal" } else { "AllPrincipals" };
            let row = [
                tenant.into(),
                id.into(),
                client.into(),
                resource.into(),
                kind.into(),
                holder.into(),
                text.as_str().into(),
            ];
            transaction.execute(&consents.insert, &row)?;
            grants::changed(statements, transaction, tenant, id)
        }
    }
}

impl Directory {
    /// What a service principal was granted for everyone and for this person: the service principal
    /// of each resource, with the permissions separated by blanks.
    pub(crate) async fn granted(
        &self,
        tenant: TenantId,
        client: ObjectId,
        user: ObjectId,
    ) -> Result<Vec<(ObjectId, String)>, Refusal> {
        self.read(move |statements, snapshot| {
            let values = [tenant.into(), client.into(), user.into()];
            Ok(snapshot.list(&statements.consents.of_client, &values, |row| Ok((row.get(0)?, row.get(1)?)))?)
        })
        .await
    }

    /// Consents to `consent` for the application `client`: for one person, or for everyone when
    /// `user` is none. Makes its service principal where it has none. Resources that the tenant has
    /// no service principal of are left out.
    pub(crate) async fn consent(
        &self,
        tenant: TenantId,
        client: ClientId,
        user: Option<ObjectId>,
        consent: Consent,
    ) -> Result<ObjectId, Refusal> {
        let now = self.clocks.now().whole_seconds();
        let fresh = self.new_object_id();
        let scopes: Vec<_> =
            consent.scopes.into_iter().map(|(resource, scopes)| (self.new_id(), resource, scopes)).collect();
        let roles: Vec<_> = consent.roles.into_iter().map(|(resource, role)| (self.new_id(), resource, role)).collect();
        self.change(move |statements, transaction| {
            let find = |transaction: &mut Transaction<'_>, client| match service_principals::find(
                statements,
                transaction,
                tenant,
                ObjectKey::Client(client),
            ) {
                Ok(found) => Ok(Some(found.id)),
                Err(Refusal::NotFound(_)) => Ok(None),
                Err(other) => Err(other),
            };
            let principal = match find(transaction, client)? {
                Some(principal) => principal,
                None => {
                    let change = ServicePrincipalChange::default();
                    service_principals::insert(statements, transaction, tenant, (fresh, client), now, &change)?;
                    fresh
                }
            };
            for (id, resource, scopes) in &scopes {
                if let Some(resource) = find(transaction, *resource)? {
                    grant(statements, transaction, tenant, (principal, resource, user), *id, scopes)?;
                }
            }
            for (id, resource, role) in &roles {
                if let Some(resource) = find(transaction, *resource)? {
                    let row =
                        [tenant.into(), (*id).into(), principal.into(), resource.into(), (*role).into(), now.into()];
                    transaction.execute(&statements.consents.insert_role, &row)?;
                }
            }
            changes::changed(statements, transaction, tenant, ObjectKind::ServicePrincipal, principal)?;
            Ok(principal)
        })
        .await
    }
}
