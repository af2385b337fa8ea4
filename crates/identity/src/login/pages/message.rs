//! Pages that only say something, and the one that carries an answer onward.

use bytes::Bytes;
use http::{Response, StatusCode};
use keyholder_entra::aadsts::{self, Problem};
use keyholder_foundation::Timestamp;

use super::{Html, page};
use crate::correlation::Correlation;

/// A page that says one thing.
pub(in crate::login) fn message(title: &'static str, text: &str) -> Response<Bytes> {
    page(StatusCode::OK, title, &Html::new().raw("<p>").text(text).raw("</p>"), None)
}

/// A page that says why it does not go on, with what an administrator needs to find the cause.
pub(in crate::login) fn refusal(
    status: StatusCode,
    problem: &Problem,
    correlation: Correlation,
    now: Timestamp,
) -> Response<Bytes> {
    let mut body = Html::new().raw("<p class=\"notice\" role=\"alert\">").text(problem.text()).raw("</p>");
    if let Some(known) = aadsts::explain(problem.number()) {
        body = body.raw("<p>").text(known.mend).raw("</p>");
    }
    let body = body
        .raw("<p class=\"code\">AADSTS")
        .text(&problem.number().to_string())
        .raw("<br>Trace ID: ")
        .text(&correlation.trace.to_string())
        .raw("<br>Correlation ID: ")
        .text(&correlation.client_or_trace().to_string())
        .raw("<br>Timestamp: ")
        .text(&now.with_blank())
        .raw("</p>");
    page(status, "Sorry, but we're having trouble signing you in", &body, None)
}

/// The page that posts an answer to an application (OAuth 2.0 Form Post Response Mode). Elsewhere a
/// script sends it at once; here the person does.
pub(in crate::login) fn form_post(uri: &str, parameters: &[(&str, &str)]) -> Response<Bytes> {
    let mut form = Html::new().raw("<form method=\"post\"").attribute("action", uri).raw(">");
    for (name, value) in parameters {
        form = form.raw("<input type=\"hidden\"").attribute("name", name).attribute("value", value).raw(">");
    }
    let body = Html::new()
        .raw("<p>You are done here. Continue to the application.</p>")
        .with(&form.raw("<button type=\"submit\" autofocus>Continue</button></form>"));
    page(StatusCode::OK, "Continue", &body, Some(uri))
}
