//! A credential of the SDK's, as one of Keyholder's.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use futures::FutureExt;
use futures::future::{BoxFuture, Either};
use keyholder_client::error::{SignInError, TokenRefusal, Unreachable};
use keyholder_client::transport::origin_of;
use keyholder_client::{AccessToken, Authority, Credential, Error, Http, cloud};
use keyholder_foundation::{ClientId, Secret, Timestamp, WallClock};
use url::Url;

/// How long the SDK may take, which tries again by rules of its own.
const DEADLINE: Duration = Duration::from_secs(120);
/// Longest text of the SDK's that is kept, in characters.
const LONGEST: usize = 2_000;

/// A credential of the Azure SDK's that signs in to an org.
///
/// The SDK does not tell where a credential of its own signs in, so that an org of somebody else's, with a token service
/// of its own, could be handed one of Microsoft's tokens: such a credential is asked only for orgs that Microsoft's token
/// services look after, or the one that [`FromAzure::made_at`] names.
///
/// ```no_run
/// # async fn example(
/// #     sdk: std::sync::Arc<dyn azure_core::credentials::TokenCredential>, http: keyholder_client::Http,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use keyholder_azure_adapter::FromAzure;
/// use keyholder_client::{Connection, CredentialChoice, Dataverse};
///
/// let client_id = "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001".parse()?;
/// let connection = Connection {
///     url: "https://contoso.crm4.dynamics.com".parse()?,
///     tenant: None,
///     authority: None,
///     client_id,
///     credential: CredentialChoice::Own(std::sync::Arc::new(FromAzure::new(client_id, sdk))),
///     ca_file: None,
/// };
/// let org = Dataverse::connect(&connection, http).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct FromAzure {
    client_id: ClientId,
    credential: Arc<dyn TokenCredential>,
    made_at: Option<Url>,
    is_person: bool,
}

impl FromAzure {
    /// The application `client_id` (or the public client of that id) signs in by `credential`.
    #[must_use]
    pub fn new(client_id: ClientId, credential: Arc<dyn TokenCredential>) -> Self {
        Self { client_id, credential, made_at: None, is_person: false }
    }

    /// The credential signs in at the token service of this origin, which is none of Microsoft's: a local org's.
    #[must_use]
    pub fn made_at(mut self, login: Url) -> Self {
        self.made_at = Some(login);
        self
    }

    /// A person stands behind the credential.
    #[must_use]
    pub fn as_person(mut self) -> Self {
        self.is_person = true;
        self
    }

    async fn ask(&self, authority: &Authority, scope: &str, http: &Http) -> Result<AccessToken, Error> {
        let login = authority.login();
        let is_its_own = match &self.made_at {
            Some(made_at) => made_at.origin() == login.origin(),
            None => cloud::is_microsoft_login(login),
        };
        if !is_its_own {
            let made_at = self.made_at.as_ref().map_or("one of Microsoft's token services".to_owned(), origin_of);
            return Err(SignInError::OtherAuthority { made_at, asked_by: origin_of(login) }.into());
        }
        let scopes = [scope];
        let token = self.credential.get_token(&scopes, None);
        let deadline = http.sleep(DEADLINE).boxed();
        let token = match futures::future::select(token, deadline).await {
            Either::Left((token, _)) => token.map_err(|error| refused(authority, &error))?,
            Either::Right(_) => {
                return Err(Error::Unreachable { origin: origin_of(login), cause: Unreachable::TimedOut });
            }
        };
        // The SDK dates it by this machine's clock; tokens end by the server's.
        let now = http.clock().now();
        let local = now.as_millis().saturating_sub(http.clock().ahead_millis());
        let ends = i64::try_from(token.expires_on.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
        let life = Timestamp::from_millis(ends).since(Timestamp::from_millis(local));
        AccessToken::new(Secret::new(token.token.secret()), now, life).ok_or_else(|| Error::Protocol {
            origin: origin_of(login),
            found: "a token that fits into no header".to_owned(),
        })
    }
}

impl Credential for FromAzure {
    fn client_id(&self) -> ClientId {
        self.client_id
    }

    fn is_person(&self) -> bool {
        self.is_person
    }

    fn fetch<'a>(
        &'a self,
        authority: &'a Authority,
        scope: &'a str,
        http: &'a Http,
    ) -> BoxFuture<'a, Result<AccessToken, Error>> {
        Box::pin(self.ask(authority, scope, http))
    }
}

/// What the SDK said, sorted as Keyholder's own refusals are.
fn refused(authority: &Authority, error: &azure_core::Error) -> Error {
    let text = words(error);
    if let ErrorKind::Connection | ErrorKind::Io = error.kind() {
        return Error::Unreachable { origin: origin_of(authority.login()), cause: Unreachable::Other(text) };
    }
    let number = text.split_once("AADSTS").map(|(_, rest)| rest.chars().take_while(char::is_ascii_digit));
    match number.and_then(|digits| digits.collect::<String>().parse().ok()) {
        None => SignInError::Library { from: "the Azure SDK's credential".to_owned(), problem: text }.into(),
        Some(code) => {
            let (_, said) = text.split_once(&format!("AADSTS{code}")).unwrap_or_default();
            let description = said.trim_start_matches(':').trim().to_owned();
            Error::TokenRefused(Box::new(TokenRefusal {
                authority: authority.to_string(),
                status: 401,
                error: String::new(),
                code: Some(code),
                description,
                correlation_id: None,
                retry_after: None,
            }))
        }
    }
}

/// The errors' texts on one line, each once.
fn words(error: &azure_core::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    let clean = text.chars().map(|character| if character.is_control() { ' ' } else { character });
    clean.take(LONGEST).collect()
}
