//! Signing in on another device: the code, and the question whether that was meant.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::form::{Form, button, field};
use super::sign_in::Notice;
use super::{Html, page};

/// The page that asks for the code.
pub(in crate::login) fn device_code(form: Form<'_>, code: &str, notice: Option<Notice<'_>>) -> Response<Bytes> {
    let extras =
        "required autofocus autocomplete=\"off\" autocapitalize=\"characters\" spellcheck=\"false\" maxlength=\"20\"";
    let fields =
        Html::new().with(&field("Code", "text", "user_code", code, extras)).with(&button("code", "Next", true));
    let body = Html::new()
        .raw("<p>Enter the code that the application on your other device shows.</p>")
        .with(&notice.map(Notice::html).unwrap_or_default())
        .with(&form.around(&fields));
    page(StatusCode::OK, "Enter code", &body, None)
}

/// The page that asks whether the sign-in was meant.
pub(in crate::login) fn confirm_device(form: Form<'_>, application: &str, person: &str) -> Response<Bytes> {
    let fields = Html::new().with(&button("accept", "Continue", true)).with(&button("decline", "Cancel", false));
    let body = Html::new()
        .raw("<p>You are about to sign in to <strong>")
        .text(application)
        .raw("</strong> on another device as <strong>")
        .text(person)
        .raw("</strong>.</p><p class=\"quiet\">Do this only if you started it there yourself. Never enter a code ")
        .raw("that somebody sent you.</p>")
        .with(&form.around(&fields));
    page(StatusCode::OK, "Are you trying to sign in?", &body, None)
}
