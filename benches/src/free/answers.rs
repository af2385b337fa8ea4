//! The bytes that are answered with, each made once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

use super::value;
use crate::rows;

/// The tenant, an id like any other.
pub(super) const TENANT: &str = "6f3a1d52-8a44-4b3a-9a73-0c1d2e3f4a5b";
/// Rows in a page, as the service has them.
const PAGE: u32 = 5_000;
const PARTS: &str = "batchresponse_free";
const CHANGES: &str = "changesetresponse_free";

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Authority,
    Token,
    Challenge,
    WhoAmI,
    /// What the org says of its tables.
    Tables,
    Page,
    Multiple,
    Batch,
    Single,
}

pub(super) struct Answers {
    origin: String,
    entity: HeaderValue,
    pages: Vec<Bytes>,
    /// To who asks for one row alone.
    one: Bytes,
    /// To so many rows at once: ids, and parts of a batch with and without a change set.
    many: Mutex<HashMap<(Many, usize), Bytes>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Many {
    Ids,
    Changes,
    Parts,
}

impl Answers {
    pub(super) fn new(origin: &str, rows: u32) -> Self {
        let origin = origin.to_owned();
        let pages = rows.div_ceil(PAGE).max(1);
        Self {
            entity: value(&entity(&origin)),
            one: page(&origin, 0, 1, 1),
            pages: (0..pages).map(|number| page(&origin, number, pages, rows)).collect(),
            many: Mutex::default(),
            origin,
        }
    }

    /// The answer to a request for `path` with this body.
    pub(super) fn to(&self, kind: Kind, path: &str, body: &[u8]) -> Response<Bytes> {
        let Self { origin, entity, .. } = self;
        match kind {
            Kind::Authority => json(authority(origin).to_string().into()),
            Kind::Token => {
                let token = json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "free"});
                json(token.to_string().into())
            }
            Kind::Challenge => {
                let challenge =
                    format!("Bearer authorization_uri={origin}/{TENANT}/oauth2/authorize, resource_id={origin}/");
                with(status(StatusCode::UNAUTHORIZED), header::WWW_AUTHENTICATE, value(&challenge))
            }
            Kind::WhoAmI => json(who_am_i().to_string().into()),
            Kind::Page if path.contains("top=1") => json(self.one.clone()),
            Kind::Page => {
                let number = path.rsplit_once("skiptoken=").and_then(|(_, number)| number.parse::<usize>().ok());
                self.pages.get(number.unwrap_or(0)).cloned().map_or_else(|| status(StatusCode::NOT_FOUND), json)
            }
            Kind::Multiple => json(self.many(Many::Ids, count(body, "\"@odata.type\""))),
            Kind::Batch => {
                let start = std::str::from_utf8(body.get(..256).unwrap_or(body)).unwrap_or_default();
                let kind = if start.contains("multipart/mixed") { Many::Changes } else { Many::Parts };
                let mut answer = Response::new(self.many(kind, count(body, "application/http")));
                let parts = HeaderValue::from_static("multipart/mixed; boundary=batchresponse_free");
                answer.headers_mut().insert(header::CONTENT_TYPE, parts);
                versioned(answer)
            }
            Kind::Single => {
                let answer = with(status(StatusCode::NO_CONTENT), header::LOCATION, entity.clone());
                with(versioned(answer), HeaderName::from_static("odata-entityid"), entity.clone())
            }
            Kind::Tables => status(StatusCode::NOT_FOUND),
        }
    }

    fn many(&self, many: Many, count: usize) -> Bytes {
        let mut made = self.many.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || match many {
            Many::Ids => ids(count).into(),
            Many::Changes => {
                let inside = parts(CHANGES, &self.origin, count);
                format!(
                    "--{PARTS}\r\nContent-Type: multipart/mixed; boundary={CHANGES}\r\n\r\n{inside}\r\n--{PARTS}--\r\n"
                )
                .into()
            }
            Many::Parts => parts(PARTS, &self.origin, count).into(),
        };
        made.entry((many, count)).or_insert_with(make).clone()
    }
}

/// How often a text is in a body.
fn count(body: &[u8], text: &str) -> usize {
    std::str::from_utf8(body).map_or(0, |body| body.matches(text).count())
}

fn authority(origin: &str) -> Value {
    let below = format!("{origin}/{TENANT}");
    json!({
        "issuer": format!("{below}/v2.0"),
        "authorization_endpoint": format!("{below}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{below}/oauth2/v2.0/token"),
        "jwks_uri": format!("{below}/discovery/v2.0/keys"),
        "tenant_discovery_endpoint": format!("{below}/v2.0/.well-known/openid-configuration"),
        "metadata": [],
    })
}

fn who_am_i() -> Value {
    let id = rows::account_id(0);
    json!({"UserId": id, "BusinessUnitId": id, "OrganizationId": id})
}

fn entity(origin: &str) -> String {
    format!("{origin}/api/data/v9.2/contacts({})", rows::contact_id(0))
}

fn ids(count: usize) -> String {
    let mut text = String::from("{\"@odata.context\":\"\",\"Ids\":[");
    for number in 0..u32::try_from(count).unwrap_or(0) {
        let _ = write!(text, "{}\"{}\"", if number > 0 { "," } else { "" }, rows::contact_id(number));
    }
    text.push_str("]}");
    text
}

fn parts(boundary: &str, origin: &str, count: usize) -> String {
    let (mut text, entity) = (String::new(), entity(origin));
    for number in 1..=count {
        let _ = write!(
            text,
            "--{boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\
             Content-ID: {number}\r\n\r\nHTTP/1.1 204 No Content\r\nOData-Version: 4.0\r\nLocation: {entity}\r\n\
             OData-EntityId: {entity}\r\n\r\n\r\n"
        );
    }
    let _ = write!(text, "--{boundary}--\r\n");
    text
}

/// A page as the service gives it: the columns that were asked for, the id and the ETag.
fn page(origin: &str, number: u32, pages: u32, rows: u32) -> Bytes {
    let contacts = number * PAGE..rows.min((number + 1) * PAGE);
    let rows = contacts.map(|contact| {
        let mut row = rows::contact(contact);
        let name = |column: &str| row.get(column).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (first, last) = (name("firstname"), name("lastname"));
        let mut shown = json!({"@odata.etag": format!("W/\"{}\"", 1_000_000 + contact)});
        shown["fullname"] = format!("{first} {last}").into();
        for column in ["emailaddress1", "telephone1"] {
            shown[column] = row.remove(column).unwrap_or_default();
        }
        shown["statecode"] = 0.into();
        shown["contactid"] = rows::contact_id(contact).to_string().into();
        shown
    });
    let rows: Vec<Value> = rows.collect();
    let mut page = json!({"@odata.context": format!("{origin}/api/data/v9.2/$metadata#contacts"), "value": rows});
    if number + 1 < pages {
        page["@odata.nextLink"] = format!("{origin}/api/data/v9.2/contacts?$skiptoken={}", number + 1).into();
    }
    page.to_string().into()
}

fn with(mut answer: Response<Bytes>, name: HeaderName, value: HeaderValue) -> Response<Bytes> {
    answer.headers_mut().insert(name, value);
    answer
}

fn versioned(answer: Response<Bytes>) -> Response<Bytes> {
    with(answer, HeaderName::from_static("odata-version"), HeaderValue::from_static("4.0"))
}

/// An answer without a body.
pub(super) fn status(status: StatusCode) -> Response<Bytes> {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = status;
    answer
}

/// A JSON document.
pub(super) fn json(body: Bytes) -> Response<Bytes> {
    let kind = HeaderValue::from_static("application/json; odata.metadata=minimal");
    versioned(with(Response::new(body), header::CONTENT_TYPE, kind))
}
