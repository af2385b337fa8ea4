//! Microsoft's `azure_identity` crate against the local org: an application by secret, certificate
//! and outside token; and with Keyholder's library, through the adapter between them. Like the other
//! clients here, it prints a line for each check, and last how many passed.

mod adapter;
mod checks;

use std::error::Error;
use std::sync::Arc;

use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{Secret, SecretBytes, TokenCredential};
use azure_core::http::ClientMethodOptions;
use azure_core::http::ClientOptions;
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions, ClientCertificateCredential,
    ClientCertificateCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};

use checks::{Checks, setting};

/// An outside issuer's token.
#[derive(Debug)]
struct Token(String);

#[async_trait::async_trait]
impl ClientAssertion for Token {
    async fn secret(&self, _options: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        Ok(self.0.clone())
    }
}

fn here() -> Result<ClientOptions, Box<dyn Error>> {
    let mut cloud = CustomConfiguration::default();
    cloud.authority_host = setting("ORIGIN")?;
    Ok(ClientOptions { cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))), ..ClientOptions::default() })
}

fn by_secret(client: &str, secret: &str) -> Result<Arc<dyn TokenCredential>, Box<dyn Error>> {
    let options = ClientSecretCredentialOptions { client_options: here()? };
    let secret = Secret::new(secret.to_owned());
    Ok(ClientSecretCredential::new(&setting("TENANT_ID")?, client.to_owned(), secret, Some(options))?)
}

fn by_certificate(client: &str, file: &str) -> Result<Arc<dyn TokenCredential>, Box<dyn Error>> {
    let password = Some(Secret::new(setting("PFX_PASSWORD")?));
    let options = ClientCertificateCredentialOptions { client_options: here()?, password };
    let certificate = SecretBytes::new(std::fs::read(file)?);
    Ok(ClientCertificateCredential::new(setting("TENANT_ID")?, client.to_owned(), certificate, Some(options))?)
}

fn by_token(client: &str, token: String) -> Result<Arc<dyn TokenCredential>, Box<dyn Error>> {
    let options = ClientAssertionCredentialOptions { client_options: here()? };
    Ok(ClientAssertionCredential::new(setting("TENANT_ID")?, client.to_owned(), Token(token), Some(options))?)
}

async fn secrets(checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    let (client, principal, secret) = (setting("SECRET_CLIENT_ID")?, setting("SECRET_PRINCIPAL")?, setting("SECRET")?);
    checks.signed_in("a token by secret", &*by_secret(&client, &secret)?, &client, &principal, "1").await?;
    let wrong = by_secret(&client, &format!("wrong{secret}"))?;
    checks.refused("a wrong secret", &*wrong, 7_000_215).await;
    let expired = by_secret(&client, &setting("EXPIRED_SECRET")?)?;
    checks.refused("a secret whose time is over", &*expired, 7_000_222).await;
    let unknown = by_secret("12345678-1234-1234-1234-123456789012", &secret)?;
    checks.refused("an unknown application", &*unknown, 700_016).await;
    let disabled = by_secret(&setting("DISABLED_CLIENT_ID")?, &setting("DISABLED_SECRET")?)?;
    checks.refused("a disabled application", &*disabled, 7_000_112).await;
    Ok(())
}

async fn certificates(checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    let (client, principal) = (setting("CERTIFICATE_CLIENT_ID")?, setting("CERTIFICATE_PRINCIPAL")?);
    let registered = by_certificate(&client, &setting("CERTIFICATE_PFX")?)?;
    checks.signed_in("a token by certificate", &*registered, &client, &principal, "2").await?;
    let stranger = by_certificate(&client, &setting("STRANGER_PFX")?)?;
    checks.refused("a certificate that nobody registered", &*stranger, 700_027).await;
    Ok(())
}

async fn outside_tokens(checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    let (client, principal) = (setting("FEDERATED_CLIENT_ID")?, setting("FEDERATED_PRINCIPAL")?);
    let good = by_token(&client, setting("FEDERATED")?)?;
    checks.signed_in("a token by an outside token", &*good, &client, &principal, "2").await?;
    let mut options = WorkloadIdentityCredentialOptions::default();
    options.credential_options.client_options = here()?;
    options.client_id = Some(client.clone());
    options.tenant_id = Some(setting("TENANT_ID")?);
    options.token_file_path = Some(setting("FEDERATED_FILE")?.into());
    let workload = WorkloadIdentityCredential::new(Some(options))?;
    checks.signed_in("a token by an outside token's file", &*workload, &client, &principal, "2").await?;
    for (name, what, number) in [
        ("another issuer", "FEDERATED_ISSUER", 700_211),
        ("another audience", "FEDERATED_AUDIENCE", 700_212),
        ("another subject", "FEDERATED_SUBJECT", 700_213),
        ("a token whose time is over", "FEDERATED_EXPIRED", 700_024),
    ] {
        checks.refused(name, &*by_token(&client, setting(what)?)?, number).await;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut checks = Checks::default();
    secrets(&mut checks).await?;
    certificates(&mut checks).await?;
    outside_tokens(&mut checks).await?;
    adapter::both_ways(&mut checks).await?;
    checks.done()
}
