//! `/applications`.

use http::Method;
use keyholder_entra::graph::RequiredResourceAccess;
use keyholder_foundation::{ClientId, KeyId, Timestamp};
use serde_json::Map;

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::path::{self, Segment};
use super::problem::Problem;
use super::{Call, end};
use crate::directory::applications::{self, ApplicationChange, ObjectKey};
use crate::directory::passwords::NewPassword;
use crate::directory::tenants::Tenant;

/// How long a secret lives when nothing is said: two years.
const DEFAULT_LIFETIME_DAYS: u64 = 730;
const SIGN_IN_AUDIENCES: [&str; 4] =
    ["AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"];
const ENTITY: &str = "Application";

fn shape<'a>(call: &'a Call<'_>) -> Shape<'a> {
    Shape { origin: &call.identity.origin, set: "applications", entity: "application" }
}

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
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
    end(rest)?;
    match (action.name.as_str(), call.method) {
        ("addpassword", &Method::POST) => add_password(call, key).await,
        ("removepassword", &Method::POST) => remove_password(call, key).await,
        ("addpassword" | "removepassword", _) => call.no_method(),
        _ => Err(Problem::unknown_segment(&action.text)),
    }
}

async fn list(call: &Call<'_>) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadApplications)?;
    let listing = call.query.listing(ENTITY, applications::condition)?;
    let found = call.identity.directory.list_applications(&call.caller.tenant, listing).await?;
    Ok(Answer::Found(shape(call).page(&call.query, found, |application| application.id.0)?))
}

async fn get(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    call.caller.may(Action::ReadApplications)?;
    call.query.of_one()?;
    let found = call.identity.directory.find_application(&call.caller.tenant, key).await?;
    Ok(Answer::Found(shape(call).one(&call.query, &found)?))
}

async fn create(call: &Call<'_>) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteApplications)?;
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    let mut change = change(&mut body)?;
    body.finish()?;
    if change.display_name.is_none() {
        let message = "A value is required for property 'displayName' of resource 'Application'.";
        return Err(Problem::request(message));
    }
    // What the documented sample gets that says nothing.
    change.sign_in_audience.get_or_insert_with(|| "AzureADandPersonalMicrosoftAccount".to_owned());
    check_uris(&change, &call.caller.tenant, None)?;
    let made = call.identity.directory.create_application(&call.caller.tenant, &change).await?;
    shape(call).created(&made, &made.id.to_string())
}

async fn update(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteApplications)?;
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    let change = change(&mut body)?;
    body.finish()?;
    let directory = &call.identity.directory;
    if change.identifier_uris.is_some() {
        let found = directory.find_application(&call.caller.tenant, key).await?;
        check_uris(&change, &call.caller.tenant, Some(found.app_id))?;
    }
    directory.update_application(&call.caller.tenant, key, change).await?;
    Ok(Answer::Done)
}

async fn delete(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteApplications)?;
    call.query.of_action()?;
    call.identity.directory.delete_application(&call.caller.tenant, key).await?;
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
    };
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
    let repeated = tags.iter().enumerate().any(|(at, tag)| tags.iter().take(at).any(|earlier| earlier == tag));
    tags.len() <= 200 && tags.iter().all(sound) && !repeated
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

async fn add_password(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteApplications)?;
    call.query.of_action()?;
    let mut body = Body::parse_optional("passwordCredential", call.body)?;
    let mut wanted = body.take_object("passwordCredential", "passwordCredential")?;
    body.finish()?;
    let display_name = wanted.take_nullable_text("displayName", 120)?.flatten();
    let starts = moment(&mut wanted, "startDateTime")?.unwrap_or_else(|| call.identity.clocks.now().whole_seconds());
    let ends = moment(&mut wanted, "endDateTime")?;
    let two_years = std::time::Duration::from_secs(DEFAULT_LIFETIME_DAYS * 24 * 60 * 60);
    let ends = ends.unwrap_or_else(|| starts.plus(two_years));
    if ends <= starts {
        return Err(wanted.invalid("endDateTime"));
    }
    // The service makes the secret: `secretText` is among what is refused here.
    wanted.finish()?;
    let new = NewPassword { display_name, starts, ends };
    let made = call.identity.directory.add_password(&call.caller.tenant, key, new).await?;
    let mut shown = Map::new();
    let context = format!("{}/v1.0/$metadata#microsoft.graph.passwordCredential", call.identity.origin);
    shown.insert("@odata.context".to_owned(), context.into());
    if let Ok(serde_json::Value::Object(properties)) = serde_json::to_value(&made) {
        shown.extend(properties);
    }
    Ok(Answer::Found(shown))
}

fn moment(body: &mut Body, name: &str) -> Result<Option<Timestamp>, Problem> {
    let text = body.take_nullable_text(name, 64)?.flatten();
    text.map(|text| Timestamp::parse(&text).map_err(|_| body.invalid(name))).transpose()
}

async fn remove_password(call: &Call<'_>, key: ObjectKey) -> Result<Answer, Problem> {
    call.caller.may(Action::WriteApplications)?;
    call.query.of_action()?;
    let mut body = Body::parse("passwordCredential", call.body)?;
    let password: KeyId = body.require("keyId")?;
    body.finish()?;
    call.identity.directory.remove_password(&call.caller.tenant, key, password).await?;
    Ok(Answer::Done)
}
