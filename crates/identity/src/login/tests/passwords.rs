//! Username and password: what external tools do with a non-interactive user, and what stops them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keyholder_entra::claims::IdTokenClaims;
use keyholder_entra::jws::Compact;
use keyholder_entra::well_known::{DYNAMICS_CRM, GLOBAL_ADMINISTRATOR};
use serde_json::{Value, json};

use super::world::{AZURE_CLI, DOMAIN, DYNAMICS_TOOLS, ORG, ORIGIN, OTHER_DOMAIN, PASSWORD, START, World};
use crate::directory::people::{PasswordState, SignInRule};
use crate::directory::registrations::Registration;

fn scope() -> String {
    format!("{ORG}/user_impersonation openid profile offline_access")
}

#[tokio::test]
async fn s16_a_tool_signs_in_with_a_persons_password() {
    let world = World::new().await;
    let user = world.person("svc@contoso.example", PASSWORD).await;
    let answer = world.by_password("SVC@contoso.example", PASSWORD, &scope()).await;
    let claims = answer.claims();
    assert_eq!(claims.aud, ORG);
    assert_eq!(claims.iss, format!("https://sts.windows.net/{}/", world.tenant));
    assert_eq!((claims.iat, claims.nbf), (START - 300, START - 300));
    assert_eq!(claims.scp.as_deref(), Some("user_impersonation"));
    assert_eq!(claims.oid, Some(user));
    assert_eq!(claims.upn.as_deref(), Some("svc@contoso.example"));
    assert_eq!(claims.unique_name, claims.upn);
    assert_eq!(claims.amr, Some(vec!["pwd".to_owned()]));
    assert_eq!((claims.acr.as_deref(), claims.appidacr.as_deref()), (Some("1"), Some("0")));
    assert_eq!((claims.idtyp.as_deref(), claims.ver.as_deref()), (Some("user"), Some("1.0")));
    assert_eq!(claims.appid.unwrap().to_string(), AZURE_CLI);
    assert_eq!(claims.name.as_deref(), Some("Some Person"));
    assert!(claims.roles.is_none() && claims.idp.is_none());
    assert_ne!(claims.sub, Some(user.to_string()), "a person's `sub` is not their id");
    let json = answer.json();
    let lasts = json["expires_in"].as_i64().unwrap();
    assert!((3599..=5399).contains(&lasts), "{lasts}");
    assert_eq!(claims.exp, START + lasts + 1);
    assert_eq!(json["scope"], format!("{ORG}/user_impersonation openid profile"));
    assert_eq!(json["foci"], "1");
    let info = URL_SAFE_NO_PAD.decode(answer.text("client_info")).unwrap();
    let info: Value = serde_json::from_slice(&info).unwrap();
    assert_eq!(info, json!({ "uid": user, "utid": world.tenant }));

    let id_token = answer.text("id_token");
    let compact = Compact::parse(&id_token).unwrap();
    assert!(compact.header.x5t.is_none());
    let id: IdTokenClaims = compact.claims().unwrap();
    assert_eq!((id.aud.as_str(), id.iss.as_str()), (AZURE_CLI, format!("{ORIGIN}/{}/v2.0", world.tenant).as_str()));
    assert_eq!((id.oid, id.preferred_username.as_deref()), (user, Some("svc@contoso.example")));
    assert_eq!(id.ver, "2.0");
    let org = crate::Audience::any_of([ORG, AZURE_CLI]);
    let verified = world.identity.verify(&answer.text("access_token"), &org).unwrap();
    assert!(!verified.app_only);
    assert_eq!(verified.scopes, ["user_impersonation"]);
    assert_eq!(verified.user_principal_name.as_deref(), Some("svc@contoso.example"));
    assert!(world.identity.verify(&id_token, &org).is_err(), "an id token opens nothing");
}

#[tokio::test]
async fn s16_the_v1_endpoint_speaks_as_the_guides_did() {
    let world = World::new().await;
    world.person("svc@contoso.example", PASSWORD).await;
    let form = [
        ("grant_type", "password"),
        ("client_id", DYNAMICS_TOOLS),
        ("resource", ORG),
        ("username", "svc@contoso.example"),
        ("password", PASSWORD),
    ];
    for tenant in [DOMAIN, "organizations"] {
        let answer = world.post(&format!("/{tenant}/oauth2/token"), &form).await;
        assert_eq!(answer.claims().scp.as_deref(), Some("user_impersonation"));
        assert_eq!((answer.text("scope").as_str(), answer.text("resource").as_str()), ("user_impersonation", ORG));
        assert!(answer.json()["expires_in"].is_string() && answer.json()["refresh_token"].is_string());
        assert!(answer.json().get("foci").is_none(), "not of the family");
        let id_token = answer.text("id_token");
        let id: IdTokenClaims = Compact::parse(&id_token).unwrap().claims().unwrap();
        assert_eq!((id.ver.as_str(), id.upn.as_deref()), ("1.0", Some("svc@contoso.example")));
    }
}

#[tokio::test]
async fn s16_each_refusal_has_its_number() {
    let world = World::new().await;
    let directory = &world.identity.directory;
    let ask = async |name: &str, password: &str| {
        let answer = world.by_password(name, password, &scope()).await;
        let (status, error, number) = answer.error();
        let suberror = answer.json().get("suberror").and_then(Value::as_str).map(str::to_owned);
        (status, error, number, suberror)
    };
    let plain = |number| (400, "invalid_grant".to_owned(), number, None);
    let with = |number, suberror: &str| (400, "invalid_grant".to_owned(), number, Some(suberror.to_owned()));
    assert_eq!(ask("nobody@contoso.example", PASSWORD).await, plain(50_034));
    let user = world.person("svc@contoso.example", PASSWORD).await;
    assert_eq!(ask("svc@contoso.example", "wrong").await, plain(50_126));
    assert_eq!(ask("svc@contoso.example", &format!("{PASSWORD} ")).await, plain(50_126));
    world.person("empty@contoso.example", "").await;
    assert_eq!(ask("empty@contoso.example", PASSWORD).await, plain(50_056));

    directory.set_person_enabled(world.tenant, user, false).await;
    assert_eq!(ask("svc@contoso.example", "wrong").await, plain(50_126), "only who knows the password is told");
    assert_eq!(ask("svc@contoso.example", PASSWORD).await, plain(50_057));
    directory.set_person_enabled(world.tenant, user, true).await;

    let hash = crate::credentials::hash_password(&PASSWORD.to_owned().into(), world.identity.random.as_ref()).unwrap();
    let mut state = PasswordState { must_change: true, expires: None, changed: world.identity.clocks.now() };
    directory.set_password(world.tenant, user, hash.clone(), state).await.unwrap();
    assert_eq!(ask("svc@contoso.example", PASSWORD).await, with(50_055, "user_password_expired"));
    state.must_change = false;
    state.expires = Some(world.identity.clocks.now().plus(std::time::Duration::from_secs(60)));
    directory.set_password(world.tenant, user, hash, state).await.unwrap();
    assert_eq!(world.by_password("svc@contoso.example", PASSWORD, &scope()).await.status, 200);
    world.advance(60);
    assert_eq!(ask("svc@contoso.example", PASSWORD).await, with(50_055, "user_password_expired"));
}

#[tokio::test]
async fn s16_multi_factor_stops_a_tool_for_one_person_or_for_all() {
    let world = World::new().await;
    let user = world.person("svc@contoso.example", PASSWORD).await;
    world.identity.set_multi_factor(world.tenant, user, crate::MultiFactor::Enforced).await.unwrap();
    let refused = world.by_password("svc@contoso.example", PASSWORD, &scope()).await;
    assert_eq!(refused.error(), (400, "invalid_grant".to_owned(), 50_076));
    assert_eq!(refused.text("suberror"), "basic_action");
    let claims: Value = serde_json::from_str(&refused.text("claims")).unwrap();
    assert!(claims["access_token"]["capolids"]["values"][0].is_string());
    assert!(refused.text("error_description").contains(&format!("to access '{ORG}'")), "{}", refused.body);
    world.identity.set_multi_factor(world.tenant, user, crate::MultiFactor::Disabled).await.unwrap();
    assert_eq!(world.by_password("svc@contoso.example", PASSWORD, &scope()).await.status, 200);

    world.identity.set_sign_in_rule(world.tenant, SignInRule::MultiFactor).await.unwrap();
    assert_eq!(world.by_password("svc@contoso.example", PASSWORD, &scope()).await.number(), 50_076);
    world.identity.set_sign_in_rule(world.tenant, SignInRule::Block).await.unwrap();
    assert_eq!(world.by_password("svc@contoso.example", PASSWORD, &scope()).await.number(), 53_003);
    let app = world.application("orders-sync").await;
    assert_eq!(world.by_secret(&app, &format!("{ORG}/.default")).await.status, 200, "an application is not asked");
    world.identity.set_sign_in_rule(world.tenant, SignInRule::None).await.unwrap();
    assert_eq!(world.by_password("svc@contoso.example", PASSWORD, &scope()).await.status, 200);
}

#[tokio::test]
async fn s16_too_many_wrong_passwords_lock_the_account_for_a_while() {
    let world = World::new().await;
    world.person("svc@contoso.example", PASSWORD).await;
    let ask = async |password: &str| world.by_password("svc@contoso.example", password, &scope()).await;
    for _ in 0..9 {
        assert_eq!(ask("wrong").await.number(), 50_126);
    }
    assert_eq!(ask(PASSWORD).await.status, 200, "the right one in time forgives");
    for _ in 0..10 {
        assert_eq!(ask("wrong").await.number(), 50_126);
    }
    assert_eq!(ask(PASSWORD).await.number(), 50_053, "locked, whatever is sent");
    world.advance(59);
    assert_eq!(ask(PASSWORD).await.number(), 50_053);
    world.advance(1);
    assert_eq!(ask("wrong").await.number(), 50_126);
    world.advance(119);
    assert_eq!(ask(PASSWORD).await.number(), 50_053, "twice as long the second time");
    world.advance(1);
    assert_eq!(ask(PASSWORD).await.status, 200);
}

#[tokio::test]
async fn s16_guessing_in_parallel_gets_no_further_than_in_turn() {
    let world = std::sync::Arc::new(World::new().await);
    world.person("svc@contoso.example", PASSWORD).await;
    // All of them are wrong: which of them is judged first is up to the threads, and a right one among the first ten
    // would forgive those before it.
    let mut guesses = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let world = std::sync::Arc::clone(&world);
        guesses.spawn(async move { world.by_password("svc@contoso.example", "wrong", &scope()).await.number() });
    }
    let numbers = guesses.join_all().await;
    let judged = numbers.iter().filter(|number| **number != 50_053).count();
    assert_eq!(judged, 10, "{numbers:?}");
    let late = world.by_password("svc@contoso.example", PASSWORD, &scope()).await;
    assert_eq!(late.number(), 50_053, "the right one came too late");
}

#[tokio::test]
async fn s16_no_tenant_no_sign_in() {
    let world = World::new().await;
    world.person("svc@contoso.example", PASSWORD).await;
    let form = |name| {
        [
            ("grant_type", "password"),
            ("client_id", AZURE_CLI),
            ("username", name),
            ("password", PASSWORD),
            ("scope", "https://contoso.crm.example/.default"),
        ]
    };
    for tenant in ["common", "consumers", "9188040d-6c67-4c5b-b112-36a304b66dad"] {
        let refused = world.post(&format!("/{tenant}/oauth2/v2.0/token"), &form("svc@contoso.example")).await;
        assert_eq!(refused.error(), (400, "invalid_request".to_owned(), 9_001_023), "{tenant}");
    }
    let found = world.post("/organizations/oauth2/v2.0/token", &form("svc@contoso.example")).await;
    assert_eq!(found.claims().tid, world.tenant);
    for stranger in ["svc@elsewhere.example", "svc", "", "@"] {
        let refused = world.post("/organizations/oauth2/v2.0/token", &form(stranger)).await;
        assert!(matches!(refused.number(), 50_034 | 900_144), "{stranger}: {}", refused.body);
    }
    let elsewhere = world.post(&format!("/{OTHER_DOMAIN}/oauth2/v2.0/token"), &form("svc@contoso.example")).await;
    assert_eq!(elsewhere.number(), 50_034);
}

#[tokio::test]
async fn s06_an_application_needs_consent_and_a_confidential_one_its_secret() {
    let world = World::new().await;
    let user = world.person("svc@contoso.example", PASSWORD).await;
    let app = world.application("portal").await;
    let client = app.client.to_string();
    let scope = scope();
    let form = [
        ("grant_type", "password"),
        ("client_id", client.as_str()),
        ("username", "svc@contoso.example"),
        ("password", PASSWORD),
        ("scope", scope.as_str()),
    ];
    let secret = [("client_secret", app.secret.expose())];
    let with_secret: Vec<_> = form.iter().chain(&secret).copied().collect();
    assert_eq!(world.token(&form).await.error(), (401, "invalid_client".to_owned(), 7_000_218));
    let wrong: Vec<_> = form.iter().chain(&[("client_secret", "wrong")]).copied().collect();
    assert_eq!(world.token(&wrong).await.number(), 7_000_215);
    let refused = world.token(&with_secret).await;
    assert_eq!(refused.error(), (400, "invalid_grant".to_owned(), 65_001));
    assert_eq!(refused.text("suberror"), "consent_required");
    assert!(refused.text("error_description").contains(&format!("with ID '{client}' named 'portal'")));
    world.grant(world.tenant, app.client, DYNAMICS_CRM, &["user_impersonation"]).await;
    let claims = world.token(&with_secret).await.claims();
    assert_eq!((claims.oid, claims.appidacr.as_deref()), (Some(user), Some("1")));

    let public = Registration { is_fallback_public_client: true, ..Registration::default() };
    world.register(&app, public).await;
    assert_eq!(world.token(&form).await.claims().appidacr.as_deref(), Some("0"));
    // The first-party clients never have a credential.
    let mut own = with_secret.clone();
    own[1] = ("client_id", AZURE_CLI);
    assert_eq!(world.token(&own).await.error(), (401, "invalid_client".to_owned(), 700_025));
    let alone = [
        ("grant_type", "client_credentials"),
        ("client_id", AZURE_CLI),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    assert_eq!(world.token(&alone).await.number(), 700_025);
}

#[tokio::test]
async fn s06_what_is_not_consented_to_or_not_offered_is_not_given() {
    let world = World::new().await;
    world.person("svc@contoso.example", PASSWORD).await;
    let app = world.application("portal").await;
    world.register(&app, Registration { is_fallback_public_client: true, ..Registration::default() }).await;
    world.grant(world.tenant, app.client, DYNAMICS_CRM, &["user_impersonation"]).await;
    let client = app.client.to_string();
    let ask = async |scope: &str| {
        world
            .token(&[
                ("grant_type", "password"),
                ("client_id", &client),
                ("username", "svc@contoso.example"),
                ("password", PASSWORD),
                ("scope", scope),
            ])
            .await
    };
    assert_eq!(ask(&format!("{ORG}/.default")).await.claims().scp.as_deref(), Some("user_impersonation"));
    assert_eq!(ask("openid profile").await.claims().scp.as_deref(), Some("openid profile"));
    for (scope, expected) in [
        (format!("{ORG}/everything"), (401, "invalid_client", 650_053)),
        ("https://graph.microsoft.com/User.Read".to_owned(), (400, "invalid_grant", 65_001)),
        ("https://graph.microsoft.com/.default".to_owned(), (400, "invalid_resource", 650_057)),
        ("https://management.azure.com/.default".to_owned(), (400, "invalid_resource", 650_057)),
        ("https://other.crm4.dynamics.com/.default".to_owned(), (400, "invalid_resource", 500_011)),
        (format!("{ORG}/user_impersonation https://graph.microsoft.com/User.Read"), (400, "invalid_scope", 700_022)),
        (String::new(), (400, "invalid_scope", 28_003)),
        (ORG.to_owned(), (400, "invalid_scope", 70_011)),
    ] {
        let (status, error, number) = ask(&scope).await.error();
        assert_eq!((status, error.as_str(), number), expected, "{scope}");
    }
}

#[tokio::test]
async fn s18_an_administrators_roles_stand_in_the_token() {
    let world = World::new().await;
    let answer = world
        .by_password(
            &world.admin.user_principal_name,
            world.admin.password.expose(),
            "https://graph.microsoft.com/.default",
        )
        .await;
    let wids = answer.claims().wids.unwrap();
    assert!(wids.contains(&GLOBAL_ADMINISTRATOR.template_id), "{wids:?}");
    assert!(answer.claims().scp.unwrap().contains("Directory.AccessAsUser.All"));
    assert!(answer.json().get("refresh_token").is_none(), "only where offline_access is asked");
    assert!(answer.json().get("id_token").is_none(), "only where openid is asked");
    let log = world.identity.directory.sign_ins(world.tenant, None, 5).await.unwrap();
    assert_eq!((log[0].1.user, log[0].1.flow.as_str()), (Some(world.admin.user), "password"));
}

#[tokio::test]
async fn the_userinfo_endpoint_says_whose_token_it_is() {
    let world = World::new().await;
    world.person("svc@contoso.example", PASSWORD).await;
    let answer = world.by_password("svc@contoso.example", PASSWORD, "openid profile").await;
    let token = answer.text("access_token");
    let id: IdTokenClaims = Compact::parse(&answer.text("id_token")).unwrap().claims().unwrap();
    for path in ["/oidc/userinfo", "/common/openid/userinfo"] {
        let request = http::Request::get(path).header("authorization", format!("Bearer {token}"));
        let said = world.ask(request.body(bytes::Bytes::new()).unwrap()).await.json();
        assert_eq!(
            (said["sub"].as_str(), said["email"].as_str()),
            (Some(id.sub.as_str()), Some("svc@contoso.example"))
        );
    }
    let refused = world.get("/oidc/userinfo").await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, "Bearer"));
}

#[tokio::test]
async fn a_domain_says_how_its_people_sign_in() {
    let world = World::new().await;
    let managed = world.get("/common/userrealm/Svc%40Contoso.example?api-version=1.0").await.json();
    assert_eq!((managed["account_type"].as_str(), managed["domain_name"].as_str()), (Some("Managed"), Some(DOMAIN)));
    assert_eq!(managed["ver"], "1.0");
    assert_eq!(managed["cloud_audience_urn"], "urn:federation:MicrosoftOnline");
    assert_eq!(world.get("/common/UserRealm/a@b.example?api-version=1.0").await.json()["account_type"], "Unknown");
    assert_eq!(world.get("/common/userrealm?user=svc@contoso.example").await.json()["account_type"], "Managed");
}
