//! An org whose answers cost nothing: bytes that were made before, so that what is measured is the client.
//!
//! It takes any secret, believes any token, and says of every request that it was carried out. What clients ask of its
//! tables is asked of a real local org, once. How many rows a request had is counted in its body.

mod answers;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, request};
use keyholder_foundation::{SystemClock, WallClock};
use keyholder_org::Settings;
use keyholder_org::certificates::Authority;
use keyholder_org::serve::{self, Admission, Admitted, Answer, BoxFuture};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::Failure;
use crate::http_client::{Target, send};
use crate::org_process::Org;
use crate::server::Started;
use answers::{Answers, Kind};

/// Makes this program the server.
pub(crate) const ARGUMENT: &str = "serve-free";
/// The token that the real org is asked with.
const TOKEN: &str = "FREE_UPSTREAM_TOKEN";
/// The largest body that is read, in bytes.
const LARGEST: usize = 64 << 20;
/// The application that every client is.
const CLIENT: &str = "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001";

/// Such a server, in a process of its own.
pub(crate) struct Free {
    // Kept: it ends with this.
    _started: Started,
    environment: Vec<(String, String)>,
}

impl Free {
    /// Starts one that pages through so many rows, and knows of tables what `org` knows. Its files are in `folder`.
    pub(crate) async fn start(org: &Org, folder: &Path, rows: u32) -> Result<Self, Failure> {
        let token = org.token(org.token_request()).await?;
        let (port, rows) = (org.port()?.to_string(), rows.to_string());
        let arguments = [ARGUMENT, &port, org.ca_file(), &rows];
        let started = Started::new(&std::env::current_exe()?, &arguments, &[(TOKEN, &token)]).await?;
        let ca_file = folder.join("free.pem");
        std::fs::write(&ca_file, started.ready["ca"].as_str().unwrap_or_default())?;
        let origin = format!("https://localhost:{}", started.port()?);
        let environment = [
            ("ORG_URL", origin.as_str()),
            ("AUTHORITY", &origin),
            ("TENANT_ID", answers::TENANT),
            ("CLIENT_ID", CLIENT),
            ("CLIENT_SECRET", "any"),
            ("CA_FILE", &ca_file.to_string_lossy()),
        ];
        let environment = environment.map(|(name, value)| (format!("KEYHOLDER_{name}"), value.to_owned())).into();
        Ok(Self { _started: started, environment })
    }

    /// What clients are told of it.
    pub(crate) fn environment(&self) -> &[(String, String)] {
        &self.environment
    }
}

/// Serves until killed; prints its port and its CA on one line of JSON.
pub(crate) async fn run(arguments: &[String]) -> Result<(), Failure> {
    let [port, ca_file, rows] = arguments else { return Err("a port, a file and a number are missing".into()) };
    let upstream = Target::new(port.parse()?, &std::fs::read_to_string(ca_file)?)?;
    let token = std::env::var(TOKEN)?;
    let authority = Authority::create(None, SystemClock::new().now())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = authority.server_config(None, SystemClock::new().now(), &provider)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let answers = Answers::new(&format!("https://localhost:{port}"), rows.parse()?);
    println!("{}", serde_json::json!({"port": port, "ca": authority.certificate_pem}));
    let (_stop, stopped) = watch::channel(false);
    let answer = Arc::new(Server { answers, upstream, token, asked: Mutex::default() });
    serve::serve(listener, Some(Arc::new(tls)), answer, serve::connections(Settings::default().sleep), stopped).await;
    Ok(())
}

struct Server {
    answers: Answers,
    /// The org that knows of tables.
    upstream: Target,
    token: String,
    /// What it has said.
    asked: Mutex<HashMap<String, Bytes>>,
}

impl Server {
    /// What the real org says of this path.
    async fn ask(&self, path: String) -> Response<Bytes> {
        let known = self.asked.lock().unwrap_or_else(PoisonError::into_inner).get(&path).cloned();
        let body = match known {
            Some(body) => body,
            None => match self.upstream(&path).await {
                Ok(body) => {
                    self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(path, body.clone());
                    body
                }
                Err(error) => {
                    eprintln!("{path}: {error}");
                    return answers::status(StatusCode::NOT_FOUND);
                }
            },
        };
        answers::json(body)
    }

    async fn upstream(&self, path: &str) -> Result<Bytes, Failure> {
        send(&mut self.upstream.connect().await?, Org::with_token(path, &self.token)?).await
    }
}

impl Answer for Server {
    fn answer(self: Arc<Self>, _: SocketAddr, request: Request<Bytes>) -> BoxFuture<Response<Bytes>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let kind = kind(&head);
        let ready = match kind {
            Kind::Tables => {
                return Box::pin({
                    let path = path.to_owned();
                    async move { self.ask(path).await }
                });
            }
            kind => self.answers.to(kind, path, &body),
        };
        Box::pin(std::future::ready(ready))
    }

    fn admit<'a>(&'a self, _: &'a request::Parts) -> Admission<'a> {
        Box::pin(std::future::ready(Ok(Admitted { limit: LARGEST, known: true })))
    }
}

/// What is asked.
fn kind(head: &request::Parts) -> Kind {
    let path = head.uri.path();
    let Some(below) = path.strip_prefix("/api/data/v9.2/").or_else(|| path.strip_prefix("/api/data/v9.2")) else {
        return if head.method == Method::POST { Kind::Token } else { Kind::Authority };
    };
    if !head.headers.contains_key(header::AUTHORIZATION) {
        return Kind::Challenge;
    }
    match below {
        "WhoAmI" | "WhoAmI()" => Kind::WhoAmI,
        "$batch" => Kind::Batch,
        "contacts" if head.method == Method::GET => Kind::Page,
        _ if head.method == Method::GET => Kind::Tables,
        _ if below.ends_with("Multiple") => Kind::Multiple,
        _ => Kind::Single,
    }
}

/// A header's value of bytes that are known to be good ones.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
