//! The form that a token request is.
//!
//! Fields that this service does not know are ignored, as clients add their own. Of those it knows,
//! each may come once, within bounds.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use keyholder_entra::aadsts::{self, Problem};
use keyholder_foundation::Secret;

/// The longest body, in bytes: room for an assertion with a chain of certificates.
const MAX_BODY: usize = 64 * 1024;

/// The fields of a token request that this service reads. An empty field is there, but empty.
#[derive(Debug, Default)]
pub(super) struct Form {
    pub(super) grant_type: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<Secret>,
    pub(super) client_assertion: Option<Secret>,
    pub(super) client_assertion_type: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) resource: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) refresh_token: Option<Secret>,
    /// An authorization code; v1 also calls a device code so.
    pub(super) code: Option<Secret>,
    pub(super) device_code: Option<Secret>,
    pub(super) code_verifier: Option<Secret>,
    pub(super) redirect_uri: Option<String>,
    /// Whether the client wants to be told who signed in.
    pub(super) client_info: Option<String>,
    /// Some clients put the header's id here.
    pub(super) client_request_id: Option<String>,
}

impl Form {
    /// Whether the client wants to be told who signed in.
    pub(super) fn wants_client_info(&self) -> bool {
        matches!(self.client_info.as_deref(), Some("1" | "2"))
    }

    /// Reads a request's form and its Basic credentials.
    pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, Problem> {
        if !is_form(headers.get(CONTENT_TYPE)) {
            return Err(aadsts::request_malformed("The content type must be application/x-www-form-urlencoded."));
        }
        if body.len() > MAX_BODY {
            return Err(aadsts::request_too_long("body"));
        }
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            form.set(&name, &value)?;
        }
        if let Some(basic) = headers.get(AUTHORIZATION) {
            form.add_basic(basic)?;
        }
        Ok(form)
    }

    /// Reads the same fields from a query.
    pub(super) fn of_query(query: &str) -> Result<Self, Problem> {
        if query.len() > MAX_BODY {
            return Err(aadsts::request_too_long("query"));
        }
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            form.set(&name, &value)?;
        }
        Ok(form)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        // The bounds leave room for the longest real value of each.
        match name {
            "grant_type" => put(&mut self.grant_type, name, value, 256),
            "client_id" => put(&mut self.client_id, name, value, 512),
            "client_secret" => put(&mut self.client_secret, name, value, 1024),
            "client_assertion" => put(&mut self.client_assertion, name, value, 32 * 1024),
            "client_assertion_type" => put(&mut self.client_assertion_type, name, value, 256),
            "username" => put(&mut self.username, name, value, 1024),
            "password" => put(&mut self.password, name, value, 1024),
            "refresh_token" => put(&mut self.refresh_token, name, value, 4096),
            "code" => put(&mut self.code, name, value, 4096),
            "device_code" => put(&mut self.device_code, name, value, 4096),
            "code_verifier" => put(&mut self.code_verifier, name, value, 1024),
            "redirect_uri" => put(&mut self.redirect_uri, name, value, 2048),
            "client_info" => put(&mut self.client_info, name, value, 16),
            "scope" => put(&mut self.scope, name, value, 4096),
            "resource" => put(&mut self.resource, name, value, 2048),
            "client-request-id" => {
                self.client_request_id = Some(value.chars().take(64).collect());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// `Authorization: Basic base64(form-encoded id ":" form-encoded secret)`, RFC 6749 section
    /// 2.3.1. What the body says too must be the same.
    fn add_basic(&mut self, header: &HeaderValue) -> Result<(), Problem> {
        let unreadable = || aadsts::request_malformed("The Authorization header cannot be read.");
        let text = header.to_str().map_err(|_| unreadable())?.trim();
        let Some((scheme, encoded)) = text.split_once(' ') else {
            return Err(unreadable());
        };
        if !scheme.eq_ignore_ascii_case("basic") {
            // A bearer token, for example, that a client sends everywhere: not for this endpoint.
            return Ok(());
        }
        let bytes = STANDARD.decode(encoded.trim()).map_err(|_| unreadable())?;
        let pair = String::from_utf8(bytes).map_err(|_| unreadable())?;
        let (id, secret) = pair.split_once(':').ok_or_else(unreadable)?;
        let (id, secret) = (decode(id), Secret::new(decode(secret)));
        let same_id = self.client_id.as_ref().is_none_or(|other| other.eq_ignore_ascii_case(&id));
        let same_secret = self.client_secret.as_ref().is_none_or(|other| other.matches(secret.expose()));
        if !same_id || !same_secret {
            return Err(aadsts::request_malformed("The Authorization header and the body name different clients."));
        }
        if self.client_id.is_none() {
            put(&mut self.client_id, "client_id", &id, 512)?;
        }
        if self.client_secret.is_none() {
            put(&mut self.client_secret, "client_secret", secret.expose(), 1024)?;
        }
        Ok(())
    }
}

/// Sets a field that has not come before and is not too long.
fn put<T: From<String>>(field: &mut Option<T>, name: &str, value: &str, limit: usize) -> Result<(), Problem> {
    if field.is_some() {
        let detail = format!("The parameter '{name}' is given more than once.");
        return Err(aadsts::request_malformed(&detail));
    }
    if value.len() > limit {
        return Err(aadsts::request_too_long(name));
    }
    *field = Some(value.to_owned().into());
    Ok(())
}

/// One form-encoded value.
fn decode(text: &str) -> String {
    let blanks = text.replace('+', " ");
    percent_encoding::percent_decode_str(&blanks).decode_utf8_lossy().into_owned()
}

pub(super) fn is_form(content_type: Option<&HeaderValue>) -> bool {
    let text = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = text.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(authorization: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded;charset=utf-8");
        headers.insert(CONTENT_TYPE, form);
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        }
        headers
    }

    #[test]
    fn known_fields_come_once_and_others_are_ignored() {
        let form = Form::parse(&headers(None), b"grant_type=client_credentials&client_id=a&x=1&x=2&scope=s%2F.default");
        let form = form.unwrap();
        assert_eq!(form.grant_type.as_deref(), Some("client_credentials"));
        assert_eq!(form.scope.as_deref(), Some("s/.default"));
        let twice = Form::parse(&headers(None), b"client_id=a&client_id=a").unwrap_err();
        assert_eq!(twice.number(), 9_002_313);
        let long = format!("resource={}", "r".repeat(2049));
        assert_eq!(Form::parse(&headers(None), long.as_bytes()).unwrap_err().number(), 90_015);
        assert_eq!(Form::parse(&headers(None), &[b'a'; MAX_BODY + 1]).unwrap_err().number(), 90_015);
        assert_eq!(Form::parse(&HeaderMap::new(), b"client_id=a").unwrap_err().number(), 9_002_313);
    }

    #[test]
    fn basic_credentials_are_form_encoded_inside() {
        // "my id" and "s:e+c/r" in form encoding.
        let header = format!("Basic {}", STANDARD.encode("my+id:s%3Ae%2Bc%2Fr"));
        let form = Form::parse(&headers(Some(&header)), b"").unwrap();
        assert_eq!(form.client_id.as_deref(), Some("my id"));
        assert!(form.client_secret.unwrap().matches("s:e+c/r"));
        assert!(Form::parse(&headers(Some(&header)), b"client_id=my+id").is_ok());
        assert_eq!(Form::parse(&headers(Some(&header)), b"client_id=other").unwrap_err().number(), 9_002_313);
        assert!(Form::parse(&headers(Some("Bearer abc")), b"").unwrap().client_id.is_none());
        for broken in ["Basic", "Basic !!", "Basic YQ=="] {
            assert_eq!(Form::parse(&headers(Some(broken)), b"").unwrap_err().number(), 9_002_313, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body: Vec<u8>, basic: Vec<u8>) {
            let header = format!("Basic {}", STANDARD.encode(basic));
            let _ = Form::parse(&headers(Some(&header)), &body);
        }

        #[test]
        fn print_then_parse_is_the_same(id in "\\PC{1,40}", secret in "\\PC{1,40}") {
            let mut body = form_urlencoded::Serializer::new(String::new());
            body.append_pair("client_id", &id).append_pair("client_secret", &secret);
            let form = Form::parse(&headers(None), body.finish().as_bytes()).unwrap();
            prop_assert_eq!(form.client_id.as_deref(), Some(id.as_str()));
            prop_assert!(form.client_secret.unwrap().matches(&secret));
            let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let basic = format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(&id), encode(&secret))));
            let form = Form::parse(&headers(Some(&basic)), b"").unwrap();
            prop_assert_eq!(form.client_id.as_deref(), Some(id.as_str()));
            prop_assert!(form.client_secret.unwrap().matches(&secret));
        }
    }
}
