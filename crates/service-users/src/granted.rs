//! From privileges back to rights: what a role of an org grants, as a declaration would say it.

use std::collections::{BTreeMap, BTreeSet};

use keyholder_dataverse::Schema;
use keyholder_security::{Depth, Verb, default_role_privileges};

use crate::declaration::Right;
use crate::observe::{OrgSeen, RoleSeen};

/// Which table and verb each privilege of the tables that Microsoft ships is about, by its name in
/// small letters.
pub(crate) struct Privileges(BTreeMap<String, (String, Verb)>);

impl Privileges {
    /// Those of the shipped schema.
    pub(crate) fn known() -> Self {
        let mut all = BTreeMap::new();
        // The shipped schema is checked by a test of its own crate.
        let Ok(schema) = Schema::core() else { return Self(all) };
        for name in schema.names() {
            let Ok(Some(table)) = schema.table(&name.logical_name) else { continue };
            for verb in table.verbs() {
                if let Some(privilege) = table.privilege_name(*verb) {
                    all.entry(privilege.to_lowercase()).or_insert((name.logical_name.to_string(), *verb));
                }
            }
        }
        Self(all)
    }

    /// What a role grants beyond what every new role gets; nothing when a privilege has no name.
    pub(crate) fn rights(&self, there: &OrgSeen, role: &RoleSeen) -> Option<Vec<Right>> {
        let none = BTreeMap::new();
        let granted = there.granted.get(&role.root()).unwrap_or(&none);
        let usual: BTreeSet<String> =
            default_role_privileges().map(|(privilege, _)| privilege.name.to_lowercase()).collect();
        let mut rights = Vec::new();
        for (id, depth) in granted {
            let name = &there.privileges.iter().find(|privilege| privilege.id == *id)?.name;
            if !usual.contains(&name.to_lowercase()) {
                rights.push(self.right(name, *depth));
            }
        }
        rights.sort();
        Some(rights)
    }

    /// What privileges grant by name, beyond what every new role gets.
    pub(crate) fn rights_of<'a>(&self, granted: impl Iterator<Item = (&'a str, Depth)>) -> Vec<Right> {
        let usual: BTreeSet<String> =
            default_role_privileges().map(|(privilege, _)| privilege.name.to_lowercase()).collect();
        let granted = granted.filter(|(name, _)| !usual.contains(&name.to_lowercase()));
        let mut rights: Vec<Right> = granted.map(|(name, depth)| self.right(name, depth)).collect();
        rights.sort();
        rights
    }

    /// The tables in which these privileges let rows be created, each once.
    pub(crate) fn creatable<'a>(&self, names: impl Iterator<Item = &'a str>) -> Vec<String> {
        let created = names.filter_map(|name| {
            let known = self.0.get(&name.to_lowercase()).cloned().or_else(|| custom(name));
            known.filter(|(_, verb)| *verb == Verb::Create).map(|(table, _)| table)
        });
        created.collect::<BTreeSet<String>>().into_iter().collect()
    }

    /// A privilege as a right.
    pub(crate) fn right(&self, name: &str, depth: Depth) -> Right {
        let known = self.0.get(&name.to_lowercase()).cloned().or_else(|| custom(name));
        match known {
            Some((table, verb)) => Right::Table { table, verb, depth },
            None => Right::Privilege { name: name.to_owned(), depth },
        }
    }
}

/// A custom table's privilege: its logical name is the schema name in lower case, and has the
/// publisher's prefix.
fn custom(privilege: &str) -> Option<(String, Verb)> {
    let rest = privilege.strip_prefix("prv")?;
    // `AppendTo` before `Append`.
    let mut verbs = Verb::ALL;
    verbs.sort_by_key(|verb| std::cmp::Reverse(verb.name().len()));
    let verb = verbs.into_iter().find(|verb| rest.starts_with(verb.name()))?;
    let table = rest.strip_prefix(verb.name())?.to_ascii_lowercase();
    let (prefix, name) = table.split_once('_')?;
    let is_table =
        !prefix.is_empty() && !name.is_empty() && table.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_table.then_some((table, verb))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileges_are_told_by_table_and_verb() {
        let Privileges(tables) = Privileges::known();
        assert_eq!(tables["prvreaduser"], ("systemuser".to_owned(), Verb::Read));
        assert_eq!(tables["prvwritecontact"], ("contact".to_owned(), Verb::Write));
        assert_eq!(custom("prvAppendTonew_Shipment"), Some(("new_shipment".to_owned(), Verb::AppendTo)));
        assert_eq!(custom("prvAppendnew_shipment"), Some(("new_shipment".to_owned(), Verb::Append)));
        for other in ["prvActOnBehalfOfAnotherUser", "prvRead_x", "prvReadnew_", "Readnew_x", "prvReadä_x"] {
            assert_eq!(custom(other), None, "{other}");
        }
    }
}
