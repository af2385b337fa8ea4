//! Bringing the tables that have been made from one schema to the next.
//!
//! Tables that nobody has used need nothing: they are made as the schema of that day says.

use std::collections::{HashMap, HashSet};

use keyholder_dataverse::Schema;
use keyholder_dataverse::schema::{ColumnKind, SchemaDefinition, TableDefinition};
use keyholder_store::statement::{
    self, AddColumn, ColumnDefinition, DropColumn, DropIndex, Expr, Literal, Statement, StoredColumn, Update, column,
    parameter,
};
use keyholder_store::{Kind, Prepared, Transaction};

use super::layout::{Layout, Place, Target, kind_of, physical};
use super::left::{self, Left};
use super::made;
use crate::error::Failure;
use crate::{Error, contents};

/// What an organization itself lets go of what it has of its own: it is dropped, with what stands in it. Whatever else the next schema
/// does not have, because another program ships other tables, stays in the store and is not shown.
#[derive(Debug, Default)]
pub(super) struct LetGo {
    tables: HashSet<String>,
    /// By table, then column.
    columns: HashSet<(String, String)>,
}

impl LetGo {
    /// What there is before and not after.
    pub(super) fn between(before: &SchemaDefinition, after: &SchemaDefinition) -> Self {
        let mut gone = Self::default();
        let now: HashMap<&str, &TableDefinition> =
            after.tables.iter().map(|table| (table.logical_name.as_str(), table)).collect();
        for table in &before.tables {
            let name = &table.logical_name;
            let Some(now) = now.get(name.as_str()) else {
                gone.tables.insert(name.clone());
                continue;
            };
            let columns: HashSet<&str> = now.columns.iter().map(|column| column.name.as_str()).collect();
            let lost = table.columns.iter().filter(|column| !columns.contains(column.name.as_str()));
            gone.columns.extend(lost.map(|column| (name.clone(), column.name.clone())));
        }
        gone
    }
}

/// Changes what has been made from one schema to the next. What stayed in the store when an earlier schema had it no more comes
/// back with what stands in it.
pub(crate) fn migrate(
    tx: &mut Transaction<'_>,
    from: &Schema,
    to: &Schema,
    made: &HashSet<String>,
    let_go: &LetGo,
) -> Result<(), Error> {
    let mut left = Left::read(tx)?;
    for name in made {
        let before = from.table(name)?.map(|table| Layout::new(&table));
        match (before, to.table(name)?) {
            (before, Some(after)) => {
                Step { from, to, after: &Layout::new(&after), let_go, left: &mut left }.take(tx, before.as_ref())?;
            }
            (Some(before), None) if let_go.tables.contains(name) => {
                contents::forget_column(tx, before.table.type_code(), None)?;
                made::drop_table(tx, name)?;
                left.forget(name);
            }
            (Some(before), None) => {
                for index in before.indexes() {
                    drop_index(tx, &index)?;
                }
                before.places.iter().for_each(|place| keep(&mut left, name, place));
            }
            (None, None) => {}
        }
    }
    left.write(tx)
}

/// Notes that a column stays in the store.
fn keep(left: &mut Left, table: &str, place: &Place) {
    if place.value.is_some() {
        left.keep(table, &place.column.name, &place.column.kind);
    }
}

fn drop_index(tx: &mut Transaction<'_>, index: &Statement) -> Result<(), Error> {
    if let Statement::CreateIndex(index) = index {
        tx.execute(&Prepared::new(DropIndex { name: index.name.clone() })?, &[])?;
    }
    Ok(())
}

/// One table's way from a schema to the next.
struct Step<'a> {
    from: &'a Schema,
    to: &'a Schema,
    after: &'a Layout,
    let_go: &'a LetGo,
    left: &'a mut Left,
}

impl Step<'_> {
    /// Takes it. A table that has been made and that the schema of before does not have is one that stayed.
    fn take(&mut self, tx: &mut Transaction<'_>, before: Option<&Layout>) -> Result<(), Error> {
        let was = |place: &Place| before.and_then(|before| before.named(&place.column.name));
        let stored = match self.after.places.iter().all(|place| was(place).is_some()) {
            true => Vec::new(),
            false => left::columns_of(tx, &self.after.name)?,
        };
        if before.is_none() && stored.is_empty() {
            return Ok(made::make(tx, &self.after.table)?);
        }
        let (old, new) = (before.map(Layout::indexes).unwrap_or_default(), self.after.indexes());
        // Deleted, and one of the name ships that holds something else.
        let replaced: Vec<&Place> = self
            .after
            .places
            .iter()
            .filter_map(|now| was(now).filter(|was| !was.lies_as(now) && self.is_let_go(was)))
            .collect();
        let stays = |index: &&Statement| new.contains(index) && !replaced.iter().any(|place| is_over(index, place));
        for index in old.iter().filter(|index| !stays(index)) {
            drop_index(tx, index)?;
        }
        if before.is_none() {
            // Of what an earlier program made under these names nothing is known.
            new.iter().try_for_each(|index| drop_index(tx, index))?;
        }
        for place in &replaced {
            self.drop(tx, place)?;
        }
        for place in &self.after.places {
            match was(place) {
                Some(was) if was.lies_as(place) => self.retarget(tx, &was.column.kind, place)?,
                Some(was) if self.is_let_go(was) => self.add(tx, place)?,
                Some(_) => {
                    let (table, column) = (self.after.table.logical_name(), &place.column.name);
                    let reason = format!("column `{column}` of `{table}` holds something else now");
                    return Err(Error::IncompatibleSchema { reason });
                }
                None => self.come(tx, place, &stored)?,
            }
        }
        let lost = |place: &&Place| self.after.named(&place.column.name).is_none();
        for place in before.into_iter().flat_map(|before| &before.places).filter(lost) {
            if self.is_let_go(place) {
                self.drop(tx, place)?;
            } else {
                keep(self.left, self.after.table.logical_name(), place);
            }
        }
        for index in new.iter().filter(|index| !(old.contains(index) && stays(index))) {
            tx.execute(&Prepared::new(index.clone())?, &[])?;
        }
        Ok(())
    }

    /// Whether the organization itself lets a column go.
    fn is_let_go(&self, place: &Place) -> bool {
        let column = (self.after.table.logical_name().to_owned(), place.column.name.to_string());
        self.let_go.columns.contains(&column)
    }

    fn add(&self, tx: &mut Transaction<'_>, place: &Place) -> Result<(), Error> {
        for statement in self.after.added_columns(place) {
            tx.execute(&Prepared::new(statement)?, &[])?;
        }
        Ok(())
    }

    fn drop(&self, tx: &mut Transaction<'_>, place: &Place) -> Result<(), Error> {
        if place.column.contents().is_some() {
            contents::forget_column(tx, self.after.table.type_code(), Some(&place.column.name))?;
        }
        for (column, _) in place.physical() {
            tx.execute(&Prepared::new(DropColumn { table: self.after.name.clone(), column })?, &[])?;
        }
        Ok(())
    }

    /// Adds a column that the schema of before does not have, or shows the one again that stayed in the store.
    fn come(&mut self, tx: &mut Transaction<'_>, place: &Place, stored: &[StoredColumn]) -> Result<(), Error> {
        let (table, column) = (self.after.table.logical_name(), &place.column.name);
        let was = self.left.take(table, column);
        let Some((value, kind)) = &place.value else { return Ok(()) };
        let Some(known) = find(stored, value) else { return self.add(tx, place) };
        let refused = |held: &str| Error::ColumnStayed {
            table: table.to_owned(),
            column: column.to_string(),
            held: held.to_owned(),
            wanted: place.column.kind.described().to_owned(),
        };
        let has_twin = place.folded.as_ref().is_none_or(|folded| find(stored, folded).is_some());
        if !known.can_hold(*kind) || !has_twin {
            return Err(refused(was.as_ref().map_or(known.store_type.as_str(), |was| was.described())));
        }
        let beside = physical("t_", column);
        let tells_table = find(stored, &beside).is_some();
        if let Some(was) = was {
            let told_table = matches!(Target::of(column, &was), Target::Stored(_));
            if kind_of(&was) != Some(*kind) || told_table != tells_table {
                return Err(refused(was.described()));
            }
            return self.retarget(tx, &was, place);
        }
        // Nobody wrote down what it held: the store's types agree, and which table an id is of must be told where it is asked.
        match (&place.target, tells_table) {
            (Target::Stored(_), true) | (Target::None | Target::Always(_), false) => Ok(()),
            (Target::Stored(_), false) => Err(refused("a lookup to one table, which nobody wrote down")),
            (Target::Always(_) | Target::None, true) => {
                if let Target::Always(to) = &place.target {
                    let forget = Update::of(self.after.name.clone())
                        .set(value.clone(), Expr::Literal(Literal::Null))
                        .filter(statement::column(beside.clone()).differs_from(parameter(0)));
                    tx.execute(&Prepared::new(forget)?, &[self.code(to).into()])?;
                }
                let drop_it = DropColumn { table: self.after.name.clone(), column: beside };
                tx.execute(&Prepared::new(drop_it)?, &[])?;
                Ok(())
            }
        }
    }

    /// The type code of a table of either schema; 0 for what is none.
    fn code(&self, name: &str) -> i64 {
        let mut all = self.from.names().chain(self.to.names());
        all.find(|known| &*known.logical_name == name).map_or(0, |known| i64::from(known.type_code))
    }

    /// Follows a lookup that has come to lead to more tables, or to fewer.
    fn retarget(&self, tx: &mut Transaction<'_>, was: &ColumnKind, now: &Place) -> Result<(), Error> {
        let Some((value, _)) = &now.value else { return Ok(()) };
        let table = &self.after.name;
        let null = || Expr::Literal(Literal::Null);
        match (Target::of(&now.column.name, was), &now.target) {
            // Whose rows the ids are of was clear from the schema, and has to stand beside them from now on.
            (before @ (Target::None | Target::Always(_)), Target::Stored(target)) => {
                let column_definition = ColumnDefinition::optional(target.clone(), Kind::Integer);
                let add = AddColumn { table: table.clone(), column: column_definition };
                tx.execute(&Prepared::new(add)?, &[])?;
                if let Target::Always(one) = before {
                    let fill = Update::of(table.clone())
                        .set(target.clone(), parameter(0))
                        .filter(column(value.clone()).is_not_null());
                    tx.execute(&Prepared::new(fill)?, &[self.code(&one).into()])?;
                }
            }
            (Target::Stored(target), left) => {
                // Ids of rows of tables that the lookup leads to no more name nothing.
                for lost in was.targets() {
                    if now.column.targets().iter().any(|kept| kept.table == lost.table) {
                        continue;
                    }
                    let forget = Update::of(table.clone())
                        .set(value.clone(), null())
                        .set(target.clone(), null())
                        .filter(column(target.clone()).equals(parameter(0)));
                    tx.execute(&Prepared::new(forget)?, &[self.code(&lost.table).into()])?;
                }
                if !matches!(left, Target::Stored(_)) {
                    let drop_it = DropColumn { table: table.clone(), column: target };
                    tx.execute(&Prepared::new(drop_it)?, &[])?;
                }
            }
            (Target::Always(one), Target::Always(other)) if one != *other => {
                let forget = Update::of(table.clone()).set(value.clone(), null());
                tx.execute(&Prepared::new(forget)?, &[])?;
            }
            _ => {}
        }
        Ok(())
    }
}

fn find<'s>(stored: &'s [StoredColumn], name: &str) -> Option<&'s StoredColumn> {
    stored.iter().find(|known| known.name == name)
}

/// Whether an index is over a column.
fn is_over(index: &Statement, place: &Place) -> bool {
    let Statement::CreateIndex(index) = index else { return false };
    place.physical().any(|(name, _)| index.columns.contains(&name))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Store(error) => Self::Store(error),
            Error::Schema(error) => Self::Schema(error),
            Error::Refused(refusal) => Self::Answer(refusal),
            other => Self::Answer(keyholder_dataverse::error::odata(other.to_string())),
        }
    }
}
