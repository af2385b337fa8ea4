//! `$batch`: several requests in one, as MIME parts (RFC 2046; OData 4.0, part 1, chapter 11.7).
//!
//! Reading is split from doing: a batch that is not whole is refused before any of it is done.
//! What clients write beside the standard is taken as they mean it: boundaries with and without
//! quotes, line ends of either kind, raw blanks in addresses, no lengths.

mod multipart;
mod references;

use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use keyholder_dataverse::error::{self, DataverseError};

use crate::syntax::quoted;
use multipart::{MimePart, boundary, parts};
pub use references::References;

/// A batch holds at most this many requests, those in change sets included, as the service documents.
pub const MOST_REQUESTS: usize = 1_000;
/// An inner request has at most this many headers.
const MOST_HEADERS: usize = 64;

/// What a batch asks, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item<'a> {
    /// A request by itself.
    Request(Part<'a>),
    /// Requests that are all done or not at all.
    ChangeSet(Vec<Part<'a>>),
}

/// One request of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// The name by which later requests refer to this one's row.
    pub content_id: Option<&'a str>,
    /// The method.
    pub method: Method,
    /// The path after `/api/data/`, as [`crate::Request::path`]; begins with the version. May hold a reference
    /// (`v9.2/$1/lastname`).
    pub path: String,
    /// What follows the `?`.
    pub query: Option<&'a str>,
    /// Its own headers. Those of the batch do not count for it.
    pub headers: HeaderMap,
    /// Its body.
    pub body: &'a [u8],
}

/// Reads a batch that was sent to `{version}/$batch`.
///
/// # Errors
/// The service's refusal of what is no batch, of more than [`MOST_REQUESTS`], and of change sets with
/// requests that read or that have no Content-ID.
pub fn read<'a>(version: &str, content_type: Option<&str>, body: &'a [u8]) -> Result<Vec<Item<'a>>, DataverseError> {
    let content_type = content_type.unwrap_or_default();
    let boundary = boundary(content_type).ok_or_else(|| {
        error::odata(format!(
            "The Content-Type '{}' is no batch; send multipart/mixed with a boundary.",
            quoted(content_type)
        ))
        .with_status(415)
    })?;
    let (mut items, mut count) = (Vec::new(), 0);
    for part in parts(body, &boundary)? {
        let item = match part.inner_boundary()? {
            None => Item::Request(request(version, &part)?),
            Some(boundary) => Item::ChangeSet(change_set(version, &part, &boundary)?),
        };
        count += match &item {
            Item::Request(_) => 1,
            Item::ChangeSet(parts) => parts.len(),
        };
        if count > MOST_REQUESTS {
            return Err(error::odata(format!(
                "The batch has more than {MOST_REQUESTS} requests; send several batches."
            )));
        }
        items.push(item);
    }
    Ok(items)
}

fn change_set<'a>(version: &str, set: &MimePart<'a>, boundary: &str) -> Result<Vec<Part<'a>>, DataverseError> {
    let mut requests: Vec<Part<'a>> = Vec::new();
    for part in parts(set.body, boundary)? {
        if part.inner_boundary()?.is_some() {
            return Err(error::odata("A change set cannot hold another change set."));
        }
        let request = request(version, &part)?;
        if matches!(request.method, Method::GET | Method::HEAD) {
            return Err(error::odata("A change set cannot hold requests that read; put them outside of it."));
        }
        let id = request.content_id.ok_or_else(|| error::odata("Content-ID header not present"))?;
        if requests.iter().any(|other| other.content_id == Some(id)) {
            return Err(error::odata(format!("The Content-ID '{}' occurs twice in a change set.", quoted(id))));
        }
        if requests.len() == MOST_REQUESTS {
            return Err(error::odata(format!("A change set has more than {MOST_REQUESTS} requests.")));
        }
        requests.push(request);
    }
    Ok(requests)
}

/// Reads the request inside a part of type `application/http`.
fn request<'a>(version: &str, part: &MimePart<'a>) -> Result<Part<'a>, DataverseError> {
    let mut lines = multipart::Lines::new(part.body);
    let first = loop {
        match lines.next() {
            Some("") => {}
            Some(line) => break line,
            None => return Err(error::odata("A part of the batch holds no request.")),
        }
    };
    let (method, rest) = first.trim_start().split_once(' ').ok_or_else(|| malformed(first))?;
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| malformed(first))?;
    let rest = rest.trim();
    // The address may hold raw blanks, so the protocol is looked for from the end.
    let address = match rest.rsplit_once(' ') {
        Some((address, protocol)) if protocol.to_ascii_uppercase().starts_with("HTTP/") => address.trim_end(),
        _ => rest,
    };
    let (path, query) = match address.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (address, None),
    };
    let mut headers = HeaderMap::new();
    let mut content_id = part.content_id;
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or_else(|| malformed(line))?;
        let (name, value) = (name.trim(), value.trim());
        if name.eq_ignore_ascii_case("Content-ID") {
            content_id = content_id.or(Some(value));
            continue;
        }
        if headers.len() == MOST_HEADERS {
            return Err(error::odata(format!("A request of the batch has more than {MOST_HEADERS} headers.")));
        }
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| malformed(line))?;
        headers.append(name, HeaderValue::from_str(value).map_err(|_| malformed(line))?);
    }
    // Some write `type=entry` beside the media type, which says nothing here.
    if let Some(kind) = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(essence)
        && let Ok(kind) = HeaderValue::from_str(&kind)
    {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    Ok(Part { content_id, method, path: local_path(version, path)?, query, headers, body: lines.rest() })
}

fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_owned()
}

/// The path after `/api/data/` of an address as the parts of batches have it: whole, from the root, or relative to
/// the batch's own.
fn local_path(version: &str, path: &str) -> Result<String, DataverseError> {
    let whole = path.contains("://") && !path.starts_with('$');
    if whole || path.starts_with('/') {
        let found = path.split_once("/api/data/").map(|(_, after)| after.to_owned());
        return found.ok_or_else(|| error::unknown_segment(&quoted(path)));
    }
    Ok(format!("{version}/{path}"))
}

fn malformed(line: &str) -> DataverseError {
    error::odata(format!("A request of the batch is malformed at '{}'.", quoted(line)))
}

#[cfg(test)]
mod tests;
