//! What tokens can be asked for, of which version they are, and which doors they open.

use keyholder_entra::graph::{AppRole, PermissionScope};
use uuid::Uuid;

use super::world::{ORG, ORIGIN, OTHER_ORG, PASSWORD, World};
use crate::directory::applications::ObjectKey;
use crate::directory::registrations::Registration;
use crate::directory::service_principals::ServicePrincipalChange;
use crate::{Audience, TokenProblem};

#[tokio::test]
async fn s11_a_token_for_one_resource_is_refused_by_every_other_but_the_origins() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let graph = Audience::any_of(["https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000", ORIGIN]);
    let org = Audience::any_of([ORG, ORIGIN]);
    let addresses = keyholder_entra::well_known::MANAGEMENT_RESOURCES.iter().map(|(address, _)| *address);
    let management = Audience::any_of(addresses.chain([ORIGIN]));
    for (resource, opens) in [
        (ORG.to_owned(), [false, true, false]),
        (format!("{ORG}/"), [false, true, false]),
        (ORIGIN.to_owned(), [true, true, true]),
        (format!("{ORIGIN}/"), [true, true, true]),
        ("https://graph.microsoft.com".to_owned(), [true, false, false]),
        ("https://management.core.windows.net/".to_owned(), [false, false, true]),
        ("https://management.azure.com".to_owned(), [false, false, true]),
        ("https://service.powerapps.com/".to_owned(), [false, false, true]),
        ("https://api.bap.microsoft.com/".to_owned(), [false, false, true]),
        ("https://api.powerplatform.com".to_owned(), [false, false, true]),
        ("https://globaldisco.crm.dynamics.com/".to_owned(), [false, false, false]),
    ] {
        let answer = world.by_secret(&app, &format!("{resource}/.default")).await;
        assert_eq!(answer.claims().aud, resource);
        let token = answer.text("access_token");
        for (audience, open) in [&graph, &org, &management].into_iter().zip(opens) {
            let verified = world.identity.verify(&token, audience);
            assert_eq!(verified.is_ok(), open, "{resource}");
            assert!(open || verified == Err(TokenProblem::Audience));
        }
    }
    for unknown in ["https://x.crm4.dynamics.com", OTHER_ORG, "https://contoso.crm.example/path", "api://nobody"] {
        let refused = world.by_secret(&app, &format!("{unknown}/.default")).await;
        assert_eq!(refused.number(), 500_011, "{unknown}");
    }
}

#[tokio::test]
async fn an_api_of_ones_own_chooses_its_tokens() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let address = "api://contoso.example/orders".to_owned();
    let api = world.application_with("orders-api", "AzureADMyOrg", vec![address.clone()]).await;
    let role = Uuid::from_u128(5);
    let registration = |version| Registration {
        requested_access_token_version: version,
        app_roles: vec![AppRole {
            id: role,
            allowed_member_types: vec!["Application".to_owned()],
            description: None,
            display_name: None,
            is_enabled: true,
            value: Some("Orders.Read".to_owned()),
        }],
        permission_scopes: vec![PermissionScope {
            id: Uuid::from_u128(6),
            admin_consent_description: None,
            admin_consent_display_name: None,
            user_consent_description: None,
            user_consent_display_name: None,
            is_enabled: true,
            kind: Some("User".to_owned()),
            value: Some("access".to_owned()),
        }],
        ..Registration::default()
    };
    world.register(&api, registration(None)).await;
    let scope = format!("{address}/.default");
    let claims = world.by_secret(&app, &scope).await.claims();
    assert_eq!((claims.aud.as_str(), claims.ver.as_deref(), claims.roles), (address.as_str(), Some("1.0"), None));
    let by_id = world.by_secret(&app, &format!("{}/.default", api.client)).await.claims();
    assert_eq!(by_id.aud, api.client.to_string());

    world.register(&api, registration(Some(2))).await;
    let consent = crate::directory::consents::Consent { scopes: Vec::new(), roles: vec![(api.client, role)] };
    world.identity.directory.consent(world.tenant, app.client, None, consent).await.unwrap();
    let answer = world.by_secret(&app, &scope).await;
    let claims = answer.claims();
    assert_eq!((claims.aud, claims.ver.as_deref()), (api.client.to_string(), Some("2.0")));
    assert_eq!(claims.iss, format!("{ORIGIN}/{}/v2.0", world.tenant));
    assert_eq!((claims.azp, claims.azpacr.as_deref(), claims.appid), (Some(app.client), Some("1"), None));
    assert_eq!(claims.roles, Some(vec!["Orders.Read".to_owned()]));
    assert!(claims.idp.is_none());
    let token = answer.text("access_token");
    let own = Audience::any_of([api.client.to_string()]).of_tenant(world.tenant);
    assert_eq!(world.identity.verify(&token, &own).unwrap().client, app.client);
    let header = keyholder_entra::jws::Compact::parse(&token).unwrap().header;
    assert!(header.x5t.is_none() && header.kid.is_some());

    // A person's v2 token.
    let portal = world.application("portal").await;
    world.register(&portal, Registration { is_fallback_public_client: true, ..Registration::default() }).await;
    world.person("svc@contoso.example", PASSWORD).await;
    let form = [
        ("grant_type", "password"),
        ("client_id", &portal.client.to_string()),
        ("username", "svc@contoso.example"),
        ("password", PASSWORD),
        ("scope", &format!("{address}/access")),
    ];
    assert_eq!(world.token(&form).await.number(), 65_001);
    world.grant(world.tenant, portal.client, api.client, &["access"]).await;
    let claims = world.token(&form).await.claims();
    assert_eq!(claims.preferred_username.as_deref(), Some("svc@contoso.example"));
    assert!(claims.upn.is_none() && claims.amr.is_none() && claims.wids.is_none());
    assert_eq!(claims.scp.as_deref(), Some("access"));
}

#[tokio::test]
async fn a_resource_can_be_disabled_or_for_the_assigned_only() {
    let world = World::new().await;
    let app = world.application("orders-sync").await;
    let address = "api://contoso.example/orders".to_owned();
    let api = world.application_with("orders-api", "AzureADMyOrg", vec![address.clone()]).await;
    let scope = format!("{address}/.default");
    let directory = &world.identity.directory;
    let key = ObjectKey::Object(api.principal);
    let change = ServicePrincipalChange { app_role_assignment_required: Some(true), ..Default::default() };
    directory.update_service_principal(world.tenant, key, change).await.unwrap();
    assert_eq!(world.by_secret(&app, &scope).await.error(), (400, "invalid_grant".to_owned(), 501_051));
    let consent = crate::directory::consents::Consent { scopes: Vec::new(), roles: vec![(api.client, Uuid::nil())] };
    directory.consent(world.tenant, app.client, None, consent).await.unwrap();
    assert_eq!(world.by_secret(&app, &scope).await.status, 200);
    let change = ServicePrincipalChange { account_enabled: Some(false), ..Default::default() };
    directory.update_service_principal(world.tenant, key, change).await.unwrap();
    assert_eq!(world.by_secret(&app, &scope).await.error(), (400, "invalid_resource".to_owned(), 500_014));
}
