//! `$filter`, as far as lists here understand it: comparisons of a property with a text, by `eq` or
//! `startswith`, joined by `and`. Anything else is refused by what it is.

use super::problem::Problem;

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) property: String,
    /// `startswith`; else `eq`.
    pub(super) starts_with: bool,
    pub(super) text: String,
}

/// How many comparisons a filter may have.
const MAX_COMPARISONS: usize = 20;

/// Reads a filter.
pub(super) fn parse(text: &str) -> Result<Vec<Comparison>, Problem> {
    let mut words = Words { rest: text };
    let mut comparisons = vec![comparison(&mut words)?];
    while let Some(word) = words.next()? {
        match word {
            Word::Name(name) if name.eq_ignore_ascii_case("and") => {}
            other => return Err(unsupported(&other.shown())),
        }
        if comparisons.len() == MAX_COMPARISONS {
            return Err(Problem::bad_request("Invalid filter clause: too many comparisons."));
        }
        comparisons.push(comparison(&mut words)?);
    }
    Ok(comparisons)
}

fn comparison(words: &mut Words<'_>) -> Result<Comparison, Problem> {
    match words.next()? {
        Some(Word::Name(name)) if name.eq_ignore_ascii_case("startswith") => {
            words.expect('(')?;
            let property = words.name()?;
            words.expect(',')?;
            let text = words.text()?;
            words.expect(')')?;
            Ok(Comparison { property, starts_with: true, text })
        }
        Some(Word::Name(name)) if name.eq_ignore_ascii_case("not") => Err(unsupported("not")),
        Some(Word::Name(property)) => {
            match words.next()? {
                Some(Word::Name(operator)) if operator.eq_ignore_ascii_case("eq") => {}
                Some(other) => return Err(unsupported(&other.shown())),
                None => return Err(unfinished()),
            }
            Ok(Comparison { property: property.to_owned(), starts_with: false, text: words.text()? })
        }
        Some(other) => Err(unsupported(&other.shown())),
        None => Err(unfinished()),
    }
}

fn unfinished() -> Problem {
    Problem::bad_request("Invalid filter clause: the expression is not complete.")
}

fn unsupported(what: &str) -> Problem {
    let what: String = what.chars().take(64).collect();
    Problem::bad_request(&format!("Invalid filter clause: '{what}' is not supported here; use eq, startswith and and."))
}

enum Word<'a> {
    Name(&'a str),
    Text(String),
    Sign(char),
}

impl Word<'_> {
    fn shown(&self) -> String {
        match self {
            Self::Name(name) => (*name).to_owned(),
            Self::Text(text) => format!("'{text}'"),
            Self::Sign(sign) => sign.to_string(),
        }
    }
}

struct Words<'a> {
    rest: &'a str,
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<Option<Word<'a>>, Problem> {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.chars().next() else {
            return Ok(None);
        };
        if first == '\'' {
            return self.quoted().map(|text| Some(Word::Text(text)));
        }
        let in_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':');
        let end = self.rest.find(|c| !in_name(c)).unwrap_or(self.rest.len());
        if end == 0 {
            self.rest = self.rest.get(first.len_utf8()..).unwrap_or_default();
            return Ok(Some(Word::Sign(first)));
        }
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(Some(Word::Name(name)))
    }

    /// A text in single quotes, a quote inside it doubled.
    fn quoted(&mut self) -> Result<String, Problem> {
        let mut text = String::new();
        let mut rest = self.rest.get(1..).unwrap_or_default();
        loop {
            let (part, after) = rest.split_once('\'').ok_or_else(unfinished)?;
            text.push_str(part);
            match after.strip_prefix('\'') {
                Some(more) => {
                    text.push('\'');
                    rest = more;
                }
                None => {
                    self.rest = after;
                    return Ok(text);
                }
            }
        }
    }

    fn expect(&mut self, sign: char) -> Result<(), Problem> {
        match self.next()? {
            Some(Word::Sign(found)) if found == sign => Ok(()),
            Some(other) => Err(unsupported(&other.shown())),
            None => Err(unfinished()),
        }
    }

    fn name(&mut self) -> Result<String, Problem> {
        match self.next()? {
            Some(Word::Name(name)) => Ok(name.to_owned()),
            Some(other) => Err(unsupported(&other.shown())),
            None => Err(unfinished()),
        }
    }

    fn text(&mut self) -> Result<String, Problem> {
        match self.next()? {
            Some(Word::Text(text)) => Ok(text),
            // Ids stand bare in some clients' filters.
            Some(Word::Name(name)) if uuid::Uuid::parse_str(name).is_ok() => Ok(name.to_owned()),
            Some(other) => Err(unsupported(&other.shown())),
            None => Err(unfinished()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn equals(property: &str, text: &str) -> Comparison {
        Comparison { property: property.to_owned(), starts_with: false, text: text.to_owned() }
    }

    #[test]
    fn comparisons_join_by_and() {
        let parsed = parse("appId eq 'x' AND startswith(displayName, 'it''s') and displayName eq ''").unwrap();
        let starts = Comparison { property: "displayName".to_owned(), starts_with: true, text: "it's".to_owned() };
        assert_eq!(parsed, [equals("appId", "x"), starts, equals("displayName", "")]);
        let id = "03ef14b0-ca33-4840-8f4f-d6e91916010e";
        assert_eq!(parse(&format!("clientId eq {id}")).unwrap(), [equals("clientId", id)]);
    }

    #[test]
    fn everything_else_is_refused() {
        for refused in [
            "",
            "appId",
            "appId eq",
            "appId eq 'x",
            "appId eq x",
            "appId ne 'x'",
            "appId eq 'x' or appId eq 'y'",
            "not startswith(displayName,'x')",
            "tags/any(t:t eq 'x')",
            "startswith(displayName)",
            "(appId eq 'x')",
            "appId eq 'x' and",
            "accountEnabled eq true",
            "'x' eq appId",
        ] {
            assert!(parse(refused).is_err(), "{refused}");
        }
        let many = vec!["appId eq 'x'"; MAX_COMPARISONS + 1].join(" and ");
        assert!(parse(&many).is_err());
    }

    proptest! {
        #[test]
        fn print_then_parse_is_the_same(
            comparisons in prop::collection::vec(("[a-z][A-Za-z]{0,9}", any::<bool>(), any::<String>()), 1..5)
        ) {
            let comparisons: Vec<_> = comparisons
                .into_iter()
                .map(|(property, starts_with, text)| Comparison { property, starts_with, text })
                .filter(|comparison| !matches!(comparison.property.as_str(), "not" | "startswith"))
                .collect();
            prop_assume!(!comparisons.is_empty());
            let printed: Vec<_> = comparisons
                .iter()
                .map(|Comparison { property, starts_with, text }| {
                    let text = text.replace('\'', "''");
                    if *starts_with { format!("startswith({property},'{text}')") } else { format!("{property} eq '{text}'") }
                })
                .collect();
            prop_assert_eq!(parse(&printed.join(" and ")), Ok(comparisons));
        }

        #[test]
        fn any_text_is_read_without_panic(text: String, near in "[a-z' (),=]*") {
            let _ = parse(&text);
            let _ = parse(&near);
        }
    }
}
