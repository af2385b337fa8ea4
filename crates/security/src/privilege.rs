//! Privileges: which there are, and their ids.
//!
//! The platform's privileges have the same ids in every org; the ones that are published are
//! listed. For every other, also those of custom tables, whose ids differ from org to org, the
//! local org derives the id from the name. A reading: scripts must look such ids up by name, and
//! against the local org as against a real one they find the same id each time.

mod elsewhere;
mod known;

use keyholder_dataverse::derived_id;
use keyholder_dataverse::schema::{Ownership, Table};
use keyholder_dataverse::{Depth, Verb};
use uuid::Uuid;

use crate::definitions::{DEFINITION_READS, DEFINITION_WRITES};
use known::KNOWN;

/// One privilege, as the `privilege` table shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Privilege {
    /// Its id.
    pub id: Uuid,
    /// `prvReadContact`
    pub name: String,
    /// The `AccessRights` flag of its verb; 0 for one that is about no table.
    pub access_right: i32,
    /// The depths that it can be given at, shallowest first.
    pub depths: &'static [Depth],
}

/// What Microsoft's own sample finds in a role that has just been made.
const DEFAULT_ROLE_PRIVILEGES: [&str; 9] = [
    "prvReadSharePointData",
    "prvWriteSharePointData",
    "prvCreateSharePointData",
    "prvReadSharePointDocument",
    "prvReadSdkMessage",
    "prvReadSdkMessageProcessingStep",
    "prvReadSdkMessageProcessingStepImage",
    "prvReadPluginAssembly",
    "prvReadPluginType",
];

/// Privileges that guard no table of the schema, beside those of every new role.
const STANDALONE: [&str; 11] = [
    "prvActOnBehalfOfAnotherUser",
    "prvAssignManager",
    "prvBulkDelete",
    "prvBypassCustomBusinessLogic",
    "prvBypassCustomPlugins",
    "prvDisableBusinessUnit",
    "prvDisableUser",
    "prvOverrideCreatedOnCreatedBy",
    "prvReparentBusinessUnit",
    "prvReparentTeam",
    "prvReparentUser",
];

/// The id of the privilege with this name.
#[must_use]
pub fn privilege_id(name: &str) -> Uuid {
    match KNOWN.binary_search_by(|(known, _)| (*known).cmp(name)) {
        Ok(position) => KNOWN.get(position).map_or_else(|| derived_id(name), |(_, id)| *id),
        Err(_) => derived_id(name),
    }
}

/// The privileges that guard a table.
#[must_use]
pub fn privileges_of(table: &Table) -> Vec<Privilege> {
    let depths: &[Depth] = match table.ownership() {
        // Views that people keep for themselves are nobody else's.
        Ownership::User if table.logical_name() == "userquery" => &[Depth::Basic],
        Ownership::User => &Depth::ALL,
        // Of the tables that business units own, only users have rows of one's own: oneself.
        Ownership::BusinessUnit if table.logical_name() == "systemuser" => &Depth::ALL,
        Ownership::BusinessUnit => &[Depth::Local, Depth::Deep, Depth::Global],
        Ownership::Organization | Ownership::None => &[Depth::Global],
    };
    let privilege = |verb: &Verb| {
        let name = table.privilege_name(*verb)?;
        Some(Privilege { id: privilege_id(&name), name, access_right: verb.access_right(), depths })
    };
    table.verbs().iter().filter_map(privilege).collect()
}

/// The privileges that every new role holds, with their depth: a reading, the sample that names
/// them does not say how deep they are.
pub fn default_role_privileges() -> impl Iterator<Item = (Privilege, Depth)> {
    DEFAULT_ROLE_PRIVILEGES.iter().map(|name| (standalone(name), Depth::Global))
}

/// The privileges that guard no table of the schema, those of every new role among them.
pub fn standalone_privileges() -> impl Iterator<Item = Privilege> {
    DEFAULT_ROLE_PRIVILEGES
        .iter()
        .chain(&STANDALONE)
        .chain(&DEFINITION_READS)
        .chain(&DEFINITION_WRITES)
        .chain(&elsewhere::WHOLE)
        .map(|name| standalone(name))
        .chain(elsewhere::OWNED.iter().map(|name| Privilege { depths: &Depth::ALL, ..standalone(name) }))
}

fn is_default(name: &str) -> bool {
    DEFAULT_ROLE_PRIVILEGES.contains(&name)
}

fn standalone(name: &str) -> Privilege {
    let access_right = match name.strip_prefix("prv") {
        Some(_) if DEFINITION_READS.contains(&name) => Verb::Read.access_right(),
        Some(rest) if is_default(name) || elsewhere::OWNED.contains(&name) || elsewhere::WHOLE.contains(&name) => {
            // The longer first: `AppendTo` begins as `Append` does.
            let verbs = [Verb::AppendTo].iter().chain(&Verb::ALL);
            verbs.copied().find(|verb| rest.starts_with(&verb.to_string())).map_or(0, Verb::access_right)
        }
        _ => 0,
    };
    Privilege { id: privilege_id(name), name: name.to_owned(), access_right, depths: &[Depth::Global] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyholder_dataverse::Schema;
    use std::collections::hash_map::Entry;
    use std::collections::{HashMap, HashSet};

    #[test]
    fn known_ids_are_found_and_others_derive() {
        assert!(KNOWN.is_sorted_by(|left, right| left.0 < right.0));
        for (name, id) in KNOWN {
            assert_eq!(privilege_id(name), *id);
        }
        let derived = privilege_id("prvReadnew_shipment");
        assert_eq!(derived, privilege_id("prvReadnew_shipment"));
        assert_ne!(derived, privilege_id("prvWritenew_shipment"));
        assert_eq!(derived.get_version_num(), 8);
    }

    #[test]
    fn privileges_of_the_core_tables_share_an_id_only_with_their_name_and_depths() {
        let schema = Schema::core().unwrap();
        let mut ids = HashSet::new();
        let mut known = HashMap::new();
        for name in schema.names() {
            let table = schema.table(&name.logical_name).unwrap().unwrap();
            for privilege in privileges_of(&table) {
                let new = ids.insert(privilege.id);
                match known.entry(privilege.name.clone()) {
                    Entry::Vacant(place) => {
                        assert!(new, "{}", privilege.name);
                        place.insert(privilege);
                    }
                    Entry::Occupied(before) => assert_eq!(*before.get(), privilege),
                }
            }
        }
        // Some of those that every role or the platform names are a table's now.
        for privilege in standalone_privileges() {
            match known.entry(privilege.name.clone()) {
                Entry::Vacant(place) => {
                    assert!(ids.insert(privilege.id), "{}", privilege.name);
                    place.insert(privilege);
                }
                Entry::Occupied(before) => assert_eq!(*before.get(), privilege),
            }
        }
        let names: HashSet<String> = known.into_keys().collect();
        for expected in ["prvReadContact", "prvReadUser", "prvAssignRole", "prvReadBusinessUnit"] {
            assert!(names.contains(expected), "{expected}");
        }
        assert!(!names.contains("prvShareUser"));
    }

    #[test]
    fn a_new_role_holds_nine() {
        assert_eq!(default_role_privileges().count(), 9);
    }
}
