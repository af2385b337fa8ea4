//! A credential of Keyholder's, as one of the SDK's.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use azure_core::time::OffsetDateTime;
use keyholder_client::{Dataverse, Http, Tokens};

/// Tokens of Keyholder's for the Azure SDK's clients: got once however many ask, and renewed before they end.
///
/// The tokens' authority decides who signs in where; a client of the SDK's says for what, by one scope, like
/// `https://vault.azure.net/.default`.
///
/// ```no_run
/// # async fn example(org: keyholder_client::Dataverse) -> azure_core::Result<()> {
/// use azure_core::credentials::TokenCredential;
/// use keyholder_azure_adapter::ForAzure;
///
/// // Whoever signs in to the org reads the vault.
/// let credential = std::sync::Arc::new(ForAzure::of(&org));
/// let token = credential.get_token(&["https://vault.azure.net/.default"], None).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ForAzure {
    tokens: Arc<Tokens>,
    http: Http,
}

impl ForAzure {
    /// The tokens of any credential; `http` is what they are fetched with.
    #[must_use]
    pub fn new(tokens: Arc<Tokens>, http: Http) -> Self {
        Self { tokens, http }
    }

    /// The tokens of whoever signs in to that org.
    #[must_use]
    pub fn of(org: &Dataverse) -> Self {
        Self::new(org.tokens().clone(), org.http().clone())
    }
}

#[async_trait::async_trait]
impl TokenCredential for ForAzure {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let [scope] = scopes else {
            let problem = format!("a token is asked for by one scope, and not by {}", scopes.len());
            return Err(Error::with_message(ErrorKind::Credential, problem));
        };
        let token = self.tokens.get(scope).await.map_err(|error| {
            let text = std::iter::once(error.to_string()).chain(error.hints()).collect::<Vec<_>>().join("; ");
            Error::with_error(ErrorKind::Credential, error, text)
        })?;
        // It ends by the server's clock; the SDK compares with this machine's.
        let ends = token.expires_at().as_millis().saturating_sub(self.http.clock().ahead_millis());
        let ends = Duration::from_millis(u64::try_from(ends).unwrap_or(0));
        let ends = OffsetDateTime::UNIX_EPOCH.checked_add(ends.try_into().unwrap_or_default());
        let ends = ends.ok_or_else(|| Error::with_message(ErrorKind::Credential, "a token without an end"))?;
        Ok(AccessToken::new(Secret::new(token.secret().expose().to_owned()), ends))
    }
}
