//! Rows inside the body of a new row ("deep insert"): an object for a single-valued navigation property is a row
//! that is made first, an array for a collection holds rows that are made after, and `@odata.bind` with an array
//! names rows that are there.
//!
//! After "Create related table rows in one operation" of the Web API's documentation. The service names no limits;
//! the ones here keep one request from holding the store up.

use std::cell::Cell;
use std::sync::Arc;

use keyholder_dataverse::Verb;
use keyholder_dataverse::error::{self, DataverseError};
use keyholder_dataverse::schema::{LookupTarget, Navigation, OneToMany, Table};
use serde_json::value::RawValue;

use super::body::{self, Given, NamedValues, Purpose};
use super::{Binder, rows};
use crate::query::Selection;
use crate::syntax::quoted;
use crate::write::{Assigned, Assignment, Create, Paired, PairedRow, Related, RelatedRow, Update};

/// Rows lie in each other at most this deep.
const MOST_LEVELS: usize = 10;
/// One body makes and binds at most this many rows beside its own.
const MOST_ROWS: usize = 1_000;

/// Where in a body the rows of an object stand.
pub(super) struct Nest<'a> {
    /// `contact_customer_accounts[0]`; empty for the body itself.
    place: String,
    level: usize,
    /// How many rows there have been so far in the whole body.
    rows: &'a Cell<usize>,
}

/// Reads a whole body as a new row with everything in it; `within` is its lookup to the row in whose collection the
/// address makes it.
pub(super) fn root(
    binder: Binder<'_>,
    table: &Arc<Table>,
    members: NamedValues<'_>,
    within: Option<Assignment>,
    select: Selection,
) -> Result<Create, DataverseError> {
    let rows = Cell::new(0);
    let nest = Nest { place: String::new(), level: 0, rows: &rows };
    nest.create(binder, table, members, within, select)
}

impl<'a> Nest<'a> {
    fn create(
        &self,
        binder: Binder<'_>,
        table: &Arc<Table>,
        members: NamedValues<'_>,
        parent: Option<Assignment>,
        select: Selection,
    ) -> Result<Create, DataverseError> {
        let mut given = Given { values: parent.into_iter().collect(), ignored: Vec::new(), related: Vec::new() };
        body::add_members(binder, members, table, Purpose::Create, Some(self), &mut given)?;
        Ok(Create {
            table: Arc::clone(table),
            place: self.place.clone(),
            values: given.values,
            ignored: given.ignored,
            related: given.related,
            select,
            expand: Vec::new(),
        })
    }

    /// The place of one more row below this one.
    fn below(&self, name: &str, index: Option<usize>) -> Result<Nest<'a>, DataverseError> {
        let slash = if self.place.is_empty() { "" } else { "/" };
        let index = index.map_or(String::new(), |index| format!("[{index}]"));
        let place = format!("{}{slash}{}{index}", self.place, quoted(name));
        self.rows.set(self.rows.get() + 1);
        if self.rows.get() > MOST_ROWS {
            return Err(error::odata(format!(
                "The body holds more than {MOST_ROWS} related rows, the one too many at '{place}'; send them in several \
                 requests."
            )));
        }
        if self.level == MOST_LEVELS {
            return Err(error::odata(format!(
                "Rows lie in each other more than {MOST_LEVELS} deep at '{place}'; send them in several requests."
            )));
        }
        Ok(Nest { place, level: self.level + 1, rows: self.rows })
    }

    /// The row in an object for a single-valued navigation property.
    pub(super) fn single(
        &self,
        binder: Binder<'_>,
        table: &Table,
        (name, targets): (&str, &[LookupTarget]),
        json: &RawValue,
    ) -> Result<Assigned, DataverseError> {
        let nest = self.below(name, None)?;
        let members = nest.members(table, json)?;
        let target = match targets {
            [only] => Some(only),
            // One property for several tables: the object says which.
            several => members.iter().find(|(name, _)| name == "@odata.type").and_then(|(_, json)| {
                let given: String = serde_json::from_str(json.get()).ok()?;
                let given = given.trim_start_matches('#').strip_prefix("Microsoft.Dynamics.CRM.")?.to_owned();
                several.iter().find(|target| target.table == given)
            }),
        };
        let target = target.ok_or_else(|| {
            error::payload(
                table.entity_set(),
                &format!("The object at '{}' must say of which type it is in '@odata.type'.", nest.place),
            )
        })?;
        let target = binder.related_table(&target.table, name)?;
        Ok(Assigned::New(Box::new(nest.new_row(binder, &target, members, None)?)))
    }

    /// The rows in an array for a collection.
    pub(super) fn collection(
        &self,
        binder: Binder<'_>,
        table: &Arc<Table>,
        (name, navigation): (&str, &Navigation),
        json: &RawValue,
    ) -> Result<Vec<Related>, DataverseError> {
        let items: Vec<&RawValue> = serde_json::from_str(json.get()).map_err(|_| {
            error::payload(
                table.entity_set(),
                &format!("The value of '{}' is no array; the rows of a collection stand in one.", quoted(name)),
            )
        })?;
        let mut related = Vec::with_capacity(items.len().min(MOST_ROWS));
        for (index, item) in items.into_iter().enumerate() {
            let nest = self.below(name, Some(index))?;
            let members = nest.members(table, item)?;
            let row = match navigation {
                Navigation::OneToMany(relationship) => {
                    let (target, parent) = nest.child(binder, table, name, relationship)?;
                    RelatedRow::New(nest.new_row(binder, &target, members, Some(parent))?)
                }
                Navigation::ManyToMany { relationship, side } => {
                    let target = binder.related_table(&relationship.ends(*side).1.table, name)?;
                    let other = PairedRow::New(Box::new(nest.new_row(binder, &target, members, None)?));
                    let relationship = Arc::clone(relationship);
                    RelatedRow::Paired(Paired { relationship, side: *side, other_table: target, other })
                }
                _ => return Err(error::not_supported(&format!("The navigation property {}", quoted(name)))),
            };
            related.push(Related { place: nest.place, row });
        }
        Ok(related)
    }

    /// A row that is there, named in the array of a collection's `@odata.bind`.
    pub(super) fn bound(
        &self,
        binder: Binder<'_>,
        table: &Arc<Table>,
        (name, navigation, index): (&str, &Navigation, usize),
        text: &str,
    ) -> Result<Related, DataverseError> {
        let nest = self.below(name, Some(index))?;
        let row = match navigation {
            Navigation::OneToMany(relationship) => {
                let (target, parent) = nest.child(binder, table, name, relationship)?;
                binder.supports(&target, Verb::Write)?;
                if !parent.column.access.update {
                    return Err(nest.unchangeable(table, &parent));
                }
                let (_, key) = rows::reference(binder, &[target.logical_name()], text).map_err(|e| nest.at(e))?;
                RelatedRow::Existing(Update {
                    select: Selection::all(&target),
                    table: target,
                    key,
                    values: vec![parent],
                    ignored: Vec::new(),
                    may_create: false,
                    may_update: true,
                    if_version: None,
                })
            }
            Navigation::ManyToMany { relationship, side } => {
                let target = binder.related_table(&relationship.ends(*side).1.table, name)?;
                let (_, key) = rows::reference(binder, &[target.logical_name()], text).map_err(|e| nest.at(e))?;
                let relationship = Arc::clone(relationship);
                let other = PairedRow::Existing(key);
                RelatedRow::Paired(Paired { relationship, side: *side, other_table: target, other })
            }
            _ => return Err(error::not_supported(&format!("The navigation property {}", quoted(name)))),
        };
        Ok(Related { place: nest.place, row })
    }

    /// The table of a one-to-many collection's rows, and their lookup to the row around them.
    fn child(
        &self,
        binder: Binder<'_>,
        table: &Arc<Table>,
        name: &str,
        relationship: &OneToMany,
    ) -> Result<(Arc<Table>, Assignment), DataverseError> {
        let target = binder.related_table(&relationship.table, name)?;
        let column = target
            .column(&relationship.column)
            .cloned()
            .ok_or_else(|| error::not_supported(&format!("The navigation property {}", quoted(name))))?;
        body::can_name_rows(&column).map_err(|refusal| self.at(refusal))?;
        let parent = Assignment { column, value: Assigned::Parent { table: Arc::clone(table) } };
        if !parent.column.access.create {
            return Err(self.unchangeable(table, &parent));
        }
        Ok((target, parent))
    }

    fn unchangeable(&self, table: &Table, parent: &Assignment) -> DataverseError {
        let reason = format!("The property '{}' cannot be set.", parent.column.property_name());
        self.at(error::payload(table.entity_set(), &reason))
    }

    fn new_row(
        &self,
        binder: Binder<'_>,
        table: &Arc<Table>,
        members: NamedValues<'_>,
        parent: Option<Assignment>,
    ) -> Result<Create, DataverseError> {
        // Each application is looked up in the directory, which has to happen before anything is made.
        if table.logical_name() == "systemuser" {
            return Err(self.at(error::not_supported("Making a systemuser inside the body of another row")));
        }
        binder.supports(table, Verb::Create)?;
        if members.iter().any(|(name, _)| name == "@odata.id") {
            let what = "Naming a row by '@odata.id' inside a body (name it with '@odata.bind')";
            return Err(self.at(error::not_supported(what)));
        }
        self.create(binder, table, members, parent, Selection::all(table)).map_err(|refused| self.at(refused))
    }

    fn members<'j>(&self, table: &Table, json: &'j RawValue) -> Result<NamedValues<'j>, DataverseError> {
        body::members_of(json, table.entity_set()).map_err(|refused| self.at(refused))
    }

    /// The refusal, with where in the body it is. The deepest place is told.
    fn at(&self, refused: DataverseError) -> DataverseError {
        refused.at_place(&self.place)
    }
}
