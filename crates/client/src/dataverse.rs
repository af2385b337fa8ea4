//! The org's Web API: rows in and out, as JSON.
//!
//! Follows "Use the Microsoft Dataverse Web API" (OData 4.0). Rows are JSON objects as the org
//! sends them; typed rows and change sets come on top of the same calls.

mod filter;
mod pages;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response};
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use crate::api::{Api, Call};
use crate::authority::{Discovered, discover};
use crate::connection::Connection;
use crate::error::{ConfigurationError, DataverseRefusal, Error};
use crate::token::Tokens;
use crate::transport::origin_of;
use crate::wire::{Http, json, looks_like};

pub use filter::{encode, quote};
pub use pages::{Page, Pages};

/// One row, by column; lookups as `_name_value`.
pub type Row = serde_json::Map<String, Value>;

/// Who the org takes the caller for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct WhoAmI {
    /// The caller's `systemuser` row.
    pub user_id: Uuid,
    /// The business unit of that user.
    pub business_unit_id: Uuid,
    /// The org.
    pub organization_id: Uuid,
}

/// An org, signed in to. Cheap to clone; clones share tokens and connections.
#[derive(Debug, Clone)]
pub struct Dataverse {
    api: Api,
}

impl Dataverse {
    /// Finds the org's authority and prepares to sign in with the connection's credential.
    /// The token itself is got with the first request.
    ///
    /// # Errors
    /// As [`discover`] and [`Connection::credential`].
    pub async fn connect(connection: &Connection, http: Http) -> Result<Self, Error> {
        // What is wrong on this machine is told before anybody is asked.
        let credential = connection.credential()?;
        let found = discover(connection, &http).await?;
        let tokens = Tokens::new(credential, found.authority.clone(), http.clone());
        Ok(Self::new(connection, &found, tokens, http))
    }

    /// The org of `connection` with tokens of any credential.
    #[must_use]
    pub fn new(connection: &Connection, found: &Discovered, tokens: Arc<Tokens>, http: Http) -> Self {
        Self { api: Api { root: connection.url.web_api(""), scope: found.scope(), tokens, http, refusal } }
    }

    /// The same org with other tokens: as somebody else.
    #[must_use]
    pub fn with_tokens(&self, tokens: Arc<Tokens>) -> Self {
        Self { api: Api { tokens, ..self.api.clone() } }
    }

    /// The tokens that requests are sent with.
    #[must_use]
    pub fn tokens(&self) -> &Arc<Tokens> {
        &self.api.tokens
    }

    /// What tokens are asked for.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.api.scope
    }

    /// Who the org takes the caller for.
    ///
    /// # Errors
    /// What signing in and asking came to.
    pub async fn who_am_i(&self) -> Result<WhoAmI, Error> {
        self.api.get(&self.api.url("WhoAmI", None), &headers(None)).await
    }

    /// Reads rows: `contacts?$select=fullname&$top=3`, as it would stand behind the Web API's
    /// address (or with that address). Blanks and quotes may be as typed; in values, encode `&`,
    /// `#`, `+` and `%` with [`encode`].
    #[must_use]
    pub fn query(&self, text: &str) -> Pages {
        Pages::new(self.api.clone(), self.resolve(text))
    }

    /// One JSON object: a row (`contacts(<id>)?$select=...`) or a function's result.
    ///
    /// # Errors
    /// [`Error::Dataverse`] with 404 when there is no such row, and what the request came to.
    pub async fn get(&self, text: &str) -> Result<Row, Error> {
        self.api.get(&self.resolve(text)?, &headers(None)).await
    }

    /// Creates a row in the entity set and gives its id.
    ///
    /// # Errors
    /// What the request came to. After a lost connection the row may exist: give it an id of
    /// your own choosing and look.
    pub async fn create(&self, set: &str, row: &Value) -> Result<Uuid, Error> {
        let url = self.api.url(set, None);
        let answer = self.api.write(Method::POST, &url, &headers(None), row).await?;
        let id = answer.headers().get("odata-entityid").and_then(|value| id_in(value.to_str().ok()?));
        id.ok_or_else(|| Error::Protocol {
            origin: origin_of(&url),
            found: format!("{} without the new row's id", looks_like(&answer)),
        })
    }

    /// Changes columns of a row that exists: an update never creates.
    ///
    /// # Errors
    /// [`Error::Dataverse`] with 404 when there is no such row, and what the request came to.
    pub async fn update(&self, set: &str, id: Uuid, changes: &Value) -> Result<(), Error> {
        let existing = (http::header::IF_MATCH, HeaderValue::from_static("*"));
        let url = self.api.url(&format!("{set}({id})"), None);
        self.api.write(Method::PATCH, &url, &headers(Some(existing)), changes).await.map(drop)
    }

    /// Deletes a row.
    ///
    /// # Errors
    /// [`Error::Dataverse`] with 404 when there is no such row ([`Error::is_missing`]), and what
    /// the request came to.
    pub async fn delete(&self, set: &str, id: Uuid) -> Result<(), Error> {
        self.api.delete(&self.api.url(&format!("{set}({id})"), None)).await
    }

    /// Ties two rows together over a collection-valued navigation property.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn associate(&self, row: (&str, Uuid), property: &str, other: (&str, Uuid)) -> Result<(), Error> {
        let ((set, id), (other_set, other_id)) = (row, other);
        let target = self.api.url(&format!("{other_set}({other_id})"), None);
        let url = self.api.url(&format!("{set}({id})/{property}/$ref"), None);
        let body = serde_json::json!({ "@odata.id": target.as_str() });
        self.api.write(Method::POST, &url, &headers(None), &body).await.map(drop)
    }

    /// Unties two rows.
    ///
    /// # Errors
    /// What the request came to; 404 when they were not tied.
    pub async fn disassociate(&self, row: (&str, Uuid), property: &str, other: Uuid) -> Result<(), Error> {
        let (set, id) = row;
        self.api.delete(&self.api.url(&format!("{set}({id})/{property}({other})/$ref"), None)).await
    }

    /// Calls an action, `roles(<id>)/Microsoft.Dynamics.CRM.AddPrivilegesRole`; its result, when
    /// it has one.
    ///
    /// # Errors
    /// What the request came to.
    pub async fn action(&self, path: &str, parameters: &Value) -> Result<Option<Row>, Error> {
        let url = self.api.url(path, None);
        let answer = self.api.write(Method::POST, &url, &headers(None), parameters).await?;
        if answer.body().is_empty() { Ok(None) } else { json(&url, &answer).map(Some) }
    }

    /// Sends any request below the Web API and gives the answer as it came.
    ///
    /// # Errors
    /// What the request came to; an answer that is a refusal is one.
    pub async fn send(&self, method: Method, text: &str, body: Option<Bytes>) -> Result<Response<Bytes>, Error> {
        let url = self.resolve(text)?;
        self.api.call(Call { method, url: &url, headers: &headers(None), body }).await
    }

    /// The URL of what a person typed; never anything but the org's Web API.
    fn resolve(&self, text: &str) -> Result<Url, Error> {
        let invalid = |problem: &str| {
            Error::from(ConfigurationError::Invalid {
                what: "the query",
                problem: problem.to_owned(),
                origin: crate::error::refusal::cut(text),
            })
        };
        let text = text.trim();
        if let Some((scheme, _)) = text.split_once("://")
            && !scheme.contains(['?', '/'])
        {
            let url = Url::parse(text).map_err(|_| invalid("is not an address"))?;
            let within = url.origin() == self.api.root.origin() && url.path().starts_with("/api/data/");
            return within.then_some(url).ok_or_else(|| invalid("leads elsewhere than to the org's Web API"));
        }
        let (path, query) = text.split_once('?').map_or((text, None), |(path, query)| (path, Some(query)));
        let mut url = self.api.root.clone();
        match path.strip_prefix('/') {
            Some(rooted) if rooted.starts_with("api/data/") => url.set_path(path),
            _ => url.set_path(&format!("{}{}", url.path(), path.trim_start_matches('/'))),
        }
        url.set_query(query);
        // `..` has been resolved by now.
        if !url.path().starts_with("/api/data/") {
            return Err(invalid("leads elsewhere than to the org's Web API"));
        }
        Ok(url)
    }
}

/// The headers that Microsoft's own samples send with each request. `If-None-Match: null` keeps
/// caches from answering.
fn headers(one_more: Option<(HeaderName, HeaderValue)>) -> Vec<(HeaderName, HeaderValue)> {
    let version = HeaderValue::from_static("4.0");
    let mut headers = vec![
        (HeaderName::from_static("odata-maxversion"), version.clone()),
        (HeaderName::from_static("odata-version"), version),
        (http::header::IF_NONE_MATCH, HeaderValue::from_static("null")),
    ];
    headers.extend(one_more);
    headers
}

fn refusal(what: &str, answer: &Response<Bytes>) -> Option<Error> {
    let read = DataverseRefusal::read(what, answer).or_else(|| {
        // A rejected token is answered with the challenge alone.
        let rejected = answer.status() == http::StatusCode::UNAUTHORIZED;
        rejected.then(|| DataverseRefusal {
            request: what.to_owned(),
            status: 401,
            code: String::new(),
            message: "the org does not accept the token".to_owned(),
            request_id: None,
            retry_after: None,
            missing_privilege: None,
        })
    });
    read.map(|refusal| Error::Dataverse(Box::new(refusal)))
}

/// The id in `https://org/api/data/v9.2/contacts(<id>)`.
fn id_in(entity_id: &str) -> Option<Uuid> {
    let (_, behind) = entity_id.rsplit_once('(')?;
    Uuid::parse_str(behind.strip_suffix(')')?).ok()
}

#[cfg(test)]
mod tests;
