//! The credential that the caller itself is signed in with.

use keyholder_client::{ClientCertificate, Connection, CredentialChoice, Error as ClientError};
use keyholder_foundation::ClientId;

use super::Aim;
use crate::Administrator;
use crate::certificate;
use crate::error::{Error, While};
use crate::kept::{KeyKind, Registered};
use crate::sink::Key;

/// Whether the caller is signed in with that one; where it cannot be told, it is taken for it.
pub(super) fn is_own(aim: &Aim<'_>, one: &Registered<'_>) -> bool {
    is_callers(aim.administrator, aim.client_id, one)
}

/// The same of a credential of that application.
pub(super) fn is_callers(caller: &Administrator, of: ClientId, one: &Registered<'_>) -> bool {
    let connection = &caller.connection;
    if connection.client_id != of {
        return false;
    }
    match &connection.credential {
        CredentialChoice::Secret(secret) => {
            one.kind == KeyKind::Secret && one.hint.is_none_or(|hint| secret.expose().starts_with(hint))
        }
        CredentialChoice::Certificate(file) => match ClientCertificate::read(connection.client_id, file) {
            Ok(read) => certificate::is_of(read.facts(), one),
            Err(_) => one.kind == KeyKind::Certificate,
        },
        CredentialChoice::ProtectedCertificate { .. } => one.kind == KeyKind::Certificate,
        CredentialChoice::Own(_) => true,
        // Nothing that stands on a registration.
        _ => false,
    }
}

/// The caller, signed in with the new credential.
pub(super) async fn signed_in_anew(caller: &Administrator, key: &Key) -> Result<Administrator, Error> {
    let doing = || "sign in with the new credential".to_owned();
    let credential = key.credential().map_err(ClientError::from).while_doing(doing)?;
    let connection = Connection { credential: CredentialChoice::Own(credential), ..caller.connection.clone() };
    let anew = Administrator::connect(connection, caller.http.clone()).await.while_doing(doing)?;
    Ok(Administrator { patience: caller.patience, certificates: caller.certificates.clone(), ..anew })
}
