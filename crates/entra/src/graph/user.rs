//! People.

use keyholder_foundation::{ObjectId, Secret, Timestamp};
use serde::{Deserialize, Serialize};

use super::{AssignedLicense, LicenseAssignmentState};
use crate::lenient;

/// A person of the tenant. Graph shows [`DEFAULT_USER_PROPERTIES`] of it unless others are selected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The object's id: a token's `oid`.
    pub id: ObjectId,
    /// When it was deleted, for what is in the recycle bin.
    #[serde(default, with = "lenient::moment")]
    pub deleted_date_time: Option<Timestamp>,
    /// Whether the person may sign in.
    #[serde(default)]
    pub account_enabled: Option<bool>,
    /// What the person holds.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub assigned_licenses: Vec<AssignedLicense>,
    /// When it was made.
    #[serde(default, with = "lenient::moment")]
    pub created_date_time: Option<Timestamp>,
    /// The name that people read.
    #[serde(default)]
    pub display_name: Option<String>,
    /// When the password was set last.
    #[serde(default, with = "lenient::moment")]
    pub last_password_change_date_time: Option<Timestamp>,
    /// How the licences came and how they are.
    #[serde(default, deserialize_with = "lenient::null_as_default")]
    pub license_assignment_states: Vec<LicenseAssignmentState>,
    /// The mail address.
    #[serde(default)]
    pub mail: Option<String>,
    /// The part of the mail address before the `@`.
    #[serde(default)]
    pub mail_nickname: Option<String>,
    /// `DisablePasswordExpiration`, `DisableStrongPassword`, or both with a comma.
    #[serde(default)]
    pub password_policies: Option<String>,
    /// Sessions that are older are over.
    #[serde(default, with = "lenient::moment")]
    pub sign_in_sessions_valid_from_date_time: Option<Timestamp>,
    /// Where the person works, as ISO 3166-1 alpha-2; no licence without it.
    #[serde(default)]
    pub usage_location: Option<String>,
    /// The name that the person signs in with.
    #[serde(default)]
    pub user_principal_name: Option<String>,
    /// `Member` or `Guest`.
    #[serde(default)]
    pub user_type: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub profile: UserProfile,
}

/// What of a person is there to be read only.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(missing_docs, reason = "the names say it all")]
pub struct UserProfile {
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub business_phones: Vec<String>,
    pub city: Option<String>,
    pub company_name: Option<String>,
    pub country: Option<String>,
    pub department: Option<String>,
    pub employee_id: Option<String>,
    pub employee_type: Option<String>,
    pub given_name: Option<String>,
    pub job_title: Option<String>,
    pub mobile_phone: Option<String>,
    pub office_location: Option<String>,
    #[serde(deserialize_with = "lenient::null_as_default")]
    pub other_mails: Vec<String>,
    pub postal_code: Option<String>,
    pub preferred_language: Option<String>,
    pub state: Option<String>,
    pub street_address: Option<String>,
    pub surname: Option<String>,
}

/// A person to be made.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewUser {
    /// Whether the person may sign in.
    pub account_enabled: bool,
    /// The name that people read.
    pub display_name: String,
    /// The part of the mail address before the `@`.
    pub mail_nickname: String,
    /// The name that the person signs in with; its domain is one of the tenant's.
    pub user_principal_name: String,
    /// The first password.
    pub password_profile: PasswordProfile,
    /// `DisablePasswordExpiration`, `DisableStrongPassword`, or both with a comma.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_policies: Option<String>,
    /// Where the person works, as ISO 3166-1 alpha-2; no licence without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_location: Option<String>,
    /// What kind of worker it is, in the tenant's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub employee_type: Option<String>,
}

/// A change of a person: what is none stays as it is.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserWrite {
    /// Whether the person may sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_enabled: Option<bool>,
    /// The name that people read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Where the person works, as ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_location: Option<String>,
    /// A new password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_profile: Option<PasswordProfile>,
}

/// A password that somebody is given.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PasswordProfile {
    /// The password.
    #[serde(serialize_with = "lenient::secret::serialize")]
    pub password: Secret,
    /// Whether it only lets the person choose another one; signing in without a window then fails
    /// (AADSTS50055).
    pub force_change_password_next_sign_in: bool,
}

/// What Graph shows of a person when nothing is selected.
pub const DEFAULT_USER_PROPERTIES: &[&str] = &[
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_from_the_default_properties_alone() {
        let text = r#"{"businessPhones":["+1"],"displayName":"Adele","givenName":null,"mail":null,
            "userPrincipalName":"adele@contoso.example","id":"03ef14b0-ca33-4840-8f4f-d6e91916010e"}"#;
        let user: User = serde_json::from_str(text).unwrap();
        assert_eq!(user.profile.business_phones, ["+1"]);
        assert_eq!(user.account_enabled, None);
        let printed = serde_json::to_value(&user).unwrap();
        for name in DEFAULT_USER_PROPERTIES {
            assert!(printed.get(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_password_goes_out_and_is_not_seen_in_a_debug_print() {
        let change = UserWrite {
            password_profile: Some(PasswordProfile {
                password: Secret::new("pass-word-9"),
                force_change_password_next_sign_in: false,
            }),
            ..UserWrite::default()
        };
        assert!(!format!("{change:?}").contains("pass-word-9"));
        assert_eq!(
            serde_json::to_string(&change).unwrap(),
            r#"{"passwordProfile":{"password":"pass-word-9","forceChangePasswordNextSignIn":false}}"#
        );
    }
}
