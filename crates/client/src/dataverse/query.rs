//! What is read: a path and its query options, put together or as typed.

use std::fmt::{self, Write};

use http::HeaderValue;

use super::fetch::{COOKIE, MORE};
use super::filter::Filter;
use super::key::{Key, Literal, RowRef};
use super::text::{encode, segment};
use super::typed::OperationPath;

/// A question to the Web API: rows of a table, one row, or a function.
///
/// ```
/// use keyholder_client::dataverse::{Expand, Filter, Query};
/// let query = Query::rows("contacts")
///     .select(["fullname", "emailaddress1"])
///     .filter(Filter::eq("lastname", "Salt & Pepper"))
///     .order_by_descending("createdon")
///     .expand(Expand::of("parentcustomerid_account").select(["name"]))
///     .top(3);
/// assert_eq!(
///     query.to_string(),
///     "contacts?$select=fullname,emailaddress1&$filter=lastname%20eq%20'Salt%20%26%20Pepper'\
///      &$orderby=createdon%20desc&$expand=parentcustomerid_account($select=name)&$top=3",
/// );
/// ```
///
/// A text is a query too: `contacts?$select=fullname&$top=3`, as it would stand behind the Web API's address, or
/// with that address. Blanks and quotes may be as typed; in values, encode `&`, `#`, `+` and `%` with [`encode`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    path: String,
    options: Options,
    parameters: Vec<(String, Literal)>,
    is_function: bool,
    fetch_xml: Option<String>,
    count: bool,
    page_size: Option<u32>,
    annotations: Option<String>,
}

/// The options that a query has and an expansion too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Options {
    select: Vec<String>,
    filter: Option<Filter>,
    order: Vec<String>,
    expand: Vec<Expand>,
    top: Option<u32>,
}

impl Options {
    fn written(&self, encoded: bool) -> Vec<String> {
        let value = |text: &str| if encoded { encode(text) } else { text.to_owned() };
        let mut all = Vec::new();
        if !self.select.is_empty() {
            all.push(format!("$select={}", value(&self.select.join(","))));
        }
        if let Some(filter) = &self.filter {
            all.push(format!("$filter={}", value(&filter.to_string())));
        }
        if !self.order.is_empty() {
            all.push(format!("$orderby={}", value(&self.order.join(","))));
        }
        if !self.expand.is_empty() {
            let expand: Vec<String> = self.expand.iter().map(ToString::to_string).collect();
            all.push(format!("$expand={}", value(&expand.join(","))));
        }
        if let Some(top) = self.top {
            all.push(format!("$top={top}"));
        }
        all
    }
}

macro_rules! options {
    () => {
        /// Only these columns: fewer are faster.
        #[must_use]
        pub fn select<T: Into<String>>(mut self, columns: impl IntoIterator<Item = T>) -> Self {
            self.options.select.extend(columns.into_iter().map(Into::into));
            self
        }

        /// Only rows for which this holds, and what was asked for before.
        #[must_use]
        pub fn filter(mut self, filter: Filter) -> Self {
            self.options.filter = Some(match self.options.filter.take() {
                Some(before) => before.and(filter),
                None => filter,
            });
            self
        }

        /// In this column's order; further columns order what is equal in it.
        #[must_use]
        pub fn order_by(mut self, column: impl Into<String>) -> Self {
            self.options.order.push(column.into());
            self
        }

        /// The same, the greatest first.
        #[must_use]
        pub fn order_by_descending(mut self, column: &str) -> Self {
            self.options.order.push(format!("{column} desc"));
            self
        }

        /// With the row, or rows, that a navigation property leads to.
        #[must_use]
        pub fn expand(mut self, expand: impl Into<Expand>) -> Self {
            self.options.expand.push(expand.into());
            self
        }

        /// At most so many rows, and no pages beyond them.
        #[must_use]
        pub fn top(mut self, rows: u32) -> Self {
            self.options.top = Some(rows);
            self
        }
    };
}

impl Query {
    fn at(path: String) -> Self {
        Self {
            path,
            options: Options::default(),
            parameters: Vec::new(),
            is_function: false,
            fetch_xml: None,
            count: false,
            page_size: None,
            annotations: None,
        }
    }

    /// The rows of an entity set.
    #[must_use]
    pub fn rows(set: &str) -> Self {
        Self::at(segment(set))
    }

    /// One row.
    #[must_use]
    pub fn row(set: &str, key: impl Into<Key>) -> Self {
        Self::at(RowRef::from((set, key.into())).to_string())
    }

    /// The rows that a collection-valued navigation property of one row holds.
    #[must_use]
    pub fn related(row: impl Into<RowRef>, property: &str) -> Self {
        Self::at(format!("{}/{}", row.into(), segment(property)))
    }

    /// A function bound to nothing: `RetrieveTotalRecordCount`.
    #[must_use]
    pub fn function(name: &str) -> Self {
        Self { is_function: true, ..Self::at(segment(name)) }
    }

    /// A function bound to a row, by its full name: `Microsoft.Dynamics.CRM.RetrieveUserPrivileges`.
    #[must_use]
    pub fn bound_function(row: impl Into<RowRef>, name: &str) -> Self {
        Self { is_function: true, ..Self::at(format!("{}/{}", row.into(), segment(name))) }
    }

    /// A function whose name was typed, bound or not.
    #[must_use]
    pub fn call(operation: &OperationPath) -> Self {
        Self { is_function: true, ..Self::at(operation.to_string()) }
    }

    /// Rows by FetchXML; the set must be that of the document's root entity
    /// ([`Dataverse::fetch`](super::Dataverse::fetch) asks the org for it). Its pages follow one another, but for a document that names its `page`: it is that alone.
    #[must_use]
    pub fn fetch_xml(set: &str, document: impl Into<String>) -> Self {
        Self { fetch_xml: Some(document.into()), ..Self::rows(set) }
    }

    options!();

    /// A function's parameter.
    ///
    /// ```
    /// use keyholder_client::dataverse::{Literal, Query};
    /// let names = Literal::json(&serde_json::json!(["account"]));
    /// let query = Query::function("RetrieveTotalRecordCount").parameter("EntityNames", names);
    /// assert_eq!(query.to_string(), "RetrieveTotalRecordCount(EntityNames=@p1)?@p1=%5B%22account%22%5D");
    /// ```
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<Literal>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// With the number of all rows in [`Page::count`](super::Page::count); the org counts to 5,000.
    #[must_use]
    pub fn with_count(mut self) -> Self {
        self.count = true;
        self
    }

    /// At most so many rows a page; the org's own limit is 5,000.
    #[must_use]
    pub fn page_size(mut self, rows: u32) -> Self {
        self.page_size = Some(rows);
        self
    }

    /// With every annotation: formatted values, the tables of lookups.
    #[must_use]
    pub fn annotated(self) -> Self {
        self.annotated_with("*")
    }

    /// With the annotations of this list: `OData.Community.Display.V1.FormattedValue`.
    #[must_use]
    pub fn annotated_with(mut self, list: &str) -> Self {
        self.annotations = Some(list.to_owned());
        self
    }

    /// The FetchXML document, if it is one's query.
    pub(super) fn document(&self) -> Option<&str> {
        self.fetch_xml.as_deref()
    }

    pub(super) fn with_document(&self, document: String) -> Self {
        Self { fetch_xml: Some(document), ..self.clone() }
    }

    /// The same path below its end, without options: for `/$count`.
    pub(super) fn count_of(&self) -> Self {
        let options = Options { filter: self.options.filter.clone(), ..Options::default() };
        Self { options, ..Self::at(format!("{}/$count", self.path)) }
    }

    /// What goes into the header `Prefer`; nothing when nothing does.
    pub(super) fn preferences(&self) -> Option<HeaderValue> {
        let size = self.page_size.map(|rows| format!("odata.maxpagesize={rows}"));
        // What tells of further pages is an annotation too.
        let paging = self.fetch_xml.is_some().then(|| format!("{COOKIE},{MORE}"));
        let list = match (&self.annotations, paging) {
            (Some(list), Some(paging)) if list != "*" => Some(format!("{list},{paging}")),
            (Some(list), _) => Some(list.clone()),
            (None, paging) => paging,
        };
        let annotations = list.map(|list| format!("odata.include-annotations=\"{list}\""));
        let all: Vec<String> = size.into_iter().chain(annotations).collect();
        if all.is_empty() { None } else { HeaderValue::from_str(&all.join(",")).ok() }
    }
}

/// As it stands behind the Web API's address, encoded.
impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        let mut all = self.options.written(true);
        if self.count {
            all.push("$count=true".to_owned());
        }
        if let Some(document) = &self.fetch_xml {
            all.push(format!("fetchXml={}", encode(document)));
        }
        if self.is_function {
            f.write_char('(')?;
            for (at, (name, value)) in self.parameters.iter().enumerate() {
                let (comma, alias) = (if at > 0 { "," } else { "" }, at + 1);
                write!(f, "{comma}{}=@p{alias}", segment(name))?;
                all.push(format!("@p{alias}={}", encode(&value.to_string())));
            }
            f.write_char(')')?;
        } else {
            all.extend(self.parameters.iter().map(|(name, value)| format!("{name}={}", encode(&value.to_string()))));
        }
        for (at, option) in all.iter().enumerate() {
            // A text may have options of its own.
            let sign = if at > 0 || self.path.contains('?') { '&' } else { '?' };
            write!(f, "{sign}{option}")?;
        }
        Ok(())
    }
}

impl From<&str> for Query {
    fn from(text: &str) -> Self {
        Self::at(text.trim().to_owned())
    }
}

impl From<String> for Query {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&String> for Query {
    fn from(text: &String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&Query> for Query {
    fn from(query: &Query) -> Self {
        query.clone()
    }
}

/// A navigation property whose rows are wanted too ("Join tables using OData").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expand {
    property: String,
    options: Options,
}

impl Expand {
    /// What this navigation property leads to, with all its columns.
    #[must_use]
    pub fn of(property: &str) -> Self {
        Self { property: property.to_owned(), options: Options::default() }
    }

    options!();
}

impl From<&str> for Expand {
    fn from(property: &str) -> Self {
        Self::of(property)
    }
}

impl fmt::Display for Expand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.property)?;
        let options = self.options.written(false);
        if options.is_empty() { Ok(()) } else { write!(f, "({})", options.join(";")) }
    }
}
