//! Putting a row into a queue: it gets an item there, or its item goes over from the queue that it is in.

use http::StatusCode;
use keyholder_dataverse::Value;
use keyholder_dataverse::Verb;
use keyholder_dataverse::error::{self, DataverseError, code};
use keyholder_operation::{AddToQueue, Create};
use keyholder_security::{Writing, consequence};
use keyholder_store::statement::{Select, column, parameter};
use keyholder_store::{Kind, Prepared, Transaction};
use uuid::Uuid;

use super::make::{self, Given};
use super::{Session, missing, write};
use crate::answer::Answer;
use crate::catalogue::Record;
use crate::error::Failure;

/// Does `AddToQueue`.
pub(super) fn add(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    adding: &AddToQueue,
    writing: &Writing<Create>,
) -> Result<Answer, Failure> {
    let find = |tx: &mut Transaction<'_>, row: &keyholder_operation::NamedRow| {
        session.find_id(tx, &row.table, &row.key)?.ok_or_else(|| missing(&row.table, &row.key))
    };
    let (target, queue) = (find(tx, &adding.target)?, find(tx, &adding.queue)?);
    // Also where the row turns out to be in the queue already: the item's id, and whether there is one, is not for everyone.
    make::check_pointed(session, tx, &given(writing))?;
    let source = adding.source.as_ref().map(|source| find(tx, source)).transpose()?;
    let items = active_items(session, tx, writing, target)?;
    // A mail can have come to several queues, everything else is in one.
    let several = adding.target.table.logical_name() == "email";
    let there = match source {
        Some(source) => {
            let text = "Cannot find the object in the source queue.";
            let found = items.iter().find(|(_, of)| *of == Some(source));
            Some(found.ok_or_else(|| DataverseError::new(code::CANNOT_FIND_OBJECT_IN_QUEUE, text))?)
        }
        None if several => items.iter().find(|(_, of)| *of == Some(queue)),
        None => items.first(),
    };
    let item = match there {
        Some((item, of)) => {
            if *of != Some(queue) {
                move_item(session, tx, writing, *item)?;
            }
            *item
        }
        None => write::create_row(session, tx, writing, None)?.id(),
    };
    let context = format!("{}/$metadata#Microsoft.Dynamics.CRM.AddToQueueResponse", session.base());
    let body = serde_json::json!({"@odata.context": context, "QueueItemId": item});
    Ok(Answer::json(StatusCode::OK, body.to_string()))
}

/// The items by which a row is in queues, each with its queue.
fn active_items(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    writing: &Writing<Create>,
    target: Uuid,
) -> Result<Vec<(Uuid, Option<Uuid>)>, Failure> {
    let layout = session.catalogue.layout(&writing.part().table);
    let place = |name: &str| layout.named(name).and_then(|place| place.value.clone()).ok_or_else(error::unexpected);
    let ((object, _), (queue, of), (state, _)) = (place("objectid")?, place("queueid")?, place("statecode")?);
    let find = Select::from(layout.name.clone())
        .column(layout.id(), Kind::Uuid)
        .column(queue, of)
        .filter(column(object).equals(parameter(0)))
        .filter(column(state).equals(parameter(1)))
        .order_by(column(layout.id()).ascending().never_null());
    let values = [target.into(), keyholder_store::Value::Integer(0)];
    Ok(tx.list(&Prepared::new(find)?, &values, |row| Ok((row.get(0)?, row.get(1)?)))?)
}

fn given(writing: &Writing<Create>) -> Given<'_, Create> {
    let part = writing.part();
    Given { table: &part.table, values: &part.values, ignored: &part.ignored, id: None, parent: None, writing }
}

/// Puts an item into the queue that the new one would be in: a change to the item, which the caller must be allowed.
fn move_item(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    writing: &Writing<Create>,
    item: Uuid,
) -> Result<(), Failure> {
    let part = writing.part();
    let layout = session.catalogue.layout(&part.table);
    let before = Record::load(tx, session.catalogue, &layout, item)?.ok_or_else(error::unexpected)?;
    let rows = consequence(&session.caller.grants, &part.table, Verb::Write)?;
    session.check_reach(tx, &rows, &before)?;
    let moved = make::changed(session, tx, &given(writing), &before)?;
    let mut entered = moved.clone();
    entered.set("enteredon", Value::DateTime(session.request.now));
    entered.update(tx, session.catalogue, &moved)
}
