//! `InitializeFrom`: what a new row begins with that is made in the context of another. Nothing is saved.
//!
//! Follows "Create a new record from another record" of the documentation of the Web API: columns that are mapped, and
//! the lookup back, in a body that makes the row when it is posted. Columns without a value are left out.

use std::mem::discriminant;
use std::sync::Arc;

use http::StatusCode;
use keyholder_dataverse::Value;
use keyholder_dataverse::error::{DataverseError, code};
use keyholder_dataverse::schema::{Column, ColumnKind, Table};
use keyholder_dataverse::value::{Reference, write_json, write_json_text};
use keyholder_operation::{Function, NamedRow, TargetFieldType};
use keyholder_security::{Calling, Subject};
use keyholder_store::Snapshot;

use super::Session;
use crate::answer::Answer;
use crate::error::Failure;

/// What rows of one table give to new rows of another.
struct Map {
    source: &'static str,
    target: &'static str,
    /// The new row's lookup to the source.
    back: &'static str,
    /// Columns that both tables call alike.
    columns: &'static [&'static str],
}

/// The maps of "Default entity and attribute mappings" (Dynamics CRM 2013, 2016 and Dynamics 365), as far as it gives
/// more than a lookup back to rows of accounts. The address of an account made from another is not in that list but
/// in the example of the Web API reference's "InitializeFrom Function".
const MAPS: [Map; 3] = [
    Map {
        source: "account",
        target: "account",
        back: "parentaccountid",
        columns: &[
            "defaultpricelevelid",
            "transactioncurrencyid",
            "address1_line1",
            "address1_city",
            "address1_country",
        ],
    },
    Map {
        source: "account",
        target: "contact",
        back: "parentcustomerid",
        columns: &[
            "transactioncurrencyid",
            "telephone1",
            "paymenttermscode",
            "defaultpricelevelid",
            "address1_addresstypecode",
            "address1_city",
            "address1_country",
            "address1_county",
            "address1_freighttermscode",
            "address1_line1",
            "address1_line2",
            "address1_line3",
            "address1_name",
            "address1_postalcode",
            "address1_postofficebox",
            "address1_shippingmethodcode",
            "address1_stateorprovince",
            "address1_telephone1",
        ],
    },
    Map { source: "account", target: "contract", back: "customerid", columns: &["transactioncurrencyid"] },
];

/// Which lookup leads back where a table has several to the source's and no map says it: a customer, else the one that
/// is called as the source's id, else the first of these that is among them. A reading.
const BACK: [&str; 3] = ["regardingobjectid", "parentcaseid", "record1id"];

/// Answers with what a row of `target` begins with that is made in the context of `source`.
pub(super) fn row_begun(
    session: &Session<'_>,
    snapshot: &mut Snapshot<'_>,
    calling: &Calling<Function>,
    source: &NamedRow,
    (target, fields): (&Arc<Table>, TargetFieldType),
) -> Result<Answer, Failure> {
    let record = session.subject(snapshot, calling, Subject::Rows, &source.key)?;
    let of = &source.table;
    let map = MAPS.iter().find(|map| (map.source, map.target) == (of.logical_name(), target.logical_name()));
    let back = lookups_back(of, target, map.map(|map| map.back));
    if back.is_empty() {
        return Err(DataverseError::new(
            code::METADATA_NO_MAPPING,
            format!(
                "There is no mapping from '{}' to '{}': no lookup of the one leads to the other.",
                of.logical_name(),
                target.logical_name()
            ),
        )
        .into());
    }
    let mut row = NewRow::opened(session, target);
    let itself = Value::Lookup(Reference { type_code: of.type_code(), id: record.id() });
    for column in back.into_iter().filter(|column| fields.includes(column.access)) {
        row.give(column, &itself)?;
    }
    for name in map.map_or(&[][..], |map| map.columns) {
        // Tables that were imported may lack a column, or have another of its name.
        let (Some(from), Some(to)) = (of.column(name), target.column(name)) else { continue };
        if from.access.read && fields.includes(to.access) && discriminant(&from.kind) == discriminant(&to.kind) {
            row.give(to, record.at(from))?;
        }
    }
    Ok(Answer::json(StatusCode::OK, row.closed()))
}

/// The lookups of `target` that lead back to the row of `source`. There are several only where nothing says which is
/// meant: then the relationships share one map, in which each has its lookup.
fn lookups_back<'t>(source: &Table, target: &'t Table, mapped: Option<&str>) -> Vec<&'t Arc<Column>> {
    let leads_back = |column: &&Arc<Column>| {
        column.access.create
            && column.kind.is_lookup()
            && !matches!(column.kind, ColumnKind::Owner { .. })
            && column.targets().iter().any(|known| known.table == source.logical_name())
    };
    let all: Vec<_> = target.columns().iter().filter(leads_back).collect();
    let own = &*source.primary_id().name;
    let named = |name: &str| all.iter().find(|column| &*column.name == name).copied();
    match mapped.into_iter().chain(["customerid", own]).chain(BACK).find_map(named) {
        Some(meant) => vec![meant],
        None => all,
    }
}

/// The new row as it is written.
struct NewRow<'a> {
    session: &'a Session<'a>,
    body: String,
}

impl<'a> NewRow<'a> {
    fn opened(session: &'a Session<'a>, table: &Table) -> Self {
        let mut body = String::from("{\"@odata.context\":");
        write_json_text(&mut body, &format!("{}/$metadata#{}/$entity", session.base(), table.entity_set()));
        body.push_str(",\"@odata.type\":");
        write_json_text(&mut body, &format!("#{}", table.qualified_name()));
        Self { session, body }
    }

    /// Gives a column its value, as a body for a new row has it. A lookup to rows that nobody can name is left out.
    fn give(&mut self, column: &Column, value: &Value) -> Result<(), Failure> {
        match value {
            Value::Null => {}
            Value::Lookup(reference) => {
                let Some(table) = self.session.catalogue.schema.table_of_code(reference.type_code)? else {
                    return Ok(());
                };
                let leads = column.targets().iter().find(|known| known.table == table.logical_name());
                if let (Some(target), Some(set)) = (leads, table.shown_set()) {
                    self.named(&format!("{}@odata.bind", target.navigation));
                    write_json_text(&mut self.body, &format!("{set}({})", reference.id));
                }
            }
            value => {
                self.named(&column.name);
                write_json(&mut self.body, column, value);
            }
        }
        Ok(())
    }

    fn named(&mut self, name: &str) {
        self.body.push(',');
        write_json_text(&mut self.body, name);
        self.body.push(':');
    }

    fn closed(mut self) -> String {
        self.body.push('}');
        self.body
    }
}
