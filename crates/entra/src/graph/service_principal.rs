//! Service principals, and what they offer.

use keyholder_foundation::{ClientId, ObjectId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AddIn, InformationalUrl, KeyCredential, PasswordCredential};
use crate::lenient;

/// What an application is in a tenant: that which signs in, is disabled and gets permissions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipal {
    /// The object's id: a token's `oid`.
    pub id: ObjectId,
    /// When it was deleted, for what is in the recycle bin.
    #[serde(default, with = "lenient::moment")]
    pub deleted_date_time: Option<Timestamp>,
    /// Whether it may sign in.
    #[serde(default = "yes")]
    pub account_enabled: bool,
    /// Whether its application gets no tokens any more.
    #[serde(default)]
    pub is_disabled: Option<bool>,
    /// The application's description.
    #[serde(default)]
    pub app_description: Option<String>,
    /// The application's name.
    #[serde(default)]
    pub app_display_name: Option<String>,
    /// The client id.
    pub app_id: ClientId,
    /// The application's home tenant.
    #[serde(default)]
    pub app_owner_organization_id: Option<TenantId>,
    /// Whether only assigned applications get tokens for it.
    #[serde(default)]
    pub app_role_assignment_required: bool,
    /// When it was made.
    #[serde(default, with = "lenient::moment")]
    pub created_date_time: Option<Timestamp>,
    /// Its name.
    #[serde(default)]
    pub display_name: Option<String>,
    /// The application's first page.
    #[serde(default)]
    pub homepage: Option<String>,
    /// What the application says for people who consent.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub info: InformationalUrl,
    /// Where the application learns of sign-outs.
    #[serde(default)]
    pub logout_url: Option<String>,
    /// Free text.
    #[serde(default)]
    pub notes: Option<String>,
    /// Where people may be sent with a code.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub reply_urls: Vec<String>,
    /// Client id and addresses under which it is found.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub service_principal_names: Vec<String>,
    /// `Application`, `ManagedIdentity`, ...
    #[serde(default)]
    pub service_principal_type: Option<String>,
    /// As [`super::Application::sign_in_audience`].
    #[serde(default)]
    pub sign_in_audience: Option<String>,
    /// Marks.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub tags: Vec<String>,
    /// The application permissions that it offers.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub app_roles: Vec<AppRole>,
    /// The delegated permissions that it offers.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub oauth2_permission_scopes: Vec<PermissionScope>,
    /// Secrets of the principal itself.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub password_credentials: Vec<PasswordCredential>,
    /// Certificates of the principal itself.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub key_credentials: Vec<KeyCredential>,
    /// What other services are told of the application.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub add_ins: Vec<AddIn>,
    /// Everything else.
    #[serde(flatten)]
    pub details: ServicePrincipalDetails,
}

/// What of a service principal is its own and says how people come to the application.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePrincipalDetails {
    /// Other names of it; those of managed identities.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub alternative_names: Vec<String>,
    /// The application that made it, when it was made by one.
    pub created_by_app_id: Option<ClientId>,
    /// What the tenant says of it.
    pub description: Option<String>,
    /// Where people sign in to it.
    pub login_url: Option<String>,
    /// Who is told before a SAML certificate expires.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub notification_email_addresses: Vec<String>,
    /// How people come in without signing in again: `saml`, `password`, `oidc`, `notSupported`.
    pub preferred_single_sign_on_mode: Option<String>,
    /// The certificate that signs SAML tokens, as hexadecimal SHA-1.
    pub preferred_token_signing_key_thumbprint: Option<String>,
    /// Where SAML sends people.
    pub saml_single_sign_on_settings: Option<SamlSingleSignOnSettings>,
}

/// Where SAML sends people.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SamlSingleSignOnSettings {
    /// The page of the application, relative to it.
    pub relay_state: Option<String>,
}

fn yes() -> bool {
    true
}

/// What a service principal is made of or changed by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipalWrite {
    /// The application's client id; only when making one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<ClientId>,
    /// As [`ServicePrincipal::account_enabled`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_enabled: Option<bool>,
    /// As [`ServicePrincipal::app_role_assignment_required`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_role_assignment_required: Option<bool>,
    /// As [`ServicePrincipal::notes`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// As [`ServicePrincipal::tags`]; replaces the whole list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
}

/// An application permission that a resource offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppRole {
    /// Its id.
    pub id: Uuid,
    /// Who may have it: `Application`, `User`.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub allowed_member_types: Vec<String>,
    /// What it lets one do, at length.
    #[serde(default)]
    pub description: Option<String>,
    /// What it lets one do, in short.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Whether it may be assigned.
    #[serde(default = "yes")]
    pub is_enabled: bool,
    /// What stands in a token's `roles`.
    #[serde(default)]
    pub value: Option<String>,
}

/// A delegated permission that a resource offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionScope {
    /// Its id.
    pub id: Uuid,
    /// What an administrator reads at length when consenting.
    #[serde(default)]
    pub admin_consent_description: Option<String>,
    /// What an administrator reads when consenting.
    #[serde(default)]
    pub admin_consent_display_name: Option<String>,
    /// Whether it may be granted.
    #[serde(default = "yes")]
    pub is_enabled: bool,
    /// Who may consent: `User` or `Admin`.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// What a person reads at length when consenting.
    #[serde(default)]
    pub user_consent_description: Option<String>,
    /// What a person reads when consenting.
    #[serde(default)]
    pub user_consent_display_name: Option<String>,
    /// What stands in a token's `scp`.
    #[serde(default)]
    pub value: Option<String>,
}
