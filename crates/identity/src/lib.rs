//! The local org's token service and directory: Microsoft Entra ID and Microsoft Graph, as far as
//! service users need them.
//!
//! Both halves share every entity, so they are one room. [`Identity`] answers requests as values
//! ([`http::Request`] in, [`http::Response`] out); the listener, TLS and the bounds on bodies are
//! the org's. A token is really signed (RS256) with a key handed in, and really checked wherever it
//! comes back; a secret is kept as a hash; who may change the directory is decided by the roles
//! that the caller has there.
//!
//! What a token request needs of the directory is kept in memory and is good for as long as the
//! directory's epoch stands still ([`mod@directory`]), so that a token costs little more than its
//! signature. Time comes from the org clock alone: a moved clock is enough to see a secret expire.
//!
//! The shapes and the errors are those of `keyholder-entra`. Documents followed: Microsoft's
//! "OAuth 2.0 client credentials flow", "Access token claims reference", "Microsoft Entra
//! authentication and authorization error codes" and the Microsoft Graph v1.0 reference.
//!
//! Left out: on-behalf-of, SAML, personal accounts, and tokens straight from the sign-in page
//! (the implicit and hybrid flows), which the documents advise against.

mod administration;
mod attempts;
mod cache;
mod correlation;
pub mod credentials;
pub mod directory;
mod error;
mod graph;
mod html;
mod identity;
pub mod keys;
mod login;
pub mod resources;
pub mod verify;
mod visitor;
mod x509;

pub use directory::administrators::{Administrators, TenantPlan};
pub use directory::changes::{ObjectKind, OutboxItem};
pub use directory::clients::ApplicationFacts;
pub use directory::facts::{ServicePrincipalFacts, UserFacts};
pub use directory::licences::Licences;
pub use directory::people::{MultiFactor, SignInRule};
pub use directory::personas::{MadePersona, Persona};
pub use error::Error;
pub use graph::throttle::GraphThrottle;
pub use html::Html;
pub use identity::{GraphOptions, Identity, IdentityConfig};
pub use keys::SigningKey;
pub use login::answer::{AnswerAfter, CallerAddress};
pub use login::federation::{DocumentFuture, IssuerDocuments, MAX_DOCUMENT, NoIssuers};
pub use resources::{FixedOrganizations, Resources};
pub use verify::{Audience, TokenProblem, VerifiedToken, bearer};
pub use visitor::Visitor;
