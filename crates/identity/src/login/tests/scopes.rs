//! Which delegated permissions a token carries, and that they are all it opens.

use keyholder_entra::well_known::{DYNAMICS_CRM, MICROSOFT_GRAPH, USER_IMPERSONATION};

use super::world::{AZURE_CLI, Answer, DOMAIN, ORIGIN, PASSWORD, Registered, World};
use crate::directory::registrations::Registration;
use crate::{Audience, TokenProblem};

const GRAPH: &str = "https://graph.microsoft.com";

async fn public(world: &World, name: &str) -> Registered {
    let app = world.application(name).await;
    world.register(&app, Registration { is_fallback_public_client: true, ..Registration::default() }).await;
    app
}

async fn by_password(world: &World, client: &str, scope: &str) -> Answer {
    let name = format!("svc@{DOMAIN}");
    world
        .token(&[
            ("grant_type", "password"),
            ("client_id", client),
            ("username", &name),
            ("password", PASSWORD),
            ("scope", scope),
        ])
        .await
}

#[tokio::test]
async fn at_the_origin_too_consent_to_one_service_opens_no_other() {
    let world = World::new().await;
    world.person(&format!("svc@{DOMAIN}"), PASSWORD).await;
    let dataverse = Audience::any_of([ORIGIN]).with_scope(USER_IMPERSONATION);
    let reader = public(&world, "reader").await;
    world.grant(world.tenant, reader.client, MICROSOFT_GRAPH, &["User.Read"]).await;
    let writer = public(&world, "writer").await;
    world.grant(world.tenant, writer.client, DYNAMICS_CRM, &[USER_IMPERSONATION]).await;
    for (client, scope, carried, opens) in [
        (reader.client.to_string(), "User.Read", "User.Read", false),
        (reader.client.to_string(), ".default", "User.Read", false),
        (writer.client.to_string(), ".default", USER_IMPERSONATION, true),
        (AZURE_CLI.to_owned(), "User.Read", "User.Read", false),
        (AZURE_CLI.to_owned(), USER_IMPERSONATION, USER_IMPERSONATION, true),
    ] {
        let answer = by_password(&world, &client, &format!("{ORIGIN}/{scope}")).await;
        assert_eq!(answer.claims().scp.as_deref(), Some(carried), "{scope}");
        let verified = world.identity.verify(&answer.text("access_token"), &dataverse);
        assert_eq!(verified.err(), if opens { None } else { Some(TokenProblem::Scope) }, "{scope}");
    }
    let all = by_password(&world, AZURE_CLI, &format!("{ORIGIN}/.default")).await.claims().scp.unwrap();
    assert!(all.contains(USER_IMPERSONATION) && all.contains("Directory.AccessAsUser.All"), "{all}");
    let refused = by_password(&world, &reader.client.to_string(), &format!("{ORIGIN}/{USER_IMPERSONATION}")).await;
    assert_eq!(refused.error(), (400, "invalid_grant".to_owned(), 65_001));
    let app = world.application("orders-sync").await;
    let token = world.by_secret(&app, &format!("{ORIGIN}/.default")).await.text("access_token");
    assert!(world.identity.verify(&token, &dataverse).is_ok(), "applications have no delegated permissions");
}

#[tokio::test]
async fn permissions_that_nobody_offers_are_refused() {
    let world = World::new().await;
    world.person(&format!("svc@{DOMAIN}"), PASSWORD).await;
    let portal = public(&world, "portal").await.client.to_string();
    for (client, scope, expected) in [
        (AZURE_CLI, format!("{GRAPH}/Bogus.Scope"), (400, "invalid_scope", 70_011)),
        (AZURE_CLI, format!("{ORIGIN}/bogus"), (400, "invalid_scope", 70_011)),
        (&portal, format!("{ORIGIN}/bogus"), (400, "invalid_scope", 70_011)),
        (AZURE_CLI, format!("{GRAPH}/Policy.Read.All"), (400, "invalid_request", 65_002)),
        (&portal, format!("{GRAPH}/Mail.Read"), (400, "invalid_grant", 65_001)),
        (&portal, format!("{ORIGIN}/.default"), (400, "invalid_resource", 650_057)),
    ] {
        let (status, error, number) = by_password(&world, client, &scope).await.error();
        assert_eq!((status, error.as_str(), number), expected, "{scope}");
    }
    let path = format!("/{}/oauth2/v2.0/devicecode", world.tenant);
    let form = [("client_id", AZURE_CLI), ("scope", "https://graph.microsoft.com/Bogus.Scope")];
    assert_eq!(world.post(&path, &form).await.number(), 70_011);
}

#[tokio::test]
async fn microsofts_own_clients_carry_what_graph_offers() {
    let world = World::new().await;
    world.person(&format!("svc@{DOMAIN}"), PASSWORD).await;
    let carried = by_password(&world, AZURE_CLI, &format!("{GRAPH}/.default")).await.claims().scp.unwrap();
    let offered = crate::directory::published::permission_scopes(MICROSOFT_GRAPH);
    for scope in carried.split(' ') {
        assert!(offered.iter().any(|known| known.value.as_deref() == Some(scope)), "{scope}");
    }
}
