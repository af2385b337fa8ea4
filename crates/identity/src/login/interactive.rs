//! Signing in on a page: one walk for all that people sign in for.
//!
//! A person comes with a [`Journey`] - an application's request, a code from another device, an
//! administrator's consent, a page of this origin's - and is asked in turn for what is missing: who
//! they are, a new password, a second factor, their consent. Each answer is a form that is posted to
//! one address, where the journey is read and checked anew, and the walk goes on from there.

use bytes::Bytes;
use http::{HeaderName, Method, Request, Response, StatusCode};
use keyholder_entra::aadsts::{self, Problem};
use keyholder_foundation::ClientId;

use super::pages::{self, Form, Notice};
use super::tenant::Segment;
use super::{Failure, person};
use crate::Identity;
use crate::correlation::Correlation;
use crate::directory::sessions::NewSession;

mod admin_consent;
mod authorize;
mod browser;
mod consenting;
mod device;
mod journey;
mod new_password;
mod parameters;
mod steps;

pub(crate) use browser::Browser;
use browser::Visitor;
pub(in crate::login) use device::start as start_device;
use journey::{Journey, is_local_path};
use parameters::Parameters;
use steps::Walk;

/// The longest form that is posted, in bytes: a journey, and what a person types.
const LONGEST_FORM: usize = 32 * 1024;
/// Said to somebody who types an application's id for a name, whether there is such an application or
/// not.
const NO_APPLICATIONS: &str = "An application cannot sign in here: these pages are for people. A program signs in at \
    the token endpoint, with its id and its credential.";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A request of a browser's, on its way.
pub(super) struct Visit<'a> {
    identity: &'a Identity,
    browser: Browser,
    correlation: Correlation,
}

impl<'a> Visit<'a> {
    fn new(identity: &'a Identity, request: &Request<Bytes>, correlation: Correlation) -> Self {
        Self { identity, browser: Browser::of(identity, request.headers()), correlation }
    }

    /// A page that says why it does not go on.
    fn refuse(&self, failure: Failure) -> Response<Bytes> {
        let now = self.identity.clocks.now();
        let (problem, status) = match failure {
            Failure::Problem(problem) | Failure::Late(problem, _) => (problem, StatusCode::BAD_REQUEST),
            Failure::Directory(refusal) => {
                (aadsts::temporarily_unavailable(&refusal.to_string()), StatusCode::SERVICE_UNAVAILABLE)
            }
            Failure::NoEndpoint => {
                (aadsts::request_malformed("There is no page at this address."), StatusCode::NOT_FOUND)
            }
        };
        pages::refusal(status, &problem, self.correlation, now)
    }

    /// The response, or a page that says why there is none; with the cookies that go with it.
    fn answer(mut self, response: Result<Response<Bytes>, Failure>) -> Response<Bytes> {
        let response = response.unwrap_or_else(|failure| self.refuse(failure));
        self.browser.keep(response)
    }

    fn steps(&self) -> Walk<'_> {
        Walk { identity: self.identity, browser: &self.browser, correlation: self.correlation }
    }

    /// Walks on from where the journey is.
    async fn walk(self, journey: Journey) -> Response<Bytes> {
        let response = match self.browser.visitor(self.identity).await {
            Ok(visitor) => self.steps().next(&journey, visitor, false).await,
            Err(refusal) => Err(refusal.into()),
        };
        self.answer(response)
    }
}

/// Answers `/{tenant}/oauth2/authorize`: a query, or the same as a posted form.
pub(super) async fn authorize(
    identity: &Identity,
    segment: &str,
    v2: bool,
    request: &Request<Bytes>,
    correlation: Correlation,
) -> Response<Bytes> {
    let visit = Visit::new(identity, request, correlation);
    match query(request) {
        Ok(query) => visit.walk(Journey::Authorize { segment: segment.to_owned(), v2, query }).await,
        Err(problem) => visit.answer(Err(problem.into())),
    }
}

/// Answers `/{tenant}/adminconsent`.
pub(super) async fn consent_of_administrator(
    identity: &Identity,
    segment: &str,
    v2: bool,
    request: &Request<Bytes>,
    correlation: Correlation,
) -> Response<Bytes> {
    let visit = Visit::new(identity, request, correlation);
    let query = request.uri().query().unwrap_or_default().to_owned();
    visit.walk(Journey::AdminConsent { segment: segment.to_owned(), v2, query }).await
}

/// Answers `/devicelogin`: the page for the code of another device, which a link may bring along.
pub(super) async fn device(identity: &Identity, request: &Request<Bytes>, correlation: Correlation) -> Response<Bytes> {
    let visit = Visit::new(identity, request, correlation);
    let parameters = Parameters::parse(request.uri().query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let typed = parameters.get("user_code").or_else(|| parameters.get("otc")).unwrap_or_default();
    let journey = Journey::Device { user_code: String::new() }.print();
    let proof = visit.browser.proof(&journey);
    let form = Form { journey: &journey, proof: &proof, leads_to: None };
    let response = pages::device_code(form, &typed.chars().take(20).collect::<String>(), None);
    visit.answer(Ok(response))
}

/// Answers `/{tenant}/signin?return_to=/path`: signs in for a page of this origin's.
pub(super) async fn sign_in_for_page(
    identity: &Identity,
    segment: &str,
    request: &Request<Bytes>,
    correlation: Correlation,
) -> Response<Bytes> {
    let visit = Visit::new(identity, request, correlation);
    let parameters = Parameters::parse(request.uri().query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let path = parameters.get("return_to").filter(|path| is_local_path(path)).unwrap_or("/").to_owned();
    visit.walk(Journey::Return { segment: segment.to_owned(), path }).await
}

/// Answers `/{tenant}/oauth2/logout`: ends the browser's session. Where an application asks, with its
/// client id, the browser goes back to one of its registered addresses.
pub(super) async fn sign_out(
    identity: &Identity,
    request: &Request<Bytes>,
    correlation: Correlation,
) -> Response<Bytes> {
    let mut visit = Visit::new(identity, request, correlation);
    if let Err(refusal) = visit.browser.sign_out(identity).await {
        return visit.answer(Err(refusal.into()));
    }
    let parameters = Parameters::parse(request.uri().query().unwrap_or_default().as_bytes()).unwrap_or_default();
    let mut response = pages::message("Signed out", "You are signed out. You may close this window.");
    if let (Some(uri), Some(Ok(client))) =
        (parameters.get("post_logout_redirect_uri"), parameters.get("client_id").map(str::parse))
        && let Ok(Some(home)) = identity.directory.home_of(client).await
        && let Ok(Some(client)) = identity.directory.find_client(home.tenant, client).await
        && super::redirect::platform(identity, &client, uri).is_some()
    {
        response = super::redirect::found(uri);
    }
    visit.answer(Ok(response))
}

/// Answers a posted form.
pub(super) async fn submit(identity: &Identity, request: &Request<Bytes>, correlation: Correlation) -> Response<Bytes> {
    let visit = Visit::new(identity, request, correlation);
    let (journey, fields) = match read_form(&visit, request) {
        Ok(read) => read,
        Err(problem) => return visit.answer(Err(problem.into())),
    };
    match fields.get("action") {
        Some("sign-in") => sign_in(visit, journey, &fields, false).await,
        Some("change") => sign_in(visit, journey, &fields, true).await,
        Some("code") => visit.walk(Journey::Device { user_code: device::normal(fields.typed("user_code")) }).await,
        Some(answer @ ("approve" | "accept" | "decline" | "cancel")) => {
            let everyone = fields.get("everyone").is_some();
            let response = decide(&visit, &journey, answer, everyone).await;
            visit.answer(response)
        }
        _ => visit.answer(Err(aadsts::request_malformed("The form says nothing to do.").into())),
    }
}

/// A person who is signed in already pressed a button.
async fn decide(
    visit: &Visit<'_>,
    journey: &Journey,
    answer: &str,
    everyone: bool,
) -> Result<Response<Bytes>, Failure> {
    let visitor = visit.browser.visitor(visit.identity).await?;
    match answer {
        "approve" => visit.steps().approve(journey, visitor).await,
        "accept" => visit.steps().accept(journey, visitor, everyone).await,
        _ => visit.steps().decline(journey).await,
    }
}

/// The journey and the fields of a form that came from a page of ours, to this browser.
fn read_form(visit: &Visit<'_>, request: &Request<Bytes>) -> Result<(Journey, Parameters), Problem> {
    let ours = || {
        aadsts::request_malformed(
            "The page is too old, or did not come from here. Go back to the application and start again.",
        )
    };
    let from_elsewhere = request.headers().get(SEC_FETCH_SITE).is_some_and(|site| site == "cross-site");
    if from_elsewhere || !super::form::is_form(request.headers().get(http::header::CONTENT_TYPE)) {
        return Err(ours());
    }
    if request.body().len() > LONGEST_FORM {
        return Err(aadsts::request_too_long("form"));
    }
    let fields = Parameters::parse(request.body())?;
    let journey = fields.get("journey").unwrap_or_default();
    if !visit.browser.is_proved(journey, fields.get("proof").unwrap_or_default()) {
        return Err(ours());
    }
    Ok((Journey::parse(journey).ok_or_else(ours)?, fields))
}

/// Name and password were posted; with them a new password, when `change`.
async fn sign_in(mut visit: Visit<'_>, journey: Journey, fields: &Parameters, change: bool) -> Response<Bytes> {
    let name = fields.typed("username").trim().to_owned();
    match try_sign_in(&visit, &journey, &name, fields, change).await {
        Ok(visitor) => {
            visit.browser.sign_in(visit.identity, &visitor);
            let response = visit.steps().next(&journey, Some(visitor), true).await;
            visit.answer(response)
        }
        Err(Failure::Problem(problem)) => {
            // Whoever knew the password is asked for a new one; everybody else for the right one.
            let expired = problem.number() == 50_055;
            let notice = (change || !expired).then(|| match name.parse::<ClientId>() {
                Ok(_) => Notice { text: NO_APPLICATIONS, number: Some(problem.number()) },
                Err(_) => Notice::of(&problem),
            });
            let response = visit.steps().ask_again(&journey, &name, notice, change || expired).await;
            visit.answer(response)
        }
        Err(failure) => visit.answer(Err(failure)),
    }
}

async fn try_sign_in(
    visit: &Visit<'_>,
    journey: &Journey,
    name: &str,
    fields: &Parameters,
    change: bool,
) -> Result<Visitor, Failure> {
    let identity = visit.identity;
    let segment = visit.steps().segment(journey).await?;
    let tenant = match &segment {
        Segment::Tenant(tenant) => tenant.id,
        Segment::Any(word) => {
            let found = person::tenant_of(identity, name).await?;
            found.ok_or_else(|| aadsts::user_not_found(name, word))?
        }
        Segment::Consumers => return Err(aadsts::user_not_found(name, "consumers").into()),
    };
    let password = keyholder_foundation::Secret::new(fields.typed("password"));
    let mut person = person::named(identity, tenant, name).await?;
    person::check_password(identity, &person, &password).await?;
    if change {
        person = new_password::change(identity, person, &password, fields).await?;
    }
    person::check_standing(&person, identity.clocks.now())?;
    let new = NewSession {
        user: person.id,
        client: None,
        scope: String::new(),
        methods: person::BY_PASSWORD.to_owned(),
        is_public: true,
        started: identity.clocks.now(),
    };
    let session = identity.directory.start_session(tenant, new).await?;
    Ok(Visitor { person, session })
}

/// The query of a request, or its form when it is posted.
fn query(request: &Request<Bytes>) -> Result<String, Problem> {
    if *request.method() != Method::POST {
        return Ok(request.uri().query().unwrap_or_default().to_owned());
    }
    if !super::form::is_form(request.headers().get(http::header::CONTENT_TYPE)) {
        return Err(aadsts::request_malformed("The content type must be application/x-www-form-urlencoded."));
    }
    let body = std::str::from_utf8(request.body());
    body.map(str::to_owned).map_err(|_| aadsts::request_malformed("The form is not text."))
}
