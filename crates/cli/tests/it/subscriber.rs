//! `keyholder subscriber`, from a publisher's declaration to a customer's org, each side with its own
//! administrator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::documents::commands;
use crate::person::Person;
use crate::program::{Ended, RunningOrg, ended, free_port, keyholder, run};

const THEIRS: &str = "fabrikam.localhost";

/// A publisher with a declared application, and a customer who has heard of it.
struct Case {
    world: World,
    folder: tempfile::TempDir,
    their_org: String,
    them: PathBuf,
}

impl Case {
    async fn new() -> Self {
        let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
        let here = folder.path();
        let declaration = format!(
            "[orgs.dev]\nurl = \"{}\"\n\n[roles.orders]\nname = \"Orders Cloud\"\n[roles.orders.privileges]\n\
             contact = \"read:organization write:business-unit\"\n\n[application-users.orders-cloud]\nroles = [\"orders\"]\n\
             multi-tenant = true\ncredential.secret.env-file = \"orders-cloud.env\"\n",
            world.origin()
        );
        fs::write(here.join("keyholder.toml"), declaration).unwrap();
        keyholder_platform::write_private(&here.join("ours"), world.admin().client_secret.expose().as_bytes()).unwrap();
        control(&world, "tenants", json!({"domain": THEIRS})).await;
        let org = control(&world, "orgs", json!({"name": "Theirs", "tenant": THEIRS})).await;
        let them = here.join("them");
        fs::create_dir(&them).unwrap();
        let case = Self { their_org: org["url"].as_str().unwrap().to_owned(), world, folder, them };
        let secret = case.setting("KEYHOLDER_ADMIN_CLIENT_SECRET");
        keyholder_platform::write_private(&case.them.join("theirs"), secret.as_bytes()).unwrap();
        case
    }

    fn here(&self) -> &Path {
        self.folder.path()
    }

    /// What the customer's own env file says.
    fn setting(&self, name: &str) -> String {
        crate::program::setting(&self.world.file(&format!("{THEIRS}.env")), name)
    }

    fn run(&self, mut command: Command) -> Ended {
        ended(command.env("KEYHOLDER_CA_FILE", self.world.file("ca.pem")))
    }

    /// As the publisher's administrator.
    fn ours(&self, arguments: &[&str]) -> Ended {
        let mut command = keyholder(self.here());
        command.args(arguments).args(["--client-id", &self.world.admin().client_id, "--client-secret-file", "ours"]);
        self.run(command)
    }

    fn add(&self, more: &[&str]) -> Ended {
        let add = ["subscriber", "add", THEIRS, "--app", "orders-cloud", "--their-org", &self.their_org];
        self.ours(&[&add[..], more].concat())
    }

    fn list(&self, more: &[&str]) -> Ended {
        let mut command = keyholder(self.here());
        command.args(["subscriber", "list"]).args(more);
        ended(&mut command)
    }

    fn listed(&self) -> Value {
        self.list(&["--output", "json"]).json()["subscribers"][0].clone()
    }

    /// As the customer's administrator, on a machine of theirs, what the publisher told them.
    fn theirs(&self, command: &str) -> Ended {
        let line = command.replacen("keyholder", env!("CARGO_BIN_EXE_keyholder"), 1);
        let id = self.setting("KEYHOLDER_ADMIN_CLIENT_ID");
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{line} --yes --client-id {id} --client-secret-file theirs")]);
        shell.current_dir(&self.them).env("XDG_STATE_HOME", self.them.join("state"));
        self.run(shell)
    }

    async fn consent(&self, link: &str) {
        let (name, password) = (self.setting("KEYHOLDER_ADMIN_USERNAME"), self.setting("KEYHOLDER_ADMIN_PASSWORD"));
        let done = Person::default().consent(&self.world, link, &name, &password).await;
        assert!(done.status == 200 && done.text.contains("Permissions granted"), "{}", done.text);
    }
}

async fn control(world: &World, what: &str, body: Value) -> Value {
    let bearer = format!("Bearer {}", world.admin_token().await);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let answer = world.ask("POST", &format!("/_keyholder/{what}"), &headers, &body.to_string()).await;
    assert!(answer.status < 300, "{what}: {}", answer.text);
    answer.body
}

#[tokio::test(flavor = "multi_thread")]
async fn s22_a_customers_tenant_from_the_link_to_the_proof() {
    let case = Case::new().await;
    case.ours(&["apply", "--yes"]).done();

    // The link comes first; looking without waiting is no failure, and they are remembered.
    let said = case.add(&["--wait", "0s", "--write-declaration", "for-them.toml"]).done();
    assert!(said.contains("has not consented yet") && said.contains("Added [subscribers.fabrikam]"), "{said}");
    let link = said.lines().find_map(|line| line.trim().strip_prefix("https://")).unwrap();
    assert!(link.contains(&format!("/{THEIRS}/adminconsent?client_id=")) && link.contains("&state="), "{said}");
    let row = case.list(&[]).done();
    assert!(row.contains("consented") && row.contains(THEIRS) && row.contains("no"), "{row}");
    assert_eq!(case.listed()["consented"], false);

    case.consent(&format!("https://{link}")).await;
    let said = case.add(&["--output", "json"]).json();
    assert_eq!((&said["consented"], &said["orgUser"], &said["proved"]), (&json!(true), &json!(false), &json!(false)));
    assert_eq!(said["name"], "fabrikam");

    // Their administrator's one command, as it was printed.
    let command = said["command"].as_str().unwrap();
    assert!(command.contains("--grant 'contact=read:organization write:business-unit'"), "{command}");
    let done = case.theirs(command).done();
    assert!(done.contains("another tenant's") && !done.contains("FAILED"), "{done}");

    let proved = case.add(&[]).done();
    assert!(proved.contains("Proved: `orders-cloud` gets into their org"), "{proved}");
    assert!(proved.contains("it may read contacts"), "{proved}");
    let listed = case.listed();
    assert_eq!((&listed["orgUser"], &listed["proved"]), (&json!(true), &json!(true)), "{listed:#}");
    // It is remembered once.
    let file = fs::read_to_string(case.here().join("keyholder.toml")).unwrap();
    assert_eq!(file.matches("[subscribers.").count(), 1, "{file}");
    // What is declared here is as it was: subscribers are nobody's to plan.
    assert_eq!(case.ours(&["plan"]).code(), 0);
    let secret = fs::read_to_string(case.here().join("orders-cloud.env")).unwrap();
    let secret = secret.lines().find_map(|line| line.strip_prefix("KEYHOLDER_CLIENT_SECRET=")).unwrap();
    assert!(![proved, done, listed.to_string(), file].join("\n").contains(secret.trim_matches('\'')));
}

#[tokio::test(flavor = "multi_thread")]
async fn s22_the_declaration_for_their_administrator_does_the_same_without_consent_beforehand() {
    let case = Case::new().await;
    case.ours(&["apply", "--yes"]).done();
    case.add(&["--wait", "0s", "--write-declaration", "them/orders-cloud.toml"]).done();
    let text = fs::read_to_string(case.them.join("orders-cloud.toml")).unwrap();
    assert!(text.contains("multi-tenant = true") && !text.to_lowercase().contains("secret"), "{text}");
    // The same again is no mistake, another one is.
    case.add(&["--wait", "0s", "--write-declaration", "them/orders-cloud.toml"]).done();
    fs::write(case.here().join("mine.toml"), "# mine\n").unwrap();
    assert!(case.add(&["--wait", "0s", "--write-declaration", "mine.toml"]).failed(73).contains("not written over"));

    // Making the service principal is the consent that server-to-server needs.
    case.theirs("keyholder apply --file orders-cloud.toml").done();
    let again = case.theirs("keyholder apply --file orders-cloud.toml").done();
    assert!(again.contains("Nothing to do"), "{again}");
    let listed = case.listed();
    assert_eq!((&listed["consented"], &listed["proved"]), (&json!(true), &json!(true)), "{listed:#}");
    assert_eq!(listed["tried"][0], "read contacts", "{listed:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s22_what_stands_in_a_subscribers_way_is_told() {
    let case = Case::new().await;
    // Nothing is applied yet: there is no such registration, and no key.
    assert!(case.add(&["--wait", "0s"]).failed(78).contains("no app registration called `orders-cloud`"));
    let file = fs::read_to_string(case.here().join("keyholder.toml")).unwrap();
    assert!(!file.contains("[subscribers"), "{file}");
    assert!(case.list(&[]).done().contains("declares no subscriber"));

    case.ours(&["apply", "--yes"]).done();
    case.add(&["--wait", "0s"]).done();
    assert!(case.list(&["--file", "none.toml"]).failed(78).contains("none.toml"));
    // An org out of reach is its own trouble, told by the exit code; the others are shown.
    let more = "\n[subscribers.gone]\ntenant = \"fabrikam.localhost\"\nurl = \"https://localhost:1\"\n";
    let file = fs::read_to_string(case.here().join("keyholder.toml")).unwrap();
    fs::write(case.here().join("keyholder.toml"), format!("{file}{more}")).unwrap();
    let said = case.add(&["--wait", "0s", "--output", "json"]).json();
    case.consent(said["consentLink"].as_str().unwrap()).await;
    let listed = case.list(&["--output", "json"]);
    assert_eq!(listed.code(), 69, "{listed:#?}");
    let all: Value = serde_json::from_str(&listed.out).unwrap();
    assert_eq!(all["subscribers"][0]["trouble"], Value::Null, "{all:#}");
    assert!(all["subscribers"][1]["trouble"]["message"].as_str().unwrap().contains("localhost:1"), "{all:#}");

    // Another application's key proves nothing of this one.
    let env = fs::read_to_string(case.here().join("orders-cloud.env")).unwrap();
    let client = env.lines().find_map(|line| line.strip_prefix("KEYHOLDER_CLIENT_ID=")).unwrap().trim_matches('\'');
    let other = env.replace(client, &case.world.admin().client_id);
    keyholder_platform::write_private(&case.here().join("other.env"), other.as_bytes()).unwrap();
    let said = case.add(&["--wait", "0s", "--key-file", "other.env"]).failed(78);
    assert!(said.contains(client) && said.contains(&case.world.admin().client_id), "{said}");

    // Without the application's key nothing can be told, and that is said; of a place that cannot be looked at too.
    fs::remove_file(case.here().join("orders-cloud.env")).unwrap();
    fs::create_dir(case.here().join("orders-cloud.env")).unwrap();
    let blind = case.list(&["--output", "json"]);
    assert_ne!(blind.code(), 0, "{blind:#?}");
    let all: Value = serde_json::from_str(&blind.out).unwrap();
    assert!(all["subscribers"][0]["trouble"]["message"].as_str().unwrap().contains("orders-cloud.env"), "{all:#}");
    fs::remove_dir(case.here().join("orders-cloud.env")).unwrap();
    let blind = case.list(&[]);
    assert_eq!(blind.code(), 78, "{blind:#?}");
    assert!(blind.out.contains("no key of `orders-cloud` is at hand"), "{blind:#?}");
}

/// Every command of the guide in its order, each on the side of whoever types it.
#[tokio::test(flavor = "multi_thread")]
async fn s22_the_guide_works_as_shown() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/many-tenants.md");
    let guide = fs::read_to_string(guide).unwrap();
    let case = Case::new().await;
    let here = |text: &str| {
        text.replace("https://fabrikam.crm.dynamics.com", &case.their_org)
            .replace("fabrikam.com", THEIRS)
            .replace("https://contoso.crm4.dynamics.com", &case.world.origin())
    };
    let declaration = guide.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    fs::write(case.here().join("keyholder.toml"), here(declaration)).unwrap();
    let (mut tried, mut client_id) = (0, String::new());
    let (local, others): (Vec<_>, Vec<_>) =
        commands(&guide).into_iter().partition(|shown| shown.starts_with("keyholder org "));
    let beside = tempfile::tempdir().unwrap();
    let _org = RunningOrg::start(beside.path(), &["--listen", &free_port()]);
    for shown in &local {
        let line = shown.replacen("keyholder", env!("CARGO_BIN_EXE_keyholder"), 1);
        let said = ended(Command::new("sh").args(["-c", &line]).current_dir(beside.path()));
        assert_eq!(said.code(), 0, "{shown}: {said:#?}");
    }
    assert!(local.len() == 2 && beside.path().join(".keyholder/fabrikam.localhost.env").exists());
    for shown in &others {
        let command = here(shown).replace("CLIENT-ID", &client_id);
        let words: Vec<&str> = command.split_whitespace().skip(1).collect();
        let said = if command.contains("--adopt") || command.contains("for-fabrikam.toml --yes") {
            let _ = fs::rename(case.here().join("for-fabrikam.toml"), case.them.join("for-fabrikam.toml"));
            case.theirs(&command.replace(" --yes", ""))
        } else if words[..2] == ["subscriber", "list"] {
            case.list(&words[2..])
        } else {
            case.ours(&words)
        };
        assert_eq!(said.code(), 0, "{shown}: {said:#?}");
        if let Some(link) = said.out.lines().find(|line| line.contains("/adminconsent?")) {
            client_id = link.split("client_id=").nth(1).unwrap().split('&').next().unwrap().to_owned();
            if said.out.contains("not consented yet") {
                case.consent(link.trim()).await;
            }
        }
        tried += 1;
    }
    assert_eq!(tried, 6);
    let listed = case.listed();
    assert_eq!(listed["proved"], true, "{listed:#}");
    // What the file remembers is what the guide shows.
    let file = fs::read_to_string(case.here().join("keyholder.toml")).unwrap();
    let entry = guide.split("```toml\n").nth(2).and_then(|rest| rest.split("```").next()).unwrap();
    assert!(file.ends_with(&here(entry)), "{file}");
}

#[test]
fn s22_a_rehearsal_is_looked_at_with_the_keys_that_it_kept() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let _org = RunningOrg::start(here, &["--listen", &free_port()]);
    run(here, &["org", "tenant", "add", THEIRS]).done();
    let theirs = run(here, &["org", "add", "Theirs", "--tenant", THEIRS, "--output", "json"]).json();
    let declaration = format!(
        "[orgs.dev]\nurl = \"https://contoso.crm4.dynamics.com\"\n[roles.orders.privileges]\n\
         contact = \"read:organization\"\n[application-users.orders-cloud]\nroles = [\"orders\"]\n\
         multi-tenant = true\ncredential.secret.env-file = \"orders-cloud.env\"\n\
         [subscribers.fabrikam]\ntenant = \"{THEIRS}\"\nurl = {}\napplication = \"orders-cloud\"\n",
        theirs["url"]
    );
    fs::write(here.join("keyholder.toml"), declaration).unwrap();
    run(here, &["apply", "--local", "--yes"]).done();
    let listed = run(here, &["subscriber", "list", "--local", "--output", "json"]).json();
    let row = &listed["subscribers"][0];
    assert_eq!((&row["consented"], &row["trouble"]), (&json!(false), &Value::Null), "{listed:#}");
    // Where the declaration would have its key on a real org there is none.
    let without = run(here, &["subscriber", "list"]);
    assert_ne!(without.code(), 0, "{without:#?}");
    assert!(without.out.contains("no key of `orders-cloud`"), "{without:#?}");
    run(here, &["subscriber", "list", "--local=nodir"]).failed(78);
}
