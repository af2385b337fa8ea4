//! The directory that an organization needs, as a trait: `data` and the directory never meet.
//!
//! When somebody makes an application user, Dataverse looks the application up in its tenant and
//! fills columns from there. Whoever wires an organization says where that directory is.

use std::future::Future;
use std::pin::Pin;

use keyholder_foundation::{ClientId, ObjectId};

/// A future behind a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What an application registration says that an organization wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplicationFacts {
    /// The application (client) id.
    pub client_id: ClientId,
    /// What people call it.
    pub display_name: String,
    /// Its first identifier URI.
    pub identifier_uri: Option<String>,
    /// The object id of its service principal in the organization's tenant.
    pub service_principal: ObjectId,
}

/// The directory could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the directory could not be asked: {reason}")]
pub struct DirectoryError {
    /// Why.
    pub reason: String,
}

/// Where an organization looks applications up.
pub trait Directory: Send + Sync {
    /// The application with this client id that has a service principal in the organization's
    /// tenant; nothing when there is none.
    fn find_application(&self, client: ClientId) -> BoxFuture<'_, Result<Option<ApplicationFacts>, DirectoryError>>;
}
