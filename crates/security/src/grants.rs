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

    /// Lets these privileges reach what is shared with the caller and the caller's teams, beside what they reach
    /// anyway: those for whose verb and table there are shares at all. Called after every role has been added; a
    /// privilege that no role gives reaches nothing by being shared.
    pub fn add_shares(&mut self, privileges: impl IntoIterator<Item = Uuid>) {
        let principals = || [self.caller.user].into_iter().chain(self.teams.iter().copied());
        for privilege in privileges {
            if let Some(held) = self.held.get_mut(&privilege) {
                held.reach.add_shared_with(principals());
            }
        }
    }

    /// The caller and all teams that the caller is a member of.
    pub fn principals(&self) -> impl Iterator<Item = Uuid> + '_ {
        [self.caller.user].into_iter().chain(self.teams.iter().copied())
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

    /// What somebody may who acts in the name of `other`: what both may, as far as both reach. They
    /// are described as the other.
    #[must_use]
    pub fn acting_for(&self, other: &Self) -> Self {
        let both = |(privilege, theirs): (&Uuid, &Held)| {
            let ours = self.held.get(privilege)?;
            let depth = ours.depth.min(theirs.depth);
            Some((*privilege, Held { depth, reach: ours.reach.intersection(&theirs.reach) }))
        };
        let held: HashMap<Uuid, Held> = other.held.iter().filter_map(both).collect();
        let mut caller = other.caller.clone();
        caller.privilege_count = held.len();
        Self { caller, teams: other.teams.clone(), held }
    }

    /// The caller, as refusals describe them.
    #[must_use]
    pub fn caller(&self) -> &PrincipalFacts {
        &self.caller
    }

    /// All teams that the caller is a member of.
    #[must_use]
    pub fn teams(&self) -> &[Uuid] {
        &self.teams
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

    /// How much memory this takes, in entries: one for each privilege, and one for each user, team and business unit by
    /// which a privilege reaches rows.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.held.values().map(|held| 1 + held.reach.weight()).sum::<usize>() + self.teams.len()
    }

    /// Every privilege held, with its deepest depth, in no particular order.
    pub fn privileges(&self) -> impl Iterator<Item = (Uuid, Depth)> + '_ {
        self.held.iter().map(|(privilege, held)| (*privilege, held.depth))
    }
}
