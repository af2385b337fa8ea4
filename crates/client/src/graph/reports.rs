//! When applications signed in last. In Graph's beta version only.

use std::collections::BTreeMap;

use keyholder_foundation::{ClientId, KeyId, ObjectId, Timestamp};
use serde::Deserialize;
use url::Url;

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

/// One entry of the log, of an application.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FederatedSignIn {
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

    /// When an application last signed in, since a moment, with a token of another issuer that this federated credential
    /// accepted; where the log does not tell which one did, that any did. The log may be hours behind.
    ///
    /// # Errors
    /// As [`Graph::last_sign_ins`].
    pub async fn last_federated_sign_in(
        &self,
        client: ClientId,
        credential: ObjectId,
        since: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let filter = format!(
            "signInEventTypes/any(t:t eq 'servicePrincipal') and appId eq {} and status/errorCode eq 0 and createdDateTime ge {}",
            quote(&client.to_string()),
            since.whole_seconds(),
        );
        let url = self.beta("auditLogs/signIns", Some(&format!("$filter={}", encode(&filter))));
        let rows: Vec<FederatedSignIn> = self.list(url).await?;
        let id = credential.to_string();
        let is_it = |row: &&FederatedSignIn| {
            row.client_credential_type.as_deref() == Some("federatedIdentityCredential")
                && row.service_principal_credential_key_id.as_ref().is_none_or(|key| key.eq_ignore_ascii_case(&id))
        };
        let moments = rows.iter().filter(is_it).filter_map(|row| Timestamp::parse(&row.created_date_time).ok());
        Ok(moments.max())
    }

    /// A path of the beta version.
    fn beta(&self, path: &str, query: Option<&str>) -> Url {
        let mut url = self.api.url(path, query);
        url.set_path(&format!("/beta/{path}"));
        url
    }
}
