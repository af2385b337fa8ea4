//! A published application at its subscribers: consent, its service principal there, and its tokens.

use std::collections::BTreeMap;

use keyholder_entra::graph::{AccessKind, RequiredResourceAccess, ResourceAccess};
use keyholder_entra::well_known::{
    DYNAMICS_CRM, DYNAMICS_CRM_USER_IMPERSONATION, GRAPH_PERMISSIONS, GRAPH_USER_READ, MICROSOFT_GRAPH,
};

use super::browser::{Browser, heading, sent_to};
use super::world::{OTHER_DOMAIN, OTHER_ORG, PASSWORD, Registered, World};
use crate::directory::applications::{ApplicationChange, ObjectKey};
use crate::directory::registrations::{Platform, RedirectUri, Registration};

const BACK: &str = "https://vendor.example/consented";

pub(super) async fn published(world: &World) -> Registered {
    let app = world.application_with("Orders Cloud", "AzureADMultipleOrgs", Vec::new()).await;
    let access = |id, kind| ResourceAccess { id, kind };
    let change = ApplicationChange {
        required_resource_access: Some(vec![
            RequiredResourceAccess {
                resource_app_id: DYNAMICS_CRM,
                resource_access: vec![access(DYNAMICS_CRM_USER_IMPERSONATION, AccessKind::Scope)],
            },
            RequiredResourceAccess {
                resource_app_id: MICROSOFT_GRAPH,
                resource_access: vec![
                    access(GRAPH_USER_READ, AccessKind::Scope),
                    access(GRAPH_PERMISSIONS[0].id, AccessKind::Role),
                ],
            },
        ]),
        ..ApplicationChange::default()
    };
    let tenant = world.tenant().await;
    world.identity.directory.update_application(&tenant, ObjectKey::Object(app.id), change).await.unwrap();
    let redirect_uris = vec![RedirectUri { platform: Platform::Web, uri: BACK.to_owned() }];
    world.register(&app, Registration { redirect_uris, ..Registration::default() }).await;
    app
}

pub(super) fn link(app: &Registered, tenant: &str) -> String {
    format!("/{tenant}/adminconsent?client_id={}&state=a%26b&redirect_uri={BACK}", app.client)
}

async fn subscriber_token(world: &World, app: &Registered, scope: &str) -> super::world::Answer {
    let client = app.client.to_string();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client.as_str()),
        ("client_secret", app.secret.expose()),
        ("scope", scope),
    ];
    world.post(&format!("/{OTHER_DOMAIN}/oauth2/v2.0/token"), &form).await
}

#[tokio::test]
async fn s22_a_subscribers_administrator_consents_and_the_application_gets_in() {
    let world = World::new().await;
    let app = published(&world).await;
    let scope = format!("{OTHER_ORG}/.default");
    assert_eq!(subscriber_token(&world, &app, &scope).await.error(), (400, "unauthorized_client".to_owned(), 700_016));

    let mut browser = Browser::default();
    let page = browser.get(&world, &link(&app, OTHER_DOMAIN)).await;
    assert_eq!(heading(&page), "Sign in");
    let (name, password) = (&world.other.user_principal_name, world.other.password.expose());
    let asked = browser.sign_in(&world, &page, name, password).await;
    assert_eq!(heading(&asked), "Permissions requested: review for your organization");
    for shown in ["Orders Cloud", "contoso.example", "user_impersonation", "User.Read", "Fabrikam"] {
        assert!(asked.body.contains(shown), "{shown}: {}", asked.body);
    }
    let declined = sent_to(&browser.submit(&world, &asked, &[("action", "decline")]).await, BACK);
    assert_eq!((declined["error"].as_str(), declined["state"].as_str()), ("access_denied", "a&b"));
    assert_eq!(subscriber_token(&world, &app, &scope).await.number(), 700_016, "nothing changed");

    let back = sent_to(&browser.submit(&world, &asked, &[("action", "accept")]).await, BACK);
    let expected: BTreeMap<_, _> = [
        ("admin_consent".to_owned(), "True".to_owned()),
        ("tenant".to_owned(), world.other.tenant.to_string()),
        ("state".to_owned(), "a&b".to_owned()),
    ]
    .into();
    assert_eq!(back, expected);

    let claims = subscriber_token(&world, &app, &scope).await.claims();
    assert_eq!((claims.tid, claims.aud.as_str()), (world.other.tenant, OTHER_ORG));
    assert_ne!(claims.oid, Some(app.principal), "a principal of its own in the subscriber's tenant");
    let graph = subscriber_token(&world, &app, "https://graph.microsoft.com/.default").await.claims();
    assert_eq!(graph.roles, Some(vec![GRAPH_PERMISSIONS[0].value.to_owned()]));
    assert_eq!(world.by_secret(&app, &scope).await.number(), 500_011, "the publisher's tenant has no such org");
    let facts = world.identity.find_application(world.other.tenant, app.client).await.unwrap().unwrap();
    assert_eq!(facts.service_principal, claims.oid);
    let again = browser.get(&world, &link(&app, "organizations")).await;
    let back = sent_to(&browser.submit(&world, &again, &[("action", "accept")]).await, BACK);
    assert_eq!(back["tenant"], world.other.tenant.to_string(), "consenting twice is fine");
}

#[tokio::test]
async fn s22_who_is_no_administrator_cannot_let_it_in() {
    let world = World::new().await;
    let app = published(&world).await;
    world.person_of(world.other.tenant, "bob@fabrikam.example", PASSWORD).await;
    let mut browser = Browser::default();
    let page = browser.get(&world, &link(&app, "organizations")).await;
    let refused = browser.sign_in(&world, &page, "bob@fabrikam.example", PASSWORD).await;
    assert!(refused.status == 400 && refused.body.contains("AADSTS90094"), "{}", refused.body);
    let cheated = browser.submit(&world, &page, &[("action", "accept")]).await;
    assert!(cheated.status == 400 && cheated.body.contains("AADSTS90094"), "{}", cheated.body);
    let scope = format!("{OTHER_ORG}/.default");
    assert_eq!(subscriber_token(&world, &app, &scope).await.number(), 700_016);
}

#[tokio::test]
async fn s22_an_application_of_one_tenant_stays_there() {
    let world = World::new().await;
    let app = world.application("internal").await;
    let redirect_uris = vec![RedirectUri { platform: Platform::Web, uri: BACK.to_owned() }];
    world.register(&app, Registration { redirect_uris, ..Registration::default() }).await;
    let page = Browser::default().get(&world, &link(&app, OTHER_DOMAIN)).await;
    assert!(page.status == 400 && page.body.contains("AADSTS700016"), "{}", page.body);
    let mut browser = Browser::default();
    let page = browser.get(&world, &link(&app, "organizations")).await;
    let (name, password) = (&world.other.user_principal_name, world.other.password.expose());
    let refused = sent_to(&browser.sign_in(&world, &page, name, password).await, BACK);
    assert!(refused["error_description"].starts_with("AADSTS700016"), "{refused:?}");
    for (path, number) in [
        (format!("/{OTHER_DOMAIN}/adminconsent"), "AADSTS900144"),
        (format!("/{OTHER_DOMAIN}/adminconsent?client_id=x"), "AADSTS700016"),
        (format!("/consumers/adminconsent?client_id={}", app.client), "AADSTS9002346"),
        (
            format!("/{}/adminconsent?client_id={}&redirect_uri=https://evil.example", world.tenant, app.client),
            "AADSTS50011",
        ),
    ] {
        let page = Browser::default().get(&world, &path).await;
        assert!(page.status == 400 && page.body.contains(number), "{path}: {}", page.body);
    }
}

#[tokio::test]
async fn s22_the_v2_form_names_its_permissions() {
    let world = World::new().await;
    let app = published(&world).await;
    let mut browser = Browser::default();
    let scope = format!("{OTHER_ORG}/user_impersonation");
    let path = format!("/{OTHER_DOMAIN}/v2.0/adminconsent?client_id={}&redirect_uri={BACK}&scope={scope}", app.client);
    let page = browser.get(&world, &path).await;
    let (name, password) = (&world.other.user_principal_name, world.other.password.expose());
    let asked = browser.sign_in(&world, &page, name, password).await;
    assert!(asked.body.contains("user_impersonation") && !asked.body.contains("User.Read"), "{}", asked.body);
    let back = sent_to(&browser.submit(&world, &asked, &[("action", "accept")]).await, BACK);
    assert_eq!((back["admin_consent"].as_str(), back["scope"].as_str()), ("True", scope.as_str()));
    // Without an address to go back to, a page says that it is done.
    let path = format!("/{OTHER_DOMAIN}/adminconsent?client_id={}", app.client);
    let asked = browser.get(&world, &path).await;
    assert_eq!(heading(&browser.submit(&world, &asked, &[("action", "accept")]).await), "Permissions granted");
}
