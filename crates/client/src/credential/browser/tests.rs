use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;

use keyholder_foundation::{ManualClock, SeededRandom, Timestamp};

use super::*;
use crate::credential::AZURE_CLI;
use crate::testing::{Script, answer};
use crate::time::RuntimeSleep;

const POST: &str = "POST /t/oauth2/v2.0/token";

/// A browser that goes straight back, after some requests of others.
#[derive(Debug, Default)]
struct Returning {
    /// What it brings beside the state.
    brings: &'static str,
    pages: Mutex<Vec<Url>>,
    answers: Arc<Mutex<Vec<String>>>,
}

impl OpenPage for Returning {
    fn open(&self, page: &Url) {
        self.pages.lock().unwrap().push(page.clone());
        let value = |name: &str| page.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        let (back, state) = (Url::parse(&value("redirect_uri")).unwrap(), value("state"));
        let targets = [
            "/favicon.ico".to_owned(),
            format!("/?{}&state=guessed", self.brings),
            format!("/?{}&state={state}", self.brings),
        ];
        let answers = self.answers.clone();
        std::thread::spawn(move || {
            for target in targets {
                let mut stream = TcpStream::connect(("127.0.0.1", back.port().unwrap())).unwrap();
                write!(stream, "GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
                let mut text = String::new();
                stream.read_to_string(&mut text).unwrap();
                answers.lock().unwrap().push(text);
            }
        });
    }
}

async fn sign_in(brings: &'static str) -> (Result<SignedIn, Error>, Arc<Returning>, Arc<Script>) {
    let script = Arc::new(Script::default());
    let body = r#"{"expires_in":3599,"access_token":"tok","refresh_token":"refresh-value"}"#;
    script.expect(POST, answer(200, &[], body));
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix_seconds(1_800_000_000)));
    let http = Http::new(script.clone(), clock, Arc::new(RuntimeSleep));
    let returning = Arc::new(Returning { brings, ..Returning::default() });
    let credential = Browser::new(AZURE_CLI, returning.clone()).with_random(Arc::new(SeededRandom::new(3)));
    let authority = Authority::new(&Url::parse("https://login.windows.net").unwrap(), "t").unwrap();
    let outcome = credential.sign_in(&authority, "https://org.example/.default", &http).await;
    (outcome, returning, script)
}

#[tokio::test]
async fn the_code_is_redeemed_with_the_verifier_of_its_challenge() {
    let (outcome, returning, script) = sign_in("code=the-code").await;
    assert_eq!(outcome.unwrap().access_token.secret().expose(), "tok");
    let page = returning.pages.lock().unwrap()[0].clone();
    let value = |name: &str| page.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    assert_eq!((page.path(), value("code_challenge_method").as_str()), ("/t/oauth2/v2.0/authorize", "S256"));
    assert_eq!(value("prompt"), "select_account");
    let seen = script.seen();
    let form: Vec<(String, String)> = form_urlencoded::parse(seen[0].body()).into_owned().collect();
    let sent = |name: &str| form.iter().find(|(key, _)| key == name).unwrap().1.clone();
    assert_eq!((sent("code"), sent("redirect_uri")), ("the-code".to_owned(), value("redirect_uri")));
    assert_eq!(value("code_challenge"), base64url::encode(digest(&SHA256, sent("code_verifier").as_bytes())));
    assert!(!page.as_str().contains(&sent("code_verifier")), "the verifier stays here");
}

#[tokio::test]
async fn others_who_find_the_port_neither_end_the_sign_in_nor_learn_anything() {
    let (outcome, returning, _) = sign_in("code=the-code").await;
    outcome.unwrap();
    let answers = returning.answers.clone();
    // The last answer may still be on its way into the list.
    while answers.lock().unwrap().len() < 3 {
        tokio::task::yield_now().await;
    }
    let answers = answers.lock().unwrap().clone();
    assert!(answers[0].starts_with("HTTP/1.1 404") && answers[1].starts_with("HTTP/1.1 404"), "{answers:?}");
    assert!(answers[2].starts_with("HTTP/1.1 200") && answers[2].contains("You may close this page"), "{answers:?}");
    assert!(answers.iter().all(|text| text.contains("default-src 'none'") && !text.contains("the-code")));
}

#[tokio::test]
async fn a_page_that_ends_without_a_code_says_why() {
    let (outcome, ..) = sign_in("error=access_denied&error_description=AADSTS65004%3A+declined").await;
    assert!(matches!(outcome, Err(Error::SignIn(SignInError::Declined))), "{outcome:?}");
    let (outcome, ..) = sign_in("error=server_error&error_description=AADSTS90033%3A+later%1b").await;
    let error = outcome.unwrap_err();
    assert_eq!(error.to_string(), "the sign-in page ended with server_error: AADSTS90033: later ");
}

#[tokio::test]
async fn nobody_is_waited_for_without_end() {
    #[derive(Debug)]
    struct Nobody;
    impl OpenPage for Nobody {
        fn open(&self, _page: &Url) {}
    }
    let (_, http) = Script::http();
    let authority = Authority::new(&Url::parse("https://login.windows.net").unwrap(), "t").unwrap();
    let error = Browser::new(AZURE_CLI, Arc::new(Nobody)).sign_in(&authority, "s", &http).await.unwrap_err();
    assert!(matches!(error, Error::SignIn(SignInError::TimedOut { seconds: 300 })), "{error:?}");
}
