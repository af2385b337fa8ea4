//! The management services that the Azure CLI and Power Platform's tools ask: crumbs of Azure
//! Resource Manager ([`azure`]), and Power Platform's environments ([`environments`]) and management
//! applications ([`applications`]).
//!
//! Only as much is here as those tools need to sign in, to find an org and to bring an application
//! user about. Anything else is refused by name.

mod applications;
mod azure;
mod environments;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use keyholder_entra::well_known::{
    DYNAMICS_365_ADMINISTRATOR, GLOBAL_ADMINISTRATOR, POWER_PLATFORM_ADMINISTRATOR, USER_IMPERSONATION,
};
use keyholder_identity::{Audience, TokenProblem, VerifiedToken, bearer};
use serde_json::{Value, json};

use crate::world::{OpenWorld, State};

/// What a token for Azure Resource Manager is for.
const AZURE: [&str; 2] = ["https://management.azure.com", "https://management.core.windows.net"];
/// What a token for Power Platform's administration is for.
const POWER_PLATFORM: [&str; 2] = ["https://service.powerapps.com", "https://api.bap.microsoft.com"];
const PROVIDER: &str = "microsoft.businessappplatform";

/// A refusal of a management service: `{"error":{"code":...,"message":...}}`.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "ResourceNotFound", format!("{what} was not found."))
    }

    fn method() -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "The resource does not support this method.")
    }

    /// A partner's administrator wants to set up what it takes an administrator of one's own for.
    fn delegated() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Forbidden",
            "A delegated administrator cannot set up service users; it takes an administrator of the tenant's own.",
        )
    }

    /// What went wrong inside, without its details.
    fn inside() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "The local org failed.")
    }
}

impl From<crate::StartError> for Refusal {
    fn from(_: crate::StartError) -> Self {
        Self::inside()
    }
}

impl From<keyholder_identity::Error> for Refusal {
    fn from(_: keyholder_identity::Error) -> Self {
        Self::inside()
    }
}

impl From<keyholder_data::Error> for Refusal {
    fn from(_: keyholder_data::Error) -> Self {
        Self::inside()
    }
}

/// An answer with a JSON body, or none.
type Answered = Result<(StatusCode, Value), Refusal>;

fn ok(body: Value) -> Answered {
    Ok((StatusCode::OK, body))
}

/// Answers everything below `/tenants`, `/subscriptions`, `/metadata` and `/providers`.
pub(crate) async fn respond(world: &OpenWorld, request: &Request<Bytes>) -> Response<Bytes> {
    let segments: Vec<&str> = request.uri().path().split('/').filter(|segment| !segment.is_empty()).collect();
    let answered = match segments.split_first() {
        Some((first, rest)) if first.eq_ignore_ascii_case("providers") => providers(world, request, rest).await,
        _ => azure::answer(world, request, &segments).await,
    };
    match answered {
        Ok((status, body)) => written(status, &body),
        Err(refusal) => {
            let body = json!({"error": {"code": refusal.code, "message": refusal.message}});
            let mut response = written(refusal.status, &body);
            if refusal.status == StatusCode::UNAUTHORIZED {
                let challenge = format!(
                    "Bearer authorization_uri=\"{}/common/oauth2/authorize\", error=\"invalid_token\"",
                    world.address().origin
                );
                if let Ok(value) = HeaderValue::from_str(&challenge) {
                    response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
                }
            }
            response
        }
    }
}

async fn providers(world: &OpenWorld, request: &Request<Bytes>, segments: &[&str]) -> Answered {
    match segments.split_first() {
        Some((provider, rest)) if provider.eq_ignore_ascii_case(PROVIDER) => {
            if rest.first().is_some_and(|first| first.eq_ignore_ascii_case("adminApplications")) {
                return applications::answer(world, request, rest.get(1..).unwrap_or_default()).await;
            }
            environments::answer(world, request, rest).await
        }
        _ => Err(Refusal::not_found("The resource provider")),
    }
}

fn written(status: StatusCode, body: &Value) -> Response<Bytes> {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    if !body.is_null() {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
    }
    response
}

/// The bearer of a request, whose token is for one of these resources or for the origin.
fn caller(
    world: &OpenWorld,
    state: &State,
    request: &Request<Bytes>,
    resources: &[&str],
) -> Result<Arc<VerifiedToken>, Refusal> {
    let origin = world.address().origin;
    let audience = Audience::any_of(resources.iter().copied().chain([origin.as_str()])).with_scope(USER_IMPERSONATION);
    let verified = bearer(request.headers()).and_then(|token| state.identity.verify(token, &audience));
    verified.map_err(|problem| {
        let unauthorized = |code, message| Refusal::new(StatusCode::UNAUTHORIZED, code, message);
        match problem {
            TokenProblem::Missing => unauthorized(
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing.".to_owned(),
            ),
            TokenProblem::Audience => unauthorized(
                "InvalidAuthenticationTokenAudience",
                format!("The access token has been obtained for the wrong audience; it must be for '{origin}' or one of '{}'.", resources.join("', '")),
            ),
            TokenProblem::Expired => {
                unauthorized("ExpiredAuthenticationToken", "The access token expiry time has passed.".to_owned())
            }
            other => unauthorized("InvalidAuthenticationToken", format!("The access token is invalid: {other}.")),
        }
    })
}

/// Whether a caller administers Power Platform: by a directory role, or as a management application.
async fn administers(state: &State, caller: &VerifiedToken) -> Result<bool, Refusal> {
    if caller.app_only {
        let tenant = state.record.tenants.iter().find(|tenant| tenant.id == caller.tenant);
        if tenant.is_some_and(|tenant| tenant.management_applications.contains(&caller.client)) {
            return Ok(true);
        }
    }
    for role in [GLOBAL_ADMINISTRATOR, POWER_PLATFORM_ADMINISTRATOR, DYNAMICS_365_ADMINISTRATOR] {
        if state.identity.has_directory_role(caller.tenant, caller.object_id, role).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn check_administers(administers: bool) -> Result<(), Refusal> {
    if administers {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::FORBIDDEN,
        "Forbidden",
        "The caller is not an administrator of Power Platform: a Global, Power Platform or Dynamics 365 Administrator, \
         or a registered management application.",
    ))
}

/// Checks the query string: an `api-version`, and beside it nothing but these options.
fn check_query(request: &Request<Bytes>, also: &[&str]) -> Result<(), Refusal> {
    let query = request.uri().query().unwrap_or_default();
    let mut version = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name.eq_ignore_ascii_case("api-version") {
            version = Some(value.into_owned());
        } else if !name.is_empty() && !also.contains(&&*name) {
            let shown: String = name.chars().take(40).filter(|c| c.is_ascii_graphic()).collect();
            let message = format!("The query parameter '{shown}' is not supported by the local org.");
            return Err(Refusal::bad_request("UnsupportedQueryParameter", message));
        }
    }
    let dated = |version: &str| {
        let date = version.get(..10).unwrap_or_default();
        let rest = version.get(10..).unwrap_or_default();
        keyholder_foundation::Timestamp::parse(date).is_ok() && (rest.is_empty() || rest == "-preview")
    };
    match version.as_deref() {
        None | Some("") => Err(Refusal::bad_request(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )),
        Some(version) if dated(version) => Ok(()),
        Some(_) => Err(Refusal::bad_request(
            "InvalidApiVersionParameter",
            "The api-version is invalid. It is a date such as 2022-09-01.",
        )),
    }
}

/// A JSON body of this form.
fn body<T: for<'de> serde::Deserialize<'de>>(request: &Request<Bytes>) -> Result<T, Refusal> {
    serde_json::from_slice(request.body()).map_err(|error| {
        Refusal::bad_request("InvalidRequestContent", format!("The request content was invalid: {error}."))
    })
}

fn is(method: &Method, request: &Request<Bytes>) -> bool {
    request.method() == method
}
