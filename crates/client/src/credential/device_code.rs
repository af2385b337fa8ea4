//! Device code: a person signs in with any browser anywhere, by a short code that this program shows
//! (RFC 8628).

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use keyholder_entra::token::DeviceAuthorization;
use keyholder_foundation::{ClientId, WallClock};

use super::Credential;
use super::grant::Grant;
use super::person::{Session, SignedIn, declined, scope_with_session};
use crate::authority::Authority;
use crate::error::refusal::cut;
use crate::error::{Error, SignInError, Unreachable};
use crate::token::AccessToken;
use crate::wire::{Http, json};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What `slow_down` adds to the wait (RFC 8628 section 3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// No service may have us wait longer between two questions.
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);
/// No service may have us wait longer in all; Entra says 15 minutes.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What the person has to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCodePrompt {
    /// Where to go: `https://microsoft.com/devicelogin`.
    pub verification_uri: String,
    /// What to type there.
    pub user_code: String,
    /// Both in a sentence, as the service words it.
    pub message: String,
    /// How long the code is good.
    pub good_for: Duration,
}

/// Shows a person the code; called once for each sign-in.
pub trait ShowDeviceCode: Send + Sync + Debug {
    /// Shows it, and returns at once.
    fn show(&self, prompt: &DeviceCodePrompt);
}

/// A person who signs in elsewhere.
///
/// ```
/// use std::sync::Arc;
/// use keyholder_client::credential::{AZURE_CLI, Credential, DeviceCode, DeviceCodePrompt, ShowDeviceCode};
///
/// #[derive(Debug)]
/// struct Terminal;
///
/// impl ShowDeviceCode for Terminal {
///     fn show(&self, prompt: &DeviceCodePrompt) {
///         eprintln!("open {} and enter {}", prompt.verification_uri, prompt.user_code);
///     }
/// }
///
/// let credential = DeviceCode::new(AZURE_CLI, Arc::new(Terminal));
/// assert!(credential.is_person());
/// ```
#[derive(Debug)]
pub struct DeviceCode {
    client_id: ClientId,
    show: Arc<dyn ShowDeviceCode>,
    session: Session,
}

impl DeviceCode {
    /// Signs in through the public client `client_id`, whose codes are shown by `show`.
    #[must_use]
    pub fn new(client_id: ClientId, show: Arc<dyn ShowDeviceCode>) -> Self {
        Self { client_id, show, session: Session::default() }
    }

    /// Signs a person in now, whatever went before.
    ///
    /// # Errors
    /// [`SignInError::Declined`], [`SignInError::TimedOut`], [`Error::TokenRefused`], and what the
    /// transport came to.
    pub async fn sign_in(&self, authority: &Authority, scope: &str, http: &Http) -> Result<SignedIn, Error> {
        let (client_id, scope) = (self.client_id.to_string(), scope_with_session(scope));
        let start = Grant::form().field("client_id", &client_id).field("scope", &scope);
        let (url, answer) = start.post(authority, "oauth2/v2.0/devicecode", http).await?;
        let code: DeviceAuthorization = json(&url, &answer)?;
        let seconds = |number: i64| Duration::from_secs(u64::try_from(number).unwrap_or(0));
        let good_for = seconds(code.expires_in).min(LONGEST_WAIT);
        let ends = http.clock().now().plus(good_for);
        self.show.show(&DeviceCodePrompt {
            verification_uri: cut(&code.verification_uri),
            user_code: cut(&code.user_code),
            message: cut(&code.message),
            good_for,
        });
        let timed_out = || Error::from(SignInError::TimedOut { seconds: good_for.as_secs() });
        let mut interval = seconds(code.interval.max(1)).min(LONGEST_INTERVAL);
        loop {
            http.sleep(interval).await;
            if http.clock().now() >= ends {
                return Err(timed_out());
            }
            let question =
                Grant::new(GRANT).field("client_id", &client_id).secret("device_code", code.device_code.expose());
            let refusal = match question.ask(authority, http).await {
                Ok(answer) => return SignedIn::read(authority, &answer, http),
                // A question that got lost may be asked again, but less often (RFC 8628 section 3.5).
                Err(Error::Unreachable { cause: Unreachable::Lost(_) | Unreachable::TimedOut, .. }) => {
                    interval = interval.saturating_mul(2).min(LONGEST_INTERVAL);
                    continue;
                }
                Err(Error::TokenRefused(refusal)) => refusal,
                Err(error) => return Err(error),
            };
            match refusal.error.as_str() {
                "authorization_pending" => {}
                "slow_down" => interval = (interval + SLOWER).min(LONGEST_INTERVAL),
                "expired_token" => return Err(timed_out()),
                other => return Err(declined(other).map_or(Error::TokenRefused(refusal), Error::from)),
            }
        }
    }
}

impl Credential for DeviceCode {
    fn client_id(&self) -> ClientId {
        self.client_id
    }

    fn is_person(&self) -> bool {
        true
    }

    fn fetch<'a>(
        &'a self,
        authority: &'a Authority,
        scope: &'a str,
        http: &'a Http,
    ) -> BoxFuture<'a, Result<AccessToken, Error>> {
        Box::pin(async move {
            let sign_in = || self.sign_in(authority, scope, http);
            self.session.fetch(self.client_id, authority, scope, http, sign_in).await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::credential::AZURE_CLI;
    use crate::testing::{Script, answer};
    use keyholder_foundation::{ManualClock, Timestamp};
    use url::Url;

    const START: &str = "POST /t/oauth2/v2.0/devicecode";
    const POST: &str = "POST /t/oauth2/v2.0/token";

    #[derive(Debug, Default)]
    struct Shown(Mutex<Vec<DeviceCodePrompt>>);

    impl ShowDeviceCode for Shown {
        fn show(&self, prompt: &DeviceCodePrompt) {
            self.0.lock().unwrap().push(prompt.clone());
        }
    }

    struct Case {
        script: Arc<Script>,
        http: Http,
        clock: Arc<ManualClock>,
        shown: Arc<Shown>,
        credential: DeviceCode,
    }

    impl Case {
        fn new() -> Self {
            let (script, http, clock) = Script::with_clock();
            let shown = Arc::new(Shown::default());
            let credential = DeviceCode::new(AZURE_CLI, shown.clone());
            let case = Self { script, http, clock, shown, credential };
            case.start();
            case
        }

        fn start(&self) {
            let body = r#"{"user_code":"BCDFGHJKL","device_code":"device-code-value","interval":5,"expires_in":900,
                "verification_uri":"https://microsoft.com/devicelogin","message":"To sign in, ..\u001b[2J"}"#;
            self.script.expect(START, answer(200, &[], body));
        }

        fn refuse(&self, error: &str) {
            let body = format!(r#"{{"error":"{error}","error_description":"AADSTS1: device-code-value"}}"#);
            self.script.expect(POST, answer(400, &[], &body));
        }

        fn accept(&self) {
            let body = r#"{"expires_in":3599,"access_token":"tok","refresh_token":"refresh-value"}"#;
            self.script.expect(POST, answer(200, &[], body));
        }

        async fn fetch(&self, scope: &str) -> Result<AccessToken, Error> {
            let authority = Authority::new(&Url::parse("https://login.windows.net").unwrap(), "t").unwrap();
            self.credential.fetch(&authority, scope, &self.http).await
        }

        fn passed(&self) -> u64 {
            use keyholder_foundation::WallClock;
            self.clock.now().since(Timestamp::from_unix_seconds(1_800_000_000)).as_secs()
        }
    }

    #[tokio::test]
    async fn the_service_is_asked_as_often_as_it_says_and_less_when_it_asks_for_that() {
        let case = Case::new();
        case.refuse("authorization_pending");
        case.refuse("slow_down");
        case.script.lose(POST);
        case.accept();
        case.fetch("https://org.example/.default").await.unwrap();
        assert_eq!(case.passed(), 5 + 5 + 10 + 20);
        let shown = case.shown.0.lock().unwrap().clone();
        assert_eq!((shown.len(), shown[0].user_code.as_str()), (1, "BCDFGHJKL"));
        assert!(!shown[0].message.contains('\u{1b}'), "a service must not paint over the terminal");
    }

    #[tokio::test]
    async fn one_sign_in_opens_every_resource_and_ends_with_another() {
        let case = Case::new();
        case.accept();
        case.fetch("https://org.example/.default").await.unwrap();
        case.accept();
        case.fetch("https://graph.example/.default").await.unwrap();
        assert_eq!(case.shown.0.lock().unwrap().len(), 1);
        case.refuse("invalid_grant");
        case.start();
        case.accept();
        case.fetch("https://org.example/.default").await.unwrap();
        assert_eq!(case.shown.0.lock().unwrap().len(), 2);
        assert!(case.script.is_done());
        assert!(!format!("{:?}", case.credential).contains("refresh-value"));
    }

    #[tokio::test]
    async fn each_way_of_ending_has_its_own_error() {
        for (word, expected) in [
            ("authorization_declined", SignInError::Declined),
            ("expired_token", SignInError::TimedOut { seconds: 900 }),
        ] {
            let case = Case::new();
            case.refuse(word);
            let error = case.fetch("s").await.unwrap_err();
            assert!(matches!(&error, Error::SignIn(found) if *found == expected), "{error:?}");
        }
        let case = Case::new();
        case.refuse("bad_verification_code");
        let error = case.fetch("s").await.unwrap_err();
        assert!(matches!(error, Error::TokenRefused(_)) && !format!("{error:?}").contains("device-code-value"));
        let case = Case::new();
        (0..179).for_each(|_| case.refuse("authorization_pending"));
        let error = case.fetch("s").await.unwrap_err();
        assert!(matches!(error, Error::SignIn(SignInError::TimedOut { seconds: 900 })), "{error:?}");
        assert!(case.script.is_done());
    }
}
