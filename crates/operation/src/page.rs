//! Where a page of rows ended: the `$skiptoken` of a next link.
//!
//! The service sends `<cookie pagenumber="2" pagingcookie="…" istracking="False" />`, whose inner
//! part is opaque to clients. Ours has the same outer form; the inner part is whatever the store's
//! side puts there.

use std::fmt::Write as _;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use roxmltree::Document;
use uuid::Uuid;

/// Longer tokens were not made here.
pub(crate) const LONGEST: usize = 16_384;

/// A place between two pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken {
    /// The number of the page that comes next, from 2.
    pub page: u32,
    /// The store's own mark of where the last page ended.
    pub cookie: String,
}

impl PageToken {
    /// The token as it stands in `$skiptoken`, before percent-encoding for the address.
    #[must_use]
    pub fn print(&self) -> String {
        // Encoded twice, like the service's: the cookie is XML inside an XML attribute.
        let once = utf8_percent_encode(&self.cookie, NON_ALPHANUMERIC).to_string();
        let twice = utf8_percent_encode(&once, NON_ALPHANUMERIC);
        format!("<cookie pagenumber=\"{}\" pagingcookie=\"{twice}\" istracking=\"False\" />", self.page)
    }

    /// Reads what [`PageToken::print`] wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let rest = text.strip_prefix("<cookie pagenumber=\"")?;
        let (page, rest) = rest.split_once("\" pagingcookie=\"")?;
        let (cookie, rest) = rest.split_once('"')?;
        (rest.trim() == "istracking=\"False\" />").then_some(())?;
        let once = percent_decode_str(cookie).decode_utf8().ok()?;
        let cookie = percent_decode_str(&once).decode_utf8().ok()?.into_owned();
        Some(Self { page: page.parse().ok().filter(|page| *page >= 2)?, cookie })
    }
}

impl PageToken {
    /// The token as the annotation `fetchxmlpagingcookie` has it: outside like [`PageToken::print`],
    /// inside a document with the first and the last row's id, which clients look at, and the
    /// store's mark, in hexadecimal digits so that no layer of quoting can hurt it.
    #[must_use]
    pub fn print_for_fetch(&self, id_column: &str, first: Uuid, last: Uuid) -> String {
        let mut mark = String::with_capacity(self.cookie.len() * 2);
        for byte in self.cookie.bytes() {
            // Writing to a String cannot fail.
            let _ = write!(mark, "{byte:02x}");
        }
        let page = self.page.saturating_sub(1);
        let (first, last) = (first.hyphenated(), last.hyphenated());
        let inner = format!(
            "<cookie page=\"{page}\"><{id_column} last=\"{{{last:X}}}\" first=\"{{{first:X}}}\" /><place mark=\"{mark}\" \
             /></cookie>"
        );
        Self { page: self.page, cookie: inner }.print()
    }

    /// Reads the attribute `paging-cookie` of a document: the inside of what
    /// [`PageToken::print_for_fetch`] wrote, or, as some clients send it, the whole.
    #[must_use]
    pub fn parse_from_fetch(text: &str) -> Option<Self> {
        if text.len() > 2 * LONGEST {
            return None;
        }
        let whole = Self::parse(text);
        let inner = whole.as_ref().map_or(text, |whole| &whole.cookie);
        let document = Document::parse(inner).ok()?;
        let cookie = document.root_element();
        let page: u32 = cookie.has_tag_name("cookie").then(|| cookie.attribute("page"))??.parse().ok()?;
        let mark = cookie.children().find(|child| child.has_tag_name("place"))?.attribute("mark")?;
        let digits = |at: usize| u8::from_str_radix(mark.get(at..at + 2)?, 16).ok();
        let bytes = (0..mark.len()).step_by(2).map(digits).collect::<Option<Vec<u8>>>()?;
        Some(Self { page: page.checked_add(1)?, cookie: String::from_utf8(bytes).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn print_then_parse(page in 2u32.., cookie in "\\PC{0,60}") {
            let token = PageToken { page, cookie };
            prop_assert_eq!(PageToken::parse(&token.print()), Some(token));
        }

        #[test]
        fn print_then_parse_inside_a_document(page in 2u32..100, cookie in "\\PC{0,60}", first: u128, last: u128) {
            let token = PageToken { page, cookie };
            let whole = token.print_for_fetch("contactid", Uuid::from_u128(first), Uuid::from_u128(last));
            prop_assert_eq!(PageToken::parse_from_fetch(&whole), Some(token.clone()));
            // What clients do: they take the inside and decode it twice.
            let inner = whole.split("pagingcookie=\"").nth(1).unwrap().split('"').next().unwrap();
            let once = percent_decode_str(inner).decode_utf8().unwrap();
            let twice = percent_decode_str(&once).decode_utf8().unwrap().into_owned();
            let beginning = format!("<cookie page=\"{}\"><contactid last=\"{{", page - 1);
            prop_assert!(twice.starts_with(&beginning));
            prop_assert_eq!(PageToken::parse_from_fetch(&twice), Some(token));
        }

        #[test]
        fn foreign_text_is_refused(text in "\\PC{0,80}") {
            prop_assert_eq!(PageToken::parse(&text), None);
            prop_assert_eq!(PageToken::parse_from_fetch(&text), None);
        }
    }
}
