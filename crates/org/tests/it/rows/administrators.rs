//! Who may set service users up, and who may not.

use super::*;

/// Makes a persona and signs in as it; the token and what its env file says.
async fn persona(world: &World, name: &str) -> (String, String) {
    let made = control(world, "POST", &format!("tenants/keyholder.localhost/personas/{name}"), Value::Null).await;
    assert_eq!(made.status, 200, "{}", made.text);
    let env = std::fs::read_to_string(world.file(&format!("{name}.env"))).unwrap();
    let setting = |name: &str| {
        env.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).unwrap().trim_matches('\'').to_owned()
    };
    assert!(keyholder_platform::is_private(&world.file(&format!("{name}.env"))).unwrap());
    assert_eq!(setting("KEYHOLDER_ORG_URL"), world.origin());
    let answer = sign_in_person(world, &setting("KEYHOLDER_USERNAME"), &setting("KEYHOLDER_PASSWORD")).await;
    (token(&answer), env)
}

#[tokio::test]
async fn s18_a_delegated_administrator_administers_and_cannot_set_up_service_users() {
    let world = World::start().await;
    let job = register(&world, "job", "AzureADMyOrg").await;
    let anna = person(&world, "anna").await;
    license(&world, &anna, true).await;
    let (delegate, env) = persona(&world, "delegated-administrator").await;
    let who = world.api(&delegate, "GET", "WhoAmI", None).await;
    assert_eq!(who.status, 200, "{}", who.text);
    let id = who.body["UserId"].as_str().unwrap();
    let placeholder =
        world.api(&delegate, "GET", &format!("systemusers({id})?$select=accessmode,domainname"), None).await;
    assert_eq!(
        (&placeholder.body["accessmode"], &placeholder.body["domainname"]),
        (&json!(5), &json!("crmoln2@microsoft.com"))
    );
    let made = world.api(&delegate, "POST", "accounts", Some(&json!({"name": "By the partner"}))).await;
    assert_eq!(made.status, 204, "a System Administrator otherwise: {}", made.text);
    // Neither kind of service user can be set up.
    let refused = world.api(&delegate, "POST", "systemusers", Some(&json!({"applicationid": job.client}))).await;
    assert_eq!((refused.status, refused.code()), (403, "0x80040220"), "{}", refused.text);
    let row = user(&world, &anna).await;
    let path = format!("systemusers({})", row["systemuserid"].as_str().unwrap());
    let refused = world.api(&delegate, "PATCH", &path, Some(&json!({"accessmode": 4}))).await;
    assert_eq!((refused.status, refused.code()), (403, "0x80040220"), "{}", refused.text);
    assert_eq!(user(&world, &anna).await["accessmode"], 0);
    // One that is there is not let in again, nor given roles through a team.
    let admin = world.admin_token().await;
    let made = world.api(&admin, "POST", "systemusers", Some(&json!({"applicationid": job.client}))).await;
    assert_eq!(made.status, 204, "{}", made.text);
    let found = world.api(&admin, "GET", &format!("systemusers?$filter=applicationid eq {}", job.client), None).await;
    let program = format!("systemusers({})", found.body["value"][0]["systemuserid"].as_str().unwrap());
    let off = world.api(&admin, "PATCH", &program, Some(&json!({"isdisabled": true}))).await;
    assert_eq!(off.status, 204, "{}", off.text);
    let refused = world.api(&delegate, "PATCH", &program, Some(&json!({"isdisabled": false}))).await;
    assert_eq!((refused.status, refused.code()), (403, "0x80040220"), "{}", refused.text);
    let team = world.api(&delegate, "POST", "teams?$select=teamid", Some(&json!({"name": "Programs"}))).await;
    assert_eq!(team.status, 204, "{}", team.text);
    let team = world.api(&admin, "GET", "teams?$select=teamid&$filter=name eq 'Programs'", None).await;
    let team = format!("teams({})", team.body["value"][0]["teamid"].as_str().unwrap());
    let members = format!("{team}/teammembership_association/$ref");
    let reference = |path: &str| json!({"@odata.id": format!("{}/api/data/v9.2/{path}", world.origin())});
    let joined = world.api(&delegate, "POST", &members, Some(&reference(&program))).await;
    assert_eq!(joined.status, 204, "a team without roles gives nothing: {}", joined.text);
    let left = world
        .api(
            &delegate,
            "DELETE",
            &format!(
                "{team}/teammembership_association({})/$ref",
                program.trim_start_matches("systemusers(").trim_end_matches(')')
            ),
            None,
        )
        .await;
    assert_eq!(left.status, 204, "{}", left.text);
    let role = world.api(&admin, "GET", "roles?$select=roleid&$filter=name eq 'Service Reader'", None).await;
    let role = format!("roles({})", role.body["value"][0]["roleid"].as_str().unwrap());
    let given = world.api(&admin, "POST", &format!("{team}/teamroles_association/$ref"), Some(&reference(&role))).await;
    assert_eq!(given.status, 204, "{}", given.text);
    let refused = world.api(&delegate, "POST", &members, Some(&reference(&program))).await;
    assert_eq!((refused.status, refused.code()), (403, "0x80040220"), "{}", refused.text);
    // The row that stands for partners is nobody's to change.
    let changed = world.api(&admin, "PATCH", &format!("systemusers({id})"), Some(&json!({"isdisabled": true}))).await;
    assert_eq!(changed.code(), "0x80041d67", "{}", changed.text);
    // Tools do not find the org, and environments take no application user.
    let bearer = format!("Bearer {delegate}");
    let instances = world.ask("GET", "/api/discovery/v2.0/Instances", &[("authorization", &bearer)], "").await;
    assert_eq!((instances.status, &instances.body["value"]), (200, &json!([])), "{}", instances.text);
    let environment = world.org().status()["organizationId"].as_str().unwrap().to_owned();
    let bap = format!(
        "/providers/Microsoft.BusinessAppPlatform/scopes/admin/environments/{environment}/addAppUser?api-version=2020-10-01"
    );
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = json!({"servicePrincipalAppId": job.client}).to_string();
    assert_eq!(world.ask("POST", &bap, &headers, &body).await.status, 403);
    // Nor is the local org itself the partner's.
    assert_eq!(world.ask("GET", "/_keyholder/status", &headers, "").await.status, 401);

    // After a restore to before, the file with the password is gone with the persona.
    let again = control(&world, "POST", "reset", Value::Null).await;
    assert_eq!(again.status, 200, "{}", again.text);
    assert!(!world.file("delegated-administrator.env").exists(), "{env}");
}

#[tokio::test]
async fn s18_a_person_without_rights_is_refused_in_directory_and_org() {
    let world = World::start().await;
    let (nobody, _) = persona(&world, "without-rights").await;
    let refused = world.graph(&nobody, "POST", "users", Some(&json!({"displayName": "x"}))).await;
    assert_eq!((refused.status, refused.code()), (403, "Authorization_RequestDenied"));
    let refused = world.api(&nobody, "GET", "accounts?$top=1", None).await;
    assert_eq!((refused.status, refused.code()), (403, "0x80042f09"), "a user without a role: {}", refused.text);
    let unknown = control(&world, "POST", "tenants/keyholder.localhost/personas/boss", Value::Null).await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.text.contains("delegated-administrator"), "{}", unknown.text);
}
