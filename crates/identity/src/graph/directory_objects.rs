//! `/directoryObjects`: objects of any kind by their ids.

use http::Method;
use keyholder_foundation::ObjectId;

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::path::Segment;
use super::problem::Problem;
use super::{Call, end, member_of, no_key};
use crate::directory::changes::ObjectKind;
use crate::directory::listing::Page;
use crate::directory::objects::Shown;

/// How many ids may be asked for at once.
const MOST: usize = 1000;

fn shape<'a>(call: &'a Call<'_>) -> Shape<'a> {
    Shape::new(call, "directoryObjects", "directoryObject")
}

/// Whether the caller may see an object of this kind.
fn sees(call: &Call<'_>, kind: ObjectKind) -> bool {
    call.caller.can(match kind {
        ObjectKind::User => Action::ReadUsers,
        ObjectKind::Group => Action::ReadGroups,
        _ => Action::ReadApplications,
    })
}

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    no_key(first)?;
    let Some((item, rest)) = rest.split_first() else {
        return Err(Problem::request("Directory objects are addressed by id, or with getByIds."));
    };
    if ![ObjectKind::User, ObjectKind::Group, ObjectKind::Application].into_iter().any(|kind| sees(call, kind)) {
        return Err(Problem::denied());
    }
    match (item.name.as_str(), call.method) {
        ("getbyids" | "microsoft.graph.getbyids", &Method::POST) => {
            end(rest)?;
            get_by_ids(call).await
        }
        ("getbyids" | "microsoft.graph.getbyids", _) => call.no_method(),
        _ => {
            let id: ObjectId = item.text.parse().map_err(|_| Problem::not_found(&item.text))?;
            let found = find(call, vec![id]).await?;
            let found = found.first().ok_or_else(|| Problem::not_found(&item.text))?;
            match (rest.split_first(), call.method) {
                (Some((action, rest)), _) => member_of::of_object(call, found, action, rest).await,
                (None, &Method::GET) => {
                    call.query.of_one()?;
                    Ok(Answer::Found(shape(call).one(&call.query, found)?))
                }
                (None, _) => call.no_method(),
            }
        }
    }
}

async fn find(call: &Call<'_>, ids: Vec<ObjectId>) -> Result<Vec<Shown>, Problem> {
    let mut found = call.identity.directory.find_objects(&call.caller.tenant, ids).await?;
    found.retain(|object| sees(call, object.kind));
    Ok(found)
}

async fn get_by_ids(call: &Call<'_>) -> Result<Answer, Problem> {
    call.query.of_whole_list()?;
    let mut body = Body::parse("getByIds", call.body)?;
    let ids: Vec<ObjectId> = body.require("ids")?;
    let types: Option<Vec<String>> = body.take("types")?;
    body.finish()?;
    if ids.len() > MOST {
        return Err(Problem::request("Too many ids were specified; the limit is 1000."));
    }
    let mut found = find(call, ids).await?;
    if let Some(types) = types {
        let any = |name: &String| name.eq_ignore_ascii_case("directoryObject");
        let all = types.iter().any(any);
        found.retain(|object| all || types.iter().any(|name| name.eq_ignore_ascii_case(object.kind.word())));
    }
    Ok(Answer::Found(shape(call).page(&call.query, &Page { entities: found, next: None, count: None })?))
}
