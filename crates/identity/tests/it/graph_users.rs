//! People in Graph.

use keyholder_entra::well_known::{GLOBAL_ADMINISTRATOR, USER_ADMINISTRATOR};
use serde_json::{Value, json};

use crate::world::{ORIGIN, World, person};

const USERS: &str = "/v1.0/users";
const DEFAULT: [&str; 12] = [
    "@odata.context",
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
];

#[tokio::test]
async fn s03_a_directory_user_is_made_shown_changed_and_deleted() {
    let world = World::new().await;
    let mut wanted = person("adele");
    wanted["givenName"] = json!("Adele");
    wanted["businessPhones"] = json!(["+31 1"]);
    let made = world.graph("POST", USERS, wanted).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(made.text("/@odata.context"), format!("{ORIGIN}/v1.0/$metadata#users/$entity"));
    assert_eq!(made.body.as_object().unwrap().keys().collect::<Vec<_>>(), DEFAULT);
    let id = made.text("/id");

    for path in [format!("{USERS}/{id}"), format!("{USERS}/ADELE@contoso.example"), format!("{USERS}('{id}')")] {
        let found = world.graph("GET", &path, Value::Null).await;
        assert_eq!((found.status, &found.body), (200, &made.body), "{path}");
    }
    let select = format!("{USERS}/{id}?$select=id,accountEnabled,usageLocation,userType,mailNickname,assignedLicenses");
    let found = world.graph("GET", &select, Value::Null).await.body;
    assert_eq!(
        (&found["accountEnabled"], &found["usageLocation"], &found["userType"], &found["assignedLicenses"]),
        (&json!(true), &json!("NL"), &json!("Member"), &json!([]))
    );
    assert!(world.graph("GET", &format!("{USERS}/{id}?$select=passwordHash"), Value::Null).await.status == 400);

    let change =
        json!({ "accountEnabled": false, "usageLocation": null, "jobTitle": "Clerk", "displayName": "Adele V" });
    assert_eq!(world.graph("PATCH", &format!("{USERS}/{id}"), change).await.status, 204);
    let select = format!("{USERS}/{id}?$select=accountEnabled,usageLocation,jobTitle,displayName,givenName");
    let found = world.graph("GET", &select, Value::Null).await.body;
    assert_eq!(
        (&found["accountEnabled"], &found["usageLocation"], &found["jobTitle"], &found["givenName"]),
        (&json!(false), &Value::Null, &json!("Clerk"), &json!("Adele"))
    );

    assert_eq!(world.graph("DELETE", &format!("{USERS}/{id}"), Value::Null).await.status, 204);
    let gone = world.graph("GET", &format!("{USERS}/{id}"), Value::Null).await;
    let message =
        format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.");
    assert_eq!(gone.graph_error(), (404, "Request_ResourceNotFound", message.as_str()));
}

#[tokio::test]
async fn a_deleted_user_comes_back_and_its_name_is_free_meanwhile() {
    let world = World::new().await;
    let id = world.person("adele").await;
    assert_eq!(world.graph("DELETE", &format!("{USERS}/{id}"), Value::Null).await.status, 204);
    let bin = "/v1.0/directory/deletedItems";
    let listed = world.graph("GET", &format!("{bin}/microsoft.graph.user"), Value::Null).await;
    assert_eq!(listed.text("/value/0/id"), id.to_string());
    let hidden_name = format!("{}adele@contoso.example", id.0.simple());
    assert_eq!(listed.text("/value/0/userPrincipalName"), hidden_name);
    assert_eq!(world.graph("GET", &format!("{bin}/{id}"), Value::Null).await.status, 200);

    world.person("adele").await;
    let taken = world.graph("POST", &format!("{bin}/{id}/restore"), Value::Null).await;
    let message = "Another object with the same value for property userPrincipalName already exists.";
    assert_eq!(taken.graph_error(), (400, "Request_BadRequest", message));
    let name = json!({ "newUserPrincipalName": "adele2@contoso.example", "autoReconcileProxyConflict": true });
    let restored = world.graph("POST", &format!("{bin}/{id}/restore"), name).await;
    assert_eq!((restored.status, restored.text("/userPrincipalName")), (200, "adele2@contoso.example"));
    assert_eq!(world.graph("GET", &format!("{USERS}/{id}"), Value::Null).await.status, 200);
    assert_eq!(world.graph("GET", &format!("{bin}/{id}"), Value::Null).await.status, 404);

    assert_eq!(world.graph("DELETE", &format!("{USERS}/{id}"), Value::Null).await.status, 204);
    assert_eq!(world.graph("DELETE", &format!("{bin}/{id}"), Value::Null).await.status, 204);
    assert_eq!(world.graph("POST", &format!("{bin}/{id}/restore"), Value::Null).await.status, 404);

    // After thirty days it is as good as gone.
    let other = world.person("other").await;
    assert_eq!(world.graph("DELETE", &format!("{USERS}/{other}"), Value::Null).await.status, 204);
    world.advance_days(31);
    assert_eq!(world.graph("POST", &format!("{bin}/{other}/restore"), Value::Null).await.status, 404);
    let listed = world.graph("GET", &format!("{bin}/microsoft.graph.user"), Value::Null).await;
    assert_eq!(listed.body["value"], json!([]));
}

#[tokio::test]
async fn a_user_that_cannot_be_is_refused_in_words() {
    let world = World::new().await;
    world.person("adele").await;
    let complexity = "The specified password does not comply with password complexity requirements. Please provide a different password.";
    let domain = "The domain portion of the userPrincipalName property is invalid. You must use one of the verified \
                  domain names in your organization.";
    for (name, value, message) in [
        (
            "/userPrincipalName",
            json!("Adele@Contoso.example"),
            "Another object with the same value for property userPrincipalName already exists.",
        ),
        ("/userPrincipalName", json!("x@elsewhere.example"), domain),
        (
            "/userPrincipalName",
            json!("a b@contoso.example"),
            "Invalid value specified for property 'userPrincipalName' of resource 'User'.",
        ),
        (
            "/userPrincipalName",
            json!("ab"),
            "Invalid value specified for property 'userPrincipalName' of resource 'User'.",
        ),
        ("/passwordProfile/password", json!("short"), complexity),
        ("/passwordProfile/password", json!("all-lower-case"), complexity),
        (
            "/usageLocation",
            json!("Netherlands"),
            "Invalid value specified for property 'usageLocation' of resource 'User'.",
        ),
        ("/usageLocation", json!("N1"), "Invalid value specified for property 'usageLocation' of resource 'User'."),
        ("/mailNickname", json!("a b"), "Invalid value specified for property 'mailNickname' of resource 'User'."),
        ("/displayName", json!(1), "Invalid value specified for property 'displayName' of resource 'User'."),
        ("/displayName", Value::Null, "A value is required for property 'displayName' of resource 'User'."),
        ("/passwordProfile", Value::Null, "A value is required for property 'passwordProfile' of resource 'User'."),
        ("/accountEnabled", Value::Null, "A value is required for property 'accountEnabled' of resource 'User'."),
    ] {
        let mut wanted = person("other");
        *wanted.pointer_mut(name).unwrap() = value;
        let refused = world.graph("POST", USERS, wanted).await;
        assert_eq!(refused.graph_error(), (400, "Request_BadRequest", message), "{name}");
    }
    let mut unknown = person("other");
    unknown["nonsense"] = json!(1);
    let refused = world.graph("POST", USERS, unknown).await;
    assert_eq!(refused.graph_error(), (400, "Request_BadRequest", "Invalid property 'nonsense'."));
    let all = world.graph("GET", USERS, Value::Null).await;
    assert_eq!(all.body["value"].as_array().unwrap().len(), 2, "nothing refused was kept");
}

#[tokio::test]
async fn me_is_for_people() {
    let world = World::new().await;
    let adele = world.person("adele").await;
    let token = world.person_token(adele);
    let me = world.graph_as(&token, "GET", "/v1.0/me", Value::Null).await;
    assert_eq!((me.status, me.text("/userPrincipalName")), (200, "adele@contoso.example"));
    let app = world.graph("GET", "/v1.0/me", Value::Null).await;
    assert_eq!(app.graph_error(), (400, "BadRequest", "/me request is only valid with delegated authentication flow."));
    assert_eq!(world.graph_as(&token, "GET", "/v1.0/me/licenseDetails", Value::Null).await.body["value"], json!([]));
    let revoked = world.graph_as(&token, "POST", "/v1.0/me/revokeSignInSessions", Value::Null).await;
    assert_eq!((revoked.status, &revoked.body["value"]), (200, &json!(true)));
}

#[tokio::test]
async fn s03_a_person_changes_the_password_with_the_old_one() {
    let world = World::new().await;
    let adele = world.person("adele").await;
    let token = world.person_token(adele);
    let change = async |current: &str, new: &str| {
        let body = json!({ "currentPassword": current, "newPassword": new });
        world.graph_as(&token, "POST", "/v1.0/me/changePassword", body).await
    };
    let wrong = change("nonsense", "Battery-Staple-2").await;
    assert_eq!((wrong.status, wrong.graph_error().1), (400, "Request_BadRequest"));
    assert_eq!(change("Correct-Horse-1", "weak").await.status, 400);
    assert_eq!(change("Correct-Horse-1", "Correct-Horse-1").await.status, 400, "the same again");
    world.clock.advance(std::time::Duration::from_secs(60));
    assert_eq!(change("Correct-Horse-1", "Battery-Staple-2").await.status, 204);
    assert_eq!(change("Correct-Horse-1", "Other-Word-33").await.status, 400, "the old one is over");
    let path = format!("{USERS}/{adele}?$select=signInSessionsValidFromDateTime");
    let found = world.graph("GET", &path, Value::Null).await;
    assert_eq!(found.text("/signInSessionsValidFromDateTime"), "2026-11-22T09:08:46Z", "sessions of before are over");
}

#[tokio::test]
async fn s18_administrators_are_changed_by_global_administrators_only() {
    let world = World::new().await;
    let (helper, admin, plain) =
        (world.person("helper").await, world.person("boss").await, world.person("plain").await);
    let assign = async |who, role| world.identity.assign_directory_role(world.tenant, who, role).await.unwrap();
    assign(helper, USER_ADMINISTRATOR).await;
    assign(admin, GLOBAL_ADMINISTRATOR).await;
    let token = world.person_token(helper);
    let password = json!({ "passwordProfile": { "password": "New-Password-9" } });
    let patch = async |token: &str, who, body: &Value| {
        world.graph_as(token, "PATCH", &format!("{USERS}/{who}"), body.clone()).await.status
    };
    assert_eq!(patch(&token, plain, &password).await, 204);
    assert_eq!(patch(&token, admin, &password).await, 403);
    assert_eq!(patch(&token, admin, &json!({ "accountEnabled": false })).await, 403);
    assert_eq!(patch(&token, admin, &json!({ "jobTitle": "x" })).await, 204, "what does not matter may be changed");
    let delete = world.graph_as(&token, "DELETE", &format!("{USERS}/{admin}"), Value::Null).await;
    assert_eq!(delete.status, 403);
    assert_eq!(patch(&world.person_token(plain), plain, &json!({ "jobTitle": "x" })).await, 403);
    assert_eq!(patch(&world.person_token(admin), helper, &password).await, 204);
}
