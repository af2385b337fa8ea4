//! What declared rights mean in privileges: each verb on a table is one privilege, named after the
//! verb and the table's schema name.

use std::collections::BTreeMap;

use keyholder_dataverse::{Schema, Table};
use keyholder_security::{Depth, Verb};

use crate::declaration::{Declaration, Right, RoleSource};

/// A privilege that a role shall grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Its name, whose case an org does not mind.
    pub name: String,
    /// How far it reaches.
    pub depth: Depth,
    /// What it is about, for privileges of tables.
    pub table: Option<OfTable>,
    /// Whether it is left out where the org does not know it: "every verb" means those that there are.
    pub optional: bool,
}

/// A verb on a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfTable {
    /// The table's logical name.
    pub table: String,
    /// The verb.
    pub verb: Verb,
    /// The table's entity set, where that is known: then reading can be tried.
    pub entity_set: Option<String>,
}

/// The privileges of each declared role, by the role's name in the declaration; those of a role that
/// is used as it is are not known here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes(BTreeMap<String, Vec<Wish>>);

impl Wishes {
    /// What the roles of a declaration mean.
    ///
    /// The names of the tables that Microsoft ships are known; those of a custom table follow from
    /// its logical name, since orgs compare names without regard to case.
    #[must_use]
    pub fn of(declaration: &Declaration) -> Self {
        let has_tables = declaration.roles.values().any(|role| match &role.source {
            RoleSource::Rights(rights) => rights.iter().any(|right| !matches!(right, Right::Privilege { .. })),
            RoleSource::Existing => false,
        });
        // The shipped schema is checked by a test of its own crate.
        let schema = has_tables.then(Schema::core).and_then(Result::ok);
        let mut wishes = BTreeMap::new();
        for (name, role) in &declaration.roles {
            if let RoleSource::Rights(rights) = &role.source {
                let mut all: Vec<Wish> = Vec::new();
                for wish in rights.iter().flat_map(|right| wishes_of(right, schema.as_ref())) {
                    match all.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&wish.name)) {
                        Some(known) => known.depth = known.depth.max(wish.depth),
                        None => all.push(wish),
                    }
                }
                wishes.insert(name.clone(), all);
            }
        }
        Self(wishes)
    }

    /// Keeps those that can be tried by reading.
    pub(crate) fn keep_reads(&mut self) {
        let can_be_tried =
            |wish: &Wish| wish.table.as_ref().is_some_and(|of| of.verb == Verb::Read && of.entity_set.is_some());
        self.0.values_mut().for_each(|all| all.retain(can_be_tried));
    }

    /// The privileges of a role; none for one that is used as it is.
    #[must_use]
    pub fn role(&self, name: &str) -> &[Wish] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

fn wishes_of(right: &Right, schema: Option<&Schema>) -> Vec<Wish> {
    let table = |name: &str| schema.and_then(|schema| schema.table(name).ok().flatten());
    match right {
        Right::Privilege { name, depth } => {
            vec![Wish { name: name.clone(), depth: *depth, table: None, optional: false }]
        }
        Right::Table { table: name, verb, depth } => vec![wish(name, *verb, *depth, table(name).as_deref(), false)],
        Right::Every { table: name, depth } => {
            let known = table(name);
            let verbs = known.as_ref().map_or(&Verb::ALL[..], |table| table.verbs()).to_vec();
            verbs.into_iter().map(|verb| wish(name, verb, *depth, known.as_deref(), true)).collect()
        }
    }
}

fn wish(name: &str, verb: Verb, depth: Depth, table: Option<&Table>, optional: bool) -> Wish {
    let known = table.and_then(|table| table.privilege_name(verb));
    Wish {
        name: known.unwrap_or_else(|| format!("prv{verb}{name}")),
        depth,
        table: Some(OfTable {
            table: name.to_owned(),
            verb,
            entity_set: table.map(|table| table.entity_set().to_owned()),
        }),
        // Reading a table is what every use of it begins with: without that there is no table.
        optional: optional && verb != Verb::Read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_become_privileges_by_the_tables_own_names() {
        let right = |table: &str, verb| Right::Table { table: table.to_owned(), verb, depth: Depth::Global };
        let schema = Schema::core().unwrap();
        let names = |right: &Right| -> Vec<String> {
            wishes_of(right, Some(&schema)).into_iter().map(|wish| wish.name).collect()
        };
        assert_eq!(names(&right("contact", Verb::Read)), ["prvReadContact"]);
        assert_eq!(names(&right("systemuser", Verb::Read)), ["prvReadUser"]);
        assert_eq!(names(&right("new_shipment", Verb::AppendTo)), ["prvAppendTonew_shipment"]);
        let every = names(&Right::Every { table: "contact".to_owned(), depth: Depth::Local });
        assert_eq!(every.len(), 8);
    }
}
