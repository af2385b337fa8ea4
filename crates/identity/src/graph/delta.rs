//! `delta`: first everything, page by page; then, by the link at its end, what changed since.

use http::Method;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::answer::{Answer, Shape};
use super::caller::Action;
use super::path::Segment;
use super::problem::Problem;
use super::query::{Askable, narrows_nothing, parse_delta_token};
use super::{Call, applications as app, end, grants as permissions, service_principals as principal, users as people};
use crate::directory::changes::ObjectKind;
use crate::directory::listing::{Condition, Cursor, Listed, Listing, Page};

/// An object of either kind on its way into a page.
#[derive(Serialize)]
struct Row {
    #[serde(skip)]
    id: Uuid,
    #[serde(flatten)]
    shown: Map<String, Value>,
}

impl Listed for Row {
    fn id(&self) -> Uuid {
        self.id
    }
}

pub(super) async fn applications(call: &Call<'_>, rest: &[Segment]) -> Result<Answer, Problem> {
    answer(call, rest, ObjectKind::Application, &app::shape(call)).await
}

pub(super) async fn service_principals(call: &Call<'_>, rest: &[Segment]) -> Result<Answer, Problem> {
    answer(call, rest, ObjectKind::ServicePrincipal, &principal::shape(call)).await
}

pub(super) async fn users(call: &Call<'_>, rest: &[Segment]) -> Result<Answer, Problem> {
    answer(call, rest, ObjectKind::User, &people::shape(call)).await
}

pub(super) async fn grants(call: &Call<'_>, rest: &[Segment]) -> Result<Answer, Problem> {
    answer(call, rest, ObjectKind::PermissionGrant, &permissions::shape(call)).await
}

async fn answer(call: &Call<'_>, rest: &[Segment], kind: ObjectKind, shape: &Shape<'_>) -> Result<Answer, Problem> {
    end(rest.get(1..).unwrap_or_default())?;
    if call.method != Method::GET {
        return call.no_method();
    }
    call.caller.may(match kind {
        ObjectKind::User => Action::ReadUsers,
        ObjectKind::PermissionGrant => Action::ReadGrants,
        _ => Action::ReadApplications,
    })?;
    let query = &call.query;
    let address = format!("{}/delta", shape.address());
    let now = call.identity.directory.current_epoch().await?;
    // Only what shapes the answer: which objects a delta is of does not change on the way.
    let askable = Askable { entity: "DirectoryObject", properties: &[], narrows: narrows_nothing, named: false };
    let mut plain = query.clone();
    let token = plain.delta_token.take();
    let mut listing = plain.listing(&askable)?;
    let place = listing.after.take();
    let since = match (&place, token.as_deref()) {
        (Some(place), _) => place.since,
        (None, Some("latest")) => return Ok(Answer::Found(link(shape, query, &address, Vec::new(), now))),
        (None, Some(token)) => {
            Some(parse_delta_token(token).filter(|epoch| *epoch <= now).ok_or_else(Problem::resync)?)
        }
        (None, None) => None,
    };
    // What changes while the pages are read comes again by the link.
    let epoch = place.as_ref().and_then(|place| place.epoch).unwrap_or(now);
    let here = Cursor { since, epoch: Some(epoch), ..place.clone().unwrap_or_default() };
    listing.after = place.is_some().then(|| here.clone());
    let (rows, last) = match since {
        None => everything(call, kind, listing, &here).await?,
        Some(since) => changes(call, kind, listing, since, &here).await?,
    };
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        let is_removed = row.shown.contains_key("@removed");
        shown.push(if is_removed { row.shown } else { shape.properties(query, &row)? });
    }
    let mut page = link(shape, query, &address, shown, epoch);
    if let Some(last) = last {
        page.shift_remove("@odata.deltaLink");
        page.insert("@odata.nextLink".to_owned(), query.next_link(&address, &last).into());
    }
    Ok(Answer::Found(page))
}

fn link(
    shape: &Shape<'_>,
    query: &super::Query,
    address: &str,
    value: Vec<Map<String, Value>>,
    epoch: i64,
) -> Map<String, Value> {
    let mut page = Map::new();
    page.insert("@odata.context".to_owned(), shape.context(query, ""));
    page.insert("@odata.deltaLink".to_owned(), query.delta_link(address, epoch).into());
    page.insert("value".to_owned(), value.into_iter().map(Value::Object).collect::<Vec<_>>().into());
    page
}

/// A page of the objects themselves.
async fn rows(call: &Call<'_>, kind: ObjectKind, listing: Listing) -> Result<Page<Row>, Problem> {
    fn row<T: Listed>(entity: &T) -> Row {
        let shown = match serde_json::to_value(entity) {
            Ok(Value::Object(shown)) => shown,
            _ => Map::new(),
        };
        Row { id: entity.id(), shown }
    }
    let (directory, tenant) = (&call.identity.directory, &call.caller.tenant);
    Ok(match kind {
        ObjectKind::Application => directory.list_applications(tenant, listing).await?.map(|entity| row(&entity)),
        ObjectKind::ServicePrincipal => {
            directory.list_service_principals(tenant.id, listing).await?.map(|entity| row(&entity))
        }
        ObjectKind::User => directory.list_users(tenant.id, listing).await?.map(|entity| row(&entity)),
        ObjectKind::PermissionGrant => directory.list_grants(tenant.id, listing).await?.map(|entity| row(&entity)),
        ObjectKind::Group => directory.list_groups(tenant.id, listing).await?.map(|entity| row(&entity)),
    })
}

/// A page of everything there is, and where the next starts.
async fn everything(
    call: &Call<'_>,
    kind: ObjectKind,
    listing: Listing,
    here: &Cursor,
) -> Result<(Vec<Row>, Option<Cursor>), Problem> {
    let page = rows(call, kind, listing).await?;
    let next = page.next.map(|next| Cursor { id: next.id, ..here.clone() });
    Ok((page.entities, next))
}

/// A page of what changed after an epoch, and where the next starts.
async fn changes(
    call: &Call<'_>,
    kind: ObjectKind,
    listing: Listing,
    since: i64,
    here: &Cursor,
) -> Result<(Vec<Row>, Option<Cursor>), Problem> {
    let mut changed = call.identity.directory.changes_since(call.caller.tenant.id, kind, since).await?;
    changed.retain(|(id, _)| listing.after.as_ref().is_none_or(|after| id.0 > after.id));
    let more = changed.len() > listing.size;
    changed.truncate(listing.size);
    let next = changed.last().filter(|_| more).map(|(id, _)| Cursor { id: id.0, ..here.clone() });
    let there: Vec<Uuid> = changed.iter().filter(|(_, removal)| removal.is_none()).map(|(id, _)| id.0).collect();
    let wanted =
        Listing { size: there.len(), conditions: vec![Condition::OneOf("object_id", there)], ..Listing::default() };
    let mut rows = rows(call, kind, wanted).await?.entities;
    rows.extend(changed.iter().filter_map(|(id, removal)| {
        let shown = match kind {
            ObjectKind::PermissionGrant => crate::directory::grants::shown_id(id.0),
            _ => id.to_string(),
        };
        let removed = json!({ "id": shown, "@removed": { "reason": removal.as_ref()?.reason() } });
        removed.as_object().map(|shown| Row { id: id.0, shown: shown.clone() })
    }));
    rows.sort_by_key(|row| row.id);
    Ok((rows, next))
}
