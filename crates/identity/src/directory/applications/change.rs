//! What a registration is made of, and how it changes: on the entity alone, without the store.

use keyholder_entra::graph::{Application, ApplicationDetails, RequiredResourceAccess};
use keyholder_foundation::{ClientId, KeyId, ObjectId, Timestamp};

use super::super::keys::WantedKey;
use super::super::registrations::{Platform, RedirectUri, Registration};
use super::super::tenants::Tenant;
use super::super::{Refusal, merge};

/// How many items all lists of a registration may have together.
const ITEMS: usize = 1000;

/// What an application is made of, or what of it changes: `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct ApplicationChange {
    pub(crate) display_name: Option<String>,
    pub(crate) description: Option<Option<String>>,
    pub(crate) sign_in_audience: Option<String>,
    pub(crate) identifier_uris: Option<Vec<String>>,
    pub(crate) required_resource_access: Option<Vec<RequiredResourceAccess>>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) notes: Option<Option<String>>,
    pub(crate) unique_name: Option<String>,
    /// Properties of the details that change, by their names in Graph.
    pub(crate) details: serde_json::Map<String, serde_json::Value>,
    /// All the certificates that there shall be.
    pub(crate) keys: Option<Vec<WantedKey>>,
    /// The secrets that stay.
    pub(crate) passwords: Option<Vec<KeyId>>,
    /// Who owns it, when it is made; people and service principals that exist.
    pub(crate) owners: Vec<ObjectId>,
    /// Through which application it is made.
    pub(crate) created_by: Option<ClientId>,
}

/// A new application without secrets.
pub(in crate::directory) fn new(
    tenant: &Tenant,
    id: ObjectId,
    app_id: ClientId,
    now: Timestamp,
    change: &ApplicationChange,
) -> Result<Application, Refusal> {
    let mut application = Application {
        id,
        deleted_date_time: None,
        app_id,
        created_date_time: Some(now),
        display_name: None,
        description: None,
        identifier_uris: Vec::new(),
        notes: None,
        publisher_domain: Some(tenant.default_domain().to_owned()),
        sign_in_audience: None,
        tags: Vec::new(),
        password_credentials: Vec::new(),
        key_credentials: Vec::new(),
        required_resource_access: Vec::new(),
        unique_name: None,
        details: ApplicationDetails { created_by_app_id: change.created_by, ..ApplicationDetails::default() },
    };
    apply(&mut application, change)?;
    Ok(application)
}

/// Changes what `change` names.
pub(super) fn apply(application: &mut Application, change: &ApplicationChange) -> Result<(), Refusal> {
    let change = change.clone();
    let details: ApplicationDetails = merge(&application.details, &change.details, "Application")?;
    check_entitlements(&application.details, &details)?;
    application.details = details;
    if change.unique_name.is_some() {
        application.unique_name = change.unique_name;
    }
    if change.display_name.is_some() {
        application.display_name = change.display_name;
    }
    if change.sign_in_audience.is_some() {
        application.sign_in_audience = change.sign_in_audience;
    }
    if let Some(description) = change.description {
        application.description = description;
    }
    if let Some(uris) = change.identifier_uris {
        application.identifier_uris = uris;
    }
    if let Some(access) = change.required_resource_access {
        application.required_resource_access = access;
    }
    if let Some(tags) = change.tags {
        application.tags = tags;
    }
    if let Some(notes) = change.notes {
        application.notes = notes;
    }
    Ok(())
}

/// Permissions that are on may be neither removed nor changed: others may have them.
fn check_entitlements(before: &ApplicationDetails, after: &ApplicationDetails) -> Result<(), Refusal> {
    let mut roles = before.app_roles.iter().filter(|role| role.is_enabled);
    let gone = roles.any(|role| {
        let now = after.app_roles.iter().find(|now| now.id == role.id);
        now.is_none_or(|now| now.is_enabled && now.value != role.value)
    });
    if gone {
        return Err(Refusal::EnabledEntitlement("appRoles"));
    }
    let mut scopes = before.api.oauth2_permission_scopes.iter().filter(|scope| scope.is_enabled);
    let gone = scopes.any(|scope| {
        let now = after.api.oauth2_permission_scopes.iter().find(|now| now.id == scope.id);
        now.is_none_or(|now| now.is_enabled && now.value != scope.value)
    });
    if gone { Err(Refusal::EnabledEntitlement("api.oauth2PermissionScopes")) } else { Ok(()) }
}

/// Refuses lists that are too long together; `keys` is how many certificates there will be.
pub(super) fn check_size(application: &Application, keys: usize) -> Result<(), Refusal> {
    check_items(items(application) - application.key_credentials.len() + keys)
}

/// Refuses so many items in all lists of one object.
pub(in crate::directory) fn check_items(items: usize) -> Result<(), Refusal> {
    if items > ITEMS { Err(Refusal::TooBig) } else { Ok(()) }
}

/// How many items all lists of a registration have.
pub(in crate::directory) fn items(application: &Application) -> usize {
    let details = &application.details;
    application.identifier_uris.len()
        + application.tags.len()
        + application.required_resource_access.iter().map(|api| api.resource_access.len() + 1).sum::<usize>()
        + application.password_credentials.len()
        + application.key_credentials.len()
        + details.web.redirect_uris.len()
        + details.spa.redirect_uris.len()
        + details.public_client.redirect_uris.len()
        + details.app_roles.len()
        + details.add_ins.len()
        + details.parental_control_settings.countries_blocked_for_minors.len()
        + details
            .optional_claims
            .as_ref()
            .map_or(0, |claims| claims.id_token.len() + claims.access_token.len() + claims.saml2_token.len())
        + details.api.oauth2_permission_scopes.len()
        + details.api.known_client_applications.len()
        + details.api.pre_authorized_applications.len()
}

/// What the token service needs of the details.
pub(super) fn registration(details: &ApplicationDetails) -> Registration {
    let uris = [
        (Platform::Web, &details.web.redirect_uris),
        (Platform::Spa, &details.spa.redirect_uris),
        (Platform::PublicClient, &details.public_client.redirect_uris),
    ];
    let uris = uris.into_iter().flat_map(|(platform, uris)| uris.iter().map(move |uri| (platform, uri)));
    Registration {
        redirect_uris: uris.map(|(platform, uri)| RedirectUri { platform, uri: uri.clone() }).collect(),
        is_fallback_public_client: details.is_fallback_public_client == Some(true),
        requested_access_token_version: details.api.requested_access_token_version.map(i64::from),
        app_roles: details.app_roles.clone(),
        permission_scopes: details.api.oauth2_permission_scopes.clone(),
    }
}
