//! GitHub's "REST API endpoints for GitHub Actions Secrets": of repositories, environments and organizations.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto_box::SecretKey;
use serde_json::{Value, json};

use super::{Asked, Fault, Server, Told};

/// The token that it takes.
pub const GITHUB_TOKEN: &str = "ghp_test0123456789";
/// The private key of every repository, environment and organization.
pub const GITHUB_KEY: [u8; 32] = [7; 32];
const KEY_ID: &str = "012345678912345678";

/// A GitHub of which `contoso/orders`, its environment `Prod env/1` and the organization `contoso` have secrets.
pub struct GitHub {
    server: Server,
    kept: Arc<Mutex<BTreeMap<String, Kept>>>,
}

#[derive(Debug, Clone)]
struct Kept {
    value: String,
    visibility: Option<String>,
    selected: Vec<u64>,
}

const BASES: [&str; 3] = [
    "/repos/contoso/orders/actions/secrets",
    "/repos/contoso/orders/environments/Prod%20env%2F1/secrets",
    "/orgs/contoso/actions/secrets",
];

impl GitHub {
    /// Starts one without any secret.
    #[must_use]
    pub fn start() -> Self {
        let kept: Arc<Mutex<BTreeMap<String, Kept>>> = Arc::default();
        let (all, private) = (kept.clone(), SecretKey::from(GITHUB_KEY));
        let answering = move |asked: &Asked| {
            let mut kept = all.lock().unwrap_or_else(PoisonError::into_inner);
            answer(asked, &mut kept, &private).unwrap_or_else(|told| told)
        };
        Self { server: Server::start(None, Arc::new(answering)), kept }
    }

    /// Where its REST API is.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// What a secret holds, opened with the private key: `/repos/contoso/orders/actions/secrets/NAME`.
    #[must_use]
    pub fn opened(&self, path: &str) -> Option<String> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(path).map(|kept| kept.value.clone())
    }

    /// Who may use an organization's secret.
    #[must_use]
    pub fn reach(&self, path: &str) -> Option<(String, Vec<u64>)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()?;
        Some((kept.visibility?, kept.selected))
    }

    /// Puts a secret there as somebody else does; an organization's for these repositories.
    pub fn put(&self, path: &str, value: &str, selected: &[u64]) {
        let visibility = path.starts_with("/orgs/").then(|| "selected".to_owned());
        let kept = Kept { value: value.to_owned(), visibility, selected: selected.to_vec() };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), kept);
    }

    /// Deletes a secret.
    pub fn delete(&self, path: &str) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
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

fn refused(status: u16, message: &str) -> Told {
    Told::new(
        status,
        json!({ "message": message, "documentation_url": "https://docs.github.com/rest", "status": status.to_string() }),
    )
}

fn answer(asked: &Asked, kept: &mut BTreeMap<String, Kept>, private: &SecretKey) -> Result<Told, Told> {
    if asked.header("user-agent").is_empty() {
        return Err(refused(
            403,
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header",
        ));
    }
    if asked.header("accept") != "application/vnd.github+json" || asked.header("x-github-api-version") != "2022-11-28" {
        return Err(refused(400, "the documents ask for these headers"));
    }
    if asked.header("authorization") != format!("Bearer {GITHUB_TOKEN}") {
        return Err(refused(401, "Bad credentials"));
    }
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let base = BASES.iter().find(|base| path.strip_prefix(**base).is_some_and(|rest| rest.starts_with('/')));
    let base = *base.ok_or_else(|| refused(404, "Not Found"))?;
    let rest: Vec<&str> = path.get(base.len() + 1..).unwrap_or_default().split('/').collect();
    match (asked.method.as_str(), rest.as_slice()) {
        ("GET", ["public-key"]) => {
            let key = STANDARD.encode(private.public_key().as_bytes());
            Ok(Told::new(200, json!({ "key_id": KEY_ID, "key": key })))
        }
        ("GET", [name]) => {
            let secret = kept.get(path).ok_or_else(|| refused(404, "Not Found"))?;
            let mut body =
                json!({ "name": name, "created_at": "2019-08-10T14:59:22Z", "updated_at": "2020-01-10T14:59:22Z" });
            if let Some(visibility) = &secret.visibility {
                body["visibility"] = json!(visibility);
            }
            Ok(Told::new(200, body))
        }
        ("GET", [name, "repositories"]) if base.starts_with("/orgs/") => {
            let secret = kept.get(&format!("{base}/{name}")).ok_or_else(|| refused(404, "Not Found"))?;
            let number = |key: &str| query.split('&').find_map(|pair| pair.strip_prefix(key)?.parse::<usize>().ok());
            let (per, page) = (number("per_page=").unwrap_or(30).min(100), number("page=").unwrap_or(1));
            let listed = secret.selected.iter().skip(per * (page - 1)).take(per);
            let listed: Vec<Value> = listed.map(|id| json!({ "id": id, "name": "r" })).collect();
            Ok(Told::new(200, json!({ "total_count": secret.selected.len(), "repositories": listed })))
        }
        ("PUT", [name]) => {
            let is_new = kept.insert(path.to_owned(), taken(asked, name, base, private)?).is_none();
            Ok(if is_new { Told::new(201, json!({})) } else { Told::new(204, Value::Null) })
        }
        _ => Err(refused(404, "Not Found")),
    }
}

/// What a PUT puts there.
fn taken(asked: &Asked, name: &str, base: &str, private: &SecretKey) -> Result<Kept, Told> {
    let invalid = |why: &str| refused(422, why);
    if asked.header("content-type") != "application/json"
        || name.bytes().any(|b| !(b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'))
    {
        return Err(invalid("Secret names can only contain alphanumeric characters"));
    }
    let body: Value = serde_json::from_str(&asked.body).map_err(|_| refused(400, "Problems parsing JSON"))?;
    let is_org = base.starts_with("/orgs/");
    let known = |key: &str| {
        matches!(key, "encrypted_value" | "key_id")
            || (is_org && matches!(key, "visibility" | "selected_repository_ids"))
    };
    let body =
        body.as_object().filter(|body| body.keys().all(|key| known(key))).ok_or_else(|| invalid("unknown key"))?;
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    if text("key_id") != Some(KEY_ID) {
        return Err(invalid("key_id is not of the current public key"));
    }
    let sealed = text("encrypted_value").and_then(|text| STANDARD.decode(text).ok());
    let opened =
        sealed.and_then(|sealed| private.unseal(&sealed).ok()).and_then(|opened| String::from_utf8(opened).ok());
    let value = opened.ok_or_else(|| invalid("encrypted_value does not open"))?;
    let visibility = text("visibility").map(str::to_owned);
    let selected: Option<Vec<u64>> = body
        .get("selected_repository_ids")
        .map(|ids| ids.as_array().into_iter().flatten().filter_map(Value::as_u64).collect());
    let fits = match visibility.as_deref() {
        None => !is_org,
        Some("selected") => true,
        Some("all" | "private") => selected.is_none(),
        Some(_) => false,
    };
    if !fits {
        return Err(invalid("visibility"));
    }
    Ok(Kept { value, visibility, selected: selected.unwrap_or_default() })
}
