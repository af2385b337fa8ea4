//! "Azure Key Vault REST API", version 7.4: secrets; with the token service that the vault names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use serde_json::{Map, Value, json};

use super::{Asked, Fault, Server, Told};

const TENANT: &str = "9f0c1f3e-7b7a-4a43-8d2a-0a8a6c9c6a01";
/// The token that it gives out and takes.
pub const KEY_VAULT_TOKEN: &str = "token-of-the-vault";
const MOMENT: i64 = 1_800_000_000;

/// A vault on https, with a certificate authority of its own.
pub struct KeyVault {
    server: Server,
    state: Arc<Mutex<State>>,
    authority: String,
}

#[derive(Debug, Default)]
struct State {
    kept: BTreeMap<String, Value>,
    /// Names that are deleted and can be recovered.
    deleted: BTreeSet<String>,
    versions: u32,
    port: u16,
}

impl KeyVault {
    /// Starts one without any secret.
    #[must_use]
    pub fn start() -> Self {
        let (config, authority) = tls();
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = state.clone();
        let answering = move |asked: &Asked| {
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            answer(asked, &mut state).unwrap_or_else(|told| told)
        };
        let server = Server::start(Some(config), Arc::new(answering));
        state.lock().unwrap_or_else(PoisonError::into_inner).port = server.address.port();
        Self { server, state, authority }
    }

    /// The address of a secret of that name.
    #[must_use]
    pub fn secret(&self, name: &str) -> String {
        format!("https://localhost:{}/secrets/{name}", self.server.address.port())
    }

    /// Its certificate authority, in PEM.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What a secret's current version is, as the vault tells it.
    #[must_use]
    pub fn held(&self, name: &str) -> Option<Value> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).kept.get(name).cloned()
    }

    /// Puts a secret there as somebody else does.
    pub fn put(&self, name: &str, value: &str, tags: &Value) {
        let held = json!({ "value": value, "id": self.secret(name), "attributes": { "enabled": true }, "tags": tags });
        self.state.lock().unwrap_or_else(PoisonError::into_inner).kept.insert(name.to_owned(), held);
    }

    /// Deletes a secret, whose name then stays taken.
    pub fn delete(&self, name: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.kept.remove(name);
        state.deleted.insert(name.to_owned());
    }

    /// Of requests of that method whose path contains `path`, the next `times` go wrong.
    pub fn fault(&self, method: &'static str, path: &str, fault: Fault, times: usize) {
        self.server.disorder.add(method, path, fault, times);
    }

    /// Nothing goes wrong any more.
    pub fn mend(&self) {
        self.server.disorder.mend();
    }

    /// All requests so far.
    #[must_use]
    pub fn seen(&self) -> Vec<Asked> {
        self.server.seen()
    }
}

/// A certificate for `localhost`, and who signed it.
fn tls() -> (Arc<rustls::ServerConfig>, String) {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Another name than the certificate's, which OpenSSL would take for self-signed.
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "The vault's authority");
    let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let parameters = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = parameters.signed_by(&key, &issuer).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
        .expect("a key that fits");
    (Arc::new(config), issuer.pem())
}

fn refused(status: u16, code: &str, inner: Option<&str>, message: &str) -> Told {
    let mut error = json!({ "code": code, "message": message });
    if let Some(inner) = inner {
        error["innererror"] = json!({ "code": inner });
    }
    Told::new(status, json!({ "error": error }))
}

fn answer(asked: &Asked, state: &mut State) -> Result<Told, Told> {
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    if asked.method == "POST" && path == format!("/{TENANT}/oauth2/v2.0/token") {
        return Ok(sign_in(asked));
    }
    // Who asks for no version may say so by a slash, as Microsoft's clients do.
    let name = path.strip_prefix("/secrets/").map(|name| name.strip_suffix('/').unwrap_or(name));
    let name = name.filter(|name| !name.is_empty() && !name.contains('/'));
    let name = name.ok_or_else(|| refused(404, "NotFound", None, "no such path"))?;
    if asked.header("authorization") != format!("Bearer {KEY_VAULT_TOKEN}") {
        let challenge = format!(
            "Bearer authorization=\"https://localhost:{}/{TENANT}\", resource=\"https://vault.azure.net\"",
            state.port
        );
        let told = refused(401, "Unauthorized", None, "AKV10000: Request is missing a Bearer or PoP token.");
        return Err(told.header("www-authenticate", challenge));
    }
    if query != "api-version=7.4" {
        return Err(refused(400, "BadParameter", None, "The api-version is not one of the documents"));
    }
    let not_found = || {
        refused(
            404,
            "SecretNotFound",
            None,
            &format!("A secret with (name/id) {name} was not found in this key vault."),
        )
    };
    match asked.method.as_str() {
        "GET" => state.kept.get(name).cloned().map(|held| Told::new(200, held)).ok_or_else(not_found),
        "PUT" if state.deleted.contains(name) => Err(refused(
            409,
            "Conflict",
            Some("ObjectIsDeletedButRecoverable"),
            &format!(
                "Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged."
            ),
        )),
        "PUT" => {
            let mut held = taken(asked)?;
            state.versions += 1;
            held.insert(
                "id".to_owned(),
                json!(format!("https://localhost:{}/secrets/{name}/{:032x}", state.port, state.versions)),
            );
            state.kept.insert(name.to_owned(), Value::Object(held.clone()));
            Ok(Told::new(200, Value::Object(held)))
        }
        "DELETE" => {
            let held = state.kept.remove(name).ok_or_else(not_found)?;
            state.deleted.insert(name.to_owned());
            Ok(Told::new(200, held))
        }
        _ => Err(refused(405, "BadMethod", None, "no such method")),
    }
}

/// A token for the vault and nothing else, to whoever has any credential: who that is is no business of these tests.
fn sign_in(asked: &Asked) -> Told {
    let is_asked = asked.body.contains("scope=https%3A%2F%2Fvault.azure.net%2F.default")
        && asked.body.contains("client_id=")
        && asked.body.contains("client_secret=");
    if !is_asked {
        return Told::new(400, json!({ "error": "invalid_scope", "error_description": "AADSTS70011: another scope" }));
    }
    Told::new(200, json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": KEY_VAULT_TOKEN }))
}

/// What a PUT makes the current version.
fn taken(asked: &Asked) -> Result<Map<String, Value>, Told> {
    let bad = |why: &str| refused(400, "BadParameter", None, why);
    let body: Value = serde_json::from_str(&asked.body).map_err(|_| bad("the body is no JSON"))?;
    let known = |key: &str| matches!(key, "value" | "contentType" | "attributes" | "tags");
    let body =
        body.as_object().filter(|body| body.keys().all(|key| known(key))).ok_or_else(|| bad("unknown property"))?;
    if asked.header("content-type") != "application/json" || !body.get("value").is_some_and(Value::is_string) {
        return Err(bad("a value is needed, as JSON"));
    }
    let tags = body.get("tags").and_then(Value::as_object).cloned().unwrap_or_default();
    let is_tag = |value: &Value| value.as_str().is_some_and(|text| text.chars().count() <= 256);
    if tags.len() > 15 || !tags.values().all(is_tag) {
        return Err(bad("at most 15 tags of 256 characters"));
    }
    let attributes = body.get("attributes").and_then(Value::as_object).cloned().unwrap_or_default();
    let fits = |(name, value): (&String, &Value)| match name.as_str() {
        "enabled" => value.is_boolean(),
        "exp" | "nbf" => value.is_i64(),
        _ => false,
    };
    if !attributes.iter().all(fits) {
        return Err(bad("attributes are enabled, exp and nbf"));
    }
    let mut held = body.clone();
    let mut attributes = attributes;
    attributes.insert("created".to_owned(), json!(MOMENT));
    attributes.insert("updated".to_owned(), json!(MOMENT));
    attributes.insert("recoveryLevel".to_owned(), json!("Recoverable+Purgeable"));
    held.insert("attributes".to_owned(), Value::Object(attributes));
    Ok(held)
}
