//! What a caller holds: the privileges of all roles, their own and their teams', with how far each
//! reaches.
//!
//! Made once per caller and security epoch from the rows of the org, and then asked for every
//! request. Privileges only add up; nothing takes one away.

use std::collections::HashMap;
use std::sync::Arc;

use keyholder_dataverse::Depth;
use keyholder_dataverse::error::PrincipalFacts;
use uuid::Uuid;

use crate::reach::{Reach, Rows};

/// Who holds a role, which decides whose rows it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Holder {
    /// The caller.
    User,
    /// A team of the caller's.
    Team {
        /// The team.
        team: Uuid,
        /// Whether the role's `isinherited` is 1: then its Basic depth also reaches the caller's
        /// own rows, else only the team's.
        inherited: bool,
    },
}

/// All that a caller may.
#[derive(Debug, Clone)]
pub struct Grants {
    caller: PrincipalFacts,
    teams: Vec<Uuid>,
    held: HashMap<Uuid, Held>,
}

#[derive(Debug, Clone)]
struct Held {
    depth: Depth,
    reach: Reach,
}

impl Grants {
    /// A caller without any role.
    ///
    /// `caller` describes the user for refusals; its counts are kept up to date here.
    /// `teams` are all teams that the caller is a member of.
    #[must_use]
    pub fn new(caller: PrincipalFacts, teams: Vec<Uuid>) -> Self {
        Self { caller, teams, held: HashMap::new() }
    }

    /// Adds one role: its privileges by id, held by the caller or a team whose business unit is
    /// `unit`; `subtree` is that unit and every unit below it.
    pub fn add_role(
        &mut self,
        holder: Holder,
        unit: Uuid,
        subtree: &Arc<[Uuid]>,
        privileges: impl IntoIterator<Item = (Uuid, Depth)>,
    ) {
        self.caller.role_count += 1;
        for (privilege, depth) in privileges {
            let reach = self.reach_of(holder, unit, subtree, depth);
            match self.held.entry(privilege) {
                std::collections::hash_map::Entry::Occupied(mut held) => {
                    let held = held.get_mut();
                    held.depth = held.depth.max(depth);
                    held.reach = std::mem::replace(&mut held.reach, Reach::Everything).union(reach);
                }
                std::collections::hash_map::Entry::Vacant(free) => {
                    free.insert(Held { depth, reach });
                }
            }
        }
        self.caller.privilege_count = self.held.len();
    }

    fn reach_of(&self, holder: Holder, unit: Uuid, subtree: &Arc<[Uuid]>, depth: Depth) -> Reach {
        let mut rows = Rows::default();
        match holder {
            Holder::User | Holder::Team { inherited: true, .. } => {
                rows.add_owner(self.caller.user);
                self.teams.iter().for_each(|team| rows.add_owner(*team));
            }
            Holder::Team { team, inherited: false } => rows.add_owner(team),
        }
        match depth {
            Depth::Global => return Reach::Everything,
            Depth::Deep => {
                rows.add_unit(unit);
                subtree.iter().for_each(|below| rows.add_unit(*below));
            }
            Depth::Local => rows.add_unit(unit),
            Depth::Basic => {}
        }
        Reach::Rows(rows)
    }

    /// The caller, as refusals describe them.
    #[must_use]
    pub fn caller(&self) -> &PrincipalFacts {
        &self.caller
    }

    /// Whether the caller holds any role.
    #[must_use]
    pub fn has_roles(&self) -> bool {
        self.caller.role_count > 0
    }

    /// The deepest depth at which the caller holds a privilege.
    #[must_use]
    pub fn depth(&self, privilege: Uuid) -> Option<Depth> {
        self.held.get(&privilege).map(|held| held.depth)
    }

    /// How far a privilege reaches.
    #[must_use]
    pub fn reach(&self, privilege: Uuid) -> Option<&Reach> {
        self.held.get(&privilege).map(|held| &held.reach)
    }

    /// Every privilege held, with its deepest depth, in no particular order.
    pub fn privileges(&self) -> impl Iterator<Item = (Uuid, Depth)> + '_ {
        self.held.iter().map(|(privilege, held)| (*privilege, held.depth))
    }
}
