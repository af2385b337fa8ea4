//! The entities of Microsoft Graph v1.0 that service users are made of.
//!
//! The structs that are read (`Application`, `ServicePrincipal`, ...) print nulls and empty arrays
//! where nothing is set, as Graph does. The structs that are sent (`NewApplication`, ...) leave
//! out what is none, since for Graph a null means "set to nothing".

use keyholder_foundation::{ObjectId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::lenient;

mod application;
mod credential;
mod error;
mod group;
mod licence;
mod policy;
mod service_principal;
mod user;

pub use application::*;
pub use credential::*;
pub use error::{ErrorDetail, GraphError, GraphErrorBody, InnerError};
pub use group::*;
pub use licence::*;
pub use policy::*;
pub use service_principal::*;
pub use user::*;

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
