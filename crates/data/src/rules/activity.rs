//! Activities: whatever a row of one kind is, `activitypointers` shows it among all of them.
//!
//! In the service the kinds share one base table. Here each is a table of its own, and what they have
//! in common is kept a second time, under the same id, in the table that shows all. Both are written in
//! one transaction, so neither is ever seen without the other.

use std::sync::Arc;

use keyholder_dataverse::error;
use keyholder_store::Transaction;
use keyholder_store::statement::{Delete, column};
use uuid::Uuid;

use crate::catalogue::Layout;
use crate::catalogue::record::Record;
use crate::error::Failure;
use crate::execute::Session;

/// The table that shows all.
pub(crate) const ALL: &str = "activitypointer";

/// Whether the row is an activity of some kind.
pub(super) fn is_one(record: &Record) -> bool {
    record.layout().table.is_activity()
}

/// Whether the row stands in the table that shows all, which is not written directly.
pub(crate) fn refuse_direct(record: &Record) -> Result<(), Failure> {
    match record.layout().table.logical_name() {
        ALL => {
            Err(error::not_supported("Writing to 'activitypointers' (write to the table of the activity's kind)")
                .into())
        }
        _ => Ok(()),
    }
}

/// Before an activity is added: which kind it is.
pub(super) fn before_create(record: &mut Record) {
    let kind = record.layout().table.logical_name().to_owned();
    record.set_text("activitytypecode", kind);
}

/// After an activity was added.
pub(super) fn after_create(session: &Session<'_>, tx: &mut Transaction<'_>, record: &Record) -> Result<(), Failure> {
    let Some(all) = layout(session)? else { return Ok(()) };
    shared(&all, record).insert(tx)
}

/// After an activity was changed.
pub(super) fn after_update(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    before: &Record,
    record: &Record,
) -> Result<(), Failure> {
    let Some(all) = layout(session)? else { return Ok(()) };
    shared(&all, record).update(tx, session.catalogue, &shared(&all, before))
}

/// When activities of one kind are deleted.
pub(crate) fn remove_all(session: &Session<'_>, tx: &mut Transaction<'_>, ids: &[Uuid]) -> Result<(), Failure> {
    let Some(all) = layout(session)? else { return Ok(()) };
    let delete = Delete::from(all.name.clone()).filter(column(all.id()).in_list(0));
    let ids = keyholder_store::Value::ids(ids.iter().copied());
    tx.execute(&keyholder_store::Prepared::new(delete)?, &[ids])?;
    Ok(())
}

/// Where all are shown; a schema need not have such a table.
fn layout(session: &Session<'_>) -> Result<Option<Arc<Layout>>, Failure> {
    Ok(session.catalogue.schema.table(ALL)?.map(|table| session.catalogue.layout(&table)))
}

/// What an activity has in common with all.
fn shared(all: &Arc<Layout>, record: &Record) -> Record {
    let mut shown = Record::empty(all);
    for column in all.table.columns() {
        shown.set_at(column.position, record.get(&column.name).clone());
    }
    shown
}
