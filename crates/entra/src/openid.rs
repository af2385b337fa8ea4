//! OpenID Connect discovery (the configuration document), the published keys (RFC 7517), and
//! Entra's instance discovery.
//!
//! The v1 and the v2 document differ in what they carry, so everything that only one of them has,
//! or that a client can do without, is optional.

use serde::{Deserialize, Serialize};

use crate::lenient;

/// `.well-known/openid-configuration` of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are OpenID Connect Discovery's and Entra's own")]
pub struct OpenIdConfiguration {
    pub token_endpoint: String,
    pub token_endpoint_auth_methods_supported: Vec<String>,
    pub jwks_uri: String,
    pub response_modes_supported: Vec<String>,
    pub subject_types_supported: Vec<String>,
    pub id_token_signing_alg_values_supported: Vec<String>,
    pub response_types_supported: Vec<String>,
    pub scopes_supported: Vec<String>,
    pub issuer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub microsoft_multi_refresh_token: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_uri_parameter_supported: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_endpoint: Option<String>,
    pub authorization_endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_authorization_endpoint: Option<String>,
    pub http_logout_supported: bool,
    pub frontchannel_logout_supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_session_endpoint: Option<String>,
    pub claims_supported: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_session_iframe: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kerberos_endpoint: Option<String>,
    /// Null for `common` and `organizations`.
    pub tenant_region_scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_instance_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_graph_host_name: Option<String>,
    /// The host (with its port, in the local org) that serves Microsoft Graph to this cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub msgraph_host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rbac_url: Option<String>,
}

/// The published keys.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JwkSet {
    /// All keys whose tokens are still good.
    pub keys: Vec<Jwk>,
}

/// One published RSA key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// "RSA".
    pub kty: String,
    /// "sig".
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<String>,
    /// The key's id in token headers.
    #[serde(default)]
    pub kid: String,
    /// The same as `kid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x5t: Option<String>,
    /// The modulus, base64url.
    #[serde(default)]
    pub n: String,
    /// The public exponent, base64url: "AQAB".
    #[serde(default)]
    pub e: String,
    /// The certificate as base64 DER, where there is one.
    #[serde(default, deserialize_with = "lenient::null_as_default", skip_serializing_if = "Vec::is_empty")]
    pub x5c: Vec<String>,
    /// Whose tokens it signs; only in v2 documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
}

/// The answer of `/common/discovery/instance`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceDiscovery {
    /// The address of the tenant's configuration document.
    pub tenant_discovery_endpoint: String,
    /// "1.0" or "1.1", as asked.
    #[serde(rename = "api-version", default)]
    pub api_version: String,
    /// Hosts that mean the same cloud; only from api-version 1.1 on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<InstanceMetadata>,
}

/// Hosts that mean one cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceMetadata {
    /// The host to ask.
    pub preferred_network: String,
    /// The host under which a client caches.
    pub preferred_cache: String,
    /// All of them.
    pub aliases: Vec<String>,
}

/// The answer of `/common/userrealm/{upn}`: how people of a domain sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRealm {
    /// "1.0".
    pub ver: String,
    /// `Managed`, `Federated` or `Unknown`.
    pub account_type: String,
    /// The domain; none when it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domain_name: Option<String>,
    /// The cloud, as `microsoftonline.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_instance_name: Option<String>,
    /// `urn:federation:MicrosoftOnline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_audience_urn: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_read_with_less_and_more_than_expected() {
        let document: OpenIdConfiguration =
            serde_json::from_str(r#"{"issuer":"https://h/t/v2.0","token_endpoint":"https://h/t","new":[1]}"#).unwrap();
        assert_eq!(document.token_endpoint, "https://h/t");
        let keys: JwkSet =
            serde_json::from_str(r#"{"keys":[{"kty":"RSA","kid":"a","n":"b","e":"AQAB","x5c":null,"z":0}]}"#).unwrap();
        assert_eq!(keys.keys.len(), 1);
    }
}
