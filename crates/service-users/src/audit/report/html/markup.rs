//! The page as it grows: markup of this program's own, and texts from anywhere, which are escaped.

use std::fmt::{Display, Write as _};

use crate::audit::report::text;

pub(super) struct Page(String);

impl Page {
    pub(super) fn new() -> Self {
        Self(String::with_capacity(64 * 1024))
    }

    pub(super) fn end(self) -> String {
        self.0
    }

    /// Markup of this program's own.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// A text, escaped; names from anywhere come through [`Page::name`].
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        text::escape(text, &mut self.0);
        self
    }

    /// A name from anywhere.
    pub(super) fn name(&mut self, name: &str) -> &mut Self {
        let name = text::name(name);
        // What is written from right to left keeps that to itself.
        if name.is_ascii() { self.text(&name) } else { self.raw("<bdi>").text(&name).raw("</bdi>") }
    }

    /// A sentence from anywhere; what stands in backticks is shown as code.
    pub(super) fn sentence(&mut self, sentence: &str) -> &mut Self {
        let sentence = text::sentence(sentence);
        let parts: Vec<&str> = sentence.split('`').collect();
        // A name may have a backtick of its own: then they do not come in pairs.
        if parts.len().is_multiple_of(2) {
            return self.text(&sentence);
        }
        for (place, part) in parts.into_iter().enumerate() {
            if place % 2 == 1 {
                self.raw("<code>").text(part).raw("</code>");
            } else {
                self.text(part);
            }
        }
        self
    }

    /// A number, its thousands told apart.
    pub(super) fn number(&mut self, number: &dyn Display) -> &mut Self {
        let digits = number.to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                self.0.push(',');
            }
            self.0.push(digit);
        }
        self
    }

    /// How wide a bar is, in hundredths of what there is room for.
    pub(super) fn width(&mut self, part: f64) -> &mut Self {
        let part = if part.is_finite() { part.clamp(0.0, 1.0) } else { 0.0 };
        let _ = write!(self.0, " style=\"width:{:.1}%\"", part * 100.0);
        self
    }
}
