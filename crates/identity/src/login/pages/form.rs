//! The frame of every form: where it is sent, what it goes on with, and the proof that it is ours.

use super::Html;

/// What every form carries unseen.
#[derive(Debug, Clone, Copy)]
pub(in crate::login) struct Form<'a> {
    /// What the person is in the middle of.
    pub(in crate::login) journey: &'a str,
    /// Proves that the page came from here, to this browser.
    pub(in crate::login) proof: &'a str,
    /// Where the answer to it may lead the browser.
    pub(in crate::login) leads_to: Option<&'a str>,
}

impl Form<'_> {
    /// The form around these fields.
    pub(super) fn around(self, fields: &Html) -> Html {
        Html::new()
            .raw("<form method=\"post\" action=\"/common/login\"><input type=\"hidden\" name=\"journey\"")
            .attribute("value", self.journey)
            .raw("><input type=\"hidden\" name=\"proof\"")
            .attribute("value", self.proof)
            .raw(">")
            .with(fields)
            .raw("</form>")
    }
}

/// A field for a text, with its label.
pub(super) fn field(
    label: &'static str,
    kind: &'static str,
    name: &'static str,
    value: &str,
    extras: &'static str,
) -> Html {
    Html::new()
        .raw("<label for=\"")
        .raw(name)
        .raw("\">")
        .raw(label)
        .raw("</label><input type=\"")
        .raw(kind)
        .raw("\" id=\"")
        .raw(name)
        .raw("\" name=\"")
        .raw(name)
        .raw("\" ")
        .raw(extras)
        .attribute("value", value)
        .raw(">")
}

/// A button; `action` says which one was pressed.
pub(super) fn button(action: &'static str, label: &'static str, first: bool) -> Html {
    let class = if first { "\">" } else { "\" class=\"second\" formnovalidate>" };
    Html::new()
        .raw("<button type=\"submit\" name=\"action\" value=\"")
        .raw(action)
        .raw(class)
        .raw(label)
        .raw("</button>")
}
