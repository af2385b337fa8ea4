//! The token endpoint: what all grants have in common.
//!
//! The order of the checks is the real service's, as far as it shows: tenant, grant and required
//! parameters, the application, whether it is enabled, its credential, the scope, the resource, the
//! person. Whatever comes of it is noted in the log of sign-ins.

use std::net::IpAddr;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use keyholder_entra::aadsts;
use keyholder_entra::token::{TokenSuccess, TokenSuccessV1};
use keyholder_foundation::Secret;

use super::authentication::Proof;
use super::client::Found;
use super::form::Form;
use super::grants::Grant;
use super::issue::Access;
use super::tenant::Segment;
use super::{Failure, Version, answer, issue};
use crate::Identity;
use crate::correlation::Correlation;
use crate::directory::activity::{CredentialKind, SignIn};
use crate::directory::people::Person;
use crate::resources::Resource;

/// A token request on its way through its grant.
pub(super) struct Asking<'a> {
    pub(super) identity: &'a Identity,
    pub(super) segment: Segment,
    pub(super) version: Version,
    pub(super) form: &'a Form,
    /// Where the request came from, when that is known.
    pub(super) address: Option<IpAddr>,
}

/// What a grant gives.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) access: Access,
    /// Permissions in the form of the endpoint that was asked; only for people.
    pub(super) scope: Option<String>,
    pub(super) refresh_token: Option<Secret>,
    pub(super) id_token: Option<Secret>,
    pub(super) client_info: Option<String>,
    /// Whether the refresh token is good for the client's whole family.
    pub(super) family: bool,
}

impl Granted {
    /// Nothing but an access token.
    pub(super) fn of(access: Access) -> Self {
        Self { access, scope: None, refresh_token: None, id_token: None, client_info: None, family: false }
    }
}

/// What is known of a sign-in by the time that it ends.
#[derive(Debug, Default)]
pub(super) struct Trail {
    pub(super) found: Option<Found>,
    pub(super) proof: Option<Proof>,
    /// The name that a person was asked for by.
    pub(super) name: Option<String>,
    pub(super) person: Option<Person>,
    pub(super) resource: Option<Resource>,
}

impl Trail {
    async fn end(self, identity: &Identity, flow: &str, failure: Option<&Failure>, correlation: Correlation) {
        let Some(found) = self.found else { return };
        let problem = match failure {
            None => None,
            Some(Failure::Problem(problem)) => Some(problem),
            Some(_) => return,
        };
        // Asking about a device over and over is no sign-in each time.
        if problem.is_some_and(|problem| problem.number() == 70_016) {
            return;
        }
        let proof = self.proof.unwrap_or(Proof::NONE);
        let facts = &found.client.facts;
        let entry = SignIn {
            created: identity.clocks.now(),
            flow: flow.to_owned(),
            client: facts.client_id,
            client_name: facts.display_name.clone(),
            service_principal: facts.service_principal,
            credential: if self.proof.is_some() { proof.kind } else { CredentialKind::None },
            key: proof.key,
            user: self.person.as_ref().map(|person| person.id),
            user_name: self.person.map(|person| person.user_principal_name).or(self.name),
            resource: self.resource.as_ref().map(|resource| resource.requested.clone()),
            resource_principal: self.resource.and_then(|resource| Some(resource.api?.principal)),
            error: problem.map_or(0, aadsts::Problem::number),
            failure: problem.map(|problem| problem.text().to_owned()),
            correlation: correlation.client_or_trace(),
            count: 1,
        };
        identity.directory.observe_sign_in(found.tenant.id, entry).await;
    }
}

/// Answers a token request.
pub(super) async fn respond(
    identity: &Identity,
    segment: &str,
    version: Version,
    request: &Request<Bytes>,
    correlation: &mut Correlation,
) -> Result<Response<Bytes>, Failure> {
    match *request.method() {
        Method::POST => {}
        Method::OPTIONS => return Ok(answer::preflight()),
        _ => return Err(aadsts::only_post(request.method().as_str()).into()),
    }
    let form = Form::parse(request.headers(), request.body())?;
    correlation.or_from_body(form.client_request_id.as_deref());
    let segment = Segment::find(&identity.directory, segment).await?;
    let grant_type = form.grant_type.as_deref().filter(|grant| !grant.is_empty());
    let grant = Grant::find(grant_type.ok_or_else(|| aadsts::parameter_missing("grant_type"))?)?;
    let address = request.extensions().get::<answer::CallerAddress>().map(|caller| caller.0);
    let asking = Asking { identity, segment, version, form: &form, address };
    let mut trail = Trail::default();
    let granted = grant.take(&asking, &mut trail).await;
    let wait = guessed(identity, &trail, granted.as_ref().err());
    trail.end(identity, grant.as_str(), granted.as_ref().err(), *correlation).await;
    match (granted, wait) {
        (Ok(granted), _) => success(identity, version, granted),
        (Err(Failure::Problem(problem)), Some(wait)) => Err(Failure::Late(problem, wait)),
        (Err(failure), _) => Err(failure),
    }
}

/// How long the refusal of a wrong secret shall wait; what was guessed is forgotten when a secret is
/// right.
fn guessed(identity: &Identity, trail: &Trail, failure: Option<&Failure>) -> Option<std::time::Duration> {
    let found = trail.found.as_ref()?;
    let (tenant, client) = (found.tenant.id, found.client.facts.client_id);
    match failure {
        Some(Failure::Problem(problem)) if problem.number() == 7_000_215 => {
            let wait = identity.guesses.failed(tenant, client);
            (!wait.is_zero()).then_some(wait)
        }
        _ => {
            if trail.proof.is_some_and(|proof| proof.kind == CredentialKind::Secret) {
                identity.guesses.succeeded(tenant, client);
            }
            None
        }
    }
}

/// The answer that carries a token, in the form of the endpoint that was asked.
fn success(identity: &Identity, version: Version, granted: Granted) -> Result<Response<Bytes>, Failure> {
    let Access { claims, expires_in } = &granted.access;
    let token = issue::sign(identity, claims)?;
    let foci = granted.family.then(|| "1".to_owned());
    Ok(match version {
        Version::One => answer::secret_json(
            StatusCode::OK,
            &TokenSuccessV1 {
                token_type: "Bearer".to_owned(),
                expires_in: *expires_in,
                ext_expires_in: *expires_in,
                expires_on: claims.exp,
                not_before: claims.nbf,
                resource: claims.aud.clone(),
                access_token: token,
                scope: granted.scope,
                refresh_token: granted.refresh_token,
                id_token: granted.id_token,
                client_info: granted.client_info,
                foci,
            },
        ),
        Version::Two => answer::secret_json(
            StatusCode::OK,
            &TokenSuccess {
                token_type: "Bearer".to_owned(),
                expires_in: *expires_in,
                ext_expires_in: Some(*expires_in),
                refresh_in: None,
                scope: granted.scope,
                access_token: token,
                refresh_token: granted.refresh_token,
                id_token: granted.id_token,
                client_info: granted.client_info,
                foci,
            },
        ),
    })
}
