//! `keyholder doctor` on a local org that is broken in each of the ways that it knows.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use keyholder_testkit::World;
use serde_json::{Value, json};

use crate::program::{Ended, RunningOrg, ended, free_port, keyholder, run, setting};

const ENV: &str = ".keyholder/orders-sync.env";

/// What `doctor --output json` found: its exit code and its document.
struct Found {
    code: i32,
    told: Value,
}

impl Found {
    fn of(ended: &Ended) -> Self {
        let code = ended.code();
        if code != 0 {
            assert!(ended.err.contains("error: "), "{ended:#?}");
        }
        let told = serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {ended:#?}"));
        Self { code, told }
    }

    fn steps(&self, check: &str) -> Vec<&Value> {
        self.told["steps"].as_array().unwrap().iter().filter(|step| step["check"] == check).collect()
    }

    fn step(&self, check: &str) -> &Value {
        self.steps(check).into_iter().next().unwrap_or_else(|| panic!("no {check} in {:#}", self.told))
    }

    fn with_state(&self, state: &str) -> Vec<&str> {
        let steps = self.told["steps"].as_array().unwrap().iter().filter(|step| step["state"] == state);
        steps.map(|step| step["check"].as_str().unwrap()).collect()
    }

    /// Nothing failed but this step, which is explained; with its code where it has one.
    #[track_caller]
    fn fails(&self, check: &str, exit: i32, code: Option<&str>) -> &Value {
        assert_eq!(self.with_state("failed"), [check], "{:#}", self.told);
        assert_eq!(self.code, exit, "{:#}", self.told);
        let step = self.step(check);
        let trouble = &step["trouble"];
        assert!(trouble["meaning"].as_str().is_some_and(|text| text.ends_with('.')), "{step:#}");
        assert!(!trouble["mends"].as_array().unwrap().is_empty() && trouble["who"].is_string(), "{step:#}");
        assert_eq!(trouble["code"].as_str(), code, "{step:#}");
        if let Some(command) = trouble["command"].as_str() {
            is_a_command(command);
        }
        assert_eq!(self.told["isHealthy"], false);
        step
    }
}

/// A command that mends is one: explaining its settings reads all of it, and does nothing.
#[track_caller]
pub(crate) fn is_a_command(command: &str) {
    // Of others' programs the words alone are known.
    if ["az ", "pac ", "sudo timedatectl "].iter().any(|program| command.starts_with(program)) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let quoted = command.split('\'').enumerate();
    let words = quoted.flat_map(|(at, part)| match at % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    let words: Vec<String> = words.skip(1).filter(|word| word != "--explain-config").collect();
    // What connects to no org has no settings to explain.
    let read_all = if words.first().is_some_and(|word| word == "org") { "--help" } else { "--explain-config" };
    let ended = ended(keyholder(folder.path()).args(words).arg(read_all));
    assert_ne!(ended.code(), 64, "{command}: {ended:#?}");
}

fn doctor(here: &Path, arguments: &[&str]) -> Found {
    Found::of(&run(here, &[&["doctor", "--env-file", ENV, "--output", "json"], arguments].concat()))
}

/// A server that answers whatever comes with this, in the clear.
fn plain_server(answer: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut start = [0; 1024];
            let _ = stream.read(&mut start);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    port
}

#[test]
fn s14_s27_an_application_that_gets_in_has_no_finding_and_no_secret_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (here, port) = (folder.path(), free_port());
    run(here, &["quickstart", "--listen", &port]).done();
    let _org = RunningOrg::start(here, &["--listen", &port]);
    let secret = setting(&here.join(ENV), "KEYHOLDER_CLIENT_SECRET");

    let text = run(here, &["doctor", "--env-file", ENV]).done();
    let found = doctor(here, &[]);
    for shown in [text.clone(), found.told.to_string()] {
        assert!(!shown.contains(&secret) && !shown.contains("eyJ"), "{shown}");
    }
    assert_eq!((found.code, &found.told["isHealthy"]), (0, &json!(true)));
    assert_eq!(found.with_state("failed"), [""; 0], "{:#}", found.told);
    assert_eq!(found.with_state("warning"), [""; 0], "{:#}", found.told);
    for check in [
        "dns",
        "connection",
        "tls",
        "org",
        "challenge",
        "authority",
        "clock",
        "tenant",
        "application",
        "credential",
        "consent",
        "token",
        "version",
        "user",
        "enabled",
        "limits",
    ] {
        assert_eq!(found.step(check)["state"], "ok", "{:#}", found.step(check));
    }
    assert!(text.contains("Nothing is in the way.") && text.contains("aud https://"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");

    // An administrator sees the rest.
    let seen = doctor(here, &["--administrator-local", "--can", "GET contacts?$top=3", "--can", "prvreadcontact"]);
    assert_eq!(
        (seen.code, seen.with_state("failed"), seen.with_state("warning")),
        (0, vec![], vec![]),
        "{:#}",
        seen.told
    );
    for check in ["dates", "access-mode", "licence", "roles", "can", "entitlement"] {
        assert!(seen.steps(check).iter().all(|step| step["state"] == "ok"), "{:#}", seen.told);
    }
    // S6: quickstart declares the permission and consents to it, as the guides do.
    assert_eq!(seen.step("consent")["facts"], json!({"userImpersonation": true, "isConsented": true}));
    assert!(seen.step("roles")["details"].to_string().contains("may read every contact"), "{:#}", seen.step("roles"));
    // The org's own administering application is as healthy.
    let own = run(here, &["doctor", "--local", "--output", "json"]).json();
    assert_eq!(own["isHealthy"], true, "{own:#}");
}

#[test]
fn s14_s24_what_is_in_the_way_of_reaching_the_org_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (here, port) = (folder.path(), free_port());
    run(here, &["quickstart", "--listen", &port]).done();
    let org = RunningOrg::start(here, &["--listen", &port]);

    let at = |url: &str| doctor(here, &["--url", url]);
    at("https://no-such-org.invalid").fails("dns", 69, None);
    let closed = at(&format!("https://{}", free_port()));
    closed.fails("connection", 69, None);
    assert!(closed.step("tls")["told"].as_str().unwrap().contains("not checked: `connection` failed"));
    let plain = plain_server("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    at(&format!("https://127.0.0.1:{plain}")).fails("tls", 78, None);
    let page = plain_server(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\nconnection: close\r\n\r\n<html></html>",
    );
    at(&format!("http://127.0.0.1:{page}")).fails("org", 78, None);

    let stranger = rcgen::KeyPair::generate().unwrap();
    let stranger = rcgen::CertificateParams::new(vec!["stranger".to_owned()]).unwrap().self_signed(&stranger).unwrap();
    fs::write(here.join("stranger.pem"), stranger.pem()).unwrap();
    doctor(here, &["--ca-file", "stranger.pem"]).fails("tls", 78, None);

    // Nobody is asked for the org: the proxy comes first.
    let mut proxied = keyholder(here);
    proxied.args(["doctor", "--env-file", ENV, "--url", "https://contoso.crm4.dynamics.com", "--output", "json"]);
    proxied.env("HTTPS_PROXY", format!("http://me:hunter2@{}", free_port()));
    let proxied = Found::of(&ended(&mut proxied));
    proxied.fails("proxy", 69, None);
    assert!(!proxied.told.to_string().contains("hunter2"), "{:#}", proxied.told);

    for (fault, check) in [("html", "org"), ("unavailable", "org"), ("drop-before", "connection")] {
        run(here, &["org", "fault", "add", fault, "--path", "*"]).done();
        doctor(here, &[]).fails(check, if fault == "html" { 78 } else { 69 }, None);
        run(here, &["org", "fault", "clear"]).done();
    }
    drop(org);
}

/// What stands on a server of one's own, and what is older than application users, is told as what it is.
#[test]
fn s24_s27_an_org_that_has_no_application_users_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let (here, port) = (folder.path(), free_port());
    run(here, &["quickstart", "--listen", &port]).done();
    let org = RunningOrg::start(here, &["--listen", &port, "--pretend", "on-premises"]);
    let found = doctor(here, &[]);
    let step = found.fails("org", 78, None);
    assert!(step["trouble"]["meaning"].as_str().unwrap().contains("on honour"), "{step:#}");
    drop(org);
    let _org = RunningOrg::start(here, &["--listen", &port, "--pretend", "older"]);
    let found = doctor(here, &[]);
    let step = found.fails("version", 78, None);
    assert_eq!(step["facts"]["version"], "8.1.0.512", "{step:#}");
    assert!(step["trouble"]["meaning"].as_str().unwrap().contains("December 2016 (8.2)"), "{step:#}");
}

#[test]
fn s14_what_is_wrong_with_the_sign_in_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (here, port) = (folder.path(), free_port());
    run(here, &["quickstart", "--listen", &port]).done();
    let _org = RunningOrg::start(here, &["--listen", &port]);

    doctor(here, &["--tenant", "11111111-2222-3333-4444-555555555555"]).fails("tenant", 78, None);
    doctor(here, &["--tenant", "nowhere.example"]).fails("tenant", 78, Some("AADSTS90002"));
    let stranger = doctor(here, &["--client-id", "11111111-2222-3333-4444-555555555555"]);
    stranger.fails("application", 77, Some("AADSTS700016"));

    fs::write(here.join("wrong.txt"), "wrong~secret~that~nobody~may~see").unwrap();
    let wrong = doctor(here, &["--client-secret-file", "wrong.txt"]);
    let step = wrong.fails("credential", 77, Some("AADSTS7000215"));
    assert!(
        step["trouble"]["requestId"].is_string()
            && step["trouble"]["command"].as_str().unwrap().contains("credential add")
    );
    assert_eq!(wrong.step("application")["state"], "ok");
    let text = run(here, &["doctor", "--env-file", ENV, "--client-secret-file", "wrong.txt"]);
    for words in ["FAILED", "AADSTS7000215", "means", "mend", "an owner of the app registration"] {
        assert!(text.out.contains(words), "no {words} in {}", text.out);
    }
    let is_short = |line: &str| line.chars().count() <= 100 || line.contains("such as  keyholder ");
    assert!(text.out.lines().all(is_short), "{}", text.out);
    assert!(!text.out.contains("nobody~may~see") && !text.err.contains("nobody~may~see"), "{text:#?}");

    let add = [
        "credential",
        "add",
        "orders-sync",
        "--certificate",
        "--save-key",
        "orders.pem",
        "--lifetime",
        "20d",
        "--local",
    ];
    run(here, &add).done();
    let soon = doctor(here, &["--certificate-file", "orders.pem"]);
    assert_eq!((soon.code, soon.with_state("warning")), (0, vec!["dates"]), "{:#}", soon.told);
    let command = soon.step("dates")["trouble"]["command"].as_str().unwrap();
    assert!(command.starts_with("keyholder rotate "), "{command}");
    is_a_command(command);
    run(here, &["org", "clock", "+25d"]).done();
    let ended = doctor(here, &["--certificate-file", "orders.pem"]);
    assert_eq!(ended.with_state("failed"), ["credential", "dates"], "{:#}", ended.told);
    assert_eq!((ended.code, ended.with_state("warning")), (77, vec!["clock"]), "{:#}", ended.told);
    run(here, &["org", "clock", "+4000d"]).done();
    let expired = doctor(here, &[]);
    expired.fails("credential", 77, Some("AADSTS7000222"));
    assert_eq!(expired.step("clock")["trouble"]["command"], "keyholder org clock --reset");
    is_a_command("keyholder org clock --reset");
    assert!(expired.step("clock")["told"].as_str().unwrap().contains("days behind"), "{:#}", expired.told);
    fs::write(here.join("broken.pem"), "nothing").unwrap();
    let broken = doctor(here, &["--certificate-file", "broken.pem"]);
    assert_eq!(broken.with_state("failed"), ["credential"], "{:#}", broken.told);
}

/// A world with an application of its own, whose way in is in `app.env`.
struct Case {
    world: World,
    folder: tempfile::TempDir,
    client: String,
}

impl Case {
    async fn new() -> Self {
        let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
        let admin = world.admin();
        let env = format!(
            "KEYHOLDER_ORG_URL={}\nKEYHOLDER_CA_FILE={}\nKEYHOLDER_CLIENT_ID={}\nKEYHOLDER_CLIENT_SECRET='{}'\n",
            world.origin(),
            world.file("ca.pem").display(),
            admin.client_id,
            admin.client_secret.expose(),
        );
        keyholder_platform::write_private(&folder.path().join("admin.env"), env.as_bytes()).unwrap();
        let create = ["app-user", "create", "orders", "--grant", "contact=read:organization", "--save-env", "app.env"];
        run(folder.path(), &[&create[..], &["--yes", "--env-file", "admin.env"]].concat()).done();
        let client = setting(&folder.path().join("app.env"), "KEYHOLDER_CLIENT_ID");
        Self { world, folder, client }
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        ended(keyholder(self.folder.path()).args(arguments))
    }

    /// A command as the doctor prints it, by the administrator.
    fn run_line(&self, command: &str) -> Ended {
        let words = command.split('\'').enumerate().flat_map(|(at, part)| match at % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        });
        let words: Vec<String> = words.skip(1).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).chain(["--yes", "--env-file", "admin.env"]).collect();
        self.run(&words)
    }

    fn doctor(&self, arguments: &[&str]) -> Found {
        Found::of(&self.run(&[&["doctor", "--env-file", "app.env", "--output", "json"], arguments].concat()))
    }

    async fn graph(&self, method: &str, path: &str, body: &Value) -> Value {
        let token = self.world.admin_token().await;
        let answer = self.world.graph(&token, method, path, Some(body)).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        answer.body
    }

    async fn api(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let token = self.world.admin_token().await;
        let answer = self.world.api(&token, method, path, body).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        answer.body
    }

    /// The application's user: its address and its roles.
    async fn user(&self) -> (String, Vec<String>) {
        let query = format!("systemusers?$select=systemuserid&$filter=applicationid eq {}", self.client);
        let found = self.api("GET", &query, None).await;
        let user = format!("systemusers({})", found["value"][0]["systemuserid"].as_str().unwrap());
        let roles = self.api("GET", &format!("{user}/systemuserroles_association?$select=roleid"), None).await;
        let roles = roles["value"].as_array().unwrap().iter().map(|role| role["roleid"].as_str().unwrap().to_owned());
        (user, roles.collect())
    }
}

const BESIDE: [&str; 2] = ["--administrator-env-file", "admin.env"];

#[tokio::test(flavor = "multi_thread")]
async fn s14_s26_what_is_wrong_in_the_directory_and_the_org_is_named_and_mended() {
    let case = Case::new().await;
    assert_eq!(case.doctor(&BESIDE).code, 0);

    let principal = format!("servicePrincipals(appId='{}')", case.client);
    case.graph("PATCH", &principal, &json!({"accountEnabled": false})).await;
    case.doctor(&[]).fails("application", 77, Some("AADSTS7000112"));
    case.graph("PATCH", &principal, &json!({"accountEnabled": true})).await;

    case.run(&["app-user", "disable", "orders", "--env-file", "admin.env"]).done();
    let disabled = case.doctor(&[]);
    let step = disabled.fails("enabled", 77, disabled.step("enabled")["trouble"]["code"].as_str());
    let command = step["trouble"]["command"].as_str().unwrap();
    assert_eq!(command, format!("keyholder app-user enable {}", case.client));
    let unasked = case.run(&["doctor", "--env-file", "app.env", "--administrator-env-file", "admin.env", "--mend"]);
    assert!(unasked.failed(64).contains("--yes"));
    case.doctor(&BESIDE).fails("enabled", 77, disabled.step("enabled")["trouble"]["code"].as_str());
    let mended = case.run(&[&["doctor", "--env-file", "app.env", "--mend", "--yes"], &BESIDE[..]].concat()).done();
    assert!(mended.contains("it is enabled"), "{mended}");
    assert_eq!(case.doctor(&[]).code, 0);

    let (user, roles) = case.user().await;
    for role in &roles {
        case.api("DELETE", &format!("{user}/systemuserroles_association({role})/$ref"), None).await;
    }
    case.doctor(&BESIDE).fails("roles", 77, Some("0x80042f09"));
    case.run(&[
        "role",
        "create",
        "Reads accounts",
        "--grant",
        "account=read:organization",
        "--yes",
        "--env-file",
        "admin.env",
    ])
    .done();
    let mend = ["doctor", "--env-file", "app.env", "--mend", "--role", "Reads accounts", "--yes"];
    case.run(&[&mend[..], &BESIDE[..]].concat()).done();
    let again = case.doctor(&[&["--can", "GET accounts?$top=1"], &BESIDE[..]].concat());
    assert_eq!(again.code, 0, "{:#}", again.told);

    // In the org twice deleted, in the directory there.
    case.api("PATCH", &user, Some(&json!({"isdisabled": true, "applicationid": case.client}))).await;
    case.api("DELETE", &user, None).await;
    case.api("DELETE", &user, None).await;
    let gone = case.doctor(&[]);
    gone.fails("user", 77, Some("0x80072560"));
    assert_eq!(gone.step("roles")["state"], "notChecked");
    case.run(&[&mend[..], &BESIDE[..]].concat()).done();
    assert_eq!(case.doctor(&[]).code, 0);
}

/// What mends one thing takes nothing else away, and touches no other org.
#[test]
fn s26_a_mend_takes_no_role_away_and_stays_in_the_examined_org() {
    let folder = tempfile::tempdir().unwrap();
    let (here, port) = (folder.path(), free_port());
    run(here, &["quickstart", "--listen", &port]).done();
    let org = RunningOrg::start(here, &["--listen", &port]);
    let tenant = org.ready["tenantDomain"].as_str().unwrap();
    let beside = ["--administrator-local"];
    let roles = || doctor(here, &beside).step("roles")["facts"]["roles"].clone();
    let before = roles();
    let create = ["role", "create", "Reads accounts", "--grant", "account=read:organization", "--yes", "--local"];
    run(here, &create).done();
    let mend = ["doctor", "--env-file", ENV, "--administrator-local", "--mend", "--role", "Reads accounts", "--yes"];

    // An org that is away for a moment is not mended by rights.
    run(here, &["org", "fault", "add", "unavailable", "--path", "*WhoAmI*"]).done();
    assert!(run(here, &mend).failed(69).contains("`--mend` can do nothing about that"));
    run(here, &["org", "fault", "clear"]).done();
    assert_eq!(roles(), before);

    run(here, &[&mend[..], &["--can", "GET accounts?$top=1"]].concat()).done();
    let after = roles();
    let has = |role: &Value| after.as_array().unwrap().contains(role);
    assert!(before.as_array().unwrap().iter().all(has) && has(&json!("Reads accounts")), "{before} {after}");

    // A name that no privilege has is no right that is missing.
    let unknown = doctor(here, &[&beside[..], &["--can", "prvReadAcount"]].concat());
    let step = unknown.fails("can", 65, None);
    assert!(step["told"].as_str().unwrap().contains("the org has no such privilege"), "{step:#}");

    let other = run(here, &["org", "add", "Other", "--tenant", tenant, "--output", "json"]).json();
    let other = other["url"].as_str().unwrap();
    let said = run(here, &[&mend[..], &["--url", other]].concat()).failed(78);
    assert!(said.contains("is examined") && said.contains(&format!("KEYHOLDER_ORG_URL={other}")), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s14_s19_what_an_application_may_not_do_is_named_and_so_is_what_is_used_up() {
    let case = Case::new().await;
    let asked = |can: &str, more: &[&str]| case.doctor(&[&["--can", can], more].concat());
    // It may not read its own rights: what reads is tried, what changes is not.
    assert_eq!(asked("GET contacts?$top=1", &[]).step("can")["state"], "ok");
    asked("GET accounts?$top=1", &[]).fails("can", 77, Some("0x80040220"));
    let change = asked("PATCH contacts(...)", &[]);
    assert_eq!((change.code, &change.step("can")["state"]), (0, &json!("notChecked")), "{:#}", change.told);

    let missing = asked("PATCH contacts(...)", &BESIDE);
    let step = missing.fails("can", 77, Some("0x80040220"));
    assert_eq!(step["facts"]["missing"], json!(["prvWriteContact"]), "{step:#}");
    let command = step["trouble"]["command"].as_str().unwrap();
    assert!(command.contains("--grant 'contact="), "{step:#}");
    // It does what it is there for: carried out, nothing is missing, and what it had it has.
    case.run_line(command).done();
    assert_eq!(asked("PATCH contacts(...)", &BESIDE).code, 0);
    assert_eq!(asked("GET contacts?$top=1", &[]).code, 0);
    asked("prvDeleteContact", &BESIDE).fails("can", 77, Some("0x80040220"));
    let typed = asked("prvNoSuch", &BESIDE);
    assert!(typed.fails("can", 65, None)["told"].as_str().unwrap().contains("no such privilege"), "{:#}", typed.told);
    let refused = asked("GET shipments", &BESIDE);
    refused.fails("can", 65, None);
    case.run(&["doctor", "--env-file", "app.env", "--can", "contacts"]).failed(64);
    // A table of the org's own is found in its metadata.
    let shipment = json!({
        "@odata.type": "Microsoft.Dynamics.CRM.EntityMetadata", "SchemaName": "new_Shipment", "OwnershipType": "UserOwned",
        "DisplayName": label("Shipment"), "DisplayCollectionName": label("Shipments"), "HasActivities": false, "HasNotes": false,
        "Attributes": [{"@odata.type": "Microsoft.Dynamics.CRM.StringAttributeMetadata", "SchemaName": "new_Name",
            "IsPrimaryName": true, "MaxLength": 100, "DisplayName": label("Name"),
            "RequiredLevel": {"Value": "None", "CanBeChanged": true}}],
    });
    case.api("POST", "EntityDefinitions", Some(&shipment)).await;
    let own = asked("DELETE new_shipments(...)", &BESIDE);
    let step = own.fails("can", 77, Some("0x80040220"));
    assert!(step["facts"]["missing"][0].as_str().unwrap().eq_ignore_ascii_case("prvDeletenew_Shipment"), "{step:#}");
}

fn label(text: &str) -> Value {
    json!({"LocalizedLabels": [{"Label": text, "LanguageCode": 1033}]})
}

#[test]
fn s19_limits_that_are_used_up_are_told_with_how_long_to_wait() {
    let folder = tempfile::tempdir().unwrap();
    let (here, port) = (folder.path(), free_port());
    run(here, &["quickstart", "--listen", &port]).done();
    let _org = RunningOrg::start(here, &["--listen", &port]);
    let client = setting(&here.join(ENV), "KEYHOLDER_CLIENT_ID");
    run(here, &["org", "fault", "add", "throttle", "--retry-after", "17", "--user", &client]).done();
    let found = doctor(here, &[]);
    let step = found.fails("limits", 69, Some("0x80072322"));
    assert!(step["trouble"]["mends"][0].as_str().unwrap().contains("17 seconds"), "{step:#}");
    run(here, &["org", "fault", "clear"]).done();
    run(here, &["org", "fault", "add", "unavailable", "--user", &client]).done();
    assert_eq!(doctor(here, &[]).with_state("failed"), ["user"]);
    run(here, &["org", "fault", "clear"]).done();
    assert_eq!(doctor(here, &[]).code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s26_people_are_known_by_their_access_modes() {
    let case = Case::new().await;
    let admin = case.world.admin();
    fs::write(case.folder.path().join("password.txt"), admin.password.expose()).unwrap();
    let person = [
        "doctor",
        "--url",
        &case.world.origin(),
        "--username",
        &admin.username,
        "--password-file",
        "password.txt",
        "--output",
        "json",
    ];
    let run_as = || {
        let mut command = keyholder(case.folder.path());
        Found::of(&ended(command.args(person).env("KEYHOLDER_CA_FILE", case.world.file("ca.pem"))))
    };
    let found = run_as();
    assert_eq!(found.code, 0, "{:#}", found.told);
    assert!(!found.told.to_string().contains(admin.password.expose()));
    let name = &admin.username;
    let users =
        case.api("GET", &format!("systemusers?$select=systemuserid&$filter=domainname eq '{name}'"), None).await;
    let user = format!("systemusers({})", users["value"][0]["systemuserid"].as_str().unwrap());
    case.api("PATCH", &user, Some(&json!({"accessmode": 4}))).await;
    let slot = run_as();
    assert_eq!(slot.with_state("failed"), [""; 0], "{:#}", slot.told);
    assert!(slot.step("access-mode")["told"].as_str().unwrap().contains("non-interactive"), "{:#}", slot.told);
    case.api("PATCH", &user, Some(&json!({"accessmode": 1}))).await;
    let settings_only = run_as();
    assert!(settings_only.with_state("failed").contains(&"access-mode"), "{:#}", settings_only.told);
}
