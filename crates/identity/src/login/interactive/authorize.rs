//! The authorization endpoint (RFC 6749 section 4.1.1; Microsoft's "OAuth 2.0 authorization code
//! flow"): what the application asks, and the code that it gets.
//!
//! Until application and redirect URI are known to belong together, an error is a page. From then on
//! it goes back to the application.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use keyholder_entra::aadsts::{self, Problem};
use keyholder_entra::token::TokenError;
use keyholder_entra::well_known;
use keyholder_foundation::TenantId;

use super::parameters::Parameters;
use crate::Identity;
use crate::correlation::Correlation;
use crate::directory::clients::Client;
use crate::directory::codes::AuthorizationCode;
use crate::login::redirect::{Redirect, ResponseMode};
use crate::login::scope::{Asked, Several};
use crate::login::session_token::Code;
use crate::login::tenant::Segment;
use crate::login::{Failure, client};

use super::browser::Visitor;

/// How the person shall be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    /// As much as is needed.
    Usual,
    /// Not at all.
    None,
    /// Who it is, even when somebody is signed in.
    Login,
    /// What the application may do, even when it was asked before.
    Consent,
}

/// An application's request, as far as it is sound by itself.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) client: Arc<Client>,
    pub(super) redirect: Redirect,
    state: Option<String>,
    pub(super) asked: Asked,
    pub(super) prompt: Prompt,
    pub(super) login_hint: Option<String>,
    nonce: Option<String>,
    challenge: Option<(String, String)>,
}

/// A request that is refused: to the application, or on a page.
#[derive(Debug)]
pub(super) enum Refused {
    /// Back to the application.
    Back(Redirect, Option<String>, Problem),
    /// On a page.
    Page(Failure),
}

impl<T: Into<Failure>> From<T> for Refused {
    fn from(failure: T) -> Self {
        Self::Page(failure.into())
    }
}

impl Request {
    /// Reads a request.
    pub(super) async fn read(identity: &Identity, segment: &str, v2: bool, query: &str) -> Result<Self, Refused> {
        let parameters = Parameters::parse(query.as_bytes())?;
        let client_id = parameters.require("client_id")?;
        let segment = Segment::find(&identity.directory, segment).await?;
        let client = find_client(identity, &segment, client_id).await?;
        let mode = ResponseMode::find(parameters.get("response_mode"));
        let mode = mode.ok_or_else(|| aadsts::request_malformed("The 'response_mode' is not known."))?;
        let redirect = Redirect::find(identity, &client, parameters.get("redirect_uri"), mode)?;
        let state = parameters.get("state").map(str::to_owned);
        let back = |problem| Refused::Back(redirect.clone(), state.clone(), problem);
        match parameters.get("response_type") {
            Some("code") => {}
            None => return Err(back(aadsts::parameter_missing("response_type"))),
            Some(other) => return Err(back(aadsts::response_type_disabled(other))),
        }
        let asked = asked(&parameters, v2).map_err(back)?;
        let prompt = match parameters.get("prompt") {
            None => Prompt::Usual,
            Some("none") => Prompt::None,
            Some("login" | "select_account") => Prompt::Login,
            Some("consent" | "admin_consent") => Prompt::Consent,
            Some(_) => return Err(back(aadsts::request_malformed("The 'prompt' is not known."))),
        };
        let challenge = challenge(&parameters).map_err(back)?;
        let own = |name| parameters.get(name).map(|value: &str| value.chars().take(1024).collect::<String>());
        Ok(Self {
            login_hint: own("login_hint"),
            nonce: own("nonce"),
            client,
            redirect,
            state,
            asked,
            prompt,
            challenge,
        })
    }

    /// Sends the person back with an error.
    pub(super) fn fail(self, identity: &Identity, problem: &Problem, correlation: Correlation) -> Response<Bytes> {
        send_back(identity, &self.redirect, self.state.as_deref(), problem, correlation)
    }

    /// Sends the person back with a code.
    pub(super) async fn succeed(self, identity: &Identity, visitor: &Visitor) -> Result<Response<Bytes>, Failure> {
        let tenant = visitor.person.tenant;
        let code = Code::new(tenant, identity.random.as_ref());
        let kept = AuthorizationCode {
            user: visitor.person.id,
            client: self.client.facts.client_id,
            redirect_uri: self.redirect.uri.clone(),
            scope: self.asked.text.clone(),
            challenge: self.challenge,
            nonce: self.nonce,
            methods: visitor.session.methods.clone(),
            signed_in: visitor.session.started,
        };
        identity.directory.insert_code(tenant, code.hash, kept).await?;
        let session = visitor.session.id.to_string();
        let mut parameters = vec![("code", code.text.expose())];
        if let Some(state) = &self.state {
            parameters.push(("state", state));
        }
        parameters.push(("session_state", &session));
        Ok(self.redirect.respond(&parameters))
    }
}

/// Sends somebody back to an application with an error.
pub(super) fn send_back(
    identity: &Identity,
    redirect: &Redirect,
    state: Option<&str>,
    problem: &Problem,
    correlation: Correlation,
) -> Response<Bytes> {
    let now = identity.clocks.now();
    let error = TokenError::new(problem, correlation.trace, correlation.client_or_trace(), now, &identity.origin);
    let mut parameters = vec![("error", error.error.as_str()), ("error_description", error.error_description.as_str())];
    parameters.extend(error.error_uri.as_deref().map(|uri| ("error_uri", uri)));
    parameters.extend(error.suberror.as_deref().map(|suberror| ("error_subcode", suberror)));
    parameters.extend(error.claims.as_deref().map(|claims| ("claims", claims)));
    parameters.extend(state.map(|state| ("state", state)));
    redirect.respond(&parameters)
}

/// The application, in the tenant that was asked or in its home.
async fn find_client(identity: &Identity, segment: &Segment, client_id: &str) -> Result<Arc<Client>, Failure> {
    let word = match segment {
        Segment::Tenant(tenant) => {
            return Ok(client::offered_in(identity, Arc::clone(tenant), client_id).await?.client);
        }
        Segment::Consumers => return Err(aadsts::consumers_not_supported(client_id).into()),
        Segment::Any(word) => word,
    };
    let id = client::check_for_any(identity, word, client_id).await?;
    // Microsoft's own are the same everywhere, so any tenant's view of them will do.
    let home = identity.directory.home_of(id).await?.map(|home| home.tenant);
    let home = home.unwrap_or(TenantId(well_known::MICROSOFT_SERVICES_TENANT));
    let client = identity.directory.find_client(home, id).await?;
    Ok(client.ok_or_else(|| aadsts::application_not_found(client_id, word))?)
}

/// What the application asks for.
fn asked(parameters: &Parameters, v2: bool) -> Result<Asked, Problem> {
    if v2 {
        if parameters.get("resource").is_some() {
            return Err(aadsts::resource_parameter_unsupported());
        }
        return Asked::parse(parameters.require("scope")?, Several::FirstCounts);
    }
    match parameters.get("resource") {
        Some(resource) => Ok(Asked::of_resource(resource.trim())),
        None => Ok(Asked::of_resource(&well_known::MICROSOFT_GRAPH.to_string())),
    }
}

/// RFC 7636's challenge, with its method.
fn challenge(parameters: &Parameters) -> Result<Option<(String, String)>, Problem> {
    let Some(challenge) = parameters.get("code_challenge") else { return Ok(None) };
    let method = parameters.get("code_challenge_method").unwrap_or("plain");
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let sound = challenge.bytes().all(unreserved)
        && match method {
            "S256" => challenge.len() == 43,
            "plain" => (43..=128).contains(&challenge.len()),
            _ => false,
        };
    if !sound {
        return Err(aadsts::request_malformed("The 'code_challenge' or its method is not valid."));
    }
    Ok(Some((challenge.to_owned(), method.to_owned())))
}
