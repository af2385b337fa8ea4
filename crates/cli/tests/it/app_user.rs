//! `keyholder app-user`, as an administrator runs it.

use std::fs;
use std::path::Path;

use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::program::{Ended, RunningOrg, free_port, run};

/// A folder with a running local org.
fn world() -> (tempfile::TempDir, RunningOrg) {
    let folder = tempfile::tempdir().unwrap();
    let org = RunningOrg::start(folder.path(), &["--listen", &free_port()]);
    (folder, org)
}

fn app_user(folder: &Path, arguments: &[&str]) -> Ended {
    run(folder, &[&["app-user"], arguments, &["--local"]].concat())
}

const READS: [&str; 4] = ["create", "orders-sync", "--grant", "contact=read:organization"];

fn create(folder: &Path, more: &[&str]) -> Ended {
    app_user(folder, &[&READS, more].concat())
}

fn outcomes(facts: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    facts["steps"].as_array().unwrap().iter().map(|step| word(&step["step"]) + " " + &word(&step["outcome"])).collect()
}

#[test]
fn s01_s05_s07_s10_s13_one_command_gives_an_application_its_way_in() {
    let (folder, _org) = world();
    let here = folder.path();
    let save = ["--save-env", "orders.env", "--lifetime", "30d"];
    let said = create(here, &[&save[..], &["--dry-run"]].concat());
    assert_eq!(said.code(), 2, "{said:#?}");
    for expected in ["+ app registration `orders-sync`", "may read every contact in the org", "6 to make"] {
        assert!(said.out.contains(expected), "no {expected} in {}", said.out);
    }
    let refused = create(here, &save).failed(64);
    assert!(refused.contains("nothing was done") && refused.contains("--yes"), "{refused}");
    assert!(!here.join("orders.env").exists());

    let made = create(here, &[&save[..], &["--yes", "--output", "json"]].concat()).json();
    assert_eq!(made["changed"], true);
    assert_eq!(made["proved"][0]["name"], "orders-sync", "{made:#}");
    assert!(outcomes(&made).contains(&"query proved".to_owned()), "{made:#}");
    let rows = run(here, &["query", "contacts?$top=2", "--env-file", "orders.env", "--output", "json"]).json();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    run(here, &["query", "accounts?$top=2", "--env-file", "orders.env"]).failed(77);

    let again = create(here, &[&save[..], &["--yes"]].concat()).done();
    assert!(again.contains("Nothing to do") && again.contains("proved again"), "{again}");
    assert_eq!(create(here, &[&save[..], &["--dry-run"]].concat()).code(), 0);
}

#[test]
fn s10_a_second_create_adds_and_says_what_its_own_role_loses() {
    let (folder, _org) = world();
    let here = folder.path();
    create(here, &["--save-env", "orders.env", "--yes"]).done();
    let lost = ["create", "nobody", "--role", "System Customizer", "--save-env", "nowhere/orders.env", "--yes"];
    let said = run(here, &[&["app-user"], &lost[..], &["--local"]].concat()).failed(78);
    assert!(said.contains("there is no folder") && said.contains("nowhere"), "{said}");
    assert!(!run(here, &["app-user", "list", "--local"]).done().contains("nobody"), "nothing was made");
    let reads = ["role", "create", "Reads accounts", "--grant", "account=read:organization", "--yes", "--local"];
    run(here, &reads).done();
    for role in ["Reads accounts", "System Customizer"] {
        let other = ["create", "orders-sync", "--role", role, "--save-env", "orders.env", "--yes"];
        let said = app_user(here, &other).done();
        assert!(!said.contains("\n  - ") && said.contains("0 to remove"), "{said}");
        assert!(said.contains("it holds other roles too: `orders-sync`"), "{said}");
        assert_eq!(
            said.contains("warning: the role `System Customizer` comes with the org"),
            role.starts_with("System")
        );
    }
    for query in ["accounts?$top=1", "contacts?$top=1"] {
        run(here, &["query", query, "--env-file", "orders.env"]).done();
    }
    // The role of its own grants what is named, and what it loses by that is counted.
    let own =
        ["create", "orders-sync", "--grant", "prvActOnBehalfOfAnotherUser=organization", "--save-env", "orders.env"];
    let planned = app_user(here, &[&own[..], &["--dry-run"]].concat());
    assert!(planned.out.contains("it granted prvReadContact beyond"), "{planned:#?}");
    assert!(planned.out.contains("1 to change, which takes 1 privilege or role away, 0 to remove"), "{planned:#?}");
    let said = app_user(here, &[&own[..], &["--yes"]].concat()).done();
    assert!(said.contains("may act in the name of any other user"), "{said}");
    let shown = app_user(here, &["show", "orders-sync"]).done();
    assert!(shown.contains("Reads accounts") && shown.contains("System Customizer"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s09_who_is_adopted_stays_in_the_business_unit_and_keeps_what_was_given_by_hand() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let admin = world.admin();
    let env = format!(
        "KEYHOLDER_ORG_URL={}\nKEYHOLDER_CA_FILE={}\nKEYHOLDER_CLIENT_ID={}\nKEYHOLDER_CLIENT_SECRET='{}'\n",
        world.origin(),
        world.file("ca.pem").display(),
        admin.client_id,
        admin.client_secret.expose(),
    );
    keyholder_platform::write_private(&here.join("admin.env"), env.as_bytes()).unwrap();
    let token = world.admin_token().await;
    let root = world.api(&token, "GET", "businessunits?$select=businessunitid", None).await;
    let root = root.body["value"][0]["businessunitid"].as_str().unwrap().to_owned();
    let sales = json!({"name": "Sales", "parentbusinessunitid@odata.bind": format!("/businessunits({root})")});
    assert!(world.api(&token, "POST", "businessunits", Some(&sales)).await.status < 300);
    let as_admin = |arguments: &[&str]| {
        run(here, &[&["app-user"], arguments, &["--env-file", "admin.env", "--yes", "--output", "json"]].concat())
    };
    as_admin(&[&READS[..], &["--business-unit", "Sales", "--save-env", "orders.env"]].concat()).json();
    let text = fs::read_to_string(here.join("orders.env")).unwrap();
    let client = text.lines().find_map(|line| line.strip_prefix("KEYHOLDER_CLIENT_ID=")).unwrap();
    let query = format!(
        "systemusers?$select=systemuserid,_businessunitid_value&$expand=businessunitid($select=name)&$filter=applicationid eq {client}"
    );
    let unit = async || world.api(&token, "GET", &query, None).await.body["value"][0]["businessunitid"]["name"].clone();
    assert_eq!(unit().await, "Sales");
    as_admin(&["create", "orders-sync", "--adopt", client, "--role", "Basic User"]).json();
    assert_eq!(unit().await, "Sales", "nobody said to move it");
    let shown = run(here, &["app-user", "show", client, "--env-file", "admin.env"]).done();
    assert!(shown.contains("orders-sync") && shown.contains("Basic User") && shown.contains("may read"), "{shown}");
    let moved = as_admin(&[
        "create",
        "orders-sync",
        "--adopt",
        client,
        "--role",
        "Basic User",
        "--business-unit",
        &unit_of(&world, &root).await,
    ]);
    moved.json();
    assert_ne!(unit().await, "Sales", "who says so moves it");
}

async fn unit_of(world: &World, id: &str) -> String {
    let token = world.admin_token().await;
    let unit = world.api(&token, "GET", &format!("businessunits({id})?$select=name"), None).await;
    unit.body["name"].as_str().unwrap().to_owned()
}

#[test]
fn s10_system_administrator_is_given_only_to_who_knows() {
    let (folder, _org) = world();
    let admin = ["create", "boss", "--role", "System Administrator", "--save-env", "boss.env", "--yes"];
    let refused = app_user(folder.path(), &admin).failed(78);
    assert!(refused.contains("it may do everything there") && refused.contains("--i-know"), "{refused}");
    app_user(folder.path(), &[&admin[..], &["--i-know"]].concat()).done();
    run(folder.path(), &["query", "accounts?$top=1", "--env-file", "boss.env"]).done();
}

#[test]
fn s07_s08_a_pipelines_tokens_need_no_secret() {
    let (folder, _org) = world();
    let here = folder.path();
    let trust = ["--trust", "github", "--repository", "contoso/orders", "--branch", "main", "--yes"];
    let made = create(here, &[&trust[..], &["--output", "json"]].concat()).json();
    let steps = outcomes(&made);
    assert!(steps.contains(&"federation created".to_owned()), "{steps:?}");
    assert!(!steps.iter().any(|step| step.starts_with("clientSecret")), "{steps:?}");
    assert!(create(here, &trust).done().contains("Nothing to do"));
    for (flags, subject) in [
        (
            &["--trust", "kubernetes", "--issuer", "https://k.example/", "--namespace", "a", "--service-account", "b"]
                [..],
            "system:serviceaccount:a:b",
        ),
        (&["--trust", "issuer", "--issuer", "https://i.example", "--subject", "job-7"], "job-7"),
        (
            &[
                "--trust",
                "azure-devops",
                "--organization-id",
                "23609cc8-ca30-4d7d-a018-0a285693d227",
                "--service-connection-id",
                "b840b286-3e83-43e4-8e02-b8e8c0db0545",
            ],
            "/sc/23609cc8-ca30-4d7d-a018-0a285693d227/b840b286-3e83-43e4-8e02-b8e8c0db0545",
        ),
    ] {
        let name = ["create", flags[1], "--grant", "contact=read:own", "--dry-run"];
        let planned = app_user(here, &[&name[..], flags].concat());
        assert!(planned.code() == 2 && planned.out.contains(subject), "{planned:#?}");
    }
}

#[test]
fn s09_a_registration_of_somebody_elses_is_used_only_when_it_is_named() {
    let (folder, _org) = world();
    let here = folder.path();
    create(here, &["--save-env", "one.env", "--yes"]).done();
    let other = app_user(here, &["create", "orders-sync", "--role", "Basic User", "--yes"]).failed(78);
    assert!(other.contains("has credentials that do not come from here"), "{other}");
    let env = fs::read_to_string(here.join("one.env")).unwrap();
    let client = env.lines().find_map(|line| line.strip_prefix("KEYHOLDER_CLIENT_ID=")).unwrap();
    assert!(other.contains(&format!("--adopt {client}")), "{other}");
    create(here, &["--adopt", client, "--save-secret", "two.txt", "--yes"]).done();
    assert!(fs::read_to_string(here.join("two.txt")).unwrap().len() >= 32);
    let unknown = create(here, &["--adopt", "11111111-2222-3333-4444-555555555555", "--yes"]).failed(78);
    assert!(unknown.contains("no app registration with the client id"), "{unknown}");
}

#[test]
fn s25_the_secret_is_nowhere_but_where_it_was_handed_to() {
    let (folder, _org) = world();
    let here = folder.path();
    let mut said = String::new();
    for more in [&["--dry-run"][..], &["--yes", "--output", "jsonl"], &["--yes", "--output", "json"], &["--yes"]] {
        let ended = create(here, &[more, &["--save-with", "tee vault.txt"]].concat());
        said.push_str(&ended.out);
        said.push_str(&ended.err);
    }
    let secret = fs::read_to_string(here.join("vault.txt")).unwrap();
    assert!(secret.len() >= 32 && !said.contains(&secret), "{said}");
}

#[test]
fn mistakes_are_named_before_anything_is_done() {
    let (folder, _org) = world();
    let here = folder.path();
    fs::write(here.join("Role.xml"), "<Role").unwrap();
    for (arguments, code, expected) in [
        (&["create", "a"][..], 64, "--grant"),
        (&["create", "a", "--grant", "contact"], 64, "write it like `contact=read:organization`"),
        (&["create", "a", "--grant", "contact=raed:organization"], 64, "`read`"),
        (&["create", "a", "--grant", "Contact=read:own"], 64, "`contact`"),
        (&["create", "a", "--role-file", "Role.xml"], 65, "`Role.xml`, line 1"),
        (&["create", "a", "--role-file", "none.xml"], 65, "none.xml"),
        (&["create", " a", "--role", "r"], 64, "begins or ends with a blank"),
        (&["create", "a", "--role", "r", "--trust", "github"], 64, "--branch"),
        (&["create", "a", "--role", "r", "--trust", "github", "--branch", "main"], 64, "--repository"),
        (&["create", "a", "--role", "r", "--trust", "github", "--repository", "x"], 64, "OWNER/NAME"),
        (
            &["create", "a", "--role", "r", "--trust", "issuer", "--issuer", "https://i.example"],
            64,
            "`--issuer` and `--subject`",
        ),
        (
            &[
                "create",
                "a",
                "--role",
                "r",
                "--trust",
                "github",
                "--repository",
                "a/b",
                "--tag",
                "v1",
                "--issuer",
                "https://i.example",
            ],
            64,
            "`--issuer` says nothing about that issuer",
        ),
        (&["create", "a", "--role", "r", "--lifetime", "1y"], 64, "no fixed length"),
        (&["create", "a", "--role", "r", "--save-env", "x", "--save-secret", "y"], 64, "cannot be used with"),
        (&["create", "a", "--role", "a", "--grant", "contact=read:own"], 64, "both a role that the org has"),
        (&["create", "a", "--role", "No such role", "--yes"], 78, "has no role called `No such role`"),
        (
            &["create", "a", "--role", "Basic User", "--business-unit", "Nowhere", "--yes"],
            78,
            "no business unit called",
        ),
        (&["create", "a", "--grant", "new_thing=read:own", "--yes"], 78, "is there a table `new_thing`?"),
    ] {
        let said = app_user(here, arguments).failed(code);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn s01_s07_s15_application_users_are_listed_shown_kept_out_and_let_in() {
    let (folder, _org) = world();
    let here = folder.path();
    create(here, &["--save-env", "orders.env", "--lifetime", "30d", "--yes"]).done();
    let trust = ["--trust", "github", "--repository", "contoso/nightly", "--branch", "main", "--yes"];
    app_user(here, &[&["create", "nightly", "--role", "Basic User"], &trust[..]].concat()).done();
    run(here, &["query", "contacts?$top=1", "--env-file", "orders.env"]).done();

    let listed = app_user(here, &["list", "--output", "json"]).json();
    let of = |name: &str| {
        let all = listed["applicationUsers"].as_array().unwrap().iter();
        all.clone().find(|user| user["name"] == name).unwrap_or_else(|| panic!("no {name} in {listed:#}")).clone()
    };
    let orders = of("orders-sync");
    assert_eq!((&orders["enabled"], &orders["origin"]), (&true.into(), &"keyholder".into()));
    assert_eq!(orders["roles"][0]["madeByKeyholder"], true);
    assert!(orders["lastSignIn"].is_string() && orders["nextExpiry"].is_string(), "{orders:#}");
    let nightly = of("nightly");
    assert_eq!(
        (&nightly["roles"][0]["name"], &nightly["keys"][0]["kind"]),
        (&"Basic User".into(), &"federated".into())
    );
    assert!(nightly["lastSignIn"].is_null() && nightly["nextExpiry"].is_null(), "{nightly:#}");
    let said = app_user(here, &["list"]).done();
    for expected in ["orders-sync", "until 20", " days)", "without end", "Basic User", "Keyholder"] {
        assert!(said.contains(expected), "no {expected} in {said}");
    }

    let client = orders["clientId"].as_str().unwrap();
    for who in ["orders-sync", client, &client.to_uppercase()] {
        let shown = app_user(here, &["show", who]).done();
        for expected in
            [client, "may read every contact in the org", "by the role `orders-sync`, made by Keyholder", "until "]
        {
            assert!(shown.contains(expected), "no {expected} in {shown}");
        }
    }
    let shown = app_user(here, &["show", "nightly", "--output", "json"]).json();
    assert_eq!(shown["keys"][0]["trusts"][1], "repo:contoso/nightly:ref:refs/heads/main", "{shown:#}");
    assert!(!shown["grants"][0]["grants"].as_array().unwrap().is_empty(), "{shown:#}");

    let said = app_user(here, &["disable", "orders-sync"]).done();
    assert!(said.contains("its next request is refused"), "{said}");
    assert!(app_user(here, &["disable", client]).done().contains("disabled already"));
    run(here, &["whoami", "--env-file", "orders.env"]).failed(77);
    assert!(app_user(here, &["list"]).done().contains("disabled"));
    assert!(app_user(here, &["show", "orders-sync"]).done().contains("DISABLED"));
    let on = app_user(here, &["enable", "orders-sync", "--output", "json"]).json();
    assert_eq!((&on["result"]["changed"], &on["result"]["enabled"]), (&true.into(), &true.into()));
    assert_eq!(app_user(here, &["enable", client, "--output", "json"]).json()["result"]["changed"], false);
    run(here, &["whoami", "--env-file", "orders.env"]).done();
}

#[test]
fn who_is_meant_is_never_guessed() {
    let (folder, _org) = world();
    let here = folder.path();
    let none = app_user(here, &["show", "Orders-Sync"]).failed(78);
    assert!(none.contains("neither the directory nor the org knows") && none.contains("app-user list"), "{none}");
    app_user(here, &["show", "11111111-2222-3333-4444-555555555555"]).failed(78);
    let env = fs::read_to_string(here.join(".keyholder/org.env")).unwrap();
    let me = env.lines().find_map(|line| line.strip_prefix("KEYHOLDER_ADMIN_CLIENT_ID=")).unwrap();
    let refused = app_user(here, &["disable", me]).failed(78);
    assert!(refused.contains("signed in as"), "{refused}");
    app_user(here, &["show", me]).done();
}

#[cfg(unix)]
#[test]
fn what_the_system_said_of_a_file_is_said_once() {
    let (folder, _org) = world();
    let too_long = "x".repeat(300);
    let said = create(folder.path(), &["--save-env", &too_long, "--yes"]);
    assert_ne!(said.code(), 0, "{said:#?}");
    assert_eq!(said.err.matches("os error").count(), 1, "{said:#?}");
}
