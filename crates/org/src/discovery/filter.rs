//! `$filter` of the discovery service: comparisons, `and`, `or`, `not`, and three functions on texts.
//! Unlike the Web API's, it tells capital letters from small ones.

use keyholder_dataverse::error::{self, DataverseError};
use keyholder_foundation::OrgId;
use serde_json::{Map, Value};

/// How deep conditions may nest.
const DEEPEST: usize = 16;
/// How many comparisons a filter may have.
const MOST: usize = 64;

/// A condition on a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    Compare(String, Comparison, Value),
    Text(TextFunction, String, String),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextFunction {
    Contains,
    StartsWith,
    EndsWith,
}

impl Condition {
    /// Whether a row meets it. A property that the row does not have is refused by name.
    pub(super) fn holds(&self, row: &Map<String, Value>) -> Result<bool, DataverseError> {
        let property = |name: &String| {
            row.get(name).ok_or_else(|| error::unknown_property(name, "Microsoft.Dynamics.CRM.Instance"))
        };
        Ok(match self {
            Self::Compare(name, comparison, value) => compares(property(name)?, *comparison, value),
            Self::Text(function, name, part) => {
                let text = property(name)?.as_str().unwrap_or_default();
                match function {
                    TextFunction::Contains => text.contains(part),
                    TextFunction::StartsWith => text.starts_with(part),
                    TextFunction::EndsWith => text.ends_with(part),
                }
            }
            Self::Not(inner) => !inner.holds(row)?,
            Self::All(parts) => {
                let mut all = true;
                for part in parts {
                    all &= part.holds(row)?;
                }
                all
            }
            Self::Any(parts) => {
                let mut any = false;
                for part in parts {
                    any |= part.holds(row)?;
                }
                any
            }
        })
    }
}

fn compares(found: &Value, comparison: Comparison, value: &Value) -> bool {
    let order = match (found, value) {
        (Value::String(found), Value::String(value)) => Some(found.as_str().cmp(value)),
        (Value::Number(found), Value::Number(value)) => {
            found.as_f64().zip(value.as_f64()).and_then(|(found, value)| found.partial_cmp(&value))
        }
        (Value::Bool(found), Value::Bool(value)) => Some(found.cmp(value)),
        (Value::Null, Value::Null) => Some(std::cmp::Ordering::Equal),
        _ => None,
    };
    match (comparison, order) {
        (Comparison::NotEqual, order) => order.is_none_or(|order| order.is_ne()),
        (_, None) => false,
        (Comparison::Equal, Some(order)) => order.is_eq(),
        (Comparison::Greater, Some(order)) => order.is_gt(),
        (Comparison::GreaterOrEqual, Some(order)) => order.is_ge(),
        (Comparison::Less, Some(order)) => order.is_lt(),
        (Comparison::LessOrEqual, Some(order)) => order.is_le(),
    }
}

/// Reads a filter.
pub(super) fn parse(text: &str) -> Result<Condition, DataverseError> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, comparisons: 0 };
    let condition = parser.any(0)?;
    match parser.next() {
        None => Ok(condition),
        Some(_) => Err(error::bad_syntax()),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Open,
    Close,
    Comma,
}

fn tokens(text: &str) -> Result<Vec<Token>, DataverseError> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            ',' => (Token::Comma, 1),
            '\'' => quoted(rest).ok_or_else(error::bad_syntax)?,
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || "(),'".contains(c)).unwrap_or(rest.len());
                (Token::Word(rest.get(..end).unwrap_or_default().to_owned()), end)
            }
        };
        tokens.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

/// A text in quotes, where two quotes are one, and its length with them.
fn quoted(text: &str) -> Option<(Token, usize)> {
    let mut value = String::new();
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter != '\'' {
            value.push(letter);
        } else if letters.next_if(|(_, next)| *next == '\'').is_some() {
            value.push('\'');
        } else {
            return Some((Token::Text(value), at + 1));
        }
    }
    None
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    comparisons: usize,
}

impl Parser {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn skips(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Word(found)) if found == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, token: &Token) -> Result<(), DataverseError> {
        if self.next().as_ref() == Some(token) { Ok(()) } else { Err(error::bad_syntax()) }
    }

    fn any(&mut self, depth: usize) -> Result<Condition, DataverseError> {
        let mut parts = vec![self.all(depth)?];
        while self.skips("or") {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::Any(parts) })
    }

    fn all(&mut self, depth: usize) -> Result<Condition, DataverseError> {
        let mut parts = vec![self.one(depth)?];
        while self.skips("and") {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::All(parts) })
    }

    fn one(&mut self, depth: usize) -> Result<Condition, DataverseError> {
        self.comparisons += 1;
        if depth > DEEPEST || self.comparisons > MOST {
            return Err(error::bad_syntax());
        }
        if self.skips("not") {
            return Ok(Condition::Not(Box::new(self.one(depth + 1)?)));
        }
        match self.next() {
            Some(Token::Open) => {
                let inner = self.any(depth + 1)?;
                self.expect(&Token::Close)?;
                Ok(inner)
            }
            Some(Token::Word(word)) => match word.as_str() {
                "contains" => self.function(TextFunction::Contains),
                "startswith" => self.function(TextFunction::StartsWith),
                "endswith" => self.function(TextFunction::EndsWith),
                _ => self.comparison(word),
            },
            _ => Err(error::bad_syntax()),
        }
    }

    fn function(&mut self, function: TextFunction) -> Result<Condition, DataverseError> {
        self.expect(&Token::Open)?;
        let Some(Token::Word(name)) = self.next() else { return Err(error::bad_syntax()) };
        self.expect(&Token::Comma)?;
        let Some(Token::Text(part)) = self.next() else { return Err(error::bad_syntax()) };
        self.expect(&Token::Close)?;
        Ok(Condition::Text(function, name, part))
    }

    fn comparison(&mut self, name: String) -> Result<Condition, DataverseError> {
        let Some(Token::Word(operator)) = self.next() else { return Err(error::bad_syntax()) };
        let comparison = match operator.as_str() {
            "eq" => Comparison::Equal,
            "ne" => Comparison::NotEqual,
            "gt" => Comparison::Greater,
            "ge" => Comparison::GreaterOrEqual,
            "lt" => Comparison::Less,
            "le" => Comparison::LessOrEqual,
            _ => return Err(error::bad_syntax()),
        };
        let value = match self.next() {
            Some(Token::Text(text)) => Value::String(text),
            Some(Token::Word(word)) => match word.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                other => match other.parse::<i64>() {
                    Ok(number) => number.into(),
                    // Ids and moments stand without quotes and are compared as they are printed.
                    Err(_) => Value::String(match other.parse::<OrgId>() {
                        Ok(id) => id.to_string(),
                        Err(_) => other.to_owned(),
                    }),
                },
            },
            _ => return Err(error::bad_syntax()),
        };
        Ok(Condition::Compare(name, comparison, value))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn holds(filter: &str) -> bool {
        let row = json!({"Name": "Sales O'Brien", "State": 0, "Admin": true, "Trial": null,
            "Id": "0a4b2f9c-0000-4000-8000-00000000000a"});
        parse(filter).unwrap().holds(row.as_object().unwrap()).unwrap()
    }

    #[test]
    fn conditions_mean_what_they_say() {
        for (filter, expected) in [
            ("State eq 0", true),
            ("State ne 0 or Admin eq true", true),
            ("State gt 0 and Admin eq true", false),
            ("not (State ge 1)", true),
            ("Name eq 'Sales O''Brien'", true),
            ("Name eq 'sales o''brien'", false),
            ("contains(Name,'les')", true),
            ("startswith(Name, 'les')", false),
            ("endswith(Name,'Brien') and not startswith(Name,'X')", true),
            ("Trial eq null", true),
            ("Id eq 0A4B2F9C-0000-4000-8000-00000000000A", true),
        ] {
            assert_eq!(holds(filter), expected, "{filter}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        let deep = format!("{}State eq 0{}", "(".repeat(40), ")".repeat(40));
        for bad in [
            "",
            "State",
            "State eq",
            "State like 0",
            "(State eq 0",
            "Name eq 'x",
            "State eq 0 xor 1",
            "contains(Name)",
            &deep,
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let row = Map::new();
        assert!(parse("Colour eq 1").unwrap().holds(&row).is_err(), "unknown names are refused");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[ a-z'(),0-9é]{0,80}") {
            let _ = parse(&text);
        }
    }
}
