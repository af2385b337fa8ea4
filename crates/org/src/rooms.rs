//! Which room answers a request: by the port that it came to and its path, and nothing else.

mod counts;
mod faulty;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, request};
use keyholder_entra::well_known::USER_IMPERSONATION;
use keyholder_foundation::{OrgId, Secret, WallClock};
use keyholder_identity::{AnswerAfter, Audience, CallerAddress, TokenProblem, VerifiedToken, bearer};

use self::counts::Counts;
use crate::door::token_facts;
use crate::error::StartError;
use crate::faults::Faults;
use crate::folder::Pretence;
use crate::listeners::Serving;
use crate::protection::{Protection, User};
use crate::serve::{Admission, Admitted, Answer, BoxFuture, Refusal, UNASKED_BODY, plain, too_large};
use crate::world::{ListedOrg, NewOrg, OpenOrg, OpenWorld, State};
use crate::{control, discovery, management, on_premises, pages};

/// The longest that an answer is held back from whoever guesses at secrets.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// The largest body that the Web API reads, in bytes, of bulk messages and uploads too. Dataverse
/// itself reads more of those.
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
    counts: Counts,
    pub(crate) protection: Arc<Protection>,
    pub(crate) faults: Faults,
    /// Whether there may be orgs that are not served yet.
    has_news: AtomicBool,
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

/// Where a request came to.
#[derive(Debug, Clone, Copy)]
enum At {
    /// The origin, from this peer.
    Origin(SocketAddr),
    /// The port of a further org.
    Org(OrgId),
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
            origin_audience: Audience::any_of([&address.origin])
                .of_tenant(world.tenant())
                .with_scope(USER_IMPERSONATION),
            protection: Protection::new(world.limits(), world.clocks.clone()),
            world,
            key,
            serving,
            counts: Counts::default(),
            faults: Faults::default(),
            has_news: AtomicBool::new(false),
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

    /// Learns of what other nodes have changed: a request sees what was there before it came.
    async fn catch_up(self: &Arc<Self>) -> Result<(), Response<Bytes>> {
        self.ask_for_news().await?;
        if self.has_news.swap(false, Ordering::SeqCst) {
            self.serve_orgs().await;
        }
        Ok(())
    }

    async fn ask_for_news(&self) -> Result<(), Response<Bytes>> {
        match self.world.catch_up().await {
            Ok(has_news) => {
                self.has_news.fetch_or(has_news, Ordering::SeqCst);
                Ok(())
            }
            Err(error) => {
                self.world.tell(&error);
                let told = "The local org cannot reach its database now. Try again later.";
                Err(plain(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", told))
            }
        }
    }

    /// A request to a further org, or from `peer` to the origin, and the faults that were ordered for it.
    async fn respond(self: &Arc<Self>, at: At, request: Request<Bytes>) -> Response<Bytes> {
        if let Err(unavailable) = self.catch_up().await {
            return unavailable;
        }
        let org = match at {
            At::Origin(_) => None,
            At::Org(org) => Some(org),
        };
        let met = self.meet(org, &request).await;
        if let Some(fault) = &met.fault
            && let Some(instead) = self.instead(org, fault, request.uri().path()).await
        {
            return instead;
        }
        let response = if request.uri().path().starts_with("/api/data/") {
            self.at_web_api(org, request, met.latency).await
        } else {
            self.work(met.latency).await;
            match at {
                At::Origin(peer) => self.at_origin(peer, request).await,
                At::Org(org) => self.at_further_org(org, request).await,
            }
        };
        met.fault.iter().fold(response, |response, fault| faulty::seal(fault, response))
    }

    /// Takes as long over a request as was ordered.
    async fn work(&self, latency: Duration) {
        if !latency.is_zero() {
            self.world.sleep().sleep(latency).await;
        }
    }

    /// The org at the origin, or a further one; and what tokens are good for it beside its own.
    fn org_at<'a>(&'a self, state: &'a State, org: Option<OrgId>) -> Option<(&'a Arc<OpenOrg>, Option<&'a Audience>)> {
        match org {
            Some(org) => Some((state.org(org)?, None)),
            None => Some((state.first().ok()?, Some(&self.origin_audience))),
        }
    }

    /// A request to an org's Web API, which takes so much longer than it does.
    async fn at_web_api(&self, org: Option<OrgId>, request: Request<Bytes>, latency: Duration) -> Response<Bytes> {
        let mut state = self.world.state().await;
        let Some((open, beside)) = self.org_at(&state, org) else { return not_served(request.uri().path()) };
        if open.pretend == Some(Pretence::OnPremises) {
            return on_premises::respond(&request);
        }
        let Ok(token) = verify(&state, open, beside, request.headers()) else {
            return open.organization.challenge();
        };
        let token = token_facts(&token);
        let entered = match self.protection.enter(User::of(open.id, &token)) {
            Ok(entered) => entered,
            Err(refusal) => return refusal.tell(open.organization.refuse(&refusal.error, request.headers())),
        };
        if !latency.is_zero() {
            // Who changes the world does not wait for a request that only seems to work.
            drop(state);
            self.work(latency).await;
            state = self.world.state().await;
        }
        let Some((open, _)) = self.org_at(&state, org) else { return not_served(request.uri().path()) };
        self.world.deliver(&state).await;
        let mut response = open.organization.respond(&token, request).await;
        if let Some(entered) = entered {
            entered.tell(&mut response);
        }
        response
    }

    /// A request to the origin for anything but the first org's Web API.
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
                Ok(org) => self.at_org(&state, org, &request).await,
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

    /// A request to the port of a further org for anything but its Web API.
    async fn at_further_org(&self, org: OrgId, request: Request<Bytes>) -> Response<Bytes> {
        let state = self.world.state().await;
        match state.org(org) {
            Some(org) => self.at_org(&state, org, &request).await,
            // Its port is being given up.
            None => not_served(request.uri().path()),
        }
    }

    /// A request to an org beside its Web API: its page, or what it pretends to be.
    async fn at_org(&self, state: &State, org: &OpenOrg, request: &Request<Bytes>) -> Response<Bytes> {
        if org.pretend == Some(Pretence::OnPremises) {
            return on_premises::respond(request);
        }
        let path = request.uri().path();
        if matches!(path, "/" | "/main.aspx" | "/default.aspx") {
            return pages::respond(&self.world, state, org, request).await;
        }
        not_served(path)
    }

    /// How many requests there have been so far, by the kind of service that they were for.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Counts a request, and holds it back where the world is to seem far away.
    async fn arrive(&self, door: Door) {
        self.counts.count(door);
        let latency = self.world.latency();
        if door != Door::Control && !latency.is_zero() {
            self.world.sleep().sleep(latency).await;
        }
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
) -> Result<Admitted, Response<Bytes>> {
    let known = verify(state, org, beside, &head.headers);
    known.map(|_| Admitted::known(LARGEST_DATA)).map_err(|_| org.organization.challenge())
}

fn not_served(path: &str) -> Response<Bytes> {
    let path: String = path.chars().take(80).filter(|c| c.is_ascii_graphic() && *c != '"').collect();
    plain(StatusCode::NOT_FOUND, "0x80060888", &format!("The local org does not serve {path}."))
}

impl Answer for Rooms {
    fn answer(self: Arc<Self>, peer: SocketAddr, mut request: Request<Bytes>) -> BoxFuture<Response<Bytes>> {
        Box::pin(async move {
            self.arrive(Door::of(request.uri().path())).await;
            request.extensions_mut().insert(CallerAddress(peer.ip().to_canonical()));
            let mut response = self.respond(At::Origin(peer), request).await;
            // The rooms have been left by now: a caller who is made to wait holds up nobody else.
            if let Some(AnswerAfter(wait)) = response.extensions().get().copied() {
                self.world.sleep().sleep(wait.min(LONGEST_WAIT)).await;
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
                    let admit = async || {
                        let state = self.world.state().await;
                        let Ok(org) = state.first() else { return Ok(Admitted::anybody(UNASKED_BODY)) };
                        admit_data(&state, org, Some(&self.origin_audience), head)
                    };
                    match admit().await {
                        // The token may be of a key that another node has just made.
                        Err(_) if self.world.is_shared() => {
                            self.ask_for_news().await?;
                            admit().await
                        }
                        admitted => admitted,
                    }
                }
                Door::Graph if path.ends_with("/$batch") => Ok(Admitted::anybody(LARGEST_BATCH)),
                Door::Graph => Ok(Admitted::anybody(LARGEST_OBJECT)),
                Door::Control => Ok(control::admission::largest_body(self, head)
                    .map_or(Admitted::anybody(UNASKED_BODY), Admitted::known)),
                _ => Ok(Admitted::anybody(UNASKED_BODY)),
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
            self.rooms.arrive(Door::Org).await;
            let mut response = self.rooms.respond(At::Org(self.org), request).await;
            response.headers_mut().insert(header::DATE, self.rooms.date());
            response
        })
    }

    fn admit<'a>(&'a self, head: &'a request::Parts) -> Admission<'a> {
        Box::pin(async move {
            let state = self.rooms.world.state().await;
            match state.org(self.org) {
                Some(org) if head.uri.path().starts_with("/api/data/") => admit_data(&state, org, None, head),
                _ => Ok(Admitted::anybody(UNASKED_BODY)),
            }
        })
    }
}
