//! The multipart answer to a batch (RFC 2046 section 5.1, with RFC 9112 messages inside).
//!
//! Parts and headers are slices of the answer; nothing is copied but headers' names. How large it may be is the transport's bound, and
//! how many parts there are is the batch's.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use memchr::memchr;
use url::Url;

use super::{Batch, ChangeSet, Outcome, Part, change_url};
use crate::dataverse::change::{Change, Done};
use crate::dataverse::{Dataverse, Page, Row};
use crate::error::Error;
use crate::transport::origin_of;
use crate::wire::json;

/// The most headers of one part; the service sends some five.
const MOST_HEADERS: usize = 64;

pub(super) fn unreadable(url: &Url, found: &str) -> Error {
    Error::Protocol { origin: origin_of(url), found: format!("an answer to a batch that is none: {found}") }
}

/// The boundary that an answer's type names; nothing when it is no multipart answer.
pub(super) fn boundary<B>(answer: &Response<B>) -> Option<String> {
    boundary_in(answer.headers().get(CONTENT_TYPE)?.to_str().ok()?)
}

fn boundary_in(kind: &str) -> Option<String> {
    let mut parts = kind.split(';').map(str::trim);
    if !parts.next()?.eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let given = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
    });
    given.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// What the parts of an answer say of the parts of the batch.
pub(super) fn outcomes(
    org: &Dataverse,
    batch: &Batch,
    url: &Url,
    boundary: &str,
    body: &Bytes,
) -> Result<Vec<Outcome>, Error> {
    let wrong = |found: &str| unreadable(url, found);
    let answered = split(body, boundary, batch.parts.len()).map_err(wrong)?;
    let mut all = Vec::with_capacity(batch.parts.len());
    for (part, text) in batch.parts.iter().zip(&answered) {
        all.push(outcome(org, part, text).map_err(|error| error.unwrap_or_else(|| wrong("a part that is no answer")))?);
    }
    let has_ended = all.last().is_some_and(|last| last.error().is_some());
    if all.len() < batch.parts.len() && !has_ended {
        return Err(wrong("fewer parts than requests"));
    }
    count(org, batch, &all);
    all.resize_with(batch.parts.len(), || Outcome::NotRun);
    Ok(all)
}

/// The one answer to a batch of one request.
pub(super) fn only(url: &Url, boundary: &str, body: &Bytes) -> Result<Response<Bytes>, Error> {
    let parts = split(body, boundary, 1).map_err(|found| unreadable(url, found))?;
    let answer = parts.first().and_then(|text| response(&Envelope::read(text)?.message));
    answer.ok_or_else(|| unreadable(url, "a part that is no answer"))
}

fn count(org: &Dataverse, batch: &Batch, outcomes: &[Outcome]) {
    let counters = org.api.http.counters();
    for (part, outcome) in batch.parts.iter().zip(outcomes) {
        match (part, outcome) {
            (_, Outcome::Read(page)) => counters.read(page.rows.len()),
            (Part::Change(change), Outcome::Changed(_)) => counters.written(change.rows),
            (Part::ChangeSet(set), Outcome::ChangedTogether(_)) => {
                counters.written(set.changes.iter().map(|change| change.rows).sum());
            }
            _ => {}
        }
    }
}

/// One part's outcome; an error of nothing when its text cannot be read.
fn outcome(org: &Dataverse, part: &Part, text: &Bytes) -> Result<Outcome, Option<Error>> {
    let envelope = Envelope::read(text).ok_or(None)?;
    let nested = envelope.kind.as_deref().and_then(|kind| boundary_in(std::str::from_utf8(kind).ok()?));
    if let (Part::ChangeSet(set), Some(boundary)) = (part, &nested) {
        let inside = split(&envelope.message, boundary, set.changes.len()).map_err(|_| None)?;
        let mut all = Vec::with_capacity(inside.len());
        for (change, text) in set.changes.iter().zip(&inside) {
            let envelope = Envelope::read(text).ok_or(None)?;
            let answer = response(&envelope.message).ok_or(None)?;
            // A change set is refused by one part alone.
            if !answer.status().is_success() {
                return Ok(Outcome::Refused(refused_set(org, set, &envelope, &answer)));
            }
            match done(org, change, &answer) {
                Ok(done) => all.push(done),
                Err(error) => return Ok(Outcome::Refused(error)),
            }
        }
        return if all.len() == set.changes.len() { Ok(Outcome::ChangedTogether(all)) } else { Err(None) };
    }
    let answer = response(&envelope.message).ok_or(None)?;
    Ok(match part {
        Part::Read(query) => {
            let url = org.resolve(query).map_err(Some)?;
            if !answer.status().is_success() {
                return Ok(Outcome::Refused(org.api.refused(&Method::GET, &url, &answer)));
            }
            let row: Row = if answer.body().is_empty() { Row::new() } else { json(&url, &answer).map_err(Some)? };
            Outcome::Read(Page::try_from(row).map_err(|_| None)?)
        }
        Part::Change(change) => done(org, change, &answer).map_or_else(Outcome::Refused, Outcome::Changed),
        // Only a refusal comes without the set around it.
        Part::ChangeSet(_) if answer.status().is_success() => return Err(None),
        Part::ChangeSet(set) => Outcome::Refused(refused_set(org, set, &envelope, &answer)),
    })
}

/// Why a change set was refused: by the change that the answer names by its Content-ID; by some of them, where it names none.
fn refused_set(org: &Dataverse, set: &ChangeSet, envelope: &Envelope, answer: &Response<Bytes>) -> Error {
    let id = envelope.content_id.as_deref().and_then(|id| std::str::from_utf8(id).ok());
    let at = id.and_then(|id| id.trim().parse::<usize>().ok()?.checked_sub(1));
    match at.and_then(|at| set.changes.get(at)) {
        Some(change) => org.api.refused(&change.method, &change_url(&org.api.root, &change.path), answer),
        None => {
            let what = format!("one of the {} changes of a change set", set.len());
            org.api.refused_as(&what, &org.api.root, answer)
        }
    }
}

fn done(org: &Dataverse, change: &Change, answer: &Response<Bytes>) -> Result<Done, Error> {
    let url = || change_url(&org.api.root, &change.path);
    if answer.status().is_success() {
        Done::read(url, answer)
    } else {
        Err(org.api.refused(&change.method, &url(), answer))
    }
}

/// The parts between the boundaries, at most `most`. Lines end in CRLF or LF.
fn split(body: &Bytes, boundary: &str, most: usize) -> Result<Vec<Bytes>, &'static str> {
    let mut parts = Vec::new();
    // Where the part begins, once its boundary has been seen.
    let mut from = None;
    let mut at = 0;
    while at < body.len() {
        let end = line_end(body, at);
        let line = trimmed(&body[at..end]);
        if let Some(behind) = line.strip_prefix(b"--").and_then(|rest| rest.strip_prefix(boundary.as_bytes())) {
            let is_last = behind.starts_with(b"--");
            if is_last || behind.iter().all(u8::is_ascii_whitespace) {
                if let Some(from) = from {
                    if parts.len() == most {
                        return Err("more parts than requests");
                    }
                    parts.push(body.slice(from..before_line_end(body, from, at)));
                }
                if is_last {
                    return Ok(parts);
                }
                from = Some(end);
            }
        }
        at = end;
    }
    Err("a part without an end")
}

/// Behind the end of the line that goes on at this place.
fn line_end(text: &[u8], at: usize) -> usize {
    memchr(b'\n', &text[at..]).map_or(text.len(), |found| at + found + 1)
}

/// The line end before a boundary is the boundary's.
fn before_line_end(body: &[u8], from: usize, at: usize) -> usize {
    let text = &body[from..at];
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    from + text.strip_suffix(b"\r").unwrap_or(text).len()
}

fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The headers in front of a blank line, each told as name and value; gives what is behind the line.
fn head(text: &Bytes, mut each: impl FnMut(&[u8], Bytes) -> Option<()>) -> Option<Bytes> {
    let (mut at, mut count) = (0, 0);
    while at < text.len() {
        let end = line_end(text, at);
        let line = trimmed(&text[at..end]);
        at = end;
        if line.is_empty() {
            break;
        }
        count += 1;
        if count > MOST_HEADERS {
            return None;
        }
        let colon = memchr(b':', line)?;
        each(line[..colon].trim_ascii(), text.slice_ref(line[colon + 1..].trim_ascii()))?;
    }
    Some(text.slice(at..))
}

/// What is around the answer to one request. Each has several headers, of which these two say something.
struct Envelope {
    /// `Content-Type`
    kind: Option<Bytes>,
    content_id: Option<Bytes>,
    message: Bytes,
}

impl Envelope {
    fn read(text: &Bytes) -> Option<Self> {
        let (mut kind, mut content_id) = (None, None);
        let message = head(text, |name, value| {
            if name.eq_ignore_ascii_case(b"content-type") {
                kind.get_or_insert(value);
            } else if name.eq_ignore_ascii_case(b"content-id") {
                content_id.get_or_insert(value);
            }
            Some(())
        })?;
        Some(Self { kind, content_id, message })
    }
}

/// `HTTP/1.1 204 No Content`, headers, and a body.
fn response(text: &Bytes) -> Option<Response<Bytes>> {
    let end = line_end(text, 0);
    let line = std::str::from_utf8(trimmed(&text[..end])).ok()?;
    let status = line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = StatusCode::from_bytes(status.as_bytes()).ok()?;
    let headers = answer.headers_mut();
    let body = head(&text.slice(end..), |name, value| {
        headers.append(HeaderName::from_bytes(name).ok()?, HeaderValue::from_maybe_shared(value).ok()?);
        Some(())
    })?;
    *answer.body_mut() = body;
    Some(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_split_without_panic(text: Vec<u8>, most in 0usize..4) {
            let body = Bytes::from(text);
            let _ = (split(&body, "x", most), Envelope::read(&body).is_some(), response(&body));
        }

        #[test]
        fn what_looks_like_an_answer_is_split_without_panic(
            lines in prop::collection::vec("(--b|--b--|HTTP/1.1 [0-9]{0,3} x|[a-zA-Z-]{0,4}: ?[a-z]{0,3}|\\{\\}|)", 0..20),
        ) {
            let body = Bytes::from(lines.join("\r\n"));
            if let Ok(parts) = split(&body, "b", 3) {
                prop_assert!(parts.len() <= 3);
                for part in &parts {
                    prop_assert!(!part.windows(3).any(|at| at == b"--b" && part.ends_with(b"--b")));
                    let _ = Envelope::read(part).and_then(|envelope| response(&envelope.message));
                }
            }
        }
    }

    #[test]
    fn the_boundary_is_read_as_servers_write_it() {
        for kind in [
            "multipart/mixed; boundary=b_1",
            "Multipart/Mixed;boundary=\"b_1\"; x=y",
            "multipart/mixed; Boundary = b_1",
        ] {
            assert_eq!(boundary_in(kind).as_deref(), Some("b_1"), "{kind}");
        }
        for kind in
            ["application/json", "multipart/mixed", "multipart/mixed; boundary=", "multipart/mixed; boundary=\"\""]
        {
            assert_eq!(boundary_in(kind), None, "{kind}");
        }
    }

    #[test]
    fn a_part_is_what_stands_between_the_boundaries() {
        let body =
            Bytes::from("preamble\r\n--b\r\nA: 1\r\n\r\nHTTP/1.1 200 OK\r\nB: 2\r\n\r\n{\"a\":\"--b\"}\r\n--b--\r\n");
        let parts = split(&body, "b", 1).unwrap();
        let answer = response(&Envelope::read(&parts[0]).unwrap().message).unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["b"].as_bytes()), (200, &b"2"[..]));
        assert_eq!(answer.body().as_ref(), b"{\"a\":\"--b\"}");
        assert!(split(&body, "b", 0).is_err(), "more than was asked");
        assert!(split(&body.slice(..body.len() - 7), "b", 1).is_err(), "cut off");
    }
}
