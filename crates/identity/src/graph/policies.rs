//! `/policies/defaultAppManagementPolicy`: what credentials applications may have.

use http::Method;

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::path::Segment;
use super::problem::Problem;
use super::{Call, end, no_key};

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    no_key(first)?;
    let Some((policy, rest)) = rest.split_first() else {
        return Err(Problem::unknown_segment(&first.text));
    };
    if policy.name == "appmanagementpolicies" {
        return Err(Problem::not_offered("policies/appManagementPolicies"));
    }
    end(rest)?;
    if policy.name != "defaultappmanagementpolicy" {
        return Err(Problem::unknown_segment(&policy.text));
    }
    let (directory, tenant) = (&call.identity.directory, call.caller.tenant.id);
    match *call.method {
        Method::GET => {
            call.caller.may(Action::ReadPolicies)?;
            call.query.of_one()?;
            let found = directory.app_management_policy(tenant).await?;
            let shape = Shape::new(call, "policies/defaultAppManagementPolicy", "tenantAppManagementPolicy");
            Ok(Answer::Found(shape.one(&call.query, &found)?))
        }
        Method::PATCH => {
            call.caller.may(Action::WritePolicies)?;
            call.query.of_action()?;
            let mut body = Body::parse("TenantAppManagementPolicy", call.body)?;
            if body.names().any(|name| name == "id") {
                return Err(body.invalid("id"));
            }
            for name in ["displayName", "description"] {
                body.take_nullable_text(name, 1024)?;
            }
            directory.update_app_management_policy(tenant, body.rest()?).await?;
            Ok(Answer::Done)
        }
        _ => call.no_method(),
    }
}
