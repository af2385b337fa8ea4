//! The custom security role: exactly the declared privileges, beyond what every new role gets.

use std::collections::BTreeMap;

use keyholder_client::dataverse::{encode, quote};
use keyholder_security::{Depth, default_role_privileges};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::Run;
use crate::definition::role_id;
use crate::error::{Error, While};
use crate::report::{Event, Outcome, Step};

/// A role in the root business unit.
pub(crate) struct Role {
    pub(crate) id: Uuid,
    pub(crate) name: String,
}

#[derive(Deserialize)]
struct RoleRow {
    roleid: Uuid,
    name: String,
}

#[derive(Deserialize)]
struct UnitRow {
    businessunitid: Uuid,
}

#[derive(Deserialize)]
struct PrivilegeRow {
    privilegeid: Uuid,
    name: String,
}

/// One entry of `RetrieveRolePrivilegesRole`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Held {
    privilege_id: Uuid,
    depth: Depth,
    #[serde(default)]
    privilege_name: Option<String>,
}

/// The business unit that has no parent.
pub(super) async fn root_unit(run: &Run<'_>) -> Result<Uuid, Error> {
    let query = "businessunits?$select=businessunitid&$filter=_parentbusinessunitid_value eq null";
    let units = run.administrator.org.query(query).collect_as::<UnitRow>().await;
    let units = units.while_doing(|| "look for the root business unit".to_owned())?;
    units.first().map(|unit| unit.businessunitid).ok_or(Error::NoRootBusinessUnit)
}

pub(super) async fn ensure(run: &mut Run<'_>, organization: Uuid, unit: Uuid) -> Result<Role, Error> {
    let org = &run.administrator.org;
    let definition = &run.definition.role;
    let name = &definition.name;
    let ours = role_id(organization, name);
    let wanted = wanted(run).await?;

    let filter = format!("roleid eq {ours} or (name eq {} and _businessunitid_value eq {unit})", quote(name));
    let found =
        org.query(&format!("roles?$select=roleid,name&$filter={}", encode(&filter))).collect_as::<RoleRow>().await;
    let mut found = found.while_doing(|| format!("look for the role `{name}`"))?;
    // Ours first, should there be a namesake.
    found.sort_by_key(|role| role.roleid != ours);

    let mut notes = vec![in_words(&definition.privileges)];
    let (role, mut outcome) = match found.into_iter().next() {
        Some(RoleRow { roleid, name }) => (Role { id: roleid, name }, Outcome::Found),
        None => {
            let row =
                json!({ "roleid": ours, "name": name, "businessunitid@odata.bind": format!("/businessunits({unit})") });
            let id = org.create("roles", &row).await.while_doing(|| format!("create the role `{name}`"))?;
            (Role { id, name: name.clone() }, Outcome::Created)
        }
    };

    let drift = Drift::between(&wanted, &held(run, &role).await?);
    if !drift.missing.is_empty() {
        if role.id != ours {
            let missing = drift.missing.iter().map(|missing| missing.name.clone()).collect();
            return Err(Error::ForeignRole { name: role.name, id: role.id, missing });
        }
        let privileges: Vec<_> = drift
            .missing
            .iter()
            .map(|missing| json!({ "PrivilegeId": missing.id, "Depth": missing.depth.name() }))
            .collect();
        let action = format!("roles({})/Microsoft.Dynamics.CRM.AddPrivilegesRole", role.id);
        let added = org.action(&action, &json!({ "Privileges": privileges })).await;
        added.while_doing(|| format!("add privileges to the role `{name}`"))?;
        if outcome == Outcome::Found {
            let names: Vec<_> = drift.missing.iter().map(|missing| missing.name.as_str()).collect();
            notes.push(format!("it lacked {}", names.join(", ")));
            outcome = Outcome::Changed;
        }
    }
    if !drift.too_much.is_empty() {
        notes.push(format!("beyond the definition it grants {}: left as it is", drift.too_much.join(", ")));
        run.beyond.push(format!("the role also grants {}", drift.too_much.join(", ")));
    }
    if role.id != ours {
        notes.push("Keyholder did not make it and will not remove it".to_owned());
    }
    let event = Event::new(Step::Role, outcome, format!("security role `{}`", role.name)).notes(notes);
    run.report(&event.fact("roleId", &role.id));
    Ok(role)
}

/// A privilege that the role must grant.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    id: Uuid,
    name: String,
    depth: Depth,
}

/// The definition's privileges with their ids, which differ between orgs for custom tables.
async fn wanted(run: &Run<'_>) -> Result<Vec<Wanted>, Error> {
    let privileges = &run.definition.role.privileges;
    if privileges.is_empty() {
        return Ok(Vec::new());
    }
    let filter: Vec<_> = privileges.iter().map(|(name, _)| format!("name eq {}", quote(name))).collect();
    let query = format!("privileges?$select=privilegeid,name&$filter={}", encode(&filter.join(" or ")));
    let rows = run.administrator.org.query(&query).collect_as::<PrivilegeRow>().await;
    let rows = rows.while_doing(|| "look up privileges".to_owned())?;
    let find = |name: &str| rows.iter().find(|row| row.name.eq_ignore_ascii_case(name)).map(|row| row.privilegeid);
    let unknown: Vec<_> =
        privileges.iter().filter(|(name, _)| find(name).is_none()).map(|(name, _)| name.clone()).collect();
    if !unknown.is_empty() {
        return Err(Error::NoSuchPrivilege(unknown));
    }
    Ok(privileges
        .iter()
        .filter_map(|(name, depth)| Some(Wanted { id: find(name)?, name: name.clone(), depth: *depth }))
        .collect())
}

/// What the role grants now.
async fn held(run: &Run<'_>, role: &Role) -> Result<Vec<Held>, Error> {
    let function = format!("RetrieveRolePrivilegesRole(RoleId=@p)?@p={}", role.id);
    let doing = || format!("read the privileges of the role `{}`", role.name);
    let mut answer = run.administrator.org.get(&function).await.while_doing(doing)?;
    let list = answer.remove("RolePrivileges").unwrap_or_default();
    serde_json::from_value(list)
        .map_err(|_| keyholder_client::Error::Protocol {
            origin: run.administrator.connection.url.to_string(),
            found: "a list of privileges without ids or depths".to_owned(),
        })
        .while_doing(doing)
}

/// How a role differs from its definition.
#[derive(Debug, PartialEq, Eq)]
struct Drift {
    missing: Vec<Wanted>,
    too_much: Vec<String>,
}

impl Drift {
    fn between(wanted: &[Wanted], held: &[Held]) -> Self {
        let depths: BTreeMap<Uuid, Depth> = held.iter().map(|held| (held.privilege_id, held.depth)).collect();
        let missing = wanted
            .iter()
            .filter(|want| depths.get(&want.id).is_none_or(|depth| *depth < want.depth))
            .cloned()
            .collect();
        let is_default = |held: &Held| {
            default_role_privileges().any(|(privilege, _)| {
                privilege.id == held.privilege_id || held.privilege_name.as_deref() == Some(privilege.name.as_str())
            })
        };
        let name = |held: &Held| held.privilege_name.clone().unwrap_or_else(|| held.privilege_id.to_string());
        let too_much = held
            .iter()
            .filter_map(|held| match wanted.iter().find(|want| want.id == held.privilege_id) {
                Some(want) if held.depth > want.depth => Some(format!("{} {}", name(held), reach(held.depth))),
                Some(_) => None,
                None => (!is_default(held)).then(|| name(held)),
            })
            .collect();
        Self { missing, too_much }
    }
}

fn in_words(privileges: &[(String, Depth)]) -> String {
    let each: Vec<_> = privileges.iter().map(|(name, depth)| format!("{name} {}", reach(*depth))).collect();
    match each.as_slice() {
        [] => "grants nothing beyond what every new role gets".to_owned(),
        each => format!("grants {} and what every new role gets", each.join(", ")),
    }
}

fn reach(depth: Depth) -> &'static str {
    match depth {
        Depth::Basic => "for own rows",
        Depth::Local => "in the business unit",
        Depth::Deep => "in the business unit and those below",
        Depth::Global => "organization-wide",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(id: u128, depth: Depth) -> Wanted {
        Wanted { id: Uuid::from_u128(id), name: format!("prv{id}"), depth }
    }

    fn held(id: u128, depth: Depth) -> Held {
        Held { privilege_id: Uuid::from_u128(id), depth, privilege_name: Some(format!("prv{id}")) }
    }

    #[test]
    fn drift_tells_what_lacks_and_what_is_too_much() {
        let want = [wanted(1, Depth::Global), wanted(2, Depth::Local), wanted(3, Depth::Local)];
        let have = [held(1, Depth::Local), held(2, Depth::Global), held(4, Depth::Basic)];
        let drift = Drift::between(&want, &have);
        assert_eq!(drift.missing, [want[0].clone(), want[2].clone()]);
        assert_eq!(drift.too_much, ["prv2 organization-wide", "prv4"]);
    }

    #[test]
    fn what_every_new_role_gets_is_no_drift() {
        let have: Vec<_> = default_role_privileges()
            .map(|(privilege, depth)| Held { privilege_id: privilege.id, depth, privilege_name: None })
            .collect();
        assert!(!have.is_empty());
        assert_eq!(Drift::between(&[], &have), Drift { missing: vec![], too_much: vec![] });
    }
}
