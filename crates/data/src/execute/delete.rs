//! Deleting rows, and what happens to the lookups that named them.
//!
//! A lookup to a deleted row is cleared. A reading: the service decides that per relationship
//! (cascade, restrict, remove the link), which the schema here does not say yet.

use std::sync::Arc;

use keyholder_dataverse::error;
use keyholder_dataverse::schema::{Navigation, Table};
use keyholder_operation::Delete;
use keyholder_security::Reading;
use keyholder_store::statement::{Delete as DeleteRows, Expr, Literal, Update, column, parameter};
use keyholder_store::{Prepared, Transaction};
use uuid::Uuid;

use super::{Session, make, no_content};
use crate::answer::Answer;
use crate::catalogue::layout::Target;
use crate::error::Failure;
use crate::rules::{self, Deletion};

/// Deletes a row.
pub(crate) fn delete(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    reading: &Reading<Delete>,
) -> Result<Answer, Failure> {
    let part = reading.part();
    let record = session.reached(tx, reading.rows(), &part.key)?;
    if part.if_version.is_some() && part.if_version != record.version() {
        return Err(error::version_mismatch().into());
    }
    match rules::before_delete(session, tx, &record)? {
        Deletion::Keep(mut kept) => {
            kept.set_time("modifiedon", session.request.now);
            let version = session.core.epochs.versions(tx, 1)?;
            kept.set("versionnumber", keyholder_dataverse::Value::Integer(version));
            kept.update(tx, session.catalogue, &record)?;
        }
        Deletion::Remove => {
            clear_lookups(session, tx, &part.table, record.id())?;
            let layout = session.catalogue.layout(&part.table);
            let remove = DeleteRows::from(layout.name.clone()).filter(column(layout.id()).equals(parameter(0)));
            tx.execute(&Prepared::new(remove)?, &[record.id().into()])?;
        }
    }
    make::settle(session, tx, &part.table)?;
    Ok(no_content())
}

/// Clears what points at a row. Who made or changed a row stays as it was: that is history.
fn clear_lookups(session: &Session<'_>, tx: &mut Transaction<'_>, table: &Arc<Table>, id: Uuid) -> Result<(), Failure> {
    let mut version = None;
    for (_, navigation) in table.navigations() {
        let Navigation::OneToMany(relationship) = navigation else { continue };
        let Some(other) = session.catalogue.schema.table(&relationship.table)? else { continue };
        let layout = session.catalogue.layout(&other);
        let Some(place) = layout.named(&relationship.column).filter(|place| place.column.access.create) else {
            continue;
        };
        let Some((name, _)) = place.value.clone() else { continue };
        let null = || Expr::Literal(Literal::Null);
        let mut update = Update::of(layout.name.clone()).set(name.clone(), null());
        let mut condition = column(name).equals(parameter(0));
        let mut values = vec![id.into()];
        if let Target::Stored(target) = &place.target {
            condition = condition.and(column(target.clone()).equals(parameter(values.len())));
            values.push(table.type_code().into());
            update = update.set(target.clone(), null());
        }
        if let Some((name, _)) = layout.named("versionnumber").and_then(|place| place.value.clone()) {
            let next = match version {
                Some(version) => version,
                None => *version.insert(session.core.epochs.versions(tx, 1)?),
            };
            update = update.set(name, parameter(values.len()));
            values.push(next.into());
        }
        tx.execute(&Prepared::new(update.filter(condition))?, &values)?;
    }
    Ok(())
}
