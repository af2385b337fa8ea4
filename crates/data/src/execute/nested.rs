//! Rows inside the body of a new row: made before it or after it, in the same transaction, each as if it had come by
//! itself.

use keyholder_dataverse::error;
use keyholder_operation::{Create, PairedRow};
use keyholder_security::{Pairs, Relating, Writing};
use keyholder_store::Transaction;

use super::pair::{self, Pair};
use super::{Session, write};
use crate::catalogue::Record;
use crate::error::Failure;

/// Makes a row that stands at `place` in the body of another.
pub(super) fn create(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    writing: &Writing<Create>,
    parent: Option<&Record>,
    place: &str,
) -> Result<Record, Failure> {
    write::create_row(session, tx, writing, parent).map_err(|failure| failure.at_place(place))
}

/// Makes or binds the rows of a new row's collections.
pub(super) fn relate(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    writing: &Writing<Create>,
    record: &Record,
) -> Result<(), Failure> {
    for (relating, related) in writing.related().iter().zip(&writing.part().related) {
        let done = match relating {
            Relating::New(row) => create(session, tx, row, Some(record), &related.place).map(drop),
            Relating::Existing(row) => write::update_row(session, tx, row, Some(record)).map(drop),
            Relating::Paired(pairs) => join(session, tx, pairs, record, &related.place),
            _ => Err(error::not_supported("This row of a collection").into()),
        };
        done.map_err(|failure| failure.at_place(&related.place))?;
    }
    Ok(())
}

/// Pairs a new row with another, which may have to be made first.
fn join(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    pairs: &Pairs,
    record: &Record,
    place: &str,
) -> Result<(), Failure> {
    let part = pairs.part();
    pair::check_relationship(&part.relationship)?;
    session.check_reach(tx, pairs.rows(), record)?;
    let other = match (&part.other, pairs.new_row()) {
        (PairedRow::New(_), Some(row)) => {
            let made = create(session, tx, row, None, place)?;
            session.check_reach(tx, pairs.other(), &made)?;
            made
        }
        (PairedRow::Existing(key), _) => session.reached(tx, pairs.other(), key)?,
        (PairedRow::New(_), None) => return Err(error::not_supported("This row of a collection").into()),
    };
    if let Some(roles) = pairs.assign() {
        for row in [record, &other] {
            if row.layout().table.logical_name() == roles.table().logical_name() {
                session.check_reach(tx, roles, row)?;
            }
        }
    }
    let (near, far) = part.relationship.ends(part.side);
    let (near, far) = (&near.column, &far.column);
    pair::join(session, tx, &Pair { pairs: &part.relationship.intersect, row: record.clone(), other, near, far })
}
