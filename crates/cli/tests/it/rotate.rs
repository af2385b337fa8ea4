//! `keyholder rotate`, as an administrator runs it.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::pipelines::Issuer;
use crate::program::{Ended, RunningOrg, as_administrator, ended, free_port, run};

pub(crate) const APP: &str = "orders-sync";

/// A folder with a running local org, and an application that reads contacts in it.
pub(crate) fn world(flags: &[&str]) -> (tempfile::TempDir, RunningOrg) {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let org = RunningOrg::start(folder.path(), &[&["--listen", &port], flags].concat());
    let create = ["app-user", "create", APP, "--grant", "contact=read:organization", "--save-env", "orders.env"];
    run(folder.path(), &[&create[..], &["--lifetime", "20d", "--yes", "--local"]].concat()).done();
    (folder, org)
}

pub(crate) fn rotate(folder: &Path, arguments: &[&str]) -> Ended {
    run(folder, &[&["rotate"], arguments, &["--local"]].concat())
}

/// The application's credentials: the oldest first.
fn list(folder: &Path) -> Vec<Value> {
    let listed = run(folder, &["credential", "list", APP, "--local", "--output", "json"]).json();
    let mut all = listed["credentials"].as_array().unwrap().clone();
    all.sort_by_key(|one| one["starts"].as_str().unwrap_or_default().to_owned());
    all
}

pub(crate) fn ids(folder: &Path) -> Vec<String> {
    list(folder).iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn lets_in(folder: &Path, env: &str) {
    run(folder, &["whoami", "--env-file", env]).done();
}

/// The id of the one that the env file holds.
pub(crate) fn held_id(folder: &Path) -> String {
    let env = fs::read_to_string(folder.join("orders.env")).unwrap();
    let id = env.lines().find_map(|line| line.strip_prefix("KEYHOLDER_CLIENT_SECRET_ID=")).unwrap();
    id.trim_matches('\'').to_owned()
}

pub(crate) const ENV: [&str; 3] = [APP, "--save-env", "orders.env"];

#[test]
fn s08_a_secret_is_replaced_proved_and_written_before_the_old_one_goes() {
    let (folder, _org) = world(&["--propagation-delay", "1s", "--directory-lag", "1s"]);
    let here = folder.path();
    let old = ids(here);
    fs::copy(here.join("orders.env"), here.join("old.env")).unwrap();

    let said = rotate(here, &[&ENV[..], &["--dry-run"]].concat());
    assert_eq!(said.code(), 2, "{said:#?}");
    for expected in ["+ client secret of `orders-sync`", "by WhoAmI in https://", "then the old one (", "is revoked"] {
        assert!(said.out.contains(expected), "no {expected} in {}", said.out);
    }
    assert_eq!(ids(here), old, "nothing was done");
    assert!(rotate(here, &ENV).failed(64).contains("--yes"));

    let said = rotate(here, &[&ENV[..], &["--yes"]].concat()).done();
    for expected in
        ["created  client secret", "proved   WhoAmI", "removed  client secret", "what it replaces is revoked"]
    {
        assert!(said.contains(expected), "no {expected} in {said}");
    }
    let new = ids(here);
    assert!(new.len() == 1 && new != old, "{new:?}");
    lets_in(here, "orders.env");
    run(here, &["whoami", "--env-file", "old.env"]).failed(77);
    let days = list(here)[0]["daysLeft"].as_i64().unwrap();
    assert!((18..=20).contains(&days), "as long as the one before: {days}");

    let told = rotate(here, &[&ENV[..], &["--yes", "--lifetime", "60d", "--output", "json"]].concat()).json();
    let rotated = &told["rotated"][0];
    assert_eq!((&rotated["came"], &rotated["kind"]), (&"replaced".into(), &"secret".into()), "{told:#}");
    assert_eq!(rotated["revoked"][0], new[0].as_str());
    assert_eq!(rotated["provedIn"].as_array().unwrap().len(), 1);
    assert!(rotated["place"].as_str().unwrap().ends_with("orders.env"));
    assert_eq!(told["changed"], true);
}

#[test]
fn s08_the_old_one_overlaps_as_long_as_is_said_and_a_later_run_finishes() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    let overlap = [&ENV[..], &["--overlap", "7d", "--yes"]].concat();
    let said = rotate(here, &overlap).done();
    assert!(said.contains("works until this is run after"), "{said}");
    assert_eq!(ids(here).len(), 2);
    let new = held_id(here);
    let old = ids(here).into_iter().find(|id| *id != new).unwrap();
    for _ in 0..2 {
        let said = rotate(here, &overlap).done();
        assert!(said.contains("a run before this one has put a new one there") && said.contains(&old), "{said}");
        assert_eq!((ids(here).len(), held_id(here)), (2, new.clone()));
    }
    run(here, &["org", "clock", "+8d"]).done();
    let dry = rotate(here, &[&ENV[..], &["--overlap", "7d", "--dry-run", "--output", "json"]].concat());
    assert_eq!(dry.code(), 2, "{dry:#?}");
    let plan: Value = serde_json::from_str(&dry.out).unwrap();
    assert_eq!(plan["plan"][0]["next"], "finish", "{plan:#}");
    rotate(here, &overlap).done();
    assert_eq!(ids(here), std::slice::from_ref(&new));
    lets_in(here, "orders.env");

    // Left open until it is said otherwise.
    rotate(here, &[&ENV[..], &["--keep-old", "--yes"]].concat()).done();
    run(here, &["org", "clock", "+1d"]).done();
    rotate(here, &[&ENV[..], &["--keep-old", "--yes"]].concat()).done();
    assert_eq!(ids(here).len(), 2);
    rotate(here, &[&ENV[..], &["--yes"]].concat()).done();
    assert!(ids(here).len() == 1 && ids(here) != [new]);
    lets_in(here, "orders.env");
}

#[test]
fn s08_what_overlaps_is_replaced_in_its_turn() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    for way in [&["--keep-old"][..], &["--wait-for-use", "1ms"], &["--overlap", "90d"]] {
        let again = [&ENV[..], way, &["--yes"]].concat();
        let before = held_id(here);
        rotate(here, &[&again[..], &["--lifetime", "20d"]].concat());
        let new = held_id(here);
        assert_ne!(new, before);
        run(here, &["org", "clock", "+10d"]).done();
        rotate(here, &again);
        assert_eq!(held_id(here), new, "it works for long: {way:?}");
        let revoked = ids(here).len();
        run(here, &["org", "clock", "+6d"]).done();
        let said = rotate(here, &[&again[..], &["--output", "json"]].concat());
        assert_ne!(held_id(here), new, "{way:?}: {said:#?}");
        assert_eq!(ids(here).len(), revoked + 1, "{way:?}: the old ones work on");
        lets_in(here, "orders.env");
        rotate(here, &[&ENV[..], &["--yes"]].concat()).done();
        assert_eq!(ids(here), [held_id(here)], "all of them go in the end");
    }
}

/// Three applications in two orgs: one credential ends soon, one late, one is a certificate.
const DECLARED: &str = r#"
name = "several"

[orgs.prod]
url = "https://contoso.crm4.dynamics.com"

[orgs.test]
url = "https://contoso-test.crm4.dynamics.com"

[roles.orders]
name = "Orders"
privileges = { contact = "read:organization" }

[application-users.soon]
orgs = ["prod", "test"]
roles = ["orders"]
credential.secret = { lifetime = "20d", env-file = "soon.env" }

[application-users.late]
orgs = ["prod"]
roles = ["orders"]
credential.secret = { lifetime = "300d", file = "late-secret" }

[application-users.pem]
orgs = ["test"]
roles = ["orders"]
credential.certificate = { lifetime = "25d", env-file = "pem.env" }
"#;

#[test]
fn s08_what_is_declared_and_due_is_replaced_and_proved_in_every_org() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("keyholder.toml"), DECLARED).unwrap();
    let port = free_port();
    let _org = RunningOrg::start(here, &["--listen", &port, "--propagation-delay", "1s"]);
    run(here, &["apply", "--local", "--yes"]).done();
    let held = |file: &str| fs::read(here.join(".keyholder/rehearsal").join(file)).unwrap();
    let places = ["soon/soon.env", "late/late-secret", "pem/pem.env.pem"];
    let before = places.map(held);
    // What is due is only told; what is not is not touched.
    let dry = rotate(here, &["--due", "30d", "--dry-run", "--output", "json"]);
    assert_eq!(dry.code(), 2, "{dry:#?}");
    let plan: Value = serde_json::from_str(&dry.out).unwrap();
    let next: Vec<&str> = plan["plan"].as_array().unwrap().iter().map(|one| one["next"].as_str().unwrap()).collect();
    assert_eq!(next, ["notDue", "replace", "replace"], "in the order of the declaration's names: {plan:#}");
    assert_eq!(rotate(here, &["--due", "1d", "--dry-run"]).code(), 0);

    let told = rotate(here, &["--due", "30d", "--yes", "--output", "json"]).json();
    let rotated = told["rotated"].as_array().unwrap();
    let names: Vec<&str> = rotated.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["pem", "soon"], "{told:#}");
    assert_eq!(rotated[1]["provedIn"], serde_json::json!(["prod", "test"]));
    let after = places.map(held);
    assert!(after[0] != before[0] && after[1] == before[1] && after[2] != before[2]);
    assert_eq!(run(here, &["plan", "--local"]).code(), 0, "what is declared is in place");
    for env in ["soon/soon.env", "pem/pem.env"] {
        lets_in(here, &format!(".keyholder/rehearsal/{env}"));
    }

    // One by its name, however long it works; and all of them.
    let told = rotate(here, &["late", "--yes", "--output", "json"]).json();
    assert_eq!(told["rotated"].as_array().unwrap().len(), 1, "{told:#}");
    assert_ne!(held(places[1]), before[1]);
    let told = rotate(here, &["--all", "--yes", "--output", "json"]).json();
    assert_eq!(told["rotated"].as_array().unwrap().len(), 3, "{told:#}");
    assert!(rotate(here, &["nobody", "--yes"]).failed(78).contains("declares no service user `nobody`"));

    // A wrong clock of the org's moves what is due, as everything goes by it.
    run(here, &["org", "clock", "+280d"]).done();
    let told = rotate(here, &["--due", "30d", "--yes", "--output", "json"]).json();
    assert_eq!(told["rotated"].as_array().unwrap().len(), 3, "what has ended too: {told:#}");
    assert_eq!(run(here, &["plan", "--local"]).code(), 0);

    // What is lost is `apply`'s to make; a job that runs elsewhere than where the credentials are must not be green.
    fs::remove_file(here.join(".keyholder/rehearsal/soon/soon.env")).unwrap();
    for which in [&["--due", "30d"][..], &["soon"]] {
        let said = rotate(here, &[which, &["--yes"]].concat()).failed(78);
        for expected in ["holds no credential of `soon` here", "rotate it there", "`keyholder apply` makes one"] {
            assert!(said.contains(expected), "no {expected} in {said}");
        }
    }
    let ended = rotate(here, &["--all", "--yes", "--output", "json"]);
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((ended.code(), told["rotated"].as_array().unwrap().len()), (78, 2), "the others are: {told:#}");
    assert!(!here.join(".keyholder/rehearsal/soon/soon.env").exists());
    // Of one that was never made, too, when it is named.
    let client = run(here, &["credential", "list", "soon", "--local", "--output", "json"]).json();
    for one in client["credentials"].as_array().unwrap() {
        let id = one["id"].as_str().unwrap();
        run(here, &["credential", "revoke", "soon", id, "--even-the-last", "--yes", "--local"]).done();
    }
    let said = rotate(here, &["soon", "--yes"]).failed(78);
    assert!(said.contains("no declared place of `soon` holds a credential"), "{said}");
    let said = rotate(here, &["--due", "1d", "--yes"]).done();
    assert!(said.contains("`keyholder apply` makes it") && !said.contains("none ends within"), "{said}");
}

#[test]
fn s08_what_is_kept_open_does_not_keep_from_what_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    fs::write(here.join("keyholder.toml"), DECLARED).unwrap();
    let _org = RunningOrg::start(here, &["--listen", &free_port()]);
    run(here, &["apply", "--local", "--yes"]).done();
    let weekly = ["late", "--due", "30d", "--keep-old", "--yes"];
    let held = || fs::read(here.join(".keyholder/rehearsal/late/late-secret")).unwrap();
    rotate(here, &["late", "--keep-old", "--yes"]).done();
    let first = held();
    let said = rotate(here, &weekly).done();
    assert!(said.contains("Nothing to do.") && !said.contains("none ends within"), "{said}");
    run(here, &["org", "clock", "+260d"]).done();
    rotate(here, &weekly).done();
    assert_eq!(held(), first, "40 days are left");
    run(here, &["org", "clock", "+15d"]).done();
    rotate(here, &weekly).done();
    assert_ne!(held(), first);
}

#[test]
fn s07_a_certificate_is_replaced_by_one_and_a_secret_where_that_is_said() {
    let (folder, _org) = world(&["--directory-lag", "1s"]);
    let here = folder.path();
    rotate(here, &[&ENV[..], &["--certificate", "--yes"]].concat()).done();
    let [one] = list(here).try_into().unwrap();
    assert_eq!(one["kind"], "certificate");
    lets_in(here, "orders.env");
    fs::copy(here.join("orders.env.pem"), here.join("old.pem")).unwrap();
    let told = rotate(here, &[&ENV[..], &["--yes", "--output", "json"]].concat()).json();
    assert_eq!(told["rotated"][0]["kind"], "certificate", "{told:#}");
    let [other] = list(here).try_into().unwrap();
    assert!(other["kind"] == "certificate" && other["id"] != one["id"]);
    lets_in(here, "orders.env");
    assert_ne!(fs::read(here.join("orders.env.pem")).unwrap(), fs::read(here.join("old.pem")).unwrap());
}

#[cfg(unix)]
#[test]
fn a_place_that_does_not_take_the_new_one_leaves_the_old_one_untouched() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    let script = "cat > got\nif test -e sealed; then echo the vault is sealed >&2; exit 3; fi\ncp got vault\n";
    fs::write(here.join("vault.sh"), script).unwrap();
    let with = [APP, "--save-with", "sh vault.sh", "--yes"];
    // Nothing says which one goes there: the program's own is not known yet.
    let said = rotate(here, &with).failed(78);
    assert!(said.contains("--replaces ID") && said.contains(&ids(here)[0]), "{said}");
    let old = ids(here);
    let first = [&with[..], &["--replaces", &old[0]]].concat();
    fs::write(here.join("sealed"), "").unwrap();
    let said = rotate(here, &first).failed(1);
    assert!(said.contains("the vault is sealed") && said.contains("run the same command again"), "{said}");
    assert!(ids(here).len() == 2 && ids(here).contains(&old[0]), "the program may have either");
    rotate(here, &[APP, "--save-with", "./no-such-program", "--replaces", &old[0], "--yes"]).failed(1);
    assert_eq!(ids(here).len(), 2, "one that could not be started has none");
    lets_in(here, "orders.env");
    fs::remove_file(here.join("sealed")).unwrap();
    rotate(here, &first).done();
    let now = ids(here);
    assert!(now.len() == 1 && now != old);
    // From now on the directory tells which one the program has.
    for more in [&[][..], &["--certificate"]] {
        rotate(here, &[&with[..], more].concat()).done();
        assert_eq!(ids(here).len(), 1);
    }
    fs::write(here.join("sealed"), "").unwrap();
    let kept = ids(here);
    rotate(here, &with).failed(1);
    assert!(ids(here).len() == 2 && ids(here).contains(&kept[0]));
    fs::remove_file(here.join("sealed")).unwrap();
    rotate(here, &with).done();
    let kept = ids(here);
    assert_eq!(kept.len(), 1);

    // Somebody else's file, and a folder that is not there.
    fs::write(here.join("notes.env"), "HELLO=1\n").unwrap();
    for (place, expected) in [("notes.env", "not overwritten"), ("nowhere/x.env", "no folder")] {
        let said = rotate(here, &[APP, "--save-env", place, "--replaces", &kept[0], "--yes"]);
        assert!(said.code() != 0 && said.err.contains(expected), "{said:#?}");
        assert_eq!(ids(here), kept);
    }
}

#[test]
fn an_org_that_does_not_let_the_new_one_in_leaves_the_old_one_untouched() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    let (old, env) = (ids(here), fs::read_to_string(here.join("orders.env")).unwrap());
    let client = run(here, &["credential", "list", APP, "--local", "--output", "json"]).json()["clientId"].clone();
    let fault = ["org", "fault", "add", "expired-token", "--user", client.as_str().unwrap(), "--path", "*WhoAmI*"];
    run(here, &fault).done();
    let said = rotate(here, &[&ENV[..], &["--yes"]].concat());
    assert!(said.code() != 0 && said.err.contains("ask the org"), "{said:#?}");
    let told = "was revoked again, and what was there before it stays as it was";
    assert!(said.err.contains("the new client secret") && said.err.contains(told), "{said:#?}");
    assert_eq!(ids(here), old);
    assert_eq!(fs::read_to_string(here.join("orders.env")).unwrap(), env);
}

#[test]
fn a_throttled_directory_is_waited_for() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    let old = ids(here);
    for method in ["GET", "POST"] {
        let fault = ["org", "fault", "add", "throttle", "--retry-after", "1", "--requests", "2", "--method", method];
        run(here, &[&fault[..], &["--path", "/v1.0/*"]].concat()).done();
    }
    rotate(here, &[&ENV[..], &["--yes"]].concat()).done();
    assert!(ids(here).len() == 1 && ids(here) != old);
    lets_in(here, "orders.env");
}

#[test]
fn the_credential_of_the_command_itself_is_replaced_only_when_that_is_said() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    let env = fs::read_to_string(here.join(".keyholder/org.env")).unwrap();
    let admin = env.lines().find_map(|line| line.strip_prefix("KEYHOLDER_ADMIN_CLIENT_ID=")).unwrap();
    let all = run(here, &["credential", "list", admin, "--local", "--output", "json"]).json();
    let id = all["credentials"][0]["id"].as_str().unwrap();
    let arguments = ["rotate", admin, "--save-env", "admin.env", "--replaces", id, "--yes"];
    let said = ended(as_administrator(here).args(arguments)).failed(78);
    assert!(said.contains("is the one that this very command is signed in with"), "{said}");
    assert!(!here.join("admin.env").exists());
    ended(as_administrator(here).args(arguments).arg("--even-my-own")).done();
    lets_in(here, "admin.env");
    ended(as_administrator(here).arg("whoami")).failed(77);
    // With the new one it goes on, and replaces itself again.
    let again = ["rotate", admin, "--save-env", "admin.env", "--env-file", "admin.env", "--yes"];
    run(here, &again).failed(78);
    run(here, &[&again[..], &["--even-my-own"]].concat()).done();
    lets_in(here, "admin.env");
}

#[test]
fn s08_the_old_one_goes_once_somebody_else_has_used_the_new_one() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    fs::copy(here.join("orders.env"), here.join("old.env")).unwrap();
    let wait = [&ENV[..], &["--wait-for-use", "1ms", "--yes"]].concat();
    let said = rotate(here, &wait).failed(1);
    assert!(said.contains("no sign-in of somebody else's was seen"), "{said}");
    let new = held_id(here);
    assert_eq!(ids(here).len(), 2);
    // The proof of the new one does not count.
    rotate(here, &wait).failed(1);
    assert_eq!((ids(here).len(), held_id(here)), (2, new.clone()));
    // Nor does a look at the new one while somebody is at work with the old one.
    run(here, &["org", "clock", "+20m"]).done();
    for env in ["old.env", "orders.env"] {
        lets_in(here, env);
    }
    rotate(here, &wait).failed(1);
    assert_eq!(ids(here).len(), 2);
    run(here, &["org", "clock", "+2h"]).done();
    lets_in(here, "orders.env");
    let told = rotate(here, &[&wait[..], &["--output", "json"]].concat()).json();
    assert!(told["rotated"][0]["used"].is_string(), "{told:#}");
    assert_eq!(ids(here), [new]);
}

#[test]
fn s08_a_secret_is_replaced_for_good_once_a_token_of_the_issuer_lets_in() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let (issuer, github) = (Issuer::new(), "https://token.actions.githubusercontent.com");
    fs::write(here.join("keys.json"), issuer.keys().to_string()).unwrap();
    let keys = format!("{github}=keys.json");
    let org = RunningOrg::start(here, &["--listen", &free_port(), "--issuer-keys", &keys]);
    let create = ["app-user", "create", APP, "--grant", "contact=read:organization", "--save-env", "orders.env"];
    run(here, &[&create[..], &["--yes", "--local"]].concat()).done();
    let old = ids(here);
    let to = [APP, "--to", "federated", "--trust", "github", "--repository", "contoso/orders", "--branch", "main"];
    let dry = rotate(here, &[&to[..], &["--dry-run"]].concat());
    assert!(dry.code() == 2 && dry.out.contains(&old[0]), "{dry:#?}");
    let said = rotate(here, &[&to[..], &["--yes"]].concat()).failed(1);
    assert!(said.contains("no sign-in of `orders-sync` with a token") && said.contains("--without-proof"), "{said}");
    lets_in(here, "orders.env");
    assert_eq!(ids(here).len(), 2);

    let client = run(here, &["credential", "list", APP, "--local", "--output", "json"]).json()["clientId"].clone();
    fs::write(here.join("token"), issuer.token(github, "repo:contoso/orders:ref:refs/heads/main")).unwrap();
    let (url, ca) = (org.ready["orgUrl"].as_str().unwrap(), org.ready["caFile"].as_str().unwrap());
    let whoami = ["whoami", "--url", url, "--ca-file", ca, "--client-id", client.as_str().unwrap()];
    let whoami = [&whoami[..], &["--federated-token-file", "token"]].concat();
    run(here, &whoami).done();
    // Who has the secret may be at work with it still.
    lets_in(here, "orders.env");
    let said = rotate(here, &[&to[..], &["--yes"]].concat()).failed(1);
    assert!(said.contains("somebody may still have it"), "{said}");
    lets_in(here, "orders.env");
    run(here, &["org", "clock", "+2h"]).done();
    run(here, &whoami).done();
    let told = rotate(here, &[&to[..], &["--yes", "--output", "json"]].concat()).json();
    assert_eq!(told["federated"]["revoked"], serde_json::json!(old), "{told:#}");
    assert!(told["federated"]["used"].is_string());
    run(here, &["whoami", "--env-file", "orders.env"]).failed(77);
    run(here, &whoami).done();
    assert_eq!(list(here).iter().map(|one| one["kind"].as_str().unwrap()).collect::<Vec<_>>(), ["federated"]);
    // Again there is nothing left to revoke.
    let again = rotate(here, &[&to[..], &["--yes", "--output", "json"]].concat()).json();
    assert_eq!(again["changed"], false, "{again:#}");

    // Of several it has to be said which one goes; and nothing is looked for where that is said.
    for env in ["one.env", "other.env"] {
        run(here, &["credential", "add", APP, "--secret", "--save-env", env, "--local"]).done();
    }
    let said = rotate(here, &[&to[..], &["--yes"]].concat()).failed(78);
    assert!(said.contains("--replaces ID"), "{said}");
    let id = ids(here).into_iter().find(|id| fs::read_to_string(here.join("one.env")).unwrap().contains(id)).unwrap();
    let said = rotate(here, &[&to[..], &["--replaces", &id, "--without-proof", "--yes"]].concat()).done();
    assert!(said.contains("can still sign in with"), "{said}");
    run(here, &["whoami", "--env-file", "one.env"]).failed(77);
    lets_in(here, "other.env");
}

/// A declaration with a non-interactive user whose password goes there.
pub(crate) fn with_person(url: &str, user_name: &str, password: &str) -> String {
    format!(
        "[orgs.prod]\nurl = \"{url}\"\n\n[roles.orders]\nname = \"Orders\"\n\
         privileges = {{ contact = \"read:organization\" }}\n\n[non-interactive-users.legacy]\n\
         user-name = \"{user_name}\"\nroles = [\"orders\"]\nusage-location = \"DE\"\npassword = {password}\n"
    )
}

/// What the journal's folder keeps of passwords.
pub(crate) fn pending(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).filter(|name| name.ends_with(".password.env")).collect()
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for (arguments, expected) in [
        (&[][..], "required"),
        (&["--all", "--due", "30d"], "cannot be used with"),
        (&["--all", "--save-env", "x"], "about one application"),
        (&[APP, "--due", "30d", "--save-env", "x"], "about one application"),
        (&[APP, "--save-env", "x", "--save-secret", "y"], "cannot be used with"),
        (&[APP, "--replaces", "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001"], "needs the place"),
        (&[APP, "--to", "federated"], "required"),
        (&[APP, "--trust", "github", "--save-env", "x"], "needs `--to federated`"),
        (&[APP, "--save-env", "x", "--keep-old", "--overlap", "1d"], "cannot be used with"),
        (&[APP, "--save-env", "x", "--overlap", "3 months"], "no fixed length"),
        (&["--all", "--passwords-older-than", "90d"], "cannot be used with"),
        (&[APP, "--passwords-older-than", "90d"], "required"),
    ] {
        let said = rotate(here, arguments).failed(64);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    assert_eq!(fs::read_dir(here).unwrap().count(), 0, "nothing was started or written");
}

#[test]
fn s25_no_secret_is_in_any_output_or_argument_list() {
    let (folder, _org) = world(&[]);
    let here = folder.path();
    let script = "cat >> taken; ps -eo args > processes 2> /dev/null || true; env >> surroundings; echo kept >&2\n";
    fs::write(here.join("take.sh"), script).unwrap();
    let mut said = String::new();
    let id = ids(here)[0].clone();
    let mut replaces = vec!["--replaces", id.as_str()];
    for form in ["text", "json", "jsonl"] {
        let to = [APP, "--save-with", "sh take.sh", "--yes", "--output", form];
        let ended = rotate(here, &[&to[..], &replaces].concat());
        assert_eq!(ended.code(), 0, "{ended:#?}");
        said.push_str(&(ended.out + &ended.err));
        for seen in ["processes", "surroundings"] {
            said.push_str(&fs::read_to_string(here.join(seen)).unwrap_or_default());
        }
        replaces.clear();
    }
    let taken = fs::read_to_string(here.join("taken")).unwrap();
    assert!(taken.len() > 90, "three secrets");
    for start in (0..taken.len()).step_by(30) {
        let part = &taken[start..(start + 12).min(taken.len())];
        assert!(part.len() < 12 || !said.contains(part));
    }
}
