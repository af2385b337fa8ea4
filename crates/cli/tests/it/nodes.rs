//! Orgs that are killed in the middle of a load, spoken to through the Web API: the one process of a data
//! folder, and one of several nodes on a database of PostgreSQL.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use keyholder_client::{Http, NetworkOptions};
use serde_json::{Value, json};

use crate::documents::fenced;
use crate::program::{RunningOrg, ended, free_port, keyholder};

/// After this many acknowledged rows the org is killed.
const ROWS: usize = 60;
/// How many write at once.
const WRITERS: usize = 4;

/// The Web API of one process, asked over plain http as its administering application.
#[derive(Clone)]
struct Api {
    http: Arc<Http>,
    base: String,
    token: String,
}

impl Api {
    /// Signs in with the `org.env` of a data folder.
    async fn sign_in(data: &Path, base: &str) -> Self {
        let env = fs::read_to_string(data.join("org.env")).unwrap();
        let setting = |name: &str| {
            let line = env.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
            line.unwrap().trim_matches('\'').to_owned()
        };
        let http = Arc::new(Http::over_network(NetworkOptions::default()).unwrap());
        let mut api = Self { http, base: base.to_owned(), token: String::new() };
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &setting("KEYHOLDER_ADMIN_CLIENT_ID"))
            .append_pair("client_secret", &setting("KEYHOLDER_ADMIN_CLIENT_SECRET"))
            .append_pair("scope", &format!("{}/.default", setting("KEYHOLDER_ORG_URL")))
            .finish();
        let path = format!("/{}/oauth2/v2.0/token", setting("KEYHOLDER_TENANT_ID"));
        let (status, body) = api.post(&path, "application/x-www-form-urlencoded", form).await.unwrap();
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        body["access_token"].as_str().unwrap().clone_into(&mut api.token);
        api
    }

    /// The status and body of the answer; nothing when nobody answers any more.
    async fn post(&self, path: &str, content_type: &str, body: String) -> Option<(u16, String)> {
        self.ask("POST", path, content_type, body).await
    }

    async fn ask(&self, method: &str, path: &str, content_type: &str, body: String) -> Option<(u16, String)> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("content-type", content_type);
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        let request = request.body(body.into()).unwrap();
        let answer = self.http.send(&request).await.ok()?;
        Some((answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned()))
    }

    /// One row by itself; whether that was acknowledged.
    async fn one(&self, name: &str) -> Option<bool> {
        let body = json!({"lastname": name}).to_string();
        let (status, _) = self.post("/api/data/v9.2/contacts", "application/json", body).await?;
        Some(status == 204)
    }

    /// Two rows in one change set; whether that was acknowledged.
    async fn pair(&self, name: &str) -> Option<bool> {
        let mut body = "--b\r\nContent-Type: multipart/mixed; boundary=set\r\n\r\n".to_owned();
        for (id, half) in ["a", "b"].iter().enumerate() {
            let row = json!({"lastname": format!("{name} {half}")});
            body += &format!(
                "--set\r\nContent-Type: application/http\r\nContent-ID: {id}\r\n\r\nPOST /api/data/v9.2/contacts \
                 HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{row}\r\n"
            );
        }
        body += "--set--\r\n--b--\r\n";
        let (status, text) = self.post("/api/data/v9.2/$batch", "multipart/mixed; boundary=b", body).await?;
        Some(status == 200 && text.matches("204 No Content").count() == 2)
    }

    /// The names of all rows of the load.
    async fn names(&self) -> Vec<String> {
        let path = "/api/data/v9.2/contacts?$select=lastname&$filter=startswith(lastname,'load')";
        let (status, text) = self.ask("GET", path, "application/json", String::new()).await.unwrap();
        assert_eq!(status, 200, "{text}");
        let body: Value = serde_json::from_str(&text).unwrap();
        let rows = body["value"].as_array().unwrap().iter();
        rows.map(|row| row["lastname"].as_str().unwrap().to_owned()).collect()
    }
}

/// Writes until the org is killed, which happens in the middle of it; gives what was acknowledged.
async fn kill_in_the_middle(api: &Api, org: RunningOrg) -> Vec<String> {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let (enough, mut reached) = tokio::sync::watch::channel(0);
    let enough = Arc::new(enough);
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (api, kept, enough) = (api.clone(), Arc::clone(&kept), Arc::clone(&enough));
            tokio::spawn(async move {
                for number in 0.. {
                    let name = format!("load {writer} {number}");
                    let is_pair = number % 2 == 1;
                    let answered = if is_pair { api.pair(&name).await } else { api.one(&name).await };
                    match answered {
                        Some(true) if is_pair => {
                            kept.lock().unwrap().extend([format!("{name} a"), format!("{name} b")]);
                        }
                        Some(true) => kept.lock().unwrap().push(name),
                        // Nobody answers any more, or answers that something is wrong: then nothing is promised.
                        Some(false) | None => return,
                    }
                    enough.send_replace(kept.lock().unwrap().len());
                }
            })
        })
        .collect();
    reached.wait_for(|rows| *rows >= ROWS).await.unwrap();
    // Dropping kills with SIGKILL.
    drop(org);
    for writer in writers {
        writer.await.unwrap();
    }
    let kept = kept.lock().unwrap().clone();
    assert!(kept.len() >= ROWS);
    kept
}

/// Every acknowledged row is there, and no half of a change set.
fn assert_whole(found: &[String], acknowledged: &[String]) {
    let lost: Vec<_> = acknowledged.iter().filter(|name| !found.contains(name)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    for name in found {
        let other = match (name.strip_suffix(" a"), name.strip_suffix(" b")) {
            (Some(pair), _) => format!("{pair} b"),
            (_, Some(pair)) => format!("{pair} a"),
            _ => continue,
        };
        assert!(found.contains(&other), "half a change set: {name}");
    }
}

#[tokio::test]
async fn a_killed_org_has_every_acknowledged_row_and_no_half_change_set() {
    let folder = tempfile::tempdir().unwrap();
    let (data, http) = (folder.path().join(".keyholder"), free_port());
    let arguments = ["--listen", "127.0.0.1:0", "--http", &http];
    let org = RunningOrg::start(folder.path(), &arguments);
    let base = format!("http://{http}");
    let api = Api::sign_in(&data, &base).await;
    let acknowledged = kill_in_the_middle(&api, org).await;
    let _again = RunningOrg::start(folder.path(), &arguments);
    assert_whole(&Api::sign_in(&data, &base).await.names().await, &acknowledged);
}

/// The environment of a node in `folder`, as the documents describe it.
fn node<'a>(folder: &Path, url: &str) -> [(&'a str, &'a str); 1] {
    fs::write(folder.join("database-url.txt"), format!("{url}\n")).unwrap();
    fs::write(folder.join("master.key"), format!("{}\n", "5e".repeat(32))).unwrap();
    [("KEYHOLDER_MASTER_KEY_FILE", "master.key")]
}

#[tokio::test]
async fn a_killed_node_loses_nothing_that_was_acknowledged_and_the_others_go_on() {
    let Some(cluster) = keyholder_cluster::server() else { return };
    let folder = tempfile::tempdir().unwrap();
    let environment = node(folder.path(), &cluster.fresh_database());
    // As the documents show it, but for the addresses: here all nodes are on one machine.
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/local-org.md")).unwrap();
    let shown =
        fenced(&document).into_iter().find_map(|line| Some(line.strip_prefix("keyholder org start ")?.to_owned()));
    let shown = shown.unwrap();
    assert!(shown.contains("--database-url-file database-url.txt"), "{shown}");
    let listen = free_port();
    let start = |data: &str, address: &str, http: &str| {
        let shown =
            shown.replace("node-1", data).replace("0.0.0.0:443", address).replace("org.example.com", "localhost");
        let mut arguments: Vec<&str> = shown.split_whitespace().collect();
        arguments.extend(["--http", http]);
        RunningOrg::start_with(folder.path(), &arguments, &environment)
    };
    let (first_http, second_http) = (free_port(), free_port());
    let first = start("node-1", &listen, &first_http);
    let second = start("node-2", &listen.replace("127.0.0.1", "127.0.0.2"), &second_http);
    assert_eq!(first.ready["origin"], second.ready["origin"]);

    let data = folder.path().join("node-1");
    let api = Api::sign_in(&data, &format!("http://{first_http}")).await;
    let acknowledged = kill_in_the_middle(&api, first).await;
    // The token of the killed node is good at the other, which goes on.
    let other = Api { base: format!("http://{second_http}"), ..api };
    assert_whole(&other.names().await, &acknowledged);
    assert_eq!(other.one("load goes on").await, Some(true));
    let first = start("node-1", &listen, &first_http);
    let again = Api::sign_in(&data, &format!("http://{first_http}")).await;
    assert!(again.names().await.contains(&"load goes on".to_owned()));
    drop(first);
}

#[test]
fn a_database_that_cannot_be_had_is_said_so_and_never_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let url = |text: &str| fs::write(folder.path().join("database-url.txt"), text).unwrap();
    fs::write(folder.path().join("short.key"), "5e5e").unwrap();
    let start = |key: Option<&str>, code: i32| {
        let mut command = keyholder(folder.path());
        command.args(["org", "start", "--listen", "127.0.0.1:0", "--database-url-file", "database-url.txt"]);
        command.envs(key.map(|file| ("KEYHOLDER_MASTER_KEY_FILE", file)));
        let said = ended(&mut command).failed(code);
        assert!(!said.contains("hunter2") && !said.contains("5e5e"), "{said}");
        said
    };
    node(folder.path(), "postgres://me:hunter2@127.0.0.1:1/world");
    assert!(start(None, 64).contains("KEYHOLDER_MASTER_KEY_FILE"));
    assert!(start(Some("short.key"), 64).contains("64 hexadecimal digits"));
    assert!(start(Some("master.key"), 73).contains("database world at 127.0.0.1:1"));
    // A database that nobody has met ties the folder to nothing: the next URL is tried as well.
    url("postgres://me:hunter2@127.0.0.1:1/mended");
    assert!(start(Some("master.key"), 73).contains("database mended at 127.0.0.1:1"));
    let tied = folder.path().join(".keyholder/database.json");
    assert!(!tied.exists());
    // One that is tied says what to, and what it was given.
    fs::write(&tied, r#"{"format":1,"place":"postgres://127.0.0.1:1/world"}"#).unwrap();
    let said = start(Some("master.key"), 78);
    assert!(
        said.contains("postgres://127.0.0.1:1/world,") && said.contains("postgres://127.0.0.1:1/mended:"),
        "{said}"
    );
    fs::remove_file(&tied).unwrap();
    url("postgres://me:hunter2@localhost/world?sslmode=require");
    assert!(start(Some("master.key"), 64).contains("sslmode=require"));
    url("postgres://me:hunter2@localhost:hunter2/world");
    assert!(start(Some("master.key"), 64).contains("its port"));
    url("mysql://me:hunter2@localhost/world");
    assert!(start(Some("master.key"), 64).contains("postgres://USER:PASSWORD@HOST:PORT/DATABASE"));
    url("");
    assert!(start(Some("master.key"), 78).contains("holds no database's URL"));
    // A file with a password in it that others can read is told of, as any other.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let rights = |name: &str, mode| {
            fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        url("postgres://me:hunter2@127.0.0.1:1/world");
        for (mode, told) in [(0o644, true), (0o600, false)] {
            rights("database-url.txt", mode);
            rights("master.key", mode);
            let said = start(Some("master.key"), 73);
            for file in ["database-url.txt", "master.key"] {
                assert_eq!(said.contains(&format!("others can read `{file}`: `chmod 600` it")), told, "{said}");
            }
        }
    }
}
