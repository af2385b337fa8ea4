//! `/me`: the person behind a token.

use http::Method;
use keyholder_foundation::Secret;

use super::answer::Answer;
use super::body::Body;
use super::path::Segment;
use super::problem::Problem;
use super::users::{self, WantedPassword};
use super::{Call, end, no_key};
use crate::attempts::{self, Attempt};
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
    call.caller.must_be_the_person()?;
    call.query.of_action()?;
    let mut body = Body::parse("User", call.body)?;
    let current = Secret::new(body.require::<String>("currentPassword")?);
    let new: String = body.require("newPassword")?;
    body.finish()?;
    let (directory, tenant, id) = (&call.identity.directory, call.caller.tenant.id, call.caller.id);
    let is_same = current.expose() == new;
    match attempts::attempt(call.identity, tenant, id, &current).await? {
        Attempt::Right => {}
        Attempt::Gone => return Err(Problem::not_found(&id.to_string())),
        _ => return Err(wrong_password()),
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
