//! Whether a person may use an application that is for the assigned only.
//!
//! Assigned is who has one of its app roles, or access without a role, directly or as a direct member
//! of a group: Entra does not look into groups within groups here.

use keyholder_entra::aadsts::{self, Problem};
use keyholder_foundation::{ClientId, ObjectId};

use super::Failure;
use crate::Identity;
use crate::directory::clients::Client;
use crate::directory::people::Person;
use crate::resources::Resource;

/// Refuses a person whom the application that signs in does not let in.
pub(super) async fn check_client(identity: &Identity, person: &Person, client: &Client) -> Result<(), Failure> {
    match client.facts.service_principal.filter(|_| client.assignment_required) {
        Some(principal) => {
            let facts = &client.facts;
            check(identity, person, principal, facts.client_id, &facts.display_name).await
        }
        None => Ok(()),
    }
}

/// Refuses a person whom the resource does not let in.
pub(super) async fn check_resource(identity: &Identity, person: &Person, resource: &Resource) -> Result<(), Failure> {
    match resource.api.as_ref().filter(|api| api.assignment_required) {
        Some(api) => check(identity, person, api.principal, api.client, &api.display_name).await,
        None => Ok(()),
    }
}

async fn check(
    identity: &Identity,
    person: &Person,
    principal: ObjectId,
    client: ClientId,
    name: &str,
) -> Result<(), Failure> {
    if identity.directory.is_assigned(person.tenant, person.id, principal).await? {
        return Ok(());
    }
    let refused: Problem = aadsts::person_not_assigned(client, name, &person.user_principal_name);
    Err(refused.into())
}
