//! What goes along with a change to a row by the relationships that lead to it: the rows that are deleted, given away
//! or shared too, the lookups that are emptied, and the rows that forbid it.
//!
//! Rows are followed breadth-first, many at a time, whatever the tables; nothing is asked of the store row by row. A
//! caller's rights are asked of every row that goes along ("Configure table relationship cascading behavior" of the
//! documentation says that such changes happen as the caller's). Links that are emptied are no change of the rows'
//! own.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use keyholder_dataverse::error;
use keyholder_dataverse::schema::{Behavior, Cascading, Column, Navigation, OnDelete, Ownership, Table};
use keyholder_dataverse::value::Reference;
use keyholder_dataverse::{Value, Verb};
use keyholder_operation::Sharing;
use keyholder_security::{ReachedTable, consequence};
use keyholder_store::statement::{Delete, Expr, Literal, Select, Update, column, parameter};
use keyholder_store::{Kind, Prepared, Transaction};
use uuid::Uuid;

use super::share::{changed, shares_of};
use super::{Session, make};
use crate::catalogue::layout::Target;
use crate::catalogue::{Layout, Record, made};
use crate::contents;
use crate::epoch::SECURITY_TABLES;
use crate::error::Failure;
use crate::rules;
use crate::shares::Shared;

/// A change goes along to at most this many rows; one transaction holds every other writer up.
const MOST_ROWS: usize = 20_000;
/// So many rows are asked about at once.
const BATCH: usize = 500;

/// A relationship by which rows belong to others.
struct Link {
    table: Arc<Table>,
    layout: Arc<Layout>,
    column: Arc<Column>,
    behavior: Behavior,
}

/// A row that belongs to another.
#[derive(Debug, Clone, Copy)]
struct Child {
    id: Uuid,
    owner: Option<Uuid>,
    unit: Option<Uuid>,
    is_active: bool,
}

/// The relationships that lead to rows of a table, from tables that have been used.
fn links(session: &Session<'_>, tx: &mut Transaction<'_>, table: &Table) -> Result<Vec<Link>, Failure> {
    let made = made::list(tx)?;
    let mut links = Vec::new();
    for (_, navigation) in table.navigations() {
        let Navigation::OneToMany(relationship) = navigation else { continue };
        // No row points anywhere from a table that has never been used.
        if !made.contains(&relationship.table) {
            continue;
        }
        let Some(other) = session.catalogue.schema.table(&relationship.table)? else { continue };
        let Some(column) = other.column(&relationship.column).cloned() else { continue };
        // A plain id that names a row takes no part in what becomes of it.
        let target = column.kind.targets().iter().find(|target| target.table == table.logical_name());
        let Some(behavior) = target.map(|target| column.behavior(target)) else { continue };
        links.push(Link { layout: session.catalogue.layout(&other), table: other, column, behavior });
    }
    // Navigation properties have no order of their own; refusals shall not depend on one.
    links.sort_by(|one, other| {
        (one.table.logical_name(), &*one.column.name).cmp(&(other.table.logical_name(), &*other.column.name))
    });
    Ok(links)
}

impl Link {
    /// The condition that a row's lookup names one of the rows of `table` in the list that is the first parameter.
    fn points_at(&self, table: &Table) -> Option<(Expr, Vec<keyholder_store::Value>)> {
        let place = self.layout.place(&self.column)?;
        let (name, _) = place.value.clone()?;
        let condition = column(name).in_list(0);
        Some(match &place.target {
            Target::Stored(target) => {
                (condition.and(column(target.clone()).equals(parameter(1))), vec![table.type_code().into()])
            }
            Target::None | Target::Always(_) => (condition, Vec::new()),
        })
    }

    /// The rows that point at some rows of `table`.
    fn children(&self, tx: &mut Transaction<'_>, table: &Table, ids: &[Uuid]) -> Result<Vec<Child>, Failure> {
        let Some((condition, more)) = self.points_at(table) else { return Ok(Vec::new()) };
        let mut values = vec![keyholder_store::Value::ids(ids.iter().copied())];
        values.extend(more);
        rows_where(tx, &self.layout, condition, &values)
    }
}

/// The rows of a table that fulfil a condition: one more than a change may go along to, at most.
fn rows_where(
    tx: &mut Transaction<'_>,
    layout: &Layout,
    condition: Expr,
    values: &[keyholder_store::Value],
) -> Result<Vec<Child>, Failure> {
    let table = &layout.table;
    let place =
        |of: Option<&Arc<Column>>| of.and_then(|column| layout.place(column)).and_then(|place| place.value.clone());
    let mut select = Select::from(layout.name.clone()).column(layout.id(), Kind::Uuid);
    let mut columns = 1;
    let mut add = |of: Option<&Arc<Column>>| {
        let (name, kind) = place(of)?;
        select = std::mem::replace(&mut select, Select::from("")).column(name, kind);
        columns += 1;
        Some(columns - 1)
    };
    let owner = add(table.owner_column());
    let unit = add(table.business_unit_column());
    let state = add(table.column("statecode"));
    let limit = i64::try_from(MOST_ROWS + 1).unwrap_or(i64::MAX);
    let select = select.filter(condition).limit(Expr::Literal(Literal::Integer(limit)));
    Ok(tx.list(&Prepared::new(select)?, values, |row| {
        let id = |at: Option<usize>| at.map_or(Ok(None), |at| row.get::<Option<Uuid>>(at));
        let state = state.map_or(Ok(None), |at| row.get::<Option<i64>>(at))?;
        Ok(Child { id: row.get(0)?, owner: id(owner)?, unit: id(unit)?, is_active: state.unwrap_or(0) == 0 })
    })?)
}

/// Rows on the way of a change, each once.
#[derive(Default)]
struct Following {
    found: HashMap<i32, HashSet<Uuid>>,
    queue: VecDeque<(Arc<Table>, Vec<Uuid>)>,
    rows: usize,
}

impl Following {
    fn from(table: &Arc<Table>, id: Uuid) -> Self {
        let mut following = Self::default();
        following.found.entry(table.type_code()).or_default().insert(id);
        following.queue.push_back((Arc::clone(table), vec![id]));
        following
    }

    /// Whether a row is met for the first time.
    fn meet(&mut self, table: &Table, id: Uuid) -> Result<bool, Failure> {
        let is_new = self.found.entry(table.type_code()).or_default().insert(id);
        self.rows += usize::from(is_new);
        if self.rows > MOST_ROWS {
            return Err(error::odata(format!(
                "This change goes along to more than {MOST_ROWS} related rows; change those of them first that belong \
                 to others."
            ))
            .into());
        }
        Ok(is_new)
    }

    fn next(&mut self) -> Option<(Arc<Table>, Vec<Uuid>)> {
        let (table, mut ids) = self.queue.pop_front()?;
        if ids.len() > BATCH {
            self.queue.push_front((Arc::clone(&table), ids.split_off(BATCH)));
        }
        Some((table, ids))
    }
}

/// What a caller may do to the rows of some tables in consequence of a change; asked once for each table.
struct Consequences<'a> {
    session: &'a Session<'a>,
    verb: Verb,
    known: HashMap<i32, Option<ReachedTable>>,
}

impl<'a> Consequences<'a> {
    fn new(session: &'a Session<'a>, verb: Verb) -> Self {
        Self { session, verb, known: HashMap::new() }
    }

    /// Refuses a row that the caller may not touch. Rows of tables without such a privilege are part of the row that
    /// they belong to.
    fn check(&mut self, tx: &mut Transaction<'_>, table: &Arc<Table>, child: &Child) -> Result<(), Failure> {
        if table.privilege_name(self.verb).is_none() {
            return Ok(());
        }
        let rows = match self.known.entry(table.type_code()) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(Some(consequence(&self.session.caller.grants, table, self.verb)?))
            }
        };
        match rows {
            Some(rows) if !self.session.is_reached(tx, rows, child.id, (child.owner, child.unit))? => {
                Err(self.session.out_of_reach(rows, child.id))
            }
            _ => Ok(()),
        }
    }

    /// Whether the caller may touch a row.
    fn permit(&mut self, tx: &mut Transaction<'_>, table: &Arc<Table>, child: &Child) -> Result<bool, Failure> {
        let rows = self
            .known
            .entry(table.type_code())
            .or_insert_with(|| consequence(&self.session.caller.grants, table, self.verb).ok());
        match rows {
            Some(rows) => self.session.is_reached(tx, rows, child.id, (child.owner, child.unit)),
            None => Ok(false),
        }
    }
}

/// Rows that are deleted together, which nothing forbids.
pub(super) struct Doomed(Vec<(Arc<Table>, Vec<Uuid>)>);

/// A row and what is deleted along with it. Refused while a row that stays forbids it, or the caller may not delete
/// one of them; nothing is changed yet.
pub(super) fn doomed(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    table: &Arc<Table>,
    id: Uuid,
) -> Result<Doomed, Failure> {
    let mut following = Following::from(table, id);
    let mut may = Consequences::new(session, Verb::Delete);
    let mut doomed: Vec<(Arc<Table>, Vec<Uuid>)> = Vec::new();
    while let Some((table, ids)) = following.next() {
        for link in links(session, tx, &table)? {
            // Users, teams, roles and units have rules of their own about their end.
            let cascades = link.behavior.delete == OnDelete::Cascade;
            if !cascades || SECURITY_TABLES.contains(&link.table.logical_name()) {
                continue;
            }
            let mut more = Vec::new();
            for child in link.children(tx, &table, &ids)? {
                if following.meet(&link.table, child.id)? {
                    may.check(tx, &link.table, &child)?;
                    more.push(child.id);
                }
            }
            if !more.is_empty() {
                following.queue.push_back((Arc::clone(&link.table), more));
            }
        }
        doomed.push((table, ids));
    }
    for (table, ids) in &doomed {
        for link in links(session, tx, table)?.iter().filter(|link| link.behavior.delete == OnDelete::Restrict) {
            let goes = following.found.get(&link.table.type_code());
            let stays = |child: &Child| !goes.is_some_and(|goes| goes.contains(&child.id));
            if link.children(tx, table, ids)?.iter().any(stays) {
                return Err(rules::is_in_use().into());
            }
        }
    }
    Ok(Doomed(doomed))
}

/// Deletes rows and empties the lookups to them. Nothing refuses here: whoever deletes many goes on behind a refusal.
pub(super) fn delete(session: &Session<'_>, tx: &mut Transaction<'_>, Doomed(doomed): &Doomed) -> Result<(), Failure> {
    for (table, ids) in doomed {
        for link in links(session, tx, table)?.iter().filter(|link| link.behavior.delete == OnDelete::RemoveLink) {
            point_elsewhere(session, tx, link, table, ids, None)?;
        }
    }
    for (table, ids) in doomed {
        remove(session, tx, table, ids)?;
    }
    Ok(())
}

/// Removes rows with their pairs and shares.
fn remove(session: &Session<'_>, tx: &mut Transaction<'_>, table: &Arc<Table>, ids: &[Uuid]) -> Result<(), Failure> {
    let made = made::list(tx)?;
    let list = || [keyholder_store::Value::ids(ids.iter().copied())];
    for (_, navigation) in table.navigations() {
        let Navigation::ManyToMany { relationship, side } = navigation else { continue };
        if !made.contains(&relationship.intersect) {
            continue;
        }
        let pairs = session.catalogue.layout_of(&relationship.intersect)?;
        let near = pairs.named(&relationship.ends(*side).0.column).and_then(|place| place.value.clone());
        if let Some((near, _)) = near {
            tx.execute(&Prepared::new(Delete::from(pairs.name.clone()).filter(column(near).in_list(0)))?, &list())?;
        }
    }
    shares_of(session).forget_rows(tx, table, ids)?;
    if table.columns().iter().any(|column| column.contents().is_some()) {
        contents::forget_rows(tx, table.type_code(), ids)?;
    }
    if table.is_activity() {
        rules::remove_activities(session, tx, ids)?;
    }
    let layout = session.catalogue.layout(table);
    let remove = Delete::from(layout.name.clone()).filter(column(layout.id()).in_list(0));
    tx.execute(&Prepared::new(remove)?, &list())?;
    Ok(())
}

/// Lets the lookups to some rows of `table` name another row of it, or none.
fn point_elsewhere(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    link: &Link,
    table: &Table,
    ids: &[Uuid],
    to: Option<Uuid>,
) -> Result<(), Failure> {
    let (Some((condition, more)), Some(place)) = (link.points_at(table), link.layout.place(&link.column)) else {
        return Ok(());
    };
    let Some((name, _)) = place.value.clone() else { return Ok(()) };
    let mut values = vec![keyholder_store::Value::ids(ids.iter().copied())];
    values.extend(more);
    let null = || Expr::Literal(Literal::Null);
    let mut update = Update::of(link.layout.name.clone());
    update = match to {
        Some(to) => {
            values.push(to.into());
            update.set(name, parameter(values.len() - 1))
        }
        None => update.set(name, null()),
    };
    if let (Target::Stored(target), None) = (&place.target, to) {
        update = update.set(target.clone(), null());
    }
    if let Some((name, _)) = link.layout.named("versionnumber").and_then(|place| place.value.clone()) {
        update = update.set(name, parameter(values.len()));
        values.push(session.core.epochs.versions(tx, 1)?.into());
    }
    tx.execute(&Prepared::new(update.filter(condition))?, &values)?;
    Ok(())
}

/// Lets everything that belongs to a merged row belong to the row that stays.
pub(super) fn merge(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    table: &Arc<Table>,
    (subordinate, target): (Uuid, Uuid),
) -> Result<(), Failure> {
    for link in links(session, tx, table)? {
        if link.behavior.merge {
            point_elsewhere(session, tx, &link, table, &[subordinate], Some(target))?;
        }
    }
    Ok(())
}

/// Gives what belongs to a row that has a new owner to that owner too.
pub(super) fn assign(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    before: &Record,
    after: &Record,
) -> Result<(), Failure> {
    let Value::Lookup(owner) = after.get("ownerid").clone() else { return Ok(()) };
    let Some(owners) = session.catalogue.schema.table_of_code(owner.type_code)? else { return Ok(()) };
    let owners = session.catalogue.layout(&owners);
    let mut following = Following::from(&before.layout().table, before.id());
    let mut may = Consequences::new(session, Verb::Assign);
    let mut given: Vec<(Arc<Table>, Vec<Uuid>)> = Vec::new();
    while let Some((table, ids)) = following.next() {
        for link in links(session, tx, &table)? {
            if link.table.ownership() != Ownership::User || link.behavior.assign == Cascading::None {
                continue;
            }
            let mut more = Vec::new();
            for child in link.children(tx, &table, &ids)? {
                let goes = match link.behavior.assign {
                    Cascading::None => false,
                    Cascading::All => true,
                    Cascading::Active => child.is_active,
                    Cascading::UserOwned => child.owner == before.owner(),
                };
                if goes && following.meet(&link.table, child.id)? {
                    if child.owner != Some(owner.id) {
                        may.check(tx, &link.table, &child)?;
                    }
                    more.push(child.id);
                }
            }
            if !more.is_empty() {
                following.queue.push_back((Arc::clone(&link.table), more.clone()));
                given.push((Arc::clone(&link.table), more));
            }
        }
    }
    if given.is_empty() {
        return Ok(());
    }
    if owner.id != session.caller.user
        && let Some(row) = Record::load(tx, session.catalogue, &owners, owner.id)?
    {
        let is_team = owners.table.logical_name() == "team";
        let mut asked = HashSet::new();
        for (table, _) in &given {
            if asked.insert(table.type_code()) {
                make::may_own(session, tx, table, &row, is_team)?;
            }
        }
    }
    for (table, ids) in given {
        give(session, tx, &table, &ids, after)?;
    }
    Ok(())
}

/// Gives rows the owner that `like` has.
pub(super) fn give(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    table: &Arc<Table>,
    ids: &[Uuid],
    like: &Record,
) -> Result<(), Failure> {
    let layout = session.catalogue.layout(table);
    for ids in ids.chunks(BATCH) {
        let mut values = vec![keyholder_store::Value::ids(ids.iter().copied())];
        let mut update = Update::of(layout.name.clone());
        let reference = |name: &str| match like.get(name) {
            Value::Lookup(reference) => Some(*reference),
            _ => None,
        };
        let modified = Some(session.caller_reference());
        for (name, to) in [
            ("ownerid", reference("ownerid")),
            ("owninguser", reference("owninguser")),
            ("owningteam", reference("owningteam")),
            ("owningbusinessunit", reference("owningbusinessunit")),
            ("modifiedby", modified),
        ] {
            let Some(place) = layout.named(name) else { continue };
            let Some((column, _)) = place.value.clone() else { continue };
            update = update.set(column, parameter(values.len()));
            values.push(to.map(|to: Reference| to.id).into());
            if let Target::Stored(target) = &place.target {
                update = update.set(target.clone(), parameter(values.len()));
                values.push(to.map(|to| to.type_code).into());
            }
        }
        let version = session.core.epochs.versions(tx, 1)?;
        for (name, to) in [
            ("modifiedon", keyholder_store::Value::from(session.request.now)),
            ("versionnumber", keyholder_store::Value::from(version)),
        ] {
            if let Some((column, _)) = layout.named(name).and_then(|place| place.value.clone()) {
                update = update.set(column, parameter(values.len()));
                values.push(to);
            }
        }
        tx.execute(&Prepared::new(update.filter(column(layout.id()).in_list(0)))?, &values)?;
    }
    Ok(())
}

/// Shares what belongs to a row along with it. Rows that the caller may not share stay out.
pub(super) fn share(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    record: &Record,
    principal: Reference,
    change: Sharing,
) -> Result<(), Failure> {
    let mut following = Following::from(&record.layout().table, record.id());
    let mut may = Consequences::new(session, Verb::Share);
    let mut needed: Vec<Consequences<'_>> = change
        .rights()
        .verbs()
        .filter(|verb| *verb != Verb::Create)
        .map(|verb| Consequences::new(session, verb))
        .collect();
    while let Some((table, ids)) = following.next() {
        for link in links(session, tx, &table)? {
            let how = if change == Sharing::Revoke { link.behavior.unshare } else { link.behavior.share };
            // Activities are shared with the tables of their kinds.
            let is_shown_twice = link.table.logical_name() == rules::ALL_ACTIVITIES;
            if how == Cascading::None || is_shown_twice || link.table.privilege_name(Verb::Share).is_none() {
                continue;
            }
            let mut more = Vec::new();
            for child in link.children(tx, &table, &ids)? {
                let goes = match how {
                    Cascading::None => false,
                    Cascading::All => true,
                    Cascading::Active => child.is_active,
                    Cascading::UserOwned => child.owner == record.owner(),
                };
                if !goes || !following.meet(&link.table, child.id)? {
                    continue;
                }
                let mut permitted = may.permit(tx, &link.table, &child)?;
                for verb in &mut needed {
                    permitted = permitted && verb.permit(tx, &link.table, &child)?;
                }
                if permitted {
                    more.push(child.id);
                }
            }
            if !more.is_empty() {
                shares_of(session).change(tx, &link.table, &more, principal, |before| Shared {
                    inherited: changed(before.inherited, change),
                    ..before
                })?;
                following.queue.push_back((Arc::clone(&link.table), more));
            }
        }
    }
    Ok(())
}

/// Gives every row of a user to somebody else: each of them must be one that the caller may assign.
pub(super) fn give_all(
    session: &Session<'_>,
    tx: &mut Transaction<'_>,
    user: &Record,
    heir: &Record,
) -> Result<(), Failure> {
    let mut names: Vec<String> = made::list(tx)?.into_iter().collect();
    names.sort();
    let is_team = heir.layout().table.logical_name() == "team";
    let owner = Reference { type_code: heir.layout().table.type_code(), id: heir.id() };
    let mut may = Consequences::new(session, Verb::Assign);
    let mut following = Following::default();
    for name in names {
        let table = session.catalogue.table(&name)?;
        if table.ownership() != Ownership::User {
            continue;
        }
        let layout = session.catalogue.layout(&table);
        let place = table.owner_column().and_then(|column| layout.place(column)?.value.clone());
        let Some((of, _)) = place else { continue };
        let mut ids = Vec::new();
        for row in rows_where(tx, &layout, column(of).equals(parameter(0)), &[user.id().into()])? {
            following.meet(&table, row.id)?;
            may.check(tx, &table, &row)?;
            ids.push(row.id);
        }
        if ids.is_empty() {
            continue;
        }
        make::may_own(session, tx, &table, heir, is_team)?;
        let mut like = Record::empty(&layout);
        make::own(session, tx, &mut like, owner)?;
        give(session, tx, &table, &ids, &like)?;
    }
    Ok(())
}
