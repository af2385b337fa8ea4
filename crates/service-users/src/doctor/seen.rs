//! What was seen on the way in, as far as it was gone. No judgement, and nothing secret.

use keyholder_client::authority::Discovered;
use keyholder_client::{Error, Told, WhoAmI};
use keyholder_foundation::{ClientId, Timestamp};
use keyholder_security::Depth;
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::needs::CanSeen;
use super::proxy::Proxy;
use crate::usage::EntitledTo;

/// Everything that was seen; nothing where nobody looked.
#[derive(Debug)]
pub struct Seen {
    /// The org's address.
    pub url: url::Url,
    /// Who signs in, or the public client through which a person does.
    pub client: ClientId,
    /// Whether a person signs in.
    pub is_person: bool,
    /// The proxy between here and there.
    pub proxy: Proxy,
    /// When it was seen, by the servers' clock.
    pub now: Timestamp,
    /// How far the servers' clock is ahead of this machine's, in milliseconds; nothing where no server told.
    pub ahead: Option<i64>,
    /// What the org answers without a token.
    pub answer: Result<AnswerSeen, Error>,
    /// What that says about signing in.
    pub discovered: Option<Result<Discovered, Error>>,
    /// The tenant's issuer, by its published configuration.
    pub tenant: Option<Result<String, Error>>,
    /// What the credential says of itself.
    pub credential: Result<CredentialSeen, Error>,
    /// The token.
    pub token: Option<Result<TokenSeen, Error>>,
    /// The registration; `None` inside where it is another tenant's.
    pub registration: Option<Result<Option<RegistrationSeen>, Error>>,
    /// Who the org takes the caller for.
    pub me: Option<Result<WhoAmI, Error>>,
    /// The org's version.
    pub version: Option<Result<String, Error>>,
    /// The user's row; `None` inside where there is none.
    pub user: Option<Result<Option<UserSeen>, Error>>,
    /// Who could read the row and the roles.
    pub source: UserSource,
    /// The user's roles and those of its teams.
    pub roles: Option<Result<Vec<RoleHeld>, Error>>,
    /// What they give, by name and depth.
    pub privileges: Option<Result<Vec<(String, Depth)>, Error>>,
    /// What it was asked to be able to do.
    pub can: Vec<CanSeen>,
    /// What is left of the limits.
    pub room: Option<Result<Told, Error>>,
    /// What it may ask for in a day.
    pub entitled: Option<Result<EntitledTo, Error>>,
}

impl Seen {
    /// The sign-in name of a person, where the row was read.
    pub(super) fn sign_in_name(&self) -> Option<&str> {
        self.user.as_ref()?.as_ref().ok()?.as_ref()?.sign_in_name.as_deref()
    }

    /// Whether one of the user's roles may do everything.
    pub(super) fn is_system_administrator(&self) -> bool {
        matches!(&self.roles, Some(Ok(held)) if held.iter().any(|role| role.is_system_administrator))
    }
}

/// Who read the user's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserSource {
    /// The caller.
    Itself,
    /// Somebody who sees more.
    Witness,
}

/// An answer, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerSeen {
    /// Its status.
    pub status: u16,
}

/// What a credential says of itself without anybody being asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CredentialSeen {
    /// What it is: "a client secret".
    pub what: &'static str,
    /// When a certificate ends, by its own word.
    pub ends: Option<Timestamp>,
    /// What an outside issuer's token says, where it is in a file.
    pub presented: Option<TrustSeen>,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenSeen {
    /// Its claims; nothing for one that is no JWT.
    pub claims: Option<Map<String, Value>>,
    /// When it ends, as the token service said.
    pub expires: Timestamp,
}

/// An app registration, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegistrationSeen {
    /// Its secrets or certificates, whichever the caller has.
    pub keys: Vec<KeyDates>,
    /// Whose tokens it takes instead.
    pub trusts: Vec<TrustSeen>,
    /// Whether it declares Dynamics CRM `user_impersonation`.
    pub is_declared: bool,
    /// Whether somebody has consented to that for the tenant; nothing where the directory does not tell.
    pub is_consented: Option<bool>,
}

/// Whose tokens are taken, or what such a token says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustSeen {
    /// Its issuer.
    pub issuer: String,
    /// Whom it is about.
    pub subject: String,
    /// Whom it is for.
    pub audience: String,
}

/// A key of the registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDates {
    /// "secret" or "certificate".
    pub kind: &'static str,
    /// Its name there.
    pub name: Option<String>,
    /// When it ends.
    pub ends: Option<Timestamp>,
    /// Whether it is the one that the caller uses, as far as that can be told.
    pub is_own: Option<bool>,
}

/// A user's row.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UserSeen {
    /// Its id.
    #[serde(rename = "systemuserid")]
    pub id: Uuid,
    /// Its name.
    #[serde(rename = "fullname", default)]
    pub name: Option<String>,
    /// Whether it may not get in.
    #[serde(rename = "isdisabled", default)]
    pub is_disabled: bool,
    /// How it may use the org (`accessmode`).
    #[serde(rename = "accessmode", default)]
    pub access_mode: Option<i64>,
    /// Whether it has a licence.
    #[serde(rename = "islicensed", default)]
    pub is_licensed: Option<bool>,
    /// The application that it is of.
    #[serde(rename = "applicationid", default)]
    pub application: Option<Uuid>,
    /// The object in the directory.
    #[serde(rename = "azureactivedirectoryobjectid", default)]
    pub object: Option<Uuid>,
    /// The sign-in name of a person.
    #[serde(rename = "domainname", default)]
    pub sign_in_name: Option<String>,
}

/// A role that a user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleHeld {
    /// Its name.
    pub name: String,
    /// The team that has it; nothing for the user's own.
    pub team: Option<String>,
    /// Whether it may do everything, by its template: the name is of the org's language.
    pub is_system_administrator: bool,
}
