//! When applications signed in last. In Graph's beta version only.

use std::collections::BTreeMap;

use keyholder_foundation::{ClientId, KeyId, Timestamp};
use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use super::Graph;
use crate::dataverse::{encode, quote};
use crate::error::Error;

/// One row of the report.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Activity {
    app_id: ClientId,
    #[serde(default)]
    last_sign_in_activity: Option<Moment>,
}

/// One row of the report on credentials.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CredentialActivity {
    key_id: String,
    #[serde(default)]
    sign_in_activity: Option<Moment>,
}

/// A sign-in of an application as itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApplicationSignIn {
    /// When.
    pub at: Timestamp,
    /// Whether with a token of another issuer.
    pub is_federated: bool,
    /// With which credential, where the log tells: a secret, a certificate, or the federated one that accepted the token.
    pub credential: Option<Uuid>,
}

/// One entry of the log, of an application.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoggedSignIn {
    created_date_time: String,
    #[serde(default)]
    client_credential_type: Option<String>,
    #[serde(default)]
    service_principal_credential_key_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Moment {
    #[serde(default)]
    last_sign_in_date_time: Option<String>,
}

impl Graph {
    /// When each application of the tenant signed in last, as far as the report goes back; those that
    /// never did are not in it.
    ///
    /// # Errors
    /// What the requests came to: 403 without the right to read audit logs (`AuditLog.Read.All`), or
    /// without a plan that has them.
    pub async fn last_sign_ins(&self) -> Result<BTreeMap<ClientId, Timestamp>, Error> {
        let rows: Vec<Activity> = self.list(self.beta("reports/servicePrincipalSignInActivities", None)).await?;
        let moment = |row: Activity| {
            let last = row.last_sign_in_activity?.last_sign_in_date_time?;
            Some((row.app_id, Timestamp::parse(&last).ok()?))
        };
        Ok(rows.into_iter().filter_map(moment).collect())
    }

    /// When each secret and certificate of an application was signed in with last; those that never were are not in it.
    /// The report may be hours behind.
    ///
    /// # Errors
    /// As [`Graph::last_sign_ins`].
    pub async fn credential_sign_ins(&self, client: ClientId) -> Result<BTreeMap<KeyId, Timestamp>, Error> {
        let filter = encode(&format!("appId eq {}", quote(&client.to_string())));
        let url = self.beta("reports/appCredentialSignInActivities", Some(&format!("$filter={filter}")));
        let rows: Vec<CredentialActivity> = self.list(url).await?;
        let moment = |row: CredentialActivity| {
            let last = row.sign_in_activity?.last_sign_in_date_time?;
            Some((row.key_id.parse().ok()?, Timestamp::parse(&last).ok()?))
        };
        Ok(rows.into_iter().filter_map(moment).collect())
    }

    /// The sign-ins of an application as itself since a moment, in no order. The log may be hours behind.
    ///
    /// # Errors
    /// As [`Graph::last_sign_ins`].
    pub async fn application_sign_ins(
        &self,
        client: ClientId,
        since: Timestamp,
    ) -> Result<Vec<ApplicationSignIn>, Error> {
        let filter = format!(
            "signInEventTypes/any(t:t eq 'servicePrincipal') and appId eq {} and status/errorCode eq 0 and createdDateTime ge {}",
            quote(&client.to_string()),
            since.whole_seconds(),
        );
        let url = self.beta("auditLogs/signIns", Some(&format!("$filter={}", encode(&filter))));
        let rows: Vec<LoggedSignIn> = self.list(url).await?;
        let read = |row: LoggedSignIn| {
            Some(ApplicationSignIn {
                at: Timestamp::parse(&row.created_date_time).ok()?,
                is_federated: row.client_credential_type.as_deref() == Some("federatedIdentityCredential"),
                credential: row.service_principal_credential_key_id.and_then(|id| id.parse().ok()),
            })
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// A path of the beta version.
    fn beta(&self, path: &str, query: Option<&str>) -> Url {
        let mut url = self.api.url(path, query);
        url.set_path(&format!("/beta/{path}"));
        url
    }
}
