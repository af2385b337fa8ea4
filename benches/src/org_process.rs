//! A local org as a process of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use keyholder_foundation::{MonotonicClock, SystemClock};
use serde::Deserialize;
use serde_json::{Value, json};

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
    data: PathBuf,
}

/// How many requests the local org has had, without those of this program.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Requests {
    /// Those to the token service.
    pub(crate) login: f64,
    /// Those to Microsoft Graph.
    pub(crate) directory: f64,
    /// Those to orgs.
    pub(crate) org: f64,
    /// Those to Power Platform, Azure Resource Manager and the discovery service.
    pub(crate) management: f64,
}

impl Requests {
    pub(crate) fn all(&self) -> f64 {
        self.login + self.directory + self.org + self.management
    }

    pub(crate) fn since(&self, earlier: Self) -> Self {
        Self {
            login: self.login - earlier.login,
            directory: self.directory - earlier.directory,
            org: self.org - earlier.org,
            management: self.management - earlier.management,
        }
    }
}

impl Org {
    /// Starts `keyholder org start` on a data folder inside `folder` and asks it one thing.
    pub(crate) async fn start(keyholder: &Path, folder: &Path) -> Result<Self, Failure> {
        Self::start_with(keyholder, folder, &[], &[]).await
    }

    /// The same with further flags and settings.
    pub(crate) async fn start_with(
        keyholder: &Path,
        folder: &Path,
        flags: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        let data = folder.join("data");
        let clock = SystemClock::new();
        let path = data.to_string_lossy().into_owned();
        let mut arguments = vec!["org", "start", "--data", &path, "--listen", "127.0.0.1:0", "--output", "json"];
        if !flags.contains(&"--limits") {
            // What is measured is the org and not how it is held back.
            arguments.extend(["--limits", "off"]);
        }
        arguments.extend(flags);
        let started = Started::new(keyholder, &arguments, environment).await?;
        let origin = started.ready["origin"].as_str().ok_or("the ready event has no origin")?;
        let port: u16 = origin.rsplit(':').next().unwrap_or_default().parse()?;
        let target = Target::new(port, &std::fs::read_to_string(data.join("ca.pem"))?)?;
        let request = Request::get("/common/.well-known/openid-configuration").header(header::HOST, "localhost");
        send(&mut target.connect().await?, request.body(Full::default())?).await?;
        let first_answer_millis = clock.elapsed().as_secs_f64() * 1e3;
        let environment = env_file(&data.join("org.env"))?;
        Ok(Self { server: Server::new(started, target), first_answer_millis, environment, data })
    }

    fn setting(&self, name: &str) -> &str {
        self.environment.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    pub(crate) fn origin(&self) -> &str {
        self.setting("KEYHOLDER_ORIGIN")
    }

    /// How to reach it.
    pub(crate) fn target(&self) -> &Target {
        &self.server.target
    }

    pub(crate) fn url(&self) -> &str {
        self.setting("KEYHOLDER_ORG_URL")
    }

    pub(crate) fn ca_file(&self) -> &str {
        self.setting("KEYHOLDER_CA_FILE")
    }

    /// Client id and secret of the administering application, and its tenant.
    pub(crate) fn administrator_login(&self) -> (&str, &str, &str) {
        let secret = self.setting("KEYHOLDER_ADMIN_CLIENT_SECRET");
        (self.setting("KEYHOLDER_ADMIN_CLIENT_ID"), secret, self.setting("KEYHOLDER_TENANT_ID"))
    }

    /// The environment of a `keyholder` that acts as the administering application.
    pub(crate) fn administrator(&self) -> [(&str, &str); 5] {
        let (client, secret, tenant) = self.administrator_login();
        [
            ("KEYHOLDER_ORG_URL", self.url()),
            ("KEYHOLDER_CA_FILE", self.ca_file()),
            ("KEYHOLDER_TENANT_ID", tenant),
            ("KEYHOLDER_CLIENT_ID", client),
            ("KEYHOLDER_CLIENT_SECRET", secret),
        ]
    }

    /// The environment of another client that acts as the administering application.
    pub(crate) fn client_environment(&self) -> Vec<(String, String)> {
        let all = self.administrator().into_iter().chain([("KEYHOLDER_AUTHORITY", self.origin())]);
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The port that it listens at.
    pub(crate) fn port(&self) -> Result<u16, Failure> {
        Ok(self.origin().rsplit(':').next().unwrap_or_default().parse()?)
    }

    /// How many requests it has had.
    pub(crate) async fn requests(&self) -> Result<Requests, Failure> {
        let mut status = self.control("GET", "status", None).await?;
        Ok(serde_json::from_value(status["requests"].take())?)
    }

    /// The folder that it keeps everything in.
    pub(crate) fn data(&self) -> &Path {
        &self.data
    }

    /// Adds a tenant of this domain.
    pub(crate) async fn add_tenant(&self, domain: &str) -> Result<(), Failure> {
        self.control("POST", "tenants", Some(&json!({"domain": domain}))).await.map(drop)
    }

    /// The environment of a `keyholder` that acts as the administering application of a tenant that was added.
    pub(crate) fn administrator_of(&self, domain: &str) -> Result<Vec<(String, String)>, Failure> {
        let settings = env_file(&self.data.join(format!("{domain}.env")))?;
        let find = |wanted: &str| {
            let found = settings.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.clone()).ok_or_else(|| format!("no {wanted} of {domain}"))
        };
        Ok(vec![
            ("KEYHOLDER_CA_FILE".to_owned(), self.ca_file().to_owned()),
            ("KEYHOLDER_TENANT_ID".to_owned(), find("KEYHOLDER_TENANT_ID")?),
            ("KEYHOLDER_CLIENT_ID".to_owned(), find("KEYHOLDER_ADMIN_CLIENT_ID")?),
            ("KEYHOLDER_CLIENT_SECRET".to_owned(), find("KEYHOLDER_ADMIN_CLIENT_SECRET")?),
        ])
    }

    /// Adds an org to its own tenant; gives its URL.
    pub(crate) async fn add_org(&self, name: &str) -> Result<String, Failure> {
        self.add_org_to(self.setting("KEYHOLDER_TENANT_ID"), name).await
    }

    /// Adds an org to a tenant, by its domain or id; gives its URL.
    pub(crate) async fn add_org_to(&self, tenant: &str, name: &str) -> Result<String, Failure> {
        let made = self.control("POST", "orgs", Some(&json!({"name": name, "tenant": tenant}))).await?;
        Ok(made["url"].as_str().ok_or("no new org")?.to_owned())
    }

    /// Orders a fault.
    pub(crate) async fn order_fault(&self, order: &Value) -> Result<(), Failure> {
        self.control("POST", "faults", Some(order)).await.map(drop)
    }

    /// The faults that were ordered, and how often each struck.
    pub(crate) async fn faults(&self) -> Result<Value, Failure> {
        self.control("GET", "faults", None).await
    }

    /// Takes them back.
    pub(crate) async fn clear_faults(&self) -> Result<(), Failure> {
        self.control("DELETE", "faults", None).await.map(drop)
    }

    /// Asks the control endpoint, whose requests are not counted.
    async fn control(&self, method: &str, command: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let (client, secret, _) = self.administrator_login();
        let basic = BASE64_STANDARD.encode(format!("{client}:{secret}"));
        let request = Request::builder()
            .method(method)
            .uri(format!("/_keyholder/{command}"))
            .header(header::HOST, "localhost")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Basic {basic}"))
            .body(Full::from(body.map(Value::to_string).unwrap_or_default()))?;
        Ok(serde_json::from_slice(&send(&mut self.server.target.connect().await?, request).await?)?)
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
        let answer = self.send(method, path, body).await?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// The same, whatever is answered.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Bytes, Failure> {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Bytes, Failure> {
        let mut request = self.request(path).await?;
        *request.method_mut() = method;
        if let Some(body) = body {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Full::from(body.to_string());
        }
        send(&mut self.server.target.connect().await?, request).await
    }

    /// A request for what is at `path`, with a token.
    pub(crate) async fn request(&self, path: &str) -> Result<Request<Full<Bytes>>, Failure> {
        Self::with_token(path, &self.token(self.token_request()).await?)
    }

    /// The token that a token request brings.
    pub(crate) async fn token(&self, request: Request<Full<Bytes>>) -> Result<String, Failure> {
        let answer = send(&mut self.server.target.connect().await?, request).await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        Ok(answer["access_token"].as_str().ok_or("no token")?.to_owned())
    }

    /// A request for what is at `path`, with this token.
    pub(crate) fn with_token(path: &str, token: &str) -> Result<Request<Full<Bytes>>, Failure> {
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

/// The settings of an env file as the local org writes it.
pub(crate) fn env_file(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let text = std::fs::read_to_string(path)?;
    let settings = text.lines().filter_map(|line| line.split_once('='));
    Ok(settings.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned())).collect())
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
