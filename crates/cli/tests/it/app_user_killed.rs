//! `app-user remove --purge`, killed after any request and repeated; and what asking costs.

use std::path::Path;

use keyholder_service_users::app_users::{Place, Reach, belongings, find, find_to_remove, remove, survey};
use keyholder_service_users::{Administrator, EnvFileSink, Error, Event};
use keyholder_testkit::World;
use serde_json::json;

use crate::killed::{Mortal, bring_about_once, census, mortal};

/// What `app-user remove --purge --saved-env` does.
async fn remove_for_good(administrator: &Administrator, env: &Path) -> Result<(), Error> {
    let sink = EnvFileSink::new(env).unwrap();
    let places = [Place { sink: &sink, is_ours: false }];
    let found = match find_to_remove(administrator, "orders-sync", &places).await? {
        Some(found) => found,
        None => find(administrator, "orders-sync").await?,
    };
    let before = belongings(administrator, &found).await?;
    before.let_go(&found)?;
    let reach = Reach { purges: true, elsewhere: before.needed_elsewhere(), ..Reach::default() };
    remove(administrator, "orders-sync", Some(&found), "orders-sync", &places, reach, &|_: &Event| {}).await
}

/// How many registrations and service principals of that name are in the recycle bin.
async fn buried(world: &World) -> usize {
    let token = world.admin_token().await;
    let mut all = 0;
    for kind in ["application", "servicePrincipal"] {
        let path = format!("directory/deletedItems/microsoft.graph.{kind}?$filter=displayName eq 'orders-sync'");
        let listed = world.graph(&token, "GET", &path, None).await;
        all += listed.body["value"].as_array().unwrap().len();
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn removal_for_good_can_be_killed_after_any_request() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let env = folder.path().join("app.env");
    let whole = || async { Administrator::connect(world.connection(), world.http().clone()).await.unwrap() };
    let nothing = census(&world).await;
    let mut kills = 0;
    for requests in 1.. {
        assert!(bring_about_once(whole().await, &env).await);
        let killed = match Administrator::connect(world.connection(), mortal(&world, requests)).await {
            Ok(administrator) => remove_for_good(&administrator, &env).await.is_err(),
            Err(_) => true,
        };
        match remove_for_good(&whole().await, &env).await {
            Ok(()) => {}
            // The first run had come to its end.
            Err(Error::Stopped(found)) => assert_eq!(found[0].code, "noSuchApplication"),
            Err(error) => panic!("after a kill at request {requests}: {error}"),
        }
        assert_eq!(census(&world).await, nothing, "after a kill at request {requests}");
        assert_eq!((buried(&world).await, env.exists()), (0, false), "after a kill at request {requests}");
        if !killed {
            break;
        }
        kills += 1;
    }
    assert!(kills > 20, "only {kills} requests were made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_survey_takes_the_same_requests_however_many_users_there_are() {
    let world = World::start().await;
    let token = world.admin_token().await;
    let mut taken = Vec::new();
    for made in [2, 12] {
        for number in 0..made {
            let new = json!({"displayName": format!("app {made} {number}"), "signInAudience": "AzureADMyOrg"});
            let application = world.graph(&token, "POST", "applications", Some(&new)).await;
            let client = application.body["appId"].clone();
            let principal = world.graph(&token, "POST", "servicePrincipals", Some(&json!({ "appId": client }))).await;
            assert_eq!(principal.status, 201, "{}", principal.text);
            let user = world.api(&token, "POST", "systemusers", Some(&json!({ "applicationid": client }))).await;
            assert_eq!(user.status, 204, "{}", user.text);
        }
        let (counted, http) = Mortal::new(&world, 10_000);
        let administrator = Administrator::connect(world.connection(), http).await.unwrap();
        let survey = survey(&administrator).await.unwrap();
        assert!(survey.users.len() > made, "{:?}", survey.users);
        taken.push(10_000 - counted.left());
    }
    assert_eq!(taken[0], taken[1], "requests for few and for many");
}
