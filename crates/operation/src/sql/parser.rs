//! The grammar of the subset. What other SQL has is refused by its name.

use keyholder_dataverse::error::{DataverseError, code};

use super::lexer::{self, Token};
use super::{ColumnName, Expression, Item, Join, OrderItem, Select, Table, What};
use crate::fetch::{Figure, Operator};
use crate::syntax::quoted;

/// Brackets lie in each other at most this deep.
const DEEPEST: usize = 30;
/// The most columns, joins, conditions and values together.
const MOST_PARTS: usize = 3_000;

/// Words that end a list of names: none of them is an alias.
const RESERVED: [&str; 20] = [
    "from", "where", "group", "order", "having", "inner", "left", "right", "full", "cross", "outer", "join", "on",
    "as", "union", "offset", "fetch", "option", "and", "or",
];

/// SQL that neither the service nor this org takes.
fn unsupported(what: &str) -> DataverseError {
    DataverseError::new(
        code::INVALID_ARGUMENT,
        format!("{what} is not supported in the sql option; see which part of SELECT it takes."),
    )
}

pub(super) fn select(text: &str) -> Result<Select, DataverseError> {
    let mut parser = Parser { text, tokens: lexer::tokens(text)?, at: 0, depth: 0, parts: 0 };
    let select = parser.statement()?;
    parser.take_mark(";");
    match parser.next() {
        Token::End => Ok(select),
        Token::Word(word) => {
            let word = word.to_ascii_uppercase();
            Err(unsupported(&format!("'{}' behind the SELECT statement", quoted(&word))))
        }
        _ => Err(parser.refused()),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(Token, usize)>,
    at: usize,
    depth: usize,
    parts: usize,
}

impl Parser<'_> {
    fn next(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(token, _)| token)
    }

    fn after_next(&self) -> &Token {
        self.tokens.get(self.at + 1).map_or(&Token::End, |(token, _)| token)
    }

    fn advance(&mut self) {
        self.at += 1;
    }

    fn refused(&self) -> DataverseError {
        let position = self.tokens.get(self.at).map_or(self.text.len(), |(_, position)| *position);
        lexer::refused(self.text, position)
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.next(), Token::Word(next) if next == word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at += usize::from(found);
        found
    }

    fn take_mark(&mut self, mark: &str) -> bool {
        let found = matches!(self.next(), Token::Mark(next) if *next == mark);
        self.at += usize::from(found);
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<(), DataverseError> {
        if self.take_word(word) { Ok(()) } else { Err(self.refused()) }
    }

    fn expect_mark(&mut self, mark: &str) -> Result<(), DataverseError> {
        if self.take_mark(mark) { Ok(()) } else { Err(self.refused()) }
    }

    fn count(&mut self) -> Result<(), DataverseError> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            Err(unsupported(&format!("A SELECT of more than {MOST_PARTS} parts")))
        } else {
            Ok(())
        }
    }

    fn whole(&mut self) -> Result<u32, DataverseError> {
        let Token::Number(number) = self.next() else { return Err(self.refused()) };
        let number = number.parse().map_err(|_| self.refused())?;
        self.advance();
        Ok(number)
    }

    fn name(&mut self) -> Result<String, DataverseError> {
        let name = match self.next() {
            Token::Word(word) if !RESERVED.contains(&word.as_str()) => word.clone(),
            Token::Name(name) => name.clone(),
            Token::Text { text, double: true } => text.to_ascii_lowercase(),
            _ => return Err(self.refused()),
        };
        self.advance();
        Ok(name)
    }

    fn statement(&mut self) -> Result<Select, DataverseError> {
        match self.next() {
            Token::Word(word) if word == "select" => self.advance(),
            Token::Word(word) => {
                let word = word.to_ascii_uppercase();
                return Err(unsupported(&format!("The statement '{}'", quoted(&word))));
            }
            _ => return Err(self.refused()),
        }
        let distinct = self.take_word("distinct");
        let mut top = None;
        if self.take_word("top") {
            let bracket = self.take_mark("(");
            top = Some(self.whole()?);
            if bracket {
                self.expect_mark(")")?;
            }
            if self.is_word("percent") || self.is_word("with") {
                return Err(unsupported("TOP with PERCENT or WITH TIES"));
            }
        }
        let items = self.list(Self::item)?;
        self.expect_word("from")?;
        let from = self.table()?;
        let mut joins = Vec::new();
        while let Some(outer) = self.join_kind()? {
            joins.push(self.join(outer)?);
        }
        if matches!(self.next(), Token::Mark(",")) {
            return Err(unsupported("A list of tables behind FROM"));
        }
        let filter = if self.take_word("where") { Some(self.expression()?) } else { None };
        let mut groups = Vec::new();
        if self.take_word("group") {
            self.expect_word("by")?;
            groups = self.list(Self::column)?;
        }
        for word in ["having", "union", "intersect", "except", "option", "for"] {
            if self.is_word(word) {
                return Err(unsupported(&word.to_ascii_uppercase()));
            }
        }
        let mut orders = Vec::new();
        if self.take_word("order") {
            self.expect_word("by")?;
            orders = self.list(Self::order)?;
        }
        let (offset, fetch) = self.offset()?;
        Ok(Select { distinct, top, items, from, joins, filter, groups, orders, offset, fetch })
    }

    fn list<T>(
        &mut self,
        mut each: impl FnMut(&mut Self) -> Result<T, DataverseError>,
    ) -> Result<Vec<T>, DataverseError> {
        let mut list = Vec::new();
        loop {
            self.count()?;
            list.push(each(self)?);
            if !self.take_mark(",") {
                return Ok(list);
            }
        }
    }

    fn offset(&mut self) -> Result<(Option<u32>, Option<u32>), DataverseError> {
        if !self.take_word("offset") {
            return Ok((None, None));
        }
        let offset = self.whole()?;
        if !self.take_word("rows") {
            self.expect_word("row")?;
        }
        if !self.take_word("fetch") {
            return Ok((Some(offset), None));
        }
        if !self.take_word("next") {
            self.expect_word("first")?;
        }
        let rows = self.whole()?;
        if !self.take_word("rows") {
            self.expect_word("row")?;
        }
        self.expect_word("only")?;
        Ok((Some(offset), Some(rows)))
    }

    fn item(&mut self) -> Result<Item, DataverseError> {
        match self.next() {
            Token::Mark("*") => return Err(unsupported("SELECT *")),
            Token::Text { double: false, .. } | Token::Number(_) | Token::Mark("-" | "(") => {
                return Err(unsupported("Anything but columns and aggregates behind SELECT"));
            }
            _ => {}
        }
        let what = match (self.next(), self.after_next()) {
            (Token::Word(function), Token::Mark("(")) => {
                let function = function.clone();
                self.figure(&function)?
            }
            _ => What::Column(self.column()?),
        };
        let name = if self.take_word("as") {
            Some(match self.next() {
                Token::Text { text, .. } => {
                    let text = text.clone();
                    self.advance();
                    text
                }
                _ => self.written_name()?,
            })
        } else {
            match self.next() {
                Token::Word(word) if RESERVED.contains(&word.as_str()) => None,
                Token::Word(_) | Token::Name(_) => Some(self.written_name()?),
                _ => None,
            }
        };
        Ok(Item { what, name })
    }

    /// A name with the capitals that it was written with: members of the answer keep them.
    fn written_name(&mut self) -> Result<String, DataverseError> {
        let start = self.tokens.get(self.at).map_or(0, |(_, position)| *position);
        let name = self.name()?;
        let bracket = usize::from(self.text.get(start..).is_some_and(|rest| rest.starts_with(['[', '"'])));
        Ok(self.text.get(start + bracket..start + bracket + name.len()).unwrap_or(&name).to_owned())
    }

    fn figure(&mut self, function: &str) -> Result<What, DataverseError> {
        let figure = match function {
            "count" => Figure::CountColumn,
            "sum" => Figure::Sum,
            "avg" => Figure::Average,
            "min" => Figure::Min,
            "max" => Figure::Max,
            other => return Err(unsupported(&format!("The function '{}'", quoted(&other.to_ascii_uppercase())))),
        };
        self.advance();
        self.expect_mark("(")?;
        let what = if self.take_mark("*") {
            if function != "count" {
                return Err(self.refused());
            }
            What::Figure { figure: Figure::Count, column: None, distinct: false }
        } else {
            let distinct = self.take_word("distinct");
            if distinct && function != "count" {
                return Err(unsupported("DISTINCT in an aggregate other than COUNT"));
            }
            What::Figure { figure, column: Some(self.column()?), distinct }
        };
        self.expect_mark(")")?;
        Ok(what)
    }

    fn column(&mut self) -> Result<ColumnName, DataverseError> {
        if let (Token::Word(function), Token::Mark("(")) = (self.next(), self.after_next()) {
            return Err(unsupported(&format!("The function '{}' here", quoted(&function.to_ascii_uppercase()))));
        }
        let first = self.name()?;
        if !self.take_mark(".") {
            return Ok(ColumnName { table: None, name: first });
        }
        if matches!(self.next(), Token::Mark("*")) {
            return Err(unsupported("SELECT *"));
        }
        let second = self.name()?;
        // A schema before the table: dbo.account.name.
        if self.take_mark(".") {
            return Ok(ColumnName { table: Some(second), name: self.name()? });
        }
        Ok(ColumnName { table: Some(first), name: second })
    }

    fn table(&mut self) -> Result<Table, DataverseError> {
        if matches!(self.next(), Token::Mark("(")) {
            return Err(unsupported("A subquery"));
        }
        let mut name = self.name()?;
        if self.take_mark(".") {
            name = self.name()?;
        }
        let aliased = self.take_word("as");
        let alias = match self.next() {
            Token::Word(word) if !aliased && RESERVED.contains(&word.as_str()) => None,
            Token::Word(_) | Token::Name(_) => Some(self.name()?),
            _ if aliased => return Err(self.refused()),
            _ => None,
        };
        Ok(Table { alias: alias.unwrap_or_else(|| name.clone()), name })
    }

    /// Whether a join follows, and whether rows without a partner stay.
    fn join_kind(&mut self) -> Result<Option<bool>, DataverseError> {
        let outer = match self.next() {
            Token::Word(word) => match word.as_str() {
                "join" => false,
                "inner" => {
                    self.advance();
                    false
                }
                "left" => {
                    self.advance();
                    self.take_word("outer");
                    true
                }
                "right" | "full" | "cross" => {
                    let word = word.to_ascii_uppercase();
                    return Err(unsupported(&format!("{word} JOIN")));
                }
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        self.expect_word("join")?;
        Ok(Some(outer))
    }

    fn join(&mut self, outer: bool) -> Result<Join, DataverseError> {
        self.count()?;
        let table = self.table()?;
        self.expect_word("on")?;
        let bracket = self.take_mark("(");
        let left = self.column()?;
        if !self.take_mark("=") {
            return Err(unsupported("A JOIN on anything but two equal columns"));
        }
        let right = self.column()?;
        let mut filters = Vec::new();
        while self.take_word("and") {
            filters.push(self.primary()?);
        }
        if self.is_word("or") {
            return Err(unsupported("OR beside the equality of a JOIN"));
        }
        if bracket {
            self.expect_mark(")")?;
        }
        let filter = (!filters.is_empty()).then_some(Expression::All(filters));
        Ok(Join { table, outer, on: (left, right), filter })
    }

    fn order(&mut self) -> Result<OrderItem, DataverseError> {
        let column = self.column()?;
        let descending = self.take_word("desc");
        if !descending {
            self.take_word("asc");
        }
        Ok(OrderItem { column, descending })
    }

    fn expression(&mut self) -> Result<Expression, DataverseError> {
        let mut any = vec![self.conjunction()?];
        while self.take_word("or") {
            any.push(self.conjunction()?);
        }
        Ok(if any.len() == 1 { any.remove(0) } else { Expression::Any(any) })
    }

    fn conjunction(&mut self) -> Result<Expression, DataverseError> {
        let mut all = vec![self.primary()?];
        while self.take_word("and") {
            all.push(self.primary()?);
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Expression::All(all) })
    }

    fn primary(&mut self) -> Result<Expression, DataverseError> {
        self.count()?;
        if self.take_mark("(") {
            if self.is_word("select") {
                return Err(unsupported("A subquery"));
            }
            self.depth += 1;
            if self.depth > DEEPEST {
                return Err(unsupported(&format!("A condition with brackets more than {DEEPEST} deep")));
            }
            let inside = self.expression()?;
            self.depth -= 1;
            self.expect_mark(")")?;
            return Ok(inside);
        }
        for word in ["not", "exists", "case"] {
            if self.is_word(word) {
                return Err(unsupported(&format!("{} before a condition", word.to_ascii_uppercase())));
            }
        }
        match self.next() {
            // A constant first: 5 < a.
            Token::Text { double: false, .. } | Token::Number(_) | Token::Mark("-") => {
                let value = self.constant()?;
                let operator = flipped(self.comparison()?);
                let column = self.column()?;
                Ok(Expression::Condition { column, operator, values: vec![value] })
            }
            _ => {
                let column = self.column()?;
                self.condition(&column)
            }
        }
    }

    fn condition(&mut self, column: &ColumnName) -> Result<Expression, DataverseError> {
        let is = |operator, values| Ok(Expression::Condition { column: column.clone(), operator, values });
        if self.take_word("is") {
            let negated = self.take_word("not");
            self.expect_word("null")?;
            return is(if negated { Operator::NotNull } else { Operator::Null }, Vec::new());
        }
        let negated = self.take_word("not");
        let either = |yes, no| if negated { no } else { yes };
        if self.take_word("like") {
            let value = self.constant()?;
            if self.is_word("escape") {
                return Err(unsupported("LIKE with ESCAPE"));
            }
            return is(either(Operator::Like, Operator::NotLike), vec![value]);
        }
        if self.take_word("in") {
            self.expect_mark("(")?;
            if self.is_word("select") {
                return Err(unsupported("A subquery"));
            }
            let values = self.list(Self::constant)?;
            self.expect_mark(")")?;
            return is(either(Operator::In, Operator::NotIn), values);
        }
        if self.take_word("between") {
            let low = self.constant()?;
            self.expect_word("and")?;
            let high = self.constant()?;
            return is(either(Operator::Between, Operator::NotBetween), vec![low, high]);
        }
        if negated {
            return Err(self.refused());
        }
        let operator = self.comparison()?;
        is(operator, vec![self.constant()?])
    }

    fn comparison(&mut self) -> Result<Operator, DataverseError> {
        let operator = match self.next() {
            Token::Mark("=") => Operator::Equal,
            Token::Mark("<>" | "!=") => Operator::NotEqual,
            Token::Mark(">") => Operator::Greater,
            Token::Mark(">=") => Operator::GreaterOrEqual,
            Token::Mark("<") => Operator::Less,
            Token::Mark("<=") => Operator::LessOrEqual,
            _ => return Err(self.refused()),
        };
        self.advance();
        Ok(operator)
    }

    /// A constant as a condition's text.
    fn constant(&mut self) -> Result<String, DataverseError> {
        let minus = self.take_mark("-");
        let value = match self.next() {
            Token::Number(number) => format!("{}{number}", if minus { "-" } else { "" }),
            Token::Text { text, .. } if !minus => text.clone(),
            Token::Word(word) if word == "null" => {
                return Err(unsupported("A comparison with NULL, which holds for no row (use IS NULL),"));
            }
            Token::Word(word) if matches!(self.after_next(), Token::Mark("(")) => {
                let function = word.to_ascii_uppercase();
                return Err(keyholder_dataverse::error::not_supported(&format!(
                    "The function '{}' in the sql option",
                    quoted(&function)
                )));
            }
            Token::Word(_) | Token::Name(_) => {
                return Err(unsupported("A comparison of a column with anything but a constant"));
            }
            _ => return Err(self.refused()),
        };
        self.advance();
        Ok(value)
    }
}

/// The same comparison with its sides exchanged.
const fn flipped(operator: Operator) -> Operator {
    match operator {
        Operator::Greater => Operator::Less,
        Operator::GreaterOrEqual => Operator::LessOrEqual,
        Operator::Less => Operator::Greater,
        Operator::LessOrEqual => Operator::GreaterOrEqual,
        other => other,
    }
}
