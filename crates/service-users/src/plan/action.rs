//! What can be done, as data: enough to do it, and nothing that another moment would say otherwise.

use std::path::PathBuf;

use keyholder_foundation::{ClientId, KeyId, ObjectId};
use keyholder_security::Depth;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One thing to do. What is about a service user names it by the change's item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Action {
    /// Bring the non-interactive user about: the steps are observed anew, since hours may lie between.
    BringAbout,
    /// Make the app registration.
    CreateRegistration {
        /// Its name.
        name: String,
        /// Whose accounts may use it.
        audience: String,
        /// The marks by which it is found again.
        tags: Vec<String>,
        /// Whether it declares Dynamics CRM `user_impersonation`.
        user_impersonation: bool,
    },
    /// Change the app registration.
    UpdateRegistration {
        /// Whose accounts may use it from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        audience: Option<String>,
        /// All its marks from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tags: Option<Vec<String>>,
    },
    /// Declare Dynamics CRM `user_impersonation` on the app registration.
    DeclarePermission,
    /// Make the service principal.
    CreatePrincipal {
        /// The marks by which it is listed and found again.
        tags: Vec<String>,
    },
    /// Consent to Dynamics CRM `user_impersonation` for everybody.
    Consent,
    /// Make a client secret, hand it to its sink, prove it; then remove those that it replaces.
    MakeSecret {
        /// The number of the credential among the user's.
        credential: usize,
        /// How long it works.
        lifetime_seconds: u64,
        /// Earlier secrets and certificates of the same sink.
        replaces: Vec<KeyId>,
        /// The application that is gone and whose key the sink holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        over: Option<ClientId>,
    },
    /// Make a key with its certificate, register the certificate, prove it, hand both to their sink; then
    /// remove those that it replaces.
    MakeCertificate {
        /// The number of the credential among the user's.
        credential: usize,
        /// How long it works.
        lifetime_seconds: u64,
        /// Earlier secrets and certificates of the same sink.
        replaces: Vec<KeyId>,
        /// The application that is gone and whose key the sink holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        over: Option<ClientId>,
    },
    /// Write a key that works to its sink again, and remove earlier ones.
    RewriteKey {
        /// The number of the credential among the user's.
        credential: usize,
        /// Whether it is written at all.
        rewrite: bool,
        /// Earlier secrets and certificates of the same sink.
        removes: Vec<KeyId>,
    },
    /// Accept another issuer's tokens.
    CreateFederation(FederationWrite),
    /// Accept another issuer's tokens otherwise than so far.
    UpdateFederation {
        /// The federated credential.
        id: ObjectId,
        /// How from now on.
        to: FederationWrite,
    },
    /// Accept an issuer's tokens no longer.
    DeleteFederation {
        /// The federated credential.
        id: ObjectId,
    },
    /// Delete the service principal.
    DeletePrincipal {
        /// Which.
        id: ObjectId,
    },
    /// Remove a file with a key of an application that is no longer declared.
    RemoveFile {
        /// The application.
        client_id: ClientId,
        /// Its path.
        path: PathBuf,
        /// Whether it is an env file; otherwise it holds a secret, or key and certificate, alone.
        is_env: bool,
    },
    /// Delete the app registration.
    DeleteRegistration {
        /// Which.
        id: ObjectId,
    },
    /// Make a role with exactly these privileges.
    CreateRole {
        /// Its id.
        id: Uuid,
        /// Its name.
        name: String,
        /// Its description.
        description: String,
        /// What it grants.
        privileges: Vec<Granted>,
    },
    /// Add privileges to a role.
    AddPrivileges {
        /// Which.
        role: Uuid,
        /// What it grants besides.
        privileges: Vec<Granted>,
    },
    /// Let a role grant exactly these privileges.
    ReplacePrivileges {
        /// Which.
        role: Uuid,
        /// What it grants from now on.
        privileges: Vec<Granted>,
    },
    /// Delete a role.
    DeleteRole {
        /// Which.
        role: Uuid,
    },
    /// Make the application user.
    CreateUser {
        /// Its business unit.
        unit: Uuid,
        /// What is left of earlier users of the application and would be in the way.
        clear: Vec<Uuid>,
    },
    /// Change the application user.
    UpdateUser {
        /// Which.
        user: Uuid,
        /// Enable it.
        enable: bool,
        /// Its business unit from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        unit: Option<Uuid>,
    },
    /// Remove the application user of a service principal that was deleted, and make it anew.
    RemakeUser {
        /// The old one.
        user: Uuid,
        /// The new one's business unit.
        unit: Uuid,
    },
    /// Give the application user a role.
    AssignRole {
        /// The role's name.
        name: String,
        /// The copy in the root business unit.
        root: Uuid,
        /// The copy in the user's business unit, once that exists.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        copy: Option<Uuid>,
        /// The user's business unit.
        unit: Uuid,
    },
    /// Take a role from the application user.
    UnassignRole {
        /// The user.
        user: Uuid,
        /// The copy that it holds.
        role: Uuid,
    },
    /// Disable and delete application users of an application that is no longer declared, for good.
    DeleteUser {
        /// The application.
        application: keyholder_foundation::ClientId,
        /// Those that live.
        living: Vec<Uuid>,
        /// Those that were deleted only once.
        deleted: Vec<Uuid>,
    },
}

/// A privilege that a role grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Granted {
    /// Its id in the org.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// How far it reaches.
    pub depth: Depth,
}

/// Whose tokens an application may show instead of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FederationWrite {
    /// Its name on the registration.
    pub name: String,
    /// `iss`, exactly.
    pub issuer: String,
    /// `sub`, exactly.
    pub subject: String,
    /// `aud`.
    pub audience: String,
}
