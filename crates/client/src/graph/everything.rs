//! A whole directory, page by page: for those who audit it. What is not asked for is dropped as each page arrives.

use std::collections::BTreeMap;

use keyholder_entra::graph::{Application, ServicePrincipal, User};
use keyholder_foundation::{ObjectId, Timestamp};
use serde::Deserialize;

use super::Graph;
use super::bulk::{APPLICATION, PAGE};
use crate::error::Error;

/// What is read of a service principal.
const PRINCIPAL: &str = "id,appId,displayName,accountEnabled,isDisabled,appOwnerOrganizationId,servicePrincipalType,\
    passwordCredentials,keyCredentials";
/// What is read of a person: as elsewhere, and how old the password is.
const PERSON: &str = "id,accountEnabled,displayName,userPrincipalName,assignedLicenses,licenseAssignmentStates,\
    lastPasswordChangeDateTime,createdDateTime";

/// A policy that decides how people must sign in, as far as whom it leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionalAccessPolicy {
    /// Its name.
    #[serde(default)]
    pub display_name: String,
    /// `enabled`, `disabled` or `enabledForReportingButNotEnforced`.
    #[serde(default)]
    pub state: String,
    /// Whom and what it is about.
    #[serde(default)]
    pub conditions: Conditions,
    /// What it asks for.
    #[serde(default)]
    pub grant_controls: Option<GrantControls>,
}

/// Whom a policy is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Conditions {
    /// The people.
    pub users: Option<PolicyUsers>,
}

/// The people that a policy is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyUsers {
    /// Object ids, or words such as `All`.
    pub exclude_users: Vec<String>,
}

/// What a policy asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GrantControls {
    /// `mfa` among others.
    pub built_in_controls: Vec<String>,
    /// Set where a certain strength of authentication is asked for.
    pub authentication_strength: Option<serde_json::Value>,
}

impl ConditionalAccessPolicy {
    /// Whether it is in force and asks for more than a password.
    #[must_use]
    pub fn asks_for_more_than_a_password(&self) -> bool {
        let asks = |controls: &GrantControls| {
            controls.authentication_strength.is_some() || controls.built_in_controls.iter().any(|one| one == "mfa")
        };
        self.state == "enabled" && self.grant_controls.as_ref().is_some_and(asks)
    }

    /// Whether it leaves this person out by name; whom it leaves out by a group is not told here.
    #[must_use]
    pub fn leaves_out(&self, person: ObjectId) -> bool {
        let id = person.to_string();
        let users = self.conditions.users.as_ref();
        users.is_some_and(|users| users.exclude_users.iter().any(|one| one.eq_ignore_ascii_case(&id)))
    }
}

impl Graph {
    /// The registrations of the directory that `keep` wants.
    ///
    /// # Errors
    /// What the requests came to.
    pub async fn applications_where(&self, keep: impl Fn(&Application) -> bool) -> Result<Vec<Application>, Error> {
        let query = format!("$top={PAGE}&$select={APPLICATION}");
        self.list_where(self.api.url("applications", Some(&query)), keep).await
    }

    /// The service principals of the directory that `keep` wants, with their own credentials.
    ///
    /// # Errors
    /// What the requests came to.
    pub async fn service_principals_where(
        &self,
        keep: impl Fn(&ServicePrincipal) -> bool,
    ) -> Result<Vec<ServicePrincipal>, Error> {
        let query = format!("$top={PAGE}&$select={PRINCIPAL}");
        self.list_where(self.api.url("servicePrincipals", Some(&query)), keep).await
    }

    /// The people with these object ids, with their licences and the age of their passwords; those whom the directory
    /// does not have are left out.
    ///
    /// # Errors
    /// What the requests came to.
    pub async fn people_of(&self, ids: &[ObjectId]) -> Result<Vec<User>, Error> {
        self.by_ids("users", ids, PERSON).await
    }

    /// When these people signed in last, with a window or without; those who never did are left out.
    ///
    /// # Errors
    /// What the requests came to: 403 without the right to read audit logs, or without a plan that has them.
    pub async fn last_sign_ins_of(&self, ids: &[ObjectId]) -> Result<BTreeMap<ObjectId, Timestamp>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Shown {
            id: ObjectId,
            #[serde(default)]
            sign_in_activity: Option<super::users::SignInActivity>,
        }
        let shown: Vec<Shown> = self.by_ids("users", ids, "id,signInActivity").await?;
        let last = |one: Shown| {
            let activity = one.sign_in_activity?;
            let both = [activity.last_sign_in_date_time, activity.last_non_interactive_sign_in_date_time];
            let last = both.iter().flatten().filter_map(|text| Timestamp::parse(text).ok()).max()?;
            Some((one.id, last))
        };
        Ok(shown.into_iter().filter_map(last).collect())
    }

    /// The tenant's Conditional Access policies.
    ///
    /// # Errors
    /// What the requests came to: 403 without the right to read policies (`Policy.Read.All`).
    pub async fn conditional_access_policies(&self) -> Result<Vec<ConditionalAccessPolicy>, Error> {
        self.list(self.api.url("identity/conditionalAccess/policies", None)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_policy_tells_whom_it_leaves_out_of_what() {
        let person = "03ef14b0-ca33-4840-8f4f-d6e91916010e";
        let policy = |state: &str, controls: serde_json::Value| -> ConditionalAccessPolicy {
            serde_json::from_value(json!({
                "displayName": "MFA for all", "state": state, "grantControls": controls,
                "conditions": {"users": {"includeUsers": ["All"], "excludeUsers": [person.to_uppercase()]}},
            }))
            .unwrap()
        };
        let mfa =
            policy("enabled", json!({"operator": "OR", "builtInControls": ["mfa"], "authenticationStrength": null}));
        assert!(mfa.asks_for_more_than_a_password() && mfa.leaves_out(person.parse().unwrap()));
        let strength = json!({"builtInControls": [], "authenticationStrength": {"id": "x"}});
        assert!(policy("enabled", strength.clone()).asks_for_more_than_a_password());
        assert!(!policy("enabledForReportingButNotEnforced", strength).asks_for_more_than_a_password());
        assert!(!policy("enabled", json!({"builtInControls": ["block"]})).asks_for_more_than_a_password());
        assert!(!policy("enabled", json!(null)).asks_for_more_than_a_password());
        assert!(!mfa.leaves_out("03ef14b0-ca33-4840-8f4f-d6e91916010f".parse().unwrap()));
    }
}
