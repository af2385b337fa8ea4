//! Managed identities: Azure itself hands the program a token, so that there is no credential at all ("How to use
//! managed identities for App Service" and "... on an Azure VM").
//!
//! Two services have it: App Service and its like tell their address and a key to it in the environment; on a virtual
//! machine it is the instance metadata service, at one address that is reached from the machine alone.

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use keyholder_foundation::{ClientId, Secret, Timestamp, WallClock};
use serde::Deserialize;
use url::Url;

use super::Credential;
use super::grant::bearer;
use crate::authority::Authority;
use crate::error::{Error, SignInError};
use crate::token::AccessToken;
use crate::wire::{Http, json, looks_like, request};

/// The instance metadata service's address.
const METADATA: &str = "http://169.254.169.254/";

/// A managed identity that was assigned to the machine or app that this program runs on.
///
/// ```no_run
/// # fn example() -> Result<(), keyholder_client::Error> {
/// use keyholder_client::ManagedIdentity;
/// // The application id of the identity: an app user in the org bears it.
/// let id = keyholder_foundation::ClientId(uuid::Uuid::from_u128(1));
/// let identity = ManagedIdentity::from_environment(id, |name| std::env::var(name).ok())?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ManagedIdentity {
    client_id: ClientId,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    AppService { endpoint: Url, key: Secret },
    Machine { host: Url },
}

#[derive(Deserialize)]
struct Answer {
    access_token: Secret,
    /// Seconds of Unix time, as a text.
    expires_on: Number,
}

/// Both services have written numbers as texts, and as numbers.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(i64),
    Text(String),
}

impl Number {
    fn value(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }
}

impl ManagedIdentity {
    /// The variable with App Service's address.
    pub const ENDPOINT: &'static str = "IDENTITY_ENDPOINT";
    /// The variable with the key to it.
    pub const HEADER: &'static str = "IDENTITY_HEADER";
    /// The variable with another address of the instance metadata service than the usual one.
    pub const HOST: &'static str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";

    /// The identity with this application id, from App Service at this address with this key.
    ///
    /// # Errors
    /// [`SignInError::ManagedIdentity`] for what is no address.
    pub fn app_service(client_id: ClientId, endpoint: &str, key: Secret) -> Result<Self, Error> {
        Ok(Self { client_id, place: Place::AppService { endpoint: address(endpoint)?, key } })
    }

    /// The identity with this application id, from the instance metadata service of a virtual machine.
    ///
    /// # Errors
    /// As [`ManagedIdentity::machine_at`].
    pub fn machine(client_id: ClientId) -> Result<Self, Error> {
        Self::machine_at(client_id, METADATA)
    }

    /// The same from a service at another address: a proxy of a cluster's, or a test's.
    ///
    /// # Errors
    /// [`SignInError::ManagedIdentity`] for what is no address.
    pub fn machine_at(client_id: ClientId, host: &str) -> Result<Self, Error> {
        Ok(Self { client_id, place: Place::Machine { host: address(host)? } })
    }

    /// What the environment tells: App Service's where it has an address and a key, else the virtual machine's.
    ///
    /// # Errors
    /// [`SignInError::ManagedIdentity`] for a variable that holds no address.
    pub fn from_environment(
        client_id: ClientId,
        environment: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, Error> {
        let set = |name| environment(name).filter(|value| !value.is_empty());
        match (set(Self::ENDPOINT), set(Self::HEADER), set(Self::HOST)) {
            (Some(endpoint), Some(key), _) => Self::app_service(client_id, &endpoint, Secret::new(key)),
            (_, _, Some(host)) => Self::machine_at(client_id, &host),
            _ => Self::machine(client_id),
        }
    }

    async fn ask(&self, authority: &Authority, scope: &str, http: &Http) -> Result<AccessToken, Error> {
        // Both take a resource, in the older manner.
        let resource = scope.strip_suffix("/.default").unwrap_or(scope);
        let client_id = self.client_id.to_string();
        let (url, version, header) = match &self.place {
            Place::AppService { endpoint, key } => {
                let value = HeaderValue::from_str(key.expose()).map_err(|_| failed("its key fits into no header"))?;
                (endpoint.clone(), "2019-08-01", ("x-identity-header", value))
            }
            Place::Machine { host } => {
                let mut url = host.clone();
                url.set_path("/metadata/identity/oauth2/token");
                (url, "2018-02-01", ("metadata", HeaderValue::from_static("true")))
            }
        };
        let mut url = url;
        url.query_pairs_mut()
            .append_pair("api-version", version)
            .append_pair("resource", resource)
            .append_pair("client_id", &client_id);
        let (name, mut value) = header;
        value.set_sensitive(true);
        let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value)]);
        let answer = http.send(&request(Method::GET, &url, headers, Bytes::new())?).await?;
        if !answer.status().is_success() {
            return Err(failed(&told(answer.body()).unwrap_or_else(|| looks_like(&answer))));
        }
        let answer: Answer = json(&url, &answer)?;
        let ends = answer.expires_on.value().map(Timestamp::from_unix_seconds);
        let ends = ends.ok_or_else(|| failed("its token does not say when it ends"))?;
        let now = http.clock().now();
        bearer(authority, answer.access_token, now, ends.since(now))
    }
}

/// The service's own words, from either shape of its errors.
fn told(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(alias = "message")]
        error_description: String,
    }
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    Some(crate::error::refusal::cut(&refusal.error_description))
}

fn failed(problem: &str) -> Error {
    SignInError::ManagedIdentity(problem.to_owned()).into()
}

/// Plain http is the rule: the service runs on this machine, or on the host beneath it.
fn address(text: &str) -> Result<Url, Error> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| failed("its address is none"))
}

impl Credential for ManagedIdentity {
    fn client_id(&self) -> ClientId {
        self.client_id
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Script, answer};

    const ID: &str = "0b8f0a2e-3c63-4dc5-9d5c-54c8e0a3b001";
    const SCOPE: &str = "https://contoso.crm4.dynamics.com/.default";

    fn authority() -> Authority {
        Authority::new(&Url::parse("https://login.microsoftonline.com").unwrap(), "t").unwrap()
    }

    fn identity(variables: &[(&str, &str)]) -> Result<ManagedIdentity, Error> {
        let value =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        ManagedIdentity::from_environment(ID.parse().unwrap(), value)
    }

    #[tokio::test]
    async fn app_service_is_asked_with_its_key() {
        let (script, http) = Script::http();
        let place = [("IDENTITY_ENDPOINT", "http://127.0.0.1:41/msi/token"), ("IDENTITY_HEADER", "the-key")];
        let identity = identity(&place).unwrap();
        assert!(!format!("{identity:?}").contains("the-key"));
        let asked = format!(
            "GET /msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fcontoso.crm4.dynamics.com&client_id={ID}"
        );
        script.expect(&asked, answer(200, &[], r#"{"access_token":"tok","expires_on":"1800003600"}"#));
        let token = identity.fetch(&authority(), SCOPE, &http).await.unwrap();
        assert_eq!(token.expires_at(), Timestamp::from_unix_seconds(1_800_003_600));
        assert_eq!(script.seen()[0].headers()["x-identity-header"], "the-key");
        script.expect(&asked, answer(400, &[], r#"{"statusCode":400,"message":"No such identity\nhere"}"#));
        let error = identity.fetch(&authority(), SCOPE, &http).await.unwrap_err();
        assert_eq!(error.to_string(), "the managed identity gave no token: No such identity here");
        assert_eq!(error.kind(), crate::ErrorKind::NotAllowed);
    }

    #[tokio::test]
    async fn a_virtual_machine_is_asked_at_its_own_address_or_where_it_is_told() {
        let (script, http) = Script::http();
        let asked = format!(
            "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fcontoso.crm4.dynamics.com&client_id={ID}"
        );
        for (place, host) in [
            (&[][..], "169.254.169.254"),
            (&[("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:42")][..], "127.0.0.1"),
        ] {
            script.expect(&asked, answer(200, &[], r#"{"access_token":"tok","expires_on":1800003600}"#));
            identity(place).unwrap().fetch(&authority(), SCOPE, &http).await.unwrap();
            let seen = script.seen();
            let seen = seen.last().unwrap();
            assert_eq!((seen.uri().host(), seen.headers()["metadata"].to_str().unwrap()), (Some(host), "true"));
        }
        assert!(identity(&[("AZURE_POD_IDENTITY_AUTHORITY_HOST", "ftp://x")]).is_err());
    }
}
