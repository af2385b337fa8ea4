//! Microsoft Graph v1.0 over the directory, as far as service users need it.
//!
//! A request goes: token, caller and rights, throttling, route, query options, body, directory,
//! answer. A property, option or segment that is not known here is refused by its name, in Graph's
//! error shape: nothing that would change the result is dropped in silence.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, header, request};
use keyholder_foundation::ObjectId;
use uuid::Uuid;

use crate::Identity;
use crate::correlation::Correlation;
use crate::directory::listing::{Condition, Listing};

mod answer;
mod app_role_assignments;
mod applications;
mod batch;
mod body;
mod caller;
mod conditional_access;
mod credentials;
mod deleted_items;
mod delta;
mod directory_objects;
mod directory_roles;
mod factors;
mod federated;
mod filter;
mod grants;
mod groups;
mod licences;
mod me;
mod member_of;
mod organization;
mod owners;
mod path;
mod policies;
mod problem;
mod proof;
mod query;
mod reports;
mod role_management;
mod service_principals;
pub(crate) mod throttle;
mod unset;
mod users;

use answer::Answer;
use caller::{Action, Caller};
use path::Segment;
use problem::Problem;
use query::Query;

/// One request on its way through.
struct Call<'a> {
    identity: &'a Identity,
    caller: Caller,
    method: &'a Method,
    headers: &'a HeaderMap,
    /// `v1.0` or `beta`.
    version: &'static str,
    query: Query,
    body: &'a [u8],
}

/// Which objects a caller sees.
enum Reach {
    All,
    /// Those that it owns.
    Owned(Vec<Uuid>),
}

impl Call<'_> {
    /// The refusal of a method that the addressed thing does not have.
    fn no_method<T>(&self) -> Result<T, Problem> {
        Err(Problem::method_not_allowed())
    }

    /// What of the applications and service principals the caller sees.
    async fn reach(&self) -> Result<Reach, Problem> {
        if self.caller.can(Action::ReadApplications) {
            return Ok(Reach::All);
        }
        if !self.caller.may_own() {
            return Err(Problem::denied());
        }
        Ok(Reach::Owned(self.identity.directory.owned_by(self.caller.tenant.id, self.caller.id).await?))
    }

    /// The same list, of the applications or service principals that the caller sees.
    async fn within_reach(&self, mut listing: Listing) -> Result<Listing, Problem> {
        if let Reach::Owned(owned) = self.reach().await? {
            listing.conditions.push(Condition::OneOf("object_id", owned));
        }
        Ok(listing)
    }

    /// Refuses to show an application or service principal that the caller does not see.
    async fn may_see(&self, object: ObjectId) -> Result<(), Problem> {
        match self.reach().await? {
            Reach::All => Ok(()),
            Reach::Owned(owned) if owned.contains(&object.0) => Ok(()),
            Reach::Owned(_) => Err(Problem::denied()),
        }
    }

    /// Refuses a change to callers that could not even make it to something of their own.
    fn may_manage_any(&self) -> Result<(), Problem> {
        match self.caller.may_own() {
            true => Ok(()),
            false => self.caller.may(Action::WriteApplications),
        }
    }

    /// Refuses a change of an application or service principal to callers that may neither change
    /// all of them nor own this one.
    async fn may_manage(&self, object: ObjectId) -> Result<(), Problem> {
        if self.caller.can(Action::WriteApplications) {
            return Ok(());
        }
        self.may_manage_any()?;
        let owned = self.identity.directory.owned_by(self.caller.tenant.id, self.caller.id).await?;
        if owned.contains(&object.0) { Ok(()) } else { Err(Problem::denied()) }
    }
}

/// Answers a request.
pub(crate) async fn respond(identity: &Identity, request: &Request<Bytes>) -> Response<Bytes> {
    let first = path::segments(request.uri().path()).ok().and_then(|(_, segments)| segments.into_iter().next());
    if first.is_some_and(|first| first.name == "$batch") {
        return batch::respond(identity, request).await;
    }
    respond_one(identity, request).await
}

/// Answers a request that is no batch.
async fn respond_one(identity: &Identity, request: &Request<Bytes>) -> Response<Bytes> {
    let correlation = Correlation::of(request.headers(), request.uri().query(), identity.random.as_ref());
    let answered = handle(identity, request).await;
    finish(identity, correlation, answered)
}

/// The refusal of a body that was not read.
pub(crate) fn too_large(identity: &Identity, head: &request::Parts) -> Response<Bytes> {
    let correlation = Correlation::of(&head.headers, head.uri.query(), identity.random.as_ref());
    finish(identity, correlation, Err(Problem::too_large()))
}

/// The response that an answer or a problem makes.
fn finish(identity: &Identity, correlation: Correlation, answered: Result<Answer, Problem>) -> Response<Bytes> {
    let mut response = match answered {
        Ok(answer) => answer.into_response(),
        Err(problem) => problem.into_response(correlation, identity.clocks.now(), &identity.origin),
    };
    answer::correlate(&mut response, correlation);
    response
}

async fn handle(identity: &Identity, request: &Request<Bytes>) -> Result<Answer, Problem> {
    let caller = Caller::find(identity, request.headers()).await?;
    if let Some(limit) = identity.graph_options.throttle {
        let counted = identity.graph_counts.count(limit, (caller.tenant.id, caller.client), identity.clocks.now());
        counted.map_err(Problem::throttled)?;
    }
    only_json(request)?;
    let (version, segments) = path::segments(request.uri().path())?;
    let query = Query::parse(request.uri().query(), request.headers())?;
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let call = Call { identity, caller, method, headers: request.headers(), version, query, body: request.body() };
    let Some((first, rest)) = segments.split_first() else {
        return Err(Problem::unknown_segment(""));
    };
    match first.name.as_str() {
        "applications" => applications::handle(&call, first, rest).await,
        "serviceprincipals" => service_principals::handle(&call, first, rest).await,
        "groups" => groups::handle(&call, first, rest).await,
        "users" => users::handle(&call, first, rest).await,
        "me" => me::handle(&call, first, rest).await,
        "subscribedskus" => licences::handle(&call, first, rest).await,
        "oauth2permissiongrants" => grants::handle(&call, first, rest).await,
        "organization" => organization::handle(&call, first, rest),
        "domains" => organization::handle_domains(&call, first, rest).await,
        "directory" => deleted_items::handle(&call, first, rest).await,
        "directoryobjects" => directory_objects::handle(&call, first, rest).await,
        "directoryroles" => directory_roles::handle(&call, first, rest).await,
        "directoryroletemplates" => directory_roles::handle_templates(&call, first, rest),
        "rolemanagement" => role_management::handle(&call, first, rest).await,
        "identity" => conditional_access::handle(&call, first, rest).await,
        "policies" => policies::handle(&call, first, rest).await,
        "reports" | "auditlogs" => reports::handle(&call, first, rest).await,
        _ => Err(Problem::unknown_segment(&first.text)),
    }
}

/// Refuses a body that says that it is something else than JSON. Some clients say nothing.
fn only_json(request: &Request<Bytes>) -> Result<(), Problem> {
    let Some(written) = request.headers().get(header::CONTENT_TYPE).filter(|_| !request.body().is_empty()) else {
        return Ok(());
    };
    let written = written.to_str().unwrap_or_default();
    let essence = written.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") { Ok(()) } else { Err(Problem::not_json(written)) }
}

/// Refuses whatever follows a path that has ended.
fn end(rest: &[Segment]) -> Result<(), Problem> {
    rest.first().map_or(Ok(()), |segment| Err(Problem::unknown_segment(&segment.text)))
}

/// Refuses a key where a collection has none.
fn no_key(first: &Segment) -> Result<(), Problem> {
    match &first.key {
        Some(_) => Err(Problem::unknown_segment(&first.text)),
        None => Ok(()),
    }
}
