use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use azure_core::credentials::{AccessToken as SdkToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind as SdkErrorKind;
use azure_core::time::OffsetDateTime;
use futures::future::BoxFuture;
use keyholder_client::error::{SignInError, Unreachable};
use keyholder_client::time::Sleep;
use keyholder_client::transport::Transport;
use keyholder_client::{AccessToken, Authority, Credential, Error, ErrorKind, Http, Tokens};
use keyholder_foundation::{ClientId, ManualClock, Secret, Timestamp, WallClock};

use crate::{ForAzure, FromAzure};

const SCOPE: &str = "https://contoso.crm4.dynamics.com/.default";
const NOW: i64 = 1_800_000_000;

/// Nothing is sent over it.
#[derive(Debug)]
struct Nowhere;

impl Transport for Nowhere {
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, Error>> {
        panic!("nobody is asked: {request:?}")
    }
}

type Bytes = azure_core::Bytes;

/// Ends at once, or never.
#[derive(Debug)]
struct Waits(bool);

impl Sleep for Waits {
    fn sleep(&self, _duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        if self.0 { Box::pin(std::future::ready(())) } else { Box::pin(std::future::pending()) }
    }
}

/// By a machine whose clock says `NOW`, while the servers' runs ten minutes ahead.
fn http(ends_waits: bool) -> Http {
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix_seconds(NOW)));
    let http = Http::new(Arc::new(Nowhere), clock, Arc::new(Waits(ends_waits)));
    let ahead = Timestamp::from_unix_seconds(NOW + 600).http_date();
    let date = http::HeaderValue::from_str(&ahead).unwrap();
    http.clock().observe(&http::HeaderMap::from_iter([(http::header::DATE, date)]));
    http
}

fn authority(login: &str) -> Authority {
    Authority::new(&login.parse().unwrap(), "contoso.example").unwrap()
}

fn id() -> ClientId {
    "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001".parse().unwrap()
}

/// What the SDK's side answers.
#[derive(Debug)]
enum Sdk {
    Token,
    Never,
    Fails(SdkErrorKind, &'static str),
}

#[async_trait::async_trait]
impl TokenCredential for Sdk {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<SdkToken> {
        assert_eq!(scopes, [SCOPE]);
        match self {
            Self::Token => {
                Ok(SdkToken::new("tok-value".to_owned(), OffsetDateTime::from_unix_timestamp(NOW + 3600).unwrap()))
            }
            Self::Never => std::future::pending().await,
            Self::Fails(kind, text) => Err(azure_core::Error::with_message(kind.clone(), *text)),
        }
    }
}

async fn fetch(credential: &FromAzure, login: &str, http: &Http) -> Result<AccessToken, Error> {
    credential.fetch(&authority(login), SCOPE, http).await
}

const MICROSOFT: &str = "https://login.microsoftonline.com";

#[tokio::test]
async fn the_sdks_token_ends_when_the_servers_say_so() {
    let http = http(false);
    let credential = FromAzure::new(id(), Arc::new(Sdk::Token));
    let token = fetch(&credential, MICROSOFT, &http).await.unwrap();
    assert_eq!(token.secret().expose(), "tok-value");
    assert_eq!(token.expires_at(), Timestamp::from_unix_seconds(NOW + 600 + 3600));
    assert_eq!(http.clock().now(), Timestamp::from_unix_seconds(NOW + 600));
    assert!(!format!("{credential:?} {token:?}").contains("tok-value"));
    assert_eq!((credential.client_id(), credential.is_person()), (id(), false));
    assert!(credential.as_person().is_person());
}

#[tokio::test]
async fn the_sdks_tokens_are_for_the_token_service_that_makes_them() {
    let http = http(false);
    let credential = FromAzure::new(id(), Arc::new(Sdk::Token));
    let error = fetch(&credential, "https://localhost:8443", &http).await.unwrap_err();
    assert!(matches!(&error, Error::SignIn(SignInError::OtherAuthority { .. })), "{error}");
    let credential = credential.made_at("https://localhost:8443/".parse().unwrap());
    fetch(&credential, "https://localhost:8443", &http).await.unwrap();
    let error = fetch(&credential, MICROSOFT, &http).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the sign-in was made at https://localhost:8443; it is not sent to https://login.microsoftonline.com"
    );
}

#[tokio::test]
async fn what_the_sdk_says_is_sorted_as_our_own_refusals_are() {
    let http = http(false);
    let of = |kind, text| FromAzure::new(id(), Arc::new(Sdk::Fails(kind, text)));
    let wrong = of(SdkErrorKind::Credential, "authentication failed. AADSTS7000215: Invalid\nclient secret provided.");
    let error = fetch(&wrong, MICROSOFT, &http).await.unwrap_err();
    assert_eq!((error.aadsts(), error.kind(), error.hints().len()), (Some(7_000_215), ErrorKind::NotAllowed, 1));
    assert_eq!(
        error.to_string(),
        "the token service https://login.microsoftonline.com/contoso.example refused: AADSTS7000215: Invalid client secret provided."
    );
    let gone = of(SdkErrorKind::Connection, "nobody answered");
    let error = fetch(&gone, MICROSOFT, &http).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutOfReach);
    let odd = of(SdkErrorKind::Credential, "no credential is configured");
    let error = fetch(&odd, MICROSOFT, &http).await.unwrap_err();
    assert_eq!(error.to_string(), "the Azure SDK's credential gave no token: no credential is configured");
}

#[tokio::test]
async fn an_sdk_that_never_answers_is_not_waited_for_without_end() {
    let credential = FromAzure::new(id(), Arc::new(Sdk::Never));
    let error = fetch(&credential, MICROSOFT, &http(true)).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { cause: Unreachable::TimedOut, .. }), "{error}");
}

/// A credential of Keyholder's.
#[derive(Debug, Default)]
struct Own {
    asked: AtomicU32,
    refuses: bool,
}

impl Credential for Own {
    fn client_id(&self) -> ClientId {
        id()
    }

    fn fetch<'a>(
        &'a self,
        _authority: &'a Authority,
        _scope: &'a str,
        http: &'a Http,
    ) -> BoxFuture<'a, Result<AccessToken, Error>> {
        Box::pin(async move {
            self.asked.fetch_add(1, Ordering::SeqCst);
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            if self.refuses {
                return Err(SignInError::NoAzureCli.into());
            }
            let life = Duration::from_secs(3600);
            Ok(AccessToken::new(Secret::new("tok-value"), http.clock().now(), life).unwrap())
        })
    }
}

#[tokio::test]
async fn our_tokens_are_fetched_once_and_end_by_this_machines_clock() {
    let (http, own) = (http(false), Arc::new(Own::default()));
    let credential = ForAzure::new(Tokens::new(own.clone(), authority(MICROSOFT), http.clone()), http);
    let all = futures::future::join_all((0..20).map(|_| credential.get_token(&[SCOPE], None))).await;
    for token in all {
        let token = token.unwrap();
        assert_eq!(token.token.secret(), "tok-value");
        assert_eq!(token.expires_on.unix_timestamp(), NOW + 3600);
    }
    assert_eq!(own.asked.load(Ordering::SeqCst), 1);
    assert!(!format!("{credential:?}").contains("tok-value"));
    for scopes in [&[][..], &[SCOPE, "https://vault.azure.net/.default"]] {
        let error = credential.get_token(scopes, None).await.unwrap_err();
        assert!(error.to_string().contains("by one scope"), "{error}");
    }
    assert_eq!(own.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn our_refusals_reach_the_sdk_with_what_to_do() {
    let (http, own) = (http(false), Arc::new(Own { refuses: true, ..Own::default() }));
    let credential = ForAzure::new(Tokens::new(own, authority(MICROSOFT), http.clone()), http);
    let error = credential.get_token(&[SCOPE], None).await.unwrap_err();
    assert!(matches!(error.kind(), SdkErrorKind::Credential));
    assert!(error.to_string().contains("is not on the PATH; install it"), "{error}");
    let source = std::error::Error::source(&error).unwrap().downcast_ref::<Error>();
    assert!(matches!(source, Some(Error::SignIn(SignInError::NoAzureCli))), "{source:?}");
}

#[tokio::test]
async fn there_and_back_again_is_the_same_token() {
    let (http, own) = (http(false), Arc::new(Own::default()));
    let ours = ForAzure::new(Tokens::new(own, authority(MICROSOFT), http.clone()), http.clone());
    let back = FromAzure::new(id(), Arc::new(ours));
    let token = fetch(&back, MICROSOFT, &http).await.unwrap();
    assert_eq!(token.expires_at(), Timestamp::from_unix_seconds(NOW + 600 + 3600));
}
