//! Which privileges an operation needs. It follows from the bound operation alone, so the org
//! enforces and the least-role learner records the same list.
//!
//! - To point a row at another (a lookup set, cleared or paired) needs Append on the row that
//!   points and AppendTo on the one pointed at. Clearing names no row, so AppendTo is then asked
//!   of none.
//! - To name an owner needs Assign; the org leaves that out when the owner is the caller.
//! - A pair of a many-to-many relationship needs Append on both tables.
//! - Roles of a user or team need Assign on the role besides: a reading, the documents name
//!   `prvAssignRole` without saying what else is asked.
//! - To answer with the row needs Read.
//! - A role's privileges are part of the role: they need Write on it, and Read to be listed.

use std::sync::Arc;

use keyholder_dataverse::Verb;
use keyholder_dataverse::schema::{ColumnKind, Table};
use keyholder_operation::query::Within;
use keyholder_operation::write::Assigned;
use keyholder_operation::{Action, Assignment, Bound, Function, Operation};

/// One privilege that an operation needs, and for what.
#[derive(Debug, Clone, PartialEq)]
pub struct Requirement {
    /// The table that the privilege is of.
    pub table: Arc<Table>,
    /// The verb.
    pub verb: Verb,
    /// What the verb is done to.
    pub subject: Subject,
}

/// What a verb is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// The rows that the operation is about.
    Rows,
    /// The row whose related rows are asked for.
    Source,
    /// The row on the other side of a pair.
    Other,
    /// The row that the assignment with this index points at.
    Target(usize),
}

/// Everything that an operation needs, the first first. Of an update that may also create, both
/// are listed: which one counts is known when the row has been looked for.
#[must_use]
pub fn required(bound: &Bound) -> Vec<Requirement> {
    let need = |table: &Arc<Table>, verb, subject| Requirement { table: Arc::clone(table), verb, subject };
    match &bound.operation {
        Operation::Query(query) | Operation::Count(query) => {
            let source = query.within.as_ref().map(Within::source).map(|(source, _)| source);
            source
                .map(|source| need(source, Verb::Read, Subject::Source))
                .into_iter()
                .chain([need(&query.table, Verb::Read, Subject::Rows)])
                .collect()
        }
        Operation::Retrieve(retrieve) => vec![need(&retrieve.table, Verb::Read, Subject::Rows)],
        Operation::Create(create) => {
            let mut needs = vec![need(&create.table, Verb::Create, Subject::Rows)];
            pointing(&mut needs, &create.table, &create.values);
            needs.extend(bound.preferences.representation.then(|| need(&create.table, Verb::Read, Subject::Rows)));
            needs
        }
        Operation::Update(update) => {
            let mut needs = Vec::new();
            needs.extend(update.may_update.then(|| need(&update.table, Verb::Write, Subject::Rows)));
            needs.extend(update.may_create.then(|| need(&update.table, Verb::Create, Subject::Rows)));
            pointing(&mut needs, &update.table, &update.values);
            needs.extend(bound.preferences.representation.then(|| need(&update.table, Verb::Read, Subject::Rows)));
            needs
        }
        Operation::Delete(delete) => vec![need(&delete.table, Verb::Delete, Subject::Rows)],
        Operation::Associate(pair) | Operation::Disassociate(pair) => {
            let mut needs = vec![
                need(&pair.table, Verb::Append, Subject::Rows),
                need(&pair.other_table, Verb::Append, Subject::Other),
            ];
            for (table, subject) in [(&pair.table, Subject::Rows), (&pair.other_table, Subject::Other)] {
                if table.logical_name() == "role" {
                    needs.push(need(table, Verb::Assign, subject));
                }
            }
            needs
        }
        Operation::Function(
            Function::RetrieveRolePrivilegesRole { roles: table, .. }
            | Function::RetrieveUserPrivileges { users: table, .. }
            | Function::RetrieveUserPrivilegeByPrivilegeName { users: table, .. },
        ) => vec![need(table, Verb::Read, Subject::Rows)],
        Operation::Action(
            Action::AddPrivilegesRole { roles, .. }
            | Action::ReplacePrivilegesRole { roles, .. }
            | Action::RemovePrivilegeRole { roles, .. },
        ) => vec![need(roles, Verb::Write, Subject::Rows)],
        _ => Vec::new(),
    }
}

/// What setting lookups needs.
fn pointing(needs: &mut Vec<Requirement>, table: &Arc<Table>, values: &[Assignment]) {
    let mut append = false;
    for (index, given) in values.iter().enumerate() {
        if matches!(given.column.kind, ColumnKind::Owner { .. }) {
            needs.push(Requirement { table: Arc::clone(table), verb: Verb::Assign, subject: Subject::Rows });
        } else if given.column.kind.is_lookup() {
            append = true;
            if let Assigned::Row { table: target, .. } = &given.value {
                needs.push(Requirement {
                    table: Arc::clone(target),
                    verb: Verb::AppendTo,
                    subject: Subject::Target(index),
                });
            }
        }
    }
    if append {
        needs.push(Requirement { table: Arc::clone(table), verb: Verb::Append, subject: Subject::Rows });
    }
}
