//! The discovery service, which lists the orgs that a caller is a user of:
//! `/api/discovery/v2.0/Instances`.
//!
//! It has an audience of its own and belongs to no tenant, so its challenge names the `common`
//! authority. Where Microsoft's documents leave a value to the service, it is a reading: an
//! environment's id is the organization's id, the region is `NA`.

mod filter;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_entra::challenge::Challenge;
use keyholder_entra::well_known::USER_IMPERSONATION;
use keyholder_identity::{Audience, VerifiedToken, bearer};
use serde_json::{Map, Value, json};

use crate::door::token_facts;
use crate::folder::Pretence;
use crate::world::{OpenOrg, State};

/// What a token for it is for; one for the origin is as good.
pub(crate) const RESOURCE: &str = "https://globaldisco.crm.dynamics.com";
const PREFIX: &str = "/api/discovery/";

/// Answers everything below `/api/discovery/`.
pub(crate) async fn respond(state: &State, origin: &str, request: &Request<Bytes>) -> Response<Bytes> {
    let audience = Audience::any_of([RESOURCE, origin]).with_scope(USER_IMPERSONATION);
    let verified = bearer(request.headers()).and_then(|token| state.identity.verify(token, &audience));
    let Ok(caller) = verified else { return challenge(origin) };
    match answer(state, origin, &caller, request).await {
        Ok(body) => written(StatusCode::OK, body.to_string()),
        Err(refusal) => {
            written(StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST), refusal.body())
        }
    }
}

async fn answer(
    state: &State,
    origin: &str,
    caller: &VerifiedToken,
    request: &Request<Bytes>,
) -> Result<Value, DataverseError> {
    let path = request.uri().path().strip_prefix(PREFIX).unwrap_or_default();
    let (version, resource) = path.split_once('/').unwrap_or((path, ""));
    if !matches!(version, "v2.0" | "v1.0") {
        return Err(error::unknown_segment(version));
    }
    let resource = percent_decoded(resource);
    let (set, key) = match resource.strip_suffix(')').and_then(|rest| rest.split_once('(')) {
        Some((set, key)) => (set, Some(key)),
        None => (resource.as_str(), None),
    };
    if set != "Instances" {
        return Err(error::unknown_segment(set));
    }
    if request.method() != Method::GET {
        return Err(error::method_not_allowed(request.method().as_str()));
    }
    let options = Options::read(request.uri().query().unwrap_or_default(), key)?;

    let mut rows = Vec::new();
    // Where somebody is only as a partner's administrator is not told.
    for org in state.orgs.iter().filter(|org| org.tenant == caller.tenant && !caller.delegated) {
        let user = org.organization.membership(&token_facts(caller)).await.map_err(|_| error::unexpected())?;
        let Some(user) = user.filter(|user| !user.is_disabled) else { continue };
        let row = instance(org, user.is_administrator);
        if options.admits(&row)? {
            rows.push(options.shown(row));
        }
    }
    let columns = options.select.as_ref().map(|names| format!("({})", names.join(","))).unwrap_or_default();
    Ok(json!({
        "@odata.context": format!("{origin}{PREFIX}{version}/$metadata#Instances{columns}"),
        "value": rows,
    }))
}

/// What is asked of the list.
struct Options {
    select: Option<Vec<String>>,
    filters: Vec<filter::Condition>,
}

impl Options {
    fn read(query: &str, key: Option<&str>) -> Result<Self, DataverseError> {
        let mut options = Self { select: None, filters: Vec::new() };
        if let Some(key) = key {
            options.filters.push(key_condition(key)?);
        }
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "" => {}
                "$select" => {
                    let names: Vec<String> = value.split(',').map(|name| name.trim().to_owned()).collect();
                    if let Some(unknown) = names.iter().find(|name| !PROPERTIES.contains(&name.as_str())) {
                        return Err(error::unknown_property(unknown, "Microsoft.Dynamics.CRM.Instance"));
                    }
                    options.select = Some(names);
                }
                "$filter" => options.filters.push(filter::parse(&value)?),
                other => return Err(error::unsupported_option(&other.chars().take(40).collect::<String>())),
            }
        }
        Ok(options)
    }

    fn admits(&self, row: &Map<String, Value>) -> Result<bool, DataverseError> {
        for condition in &self.filters {
            if !condition.holds(row)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn shown(&self, row: Map<String, Value>) -> Value {
        match &self.select {
            None => Value::Object(row),
            Some(names) => {
                let shown = names.iter().filter_map(|name| Some((name.clone(), row.get(name)?.clone())));
                Value::Object(shown.collect())
            }
        }
    }
}

/// `Instances(GUID)` or `Instances(UniqueName='x')`; either way the answer is a list.
fn key_condition(key: &str) -> Result<filter::Condition, DataverseError> {
    match key.split_once('=') {
        None => filter::parse(&format!("Id eq {key}")),
        Some((name @ ("UniqueName" | "Region" | "State" | "Version" | "Id"), value)) => {
            filter::parse(&format!("{name} eq {value}"))
        }
        Some(_) => Err(error::bad_syntax()),
    }
}

const PROPERTIES: [&str; 20] = [
    "ApiUrl",
    "DatacenterId",
    "DatacenterName",
    "EnvironmentId",
    "FriendlyName",
    "Id",
    "IsUserSysAdmin",
    "LastUpdated",
    "OrganizationType",
    "Purpose",
    "Region",
    "SchemaType",
    "State",
    "StatusMessage",
    "TenantId",
    "TrialExpirationDate",
    "UniqueName",
    "UrlName",
    "Version",
    "Url",
];

fn instance(org: &OpenOrg, is_administrator: bool) -> Map<String, Value> {
    let short = org.short_name();
    let values = [
        json!(org.url),
        json!("local"),
        json!("local"),
        json!(org.id),
        json!(org.name),
        json!(org.id),
        json!(is_administrator),
        json!(org.opened.to_string()),
        json!(0),
        json!(""),
        json!("NA"),
        json!("Standard"),
        json!(0),
        json!(6),
        json!(org.tenant),
        Value::Null,
        json!(short),
        json!(short),
        json!(org.pretend.map_or(keyholder_data::VERSION, Pretence::version)),
        json!(org.url),
    ];
    PROPERTIES.into_iter().map(ToOwned::to_owned).zip(values).collect()
}

fn challenge(origin: &str) -> Response<Bytes> {
    let challenge =
        Challenge::of_resource(format!("{origin}/common/oauth2/authorize"), format!("{RESOURCE}/")).to_string();
    let mut response = written(StatusCode::UNAUTHORIZED, String::new());
    if let Ok(value) = HeaderValue::from_str(&challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

fn percent_decoded(text: &str) -> String {
    // A `+` in a path is a plus.
    let query = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    form_urlencoded::parse(query.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

fn written(status: StatusCode, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; odata.metadata=minimal"));
    headers.insert("odata-version", HeaderValue::from_static("4.0"));
    response
}
