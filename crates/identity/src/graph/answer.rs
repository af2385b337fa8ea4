//! Graph's answers: entities, pages, headers.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};

use super::Call;
use super::problem::Problem;
use super::query::Query;
use super::unset::{NO_PROPERTIES, Unset};
use crate::correlation::{CLIENT_REQUEST_ID, Correlation, header_value};
use crate::directory::listing::{Listed, Page};

const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const DIAGNOSTIC: HeaderName = HeaderName::from_static("x-ms-ags-diagnostic");
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
    /// 200 with a number as text.
    Number(usize),
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
            Self::Number(number) => {
                let mut response = Response::new(Bytes::from(number.to_string()));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
                response.headers_mut().insert(ODATA_VERSION, HeaderValue::from_static("4.0"));
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
    // Which machine answered; logs of clients have it.
    let machine =
        r#"{"ServerInfo":{"DataCenter":"local","Slice":"E","Ring":"0","ScaleUnit":"0","RoleInstance":"keyholder"}}"#;
    headers.insert(DIAGNOSTIC, HeaderValue::from_static(machine));
}

/// How one kind of entity is shown.
#[derive(Debug, Clone)]
pub(super) struct Shape<'a> {
    /// Scheme, host and port.
    pub(super) origin: &'a str,
    /// `v1.0` or `beta`.
    pub(super) version: &'a str,
    /// As in addresses: `applications`.
    pub(super) set: Cow<'a, str>,
    /// As in sentences: `application`.
    pub(super) entity: &'static str,
    /// What is shown when nothing is selected; all of it when there is none.
    pub(super) default: Option<&'static [&'static str]>,
    /// What nothing is in.
    pub(super) unset: Unset,
}

impl<'a> Shape<'a> {
    pub(super) fn new(call: &'a Call<'_>, set: impl Into<Cow<'a, str>>, entity: &'static str) -> Self {
        let (origin, version) = (call.identity.origin.as_str(), call.version);
        Self { origin, version, set: set.into(), entity, default: None, unset: NO_PROPERTIES }
    }

    /// What is shown when nothing is selected.
    pub(super) fn default(mut self, names: &'static [&'static str]) -> Self {
        self.default = Some(names);
        self
    }

    /// What nothing is in.
    pub(super) fn unset(mut self, unset: Unset) -> Self {
        self.unset = unset;
        self
    }

    pub(super) fn context(&self, query: &Query, of: &str) -> Value {
        let Self { origin, version, set, .. } = self;
        let names = query.select.iter().flatten().cloned().chain(query.expand.iter().map(|name| format!("{name}()")));
        let names: Vec<_> = names.collect();
        let names = if names.is_empty() { String::new() } else { format!("({})", names.join(",")) };
        format!("{origin}/{version}/$metadata#{set}{names}{of}").into()
    }

    /// The address of the collection.
    pub(super) fn address(&self) -> String {
        let Self { origin, version, set, .. } = self;
        format!("{origin}/{version}/{set}")
    }

    /// One entity, with the properties that were asked for.
    pub(super) fn one(&self, query: &Query, entity: &impl Serialize) -> Result<Map<String, Value>, Problem> {
        let mut shown = Map::new();
        shown.insert("@odata.context".to_owned(), self.context(query, "/$entity"));
        shown.extend(self.properties(query, entity)?);
        Ok(shown)
    }

    /// A page of a list, and the address of the next one when there is one.
    pub(super) fn page<T: Listed>(&self, query: &Query, page: &Page<T>) -> Result<Map<String, Value>, Problem> {
        let mut shown = Map::new();
        shown.insert("@odata.context".to_owned(), self.context(query, ""));
        if let Some(count) = page.count.filter(|_| query.is_first_page()) {
            shown.insert("@odata.count".to_owned(), count.into());
        }
        if let Some(next) = &page.next {
            shown.insert("@odata.nextLink".to_owned(), query.next_link(&self.address(), next).into());
        }
        let entities = page.entities.iter().map(|entity| self.properties(query, entity).map(Value::Object));
        shown.insert("value".to_owned(), entities.collect::<Result<Vec<_>, _>>()?.into());
        Ok(shown)
    }

    /// A new entity with its address.
    pub(super) fn created(&self, entity: &impl Serialize, id: &str) -> Result<Answer, Problem> {
        Ok(Answer::Created(format!("{}/{id}", self.address()), self.one(&Query::default(), entity)?))
    }

    /// The properties of an entity that are asked for. The type and what was expanded stay.
    pub(super) fn properties(&self, query: &Query, entity: &impl Serialize) -> Result<Map<String, Value>, Problem> {
        let Ok(Value::Object(mut all)) = serde_json::to_value(entity) else {
            return Ok(Map::new());
        };
        let unset = all.get("@odata.type").and_then(Value::as_str).map_or(self.unset, Unset::of_type);
        let selectable = if query.select.is_some() { unset.selectable } else { &[] };
        for (name, nothing) in unset.shown.iter().chain(selectable) {
            all.entry(*name).or_insert_with(|| nothing.value());
        }
        let mut shown = Map::new();
        if let Some(names) = &query.select {
            let typed = all.remove_entry("@odata.type");
            shown.extend(typed);
            for name in names {
                let found = all.remove_entry(name).ok_or_else(|| Problem::unknown_property(name, self.entity))?;
                shown.extend([found]);
            }
        } else if let Some(names) = self.default {
            shown.extend(names.iter().filter_map(|name| all.remove_entry(*name)));
        } else {
            return Ok(all);
        }
        shown.extend(query.expand.iter().filter_map(|name| all.remove_entry(name)));
        Ok(shown)
    }
}
