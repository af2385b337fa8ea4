//! A directory with two tenants, a clock that stands still, people and applications, and shorthand
//! for asking the token service.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256};
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response};
use keyholder_entra::claims::AccessTokenClaims;
use keyholder_entra::jws;
use keyholder_foundation::{
    ClientId, Clocks, KeyId, ManualClock, ObjectId, OrgClock, Secret, SeededRandom, TenantId, Timestamp,
};
use keyholder_store::DatabaseOptions;
use serde_json::Value;
use uuid::Uuid;

use crate::directory::administrators::{Administrators, TenantPlan};
use crate::directory::applications::{ApplicationChange, ObjectKey};
use crate::directory::certificates::Certificate;
use crate::directory::consents::Consent;
use crate::directory::passwords::NewPassword;
use crate::directory::registrations::Registration;
use crate::directory::service_principals::ServicePrincipalChange;
use crate::directory::tenants::Tenant;
use crate::login::federation::{DocumentFuture, IssuerDocuments};
use crate::{FixedOrganizations, Identity, IdentityConfig, SigningKey, keys};

pub(super) const ORIGIN: &str = "https://localhost:8443";
pub(super) const ORG: &str = "https://contoso.crm.example";
pub(super) const DOMAIN: &str = "contoso.example";
pub(super) const OTHER_DOMAIN: &str = "fabrikam.example";
pub(super) const OTHER_ORG: &str = "https://fabrikam.crm.example";
pub(super) const START: i64 = 1_795_338_466;
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

pub(super) const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
pub(super) const POWERSHELL: &str = "1950a258-227b-4e31-a9cf-717495945fc2";
pub(super) const DYNAMICS_TOOLS: &str = "51f81489-12ee-4a9e-aaae-a2591f45987d";
pub(super) const PASSWORD: &str = "correct horse 1 Battery";

/// Documents of outside issuers, by address.
#[derive(Debug, Default)]
pub(super) struct Documents {
    pub(super) at: Mutex<BTreeMap<String, String>>,
    pub(super) asked: Mutex<Vec<String>>,
    pub(super) allowed: Mutex<Vec<String>>,
    pub(super) files: Mutex<BTreeMap<String, String>>,
}

impl IssuerDocuments for Documents {
    fn fetch<'a>(&'a self, url: &'a str) -> DocumentFuture<'a> {
        self.asked.lock().unwrap().push(url.to_owned());
        let found = self.at.lock().unwrap().get(url).cloned();
        Box::pin(async move { found.map(String::into_bytes).ok_or_else(|| "Nobody answers there.".to_owned()) })
    }

    fn allows(&self, issuer: &str) -> bool {
        self.allowed.lock().unwrap().iter().any(|allowed| allowed == issuer)
    }

    fn keys(&self, issuer: &str) -> Option<Vec<u8>> {
        self.files.lock().unwrap().get(issuer).cloned().map(String::into_bytes)
    }
}

/// A pair of key and certificate of an application's.
pub(super) struct Certified {
    pub(super) pkcs8: Vec<u8>,
    pub(super) der: Vec<u8>,
}

/// The same for the whole test run: making an RSA key takes longer than most tests.
pub(super) fn certified() -> &'static Certified {
    static CERTIFIED: OnceLock<Certified> = OnceLock::new();
    CERTIFIED.get_or_init(|| make_certificate(2026, 2028))
}

pub(super) fn other_certified() -> &'static Certified {
    static CERTIFIED: OnceLock<Certified> = OnceLock::new();
    CERTIFIED.get_or_init(|| make_certificate(2026, 2028))
}

fn make_certificate(from: i32, to: i32) -> Certified {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let mut parameters = rcgen::CertificateParams::new(vec!["orders-sync".to_owned()]).unwrap();
    parameters.not_before = rcgen::date_time_ymd(from, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(to, 1, 1);
    let der = parameters.self_signed(&key).unwrap().der().to_vec();
    Certified { pkcs8: key.serialize_der(), der }
}

/// Signs a JWT with whatever header and claims.
pub(super) fn sign(pkcs8: &[u8], header: &Value, claims: &Value, padded: bool) -> String {
    let encode = |bytes: &[u8]| if padded { URL_SAFE.encode(bytes) } else { URL_SAFE_NO_PAD.encode(bytes) };
    let input = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
    let pair = KeyPair::from_pkcs8(pkcs8).unwrap();
    let mut signature = vec![0; pair.public_modulus_len()];
    let random = SystemRandom::new();
    match header["alg"].as_str() {
        Some("PS256") => pair.sign(&RSA_PSS_SHA256, &random, input.as_bytes(), &mut signature).unwrap(),
        _ => pair.sign(&RSA_PKCS1_SHA256, &random, input.as_bytes(), &mut signature).unwrap(),
    }
    format!("{input}.{}", encode(&signature))
}

/// The public half as a JWK.
pub(super) fn jwk(pkcs8: &[u8], kid: &str) -> Value {
    let key = SigningKey::from_pkcs8(pkcs8, None).unwrap();
    serde_json::json!({ "kty": "RSA", "use": "sig", "kid": kid, "n": key.published().n, "e": key.published().e })
}

fn key_pem() -> &'static Secret {
    static KEY: OnceLock<Secret> = OnceLock::new();
    KEY.get_or_init(|| keys::generate_key_pem().unwrap())
}

pub(super) struct World {
    pub(super) identity: Identity,
    pub(super) clock: Arc<ManualClock>,
    pub(super) documents: Arc<Documents>,
    pub(super) admin: Administrators,
    pub(super) tenant: TenantId,
    pub(super) other: Administrators,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) headers: http::HeaderMap,
    pub(super) wait: Option<Duration>,
}

impl Answer {
    fn new(response: Response<Bytes>) -> Self {
        let wait = response.extensions().get::<crate::AnswerAfter>().map(|after| after.0);
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Self { status: parts.status.as_u16(), body, headers: parts.headers, wait }
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub(super) fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.body)).to_owned()
    }

    pub(super) fn claims(&self) -> AccessTokenClaims {
        assert_eq!(self.status, 200, "{}", self.body);
        jws::unverified_claims(&self.text("access_token")).unwrap()
    }

    /// Status, OAuth's word and AADSTS number.
    pub(super) fn error(&self) -> (u16, String, u64) {
        let json = self.json();
        (self.status, self.text("error"), json["error_codes"][0].as_u64().unwrap())
    }

    pub(super) fn number(&self) -> u64 {
        self.error().2
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).to_str().unwrap()
    }
}

/// A registration with a service principal and a secret.
#[derive(Debug, Clone)]
pub(super) struct Registered {
    pub(super) id: ObjectId,
    pub(super) client: ClientId,
    pub(super) principal: ObjectId,
    pub(super) secret: Secret,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with_lag(Duration::ZERO).await
    }

    pub(super) async fn with_lag(lag: Duration) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix_seconds(START)));
        let clocks =
            Clocks { org: Arc::new(OrgClock::new(clock.clone(), 0)), monotonic: clock.clone(), system: clock.clone() };
        let (tenant, other) = (TenantId(Uuid::from_u128(0x1111)), TenantId(Uuid::from_u128(0x2222)));
        let documents = Arc::new(Documents::default());
        let identity = Identity::open(IdentityConfig {
            database: DatabaseOptions::ephemeral(),
            signing_keys: vec![SigningKey::from_pem(key_pem(), None).unwrap()],
            clocks,
            random: Arc::new(SeededRandom::new(42)),
            origin: ORIGIN.to_owned(),
            graph: crate::GraphOptions::default(),
            resources: Arc::new(FixedOrganizations::new([(tenant, ORG.to_owned()), (other, OTHER_ORG.to_owned())])),
            issuer_documents: documents.clone(),
            directory_lag: lag,
        });
        let identity = identity.await.unwrap();
        let plan = |id, domain: &str, name: &str| TenantPlan {
            id: Some(id),
            domain: domain.to_owned(),
            display_name: name.to_owned(),
        };
        let admin = identity.bootstrap_tenant(&plan(tenant, DOMAIN, "Contoso")).await.unwrap();
        let other = identity.bootstrap_tenant(&plan(other, OTHER_DOMAIN, "Fabrikam")).await.unwrap();
        Self { identity, clock, documents, admin, tenant, other }
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(super) async fn tenant(&self) -> Tenant {
        self.identity.directory.tenants().await.unwrap().find(self.tenant).unwrap().as_ref().clone()
    }

    /// A registration, with a service principal and a secret.
    pub(super) async fn application(&self, name: &str) -> Registered {
        self.application_with(name, "AzureADMyOrg", Vec::new()).await
    }

    pub(super) async fn application_with(&self, name: &str, audience: &str, uris: Vec<String>) -> Registered {
        let directory = &self.identity.directory;
        let tenant = self.tenant().await;
        let change = ApplicationChange {
            display_name: Some(name.to_owned()),
            sign_in_audience: Some(audience.to_owned()),
            identifier_uris: Some(uris),
            ..ApplicationChange::default()
        };
        let made = directory.create_application(&tenant, &change).await.unwrap();
        let principal =
            directory.create_service_principal(&tenant, made.app_id, ServicePrincipalChange::default()).await.unwrap();
        let now = self.identity.clocks.now();
        let new = NewPassword { display_name: None, starts: now, ends: now.plus(Duration::from_secs(86_400 * 365)) };
        let secret = directory.add_password(&tenant, ObjectKey::Object(made.id), new).await.unwrap();
        Registered { id: made.id, client: made.app_id, principal: principal.id, secret: secret.secret_text.unwrap() }
    }

    /// Gives an application a certificate; gives the certificate's id.
    pub(super) async fn add_certificate(&self, app: &Registered, certified: &Certified) -> KeyId {
        let key = KeyId(self.identity.random.uuid());
        let now = self.identity.clocks.now();
        let certificate = Certificate::of_der(certified.der.clone(), key, now).unwrap();
        self.identity.directory.insert_certificate(self.tenant, app.id, certificate).await.unwrap();
        key
    }

    /// A person with a password.
    pub(super) async fn person(&self, name: &str, password: &str) -> ObjectId {
        self.person_of(self.tenant, name, password).await
    }

    pub(super) async fn person_of(&self, tenant: TenantId, name: &str, password: &str) -> ObjectId {
        let hash = match password {
            "" => String::new(),
            _ => crate::credentials::hash_password(&password.to_owned().into(), self.identity.random.as_ref()).unwrap(),
        };
        self.identity.directory.insert_person(tenant, name, &hash).await
    }

    /// What a registration says about signing in.
    pub(super) async fn register(&self, app: &Registered, registration: Registration) {
        self.identity.directory.set_registration(self.tenant, app.id, registration).await.unwrap();
    }

    /// Consent for everyone of a tenant's.
    pub(super) async fn grant(&self, tenant: TenantId, client: ClientId, resource: ClientId, scopes: &[&str]) {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let consent = Consent { scopes: vec![(resource, scopes)], roles: Vec::new() };
        self.identity.directory.consent(tenant, client, None, consent).await.unwrap();
    }

    /// Username and password at the v2 endpoint, through one of Microsoft's own clients.
    pub(super) async fn by_password(&self, name: &str, password: &str, scope: &str) -> Answer {
        self.token(&[
            ("grant_type", "password"),
            ("client_id", AZURE_CLI),
            ("username", name),
            ("password", password),
            ("scope", scope),
            ("client_info", "1"),
        ])
        .await
    }

    pub(super) async fn refresh(&self, client: &str, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", token)];
        form.extend_from_slice(more);
        self.token(&form).await
    }

    pub(super) async fn ask(&self, request: Request<Bytes>) -> Answer {
        Answer::new(self.identity.respond_login(request).await)
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Bytes::new()).unwrap()).await
    }

    pub(super) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.ask(Request::post(path).header("content-type", FORM).body(Bytes::from(body)).unwrap()).await
    }

    /// At the v2 endpoint of the first tenant.
    pub(super) async fn token(&self, form: &[(&str, &str)]) -> Answer {
        self.post(&format!("/{}/oauth2/v2.0/token", self.tenant), form).await
    }

    pub(super) async fn by_secret(&self, app: &Registered, scope: &str) -> Answer {
        let client = app.client.to_string();
        self.token(&[
            ("grant_type", "client_credentials"),
            ("client_id", &client),
            ("client_secret", app.secret.expose()),
            ("scope", scope),
        ])
        .await
    }

    pub(super) async fn by_assertion(&self, client: ClientId, assertion: &str) -> Answer {
        let (client, scope) = (client.to_string(), format!("{ORG}/.default"));
        self.token(&[
            ("grant_type", "client_credentials"),
            ("client_id", &client),
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", assertion),
            ("scope", &scope),
        ])
        .await
    }
}
