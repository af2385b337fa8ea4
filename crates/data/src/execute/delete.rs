//! Deleting rows. What happens to the rows that name them is in [`super::cascade`].

use keyholder_dataverse::error;
use keyholder_operation::Delete;
use keyholder_security::Reading;
use keyholder_store::Transaction;

use super::{Session, cascade, make, no_content};
use crate::answer::Answer;
use crate::catalogue::Record;
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
    remove(session, tx, &record)?;
    make::settle(session, tx, &part.table)?;
    Ok(no_content())
}

/// Deletes a row that the caller may delete: that has been checked.
pub(super) fn remove(session: &Session<'_>, tx: &mut Transaction<'_>, record: &Record) -> Result<(), Failure> {
    match rules::before_delete(session, tx, record)? {
        Deletion::Keep(mut kept) => {
            kept.set_time("modifiedon", session.request.now);
            let version = session.core.epochs.versions(tx, 1)?;
            kept.set("versionnumber", keyholder_dataverse::Value::Integer(version));
            kept.update(tx, session.catalogue, record)
        }
        Deletion::Remove => {
            // Everything that can refuse is asked before anything is changed: a job that deletes many goes on behind
            // a refusal, in the same transaction.
            let doomed = cascade::doomed(session, tx, &record.layout().table, record.id())?;
            rules::on_delete(session, tx, record)?;
            cascade::delete(session, tx, &doomed)
        }
    }
}
