//! `/applications/{id}/federatedIdentityCredentials`, by id or by name.

use http::Method;
use keyholder_entra::graph::{Application, FederatedIdentityCredential};
use keyholder_foundation::ObjectId;
use uuid::Uuid;

use super::answer::{Answer, Shape};
use super::body::Body;
use super::filter::{Properties, Type};
use super::path::{self, Segment};
use super::problem::Problem;
use super::query::{Askable, narrows_nothing};
use super::{Call, applications, end};
use crate::directory::applications::ObjectKey;
use crate::directory::federated::FederatedCredential;
use crate::directory::listing::Listed;

const ENTITY: &str = "FederatedIdentityCredential";
const PROPERTIES: Properties =
    &[("id", Type::Text), ("name", Type::Text), ("issuer", Type::Text), ("subject", Type::Text)];
/// The longest issuer, subject, audience or description, in characters.
const LONGEST: usize = 600;

impl Listed for FederatedIdentityCredential {
    fn id(&self) -> Uuid {
        self.id.0
    }

    fn name(&self) -> &str {
        &self.name
    }
}

fn show(credential: &FederatedCredential) -> FederatedIdentityCredential {
    FederatedIdentityCredential {
        id: ObjectId(credential.id),
        name: credential.name.clone(),
        issuer: credential.issuer.clone(),
        subject: credential.subject.clone(),
        description: credential.description.clone(),
        audiences: vec![credential.audience.clone()],
    }
}

pub(super) async fn handle(
    call: &Call<'_>,
    key: ObjectKey,
    collection: &Segment,
    rest: &[Segment],
) -> Result<Answer, Problem> {
    if call.method == Method::GET {
        call.reach().await?;
    } else {
        call.may_manage_any()?;
    }
    let application = call.identity.directory.find_application(&call.caller.tenant, key).await?;
    if call.method == Method::GET {
        call.may_see(application.id).await?;
    } else {
        call.may_manage(application.id).await?;
    }
    let (wanted, rest) = match (&collection.key, rest.split_first()) {
        (Some(key), _) => (Some(path::key_parts(key).1.to_owned()), rest),
        (None, Some((id, rest))) => (Some(id.text.clone()), rest),
        (None, None) => (None, rest),
    };
    end(rest)?;
    match (wanted, call.method.clone()) {
        (None, Method::GET) => list(call, &application).await,
        (None, Method::POST) => create(call, &application, None).await,
        (Some(wanted), Method::GET) => {
            call.query.of_one()?;
            let found = find(call, &application, &wanted).await?;
            Ok(Answer::Found(shape(call, &application).one(&call.query, &show(&found))?))
        }
        (Some(wanted), Method::PATCH) => match find(call, &application, &wanted).await {
            Ok(found) => update(call, &application, found).await,
            Err(_) if applications::creates_if_missing(call.headers) && wanted.parse::<Uuid>().is_err() => {
                create(call, &application, Some(wanted)).await
            }
            Err(problem) => Err(problem),
        },
        (Some(wanted), Method::DELETE) => {
            call.query.of_action()?;
            let found = find(call, &application, &wanted).await?;
            call.identity.directory.remove_federated(&call.caller.tenant, application.id, found.id).await?;
            Ok(Answer::Done)
        }
        _ => call.no_method(),
    }
}

fn shape<'a>(call: &'a Call<'_>, application: &Application) -> Shape<'a> {
    let set = format!("applications/{}/federatedIdentityCredentials", application.id);
    Shape::new(call, set, "federatedIdentityCredential")
}

async fn list(call: &Call<'_>, application: &Application) -> Result<Answer, Problem> {
    let askable = Askable { entity: ENTITY, properties: PROPERTIES, narrows: narrows_nothing, named: false };
    let listing = call.query.listing(&askable)?;
    let found = call.identity.directory.list_federated(call.caller.tenant.id, application.id).await?;
    let page = listing.page(found.iter().map(show).collect());
    Ok(Answer::Found(shape(call, application).page(&call.query, &page)?))
}

async fn find(call: &Call<'_>, application: &Application, wanted: &str) -> Result<FederatedCredential, Problem> {
    let found = call.identity.directory.list_federated(call.caller.tenant.id, application.id).await?;
    let id = wanted.parse::<Uuid>().ok();
    let mut found = found.into_iter();
    found.find(|one| Some(one.id) == id || one.name == wanted).ok_or_else(|| Problem::not_found(wanted))
}

async fn create(call: &Call<'_>, application: &Application, named: Option<String>) -> Result<Answer, Problem> {
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    let name = match named {
        Some(name) => {
            let given = body.take_text("name", 120)?;
            if given.is_some_and(|given| given != name) {
                return Err(body.invalid("name"));
            }
            name
        }
        None => body.require("name")?,
    };
    let issuer: String = body.require("issuer")?;
    let subject: String = body.require("subject")?;
    let audience = audience(&mut body)?.ok_or_else(one_audience)?;
    let description = body.take_nullable_text("description", LONGEST)?.flatten();
    check(&body, &issuer, &subject)?;
    if !is_name(&name) {
        return Err(body.invalid("name"));
    }
    body.finish()?;
    let credential = FederatedCredential {
        id: Uuid::nil(),
        name,
        issuer,
        subject,
        audience,
        description,
        created: call.identity.clocks.now(),
    };
    let made = call.identity.directory.add_federated(&call.caller.tenant, application.id, credential).await?;
    shape(call, application).created(&show(&made), &made.id.to_string())
}

async fn update(
    call: &Call<'_>,
    application: &Application,
    mut credential: FederatedCredential,
) -> Result<Answer, Problem> {
    call.query.of_action()?;
    let mut body = Body::parse(ENTITY, call.body)?;
    if body.take_text("name", 120)?.is_some_and(|name| name != credential.name) {
        return Err(body.invalid("name"));
    }
    credential.issuer = body.take_text("issuer", LONGEST)?.unwrap_or(credential.issuer);
    credential.subject = body.take_text("subject", LONGEST)?.unwrap_or(credential.subject);
    credential.audience = audience(&mut body)?.unwrap_or(credential.audience);
    credential.description = body.take_nullable_text("description", LONGEST)?.unwrap_or(credential.description);
    check(&body, &credential.issuer, &credential.subject)?;
    body.finish()?;
    call.identity.directory.change_federated(&call.caller.tenant, application.id, credential).await?;
    Ok(Answer::Done)
}

/// The one audience, when the body has the list.
fn audience(body: &mut Body) -> Result<Option<String>, Problem> {
    let Some(audiences) = body.take::<Vec<String>>("audiences")? else {
        return Ok(None);
    };
    match audiences.as_slice() {
        [audience] if (1..=LONGEST).contains(&audience.chars().count()) => Ok(Some(audience.clone())),
        [_] => Err(body.invalid("audiences")),
        _ => Err(one_audience()),
    }
}

fn one_audience() -> Problem {
    Problem::request("Federated identity credentials must have exactly one audience.")
}

fn check(body: &Body, issuer: &str, subject: &str) -> Result<(), Problem> {
    let sound = |text: &str| (1..=LONGEST).contains(&text.chars().count()) && text.trim() == text;
    let is_address = issuer.starts_with("https://") || issuer.starts_with("http://");
    // A `*` would match nothing: subjects are compared as they are.
    match (sound(issuer) && is_address, sound(subject) && !subject.contains('*')) {
        (false, _) => Err(body.invalid("issuer")),
        (_, false) => Err(body.invalid("subject")),
        _ => Ok(()),
    }
}

/// 3 to 120 characters that stand in addresses as they are, a letter or digit first.
fn is_name(name: &str) -> bool {
    (3..=120).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}
