//! How an operation is handed to the store: as a read or a write, and whether it is likely a small one.

use keyholder_operation::query::Door;
use keyholder_operation::{Action, Bound, Operation};

/// A page of at most this many rows is little to read.
const FEW_ROWS: u32 = 50;

/// Whether an operation may change the store.
pub(super) fn changes_rows(bound: &Bound) -> bool {
    let downloads = matches!(&bound.operation, Operation::Action(Action::Blocks(blocks)) if blocks.reads());
    !downloads
        && !matches!(
            bound.operation,
            Operation::ServiceDocument
                | Operation::MetadataDocument
                | Operation::Metadata(_)
                | Operation::MetadataChanges(_)
                | Operation::Query(_)
                | Operation::Saved(_)
                | Operation::Count(_)
                | Operation::Retrieve(_)
                | Operation::Follow(_)
                | Operation::Function(_)
                | Operation::Download(_)
        )
}

/// Whether an operation is likely to read no more than a few rows. A guess costs nothing but time:
/// the store gives up what turns out longer, and does it elsewhere.
pub(super) fn reads_little(bound: &Bound) -> bool {
    match &bound.operation {
        Operation::ServiceDocument | Operation::Retrieve(_) | Operation::Follow(_) | Operation::Function(_) => true,
        Operation::Query(query) => {
            let rows = match query.door {
                Door::Fetch { rows, .. } => rows.or(query.top),
                _ => bound.preferences.max_page_size.or(query.top),
            };
            !query.count && query.aggregate.is_none() && !query.distinct && rows.is_some_and(|rows| rows <= FEW_ROWS)
        }
        _ => false,
    }
}
