//! Query options, counting, paging, delta, throttling.

use std::time::Duration;

use keyholder_identity::{GraphOptions, GraphThrottle};
use serde_json::{Value, json};

use crate::world::{ORIGIN, World};

const APPLICATIONS: &str = "/v1.0/applications";
const PRINCIPALS: &str = "/v1.0/servicePrincipals";

fn names(page: &Value) -> Vec<&str> {
    page["value"].as_array().unwrap().iter().map(|entity| entity["displayName"].as_str().unwrap()).collect()
}

async fn three(world: &World) {
    for (name, tags) in [("Charlie", json!(["x"])), ("alpha job", json!([])), ("Bravo", json!(["X", "y"]))] {
        let body = json!({ "displayName": name, "tags": tags, "signInAudience": "AzureADMyOrg" });
        assert_eq!(world.graph("POST", APPLICATIONS, body).await.status, 201);
    }
}

#[tokio::test]
async fn filters_reach_every_property() {
    let world = World::new().await;
    three(&world).await;
    let list = async |filter: &str| {
        let found = world.eventual(&format!("{APPLICATIONS}?$count=true&$orderby=displayName&$filter={filter}")).await;
        assert_eq!(found.status, 200, "{filter}: {}", found.body);
        names(&found.body).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(list("tags/any(t:t eq 'x')").await, ["Bravo", "Charlie"]);
    assert_eq!(list("not startswith(displayName,'Key') and displayName ne 'bravo'").await, ["alpha job", "Charlie"]);
    assert_eq!(list("displayName in ('bravo','CHARLIE')").await, ["Bravo", "Charlie"]);
    assert_eq!(list("endswith(displayName,'JOB') or tags/any(t:t eq 'y')").await, ["alpha job", "Bravo"]);
    assert_eq!(list("createdDateTime ge 2027-01-01T00:00:00Z").await, [] as [&str; 0]);
    assert_eq!(list("tags/$count eq 0 and startswith(displayName,'a')").await, ["alpha job"]);
    let searched = world.eventual(&format!("{APPLICATIONS}?$search=\"displayName:job\"")).await;
    assert_eq!(names(&searched.body), ["alpha job"]);
    let wrong = world.eventual(&format!("{APPLICATIONS}?$filter=appId eq true")).await;
    assert_eq!(wrong.graph_error().1, "BadRequest");
}

#[tokio::test]
async fn what_the_azure_cli_asks_is_understood() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let uri = format!("api://{}", app.client);
    let uris = json!({ "identifierUris": [uri] });
    assert_eq!(world.graph("PATCH", &format!("{APPLICATIONS}/{}", app.id), uris).await.status, 204);
    let adele = world.person("adele").await;
    for (path, expected) in [
        (format!("{APPLICATIONS}?$filter=identifierUris/any(s:s eq '{uri}')"), json!(app.id)),
        (format!("{APPLICATIONS}?$filter=appId eq '{}'", app.client), json!(app.id)),
        (format!("{APPLICATIONS}?$filter=startswith(displayName,'orders')"), json!(app.id)),
        (format!("{PRINCIPALS}?$filter=servicePrincipalNames/any(c:c eq '{}')", app.client), json!(app.principal)),
        (format!("{PRINCIPALS}?$filter=servicePrincipalNames/any(c:c eq '{uri}')"), json!(app.principal)),
        (format!("{PRINCIPALS}?$filter=appId eq '{}' and accountEnabled eq true", app.client), json!(app.principal)),
        ("/v1.0/users?$filter=userPrincipalName eq 'adele@contoso.example'".to_owned(), json!(adele)),
        (format!("/v1.0/users?$filter=startswith(displayName,'Ade') or mail eq '{uri}'"), json!(adele)),
    ] {
        let found = world.graph("GET", &path, Value::Null).await;
        assert_eq!((found.status, &found.body["value"][0]["id"]), (200, &expected), "{path}: {}", found.body);
        assert_eq!(found.body["value"].as_array().unwrap().len(), 1, "{path}");
    }
    let objects = json!({ "ids": [adele, app.principal, app.id], "types": ["user", "servicePrincipal"] });
    let found = world.graph("POST", "/v1.0/directoryObjects/getByIds", objects).await;
    assert_eq!(found.body["value"].as_array().unwrap().len(), 2);
    assert_eq!(world.graph("GET", &format!("/v1.0/directoryObjects/{adele}"), Value::Null).await.status, 200);
}

#[tokio::test]
async fn counts_are_for_those_who_say_eventual() {
    let world = World::new().await;
    three(&world).await;
    let counted = world.eventual(&format!("{APPLICATIONS}?$count=true&$top=1")).await;
    assert_eq!(counted.body["@odata.count"], 4);
    let next = counted.text("/@odata.nextLink").strip_prefix(ORIGIN).unwrap().to_owned();
    let second = world.eventual(&next).await;
    assert_eq!((second.status, second.body.get("@odata.count")), (200, None), "on the first page only");
    let silent = world.graph("GET", &format!("{APPLICATIONS}?$count=true"), Value::Null).await;
    assert_eq!(silent.body.get("@odata.count"), None);
    for (path, expected) in [
        (format!("{APPLICATIONS}/$count"), 4),
        (format!("{APPLICATIONS}/$count?$filter=startswith(displayName,'b')"), 1),
        ("/v1.0/users/$count".to_owned(), 1),
    ] {
        let counted = world.eventual(&path).await;
        assert_eq!((counted.status, counted.body.clone()), (200, json!(expected)), "{path}");
        assert_eq!(counted.header("content-type"), "text/plain");
    }
}

#[tokio::test]
async fn pages_follow_the_order_that_was_asked() {
    let world = World::new().await;
    three(&world).await;
    for (order, expected) in [
        ("displayName", ["alpha job", "Bravo", "Charlie", "Keyholder local administrator"]),
        ("displayName desc", ["Keyholder local administrator", "Charlie", "Bravo", "alpha job"]),
    ] {
        let mut path = format!("{APPLICATIONS}?$orderby={order}&$top=1");
        let mut seen = Vec::new();
        loop {
            let page = world.graph("GET", &path, Value::Null).await;
            seen.extend(names(&page.body).into_iter().map(str::to_owned));
            match page.body["@odata.nextLink"].as_str() {
                Some(next) => path = next.strip_prefix(ORIGIN).unwrap().to_owned(),
                None => break,
            }
        }
        assert_eq!(seen, expected, "{order}");
    }
    // A filter that no column narrows fills its pages all the same.
    let first = world.graph("GET", &format!("{APPLICATIONS}?$filter=tags/any(t:t eq 'x')&$top=1"), Value::Null).await;
    let next = first.text("/@odata.nextLink").strip_prefix(ORIGIN).unwrap().to_owned();
    let second = world.graph("GET", &next, Value::Null).await;
    assert_eq!([names(&first.body), names(&second.body)].concat().len(), 2);
    assert_eq!(second.body.get("@odata.nextLink"), None);
}

#[tokio::test]
async fn delta_tells_what_changed_since() {
    let world = World::new().await;
    let one = world.application("one").await;
    let two = world.application("two").await;
    let follow = async |link: &str| {
        let answer = world.graph("GET", link.strip_prefix(ORIGIN).unwrap_or(link), Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    };
    let first = follow("/v1.0/applications/delta?$select=displayName,appId&$top=2").await;
    assert_eq!(first.body["value"].as_array().unwrap().len(), 2);
    let second = follow(first.text("/@odata.nextLink")).await;
    assert_eq!(second.body["value"].as_array().unwrap().len(), 1);
    let link = second.text("/@odata.deltaLink").to_owned();
    let nothing = follow(&link).await;
    assert_eq!(nothing.body["value"], json!([]));

    let rename = json!({ "displayName": "renamed" });
    assert_eq!(world.graph("PATCH", &format!("{APPLICATIONS}/{}", one.id), rename).await.status, 204);
    assert_eq!(world.graph("DELETE", &format!("{APPLICATIONS}/{}", two.id), Value::Null).await.status, 204);
    let changed = follow(&link).await;
    let list = changed.body["value"].as_array().unwrap();
    assert_eq!(list.len(), 2, "{}", changed.body);
    let renamed = list.iter().find(|entity| entity["displayName"] == "renamed").unwrap();
    assert_eq!(renamed["appId"], json!(one.client));
    let gone = list.iter().find(|entity| entity["id"] == json!(two.id)).unwrap();
    assert_eq!(gone["@removed"]["reason"], "changed");
    let bin = format!("/v1.0/directory/deletedItems/{}", two.id);
    assert_eq!(world.graph("DELETE", &bin, Value::Null).await.status, 204);
    let purged = follow(changed.text("/@odata.deltaLink")).await;
    assert_eq!(purged.body["value"], json!([{ "id": two.id, "@removed": { "reason": "deleted" } }]));

    let latest = follow("/v1.0/servicePrincipals/delta?$deltatoken=latest").await;
    assert_eq!(latest.body["value"], json!([]));
    world.application("three").await;
    let new = follow(latest.text("/@odata.deltaLink")).await;
    assert_eq!(names(&new.body), ["three"]);
    let stale = world.graph("GET", "/v1.0/applications/delta?$deltatoken=nonsense", Value::Null).await;
    assert_eq!((stale.status, stale.graph_error().1), (410, "resyncRequired"));
}

#[tokio::test]
async fn s06_grants_answer_to_any_letter_case_and_filter() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let resource = world.principal_of("00000007-0000-0000-c000-000000000000").await;
    let grant = json!({
        "clientId": app.principal, "consentType": "AllPrincipals", "principalId": null, "resourceId": resource,
        "scope": "user_impersonation",
    });
    let made = world.graph("POST", "/v1.0/OAUTH2permissionGRANTS", grant).await;
    assert_eq!(made.status, 201);
    let filter = format!(
        "clientId eq '{}' and resourceId eq '{}' and consentType eq 'AllPrincipals'",
        app.principal,
        resource.as_str().unwrap()
    );
    let found = world.graph("GET", &format!("/v1.0/oauth2PermissionGrants?$filter={filter}"), Value::Null).await;
    assert_eq!(found.body["value"][0]["id"], made.body["id"]);
    let own = format!("{PRINCIPALS}/{}/oauth2PermissionGrants", app.principal);
    assert_eq!(world.graph("GET", &own, Value::Null).await.body["value"][0]["id"], made.body["id"]);
    let delete = format!("/v1.0/oAuth2PermissionGrants/{}", made.text("/id"));
    assert_eq!(world.graph("DELETE", &delete, Value::Null).await.status, 204);
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let throttle = GraphThrottle { requests: 3, window: Duration::from_secs(10) };
    let world = World::with(GraphOptions { throttle: Some(throttle), ..GraphOptions::default() }).await;
    let token = world.admin_token().await;
    for expected in [200, 200, 200, 429] {
        let answer = world.graph_as(&token, "GET", APPLICATIONS, Value::Null).await;
        assert_eq!(answer.status, expected);
    }
    world.clock.advance(Duration::from_secs(4));
    let late = world.graph_as(&token, "GET", APPLICATIONS, Value::Null).await;
    assert_eq!(late.graph_error(), (429, "TooManyRequests", "Please retry again later."));
    assert_eq!(late.header("retry-after"), "6");
    for name in ["code", "status"] {
        assert_eq!(late.text(&format!("/error/innerError/{name}")), "429");
    }
    assert_eq!(late.text("/error/innerError/message"), "Please retry again later.");
    world.clock.advance(Duration::from_secs(6));
    assert_eq!(world.graph_as(&token, "GET", APPLICATIONS, Value::Null).await.status, 200);
}

#[tokio::test]
async fn the_tenants_domains_are_listed() {
    let world = World::new().await;
    let domains = world.graph("GET", "/v1.0/domains", Value::Null).await;
    assert_eq!(
        (domains.text("/value/0/id"), &domains.body["value"][0]["isVerified"]),
        ("contoso.example", &json!(true))
    );
    assert_eq!(world.graph("GET", "/v1.0/domains/Contoso.example", Value::Null).await.status, 200);
    assert_eq!(world.graph("GET", "/v1.0/domains/other.example", Value::Null).await.status, 404);
}

#[tokio::test]
async fn delta_tells_of_grants_too() {
    let world = World::new().await;
    let (app, api) = (world.application("orders-sync").await, world.application("shop").await);
    let latest = world.graph("GET", "/v1.0/oauth2PermissionGrants/delta?$deltatoken=latest", Value::Null).await;
    assert_eq!((latest.status, &latest.body["value"]), (200, &json!([])), "{}", latest.body);
    let follow = async |link: &str| world.graph("GET", link.strip_prefix(ORIGIN).unwrap(), Value::Null).await;
    let wanted = json!({
        "clientId": app.principal, "consentType": "AllPrincipals", "principalId": null, "resourceId": api.principal,
        "scope": "Orders.Read",
    });
    let made = world.graph("POST", "/v1.0/oauth2PermissionGrants", wanted).await;
    let id = made.text("/id");
    let new = follow(latest.text("/@odata.deltaLink")).await;
    assert_eq!((new.text("/value/0/id"), new.text("/value/0/scope")), (id, "Orders.Read"));
    let path = format!("/v1.0/oauth2PermissionGrants/{id}");
    assert_eq!(world.graph("PATCH", &path, json!({ "scope": "Orders.Write" })).await.status, 204);
    let changed = follow(new.text("/@odata.deltaLink")).await;
    assert_eq!(changed.text("/value/0/scope"), "Orders.Write");
    // It goes with the principal that had it.
    let principal = format!("/v1.0/servicePrincipals/{}", app.principal);
    assert_eq!(world.graph("DELETE", &principal, Value::Null).await.status, 204);
    let gone = follow(changed.text("/@odata.deltaLink")).await;
    assert_eq!(gone.body["value"], json!([{ "id": id, "@removed": { "reason": "deleted" } }]));
    let all = world.graph("GET", "/v1.0/oauth2PermissionGrants/delta", Value::Null).await;
    assert!(
        all.body["value"].as_array().unwrap().iter().all(|grant| grant["id"] != id)
            && all.body["@odata.deltaLink"].is_string()
    );
}
