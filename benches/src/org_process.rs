//! A local org as a process of its own.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use keyholder_foundation::{MonotonicClock, SystemClock};
use serde_json::Value;

use crate::Failure;
use crate::http_client::{Target, send};
use crate::report::Load;
use crate::server::{Server, Started};

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
        let started = Started::new(keyholder, &arguments).await?;
        let origin = started.ready["origin"].as_str().ok_or("the ready event has no origin")?;
        let port: u16 = origin.rsplit(':').next().unwrap_or_default().parse()?;
        let target = Target::new(port, &std::fs::read_to_string(data.join("ca.pem"))?)?;
        let request = Request::get("/common/.well-known/openid-configuration").header(header::HOST, "localhost");
        send(&mut target.connect().await?, request.body(Full::default())?).await?;
        let first_answer_millis = clock.elapsed().as_secs_f64() * 1e3;
        let environment = std::fs::read_to_string(data.join("org.env"))?
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
            .collect();
        Ok(Self { server: Server::new(started, target), first_answer_millis, environment })
    }

    fn setting(&self, name: &str) -> &str {
        self.environment.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn origin(&self) -> &str {
        self.setting("KEYHOLDER_ORIGIN")
    }

    /// The path of the v2 token endpoint.
    pub(crate) fn token_path(&self) -> String {
        format!("/{}/oauth2/v2.0/token", self.setting("KEYHOLDER_TENANT_ID"))
    }

    pub(crate) fn resident_megabytes(&self) -> Result<f64, Failure> {
        self.server.resident_megabytes()
    }

    /// A token request by the administering application's secret.
    pub(crate) fn token_request(&self) -> Request<Full<Bytes>> {
        self.token_request_by(
            self.setting("KEYHOLDER_ADMIN_CLIENT_ID"),
            &[("client_secret", self.setting("KEYHOLDER_ADMIN_CLIENT_SECRET"))],
        )
    }

    /// A token request by a client with this proof, for the org.
    pub(crate) fn token_request_by(&self, client: &str, proof: &[(&str, &str)]) -> Request<Full<Bytes>> {
        let scope = format!("{}/.default", self.setting("KEYHOLDER_ORG_URL"));
        let always = [("grant_type", "client_credentials"), ("client_id", client), ("scope", &scope)];
        form(&self.token_path(), always.iter().chain(proof).copied())
    }

    /// Asks for something with the administering application's token.
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let mut request = self.request(path).await?;
        *request.method_mut() = method;
        if let Some(body) = body {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Full::from(body.to_string());
        }
        let answer = send(&mut self.server.target.connect().await?, request).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// A request for what is at `path`, with a token.
    pub(crate) async fn request(&self, path: &str) -> Result<Request<Full<Bytes>>, Failure> {
        let answer = send(&mut self.server.target.connect().await?, self.token_request()).await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let token = answer["access_token"].as_str().ok_or("no token")?;
        Ok(Request::get(path)
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

    pub(crate) async fn stop(self) -> Result<(), Failure> {
        self.server.stop().await
    }
}

/// A form that is posted.
pub(crate) fn form<'a>(path: &str, fields: impl Iterator<Item = (&'a str, &'a str)>) -> Request<Full<Bytes>> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut request = Request::new(Full::from(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.parse().unwrap_or_default();
    let headers = request.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    request
}
