//! Keyholder's library and the SDK's together: credentials of the one sign in for the other.

use std::error::Error;
use std::sync::Arc;

use azure_core::credentials::TokenCredential;
use azure_core::http::policies::auth::BearerTokenAuthorizationPolicy;
use azure_core::http::{ClientOptions, Context, Method, Pipeline, Request, Url};
use keyholder_azure_adapter::{ForAzure, FromAzure};
use keyholder_client::{ClientCertificate, Connection, CredentialChoice, Dataverse, Http, NetworkOptions};
use keyholder_foundation::Secret;
use serde_json::Value;

use crate::checks::{Checks, setting};
use crate::{by_certificate, by_secret};

fn connection(client: &str, credential: CredentialChoice) -> Result<Connection, Box<dyn Error>> {
    Ok(Connection {
        url: setting("ORG_URL")?.parse()?,
        tenant: Some(setting("TENANT_ID")?),
        authority: None,
        client_id: client.parse()?,
        credential,
        ca_file: Some(setting("CA_FILE")?.into()),
    })
}

async fn org(client: &str, credential: CredentialChoice) -> Result<Dataverse, Box<dyn Error>> {
    let connection = connection(client, credential)?;
    let http = Http::over_network(NetworkOptions { ca_file: connection.ca_file.clone(), ..Default::default() })?;
    Ok(Dataverse::connect(&connection, http).await?)
}

/// What the SDK's own pipeline reads of the org.
async fn who_am_i(credential: Arc<dyn TokenCredential>) -> Result<Value, Box<dyn Error>> {
    let org = setting("ORG_URL")?.trim_end_matches('/').to_owned();
    let policy = BearerTokenAuthorizationPolicy::new(credential, [format!("{org}/.default")]);
    let pipeline = Pipeline::new(None, None, ClientOptions::default(), Vec::new(), vec![Arc::new(policy)], None);
    let mut request = Request::new(Url::parse(&format!("{org}/api/data/v9.2/WhoAmI"))?, Method::Get);
    let answer = pipeline.send(&Context::default(), &mut request, None).await?;
    Ok(serde_json::from_slice(answer.body())?)
}

pub(crate) async fn both_ways(checks: &mut Checks) -> Result<(), Box<dyn Error>> {
    let (admin, secret) = (setting("ADMIN_CLIENT_ID")?, setting("ADMIN_CLIENT_SECRET")?);
    let own = org(&admin, Secret::new(secret.clone()).into()).await?;
    let me = own.who_am_i().await?.user_id.to_string();

    // The SDK's credential, and Keyholder's library.
    let origin: url::Url = setting("ORIGIN")?.parse()?;
    let theirs = |secret: &str| -> Result<CredentialChoice, Box<dyn Error>> {
        let adapted = FromAzure::new(admin.parse()?, by_secret(&admin, secret)?).made_at(origin.clone());
        Ok(CredentialChoice::Own(Arc::new(adapted)))
    };
    let seen = org(&admin, theirs(&secret)?).await?.who_am_i().await?.user_id.to_string();
    checks.check("an org that the SDK's credential opens for Keyholder", seen == me, &seen);
    let refused = org(&admin, theirs("wrong")?).await?.who_am_i().await;
    let seen = refused.as_ref().err().map(ToString::to_string).unwrap_or_default();
    let is_told = refused.err().and_then(|error| error.aadsts()) == Some(7_000_215);
    checks.check("a wrong secret of the SDK's credential is AADSTS7000215", is_told, &seen);
    let client = setting("CERTIFICATE_CLIENT_ID")?;
    let theirs = by_certificate(&client, &setting("CERTIFICATE_PFX")?)?;
    let there_and_back = ForAzure::of(&{
        let adapted = FromAzure::new(client.parse()?, theirs).made_at(origin.clone());
        org(&client, CredentialChoice::Own(Arc::new(adapted))).await?
    });
    let principal = setting("CERTIFICATE_PRINCIPAL")?;
    checks.signed_in("a certificate there and back again", &there_and_back, &client, &principal, "2").await?;

    // Keyholder's credentials, and the SDK's pipeline.
    let seen = who_am_i(Arc::new(ForAzure::of(&own))).await?;
    checks.check(
        "an org that Keyholder's credential opens for the SDK",
        seen["UserId"] == me.as_str(),
        &seen.to_string(),
    );
    let password = Secret::new(setting("PFX_PASSWORD")?);
    let file = setting("CERTIFICATE_PFX")?;
    let certificate = ClientCertificate::read_protected(client.parse()?, file.as_ref(), &password)?;
    let ours = ForAzure::of(&org(&client, CredentialChoice::Own(Arc::new(certificate))).await?);
    checks.signed_in("Keyholder's certificate without OpenSSL", &ours, &client, &principal, "2").await?;
    let person = CredentialChoice::Password {
        username: setting("ADMIN_USERNAME")?,
        password: Secret::new(setting("ADMIN_PASSWORD")?),
    };
    let tools = keyholder_client::credential::DYNAMICS_TOOLS.to_string();
    let seen = who_am_i(Arc::new(ForAzure::of(&org(&tools, person).await?))).await?;
    checks.check(
        "a person's password, which the SDK has no credential for",
        seen["UserId"].is_string(),
        &seen.to_string(),
    );
    let wrong = ForAzure::of(&org(&admin, Secret::new("wrong").into()).await?);
    checks.refused("a wrong secret of Keyholder's credential", &wrong, 7_000_215).await;
    Ok(())
}
