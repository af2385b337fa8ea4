//! Graph's answers: entities, pages, headers.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};

use super::problem::Problem;
use super::query::Query;
use crate::correlation::{CLIENT_REQUEST_ID, Correlation, header_value};

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const ODATA_VERSION: HeaderName = HeaderName::from_static("odata-version");

/// What a request comes to when nothing is wrong.
#[derive(Debug)]
pub(super) enum Answer {
    /// 200.
    Found(Map<String, Value>),
    /// 201, with the new entity's address.
    Created(String, Map<String, Value>),
    /// 204.
    Done,
}

impl Answer {
    pub(super) fn into_response(self) -> Response<Bytes> {
        match self {
            Self::Found(entity) => json(StatusCode::OK, &entity),
            Self::Created(location, entity) => {
                let mut response = json(StatusCode::CREATED, &entity);
                if let Ok(location) = HeaderValue::from_str(&location) {
                    response.headers_mut().insert(LOCATION, location);
                }
                response
            }
            Self::Done => {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
        }
    }
}

pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response<Bytes> {
    // Every body here is made of maps with text keys: printing it cannot fail.
    let mut response = Response::new(Bytes::from(serde_json::to_vec(body).unwrap_or_default()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ODATA_VERSION, HeaderValue::from_static("4.0"));
    response
}

/// Puts the request's ids on its answer.
pub(super) fn correlate(response: &mut Response<Bytes>, correlation: Correlation) {
    let headers = response.headers_mut();
    headers.insert(REQUEST_ID, header_value(correlation.trace));
    headers.insert(CLIENT_REQUEST_ID, header_value(correlation.client_or_trace()));
}

/// How one kind of entity is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'a> {
    /// Scheme, host and port.
    pub(super) origin: &'a str,
    /// As in addresses: `applications`.
    pub(super) set: &'a str,
    /// As in sentences: `application`.
    pub(super) entity: &'a str,
}

impl Shape<'_> {
    fn context(&self, query: &Query, of: &str) -> Value {
        let Self { origin, set, .. } = self;
        let select = query.select.as_ref().map(|names| format!("({})", names.join(","))).unwrap_or_default();
        format!("{origin}/v1.0/$metadata#{set}{select}{of}").into()
    }

    /// One entity, with the properties that were asked for.
    pub(super) fn one(&self, query: &Query, entity: &impl Serialize) -> Result<Map<String, Value>, Problem> {
        let mut shown = Map::new();
        shown.insert("@odata.context".to_owned(), self.context(query, "/$entity"));
        shown.extend(self.properties(query, entity)?);
        Ok(shown)
    }

    /// A page of a list, and the address of the next one when there are more entities than fit.
    /// `entities` has one more than the page when there are; `id` gives what the next page starts
    /// after.
    pub(super) fn page<T: Serialize>(
        &self,
        query: &Query,
        mut entities: Vec<T>,
        id: impl Fn(&T) -> uuid::Uuid,
    ) -> Result<Map<String, Value>, Problem> {
        let size = query.page_size();
        let more = entities.len() > size;
        entities.truncate(size);
        let mut page = Map::new();
        page.insert("@odata.context".to_owned(), self.context(query, ""));
        if let Some(last) = entities.last().filter(|_| more) {
            let Self { origin, set, .. } = self;
            page.insert(
                "@odata.nextLink".to_owned(),
                query.next_link(&format!("{origin}/v1.0/{set}"), id(last)).into(),
            );
        }
        let shown = entities.iter().map(|entity| self.properties(query, entity).map(Value::Object));
        page.insert("value".to_owned(), shown.collect::<Result<Vec<_>, _>>()?.into());
        Ok(page)
    }

    /// A new entity with its address.
    pub(super) fn created(&self, entity: &impl Serialize, id: &str) -> Result<Answer, Problem> {
        let Self { origin, set, .. } = self;
        Ok(Answer::Created(format!("{origin}/v1.0/{set}/{id}"), self.one(&Query::default(), entity)?))
    }

    fn properties(&self, query: &Query, entity: &impl Serialize) -> Result<Map<String, Value>, Problem> {
        let Ok(Value::Object(mut all)) = serde_json::to_value(entity) else {
            return Ok(Map::new());
        };
        let Some(names) = &query.select else {
            return Ok(all);
        };
        let mut selected = Map::new();
        for name in names {
            let (name, value) = all.remove_entry(name).ok_or_else(|| Problem::unknown_property(name, self.entity))?;
            selected.insert(name, value);
        }
        Ok(selected)
    }
}
