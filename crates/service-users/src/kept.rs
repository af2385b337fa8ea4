//! What stands on a registration and is kept in sinks: secrets and certificates alike.

use keyholder_client::CertificateFacts;
use keyholder_entra::graph::{Application, KeyCredential, PasswordCredential};
use keyholder_foundation::{KeyId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::certificate;

/// What an application proves itself with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyKind {
    /// A client secret.
    Secret,
    /// A certificate, with its private key.
    Certificate,
}

impl KeyKind {
    /// What it is called: "client secret".
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Secret => "client secret",
            Self::Certificate => "certificate",
        }
    }

    /// What programs call its id: `secretId`.
    pub(crate) const fn fact(self) -> &'static str {
        match self {
            Self::Secret => "secretId",
            Self::Certificate => "certificateId",
        }
    }
}

/// A secret or certificate of a registration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Registered<'a> {
    pub(crate) kind: KeyKind,
    pub(crate) key_id: KeyId,
    /// Its label.
    pub(crate) name: Option<&'a str>,
    pub(crate) starts: Option<Timestamp>,
    pub(crate) ends: Option<Timestamp>,
    /// What a secret's text begins with.
    pub(crate) hint: Option<&'a str>,
    /// A certificate's thumbprint, as the directory writes it.
    pub(crate) thumbprint: Option<&'a str>,
}

impl<'a> From<&'a PasswordCredential> for Registered<'a> {
    fn from(secret: &'a PasswordCredential) -> Self {
        Self {
            kind: KeyKind::Secret,
            key_id: secret.key_id,
            name: secret.display_name.as_deref(),
            starts: secret.start_date_time,
            ends: secret.end_date_time,
            hint: secret.hint.as_deref(),
            thumbprint: None,
        }
    }
}

impl<'a> From<&'a KeyCredential> for Registered<'a> {
    fn from(certificate: &'a KeyCredential) -> Self {
        Self {
            kind: KeyKind::Certificate,
            key_id: certificate.key_id,
            name: certificate.display_name.as_deref(),
            starts: certificate.start_date_time,
            ends: certificate.end_date_time,
            hint: None,
            thumbprint: certificate.custom_key_identifier.as_deref(),
        }
    }
}

/// All secrets and certificates of a registration.
pub(crate) fn of(application: &Application) -> impl Iterator<Item = Registered<'_>> {
    let secrets = application.password_credentials.iter().map(Registered::from);
    secrets.chain(application.key_credentials.iter().map(Registered::from))
}

/// Which one of a registration a sink holds: a certificate tells itself, a secret by the id beside it.
pub(crate) fn registered<'a>(
    application: &'a Application,
    key_id: Option<KeyId>,
    facts: Option<&CertificateFacts>,
) -> Option<Registered<'a>> {
    of(application).find(|credential| match facts {
        Some(facts) => credential.kind == KeyKind::Certificate && certificate::is_of(facts, credential),
        None => credential.kind == KeyKind::Secret && Some(credential.key_id) == key_id,
    })
}
