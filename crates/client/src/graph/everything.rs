//! A whole directory, page by page: for those who audit it. What is not asked for is dropped as each page arrives.

use std::collections::BTreeMap;

use keyholder_entra::graph::{Application, ServicePrincipal, User};
use keyholder_foundation::{ObjectId, Timestamp};
use serde::Deserialize;

use super::Graph;
use super::bulk::{APPLICATION, PAGE};
use super::users::Membership;
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
    /// Those who are left out: object ids, or words such as `GuestsOrExternalUsers`.
    pub exclude_users: Vec<String>,
    /// The object ids of groups whose members are left out.
    pub exclude_groups: Vec<String>,
    /// The templates of directory roles whose holders are left out.
    pub exclude_roles: Vec<String>,
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

    /// Whether it leaves this person out by name.
    #[must_use]
    pub fn leaves_out(&self, person: ObjectId) -> bool {
        let id = person.to_string();
        self.conditions.users.as_ref().is_some_and(|users| has(&users.exclude_users, &id))
    }

    /// Whether it leaves members of some groups or holders of some directory roles out: then whom it leaves out takes their
    /// memberships to tell.
    #[must_use]
    pub fn leaves_out_members(&self) -> bool {
        let users = self.conditions.users.as_ref();
        users.is_some_and(|users| !users.exclude_groups.is_empty() || !users.exclude_roles.is_empty())
    }

    /// Whether it leaves out whoever has this membership: of a group, or a directory role.
    #[must_use]
    pub fn leaves_out_by(&self, membership: &Membership) -> bool {
        let by = |users: &PolicyUsers| {
            has(&users.exclude_groups, &membership.id)
                || membership.role_template_id.as_ref().is_some_and(|template| has(&users.exclude_roles, template))
        };
        self.conditions.users.as_ref().is_some_and(by)
    }
}

fn has(ids: &[String], id: &str) -> bool {
    ids.iter().any(|one| one.eq_ignore_ascii_case(id))
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

    /// What each of these people is a member of, directly or through another group: groups and directory roles, in batches of
    /// twenty people. Without the right to read groups, those have no names.
    ///
    /// # Errors
    /// What the requests came to; a person who is gone meanwhile is an error.
    pub async fn memberships_of(&self, ids: &[ObjectId]) -> Result<BTreeMap<ObjectId, Vec<Membership>>, Error> {
        let path = |id: &ObjectId| format!("users/{id}/transitiveMemberOf?$top={PAGE}");
        let paths: Vec<String> = ids.iter().map(path).collect();
        Ok(ids.iter().copied().zip(self.many(&paths).await?).collect())
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
                "conditions": {"users": {
                    "includeUsers": ["All"], "excludeUsers": [person.to_uppercase()],
                    "excludeGroups": ["05ef14b0-ca33-4840-8f4f-d6e91916010e"], "excludeRoles": [person],
                }},
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
        let member = |id: &str, template: Option<&str>| Membership {
            kind: None,
            id: id.to_owned(),
            display_name: None,
            role_template_id: template.map(str::to_owned),
        };
        assert!(mfa.leaves_out_members());
        assert!(mfa.leaves_out_by(&member("05EF14B0-ca33-4840-8f4f-d6e91916010e", None)));
        assert!(mfa.leaves_out_by(&member("x", Some(person))));
        // A role's own id is not its template's, and a group is no role.
        assert!(!mfa.leaves_out_by(&member(person, Some("x"))));
    }
}
