//! Where a page of rows ended: the `$skiptoken` of a next link.
//!
//! The service sends `<cookie pagenumber="2" pagingcookie="…" istracking="False" />`, whose inner
//! part is opaque to clients. Ours has the same outer form; the inner part is whatever the store's
//! side puts there.

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

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
        fn foreign_text_is_refused(text in "\\PC{0,80}") {
            prop_assert_eq!(PageToken::parse(&text), None);
        }
    }
}
