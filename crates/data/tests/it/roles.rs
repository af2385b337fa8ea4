//! Roles: making them, giving them privileges, assigning them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use http::Method;
use keyholder_dataverse::Schema;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::World;
use crate::world::BASE;

async fn privileges(world: &World, role: Uuid) -> Vec<(String, String)> {
    let reply = world.get(&format!("RetrieveRolePrivilegesRole(RoleId=@p)?@p={role}")).await.ok();
    let of = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    reply.json["RolePrivileges"].as_array().unwrap().iter().map(|p| (of(p, "PrivilegeName"), of(p, "Depth"))).collect()
}

#[tokio::test]
async fn a_new_role_holds_nine_privileges_and_no_more() {
    let world = World::new().await;
    let role = world.role("orders-sync", &[]).await;
    let held = privileges(&world, role).await;
    assert_eq!(held.len(), 9, "{held:?}");
    assert!(held.iter().any(|(name, _)| name == "prvReadSdkMessage"));
    let row = world.get(&format!("roles({role})")).await.ok().json;
    assert_eq!(row["_parentrootroleid_value"], json!(role));
    assert_eq!(row["isinherited"], json!(1));
    assert_eq!(row["_roletemplateid_value"], Value::Null);
}

#[tokio::test]
async fn names_are_unique_whatever_their_case() {
    let world = World::new().await;
    world.role("Orders", &[]).await;
    let again = world.post("roles", json!({ "name": "ORDERS" })).await;
    assert!(again.refused(again.status.as_u16(), "0x80041403").contains("'ORDERS' already exists"));
    assert!(again.status.is_client_error());
    let other = world.role("Other", &[]).await;
    world
        .patch(&format!("roles({other})"), json!({ "name": "orders" }))
        .await
        .refused(again.status.as_u16(), "0x80041403");
    world.patch(&format!("roles({other})"), json!({ "name": "OTHER" })).await.ok();
    world.post("roles", json!({})).await.refused(400, "0x80040200");
}

#[tokio::test]
async fn privileges_are_added_replaced_and_removed() {
    let world = World::new().await;
    let role = world.role("orders-sync", &[("prvReadContact", "Local"), ("prvReadAccount", "Global")]).await;
    let path = |action: &str| format!("roles({role})/Microsoft.Dynamics.CRM.{action}");
    let (contact, account) = (world.privilege("prvReadContact").await, world.privilege("prvReadAccount").await);
    let given = |id: Uuid, depth: &str| json!({ "Privileges": [{ "PrivilegeId": id, "Depth": depth }] });
    assert_eq!(privileges(&world, role).await.len(), 11);
    // Adding at a smaller depth takes nothing away.
    world.post(&path("AddPrivilegesRole"), given(account, "Basic")).await.ok();
    assert!(privileges(&world, role).await.contains(&("prvReadAccount".into(), "Global".into())));
    world.post(&path("AddPrivilegesRole"), given(contact, "Deep")).await.ok();
    assert!(privileges(&world, role).await.contains(&("prvReadContact".into(), "Deep".into())));
    world.post(&path("RemovePrivilegeRole"), json!({ "PrivilegeId": account })).await.ok();
    assert_eq!(privileges(&world, role).await.len(), 10);
    world.post(&path("ReplacePrivilegesRole"), given(contact, "Basic")).await.ok();
    assert_eq!(privileges(&world, role).await, [("prvReadContact".to_owned(), "Basic".to_owned())]);

    let unknown = Uuid::from_u128(0x404);
    world.post(&path("AddPrivilegesRole"), given(unknown, "Basic")).await.refused(404, "0x80040217");
    let read_org = world.privilege("prvReadOrganization").await;
    world.post(&path("AddPrivilegesRole"), given(read_org, "Basic")).await.refused(400, "0x8004140b");
    world
        .post(&path("AddPrivilegesRole"), json!({ "Privileges": [{ "PrivilegeId": contact, "Depth": 3 }] }))
        .await
        .refused(400, "0x80048d19");
}

#[tokio::test]
async fn assigning_and_taking_away() {
    let world = World::new().await;
    let (_, user) = world.application_user(2, "orders-sync").await;
    let role = world.role("orders-sync", &[]).await;
    let held = format!("systemusers({user})/systemuserroles_association");
    assert_eq!(world.assign(user, role).await.status, 204);
    assert_eq!(world.get(&format!("{held}?$select=name")).await.ok().rows()[0]["name"], json!("orders-sync"));
    world.assign(user, role).await.refused(412, "0x80040237");
    assert_eq!(world.delete(&format!("{held}/$ref?$id={BASE}/roles({role})")).await.status, 204);
    assert!(world.get(&held).await.ok().rows().is_empty());
    world.assign(user, role).await.ok();
    assert_eq!(world.delete(&format!("{held}({role})/$ref")).await.status, 204);
    assert_eq!(world.delete(&format!("{held}({role})/$ref")).await.status, 204);
    world.assign(user, Uuid::from_u128(0x404)).await.refused(404, "0x80040217");
    world.assign(Uuid::from_u128(0x404), role).await.refused(404, "0x80040217");
}

#[tokio::test]
async fn nobody_gives_more_than_they_have() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "helper").await;
    let verbs = ["prvReadRole", "prvWriteRole", "prvAppendRole", "prvAssignRole", "prvAppendUser", "prvReadUser"];
    let helper = world.role("helper", &verbs.map(|verb| (verb, "Global"))).await;
    world.assign(user, helper).await.ok();
    let administrator = world.get("roles?$filter=name eq 'System Administrator'&$select=roleid").await.ok();
    let administrator = administrator.rows()[0]["roleid"].as_str().unwrap().to_owned();
    let path = format!("systemusers({user})/systemuserroles_association/$ref");
    let wanted = json!({ "@odata.id": format!("{BASE}/roles({administrator})") });
    world.send(&caller, Method::POST, &path, &[], Some(wanted)).await.refused(403, "0x80040220");
    let path = format!("roles({helper})/Microsoft.Dynamics.CRM.AddPrivilegesRole");
    let wanted =
        json!({ "Privileges": [{ "PrivilegeId": world.privilege("prvDeleteContact").await, "Depth": "Basic" }] });
    let reply = world.send(&caller, Method::POST, &path, &[], Some(wanted)).await;
    assert!(reply.refused(403, "0x80040220").contains("prvDeleteContact"));
}

#[tokio::test]
async fn nobody_joins_a_team_that_has_more_than_they_have() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "helper").await;
    let verbs = ["prvReadTeam", "prvReadUser", "prvAppendTeam", "prvAppendUser"];
    let helper = world.role("helper", &verbs.map(|verb| (verb, "Global"))).await;
    world.assign(user, helper).await.ok();
    let team = world.post("teams", json!({ "name": "Owners" })).await.ok().id();
    let reference = |set: &str, id: Uuid| json!({ "@odata.id": format!("{BASE}/{set}({id})") });
    let roles = format!("teams({team})/teamroles_association/$ref");
    let administrator = world.get("roles?$filter=name eq 'System Administrator'&$select=roleid").await.ok();
    let administrator: Uuid = administrator.rows()[0]["roleid"].as_str().unwrap().parse().unwrap();
    world.post(&roles, reference("roles", administrator)).await.ok();

    let from_team = (format!("teams({team})"), reference("systemusers", user));
    let from_user = (format!("systemusers({user})"), reference("teams", team));
    for (row, other) in [&from_team, &from_user] {
        let path = format!("{row}/teammembership_association/$ref");
        world.send(&caller, Method::POST, &path, &[], Some(other.clone())).await.refused(403, "0x80040220");
    }
    world.get_as(&caller, "contacts").await.refused(403, "0x80040220");
    // A team that gives nothing new can be joined.
    world.delete(&format!("teams({team})/teamroles_association({administrator})/$ref")).await.ok();
    world.post(&roles, reference("roles", helper)).await.ok();
    let path = format!("{}/teammembership_association/$ref", from_team.0);
    assert_eq!(world.send(&caller, Method::POST, &path, &[], Some(from_team.1)).await.status, 204);
}

#[tokio::test]
async fn the_administrators_role_stays() {
    let world = World::new().await;
    let found = world.get("roles?$filter=_roletemplateid_value eq 627090ff-40a3-4053-8790-584edc5be201").await.ok();
    let role: Uuid = found.rows()[0]["roleid"].as_str().unwrap().parse().unwrap();
    assert_eq!(found.rows()[0]["name"], json!("System Administrator"));
    world.patch(&format!("roles({role})"), json!({ "name": "Mine" })).await.refused(403, "0x80041d31");
    world.delete(&format!("roles({role})")).await.refused(403, "0x80041d2e");
    let customizer = world.get("roles?$filter=name eq 'System Customizer'").await.ok();
    let customizer = customizer.rows()[0]["roleid"].as_str().unwrap().to_owned();
    world.delete(&format!("roles({customizer})")).await.refused(403, "0x80041d4a");
    let path = format!("systemusers({})/systemuserroles_association({role})/$ref", world.admin_user);
    world.delete(&path).await.refused(403, "0x80041d30");
    let (_, second) = world.application_user(2, "second").await;
    world.assign(second, role).await.ok();
    world.delete(&path).await.ok();
}

#[tokio::test]
async fn a_deleted_role_is_taken_from_its_users() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let role = world.role("orders-sync", &[("prvReadContact", "Global")]).await;
    world.assign(user, role).await.ok();
    world.get_as(&caller, "contacts").await.ok();
    world.delete(&format!("roles({role})")).await.ok();
    world.get_as(&caller, "contacts").await.refused(403, "0x80042f09");
}

#[tokio::test]
async fn a_teams_role_counts_for_its_members() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let role = world.role("team role", &[("prvReadContact", "Global")]).await;
    let team = world.post("teams", json!({ "name": "Orders" })).await.ok().id();
    let reference = |set: &str, id: Uuid| json!({ "@odata.id": format!("{BASE}/{set}({id})") });
    world.post(&format!("teams({team})/teamroles_association/$ref"), reference("roles", role)).await.ok();
    world.get_as(&caller, "contacts").await.refused(403, "0x80042f09");
    let members = format!("teams({team})/teammembership_association");
    world.post(&format!("{members}/$ref"), reference("systemusers", user)).await.ok();
    assert_eq!(world.get_as(&caller, "contacts").await.ok().rows().len(), 10);
    world.delete(&format!("{members}({user})/$ref")).await.ok();
    world.get_as(&caller, "contacts").await.refused(403, "0x80042f09");
}

#[tokio::test]
async fn disabled_users_get_no_role() {
    let world = World::new().await;
    let (_, user) = world.application_user(2, "orders-sync").await;
    let role = world.role("orders-sync", &[]).await;
    let path = format!("systemusers({user})");
    world.patch(&path, json!({ "isdisabled": true })).await.ok();
    let refused = world.assign(user, role).await;
    assert!(refused.refused(403, "0x80040225").starts_with(&format!("The specified user(Id = {user}) is disabled.")));
    world.patch(&path, json!({ "isdisabled": false })).await.ok();
    world.assign(user, role).await.ok();
}

/// The privileges of a predefined role, each with its depth.
async fn held(world: &World, name: &str) -> BTreeMap<String, String> {
    let found = world.get(&format!("roles?$select=roleid&$filter=name eq '{name}'")).await.ok();
    let role = found.rows()[0]["roleid"].as_str().unwrap().parse().unwrap();
    privileges(world, role).await.into_iter().collect()
}

#[tokio::test]
async fn s10_an_organization_starts_with_the_platforms_roles() {
    let world = World::new().await;
    let fresh = world.role("fresh", &[]).await;
    let usual = privileges(&world, fresh).await.len();
    for (name, has, has_not) in [
        ("Environment Maker", &[][..], &["prvReadContact", "prvReadUser"][..]),
        ("Delegate", &["prvActOnBehalfOfAnotherUser"], &["prvReadContact"]),
        ("Service Reader", &["prvReadContact", "prvReadUser", "prvReadOrganization"], &["prvWriteContact"]),
        (
            "Service Writer",
            &["prvCreateContact", "prvWriteUser", "prvAssignContact"],
            &["prvDeleteContact", "prvShareContact"],
        ),
        ("Service Deleter", &["prvDeleteContact", "prvDeleteTeam"], &["prvReadContact"]),
        ("Support User", &["prvReadUser", "prvReadRole", "prvReadBusinessUnit"], &["prvReadContact", "prvWriteRole"]),
        ("Office Collaborator", &["prvReadOrganization"], &["prvReadContact", "prvReadUser"]),
    ] {
        let held = held(&world, name).await;
        for privilege in has {
            assert_eq!(held.get(*privilege).map(String::as_str), Some("Global"), "{name}: {privilege}");
        }
        for privilege in has_not {
            assert_eq!(held.get(*privilege), None, "{name}: {privilege}");
        }
        assert!(held.len() >= usual, "{name} has what every new role has");
    }
    let (caller, user) = world.application_user(2, "reports").await;
    let reader = world.get("roles?$select=roleid&$filter=name eq 'Service Reader'").await.ok();
    world.assign(user, reader.rows()[0]["roleid"].as_str().unwrap().parse().unwrap()).await.ok();
    world.get_as(&caller, "contacts").await.ok();
    let body = json!({ "lastname": "x" });
    world.send(&caller, Method::POST, "contacts", &[], Some(body)).await.refused(403, "0x80040220");
}

#[tokio::test]
async fn predefined_roles_have_the_rights_that_exported_ones_have() {
    let folder = std::env::var_os("KEYHOLDER_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from)
        .join("data/roles/table-rights");
    if !folder.is_dir() {
        println!("skipped: there is no {}", folder.display());
        return;
    }
    let world = World::new().await;
    let schema = Schema::core().unwrap();
    let all = std::fs::read(folder.join("devenv-2025-SystemAdministrator.json")).unwrap();
    let all: Value = serde_json::from_slice(&all).unwrap();
    let mut compared = 0;
    for (name, file) in [
        ("System Administrator", "devenv-2025-SystemAdministrator.json"),
        ("System Customizer", "devenv-2025-SystemCustomizer.json"),
        ("Service Writer", "devenv-2025-ServiceWriter.json"),
        ("Service Deleter", "devenv-2025-ServiceDeleter.json"),
        ("Office Collaborator", "devenv-2025-OfficeCollaborator.json"),
    ] {
        let exported: Value = serde_json::from_slice(&std::fs::read(folder.join(file)).unwrap()).unwrap();
        let ours = held(&world, name).await;
        for table in schema.names() {
            let table = schema.table(&table.logical_name).unwrap().unwrap();
            let theirs = &exported["privileges"][table.logical_name()];
            for verb in table.verbs() {
                let access = format!("{verb:?}Access");
                // That environment has no sales and service apps: what its administrator lacks is not there.
                if all["privileges"][table.logical_name()][&access].is_null() {
                    continue;
                }
                let privilege = table.privilege_name(*verb).unwrap();
                let depth = theirs[access]["depth"].as_str();
                assert_eq!(ours.get(&privilege).map(String::as_str), depth, "{name}: {privilege}");
                compared += 1;
            }
        }
    }
    assert!(compared > 600, "{compared}");
}

#[tokio::test]
async fn standard_roles_have_the_published_depths() {
    let file = std::env::var_os("KEYHOLDER_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from)
        .join("data/roles/default-role-depths.json");
    let Ok(text) = std::fs::read(&file) else {
        println!("skipped: there is no {}", file.display());
        return;
    };
    let published: Value = serde_json::from_slice(&text).unwrap();
    let world = World::new().await;
    let mut compared = 0;
    let mut known = std::collections::HashMap::new();
    for row in published["rows"].as_array().unwrap() {
        let privilege = row["privilege"].as_str().unwrap();
        for (role, depth) in row["roles"].as_object().unwrap() {
            if !known.contains_key(role) {
                known.insert(role.clone(), held(&world, role).await);
            }
            assert_eq!(known[role].get(privilege).map(String::as_str), depth.as_str(), "{role}: {privilege}");
            compared += 1;
        }
    }
    assert!(compared > 80, "{compared}");
}
