//! `/users/{id}/authentication/requirements`: how far somebody is with a second factor. Graph has it
//! in its beta version only.

use http::Method;
use keyholder_foundation::ObjectId;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::body::Body;
use super::caller::Action;
use super::path::Segment;
use super::problem::Problem;
use super::{Call, end};
use crate::directory::people::MultiFactor;

pub(super) async fn handle(
    call: &Call<'_>,
    user: ObjectId,
    action: &Segment,
    rest: &[Segment],
) -> Result<Answer, Problem> {
    if action.name != "authentication" || call.version != "beta" {
        return Err(Problem::unknown_segment(&action.text));
    }
    let (item, rest) = rest.split_first().ok_or_else(|| Problem::unknown_segment(&action.text))?;
    if item.name != "requirements" {
        return Err(Problem::unknown_segment(&item.text));
    }
    end(rest)?;
    let (directory, tenant) = (&call.identity.directory, call.caller.tenant.id);
    call.query.of_action()?;
    match *call.method {
        Method::GET => {
            if user != call.caller.id {
                call.caller.may(Action::ReadFactors)?;
            }
            let person = directory.find_person(tenant, user).await?;
            let person = person.ok_or_else(|| Problem::not_found(&user.to_string()))?;
            let origin = &call.identity.origin;
            Ok(Answer::Found(Map::from_iter([
                (
                    "@odata.context".to_owned(),
                    Value::from(format!("{origin}/beta/$metadata#users('{user}')/authentication/requirements")),
                ),
                ("perUserMfaState".to_owned(), json!(person.standing.multi_factor().word())),
            ])))
        }
        Method::PATCH => {
            call.caller.may(Action::WriteFactors)?;
            let mut body = Body::parse("strongAuthenticationRequirements", call.body)?;
            let word: String = body.require("perUserMfaState")?;
            let state = MultiFactor::find(&word).ok_or_else(|| body.invalid("perUserMfaState"))?;
            body.finish()?;
            directory.set_multi_factor(tenant, user, state).await?;
            Ok(Answer::Done)
        }
        _ => call.no_method(),
    }
}
