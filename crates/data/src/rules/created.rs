//! When a row was made: now, or, for one that was made elsewhere before, when it was made there.

use keyholder_dataverse::Value;
use keyholder_foundation::Timestamp;
use keyholder_store::Snapshot;

use super::role::check_privilege;
use crate::catalogue::Record;
use crate::error::Failure;
use crate::execute::Session;

/// What a request gives as the moment of making.
const OVERRIDDEN: &str = "overriddencreatedon";
/// Lets its holder give one.
const OVERRIDE: &str = "prvOverrideCreatedOnCreatedBy";

/// The moment that a new row's `createdon` tells. The one that a request gives as `overriddencreatedon` takes its place
/// there, and that column then tells when the row really came, as "Prepare source data for import" describes.
pub(crate) fn created_on(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    record: &mut Record,
) -> Result<Timestamp, Failure> {
    let now = session.request.now;
    let Value::DateTime(given) = *record.get(OVERRIDDEN) else { return Ok(now) };
    check_privilege(session, snapshot, OVERRIDE, record)?;
    record.set_time(OVERRIDDEN, now);
    Ok(given)
}
