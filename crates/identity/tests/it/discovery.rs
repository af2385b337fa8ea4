//! The documents by which clients find everything.

use serde_json::Value;

use crate::world::{DOMAIN, ORIGIN, World};

#[tokio::test]
async fn every_address_is_at_the_origin_and_names_the_tenant_by_id() {
    let world = World::new().await;
    let tenant = world.tenant.to_string();
    for version in ["", "v2.0/"] {
        for named in [tenant.as_str(), DOMAIN] {
            let document = world.get(&format!("/{named}/{version}.well-known/openid-configuration")).await;
            assert_eq!(document.status, 200, "{}", document.body);
            assert_eq!(document.header("access-control-allow-origin"), "*");
            for endpoint in ["token_endpoint", "authorization_endpoint", "device_authorization_endpoint"] {
                let url = document.text(&format!("/{endpoint}"));
                assert!(url.starts_with(&format!("{ORIGIN}/{tenant}/oauth2/{version}")), "{endpoint}: {url}");
            }
            assert_eq!(document.text("/msgraph_host"), "localhost:8443");
            assert_eq!(document.text("/tenant_region_scope"), "WW");
        }
    }
    let v1 = world.get(&format!("/{tenant}/.well-known/openid-configuration")).await;
    assert_eq!(v1.text("/issuer"), format!("https://sts.windows.net/{tenant}/"));
    assert_eq!(v1.text("/jwks_uri"), format!("{ORIGIN}/common/discovery/keys"));
    let v2 = world.get(&format!("/{tenant}/v2.0/.well-known/openid-configuration")).await;
    assert_eq!(v2.text("/issuer"), format!("{ORIGIN}/{tenant}/v2.0"));
    assert_eq!(v2.text("/jwks_uri"), format!("{ORIGIN}/{tenant}/discovery/v2.0/keys"));
}

#[tokio::test]
async fn common_is_a_template() {
    let world = World::new().await;
    for word in ["common", "organizations"] {
        let v2 = world.get(&format!("/{word}/v2.0/.well-known/openid-configuration")).await;
        assert_eq!(v2.text("/issuer"), format!("{ORIGIN}/{{tenantid}}/v2.0"));
        assert_eq!(v2.text("/token_endpoint"), format!("{ORIGIN}/{word}/oauth2/v2.0/token"));
        assert_eq!(v2.body["tenant_region_scope"], Value::Null);
        let v1 = world.get(&format!("/{word}/.well-known/openid-configuration")).await;
        assert_eq!(v1.text("/issuer"), "https://sts.windows.net/{tenantid}/");
    }
}

#[tokio::test]
async fn an_unknown_tenant_has_no_document() {
    let world = World::new().await;
    for (tenant, number) in [("unknown.example", 90_002), ("consumers", 90_002), ("authorize", 900_023)] {
        for version in ["", "v2.0/"] {
            let refused = world.get(&format!("/{tenant}/{version}.well-known/openid-configuration")).await;
            assert_eq!(refused.token_error(), (400, "invalid_tenant", number), "{tenant}");
        }
    }
}

#[tokio::test]
async fn keys_are_the_same_for_everyone() {
    let world = World::new().await;
    let tenant = world.tenant;
    let common = world.get("/common/discovery/keys").await;
    assert_eq!(world.get(&format!("/{tenant}/discovery/keys")).await.body, common.body);
    let v2 = world.get(&format!("/{tenant}/discovery/v2.0/keys")).await;
    assert_eq!(v2.text("/keys/0/kid"), common.text("/keys/0/kid"));
    assert_eq!(v2.text("/keys/0/n"), common.text("/keys/0/n"));
    assert_eq!(v2.text("/keys/0/issuer"), format!("{ORIGIN}/{tenant}/v2.0"));
    assert_eq!(common.body["keys"][0]["use"], "sig");
}

#[tokio::test]
async fn instance_discovery_knows_its_own_host_with_and_without_port() {
    let world = World::new().await;
    for host in ["localhost", "localhost:8443"] {
        let path = format!(
            "/common/discovery/instance?api-version=1.1&authorization_endpoint=https://{host}/{DOMAIN}/oauth2/v2.0/authorize"
        );
        let found = world.get(&path).await;
        assert_eq!(found.status, 200, "{}", found.body);
        let expected = format!("{ORIGIN}/{DOMAIN}/v2.0/.well-known/openid-configuration");
        assert_eq!(found.text("/tenant_discovery_endpoint"), expected);
        assert_eq!(found.body["metadata"][0]["aliases"], serde_json::json!(["localhost:8443", "localhost"]));
    }
    let other = world.get("/common/discovery/instance?authorization_endpoint=https://evil.example/t/oauth2/authorize");
    assert_eq!(other.await.token_error(), (400, "invalid_instance", 50_049));
}

#[tokio::test]
async fn an_errors_address_explains_it() {
    let world = World::new().await;
    let ask = |query: &str| {
        let request = http::Request::get(format!("/error{query}")).body(bytes::Bytes::new()).unwrap();
        world.identity.respond_login(request)
    };
    let known = ask("?code=7000222").await;
    assert_eq!(known.status(), 200);
    assert!(String::from_utf8_lossy(known.body()).contains("has expired"));
    assert_eq!(ask("?code=1").await.status(), 404);
    assert_eq!(ask("").await.status(), 404);
}
