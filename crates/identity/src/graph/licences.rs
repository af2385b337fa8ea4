//! `/subscribedSkus`, `assignLicense` and `licenseDetails`.

use http::Method;
use keyholder_entra::graph::{AssignedLicense, User};
use serde_json::Value;
use uuid::Uuid;

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::path::Segment;
use super::problem::Problem;
use super::{Call, end, no_key, users};
use crate::directory::licences;
use crate::directory::listing::Page;
use crate::directory::users::UserKey;

/// The most licences that one request may name.
const MOST: usize = 50;

/// `/subscribedSkus`: always whole, as Graph has it.
pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    no_key(first)?;
    if call.method != Method::GET {
        return call.no_method();
    }
    call.caller.may(Action::ReadLicences)?;
    call.query.of_whole_list()?;
    let found = call.identity.directory.subscribed_skus(&call.caller.tenant).await?;
    let shape = Shape::new(call, "subscribedSkus", "subscribedSku");
    let Some((id, rest)) = rest.split_first() else {
        return Ok(Answer::Found(shape.page(&call.query, &Page { entities: found, next: None, count: None })?));
    };
    end(rest)?;
    let sku = found.into_iter().find(|sku| sku.id.eq_ignore_ascii_case(&id.text));
    Ok(Answer::Found(shape.one(&call.query, &sku.ok_or_else(|| Problem::not_found(&id.text))?)?))
}

/// `/users/{id}/licenseDetails`.
pub(super) fn details(call: &Call<'_>, user: &User) -> Result<Answer, Problem> {
    call.query.of_whole_list()?;
    let shape = Shape::new(call, format!("users('{}')/licenseDetails", user.id), "licenseDetails");
    let page = Page { entities: licences::details(user), next: None, count: None };
    Ok(Answer::Found(shape.page(&call.query, &page)?))
}

/// `/users/{id}/assignLicense`.
pub(super) async fn assign(call: &Call<'_>, key: UserKey) -> Result<Answer, Problem> {
    call.caller.may(Action::AssignLicences)?;
    call.query.of_action()?;
    let mut body = Body::parse("assignLicense", call.body)?;
    let missing: Vec<_> = ["addLicenses", "removeLicenses"]
        .into_iter()
        .filter(|name| !body.names().any(|found| found == *name))
        .collect();
    if !missing.is_empty() {
        return Err(Problem::bad_request(&format!(
            "One or more parameters of the operation 'assignLicense' are missing from the request payload. The missing \
             parameters are: {}.",
            missing.join(", ")
        )));
    }
    let mut add = Vec::new();
    for mut one in body.take_objects("addLicenses", "assignedLicense")?.unwrap_or_default() {
        let sku = guid(&one.require("skuId")?)?;
        let plans = one.take::<Option<Vec<Value>>>("disabledPlans")?.flatten().unwrap_or_default();
        one.finish()?;
        add.push(AssignedLicense { disabled_plans: plans.iter().map(guid).collect::<Result<_, _>>()?, sku_id: sku });
    }
    let remove = body.take::<Vec<Value>>("removeLicenses")?.unwrap_or_default();
    let remove = remove.iter().map(guid).collect::<Result<Vec<_>, _>>()?;
    body.finish()?;
    let twice = |at: usize, sku: Uuid| add.iter().take(at).any(|earlier: &AssignedLicense| earlier.sku_id == sku);
    let repeated = add.iter().enumerate().any(|(at, one)| twice(at, one.sku_id) || remove.contains(&one.sku_id));
    if repeated || add.len() > MOST || remove.len() > MOST {
        return Err(Problem::invalid_value("addLicenses", "assignLicense"));
    }
    let user = call.identity.directory.assign_licences(call.caller.tenant.id, key, add, remove).await?;
    Ok(Answer::Found(users::shape(call).one(&call.query, &user)?))
}

fn guid(value: &Value) -> Result<Uuid, Problem> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Uuid::parse_str(&text).map_err(|_| {
        let text: String = text.chars().take(64).collect();
        Problem::bad_request(&format!("Cannot convert the literal '{text}' to the expected type 'Edm.Guid'."))
    })
}
