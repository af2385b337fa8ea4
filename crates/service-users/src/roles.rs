//! Security roles one by one: listed ([`list`]), shown with what they grant and who holds them ([`show`]),
//! compared ([`difference`]), made by the same four stages as declared ones ([`declaration`]).

use std::collections::{BTreeMap, BTreeSet, HashSet};

use keyholder_client::OrgUrl;
use keyholder_security::{RoleFile, default_role_privileges};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use crate::Administrator;
use crate::declaration::{
    Declaration, ONE_ORG, Org, Right, Role, RoleSource, in_words, print_declaration, print_rights,
};
use crate::error::{Error, While};
use crate::granted::Privileges;
use crate::marks::role_id;
use crate::observe::{Holders, OrgSeen, RoleSeen, all_roles, holders_of, read_rights, shipped};
use crate::plan::{Finding, is_system_administrator};
use crate::wishes::Wishes;

pub use keyholder_security::Depth;

/// A role of an org, with its copies in the business units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// The id of the copy that has the privileges.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Whether Keyholder made it.
    pub made_by_keyholder: bool,
    /// Whether it comes with the org or a managed solution, so that updates may change it.
    pub comes_with_the_org: bool,
    /// Whether it is System Administrator, which may do everything.
    pub is_system_administrator: bool,
    /// In how many business units there is a copy of it.
    pub units: usize,
}

/// A role with what it grants and who holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// What a list says of it.
    #[serde(flatten)]
    pub listed: Listed,
    /// What it grants beyond what every new role gets, in words, a sentence each.
    pub grants: Vec<String>,
    /// The same as a declaration says it: tables and privileges with their depths.
    #[serde(serialize_with = "as_texts")]
    pub rights: Vec<Right>,
    /// Every privilege that it grants, by name.
    pub privileges: BTreeMap<String, Depth>,
    /// The users and teams that hold it, in whichever business unit.
    pub held_by: Holders,
}

fn as_texts<S: Serializer>(rights: &[Right], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(print_rights(rights))
}

/// All roles of the org, by name: three requests, but for pages.
///
/// # Errors
/// What the org refused.
pub async fn list(administrator: &Administrator) -> Result<Vec<Listed>, Error> {
    let doing = || "read the roles of the org".to_owned();
    let read = futures::join!(administrator.org.who_am_i(), all_roles(&administrator.org, None));
    let (who, roles) = (read.0.while_doing(doing)?, read.1.while_doing(doing)?);
    let shipped = shipped(&administrator.org, &roles).await.while_doing(doing)?;
    let mut listed: Vec<Listed> =
        roots(&roles).map(|root| listed(root, &roles, &shipped, who.organization_id)).collect();
    listed.sort_by_key(|role| (role.name.to_lowercase(), role.id));
    Ok(listed)
}

/// The copies that have the privileges.
fn roots(roles: &[RoleSeen]) -> impl Iterator<Item = &RoleSeen> {
    roles.iter().filter(|role| role.root() == role.id)
}

fn listed(root: &RoleSeen, all: &[RoleSeen], shipped: &BTreeSet<Uuid>, organization: Uuid) -> Listed {
    Listed {
        id: root.id,
        name: root.name.clone(),
        made_by_keyholder: root.id == role_id(organization, &root.name),
        comes_with_the_org: shipped.contains(&root.id),
        is_system_administrator: is_system_administrator(root.template),
        units: all.iter().filter(|role| role.root() == root.id).count(),
    }
}

/// The role of this name or id. Names are compared letter by letter.
///
/// # Errors
/// [`Error::Stopped`] when there is none, or there are several of the name; and what the org refused.
pub async fn show(administrator: &Administrator, name: &str) -> Result<Detail, Error> {
    let org = &administrator.org;
    let doing = || format!("read the role `{name}`");
    let read = futures::join!(org.who_am_i(), all_roles(org, Some(name)));
    let (who, roles) = (read.0.while_doing(doing)?, read.1.while_doing(doing)?);
    let found: Vec<&RoleSeen> = roots(&roles).collect();
    let root = match found.as_slice() {
        [one] => (*one).clone(),
        [] => {
            return Err(Error::Stopped(vec![Finding::no_role(name, name, &administrator.connection.url.to_string())]));
        }
        several => {
            let ids: Vec<Uuid> = several.iter().map(|role| role.id).collect();
            return Err(Error::Stopped(vec![Finding::several_roles(name, &ids)]));
        }
    };
    let copies: BTreeSet<Uuid> = roles.iter().map(|role| role.id).collect();
    let mut seen = OrgSeen {
        who,
        units: Vec::new(),
        roles: vec![root.clone()],
        granted: BTreeMap::new(),
        privileges: Vec::new(),
        users: Vec::new(),
        holders: BTreeMap::new(),
    };
    let (rights, held_by, shipped) =
        futures::join!(read_rights(org, &mut seen), holders_of(org, &copies), shipped(org, &roles));
    let shipped = shipped.while_doing(doing)?;
    rights.while_doing(doing)?;
    let held_by = held_by.while_doing(doing)?;
    let rights = Privileges::known().rights(&seen, &root).unwrap_or_default();
    let none = BTreeMap::new();
    let granted = seen.granted.get(&root.id).unwrap_or(&none);
    let named = granted.iter().map(|(id, depth)| {
        let known = seen.privileges.iter().find(|privilege| privilege.id == *id);
        (known.map_or_else(|| id.to_string(), |privilege| privilege.name.clone()), *depth)
    });
    Ok(Detail {
        listed: listed(&root, &roles, &shipped, who.organization_id),
        grants: in_words(&rights),
        rights,
        privileges: named.collect(),
        held_by,
    })
}

impl Detail {
    /// As an entry of a declaration.
    #[must_use]
    pub fn as_declaration(&self) -> String {
        let role =
            Role { name: self.listed.name.clone(), source: RoleSource::Rights(self.rights.clone()), adopt: false };
        let roles = BTreeMap::from([(self.listed.name.clone(), role)]);
        print_declaration(&Declaration { roles, ..Declaration::default() }, |_, _| String::new())
    }

    /// As a role file, as unpacked solutions have it.
    #[must_use]
    pub fn as_file(&self) -> RoleFile {
        RoleFile {
            id: Some(self.listed.id),
            name: self.listed.name.clone(),
            is_inherited: None,
            is_customizable: None,
            is_auto_assigned: None,
            privileges: self.privileges.iter().map(|(name, depth)| (name.clone(), *depth)).collect(),
        }
    }
}

/// Takes out of rights the privileges that the org does not have; their names. One request, but for pages.
///
/// # Errors
/// What the org refused.
pub async fn leave_out_unknown(
    administrator: &Administrator,
    rights: &mut Vec<Right>,
) -> Result<BTreeSet<String>, Error> {
    let doing = || "read the privileges of the org".to_owned();
    let known: Vec<PrivilegeName> =
        administrator.org.query("privileges?$select=name").collect_as().await.while_doing(doing)?;
    let known: HashSet<String> = known.into_iter().map(|one| one.name.to_lowercase()).collect();
    let mut unknown = BTreeSet::new();
    rights.retain(|right| match right {
        Right::Privilege { name, .. } if !known.contains(&name.to_lowercase()) => {
            unknown.insert(name.clone());
            false
        }
        _ => true,
    });
    Ok(unknown)
}

#[derive(Deserialize)]
struct PrivilegeName {
    name: String,
}

/// The privileges that rights mean, by name.
#[must_use]
pub fn privileges_of(rights: &[Right]) -> BTreeMap<String, Depth> {
    let role = Role { name: String::new(), source: RoleSource::Rights(rights.to_vec()), adopt: false };
    let declaration = Declaration { roles: BTreeMap::from([(String::new(), role)]), ..Declaration::default() };
    let wishes = Wishes::of(&declaration);
    wishes.role("").iter().filter(|wish| !wish.optional).map(|wish| (wish.name.clone(), wish.depth)).collect()
}

/// How two sets of privileges differ.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// What only the first grants.
    pub only_first: BTreeMap<String, Depth>,
    /// What only the second grants.
    pub only_second: BTreeMap<String, Depth>,
    /// What both grant, differently deep: first and second.
    pub deeper: BTreeMap<String, (Depth, Depth)>,
}

impl Difference {
    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self == &Self::default()
    }
}

/// Compares what two roles grant, beyond what every new role gets. Names are compared without case, as orgs do.
#[must_use]
pub fn difference(first: &BTreeMap<String, Depth>, second: &BTreeMap<String, Depth>) -> Difference {
    let usual: BTreeSet<String> =
        default_role_privileges().map(|(privilege, _)| privilege.name.to_lowercase()).collect();
    let keyed = |all: &BTreeMap<String, Depth>| -> BTreeMap<String, (String, Depth)> {
        all.iter().map(|(name, depth)| (name.to_lowercase(), (name.clone(), *depth))).collect()
    };
    let (first, second) = (keyed(first), keyed(second));
    let mut difference = Difference::default();
    for (key, (name, depth)) in &first {
        match second.get(key) {
            Some((_, other)) if depth != other => {
                difference.deeper.insert(name.clone(), (*depth, *other));
            }
            Some(_) => {}
            None if usual.contains(key) => {}
            None => {
                difference.only_first.insert(name.clone(), *depth);
            }
        }
    }
    for (key, (name, depth)) in second.iter().filter(|(key, _)| !usual.contains(*key)) {
        if !first.contains_key(key) {
            difference.only_second.insert(name.clone(), *depth);
        }
    }
    difference
}

/// One role of one org, as a declaration: what it grants is exactly this, beyond what every new role gets.
#[must_use]
pub fn declaration(name: &str, rights: Vec<Right>, adopt: bool, url: &OrgUrl) -> Declaration {
    let org = Org { url: url.clone(), tenant: None, environment: None };
    let role = Role { name: name.to_owned(), source: RoleSource::Rights(rights), adopt };
    Declaration {
        orgs: BTreeMap::from([(ONE_ORG.to_owned(), org)]),
        roles: BTreeMap::from([(name.to_owned(), role)]),
        ..Declaration::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_a_difference_leaves_out_what_every_role_gets_and_minds_no_case() {
        let of = |all: &[(&str, Depth)]| all.iter().map(|(name, depth)| ((*name).to_owned(), *depth)).collect();
        let (usual, usual_depth) = default_role_privileges().next().unwrap();
        let first = of(&[
            ("prvReadContact", Depth::Global),
            ("prvWriteContact", Depth::Local),
            ("prvDeleteContact", Depth::Basic),
            (usual.name.as_str(), usual_depth),
        ]);
        let second =
            of(&[("prvreadcontact", Depth::Global), ("prvWriteContact", Depth::Global), ("prvReadTask", Depth::Deep)]);
        let found = difference(&first, &second);
        assert_eq!(found.only_first.keys().collect::<Vec<_>>(), ["prvDeleteContact"]);
        assert_eq!(found.only_second.keys().collect::<Vec<_>>(), ["prvReadTask"]);
        assert_eq!(found.deeper["prvWriteContact"], (Depth::Local, Depth::Global));
        assert!(difference(&first, &first).is_none());
    }

    #[test]
    fn s10_rights_become_privileges() {
        let rights = crate::declaration::parse_grant("contact=read:organization write:own").unwrap();
        let privileges = privileges_of(&rights);
        assert_eq!(privileges["prvReadContact"], Depth::Global);
        assert_eq!(privileges["prvWriteContact"], Depth::Basic);
    }
}
