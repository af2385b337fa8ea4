//! The tables that signing in needs beyond secrets: certificates, federated credentials, what a
//! registration says about signing in, how people stand with their passwords, their sessions and
//! the codes on their way to one, and what is observed of it all.
//!
//! Due times are columns that are compared when they are read; nothing here is removed by a timer.

use keyholder_store::Kind;
use keyholder_store::statement::{CreateIndex, Statement, TableDefinition};

pub(crate) const KEY_CREDENTIAL: &str = "key_credential";
pub(crate) const FEDERATED_CREDENTIAL: &str = "federated_credential";
pub(crate) const REGISTRATION: &str = "application_registration";
pub(crate) const PERSON: &str = "user_sign_in";
pub(crate) const TENANT_POLICY: &str = "tenant_policy";
pub(crate) const SESSION: &str = "session";
pub(crate) const AUTHORIZATION_CODE: &str = "authorization_code";
pub(crate) const DEVICE_CODE: &str = "device_code";
pub(crate) const SIGN_IN_ACTIVITY: &str = "sign_in_activity";
pub(crate) const SIGN_IN_LOG: &str = "sign_in_log";
/// Keys belong to the whole service, not to a tenant.
pub(crate) const SIGNING_KEY: &str = "signing_key";

/// The second step of the directory's migrations.
pub(super) fn create() -> Vec<Statement> {
    let mut statements = credentials();
    statements.extend(people());
    statements.extend(codes());
    statements.extend(observations());
    statements
}

fn credentials() -> Vec<Statement> {
    vec![
        TableDefinition::new(KEY_CREDENTIAL)
            .required("tenant_id", Kind::Uuid)
            // The application (or service principal) whose certificate it is.
            .required("object_id", Kind::Uuid)
            .required("key_id", Kind::Uuid)
            // `AsymmetricX509Cert` and `Verify`, as a rule.
            .required("kind", Kind::Text)
            .required("usage", Kind::Text)
            .required("starts", Kind::Time)
            .required("ends", Kind::Time)
            .required("der", Kind::Bytes)
            .required("thumbprint_sha1", Kind::Bytes)
            .required("thumbprint_sha256", Kind::Bytes)
            .optional("display_name", Kind::Text)
            .optional("custom_key_identifier", Kind::Bytes)
            .required("created", Kind::Time)
            .primary_key(["tenant_id", "object_id", "key_id"])
            .into(),
        TableDefinition::new(FEDERATED_CREDENTIAL)
            .required("tenant_id", Kind::Uuid)
            .required("credential_id", Kind::Uuid)
            // The application whose credential it is.
            .required("object_id", Kind::Uuid)
            .required("name", Kind::Text)
            .required("issuer", Kind::Text)
            .required("subject", Kind::Text)
            // One audience, as Entra allows one.
            .required("audience", Kind::Text)
            .optional("description", Kind::Text)
            .required("created", Kind::Time)
            .primary_key(["tenant_id", "credential_id"])
            .into(),
        CreateIndex::new("federated_by_name", FEDERATED_CREDENTIAL, ["tenant_id", "object_id", "name"]).unique().into(),
        CreateIndex::new("federated_by_subject", FEDERATED_CREDENTIAL, ["tenant_id", "object_id", "issuer", "subject"])
            .unique()
            .into(),
        TableDefinition::new(REGISTRATION)
            .required("tenant_id", Kind::Uuid)
            .required("object_id", Kind::Uuid)
            // JSON: `[{"platform":"web","uri":".."}]`.
            .required("redirect_uris", Kind::Text)
            .required("is_fallback_public_client", Kind::Bool)
            // 1 or 2; NULL counts as 1.
            .optional("requested_access_token_version", Kind::Integer)
            // JSON, as Graph shows them.
            .required("app_roles", Kind::Text)
            .required("permission_scopes", Kind::Text)
            .primary_key(["tenant_id", "object_id"])
            .into(),
        TableDefinition::new(SIGNING_KEY)
            .required("key_id", Kind::Text)
            // Until when it is published: the last token that it signed has ended then.
            .required("published_until", Kind::Time)
            .primary_key(["key_id"])
            .into(),
    ]
}

fn people() -> Vec<Statement> {
    vec![
        TableDefinition::new(PERSON)
            .required("tenant_id", Kind::Uuid)
            .required("object_id", Kind::Uuid)
            .required("must_change_password", Kind::Bool)
            .required("requires_multi_factor", Kind::Bool)
            .optional("password_expires", Kind::Time)
            // What was signed in before this is over: the password changed, or sessions were revoked.
            .optional("sessions_valid_from", Kind::Time)
            // Wrong passwords in a row, and until when the account is locked for them.
            .required("failures", Kind::Integer)
            .optional("locked_until", Kind::Time)
            .primary_key(["tenant_id", "object_id"])
            .into(),
        TableDefinition::new(TENANT_POLICY)
            .required("tenant_id", Kind::Uuid)
            // `multi_factor` or `block`; no row for none.
            .required("sign_in_rule", Kind::Text)
            .primary_key(["tenant_id"])
            .into(),
        TableDefinition::new(SESSION)
            .required("tenant_id", Kind::Uuid)
            .required("session_id", Kind::Uuid)
            .required("user_id", Kind::Uuid)
            // The application; NULL for a browser's own session.
            .optional("client_id", Kind::Uuid)
            // What was asked for at first: what a refresh gives that names nothing.
            .required("scope", Kind::Text)
            .required("started", Kind::Time)
            // When its last refresh token was made, to within a day.
            .required("used", Kind::Time)
            // When it was ended before its time.
            .optional("revoked", Kind::Time)
            // How the person signed in, as a token's `amr`: `pwd`, `pwd mfa`.
            .required("methods", Kind::Text)
            // Whether it began without the application's credential, and so goes on without.
            .required("is_public", Kind::Bool)
            // What the session's tokens are authenticated with.
            .required("secret", Kind::Bytes)
            .primary_key(["tenant_id", "session_id"])
            .into(),
        CreateIndex::new("session_by_use", SESSION, ["tenant_id", "used"]).into(),
        CreateIndex::new("session_of_user", SESSION, ["tenant_id", "user_id"]).into(),
    ]
}

fn codes() -> Vec<Statement> {
    vec![
        TableDefinition::new(AUTHORIZATION_CODE)
            .required("tenant_id", Kind::Uuid)
            // SHA-256 of the code.
            .required("code_hash", Kind::Bytes)
            .required("user_id", Kind::Uuid)
            .required("client_id", Kind::Uuid)
            .required("redirect_uri", Kind::Text)
            .required("scope", Kind::Text)
            .optional("code_challenge", Kind::Text)
            .optional("code_challenge_method", Kind::Text)
            .optional("nonce", Kind::Text)
            .required("methods", Kind::Text)
            .required("signed_in", Kind::Time)
            .required("expires", Kind::Time)
            .required("redeemed", Kind::Bool)
            .primary_key(["tenant_id", "code_hash"])
            .into(),
        CreateIndex::new("authorization_code_by_end", AUTHORIZATION_CODE, ["expires"]).into(),
        TableDefinition::new(DEVICE_CODE)
            // The nil id while nobody has signed in on `common` or `organizations`.
            .required("tenant_id", Kind::Uuid)
            .required("device_hash", Kind::Bytes)
            .required("user_code", Kind::Text)
            .required("client_id", Kind::Uuid)
            .required("scope", Kind::Text)
            .required("expires", Kind::Time)
            .optional("polled", Kind::Time)
            // How often it was asked about before its interval was over.
            .required("hasty", Kind::Integer)
            // `pending`, `approved`, `declined` or `redeemed`.
            .required("state", Kind::Text)
            .optional("user_tenant", Kind::Uuid)
            .optional("user_id", Kind::Uuid)
            .optional("methods", Kind::Text)
            .optional("signed_in", Kind::Time)
            .primary_key(["tenant_id", "device_hash"])
            .into(),
        CreateIndex::new("device_code_by_user_code", DEVICE_CODE, ["user_code"]).unique().into(),
        CreateIndex::new("device_code_by_end", DEVICE_CODE, ["expires"]).into(),
    ]
}

fn observations() -> Vec<Statement> {
    vec![
        TableDefinition::new(SIGN_IN_ACTIVITY)
            .required("tenant_id", Kind::Uuid)
            .required("principal", Kind::Uuid)
            // `secret`, `certificate`, `federated`, `delegated`, ...
            .required("credential_kind", Kind::Text)
            // The nil id where no credential of its own was used.
            .required("key_id", Kind::Uuid)
            .required("last_sign_in", Kind::Time)
            .primary_key(["tenant_id", "principal", "credential_kind", "key_id"])
            .into(),
        TableDefinition::new(SIGN_IN_LOG)
            .required("tenant_id", Kind::Uuid)
            // Counts up; what lies more than the log's length behind the highest is gone.
            .required("sequence", Kind::Integer)
            .required("created", Kind::Time)
            // JSON.
            .required("entry", Kind::Text)
            .primary_key(["tenant_id", "sequence"])
            .into(),
    ]
}
