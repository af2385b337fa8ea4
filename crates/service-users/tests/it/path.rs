//! The path from nothing to a proof, and back.

use keyholder_service_users::declaration::Declaration;
use keyholder_service_users::{Error, Outcome, Step, role_id};
use serde_json::json;

use crate::org::READ_ACCOUNT;
use crate::world::{NAME, ORG, PRIVILEGE, World, event, outcomes};

/// The declaration, naming the registration by its client id.
fn naming(world: &World, client_id: keyholder_foundation::ClientId) -> Declaration {
    let mut declaration = world.declaration();
    declaration.application_users.get_mut(NAME).unwrap().client_id = Some(client_id);
    declaration
}

/// The kind of finding that stopped a run.
pub(crate) fn stopped_by(error: &Error) -> &str {
    match error {
        Error::Stopped(findings) => &findings[0].code,
        other => panic!("{other}"),
    }
}

fn our_role() -> String {
    role_id(ORG.parse().unwrap(), NAME).to_string()
}

#[tokio::test]
async fn from_nothing_to_a_proven_application_user() {
    let world = World::new();
    let (done, events) = world.provision().await;
    let done = done.unwrap();
    assert_eq!(
        outcomes(&events),
        [
            (Step::Registration, Outcome::Created),
            (Step::Permission, Outcome::Created),
            (Step::ServicePrincipal, Outcome::Created),
            (Step::Consent, Outcome::Created),
            (Step::ClientSecret, Outcome::Created),
            (Step::Role, Outcome::Created),
            (Step::ApplicationUser, Outcome::Created),
            (Step::RoleAssignment, Outcome::Created),
            (Step::SignIn, Outcome::Proved),
            (Step::WhoAmI, Outcome::Proved),
            (Step::Query, Outcome::Proved),
        ]
    );
    assert!(done.changed);
    assert_eq!(done.rows.len(), 2);
    let role = role_id(ORG.parse().unwrap(), NAME).to_string();
    assert_eq!(done.roles, [NAME]);
    assert_eq!(done.secret_expires.unwrap().date(), "2027-07-14");
    let state = world.state();
    assert_eq!(state.org.own_privileges(&role), [(PRIVILEGE.to_owned(), "Global".to_owned())].into());
    assert_eq!(state.org.role_privileges[&role].len(), 10, "and what every new role gets");
    let application = state.applications.values().next().unwrap();
    assert_eq!(application["signInAudience"], "AzureADMyOrg");
    assert_eq!(application["tags"], json!(["keyholder"]));
}

#[tokio::test]
async fn no_secret_is_in_events_results_or_errors() {
    let world = World::new();
    let (done, events) = world.provision().await;
    let (_, again) = world.provision().await;
    let text = format!("{} {:?} {:?}", serde_json::to_string(&done.unwrap()).unwrap(), events, again);
    assert!(!text.contains("text-of-"), "{text}");
    assert!(std::fs::read_to_string(world.env_path()).unwrap().contains("text-of-"));
}

#[tokio::test]
async fn a_second_run_finds_everything_and_changes_nothing() {
    let world = World::new();
    world.provision().await.0.unwrap();
    let before = world.state().shape();
    let file = std::fs::read(world.env_path()).unwrap();
    let written = world.state().requests.len();
    let (done, events) = world.provision().await;
    assert!(!done.unwrap().changed);
    assert!(events.iter().all(|event| matches!(event.outcome, Outcome::Found | Outcome::Proved)), "{events:?}");
    assert_eq!(world.state().shape(), before);
    assert_eq!(std::fs::read(world.env_path()).unwrap(), file);
    let writes: Vec<_> = world.state().requests[written..]
        .iter()
        .filter(|request| !request.starts_with("GET ") && !request.contains("/oauth2/"))
        .cloned()
        .collect();
    assert!(writes.is_empty(), "{writes:?}");
}

#[tokio::test]
async fn removal_leaves_nothing_and_is_repeatable() {
    let world = World::new();
    world.provision().await.0.unwrap();
    let (done, events) = world.remove().await;
    done.unwrap();
    assert_eq!(
        outcomes(&events),
        [
            (Step::ApplicationUser, Outcome::Removed),
            (Step::Role, Outcome::Removed),
            (Step::ServicePrincipal, Outcome::Removed),
            (Step::Registration, Outcome::Removed),
            (Step::ClientSecret, Outcome::Removed),
        ]
    );
    {
        let state = world.state();
        assert!(state.applications.is_empty() && state.principals.is_empty());
        assert!(state.org.users.is_empty() && state.org.roles.is_empty());
    }
    assert!(!world.env_path().exists());
    let (done, events) = world.remove().await;
    done.unwrap();
    assert!(events.iter().all(|event| event.outcome == Outcome::Absent), "{events:?}");
}

#[tokio::test]
async fn two_registrations_of_that_name_are_not_guessed_between() {
    let world = World::new();
    world.provision().await.0.unwrap();
    let first = world.state().applications.values().next().unwrap()["appId"].as_str().unwrap().to_owned();
    let second = "a0000000-0000-4000-8000-00000000ffff";
    let namesake = json!({ "id": second, "appId": second, "displayName": NAME, "passwordCredentials": [] });
    world.state().applications.insert("namesake".to_owned(), namesake);
    let error = world.provision().await.0.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&first) && text.contains(second), "{text}");
    assert!(error.hints()[0].contains("--adopt"));
    world.remove().await.0.unwrap_err();

    let definition = naming(&world, first.parse().unwrap());
    assert!(!world.provision_as(&definition).await.0.unwrap().changed);
}

#[tokio::test]
async fn somebody_elses_registration_is_used_only_by_id_and_never_removed() {
    let world = World::new();
    let id = "a0000000-0000-4000-8000-00000000ffff";
    let theirs = json!({
        "id": id, "appId": id, "displayName": NAME,
        "passwordCredentials": [{ "keyId": "a0000000-0000-4000-8000-00000000fffe", "displayName": "theirs" }],
    });
    world.state().applications.insert(id.to_owned(), theirs);
    let error = world.provision().await.0.unwrap_err();
    assert_eq!(stopped_by(&error), "foreignRegistration", "{error}");
    let definition = naming(&world, id.parse().unwrap());
    world.provision_as(&definition).await.0.unwrap();
    let (done, events) = world.remove().await;
    done.unwrap();
    assert_eq!(event(&events, Step::Registration).outcome, Outcome::Kept);
    let state = world.state();
    let left = state.applications[id]["passwordCredentials"].as_array().unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0]["displayName"], "theirs");
}

#[tokio::test]
async fn what_is_not_known_everywhere_yet_is_waited_for() {
    let world = World::new();
    world.state().lag = 3;
    let before = world.now();
    world.provision().await.0.unwrap();
    assert!(world.now() > before);
    world.remove().await.0.unwrap();
    world.state().lag = 1_000;
    let before = world.now();
    let error = world.provision().await.0.unwrap_err();
    assert!(error.to_string().contains("service principal"), "{error}");
    assert_eq!(world.now().since(before).as_secs(), 180, "patience has an end");
}

#[tokio::test]
async fn a_disabled_user_is_enabled_and_a_deleted_one_is_cleared_away() {
    let world = World::new();
    let user = world.provision().await.0.unwrap().user_id.to_string();
    world.state().org.users.get_mut(&user).unwrap()["isdisabled"] = json!(true);
    let (done, events) = world.provision().await;
    done.unwrap();
    assert_eq!(event(&events, Step::ApplicationUser).outcome, Outcome::Changed);

    world.state().org.users.get_mut(&user).unwrap()["deletedstate"] = json!(1);
    world.state().org.assigned.clear();
    let (done, events) = world.provision().await;
    assert_ne!(done.unwrap().user_id.to_string(), user);
    assert_eq!(event(&events, Step::ApplicationUser).outcome, Outcome::Created);
    assert_eq!(world.state().org.users.len(), 1);
}

#[tokio::test]
async fn drift_in_the_role_is_put_right_and_told() {
    let world = World::new();
    world.provision().await.0.unwrap();
    let role = our_role();
    let other = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7cff";
    let strange = [(other.to_owned(), "Global".to_owned())];
    world.state().org.role_privileges.insert(role.clone(), strange.into());
    let (done, events) = world.provision().await;
    done.unwrap();
    let event = event(&events, Step::Role);
    assert_eq!(event.outcome, Outcome::Changed);
    let notes = event.notes.join("; ");
    assert!(notes.contains("it lacked prvReadContact") && notes.contains(other), "{notes}");
    let held = world.state().org.role_privileges[&role].clone();
    assert_eq!(held, [(PRIVILEGE.to_owned(), "Global".to_owned())].into(), "exactly what is declared");
    assert!(!world.provision().await.0.unwrap().changed);
}

#[tokio::test]
async fn somebody_elses_role_is_not_widened() {
    let world = World::new();
    let id = "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7cfe";
    world.state().org.add_role(json!({ "roleid": id, "name": NAME }));
    let error = world.provision().await.0.unwrap_err();
    assert_eq!(stopped_by(&error), "foreignRole", "{error}");
    assert!(world.state().applications.is_empty(), "nothing is begun that cannot be ended");
    let held = [(PRIVILEGE.to_owned(), "Global".to_owned()), (READ_ACCOUNT.to_owned(), "Global".to_owned())];
    world.state().org.role_privileges.get_mut(id).unwrap().extend(held);
    let error = world.provision().await.0.unwrap_err();
    assert_eq!(stopped_by(&error), "foreignRole", "what it grants besides would be given away: {error}");
    assert!(error.to_string().contains("also grants prvReadAccount"), "{error}");
    world.state().org.role_privileges.get_mut(id).unwrap().remove(READ_ACCOUNT);
    let (done, events) = world.provision().await;
    done.unwrap();
    assert_eq!(event(&events, Step::Role).outcome, Outcome::Found);
    let (done, events) = world.remove().await;
    done.unwrap();
    assert_eq!(event(&events, Step::Role).outcome, Outcome::Absent, "ours was never there");
    assert!(world.state().org.roles.contains_key(id));
}

/// Orgs are provisioned side by side, on a runtime of many threads.
#[tokio::test]
async fn runs_can_be_spawned() {
    let world = std::sync::Arc::new(World::new());
    let run = tokio::spawn({
        let world = world.clone();
        async move { world.provision().await.0.map(|_| ()) }
    });
    run.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_user_of_a_service_principal_that_was_made_anew_is_made_anew() {
    let world = World::new();
    let first = world.provision().await.0.unwrap();
    world.state().principals.clear();
    let (done, events) = world.provision().await;
    let second = done.unwrap();
    assert_ne!(second.service_principal_id, first.service_principal_id);
    assert_ne!(second.user_id, first.user_id);
    let event = event(&events, Step::ApplicationUser);
    assert_eq!(event.outcome, Outcome::Changed);
    assert!(event.notes[0].contains("service principal that was deleted"), "{event:?}");
    assert_eq!(world.state().org.users.len(), 1, "nothing is left of the old one");
    assert!(!world.provision().await.0.unwrap().changed);
}
