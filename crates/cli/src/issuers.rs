//! The keys of outside issuers, whose tokens stand in for an application's secret: asked for over the
//! network, or read from files that the command line names.

use std::collections::HashMap;
use std::time::Duration;

use keyholder_client::{Http, NetworkOptions};
use keyholder_org::{DocumentFuture, IssuerDocuments, LONGEST_DOCUMENT};
use keyholder_platform::read_bounded;

use crate::args::{Behaviour, IssuerKeys};
use crate::failure::Failure;

/// How long an issuer may take to answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// The issuers that may be asked, and those whose keys are given.
#[derive(Debug)]
pub(crate) struct OutsideIssuers {
    http: Http,
    allowed: Vec<String>,
    keys: HashMap<String, Vec<u8>>,
}

impl OutsideIssuers {
    /// What the flags say.
    pub(crate) fn new(behaviour: &Behaviour) -> Result<Self, Failure> {
        // A redirect is never followed, and no more is read than an issuer has to say.
        let http = Http::over_network(NetworkOptions {
            connect_deadline: DEADLINE,
            total_deadline: DEADLINE,
            largest_answer: LONGEST_DOCUMENT,
            ..NetworkOptions::default()
        })?;
        let mut keys = HashMap::new();
        for IssuerKeys { issuer, file } in &behaviour.issuer_keys {
            let text = read_bounded(file, LONGEST_DOCUMENT as u64)?;
            keys.insert(issuer.clone(), text.into_bytes());
        }
        Ok(Self { http, allowed: behaviour.allow_issuer.clone(), keys })
    }
}

impl IssuerDocuments for OutsideIssuers {
    fn fetch<'a>(&'a self, url: &'a str) -> DocumentFuture<'a> {
        Box::pin(async move {
            let request = http::Request::get(url).header(http::header::ACCEPT, "application/json");
            let request =
                request.body(bytes::Bytes::new()).map_err(|error| format!("`{url}` is no address: {error}"))?;
            let answer = self.http.send(&request).await.map_err(|error| error.to_string())?;
            if answer.status() != http::StatusCode::OK {
                return Err(format!("`{url}` answers with status {}", answer.status().as_u16()));
            }
            Ok(answer.into_body().to_vec())
        })
    }

    fn allows(&self, issuer: &str) -> bool {
        let same = |allowed: &String| allowed.trim_end_matches('/') == issuer.trim_end_matches('/');
        self.allowed.iter().any(same)
    }

    fn keys(&self, issuer: &str) -> Option<Vec<u8>> {
        self.keys.get(issuer).cloned()
    }
}
