//! What the org says of a row and its values beside them.

use super::Row;

/// The row's version, for [`Change::if_unchanged`](super::Change::if_unchanged) and
/// [`Dataverse::get_if_changed`](super::Dataverse::get_if_changed).
#[must_use]
pub fn etag(row: &Row) -> Option<&str> {
    row.get("@odata.etag")?.as_str()
}

/// An annotation of a column, where the query asked for it ([`Query::annotated`](super::Query::annotated)).
///
/// ```
/// use keyholder_client::dataverse::{formatted_value, lookup_table};
/// let row = serde_json::json!({
///     "statecode": 0,
///     "statecode@OData.Community.Display.V1.FormattedValue": "Active",
///     "_parentcustomerid_value": "5f1e33a8-0b6d-4d52-9d5e-0a6a4d5b7c11",
///     "_parentcustomerid_value@Microsoft.Dynamics.CRM.lookuplogicalname": "account",
/// });
/// let row = row.as_object().unwrap();
/// assert_eq!(formatted_value(row, "statecode"), Some("Active"));
/// assert_eq!(lookup_table(row, "_parentcustomerid_value"), Some("account"));
/// ```
#[must_use]
pub fn annotation<'a>(row: &'a Row, column: &str, name: &str) -> Option<&'a str> {
    row.get(&format!("{column}@{name}"))?.as_str()
}

/// A value as people read it: an option's label, a lookup's name, money with its sign.
#[must_use]
pub fn formatted_value<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    annotation(row, column, "OData.Community.Display.V1.FormattedValue")
}

/// The logical name of the table that a lookup (`_name_value`) points into.
#[must_use]
pub fn lookup_table<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    annotation(row, column, "Microsoft.Dynamics.CRM.lookuplogicalname")
}
