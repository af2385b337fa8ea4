//! What a person is in the middle of. It travels in the form, as the browser's first request said it,
//! and is checked anew at each step: nothing of it is believed for having been shown before.

use keyholder_entra::base64url;
use serde::{Deserialize, Serialize};

/// The longest journey that is read, in characters.
const LONGEST: usize = 24 * 1024;

/// What a person signs in for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Journey {
    /// An application's request at the authorization endpoint.
    Authorize {
        /// What stands for the tenant.
        segment: String,
        /// Whether it came to the v2 endpoint.
        v2: bool,
        /// Its query.
        query: String,
    },
    /// A sign-in on another device.
    Device {
        /// What the person typed in; empty before.
        user_code: String,
    },
    /// An administrator's consent for everyone.
    AdminConsent {
        /// What stands for the tenant.
        segment: String,
        /// Whether it came to the v2 endpoint.
        v2: bool,
        /// Its query.
        query: String,
    },
    /// A page of this origin's.
    Return {
        /// What stands for the tenant.
        segment: String,
        /// The page's path.
        path: String,
    },
}

impl Journey {
    /// As it travels.
    pub(super) fn print(&self) -> String {
        // A variant of texts always prints.
        base64url::encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads one; none when it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        serde_json::from_slice(&base64url::decode(text).ok()?).ok()
    }
}

/// Whether a path leads to a page of this origin's, and nowhere else.
pub(super) fn is_local_path(path: &str) -> bool {
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    plain && path.starts_with('/') && !path.starts_with("//") && path.len() <= 2048
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_paths_of_this_origin_are_returned_to() {
        for local in ["/", "/main.aspx?appid=1", "/a//b"] {
            assert!(is_local_path(local), "{local}");
        }
        for other in ["", "a", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/\t/evil", "/ä"]
        {
            assert!(!is_local_path(other), "{other}");
        }
    }

    proptest! {
        #[test]
        fn print_then_parse_is_the_same(segment: String, v2: bool, query: String) {
            let journey = Journey::Authorize { segment, v2, query };
            prop_assert_eq!(Journey::parse(&journey.print()), Some(journey));
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let _ = (Journey::parse(&text), Journey::parse(&base64url::encode(&text)));
        }
    }
}
