//! The segments of an address: `contacts(…)`, `systemuserroles_association`, `$ref`.
//!
//! An address is split at its slashes before it is decoded, as RFC 3986 asks; a slash inside
//! quotes or brackets belongs to its segment, because clients send such key values.

use std::borrow::Cow;

use keyholder_dataverse::error::{self, DataverseError};

use super::lexer::{Lexer, TokenKind};
use super::{Literal, syntax_error};
use crate::request::decode_path;

/// An address has at most this many segments.
const MOST_SEGMENTS: usize = 32;
/// A segment has at most this many arguments.
const MOST_ARGUMENTS: usize = 32;

/// One segment, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment<'a> {
    text: Cow<'a, str>,
}

/// The name of a segment and what stands in its brackets.
#[derive(Debug, Clone, PartialEq)]
pub struct Named<'a> {
    /// `contacts`
    pub name: &'a str,
    /// The arguments; none without brackets.
    pub arguments: Option<Arguments<'a>>,
}

/// What stands in the brackets of a segment.
#[derive(Debug, Clone, PartialEq)]
pub enum Arguments<'a> {
    /// `(…guid…)`: one value without a name.
    Single(Literal<'a>),
    /// `(firstname='Joe',lastname='Doe')`; `()` has none.
    Named(Vec<(&'a str, Literal<'a>)>),
}

/// Splits a path that begins after `/api/data/` into its decoded segments. A slash at the end
/// changes nothing.
///
/// # Errors
/// The service's refusal of bytes that are no UTF-8 and of endless addresses.
pub fn split(path: &str) -> Result<Vec<Segment<'_>>, DataverseError> {
    let mut segments = Vec::new();
    let (mut start, mut brackets, mut in_quotes) = (0, 0_u32, false);
    let bytes = path.as_bytes();
    let mut position = 0;
    while let Some(byte) = bytes.get(position) {
        match byte {
            b'\'' => in_quotes = !in_quotes,
            b'%' if path.get(position + 1..position + 3) == Some("27") => in_quotes = !in_quotes,
            b'(' if !in_quotes => brackets += 1,
            b')' if !in_quotes => brackets = brackets.saturating_sub(1),
            b'/' if !in_quotes && brackets == 0 => {
                push(&mut segments, path.get(start..position).unwrap_or_default())?;
                start = position + 1;
            }
            _ => {}
        }
        position += 1;
    }
    let last = path.get(start..).unwrap_or_default();
    if !last.is_empty() {
        push(&mut segments, last)?;
    }
    Ok(segments)
}

fn push<'a>(segments: &mut Vec<Segment<'a>>, text: &'a str) -> Result<(), DataverseError> {
    if segments.len() == MOST_SEGMENTS {
        return Err(error::odata(format!("The address has more than {MOST_SEGMENTS} segments.")));
    }
    segments.push(Segment { text: decode_path(text)? });
    Ok(())
}

impl Segment<'_> {
    /// The decoded text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The segment's name and arguments.
    ///
    /// # Errors
    /// The service's syntax errors.
    pub fn named(&self) -> Result<Named<'_>, DataverseError> {
        named(&self.text)
    }
}

/// Reads one segment.
///
/// # Errors
/// The service's syntax errors.
pub fn named(text: &str) -> Result<Named<'_>, DataverseError> {
    let Some((name, _)) = text.split_once('(') else {
        return Ok(Named { name: text, arguments: None });
    };
    let mut lexer = Lexer::new(text.get(name.len()..).unwrap_or_default());
    // The opening bracket is there: the text was split at it.
    lexer.next_token()?;
    let arguments = arguments(&mut lexer)?;
    let after = lexer.next_token()?;
    if after.kind != TokenKind::End {
        return Err(syntax_error(text, name.len() + after.start));
    }
    Ok(Named { name, arguments: Some(arguments) })
}

fn arguments<'a>(lexer: &mut Lexer<'a>) -> Result<Arguments<'a>, DataverseError> {
    let mut named = Vec::new();
    loop {
        let token = lexer.next_token()?;
        match token.kind {
            TokenKind::Mark(')') if named.is_empty() => return Ok(Arguments::Named(named)),
            TokenKind::Literal(value) if named.is_empty() => {
                let close = lexer.next_token()?;
                return match close.kind {
                    TokenKind::Mark(')') => Ok(Arguments::Single(value)),
                    _ => Err(syntax_error(lexer.text(), close.start)),
                };
            }
            TokenKind::Word(name) if named.len() < MOST_ARGUMENTS => {
                let equals = lexer.next_token()?;
                let value = lexer.next_token()?;
                match (equals.kind, value.kind) {
                    (TokenKind::Mark('='), TokenKind::Literal(value)) => named.push((name, value)),
                    (TokenKind::Mark('='), TokenKind::Mark('[')) => {
                        named.push((name, Literal::List(lexer.list(value.start)?)));
                    }
                    _ => return Err(syntax_error(lexer.text(), equals.start)),
                }
                let next = lexer.next_token()?;
                match next.kind {
                    TokenKind::Mark(',') => {}
                    TokenKind::Mark(')') => return Ok(Arguments::Named(named)),
                    _ => return Err(syntax_error(lexer.text(), next.start)),
                }
            }
            _ => return Err(syntax_error(lexer.text(), token.start)),
        }
    }
}

/// The part of a row's address that names the row, from the forms in which clients give one in a
/// body or in `$id`: `contacts(…)`, `/contacts(…)`, or a whole URL.
///
/// # Errors
/// Refuses references to other requests, which a batch has replaced before, and URLs of other services.
pub fn reference(text: &str) -> Result<&str, DataverseError> {
    let text = text.trim();
    if text.starts_with('$') {
        return Err(error::odata("A reference to another request stands only inside a batch."));
    }
    if text.contains("://") || text.starts_with("/api/") {
        let after = text.split_once("/api/data/").and_then(|(_, after)| after.split_once('/'));
        return after.map(|(_, row)| row).ok_or_else(|| error::unknown_segment(&super::quoted(text)));
    }
    Ok(text.strip_prefix('/').unwrap_or(text))
}
