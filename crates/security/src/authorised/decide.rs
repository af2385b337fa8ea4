//! The decision itself: what an operation needs, looked up among what its caller holds.

use std::sync::Arc;

use keyholder_dataverse::error::MissingPrivilege;
use keyholder_dataverse::schema::{Column, Guard, Table};
use keyholder_dataverse::{Depth, Verb};
use keyholder_operation::query::expanded_tables;
use keyholder_operation::{
    Action, Assigned, Bound, Create, Operation, Paired, PairedRow, Pairing, Preferences, Query, RelatedRow, Update,
};
use uuid::Uuid;

use super::{Authorised, Binding, Calling, Deleting, Linking, Merging, Pairs, Permission, Reading, Relating, Writing};
use crate::definitions;
use crate::denied::Denied;
use crate::grants::Grants;
use crate::privilege::privilege_id;
use crate::reach::{Reach, ReachedTable};
use crate::required::{Requirement, Subject, of_create, of_pair, of_update, required};

/// Lets its holder have rows deleted by jobs.
const BULK_DELETE: &str = "prvBulkDelete";

impl Grants {
    /// Refuses a caller who lacks a privilege that is about no table.
    fn hold(&self, name: &str) -> Result<(), Denied> {
        let id = privilege_id(name);
        if self.depth(id).is_some() {
            return Ok(());
        }
        let caller = Box::new(self.caller().clone());
        if !self.has_roles() {
            return Err(Denied::NoRoles { caller, privilege: name.to_owned() });
        }
        let about_none = MissingPrivilege {
            name: name.to_owned(),
            id,
            table: "none".to_owned(),
            type_code: 0,
            display_name: String::new(),
        };
        Err(Denied::Privilege { caller, missing: Box::new(about_none) })
    }

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
    if let Operation::Multiple(multiple) = bound.operation {
        // None of the rows is shown, whatever is preferred.
        let preferences = Preferences { representation: false, ..bound.preferences };
        let (version, acting_for) = (bound.version, bound.acting_for);
        let one =
            |operation| authorise(grants, Bound { operation, preferences: preferences.clone(), version, acting_for });
        let rows = multiple.rows.into_iter().map(one).collect::<Result<_, _>>()?;
        return Ok(Authorised::Multiple(multiple.kind, rows));
    }
    // Functions that need no privilege, like `WhoAmI`, still need a role: a reading.
    let about_nothing = matches!(bound.operation, Operation::Function(_) | Operation::Action(_));
    if about_nothing && !grants.has_roles() && required(&bound).is_empty() {
        return Err(no_roles(grants));
    }
    if let Operation::Metadata(query) = bound.operation {
        definitions::check(grants, query.kinds())?;
        return Ok(Authorised::Metadata(query));
    }
    if let Operation::MetadataChanges(query) = bound.operation {
        definitions::check(grants, query.kinds())?;
        return Ok(Authorised::MetadataChanges(query));
    }
    if let Operation::MetadataChange(change) = bound.operation {
        definitions::check_change(grants, &change)?;
        return Ok(Authorised::MetadataChange(change));
    }
    let needs = required(&bound);
    let permit = |verb: Verb, subject: Subject| permission(&needs, grants, verb, subject);
    Ok(match bound.operation {
        Operation::Query(query) => Authorised::Query(read(query, grants, &permit)?),
        Operation::Count(query) => Authorised::Count(read(query, grants, &permit)?),
        Operation::Saved(saved) => {
            // What the address names is decided about first, as if the query asked nothing more.
            permit(Verb::Read, Subject::Source).transpose()?;
            grants.permit(&own(&saved.table, Verb::Read))?;
            let rows = grants.permit(&own(&saved.holder, Verb::Read))?;
            Authorised::Saved(Reading { part: saved, rows, source: None, further: Vec::new() })
        }
        Operation::Retrieve(retrieve) => {
            let rows = grants.permit(&own(&retrieve.table, Verb::Read))?;
            let further = further(grants, expanded_tables(&retrieve.expand))?;
            Authorised::Retrieve(Reading { part: retrieve, rows, source: None, further })
        }
        Operation::Follow(follow) => {
            let source =
                Some(grants.permit(&Requirement { subject: Subject::Source, ..own(&follow.source, Verb::Read) })?);
            let rows = grants.permit(&own(&follow.table, Verb::Read))?;
            let further = further(grants, expanded_tables(&follow.expand))?;
            Authorised::Follow(Reading { part: follow, rows, source, further })
        }
        Operation::Delete(delete) => {
            let rows = grants.permit(&own(&delete.table, Verb::Delete))?;
            Authorised::Delete(Reading { part: delete, rows, source: None, further: Vec::new() })
        }
        Operation::Download(download) => {
            let rows = grants.permit(&own(&download.of.table, Verb::Read))?;
            Authorised::Download(Reading { part: download, rows, source: None, further: Vec::new() })
        }
        Operation::Upload(upload) => {
            let rows = grants.permit(&own(&upload.of.table, Verb::Write))?;
            Authorised::Upload(Reading { part: upload, rows, source: None, further: Vec::new() })
        }
        Operation::Create(create) => {
            let read = permit(Verb::Read, Subject::Rows);
            let shown = if bound.preferences.representation { expanded_tables(&create.expand) } else { Vec::new() };
            let further = further(grants, shown)?;
            Authorised::Create(Writing { read, further, ..making(grants, create)? })
        }
        Operation::Update(update) => {
            let read = permit(Verb::Read, Subject::Rows);
            Authorised::Update(Writing { read, ..changing(grants, update)? })
        }
        Operation::Associate(pair) => Authorised::Associate(link(pair, grants, &permit)?),
        Operation::Disassociate(pair) => Authorised::Disassociate(link(pair, grants, &permit)?),
        Operation::Function(function) => {
            Authorised::Function(Calling { part: function, reached: reached(&needs, grants)? })
        }
        Operation::Action(Action::BulkDelete(job)) => {
            grants.hold(BULK_DELETE)?;
            let mut queries = Vec::with_capacity(job.queries.len());
            for query in &job.queries {
                let delete = grants.permit(&own(&query.table, Verb::Delete))?;
                let rows = grants.permit(&own(&query.table, Verb::Read))?;
                let further = further(grants, query.further_tables())?;
                let reading = Reading { part: query.clone(), rows, source: None, further };
                queries.push(Deleting { reading, delete });
            }
            Authorised::BulkDelete(*job, queries)
        }
        Operation::Action(Action::Close(close)) => {
            let activity = making(grants, close.activity)?;
            Authorised::Close(Box::new(activity), Box::new(changing(grants, close.target)?))
        }
        Operation::Action(Action::AddToQueue(adding)) => {
            let item = making(grants, adding.item.clone())?;
            Authorised::AddToQueue(*adding, Box::new(item))
        }
        Operation::Action(Action::Merge(merge)) => {
            let target = changing(grants, merge.target.clone())?;
            Authorised::Merge(Box::new(Merging { part: *merge, target }))
        }
        Operation::Action(action) => Authorised::Action(Calling { part: action, reached: reached(&needs, grants)? }),
        Operation::MetadataDocument => Authorised::MetadataDocument,
        // The list of entity sets names no row. An operation that this crate does not know yet
        // gets nothing more than that.
        _ => Authorised::ServiceDocument,
    })
}

/// A new row with everything in its body. Whether it may be shown afterwards is not asked here.
fn making(grants: &Grants, create: Create) -> Result<Writing<Create>, Denied> {
    let needs = of_create(&create);
    let created = grants.permit(&own(&create.table, Verb::Create))?;
    let bindings = bindings(&needs, grants, |index| create.values.get(index).map(|given| &given.column))?;
    let mut nested = Vec::new();
    for (index, given) in create.values.iter().enumerate() {
        if let Assigned::New(row) = &given.value {
            nested.push((index, making(grants, (**row).clone())?));
        }
    }
    let related = create.related.iter().map(|related| match &related.row {
        RelatedRow::New(row) => Ok(Relating::New(making(grants, row.clone())?)),
        RelatedRow::Existing(update) => Ok(Relating::Existing(changing(grants, update.clone())?)),
        RelatedRow::Paired(pair) => Ok(Relating::Paired(Box::new(pairing(grants, &create.table, pair)?))),
        // What this crate does not know yet is refused as nobody's privilege.
        _ => Err(no_roles(grants)),
    });
    Ok(Writing {
        create: Some(Ok(created)),
        write: None,
        read: None,
        assign: permission(&needs, grants, Verb::Assign, Subject::Rows),
        append: permission(&needs, grants, Verb::Append, Subject::Rows).transpose()?,
        bindings,
        nested,
        related: related.collect::<Result<_, _>>()?,
        further: Vec::new(),
        part: create,
    })
}

/// A change to a row. Whether it may be shown afterwards is not asked here.
fn changing(grants: &Grants, update: Update) -> Result<Writing<Update>, Denied> {
    let needs = of_update(&update);
    let permit = |verb| permission(&needs, grants, verb, Subject::Rows);
    let (create, write) = (permit(Verb::Create), permit(Verb::Write));
    // With only one way to go, its refusal is final.
    match (&create, &write) {
        (Some(Err(denied)), None) | (None, Some(Err(denied))) => return Err(denied.clone()),
        _ => {}
    }
    let bindings = bindings(&needs, grants, |index| update.values.get(index).map(|given| &given.column))?;
    Ok(Writing {
        create,
        write,
        read: None,
        assign: permit(Verb::Assign),
        append: permit(Verb::Append).transpose()?,
        bindings,
        nested: Vec::new(),
        related: Vec::new(),
        further: Vec::new(),
        part: update,
    })
}

/// A pair that a new row of `table` makes.
fn pairing(grants: &Grants, table: &Arc<Table>, pair: &Paired) -> Result<Pairs, Denied> {
    let needs = of_pair(table, pair);
    let mut assign = None;
    for need in needs.iter().filter(|need| need.verb == Verb::Assign) {
        assign = Some(grants.permit(need)?);
    }
    let new = match &pair.other {
        PairedRow::New(row) => Some(making(grants, (**row).clone())?),
        PairedRow::Existing(_) => None,
    };
    let rows = grants.permit(&own(table, Verb::Append))?;
    let other = grants.permit(&own(&pair.other_table, Verb::Append))?;
    Ok(Pairs { part: pair.clone(), rows, other, assign, new })
}

/// Everything that a function or action needs; the first that is missing refuses it.
fn reached(needs: &[Requirement], grants: &Grants) -> Result<Vec<(Subject, ReachedTable)>, Denied> {
    needs.iter().map(|need| Ok((need.subject, grants.permit(need)?))).collect()
}

/// Which rows of a table the caller may touch in consequence of an operation: the rows that are deleted, given away
/// or shared along with the one that the operation is about. Which these are is known only when it is done, so they
/// are not among what [`required`] lists.
///
/// # Errors
/// [`Denied`] when the caller holds no privilege for it.
pub fn consequence(grants: &Grants, table: &Arc<Table>, verb: Verb) -> Permission {
    grants.permit(&own(table, verb))
}

/// What one of the needs permits; none where it is not needed.
fn permission(needs: &[Requirement], grants: &Grants, verb: Verb, subject: Subject) -> Option<Permission> {
    needs.iter().find(|need| need.verb == verb && need.subject == subject).map(|need| grants.permit(need))
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
    let further = further(grants, query.further_tables())?;
    Ok(Reading { part: query, rows, source, further })
}

fn further(grants: &Grants, tables: Vec<&Arc<Table>>) -> Result<Vec<ReachedTable>, Denied> {
    tables.into_iter().map(|table| grants.permit(&own(table, Verb::Read))).collect()
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
