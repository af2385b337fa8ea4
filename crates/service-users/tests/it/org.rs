//! The orgs of the world.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Response;
use keyholder_security::{Depth, default_role_privileges};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::{ADMIN, PRIVILEGE, State, UNIT, answer, between, filtered, list, refused};

/// A business unit below the root one.
pub(crate) const BELOW: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c12";
/// `prvWriteContact`, `prvReadAccount`.
pub(crate) const WRITE_CONTACT: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c13";
pub(crate) const READ_ACCOUNT: &str = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c14";

/// What one org knows.
#[derive(Debug)]
pub(crate) struct OrgState {
    id: String,
    pub(crate) is_down: bool,
    pub(crate) units: Vec<Value>,
    pub(crate) privileges: Vec<(String, String)>,
    pub(crate) users: BTreeMap<String, Value>,
    /// Copies in every business unit.
    pub(crate) roles: BTreeMap<String, Value>,
    /// By the root copy.
    pub(crate) role_privileges: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) assigned: Vec<(String, String)>,
}

impl OrgState {
    pub(crate) fn new(id: &str) -> Self {
        let own = [("prvReadContact", PRIVILEGE), ("prvWriteContact", WRITE_CONTACT), ("prvReadAccount", READ_ACCOUNT)];
        let own = own.map(|(name, id)| (id.to_owned(), name.to_owned()));
        let defaults = default_role_privileges().map(|(privilege, _)| (privilege.id.to_string(), privilege.name));
        Self {
            id: id.to_owned(),
            is_down: false,
            units: vec![
                json!({ "businessunitid": UNIT, "name": "contoso", "_parentbusinessunitid_value": null }),
                json!({ "businessunitid": BELOW, "name": "Sales", "_parentbusinessunitid_value": UNIT }),
            ],
            privileges: own.into_iter().chain(defaults).collect(),
            users: BTreeMap::new(),
            roles: BTreeMap::new(),
            role_privileges: BTreeMap::new(),
            assigned: Vec::new(),
        }
    }

    pub(crate) fn shape(&self) -> Value {
        json!({
            "users": self.users.values().map(|u| (&u["isdisabled"], &u["_businessunitid_value"])).collect::<Vec<_>>(),
            "roles": self.roles, "privileges": self.role_privileges, "assigned": self.assigned.len(),
        })
    }

    /// A role with its copies, as if it had been made by hand.
    pub(crate) fn add_role(&mut self, mut row: Value) {
        let id: Uuid = row["roleid"].as_str().unwrap().parse().unwrap();
        row["_parentrootroleid_value"] = json!(id);
        for unit in self.units.clone() {
            let unit: Uuid = unit["businessunitid"].as_str().unwrap().parse().unwrap();
            let root: Uuid = UNIT.parse().unwrap();
            let copy = if unit == root { id } else { Uuid::from_u128(id.as_u128() ^ unit.as_u128()) };
            let mut copied = row.clone();
            copied["roleid"] = json!(copy);
            copied["_businessunitid_value"] = json!(unit);
            self.roles.insert(copy.to_string(), copied);
        }
        let defaults = default_role_privileges();
        let defaults = defaults.map(|(privilege, depth)| (privilege.id.to_string(), depth.name().to_owned()));
        self.role_privileges.insert(id.to_string(), defaults.collect());
    }

    /// The declared privileges of a role, without those of every new role.
    pub(crate) fn own_privileges(&self, role: &str) -> BTreeMap<String, String> {
        let mut held = self.role_privileges[role].clone();
        held.retain(|id, _| !default_role_privileges().any(|(privilege, _)| privilege.id.to_string() == *id));
        held
    }
}

fn list_pairs(query: &str, pairs: &[Value]) -> Response<Bytes> {
    list(filtered(query, pairs.iter()))
}

pub(crate) fn org(
    state: &mut State,
    host: &str,
    method: &str,
    path: &str,
    body: &Value,
    caller: &str,
) -> Response<Bytes> {
    let created = |set: &str, id: &str| {
        let entity = format!("https://{host}:8443/api/data/v9.2/{set}({id})");
        Response::builder().status(204).header("OData-EntityId", entity).body(Bytes::new()).unwrap()
    };
    let none = || answer(204, &Value::Null);
    let missing = || refused(404, "0x80040217", "Does Not Exist");
    let (set, rest) = path.split_once(['?', '(']).unwrap_or((path, ""));
    let id = rest.split_once(')').map_or("", |(id, _)| id).to_owned();
    let new_id = state.id();
    let is_creating_user = method == "POST" && set == "systemusers" && !rest.contains("/$ref");
    if is_creating_user && state.lags() {
        return refused(400, "0x8004F510", "We didn't find that application ID");
    }
    let of_application = |principal: &&Value| principal["appId"] == body["applicationid"];
    let own_principal = state.principals.values().find(of_application).map(|principal| principal["id"].clone());
    let principals: Vec<Value> = state.principals.values().map(|principal| principal["id"].clone()).collect();
    let org = if host == "localhost" { &mut state.org } else { state.others.get_mut(host).unwrap() };
    match (method, set) {
        ("GET", "WhoAmI") => {
            let user = if caller == ADMIN {
                ADMIN.to_owned()
            } else {
                // The token names the principal that there is now.
                let is_there = |user: &Value| principals.contains(&user["azureactivedirectoryobjectid"]);
                let found = org
                    .users
                    .iter()
                    .find(|(_, user)| user["applicationid"] == caller && user["isdisabled"] == false && is_there(user));
                let Some((id, _)) = found else {
                    return refused(403, "0x80072560", "The user is not a member of the organization.");
                };
                if !org.assigned.iter().any(|(user, _)| user == id) {
                    return refused(403, "0x80042F09", "no roles");
                }
                id.clone()
            };
            answer(200, &json!({ "UserId": user, "BusinessUnitId": UNIT, "OrganizationId": org.id }))
        }
        ("GET", "contacts" | "accounts") => list(vec![json!({ "fullname": "A" }), json!({ "fullname": "B" })]),
        ("GET", "businessunits") => list(filtered(rest, org.units.iter())),
        ("GET", "privileges") => {
            let all = org.privileges.iter().map(|(id, name)| json!({ "privilegeid": id, "name": name }));
            list_pairs(rest, &all.collect::<Vec<_>>())
        }
        ("GET", "roleprivilegescollection") => {
            let pairs = org.role_privileges.iter().flat_map(|(role, held)| {
                held.iter().map(move |(privilege, depth)| {
                    let mask = Depth::from_name(depth).unwrap().mask();
                    json!({ "roleid": role, "privilegeid": privilege, "privilegedepthmask": mask })
                })
            });
            list_pairs(rest, &pairs.collect::<Vec<_>>())
        }
        ("GET", "systemuserrolescollection") => {
            let pairs = org.assigned.iter().map(|(user, role)| json!({ "systemuserid": user, "roleid": role }));
            list_pairs(rest, &pairs.collect::<Vec<_>>())
        }
        ("GET", "teamrolescollection") => list(Vec::new()),
        ("GET", "roles") if rest.contains("/systemuserroles_association") => {
            let holders = org.assigned.iter().filter(|(_, role)| *role == id);
            list(holders.map(|(user, _)| json!({ "systemuserid": user })).collect())
        }
        ("GET", "roles") if rest.contains("/teamroles_association") => list(Vec::new()),
        ("GET", "roles") => list(filtered(rest, org.roles.values())),
        ("POST", "roles") if rest.contains("PrivilegesRole") => {
            let held = org.role_privileges.get_mut(&id).unwrap();
            if rest.contains("ReplacePrivilegesRole") {
                held.clear();
            }
            for added in body["Privileges"].as_array().unwrap() {
                held.insert(
                    added["PrivilegeId"].as_str().unwrap().to_owned(),
                    added["Depth"].as_str().unwrap().to_owned(),
                );
            }
            none()
        }
        ("POST", "roles") => {
            let id = body["roleid"].as_str().unwrap().to_owned();
            if org.roles.contains_key(&id) {
                return refused(412, "0x80040237", "Cannot insert duplicate key.");
            }
            let mut row = body.clone();
            row.as_object_mut().unwrap().remove("businessunitid@odata.bind");
            org.add_role(row);
            created("roles", &id)
        }
        ("DELETE", "roles") => {
            if org.roles.remove(&id).is_none() {
                return missing();
            }
            org.role_privileges.remove(&id);
            org.roles.retain(|_, role| role["_parentrootroleid_value"] != id.as_str());
            none()
        }
        ("GET", "systemusers") if rest.contains("RetrieveUserPrivileges") => {
            let roles = org.assigned.iter().filter(|(user, _)| *user == id).map(|(_, role)| role);
            let roots = roles.map(|role| org.roles[role]["_parentrootroleid_value"].as_str().unwrap().to_owned());
            let name = |id: &String| org.privileges.iter().find(|(known, _)| known == id).map(|(_, name)| name.clone());
            let held = roots.flat_map(|root| org.role_privileges[&root].clone());
            let held: Vec<_> = held
                .map(|(id, depth)| json!({ "PrivilegeId": id, "Depth": depth, "PrivilegeName": name(&id) }))
                .collect();
            answer(200, &json!({ "RolePrivileges": held }))
        }
        ("GET", "systemusers") if rest.contains("systemuserroles_association") => {
            let held = org.assigned.iter().filter(|(user, _)| *user == id);
            list(held.filter_map(|(_, role)| org.roles.get(role).cloned()).collect())
        }
        ("GET", "systemusers") => list(filtered(rest, org.users.values())),
        ("POST", "systemusers") if rest.contains("/$ref") => {
            let role = body["@odata.id"].as_str().and_then(|uri| between(uri, "roles(", ")")).unwrap().to_owned();
            let unit = &org.users[&id]["_businessunitid_value"];
            assert_eq!(org.roles[&role]["_businessunitid_value"], *unit, "a copy of the user's unit");
            if org.assigned.contains(&(id.clone(), role.clone())) {
                return refused(412, "0x80040237", "Cannot insert duplicate key.");
            }
            org.assigned.push((id, role));
            none()
        }
        ("DELETE", "systemusers") if rest.contains("/$ref") => {
            let role = between(rest, "systemuserroles_association(", ")").unwrap();
            org.assigned.retain(|(user, held)| !(*user == id && held == role));
            none()
        }
        ("POST", "systemusers") => {
            if org.users.values().any(|user| user["applicationid"] == body["applicationid"]) {
                return refused(412, "0x80040237", "A record with matching key values already exists.");
            }
            let unit = body["businessunitid@odata.bind"].as_str().and_then(|bind| between(bind, "(", ")")).unwrap();
            let user = json!({
                "systemuserid": new_id, "applicationid": body["applicationid"], "isdisabled": false,
                "_businessunitid_value": unit, "azureactivedirectoryobjectid": own_principal, "deletedstate": 0,
            });
            org.users.insert(new_id.clone(), user);
            created("systemusers", &new_id)
        }
        ("PATCH", "systemusers") => {
            let Some(user) = org.users.get_mut(&id) else { return missing() };
            assert_eq!(user["applicationid"], body["applicationid"], "real orgs refuse it without");
            if let Some(disabled) = body.get("isdisabled") {
                user["isdisabled"] = disabled.clone();
            }
            if let Some(bind) = body["businessunitid@odata.bind"].as_str() {
                user["_businessunitid_value"] = json!(between(bind, "(", ")").unwrap());
                org.assigned.retain(|(user, _)| *user != id);
            }
            none()
        }
        ("DELETE", "systemusers") => {
            let Some(user) = org.users.get_mut(&id) else { return missing() };
            if user["deletedstate"] == 0 {
                assert_eq!(user["isdisabled"], true, "an enabled user cannot be deleted");
                user["deletedstate"] = json!(1);
                org.assigned.retain(|(user, _)| *user != id);
            } else {
                org.users.remove(&id);
            }
            none()
        }
        other => panic!("{other:?} {path}"),
    }
}
