//! The org's Web API: rows in and out, as JSON.
//!
//! Follows "Use the Microsoft Dataverse Web API" (OData 4.0).
//!
//! - [`Query`]: what is read, put together or as typed; rows come as [`Row`]s or as the caller's own types,
//!   one by one or in [`Pages`];
//! - [`Change`]: one row made, changed, tied or removed, or an action called; [`Dataverse::settle`] carries it out
//!   once even when an answer is lost;
//! - [`Batch`] and [`ChangeSet`]: many requests in one;
//! - [`Targets`]: many rows of one table in one request (`CreateMultiple` and its like);
//! - [`Dataverse::table`]: what the org says of a table;
//! - [`Dataverse::impersonating`]: all of this in the name of another user.

mod annotations;
mod batch;
mod change;
mod fetch;
mod fetch_columns;
mod filter;
mod key;
mod multiple;
mod pages;
mod query;
mod reading;
mod settle;
mod table;
mod text;
mod text_page;
mod typed;
mod writing;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Response};
use keyholder_limits::Told;
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use crate::api::{Api, Call};
use crate::authority::{Discovered, discover};
use crate::connection::Connection;
use crate::error::{ConfigurationError, DataverseRefusal, Error};
use crate::pacing::{Pool, told};
use crate::token::Tokens;
use crate::wire::Http;

pub use annotations::{annotation, etag, formatted_value, lookup_table};
pub use batch::{Batch, ChangeSet, MOST_REQUESTS, Outcome};
pub use change::{Change, Done};
pub(crate) use change::{Repeat, push_members};
pub use filter::Filter;
pub use key::{Key, Literal, RowRef};
pub use multiple::Targets;
pub use pages::{Bookmark, Page, Pages};
pub use query::{Expand, Query};
pub use table::{AlternateKey, Choice, Column, Lookup, TableInfo};
pub use text::{encode, quote};
pub(crate) use text::{push_segment, segment};
pub use text_page::TextPage;
pub use typed::{InvalidAddress, OperationPath};

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

/// In whose name requests are made ("Impersonate another user using the Web API"). The caller needs the privilege
/// `prvActOnBehalfOfAnotherUser`, and what both of them may is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Impersonated {
    /// The user with this object id in the directory (`CallerObjectId`).
    ObjectId(Uuid),
    /// The user with this `systemuserid` (`MSCRMCallerID`).
    SystemUser(Uuid),
}

/// An org, signed in to. Cheap to clone; clones share tokens and connections.
#[derive(Debug, Clone)]
pub struct Dataverse {
    api: Api,
    impersonated: Option<Impersonated>,
}

impl Dataverse {
    /// Finds the org's authority and prepares to sign in with the connection's credential.
    /// The token itself is got with the first request.
    ///
    /// ```no_run
    /// # async fn example(connection: keyholder_client::Connection) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::{Dataverse, Http, NetworkOptions};
    ///
    /// let http = Http::over_network(NetworkOptions { ca_file: connection.ca_file.clone(), ..Default::default() })?;
    /// let org = Dataverse::connect(&connection, http).await?;
    /// # Ok(())
    /// # }
    /// ```
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
    ///
    /// ```no_run
    /// # async fn example(
    /// #     connection: keyholder_client::Connection, http: keyholder_client::Http,
    /// # ) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::{AzureCli, Dataverse, Tokens, authority};
    ///
    /// let found = authority::discover(&connection, &http).await?;
    /// let tokens = Tokens::new(std::sync::Arc::new(AzureCli::new()), found.authority.clone(), http.clone());
    /// let org = Dataverse::new(&connection, &found, tokens, http);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn new(connection: &Connection, found: &Discovered, tokens: Arc<Tokens>, http: Http) -> Self {
        let root = connection.url.web_api("");
        let api = Api { root, scope: found.scope(), tokens, http, pool: None, refusal };
        Self { api, impersonated: None }
    }

    /// The same org with other tokens: as somebody else.
    ///
    /// ```no_run
    /// # use std::sync::Arc;
    /// # use keyholder_client::{ClientSecret, Dataverse, Error, Tokens};
    /// # async fn example(org: Dataverse, other: ClientSecret) -> Result<(), Error> {
    /// let tokens = Tokens::new(Arc::new(other), org.tokens().authority().clone(), org.http().clone());
    /// let as_other = org.with_tokens(tokens);
    /// assert_ne!(as_other.who_am_i().await?.user_id, org.who_am_i().await?.user_id);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_tokens(&self, tokens: Arc<Tokens>) -> Self {
        Self { api: Api { tokens, pool: None, ..self.api.clone() }, ..self.clone() }
    }

    /// The same org, with the users of a pool sending in turn, each as it has room.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::{Limits, Pool};
    ///
    /// let pool = Pool::new([org.tokens().clone()], Limits::TODAY);
    /// let org = org.with_pool(pool.clone());
    /// org.create("contacts", &serde_json::json!({ "lastname": "Ng" })).await?;
    /// println!("{:?}", pool.users(org.http()));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_pool(&self, pool: Arc<Pool>) -> Self {
        Self { api: Api { pool: Some(pool), ..self.api.clone() }, ..self.clone() }
    }

    /// How requests are sent; has the counts of what was.
    #[must_use]
    pub fn http(&self) -> &Http {
        &self.api.http
    }

    /// The tokens that requests are sent with, unless a pool sends them.
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
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// let me = org.who_am_i().await?;
    /// println!("the user {} of the org {}", me.user_id, me.organization_id);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What signing in and asking came to.
    pub async fn who_am_i(&self) -> Result<WhoAmI, Error> {
        self.api.get(&self.api.url("WhoAmI", None), &self.headers(None)).await
    }

    /// What the org says of how much more the caller may ask for now, by the headers of an answer ("Service protection
    /// API limits"). It is the server's word that answered: others may have seen less of the caller, or more.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// let told = org.room().await?;
    /// println!("{:?} requests and {:?} of execution", told.requests, told.execution);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What signing in and asking came to.
    pub async fn room(&self) -> Result<Told, Error> {
        let (url, headers) = (self.api.url("WhoAmI", None), self.headers(None));
        let answer = self.api.call(Call { method: Method::GET, url: &url, headers: &headers, body: None }).await?;
        Ok(told::read(&answer, self.api.http.server_now()))
    }

    /// The same org in the name of another user.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse, user: uuid::Uuid) -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::dataverse::Impersonated;
    /// let theirs = org.impersonating(Impersonated::SystemUser(user));
    /// theirs.create("contacts", &serde_json::json!({ "lastname": "Ng" })).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn impersonating(&self, user: Impersonated) -> Self {
        Self { impersonated: Some(user), ..self.clone() }
    }

    /// Sends any request below the Web API and gives the answer as it came.
    ///
    /// ```no_run
    /// # async fn example(org: keyholder_client::Dataverse) -> Result<(), keyholder_client::Error> {
    /// let answer = org.send(http::Method::GET, "contacts?$apply=groupby((statecode))", None).await?;
    /// println!("{} bytes", answer.body().len());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What the request came to; an answer that is a refusal is one.
    pub async fn send(&self, method: Method, text: &str, body: Option<Bytes>) -> Result<Response<Bytes>, Error> {
        let url = self.resolve(&text.into())?;
        self.api.call(Call { method, url: &url, headers: &self.headers(None), body }).await
    }

    /// The headers that Microsoft's own samples send with each request. `If-None-Match: null` keeps
    /// caches from answering.
    fn headers(&self, more: impl IntoIterator<Item = (HeaderName, HeaderValue)>) -> Vec<(HeaderName, HeaderValue)> {
        let version = HeaderValue::from_static("4.0");
        let mut headers = vec![
            (HeaderName::from_static("odata-maxversion"), version.clone()),
            (HeaderName::from_static("odata-version"), version),
            (http::header::IF_NONE_MATCH, HeaderValue::from_static("null")),
        ];
        let (name, id) = match self.impersonated {
            Some(Impersonated::ObjectId(id)) => ("callerobjectid", Some(id)),
            Some(Impersonated::SystemUser(id)) => ("mscrmcallerid", Some(id)),
            None => ("", None),
        };
        let id = id.and_then(|id| HeaderValue::from_str(&id.to_string()).ok());
        headers.extend(id.map(|id| (HeaderName::from_static(name), id)));
        for (name, value) in more {
            headers.retain(|(other, _)| *other != name);
            headers.push((name, value));
        }
        headers
    }

    /// The URL of a query, which may be what a person typed; never anything but the org's Web API.
    fn resolve(&self, query: &Query) -> Result<Url, Error> {
        let text = query.to_string();
        let text = text.as_str();
        let invalid = |problem: &str| {
            Error::from(ConfigurationError::Invalid {
                what: "the query",
                problem: problem.to_owned(),
                origin: crate::error::refusal::cut(text),
            })
        };
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

pub(crate) fn refusal(what: &str, answer: &Response<Bytes>) -> Option<Error> {
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
            missing_access: None,
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
