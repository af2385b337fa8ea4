//! The pool against a service that counts as the real one does, in time that passes only when nobody has anything to do.

mod service;

use futures::StreamExt;
use keyholder_foundation::Secret;
use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::authority::{Authority, Discovered};
use crate::dataverse::Change;
use crate::testing::{SECRET, Script, answer, connection, token};
use crate::{ClientSecret, Dataverse};
use service::{Faults, Line, Service};

fn limits(text: &str) -> Limits {
    text.parse().unwrap()
}

/// Creates so many rows, each with an id, `at_once` at a time; what nobody could find out is looked for again. Fails
/// when a row fails otherwise.
async fn load(org: &Dataverse, rows: u128, at_once: usize) {
    futures::stream::iter(0..rows)
        .map(|row| async move {
            let change = Change::create_with_id("contacts", "contactid", Uuid::from_u128(row + 1), &json!({}));
            let mut outcome = org.settle(&change).await;
            while outcome.as_ref().is_err_and(Error::fate_is_unknown) {
                outcome = org.settle_again(&change).await;
            }
            outcome.unwrap();
        })
        .buffer_unordered(at_once)
        .for_each(|()| async {})
        .await;
}

struct Ended {
    millis: i64,
    refused: u64,
    /// When the last refusal was, that the service gave of its own accord.
    last_refusal: i64,
}

fn run(service: &Arc<Service>, known: Limits, users: usize, rows: u128) -> Ended {
    let (org, pool) = service.org(users, known);
    let at_once = pool.most_at_once() * 2;
    service.time.run(load(&org, rows, at_once));
    let seen = service.seen();
    assert_eq!(seen.rows.len() as u128, rows, "no row is lost");
    assert!(seen.rows.values().all(|times| *times == 1), "and none is there twice");
    assert!(pool.users(org.http()).iter().all(|user| user.in_flight == 0));
    Ended { millis: service.time.millis(), refused: seen.refused, last_refusal: seen.last_refusal }
}

#[test]
fn s22_one_two_and_four_users_come_near_to_what_the_limits_allow_and_are_not_refused() {
    for users in [1, 2, 4] {
        for (takes, workers) in [(40, None), (8, Some(8))] {
            // A twentieth of the real window and of its requests.
            let limits = limits("300,60,52,15");
            let service = Service::new(limits, takes, workers, Faults::none());
            let windows = 9;
            let rows = u128::from(limits.requests) * users as u128 * windows;
            let ended = run(&service, limits, users, rows);
            // The first window's requests may all go at once; those of each further one a window later.
            let ideal = i64::try_from(windows - 1).unwrap() * 15_000;
            assert!(ended.millis * 95 <= ideal * 100, "{users} users: {} ms instead of {ideal}", ended.millis);
            assert_eq!(ended.refused, 0, "{users} users");
        }
    }
}

#[test]
fn s22_who_waits_for_which_limit_is_told_once_a_wait() {
    let actual = limits("3,60,52,15");
    let service = Service::new(actual, 40, None, Faults::none());
    let (org, pool) = service.org(1, actual);
    let told = Arc::new(Mutex::new(Vec::new()));
    let to = told.clone();
    org.http().tell_waits(move |wait| to.lock().unwrap().push(*wait));
    service.time.run(load(&org, 8, pool.most_at_once()));
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
    let client_id = Some(org.tokens().credential().client_id());
    for wait in told.iter() {
        assert_eq!((wait.client_id, wait.reason), (client_id, WaitReason::Limit(Some(Limit::Requests))));
        assert!(wait.duration <= Duration::from_secs(16), "{wait:?}");
    }
}

#[test]
fn s22_a_user_that_waits_is_not_told_while_another_works_on() {
    let limits = limits("300,60,52,15");
    for (rows, times) in [(200, 0), (400, 1)] {
        // The first user has to wait for seven seconds. The other can do 300 rows meanwhile; then all wait.
        let service = Service::new(limits, 40, None, Faults::storm(7));
        let (org, pool) = service.org(2, limits);
        let told = Arc::new(Mutex::new(Vec::new()));
        let to = told.clone();
        org.http().tell_waits(move |wait| to.lock().unwrap().push(*wait));
        service.time.run(load(&org, rows, pool.most_at_once()));
        let told = told.lock().unwrap();
        assert_eq!(told.len(), times, "{rows} rows: {told:?}");
        assert!(told.iter().all(|wait| wait.client_id == Some(org.tokens().credential().client_id())));
    }
}

#[test]
fn s22_limits_that_nobody_told_are_found_with_hardly_a_refusal() {
    for users in [1, 2, 4] {
        // Some at once as they come, and a busy org whose workers have to take turns.
        for (takes, workers) in [(40, None), (8, Some(8))] {
            let service = Service::new(limits("300,60,10,15"), takes, workers, Faults::none());
            let rows = 300 * users as u128 * 6;
            let ended = run(&service, limits("6000,1200,52,15"), users, rows);
            assert!(u128::from(ended.refused) * 100 < rows, "{} of {rows}", ended.refused);
            assert!(ended.last_refusal < 15_000, "{users} users: at {} ms", ended.last_refusal);
            assert!(ended.millis * 95 <= 5 * 15_000 * 100, "{users} users: {} ms", ended.millis);
        }
    }
}

#[test]
fn s22_the_concurrency_that_serves_best_is_found() {
    // Eight workers of 20 ms each: 400 rows a second, and no more however many ask.
    let limits = limits("100000,1200,52,300");
    let service = Service::new(limits, 20, Some(8), Faults::none());
    let ended = run(&service, limits, 1, 8_000);
    assert!(ended.millis * 90 <= 20_000 * 100, "{} ms instead of 20,000", ended.millis);
    assert_eq!(ended.refused, 0);
}

#[test]
fn s22_the_concurrency_that_serves_best_is_found_however_far_away_the_org_is() {
    // The service recommends four at once.
    let limits = limits("100000,1200,52,300");
    for (away, connecting) in [(0, 5), (20, 0), (20, 40), (100, 200)] {
        // Two workers, a millisecond for each row.
        let line = Line { away, connecting };
        let service = || Service::over(line, limits, 1, Some(2), Faults::none());
        let fixed = [4, 16, 52].map(|at_once| {
            let service = service();
            service.time.run(load(&service.unpaced(1).0, 4_000, at_once));
            service.time.millis()
        });
        let best = fixed.into_iter().min().unwrap();
        let found = run(&service(), limits, 1, 4_000).millis;
        assert!(found * 90 <= best * 100, "{line:?}: {found} ms instead of {best}");
    }
}

#[test]
fn s22_half_a_second_of_a_load_finds_the_concurrency_however_many_answers_come_at_once() {
    let limits = limits("100000,1200,52,300");
    for workers in [Some(2), Some(8), None] {
        let service = || Service::over(Line { away: 20, connecting: 0 }, limits, 1, workers, Faults::none());
        let fixed = service();
        fixed.time.run(load(&fixed.unpaced(1).0, 1_000, 52));
        let (best, found) = (fixed.time.millis(), run(&service(), limits, 1, 1_000).millis);
        assert!(found * 85 <= best * 100, "{workers:?}: {found} ms instead of {best}");
    }
}

#[test]
fn s22_faults_of_every_kind_lose_and_double_nothing() {
    let limits = limits("300,60,52,15");
    let service = Service::new(limits, 40, None, Faults::every(97));
    let ended = run(&service, limits, 2, 300 * 2 * 4);
    assert_eq!(ended.refused, 0, "none beyond those that were injected");
    assert!(service.seen().injected > 20);
}

#[test]
fn s22_an_org_that_is_gone_for_a_minute_is_told_and_nothing_is_lost_or_doubled() {
    let limits = limits("300,60,52,15");
    let service = Service::new(limits, 40, None, Faults::gone(110, 60_110));
    let (org, pool) = service.org(2, limits);
    let told = Mutex::new(Vec::new());
    let (service, org, told) = (&service, &org, &told);
    let load = futures::stream::iter(1..=1_500).map(|row| async move {
        let change = Change::create_with_id("contacts", "contactid", Uuid::from_u128(row), &json!({}));
        // As a program does that goes on when the org is back.
        let (mut outcome, mut is_unknown) = (org.settle(&change).await, false);
        while let Err(error) = outcome {
            assert_eq!(error.kind(), crate::ErrorKind::OutOfReach, "{error}");
            is_unknown |= error.fate_is_unknown();
            told.lock().unwrap().push(error.to_string());
            service.time.after(Duration::from_secs(10)).await;
            outcome = if is_unknown { org.settle_again(&change).await } else { org.settle(&change).await };
        }
    });
    service.time.run(load.buffer_unordered(pool.most_at_once()).for_each(|()| async {}));
    let seen = service.seen();
    assert_eq!(seen.rows.len(), 1_500, "no row is lost");
    assert!(seen.rows.values().all(|times| *times == 1), "and none is there twice");
    let told = told.lock().unwrap();
    let of = |text: &str| told.iter().filter(|told| *told == text).count();
    let (refused, lost) = (
        "could not reach https://test: the connection was refused",
        "could not reach https://test: the connection was lost (reset)",
    );
    assert!(of(refused) > 0 && of(lost) > 0 && of(refused) + of(lost) == told.len(), "{told:?}");
    assert!(pool.users(org.http()).iter().all(|user| user.in_flight == 0));
}

#[tokio::test]
async fn each_user_whose_token_is_rejected_gets_a_new_one_once() {
    let (script, http) = Script::http();
    let authority = Authority::new(&"https://login.windows.net".parse().unwrap(), "t").unwrap();
    let users = [1, 2].map(|user| {
        let id = Uuid::from_u128(user).to_string().parse().unwrap();
        Tokens::new(Arc::new(ClientSecret::new(id, Secret::new(SECRET))), authority.clone(), http.clone())
    });
    let found = Discovered { authority, resource: "https://contoso.crm4.dynamics.com".to_owned() };
    let org = Dataverse::new(&connection("https://contoso.crm4.dynamics.com"), &found, users[0].clone(), http);
    let org = org.with_pool(Pool::new(users, limits("300,60,52,15")));
    // The turn goes to the user that has the most room: one after the other.
    let row = Uuid::from_u128(9);
    let request = format!("DELETE /api/data/v9.2/contacts({row})");
    for stale in ["one", "two"] {
        token(&script, stale);
        script.expect(&request, answer(401, &[], ""));
    }
    token(&script, "new one");
    script.expect(&request, answer(204, &[], ""));
    org.delete("contacts", row).await.unwrap();
    assert_eq!(script.seen().last().unwrap().headers()["authorization"], "Bearer new one");
    // The second user's turn, the first one's, and the second one's again: it has had its new token.
    token(&script, "new two");
    script.expect(&request, answer(401, &[], ""));
    script.expect(&request, answer(401, &[], ""));
    token(&script, "newer two");
    let refused = r#"{"error":{"code":"0x80040220","message":"no"}}"#;
    script.expect(&request, answer(401, &[], refused));
    assert_eq!(org.delete("contacts", row).await.unwrap_err().dataverse().unwrap().status, 401);
    assert!(script.is_done());
}

#[test]
fn a_retry_after_is_obeyed_to_the_second_and_other_users_go_on() {
    let limits = limits("300,60,52,15");
    let service = Service::new(limits, 40, None, Faults::storm(7));
    run(&service, limits, 2, 400);
    let seen = service.seen();
    let stormed = seen.sent.iter().filter(|(user, _)| *user == 0).map(|(_, at)| *at);
    let (before, after): (Vec<i64>, Vec<i64>) = stormed.partition(|at| *at < 100);
    assert!(!before.is_empty() && after.iter().all(|at| *at >= 7_000), "{before:?} {after:?}");
    assert!(seen.sent.iter().any(|(user, at)| *user == 1 && (100..7_000).contains(at)));
}

#[test]
fn whoever_drains_the_pool_waits_for_what_is_under_way_and_no_more_goes() {
    let limits = limits("300,60,2,15");
    let service = Service::new(limits, 40, None, Faults::none());
    let (org, pool) = service.org(1, limits);
    let outcomes = service.time.run(async {
        let load = futures::future::join_all((1..=10).map(|row| {
            let org = &org;
            async move { org.create("contacts", &json!({ "contactid": Uuid::from_u128(row) })).await }
        }));
        // Some have gone by now; nobody knows how many.
        let drain = async {
            service.time.after(Duration::from_millis(50)).await;
            pool.drain().await;
            assert!(pool.users(org.http()).iter().all(|user| user.in_flight == 0));
        };
        futures::future::join(load, drain).await.0
    });
    let done = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!((1..10).contains(&done), "{done}");
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(Error::Closed))), "{outcomes:?}");
    assert_eq!(service.seen().rows.len(), done);
}

#[test]
fn a_request_that_its_caller_gives_up_leaves_its_place_to_others() {
    let limits = limits("300,60,1,15");
    let service = Service::new(limits, 40, None, Faults::none());
    let (org, pool) = service.org(1, limits);
    service.time.run(async {
        let row = |number| json!({ "contactid": Uuid::from_u128(number) });
        let (first, second) = (row(1), row(2));
        let given_up = org.create("contacts", &first);
        futures::future::select(given_up.boxed(), service.time.after(Duration::from_millis(1))).await;
        assert!(pool.users(org.http()).iter().all(|user| user.in_flight == 0));
        org.create("contacts", &second).await.unwrap();
    });
    assert!(org.http().counted().sent >= 2);
}
