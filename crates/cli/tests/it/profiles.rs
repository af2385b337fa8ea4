//! Profiles, and `--explain-config`: which setting counts, and where it came from.

use std::fs;
use std::path::Path;

use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::program::{Ended, ended, keyholder, run};

/// A world, and a folder with the administering application's secret in a file that only its owner reads.
struct Case(World, tempfile::TempDir);

impl Case {
    async fn new() -> Self {
        let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
        let secret = world.admin().client_secret.expose();
        keyholder_platform::write_private(&folder.path().join("secret.txt"), secret.as_bytes()).unwrap();
        Self(world, folder)
    }

    fn path(&self) -> &Path {
        self.1.path()
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        run(self.path(), arguments)
    }

    fn add(&self, name: &str, more: &[&str]) -> Ended {
        let (url, ca) = (self.0.origin(), self.0.file("ca.pem").display().to_string());
        let all = ["profile", "add", name, "--url", &url, "--client-id", &self.0.admin().client_id, "--ca-file", &ca];
        self.run(&[&all[..], more].concat())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s25_a_profile_is_enough_to_be_let_in_and_holds_no_secret() {
    let case = Case::new().await;
    let secret = case.0.admin().client_secret.expose();
    case.add("orders", &["--client-secret-file", "secret.txt"]).done();
    let who = case.run(&["whoami", "--profile", "orders", "--output", "json"]).json();
    assert!(who["userId"].as_str().is_some_and(|id| id.len() == 36), "{who}");
    case.run(&["whoami"]).failed(78);
    case.run(&["profile", "use", "orders"]).done();
    // From any folder: paths were made whole.
    fs::create_dir(case.path().join("elsewhere")).unwrap();
    let mut elsewhere = keyholder(&case.path().join("elsewhere"));
    ended(elsewhere.arg("whoami").env("XDG_STATE_HOME", case.path().join("state"))).done();

    let kept = case.path().join("state/keyholder/profiles.json");
    assert!(keyholder_platform::is_private(&kept).unwrap());
    assert!(!fs::read_to_string(&kept).unwrap().contains(secret));
    let listed = case.run(&["profile", "list", "--output", "json"]).json();
    assert_eq!(listed[0]["name"], "orders");
    assert_eq!(listed[0]["inUse"], true);
    assert_eq!(listed[0]["settings"]["url"], case.0.origin());
    let told = case.run(&["profile", "list"]).done();
    assert!(told.starts_with("* orders  https://") && told.contains("secret.txt") && !told.contains(secret), "{told}");

    for command in
        [&["profile", "remove", "order"][..], &["profile", "use", "order"], &["whoami", "--profile", "order"]]
    {
        let said = case.run(command).failed(78);
        assert!(said.contains("`order`") && said.contains("did you mean `orders`?"), "{said}");
    }
    let removed = case.run(&["profile", "remove", "orders"]);
    assert!(removed.err.contains("secret.txt` stays"), "{removed:#?}");
    removed.done();
    case.run(&["whoami"]).failed(78);
    assert_eq!(case.run(&["profile", "list"]).done(), "there is no profile\n");
    let said = case.run(&["profile", "remove", "orders"]).failed(78);
    assert!(said.contains("there is no profile `orders`") && said.contains("keyholder profile add"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s25_a_profile_may_be_the_env_file_that_a_service_user_was_given() {
    let case = Case::new().await;
    let admin = case.0.admin();
    let text = format!(
        "KEYHOLDER_ORG_URL={}\nKEYHOLDER_CLIENT_ID={}\nKEYHOLDER_CLIENT_SECRET='{}'\nKEYHOLDER_CA_FILE={}\n",
        case.0.origin(),
        admin.client_id,
        admin.client_secret.expose(),
        case.0.file("ca.pem").display()
    );
    keyholder_platform::write_private(&case.path().join("orders.env"), text.as_bytes()).unwrap();
    case.run(&["profile", "add", "orders", "--env-file", "orders.env", "--use"]).done();
    case.run(&["whoami"]).done();
    let told = case.run(&["whoami", "--explain-config"]).done();
    assert!(told.contains("line 3, which the profile `orders` names") && !told.contains(admin.client_secret.expose()));
}

#[tokio::test(flavor = "multi_thread")]
async fn s25_flags_the_env_file_the_environment_the_profile_and_the_declaration_in_that_order() {
    let case = Case::new().await;
    case.add("orders", &["--client-secret-file", "secret.txt", "--tenant", "profile.example"]).done();
    fs::write(case.path().join("app.env"), "KEYHOLDER_TENANT_ID=file.example\n").unwrap();
    fs::write(
        case.path().join("keyholder.toml"),
        "[tenants.t]\nid = \"declared.example\"\n[orgs.only]\nurl = \"https://declared.example\"\n",
    )
    .unwrap();
    let explain = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = keyholder(case.path());
        command.args(["whoami", "--explain-config", "--output", "json"]).args(arguments);
        ended(command.envs(environment.iter().copied())).json()
    };
    let of = |told: &Value, setting: &str| -> Vec<(String, String, bool)> {
        let all = told["settings"].as_array().unwrap().iter().filter(|one| one["setting"] == setting);
        let text = |one: &Value, name: &str| one[name].as_str().unwrap_or("(secret)").to_owned();
        all.map(|one| (text(one, "value"), text(one, "from"), one["isUsed"].as_bool().unwrap())).collect()
    };
    let one = |value: &str, from: &str, is_used| (value.to_owned(), from.to_owned(), is_used);
    let environment = [("KEYHOLDER_TENANT_ID", "environment.example"), ("KEYHOLDER_PROFILE", "orders")];
    let told = explain(&["--env-file", "app.env", "--tenant", "flag.example"], &environment);
    assert_eq!(
        of(&told, "tenant"),
        [
            one("flag.example", "flag --tenant", true),
            one("file.example", "`app.env` line 1", false),
            one("environment.example", "environment variable KEYHOLDER_TENANT_ID", false),
            one("profile.example", "profile `orders`, tenant", false),
        ]
    );
    assert_eq!(of(&told, "client secret"), [one("(secret)", "profile `orders`, clientSecretFile", true)]);
    assert_eq!(of(&told, "profile"), [one("orders", "environment variable KEYHOLDER_PROFILE", true)]);
    assert_eq!(told["caller"], "a client secret");
    assert!(!told.to_string().contains(case.0.admin().client_secret.expose()));

    // What was put where an id or an address belongs is not shown.
    let swapped = [("KEYHOLDER_CLIENT_ID", "hunter2~secret"), ("KEYHOLDER_ORG_URL", "https://me:hunter2@org.example")];
    let mut command = keyholder(case.path());
    let told = ended(command.args(["whoami", "--explain-config"]).envs(swapped));
    assert_eq!(told.code(), 78, "{told:#?}");
    assert!(told.out.contains("client id") && !format!("{told:?}").contains("hunter2"), "{told:#?}");

    // Without a profile the declaration's only org counts, and a person's kept sign-in.
    let told = explain(&[], &[]);
    assert_eq!(of(&told, "org"), [one("https://declared.example", "the only org of `keyholder.toml`", true)]);
    assert_eq!(of(&told, "tenant")[0].0, "declared.example");
    assert_eq!(told["caller"], "the sign-in that `keyholder login` kept");
    let two = "[orgs.a]\nurl = \"https://a.example\"\n[orgs.b]\nurl = \"https://b.example\"\n";
    fs::write(case.path().join("keyholder.toml"), two).unwrap();
    let said = case.run(&["whoami"]).failed(78);
    assert!(said.contains("several orgs: a, b") && said.contains("--url"), "{said}");
    fs::write(case.path().join("keyholder.toml"), "orgs = 3\n").unwrap();
    assert!(case.run(&["whoami"]).failed(78).contains("keyholder.toml"));
    // Where a stronger place says which org is meant, nobody reads it.
    case.run(&["whoami", "--profile", "orders", "--tenant", &case.0.tenant()]).done();
}

#[tokio::test(flavor = "multi_thread")]
async fn s25_a_named_profile_that_another_place_overrides_is_said() {
    let case = Case::new().await;
    case.add("orders", &["--client-secret-file", "secret.txt"]).done();
    let mut command = keyholder(case.path());
    command.args(["whoami", "--profile", "orders", "--explain-config"]);
    let ended = ended(command.env("KEYHOLDER_ORG_URL", "https://other.example"));
    assert!(ended.err.contains("not that of the profile `orders`"), "{ended:#?}");
    assert!(ended.out.contains("https://other.example") && ended.out.contains("(not used: "), "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s25_what_a_profile_cannot_be_is_refused_by_name() {
    let case = Case::new().await;
    fs::write(case.path().join("open.txt"), "x").unwrap();
    let own = "11111111-2222-3333-4444-555555555555";
    for (arguments, code, said) in [
        (&["add", "a b", "--url", "https://x.example"][..], 64, "cannot be the name"),
        (&["add", "x"], 78, "--url"),
        (&["add", "x", "--url", "http://x.example"], 78, "plain http"),
        (&["add", "x", "--url", "https://x.example", "--client-id", "orders"], 78, "GUID"),
        (&["add", "x", "--url", "https://x.example", "--client-secret-file", "secret.txt"], 78, "client id"),
        (&["add", "x", "--url", "https://x.example", "--client-secret-file", "-"], 64, "standard input"),
        (&["add", "x", "--url", "https://x.example", "--client-secret-file", "none.txt"], 73, "none.txt"),
        #[cfg(unix)]
        (
            &["add", "x", "--url", "https://x.example", "--client-id", own, "--client-secret-file", "open.txt"],
            78,
            "chmod 600",
        ),
        (&["use", "x"], 78, "`x` is not among those"),
        (&["use"], 64, "NAME"),
    ] {
        let ended = case.run(&[&["profile"], arguments].concat());
        assert_eq!(ended.code(), code, "{arguments:?}: {ended:#?}");
        assert!(ended.err.contains(said), "{arguments:?}: {ended:#?}");
    }
    case.add("orders", &["--client-secret-file", "secret.txt"]).done();
    assert!(case.add("orders", &["--azure-cli"]).failed(78).contains("--replace"));
    case.add("orders", &["--azure-cli", "--replace"]).done();
    assert!(case.run(&["profile", "list"]).done().contains("the Azure CLI's"));
    case.run(&["profile", "add", "me", "--url", "https://x.example", "--managed-identity", "--client-id", own]).done();

    let kept = case.path().join("state/keyholder/profiles.json");
    fs::write(&kept, "{").unwrap();
    let said = case.run(&["whoami", "--url", "https://x.example"]).failed(78);
    assert!(said.contains("profiles.json") && said.contains("damaged"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_of_a_profile_matters_only_where_it_counts() {
    let case = Case::new().await;
    case.add("orders", &["--client-secret-file", "secret.txt", "--use"]).done();
    fs::rename(case.path().join("secret.txt"), case.path().join("other.txt")).unwrap();
    let said = case.run(&["whoami"]).failed(78);
    assert!(said.contains("secret.txt") && said.contains("profile orders"), "{said}");
    case.run(&["whoami", "--client-secret-file", "other.txt"]).done();
}

#[test]
fn with_a_local_org_no_setting_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let told = run(folder.path(), &["whoami", "--local", "--explain-config", "--output", "json"]).json();
    assert_eq!(told, json!({"local": true, "settings": []}));
}

#[test]
fn s25_what_is_wrong_with_the_settings_is_told_behind_them() {
    let folder = tempfile::tempdir().unwrap();
    let ended = run(folder.path(), &["query", "contacts", "--explain-config", "--azure-cli", "--output", "json"]);
    assert_eq!(ended.code(), 78, "{ended:#?}");
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(told["caller"], "the Azure CLI");
    assert!(told["error"]["message"].as_str().unwrap().contains("the org's URL is not given"), "{told}");
    let place = run(folder.path(), &["login", "--tenant", "contoso.com", "--explain-config"]).done();
    assert!(place.contains("contoso.com") && place.contains("flag --tenant") && !place.contains("caller"), "{place}");
}
