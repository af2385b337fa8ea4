//! An operation together with the rows that its caller may touch in it.
//!
//! Each kind of operation has its own struct, with a named [`ReachedTable`] for every table that
//! the operation touches, so that the store's side cannot confuse the row that is written with the
//! row that is pointed at. None of them can be made outside this crate.

use std::sync::Arc;

use keyholder_dataverse::error::MissingPrivilege;
use keyholder_dataverse::schema::{Column, Guard, Table};
use keyholder_dataverse::{Depth, Verb};
use keyholder_operation::{Action, Bound, Create, Delete, Function, Operation, Pairing, Query, Retrieve, Update};
use uuid::Uuid;

use crate::denied::Denied;
use crate::grants::Grants;
use crate::privilege::privilege_id;
use crate::reach::{Reach, ReachedTable};
use crate::required::{Requirement, Subject, required};

/// A privilege that may turn out not to be needed: its refusal counts only then.
pub type Permission = Result<ReachedTable, Denied>;

/// An operation that may go ahead, within the reach of each of its tables.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Authorised {
    /// The list of entity sets, for whoever may sign in.
    ServiceDocument,
    /// Rows.
    Query(Reading<Query>),
    /// How many rows.
    Count(Reading<Query>),
    /// One row.
    Retrieve(Reading<Retrieve>),
    /// A new row.
    Create(Writing<Create>),
    /// A changed row.
    Update(Writing<Update>),
    /// A row less.
    Delete(Reading<Delete>),
    /// A new pair.
    Associate(Linking),
    /// A pair less.
    Disassociate(Linking),
    /// A function.
    Function(Calling<Function>),
    /// An action.
    Action(Calling<Action>),
}

/// An operation that touches the rows of one table, found perhaps from a row of another.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading<T> {
    part: T,
    rows: ReachedTable,
    source: Option<ReachedTable>,
}

impl<T> Reading<T> {
    /// What is asked.
    #[must_use]
    pub fn part(&self) -> &T {
        &self.part
    }

    /// The rows that may be touched.
    #[must_use]
    pub fn rows(&self) -> &ReachedTable {
        &self.rows
    }

    /// Where the row whose related rows are asked for must be.
    #[must_use]
    pub fn source(&self) -> Option<&ReachedTable> {
        self.source.as_ref()
    }
}

/// An operation that makes or changes one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Writing<T> {
    part: T,
    create: Option<Permission>,
    write: Option<Permission>,
    read: Option<Permission>,
    assign: Option<Permission>,
    append: Option<ReachedTable>,
    bindings: Vec<Binding>,
}

/// A lookup that is set, and where the row it names must be.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    assignment: usize,
    column: Arc<Column>,
    target: ReachedTable,
}

impl Binding {
    /// The index of the assignment in the operation's `values`.
    #[must_use]
    pub fn assignment(&self) -> usize {
        self.assignment
    }

    /// The lookup column.
    #[must_use]
    pub fn column(&self) -> &Arc<Column> {
        &self.column
    }

    /// The rows that may be pointed at.
    #[must_use]
    pub fn target(&self) -> &ReachedTable {
        &self.target
    }
}

impl<T> Writing<T> {
    /// What is asked.
    #[must_use]
    pub fn part(&self) -> &T {
        &self.part
    }

    /// Whether a row may be made, and for which owners and units. None when the operation cannot
    /// make one.
    #[must_use]
    pub fn create(&self) -> Option<&Permission> {
        self.create.as_ref()
    }

    /// Whether and which rows may be changed. None when the operation cannot change one.
    #[must_use]
    pub fn write(&self) -> Option<&Permission> {
        self.write.as_ref()
    }

    /// Whether and which rows may be shown afterwards. None when the caller does not want the row.
    #[must_use]
    pub fn read(&self) -> Option<&Permission> {
        self.read.as_ref()
    }

    /// Whether and which rows may be given away. None when the body names no owner. It is not
    /// needed where the owner that the body names is the one that the row has, or would get,
    /// anyway.
    #[must_use]
    pub fn assign(&self) -> Option<&Permission> {
        self.assign.as_ref()
    }

    /// The rows that may be made to point at others. None when no lookup is set or cleared.
    #[must_use]
    pub fn append(&self) -> Option<&ReachedTable> {
        self.append.as_ref()
    }

    /// The lookups that are set to a row, except the owner.
    #[must_use]
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }
}

/// An operation on a pair of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Linking {
    part: Pairing,
    rows: ReachedTable,
    other: ReachedTable,
    assign: Option<(Subject, ReachedTable)>,
}

impl Linking {
    /// What is asked.
    #[must_use]
    pub fn part(&self) -> &Pairing {
        &self.part
    }

    /// Where the row that the address names must be.
    #[must_use]
    pub fn rows(&self) -> &ReachedTable {
        &self.rows
    }

    /// Where the other row must be.
    #[must_use]
    pub fn other(&self) -> &ReachedTable {
        &self.other
    }

    /// For roles of a user or team: on which side the role is, and which roles may be assigned.
    #[must_use]
    pub fn assign(&self) -> Option<(Subject, &ReachedTable)> {
        self.assign.as_ref().map(|(subject, reached)| (*subject, reached))
    }
}

/// A function or action.
#[derive(Debug, Clone, PartialEq)]
pub struct Calling<T> {
    part: T,
    rows: Option<ReachedTable>,
}

impl<T> Calling<T> {
    /// What is asked.
    #[must_use]
    pub fn part(&self) -> &T {
        &self.part
    }

    /// Where the row that it is about must be. None when it is about no row.
    #[must_use]
    pub fn rows(&self) -> Option<&ReachedTable> {
        self.rows.as_ref()
    }
}

impl Grants {
    /// The rows of the requirement's table that may be touched as it says.
    fn permit(&self, requirement: &Requirement) -> Permission {
        let Requirement { table, verb, .. } = requirement;
        let caller = || Box::new(self.caller().clone());
        let name = match table.privilege_name(*verb) {
            Some(name) => name,
            // What no privilege guards may be read by whoever has a role: a reading. Pairs tell of
            // the rows on both sides, so those must be readable.
            None if *verb == Verb::Read && self.has_roles() => {
                let held = |guard: &&Guard| self.depth(privilege_id(&guard.privilege)).is_some();
                if let Some(guard) = table.guards().iter().find(|guard| !held(guard)) {
                    return Err(Denied::Privilege { caller: caller(), missing: Box::new(guarded(guard)) });
                }
                return Ok(ReachedTable::new(Arc::clone(table), *verb, Some(Depth::Global), Reach::Everything));
            }
            None if *verb == Verb::Read => return Err(no_roles(self)),
            // And changed by nobody: the name of a privilege that there is not is held by nobody.
            None => format!("prv{verb}{}", table.schema_name()),
        };
        let id = privilege_id(&name);
        match (self.depth(id), self.reach(id)) {
            (Some(depth), Some(reach)) => Ok(ReachedTable::new(Arc::clone(table), *verb, Some(depth), reach.clone())),
            _ if !self.has_roles() => Err(Denied::NoRoles { caller: caller(), privilege: name }),
            _ => Err(Denied::Privilege { caller: caller(), missing: Box::new(missing(table, name, id)) }),
        }
    }
}

fn missing(table: &Table, name: String, id: Uuid) -> MissingPrivilege {
    MissingPrivilege {
        name,
        id,
        table: table.logical_name().to_owned(),
        type_code: table.type_code(),
        display_name: table.display_name().to_owned(),
    }
}

fn guarded(guard: &Guard) -> MissingPrivilege {
    MissingPrivilege {
        name: guard.privilege.clone(),
        id: privilege_id(&guard.privilege),
        table: guard.table.clone(),
        type_code: guard.type_code,
        display_name: guard.display_name.clone(),
    }
}

/// Decides whether the caller may do this, and on which rows.
///
/// # Errors
/// [`Denied`] for the first privilege that is missing. What may turn out not to be needed is not
/// refused here but kept as a [`Permission`].
pub fn authorise(grants: &Grants, bound: Bound) -> Result<Authorised, Denied> {
    // Functions that need no privilege, like `WhoAmI`, still need a role: a reading.
    let about_nothing = matches!(bound.operation, Operation::Function(_) | Operation::Action(_));
    if about_nothing && !grants.has_roles() && required(&bound).is_empty() {
        return Err(no_roles(grants));
    }
    let needs = required(&bound);
    let permit = |verb: Verb, subject: Subject| {
        needs.iter().find(|need| need.verb == verb && need.subject == subject).map(|need| grants.permit(need))
    };
    // Reading and pairing cannot do without; a requirement that is not listed is none.
    let reading = |verb: Verb| permit(verb, Subject::Rows).transpose();
    Ok(match bound.operation {
        Operation::Query(query) => Authorised::Query(read(query, grants, &permit)?),
        Operation::Count(query) => Authorised::Count(read(query, grants, &permit)?),
        Operation::Retrieve(retrieve) => {
            let rows = grants.permit(&own(&retrieve.table, Verb::Read))?;
            Authorised::Retrieve(Reading { part: retrieve, rows, source: None })
        }
        Operation::Delete(delete) => {
            let rows = grants.permit(&own(&delete.table, Verb::Delete))?;
            Authorised::Delete(Reading { part: delete, rows, source: None })
        }
        Operation::Create(create) => {
            let created = grants.permit(&own(&create.table, Verb::Create))?;
            let bindings = bindings(&needs, grants, |index| create.values.get(index).map(|given| &given.column))?;
            Authorised::Create(Writing {
                create: Some(Ok(created)),
                write: None,
                read: permit(Verb::Read, Subject::Rows),
                assign: permit(Verb::Assign, Subject::Rows),
                append: reading(Verb::Append)?,
                bindings,
                part: create,
            })
        }
        Operation::Update(update) => {
            let (create, write) = (permit(Verb::Create, Subject::Rows), permit(Verb::Write, Subject::Rows));
            // With only one way to go, its refusal is final.
            match (&create, &write) {
                (Some(Err(denied)), None) | (None, Some(Err(denied))) => return Err(denied.clone()),
                _ => {}
            }
            let bindings = bindings(&needs, grants, |index| update.values.get(index).map(|given| &given.column))?;
            Authorised::Update(Writing {
                create,
                write,
                read: permit(Verb::Read, Subject::Rows),
                assign: permit(Verb::Assign, Subject::Rows),
                append: reading(Verb::Append)?,
                bindings,
                part: update,
            })
        }
        Operation::Associate(pair) => Authorised::Associate(link(pair, grants, &permit)?),
        Operation::Disassociate(pair) => Authorised::Disassociate(link(pair, grants, &permit)?),
        Operation::Function(function) => {
            let rows = reading(Verb::Read)?;
            Authorised::Function(Calling { part: function, rows })
        }
        Operation::Action(action) => {
            let rows = reading(Verb::Write)?;
            Authorised::Action(Calling { part: action, rows })
        }
        // The list of entity sets names no row. An operation that this crate does not know yet
        // gets nothing more than that.
        _ => Authorised::ServiceDocument,
    })
}

/// The refusal of a caller without roles where no privilege is asked: the service then names the
/// one for reading users.
fn no_roles(grants: &Grants) -> Denied {
    Denied::NoRoles { caller: Box::new(grants.caller().clone()), privilege: "prvReadUser".to_owned() }
}

fn own(table: &Arc<Table>, verb: Verb) -> Requirement {
    Requirement { table: Arc::clone(table), verb, subject: Subject::Rows }
}

fn read(
    query: Query,
    grants: &Grants,
    permit: &impl Fn(Verb, Subject) -> Option<Permission>,
) -> Result<Reading<Query>, Denied> {
    let source = permit(Verb::Read, Subject::Source).transpose()?;
    let rows = grants.permit(&own(&query.table, Verb::Read))?;
    Ok(Reading { part: query, rows, source })
}

fn link(
    pair: Pairing,
    grants: &Grants,
    permit: &impl Fn(Verb, Subject) -> Option<Permission>,
) -> Result<Linking, Denied> {
    let rows = grants.permit(&own(&pair.table, Verb::Append))?;
    let other = grants.permit(&Requirement { subject: Subject::Other, ..own(&pair.other_table, Verb::Append) })?;
    let mut assign = None;
    for subject in [Subject::Rows, Subject::Other] {
        if let Some(permission) = permit(Verb::Assign, subject) {
            assign = Some((subject, permission?));
        }
    }
    Ok(Linking { part: pair, rows, other, assign })
}

/// The lookups that are set, each with the rows that it may be set to.
fn bindings<'a>(
    needs: &[Requirement],
    grants: &Grants,
    column: impl Fn(usize) -> Option<&'a Arc<Column>>,
) -> Result<Vec<Binding>, Denied> {
    let mut bindings = Vec::new();
    for need in needs {
        if let Subject::Target(assignment) = need.subject
            && let Some(column) = column(assignment)
        {
            bindings.push(Binding { assignment, column: Arc::clone(column), target: grants.permit(need)? });
        }
    }
    Ok(bindings)
}

#[cfg(test)]
mod tests;
