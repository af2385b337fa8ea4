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
//! - Rows inside the body of a new row need what they would need by themselves.
//! - To answer with the row needs Read.
//! - To ask about rows of other tables, in a path, a link, a condition or an order, needs Read on
//!   each of these tables, as showing them does.
//! - To share a row needs Share, and everything that is given: nobody gives what they do not have.
//! - To move a user to another business unit needs Write and Append on it, AppendTo on the unit, and Assign on every
//!   row that goes to somebody else by it, which is looked at when it is done.
//! - To begin a row from another needs Read on that one, and Create on the table of the new row.
//! - To close a row by an activity needs what making the activity and changing the row need, to put one into a queue what making
//!   the queue's item needs.
//! - To merge two rows needs Write on both, and what the values that go over need.
//! - A job that deletes the rows of queries needs to read them and Delete, and `prvBulkDelete`, which is about no table
//!   and therefore not listed.
//! - Contents of a file or image column are part of the row: they need Write on it, and Read to be downloaded.
//! - A role's privileges are part of the role: they need Write on it, and Read to be listed.

use std::sync::Arc;

use keyholder_dataverse::Verb;
use keyholder_dataverse::schema::{ColumnKind, Table};
use keyholder_operation::query::{Within, expanded_tables};
use keyholder_operation::{
    Action, Assigned, Assignment, Blocks, Bound, Create, Function, Operation, Paired, PairedRow, RelatedRow, Update,
};

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
    /// A row inside the body of a new row, or one that such a row points at.
    Within,
    /// The rows of the further table with this index: of a link, a condition or an expand.
    Further(usize),
}

/// Everything that an operation needs, the first first. Of an update that may also create, both
/// are listed: which one counts is known when the row has been looked for.
#[must_use]
pub fn required(bound: &Bound) -> Vec<Requirement> {
    let need = |table: &Arc<Table>, verb, subject| Requirement { table: Arc::clone(table), verb, subject };
    match &bound.operation {
        Operation::Query(query) | Operation::Count(query) => {
            let source = query.within.as_ref().map(Within::source).map(|(source, _)| source);
            let further = query.further_tables().into_iter().enumerate();
            source
                .map(|source| need(source, Verb::Read, Subject::Source))
                .into_iter()
                .chain([need(&query.table, Verb::Read, Subject::Rows)])
                .chain(further.map(|(index, table)| need(table, Verb::Read, Subject::Further(index))))
                .collect()
        }
        Operation::Retrieve(retrieve) => {
            let further = expanded_tables(&retrieve.expand).into_iter().enumerate();
            std::iter::once(need(&retrieve.table, Verb::Read, Subject::Rows))
                .chain(further.map(|(index, table)| need(table, Verb::Read, Subject::Further(index))))
                .collect()
        }
        Operation::Follow(follow) => {
            let further = expanded_tables(&follow.expand).into_iter().enumerate();
            [need(&follow.source, Verb::Read, Subject::Source), need(&follow.table, Verb::Read, Subject::Rows)]
                .into_iter()
                .chain(further.map(|(index, table)| need(table, Verb::Read, Subject::Further(index))))
                .collect()
        }
        // What the saved query itself names is not known before it has been read.
        Operation::Saved(saved) => {
            let source = saved.within.as_ref().map(Within::source).map(|(source, _)| source);
            let source = source.map(|source| need(source, Verb::Read, Subject::Source));
            let named =
                [need(&saved.table, Verb::Read, Subject::Rows), need(&saved.holder, Verb::Read, Subject::Other)];
            source.into_iter().chain(named).collect()
        }
        Operation::Create(create) => {
            let mut needs = of_create(create);
            within(&mut needs, create);
            if bound.preferences.representation {
                needs.push(need(&create.table, Verb::Read, Subject::Rows));
                let further = expanded_tables(&create.expand).into_iter().enumerate();
                needs.extend(further.map(|(index, table)| need(table, Verb::Read, Subject::Further(index))));
            }
            needs
        }
        Operation::Update(update) => {
            let mut needs = of_update(update);
            needs.extend(bound.preferences.representation.then(|| need(&update.table, Verb::Read, Subject::Rows)));
            needs
        }
        Operation::Multiple(multiple) => {
            let mut needs: Vec<Requirement> = Vec::new();
            for row in &multiple.rows {
                for found in required(&Bound { operation: row.clone(), ..bound.clone() }) {
                    if !needs.contains(&found) {
                        needs.push(found);
                    }
                }
            }
            needs
        }
        Operation::Delete(delete) => vec![need(&delete.table, Verb::Delete, Subject::Rows)],
        Operation::Download(download) => vec![need(&download.of.table, Verb::Read, Subject::Rows)],
        Operation::Upload(upload) => vec![need(&upload.of.table, Verb::Write, Subject::Rows)],
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
            | Function::RetrievePrivileges { holders: table, .. },
        ) => vec![need(table, Verb::Read, Subject::Rows)],
        Operation::Action(
            Action::AddPrivilegesRole { roles, .. }
            | Action::ReplacePrivilegesRole { roles, .. }
            | Action::RemovePrivilegeRole { roles, .. },
        ) => vec![need(roles, Verb::Write, Subject::Rows)],
        Operation::Function(
            Function::RetrievePrincipalAccess { target, .. } | Function::RetrieveSharedPrincipalsAndAccess { target },
        ) => vec![need(&target.table, Verb::Read, Subject::Rows)],
        Operation::Function(Function::RetrieveTotalRecordCount { tables }) => {
            tables.iter().enumerate().map(|(index, table)| need(table, Verb::Read, Subject::Target(index))).collect()
        }
        Operation::Function(Function::InitializeFrom { source, target, .. }) => {
            vec![need(&source.table, Verb::Read, Subject::Rows), need(target, Verb::Create, Subject::Other)]
        }
        Operation::Action(Action::Share { target, change, .. }) => {
            let given = change.rights().verbs().filter(|verb| {
                // What cannot be shared apart is no privilege of a row that is there.
                !matches!(verb, Verb::Create | Verb::Share) && target.table.privilege_name(*verb).is_some()
            });
            [Verb::Share].into_iter().chain(given).map(|verb| need(&target.table, verb, Subject::Rows)).collect()
        }
        // Adding a member hands out what the team's roles give; that is looked at when it is done.
        Operation::Action(Action::ChangeMembers { team, members, .. }) => {
            let mut needs = vec![need(&team.table, Verb::Append, Subject::Rows)];
            needs.extend(members.first().map(|user| need(&user.table, Verb::Append, Subject::Other)));
            needs
        }
        Operation::Action(Action::SetBusinessSystemUser { user, unit, .. }) => vec![
            need(&user.table, Verb::Write, Subject::Rows),
            need(&user.table, Verb::Append, Subject::Rows),
            need(&unit.table, Verb::AppendTo, Subject::Other),
        ],
        // Of which row the others are is known only when they are done.
        Operation::Action(Action::Blocks(blocks)) => match &**blocks {
            Blocks::BeginUpload { of, .. } => vec![need(&of.table, Verb::Write, Subject::Rows)],
            Blocks::BeginDownload { of } => vec![need(&of.table, Verb::Read, Subject::Rows)],
            _ => Vec::new(),
        },
        Operation::Action(Action::Merge(merge)) => of_update(&merge.target),
        Operation::Action(Action::Close(close)) => {
            let mut needs = of_create(&close.activity);
            needs.extend(of_update(&close.target));
            needs
        }
        // Taking the row out of the queue that it is in changes the item that it has there.
        Operation::Action(Action::AddToQueue(adding)) => of_create(&adding.item),
        Operation::Action(Action::BulkDelete(job)) => {
            let mut needs: Vec<Requirement> = Vec::new();
            for query in &job.queries {
                let mut found = required(&Bound { operation: Operation::Query(query.clone()), ..bound.clone() });
                found.push(need(&query.table, Verb::Delete, Subject::Rows));
                needs.extend(found.into_iter().map(|need| Requirement { subject: Subject::Within, ..need }));
            }
            needs
        }
        _ => Vec::new(),
    }
}

/// What a new row needs by itself.
pub(crate) fn of_create(create: &Create) -> Vec<Requirement> {
    let mut needs = vec![Requirement { table: Arc::clone(&create.table), verb: Verb::Create, subject: Subject::Rows }];
    pointing(&mut needs, &create.table, &create.values);
    needs
}

/// What a change needs.
pub(crate) fn of_update(update: &Update) -> Vec<Requirement> {
    let need = |verb| Requirement { table: Arc::clone(&update.table), verb, subject: Subject::Rows };
    let mut needs = Vec::new();
    needs.extend(update.may_update.then(|| need(Verb::Write)));
    needs.extend(update.may_create.then(|| need(Verb::Create)));
    pointing(&mut needs, &update.table, &update.values);
    needs
}

/// What a pair needs that a new row of `table` makes with another row: both may be appended, and a role assigned.
pub(crate) fn of_pair(table: &Arc<Table>, pair: &Paired) -> Vec<Requirement> {
    let need = |table: &Arc<Table>, verb, subject| Requirement { table: Arc::clone(table), verb, subject };
    let mut needs =
        vec![need(table, Verb::Append, Subject::Rows), need(&pair.other_table, Verb::Append, Subject::Other)];
    for (table, subject) in [(table, Subject::Rows), (&pair.other_table, Subject::Other)] {
        if table.logical_name() == "role" {
            needs.push(need(table, Verb::Assign, subject));
        }
    }
    needs
}

/// What the rows inside a new row's body need, each thing once.
fn within(needs: &mut Vec<Requirement>, create: &Create) {
    let mut add = |found: Vec<Requirement>| {
        for found in found {
            let found = Requirement { subject: Subject::Within, ..found };
            if !needs.contains(&found) {
                needs.push(found);
            }
        }
    };
    let mut inside: Vec<&Create> = create.values.iter().filter_map(|given| new_target(&given.value)).collect();
    for related in &create.related {
        match &related.row {
            RelatedRow::New(row) => inside.push(row),
            RelatedRow::Existing(update) => add(of_update(update)),
            RelatedRow::Paired(pair) => {
                add(of_pair(&create.table, pair));
                if let PairedRow::New(row) = &pair.other {
                    inside.push(row);
                }
            }
            _ => {}
        }
    }
    for row in inside {
        let mut own = of_create(row);
        within(&mut own, row);
        add(own);
    }
}

fn new_target(value: &Assigned) -> Option<&Create> {
    if let Assigned::New(row) = value { Some(row) } else { None }
}

/// What setting lookups needs.
fn pointing(needs: &mut Vec<Requirement>, table: &Arc<Table>, values: &[Assignment]) {
    let mut append = false;
    for (index, given) in values.iter().enumerate() {
        if matches!(given.column.kind, ColumnKind::Owner { .. }) {
            needs.push(Requirement { table: Arc::clone(table), verb: Verb::Assign, subject: Subject::Rows });
        } else if given.column.kind.is_lookup() {
            append = true;
            let target = match &given.value {
                Assigned::Row { table, .. } | Assigned::Parent { table } | Assigned::Unlinked { table, .. } => {
                    Some(table)
                }
                Assigned::New(row) => Some(&row.table),
                _ => None,
            };
            if let Some(target) = target {
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
