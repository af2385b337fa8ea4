//! The local org as a whole: data folder, certificates, listeners, routing, control endpoints.
//!
//! One https origin serves the token service, the directory and Dataverse, because then a client
//! needs one address and one certificate authority. The rooms behind it ([`keyholder_identity`] and
//! [`keyholder_data`]) do not know each other; this crate opens them over one data folder
//! ([`world`]), wires the one question that the second has for the first, and sends each request to
//! the room that it is for.
//!
//! Nothing here is global: two local orgs run in one process, each with its own clocks, keys,
//! randomness and folder.

pub mod certificates;
pub mod clock;
pub mod control;
mod discovery;
mod door;
pub mod env_file;
mod error;
pub mod faults;
pub mod folder;
pub mod listen;
mod listeners;
mod management;
mod on_premises;
mod pages;
mod propagation;
mod protection;
mod rooms;
mod running;
pub mod schemas;
pub mod serve;
pub mod world;

pub use clock::{ClockChange, ClockReading, Shift};
pub use error::{Fault, Refused, StartError};
pub use folder::{DataFolder, Pretence};
pub use keyholder_data::{Imported, RolePolicy, Sampled, Trouble};
pub use keyholder_identity::{
    DocumentFuture, GraphThrottle, IssuerDocuments, MAX_DOCUMENT as LONGEST_DOCUMENT, MultiFactor, NoIssuers, Persona,
    SignInRule,
};
pub use keyholder_limits::Limits;
pub use keyholder_store::Durability;
pub use listen::Listen;
pub use running::{LocalOrg, Options, Place};
pub use world::{
    Account, DAYS_TOLD, Entitled, Entitlement, ListedOrg, ListedTenant, MOST_DAYS_TOLD, NewOrg, OpenWorld, Settings,
    SharedDatabase, Taken, WorldOptions, WrittenPersona,
};
