//! Security groups.

use keyholder_foundation::ObjectId;
use serde_json::{Value, json};

use crate::world::World;

fn group(name: &str) -> Value {
    json!({ "displayName": name, "mailNickname": name, "mailEnabled": false, "securityEnabled": true })
}

fn member(id: impl std::fmt::Display) -> Value {
    json!({ "@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}") })
}

async fn make(world: &World, name: &str) -> String {
    let made = world.graph("POST", "/v1.0/groups", group(name)).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.text("/id").to_owned()
}

async fn join(world: &World, group: &str, id: impl std::fmt::Display) {
    let path = format!("/v1.0/groups/{group}/members/$ref");
    let joined = world.graph("POST", &path, member(id)).await;
    assert_eq!(joined.status, 204, "{}", joined.body);
}

fn ids(answer: &Value) -> Vec<&str> {
    answer["value"].as_array().unwrap().iter().map(|one| one["id"].as_str().or(one.as_str()).unwrap()).collect()
}

#[tokio::test]
async fn a_group_is_made_found_changed_and_removed_for_good() {
    let world = World::new().await;
    let id = make(&world, "dynamics-users").await;
    let one = world.graph("GET", &format!("/v1.0/groups/{id}"), Value::Null).await;
    assert_eq!((one.text("/displayName"), &one.body["securityEnabled"]), ("dynamics-users", &json!(true)));
    assert!(one.text("/securityIdentifier").starts_with("S-1-12-1-"));
    for filter in
        ["displayName eq 'Dynamics-Users'", "startswith(displayName,'dyn')", "mailNickname eq 'dynamics-users'"]
    {
        let found = world.graph("GET", &format!("/v1.0/groups?$filter={filter}"), Value::Null).await;
        assert_eq!(ids(&found.body), [id.as_str()], "{filter}");
    }
    let none = world.graph("GET", "/v1.0/groups?$filter=securityEnabled eq false", Value::Null).await;
    assert_eq!(none.body["value"], json!([]));
    let changed = world.graph("PATCH", &format!("/v1.0/groups/{id}"), json!({ "description": "who may in" })).await;
    assert_eq!(changed.status, 204, "{}", changed.body);
    let shown = world.graph("GET", &format!("/v1.0/groups/{id}?$select=id,description"), Value::Null).await;
    assert_eq!(shown.text("/description"), "who may in");
    assert_eq!(world.graph("DELETE", &format!("/v1.0/groups/{id}"), Value::Null).await.status, 204);
    assert_eq!(world.graph("GET", &format!("/v1.0/groups/{id}"), Value::Null).await.status, 404);
    let bin = world.graph("GET", "/v1.0/directory/deletedItems/microsoft.graph.group", Value::Null).await;
    assert_eq!(bin.body["value"], json!([]), "a security group has no way back");
}

#[tokio::test]
async fn groups_of_other_kinds_are_refused_by_the_property_that_asks_for_them() {
    let world = World::new().await;
    for (name, value) in [
        ("groupTypes", json!(["Unified"])),
        ("mailEnabled", json!(true)),
        ("securityEnabled", json!(false)),
        ("membershipRule", json!("user.department -eq \"x\"")),
        ("mailNickname", json!("a b")),
        ("colour", json!("red")),
    ] {
        let mut body = group("g");
        body[name] = value;
        let refused = world.graph("POST", "/v1.0/groups", body).await;
        assert_eq!((refused.status, refused.text("/error/code")), (400, "Request_BadRequest"), "{name}");
    }
    let mut body = group("g");
    body.as_object_mut().unwrap().remove("mailNickname");
    assert_eq!(world.graph("POST", "/v1.0/groups", body).await.status, 400);
    assert_eq!(world.graph("GET", "/v1.0/groups", Value::Null).await.body["value"], json!([]));
}

#[tokio::test]
async fn members_join_and_leave_and_groups_lie_in_groups() {
    let world = World::new().await;
    let (anna, app) = (world.person("anna").await, world.application("job").await);
    let (outer, inner) = (make(&world, "outer").await, make(&world, "inner").await);
    join(&world, &inner, anna).await;
    join(&world, &outer, &inner).await;
    join(&world, &outer, app.principal).await;
    // A ring is no trouble.
    join(&world, &inner, &outer).await;

    let direct = world.graph("GET", &format!("/v1.0/groups/{outer}/members?$select=id"), Value::Null).await;
    assert_eq!(direct.body["value"].as_array().unwrap().len(), 2);
    assert!(direct.body["value"].as_array().unwrap().iter().any(|one| one["@odata.type"] == "#microsoft.graph.group"));
    let users = format!("/v1.0/groups/{outer}/transitiveMembers/microsoft.graph.user");
    assert_eq!(ids(&world.graph("GET", &users, Value::Null).await.body), [anna.to_string()]);
    let of = format!("/v1.0/users/{anna}/memberOf");
    assert_eq!(ids(&world.graph("GET", &of, Value::Null).await.body), [inner.as_str()]);
    let all =
        world.graph("GET", &format!("/v1.0/users/{anna}/transitiveMemberOf/microsoft.graph.group"), Value::Null).await;
    assert_eq!(ids(&all.body).len(), 2);

    let asked = json!({ "groupIds": [outer, uuid::Uuid::nil()] });
    for path in [format!("/v1.0/users/{anna}"), format!("/v1.0/directoryObjects/{anna}")] {
        let checked = world.graph("POST", &format!("{path}/checkMemberGroups"), asked.clone()).await;
        assert_eq!((checked.status, ids(&checked.body)), (200, vec![outer.as_str()]), "{path}");
        let got = world.graph("POST", &format!("{path}/getMemberGroups"), json!({ "securityEnabledOnly": true })).await;
        assert_eq!(ids(&got.body).len(), 2, "{path}");
    }
    let of_app = format!("/v1.0/servicePrincipals/{}/checkMemberGroups", app.principal);
    assert_eq!(ids(&world.graph("POST", &of_app, asked).await.body), [outer.as_str()]);

    let again = world.graph("POST", &format!("/v1.0/groups/{inner}/members/$ref"), member(anna)).await;
    assert_eq!((again.status, again.text("/error/code")), (400, "Request_BadRequest"));
    let unknown = world.graph("POST", &format!("/v1.0/groups/{inner}/members/$ref"), member(uuid::Uuid::nil())).await;
    assert_eq!(unknown.status, 404);
    let own = world.graph("POST", &format!("/v1.0/groups/{inner}/members/$ref"), member(&inner)).await;
    assert_eq!(own.status, 400);
    let leave = format!("/v1.0/groups/{inner}/members/{anna}/$ref");
    assert_eq!(world.graph("DELETE", &leave, Value::Null).await.status, 204);
    assert_eq!(world.graph("DELETE", &leave, Value::Null).await.status, 404);
    assert_eq!(world.graph("GET", &of, Value::Null).await.body["value"], json!([]));
}

#[tokio::test]
async fn owners_and_members_are_bound_when_a_group_is_made() {
    let world = World::new().await;
    let (anna, bert) = (world.person("anna").await, world.person("bert").await);
    let mut body = group("team");
    body["owners@odata.bind"] = json!([format!("https://graph.microsoft.com/v1.0/users/{anna}")]);
    body["members@odata.bind"] = json!([format!("https://graph.microsoft.com/v1.0/directoryObjects/{bert}")]);
    let made = world.graph("POST", "/v1.0/groups", body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.text("/id");
    let owners = world.graph("GET", &format!("/v1.0/groups/{id}/owners"), Value::Null).await;
    assert_eq!(ids(&owners.body), [anna.to_string()]);
    let expanded = world.graph("GET", &format!("/v1.0/groups/{id}?$expand=owners"), Value::Null).await;
    assert_eq!(expanded.body["owners"][0]["id"], json!(anna));
    let members = world.graph("GET", &format!("/v1.0/groups/{id}/members"), Value::Null).await;
    assert_eq!(ids(&members.body), [bert.to_string()]);
    // Patching adds.
    let more = json!({ "members@odata.bind": [format!("https://graph.microsoft.com/v1.0/users/{anna}")] });
    assert_eq!(world.graph("PATCH", &format!("/v1.0/groups/{id}"), more).await.status, 204);
    let members = world.graph("GET", &format!("/v1.0/groups/{id}/members"), Value::Null).await;
    assert_eq!(ids(&members.body).len(), 2);
}

async fn give_role(world: &World, principal: &str, role: &str) -> u16 {
    let body = json!({ "principalId": principal, "roleDefinitionId": role, "directoryScopeId": "/" });
    world.graph("POST", "/v1.0/roleManagement/directory/roleAssignments", body).await.status
}

const GROUPS_ADMINISTRATOR: &str = "fdd7a751-b60b-444a-984c-02652fe8fa1c";
const USER_ADMINISTRATOR: &str = "fe930be7-5e62-47db-91af-98c3a49a38b1";

#[tokio::test]
async fn who_may_change_groups() {
    let world = World::new().await;
    let id = make(&world, "theirs").await;
    let rename = json!({ "displayName": "renamed" });
    let path = format!("/v1.0/groups/{id}");
    let nobody: ObjectId = world.person("nobody").await;
    let token = world.person_token(nobody);
    assert_eq!(world.graph_as(&token, "GET", &path, Value::Null).await.status, 200);
    let denied = world.graph_as(&token, "PATCH", &path, rename.clone()).await;
    assert_eq!((denied.status, denied.text("/error/code")), (403, "Authorization_RequestDenied"));
    let denied = world.graph_as(&token, "POST", &format!("{path}/members/$ref"), member(nobody)).await;
    assert_eq!(denied.status, 403);
    // Members may make groups, which they then own.
    let own = world.graph_as(&token, "POST", "/v1.0/groups", group("mine")).await;
    let own_path = format!("/v1.0/groups/{}", own.text("/id"));
    assert_eq!(world.graph_as(&token, "PATCH", &own_path, rename.clone()).await.status, 204);
    for (name, role) in [("grace", GROUPS_ADMINISTRATOR), ("uma", USER_ADMINISTRATOR)] {
        let person = world.person(name).await;
        assert_eq!(give_role(&world, &person.to_string(), role).await, 201);
        let token = world.person_token(person);
        assert_eq!(world.graph_as(&token, "PATCH", &path, rename.clone()).await.status, 204, "{name}");
        let add = world.graph_as(&token, "POST", &format!("{path}/members/$ref"), member(person)).await;
        assert_eq!(add.status, 204, "{name}");
    }
}

#[tokio::test]
async fn a_group_that_can_have_roles_gives_them_to_its_members() {
    let world = World::new().await;
    let anna = world.person("anna").await;
    let plain = make(&world, "plain").await;
    assert_eq!(give_role(&world, &plain, USER_ADMINISTRATOR).await, 400, "only groups made for it can have roles");
    let mut body = group("admins");
    body["isAssignableToRole"] = json!(true);
    let made = world.graph("POST", "/v1.0/groups", body.clone()).await;
    let admins = made.text("/id").to_owned();
    assert_eq!(give_role(&world, &admins, USER_ADMINISTRATOR).await, 201);
    let token = world.person_token(anna);
    let person = crate::world::person("new");
    assert_eq!(world.graph_as(&token, "POST", "/v1.0/users", person.clone()).await.status, 403);
    join(&world, &admins, anna).await;
    assert_eq!(world.graph_as(&token, "POST", "/v1.0/users", person).await.status, 201);
    // What gives roles is not in the hands of those who only look after groups.
    let grace = world.person("grace").await;
    assert_eq!(give_role(&world, &grace.to_string(), GROUPS_ADMINISTRATOR).await, 201);
    let token = world.person_token(grace);
    let add = world.graph_as(&token, "POST", &format!("/v1.0/groups/{admins}/members/$ref"), member(grace)).await;
    assert_eq!(add.status, 403);
    assert_eq!(world.graph_as(&token, "POST", "/v1.0/groups", body).await.status, 403);
    let nested = world.graph("POST", &format!("/v1.0/groups/{admins}/members/$ref"), member(&plain)).await;
    assert_eq!(nested.status, 400, "and lets no group in");
}

#[tokio::test]
async fn nobody_below_takes_over_an_account_that_reaches_a_group_with_roles() {
    let world = World::new().await;
    let [uma, owner, joined, plain] = ["uma", "owner", "joined", "plain"];
    let (uma, owner) = (world.person(uma).await, world.person(owner).await);
    let (joined, plain) = (world.person(joined).await, world.person(plain).await);
    assert_eq!(give_role(&world, &uma.to_string(), USER_ADMINISTRATOR).await, 201);
    let mut body = group("admins");
    body["isAssignableToRole"] = json!(true);
    body["owners@odata.bind"] = json!([format!("https://graph.microsoft.com/v1.0/users/{owner}")]);
    body["members@odata.bind"] = json!([format!("https://graph.microsoft.com/v1.0/users/{joined}")]);
    assert_eq!(world.graph("POST", "/v1.0/groups", body).await.status, 201);
    let token = world.person_token(uma);
    let reset = json!({ "passwordProfile": { "password": "Another-horse-9" } });
    // Whoever signs in as an owner takes whomever they like into the group.
    for (person, expected) in [(owner, 403), (joined, 403), (plain, 204)] {
        let path = format!("/v1.0/users/{person}");
        assert_eq!(world.graph_as(&token, "PATCH", &path, reset.clone()).await.status, expected, "{path}");
        assert_eq!(world.graph_as(&token, "DELETE", &path, Value::Null).await.status, expected, "{path}");
        let by_global = world.graph("PATCH", &path, reset.clone()).await.status;
        assert_eq!(by_global, if expected == 403 { 204 } else { 404 }, "{path}");
    }
}

#[tokio::test]
async fn an_application_that_may_not_see_groups_sees_none_by_its_id_either() {
    let world = World::new().await;
    let (id, app) = (make(&world, "secret").await, world.application("job").await);
    let graph = world.principal_of("00000003-0000-0000-c000-000000000000").await;
    let owned_by = "18a4783c-866b-4cc7-a460-3d5e5662c884";
    let give = json!({ "principalId": app.principal, "resourceId": graph, "appRoleId": owned_by });
    let path = format!("/v1.0/servicePrincipals/{}/appRoleAssignments", app.principal);
    assert_eq!(world.graph("POST", &path, give).await.status, 201);
    let token = world.token_of(app.client, &app.secret, "https://graph.microsoft.com/.default").await;
    assert_eq!(
        world.graph_as(&token, "POST", "/v1.0/applications", json!({ "displayName": "mine" })).await.status,
        201
    );
    for id in [id, uuid::Uuid::nil().to_string()] {
        for path in ["", "/members", "/owners", "/memberOf"] {
            let seen = world.graph_as(&token, "GET", &format!("/v1.0/groups/{id}{path}"), Value::Null).await;
            assert_eq!(seen.status, 403, "{id}{path}");
        }
    }
}
