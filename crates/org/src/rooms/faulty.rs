//! What becomes of a request that meets faults on order.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use keyholder_dataverse::error::{Code, requests_exceeded};
use keyholder_foundation::{OrgId, WallClock};
use keyholder_identity::bearer;
use uuid::Uuid;

use super::{Door, Rooms, verify};
use crate::faults::{Asked, FaultKind, FaultOrder, Met};
use crate::serve::{Fate, plain};

/// What a proxy shows that does not know what to do.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Sign in to your network</title></head>\n\
    <body><h1>Sign in to your network</h1><p>This page was ordered by `keyholder org fault`.</p></body></html>\n";

impl Rooms {
    /// What a request meets: to a further org, or to the origin.
    pub(super) async fn meet(&self, org: Option<OrgId>, request: &Request<Bytes>) -> Met {
        let path = request.uri().path();
        if !self.faults.any() || (org.is_none() && Door::of(path) == Door::Control) {
            return Met::default();
        }
        let has_token = bearer(request.headers()).is_ok();
        let who = if has_token { self.caller(org, request).await } else { None };
        let asked = Asked { method: request.method(), path, who, has_token };
        self.faults.meet(self.world.clocks.org.now(), &asked)
    }

    /// Whose token for an org a request has: the application's and the object id.
    async fn caller(&self, org: Option<OrgId>, request: &Request<Bytes>) -> Option<[Uuid; 2]> {
        let state = self.world.state().await;
        let (open, beside) = self.org_at(&state, org)?;
        let token = verify(&state, open, beside, request.headers()).ok()?;
        Some([token.client.0, token.object_id.0])
    }

    /// What is answered instead of doing the request; nothing when it is done.
    pub(super) async fn instead(&self, org: Option<OrgId>, fault: &FaultOrder, path: &str) -> Option<Response<Bytes>> {
        let is_web_api = path.starts_with("/api/data/");
        Some(match fault.fault {
            FaultKind::Latency | FaultKind::DropAfter | FaultKind::SlowBody | FaultKind::TruncatedBody => return None,
            FaultKind::Throttle => {
                let limits = self.protection.limits().copied().unwrap_or_default();
                let error = requests_exceeded(limits.requests, limits.window);
                let (code, message) = match is_web_api {
                    true => (Code(error.code).to_string(), error.message.as_str()),
                    false => ("TooManyRequests".to_owned(), "Please retry again later."),
                };
                later(fault, plain(StatusCode::TOO_MANY_REQUESTS, &code, message))
            }
            FaultKind::Unavailable => {
                let told = "The service is unavailable.";
                later(fault, plain(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", told))
            }
            FaultKind::DropBefore => cut(Response::default()),
            FaultKind::Html => {
                let mut response = Response::new(Bytes::from_static(PAGE.as_bytes()));
                let html = HeaderValue::from_static("text/html; charset=utf-8");
                response.headers_mut().insert(header::CONTENT_TYPE, html);
                response
            }
            FaultKind::ExpiredToken if is_web_api => {
                let state = self.world.state().await;
                self.org_at(&state, org)?.0.organization.challenge()
            }
            FaultKind::ExpiredToken => {
                let told = "Lifetime validation failed, the token is expired.";
                plain(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", told)
            }
        })
    }
}

/// Has an answer meet what it is to meet on its way.
pub(super) fn seal(fault: &FaultOrder, mut response: Response<Bytes>) -> Response<Bytes> {
    let fate = match fault.fault {
        FaultKind::SlowBody => Fate::Slow(fault.time()),
        // Of what has no body nothing can be missing but all.
        FaultKind::TruncatedBody if !response.body().is_empty() => Fate::Truncated,
        FaultKind::TruncatedBody | FaultKind::DropAfter => Fate::Cut,
        _ => return response,
    };
    response.extensions_mut().insert(fate);
    response
}

fn cut(mut response: Response<Bytes>) -> Response<Bytes> {
    response.extensions_mut().insert(Fate::Cut);
    response
}

/// Says when to try again, if the order says so.
fn later(fault: &FaultOrder, mut response: Response<Bytes>) -> Response<Bytes> {
    if let Some(seconds) = fault.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}
