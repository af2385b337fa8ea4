//! What there is: read in bulk, side by side, changing nothing.
//!
//! The number of requests to an org does not depend on how many users it has, and that to a tenant
//! grows with pages only. What cannot be read is kept as an error beside what could: an org out of
//! reach hides no other.

mod directory;
mod holders;
mod keys;
mod org;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use keyholder_client::Error as ClientError;
use keyholder_foundation::{ClientId, ObjectId, Timestamp};

use crate::declaration::Declaration;
use crate::error::Error;
use crate::estate::Estate;
use crate::marks::is_ours;
use crate::non_interactive::{self, Observed};
use crate::sink::{LeftPlace, Sinks, left_places};
use crate::wishes::Wishes;

pub use directory::DirectorySeen;
pub use holders::{HolderSeen, Holders};
pub use keys::{HeldKey, KeySeen, Rival, SinkSeen};
pub use org::{DepthsSeen, OrgSeen, PrivilegeSeen, RoleSeen, UnitSeen, UserSeen};

pub(crate) use holders::holders_of;
pub(crate) use keys::{address, secret_of, sign_in};
pub(crate) use org::{HeldPrivilege, held, is_delegated};
pub(crate) use org::{ROLES, granted, of_ids, pairs, privileges_of};
pub(crate) use org::{WholeOrg, all_roles, everyone, read_rights, read_roles, shipped, whole_org};

/// What is looked at beyond what is declared.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// Also what the declaration made once and does not name any more.
    pub prune: bool,
}

/// What there is.
#[derive(Debug, Clone)]
pub struct Observation {
    /// When it was read, by the servers' clock.
    pub now: Timestamp,
    /// What the declared roles mean.
    pub wishes: Wishes,
    /// Each tenant's directory, by its authority.
    pub directories: BTreeMap<String, Result<DirectorySeen, ClientError>>,
    /// Each org, by its name in the declaration.
    pub orgs: BTreeMap<String, Result<OrgSeen, ClientError>>,
    /// Each org's tenant, by its authority; absent for one that cannot be told.
    pub tenants: BTreeMap<String, String>,
    /// What the declared sinks hold, by user and number of the credential.
    pub keys: BTreeMap<(String, usize), SinkSeen>,
    /// Where the keys of the registrations that Keyholder made were written, as far as the directory tells.
    pub left: BTreeMap<ObjectId, Vec<LeftPlace>>,
    /// The applications of each tenant on which an earlier run from here made a key for a program and was stopped.
    pub begun: BTreeMap<String, BTreeSet<ClientId>>,
    /// What there is of the declared non-interactive users, by name; absent where none of their orgs is
    /// in reach, or licences may not be borrowed.
    pub non_interactive: BTreeMap<String, Result<Observed, Arc<Error>>>,
}

/// Reads what a declaration is about.
///
/// # Errors
/// When a sink cannot be looked at; what a service said is within the observation.
pub async fn observe(
    estate: &Estate,
    declaration: &Declaration,
    sinks: &Sinks,
    look: Look,
) -> Result<Observation, Error> {
    let wishes = Wishes::of(declaration);
    let tenants: BTreeMap<String, String> =
        declaration.orgs.keys().filter_map(|org| Some((org.clone(), estate.tenant_of(org)?.to_owned()))).collect();
    let read_directories = directories(estate, declaration, &tenants, look);
    let read_orgs = join_all(estate.orgs().map(|(name, administrator)| {
        let wanted = org::Wanted::of(declaration, &wishes, name, look);
        async move {
            let seen = match administrator {
                Ok(administrator) => org::read(&administrator.org, &wanted).await,
                Err(error) => Err(error.clone()),
            };
            (name.to_owned(), seen)
        }
    }));
    let read_people = non_interactive::declared::observe(estate, declaration);
    let (mut directories, orgs, non_interactive) =
        futures::future::join3(read_directories, read_orgs, read_people).await;
    directory::look_elsewhere(estate, declaration, &tenants, &mut directories).await;
    let now = estate.orgs().find_map(|(_, org)| org.ok()).map_or(Timestamp::EPOCH, crate::Administrator::now);
    let keys = keys::read(estate, declaration, sinks, &directories, &tenants, now).await;
    let mut left = BTreeMap::new();
    for application in directories.values().flatten().flat_map(|directory| &directory.registrations) {
        if is_ours(application) {
            left.insert(application.id, left_places(application));
        }
    }
    let orgs = orgs.into_iter().collect();
    let begun = directories.keys().map(|tenant| (tenant.clone(), estate.begun_in(tenant))).collect();
    Ok(Observation { now, wishes, directories, orgs, tenants, keys, left, begun, non_interactive })
}

/// What each tenant's directory holds of a declaration.
pub(crate) async fn directories(
    estate: &Estate,
    declaration: &Declaration,
    tenants: &BTreeMap<String, String>,
    look: Look,
) -> BTreeMap<String, Result<DirectorySeen, ClientError>> {
    let read = estate.directories().into_iter().map(|(tenant, graph)| {
        let wanted = directory::Wanted::of(declaration, tenants, &tenant, look);
        async move { (tenant, directory::read(graph, &wanted).await) }
    });
    join_all(read).await.into_iter().collect()
}
