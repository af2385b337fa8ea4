//! MIME parts between boundaries.

use keyholder_dataverse::error::{self, DataverseError};

/// RFC 2046 allows 70 characters; a little more harms nobody.
const LONGEST_BOUNDARY: usize = 256;
/// A part has at most this many headers before its body.
const MOST_HEADERS: usize = 32;

/// One part, with what its own headers say.
#[derive(Debug)]
pub(super) struct MimePart<'a> {
    content_type: &'a str,
    pub(super) content_id: Option<&'a str>,
    pub(super) body: &'a [u8],
}

impl MimePart<'_> {
    /// The boundary inside a part that consists of parts; nothing for a single request.
    pub(super) fn inner_boundary(&self) -> Result<Option<String>, DataverseError> {
        let essence = self.content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/http") {
            return Ok(None);
        }
        match boundary(self.content_type) {
            Some(boundary) => Ok(Some(boundary)),
            None => Err(error::odata(
                "A part of the batch is neither application/http nor multipart/mixed with a boundary.",
            )),
        }
    }
}

/// The boundary that a `multipart/mixed` media type names, with or without quotes.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (essence, parameters) = content_type.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/mixed") {
        return None;
    }
    let parameter = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("boundary").then_some(value)
    })?;
    let value = parameter.trim().trim_matches('"');
    (!value.is_empty() && value.len() <= LONGEST_BOUNDARY).then(|| value.to_owned())
}

/// Splits a body at the lines that consist of the boundary. What stands before the first and after
/// the last says nothing.
pub(super) fn parts<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<MimePart<'a>>, DataverseError> {
    let (open, close) = (format!("--{boundary}"), format!("--{boundary}--"));
    let mut parts = Vec::new();
    let mut begun: Option<usize> = None;
    let mut at = 0;
    while at < body.len() {
        let rest = body.get(at..).unwrap_or_default();
        let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
        let line = rest.get(..length).unwrap_or_default().trim_ascii_end();
        let closes = line == close.as_bytes();
        if closes || line == open.as_bytes() {
            if let Some(start) = begun {
                parts.push(part(without_line_end(body.get(start..at).unwrap_or_default()))?);
                if parts.len() > super::MOST_REQUESTS {
                    let most = super::MOST_REQUESTS;
                    return Err(error::odata(format!("The batch has more than {most} parts; send several batches.")));
                }
            }
            begun = Some(at + length);
            if closes {
                return Ok(parts);
            }
        }
        at += length;
    }
    // The end may be cut off on the way: nothing of such a batch is done.
    Err(error::odata("The batch does not end with its boundary."))
}

/// The line end before a boundary belongs to the boundary.
fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

fn part(bytes: &[u8]) -> Result<MimePart<'_>, DataverseError> {
    let mut lines = Lines::new(bytes);
    let mut part = MimePart { content_type: "", content_id: None, body: b"" };
    for (number, line) in lines.by_ref().take_while(|line| !line.is_empty()).enumerate() {
        let Some((name, value)) = line.split_once(':').filter(|_| number < MOST_HEADERS) else {
            return Err(error::odata("A part of the batch has headers that are not readable."));
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "content-type" => part.content_type = value.trim(),
            "content-id" => part.content_id = Some(value.trim()),
            _ => {}
        }
    }
    part.body = lines.rest();
    Ok(part)
}

/// Lines of text at the beginning of bytes, without their ends. A line that is no UTF-8 ends the
/// lines.
#[derive(Debug)]
pub(super) struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// What has not been read as lines.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        let end = self.0.iter().position(|byte| *byte == b'\n');
        let line = self.0.get(..end.unwrap_or(self.0.len())).unwrap_or_default();
        let line = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).ok()?;
        self.0 = end.and_then(|end| self.0.get(end + 1..)).unwrap_or_default();
        Some(line)
    }
}
