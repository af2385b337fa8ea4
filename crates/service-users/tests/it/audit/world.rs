//! A local org with a way to it that counts and can be tampered with, and hands that break things in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use keyholder_client::time::SkippingSleep;
use keyholder_client::transport::Network;
use keyholder_client::{Error as ClientError, Http, NetworkOptions, Transport};
use keyholder_foundation::{Timestamp, WallClock};
use keyholder_service_users::audit::{Facts, Finding, Limits, Reading, Switches, gather, judge};
use keyholder_service_users::declaration::{Declaration, Org};
use keyholder_service_users::{Administrator, Estate};
use keyholder_testkit::World;
use serde_json::{Value, json};

/// What may be answered in the org's place: a status and a body, for whoever asks for this path.
type Instead = Box<dyn Fn(&str) -> Option<(u16, Value)> + Send>;

pub(super) struct Watched {
    network: Network,
    pub(super) seen: Mutex<Vec<String>>,
    instead: Mutex<Option<Instead>>,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watched")
    }
}

impl Transport for Watched {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'_, Result<Response<Bytes>, ClientError>> {
        Box::pin(async move {
            let what = format!("{} {}", request.method(), request.uri());
            self.seen.lock().unwrap().push(what.clone());
            let instead = self.instead.lock().unwrap().as_ref().and_then(|instead| instead(&what));
            match instead {
                Some((status, body)) => Ok(Response::builder().status(status).body(body.to_string().into()).unwrap()),
                None => self.network.send(request).await,
            }
        })
    }
}

pub(super) struct Audited {
    pub(super) world: World,
    pub(super) watched: Arc<Watched>,
    http: Http,
    declaration: Declaration,
    pub(super) reading: Reading,
    /// The application that audits, with its secret; the administrator where there is none.
    pub(super) caller: Option<(String, String)>,
}

impl Audited {
    pub(super) async fn new() -> Self {
        let world = World::start().await;
        let options = NetworkOptions { ca_file: world.connection().ca_file, ..NetworkOptions::default() };
        let watched = Arc::new(Watched {
            network: Network::new(options).unwrap(),
            seen: Mutex::default(),
            instead: Mutex::default(),
        });
        let sleep = Arc::new(SkippingSleep(world.clock()));
        let http = Http::new(watched.clone(), world.clock(), sleep);
        let mut audited = Self {
            world,
            watched,
            http,
            declaration: Declaration::default(),
            reading: Reading::default(),
            caller: None,
        };
        let url = audited.world.origin();
        audited.add("home", &url);
        audited
    }

    fn add(&mut self, name: &str, url: &str) {
        self.declaration
            .orgs
            .insert(name.to_owned(), Org { url: url.parse().unwrap(), tenant: None, environment: None });
    }

    /// An address where nobody is.
    pub(super) fn add_nobody(&mut self, name: &str) {
        self.add(name, "https://localhost:1");
    }

    /// A further org of the tenant; gives its address.
    pub(super) async fn add_org(&mut self, name: &str) -> String {
        let bearer = format!("Bearer {}", self.world.admin_token().await);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = json!({"name": name, "tenant": "keyholder.localhost"}).to_string();
        let made = self.world.ask("POST", "/_keyholder/orgs", &headers, &body).await;
        assert!(made.status < 300, "{}", made.text);
        let url = made.body["url"].as_str().unwrap().to_owned();
        self.add(name, &url);
        url
    }

    /// From now on some are answered in the services' place.
    pub(super) fn answer_instead(&self, instead: impl Fn(&str) -> Option<(u16, Value)> + Send + 'static) {
        *self.watched.instead.lock().unwrap() = Some(Box::new(instead));
    }

    pub(super) fn url(&self, org: &str) -> String {
        self.declaration.orgs[org].url.to_string()
    }

    /// Audits all orgs; what is found, by these limits.
    pub(super) async fn facts(&self) -> Facts {
        let mut orgs = BTreeMap::new();
        for (name, org) in &self.declaration.orgs {
            let caller = match &self.caller {
                Some((client, text)) => self.world.connection_as(client, keyholder_foundation::Secret::new(text)),
                None => self.world.connection(),
            };
            let connection = keyholder_client::Connection { url: org.url.clone(), ..caller };
            orgs.insert(name.clone(), Administrator::connect(connection, self.http.clone()).await);
        }
        let estate = Estate::new(&self.declaration, orgs);
        let reading = Reading { slots_limit: 7, ..self.reading.clone() };
        gather(&estate, &self.declaration, &reading, Timestamp::EPOCH).await
    }

    pub(super) async fn findings(&self) -> Vec<Finding> {
        judge(&self.facts().await, None, &Limits::default(), &Switches::default())
    }

    pub(super) fn now(&self) -> Timestamp {
        self.world.clock().now()
    }

    pub(super) async fn graph(&self, method: &str, path: &str, body: Value) -> Value {
        let token = self.world.admin_token().await;
        let body = if body.is_null() { None } else { Some(&body) };
        let answer = self.world.graph(&token, method, path, body).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        answer.body
    }

    /// Asks an org of the tenant something, as its administrator.
    pub(super) async fn org(&self, org: &str, method: &str, path: &str, body: Value) -> Value {
        let url = self.url(org);
        let admin = self.world.admin();
        let token = self.world.token(&admin.client_id, &admin.client_secret, &url).await;
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("prefer", "return=representation"),
        ];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let path = format!("{}/api/data/v9.2/{}", url.trim_end_matches('/'), path.replace(' ', "%20"));
        let answer = self.world.ask(method, &path, &headers, &body).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.text);
        answer.body
    }

    /// An application with a service principal, a secret that works for half a year, and a user with a role of its own in
    /// each of the orgs; nothing about it is wrong.
    pub(super) async fn sound(&self, name: &str, orgs: &[&str]) -> Application {
        let application = self.registered(name).await;
        self.secret(&application, "key", 0, 180).await;
        self.user_in(&application, orgs).await;
        application
    }

    pub(super) async fn registered(&self, name: &str) -> Application {
        let made = self.graph("POST", "applications", json!({"displayName": name})).await;
        let client = made["appId"].as_str().unwrap().to_owned();
        let principal = self.graph("POST", "servicePrincipals", json!({"appId": client})).await;
        let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
        Application { id: id(&made), client, principal: id(&principal) }
    }

    pub(super) async fn user_in(&self, application: &Application, orgs: &[&str]) {
        for org in orgs {
            let user = self.roleless_user(application, org).await;
            self.give(org, &user, "Audited").await;
        }
    }

    pub(super) async fn roleless_user(&self, application: &Application, org: &str) -> String {
        let made = self.org(org, "POST", "systemusers", json!({"applicationid": application.client})).await;
        made["systemuserid"].as_str().unwrap().to_owned()
    }

    /// Gives a role by name; a missing one is made first, with nothing but reading contacts.
    pub(super) async fn give(&self, org: &str, user: &str, role: &str) {
        let found = self.org(org, "GET", &format!("roles?$select=roleid&$filter=name eq '{role}'"), Value::Null).await;
        let id = match found["value"][0]["roleid"].as_str() {
            Some(id) => id.to_owned(),
            None => self.role(org, role, &[("prvReadContact", "Global")]).await,
        };
        let reference =
            json!({"@odata.id": format!("{}/api/data/v9.2/roles({id})", self.url(org).trim_end_matches('/'))});
        self.org(org, "POST", &format!("systemusers({user})/systemuserroles_association/$ref"), reference).await;
    }

    /// Makes a role with these privileges; gives its id.
    pub(super) async fn role(&self, org: &str, name: &str, privileges: &[(&str, &str)]) -> String {
        let units = "businessunits?$select=businessunitid&$filter=parentbusinessunitid eq null";
        let unit = self.org(org, "GET", units, Value::Null).await;
        let unit = unit["value"][0]["businessunitid"].as_str().unwrap().to_owned();
        let wanted = json!({"name": name, "businessunitid@odata.bind": format!("/businessunits({unit})")});
        let made = self.org(org, "POST", "roles", wanted).await;
        let id = made["roleid"].as_str().unwrap().to_owned();
        let mut list = Vec::new();
        for (privilege, depth) in privileges {
            let query = format!("privileges?$select=privilegeid&$filter=name eq '{privilege}'");
            let found = self.org(org, "GET", &query, Value::Null).await;
            let found =
                found["value"][0]["privilegeid"].as_str().unwrap_or_else(|| panic!("no {privilege}")).to_owned();
            list.push(json!({"PrivilegeId": found, "Depth": depth, "BusinessUnitId": unit}));
        }
        let path = format!("roles({id})/Microsoft.Dynamics.CRM.AddPrivilegesRole");
        self.org(org, "POST", &path, json!({"Privileges": list})).await;
        id
    }

    /// A secret that works from `starts` to `ends`, in days from now; gives its text.
    pub(super) async fn secret(&self, application: &Application, name: &str, starts: i64, ends: i64) -> String {
        let day = |days: i64| Timestamp::from_unix_seconds(self.now().unix_seconds() + days * 24 * 60 * 60).to_string();
        let wanted = json!({"passwordCredential":
            {"displayName": name, "startDateTime": day(starts), "endDateTime": day(ends)}});
        let made = self.graph("POST", &format!("applications/{}/addPassword", application.id), wanted).await;
        made["secretText"].as_str().unwrap().to_owned()
    }

    /// A person with a password; gives the object id.
    pub(super) async fn person(&self, local: &str) -> String {
        let body = json!({
            "displayName": format!("Person {local}"), "mailNickname": local, "accountEnabled": true,
            "usageLocation": "US", "userPrincipalName": format!("{local}@keyholder.localhost"),
            "passwordProfile": {"password": PASSWORD, "forceChangePasswordNextSignIn": false},
        });
        self.graph("POST", "users", body).await["id"].as_str().unwrap().to_owned()
    }

    /// A person who is a non-interactive user of the first org, and still has the licence for that.
    pub(super) async fn non_interactive(&self, local: &str) -> String {
        let id = self.person(local).await;
        let plan = "ea126fc5-a19e-42e2-a731-da9d437bffcf";
        let body = json!({"addLicenses": [{"skuId": plan}], "removeLicenses": []});
        self.graph("POST", &format!("users/{id}/assignLicense"), body).await;
        let query = format!("systemusers?$select=systemuserid&$filter=azureactivedirectoryobjectid eq {id}");
        let found = self.org("home", "GET", &query, Value::Null).await;
        let user = found["value"][0]["systemuserid"].as_str().unwrap().to_owned();
        self.org("home", "PATCH", &format!("systemusers({user})"), json!({"accessmode": 4})).await;
        self.give("home", &user, "Audited").await;
        id
    }
}

/// What every person's password is.
pub(super) const PASSWORD: &str = "Correct-horse-9";

/// An application of the directory.
pub(super) struct Application {
    pub(super) id: String,
    pub(super) client: String,
    pub(super) principal: String,
}

/// The finding of a rule about a subject of that name.
pub(super) fn finding<'a>(all: &'a [Finding], rule: &str, subject: &str) -> &'a Finding {
    let mut of_rule = all.iter().filter(|finding| finding.rule == rule);
    of_rule.find(|finding| finding.subject.name.starts_with(subject)).unwrap_or_else(|| {
        let told: Vec<String> =
            all.iter().map(|one| format!("{} {}: {}", one.rule, one.subject.name, one.message)).collect();
        panic!("no {rule} of {subject}: {told:#?}")
    })
}

/// The rules that found something about a subject of that name.
pub(super) fn rules_of<'a>(all: &'a [Finding], subject: &str) -> Vec<&'a str> {
    let mut rules: Vec<&str> =
        all.iter().filter(|finding| finding.subject.name.starts_with(subject)).map(|finding| finding.rule).collect();
    rules.sort_unstable();
    rules.dedup();
    rules
}
