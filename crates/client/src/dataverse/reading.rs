//! Reads: pages, rows, functions, counts.

use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;

use super::{Bookmark, Dataverse, Page, Pages, Query, Row};
use crate::api::Call;
use crate::error::Error;
use crate::transport::origin_of;
use crate::wire::{json, looks_like};

impl Dataverse {
    /// Reads rows, page by page.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// use futures::TryStreamExt;
    /// use keyholder_client::dataverse::{Filter, Query};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Contact {
    ///     fullname: String,
    /// }
    /// let query = Query::rows("contacts").select(["fullname"]).filter(Filter::eq("lastname", "O'Brien"));
    /// let mut contacts = std::pin::pin!(org.query(query).rows_as::<Contact>());
    /// while let Some(contact) = contacts.try_next().await? {
    ///     assert!(contact.fullname.ends_with("O'Brien"));
    /// }
    /// let three = org.query("contacts?$select=fullname&$top=3").collect().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn query(&self, query: impl Into<Query>) -> Pages {
        let query = query.into();
        Pages::new(self.clone(), self.resolve(&query), &query)
    }

    /// The rest of a result of which pages were read before, by this process or another: the query is the same, and so is
    /// who asks.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), Box<dyn std::error::Error>> {
    /// let query = "contacts?$select=fullname";
    /// let mut pages = org.query(query);
    /// pages.next().await?;
    /// if let Some(bookmark) = pages.bookmark() {
    ///     let kept = serde_json::to_string(&bookmark)?;
    ///     let mut rest = org.query_from(query, &serde_json::from_str(&kept)?);
    ///     rest.next().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn query_from(&self, query: impl Into<Query>, bookmark: &Bookmark) -> Pages {
        Pages::from(self.clone(), &query.into(), bookmark)
    }

    /// The pages behind one that a batch read; nothing when it was the last.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// use futures::TryStreamExt;
    /// use keyholder_client::dataverse::{Batch, Outcome, Query};
    ///
    /// let query = Query::rows("contacts").select(["fullname"]);
    /// let mut batch = Batch::new();
    /// batch.read(&query);
    /// if let Some(Outcome::Read(first)) = org.batch(&batch).await?.first()
    ///     && let Some(more) = org.pages_after(first, &query)
    /// {
    ///     let others: Vec<_> = more.rows().try_collect().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn pages_after(&self, page: &Page, query: &Query) -> Option<Pages> {
        let next = page.next_link()?;
        Some(Pages::new(self.clone(), self.api.next_link(next), query))
    }

    /// One JSON object: a row or a function's result.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::dataverse::{Key, Query};
    /// let key = Key::alternate("emailaddress1", "ng@contoso.example");
    /// let row = org.get(Query::row("contacts", key).select(["fullname"])).await?;
    /// let version = org.get(Query::function("RetrieveVersion")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Dataverse`] with 404 when there is no such row, and what the request came to.
    pub async fn get(&self, query: impl Into<Query>) -> Result<Row, Error> {
        self.get_as(query).await
    }

    /// The same as a type of the caller's own.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse, id: uuid::Uuid) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::dataverse::Query;
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Contact {
    ///     fullname: String,
    /// }
    /// let contact: Contact = org.get_as(Query::row("contacts", id).select(["fullname"])).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Dataverse::get`], and [`Error::Protocol`] for an answer that is not of that type.
    pub async fn get_as<T: DeserializeOwned>(&self, query: impl Into<Query>) -> Result<T, Error> {
        let query = query.into();
        let url = self.resolve(&query)?;
        json(&url, &self.read(&url, query.preferences()).await?)
    }

    /// One row, or nothing where there is none.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::dataverse::{Key, Query};
    ///
    /// let key = Key::alternate("accountnumber", "A-17");
    /// if org.find(Query::row("accounts", key).select(["name"])).await?.is_none() {
    ///     println!("there is no such account");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the request came to.
    pub async fn find(&self, query: impl Into<Query>) -> Result<Option<Row>, Error> {
        match self.get(query).await {
            Ok(row) => Ok(Some(row)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// One row, unless it is still as it was when it had this ETag.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse, id: uuid::Uuid) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::dataverse::{Query, etag};
    ///
    /// let query = Query::row("contacts", id).select(["fullname"]);
    /// let row = org.get(&query).await?;
    /// if let Some(newer) = org.get_if_changed(&query, etag(&row).unwrap_or_default()).await? {
    ///     println!("it is called {} now", newer["fullname"]);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Dataverse::get`].
    pub async fn get_if_changed(&self, query: impl Into<Query>, etag: &str) -> Result<Option<Row>, Error> {
        let query = query.into();
        let url = self.resolve(&query)?;
        // One that no header may hold is none that the org gave.
        let known = HeaderValue::from_str(etag).ok().map(|value| (http::header::IF_NONE_MATCH, value));
        let prefer = query.preferences().map(|value| (HeaderName::from_static("prefer"), value));
        let headers = self.headers(known.into_iter().chain(prefer));
        let answer = self.api.exchange(&Call { method: Method::GET, url: &url, headers: &headers, body: None }).await?;
        match answer.status() {
            StatusCode::NOT_MODIFIED => Ok(None),
            status if status.is_success() => json(&url, &answer).map(Some),
            _ => Err(self.api.refused(&Method::GET, &url, &answer)),
        }
    }

    /// How many rows there are; the org counts to 5,000.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::dataverse::{Filter, Query};
    /// let without = org.count(&Query::rows("contacts").filter(Filter::is_null("emailaddress1"))).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the request came to.
    pub async fn count(&self, query: &Query) -> Result<u64, Error> {
        let url = self.resolve(&query.count_of())?;
        // The service takes no `Accept: application/json` here.
        let plain = (http::header::ACCEPT, HeaderValue::from_static("*/*"));
        let headers = self.headers([plain]);
        let answer = self.api.call(Call { method: Method::GET, url: &url, headers: &headers, body: None }).await?;
        let text = std::str::from_utf8(answer.body()).unwrap_or_default();
        text.trim_start_matches('\u{feff}').trim().parse().map_err(|_| Error::Protocol {
            origin: origin_of(&url),
            found: format!("{}, and no number", looks_like(&answer)),
        })
    }
}
