//! App registrations.

use keyholder_foundation::{ClientId, ObjectId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AppRole, KeyCredential, PasswordCredential, PermissionScope};
use crate::lenient;

/// An app registration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// The object's id; not the client id.
    pub id: ObjectId,
    /// When it was deleted, for what is in the recycle bin.
    #[serde(default, with = "lenient::moment")]
    pub deleted_date_time: Option<Timestamp>,
    /// The client id.
    pub app_id: ClientId,
    /// When it was made.
    #[serde(default, with = "lenient::moment")]
    pub created_date_time: Option<Timestamp>,
    /// Its name; not unique.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// Addresses under which it is a resource itself.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub identifier_uris: Vec<String>,
    /// Free text.
    #[serde(default)]
    pub notes: Option<String>,
    /// The tenant's main domain.
    #[serde(default)]
    pub publisher_domain: Option<String>,
    /// Whose accounts may use it, as `AzureADMyOrg`.
    #[serde(default)]
    pub sign_in_audience: Option<String>,
    /// Marks; Keyholder finds what it made by one.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub tags: Vec<String>,
    /// Secrets, without their values.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub password_credentials: Vec<PasswordCredential>,
    /// Certificates.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub key_credentials: Vec<KeyCredential>,
    /// The API permissions that it declares; declaring grants nothing.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub required_resource_access: Vec<RequiredResourceAccess>,
    /// A name of the caller's choosing by which it is found again; unique in the tenant.
    #[serde(default)]
    pub unique_name: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub details: ApplicationDetails,
}

/// What of an app registration is about how people and other applications use it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationDetails {
    /// What other services are told of it.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub add_ins: Vec<AddIn>,
    /// What it is as a resource.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub api: ApiApplication,
    /// The application permissions that it offers.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub app_roles: Vec<AppRole>,
    /// The application that made it, when it was made by one.
    pub created_by_app_id: Option<ClientId>,
    /// Where people are sent when nothing says where.
    pub default_redirect_uri: Option<String>,
    /// Which of a person's groups its tokens name: `None`, `SecurityGroup`, `All`, ...
    pub group_membership_claims: Option<String>,
    /// Addresses that people who consent may read.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub info: InformationalUrl,
    /// Whether it gets no tokens any more, in whichever tenant.
    pub is_disabled: Option<bool>,
    /// Whether devices without a person may use it.
    pub is_device_only_auth_supported: Option<bool>,
    /// Whether it counts as a public client where a sign-in does not tell.
    pub is_fallback_public_client: Option<bool>,
    /// Claims that its tokens have beside the usual ones.
    pub optional_claims: Option<OptionalClaims>,
    /// What minors are kept from.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub parental_control_settings: ParentalControlSettings,
    /// Where it runs on people's machines.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub public_client: RedirectUris,
    /// Whether requests to sign people in have to be signed.
    pub request_signature_verification: Option<RequestSignatureVerification>,
    /// Where its SAML metadata is.
    pub saml_metadata_url: Option<String>,
    /// A reference of the owner's.
    pub service_management_reference: Option<String>,
    /// What its service principals may not have of their own.
    pub service_principal_lock_configuration: Option<ServicePrincipalLock>,
    /// Where it runs in browsers.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub spa: RedirectUris,
    /// Where it runs on a server with pages.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub web: WebApplication,
}

/// What another service is told of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddIn {
    /// Its id, of the sender's choosing.
    pub id: Uuid,
    /// The kind, in the other service's words.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is told.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub properties: Vec<KeyValue>,
}

/// A name with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct KeyValue {
    pub key: String,
    #[serde(default)]
    pub value: Option<String>,
}

/// Claims that tokens have beside the usual ones, by the kind of token.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct OptionalClaims {
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub id_token: Vec<OptionalClaim>,
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub access_token: Vec<OptionalClaim>,
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub saml2_token: Vec<OptionalClaim>,
}

/// A claim that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OptionalClaim {
    /// Its name.
    pub name: String,
    /// Whose property it is: `user`, or none for a predefined claim.
    #[serde(default)]
    pub source: Option<String>,
    /// Whether the application cannot do without.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub essential: bool,
    /// How it is to be, as `emit_as_roles`.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub additional_properties: Vec<String>,
}

/// What minors are kept from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ParentalControlSettings {
    /// Where minors may not use it at all, as ISO 3166-1 alpha-2.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub countries_blocked_for_minors: Vec<String>,
    /// Whose consent minors need: `Allow`, `RequireConsentForPrivacyServices`, ...
    pub legal_age_group_rule: String,
}

impl Default for ParentalControlSettings {
    fn default() -> Self {
        Self { countries_blocked_for_minors: Vec::new(), legal_age_group_rule: "Allow".to_owned() }
    }
}

/// Whether requests to sign people in have to be signed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestSignatureVerification {
    /// Whether they have to.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub is_signed_request_required: bool,
    /// Weak algorithms that are accepted all the same: `rsaSha1`.
    pub allowed_weak_algorithms: Option<String>,
}

/// An application as a resource that others get tokens for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApiApplication {
    /// Whether its tokens may have mapped claims.
    pub accept_mapped_claims: Option<bool>,
    /// Clients that are consented to together with it.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub known_client_applications: Vec<Uuid>,
    /// The delegated permissions that it offers.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub oauth2_permission_scopes: Vec<PermissionScope>,
    /// Clients that need no consent.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub pre_authorized_applications: Vec<PreAuthorizedApplication>,
    /// Which tokens it wants: 1 (none is 1) or 2.
    pub requested_access_token_version: Option<i32>,
}

/// A client that needs no consent for some permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreAuthorizedApplication {
    /// The client.
    pub app_id: ClientId,
    /// The permissions.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub delegated_permission_ids: Vec<Uuid>,
}

/// Where people may be sent with a code.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RedirectUris {
    /// The addresses, compared as they are written.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub redirect_uris: Vec<String>,
}

/// An application with pages of its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WebApplication {
    /// Its first page.
    pub home_page_url: Option<String>,
    /// What may be had from the sign-in page directly.
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub implicit_grant_settings: ImplicitGrantSettings,
    /// Where it learns of sign-outs.
    pub logout_url: Option<String>,
    /// As [`RedirectUris::redirect_uris`].
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub redirect_uris: Vec<String>,
}

/// What may be had from the sign-in page directly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImplicitGrantSettings {
    /// Access tokens.
    pub enable_access_token_issuance: bool,
    /// ID tokens.
    pub enable_id_token_issuance: bool,
}

/// Addresses that people who consent may read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct InformationalUrl {
    pub logo_url: Option<String>,
    pub marketing_url: Option<String>,
    pub privacy_statement_url: Option<String>,
    pub support_url: Option<String>,
    pub terms_of_service_url: Option<String>,
}

/// What an application's service principals may not have of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePrincipalLock {
    /// Whether any of it holds.
    pub is_enabled: bool,
    /// All of them.
    pub all_properties: Option<bool>,
    /// Credentials to sign in with.
    pub credentials_with_usage_verify: Option<bool>,
    /// Credentials to sign tokens with.
    pub credentials_with_usage_sign: Option<bool>,
    /// The key that tokens are encrypted for.
    pub token_encryption_key_id: Option<bool>,
}

impl ServicePrincipalLock {
    /// Whether service principals may not be given secrets or certificates to sign in with.
    #[must_use]
    pub fn forbids_sign_in_credentials(self) -> bool {
        self.is_enabled && (self.all_properties == Some(true) || self.credentials_with_usage_verify == Some(true))
    }
}

/// What an app registration is made of or changed by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationWrite {
    /// Needed when making one; at most 120 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// As [`Application::description`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// As [`Application::sign_in_audience`]. Send it always: the default includes personal accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_audience: Option<String>,
    /// As [`Application::identifier_uris`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identifier_uris: Option<Vec<String>>,
    /// As [`Application::required_resource_access`]; replaces the whole list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_resource_access: Option<Vec<RequiredResourceAccess>>,
    /// As [`Application::tags`]; replaces the whole list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// As [`Application::notes`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// As [`Application::key_credentials`]; replaces the whole list, so those that stay are in it too, by
    /// their ids and without their keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_credentials: Option<Vec<KeyCredential>>,
}

/// Permissions of one API that an application declares.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequiredResourceAccess {
    /// The API's client id.
    pub resource_app_id: ClientId,
    /// Which permissions.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub resource_access: Vec<ResourceAccess>,
}

/// One declared permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ResourceAccess {
    /// The permission's id.
    pub id: Uuid,
    /// Whether it is delegated or the application's own.
    #[serde(rename = "type")]
    pub kind: AccessKind,
}

/// Whether a permission is delegated or the application's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AccessKind {
    /// Delegated: on behalf of a person.
    Scope,
    /// The application's own.
    Role,
}
