//! `/$batch`: up to twenty requests in one, as JSON. Each is answered as if it had come alone, with
//! its own status; one whose forerunner failed is not tried.

use std::collections::HashMap;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer;
use super::caller::Caller;
use super::problem::Problem;
use super::{finish, respond_one};
use crate::Identity;
use crate::correlation::Correlation;

/// How many requests a batch may have.
const MOST: usize = 20;
/// The longest batch, in bytes.
const MAX_BODY: usize = 1024 * 1024;

#[derive(Debug, Deserialize)]
struct Batch {
    requests: Vec<Item>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: Option<HashMap<String, String>>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    depends_on: Option<Vec<String>>,
}

pub(super) async fn respond(identity: &Identity, request: &Request<Bytes>) -> Response<Bytes> {
    let correlation = Correlation::of(request.headers(), request.uri().query(), identity.random.as_ref());
    match run(identity, request).await {
        Ok(responses) => {
            let mut response = answer::json(StatusCode::OK, &json!({ "responses": responses }));
            answer::correlate(&mut response, correlation);
            response
        }
        Err(problem) => finish(identity, correlation, Err(problem)),
    }
}

async fn run(identity: &Identity, request: &Request<Bytes>) -> Result<Vec<Value>, Problem> {
    Caller::find(identity, request.headers()).await?;
    let (_, segments) = super::path::segments(request.uri().path())?;
    super::end(segments.get(1..).unwrap_or_default())?;
    if request.method() != Method::POST {
        return Err(Problem::method_not_allowed());
    }
    let mut waiting = parse(request.body())?;
    let mut done: HashMap<String, StatusCode> = HashMap::new();
    let mut responses = Vec::with_capacity(waiting.len());
    // Every item names only items of the batch, and no circle, so each round does at least one.
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|item| item.forerunners().all(|id| done.contains_key(id)));
        let item = waiting.remove(ready.ok_or_else(|| malformed("its items depend on each other in a circle"))?);
        let failed = item.forerunners().any(|id| done.get(id).is_none_or(|status| !status.is_success()));
        let response = match (failed, item.request(request)) {
            (true, _) => finish_item(identity, Problem::failed_dependency()),
            (false, Err(problem)) => finish_item(identity, problem),
            (false, Ok(request)) => respond_one(identity, &request).await,
        };
        done.insert(item.id.clone(), response.status());
        responses.push(show(&item.id, response));
    }
    Ok(responses)
}

fn finish_item(identity: &Identity, problem: Problem) -> Response<Bytes> {
    let correlation = Correlation { trace: identity.random.uuid(), client: None };
    finish(identity, correlation, Err(problem))
}

fn malformed(why: &str) -> Problem {
    Problem::bad_request(&format!("Invalid batch payload: {why}."))
}

fn parse(body: &[u8]) -> Result<Vec<Item>, Problem> {
    if body.len() > MAX_BODY {
        return Err(Problem::too_large());
    }
    let Batch { requests } = serde_json::from_slice(body).map_err(|_| malformed("it is not the JSON of a batch"))?;
    if requests.len() > MOST {
        return Err(Problem::bad_request("Number of batch request steps exceeds the maximum value of 20."));
    }
    for (at, item) in requests.iter().enumerate() {
        let earlier = requests.iter().take(at).any(|other| other.id == item.id);
        if earlier || item.id.is_empty() || item.id.len() > 256 {
            return Err(malformed("every request needs an id of its own"));
        }
        if item.forerunners().any(|id| *id == item.id || !requests.iter().any(|other| other.id == *id)) {
            return Err(malformed("dependsOn names a request that is not in the batch"));
        }
    }
    Ok(requests)
}

impl Item {
    fn forerunners(&self) -> impl Iterator<Item = &String> {
        self.depends_on.iter().flatten()
    }

    /// The request that it stands for, in the name of the batch's caller.
    fn request(&self, batch: &Request<Bytes>) -> Result<Request<Bytes>, Problem> {
        let bad = |what: &str| Problem::bad_request(&format!("Invalid batch item: {what}."));
        let method = Method::from_bytes(self.method.to_ascii_uppercase().as_bytes()).map_err(|_| bad("its method"))?;
        let known = [Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE];
        if !known.contains(&method) {
            return Err(bad("its method"));
        }
        let url = self.url.strip_prefix('/').unwrap_or(&self.url);
        if url.contains("://") || url.to_ascii_lowercase().starts_with("$batch") {
            return Err(bad("its url is relative to the service's root, and no batch"));
        }
        let version = if batch.uri().path().starts_with("/beta") { "beta" } else { "v1.0" };
        // Clients write blanks and quotes into these addresses, which are JSON texts.
        let address = format!("/{version}/{}", escape(url));
        let uri: Uri = address.parse().map_err(|_| bad("its url"))?;
        let mut request = Request::new(Bytes::new());
        (*request.method_mut(), *request.uri_mut()) = (method, uri);
        for (name, value) in self.headers.iter().flatten() {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad("a header"))?;
            let value = HeaderValue::from_str(value).map_err(|_| bad("a header"))?;
            request.headers_mut().insert(name, value);
        }
        if let Some(token) = batch.headers().get(AUTHORIZATION) {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        if let Some(body) = self.body.as_ref().filter(|body| !body.is_null()) {
            let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
            if !kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/json")) {
                return Err(bad("a body needs the header Content-Type: application/json"));
            }
            *request.body_mut() = Bytes::from(body.to_string());
        }
        Ok(request)
    }
}

/// What no address has, percent-encoded; what is encoded already stays.
fn escape(url: &str) -> String {
    let mut escaped = String::with_capacity(url.len());
    for byte in url.bytes() {
        let plain = byte.is_ascii_graphic() && !br#"<>"{}|\^`#"#.contains(&byte);
        if plain {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

fn show(id: &str, response: Response<Bytes>) -> Value {
    let (parts, body) = response.into_parts();
    let headers: Map<String, Value> = parts
        .headers
        .iter()
        .filter_map(|(name, value)| {
            let shown = match name.as_str() {
                "content-type" => "Content-Type",
                "location" => "Location",
                "retry-after" => "Retry-After",
                "odata-version" => "OData-Version",
                "cache-control" => "Cache-Control",
                other => other,
            };
            Some((shown.to_owned(), value.to_str().ok()?.into()))
        })
        .collect();
    let mut shown = json!({ "id": id, "status": parts.status.as_u16(), "headers": headers });
    if !body.is_empty()
        && let Some(shown) = shown.as_object_mut()
    {
        let body = serde_json::from_slice(&body).unwrap_or_else(|_| String::from_utf8_lossy(&body).into());
        shown.insert("body".to_owned(), body);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn malformed_batches_are_refused() {
        let item = |id: &str, after: &str| json!({ "id": id, "method": "GET", "url": "/me", "dependsOn": [after] });
        let many: Vec<_> = (0..21).map(|id| json!({ "id": id.to_string(), "method": "GET", "url": "/me" })).collect();
        for wrong in [
            json!([]),
            json!({}),
            json!({ "requests": [{ "id": 1, "method": "GET", "url": "/me" }] }),
            json!({ "requests": [item("a", "b")] }),
            json!({ "requests": [item("a", "a")] }),
            json!({ "requests": [{ "id": "", "method": "GET", "url": "/me" }] }),
            json!({ "requests": many }),
        ] {
            assert!(parse(wrong.to_string().as_bytes()).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_batch_is_read_without_panic(bytes: Vec<u8>, method: String, url: String, name: String, value: String) {
            let _ = parse(&bytes);
            let item = Item {
                id: "1".to_owned(),
                method: if method.len() % 2 == 0 { "GET".to_owned() } else { method },
                url,
                headers: Some(HashMap::from([(name, value)])),
                body: None,
                depends_on: None,
            };
            let _ = item.request(&Request::new(Bytes::new()));
        }
    }
}
