//! What is kept in a browser: its session, and a secret that proves that a form came from a page of
//! ours to this very browser.
//!
//! Both are cookies that no script reads and no other host sets (`__Host-`). The proof in a form is an
//! HMAC over what the form is about, keyed with the secret: nobody who cannot read the cookie can make
//! one, and one of another form does not fit. Nothing of it is kept here, so any node can check it.

use aws_lc_rs::hmac;
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Response};
use keyholder_entra::base64url;
use keyholder_foundation::Secret;

use crate::Identity;
use crate::directory::Refusal;
use crate::directory::people::Person;
use crate::directory::sessions::Session;
use crate::login::session_token::{Purpose, SessionToken, session_token};

/// How long a browser's session is good: a working day and a night.
const GOOD: std::time::Duration = std::time::Duration::from_secs(86_400);
/// The bytes of a form's secret.
const SECRET: usize = 32;

/// Who is signed in in a browser.
#[derive(Debug, Clone)]
pub(in crate::login) struct Visitor {
    pub(in crate::login) person: Person,
    pub(in crate::login) session: Session,
}

/// A browser, as its request shows it.
#[derive(Debug)]
pub(crate) struct Browser {
    secret: Vec<u8>,
    /// Whether it does not have the secret yet.
    is_new: bool,
    session: Option<String>,
    secure: bool,
    /// The cookies that the response sets.
    set: Vec<HeaderValue>,
}

impl Browser {
    /// The browser that sent these headers.
    pub(crate) fn of(identity: &Identity, headers: &HeaderMap) -> Self {
        let secure = identity.origin.starts_with("https://");
        let find = |name| cookie(headers, &cookie_name(name, secure));
        let known = find("form").and_then(|text| base64url::decode(&text).ok()).filter(|secret| secret.len() == SECRET);
        let is_new = known.is_none();
        let secret = known.unwrap_or_else(|| {
            let mut fresh = vec![0; SECRET];
            identity.random.fill(&mut fresh);
            fresh
        });
        Self { secret, is_new, session: find("session"), secure, set: Vec::new() }
    }

    /// The proof for a form about `journey`.
    pub(in crate::login) fn proof(&self, journey: &str) -> String {
        base64url::encode(hmac::sign(&self.key(), journey.as_bytes()))
    }

    /// Whether a form about `journey` came from a page of ours to this browser.
    pub(in crate::login) fn is_proved(&self, journey: &str, proof: &str) -> bool {
        let tag = base64url::decode(proof).unwrap_or_default();
        !self.is_new && hmac::verify(&self.key(), journey.as_bytes(), &tag).is_ok()
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &self.secret)
    }

    /// Who is signed in.
    pub(crate) async fn person(&self, identity: &Identity) -> Result<Option<Person>, Refusal> {
        Ok(self.visitor(identity).await?.map(|visitor| visitor.person))
    }

    /// Who is signed in: by a session that is good, of a person who may sign in.
    pub(in crate::login) async fn visitor(&self, identity: &Identity) -> Result<Option<Visitor>, Refusal> {
        let Some(token) = self.session.as_deref().and_then(|text| SessionToken::parse(text, Purpose::Browser)) else {
            return Ok(None);
        };
        let now = identity.clocks.now();
        if now >= token.issued.plus(GOOD) {
            return Ok(None);
        }
        let session = identity.directory.find_session(token.tenant, token.session).await?;
        let session = session.filter(|session| token.is_of(session) && session.revoked.is_none());
        let Some(session) = session.filter(|session| session.client.is_none()) else { return Ok(None) };
        let person = identity.directory.find_person(token.tenant, session.user).await?;
        let person = person.filter(|person| crate::login::person::check_standing(person, now).is_ok());
        Ok(person.map(|person| Visitor { person, session }))
    }

    /// Signs a visitor in: the next response sets the cookie.
    pub(in crate::login) fn sign_in(&mut self, identity: &Identity, visitor: &Visitor) {
        let now = identity.clocks.now();
        let token = session_token(visitor.person.tenant, &visitor.session, Purpose::Browser, now);
        self.set_cookie("session", &token);
    }

    /// Signs out: the next response removes the cookie.
    pub(in crate::login) async fn sign_out(&mut self, identity: &Identity) -> Result<(), Refusal> {
        if let Some(visitor) = self.visitor(identity).await? {
            identity.directory.end_session(visitor.person.tenant, visitor.session.id).await?;
        }
        let name = cookie_name("session", self.secure);
        let secure = if self.secure { "; Secure" } else { "" };
        let gone = format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}");
        self.set.extend(HeaderValue::from_str(&gone));
        Ok(())
    }

    fn set_cookie(&mut self, name: &'static str, value: &Secret) {
        let name = cookie_name(name, self.secure);
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!("{name}={}; Path=/; HttpOnly; SameSite=Lax{secure}", value.expose());
        if let Ok(mut value) = HeaderValue::from_str(&text) {
            value.set_sensitive(true);
            self.set.push(value);
        }
    }

    /// Puts the cookies on a response.
    pub(in crate::login) fn keep<T>(&mut self, mut response: Response<T>) -> Response<T> {
        if self.is_new {
            let secret = Secret::new(base64url::encode(&self.secret));
            self.set_cookie("form", &secret);
        }
        for cookie in self.set.drain(..) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        response
    }
}

/// A cookie's whole name. Without TLS no browser would keep one with the prefix.
fn cookie_name(name: &'static str, secure: bool) -> String {
    let prefix = if secure { "__Host-" } else { "" };
    format!("{prefix}keyholder-{name}")
}

/// The value of a cookie; none when there is none, or more than one of that name.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(known, _)| *known == name).map(|(_, value)| value);
    let value = values.next()?;
    (values.next().is_none() && value.len() <= 1024).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cookie_is_found_among_others_and_never_guessed() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; keyholder-form=x=y;b=2"));
        headers.append(COOKIE, HeaderValue::from_static("c=3"));
        assert_eq!(cookie(&headers, "keyholder-form").as_deref(), Some("x=y"));
        assert_eq!(cookie(&headers, "c").as_deref(), Some("3"));
        assert_eq!(cookie(&headers, "form"), None);
        headers.append(COOKIE, HeaderValue::from_static("c=4"));
        assert_eq!(cookie(&headers, "c"), None, "which of the two is ours cannot be known");
    }

    proptest! {
        #[test]
        fn any_cookie_is_read_without_panic(bytes: Vec<u8>) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.insert(COOKIE, value);
                let _ = cookie(&headers, "a");
            }
        }
    }
}
