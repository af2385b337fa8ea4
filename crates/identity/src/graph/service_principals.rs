//! `/servicePrincipals`.

use http::Method;
use keyholder_foundation::ClientId;
use serde_json::{Map, Value};

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::filter::{Properties, Type};
use super::path::{self, Segment};
use super::problem::Problem;
use super::query::Askable;
use super::{
    Call, app_role_assignments, applications, credentials, delta, end, grants, member_of, owners, policies, unset,
};
use crate::directory::applications::ObjectKey;
use crate::directory::holders::Holder;
use crate::directory::listing::Condition;
use crate::directory::service_principals::{self, ServicePrincipalChange};

const ENTITY: &str = "ServicePrincipal";
const PROPERTIES: Properties = &[
    ("id", Type::Text),
    ("appId", Type::Text),
    ("appDisplayName", Type::Text),
    ("displayName", Type::Text),
    ("accountEnabled", Type::Bool),
    ("appOwnerOrganizationId", Type::Text),
    ("appRoleAssignmentRequired", Type::Bool),
    ("createdDateTime", Type::Moment),
    ("homepage", Type::Text),
    ("alternativeNames", Type::Texts),
    ("preferredSingleSignOnMode", Type::Text),
    ("replyUrls", Type::Texts),
    ("servicePrincipalNames", Type::Texts),
    ("servicePrincipalType", Type::Text),
    ("signInAudience", Type::Text),
    ("tags", Type::Texts),
];
/// Properties that are changed by the names that they have here.
const DETAILS: [&str; 7] = [
    "alternativeNames",
    "description",
    "loginUrl",
    "notificationEmailAddresses",
    "preferredSingleSignOnMode",
    "preferredTokenSigningKeyThumbprint",
    "samlSingleSignOnSettings",
];
const SINGLE_SIGN_ON_MODES: [&str; 4] = ["notSupported", "password", "saml", "oidc"];
/// How many addresses and how many other names there may be.
const MOST_NAMES: usize = 20;
/// The longest text in the details, in characters.
const MAX_TEXT: usize = 1024;

pub(super) fn shape<'a>(call: &'a Call<'_>) -> Shape<'a> {
    Shape::new(call, "servicePrincipals", "servicePrincipal").unset(unset::SERVICE_PRINCIPAL)
}

pub(super) fn askable() -> Askable<impl Fn(&str, bool, &str) -> Option<Condition>> {
    Askable { entity: ENTITY, properties: PROPERTIES, narrows: service_principals::condition, named: true }
}

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    match (&first.key, rest.first().map(|segment| segment.name.as_str())) {
        (None, Some("delta" | "delta()")) => return delta::service_principals(call, rest).await,
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
        "approleassignments" => app_role_assignments::of_principal(call, key, rest).await,
        "approleassignedto" => app_role_assignments::on_resource(call, key, rest).await,
        "owners" => owners::handle(call, owners::Owned::ServicePrincipal(key), rest).await,
        "oauth2permissiongrants" => {
            end(rest)?;
            grants::of_client(call, key).await
        }
        "ownedobjects" if call.method == Method::GET => {
            end(rest)?;
            call.reach().await?;
            let found = call.identity.directory.find_service_principal(call.caller.tenant.id, key).await?;
            owners::owned(call, &format!("servicePrincipals/{}/ownedObjects", found.id), found.id).await
        }
        name if member_of::is_one(name.strip_prefix("microsoft.graph.").unwrap_or(name)) => {
            call.reach().await?;
            let found = call.identity.directory.find_service_principal(call.caller.tenant.id, key).await?;
            call.may_see(found.id).await?;
            member_of::handle(call, &format!("servicePrincipals/{}", found.id), found.id, action, rest).await
        }
        "appmanagementpolicies" => policies::of_holder(call, Holder::ServicePrincipal(key), rest).await,
        name => {
            end(rest)?;
            credentials::handle(call, Holder::ServicePrincipal(key), name)
                .await
                .unwrap_or_else(|| Err(Problem::unknown_segment(&action.text)))
        }
    }
}

async fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    let listing = call.within_reach(call.query.listing(&askable())?).await?;
    let page = call.identity.directory.list_service_principals(call.caller.tenant.id, listing).await?;
    let page = owners::expand_all(call, page, shape(call).entity).await?;
    Ok(Answer::Found(shape(call).page(&call.query, &page)?))
}

async fn count(call: &Call<'_>, rest: &[Segment]) -> Result<Answer, Problem> {
    end(rest.get(1..).unwrap_or_default())?;
    if call.method != Method::GET {
        return call.no_method();
    }
    let listing = call.within_reach(call.query.counting(&askable())?).await?;
    let page = call.identity.directory.list_service_principals(call.caller.tenant.id, listing).await?;
    Ok(Answer::Number(page.count.unwrap_or_default()))
}

async fn get(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    call.reach().await?;
    call.query.of_one()?;
    let mut found = call.identity.directory.find_service_principal(call.caller.tenant.id, key).await?;
    call.may_see(found.id).await?;
    if call.query.selects("keyCredentials") {
        credentials::show_keys(call, Holder::ServicePrincipal(key), &mut found.key_credentials).await?;
    }
    let owners = owners::expand(call, found.id, shape(call).entity).await?;
    Ok(Answer::Found(shape(call).one(&call.query, &owners::Expanded::new(found, owners))?))
}

async fn create(call: &Call<'_>) -> Result<Answer, Problem> {
    call.caller.may(Action::CreateApplications)?;
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    let client: ClientId = body.require("appId")?;
    let (owner, created_by) = (call.caller.as_owner(), Some(call.caller.client));
    let change = ServicePrincipalChange { owner, created_by, ..change(&mut body)? };
    body.finish()?;
    let directory = &call.identity.directory;
    if !call.caller.can(Action::WriteApplications) {
        // Only for an application of one's own.
        match directory.find_application(&call.caller.tenant, ObjectKey::Client(client)).await {
            Ok(application) => call.may_manage(application.id).await?,
            Err(crate::directory::Refusal::NotFound(_)) => {
                let refusal = match directory.home_of(client).await? {
                    Some(_) => crate::directory::Refusal::ForeignApplication(client),
                    None => crate::directory::Refusal::NoApplication(client),
                };
                return Err(refusal.into());
            }
            Err(other) => return Err(other.into()),
        }
    }
    let made = directory.create_service_principal(&call.caller.tenant, client, change).await?;
    shape(call).created(&made, &made.id.to_string())
}

async fn update(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    call.may_manage_any()?;
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    let keys = credentials::wanted_keys(&mut body)?;
    let change = ServicePrincipalChange { keys, ..change(&mut body)? };
    body.finish()?;
    let tenant = call.caller.tenant.id;
    let found = call.identity.directory.find_service_principal(tenant, key).await?;
    call.may_manage(found.id).await?;
    call.identity.directory.update_service_principal(tenant, ObjectKey::Object(found.id), change).await?;
    Ok(Answer::Done)
}

async fn delete(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    call.may_manage_any()?;
    call.query.of_action()?;
    let tenant = call.caller.tenant.id;
    let found = call.identity.directory.find_service_principal(tenant, key).await?;
    call.may_manage(found.id).await?;
    call.identity.directory.delete_service_principal(tenant, ObjectKey::Object(found.id)).await?;
    Ok(Answer::Done)
}

/// What a body says of a service principal. `displayName` is taken and ignored, as Graph does: the
/// application's name is repeated.
fn change(body: &mut Body) -> Result<ServicePrincipalChange, Problem> {
    body.take_nullable_text("displayName", 256)?;
    unset::SERVICE_PRINCIPAL.take_from(body)?;
    // They are the application's.
    body.take_nothing("addIns")?;
    body.take_nothing("isDisabled")?;
    let change = ServicePrincipalChange {
        account_enabled: body.take("accountEnabled")?,
        app_role_assignment_required: body.take("appRoleAssignmentRequired")?,
        tags: body.take("tags")?,
        notes: body.take_nullable_text("notes", 1024)?,
        details: details(body)?,
        owner: None,
        created_by: None,
        keys: None,
    };
    if change.tags.as_ref().is_some_and(|tags| !applications::are_tags(tags)) {
        return Err(body.invalid("tags"));
    }
    Ok(change)
}

/// The details that a body has, with the rules that the types do not say.
fn details(body: &mut Body) -> Result<Map<String, Value>, Problem> {
    let fits = |value: &Value| value.as_str().is_none_or(|text| text.chars().count() <= MAX_TEXT);
    let mut details = Map::new();
    for name in DETAILS {
        let Some(value) = body.take::<Value>(name)? else { continue };
        let sound = match name {
            "alternativeNames" | "notificationEmailAddresses" => {
                let is_one = |one: &Value| fits(one) && (name == "alternativeNames" || is_address(one));
                value.as_array().is_none_or(|list| list.len() <= MOST_NAMES && list.iter().all(is_one))
            }
            "preferredSingleSignOnMode" => value.as_str().is_none_or(|mode| SINGLE_SIGN_ON_MODES.contains(&mode)),
            "preferredTokenSigningKeyThumbprint" => {
                value.as_str().is_none_or(|text| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()))
            }
            "loginUrl" => fits(&value) && value.as_str().is_none_or(applications::is_web_uri),
            _ => fits(&value) && value.get("relayState").is_none_or(fits),
        };
        if !sound {
            return Err(body.invalid(name));
        }
        details.insert(name.to_owned(), value);
    }
    Ok(details)
}

/// Whether it could be a mail address; whose, nobody asks.
fn is_address(value: &Value) -> bool {
    let parts = value.as_str().and_then(|text| text.split_once('@'));
    parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains(char::is_whitespace))
}
