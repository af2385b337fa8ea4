//! `$batch`: many requests in one ("Execute batch operations using the Web API").
//!
//! The service counts a batch as one request and carries its parts out one after another. Changes that belong
//! together go into a [`ChangeSet`]: all of them are done, or none.

mod answer;
mod settle;

use std::io::Write;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response};
use url::{Position, Url};

use super::change::{Change, Done, Repeat};
use super::key::RowRef;
use super::{Dataverse, Page, Query};
use crate::api::Call;
use crate::error::{ConfigurationError, Error};

/// The most requests that the service takes in one batch.
pub const MOST_REQUESTS: usize = 1_000;
/// The longest addresses that the service takes, in characters: of a GET, and in a batch ("Query data using the Web
/// API").
const LONGEST_ADDRESS: usize = 32_768;
const LONGEST_ADDRESS_IN_BATCH: usize = 65_536;
/// JSON on one line, addresses and headers hold no line end, so nothing in a part can look like these.
const BOUNDARY: &str = "batch_keyholder";
const CHANGES: &str = "changeset_keyholder";
const KIND: &str = "multipart/mixed; boundary=\"batch_keyholder\"";

/// Requests that are sent together, in order.
///
/// ```
/// use keyholder_client::dataverse::{Batch, Change, ChangeSet, Query};
/// use serde_json::json;
/// let mut together = ChangeSet::new();
/// let account = together.push(Change::create("accounts", &json!({ "name": "Contoso" })));
/// let contact = json!({ "lastname": "Ng", "parentcustomerid_account@odata.bind": account.bind() });
/// together.push(Change::create("contacts", &contact));
/// let mut batch = Batch::new();
/// batch.change_set(together);
/// batch.read(Query::rows("contacts").select(["fullname"]).top(3));
/// assert_eq!(batch.len(), 3);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Batch {
    parts: Vec<Part>,
    /// How many change sets there are before: Content-IDs are unique in the batch.
    requests: usize,
    continue_on_error: bool,
}

#[derive(Debug, Clone)]
enum Part {
    Read(Query),
    Change(Change),
    ChangeSet(ChangeSet),
}

/// Changes that are done together or not at all.
#[derive(Debug, Clone, Default)]
pub struct ChangeSet {
    changes: Vec<Change>,
}

impl ChangeSet {
    /// Without changes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a change. What it makes can be named in those that follow, by what this gives: in
    /// [`RowRef::bind`], or as the row that another change is about.
    pub fn push(&mut self, change: Change) -> RowRef {
        self.changes.push(change);
        RowRef::content_id(self.changes.len())
    }

    /// How many changes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// What became of one part of a batch.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Outcome {
    /// What a read found: one page, or the one row.
    Read(Page),
    /// What became of a change.
    Changed(Done),
    /// What became of the changes of a change set, in their order.
    ChangedTogether(Vec<Done>),
    /// The part was refused; of a change set nothing was done.
    Refused(Error),
    /// The batch ended at a part before this one.
    NotRun,
}

impl Outcome {
    /// The error, when it is one.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }
}

impl Batch {
    /// Without requests.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a read; its answer is the first page.
    pub fn read(&mut self, query: impl Into<Query>) {
        self.requests += 1;
        self.parts.push(Part::Read(query.into()));
    }

    /// Adds a change that stands for itself.
    pub fn change(&mut self, change: Change) {
        self.requests += 1;
        self.parts.push(Part::Change(change));
    }

    /// Adds changes that are done together or not at all. One without changes is left out.
    pub fn change_set(&mut self, set: ChangeSet) {
        if !set.is_empty() {
            self.requests += set.len();
            self.parts.push(Part::ChangeSet(set));
        }
    }

    /// A part that is refused does not end the batch: all parts are tried.
    #[must_use]
    pub fn continue_on_error(mut self) -> Self {
        self.continue_on_error = true;
        self
    }

    /// How many requests there are, those of change sets included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.requests
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    fn body(&self, org: &Dataverse) -> Result<Bytes, Error> {
        if self.requests > MOST_REQUESTS {
            return Err(ConfigurationError::Invalid {
                what: "the batch",
                problem: format!("has more than {MOST_REQUESTS} requests"),
                origin: format!("{} requests", self.requests),
            }
            .into());
        }
        let mut text = Vec::with_capacity(512 * self.requests);
        let mut addresses = Addresses { root: &org.api.root, last: None };
        for part in &self.parts {
            line(&mut text, &["--", BOUNDARY]);
            match part {
                Part::Read(query) => read(&mut text, &org.resolve(query)?, query.preferences())?,
                Part::Change(change) => self::change(&mut text, None, &mut addresses, change)?,
                Part::ChangeSet(set) => {
                    line(&mut text, &["Content-Type: multipart/mixed; boundary=\"", CHANGES, "\""]);
                    line(&mut text, &[]);
                    for (at, change) in set.changes.iter().enumerate() {
                        line(&mut text, &["--", CHANGES]);
                        self::change(&mut text, Some(at + 1), &mut addresses, change)?;
                    }
                    line(&mut text, &["--", CHANGES, "--"]);
                }
            }
        }
        line(&mut text, &["--", BOUNDARY, "--"]);
        Ok(text.into())
    }
}

fn line(text: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        text.extend_from_slice(part.as_bytes());
    }
    text.extend_from_slice(b"\r\n");
}

fn read(text: &mut Vec<u8>, url: &Url, prefer: Option<HeaderValue>) -> Result<(), Error> {
    if url.as_str().len() > LONGEST_ADDRESS_IN_BATCH {
        return Err(ConfigurationError::Invalid {
            what: "the query",
            problem: format!(
                "has {} characters as an address; the service takes {LONGEST_ADDRESS_IN_BATCH}, and in a batch alone",
                url.as_str().len()
            ),
            origin: url.path().to_owned(),
        }
        .into());
    }
    let accept = (http::header::ACCEPT, HeaderValue::from_static("application/json"));
    let prefer = prefer.map(|value| (HeaderName::from_static("prefer"), value));
    let headers: Vec<_> = std::iter::once(accept).chain(prefer).collect();
    request(text, None, &Method::GET, &url[Position::BeforePath..], &headers, None);
    Ok(())
}

fn change<'a>(
    text: &mut Vec<u8>,
    content_id: Option<usize>,
    addresses: &mut Addresses<'a>,
    change: &'a Change,
) -> Result<(), Error> {
    let body = change.body(addresses.root)?;
    request(text, content_id, &change.method, addresses.of(change), &change.headers, body.as_ref());
    Ok(())
}

/// The addresses of changes, as they stand in a batch. Rows that are made in one table have one address, which is put
/// together once.
struct Addresses<'a> {
    root: &'a Url,
    last: Option<(&'a str, Url)>,
}

impl<'a> Addresses<'a> {
    fn of(&mut self, change: &'a Change) -> &str {
        let path = change.path.as_str();
        if path.starts_with('$') {
            return path;
        }
        let last = self.last.take().filter(|(last, _)| *last == path);
        let (_, url) = self.last.insert(last.unwrap_or_else(|| (path, change_url(self.root, path))));
        &url[Position::BeforePath..]
    }
}

/// The address of a change's path.
pub(super) fn change_url(root: &Url, path: &str) -> Url {
    let mut url = root.clone();
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    url.set_path(&format!("{}{path}", root.path()));
    url.set_query(query);
    url
}

fn request(
    text: &mut Vec<u8>,
    content_id: Option<usize>,
    method: &Method,
    url: &str,
    headers: &[(HeaderName, HeaderValue)],
    body: Option<&Bytes>,
) {
    line(text, &["Content-Type: application/http"]);
    line(text, &["Content-Transfer-Encoding: binary"]);
    if let Some(number) = content_id {
        // Writing to memory does not fail.
        let _ = write!(text, "Content-ID: {number}\r\n");
    }
    line(text, &[]);
    line(text, &[method.as_str(), " ", url, " HTTP/1.1"]);
    for (name, value) in headers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.extend_from_slice(b": ");
        text.extend_from_slice(value.as_bytes());
        line(text, &[]);
    }
    if body.is_some() {
        line(text, &["Content-Type: application/json; type=entry"]);
    }
    line(text, &[]);
    if let Some(body) = body {
        text.extend_from_slice(body);
    }
    line(text, &[]);
}

impl Dataverse {
    /// Sends a batch; gives what became of each part, in their order. The parts' refusals are among the outcomes.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::dataverse::{Batch, Change, Outcome};
    /// let mut batch = Batch::new().continue_on_error();
    /// for number in 0..100 {
    ///     batch.change(Change::create("contacts", &serde_json::json!({ "lastname": format!("Contact {number}") })));
    /// }
    /// let refused = org.batch(&batch).await?.iter().filter(|outcome| outcome.error().is_some()).count();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConfigurationError::Invalid`] for more than 1,000 requests or a change that cannot be sent;
    /// [`Error::Protocol`] for an answer that is none to this batch; what the request as a whole came to.
    pub async fn batch(&self, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let url = self.api.url("$batch", None);
        let mut all = self.headers(Some((http::header::CONTENT_TYPE, HeaderValue::from_static(KIND))));
        if batch.continue_on_error {
            let value = HeaderValue::from_static("odata.continue-on-error");
            all.push((HeaderName::from_static("prefer"), value));
        }
        let body = Some(batch.body(self)?);
        let call = Call { method: Method::POST, url: &url, headers: &all, body };
        let answer = self.api.exchange(&call).await?;
        match answer::boundary(&answer) {
            Some(boundary) => answer::outcomes(self, batch, &url, &boundary, answer.body()),
            None if answer.status().is_success() => Err(answer::unreadable(&url, "no multipart answer")),
            None => Err(self.api.refused(&Method::POST, &url, &answer)),
        }
    }

    /// The answer to a GET, which goes into a batch of its own where its address is too long for one.
    pub(super) async fn read(&self, url: &Url, prefer: Option<HeaderValue>) -> Result<Response<Bytes>, Error> {
        if url.as_str().len() <= LONGEST_ADDRESS {
            let headers = self.headers(prefer.map(|value| (HeaderName::from_static("prefer"), value)));
            return self.api.call(Call { method: Method::GET, url, headers: &headers, body: None }).await;
        }
        let mut text = Vec::with_capacity(url.as_str().len() + 512);
        line(&mut text, &["--", BOUNDARY]);
        read(&mut text, url, prefer)?;
        line(&mut text, &["--", BOUNDARY, "--"]);
        let batch = self.api.url("$batch", None);
        let headers = self.headers(Some((http::header::CONTENT_TYPE, HeaderValue::from_static(KIND))));
        let call = Call { method: Method::POST, url: &batch, headers: &headers, body: Some(text.into()) };
        let answer = self.api.exchange_as(&Method::GET, &call).await?;
        let answer = match answer::boundary(&answer) {
            Some(boundary) => answer::only(&batch, &boundary, answer.body())?,
            None if answer.status().is_success() => return Err(answer::unreadable(&batch, "no multipart answer")),
            None => return Err(self.api.refused(&Method::POST, &batch, &answer)),
        };
        if answer.status().is_success() { Ok(answer) } else { Err(self.api.refused(&Method::GET, url, &answer)) }
    }
}

#[cfg(test)]
mod tests;
