//! An application user takes over.

use std::time::Duration;

use keyholder_service_users::Administrator;
use keyholder_service_users::declaration::Sink;
use keyholder_service_users::non_interactive::{Successor, migrate};
use serde_json::{Value, json};

use super::world::{House, Listening};

#[tokio::test]
async fn s16_an_application_user_takes_over_unit_roles_and_teams_and_the_old_ones_users_are_named() {
    let house = House::new().await;
    let definition = house.new_user("svc-orders");
    let name = &definition.user_name;
    house.provision(&definition).await.0.unwrap();
    let token = house.world.admin_token().await;
    let team = house.world.api(&token, "POST", "teams", Some(&json!({"name": "Buyers"}))).await;
    assert_eq!(team.status, 204, "{}", team.text);
    let teams = house.rows("teams?$select=teamid,name&$filter=name eq 'Buyers'").await;
    let team = teams[0]["teamid"].as_str().unwrap();
    let user = house.user(name).await["systemuserid"].as_str().unwrap().to_owned();
    let member = json!({"@odata.id": format!("{}/api/data/v9.2/systemusers({user})", house.world.origin())});
    let path = format!("teams({team})/teammembership_association/$ref");
    let joined = house.world.api(&token, "POST", &path, Some(&member)).await;
    assert_eq!(joined.status, 204, "{}", joined.text);
    assert_eq!(house.sign_in(name, &house.password(name)).await.status, 200);

    let successor = Successor {
        name: "orders".to_owned(),
        lifetime: Duration::from_secs(90 * 24 * 60 * 60),
        sink: Sink::EnvFile(house.folder.path().join("orders.env")),
    };
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
