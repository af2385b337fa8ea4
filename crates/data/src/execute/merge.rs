//! Making one row of two, after "Merge table rows" of the documentation: the row that stays gets the values that are
//! given and what belonged to the other, which is deactivated and keeps the name of its master.

use keyholder_dataverse::error::{DataverseError, code};
use keyholder_dataverse::schema::Table;
use keyholder_dataverse::value::Reference;
use keyholder_dataverse::{Value, error};
use keyholder_security::Merging;
use keyholder_store::Transaction;

use super::make::{self, Given};
use super::{Session, cascade, ladder, missing, no_content};
use crate::answer::Answer;
use crate::catalogue::Record;
use crate::error::Failure;
use crate::rules;

/// The lookups by which rows of these tables have parents.
const PARENTS: [&str; 4] = ["parentaccountid", "parentcustomerid", "parentcontactid", "customerid"];

/// Merges two rows.
pub(super) fn merge(session: &Session<'_>, tx: &mut Transaction<'_>, merging: &Merging) -> Result<Answer, Failure> {
    let (part, writing) = (merging.part(), merging.target());
    let table = &part.target.table;
    let write = make::permitted(writing.write(), table)?;
    let find = |tx: &mut Transaction<'_>, key| session.find(tx, table, key)?.ok_or_else(|| missing(table, key));
    let target = find(tx, &part.target.key)?;
    session.check_reach(tx, write, &target)?;
    let subordinate = find(tx, &part.subordinate)?;
    session.check_reach(tx, write, &subordinate)?;
    if target.id() == subordinate.id() {
        return Err(refused(code::MERGE_ENTITIES_IDENTICAL, "Merge cannot be performed on an entity with itself."));
    }
    if [&target, &subordinate].iter().any(|row| !matches!(row.get("statecode"), Value::Integer(0) | Value::Null)) {
        return Err(refused(code::MERGE_ENTITY_NOT_ACTIVE, "Merge cannot be performed on an entity that is inactive."));
    }
    let differ = |name: &&str| target.get(name) != subordinate.get(name);
    if part.check_parents && PARENTS.iter().any(differ) {
        return Err(refused(
            code::MERGE_DIFFERENTLY_PARENTED,
            "Merge warning: sub-entity will be differently parented.",
        ));
    }
    let given =
        Given { table, values: &part.target.values, ignored: &part.target.ignored, id: None, parent: None, writing };
    let target = make::changed(session, tx, &given, &target)?;
    // What belongs to the other row is to belong to this one, which may lie below it at any level.
    if ladder::is_below(session, tx, &target, subordinate.id())? {
        return Err(refused(code::MERGE_CYCLICAL_PARENTING, "Merge could create cyclical parenting."));
    }
    cascade::merge(session, tx, table, (subordinate.id(), target.id()))?;
    retire(session, tx, table, &subordinate, &target)?;
    make::settle(session, tx, table)?;
    Ok(no_content())
}

/// Deactivates the row that was merged into another.
fn retire(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    table: &Table,
    before: &Record,
    master: &Record,
) -> Result<(), Failure> {
    let mut record = before.clone();
    // The state that is no work any more: the last one, of cases and leads the one behind success.
    let state = table.column("statecode").and_then(|column| column.kind.options().last()).map(|option| option.value);
    let state = state.ok_or_else(|| error::not_supported("Merging rows of a table without states"))?;
    record.set("statecode", Value::Integer(state.into()));
    rules::defaults::change_state(before, &mut record, false)?;
    record.set("masterid", Value::Lookup(Reference { type_code: table.type_code(), id: master.id() }));
    record.set("merged", Value::Boolean(true));
    make::touch(session, tx, &mut record)?;
    record.update(tx, session.catalogue, before)
}

fn refused(number: u32, message: &str) -> Failure {
    DataverseError::new(number, message).into()
}
