//! Federated credentials as Graph changes them: with their limit, and noted. The rows are
//! [`super::federated`]'s.

use keyholder_foundation::ObjectId;
use uuid::Uuid;

use super::applications::{self, ObjectKey};
use super::changes::{self, ObjectKind};
use super::federated::{self, FederatedCredential, LIMIT};
use super::tenants::Tenant;
use super::{Directory, Refusal};

impl Directory {
    /// Gives an application one more federated credential; its id is made here.
    pub(crate) async fn add_federated(
        &self,
        tenant: &Tenant,
        application: ObjectId,
        credential: FederatedCredential,
    ) -> Result<FederatedCredential, Refusal> {
        let credential = FederatedCredential { id: self.new_id(), ..credential };
        let (tenant, stored) = (tenant.clone(), credential.clone());
        self.change(move |statements, transaction| {
            applications::find(statements, transaction, &tenant, ObjectKey::Object(application))?;
            if federated::of_application(statements, transaction, tenant.id, application)?.len() >= LIMIT {
                return Err(Refusal::TooMany { what: "federatedIdentityCredentials", limit: LIMIT });
            }
            federated::insert(statements, transaction, tenant.id, application, &stored)?;
            changes::changed(statements, transaction, tenant.id, ObjectKind::Application, application)
        })
        .await?;
        Ok(credential)
    }

    /// Changes a federated credential of an application.
    pub(crate) async fn change_federated(
        &self,
        tenant: &Tenant,
        application: ObjectId,
        credential: FederatedCredential,
    ) -> Result<(), Refusal> {
        let tenant = tenant.id;
        self.change(move |statements, transaction| {
            federated::update(statements, transaction, tenant, application, &credential)?;
            changes::changed(statements, transaction, tenant, ObjectKind::Application, application)
        })
        .await
    }

    /// Takes a federated credential from an application.
    pub(crate) async fn remove_federated(
        &self,
        tenant: &Tenant,
        application: ObjectId,
        credential: Uuid,
    ) -> Result<(), Refusal> {
        let tenant = tenant.id;
        self.change(move |statements, transaction| {
            federated::delete(statements, transaction, tenant, application, credential)?;
            changes::changed(statements, transaction, tenant, ObjectKind::Application, application)
        })
        .await
    }
}
