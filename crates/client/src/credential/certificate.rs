//! A certificate: the client credentials grant with an assertion that the certificate's private key
//! signs (RFC 7523; Microsoft's "Microsoft identity platform application authentication certificate
//! credentials"). The key never leaves this process.

mod der;
mod pem;
mod pfx;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use futures::future::BoxFuture;
use keyholder_entra::assertion::JWT_BEARER;
use keyholder_entra::base64url;
use keyholder_entra::jws::{self, Header, Signer};
use keyholder_foundation::{ClientId, OsRandom, Random, Secret, Timestamp, WallClock};
use rustls::pki_types::pem::SectionKind;
use serde::Serialize;

use super::Credential;
use super::grant::{Grant, TOKEN, access_token};
use crate::authority::Authority;
use crate::error::{ConfigurationError, Error};
use crate::token::AccessToken;
use crate::wire::Http;

/// How long an assertion is good. It is used at once; the rest is for clocks that differ.
const LIFE: Duration = Duration::from_secs(600);

/// AADSTS700024: the assertion is not within its time.
const NOT_IN_TIME: u32 = 700_024;

/// How an assertion is signed, and how it names its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AssertionAlgorithm {
    /// RSASSA-PSS with SHA-256 and the SHA-256 thumbprint (`x5t#S256`), as Microsoft documents it
    /// today.
    #[default]
    Ps256,
    /// RSASSA-PKCS1 with SHA-256 and the SHA-1 thumbprint (`x5t`), for token services that know
    /// nothing newer.
    Rs256,
}

/// An application's certificate and its private key.
///
/// ```no_run
/// # fn example() -> Result<(), keyholder_client::Error> {
/// use keyholder_client::ClientCertificate;
///
/// let id = keyholder_foundation::ClientId(uuid::Uuid::from_u128(1));
/// let credential = ClientCertificate::read(id, std::path::Path::new("orders-sync.pem"))?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    client_id: ClientId,
    key: Arc<RsaKeyPair>,
    facts: CertificateFacts,
    algorithm: AssertionAlgorithm,
    random: Arc<dyn Random>,
}

/// What tells a certificate from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFacts {
    /// SHA-1 of the certificate (DER), in base64url: its `x5t`.
    pub sha1: String,
    /// SHA-256 of the certificate (DER), in base64url: its `x5t#S256`.
    pub sha256: String,
    /// When it ends, by its own word.
    pub not_after: Timestamp,
}

impl CertificateFacts {
    /// Whether Microsoft Graph's `customKeyIdentifier` is this certificate's SHA-1 thumbprint. It is base64
    /// of the bytes; the portals write them in hexadecimal digits.
    #[must_use]
    pub fn is_named(&self, custom_key_identifier: &str) -> bool {
        let Ok(own) = base64url::decode(&self.sha1) else { return false };
        let hex: String = own.iter().map(|byte| format!("{byte:02X}")).collect();
        let in_base64 = custom_key_identifier.trim_end_matches('=').replace('+', "-").replace('/', "_");
        in_base64 == self.sha1 || custom_key_identifier.eq_ignore_ascii_case(&hex)
    }
}

/// What an assertion says (the certificate credentials document's table).
#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: i64,
    iat: i64,
    exp: i64,
}

impl ClientCertificate {
    /// Reads a PEM file with a private key (PKCS#8 or PKCS#1) and its certificate, in any order and
    /// with further certificates beside it; or a PFX file without a password.
    ///
    /// # Errors
    /// [`ConfigurationError::File`], naming the file, what is wrong with it and the command that
    /// mends it.
    pub fn read(client_id: ClientId, path: &Path) -> Result<Self, ConfigurationError> {
        Self::read_protected(client_id, path, &Secret::new(""))
    }

    /// The same with the password of a PFX file (PKCS#12), as Windows, Azure Key Vault and OpenSSL 3 write them.
    /// A PEM file has none.
    ///
    /// ```no_run
    /// # fn example() -> Result<(), keyholder_client::Error> {
    /// use keyholder_client::ClientCertificate;
    ///
    /// let id = keyholder_foundation::ClientId(uuid::Uuid::from_u128(1));
    /// let password = keyholder_foundation::Secret::new(std::env::var("PFX_PASSWORD").unwrap_or_default());
    /// let credential = ClientCertificate::read_protected(id, std::path::Path::new("orders-sync.pfx"), &password)?;
    /// println!("good until {}", credential.facts().not_after);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`ClientCertificate::read`].
    pub fn read_protected(client_id: ClientId, path: &Path, password: &Secret) -> Result<Self, ConfigurationError> {
        let place = format!("`{}`", path.display());
        let bytes = pem::read_file(path)?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::from_pem(client_id, &Secret::new(text), &place),
            Err(_) => Self::from_pfx(client_id, &bytes, password, &place),
        }
    }

    /// The same from the bytes of a PFX file; `place` is what errors call it.
    ///
    /// # Errors
    /// As [`ClientCertificate::read`].
    pub fn from_pfx(
        client_id: ClientId,
        bytes: &[u8],
        password: &Secret,
        place: &str,
    ) -> Result<Self, ConfigurationError> {
        let contents = pfx::open(bytes, password.expose()).map_err(|problem| pem::wrong(place, problem))?;
        let keys: Vec<_> = contents.keys.into_iter().map(|key| (SectionKind::PrivateKey, key)).collect();
        let (key, certificate) = pem::pair(&keys, contents.certificates, place)?;
        Ok(Self::of(client_id, key, &certificate))
    }

    /// The same from a text; `place` is what errors call it.
    ///
    /// # Errors
    /// As [`ClientCertificate::read`].
    pub fn from_pem(client_id: ClientId, text: &Secret, place: &str) -> Result<Self, ConfigurationError> {
        let (key, certificate) = pem::parse(text, place)?;
        Ok(Self::of(client_id, key, &certificate))
    }

    fn of(client_id: ClientId, key: RsaKeyPair, certificate: &pem::Certificate) -> Self {
        let facts = CertificateFacts {
            sha1: base64url::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate.der)),
            sha256: base64url::encode(digest(&SHA256, &certificate.der)),
            not_after: certificate.not_after,
        };
        Self {
            client_id,
            key: Arc::new(key),
            facts,
            algorithm: AssertionAlgorithm::default(),
            random: Arc::new(OsRandom),
        }
    }

    /// What tells the certificate from others.
    #[must_use]
    pub fn facts(&self) -> &CertificateFacts {
        &self.facts
    }

    /// Signs with another algorithm.
    #[must_use]
    pub fn signing_with(mut self, algorithm: AssertionAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Takes the assertions' ids from `random`.
    #[must_use]
    pub fn with_random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// A new assertion for the authority's token endpoint, dated by the servers' clock.
    fn assertion(&self, authority: &Authority, http: &Http) -> Result<Secret, Error> {
        let cannot = |what: &str| ConfigurationError::File(format!("the certificate's key cannot sign: {what}"));
        let (x5t, x5t_s256) = match self.algorithm {
            AssertionAlgorithm::Ps256 => (None, Some(self.facts.sha256.clone())),
            AssertionAlgorithm::Rs256 => (Some(self.facts.sha1.clone()), None),
        };
        let header = Header {
            typ: Some("JWT".to_owned()),
            alg: self.algorithm().to_owned(),
            x5t,
            x5t_s256,
            ..Header::default()
        };
        let header = jws::encode_header(&header).map_err(|error| cannot(&error.to_string()))?;
        let (client_id, now) = (self.client_id.to_string(), http.clock().now());
        let endpoint = authority.endpoint(TOKEN);
        let claims = Claims {
            aud: endpoint.as_str(),
            iss: &client_id,
            sub: &client_id,
            jti: self.random.uuid().to_string(),
            nbf: now.unix_seconds(),
            iat: now.unix_seconds(),
            exp: now.plus(LIFE).unix_seconds(),
        };
        let signed = jws::encode(&header, &claims, self).map_err(|error| cannot(&error.to_string()))?;
        Ok(Secret::new(signed))
    }

    async fn ask(&self, authority: &Authority, scope: &str, http: &Http) -> Result<AccessToken, Error> {
        let assertion = self.assertion(authority, http)?;
        with_assertion(self.client_id, &assertion, authority, scope, http).await
    }
}

/// The client credentials grant with an assertion, whoever signed it.
pub(super) async fn with_assertion(
    client_id: ClientId,
    assertion: &Secret,
    authority: &Authority,
    scope: &str,
    http: &Http,
) -> Result<AccessToken, Error> {
    let client_id = client_id.to_string();
    let grant = Grant::new("client_credentials")
        .field("client_id", &client_id)
        .field("client_assertion_type", JWT_BEARER)
        .secret("client_assertion", assertion.expose())
        .field("scope", scope);
    access_token(authority, &grant.ask(authority, http).await?, http)
}

impl Signer for ClientCertificate {
    type Error = aws_lc_rs::error::Unspecified;

    fn algorithm(&self) -> &'static str {
        match self.algorithm {
            AssertionAlgorithm::Ps256 => "PS256",
            AssertionAlgorithm::Rs256 => "RS256",
        }
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, Self::Error> {
        let encoding: &'static dyn RsaEncoding = match self.algorithm {
            AssertionAlgorithm::Ps256 => &RSA_PSS_SHA256,
            AssertionAlgorithm::Rs256 => &RSA_PKCS1_SHA256,
        };
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(encoding, &SystemRandom::new(), input, &mut signature)?;
        Ok(signature)
    }
}

impl Credential for ClientCertificate {
    fn client_id(&self) -> ClientId {
        self.client_id
    }

    fn fetch<'a>(
        &'a self,
        authority: &'a Authority,
        scope: &'a str,
        http: &'a Http,
    ) -> BoxFuture<'a, Result<AccessToken, Error>> {
        Box::pin(async move {
            let ahead = http.clock().ahead_millis();
            match self.ask(authority, scope, http).await {
                // The refusal itself told what time it is there.
                Err(error) if error.aadsts() == Some(NOT_IN_TIME) && http.clock().ahead_millis() != ahead => {
                    self.ask(authority, scope, http).await
                }
                outcome => outcome,
            }
        })
    }
}

#[cfg(test)]
mod tests;
