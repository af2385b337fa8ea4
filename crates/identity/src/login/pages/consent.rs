//! Consent: what an application asks for, and who may say yes.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::form::{Form, button};
use super::{Html, page};

/// What a person is asked to consent to.
#[derive(Debug, Clone)]
pub(in crate::login) struct Consenting<'a> {
    pub(in crate::login) application: &'a str,
    /// The domain of the tenant in which it is registered.
    pub(in crate::login) publisher: &'a str,
    pub(in crate::login) person: &'a str,
    pub(in crate::login) tenant: &'a str,
    /// Each as a sentence.
    pub(in crate::login) permissions: Vec<String>,
    pub(in crate::login) whom: Whom,
}

/// For whom the consent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::login) enum Whom {
    /// For the person alone.
    Oneself,
    /// For the person, or for everyone if the person says so.
    OneselfOrEveryone,
    /// For everyone.
    Everyone,
}

/// The page that asks.
pub(in crate::login) fn consent(form: Form<'_>, asked: &Consenting<'_>) -> Response<Bytes> {
    let mut list = Html::new().raw("<ul>");
    for permission in &asked.permissions {
        list = list.raw("<li>").text(permission).raw("</li>");
    }
    let list = list.raw("</ul>");
    let mut fields = Html::new();
    if asked.whom == Whom::OneselfOrEveryone {
        fields = fields
            .raw("<label class=\"choice\"><input type=\"checkbox\" name=\"everyone\" value=\"1\"> ")
            .raw("Consent on behalf of your organization</label>");
    }
    let fields = fields.with(&button("accept", "Accept", true)).with(&button("decline", "Cancel", false));
    let mut body = Html::new()
        .raw("<p><strong>")
        .text(asked.application)
        .raw("</strong><br><span class=\"quiet\">published by ")
        .text(asked.publisher)
        .raw("</span></p><p>This application would like to:</p>")
        .with(&list);
    if asked.whom == Whom::Everyone {
        body = body
            .raw("<p>If you accept, it gets these permissions for everyone in <strong>")
            .text(asked.tenant)
            .raw("</strong>, and nobody else is asked again.</p>");
    }
    let body = body
        .raw("<p class=\"quiet\">You are signed in as ")
        .text(asked.person)
        .raw(". Accept only if you trust the publisher.</p>")
        .with(&form.around(&fields));
    let title = if asked.whom == Whom::Everyone {
        "Permissions requested: review for your organization"
    } else {
        "Permissions requested"
    };
    page(StatusCode::OK, title, &body, form.leads_to)
}
