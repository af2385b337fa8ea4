//! People: `login` by browser, by device code and by the Azure CLI, what it keeps, and `logout`.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use keyholder_client::credential::{AZURE_CLI, DeviceCodePrompt, ShowDeviceCode};
use keyholder_client::time::Sleep;
use keyholder_client::transport::Network;
use keyholder_client::{Credential, CredentialChoice, DeviceCode, Error, Http, NetworkOptions, SignInError};
use keyholder_foundation::SystemClock;
use keyholder_service_users::Administrator;
use keyholder_testkit::World;

use crate::person::{Led, Person};
use crate::program::{Ended, ended, keyholder};

fn command(world: &World, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = keyholder(folder);
    command.args(arguments).env("KEYHOLDER_CA_FILE", world.file("ca.pem"));
    command.env("KEYHOLDER_ORG_URL", world.origin());
    command
}

fn run(world: &World, folder: &Path, arguments: &[&str]) -> Ended {
    ended(&mut command(world, folder, arguments))
}

/// Runs `login --browser` while a person signs in; what the browser is told, and how the command ended.
async fn login_by_browser(world: &World, folder: &Path, more: &[&str]) -> (String, Ended) {
    let mut command = command(world, folder, &["login", "--browser"]);
    let mut child = command.args(more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    err.read_line(&mut line).unwrap();
    let page = line.split_once(": https://").map(|(_, rest)| format!("https://{}", rest.trim()));
    let page = page.unwrap_or_else(|| panic!("{line}"));
    let Led::Back(back) = Person::default().sign_in(world, &page).await else { panic!("the sign-in led to a page") };
    let back = url::Url::parse(&back).unwrap();
    let mut stream = TcpStream::connect(("localhost", back.port().unwrap())).unwrap();
    let target = format!("{}?{}", back.path(), back.query().unwrap());
    write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).unwrap();
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    (told, Ended { status: output.status, out: String::from_utf8(output.stdout).unwrap(), err: line + &rest })
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_a_person_signs_in_by_browser_once_for_all_commands() {
    let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
    let name = world.admin().username.clone();
    let (told, login) = login_by_browser(&world, folder.path(), &["--output", "json"]).await;
    assert!(told.starts_with("HTTP/1.1 200") && told.contains("You may close this page"), "{told}");
    let facts = login.json();
    assert_eq!((&facts["username"], &facts["tenantId"]), (&name.clone().into(), &world.tenant().into()), "{facts}");
    assert!(facts["userId"].is_string() && facts["directory"].is_string(), "{facts}");
    let file = folder.path().join("state/keyholder/sign-ins.json");
    assert!(keyholder_platform::is_private(&file).unwrap());

    let me = run(&world, folder.path(), &["whoami", "--output", "json"]).json();
    assert_eq!(me["userId"], facts["userId"]);
    let kept = fs::read_to_string(&file).unwrap();
    let refresh = kept.split("\"refreshToken\": \"").nth(1).unwrap().split('"').next().unwrap();
    let list = run(&world, folder.path(), &["login", "--list"]);
    assert!(list.out.contains(&name) && !list.out.contains(refresh), "{list:?}");
    run(&world, folder.path(), &["query", "contacts?$top=1"]).done();

    // An application's credential in the environment comes before what is kept.
    let mut application = command(&world, folder.path(), &["whoami"]);
    application.env("KEYHOLDER_CLIENT_ID", &world.admin().client_id).env("KEYHOLDER_CLIENT_SECRET", "wrong");
    ended(&mut application).failed(77);

    let said = run(&world, folder.path(), &["whoami", "--username", "bob@contoso.com"]).failed(78);
    assert!(said.contains("nobody is signed in") && said.contains("bob@contoso.com"), "{said}");
    let gone = run(&world, folder.path(), &["logout"]).done();
    assert!(gone.contains(&name), "{gone}");
    assert!(!fs::read_to_string(&file).unwrap().contains(refresh));
    let said = run(&world, folder.path(), &["whoami"]).failed(78);
    assert!(said.contains("nobody is signed in") && said.contains("keyholder login"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_for_one_token_service_is_not_sent_to_another() {
    let (world, other) = (World::start().await, World::start().await);
    let folder = tempfile::tempdir().unwrap();
    // Where the person has to go is said even to those who want to hear nothing else.
    login_by_browser(&world, folder.path(), &["--quiet"]).await.1.done();
    let mut command = command(&world, folder.path(), &["whoami", "--url", &other.origin()]);
    let said = ended(command.env("KEYHOLDER_CA_FILE", other.file("ca.pem"))).failed(78);
    assert!(said.contains("nobody is signed in"), "{said}");
    // Nor is it forgotten when it is the other's that is meant.
    let (url, ca) = (other.origin(), other.file("ca.pem"));
    let file = format!("KEYHOLDER_ORG_URL={url}\nKEYHOLDER_ORIGIN={url}\nKEYHOLDER_CA_FILE={}\n", ca.display());
    keyholder_platform::write_private(&folder.path().join("other.env"), file.as_bytes()).unwrap();
    let gone = run(&world, folder.path(), &["logout", "--env-file", "other.env"]).done();
    assert!(gone.contains("nobody was signed in"), "{gone}");
    run(&world, folder.path(), &["whoami"]).done();
    // The token service alone says which sign-ins are meant as well.
    let logout = |more: &[&str]| ended(keyholder(folder.path()).arg("logout").args(more));
    let gone = logout(&["--authority", &other.origin()]).done();
    assert!(gone.contains("nobody was signed in"), "{gone}");
    assert!(logout(&["--authority", "localhost"]).failed(78).contains("--authority"));
    let gone = logout(&["--authority", &format!("{}/common", world.origin())]).done();
    assert!(gone.contains("forgotten"), "{gone}");
    run(&world, folder.path(), &["whoami"]).failed(78);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exposed_or_damaged_file_of_sign_ins_stops_everything_but_logout() {
    let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
    login_by_browser(&world, folder.path(), &[]).await.1.done();
    let file = folder.path().join("state/keyholder/sign-ins.json");
    let good = fs::read(&file).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let said = run(&world, folder.path(), &["whoami"]).failed(78);
        assert!(said.contains("others can read"), "{said}");
    }
    keyholder_platform::write_private(&file, &good[..good.len() - 9]).unwrap();
    let said = run(&world, folder.path(), &["whoami"]).failed(78);
    assert!(said.contains("damaged") && said.contains("sign in again"), "{said}");
    run(&world, folder.path(), &["logout", "--all"]).done();
    assert!(!file.exists());
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_azure_cli_signs_in_whoever_it_has() {
    use std::os::unix::fs::PermissionsExt;
    let (world, folder) = (World::start().await, tempfile::tempdir().unwrap());
    let token = world.admin_token().await;
    let json = format!(r#"{{"accessToken": "{token}", "expires_on": 4000000000, "tokenType": "Bearer"}}"#);
    fs::write(folder.path().join("az"), format!("#!/bin/sh\necho '{json}'\n")).unwrap();
    fs::set_permissions(folder.path().join("az"), fs::Permissions::from_mode(0o700)).unwrap();
    let path = crate::sign_in::path_with(folder.path());
    let az = |arguments: &[&str]| ended(command(&world, folder.path(), arguments).env("PATH", &path));
    az(&["whoami", "--azure-cli"]).done();
    let facts = az(&["login", "--azure-cli", "--output", "json"]).json();
    assert_eq!(facts["by"], "azureCli");
    az(&["whoami"]).done();
    fs::write(
        folder.path().join("az"),
        "#!/bin/sh\necho \"ERROR: Please run 'az login' to setup account.\" >&2\nexit 1\n",
    )
    .unwrap();
    let said = az(&["whoami"]).failed(78);
    assert!(said.contains("az login"), "{said}");
    let said = ended(command(&world, folder.path(), &["whoami", "--azure-cli"]).env("PATH", "/nonexistent")).failed(78);
    assert!(said.contains("not installed"), "{said}");
}

#[test]
fn login_needs_to_know_where() {
    let folder = tempfile::tempdir().unwrap();
    let bare = |arguments: &[&str]| ended(keyholder(folder.path()).args(arguments));
    let said = bare(&["login"]).failed(78);
    assert!(said.contains("--url") && said.contains("--tenant"), "{said}");
    let said = bare(&["login", "--tenant", "con/toso"]).failed(78);
    assert!(said.contains("tenant"), "{said}");
    assert_eq!(bare(&["login", "--browser", "--device-code"]).code(), 64);
    assert!(bare(&["login", "--list"]).done().contains("nobody is signed in"));
    assert!(bare(&["logout"]).done().contains("nobody was signed in"));
    let mut homeless = keyholder(folder.path());
    let said = ended(homeless.args(["login", "--list"]).env_remove("XDG_STATE_HOME").env_remove("HOME")).failed(78);
    assert!(said.contains("XDG_STATE_HOME"), "{said}");
}

/// A person at another machine, who acts while the program waits; no time passes but the org's.
#[derive(Clone)]
struct Elsewhere {
    world: Arc<World>,
    button: &'static str,
    shown: Arc<Mutex<Vec<DeviceCodePrompt>>>,
}

impl std::fmt::Debug for Elsewhere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Elsewhere")
    }
}

impl ShowDeviceCode for Elsewhere {
    fn show(&self, prompt: &DeviceCodePrompt) {
        self.shown.lock().unwrap().push(prompt.clone());
    }
}

impl Sleep for Elsewhere {
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let this = self.clone();
        Box::pin(async move {
            this.world.advance(duration);
            let prompt = this.shown.lock().unwrap().pop();
            if let Some(prompt) = prompt.filter(|_| this.button != "wait") {
                let mut person = Person::default();
                person.enter_code(&this.world, &prompt.verification_uri, &prompt.user_code, this.button).await;
            }
        })
    }
}

async fn by_device_code(button: &'static str) -> Result<Administrator, Error> {
    let world = Arc::new(World::start().await);
    let elsewhere = Arc::new(Elsewhere { world: world.clone(), button, shown: Arc::default() });
    let options = NetworkOptions { ca_file: Some(world.file("ca.pem")), ..NetworkOptions::default() };
    let http = Http::new(Arc::new(Network::new(options)?), Arc::new(SystemClock::new()), elsewhere.clone());
    let credential: Arc<dyn Credential> = Arc::new(DeviceCode::new(AZURE_CLI, elsewhere));
    let mut connection = world.connection();
    connection.credential = CredentialChoice::Own(credential);
    let administrator = Administrator::connect(connection, http).await?;
    administrator.org.who_am_i().await?;
    // The same sign-in opens the directory: nobody is asked a second time.
    administrator.graph.organization().await?;
    Ok(administrator)
}

#[tokio::test(flavor = "multi_thread")]
async fn s16_a_person_signs_in_on_another_device_for_the_org_and_the_directory() {
    by_device_code("accept").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_sign_in_that_is_declined_or_forgotten_is_told() {
    let error = by_device_code("decline").await.unwrap_err();
    assert!(matches!(error, Error::SignIn(SignInError::Declined)), "{error:?}");
    let error = by_device_code("wait").await.unwrap_err();
    assert!(matches!(error, Error::SignIn(SignInError::TimedOut { .. })), "{error:?}");
}
