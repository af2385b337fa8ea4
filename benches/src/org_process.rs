//! A local org, or the constant server, as a process of its own under load.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use keyholder_foundation::{MonotonicClock, SystemClock};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::http_client::{Target, send};
use crate::report::Load;
use crate::{Failure, process};

/// A server process.
struct Server {
    child: Child,
    _out: Lines<BufReader<ChildStdout>>,
    target: Target,
}

impl Server {
    fn pid(&self) -> Result<u32, Failure> {
        self.child.id().ok_or_else(|| "the server has ended".into())
    }

    async fn load(&self, request: &Request<Full<Bytes>>, connections: usize, time: Duration) -> Result<Load, Failure> {
        // Caches and connections settle in a fifth of the measured time.
        self.target.load(request, connections, time / 5).await?;
        let (pid, clock) = (self.pid()?, SystemClock::new());
        let before = process::cpu_micros(pid)?;
        let mut times = self.target.load(request, connections, time).await?;
        let (wall, cpu) = (clock.elapsed().as_secs_f64(), process::cpu_micros(pid)? - before);
        times.sort_by(f64::total_cmp);
        let answered = times.len() as f64;
        let p99_millis = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
        Ok(Load { per_second: answered / wall, cpu_micros: cpu / answered, p99_millis })
    }
}

async fn start(program: &Path, arguments: &[&str]) -> Result<(Child, Lines<BufReader<ChildStdout>>, Value), Failure> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut out = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    let line = out.next_line().await?.ok_or("the server ended at once")?;
    Ok((child, out, serde_json::from_str(&line)?))
}

/// A local org.
pub(crate) struct Org {
    server: Server,
    /// From the process's start to its first answered request, in milliseconds.
    pub(crate) first_answer_millis: f64,
    environment: Vec<(String, String)>,
}

impl Org {
    /// Starts `keyholder org start` on a data folder inside `folder` and asks it one thing.
    pub(crate) async fn start(keyholder: &Path, folder: &Path) -> Result<Self, Failure> {
        let data = folder.join("data");
        let clock = SystemClock::new();
        let path = data.to_string_lossy().into_owned();
        let arguments = ["org", "start", "--data", &path, "--listen", "127.0.0.1:0", "--output", "json"];
        let (child, out, ready) = start(keyholder, &arguments).await?;
        let origin = ready["origin"].as_str().ok_or("the ready event has no origin")?;
        let port: u16 = origin.rsplit(':').next().unwrap_or_default().parse()?;
        let target =
            Target::new(SocketAddr::from(([127, 0, 0, 1], port)), &std::fs::read_to_string(data.join("ca.pem"))?)?;
        let request = Request::get("/common/.well-known/openid-configuration").header(header::HOST, "localhost");
        send(&mut target.connect().await?, request.body(Full::default())?).await?;
        let first_answer_millis = clock.elapsed().as_secs_f64() * 1e3;
        let environment = std::fs::read_to_string(data.join("org.env"))?
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
            .collect();
        Ok(Self { server: Server { child, _out: out, target }, first_answer_millis, environment })
    }

    fn setting(&self, name: &str) -> &str {
        self.environment.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn resident_megabytes(&self) -> Result<f64, Failure> {
        process::resident_megabytes(self.server.pid()?)
    }

    /// A token request by the administering application's secret.
    pub(crate) fn token_request(&self) -> Request<Full<Bytes>> {
        let encode = |text: &str| text.replace('%', "%25").replace('+', "%2B").replace('&', "%26").replace('=', "%3D");
        let body = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={}/.default",
            self.setting("KEYHOLDER_ADMIN_CLIENT_ID"),
            encode(self.setting("KEYHOLDER_ADMIN_CLIENT_SECRET")),
            self.setting("KEYHOLDER_ORG_URL"),
        );
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = http::Method::POST;
        let path = format!("/{}/oauth2/v2.0/token", self.setting("KEYHOLDER_TENANT_ID"));
        *request.uri_mut() = path.parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.insert(header::HOST, http::HeaderValue::from_static("localhost"));
        let form = http::HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        request
    }

    /// A Web API request with a token.
    pub(crate) async fn api_request(&self, path: &str) -> Result<Request<Full<Bytes>>, Failure> {
        let answer = send(&mut self.server.target.connect().await?, self.token_request()).await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let token = answer["access_token"].as_str().ok_or("no token")?;
        Ok(Request::get(format!("/api/data/v9.2/{path}"))
            .header(header::HOST, "localhost")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::ACCEPT, "application/json")
            .body(Full::default())?)
    }

    pub(crate) async fn load(
        &self,
        request: &Request<Full<Bytes>>,
        connections: usize,
        time: Duration,
    ) -> Result<Load, Failure> {
        self.server.load(request, connections, time).await
    }

    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        Ok(self.server.child.kill().await?)
    }
}

/// The constant server.
pub(crate) struct Constant(Server);

impl Constant {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let me = std::env::current_exe()?;
        let (child, out, ready) = start(&me, &[crate::constant::ARGUMENT]).await?;
        let port = ready["port"].as_u64().and_then(|port| u16::try_from(port).ok()).ok_or("no port")?;
        let target = Target::new(SocketAddr::from(([127, 0, 0, 1], port)), ready["ca"].as_str().unwrap_or_default())?;
        Ok(Self(Server { child, _out: out, target }))
    }

    pub(crate) async fn load(&self, connections: usize, time: Duration) -> Result<Load, Failure> {
        let request = Request::get("/").header(header::HOST, "localhost").body(Full::default())?;
        self.0.load(&request, connections, time).await
    }

    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        Ok(self.0.child.kill().await?)
    }
}
