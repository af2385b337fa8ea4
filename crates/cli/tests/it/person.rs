//! A person at a browser: as much of one as the local org's sign-in pages need.

use std::collections::BTreeMap;

use keyholder_testkit::{Answer, World};

/// What the browser keeps, and where it is.
#[derive(Debug, Default)]
pub(crate) struct Person {
    cookies: BTreeMap<String, String>,
}

/// Where a step led.
#[derive(Debug)]
pub(crate) enum Led {
    /// To a page of the org's.
    Page(Answer),
    /// To an address that is not the org's: the waiting program's.
    Back(String),
}

impl Led {
    fn page(self) -> Answer {
        match self {
            Self::Page(page) => page,
            Self::Back(address) => panic!("it led back to {address} too early"),
        }
    }
}

impl Person {
    /// Opens the address that a program showed, and signs in as the world's administrator. Gives
    /// where that leads.
    pub(crate) async fn sign_in(&mut self, world: &World, address: &str) -> Led {
        let admin = world.admin();
        self.led(world, address, &admin.username, admin.password.expose()).await
    }

    /// Opens a page of the org's and signs in. Gives the page that comes then.
    pub(crate) async fn sign_in_as(&mut self, world: &World, address: &str, name: &str, password: &str) -> Answer {
        self.led(world, address, name, password).await.page()
    }

    async fn led(&mut self, world: &World, address: &str, name: &str, password: &str) -> Led {
        let page = self.go(world, "GET", address, "").await.page();
        let fields = [("username", name), ("password", password), ("action", "sign-in")];
        self.submit(world, &page, &fields).await
    }

    /// Opens a consent page as the administrator of whom it asks, signs in, and lets the application in.
    pub(crate) async fn consent(&mut self, world: &World, address: &str, name: &str, password: &str) -> Answer {
        let page = self.go(world, "GET", address, "").await.page();
        let fields = [("username", name), ("password", password), ("action", "sign-in")];
        let page = self.submit(world, &page, &fields).await.page();
        assert!(page.text.contains("Permissions requested"), "{}", page.text);
        self.submit(world, &page, &[("action", "accept")]).await.page()
    }

    /// Types a device code in, signs in, and presses a button.
    pub(crate) async fn enter_code(&mut self, world: &World, address: &str, code: &str, button: &str) {
        let page = self.go(world, "GET", address, "").await.page();
        let page = self.submit(world, &page, &[("action", "code"), ("user_code", code)]).await.page();
        let admin = world.admin();
        let fields =
            [("username", admin.username.as_str()), ("password", admin.password.expose()), ("action", "sign-in")];
        let page = self.submit(world, &page, &fields).await.page();
        assert!(page.text.contains("Are you trying to sign in?"), "{}", page.text);
        let page = self.submit(world, &page, &[("action", button)]).await.page();
        assert_eq!(page.status, 200, "{}", page.text);
    }

    /// Fills in the page's form and sends it.
    async fn submit(&mut self, world: &World, page: &Answer, fields: &[(&str, &str)]) -> Led {
        let form = page.text.split("<form").nth(1).and_then(|rest| rest.split("</form>").next()).unwrap_or_default();
        assert!(!form.is_empty(), "no form on this page: {}", page.text);
        let inputs = form.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
        let mut values: BTreeMap<String, String> = inputs
            .filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default())))
            .collect();
        values.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&values).finish();
        let action = attribute(form, "action").expect("the form says where it goes");
        self.go(world, "POST", &action, &body).await
    }

    async fn go(&mut self, world: &World, method: &str, address: &str, body: &str) -> Led {
        let (mut method, mut address, mut body) = (method.to_owned(), address.to_owned(), body.to_owned());
        for _ in 0..8 {
            if address.starts_with("http://") {
                return Led::Back(address);
            }
            let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let cookies = cookies.join("; ");
            let mut headers = vec![("accept", "text/html"), ("cookie", cookies.as_str())];
            if method == "POST" {
                headers.push(("content-type", "application/x-www-form-urlencoded"));
            }
            let answer = world.ask(&method, &address, &headers, &body).await;
            for cookie in answer.headers.get_all("set-cookie") {
                let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
            let refresh = answer.text.split("0;url=").nth(1).and_then(|rest| rest.split('"').next());
            address = match (answer.status, refresh) {
                (302 | 303, _) => answer.header("location").to_owned(),
                (200, Some(refresh)) => refresh.to_owned(),
                _ => return Led::Page(answer),
            };
            (method, body) = ("GET".to_owned(), String::new());
        }
        panic!("it leads on and on, now to {address}");
    }
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
