//! From text to a [`Filter`]: `or`, `and`, `not` and parentheses over comparisons, `in`,
//! `startswith`, `endswith`, `any` and `$count`. Anything else is refused by what it is.

use keyholder_foundation::Timestamp;

use super::super::problem::Problem;
use super::{Filter, Literal, Operator, Path, TextTest};

/// How many comparisons a filter may have.
const MAX_COMPARISONS: usize = 50;
/// How deep parentheses, `not` and `any` may nest.
const MAX_DEPTH: usize = 16;

/// Reads a filter.
pub(in super::super) fn parse(text: &str) -> Result<Filter, Problem> {
    let mut parser = Parser { words: words(text)?, at: 0, comparisons: 0, variable: None };
    let filter = parser.any_of(0)?;
    match parser.next() {
        None => Ok(filter),
        Some(rest) => Err(unsupported(&rest.shown())),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Word {
    Name(String),
    Text(String),
    Sign(char),
}

impl Word {
    fn shown(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Text(text) => format!("'{text}'"),
            Self::Sign(sign) => sign.to_string(),
        }
    }
}

fn words(text: &str) -> Result<Vec<Word>, Problem> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            let (text, after) = quoted(rest)?;
            words.push(Word::Text(text));
            rest = after;
        } else {
            let in_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '$' | '@' | '+');
            // A colon ends a variable's name, but stands inside a moment.
            let is_moment = first.is_ascii_digit();
            let end = rest.find(|c| !(in_name(c) || is_moment && c == ':')).unwrap_or(rest.len());
            let end = if end == 0 { first.len_utf8() } else { end };
            let (word, after) = rest.split_at(end);
            words.push(if in_name(first) { Word::Name(word.to_owned()) } else { Word::Sign(first) });
            rest = after;
        }
        rest = rest.trim_start();
    }
    Ok(words)
}

/// A text in single quotes, a quote inside it doubled.
fn quoted(text: &str) -> Result<(String, &str), Problem> {
    let mut read = String::new();
    let mut rest = text.get(1..).unwrap_or_default();
    loop {
        let (part, after) = rest.split_once('\'').ok_or_else(unfinished)?;
        read.push_str(part);
        match after.strip_prefix('\'') {
            Some(more) => {
                read.push('\'');
                rest = more;
            }
            None => return Ok((read, after)),
        }
    }
}

struct Parser {
    words: Vec<Word>,
    at: usize,
    comparisons: usize,
    /// The variable of the `any` that is being read.
    variable: Option<String>,
}

impl Parser {
    fn next(&mut self) -> Option<Word> {
        let word = self.words.get(self.at).cloned();
        self.at += usize::from(word.is_some());
        word
    }

    fn next_is(&mut self, name: &str) -> bool {
        let found = matches!(self.words.get(self.at), Some(Word::Name(found)) if found.eq_ignore_ascii_case(name));
        self.at += usize::from(found);
        found
    }

    fn next_is_sign(&mut self, sign: char) -> bool {
        let found = self.words.get(self.at) == Some(&Word::Sign(sign));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: char) -> Result<(), Problem> {
        match self.next() {
            Some(Word::Sign(found)) if found == sign => Ok(()),
            Some(other) => Err(unsupported(&other.shown())),
            None => Err(unfinished()),
        }
    }

    fn any_of(&mut self, depth: usize) -> Result<Filter, Problem> {
        let mut list = vec![self.all_of(depth)?];
        while self.next_is("or") {
            list.push(self.all_of(depth)?);
        }
        Ok(single(list, Filter::Any))
    }

    fn all_of(&mut self, depth: usize) -> Result<Filter, Problem> {
        let mut list = vec![self.one(depth)?];
        while self.next_is("and") {
            list.push(self.one(depth)?);
        }
        Ok(single(list, Filter::All))
    }

    fn one(&mut self, depth: usize) -> Result<Filter, Problem> {
        if depth > MAX_DEPTH {
            return Err(Problem::bad_request("Invalid filter clause: it is nested too deeply."));
        }
        if self.next_is("not") {
            return Ok(Filter::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.next_is_sign('(') {
            let inner = self.any_of(depth + 1)?;
            self.expect(')')?;
            return Ok(inner);
        }
        self.comparisons += 1;
        if self.comparisons > MAX_COMPARISONS {
            return Err(Problem::bad_request("Invalid filter clause: too many comparisons."));
        }
        let name = match self.next() {
            Some(Word::Name(name)) => name,
            Some(other) => return Err(unsupported(&other.shown())),
            None => return Err(unfinished()),
        };
        if self.next_is_sign('(') {
            return self.call(&name, depth);
        }
        if self.next_is("in") {
            return self.listed(&name);
        }
        let operator = self.operator()?;
        if let Some(collection) = name.strip_suffix("/$count") {
            let path = self.path(collection)?;
            let number = match self.next() {
                Some(Word::Name(number)) => number.parse().map_err(|_| unsupported(&number))?,
                Some(other) => return Err(unsupported(&other.shown())),
                None => return Err(unfinished()),
            };
            return Ok(Filter::Count(path, operator, number));
        }
        Ok(Filter::Compare(self.path(&name)?, operator, self.literal()?))
    }

    /// What stands in parentheses after a name: a function's arguments, or the inside of `any`.
    fn call(&mut self, name: &str, depth: usize) -> Result<Filter, Problem> {
        let test = match name.to_ascii_lowercase().as_str() {
            "startswith" => TextTest::StartsWith,
            "endswith" => TextTest::EndsWith,
            other => {
                let Some(end) = other.strip_suffix("/any").map(str::len) else {
                    return Err(unsupported(name));
                };
                return self.any(name.get(..end).unwrap_or_default(), depth);
            }
        };
        let path = match self.next() {
            Some(Word::Name(name)) => self.path(&name)?,
            Some(other) => return Err(unsupported(&other.shown())),
            None => return Err(unfinished()),
        };
        self.expect(',')?;
        let text = match self.literal()? {
            Literal::Text(text) => text,
            _ => return Err(unsupported(name)),
        };
        self.expect(')')?;
        Ok(Filter::Text(path, test, text))
    }

    fn any(&mut self, collection: &str, depth: usize) -> Result<Filter, Problem> {
        let path = self.path(collection)?;
        let variable = match self.next() {
            Some(Word::Name(variable)) if is_name(&variable) => variable,
            Some(other) => return Err(unsupported(&other.shown())),
            None => return Err(unfinished()),
        };
        self.expect(':')?;
        let outer = self.variable.replace(variable);
        let inner = self.any_of(depth + 1)?;
        self.variable = outer;
        self.expect(')')?;
        Ok(Filter::Some(path, Box::new(inner)))
    }

    fn listed(&mut self, name: &str) -> Result<Filter, Problem> {
        let path = self.path(name)?;
        self.expect('(')?;
        let mut literals = vec![self.literal()?];
        while self.next_is_sign(',') {
            self.comparisons += 1;
            if self.comparisons > MAX_COMPARISONS {
                return Err(Problem::bad_request("Invalid filter clause: too many comparisons."));
            }
            literals.push(self.literal()?);
        }
        self.expect(')')?;
        Ok(Filter::In(path, literals))
    }

    fn operator(&mut self) -> Result<Operator, Problem> {
        match self.next() {
            Some(Word::Name(name)) => Ok(match name.to_ascii_lowercase().as_str() {
                "eq" => Operator::Equal,
                "ne" => Operator::NotEqual,
                "lt" => Operator::Less,
                "le" => Operator::LessOrEqual,
                "gt" => Operator::Greater,
                "ge" => Operator::GreaterOrEqual,
                _ => return Err(unsupported(&name)),
            }),
            Some(other) => Err(unsupported(&other.shown())),
            None => Err(unfinished()),
        }
    }

    fn literal(&mut self) -> Result<Literal, Problem> {
        match self.next() {
            Some(Word::Text(text)) => Ok(Literal::Text(text)),
            Some(Word::Name(name)) => match name.to_ascii_lowercase().as_str() {
                "null" => Ok(Literal::Null),
                "true" => Ok(Literal::Bool(true)),
                "false" => Ok(Literal::Bool(false)),
                // Ids stand bare in many filters.
                id if uuid::Uuid::parse_str(id).is_ok() => Ok(Literal::Text(id.to_owned())),
                number if number.parse::<i64>().is_ok() => Ok(Literal::Number(number.parse().unwrap_or_default())),
                moment => {
                    Timestamp::parse(&moment.to_ascii_uppercase()).map(Literal::Moment).map_err(|_| unsupported(&name))
                }
            },
            Some(other) => Err(unsupported(&other.shown())),
            None => Err(unfinished()),
        }
    }

    /// A path from the element inside `any`, else from the object.
    fn path(&self, text: &str) -> Result<Path, Problem> {
        let names: Vec<String> = text.split('/').map(str::to_owned).collect();
        if !names.iter().all(|name| is_name(name)) {
            return Err(unsupported(text));
        }
        match &self.variable {
            None => Ok(Path(names)),
            Some(variable) if names.first() == Some(variable) => Ok(Path(names.into_iter().skip(1).collect())),
            Some(_) => Err(unsupported(text)),
        }
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn single(mut list: Vec<Filter>, several: fn(Vec<Filter>) -> Filter) -> Filter {
    match list.pop() {
        Some(only) if list.is_empty() => only,
        Some(last) => {
            list.push(last);
            several(list)
        }
        None => several(list),
    }
}

fn unfinished() -> Problem {
    Problem::bad_request("Invalid filter clause: the expression is not complete.")
}

fn unsupported(what: &str) -> Problem {
    let what: String = what.chars().take(64).collect();
    Problem::bad_request(&format!(
        "Invalid filter clause: '{what}' is not supported here; use eq, ne, in, startswith, endswith, any, and, or, not."
    ))
}
