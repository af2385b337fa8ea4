//! From a name to a proven application user.

mod permission;
mod principal;
mod proof;
mod registration;
mod role;
mod secret;
mod user;

use keyholder_client::{Row, WhoAmI};
use keyholder_foundation::{ClientId, KeyId, ObjectId, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::Administrator;
use crate::definition::ApplicationUserDefinition;
use crate::error::{Error, While};
use crate::report::{Event, Reporter};
use crate::sink::SecretSink;

pub(crate) use registration::find as find_registration;
pub(crate) use secret::Labels;
pub(crate) use user::{Found as FoundUsers, find as find_users, tolerate_missing};

/// What exists now.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Provisioned {
    /// The registration's name.
    pub name: String,
    /// The org.
    pub url: String,
    /// Where tokens come from, tenant included.
    pub authority: String,
    /// The application's id: what it signs in as.
    pub client_id: ClientId,
    /// The registration's object id.
    pub registration_id: ObjectId,
    /// The service principal's object id.
    pub service_principal_id: ObjectId,
    /// Where the client secret is kept.
    pub secret_place: String,
    /// The client secret's id.
    pub secret_id: Option<KeyId>,
    /// When the client secret stops working.
    #[serde(serialize_with = "moment")]
    pub secret_expires: Option<Timestamp>,
    /// The security role's name.
    pub role: String,
    /// The security role's id.
    pub role_id: Uuid,
    /// What the application user may do beyond the definition, one sentence each; empty when it is
    /// exactly what was wanted.
    pub beyond: Vec<String>,
    /// The application user's id in the org.
    pub user_id: Uuid,
    /// Its business unit.
    pub business_unit_id: Uuid,
    /// The org's id.
    pub organization_id: Uuid,
    /// Whether this run changed anything.
    pub changed: bool,
    /// What the application read to prove that it may.
    pub rows: Vec<Row>,
}

fn moment<S: serde::Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match moment {
        Some(moment) => serializer.collect_str(moment),
        None => serializer.serialize_none(),
    }
}

/// Brings the application user about, step by step, each reported as it is done. What is in place
/// is left alone; see the crate's introduction for what counts as in place.
///
/// # Errors
/// The first step's that fails. What was done until then stays, and a further run goes on from there.
pub async fn provision(
    administrator: &Administrator,
    definition: &ApplicationUserDefinition,
    sink: &dyn SecretSink,
    reporter: &mut dyn Reporter,
) -> Result<Provisioned, Error> {
    let mut run = Run { administrator, definition, reporter, changed: false, beyond: Vec::new() };

    let found = find_registration(&administrator.graph, definition).await?;
    if let Some(marked) = found.filter(registration::is_ours) {
        secret::refuse_unexplained(definition, &marked, sink)?;
    }
    let (application, outcome) = registration::ensure(&mut run).await?;
    permission::declare(&mut run, &application, outcome).await?;
    let principal = principal::ensure(&mut run, application.app_id).await?;
    permission::consent(&mut run, &principal).await?;
    let key = secret::ensure(&mut run, &application, sink).await?;

    let me = administrator.org.who_am_i().await.while_doing(|| "ask the org who the administrator is".to_owned())?;
    let unit = role::root_unit(&run).await?;
    let role = role::ensure(&mut run, me.organization_id, unit).await?;
    let user = user::ensure(&mut run, application.app_id, principal.id, unit).await?;
    user::assign(&mut run, &user, &role).await?;

    let proof = proof::prove(&mut run, &key).await?;
    let WhoAmI { user_id, business_unit_id, organization_id } = proof.who;
    Ok(Provisioned {
        name: definition.name.clone(),
        url: key.url.to_string(),
        authority: proof.authority,
        client_id: application.app_id,
        registration_id: application.id,
        service_principal_id: principal.id,
        secret_place: sink.place().to_owned(),
        secret_id: key.key_id,
        secret_expires: key.expires,
        role: role.name,
        role_id: role.id,
        beyond: run.beyond,
        user_id,
        business_unit_id,
        organization_id,
        changed: run.changed,
        rows: proof.rows,
    })
}

/// What every step needs.
pub(crate) struct Run<'a> {
    pub(crate) administrator: &'a Administrator,
    pub(crate) definition: &'a ApplicationUserDefinition,
    pub(crate) reporter: &'a mut dyn Reporter,
    /// Whether this run has changed anything so far.
    pub(crate) changed: bool,
    /// What was seen of rights beyond the definition so far.
    pub(crate) beyond: Vec<String>,
}

impl Run<'_> {
    pub(crate) fn report(&mut self, event: &Event) {
        self.changed |= event.outcome.is_change();
        self.reporter.done(event);
    }
}
