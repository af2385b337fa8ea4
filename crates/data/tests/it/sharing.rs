//! Shares: single rows that users and teams reach beside what their roles let them reach.

use http::Method;
use keyholder_data::TokenFacts;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::World;
use crate::world::Reply;

const ALL: [&str; 7] = [
    "prvReadContact",
    "prvWriteContact",
    "prvDeleteContact",
    "prvAppendContact",
    "prvAppendToContact",
    "prvAssignContact",
    "prvShareContact",
];

/// A user who reaches nothing but their own contacts.
async fn user(world: &World, number: u128) -> (TokenFacts, Uuid) {
    let (caller, user) = world.application_user(number, &format!("program-{number}")).await;
    let held: Vec<(&str, &str)> = ALL.iter().map(|name| (*name, "Basic")).collect();
    world.assign(user, world.role(&format!("own-{number}"), &held).await).await.ok();
    (caller, user)
}

fn target(table: &str, id: Uuid) -> Value {
    json!({ "@odata.type": format!("Microsoft.Dynamics.CRM.{table}"), format!("{table}id"): id })
}

async fn share(world: &World, caller: &TokenFacts, action: &str, contact: Uuid, who: Value, rights: &str) -> Reply {
    let body = json!({
        "Target": target("contact", contact),
        "PrincipalAccess": { "Principal": who, "AccessMask": rights },
    });
    world.send(caller, Method::POST, action, &[], Some(body)).await
}

async fn revoke(world: &World, contact: Uuid, who: Value) -> Reply {
    world.post("RevokeAccess", json!({ "Target": target("contact", contact), "Revokee": who })).await
}

async fn listed(world: &World, caller: &TokenFacts) -> usize {
    world.get_as(caller, "contacts?$select=contactid").await.ok().rows().len()
}

#[tokio::test]
async fn each_right_is_shared_by_itself() {
    let world = World::new().await;
    let (caller, user) = user(&world, 2).await;
    let contact = world.post("contacts", json!({ "lastname": "Quill" })).await.ok().id();
    let path = format!("contacts({contact})");
    let who = || target("systemuser", user);
    let patch = async || {
        world.send(&caller, Method::PATCH, &path, &[("If-Match", "*")], Some(json!({ "lastname": "Pen" }))).await
    };
    world.get_as(&caller, &path).await.refused(403, "0x80048306");
    assert_eq!(listed(&world, &caller).await, 0);
    assert_eq!(share(&world, &world.admin, "GrantAccess", contact, who(), "ReadAccess").await.ok().status, 204);
    assert_eq!(world.get_as(&caller, &path).await.ok().json["lastname"], json!("Quill"));
    assert_eq!(world.get_as(&caller, &format!("{path}/lastname")).await.ok().json["value"], json!("Quill"));
    assert_eq!(listed(&world, &caller).await, 1);
    let count = world.get_as(&caller, "contacts/$count").await.ok();
    assert_eq!(count.text.trim_start_matches('\u{feff}'), "1");
    assert!(patch().await.refused(403, "0x80048306").contains("WriteAccess"));
    // Granting adds.
    share(&world, &world.admin, "GrantAccess", contact, who(), "WriteAccess").await.ok();
    patch().await.ok();
    assert!(
        world.send(&caller, Method::DELETE, &path, &[], None).await.refused(403, "0x80048306").contains("DeleteAccess")
    );
    let shown =
        world.get("principalobjectaccessset?$select=principalid,objectid,objecttypecode,accessrightsmask").await.ok();
    let row = &shown.rows()[0];
    assert_eq!((&row["principalid"], &row["objectid"]), (&json!(user), &json!(contact)));
    assert_eq!((&row["objecttypecode"], &row["accessrightsmask"]), (&json!("contact"), &json!(3)));
    // Modifying replaces, and nothing that is left is gone.
    share(&world, &world.admin, "ModifyAccess", contact, who(), "DeleteAccess").await.ok();
    world.get_as(&caller, &path).await.refused(403, "0x80048306");
    assert_eq!(listed(&world, &caller).await, 0);
    share(&world, &world.admin, "ModifyAccess", contact, who(), "None").await.ok();
    assert_eq!(world.get("principalobjectaccessset").await.ok().rows().len(), 0);
    share(&world, &world.admin, "GrantAccess", contact, who(), "ReadAccess,DeleteAccess").await.ok();
    world.send(&caller, Method::DELETE, &path, &[], None).await.ok();
    // The share goes with the row, and another row is none.
    assert_eq!(world.get("principalobjectaccessset").await.ok().rows().len(), 0);
    let other = world.post("contacts", json!({ "contactid": contact, "lastname": "Quill" })).await.ok().id();
    world.get_as(&caller, &format!("contacts({other})")).await.refused(403, "0x80048306");
    share(&world, &world.admin, "GrantAccess", contact, who(), "ReadAccess").await.ok();
    revoke(&world, contact, who()).await.ok();
    world.get_as(&caller, &path).await.refused(403, "0x80048306");
}

#[tokio::test]
async fn teams_pass_shares_on_to_their_members() {
    let world = World::new().await;
    let (caller, user) = user(&world, 2).await;
    let contact = world.post("contacts", json!({ "lastname": "Quill" })).await.ok().id();
    let body = json!({ "name": "Access", "teamtype": 1, "businessunitid@odata.bind": world.root_unit().await });
    let team = world.post("teams", body).await.ok().id();
    // An access team holds no roles and owns nothing.
    let role = world.role("reader", &[("prvReadContact", "Basic")]).await;
    let roles = json!({ "@odata.id": format!("roles({role})") });
    world.post(&format!("teams({team})/teamroles_association/$ref"), roles).await.refused(400, "0x80048331");
    let own = json!({ "lastname": "x", "ownerid@odata.bind": format!("/teams({team})") });
    world.post("contacts", own).await.refused(400, "0x80048340");

    let who = json!({ "@odata.type": "#Microsoft.Dynamics.CRM.team", "ownerid": team });
    share(&world, &world.admin, "GrantAccess", contact, who.clone(), "ReadAccess").await.ok();
    assert_eq!(listed(&world, &caller).await, 0);
    let members = json!({ "Members": [target("systemuser", user)] });
    world.post(&format!("teams({team})/Microsoft.Dynamics.CRM.AddMembersTeam"), members.clone()).await.ok();
    assert_eq!(listed(&world, &caller).await, 1);
    world.get_as(&caller, &format!("contacts({contact})")).await.ok();
    world.post(&format!("teams({team})/Microsoft.Dynamics.CRM.AddMembersTeam"), members.clone()).await.ok();
    world.post(&format!("teams({team})/Microsoft.Dynamics.CRM.RemoveMembersTeam"), members).await.ok();
    assert_eq!(listed(&world, &caller).await, 0);
}

#[tokio::test]
async fn nobody_shares_what_they_do_not_have() {
    let world = World::new().await;
    let (caller, mine) = user(&world, 2).await;
    let (_, other) = user(&world, 3).await;
    let contact = world.post("contacts", json!({ "lastname": "Quill" })).await.ok().id();
    let who = || target("systemuser", other);
    let refused = share(&world, &caller, "GrantAccess", contact, who(), "ReadAccess").await;
    assert!(refused.refused(403, "0x80048306").contains("ShareAccess"));
    // Shared with the right to share on, the caller gives what the share gave.
    let me = target("systemuser", mine);
    share(&world, &world.admin, "GrantAccess", contact, me, "ReadAccess, ShareAccess").await.ok();
    share(&world, &caller, "GrantAccess", contact, who(), "ReadAccess").await.ok();
    let refused = share(&world, &caller, "GrantAccess", contact, who(), "ReadAccess, WriteAccess").await;
    assert!(refused.refused(403, "0x80048306").contains("WriteAccess"));
    // Without the privilege there is nothing to share.
    let (reader, user) = world.application_user(4, "reader").await;
    world.assign(user, world.role("reads", &[("prvReadContact", "Global")]).await).await.ok();
    let refused = share(&world, &reader, "GrantAccess", contact, who(), "ReadAccess").await;
    assert!(refused.refused(403, "0x80040220").contains("prvShareContact"));
    // A share gives nobody a privilege that none of their roles has.
    share(&world, &world.admin, "GrantAccess", contact, target("systemuser", user), "WriteAccess").await.ok();
    let patch = world.send(&reader, Method::PATCH, &format!("contacts({contact})"), &[], Some(json!({}))).await;
    assert!(patch.refused(403, "0x80040220").contains("prvWriteContact"));
}

#[tokio::test]
async fn wrong_shares_are_refused() {
    let world = World::new().await;
    let (_, user) = user(&world, 2).await;
    let contact = world.post("contacts", json!({ "lastname": "Quill" })).await.ok().id();
    let admin = target("systemuser", world.admin_user);
    let refused =
        async |contact, who, rights: &str| share(&world, &world.admin, "GrantAccess", contact, who, rights).await;
    refused(contact, admin, "ReadAccess").await.refused(400, "0x80040214");
    let who = || target("systemuser", user);
    refused(contact, who(), "None").await.refused(403, "0x8004020d");
    refused(contact, who(), "Everything").await.refused(400, "0x80048d19");
    refused(Uuid::from_u128(0x404), who(), "ReadAccess").await.refused(404, "0x80040217");
    refused(contact, target("systemuser", Uuid::from_u128(0x404)), "ReadAccess").await.refused(404, "0x80040217");
    refused(contact, target("contact", contact), "ReadAccess").await.refused(400, "0x80048d19");
    let body = json!({ "Target": target("systemuser", user), "Revokee": who() });
    world.post("RevokeAccess", body).await.refused(400, "0x80040800");
    world.post("RevokeAccess", json!({ "Target": target("contact", contact) })).await.refused(400, "0x8004031f");
    let body = json!({ "Target": { "contactid": contact }, "Revokee": who() });
    assert!(world.post("RevokeAccess", body).await.refused(400, "0x80048d19").contains("@odata.type"));
    world.post("RevokeAccess", json!({ "Nonsense": 1 })).await.refused(400, "0x80048d19");
    assert_eq!(world.get("GrantAccess").await.status, 405);
    let created =
        world.send(&world.admin, Method::PATCH, &format!("principalobjectaccessset({contact})"), &[], None).await;
    assert!(created.status.is_client_error());
}

#[tokio::test]
async fn who_may_do_what_to_a_row_is_told() {
    let world = World::new().await;
    let (caller, user) = user(&world, 2).await;
    let contact = world.post("contacts", json!({ "lastname": "Quill" })).await.ok().id();
    let access = async |of: &str| {
        let path = format!("{of}/Microsoft.Dynamics.CRM.RetrievePrincipalAccess(Target=@p1)");
        let reply = world.get(&format!("{path}?@p1={{'@odata.id':'contacts({contact})'}}")).await.ok();
        assert!(reply.json["@odata.context"].as_str().unwrap().ends_with("CRM.RetrievePrincipalAccessResponse"));
        reply.json["AccessRights"].as_str().unwrap().to_owned()
    };
    let me = format!("systemusers({user})");
    assert_eq!(access(&me).await, "None");
    let everything = "ReadAccess, WriteAccess, AppendAccess, AppendToAccess, CreateAccess, DeleteAccess, ShareAccess, \
                      AssignAccess";
    assert_eq!(access(&format!("systemusers({})", world.admin_user)).await, everything);
    let who = target("systemuser", user);
    share(&world, &world.admin, "GrantAccess", contact, who, "ReadAccess, AppendToAccess").await.ok();
    assert_eq!(access(&me).await, "ReadAccess, AppendToAccess");
    let path = format!("RetrieveSharedPrincipalsAndAccess(Target=@p1)?@p1={{'@odata.id':'contacts({contact})'}}");
    let shared = world.get(&path).await.ok();
    assert_eq!(
        shared.json["PrincipalAccesses"],
        json!([{
            "AccessMask": "ReadAccess, AppendToAccess",
            "Principal": { "@odata.type": "#Microsoft.Dynamics.CRM.systemuser", "ownerid": user },
        }])
    );
    // The row itself has to be within the asker's reach.
    let hidden = world.post("contacts", json!({ "lastname": "Hidden" })).await.ok().id();
    let path = format!("RetrieveSharedPrincipalsAndAccess(Target=@p1)?@p1={{'@odata.id':'contacts({hidden})'}}");
    world.get_as(&caller, &path).await.refused(403, "0x80048306");
    for wrong in ["", "?@p1=7", "?@p1={'@odata.id':'nonsense(1)'}", "?@p1={'contactid':'x'}"] {
        let path = format!("RetrieveSharedPrincipalsAndAccess(Target=@p1){wrong}");
        assert!(world.get(&path).await.status.is_client_error(), "{wrong}");
    }
}

#[tokio::test]
async fn a_shared_activity_is_reached_among_all_activities_too() {
    let world = World::new().await;
    let (caller, user) = world.application_user(2, "orders-sync").await;
    let read = [("prvReadActivity", "Basic"), ("prvReadAccount", "Basic")];
    world.assign(user, world.role("reads", &read).await).await.ok();
    let account = world.post("accounts", json!({ "name": "Parent" })).await.ok().id();
    let body = json!({ "subject": "t", "regardingobjectid_account_task@odata.bind": format!("/accounts({account})") });
    let task = world.post("tasks", body).await.ok().id();
    let activity =
        |table: &str| json!({ "@odata.type": format!("Microsoft.Dynamics.CRM.{table}"), "activityid": task });
    let who = || target("systemuser", user);
    let grant = async |row: Value| {
        let access = json!({ "Principal": who(), "AccessMask": "ReadAccess" });
        world.post("GrantAccess", json!({ "Target": row, "PrincipalAccess": access })).await
    };
    let revoke = async |row: Value| world.post("RevokeAccess", json!({ "Target": row, "Revokee": who() })).await;
    let paths = [format!("tasks({task})"), format!("activitypointers({task})")];
    let reached = async |yes: bool| {
        for path in &paths {
            let reply = world.get_as(&caller, path).await;
            if yes { drop(reply.ok()) } else { drop(reply.refused(403, "0x80048306").to_owned()) }
        }
        let listed = world.get_as(&caller, "activitypointers?$select=activityid").await.ok().rows().len();
        assert_eq!(listed, usize::from(yes));
    };
    reached(false).await;
    grant(activity("task")).await.ok();
    reached(true).await;
    // Shared with its account besides, and no more.
    grant(target("account", account)).await.ok();
    revoke(target("account", account)).await.ok();
    reached(true).await;
    revoke(activity("task")).await.ok();
    reached(false).await;
    grant(target("account", account)).await.ok();
    reached(true).await;
    grant(activity("activitypointer")).await.refused(501, "0x80040315");
    // What is deleted is shared no more: not even when a row of the same id is made.
    world.delete(&paths[0]).await.ok();
    world.patch(&paths[0], json!({ "subject": "another" })).await.ok();
    reached(false).await;
}
