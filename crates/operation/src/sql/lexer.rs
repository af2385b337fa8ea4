//! The words of a statement.

use keyholder_dataverse::error::{DataverseError, code};

use crate::syntax::{characters, quoted};

/// One word.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name or keyword, in lower case.
    Word(String),
    /// A name in brackets, in lower case: never a keyword.
    Name(String),
    /// A text in quotes. Double ones may hold a name or a text.
    Text { text: String, double: bool },
    /// A number, as written.
    Number(String),
    /// `=`, `<>`, `(` …
    Mark(&'static str),
    /// Nothing more.
    End,
}

const MARKS: [&str; 14] = ["<>", "!=", "<=", ">=", "=", "<", ">", "(", ")", ",", ".", "*", ";", "-"];

/// The words of a text, each with where it begins.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, DataverseError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if let Some(comment) = rest.strip_prefix("--") {
            rest = comment.split_once('\n').map_or("", |(_, after)| after);
            continue;
        }
        if let Some(comment) = rest.strip_prefix("/*") {
            rest = comment.split_once("*/").map(|(_, after)| after).ok_or_else(|| refused(text, text.len()))?;
            continue;
        }
        let start = text.len() - rest.len();
        let Some(first) = rest.chars().next() else {
            tokens.push((Token::End, start));
            return Ok(tokens);
        };
        let (token, after) = match first {
            // A text of another alphabet: N'…'.
            'N' | 'n' if rest.get(1..2) == Some("'") => quoted_text(rest.get(2..).unwrap_or_default(), '\'', false),
            '\'' => quoted_text(rest.get(1..).unwrap_or_default(), '\'', false),
            '"' => quoted_text(rest.get(1..).unwrap_or_default(), '"', true),
            '[' => rest
                .get(1..)
                .and_then(|inside| inside.split_once(']'))
                .map(|(name, after)| (Token::Name(name.to_ascii_lowercase()), after)),
            letter if letter.is_ascii_alphabetic() || letter == '_' => {
                let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
                let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
                Some((Token::Word(word.to_ascii_lowercase()), after))
            }
            digit if digit.is_ascii_digit() => {
                let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.');
                let (number, after) = rest.split_at(end.unwrap_or(rest.len()));
                Some((Token::Number(number.to_owned()), after))
            }
            _ => MARKS.into_iter().find_map(|mark| rest.strip_prefix(mark).map(|after| (Token::Mark(mark), after))),
        }
        .ok_or_else(|| refused(text, start))?;
        tokens.push((token, start));
        rest = after;
    }
}

/// A text up to its quote; a doubled one stands for itself.
fn quoted_text(inside: &str, quote: char, double: bool) -> Option<(Token, &str)> {
    let mut text = String::new();
    let mut rest = inside;
    loop {
        let (before, after) = rest.split_once(quote)?;
        text.push_str(before);
        match after.strip_prefix(quote) {
            Some(more) => {
                text.push(quote);
                rest = more;
            }
            None => return Some((Token::Text { text, double }, after)),
        }
    }
}

/// The refusal of a text that breaks off the grammar here.
pub(super) fn refused(text: &str, position: usize) -> DataverseError {
    DataverseError::new(
        code::INVALID_ARGUMENT,
        format!(
            "The sql option breaks off the grammar of SELECT at position {} in '{}'.",
            characters(text, position),
            quoted(text)
        ),
    )
}
