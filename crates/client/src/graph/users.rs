//! People and their licences.

use http::Method;
use keyholder_entra::graph::{AssignLicense, NewUser, SubscribedSku, User, UserWrite};
use keyholder_foundation::{ClientId, ObjectId, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Graph;
use crate::dataverse::{encode, quote, segment};
use crate::error::Error;
use crate::wire::json;

/// What is asked of a person: all that service users need to know, and nothing of their life.
const SELECTED: &str = "id,accountEnabled,displayName,userPrincipalName,mail,usageLocation,assignedLicenses,\
    licenseAssignmentStates,employeeType,passwordPolicies,createdDateTime,lastPasswordChangeDateTime";
/// How many ids one filter names; Graph takes fifteen.
const IDS_AT_ONCE: usize = 15;

/// What a person is a member of: a group or a directory role.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Membership {
    /// Its kind: `#microsoft.graph.group`, `#microsoft.graph.directoryRole`.
    #[serde(rename = "@odata.type", default)]
    pub kind: Option<String>,
    /// Its object id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub display_name: Option<String>,
    /// For a directory role: its template, the same in every tenant.
    #[serde(default)]
    pub role_template_id: Option<String>,
}

/// When a person last signed in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SignInActivity {
    /// With a window, well or not.
    pub last_sign_in_date_time: Option<String>,
    /// Without one, by a program on the person's behalf.
    pub last_non_interactive_sign_in_date_time: Option<String>,
}

/// One entry of the sign-in log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignIn {
    /// When.
    #[serde(with = "moment")]
    pub created_date_time: Timestamp,
    /// Through which application.
    #[serde(default)]
    pub app_id: Option<ClientId>,
    /// Its name.
    #[serde(default)]
    pub app_display_name: Option<String>,
    /// For what.
    #[serde(default)]
    pub resource_display_name: Option<String>,
    /// From where.
    #[serde(default)]
    pub ip_address: Option<String>,
    /// How it ended.
    #[serde(default)]
    pub status: SignInStatus,
}

/// How a sign-in ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SignInStatus {
    /// The AADSTS number; 0 when it went well.
    pub error_code: i64,
    /// Why it failed.
    pub failure_reason: Option<String>,
}

mod moment {
    use keyholder_foundation::Timestamp;
    use serde::{Deserialize, Deserializer};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        Timestamp::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl Graph {
    /// The object id of whoever is signed in: a person's, or an application's service principal's, if the
    /// tenant has one.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn caller(&self) -> Result<Option<ObjectId>, Error> {
        #[derive(Deserialize)]
        struct Me {
            id: ObjectId,
        }
        let credential = self.api.tokens.credential();
        if !credential.is_person() {
            return Ok(self.service_principal(credential.client_id()).await?.map(|principal| principal.id));
        }
        let me: Me = self.api.get(&self.api.url("me", Some("$select=id")), &[]).await?;
        Ok(Some(me.id))
    }

    /// The person with that object id or user name; nothing when there is none.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn user(&self, id_or_name: &str) -> Result<Option<User>, Error> {
        let url = self.api.url(&format!("users/{}", segment(id_or_name)), Some(&format!("$select={SELECTED}")));
        match self.api.get(&url, &[]).await {
            Ok(user) => Ok(Some(user)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The people with these object ids; those whom the directory does not have are left out.
    ///
    /// # Errors
    /// What the requests came to.
    pub async fn users_by_id(&self, ids: &[ObjectId]) -> Result<Vec<User>, Error> {
        let mut found = Vec::new();
        for some in ids.chunks(IDS_AT_ONCE) {
            let listed: Vec<_> = some.iter().map(|id| quote(&id.to_string())).collect();
            let filter = encode(&format!("id in ({})", listed.join(",")));
            let url = self.api.url("users", Some(&format!("$filter={filter}&$select={SELECTED}")));
            found.extend(self.list::<User>(url).await?);
        }
        Ok(found)
    }

    /// Makes a person.
    ///
    /// # Errors
    /// What the request came to. After a lost connection they may exist: look by user name.
    pub async fn create_user(&self, user: &NewUser) -> Result<User, Error> {
        let url = self.api.url("users", None);
        json(&url, &self.api.write(Method::POST, &url, &[], user).await?)
    }

    /// Changes what is set in `changes`.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn update_user(&self, id: ObjectId, changes: &UserWrite) -> Result<(), Error> {
        let url = self.api.url(&format!("users/{id}"), None);
        self.api.act(Method::PATCH, &url, changes).await
    }

    /// Deletes a person; the directory keeps them restorable for 30 days.
    ///
    /// # Errors
    /// What the request came to; 404 when there is none ([`Error::is_missing`]).
    pub async fn delete_user(&self, id: ObjectId) -> Result<(), Error> {
        self.api.delete(&self.api.url(&format!("users/{id}"), None)).await
    }

    /// Gives and takes licences, both or neither.
    ///
    /// # Errors
    /// What the request came to: 400 when no unit is free, the person has no usage location, or does
    /// not hold what is to be taken.
    pub async fn assign_license(&self, id: ObjectId, change: &AssignLicense) -> Result<(), Error> {
        let url = self.api.url(&format!("users/{id}/assignLicense"), None);
        self.api.act(Method::POST, &url, change).await
    }

    /// The licences that the tenant has bought, with how many are given away.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn subscribed_skus(&self) -> Result<Vec<SubscribedSku>, Error> {
        self.list(self.api.url("subscribedSkus", None)).await
    }

    /// Ends every session of a person: tokens that renew others stop working.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn revoke_sign_in_sessions(&self, id: ObjectId) -> Result<(), Error> {
        let url = self.api.url(&format!("users/{id}/revokeSignInSessions"), None);
        self.api.act(Method::POST, &url, &Value::Null).await
    }

    /// The groups and directory roles of a person, those of groups in groups included.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn memberships(&self, id: ObjectId) -> Result<Vec<Membership>, Error> {
        self.list(self.api.url(&format!("users/{id}/transitiveMemberOf"), None)).await
    }

    /// Which of these groups the person is in, directly or through another group.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn check_member_groups(&self, id: ObjectId, groups: &[ObjectId]) -> Result<Vec<ObjectId>, Error> {
        #[derive(Deserialize)]
        struct Found {
            value: Vec<ObjectId>,
        }
        let url = self.api.url(&format!("users/{id}/checkMemberGroups"), None);
        let found: Found = json(&url, &self.api.write(Method::POST, &url, &[], &json!({ "groupIds": groups })).await?)?;
        Ok(found.value)
    }

    /// When a person last signed in; nothing when the tenant's plan does not tell.
    ///
    /// # Errors
    /// What the request came to: 403 without the right to read audit logs, or without a plan that
    /// has them.
    pub async fn sign_in_activity(&self, id: ObjectId) -> Result<Option<SignInActivity>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Shown {
            #[serde(default)]
            sign_in_activity: Option<SignInActivity>,
        }
        let shown: Shown =
            self.api.get(&self.api.url(&format!("users/{id}"), Some("$select=id,signInActivity")), &[]).await?;
        Ok(shown.sign_in_activity)
    }

    /// The sign-ins of a person that the log still has, the newest first, at most `most`: with a
    /// window, or (`by_programs`) those that a program did on the person's behalf. Those stand
    /// in Graph's beta version only.
    ///
    /// # Errors
    /// As [`Graph::sign_in_activity`].
    pub async fn sign_ins(&self, id: ObjectId, by_programs: bool, most: usize) -> Result<Vec<SignIn>, Error> {
        #[derive(Deserialize)]
        struct Found {
            value: Vec<SignIn>,
        }
        let mut filter = format!("userId eq {}", quote(&id.to_string()));
        if by_programs {
            filter.push_str(" and signInEventTypes/any(t:t eq 'nonInteractiveUser')");
        }
        let mut url = self.api.url("auditLogs/signIns", Some(&format!("$filter={}&$top={most}", encode(&filter))));
        if by_programs {
            url.set_path("/beta/auditLogs/signIns");
        }
        Ok(self.api.get::<Found>(&url, &[]).await?.value)
    }
}
