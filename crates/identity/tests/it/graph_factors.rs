//! Second factors and the age of passwords, as Graph switches them.

use serde_json::{Value, json};

use crate::world::{DOMAIN, World};

const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

/// Username and password, as programs send them: 200, or the AADSTS number.
async fn sign_in(world: &World, name: &str) -> u64 {
    let path = format!("/{}/oauth2/v2.0/token", world.tenant);
    let name = format!("{name}@{DOMAIN}");
    let form = [
        ("grant_type", "password"),
        ("client_id", AZURE_CLI),
        ("username", name.as_str()),
        ("password", "Correct-Horse-1"),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let answer = world.post(&path, &form).await;
    if answer.status == 200 { 200 } else { answer.token_error().2 }
}

#[tokio::test]
async fn s16_a_second_factor_is_switched_per_person_in_graphs_beta() {
    let world = World::new().await;
    let anna = world.person("anna").await;
    let path = format!("/beta/users/{anna}/authentication/requirements");
    let state = async || world.graph("GET", &path, Value::Null).await.body["perUserMfaState"].clone();
    assert_eq!(state().await, "disabled");
    for (word, number) in [("enforced", 50_076), ("enabled", 50_079), ("disabled", 200)] {
        let set = world.graph("PATCH", &path, json!({ "perUserMfaState": word })).await;
        assert_eq!(set.status, 204, "{}", set.body);
        assert_eq!((state().await, sign_in(&world, "anna").await), (json!(word), number));
    }
    for wrong in [json!({ "perUserMfaState": "maybe" }), json!({}), json!({ "x": 1, "perUserMfaState": "disabled" })] {
        assert_eq!(world.graph("PATCH", &path, wrong.clone()).await.status, 400, "{wrong}");
    }
    let bert = world.person_token(world.person("bert").await);
    let denied = world.graph_as(&bert, "PATCH", &path, json!({ "perUserMfaState": "enforced" })).await;
    assert_eq!(denied.status, 403);
    assert_eq!(world.graph_as(&bert, "GET", &path, Value::Null).await.status, 403);
    assert_eq!(world.graph_as(&bert, "GET", "/beta/me/authentication/requirements", Value::Null).await.status, 200);
    let v1 = path.replace("/beta/", "/v1.0/");
    assert_eq!(world.graph("GET", &v1, Value::Null).await.status, 400, "v1.0 has no such thing");
}

#[tokio::test]
async fn s16_a_tenants_rule_is_shown_as_the_policy_that_it_stands_for() {
    use keyholder_identity::SignInRule;

    const POLICIES: &str = "/v1.0/identity/conditionalAccess/policies";
    let world = World::new().await;
    assert_eq!(world.graph("GET", POLICIES, Value::Null).await.body["value"], json!([]));
    world.identity.set_sign_in_rule(world.tenant, SignInRule::MultiFactor).await.unwrap();
    let listed = world.graph("GET", POLICIES, Value::Null).await;
    assert_eq!(
        (listed.text("/value/0/state"), listed.text("/value/0/grantControls/builtInControls/0")),
        ("enabled", "mfa")
    );
    assert_eq!(listed.text("/value/0/conditions/users/includeUsers/0"), "All");
    let one = format!("{POLICIES}/{}", listed.text("/value/0/id"));
    assert_eq!(world.graph("GET", &one, Value::Null).await.text("/displayName"), listed.text("/value/0/displayName"));
    world.identity.set_sign_in_rule(world.tenant, SignInRule::Block).await.unwrap();
    assert_eq!(world.graph("GET", &one, Value::Null).await.status, 404, "another rule is another policy");
    let anna = world.person_token(world.person("anna").await);
    assert_eq!(world.graph_as(&anna, "GET", POLICIES, Value::Null).await.status, 403);
    assert_eq!(world.graph("POST", POLICIES, json!({})).await.status, 405);
    for unknown in
        ["/v1.0/identity", "/v1.0/identity/conditionalAccess", "/v1.0/identity/conditionalAccess/namedLocations"]
    {
        assert_eq!(world.graph("GET", unknown, Value::Null).await.status, 400, "{unknown}");
    }
}

#[tokio::test]
async fn s16_passwords_expire_where_the_domain_says_so() {
    let world = World::new().await;
    let anna = world.person("anna").await;
    world.person("bert").await;
    let domain = format!("/v1.0/domains/{DOMAIN}");
    assert_eq!(world.graph("PATCH", &domain, json!({ "passwordValidityPeriodInDays": 30 })).await.status, 204);
    let shown = world.graph("GET", &domain, Value::Null).await;
    assert_eq!(shown.body["passwordValidityPeriodInDays"], 30);
    let never = json!({ "passwordPolicies": "DisablePasswordExpiration" });
    assert_eq!(world.graph("PATCH", &format!("/v1.0/users/{anna}"), never).await.status, 204);
    world.advance_days(29);
    assert_eq!((sign_in(&world, "anna").await, sign_in(&world, "bert").await), (200, 200));
    world.advance_days(1);
    assert_eq!((sign_in(&world, "anna").await, sign_in(&world, "bert").await), (200, 50_055));
    let for_ever = json!({ "passwordValidityPeriodInDays": 2_147_483_647_u32 });
    assert_eq!(world.graph("PATCH", &domain, for_ever).await.status, 204);
    assert_eq!(sign_in(&world, "bert").await, 200);
    for wrong in [json!({ "passwordValidityPeriodInDays": 3 }), json!({ "isDefault": true }), json!({})] {
        assert_eq!(world.graph("PATCH", &domain, wrong.clone()).await.status, 400, "{wrong}");
    }
    let other =
        world.graph("PATCH", "/v1.0/domains/other.example", json!({ "passwordValidityPeriodInDays": 30 })).await;
    assert_eq!(other.status, 404);
}
