//! `/directoryObjects`: objects of any kind by their ids.

use http::Method;
use keyholder_foundation::ObjectId;

use super::answer::{Answer, Shape};
use super::body::Body;
use super::caller::Action;
use super::path::Segment;
use super::problem::Problem;
use super::{Call, end, no_key};
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
    call.caller.can(if kind == ObjectKind::User { Action::ReadUsers } else { Action::ReadApplications })
}

pub(super) async fn handle(call: &Call<'_>, first: &Segment, rest: &[Segment]) -> Result<Answer, Problem> {
    no_key(first)?;
    let Some((item, rest)) = rest.split_first() else {
        return Err(Problem::request("Directory objects are addressed by id, or with getByIds."));
    };
    end(rest)?;
    if !sees(call, ObjectKind::User) && !sees(call, ObjectKind::Application) {
        return Err(Problem::denied());
    }
    match (item.name.as_str(), call.method) {
        ("getbyids" | "microsoft.graph.getbyids", &Method::POST) => get_by_ids(call).await,
        ("getbyids" | "microsoft.graph.getbyids", _) => call.no_method(),
        (_, &Method::GET) => {
            call.query.of_one()?;
            let id: ObjectId = item.text.parse().map_err(|_| Problem::not_found(&item.text))?;
            let found = find(call, vec![id]).await?;
            let found = found.first().ok_or_else(|| Problem::not_found(&item.text))?;
            Ok(Answer::Found(shape(call).one(&call.query, found)?))
        }
        _ => call.no_method(),
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
