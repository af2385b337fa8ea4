//! Items of queues: what each tells of the row that it stands for.

use keyholder_dataverse::Value;
use keyholder_store::Snapshot;

use super::user::cut;
use crate::catalogue::Record;
use crate::error::Failure;
use crate::execute::Session;

/// The longest title, in characters of UTF-16.
const LONGEST_TITLE: usize = 300;

/// Gives a new item the name of its row, the sort of it, and the moment of entering the queue.
pub(super) fn before_create(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    item: &mut Record,
) -> Result<(), Failure> {
    item.set_time("enteredon", session.request.now);
    let Value::Lookup(reference) = *item.get("objectid") else { return Ok(()) };
    item.set("objecttypecode", Value::Integer(reference.type_code.into()));
    let Some(table) = session.catalogue.schema.table_of_code(reference.type_code)? else { return Ok(()) };
    let object = Record::load(snapshot, session.catalogue, &session.catalogue.layout(&table), reference.id)?;
    if let (Some(object), Some(name)) = (object, table.primary_name())
        && let Some(text) = object.at(name).text()
    {
        item.set_text("title", cut(text, LONGEST_TITLE));
    }
    Ok(())
}
