//! Words, literals and marks, each with its place in the text.
//!
//! The lexical rules of OData's ABNF as far as Dataverse uses them. A token borrows from the text;
//! only a quoted text with doubled quotes is copied. Each byte is looked at a bounded number of
//! times.

use std::borrow::Cow;

use keyholder_dataverse::error::{self, DataverseError};
use uuid::Uuid;

use super::{Literal, characters, quoted, syntax_error};

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: TokenKind<'a>,
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TokenKind<'a> {
    /// A name, perhaps with dots: `eq`, `fullname`, `Microsoft.Dynamics.CRM.In`, `$count`.
    Word(&'a str),
    /// A value; the words `null`, `true` and `false` too.
    Literal(Literal<'a>),
    /// One of `( ) , / : = [ ] { } ; * "`.
    Mark(char),
    /// The end of the text.
    End,
}

/// Reads tokens off a text.
#[derive(Debug, Clone)]
pub struct Lexer<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    /// A lexer at the beginning of `text`.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    /// The rest of a text in double quotes, of which the opening one at `start` was the last token.
    ///
    /// # Errors
    /// A refusal of texts that do not end, or that are no JSON.
    pub fn json_text(&mut self, start: usize) -> Result<Cow<'a, str>, DataverseError> {
        let rest = self.rest();
        let mut escaped = false;
        let end = rest.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let inside = end.and_then(|end| rest.get(..end)).ok_or_else(|| syntax_error(self.text, start))?;
        self.position += inside.len() + 1;
        if !inside.contains('\\') {
            return Ok(Cow::Borrowed(inside));
        }
        serde_json::from_str(&format!("\"{inside}\"")).map(Cow::Owned).map_err(|_| syntax_error(self.text, start))
    }

    /// A list of literals with its brackets, of which the opening one at `start` was the last token.
    ///
    /// # Errors
    /// A refusal of lists that do not end, and of marks that no list of literals has.
    pub fn list(&mut self, start: usize) -> Result<&'a str, DataverseError> {
        loop {
            let token = self.next_token()?;
            match token.kind {
                TokenKind::Mark(']') => return Ok(self.text.get(start..token.end).unwrap_or_default()),
                TokenKind::Mark('"') => {
                    self.json_text(token.start)?;
                }
                TokenKind::Mark(',') | TokenKind::Literal(_) => {}
                _ => return Err(syntax_error(self.text, token.start)),
            }
        }
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The next token; at the end, [`TokenKind::End`] again and again.
    ///
    /// # Errors
    /// The service's refusal, with the position.
    pub fn next_token(&mut self) -> Result<Token<'a>, DataverseError> {
        let rest = self.rest();
        let start = self.position + (rest.len() - rest.trim_start().len());
        self.position = start;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(Token { kind: TokenKind::End, start, end: start });
        };
        let (kind, length) = match first {
            '(' | ')' | ',' | '/' | ':' | '=' | '[' | ']' | '{' | '}' | ';' | '*' | '"' => (TokenKind::Mark(first), 1),
            '\'' => {
                let (text, length) = self.quoted_text(start)?;
                (TokenKind::Literal(Literal::Text(text)), length)
            }
            _ => {
                if let Some(id) = guid_at(rest) {
                    (TokenKind::Literal(Literal::Guid(id)), 36)
                } else if first.is_ascii_digit() || first == '-' {
                    self.number_or_date(rest, start)?
                } else if first == '@' {
                    let length = 1 + word_length(rest.get(1..).unwrap_or_default());
                    let name = rest.get(1..length).filter(|name| !name.is_empty());
                    let name = name.ok_or_else(|| syntax_error(self.text, start))?;
                    (TokenKind::Literal(Literal::Alias(name)), length)
                } else {
                    self.word(rest, start)?
                }
            }
        };
        self.position = start + length;
        Ok(Token { kind, start, end: self.position })
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    /// The text that begins with the quote at `start`, and its length with both quotes.
    fn quoted_text(&self, start: usize) -> Result<(Cow<'a, str>, usize), DataverseError> {
        let inside = self.text.get(start + 1..).unwrap_or_default();
        let mut doubled = false;
        let mut quotes = inside.match_indices('\'').map(|(position, _)| position).peekable();
        while let Some(position) = quotes.next() {
            if quotes.next_if_eq(&(position + 1)).is_some() {
                doubled = true;
                continue;
            }
            let text = inside.get(..position).unwrap_or_default();
            let text = if doubled { Cow::Owned(text.replace("''", "'")) } else { Cow::Borrowed(text) };
            return Ok((text, position + 2));
        }
        Err(error::odata(format!(
            "There is an unterminated string literal at position {} in '{}'.",
            characters(self.text, self.text.len()),
            quoted(self.text)
        )))
    }

    fn number_or_date(&self, rest: &'a str, start: usize) -> Result<(TokenKind<'a>, usize), DataverseError> {
        let length = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.' | b':'))
            .count();
        let text = rest.get(..length).unwrap_or_default();
        if is_number(text) {
            Ok((TokenKind::Literal(Literal::Number(text)), length))
        } else if looks_like_date(text) {
            Ok((TokenKind::Literal(Literal::DateTime(text)), length))
        } else {
            Err(syntax_error(self.text, start + length))
        }
    }

    fn word(&self, rest: &'a str, start: usize) -> Result<(TokenKind<'a>, usize), DataverseError> {
        let length = word_length(rest);
        let Some(word) = rest.get(..length).filter(|word| !word.is_empty()) else {
            let found = rest.chars().next().unwrap_or_default();
            return Err(error::odata(format!(
                "Syntax error: character '{found}' is not valid at position {} in '{}'.",
                characters(self.text, start),
                quoted(self.text)
            )));
        };
        if rest.as_bytes().get(length) == Some(&b'\'') {
            let (text, inner) = self.quoted_text(start + length)?;
            return Ok((TokenKind::Literal(Literal::Typed { prefix: word, text }), length + inner));
        }
        let kind = match word {
            "null" => TokenKind::Literal(Literal::Null),
            "true" => TokenKind::Literal(Literal::Boolean(true)),
            "false" => TokenKind::Literal(Literal::Boolean(false)),
            _ => TokenKind::Word(word),
        };
        Ok((kind, length))
    }
}

/// How many bytes of a name stand at the beginning.
fn word_length(text: &str) -> usize {
    text.char_indices()
        .find(|(_, letter)| !(letter.is_alphanumeric() || matches!(letter, '_' | '.' | '$')))
        .map_or(text.len(), |(position, _)| position)
}

/// A GUID at the beginning that does not run on into something else.
fn guid_at(text: &str) -> Option<Uuid> {
    let candidate = text.get(..36)?;
    let after = text.as_bytes().get(36);
    if after.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        return None;
    }
    let shaped = candidate.bytes().enumerate().all(|(position, byte)| match position {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    shaped.then(|| Uuid::try_parse(candidate).ok())?
}

/// A number of JSON's form.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(m, e)| (m, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}

/// `2026-01-31` with or without a time; whether such a day exists is asked when it is bound.
fn looks_like_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shaped = |positions: &[usize], separators: &[usize]| {
        positions.iter().all(|at| bytes.get(*at).is_some_and(u8::is_ascii_digit))
            && separators.iter().all(|at| bytes.get(*at) == Some(&b'-'))
    };
    shaped(&[0, 1, 2, 3, 5, 6, 8, 9], &[4, 7]) && (bytes.len() == 10 || matches!(bytes.get(10), Some(b'T' | b't')))
}
