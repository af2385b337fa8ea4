//! Tokens of outside issuers that are at hand: with one, the way in of an application that has no secret
//! is proved from here too.

use std::sync::Arc;

use keyholder_client::credential::federated::TokenSource;
use keyholder_client::{CredentialChoice, Error as ClientError, FederatedToken, Http};
use keyholder_entra::assertion::AssertionClaims;
use keyholder_entra::jws::Compact;
use keyholder_foundation::ClientId;

use crate::declaration::Federation;

/// Somebody here who hands out tokens of an outside issuer, and what those say.
#[derive(Debug, Clone)]
pub struct OutsideToken {
    source: Arc<dyn TokenSource>,
    place: String,
    issuer: String,
    subject: String,
    audiences: Vec<String>,
}

impl OutsideToken {
    /// Asks for a token, and reads what it says. Nobody has to believe it yet: the token service will
    /// look at its signature. `place` is where it comes from, for people.
    ///
    /// # Errors
    /// As [`TokenSource::token`], and when it says nothing that can be read.
    pub async fn read(
        source: Arc<dyn TokenSource>,
        place: impl Into<String>,
        audience: &str,
        http: &Http,
    ) -> Result<Self, ClientError> {
        let place = place.into();
        let token = source.token(audience, http).await?;
        let claims: Option<AssertionClaims> = Compact::parse(token.expose()).ok().and_then(|token| token.claims().ok());
        let Some(AssertionClaims { iss: Some(issuer), sub: Some(subject), aud: audiences, .. }) = claims else {
            let found = "a token that names neither issuer nor subject".to_owned();
            return Err(ClientError::Protocol { origin: place, found });
        };
        Ok(Self { source, place, issuer, subject, audiences })
    }

    /// Where it comes from.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether an application that accepts this accepts these tokens: letter by letter, as the
    /// directory compares.
    #[must_use]
    pub fn fits(&self, wanted: &Federation) -> bool {
        self.issuer == wanted.issuer && self.subject == wanted.subject && self.audiences.contains(&wanted.audience)
    }

    /// An application's sign-in with these tokens.
    pub(crate) fn credential(&self, client_id: ClientId) -> CredentialChoice {
        CredentialChoice::Own(Arc::new(FederatedToken::new(client_id, self.source.clone())))
    }
}
