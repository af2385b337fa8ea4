//! The entities of Microsoft Graph v1.0 that service users are made of.
//!
//! The structs that are read (`Application`, `ServicePrincipal`, ...) print nulls and empty arrays
//! where nothing is set, as Graph does. The structs that are sent (`NewApplication`, ...) leave
//! out what is none, since for Graph a null means "set to nothing".

use keyholder_foundation::{ClientId, KeyId, ObjectId, Secret, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::lenient;

mod error;
pub use error::{GraphError, GraphErrorBody, InnerError};

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
}

/// A client secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordCredential {
    /// Base64 of anything; null for what is made today.
    #[serde(default)]
    pub custom_key_identifier: Option<String>,
    /// A name for people.
    #[serde(default)]
    pub display_name: Option<String>,
    /// When it stops working.
    #[serde(default, with = "lenient::moment")]
    pub end_date_time: Option<Timestamp>,
    /// Its first three characters.
    #[serde(default)]
    pub hint: Option<String>,
    /// Its id, by which it is removed.
    pub key_id: KeyId,
    /// The secret itself: only in the answer of `addPassword`.
    #[serde(default, serialize_with = "lenient::secret::serialize_optional")]
    pub secret_text: Option<Secret>,
    /// When it starts working.
    #[serde(default, with = "lenient::moment")]
    pub start_date_time: Option<Timestamp>,
}

/// Two credentials are the same when their ids and dates are; their texts are not compared.
impl PartialEq for PasswordCredential {
    fn eq(&self, other: &Self) -> bool {
        (self.key_id, self.start_date_time, self.end_date_time, &self.display_name, &self.hint)
            == (other.key_id, other.start_date_time, other.end_date_time, &other.display_name, &other.hint)
    }
}

/// The body of `addPassword`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddPassword {
    /// What the new secret shall be like; all of it is optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_credential: Option<NewPasswordCredential>,
}

/// What a new secret shall be like.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewPasswordCredential {
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// When it starts working; now, when none.
    #[serde(default, with = "lenient::moment", skip_serializing_if = "Option::is_none")]
    pub start_date_time: Option<Timestamp>,
    /// When it stops working; two years after its start, when none.
    #[serde(default, with = "lenient::moment", skip_serializing_if = "Option::is_none")]
    pub end_date_time: Option<Timestamp>,
}

/// The body of `removePassword`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RemovePassword {
    /// Which secret.
    pub key_id: KeyId,
}

/// A certificate of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyCredential {
    /// Base64 of the SHA-1 thumbprint.
    #[serde(default)]
    pub custom_key_identifier: Option<String>,
    /// A name for people.
    #[serde(default)]
    pub display_name: Option<String>,
    /// When it stops working.
    #[serde(default, with = "lenient::moment")]
    pub end_date_time: Option<Timestamp>,
    /// Its id.
    pub key_id: KeyId,
    /// When it starts working.
    #[serde(default, with = "lenient::moment")]
    pub start_date_time: Option<Timestamp>,
    /// `AsymmetricX509Cert`.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// `Verify`.
    #[serde(default)]
    pub usage: Option<String>,
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
    /// Free text.
    #[serde(default)]
    pub notes: Option<String>,
    /// Client id and addresses under which it is found.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub service_principal_names: Vec<String>,
    /// `Application`, `ManagedIdentity`, ...
    #[serde(default)]
    pub service_principal_type: Option<String>,
    /// As [`Application::sign_in_audience`].
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
    /// What stands in a token's `scp`.
    #[serde(default)]
    pub value: Option<String>,
}

/// Delegated permissions granted to an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OAuth2PermissionGrant {
    /// The service principal that got them.
    pub client_id: ObjectId,
    /// `AllPrincipals` (admin consent) or `Principal`.
    pub consent_type: String,
    /// The grant's own id, made by the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// For whom, when `Principal`.
    #[serde(default)]
    pub principal_id: Option<ObjectId>,
    /// The resource's service principal.
    pub resource_id: ObjectId,
    /// The permissions' values, separated by blanks.
    #[serde(default)]
    pub scope: Option<String>,
}

impl OAuth2PermissionGrant {
    /// Admin consent: `scope` of `resource` for `client`, on behalf of everyone.
    #[must_use]
    pub fn for_everyone(client: ObjectId, resource: ObjectId, scope: impl Into<String>) -> Self {
        Self {
            client_id: client,
            consent_type: "AllPrincipals".to_owned(),
            id: None,
            principal_id: None,
            resource_id: resource,
            scope: Some(scope.into()),
        }
    }

    /// Whether `value` is among the granted permissions.
    #[must_use]
    pub fn grants(&self, value: &str) -> bool {
        self.scope.as_deref().unwrap_or("").split_ascii_whitespace().any(|scope| scope == value)
    }
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    /// The tenant's id.
    pub id: TenantId,
    /// Its name.
    #[serde(default)]
    pub display_name: Option<String>,
    /// Its domains.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub verified_domains: Vec<VerifiedDomain>,
    /// When it was made.
    #[serde(default, with = "lenient::moment")]
    pub created_date_time: Option<Timestamp>,
    /// `AAD`.
    #[serde(default)]
    pub tenant_type: Option<String>,
}

/// One domain of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedDomain {
    /// The domain.
    pub name: String,
    /// `Managed` or `Federated`.
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    /// Whether new users get it.
    #[serde(default)]
    pub is_default: bool,
    /// Whether it came with the tenant.
    #[serde(default)]
    pub is_initial: bool,
    /// What it serves, as text.
    #[serde(default)]
    pub capabilities: Option<String>,
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// What the entities are.
    #[serde(rename = "@odata.context", default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// The next page's absolute address, where there is one.
    #[serde(rename = "@odata.nextLink", default, skip_serializing_if = "Option::is_none")]
    pub next_link: Option<String>,
    /// The entities.
    pub value: Vec<T>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_reads_as_the_reference_prints_it() {
        let application: Application = serde_json::from_str(
            r#"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#applications/$entity",
            "id":"03ef14b0-ca33-4840-8f4f-d6e91916010e","deletedDateTime":null,"appId":"631a96bc-a705-4eda-9f99-fdaf9f54f6a2",
            "createdDateTime":"2019-09-17T19:10:35.2742618Z","displayName":"Display name","identifierUris":[],"tags":null,
            "signInAudience":"AzureADMyOrg","info":{"logoUrl":null},"passwordCredentials":[{"customKeyIdentifier":null,
            "endDateTime":"2021-09-09T19:50:29.3086381Z","keyId":"f0b0b335-1d71-4883-8f98-567911bfdca6","secretText":null}],
            "requiredResourceAccess":[{"resourceAppId":"00000007-0000-0000-c000-000000000000","resourceAccess":[
            {"id":"78ce3f0f-a1ce-49c2-8cde-64b5c0896db4","type":"Scope"}]}]}"#,
        )
        .unwrap();
        assert_eq!(application.created_date_time.unwrap().to_string(), "2019-09-17T19:10:35.274Z");
        assert_eq!(application.required_resource_access[0].resource_access[0].kind, AccessKind::Scope);
        let printed = serde_json::to_value(&application).unwrap();
        assert!(printed["passwordCredentials"][0]["secretText"].is_null());
        assert_eq!(serde_json::from_value::<Application>(printed).unwrap(), application);
    }

    #[test]
    fn what_is_sent_leaves_out_what_is_not_set() {
        let write = ApplicationWrite { display_name: Some("a".to_owned()), ..ApplicationWrite::default() };
        assert_eq!(serde_json::to_string(&write).unwrap(), r#"{"displayName":"a"}"#);
        assert_eq!(serde_json::to_string(&AddPassword::default()).unwrap(), "{}");
        let add = AddPassword {
            password_credential: Some(NewPasswordCredential {
                end_date_time: Some(Timestamp::EPOCH),
                ..NewPasswordCredential::default()
            }),
        };
        assert_eq!(
            serde_json::to_string(&add).unwrap(),
            r#"{"passwordCredential":{"endDateTime":"1970-01-01T00:00:00Z"}}"#
        );
    }

    #[test]
    fn a_secret_is_not_seen_in_a_debug_print() {
        let credential: PasswordCredential = serde_json::from_str(
            r#"{"keyId":"f0b0b335-1d71-4883-8f98-567911bfdca6","secretText":"abc8Q~xyz","hint":"abc"}"#,
        )
        .unwrap();
        assert!(!format!("{credential:?}").contains("8Q~"));
    }
}
