//! The two ids of a request: ours, and the one by which its sender will ask about it.

use http::{HeaderMap, HeaderName, HeaderValue};
use keyholder_foundation::Random;
use uuid::Uuid;

pub(crate) const CLIENT_REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");

/// The ids under which a request is answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Correlation {
    /// Made here.
    pub(crate) trace: Uuid,
    /// The sender's, when it gave one that is a UUID.
    pub(crate) client: Option<Uuid>,
}

impl Correlation {
    /// The ids of a request with these headers and this query string: senders put theirs in either.
    pub(crate) fn of(headers: &HeaderMap, query: Option<&str>, random: &dyn Random) -> Self {
        let header = headers.get(CLIENT_REQUEST_ID).and_then(|value| value.to_str().ok());
        let client = header.and_then(parse).or_else(|| {
            let mut pairs = form_urlencoded::parse(query?.as_bytes());
            pairs.find_map(|(name, value)| (name == "client-request-id").then(|| parse(&value)).flatten())
        });
        Self { trace: random.uuid(), client }
    }

    /// Takes an id that stood in the body, when none was found before.
    pub(crate) fn or_from_body(&mut self, id: Option<&str>) {
        self.client = self.client.or_else(|| id.and_then(parse));
    }

    /// The sender's id, or ours for want of one.
    pub(crate) fn client_or_trace(&self) -> Uuid {
        self.client.unwrap_or(self.trace)
    }
}

fn parse(text: &str) -> Option<Uuid> {
    Uuid::parse_str(text.trim()).ok()
}

/// A UUID as a header's value.
pub(crate) fn header_value(id: Uuid) -> HeaderValue {
    let mut buffer = Uuid::encode_buffer();
    // Hexadecimal digits and hyphens always make a header's value.
    HeaderValue::from_str(id.hyphenated().encode_lower(&mut buffer)).unwrap_or(HeaderValue::from_static(""))
}
