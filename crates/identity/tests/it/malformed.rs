//! Nonsense of every kind: always an answer in the service's shape, never a 5xx, nothing changed.

use bytes::Bytes;
use http::Request;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::world::{FORM, World};

/// One value of a strategy; a runner of fixed seed makes the run the same each time.
fn sample<T: std::fmt::Debug>(runner: &mut TestRunner, strategy: &impl Strategy<Value = T>) -> T {
    strategy.new_tree(runner).unwrap().current()
}

#[tokio::test]
async fn the_token_service_answers_any_request() {
    let world = World::new().await;
    let mut runner = TestRunner::deterministic();
    let paths = prop_oneof![
        "/[a-z.0-9%]{0,20}/oauth2/(v2.0/)?token",
        "/(common|contoso.example|organizations)/oauth2/(v2.0/)?token(\\?[a-z=&%]{0,10})?",
        "/[a-z%/.0-9]{0,40}(\\?[ -~&&[^#<>\"{}|\\\\^` ]]{0,30})?",
        "/common/discovery/instance\\?authorization_endpoint=[a-z:/.%0-9]{0,40}",
        "/(common|contoso.example|consumers|x)/(oauth2/(v2.0/)?(authorize|devicecode|logout)|(v2.0/)?adminconsent|signin)\\?\
         (client_id=(04b07795-8ddb-461a-bbee-02f9e1bf7b46|[a-z0-9]{0,9}))?(&(redirect_uri|scope|resource|state|prompt|\
         response_mode|response_type|code_challenge|login_hint|return_to)=[a-z:/.%0-9]{0,30}){0,5}",
        "/common/(userrealm/[a-z@.%0-9]{0,20}|login|userrealm\\?user=[a-z@.%]{0,9})",
        "/devicelogin\\?otc=[a-z%0-9<>]{0,20}",
    ];
    let fields = "(grant_type|client_id|client_secret|scope|resource|x|username|password|code|device_code|refresh_token|\
                  client_assertion|redirect_uri|code_verifier|journey|proof|action)=[ -~]{0,30}";
    let grants = "(client_credentials|password|refresh_token|authorization_code|device_code)";
    let bodies = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..100),
        prop::collection::vec(fields, 0..6).prop_map(|fields| fields.join("&").into_bytes()),
        (grants, prop::collection::vec(fields, 0..5)).prop_map(|(grant, fields)| format!(
            "grant_type={grant}&client_id=04b07795-8ddb-461a-bbee-02f9e1bf7b46&{}",
            fields.join("&")
        )
        .into_bytes()),
    ];
    let methods = prop_oneof![Just("POST"), Just("POST"), Just("GET"), Just("DELETE")];
    for _ in 0..1500 {
        let (path, body) = (sample(&mut runner, &paths), sample(&mut runner, &bodies));
        let request = Request::builder().method(sample(&mut runner, &methods)).uri(&path).header("content-type", FORM);
        let Ok(request) = request.body(Bytes::from(body)) else { continue };
        let response = world.identity.respond_login(request).await;
        assert!(response.status().as_u16() < 500, "{path}: {:?}", response.body());
        if response.headers()["content-type"].to_str().unwrap().starts_with("application/json") {
            serde_json::from_slice::<Value>(response.body()).unwrap();
        }
    }
}

#[tokio::test]
async fn graph_answers_any_request() {
    let world = World::new().await;
    let token = world.admin_token().await;
    let mut runner = TestRunner::deterministic();
    let sets = "(applications|servicePrincipals|users|me|oauth2PermissionGrants|organization|domains|subscribedSkus|\
                directory/deletedItems|directoryObjects|directoryRoles|roleManagement/directory/roleAssignments|\
                policies/defaultAppManagementPolicy|policies/appManagementPolicies|x|\\$batch)";
    let known = format!("(/{}|/{}|/{})", world.admin.user, world.admin.service_principal, world.tenant);
    let objects = format!(
        "({known}|/[-0-9a-f]{{0,36}}|/delta|/\\$count|\\((appId|uniqueName)='[-0-9a-f]{{0,36}}'\\)|\\([a-z='%]{{0,10}}\\))?"
    );
    let actions = "(/(addPassword|removePassword|addKey|removeKey|appRoleAssignments|appRoleAssignedTo|owners|restore|\
                   owners/\\$ref|appManagementPolicies|appManagementPolicies/\\$ref|appliesTo|federatedIdentityCredentials|assignLicense|licenseDetails|memberOf|members|x))?";
    let options = "(filter|select|top|skiptoken|deltatoken|orderby|search|expand|count|x)";
    let queries = format!("(\\?\\${options}=[ -~&&[^#<>\"{{}}|\\\\^` ]]{{0,30}})?");
    let paths = (sets, objects.as_str(), actions, queries.as_str());
    let paths = paths.prop_map(|(a, b, c, d)| format!("/v1.0/{a}{b}{c}{d}"));
    let names = "(displayName|tags|notes|appId|keyId|identifierUris|requiredResourceAccess|clientId|scope|web|api|appRoles|\
                 keyCredentials|passwordCredentials|passwordProfile|userPrincipalName|accountEnabled|addLicenses|\
                 removeLicenses|proof|requests|roleTemplateId|applicationRestrictions|restrictions|isEnabled|audiences|usageLocation|x)";
    let values = prop_oneof![
        any::<String>().prop_map(Value::from),
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        prop::collection::vec(any::<String>().prop_map(Value::from), 0..3).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(serde_json::json!([{}, { "id": 1 }, [null]])),
        Just(serde_json::json!({ "redirectUris": [7], "password": true, "value": "x" })),
    ];
    let objects = prop::collection::vec((names, values), 0..4)
        .prop_map(|pairs| Value::Object(pairs.into_iter().collect()).to_string().into_bytes());
    let bodies = prop_oneof![prop::collection::vec(any::<u8>(), 0..60), objects];
    let methods = prop_oneof![Just("POST"), Just("GET"), Just("PATCH"), Just("DELETE")];
    // Of the two who ask, one may do anything and one is a person.
    let person = world.person_token(world.admin.user);
    for round in 0..1500 {
        let (path, body) = (sample(&mut runner, &paths), sample(&mut runner, &bodies));
        let token = if round % 2 == 0 { &token } else { &person };
        let method = sample(&mut runner, &methods);
        if method == "DELETE" && path.contains(&world.admin.service_principal.to_string()) {
            // Without itself it would be refused everything else.
            continue;
        }
        let request = Request::builder()
            .method(method)
            .uri(&path)
            .header("consistencylevel", "eventual")
            .header("authorization", format!("Bearer {token}"));
        let Ok(request) = request.body(Bytes::from(body.clone())) else { continue };
        let response = world.identity.respond_graph(request).await;
        let status = response.status().as_u16();
        assert!(status < 500, "{path} {:?}: {:?}", String::from_utf8_lossy(&body), response.body());
        if status >= 400 {
            let answer: Value = serde_json::from_slice(response.body()).unwrap();
            assert!(answer["error"]["code"].is_string() && answer["error"]["message"].is_string(), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_body_that_says_it_is_no_json_changes_nothing() {
    let world = World::new().await;
    let token = world.admin_token().await;
    let send = async |content_type: Option<&str>| {
        let mut request = Request::builder()
            .method("POST")
            .uri("/v1.0/applications")
            .header("authorization", format!("Bearer {token}"));
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let body = Bytes::from_static(br#"{"displayName":"typed"}"#);
        world.identity.respond_graph(request.body(body).unwrap()).await.status().as_u16()
    };
    for wrong in ["text/plain", "text/html", "application/x-www-form-urlencoded", ""] {
        assert_eq!(send(Some(wrong)).await, 415, "{wrong}");
    }
    let listed = world.graph("GET", "/v1.0/applications?$filter=displayName%20eq%20'typed'", Value::Null).await;
    assert_eq!(listed.body["value"], serde_json::json!([]));
    for right in [None, Some("application/json"), Some("Application/JSON; charset=utf-8")] {
        assert_eq!(send(right).await, 201, "{right:?}");
    }
}

proptest! {
    #[test]
    fn no_token_of_somebody_elses_making_is_taken(token in "[-_A-Za-z0-9.]{0,200}", any: String) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        static WORLD: std::sync::OnceLock<World> = std::sync::OnceLock::new();
        let world = WORLD.get_or_init(|| runtime.block_on(World::new()));
        let audience = keyholder_identity::Audience::any_of([crate::world::ORIGIN]);
        prop_assert!(world.identity.verify(&token, &audience).is_err());
        prop_assert!(world.identity.verify(&any, &audience).is_err());
    }
}
