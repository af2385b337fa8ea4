//! The `WWW-Authenticate: Bearer` challenge, by which a resource says where to get a token for it.
//!
//! Dataverse prints its parameters without quotes, Graph with them, and programs in the field read
//! either: the scheme and the keys in any letter case, the parameters in any order, quoted or
//! not. The parser here takes all of that, and a `Bearer` challenge that stands behind another
//! scheme's in the same header. It follows RFC 9110 (section 11.6.1) where the services do.

use std::fmt;

/// What a Bearer challenge says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Challenge {
    /// Where people sign in: `{authority}/{tenant}/oauth2/authorize`.
    pub authorization_uri: Option<String>,
    /// What to ask a token for.
    pub resource_id: Option<String>,
    /// The remaining parameters, keys in lower case, in the order met.
    pub others: Vec<(String, String)>,
}

/// Why a header is not a Bearer challenge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidChallenge {
    /// No `Bearer` scheme in it.
    #[error("the challenge offers no Bearer authentication")]
    NotBearer,
    /// A quoted value never ends.
    #[error("a quoted value in the Bearer challenge does not end")]
    OpenQuote,
}

impl Challenge {
    /// The challenge of a Dataverse org.
    #[must_use]
    pub fn of_resource(authorization_uri: impl Into<String>, resource_id: impl Into<String>) -> Self {
        Self {
            authorization_uri: Some(authorization_uri.into()),
            resource_id: Some(resource_id.into()),
            others: Vec::new(),
        }
    }

    /// Reads a header's value.
    ///
    /// # Errors
    /// [`InvalidChallenge`] when no Bearer challenge is in it, or a quote does not end.
    pub fn parse(header: &str) -> Result<Self, InvalidChallenge> {
        let mut rest = after_scheme(header).ok_or(InvalidChallenge::NotBearer)?;
        let mut challenge = Self::default();
        while let Some((key, value, remaining)) = parameter(rest)? {
            rest = remaining;
            let key = key.to_ascii_lowercase();
            match key.as_str() {
                // The first wins, as in the field's clients.
                "authorization_uri" | "authorization" if challenge.authorization_uri.is_none() => {
                    challenge.authorization_uri = Some(value);
                }
                "resource_id" | "resource" if challenge.resource_id.is_none() => challenge.resource_id = Some(value),
                _ => challenge.others.push((key, value)),
            }
        }
        Ok(challenge)
    }

    /// The authority: [`Self::authorization_uri`] without its `/oauth2/authorize` tail and without
    /// a trailing slash. Its last path segment is the tenant.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        let uri = self.authorization_uri.as_deref()?.trim_end_matches('/');
        let lower = uri.to_ascii_lowercase();
        let tail = ["/oauth2/v2.0/authorize", "/oauth2/authorize"].into_iter().find(|tail| lower.ends_with(tail));
        // The lower-cased text has the same length in bytes: only ASCII letters change.
        uri.get(..uri.len() - tail.map_or(0, str::len))
    }

    /// The header's value with every parameter in quotes, as Graph prints it.
    #[must_use]
    pub fn quoted(&self) -> String {
        let mut text = "Bearer".to_owned();
        for (index, (key, value)) in self.parameters().enumerate() {
            text.push_str(if index == 0 { " " } else { ", " });
            text.push_str(key);
            text.push('=');
            push_quoted(value, &mut text);
        }
        text
    }

    fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        let named = [("authorization_uri", &self.authorization_uri), ("resource_id", &self.resource_id)];
        let named = named.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?)));
        named.chain(self.others.iter().map(|(key, value)| (key.as_str(), value.as_str())))
    }
}

/// The header's value without quotes where it can do without, as Dataverse prints it.
impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer")?;
        for (index, (key, value)) in self.parameters().enumerate() {
            f.write_str(if index == 0 { " " } else { ", " })?;
            if is_plain(value) {
                write!(f, "{key}={value}")?;
            } else {
                let mut quoted = String::new();
                push_quoted(value, &mut quoted);
                write!(f, "{key}={quoted}")?;
            }
        }
        Ok(())
    }
}

fn is_plain(value: &str) -> bool {
    !value.is_empty() && !value.contains(|c: char| c == ',' || c == '"' || c == '\\' || c.is_whitespace())
}

fn push_quoted(value: &str, text: &mut String) {
    text.push('"');
    for character in value.chars() {
        if matches!(character, '"' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text.push('"');
}

/// What follows the word `Bearer`, at the header's start or after another challenge's comma.
fn after_scheme(header: &str) -> Option<&str> {
    let mut in_quotes = false;
    let mut escaped = false;
    let mut start = Some(0);
    for (index, character) in header.char_indices() {
        if let Some(at) = start
            && !character.is_whitespace()
        {
            start = None;
            if let Some(rest) = strip_bearer(header.get(index.max(at)..)?) {
                return Some(rest);
            }
        }
        match character {
            _ if escaped => escaped = false,
            '\\' if in_quotes => escaped = true,
            '"' => in_quotes = !in_quotes,
            ',' if !in_quotes => start = Some(index + 1),
            _ => {}
        }
    }
    None
}

fn strip_bearer(text: &str) -> Option<&str> {
    let (word, rest) = (text.get(..6)?, text.get(6..)?);
    (word.eq_ignore_ascii_case("bearer") && rest.chars().next().is_none_or(char::is_whitespace)).then_some(rest)
}

/// One `key=value` and what follows it; `None` at the end.
fn parameter(text: &str) -> Result<Option<(&str, String, &str)>, InvalidChallenge> {
    let mut text = text;
    loop {
        text = text.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        if text.is_empty() {
            return Ok(None);
        }
        let key_end = text.find(|c: char| c == '=' || c == ',' || c.is_whitespace()).unwrap_or(text.len());
        let (key, rest) = text.split_at(key_end);
        let Some(value) = rest.trim_start().strip_prefix('=') else {
            // A word without a value: another scheme's name. What follows belongs to that one.
            return Ok(None);
        };
        let value = value.trim_start();
        if let Some(quoted) = value.strip_prefix('"') {
            let (value, rest) = unquote(quoted).ok_or(InvalidChallenge::OpenQuote)?;
            if !key.is_empty() {
                return Ok(Some((key, value, rest)));
            }
            text = rest;
        } else {
            let end = value.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(value.len());
            let (value, rest) = value.split_at(end);
            if !key.is_empty() {
                return Ok(Some((key, value.to_owned(), rest)));
            }
            text = rest;
        }
    }
}

/// The text up to the closing quote, and what follows that.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(index + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            _ => value.push(character),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AUTHORIZE: &str = "https://login.example/3f0c/oauth2/authorize";

    #[test]
    fn dataverse_and_graph_forms_say_the_same() {
        for header in [
            format!("Bearer authorization_uri={AUTHORIZE}, resource_id=https://org.example/"),
            format!("bearer Resource_Id=\"https://org.example/\" , AUTHORIZATION_URI=\"{AUTHORIZE}\""),
            format!("Bearer  authorization_uri = {AUTHORIZE},resource_id=https://org.example/"),
            format!(
                "Negotiate, Basic realm=\"a, Bearer b\", Bearer authorization_uri={AUTHORIZE} resource_id=https://org.example/"
            ),
        ] {
            let challenge = Challenge::parse(&header).unwrap();
            assert_eq!(challenge, Challenge::of_resource(AUTHORIZE, "https://org.example/"), "{header}");
            assert_eq!(challenge.authority(), Some("https://login.example/3f0c"));
        }
    }

    #[test]
    fn prints_as_dataverse_does() {
        let challenge = Challenge::of_resource("https://localhost:8443/t/oauth2/authorize", "https://localhost:8443/");
        assert_eq!(
            challenge.to_string(),
            "Bearer authorization_uri=https://localhost:8443/t/oauth2/authorize, resource_id=https://localhost:8443/"
        );
    }

    #[test]
    fn other_schemes_are_no_bearer_challenge() {
        for header in ["", "Basic realm=\"x\"", "Bearerx a=b", "NTLM", "B\u{e9}arer a=b"] {
            assert_eq!(Challenge::parse(header), Err(InvalidChallenge::NotBearer), "{header}");
        }
        assert_eq!(Challenge::parse("Bearer realm=\"x"), Err(InvalidChallenge::OpenQuote));
        assert_eq!(Challenge::parse("Bearer"), Ok(Challenge::default()));
    }

    #[test]
    fn an_authority_is_found_behind_either_endpoint() {
        for uri in ["https://h/t/oauth2/authorize", "https://h/t/oauth2/v2.0/Authorize/", "https://h/t/", "https://h/t"]
        {
            let challenge = Challenge { authorization_uri: Some(uri.to_owned()), ..Challenge::default() };
            assert_eq!(challenge.authority(), Some("https://h/t"), "{uri}");
        }
    }

    proptest! {
        #[test]
        fn print_then_parse_is_the_same(
            authorization_uri in prop::option::of("\\PC*"),
            resource_id in prop::option::of("https://[a-z]{1,9}:[0-9]{1,4}/?"),
            others in prop::collection::vec(("x[a-z_]{0,8}", "\\PC*"), 0..4),
        ) {
            let challenge = Challenge { authorization_uri, resource_id, others };
            prop_assert_eq!(Challenge::parse(&challenge.to_string()), Ok(challenge.clone()));
            prop_assert_eq!(Challenge::parse(&challenge.quoted()), Ok(challenge));
        }

        #[test]
        fn any_text_is_read_without_panic(text in "\\PC*", tail in "[Bbearr \",=\\\\a-z\u{e9}]*") {
            let _ = Challenge::parse(&text);
            if let Ok(challenge) = Challenge::parse(&format!("Bearer {tail}")) {
                let _ = challenge.authority();
            }
        }
    }
}
