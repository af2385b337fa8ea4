//! What the tenant's directory tells of the application: when its keys end, whom it trusts, what it declares.

use keyholder_client::{Connection, Error};
use keyholder_entra::graph::Application;
use keyholder_entra::well_known::{DYNAMICS_CRM, USER_IMPERSONATION};
use keyholder_foundation::ClientId;

use super::seen::{KeyDates, RegistrationSeen, TrustSeen};
use crate::Administrator;
use crate::plan::declares_impersonation;

/// Reads the registration; nothing where it is another tenant's.
///
/// # Errors
/// What the directory refused to whoever asks.
pub(super) async fn read(
    asker: &Administrator,
    connection: &Connection,
    client: ClientId,
) -> Result<Option<RegistrationSeen>, Error> {
    let graph = &asker.graph;
    let Some(application) = graph.application(client).await? else { return Ok(None) };
    let is_declared = declares_impersonation(&application);
    let is_consented = consented(asker, client).await.ok();
    // Whoever reads the registration reads these too; where not, they are left out.
    let trusts = graph.federated_credentials_of(&[application.id]).await.unwrap_or_default();
    let trusts = trusts.into_values().flatten().map(|one| TrustSeen {
        issuer: one.issuer,
        subject: one.subject,
        audience: one.audiences.into_iter().next().unwrap_or_default(),
    });
    Ok(Some(RegistrationSeen {
        keys: keys(connection, &application),
        trusts: trusts.collect(),
        is_declared,
        is_consented,
    }))
}

/// Whether somebody has consented to `user_impersonation` for the whole tenant.
async fn consented(asker: &Administrator, client: ClientId) -> Result<bool, Error> {
    let principals = asker.graph.service_principals_of(&[DYNAMICS_CRM, client]).await?;
    let of = |id: ClientId| principals.iter().find(|principal| principal.app_id == id).map(|principal| principal.id);
    let (Some(resource), Some(own)) = (of(DYNAMICS_CRM), of(client)) else { return Ok(false) };
    let grants = asker.graph.grants_on(resource).await?;
    Ok(grants.iter().any(|grant| grant.client_id == own && grant.grants(USER_IMPERSONATION)))
}

fn keys(connection: &Connection, application: &Application) -> Vec<KeyDates> {
    // The directory keeps the first three characters of a secret, so that people know which one it is.
    let start: Option<String> = connection.credential.secret().map(|secret| secret.expose().chars().take(3).collect());
    let secrets = application.password_credentials.iter().map(|key| KeyDates {
        kind: "secret",
        name: key.display_name.clone(),
        ends: key.end_date_time,
        is_own: start.as_ref().and_then(|start| Some(key.hint.as_ref()? == start)),
    });
    let certificates = application.key_credentials.iter().map(|key| KeyDates {
        kind: "certificate",
        name: key.display_name.clone(),
        ends: key.end_date_time,
        is_own: None,
    });
    let all = secrets.chain(certificates);
    if start.is_some() { all.filter(|key| key.kind == "secret").collect() } else { all.collect() }
}
