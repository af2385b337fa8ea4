//! A scripted transport for this crate's tests: what is expected, in order, and what it is answered.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use keyholder_foundation::{ManualClock, Secret, Timestamp};

use crate::error::{Error, Unreachable};
use crate::time::SkippingSleep;
use crate::transport::Transport;
use crate::{Connection, Http, OrgUrl};

pub(crate) const SECRET: &str = "the-client-secret-value";

pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Bytes> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Bytes::copy_from_slice(body.as_bytes())).unwrap()
}

pub(crate) fn connection(url: &str) -> Connection {
    Connection {
        url: url.parse::<OrgUrl>().unwrap(),
        tenant: None,
        authority: None,
        client_id: "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001".parse().unwrap(),
        credential: Secret::new(SECRET).into(),
        ca_file: None,
    }
}

#[derive(Debug, Default)]
pub(crate) struct Script {
    steps: Mutex<VecDeque<(String, Option<Response<Bytes>>)>>,
    seen: Mutex<Vec<Request<Bytes>>>,
}

impl Script {
    pub(crate) fn http() -> (Arc<Self>, Http) {
        let (script, http, _) = Self::with_clock();
        (script, http)
    }

    pub(crate) fn with_clock() -> (Arc<Self>, Http, Arc<ManualClock>) {
        let script = Arc::new(Self::default());
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix_seconds(1_800_000_000)));
        let http = Http::new(script.clone(), clock.clone(), Arc::new(SkippingSleep(clock.clone())));
        (script, http, clock)
    }

    /// The next request must be `METHOD path?query`, percent-encoding as sent.
    pub(crate) fn expect(&self, request: &str, answer: Response<Bytes>) {
        self.steps.lock().unwrap().push_back((request.to_owned(), Some(answer)));
    }

    /// The next request must be this one; its connection is then lost.
    pub(crate) fn lose(&self, request: &str) {
        self.steps.lock().unwrap().push_back((request.to_owned(), None));
    }

    pub(crate) fn seen(&self) -> Vec<Request<Bytes>> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.steps.lock().unwrap().is_empty()
    }
}

impl Transport for Script {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, Error>> {
        let sent = format!("{} {}", request.method(), request.uri().path_and_query().unwrap());
        let step = self.steps.lock().unwrap().pop_front();
        self.seen.lock().unwrap().push(request);
        Box::pin(async move {
            // Others go first, as over a real network: each poll of a shared future gets one further.
            for _ in 0..64 {
                tokio::task::yield_now().await;
            }
            let (expected, answer) = step.unwrap_or_else(|| panic!("unexpected request: {sent}"));
            assert_eq!(sent, expected);
            answer.ok_or(Error::Unreachable {
                origin: "https://test".to_owned(),
                cause: Unreachable::Lost("reset".to_owned()),
            })
        })
    }
}

/// An org that has named its authority; its first request asks for a token.
pub(crate) async fn org() -> (Arc<Script>, crate::Dataverse) {
    let (script, http) = Script::http();
    let challenge = "Bearer authorization_uri=https://login.microsoftonline.com/t/oauth2/authorize, resource_id=https://contoso.crm4.dynamics.com/";
    script.expect("GET /api/data/v9.2/", answer(401, &[("www-authenticate", challenge)], ""));
    let org = crate::Dataverse::connect(&connection("https://contoso.crm4.dynamics.com"), http).await.unwrap();
    token(&script, "one");
    (script, org)
}

pub(crate) fn token(script: &Script, text: &str) {
    let body = format!(r#"{{"token_type":"Bearer","expires_in":3600,"access_token":"{text}"}}"#);
    script.expect("POST /t/oauth2/v2.0/token", answer(200, &[], &body));
}
