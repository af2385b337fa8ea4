//! Results page by page: memory holds one page, however long the result.

use std::collections::VecDeque;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use http::{HeaderValue, Response};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::fetch::{Paging, Told};
use super::{Dataverse, Query, Row, TextPage};
use crate::error::Error;
use crate::transport::origin_of;
use crate::wire::json;

/// Most pages of one result that are followed: 500 million rows of the org's usual 5,000 a page.
const MOST_PAGES: u32 = 100_000;
/// Most pages that are held in memory at once, in results that are known to be small.
const MOST_COLLECTED: u32 = 1_000;

/// One page of a query's result.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Row")]
pub struct Page {
    /// The page's rows, in the result's order.
    pub rows: Vec<Row>,
    /// How many rows there are in all, when `$count=true` asked for that; at most 5,000.
    pub count: Option<u64>,
    next_link: Option<String>,
    /// What a page of FetchXML tells of the next.
    told: Told,
}

impl Page {
    /// Whether the result ends with this page.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.next_link.is_none() && !self.told.has_more
    }

    pub(super) fn next_link(&self) -> Option<&str> {
        self.next_link.as_deref()
    }
}

/// A query may name one row, or one column of it; its answer is then the one object itself, and
/// only a collection has an array called `value`.
impl TryFrom<Row> for Page {
    type Error = serde_json::Error;

    fn try_from(mut answer: Row) -> Result<Self, Self::Error> {
        let Some(Value::Array(rows)) = answer.get_mut("value") else {
            return Ok(Self { rows: vec![answer], count: None, next_link: None, told: Told::default() });
        };
        // They are taken as they are: most of what a page costs is in its rows.
        let rows = std::mem::take(rows).into_iter().map(|row| match row {
            Value::Object(row) => Ok(row),
            _ => Err(serde_json::Error::custom("a row that is no object")),
        });
        let rows = rows.collect::<Result<_, _>>()?;
        let told = Told::take(&mut answer);
        let mut take = |name: &str| answer.remove(name).unwrap_or(Value::Null);
        Ok(Self {
            rows,
            count: serde_json::from_value(take("@odata.count"))?,
            next_link: serde_json::from_value(take("@odata.nextLink"))?,
            told,
        })
    }
}

/// Where a result goes on behind the pages that were fetched: what another process needs to read the rest of it
/// ([`Dataverse::query_from`]). It holds what the org says of the next page, which may name rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bookmark {
    /// The next page's address.
    next: String,
    /// How many pages of a FetchXML document there are before it.
    page: u32,
}

/// A query's pages, each fetched when it is asked for.
#[derive(Debug)]
pub struct Pages {
    org: Dataverse,
    /// The header `Prefer`, which has to go with each page.
    prefer: Option<HeaderValue>,
    /// The FetchXML document that the pages are asked for in.
    paging: Option<Paging>,
    /// The next page's address, or why there is none to ask.
    next: Option<Result<Url, Error>>,
    /// How many were fetched, and how many may be.
    fetched: u32,
    most: u32,
}

impl Pages {
    pub(super) fn new(org: Dataverse, first: Result<Url, Error>, query: &Query) -> Self {
        let (prefer, paging) = (query.preferences(), Paging::of(query));
        Self { org, prefer, paging, next: Some(first), fetched: 0, most: MOST_PAGES }
    }

    /// The pages behind a bookmark.
    pub(super) fn from(org: Dataverse, query: &Query, bookmark: &Bookmark) -> Self {
        let first = org.api.next_link(&bookmark.next);
        let mut pages = Self::new(org, first, query);
        pages.paging = pages.paging.map(|paging| paging.on_page(bookmark.page));
        pages
    }

    /// Where the result goes on; nothing where there is nothing more, or nothing that could be asked for.
    #[must_use]
    pub fn bookmark(&self) -> Option<Bookmark> {
        let Some(Ok(next)) = &self.next else { return None };
        Some(Bookmark { next: next.to_string(), page: self.paging.as_ref().map_or(0, Paging::page) })
    }

    /// Whether the last page has been given, and the result is whole.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.next.is_none()
    }

    /// The next page; nothing after the last. After an error, nothing either: the result is not
    /// whole.
    ///
    /// # Errors
    /// What the request came to, or [`Error::Protocol`] for a link that leaves the org or leads to its own
    /// page, and for more than 100,000 pages.
    pub async fn next(&mut self) -> Result<Option<Page>, Error> {
        let Some((url, answer)) = self.ask().await? else { return Ok(None) };
        let page: Page = json(&url, &answer)?;
        self.follow(&url, page.rows.len(), page.next_link.as_deref(), &page.told);
        Ok(Some(page))
    }

    /// The next page with its rows as the org wrote them: digit by digit, and without the memory that values take.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// let mut pages = org.query("contacts?$select=fullname");
    /// while let Some(page) = pages.next_text().await? {
    ///     for row in page.rows() {
    ///         assert!(row.starts_with('{'));
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Pages::next`].
    pub async fn next_text(&mut self) -> Result<Option<TextPage>, Error> {
        let Some((url, answer)) = self.ask().await? else { return Ok(None) };
        let page = TextPage::read(&url, &answer)?;
        self.follow(&url, page.len(), page.next_link.as_deref(), &page.told);
        Ok(Some(page))
    }

    /// Asks for the next page.
    async fn ask(&mut self) -> Result<Option<(Url, Response<Bytes>)>, Error> {
        let Some(url) = self.next.take() else { return Ok(None) };
        let url = url?;
        if self.fetched == self.most {
            return Err(self.endless(format!("a result of more than {} pages", self.most)));
        }
        self.fetched += 1;
        let answer = self.org.read(&url, self.prefer.clone()).await?;
        Ok(Some((url, answer)))
    }

    /// Takes note of where the result goes on behind the page at `url`.
    fn follow(&mut self, url: &Url, rows: usize, next_link: Option<&str>, told: &Told) {
        self.org.api.http.counters().read(rows);
        self.next = next_link.map(|link| match self.org.api.next_link(link) {
            Ok(next) if next == *url => Err(self.endless("a page that names itself as the next one".to_owned())),
            next => next,
        });
        if let (None, Some(paging)) = (&self.next, &mut self.paging) {
            self.next = paging.next(told).map(|query| self.org.resolve(&query));
        }
    }

    fn endless(&self, found: String) -> Error {
        Error::Protocol { origin: origin_of(&self.org.api.root), found }
    }

    /// All rows, as a stream.
    pub fn rows(self) -> impl Stream<Item = Result<Row, Error>> {
        futures::stream::try_unfold((self, VecDeque::new()), |(mut pages, mut rows)| async move {
            loop {
                if let Some(row) = rows.pop_front() {
                    return Ok(Some((row, (pages, rows))));
                }
                match pages.next().await? {
                    Some(page) => rows = page.rows.into(),
                    None => return Ok(None),
                }
            }
        })
    }

    /// All rows as a type of the caller's own, as a stream.
    pub fn rows_as<T: DeserializeOwned>(self) -> impl Stream<Item = Result<T, Error>> {
        let origin = origin_of(&self.org.api.root);
        self.rows().map(move |row| typed(row?, &origin))
    }

    /// All rows at once, for results known to be small.
    ///
    /// # Errors
    /// The first page's that fails, or [`Error::Protocol`] for more than 1,000 pages.
    pub async fn collect(mut self) -> Result<Vec<Row>, Error> {
        self.most = self.most.min(MOST_COLLECTED);
        let mut rows = Vec::new();
        while let Some(page) = self.next().await? {
            rows.extend(page.rows);
        }
        Ok(rows)
    }

    /// All rows at once as a type of the caller's own, for results known to be small.
    ///
    /// # Errors
    /// The first page's that fails, or [`Error::Protocol`] for a row that is not of that type.
    pub async fn collect_as<T: DeserializeOwned>(self) -> Result<Vec<T>, Error> {
        let origin = origin_of(&self.org.api.root);
        self.collect().await?.into_iter().map(|row| typed(row, &origin)).collect()
    }
}

fn typed<T: DeserializeOwned>(row: Row, origin: &str) -> Result<T, Error> {
    // serde's message repeats values; rows are the org's business.
    serde_json::from_value(Value::Object(row)).map_err(|_| Error::Protocol {
        origin: origin.to_owned(),
        found: "a row without a column that was asked for".to_owned(),
    })
}
