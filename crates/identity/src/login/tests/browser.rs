//! A browser without scripts: it keeps cookies, finds forms and presses buttons.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Request;

use super::world::{Answer, FORM, World};

/// A browser.
#[derive(Default)]
pub(super) struct Browser {
    pub(super) cookies: BTreeMap<String, String>,
}

/// The value of an attribute in a tag that holds `mark`.
fn attribute_after(html: &str, mark: &str, name: &str) -> Option<String> {
    let rest = html.split_once(mark)?.1;
    let tag = rest.split('>').next()?;
    let value = tag.split_once(&format!("{name}=\""))?.1.split('"').next()?;
    Some(unescape(value))
}

pub(super) fn unescape(text: &str) -> String {
    text.replace("&quot;", "\"").replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// A hidden field of the page's form.
pub(super) fn hidden(answer: &Answer, name: &str) -> String {
    let mark = format!("<input type=\"hidden\" name=\"{name}\"");
    attribute_after(&answer.body, &mark, "value").unwrap_or_else(|| panic!("no {name} in {}", answer.body))
}

/// The heading of a page.
pub(super) fn heading(answer: &Answer) -> String {
    let rest = answer.body.split_once("<h1>").unwrap_or_else(|| panic!("no page: {}", answer.body)).1;
    unescape(rest.split("</h1>").next().unwrap())
}

/// The parameters of an address that the browser is sent to.
pub(super) fn sent_to(answer: &Answer, to: &str) -> BTreeMap<String, String> {
    assert_eq!(answer.status, 302, "{}", answer.body);
    let location = answer.header("location");
    let rest = location.strip_prefix(to).unwrap_or_else(|| panic!("{location} is not {to}"));
    form_urlencoded::parse(&rest.as_bytes()[1..]).into_owned().collect()
}

impl Browser {
    async fn ask(&mut self, world: &World, request: http::request::Builder, body: String) -> Answer {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header("cookie", cookies.join("; ")).body(Bytes::from(body)).unwrap();
        let answer = world.ask(request).await;
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            assert!(line.contains("; Path=/") && line.contains("; HttpOnly") && line.contains("; Secure"), "{line}");
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            assert!(name.starts_with("__Host-"), "{name}");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        if answer.body.starts_with("<!DOCTYPE html>") {
            let policy = answer.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
            assert!(!answer.body.to_lowercase().contains("<script"), "{}", answer.body);
            assert_eq!(answer.header("cache-control"), "no-store, no-cache");
        }
        answer
    }

    pub(super) async fn get(&mut self, world: &World, path: &str) -> Answer {
        self.ask(world, Request::get(path).header("sec-fetch-site", "none"), String::new()).await
    }

    /// Fills in and sends the form of a page.
    pub(super) async fn submit(&mut self, world: &World, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        let (journey, proof) = (hidden(page, "journey"), hidden(page, "proof"));
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("journey", &journey).append_pair("proof", &proof).extend_pairs(fields);
        self.post(world, form.finish()).await
    }

    pub(super) async fn post(&mut self, world: &World, body: String) -> Answer {
        let request =
            Request::post("/common/login").header("content-type", FORM).header("sec-fetch-site", "same-origin");
        self.ask(world, request, body).await
    }

    pub(super) async fn sign_in(&mut self, world: &World, page: &Answer, name: &str, password: &str) -> Answer {
        self.submit(world, page, &[("action", "sign-in"), ("username", name), ("password", password)]).await
    }
}
