//! Which room answers a request: by its path, and nothing else.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header, request};
use keyholder_data::TokenFacts;
use keyholder_foundation::{Secret, Timestamp, WallClock};
use keyholder_identity::{Audience, bearer};

use crate::control;
use crate::serve::{Admission, Answer, BoxFuture, UNASKED_BODY, plain};
use crate::world::OpenWorld;

/// The largest body that the Web API reads, in bytes. Dataverse itself reads more for bulk
/// messages; the local org has none yet.
const LARGEST_DATA: usize = 16 * 1024 * 1024;
/// And the directory, for one object,
const LARGEST_OBJECT: usize = 256 * 1024;
/// and for a batch.
const LARGEST_BATCH: usize = 1024 * 1024;

/// The open world, answering.
pub(crate) struct Rooms {
    pub(crate) world: OpenWorld,
    pub(crate) origin_audience: Audience,
    /// What a token must be for, to be let into the org.
    org_audience: Audience,
    /// The control endpoint's key of this run.
    pub(crate) key: Secret,
    date: Mutex<(i64, HeaderValue)>,
}

impl Rooms {
    pub(crate) fn new(world: OpenWorld, key: Secret) -> Self {
        let address = world.address();
        let tenant = world.tenant();
        Self {
            origin_audience: Audience::any_of([&address.origin]).of_tenant(tenant),
            org_audience: Audience::any_of([&address.org_url, &address.origin]).of_tenant(tenant),
            world,
            key,
            date: Mutex::new((i64::MIN, HeaderValue::from_static(""))),
        }
    }

    async fn route(&self, peer: SocketAddr, request: Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        let first = path.split('/').nth(1).unwrap_or_default();
        match first {
            "api" if path.starts_with("/api/data/") => self.data(request).await,
            "v1.0" => self.world.identity.respond_graph(request).await,
            "_keyholder" => control::respond(self, peer, &request).await,
            "" => plain(
                StatusCode::NOT_FOUND,
                "0x80060888",
                "This is a local org. Its Web API is at /api/data/v9.2/; it has no web pages yet.",
            ),
            "api" | "beta" | "XRMServices" => plain(
                StatusCode::NOT_FOUND,
                "0x80060888",
                &format!("The local org does not serve {}.", printable(path)),
            ),
            _ => self.world.identity.respond_login(request).await,
        }
    }

    async fn data(&self, request: Request<Bytes>) -> Response<Bytes> {
        let verified =
            bearer(request.headers()).and_then(|token| self.world.identity.verify(token, &self.org_audience));
        let Ok(token) = verified else { return self.world.organization.challenge() };
        let caller = TokenFacts {
            tenant: token.tenant,
            client: token.client,
            object_id: token.object_id,
            app_only: token.app_only,
        };
        self.world.organization.respond(&caller, request).await
    }

    /// The `Date` header by the org's clock, which clients follow; printed once a second.
    fn date(&self, now: Timestamp) -> HeaderValue {
        // The pair is written whole, so a poisoned lock still holds a valid one.
        let mut date = self.date.lock().unwrap_or_else(PoisonError::into_inner);
        if date.0 != now.unix_seconds() {
            let value = HeaderValue::from_str(&now.http_date()).unwrap_or(HeaderValue::from_static(""));
            *date = (now.unix_seconds(), value);
        }
        date.1.clone()
    }
}

impl Answer for Rooms {
    fn answer(self: Arc<Self>, peer: SocketAddr, request: Request<Bytes>) -> BoxFuture<Response<Bytes>> {
        Box::pin(async move {
            let mut response = self.route(peer, request).await;
            let date = self.date(self.world.clocks.org.now());
            response.headers_mut().insert(header::DATE, date);
            response
        })
    }

    fn admit<'a>(&'a self, head: &'a request::Parts) -> Admission<'a> {
        Box::pin(async move {
            let path = head.uri.path();
            match path.split('/').nth(1).unwrap_or_default() {
                "api" if path.starts_with("/api/data/") => {
                    let known =
                        bearer(&head.headers).and_then(|token| self.world.identity.verify(token, &self.org_audience));
                    known.map(|_| LARGEST_DATA).map_err(|_| self.world.organization.challenge())
                }
                "v1.0" | "beta" if path.ends_with("/$batch") => Ok(LARGEST_BATCH),
                "v1.0" | "beta" => Ok(LARGEST_OBJECT),
                _ => Ok(UNASKED_BODY),
            }
        })
    }
}

/// A path as it may stand in a message.
fn printable(path: &str) -> String {
    path.chars().take(80).filter(|c| c.is_ascii_graphic() && *c != '"').collect()
}
