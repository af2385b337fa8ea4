//! Results page by page: memory holds one page, however long the result.

use std::collections::VecDeque;

use futures::Stream;
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::{Row, headers};
use crate::api::Api;
use crate::error::Error;
use crate::transport::origin_of;

/// One page of a query's result.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Row")]
pub struct Page {
    /// The page's rows, in the result's order.
    pub rows: Vec<Row>,
    /// How many rows there are in all, when `$count=true` asked for that; at most 5,000.
    pub count: Option<u64>,
    next_link: Option<String>,
}

/// A query may name one row, or one column of it; its answer is then the one object itself, and
/// only a collection has an array called `value`.
impl TryFrom<Row> for Page {
    type Error = serde_json::Error;

    fn try_from(mut answer: Row) -> Result<Self, Self::Error> {
        if !answer.get("value").is_some_and(Value::is_array) {
            return Ok(Self { rows: vec![answer], count: None, next_link: None });
        }
        let mut take = |name: &str| answer.remove(name).unwrap_or(Value::Null);
        Ok(Self {
            rows: serde_json::from_value(take("value"))?,
            count: serde_json::from_value(take("@odata.count"))?,
            next_link: serde_json::from_value(take("@odata.nextLink"))?,
        })
    }
}

/// A query's pages, each fetched when it is asked for.
#[derive(Debug)]
pub struct Pages {
    api: Api,
    /// The next page's address, or why there is none to ask.
    next: Option<Result<Url, Error>>,
    page_size: Option<u32>,
}

impl Pages {
    pub(super) fn new(api: Api, first: Result<Url, Error>) -> Self {
        Self { api, next: Some(first), page_size: None }
    }

    /// Asks for at most `rows` rows a page; the org's own limit is 5,000.
    #[must_use]
    pub fn page_size(mut self, rows: u32) -> Self {
        self.page_size = Some(rows);
        self
    }

    /// The next page; nothing after the last. After an error, nothing either: the result is not
    /// whole.
    ///
    /// # Errors
    /// What the request came to, or [`Error::Protocol`] for a link that leaves the org.
    pub async fn next(&mut self) -> Result<Option<Page>, Error> {
        let Some(url) = self.next.take() else { return Ok(None) };
        let url = url?;
        // The same preference has to go with each page.
        let prefer = match self.page_size {
            None => None,
            Some(rows) => HeaderValue::from_str(&format!("odata.maxpagesize={rows}")).ok(),
        };
        let prefer = prefer.map(|value| (HeaderName::from_static("prefer"), value));
        let page: Page = self.api.get(&url, &headers(prefer)).await?;
        self.next = page.next_link.as_deref().map(|link| self.api.next_link(link));
        Ok(Some(page))
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

    /// All rows at once, for results known to be small.
    ///
    /// # Errors
    /// The first page's that fails.
    pub async fn collect(mut self) -> Result<Vec<Row>, Error> {
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
        let origin = origin_of(&self.api.root);
        let rows = self.collect().await?;
        let typed = rows.into_iter().map(|row| serde_json::from_value(Value::Object(row))).collect::<Result<_, _>>();
        // serde's message repeats values; rows are the org's business.
        typed.map_err(|_| Error::Protocol { origin, found: "a row without a column that was asked for".to_owned() })
    }
}
