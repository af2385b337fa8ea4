//! What reading is made of.

use std::sync::Arc;

use keyholder_dataverse::schema::{AlternateKey, Column, ColumnKind, ManyToMany, Side, Table};
use keyholder_dataverse::{Value, fold::fold};
use uuid::Uuid;

use crate::PageToken;

/// The parts of an address that stand in the whole.
const ADDRESS_PARTS: [&str; 7] = ["line1", "line2", "line3", "city", "stateorprovince", "postalcode", "country"];

/// Rows of one table.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The table.
    pub table: Arc<Table>,
    /// The row whose related rows these are: `accounts(…)/contact_customer_accounts`.
    pub within: Option<Within>,
    /// Which columns.
    pub select: Selection,
    /// Which rows.
    pub filter: Option<Filter>,
    /// In which order; where that leaves ties, by id.
    pub order: Vec<Order>,
    /// At most this many rows, and no further pages.
    pub top: Option<u32>,
    /// Whether to say how many rows there are altogether.
    pub count: bool,
    /// Where an earlier page ended.
    pub page: Option<PageToken>,
}

impl Query {
    /// All rows of a table with all their columns.
    #[must_use]
    pub fn all(table: Arc<Table>) -> Self {
        Self {
            select: Selection::all(&table),
            table,
            within: None,
            filter: None,
            order: Vec::new(),
            top: None,
            count: false,
            page: None,
        }
    }
}

/// The row whose related rows are asked for, and how they are related to it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Within {
    /// The rows whose `lookup` names the source row.
    OneToMany {
        /// The source row's table.
        source: Arc<Table>,
        /// The source row.
        key: RowKey,
        /// A lookup column of the queried table.
        lookup: Arc<Column>,
    },
    /// The rows that are paired with the source row.
    ManyToMany {
        /// The source row's table.
        source: Arc<Table>,
        /// The source row.
        key: RowKey,
        /// The relationship.
        relationship: Arc<ManyToMany>,
        /// The side on which the source row stands.
        side: Side,
    },
}

impl Within {
    /// The source row and its table.
    #[must_use]
    pub fn source(&self) -> (&Arc<Table>, &RowKey) {
        match self {
            Self::OneToMany { source, key, .. } | Self::ManyToMany { source, key, .. } => (source, key),
        }
    }
}

/// One row, or one column of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrieve {
    /// The table.
    pub table: Arc<Table>,
    /// Which row.
    pub key: RowKey,
    /// Which columns.
    pub select: Selection,
    /// The one column that the address names: `contacts(…)/fullname`.
    pub property: Option<PropertyOf>,
    /// Answer 304 if the row still has this version (`If-None-Match`).
    pub unless_version: Option<i64>,
}

/// One column of a row as a resource of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct PropertyOf {
    /// The column.
    pub column: Arc<Column>,
    /// Whether only the bare value is wanted: `…/fullname/$value`.
    pub raw: bool,
}

/// Which row.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RowKey {
    /// The one with this id.
    Id(Uuid),
    /// The one with these values in the columns of an alternate key, in the key's order.
    Alternate {
        /// The key.
        key: Arc<AlternateKey>,
        /// A value for each of its columns.
        values: Vec<Value>,
    },
}

impl RowKey {
    /// The id, where the row is named by it.
    #[must_use]
    pub const fn id(&self) -> Option<Uuid> {
        match self {
            Self::Id(id) => Some(*id),
            Self::Alternate { .. } => None,
        }
    }
}

/// Which columns an answer shows. Clones share the columns, of which there may be hundreds.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    named: Option<Arc<[Arc<Column>]>>,
    columns: Arc<[Arc<Column>]>,
}

impl Selection {
    /// Every column that may be read.
    #[must_use]
    pub fn all(table: &Table) -> Self {
        Self { named: None, columns: Arc::clone(table.shown()) }
    }

    /// The named columns and those that the service adds: the id always, the currency beside an
    /// amount, and the whole address beside a part of it. A column named twice counts once.
    #[must_use]
    pub fn of(table: &Table, named: Vec<Arc<Column>>) -> Self {
        let mut distinct: Vec<Arc<Column>> = Vec::with_capacity(named.len());
        for column in named {
            if !distinct.iter().any(|known| known.position == column.position) {
                distinct.push(column);
            }
        }
        let mut columns = distinct.clone();
        let money = columns.iter().any(|column| matches!(column.kind, ColumnKind::Money { .. }));
        let currency = table.column("transactioncurrencyid").filter(|_| money);
        let addresses = distinct.iter().filter_map(|column| whole_address(table, &column.name));
        for added in [Some(table.primary_id()), currency].into_iter().flatten().chain(addresses) {
            if !columns.iter().any(|known| known.position == added.position) {
                columns.push(Arc::clone(added));
            }
        }
        Self { named: Some(distinct.into()), columns: columns.into() }
    }

    /// What the request named, as `@odata.context` repeats it; none when it asked for everything.
    #[must_use]
    pub fn named(&self) -> Option<&[Arc<Column>]> {
        self.named.as_deref()
    }

    /// Every column that the answer shows, in its order.
    #[must_use]
    pub fn columns(&self) -> &[Arc<Column>] {
        &self.columns
    }
}

/// `address1_composite` for `address1_city` and the other parts that it is put together from.
fn whole_address<'a>(table: &'a Table, name: &str) -> Option<&'a Arc<Column>> {
    let (address, part) = name.split_once('_').filter(|(address, _)| address.starts_with("address"))?;
    ADDRESS_PARTS.contains(&part).then(|| table.column(&format!("{address}_composite"))).flatten()
}

/// One column to sort by. Nulls come first ascending and last descending, as in the service's
/// store.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The column. Texts sort folded, choices by their number.
    pub column: Arc<Column>,
    /// From the largest.
    pub descending: bool,
}

/// Which rows. Every leaf is either true or false for a row, never unknown, so there is no `not`
/// inside the tree: binding moves it to the leaves.
///
/// That a comparison with `ne` is true for a row without a value is Dataverse's rule, unlike
/// SQL's; the same goes for a negated text function.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Filter {
    /// All of them hold; at least two.
    And(Vec<Self>),
    /// One of them holds; at least two.
    Or(Vec<Self>),
    /// A column against a value or another column.
    Compare {
        /// The column.
        column: Arc<Column>,
        /// How.
        comparison: Comparison,
        /// With what; a value here is never null.
        with: Comparand,
    },
    /// Whether the column has no value.
    Null {
        /// The column.
        column: Arc<Column>,
        /// Whether it must have one instead.
        negated: bool,
    },
    /// Whether a text has another in it.
    Text {
        /// The column.
        column: Arc<Column>,
        /// Where in it.
        function: TextFunction,
        /// What is looked for.
        pattern: Pattern,
        /// Whether it must not be there; then true for a row without a value.
        negated: bool,
    },
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Both have a value, and the same.
    Equal,
    /// Not [`Comparison::Equal`]: also when one has no value.
    NotEqual,
    /// Both have a value, and the first is greater.
    Greater,
    /// Both have a value, and the first is greater or the same.
    GreaterOrEqual,
    /// Both have a value, and the first is less.
    Less,
    /// Both have a value, and the first is less or the same.
    LessOrEqual,
}

impl Comparison {
    /// The word in OData.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Equal => "eq",
            Self::NotEqual => "ne",
            Self::Greater => "gt",
            Self::GreaterOrEqual => "ge",
            Self::Less => "lt",
            Self::LessOrEqual => "le",
        }
    }

    /// The same comparison with its sides exchanged.
    #[must_use]
    pub const fn flipped(self) -> Self {
        match self {
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            same => same,
        }
    }

    /// What Dataverse makes of `not` before this comparison: the opposite operator, which for an
    /// order still leaves out rows without a value.
    #[must_use]
    pub const fn negated(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
        }
    }
}

/// What a column is compared with.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Comparand {
    /// A value of the column's kind; for a lookup, the GUID of the row.
    Value(Value),
    /// Another column of the same row, of the same kind.
    Column(Arc<Column>),
}

/// Where in a text another is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFunction {
    /// Anywhere.
    Contains,
    /// At the beginning.
    StartsWith,
    /// At the end.
    EndsWith,
}

impl TextFunction {
    /// The word in OData.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contains => "contains",
            Self::StartsWith => "startswith",
            Self::EndsWith => "endswith",
        }
    }
}

/// A text to look for, in which `%`, `_`, `[abc]` and `[^abc]` are wildcards, as in the service's
/// store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    written: String,
    parts: Vec<PatternPart>,
}

/// A piece of a [`Pattern`], folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternPart {
    /// This text.
    Literal(String),
    /// `%`: any text, also none.
    AnyText,
    /// `_`: any one character.
    AnyCharacter,
    /// `[a-f]`: one character inside these ranges; negated, outside.
    OneOf {
        /// First and last character of each range.
        ranges: Vec<(char, char)>,
        /// Whether the character must be none of them.
        negated: bool,
    },
}

impl Pattern {
    /// Reads a pattern. A `[` without its `]` stands for itself.
    #[must_use]
    pub fn new(written: impl Into<String>) -> Self {
        let written = written.into();
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = written.chars();
        while let Some(letter) = rest.next() {
            let part = match letter {
                '%' => PatternPart::AnyText,
                '_' => PatternPart::AnyCharacter,
                '[' => {
                    if let Some((class, after)) = rest.as_str().split_once(']').filter(|(class, _)| !class.is_empty()) {
                        rest = after.chars();
                        class_of(class)
                    } else {
                        literal.push('[');
                        continue;
                    }
                }
                other => {
                    literal.push(other);
                    continue;
                }
            };
            push_literal(&mut parts, &mut literal);
            parts.push(part);
        }
        push_literal(&mut parts, &mut literal);
        // A blank at the end of a literal counts here: only whole values ignore theirs.
        Self { written, parts }
    }

    /// As the request has it.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Its pieces.
    #[must_use]
    pub fn parts(&self) -> &[PatternPart] {
        &self.parts
    }

    /// The folded text, where the pattern has no wildcards; empty for an empty pattern.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [PatternPart::Literal(text)] => Some(text),
            _ => None,
        }
    }
}

fn push_literal(parts: &mut Vec<PatternPart>, literal: &mut String) {
    if !literal.is_empty() {
        parts.push(PatternPart::Literal(fold_inside(literal)));
        literal.clear();
    }
}

/// Folds a piece of a text, whose blanks at the end are not the end of the text.
fn fold_inside(text: &str) -> String {
    let trimmed = text.trim_end_matches(' ');
    let mut folded = fold(trimmed);
    folded.push_str(text.get(trimmed.len()..).unwrap_or_default());
    folded
}

fn class_of(class: &str) -> PatternPart {
    let (negated, members) = class.strip_prefix('^').map_or((false, class), |rest| (true, rest));
    let folded: Vec<char> = fold_inside(members).chars().collect();
    let mut ranges = Vec::new();
    let mut rest = folded.as_slice();
    while let [first, tail @ ..] = rest {
        if let ['-', last, after @ ..] = tail {
            ranges.push((*first, *last));
            rest = after;
        } else {
            ranges.push((*first, *first));
            rest = tail;
        }
    }
    PatternPart::OneOf { ranges, negated }
}
