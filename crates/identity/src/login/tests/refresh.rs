//! Refresh tokens: how long they last, what ends them, and for what they may be exchanged.

use super::world::{AZURE_CLI, DYNAMICS_TOOLS, ORG, ORIGIN, OTHER_DOMAIN, PASSWORD, POWERSHELL, START, World};

const NAME: &str = "svc@contoso.example";

async fn signed_in(world: &World) -> String {
    let scope = format!("{ORG}/.default openid offline_access");
    world.by_password(NAME, PASSWORD, &scope).await.text("refresh_token")
}

#[tokio::test]
async fn s16_a_refresh_token_is_renewed_and_the_old_one_stays_good() {
    let world = World::new().await;
    let user = world.person(NAME, PASSWORD).await;
    let first = signed_in(&world).await;
    world.advance(86_400 * 60);
    let answer = world.refresh(AZURE_CLI, &first, &[("client_info", "1")]).await;
    let claims = answer.claims();
    assert_eq!((claims.aud.as_str(), claims.oid), (ORG, Some(user)));
    assert_eq!(claims.iat, START + 86_400 * 60 - 300);
    let second = answer.text("refresh_token");
    assert_ne!(first, second);
    assert_eq!(world.refresh(AZURE_CLI, &first, &[]).await.status, 200, "the old one");
    world.advance(86_400 * 30);
    let refused = world.refresh(AZURE_CLI, &first, &[]).await;
    assert_eq!(refused.error(), (400, "invalid_grant".to_owned(), 700_082));
    assert_eq!(refused.text("suberror"), "bad_token");
    assert!(refused.text("error_description").contains("was issued on 2026-11-22T"), "{}", refused.body);
    assert_eq!(world.refresh(AZURE_CLI, &second, &[]).await.status, 200, "90 days from its own making");
}

#[tokio::test]
async fn s16_a_refresh_token_is_good_for_other_resources_and_its_family() {
    let world = World::new().await;
    world.person(NAME, PASSWORD).await;
    let token = signed_in(&world).await;
    for scope in [
        "https://graph.microsoft.com/.default offline_access".to_owned(),
        format!("{ORIGIN}//.default"),
        "https://management.core.windows.net//.default".to_owned(),
        "https://globaldisco.crm.dynamics.com/user_impersonation".to_owned(),
    ] {
        let answer = world.refresh(AZURE_CLI, &token, &[("scope", &scope)]).await;
        assert!(scope.starts_with(&answer.claims().aud), "{scope}: {}", answer.claims().aud);
        assert!(answer.json()["refresh_token"].is_string());
    }
    let many = format!("openid https://graph.microsoft.com/User.Read {ORG}/user_impersonation");
    let answer = world.refresh(AZURE_CLI, &token, &[("scope", &many)]).await;
    assert_eq!(answer.claims().aud, "https://graph.microsoft.com", "the first counts");
    let answer = world.refresh(AZURE_CLI, &token, &[("scope", "openid profile offline_access")]).await;
    assert_eq!(answer.claims().aud, ORG, "OpenID's words alone change nothing");
    let v1 = world
        .post(
            &format!("/{}/oauth2/token", world.tenant),
            &[("grant_type", "refresh_token"), ("client_id", AZURE_CLI), ("refresh_token", &token), ("resource", ORG)],
        )
        .await;
    assert_eq!(v1.claims().aud, ORG);
    let v1 = world
        .post(
            "/common/oauth2/token",
            &[("grant_type", "refresh_token"), ("client_id", AZURE_CLI), ("refresh_token", &token)],
        )
        .await;
    assert_eq!(v1.claims().aud, ORG);
    assert_eq!(world.refresh(POWERSHELL, &token, &[]).await.status, 200, "of the same family");
    assert_eq!(world.refresh(DYNAMICS_TOOLS, &token, &[]).await.number(), 70_000, "not of it");
    let app = world.application("other").await;
    let secret = [("client_secret", app.secret.expose())];
    assert_eq!(world.refresh(&app.client.to_string(), &token, &secret).await.number(), 70_000);
}

#[tokio::test]
async fn s16_a_session_ends_with_the_password_the_account_or_by_word() {
    let world = World::new().await;
    let user = world.person(NAME, PASSWORD).await;
    let directory = &world.identity.directory;
    let token = signed_in(&world).await;
    directory.revoke_sessions(world.tenant, user).await.unwrap();
    let refused = world.refresh(AZURE_CLI, &token, &[]).await;
    assert_eq!(refused.error(), (400, "invalid_grant".to_owned(), 50_173));
    assert_eq!(refused.text("suberror"), "bad_token");
    let token = signed_in(&world).await;
    assert_eq!(world.refresh(AZURE_CLI, &token, &[]).await.status, 200, "a new session at the same moment is good");

    let hash = crate::credentials::hash_password(&"Other password 2".to_owned().into(), world.identity.random.as_ref());
    let state = crate::directory::people::PasswordState {
        must_change: false,
        expires: None,
        changed: world.identity.clocks.now(),
    };
    directory.set_password(world.tenant, user, hash.unwrap(), state).await.unwrap();
    assert_eq!(world.refresh(AZURE_CLI, &token, &[]).await.number(), 50_173);

    let scope = format!("{ORG}/.default offline_access");
    let token = world.by_password(NAME, "Other password 2", &scope).await.text("refresh_token");
    directory.set_person_enabled(world.tenant, user, false).await;
    assert_eq!(world.refresh(AZURE_CLI, &token, &[]).await.number(), 50_057);
    directory.set_person_enabled(world.tenant, user, true).await;
    assert_eq!(world.refresh(AZURE_CLI, &token, &[]).await.status, 200);
    world.identity.set_multi_factor(world.tenant, user, crate::MultiFactor::Enforced).await.unwrap();
    assert_eq!(world.refresh(AZURE_CLI, &token, &[]).await.number(), 50_076);
}

#[tokio::test]
async fn a_refresh_token_that_is_none_is_refused() {
    let world = World::new().await;
    world.person(NAME, PASSWORD).await;
    let token = signed_in(&world).await;
    let mut forged = keyholder_entra::base64url::decode(&token[2..]).unwrap();
    forged[40] ^= 1;
    let forged = format!("1.{}", keyholder_entra::base64url::encode(forged));
    for (token, number) in [("", 900_144), ("nonsense", 9_002_313), ("1.AAAA", 9_002_313), (forged.as_str(), 70_000)] {
        let refused = world.refresh(AZURE_CLI, token, &[]).await;
        assert_eq!(refused.number(), number, "{token}");
        assert!(matches!(refused.error().1.as_str(), "invalid_grant" | "invalid_request"));
    }
    let form = [("grant_type", "refresh_token"), ("client_id", AZURE_CLI), ("refresh_token", token.as_str())];
    let elsewhere = world.post(&format!("/{OTHER_DOMAIN}/oauth2/v2.0/token"), &form).await;
    assert_eq!(elsewhere.error(), (400, "invalid_request".to_owned(), 50_020));
    assert_eq!(world.post("/consumers/oauth2/v2.0/token", &form).await.number(), 9_002_346);
}
