//! Microsoft Graph v1.0 over the directory, as far as service users need it.
//!
//! A request goes: token, caller and rights, route, query options, body, directory, answer. A
//! property, option or segment that is not known here is refused by its name, in Graph's error
//! shape: nothing that would change the result is dropped in silence.

use bytes::Bytes;
use http::{Method, Request, Response};

use crate::Identity;
use crate::correlation::Correlation;

mod answer;
mod app_role_assignments;
mod applications;
mod body;
mod caller;
mod filter;
mod grants;
mod organization;
mod path;
mod problem;
mod query;
mod service_principals;

use answer::Answer;
use caller::Caller;
use path::Segment;
use problem::Problem;
use query::Query;

/// One request on its way through.
struct Call<'a> {
    identity: &'a Identity,
    caller: Caller,
    method: &'a Method,
    query: Query,
    body: &'a [u8],
}

impl Call<'_> {
    /// The refusal of a method that the addressed thing does not have.
    fn no_method<T>(&self) -> Result<T, Problem> {
        Err(Problem::method_not_allowed())
    }
}

/// Answers a request.
pub(crate) async fn respond(identity: &Identity, request: &Request<Bytes>) -> Response<Bytes> {
    let correlation = Correlation::of(request.headers(), request.uri().query(), identity.random.as_ref());
    let answered = handle(identity, request).await;
    let mut response = match answered {
        Ok(answer) => answer.into_response(),
        Err(problem) => problem.into_response(correlation, identity.clocks.now(), &identity.origin),
    };
    answer::correlate(&mut response, correlation);
    response
}

async fn handle(identity: &Identity, request: &Request<Bytes>) -> Result<Answer, Problem> {
    let caller = Caller::find(identity, request.headers()).await?;
    let segments = path::segments(request.uri().path())?;
    let query = Query::parse(request.uri().query())?;
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let call = Call { identity, caller, method, query, body: request.body() };
    let Some((first, rest)) = segments.split_first() else {
        return Err(Problem::unknown_segment(""));
    };
    match first.name.as_str() {
        "applications" => applications::handle(&call, first, rest).await,
        "serviceprincipals" => service_principals::handle(&call, first, rest).await,
        "oauth2permissiongrants" => grants::handle(&call, first, rest).await,
        "organization" => organization::handle(&call, first, rest),
        "me" => Err(Problem::bad_request("/me request is only valid with delegated authentication flow.")),
        _ => Err(Problem::unknown_segment(&first.text)),
    }
}

/// Refuses whatever follows a path that has ended.
fn end(rest: &[Segment]) -> Result<(), Problem> {
    rest.first().map_or(Ok(()), |segment| Err(Problem::unknown_segment(&segment.text)))
}
