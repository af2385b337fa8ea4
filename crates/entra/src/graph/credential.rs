//! Credentials: client secrets, certificates, federated identity credentials.

use keyholder_foundation::{KeyId, ObjectId, Secret, Timestamp};
use serde::{Deserialize, Serialize};

use crate::lenient;

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
    /// Base64 of the certificate (DER); only where `keyCredentials` was selected, else null.
    #[serde(default)]
    pub key: Option<String>,
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

/// A trust in tokens of an issuer elsewhere, which stands in for a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FederatedIdentityCredential {
    /// Its id.
    pub id: ObjectId,
    /// Its name, which never changes and addresses it as well as its id.
    pub name: String,
    /// The issuer's address, as its tokens have it.
    pub issuer: String,
    /// Whom its tokens must be about.
    pub subject: String,
    /// Free text.
    #[serde(default)]
    pub description: Option<String>,
    /// Exactly one audience.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub audiences: Vec<String>,
}

/// What a federated identity credential is made of or changed by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FederatedIdentityCredentialWrite {
    /// As [`FederatedIdentityCredential::name`]; only when making one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// As [`FederatedIdentityCredential::issuer`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// As [`FederatedIdentityCredential::subject`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// As [`FederatedIdentityCredential::description`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// As [`FederatedIdentityCredential::audiences`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audiences: Option<Vec<String>>,
}
