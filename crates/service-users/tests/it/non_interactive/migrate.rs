//! An application user takes over.

use std::time::Duration;

use keyholder_service_users::Administrator;
use keyholder_service_users::declaration::{Credential, Sink, federation};
use keyholder_service_users::non_interactive::{Successor, migrate};
use serde_json::{Value, json};

use super::world::{House, Listening};

fn secret(house: &House, name: &str) -> Credential {
    let sink = Sink::EnvFile(house.folder.path().join(format!("{name}.env")));
    Credential::Secret { lifetime: Duration::from_secs(90 * 24 * 60 * 60), sink }
}

/// A team of this name with that user in it; the user's id.
async fn in_team(house: &House, user_name: &str, team: &str) -> String {
    let token = house.world.admin_token().await;
    let made = house.world.api(&token, "POST", "teams", Some(&json!({"name": team}))).await;
    assert_eq!(made.status, 204, "{}", made.text);
    let teams = house.rows(&format!("teams?$select=teamid,name&$filter=name eq '{team}'")).await;
    let team = teams[0]["teamid"].as_str().unwrap();
    let user = house.user(user_name).await["systemuserid"].as_str().unwrap().to_owned();
    let member = json!({"@odata.id": format!("{}/api/data/v9.2/systemusers({user})", house.world.origin())});
    let path = format!("teams({team})/teammembership_association/$ref");
    let joined = house.world.api(&token, "POST", &path, Some(&member)).await;
    assert_eq!(joined.status, 204, "{}", joined.text);
    user
}

#[tokio::test]
async fn s16_an_application_user_takes_over_unit_roles_and_teams_and_the_old_ones_users_are_named() {
    let house = House::new().await;
    let definition = house.new_user("svc-orders");
    let name = &definition.user_name;
    house.provision(&definition).await.0.unwrap();
    let user = in_team(&house, name, "Buyers").await;
    assert_eq!(house.sign_in(name, &house.password(name)).await.status, 200);

    let successor = Successor { name: "orders".to_owned(), credentials: vec![secret(&house, "orders")] };
    let administrator = Administrator::connect(house.world.connection(), house.access.http.clone()).await.unwrap();
    for changed in [true, false] {
        let (listening, mut notes) = (Listening::default(), Vec::new());
        let done = migrate(&house.access, &administrator, name, &successor, &mut notes, &listening).await;
        let heard = listening.heard();
        let done = done.unwrap_or_else(|error| panic!("{error:?} {heard:?}"));
        assert_eq!((&done.roles, &done.teams), (&vec!["Orders".to_owned()], &vec!["Buyers".to_owned()]));
        assert!(done.missing.is_empty() && notes.is_empty(), "{:?} {notes:?}", done.missing);
        assert_eq!(done.changed, changed, "{heard:?}");
        let made = done.successor.unwrap().user_id;
        let of = |id: &str, what: &str| format!("systemusers({id})/{what}?$select=name");
        for what in ["systemuserroles_association", "teammembership_association"] {
            let (old, new) = (house.rows(&of(&user, what)).await, house.rows(&of(&made.to_string(), what)).await);
            let names = |rows: &[Value]| {
                let mut names: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
                names.sort_unstable();
                names
            };
            assert_eq!(names(&old), names(&new), "{what}");
        }
        assert_eq!(done.still_used[0].application, "Dynamics 365 Development Tools");
        assert!(done.still_used[0].times >= 1 && done.still_used[0].went_well, "{:?}", done.still_used);
    }
}

#[tokio::test]
async fn s10_a_successor_gets_no_system_administrator_by_a_team() {
    let house = House::new().await;
    let definition = house.new_user("svc-orders");
    house.provision(&definition).await.0.unwrap();
    let user = in_team(&house, &definition.user_name, "Rulers").await;
    let token = house.world.admin_token().await;
    let team = house.rows("teams?$select=teamid&$filter=name eq 'Rulers'").await[0]["teamid"].clone();
    let role = house.rows("roles?$select=roleid&$filter=name eq 'System Administrator'").await[0]["roleid"].clone();
    let reference =
        json!({"@odata.id": format!("{}/api/data/v9.2/roles({})", house.world.origin(), role.as_str().unwrap())});
    let path = format!("teams({})/teamroles_association/$ref", team.as_str().unwrap());
    assert_eq!(house.world.api(&token, "POST", &path, Some(&reference)).await.status, 204);

    let successor = Successor { name: "orders".to_owned(), credentials: vec![secret(&house, "orders")] };
    let administrator = Administrator::connect(house.world.connection(), house.access.http.clone()).await.unwrap();
    let (listening, mut notes) = (Listening::default(), Vec::new());
    let name = &definition.user_name;
    let done = migrate(&house.access, &administrator, name, &successor, &mut notes, &listening).await.unwrap();
    assert_eq!(done.teams, Vec::<String>::new());
    assert!(done.missing[0].contains("`Rulers`") && done.missing[0].contains("everything"), "{:?}", done.missing);
    let made = done.successor.unwrap().user_id;
    assert_ne!(made.to_string(), user);
    let teams = house.rows(&format!("systemusers({made})/teammembership_association?$select=name")).await;
    assert!(!teams.iter().any(|team| team["name"] == "Rulers"), "{teams:?}");
}

#[tokio::test]
async fn s16_a_successor_without_a_secret_is_in_the_teams_too_and_where_it_is_proved_is_said() {
    let house = House::new().await;
    let definition = house.new_user("svc-orders");
    let name = &definition.user_name;
    house.provision(&definition).await.0.unwrap();
    in_team(&house, name, "Buyers").await;
    let accepted = federation::github("contoso", "orders", None, federation::GitHubRef::Branch("main"));
    let successor = Successor { name: "orders".to_owned(), credentials: vec![Credential::Federated(accepted)] };
    let administrator = Administrator::connect(house.world.connection(), house.access.http.clone()).await.unwrap();
    for changed in [true, false] {
        let (listening, mut notes) = (Listening::default(), Vec::new());
        let done = migrate(&house.access, &administrator, name, &successor, &mut notes, &listening).await.unwrap();
        assert_eq!((done.changed, &done.teams), (changed, &vec!["Buyers".to_owned()]));
        assert!(done.successor.is_none());
        let unproved = done.unproved.unwrap();
        assert!(unproved.reason.contains("repo:contoso/orders:ref:refs/heads/main"), "{unproved:?}");
        assert!(unproved.how.contains("whoami --federated github --client-id"), "{unproved:?}");
        let teams = format!("systemusers({})/teammembership_association?$select=name", done.user_id.unwrap());
        let teams = house.rows(&teams).await;
        assert!(teams.iter().any(|team| team["name"] == "Buyers"), "{teams:?}");
    }
}

#[tokio::test]
async fn s16_migrating_can_be_killed_at_every_request() {
    let house = House::new().await;
    let definition = house.new_user("svc-orders");
    let user_name = &definition.user_name;
    house.provision(&definition).await.0.unwrap();
    in_team(&house, user_name, "Buyers").await;
    let administrator = Administrator::connect(house.world.connection(), house.access.http.clone()).await.unwrap();
    let run = async |successor: &Successor| {
        let (listening, mut notes) = (Listening::default(), Vec::new());
        migrate(&house.access, &administrator, user_name, successor, &mut notes, &listening).await
    };
    let mut writes = 0;
    for executed in [false, true] {
        for at in 1..200 {
            let name = format!("orders-{at}-{executed}");
            let successor = Successor { name: name.clone(), credentials: vec![secret(&house, &name)] };
            house.dies_at(at, executed);
            let done = run(&successor).await;
            let where_it_died = house.mend();
            let context = format!("after {where_it_died} (executed: {executed})");
            // What is said of the old one's programs is told without, where it cannot be had.
            if done.is_ok() && where_it_died.is_empty() {
                assert!(at > 20, "only {at} requests");
                break;
            }
            writes += usize::from(!where_it_died.starts_with("GET"));
            let done = run(&successor).await.unwrap_or_else(|error| panic!("{context}: {error:?}"));
            assert_eq!(
                (&done.roles, &done.teams),
                (&vec!["Orders".to_owned()], &vec!["Buyers".to_owned()]),
                "{context}"
            );
            let made = done.successor.unwrap_or_else(|| panic!("{context}"));
            let path = format!("applications?$filter=displayName eq '{name}'");
            let registrations = house.graph("GET", &path, None).await.body["value"].as_array().unwrap().clone();
            assert_eq!(registrations.len(), 1, "{context}");
            assert_eq!(registrations[0]["passwordCredentials"].as_array().unwrap().len(), 1, "{context}");
            let users = format!("systemusers?$select=systemuserid&$filter=applicationid eq {}", made.client_id);
            assert_eq!(house.rows(&users).await.len(), 1, "{context}");
            assert!(!run(&successor).await.unwrap().changed, "{context}");
        }
    }
    assert!(writes >= 10, "only {writes} of the requests at which it died change anything");
}
