//! A browser without JavaScript, as far as the pages need one: cookies, redirects, one form a page.

use std::collections::BTreeMap;

use keyholder_testkit::{Answer, World};

/// What a browser keeps. Like a real one it sends its cookies to every port of a host.
#[derive(Debug, Default)]
pub(crate) struct Browser {
    cookies: BTreeMap<String, String>,
    /// Where it is.
    at: String,
}

impl Browser {
    /// Opens an address and follows redirects.
    pub(crate) async fn open(&mut self, world: &World, url: &str) -> Answer {
        self.go(world, "GET", url, "").await
    }

    /// Fills in the page's form and sends it, as a press on the button with this action does.
    pub(crate) async fn submit(&mut self, world: &World, page: &Answer, fields: &[(&str, &str)]) -> Answer {
        let form = page.text.split("<form").nth(1).and_then(|rest| rest.split("</form>").next()).unwrap_or_default();
        assert!(!form.is_empty(), "no form on this page: {}", page.text);
        let mut values: Vec<(String, String)> = inputs(form);
        for (name, value) in fields {
            values.retain(|(known, _)| known != name);
            values.push(((*name).to_owned(), (*value).to_owned()));
        }
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&values).finish();
        let action = attribute(form, "action").unwrap_or_else(|| self.at.clone());
        self.go(world, "POST", &action, &body).await
    }

    /// Signs in on the sign-in page.
    pub(crate) async fn sign_in(&mut self, world: &World, page: &Answer, name: &str, password: &str) -> Answer {
        self.submit(world, page, &[("username", name), ("password", password), ("action", "sign-in")]).await
    }

    /// Where it is now.
    pub(crate) fn at(&self) -> &str {
        &self.at
    }

    async fn go(&mut self, world: &World, method: &str, url: &str, body: &str) -> Answer {
        let (mut method, mut url, mut body) = (method.to_owned(), self.absolute(world, url), body.to_owned());
        for _ in 0..8 {
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let cookies = cookies.join("; ");
            let mut headers = vec![("accept", "text/html")];
            if !cookies.is_empty() {
                headers.push(("cookie", cookies.as_str()));
            }
            if method == "POST" {
                headers.push(("content-type", "application/x-www-form-urlencoded"));
            }
            let answer = world.ask(&method, &url, &headers, &body).await;
            self.at = url.clone();
            for cookie in answer.headers.get_all("set-cookie") {
                let cookie = cookie.to_str().unwrap();
                let attributes = cookie.to_ascii_lowercase();
                for needed in ["; httponly", "; secure", "; samesite="] {
                    assert!(attributes.contains(needed), "{cookie}");
                }
                let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            let refresh = answer.text.split("0;url=").nth(1).and_then(|rest| rest.split('"').next());
            let next = match answer.status {
                302 | 303 => answer.header("location").to_owned(),
                200 if refresh.is_some() => refresh.unwrap_or_default().to_owned(),
                _ => return answer,
            };
            url = self.absolute(world, &next);
            (method, body) = ("GET".to_owned(), String::new());
        }
        panic!("it leads on and on, now to {url}");
    }

    fn absolute(&self, world: &World, url: &str) -> String {
        if url.starts_with("https://") {
            return url.to_owned();
        }
        let origin = self.at.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        format!("{}{url}", if origin.is_empty() { world.origin() } else { origin })
    }
}

/// The page's heading.
pub(crate) fn heading(page: &Answer) -> &str {
    page.text.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next()).unwrap_or_default()
}

fn inputs(form: &str) -> Vec<(String, String)> {
    let tags = form.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
    tags.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default()))).collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
    Some(
        value
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}
