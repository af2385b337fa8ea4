//! `/applications`.

use http::{HeaderMap, Method};
use keyholder_entra::graph::RequiredResourceAccess;
use keyholder_foundation::{ClientId, KeyId};
use serde_json::{Map, Value};

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::filter::{Properties, Type};
use super::path::{self, Segment};
use super::problem::Problem;
use super::query::Askable;
use super::{Call, credentials, delta, end, federated, owners, policies, unset};
use crate::directory::applications::{self, ApplicationChange, ObjectKey};
use crate::directory::holders::Holder;
use crate::directory::listing::Condition;
use crate::directory::tenants::Tenant;

/// How many registrations a person without a role may have.
const PERSONAL_QUOTA: usize = 250;
const SIGN_IN_AUDIENCES: [&str; 4] =
    ["AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"];
const ENTITY: &str = "Application";
const PROPERTIES: Properties = &[
    ("id", Type::Text),
    ("appId", Type::Text),
    ("displayName", Type::Text),
    ("uniqueName", Type::Text),
    ("signInAudience", Type::Text),
    ("publisherDomain", Type::Text),
    ("createdDateTime", Type::Moment),
    ("isFallbackPublicClient", Type::Bool),
    ("groupMembershipClaims", Type::Text),
    ("serviceManagementReference", Type::Text),
    ("identifierUris", Type::Texts),
    ("tags", Type::Texts),
];
/// Properties that are changed by the names that they have here.
const DETAILS: [&str; 18] = [
    "addIns",
    "api",
    "appRoles",
    "defaultRedirectUri",
    "groupMembershipClaims",
    "info",
    "isDeviceOnlyAuthSupported",
    "isDisabled",
    "isFallbackPublicClient",
    "optionalClaims",
    "parentalControlSettings",
    "publicClient",
    "requestSignatureVerification",
    "samlMetadataUrl",
    "serviceManagementReference",
    "servicePrincipalLockConfiguration",
    "spa",
    "web",
];
/// What a registration can say about the groups that its tokens name; several with commas between.
const GROUP_CLAIMS: [&str; 5] = ["None", "SecurityGroup", "DirectoryRole", "ApplicationGroup", "All"];
/// Whose consent minors can need.
const AGE_RULES: [&str; 5] =
    ["Allow", "RequireConsentForPrivacyServices", "RequireConsentForMinors", "RequireConsentForKids", "BlockMinors"];

pub(super) fn shape<'a>(call: &'a Call<'_>) -> Shape<'a> {
    Shape::new(call, "applications", "application").unset(unset::APPLICATION)
}

pub(super) fn askable() -> Askable<impl Fn(&str, bool, &str) -> Option<Condition>> {
    Askable { entity: ENTITY, properties: PROPERTIES, narrows: applications::condition, named: true }
}

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    match (&first.key, rest.first().map(|segment| segment.name.as_str())) {
        (Some(key), _) if path::key_parts(key).0.eq_ignore_ascii_case("uniqueName") => {
            return unique_name(call, path::key_parts(key).1, rest).await;
        }
        (None, Some("delta" | "delta()")) => return delta::applications(call, rest).await,
        (None, Some("$count")) => return count(call, rest).await,
        _ => {}
    }
    let Some((key, rest)) = path::object(first, rest)? else {
        return match *call.method {
            Method::GET => list(call).await,
            Method::POST => create(call).await,
            _ => call.no_method(),
        };
    };
    let Some((action, rest)) = rest.split_first() else {
        return match *call.method {
            Method::GET => get(call, key).await,
            Method::PATCH => update(call, key).await,
            Method::DELETE => delete(call, key).await,
            _ => call.no_method(),
        };
    };
    match action.name.as_str() {
        "owners" => owners::handle(call, owners::Owned::Application(key), rest).await,
        "federatedidentitycredentials" => federated::handle(call, key, action, rest).await,
        "appmanagementpolicies" => policies::of_holder(call, Holder::Application(key), rest).await,
        name => {
            end(rest)?;
            credentials::handle(call, Holder::Application(key), name)
                .await
                .unwrap_or_else(|| Err(Problem::unknown_segment(&action.text)))
        }
    }
}

/// `/applications(uniqueName='..')`: read, or make or change by name.
async fn unique_name(call: &Call<'_>, name: &str, rest: &[Segment]) -> Result<Answer, Problem> {
    end(rest)?;
    let found = call.identity.directory.find_application_by_name(&call.caller.tenant, name.to_owned()).await?;
    let key = found.map(|found| ObjectKey::Object(found.id));
    match (call.method.clone(), key) {
        (Method::GET, Some(key)) => get(call, key).await,
        (Method::PATCH, Some(key)) => update(call, key).await,
        (Method::DELETE, Some(key)) => delete(call, key).await,
        (Method::PATCH, None) if creates_if_missing(call.headers) => create_named(call, Some(name)).await,
        (Method::GET | Method::PATCH | Method::DELETE, None) => {
            call.reach().await?;
            Err(Problem::not_found(name))
        }
        _ => call.no_method(),
    }
}

/// Whether a PATCH may make what it names.
pub(super) fn creates_if_missing(headers: &HeaderMap) -> bool {
    let mut wishes = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    wishes.any(|value| value.split([',', ';']).any(|wish| wish.trim().eq_ignore_ascii_case("create-if-missing")))
}

async fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let listing = call.within_reach(call.query.listing(&askable())?).await?;
    let page = call.identity.directory.list_applications(&call.caller.tenant, listing).await?;
    let page = owners::expand_all(call, page, shape(call).entity).await?;
    Ok(Answer::Found(shape(call).page(&call.query, &page)?))
}

async fn count(call: &Call<'_>, rest: &[Segment]) -> Result<Answer, Problem> {
    end(rest.get(1..).unwrap_or_default())?;
    if call.method != Method::GET {
        return call.no_method();
    }
    let listing = call.within_reach(call.query.counting(&askable())?).await?;
    let page = call.identity.directory.list_applications(&call.caller.tenant, listing).await?;
    Ok(Answer::Number(page.count.unwrap_or_default()))
}

async fn get(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    call.reach().await?;
    call.query.of_one()?;
    let mut found = call.identity.directory.find_application(&call.caller.tenant, key).await?;
    call.may_see(found.id).await?;
    // Only who asks for them by name gets the certificates themselves.
    if call.query.selects("keyCredentials") {
        credentials::show_keys(call, Holder::Application(key), &mut found.key_credentials).await?;
    }
    let owners = owners::expand(call, found.id, shape(call).entity).await?;
    Ok(Answer::Found(shape(call).one(&call.query, &owners::Expanded::new(found, owners))?))
}

async fn create(call: &Call<'_>) -> Result<Answer, Problem> {
    create_named(call, None).await
}

async fn create_named(call: &Call<'_>, unique_name: Option<&str>) -> Result<Answer, Problem> {
    call.caller.may(Action::CreateApplications)?;
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    let mut change = change(&mut body)?;
    let bound = owners::bound(&mut body)?;
    body.finish()?;
    if let Some(name) = unique_name {
        if change.unique_name.as_deref().is_some_and(|other| other != name) {
            return Err(Problem::invalid_value("uniqueName", ENTITY));
        }
        change.unique_name = Some(name.to_owned());
    }
    // Only what is there can be deactivated.
    if change.details.get("isDisabled").is_some_and(|value| !value.is_null()) {
        return Err(Problem::invalid_property("isDisabled"));
    }
    if change.display_name.is_none() {
        let message = "A value is required for property 'displayName' of resource 'Application'.";
        return Err(Problem::request(message));
    }
    if change.passwords.as_ref().is_some_and(|list| !list.is_empty()) {
        return Err(Problem::invalid_value("passwordCredentials", ENTITY));
    }
    // What the documented sample gets that says nothing.
    let audience = change.sign_in_audience.get_or_insert_with(|| "AzureADandPersonalMicrosoftAccount".to_owned());
    if audience.contains("Personal") && change.display_name.as_ref().is_some_and(|name| name.chars().count() > 90) {
        return Err(Problem::invalid_value("displayName", ENTITY));
    }
    if audience.contains("Personal") {
        // Personal accounts have tokens of the second version only.
        let api = change.details.entry("api").or_insert_with(|| Value::Object(Map::new()));
        if let Some(api) = api.as_object_mut() {
            let version = api.entry("requestedAccessTokenVersion").or_insert(Value::Null);
            *version = version.as_i64().unwrap_or(2).into();
        }
    }
    check_uris(&change, &call.caller.tenant, None)?;
    let directory = &call.identity.directory;
    if !call.caller.can(Action::WriteApplications) && call.caller.is_person {
        let owned = directory.owned_by(call.caller.tenant.id, call.caller.id).await?;
        if owned.len() >= PERSONAL_QUOTA {
            return Err(Problem::registrations_spent());
        }
    }
    change.created_by = Some(call.caller.client);
    change.owners = call.caller.as_owner().into_iter().collect();
    for owner in bound {
        if !change.owners.contains(&owner) {
            change.owners.push(owner);
        }
    }
    let made = directory.create_application(&call.caller.tenant, &change).await?;
    shape(call).created(&made, &made.id.to_string())
}

async fn update(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    call.may_manage_any()?;
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    let change = change(&mut body)?;
    body.finish()?;
    let directory = &call.identity.directory;
    let found = directory.find_application(&call.caller.tenant, key).await?;
    call.may_manage(found.id).await?;
    check_uris(&change, &call.caller.tenant, Some(found.app_id))?;
    directory.update_application(&call.caller.tenant, ObjectKey::Object(found.id), change).await?;
    Ok(Answer::Done)
}

async fn delete(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    call.may_manage_any()?;
    call.query.of_action()?;
    let found = call.identity.directory.find_application(&call.caller.tenant, key).await?;
    call.may_manage(found.id).await?;
    call.identity.directory.delete_application(&call.caller.tenant, ObjectKey::Object(found.id)).await?;
    Ok(Answer::Done)
}

/// What a body says of an application.
fn change(body: &mut Body) -> Result<ApplicationChange, Problem> {
    let change = ApplicationChange {
        display_name: body.take_text("displayName", 120)?,
        description: body.take_nullable_text("description", 1024)?,
        sign_in_audience: body.take("signInAudience")?,
        identifier_uris: body.take("identifierUris")?,
        required_resource_access: body.take("requiredResourceAccess")?,
        tags: body.take("tags")?,
        notes: body.take_nullable_text("notes", 1024)?,
        unique_name: body.take_text("uniqueName", 120)?,
        details: details(body)?,
        keys: credentials::wanted_keys(body)?,
        passwords: kept_passwords(body)?,
        owners: Vec::new(),
        created_by: None,
    };
    unset::APPLICATION.take_from(body)?;
    if change.sign_in_audience.as_ref().is_some_and(|audience| !SIGN_IN_AUDIENCES.contains(&audience.as_str())) {
        return Err(body.invalid("signInAudience"));
    }
    if change.required_resource_access.as_ref().is_some_and(|access| !declarable(access)) {
        return Err(body.invalid("requiredResourceAccess"));
    }
    if change.tags.as_ref().is_some_and(|tags| !are_tags(tags)) {
        return Err(body.invalid("tags"));
    }
    Ok(change)
}

/// The details that a body has, with the rules that the types do not say.
fn details(body: &mut Body) -> Result<Map<String, Value>, Problem> {
    let mut details = Map::new();
    for name in DETAILS {
        if let Some(value) = body.take::<Value>(name)? {
            check_detail(name, &value, body)?;
            details.insert(name.to_owned(), value);
        }
    }
    Ok(details)
}

fn check_detail(name: &str, value: &Value, body: &Body) -> Result<(), Problem> {
    let texts = |list: &str| -> Vec<String> {
        let list = value.get(list).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let sound = match name {
        "web" | "spa" => unique(&texts("redirectUris")) && texts("redirectUris").iter().all(|uri| is_web_uri(uri)),
        "publicClient" => unique(&texts("redirectUris")) && texts("redirectUris").iter().all(|uri| is_native_uri(uri)),
        "api" => {
            let version = value.get("requestedAccessTokenVersion").unwrap_or(&Value::Null);
            let scopes = value.get("oauth2PermissionScopes").and_then(Value::as_array);
            (version.is_null() || matches!(version.as_i64(), Some(1 | 2)))
                && entitlements_are_sound(scopes.map_or(&[], Vec::as_slice))
        }
        "appRoles" => {
            let roles = value.as_array().map_or(&[][..], Vec::as_slice);
            let member = |kind: &Value| matches!(kind.as_str(), Some("User" | "Application"));
            let members = |role: &Value| {
                let list = role.get("allowedMemberTypes").and_then(Value::as_array);
                list.is_some_and(|list| !list.is_empty() && list.iter().all(member))
            };
            entitlements_are_sound(roles) && roles.iter().all(members)
        }
        "groupMembershipClaims" => {
            value.as_str().is_none_or(|claims| claims.split(',').all(|claim| GROUP_CLAIMS.contains(&claim.trim())))
        }
        "parentalControlSettings" => {
            let rule = value.get("legalAgeGroupRule").unwrap_or(&Value::Null);
            let country = |text: &String| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
            rule.as_str().is_none_or(|rule| AGE_RULES.contains(&rule))
                && texts("countriesBlockedForMinors").iter().all(country)
        }
        "requestSignatureVerification" => {
            let weak = value.get("allowedWeakAlgorithms").unwrap_or(&Value::Null);
            weak.is_null() || weak == "rsaSha1"
        }
        "samlMetadataUrl" => value.as_str().is_none_or(is_web_uri),
        _ => true,
    };
    if sound { Ok(()) } else { Err(body.invalid(name)) }
}

/// Each permission has an id and a value of its own, and the value can stand in a token.
fn entitlements_are_sound(list: &[Value]) -> bool {
    let texts = |name: &str| -> Vec<String> {
        list.iter().filter_map(|one| one.get(name).and_then(Value::as_str)).map(str::to_lowercase).collect()
    };
    let values = texts("value");
    let plain = |value: &String| value.len() <= 120 && !value.contains(char::is_whitespace);
    unique(&texts("id")) && unique(&values) && values.iter().all(plain)
}

fn unique(list: &[String]) -> bool {
    list.iter().enumerate().all(|(at, one)| list.iter().take(at).all(|earlier| earlier != one))
}

/// `https` anywhere, `http` on the machine itself, without a fragment or a wildcard.
pub(super) fn is_web_uri(uri: &str) -> bool {
    let host = |rest: &str| rest.split(['/', ':', '?']).next().unwrap_or_default().to_ascii_lowercase();
    let local = |rest: &str| matches!(host(rest).as_str(), "localhost" | "127.0.0.1" | "[");
    is_native_uri(uri)
        && !uri.contains('*')
        && match uri.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => !host(rest).is_empty(),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => local(rest),
            _ => false,
        }
}

/// Schemes whose addresses a browser runs instead of opening them.
const RUN_BY_BROWSERS: [&str; 3] = ["javascript", "data", "vbscript"];

/// Any absolute address without a fragment, but for those that are programs.
fn is_native_uri(uri: &str) -> bool {
    let has_scheme = uri.split_once(':').is_some_and(|(scheme, rest)| {
        !RUN_BY_BROWSERS.iter().any(|run| scheme.eq_ignore_ascii_case(run))
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
            && !rest.is_empty()
    });
    has_scheme && uri.len() <= 2048 && !uri.contains(|c: char| c.is_whitespace() || c.is_control() || c == '#')
}

/// The secrets that a list names. A PATCH can only take secrets away.
fn kept_passwords(body: &mut Body) -> Result<Option<Vec<KeyId>>, Problem> {
    let Some(list) = body.take::<Vec<Map<String, Value>>>("passwordCredentials")? else {
        return Ok(None);
    };
    let id = |entry: &Map<String, Value>| entry.get("keyId").and_then(Value::as_str).and_then(|id| id.parse().ok());
    list.iter().map(id).collect::<Option<_>>().map(Some).ok_or_else(|| body.invalid("passwordCredentials"))
}

/// At most 50 APIs, each once, with at most 400 permissions together.
fn declarable(access: &[RequiredResourceAccess]) -> bool {
    let repeated = access
        .iter()
        .enumerate()
        .any(|(at, one)| access.iter().take(at).any(|earlier| earlier.resource_app_id == one.resource_app_id));
    let permissions: usize = access.iter().map(|api| api.resource_access.len()).sum();
    access.len() <= 50 && permissions <= 400 && !repeated
}

/// Tags have 1 to 256 characters, no blanks, and come once.
pub(super) fn are_tags(tags: &[String]) -> bool {
    let sound = |tag: &String| (1..=256).contains(&tag.chars().count()) && !tag.contains(char::is_whitespace);
    tags.len() <= 200 && tags.iter().all(sound) && unique(tags)
}

/// Addresses are `api://<own client id>`, `api://<tenant id>/..`, or on a domain of the tenant.
fn check_uris(change: &ApplicationChange, tenant: &Tenant, client: Option<ClientId>) -> Result<(), Problem> {
    for uri in change.identifier_uris.iter().flatten() {
        if uri.is_empty() || uri.len() > 255 || uri.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(Problem::invalid_value("identifierUris", ENTITY));
        }
        let (scheme, rest) = uri.split_once("://").ok_or_else(|| Problem::host_not_verified(uri))?;
        let host = rest.split(['/', ':', '?', '#']).next().unwrap_or_default();
        let by_id = scheme == "api"
            && (client.is_some_and(|client| host.eq_ignore_ascii_case(&client.to_string()))
                || host.eq_ignore_ascii_case(&tenant.id.to_string()));
        if !by_id && !tenant.owns_host(host) {
            return Err(Problem::host_not_verified(uri));
        }
    }
    Ok(())
}
