//! A page as the org wrote it: for whoever hands rows on and reads nothing in them.
//!
//! Rows are slices of the answer. No number loses a digit, and memory holds what came and no more.

use std::ops::Range;

use bytes::Bytes;
use http::Response;
use serde::Deserialize;
use serde_json::value::RawValue;
use url::Url;

use super::fetch::Told;
use crate::error::Error;
use crate::transport::origin_of;
use crate::wire::looks_like;

/// One page of a query's result, each row the text of a JSON object ([`Pages::next_text`](super::Pages::next_text)).
#[derive(Debug, Clone)]
pub struct TextPage {
    body: Bytes,
    rows: Vec<Range<usize>>,
    /// How many rows there are in all, when `$count=true` asked for that; at most 5,000.
    pub count: Option<u64>,
    pub(super) next_link: Option<String>,
    pub(super) told: Told,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(rename = "@odata.count")]
    count: Option<u64>,
    #[serde(rename = "@odata.nextLink")]
    next_link: Option<String>,
    #[serde(rename = "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie")]
    cookie: Option<String>,
    #[serde(rename = "@Microsoft.Dynamics.CRM.morerecords")]
    more: Option<bool>,
}

impl TextPage {
    pub(super) fn read(url: &Url, answer: &Response<Bytes>) -> Result<Self, Error> {
        let body = answer.body();
        // serde's message can repeat what stands there, which is the org's business.
        let wrong = |error: serde_json::Error| Error::Protocol {
            origin: origin_of(url),
            found: format!("{}, wrong at line {} column {}", looks_like(answer), error.line(), error.column()),
        };
        let read: Answer<'_> = serde_json::from_slice(body).map_err(wrong)?;
        // One row alone is the answer itself; only a collection has an array called `value`.
        let rows = match read.value.filter(|value| value.get().starts_with('[')) {
            Some(value) => serde_json::from_str::<Vec<&RawValue>>(value.get()).map_err(wrong)?,
            None => vec![serde_json::from_slice::<&RawValue>(body).map_err(wrong)?],
        };
        let start = body.as_ptr() as usize;
        let place = |row: &RawValue| {
            let from = row.get().as_ptr() as usize - start;
            from..from + row.get().len()
        };
        let rows = rows.into_iter().map(place).collect();
        let told = Told::of(read.cookie.as_deref(), read.more);
        Ok(Self { rows, count: read.count, next_link: read.next_link, told, body: body.clone() })
    }

    /// The rows, in the result's order.
    pub fn rows(&self) -> impl Iterator<Item = &str> + Clone {
        self.rows.iter().filter_map(|place| std::str::from_utf8(self.body.get(place.clone())?).ok())
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(body: &str) -> Result<TextPage, Error> {
        let url = Url::parse("https://org.example/api/data/v9.2/contacts").unwrap();
        TextPage::read(&url, &Response::new(Bytes::from(body.to_owned())))
    }

    #[test]
    fn rows_stand_as_they_were_written() {
        let body = "{\"@odata.context\": \"x\", \"value\" : [ {\"a\": 922337203685477.0000,\n \"b\":\"]\"} , {\"c\":1e2}],\
                    \"@odata.count\":2,\"@odata.nextLink\":\"https://org.example/next\"}";
        let page = read(body).unwrap();
        let rows: Vec<&str> = page.rows().collect();
        assert_eq!(rows, ["{\"a\": 922337203685477.0000,\n \"b\":\"]\"}", "{\"c\":1e2}"]);
        let told = (page.len(), page.count, page.next_link.as_deref());
        assert_eq!(told, (2, Some(2), Some("https://org.example/next")));
        assert!(read("{\"value\":[]}").unwrap().is_empty());
        for alone in ["{\"contactid\":\"1\"}", "{\"value\":\"a column alone\"}"] {
            assert_eq!(read(alone).unwrap().rows().collect::<Vec<_>>(), [alone]);
        }
        let said = read("{\"value\":[{\"a\":\"hunter2\"").unwrap_err().to_string();
        assert!(said.contains("wrong at line 1") && !said.contains("hunter2"), "{said}");
    }

    proptest! {
        #[test]
        fn any_row_comes_back_whole(rows in prop::collection::vec(prop::collection::btree_map(".*", ".*", 0..3), 0..4)) {
            let body = serde_json::json!({"value": rows}).to_string();
            let page = read(&body).unwrap();
            let back: Vec<std::collections::BTreeMap<String, String>> =
                page.rows().map(|row| serde_json::from_str(row).unwrap()).collect();
            prop_assert_eq!(back, rows);
        }
    }
}
