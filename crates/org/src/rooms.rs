//! Which room answers a request: by the port that it came to and its path, and nothing else.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request};
use keyholder_foundation::{OrgId, Secret, WallClock};
use keyholder_identity::{AnswerAfter, Audience, CallerAddress, TokenProblem, VerifiedToken, bearer};

use crate::door::token_facts;
use crate::error::StartError;
use crate::folder::Pretence;
use crate::listeners::Serving;
use crate::serve::{Admission, Answer, BoxFuture, Refusal, UNASKED_BODY, plain, too_large};
use crate::world::{ListedOrg, NewOrg, OpenOrg, OpenWorld, State};
use crate::{control, discovery, management, on_premises, pages};

/// The longest that an answer is held back from whoever guesses at secrets.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

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
    /// The control endpoint's key of this run.
    pub(crate) key: Secret,
    serving: Serving,
    date: Mutex<(i64, HeaderValue)>,
}

/// What of the origin a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Control,
    Management,
    Discovery,
    Graph,
    /// The pages that lead on to the orgs.
    Orgs,
    /// The first org.
    Org,
    /// The token service, which has all other paths: they begin with a tenant.
    Login,
}

impl Door {
    fn of(path: &str) -> Self {
        match path.split('/').nth(1).unwrap_or_default() {
            "_keyholder" => Self::Control,
            "providers" | "subscriptions" | "tenants" | "metadata" => Self::Management,
            "api" if path.starts_with("/api/discovery/") => Self::Discovery,
            "v1.0" | "beta" => Self::Graph,
            "_org" => Self::Orgs,
            "" | "api" | "XRMServices" | "main.aspx" | "default.aspx" => Self::Org,
            _ => Self::Login,
        }
    }
}

/// A further org, answering on its own port.
struct FurtherOrg {
    rooms: Arc<Rooms>,
    org: OrgId,
}

impl Rooms {
    pub(crate) async fn new(world: OpenWorld, key: Secret, serving: Serving) -> Arc<Self> {
        let address = world.address();
        let rooms = Arc::new(Self {
            origin_audience: Audience::any_of([&address.origin]).of_tenant(world.tenant()),
            world,
            key,
            serving,
            date: Mutex::new((i64::MIN, HeaderValue::from_static(""))),
        });
        rooms.serve_orgs().await;
        rooms
    }

    /// Puts the world back to a snapshot.
    pub(crate) async fn restore(self: &Arc<Self>, name: &str) -> Result<(), StartError> {
        self.world.restore(name).await?;
        self.serve_orgs().await;
        Ok(())
    }

    /// Puts the world back to what it was when it was new.
    pub(crate) async fn reset(self: &Arc<Self>) -> Result<(), StartError> {
        self.world.reset().await?;
        self.serve_orgs().await;
        Ok(())
    }

    /// Makes an org, which answers at once.
    pub(crate) async fn add_org(self: &Arc<Self>, wish: &NewOrg) -> Result<ListedOrg, StartError> {
        let made = self.world.add_org(wish).await?;
        self.serve_orgs().await;
        Ok(made)
    }

    /// Serves the ports of those orgs that are not served yet.
    async fn serve_orgs(self: &Arc<Self>) {
        for org in self.world.state().await.orgs.iter().skip(1) {
            let answer = Arc::new(FurtherOrg { rooms: Arc::clone(self), org: org.id });
            self.world.listeners.serve(org.id, &self.serving, &answer);
        }
    }

    /// A request to the origin.
    async fn at_origin(self: &Arc<Self>, peer: SocketAddr, request: Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        let door = Door::of(path);
        match door {
            // Takes the rooms for itself where it changes them.
            Door::Control => return control::respond(self, peer, &request).await,
            Door::Management => return management::respond(&self.world, &request).await,
            _ => {}
        }
        let state = self.world.state().await;
        match door {
            Door::Discovery => {
                self.world.deliver(&state).await;
                discovery::respond(&state, &self.world.address().origin, &request).await
            }
            Door::Graph => {
                let writes = request.method() != Method::GET;
                let response = state.identity.respond_graph(request).await;
                if writes {
                    state.propagation.wake();
                    self.world.deliver(&state).await;
                }
                response
            }
            Door::Orgs => pages::lead_on(&self.world, &state, path).unwrap_or_else(|| not_served(path)),
            Door::Org => match state.first() {
                Ok(org) => self.at_org(&state, org, Some(&self.origin_audience), request).await,
                Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, "Failed", &error.to_string()),
            },
            Door::Control | Door::Management | Door::Login => {
                // All but a request for a token may change the directory: consent, a new password.
                if request.method() == Method::POST && !path.to_ascii_lowercase().ends_with("/token") {
                    let response = state.identity.respond_login(request).await;
                    state.propagation.wake();
                    return response;
                }
                state.identity.respond_login(request).await
            }
        }
    }

    /// A request to the port of a further org.
    async fn at_further_org(&self, org: OrgId, request: Request<Bytes>) -> Response<Bytes> {
        let state = self.world.state().await;
        match state.org(org) {
            Some(org) => self.at_org(&state, org, None, request).await,
            // Its port is being given up.
            None => not_served(request.uri().path()),
        }
    }

    /// A request to an org: its Web API, or what it pretends to be. Tokens for `beside` are good for it
    /// too.
    async fn at_org(
        &self,
        state: &State,
        org: &OpenOrg,
        beside: Option<&Audience>,
        request: Request<Bytes>,
    ) -> Response<Bytes> {
        if org.pretend == Some(Pretence::OnPremises) {
            return on_premises::respond(&request);
        }
        let path = request.uri().path();
        if path.starts_with("/api/data/") {
            let Ok(token) = verify(state, org, beside, request.headers()) else {
                return org.organization.challenge();
            };
            self.world.deliver(state).await;
            return org.organization.respond(&token_facts(&token), request).await;
        }
        if matches!(path, "/" | "/main.aspx" | "/default.aspx") {
            return pages::respond(&self.world, state, org, &request).await;
        }
        not_served(path)
    }

    /// The `Date` header by the org's clock, which clients follow; printed once a second.
    fn date(&self) -> HeaderValue {
        let now = self.world.clocks.org.now();
        // The pair is written whole, so a poisoned lock still holds a valid one.
        let mut date = self.date.lock().unwrap_or_else(PoisonError::into_inner);
        if date.0 != now.unix_seconds() {
            let value = HeaderValue::from_str(&now.http_date()).unwrap_or(HeaderValue::from_static(""));
            *date = (now.unix_seconds(), value);
        }
        date.1.clone()
    }
}

/// What the request's token says, when it is good for the org or for `beside`.
fn verify(
    state: &State,
    org: &OpenOrg,
    beside: Option<&Audience>,
    headers: &HeaderMap,
) -> Result<Arc<VerifiedToken>, TokenProblem> {
    let token = bearer(headers)?;
    let own = state.identity.verify(token, &org.audience);
    own.or_else(|problem| beside.map_or(Err(problem), |beside| state.identity.verify(token, beside)))
}

/// How large a body an org reads: only of those who have a token for it.
#[expect(clippy::result_large_err, reason = "a refusal is made once and sent at once")]
fn admit_data(
    state: &State,
    org: &OpenOrg,
    beside: Option<&Audience>,
    head: &request::Parts,
) -> Result<usize, Response<Bytes>> {
    let known = verify(state, org, beside, &head.headers);
    known.map(|_| LARGEST_DATA).map_err(|_| org.organization.challenge())
}

fn not_served(path: &str) -> Response<Bytes> {
    let path: String = path.chars().take(80).filter(|c| c.is_ascii_graphic() && *c != '"').collect();
    plain(StatusCode::NOT_FOUND, "0x80060888", &format!("The local org does not serve {path}."))
}

impl Answer for Rooms {
    fn answer(self: Arc<Self>, peer: SocketAddr, mut request: Request<Bytes>) -> BoxFuture<Response<Bytes>> {
        Box::pin(async move {
            request.extensions_mut().insert(CallerAddress(peer.ip().to_canonical()));
            let mut response = self.at_origin(peer, request).await;
            // The rooms have been left by now: a caller who is made to wait holds up nobody else.
            if let Some(AnswerAfter(wait)) = response.extensions().get().copied() {
                tokio::time::sleep(wait.min(LONGEST_WAIT)).await;
            }
            response.headers_mut().insert(header::DATE, self.date());
            response
        })
    }

    fn admit<'a>(&'a self, head: &'a request::Parts) -> Admission<'a> {
        Box::pin(async move {
            let path = head.uri.path();
            match Door::of(path) {
                Door::Org if path.starts_with("/api/data/") => {
                    let state = self.world.state().await;
                    let Ok(org) = state.first() else { return Ok(UNASKED_BODY) };
                    admit_data(&state, org, Some(&self.origin_audience), head)
                }
                Door::Graph if path.ends_with("/$batch") => Ok(LARGEST_BATCH),
                Door::Graph => Ok(LARGEST_OBJECT),
                _ => Ok(UNASKED_BODY),
            }
        })
    }

    fn refuse<'a>(&'a self, head: &'a request::Parts, limit: usize) -> Refusal<'a> {
        Box::pin(async move {
            let mut response = match Door::of(head.uri.path()) {
                Door::Graph => self.world.state().await.identity.refuse_graph_body(head),
                Door::Login => self.world.state().await.identity.refuse_login_body(head),
                _ => return too_large(limit),
            };
            response.headers_mut().insert(header::DATE, self.date());
            response
        })
    }
}

impl Answer for FurtherOrg {
    fn answer(self: Arc<Self>, _: SocketAddr, request: Request<Bytes>) -> BoxFuture<Response<Bytes>> {
        Box::pin(async move {
            let mut response = self.rooms.at_further_org(self.org, request).await;
            response.headers_mut().insert(header::DATE, self.rooms.date());
            response
        })
    }

    fn admit<'a>(&'a self, head: &'a request::Parts) -> Admission<'a> {
        Box::pin(async move {
            let state = self.rooms.world.state().await;
            match state.org(self.org) {
                Some(org) if head.uri.path().starts_with("/api/data/") => admit_data(&state, org, None, head),
                _ => Ok(UNASKED_BODY),
            }
        })
    }
}
