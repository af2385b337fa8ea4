//! HTML in the making, for the pages of the token service and of the orgs.
//!
//! What came from outside gets into it only through [`Html::text`] and [`Html::attribute`], which
//! escape it: the other functions take nothing but texts of this program.

use bytes::Bytes;

/// HTML in the making.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Html(String);

impl Html {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Markup of this program's own.
    #[must_use]
    pub fn raw(mut self, markup: &'static str) -> Self {
        self.0.push_str(markup);
        self
    }

    /// A text from anywhere.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        escape(text, &mut self.0);
        self
    }

    /// An attribute with a value from anywhere, inside a tag that is still open.
    #[must_use]
    pub fn attribute(mut self, name: &'static str, value: &str) -> Self {
        self.0.push(' ');
        self.0.push_str(name);
        self.0.push_str("=\"");
        escape(value, &mut self.0);
        self.0.push('"');
        self
    }

    /// A link to an address of this process's.
    #[must_use]
    pub fn link(self, address: &str, text: &'static str) -> Self {
        self.raw("<a").attribute("href", address).raw(">").text(text).raw("</a>")
    }

    /// A paragraph of this program's own words.
    #[must_use]
    pub fn paragraph(self, words: &'static str) -> Self {
        self.raw("<p>").text(words).raw("</p>")
    }

    /// A name and a value in a list of such.
    #[must_use]
    pub fn entry(self, name: &'static str, value: &str) -> Self {
        self.raw("<dt>").text(name).raw("</dt><dd>").text(value).raw("</dd>")
    }

    /// Further HTML.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        self.0.push_str(&other.0);
        self
    }
}

impl From<Html> for Bytes {
    fn from(html: Html) -> Self {
        Self::from(html.0)
    }
}

fn escape(text: &str, into: &mut String) {
    for character in text.chars() {
        match character {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\'' => into.push_str("&#39;"),
            // Nothing that a person could read.
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' => into.push('\u{fffd}'),
            other => into.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_comes_from_outside_is_escaped() {
        let html = Html::new().raw("<p").attribute("title", "a\"b'c<d>&").raw(">").text("<script>\0").raw("</p>");
        assert_eq!(html.0, "<p title=\"a&quot;b&#39;c&lt;d&gt;&amp;\">&lt;script&gt;\u{fffd}</p>");
    }

    proptest! {
        #[test]
        fn no_text_breaks_out(text: String) {
            let html = Html::new().text(&text).0;
            prop_assert!(!html.contains(['<', '>', '"', '\'']));
        }
    }
}
