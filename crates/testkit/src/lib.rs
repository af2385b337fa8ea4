//! Worlds for tests: a sealed local org on a free port, with its own clock and a fixture key.
//!
//! A [`World`] is a whole local org in this process, in a temporary folder that goes with it. Tests
//! speak HTTP to it like any client ([`World::ask`]), or through the client library
//! ([`World::connection`]). Two worlds share nothing, so tests run side by side.

pub mod services;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keyholder_client::{Connection, CredentialChoice, Http, NetworkOptions, RetryPolicy};
use keyholder_foundation::{Clocks, ManualClock, OrgClock, OsRandom, Secret, SystemClock, WallClock};
use keyholder_org::env_file::AdminCredentials;
use keyholder_org::{Durability, Listen, LocalOrg, Options, Place, Settings, SharedDatabase, WorldOptions};
use serde_json::Value;

/// The token service's key of every test world: making one takes a good part of a second. It has
/// never protected anything.
const SIGNING_KEY: &str = include_str!("../fixtures/signing-key.pem");

/// How a test opens a world in this database, or in its folder: by the machine's clock, with the
/// fixture key; whatever goes wrong inside fails the test.
#[must_use]
pub fn options(database: Option<SharedDatabase>) -> WorldOptions {
    WorldOptions {
        durability: Durability::Normal,
        clocks: Clocks::system(0),
        random: Arc::new(OsRandom),
        database,
        signing_key: Some(Secret::new(SIGNING_KEY)),
        trouble: Some(Arc::new(|error| panic!("trouble inside the local org: {error}"))),
        settings: Settings::default(),
    }
}

/// A running local org.
pub struct World {
    org: LocalOrg,
    clock: Arc<ManualClock>,
    admin: AdminCredentials,
    http: Http,
    /// The same, which sends everything once.
    once: Http,
    /// Where it is asked.
    base: String,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body as JSON; null when it is none.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl World {
    /// A new world in a temporary folder, on a free port of both loopback addresses.
    pub async fn start() -> Self {
        Self::with(Place::Ephemeral, Listen::default()).await
    }

    /// A world in that place.
    ///
    /// # Panics
    /// When it cannot be started: a test cannot go on without one.
    pub async fn with(place: Place, listen: Listen) -> Self {
        Self::with_settings(place, listen, Settings::default()).await
    }

    /// A world in a temporary folder that behaves so.
    ///
    /// # Panics
    /// When it cannot be started: a test cannot go on without one.
    pub async fn behaving(settings: Settings) -> Self {
        Self::with_settings(Place::Ephemeral, Listen::default(), settings).await
    }

    /// A world in that place that behaves so.
    ///
    /// # Panics
    /// When it cannot be started: a test cannot go on without one.
    pub async fn with_settings(place: Place, listen: Listen, settings: Settings) -> Self {
        Self::started(place, listen, settings, None, None).await
    }

    /// A node of a world that several serve, listening on this address and asked over plain http: nodes
    /// have one origin, of which a name leads to one of them only. With the administrators of the node
    /// that made the world, unless this is that one.
    ///
    /// # Panics
    /// When it cannot be started: a test cannot go on without one.
    pub async fn node(database: SharedDatabase, address: SocketAddr, admin: Option<&AdminCredentials>) -> Self {
        let http = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listen = Listen { address: Some(address), http, ..Listen::default() };
        Self::started(Place::Ephemeral, listen, Settings::default(), Some(database), admin).await
    }

    #[expect(clippy::expect_used, reason = "a test without its world cannot go on")]
    async fn started(
        place: Place,
        listen: Listen,
        settings: Settings,
        database: Option<SharedDatabase>,
        admin: Option<&AdminCredentials>,
    ) -> Self {
        let is_node = database.is_some();
        let clock = Arc::new(ManualClock::at(SystemClock::new().now()));
        let address = listen.address.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let options = Options {
            place,
            listen: Listen { address: Some(address), ..listen },
            is_passing: false,
            world: WorldOptions {
                // The monotonic clock stands too: what a request takes does not depend on the machine.
                clocks: Clocks {
                    org: Arc::new(OrgClock::new(clock.clone(), 0)),
                    monotonic: clock.clone(),
                    ..Clocks::system(0)
                },
                settings,
                ..options(database)
            },
            provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
        };
        let org = LocalOrg::start(options).await.expect("the local org starts");
        let admin = match admin {
            Some(admin) => admin.clone(),
            None => org.admin_credentials().expect("org.env can be read").expect("org.env has the administrators"),
        };
        let ca_file = Some(org.folder().ca_file());
        let http =
            Http::over_network(NetworkOptions { ca_file, ..NetworkOptions::default() }).expect("the CA can be read");
        let own = org.http_addresses().first().filter(|_| is_node).map(|address| format!("http://{address}"));
        let once = http.clone().with_retries(RetryPolicy::never());
        Self { base: own.unwrap_or_else(|| org.address().origin), org, clock, admin, http, once }
    }

    /// The org.
    #[must_use]
    pub fn org(&self) -> &LocalOrg {
        &self.org
    }

    /// Where everything answers, without a trailing slash.
    #[must_use]
    pub fn origin(&self) -> String {
        self.org.address().origin
    }

    /// The tenant's id.
    #[must_use]
    pub fn tenant(&self) -> String {
        self.org.address().tenant_id
    }

    /// The administrators.
    #[must_use]
    pub fn admin(&self) -> &AdminCredentials {
        &self.admin
    }

    /// A file in the data folder.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.org.folder().file(name)
    }

    /// The clock that the org's time follows.
    #[must_use]
    pub fn clock(&self) -> Arc<ManualClock> {
        self.clock.clone()
    }

    /// Moves the org's time forward, and how long things take with it; the machine's date stays.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The variables of `org.env`, for programs that are given an environment.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let address = self.org.address();
        [
            ("KEYHOLDER_ORIGIN", address.origin.as_str()),
            ("KEYHOLDER_CA_FILE", &address.ca_file),
            ("KEYHOLDER_TENANT_ID", &address.tenant_id),
            ("KEYHOLDER_TENANT_DOMAIN", &address.tenant_domain),
            ("KEYHOLDER_ORG_URL", &address.org_url),
            ("KEYHOLDER_ADMIN_CLIENT_ID", &self.admin.client_id),
            ("KEYHOLDER_ADMIN_CLIENT_SECRET", self.admin.client_secret.expose()),
            ("KEYHOLDER_ADMIN_USERNAME", &self.admin.username),
            ("KEYHOLDER_ADMIN_PASSWORD", self.admin.password.expose()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// The client library's transport, trusting this world alone.
    #[must_use]
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// The administering application's connection.
    ///
    /// # Panics
    /// Never, for a world's own settings.
    #[must_use]
    pub fn connection(&self) -> Connection {
        self.connection_as(&self.admin.client_id, self.admin.client_secret.clone())
    }

    /// An application's connection.
    ///
    /// # Panics
    /// When the client id is no GUID.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test's own ids are right or the test is wrong")]
    pub fn connection_as(&self, client_id: &str, credential: impl Into<CredentialChoice>) -> Connection {
        Connection {
            url: self.origin().parse().expect("the origin is an org's URL"),
            tenant: Some(self.tenant()),
            authority: None,
            client_id: client_id.parse().expect("a client id is a GUID"),
            credential: credential.into(),
            ca_file: Some(self.org.folder().ca_file()),
        }
    }

    /// Asks for a token with a form, as any program would.
    pub async fn token_request(&self, tenant: &str, version: &str, fields: &[(&str, &str)]) -> Answer {
        let form = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
            .collect::<Vec<_>>()
            .join("&");
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.ask("POST", &format!("/{tenant}/oauth2/{version}token"), &headers, &form).await
    }

    /// A token of an application for `resource`, by its secret.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn token(&self, client_id: &str, secret: &Secret, resource: &str) -> String {
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", secret.expose()),
            ("scope", &format!("{resource}/.default")),
        ];
        let answer = self.token_request(&self.tenant(), "v2.0/", &fields).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body.get("access_token").and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The administering application's token, good for everything at the origin.
    pub async fn admin_token(&self) -> String {
        self.token(&self.admin.client_id, &self.admin.client_secret, &self.origin()).await
    }

    /// Sends a request over real TLS, once, and reads the whole answer.
    ///
    /// # Panics
    /// When nothing answers, or the request is none.
    #[expect(clippy::expect_used, reason = "a test's own requests are right or the test is wrong")]
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.try_to_ask(method, path, headers, body).await.expect("an answer")
    }

    /// The same where no answer, or no whole one, may come.
    ///
    /// # Errors
    /// What was in the way of the answer.
    ///
    /// # Panics
    /// When the request is none.
    #[expect(clippy::expect_used, reason = "a test's own requests are right or the test is wrong")]
    pub async fn try_to_ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, keyholder_client::Error> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        // Tests write queries as people do.
        let mut request = http::Request::builder().method(method).uri(url.replace(' ', "%20"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_owned().into()).expect("a request");
        let answer = self.once.send(&request).await?;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        Ok(Answer {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
            text,
        })
    }

    /// Asks the Web API (v9.2) with a token.
    pub async fn api(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let bearer = format!("Bearer {token}");
        let mut headers = vec![("authorization", bearer.as_str()), ("accept", "application/json")];
        if body.is_some() {
            headers.push(("content-type", "application/json"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        self.ask(method, &format!("/api/data/v9.2/{path}"), &headers, &body).await
    }

    /// Asks Microsoft Graph with a token.
    pub async fn graph(&self, token: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = body.map(Value::to_string).unwrap_or_default();
        self.ask(method, &format!("/v1.0/{path}"), &headers, &body).await
    }

    /// Stops the org and waits until it has.
    pub async fn stop(self) {
        self.org.stop().await;
    }
}

impl Answer {
    /// The error's code in the shape that Dataverse and Graph share.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body.pointer("/error/code").and_then(Value::as_str).unwrap_or_default()
    }

    /// The error's message in the shape that Dataverse and Graph share.
    #[must_use]
    pub fn message(&self) -> &str {
        self.body.pointer("/error/message").and_then(Value::as_str).unwrap_or_default()
    }

    /// The first AADSTS number of a token service's error.
    #[must_use]
    pub fn aadsts(&self) -> u64 {
        self.body.pointer("/error_codes/0").and_then(Value::as_u64).unwrap_or_default()
    }

    /// A header's value; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}
