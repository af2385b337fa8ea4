//! The token service: which endpoint a request is for.
//!
//! Tenants come first in every path, by id, by domain, or as one of the words that stand for no
//! particular one. Everything is answered at the configured origin, whatever host was asked.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, request};
use keyholder_entra::aadsts::{self, OAuthError, Problem};

use crate::Identity;
use crate::correlation::Correlation;
use crate::directory::Refusal;
use crate::directory::tenants::Tenant;
use crate::resources::ResourceFault;

pub(crate) mod answer;
mod assertion;
mod assignment;
mod authentication;
mod client;
mod consent;
mod delegated;
mod discovery;
pub(crate) mod federation;
mod form;
mod grants;
pub(crate) mod guesses;
pub(crate) mod interactive;
pub(crate) mod issue;
mod pages;
mod person;
mod redirect;
mod scope;
mod session_token;
mod tenant;
mod token;

/// The two generations of endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// `resource`, numbers as strings.
    One,
    /// `scope`, numbers as numbers.
    Two,
}

/// Why the token service gives something else than what was asked.
#[derive(Debug)]
enum Failure {
    /// One of Entra's errors.
    Problem(Problem),
    /// One of Entra's errors, to be answered only after a while.
    Late(Problem, Duration),
    /// The directory failed.
    Directory(Refusal),
    /// There is no such endpoint.
    NoEndpoint,
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Failure {
    /// The refusal of a resource.
    fn of_resource(fault: ResourceFault, requested: &str, tenant: &Tenant) -> Self {
        match fault {
            ResourceFault::Unknown => aadsts::resource_not_found(requested, &tenant.display_name).into(),
            ResourceFault::Disabled => aadsts::resource_disabled(requested).into(),
            ResourceFault::Directory(refusal) => Self::Directory(refusal),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Directory(refusal)
    }
}

/// Answers a request.
pub(crate) async fn respond(identity: &Identity, request: &Request<Bytes>) -> Response<Bytes> {
    let mut correlation = Correlation::of(request.headers(), request.uri().query(), identity.random.as_ref());
    let path = request.uri().path().to_ascii_lowercase();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let get = matches!(*request.method(), Method::GET | Method::HEAD);
    let post = *request.method() == Method::POST;
    let answered = match segments.as_slice() {
        [tenant, "oauth2", "token"] => token::respond(identity, tenant, Version::One, request, &mut correlation).await,
        [tenant, "oauth2", "v2.0", "token"] => {
            token::respond(identity, tenant, Version::Two, request, &mut correlation).await
        }
        [tenant, ".well-known", "openid-configuration"] if get => {
            discovery::configuration(identity, tenant, Version::One).await
        }
        [tenant, "v2.0", ".well-known", "openid-configuration"] if get => {
            discovery::configuration(identity, tenant, Version::Two).await
        }
        [tenant, "oauth2", "devicecode"] => {
            interactive::start_device(identity, tenant, Version::One, request, &mut correlation).await
        }
        [tenant, "oauth2", "v2.0", "devicecode"] => {
            interactive::start_device(identity, tenant, Version::Two, request, &mut correlation).await
        }
        [tenant, "oauth2", "authorize"] if get || post => {
            Ok(interactive::authorize(identity, tenant, false, request, correlation).await)
        }
        [tenant, "oauth2", "v2.0", "authorize"] if get || post => {
            Ok(interactive::authorize(identity, tenant, true, request, correlation).await)
        }
        ["common", "login"] if post => Ok(interactive::submit(identity, request, correlation).await),
        [_, "oauth2", "logout"] | [_, "oauth2", "v2.0", "logout"] if get => {
            Ok(interactive::sign_out(identity, request, correlation).await)
        }
        ["common", "oauth2", "nativeclient"] if get => {
            Ok(pages::message("You have signed in", "You may close this window."))
        }
        ["devicelogin"] | ["common", "oauth2", "deviceauth"] if get => {
            Ok(interactive::device(identity, request, correlation).await)
        }
        [tenant, "adminconsent"] if get => {
            Ok(interactive::consent_of_administrator(identity, tenant, false, request, correlation).await)
        }
        [tenant, "v2.0", "adminconsent"] if get => {
            Ok(interactive::consent_of_administrator(identity, tenant, true, request, correlation).await)
        }
        [tenant, "signin"] if get => Ok(interactive::sign_in_for_page(identity, tenant, request, correlation).await),
        ["oidc", "userinfo"] | [_, "openid", "userinfo"] if get || post => discovery::userinfo(identity, request).await,
        ["common", "userrealm"] if get => discovery::realm_of_query(identity, request.uri().query()).await,
        ["common", "userrealm", name] if get => discovery::realm(identity, name).await,
        ["common", "discovery", "instance"] if get => discovery::instance(identity, request.uri().query()),
        [tenant, "discovery", "keys"] if get => discovery::keys(identity, tenant, Version::One).await,
        [tenant, "discovery", "v2.0", "keys"] if get => discovery::keys(identity, tenant, Version::Two).await,
        ["error"] if get => Ok(discovery::explanation(request.uri().query())),
        _ => Err(Failure::NoEndpoint),
    };
    let mut response = match answered {
        Ok(response) => response,
        Err(failure) => fail(identity, failure, correlation),
    };
    answer::correlate(&mut response, correlation);
    response
}

/// The refusal of a body that was not read.
pub(crate) fn too_large(identity: &Identity, head: &request::Parts) -> Response<Bytes> {
    let correlation = Correlation::of(&head.headers, head.uri.query(), identity.random.as_ref());
    let (problem, now) = (aadsts::request_too_long("body"), identity.clocks.now());
    let mut response = answer::problem(&problem, StatusCode::PAYLOAD_TOO_LARGE, correlation, now, &identity.origin);
    answer::correlate(&mut response, correlation);
    response
}

/// The answer to a failure: always Entra's JSON.
fn fail(identity: &Identity, failure: Failure, correlation: Correlation) -> Response<Bytes> {
    let now = identity.clocks.now();
    let status_of = |problem: &Problem| StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let (problem, status) = match failure {
        Failure::Problem(problem) => {
            let status = status_of(&problem);
            (problem, status)
        }
        Failure::Late(problem, wait) => {
            let status = status_of(&problem);
            let mut response = answer::problem(&problem, status, correlation, now, &identity.origin);
            response.extensions_mut().insert(answer::AnswerAfter(wait));
            return response;
        }
        Failure::Directory(refusal) => {
            let problem = aadsts::temporarily_unavailable(&refusal.to_string());
            (problem, StatusCode::SERVICE_UNAVAILABLE)
        }
        Failure::NoEndpoint => {
            (aadsts::request_malformed("There is no endpoint at this address."), StatusCode::NOT_FOUND)
        }
    };
    answer::problem(&problem, status, correlation, now, &identity.origin)
}

/// An unknown tenant as the configuration document says it.
fn as_document(failure: Failure) -> Failure {
    match failure {
        Failure::Problem(problem) => Failure::Problem(problem.with_error(OAuthError::InvalidTenant)),
        other => other,
    }
}

#[cfg(test)]
mod tests;
