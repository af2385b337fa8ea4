//! FetchXML: what a document says, before anybody asks what it means.
//!
//! - this file: the document as a tree of names and texts;
//! - [`operator`]: the operators of conditions and how many values each takes;
//! - `bounds`: what is refused before the document is parsed at all;
//! - `read`: from XML to the tree, every element, attribute and word checked;
//! - [`mod@print`]: a tree back as XML.
//!
//! The grammar is that of the documented schema of FetchXML. What that schema does not have is
//! refused with the service's code; what it has and the local org does not do is refused by name.
//! What only tells designers something (`uiname`, `output-format` …) is read over. Nothing here
//! knows a table.

mod bounds;
pub mod operator;
pub mod print;
mod read;
#[cfg(test)]
mod tests;

use keyholder_dataverse::error::DataverseError;

pub use operator::Operator;

/// A document: `fetch`.
#[derive(Debug, Clone, PartialEq)]
pub struct Fetch {
    /// Whether the attributes are groups and aggregates.
    pub aggregate: bool,
    /// Whether rows that show the same come once.
    pub distinct: bool,
    /// At most this many rows and no further pages.
    pub top: Option<u32>,
    /// The rows of a page.
    pub count: Option<u32>,
    /// Which page, from 1.
    pub page: Option<u32>,
    /// Where the page before ended: a cookie of this service, as sent.
    pub paging_cookie: Option<String>,
    /// Whether to say how many rows there are altogether.
    pub total_count: bool,
    /// Whether choices sort by their numbers and lookups by their ids instead of by what people
    /// see.
    pub raw_order: bool,
    /// The root table.
    pub entity: Entity,
}

/// The root of a query: `entity`.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// The table's logical name.
    pub name: String,
    /// What it holds.
    pub body: Body,
}

/// A table joined to the one around it: `link-entity`.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// The table's logical name.
    pub name: String,
    /// The column of this table that the join compares; where it is missing, binding finds it.
    pub from: Option<String>,
    /// The column of the table around it.
    pub to: Option<String>,
    /// The name by which the query and the answer speak of it.
    pub alias: Option<String>,
    /// How it is joined.
    pub kind: LinkKind,
    /// Whether the table is the one between the two of a many-to-many relationship.
    pub intersect: bool,
    /// What it holds.
    pub body: Body,
}

/// How a table is joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// `inner`: a row for each pair; rows without a partner are left out.
    Inner,
    /// `outer`: as inner, and rows without a partner come once.
    Outer,
    /// `exists`: rows with a partner, each once; the partner is not shown.
    Exists,
    /// `in`: the same as `exists`.
    In,
    /// `matchfirstrowusingcrossapply`: as inner, with the first partner alone.
    FirstMatch,
    /// `any`, in a filter: there is a partner that meets the link's filter.
    Any,
    /// `not any`, in a filter.
    NotAny,
    /// `all`, in a filter: there are partners, and none of them meets the link's filter.
    All,
    /// `not all`, in a filter: the same as `any`.
    NotAll,
}

impl LinkKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Inner,
        Self::Outer,
        Self::Exists,
        Self::In,
        Self::FirstMatch,
        Self::Any,
        Self::NotAny,
        Self::All,
        Self::NotAll,
    ];

    /// The word in FetchXML.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inner => "inner",
            Self::Outer => "outer",
            Self::Exists => "exists",
            Self::In => "in",
            Self::FirstMatch => "matchfirstrowusingcrossapply",
            Self::Any => "any",
            Self::NotAny => "not any",
            Self::All => "all",
            Self::NotAll => "not all",
        }
    }

    /// Whether it stands inside a filter and is a condition there.
    #[must_use]
    pub const fn is_condition(self) -> bool {
        matches!(self, Self::Any | Self::NotAny | Self::All | Self::NotAll)
    }
}

/// What an `entity` or `link-entity` holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Body {
    /// Whether it shows every column.
    pub all_attributes: bool,
    /// The columns it shows.
    pub attributes: Vec<Attribute>,
    /// Its orders, the first the most significant.
    pub orders: Vec<Order>,
    /// Its filters, all of which must hold.
    pub filters: Vec<Filter>,
    /// The tables joined to it.
    pub links: Vec<Link>,
}

/// A column that is shown, grouped by or aggregated: `attribute`.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// The column's logical name. Empty where the `sql` option counts rows without naming one.
    pub name: String,
    /// The name in the answer.
    pub alias: Option<String>,
    /// What is made of the column's values.
    pub aggregate: Option<Figure>,
    /// Whether the rows are grouped by it.
    pub group_by: bool,
    /// By which part of a date.
    pub date_grouping: Option<DateGrouping>,
    /// Whether equal values count once.
    pub distinct: bool,
    /// Whether dates are grouped in the caller's time zone; if nothing is said, they are.
    pub user_time_zone: Option<bool>,
}

/// What is made of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Figure {
    /// The number of rows: `count`.
    Count,
    /// The number of values: `countcolumn`.
    CountColumn,
    /// `sum`
    Sum,
    /// `avg`
    Average,
    /// `min`
    Min,
    /// `max`
    Max,
}

impl Figure {
    /// Every figure.
    pub const ALL: [Self; 6] = [Self::Count, Self::CountColumn, Self::Sum, Self::Average, Self::Min, Self::Max];

    /// The word in FetchXML.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::CountColumn => "countcolumn",
            Self::Sum => "sum",
            Self::Average => "avg",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

/// A part of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DateGrouping {
    /// `day`
    Day,
    /// `week`
    Week,
    /// `month`
    Month,
    /// `quarter`
    Quarter,
    /// `year`
    Year,
    /// `fiscal-period`
    FiscalPeriod,
    /// `fiscal-year`
    FiscalYear,
}

impl DateGrouping {
    /// Every part.
    pub const ALL: [Self; 7] =
        [Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year, Self::FiscalPeriod, Self::FiscalYear];

    /// The word in FetchXML.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
            Self::FiscalPeriod => "fiscal-period",
            Self::FiscalYear => "fiscal-year",
        }
    }
}

/// One key of the order: `order`.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// The column, or the alias of an aggregate or group.
    pub by: OrderBy,
    /// The link whose column it is, by its alias or name.
    pub entity_name: Option<String>,
    /// From the largest.
    pub descending: bool,
}

/// What an order names.
#[derive(Debug, Clone, PartialEq)]
pub enum OrderBy {
    /// `attribute`
    Attribute(String),
    /// `alias`
    Alias(String),
}

/// Conditions of which all or one must hold: `filter`.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    /// Whether one is enough.
    pub any: bool,
    /// Whether it is the filter of a quick search.
    pub quick_find: bool,
    /// What must hold; nothing in it holds always.
    pub parts: Vec<Part>,
}

/// What stands in a filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// `condition`
    Condition(Condition),
    /// `filter`
    Filter(Filter),
    /// `link-entity`, of a kind that is a condition
    Link(Link),
}

/// A condition: `condition`.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// The column's logical name.
    pub attribute: String,
    /// The link whose column it is, by its alias or name.
    pub entity_name: Option<String>,
    /// How it is compared.
    pub operator: Operator,
    /// With what: the attribute `value`, or the `value` elements.
    pub with: With,
}

/// What a condition compares with.
#[derive(Debug, Clone, PartialEq)]
pub enum With {
    /// These texts; none for operators that take none.
    Values(Vec<String>),
    /// Another column, of the same table or, with a link's alias and a point before it, of that
    /// link: `valueof`.
    Column(String),
}

impl Fetch {
    /// Reads a document. Takes time and memory in proportion to its length, which is bounded.
    ///
    /// # Errors
    /// The service's refusal of what is no FetchXML;
    /// [`not_supported`](keyholder_dataverse::error::not_supported) of what the local org does not
    /// do.
    pub fn parse(text: &str) -> Result<Self, DataverseError> {
        read::document(text)
    }
}
