//! A directory with one tenant, a clock that stands still, and shorthand for asking it.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use keyholder_foundation::{
    ClientId, Clocks, ManualClock, ObjectId, OrgClock, Secret, SeededRandom, TenantId, Timestamp,
};
use keyholder_identity::{
    Administrators, FixedOrganizations, GraphOptions, Identity, IdentityConfig, SigningKey, TenantPlan, keys,
};
use serde_json::{Value, json};

pub(crate) const ORIGIN: &str = "https://localhost:8443";
pub(crate) const ORG: &str = "https://contoso.crm.example";
pub(crate) const DOMAIN: &str = "contoso.example";
pub(crate) const START: i64 = 1_795_338_466;
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// One key for the whole test run: making one takes longer than most tests.
pub(crate) fn key_pem() -> &'static Secret {
    static KEY: OnceLock<Secret> = OnceLock::new();
    KEY.get_or_init(|| keys::generate_key_pem().unwrap())
}

/// A key that the token service does not have.
pub(crate) fn foreign_key_pem() -> &'static Secret {
    static KEY: OnceLock<Secret> = OnceLock::new();
    KEY.get_or_init(|| keys::generate_key_pem().unwrap())
}

pub(crate) struct World {
    pub(crate) identity: Identity,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) admin: Administrators,
    pub(crate) tenant: TenantId,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) headers: http::HeaderMap,
}

impl Answer {
    fn new(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        let body = match body.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&body).unwrap_or_else(|_| panic!("no JSON: {body:?}")),
        };
        Self { status: parts.status.as_u16(), body, headers: parts.headers }
    }

    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no {pointer} in {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }

    /// Status, OAuth's word and AADSTS number of a token error.
    pub(crate) fn token_error(&self) -> (u16, &str, u64) {
        (self.status, self.text("/error"), self.body["error_codes"][0].as_u64().unwrap())
    }

    /// Status, code and message of a Graph error.
    pub(crate) fn graph_error(&self) -> (u16, &str, &str) {
        (self.status, self.text("/error/code"), self.text("/error/message"))
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(GraphOptions::default()).await
    }

    pub(crate) async fn with(graph: GraphOptions) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix_seconds(START)));
        let clocks =
            Clocks { org: Arc::new(OrgClock::new(clock.clone(), 0)), monotonic: clock.clone(), system: clock.clone() };
        let tenant = TenantId(uuid::Uuid::from_u128(0x1111_2222_3333_4444_5555_6666_7777_8888));
        let identity = Identity::open(IdentityConfig {
            database: keyholder_cluster::database(),
            signing_keys: vec![SigningKey::from_pem(key_pem(), None).unwrap()],
            clocks,
            random: Arc::new(SeededRandom::new(42)),
            origin: format!("{ORIGIN}/"),
            resources: Arc::new(FixedOrganizations::new([(tenant, ORG.to_owned())])),
            graph,
            issuer_documents: Arc::new(keyholder_identity::NoIssuers),
            directory_lag: Duration::ZERO,
        });
        let identity = identity.await.unwrap();
        let plan = TenantPlan { id: Some(tenant), domain: DOMAIN.to_owned(), display_name: "Contoso".to_owned() };
        let admin = identity.bootstrap_tenant(&plan).await.unwrap();
        Self { identity, clock, admin, tenant }
    }

    pub(crate) fn advance_days(&self, days: u64) {
        self.clock.advance(Duration::from_secs(days * 86_400));
    }

    pub(crate) async fn login(&self, request: Request<Bytes>) -> Answer {
        Answer::new(self.identity.respond_login(request).await)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.login(Request::get(path).body(Bytes::new()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(path).header("content-type", FORM).body(Bytes::from(body)).unwrap();
        self.login(request).await
    }

    /// Client credentials at the v2 endpoint of the tenant.
    pub(crate) async fn token(&self, client: &str, secret: &str, scope: &str) -> Answer {
        let path = format!("/{}/oauth2/v2.0/token", self.tenant);
        let form =
            [("grant_type", "client_credentials"), ("client_id", client), ("client_secret", secret), ("scope", scope)];
        self.post(&path, &form).await
    }

    pub(crate) async fn token_of(&self, client: ClientId, secret: &Secret, scope: &str) -> String {
        let answer = self.token(&client.to_string(), secret.expose(), scope).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.text("/access_token").to_owned()
    }

    /// The administrator's token for Graph.
    pub(crate) async fn admin_token(&self) -> String {
        let scope = "https://graph.microsoft.com/.default";
        self.token_of(self.admin.client_id, &self.admin.client_secret, scope).await
    }

    /// A token for Graph on behalf of a person, as a sign-in would give it to the Azure CLI.
    pub(crate) fn person_token(&self, user: ObjectId) -> String {
        self.scoped_token(user, "Directory.AccessAsUser.All AuditLog.Read.All")
    }

    /// A token for Graph on behalf of a person, with these delegated permissions only.
    pub(crate) fn scoped_token(&self, user: ObjectId, scopes: &str) -> String {
        let key = jsonwebtoken::EncodingKey::from_rsa_pem(key_pem().expose().as_bytes()).unwrap();
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
        header.kid = Some(SigningKey::from_pem(key_pem(), None).unwrap().id().to_owned());
        let claims = json!({
            "aud": "https://graph.microsoft.com", "iss": format!("https://sts.windows.net/{}/", self.tenant),
            "iat": START - 60, "nbf": START - 60, "exp": START + 86_400 * 400, "tid": self.tenant, "oid": user,
            "appid": "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "scp": scopes, "ver": "1.0",
            "uti": "abcdefghijklmnopqrstuv",
        });
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }

    /// Asks Graph as the administrator, saying that an index that lags behind will do.
    pub(crate) async fn eventual(&self, path: &str) -> Answer {
        let request = Request::get(path.replace(' ', "+").replace('"', "%22"))
            .header("authorization", format!("Bearer {}", self.admin_token().await))
            .header("ConsistencyLevel", "eventual");
        Answer::new(self.identity.respond_graph(request.body(Bytes::new()).unwrap()).await)
    }

    /// A person of the tenant, who works in the Netherlands.
    pub(crate) async fn person(&self, name: &str) -> ObjectId {
        let made = self.graph("POST", "/v1.0/users", person(name)).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        made.text("/id").parse().unwrap()
    }

    pub(crate) async fn graph_as(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        let path = path.replace(' ', "+");
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        Answer::new(self.identity.respond_graph(request.body(body).unwrap()).await)
    }

    pub(crate) async fn graph(&self, method: &str, path: &str, body: Value) -> Answer {
        self.graph_as(&self.admin_token().await, method, path, body).await
    }

    /// A registration with a service principal and a secret.
    pub(crate) async fn application(&self, name: &str) -> Registered {
        let made = self
            .graph("POST", "/v1.0/applications", json!({ "displayName": name, "signInAudience": "AzureADMyOrg" }))
            .await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let client: ClientId = made.text("/appId").parse().unwrap();
        let id: ObjectId = made.text("/id").parse().unwrap();
        let principal = self.graph("POST", "/v1.0/servicePrincipals", json!({ "appId": client })).await;
        assert_eq!(principal.status, StatusCode::CREATED, "{}", principal.body);
        let principal = principal.text("/id").parse().unwrap();
        let secret = self.add_secret(id, json!({})).await;
        Registered { id, client, principal, secret }
    }

    /// The object id of an application's service principal.
    pub(crate) async fn principal_of(&self, client: &str) -> Value {
        let path = format!("/v1.0/servicePrincipals(appId='{client}')");
        self.graph("GET", &path, Value::Null).await.body["id"].clone()
    }

    pub(crate) async fn add_secret(&self, id: ObjectId, wanted: Value) -> Secret {
        let path = format!("/v1.0/applications/{id}/addPassword");
        let added = self.graph("POST", &path, json!({ "passwordCredential": wanted })).await;
        assert_eq!(added.status, 200, "{}", added.body);
        Secret::new(added.text("/secretText"))
    }
}

pub(crate) struct Registered {
    pub(crate) id: ObjectId,
    pub(crate) client: ClientId,
    pub(crate) principal: ObjectId,
    pub(crate) secret: Secret,
}

/// The body that makes a person.
pub(crate) fn person(name: &str) -> Value {
    json!({
        "accountEnabled": true, "displayName": name, "mailNickname": name, "usageLocation": "NL",
        "userPrincipalName": format!("{name}@{DOMAIN}"),
        "passwordProfile": { "password": "Correct-Horse-1", "forceChangePasswordNextSignIn": false },
    })
}
