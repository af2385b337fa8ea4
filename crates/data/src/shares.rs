//! Shares: what users and teams may do to single rows beside what their roles let them reach.
//!
//! They lie in the store twice, changed together: as rows of `principalobjectaccess`, which people read, and as one
//! row for each right in `keyholder_share`, by which reaches are looked up. The statements here know no reach: who may
//! share and who is asked about has been decided before.

use std::collections::HashMap;

use keyholder_dataverse::schema::{SchemaError, Table};
use keyholder_dataverse::value::Reference;
use keyholder_dataverse::{AccessRights, Value, Verb};
use keyholder_foundation::Timestamp;
use keyholder_security::privilege_id;
use keyholder_store::statement::{Delete, Insert, Select, Update, all, column, literal, parameter};
use keyholder_store::{Kind, Prepared, Snapshot, Transaction};
use uuid::Uuid;

use crate::catalogue::{Catalogue, Record, Shape, made};
use crate::error::Failure;
use crate::organization::Core;
use crate::platform::{table, value};
use crate::rules::ALL_ACTIVITIES;

/// One row for each right.
const RIGHTS: &str = "keyholder_share";
/// What people read.
const SHOWN: &str = "principalobjectaccess";

/// What somebody may do to a row by shares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Shared {
    /// By shares of the row itself.
    pub(crate) direct: AccessRights,
    /// By shares of a row that this one belongs to.
    pub(crate) inherited: AccessRights,
}

impl Shared {
    /// All of it.
    pub(crate) fn rights(self) -> AccessRights {
        self.direct.union(self.inherited)
    }
}

/// The ids of the rows of a table that are shared, for `verb`, with one of the principals in the list at `slot`. It
/// names no column of the statement around it.
pub(crate) fn objects(type_code: i32, verb: Verb, slot: usize) -> Select {
    Select::from(RIGHTS)
        .column("object", Kind::Uuid)
        .filter(column("principal").in_list(slot))
        .filter(column("object_table").equals(literal(i64::from(type_code))))
        .filter(column("access_right").equals(literal(i64::from(verb.access_right()))))
}

/// Whether a row is shared, for `verb`, with one of these principals.
pub(crate) fn is_shared(
    snapshot: &mut Snapshot<'_>,
    catalogue: &Catalogue,
    (type_code, id): (i32, Uuid),
    verb: Verb,
    principals: &[Uuid],
) -> Result<bool, Failure> {
    let find = catalogue.shape(Shape::Named("whether a row is shared"), || {
        let asked = [
            column("principal").in_list(0),
            column("object_table").equals(parameter(1)),
            column("access_right").equals(parameter(2)),
            column("object").equals(parameter(3)),
        ];
        Ok(Prepared::new(Select::from(RIGHTS).column("object", Kind::Uuid).filter(all(asked)))?)
    })?;
    let principals = keyholder_store::Value::ids(principals.iter().copied());
    let values = [principals, type_code.into(), verb.access_right().into(), id.into()];
    Ok(snapshot.exists(&find, &values)?)
}

/// The privileges for whose table and verb there are shares with one of these principals.
pub(crate) fn privileges(
    snapshot: &mut Snapshot<'_>,
    catalogue: &Catalogue,
    principals: &[Uuid],
) -> Result<Vec<Uuid>, Failure> {
    let find = catalogue.shape(Shape::Named("what is shared at all"), || {
        let select = Select::from(RIGHTS).column("object_table", Kind::Integer).column("access_right", Kind::Integer);
        Ok(Prepared::new(select.filter(column("principal").in_list(0)).distinct())?)
    })?;
    let principals = keyholder_store::Value::ids(principals.iter().copied());
    let found: Vec<(i32, i64)> = snapshot.list(&find, &[principals], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut privileges = Vec::new();
    for (type_code, right) in found {
        // Shares of a table that the schema has no more reach nothing.
        let Some(table) = catalogue.schema.table_of_code(type_code)? else { continue };
        let verbs = AccessRights::from_mask(right).verbs();
        privileges.extend(verbs.filter_map(|verb| table.privilege_name(verb)).map(|name| privilege_id(&name)));
    }
    Ok(privileges)
}

/// With whom a row is shared, and for what; in the order of the principals' ids.
pub(crate) fn of_row(
    snapshot: &mut Snapshot<'_>,
    table_name: &str,
    id: Uuid,
) -> Result<Vec<(Uuid, String, Shared)>, Failure> {
    let find = Select::from(table(SHOWN))
        .column(value("principalid"), Kind::Uuid)
        .column(value("principaltypecode"), Kind::Text)
        .column(value("accessrightsmask"), Kind::Integer)
        .column(value("inheritedaccessrightsmask"), Kind::Integer)
        .filter(column(value("objectid")).equals(parameter(0)))
        .filter(column(value("objecttypecode")).equals(parameter(1)))
        .order_by(column(value("principalid")).ascending());
    let read = |row: &keyholder_store::Row<'_>| {
        let direct = AccessRights::from_mask(row.get(2)?);
        let inherited = AccessRights::from_mask(row.get::<Option<i64>>(3)?.unwrap_or(0));
        Ok((row.get(0)?, row.get(1)?, Shared { direct, inherited }))
    };
    Ok(snapshot.list(&Prepared::new(find)?, &[id.into(), table_name.into()], read)?)
}

/// Changing shares, at one moment.
pub(crate) struct Shares<'a> {
    pub(crate) core: &'a Core,
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) now: Timestamp,
}

impl Shares<'_> {
    /// Changes what a principal may do to some rows of one table by shares.
    pub(crate) fn change(
        &self,
        tx: &mut Transaction<'_>,
        of: &Table,
        ids: &[Uuid],
        principal: Reference,
        change: impl Fn(Shared) -> Shared,
    ) -> Result<(), Failure> {
        let held = self.held(tx, of, ids, principal.id)?;
        let principal_table = self.catalogue.schema.table_of_code(principal.type_code)?;
        let principal_table = principal_table.ok_or_else(|| SchemaError::Table {
            table: "systemuser".to_owned(),
            reason: "the platform needs it and it is missing".to_owned(),
        })?;
        let codes = self.codes(of)?;
        let mut after_all = AccessRights::NONE;
        let (mut gone, mut fresh) = (Vec::new(), Vec::new());
        for id in ids {
            let (row, before) = held.get(id).map_or((None, Shared::default()), |(row, shared)| (Some(*row), *shared));
            let after = change(before);
            if after == before {
                continue;
            }
            self.show(tx, (of, *id), (principal_table.logical_name(), principal.id), row, after)?;
            let values = |verb: Verb| {
                let right = verb.access_right();
                codes.iter().map(move |code| [principal.id.into(), (*code).into(), right.into(), (*id).into()])
            };
            let (had, has) = (before.rights(), after.rights());
            gone.extend(had.verbs().filter(|verb| !has.contains(*verb)).flat_map(values));
            fresh.extend(has.verbs().filter(|verb| !had.contains(*verb)).flat_map(values));
            after_all = after_all.union(has);
        }
        // What callers may is remembered with whether there are shares of a table at all.
        for (verb, code) in after_all.verbs().flat_map(|verb| codes.iter().map(move |code| (verb, *code))) {
            if !self.any(tx, principal.id, code, verb)? {
                self.core.epochs.bump_security(tx)?;
                break;
            }
        }
        let columns = ["principal", "object_table", "access_right", "object"];
        let same = columns.into_iter().enumerate().map(|(slot, name)| column(name).equals(parameter(slot)));
        let remove = Prepared::new(Delete::from(RIGHTS).filter(all(same)))?;
        let insert = Prepared::new(Insert::into(RIGHTS).columns(columns).or_nothing())?;
        tx.execute_each(&remove, gone)?;
        tx.execute_each(&insert, fresh)?;
        Ok(())
    }

    /// Forgets the shares of rows that are deleted.
    pub(crate) fn forget_rows(&self, tx: &mut Transaction<'_>, of: &Table, ids: &[Uuid]) -> Result<(), Failure> {
        if !made::list(tx)?.contains(SHOWN) {
            return Ok(());
        }
        let list = || keyholder_store::Value::ids(ids.iter().copied());
        for code in self.codes(of)? {
            let rights = Delete::from(RIGHTS)
                .filter(column("object_table").equals(parameter(0)))
                .filter(column("object").in_list(1));
            tx.execute(&Prepared::new(rights)?, &[code.into(), list()])?;
        }
        let shown = Delete::from(table(SHOWN))
            .filter(column(value("objectid")).in_list(0))
            .filter(column(value("objecttypecode")).equals(parameter(1)));
        tx.execute(&Prepared::new(shown)?, &[list(), of.logical_name().into()])?;
        if of.is_principal() {
            tx.execute(&Prepared::new(Delete::from(RIGHTS).filter(column("principal").in_list(0)))?, &[list()])?;
            let shown = Delete::from(table(SHOWN)).filter(column(value("principalid")).in_list(0));
            tx.execute(&Prepared::new(shown)?, &[list()])?;
        }
        Ok(())
    }

    /// The tables in which rows of a table are reached: an activity in that of its kind and among all activities, under
    /// the same id.
    fn codes(&self, of: &Table) -> Result<Vec<i32>, Failure> {
        let mut codes = vec![of.type_code()];
        if of.is_activity() {
            codes.extend(self.catalogue.schema.table(ALL_ACTIVITIES)?.map(|all| all.type_code()));
        }
        Ok(codes)
    }

    fn any(&self, tx: &mut Transaction<'_>, principal: Uuid, type_code: i32, verb: Verb) -> Result<bool, Failure> {
        let find = self.catalogue.shape(Shape::Named("whether anything is shared"), || {
            let asked = [
                column("principal").equals(parameter(0)),
                column("object_table").equals(parameter(1)),
                column("access_right").equals(parameter(2)),
            ];
            Ok(Prepared::new(Select::from(RIGHTS).column("object", Kind::Uuid).filter(all(asked)).limit(literal(1)))?)
        })?;
        Ok(tx.exists(&find, &[principal.into(), type_code.into(), verb.access_right().into()])?)
    }

    /// What a principal has of some rows: the id of the shown row, and the rights.
    fn held(
        &self,
        tx: &mut Transaction<'_>,
        of: &Table,
        ids: &[Uuid],
        principal: Uuid,
    ) -> Result<HashMap<Uuid, (Uuid, Shared)>, Failure> {
        let find = Select::from(table(SHOWN))
            .column(value("objectid"), Kind::Uuid)
            .column(value("principalobjectaccessid"), Kind::Uuid)
            .column(value("accessrightsmask"), Kind::Integer)
            .column(value("inheritedaccessrightsmask"), Kind::Integer)
            .filter(column(value("objectid")).in_list(0))
            .filter(column(value("objecttypecode")).equals(parameter(1)))
            .filter(column(value("principalid")).equals(parameter(2)));
        let values = [keyholder_store::Value::ids(ids.iter().copied()), of.logical_name().into(), principal.into()];
        let read = |row: &keyholder_store::Row<'_>| {
            let direct = AccessRights::from_mask(row.get(2)?);
            let inherited = AccessRights::from_mask(row.get::<Option<i64>>(3)?.unwrap_or(0));
            Ok((row.get(0)?, (row.get(1)?, Shared { direct, inherited })))
        };
        Ok(tx.list(&Prepared::new(find)?, &values, read)?.into_iter().collect())
    }

    /// Brings the row that people read up to date: made, changed, or gone when nothing is left.
    fn show(
        &self,
        tx: &mut Transaction<'_>,
        (of, object): (&Table, Uuid),
        (principal_type, principal): (&str, Uuid),
        row: Option<Uuid>,
        shared: Shared,
    ) -> Result<(), Failure> {
        let id = column(value("principalobjectaccessid"));
        match row {
            Some(row) if shared.rights().is_empty() => {
                let remove = Delete::from(table(SHOWN)).filter(id.equals(parameter(0)));
                tx.execute(&Prepared::new(remove)?, &[row.into()])?;
            }
            Some(row) => {
                let change = Update::of(table(SHOWN))
                    .set(value("accessrightsmask"), parameter(0))
                    .set(value("inheritedaccessrightsmask"), parameter(1))
                    .set(value("changedon"), parameter(2))
                    .set(value("versionnumber"), parameter(3))
                    .filter(id.equals(parameter(4)));
                let version = self.core.epochs.versions(tx, 1)?;
                let values = [
                    shared.direct.mask().into(),
                    shared.inherited.mask().into(),
                    self.now.into(),
                    version.into(),
                    row.into(),
                ];
                tx.execute(&Prepared::new(change)?, &values)?;
            }
            None => {
                let mut shown = Record::empty(&self.catalogue.layout_of(SHOWN)?);
                shown.set_id(self.core.row_ids.next(self.now, &*self.core.random));
                shown.set_guid("principalid", principal);
                shown.set_text("principaltypecode", principal_type);
                shown.set_guid("objectid", object);
                shown.set_text("objecttypecode", of.logical_name());
                shown.set("accessrightsmask", Value::Integer(shared.direct.mask().into()));
                shown.set("inheritedaccessrightsmask", Value::Integer(shared.inherited.mask().into()));
                shown.set_time("changedon", self.now);
                shown.set("versionnumber", Value::Integer(self.core.epochs.versions(tx, 1)?));
                shown.insert(tx)?;
            }
        }
        Ok(())
    }
}
