//! Business units: making, moving, disabling and deleting them, the roles and teams that come with
//! each, and how far the depths of privileges reach across them.

use std::collections::BTreeSet;

use http::Method;
use keyholder_data::TokenFacts;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::World;
use crate::world::BASE;

impl World {
    async fn root(&self) -> Uuid {
        let reference = self.root_unit().await;
        reference.trim_start_matches("/businessunits(").trim_end_matches(')').parse().unwrap()
    }

    async fn unit(&self, name: &str, parent: Uuid) -> Uuid {
        let body = json!({ "name": name, "parentbusinessunitid@odata.bind": format!("/businessunits({parent})") });
        self.post("businessunits", body).await.ok().id()
    }

    /// What a business unit has of a role.
    async fn copy(&self, role: Uuid, unit: Uuid) -> Uuid {
        let filter = format!("_parentrootroleid_value eq {role} and _businessunitid_value eq {unit}");
        let found = self.get(&format!("roles?$select=roleid&$filter={filter}")).await.ok();
        assert_eq!(found.rows().len(), 1, "{role} in {unit}");
        found.rows()[0]["roleid"].as_str().unwrap().parse().unwrap()
    }

    async fn user_in(&self, number: u128, name: &str, unit: Uuid) -> (TokenFacts, Uuid) {
        let facts = self.register(number, name);
        let body = json!({
            "applicationid": facts.client_id.0,
            "businessunitid@odata.bind": format!("/businessunits({unit})"),
        });
        let user = self.post("systemusers", body).await.ok().id();
        (crate::world::token(&facts), user)
    }

    async fn team(&self, name: &str, unit: Uuid, role: Uuid) -> Uuid {
        let body = json!({ "name": name, "businessunitid@odata.bind": format!("/businessunits({unit})") });
        let team = self.post("teams", body).await.ok().id();
        let role = self.copy(role, unit).await;
        self.pair(&format!("teams({team})/teamroles_association"), "roles", role).await.ok();
        team
    }

    async fn pair(&self, path: &str, set: &str, id: Uuid) -> crate::world::Reply {
        self.post(&format!("{path}/$ref"), json!({ "@odata.id": format!("{BASE}/{set}({id})") })).await
    }

    async fn owned_by(&self, set: &str, owner: Uuid, name: &str) -> Uuid {
        let body = json!({ "lastname": name, "firstname": "Row", "ownerid@odata.bind": format!("/{set}({owner})") });
        self.post("contacts", body).await.ok().id()
    }

    /// The last names of the test's rows that a caller sees.
    async fn seen(&self, caller: &TokenFacts) -> BTreeSet<String> {
        let found = self.get_as(caller, "contacts?$select=lastname&$filter=firstname eq 'Row'").await.ok();
        found.rows().iter().map(|row| row["lastname"].as_str().unwrap().to_owned()).collect()
    }

    async fn names(&self, path: &str) -> BTreeSet<String> {
        let found = self.get(path).await.ok();
        found.rows().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn a_unit_brings_a_team_and_a_copy_of_every_role() {
    let world = World::new().await;
    let (root, own) = (world.root().await, world.role("orders-sync", &[("prvReadContact", "Local")]).await);
    let north = world.post("businessunits", json!({ "name": "North" })).await.ok().id();
    let row = world.get(&format!("businessunits({north})")).await.ok().json;
    assert_eq!((&row["name"], &row["isdisabled"]), (&json!("North"), &json!(false)));
    assert_eq!(row["_parentbusinessunitid_value"], json!(root), "the root is the parent where none is named");

    let teams = world.get(&format!("businessunits({north})/business_unit_teams")).await.ok();
    assert_eq!(teams.rows().len(), 1);
    assert_eq!((&teams.rows()[0]["name"], &teams.rows()[0]["isdefault"]), (&json!("North"), &json!(true)));

    let far = world.unit("Far north", north).await;
    let all = world.names(&format!("roles?$select=name&$filter=_businessunitid_value eq {root}")).await;
    for (unit, above) in [(north, root), (far, north)] {
        let path = format!("roles?$select=name&$filter=_businessunitid_value eq {unit}");
        assert_eq!(world.names(&path).await, all);
        let copy = world.copy(own, unit).await;
        assert_ne!(copy, own);
        let row = world.get(&format!("roles({copy})")).await.ok().json;
        assert_eq!(row["_parentroleid_value"], json!(world.copy(own, above).await));
        assert_eq!(row["_parentrootroleid_value"], json!(own));
        let held = world.get(&format!("RetrieveRolePrivilegesRole(RoleId=@p)?@p={copy}")).await.ok().json;
        assert_eq!(held["RolePrivileges"].as_array().unwrap().len(), 10);
        assert_eq!(held["RolePrivileges"][0]["BusinessUnitId"], json!(unit));
    }
    // The System Administrator is found by its template in every unit.
    let template = "roles/$count?$filter=_roletemplateid_value eq 627090ff-40a3-4053-8790-584edc5be201";
    assert_eq!(world.get(template).await.ok().text, "\u{feff}3");
}

#[tokio::test]
async fn the_hierarchy_has_unique_names_no_loops_and_one_root() {
    let world = World::new().await;
    let root = world.root().await;
    let north = world.unit("North", root).await;
    let far = world.unit("Far north", north).await;
    let refused = |reply: crate::world::Reply, code: &'static str| reply.refused(400, code).to_owned();
    let bind = |unit: Uuid| json!({ "parentbusinessunitid@odata.bind": format!("/businessunits({unit})") });
    let path = |unit: Uuid| format!("businessunits({unit})");

    for name in ["North", "NORTH", "Contrast"] {
        refused(world.post("businessunits", json!({ "name": name })).await, "0x8004022a");
    }
    refused(world.patch(&path(far), json!({ "name": "north" })).await, "0x8004022a");
    refused(world.post("businessunits", json!({})).await, "0x80040200");
    let unknown =
        json!({ "name": "East", "parentbusinessunitid@odata.bind": format!("/businessunits({})", Uuid::nil()) });
    world.post("businessunits", unknown).await.refused(404, "0x80040217");

    for (unit, parent) in [(north, north), (north, far), (root, far), (root, root)] {
        let text = refused(world.patch(&path(unit), bind(parent)).await, "0x80041d21");
        assert_eq!(text, "Creating this parental association would create a loop in business hierarchy.");
    }
    refused(world.patch(&path(far), json!({ "parentbusinessunitid": null })).await, "0x80041d02");
    refused(world.patch(&path(root), json!({ "isdisabled": true })).await, "0x80041d63");
    refused(world.delete(&path(root)).await, "0x80041d60");

    // A new name is the default team's too, and the root may have one.
    for (unit, name) in [(far, "Arctic"), (root, "Contrast Group")] {
        world.patch(&path(unit), json!({ "name": name })).await.ok();
        let teams = format!("teams?$select=name&$filter=_businessunitid_value eq {unit} and isdefault eq true");
        assert_eq!(world.names(&teams).await, set(&[name]));
    }
    world.patch(&path(far), bind(root)).await.ok();
    let row = world.get(&path(far)).await.ok().json;
    assert_eq!(row["_parentbusinessunitid_value"], json!(root));
}

#[tokio::test]
async fn copies_of_a_role_follow_it_and_are_not_changed_themselves() {
    let world = World::new().await;
    let north = world.unit("North", world.root().await).await;
    let role = world.role("orders-sync", &[]).await;
    let copy = world.copy(role, north).await;
    let (caller, user) = world.user_in(2, "orders-sync", north).await;
    world.assign(user, role).await.refused(400, "0x80041409");
    world.assign(user, copy).await.ok();

    // Privileges are the role's own, and count at once for who holds a copy.
    world.get_as(&caller, "contacts").await.refused(403, "0x80040220");
    let given =
        json!({ "Privileges": [{ "PrivilegeId": world.privilege("prvReadContact").await, "Depth": "Global" }] });
    let action = |role: Uuid| format!("roles({role})/Microsoft.Dynamics.CRM.AddPrivilegesRole");
    world.post(&action(copy), given.clone()).await.refused(400, "0x80044152");
    world.post(&action(role), given).await.ok();
    assert_eq!(world.get_as(&caller, "contacts").await.ok().rows().len(), 10);

    world.patch(&format!("roles({role})"), json!({ "name": "orders", "isinherited": 0 })).await.ok();
    let row = world.get(&format!("roles({copy})?$select=name,isinherited")).await.ok().json;
    assert_eq!((&row["name"], &row["isinherited"]), (&json!("orders"), &json!(0)));
    world.patch(&format!("roles({copy})"), json!({ "name": "mine" })).await.refused(400, "0x80044152");
    world.delete(&format!("roles({copy})")).await.refused(400, "0x8004140c");

    // A name must be free in every unit that would get a copy.
    let unit = format!("/businessunits({north})");
    let local = world.post("roles", json!({ "name": "local", "businessunitid@odata.bind": unit })).await.ok().id();
    let row = world.get(&format!("roles({local})")).await.ok().json;
    assert_eq!((&row["_parentroleid_value"], &row["_parentrootroleid_value"]), (&Value::Null, &json!(local)));
    for (method, path) in [(Method::POST, "roles".to_owned()), (Method::PATCH, format!("roles({role})"))] {
        let body = Some(json!({ "name": "Local" }));
        let reply = world.send(&world.admin, method, &path, &[], body).await;
        assert!(reply.refused(400, "0x80041403").contains(&north.to_string()));
    }

    world.delete(&format!("roles({role})")).await.ok();
    world.get(&format!("roles({copy})")).await.refused(404, "0x80040217");
    world.get_as(&caller, "contacts").await.refused(403, "0x80042f09");
}

#[tokio::test]
async fn a_moved_unit_inherits_from_its_new_parents_only() {
    let world = World::new().await;
    let root = world.root().await;
    let (north, south) = (world.unit("North", root).await, world.unit("South", root).await);
    let far = world.unit("Far north", north).await;
    let unit = format!("/businessunits({north})");
    let local = world.post("roles", json!({ "name": "northern", "businessunitid@odata.bind": unit })).await.ok().id();
    let below = world.copy(local, far).await;
    let (caller, user) = world.user_in(2, "orders-sync", far).await;
    world.assign(user, below).await.ok();
    world.get_as(&caller, "WhoAmI").await.ok();

    let to = |parent: Uuid| json!({ "parentbusinessunitid@odata.bind": format!("/businessunits({parent})") });
    world.patch(&format!("businessunits({far})"), to(south)).await.ok();
    world.get(&format!("roles({below})")).await.refused(404, "0x80040217");
    world.get_as(&caller, "WhoAmI").await.refused(403, "0x80042f09");
    let basic =
        world.get("roles?$select=roleid&$filter=name eq 'Basic User' and _parentroleid_value eq null").await.ok();
    let basic: Uuid = basic.rows()[0]["roleid"].as_str().unwrap().parse().unwrap();
    let row = world.get(&format!("roles({})", world.copy(basic, far).await)).await.ok().json;
    assert_eq!(row["_parentroleid_value"], json!(world.copy(basic, south).await));
    world.patch(&format!("businessunits({far})"), to(north)).await.ok();
    world.copy(local, far).await;
}

#[tokio::test]
async fn a_disabled_unit_takes_nobody_and_lets_nobody_in() {
    let world = World::new().await;
    let root = world.root().await;
    let north = world.unit("North", root).await;
    let far = world.unit("Far north", north).await;
    let role = world.role("orders-sync", &[]).await;
    let (caller, user) = world.user_in(2, "orders-sync", far).await;
    world.assign(user, world.copy(role, far).await).await.ok();
    world.get_as(&caller, "WhoAmI").await.ok();

    let disable = |disabled: bool| json!({ "isdisabled": disabled });
    world.patch(&format!("businessunits({north})"), disable(true)).await.ok();
    let row = world.get(&format!("businessunits({far})?$select=isdisabled")).await.ok().json;
    assert_eq!(row["isdisabled"], json!(true), "those below are disabled too");
    world.get_as(&caller, "WhoAmI").await.refused(403, "0x80040225");
    let row = world.get(&format!("systemusers({user})?$select=isdisabled")).await.ok().json;
    assert_eq!(row["isdisabled"], json!(false), "its users are not, themselves");

    let into = |unit: Uuid| format!("/businessunits({unit})");
    let facts = world.register(3, "late");
    let body = json!({ "applicationid": facts.client_id.0, "businessunitid@odata.bind": into(north) });
    world.post("systemusers", body).await.refused(400, "0x8004032d");
    let body = json!({ "name": "Late", "businessunitid@odata.bind": into(north) });
    world.post("teams", body).await.refused(400, "0x8004032d");
    let body = json!({ "name": "Late", "parentbusinessunitid@odata.bind": into(north) });
    world.post("businessunits", body).await.refused(400, "0x8004032c");
    let south = world.unit("South", root).await;
    let body = json!({ "parentbusinessunitid@odata.bind": into(north) });
    world.patch(&format!("businessunits({south})"), body).await.refused(400, "0x8004032d");
    world.patch(&format!("businessunits({far})"), disable(false)).await.refused(400, "0x8004032c");

    world.patch(&format!("businessunits({north})"), disable(false)).await.ok();
    world.get_as(&caller, "WhoAmI").await.ok();
}

#[tokio::test]
async fn a_unit_goes_when_it_is_disabled_and_empty() {
    let world = World::new().await;
    let root = world.root().await;
    let north = world.unit("North", root).await;
    let far = world.unit("Far north", north).await;
    let role = world.role("reader", &[("prvReadContact", "Basic")]).await;
    let (_, user) = world.user_in(2, "orders-sync", far).await;
    let team = world.team("Crew", far, role).await;
    let path = |unit: Uuid| format!("businessunits({unit})");
    let default = world.get(&format!("teams?$filter=_businessunitid_value eq {far} and isdefault eq true")).await.ok();
    let default: Uuid = default.rows()[0]["teamid"].as_str().unwrap().parse().unwrap();
    let copy = world.copy(role, far).await;
    world.pair(&format!("teams({default})/teamroles_association"), "roles", copy).await.ok();
    let row = world.owned_by("teams", default, "Of the team").await;

    let text = world.delete(&path(far)).await.refused(400, "0x80041d60").to_owned();
    assert_eq!(text, "Not disabled business unit cannot be deleted.");
    world.patch(&path(north), json!({ "isdisabled": true })).await.ok();
    world.delete(&path(north)).await.refused(400, "0x80041d61");
    world.delete(&path(far)).await.refused(405, "0x80040227");
    let home = json!({ "businessunitid@odata.bind": format!("/businessunits({root})") });
    world.patch(&format!("systemusers({user})"), home).await.ok();
    world.delete(&path(far)).await.refused(405, "0x80040227");
    world.delete(&format!("teams({default})")).await.refused(400, "0x80048307");
    world.delete(&format!("teams({team})")).await.ok();
    assert!(world.delete(&path(far)).await.refused(400, "0x80041d62").contains(&far.to_string()));
    world.delete(&format!("contacts({row})")).await.ok();

    assert_eq!(world.delete(&path(far)).await.status, 204);
    world.get(&path(far)).await.refused(404, "0x80040217");
    world.get(&format!("teams({default})")).await.refused(404, "0x80040217");
    world.get(&format!("roles({copy})")).await.refused(404, "0x80040217");
    assert_eq!(world.delete(&path(north)).await.status, 204);
    let held = world.get(&format!("RetrieveRolePrivilegesRole(RoleId=@p)?@p={role}")).await.ok().json;
    assert_eq!(held["RolePrivileges"].as_array().unwrap().len(), 10, "the role itself keeps its privileges");
}

#[tokio::test]
async fn default_teams_are_the_platforms() {
    let world = World::new().await;
    let root = world.root().await;
    let north = world.unit("North", root).await;
    let (_, user) = world.user_in(2, "orders-sync", north).await;
    let found = world.get(&format!("systemusers({user})/teammembership_association")).await.ok();
    assert_eq!(found.rows().len(), 1);
    assert_eq!(found.rows()[0]["_businessunitid_value"], json!(north));
    let team: Uuid = found.rows()[0]["teamid"].as_str().unwrap().parse().unwrap();
    let path = format!("teams({team})");
    let members = format!("{path}/teammembership_association");
    world.patch(&path, json!({ "name": "Mine" })).await.refused(400, "0x8004830a");
    let away = json!({ "businessunitid@odata.bind": format!("/businessunits({root})") });
    world.patch(&path, away).await.refused(400, "0x80048308");
    world.pair(&members, "systemusers", world.admin_user).await.refused(400, "0x8004830b");
    world.delete(&format!("{members}({user})/$ref")).await.refused(400, "0x8004830c");
    world.patch(&path, json!({ "description": "Those of the north" })).await.ok();
}

#[tokio::test]
async fn whoever_moves_loses_the_roles_and_takes_the_rows_along() {
    let world = World::new().await;
    let root = world.root().await;
    let (north, south) = (world.unit("North", root).await, world.unit("South", root).await);
    let verbs = ["prvReadContact", "prvCreateContact"];
    let role = world.role("own contacts", &verbs.map(|verb| (verb, "Basic"))).await;
    let (caller, user) = world.user_in(2, "orders-sync", north).await;
    world.assign(user, world.copy(role, north).await).await.ok();
    let made = world.send(&caller, Method::POST, "contacts", &[], Some(json!({ "lastname": "Own" }))).await.ok().id();
    let unit_of = async |row: Uuid| {
        let row = world.get(&format!("contacts({row})?$select=_owningbusinessunit_value")).await.ok().json;
        row["_owningbusinessunit_value"].clone()
    };
    assert_eq!(unit_of(made).await, json!(north));

    let to = |unit: Uuid| json!({ "businessunitid@odata.bind": format!("/businessunits({unit})") });
    world.patch(&format!("systemusers({user})"), to(south)).await.ok();
    assert!(world.get(&format!("systemusers({user})/systemuserroles_association")).await.ok().rows().is_empty());
    world.get_as(&caller, "contacts").await.refused(403, "0x80042f09");
    assert_eq!(unit_of(made).await, json!(south));
    let teams = world.get(&format!("systemusers({user})/teammembership_association")).await.ok();
    assert_eq!((teams.rows().len(), &teams.rows()[0]["name"]), (1, &json!("South")));
    world.assign(user, world.copy(role, north).await).await.refused(400, "0x80041409");
    world.assign(user, world.copy(role, south).await).await.ok();
    assert_eq!(world.get_as(&caller, "contacts").await.ok().rows().len(), 1);

    // A team likewise.
    let team = world.team("Crew", north, role).await;
    let row = world.owned_by("teams", team, "Of the crew").await;
    world.patch(&format!("teams({team})"), to(south)).await.ok();
    assert_eq!(unit_of(row).await, json!(south));
    assert!(world.get(&format!("teams({team})/teamroles_association")).await.ok().rows().is_empty());
    let held = world.copy(role, north).await;
    world.pair(&format!("teams({team})/teamroles_association"), "roles", held).await.refused(400, "0x8004140d");
}

#[tokio::test]
async fn depths_reach_across_business_units_as_they_say() {
    let world = World::new().await;
    let root = world.root().await;
    let (north, south) = (world.unit("North", root).await, world.unit("South", root).await);
    let far = world.unit("Far north", north).await;
    let reader = world.role("reader", &[("prvReadContact", "Basic")]).await;
    let (caller, user) = world.user_in(2, "caller", north).await;
    let mut rows = vec![("own", world.owned_reader(user, reader, north, "own").await)];
    for (number, name, unit) in [(3, "parent", root), (4, "peer", north), (5, "child", far), (6, "sibling", south)] {
        let (_, owner) = world.user_in(number, name, unit).await;
        rows.push((name, world.owned_reader(owner, reader, unit, name).await));
    }
    for (name, unit) in [("team of the unit", north), ("team of a sibling", south), ("team joined", south)] {
        let team = world.team(name, unit, reader).await;
        rows.push((name, world.owned_by("teams", team, name).await));
        if name == "team joined" {
            world.pair(&format!("teams({team})/teammembership_association"), "systemusers", user).await.ok();
        }
    }

    let own = ["own", "team joined"];
    let unit = ["own", "team joined", "peer", "team of the unit"];
    let below = ["own", "team joined", "peer", "team of the unit", "child"];
    let all: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
    for (depth, reached) in [("Basic", &own[..]), ("Local", &unit), ("Deep", &below), ("Global", &all)] {
        let verbs = ["prvReadContact", "prvWriteContact"].map(|verb| (verb, depth));
        let role = world.copy(world.role(depth, &verbs).await, north).await;
        world.assign(user, role).await.ok();
        assert_eq!(world.seen(&caller).await, set(reached), "{depth}");
        for (name, row) in &rows {
            let path = format!("contacts({row})");
            let body = Some(json!({ "jobtitle": depth }));
            for reply in
                [world.get_as(&caller, &path).await, world.send(&caller, Method::PATCH, &path, &[], body).await]
            {
                if reached.contains(name) {
                    reply.ok();
                } else {
                    reply.refused(403, "0x80048306");
                }
            }
        }
        world.delete(&format!("systemusers({user})/systemuserroles_association({role})/$ref")).await.ok();
    }
}

impl World {
    /// A row of a user who may read what is theirs.
    async fn owned_reader(&self, owner: Uuid, reader: Uuid, unit: Uuid, name: &str) -> Uuid {
        let copy = self.copy(reader, unit).await;
        self.assign(owner, copy).await.ok();
        self.owned_by("systemusers", owner, name).await
    }
}

#[tokio::test]
async fn a_teams_role_reaches_from_the_teams_business_unit() {
    let world = World::new().await;
    let root = world.root().await;
    let (north, south) = (world.unit("North", root).await, world.unit("South", root).await);
    let below = world.unit("Far south", south).await;
    let reader = world.role("reader", &[("prvReadContact", "Basic")]).await;
    for (number, name, unit) in [(3, "north", north), (4, "south", south), (5, "far south", below)] {
        let (_, owner) = world.user_in(number, name, unit).await;
        world.owned_reader(owner, reader, unit, name).await;
    }
    let (caller, user) = world.user_in(2, "caller", north).await;
    for (depth, reached) in [("Local", &["south"][..]), ("Deep", &["south", "far south"])] {
        let role = world.role(depth, &[("prvReadContact", depth)]).await;
        let team = world.team(depth, south, role).await;
        world.pair(&format!("teams({team})/teammembership_association"), "systemusers", user).await.ok();
        assert_eq!(world.seen(&caller).await, set(reached), "{depth}");
        world.delete(&format!("teams({team})")).await.ok();
    }
}

#[tokio::test]
async fn units_are_made_by_whoever_reaches_their_parent() {
    let world = World::new().await;
    let root = world.root().await;
    let (north, south) = (world.unit("North", root).await, world.unit("South", root).await);
    let verbs = ["prvReadBusinessUnit", "prvCreateBusinessUnit", "prvAppendBusinessUnit", "prvAppendToBusinessUnit"];
    let role = world.role("planner", &verbs.map(|verb| (verb, "Deep"))).await;
    let (caller, user) = world.user_in(2, "planner", north).await;
    world.assign(user, world.copy(role, north).await).await.ok();
    let make = async |name: &str, parent: Uuid| {
        let body = json!({ "name": name, "parentbusinessunitid@odata.bind": format!("/businessunits({parent})") });
        world.send(&caller, Method::POST, "businessunits", &[], Some(body)).await
    };
    let far = make("Far north", north).await.ok().id();
    make("Arctic", far).await.ok();
    make("Far south", south).await.refused(403, "0x80048306");
    make("West", root).await.refused(403, "0x80048306");
    let seen = world.get_as(&caller, "businessunits?$select=name").await.ok();
    assert_eq!(seen.rows().len(), 3);
    // Moving and disabling are privileges of their own; what cannot be written is not deleted either.
    let path = format!("businessunits({far})");
    world.send(&caller, Method::PATCH, &path, &[], Some(json!({ "name": "X" }))).await.refused(403, "0x80040220");
    world.send(&caller, Method::DELETE, &path, &[], None).await.refused(403, "0x80040220");
}

#[tokio::test]
async fn the_last_administrator_is_counted_over_all_units() {
    let world = World::new().await;
    let root = world.root().await;
    let north = world.unit("North", root).await;
    let found = world.get("roles?$filter=name eq 'System Administrator' and _parentroleid_value eq null").await.ok();
    let role: Uuid = found.rows()[0]["roleid"].as_str().unwrap().parse().unwrap();
    let copy = world.copy(role, north).await;
    let (second, user) = world.user_in(2, "second", north).await;
    world.assign(user, copy).await.ok();
    let own = format!("systemusers({})", world.admin_user);
    // The other administrator is in the north, so the first may go but the north may not be closed.
    world.patch(&own, json!({ "isdisabled": true })).await.ok();
    let closed = Some(json!({ "isdisabled": true }));
    let path = format!("businessunits({north})");
    world.send(&second, Method::PATCH, &path, &[], closed).await.refused(400, "0x80041d59");
    let held = format!("systemusers({user})/systemuserroles_association({copy})/$ref");
    world.send(&second, Method::DELETE, &held, &[], None).await.refused(403, "0x80041d30");
    let home = Some(json!({ "businessunitid@odata.bind": format!("/businessunits({root})") }));
    world.send(&second, Method::PATCH, &format!("systemusers({user})"), &[], home).await.refused(403, "0x80041d30");
    world.send(&second, Method::PATCH, &own, &[], Some(json!({ "isdisabled": false }))).await.ok();
    world.patch(&path, json!({ "isdisabled": true })).await.ok();
}
