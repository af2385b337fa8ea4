//! `$filter` as a tree: a Pratt parser over the lexer's tokens.
//!
//! Chains of `and` and `or` become flat lists, so that only brackets and `not` go deeper, and
//! those are counted. What OData can say and the local org does not do yet (arithmetic, functions of
//! dates) is refused here by its name.

use keyholder_dataverse::error::{self, DataverseError, code};

use super::lexer::{Lexer, Token, TokenKind};
use super::{LONGEST_TEXT, Literal, characters, quoted, syntax_error};
use crate::query::{Comparison, TextFunction};

/// Brackets and `not` nest at most this deep.
const DEEPEST: usize = 100;
/// A function has at most this many arguments.
const MOST_ARGUMENTS: usize = 8;
/// A filter has at most this many comparisons; the service stops there too.
const MOST_CONDITIONS: usize = 500;

/// A filter as written.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Expression<'a> {
    /// `a and b and c`
    And(Vec<Self>),
    /// `a or b or c`
    Or(Vec<Self>),
    /// `not a`
    Not(Box<Self>),
    /// `a eq b`
    Compare {
        /// How.
        comparison: Comparison,
        /// The left side.
        left: Box<Self>,
        /// The right side.
        right: Box<Self>,
    },
    /// `contains(a,b)`
    Text {
        /// Which function.
        function: TextFunction,
        /// What it is asked about.
        arguments: Box<[Self; 2]>,
    },
    /// `a in ('x','y')`
    In {
        /// The left side.
        left: Box<Self>,
        /// The values; at least one.
        values: Vec<Literal<'a>>,
    },
    /// `Account_Tasks/any(t:t/statecode eq 0)`
    Lambda {
        /// The collection, as a path.
        path: Vec<&'a str>,
        /// Whether the condition must hold for all of its rows; else for one.
        all: bool,
        /// The name of a row in the condition, and the condition; none in `any()`.
        condition: Option<(&'a str, Box<Self>)>,
    },
    /// `Microsoft.Dynamics.CRM.Today(PropertyName='createdon')`
    Call {
        /// The function's full name, and what stands before it.
        path: Vec<&'a str>,
        /// Its arguments.
        arguments: Vec<(&'a str, Argument<'a>)>,
    },
    /// `fullname`, or `primarycontactid/fullname` as two names.
    Path(Vec<&'a str>),
    /// A value.
    Literal(Literal<'a>),
}

/// What stands behind the `=` of a function's parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument<'a> {
    /// One value.
    One(Literal<'a>),
    /// `["a","b"]`, also with single quotes.
    List(Vec<Literal<'a>>),
}

/// Reads what an alias stands for, as an argument.
///
/// # Errors
/// The service's syntax errors.
pub fn argument(text: &str) -> Result<Argument<'_>, DataverseError> {
    let mut lexer = Lexer::new(text);
    let next = lexer.next_token()?;
    let mut parser = Parser { lexer, next, depth: 0, conditions: 0 };
    let argument = parser.argument()?;
    match parser.next.kind {
        TokenKind::End => Ok(argument),
        _ => Err(syntax_error(text, parser.next.start)),
    }
}

/// Reads a filter.
///
/// # Errors
/// The service's syntax errors, or a refusal that names what is not supported yet.
pub fn parse(text: &str) -> Result<Expression<'_>, DataverseError> {
    if text.len() > LONGEST_TEXT {
        return Err(error::odata(format!("The $filter is longer than {LONGEST_TEXT} characters.")));
    }
    let mut lexer = Lexer::new(text);
    let next = lexer.next_token()?;
    let mut parser = Parser { lexer, next, depth: 0, conditions: 0 };
    let expression = parser.expression(0)?;
    match parser.next.kind {
        TokenKind::End => Ok(expression),
        _ => Err(syntax_error(text, parser.next.start)),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    next: Token<'a>,
    depth: usize,
    conditions: usize,
}

/// What stands between two operands.
enum Operator {
    Or,
    And,
    Compare(Comparison),
    In,
}

impl Operator {
    /// How tightly it binds: OData's order of precedence.
    fn power(&self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Compare(Comparison::Equal | Comparison::NotEqual) => 3,
            Self::Compare(_) | Self::In => 4,
        }
    }
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<Token<'a>, DataverseError> {
        let next = self.lexer.next_token()?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// An operand and every operator after it that binds tighter than `least`.
    fn expression(&mut self, least: u8) -> Result<Expression<'a>, DataverseError> {
        let mut left = self.operand()?;
        while let Some(operator) = self.operator()?.filter(|operator| operator.power() > least) {
            self.advance()?;
            if matches!(operator, Operator::In) {
                self.count()?;
                left = Expression::In { left: Box::new(left), values: self.values()? };
                continue;
            }
            let right = self.expression(operator.power())?;
            left = match operator {
                Operator::In => left,
                Operator::And => match left {
                    Expression::And(mut all) => {
                        all.push(right);
                        Expression::And(all)
                    }
                    first => Expression::And(vec![first, right]),
                },
                Operator::Or => match left {
                    Expression::Or(mut any) => {
                        any.push(right);
                        Expression::Or(any)
                    }
                    first => Expression::Or(vec![first, right]),
                },
                Operator::Compare(comparison) => {
                    self.count()?;
                    Expression::Compare { comparison, left: Box::new(left), right: Box::new(right) }
                }
            };
        }
        Ok(left)
    }

    fn operator(&self) -> Result<Option<Operator>, DataverseError> {
        let TokenKind::Word(word) = self.next.kind else { return Ok(None) };
        Ok(Some(match word {
            "or" => Operator::Or,
            "and" => Operator::And,
            "eq" => Operator::Compare(Comparison::Equal),
            "ne" => Operator::Compare(Comparison::NotEqual),
            "gt" => Operator::Compare(Comparison::Greater),
            "ge" => Operator::Compare(Comparison::GreaterOrEqual),
            "lt" => Operator::Compare(Comparison::Less),
            "le" => Operator::Compare(Comparison::LessOrEqual),
            "in" => Operator::In,
            "has" | "add" | "sub" | "mul" | "div" | "divby" | "mod" => {
                return Err(error::not_supported(&format!("The operator '{word}' in $filter")));
            }
            _ => return Ok(None),
        }))
    }

    fn operand(&mut self) -> Result<Expression<'a>, DataverseError> {
        let token = self.advance()?;
        match token.kind {
            TokenKind::Literal(literal) => Ok(Expression::Literal(literal)),
            TokenKind::Mark('(') => {
                let inside = self.nested(|parser| parser.expression(0))?;
                self.expect(')')?;
                Ok(inside)
            }
            TokenKind::Word("not") => {
                // `not` binds tighter than any comparison.
                let inside = self.nested(Self::operand)?;
                Ok(Expression::Not(Box::new(inside)))
            }
            TokenKind::Word(word) => self.name(word),
            _ => Err(error::odata(format!(
                "Expression expected at position {} in '{}'.",
                characters(self.lexer.text(), token.start),
                quoted(self.lexer.text())
            ))),
        }
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, DataverseError>) -> Result<T, DataverseError> {
        if self.depth == DEEPEST {
            return Err(error::odata(format!("The $filter nests deeper than {DEEPEST} levels.")));
        }
        self.depth += 1;
        let inside = read(self);
        self.depth -= 1;
        inside
    }

    /// A path, or a call when a bracket follows.
    fn name(&mut self, first: &'a str) -> Result<Expression<'a>, DataverseError> {
        let mut path = vec![first];
        while self.next.kind == TokenKind::Mark('/') {
            self.advance()?;
            let token = self.advance()?;
            match token.kind {
                TokenKind::Word(word @ ("any" | "all")) if self.next.kind == TokenKind::Mark('(') => {
                    return self.lambda(path, word == "all");
                }
                TokenKind::Word(word) if path.len() < DEEPEST => path.push(word),
                _ => return Err(syntax_error(self.lexer.text(), token.start)),
            }
        }
        if self.next.kind != TokenKind::Mark('(') {
            return Ok(Expression::Path(path));
        }
        let function = match path.as_slice() {
            ["contains"] => TextFunction::Contains,
            ["startswith"] => TextFunction::StartsWith,
            ["endswith"] => TextFunction::EndsWith,
            [.., name] if name.starts_with("Microsoft.Dynamics.CRM.") => {
                self.count()?;
                let arguments = self.arguments()?;
                return Ok(Expression::Call { path, arguments });
            }
            [name] if OTHER_FUNCTIONS.contains(name) => {
                return Err(error::not_supported(&format!("The function '{name}' in $filter")));
            }
            names => {
                return Err(error::odata(format!(
                    "An unknown function with name '{}' was found. This may also be a function import or a key lookup on \
                     a navigation property, which is not allowed.",
                    quoted(&names.join("/"))
                )));
            }
        };
        self.count()?;
        self.advance()?;
        let first = self.nested(|parser| parser.expression(0))?;
        self.expect(',')?;
        let second = self.nested(|parser| parser.expression(0))?;
        self.expect(')')?;
        Ok(Expression::Text { function, arguments: Box::new([first, second]) })
    }

    /// What stands behind `any` and `all`.
    fn lambda(&mut self, path: Vec<&'a str>, all: bool) -> Result<Expression<'a>, DataverseError> {
        self.count()?;
        self.advance()?;
        if self.next.kind == TokenKind::Mark(')') && !all {
            self.advance()?;
            return Ok(Expression::Lambda { path, all, condition: None });
        }
        let token = self.advance()?;
        let TokenKind::Word(variable) = token.kind else {
            return Err(syntax_error(self.lexer.text(), token.start));
        };
        let colon = self.advance()?;
        if colon.kind != TokenKind::Mark(':') {
            return Err(syntax_error(self.lexer.text(), colon.start));
        }
        let inside = self.nested(|parser| parser.expression(0))?;
        self.expect(')')?;
        Ok(Expression::Lambda { path, all, condition: Some((variable, Box::new(inside))) })
    }

    /// The named arguments of a function, with the brackets around them.
    fn arguments(&mut self) -> Result<Vec<(&'a str, Argument<'a>)>, DataverseError> {
        self.advance()?;
        let mut arguments = Vec::new();
        if self.next.kind == TokenKind::Mark(')') {
            self.advance()?;
            return Ok(arguments);
        }
        loop {
            let name = self.advance()?;
            let equals = self.advance()?;
            match (name.kind, equals.kind) {
                (TokenKind::Word(name), TokenKind::Mark('=')) if arguments.len() < MOST_ARGUMENTS => {
                    arguments.push((name, self.argument()?));
                }
                _ => return Err(syntax_error(self.lexer.text(), name.start)),
            }
            let next = self.advance()?;
            match next.kind {
                TokenKind::Mark(',') => {}
                TokenKind::Mark(')') => return Ok(arguments),
                _ => return Err(syntax_error(self.lexer.text(), next.start)),
            }
        }
    }

    fn argument(&mut self) -> Result<Argument<'a>, DataverseError> {
        if self.next.kind != TokenKind::Mark('[') {
            return self.value().map(Argument::One);
        }
        self.advance()?;
        let mut items = Vec::new();
        if self.next.kind == TokenKind::Mark(']') {
            self.advance()?;
            return Ok(Argument::List(items));
        }
        loop {
            items.push(self.value()?);
            let next = self.advance()?;
            match next.kind {
                TokenKind::Mark(',') => {}
                TokenKind::Mark(']') => return Ok(Argument::List(items)),
                _ => return Err(syntax_error(self.lexer.text(), next.start)),
            }
        }
    }

    /// A value, which may stand in double quotes as in JSON.
    fn value(&mut self) -> Result<Literal<'a>, DataverseError> {
        if self.next.kind == TokenKind::Mark('"') {
            let text = self.lexer.json_text(self.next.start)?;
            self.next = self.lexer.next_token()?;
            return Ok(Literal::Text(text));
        }
        let token = self.advance()?;
        match token.kind {
            TokenKind::Literal(value) => Ok(value),
            _ => Err(syntax_error(self.lexer.text(), token.start)),
        }
    }

    /// The list behind `in`.
    fn values(&mut self) -> Result<Vec<Literal<'a>>, DataverseError> {
        let open = self.advance()?;
        if open.kind != TokenKind::Mark('(') {
            return Err(syntax_error(self.lexer.text(), open.start));
        }
        let mut values = Vec::new();
        loop {
            let token = self.advance()?;
            match token.kind {
                TokenKind::Literal(value) => values.push(value),
                _ => return Err(syntax_error(self.lexer.text(), token.start)),
            }
            let next = self.advance()?;
            match next.kind {
                TokenKind::Mark(',') => {}
                TokenKind::Mark(')') => return Ok(values),
                _ => return Err(syntax_error(self.lexer.text(), next.start)),
            }
        }
    }

    fn expect(&mut self, mark: char) -> Result<(), DataverseError> {
        let token = self.advance()?;
        if token.kind == TokenKind::Mark(mark) {
            return Ok(());
        }
        let expected = if mark == ')' { "')' or operator" } else { "','" };
        Err(error::odata(format!(
            "{expected} expected at position {} in '{}'.",
            characters(self.lexer.text(), token.start),
            quoted(self.lexer.text())
        )))
    }

    fn count(&mut self) -> Result<(), DataverseError> {
        self.conditions += 1;
        if self.conditions > MOST_CONDITIONS {
            return Err(DataverseError::new(
                code::TOO_MANY_CONDITIONS_IN_QUERY,
                "Number of conditions in query exceeded maximum limit.",
            ));
        }
        Ok(())
    }
}

/// Functions of OData that the service's documents do not list for `$filter`, or that have not
/// been built here.
const OTHER_FUNCTIONS: [&str; 24] = [
    "cast",
    "ceiling",
    "concat",
    "date",
    "day",
    "floor",
    "fractionalseconds",
    "hour",
    "indexof",
    "isof",
    "length",
    "minute",
    "month",
    "now",
    "round",
    "second",
    "substring",
    "substringof",
    "time",
    "tolower",
    "totaloffsetminutes",
    "toupper",
    "trim",
    "year",
];
