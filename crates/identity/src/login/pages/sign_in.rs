//! Signing in: name and password, a new password, the second factor.

use bytes::Bytes;
use http::{Response, StatusCode};
use keyholder_entra::aadsts::Problem;

use super::form::{Form, button, field};
use super::{Html, page};

/// Something that went wrong, in words for the person.
#[derive(Debug, Clone, Copy)]
pub(in crate::login) struct Notice<'a> {
    pub(in crate::login) text: &'a str,
    /// The AADSTS number, where there is one.
    pub(in crate::login) number: Option<u32>,
}

impl<'a> Notice<'a> {
    /// One of Entra's errors.
    pub(in crate::login) fn of(problem: &'a Problem) -> Self {
        Self { text: problem.text(), number: Some(problem.number()) }
    }

    pub(super) fn html(self) -> Html {
        let html = Html::new().raw("<p class=\"notice\" role=\"alert\">").text(self.text).raw("</p>");
        match self.number {
            None => html,
            Some(number) => html.raw("<p class=\"code\">AADSTS").text(&number.to_string()).raw("</p>"),
        }
    }
}

fn notice(notice: Option<Notice<'_>>) -> Html {
    notice.map(Notice::html).unwrap_or_default()
}

/// What the sign-in page says.
#[derive(Debug, Clone, Copy)]
pub(in crate::login) struct SignIn<'a> {
    /// The application, where it is one that wants the sign-in.
    pub(in crate::login) application: Option<&'a str>,
    /// The tenant, where it is known already.
    pub(in crate::login) tenant: Option<&'a str>,
    /// The name to begin with.
    pub(in crate::login) name: &'a str,
    pub(in crate::login) notice: Option<Notice<'a>>,
}

/// Name and password.
pub(in crate::login) fn sign_in(form: Form<'_>, shown: SignIn<'_>) -> Response<Bytes> {
    let mut about = Html::new();
    if let Some(application) = shown.application {
        about = about.raw("<p>to continue to <strong>").text(application).raw("</strong></p>");
    }
    if let Some(tenant) = shown.tenant {
        about = about.raw("<p class=\"quiet\">").text(tenant).raw("</p>");
    }
    let focus = if shown.name.is_empty() {
        ("required autofocus autocomplete=\"username\"", "required autocomplete=\"current-password\"")
    } else {
        ("required autocomplete=\"username\"", "required autofocus autocomplete=\"current-password\"")
    };
    let fields = Html::new()
        .with(&field("User name", "text", "username", shown.name, focus.0))
        .with(&field("Password", "password", "password", "", focus.1))
        .with(&button("sign-in", "Sign in", true))
        .with(&button("cancel", "Cancel", false));
    let body = about.with(&notice(shown.notice)).with(&form.around(&fields));
    page(StatusCode::OK, "Sign in", &body, form.leads_to)
}

/// A new password, when the old one is over.
pub(in crate::login) fn change_password(form: Form<'_>, name: &str, shown: Option<Notice<'_>>) -> Response<Bytes> {
    let fields = Html::new()
        .with(&field("User name", "text", "username", name, "required readonly autocomplete=\"username\""))
        .with(&field(
            "Current password",
            "password",
            "password",
            "",
            "required autofocus autocomplete=\"current-password\"",
        ))
        .with(&field("New password", "password", "new_password", "", "required autocomplete=\"new-password\""))
        .with(&field("New password again", "password", "confirmation", "", "required autocomplete=\"new-password\""))
        .raw("<p class=\"quiet\">At least 8 characters of three kinds: capital letters, small letters, digits, ")
        .raw("other characters.</p>")
        .with(&button("change", "Change and sign in", true))
        .with(&button("cancel", "Cancel", false));
    let body = Html::new()
        .raw("<p>Your password has expired, or this is your first sign-in. Choose a new one to go on.</p>")
        .with(&notice(shown))
        .with(&form.around(&fields));
    page(StatusCode::OK, "Change your password", &body, form.leads_to)
}

/// The second factor. A local org has no telephone to ask, so the person's word is taken for it.
pub(in crate::login) fn second_factor(form: Form<'_>, name: &str) -> Response<Bytes> {
    let fields = Html::new().with(&button("approve", "Approve", true)).with(&button("cancel", "Deny", false));
    let body = Html::new()
        .raw("<p>Multi-factor authentication is required for <strong>")
        .text(name)
        .raw("</strong>. A local org has no telephone to ask: here you approve the sign-in yourself.</p>")
        .with(&form.around(&fields));
    page(StatusCode::OK, "Approve the sign-in", &body, form.leads_to)
}
