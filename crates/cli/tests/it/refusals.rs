//! The real 403s, and what the command makes of them; the application user's own rules.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use keyholder_client::{Connection, Dataverse};
use keyholder_foundation::Secret;
use keyholder_security::Depth;
use keyholder_service_users::apply::Proving;
use keyholder_service_users::declaration::{Declaration, ONE_ORG, Right, RoleSource, Sink};
use keyholder_service_users::{Administrator, EnvFileSink, Error, Estate, Event, Sinks, bring_about};
use keyholder_testkit::World;
use serde_json::json;

use crate::program::{Ended, ended, keyholder};

/// The quickstart's declaration for a world, its env file being `app.env` in the folder.
fn declaration(world: &World, folder: &Path) -> Declaration {
    let sink = Sink::EnvFile(folder.join("app.env"));
    Declaration::reading_contacts("orders-sync", &world.connection().url, sink)
}

async fn provision(administrator: &Administrator, declaration: &Declaration, folder: &Path) -> Result<(), Error> {
    let estate = Estate::new(declaration, BTreeMap::from([(ONE_ORG.to_owned(), Ok(administrator.clone()))]));
    let mut sinks = Sinks::default();
    sinks.insert("orders-sync", 0, Arc::new(EnvFileSink::new(&folder.join("app.env")).unwrap().ours()));
    bring_about(&estate, declaration, &sinks, Proving::default(), &|_: &Event| {}).await.map(drop)
}

/// A world with an application user whose role grants these privileges; its env file is `app.env`.
async fn world_with(privileges: &[&str]) -> (World, Administrator, tempfile::TempDir) {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let administrator = Administrator::connect(world.connection(), world.http().clone()).await.unwrap();
    let mut declaration = declaration(&world, folder.path());
    let right = |name: &&str| Right::Privilege { name: (*name).to_owned(), depth: Depth::Global };
    let rights = privileges.iter().map(right).collect();
    declaration.roles.get_mut("orders-sync").unwrap().source = RoleSource::Rights(rights);
    provision(&administrator, &declaration, folder.path()).await.unwrap();
    (world, administrator, folder)
}

fn query(folder: &tempfile::TempDir, query: &str) -> Ended {
    ended(keyholder(folder.path()).args(["query", query, "--env-file", "app.env"]))
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_a_role_without_the_privilege_is_refused_and_the_privilege_is_named() {
    let (_world, _, folder) = world_with(&["prvReadAccount"]).await;
    query(&folder, "accounts?$top=3").done();
    let said = query(&folder, "contacts?$top=3").failed(77);
    assert!(said.contains("0x80040220") && said.contains("is missing prvReadContact privilege"), "{said}");
    let hint = said.lines().find(|line| line.starts_with("hint: ")).unwrap_or_default();
    assert!(hint.contains("prvReadContact") && hint.contains("contact"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_a_user_without_any_role_is_refused_as_such() {
    let (_world, administrator, folder) = world_with(&["prvReadContact"]).await;
    let org = &administrator.org;
    let client = std::fs::read_to_string(folder.path().join("app.env")).unwrap();
    let client = client.lines().find_map(|line| line.strip_prefix("KEYHOLDER_CLIENT_ID=")).unwrap().to_owned();
    let users = format!("systemusers?$select=systemuserid&$filter=applicationid eq {client}");
    let user = org.query(&users).collect().await.unwrap()[0]["systemuserid"].as_str().unwrap().to_owned();
    let roles = format!("systemusers({user})/systemuserroles_association?$select=roleid");
    for role in org.query(&roles).collect().await.unwrap() {
        let role = role["roleid"].as_str().unwrap().parse().unwrap();
        let user = ("systemusers", user.parse::<uuid::Uuid>().unwrap());
        org.disassociate(user, "systemuserroles_association", role).await.unwrap();
    }
    let said = query(&folder, "contacts?$top=3").failed(77);
    assert!(said.contains("0x80042f09") || said.contains("0x80042F09"), "{said}");
    assert!(said.contains("has not been assigned any roles"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s09_an_application_without_a_user_is_no_member_and_a_disabled_one_is_told() {
    let (world, administrator, folder) = world_with(&["prvReadContact"]).await;
    let token = world.admin_token().await;
    let client = std::fs::read_to_string(folder.path().join("app.env")).unwrap();
    let client = client.lines().find_map(|line| line.strip_prefix("KEYHOLDER_CLIENT_ID=")).unwrap().to_owned();
    let found = world.api(&token, "GET", &format!("systemusers?$filter=applicationid eq {client}"), None).await;
    let row = &found.body["value"][0];
    // What the directory knows was filled in; the kind is recognisable.
    assert_eq!(row["accessmode"], 4);
    assert_eq!(row["applicationid"], client.as_str());
    assert!(row["azureactivedirectoryobjectid"].is_string() && row["domainname"].is_string(), "{row}");
    assert!(row["fullname"].as_str().is_some_and(|name| name.contains("orders-sync")), "{row}");
    let user = row["systemuserid"].as_str().unwrap().to_owned();

    let disabled = json!({"isdisabled": true, "applicationid": client});
    assert_eq!(world.api(&token, "PATCH", &format!("systemusers({user})"), Some(&disabled)).await.status, 204);
    let said = query(&folder, "contacts?$top=1").failed(77);
    assert!(said.contains("0x80040225") && said.contains("disabled"), "{said}");

    // Deleted once it is out of sight, deleted twice it is gone; either way no member any more.
    for _ in 0..2 {
        administrator.org.delete("systemusers", user.parse::<uuid::Uuid>().unwrap()).await.unwrap();
    }
    let said = query(&folder, "contacts?$top=1").failed(77);
    assert!(said.contains("0x80072560") && said.contains("not a member of the organization"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_what_an_application_makes_bears_its_name() {
    let privileges = ["prvReadContact", "prvCreateContact", "prvWriteContact", "prvReadUser"];
    let (world, _, folder) = world_with(&privileges).await;
    let env = std::fs::read_to_string(folder.path().join("app.env")).unwrap();
    let setting =
        |name: &str| env.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim_matches('\'').to_owned();
    let connection: Connection =
        world.connection_as(&setting("KEYHOLDER_CLIENT_ID="), Secret::new(setting("KEYHOLDER_CLIENT_SECRET=")));
    let org = Dataverse::connect(&connection, world.http().clone()).await.unwrap();
    let me = org.who_am_i().await.unwrap().user_id.to_string();
    let id = org.create("contacts", &json!({"firstname": "Ada", "lastname": "Example"})).await.unwrap();
    let row =
        org.get(&format!("contacts({id})?$select=_createdby_value,_modifiedby_value,_ownerid_value")).await.unwrap();
    for column in ["_createdby_value", "_modifiedby_value", "_ownerid_value"] {
        assert_eq!(row[column], me.as_str(), "{column}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_registrations_of_a_name_are_not_guessed_between() {
    let world = World::start().await;
    let token = world.admin_token().await;
    for _ in 0..2 {
        let new = json!({"displayName": "orders-sync", "signInAudience": "AzureADMyOrg"});
        assert_eq!(world.graph(&token, "POST", "applications", Some(&new)).await.status, 201);
    }
    let folder = tempfile::tempdir().unwrap();
    let administrator = Administrator::connect(world.connection(), world.http().clone()).await.unwrap();
    let mut declaration = declaration(&world, folder.path());
    let error = provision(&administrator, &declaration, folder.path()).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("2 app registrations") && error.hints()[0].contains("--adopt"), "{text}");
    let found = world.graph(&token, "GET", "applications?$filter=displayName eq 'orders-sync'", None).await;
    let one = found.body["value"][0]["appId"].as_str().unwrap();
    assert!(text.contains(one), "{text}");
    declaration.application_users.get_mut("orders-sync").unwrap().client_id = Some(one.parse().unwrap());
    provision(&administrator, &declaration, folder.path()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_that_somebody_else_can_sign_in_as_is_not_adopted() {
    let world = World::start().await;
    let token = world.admin_token().await;
    let new = json!({"displayName": "orders-sync", "signInAudience": "AzureADMyOrg", "tags": ["keyholder"]});
    let made = world.graph(&token, "POST", "applications", Some(&new)).await;
    let (id, client) = (made.body["id"].as_str().unwrap(), made.body["appId"].as_str().unwrap());
    let secret = json!({"passwordCredential": {"displayName": "mine"}});
    world.graph(&token, "POST", &format!("applications/{id}/addPassword"), Some(&secret)).await;

    let folder = tempfile::tempdir().unwrap();
    let administrator = Administrator::connect(world.connection(), world.http().clone()).await.unwrap();
    let declaration = declaration(&world, folder.path());
    let error = provision(&administrator, &declaration, folder.path()).await.unwrap_err();
    assert!(error.to_string().contains("do not come from here") && error.to_string().contains(client), "{error}");
    let roles = world.api(&token, "GET", "roles?$filter=name eq 'orders-sync'", None).await;
    assert_eq!(roles.body["value"], json!([]), "nothing was given to it");
}
