//! `/me`: the person behind a token.

use http::Method;
use keyholder_foundation::Secret;

use super::answer::Answer;
use super::body::Body;
use super::path::Segment;
use super::problem::Problem;
use super::users::{self, WantedPassword};
use super::{Call, end, no_key};
use crate::credentials::verify_password;
use crate::directory::users::{UserChange, UserKey};

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    no_key(first)?;
    if !call.caller.is_person {
        return Err(Problem::bad_request("/me request is only valid with delegated authentication flow."));
    }
    if call.caller.is_delegate {
        return Err(Problem::not_found(&call.caller.id.to_string()));
    }
    match rest.split_first() {
        Some((action, rest)) if action.name == "changepassword" => {
            end(rest)?;
            match *call.method {
                Method::POST => change_password(call).await,
                _ => call.no_method(),
            }
        }
        _ => users::of_one(call, UserKey::Object(call.caller.id), rest).await,
    }
}

/// Sets one's own password, which needs the old one. Guessing it counts as guessing at sign-in does.
async fn change_password(call: &Call<'_>) -> Result<Answer, Problem> {
    call.query.of_action()?;
    let mut body = Body::parse("User", call.body)?;
    let current = Secret::new(body.require::<String>("currentPassword")?);
    let new: String = body.require("newPassword")?;
    body.finish()?;
    let (directory, tenant, id) = (&call.identity.directory, call.caller.tenant.id, call.caller.id);
    let person = directory.find_person(tenant, id).await?.ok_or_else(|| Problem::not_found(&id.to_string()))?;
    let now = call.identity.clocks.now();
    if person.standing.locked_until.is_some_and(|until| now < until) {
        return Err(wrong_password());
    }
    let (hash, is_same) = (person.password_hash.clone(), current.expose() == new);
    // Tens of milliseconds of work, so away from the threads that answer requests.
    let good = tokio::task::spawn_blocking(move || verify_password(&hash, &current)).await.unwrap_or(false);
    if !good {
        directory.count_failure(tenant, id).await?;
        return Err(wrong_password());
    }
    let user = directory.find_user(tenant, UserKey::Object(id)).await?;
    let wanted = WantedPassword::new(new);
    wanted.check(user.user_principal_name.as_deref(), user.password_policies.as_deref())?;
    if is_same {
        return Err(Problem::request(
            "The new password must differ from the current one. Please provide a different password.",
        ));
    }
    let change = UserChange { password: Some(wanted.hashed(call).await?), ..UserChange::default() };
    directory.update_user(tenant, UserKey::Object(id), change).await?;
    Ok(Answer::Done)
}

fn wrong_password() -> Problem {
    Problem::request("The specified current password is incorrect. Please provide the correct current password.")
}
