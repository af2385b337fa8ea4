//! From the directory into the org.

use std::time::Duration;

use keyholder_org::{Listen, Place, Settings};
use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::control;

/// Dynamics 365 Plan 1.
const PLAN: &str = "ea126fc5-a19e-42e2-a731-da9d437bffcf";

/// Makes a person of the directory; gives the object id.
pub(crate) async fn person(world: &World, name: &str) -> String {
    let token = world.admin_token().await;
    let body = json!({
        "displayName": format!("Person {name}"), "mailNickname": name, "accountEnabled": true, "usageLocation": "US",
        "userPrincipalName": format!("{name}@keyholder.localhost"),
        "passwordProfile": {"password": "Correct-horse-9", "forceChangePasswordNextSignIn": false},
    });
    let made = world.graph(&token, "POST", "users", Some(&body)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.body["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn license(world: &World, person: &str, give: bool) {
    let token = world.admin_token().await;
    let body = match give {
        true => json!({"addLicenses": [{"skuId": PLAN, "disabledPlans": []}], "removeLicenses": []}),
        false => json!({"addLicenses": [], "removeLicenses": [PLAN]}),
    };
    let done = world.graph(&token, "POST", &format!("users/{person}/assignLicense"), Some(&body)).await;
    assert_eq!(done.status, 200, "{}", done.text);
}

/// The org's user of a person; null when there is none.
pub(crate) async fn user(world: &World, person: &str) -> Value {
    let token = world.admin_token().await;
    let query = format!(
        "systemusers?$select=systemuserid,fullname,accessmode,isdisabled,islicensed,setupuser,azurestate\
         &$filter=azureactivedirectoryobjectid eq {person}"
    );
    let found = world.api(&token, "GET", &query, None).await;
    assert_eq!(found.status, 200, "{}", found.text);
    found.body["value"].get(0).cloned().unwrap_or_default()
}

pub(crate) async fn set_access_mode(world: &World, user: &Value, mode: i64) -> keyholder_testkit::Answer {
    let token = world.admin_token().await;
    let id = user["systemuserid"].as_str().unwrap();
    world.api(&token, "PATCH", &format!("systemusers({id})"), Some(&json!({"accessmode": mode}))).await
}

#[tokio::test]
async fn s02_the_whole_conversion_of_a_person_to_non_interactive() {
    let world = World::start().await;
    let anna = person(&world, "anna").await;
    assert_eq!(user(&world, &anna).await, Value::Null, "without a licence nobody comes");
    license(&world, &anna, true).await;
    let row = user(&world, &anna).await;
    assert_eq!(
        (&row["fullname"], &row["accessmode"], &row["islicensed"]),
        (&json!("Person anna"), &json!(0), &json!(true))
    );
    assert_eq!(set_access_mode(&world, &row, 4).await.status, 204);
    license(&world, &anna, false).await;
    let row = user(&world, &anna).await;
    assert_eq!((&row["accessmode"], &row["isdisabled"], &row["islicensed"]), (&json!(4), &json!(false), &json!(false)));
    let refused = set_access_mode(&world, &row, 0).await;
    assert_eq!((refused.status, refused.code()), (400, "0x80041d66"));
}

#[tokio::test]
async fn s03_people_come_after_the_propagation_delay_and_not_before() {
    let settings = Settings { propagation_delay: Duration::from_secs(3600), ..Settings::default() };
    let world = World::behaving(settings).await;
    let anna = person(&world, "anna").await;
    license(&world, &anna, true).await;
    assert_eq!(user(&world, &anna).await, Value::Null);
    world.advance(Duration::from_secs(3599));
    assert_eq!(user(&world, &anna).await, Value::Null);
    world.advance(Duration::from_secs(2));
    assert_ne!(user(&world, &anna).await, Value::Null);
    license(&world, &anna, false).await;
    assert_eq!(user(&world, &anna).await["isdisabled"], false);
    control(&world, "POST", "clock", json!({"move": "+2h"})).await;
    assert_eq!(user(&world, &anna).await["isdisabled"], true, "a moved clock is enough");
}

#[tokio::test]
async fn the_deleted_are_marked_and_come_back() {
    let world = World::start().await;
    let anna = person(&world, "anna").await;
    license(&world, &anna, true).await;
    let token = world.admin_token().await;
    assert_eq!(world.graph(&token, "DELETE", &format!("users/{anna}"), None).await.status, 204);
    let row = user(&world, &anna).await;
    assert_eq!((&row["azurestate"], &row["isdisabled"]), (&json!(1), &json!(true)));
    let restored = world.graph(&token, "POST", &format!("directory/deletedItems/{anna}/restore"), None).await;
    assert_eq!(restored.status, 200, "{}", restored.text);
    let row = user(&world, &anna).await;
    assert_eq!((&row["azurestate"], &row["isdisabled"]), (&json!(0), &json!(false)));
}

#[tokio::test]
async fn s26_an_unlicensed_administrator_of_the_tenant_lands_as_administrative() {
    let world = World::start().await;
    let boss = person(&world, "boss").await;
    let token = world.admin_token().await;
    let role = json!({"principalId": boss, "directoryScopeId": "/", "roleDefinitionId": "11648597-926c-4cf3-9c36-bcebb0ba8dcc"});
    let given = world.graph(&token, "POST", "roleManagement/directory/roleAssignments", Some(&role)).await;
    assert_eq!(given.status, 201, "{}", given.text);
    let row = user(&world, &boss).await;
    assert_eq!((&row["accessmode"], &row["setupuser"], &row["isdisabled"]), (&json!(1), &json!(true), &json!(false)));
}

#[tokio::test]
async fn the_administrating_person_has_a_licence_and_full_access() {
    let world = World::start().await;
    let token = world.admin_token().await;
    let me = world.graph(&token, "GET", &format!("users/{}", world.admin().username), None).await;
    let row = user(&world, me.body["id"].as_str().unwrap()).await;
    assert_eq!((&row["accessmode"], &row["setupuser"], &row["islicensed"]), (&json!(0), &json!(false), &json!(true)));
}

#[tokio::test]
async fn a_security_group_decides_who_comes_except_applications_and_administrators() {
    let world = World::start().await;
    let (anna, bert) = (person(&world, "anna").await, person(&world, "bert").await);
    license(&world, &anna, true).await;
    let path = format!("orgs/{}/security-group", world.org().status()["organizationId"].as_str().unwrap());
    let token = world.admin_token().await;
    let group =
        |name: &str| json!({"displayName": name, "mailNickname": name, "mailEnabled": false, "securityEnabled": true});
    let mut ids = Vec::new();
    for name in ["insiders", "friends"] {
        let made = world.graph(&token, "POST", "groups", Some(&group(name))).await;
        assert_eq!(made.status, 201, "{}", made.text);
        ids.push(made.body["id"].as_str().unwrap().to_owned());
    }
    let members = |group: &str| format!("groups/{group}/members/$ref");
    let member = |id: &str| json!({"@odata.id": format!("https://graph.microsoft.com/v1.0/directoryObjects/{id}")});
    assert_eq!(world.graph(&token, "POST", &members(&ids[0]), Some(&member(&bert))).await.status, 204);
    let set = control(&world, "PUT", &path, json!({"group": "insiders"})).await;
    assert_eq!((set.status, &set.body["group"]), (200, &json!(ids[0])), "{}", set.text);
    license(&world, &bert, true).await;
    assert_eq!(user(&world, &anna).await["isdisabled"], true);
    assert_eq!(user(&world, &bert).await["isdisabled"], false);
    let cleo = person(&world, "cleo").await;
    license(&world, &cleo, true).await;
    assert_eq!(user(&world, &cleo).await, Value::Null);

    // Who joins comes, through another group as well; who leaves goes.
    assert_eq!(world.graph(&token, "POST", &members(&ids[1]), Some(&member(&cleo))).await.status, 204);
    assert_eq!(world.graph(&token, "POST", &members(&ids[0]), Some(&member(&ids[1]))).await.status, 204);
    assert_eq!(user(&world, &cleo).await["isdisabled"], false);
    let leave = format!("groups/{}/members/{bert}/$ref", ids[0]);
    assert_eq!(world.graph(&token, "DELETE", &leave, None).await.status, 204);
    assert_eq!(user(&world, &bert).await["isdisabled"], true);
    assert_eq!(world.graph(&token, "DELETE", &format!("groups/{}", ids[1]), None).await.status, 204);
    assert_eq!(user(&world, &cleo).await["isdisabled"], true);
    let token = world.admin_token().await;
    assert_eq!(world.api(&token, "GET", "WhoAmI", None).await.status, 200, "applications are not asked");

    let nobody = control(&world, "PUT", &path, json!({"group": "strangers"})).await;
    assert_eq!(nobody.status, 404, "{}", nobody.text);
    assert_eq!(control(&world, "DELETE", &path, json!(null)).await.status, 200);
    assert_eq!(user(&world, &anna).await["isdisabled"], false);
    assert_eq!(user(&world, &cleo).await["isdisabled"], false);
}

#[tokio::test]
async fn an_environment_brings_a_person_at_once() {
    let settings = Settings { propagation_delay: Duration::from_secs(86_400), ..Settings::default() };
    let world = World::behaving(settings).await;
    let anna = person(&world, "anna").await;
    let token = world.admin_token().await;
    let bearer = format!("Bearer {token}");
    let environment = world.org().status()["organizationId"].as_str().unwrap().to_owned();
    let path = format!(
        "/providers/Microsoft.BusinessAppPlatform/scopes/admin/environments/{environment}/addUser?api-version=2023-06-01"
    );
    let add = async || {
        let body = json!({"objectId": anna}).to_string();
        world.ask("POST", &path, &[("authorization", &bearer), ("content-type", "application/json")], &body).await
    };
    let refused = add().await;
    assert_eq!((refused.status, refused.code()), (400, "userNotLicensed"));
    license(&world, &anna, true).await;
    assert_eq!(user(&world, &anna).await, Value::Null);
    assert_eq!(add().await.status, 200);
    assert_ne!(user(&world, &anna).await, Value::Null);
}

#[tokio::test]
async fn a_new_org_knows_everybody_who_is_entitled() {
    let world = World::start().await;
    let anna = person(&world, "anna").await;
    license(&world, &anna, true).await;
    let made = control(&world, "POST", "orgs", json!({"name": "Second", "tenant": world.tenant()})).await;
    let url = made.body["url"].as_str().unwrap().to_owned();
    let token = world.token(&world.admin().client_id, &world.admin().client_secret, &url).await;
    let bearer = format!("Bearer {token}");
    let path = format!("{url}/api/data/v9.2/systemusers?$filter=azureactivedirectoryobjectid eq {anna}");
    let found = world.ask("GET", &path, &[("authorization", &bearer)], "").await;
    assert_eq!(found.body["value"].as_array().map(Vec::len), Some(1), "{}", found.text);
}

#[tokio::test]
async fn a_deleted_service_principal_is_seen_on_its_user() {
    let world = World::start().await;
    let token = world.admin_token().await;
    let made = world.graph(&token, "POST", "applications", Some(&json!({"displayName": "worker"}))).await;
    let client = made.body["appId"].as_str().unwrap();
    let principal = world.graph(&token, "POST", "servicePrincipals", Some(&json!({"appId": client}))).await;
    let user = world.api(&token, "POST", "systemusers", Some(&json!({"applicationid": client}))).await;
    assert_eq!(user.status, 204, "{}", user.text);
    let id = principal.body["id"].as_str().unwrap();
    assert_eq!(world.graph(&token, "DELETE", &format!("servicePrincipals/{id}"), None).await.status, 204);
    let query = format!("systemusers?$select=azurestate&$filter=applicationid eq {client}");
    let row = world.api(&token, "GET", &query, None).await;
    assert_ne!(row.body["value"][0]["azurestate"], 0, "{}", row.text);
}

#[tokio::test]
async fn a_folder_that_kept_a_list_of_people_gets_a_group_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let place = || Place::Folder(folder.path().join("data"));
    let world = World::with(place(), Listen::default()).await;
    let (anna, bert) = (person(&world, "anna").await, person(&world, "bert").await);
    license(&world, &anna, true).await;
    license(&world, &bert, true).await;
    let cleo = person(&world, "cleo").await;
    world.stop().await;

    // As format 2 had it, with whoever was named twice in it twice.
    let file = folder.path().join("data/world.json");
    let mut record: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let group = "11111111-2222-3333-4444-555555555555";
    record["format"] = json!(2);
    record["tenants"][0]["orgs"][0]["security_group"] = json!({"id": group, "members": [anna, cleo, anna]});
    std::fs::write(&file, record.to_string()).unwrap();

    for _ in 0..2 {
        let world = World::with(place(), Listen::default()).await;
        let token = world.admin_token().await;
        let members = world.graph(&token, "GET", &format!("groups/{group}/members?$select=id"), None).await;
        let ids: Vec<&Value> = members.body["value"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
        assert_eq!(ids, [&json!(anna), &json!(cleo)], "{}", members.text);
        license(&world, &bert, false).await;
        license(&world, &bert, true).await;
        let disabled =
            [user(&world, &anna).await["isdisabled"].clone(), user(&world, &bert).await["isdisabled"].clone()];
        assert_eq!(disabled, [json!(false), json!(true)]);
        world.stop().await;
    }
    let record: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(record["format"], 3);
    assert_eq!(record["tenants"][0]["orgs"][0]["security_group"], json!({"id": group}));
}
